"""What the tests of the commands that run language models share: saved toys, a genome, and one-line refusals."""

from __future__ import annotations

import pytest

from hf_dnalm.cli.main import main
from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer

SEQUENCES = {"b": "ACGTACGTAA", "a": "acgnR", "c": "GGG" * 20}
GENOME = "GATTACAGGCTTNACGTACCGTAGGATCCATTTGCAAAAACCGT"


def save(folder, head="masked_lm", **tokenizer_options) -> str:
    """A folder with a tiny test model and its tokenizer, as `save_pretrained` writes them."""
    toy_model(head, initializer_range=0.5).save_pretrained(folder)
    toy_tokenizer(**tokenizer_options).save_pretrained(folder)
    return str(folder)


def write_fasta(path, sequences=None) -> str:
    lines = [f">{name}\n{sequence}\n" for name, sequence in (sequences or SEQUENCES).items()]
    path.write_text("".join(lines))
    return str(path)


def write_vcf(path, *rows: str) -> str:
    head = "##fileformat=VCFv4.2\n##contig=<ID=1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    path.write_text(head + "".join(f"{row}\t.\t.\t.\n" for row in rows))
    return str(path)


def refused(capsys, *arguments) -> str:
    """The one line that the command leaves on stderr; nothing is on stdout."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return captured.err.strip().splitlines()[-1]
