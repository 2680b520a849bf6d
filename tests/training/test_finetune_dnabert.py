"""Fine-tuning DNABERT and GROVER: with each method, the output folder reproduces the reported predictions."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from hf_dnalm.auto import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer
from hf_dnalm.inference import predict
from hf_dnalm.training import finetune
from tests.toys import dnabert, grover
from tests.training.conftest import TASKS, splits_of

QUICK = {"bootstrap": 20, "disable_tqdm": True, "num_train_epochs": 1, "learning_rate": 1e-2, "overflow": "truncate"}


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    """Drawing the report would take longer than the training."""
    monkeypatch.setattr("hf_dnalm.training.fine_tuning.write_report", lambda *args, **kwargs: None)


# IA³ over a pooler: its own unloading knows no module of more than one layer.
@pytest.mark.parametrize(
    ("toy", "method", "name"),
    [(dnabert, method, "single") for method in ("full", "lora", "ia3", "probe")]
    + [(dnabert, "lora", "bases"), (grover, "ia3", "single"), (grover, "full", "bases")],
)
def test_the_output_folder_predicts_what_the_report_says(toy, method, name, tmp_path):
    base, task = toy.write_upstream(tmp_path / "upstream"), TASKS[name]
    result = finetune(base, splits_of(task), task, output_dir=tmp_path / "out", method=method, **QUICK)
    door = AutoModelForTokenClassification if name == "bases" else AutoModelForSequenceClassification
    test = splits_of(task)["test"].remove_columns("labels")
    sources = [tmp_path / "out"] + ([tmp_path / "out" / "adapter"] if (tmp_path / "out" / "adapter").exists() else [])
    for source in sources:
        tokenizer, options = AutoTokenizer.from_pretrained(source), {"overflow": "truncate", "dtype": torch.float32}
        logits = predict(door.from_pretrained(source), tokenizer, test, task=task, **options).logits
        logits = torch.cat([torch.as_tensor(row) for row in logits]) if name == "bases" else torch.as_tensor(logits)
        scores = torch.as_tensor(result.evaluation.outputs.scores).float()[:, -1]
        assert_close((logits[:, 1] - logits[:, 0]).float(), scores, rtol=1e-4, atol=1e-4)
