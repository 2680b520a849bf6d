"""`dnalm bend`: the steps of the benchmark BEND; one thin file per step, `bend_<step>.py`, as for other commands."""

from __future__ import annotations

import importlib

# step → one line for --help; the module is hf_dnalm.cli.bend_<step>, with "_" for "-", with `run(arguments)`.
STEPS = {
    "embed": "Embed the regions of a task, one vector per nucleotide, and write them as shards.",
    "train": "Train and test a small network on the embeddings of a task, or a baseline on its sequences.",
    "zero-shot": "Score the variants of a task by the distance between embeddings, without training.",
}


def usage() -> str:
    """The text of `dnalm bend --help`."""
    lines = ["usage: dnalm bend STEP …", "", "Run the BEND benchmark on its own tasks or on yours.", "", "steps:"]
    lines += [f"  {name:<15} {text}" for name, text in STEPS.items()]
    lines += ["", "`dnalm bend STEP --help` shows the options of a step, `dnalm list --tasks` the tasks."]
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
        raise ValueError(f"no step {step!r}; there are: {', '.join(STEPS)}.")
    importlib.import_module(f"hf_dnalm.cli.bend_{step.replace('-', '_')}").run(rest)
