"""Config of a ModernGENA."""

# It does not derive from transformers' ModernBertConfig, whose import imports the Auto classes, which import this file.
# No `from __future__ import annotations` here: @strict checks the types of fields, and strings are not checked.
from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .config_checks import SIZES, check_choices, check_heads, check_sizes, check_token_ids

# Auto class → our class, for registration and for config.json. Every config stores the whole table, so a repository
# that was saved from one class also loads with the others.
AUTO_MAP = {
    "AutoConfig": "configuration_moderngena.ModernGenaConfig",
    "AutoModel": "modeling_moderngena.ModernGenaModel",
    "AutoModelForMaskedLM": "modeling_moderngena.ModernGenaForMaskedLM",
    "AutoModelForSequenceClassification": "modeling_moderngena.ModernGenaForSequenceClassification",
    "AutoModelForTokenClassification": "modeling_moderngena.ModernGenaForTokenClassification",
}

CHOICES = {
    "hidden_activation": ("gelu",),
    "classifier_activation": ("gelu",),
    "classifier_pooling": ("cls", "mean", "max"),
}


@strict
class ModernGenaConfig(PreTrainedConfig):
    """Shape of a ModernGENA; the defaults are ModernBERT-base with GENA-LM's vocabulary.

    Args:
        max_position_embeddings: tokens of the sequences of pre-training. It limits nothing: positions are rotary.
        initializer_cutoff_factor: initial weights are drawn within this many standard deviations.
        global_attn_every_n_layers: in every n-th layer, from the first on, all tokens attend to all tokens.
        local_attention: width in tokens of the window to which tokens attend in the other layers.
        global_rope_theta, local_rope_theta: base of the rotary angles in the two kinds of layers.
        decoder_bias: whether the last map of the language-model head has a bias.
        classifier_pooling: pooling of sequence heads: "cls" (first token, as upstream), or "mean" or "max" over all
            tokens that are attended to, CLS and SEP included.
        classifier_bias: whether the hidden layer of every head has a bias.
        classifier_dropout: dropout of the classification heads.
        deterministic_flash_attn: read by transformers' layers, with flash attention only.

    Raises:
        ValueError: a shape that cannot be built, or a choice that does not exist.

    Example:
        >>> ModernGenaConfig(num_hidden_layers=4).layer_types
        ['full_attention', 'sliding_attention', 'sliding_attention', 'full_attention']
    """

    model_type = "dnalm_moderngena"

    vocab_size: int = 32000
    hidden_size: int = 768
    num_hidden_layers: int = 22
    num_attention_heads: int = 12
    intermediate_size: int = 1152
    hidden_activation: str = "gelu"
    max_position_embeddings: int = 1024
    norm_eps: float | int = 1e-5
    norm_bias: bool = False
    attention_bias: bool = False
    mlp_bias: bool = False
    decoder_bias: bool = True
    global_attn_every_n_layers: int = 3
    local_attention: int = 128
    global_rope_theta: float | int = 160_000.0
    local_rope_theta: float | int = 10_000.0
    embedding_dropout: float | int = 0.0
    attention_dropout: float | int = 0.0
    mlp_dropout: float | int = 0.0
    initializer_range: float | int = 0.02
    initializer_cutoff_factor: float | int = 2.0
    pad_token_id: int = 3
    tie_word_embeddings: bool = True
    classifier_pooling: str = "cls"
    classifier_activation: str = "gelu"
    classifier_bias: bool = False
    classifier_dropout: float | int = 0.0
    deterministic_flash_attn: bool = False

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        self.auto_map = dict(AUTO_MAP)  # also replaces a table that refers to the original repository
        check_choices(self, **CHOICES)
        check_sizes(self, *SIZES, "global_attn_every_n_layers", "local_attention")
        check_heads(self)
        check_token_ids(self, "pad_token_id")

    @property
    def layer_types(self) -> list[str]:
        """The kind of attention of every layer, under transformers' names."""
        is_global = [layer % self.global_attn_every_n_layers == 0 for layer in range(self.num_hidden_layers)]
        return ["full_attention" if each else "sliding_attention" for each in is_global]

    @property
    def sliding_window(self) -> int:
        """Tokens to which a token attends on either side in layers of local attention."""
        return self.local_attention // 2

    @sliding_window.setter
    def sliding_window(self, value: int) -> None:  # transformers' own config has this setter too
        self.local_attention = 2 * value

    @property
    def rope_parameters(self) -> dict[str, dict[str, Any]]:
        """The rotary angles of both kinds of layers, as transformers' layers read them."""
        bases = {"full_attention": self.global_rope_theta, "sliding_attention": self.local_rope_theta}
        kinds = set(self.layer_types)  # transformers 5.5 refuses kinds that no layer has
        return {kind: {"rope_type": "default", "rope_theta": base} for kind, base in bases.items() if kind in kinds}

    def convert_rope_params_to_dict(self, **kwargs) -> dict[str, Any]:
        """Nothing to convert: `rope_parameters` follows from the fields."""
        return kwargs


ModernGenaConfig.register_for_auto_class()

__all__ = ["AUTO_MAP", "ModernGenaConfig"]
