"""The checks, a function each: what was compared, the figure, and whether it holds."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch

from hf_dnalm.checkpoints import Passport
from hf_dnalm.checkpoints.references import LogitsReference, Reference, VectorReference
from hf_dnalm.inference.embeddings import pool
from hf_dnalm.sequence import reverse_complement
from hf_dnalm.tokenization.vocabulary_fit import vocabulary_mismatch

Outcome = Literal["ok", "FAILED", "refused", "none", "not run"]

# A difference is given as a share of the largest number that was compared: hidden states of the large models reach into
# the hundreds. Sums of float32 in another order differ by 1e-6 to 6e-6 of it (random weights in the shape of Nucleotide
# Transformer v2 50M, with standard deviations of 0.02 and 0.1); one padding token read like DNA makes 0.07 to 0.5.
TOLERANCE = 1e-4

_PROBES_BP = (97, 50, 17)  # no multiple of any k, so that k-mer tokenizers end on single letters
_SPECIAL = ("pad", "mask", "cls", "sep", "unk", "bos", "eos")


@dataclass(frozen=True)
class Check:
    """One line of a verification.

    Attributes:
        name: of the check.
        outcome: "ok" or "FAILED"; "refused": the family refuses such input with an error; "none": there is nothing to
            compare; "not run": an earlier check failed, without which this one says nothing.
        compared: what was compared, in words.
        figure: what was seen, in words.
        value: the number behind it, where it is one; None also for a number that is not finite.
        tolerance: the largest value that passes, where there is one.
        details: what is too long for a table, a sentence or a name each.
    """

    name: str
    outcome: Outcome
    compared: str
    figure: str
    value: float | None = None
    tolerance: float | None = None
    details: tuple[str, ...] = ()


class Subject(NamedTuple):
    """A loaded checkpoint."""

    model: Any
    tokenizer: Any
    passport: Passport

    @property
    def probes(self) -> list[str]:
        """DNA of mixed lengths that the model reads; the same letters each time."""
        return probes(self.passport, self.model.config)


class Outputs(NamedTuple):
    """What a model gives for a batch: float32, a list item for each sequence, padding left out."""

    hidden: list[torch.Tensor]  # (n, h)
    logits: list[torch.Tensor] | None  # (n, v), or (labels,) of a model that answers for whole sequences


def probes(passport: Passport, config: Any) -> list[str]:
    """Sequences of mixed lengths, as random as they are fixed, within what the model reads."""
    longest = _PROBES_BP[0]
    limit = passport.context_tokens(config) if passport.limited else None
    if limit is not None:
        longest = max(min(longest, limit - passport.special_tokens), 1)  # a token is a base or more
    letters = random.Random(0)
    return ["".join(letters.choices("ACGT", k=max(bp * longest // _PROBES_BP[0], 1))) for bp in _PROBES_BP]


WEIGHTS = "stored tensors with the model's"


def check_weights(subject: Subject, auto_class: str, stored: Collection[str] | None) -> Check:
    """What strict loading accepted: all tensors except those that the passport declares as unused."""
    model, passport = subject.model, subject.passport
    prefix = f"{model.base_model_prefix}."
    own = {name.removeprefix(prefix) for name in model.state_dict()}
    patterns = (*passport.unused_keys(model.config), *(copy for copy, _ in passport.copies))
    declared = "|".join(f"(?:{pattern})" for pattern in patterns)
    heads = tuple(head for other, head in passport.heads.items() if other != auto_class)
    unread = sorted(
        name
        for name in stored or ()
        if name.removeprefix(prefix) not in own and (re.fullmatch(declared, name) or name.startswith(heads))
    )
    figure = f"{len(own if stored is None else stored)} tensors, none missing, none left over"
    if not unread:
        return Check("weights", "ok", WEIGHTS, figure)
    kinds = dict.fromkeys(re.sub(r"\d+", "*", name) for name in unread)  # a layer's name stands for those of all
    details = tuple(f"never read, as this family declares: {kind}" for kind in kinds)
    return Check("weights", "ok", WEIGHTS, f"{figure}, {len(unread)} never read", details=details)


TOKENIZER = "ids and special ids with the config, bases there and back"


def check_tokenizer(tokenizer: Any, passport: Passport, config: Any) -> Check:
    """Whether tokenizer and model belong together: ids, special ids, and bases that come back as they went in."""
    problems = [
        *vocabulary_mismatch(tokenizer, config.vocab_size),
        *_special_ids_apart(tokenizer, config),
        *_bases_lost(tokenizer, passport, probes(passport, config)[0]),
    ]
    return Check(
        "tokenizer",
        "FAILED" if problems else "ok",
        TOKENIZER,
        f"{len(tokenizer):,} tokens for {config.vocab_size:,} rows of the embedding",
        details=tuple(problems),
    )


def _special_ids_apart(tokenizer: Any, config: Any) -> list[str]:
    problems = []
    for name in _SPECIAL:
        stated, own = getattr(config, f"{name}_token_id", None), getattr(tokenizer, f"{name}_token_id")
        if stated is not None and own is not None and own != stated:
            problems.append(f"{name}_token_id is {stated} in the config and {own} in the tokenizer")
    return problems


def _bases_lost(tokenizer: Any, passport: Passport, sequence: str) -> list[str]:
    """Whether the tokens of a sequence cover it base for base and spell its letters."""
    if not tokenizer.is_fast:
        return [f"{type(tokenizer).__name__} does not say which bases a token stands for"]
    encoding = tokenizer(sequence, return_offsets_mapping=True, return_special_tokens_mask=True)
    words = tokenizer.convert_ids_to_tokens(encoding["input_ids"])
    inner = zip(words, encoding["offset_mapping"], encoding["special_tokens_mask"], strict=True)
    tokens = [(word, start, end) for word, (start, end), special in inner if not special]
    covered = 0
    for number, (word, start, end) in enumerate(tokens):
        spelled = sequence[number : number + len(word)] if passport.overlapping else sequence[start:end]
        if start != covered or word.upper() != spelled:
            return [f"of {sequence[:24]}… base {covered + 1:,} comes back as {word!r} at bases {start + 1} to {end}"]
        covered = end
    return [] if covered == len(sequence) else [f"of {len(sequence)} bases only {covered} come back"]


def run(subject: Subject, sequences: Sequence[str], **options: Any) -> Outputs:
    """The last hidden states and the logits of sequences, in one batch.

    Args:
        options: for the tokenizer.
    """
    batch = subject.tokenizer(list(sequences), return_tensors="pt", return_attention_mask=True, **options)
    with torch.inference_mode():
        outputs = subject.model(**batch, output_hidden_states=True)
    real = batch["attention_mask"].bool()
    hidden = [row[mask] for row, mask in zip(outputs.hidden_states[-1].float(), real, strict=True)]
    logits = outputs.get("logits")
    if logits is None:
        return Outputs(hidden, None)
    by_token = logits.dim() == 3
    rows = zip(logits.float(), real, strict=True)
    return Outputs(hidden, [row[mask] if by_token else row for row, mask in rows])


def check_finite(subject: Subject) -> Check:
    """Whether weights, hidden states and logits are numbers."""
    outputs = run(subject, subject.probes, padding=True, padding_side="right")
    kinds = {"weights": list(subject.model.parameters()), "hidden states": outputs.hidden, "logits": outputs.logits}
    present = {kind: tensors for kind, tensors in kinds.items() if tensors is not None}
    broken = {
        kind: count
        for kind, tensors in present.items()
        if (count := sum(int((~torch.isfinite(each)).sum()) for each in tensors))
    }
    if broken:
        figure = ", ".join(f"{count:,} {kind} are not finite" for kind, count in broken.items())
    else:
        figure = ", ".join(f"{kind} to {_largest(tensors):.3g}" for kind, tensors in present.items())
    return Check("finite values", "FAILED" if broken else "ok", ", ".join(present), figure)


def check_padding(subject: Subject, side: Literal["right", "left"]) -> Check:
    """Whether a sequence gives in a padded batch what it gives alone."""
    name = "batch and singles" if side == "right" else "left padding"
    lengths = " and ".join(str(len(sequence)) for sequence in subject.probes)
    compared = f"{lengths} bp alone and in a batch padded on the {side}"
    try:
        batch = run(subject, subject.probes, padding=True, padding_side=side)
    except ValueError as error:
        if side == "right":
            raise
        return Check(name, "refused", compared, "an error", details=(" ".join(str(error).split()),))
    singles = [run(subject, [sequence]) for sequence in subject.probes]
    hidden = _apart(batch.hidden, [single.hidden[0] for single in singles])
    logits = 0.0
    if batch.logits is not None:
        logits = _apart(batch.logits, [single.logits[0] for single in singles if single.logits is not None])
    return _difference(name, compared, hidden, logits)


def check_reverse_complement(subject: Subject) -> Check:
    """Whether the other strand gives the same vectors, turned around, where the family is built so."""
    name, compared = "reverse complement", "vectors of both strands, turned around"
    if not subject.passport.equivariant(subject.model.config):
        return Check(name, "none", compared, "not built to read both strands alike")
    sequence = subject.probes[0]
    here, there = (
        run(subject, [strand], add_special_tokens=False) for strand in (sequence, reverse_complement(sequence))
    )
    hidden = _apart([there.hidden[0].flip((0, 1))], [here.hidden[0]])
    if here.logits is None or there.logits is None or here.logits[0].dim() == 1:
        return _difference(name, compared, hidden, 0.0)
    letters, opposite = ([_id_of(subject.tokenizer, letter) for letter in word] for word in ("ACGT", "TGCA"))
    logits = _apart([there.logits[0].flip(0)[:, opposite]], [here.logits[0][:, letters]])
    return _difference(name, f"{compared}, and the logits of the opposite letters", hidden, logits)


def check_reference(subject: Subject, reference: Reference) -> Check:
    """Whether the model gives the numbers that others published."""
    match reference:
        case VectorReference():
            numbers = _vector(subject, reference)
            what = f"the first {len(reference.numbers)} numbers of the {reference.pooling} vector"
        case LogitsReference():
            numbers = _masked_logits(subject, reference)
            what = f"logits of {', '.join(reference.letters)} where base {reference.masked + 1:,} is masked"
    expected = torch.tensor(reference.numbers)
    value = float((numbers - expected).abs().max())
    return Check(
        "published numbers",
        "ok" if value <= reference.tolerance else "FAILED",
        f"{what}, of {len(reference.sequence):,} bp",
        f"apart by {value:.1e} (at most {reference.tolerance:g})",
        _finite(value),
        reference.tolerance,
        (f"published in {reference.source}",),
    )


def _vector(subject: Subject, reference: VectorReference) -> torch.Tensor:
    batch = subject.tokenizer([reference.sequence], return_tensors="pt", return_attention_mask=True)
    with torch.inference_mode():
        states = subject.model(**batch, output_hidden_states=True).hidden_states[reference.layer]
    return pool(states, batch["attention_mask"], reference.pooling)[0, : len(reference.numbers)]  # type: ignore[arg-type]


def _masked_logits(subject: Subject, reference: LogitsReference) -> torch.Tensor:
    batch = subject.tokenizer([reference.sequence], return_tensors="pt", return_offsets_mapping=True)
    starts, ends = batch.pop("offset_mapping")[0].T
    (place,) = ((starts <= reference.masked) & (reference.masked < ends)).nonzero()[0].tolist()
    batch["input_ids"][0, place] = subject.tokenizer.mask_token_id
    letters = [_id_of(subject.tokenizer, letter) for letter in reference.letters]
    with torch.inference_mode():
        return subject.model(**batch).logits[0, place, letters].float()


def _id_of(tokenizer: Any, letter: str) -> int:
    (number,) = tokenizer(letter, add_special_tokens=False)["input_ids"]
    return number


def _difference(name: str, compared: str, hidden: float, logits: float) -> Check:
    value = float(torch.tensor([hidden, logits]).max())  # unlike max() it hands a NaN on
    return Check(
        name,
        "ok" if value <= TOLERANCE else "FAILED",
        compared,
        f"apart by {value:.1e} of the largest number (at most {TOLERANCE:g})",
        _finite(value),
        TOLERANCE,
    )


def _apart(ones: Sequence[torch.Tensor], others: Sequence[torch.Tensor]) -> float:
    """The largest difference, as a share of the largest number."""
    apart = torch.stack([(one - other).abs().max() for one, other in zip(ones, others, strict=True)]).max()
    return float(apart) / max(_largest(others), torch.finfo(torch.float32).tiny)


def _largest(tensors: Sequence[torch.Tensor]) -> float:
    return max(float(each.detach().abs().max()) for each in tensors)


def _finite(value: float) -> float | None:
    return value if value < float("inf") else None
