"""From a config.json of transformers' own BERT to the arguments of our BERT configs."""

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

# What old versions of transformers wrote into every config: how to generate text, and how to export.
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
    """The arguments of a `BertDnaConfig` for a config.json of BERT; what it leaves out is as BERT's own config says.

    The published files hold a pooler, which the doors leave out again where a file holds none.

    Args:
        title: of the family, for the errors.
        ignored: keys of this family's files that change no number.

    Raises:
        ValueError: a key that is not known, a value that asks for a computation this family does not have, or weights
            whose head cannot be told from a sequence head.
    """
    if "BertForMultipleChoice" in _architectures(config):
        raise ValueError(
            "config.json has architectures = ['BertForMultipleChoice'], whose head is stored under the name of a "
            "sequence head (classifier) and would be taken for one. To read the body alone, take `architectures` out "
            "of config.json and load it with AutoModel."
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
    """Upstream calls the heads of tokens and of sequences `classifier` both; ours have names of their own."""
    return {r"^classifier\.": "token_classifier."} if "BertForTokenClassification" in _architectures(config) else {}


def _architectures(config: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(config.get("architectures") or ())


def unused_keys(config: Any) -> tuple[str, ...]:
    """Tensors that a file may hold and a model not read: a pooler, and the constants of upstream's buffers."""
    return (r"(bert\.)?pooler\.dense\.(weight|bias)", r"(bert\.)?embeddings\.(token_type|position)_ids")
