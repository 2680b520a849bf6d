"""GROVER: an encoder of human DNA read as byte pairs, on the architecture of BERT.

Parameters bear the names of the published checkpoint, so a state dict goes in and out as it is.
Source: Sanabria et al. 2024, https://doi.org/10.1038/s42256-024-00872-0.
"""

from __future__ import annotations

# transformers 5.5 copies only the siblings that this file imports itself. Those that only siblings use are imported
# `as` themselves.
from .attention import bidirectional_mask as bidirectional_mask
from .bert_dna import (
    BertDnaForMaskedLM,
    BertDnaForSequenceClassification,
    BertDnaForTokenClassification,
    BertDnaModel,
)
from .config_checks import check_sizes as check_sizes
from .configuration_bert_dna import BertDnaConfig as BertDnaConfig
from .configuration_grover import GroverConfig
from .pooling import pool as pool
from .task_heads import classifier_dropout as classifier_dropout
from .task_models import TaskModel as TaskModel


class GroverModel(BertDnaModel):
    """Hidden states of every token, with a pooler where the config, or the head over it, asks for one."""

    config_class = GroverConfig


class GroverForMaskedLM(BertDnaForMaskedLM):
    """Which word stands at each position."""

    config_class = GroverConfig
    body_class = GroverModel


class GroverForSequenceClassification(BertDnaForSequenceClassification):
    """Classes, labels or values of whole sequences, as `config.problem_type` says."""

    config_class = GroverConfig
    body_class = GroverModel


class GroverForTokenClassification(BertDnaForTokenClassification):
    """A class for every token, or for every nucleotide."""

    config_class = GroverConfig
    body_class = GroverModel


GroverModel.register_for_auto_class("AutoModel")

__all__ = [
    "GroverForMaskedLM",
    "GroverForSequenceClassification",
    "GroverForTokenClassification",
    "GroverModel",
]
