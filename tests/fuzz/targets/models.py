"""Files of a checkpoint: config.json, weights, their index, adapters."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.mutations import BINARY, JSON, damage_json
from tests.fuzz.target import Target

# Of each family a layout that upstream published; where there are several of them, each that is read another way.
_LAYOUTS: dict[str, tuple[str | None, ...]] = {
    "nucleotide_transformer": (None,),
    "dnabert2": ("DNABERT-2", "DNABERT-S"),
    "gena_bert": ("bert-base-t2t", "bigbird-base-sparse-t2t"),
    "gena_bigbird": (None,),
    "dnabert": (None,),
    "grover": (None,),
    "hyenadna": ("hf", "first"),
    "caduceus": ("ps", "ph"),
    "gpn": ("first", "later"),
    "awd_lstm": (None,),
}


def _upstream(family: str, layout: str | None, folder: Path) -> Path:
    toy = importlib.import_module(f"tests.toys.{family}")
    return toy.write_upstream(folder, *(() if layout is None else (layout,)))


def _write_configs(folder: Path) -> Path:
    """The configs of all families, upstream's and our own, as one file; each family's other files beside it."""
    from hf_dnalm import AutoModel

    configs = {}
    for family, layouts in _LAYOUTS.items():
        for layout in layouts:
            place = _upstream(family, layout, folder / f"{family}.{layout}")
            configs[place.name] = json.loads((place / "config.json").read_text())
        own = folder / f"{family}.own"
        AutoModel.from_pretrained(place).save_pretrained(own)
        shutil.rmtree(own / "__pycache__", ignore_errors=True)
        for code in own.glob("*.py"):
            code.unlink()
        configs[own.name] = json.loads((own / "config.json").read_text())
    for name, contents in configs.items():
        (folder / name / "valid.json").write_text(json.dumps(contents))
    (folder / "config.json").write_text(json.dumps(configs))
    return folder / "config.json"


def _read_configs(path: Path) -> None:
    """The folders whose config was changed; one of them with the file as it is where that is no JSON any more."""
    data = path.read_bytes()
    try:
        configs = json.loads(data)
    except (ValueError, RecursionError):
        configs = None
    places = sorted(each.parent for each in path.parent.glob("*/valid.json"))
    if not isinstance(configs, dict) or not any(place.name in configs for place in places):
        place = places[len(data) % len(places)]
        (place / "config.json").write_bytes(data)
        _read(place)
        return
    for place in places:
        valid, contents = json.loads((place / "valid.json").read_text()), configs.get(place.name)
        if contents != valid:
            (place / "config.json").write_text(json.dumps(contents))
            _read(place)


def _read(folder: Path) -> None:
    from hf_dnalm import AutoConfig, AutoModel
    from hf_dnalm.cli.info import describe, text

    AutoConfig.from_pretrained(folder)
    text(describe(str(folder)))
    AutoModel.from_pretrained(folder)


def _weights(family: str, layout: str | None, file: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        return _upstream(family, layout, folder / "model") / file

    return write


def _write_legacy(folder: Path) -> Path:
    """A file as torch wrote it before version 1.6."""
    import torch

    path = _upstream("dnabert", None, folder / "model") / "pytorch_model.bin"
    torch.save(torch.load(path, weights_only=True), path, _use_new_zipfile_serialization=False)
    return path


def _write_index(folder: Path) -> Path:
    from hf_dnalm import AutoModelForMaskedLM

    model = AutoModelForMaskedLM.from_pretrained(_upstream("nucleotide_transformer", None, folder / "upstream"))
    model.save_pretrained(folder / "model", max_shard_size="20KB")
    return folder / "model" / "model.safetensors.index.json"


def _read_weights(path: Path) -> None:
    from hf_dnalm import AutoModelForMaskedLM

    AutoModelForMaskedLM.from_pretrained(path.parent)


def _read_causal_weights(path: Path) -> None:
    from hf_dnalm import AutoModelForCausalLM

    AutoModelForCausalLM.from_pretrained(path.parent)


def _adapter(file: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        from peft import LoraConfig, get_peft_model

        from hf_dnalm import AutoModelForSequenceClassification

        base = _upstream("nucleotide_transformer", None, folder / "base")
        model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=3)
        settings = LoraConfig(task_type="SEQ_CLS", target_modules=["query"], modules_to_save=["classifier"], r=2)
        get_peft_model(model, settings).save_pretrained(folder / "adapter")
        return folder / "adapter" / file

    return write


def _read_adapter(path: Path) -> None:
    from hf_dnalm import AutoModelForSequenceClassification
    from hf_dnalm.cli.info import describe, text
    from hf_dnalm.cli.load import find_model_class

    text(describe(str(path.parent)))
    find_model_class(str(path.parent))
    AutoModelForSequenceClassification.from_pretrained(path.parent)


TARGETS = [
    Target("config", _write_configs, _read_configs, (*JSON, *(damage_json,) * 20)),
    Target(
        "weights_safetensors",
        _weights("nucleotide_transformer", None, "model.safetensors"),
        _read_weights,
        BINARY,
    ),
    Target("weights_bin", _weights("dnabert", None, "pytorch_model.bin"), _read_weights, BINARY),
    Target("weights_bin_legacy", _write_legacy, _read_weights, BINARY),
    Target("weights_index", _write_index, _read_weights, JSON),
    Target("lightning", _weights("hyenadna", "first", "weights.ckpt"), _read_causal_weights, BINARY),
    Target("adapter", _adapter("adapter_config.json"), _read_adapter, JSON),
    Target("adapter_weights", _adapter("adapter_model.safetensors"), _read_adapter, BINARY),
]
