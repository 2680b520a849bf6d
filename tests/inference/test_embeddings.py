import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_dnalm.inference import embed
from hf_dnalm.inference.embeddings import pool
from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer

TOKENIZER = toy_tokenizer(model_max_length=64)
MODEL = toy_model("masked_lm")
FLOAT32 = {"dtype": torch.float32}  # the default is bfloat16 on some machines


def _hidden(sequence: str, layer: int) -> np.ndarray:
    with torch.no_grad():
        outputs = MODEL(**TOKENIZER(sequence, return_tensors="pt"), output_hidden_states=True)
    return outputs.hidden_states[layer][0].numpy()


@pytest.mark.parametrize("layer", [-1, 0, 1, 2, -2])
@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ("mean", lambda hidden: hidden.mean(0)),
        ("max", lambda hidden: hidden.max(0)),
        ("cls", lambda hidden: hidden[0]),
    ],
)
def test_vectors_are_pooled_hidden_states_of_single_sequences(pooling, expected, layer):
    sequences = ["ACGTACGTAA", "A", "ACGNNTTTACGACGACG"]
    embeddings = embed(MODEL, TOKENIZER, sequences, pooling=pooling, layer=layer, **FLOAT32)
    assert embeddings.vectors.dtype == np.float32
    for vector, sequence in zip(embeddings.vectors, sequences, strict=True):
        np.testing.assert_allclose(vector, expected(_hidden(sequence, layer)), atol=5e-6)


@given(st.lists(st.text("ACGTN", min_size=1, max_size=60), max_size=8), st.integers(1, 200))
@settings(deadline=None, max_examples=20)
def test_a_batch_gives_what_single_sequences_give(sequences, budget):
    together = embed(MODEL, TOKENIZER, sequences, token_budget=budget, **FLOAT32).vectors
    assert together.shape == (len(sequences), 32)
    for vector, sequence in zip(together, sequences, strict=True):
        np.testing.assert_allclose(vector, embed(MODEL, TOKENIZER, [sequence], **FLOAT32).vectors[0], atol=5e-6)


@pytest.mark.parametrize("head", ["base", "masked_lm", "sequence", "token"])
def test_a_head_changes_nothing(head):
    model = toy_model(head)
    body = model if head == "base" else model.esm
    expected = embed(body, TOKENIZER, ["ACGTA"], **FLOAT32).vectors
    np.testing.assert_array_equal(embed(model, TOKENIZER, ["ACGTA"], **FLOAT32).vectors, expected)


def test_an_adapter_is_part_of_the_model():
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(target_modules=["query", "value"], init_lora_weights=False)
    with torch.random.fork_rng():
        adapted = peft.get_peft_model(toy_model("masked_lm"), config)
    plain = embed(MODEL, TOKENIZER, ["ACGTA"], **FLOAT32).vectors
    assert np.abs(embed(adapted, TOKENIZER, ["ACGTA"], **FLOAT32).vectors - plain).max() > 1e-3


def test_names_stay_with_their_vectors():
    dataset = Dataset.from_dict({"name": ["short", "long"], "sequence": ["ACG", "ACGTTTACG"]})
    assert embed(MODEL, TOKENIZER, dataset).names == ["short", "long"]


def test_padding_is_left_out_of_every_pooling():
    hidden = torch.tensor([[[1.0], [3.0], [99.0]], [[-4.0], [-2.0], [-3.0]]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])
    pooled = {pooling: pool(hidden, mask, pooling)[:, 0].tolist() for pooling in ("mean", "max", "cls")}
    assert pooled == {"mean": [2.0, -3.0], "max": [3.0, -2.0], "cls": [1.0, -4.0]}


def test_bfloat16_states_are_averaged_in_float32():
    hidden = torch.ones(1, 1000, 1, dtype=torch.bfloat16)
    assert pool(hidden, torch.ones(1, 1000, dtype=torch.int64), "mean").item() == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "sum"}, "pooling is 'sum'; choose from mean, cls, max"),
        ({"layer": 3}, r"there is no layer 3; the model has hidden states 0 to 2 \(or -1\)"),
        ({"layer": -4}, "there is no layer -4"),
    ],
)
def test_unknown_poolings_and_layers_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        embed(MODEL, TOKENIZER, ["ACG"], **options)
