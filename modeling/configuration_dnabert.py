"""Config of a DNABERT of overlapping 3-, 4-, 5- or 6-mers."""

# No `from __future__ import annotations` here: @strict checks the types of fields, and strings are not checked.
from huggingface_hub.dataclasses import strict

from .config_checks import check_choices
from .configuration_bert_dna import BertDnaConfig

# Auto class → our class, for registration and for config.json. Every config stores the whole table, so a repository
# that was saved from one class also loads with the others.
AUTO_MAP = {
    "AutoConfig": "configuration_dnabert.DnaBertConfig",
    "AutoModel": "modeling_dnabert.DnaBertModel",
    "AutoModelForMaskedLM": "modeling_dnabert.DnaBertForMaskedLM",
    "AutoModelForSequenceClassification": "modeling_dnabert.DnaBertForSequenceClassification",
    "AutoModelForTokenClassification": "modeling_dnabert.DnaBertForTokenClassification",
}

MLM_BIASES = ("twice", "once")


@strict
class DnaBertConfig(BertDnaConfig):
    """Shape of a DNABERT; the defaults are those of the published checkpoint of 6-mers.

    Args:
        vocab_size: all k-mers and five special tokens: 69, 261, 1,029 or 4,101 for k from 3 to 6.
        mlm_bias: how often the language model's head adds its bias to the scores. "twice" is what the published
            weights were trained with; "once" is BERT as transformers computes it.

    The other fields are those of `BertDnaConfig`.

    Raises:
        ValueError: as `BertDnaConfig`, or an `mlm_bias` that does not exist.

    Example:
        >>> DnaBertConfig().vocab_size
        4101
        >>> DnaBertConfig(mlm_bias="thrice")
        Traceback (most recent call last):
        ValueError: mlm_bias is 'thrice'; choose from 'twice', 'once'.
    """

    model_type = "dnalm_dnabert"

    vocab_size: int = 4101
    mlm_bias: str = "twice"

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        self.auto_map = dict(AUTO_MAP)  # also replaces a table that refers to the original repository

    def _check_shape(self) -> None:
        super()._check_shape()
        check_choices(self, mlm_bias=MLM_BIASES)


DnaBertConfig.register_for_auto_class()

__all__ = ["AUTO_MAP", "DnaBertConfig"]
