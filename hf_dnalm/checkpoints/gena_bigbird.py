"""GENA-LM's BigBird, on transformers' own BigBird: definition of the family and its published checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_dnalm.checkpoints.dnabert2 import is_dna_vocabulary
from hf_dnalm.checkpoints.gena_bert import CITATION
from hf_dnalm.checkpoints.passport import GENOME_MODE, Checkpoint, Passport, ReadFile
from hf_dnalm.checkpoints.stock_bert import BERT_BASE
from hf_dnalm.checkpoints.translation import IGNORED, KEPT, REQUIRED, translated

_MASK = 4  # in the tokenizer; config.json does not state it

_CONFIG: dict[str, Any] = BERT_BASE | {
    "architectures": ["BigBirdForMaskedLM"],
    "attention_type": "block_sparse",
    "block_size": 64,
    "gradient_checkpointing": False,
    "hidden_act": "gelu_new",
    "max_position_embeddings": 4096,
    "model_type": "big_bird",
    "num_random_blocks": 3,
    "pad_token_id": 3,
    "position_embedding_type": "absolute",
    "rescale_embeddings": False,
    "transformers_version": "4.4.0.dev0",
    "use_bias": True,
    "use_cache": True,
    "vocab_size": 32000,
}

# The defaults of upstream's config class for keys that config.json omits.
_UPSTREAM_DEFAULTS = {
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 4096,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "initializer_range": 0.02,
    "pad_token_id": 0,
    "attention_type": "block_sparse",
    "block_size": 64,
    "num_random_blocks": 3,
}

_REQUIRED = REQUIRED | {
    "hidden_act": ("gelu_new",),
    "position_embedding_type": ("absolute",),
    "rescale_embeddings": (False,),
    "tie_word_embeddings": (True,),
    "use_bias": (True,),
}

_IGNORED = IGNORED | {"gradient_checkpointing", "sep_token_id"}

_OUR_FIELDS = ("type_vocab_size", "pad_token_id", "attention_type", "block_size", "num_random_blocks")


def recognises(config: Mapping[str, Any], read_file: ReadFile) -> bool:
    """Whether a config.json belongs to GENA-LM's BigBird.

    It is transformers' own BigBird, which is mostly used for English: only the vocabulary next to it shows the family.
    """
    if config.get("model_type") != "big_bird":
        return False
    text = read_file("tokenizer.json")
    return text is not None and is_dna_vocabulary(text)


def translate(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `GenaBigBirdConfig` for an upstream config.json.

    Every official file holds a pooler, which no head uses.

    Raises:
        ValueError: an unknown key, or a value that requests a computation this family does not have.
    """
    arguments = translated(
        config,
        title="GENA-LM BigBird",
        kept=(*KEPT, *_OUR_FIELDS),
        required=_REQUIRED,
        ignored=_IGNORED,
        defaults=_UPSTREAM_DEFAULTS,
    )
    return arguments | {"mask_token_id": _MASK, "add_pooler": True}


def unused_keys(config: Any) -> tuple[str, ...]:
    """Tensors in a file that the model does not use: constants of upstream's buffers, the next-sentence head."""
    return (r"(bert\.)?embeddings\.(token_type|position)_ids", r"cls\.seq_relationship\.(weight|bias)")


GENA_BIGBIRD = Passport(
    family="gena_bigbird",
    title="GENA-LM BigBird",
    config_class="configuration_gena_bigbird.GenaBigBirdConfig",
    tokenizer_class="tokenization_dna_bpe.DnaBpeTokenizer",
    recognises=recognises,
    translate=translate,
    unused_keys=unused_keys,
    renamed_keys=lambda config: {r"^classifier\.(weight|bias)$": r"token_classifier.\1"},
    sequence_output="out_proj.",
    lora_targets=("query", "key", "value", "intermediate.dense", "output.dense"),
    licence="mit",
    differences=(
        "Every call decides again whether a sequence gets dense attention (up to 704 tokens) or attention between "
        "blocks. transformers switches a model to dense attention permanently at the first short batch, after which "
        "the same long sequence gives other results.",
        "The decision and the block layout depend on the length of each sequence alone, so padding and other sequences "
        'in the batch change nothing. transformers lays out blocks over the padded batch; `layout_of="batch"` '
        "reproduces its results. For a batch without padding the two are the same.",
        "The random blocks are those of pre-training, as drawn by transformers up to 4.28. Later versions use the "
        'first block instead outside of training; `random_blocks="zeros"` reproduces that.',
        "In training, attention probabilities have the official dropout of 10 % in dense attention and none in "
        "attention between blocks, as in the official code.",
        "`hidden_states` are as long as the input, not padded to whole blocks.",
        "The first real token has position 0, also with padding on the left, and the sequence head uses that token.",
        "The official file holds a pooler that pre-training never trained. `AutoModel` has it; models with a head "
        "store it without training it.",
        "The token head is called `token_classifier`; the official name, `classifier`, is read too.",
        "Dense attention runs through transformers' attention interface (eager, sdpa). Attention between blocks needs "
        "time and memory in proportion to the length; eager attention computes all pairs instead, in order to return "
        "`attentions`.",
    ),
    reading=(
        "Upper-case A, C, G and T become tokens from a learned vocabulary (byte pair encoding), and so do `N` and the "
        "IUPAC codes B, K, M, R, S, W and Y. A run of ten or more `N` becomes one token, `-`. Every other character "
        "(lower case, D, H, V, U) is one `[UNK]`." + GENOME_MODE
    ),
    checkpoints=(
        Checkpoint(
            hub_id="AIRI-Institute/gena-lm-bigbird-base-t2t",
            revision=None,
            config=_CONFIG,
            config_checked=False,
            parameters=113_403_392,
            k=None,
            context_tokens=4096,
            trained_on=(
                "the human T2T genome assembly with variants of the 1000 Genomes project (about 480 billion bp), "
                "without chromosomes 7 and 10"
            ),
            citation=CITATION,
        ),
    ),
)
