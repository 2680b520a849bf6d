"""GROVER: definition of the family and its published checkpoint."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from hf_dnalm.checkpoints.passport import UPPER_CASE, Checkpoint, Passport, ReadFile
from hf_dnalm.checkpoints.stock_bert import BERT_BASE, renamed_keys, translate_bert, unused_keys
from hf_dnalm.checkpoints.vocabularies import is_word_list

GROVER_CITATION = """\
@article{sanabria2024grover,
  title   = {{DNA} language model {GROVER} learns sequence context in the human genome},
  author  = {Sanabria, Melissa and Hirsch, Jonas and Joubert, Pierre M. and Poetsch, Anna R.},
  journal = {Nature Machine Intelligence},
  year    = {2024},
  doi     = {10.1038/s42256-024-00872-0}
}"""

_VOCABULARY_SIZE = 609

_CONFIG: dict[str, Any] = BERT_BASE | {
    "architectures": ["BertForMaskedLM"],
    "model_type": "bert",
    "pad_token_id": 0,
    "position_embedding_type": "absolute",
    "use_cache": True,
    "vocab_size": _VOCABULARY_SIZE,
}


def is_grover_tokenizer(tokenizer_json: str) -> bool:
    """Whether a tokenizer.json is GROVER's or alike: byte pairs of DNA with an empty token, or with 604 others.

    GROVER's first merges join each base with nothing, which leaves the empty token in the vocabulary.

    Examples:
        >>> is_grover_tokenizer('{"model": {"type": "BPE", "vocab": {"[UNK]": 0, "A": 1, "AC": 2, "": 3}}}')
        True
        >>> is_grover_tokenizer('{"model": {"type": "BPE", "vocab": {"[UNK]": 0, "A": 1, "AC": 2}}}')
        False
    """
    try:
        model = json.loads(tokenizer_json)["model"]
        words = [word for word in model["vocab"] if not re.fullmatch(r"\[.*\]|<.*>", word)]
    except (json.JSONDecodeError, RecursionError, KeyError, TypeError):
        return False
    is_dna = model.get("type") == "BPE" and any(words) and all(re.fullmatch("[ACGT]*", word) for word in words)
    return is_dna and ("" in words or len(model["vocab"]) == _VOCABULARY_SIZE)


def recognises(config: Mapping[str, Any], read_file: ReadFile) -> bool:
    """Whether an upstream config.json belongs to GROVER: a plain BERT, so tokenizer.json or BEND's vocab.txt decides.

    GENA-LM has the same model type and byte pairs of DNA too, but its config states that norms come first.
    """
    if config.get("model_type") != "bert" or {"pre_layer_norm", "alibi_starting_size"} & config.keys():
        return False
    text = read_file("tokenizer.json")
    if text is not None:
        return is_grover_tokenizer(text)
    text = read_file("vocab.txt")
    return text is not None and is_word_list(text)


def translate(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `GroverConfig` for an upstream config.json.

    Raises:
        ValueError: an unknown key, or a value that requests a computation this family does not have.
    """
    return translate_bert(config, title="GROVER")


GROVER = Passport(
    family="grover",
    title="GROVER",
    config_class="configuration_grover.GroverConfig",
    tokenizer_class="tokenization_dna_bpe.DnaBpeTokenizer",
    recognises=recognises,
    translate=translate,
    unused_keys=unused_keys,
    lora_targets=("query", "value"),
    licence="unknown",
    differences=(
        "The results are those of transformers' own BERT, which can load this checkpoint too.",
        "A folder with BEND's vocab.txt in place of tokenizer.json is tokenized by longest match, as in BEND, which "
        "gives other tokens than the published tokenizer for many sequences.",
        "The tokenizer names its `[UNK]` and `[SEP]`; the published files name only `[CLS]`, `[MASK]` and `[PAD]`.",
        "With padding on the left, positions and the pooler start at the first real token.",
        "A sequence of more than 512 tokens is refused with an explanation, or read in windows (`embed(…, "
        "overflow='windows')`).",
        "There is a head for tokens and nucleotides, and sequence heads can pool over all tokens "
        "(`classifier_pooling`).",
    ),
    reading=(
        "Upper-case A, C, G and T become tokens from a learned vocabulary (600 cycles of byte pair encoding). Every "
        "other character (`N`, lower case, IUPAC codes, U, gaps) is unknown. The tokens at the ends of a sequence "
        "depend on where it was cut: the authors advise adding 100 nucleotides on both sides." + UPPER_CASE
    ),
    poolers=("bert.pooler",),
    renamed_keys=renamed_keys,
    checkpoints=(
        Checkpoint(
            hub_id="PoetschLab/GROVER",
            revision="6b223110",
            config=_CONFIG,
            config_checked=False,
            parameters=86_511_201,
            k=None,
            context_tokens=512,
            trained_on="the human genome (GRCh37, hg19)",
            citation=GROVER_CITATION,
        ),
    ),
)
