"""Fine-tuning DNABERT-2: each method gives a folder that predicts what was measured, its new pooler included."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from hf_dnalm.auto import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer
from hf_dnalm.cli.finetune import start_model
from hf_dnalm.inference import embed, predict
from hf_dnalm.training import finetune
from hf_dnalm.training.adapters import freeze_encoder
from hf_dnalm.training.arguments import ModelArguments
from tests.toys.dnabert2 import toy_model, write_upstream
from tests.training.conftest import TASKS, labelled, splits_of

QUICK = {"bootstrap": 20, "disable_tqdm": True, "num_train_epochs": 1, "learning_rate": 1e-2}


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    """Drawing the report would take longer than the training."""
    monkeypatch.setattr(sys.modules["hf_dnalm.training.finetune"], "write_report", lambda *args, **kwargs: None)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_upstream(tmp_path_factory.mktemp("upstream") / "DNABERT-2")


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


def test_low_rank_adapters_train_every_projection_and_keep_the_new_pooler(base, tmp_path):
    task = TASKS["single"]
    finetune(base, splits_of(task), task, output_dir=tmp_path / "out", method="lora", **QUICK)
    names = load_file(tmp_path / "out" / "adapter" / "adapter_model.safetensors")
    adapted = {name.split(".lora_A")[0].split(".layer.0.")[-1] for name in names if ".layer.0." in name}
    assert {name.split(".lora_B")[0] for name in adapted} == {
        "attention.self.Wqkv",
        "attention.output.dense",
        "mlp.gated_layers",
        "mlp.wo",
    }
    assert {name.removeprefix("base_model.model.") for name in names if "lora" not in name} == {
        "bert.pooler.dense.weight",
        "bert.pooler.dense.bias",
        "classifier.weight",
        "classifier.bias",
    }


def test_a_probe_trains_the_pooler_with_the_classifier():
    model = toy_model("sequence")
    freeze_encoder(model)
    learning = {name.rpartition(".")[0] for name, each in model.named_parameters() if each.requires_grad}
    assert learning == {"bert.pooler.dense", "classifier"}


def test_ia3_is_refused_with_the_way_out(base, tmp_path):
    task = TASKS["single"]
    with pytest.raises(ValueError, match=r"keys and values, and \w+ has none of their own; use method='lora'"):
        finetune(base, splits_of(task), task, output_dir=tmp_path / "out", method="ia3", **QUICK)


def test_a_config_alone_says_nothing_of_learned_words(tmp_path):
    config = tmp_path / "config.json"
    config.write_text('{"model_type": "dnalm_dnabert2"}')
    with pytest.raises(ValueError, match=r"config says nothing of the words that a DNABERT-2 reads; .* with --model"):
        start_model(ModelArguments(config=str(config)), TASKS["single"], seed=0)


def test_vectors_are_means_over_tokens(base):
    model = AutoModelForSequenceClassification.from_pretrained(base).eval()
    tokenizer = AutoTokenizer.from_pretrained(base)
    vectors = embed(model, tokenizer, ["ACGTAA", "GCTA" * 200], dtype=torch.float32).vectors
    with torch.no_grad():
        expected = model.bert(**tokenizer("ACGTAA", return_tensors="pt")).last_hidden_state.mean(1)
    assert_close(torch.as_tensor(vectors[:1]), expected, atol=1e-5, rtol=0)


def test_the_command_trains_low_rank_adapters(base, tmp_path):
    for seed, (split, rows) in enumerate({"train": 24, "validation": 11, "test": 13}.items()):
        labelled(TASKS["single"], rows, seed=seed).to_csv(tmp_path / f"{split}.csv", index=False)
    files = [
        part for split in ("train", "validation", "test") for part in (f"--{split}", str(tmp_path / f"{split}.csv"))
    ]
    quick = ["--bootstrap", "20", "--disable_tqdm", "True", "--use_cpu", "--num_train_epochs", "1"]
    command = [sys.executable, "-m", "hf_dnalm", "finetune", "--model", str(base), *files, "--method", "lora", *quick]
    done = subprocess.run(
        [*command, "--output_dir", str(tmp_path / "out")], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "13 test sequences" in done.stdout
