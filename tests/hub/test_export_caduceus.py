"""Caduceus and PlantCaduceus as exports: read with torch and transformers alone, cards and facts that fit them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

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
LAYOUTS = ("ps", "ph", "plant")
STRANGER = """
import json, sys
for name in ("hf_dnalm", "peft", "datasets", "evaluate", "mamba_ssm"):
    sys.modules[name] = None
import torch, transformers
from transformers import AutoTokenizer
torch.set_num_threads(1)
for folder, auto_class, again in json.loads(sys.argv[1]):
    door = getattr(transformers, auto_class)
    batch = AutoTokenizer.from_pretrained(folder)(sys.argv[2], return_tensors="pt")
    assert set(batch) == {"input_ids", "attention_mask"}
    for source in (folder, again):
        model, info = door.from_pretrained(source, trust_remote_code=True, output_loading_info=True)
        assert not any(info.values()), info
        model.save_pretrained(again)
    with torch.no_grad():
        print("SEEN", json.dumps(model(**batch)[0].flatten().tolist()[:8]))
    for name in model.config.auto_map:
        if name != "AutoConfig":
            other = getattr(transformers, name).from_pretrained(folder, trust_remote_code=True)
            other(**batch)[0].square().sum().backward()
"""


def test_strangers_load_the_exports_with_every_class_and_train_them(tmp_path):
    jobs, expected = [], []
    for layout in LAYOUTS:
        upstream = write_upstream(tmp_path / layout, layout)
        result = export(upstream, tmp_path / f"exported_{layout}")
        assert result.auto_class == "AutoModelForMaskedLM"
        shipped = {"state_space.py", "reverse_complement.py", "token_order.py", "layers_caduceus.py"}
        assert shipped | {"modeling_caduceus.py", "configuration_caduceus.py", "tokenizer.json"} <= set(result.files)
        jobs.append([str(result.folder), result.auto_class, str(tmp_path / f"again_{layout}")])
        batch = AutoTokenizer.from_pretrained(upstream)(SEQUENCE, return_tensors="pt")
        with torch.no_grad():
            expected += AutoModelForMaskedLM.from_pretrained(upstream).eval()(**batch)[0].flatten().tolist()[:8]
    home = tmp_path / "home"
    home.mkdir()
    environment = os.environ | {"HF_HOME": str(home), "HF_MODULES_CACHE": str(home / "modules"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, json.dumps(jobs), SEQUENCE],
        capture_output=True, text=True, env=environment, cwd=home, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [line.partition("SEEN ")[2] for line in done.stdout.splitlines() if "SEEN " in line]
    assert [number for line in lines for number in json.loads(line)] == pytest.approx(expected, abs=1e-4)


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
    assert "main (none is pinned)" in out
    row = next(row for row in checkpoint_rows() if row["checkpoint"] == checkpoint.hub_id)
    assert (row["k"], row["context_bp"], row["context_tokens"], row["limited"]) == (1, bp, bp, False)
    card = render_checkpoint_card(passport_of_family("caduceus"), checkpoint)
    assert f"any; in pre-training {bp:,} tokens = {bp:,} bp" in card
    assert ("16 flowering plants" in card) == ("zhai2025" in card) == checkpoint.name.startswith("Plant")
