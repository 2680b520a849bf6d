"""DNABERT-2 and DNABERT-S as exports: read with torch and transformers alone, cards and facts that fit byte pairs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch
from huggingface_hub import ModelCard

from hf_dnalm import AutoModel, AutoModelForMaskedLM, AutoTokenizer
from hf_dnalm.cli.info import describe
from hf_dnalm.cli.info import run as info
from hf_dnalm.cli.list import checkpoint_rows
from hf_dnalm.hub import export
from tests.toys.dnabert2 import write_upstream

SEQUENCE = "AAAAGCTANNTTACGCG"
STRANGER = """
import json, sys
for name in ("hf_dnalm", "peft", "datasets", "evaluate"):
    sys.modules[name] = None
import torch, transformers
from transformers import AutoTokenizer
torch.set_num_threads(1)
for folder, auto_class, again in json.loads(sys.argv[1]):
    door = getattr(transformers, auto_class)
    batch = AutoTokenizer.from_pretrained(folder)(sys.argv[2], return_tensors="pt")
    assert set(batch) == {"input_ids", "token_type_ids", "attention_mask"}
    for source in (folder, again):
        model, info = door.from_pretrained(source, trust_remote_code=True, output_loading_info=True)
        assert not any(info.values()), info
        model.save_pretrained(again)
    with torch.no_grad():
        print("SEEN", json.dumps(model(**batch)[0].flatten().tolist()[:8]))
    for name in model.config.auto_map:
        if name != "AutoConfig":
            other = getattr(transformers, name).from_pretrained(folder, trust_remote_code=True)
            assert other(**batch)[0].isfinite().all()
"""


@pytest.mark.parametrize("layout", ["DNABERT-2", "DNABERT-S"])
def test_strangers_load_the_export_with_every_class(layout, tmp_path):
    upstream = write_upstream(tmp_path / layout, layout)
    door = {"DNABERT-2": AutoModelForMaskedLM, "DNABERT-S": AutoModel}[layout]
    result = export(upstream, tmp_path / "exported")
    assert result.auto_class == door.__name__
    shipped = {"alibi.py", "attention.py", "layers_dnabert2.py", "modeling_dnabert2.py", "configuration_dnabert2.py"}
    assert shipped | {"tokenizer.json", "model.safetensors", "README.md"} <= set(result.files)
    home = tmp_path / "home"
    home.mkdir()
    environment = os.environ | {"HF_HOME": str(home), "HF_MODULES_CACHE": str(home / "modules"), "HF_HUB_OFFLINE": "1"}
    jobs = [[str(result.folder), result.auto_class, str(tmp_path / "again")]]
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, json.dumps(jobs), SEQUENCE],
        capture_output=True, text=True, env=environment, cwd=home, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(next(line for line in done.stdout.splitlines() if "SEEN " in line).partition("SEEN ")[2])
    batch = AutoTokenizer.from_pretrained(upstream)(SEQUENCE, return_tensors="pt")
    with torch.no_grad():
        expected = door.from_pretrained(upstream).eval()(**batch)[0].flatten().tolist()[:8]
    assert seen == pytest.approx(expected, abs=1e-5)


def test_the_card_of_an_export_speaks_of_byte_pairs_and_its_example_runs(tmp_path):
    result = export(write_upstream(tmp_path / "DNABERT-2"), tmp_path / "exported")
    text = (result.folder / "README.md").read_text()
    card = ModelCard(text)
    assert (card.data.license, card.data.pipeline_tag) == ("apache-2.0", "fill-mask")
    assert "-mers" not in text
    assert "| longest input | any; in pre-training 512 tokens, `[CLS]` and `[SEP]` included |" in text
    names: dict = {}
    code = text.partition("```python\n")[2].partition("```")[0]
    exec(code.replace(f'"{result.folder.name}"', repr(str(result.folder))), names)
    assert names["embeddings"].shape == (2, 24)


def test_upstream_folders_are_described(tmp_path, capsys):
    info([str(write_upstream(tmp_path / "DNABERT-2"))])
    out = capsys.readouterr().out
    assert "masked language model" in out
    assert "any length; pre-trained on 512 tokens\n" in out
    facts = describe(str(write_upstream(tmp_path / "DNABERT-S", "DNABERT-S")))
    assert (facts["kind"], facts["heads"], facts["k"], facts["limited"]) == ("encoder without a head", [], None, False)


@pytest.mark.parametrize("hub_id", ["zhihan1996/DNABERT-2-117M", "zhihan1996/DNABERT-S"])
def test_published_ids_are_answered_offline(hub_id, capsys):
    info([hub_id])
    out = capsys.readouterr().out
    for word in ("published checkpoint", "any length; pre-trained on 512 tokens", "parameters:", "apache-2.0"):
        assert word in out
    assert ("masked language model" in out) == hub_id.endswith("117M")
    assert ("none: hidden states only" in out) == hub_id.endswith("-S")
    row = next(row for row in checkpoint_rows() if row["checkpoint"] == hub_id)
    assert (row["k"], row["context_bp"], row["context_tokens"], row["limited"]) == (None, None, 512, False)
