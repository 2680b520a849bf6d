"""transformers' common model tests on the four classes of every family, in each flavour that its toy declares."""

from __future__ import annotations

import random
import unittest

import torch
from transformers.models.auto import modeling_auto

import hf_dnalm  # noqa: F401  # registers our classes with the Auto classes, by which the tests reload what they saved
from hf_dnalm.registry import auto_map
from tests.conformance.transformers_tests import load_model_tester_mixin
from tests.families.family import FAMILIES, Family

# The tests hand out labels by the names of classes in these tables.
NAMES = {
    "AutoModel": modeling_auto.MODEL_MAPPING_NAMES,
    "AutoModelForMaskedLM": modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    "AutoModelForCausalLM": modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    "AutoModelForSequenceClassification": modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    "AutoModelForTokenClassification": modeling_auto.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES,
}
ModelTesterMixin = load_model_tester_mixin()


class Tester:
    """Small inputs and a family's toy config, under the names that the common tests read."""

    batch_size = 13
    seq_length = 7
    is_training = True

    def __init__(self, family: Family):
        self.family = family
        config = self.get_config()
        widths = family.hidden_widths(config)
        self.hidden_size, self.expected_num_hidden_layers = widths[0], len(widths)
        self.num_hidden_layers = config.num_hidden_layers
        self.num_attention_heads = getattr(config, "num_attention_heads", None)

    def get_config(self):
        return self.family.config(initializer_range=0.02)

    def prepare_config_and_inputs_for_common(self):
        config, generator = self.get_config(), random.Random(0)
        tokenizer = self.family.tokenizer
        words = sorted(set(range(min(len(tokenizer), config.vocab_size))) - set(tokenizer.all_special_ids))
        shape = (self.batch_size, self.seq_length)
        ids = [[generator.choice(words) for _ in range(shape[1])] for _ in range(shape[0])]
        mask = torch.tensor([[generator.randrange(2) for _ in range(shape[1])] for _ in range(shape[0])])
        mask[:, 0] = 1
        if "holes" in self.family.declared("REFUSES"):
            mask = mask.cummin(dim=1).values
        return config, {"input_ids": torch.tensor(ids), "attention_mask": mask}


class CommonTests(ModelTesterMixin):
    test_can_init_all_missing_weights_before_2023 = True  # run it whatever year stands in a file's head
    all_generative_model_classes = ()  # the tests of generation are not in the source distribution
    family: Family

    def setUp(self):
        self.model_tester = Tester(self.family)


def test_cases() -> dict[str, type]:
    """A test case for each family and flavour, by a name such as TestNucleotideTransformerVersion1."""
    cases = {}
    for family in FAMILIES:
        for auto_class, reference in auto_map(family.passport).items():
            if auto_class != "AutoConfig":
                NAMES[auto_class][family.passport.model_type] = reference.partition(".")[2]
        for flavour in family.flavours():
            fields = {
                "family": flavour,
                "all_model_classes": tuple(family.toy.CLASSES.values()),
                "has_attentions": family.gives_attentions,
            }
            cases[flavour.test_case] = type(flavour.test_case, (CommonTests, unittest.TestCase), fields)
    return cases


globals().update(test_cases())  # where pytest looks for them
