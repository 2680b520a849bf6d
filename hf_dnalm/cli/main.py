"""The `dnalm` command: one small file per command, imported only when it runs, so that `dnalm --help` is quick."""

from __future__ import annotations

import importlib
import io
import os
import re
import sys

from hf_dnalm.cli import signals

# Messages of torch when CPU or GPU memory is used up; for the CPU it has no exception class of its own.
_OUT_OF_MEMORY = re.compile(r"out of memory|not enough memory|can't allocate memory|Cannot allocate memory", re.I)
_LESS_MEMORY = (
    "Use smaller batches (--token-budget, --per-device-train-batch-size), shorter sequences or a smaller model."
)

# Name → its line in --help. The module hf_dnalm.cli.<name>, with "_" for "-", has `run(arguments: list[str])`.
COMMANDS = {
    "demo": "Fine-tune, evaluate, export and predict on a small data set.",
    "list": "List published checkpoints or, with --tasks, benchmark tasks.",
    "info": "Show a checkpoint's architecture, input limits and memory use.",
    "verify": "Check that a checkpoint is complete, sound and as published.",
    "finetune": "Fine-tune a checkpoint on a benchmark task or your own file.",
    "predict": "Apply a fine-tuned model to new sequences.",
    "evaluate": "Score a fine-tuned model on labelled sequences.",
    "embed": "Compute embeddings of sequences, nucleotides or tokens.",
    "likelihood": "Compute how likely a language model finds each sequence.",
    "score-variants": "Score the variants of a VCF file with a model.",
    "mutate": "Score every substitution and draw a sequence logo.",
    "benchmark": "Compare models and baselines on benchmark tasks.",
    "cluster": "Measure how well embeddings separate labelled sequences.",
    "bend": "Run the BEND benchmark on its own tasks or on yours.",
    "export": "Export a self-contained model folder for the Hugging Face Hub.",
}


def usage() -> str:
    """The text of `dnalm --help`."""
    lines = ["usage: dnalm COMMAND …", "", "DNA language models, native to the Hugging Face stack.", "", "commands:"]
    lines += [f"  {name:<15} {text}" for name, text in COMMANDS.items()]
    lines += ["", "`dnalm COMMAND --help` shows the options of a command and an example."]
    lines += ["Bad input ends with a one-line error and exit code 2. Set DNALM_TRACEBACK=1 to", "see the traceback."]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run one command.

    Exit codes: 0 success, 1 unexpected error or out of memory, 2 bad input, 130 interrupted, 143 terminated. Every code
    but 0 comes with one line on stderr.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() in ("ascii", "us-ascii", "ansi_x3.4-1968"):
            stream.reconfigure(encoding="utf-8")  # help texts and names contain non-ASCII characters
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
        print(f"dnalm: error: no command {name!r}; choose from: {', '.join(COMMANDS)}.", file=sys.stderr)
        raise SystemExit(2)
    signals.raise_when_terminated()
    try:
        module = name.replace("-", "_")
        importlib.import_module(f"hf_dnalm.cli.{module}").run([expanded(each) for each in rest])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader closed the pipe: `dnalm list | head -3`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that Python's flush at exit does not fail
    except (KeyboardInterrupt, signals.Terminated) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        print(signals.stopped(name, "interrupted" if interrupted else "terminated"), file=sys.stderr)
        raise SystemExit(130 if interrupted else 143) from None
    except Exception as error:  # one line for the user, whatever failed
        if os.environ.get("DNALM_TRACEBACK"):
            raise
        code, line = exit_code_and_message(error)
        print(f"dnalm {name}: error: {line}", file=sys.stderr)
        raise SystemExit(code) from None


def expanded(argument: str) -> str:
    """An argument with `~` expanded to the home folder, also after `--flag=`, where shells do not expand it.

    >>> import os
    >>> expanded("--output=~/x.tsv") == "--output=" + os.path.expanduser("~/x.tsv"), expanded("a~b")
    (True, 'a~b')
    """
    flag, equals, value = argument.partition("=")
    if argument.startswith("-") and equals and value.startswith("~"):
        return f"{flag}={os.path.expanduser(value)}"
    return os.path.expanduser(argument)


def exit_code_and_message(error: Exception) -> tuple[int, str]:
    """The exit code, 2 for bad input and 1 for anything else, and the message in one line."""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__ or _OUT_OF_MEMORY.search(text):
        return 1, f"out of memory ({text[:200] or 'MemoryError'}). {_LESS_MEMORY}"
    if isinstance(error, ValueError | OSError | ImportError):
        return 2, text
    shown = f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
    return 1, f"unexpected {shown}. Please report it with the command; DNALM_TRACEBACK=1 shows the traceback."
