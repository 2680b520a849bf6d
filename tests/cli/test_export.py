"""`dnalm export`: lists the files that it wrote, and refuses bad input in one line."""

from __future__ import annotations

import pytest

from hf_dnalm.cli.main import main


def test_export_writes_a_folder_and_lists_it(upstream_v2, tmp_path, capsys):
    main(
        [
            "export",
            str(upstream_v2),
            "--output",
            str(tmp_path / "out"),
            "--dtype",
            "bfloat16",
            "--model-class",
            "AutoModel",
        ]
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("parameters for AutoModel, reloaded and identical")
    assert {"  config.json", "  model.safetensors", "  README.md"} < set(lines)


def test_refusals_are_one_line_and_exit_code_2(upstream_v2, tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("kept")
    for source, message in [(str(upstream_v2), "is not empty"), ("/not/there", "no such folder")]:
        with pytest.raises(SystemExit) as stopped:
            main(["export", source, "--output", str(tmp_path if "empty" in message else tmp_path / "out")])
        assert stopped.value.code == 2
        err = capsys.readouterr().err.splitlines()
        assert err[-1].startswith("dnalm export: error: ")
        assert message in err[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
