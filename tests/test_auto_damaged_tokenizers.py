"""Tokenizer files that are damaged, cut short or of another shape are refused by name, whatever the family."""

from __future__ import annotations

import json
import shutil

import pytest

from hf_dnalm import AutoConfig, AutoModelForMaskedLM, AutoTokenizer
from hf_dnalm.tokenization import DnaBpeTokenizer
from tests.toys import caduceus, dnabert, dnabert2, gena_bert, gpn, grover, hyenadna, nucleotide_transformer

TOYS = {
    "nucleotide_transformer": nucleotide_transformer,
    "dnabert": dnabert,
    "dnabert2": dnabert2,
    "gena_bert": gena_bert,
    "grover": grover,
    "gpn": gpn,
    "caduceus": caduceus,
    "hyenadna": hyenadna,
}
FILES = ("tokenizer.json", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json")
DEEP = "[" * 100_000 + "]" * 100_000


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Family → its upstream folder; `saved …` → its tokenizer as we save it, with its config."""
    root = tmp_path_factory.mktemp("folders")
    found = {}
    for name, toy in TOYS.items():
        found[name] = toy.write_upstream(root / name)
        saved = root / f"saved_{name}"
        toy.toy_tokenizer().save_pretrained(saved)
        shutil.copy(found[name] / "config.json", saved)
        found[f"saved {name}"] = saved
    return found


CASES = [f"{kind}{name}" for name in TOYS for kind in ("", "saved ")]

DAMAGES = {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "cut inside of the last word": lambda data: data.rstrip()[:-1],
    "zeros": lambda data: bytes(len(data)),
    "not UTF-8": lambda data: data[:20] + b"\xff\xfe" + data[20:],
    "a list": lambda data: b"[1, 2]",
    "a number": lambda data: b"7",
    "null": lambda data: b"null",
    "deep": lambda data: DEEP.encode(),
    "git-lfs pointer": lambda data: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
}


@pytest.mark.parametrize("family", ["nucleotide_transformer", "dnabert"])
def test_a_word_list_without_its_special_tokens_is_not_left_to_transformers(family, folders, tmp_path):
    folder = shutil.copytree(folders[family], tmp_path / "damaged")
    lines = (folder / "vocab.txt").read_text().splitlines()
    words = [line for line in lines if not line.startswith(("<", "["))]
    assert len(words) == len(lines) - (6 if family == "nucleotide_transformer" else 5)
    (folder / "vocab.txt").write_text("\n".join(words))
    with pytest.raises(ValueError, match=r"damaged/vocab.txt: (not the vocabulary of a|.*\[UNK\])"):
        AutoTokenizer.from_pretrained(folder)


def test_a_tokenizer_that_adds_letters_is_refused(folders, tmp_path):
    folder = shutil.copytree(folders["gena_bert"], tmp_path / "damaged")
    whole = (folder / "tokenizer.json").read_text()
    assert '"N{10,}"' in whole
    (folder / "tokenizer.json").write_text(whole.replace('"N{10,}"', '""'))  # a gap between every two letters
    with pytest.raises(ValueError, match=r"damaged/tokenizer.json: .*which covers ten N or more"):
        AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("case", CASES)
def test_damaged_files_are_refused_by_name(case, damage, folders, tmp_path):
    whole, tried = folders[case], 0
    for name in FILES:
        if not (whole / name).is_file():
            continue
        folder = shutil.copytree(whole, tmp_path / f"{name}_")
        (folder / name).write_bytes(DAMAGES[damage]((whole / name).read_bytes()))
        with pytest.raises(ValueError, match=r"(?s)^" + f".*{name}") as refused:
            AutoTokenizer.from_pretrained(folder)
        assert str(folder) in str(refused.value)
        tried += 1
    assert tried or case == "hyenadna"


def changed(folder, to, name, change):
    shutil.copytree(folder, to)
    contents = json.loads((to / name).read_text())
    change(contents)
    (to / name).write_text(json.dumps(contents))
    return to


def set_(*path, value):
    def change(contents):
        for key in path[:-1]:
            contents = contents[key]
        contents[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_max_length", "512"), ("model_max_length", -1), ("model_max_length", True), ("model_max_length", [1]),
        ("tokenizer_class", 7), ("unk_token", 7), ("pad_token", ["x"]), ("added_tokens_decoder", [1]),
        ("model_input_names", "input_ids"), ("auto_map", "evil.py"), ("characters", 7), ("char_ords", "x"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("case", CASES)
def test_settings_of_another_kind_are_refused_by_field(case, field, value, folders, tmp_path):
    if not (folders[case] / "tokenizer_config.json").is_file():
        (tmp_path / "x").mkdir()
        pytest.skip("has no such file")
    folder = changed(folders[case], tmp_path / "x", "tokenizer_config.json", set_(field, value=value))
    with pytest.raises(ValueError, match=rf"x/tokenizer_config\.json: {field} is "):
        AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("case", ["dnabert2", "gena_bert", "grover"])
def test_merges_that_do_not_fit_the_words_are_refused(case, folders, tmp_path):
    def lose(contents):
        vocabulary = contents["model"]["vocab"]
        last = max((word for word in vocabulary if word.isalpha()), key=len)
        vocabulary[f"N{last}"] = vocabulary.pop(last)

    folder = changed(folders[case], tmp_path / "x", "tokenizer.json", lose)
    with pytest.raises(ValueError, match=r"x/tokenizer\.json: .*out of vocabulary"):
        AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("saved")])
def test_ids_with_holes_are_refused(case, folders, tmp_path):
    def skip(contents):
        vocabulary = contents["model"]["vocab"]
        last = max(vocabulary, key=vocabulary.get)
        vocabulary[last] += 3

    folder = changed(folders[case], tmp_path / "x", "tokenizer.json", skip)
    with pytest.raises(ValueError, match=r"x/tokenizer\.json"):
        AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("case", ["saved nucleotide_transformer", "saved dnabert"])
def test_a_kmer_that_another_word_replaced_is_refused(case, folders, tmp_path):
    def replace(contents):
        vocabulary = contents["model"]["vocab"]
        vocabulary["ACX"] = vocabulary.pop("ACG")

    folder = changed(folders[case], tmp_path / "x", "tokenizer.json", replace)
    with pytest.raises(ValueError, match=r"x/tokenizer\.json: .*'ACX' has no place in a "):
        AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("case", ["nucleotide_transformer", "dnabert"])
def test_a_damaged_line_of_a_list_of_kmers_is_named(case, folders, tmp_path):
    folder = shutil.copytree(folders[case], tmp_path / "x")
    words = (folder / "vocab.txt").read_text().split("\n")
    line = words.index("ACG")
    (folder / "vocab.txt").write_text("\n".join([*words[:line], "A?G", *words[line + 1 :]]))
    with pytest.raises(ValueError, match=rf"x/vocab\.txt: vocabulary line {line + 1}: 'A\?G' has no place in a "):
        AutoTokenizer.from_pretrained(folder)


def unknown_gone(contents):
    vocabulary = contents["model"]["vocab"]
    vocabulary["other"] = vocabulary.pop(contents["model"]["unk_token"])


def edge_without_token(contents):
    del contents["post_processor"]["special_tokens"]["[CLS]"]


def edge_outside(contents):
    contents["post_processor"]["special_tokens"]["[CLS]"]["ids"] = [10**7]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (unknown_gone, r"the vocabulary does not have '\[UNK\]', the token for unknown letters"),
        (edge_without_token, r"post_processor puts '\[CLS\]' around sequences and does not say which token"),
        (edge_outside, r"post_processor puts '\[CLS\]' with the id 10000000 around sequences, which the vocabulary"),
        (set_("model", "unk_token", value=None), r"the token for unknown letters \(unk_token\) is None here"),
        (set_("model", "continuing_subword_prefix", value="9" * 40), r"cannot be read \(range end index"),
    ],
)
def test_parts_of_a_pipeline_that_do_not_fit_are_refused(change, message, folders, tmp_path):
    folder = changed(folders["saved grover"], tmp_path / "x", "tokenizer.json", change)
    with pytest.raises(ValueError, match=rf"x/tokenizer\.json: {message}"):
        AutoTokenizer.from_pretrained(folder)


def test_special_tokens_without_a_row_in_the_embedding_are_refused(folders, tmp_path):
    folder = changed(
        folders["saved dnabert2"], tmp_path / "x", "tokenizer_config.json", set_("pad_token", value="[EXTRA]")
    )
    with pytest.raises(ValueError, match=r"pad_token '\[EXTRA\]' has the id \d+, the model's embedding ends at"):
        AutoTokenizer.from_pretrained(folder)


# ---- GROVER as BEND ships it


@pytest.fixture
def bends_grover(tmp_path):
    """GROVER's folder with a list of words in place of tokenizer.json."""
    folder = grover.write_upstream(tmp_path / "grover")
    for name in ("tokenizer.json", "special_tokens_map.json", "tokenizer_config.json"):
        (folder / name).unlink()
    words = [word for word in grover.WORDS if word]
    (folder / "vocab.txt").write_text("\n".join(words))
    return folder


def longest_matches(sequence: str, words: list[str]) -> list[str]:
    """What BEND's embedder does: at each place the longest word that fits; an unknown letter is one [UNK]."""
    found, place = [], 0
    longest = max(map(len, words))
    while place < len(sequence):
        fitting = (sequence[place : place + n] for n in range(longest, 0, -1))
        word = next((each for each in fitting if each in words), None)
        found.append(word or "[UNK]")
        place += len(word or "N")
    return found


def test_a_list_of_words_in_place_of_merges_is_read_by_longest_match(bends_grover, tmp_path):
    for options in ({}, {"family": "grover"}):
        assert type(AutoModelForMaskedLM.from_pretrained(bends_grover, **options)).__name__ == "GroverForMaskedLM"
        assert AutoConfig.from_pretrained(bends_grover, **options).model_type == "dnalm_grover"
    tokenizer = AutoTokenizer.from_pretrained(bends_grover)
    assert type(tokenizer) is DnaBpeTokenizer
    assert tokenizer.model_max_length == grover.SHAPE["max_position_embeddings"]
    words = [word for word in grover.WORDS if word]
    for sequence in ("ACGTTGCAATTCCNNGGCATACGT", "AAAAAAATTTTNACGCAAGCAA", "GATTACA", "N", "CCCCCCCC" * 20):
        expected = ["[CLS]", *longest_matches(sequence, words), "[SEP]"]
        assert tokenizer.convert_ids_to_tokens(tokenizer(sequence).input_ids) == expected
        assert tokenizer.bases_per_token(tokenizer(sequence).input_ids).sum() == len(sequence)
    tokenizer.save_pretrained(tmp_path / "saved")
    again = AutoTokenizer.from_pretrained(tmp_path / "saved")
    assert type(again) is DnaBpeTokenizer
    assert again("ACGTTGCAATTCC").input_ids == tokenizer("ACGTTGCAATTCC").input_ids
    assert (
        AutoTokenizer.from_pretrained(bends_grover, genome_mode=True)("acgt").input_ids == tokenizer("ACGT").input_ids
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda words: words[:-3], r"has \d+ words, but the model's embedding has \d+ rows\. The file was cut short"),
        (lambda words: [*words, words[-1]], r"vocabulary line \d+: '\w+' is already on line \d+"),
        (lambda words: [*words[:-1], "AC?"], r"vocabulary line \d+: 'AC\?' is neither DNA nor a special token"),
        (lambda words: [word for word in words if word != "G"], r"lacks 'G'"),
        (lambda words: [word for word in words if word != "[SEP]"], r"lacks '\[SEP\]'"),
    ],
)
def test_a_damaged_list_of_words_is_refused(change, message, bends_grover):
    words = (bends_grover / "vocab.txt").read_text().split("\n")
    (bends_grover / "vocab.txt").write_text("\n".join(change(words)))
    with pytest.raises(ValueError, match=rf"grover/vocab\.txt: {message}|vocab\.txt: .*{message}"):
        AutoTokenizer.from_pretrained(bends_grover)
