"""`dnalm likelihood` writes what `log_likelihood` computes, with the model class that the checkpoint needs."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow.parquet
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from hf_dnalm import log_likelihood
from hf_dnalm.cli.main import main
from tests.cli.language_models import SEQUENCES, refused, save, write_fasta
from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save(tmp_path_factory.mktemp("model"))


@pytest.fixture
def fasta(tmp_path):
    return write_fasta(tmp_path / "x.fa")


@pytest.mark.parametrize(("flags", "share"), [([], None), (["--masked-at-once", "0.25"], 0.25)])
def test_the_table_goes_to_stdout(model, fasta, capsys, flags, share):
    main(["likelihood", model, fasta, "--dtype", "float32", *flags])
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines(), delimiter="\t"))
    toy = toy_model("masked_lm", initializer_range=0.5)
    expected = log_likelihood(toy, toy_tokenizer(), list(SEQUENCES.values()), masked_at_once=share, dtype=torch.float32)
    assert [row["name"] for row in rows] == list(SEQUENCES)
    np.testing.assert_allclose([float(row["nats"]) for row in rows], expected.nats, rtol=1e-4)
    np.testing.assert_allclose([float(row["bits_per_base"]) for row in rows], expected.bits_per_base, rtol=1e-4)
    assert [int(row["bases"]) for row in rows] == [10, 5, 60]
    assert {row["estimator"] for row in rows} == {"masked pseudo-log-likelihood"}


def test_a_causal_model_is_asked_as_one(tmp_path, fasta):
    config = GPT2Config(vocab_size=75, n_positions=64, n_embd=16, n_layer=1, n_head=2, bos_token_id=2, eos_token_id=2)
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "gpt")
    toy_tokenizer(model_max_length=64).save_pretrained(tmp_path / "gpt")
    main(["likelihood", str(tmp_path / "gpt"), fasta, "--output", str(tmp_path / "x.parquet")])
    rows = pyarrow.parquet.read_table(tmp_path / "x.parquet").to_pylist()
    assert {row["estimator"] for row in rows} == {"causal log-likelihood"}
    assert all(row["nats"] < 0 for row in rows)


def test_the_published_layout_is_read(upstream_v2, fasta, tmp_path):
    main(["likelihood", str(upstream_v2), fasta, "--output", str(tmp_path / "x.csv")])
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--output", "x.xlsx"], "the extension must be one of .tsv, .tsv.gz, .csv, .parquet"),
        (["--masked-at-once", "0"], "masked_at_once is 0.0; it is a share of the tokens, above 0 and at most 1"),
        (["--masked-at-once", "much"], "invalid float value: 'much'"),
    ],
)
def test_bad_options_are_one_line(model, fasta, tmp_path, monkeypatch, capsys, flags, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, "likelihood", model, fasta, *flags)
    assert [path.name for path in tmp_path.iterdir()] == ["x.fa"]


def test_a_fine_tuned_model_is_refused(tmp_path, fasta, capsys):
    folder = save(tmp_path / "tuned", head="sequence")
    line = refused(capsys, "likelihood", folder, fasta)
    assert "is a fine-tuned model (NucleotideTransformerForSequenceClassification), which predicts labels" in line


def test_an_adapter_of_a_classifier_is_refused(tmp_path, fasta, capsys):
    peft = pytest.importorskip("peft")
    base = save(tmp_path / "base")
    tuned = toy_model("sequence")
    tuned.name_or_path = tuned.config.name_or_path = base
    config = peft.LoraConfig(task_type="SEQ_CLS", target_modules=["query"])
    peft.get_peft_model(tuned, config).save_pretrained(tmp_path / "adapter")
    line = refused(capsys, "likelihood", tmp_path / "adapter", fasta)
    assert "is a fine-tuned model (SEQ_CLS adapter)" in line


def test_a_model_of_another_kind_is_refused(tmp_path, fasta, capsys):
    from transformers import ViTConfig

    ViTConfig().save_pretrained(tmp_path / "vit")
    line = refused(capsys, "likelihood", tmp_path / "vit", fasta)
    assert line.endswith("vit is a vit model, which is not a language model.")
