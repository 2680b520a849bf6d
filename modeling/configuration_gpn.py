"""Config of a GPN, or BEND's ResNet-LM."""

# No `from __future__ import annotations` here: @strict checks the types of fields, and strings are not checked.
from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .config_checks import check_choices, check_sizes, check_token_ids

# Auto class → our class, for registration and for config.json. Every config stores the whole table, so a repository
# that was saved from one class also loads with the others.
AUTO_MAP = {
    "AutoConfig": "configuration_gpn.GpnConfig",
    "AutoModel": "modeling_gpn.GpnModel",
    "AutoModelForMaskedLM": "modeling_gpn.GpnForMaskedLM",
    "AutoModelForSequenceClassification": "modeling_gpn.GpnForSequenceClassification",
    "AutoModelForTokenClassification": "modeling_gpn.GpnForTokenClassification",
}

CHOICES = {
    "block": ("post_norm", "pre_norm", "bytenet"),
    "classifier_pooling": ("mean", "max"),
}


@strict
class GpnConfig(PreTrainedConfig):
    """Shape of a GPN; the defaults are those of songlab/gpn-brassicales, with 66 million parameters.

    Args:
        block: what a layer is: "post_norm" (a convolution and a linear map, each normalised before it is added; the
            first GPN and BEND's ResNet-LM), "pre_norm" (both read normalised states) or "bytenet" (one convolution
            between two linear maps). The last two normalise once more after all layers.
        learned_embedding: whether the vectors of letters are learned; else they are one-hot: 1 at the number of the
            token, in `hidden_size` channels, without weights.
        intermediate_size: width inside the feed-forward map of "pre_norm".
        slim: of "bytenet", whether its convolution has half as many channels.
        depthwise: whether convolutions but for the first keep channels apart.
        bias: whether linear maps, convolutions and normalisations have biases; token heads always do.
        first_kernel_size, rest_kernel_size: tokens that the convolution of the first layer, and of any other, reads.
        dilation_base, dilation_double_every, dilation_cycle, dilation_max: how far apart these tokens are, layer by
            layer: see `dilated_convolution.dilations`.
        hidden_dropout_prob: dropout of what each layer adds; upstream has it in "pre_norm" alone.
        classifier_dropout: dropout of the task heads; None takes `hidden_dropout_prob`.
        tie_word_embeddings: whether the language model's head shares the learned embedding.
        mlm_head_transform: whether that head has a hidden layer.
        classifier_pooling: pooling of sequence heads: "mean" (as upstream) or "max" over all real tokens.
        regression_softplus: whether the outputs of a sequence head are made positive.

    Raises:
        ValueError: a shape that cannot be built, or a choice that does not exist.

    Example:
        >>> GpnConfig().receptive_field_bp
        2025
        >>> GpnConfig(hidden_size=6)
        Traceback (most recent call last):
        ValueError: hidden_size 6 has no room for 7 one-hot tokens: make it larger, or set learned_embedding=True.
    """

    model_type = "dnalm_gpn"

    vocab_size: int = 7
    hidden_size: int = 512
    num_hidden_layers: int = 25
    block: str = "post_norm"
    learned_embedding: bool = False
    intermediate_size: int = 2048
    slim: bool = False
    depthwise: bool = False
    bias: bool = True
    first_kernel_size: int = 9
    rest_kernel_size: int = 9
    dilation_base: int = 2
    dilation_double_every: int = 1
    dilation_cycle: int = 6
    dilation_max: int = 32
    hidden_dropout_prob: float | int = 0.0
    initializer_range: float | int = 0.02
    pad_token_id: int = 0
    mask_token_id: int = 1
    tie_word_embeddings: bool = False
    mlm_head_transform: bool = True
    classifier_pooling: str = "mean"
    classifier_dropout: float | int | None = 0.1
    regression_softplus: bool = False

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        self.auto_map = dict(AUTO_MAP)  # also replaces a table that refers to the original repository
        self._check_choices()
        self._check_shape()

    @property
    def receptive_field_bp(self) -> int:
        """Letters that the vector of one letter depends on, itself in the middle."""
        kernels = [self.first_kernel_size] + [self.rest_kernel_size] * (self.num_hidden_layers - 1)
        steps = [
            min(self.dilation_max, self.dilation_base ** ((i % self.dilation_cycle) // self.dilation_double_every))
            for i in range(self.num_hidden_layers)
        ]
        return 1 + sum((kernel - 1) * step for kernel, step in zip(kernels, steps, strict=True))

    def check_combination(self) -> None:
        """Refuse fields that have no effect together with the others; called by the models.

        This is not checked when the config is created: PEFT creates one from upstream's config.json under an adapter.

        Raises:
            ValueError: a field that requests a feature this kind of layer or embedding does not have.

        Example:
            >>> GpnConfig(slim=True).check_combination()
            Traceback (most recent call last):
            ValueError: slim needs block 'bytenet', not 'post_norm'.
        """
        if self.slim and self.block != "bytenet":
            raise ValueError(f"slim needs block 'bytenet', not {self.block!r}.")
        if self.block == "post_norm" and not self.mlm_head_transform:
            raise ValueError("mlm_head_transform=False needs block 'pre_norm' or 'bytenet', not 'post_norm'.")
        if self.tie_word_embeddings and (not self.learned_embedding or self.block == "post_norm"):
            raise ValueError(
                "tie_word_embeddings=True needs learned_embedding=True and block 'pre_norm' or 'bytenet': without "
                "learned vectors there is nothing to share."
            )

    def _check_choices(self) -> None:
        check_choices(self, **CHOICES)

    def _check_shape(self) -> None:
        sizes = ("vocab_size", "hidden_size", "num_hidden_layers", "intermediate_size", "first_kernel_size")
        dilation = ("dilation_base", "dilation_double_every", "dilation_cycle", "dilation_max")
        check_sizes(self, *sizes, "rest_kernel_size", *dilation)
        if not self.learned_embedding and self.vocab_size > self.hidden_size:
            raise ValueError(
                f"hidden_size {self.hidden_size} has no room for {self.vocab_size} one-hot tokens: make it larger, or "
                "set learned_embedding=True."
            )
        check_token_ids(self, "pad_token_id", "mask_token_id")


GpnConfig.register_for_auto_class()

__all__ = ["AUTO_MAP", "GpnConfig"]
