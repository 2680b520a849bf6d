"""The `dnalm` command: one thin file per command, imported only when it runs, so that `dnalm --help` is quick."""

from __future__ import annotations

import importlib
import io
import os
import re
import sys

from hf_dnalm.cli import signals

# What torch says when the memory of a CPU or GPU is used up; it has no class of its own for a CPU.
_OUT_OF_MEMORY = re.compile(r"out of memory|not enough memory|can't allocate memory|Cannot allocate memory", re.I)
_LESS_MEMORY = (
    "Use smaller batches (--token-budget, --per_device_train_batch_size), shorter sequences or a smaller model."
)

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
    """Run one command. Exit code 0 when it did its work, 2 when the input was refused (one line says why).

    1: an error that is not expected, or no memory; 130 and 143: interrupted and terminated.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() in ("ascii", "us-ascii", "ansi_x3.4-1968"):
            stream.reconfigure(encoding="utf-8")  # an ASCII locale; names and help have other letters
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help"):
        print(usage())
        raise SystemExit(0 if arguments else 2)
    if arguments[0] in ("-V", "--version"):
        from hf_dnalm.version import __version__

        print(f"hf_dnalm {__version__}")
        return
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"dnalm: error: no command {name!r}; there are: {', '.join(COMMANDS)}", file=sys.stderr)
        raise SystemExit(2)
    signals.raise_when_terminated()
    try:
        module = name.replace("-", "_")
        importlib.import_module(f"hf_dnalm.cli.{module}").run([expanded(each) for each in rest])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough: `dnalm list | head -3`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left for Python to flush at exit
    except (KeyboardInterrupt, signals.Terminated) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        print(signals.stopped(name, "interrupted" if interrupted else "terminated"), file=sys.stderr)
        raise SystemExit(130 if interrupted else 143) from None
    except Exception as error:  # the last net: a user sees one line, whatever happened
        if os.environ.get("DNALM_TRACEBACK"):
            raise
        code, line = described(error)
        print(f"dnalm {name}: error: {line}", file=sys.stderr)
        raise SystemExit(code) from None


def expanded(argument: str) -> str:
    """An argument with `~` as the home folder, also after `--flag=`, where shells leave it as it is.

    >>> import os
    >>> expanded("--output=~/x.tsv") == "--output=" + os.path.expanduser("~/x.tsv"), expanded("a~b")
    (True, 'a~b')
    """
    flag, equals, value = argument.partition("=")
    if argument.startswith("-") and equals and value.startswith("~"):
        return f"{flag}={os.path.expanduser(value)}"
    return os.path.expanduser(argument)


def described(error: Exception) -> tuple[int, str]:
    """Exit code and one line for an error: 2 where the input was refused, 1 for anything that is not expected."""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__ or _OUT_OF_MEMORY.search(text):
        return 1, f"out of memory ({text[:200] or 'MemoryError'}). {_LESS_MEMORY}"
    if isinstance(error, ValueError | OSError | ImportError):
        return 2, text
    shown = f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
    return 1, f"unexpected {shown}; DNALM_TRACEBACK=1 shows where. Please report it with the command."
