"""BEND's AWD-LSTM: the one published checkpoint and how to read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_dnalm.checkpoints.gpn import BEND_CITATION, BEND_FILES
from hf_dnalm.checkpoints.passport import Checkpoint, Passport, ReadFile
from hf_dnalm.checkpoints.translation import IGNORED, OF_EVERY_CONFIG, REQUIRED, translated

# Upstream's name of a size → ours. Its hidden_size lies between two layers, and with a single layer nowhere.
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

# Penalties on what the layers put out, which only the official code's own training reads, and a dropout that it never
# applies.
_IGNORED = IGNORED | OF_EVERY_CONFIG | {"alpha", "beta", "embedding_dropout_prob"}

# What upstream's config class takes for a key that config.json leaves out.
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
        ValueError: a key that is not known, or a value that asks for a computation this family does not have.
    """
    if config.get("weight_dropout_prob") == 0:
        raise ValueError(
            "config.json has weight_dropout_prob = 0; an AWD-LSTM is read with more than 0 only: without it upstream "
            "stores the weights under other names."
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
    """The recurrent weights as training last dropped some of them, and the state that its last batch left behind."""
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
        "Every call starts from a state of zeros. The official language model keeps the state of the call before, so "
        "its numbers depend on what it read earlier; its class for inference does not.",
        "Padding, on either side or inside a sequence, is passed over. The official code reads it like letters.",
        "The file also holds the recurrent weights as training last dropped some of them, and the state of its last "
        "batch: neither is read.",
        "Where a config names a reset token, that token starts the state anew and its own vector is zero, as in the "
        "official code, where a first token that is one does nothing; `reset_after_first_token` undoes that.",
        "The loss of the language model is the cross entropy; the official code adds penalties on the outputs, and in "
        "training drops numbers of the last layer twice.",
        "In the config, `hidden_size` is the official `input_size`, the width of what goes in and comes out, and "
        "`intermediate_size` the official `hidden_size`.",
        "There is no bidirectional variant. The sequences are run by torch's own LSTM, in float32 whatever the number "
        "format of the weights.",
    ),
    reads_lower_case=True,
    reading=(
        "Each of A, C, G and T, in lower or upper case, is one token. White space is none; every other character "
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
            trained_on="DNA as the paper cited below describes it, where this model is a baseline",
            citation=BEND_CITATION,
            auto_class="AutoModelForCausalLM",
            download=f"{BEND_FILES}/awd_lstm",
        ),
    ),
)
