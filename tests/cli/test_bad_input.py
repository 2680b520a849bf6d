"""Nine kinds of bad input, as a user meets them: one line with file, record and way out, exit code 2, no output."""

from __future__ import annotations

import gzip
import json
import shutil

import pytest
from safetensors.torch import load_file, save_file

from hf_dnalm.cli.main import main
from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer


@pytest.fixture
def fine_tuned(tmp_path):
    """A saved classifier of two classes that reads 64 tokens."""
    model = toy_model("sequence", num_labels=2, problem_type="single_label_classification")
    model.save_pretrained(tmp_path / "model")
    toy_tokenizer(model_max_length=64).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture(scope="module")
def language_model(tmp_path_factory):
    """A saved language model that reads 64 tokens."""
    folder = tmp_path_factory.mktemp("language_model")
    toy_model("masked_lm").save_pretrained(folder)
    toy_tokenizer(model_max_length=64).save_pretrained(folder)
    return folder


def refused(command: list[str], capsys) -> str:
    """The one line that the command leaves on stderr."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(command)
    assert stop.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    line = printed.err.strip().splitlines()[-1]
    assert line.startswith(f"dnalm {command[0]}: error: ")
    assert "Traceback" not in printed.err
    return line


def truncated_gzip(path):
    whole = gzip.compress(b"".join(b">r%d\nACGTACGTAC\n" % i for i in range(5_000)))
    path.write_bytes(whole[: len(whole) // 2])


FILES = {
    "an empty record": ("x.fa", lambda path: path.write_text(">a\nACGT\n>b\n>c\nACGT\n"), ["record 2", "'b'"]),
    "duplicate names": ("x.fa", lambda path: path.write_text(">a\nACGT\n>b\nAC\n>a\nGG\n"), ["record 3", "'a'"]),
    "a letter that is no base": (
        "x.fa",
        lambda path: path.write_text(">a\nACGT\n>b\nACJT\n"),
        ["record 2", "'J'", "3"],
    ),
    "a truncated gzip": ("x.fa.gz", truncated_gzip, ["cut"]),
    "a sequence over the context": ("x.fa", lambda path: path.write_text(f">long\n{'ACG' * 64}\n"), ["'long'", "64"]),
}


@pytest.mark.parametrize("kind", FILES)
def test_predict_refuses(kind, fine_tuned, tmp_path, capsys):
    name, write, parts = FILES[kind]
    write(tmp_path / name)
    line = refused(["predict", str(fine_tuned), str(tmp_path / name), "--output", str(tmp_path / "out.tsv")], capsys)
    for part in [*parts, *([] if "context" in kind else [name])]:
        assert part in line
    assert not (tmp_path / "out.tsv").exists()


@pytest.mark.parametrize("command", ["embed", "likelihood", "mutate"])
@pytest.mark.parametrize("kind", FILES)
def test_commands_of_language_models_refuse(kind, command, language_model, tmp_path, capsys):
    name, write, parts = FILES[kind]
    write(tmp_path / name)
    out = tmp_path / {"embed": "out.npz"}.get(command, "out.tsv")
    line = refused([command, str(language_model), str(tmp_path / name), "--output", str(out)], capsys)
    for part in [*parts, *([] if "context" in kind else [name])]:
        assert part in line
    assert not out.exists()


def test_finetune_refuses_a_table_without_labels(fine_tuned, tmp_path, capsys):
    (tmp_path / "x.csv").write_text("name,sequence,score\na,ACGT,1\n")
    command = ["finetune", "--model", str(fine_tuned), "--train", str(tmp_path / "x.csv")]
    line = refused([*command, "--output_dir", str(tmp_path / "out")], capsys)
    assert "x.csv" in line
    assert "'labels'" in line
    assert "score" in line  # the columns that are there
    assert not (tmp_path / "out").exists()


def test_finetune_refuses_labels_that_do_not_fit_the_problem(fine_tuned, tmp_path, capsys):
    (tmp_path / "x.csv").write_text("name,sequence,label\na,ACGT,1.5\nb,ACGT,high\n")
    command = [
        "finetune",
        "--model",
        str(fine_tuned),
        "--train",
        str(tmp_path / "x.csv"),
        "--problem_type",
        "regression",
    ]
    line = refused([*command, "--output_dir", str(tmp_path / "out")], capsys)
    for part in ("x.csv", "record 2", "'high'"):
        assert part in line
    assert not (tmp_path / "out").exists()


def test_predict_and_info_refuse_a_checkpoint_with_a_missing_tensor(fine_tuned, tmp_path, capsys):
    weights = load_file(fine_tuned / "model.safetensors")
    del weights["esm.encoder.layer.1.output.dense.weight"]
    save_file(weights, fine_tuned / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "x.fa").write_text(">a\nACGT\n")
    line = refused(["predict", str(fine_tuned), str(tmp_path / "x.fa"), "--output", str(tmp_path / "out.tsv")], capsys)
    assert str(fine_tuned) in line
    assert "esm.encoder.layer.1.output.dense.weight" in line
    assert not (tmp_path / "out.tsv").exists()


@pytest.mark.parametrize("command", ["info", "export", "verify", "predict", "embed", "likelihood", "mutate"])
def test_a_config_that_nobody_knows_is_refused(command, tmp_path, capsys):
    shutil.rmtree(tmp_path / "odd", ignore_errors=True)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "config.json").write_text(json.dumps({"model_type": "squid", "architectures": ["Squid"]}))
    (tmp_path / "x.fa").write_text(">a\nACGT\n")
    fasta, out = str(tmp_path / "x.fa"), str(tmp_path / "out")
    more = {
        "info": [],
        "verify": [],
        "export": ["--output", out],
        "predict": [fasta],
        "embed": [fasta, "--output", f"{out}.npz"],
        "likelihood": [fasta],
        "mutate": [fasta, "--output", f"{out}.tsv"],
    }[command]
    line = refused([command, str(tmp_path / "odd"), *more], capsys)
    for part in ("odd", "'squid'", "family="):
        assert part in line
    assert not (tmp_path / "out").exists()
