"""Fine-tuning GPN and AWD-LSTM: with each method, the output folder reproduces the reported predictions."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from hf_dnalm.auto import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer
from hf_dnalm.inference import predict
from hf_dnalm.training import finetune
from tests.toys import awd_lstm, gpn
from tests.training.conftest import TASKS, splits_of

QUICK = {"bootstrap": 20, "disable_tqdm": True, "num_train_epochs": 1, "learning_rate": 1e-2}
LINEAR = {
    "first": {"ffn.0"},
    "later": {"layer.2", "layer.10"},
    "awd_lstm": {"i2h"},
}


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    """Drawing the report would take longer than the training."""
    monkeypatch.setattr("hf_dnalm.training.fine_tuning.write_report", lambda *args, **kwargs: None)


@pytest.fixture(scope="module", params=LINEAR)
def base(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("upstream") / request.param
    return awd_lstm.write_upstream(folder) if request.param == "awd_lstm" else gpn.write_upstream(folder, request.param)


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


def test_low_rank_adapters_train_linear_maps_and_the_head(base, tmp_path):
    task = TASKS["single"]
    finetune(base, splits_of(task), task, output_dir=tmp_path / "out", method="lora", **QUICK)
    weights = load_file(tmp_path / "out" / "adapter" / "adapter_model.safetensors")
    adapted = {name.split(".lora_B")[0] for name in weights if ".lora_B" in name}
    ends = {end for end in LINEAR[base.name] if any(name.endswith(f".{end}") for name in adapted)}
    assert ends == LINEAR[base.name]
    assert all(name.endswith(tuple(ends)) for name in adapted)
    assert all(weights[f"{name}.lora_B.weight"].abs().max() > 0 for name in adapted)
    heads = {name.removeprefix("base_model.model.").partition(".")[0] for name in weights if "lora" not in name}
    assert heads == {"classifier"}
