"""The `dnalm` command itself: help, version, unknown commands, and one-line errors with exit code 2."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from hf_dnalm import __version__
from hf_dnalm.cli import app


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit, match="0"):
        app.main(["--help"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in app.COMMANDS)


def test_every_command_has_its_own_help():
    for name in app.COMMANDS:
        with pytest.raises(SystemExit, match="0"):
            app.main([name, "--help"])


def test_no_command_shows_the_usage_and_fails(capsys):
    with pytest.raises(SystemExit, match="2"):
        app.main([])
    assert "usage: dnalm COMMAND" in capsys.readouterr().out


def test_version_is_the_package_version(capsys):
    app.main(["--version"])
    assert capsys.readouterr().out == f"hf_dnalm {__version__}\n"


def test_an_unknown_command_lists_the_known_ones(capsys):
    with pytest.raises(SystemExit, match="2"):
        app.main(["finetoon"])
    assert "no command 'finetoon'; there are: demo, list, info, verify, finetune" in capsys.readouterr().err


@pytest.mark.parametrize("error", [ValueError("bad\n  letter"), FileNotFoundError("no x.fa"), ImportError("no peft")])
def test_an_input_error_is_one_line_and_exit_code_2(monkeypatch, capsys, error):
    def refuse(arguments):
        raise error

    monkeypatch.setitem(sys.modules, "hf_dnalm.cli.info", SimpleNamespace(run=refuse))
    with pytest.raises(SystemExit, match="2"):
        app.main(["info", "x"])
    assert capsys.readouterr().err == f"dnalm info: error: {' '.join(str(error).split())}\n"


def test_the_traceback_is_shown_on_request(monkeypatch):
    def refuse(arguments):
        raise ValueError("bad letter")

    monkeypatch.setenv("DNALM_TRACEBACK", "1")
    monkeypatch.setitem(sys.modules, "hf_dnalm.cli.info", SimpleNamespace(run=refuse))
    with pytest.raises(ValueError, match="bad letter"):
        app.main(["info", "x"])


def test_a_programming_error_is_not_dressed_up_as_an_input_error(monkeypatch):
    def fail(arguments):
        raise TypeError("a bug")

    monkeypatch.setitem(sys.modules, "hf_dnalm.cli.info", SimpleNamespace(run=fail))
    with pytest.raises(TypeError, match="a bug"):
        app.main(["info", "x"])


def test_the_module_is_the_command():
    code = [sys.executable, "-m", "hf_dnalm", "--version"]
    assert subprocess.run(code, capture_output=True, text=True).stdout == f"hf_dnalm {__version__}\n"


def test_a_reader_that_closes_the_pipe_is_no_error():
    shell = f"{sys.executable} -m hf_dnalm list --tasks --json | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", shell], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[\n", "")
