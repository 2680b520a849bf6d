"""`dnalm bend`: from a genome to embeddings, a trained network and its result, and variants without training."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from hf_dnalm.cli.main import main
from tests.toys.gpn import write_upstream as write_gpn

MOTIF = "TATAA"
REGION_BP = 48
TASK = f"""\
name: motif
label_names: [motif]
downsample: {REGION_BP}
hidden: 16
batch_size: 32
learning_rate: 0.02
epochs: 12
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A genome of random letters, regions of which half have a motif four times, three splits or parts, variants."""
    generator = np.random.default_rng(0)
    rows, parts, contig = [], [], ""
    for number in range(360):
        letters = "".join(generator.choice(list("ACGT"), size=REGION_BP))
        label = int(generator.integers(2))
        if label:
            for start in range(0, REGION_BP, REGION_BP // 4):
                place = start + int(generator.integers(REGION_BP // 4 - len(MOTIF)))
                letters = letters[:place] + MOTIF + letters[place + len(MOTIF) :]
        contig += letters
        where = f"chr1\t{number * REGION_BP}\t{(number + 1) * REGION_BP}"
        text = "0" if label else ""
        rows.append(f"{where}\t{('train', 'train', 'train', 'valid', 'test')[number % 5]}\t{text}")
        parts.append(f"{where}\tpart{number % 3 + 1}\t{text}")
    head = "chromosome\tstart\tend\tsplit\tlabel"
    (tmp_path / "motif.bed").write_text("\n".join([head, *rows]) + "\n")
    (tmp_path / "motif.yaml").write_text(TASK)
    (tmp_path / "folds.bed").write_text("\n".join([head, *parts]) + "\n")
    (tmp_path / "folds.yaml").write_text(
        TASK.replace("name: motif", "name: folds\ncross_validation: 3").replace("epochs: 12", "epochs: 1")
    )
    (tmp_path / "genome.fa").write_text(f">chr1\n{contig}\n")
    other = {"A": "C", "C": "G", "G": "T", "T": "A"}
    variants = [f"chr1\t{place}\t{place + 1}\t{other[contig[place]]}\t{place % 2}" for place in range(300, 340)]
    (tmp_path / "variants.bed").write_text("\n".join(["chromosome\tstart\tend\talt\tlabel", *variants]) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def dnalm(line):
    main(line.split())


def test_a_motif_is_found_from_its_embeddings(folder, capsys):
    dnalm("bend embed onehot motif.yaml --reference genome.fa --output embeddings")
    dnalm("bend train motif.yaml --embeddings embeddings/motif/onehot --output out --bootstrap 50 --device cpu")
    result = json.loads((folder / "out" / "result.json").read_text())
    assert result["test"]["value"] > 0.9
    assert result["test"]["low"] > 0.75
    assert result["data"]["made_by"]["model"] == "onehot"
    assert len(result["history"]) == 12
    table = capsys.readouterr().out.splitlines()
    assert table[-6].split() == ["metric", "test"]
    assert table[-5].split() == ["auroc", f"{result['test']['value']:.3f}"]  # the task's own first


def test_embeddings_of_a_model_are_trained_on(folder, capsys):
    write_gpn(folder / "gpn")
    dnalm("bend embed gpn motif.yaml --reference genome.fa --output embeddings")
    dnalm("bend train motif.yaml --embeddings embeddings/motif/gpn --output out --epochs 1 --bootstrap 0 --device cpu")
    result = json.loads((folder / "out" / "result.json").read_text())
    assert result["parameters"] == 16 * 16 * 3 + 16 + 16 * 16 * 3 + 16 + 16 + 1
    assert result["test"]["low"] is None


def test_folds_are_trained_one_by_one_or_all(folder, capsys):
    dnalm("bend embed onehot folds.yaml --reference genome.fa --output embeddings")
    train = "bend train folds.yaml --embeddings embeddings/folds/onehot --output out --bootstrap 0 --device cpu"
    dnalm(f"{train} --fold 2")
    assert json.loads((folder / "out" / "summary.json").read_text())["folds"] == [2]
    assert capsys.readouterr().err.count("fold 2, epoch 1/1: loss") == 1
    dnalm(f"{train} --fold all")
    printed = capsys.readouterr()
    assert "fold 2" not in printed.err
    assert printed.out.splitlines()[0].split() == ["metric", "mean", "sd", *("fold", "0", "fold", "1", "fold", "2")]
    assert json.loads((folder / "out" / "summary.json").read_text())["folds"] == [0, 1, 2]


def test_a_baseline_reads_the_genome(folder, capsys):
    dnalm(
        "bend train motif.yaml --network basset --reference genome.fa --output out --epochs 1 --bootstrap 0 --seed 3 "
        "--batch-size 64 --learning-rate 0.001 --memory 0 --bend-compat --device cpu"
    )
    result = json.loads((folder / "out" / "result.json").read_text())
    assert result["settings"] == {
        "network": "basset",
        "seed": 3,
        "dtype": "float32",
        "memory_bytes": 0,
        "compat": True,
        "bootstrap": 0,
    }
    assert (result["task"]["batch_size"], result["task"]["learning_rate"]) == (64, 0.001)


def test_variants_are_scored_without_training(folder, capsys):
    write_gpn(folder / "gpn")
    dnalm(
        "bend zero-shot gpn variant_effects_disease --variants variants.bed --reference genome.fa "
        "--output scores.parquet --bootstrap 50 --device cpu"
    )
    table = pq.read_table(folder / "scores.parquet")
    assert table.num_rows == 40
    assert min(table["score"].to_pylist()) > 0
    report = json.loads((folder / "scores.json").read_text())
    assert (report["variants"], report["with_effect"], report["context_bp"]) == (40, 20, 256)
    assert (report["context"], report["index"], report["mode"]) == ("both", 256, "correct")
    auroc = report["metrics"]["auroc"]
    assert auroc["low"] <= auroc["value"] <= auroc["high"]
    assert capsys.readouterr().out.startswith(f"40 variants, 20 with an effect: AUROC {auroc['value']:.3f} (")


def test_a_stopped_scoring_of_variants_is_taken_up_again(folder, monkeypatch):
    monkeypatch.setattr("hf_dnalm.bend.zero_shot_scores._WINDOWS_AT_ONCE", 8)
    function = "def own(sequence):\n    return np.array([[1.0, ord(x) * i] for i, x in enumerate(sequence)])\n"
    (folder / "own.py").write_text(f"import numpy as np\n\n{function}")
    command = (
        "bend zero-shot own.py:own variant_effects_disease --variants variants.bed --reference genome.fa "
        "--bootstrap 10 --output"
    )
    dnalm(f"{command} whole.tsv")
    calls = []

    def stop(*_: object) -> float:
        calls.append(None)
        if len(calls) == 11:
            raise KeyboardInterrupt
        return 0.5

    with monkeypatch.context() as patched:
        patched.setattr("hf_dnalm.bend.zero_shot_scores.cosine_distance", lambda *_, **__: stop())
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            dnalm(f"{command} scores.tsv")
    assert not (folder / "scores.tsv").exists()
    assert len(list((folder / "scores.tsv.shards").iterdir())) == 2
    dnalm(f"{command} scores.tsv")
    lines = (folder / "scores.tsv").read_text().splitlines()
    kept = [line for line in lines if line.endswith("\t0.5")]
    assert len(kept) == 8  # two shards of four variants were not scored again
    assert set(lines) - set(kept) < set((folder / "whole.tsv").read_text().splitlines())
    assert not (folder / "scores.tsv.shards").exists()


def test_variants_are_scored_as_published_or_by_a_function(folder, capsys):
    write_gpn(folder / "gpn")
    rest = "--variants variants.bed --reference genome.fa --bootstrap 0"
    dnalm(f"bend zero-shot gpn variant_effects_disease {rest} --output a.tsv --bend-compat --device cpu")
    dnalm(f"bend zero-shot gpn variant_effects_disease {rest} --output b.tsv --device cpu")
    scores = [
        [float(line.split("\t")[-1]) for line in (folder / name).read_text().splitlines()[1:]]
        for name in ("a.tsv", "b.tsv")
    ]
    np.testing.assert_allclose(*scores, atol=1e-6)
    (folder / "own.py").write_text(
        "import numpy as np\n\ndef shares(sequence):\n"
        "    counts = np.array([[letter == each for letter in 'ACGTN'] for each in sequence], float)\n"
        "    return counts.cumsum(0)\n"
    )
    dnalm(f"bend zero-shot own.py:shares variant_effects_disease {rest} --output c.csv --context left")
    assert json.loads((folder / "c.json").read_text())["context"] == "left"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train motif.yaml --output out", "--network cnn reads embeddings. Pass --embeddings"),
        ("train motif.yaml --output out --network resnet", "--network resnet reads sequences. Pass --reference"),
        ("train motif.yaml --output out --embeddings nowhere", "nowhere: no such folder"),
        ("train motif.yaml --output out --embeddings . --bootstrap -1", "bootstrap is -1; it must be 0 or more"),
        ("train motif.yaml --output out --embeddings . --epochs 0", "epochs is 0; it must be more than 0"),
        (
            "zero-shot own.py:f motif.yaml --reference genome.fa --output a.tsv --bend-compat",
            "--bend-compat reproduces BEND's embedders; leave it out for a function of your own.",
        ),
        (
            "zero-shot m motif.yaml --reference genome.fa --output a.txt",
            "cannot write a.txt: the extension must be one of",
        ),
    ],
)
def test_refused_input_is_one_line(folder, capsys, line, message):
    with pytest.raises(SystemExit) as stopped:
        dnalm(f"bend {line}")
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_published_places_leave_no_choice(folder, capsys):
    write_gpn(folder / "gpn")
    with pytest.raises(SystemExit):
        dnalm(
            "bend zero-shot gpn variant_effects_disease --variants variants.bed --reference genome.fa "
            "--output a.tsv --bend-compat --context left"
        )
    assert "--bend-compat reads one window at a time, at fixed positions" in capsys.readouterr().err


def test_a_fold_is_a_number_or_all(folder, capsys):
    with pytest.raises(SystemExit):
        dnalm("bend train motif.yaml --output out --fold first")
    assert "'first' is neither a number nor 'all'" in capsys.readouterr().err
