"""Config of an AWD-LSTM."""

# No `from __future__ import annotations` here: @strict checks the types of fields, and strings are not checked.
from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .config_checks import check_choices, check_sizes, check_token_ids

# Auto class → our class, for registration and for config.json. Every config stores the whole table, so a repository
# that was saved from one class also loads with the others.
AUTO_MAP = {
    "AutoConfig": "configuration_awd_lstm.AwdLstmConfig",
    "AutoModel": "modeling_awd_lstm.AwdLstmModel",
    "AutoModelForCausalLM": "modeling_awd_lstm.AwdLstmForCausalLM",
    "AutoModelForSequenceClassification": "modeling_awd_lstm.AwdLstmForSequenceClassification",
    "AutoModelForTokenClassification": "modeling_awd_lstm.AwdLstmForTokenClassification",
}

POOLINGS = ("mean", "max", "last")


@strict
class AwdLstmConfig(PreTrainedConfig):
    """Shape of an AWD-LSTM; the defaults are BEND's.

    Args:
        hidden_size: numbers of a token, both going in and coming out (upstream's `input_size`).
        intermediate_size: numbers between two layers (upstream's `hidden_size`); of no meaning with a single one.
        input_dropout_prob: of the vectors that enter the first layer. This and the next two drop the same numbers at
            every token of a sequence.
        hidden_dropout_prob: of what passes from one layer to the next and, where `classifier_dropout` is None, of what
            enters a task head.
        dropout_prob: of what leaves the last layer.
        weight_dropout_prob: of the weights between a state and the next one.
        reset_token_id: after this token the state starts from zero, and its own vector is zero; None: no token does so.
        reset_after_first_token: whether that holds for the first token of a sequence too, which upstream passes over.
        classifier_pooling: pooling of sequence heads: "mean" or "max" over all real tokens, or the "last" of them, the
            only one whose vector depends on all others.

    Raises:
        ValueError: a shape that cannot be built, or a pooling that does not exist.

    Example:
        >>> AwdLstmConfig(num_hidden_layers=3).layer_sizes
        [(64, 512), (512, 512), (512, 64)]
    """

    model_type = "dnalm_awd_lstm"

    vocab_size: int = 7
    hidden_size: int = 64
    num_hidden_layers: int = 1
    intermediate_size: int = 512
    input_dropout_prob: float | int = 0.65
    hidden_dropout_prob: float | int = 0.3
    dropout_prob: float | int = 0.4
    weight_dropout_prob: float | int = 0.5
    reset_token_id: int | None = None
    reset_after_first_token: bool = False
    initializer_range: float | int = 0.02
    pad_token_id: int = 0
    mask_token_id: int = 1
    tie_word_embeddings: bool = True
    classifier_pooling: str = "mean"
    classifier_dropout: float | int | None = None

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        self.auto_map = dict(AUTO_MAP)  # also replaces a table that refers to the original repository
        self._check_shape()

    @property
    def layer_sizes(self) -> list[tuple[int, int]]:
        """Numbers of a token that go into each layer and come out of it."""
        between = [self.intermediate_size] * (self.num_hidden_layers - 1)
        return list(zip([self.hidden_size, *between], [*between, self.hidden_size], strict=True))

    def _check_shape(self) -> None:
        check_choices(self, classifier_pooling=POOLINGS)
        check_sizes(self, "vocab_size", "hidden_size", "num_hidden_layers", "intermediate_size")
        check_token_ids(self, "pad_token_id", "mask_token_id", "reset_token_id")
        if self.reset_after_first_token and self.reset_token_id is None:
            raise ValueError("reset_after_first_token=True needs a reset_token_id.")


AwdLstmConfig.register_for_auto_class()

__all__ = ["AUTO_MAP", "AwdLstmConfig"]
