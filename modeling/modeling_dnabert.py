"""DNABERT: encoders of DNA read as overlapping k-mers, on the architecture of BERT.

Parameters have the names of the published checkpoints, so state dicts load and save unchanged.
Source: Ji et al. 2021, https://doi.org/10.1093/bioinformatics/btab083.

Legend: b sequences, n tokens, v tokens of the vocabulary.
"""

from __future__ import annotations

import torch

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
from .configuration_dnabert import DnaBertConfig
from .pooling import pool as pool
from .task_heads import classifier_dropout as classifier_dropout
from .task_models import TaskModel as TaskModel


class DnaBertModel(BertDnaModel):
    """Hidden states of every k-mer, with a pooler if the config or the head requires one."""

    config_class = DnaBertConfig


class DnaBertForMaskedLM(BertDnaForMaskedLM):
    """Predicts the k-mer at each position."""

    config_class = DnaBertConfig
    body_class = DnaBertModel

    def to_logits(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """(b, n, hidden) → logits (b, n, v). The authors' code adds its bias in the decoder and once more after it."""
        logits = super().to_logits(hidden_states)
        return logits + self.cls.predictions.bias if self.config.mlm_bias == "twice" else logits


class DnaBertForSequenceClassification(BertDnaForSequenceClassification):
    """Predicts classes, labels or values of whole sequences, according to `config.problem_type`."""

    config_class = DnaBertConfig
    body_class = DnaBertModel


class DnaBertForTokenClassification(BertDnaForTokenClassification):
    """Predicts a class for each k-mer, or for each nucleotide."""

    config_class = DnaBertConfig
    body_class = DnaBertModel


DnaBertModel.register_for_auto_class("AutoModel")

__all__ = [
    "DnaBertForMaskedLM",
    "DnaBertForSequenceClassification",
    "DnaBertForTokenClassification",
    "DnaBertModel",
]
