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
    """Print the facts about a model folder or a Hub id."""
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
    """The facts about a checkpoint; unknown facts are None.

    Raises:
        OSError: the folder or repository does not exist.
        ValueError: neither this package nor transformers knows the family in config.json, or the tokenizer is missing,
            damaged or belongs to another model.
    """
    known = None if os.path.exists(source) or revision or family else find_checkpoint(source)
    if known is not None:
        return _published(*known)
    from hf_dnalm.source import Source

    checkpoint = Source.of(source, {"revision": revision})
    adapter = checkpoint.json("adapter_config.json")
    if adapter is not None and checkpoint.path("config.json") is None:
        base = adapter.get("base_model_name_or_path")
        return {"source": source, "kind": f"{adapter.get('peft_type', 'PEFT')} adapter", "base_model": base}
    recognised = checkpoint.recognise(family)
    if recognised is None:
        return _loaded_by_transformers(checkpoint)
    facts = _of_family(checkpoint, recognised)
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


# Fields of a family's config that do not describe the architecture.
_NO_ARCHITECTURE = re.compile(
    r"model_type|vocab_size|dtype|problem_type|num_labels|classifier_.*|tie_.*|output_.*|.*(_id|_prob)"
)


def _architecture(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Sizes and design choices, named as in the family's config; floats, such as dropout rates, are left out."""
    return {
        key: value
        for key, value in fields.items()
        if isinstance(value, bool | int | str) and not _NO_ARCHITECTURE.fullmatch(key)
    }


def _cost(parameters: int) -> dict[str, Any]:
    """The number of parameters, and the memory of the weights alone in bytes."""
    return {"parameters": parameters, "memory_float32": 4 * parameters, "memory_bfloat16": 2 * parameters}


def _of_family(source: Source, recognised: Recognised) -> dict[str, Any]:
    config = recognised.config(source.name)
    names = source.weight_names()
    auto_class = recognised.auto_class(names)
    bare = names is None and os.path.exists(source.name)
    k = _k_of_tokenizer(source, required=not bare and source.json("adapter_config.json") is None)
    tokens = recognised.passport.context_tokens(config)
    facts: dict[str, Any] = {
        "source": source.name,
        "kind": _TITLES[auto_class],
        "family": recognised.passport.family,
        "k": k,
        "vocabulary": config.vocab_size,
        "context_tokens": tokens,
        "context_bp": recognised.passport.bp_of(tokens, k),
        "limited": recognised.passport.limited,
        **_cost(_count(recognised.passport, auto_class, config, source.name)),
        "heads": None if names is None else _heads(recognised.passport, recognised.renamed(names)),
        "licence_of_published": recognised.passport.licence,
        "revision": source.hub.get("revision"),
        "architecture": _architecture({key: getattr(config, key) for key in get_annotations(type(config))}),
    }
    if auto_class in recognised.passport.new_heads:
        facts |= {"problem_type": config.problem_type, "labels": list(config.id2label.values())}
    return facts


def _heads(passport: Passport, names: Iterable[str]) -> list[str]:
    """The heads whose weights are in a file; heads that share a prefix count once."""
    weights = tuple(names)
    titles = {prefix: _HEADS[auto_class] for auto_class, prefix in passport.heads.items()}
    return [title for prefix, title in titles.items() if any(name.startswith(prefix) for name in weights)]


def _count(passport: Passport, auto_class: str, config: Any, name: str) -> int:
    """The number of parameters; the model is built on the meta device, without memory for them."""
    from hf_dnalm.source import outline

    model = outline(passport, auto_class, config, name)
    return sum(each.numel() for each in model.parameters())


def _k_of_tokenizer(source: Source, *, required: bool) -> int | None:
    """Bases per token of the checkpoint's tokenizer; None if tokens differ in length or there is no tokenizer.

    Args:
        required: refuse a source without a tokenizer. An adapter may use the one of its base model; a bare config
            needs none.
    """
    from hf_dnalm.auto import AutoTokenizer

    files = ("tokenizer.json", "vocab.txt", "tokenizer_config.json")
    if not required and not any(source.path(name) for name in files):
        return None
    return getattr(AutoTokenizer.from_pretrained(source.name, **source.hub), "k", None)


def _loaded_by_transformers(source: Source) -> dict[str, Any]:
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


def _input_limits(facts: dict[str, Any]) -> str:
    """The kind of tokens, and how many of them the model reads."""
    k, tokens, bp = facts["k"], facts["context_tokens"], facts["context_bp"]
    kind = "" if k is None else "single nucleotides, " if k == 1 else f"{k}-mers, "
    if tokens is None:
        return f"{kind}any length"
    context = f"{tokens:,} tokens" + ("" if bp is None else f" = {bp:,} bp")
    return f"{kind}up to {context}" if facts["limited"] else f"{kind}any length; pre-trained on {context}"


def text(facts: dict[str, Any]) -> str:
    """The facts as text, one line each."""
    lines = [facts["source"], f"  {facts['kind']}"]

    def line(name: str, value: str | None) -> None:
        if value:
            lines.append(f"  {name:<11}{value}")

    line("base model", facts.get("base_model"))
    line("family", facts.get("family"))
    line("download", facts.get("download"))
    line("trained on", facts.get("trained_on"))
    if "context_tokens" in facts:
        line("input", _input_limits(facts))
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
        line("revision", "none: not on the Hub" if facts["download"] else on_hub)
        if not facts["config_checked"]:
            lines.append("  Sizes are from the authors' code; they were not compared with its config.json.")
    else:
        line("revision", facts.get("revision"))
    return "\n".join(lines)
