"""Models beside each other: suites × models × methods × folds × seeds, with baselines, intervals and paired tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hf_dnalm.lazy import imported_on_first_use

if TYPE_CHECKING:
    from hf_dnalm.benchmarking.leaderboard import Leaderboard, collect
    from hf_dnalm.benchmarking.pages import write_leaderboard
    from hf_dnalm.benchmarking.published import published_values
    from hf_dnalm.benchmarking.run import BenchmarkRun, benchmark

__all__ = ["BenchmarkRun", "Leaderboard", "benchmark", "collect", "published_values", "write_leaderboard"]

__getattr__ = imported_on_first_use(
    __name__,
    {
        "Leaderboard": "leaderboard",
        "collect": "leaderboard",
        "write_leaderboard": "pages",
        "published_values": "published",
        "BenchmarkRun": "run",
        "benchmark": "run",
    },
)
