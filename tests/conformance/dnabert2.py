"""transformers' common model tests on the four DNABERT-2 classes."""

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

from hf_dnalm.modeling.configuration_dnabert2 import AUTO_MAP, DnaBert2Config
from hf_dnalm.modeling.modeling_dnabert2 import (
    DnaBert2ForMaskedLM,
    DnaBert2ForSequenceClassification,
    DnaBert2ForTokenClassification,
    DnaBert2Model,
)
from tests.conformance.transformers_tests import load_model_tester_mixin

CLASSES = {
    AutoModel: (DnaBert2Model, modeling_auto.MODEL_MAPPING_NAMES),
    AutoModelForMaskedLM: (DnaBert2ForMaskedLM, modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES),
    AutoModelForSequenceClassification: (
        DnaBert2ForSequenceClassification,
        modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    ),
    AutoModelForTokenClassification: (
        DnaBert2ForTokenClassification,
        modeling_auto.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES,
    ),
}

# The tests hand out labels by class name, and reload what they saved through the Auto classes.
AutoConfig.register(DnaBert2Config.model_type, DnaBert2Config, exist_ok=True)
for auto_class, (model_class, names) in CLASSES.items():
    auto_class.register(DnaBert2Config, model_class, exist_ok=True)
    names[DnaBert2Config.model_type] = AUTO_MAP[auto_class.__name__].split(".")[1]

ModelTesterMixin = load_model_tester_mixin()


class Tester:
    """Small inputs and a small config, under the names that the common tests read."""

    batch_size = 13
    seq_length = 7
    is_training = True
    hidden_size = 32
    num_hidden_layers = 2
    num_attention_heads = 4

    def get_config(self) -> DnaBert2Config:
        return DnaBert2Config(
            vocab_size=33,
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_hidden_layers,
            num_attention_heads=self.num_attention_heads,
            intermediate_size=37,
            num_labels=3,
            add_pooler=True,
        )

    def prepare_config_and_inputs_for_common(self):
        generator = random.Random(0)
        shape = (self.batch_size, self.seq_length)
        ids = [[generator.randrange(5, 33) for _ in range(shape[1])] for _ in range(shape[0])]
        mask = torch.tensor([[generator.randrange(2) for _ in range(shape[1])] for _ in range(shape[0])])
        mask[:, 0] = 1
        return self.get_config(), {"input_ids": torch.tensor(ids), "attention_mask": mask}


class TestDnaBert2(ModelTesterMixin, unittest.TestCase):
    all_model_classes = tuple(model_class for model_class, _ in CLASSES.values())
    test_can_init_all_missing_weights_before_2023 = True  # run it whatever year stands in a file's head

    def setUp(self):
        self.model_tester = Tester()
