"""Config of transformers' own BERT as this package runs it on DNA."""

# It does not derive from transformers' BertConfig: importing that imports the Auto classes, which import this file.
# No `from __future__ import annotations` here: @strict checks the types of fields, and strings are not checked.
from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .config_checks import SIZES, check_choices, check_heads, check_sizes, check_token_ids

POOLINGS = ("pooler", "cls", "mean", "max")


@strict
class BertDnaConfig(PreTrainedConfig):
    """The fields that the BERT families of this package share; each family has its own config class with its sizes.

    Args:
        vocab_size: each family's own.
        hidden_act: "gelu", as published.
        max_position_embeddings: tokens the model reads at most, `[CLS]` and `[SEP]` included.
        type_vocab_size: kinds of tokens: 0 in a first sequence, 1 in a second.
        is_decoder, add_cross_attention: False; transformers' layers read them.
        add_pooler: whether the model without a head has a pooler, as in the published files: a projection of the first
            token, then tanh. The language model has none.
        classifier_pooling: pooling of sequence heads: "pooler" (the first token through the pooler, as upstream),
            or without a pooler "cls" (first token), or "mean" or "max" over all tokens that are attended to, the first
            and the last one (CLS, SEP) included.
        classifier_dropout: dropout of the classification heads; None takes `hidden_dropout_prob`.

    Raises:
        ValueError: a shape that cannot be built, a pooling that does not exist, or a decoder.
    """

    vocab_size: int = 4101
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float | int = 1e-12
    hidden_dropout_prob: float | int = 0.1
    attention_probs_dropout_prob: float | int = 0.1
    initializer_range: float | int = 0.02
    pad_token_id: int | None = 0
    tie_word_embeddings: bool = True
    is_decoder: bool = False
    add_cross_attention: bool = False
    classifier_dropout: float | int | None = None
    add_pooler: bool = False
    classifier_pooling: str = "pooler"

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        self._check_shape()

    def _check_shape(self) -> None:
        check_choices(self, classifier_pooling=POOLINGS)
        if self.is_decoder or self.add_cross_attention:
            raise ValueError("is_decoder and add_cross_attention must be False: these models are encoders.")
        if self.hidden_act != "gelu":
            raise ValueError(f"hidden_act is {self.hidden_act!r}; these models support only 'gelu'.")
        check_sizes(self, *SIZES, "type_vocab_size", "max_position_embeddings")
        check_heads(self)
        check_token_ids(self, "pad_token_id")


__all__ = ["POOLINGS", "BertDnaConfig"]
