"""The process that reads a bigWig file for `hf_dnalm.data.bigwig`: python -m hf_dnalm.data.bigwig_process FILE.

The C library behind pyBigWig can crash on a damaged file; it then takes down this process instead of the user's.

Each answer is a line of JSON, and the bytes that it announces. The first answer is {"chroms": {contig: bp}}. Each input
line [contig, start, end] is answered with {"bytes": n} and n bytes of little-endian float32, or with {"error": text}.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main(path: str) -> None:
    """Answer requests until standard input ends."""
    import numpy as np
    import pyBigWig

    def answer(message: dict[str, Any], content: bytes = b"") -> None:
        sys.stdout.buffer.write(json.dumps(message).encode() + b"\n" + content)
        sys.stdout.buffer.flush()

    try:
        file = pyBigWig.open(path)
        if not file.isBigWig():
            raise RuntimeError("it is bigBed")
        answer({"chroms": file.chroms() or {}})
    except Exception as error:  # sent to the parent process, which raises it with the file's name
        answer({"error": str(error)})
        return
    for line in sys.stdin:
        contig, start, end = json.loads(line)
        try:
            values = np.asarray(file.values(contig, start, end, numpy=True), dtype="<f4").tobytes()
        except Exception as error:
            answer({"error": str(error)})
        else:
            answer({"bytes": len(values)}, values)


if __name__ == "__main__":
    main(sys.argv[1])
