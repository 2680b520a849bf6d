"""What all tests share: one thread per process, no network, and the optional folder of reference data."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

os.environ["HF_HUB_OFFLINE"] = "1"  # before any Hugging Face import: no test may reach for the network
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest

if TYPE_CHECKING:
    from tests.stranger import Stranger

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference checkpoints and real data next to the repository; tests that need it skip without it.

    In CI, where the folder is part of the setup, a missing one is a failure.
    """
    folder = REPOSITORY.parent / "shared"
    if not (folder / "goldens").is_dir():
        reason = "needs the reference data folder ../shared, which is not part of the repository"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many tests were skipped, by reason."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count:,} skipped: {reason}")


@pytest.fixture(scope="session")
def upstream_v2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random checkpoint in the layout in which the Hub holds Nucleotide Transformer version 2."""
    from tests.toys.nucleotide_transformer import write_upstream

    return write_upstream(tmp_path_factory.mktemp("upstream") / "v2")


@pytest.fixture(scope="session")
def upstream_v1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of version 1, made by transformers' own ESM."""
    from tests.toys.nucleotide_transformer import write_version_1

    return write_version_1(tmp_path_factory.mktemp("upstream") / "v1")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    """A process that has torch and transformers and not this package."""
    from tests.stranger import Stranger

    one = Stranger(tmp_path_factory.mktemp("stranger"))
    yield one
    one.close()
