"""Config of a GROVER."""

# No `from __future__ import annotations` here: @strict checks the types of fields, and strings are not checked.
from huggingface_hub.dataclasses import strict

from .config_checks import check_sizes as check_sizes
from .configuration_bert_dna import BertDnaConfig

# Auto class → our class, for registration and for config.json. Every config stores the whole table, so a repository
# that was saved from one class also loads with the others.
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
        vocab_size: byte pairs and five special tokens. The published tokenizer has one token more, the empty
            one, which no text contains.

    The other fields are those of `BertDnaConfig`.

    Example:
        >>> GroverConfig().vocab_size
        609
    """

    model_type = "dnalm_grover"

    vocab_size: int = 609

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        self.auto_map = dict(AUTO_MAP)  # also replaces a table that refers to the original repository


GroverConfig.register_for_auto_class()

__all__ = ["AUTO_MAP", "GroverConfig"]
