"""Whether a tokenizer belongs to a model: made-up ones are told, and those of other packages that read DNA pass."""

from __future__ import annotations

import pytest
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split

from hf_dnalm.data import encode_sequences
from hf_dnalm.data.encode import encode_pairs
from hf_dnalm.tokenization import as_trained, build_kmer_tokenizer, unreadable_dna, vocabulary_mismatch
from tests.toys import dnabert2

KMERS = build_kmer_tokenizer(3, layout="nucleotide_transformer_v2", model_max_length=100)
AMINO_ACIDS = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"]


def letters(*words: str) -> transformers.PreTrainedTokenizerFast:
    backend = Tokenizer(WordLevel({word: i for i, word in enumerate(("[UNK]", "[PAD]", *words))}, "[UNK]"))
    backend.pre_tokenizer = Split("", "isolated")
    return transformers.PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]", pad_token="[PAD]")


def esm2(folder) -> transformers.PreTrainedTokenizerBase:
    (folder / "vocab.txt").write_text("\n".join(AMINO_ACIDS))
    return transformers.EsmTokenizer(str(folder / "vocab.txt"))


def test_published_tokenizers_fit_with_a_few_rows_more_and_edge_tokens_outside(tmp_path):
    first = build_kmer_tokenizer(3, layout="nucleotide_transformer_v1", model_max_length=100)
    for tokenizer, rows in ((KMERS, 75), (KMERS, 80), (KMERS, None), (first, 73), (esm2(tmp_path), 33)):
        assert vocabulary_mismatch(tokenizer, rows) == []


def test_a_tokenizer_of_english_that_spells_letters_fits(tmp_path):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "a", "##a", "##c", "##g", "##t"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    assert vocabulary_mismatch(transformers.BertTokenizer(str(tmp_path / "vocab.txt")), 12) == []


@pytest.mark.parametrize(
    ("tokenizer", "rows", "problem"),
    [
        (letters(), 4096, r"does not know DNA: it reads 32 of the 32 tokens of ACGT\w+ as unknown \(\[UNK\]\)"),
        (letters(*"ACG"), 5, r"does not know DNA: it reads 8 of the 32 tokens"),
        (letters(*"acgt"), 6, r"does not know DNA: it reads 32 of the 32 tokens"),
        (letters(*"ACGT"), 12, r"6 tokens for 12 rows of the embedding: of another vocabulary"),
        (letters(*"ACGT"), 5, r"ids go up to 5, the model's embedding ends at 4"),
        (KMERS, 74, r"ids go up to 74, the model's embedding ends at 73"),
        (KMERS, 2, r"unk_token|pad_token '<pad>' has the id|mask_token '<mask>' has the id 2, the model's embedding"),
    ],
)
def test_what_does_not_fit_is_said(tokenizer, rows, problem):
    import re

    assert any(re.search(problem, each) for each in vocabulary_mismatch(tokenizer, rows))


def test_functions_that_are_given_model_and_tokenizer_check_them():
    assert unreadable_dna(KMERS, 75) == []
    for tokenizer, rows, message in (
        (letters(), 4096, "do not belong together: the tokenizer does not know DNA"),
        (KMERS, 4107, "75 tokens for 4,107 rows of the embedding"),
    ):
        with pytest.raises(ValueError, match=message):
            encode_sequences(tokenizer, ["ACGT"], max_tokens=None, vocab_size=rows)
    pairs = dnabert2.toy_tokenizer()
    with pytest.raises(ValueError, match="17 tokens for 4,096 rows of the embedding"):
        encode_pairs(pairs, ["ACGT"], ["ACGT"], max_tokens=None, names=["a"], vocab_size=4096)


def test_generic_tokenizers_carry_the_upper_case_of_training_and_others_are_named(tmp_path, caplog):
    changed = as_trained(letters(*"ACGTN"))
    assert changed("acRt").input_ids == letters(*"ACGTN")("ACNT").input_ids
    changed.save_pretrained(tmp_path / "saved")
    again = transformers.AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert again("acRt").input_ids == changed("ACNT").input_ids
    assert not caplog.records
    protein = esm2(tmp_path)
    assert as_trained(protein) is protein
    assert "EsmTokenizer reads lower case otherwise than upper case, and cannot be saved" in caplog.text
