"""Embeddings of tokens and nucleotides; `tests/families/test_embedding.py` tests them for every family."""

import numpy as np
import pytest
import torch
from datasets import Dataset

from hf_dnalm import embed_tokens
from hf_dnalm.data import encode_sequences
from hf_dnalm.inference.windows import stitching_table
from hf_dnalm.sequence import reverse_complement
from tests.toys import caduceus, dnabert, dnabert2, grover, hyenadna, nucleotide_transformer

FLOAT32 = {"dtype": torch.float32}


def rows_equal(vectors: np.ndarray) -> list[int]:
    """The lengths of runs of equal rows."""
    changes = np.flatnonzero((vectors[1:] != vectors[:-1]).any(1)) + 1
    return np.diff([0, *changes.tolist(), len(vectors)]).tolist()


@pytest.mark.parametrize(
    ("toy", "sequence", "bases"),
    [
        (nucleotide_transformer, "ACGTTAGN", [3, 3, 1, 1]),  # 3-mers, then letters
        (nucleotide_transformer, "acnacgta", [1, 1, 1, 3, 1, 1]),
        (dnabert, "ACGTTA", [2, 1, 1, 2]),  # overlapping 3-mers: each for its middle base, at the ends for two bases
        (dnabert2, "GCTAGACGNT", [4, 1, 3, 1, 1]),  # GCTA, G, ACG, [UNK], T
        (hyenadna, "ACGNT", [1, 1, 1, 1, 1]),
    ],
)
def test_a_nucleotide_has_the_vector_of_its_token(toy, sequence, bases):
    model, tokenizer = toy.toy_model("base"), toy.toy_tokenizer()
    (tokens,) = embed_tokens(model, tokenizer, [sequence], per="token", **FLOAT32).vectors
    (nucleotides,) = embed_tokens(model, tokenizer, [sequence], **FLOAT32).vectors
    assert rows_equal(nucleotides) == bases
    np.testing.assert_array_equal(nucleotides, tokens.repeat(bases, axis=0))


@pytest.mark.parametrize("toy", [dnabert, grover, nucleotide_transformer])
@pytest.mark.parametrize("layer", [-1, 1])
def test_long_sequences_are_stitched_from_windows(toy, layer):
    model, tokenizer = toy.toy_model("base"), toy.toy_tokenizer()
    tokenizer.model_max_length = limit = 20
    generator = np.random.default_rng(0)
    sequences = ["".join(generator.choice(list("ACGT"), length)) for length in (700, 8, 130)]
    got = embed_tokens(model, tokenizer, sequences, per="token", layer=layer, overflow="windows", **FLOAT32).vectors
    opening, closing = 1, int(tokenizer.sep_token is not None)
    for ids, vectors in zip(encode_sequences(tokenizer, sequences, max_tokens=None), got, strict=True):
        room = limit - opening - closing
        assert len(vectors) == len(ids) - opening - closing
        for start, end, first, last in stitching_table(len(vectors), room=room, overlap=room // 4).tolist():
            window = np.concatenate([ids[:1], ids[1 + start : 1 + end], ids[len(ids) - closing :]])
            with torch.no_grad():
                hidden = model(torch.tensor(window[None]), output_hidden_states=True).hidden_states[layer][0].numpy()
            np.testing.assert_allclose(
                vectors[first:last], hidden[opening + first - start : opening + last - start], atol=2e-5
            )


def test_both_strands_of_caduceus_are_in_a_vector():
    model, tokenizer, sequence = caduceus.toy_model("base"), caduceus.toy_tokenizer(), "ACGTTTGCATACGGATTCAGC"
    sequences = [sequence, reverse_complement(sequence)]
    there, back = embed_tokens(model, tokenizer, sequences, layer=0, **FLOAT32).vectors
    assert there.shape == (21, 2 * model.config.d_model)
    # only for the embedding layer: later layers see the [SEP] at the end of both sequences differently
    np.testing.assert_array_equal(there, back[::-1, ::-1])


def test_what_is_cut_off_has_no_vectors():
    model, tokenizer = nucleotide_transformer.toy_model(), nucleotide_transformer.toy_tokenizer(model_max_length=4)
    (cut,) = embed_tokens(model, tokenizer, ["ACGTTTGCATAC"], overflow="truncate", **FLOAT32).vectors
    np.testing.assert_allclose(cut, embed_tokens(model, tokenizer, ["ACGTTTGCA"], **FLOAT32).vectors[0], atol=2e-5)


def test_names_stay_with_their_vectors():
    model, tokenizer = hyenadna.toy_model("base"), hyenadna.toy_tokenizer()
    dataset = Dataset.from_dict({"name": ["short", "long"], "sequence": ["ACG", "ACGTTTACG"]})
    embeddings = embed_tokens(model, tokenizer, dataset)
    assert embeddings.names == ["short", "long"]
    assert [len(each) for each in embeddings.vectors] == [3, 9]
    assert embed_tokens(model, tokenizer, []).vectors == []


@pytest.mark.parametrize(
    ("sequences", "options", "message"),
    [
        (["ACGT"], {"per": "codon"}, "per is 'codon'; choose from nucleotide, token"),
        (["ACGT"], {"layer": 9}, r"there is no layer 9; the model has hidden states 0 to 2 \(or -1\)"),
        (["ACGT", "AC"], {}, "'2' is 2 bp, which is too short for one token of the model's tokenizer"),
        (["ACGT", "AC"], {"per": "token"}, "'2' is 2 bp, which is too short for one token"),
    ],
)
def test_what_cannot_be_is_refused(sequences, options, message):
    with pytest.raises(ValueError, match=message):
        embed_tokens(dnabert.toy_model("base"), dnabert.toy_tokenizer(), sequences, **options)
