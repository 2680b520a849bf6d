"""The numbers that describe a GROVER."""

# No `from __future__ import annotations` here: it would turn the types that @strict checks into text, unchecked.
from huggingface_hub.dataclasses import strict

from .config_checks import check_sizes as check_sizes
from .configuration_bert_dna import BertDnaConfig

# The one table of classes: what a checkpoint's config.json names, what is registered, what ships. Every config carries
# it whole, so that a repository saved from one class also opens with the others.
AUTO_MAP = {
    "AutoConfig": "configuration_grover.GroverConfig",
    "AutoModel": "modeling_grover.GroverModel",
    "AutoModelForMaskedLM": "modeling_grover.GroverForMaskedLM",
    "AutoModelForSequenceClassification": "modeling_grover.GroverForSequenceClassification",
    "AutoModelForTokenClassification": "modeling_grover.GroverForTokenClassification",
}


@strict
class GroverConfig(BertDnaConfig):
    """Shape of a GROVER; the defaults are those of the published checkpoint.

    Args:
        vocab_size: byte pairs and five special tokens. The published tokenizer counts one word more, the empty one,
            which no text gives.

    The other fields are those of `BertDnaConfig`.

    Example:
        >>> GroverConfig().vocab_size
        609
    """

    model_type = "dnalm_grover"

    vocab_size: int = 609

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        self.auto_map = dict(AUTO_MAP)  # also replaces a table that names the repository it was read from


GroverConfig.register_for_auto_class()

__all__ = ["AUTO_MAP", "GroverConfig"]
