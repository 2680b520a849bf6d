"""The `dnalm` command itself: help, version, unknown commands, and one-line errors with exit code 2."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import shlex
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from hf_dnalm.cli.bend import STEPS
from hf_dnalm.cli.bend import usage as bend_usage
from hf_dnalm.cli.main import COMMANDS, main, usage
from hf_dnalm.cli.signals import HOW_TO_CONTINUE, Terminated
from hf_dnalm.version import __version__
from tests.cli.model_commands import MODEL_COMMANDS


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in COMMANDS)


def test_every_command_has_its_own_help():
    for name in COMMANDS:
        with pytest.raises(SystemExit, match="0"):
            main([name, "--help"])


# Every command and step that builds on `Parser`. `finetune` builds on transformers' parser.
PARSERS = {
    name: f"hf_dnalm.cli.{name.replace('-', '_').replace(' ', '_')}"
    for name in [*(each for each in COMMANDS if each not in ("bend", "finetune")), *(f"bend {step}" for step in STEPS)]
}


ALL_PARSERS = PARSERS | {"finetune": "hf_dnalm.cli.finetune"}
WITHOUT_OUTPUT = {"list", "info", "verify"}


def parser_of(name) -> argparse.ArgumentParser:
    return importlib.import_module(ALL_PARSERS[name])._parser()


def printed_example(text) -> list[str]:
    """The arguments that a shell would pass after pasting the example at the end of a help text."""
    _, _, example = text.partition("\nexample:\n")
    return shlex.split(example.replace("\\\n", ""))


@pytest.mark.parametrize("name", ALL_PARSERS)
def test_help_ends_with_an_example_that_is_a_complete_call(name):
    parser = parser_of(name)
    arguments = printed_example(parser.format_help())
    assert arguments[: 1 + len(name.split())] == ["dnalm", *name.split()]
    parser.parse_args(arguments[1 + len(name.split()) :])


def test_the_help_of_bend_ends_with_an_example_that_is_a_complete_call():
    _, command, step, *rest = printed_example(bend_usage() + "\n")
    assert command == "bend"
    parser_of(f"bend {step}").parse_args(rest)


@pytest.mark.parametrize("name", PARSERS)
def test_help_fits_a_terminal_of_80_columns(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, parser_of(name).format_help().splitlines())) <= 80


def test_the_lists_of_commands_and_steps_fit_a_terminal_of_80_columns():
    assert max(map(len, f"{usage()}\n{bend_usage()}".splitlines())) <= 80


@pytest.mark.parametrize("name", ALL_PARSERS)
def test_flags_have_dashes_in_the_help(name):
    assert not re.search(r"--[\w-]*_", parser_of(name).format_help())


@pytest.mark.parametrize("name", ALL_PARSERS)
def test_an_abbreviated_flag_is_not_taken_for_the_flag(name):
    parser = parser_of(name)
    example = printed_example(parser.format_help())[1 + len(name.split()) :]
    flags = {flag for action in parser._actions for flag in action.option_strings if flag.startswith("--")}
    assert flags
    for short in {flag[:-1] for flag in flags} - flags:
        _, unknown = parser.parse_known_args([*example, short])
        assert unknown == [short]


@pytest.mark.parametrize("name", ALL_PARSERS)
def test_the_output_flag_has_one_name(name):
    flags = {flag for action in parser_of(name)._actions for flag in action.option_strings}
    expected = (
        set() if name in WITHOUT_OUTPUT else {"--output-dir", "--output_dir"} if name == "finetune" else {"--output"}
    )
    assert {flag for flag in flags if flag.startswith("--out")} == expected


def test_a_wrong_flag_ends_with_a_full_stop(capsys):
    for arguments in (["info"], ["predict", "m", "f", "--nothing"], ["score-variants", "m", "v", "--strands", "one"]):
        with pytest.raises(SystemExit, match="2"):
            main(arguments)
        assert capsys.readouterr().err.endswith(".\n")


@pytest.mark.parametrize("name", PARSERS)
def test_flags_mean_the_same_in_every_command(name):
    parser = parser_of(name)
    assert not parser.allow_abbrev
    for action in parser._actions:
        assert action.help, action.dest
        for flag in action.option_strings:
            assert "_" not in flag
            assert flag not in ("--out", "--genome", "--batch-tokens", "--window", "--suite", "--src")
        stated = "default: " in action.help or "required" in action.help
        assert stated or not action.option_strings or action.dest == "help", action.option_strings
        assert action.required == ("required" in action.help) or not action.option_strings
    takes_model = "model" in {action.dest for action in parser._actions if not action.option_strings}
    assert takes_model == (name in MODEL_COMMANDS and name != "benchmark")  # which takes --models


def test_no_command_shows_the_usage_and_fails(capsys):
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "usage: dnalm COMMAND" in capsys.readouterr().out


def test_version_is_the_package_version(capsys):
    main(["--version"])
    assert capsys.readouterr().out == f"hf_dnalm {__version__}\n"


def test_an_unknown_command_lists_the_known_ones(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["finetoon"])
    assert "no command 'finetoon'; choose from: demo, list, info, verify, finetune" in capsys.readouterr().err


@pytest.mark.parametrize("error", [ValueError("bad\n  letter"), FileNotFoundError("no x.fa"), ImportError("no peft")])
def test_an_input_error_is_one_line_and_exit_code_2(monkeypatch, capsys, error):
    def refuse(arguments):
        raise error

    monkeypatch.setitem(sys.modules, "hf_dnalm.cli.info", SimpleNamespace(run=refuse))
    with pytest.raises(SystemExit, match="2"):
        main(["info", "x"])
    assert capsys.readouterr().err == f"dnalm info: error: {' '.join(str(error).split())}\n"


def test_the_traceback_is_shown_on_request(monkeypatch):
    def refuse(arguments):
        raise ValueError("bad letter")

    monkeypatch.setenv("DNALM_TRACEBACK", "1")
    monkeypatch.setitem(sys.modules, "hf_dnalm.cli.info", SimpleNamespace(run=refuse))
    with pytest.raises(ValueError, match="bad letter"):
        main(["info", "x"])


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            TypeError("a\n bug"),
            "unexpected TypeError: a bug. Please report it with the command; DNALM_TRACEBACK=1",
        ),
        (KeyError(), "unexpected KeyError. Please report it with the command"),
        (MemoryError(), "out of memory (MemoryError). Use smaller batches (--token-budget, --per-device-train-batch-"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to"),
            "out of memory ([enforce",
        ),
        (RuntimeError("CUDA out of memory. Tried to allocate"), "out of memory (CUDA out of memory."),
    ],
)
def test_an_unexpected_error_is_one_line_and_exit_code_1(monkeypatch, capsys, error, line):
    def fail(arguments):
        raise error

    monkeypatch.setitem(sys.modules, "hf_dnalm.cli.info", SimpleNamespace(run=fail))
    with pytest.raises(SystemExit, match="1"):
        main(["info", "x"])
    printed = capsys.readouterr().err
    assert printed.startswith(f"dnalm info: error: {line}")
    assert printed.count("\n") == 1
    monkeypatch.setenv("DNALM_TRACEBACK", "1")
    with pytest.raises(type(error)):
        main(["info", "x"])


@pytest.mark.parametrize(
    ("command", "way_out"),
    [
        ("info", "Nothing was written; run the command again."),
        ("finetune", "Add --resume to continue from the last checkpoint, if one was written."),
        ("embed", "Run the same command again to continue from the finished shards."),
    ],
)
@pytest.mark.parametrize(
    ("error", "what", "code"), [(KeyboardInterrupt, "interrupted", 130), (Terminated, "terminated", 143)]
)
def test_a_stopped_command_prints_in_one_line_how_to_continue(monkeypatch, capsys, command, way_out, error, what, code):
    def stop(arguments):
        raise error

    monkeypatch.setitem(sys.modules, f"hf_dnalm.cli.{command}", SimpleNamespace(run=stop))
    with pytest.raises(SystemExit, match=str(code)):
        main([command, "x"])
    assert capsys.readouterr().err == f"dnalm {command}: {what}. {way_out}\n"


def test_every_command_that_can_be_continued_is_a_command():
    assert set(HOW_TO_CONTINUE) <= set(COMMANDS)


WAITING = """
import signal, sys, time, types
from hf_dnalm.cli.main import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs start with SIGINT ignored

def run(arguments):
    print("ready", flush=True)
    time.sleep(60)

sys.modules["hf_dnalm.cli.info"] = types.SimpleNamespace(run=run)
main(["info", "x"])
"""


@pytest.mark.parametrize(("name", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_command_with_one_line(name, code):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = subprocess.Popen([sys.executable, "-c", WAITING], **pipes)
    assert running.stdout.readline() == "ready\n"
    running.send_signal(name)
    _, errors = running.communicate(timeout=60)
    assert (running.returncode, errors.count("\n")) == (code, 1)


def test_help_is_printed_where_the_locale_is_ascii():
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    for arguments in (["--help"], ["embed", "--help"]):
        command = [sys.executable, "-m", "hf_dnalm", *arguments]
        done = subprocess.run(command, capture_output=True, env=os.environ | ascii_only)
        assert done.returncode == 0, done.stderr
        assert b"usage: dnalm" in done.stdout


def test_a_tilde_is_the_home_folder_in_every_position(monkeypatch):
    seen: list[str] = []
    monkeypatch.setitem(sys.modules, "hf_dnalm.cli.info", SimpleNamespace(run=seen.extend))
    monkeypatch.setenv("HOME", "/home/someone")
    main(["info", "~/model", "--report=~/r.json", "--x", "~/y", "a~b", "--z=a~b"])
    home = "/home/someone"
    assert seen == [f"{home}/model", f"--report={home}/r.json", "--x", f"{home}/y", "a~b", "--z=a~b"]


def test_the_module_is_the_command():
    code = [sys.executable, "-m", "hf_dnalm", "--version"]
    assert subprocess.run(code, capture_output=True, text=True).stdout == f"hf_dnalm {__version__}\n"


def test_a_reader_that_closes_the_pipe_is_no_error():
    shell = f"{sys.executable} -m hf_dnalm list --tasks --json | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", shell], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[\n", "")
