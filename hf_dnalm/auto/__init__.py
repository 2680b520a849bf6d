"""Drop-in Auto classes for models saved by this package, published checkpoints, adapters, and all other models."""

from hf_dnalm.auto.models import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)
from hf_dnalm.auto.pipelines import pipeline
from hf_dnalm.auto.tokenizers import AutoTokenizer
from hf_dnalm.auto.whole import Whole, whole_of

__all__ = [
    "AutoConfig",
    "AutoModel",
    "AutoModelForCausalLM",
    "AutoModelForMaskedLM",
    "AutoModelForSequenceClassification",
    "AutoModelForTokenClassification",
    "AutoTokenizer",
    "Whole",
    "pipeline",
    "whole_of",
]
