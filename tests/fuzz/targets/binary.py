"""Files of labels, vectors and results: HDF5, Parquet, bigWig, BED, YAML, archives, benchmark results."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np

from tests.fuzz.mutations import BINARY, JSON, TEXT
from tests.fuzz.target import Target


def _write_hdf5(folder: Path) -> Path:
    import h5py

    path = folder / "labels.hdf5"
    with h5py.File(path, "w") as file:
        file["labels"] = np.arange(60).reshape(6, 10) % 2
        file.create_dataset("packed", data=np.ones((4, 9)), compression="gzip", chunks=(2, 9))
    return path


def _read_hdf5(path: Path) -> None:
    from hf_dnalm.data.hdf5 import Rows, open_hdf5

    with open_hdf5(path) as file:
        for name in ("labels", "packed"):
            rows = Rows(file, name, path)
            for row in range(min(len(rows), 50)):
                _ = rows[row]


def _write_parquet(folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / "rows.parquet"
    columns = {
        "name": [f"r{i}" for i in range(20)],
        "sequence": ["ACGTTGCA" * 3] * 20,
        "label": [i % 2 for i in range(20)],
    }
    pq.write_table(pa.table(columns), path)
    return path


def _read_table(path: Path) -> None:
    from hf_dnalm.data import infer_task, read_file

    read_file(path, task=infer_task(path, name="fuzz"))


def _write_bigwig(folder: Path) -> Path:
    import pyBigWig

    path = folder / "signal.bw"
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([("chr1", 1_000), ("chr2", 500)])
        file.addEntries(["chr1"] * 30, list(range(0, 300, 10)), ends=list(range(5, 305, 10)), values=[1.5] * 30)
        file.addEntries(["chr2"], [3], ends=[400], values=[7.0])
    return path


def _read_bigwig(path: Path) -> None:
    from hf_dnalm.data.bigwig import BigWig
    from hf_dnalm.genome import Interval

    with BigWig(path) as track:
        for contig, length in list(track.lengths.items())[:3]:
            assert len(track.values(Interval(contig, 0, min(length, 1_000)))) == min(length, 1_000)


def _write_bed(folder: Path) -> Path:
    path = folder / "regions.bed"
    rows = [f"chr{1 + i % 2}\t{10 * i}\t{10 * i + 8}\t{'+-'[i % 2]}\t{i % 3},1\ttrain" for i in range(12)]
    path.write_text("\n".join(["chromosome\tstart\tend\tstrand\tlabel\tsplit", *rows]) + "\n")
    return path


def _read_bed(path: Path) -> None:
    from hf_dnalm.suites.bend.regions import read_regions

    read_regions(path)


def _write_yaml(folder: Path) -> Path:
    path = folder / "task.yaml"
    path.write_text(
        "name: mine\nlabel_names: [a, b]\nlevel: bin\ndownsample: 128\nloss: binary_cross_entropy\n"
        "learning_rate: 3.0e-3\nread_strand: true\nlength_bp: [512, 512]\ncolumns: [chromosome, start, end]\n"
    )
    return path


def _read_yaml(path: Path) -> None:
    from hf_dnalm.suites.bend.task_files import task_from_yaml

    assert "/" not in task_from_yaml(path).name


def _write_shard(folder: Path) -> Path:
    from hf_dnalm.bend.shards import Sample, write_shard

    path = folder / "train_0.tar.gz"
    write_shard(path, [Sample(i, np.ones((6, 4), np.float32) * i, np.arange(6)) for i in range(5)])
    return path


def _read_shard(path: Path) -> None:
    from hf_dnalm.bend.shards import read_shards

    for _ in read_shards([path]):
        pass


def _write_members(folder: Path) -> Path:
    """The archive unpacked of its gzip, whose checksum would catch all damage."""
    packed = _write_shard(folder)
    path = folder / "train_0.tar"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    return path


def _read_members(path: Path) -> None:
    packed = path.with_name("train_0.tar.gz")
    packed.write_bytes(gzip.compress(path.read_bytes(), 1))
    _read_shard(packed)


def _write_result(folder: Path) -> Path:
    from hf_dnalm.benchmarking.cells import Cell, Folder, write_result
    from hf_dnalm.evaluation import Evaluation
    from hf_dnalm.suites import benchmark_tasks

    task = benchmark_tasks()["gue"]["prom_core_tata"]
    logits = np.random.default_rng(0).normal(size=(20, 2))
    cell = Cell("gue", "prom_core_tata", "mine", "full", 0, 0, 0)
    evaluation = Evaluation.from_logits(task, logits, np.arange(20) % 2, bootstrap=5)
    write_result(Folder(folder), cell, evaluation, settings={}, data={"rows": {}}, seconds=1.0)
    return Folder(folder).result(cell)


def _write_predictions(folder: Path) -> Path:
    return _write_result(folder).with_suffix(".npz")


def _read_result(path: Path) -> None:
    from hf_dnalm.benchmarking.cells import read_result

    read_result(path.with_suffix(".json"))


def _write_run_record(folder: Path) -> Path:
    path = folder / "run.json"
    path.write_text(json.dumps({"training": {"seed": 1, "learning_rate": 0.1}, "method": {"method": "full"}}))
    return path


def _read_run_record(path: Path) -> None:
    from hf_dnalm.training.run_record import check_record

    check_record(path.parent, {"training": {"seed": 1, "learning_rate": 0.1}, "method": {"method": "full"}})


TARGETS = [
    Target("hdf5", _write_hdf5, _read_hdf5, BINARY),
    Target("parquet", _write_parquet, _read_table, BINARY),
    Target("bigwig", _write_bigwig, _read_bigwig, BINARY, costly=True),
    Target("bed", _write_bed, _read_bed, TEXT),
    Target("bend_yaml", _write_yaml, _read_yaml, TEXT),
    Target("bend_shard", _write_shard, _read_shard, BINARY),
    Target("bend_shard_members", _write_members, _read_members, BINARY),
    Target("board_result", _write_result, _read_result, JSON),
    Target("board_predictions", _write_predictions, _read_result, BINARY),
    Target("run_record", _write_run_record, _read_run_record, JSON),
]
