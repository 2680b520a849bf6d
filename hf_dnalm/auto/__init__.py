"""The front doors: drop-in Auto classes for what we wrote, what upstream published, adapters, and all the rest."""

from hf_dnalm.auto.adapters import base_of
from hf_dnalm.auto.models import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)
from hf_dnalm.auto.tokenizers import AutoTokenizer

__all__ = [
    "AutoConfig",
    "AutoModel",
    "AutoModelForCausalLM",
    "AutoModelForMaskedLM",
    "AutoModelForSequenceClassification",
    "AutoModelForTokenClassification",
    "AutoTokenizer",
    "base_of",
]
