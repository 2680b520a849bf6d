"""transformers' common model tests on the four Nucleotide Transformer classes, as version 1 and as version 2."""

from __future__ import annotations

import random
import unittest

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)
from transformers.models.auto import modeling_auto

from hf_dnalm.modeling.configuration_nucleotide_transformer import AUTO_MAP, NucleotideTransformerConfig
from hf_dnalm.modeling.modeling_nucleotide_transformer import (
    NucleotideTransformerForMaskedLM,
    NucleotideTransformerForSequenceClassification,
    NucleotideTransformerForTokenClassification,
    NucleotideTransformerModel,
)
from tests.conformance.transformers_tests import load_model_tester_mixin

CLASSES = {
    AutoModel: (NucleotideTransformerModel, modeling_auto.MODEL_MAPPING_NAMES),
    AutoModelForMaskedLM: (NucleotideTransformerForMaskedLM, modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES),
    AutoModelForSequenceClassification: (
        NucleotideTransformerForSequenceClassification,
        modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    ),
    AutoModelForTokenClassification: (
        NucleotideTransformerForTokenClassification,
        modeling_auto.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES,
    ),
}

# The tests hand out labels by class name, and reload what they saved through the Auto classes.
AutoConfig.register(NucleotideTransformerConfig.model_type, NucleotideTransformerConfig, exist_ok=True)
for auto_class, (model_class, names) in CLASSES.items():
    auto_class.register(NucleotideTransformerConfig, model_class, exist_ok=True)
    names[NucleotideTransformerConfig.model_type] = AUTO_MAP[auto_class.__name__].split(".")[1]

ModelTesterMixin = load_model_tester_mixin()


class Tester:
    """Small inputs and a small config, under the names that the common tests read."""

    batch_size = 13
    seq_length = 7
    is_training = True
    hidden_size = 32
    num_hidden_layers = 2
    num_attention_heads = 4

    def __init__(self, flavour: dict):
        self.flavour = flavour

    def get_config(self) -> NucleotideTransformerConfig:
        return NucleotideTransformerConfig(
            vocab_size=33,
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_hidden_layers,
            num_attention_heads=self.num_attention_heads,
            intermediate_size=37,
            max_position_embeddings=512,
            num_labels=3,
            **self.flavour,
        )

    def prepare_config_and_inputs_for_common(self):
        generator = random.Random(0)
        shape = (self.batch_size, self.seq_length)
        ids = [[generator.randrange(3, 33) for _ in range(shape[1])] for _ in range(shape[0])]
        mask = [[generator.randrange(2) for _ in range(shape[1])] for _ in range(shape[0])]
        mask = torch.tensor(mask)
        mask[:, 0] = 1
        return self.get_config(), {"input_ids": torch.tensor(ids), "attention_mask": mask}


class CommonTests(ModelTesterMixin):
    all_model_classes = tuple(model_class for model_class, _ in CLASSES.values())
    test_can_init_all_missing_weights_before_2023 = True  # run it whatever year stands in a file's head
    flavour: dict

    def setUp(self):
        self.model_tester = Tester(self.flavour)


class TestVersion1(CommonTests, unittest.TestCase):
    flavour = {"position_embedding_type": "absolute", "feed_forward": "gelu", "token_dropout": True}  # noqa: RUF012


class TestVersion2(CommonTests, unittest.TestCase):
    flavour = {"position_embedding_type": "rotary", "feed_forward": "silu_gated"}  # noqa: RUF012
