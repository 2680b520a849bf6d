"""`embed_file` gives the vectors of `embed` and `embed_tokens`, for any shards and after any interruption."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import tarfile

import numpy as np
import pyarrow.parquet
import pytest
import torch
from safetensors import safe_open

from hf_dnalm.inference import embed, embed_file, embed_tokens, shards
from tests.toys import dnabert, nucleotide_transformer

MODEL = nucleotide_transformer.toy_model("masked_lm")
TOKENIZER = nucleotide_transformer.toy_tokenizer(model_max_length=12)
FLOAT32 = {"dtype": torch.float32}
GENERATOR = np.random.default_rng(0)
SEQUENCES = {
    f"s{number}": "".join(GENERATOR.choice(list("ACGTacgtN"), length))
    for number, length in enumerate([9, 300, 1, 20, 61, 7, 250, 33])
}
LETTERS = list(SEQUENCES.values())


@pytest.fixture
def fasta(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "x.fa").write_text("".join(f">{name} text\n{letters}\n" for name, letters in SEQUENCES.items()))
    return folder / "x.fa"


def run(fasta, out, **options):
    embed_file(MODEL, TOKENIZER, fasta, out, **(FLOAT32 | {"overflow": "windows"} | options))


def stop(*arguments, **options):
    raise KeyboardInterrupt


def stop_before_the_file_is_written(monkeypatch, fasta, out, **options):
    with monkeypatch.context() as patched:
        patched.setattr("hf_dnalm.inference.embedding_files.write_vector_rows", stop)
        with pytest.raises(KeyboardInterrupt):
            run(fasta, out, **options)


def read_npz(path):
    with np.load(path) as file:
        return {name: file[name] for name in file}


@pytest.mark.parametrize("shard_bp", [1, 60, 10**6])
@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
def test_vectors_do_not_depend_on_the_shards(fasta, tmp_path, shard_bp, pooling):
    run(fasta, tmp_path / "x.npz", shard_bp=shard_bp, pooling=pooling, layer=1)
    got = read_npz(tmp_path / "x.npz")
    expected = embed(MODEL, TOKENIZER, LETTERS, overflow="windows", pooling=pooling, layer=1, **FLOAT32).vectors
    assert got["names"].tolist() == list(SEQUENCES)
    np.testing.assert_allclose(got["embeddings"], expected, atol=5e-6)
    assert str(got["pooling"]) == pooling
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "x.npz"]


@pytest.mark.parametrize("shard_bp", [7, 60, 10**6])
@pytest.mark.parametrize("per", ["nucleotide", "token"])
def test_long_records_become_several_shards_and_one_again(fasta, tmp_path, shard_bp, per):
    run(fasta, tmp_path / "x.npz", shard_bp=shard_bp, pooling=per)
    got = read_npz(tmp_path / "x.npz")
    expected = embed_tokens(MODEL, TOKENIZER, LETTERS, per=per, overflow="windows", **FLOAT32).vectors
    assert np.diff(got["offsets"]).tolist() == [len(each) for each in expected]
    np.testing.assert_allclose(got["embeddings"], np.concatenate(expected), atol=5e-6)


def test_every_format_holds_the_vectors_of_nucleotides(fasta, tmp_path):
    h5py = pytest.importorskip("h5py")
    for extension in ("npz", "safetensors", "h5", "parquet", "tar.gz"):
        run(fasta, tmp_path / f"x.{extension}", shard_bp=100, pooling="nucleotide")
    expected = read_npz(tmp_path / "x.npz")
    with safe_open(tmp_path / "x.safetensors", framework="np") as file:
        assert json.loads(file.metadata()["names"]) == list(SEQUENCES)
        np.testing.assert_array_equal(file.get_tensor("embeddings"), expected["embeddings"])
        np.testing.assert_array_equal(file.get_tensor("offsets"), expected["offsets"])
    with h5py.File(tmp_path / "x.h5") as file:
        assert list(file["names"].asstr()) == list(SEQUENCES)
        np.testing.assert_array_equal(file["embeddings"], expected["embeddings"])
        np.testing.assert_array_equal(file["offsets"], expected["offsets"])
    with tarfile.open(tmp_path / "x.tar.gz") as archive:
        for number, (start, end) in enumerate(itertools.pairwise(expected["offsets"])):
            array = np.load(io.BytesIO(archive.extractfile(f"sample_{number}.input.npy").read()))
            np.testing.assert_array_equal(array, expected["embeddings"][None, start:end])
    table = pyarrow.parquet.read_table(tmp_path / "x.parquet")
    assert table["name"].to_pylist() == [name for name, letters in SEQUENCES.items() for _ in letters]
    assert table["position"].to_pylist() == [place for letters in LETTERS for place in range(len(letters))]
    np.testing.assert_array_equal(np.array(table["embedding"].to_pylist(), np.float32), expected["embeddings"])
    with pytest.raises(ValueError, match=r"AnnData holds one vector per sequence, not per nucleotide; write \.h5"):
        run(fasta, tmp_path / "x.h5ad", pooling="nucleotide")


@pytest.mark.parametrize("pooling", ["mean", "nucleotide"])
def test_an_interruption_anywhere_loses_nothing_and_does_nothing_twice(fasta, tmp_path, monkeypatch, pooling):
    options = {"shard_bp": 60, "pooling": pooling}
    run(fasta, tmp_path / "expected.npz", **options)
    expected = (tmp_path / "expected.npz").read_bytes()
    done: list[int] = []
    write = shards.ShardFolder.write

    def stop_after_writing(self, shard, content):
        write(self, shard, content)
        done.append(shard.number)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shards.ShardFolder, "write", stop_after_writing)
        patched.setattr("hf_dnalm.inference.embedding_files.write_vector_rows", stop)
        before = -1
        while len(done) > before:  # otherwise the run was stopped while writing the file
            before = len(done)
            with pytest.raises(KeyboardInterrupt):
                run(fasta, tmp_path / "x.npz", **options)
            assert not (tmp_path / "x.npz").exists()
    monkeypatch.setattr(shards.ShardFolder, "write", stop)  # all shards are finished
    run(fasta, tmp_path / "x.npz", **options)
    assert len(done) > 3
    assert done == list(range(len(done)))
    assert (tmp_path / "x.npz").read_bytes() == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["expected.npz", "in", "x.npz"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pooling": "max"}, "pooling was mean and is max"),
        ({"layer": 1}, "layer was -1 and is 1"),
        ({"overflow": "truncate"}, "overflow was windows and is truncate"),
        ({"dtype": torch.bfloat16}, "dtype was float32 and is bfloat16"),
        ({"shard_bp": 99}, "shard_bp was 100 and is 99"),
        ({"model": nucleotide_transformer.toy_model(seed=1)}, "model was [0-9a-f]{32} and is [0-9a-f]{32}"),
        ({"tokenizer": nucleotide_transformer.toy_tokenizer()}, "tokenizer was [0-9a-f]{32} and is"),
        ({"letters": "ACGT"}, "input was [0-9a-f]{32} and is [0-9a-f]{32}"),
    ],
)
def test_what_changed_since_the_shards_is_refused(fasta, tmp_path, monkeypatch, change, message):
    stop_before_the_file_is_written(monkeypatch, fasta, tmp_path / "x.npz", shard_bp=100)
    if "letters" in change:
        fasta.write_text(f">other\n{change.pop('letters')}\n")
    model, tokenizer = change.pop("model", MODEL), change.pop("tokenizer", TOKENIZER)
    options = FLOAT32 | {"overflow": "windows", "shard_bp": 100} | change
    before = sorted((tmp_path / "x.npz.shards").iterdir())
    with pytest.raises(ValueError, match=f"is of another run: {message}"):
        embed_file(model, tokenizer, fasta, tmp_path / "x.npz", **options)
    assert sorted((tmp_path / "x.npz.shards").iterdir()) == before


def test_the_same_records_in_another_file_go_on_with_the_shards(fasta, tmp_path, monkeypatch):
    stop_before_the_file_is_written(monkeypatch, fasta, tmp_path / "x.npz")
    (tmp_path / "in" / "y.fa.gz").write_bytes(gzip.compress(fasta.read_bytes().replace(b"\n", b"\r\n")))
    monkeypatch.setattr(shards.ShardFolder, "write", stop)
    run(tmp_path / "in" / "y.fa.gz", tmp_path / "x.npz")
    assert read_npz(tmp_path / "x.npz")["names"].tolist() == list(SEQUENCES)


def test_processes_divide_the_shards_and_the_first_one_writes_the_file(fasta, tmp_path, monkeypatch):
    monkeypatch.setattr(shards.PartialState, "wait_for_everyone", lambda self: None)
    monkeypatch.setattr(shards.PartialState, "destroy_process_group", lambda self: None)
    options = {"shard_bp": 60, "pooling": "nucleotide"}
    run(fasta, tmp_path / "expected.npz", **options)
    monkeypatch.setattr(shards, "process_of_this_run", lambda: (1, 2))
    run(fasta, tmp_path / "x.npz", **options)
    there = {path.name for path in (tmp_path / "x.npz.shards").iterdir()}
    assert "00000001.safetensors" in there
    assert "00000000.safetensors" not in there
    monkeypatch.setattr(shards, "process_of_this_run", lambda: (0, 2))
    # as the first process sees the folder at the same moment, before the second one has written
    monkeypatch.setattr(shards.ShardFolder, "unfinished", lambda self, planned: planned)
    run(fasta, tmp_path / "x.npz", **options)
    assert (tmp_path / "x.npz").read_bytes() == (tmp_path / "expected.npz").read_bytes()


@pytest.mark.parametrize(
    ("bad", "options", "message"),
    [
        (">long\n" + "ACG" * 30, {"overflow": "error"}, "sequence 'long' is 90 bp = 31 tokens; the model reads 12"),
        (">rna\nACGU", {}, r"bad\.fa: record 9 \('rna'\): letter 'U' at position 4"),
        (">s0\nACG", {}, r"bad\.fa: record 9 \('s0'\) has the same name as record 1"),
        ("", {"pooling": "sum"}, "pooling is 'sum'; choose from mean, cls, max, nucleotide, token"),
        ("", {"layer": 5}, "there is no layer 5"),
    ],
)
def test_what_cannot_be_embedded_is_refused_before_any_work(fasta, tmp_path, bad, options, message):
    good = fasta.read_text() if options.get("overflow") != "error" else ""
    (tmp_path / "bad.fa").write_text(good + bad + "\n")
    with pytest.raises(ValueError, match=message):
        run(tmp_path / "bad.fa", tmp_path / "x.npz", **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.fa", "in"]


def test_a_record_without_a_token_is_refused_before_any_work(tmp_path):
    (tmp_path / "x.fa").write_text(">a\nACGTTGCA\n>b\nAC\n")
    with pytest.raises(ValueError, match="'b' is 2 bp, which is too short for one token of the model's tokenizer"):
        embed_file(
            dnabert.toy_model("base"),
            dnabert.toy_tokenizer(),
            tmp_path / "x.fa",
            tmp_path / "x.npz",
            pooling="nucleotide",
        )
    assert [path.name for path in tmp_path.iterdir()] == ["x.fa"]


def test_what_was_written_is_returned(tmp_path):
    (tmp_path / "x.fa").write_text(">a\nACGTTACGTTGG\n>b\nTTGACA\n")
    written = embed_file(MODEL, TOKENIZER, tmp_path / "x.fa", tmp_path / "x.npz", pooling="nucleotide")
    assert written.output == tmp_path / "x.npz"
    assert (written.sequences, written.per, written.hidden_size) == (2, "nucleotide", MODEL.config.hidden_size)
    with pytest.raises(AttributeError):
        written.sequences = 3
