"""A process that has torch and transformers and not this package: what a stranger makes of a folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

BLOCKED = ("hf_dnalm", "peft", "datasets", "evaluate", "mamba_ssm")

# Reads one job a line; a job that fails ends the process, with its traceback as the last words.
SCRIPT = """
import json, sys
for name in json.loads(sys.argv[1]):
    sys.modules[name] = None
import torch, transformers
torch.set_num_threads(1)

for line in sys.stdin:
    job = json.loads(line)
    if "texts" in job:
        tokenizer = transformers.AutoTokenizer.from_pretrained(job["folder"], trust_remote_code=False)
        asked = {"return_offsets_mapping": True, "return_special_tokens_mask": True}
        print("SEEN", json.dumps({
            "class": type(tokenizer).__name__,
            "special_ids": tokenizer.all_special_ids,
            "encodings": [dict(tokenizer(text, **asked)) for text in job["texts"]],
        }), flush=True)
        continue
    door = getattr(transformers, job["auto_class"])
    tokenizer = transformers.AutoTokenizer.from_pretrained(job["folder"], trust_remote_code=False)
    batch = tokenizer(job["text"], return_tensors="pt")
    model, info = door.from_pretrained(job["folder"], trust_remote_code=True, output_loading_info=True)
    with torch.no_grad():
        first = model(**batch)[0]
    if job["again"]:
        model.save_pretrained(job["again"])
        tokenizer.save_pretrained(job["again"])
        reloaded, report = door.from_pretrained(job["again"], trust_remote_code=True, output_loading_info=True)
        assert not any(report.values()), report
        with torch.no_grad():
            torch.testing.assert_close(reloaded(**batch)[0], first)  # where weights lie decides the last bit
    print("SEEN", json.dumps({
        "class": type(model).__name__,
        "module": type(model).__module__.split(".")[0],
        "missing": sorted(info["missing_keys"]),
        "unexpected": sorted(info["unexpected_keys"]),
        "ids": batch["input_ids"][0].tolist(),
        "numbers": first.flatten().tolist()[:8],
        "finite": bool(first.isfinite().all()),
    }), flush=True)
"""


class Stranger:
    """Asks such a process, started at the first question and after one that it did not survive.

    Args:
        home: an empty folder: the stranger's cache, and all that it has.
    """

    def __init__(self, home: Path):
        self.home = home
        self.errors = home / "errors.txt"
        self.process: subprocess.Popen[str] | None = None

    def read(self, folder: Path, auto_class: str, text: str, *, again: Path | None = None) -> dict[str, Any]:
        """What the stranger sees in a folder: class, its module, missing and unexpected weights, ids, first outputs.

        Args:
            auto_class: of transformers, asked with `trust_remote_code=True`.
            text: a sequence for the tokenizer, which needs no code of the folder.
            again: where the stranger saves what it loaded, to load it once more and compare.
        """
        job = {"folder": str(folder), "auto_class": auto_class, "text": text, "again": again and str(again)}
        return self._ask(job, f"{folder.name} as {auto_class}")

    def tokens(self, folder: Path, texts: list[str]) -> dict[str, Any]:
        """What the stranger's tokenizer of a folder makes of texts: its class, special ids, and whole encodings."""
        return self._ask({"folder": str(folder), "texts": texts}, f"{folder.name}, its tokenizer")

    def _ask(self, job: dict[str, Any], name: str) -> dict[str, Any]:
        process = self.process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        for line in process.stdout:
            if "SEEN " in line:
                return json.loads(line.partition("SEEN ")[2])
        self.close()
        raise AssertionError(f"{name}: {self.errors.read_text()[-3000:]}")

    def close(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.communicate(timeout=60)
            self.process = None

    def _start(self) -> subprocess.Popen[str]:
        home = {"HF_HOME": str(self.home), "HF_MODULES_CACHE": str(self.home / "modules"), "HF_HUB_OFFLINE": "1"}
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SCRIPT, json.dumps(BLOCKED)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=self.home,
                env=os.environ | home,
            )  # fmt: skip
        return self.process
