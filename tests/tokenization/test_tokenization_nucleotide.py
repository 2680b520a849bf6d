"""Single letters: upstream's ids by every road, offsets and bases of each token, the choices around a sequence."""

from __future__ import annotations

import json

import numpy as np
import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from hf_dnalm.auto import AutoTokenizer
from hf_dnalm.sequence import normalize
from hf_dnalm.tokenization import (
    NucleotideTokenizer,
    build_nucleotide_tokenizer,
    is_nucleotide,
    with_edges,
    with_genome_mode,
)

SCHEMES = ("hyenadna", "caduceus", "gpn")
TOKENIZERS = {
    (scheme, genome_mode): build_nucleotide_tokenizer(scheme, model_max_length=10**6, genome_mode=genome_mode)
    for scheme in SCHEMES
    for genome_mode in (False, True)
}
LITERALS = ["[CLS]", "[SEP]", "[BOS]", "[MASK]", "[PAD]", "[UNK]"]
LETTERS = st.sampled_from(
    [*"ACGT" * 6, *"NNNacgtnRyUx-.[]<> \n\t\0\x0b\x1c\x7f\x85é\u3000\u0301😀?", *LITERALS, "[RESERVED]", "[sep]", "[MA"]
)
TEXTS = st.lists(LETTERS, max_size=60).map("".join)


class CharacterTokenizer(transformers.PreTrainedTokenizer):
    """What the remote tokenizers of HyenaDNA and Caduceus do: one token a character, [SEP] behind a sequence."""

    model_input_names = ["input_ids"]  # noqa: RUF012

    def __init__(self, upper: bool):
        self.upper = upper
        words = ["[CLS]", "[SEP]", "[BOS]", "[MASK]", "[PAD]", "[RESERVED]", "[UNK]", *"ACGTN"]
        self.ids = {word: i for i, word in enumerate(words)}
        roles = {"bos": "[BOS]", "eos": "[SEP]", "sep": "[SEP]", "cls": "[CLS]", "pad": "[PAD]", "mask": "[MASK]"}
        super().__init__(unk_token="[UNK]", **{f"{role}_token": word for role, word in roles.items()})

    @property
    def vocab_size(self):
        return len(self.ids)

    def get_vocab(self):
        return dict(self.ids)

    def _tokenize(self, text, **kwargs):
        return list(text.upper() if self.upper else text)

    def _convert_token_to_id(self, token):
        return self.ids.get(token, self.ids["[UNK]"])

    def _convert_id_to_token(self, index):
        return list(self.ids)[index]

    def build_inputs_with_special_tokens(self, token_ids_0, token_ids_1=None):
        return [*token_ids_0, 1, *([] if token_ids_1 is None else [*token_ids_1, 1])]


ORIGINALS = {"hyenadna": CharacterTokenizer(upper=False), "caduceus": CharacterTokenizer(upper=True)}


@pytest.mark.parametrize("scheme", ORIGINALS)
@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_ids_are_those_of_the_character_tokenizer(scheme, text):
    ours, original = TOKENIZERS[scheme, False], ORIGINALS[scheme]
    expected = original(text)["input_ids"]
    assert ours(text)["input_ids"] == expected
    assert ours.encode_array(text).tolist() == expected
    assert ours(text, "AC")["input_ids"] == original(text, "AC")["input_ids"]
    without = original(text, add_special_tokens=False)["input_ids"]
    assert ours(text, add_special_tokens=False)["input_ids"] == without
    assert ours.encode_array(text, add_special_tokens=False).tolist() == without


@pytest.mark.parametrize("case", TOKENIZERS, ids=str)
@settings(max_examples=100, deadline=None)
@given(st.lists(TEXTS, max_size=4))
def test_the_array_path_is_the_pipeline(case, texts):
    tokenizer = TOKENIZERS[case]
    arrays = tokenizer.encode_arrays(texts)
    assert all(ids.dtype == np.int64 for ids in arrays)
    assert [ids.tolist() for ids in arrays] == [tokenizer(text)["input_ids"] for text in texts]
    as_bytes = tokenizer.encode_arrays([text.encode() for text in texts])
    assert [ids.tolist() for ids in as_bytes] == [ids.tolist() for ids in arrays]


@pytest.mark.parametrize("case", TOKENIZERS, ids=str)
def test_every_character_by_itself_and_inside_dna_has_the_ids_of_the_pipeline(case):
    tokenizer = TOKENIZERS[case]
    text = "".join(f"AC{chr(i)}G" for i in range(0x3100) if not 0xD800 <= i < 0xE000)
    assert tokenizer.encode_array(text).tolist() == tokenizer(text)["input_ids"]


@pytest.mark.parametrize("scheme", ORIGINALS)
def test_every_ascii_character_has_the_id_of_the_character_tokenizer(scheme):
    text = "".join(map(chr, range(128)))
    assert TOKENIZERS[scheme, False](text)["input_ids"] == ORIGINALS[scheme](text)["input_ids"]


@pytest.mark.parametrize(
    ("folder", "sequences", "ids", "edges"),
    [
        ("hyenadna", "sequences.json", "input_ids", True),
        ("caduceus_ps", "sequences.json", "input_ids", False),
        ("caduceus_ps", "sequences.json", "input_ids_special", True),
        ("caduceus_ph", "sequences.json", "input_ids_special", True),
        ("gpn_convnet", "sequences.json", "input_ids", True),
    ],
)
def test_reference_ids(shared, folder, sequences, ids, edges):
    folder = shared / "goldens" / folder
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert type(tokenizer) is NucleotideTokenizer
    expected = load_file(folder / "golden.safetensors")[ids].tolist()
    pad = tokenizer.pad_token_id
    for text, row in zip(json.loads((folder / sequences).read_text()), expected, strict=True):
        row = [token for token in row if token != pad]  # upstream pads on the left
        assert tokenizer(text, add_special_tokens=edges)["input_ids"] == row
        assert tokenizer.encode_array(text, add_special_tokens=edges).tolist() == row


def without_template(tokenizer):
    """tokenizer.json, but for a template without special tokens, which loading sets where there is none."""
    contents = json.loads(tokenizer.backend_tokenizer.to_str())
    assert not (contents.pop("post_processor") or {}).get("special_tokens")
    return contents


@pytest.mark.parametrize("folder", ["gpn_convnet", "bend_awdlstm", "bend_convnet"])
def test_published_gpn_files_are_the_built_scheme(shared, folder):
    tokenizer = AutoTokenizer.from_pretrained(shared / "goldens" / folder)
    assert type(tokenizer) is NucleotideTokenizer
    built = TOKENIZERS["gpn", False]
    assert without_template(tokenizer) == without_template(built)
    assert tokenizer.special_tokens_map == built.special_tokens_map


def test_plant_caduceus_file_is_the_gpn_scheme(shared, tmp_path):
    """PlantCaduceus' tokenizer.json is GPN's with one key of a newer release more: known by its size and hash."""
    import hashlib

    published = json.loads((shared / "data" / "tokenizers" / "gpn" / "tokenizer.json").read_text())
    model = {}
    for key, value in published["model"].items():
        model[key] = value
        if key == "fuse_unk":
            model["byte_fallback"] = False
    text = json.dumps(published | {"model": model}, indent=2)
    assert hashlib.sha256(text.encode()).hexdigest().startswith("b22a14e4ea2dc98b0e80db6a38494bd1f6d38695")
    (tmp_path / "tokenizer.json").write_text(text)
    (tmp_path / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}'
    )
    (tmp_path / "config.json").write_text('{"model_type": "caduceus"}')
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert without_template(tokenizer) == without_template(TOKENIZERS["gpn", False])


def upstream(folder, **tokenizer_config):
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config))
    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize(
    ("written", "tokens"),
    [
        ({"tokenizer_class": "HyenaDNATokenizer", "padding_side": "left"}, ["[UNK]", "C", "N", "[SEP]"]),
        ({"tokenizer_class": "CaduceusTokenizer", "padding_side": "left"}, ["A", "C", "N", "[SEP]"]),
        ({"char_ords": [65, 67, 71, 84, 78]}, ["[CLS]", "[UNK]", "C", "N", "[SEP]"]),
        ({"tokenizer_class": "X", "characters": [*"ACGTN"]}, ["[CLS]", "[UNK]", "C", "N", "[SEP]"]),
    ],
)
def test_repositories_without_a_vocabulary_are_read_by_their_settings(tmp_path, written, tokens):
    tokenizer = upstream(tmp_path, **written, model_max_length=1024)
    assert type(tokenizer) is NucleotideTokenizer
    assert tokenizer("aCN").tokens() == tokens
    assert tokenizer.model_max_length == 1024
    assert tokenizer.padding_side == "right"
    assert tokenizer.name_or_path == str(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path, padding_side="left", genome_mode=True)
    assert again.padding_side == "left"
    assert "[UNK]" not in again("aCRn").tokens()


def test_other_characters_are_refused(tmp_path):
    with pytest.raises(ValueError, match="lists the characters 'ACGU'; single letters are read with 'ACGTN' only"):
        upstream(tmp_path, characters=[*"ACGU"])


@pytest.mark.parametrize("case", TOKENIZERS, ids=str)
def test_saved_tokenizers_are_read_whole_by_us_and_by_transformers_alone(case, tmp_path):
    tokenizer = TOKENIZERS[case]
    tokenizer.save_pretrained(tmp_path)
    text = "ACGTNacgtnRx [MASK]\n[SEP]é"
    ours = AutoTokenizer.from_pretrained(tmp_path)
    assert type(ours) is NucleotideTokenizer
    assert ours.genome_mode == tokenizer.genome_mode
    for again in (ours, transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)):
        assert again(text)["input_ids"] == tokenizer(text)["input_ids"]
        assert again.special_tokens_map == tokenizer.special_tokens_map
        assert again.padding_side == "right"
        assert set(again(text)) == {"input_ids", "attention_mask"}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_offsets_are_bp_and_special_tokens_are_marked(scheme):
    tokenizer = TOKENIZERS[scheme, False]
    text = "ACGTNNxxRé😀ACGT"
    encoding = tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True)
    n_bases = len(text)
    assert encoding["offset_mapping"][:n_bases] == [(i, i + 1) for i in range(n_bases)]
    assert encoding["special_tokens_mask"] == [0] * n_bases + [1] * (len(encoding["input_ids"]) - n_bases)
    assert tokenizer.bases_per_token(encoding["input_ids"]).tolist() == [1] * n_bases + encoding[
        "special_tokens_mask"
    ].count(1) * [0]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_genome_mode_gives_the_ids_of_the_cleaned_text(scheme):
    plain, genome = TOKENIZERS[scheme, False], TOKENIZERS[scheme, True]
    text = "ACGTNacgtnRYSWKMBDHVryswkmbdhv"
    assert genome(text)["input_ids"] == plain(normalize(text))["input_ids"]
    assert genome("AC-U")["input_ids"] == plain("AC-U")["input_ids"]
    assert with_genome_mode(genome, False)(text)["input_ids"] == plain(text)["input_ids"]


@pytest.mark.parametrize(
    ("edges", "single", "pair"),
    [
        ("none", "AC", None),
        ("sep", "AC[SEP]", "AC[SEP]G[SEP]"),
        ("cls_sep", "[CLS]AC[SEP]", "[CLS]AC[SEP]G[SEP]"),
    ],
)
def test_what_stands_around_a_sequence_is_a_choice(edges, single, pair, tmp_path):
    tokenizer = with_edges(TOKENIZERS["hyenadna", False], edges)
    built = build_nucleotide_tokenizer("hyenadna", edges=edges, model_max_length=99)
    tokenizer.save_pretrained(tmp_path)
    for each in (tokenizer, built, AutoTokenizer.from_pretrained(tmp_path)):
        assert "".join(each("AC").tokens()) == single
        assert each.encode_array("AC").tolist() == each("AC")["input_ids"]
        if pair is None:
            with pytest.raises(ValueError, match="a pair of sequences cannot be encoded: the vocabulary has no separ"):
                each("AC", "G")
        else:
            assert "".join(each("AC", "G").tokens()) == pair
            assert each([("AC", "G")])["input_ids"] == [each("AC", "G")["input_ids"]]
    assert TOKENIZERS["hyenadna", False].tokenize("AC", add_special_tokens=True)[-1] == "[SEP]"


def test_pairs_need_a_separator():
    with pytest.raises(ValueError, match="a pair of sequences cannot be encoded"):
        TOKENIZERS["gpn", False]("AC", "G")
    with pytest.raises(ValueError, match="a pair of sequences cannot be encoded"):
        TOKENIZERS["gpn", False]([("AC", "G")])


def test_choices_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="scheme is 'evo'; choose from 'hyenadna', 'caduceus', 'gpn'"):
        build_nucleotide_tokenizer("evo", model_max_length=9)
    with pytest.raises(ValueError, match=r"edges 'cls_sep' need \[CLS\] and \[SEP\], which the vocabulary does not"):
        build_nucleotide_tokenizer("gpn", edges="cls_sep", model_max_length=9)
    with pytest.raises(ValueError, match="edges is 'cls'; choose from 'none', 'sep', 'cls_sep'"):
        with_edges(TOKENIZERS["hyenadna", False], "cls")


def test_text_that_is_none_is_refused():
    tokenizer = TOKENIZERS["caduceus", False]
    for read in (tokenizer, tokenizer.encode_array, tokenizer.tokenize):
        with pytest.raises(ValueError, match="position 3 of the text is the lone surrogate U\\+D800"):
            read("AC\ud800")
    with pytest.raises(ValueError, match="position 1 of the text is the lone surrogate"):
        tokenizer("AC", "\udfff")
    with pytest.raises(ValueError, match=r"byte 2 of the sequence .* is 0xff, which is not UTF-8"):
        tokenizer.encode_array(b"A\xff")
    with pytest.raises(ValueError, match="id 12 is outside the vocabulary of 12 words"):
        tokenizer.bases_per_token([7, 12])


def test_padding_stands_on_the_right_and_truncation_leaves_no_trace():
    tokenizer = build_nucleotide_tokenizer("hyenadna", model_max_length=4)
    batch = tokenizer(["ACGTACGT", "A"], padding="max_length", truncation=True)
    assert batch["input_ids"] == [[7, 8, 9, 1], [7, 1, 4, 4]]
    assert batch["attention_mask"] == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert tokenizer.encode_array("ACGTA").tolist() == [7, 8, 9, 10, 7, 1]
    assert tokenizer.batch_encode_plus(["AC", "G"])["input_ids"] == [[7, 8, 1], [9, 1]]


@pytest.mark.parametrize("scheme", ["hyenadna", "caduceus"])
def test_decoding_gives_the_sequence_back(scheme):
    tokenizer = TOKENIZERS[scheme, False]
    assert tokenizer.decode(tokenizer("ACGTN")["input_ids"], skip_special_tokens=True) == "ACGTN"


@pytest.mark.parametrize(
    ("token", "text"),
    [
        ("[species]", "ACG[species]T[specie"),
        ("<a>", "AC<a><A>"),
        ("TATA", "ACGTATAACG"),
        ("[?!]", "A[?!]"),
        ("?", "A?é"),
    ],
)
@pytest.mark.parametrize("special", [True, False])
@pytest.mark.parametrize("case", TOKENIZERS, ids=str)
def test_tokens_that_a_user_adds_are_recognised(case, token, text, special):
    scheme, genome_mode = case
    tokenizer = build_nucleotide_tokenizer(scheme, model_max_length=99, genome_mode=genome_mode)
    assert tokenizer.encode_array(text).tolist() == tokenizer(text)["input_ids"]
    assert tokenizer.add_tokens([token], special_tokens=special) == 1
    assert tokenizer.encode_array(text).tolist() == tokenizer(text)["input_ids"]
    added = tokenizer.convert_tokens_to_ids(token)
    assert tokenizer.bases_per_token([added]).tolist() == [4 if token == "TATA" else 0]


def test_more_added_tokens_than_a_byte_holds_still_equal_the_pipeline():
    tokenizer = build_nucleotide_tokenizer("hyenadna", model_max_length=99)
    tokenizer.add_tokens([f"[species_{i}]" for i in range(300)])
    assert tokenizer.encode_array("AC[species_299]").tolist() == [7, 8, 311, 1]


def test_special_tokens_split_on_request_equal_the_pipeline():
    tokenizer = build_nucleotide_tokenizer("hyenadna", model_max_length=99)
    tokenizer.split_special_tokens = True
    assert tokenizer.encode_array("A[MASK]").tolist() == tokenizer("A[MASK]")["input_ids"] == [7, 6, 6, 7, 6, 6, 6, 1]


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        "{}",
        '{"model": {"type": "WordLevel", "vocab": {"A": 0, "C": 1, "G": 2, "T": 3}}}',
        '{"model": {"type": "BPE", "merges": [], "fuse_unk": true, "vocab": {"A": 0, "C": 1, "G": 2, "T": 3}}}',
        '{"model": {"type": "BPE", "merges": [], "vocab": {"A": 0, "C": 1, "G": 2, "U": 3}}}',
        '{"model": {"type": "BPE", "merges": [["A", "C"]], "vocab": {"A": 0, "C": 1, "G": 2, "T": 3, "AC": 4}}}',
    ],
)
def test_other_files_are_no_single_letters(text):
    assert not is_nucleotide(text)
