"""Config of GENA-LM's BigBird."""

# No `from __future__ import annotations` here: @strict checks the types of fields, and strings are not checked.
from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .config_checks import SIZES, check_choices, check_heads, check_sizes, check_token_ids

# Auto class → our class, for registration and for config.json. Every config stores the whole table, so a repository
# that was saved from one class also loads with the others.
AUTO_MAP = {
    "AutoConfig": "configuration_gena_bigbird.GenaBigBirdConfig",
    "AutoModel": "modeling_gena_bigbird.GenaBigBirdModel",
    "AutoModelForMaskedLM": "modeling_gena_bigbird.GenaBigBirdForMaskedLM",
    "AutoModelForSequenceClassification": "modeling_gena_bigbird.GenaBigBirdForSequenceClassification",
    "AutoModelForTokenClassification": "modeling_gena_bigbird.GenaBigBirdForTokenClassification",
}

CHOICES = {
    "attention_type": ("block_sparse", "original_full"),
    "random_blocks": ("training", "zeros"),
    "layout_of": ("sequence", "batch"),
    "classifier_pooling": ("cls", "mean", "max"),
}


@strict
class GenaBigBirdConfig(PreTrainedConfig):
    """Shape of GENA-LM's BigBird; the defaults are those of the published checkpoint with 114 million parameters.

    Args:
        max_position_embeddings: the longest input in tokens.
        attention_type: "block_sparse": every block of tokens sees its neighbours, the first and the last block and a
            few others drawn at random, from `max_dense_tokens` on; "original_full": every token sees every token.
        block_size: tokens of a block.
        num_random_blocks: how many blocks are drawn for each.
        random_blocks: "training": drawn as in pre-training, from a seed that is the layer's number. "zeros": the first
            block in their place, which transformers computes outside of training since its version 4.30.
        layout_of: whose length lays the blocks out, and decides whether there are any: "sequence": the real tokens of
            each sequence, so that a batch gives what its sequences give alone. "batch": the padded length, as in
            transformers, where results depend on the other sequences of a batch.
        add_pooler: the model has the official file's pooler, a projection of the first token and tanh; no head reads it
            and pre-training never touched it.
        classifier_pooling: pooling of sequence heads: "cls" (the first token, as in transformers), or "mean" or "max"
            over all tokens that are attended to, the first and the last one (CLS, SEP) included.
        classifier_dropout: dropout of the classification heads; None takes `hidden_dropout_prob`.

    Raises:
        ValueError: a shape that cannot be built, or a choice that does not exist.

    Example:
        >>> GenaBigBirdConfig().max_dense_tokens
        704
        >>> GenaBigBirdConfig(random_blocks="none")
        Traceback (most recent call last):
        ValueError: random_blocks is 'none'; choose from 'training', 'zeros'.
    """

    model_type = "dnalm_gena_bigbird"

    vocab_size: int = 32000
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    type_vocab_size: int = 2
    max_position_embeddings: int = 4096
    layer_norm_eps: float | int = 1e-12
    hidden_dropout_prob: float | int = 0.1
    attention_probs_dropout_prob: float | int = 0.1
    initializer_range: float | int = 0.02
    pad_token_id: int = 3
    mask_token_id: int = 4
    tie_word_embeddings: bool = True
    attention_type: str = "block_sparse"
    block_size: int = 64
    num_random_blocks: int = 3
    random_blocks: str = "training"
    layout_of: str = "sequence"
    add_pooler: bool = False
    classifier_pooling: str = "cls"
    classifier_dropout: float | int | None = None

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        self.auto_map = dict(AUTO_MAP)  # also replaces a table that refers to the original repository
        self._check_shape()

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def max_dense_tokens(self) -> int:
        """Up to this many tokens attention is dense: blocks would cover all pairs anyway."""
        if self.attention_type == "original_full":
            return self.max_position_embeddings
        return (5 + 2 * self.num_random_blocks) * self.block_size

    def _check_shape(self) -> None:
        check_choices(self, **CHOICES)
        check_sizes(self, *SIZES, "type_vocab_size", "max_position_embeddings", "block_size")
        if self.num_random_blocks < 0:
            raise ValueError(f"num_random_blocks is {self.num_random_blocks}; it must be at least 0.")
        check_heads(self)
        check_token_ids(self, "pad_token_id", "mask_token_id")


GenaBigBirdConfig.register_for_auto_class()

__all__ = ["AUTO_MAP", "GenaBigBirdConfig"]
