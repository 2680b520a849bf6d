"""What is known about a family and its published checkpoints: plain data, no torch, classes by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

# Reads one small text file that lies beside config.json (a vocabulary, say); None where there is no such file.
ReadFile = Callable[[str], str | None]


def in_millions(parameters: int) -> str:
    """How tables show a number of parameters.

    >>> in_millions(54_911_234), in_millions(34_112)
    ('54.9 M', '0.03 M')
    """
    return f"{parameters / 1e6:,.{1 if parameters >= 100_000 else 2}f} M"


@dataclass(frozen=True)
class Checkpoint:
    """One published checkpoint.

    Attributes:
        hub_id: its repository on the Hub; of one that lies elsewhere, the name that this package gives it.
        revision: the commit that was checked (a short hash); None where none was: then the main branch is read.
        config: the fields of its config.json that matter, as upstream writes them.
        config_checked: whether `config` equals the published file's; False where it follows the authors' code alone.
        parameters: of our model of `auto_class`. Tensors that upstream stores and never uses are not counted.
        k: nucleotides in one full token; None where tokens differ in length.
        context_tokens: the longest input in tokens, special tokens counted; where nothing limits it, the longest of
            pre-training, or None where that is not known.
        trained_on: what the pre-training data were, in words.
        citation: BibTeX.
        auto_class: the Auto class that takes all its weights.
        special_tokens: how many stood around the sequences of its context, where not as many as the tokenizer sets.
        download: the address under which its files lie, where that is not the Hub: they are loaded from a folder.
        licence: of its weights, where that is not the family's.
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
    """One family: how to recognise it, how to read it, what to know about it.

    Attributes:
        family: the name that `family="…"` takes.
        model_type: of our own configs, never an upstream one.
        config_class: "module.Class" in `hf_dnalm.modeling`; that module's AUTO_MAP names the model classes.
        tokenizer_class: "module.Class" in `hf_dnalm.tokenization`.
        recognises: whether an upstream config.json (and the files beside it) is of this family.
        translate: upstream config.json to the arguments of our config class; raises ValueError for what it can't say.
        context_tokens: the longest input in tokens (as in `Checkpoint`), from the fields of our own config; None where
            they do not say.
        unused_keys: patterns (full match) of tensors that upstream stores and never uses, from our own config.
        heads: Auto class to the prefix of its head's parameters.
        new_heads: the Auto classes whose head may start untrained.
        head_fields: config fields that describe a task head, which an adapter brings along.
        label_weights: Auto class to the weight of its head whose first size is the number of labels.
        lora_targets: the layers that low-rank adapters train by default: ends of names, or one pattern of whole names.
        tokenizer_files: the files in which upstream keeps its vocabulary.
        differences: where our classes differ from the official code, for the model cards.
        reading: what the tokenizer makes of letters, for the model cards; {words} stands for "6-mers".
        added_tokens: the special tokens around a sequence, for the model cards.
        limited: whether the context is a limit; False where longer sequences are read too.
        special_tokens: how many the tokenizer sets around a sequence.
        reads_lower_case: whether the published tokenizer reads lower case as upper case; else it is unknown to it.
        overlapping: whether a token starts at every base; else each starts where the one before ends.
        copies: (pattern, name of the first) of tensors that upstream may store a second time, as in `re.sub`; both must
            be equal.
        poolers: modules of the body that only a sequence head reads. Where the weights hold none they start untrained
            together with that head; adapters train and save them with it.
        equivariant: whether the hidden states of the other strand are those of a sequence, turned around along the
            sequence and along the hidden size (so that its two halves change places), from our own config.
        upstream_classes: official class to the Auto class of ours that takes its weights, where `architectures` tells.
        renamed_keys: from an upstream config.json, patterns of its tensors' names to ours, where one of its heads bears
            the name of another.
        lightning_file: a file of weights that transformers does not read, where upstream published one: a checkpoint of
            PyTorch Lightning.
        lightning_keys: patterns of the tensor names in it to ours, as in `re.sub`, one after another.
    """

    family: str
    title: str
    model_type: str
    config_class: str
    tokenizer_class: str
    recognises: Callable[[Mapping[str, Any], ReadFile], bool]
    translate: Callable[[Mapping[str, Any]], dict[str, Any]]
    context_tokens: Callable[[Any], int | None]
    unused_keys: Callable[[Any], tuple[str, ...]]
    heads: Mapping[str, str]
    new_heads: tuple[str, ...]
    head_fields: tuple[str, ...]
    label_weights: Mapping[str, str]
    lora_targets: tuple[str, ...] | str
    tokenizer_files: tuple[str, ...]
    licence: str
    differences: tuple[str, ...]
    reading: str
    added_tokens: str
    checkpoints: tuple[Checkpoint, ...]
    limited: bool = True
    copies: tuple[tuple[str, str], ...] = ()
    poolers: tuple[str, ...] = ()
    special_tokens: int = 2
    reads_lower_case: bool = False
    overlapping: bool = False
    equivariant: Callable[[Any], bool] = lambda config: False
    upstream_classes: Mapping[str, str] = field(default_factory=dict)
    renamed_keys: Callable[[Mapping[str, Any]], dict[str, str]] = lambda config: {}
    lightning_file: str | None = None
    lightning_keys: Mapping[str, str] = field(default_factory=dict)

    def licence_of(self, checkpoint: Checkpoint) -> str:
        """The licence of a checkpoint's weights."""
        return checkpoint.licence or self.licence

    def vocabulary_of(self, checkpoint: Checkpoint) -> int:
        """How many tokens the embedding of a checkpoint has rows for."""
        return self.translate(checkpoint.config)["vocab_size"]

    def words(self, k: int | None) -> str:
        """What one token of a checkpoint is, in a few words."""
        if k is None:
            return "byte pairs"
        if k == 1:
            return "single nucleotides"
        return f"{'overlapping' if self.overlapping else 'non-overlapping'} {k}-mers"

    def bp_of(self, tokens: int | None, k: int | None) -> int | None:
        """The most bp that so many tokens cover, special tokens counted: every other one full. None without a k."""
        if tokens is None or k is None:
            return None
        full = tokens - self.special_tokens
        return full + k - 1 if self.overlapping else full * k

    def context_bp(self, checkpoint: Checkpoint) -> int | None:
        """The bp of a checkpoint's context. None without a k."""
        if checkpoint.context_tokens is None or checkpoint.special_tokens is None:
            return self.bp_of(checkpoint.context_tokens, checkpoint.k)
        return self.bp_of(checkpoint.context_tokens + self.special_tokens - checkpoint.special_tokens, checkpoint.k)
