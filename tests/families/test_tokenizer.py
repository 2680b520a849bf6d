"""A family's tokenizer: one truth in tokenizer.json, every base accounted for, and the array path exact."""

from __future__ import annotations

import numpy as np
import pytest
import transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hf_dnalm
from hf_dnalm.registry import tokenizer_class
from hf_dnalm.tokenization import DnaTokenizer

quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
dna = st.text("ACGT", min_size=8, max_size=40)
any_text = st.text("ACGTNacgtnRYKMSWBDHVU-. \n", max_size=40)


def ids_or_refusal(encode, text: str) -> list[int] | str:
    try:
        return list(map(int, encode(text)))
    except ValueError as error:
        return str(error)


def test_the_tokenizer_is_fast_and_the_one_of_the_passport(family):
    assert type(family.tokenizer) is tokenizer_class(family.passport)
    assert isinstance(family.tokenizer, DnaTokenizer)
    assert family.tokenizer.is_fast
    assert "__init__" not in vars(type(family.tokenizer)), "transformers would hand it vocab in place of tokenizer.json"


def test_the_upstream_folder_gives_the_same_tokenizer(family, published):
    found = hf_dnalm.AutoTokenizer.from_pretrained(published)
    assert type(found) is type(family.tokenizer)
    for sequence in family.declared("SEQUENCES"):
        assert found(sequence).input_ids == family.tokenizer(sequence).input_ids


@pytest.fixture(scope="session")
def saved_tokenizers(tmp_path_factory) -> dict:
    """Families to what reads their saved tokenizer: our door, and transformers' own class without ours."""
    root, found = tmp_path_factory.mktemp("tokenizers"), {}

    def read(family):
        if family.name not in found:
            family.tokenizer.save_pretrained(root / family.name)
            doors = (hf_dnalm.AutoTokenizer, transformers.PreTrainedTokenizerFast)
            found[family.name] = [door.from_pretrained(root / family.name) for door in doors]
        return found[family.name]

    return read


def test_a_saved_tokenizer_gives_equal_ids_to_us_and_to_plain_transformers(family, saved_tokenizers):
    ours, plain = saved_tokenizers(family)
    assert type(ours) is type(family.tokenizer)

    @quick
    @given(any_text)
    def check(text):
        expected = ids_or_refusal(lambda text: family.tokenizer(text).input_ids, text)
        assert ids_or_refusal(lambda text: ours(text).input_ids, text) == expected
        if isinstance(expected, list):
            assert plain(text).input_ids == expected

    check()


def test_padding_is_set_alike_by_all(family, saved_tokenizers):
    if family.tokenizer.pad_token_id is None:
        pytest.skip("the vocabulary has no padding")
    sequences = list(family.declared("SEQUENCES"))
    expected = family.tokenizer(sequences, padding=True)
    assert len({len(row) for row in expected.input_ids}) == 1
    for other in saved_tokenizers(family):
        got = other(sequences, padding=True)
        assert (got.input_ids, got.attention_mask) == (expected.input_ids, expected.attention_mask)
    for row, sequence in zip(range(len(sequences)), sequences, strict=True):
        real = np.array(expected.attention_mask[row], dtype=bool)
        assert np.array(expected.input_ids[row])[real].tolist() == family.tokenizer(sequence).input_ids


def test_offsets_cover_the_sequence_and_bases_add_up_to_it(family):
    @quick
    @given(dna)
    def check(sequence):
        encoding = family.tokenizer(sequence, return_offsets_mapping=True, return_special_tokens_mask=True)
        spans = [
            span
            for span, special in zip(encoding.offset_mapping, encoding.special_tokens_mask, strict=True)
            if not special
        ]
        assert len(encoding.input_ids) - len(spans) == family.special_tokens
        assert {base for start, end in spans for base in range(start, end)} == set(range(len(sequence)))
        assert spans == sorted(spans)
        if not family.passport.overlapping:
            assert sum(end - start for start, end in spans) == len(sequence)
        bases = family.tokenizer.bases_per_token(encoding.input_ids)
        assert bases.sum() == len(sequence)
        assert len(bases) == len(encoding.input_ids)
        assert not bases[np.array(encoding.special_tokens_mask, dtype=bool)].any()

    check()


def test_arrays_of_ids_are_exactly_the_pipelines(family):
    if not hasattr(family.tokenizer, "encode_array"):
        assert not hasattr(family.tokenizer, "encode_arrays")
        pytest.skip("byte pairs have no array path")

    @quick
    @given(st.lists(any_text, min_size=1, max_size=4))
    def check(texts):
        for text in texts:
            expected = ids_or_refusal(lambda text: family.tokenizer(text).input_ids, text)
            assert ids_or_refusal(family.tokenizer.encode_array, text) == expected
        expected = [ids_or_refusal(lambda text: family.tokenizer(text).input_ids, text) for text in texts]
        if all(isinstance(each, list) for each in expected):
            assert [each.tolist() for each in family.tokenizer.encode_arrays(texts)] == expected

    check()


def test_genome_mode_reads_soft_masked_and_ambiguous_letters_and_is_saved(family, upstream, tmp_path):
    on = hf_dnalm.AutoTokenizer.from_pretrained(upstream, genome_mode=True, padding_side="left")
    assert (on.genome_mode, on.padding_side) == (True, "left")
    assert on("acgtRyACGTn").input_ids == family.tokenizer("ACGTNNACGTN").input_ids
    on.save_pretrained(tmp_path)
    again = hf_dnalm.AutoTokenizer.from_pretrained(tmp_path)
    assert (again.genome_mode, again.padding_side) == (True, "left")
    plain = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)
    assert plain("acgtRy").input_ids == again("acgtRy").input_ids == on("ACGTNN").input_ids
    off = hf_dnalm.AutoTokenizer.from_pretrained(tmp_path, genome_mode=False)
    assert not off.genome_mode
    assert off("acgtRy").input_ids == family.tokenizer("acgtRy").input_ids


def test_a_sequence_without_letters_is_its_special_tokens(family):
    assert len(family.tokenizer("").input_ids) == family.special_tokens
