"""GPN and BEND's ResNet-LM: definition of the family and its published checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_dnalm.checkpoints.passport import HEAD_FIELDS, Checkpoint, Passport, ReadFile
from hf_dnalm.checkpoints.translation import IGNORED, OF_EVERY_CONFIG, REQUIRED, translated

GPN_CITATION = """\
@article{benegas2023dna,
  title   = {{DNA} language models are powerful predictors of genome-wide variant effects},
  author  = {Benegas, Gonzalo and Batra, Sanjit Singh and Song, Yun S.},
  journal = {Proceedings of the National Academy of Sciences},
  volume  = {120},
  number  = {44},
  pages   = {e2311219120},
  year    = {2023},
  doi     = {10.1073/pnas.2311219120}
}"""

TRAITGYM_CITATION = """\
@article{benegas2025benchmarking,
  title   = {Benchmarking {DNA} Sequence Models for Causal Regulatory Variant Prediction in Human Genetics},
  author  = {Benegas, Gonzalo and Eraslan, G{\\"o}kcen and Song, Yun S.},
  journal = {bioRxiv},
  year    = {2025},
  doi     = {10.1101/2025.02.11.637758}
}"""

BEND_CITATION = """\
@inproceedings{marin2024bend,
  title     = {{BEND}: Benchmarking {DNA} Language Models on Biologically Meaningful Tasks},
  author    = {Marin, Frederikke Isa and Teufel, Felix and Horlacher, Marc and Madsen, Dennis and Pultz, Dennis and
               Winther, Ole and Boomsma, Wouter},
  booktitle = {The Twelfth International Conference on Learning Representations},
  year      = {2024},
  url       = {https://openreview.net/forum?id=uKB4cFNQFg}
}"""

BEND_FILES = "https://sid.erda.dk/share_redirect/dbQM0pgSlM/pretrained_models"  # from BEND's own download function

_KEPT = (
    "vocab_size",
    "hidden_size",
    "dilation_base",
    "dilation_double_every",
    "dilation_cycle",
    "dilation_max",
    "hidden_dropout_prob",
    "initializer_range",
    "regression_softplus",
    "num_labels",
    "id2label",
    "label2id",
    "problem_type",
    "output_hidden_states",
    "output_attentions",
)
_REQUIRED = REQUIRED | {"n_aux_features": (0, None)}  # letters alone, no alignment
_IGNORED = IGNORED | OF_EVERY_CONFIG | {"aux_features_vocab_size"}

# The first GPN, model_type "ConvNet". It has no token embeddings, so nothing is tied, whatever config.json states.
_FIRST = {"n_layers": "num_hidden_layers", "kernel_size": "first_kernel_size"}
_FIRST_DEFAULTS = {
    "dilation_base": 2,
    "dilation_double_every": 1,
    "dilation_cycle": 6,
    "dilation_max": 32,
    "hidden_dropout_prob": 0.1,
    "initializer_range": 0.02,
}

# The later GPN, model_type "GPN". Its config derives from RoFormer's and keeps fields of RoFormer that it does not use.
_BLOCKS = {"convnet": "pre_norm", "bytenet": "bytenet"}
_EMBEDDINGS = {"one_hot": False, "embedding": True}
_LATER_KEPT = (
    *_KEPT,
    "num_hidden_layers",
    "encoder",
    "embedding",
    "intermediate_size",
    "slim",
    "depthwise",
    "bias",
    "first_kernel_size",
    "rest_kernel_size",
    "tie_word_embeddings",
    "mlm_head_transform",
)
_LATER_REQUIRED = _REQUIRED | {
    "encoder": tuple(_BLOCKS),
    "embedding": tuple(_EMBEDDINGS),
    "classification_head": ("standard",),
    "pos_weight": (None,),
}
_LATER_IGNORED = _IGNORED | {
    "attention_probs_dropout_prob",
    "embedding_size",
    "layer_norm_eps",
    "max_position_embeddings",
    "num_attention_heads",
    "rotary_value",
    "type_vocab_size",
}
_LATER_DEFAULTS = {
    "encoder": "convnet",
    "embedding": "one_hot",
    "intermediate_size": 2048,
    "slim": False,
    "depthwise": False,
    "bias": False,
    "first_kernel_size": 9,
    "rest_kernel_size": 5,
    "dilation_base": 2,
    "dilation_double_every": 1,
    "dilation_cycle": 8,
    "dilation_max": 9999,
    "hidden_dropout_prob": 0.0,
    "initializer_range": 0.02,
    "tie_word_embeddings": False,
    "mlm_head_transform": True,
}


def recognises(config: Mapping[str, Any], read_file: ReadFile) -> bool:
    """Whether an upstream config.json belongs to a GPN for single sequences or to BEND's ResNet-LM, a GPN too."""
    kind = config.get("model_type")
    return (kind == "ConvNet" and "n_layers" in config) or (kind == "GPN" and "num_hidden_layers" in config)


def translate(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `GpnConfig` for an upstream config.json.

    Raises:
        ValueError: an unknown key, or a value that requests a computation this family does not have.
    """
    if "n_layers" in config:
        arguments = translated(
            config,
            title="GPN",
            kept=(*_KEPT, *_FIRST),
            required=_REQUIRED,
            ignored=_IGNORED | {"tie_word_embeddings"},
            defaults=_FIRST_DEFAULTS,
            needed=("vocab_size", "hidden_size", *_FIRST),
        )
        arguments = {_FIRST.get(key, key): value for key, value in arguments.items()}
        arguments |= {"rest_kernel_size": arguments["first_kernel_size"], "block": "post_norm"}
        return _with_dropout(arguments)
    arguments = translated(
        config,
        title="GPN",
        kept=_LATER_KEPT,
        required=_LATER_REQUIRED,
        ignored=_LATER_IGNORED,
        defaults=_LATER_DEFAULTS,
        needed=("vocab_size", "hidden_size", "num_hidden_layers"),
    )
    if arguments["encoder"] != "bytenet":
        arguments["slim"] = False  # upstream ignores it
    block, learned = _BLOCKS[arguments.pop("encoder")], _EMBEDDINGS[arguments.pop("embedding")]
    return _with_dropout(arguments | {"block": block, "learned_embedding": learned})


def _with_dropout(arguments: dict[str, Any]) -> dict[str, Any]:
    """Upstream has one rate: for the task heads, and in one kind of layers also for the layers."""
    rate = arguments["hidden_dropout_prob"]
    in_layers = rate if arguments["block"] == "pre_norm" else 0.0
    return arguments | {"hidden_dropout_prob": in_layers, "classifier_dropout": rate}


_BRASSICALES: dict[str, Any] = {
    "architectures": ["ConvNetForMaskedLM"],
    "dilation_cycle": 6,
    "dilation_double_every": 1,
    "dilation_max": 32,
    "hidden_size": 512,
    "initializer_range": 0.02,
    "kernel_size": 9,
    "model_type": "ConvNet",
    "n_layers": 25,
    "vocab_size": 7,
}

GPN = Passport(
    family="gpn",
    title="GPN",
    config_class="configuration_gpn.GpnConfig",
    tokenizer_class="tokenization_nucleotide.NucleotideTokenizer",
    recognises=recognises,
    translate=translate,
    head_fields=(*HEAD_FIELDS, "regression_softplus"),
    sequence_output="out_proj.",
    # The linear maps of the three kinds of layers. PEFT's adapters of convolutions lose the dilation.
    lora_targets=r".*encoder\.(\d+\.ffn\.0|layer\.\d+\.(conv\.5|ffn\.[13]|layer\.(2|10)))",
    tokenizer_files=("tokenizer.json", "tokenizer_config.json"),
    licence="mit",
    differences=(
        "Padding, on either side or inside a sequence, has no effect: the convolutions treat it like the space beyond "
        "the ends of a sequence. The official code reads padding tokens like letters and ignores the mask.",
        "The sequence head averages over real tokens only; the maximum is available too (`classifier_pooling`).",
        "The token head has one output per label and uses the cross entropy. Its weights have their own name "
        "(`token_classifier`), so no other head loads into it.",
        "The losses are those of transformers: the official code's weights for soft-masked letters are not used.",
        "Only letters are read: no auxiliary features, no alignments (GPN-MSA), no RoFormer encoder. A config that "
        "requests them is refused.",
        "Outputs include the hidden states of every layer; gradient checkpointing and bfloat16 work.",
    ),
    reads_lower_case=True,
    reading=(
        "Each of A, C, G and T, in lower or upper case, is one token. White space is ignored; every other character "
        "(`N`, IUPAC codes, U, gaps) is `[UNK]`."
    ),
    added_tokens="",
    special_tokens=0,
    limited=False,
    checkpoints=(
        Checkpoint(
            hub_id="songlab/gpn-brassicales",
            revision=None,
            config=_BRASSICALES,
            config_checked=False,
            parameters=65_880_071,
            k=1,
            context_tokens=None,
            trained_on="genomes of Arabidopsis thaliana and seven other Brassicales, in windows of 512 bp",
            citation=GPN_CITATION,
        ),
        Checkpoint(
            hub_id="songlab/deprecated-gpn-arabidopsis",
            revision=None,
            config=_BRASSICALES | {"n_layers": 30},
            config_checked=False,
            parameters=79_002_631,
            k=1,
            context_tokens=None,
            trained_on="the genome of Arabidopsis thaliana, in windows of 512 bp",
            citation=GPN_CITATION,
        ),
        Checkpoint(
            hub_id="songlab/gpn-animal-promoter",
            revision=None,
            config={
                "architectures": ["GPNForMaskedLM"],
                "bias": False,
                "embedding": "embedding",
                "encoder": "bytenet",
                "hidden_size": 1024,
                "mlm_head_transform": False,
                "model_type": "GPN",
                "num_hidden_layers": 64,
                "slim": True,
                "vocab_size": 7,
            },
            config_checked=False,
            parameters=152_189_952,
            k=1,
            context_tokens=None,
            trained_on="promoters of animal genomes, in windows of 512 bp",
            citation=TRAITGYM_CITATION,
        ),
        Checkpoint(
            hub_id="bend-resnet-lm",
            revision=None,
            config=_BRASSICALES | {"hidden_size": 256, "n_layers": 30},
            config_checked=False,
            parameters=19_774_983,
            k=1,
            context_tokens=None,
            trained_on="DNA as described in the paper cited below, in which this model is a baseline",
            citation=BEND_CITATION,
            download=f"{BEND_FILES}/convnet",
            licence="bsd-3-clause",
        ),
    ),
)
