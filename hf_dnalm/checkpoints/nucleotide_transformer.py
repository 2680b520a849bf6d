"""Nucleotide Transformer v1 and v2 and AgroNT: definition of the family and its ten published checkpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hf_dnalm.checkpoints.passport import GENOME_MODE, Checkpoint, Passport, ReadFile
from hf_dnalm.checkpoints.translation import IGNORED, KEPT, REQUIRED, translated
from hf_dnalm.checkpoints.vocabularies import most_are_kmers

NT_CITATION = """\
@article{dallatorre2025nucleotide,
  title   = {Nucleotide Transformer: building and evaluating robust foundation models for human genomics},
  author  = {Dalla-Torre, Hugo and Gonzalez, Liam and Mendoza-Revilla, Javier and Lopez Carranza, Nicolas and
             Grzywaczewski, Adam Henryk and Oteri, Francesco and Dallago, Christian and Trop, Evan and
             de Almeida, Bernardo P. and Sirelkhatim, Hassan and Richard, Guillaume and Skwark, Marcin and
             Beguir, Karim and Lopez, Marie and Pierrot, Thomas},
  journal = {Nature Methods},
  volume  = {22},
  pages   = {287--297},
  year    = {2025},
  doi     = {10.1038/s41592-024-02523-z}
}"""

AGRONT_CITATION = """\
@article{mendozarevilla2024foundational,
  title   = {A foundational large language model for edible plant genomes},
  author  = {Mendoza-Revilla, Javier and Trop, Evan and Gonzalez, Liam and Roller, Ma{\\v{s}}a and Dalla-Torre, Hugo and
             de Almeida, Bernardo P. and Richard, Guillaume and Caton, Jonathan and Lopez Carranza, Nicolas and
             Skwark, Marcin and Laterre, Alex and Beguir, Karim and Pierrot, Thomas and Lopez, Marie},
  journal = {Communications Biology},
  volume  = {7},
  pages   = {835},
  year    = {2024},
  doi     = {10.1038/s42003-024-06465-2}
}"""

# A k-mer vocabulary holds 4^k k-mers, the letters A T C G N, and four special tokens in front. v2 has six in front; v1
# has <eos> and <bos> after the 4^k + 9 tokens that its embedding covers.
_VOCABULARY_SIZES = {4**k + extra for k in range(2, 9) for extra in (9, 11)}

_COMMON: dict[str, Any] = {
    "architectures": ["EsmForMaskedLM"],
    "attention_probs_dropout_prob": 0.0,
    "emb_layer_norm_before": False,
    "hidden_dropout_prob": 0.0,
    "initializer_range": 0.02,
    "is_folding_model": False,
    "layer_norm_eps": 1e-12,
    "mask_token_id": 2,
    "pad_token_id": 1,
    "tie_word_embeddings": False,
}

# Keys that our own config takes unchanged.
_KEPT = (
    *KEPT,
    "position_embedding_type",
    "token_dropout",
    "emb_layer_norm_before",
    "pad_token_id",
    "mask_token_id",
)

# The defaults of upstream's config class for keys that config.json omits.
_UPSTREAM_DEFAULTS = {
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 1026,
    "position_embedding_type": "absolute",
    "token_dropout": False,
    "emb_layer_norm_before": False,
    "layer_norm_eps": 1e-12,
    "initializer_range": 0.02,
    "tie_word_embeddings": True,
}

# Keys that choose a computation we do not have, with the values that are harmless.
_REQUIRED: dict[str, tuple[Any, ...]] = REQUIRED | {
    "is_folding_model": (False, None),
    "esmfold_config": (None,),
    "vocab_list": (None,),
    "add_bias_fnn": (False,),
    "position_embedding_type": ("absolute", "rotary"),
    "rope_theta": (10000.0,),
    "rope_parameters": (None,),
}


def context_tokens(config: Any) -> int:
    """The longest input in tokens: positions count from pad_token_id + 1, so two rows of the table are unused."""
    return config.max_position_embeddings - 2


def unused_keys(config: Any) -> tuple[str, ...]:
    """Tensors that upstream files may hold although upstream's forward pass never reads them.

    They are the contact head, a feature for proteins that no published number uses, and in v2 a table of learned
    positions next to the rotary ones, and the constant rotary frequencies of every layer.
    """
    never = (r"(esm\.)?contact_head\..*",)
    if config.position_embedding_type == "absolute":
        return (*never, r"(esm\.)?embeddings\.position_ids")
    return (
        *never,
        r"(esm\.)?embeddings\.position_(ids|embeddings\.weight)",
        r"(esm\.)?encoder\.layer\.\d+\.attention\.self\.rotary_embeddings\.inv_freq",
    )


def is_kmer_vocabulary(text: str) -> bool:
    """Whether a vocab.txt lists single nucleotides and k-mers of one length, apart from special tokens.

    The tokenizer checks that none is missing: a damaged vocabulary still differs from a protein vocabulary.

    Examples:
        >>> is_kmer_vocabulary("<cls>\\nAAA\\nAAT\\nA\\nT\\nC\\nG\\nN")
        True
        >>> is_kmer_vocabulary("<cls>\\nL\\nA\\nG\\nV")
        False
    """
    words = [word for word in text.split() if not re.fullmatch("<.*>", word) and word not in tuple("ATCGN")]
    return len(words) < len(text.split()) and most_are_kmers(words)


def recognises(config: Mapping[str, Any], read_file: ReadFile) -> bool:
    """Whether an upstream config.json belongs to a Nucleotide Transformer.

    v2 states no model_type; v1 and AgroNT share "esm" with the protein models of the ESM family. The vocabulary
    differs, so vocab.txt decides, or without that file the vocabulary's size.
    """
    names = [name for name in config.get("architectures") or [] if isinstance(name, str)]
    upstream = config.get("model_type") == "esm" or (
        "model_type" not in config and any(name.startswith("Esm") for name in names)
    )
    if not upstream or "vocab_size" not in config:
        return False
    text = read_file("vocab.txt")
    return is_kmer_vocabulary(text) if text is not None else config["vocab_size"] in _VOCABULARY_SIZES


def translate(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `NucleotideTransformerConfig` for an upstream config.json.

    The feed-forward layer is gated if `add_bias_fnn` is stated: only v2's code knows that key.

    Raises:
        ValueError: an unknown key, or a value that requests a computation this family does not have.
    """
    arguments = translated(
        config,
        title="Nucleotide Transformer",
        kept=_KEPT,
        required=_REQUIRED,
        ignored=IGNORED,
        defaults=_UPSTREAM_DEFAULTS,
    )
    return arguments | {"feed_forward": "silu_gated" if "add_bias_fnn" in config else "gelu"}


def _v1(name: str, trained_on: str, parameters: int, *, checked: bool = False, **sizes: Any) -> Checkpoint:
    config = _COMMON | {
        "model_type": "esm",
        "vocab_size": 4105,
        "max_position_embeddings": 1002,
        "position_embedding_type": "absolute",
        "token_dropout": True,
    }
    config |= sizes
    return Checkpoint(
        hub_id=f"InstaDeepAI/{name}",
        revision=None,
        config=config,
        config_checked=checked,
        parameters=parameters,
        k=6,
        context_tokens=config["max_position_embeddings"] - 2,
        trained_on=trained_on,
        citation=AGRONT_CITATION if name.startswith("agro") else NT_CITATION,
    )


def _v2(name: str, parameters: int, *, revision: str | None = None, k: int = 6, **sizes: Any) -> Checkpoint:
    config = _COMMON | {
        "architectures": ["EsmForMaskedLM", "EsmForTokenClassification", "EsmForSequenceClassification"],
        "add_bias_fnn": False,
        "vocab_size": 4**k + 11,
        "max_position_embeddings": 2050,
        "position_embedding_type": "rotary",
        "token_dropout": False,
    }
    return Checkpoint(
        hub_id=f"InstaDeepAI/nucleotide-transformer-v2-{name}-multi-species",
        revision=revision,
        config=config | sizes,
        config_checked=True,
        parameters=parameters,
        k=k,
        context_tokens=2048,
        trained_on=_MULTI_SPECIES,
        citation=NT_CITATION,
    )


def _sizes(hidden: int, layers: int, heads: int, intermediate: int) -> dict[str, Any]:
    return {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": intermediate,
    }


_HUMAN = "the human reference genome"
_1000G = "3,202 genetically diverse human genomes of the 1000 Genomes project"
_MULTI_SPECIES = "genomes of 850 species from across the tree of life, model organisms and others"
_PLANTS = "reference genomes of 48 plant species, most of them edible (about 10.5 million sequences)"

NUCLEOTIDE_TRANSFORMER = Passport(
    family="nucleotide_transformer",
    title="Nucleotide Transformer",
    config_class="configuration_nucleotide_transformer.NucleotideTransformerConfig",
    tokenizer_class="tokenization_kmer.KmerTokenizer",
    recognises=recognises,
    translate=translate,
    context_tokens=context_tokens,
    unused_keys=unused_keys,
    heads={
        "AutoModelForMaskedLM": "lm_head.",
        "AutoModelForSequenceClassification": "classifier.",
        "AutoModelForTokenClassification": "classifier.",
    },
    sequence_output="out_proj.",
    lora_targets=("query", "value"),
    tokenizer_files=("vocab.txt",),
    licence="cc-by-nc-sa-4.0",
    reading=(
        "Upper-case A, C, G and T become {words} from left to right. `N`, and bases that do not fill a whole token, "
        "become single letters. Lower case, other IUPAC codes, U and gaps are unknown." + GENOME_MODE
    ),
    special_tokens=1,
    added_tokens="`<cls>`",
    differences=(
        "The official files also store a contact head (and in v2 a table of learned positions and the rotary "
        "frequencies) that the forward pass never uses; they are left out.",
        "`special_tokens_mask` has one entry per token; the official tokenizer's is one entry too long.",
        "Attention runs through transformers' attention interface (eager, sdpa, flash, flex), with gradient "
        "checkpointing.",
    ),
    checkpoints=(
        _v1("nucleotide-transformer-500m-human-ref", _HUMAN, 485_698_825, **_sizes(1280, 24, 20, 5120)),
        _v1("nucleotide-transformer-500m-1000g", _1000G, 485_698_825, **_sizes(1280, 24, 20, 5120)),
        _v1("nucleotide-transformer-2.5b-1000g", _1000G, 2_547_800_585, **_sizes(2560, 32, 20, 10240)),
        _v1(
            "nucleotide-transformer-2.5b-multi-species",
            _MULTI_SPECIES,
            2_547_800_585,
            checked=True,
            **_sizes(2560, 32, 20, 10240),
        ),
        _v2("50m", 54_855_179, revision="81b29e57", **_sizes(512, 12, 16, 2048)),
        _v2("100m", 96_839_179, revision="f34324c6", **_sizes(512, 22, 16, 2048)),
        _v2("250m", 233_545_995, revision="c0f03592", **_sizes(768, 24, 16, 3072)),
        _v2("500m", 496_245_771, **_sizes(1024, 29, 16, 4096)),
        _v2("50m-3mer", 50_722_379, revision="ff82eaf9", k=3, layer_norm_eps=1e-5, **_sizes(512, 12, 16, 2048)),
        _v1(
            "agro-nucleotide-transformer-1b",
            _PLANTS,
            991_260_405,
            checked=True,
            token_dropout=False,
            max_position_embeddings=1026,
            **_sizes(1500, 40, 20, 5120),
        ),
    ),
)
