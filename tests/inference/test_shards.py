"""Every record is in exactly one shard, shards are complete or absent, and shards of another run are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_dnalm.data.records import Record
from hf_dnalm.inference.record_streams import InputDigest
from hf_dnalm.inference.shards import (
    Shard,
    ShardContent,
    ShardFolder,
    model_fingerprint,
    plan_shards,
)
from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer

CONTENT = ShardContent(["a", "é b"], np.array([1, 2]), np.arange(6, dtype=np.float32).reshape(3, 2))


@given(st.lists(st.integers(1, 40), max_size=30), st.integers(1, 50), st.booleans())
def test_shards_hold_every_record_once_and_are_no_larger_than_need_be(lengths, shard_bp, divisible):
    shards = plan_shards(lengths, shard_bp=shard_bp, divisible=divisible)
    assert [shard.number for shard in shards] == list(range(len(shards)))
    records = [record for shard in shards if shard.part == 0 for record in range(shard.first, shard.end)]
    assert records == list(range(len(lengths)))
    for shard in shards:
        assert sum(lengths[shard.first : shard.end - 1]) < shard_bp
        if shard.parts > 1:
            assert divisible
            assert shard.end == shard.first + 1
            assert (shard.parts - 1) * shard_bp < lengths[shard.first] <= shard.parts * shard_bp


def test_a_shard_of_nothing_is_refused():
    with pytest.raises(ValueError, match="shard_bp must be at least 1, not 0"):
        plan_shards([3], shard_bp=0, divisible=False)


def test_a_written_shard_reads_back_and_is_finished(tmp_path):
    folder, shards = ShardFolder(tmp_path / "x.h5", {"layer": "1"}), [Shard(0, 0, 2), Shard(1, 2, 3)]
    assert folder.unfinished(shards) == shards
    folder.write(shards[0], CONTENT)
    assert folder.unfinished(shards) == shards[1:]
    names, counts, shape = folder.read_index(shards[0])
    assert (names, counts.tolist(), shape) == (CONTENT.names, [1, 2], [3, 2])
    np.testing.assert_array_equal(folder.read_vectors(shards[0]), CONTENT.vectors)
    assert folder.path == tmp_path / "x.h5.shards"
    folder.remove()
    assert not list(tmp_path.iterdir())


def test_shards_of_another_run_are_refused_with_what_differs(tmp_path):
    shard = Shard(0, 0, 2)
    ShardFolder(tmp_path / "x.h5", {"layer": "1", "model": "ab"}).write(shard, CONTENT)
    with pytest.raises(ValueError, match=r"x\.h5\.shards is of another run: layer was 1 and is 2\."):
        ShardFolder(tmp_path / "x.h5", {"layer": "2", "model": "ab"}).unfinished([shard])


def test_the_fingerprint_of_a_model_is_of_its_numbers(tmp_path):
    model, tokenizer = toy_model(), toy_tokenizer()
    found = model_fingerprint(model, tokenizer)
    model.save_pretrained(tmp_path)
    assert model_fingerprint(type(model).from_pretrained(tmp_path), tokenizer) == found
    assert model_fingerprint(toy_model(seed=1), tokenizer)["model"] != found["model"]
    assert model_fingerprint(toy_model(layer_norm_eps=1e-3), tokenizer)["model"] != found["model"]
    changed = model_fingerprint(model, toy_tokenizer(model_max_length=7))
    assert (changed["model"], changed["tokenizer"] != found["tokenizer"]) == (found["model"], True)


def test_the_digest_of_records_tells_names_and_letters_apart():
    def digest(*records: tuple[str, str]) -> str:
        made = InputDigest()
        for name, sequence in records:
            made.add(Record(1, name, sequence))
        return made.hexdigest()

    different = [[("a", "ACGT")], [("aA", "CGT")], [("a", "AC"), ("GT", "T")], [("b", "ACGT")], [("a", "ACG")]]
    assert len({digest(*records) for records in different}) == len(different)
