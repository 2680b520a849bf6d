"""BEND's AWD-LSTM: definition of the family and its one published checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_dnalm.checkpoints.gpn import BEND_CITATION, BEND_FILES
from hf_dnalm.checkpoints.passport import Checkpoint, Passport, ReadFile
from hf_dnalm.checkpoints.translation import IGNORED, OF_EVERY_CONFIG, REQUIRED, translated

# Upstream's name of a size → ours. Its hidden_size is the width between two layers; a single layer does not use it.
_SIZES = {"input_size": "hidden_size", "hidden_size": "intermediate_size"}

_KEPT = (
    "vocab_size",
    "num_hidden_layers",
    *_SIZES,
    "input_dropout_prob",
    "hidden_dropout_prob",
    "dropout_prob",
    "weight_dropout_prob",
    "reset_token_id",
    "initializer_range",
    "num_labels",
    "id2label",
    "label2id",
    "problem_type",
    "output_hidden_states",
    "output_attentions",
)

_REQUIRED = REQUIRED | {"bidirectional": (False,), "batch_first": (True,), "tie_word_embeddings": (True,)}

# Penalties on the layers' outputs, which only the official training code uses, and a dropout that it never applies.
_IGNORED = IGNORED | OF_EVERY_CONFIG | {"alpha", "beta", "embedding_dropout_prob"}

# The defaults of upstream's config class for keys that config.json omits.
_DEFAULTS = {
    "num_hidden_layers": 1,
    "input_dropout_prob": 0.65,
    "hidden_dropout_prob": 0.3,
    "dropout_prob": 0.4,
    "weight_dropout_prob": 0.5,
    "initializer_range": 0.02,
}


def recognises(config: Mapping[str, Any], read_file: ReadFile) -> bool:
    """Whether an upstream config.json is of BEND's AWD-LSTM."""
    return config.get("model_type") == "AWDLSTM" and "input_size" in config


def translate(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `AwdLstmConfig` for an upstream config.json.

    Raises:
        ValueError: an unknown key, or a value that requests a computation this family does not have.
    """
    if config.get("weight_dropout_prob") == 0:
        raise ValueError(
            "config.json has weight_dropout_prob = 0; an AWD-LSTM needs more than 0: with 0, upstream stores the "
            "weights under other names."
        )
    arguments = translated(
        config,
        title="AWD-LSTM",
        kept=_KEPT,
        required=_REQUIRED,
        ignored=_IGNORED,
        defaults=_DEFAULTS,
        needed=("vocab_size", *_SIZES),
    )
    return {_SIZES.get(key, key): value for key, value in arguments.items()}


def unused_keys(config: Any) -> tuple[str, ...]:
    """The recurrent weights as last dropped out in training, and the state after the last training batch."""
    del config  # Unused.
    return (r"(encoder\.)?(encoder\.)?lstm\.\d+\.module\.h2h\.weight", r"last_(hidden|cell)_state_\d+")


AWD_LSTM = Passport(
    family="awd_lstm",
    title="AWD-LSTM",
    config_class="configuration_awd_lstm.AwdLstmConfig",
    tokenizer_class="tokenization_nucleotide.NucleotideTokenizer",
    recognises=recognises,
    translate=translate,
    unused_keys=unused_keys,
    heads={
        "AutoModelForCausalLM": "decoder.",
        "AutoModelForSequenceClassification": "classifier.",
        "AutoModelForTokenClassification": "token_classifier.",
    },
    lora_targets=("i2h",),
    tokenizer_files=("tokenizer.json", "tokenizer_config.json"),
    licence="bsd-3-clause",
    differences=(
        "Every call starts from a zero state. The official language model keeps the state of the previous call, so its "
        "output depends on earlier inputs; its inference class does not keep it.",
        "Padding is skipped, on either side and inside a sequence. The official code reads it like letters.",
        "Two kinds of tensors in the file are not used: the recurrent weights after the last dropout of training, and "
        "the state after the last training batch.",
        "If the config names a reset token, that token resets the state and its own vector is zero, as in the official "
        "code. There a reset token at the first position has no effect; `reset_after_first_token` changes that.",
        "The loss of the language model is the cross entropy. The official code adds penalties on the outputs, and in "
        "training applies dropout to the last layer twice.",
        "In the config, `hidden_size` is the official `input_size` (the width of inputs and outputs), and "
        "`intermediate_size` is the official `hidden_size`.",
        "There is no bidirectional variant. Sequences run through torch's own LSTM in float32, whatever the dtype of "
        "the weights.",
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
            hub_id="bend-awd-lstm",
            revision=None,
            config={
                "architectures": ["AWDLSTMForLM"],
                "hidden_size": 512,
                "input_size": 64,
                "model_type": "AWDLSTM",
                "num_hidden_layers": 1,
                "vocab_size": 7,
            },
            config_checked=False,
            parameters=33_735,
            k=1,
            context_tokens=None,
            trained_on="DNA as described in the paper cited below, in which this model is a baseline",
            citation=BEND_CITATION,
            auto_class="AutoModelForCausalLM",
            download=f"{BEND_FILES}/awd_lstm",
        ),
    ),
)
