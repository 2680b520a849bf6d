"""The `dnalm` command: one thin file per command, imported only when it runs, so that `dnalm --help` is quick."""

from __future__ import annotations

import importlib
import os
import sys

# name → one line for --help; the module is hf_dnalm.cli.<name>, with "_" for "-", which holds a function
# `run(arguments: list[str])`.
COMMANDS = {
    "demo": "Fine-tune, evaluate, report, export and predict on a small simulated data set, offline.",
    "list": "The published checkpoints (or, with --tasks, the benchmark tasks) that this package knows.",
    "info": "What a checkpoint is, what it reads and what it costs.",
    "verify": "Whether a checkpoint is whole, sound, and the one that was published.",
    "finetune": "Fine-tune a checkpoint on a benchmark task or on your own file.",
    "predict": "Apply a fine-tuned model to new sequences.",
    "evaluate": "Score a fine-tuned model on labelled sequences and write a report.",
    "embed": "Write one vector per sequence.",
    "likelihood": "How likely a language model finds sequences: nats, and bits per base.",
    "score-variants": "Score the variants of a VCF file by a language model.",
    "mutate": "Score every substitution of sequences, and draw a sequence logo.",
    "benchmark": "Put models beside each other and beside baselines on published tasks.",
    "cluster": "See how well vectors of labelled sequences fall into their classes.",
    "bend": "The benchmark BEND, step by step: embed genome regions, train on them, score variants.",
    "export": "Write a folder that strangers load with trust_remote_code=True.",
}


def usage() -> str:
    """The text of `dnalm --help`."""
    lines = ["usage: dnalm COMMAND …", "", "DNA language models, native to the Hugging Face stack.", "", "commands:"]
    lines += [f"  {name:<15} {text}" for name, text in COMMANDS.items()]
    lines += ["", "`dnalm COMMAND --help` shows the options of one command."]
    lines += ["Errors in the input are one line and exit code 2; DNALM_TRACEBACK=1 shows where they were raised."]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run one command. Exit code 0 when it did its work, 2 when the input was refused (one line says why)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
        raise SystemExit(0 if arguments else 2)
    if arguments[0] in ("-V", "--version"):
        from hf_dnalm import __version__

        print(f"hf_dnalm {__version__}")
        return
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"dnalm: error: no command {name!r}; there are: {', '.join(COMMANDS)}", file=sys.stderr)
        raise SystemExit(2)
    try:
        module = name.replace("-", "_")
        importlib.import_module(f"hf_dnalm.cli.{module}").run(rest)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough: `dnalm list | head -3`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left for Python to flush at exit
    except (ValueError, OSError, ImportError) as error:
        if os.environ.get("DNALM_TRACEBACK"):
            raise
        print(f"dnalm {name}: error: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None
