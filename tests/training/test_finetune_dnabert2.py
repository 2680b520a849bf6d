"""Fine-tuning DNABERT-2: adapters on every projection, the new pooler saved with them, and refused settings."""

from __future__ import annotations

import pytest
from safetensors.torch import load_file

from hf_dnalm.training import finetune, start_model
from hf_dnalm.training.arguments import ModelArguments
from tests.toys.dnabert2 import write_upstream
from tests.training.conftest import TASKS, splits_of

QUICK = {"bootstrap": 20, "disable_tqdm": True, "num_train_epochs": 1, "learning_rate": 1e-2}


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    """Drawing the report would take longer than the training."""
    monkeypatch.setattr("hf_dnalm.training.fine_tuning.write_report", lambda *args, **kwargs: None)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_upstream(tmp_path_factory.mktemp("upstream") / "DNABERT-2")


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


def test_ia3_is_refused_with_the_way_out(base, tmp_path):
    task = TASKS["single"]
    with pytest.raises(ValueError, match=r"keys and values, which \w+ does not have\. Use method='lora'"):
        finetune(base, splits_of(task), task, output_dir=tmp_path / "out", method="ia3", **QUICK)


def test_a_config_does_not_define_a_trained_vocabulary(tmp_path):
    config = tmp_path / "config.json"
    config.write_text('{"model_type": "dnalm_dnabert2"}')
    with pytest.raises(ValueError, match=r"a DNABERT-2 config does not define its tokenizer. Pass --model"):
        start_model(ModelArguments(config=str(config)), TASKS["single"], seed=0)
