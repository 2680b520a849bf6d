"""A resumed run must be the same run, and continues from a complete checkpoint."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from hf_dnalm.outputs import claimed
from hf_dnalm.training import finetune
from hf_dnalm.training.run_record import RECORD
from hf_dnalm.training.whole_checkpoint import checkpoint_fault
from tests.training.conftest import TASKS, splits_of

TASK = TASKS["single"]
SETTINGS = {
    **{"bootstrap": 20, "disable_tqdm": True, "num_train_epochs": 1, "learning_rate": 1e-3, "seed": 1},
    **{"eval_strategy": "steps", "eval_steps": 1, "save_total_limit": None, "per_device_train_batch_size": 8},
}


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    """Drawing the report in every test would take longer than the training."""
    monkeypatch.setattr("hf_dnalm.training.fine_tuning.write_report", lambda *args, **kwargs: None)


@pytest.fixture(scope="module")
def finished(base_folder, tmp_path_factory) -> Path:
    """The folder of a run that ended, with checkpoints of steps 1 to 3."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hf_dnalm.training.fine_tuning.write_report", lambda *args, **kwargs: None)
        finetune(base_folder, splits_of(TASK), TASK, output_dir=folder, **SETTINGS)
    return folder


@pytest.fixture
def stopped(finished, tmp_path) -> Path:
    """A folder as a kill after step 2 leaves it."""
    folder = tmp_path / "stopped"
    folder.mkdir()
    shutil.copy(finished / RECORD, folder)
    for step in (1, 2):
        shutil.copytree(finished / f"checkpoint-{step}", folder / f"checkpoint-{step}")
        state = folder / f"checkpoint-{step}" / "trainer_state.json"
        state.write_text(state.read_text().replace(str(finished), str(folder)))
    return folder


def resume(base_folder, folder, splits=None, task=TASK, **changes):
    return finetune(
        base_folder, splits or splits_of(TASK), task, output_dir=folder, resume=True, **(SETTINGS | changes)
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 2}, "seed was 1 and is 2"),
        ({"learning_rate": 2e-3}, r"learning_rate was 0\.001 and is 0\.002"),
        ({"num_train_epochs": 2}, r"num_train_epochs was 1\S* and is 2"),
        ({"per_device_train_batch_size": 4}, "per_device_train_batch_size was 8 and is 4"),
        ({"weight_decay": 0.1}, r"weight_decay was 0\.0 and is 0\.1"),
        ({"reverse_complement": True}, "reverse_complement was False and is True"),
        ({"class_weights": "balanced"}, "class_weights was none and is balanced"),
        ({"method": "lora"}, "method was full and is lora"),
        (
            {"max_tokens": 12, "overflow": "truncate"},
            "max_tokens was None and is 12; overflow was error and is trunc",
        ),
    ],
)
def test_other_settings_are_refused_by_name(base_folder, stopped, changes, message):
    before = sorted(path.name for path in stopped.iterdir())
    with pytest.raises(ValueError, match=rf"stopped is of another run: .*{message}.* Use the settings and files of"):
        resume(base_folder, stopped, **changes)
    assert sorted(path.name for path in stopped.iterdir()) == before


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_other_rows_are_refused(base_folder, stopped, split):
    splits = splits_of(TASK)
    splits[split] = splits[split].select(range(1, len(splits[split])))
    with pytest.raises(ValueError, match=rf"stopped is of another run: rows of {split} was \w+ and is \w+\."):
        resume(base_folder, stopped, splits)


def test_another_task_or_start_is_refused(base_folder, stopped, tmp_path):
    with pytest.raises(ValueError, match="metric was mcc and is f1"):
        resume(base_folder, stopped, task=dataclasses.replace(TASK, metric="f1"))
    other = tmp_path / "other"
    shutil.copytree(base_folder, other)
    weights = load_file(other / "model.safetensors")
    save_file({name: each + 1e-3 for name, each in weights.items()}, other / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=r"start weights was .* and is"):
        resume(other, stopped)


def test_logging_and_reporting_may_change(base_folder, stopped, finished):
    resume(base_folder, stopped, logging_steps=1, bootstrap=30, per_device_eval_batch_size=3, dataloader_num_workers=0)
    ends = [load_file(folder / "model.safetensors") for folder in (stopped, finished)]
    assert_close(*ends, rtol=0, atol=0)


def test_checkpoints_without_a_record_are_refused(base_folder, stopped):
    (stopped / RECORD).unlink()
    with pytest.raises(ValueError, match=r"stopped has checkpoints but no run\.json, so it is unknown .* --overwrite"):
        resume(base_folder, stopped)
    (stopped / RECORD).write_text("{")
    with pytest.raises(ValueError, match=r"run\.json"):
        resume(base_folder, stopped)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [cut, Path.unlink], ids=["cut", "gone"])
@pytest.mark.parametrize(
    "name", ["model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"]
)
def test_a_damaged_checkpoint_is_skipped_and_the_run_ends_with_the_same_weights(
    base_folder, stopped, finished, name, damage, caplog
):
    damage(stopped / "checkpoint-2" / name)
    with caplog.at_level("INFO"):
        resume(base_folder, stopped)
    assert f"skipping {stopped / 'checkpoint-2'}: it{'s' if damage is cut else ' has no'} {name}" in caplog.text
    assert f"continuing from {stopped / 'checkpoint-1'}" in caplog.text
    ends = [load_file(folder / "model.safetensors") for folder in (stopped, finished)]
    assert_close(*ends, rtol=0, atol=0)


def test_a_named_checkpoint_is_checked_before_anything_is_read_or_removed(base_folder, stopped, tmp_path):
    def named(checkpoint, **options):
        settings = SETTINGS | {"resume_from_checkpoint": str(checkpoint)} | options
        finetune(base_folder, splits_of(TASK), TASK, **settings)

    before = sorted(stopped.rglob("*"))
    with pytest.raises(
        ValueError, match=r"checkpoint-2: it is in .*stopped, and --overwrite deletes the earlier run there"
    ):
        named(stopped / "checkpoint-2", output_dir=stopped, overwrite=True)
    with pytest.raises(FileNotFoundError, match=r"cannot continue from .*checkpoint-9: there is no such folder"):
        named(stopped / "checkpoint-9", output_dir=tmp_path / "new")
    cut(stopped / "checkpoint-2" / "optimizer.pt")
    with pytest.raises(ValueError, match=r"checkpoint-2: its optimizer.pt is cut short or damaged. Name another"):
        named(stopped / "checkpoint-2", output_dir=tmp_path / "new")
    assert sorted(stopped.rglob("*")) == before


def test_every_process_needs_its_random_state_and_float16_its_scale(stopped):
    checkpoint = stopped / "checkpoint-2"
    assert checkpoint_fault(checkpoint, scaled=True) == "it has no scaler.pt"
    shutil.copy(checkpoint / "rng_state.pth", checkpoint / "rng_state_0.pth")
    assert checkpoint_fault(checkpoint, processes=2) == "it has no rng_state_1.pth"
    (checkpoint / "rng_state.pth").rename(checkpoint / "rng_state_1.pth")
    assert checkpoint_fault(checkpoint, processes=2) is None
    assert checkpoint_fault(checkpoint) == "it has no rng_state.pth"


def test_other_versions_are_recorded_and_no_other_run(base_folder, stopped, finished):
    record = json.loads((stopped / RECORD).read_text())
    assert record["versions"]["torch"] == torch.__version__
    (stopped / RECORD).write_text(json.dumps(record | {"versions": {"torch": "2.4.0"}}))
    resume(base_folder, stopped)
    assert json.loads((stopped / RECORD).read_text()) == json.loads((finished / RECORD).read_text())


def test_a_checkpoint_without_its_best_checkpoint_is_skipped(stopped):
    path = stopped / "checkpoint-2" / "trainer_state.json"
    state = json.loads(path.read_text()) | {"best_model_checkpoint": str(stopped / "checkpoint-1")}
    path.write_text(json.dumps(state))
    assert checkpoint_fault(stopped / "checkpoint-2") is None
    cut(stopped / "checkpoint-1" / "model.safetensors")
    assert "the best checkpoint so far" in (checkpoint_fault(stopped / "checkpoint-2") or "")
    shutil.rmtree(stopped / "checkpoint-1")
    assert (
        checkpoint_fault(stopped / "checkpoint-2")
        == f"the best checkpoint so far, {stopped / 'checkpoint-1'}, does not exist"
    )


def test_weights_in_several_files_are_looked_at_one_by_one(stopped):
    folder = stopped / "checkpoint-1"
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    names = load_file(folder / "model-00001-of-00001.safetensors")
    index = {"weight_map": dict.fromkeys(names, "model-00001-of-00001.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert checkpoint_fault(folder) is None
    cut(folder / "model-00001-of-00001.safetensors")
    assert checkpoint_fault(folder) == "its model-00001-of-00001.safetensors is cut short or damaged"
    (folder / "model-00001-of-00001.safetensors").unlink()
    assert checkpoint_fault(folder) == "it has no model-00001-of-00001.safetensors"


def test_a_named_checkpoint_must_be_complete_and_of_this_run(base_folder, stopped, tmp_path):
    named = str(stopped / "checkpoint-2")
    changes = {"resume_from_checkpoint": named, "output_dir": tmp_path / "new", **SETTINGS}
    with pytest.raises(ValueError, match=r"is of another run: .*seed was 1 and is 2"):
        finetune(base_folder, splits_of(TASK), TASK, **(changes | {"seed": 2}))
    cut(stopped / "checkpoint-2" / "optimizer.pt")
    with pytest.raises(
        ValueError, match=r"cannot continue from .*checkpoint-2: its optimizer\.pt is cut .* Name another"
    ):
        finetune(base_folder, splits_of(TASK), TASK, **changes)


def test_a_second_run_in_the_folder_is_refused(base_folder, tmp_path):
    with claimed(tmp_path / "out"), pytest.raises(BlockingIOError, match=r"another run is writing .*out .*; wait"):
        finetune(base_folder, splits_of(TASK), TASK, output_dir=tmp_path / "out", **SETTINGS)
    assert not (tmp_path / "out").exists()


def test_the_models_own_folder_is_no_output(base_folder, tmp_path):
    shutil.copytree(base_folder, tmp_path / "base")
    with pytest.raises(ValueError, match=r"the output .*base is also an input of this run"):
        finetune(tmp_path / "base", splits_of(TASK), TASK, output_dir=tmp_path / "base", overwrite=True, **SETTINGS)
    assert (tmp_path / "base" / "model.safetensors").exists()


def test_overwriting_removes_the_record_of_the_run_before(base_folder, stopped):
    finetune(base_folder, splits_of(TASK), TASK, output_dir=stopped, overwrite=True, **(SETTINGS | {"seed": 5}))
    assert json.loads((stopped / RECORD).read_text())["training"]["seed"] == 5
    assert torch.load(stopped / "training_args.bin", weights_only=False).seed == 5
