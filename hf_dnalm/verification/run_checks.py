"""Load a checkpoint and check that it is complete, sound, and identical to the published one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch

from hf_dnalm import auto
from hf_dnalm.checkpoints import find_checkpoint
from hf_dnalm.checkpoints.references import Reference, references_of
from hf_dnalm.source import HUB_ARGUMENTS, Source
from hf_dnalm.verification.checks import (
    TOKENIZER,
    WEIGHTS,
    Check,
    Subject,
    check_finite,
    check_padding,
    check_reference,
    check_reverse_complement,
    check_tokenizer,
    check_weights,
)


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes:
        source: the folder or Hub id.
        family: of its passport.
        auto_class: the Auto class that takes all its weights, with which it was loaded.
        parameters: number of weights; None where they do not load.
        revision: the commit that was read; None of a folder, and where none is pinned or asked for.
        checks: in the order in which they were made.
    """

    source: str
    family: str
    auto_class: str
    parameters: int | None
    revision: str | None
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not any(check.outcome == "FAILED" for check in self.checks)


def verify(
    source: str | os.PathLike[str],
    *,
    family: str | None = None,
    published: str | None = None,
    **arguments: Any,
) -> Verification:
    """Check a checkpoint in float32 on the CPU with short sequences; a model that fits into memory takes seconds.

    The checks: all tensors have their place; weights, hidden states and logits are finite; a padded batch gives what
    each sequence gives alone, padding on the right and on the left; tokenizer and model belong together; a model that
    reads both strands alike does so; published numbers come out, where some are known for this checkpoint.

    Args:
        source: a folder or Hub id: an upstream checkpoint, an export, a fine-tuned model or an adapter.
        family: read it as this family, whatever its config.json says.
        published: the Hub id of the published checkpoint that a folder is a copy of; its published numbers are
            compared. Not needed for a Hub id. Nothing is compared for a revision that is named in `arguments`.
        arguments: handed to the Auto class, such as `revision`, `token` or `attn_implementation`.

    Raises:
        OSError: there is no such folder or repository, or a file is missing.
        ValueError: the source is of no family of this package, its config.json asks for what its family does not have,
            or `published` is not known.
    """
    if published is not None and find_checkpoint(published) is None:
        raise ValueError(f"{published!r} is no published checkpoint that this package knows; `dnalm list` shows them.")
    place = Source.of(source, arguments)
    whole = auto.whole_of(place, family)
    if whole is None:
        raise ValueError(f"{place.name} is of no family of this package, whose checkpoints alone can be verified.")
    passport = whole.found.passport
    config = whole.found.config(place.name)
    tokenizer, checks = None, []
    try:
        tokenizer = auto.AutoTokenizer.from_pretrained(
            place.name, **{name: arguments[name] for name in HUB_ARGUMENTS if name in arguments}
        )
        checks.append(check_tokenizer(tokenizer, passport, config))
    except ValueError as error:  # a file is missing or damaged, or it is another model's
        checks.append(Check("tokenizer", "FAILED", TOKENIZER, "an error", details=(" ".join(str(error).split()),)))
    door = getattr(auto, whole.auto_class)
    parameters = None
    try:
        model = door.from_pretrained(place.name, **{"family": family, "dtype": torch.float32} | arguments)
    except ValueError as error:  # config.json and tokenizer could be read: it is the weights that do not fit
        checks.append(Check("weights", "FAILED", WEIGHTS, "an error", details=(" ".join(str(error).split()),)))
    else:
        subject = Subject(model, tokenizer, passport)
        parameters = model.num_parameters()
        checks.append(check_weights(subject, whole.auto_class, whole.stored))
        if checks[0].outcome == "ok":
            references = () if "revision" in arguments else references_of(published or place.name)
            checks += run_model(subject, references)
    if len(checks) == 2:
        checks.append(Check("numbers", "not run", "what the model computes", "a check before failed"))
    return Verification(
        place.name, passport.family, whole.auto_class, parameters, place.hub.get("revision"), tuple(checks)
    )


def run_model(subject: Subject, references: tuple[Reference, ...]) -> list[Check]:
    """The checks of what a model computes."""
    checks = [
        check_finite(subject),
        check_padding(subject, "right"),
        check_padding(subject, "left"),
        check_reverse_complement(subject),
        *(check_reference(subject, reference) for reference in references),
    ]
    if not references:
        checks.append(
            Check("published numbers", "none", "numbers that others published", "none are known for this checkpoint")
        )
    return checks
