"""ModernGENA, on transformers' own ModernBERT: definition of the family and its two published checkpoints.

Neither config.json nor the licence of the weights was seen. Both configs are inferred: ModernBERT's shapes with 32,000
rows of tokens give the published numbers of parameters, and the authors export with a maximum length of 1,024 tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_dnalm.checkpoints.dnabert2 import is_dna_vocabulary
from hf_dnalm.checkpoints.passport import GENOME_MODE, Checkpoint, Passport, ReadFile
from hf_dnalm.checkpoints.translation import IGNORED, KEPT, REQUIRED, translated

CITATION = """\
@misc{moderngena2026back,
  title = {Back to {BERT} in 2026: {ModernGENA} as a Strong, Efficient Baseline for {DNA} Foundation Models},
  year  = {2026},
  url   = {https://openreview.net/forum?id=8QsSDzYK97}
}"""

_BASE: dict[str, Any] = {
    "architectures": ["ModernBertForMaskedLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "classifier_activation": "gelu",
    "classifier_bias": False,
    "classifier_dropout": 0.0,
    "classifier_pooling": "cls",
    "decoder_bias": True,
    "embedding_dropout": 0.0,
    "global_attn_every_n_layers": 3,
    "global_rope_theta": 160000.0,
    "hidden_activation": "gelu",
    "hidden_size": 768,
    "initializer_cutoff_factor": 2.0,
    "initializer_range": 0.02,
    "intermediate_size": 1152,
    "local_attention": 128,
    "local_rope_theta": 10000.0,
    "max_position_embeddings": 1024,
    "mlp_bias": False,
    "mlp_dropout": 0.0,
    "model_type": "modernbert",
    "norm_bias": False,
    "norm_eps": 1e-05,
    "num_attention_heads": 12,
    "num_hidden_layers": 22,
    "pad_token_id": 3,
    "vocab_size": 32000,
}
_LARGE = _BASE | {
    "hidden_size": 1024,
    "intermediate_size": 2624,
    "num_attention_heads": 16,
    "num_hidden_layers": 28,
}

_OWN = tuple(key for key in _BASE if key not in ("architectures", "model_type", *KEPT))
_REQUIRED = REQUIRED | {
    "hidden_activation": ("gelu",),
    "classifier_activation": ("gelu",),
    "sparse_prediction": (False,),
    "tie_word_embeddings": (True,),
}
_IGNORED = IGNORED | {
    "cls_token_id",
    "deterministic_flash_attn",
    "gradient_checkpointing",
    "layer_norm_eps",  # ModernBERT's own files state BERT's fields too; its code reads norm_eps
    "position_embedding_type",
    "reference_compile",
    "repad_logits_with_grad",
    "sep_token_id",
    "sparse_pred_ignore_index",
}
_KEPT = tuple(key for key in KEPT if key not in _IGNORED)


def recognises(config: Mapping[str, Any], read_file: ReadFile) -> bool:
    """Whether a config.json belongs to ModernGENA: a ModernBERT with a vocabulary of DNA next to it."""
    if config.get("model_type") != "modernbert":
        return False
    text = read_file("tokenizer.json")
    return text is not None and is_dna_vocabulary(text)


def translate(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `ModernGenaConfig` for a config.json of ModernBERT, as transformers 4 or 5 writes it.

    Raises:
        ValueError: an unknown key, or a value that requests a computation this family does not have.
    """
    return translated(
        _as_transformers_4(config),
        title="ModernGENA",
        kept=(*_KEPT, *_OWN),
        required=_REQUIRED,
        ignored=_IGNORED,
        defaults={},
    )


def _as_transformers_4(config: Mapping[str, Any]) -> dict[str, Any]:
    """transformers 5 writes a list of layer types and a table of rotary angles in place of three numbers."""
    rest = {key: value for key, value in config.items() if key not in ("layer_types", "rope_parameters")}
    if types := config.get("layer_types"):
        every = next((i for i, kind in enumerate(types) if i and kind == "full_attention"), len(types))
        if types != ["sliding_attention" if i % every else "full_attention" for i in range(len(types))]:
            raise ValueError(f"config.json has layer_types = {types!r}; ModernGENA's repeat with a fixed period.")
        rest["global_attn_every_n_layers"] = every
    for kind, field in (("full_attention", "global_rope_theta"), ("sliding_attention", "local_rope_theta")):
        angles = dict((config.get("rope_parameters") or {}).get(kind) or {})
        if angles.pop("rope_type", "default") != "default" or angles.keys() - {"rope_theta"}:
            raise ValueError(f"config.json has scaled rotary angles in rope_parameters.{kind}; ModernGENA has none.")
        rest |= {field: angles["rope_theta"]} if angles else {}
    return rest


def renamed_keys(config: Mapping[str, Any]) -> dict[str, str]:
    """Upstream calls both the token head and the sequence head `classifier`; ours have different names."""
    is_of_tokens = "ModernBertForTokenClassification" in (config.get("architectures") or ())
    return {r"^classifier\.": "token_classifier."} if is_of_tokens else {}


def _checkpoint(size: str, config: dict[str, Any], parameters: int) -> Checkpoint:
    return Checkpoint(
        hub_id=f"AIRI-Institute/moderngena-{size}",
        revision=None,
        config=config,
        config_checked=False,
        parameters=parameters,
        k=None,
        context_tokens=1024,
        trained_on="443 vertebrate genomes around transcription start sites (16,000 bp before to 8,000 bp after)",
        citation=CITATION,
    )


MODERNGENA = Passport(
    family="moderngena",
    title="ModernGENA",
    config_class="configuration_moderngena.ModernGenaConfig",
    tokenizer_class="tokenization_dna_bpe.DnaBpeTokenizer",
    recognises=recognises,
    translate=translate,
    # The hidden layer of the pre-training head, which a body alone does not use.
    unused_keys=lambda config: (r"head\.(dense|norm)\.(weight|bias)",),
    heads={
        "AutoModelForMaskedLM": "decoder.",
        "AutoModelForSequenceClassification": "classifier.",
        "AutoModelForTokenClassification": "token_classifier.",
    },
    upstream_classes={
        "ModernBertForMaskedLM": "AutoModelForMaskedLM",
        "ModernBertForSequenceClassification": "AutoModelForSequenceClassification",
        "ModernBertForTokenClassification": "AutoModelForTokenClassification",
        "ModernBertModel": "AutoModel",
    },
    renamed_keys=renamed_keys,
    poolers=("head",),
    lora_targets=("Wqkv", "Wi", "Wo"),
    licence="unknown",
    limited=False,
    differences=(
        "The results are those of transformers' own ModernBERT, which can load this checkpoint too.",
        "The published config.json and the licence of the weights were not seen. The authors' code is under the MIT "
        "licence.",
        "The token head is called `token_classifier`; upstream calls it `classifier`, like the sequence head.",
        "A sequence head can also pool by the maximum (`classifier_pooling`). With padding on the left, it uses the "
        "first real token.",
        "The attention mask has one number per token; masks of pairs are refused.",
    ),
    reading=(
        "Upper-case A, C, G and T become tokens from the vocabulary of the later GENA-LM models (byte pair encoding), "
        "and so do `N` and the IUPAC codes B, K, M, R, S, W and Y. A run of ten or more `N` becomes one token, `-`. "
        "Every other character (lower case, D, H, V, U) is one `[UNK]`." + GENOME_MODE
    ),
    checkpoints=(_checkpoint("base", _BASE, 135_530_240), _checkpoint("large", _LARGE, 377_054_464)),
)
