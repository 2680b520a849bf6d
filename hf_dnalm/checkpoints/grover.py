"""GROVER: the published checkpoint and how to read it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from hf_dnalm.checkpoints.passport import Checkpoint, Passport, ReadFile
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
    """Whether a tokenizer.json is GROVER's or of its kind: byte pairs of DNA with an empty word, or with 604 others.

    Its merges start with those of each base and nothing, which leave the empty word in the vocabulary.

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
    """Whether an upstream config.json is of GROVER: a plain BERT, so tokenizer.json decides, or BEND's vocab.txt.

    GENA-LM states the same model type, has byte pairs of DNA too, and says that its norms come first.
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
        ValueError: a key that is not known, or a value that asks for a computation this family does not have.
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
        "The numbers are those of transformers' own BERT, which reads this checkpoint too.",
        "A folder with BEND's vocab.txt in place of tokenizer.json is read by longest match, as BEND reads it, which "
        "gives other tokens than the published tokenizer for many sequences.",
        "The tokenizer knows its `[UNK]` and `[SEP]` by name; the published files name only `[CLS]`, `[MASK]` and "
        "`[PAD]`.",
        "Where padding stands on the left, positions and the pooler count from the first real token.",
        "A sequence of more than 512 tokens is refused in words, or read by windows (`embed(…, overflow='windows')`).",
        "There is a head for tokens and nucleotides, and sequence heads that pool over all tokens "
        "(`classifier_pooling`).",
    ),
    reading=(
        "Upper-case A, C, G and T become words from a learned\nlist (600 cycles of byte pair encoding). Every other "
        "character (`N`, lower case, IUPAC codes, U, gaps) is unknown to\nit: pass `genome_mode=True` to hf_dnalm's "
        "`AutoTokenizer.from_pretrained` to read lower case as upper case. The words at\nthe ends of a sequence depend "
        "on where it was cut: the authors advise to add 100 nucleotides on both sides."
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
