"""Config of a HyenaDNA."""

# No `from __future__ import annotations` here: @strict checks the types of fields, and strings are not checked.
from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .config_checks import check_choices, check_sizes, check_token_ids

# Auto class → our class, for registration and for config.json. Every config stores the whole table, so a repository
# that was saved from one class also loads with the others.
AUTO_MAP = {
    "AutoConfig": "configuration_hyenadna.HyenaDnaConfig",
    "AutoModel": "modeling_hyenadna.HyenaDnaModel",
    "AutoModelForCausalLM": "modeling_hyenadna.HyenaDnaForCausalLM",
    "AutoModelForSequenceClassification": "modeling_hyenadna.HyenaDnaForSequenceClassification",
    "AutoModelForTokenClassification": "modeling_hyenadna.HyenaDnaForTokenClassification",
}

POOLINGS = ("last", "mean", "max")


@strict
class HyenaDnaConfig(PreTrainedConfig):
    """Shape of a HyenaDNA; the defaults are those of the published checkpoint for 32 thousand bp.

    Args:
        vocab_size: rows of the token table.
        pad_vocab_size_multiple: rounds `vocab_size` up to a multiple of it, as upstream does, whose configs state 12
            tokens and 8; afterwards it is 1.
        max_position_embeddings: the longest input in tokens, special tokens included. The filters measure time in it,
            so it cannot be changed after training.
        filter_embedding_size: numbers that describe a point in time to the filters: the time itself, and as many
            cosines as sines.
        filter_width: width of the small network that makes the filters out of them.
        filter_inner_layers: its layers between the first and the last.
        filter_frequency: at which its sines start; they are trained.
        short_filter_size: width in tokens of the short convolution before the long one.
        hidden_dropout_prob: dropout of the embeddings.
        mixer_dropout: dropout of what goes into the long convolution.
        classifier_pooling: pooling of sequence heads: "last" (the last token that is attended to, as upstream), or
            "mean" or "max" over all of them, `[SEP]` included.
        classifier_dropout: dropout of the classification heads.
        use_cache: must be False: each new token is computed from the whole sequence.

    Raises:
        ValueError: a shape that cannot be built, or a pooling that does not exist.

    Example:
        >>> HyenaDnaConfig(filter_embedding_size=4)
        Traceback (most recent call last):
        ValueError: filter_embedding_size is 4; it must be odd and at least 3: the time, and cosines and sines in pairs.
    """

    model_type = "dnalm_hyenadna"

    vocab_size: int = 16
    pad_vocab_size_multiple: int = 1
    hidden_size: int = 256
    num_hidden_layers: int = 4
    intermediate_size: int = 1024
    max_position_embeddings: int = 32_770
    filter_embedding_size: int = 5
    filter_width: int = 64
    filter_inner_layers: int = 2
    filter_frequency: float | int = 10
    short_filter_size: int = 3
    layer_norm_eps: float | int = 1e-5
    hidden_dropout_prob: float | int = 0.1
    mixer_dropout: float | int = 0.0
    initializer_range: float | int = 0.02
    pad_token_id: int = 4
    tie_word_embeddings: bool = False
    use_cache: bool = False
    classifier_pooling: str = "last"
    classifier_dropout: float | int = 0.0

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        self.auto_map = dict(AUTO_MAP)  # also replaces a table that refers to the original repository
        self._check_shape()
        # Done here so that this class reads the same size from upstream's config.json (PEFT compares the two).
        self.vocab_size = -(-self.vocab_size // self.pad_vocab_size_multiple) * self.pad_vocab_size_multiple
        self.pad_vocab_size_multiple = 1

    def _check_shape(self) -> None:
        check_choices(self, classifier_pooling=POOLINGS)
        sizes = ("vocab_size", "hidden_size", "num_hidden_layers", "intermediate_size", "max_position_embeddings")
        check_sizes(self, *sizes, "filter_width", "short_filter_size", "pad_vocab_size_multiple")
        if self.filter_inner_layers < 0:
            raise ValueError(f"filter_inner_layers is {self.filter_inner_layers}; it must not be negative.")
        if self.filter_embedding_size < 3 or self.filter_embedding_size % 2 == 0:
            raise ValueError(
                f"filter_embedding_size is {self.filter_embedding_size}; it must be odd and at least 3: the time, and "
                "cosines and sines in pairs."
            )
        check_token_ids(self, "pad_token_id")
        if self.use_cache:
            raise ValueError(
                "use_cache is True; a HyenaDNA recomputes the whole sequence for each token. Set it False."
            )


HyenaDnaConfig.register_for_auto_class()

__all__ = ["AUTO_MAP", "HyenaDnaConfig"]
