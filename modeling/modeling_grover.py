"""GROVER: an encoder of human DNA read as byte pairs, on the architecture of BERT.

Parameters have the names of the published checkpoint, so state dicts load and save unchanged.
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
    """Hidden states of every token, with a pooler if the config or the head requires one."""

    config_class = GroverConfig


class GroverForMaskedLM(BertDnaForMaskedLM):
    """Predicts the token at each position."""

    config_class = GroverConfig
    body_class = GroverModel


class GroverForSequenceClassification(BertDnaForSequenceClassification):
    """Predicts classes, labels or values of whole sequences, according to `config.problem_type`."""

    config_class = GroverConfig
    body_class = GroverModel


class GroverForTokenClassification(BertDnaForTokenClassification):
    """Predicts a class for each token, or for each nucleotide."""

    config_class = GroverConfig
    body_class = GroverModel


GroverModel.register_for_auto_class("AutoModel")

__all__ = [
    "GroverForMaskedLM",
    "GroverForSequenceClassification",
    "GroverForTokenClassification",
    "GroverModel",
]
