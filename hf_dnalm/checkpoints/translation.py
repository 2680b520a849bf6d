"""Translation of an upstream config.json to the arguments of our config class, and what all families refuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Keys that choose a computation which none of our families has, with the values that are harmless.
REQUIRED: dict[str, tuple[Any, ...]] = {
    "is_decoder": (False, None),
    "is_encoder_decoder": (False, None),
    "add_cross_attention": (False, None),
    "cross_attention_hidden_size": (None,),
    "hidden_act": ("gelu",),
    "chunk_size_feed_forward": (0,),
    "pruned_heads": ({}, None),
    "quantization_config": (None,),
}

# Keys without effect on the output: bookkeeping, and settings of generation or of other libraries.
IGNORED = {
    "architectures",
    "auto_map",
    "model_type",
    "transformers_version",
    "transformers_weights",
    "torch_dtype",
    "dtype",
    "use_cache",
    "bos_token_id",
    "eos_token_id",
    "return_dict",
    "finetuning_task",
    "task_specific_params",
    "tokenizer_class",
    "name_or_path",
}

# Keys that our configs take unchanged.
KEPT = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "layer_norm_eps",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "initializer_range",
    "tie_word_embeddings",
    "classifier_dropout",
    "num_labels",
    "id2label",
    "label2id",
    "problem_type",
    "output_hidden_states",
    "output_attentions",
)
NEEDED = KEPT[:5]

# Keys that transformers 4 wrote into every complete config.json: generation, and features that no longer exist.
OF_EVERY_CONFIG = {
    "bad_words_ids",
    "begin_suppress_tokens",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_scores",
    "pad_token_id",
    "prefix",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict_in_generate",
    "sep_token_id",
    "suppress_tokens",
    "temperature",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "top_k",
    "top_p",
    "torchscript",
    "typical_p",
    "use_bfloat16",
}


def with_article(title: str) -> str:
    """A family's title with its indefinite article.

    >>> with_article("AWD-LSTM"), with_article("GPN")
    ('an AWD-LSTM', 'a GPN')
    """
    return f"{'an' if title.startswith('A') else 'a'} {title}"


def translated(
    config: Mapping[str, Any],
    *,
    title: str,
    kept: Sequence[str],
    required: Mapping[str, tuple[Any, ...]],
    ignored: set[str],
    defaults: Mapping[str, Any],
    needed: Sequence[str] = NEEDED,
) -> dict[str, Any]:
    """The fields of an upstream config.json that our config class takes unchanged, `dtype` included.

    Args:
        title: of the family, for the errors.
        kept: the keys to take.
        required: keys with the values that the family supports.
        ignored: keys without effect on the output.
        defaults: upstream's defaults for keys that config.json omits.
        needed: keys that must be present.

    Raises:
        ValueError: an unknown key, a value that requests a computation this family does not have, or a missing size.
    """
    for key, value in config.items():
        if key in required and value not in required[key]:
            allowed = " or ".join(repr(choice) for choice in required[key])
            raise ValueError(f"config.json has {key} = {value!r}; {with_article(title)} supports only {allowed}.")
        if key not in required and key not in kept and key not in ignored and not key.startswith("_"):
            raise ValueError(
                f"config.json has the key {key!r} (= {value!r}), which no {title} has. "
                "Delete it if it has no effect on the output."
            )
    missing = [key for key in needed if key not in config]
    if missing:
        raise ValueError(f"config.json has no {', '.join(missing)}; {with_article(title)} needs it.")
    arguments = {**defaults, **{key: config[key] for key in kept if config.get(key) is not None}}
    dtype = config.get("dtype", config.get("torch_dtype"))
    return arguments | ({} if dtype is None else {"dtype": dtype})
