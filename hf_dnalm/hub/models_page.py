"""The page on all models, filled in from the passports: which there are, and for each family what to know of it."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from hf_dnalm.checkpoints import PASSPORTS, Checkpoint, Passport
from hf_dnalm.checkpoints.passport import in_millions

_WIDTH = 130
_HUB = "https://huggingface.co"

_ANSWERS = {
    "AutoModel": "vectors",
    "AutoModelForMaskedLM": "masked tokens",
    "AutoModelForCausalLM": "next tokens",
}
_OVERVIEW = ("checkpoint", "family", "trained on", "reads", "words", "parameters", "gives", "licence")
_INTRODUCTION = (
    "Every published checkpoint that hf_dnalm reads, with the numbers of its authors' code. The page is written from "
    "the table that loading itself uses (`make cards`), so it says what the package does."
)
_HOW_TO_CHOOSE = (
    "**trained on**: the genomes that it has seen.",
    "**reads**: the longest sequence in bp, or in tokens where tokens differ in length. *any* is no limit; in brackets "
    "stands the longest of pre-training.",
    "**words**: what one token is. Single nucleotides and overlapping k-mers stand for every base; non-overlapping "
    "k-mers and byte pairs read more bp with as many tokens, but an inserted base may shift all words behind it.",
    "**gives**: what it was trained to tell. Every model gives vectors (`embed`), and takes a new head for classes or "
    "values of sequences, tokens or nucleotides (`dnalm finetune`).",
    "**licence**: of the weights; it binds what you derive from them. *nc* means no commercial use. It is noted here "
    "as commonly given and was not checked against each repository, whose own page decides.",
    "**read at**, in the tables of the families: the commit that is read unless you pass `revision=…`. Where none is "
    "pinned, what the repository's main branch holds on that day is read; whether it is what is described here is seen "
    "when it is loaded, where no tensor may be missing or left over.",
)


def render_models_page(passports: Sequence[Passport] = PASSPORTS) -> str:
    """The page as docs/models.md holds it."""
    parts = [
        "# Models",
        _INTRODUCTION,
        "## All of them",
        _table(_OVERVIEW, map(_overview, _all(passports))),
        _bullets(_HOW_TO_CHOOSE),
        "`dnalm info ID` says what one costs in memory, `dnalm verify ID` loads it and checks it.",
        *(part for passport in passports for part in _family(passport)),
    ]
    return "\n\n".join(_wrapped(part) for part in parts) + "\n"


def write_models_page(path: str | os.PathLike[str], passports: Sequence[Passport] = PASSPORTS) -> Path:
    """Write the page; returns its path."""
    path = Path(path)
    path.write_text(render_models_page(passports), encoding="utf-8")
    return path


def _all(passports: Sequence[Passport]) -> Iterable[tuple[Passport, Checkpoint]]:
    return ((passport, checkpoint) for passport in passports for checkpoint in passport.checkpoints)


def _overview(known: tuple[Passport, Checkpoint]) -> tuple[str, ...]:
    passport, checkpoint = known
    return (
        f"[{checkpoint.name}]({_place(checkpoint)})",
        f"[{passport.title}](#{_anchor(passport.title)})",
        checkpoint.trained_on,
        _reads(passport, checkpoint),
        passport.words(checkpoint.k),
        in_millions(checkpoint.parameters),
        _ANSWERS.get(checkpoint.auto_class, "labels"),
        _licence(passport, checkpoint),
    )


def _family(passport: Passport) -> list[str]:
    ks = {checkpoint.k for checkpoint in passport.checkpoints}
    kmers = f"{ks.pop()}-mers" if len(ks) == 1 and None not in ks else "k-mers"
    columns = ("checkpoint", "context", "vocabulary", "loads whole with", "read at", "config.json", "card")
    branches = [
        f"[{checkpoint.name}]({_place(checkpoint)}) at `{name}`: {what}"
        for checkpoint in passport.checkpoints
        for name, what in checkpoint.branches.items()
    ]
    new = [f"`{name}`{' (its head starts untrained)' * (name in passport.new_heads)}" for name in passport.heads]
    facts = [
        f"**Sequences.** {' '.join(passport.reading.format(words=kmers).split())}",
        f"**Limits.** {_limits(passport)}",
        f"**Classes.** {', '.join(['`AutoModel`', *new])}; as a family for `family=…`: `{passport.family}`.",
        f"**LoRA** trains by default: {_targets(passport)}.",
    ]
    return [
        f"## {passport.title}",
        _table(columns, (_row(passport, checkpoint) for checkpoint in passport.checkpoints)),
        _bullets(facts),
        *(
            ["Trained task heads in the official repositories, read with `revision=…`:", _bullets(branches)]
            * bool(branches)
        ),
        "What differs from the official code:",
        _bullets(passport.differences),
    ]


def _row(passport: Passport, checkpoint: Checkpoint) -> tuple[str, ...]:
    tokens, bp = checkpoint.context_tokens, passport.context_bp(checkpoint)
    context = "not stated" if tokens is None else f"{tokens:,} tokens" + ("" if bp is None else f" = {bp:,} bp")
    return (
        f"[{checkpoint.hub_id}]({_place(checkpoint)})",
        context,
        f"{passport.vocabulary_of(checkpoint):,}",
        f"`{checkpoint.auto_class}`",
        _revision(checkpoint),
        "as published" if checkpoint.config_checked else "not compared: sizes of the authors' code",
        f"[card](../hub_cards/{checkpoint.name}.md)",
    )


def _reads(passport: Passport, checkpoint: Checkpoint) -> str:
    tokens, bp = checkpoint.context_tokens, passport.context_bp(checkpoint)
    if tokens is None:
        return "any"
    longest = f"{tokens:,} tokens" if bp is None else f"{bp:,} bp"
    return longest if passport.limited else f"any ({longest})"


def _limits(passport: Passport) -> str:
    set_in_training = any(checkpoint.special_tokens != 0 for checkpoint in passport.checkpoints)
    special = passport.added_tokens if passport.special_tokens and set_in_training else ""
    counted = f", {special} counted" if special else ""
    if passport.limited:
        return f"The context is a limit{counted}: what is longer is refused, or cut where you ask for it."
    return f"Sequences of any length are read; the context is that of pre-training{counted}."


def _targets(passport: Passport) -> str:
    targets = passport.lora_targets
    if isinstance(targets, str):
        return f"the layers whose names match `{targets}`"
    return ", ".join(f"`{target}`" for target in targets)


def _licence(passport: Passport, checkpoint: Checkpoint) -> str:
    licence = passport.licence_of(checkpoint)
    return "not known" if licence == "unknown" else licence


def _place(checkpoint: Checkpoint) -> str:
    return checkpoint.download or f"{_HUB}/{checkpoint.hub_id}"


def _anchor(title: str) -> str:
    """What Markdown makes of a heading: the name by which a link finds it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _revision(checkpoint: Checkpoint) -> str:
    if checkpoint.download is not None:
        return "a folder, once downloaded"
    if checkpoint.revision is None:
        return "main (none pinned)"
    return f"[{checkpoint.revision}]({_HUB}/{checkpoint.hub_id}/tree/{checkpoint.revision})"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _bullets(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _wrapped(part: str) -> str:
    """Prose and bullets in lines of a readable length; tables and headings as they are."""
    if part.startswith(("|", "#")):
        return part
    return "\n".join(
        textwrap.fill(
            line,
            _WIDTH,
            subsequent_indent="  " if line.startswith("- ") else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in part.splitlines()
    )
