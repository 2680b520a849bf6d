"""Definitions of model families and their published checkpoints: plain data without torch, classes by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Returns the text of one small file next to config.json (a vocabulary, say), or None if there is no such file.
ReadFile = Callable[[str], str | None]


def in_millions(parameters: int) -> str:
    """A number of parameters as tables show it.

    >>> in_millions(54_911_234), in_millions(34_112)
    ('54.9 M', '0.03 M')
    """
    return f"{parameters / 1e6:,.{1 if parameters >= 100_000 else 2}f} M"


SEQUENCE, TOKEN = "AutoModelForSequenceClassification", "AutoModelForTokenClassification"
# The ends of `reading` for tokenizers to which lower case, or also IUPAC codes, are unknown.
GENOME_MODE = (
    " Pass `genome_mode=True` to hf_dnalm's `AutoTokenizer.from_pretrained` to read lower case as upper case and IUPAC "
    "codes as `N`."
)
UPPER_CASE = " Pass `genome_mode=True` to hf_dnalm's `AutoTokenizer.from_pretrained` to read lower case as upper case."
HEAD_FIELDS = ("id2label", "label2id", "num_labels", "problem_type", "classifier_pooling", "classifier_dropout")


@dataclass(frozen=True)
class Checkpoint:
    """One published checkpoint.

    Attributes:
        hub_id: its repository on the Hub; for files hosted elsewhere, the name that this package gives the checkpoint.
        revision: the commit that was checked (a short hash); None if no commit was checked: the main branch is used.
        config: the relevant fields of its config.json, as upstream writes them.
        config_checked: whether `config` was compared with the published file; False if it follows the authors' code
            alone.
        parameters: number of parameters of our model of `auto_class`, without tensors that upstream stores and never
            uses.
        k: nucleotides in one full token; None if tokens differ in length.
        context_tokens: the longest input in tokens, special tokens included. For models without a limit, the longest
            input of pre-training, or None if that is not known.
        trained_on: the pre-training data, in words.
        citation: BibTeX.
        auto_class: the Auto class that loads all its weights.
        special_tokens: special tokens within `context_tokens`; None if as many as the tokenizer adds.
        download: the address of its files if they are not on the Hub; they are loaded from a local folder.
        licence: of its weights, if different from the family's.
        branches: revisions of the same repository with a trained task head, and what each predicts.
    """

    hub_id: str
    revision: str | None
    config: Mapping[str, Any]
    config_checked: bool
    parameters: int
    k: int | None
    context_tokens: int | None
    trained_on: str
    citation: str
    auto_class: str = "AutoModelForMaskedLM"
    special_tokens: int | None = None
    download: str | None = None
    licence: str | None = None
    branches: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The Hub id without its owner."""
        return self.hub_id.rpartition("/")[2]


@dataclass(frozen=True)
class Passport:
    """Passport: the definition of a model family, from recognising its config.json to the text of its model cards.

    Attributes:
        family: the value of `family="…"`; also the ending of the file names, and of the model type of our configs.
        title: the name in running text.
        config_class: "module.Class" in `hf_dnalm.modeling`; that module's AUTO_MAP names the model classes.
        tokenizer_class: "module.Class" in `hf_dnalm.tokenization`.
        recognises: whether an upstream config.json, together with the files next to it, belongs to this family.
        translate: upstream config.json to the arguments of our config class; raises ValueError for unknown contents.
        lora_targets: the layers that low-rank adapters train by default: ends of names, or one pattern of whole names.
        licence: of the published weights.
        differences: differences between our classes and the official code, for the model cards.
        reading: how the tokenizer splits a sequence, for the model cards; {words} stands for "6-mers".
        checkpoints: the published ones.
        context_tokens: the longest input in tokens (as in `Checkpoint`), from our own config; None if the config does
            not state it.
        unused_keys: patterns (full match) of tensors that upstream stores and never uses, from our own config.
        heads: Auto class to the prefix of its head's parameters.
        sequence_output: the last layer of the sequence head, as it follows the prefix; "" if the head is one layer.
        head_fields: config fields that describe a task head; adapters save them.
        tokenizer_files: the files in which upstream keeps its vocabulary.
        added_tokens: the special tokens around a sequence, for the model cards.
        special_tokens: how many special tokens the tokenizer adds to a sequence.
        limited: whether the context is a limit; False if longer sequences are accepted too.
        reads_lower_case: whether the published tokenizer treats lower case as upper case; otherwise lower case is
            unknown to it.
        overlapping: whether a token starts at every base; otherwise each token starts where the previous one ends.
        copies: (pattern, name of the first) of tensors that upstream may store a second time, as in `re.sub`; both
            copies must be equal.
        poolers: modules of the body that only a sequence head uses. If the weights hold none, they are randomly
            initialised together with that head; adapters train and save them with it.
        equivariant: whether the hidden states of the reverse complement are those of the sequence, reversed along the
            sequence and along the hidden size (so that its two halves change places), from our own config.
        upstream_classes: official class to our Auto class for its weights, if `architectures` names the class.
        renamed_keys: from an upstream config.json, patterns of its tensor names to our names, for heads whose names
            clash.
        lightning_file: a checkpoint of PyTorch Lightning, which transformers cannot read, if upstream published one.
        lightning_keys: patterns of the tensor names in it to our names, applied in order as in `re.sub`.
    """

    family: str
    title: str
    config_class: str
    tokenizer_class: str
    recognises: Callable[[Mapping[str, Any], ReadFile], bool]
    translate: Callable[[Mapping[str, Any]], dict[str, Any]]
    lora_targets: tuple[str, ...] | str
    licence: str
    differences: tuple[str, ...]
    reading: str
    checkpoints: tuple[Checkpoint, ...]
    context_tokens: Callable[[Any], int | None] = lambda config: getattr(config, "max_position_embeddings", None)
    unused_keys: Callable[[Any], tuple[str, ...]] = lambda config: ()
    heads: Mapping[str, str] = field(
        default_factory=lambda: {
            "AutoModelForMaskedLM": "cls.",
            SEQUENCE: "classifier.",
            TOKEN: "token_classifier.",
        }
    )
    sequence_output: str = ""
    head_fields: tuple[str, ...] = HEAD_FIELDS
    tokenizer_files: tuple[str, ...] = ("tokenizer.json",)
    added_tokens: str = "`[CLS]` and `[SEP]`"
    special_tokens: int = 2
    limited: bool = True
    reads_lower_case: bool = False
    overlapping: bool = False
    copies: tuple[tuple[str, str], ...] = ()
    poolers: tuple[str, ...] = ()
    equivariant: Callable[[Any], bool] = lambda config: False
    upstream_classes: Mapping[str, str] = field(default_factory=dict)
    renamed_keys: Callable[[Mapping[str, Any]], dict[str, str]] = lambda config: {}
    lightning_file: str | None = None
    lightning_keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def model_type(self) -> str:
        """The model type of our own configs, which is never an upstream one."""
        return f"dnalm_{self.family}"

    @property
    def is_causal(self) -> bool:
        """Whether the language model predicts the next token; otherwise it predicts masked tokens."""
        return "AutoModelForCausalLM" in self.heads

    @property
    def new_heads(self) -> tuple[str, ...]:
        """The Auto classes whose head may be randomly initialised."""
        return (SEQUENCE, TOKEN)

    @property
    def label_weights(self) -> dict[str, str]:
        """Auto class to the weight of its head whose first size is the number of labels."""
        return {
            SEQUENCE: f"{self.heads[SEQUENCE]}{self.sequence_output}weight",
            TOKEN: f"{self.heads[TOKEN]}weight",
        }

    def licence_of(self, checkpoint: Checkpoint) -> str:
        """The licence of a checkpoint's weights."""
        return checkpoint.licence or self.licence

    def vocabulary_of(self, checkpoint: Checkpoint) -> int:
        """Rows of a checkpoint's token embedding."""
        return self.translate(checkpoint.config)["vocab_size"]

    def words(self, k: int | None) -> str:
        """The kind of a checkpoint's tokens, in a few words."""
        if k is None:
            return "byte pairs"
        if k == 1:
            return "single nucleotides"
        return f"{'overlapping' if self.overlapping else 'non-overlapping'} {k}-mers"

    def bp_of(self, tokens: int | None, k: int | None) -> int | None:
        """The most bp that this many tokens cover, special tokens included. None without a k."""
        if tokens is None or k is None:
            return None
        full = tokens - self.special_tokens
        return full + k - 1 if self.overlapping else full * k

    def context_bp(self, checkpoint: Checkpoint) -> int | None:
        """The longest input of a checkpoint in bp. None without a k."""
        if checkpoint.context_tokens is None or checkpoint.special_tokens is None:
            return self.bp_of(checkpoint.context_tokens, checkpoint.k)
        return self.bp_of(checkpoint.context_tokens + self.special_tokens - checkpoint.special_tokens, checkpoint.k)
