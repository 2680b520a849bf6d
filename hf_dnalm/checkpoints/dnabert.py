"""DNABERT of overlapping 3-, 4-, 5- and 6-mers: definition of the family and its four published checkpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hf_dnalm.checkpoints.passport import UPPER_CASE, Checkpoint, Passport, ReadFile
from hf_dnalm.checkpoints.stock_bert import BERT_BASE, renamed_keys, translate_bert, unused_keys
from hf_dnalm.checkpoints.vocabularies import most_are_kmers

DNABERT_CITATION = """\
@article{ji2021dnabert,
  title   = {{DNABERT}: pre-trained Bidirectional Encoder Representations from Transformers model for {DNA}-language in
             genome},
  author  = {Ji, Yanrong and Zhou, Zhihan and Liu, Han and Davuluri, Ramana V.},
  journal = {Bioinformatics},
  volume  = {37},
  number  = {15},
  pages   = {2112--2120},
  year    = {2021},
  doi     = {10.1093/bioinformatics/btab083}
}"""

_KS = (3, 4, 5, 6)
_SPECIAL_TOKENS = 5
_VOCABULARY_SIZES = {4**k + _SPECIAL_TOKENS for k in _KS}

# Keys of the authors' fork of transformers, for heads that no published checkpoint has.
_FORK_KEYS = {"num_rnn_layer", "rnn", "rnn_dropout", "rnn_hidden", "split"}
_IGNORED = _FORK_KEYS | {"eos_token_ids", "output_past"}


def _config(k: int) -> dict[str, Any]:
    """config.json as the fork writes it, without the fields for text generation."""
    return BERT_BASE | {
        "architectures": ["BertForMaskedLM"],
        "bos_token_id": 0,
        "eos_token_ids": 0,
        "finetuning_task": None,
        "is_decoder": False,
        "model_type": "bert",
        "num_rnn_layer": 1,
        "output_past": True,
        "pad_token_id": 0,
        "pruned_heads": {},
        "rnn": "lstm",
        "rnn_dropout": 0.0,
        "rnn_hidden": 768,
        "split": 10,
        "torchscript": False,
        "vocab_size": 4**k + _SPECIAL_TOKENS,
    }


def is_overlapping_kmer_vocabulary(text: str) -> bool:
    """Whether a vocab.txt lists DNABERT's k-mers: tokens in brackets such as [CLS], and k-mers of one length.

    The tokenizer checks that the k-mers are complete and correct.

    Examples:
        >>> is_overlapping_kmer_vocabulary("[PAD]\\n[CLS]\\nAAA\\nAAT")
        True
        >>> is_overlapping_kmer_vocabulary("[PAD]\\n[CLS]\\nAAA\\nthe")
        False
        >>> is_overlapping_kmer_vocabulary("<cls>\\nAAA\\nAAT\\nA")
        False
    """
    words = text.split()
    plain = [word for word in words if not re.fullmatch(r"\[.*\]", word)]
    return len(plain) < len(words) and most_are_kmers(plain)


def recognises(config: Mapping[str, Any], read_file: ReadFile) -> bool:
    """Whether an upstream config.json belongs to DNABERT.

    Its model type and shape are BERT's, so vocab.txt decides. Without that file, the keys of the authors' fork and the
    size of a k-mer vocabulary decide.
    """
    if config.get("model_type") != "bert":
        return False
    text = read_file("vocab.txt")
    if text is None:
        return config.get("vocab_size") in _VOCABULARY_SIZES and config.keys() >= _FORK_KEYS
    return is_overlapping_kmer_vocabulary(text)


def translate(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `DnaBertConfig` for an upstream config.json.

    Raises:
        ValueError: an unknown key, or a value that requests a computation this family does not have.
    """
    return translate_bert(config, title="DNABERT", ignored=_IGNORED)


DNABERT = Passport(
    family="dnabert",
    title="DNABERT",
    config_class="configuration_dnabert.DnaBertConfig",
    tokenizer_class="tokenization_overlapping_kmer.OverlappingKmerTokenizer",
    recognises=recognises,
    translate=translate,
    unused_keys=unused_keys,
    lora_targets=("query", "value"),
    tokenizer_files=("vocab.txt",),
    licence="apache-2.0",
    differences=(
        "The attention mask hides padding. The official code adds the mask's zeros and ones to the scores instead (a "
        "misspelt variable), so padding is attended to and a batch gives other results than its sequences alone.",
        "The language-model head adds its bias twice, as the official code does and as the weights were trained. "
        "`mlm_bias='once'` gives the output of transformers' own BERT on the same file.",
        "The tokenizer takes raw DNA, cuts it into overlapping k-mers itself, and keeps upper case whatever "
        "tokenizer_config.json states: with its `do_lower_case: true`, transformers' own BERT tokenizer turns every "
        "k-mer into `[UNK]`. K-mers separated by blanks give the same ids.",
        "A k-mer that contains a gap or another character that is no letter is one `[UNK]`; the official tokenizer "
        "splits it there.",
        "A sequence of more than 512 tokens is refused, or read in windows (`embed(…, overflow='windows')`). The "
        "official tokenizer concatenates pieces of 510 tokens, which its model cannot read.",
        "With padding on the left, positions and the pooler start at the first real token.",
        "Outputs are transformers' own (`last_hidden_state`, `hidden_states`, `attentions`), not a tuple.",
        "There is a head for tokens and nucleotides, and sequence heads can pool over all tokens "
        "(`classifier_pooling`). The official heads for long sequences (`rnn`, `split`) are not included.",
    ),
    reading=(
        "Tokens are overlapping {words}: one starts at every base, and each represents the base at its centre. A token "
        "with any letter other than upper-case A, C, G and T is `[UNK]`." + UPPER_CASE
    ),
    overlapping=True,
    poolers=("bert.pooler",),
    renamed_keys=renamed_keys,
    checkpoints=tuple(
        Checkpoint(
            hub_id=f"zhihan1996/DNA_bert_{k}",
            revision=None,
            config=_config(k),
            config_checked=False,
            parameters=parameters,
            k=k,
            context_tokens=512,
            trained_on="the human reference genome (GRCh38.p13), in pieces of 5 to 510 k-mers",
            citation=DNABERT_CITATION,
        )
        for k, parameters in zip(_KS, (86_095_941, 86_243_589, 86_834_181, 89_196_549), strict=True)
    ),
)
