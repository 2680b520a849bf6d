"""The k-mer tokenizer: published ids, true offsets and masks, refusals, and one tokenizer.json that says it all."""

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer, DataCollatorForLanguageModeling, PreTrainedTokenizerFast

from hf_dnalm.tokenization import KmerTokenizer, build_kmer_tokenizer, with_genome_mode

V1, V2 = "nucleotide_transformer_v1", "nucleotide_transformer_v2"
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "tokenizer_kmer.json").read_text())["texts"]
TOKENIZERS = {layout: build_kmer_tokenizer(6, layout=layout, model_max_length=2048) for layout in (V1, V2)}
TOKENIZER = TOKENIZERS[V2]
GENOME = with_genome_mode(TOKENIZER)


@pytest.mark.parametrize("layout", [V1, V2])
@pytest.mark.parametrize("name", GOLDEN)
def test_ids_are_the_published_ones(layout, name):
    text, expected = GOLDEN[name]["text"], GOLDEN[name][layout]
    tokenizer = TOKENIZERS[layout]
    assert tokenizer(text)["input_ids"] == tokenizer.encode(text) == expected
    assert tokenizer.encode_array(text).tolist() == tokenizer.encode_array(text.encode()).tolist() == expected


@pytest.mark.parametrize(("folder", "layout"), [("nt_v1", V1), ("nt_v2", V2)])
def test_tokens_are_those_of_the_reference_checkpoint(shared, folder, layout):
    golden = json.loads((shared / "goldens" / folder / "tokenizer_golden.json").read_text())
    meta = golden.pop("_meta")
    tokenizer = TOKENIZERS[layout]
    assert len(tokenizer) == meta["vocab_size"]
    assert sorted(tokenizer.all_special_ids) == sorted(meta["all_special_ids"])
    assert tokenizer.eos_token is None
    for case in golden.values():
        encoding = tokenizer(case["text"])
        assert encoding["input_ids"] == case["input_ids"]
        assert encoding.tokens() == case["tokens"]
        assert encoding["attention_mask"] == case.get("attention_mask", encoding["attention_mask"])


def test_it_is_a_fast_tokenizer_that_gives_ids_and_attention_mask():
    assert TOKENIZER.is_fast
    assert set(TOKENIZER("ACGT")) == {"input_ids", "attention_mask"}
    assert (TOKENIZER.k, TOKENIZER.genome_mode, TOKENIZER.model_max_length) == (6, False, 2048)


@pytest.mark.parametrize(
    ("text", "tokens", "offsets"),
    [
        ("", [], []),
        ("ACGTACGTA", ["ACGTAC", "G", "T", "A"], [(0, 6), (6, 7), (7, 8), (8, 9)]),
        ("ACNGTACGT", ["A", "C", "N", "GTACGT"], [(0, 1), (1, 2), (2, 3), (3, 9)]),
        ("AC TA\n\x1c\u3000G", ["A", "C", "T", "A", "G"], [(0, 1), (1, 2), (3, 4), (4, 5), (8, 9)]),
        ("acgACGTAC--", ["<unk>", "ACGTAC", "<unk>"], [(0, 3), (3, 9), (9, 11)]),
        ("xx xx", ["<unk>", "<unk>"], [(0, 2), (3, 5)]),
        ("A<mask>C<eos><bos>", ["A", "<mask>", "C", "<eos>", "<bos>"], [(0, 1), (1, 7), (7, 8), (8, 13), (13, 18)]),
        ("A<mas>C", ["A", "<unk>", "C"], [(0, 1), (1, 6), (6, 7)]),
        ("😀😀ACGTAC", ["<unk>", "ACGTAC"], [(0, 2), (2, 8)]),
        ("e\u0301A", ["<unk>", "A"], [(0, 2), (2, 3)]),
    ],
)  # fmt: skip
def test_offsets_are_characters_of_the_text(text, tokens, offsets):
    encoding = TOKENIZER(text, return_offsets_mapping=True, return_special_tokens_mask=True)
    assert encoding.tokens() == ["<cls>", *tokens]
    assert encoding["offset_mapping"] == [(0, 0), *offsets]
    assert encoding["special_tokens_mask"] == [1] + [0] * len(tokens)


@pytest.mark.parametrize(
    ("text", "tokens", "offsets"),
    [
        ("acgtACgt", ["ACGTAC", "G", "T"], [(0, 6), (6, 7), (7, 8)]),
        ("ACRyacgtac", ["A", "C", "N", "N", "ACGTAC"], [(0, 1), (1, 2), (2, 3), (3, 4), (4, 10)]),
        ("😀acgtac<mask>n", ["<unk>", "ACGTAC", "<mask>", "N"], [(0, 1), (1, 7), (7, 13), (13, 14)]),
        ("acuu-UzxA", ["A", "C", "<unk>", "A"], [(0, 1), (1, 2), (2, 8), (8, 9)]),
        ("a<eos>", ["A", "<eos>"], [(0, 1), (1, 6)]),
    ],
)
def test_genome_mode_reads_soft_masked_and_ambiguous_letters_and_keeps_offsets(text, tokens, offsets):
    encoding = GENOME(text, return_offsets_mapping=True)
    assert encoding.tokens() == ["<cls>", *tokens]
    assert encoding["offset_mapping"] == [(0, 0), *offsets]
    assert GENOME.encode_array(text).tolist() == encoding["input_ids"]


def test_genome_mode_is_a_copy_and_can_be_taken_back():
    assert GENOME.genome_mode
    assert not TOKENIZER.genome_mode
    assert TOKENIZER.tokenize("acgtac") == ["<unk>"]
    again = with_genome_mode(GENOME, on=False)
    assert not again.genome_mode
    assert again.encode_array("acgtac").tolist() == again("acgtac")["input_ids"] == TOKENIZER("acgtac")["input_ids"]
    built = build_kmer_tokenizer(6, layout=V2, model_max_length=2048, genome_mode=True)
    assert built.backend_tokenizer.to_str() == GENOME.backend_tokenizer.to_str()


def test_batch_padding_and_truncation_work_as_in_transformers():
    batch = TOKENIZER(["ACGTACGT", "N"], padding=True, return_tensors="np")
    np.testing.assert_array_equal(batch["input_ids"], [[3, 728, 4105, 4103], [3, 4106, 1, 1]])
    np.testing.assert_array_equal(batch["attention_mask"], [[1, 1, 1, 1], [1, 1, 0, 0]])
    assert TOKENIZER("ACGTAC" * 9, truncation=True, max_length=3)["input_ids"] == [3, 728, 728]
    assert TOKENIZER("ACGT", add_special_tokens=False)["input_ids"] == TOKENIZER("ACGT")["input_ids"][1:]
    assert TOKENIZER(["AC", "G"], is_split_into_words=True).tokens() == ["<cls>", "A", "C", "G"]


def test_masked_language_modelling_collator_never_masks_cls_or_pads():
    collate = DataCollatorForLanguageModeling(TOKENIZER, mlm_probability=1.0)
    batch = collate([TOKENIZER("ACGTACGT"), TOKENIZER("N")])
    np.testing.assert_array_equal(batch["labels"], [[-100, 728, 4105, 4103], [-100, 4106, -100, -100]])


def test_decode_gives_tokens_apart_by_blanks_as_upstream_does():
    ids = TOKENIZER("ACGTACGN<mask>")["input_ids"]
    assert TOKENIZER.decode(ids) == "<cls> ACGTAC G N <mask>"
    assert TOKENIZER.decode(ids, skip_special_tokens=True) == "ACGTAC G N"
    assert TOKENIZER.convert_tokens_to_ids(TOKENIZER.convert_ids_to_tokens(ids)) == ids


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t("ACG", "TTT"),
        lambda t: t("ACG", ""),
        lambda t: t("ACG", text_pair="TTT"),
        lambda t: t(["ACG"], ["TTT"]),
        lambda t: t([("ACG", "TTT")]),
        lambda t: t([["ACG", "TTT"]]),
        lambda t: t([(["ACG"], ["TTT"])], is_split_into_words=True),
        lambda t: t(text_target="ACG", text_pair_target="TTT"),
        lambda t: t.encode("ACG", "TTT"),
        lambda t: t.tokenize("ACG", pair="TTT"),
    ],
)
def test_a_pair_of_sequences_is_refused_at_every_door(call):
    with pytest.raises(ValueError, match=r"no separator\. Encode each sequence by itself"):
        call(TOKENIZER)


@pytest.mark.parametrize(
    "call",
    [
        lambda t, text: t(text),
        lambda t, text: t([text, "ACG"]),
        lambda t, text: t([[text]], is_split_into_words=True),
        lambda t, text: t.encode(text),
        lambda t, text: t.tokenize(text),
        lambda t, text: t.encode_array(text),
        lambda t, text: t.encode_arrays(["ACG", text]),
    ],
)
def test_a_lone_surrogate_is_refused_at_every_door(call):
    with pytest.raises(ValueError, match=r"position 4 of the text is the lone surrogate U\+D83D"):
        call(TOKENIZER, "ACG\ud83d")


def test_bytes_that_are_not_utf8_are_refused():
    with pytest.raises(ValueError, match=r"byte 3 of the sequence \(1-based\) is 0xff, which is not UTF-8"):
        TOKENIZER.encode_array(b"AC\xff")


def test_bases_per_token_add_up_to_the_sequence():
    text = "ACGTACGTANNACGTAC"
    assert TOKENIZER.bases_per_token(TOKENIZER(text)["input_ids"]).tolist() == [0, 6, 1, 1, 1, 1, 1, 6]
    ids = TOKENIZER([text, "N"], padding=True, return_tensors="np")["input_ids"]
    assert TOKENIZER.bases_per_token(ids).sum(axis=1).tolist() == [len(text), 1]
    assert TOKENIZER.bases_per_token(np.zeros((0,), dtype=np.int64)).shape == (0,)


@pytest.mark.parametrize("layout", [V1, V2])
def test_special_tokens_cover_no_bases(layout):
    ids = TOKENIZERS[layout].convert_tokens_to_ids(["<pad>", "<mask>", "<cls>", "<eos>", "<bos>"])
    assert not TOKENIZERS[layout].bases_per_token(ids).any()


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([3, 728, 0], r"token 3 \(1-based\) is <unk>, which covers any number of characters"),
        ([[3, 728], [0, 1]], r"token 2, 1 \(1-based\) is <unk>"),
        ([3, 4107], r"id 4107 is outside the vocabulary of 4,107 words"),
        ([-100], r"id -100 is outside the vocabulary"),
    ],
)
def test_bases_of_unknown_tokens_are_refused(ids, message):
    with pytest.raises(ValueError, match=message):
        TOKENIZER.bases_per_token(ids)


@pytest.mark.parametrize("tokenizer", [TOKENIZERS[V1], GENOME], ids=["plain", "genome"])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))], ids=["deepcopy", "pickle"])
def test_copies_are_equal(tokenizer, copied):
    twin = copied(tokenizer)
    for case in GOLDEN.values():
        assert twin(case["text"])["input_ids"] == tokenizer(case["text"])["input_ids"]
        assert twin.encode_array(case["text"]).tolist() == tokenizer(case["text"])["input_ids"]
    assert (twin.k, twin.genome_mode) == (tokenizer.k, tokenizer.genome_mode)


@pytest.mark.parametrize("tokenizer", [TOKENIZERS[V1], GENOME], ids=["plain", "genome"])
@pytest.mark.parametrize("loader", [KmerTokenizer, PreTrainedTokenizerFast, AutoTokenizer])
def test_a_saved_folder_gives_the_same_tokenizer(tokenizer, loader, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tokenizer.json", "tokenizer_config.json"]
    loaded = loader.from_pretrained(tmp_path)
    text = "ACGTACG<mask>acgtRR\x1c\x85\u2003NN<eos>"
    before, after = (t(text, return_offsets_mapping=True, return_special_tokens_mask=True) for t in (tokenizer, loaded))
    assert after.data == before.data
    assert loaded.model_max_length == tokenizer.model_max_length
    assert loaded.eos_token is None
    loaded.save_pretrained(tmp_path / "again")
    assert (tmp_path / "again" / "tokenizer.json").read_text() == (tmp_path / "tokenizer.json").read_text()
    if loader is KmerTokenizer:
        assert loaded.encode_array(text).tolist() == before["input_ids"]
        assert (loaded.k, loaded.genome_mode) == (tokenizer.k, tokenizer.genome_mode)


def test_without_our_class_a_pair_is_one_sequence_behind_the_other(tmp_path):
    TOKENIZER.save_pretrained(tmp_path)
    plain = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    assert plain("ACG", "ACGTAC").tokens() == ["<cls>", "A", "C", "G", "ACGTAC"]


def test_a_stranger_without_our_code_gets_the_same_tokens(tmp_path, stranger):
    texts = [case["text"] for case in GOLDEN.values()] + ["acgtRYn\x1cACG\x85TACGTA\u3000<eos>😀a"]
    for name, tokenizer in {**TOKENIZERS, "genome": GENOME}.items():
        tokenizer.save_pretrained(tmp_path / name)
        if name == "genome":
            (tmp_path / name / "config.json").write_text('{"model_type": "dnalm_nucleotide_transformer"}')
        seen = stranger.tokens(tmp_path / name, texts)
        assert seen["class"] != "KmerTokenizer"
        assert seen["special_ids"] == tokenizer.all_special_ids
        for text, encoding in zip(texts, seen["encodings"], strict=True):
            ours = tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True)
            assert encoding == json.loads(json.dumps(ours.data)), repr(text)


def test_the_class_has_no_init_of_its_own():
    """transformers would hand an `__init__` the vocabulary in place of tokenizer.json."""
    assert "__init__" not in vars(KmerTokenizer)
