"""A folder for the Hub: native weights, config, code, tokenizer and card, checked by loading what was written."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_dnalm import auto
from hf_dnalm.checkpoints import find_checkpoint
from hf_dnalm.damage import read_json
from hf_dnalm.hub.card import render_card
from hf_dnalm.outputs import claimed
from hf_dnalm.source import Source
from hf_dnalm.tokenization.dna_tokenizer import as_trained


@dataclass(frozen=True)
class ExportResult:
    """What was written.

    Attributes:
        folder: where.
        auto_class: the Auto class that takes all its weights.
        parameters: number of weights.
        files: names of the files, sorted.
    """

    folder: Path
    auto_class: str
    parameters: int
    files: tuple[str, ...]


def export(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    model_class: str | None = None,
    report: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    **arguments: Any,
) -> ExportResult:
    """Export a self-contained model folder, which loads with `trust_remote_code=True` and needs no other package.

    An adapter is merged into its base model. The folder appears only when it is complete and has been reloaded. The
    tokenizer of a published checkpoint is written unchanged, and the card says how it treats lower case. The tokenizer
    of a fine-tuned model reads lower case as upper case and IUPAC codes as N, as in training.

    Args:
        source: a published checkpoint, a fine-tuned model or an adapter; a folder or a Hub id.
        output: the folder to write.
        model_class: the Auto class to load the source with; None takes the class that fits all its weights.
        report: the report.json of an evaluation, whose metrics go into the card; None looks for report/report.json in
            the source folder.
        overwrite: replace a folder that is not empty.
        arguments: handed to the Auto class, such as `revision`, `token` or `dtype`.

    Raises:
        FileExistsError: the folder is not empty.
        ValueError: the source is of no family of this package, or its weights do not load whole.
    """
    out = Path(output)
    place = Source.of(source, arguments)
    _check_target(out, place, overwrite=overwrite)
    metrics = _report(place, report)
    whole = auto.whole_of(place, arguments.get("family"))
    if whole is None:
        raise ValueError(
            f"{place.name} is of no family of this package; transformers saves and pushes it without help."
        )
    found, auto_class, _ = whole
    model = getattr(auto, model_class or auto_class).from_pretrained(place.name, **arguments)
    adapter = bool(getattr(model, "peft_config", None))
    base_model = _base_model(place, model, metrics)
    if adapter:
        _merge_adapter(model)
    hub = {key: arguments[key] for key in place.hub if key in arguments}
    tokenizer = auto.AutoTokenizer.from_pretrained(place.name, **hub)
    task = place.text("task.json")
    if task is not None:  # `dnalm finetune` wrote the folder, and trained on upper case
        tokenizer = as_trained(tokenizer)
    for note in ("is_local", "local_files_only"):  # of this machine, not of the tokenizer
        tokenizer.init_kwargs.pop(note, None)

    out.parent.mkdir(parents=True, exist_ok=True)
    with claimed(out), tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        written = Path(scratch) / out.name
        model.save_pretrained(written)
        tokenizer.save_pretrained(written)
        card = render_card(
            found.passport,
            auto_class=model_class or auto_class,
            config=model.config,
            parameters=model.num_parameters(),
            name=out.name,
            k=getattr(tokenizer, "k", None),
            base_model=base_model,
            report=metrics,
            genome_mode=getattr(tokenizer, "genome_mode", False),
        )
        (written / "README.md").write_text(card, encoding="utf-8")
        if task is not None:
            (written / "task.json").write_text(task, encoding="utf-8")
        _check_written(written, model, tokenizer, model_class or auto_class)
        _move(written, out)
    return ExportResult(
        folder=out,
        auto_class=model_class or auto_class,
        parameters=model.num_parameters(),
        files=tuple(sorted(path.name for path in out.iterdir())),
    )


def _check_target(out: Path, place: Source, *, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"{out} is a file; name a folder to write.")
    if out.is_dir() and any(out.iterdir()) and not overwrite:
        raise FileExistsError(
            f"{out} is not empty; name another folder, or pass overwrite (--overwrite) to replace it."
        )
    if out.is_dir() and os.path.isdir(place.name) and Path(place.name).resolve().is_relative_to(out.resolve()):
        raise ValueError(f"{out} holds the source itself; name another folder.")


def _report(place: Source, report: str | os.PathLike[str] | None) -> dict[str, Any] | None:
    path = Path(report) if report is not None else Path(place.name) / "report" / "report.json"
    if report is None and not path.is_file():
        return None
    return read_json(path)


def _base_model(place: Source, model: Any, report: dict[str, Any] | None) -> str | None:
    """The published checkpoint these weights come from: the source itself, an adapter's base, or the report's start."""
    start = "" if report is None else str(report.get("settings", {}).get("start", ""))
    names = (place.name, model.config.name_or_path, start.partition(" @ ")[0])
    return next((name for name in names if find_checkpoint(name) is not None), None)


def _merge_adapter(model: Any) -> None:
    """Write an adapter's updates into the weights of the model it is in, and take the adapter out."""
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import ModulesToSaveWrapper

    for name, module in list(model.named_modules()):
        if isinstance(module, BaseTunerLayer):
            module.merge(safe_merge=True)
            plain = module.get_base_layer()
        elif isinstance(module, ModulesToSaveWrapper):
            plain = module.modules_to_save[module.active_adapters[0]]
        else:
            continue
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, plain)
    del model.peft_config
    model._hf_peft_config_loaded = False
    model._weight_conversions = []  # loading the adapter left the renames of its file, which saving would undo


def _check_written(written: Path, model: Any, tokenizer: Any, auto_class: str) -> None:
    """Load what was written, as its reader will: the same weights, nothing missing or left over, the same ids."""
    again, info = type(model).from_pretrained(written, output_loading_info=True, dtype=model.dtype)
    left = {key: value for key, value in info.items() if value}
    if left:
        raise RuntimeError(f"what was written for {auto_class} does not load whole: {left}.")
    import torch

    stored, state = again.state_dict(), model.state_dict()
    unequal = [name for name in state if not torch.equal(stored[name].cpu(), state[name].cpu())]
    if unequal:
        raise RuntimeError(f"what was written for {auto_class} differs from the source in {', '.join(unequal[:4])}.")
    probe = "ATTCCGATTCCGNATTC"
    if auto.AutoTokenizer.from_pretrained(written)(probe).input_ids != tokenizer(probe).input_ids:
        raise RuntimeError("the tokenizer that was written gives other ids than the source's.")


def _move(written: Path, out: Path) -> None:
    """Put a complete folder in its place; an earlier one goes away only then."""
    if out.exists():
        earlier = written.with_name(f"{written.name}.earlier")
        os.replace(out, earlier)
        os.replace(written, out)
        shutil.rmtree(earlier)
    else:
        os.replace(written, out)
