"""Embeddings of regions: one vector per nucleotide, complete shards, resumable and shared among processes."""

from __future__ import annotations

import json
import socket
import subprocess

import numpy as np
import pytest

from hf_dnalm.bend import region_embeddings as embed_module
from hf_dnalm.bend.embedders import ModelEmbedder, embedder_from_file, letter_codes, one_hot
from hf_dnalm.bend.region_embeddings import embed_task
from hf_dnalm.bend.shards import find_shards, read_shards
from hf_dnalm.suites.bend.definition import BendTask
from hf_dnalm.suites.bend.published_tasks import TASKS
from tests.bend.layout import letters_of, write_bed, write_gene_finding, write_genome, write_histone
from tests.toys import nucleotide_transformer


class Counting:
    """One-hot vectors, and how many sequences were asked for."""

    def __init__(self, stop_after: int | None = None):
        self.count = 0
        self.stop_after = stop_after

    def __call__(self, sequence: str) -> np.ndarray:
        if self.count == self.stop_after:
            raise KeyboardInterrupt
        self.count += 1
        return one_hot(sequence)


@pytest.fixture
def place(tmp_path):
    """Folder with the files of two tasks, and what `embed_task` needs to find them."""
    write_histone(tmp_path)
    write_gene_finding(tmp_path)
    return {"data_dir": tmp_path, "reference": write_genome(tmp_path), "name": "onehot"}


def test_one_hot_vectors_are_in_bend_s_order():
    assert one_hot("ACGNT").tolist() == np.eye(5).tolist()
    assert letter_codes("ACGNT").tolist() == [0, 1, 2, 3, 4]


def test_shards_hold_every_region_of_their_split(place, tmp_path):
    embedded = embed_task("histone_modification", one_hot, tmp_path / "out", **place)
    assert embedded.folder == tmp_path / "out" / "histone_modification" / "onehot"
    assert (len(embedded.written), embedded.kept, embedded.samples, embedded.skipped) == (3, [], 5, 0)
    train = list(read_shards(embedded.folder, "train"))
    assert [sample.number for sample in train] == [0, 1, 2]  # of the split, not of the file
    np.testing.assert_array_equal(
        train[2].embedding, one_hot(letters_of("chr1")[200:712][::-1].translate(str.maketrans("ACGT", "TGCA")))
    )
    assert np.flatnonzero(train[2].labels).tolist() == [5]
    (test,) = read_shards(embedded.folder, "test")
    assert test.labels.tolist() == [0] * 18


def test_labels_in_hdf5_follow_their_region_through_splits_and_chunks(place, tmp_path):
    embedded = embed_task("gene_finding", one_hot, tmp_path / "out", chunk_size=1, **place)
    train = list(read_shards(embedded.folder, "train"))
    assert [len(sample.labels) for sample in train] == [30, 40]
    (test,) = read_shards(embedded.folder, "test")
    assert test.labels.tolist() == [number % 9 for number in range(20)]
    np.testing.assert_array_equal(test.embedding, one_hot(letters_of("chr2")[5:25]))


def test_groups_of_any_size_give_the_same_shards(place, tmp_path, monkeypatch):
    first = embed_task("histone_modification", one_hot, tmp_path / "first", **place)
    monkeypatch.setattr(embed_module, "_GROUP_BP", 600)
    second = embed_task("histone_modification", one_hot, tmp_path / "second", **place)
    for one, other in zip(find_shards(first.folder), find_shards(second.folder), strict=True):
        assert one.path.read_bytes() == other.path.read_bytes()


def test_a_stopped_call_is_taken_up_where_it_was(place, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        embed_task("histone_modification", Counting(stop_after=2), tmp_path, chunk_size=2, **place)
    folder = tmp_path / "histone_modification" / "onehot"
    assert sorted(path.name for path in folder.iterdir()) == ["embedding.json", "train_0.tar.gz"]
    counting = Counting()
    embedded = embed_task("histone_modification", counting, tmp_path, chunk_size=2, **place)
    assert [shard.path.name for shard in embedded.kept] == ["train_0.tar.gz"]
    assert counting.count == 3
    assert len(list(read_shards(folder))) == 5


def test_a_shard_of_a_killed_process_is_written_again(place, tmp_path):
    whole = embed_task("histone_modification", one_hot, tmp_path / "whole", **place)
    folder = tmp_path / "killed" / "histone_modification" / "onehot"
    folder.mkdir(parents=True)
    half = whole.written[0].path.read_bytes()[:500]
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = f".{whole.written[0].path.name}.{socket.gethostname()}.{ended.pid}.0a1b2c3d.part"
    (folder / left).write_bytes(half)
    embed_task("histone_modification", one_hot, tmp_path / "killed", **place)
    names = sorted(path.name for path in whole.folder.iterdir())
    assert sorted(path.name for path in folder.iterdir()) == names
    assert all((folder / name).read_bytes() == (whole.folder / name).read_bytes() for name in names)


def test_processes_share_the_chunks(place, tmp_path):
    names = []
    for rank in range(2):
        embedded = embed_task("histone_modification", one_hot, tmp_path, chunk_size=1, rank=rank, ranks=2, **place)
        names.append([shard.path.name for shard in embedded.written])
    assert names == [
        ["train_0.tar.gz", "train_2.tar.gz", "test_0.tar.gz"],
        ["train_1.tar.gz", "valid_0.tar.gz"],
    ]


def test_splits_and_chunks_are_chosen(place, tmp_path):
    embedded = embed_task(
        "histone_modification", one_hot, tmp_path, chunk_size=1, splits=["train"], chunks=[2], **place
    )
    assert [shard.path.name for shard in embedded.written] == ["train_2.tar.gz"]
    (sample,) = read_shards(embedded.folder)
    assert sample.number == 2


def test_progress_is_reported_for_every_sample(place, tmp_path):
    counts: list[int] = []
    embed_task("histone_modification", one_hot, tmp_path, progress=counts.append, **place)
    assert sum(counts) == 5


def test_an_embedding_of_another_length_is_refused_with_its_row(place, tmp_path):
    with pytest.raises(ValueError, match=r"row 1 \(line 2, chr1:1-512\): the embedding has 511 vectors for 512 bp"):
        embed_task("histone_modification", lambda sequence: one_hot(sequence)[1:], tmp_path, **place)


def test_the_published_mode_leaves_such_a_sample_out_and_counts_it(place, tmp_path, caplog):
    region = letters_of("chr1")[:512]

    def embedder(sequence: str) -> np.ndarray:
        return one_hot(sequence)[1 if sequence == region else 0 :]

    embedded = embed_task("histone_modification", embedder, tmp_path, skip_wrong_lengths=True, **place)
    assert (embedded.samples, embedded.skipped) == (4, 1)
    assert "left out 1 samples whose embedding has another length" in caplog.text
    assert [sample.number for sample in read_shards(embedded.folder, "train")] == [1, 2]


@pytest.mark.parametrize("array", [np.zeros((1, 512, 4)), np.zeros(()), np.array(["A"] * 512)])
def test_an_array_of_another_shape_or_type_is_refused(place, tmp_path, array):
    with pytest.raises(
        ValueError, match=r"the embedder returned an array of shape .* must return numbers of shape \(L, D\)"
    ):
        embed_task("histone_modification", lambda sequence: array, tmp_path, **place)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"splits": ["dev"]}, "no row is of split 'dev'; there are: train, valid, test"),
        ({"chunks": [1]}, r"split 'train' has no chunk 1; with 50,000 samples in a chunk, it has chunks 0 to 0"),
        ({"chunk_size": 0}, "chunk_size is 0"),
        ({"rank": 2, "ranks": 2}, "rank is 2 of 2"),
        ({"name": "a/b"}, "the embedder's name is 'a/b'; it must be a folder name"),
        ({"name": ""}, "the embedder's name is ''"),
    ],
)
def test_wrong_arguments_are_refused(place, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        embed_task("histone_modification", one_hot, tmp_path, **(place | changes))


def test_a_zero_shot_task_is_refused(place, tmp_path):
    with pytest.raises(ValueError, match="'variant_effects_disease' is zero-shot and has no embeddings"):
        embed_task("variant_effects_disease", one_hot, tmp_path, **place)


def test_a_folder_holds_shards_of_one_setting(place, tmp_path):
    folder = embed_task("gene_finding", one_hot, tmp_path, settings={"model": "a"}, **place).folder
    assert json.loads((folder / "embedding.json").read_text())["model"] == "a"
    with pytest.raises(
        ValueError, match=r"is of another run: model was a and is b\. Choose another name or output folder"
    ):
        embed_task("gene_finding", one_hot, tmp_path, settings={"model": "b"}, **place)
    with pytest.raises(ValueError, match="is of another run: chunk_size was 50000 and is 1"):
        embed_task("gene_finding", one_hot, tmp_path, settings={"model": "a"}, chunk_size=1, **place)
    write_bed(tmp_path, "gene_finding", "chromosome start end split", ["chr1 0 30 a", "chr2 5 25 a", "chr1 0 40 a"])
    with pytest.raises(ValueError, match="is of another run: data was"):
        embed_task("gene_finding", one_hot, tmp_path, settings={"model": "a"}, **place)


def test_a_model_gives_the_vectors_of_single_passes_and_windows_of_long_ones(place, tmp_path):
    from tests.toys import dnabert2

    model, tokenizer = dnabert2.toy_model("base"), dnabert2.toy_tokenizer()
    embedder = ModelEmbedder(model, tokenizer, device="cpu")
    sequence = letters_of("chr1")[:30]
    assert embedder(sequence).shape == (30, model.config.hidden_size)
    task = BendTask("long", ("a",), downsample=900)
    write_bed(tmp_path, "long", "chromosome start end label split", ["chr1 0 900 0 train"])
    (sample,) = read_shards(embed_task(task, embedder, tmp_path, **place).folder)
    assert sample.embedding.shape == (900, model.config.hidden_size)  # more tokens than the toy reads at once
    layers = ModelEmbedder(model, tokenizer, layer=0)(sequence)
    assert not np.allclose(layers, embedder(sequence))


def test_a_function_in_a_file_is_an_embedder(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\n\ndef gc(sequence):\n    return np.array([[x in 'GC'] for x in sequence]) * 1.0\n"
    )
    assert embedder_from_file(f"{path}:gc")("AG").tolist() == [[0.0], [1.0]]
    with pytest.raises(ValueError, match=r"mine.py has no function 'at'"):
        embedder_from_file(f"{path}:at")
    with pytest.raises(FileNotFoundError, match=r"other.py: no such file"):
        embedder_from_file(f"{tmp_path / 'other.py'}:gc")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ValueError, match=r"notes.txt is not a Python file"):
        embedder_from_file(f"{tmp_path / 'notes.txt'}:gc")


def test_every_supervised_task_has_a_folder_of_its_own(place, tmp_path):
    folders = {embed_task(name, one_hot, tmp_path, **place).folder for name in ("histone_modification", "gene_finding")}
    assert len(folders) == 2
    assert {folder.parent.name for folder in folders} <= set(TASKS)


def test_vectors_that_are_not_finite_are_refused_by_their_region(place, tmp_path):
    calls = []

    def broken(sequence: str) -> np.ndarray:
        calls.append(sequence)
        return one_hot(sequence) * (np.nan if len(calls) == 2 else 1)

    message = (
        r"^\S+histone_modification\.bed: row 2 \(line 3, .*\): [\d,]+ of [\d,]+ output values are not finite \(nan\)"
    )
    with pytest.raises(ValueError, match=message):
        embed_task("histone_modification", broken, tmp_path / "out", **place)
    assert not list((tmp_path / "out").rglob("*.tar.gz"))


def test_a_model_whose_vectors_are_not_finite_is_refused_by_the_region(place, tmp_path):
    model = nucleotide_transformer.toy_model("base")
    model.get_input_embeddings().weight.data[:] = np.nan
    embedder = ModelEmbedder(model, nucleotide_transformer.toy_tokenizer())
    with pytest.raises(ValueError, match=r"^sequence '\S+histone_modification\.bed.*': .* not finite .*dnalm verify"):
        embed_task("histone_modification", embedder, tmp_path / "out", **place)
    assert not list((tmp_path / "out").rglob("*.tar.gz"))
