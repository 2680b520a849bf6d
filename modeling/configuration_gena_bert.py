"""Config of a GENA-LM of the BERT kind, dense or block-sparse."""

# No `from __future__ import annotations` here: @strict checks the types of fields, and strings are not checked.
from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .config_checks import SIZES, check_choices, check_heads, check_sizes, check_token_ids

# Auto class → our class, for registration and for config.json. Every config stores the whole table, so a repository
# that was saved from one class also loads with the others.
AUTO_MAP = {
    "AutoConfig": "configuration_gena_bert.GenaBertConfig",
    "AutoModel": "modeling_gena_bert.GenaBertModel",
    "AutoModelForMaskedLM": "modeling_gena_bert.GenaBertForMaskedLM",
    "AutoModelForSequenceClassification": "modeling_gena_bert.GenaBertForSequenceClassification",
    "AutoModelForTokenClassification": "modeling_gena_bert.GenaBertForTokenClassification",
}

CHOICES = {
    "position_embedding_type": ("absolute", "rotary"),
    "sparse_layout": ("first_layer", "per_layer"),
    "classifier_pooling": ("pooler", "cls", "mean", "max"),
}


@strict
class GenaBertConfig(PreTrainedConfig):
    """Shape of a GENA-LM; the defaults are those of the published dense checkpoints with 110 million parameters.

    Args:
        type_vocab_size: kinds of tokens: 0 in a first sequence, 1 in a second.
        max_position_embeddings: the longest input in tokens.
        last_layer_norm: whether the output of the last layer is normalised too.
        position_embedding_type: "absolute": a learned vector for every position; "rotary": queries and keys turned.
        rotary_dim: how many of a head's numbers are turned, the first ones.
        rotary_base: the slowest of them turns by about one over this from token to token.
        sparse_block_size: None: every token sees every token. Else tokens of a block: blocks see chosen blocks, which
            the weights list (`master_layout`) for every layer and head.
        sparse_layout: the list of blocks that a layer uses: "first_layer": the first layer's, as in pre-training; or
            "per_layer": each by its own.
        sparse_random_blocks, sparse_window_blocks, sparse_global_blocks: of the list that a new model draws: how many
            blocks each sees by chance; how many neighbours, itself included; how many first blocks see and are seen by
            all.
        add_pooler: the model without a head has a pooler: a projection of the first token, tanh.
        classifier_pooling: pooling of sequence heads: "pooler" (the first token through the pooler, as upstream), or
            without a pooler "cls" (first token), or "mean" or "max" over all tokens that are attended to, the first and
            the last one (CLS, SEP) included.
        classifier_dropout: dropout of the classification heads; None takes `hidden_dropout_prob`.

    Raises:
        ValueError: a shape that cannot be built, or a choice that does not exist.

    Example:
        >>> GenaBertConfig(sparse_block_size=64, max_position_embeddings=4096).sparse_blocks
        64
        >>> GenaBertConfig(sparse_block_size=64, max_position_embeddings=500)
        Traceback (most recent call last):
        ValueError: max_position_embeddings 500 is no multiple of sparse_block_size 64, and inputs are cut into blocks.
    """

    model_type = "dnalm_gena_bert"

    vocab_size: int = 32000
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    type_vocab_size: int = 2
    max_position_embeddings: int = 512
    layer_norm_eps: float | int = 1e-12
    last_layer_norm: bool = False
    position_embedding_type: str = "absolute"
    rotary_dim: int = 32
    rotary_base: float | int = 10_000
    sparse_block_size: int | None = None
    sparse_layout: str = "first_layer"
    sparse_random_blocks: int = 3
    sparse_window_blocks: int = 3
    sparse_global_blocks: int = 2
    hidden_dropout_prob: float | int = 0.1
    attention_probs_dropout_prob: float | int = 0.1
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

    @property
    def sparse_blocks(self) -> int:
        """Blocks of the longest input; 0 for dense attention."""
        return self.max_position_embeddings // self.sparse_block_size if self.sparse_block_size else 0

    def _check_shape(self) -> None:
        check_choices(self, **CHOICES)
        check_sizes(self, *SIZES, "type_vocab_size", "max_position_embeddings", "rotary_dim")
        check_heads(self)
        check_token_ids(self, "pad_token_id", "mask_token_id")
        if self.position_embedding_type == "rotary" and (self.rotary_dim % 2 or self.rotary_dim > self.head_dim):
            raise ValueError(
                f"rotary_dim is {self.rotary_dim}; it must be even and at most {self.head_dim}, the width of a head."
            )
        if self.sparse_block_size is not None:
            self._check_blocks(self.sparse_block_size)

    def _check_blocks(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"sparse_block_size is {size}; it must be at least 1, or None for dense attention.")
        if self.max_position_embeddings % size:
            raise ValueError(
                f"max_position_embeddings {self.max_position_embeddings} is no multiple of sparse_block_size {size}, "
                "and inputs are cut into blocks."
            )
        for field in ("sparse_random_blocks", "sparse_window_blocks", "sparse_global_blocks"):
            if not 0 <= getattr(self, field) <= self.sparse_blocks:
                raise ValueError(f"{field} is {getattr(self, field)}, of {self.sparse_blocks} blocks.")


GenaBertConfig.register_for_auto_class()

__all__ = ["AUTO_MAP", "GenaBertConfig"]
