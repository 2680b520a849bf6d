"""DNABERT-2 and DNABERT-S: definition of the family and its two published checkpoints."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from hf_dnalm.checkpoints.passport import UPPER_CASE, Checkpoint, Passport, ReadFile
from hf_dnalm.checkpoints.stock_bert import BERT_BASE, unused_keys
from hf_dnalm.checkpoints.translation import IGNORED, KEPT, REQUIRED, translated

DNABERT2_CITATION = """\
@inproceedings{zhou2024dnabert2,
  title     = {{DNABERT-2}: Efficient Foundation Model and Benchmark For Multi-Species Genomes},
  author    = {Zhou, Zhihan and Ji, Yanrong and Li, Weijian and Dutta, Pratik and Davuluri, Ramana V. and Liu, Han},
  booktitle = {The Twelfth International Conference on Learning Representations},
  year      = {2024},
  url       = {https://openreview.net/forum?id=oMLQB4EZE1}
}"""

DNABERT_S_CITATION = """\
@article{zhou2025dnaberts,
  title   = {{DNABERT-S}: pioneering species differentiation with species-aware {DNA} embeddings},
  author  = {Zhou, Zhihan and Wu, Weimin and Ho, Harrison and Wang, Jiayi and Shi, Lizhen and Davuluri, Ramana V. and
             Wang, Zhong and Liu, Han},
  journal = {Bioinformatics},
  volume  = {41},
  number  = {Supplement 1},
  pages   = {i255--i264},
  year    = {2025},
  doi     = {10.1093/bioinformatics/btaf188}
}"""

_VOCABULARY_SIZE = 4096
_PAD, _MASK = 3, 4  # in the tokenizer; config.json states 0 (which is [UNK]) or nothing

_CONFIG: dict[str, Any] = BERT_BASE | {
    "alibi_starting_size": 512,
    "attention_probs_dropout_prob": 0.0,
    "auto_map": {
        "AutoConfig": "configuration_bert.BertConfig",
        "AutoModel": "bert_layers.BertModel",
        "AutoModelForMaskedLM": "bert_layers.BertForMaskedLM",
        "AutoModelForSequenceClassification": "bert_layers.BertForSequenceClassification",
    },
    "classifier_dropout": None,
    "position_embedding_type": "absolute",
    "vocab_size": _VOCABULARY_SIZE,
}

# The defaults of upstream's config class for keys that config.json omits.
_UPSTREAM_DEFAULTS = {
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.0,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "initializer_range": 0.02,
}

_REQUIRED = REQUIRED | {
    "position_embedding_type": ("absolute",),  # upstream writes this although positions are ALiBi's
    "tie_word_embeddings": (True,),
}

# `alibi_starting_size` is the size of an upstream buffer; the others have no effect on the output.
_IGNORED = IGNORED | {"alibi_starting_size", "gradient_checkpointing", "pad_token_id"}


def is_dna_vocabulary(tokenizer_json: str) -> bool:
    """Whether all tokens of a tokenizer.json, except special tokens, are DNA: bases and IUPAC codes, or a gap.

    Examples:
        >>> is_dna_vocabulary('{"model": {"vocab": {"[UNK]": 0, "A": 5, "GATT": 6}}}')
        True
        >>> is_dna_vocabulary('{"model": {"vocab": {"[UNK]": 0, "the": 5}}}')
        False
    """
    try:
        vocabulary = json.loads(tokenizer_json)["model"]["vocab"]
        words = [word for word in vocabulary if not re.fullmatch(r"\[[A-Z]+\]", word)]
    except (json.JSONDecodeError, KeyError, TypeError):
        return False
    return bool(words) and all(re.fullmatch(r"[ACGTBDHKMNRSVWY]+\n?|\n|-", word) for word in words)


def recognises(config: Mapping[str, Any], read_file: ReadFile) -> bool:
    """Whether an upstream config.json belongs to DNABERT-2 or DNABERT-S.

    DNABERT-2 states no model_type and DNABERT-S "bert"; ALiBi's starting size distinguishes them from BERT. MosaicBERT,
    whose code they share, reads English: tokenizer.json decides, or without that file the vocabulary's size.
    """
    if config.get("model_type", "bert") != "bert" or "alibi_starting_size" not in config:
        return False
    text = read_file("tokenizer.json")
    return config.get("vocab_size") == _VOCABULARY_SIZE if text is None else is_dna_vocabulary(text)


def translate(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `DnaBert2Config` for an upstream config.json.

    DNABERT-S was saved from the bare model, which has a pooler; DNABERT-2's file holds none.

    Raises:
        ValueError: an unknown key, or a value that requests a computation this family does not have.
    """
    arguments = translated(
        config,
        title="DNABERT-2",
        kept=(*KEPT, "type_vocab_size"),
        required=_REQUIRED,
        ignored=_IGNORED,
        defaults=_UPSTREAM_DEFAULTS,
    )
    has_pooler = "BertModel" in (config.get("architectures") or ())
    return arguments | {"pad_token_id": _PAD, "mask_token_id": _MASK, "add_pooler": has_pooler}


DNABERT2 = Passport(
    family="dnabert2",
    title="DNABERT-2",
    config_class="configuration_dnabert2.DnaBert2Config",
    tokenizer_class="tokenization_dna_bpe.DnaBpeTokenizer",
    recognises=recognises,
    translate=translate,
    unused_keys=unused_keys,
    lora_targets=("Wqkv", "output.dense", "gated_layers", "wo"),
    licence="apache-2.0",
    differences=(
        "Labels of the masked language model are -100 at positions to ignore, as everywhere in transformers, and "
        "logits are returned at every position. The official code ignores labels of 0 and less, and with labels "
        "returns zeros at all ignored positions.",
        "Outputs are transformers' own (`last_hidden_state`, `hidden_states`, `attentions`), not a tuple.",
        "DNABERT-2's file holds no pooler: the model without a head has none, and a sequence head starts with a "
        "randomly initialised one, which is reported.",
        "The pooler uses the first real token, also with padding on the left.",
        "The padding token's id is the tokenizer's, 3; the official configs state 0 or none.",
        "There is a head for tokens and nucleotides, and sequence heads can pool over all tokens "
        "(`classifier_pooling`).",
        "Attention runs through transformers' attention interface (eager, sdpa), with gradient checkpointing. There is "
        "no float16 kernel with different results.",
    ),
    reading=(
        "Upper-case A, C, G and T become tokens of up to 32 bases from a learned vocabulary (byte pair encoding). "
        "Every other character (`N`, lower case, IUPAC codes, U, gaps) is one `[UNK]`." + UPPER_CASE
    ),
    limited=False,
    poolers=("bert.pooler",),
    checkpoints=(
        Checkpoint(
            hub_id="zhihan1996/DNABERT-2-117M",
            revision="7bce263b",
            config=_CONFIG,
            config_checked=True,
            parameters=117_074_176,
            k=None,
            context_tokens=512,
            trained_on="genomes of 135 species and the human reference genome",
            citation=DNABERT2_CITATION,
        ),
        Checkpoint(
            hub_id="zhihan1996/DNABERT-S",
            revision="00e47f96",
            config=_CONFIG | {"model_type": "bert", "architectures": ["BertModel"], "pad_token_id": 0},
            config_checked=True,
            parameters=117_068_544,
            k=None,
            context_tokens=512,
            trained_on=(
                "DNABERT-2's genomes, then pairs of sequences from genomes of viruses, fungi and bacteria, of up to "
                "2,000 tokens, whose vectors were drawn together within a species and apart between species"
            ),
            citation=DNABERT_S_CITATION,
            auto_class="AutoModel",
        ),
    ),
)
