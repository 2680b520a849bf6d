"""The array path is exactly the pipeline: on any text, across blocks, for many texts at once, with added tokens."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_dnalm.tokenization import build_kmer_tokenizer, kmer_arrays, kmer_tokenizer_from_vocabulary, kmer_vocabulary
from hf_dnalm.tokenization.kmer_arrays import WHITESPACE

TOKENIZERS = {
    (k, genome_mode): build_kmer_tokenizer(
        k, layout="nucleotide_transformer_v2", model_max_length=10**6, genome_mode=genome_mode
    )
    for k in (2, 3, 6)
    for genome_mode in (False, True)
}
LETTERS = st.sampled_from([*"ACGT" * 6, *"NNNacgtnRyUx-<> \n\0\x1c\x85é\u3000😀?", "<mask>", "<eos>", "<mas"])
TEXTS = st.lists(LETTERS, max_size=80).map("".join)


def assert_equal_to_pipeline(tokenizer, text):
    ids = tokenizer.encode_array(text)
    assert ids.dtype == np.int64
    assert ids.tolist() == tokenizer(text)["input_ids"], repr(text)


def test_whitespace_is_pythons():
    assert "".join(chr(i) for i in range(sys.maxunicode + 1) if chr(i).isspace()) == WHITESPACE


@pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=map(str, TOKENIZERS))
@settings(max_examples=60, deadline=None)
@given(TEXTS, st.integers(min_value=8, max_value=40))
def test_blocks_leave_no_trace(tokenizer, text, block):
    """Blocks of a few bytes, so that each text crosses many edges: frames, unknown stretches and blanks go on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kmer_arrays, "_BLOCK", block)
        assert_equal_to_pipeline(tokenizer, text)


@pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=map(str, TOKENIZERS))
@settings(max_examples=30, deadline=None)
@given(st.lists(TEXTS, max_size=6))
def test_many_texts_at_once_equal_each_by_itself(tokenizer, texts):
    together = tokenizer.encode_arrays(texts)
    assert [ids.tolist() for ids in together] == [tokenizer(text)["input_ids"] for text in texts]


def test_a_long_sequence_with_runs_of_n_equals_the_pipeline():
    rng = np.random.default_rng(7)
    letters = np.frombuffer(b"ACGT", dtype=np.uint8)[rng.integers(0, 4, 500_000)].copy()
    for start in rng.integers(0, len(letters), 60):
        letters[start : start + rng.integers(1, 2_000)] = ord("N")
    letters[100_000:350_000] = ord("N")  # longer than a block
    letters[:-70_000][rng.integers(0, len(letters) - 70_000, 2_000)] = ord("N")
    assert_equal_to_pipeline(TOKENIZERS[6, False], letters.tobytes().decode())
    assert_equal_to_pipeline(TOKENIZERS[3, True], letters.tobytes().lower().decode())


@pytest.mark.parametrize(
    "text", ["x" * 300_000, " " * 300_000, "A" * 299_999, "AN" * 150_000, ("A" * 60 + "\n") * 5_000]
)
def test_long_stretches_of_one_kind_equal_the_pipeline(text):
    assert_equal_to_pipeline(TOKENIZERS[6, False], text)


@pytest.mark.parametrize("k", [2, 3, 4, 5, 7, 8])
def test_every_k_equals_the_pipeline(k):
    tokenizer = build_kmer_tokenizer(k, layout="nucleotide_transformer_v1", model_max_length=100)
    for n in range(3 * k):
        assert_equal_to_pipeline(tokenizer, ("GATTACAT" * 4)[:n] + "N" + ("CGCATTAG" * 4)[: n // 2])


def test_any_order_of_the_vocabulary_equals_the_pipeline():
    vocabulary = kmer_vocabulary(3, "nucleotide_transformer_v1")
    shuffled = np.random.default_rng(0).permutation(vocabulary).tolist()
    assert_equal_to_pipeline(
        kmer_tokenizer_from_vocabulary(shuffled, model_max_length=99), "GATTACANxx ACGT<mask>TTT<cls>"
    )


@pytest.mark.parametrize(
    ("token", "text"),
    [
        ("<sep>", "ACGTAC<sep>ACGxx<sep>"),
        ("<species_A>", "ACG<species_A>TTT<species_"),
        ("TATA", "ACGTATAACG"),
        ("[SEP]", "ACG[SEP]TTT"),
        ("<é>", "ACG<é>TTT"),
        ("<a?>", "ACG<a?>TTT<aé>"),
        ("< >", "ACG< >TTT"),
    ],
)
@pytest.mark.parametrize("special", [True, False])
def test_tokens_that_a_user_adds_are_recognised(token, text, special):
    for genome_mode in (False, True):
        tokenizer = build_kmer_tokenizer(
            6, layout="nucleotide_transformer_v1", model_max_length=99, genome_mode=genome_mode
        )
        assert_equal_to_pipeline(tokenizer, text)
        before = tokenizer(text)["input_ids"]
        assert tokenizer.add_tokens([token], special_tokens=special) == 1
        assert_equal_to_pipeline(tokenizer, text)
        assert [ids.tolist() for ids in tokenizer.encode_arrays([text, ""])] == tokenizer([text, ""])["input_ids"]
        assert special is False or tokenizer(text)["input_ids"] != before
        assert tokenizer.bases_per_token([4107]).tolist() == [4 if token == "TATA" else 0]
        assert tokenizer.k == 6


def test_more_added_tokens_than_spare_bytes_still_equal_the_pipeline():
    tokenizer = build_kmer_tokenizer(3, layout="nucleotide_transformer_v2", model_max_length=99)
    tokenizer.add_tokens([f"<species_{i}>" for i in range(200)])
    assert_equal_to_pipeline(tokenizer, "ACG<species_199>TTT<species_0>A")


def test_special_tokens_split_on_request_equal_the_pipeline():
    tokenizer = build_kmer_tokenizer(3, layout="nucleotide_transformer_v2", model_max_length=99)
    tokenizer.split_special_tokens = True
    assert_equal_to_pipeline(tokenizer, "ACGT<mask>ACG")
