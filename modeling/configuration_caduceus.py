"""Config of a Caduceus or a PlantCaduceus."""

# No `from __future__ import annotations` here: @strict checks the types of fields, and strings are not checked.
from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .config_checks import check_choices, check_sizes, check_token_ids

# Auto class → our class, for registration and for config.json. Every config stores the whole table, so a repository
# that was saved from one class also loads with the others.
AUTO_MAP = {
    "AutoConfig": "configuration_caduceus.CaduceusConfig",
    "AutoModel": "modeling_caduceus.CaduceusModel",
    "AutoModelForMaskedLM": "modeling_caduceus.CaduceusForMaskedLM",
    "AutoModelForSequenceClassification": "modeling_caduceus.CaduceusForSequenceClassification",
    "AutoModelForTokenClassification": "modeling_caduceus.CaduceusForTokenClassification",
}

POOLINGS = ("mean", "max", "cls")
SCANS = ("auto", "torch", "mamba_ssm")

# A and T, C and G of the 12 tokens of the nucleotide vocabulary, filled up to 16; all others are their own complement.
NUCLEOTIDE_COMPLEMENTS = [0, 1, 2, 3, 4, 5, 6, 10, 9, 8, 7, 11, 12, 13, 14, 15]


@strict
class CaduceusConfig(PreTrainedConfig):
    """Shape of a Caduceus; the defaults are those of the published Ps checkpoint for 131,072 bp.

    Args:
        d_model: width of one strand.
        n_layer: number of layers.
        rcps: each layer reads both strands with the same weights (Ps), so that vectors are 2 · d_model wide and turn
            with the strand; without it one strand is read (Ph).
        complement_ids: for every token id the id of its complement; None if unknown.
        d_state: states of a channel.
        d_conv: tokens that the convolution in front of the scan sees.
        expand: channels of the scan, in multiples of d_model.
        dt_rank: rank of the projection that makes the steps of the scan; None is d_model / 16, rounded up.
        conv_bias: that convolution has a bias.
        residual_in_fp32: what the layers add up is kept in float32, whatever the dtype of the weights.
        scan: "torch", "mamba_ssm" (that package's CUDA kernel), or "auto": the kernel if available.
        classifier_pooling: what a sequence head reads of each strand: "mean" (as upstream) or "max" over all tokens
            that are attended to, or "cls", the first of them.
        classifier_dropout: dropout in front of the classification heads.
        conjoin: a sequence head of a model that reads one strand reads the reverse complement too, and averages.

    Raises:
        ValueError: a shape that cannot be built, or a choice that does not exist.

    Example:
        >>> CaduceusConfig().hidden_size, CaduceusConfig(rcps=False).hidden_size
        (512, 256)
        >>> CaduceusConfig(rcps=True, conjoin=True)
        Traceback (most recent call last):
        ValueError: conjoin is for models that read one strand; with rcps every layer reads both already.
    """

    model_type = "dnalm_caduceus"
    attribute_map = {"num_hidden_layers": "n_layer"}  # noqa: RUF012 (transformers' own declaration)

    vocab_size: int = 16
    d_model: int = 256
    n_layer: int = 16
    rcps: bool = True
    complement_ids: list[int] | None = None
    d_state: int = 16
    d_conv: int = 4
    expand: int = 2
    dt_rank: int | None = None
    conv_bias: bool = True
    norm_epsilon: float | int = 1e-5
    residual_in_fp32: bool = False
    initializer_range: float | int = 0.02
    pad_token_id: int = 4
    mask_token_id: int = 3
    tie_word_embeddings: bool = True
    scan: str = "auto"
    classifier_pooling: str = "mean"
    classifier_dropout: float | int = 0.0
    conjoin: bool = False

    def __post_init__(self, **kwargs):
        if self.dt_rank is None:
            self.dt_rank = -(-self.d_model // 16)
        if self.complement_ids is None and self.vocab_size == len(NUCLEOTIDE_COMPLEMENTS):
            self.complement_ids = list(NUCLEOTIDE_COMPLEMENTS)
        super().__post_init__(**kwargs)
        self.auto_map = dict(AUTO_MAP)  # also replaces a table that refers to the original repository
        self._check_shape()

    @property
    def hidden_size(self) -> int:
        """Width of the vectors that the model gives: of both strands, where it reads both."""
        return self.d_model * (2 if self.rcps else 1)

    @property
    def d_inner(self) -> int:
        """Channels of the scan."""
        return self.d_model * self.expand

    def _check_shape(self) -> None:
        check_choices(self, classifier_pooling=POOLINGS, scan=SCANS)
        check_sizes(self, "vocab_size", "d_model", "n_layer", "d_state", "d_conv", "expand", "dt_rank")
        check_token_ids(self, "pad_token_id", "mask_token_id")
        if self.rcps and self.conjoin:
            raise ValueError("conjoin is for models that read one strand; with rcps every layer reads both already.")
        if (self.rcps or self.conjoin) and self.complement_ids is None:
            raise ValueError(
                f"complement_ids is None: to read both strands over {self.vocab_size} tokens, give for every token id "
                "the id of its complement."
            )
        ids = self.complement_ids or []
        if any(not 0 <= i < len(ids) or ids[i] != token for token, i in enumerate(ids)):
            raise ValueError(f"complement_ids {ids}: the complement of a token's complement must be that token.")


CaduceusConfig.register_for_auto_class()

__all__ = ["AUTO_MAP", "CaduceusConfig"]
