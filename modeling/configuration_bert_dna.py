"""The numbers that describe transformers' own BERT as this package runs it on DNA."""

# No `from __future__ import annotations` here: it would turn the types that @strict checks into text, unchecked.
from huggingface_hub.dataclasses import strict
from transformers import BertConfig

POOLINGS = ("pooler", "cls", "mean", "max")


@strict
class BertDnaConfig(BertConfig):
    """What the BERT families of this package share; each has a config class of its own with its sizes.

    Args:
        add_pooler: the model without a head has a pooler (a projection of the first token, tanh), and the language
            model carries it along, as the published files do.
        classifier_pooling: what a sequence head reads: "pooler" (the first token through the pooler, as upstream),
            or without a pooler "cls" (first token), or "mean" or "max" over all tokens that are attended to, the first
            and the last one (CLS, SEP) included.
        classifier_dropout: dropout of the classification heads; None takes `hidden_dropout_prob`.

    Raises:
        ValueError: a shape that cannot be built, a pooling that does not exist, or a decoder.
    """

    mask_token_id: int | None = None
    add_pooler: bool = True
    classifier_pooling: str = "pooler"

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        self._check_shape()

    def _check_shape(self) -> None:
        if self.classifier_pooling not in POOLINGS:
            choices = ", ".join(map(repr, POOLINGS))
            raise ValueError(f"classifier_pooling is {self.classifier_pooling!r}; choose from {choices}.")
        if self.is_decoder or self.add_cross_attention:
            raise ValueError("is_decoder and add_cross_attention must be False: these models read both ways.")
        sizes = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
        for field in (*sizes, "type_vocab_size", "max_position_embeddings"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} is {getattr(self, field)}; it must be at least 1.")
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} cannot be shared among {self.num_attention_heads} heads: "
                "make it a multiple of num_attention_heads."
            )
        for field in ("pad_token_id", "mask_token_id"):
            value = getattr(self, field)
            if value is not None and not 0 <= value < self.vocab_size:
                raise ValueError(f"{field} {value} is outside of the {self.vocab_size} token ids.")


__all__ = ["POOLINGS", "BertDnaConfig"]
