"""DNABERT's k-mers: the official ids from raw DNA, by tokenizer.json alone and by arrays; every base owned once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_dnalm import AutoTokenizer
from hf_dnalm.tokenization import (
    OverlappingKmerTokenizer,
    build_overlapping_kmer_tokenizer,
    check_overlapping_kmer_vocabulary,
    overlapping_kmer_tokenizer_from_vocabulary,
    overlapping_kmer_vocabulary,
    overlapping_kmer_vocabulary_k,
    tokenization_overlapping_kmer,
    with_genome_mode,
)
from tests.toys.dnabert import write_upstream

KS = (2, 3, 4, 5, 6, 7, 8)
TOKENIZERS = {k: build_overlapping_kmer_tokenizer(k, model_max_length=512) for k in KS}
IN_GENOME_MODE = {k: with_genome_mode(tokenizer) for k, tokenizer in TOKENIZERS.items()}
IDS = {k: {word: i for i, word in enumerate(overlapping_kmer_vocabulary(k))} for k in KS}
CLS, SEP, UNK, MASK = 2, 3, 1, 4

# Mostly bases, so that k-mers are met; letters of the pipeline's own place holders among the others.
TEXT = st.text(st.sampled_from("ACGT" * 6 + "NacgtnRU-|123[]é\0"), max_size=40)


def official_ids(sequence: str, k: int) -> list[int]:
    """What the authors' scripts and tokenizer make of a sequence: k-mers joined by blanks, each looked up whole."""
    kmers = " ".join(sequence[i : i + k] for i in range(len(sequence) - k + 1))
    return [CLS, *(IDS[k].get(kmer, UNK) for kmer in kmers.split()), SEP]


@pytest.mark.parametrize("k", KS)
@settings(max_examples=150, deadline=None)
@given(TEXT)
def test_raw_dna_gives_the_official_ids_and_every_base_one_owner(k, text):
    tokenizer, genome = TOKENIZERS[k], IN_GENOME_MODE[k]
    encoding = tokenizer(text, return_offsets_mapping=True)
    assert encoding.input_ids == official_ids(text, k) == tokenizer.encode_array(text).tolist()
    assert genome(text).input_ids == genome.encode_array(text).tolist()
    assert genome(text).input_ids == official_ids(text.translate(str.maketrans("acgt", "ACGT")), k)
    bases = tokenizer.bases_per_token(encoding.input_ids)
    covered = len(text) if len(text) >= k else 0
    assert bases.sum() == covered
    offsets = encoding["offset_mapping"][1:-1]
    assert [end - start for start, end in offsets] == bases[1:-1].tolist()
    assert [start for start, _ in offsets] == (np.cumsum(bases)[1:-1] - bases[1:-1]).tolist()
    if len(offsets) > 2:  # a token between two others owns its k-mer's centre
        assert offsets[1] == (1 + (k - 1) // 2, 2 + (k - 1) // 2)


def test_the_pipeline_in_full():
    tokenizer = TOKENIZERS[6]
    encoding = tokenizer("ACGTTGCANA", return_offsets_mapping=True, return_special_tokens_mask=True)
    tokens = ["[CLS]", "ACGTTG", "CGTTGC", "GTTGCA", "[UNK]", "[UNK]", "[SEP]"]
    assert tokenizer.convert_ids_to_tokens(encoding.input_ids) == tokens
    assert encoding["offset_mapping"] == [(0, 0), (0, 3), (3, 4), (4, 5), (5, 6), (6, 10), (0, 0)]
    assert encoding["special_tokens_mask"] == [1, 0, 0, 0, 0, 0, 1]
    assert tokenizer.bases_per_token(encoding.input_ids).tolist() == [0, 3, 1, 1, 1, 4, 0]


@pytest.mark.filterwarnings("ignore:Deprecated in 0.9.0:DeprecationWarning")  # how transformers 5.5 reads vocab.txt
def test_case_is_kept_and_do_lower_case_does_not_make_every_word_unknown(tmp_path):
    folder = write_upstream(tmp_path)
    assert json.loads((folder / "tokenizer_config.json").read_text())["do_lower_case"] is True
    official = transformers.BertTokenizer.from_pretrained(folder)
    assert set(official("ACG CGT GTT").input_ids[1:-1]) == {UNK}  # what anyone but the authors' scripts gets
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert type(tokenizer) is OverlappingKmerTokenizer
    assert tokenizer.model_max_length == 40  # by its old name, max_len
    assert tokenizer("ACGTT").input_ids == official_ids("ACGTT", 3)
    assert UNK not in tokenizer("ACGTT").input_ids
    assert tokenizer("acgtt").input_ids == [CLS, UNK, UNK, UNK, SEP]
    assert AutoTokenizer.from_pretrained(folder, genome_mode=True)("acgtt").input_ids == official_ids("ACGTT", 3)


@pytest.mark.parametrize("k", [3, 4, 5, 6])
def test_published_vocabularies_are_read_and_built_alike(shared, k):
    words = (shared / "data" / "tokenizers" / "dnabert_kmer" / f"vocab_{k}.txt").read_text().split()
    assert words == overlapping_kmer_vocabulary(k)
    assert check_overlapping_kmer_vocabulary(words) == k


def test_reference_ids(shared):
    from safetensors.numpy import load_file

    folder = shared / "goldens" / "dnabert3"
    tokenizer, golden = AutoTokenizer.from_pretrained(folder), load_file(folder / "golden.safetensors")
    sequences = json.loads((folder / "sequences.json").read_text())
    assert tokenizer.model_max_length == 512
    for row, mask, sequence in zip(golden["input_ids"], golden["attention_mask"], sequences["seqs"], strict=True):
        assert tokenizer(sequence).input_ids == row[mask == 1].tolist()
    # The official tokenizer strings together pieces of 510 k-mers, each between special tokens.
    in_pieces = golden["long_input_ids_original_tokenizer"]
    assert tokenizer.encode_array(sequences["long"])[1:-1].tolist() == in_pieces[in_pieces > SEP].tolist()


def test_a_stranger_gets_the_same_ids_and_offsets(tmp_path):
    for k in (3, 6):
        for tokenizer in (TOKENIZERS[k], IN_GENOME_MODE[k]):
            tokenizer.save_pretrained(tmp_path)
            stranger = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)
            again = AutoTokenizer.from_pretrained(tmp_path)
            assert type(again) is OverlappingKmerTokenizer
            assert (again.k, again.genome_mode) == (k, tokenizer.genome_mode)
            for text in ("ACGTTGCAACGT", "acgtACGTNNACGTTTGR", "ACG", "ACGTTGCA ACG"[:8], ""):
                expected = tokenizer(text, "ACGTTGG", return_offsets_mapping=True)
                assert dict(stranger(text, "ACGTTGG", return_offsets_mapping=True)) == dict(expected)
                assert dict(again(text, "ACGTTGG", return_offsets_mapping=True)) == dict(expected)


def test_pairs_have_a_separator_and_two_kinds_of_tokens():
    tokenizer = TOKENIZERS[3]
    encoding = tokenizer("ACGT", "TTTT")
    assert tokenizer.convert_ids_to_tokens(encoding.input_ids) == [
        "[CLS]",
        "ACG",
        "CGT",
        "[SEP]",
        "TTT",
        "TTT",
        "[SEP]",
    ]
    assert encoding.token_type_ids == [0, 0, 0, 0, 1, 1, 1]
    assert tokenizer.bases_per_token(encoding.input_ids).tolist() == [0, 2, 2, 0, 2, 2, 0]


def test_words_of_k_letters_between_blanks_are_read_as_the_official_tokenizer_reads_them():
    tokenizer = TOKENIZERS[4]
    assert tokenizer("ACGT CGTT NNNN\tacgt\n").input_ids == [*official_ids("ACGTT", 4)[:-1], UNK, UNK, SEP]
    assert tokenizer.encode_array("ACGT CGTT GTTA").tolist() == official_ids("ACGTTA", 4)
    assert tokenizer(["ACGT", "CGTT"], is_split_into_words=True).input_ids == official_ids("ACGTT", 4)
    masked = tokenizer("ACGT [MASK] GTTA").input_ids
    assert masked == [*official_ids("ACGT", 4)[:-1], MASK, *official_ids("GTTA", 4)[1:]]


def test_blanks_around_a_sequence_are_none_of_it():
    for text in (" ACGTTG\n", "\u3000ACGTTG\x1c", "ACGTTG\r\n"):
        assert TOKENIZERS[4](text).input_ids == official_ids("ACGTTG", 4)
        assert TOKENIZERS[4].encode_array(text).tolist() == official_ids("ACGTTG", 4)


@pytest.mark.parametrize(
    "texts",
    ["ACGTTG ACGTTG", "ACGT\nACGTT", ["ACGT", "ACG TTTTTT"], "ACGTT ACGT[MASK]ACGT", [["ACGT", "ACGTT ACGT"]]],
)
def test_white_space_inside_of_a_sequence_is_refused_as_it_would_hide_kmers(texts):
    with pytest.raises(ValueError, match=r"there is white space before or behind .*: join the parts of a sequence"):
        TOKENIZERS[4](texts)


def test_white_space_is_refused_in_a_second_sequence_and_by_the_array_path():
    with pytest.raises(ValueError, match="white space before or behind 'ACGTACG'"):
        TOKENIZERS[4]("ACGT", "ACGTACG T")
    with pytest.raises(ValueError, match="white space before or behind 'ACGTACG'"):
        TOKENIZERS[4].encode_array("ACGT ACGTACG")


def test_special_tokens_in_the_text_are_recognised_and_no_kmer_reaches_over_them():
    tokenizer = TOKENIZERS[3]
    ids = tokenizer("ACGT[MASK]ACGT").input_ids
    assert tokenizer.convert_ids_to_tokens(ids)[1:-1] == ["ACG", "CGT", "[MASK]", "ACG", "CGT"]
    assert tokenizer.encode_array("ACGT[MASK]ACGT").tolist() == ids
    assert tokenizer.encode_array("ACGT[mask]ACGT").tolist() == tokenizer("ACGT[mask]ACGT").input_ids


def test_a_mask_in_the_place_of_a_kmer_owns_what_the_kmer_did():
    tokenizer = TOKENIZERS[4]
    ids = tokenizer.encode_array("ACGTTGCA")
    expected = tokenizer.bases_per_token(ids).tolist()
    for place in range(1, len(ids) - 1):
        masked = ids.copy()
        masked[place] = MASK
        assert tokenizer.bases_per_token(masked).tolist() == expected


def test_ids_that_were_cut_own_the_bases_that_their_kmers_cover():
    tokenizer = TOKENIZERS[4]
    ids = tokenizer.encode_array("ACGTTGCAAC")
    assert tokenizer.bases_per_token(ids).tolist() == [0, 2, 1, 1, 1, 1, 1, 3, 0]
    assert tokenizer.bases_per_token(np.append(ids[:4], SEP)).tolist() == [0, 2, 1, 3, 0]
    batch = np.array([[CLS, 20, 21, SEP, 0, 0], [CLS, 20, SEP, 0, 0, 0]])
    assert tokenizer.bases_per_token(batch).tolist() == [[0, 2, 3, 0, 0, 0], [0, 4, 0, 0, 0, 0]]
    assert tokenizer.bases_per_token([]).tolist() == []
    with pytest.raises(ValueError, match="id 261 is outside the vocabulary of 261 words"):
        tokenizer.bases_per_token([CLS, 261])


def test_arrays_are_cut_into_blocks_without_a_seam(monkeypatch):
    sequence = "".join(np.random.default_rng(0).choice(list("ACGTN"), 500, p=[0.24] * 4 + [0.04]))
    expected = [official_ids(sequence[:length], 6) for length in range(60, 130)]
    for block in (1, 7, 64):
        monkeypatch.setattr(tokenization_overlapping_kmer, "_BLOCK", block)
        got = TOKENIZERS[6].encode_arrays([sequence[:length] for length in range(60, 130)])
        assert [ids.tolist() for ids in got] == expected
    assert TOKENIZERS[6].encode_array(sequence.encode()).tolist() == official_ids(sequence, 6)


def test_added_tokens_are_seen_by_the_array_path_too():
    tokenizer = build_overlapping_kmer_tokenizer(3, model_max_length=512)
    assert tokenizer.encode_array("ACGT").tolist() == official_ids("ACGT", 3)
    tokenizer.add_tokens(["<species>"])
    text = "<species>ACGT"
    assert tokenizer.encode_array(text).tolist() == tokenizer(text).input_ids == [CLS, 69, 16, 50, SEP]
    assert tokenizer.bases_per_token([CLS, 69, 16, 50, SEP]).tolist() == [0, 0, 2, 2, 0]


def test_what_is_no_text_is_refused():
    for call in (TOKENIZERS[3], TOKENIZERS[3].encode_array):
        with pytest.raises(ValueError, match=r"position 3 of the text is the lone surrogate U\+D800"):
            call("AC\ud800GT")
    with pytest.raises(ValueError, match=r"byte 3 of the sequence .* is 0xff, which is not UTF-8"):
        TOKENIZERS[3].encode_array(b"AC\xff")


def test_the_published_examples_call_by_the_old_name():
    assert TOKENIZERS[3].batch_encode_plus(["ACG CGT"])["input_ids"] == [official_ids("ACGT", 3)]


def test_a_vocabulary_in_another_order_keeps_its_ids():
    words = overlapping_kmer_vocabulary(3)
    reordered = [*reversed(words[5:]), *words[:5]]
    tokenizer = overlapping_kmer_tokenizer_from_vocabulary(reordered, model_max_length=512)
    expected = [reordered.index(word) for word in ("[CLS]", "ACG", "CGT", "[UNK]", "[SEP]")]
    assert tokenizer("ACGTN").input_ids == expected == tokenizer.encode_array("ACGTN").tolist()


WORDS = overlapping_kmer_vocabulary(3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["[CLS]", "ACG", "AC"], "these 3 words are no vocabulary of overlapping k-mers"),
        ([*WORDS, "A"], "vocabulary line 70: 'A' has no place in a vocabulary of 3-mers"),
        ([*WORDS, "AAA"], "vocabulary line 70: 'AAA' is already on line 6"),
        ([word for word in WORDS if word != "GTC"], "lacks 1 of 69 words, first 'GTC'"),
        ([word for word in WORDS if word != "[MASK]"], r"lacks 1 of 69 words, first '\[MASK\]'"),
    ],
)
def test_damaged_vocabularies_are_refused(words, message):
    with pytest.raises(ValueError, match=message):
        overlapping_kmer_tokenizer_from_vocabulary(words, model_max_length=512)


def test_k_has_a_range():
    with pytest.raises(ValueError, match="k is 9; a k-mer vocabulary has k from 2 to 8"):
        build_overlapping_kmer_tokenizer(9, model_max_length=512)


@pytest.mark.parametrize("words", [["[CLS]", "A", "C"], ["AAA", "AAT"], ["[CLS]", "the"], ["[CLS]"], []])
def test_other_vocabularies_have_no_k(words):
    assert overlapping_kmer_vocabulary_k(words) is None


def test_a_broken_vocabulary_is_refused_at_the_door(tmp_path):
    folder = write_upstream(tmp_path)
    vocabulary = Path(folder, "vocab.txt")
    vocabulary.write_text(vocabulary.read_text().replace("GTC\n", ""))
    with pytest.raises(ValueError, match="lacks 1 of 69 words, first 'GTC'"):
        AutoTokenizer.from_pretrained(folder)
