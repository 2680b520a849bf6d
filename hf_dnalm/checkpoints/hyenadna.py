"""HyenaDNA: definition of the family and its seven published checkpoints, in two layouts of config.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_dnalm.checkpoints.passport import GENOME_MODE, Checkpoint, Passport, ReadFile
from hf_dnalm.checkpoints.translation import IGNORED, REQUIRED, translated

CITATION = """\
@inproceedings{nguyen2023hyenadna,
  title     = {{HyenaDNA}: Long-Range Genomic Sequence Modeling at Single Nucleotide Resolution},
  author    = {Nguyen, Eric and Poli, Michael and Faizi, Marjan and Thomas, Armin W. and Birch-Sykes, Callum and
               Wornow, Michael and Patel, Aman and Rabideau, Clayton and Massaroli, Stefano and Bengio, Yoshua and
               Ermon, Stefano and Baccus, Stephen A. and R{\\'e}, Christopher},
  booktitle = {Advances in Neural Information Processing Systems},
  volume    = {36},
  year      = {2023},
  url       = {https://arxiv.org/abs/2306.15794}
}"""

_TITLE = "HyenaDNA"

_CONFIG: dict[str, Any] = {
    "activation_freq": 10,
    "auto_map": {
        "AutoConfig": "configuration_hyena.HyenaConfig",
        "AutoModel": "modeling_hyena.HyenaDNAModel",
        "AutoModelForCausalLM": "modeling_hyena.HyenaDNAForCausalLM",
        "AutoModelForSequenceClassification": "modeling_hyena.HyenaDNAForSequenceClassification",
    },
    "emb_dim": 5,
    "embed_dropout": 0.1,
    "filter_order": 64,
    "hyena_dropout": 0.0,
    "hyena_filter_dropout": 0.0,
    "hyena_order": 2,
    "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-05,
    "model_type": "hyenadna",
    "num_inner_mlps": 2,
    "pad_token_id": 4,
    "pad_vocab_size_multiple": 8,
    "short_filter_order": 3,
    "tie_word_embeddings": False,
    "train_freq": True,
    "use_bias": True,
    "vocab_size": 12,
}

# Upstream's names → ours, in the layout for transformers.
_NAMES = {
    "vocab_size": "vocab_size",
    "pad_vocab_size_multiple": "pad_vocab_size_multiple",
    "d_model": "hidden_size",
    "n_layer": "num_hidden_layers",
    "d_inner": "intermediate_size",
    "max_seq_len": "max_position_embeddings",
    "emb_dim": "filter_embedding_size",
    "filter_order": "filter_width",
    "num_inner_mlps": "filter_inner_layers",
    "activation_freq": "filter_frequency",
    "short_filter_order": "short_filter_size",
    "layer_norm_epsilon": "layer_norm_eps",
    "embed_dropout": "hidden_dropout_prob",
    "hyena_dropout": "mixer_dropout",
    "initializer_range": "initializer_range",
    "pad_token_id": "pad_token_id",
}
_HEAD_KEPT = ("num_labels", "id2label", "label2id", "problem_type", "output_hidden_states")

# The defaults of upstream's config class for keys that config.json omits.
_UPSTREAM_DEFAULTS = {
    "pad_vocab_size_multiple": 8,
    "emb_dim": 5,
    "filter_order": 64,
    "num_inner_mlps": 2,
    "activation_freq": 10,
    "short_filter_order": 3,
    "layer_norm_epsilon": 1e-5,
    "embed_dropout": 0.1,
    "hyena_dropout": 0.0,
    "initializer_range": 0.02,
    "pad_token_id": 4,
}

_REQUIRED = REQUIRED | {
    "hyena_order": (2,),
    "train_freq": (True,),
    "use_bias": (True,),
    "tie_word_embeddings": (False,),
}

_IGNORED = IGNORED | {"hyena_filter_dropout"}  # upstream creates this dropout and never applies it

# The first layout, of the authors' own code: its fields in `layer` → those of the layout for transformers.
_FIRST_LAYER = {
    "l_max": "max_seq_len",
    "emb_dim": "emb_dim",
    "filter_order": "filter_order",
    "num_inner_mlps": "num_inner_mlps",
    "w": "activation_freq",
    "order": "hyena_order",
    "short_filter_order": "short_filter_order",
    "dropout": "hyena_dropout",
    "filter_dropout": "hyena_filter_dropout",
}
_FIRST_REQUIRED: dict[str, tuple[Any, ...]] = {
    "_name_": ("hyena",),
    "modulate": (True,),
    "w_mod": (1,),
    "normalized": (False,),
    "bidirectional": (False,),
    "num_heads": (1,),
    "num_blocks": (1,),
    "outer_mixing": (False,),
    "post_order_ffn": (False,),
    "activation": ("id",),
}
# Training settings, kernels with the same results, and an older name of the short filter that upstream ignores.
_FIRST_IGNORED = {"lr", "wd", "lr_pos_emb", "local_order", "fused_fft_conv", "fused_bias_fc", "jit_filter"}
_FIRST_OUTER_IGNORED = {
    "layer",
    "resid_dropout",
    "fused_mlp",
    "fused_dropout_add_ln",
    "residual_in_fp32",
    "return_hidden_state",
    "checkpoint_mixer",
    "checkpoint_mlp",
    "use_head",
    "n_classes",
}


def recognises(config: Mapping[str, Any], read_file: ReadFile) -> bool:
    """Whether an upstream config.json belongs to HyenaDNA, by its model_type or, in the first layout, by its layer."""
    return config.get("model_type") == "hyenadna" or _is_first_layout(config)


def _is_first_layout(config: Mapping[str, Any]) -> bool:
    layer = config.get("layer")
    return "model_type" not in config and isinstance(layer, Mapping) and {"l_max", "filter_order"} <= layer.keys()


def translate(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `HyenaDnaConfig` for an upstream config.json, in either layout.

    Raises:
        ValueError: an unknown key, or a value that requests a computation this family does not have.
    """
    if _is_first_layout(config):
        config = _from_first_layout(config)
    arguments = translated(
        config,
        title=_TITLE,
        kept=(*_NAMES, *_HEAD_KEPT),
        required=_REQUIRED,
        ignored=_IGNORED,
        defaults=_UPSTREAM_DEFAULTS,
        needed=("vocab_size", "d_model", "n_layer", "max_seq_len"),
    )
    multiple = arguments.pop("pad_vocab_size_multiple")
    arguments["vocab_size"] = -(-arguments["vocab_size"] // multiple) * multiple  # upstream rounds the table up
    arguments.setdefault("d_inner", 4 * arguments["d_model"])
    return {_NAMES.get(key, key): value for key, value in arguments.items()}


def _from_first_layout(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config of the first layout in the layout for transformers."""
    outer = {key: value for key, value in config.items() if key not in _FIRST_OUTER_IGNORED}
    for key, value in config["layer"].items():
        if key in _FIRST_REQUIRED and value not in _FIRST_REQUIRED[key]:
            raise ValueError(
                f"config.json has layer.{key} = {value!r}; a {_TITLE} supports only {_FIRST_REQUIRED[key][0]!r}."
            )
        if key in _FIRST_LAYER:
            outer[_FIRST_LAYER[key]] = value
        elif key not in _FIRST_REQUIRED and key not in _FIRST_IGNORED:
            raise ValueError(
                f"config.json has the key {key!r} (= {value!r}) in layer, which no {_TITLE} has. "
                "Delete it if it has no effect on the output."
            )
    return outer


def _checkpoint(
    name: str, revision: str | None, *, d_model: int, n_layer: int, tokens: int, parameters: int
) -> Checkpoint:
    return Checkpoint(
        hub_id=f"LongSafari/hyenadna-{name}-hf",
        revision=revision,
        config=_CONFIG | {"d_model": d_model, "d_inner": 4 * d_model, "n_layer": n_layer, "max_seq_len": tokens},
        config_checked=False,
        parameters=parameters,
        k=1,
        context_tokens=tokens,
        trained_on=(
            f"the human reference genome (hg38), in sequences of {tokens - 2:,} bp, predicting each letter from those "
            "before it"
        ),
        citation=CITATION,
        auto_class="AutoModelForCausalLM",
    )


_ONE_FREQUENCY = {r"implicit_filter\.(?!1\.)\d+\.freq": "implicit_filter.1.freq"}

HYENADNA = Passport(
    family="hyenadna",
    title=_TITLE,
    config_class="configuration_hyenadna.HyenaDnaConfig",
    tokenizer_class="tokenization_nucleotide.NucleotideTokenizer",
    recognises=recognises,
    translate=translate,
    # The sines of a filter share their frequencies; files store them under one of three names, or under all three.
    renamed_keys=lambda config: dict(_ONE_FREQUENCY),
    lightning_file="weights.ckpt",
    lightning_keys={
        r"^backbone\.": "hyena.backbone.",
        r"\.(mixer|mlp)\.layer\.": r".\1.",  # if it was trained with gradient checkpointing
        **_ONE_FREQUENCY,
    },
    upstream_classes={
        "HyenaDNAModel": "AutoModel",
        "HyenaDNAForCausalLM": "AutoModelForCausalLM",
        "HyenaDNAForSequenceClassification": "AutoModelForSequenceClassification",
    },
    heads={
        "AutoModelForCausalLM": "lm_head.",
        "AutoModelForSequenceClassification": "score.",
        "AutoModelForTokenClassification": "token_classifier.",
    },
    lora_targets=("in_proj", "out_proj", "fc1", "fc2"),
    tokenizer_files=("tokenizer.json", "tokenizer_config.json"),
    licence="bsd-3-clause",
    differences=(
        "The attention mask is used: padding, on either side or inside a sequence, changes no result. The official "
        "code has no masks, and padding on the left, as its tokenizer adds, shifts and changes everything after it.",
        "The tokenizer pads on the right. To generate from a batch pass `padding_side='left'`, and "
        "`add_special_tokens=False` because `[SEP]` ends a sequence.",
        "`[SEP]` is added after a sequence, as by the tokenizer in the Hub repositories. The authors' first code and "
        "BEND also add `[CLS]` in front: `with_edges(tokenizer, 'cls_sep')` of `hf_dnalm.tokenization` does so.",
        "The filters are computed in float32 whatever the model's dtype: in bfloat16 a million time points would not "
        "be distinct.",
        "In inference, a long sequence is convolved a few channels at a time and passes the feed-forward blocks a few "
        "tokens at a time, so the memory needed is a small multiple of its hidden states.",
        "Sequence heads use the last token of the attention mask, where the official code looks for padding in the "
        "ids. They can also pool by the mean or the maximum (`classifier_pooling`).",
        "Labels of the language model are the input ids, -100 at positions to ignore, and are shifted inside.",
        "There is a head for tokens and nucleotides, gradient checkpointing, and `generate`, which recomputes the "
        "whole sequence for every new letter.",
        "The first layout (`weights.ckpt`, without `-hf` in the name) is read too; pickled code in it is never run.",
    ),
    reading=(
        "Every nucleotide is one token: upper-case A, C, G, T and N. Every other character (lower case, IUPAC codes, "
        "U, gaps) is one `[UNK]`." + GENOME_MODE
    ),
    added_tokens="`[SEP]`",
    special_tokens=1,
    checkpoints=(
        _checkpoint("tiny-1k-seqlen", "e8c1effa", d_model=128, n_layer=2, tokens=1026, parameters=448_404),
        _checkpoint("tiny-1k-seqlen-d256", None, d_model=256, n_layer=2, tokens=1026, parameters=1_655_444),
        _checkpoint("tiny-16k-seqlen-d128", "d79fa37", d_model=128, n_layer=2, tokens=16_386, parameters=602_004),
        _checkpoint("small-32k-seqlen", "8fe770c7", d_model=256, n_layer=4, tokens=32_770, parameters=3_937_064),
        _checkpoint("medium-160k-seqlen", "7ebf7177", d_model=256, n_layer=8, tokens=160_002, parameters=12_954_704),
        _checkpoint("medium-450k-seqlen", "42dedd4d", d_model=256, n_layer=8, tokens=450_002, parameters=24_554_704),
        _checkpoint("large-1m-seqlen", "0a629abf", d_model=256, n_layer=8, tokens=1_000_002, parameters=46_554_704),
    ),
)
