"""`dnalm info`: a checkpoint's architecture, input limits and memory use, without loading its weights."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from inspect import get_annotations
from typing import TYPE_CHECKING, Any

from hf_dnalm.checkpoints import Checkpoint, Passport, find_checkpoint
from hf_dnalm.cli.parser import Parser
from hf_dnalm.damage import decoding

if TYPE_CHECKING:
    from hf_dnalm.source import Recognised, Source

_TITLES = {
    "AutoModel": "encoder without a head",
    "AutoModelForMaskedLM": "masked language model",
    "AutoModelForCausalLM": "causal language model",
    "AutoModelForSequenceClassification": "sequence head",
    "AutoModelForTokenClassification": "token head",
}
_HEADS = {
    "AutoModelForMaskedLM": "masked language model",
    "AutoModelForCausalLM": "causal language model",
    "AutoModelForSequenceClassification": "classifier",
    "AutoModelForTokenClassification": "classifier",
}


_DESCRIPTION = """\
Show a checkpoint's architecture, input limits and memory use, without loading its weights. A published Hub id that this
package knows is answered offline.
"""


def run(arguments: list[str]) -> None:
    """Print what is known about a folder or a Hub id."""
    options = _parser().parse_args(arguments)
    facts = describe(options.model, family=options.family, revision=options.revision)
    print(json.dumps(facts, indent=2) if options.json else text(facts))


def _parser() -> Parser:
    parser = Parser("info", _DESCRIPTION, example="dnalm info zhihan1996/DNABERT-2-117M")
    parser.add_argument("model", metavar="MODEL", help="model folder or Hub id")
    parser.add_argument(
        "--family", help="model family, if config.json does not tell it; default: recognised from the files"
    )
    parser.add_argument(
        "--revision", help="branch, tag or commit to read from the Hub; default: answer a known id offline"
    )
    parser.add_argument("--json", action="store_true", help="print JSON; default: text")
    return parser


def describe(source: str, *, family: str | None = None, revision: str | None = None) -> dict[str, Any]:
    """The facts about a checkpoint; what is not known is None.

    Raises:
        OSError: there is no such folder or repository.
        ValueError: its config.json is of no family that we or transformers know, or its tokenizer is missing, damaged
            or another model's.
    """
    known = None if os.path.exists(source) or revision or family else find_checkpoint(source)
    if known is not None:
        return _published(*known)
    from hf_dnalm.source import Source

    place = Source.of(source, {"revision": revision})
    adapter = place.json("adapter_config.json")
    if adapter is not None and place.path("config.json") is None:
        base = adapter.get("base_model_name_or_path")
        return {"source": source, "kind": f"{adapter.get('peft_type', 'PEFT')} adapter", "base_model": base}
    found = place.recognise(family)
    if found is None:
        return _left_to_transformers(place)
    facts = _local(place, found)
    if adapter is not None:
        facts["kind"] = f"{adapter.get('peft_type', 'PEFT')} adapter with the config of its {facts['kind']}"
        facts["base_model"] = adapter.get("base_model_name_or_path")
    return facts


def _published(passport: Passport, checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "source": checkpoint.hub_id,
        "kind": "published checkpoint",
        "family": passport.family,
        "download": checkpoint.download,
        "trained_on": checkpoint.trained_on,
        "k": checkpoint.k,
        "vocabulary": passport.vocabulary_of(checkpoint),
        "context_tokens": checkpoint.context_tokens,
        "context_bp": passport.context_bp(checkpoint),
        "limited": passport.limited,
        **_cost(checkpoint.parameters),
        "heads": [_HEADS[checkpoint.auto_class]] if checkpoint.auto_class in passport.heads else [],
        "licence": passport.licence_of(checkpoint),
        "revision": checkpoint.revision,
        "config_checked": checkpoint.config_checked,
        "architecture": _architecture(passport.translate(checkpoint.config)),
    }


# Of a family's own config, what does not say how the network is built.
_NO_ARCHITECTURE = re.compile(
    r"model_type|vocab_size|dtype|problem_type|num_labels|classifier_.*|tie_.*|output_.*|.*(_id|_prob)"
)


def _architecture(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Sizes and choices of an architecture, under the names of the family's own config; rates and ranges are none."""
    return {
        key: value
        for key, value in fields.items()
        if isinstance(value, bool | int | str) and not _NO_ARCHITECTURE.fullmatch(key)
    }


def _cost(parameters: int) -> dict[str, Any]:
    """Size and the memory of the weights alone, in bytes."""
    return {"parameters": parameters, "memory_float32": 4 * parameters, "memory_bfloat16": 2 * parameters}


def _local(source: Source, found: Recognised) -> dict[str, Any]:
    config = found.config(source.name)
    names = source.weight_names()
    auto_class = found.auto_class(names)
    bare = names is None and os.path.exists(source.name)
    k = _k_of_tokenizer(source, required=not bare and source.json("adapter_config.json") is None)
    tokens = found.passport.context_tokens(config)
    facts: dict[str, Any] = {
        "source": source.name,
        "kind": _TITLES[auto_class],
        "family": found.passport.family,
        "k": k,
        "vocabulary": config.vocab_size,
        "context_tokens": tokens,
        "context_bp": found.passport.bp_of(tokens, k),
        "limited": found.passport.limited,
        **_cost(_count(found.passport, auto_class, config, source.name)),
        "heads": None if names is None else _heads(found.passport, found.renamed(names)),
        "licence_of_published": found.passport.licence,
        "revision": source.hub.get("revision"),
        "architecture": _architecture({key: getattr(config, key) for key in get_annotations(type(config))}),
    }
    if auto_class in found.passport.new_heads:
        facts |= {"problem_type": config.problem_type, "labels": list(config.id2label.values())}
    return facts


def _heads(passport: Passport, names: Iterable[str]) -> list[str]:
    """Which heads a file holds, each prefix once."""
    held = tuple(names)
    titles = {prefix: _HEADS[auto_class] for auto_class, prefix in passport.heads.items()}
    return [title for prefix, title in titles.items() if _any(held, prefix)]


def _any(names: Iterable[str], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in names)


def _count(passport: Passport, auto_class: str, config: Any, name: str) -> int:
    """Parameters of the model, which is built without memory for them."""
    from hf_dnalm.source import outline

    model = outline(passport, auto_class, config, name)
    return sum(each.numel() for each in model.parameters())


def _k_of_tokenizer(source: Source, *, required: bool) -> int | None:
    """The bp of a token, where all are as long, of the tokenizer that lies beside the config; or None.

    Args:
        required: refuse a source without a tokenizer; an adapter may have its base model's, and a config none.
    """
    from hf_dnalm.auto import AutoTokenizer

    files = ("tokenizer.json", "vocab.txt", "tokenizer_config.json")
    if not required and not any(source.path(name) for name in files):
        return None
    return getattr(AutoTokenizer.from_pretrained(source.name, **source.hub), "k", None)


def _left_to_transformers(source: Source) -> dict[str, Any]:
    import torch
    from transformers import AutoConfig, AutoModel

    with decoding(source.name, "config.json"):
        config = AutoConfig.from_pretrained(source.name, trust_remote_code=False, **source.hub)
    with decoding(source.name, "config.json"), torch.device("meta"):
        model = AutoModel.from_config(config, trust_remote_code=False)
    return {
        "source": source.name,
        "kind": f"{config.model_type} model: loaded by transformers, not a family of this package",
        "vocabulary": getattr(config, "vocab_size", None),
        **_cost(sum(each.numel() for each in model.parameters())),
    }


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:,.2f} GiB" if n_bytes >= 2**30 else f"{n_bytes / 2**20:,.1f} MiB"


def _reads(facts: dict[str, Any]) -> str:
    """Which tokens, and how many of them."""
    k, tokens, bp = facts["k"], facts["context_tokens"], facts["context_bp"]
    words = "" if k is None else "single nucleotides, " if k == 1 else f"{k}-mers, "
    if tokens is None:
        return f"{words}any length"
    context = f"{tokens:,} tokens" + ("" if bp is None else f" = {bp:,} bp")
    return f"{words}up to {context}" if facts["limited"] else f"{words}any length; pre-trained on {context}"


def text(facts: dict[str, Any]) -> str:
    """The facts, a line each."""
    lines = [facts["source"], f"  {facts['kind']}"]

    def line(name: str, value: str | None) -> None:
        if value:
            lines.append(f"  {name:<11}{value}")

    line("base model", facts.get("base_model"))
    line("family", facts.get("family"))
    line("download", facts.get("download"))
    line("trained on", facts.get("trained_on"))
    if "context_tokens" in facts:
        line("input", _reads(facts))
    if "parameters" in facts:
        full, half = _size(facts["memory_float32"]), _size(facts["memory_bfloat16"])
        line("size", f"{facts['parameters']:,} parameters: {full} in float32, {half} in bfloat16")
    if "heads" in facts:
        heads = facts["heads"]
        line("heads", "not checked" if heads is None else ", ".join(heads) or "none: hidden states only")
    if "labels" in facts:
        line("predicts", f"{facts['problem_type'] or 'labels'}: {', '.join(map(str, facts['labels']))}")
    line("licence", facts.get("licence"))
    if "licence_of_published" in facts:
        line("licence", f"{facts['licence_of_published']} if it comes from the family's published weights")
    if facts["kind"] == "published checkpoint":
        on_hub = facts["revision"] or "main (no commit is pinned)"
        line("revision", "none: it is not on the Hub" if facts["download"] else on_hub)
        if not facts["config_checked"]:
            lines.append("  The sizes follow the authors' code; they were not compared with its config.json.")
    else:
        line("revision", facts.get("revision"))
    return "\n".join(lines)
