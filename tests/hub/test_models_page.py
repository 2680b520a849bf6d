"""docs/models.md: it is what the passports say, every fact and link on it holds, and odd families fit in too."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from hf_dnalm.checkpoints import PASSPORTS, passport_of_family
from hf_dnalm.checkpoints.passport import in_millions
from hf_dnalm.hub import render_models_page, write_models_page

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "models.md"
CHECKPOINTS = [(passport, checkpoint) for passport in PASSPORTS for checkpoint in passport.checkpoints]


def rows(page: str, heading: str) -> dict[str, list[str]]:
    """The table under a heading: the name in the first cell → the other cells."""
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| [")]
    return {re.match(r"\[(.*?)\]", cells[0])[1]: cells for cells in lines}


def test_the_page_is_what_the_passports_say(tmp_path):
    assert PAGE.read_text(encoding="utf-8") == render_models_page(), "write it again: make cards"
    assert write_models_page(tmp_path / "x.md").read_text(encoding="utf-8") == render_models_page()


@pytest.mark.parametrize(("passport", "checkpoint"), CHECKPOINTS, ids=[each.name for _, each in CHECKPOINTS])
def test_a_checkpoint_stands_in_both_tables_with_its_facts(passport, checkpoint):
    page = render_models_page()
    overview, table = rows(page, "Overview"), rows(page, passport.title)
    assert len(overview) == len(CHECKPOINTS)
    assert len(table) == len(passport.checkpoints)
    short, full = overview[checkpoint.name], table[checkpoint.hub_id]
    assert f"[{passport.title}](#" in short[1]
    assert short[2] == checkpoint.trained_on
    assert short[4] == passport.words(checkpoint.k)
    assert short[5] == in_millions(checkpoint.parameters)
    assert full[2] == f"{passport.vocabulary_of(checkpoint):,}"
    assert full[3] == f"`{checkpoint.auto_class}`"
    assert (checkpoint.revision or checkpoint.download or "main") in full[4] + full[0]
    assert (full[5] == "as published") == checkpoint.config_checked


@pytest.mark.parametrize("passport", PASSPORTS, ids=lambda passport: passport.family)
def test_a_family_says_how_it_reads_what_it_trains_and_where_it_differs(passport):
    section = " ".join(render_models_page().split(f"\n## {passport.title}\n")[1].split("\n## ")[0].split())
    for difference in passport.differences:
        assert " ".join(difference.split()) in section
    assert " ".join(passport.reading.split("{words}")[-1].split()) in section
    assert f"`{passport.family}`" in section
    assert all(name in section for name in passport.heads)


def test_the_links_of_the_page_lead_somewhere():
    page = PAGE.read_text(encoding="utf-8")
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.*)$", page, flags=re.MULTILINE)}
    links = re.findall(r"\]\((.*?)\)", page)
    assert len(links) > 3 * len(CHECKPOINTS)
    for link in links:
        if link.startswith("#"):
            assert link[1:] in headings
        elif not link.startswith("https://"):
            assert (PAGE.parent / link).is_file(), link
    assert "docs/models.md" in (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_families_that_are_not_masked_models_of_words_on_the_hub_fit_in_too():
    passport = passport_of_family("dnabert2")
    checkpoint = dataclasses.replace(
        passport.checkpoints[0],
        hub_id="lab-model",
        revision=None,
        k=1,
        context_tokens=None,
        auto_class="AutoModelForCausalLM",
        download="https://files.example.org/model",
        licence="unknown",
        branches={"promoters": "two classes"},
    )
    odd = dataclasses.replace(
        passport,
        title="Odd (one)",
        checkpoints=(checkpoint, dataclasses.replace(checkpoint, hub_id="other", context_tokens=1024)),
        lora_targets=r"layers\.\d+\.(in|out)_proj",
        special_tokens=0,
    )
    page = render_models_page([odd])
    short, full = rows(page, "Overview")["lab-model"], rows(page, "Odd (one)")["lab-model"]
    assert short[0] == "[lab-model](https://files.example.org/model)"
    assert short[1] == "[Odd (one)](#odd-one)"
    assert short[3:] == ["any", "single nucleotides", "117.1 M", "next tokens", "not known"]
    assert full[1] == "not stated"
    assert full[4] == "a folder, once downloaded"
    assert rows(page, "Overview")["other"][3] == "any (1,024 bp)"
    assert r"the layers whose names match `layers\.\d+\.(in|out)_proj`" in page
    assert "- [lab-model](https://files.example.org/model) at `promoters`: two classes" in page
    assert "counted" not in page
