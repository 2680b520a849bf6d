"""The published vocabularies are made by rule, and what is no k-mer vocabulary is refused by name."""

import hashlib

import pytest

from hf_dnalm.tokenization import (
    check_kmer_vocabulary,
    kmer_tokenizer_from_vocabulary,
    kmer_vocabulary,
    kmer_vocabulary_k,
    read_vocabulary,
)

V1, V2 = "nucleotide_transformer_v1", "nucleotide_transformer_v2"
# SHA-256 of the published vocab.txt files.
PUBLISHED = {
    (6, V1): "f1b544e27897936b50bbd925850fa8a08b421c33bb9c26e3711c140c061d0d4c",
    (6, V2): "c00e0ad166d6ab3f7540ebc92270392e581bb3106763412f29034b49323e1052",
    (3, V2): "0976e2b4722307d16c669e2daa57f5912fc7f62e08389540751b5474c93dcfd0",
}
AMINO_ACIDS = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO", ".", "-", "<null_1>", "<mask>"]


@pytest.mark.parametrize(("k", "layout"), PUBLISHED)
def test_vocabulary_by_rule_is_the_published_file_byte_for_byte(k, layout):
    text = "\n".join(kmer_vocabulary(k, layout))
    assert hashlib.sha256(text.encode()).hexdigest() == PUBLISHED[k, layout]


@pytest.mark.parametrize(("folder", "layout"), [("nt_v1", V1), ("nt_v2", V2)])
def test_vocabulary_by_rule_is_the_one_beside_the_reference_checkpoint(shared, folder, layout):
    assert read_vocabulary(shared / "goldens" / folder / "vocab.txt") == kmer_vocabulary(6, layout)


@pytest.mark.parametrize(
    ("layout", "word", "token_id"),
    [
        (V1, "<cls>", 3), (V1, "AAAAAA", 4), (V1, "AAAAAT", 5), (V1, "ATTCCG", 367), (V1, "A", 4100), (V1, "N", 4104),
        (V1, "<eos>", 4105), (V1, "<bos>", 4106), (V2, "<eos>", 4), (V2, "<bos>", 5), (V2, "AAAAAA", 6),
        (V2, "ATTCCG", 369), (V2, "A", 4102), (V2, "N", 4106),
    ],
)  # fmt: skip
def test_words_have_the_published_ids(layout, word, token_id):
    assert kmer_vocabulary(6, layout).index(word) == token_id


@pytest.mark.parametrize(
    ("vocabulary", "k"),
    [
        (kmer_vocabulary(6, V1), 6),
        (kmer_vocabulary(3, V2), 3),
        (kmer_vocabulary(2, V2)[::-1], 2),
        (kmer_vocabulary(3, V2)[:-20], 3),  # words are missing, but it is clear what it is
        (AMINO_ACIDS, None),
        (["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "AAA", "AAT"], None),  # overlapping 3-mers, BERT's words
        (["<cls>", "A", "AC", "ACG", "T"], None),  # byte pair encoding
        (["<cls>", "<unk>", "A", "C", "G", "T", "N"], None),
        ([], None),
    ],
)
def test_k_is_read_from_the_kind_of_words(vocabulary, k):
    assert kmer_vocabulary_k(vocabulary) == k


def test_a_vocabulary_may_have_any_order_and_no_edge_tokens():
    assert check_kmer_vocabulary([word for word in kmer_vocabulary(3, V1)[::-1] if word not in ("<eos>", "<bos>")]) == 3


WORDS = kmer_vocabulary(6, V2)


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        ([*WORDS, "ACGTAC"], r"line 4108: 'ACGTAC' is already on line 729"),
        ([*WORDS, "<mask>"], r"line 4108: '<mask>' is already on line 3"),
        ([word for word in WORDS if word != "N"], r"lacks 1 of 4,105 words, first 'N'"),
        ([word for word in WORDS if word not in ("A", "G")], r"lacks 2 of 4,105 words, first 'A'"),
        ([word for word in WORDS if word != "ATTCCG"], r"lacks 1 of 4,105 words, first 'ATTCCG'"),
        ([word for word in WORDS if word != "<pad>"], r"lacks 1 of 4,105 words, first '<pad>'"),
        ([*WORDS, "<sep>"], r"line 4108: '<sep>' has no place in a 6-mer vocabulary"),
        (AMINO_ACIDS, r"these 33 words are no k-mer vocabulary"),
        (["<cls>", "A" * 9], r"vocabulary's k is 9; a k-mer vocabulary has k from 2 to 8"),
    ],
)
def test_a_wrong_vocabulary_is_refused_by_name(vocabulary, message):
    with pytest.raises(ValueError, match=message):
        kmer_tokenizer_from_vocabulary(vocabulary, model_max_length=100)


@pytest.mark.parametrize("k", [-1, 0, 1, 9])
def test_k_out_of_range_is_refused(k):
    with pytest.raises(ValueError, match=f"k is {k}; a k-mer vocabulary has k from 2 to 8"):
        kmer_vocabulary(k, V1)


def test_an_unknown_layout_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="layout is 'v3'; choose one of nucleotide_transformer_v1, nucleotide_t"):
        kmer_vocabulary(6, "v3")


@pytest.mark.parametrize("text", ["\n".join(WORDS), "\n".join(WORDS) + "\n", "\r\n".join(WORDS) + "\r\n"])
def test_vocabulary_files_are_read_with_any_line_end(tmp_path, text):
    (tmp_path / "vocab.txt").write_bytes(text.encode())
    assert read_vocabulary(tmp_path / "vocab.txt") == WORDS


@pytest.mark.parametrize(("text", "message"), [("", "is empty"), ("<unk>\n\nAAA", "line 2: empty")])
def test_a_vocabulary_file_with_holes_is_refused(tmp_path, text, message):
    (tmp_path / "vocab.txt").write_text(text)
    with pytest.raises(ValueError, match=rf"vocab\.txt.*{message}"):
        read_vocabulary(tmp_path / "vocab.txt")
