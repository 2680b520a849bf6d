"""Config of the Nucleotide Transformers: version 1, version 2 and AgroNT."""

# No `from __future__ import annotations` here: @strict checks the types of fields, and strings are not checked.
from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .config_checks import SIZES, check_choices, check_heads, check_sizes, check_token_ids

# Auto class → our class, for registration and for config.json. Every config stores the whole table, so a repository
# that was saved from one class also loads with the others.
AUTO_MAP = {
    "AutoConfig": "configuration_nucleotide_transformer.NucleotideTransformerConfig",
    "AutoModel": "modeling_nucleotide_transformer.NucleotideTransformerModel",
    "AutoModelForMaskedLM": "modeling_nucleotide_transformer.NucleotideTransformerForMaskedLM",
    "AutoModelForSequenceClassification": (
        "modeling_nucleotide_transformer.NucleotideTransformerForSequenceClassification"
    ),
    "AutoModelForTokenClassification": "modeling_nucleotide_transformer.NucleotideTransformerForTokenClassification",
}

CHOICES = {
    "position_embedding_type": ("absolute", "rotary"),
    "feed_forward": ("gelu", "silu_gated"),
    "classifier_pooling": ("cls", "mean", "max"),
}


@strict
class NucleotideTransformerConfig(PreTrainedConfig):
    """Shape of a Nucleotide Transformer; the defaults are those of version 2 with 50 million parameters.

    | | version 1 | AgroNT | version 2 |
    |---|---|---|---|
    | `position_embedding_type` | absolute | absolute | rotary |
    | `feed_forward` | gelu | gelu | silu_gated |
    | `token_dropout` | True | False | False |

    Args:
        vocab_size: tokens the model has a vector for; version 1 has two fewer than its tokenizer.
        intermediate_size: width inside the feed-forward block; a gated block projects to twice as much.
        max_position_embeddings: rows of the table of learned positions, of which the first `pad_token_id + 1` belong
            to no token. With rotary positions it only states the length of the pre-training sequences.
        position_embedding_type: "absolute" (a learned vector for each position) or "rotary".
        feed_forward: "gelu" (two projections with biases) or "silu_gated" (three without).
        token_dropout: embeddings of mask tokens are set to zero and the others scaled by the share of masks.
        emb_layer_norm_before: normalise the embeddings before the first layer; no published checkpoint does.
        classifier_pooling: pooling of sequence heads: "cls" (first token), or "mean" or "max" over all tokens that
            are attended to, the first one included.
        classifier_dropout: dropout of the classification heads; None takes `hidden_dropout_prob`.

    Raises:
        ValueError: a shape that cannot be built, or a choice that does not exist.

    Example:
        >>> config = NucleotideTransformerConfig(hidden_size=64, num_attention_heads=4, num_hidden_layers=2)
        >>> config.head_dim
        16
        >>> NucleotideTransformerConfig(hidden_size=65, num_attention_heads=4)
        Traceback (most recent call last):
        ValueError: hidden_size 65 cannot be shared among 4 heads: make it a multiple of num_attention_heads.
    """

    model_type = "dnalm_nucleotide_transformer"

    vocab_size: int = 4107
    hidden_size: int = 512
    num_hidden_layers: int = 12
    num_attention_heads: int = 16
    intermediate_size: int = 2048
    max_position_embeddings: int = 2050
    position_embedding_type: str = "rotary"
    feed_forward: str = "silu_gated"
    token_dropout: bool = False
    emb_layer_norm_before: bool = False
    layer_norm_eps: float | int = 1e-12
    hidden_dropout_prob: float | int = 0.0
    attention_probs_dropout_prob: float | int = 0.0
    initializer_range: float | int = 0.02
    pad_token_id: int = 1
    mask_token_id: int = 2
    tie_word_embeddings: bool = False
    classifier_pooling: str = "cls"
    classifier_dropout: float | int | None = None

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        self.auto_map = dict(AUTO_MAP)  # also replaces a table that refers to the original repository
        self._check_choices()
        self._check_shape()

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    def _check_choices(self) -> None:
        check_choices(self, **CHOICES)

    def _check_shape(self) -> None:
        check_sizes(self, *SIZES)
        check_heads(self)
        if self.position_embedding_type == "rotary" and self.head_dim % 2:
            raise ValueError(
                f"rotary positions turn pairs of numbers, but a head has {self.head_dim} "
                f"(hidden_size {self.hidden_size} / {self.num_attention_heads} heads): make it even."
            )
        check_token_ids(self, "pad_token_id", "mask_token_id")
        if self.position_embedding_type == "absolute" and self.max_position_embeddings < self.pad_token_id + 2:
            raise ValueError(
                f"max_position_embeddings {self.max_position_embeddings} leaves no position for a token: "
                f"the first {self.pad_token_id + 1} rows belong to none."
            )


NucleotideTransformerConfig.register_for_auto_class()

__all__ = ["AUTO_MAP", "NucleotideTransformerConfig"]
