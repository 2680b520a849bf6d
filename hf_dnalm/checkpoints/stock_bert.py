"""Translation of a config.json of transformers' own BERT to the arguments of our BERT configs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from hf_dnalm.checkpoints.translation import IGNORED, KEPT, REQUIRED, translated

# The sizes and rates that published configs share with BERT-base.
BERT_BASE: dict[str, Any] = {
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 768,
    "initializer_range": 0.02,
    "intermediate_size": 3072,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "type_vocab_size": 2,
}

_REQUIRED = REQUIRED | {
    "position_embedding_type": ("absolute",),
    "tie_word_embeddings": (True,),
}

# Fields for text generation and export that old versions of transformers wrote into every config.
_OLD_BOOKKEEPING = {
    "bad_words_ids",
    "decoder_start_token_id",
    "do_sample",
    "early_stopping",
    "gradient_checkpointing",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "num_beams",
    "num_return_sequences",
    "prefix",
    "repetition_penalty",
    "temperature",
    "top_k",
    "top_p",
    "torchscript",
    "use_bfloat16",
}


def translate_bert(config: Mapping[str, Any], *, title: str, ignored: Collection[str] = ()) -> dict[str, Any]:
    """The arguments of a `BertDnaConfig` for a config.json of BERT, with the defaults of BERT's own config.

    The published files hold a pooler; the Auto classes leave it out again if a file holds none.

    Args:
        title: of the family, for the errors.
        ignored: keys of this family's files that have no effect on the output.

    Raises:
        ValueError: an unknown key, a value that requests a computation this family does not have, or weights whose
            head cannot be distinguished from a sequence head.
    """
    if "BertForMultipleChoice" in _architectures(config):
        raise ValueError(
            "config.json has architectures = ['BertForMultipleChoice'], whose head has the name of a sequence head "
            "(classifier) and would be loaded as one. To load the body alone, delete `architectures` from config.json "
            "and use AutoModel."
        )
    arguments = translated(
        config,
        title=title,
        kept=(*KEPT, "type_vocab_size", "pad_token_id"),
        required=_REQUIRED,
        ignored=IGNORED | _OLD_BOOKKEEPING | set(ignored),
        defaults={},
    )
    return arguments | {"add_pooler": True}


def renamed_keys(config: Mapping[str, Any]) -> dict[str, str]:
    """Upstream calls both the token head and the sequence head `classifier`; ours have different names."""
    return {r"^classifier\.": "token_classifier."} if "BertForTokenClassification" in _architectures(config) else {}


def _architectures(config: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(config.get("architectures") or ())


def unused_keys(config: Any) -> tuple[str, ...]:
    """Tensors in a file that a model may not use: a pooler, and the constants of upstream's buffers."""
    return (r"(bert\.)?pooler\.dense\.(weight|bias)", r"(bert\.)?embeddings\.(token_type|position)_ids")
