"""transformers' common model tests on the four Caduceus classes, reading one strand (Ph) and both (Ps)."""

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

from hf_dnalm.modeling.configuration_caduceus import AUTO_MAP, CaduceusConfig
from hf_dnalm.modeling.modeling_caduceus import (
    CaduceusForMaskedLM,
    CaduceusForSequenceClassification,
    CaduceusForTokenClassification,
    CaduceusModel,
)
from tests.conformance.transformers_tests import load_model_tester_mixin

CLASSES = {
    AutoModel: (CaduceusModel, modeling_auto.MODEL_MAPPING_NAMES),
    AutoModelForMaskedLM: (CaduceusForMaskedLM, modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES),
    AutoModelForSequenceClassification: (
        CaduceusForSequenceClassification,
        modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    ),
    AutoModelForTokenClassification: (
        CaduceusForTokenClassification,
        modeling_auto.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES,
    ),
}

# The tests hand out labels by class name, and reload what they saved through the Auto classes.
AutoConfig.register(CaduceusConfig.model_type, CaduceusConfig, exist_ok=True)
for auto_class, (model_class, names) in CLASSES.items():
    auto_class.register(CaduceusConfig, model_class, exist_ok=True)
    names[CaduceusConfig.model_type] = AUTO_MAP[auto_class.__name__].split(".")[1]

ModelTesterMixin = load_model_tester_mixin()


class Tester:
    """Small inputs and a small config, under the names that the common tests read."""

    batch_size = 13
    seq_length = 7
    is_training = True
    num_hidden_layers = 2

    def __init__(self, rcps: bool):
        self.rcps = rcps
        self.hidden_size = 32 if rcps else 16

    def get_config(self) -> CaduceusConfig:
        return CaduceusConfig(
            vocab_size=33,
            d_model=16,
            n_layer=self.num_hidden_layers,
            rcps=self.rcps,
            complement_ids=[*range(3), *reversed(range(3, 33))],
            num_labels=3,
        )

    def prepare_config_and_inputs_for_common(self):
        generator = random.Random(0)
        shape = (self.batch_size, self.seq_length)
        ids = [[generator.randrange(5, 33) for _ in range(shape[1])] for _ in range(shape[0])]
        mask = torch.tensor([[generator.randrange(2) for _ in range(shape[1])] for _ in range(shape[0])])
        mask[:, 0] = 1
        return self.get_config(), {"input_ids": torch.tensor(ids), "attention_mask": mask}


class CommonTests(ModelTesterMixin):
    all_model_classes = tuple(model_class for model_class, _ in CLASSES.values())
    has_attentions = False
    test_can_init_all_missing_weights_before_2023 = True  # run it whatever year stands in a file's head
    rcps: bool

    def setUp(self):
        self.model_tester = Tester(self.rcps)


class TestOneStrand(CommonTests, unittest.TestCase):
    rcps = False


class TestBothStrands(CommonTests, unittest.TestCase):
    rcps = True
