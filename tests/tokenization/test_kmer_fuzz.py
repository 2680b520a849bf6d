"""Ids equal those of transformers' own EsmTokenizer, the original of these checkpoints, on every string."""

import os
import random
import re
import sys

import numpy as np
import pytest
from transformers import EsmTokenizer

from hf_dnalm.tokenization import build_kmer_tokenizer, kmer_vocabulary, with_genome_mode

LAYOUTS = ("nucleotide_transformer_v1", "nucleotide_transformer_v2")
WHITESPACE = [chr(i) for i in range(sys.maxunicode + 1) if chr(i).isspace()]
LITERALS = ["<unk>", "<pad>", "<mask>", "<cls>", "<eos>", "<bos>"]
FRAGMENTS = [
    *["ACGTAC", "GATTACA", "TTTTTT", "CCGGAA", "ACGTACGTACGT", "GGG", "TAC"],
    *["A", "C", "G", "T", "AC", "GTA", "ACGT", "TGCAT", "N", "NN", "NNNNNN", "ACNGT"],
    *[
        "a",
        "acgtac",
        "n",
        "ttt",
        "ACGtac",
        "R",
        "Y",
        "RYKM",
        "SWBDHV",
        "u",
        "U",
        "ACGUAC",
        "-",
        "--",
        ".",
        "*",
        "0",
        "7",
    ],
    *LITERALS,
    *["<", ">", "<<", ">>", "<mas", "mask>", "<ma", "sk>", "<MASK>", "<cls", "unk>", "< mask>", "</s>", "<mask", "<s>"],
    *WHITESPACE,
    *[
        "\r\n",
        "  ",
        "\n\n",
        "\0",
        "\x01",
        "\x7f",
        "\x1b",
        "\xff",
        "\x80",
        "?",
        "É",
        "é",
        "ß",
        "Α",
        "Т",
        "А",
        "Ａ",
        "ａ",
    ],
    *["ı", "ſ", "ﬁ", "e\u0301", "\u0301", "\u200b", "\u200d", "\ufeff", "\ufffd", "\ufffe", "\uffff"],
    *["😀", "\U0001f9ec", "\U00010000", "\U0010ffff", "漢", "𝐀"],
]


def n_strings() -> int:
    """Strings over all vocabularies; DNALM_FUZZ=100000 is the full run."""
    return int(os.environ.get("DNALM_FUZZ", "16000"))


def fuzzed_strings(n: int, seed: int) -> list[str]:
    """Strings of 0 to 24 fragments; every third is mostly DNA, so that frames are long enough to go wrong."""
    rng = random.Random(seed)
    dna = FRAGMENTS[:19]
    strings = []
    for i in range(n):
        chosen = rng.choices(FRAGMENTS, k=rng.randrange(25))
        if i % 3 == 0:
            chosen = [fragment if rng.random() < 0.15 else rng.choice(dna) for fragment in chosen]
        strings.append("".join(chosen))
    return strings


@pytest.fixture(params=[(layout, k) for layout in LAYOUTS for k in (6, 3)], ids=lambda p: f"{p[0][-2:]}-{p[1]}mer")
def pair(request, tmp_path):
    layout, k = request.param
    (tmp_path / "vocab.txt").write_text("\n".join(kmer_vocabulary(k, layout)), encoding="utf-8")
    original = EsmTokenizer(str(tmp_path / "vocab.txt"), eos_token=None, model_max_length=10**6)
    return original, build_kmer_tokenizer(k, layout=layout, model_max_length=10**6)


def test_pipeline_and_array_path_give_the_ids_of_esm_tokenizer(pair):
    original, tokenizer = pair
    texts = fuzzed_strings(n_strings() // 4, seed=len(tokenizer))
    single = [tokenizer(text)["input_ids"] for text in texts[:500]]
    batch = tokenizer(texts)["input_ids"]
    arrays = tokenizer.encode_arrays(texts)
    assert batch[:500] == single
    for ids in single[:100]:
        for skip in (False, True):
            assert tokenizer.decode(ids, skip_special_tokens=skip) == original.decode(ids, skip_special_tokens=skip)
    for text, ids, array in zip(texts, batch, arrays, strict=True):
        expected = original(text)["input_ids"]
        assert ids == expected, repr(text)
        assert array.tolist() == expected, repr(text)
        assert tokenizer.encode_array(text).tolist() == expected, repr(text)


def test_every_character_by_itself_and_inside_dna_has_the_ids_of_esm_tokenizer(pair):
    original, tokenizer = pair
    characters = [chr(i) for i in range(0x3100) if not 0xD800 <= i < 0xE000]
    text = "".join(f"ACGTACG{c}TAC{c}{c}" for c in characters)
    expected = original(text)["input_ids"]
    assert tokenizer(text)["input_ids"] == expected
    np.testing.assert_array_equal(tokenizer.encode_array(text), expected)


def test_genome_mode_gives_the_ids_of_the_cleaned_text(pair):
    _, tokenizer = pair
    genome = with_genome_mode(tokenizer)
    upper = str.maketrans("acgtn", "ACGTN") | str.maketrans(dict.fromkeys("RYSWKMBDHVryswkmbdhv", "N"))
    literal = re.compile("(" + "|".join(LITERALS) + ")")
    texts = fuzzed_strings(n_strings() // 8, seed=5)
    for text, ids, array in zip(texts, genome(texts)["input_ids"], genome.encode_arrays(texts), strict=True):
        cleaned = "".join(part if part in LITERALS else part.translate(upper) for part in literal.split(text))
        assert ids == tokenizer(cleaned)["input_ids"], repr(text)
        assert array.tolist() == ids, repr(text)
