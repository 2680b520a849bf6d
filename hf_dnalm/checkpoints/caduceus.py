"""Caduceus (Ph and Ps) and PlantCaduceus: definition of the family and its eight published checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_dnalm.checkpoints.passport import HEAD_FIELDS, Checkpoint, Passport, ReadFile
from hf_dnalm.checkpoints.translation import IGNORED, REQUIRED, translated

CADUCEUS_CITATION = """\
@inproceedings{schiff2024caduceus,
  title     = {Caduceus: Bi-Directional Equivariant Long-Range {DNA} Sequence Modeling},
  author    = {Schiff, Yair and Kao, Chia-Hsiang and Gokaslan, Aaron and Dao, Tri and Gu, Albert and
               Kuleshov, Volodymyr},
  booktitle = {Proceedings of the 41st International Conference on Machine Learning},
  year      = {2024},
  url       = {https://arxiv.org/abs/2403.03234}
}"""

PLANT_CADUCEUS_CITATION = """\
@article{zhai2025plantcaduceus,
  title   = {Cross-species modeling of plant genomes at single nucleotide resolution using a pretrained {DNA} language
             model},
  author  = {Zhai, Jingjing and Gokaslan, Aaron and Schiff, Yair and Berthel, Ana and Liu, Zong-Yan and Lai, Wei-Yun and
             Miller, Zachary R. and Scheben, Armin and Stitzer, Michelle C. and Romay, M. Cinta and
             Buckler, Edward S. and Kuleshov, Volodymyr},
  journal = {Proceedings of the National Academy of Sciences},
  volume  = {122},
  number  = {24},
  pages   = {e2421738122},
  year    = {2025},
  doi     = {10.1073/pnas.2421738122}
}"""

_TITLE = "Caduceus"

# Vocabulary size, rounded up to a multiple of 8 → ids of padding and mask, which config.json omits: the 12 tokens of
# Caduceus, and the 7 of PlantCaduceus.
_PADDING_AND_MASK = {16: (4, 3), 8: (0, 1)}

_SSM: dict[str, Any] = {
    "bias": False,
    "conv_bias": True,
    "d_conv": 4,
    "d_state": 16,
    "dt_init": "random",
    "dt_init_floor": 1e-4,
    "dt_max": 0.1,
    "dt_min": 0.001,
    "dt_rank": "auto",
    "dt_scale": 1.0,
    "expand": 2,
    "use_fast_path": True,
}


def _complement_map(vocab_size: int, *pairs: tuple[int, int]) -> dict[str, int]:
    """The map as in config.json, with keys in the order of transformers: "0", "1", "10", "11"…"""
    opposite = {i: i for i in range(vocab_size)} | {a: b for pair in pairs for a, b in (pair, pair[::-1])}
    return {str(i): opposite[i] for i in sorted(opposite, key=str)}


_CONFIG: dict[str, Any] = {
    "architectures": ["CaduceusForMaskedLM"],
    "auto_map": {
        "AutoConfig": "configuration_caduceus.CaduceusConfig",
        "AutoModel": "modeling_caduceus.Caduceus",
        "AutoModelForMaskedLM": "modeling_caduceus.CaduceusForMaskedLM",
        "AutoModelForSequenceClassification": "modeling_caduceus.CaduceusForSequenceClassification",
    },
    "bidirectional": True,
    "bidirectional_strategy": "add",
    "bidirectional_weight_tie": True,
    "complement_map": _complement_map(16, (7, 10), (8, 9)),
    "d_model": 256,
    "fused_add_norm": True,
    "initializer_cfg": {"initializer_range": 0.02, "n_residuals_per_layer": 1, "rescale_prenorm_residual": True},
    "model_type": "caduceus",
    "n_layer": 16,
    "norm_epsilon": 1e-05,
    "pad_vocab_size_multiple": 8,
    "rcps": True,
    "residual_in_fp32": False,
    "rms_norm": True,
    "ssm_cfg": _SSM,
    "vocab_size": 16,
}
_PLANT_CONFIG = _CONFIG | {
    "complement_map": _complement_map(8, (3, 6), (4, 5)),
    "residual_in_fp32": True,
    "vocab_size": 8,
}

# The defaults of upstream's config class for keys that config.json omits.
_UPSTREAM_DEFAULTS = {"norm_epsilon": 1e-5, "residual_in_fp32": True, "rcps": False}

_KEPT = ("vocab_size", "d_model", "n_layer", "norm_epsilon", "residual_in_fp32", "rcps")
_HEAD_KEPT = ("num_labels", "id2label", "label2id", "problem_type", "output_hidden_states")
_OWN_READING = ("ssm_cfg", "complement_map", "initializer_cfg", "pad_vocab_size_multiple", "fused_add_norm")

_REQUIRED = REQUIRED | {
    "bidirectional": (True,),
    "bidirectional_strategy": ("add",),
    "bidirectional_weight_tie": (True,),
    "rms_norm": (True,),
    "tie_word_embeddings": (True,),
}

# Fields of the scan: its shape, and fields that only the initial weights of a new model depend on.
_SSM_KEPT = ("d_state", "d_conv", "expand", "conv_bias")
_SSM_FIRST_WEIGHTS = ("dt_init", "dt_init_floor", "dt_max", "dt_min", "dt_scale", "use_fast_path")


def recognises(config: Mapping[str, Any], read_file: ReadFile) -> bool:
    """Whether an upstream config.json belongs to Caduceus or PlantCaduceus; no other model has that model_type."""
    return config.get("model_type") == "caduceus"


def translate(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `CaduceusConfig` for an upstream config.json.

    Raises:
        ValueError: an unknown key, or a value that requests a computation this family does not have.
    """
    if config.get("rcps", False) and not config.get("fused_add_norm", True):
        raise ValueError(
            "config.json has rcps = True and fused_add_norm = False. On that path the official code does not exchange "
            "the two strands in every layer, as the published models do: it is a different model, which this "
            f"{_TITLE} cannot compute."
        )
    arguments = translated(
        config,
        title=_TITLE,
        kept=(*_KEPT, *_HEAD_KEPT),
        required=_REQUIRED,
        ignored=IGNORED | set(_OWN_READING),
        defaults=_UPSTREAM_DEFAULTS,
        needed=("vocab_size", "d_model", "n_layer"),
    )
    multiple = config.get("pad_vocab_size_multiple") or 8
    vocab_size = -(-arguments["vocab_size"] // multiple) * multiple  # upstream rounds the vocabulary up
    if vocab_size not in _PADDING_AND_MASK:
        raise ValueError(
            f"config.json has vocab_size = {arguments['vocab_size']}; a {_TITLE} has 16 tokens (12 are used) or 8 (7 "
            "are used)."
        )
    pad, mask = _PADDING_AND_MASK[vocab_size]
    initializer = config.get("initializer_cfg") or {}
    return arguments | {
        "vocab_size": vocab_size,
        "complement_ids": _complement_ids(config.get("complement_map"), vocab_size),
        "initializer_range": initializer.get("initializer_range", 0.02),
        "pad_token_id": pad,
        "mask_token_id": mask,
        **_state_space(config.get("ssm_cfg") or {}),
    }


def _complement_ids(complement_map: Mapping[Any, int] | None, vocab_size: int) -> list[int] | None:
    """The map as a list by token id. Keys in a file are sorted as text, "10" before "2"."""
    if complement_map is None:
        return None
    by_id = {int(token): int(opposite) for token, opposite in complement_map.items()}
    return [by_id.get(token, token) for token in range(vocab_size)]


def _state_space(ssm: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in ssm.items():
        if key == "bias" and value:
            raise ValueError(f"config.json has ssm_cfg.bias = {value!r}; a {_TITLE} supports only False.")
        if key not in (*_SSM_KEPT, *_SSM_FIRST_WEIGHTS, "dt_rank", "bias"):
            raise ValueError(
                f"config.json has the key {key!r} (= {value!r}) in ssm_cfg, which no {_TITLE} has: it belongs to "
                "another version of Mamba."
            )
    rank = ssm.get("dt_rank", "auto")
    return {key: ssm[key] for key in _SSM_KEPT if key in ssm} | {"dt_rank": None if rank == "auto" else rank}


def equivariant(config: Any) -> bool:
    """Whether it is a Ps or PlantCaduceus, in which every layer treats both strands alike."""
    return config.rcps


_TRAINED_ON = "the human reference genome (hg38), in sequences of {bp} bp, with masked nucleotides to fill in"
_PLANTS = "genomes of 16 flowering plants, in sequences of 512 bp, with masked nucleotides to fill in"


def _caduceus(kind: str, length: str, bp: int, n_layer: int, parameters: int, *, checked: bool) -> Checkpoint:
    return Checkpoint(
        hub_id=f"kuleshov-group/caduceus-{kind}_seqlen-{length}",
        revision=None,
        config=_CONFIG | {"n_layer": n_layer, "rcps": kind == "ps"},
        config_checked=checked,
        parameters=parameters,
        k=1,
        context_tokens=bp,
        trained_on=_TRAINED_ON.format(bp=f"{bp:,}"),
        citation=CADUCEUS_CITATION,
        special_tokens=0,
    )


def _plant_caduceus(n_layer: int, d_model: int, parameters: int) -> Checkpoint:
    return Checkpoint(
        hub_id=f"kuleshov-group/PlantCaduceus_l{n_layer}",
        revision=None,
        config=_PLANT_CONFIG | {"n_layer": n_layer, "d_model": d_model},
        config_checked=False,
        parameters=parameters,
        k=1,
        context_tokens=512,
        trained_on=_PLANTS,
        citation=PLANT_CADUCEUS_CITATION,
        special_tokens=0,
    )


_LONG, _SHORT = "131k_d_model-256_n_layer-16", "1k_d_model-256_n_layer-4_lr-8e-3"

CADUCEUS = Passport(
    family="caduceus",
    title=_TITLE,
    config_class="configuration_caduceus.CaduceusConfig",
    tokenizer_class="tokenization_nucleotide.NucleotideTokenizer",
    recognises=recognises,
    translate=translate,
    # Both directions of the scan share their projections: one tensor here, two names in pickled files.
    copies=((r"(.*\.mamba_)rev(\.(?:in|out)_proj\.weight)", r"\1fwd\2"),),
    heads={
        "AutoModelForMaskedLM": "lm_head.",
        "AutoModelForSequenceClassification": "score.",
        "AutoModelForTokenClassification": "token_classifier.",
    },
    head_fields=(*HEAD_FIELDS, "conjoin"),
    lora_targets=("in_proj", "x_proj", "out_proj"),
    tokenizer_files=("tokenizer.json", "tokenizer_config.json"),
    licence="apache-2.0",
    differences=(
        "It runs in plain torch, on CPUs too; the official code needs the CUDA package mamba_ssm. If mamba_ssm is "
        "installed, its scan is used on a GPU (`scan` in the config: `auto`, `torch`, `mamba_ssm`).",
        "The two directions share one tensor for each input and output projection. The official code ties them after "
        "loading, which transformers 5 undoes: the second direction then keeps random projections.",
        "The attention mask is used: padding, on either side or inside a sequence, changes no result. The official "
        "code has no masks and reads padding like letters.",
        "The tokenizer pads on the right unless `padding_side` is set; Caduceus' own tokenizer pads on the left.",
        "Labels of the masked language model are -100 at positions to ignore; the official code fails on labels.",
        "Complements are looked up by token id, so a complement map whose keys were sorted as text is read correctly.",
        "Outputs are transformers' own. `hidden_states` holds, as in the official code, the embeddings, what each "
        "layer but the last adds, and the normalised sum.",
        "In a Ps the strands are exchanged in every layer, as in the official code's fused path, with which the "
        "published weights were trained. The other path (`fused_add_norm = false`) is refused.",
        "A sequence head pools by the mean, the maximum or the first token (`classifier_pooling`). With `conjoin`, a "
        "Ph also reads the reverse complement of its input.",
        "There is a head for tokens and nucleotides, gradient checkpointing, and a scan that never holds the states of "
        "all tokens in memory at once.",
    ),
    reads_lower_case=True,
    reading=(
        "Every nucleotide is one token, in lower or upper case. Caduceus adds `[SEP]` after a sequence; pass "
        "`add_special_tokens=False` to leave it out, as in pre-training. PlantCaduceus adds nothing, and has no `N`, "
        "which becomes `[UNK]`. Vectors of a Ps or a PlantCaduceus are twice as wide as those of one strand: the "
        "second half belongs to the other strand, with its channels in reverse order."
    ),
    added_tokens="`[SEP]`",
    special_tokens=1,
    equivariant=equivariant,
    limited=False,
    checkpoints=(
        _caduceus("ph", _LONG, 131_072, 16, 7_725_312, checked=False),
        _caduceus("ps", _LONG, 131_072, 16, 7_725_312, checked=True),
        _caduceus("ph", _SHORT, 1_024, 4, 1_934_592, checked=True),
        _caduceus("ps", _SHORT, 1_024, 4, 1_934_592, checked=False),
        _plant_caduceus(20, 384, 20_870_016),
        _plant_caduceus(24, 512, 43_614_720),
        _plant_caduceus(28, 768, 112_107_264),
        _plant_caduceus(32, 1024, 225_354_752),
    ),
)
