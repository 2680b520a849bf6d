"""Runs transformers' common model tests on our models; the exit code says whether they pass but for the exemptions.

Arguments are handed on to pytest: `python -m tests.conformance -n 2 -k "dnabert2 and save_load"`.
"""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.families.family import FAMILIES

FILE = Path(__file__).with_name("families.py")
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


def exemptions() -> dict[str, str]:
    """Patterns such as "TestGpn::test_resize_*", of tests that are allowed to fail, to the reasons."""
    return {
        f"{flavour.test_case}::{test}": reason
        for family in FAMILIES
        for flavour in family.flavours()
        for test, reason in family.declared("CONFORMANCE_EXEMPT").items()
        for flavours, _, test in [test.rpartition("::")]
        if fnmatchcase(flavour.flavour, flavours or "*")
    }


def main(arguments: list[str]) -> int:
    """0 when every test passes or is exempt, and every exempt one fails."""
    outcomes = Outcomes()
    status = pytest.main([*SETTINGS, "--tb=short", *arguments, str(FILE)], plugins=[outcomes])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return int(status)
    passed = outcomes.passed - outcomes.failed
    exempt = exemptions()
    unexpected = {name for name in outcomes.failed if not any(fnmatchcase(name, pattern) for pattern in exempt)}
    stale = {name for name in passed if any(fnmatchcase(name, pattern) for pattern in exempt)}
    for pattern, reason in exempt.items():
        for name in sorted(name for name in outcomes.failed if fnmatchcase(name, pattern)):
            print(f"exempt: {name}: {reason}")
    for name in sorted(unexpected):
        print(f"FAILED and not exempt: {name}")
    for name in sorted(stale):
        print(f"STALE exemption, the test passes: {name}")
    print(f"conformance: {len(passed)} passed, {len(unexpected)} failed, {len(outcomes.failed - unexpected)} exempt")
    return 1 if unexpected or stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
