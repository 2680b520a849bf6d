"""Fine-tuning Caduceus: each method gives a folder that predicts what was measured, the shared projections included."""

from __future__ import annotations

import sys

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from hf_dnalm.auto import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer
from hf_dnalm.inference import embed, predict
from hf_dnalm.training import finetune
from tests.toys.caduceus import toy_model, toy_tokenizer, write_upstream
from tests.training.conftest import TASKS, splits_of

QUICK = {"bootstrap": 20, "disable_tqdm": True, "num_train_epochs": 1, "learning_rate": 1e-2}


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    """Drawing the report would take longer than the training."""
    monkeypatch.setattr(sys.modules["hf_dnalm.training.finetune"], "write_report", lambda *args, **kwargs: None)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_upstream(tmp_path_factory.mktemp("upstream") / "ps")


@pytest.mark.parametrize("method", ["full", "lora", "probe"])
@pytest.mark.parametrize("name", ["single", "bases"])
def test_the_output_folder_predicts_what_the_report_says(name, method, base, tmp_path):
    task = TASKS[name]
    result = finetune(base, splits_of(task), task, output_dir=tmp_path / "out", method=method, **QUICK)
    door = AutoModelForTokenClassification if name == "bases" else AutoModelForSequenceClassification
    test = splits_of(task)["test"].remove_columns("labels")
    sources = [tmp_path / "out"] + ([tmp_path / "out" / "adapter"] if (tmp_path / "out" / "adapter").exists() else [])
    for source in sources:
        tokenizer = AutoTokenizer.from_pretrained(source)
        logits = predict(door.from_pretrained(source), tokenizer, test, task=task, dtype=torch.float32).logits
        logits = torch.cat([torch.as_tensor(row) for row in logits]) if name == "bases" else torch.as_tensor(logits)
        scores = torch.as_tensor(result.evaluation.outputs.scores).float()[:, -1]
        assert_close((logits[:, 1] - logits[:, 0]).float(), scores, rtol=1e-4, atol=1e-4)


def test_low_rank_adapters_train_the_projections_that_both_directions_share_and_those_of_each(base, tmp_path):
    # PEFT refuses `out_proj` in models of transformers' Mamba types: their kernels read its weight past the adapter.
    task = TASKS["single"]
    finetune(base, splits_of(task), task, output_dir=tmp_path / "out", method="lora", **QUICK)
    weights = load_file(tmp_path / "out" / "adapter" / "adapter_model.safetensors")
    trained = {name.split(".lora_B")[0].split(".submodule.")[-1] for name in weights if "lora_B" in name}
    assert trained == {
        "mamba_fwd.in_proj",
        "mamba_fwd.out_proj",
        "mamba_fwd.x_proj",
        "mamba_rev.x_proj",
    }
    assert all(value.abs().max() > 0 for name, value in weights.items() if "lora_B" in name)
    assert [name for name in weights if "lora" not in name] == ["base_model.model.score.weight"]


def test_vectors_of_both_strands_are_embedded_whatever_the_padding():
    model, tokenizer = toy_model("sequence"), toy_tokenizer()
    sequences = ["ACGTAANN", "GCTA" * 60]
    vectors = embed(model, tokenizer, sequences, dtype=torch.float32).vectors
    assert vectors.shape == (2, 24)
    for sequence, vector in zip(sequences, vectors, strict=True):
        with torch.no_grad():
            hidden = model.caduceus(**tokenizer(sequence, return_tensors="pt")).last_hidden_state[0]
        assert_close(torch.from_numpy(vector), hidden.mean(0), atol=1e-5, rtol=0)
