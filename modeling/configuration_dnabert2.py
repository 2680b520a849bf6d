"""Config of a DNABERT-2 or DNABERT-S."""

# No `from __future__ import annotations` here: @strict checks the types of fields, and strings are not checked.
from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .config_checks import SIZES, check_choices, check_heads, check_sizes, check_token_ids

# Auto class → our class, for registration and for config.json. Every config stores the whole table, so a repository
# that was saved from one class also loads with the others.
AUTO_MAP = {
    "AutoConfig": "configuration_dnabert2.DnaBert2Config",
    "AutoModel": "modeling_dnabert2.DnaBert2Model",
    "AutoModelForMaskedLM": "modeling_dnabert2.DnaBert2ForMaskedLM",
    "AutoModelForSequenceClassification": "modeling_dnabert2.DnaBert2ForSequenceClassification",
    "AutoModelForTokenClassification": "modeling_dnabert2.DnaBert2ForTokenClassification",
}

POOLINGS = ("pooler", "cls", "mean", "max")


@strict
class DnaBert2Config(PreTrainedConfig):
    """Shape of a DNABERT-2; the defaults are those of the published checkpoint with 117 million parameters.

    Args:
        intermediate_size: width inside the gated feed-forward block, which projects to twice as much.
        type_vocab_size: kinds of tokens: 0 in a first sequence, 1 in a second.
        max_position_embeddings: tokens of the sequences of pre-training. It limits nothing: distances between tokens
            are biases of the attention, for any length.
        add_pooler: the model without a head has a pooler, as DNABERT-S does: a projection of the first token, tanh.
        classifier_pooling: pooling of sequence heads: "pooler" (the first token through the pooler, as upstream),
            or without a pooler "cls" (first token), or "mean" or "max" over all tokens that are attended to, the first
            and the last one (CLS, SEP) included.
        classifier_dropout: dropout of the classification heads; None takes `hidden_dropout_prob`.

    Raises:
        ValueError: a shape that cannot be built, or a pooling that does not exist.

    Example:
        >>> DnaBert2Config().head_dim
        64
        >>> DnaBert2Config(hidden_size=65, num_attention_heads=4)
        Traceback (most recent call last):
        ValueError: hidden_size 65 cannot be shared among 4 heads: make it a multiple of num_attention_heads.
    """

    model_type = "dnalm_dnabert2"

    vocab_size: int = 4096
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    type_vocab_size: int = 2
    max_position_embeddings: int = 512
    layer_norm_eps: float | int = 1e-12
    hidden_dropout_prob: float | int = 0.1
    attention_probs_dropout_prob: float | int = 0.0
    initializer_range: float | int = 0.02
    pad_token_id: int = 3
    mask_token_id: int = 4
    tie_word_embeddings: bool = True
    add_pooler: bool = False
    classifier_pooling: str = "pooler"
    classifier_dropout: float | int | None = None

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        self.auto_map = dict(AUTO_MAP)  # also replaces a table that refers to the original repository
        self._check_shape()

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    def _check_shape(self) -> None:
        check_choices(self, classifier_pooling=POOLINGS)
        check_sizes(self, *SIZES, "type_vocab_size")
        check_heads(self)
        check_token_ids(self, "pad_token_id", "mask_token_id")


DnaBert2Config.register_for_auto_class()

__all__ = ["AUTO_MAP", "DnaBert2Config"]
