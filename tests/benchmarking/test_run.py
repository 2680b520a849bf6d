"""A run: every cell once, whatever was there before; the same numbers alone, in parts, and on many processes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from hf_dnalm.benchmarking import benchmark, collect
from hf_dnalm.benchmarking import run as room
from hf_dnalm.benchmarking.cells import Cell, Folder, plan, read_result
from tests.benchmarking.conftest import GUE, PGB, QUICK, ROWS


def contents(folder: Path) -> dict[str, object]:
    """Everything that the results say, but for how long they took."""
    found: dict[str, object] = {}
    for path in sorted(folder.glob("cells/*/*/*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".npz":
            with np.load(path) as stored:
                found[name] = {key: stored[key].tolist() for key in stored}
        else:
            facts = json.loads(path.read_text())
            del facts["seconds"]
            found[name] = facts
    return found


@pytest.fixture(scope="module")
def done(tmp_path_factory, data_dir, tiny) -> room.BenchmarkRun:
    """A model by two methods and all baselines on four kinds of tasks."""
    output = tmp_path_factory.mktemp("done") / "out"
    return benchmark(
        {"tiny": str(tiny)}, output=output, tasks=GUE + PGB, methods=("full", "probe"), data_dir=data_dir, **QUICK
    )


def test_every_cell_has_a_result_and_nothing_else_is_left(done):
    assert done.failed == {}
    assert done.unfinished == []
    cells = plan([("gue", "prom_core_tata")], [("kmer", ""), ("tiny", "full")], folds=0, seeds=(0,))
    assert all(Folder(done.folder).is_finished(cell) for cell in cells)
    assert len(contents(done.folder)) == 2 * 4 * 5
    assert list((done.folder / "unfinished").iterdir()) == []
    assert {path.name for path in done.folder.glob("leaderboard.*")} == {
        f"leaderboard.{x}" for x in ("json", "md", "html")
    }


def test_a_result_says_what_it_is_of(done):
    cell = Cell("gue", "splice_reconstructed", "tiny", "full", 0, 0, 0)
    result = read_result(Folder(done.folder).result(cell))
    assert result.cell == cell
    assert result.facts["data"]["rows"] == ROWS
    assert result.facts["settings"]["training"] == {"num_train_epochs": 1, "per_device_train_batch_size": 8}
    assert result.facts["evaluation"]["settings"]["start"]
    assert result.facts["evaluation"]["settings"]["method"] == "full"
    assert result.outputs.scores.shape == (ROWS["test"], 3)
    assert "validation has 16 of 4,562 published rows" in result.task.description


def test_what_is_finished_is_not_run_again(done, data_dir, tiny, monkeypatch):
    before = contents(done.folder)
    monkeypatch.setattr(room._Worker, "run", lambda *args: pytest.fail("a finished cell was run"))
    again = benchmark({"tiny": str(tiny)}, output=done.folder, tasks=GUE, data_dir=data_dir, **QUICK)
    assert contents(again.folder) == before


def test_a_grid_that_grows_keeps_what_is_there(done, data_dir, tmp_path):
    folder = shutil.copytree(done.folder, tmp_path / "out")
    before = contents(folder)
    grown = benchmark(output=folder, tasks=GUE[:1], baselines=["kmer"], seeds=(0, 7), data_dir=data_dir, **QUICK)
    after = contents(folder)
    assert len(after) == len(before) + 2
    assert {name: after[name] for name in before} == before
    assert grown.leaderboard is not None
    assert grown.leaderboard.tasks[0].scores["kmer"].runs == 2


def test_other_settings_are_refused_before_anything_runs(done, data_dir, tiny):
    with pytest.raises(ValueError, match=r"num_train_epochs was 1 and is 2\. Choose another output folder"):
        benchmark(
            {"tiny": str(tiny)}, output=done.folder, tasks=GUE, data_dir=data_dir, **(QUICK | {"num_train_epochs": 2})
        )
    with pytest.raises(ValueError, match="max_train_rows was None and is 8"):
        benchmark(output=done.folder, tasks=GUE, data_dir=data_dir, max_train_rows=8, **QUICK)


def test_other_weights_under_the_same_name_are_refused(done, data_dir, tiny, tmp_path):
    changed = shutil.copytree(tiny, tmp_path / "tiny")
    (changed / "config.json").write_text((changed / "config.json").read_text().replace("0.02", "0.03") + " ")
    with pytest.raises(ValueError, match=r"weights was .* and is"):
        benchmark({"tiny": str(changed)}, output=done.folder, tasks=GUE, data_dir=data_dir, **QUICK)


def test_a_begun_cell_with_other_settings_is_refused(data_dir, tmp_path):
    cell = Cell("gue", "prom_core_tata", "kmer", "", 0, 0, 0)
    scratch = Folder(tmp_path).unfinished(cell)
    scratch.mkdir(parents=True)
    (scratch / "settings.json").write_text(json.dumps({"settings": {"bootstrap": 7}, "digests": {}}))
    with pytest.raises(ValueError, match="bootstrap was 7 and is 50"):
        benchmark(output=tmp_path, tasks=GUE[:1], baselines=["kmer"], data_dir=data_dir, **QUICK)


def test_rows_that_changed_while_a_cell_was_begun_are_refused(data_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(room._Worker, "evaluate", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
    again = {"output": tmp_path / "out", "tasks": GUE[:1], "baselines": ["kmer"], **QUICK}
    with pytest.raises(KeyboardInterrupt):
        benchmark(data_dir=data_dir, **again)
    other = shutil.copytree(data_dir, tmp_path / "tasks")
    path = other / "GUE" / "prom" / "prom_core_tata" / "train.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    result = benchmark(data_dir=other, **again)
    assert "rows of train was" in next(iter(result.failed.values()))


def test_folds_hold_every_row_out_once_and_the_test_is_the_same(data_dir, tmp_path):
    result = benchmark(output=tmp_path, tasks=GUE[:1], baselines=["kmer"], folds=4, data_dir=data_dir, **QUICK)
    facts = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("cells/*/*/*.json"))]
    assert [each["cell"]["fold"] for each in facts] == [0, 1, 2, 3]
    assert sum(each["data"]["rows"]["validation"] for each in facts) == ROWS["train"] + ROWS["validation"]
    assert len({each["data"]["digests"]["test"] for each in facts}) == 1
    assert result.leaderboard is not None
    assert result.leaderboard.tasks[0].scores["kmer"].runs == 4
    assert "fold 0" in facts[0]["evaluation"]["task"]["description"]


def test_a_single_file_is_cut_into_three_and_that_is_said(data_dir, tmp_path):
    only = tmp_path / "tasks" / "promoter_strength"
    only.mkdir(parents=True)
    shutil.copy(data_dir / "promoter_strength" / "leaf_test.fa", only)
    result = benchmark(output=tmp_path / "out", tasks=PGB[:1], baselines=["kmer"], data_dir=tmp_path / "tasks", **QUICK)
    assert result.leaderboard is not None
    assert "the test split, divided into 80 % train" in result.leaderboard.tasks[0].task.description


def test_a_cell_that_is_refused_does_not_stop_the_others(data_dir, tiny, tmp_path):
    result = benchmark([tiny], output=tmp_path, tasks=GUE[:1], data_dir=data_dir, max_tokens=4, **QUICK)
    assert [cell.model for cell in result.failed] == ["tiny"]
    assert "the model reads 4" in next(iter(result.failed.values()))
    assert result.leaderboard is not None
    assert result.leaderboard.contestants == ["majority", "kmer", "cnn"]
    more = benchmark([tiny], output=tmp_path, tasks=GUE[:1], data_dir=data_dir, max_tokens=20, **QUICK)
    assert more.failed == {}, "other settings may do, and nothing of the refused cell is in their way"


def test_a_cell_that_another_process_holds_is_left_to_it(data_dir, tmp_path):
    cell = Cell("gue", "prom_core_tata", "kmer", "", 0, 0, 0)
    with Folder(tmp_path).claimed(cell) as mine:
        assert mine
        result = benchmark(output=tmp_path, tasks=GUE[:1], baselines=["kmer", "majority"], data_dir=data_dir, **QUICK)
    assert result.unfinished == [cell]
    assert result.leaderboard is not None
    assert result.leaderboard.contestants == ["majority"]


@pytest.mark.parametrize("count", [2, 3])
def test_processes_start_at_their_share_and_go_round(count, data_dir, tmp_path, done):
    for number in range(count):
        part = benchmark(
            output=tmp_path,
            tasks=GUE + PGB,
            baselines=["majority"],
            data_dir=data_dir,
            process=(number, count),
            **QUICK,
        )
    assert part.unfinished == []
    for name, facts in contents(tmp_path).items():
        assert facts == contents(done.folder)[name]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"folds": 1}, "folds is 1; it must be 0"),
        ({"bootstrap": -1}, "bootstrap is -1; it must be 0"),
        ({"baselines": ["svm"]}, "no baseline or method 'svm'. Baselines are majority, kmer, cnn; methods are full"),
        ({"methods": ["none"]}, "no baseline or method 'none'"),
        ({"baselines": []}, "there is nothing to run"),
        ({"seeds": []}, "there is nothing to run"),
        ({"overwrite": True}, "the benchmark sets overwrite itself"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        benchmark(output=tmp_path, tasks=GUE, **changes)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(NotADirectoryError, match=r"is a file\. Choose a folder"):
        benchmark(output=tmp_path / "out", tasks=GUE)


def test_results_that_cannot_be_read_are_named(done, tmp_path):
    folder = shutil.copytree(done.folder, tmp_path / "out")
    path = next(folder.glob("cells/gue/*/kmer*.json"))
    whole = path.read_text()
    path.write_text(whole[:50])
    with pytest.raises(ValueError, match=r"json: cannot be read \(.*Delete the result's .json file to run"):
        collect(folder)
    path.write_text('{"format": 0}')
    with pytest.raises(ValueError, match="is not a result file of format 1"):
        collect(folder)
    path.write_text(whole)
    predictions = path.with_suffix(".npz")
    predictions.write_bytes(predictions.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"npz: cannot be read .*Delete the result's .json file to run"):
        collect(folder)
    predictions.unlink()
    with pytest.raises(FileNotFoundError, match=r"npz does not exist\. Delete .*\.json"):
        collect(folder)


def test_results_on_other_test_rows_are_not_compared(done, tmp_path):
    folder = shutil.copytree(done.folder, tmp_path / "out")
    path = next(folder.glob("cells/gue/*/kmer*.json"))
    facts = json.loads(path.read_text())
    facts["data"]["digests"]["test"] = "other"
    path.write_text(json.dumps(facts))
    with pytest.raises(ValueError, match="were scored on different test rows"):
        collect(folder)


def test_an_empty_folder_has_no_leaderboard(tmp_path):
    assert collect(tmp_path) is None
