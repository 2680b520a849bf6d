"""Files for contributors and services are well-formed and agree with the package."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from hf_dnalm.version import __version__

REPOSITORY = Path(__file__).resolve().parent.parent
CLASSIFIED = {"input", "textarea", "dropdown", "checkboxes"}


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda p: p.stem
)
def test_an_issue_form_has_a_title_and_fields_with_labels(path):
    form = yaml.safe_load(path.read_text())
    assert form["name"]
    assert form["description"].endswith(".")
    assert {field["type"] for field in form["body"]} <= CLASSIFIED
    assert all(field["attributes"]["label"] for field in form["body"])
    assert len({field["id"] for field in form["body"]}) == len(form["body"])


def test_the_workflow_runs_targets_that_exist():
    workflow = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "ci.yml").read_text())
    targets = (REPOSITORY / "Makefile").read_text()
    steps = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    named = [line.split()[1] for step in steps for line in step.splitlines() if line.startswith("make ")]
    assert {"test", "lint", "long", "floor", "conformance"} <= set(named)
    assert all(f"\n{target}:" in targets for target in named)
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python-version"] == ["3.11", "3.12", "3.13", "3.14"]


def test_versions_agree():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    assert citation["license"] == "Apache-2.0"
    assert f'version = "{__version__}"' in (REPOSITORY / "pyproject.toml").read_text()


def test_the_hooks_before_a_commit_are_those_of_make_lint():
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    lint = (REPOSITORY / "Makefile").read_text().split("\nlint:")[1].split("\n\n")[0]
    for hook in hooks:
        program = Path(hook["entry"].split()[0]).name
        assert f"$(BIN)/{program}" in lint
