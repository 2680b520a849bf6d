"""Runs transformers' common model tests on our models; the exit code says whether they pass but for the exemptions.

Arguments are handed on to pytest: `python -m tests.conformance -n 2 -k save_load`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conformance.exemptions import EXEMPTIONS

FOLDER = Path(__file__).parent
FILES = [str(FOLDER / f"{family}.py") for family in ("nucleotide_transformer", "dnabert2", "caduceus")]
# The tests come from transformers: its marks and its warnings are not ours to judge.
SETTINGS = ["-o", "addopts=--import-mode=importlib", "-o", "filterwarnings=ignore", "-p", "no:cacheprovider", "-q"]


class Outcomes:
    """A pytest plugin that remembers which tests failed and which passed; a test fails with any of its subtests."""

    def __init__(self) -> None:
        self.failed: set[str] = set()
        self.passed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.partition("::")[2]
        if report.failed:
            self.failed.add(name)
        elif report.when == "call" and report.passed:
            self.passed.add(name)


def main(arguments: list[str]) -> int:
    """0 when every test passes or is exempt, and every exempt one fails."""
    outcomes = Outcomes()
    status = pytest.main([*SETTINGS, "--tb=short", *arguments, *FILES], plugins=[outcomes])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return int(status)
    passed = outcomes.passed - outcomes.failed
    unexpected = sorted(outcomes.failed - set(EXEMPTIONS))
    stale = sorted(passed & set(EXEMPTIONS))
    for name in sorted(outcomes.failed & set(EXEMPTIONS)):
        print(f"exempt: {name}: {EXEMPTIONS[name]}")
    for name in unexpected:
        print(f"FAILED and not exempt: {name}")
    for name in stale:
        print(f"STALE exemption, the test passes: {name}")
    print(f"conformance: {len(passed)} passed, {len(outcomes.failed)} failed, {len(EXEMPTIONS)} exempt")
    return 1 if unexpected or stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
