"""Caduceus and PlantCaduceus as exports: read with torch and transformers alone, cards and facts that fit them."""

from __future__ import annotations

import pytest
import torch
from huggingface_hub import ModelCard

from hf_dnalm import AutoModelForMaskedLM, AutoTokenizer
from hf_dnalm.checkpoints import passport_of_family
from hf_dnalm.cli.info import describe
from hf_dnalm.cli.info import run as info
from hf_dnalm.cli.list import checkpoint_rows
from hf_dnalm.hub import export, render_checkpoint_card
from tests.toys.caduceus import write_upstream

SEQUENCE = "GATTACANNGATTACA"


def test_strangers_load_the_export_of_plant_caduceus(stranger, tmp_path):
    upstream = write_upstream(tmp_path / "plant", "plant")
    result = export(upstream, tmp_path / "exported")
    shipped = {"state_space.py", "reverse_complement.py", "token_order.py", "layers_caduceus.py"}
    assert shipped | {"modeling_caduceus.py", "configuration_caduceus.py", "tokenizer.json"} <= set(result.files)
    seen = stranger.read(result.folder, "AutoModelForMaskedLM", SEQUENCE, again=tmp_path / "again")
    assert seen["missing"] == seen["unexpected"] == []
    batch = AutoTokenizer.from_pretrained(upstream)(SEQUENCE, return_tensors="pt")
    assert seen["ids"] == batch["input_ids"][0].tolist()
    with torch.no_grad():
        expected = AutoModelForMaskedLM.from_pretrained(upstream).eval()(**batch)[0].flatten().tolist()[:8]
    assert seen["numbers"] == pytest.approx(expected, abs=1e-4)


def test_the_card_of_an_export_runs(tmp_path):
    result = export(write_upstream(tmp_path / "plant", "plant"), tmp_path / "exported")
    text = (result.folder / "README.md").read_text()
    card = ModelCard(text)
    assert (card.data.license, card.data.pipeline_tag) == ("apache-2.0", "fill-mask")
    assert "| longest input | any |" in text
    names: dict = {}
    code = text.partition("```python\n")[2].partition("```")[0]
    exec(code.replace(f'"{result.folder.name}"', repr(str(result.folder))), names)
    assert names["embeddings"].shape == (2, 24)


def test_upstream_folders_are_described(tmp_path, capsys):
    info([str(write_upstream(tmp_path / "ps"))])
    out = capsys.readouterr().out
    assert "masked language model" in out
    assert "any length\n" in out
    facts = describe(str(write_upstream(tmp_path / "plant", "plant")))
    assert (facts["family"], facts["context_tokens"], facts["limited"]) == ("caduceus", None, False)


@pytest.mark.parametrize("checkpoint", passport_of_family("caduceus").checkpoints, ids=lambda each: each.name)
def test_published_ids_are_answered_offline(checkpoint, capsys):
    info([checkpoint.hub_id])
    out = capsys.readouterr().out
    bp = checkpoint.context_tokens
    for word in ("published checkpoint", f"any length; pre-trained on {bp:,} tokens = {bp:,} bp", "apache-2.0"):
        assert word in out
    assert "single nucleotides" in out
    assert "main (no commit is pinned)" in out
    row = next(row for row in checkpoint_rows() if row["checkpoint"] == checkpoint.hub_id)
    assert (row["k"], row["context_bp"], row["context_tokens"], row["limited"]) == (1, bp, bp, False)
    card = render_checkpoint_card(passport_of_family("caduceus"), checkpoint)
    assert f"any; in pre-training {bp:,} tokens = {bp:,} bp" in card
    assert ("16 flowering plants" in card) == ("zhai2025" in card) == checkpoint.name.startswith("Plant")
