"""Tasks that are published as places in a genome run like any other, with the genome at hand."""

from __future__ import annotations

import json

from hf_dnalm.benchmarking import benchmark
from tests.benchmarking.conftest import QUICK
from tests.suites.test_coordinate_suites import reference, write  # noqa: F401  (a fixture)

HEADER = "id,region,start,end,strand"


def test_sequences_are_cut_from_the_reference(tmp_path, reference):  # noqa: F811
    for split in ("train", "test"):
        for start, label in ((0, "negative"), (2_000, "positive")):
            rows = [f"{row},chr1,{place},{place + 20},+" for row, place in enumerate(range(start, start + 1_000, 50))]
            write(tmp_path / "tasks" / "human_enhancers_ensembl" / split / f"{label}.csv", HEADER, *rows)
    task = "genomic-benchmarks/human_enhancers_ensembl"
    run = {"output": tmp_path / "out", "tasks": [task], "data_dir": tmp_path / "tasks", "baselines": ["kmer"], **QUICK}
    refused = benchmark(**run)
    assert "the file contains coordinates; pass reference=" in next(iter(refused.failed.values()))
    result = benchmark(reference=reference, **run)
    assert result.failed == {}
    facts = json.loads((tmp_path / "out" / "leaderboard.json").read_text())
    assert facts["tasks"][0]["rows"]["test"] == 40
