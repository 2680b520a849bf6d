"""The results are those of transformers' own ModernBERT with the same weights."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    ModernBertConfig,
    ModernBertForMaskedLM,
    ModernBertForSequenceClassification,
    ModernBertForTokenClassification,
    ModernBertModel,
)

from hf_dnalm.checkpoints import passport_of_family
from hf_dnalm.modeling.configuration_moderngena import ModernGenaConfig
from tests.toys.moderngena import toy_model, upstream_config

CLOSE = {"atol": 2e-5, "rtol": 0}
SHAPE = {"num_hidden_layers": 7, "local_attention": 6, "num_labels": 3}
OFFICIAL = {
    "base": ModernBertModel,
    "masked_lm": ModernBertForMaskedLM,
    "sequence": ModernBertForSequenceClassification,
    "token": ModernBertForTokenClassification,
}
IDS = torch.arange(3 * 20).view(3, 20) % 20 + 5
MASK = torch.ones(3, 20).long()
MASK[1, 13:], MASK[2, :6] = 0, 0


def official(head: str, implementation: str, state: dict[str, torch.Tensor]):
    config = ModernBertConfig(**upstream_config(**SHAPE))
    model = OFFICIAL[head]._from_config(config, attn_implementation=implementation)
    state = {key.replace("token_classifier", "classifier"): each for key, each in state.items()}
    model.load_state_dict(state)
    return model.eval()


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("head", OFFICIAL)
def test_outputs_are_the_official_ones(head, implementation):
    ours = toy_model(head, attn_implementation=implementation, **SHAPE)
    theirs = official(head, implementation, ours.state_dict())
    rows = slice(0, 2) if head == "sequence" else slice(0, 3)  # official heads pool the first column, padding or not
    inputs = {"input_ids": IDS[rows], "attention_mask": MASK[rows]}
    with torch.no_grad():
        got = ours(**inputs, output_hidden_states=True)
        expected = theirs(**inputs, output_hidden_states=True)
    real = inputs["attention_mask"].bool()
    assert len(got.hidden_states) == len(expected.hidden_states) == 8
    for mine, other in zip(got.hidden_states, expected.hidden_states, strict=True):
        torch.testing.assert_close(mine[real], other[real], **CLOSE)
    if head == "sequence":
        torch.testing.assert_close(got.logits, expected.logits, **CLOSE)
    else:
        torch.testing.assert_close(got[0][real], expected[0][real], **CLOSE)


def test_a_config_of_either_transformers_gives_the_same_model():
    translate = passport_of_family("moderngena").translate
    first = ModernGenaConfig(**translate(upstream_config(**SHAPE)))
    second = ModernGenaConfig(**translate(ModernBertConfig(**upstream_config(**SHAPE)).to_dict()))
    assert first.layer_types == ModernBertConfig(**upstream_config(**SHAPE)).layer_types == second.layer_types
    assert first.rope_parameters == second.rope_parameters
    assert first.to_dict() == second.to_dict() | {"id2label": first.id2label, "label2id": first.label2id}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer_types": ["full_attention", "sliding_attention", "full_attention", "full_attention"]}, "fixed period"),
        ({"rope_parameters": {"full_attention": {"rope_type": "yarn", "factor": 2.0}}}, "scaled rotary angles"),
        ({"hidden_activation": "silu"}, "hidden_activation = 'silu'; a ModernGENA supports only 'gelu'"),
        ({"sparse_prediction": True}, "sparse_prediction = True; a ModernGENA supports only False"),
    ],
)
def test_a_config_that_requests_something_else_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        passport_of_family("moderngena").translate(upstream_config(**change))


def test_a_mask_of_pairs_is_refused():
    with pytest.raises(ValueError, match=r"attention_mask has shape \(1, 1, 4, 4\).*pass one number per token"):
        toy_model("base")(input_ids=IDS[:1, :4], attention_mask=torch.ones(1, 1, 4, 4))


@pytest.mark.parametrize("inputs", [{}, {"input_ids": IDS, "inputs_embeds": torch.zeros(3, 20, 24)}])
def test_ids_or_vectors_but_not_both(inputs):
    with pytest.raises(ValueError, match="exactly one of input_ids and inputs_embeds"):
        toy_model("base")(**inputs)
