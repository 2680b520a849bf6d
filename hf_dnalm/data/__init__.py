"""Files and benchmarks as datasets, and datasets as batches of token ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hf_dnalm.lazy import imported_on_first_use

if TYPE_CHECKING:
    from hf_dnalm.data.benchmarks import Benchmark, benchmark_tasks, load_benchmark
    from hf_dnalm.data.collate import SequenceCollator
    from hf_dnalm.data.encode import encode_dataset, encode_sequences
    from hf_dnalm.data.files import read_file, stream_file
    from hf_dnalm.data.guess_task import infer_task
    from hf_dnalm.data.pairs import read_contrastive_pairs
    from hf_dnalm.data.simulate import SPLICE_SITES_SIMULATED, simulate_splice_sites
    from hf_dnalm.data.splits import cross_validation, split_by_chromosome, split_three, split_validation

__all__ = [
    "SPLICE_SITES_SIMULATED",
    "Benchmark",
    "SequenceCollator",
    "benchmark_tasks",
    "cross_validation",
    "encode_dataset",
    "encode_sequences",
    "infer_task",
    "load_benchmark",
    "read_contrastive_pairs",
    "read_file",
    "simulate_splice_sites",
    "split_by_chromosome",
    "split_three",
    "split_validation",
    "stream_file",
]

# Not at once: `dnalm list --tasks` reads the tasks of the benchmarks without torch and datasets.
__getattr__ = imported_on_first_use(
    __name__,
    {
        "Benchmark": "benchmarks",
        "benchmark_tasks": "benchmarks",
        "load_benchmark": "benchmarks",
        "SequenceCollator": "collate",
        "encode_dataset": "encode",
        "encode_sequences": "encode",
        "infer_task": "guess_task",
        "read_file": "files",
        "read_contrastive_pairs": "pairs",
        "SPLICE_SITES_SIMULATED": "simulate",
        "simulate_splice_sites": "simulate",
        "cross_validation": "splits",
        "split_by_chromosome": "splits",
        "split_three": "splits",
        "split_validation": "splits",
        "stream_file": "files",
    },
)
