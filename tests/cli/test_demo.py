"""`dnalm demo`: all steps, on its own simulated data and on a user's model and file."""

from __future__ import annotations

import pytest

from hf_dnalm.cli import demo
from hf_dnalm.cli.main import main


@pytest.fixture
def small(monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "N_SIMULATED", 90)
    monkeypatch.setattr(demo, "EPOCHS", 1)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_demo_goes_the_whole_way(small, capfd):
    main(["demo"])
    printed = capfd.readouterr().out
    for step in ("$ dnalm finetune --config", "$ dnalm export", "$ dnalm predict", "all steps took"):
        assert step in printed
    assert "transformers_modules.NucleotideTransformerForSequenceClassification predicts: " in printed
    assert (small / "demo_output" / "finetuned" / "report" / "report.html").exists()
    assert len((small / "demo_output" / "predictions.tsv").read_text().splitlines()) == 6


def test_the_demo_takes_a_model_and_a_file_and_leaves_other_files_alone(small, upstream_v2, capfd, monkeypatch):
    commands = []  # the other process starts in the test above
    monkeypatch.setattr(demo.subprocess, "run", lambda command, **_: commands.append(command[-2:]))
    file = small / "mine.csv"
    file.write_text(
        "sequence,label\n" + "".join(f"{'ACGTTGCA' * 3}{'ACGT'[i % 4] * (i + 1)},{i % 2}\n" for i in range(40))
    )
    (small / "out").mkdir()
    (small / "out" / "precious.txt").write_text("mine")
    main(["demo", "--model", str(upstream_v2), "--data", str(file), "--output", str(small / "out")])
    assert f"$ dnalm finetune --model {upstream_v2}" in capfd.readouterr().out
    assert (small / "out" / "precious.txt").read_text() == "mine"
    assert commands == [[str(small / "out" / "exported"), "ACGTTGCA" * 3 + "A"]]
