"""A sequence too short for one token of overlapping k-mers is refused by name and never scored."""

from __future__ import annotations

import pytest

from hf_dnalm import embed, embed_tokens, log_likelihood, mutagenesis, predict
from tests.toys import dnabert, dnabert2, gpn, nucleotide_transformer

MESSAGE = r"sequence '2' is 2 bp, which is too short for one token of the model's tokenizer; remove it"
CALLS = {
    "embed": (embed, "base"),
    "embed_tokens": (embed_tokens, "base"),
    "log_likelihood": (log_likelihood, "masked_lm"),
    "predict": (predict, "sequence"),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_sequence_shorter_than_a_k_mer_is_refused_by_name(call):
    function, head = CALLS[call]
    model = dnabert.toy_model(head, problem_type="regression")
    with pytest.raises(ValueError, match=MESSAGE):
        function(model, dnabert.toy_tokenizer(), ["ACGTACGT", "AC"])
    function(model, dnabert.toy_tokenizer(), ["ACGTACGT", "ACG"])


def test_mutagenesis_of_a_sequence_shorter_than_a_k_mer_is_refused():
    with pytest.raises(ValueError, match=r"is 2 bp, which is too short for one token"):
        mutagenesis(dnabert.toy_model(), dnabert.toy_tokenizer(), ["AC"])
    assert mutagenesis(dnabert.toy_model(), dnabert.toy_tokenizer(), ["ACG"])[0].scores.shape == (3, 4)


@pytest.mark.parametrize("toy", [nucleotide_transformer, dnabert2, gpn])
def test_one_letter_is_enough_for_tokenizers_that_have_letters(toy):
    assert mutagenesis(toy.toy_model("masked_lm"), toy.toy_tokenizer(), ["A"])[0].scores.shape == (1, 4)
