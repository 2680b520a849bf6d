"""Every command that takes a model refuses one without its tokenizer, and runs no code from its folder."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest

from hf_dnalm import AutoTokenizer
from hf_dnalm.cli.main import main
from tests.cli.model_commands import MODEL_COMMANDS, write_inputs
from tests.toys import dnabert, nucleotide_transformer


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.fixture(scope="module")
def without_tokenizer(tmp_path_factory):
    """Head → a saved model without the files of its tokenizer."""
    folders = {head: tmp_path_factory.mktemp("bare") / head for head in ("masked_lm", "sequence")}
    for head, folder in folders.items():
        model = dnabert.toy_model(head, num_labels=2, problem_type="single_label_classification")
        model.config.id2label = {0: "a", 1: "b"}
        model.save_pretrained(folder)
    return folders


def run(arguments: list[str]) -> int:
    try:
        main(arguments)
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


@pytest.mark.parametrize("command", MODEL_COMMANDS)
def test_a_model_without_its_vocabulary_is_refused_by_file(command, without_tokenizer, inputs, capsys):
    head, arguments = MODEL_COMMANDS[command]
    code = run(arguments(str(without_tokenizer[head]), inputs))
    printed = capsys.readouterr()
    message = f"{without_tokenizer[head]}: this DNABERT has no tokenizer: vocab.txt is missing."
    if command == "verify":  # a table of checks, one of which failed
        assert (code, message in printed.out) == (1, True)
    else:
        assert (code, message in printed.err) == (2, True)
        assert "Traceback" not in printed.err


# ---- code in the folder


CODE = """
import os, transformers
open({marker!r}, "a").close()
class EvilConfig(transformers.PreTrainedConfig):
    model_type = "evil"
class EvilModel(transformers.PreTrainedModel):
    config_class = EvilConfig
class EvilTokenizer(transformers.PreTrainedTokenizer):
    pass
"""


def add_code(folder, marker) -> None:
    """Names of classes for whatever transformers loads, and a file that leaves a mark when it is imported."""
    (folder / "evil.py").write_text(CODE.format(marker=str(marker)))
    config = json.loads((folder / "config.json").read_text())
    models = ("AutoModel", "AutoModelForMaskedLM", "AutoModelForSequenceClassification")
    config["auto_map"] = {"AutoConfig": "evil.EvilConfig"} | dict.fromkeys(models, "evil.EvilModel")
    (folder / "config.json").write_text(json.dumps(config))
    settings = {"tokenizer_class": "EvilTokenizer", "auto_map": {"AutoTokenizer": ["evil.EvilTokenizer", None]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def write_unknown(folder) -> None:
    """A model of no family, which only its own code can read."""
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "evil", "vocab_size": 9}')


def write_known(folder) -> None:
    """A model of a family, whose vocabulary is missing: its own code offers one."""
    nucleotide_transformer.write_upstream(folder)
    (folder / "vocab.txt").unlink()


def write_known_with_vocabulary(folder) -> None:
    """A model of a family, as it was published."""
    nucleotide_transformer.write_upstream(folder)


KINDS = {"unknown": write_unknown, "known": write_known, "published": write_known_with_vocabulary}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", MODEL_COMMANDS)
def test_code_in_a_folder_is_not_run_whatever_stands_on_stdin(command, kind, inputs, tmp_path, monkeypatch, capsys):
    folder, marker = tmp_path / "model", tmp_path / "ran"
    KINDS[kind](folder)
    add_code(folder, marker)
    _, arguments = MODEL_COMMANDS[command]
    typed = io.StringIO("y\n" * 100)
    monkeypatch.setattr(sys, "stdin", typed)
    arguments = [each.replace(f"{inputs}/out", f"{tmp_path}/out") for each in arguments(str(folder), inputs)]
    if kind == "published" and command in ("finetune", "benchmark"):
        arguments += ["--max_steps", "1"]
    code = run(arguments)
    assert not marker.exists()
    assert typed.tell() == 0, "no prompt is shown"
    printed = capsys.readouterr()
    if kind != "published":
        assert code in (1, 2)
        if command in ("info", "export", "verify"):
            assert "[y/N]" not in printed.out + printed.err


def test_yes_to_info_runs_nothing_in_a_process_of_its_own(tmp_path):
    folder, marker = tmp_path / "model", tmp_path / "ran"
    write_known(folder)
    add_code(folder, marker)
    environment = {**os.environ, "HF_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-m", "hf_dnalm", "info", str(folder)],
        input="y\n" * 100, capture_output=True, text=True, env=environment, timeout=300,
    )  # fmt: skip
    assert not marker.exists()
    assert done.returncode == 2
    assert "has no tokenizer: vocab.txt is missing" in done.stderr
    assert "[y/N]" not in done.stdout + done.stderr


def test_a_tokenizer_class_of_the_folders_own_is_named(tmp_path):
    """Its words are in a file that transformers' classes could read too, but the settings name its own class."""
    write_known_with_vocabulary(tmp_path / "model")
    (tmp_path / "model" / "vocab.txt").write_text("\n".join(["<unk>", "<pad>", *"LAGVSERTIDPKQNFYMHWC"]))
    add_code(tmp_path / "model", tmp_path / "ran")
    with pytest.raises(
        ValueError, match=r"tokenizer_config\.json names a tokenizer class of that repository's own code"
    ):
        AutoTokenizer.from_pretrained(tmp_path / "model")
    assert not (tmp_path / "ran").exists()
