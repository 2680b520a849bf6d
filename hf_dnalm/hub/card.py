"""Model cards, filled in from the passports: one for each published checkpoint, and one for every export."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from hf_dnalm.checkpoints import PASSPORTS, Checkpoint, Passport, find_checkpoint
from hf_dnalm.checkpoints.translation import with_article
from hf_dnalm.evaluation.markdown import escaped

PIPELINES = {
    "AutoModel": "feature-extraction",
    "AutoModelForMaskedLM": "fill-mask",
    "AutoModelForCausalLM": "text-generation",
    "AutoModelForSequenceClassification": "text-classification",
    "AutoModelForTokenClassification": "token-classification",
}

_EMBED = """\
```python
import torch
from hf_dnalm import {auto_class}, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("{name}")
model = {auto_class}.from_pretrained("{name}")

sequences = ["ATTCCGATTCCGATTCCG", "ATTTCTCTCTCTCTCTGAGATCGATCGATCGAT"]
batch = tokenizer(sequences, padding=True, return_tensors="pt")
with torch.no_grad():
    outputs = model(**batch, output_hidden_states=True)
mask = batch["attention_mask"][..., None]
embeddings = (outputs.hidden_states[-1] * mask).sum(dim=1) / mask.sum(dim=1)  # (2, hidden): means over tokens
{last}```"""
_PREDICT = """\
```python
from hf_dnalm import {auto_class}, AutoTokenizer, predict

tokenizer = AutoTokenizer.from_pretrained("{name}")
model = {auto_class}.from_pretrained("{name}")
predictions = predict(model, tokenizer, ["ATTCCGATTCCGATTCCG", "ATTTCTCTCTCTCTCTGAGATCGATCGATCGAT"])
print(predictions.logits)
```

or on a file:

```bash
dnalm predict {quoted} sequences.fasta
```"""


def render_checkpoint_card(passport: Passport, checkpoint: Checkpoint) -> str:
    """The card of a published checkpoint's export, as hub_cards/ holds it."""
    return _fill(
        passport,
        title=checkpoint.name,
        source=checkpoint.hub_id,
        repository=f"OWNER/{checkpoint.name}",
        auto_class=checkpoint.auto_class,
        summary=_checkpoint_summary(passport, checkpoint),
        k=checkpoint.k,
        facts=_facts(
            passport,
            checkpoint.parameters,
            checkpoint.k,
            passport.vocabulary_of(checkpoint),
            checkpoint.context_tokens,
            checkpoint,
        ),
        base_model=None if checkpoint.download else checkpoint.hub_id,
        licence=passport.licence_of(checkpoint),
        fetch=_fetch(passport, checkpoint),
        sections=f"## Training data\n\n{_capitalised(checkpoint.trained_on)}.\n\n" + _branches(checkpoint),
        citation=checkpoint.citation,
        results=None,
    )


def render_card(
    passport: Passport,
    *,
    auto_class: str,
    config: Any,
    parameters: int,
    name: str,
    k: int | None,
    base_model: str | None = None,
    report: Mapping[str, Any] | None = None,
    genome_mode: bool = False,
) -> str:
    """The card of an exported model.

    Args:
        auto_class: takes all the model's weights.
        config: of the model.
        name: what the card calls the model, and where its examples load it from.
        k: of the tokenizer; None where it is no k-mer tokenizer.
        base_model: the Hub id of the published checkpoint that the weights come from, where that is known.
        report: the contents of an evaluation's report.json.
        genome_mode: whether the tokenizer reads lower case as upper case and IUPAC codes as N before all else.
    """
    known = None if base_model is None else find_checkpoint(base_model)
    checkpoint = None if known is None else known[1]
    head = auto_class in passport.new_heads
    if checkpoint is not None and not head:
        summary = _checkpoint_summary(passport, checkpoint)
    else:
        one = _capitalised(with_article(passport.title))
        start = "" if base_model is None else f", fine-tuned from [{base_model}](https://huggingface.co/{base_model})"
        summary = f"{one} with {_HEAD_WORDS[auto_class]}{start}."
    sections = "" if not head else _labels(config)
    if checkpoint is not None:
        sections += f"## Pre-training data\n\n{_capitalised(checkpoint.trained_on)}.\n\n"
    return _fill(
        passport,
        title=name,
        source=name,
        repository=name,
        auto_class=auto_class,
        summary=summary,
        k=k,
        facts=_facts(passport, parameters, k, config.vocab_size, passport.context_tokens(config)),
        base_model=base_model,
        licence=passport.licence if checkpoint is None else passport.licence_of(checkpoint),
        sections=sections + ("" if report is None else _results(report)),
        citation=(passport.checkpoints[0] if checkpoint is None else checkpoint).citation,
        results=report,
        genome_mode=genome_mode,
    )


def write_checkpoint_cards(folder: str | os.PathLike[str]) -> list[Path]:
    """Write the card of every published checkpoint as <name>.md; returns the paths."""
    paths = []
    for passport in PASSPORTS:
        for checkpoint in passport.checkpoints:
            path = Path(folder) / f"{checkpoint.name}.md"
            path.write_text(render_checkpoint_card(passport, checkpoint), encoding="utf-8")
            paths.append(path)
    return paths


_HEAD_WORDS = {
    "AutoModel": "no head: hidden states for every token",
    "AutoModelForMaskedLM": "a masked-language-model head",
    "AutoModelForCausalLM": "a causal-language-model head",
    "AutoModelForSequenceClassification": "a head for whole sequences",
    "AutoModelForTokenClassification": "a head for every token or nucleotide",
}


def _fill(
    passport: Passport,
    *,
    title: str,
    source: str,
    repository: str,
    auto_class: str,
    summary: str,
    k: int | None,
    facts: list[tuple[str, str]],
    base_model: str | None,
    licence: str,
    sections: str,
    citation: str,
    results: Mapping[str, Any] | None,
    fetch: str = "",
    genome_mode: bool = False,
) -> str:
    metadata = ModelCardData(
        license=licence,
        library_name="transformers",
        pipeline_tag=PIPELINES[auto_class],
        tags=["biology", "dna", "genomics", passport.family.replace("_", "-")],
        base_model=base_model,
        model_name=None if results is None else title,
        eval_results=None if results is None else _eval_results(auto_class, results),
    )
    last = "logits = outputs.logits  # (2, tokens, vocabulary)\n" if auto_class.endswith("LM") else ""
    example = _PREDICT if auto_class in passport.new_heads else _EMBED
    template = files("hf_dnalm.hub_cards").joinpath("template.md").read_text(encoding="utf-8")
    return Template(template).substitute(
        metadata=metadata.to_yaml(),
        title=escaped(title),
        summary=summary,
        usage=fetch
        + example.format(auto_class=auto_class, name=_in_quotes(source), quoted=shlex.quote(source), last=last),
        auto_class=auto_class,
        repository=_in_quotes(repository),
        facts="\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts)]),
        letters=_letters(passport, genome_mode),
        reading=_READING[genome_mode] + passport.reading.format(words="k-mers" if k is None else f"{k}-mers"),
        sections=sections,
        differences="\n".join(f"- {difference}" for difference in passport.differences),
        licence=_licence(passport, licence),
        citation=citation,
    )


_READING = {
    False: "The tokenizer produces the same ids as the original. ",
    True: "The tokenizer is the original with genome mode: it first converts lower case to upper case and IUPAC codes "
    "to `N`. The original tokenizer works as follows. ",
}


def _letters(passport: Passport, genome_mode: bool) -> str:
    """How soft-masked DNA is tokenized; at the top of the card, because readers would not look for it."""
    if genome_mode:
        return (
            "The tokenizer in this repository reads lower-case (soft-masked) DNA as upper case and IUPAC codes as `N`, "
            "as the model was trained."
        )
    if passport.reads_lower_case:
        return (
            "The tokenizer is the published one, unchanged: it reads lower-case (soft-masked) DNA as upper case. IUPAC "
            "codes are unknown to it; the functions and commands of hf_dnalm convert them to `N` first."
        )
    return (
        "**The tokenizer is the published one, unchanged: with plain transformers, lower-case (soft-masked) DNA is "
        "unknown to it.** Convert sequences to upper case first, or load the tokenizer with hf_dnalm and "
        "`genome_mode=True`. The functions and commands of hf_dnalm do this automatically."
    )


def _in_quotes(name: str) -> str:
    """A name escaped for the quotes of a Python example."""
    return json.dumps(name, ensure_ascii=False)[1:-1]


def _licence(passport: Passport, licence: str) -> str:
    if licence == "unknown":
        return "The licence of the published weights is not known. Ask the authors before you redistribute them."
    whose = "The published weights of this family" if licence == passport.licence else "These weights"
    return f"{whose}, and models derived from them, are under {licence}, unless their own page says otherwise."


def _checkpoint_summary(passport: Passport, checkpoint: Checkpoint) -> str:
    origin = f"[{checkpoint.hub_id}]({checkpoint.download or f'https://huggingface.co/{checkpoint.hub_id}'})"
    commit = " (no commit is pinned)" if checkpoint.revision is None else f" at commit {checkpoint.revision}"
    commit = "" if checkpoint.download else commit
    summary = (
        f"The weights of {origin}{commit} converted for current transformers: outputs equal to the official code's, "
        "safetensors, and a fast tokenizer. "
    )
    one = _capitalised(with_article(passport.title))
    if checkpoint.auto_class == "AutoModelForMaskedLM":
        summary += f"{one} is a masked language model of DNA."
    elif checkpoint.auto_class == "AutoModelForCausalLM":
        summary += f"{one} is a causal language model of DNA: it predicts each token from those before it."
    else:
        head = _HEAD_WORDS[checkpoint.auto_class]
        summary += f"It is a DNA encoder with the architecture of {passport.title}, with {head}."
    if not checkpoint.config_checked:
        summary += " The sizes below follow the authors' code; the published config.json was not compared with them."
    return summary


def _capitalised(words: str) -> str:
    return words[:1].upper() + words[1:]


def _fetch(passport: Passport, checkpoint: Checkpoint) -> str:
    """How to download files that are not on the Hub."""
    if checkpoint.download is None:
        return ""
    names = ",".join(("config.json", "pytorch_model.bin", *passport.tokenizer_files))
    return f"Download the files:\n\n```bash\nwget -P {checkpoint.hub_id} {checkpoint.download}/{{{names}}}\n```\n\n"


def _facts(
    passport: Passport,
    parameters: int,
    k: int | None,
    vocabulary: int,
    tokens: int | None,
    checkpoint: Checkpoint | None = None,
) -> list[tuple[str, str]]:
    if tokens is None:
        longest = "any"
    else:
        covered = passport.bp_of(tokens, k) if checkpoint is None else passport.context_bp(checkpoint)
        bare = checkpoint is not None and checkpoint.special_tokens == 0
        special = f", including {passport.added_tokens}" if passport.added_tokens and not bare else ""
        longest = f"{tokens:,} tokens{special}" + ("" if covered is None else f" = {covered:,} bp")
        longest = longest if passport.limited else f"any; in pre-training {longest}"
    return [
        ("parameters", f"{parameters:,}"),
        ("memory of the weights", f"{_size(4 * parameters)} in float32, {_size(2 * parameters)} in bfloat16"),
        ("tokens", f"{vocabulary:,}" + ("" if k is None else f", {passport.words(k)}")),
        ("longest input", longest),
    ]


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:,.2f} GiB" if n_bytes >= 2**30 else f"{n_bytes / 2**20:,.1f} MiB"


def _branches(checkpoint: Checkpoint) -> str:
    """The revisions of the official repository that have a trained task head."""
    if not checkpoint.branches:
        return ""
    rows = "\n".join(f"- `{name}`: {what}" for name, what in checkpoint.branches.items())
    return (
        "## Fine-tuned revisions\n\nThe official repository also has fine-tuned models. The Auto class in "
        f'brackets loads them with `revision="…"`:\n\n{rows}\n\n'
    )


def _labels(config: Any) -> str:
    problem = (config.problem_type or "labels").replace("_", " ").capitalize()
    names = "\n".join(f"{number}. {escaped(str(label))}" for number, label in sorted(config.id2label.items()))
    return f"## What it predicts\n\n{problem}, outputs in this order, from 0:\n\n{names}\n\n"


def _results(report: Mapping[str, Any]) -> str:
    """The metrics with their 95 % intervals, and those of the baselines."""
    columns = [report, *report.get("baselines", ())]
    rows = [
        "| metric | " + " | ".join(escaped(str(each["name"])) for each in columns) + " |",
        "|---|" + "---|" * len(columns),
        *(
            f"| {escaped(metric)} | " + " | ".join(_interval(each["metrics"].get(metric)) for each in columns) + " |"
            for metric in report["metrics"]
        ),
    ]
    task, split = escaped(report["task"]["name"]), escaped(report["split"])
    return (
        f"## Results\n\n{task}, {report['n']:,} sequences of the {split} split, values "
        "with 95 % bootstrap intervals:\n\n" + "\n".join(rows) + "\n\n"
    )


def _interval(metric: Mapping[str, Any] | None) -> str:
    if metric is None or metric["value"] is None:
        return "undefined"
    if metric["low"] is None:
        return f"{metric['value']:.3f}"
    return f"{metric['value']:.3f} ({metric['low']:.3f} to {metric['high']:.3f})"


def _eval_results(auto_class: str, report: Mapping[str, Any]) -> list[EvalResult]:
    task = report["task"]
    return [
        EvalResult(
            task_type=PIPELINES[auto_class],
            dataset_type=task.get("source") or task["name"],
            dataset_name=task["name"],
            dataset_split=report["split"],
            metric_type=name,
            metric_value=metric["value"],
        )
        for name, metric in report["metrics"].items()
        if metric["value"] is not None
    ]
