"""What the passports state of each published checkpoint is what our models have."""

from __future__ import annotations

import json

import pytest
import torch

from hf_dnalm.checkpoints import find_checkpoint
from hf_dnalm.registry import config_class, model_class
from tests.families.family import FAMILIES

CHECKPOINTS = [(family.passport, checkpoint) for family in FAMILIES for checkpoint in family.passport.checkpoints]


@pytest.mark.parametrize(("passport", "checkpoint"), CHECKPOINTS, ids=[each.name for _, each in CHECKPOINTS])
def test_the_table_states_the_parameters_that_the_model_has(passport, checkpoint):
    written = json.loads(json.dumps(dict(checkpoint.config)))
    config = config_class(passport)(**passport.translate(written))
    with torch.device("meta"):
        model = model_class(passport, checkpoint.auto_class)(config)
    assert checkpoint.parameters == sum(each.numel() for each in model.parameters())
    assert passport.context_tokens(config) in (checkpoint.context_tokens, None)
    assert find_checkpoint(checkpoint.hub_id) == (passport, checkpoint)


@pytest.mark.parametrize(("passport", "checkpoint"), CHECKPOINTS, ids=[each.name for _, each in CHECKPOINTS])
def test_every_checkpoint_can_be_cited_and_traced(passport, checkpoint):
    assert checkpoint.citation.startswith("@")
    assert checkpoint.citation.count("{") == checkpoint.citation.count("}")
    assert checkpoint.hub_id.count("/") == (0 if checkpoint.download else 1)
    assert checkpoint.revision is None or len(checkpoint.revision) >= 7
    assert checkpoint.auto_class == "AutoModel" or checkpoint.auto_class in passport.heads
