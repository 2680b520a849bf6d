"""Compare models on the same data: baselines, intervals, paired tests and a leaderboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hf_dnalm.lazy import imported_on_first_use

if TYPE_CHECKING:  # "as" tells type checkers that the name is public
    from hf_dnalm.benchmarking.leaderboard import Leaderboard as Leaderboard
    from hf_dnalm.benchmarking.leaderboard import collect as collect
    from hf_dnalm.benchmarking.pages import write_leaderboard as write_leaderboard
    from hf_dnalm.benchmarking.published_results import published_values as published_values
    from hf_dnalm.benchmarking.run import BenchmarkRun as BenchmarkRun
    from hf_dnalm.benchmarking.run import benchmark as benchmark

__all__, __getattr__ = imported_on_first_use(
    __name__,
    {
        "leaderboard": ("Leaderboard", "collect"),
        "pages": ("write_leaderboard",),
        "published_results": ("published_values",),
        "run": ("BenchmarkRun", "benchmark"),
    },
)
