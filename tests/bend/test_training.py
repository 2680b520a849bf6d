"""Training on embeddings: it finds a planted signal, an interrupted run ends like any other, and folds add up."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from hf_dnalm.bend.batches import LetterSource, ShardSource
from hf_dnalm.bend.networks import DownstreamCNN
from hf_dnalm.bend.shards import Sample, shard_path, write_shard
from hf_dnalm.bend.training import Settings, summarise, train_bend
from hf_dnalm.suites.bend.definition import PADDING, BendTask
from hf_dnalm.suites.bend.published_tasks import find_task

TRACKS = BendTask("tracks", ("x", "y"), downsample=16, hidden=8, batch_size=16, epochs=6, learning_rate=0.02)
BINS = BendTask(
    "bins", ("peak",), level="bin", metric="auprc", downsample=4, hidden=4, positive_weight=3.0, batch_size=4, epochs=2
)
CLASSES = BendTask("classes", ("a", "b"), level="nucleotide", loss="cross_entropy", metric="mcc", hidden=4, epochs=2)
QUICK = Settings(bootstrap=20)


class Killed(Exception):
    """In the place of a signal: nothing of ours catches it."""


def tracks(split_sizes, folder, seed=0):
    """Noise, with a bump of channel 0 where x is 1 and of channel 1 where y is 1."""
    generator = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    for split, size in split_sizes.items():
        samples = []
        for number in range(size):
            labels = generator.integers(0, 2, 2)
            vectors = generator.normal(size=(16, 4)).astype(np.float32)
            place = generator.integers(0, 12)
            vectors[place : place + 4, :2] += 3 * labels
            samples.append(Sample(number, vectors, labels))
        write_shard(shard_path(folder, split, 0), samples)
    return ShardSource(folder)


@pytest.fixture
def splits(tmp_path):
    return tracks({"train": 96, "valid": 40, "test": 40}, tmp_path / "shards")


def read(path):
    return json.loads(path.read_text())


def test_the_network_finds_a_planted_signal(splits, tmp_path):
    summary = train_bend(TRACKS, splits, tmp_path / "out", settings=QUICK)
    assert summary["metrics"]["auroc"]["mean"] > 0.9
    result = read(tmp_path / "out" / "result.json")
    test = result["test"]
    assert test["low"] <= test["value"] == test["metrics"]["auroc"] <= test["high"]
    assert test["per_label"]["auroc"].keys() == {"x", "y"}
    assert np.mean(list(test["per_label"]["auroc"].values())) == pytest.approx(test["value"])
    assert (test["regions"], test["places"]) == (40, 40)
    assert not (tmp_path / "out" / "state.pt").exists()


def test_the_epoch_that_validates_best_is_tested_and_its_weights_are_kept(splits, tmp_path):
    train_bend(TRACKS, splits, tmp_path / "out", settings=QUICK)
    result = read(tmp_path / "out" / "result.json")
    metrics = [row["validation"] for row in result["history"]]
    assert [row["epoch"] for row in result["history"]] == [1, 2, 3, 4, 5, 6]
    assert result["best_epoch"] == 1 + int(np.argmax(metrics))
    network = DownstreamCNN(4, 2, hidden=8, downsample=16)
    network.load_state_dict(load_file(tmp_path / "out" / "network.safetensors"))
    assert result["parameters"] == sum(parameter.numel() for parameter in network.parameters())
    samples = list(splits.read(next(part for part in splits.parts if part.split == "test")))
    with torch.no_grad():
        logits = network(torch.from_numpy(np.stack([sample.embedding for sample in samples])))[:, 0]
    labels = np.stack([sample.labels for sample in samples])
    right = ((logits.numpy() > 0) == labels).mean(0)
    assert list(result["test"]["per_label"]["accuracy"].values()) == pytest.approx(right.tolist())


@pytest.mark.parametrize(("stop", "dtype"), [(2, "float32"), (6, "float32"), (2, "float16")])
def test_a_stopped_run_ends_with_the_numbers_of_an_undisturbed_one(splits, tmp_path, stop, dtype):
    settings = dataclasses.replace(QUICK, dtype=dtype)
    train_bend(TRACKS, splits, tmp_path / "undisturbed", settings=settings)
    seen = []

    def killed_after(line):
        seen.append(line)
        if len(seen) == stop:
            raise Killed

    with pytest.raises(Killed):
        train_bend(TRACKS, splits, tmp_path / "stopped", settings=settings, progress=killed_after)
    train_bend(TRACKS, splits, tmp_path / "stopped", settings=settings, progress=seen.append)
    assert len(seen) == TRACKS.epochs  # no epoch twice
    for name in ("result.json", "network.safetensors", "summary.json"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_less_precise_arithmetic_finds_the_signal_too(splits, tmp_path, dtype):
    summary = train_bend(TRACKS, splits, tmp_path / "out", settings=dataclasses.replace(QUICK, dtype=dtype))
    assert summary["metrics"]["auroc"]["mean"] > 0.9
    assert load_file(tmp_path / "out" / "network.safetensors")["conv1.1.weight"].dtype == torch.float32


def test_dropout_continues_after_a_resume(tmp_path):
    source = letters(tmp_path)
    task = dataclasses.replace(TRACKS, name="letters", downsample=48, epochs=2)
    settings = dataclasses.replace(QUICK, network="basset")
    train_bend(task, source, tmp_path / "undisturbed", settings=settings)

    def killed(line):
        raise Killed

    with pytest.raises(Killed):
        train_bend(task, source, tmp_path / "stopped", settings=settings, progress=killed)
    train_bend(task, source, tmp_path / "stopped", settings=settings)
    results = [read(tmp_path / name / "result.json") for name in ("stopped", "undisturbed")]
    assert results[0] == results[1]
    source.close()


def letters(folder, count=24):
    """Regions of 48 bp on a random contig; x where T is frequent, y where G is."""
    generator = np.random.default_rng(0)
    rows, contig = [], ""
    for number in range(count):
        x, y = generator.integers(0, 2, 2) if number > 7 else (number // 4, 1 - number // 4)
        chances = np.array([2, 2, 2 + 6 * y, 2 + 6 * x], dtype=float)
        contig += "".join(generator.choice(list("ACGT"), size=48, p=chances / chances.sum()))
        split = ("train", "train", "valid", "test")[number % 4]
        active = ",".join(name for name, on in (("0", x), ("1", y)) if on)
        rows.append(f"chr1\t{48 * number}\t{48 * number + 48}\t{split}\t{active}")
    (folder / "letters.bed").write_text("\n".join(["chromosome\tstart\tend\tsplit\tlabel", *rows]) + "\n")
    (folder / "genome.fa").write_text(f">chr1\n{contig}\n")
    return LetterSource(dataclasses.replace(TRACKS, name="letters", downsample=48), folder, folder / "genome.fa")


def test_the_baselines_read_letters(tmp_path):
    source = letters(tmp_path, count=8)
    task = dataclasses.replace(TRACKS, name="letters", downsample=48, epochs=1)
    summary = train_bend(task, source, tmp_path / "resnet", settings=dataclasses.replace(QUICK, network="resnet"))
    assert summary["settings"]["network"] == "resnet"
    assert load_file(tmp_path / "resnet" / "network.safetensors")["encoder.encoder.29.conv.1.weight"].shape[0] == 256
    source.close()


def test_each_seed_is_a_run_of_its_own(splits, tmp_path):
    one = dataclasses.replace(TRACKS, epochs=1)
    losses = [
        train_bend(one, splits, tmp_path / str(seed), settings=dataclasses.replace(QUICK, seed=seed))["metrics"]
        for seed in (0, 1)
    ]
    assert losses[0] != losses[1]


def test_a_finished_fold_is_not_run_again_and_the_summary_is_over_all(tmp_path):
    source = tracks({f"part{number}": 24 for number in (1, 2, 3)}, tmp_path / "shards")
    task = dataclasses.replace(TRACKS, cross_validation=3, epochs=2)
    lines = []
    first = train_bend(task, source, tmp_path / "out", folds=[1], settings=QUICK, progress=lines.append)
    assert first["folds"] == [1]
    assert first["metrics"]["auroc"]["sd"] is None
    assert [line.split(",")[0] for line in lines] == ["fold 1", "fold 1"]
    summary = train_bend(task, source, tmp_path / "out", settings=QUICK, progress=lines.append)
    assert [line.split(",")[0] for line in lines[2:]] == ["fold 0", "fold 0", "fold 2", "fold 2"]
    assert summary == read(tmp_path / "out" / "summary.json")
    assert summary["folds"] == [0, 1, 2]
    values = [read(tmp_path / "out" / f"fold_{fold}" / "result.json")["test"]["value"] for fold in (0, 1, 2)]
    assert summary["metrics"]["auroc"]["values"] == values
    assert summary["metrics"]["auroc"]["mean"] == pytest.approx(np.mean(values))
    assert summary["metrics"]["auroc"]["sd"] == pytest.approx(np.std(values, ddof=1))


def test_a_summary_leaves_undefined_values_out():
    results = [
        {"fold": fold, "settings": {}, "data": {}, "test": {"metrics": {"auroc": value}}}
        for fold, value in ((1, 0.5), (2, None), (3, 0.7))
    ]
    summary = summarise(dataclasses.replace(TRACKS, cross_validation=3), results)["metrics"]["auroc"]
    assert summary == {"mean": pytest.approx(0.6), "sd": pytest.approx(0.1 * 2**0.5), "values": [0.5, None, 0.7]}


def bins(folder, lengths):
    """Regions of these lengths, with a peak where channel 0 is high."""
    generator = np.random.default_rng(0)
    folder.mkdir()
    for split in ("train", "valid", "test"):
        samples = []
        for number in range(12):
            length = lengths[number % len(lengths)]
            labels = generator.integers(0, 2, length // 4)
            labels[:2] = 0, 1
            vectors = generator.normal(size=(length, 3)).astype(np.float32)
            vectors[:, 0] += labels.repeat(4)
            samples.append(Sample(number, vectors, labels))
        write_shard(shard_path(folder, split, 0), samples)
    return ShardSource(folder)


@pytest.mark.parametrize(("lengths", "equal"), [([16], True), ([16, 8], False)])
def test_as_published_differs_only_where_there_is_padding(tmp_path, lengths, equal):
    source = bins(tmp_path / "shards", lengths)
    histories = []
    for compat in (False, True):
        folder = tmp_path / str(compat)
        train_bend(BINS, source, folder, settings=dataclasses.replace(QUICK, compat=compat))
        histories.append(read(folder / "result.json")["history"])
    assert (histories[0] == histories[1]) == equal
    if not equal:  # padding has a loss of about a hundred times its logit
        assert abs(histories[1][-1]["train_loss"]) > 2 * histories[0][-1]["train_loss"]


def test_bins_and_nucleotides_without_a_label_are_not_scored(tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for split in ("train", "valid", "test"):
        samples = []
        for number, length in enumerate((5, 3, 4)):
            labels = np.arange(length) % 2
            labels[2] = PADDING
            samples.append(Sample(number, generator.normal(size=(length, 2)).astype(np.float32), labels))
        write_shard(shard_path(folder, split, 0), samples)
    train_bend(CLASSES, ShardSource(folder), tmp_path / "out", settings=QUICK)
    test = read(tmp_path / "out" / "result.json")["test"]
    assert (test["regions"], test["places"]) == (3, 5 + 3 + 4 - 3)
    assert test["per_label"].keys() == {"recall", "precision"}


def test_another_run_in_the_folder_is_refused(splits, tmp_path):
    one = dataclasses.replace(TRACKS, epochs=1)
    train_bend(one, splits, tmp_path / "out", settings=QUICK)
    with pytest.raises(ValueError, match=r"result.json is of another run: seed was 0 and is 1\. Choose another"):
        train_bend(one, splits, tmp_path / "out", settings=dataclasses.replace(QUICK, seed=1))
    with pytest.raises(ValueError, match=r"is of another run: epochs was 1 and is 2"):
        train_bend(dataclasses.replace(one, epochs=2), splits, tmp_path / "out", settings=QUICK)
    other = tracks({"train": 90, "valid": 40, "test": 40}, tmp_path / "others")
    with pytest.raises(ValueError, match=r"is of another run: .*embeddings was shards and is others"):
        train_bend(one, other, tmp_path / "out", settings=QUICK)


def test_an_unfinished_run_with_other_settings_is_refused(splits, tmp_path):
    def killed(line):
        raise Killed

    with pytest.raises(Killed):
        train_bend(TRACKS, splits, tmp_path / "out", settings=QUICK, progress=killed)
    with pytest.raises(ValueError, match=r"state.pt is of another run: compat was False and is True"):
        train_bend(TRACKS, splits, tmp_path / "out", settings=dataclasses.replace(QUICK, compat=True))


def test_what_cannot_be_trained_is_refused(splits, tmp_path):
    with pytest.raises(ValueError, match="is zero-shot, so there is nothing to train"):
        train_bend(find_task("variant_effects_disease"), splits, tmp_path / "out")
    with pytest.raises(ValueError, match="network 'resnet' reads sequences, not embeddings"):
        train_bend(TRACKS, splits, tmp_path / "out", settings=Settings(network="resnet"))
    with pytest.raises(ValueError, match="dtype is 'float64'; it must be one of float32, bfloat16, float16"):
        Settings(dtype="float64")
    with pytest.raises(ValueError, match="memory_bytes is -1; it must be 0 or more"):
        Settings(memory_bytes=-1)


def test_a_loss_that_is_no_number_stops_the_run(splits, tmp_path):
    wild = dataclasses.replace(TRACKS, learning_rate=1e30)
    with pytest.raises(ValueError, match=r"the loss is (nan|inf) in epoch \d\. .* lower the learning rate"):
        train_bend(wild, splits, tmp_path / "out", settings=QUICK)


def test_a_metric_that_validation_cannot_define_is_refused(tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    for split in ("train", "valid", "test"):
        write_shard(shard_path(folder, split, 0), [Sample(0, np.zeros((16, 2), np.float32), np.zeros(2, np.int64))])
    with pytest.raises(ValueError, match="auroc is undefined on the validation split in every epoch"):
        train_bend(dataclasses.replace(TRACKS, epochs=1), ShardSource(folder), tmp_path / "out", settings=QUICK)


@pytest.mark.parametrize(
    ("empty", "message"),
    [("train", "the training split has no samples"), ("valid", "the validation split has no samples")],
)
def test_a_split_without_samples_is_refused(tmp_path, empty, message):
    source = tracks({"train": 8, "valid": 8, "test": 8, empty: 0}, tmp_path / "shards")
    with pytest.raises(ValueError, match=f"'tracks': {message}"):
        train_bend(TRACKS, source, tmp_path / "out", settings=QUICK)
