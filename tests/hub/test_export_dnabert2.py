"""DNABERT-2 and DNABERT-S as exports: cards and facts that fit byte pairs."""

from __future__ import annotations

from huggingface_hub import ModelCard

from hf_dnalm.cli.info import describe
from hf_dnalm.cli.info import run as info
from hf_dnalm.hub import export
from tests.toys.dnabert2 import write_upstream


def test_the_card_of_an_export_speaks_of_byte_pairs(tmp_path):
    result = export(write_upstream(tmp_path / "DNABERT-2"), tmp_path / "exported")
    text = (result.folder / "README.md").read_text()
    card = ModelCard(text)
    assert (card.data.license, card.data.pipeline_tag) == ("apache-2.0", "fill-mask")
    assert "-mers" not in text
    assert "| longest input | any; in pre-training 512 tokens, including `[CLS]` and `[SEP]` |" in text


def test_upstream_folders_are_described(tmp_path, capsys):
    info([str(write_upstream(tmp_path / "DNABERT-2"))])
    out = capsys.readouterr().out
    assert "masked language model" in out
    assert "any length; pre-trained on 512 tokens\n" in out
    facts = describe(str(write_upstream(tmp_path / "DNABERT-S", "DNABERT-S")))
    assert (facts["kind"], facts["heads"], facts["k"], facts["limited"]) == ("encoder without a head", [], None, False)
