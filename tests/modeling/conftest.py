"""Small Nucleotide Transformers for the tests of this folder."""

from __future__ import annotations

import pytest
import torch

from hf_dnalm.modeling.configuration_nucleotide_transformer import NucleotideTransformerConfig

FLAVOURS = {
    "version_1": {"position_embedding_type": "absolute", "feed_forward": "gelu", "token_dropout": True},
    "agront": {"position_embedding_type": "absolute", "feed_forward": "gelu", "hidden_size": 30},
    "version_2": {"position_embedding_type": "rotary", "feed_forward": "silu_gated"},
}
PAD, MASK, CLS = 1, 2, 3


@pytest.fixture(params=FLAVOURS)
def flavour(request) -> str:
    return request.param


@pytest.fixture
def small_config():
    """A function: flavour and changed fields → a config of two layers over 75 tokens."""

    def make(flavour: str = "version_2", **changes) -> NucleotideTransformerConfig:
        shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
        limits = {"vocab_size": 75, "max_position_embeddings": 34, "num_labels": 3}
        return NucleotideTransformerConfig(**{**shape, **limits, **FLAVOURS[flavour], **changes})

    return make


@pytest.fixture
def small_model(small_config):
    """A function: class, flavour and changed fields → a model in eval mode with weights large enough to tell."""

    def make(model_class, flavour: str = "version_2", *, attn_implementation: str = "sdpa", seed: int = 0, **changes):
        torch.manual_seed(seed)
        config = small_config(flavour, initializer_range=0.3, **changes)
        model = model_class._from_config(config, attn_implementation=attn_implementation)
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):  # they start at zero, where a lost one would not be seen
                torch.nn.init.normal_(parameter, std=0.1)
        return model.eval()

    return make


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    """Three sequences of 9, 6 and 1 tokens, padded on the right; the first has a masked token."""
    torch.manual_seed(1)
    input_ids = torch.randint(6, 75, (3, 9))
    input_ids[:, 0] = CLS
    input_ids[0, 4] = MASK
    attention_mask = torch.ones_like(input_ids)
    for row, length in enumerate((9, 6, 1)):
        input_ids[row, length:], attention_mask[row, length:] = PAD, 0
    return {"input_ids": input_ids, "attention_mask": attention_mask}
