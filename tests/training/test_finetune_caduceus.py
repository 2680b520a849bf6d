"""Fine-tuning Caduceus: adapters on the projections that both directions share, and on those of each direction."""

from __future__ import annotations

import pytest
from safetensors.torch import load_file

from hf_dnalm.training import finetune
from tests.toys.caduceus import write_upstream
from tests.training.conftest import TASKS, splits_of

QUICK = {"bootstrap": 20, "disable_tqdm": True, "num_train_epochs": 1, "learning_rate": 1e-2}


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    """Drawing the report would take longer than the training."""
    monkeypatch.setattr("hf_dnalm.training.fine_tuning.write_report", lambda *args, **kwargs: None)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_upstream(tmp_path_factory.mktemp("upstream") / "ps")


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
