"""`dnalm list`: all checkpoints or tasks, as a table or JSON, without torch."""

from __future__ import annotations

import json
import subprocess
import sys

from hf_dnalm.checkpoints import PASSPORTS
from hf_dnalm.cli.list import run, table
from hf_dnalm.suites import benchmark_tasks


def test_the_table_has_a_line_for_each_checkpoint(capsys):
    run([])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["checkpoint", "family", "parameters", "k", "tokens", "context", "licence", "revision"]
    agro = next(line for line in lines if "agro" in line)
    assert agro.split()[1:] == [
        "nucleotide_transformer",
        "991.3",
        "M",
        "6",
        "1,024",
        "6,138",
        "bp",
        "cc-by-nc-sa-4.0",
        "main",
    ]
    assert any(line.endswith("81b29e57") for line in lines)
    dnabert2 = next(line for line in lines if "DNABERT-2" in line)  # no k, no bp, and 512 tokens are no limit
    assert dnabert2.split()[1:] == ["dnabert2", "117.1", "M", "512+", "apache-2.0", "7bce263b"]


def test_json_holds_plain_numbers(capsys):
    run(["--json"])
    rows = json.loads(capsys.readouterr().out)
    known = {checkpoint.hub_id: (passport, checkpoint) for passport in PASSPORTS for checkpoint in passport.checkpoints}
    assert [row["checkpoint"] for row in rows] == list(known)
    assert rows[4]["revision"] == "81b29e57"
    assert rows[0]["revision"] is None
    by_id = {row["checkpoint"]: (row["k"], row["context_tokens"], row["context_bp"]) for row in rows}
    assert by_id["InstaDeepAI/agro-nucleotide-transformer-1b"] == (6, 1024, 6138)
    assert by_id["zhihan1996/DNA_bert_6"] == (6, 512, 515)
    assert by_id["zhihan1996/DNABERT-2-117M"] == (None, 512, None)


def test_tasks_are_listed_with_what_is_scored(capsys):
    run(["--tasks"])
    out = capsys.readouterr().out
    names = [f"{suite}/{name}" for suite, tasks in benchmark_tasks().items() for name in tasks]
    assert names
    assert all(f"\n{name} " in out for name in names)
    run(["--tasks", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert [f"{row['suite']}/{row['task']}" for row in rows] == names
    assert all(row["metric"] and row["num_labels"] >= 1 for row in rows)


def test_listing_checkpoints_imports_no_torch():
    heavy = "{'torch', 'transformers'} & {*sys.modules}"
    code = f"import sys; from hf_dnalm.cli.main import main; main(['list']); print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_a_table_is_aligned():
    rows = [{"a": "x", "b": 1}, {"a": "long", "b": 22}]
    assert table(rows, ("a", "b")) == "a     b\nx     1\nlong  22"
