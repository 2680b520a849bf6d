"""Runs are never mixed, and the checkpoint of a killed run is found."""

from __future__ import annotations

import json

import pytest

from hf_dnalm.training.output_folder import check_output_folder, clear_earlier_run, last_checkpoint, stopped_early


def checkpoint(folder, step, *, state='{"epoch": 1.0}'):
    (folder / f"checkpoint-{step}").mkdir(parents=True)
    if state is not None:
        (folder / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    return folder / f"checkpoint-{step}"


def test_a_new_or_empty_folder_is_taken(tmp_path):
    check_output_folder(tmp_path, resume=False, overwrite=False)
    check_output_folder(tmp_path / "new", resume=False, overwrite=False)
    assert not (tmp_path / "new").exists()


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match=r"is not empty\. Continue the run in it with --resume .* with --overwrite"):
        check_output_folder(tmp_path, resume=False, overwrite=False)
    check_output_folder(tmp_path, resume=True, overwrite=False)
    check_output_folder(tmp_path, resume=False, overwrite=True)


def test_a_file_in_the_folder_s_place_is_refused(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(NotADirectoryError, match=r"is a file\. Choose another --output-dir"):
        check_output_folder(tmp_path / "out", resume=True, overwrite=False)


def test_overwriting_removes_what_a_run_wrote_and_nothing_else(tmp_path):
    checkpoint(tmp_path, 5)
    for name in ("report", "adapter", "mine", "checkpoint-of-mine"):
        (tmp_path / name).mkdir()
    for name in (
        "notes.txt",
        "config.json",
        "run.json",
        "task.json",
        "model-00001-of-00002.safetensors",
        "model.safetensors",
    ):
        (tmp_path / name).touch()
    clear_earlier_run(tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["checkpoint-of-mine", "mine", "notes.txt"]
    clear_earlier_run(tmp_path / "absent")


def test_the_last_checkpoint_is_the_complete_one_with_the_most_steps(tmp_path, monkeypatch, caplog):
    assert last_checkpoint(tmp_path) is None
    assert last_checkpoint(tmp_path / "absent") is None
    for step in (9, 100, 20):
        checkpoint(tmp_path, step)
    faults = {"checkpoint-100": "its optimizer.pt is cut short or damaged"}
    room = "hf_dnalm.training.output_folder.checkpoint_fault"
    monkeypatch.setattr(room, lambda path, **_: faults.get(path.name))
    assert last_checkpoint(tmp_path).name == "checkpoint-20"
    assert "checkpoint-100: its optimizer.pt is cut short or damaged" in caplog.text


@pytest.mark.parametrize("stop", [True, False])
def test_a_checkpoint_records_whether_early_stopping_ended_its_run(tmp_path, stop):
    control = {"TrainerControl": {"args": {"should_training_stop": stop}, "attributes": {}}}
    folder = checkpoint(tmp_path, 1, state=json.dumps({"epoch": 2.5, "stateful_callbacks": control}))
    assert stopped_early(folder) is stop
