"""`dnalm bend`: the steps of the BEND benchmark; each has a file of its own, `bend_<step>.py`, like a command."""

from __future__ import annotations

import importlib

from hf_dnalm.cli.parser import continued

# Step → its line in --help. The module hf_dnalm.cli.bend_<step>, with "_" for "-", has `run(arguments)`.
STEPS = {
    "embed": "Embed the regions of a task, one vector per nucleotide.",
    "train": "Train a network on embeddings, or a baseline on sequences.",
    "zero-shot": "Score variants by the distance between embeddings.",
}

EXAMPLE = "dnalm bend embed onehot gene_finding --data-dir bend --reference GRCh38.fa --output embeddings"


def usage() -> str:
    """The text of `dnalm bend --help`."""
    lines = ["usage: dnalm bend STEP …", "", "Run the BEND benchmark on its own tasks or on yours.", "", "steps:"]
    lines += [f"  {name:<15} {text}" for name, text in STEPS.items()]
    lines += ["", "`dnalm bend STEP --help` shows the options of a step; `dnalm list --tasks` shows", "the tasks."]
    lines += ["", "example:", f"  {continued(EXAMPLE)}"]
    return "\n".join(lines)


def run(arguments: list[str]) -> None:
    """Run one step.

    Raises:
        ValueError: there is no such step.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
        raise SystemExit(0 if arguments else 2)
    step, *rest = arguments
    if step not in STEPS:
        raise ValueError(f"no step {step!r}; choose from: {', '.join(STEPS)}.")
    importlib.import_module(f"hf_dnalm.cli.bend_{step.replace('-', '_')}").run(rest)
