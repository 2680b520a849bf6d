"""DNABERT of overlapping 3-, 4-, 5- and 6-mers: the four published checkpoints and how to read them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hf_dnalm.checkpoints.passport import Checkpoint, Passport, ReadFile
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

# Keys that the authors' fork of transformers writes, for heads that none of the published checkpoints has.
_FORK_KEYS = {"num_rnn_layer", "rnn", "rnn_dropout", "rnn_hidden", "split"}
_IGNORED = _FORK_KEYS | {"eos_token_ids", "output_past"}


def _config(k: int) -> dict[str, Any]:
    """config.json as the fork writes it, without what it writes about generating text."""
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
    """Whether a vocab.txt is of DNABERT's k-mers: [CLS] and other tokens in brackets, base words of one length.

    Whether all are right and none is missing is the tokenizer's business.

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
    """Whether an upstream config.json is of DNABERT.

    Its model type and shape are BERT's own: vocab.txt decides where there is one. Without one, the keys of the authors'
    fork together with the size of a k-mer vocabulary do.
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
        ValueError: a key that is not known, or a value that asks for a computation this family does not have.
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
        "misspelt variable), so there padding is attended to and a batch differs from single sequences.",
        "The language model's head adds its bias twice, as the official code does and as the weights were trained; "
        "`mlm_bias='once'` gives what transformers' own BERT computes from the same file.",
        "The tokenizer takes raw DNA, cuts it into overlapping k-mers itself, and keeps upper case whatever "
        "tokenizer_config.json says: with its `do_lower_case: true`, transformers' own BERT tokenizer makes every "
        "k-mer `[UNK]`. K-mers that are already set apart by blanks give the same ids.",
        "A k-mer with a gap or another sign that is no letter is one `[UNK]`; the official tokenizer cuts it at the "
        "sign.",
        "A sequence of more than 512 tokens is refused, or read by windows (`embed(…, overflow='windows')`). The "
        "official tokenizer strings together pieces of 510 tokens, which its model then cannot read.",
        "Where padding stands on the left, positions and the pooler count from the first real token.",
        "Outputs are transformers' own (`last_hidden_state`, `hidden_states`, `attentions`), not a tuple.",
        "There is a head for tokens and nucleotides, and sequence heads that pool over all tokens "
        "(`classifier_pooling`). The official heads for long sequences (`rnn`, `split`) are left out.",
    ),
    reading=(
        "Words are overlapping {words}: one starts at every\nposition of the sequence, and each token owns the base at "
        "its centre. One with any other letter than upper-case A, C, G\nand T is `[UNK]`: pass `genome_mode=True` to "
        "hf_dnalm's `AutoTokenizer.from_pretrained` to read lower case as upper case."
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
