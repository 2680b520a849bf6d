"""GENA-LM's own BERT, dense and block-sparse: definition of the family and its published checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_dnalm.checkpoints.dnabert2 import is_dna_vocabulary
from hf_dnalm.checkpoints.passport import GENOME_MODE, Checkpoint, Passport, ReadFile
from hf_dnalm.checkpoints.stock_bert import BERT_BASE
from hf_dnalm.checkpoints.translation import IGNORED, KEPT, REQUIRED, translated

CITATION = """\
@article{fishman2025gena,
  title   = {{GENA-LM}: a family of open-source foundational {DNA} language models for long sequences},
  author  = {Fishman, Veniamin and Kuratov, Yuri and Shmelev, Aleksei and Petrov, Maxim and Penzar, Dmitry and
             Shepelin, Denis and Chekanov, Nikolay and Kardymon, Olga and Burtsev, Mikhail},
  journal = {Nucleic Acids Research},
  volume  = {53},
  number  = {2},
  pages   = {gkae1310},
  year    = {2025},
  doi     = {10.1093/nar/gkae1310}
}"""

_DENSE: dict[str, Any] = BERT_BASE | {
    "architectures": ["BertForMaskedLM"],
    "auto_map": {"AutoModel": "modeling_bert.BertForMaskedLM"},
    "gradient_checkpointing": False,
    "last_layer_norm": False,
    "model_type": "bert",
    "pad_token_id": 3,
    "position_embedding_type": "absolute",
    "pre_layer_norm": True,
    "transformers_version": "4.6.0.dev0",
    "use_cache": True,
    "vocab_size": 32000,
}
_LAST_NORM = {key: value for key, value in _DENSE.items() if key != "last_layer_norm"}  # upstream's default is True
_SPARSITY = "deepspeed.ops.sparse_attention:BigBirdSparsityConfig"
_SPARSE: dict[str, Any] = _DENSE | {
    "max_position_embeddings": 4096,
    "sparse_config_cls": _SPARSITY,
    "sparse_attention": {
        "num_heads": 12,
        "block": 64,
        "different_layout_per_head": True,
        "num_sliding_window_blocks": 3,
        "num_global_blocks": 2,
        "num_random_blocks": 3,
    },
}

# The defaults of upstream's config class and code for keys that config.json omits.
_UPSTREAM_DEFAULTS = {
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "initializer_range": 0.02,
    "last_layer_norm": True,
    "position_embedding_type": "absolute",
    "pad_token_id": 3,
}
_OWN = (
    "type_vocab_size",
    "last_layer_norm",
    "position_embedding_type",
    "rotary_dim",
    "rotary_base",
    "pad_token_id",
)
_REQUIRED = REQUIRED | {
    "pre_layer_norm": (True,),
    "position_embedding_type": ("absolute", "rotary"),
    "sparse_config_cls": (_SPARSITY, None),
    "tie_word_embeddings": (True,),
}
_IGNORED = IGNORED | {"gradient_checkpointing", "sparse_attention"}

# Upstream's keys in `sparse_attention` and ours.
_BLOCKS = {
    "block": "sparse_block_size",
    "num_random_blocks": "sparse_random_blocks",
    "num_sliding_window_blocks": "sparse_window_blocks",
    "num_global_blocks": "sparse_global_blocks",
}

# Upstream's classes → our Auto class for their weights. The first is a misspelling in one config.json.
UPSTREAM_CLASSES = {
    "BertForPretraining": "AutoModelForMaskedLM",
    "BertForPreTraining": "AutoModelForMaskedLM",
    "BertForMaskedLM": "AutoModelForMaskedLM",
    "BertForSequenceClassification": "AutoModelForSequenceClassification",
    "BertForTokenClassification": "AutoModelForTokenClassification",
    "BertModel": "AutoModel",
}
_WITH_POOLER = {"BertForPretraining", "BertForPreTraining", "BertForSequenceClassification", "BertModel"}


def recognises(config: Mapping[str, Any], read_file: ReadFile) -> bool:
    """Whether an upstream config.json belongs to GENA-LM's own BERT.

    Its model type is BERT's; the norm before each block distinguishes it from BERT. A vocabulary next to it must be
    DNA.
    """
    if config.get("model_type") != "bert" or config.get("pre_layer_norm") is not True:
        return False
    text = read_file("tokenizer.json")
    return read_file("vocab.txt") is None if text is None else is_dna_vocabulary(text)


def upstream_classes(config: Mapping[str, Any]) -> set[str]:
    """The official classes that a config.json names."""
    named = {str(reference).rpartition(".")[2] for reference in (config.get("auto_map") or {}).values()}
    return named | set(config.get("architectures") or ())


def translate(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `GenaBertConfig` for an upstream config.json, with our class in place of upstream's.

    The class shows whether a revision is fine-tuned, so that one without its trained head is refused.

    Raises:
        ValueError: an unknown key, or a value that requests a computation this family does not have.
    """
    arguments = translated(
        config,
        title="GENA-LM",
        kept=(*KEPT, *_OWN),
        required=_REQUIRED,
        ignored=_IGNORED,
        defaults=_UPSTREAM_DEFAULTS,
    )
    if arguments["position_embedding_type"] == "rotary":
        arguments.setdefault("rotary_dim", arguments["hidden_size"] // arguments["num_attention_heads"])
    if config.get("sparse_config_cls") is not None:
        arguments |= _blocks(config)
    ours = {name: f"GenaBert{auto[len('AutoModel') :] or 'Model'}" for name, auto in UPSTREAM_CLASSES.items()}
    return arguments | {
        "architectures": [ours[name] for name in config.get("architectures") or () if name in ours],
        "mask_token_id": 4,
        "add_pooler": bool(upstream_classes(config) & _WITH_POOLER),
    }


def _blocks(config: Mapping[str, Any]) -> dict[str, Any]:
    sparsity = dict(config.get("sparse_attention") or {})
    heads = sparsity.pop("num_heads", None)
    if heads != config["num_attention_heads"]:
        raise ValueError(
            f"config.json has sparse_attention for {heads} heads and num_attention_heads = "
            f"{config['num_attention_heads']}; they must be equal."
        )
    if sparsity.pop("different_layout_per_head", None) is not True:
        raise ValueError(
            "config.json has sparse_attention without different_layout_per_head = true; every head of a GENA-LM has "
            "its own list of blocks."
        )
    if set(sparsity) != set(_BLOCKS):
        odd = ", ".join(sorted(set(sparsity) ^ set(_BLOCKS)))
        raise ValueError(f"config.json has sparse_attention with missing or unknown keys: {odd}.")
    return {ours: sparsity[key] for key, ours in _BLOCKS.items()}


def renamed_keys(config: Mapping[str, Any]) -> dict[str, str]:
    """Upstream calls both the token head and the sequence head `classifier`; ours have different names."""
    is_of_tokens = "BertForTokenClassification" in upstream_classes(config)
    return {r"^classifier\.": "token_classifier."} if is_of_tokens else {}


def unused_keys(config: Any) -> tuple[str, ...]:
    """Tensors in a file that a model may not use: the next-sentence head, a pooler that no head uses, and constants."""
    return (
        r"cls\.seq_relationship\.(weight|bias)",
        r"(bert\.)?pooler\.dense\.(weight|bias)",
        r"(bert\.)?embeddings\.(token_type|position)_ids",
        r"(bert\.)?encoder\.layer\.\d+\.attention\.self\.rotary_emb\.inv_freq",
    )


_T2T = "the human T2T assembly and its variants in the 1000 Genomes project (about 480 billion bp)"
_FIRST = "the human T2T assembly without chromosomes 22 and Y"
_MULTI = "the human T2T assembly, its variants in the 1000 Genomes project and other species (about 1,072 billion bp)"
_HELD_OUT = " without chromosomes 7 and 10"
_PROMOTERS = "promoter or not, in {} bp (`AutoModelForSequenceClassification`)"
_SPLICE = (
    "acceptor, donor or none for every token, as separate labels, in 15,000 bp (`AutoModelForTokenClassification`)"
)


def _checkpoint(
    name: str,
    config: dict[str, Any],
    parameters: int,
    trained_on: str,
    revision: str | None = None,
    branches: Mapping[str, str] | None = None,
) -> Checkpoint:
    """A published checkpoint; configs of pinned commits were compared with the published file."""
    return Checkpoint(
        hub_id=f"AIRI-Institute/gena-lm-{name}",
        revision=revision,
        config=config,
        config_checked=revision is not None,
        parameters=parameters,
        k=None,
        context_tokens=config["max_position_embeddings"],
        trained_on=trained_on,
        citation=CITATION,
        branches=branches or {},
    )


GENA_BERT = Passport(
    family="gena_bert",
    title="GENA-LM",
    config_class="configuration_gena_bert.GenaBertConfig",
    tokenizer_class="tokenization_dna_bpe.DnaBpeTokenizer",
    recognises=recognises,
    translate=translate,
    unused_keys=unused_keys,
    lora_targets=("query", "key", "value", "intermediate.dense", "output.dense"),
    licence="mit",
    differences=(
        "`AutoModelForMaskedLM` and the task heads load this model. Plain transformers takes the official repository "
        "for a stock BERT there, and randomly initialises every norm of its layers.",
        "`AutoModel` returns hidden states without a head; that of the official repository returns the masked language "
        "model.",
        "An input that is too long is refused, and the tokenizer states the limit; the official tokenizer states none.",
        "Positions count from the first real token, so padding on the left changes nothing.",
        "The token head is called `token_classifier` and the sequence head `classifier`; upstream calls both "
        "`classifier`. The next-sentence-prediction head is left out.",
        "Sparse attention runs in any dtype, on CPUs too, for any number of tokens, and returns its probabilities with "
        'attn_implementation="eager". DeepSpeed\'s needs float16, multiples of 64 tokens, and a GPU and compiler of '
        '2021. As in DeepSpeed, all layers use the first layer\'s list of blocks; `sparse_layout="per_layer"` uses '
        "each layer's own.",
        "There is a loss for several labels per token (-100 for an unknown label), sequence heads can pool over all "
        "tokens (`classifier_pooling`), and the token head can predict for every nucleotide.",
    ),
    reading=(
        "Upper-case A, C, G and T become tokens from a learned vocabulary (byte pair encoding). In the vocabulary of "
        "the first two models (`gena-lm-bert-base`, `gena-lm-bigbird-base-sparse`) any other character is one `[UNK]`. "
        "The vocabulary of the later models has tokens of up to 64 letters, also for `N` and the IUPAC codes B, K, M, "
        "R, S, W and Y; a run of ten or more `N` becomes one token, `-`. `tokenizer.bases_in(ids, sequence)` returns "
        "how many bases each token covers." + GENOME_MODE
    ),
    poolers=("bert.pooler",),
    upstream_classes=UPSTREAM_CLASSES,
    renamed_keys=renamed_keys,
    checkpoints=(
        _checkpoint(
            "bert-base",
            _DENSE
            | {
                "architectures": ["BertForPretraining"],
                "auto_map": {"AutoModel": "modeling_bert.BertForPreTraining"},
            },
            111_241_472,
            _FIRST,
            "416f0553",
        ),
        _checkpoint(
            "bert-base-t2t",
            _DENSE,
            110_650_880,
            _T2T + _HELD_OUT,
            branches={"promoters_300_run_1": _PROMOTERS.format(300), "spliceai_run_1": _SPLICE},
        ),
        _checkpoint("bert-base-t2t-multi", _DENSE, 110_650_880, _MULTI + _HELD_OUT, "4633e5a1"),
        _checkpoint("bert-base-lastln-t2t", _LAST_NORM, 110_652_416, _T2T + _HELD_OUT),
        _checkpoint(
            "bert-large-t2t",
            _LAST_NORM
            | {
                "hidden_size": 1024,
                "intermediate_size": 4096,
                "layer_norm_eps": 1e-5,
                "num_attention_heads": 16,
                "num_hidden_layers": 24,
            },
            336_691_456,
            _T2T + _HELD_OUT,
            "f997a8a7",
            {
                "promoters_300_run_1": _PROMOTERS.format(300),
                "promoters_2000_run_1": _PROMOTERS.format("2,000"),
                "spliceai_run_1": _SPLICE,
            },
        ),
        _checkpoint(
            "bigbird-base-sparse",
            _SPARSE | {"position_embedding_type": "rotary", "rotary_base": 10000, "rotary_dim": 32},
            110_257_664,
            _FIRST,
        ),
        _checkpoint(
            "bigbird-base-sparse-t2t",
            _SPARSE | {"last_layer_norm": True, "layer_norm_eps": 1e-5},
            113_404_928,
            _T2T + _HELD_OUT,
        ),
        _checkpoint("bert-base-yeast", _DENSE, 110_650_880, "genomes of yeasts"),
        _checkpoint("bert-base-fly", _DENSE, 110_650_880, "genomes of fruit flies"),
        _checkpoint("bert-base-athaliana", _DENSE, 110_650_880, "genomes of Arabidopsis thaliana"),
    ),
)
