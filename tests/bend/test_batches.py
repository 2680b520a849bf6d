"""Batches: padding at the right, an order that (seed, epoch) decides, little memory, and samples that are refused."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hf_dnalm.bend.batches import LetterSource, ShardSource, Stream, collate, fitted
from hf_dnalm.bend.folds import Part
from hf_dnalm.bend.shards import Sample, shard_path, write_shard
from hf_dnalm.suites.bend.definition import PADDING, BendTask

CLASSES = BendTask("classes", ("a", "b", "c"), level="nucleotide", loss="cross_entropy", metric="mcc")
TRACKS = BendTask("tracks", ("x", "y"), downsample=8)
BINS = BendTask("bins", ("peak",), level="bin", downsample=4)


def sample(number, length, width=2, labels=None):
    embedding = np.full((length, width), number, dtype=np.float32)
    return Sample(number, embedding, np.zeros(length, dtype=np.int64) if labels is None else np.asarray(labels))


class Memory:
    """A source whose samples are in memory."""

    def __init__(self, samples):
        self.identity = {"embeddings": "memory"}
        self.samples = samples
        self.parts = list(samples)
        self.reads = 0

    def read(self, part):
        self.reads += 1
        yield from self.samples[part]


def order_of(stream, size, order):
    return [int(row[0, 0]) for batch in stream.batches(size, order=order) for row in batch.inputs]


def test_vectors_are_padded_with_zero_and_labels_with_minus_100():
    batch = collate(CLASSES, [sample(1, 3, labels=[0, 1, 2]), sample(2, 1, labels=[1])])
    assert batch.inputs.tolist() == [[[1, 1], [1, 1], [1, 1]], [[2, 2], [0, 0], [0, 0]]]
    assert batch.real.tolist() == [[True, True, True], [True, False, False]]
    assert batch.labels.tolist() == [[0, 1, 2], [1, PADDING, PADDING]]


@pytest.mark.parametrize(("compat", "padding"), [(False, PADDING), (True, 0)])
def test_padded_letters_are_none_and_as_published_an_a(compat, padding):
    letters = [Sample(0, np.array([4, 4]), np.array([0, 0])), Sample(1, np.array([3]), np.array([0]))]
    assert collate(CLASSES, letters, compat=compat).inputs.tolist() == [[4, 4], [3, padding]]


@pytest.mark.parametrize(
    ("task", "length", "labels", "shape"),
    [
        (CLASSES, 3, [0, 1, 2], (3,)),
        (TRACKS, 8, [0, 1], (1, 2)),
        (TRACKS, 11, [[0, 1]], (1, 2)),
        (BINS, 9, [0, 1], (2, 1)),
        (BendTask("kind", ("a", "b"), downsample=8, loss="cross_entropy", metric="mcc"), 8, 1, (1,)),
    ],
)
def test_labels_get_the_shape_of_the_networks_answers(task, length, labels, shape):
    assert fitted(task, sample(0, length, labels=labels), "here").labels.shape == shape


def test_samples_that_do_not_fit_are_refused():
    with pytest.raises(
        ValueError, match=r"x: sample_7 has labels of shape \(3,\) for 4 vectors; .* needs labels of shape \(4,"
    ):
        fitted(CLASSES, sample(7, 4, labels=[0, 1, 2]), "x: sample_7")
    with pytest.raises(ValueError, match="x has a label 3; labels of task 'classes' are 0 to 2"):
        fitted(CLASSES, sample(0, 1, labels=[3]), "x")
    with pytest.raises(ValueError, match="x has a label 2; labels of task 'tracks' are 0 to 1"):
        fitted(TRACKS, sample(0, 8, labels=[0, 2]), "x")
    with pytest.raises(ValueError, match="x has a place where some labels are -100"):
        fitted(TRACKS, sample(0, 8, labels=[0, PADDING]), "x")
    with pytest.raises(ValueError, match="x has NaN or infinite values in its embedding"):
        fitted(CLASSES, Sample(0, np.full((1, 2), np.nan), np.array([0])), "x")


def test_shards_of_two_embedders_are_refused():
    source = Memory({Part("train"): [sample(0, 1)], Part("train", 1): [sample(1, 1, width=3)]})
    with pytest.raises(ValueError, match=r"sample_1 has vectors of shape \(3,\), but the samples before it \(2,\)"):
        list(Stream(CLASSES, source, source.parts, memory_bytes=0).batches(1))


def test_files_are_read_in_their_order_and_the_last_batch_may_be_small():
    source = Memory({Part("train"): [sample(n, 1) for n in range(3)], Part("train", 1): [sample(9, 1), sample(8, 1)]})
    stream = Stream(CLASSES, source, source.parts, memory_bytes=0)
    assert [len(batch.inputs) for batch in stream.batches(2)] == [2, 2, 1]
    assert order_of(stream, 2, None) == [0, 1, 2, 9, 8]
    assert order_of(stream, 2, (0, 0)) == [0, 1, 2, 9, 8]  # nothing may be held, so nothing is shuffled


@given(
    chunks=st.lists(st.integers(0, 9), min_size=1, max_size=4),
    memory=st.sampled_from([0, 40, 100, 10_000]),
    order=st.tuples(st.integers(0, 5), st.integers(0, 5)),
)
def test_every_sample_comes_once_in_an_order_that_seed_and_epoch_decide(chunks, memory, order):
    numbers = iter(range(100))
    samples = {Part("train", chunk): [sample(next(numbers), 1) for _ in range(n)] for chunk, n in enumerate(chunks)}
    source = Memory(samples)
    used = Stream(CLASSES, source, source.parts, memory_bytes=memory)
    order_of(used, 2, (7, 7))  # an epoch before leaves nothing behind
    first = order_of(used, 2, order)
    assert sorted(first) == list(range(sum(chunks)))
    assert order_of(Stream(CLASSES, source, source.parts, memory_bytes=memory), 3, order) == first


def test_epochs_differ_when_samples_fit_into_memory_and_these_are_read_once():
    source = Memory({Part("train"): [sample(n, 1) for n in range(20)]})
    stream = Stream(CLASSES, source, source.parts, memory_bytes=10_000)
    orders = [order_of(stream, 5, (0, epoch)) for epoch in range(3)]
    assert len({tuple(order) for order in orders}) == 3
    assert source.reads == 1


def test_memory_stays_flat_however_many_samples_there_are(tmp_path):
    big = 250_000  # bytes of a sample
    source = {}
    for count in (8, 80):
        folder = tmp_path / str(count)
        folder.mkdir()
        vectors = np.random.default_rng(0).random((250, 250), dtype=np.float32)  # zeros would unpack from nothing
        samples = (Sample(n, vectors, np.zeros(250, np.int64)) for n in range(count))
        write_shard(shard_path(folder, "train", 0), samples)
        source[count] = ShardSource(folder)
    peaks = []
    for count in (8, 80):
        stream = Stream(CLASSES, source[count], source[count].parts, memory_bytes=2 * big)
        gc.collect()
        tracemalloc.start()
        assert sum(len(batch.inputs) for batch in stream.batches(2, order=(0, 0))) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + big


def test_a_folder_of_shards_is_told_from_others_by_its_files(tmp_path):
    write_shard(shard_path(tmp_path, "train", 0), [sample(0, 1)])
    (tmp_path / "embedding.json").write_text('{"model": "toy"}')
    source = ShardSource(tmp_path)
    assert source.parts == [Part("train", 0, tmp_path / "train_0.tar.gz")]
    assert set(source.identity["bytes_of_shards"]) == {"train_0.tar.gz"}
    assert source.identity["made_by"] == {"model": "toy"}


def test_letters_are_read_from_the_genome(tmp_path):
    (tmp_path / "genome.fa").write_text(">chr1\nACGTNACG\n")
    (tmp_path / "mine.bed").write_text(
        "chromosome\tstart\tend\tsplit\tlabel\nchr1\t0\t5\ttrain\t1\nchr1\t5\t8\ttest\t\n"
    )
    task = BendTask("mine", ("a", "b"), downsample=3)
    source = LetterSource(task, tmp_path, tmp_path / "genome.fa")
    assert [part.split for part in source.parts] == ["train", "test"]
    [only] = source.read(source.parts[0])
    assert only.embedding.tolist() == [0, 1, 2, 4, 3]  # A C G T N
    assert only.labels.tolist() == [0, 1]
    [batch] = Stream(task, source, source.parts[:1], memory_bytes=0).batches(4)
    assert batch.inputs.dtype == torch.int64
    source.close()
