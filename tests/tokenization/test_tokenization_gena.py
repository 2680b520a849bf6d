"""GENA-LM's two vocabularies: upstream's ids, pairs and limits, and the bases of every token, runs of N included."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import transformers
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from hf_dnalm.auto import AutoTokenizer
from hf_dnalm.data import encode_dataset
from hf_dnalm.data.encode import bases_of_tokens
from hf_dnalm.inference import predict
from hf_dnalm.tokenization import DnaBpeTokenizer, is_dna_bpe
from tests.toys.gena_bert import toy_backend, toy_model, toy_tokenizer, write_upstream

PUBLISHED = {"v1": "bert-base", "t2t": "bert-base-t2t"}
REAL = {"v1": "gena_bpe_32k", "t2t": "gena_t2t_1000h_multi_32k"}

vocabularies = pytest.mark.parametrize("vocabulary", PUBLISHED)


@pytest.fixture
def real(shared, vocabulary) -> Path:
    return shared / "data" / "tokenizers" / REAL[vocabulary]


@pytest.mark.parametrize(
    ("vocabulary", "text", "ids"),
    [
        ("v1", "ACGTNACGTNACGTN", [1, 114, 9, 0, 114, 9, 0, 114, 9, 0, 2]),
        ("t2t", "ACGTNNNNNNNNNN", [1, 120, 15, 5, 2]),
    ],
)
def test_published_ids(real, text, ids, vocabulary):
    assert AutoTokenizer.from_pretrained(real)(text).input_ids == ids


def test_ids_of_the_reference_files(shared):
    folder = shared / "goldens" / "gena_bert_base"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.model_max_length == 128
    sequences = json.loads((folder / "sequences.json").read_text())
    batch = tokenizer(sequences, padding=True)
    tokens = [tokenizer.convert_ids_to_tokens(ids) for ids in batch.input_ids]
    assert tokens == json.loads((folder / "tokens.json").read_text())


@vocabularies
def test_the_real_files_on_random_text(real):
    backend, ours = Tokenizer.from_file(str(real / "tokenizer.json")), AutoTokenizer.from_pretrained(real)
    random = np.random.default_rng(0)
    for alphabet in ("ACGT", "ACGTN" + "N" * 20, "ACGTNacgtRYKMSWBDHVU-. \n"):
        for length in random.integers(1, 300, 20):
            first, second = ("".join(random.choice(list(alphabet), length)) for _ in range(2))
            for pair in ((first,), (first, second)):
                expected, got = backend.encode(*pair), ours(*pair)
                assert (got.input_ids, got.token_type_ids) == (expected.ids, expected.type_ids)


@vocabularies
@settings(max_examples=50, deadline=None)
@given(text=st.text("ACGTNRacgtU-. \n", max_size=40), run=st.integers(0, 12))
def test_ids_are_those_of_the_pipeline(vocabulary, text, run):
    text += "N" * run
    assert toy_tokenizer(vocabulary)(text, "AC").input_ids == toy_backend(vocabulary).encode(text, "AC").ids


@vocabularies
def test_folders_give_our_tokenizer_with_the_models_limit(vocabulary, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(write_upstream(tmp_path / "upstream", PUBLISHED[vocabulary]))
    assert type(tokenizer) is DnaBpeTokenizer
    assert tokenizer.model_max_length == 64  # upstream states none
    assert len(tokenizer("ACGT" * 50, truncation=True).input_ids) == 64
    assert tokenizer("AC", "GT").token_type_ids[-1] == 1
    tokenizer.save_pretrained(tmp_path / "saved")
    for again in (AutoTokenizer, transformers.PreTrainedTokenizerFast):
        assert again.from_pretrained(tmp_path / "saved").model_max_length == 64
    assert AutoTokenizer.from_pretrained(tmp_path / "upstream", model_max_length=9).model_max_length == 9


def test_a_stated_limit_is_kept(tmp_path):
    folder = write_upstream(tmp_path / "upstream")
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 7}))
    assert AutoTokenizer.from_pretrained(folder).model_max_length == 7


def test_without_a_config_there_is_no_limit(tmp_path):
    folder = write_upstream(tmp_path / "upstream")
    (folder / "config.json").unlink()
    assert AutoTokenizer.from_pretrained(folder).model_max_length > 10**9


def test_a_run_of_n_is_one_token_whose_bases_are_counted_in_the_sequence():
    tokenizer = toy_tokenizer()
    sequence = "AA" + "N" * 12 + "GCTANNN" + "N" * 7 + "T"
    ids = tokenizer(sequence).input_ids
    assert tokenizer.convert_ids_to_tokens(ids) == ["[CLS]", "AA", "-", "GCTA", "-", "T", "[SEP]"]
    assert tokenizer.bases_in(ids, sequence).tolist() == [0, 2, 12, 4, 10, 1, 0]
    assert tokenizer.bases_in(ids[:4], sequence).tolist() == [0, 2, 12, 4]
    with pytest.raises(ValueError, match=r"token 3 .1-based. is '-', which covers ten N or more: use bases_in"):
        tokenizer.bases_per_token(ids)
    with pytest.raises(
        ValueError, match=r"token 3 .1-based. covers ten N or more, but base 3 of the sequence does not"
    ):
        tokenizer.bases_in(ids, sequence.replace("N", "A"))


def test_shorter_runs_are_words():
    tokenizer = toy_tokenizer()
    ids = tokenizer("TNNNNRGC").input_ids
    assert tokenizer.convert_ids_to_tokens(ids) == ["[CLS]", "TN", "NN", "N", "R", "GC", "[SEP]"]
    assert tokenizer.bases_per_token(ids).tolist() == [0, 2, 2, 1, 1, 2, 0]


def test_the_ends_of_lines_in_the_first_vocabulary_are_no_bases():
    tokenizer = toy_tokenizer("v1")
    ids = tokenizer("AAT\nN\n").input_ids
    assert tokenizer.convert_ids_to_tokens(ids) == ["[CLS]", "AA", "T\n", "[UNK]", "\n", "[SEP]"]
    assert tokenizer.bases_per_token(ids).tolist() == [0, 2, 1, 1, 0, 0]


@vocabularies
@settings(max_examples=50, deadline=None)
@given(parts=st.lists(st.one_of(st.text("ACGT", max_size=9), st.integers(1, 14)), min_size=1, max_size=6))
def test_bases_add_up_to_the_sequence(vocabulary, parts):
    sequence = "".join("N" * part if isinstance(part, int) else part for part in parts)
    tokenizer = toy_tokenizer(vocabulary)
    ids = tokenizer(sequence).input_ids
    bases = tokenizer.bases_in(ids, sequence)
    assert bases.sum() == len(sequence)
    ends = [end for _, end in tokenizer(sequence, return_offsets_mapping=True).offset_mapping[1:-1]]
    assert bases[1:-1].cumsum().tolist() == ends


def test_genome_mode_reads_lower_case_and_codes_and_still_gathers_runs(tmp_path):
    folder = write_upstream(tmp_path / "upstream")
    tokenizer = AutoTokenizer.from_pretrained(folder, genome_mode=True)
    text = "aaRyNnNNKNNNNgcta"
    assert tokenizer.convert_ids_to_tokens(tokenizer(text).input_ids)[1:-1] == ["AA", "-", "GCTA"]
    assert tokenizer.bases_in(tokenizer(text).input_ids, text).tolist() == [0, 2, 11, 4, 0]
    tokenizer.save_pretrained(tmp_path / "saved")
    stranger = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path / "saved")
    assert stranger(text).input_ids == tokenizer(text).input_ids
    plain = AutoTokenizer.from_pretrained(tmp_path / "saved", genome_mode=False)
    assert plain(text).input_ids == AutoTokenizer.from_pretrained(folder)(text).input_ids


def test_encoding_labels_every_base_of_a_run(tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(write_upstream(tmp_path))
    sequence = "aa" + "n" * 6 + "RNNN" + "NNgcta"
    rows = Dataset.from_dict({"sequence": [sequence], "labels": [list(range(len(sequence)))]})
    encoded = encode_dataset(tokenizer, rows, max_tokens=64, level="nucleotide")[0]
    assert encoded["bases_per_token"] == [0, 2, 12, 4, 0]
    assert encoded["labels"] == list(range(18))
    cut = encode_dataset(
        tokenizer, rows, max_tokens=4, overflow="truncate", level="nucleotide", reverse_complement=True
    )[0]
    assert (cut["bases_per_token"], cut["labels"]) == ([0, 2, 12, 0], list(range(14)))
    assert cut["bases_per_token_reverse_complement"] == [0, 12, 1, 0]  # a run, then TT, two tokens of which one is cut
    assert cut["labels_reverse_complement"] == list(range(13, 0, -1))
    assert [row.tolist() for row in bases_of_tokens(tokenizer, ["ACG"], [np.array([1, 6, 2])])] == [[0, 1, 0]]


def test_predictions_of_nucleotides_cover_a_run():
    model = toy_model("token", problem_type="single_label_classification")
    predictions = predict(model, toy_tokenizer(), ["AA" + "N" * 12 + "GCTA", "AC"])
    assert [len(each) for each in predictions.logits] == [18, 2]
    first = predictions.logits[0]
    assert (first[2:14] == first[2]).all()
    assert (first[1] != first[2]).any()


def test_text_that_no_file_can_hold_is_refused():
    for inputs in (("AC\ud800",), ("AC", "\ud800"), (["AC", "A\ud800"],)):
        with pytest.raises(ValueError, match=r"is the lone surrogate U.D800"):
            toy_tokenizer()(*inputs)


@vocabularies
def test_both_kinds_are_byte_pairs_of_dna(vocabulary):
    assert is_dna_bpe(toy_backend(vocabulary).to_str())
    english = json.loads(toy_backend(vocabulary).to_str())
    english["model"]["vocab"]["the"] = 99
    assert not is_dna_bpe(json.dumps(english))
