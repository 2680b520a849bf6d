"""No damaged file ends in a traceback: some inputs for each reader; `make fuzz N=10000` runs many."""

from __future__ import annotations

import os

import pytest

from tests.fuzz.target import attempt, prepared
from tests.fuzz.targets import TARGETS

INPUTS = int(os.environ.get("DNALM_FUZZ_INPUTS", "200"))


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.filterwarnings("ignore")  # what libraries warn of in damaged files is not looked at
def test_damaged_files_are_read_or_refused_by_name(tmp_path, name):
    target = TARGETS[name]
    template, file = prepared(target, tmp_path)
    target.read(template / file)
    endings = [attempt(target, template, file, number) for number in range(INPUTS // 4 if target.costly else INPUTS)]
    faults = [f"input {number}: {detail}" for number, (kind, detail) in enumerate(endings) if kind == "fault"]
    assert not faults, "\n".join(faults[:10])
    refused = any(kind == "refused" for kind, _ in endings)
    assert refused or target.heals  # a reader that takes everything looks at nothing
