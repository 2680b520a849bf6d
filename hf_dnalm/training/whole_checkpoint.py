"""Whether a Trainer checkpoint is whole: all its files there, none cut, and the best one so far still beside it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from safetensors import SafetensorError, safe_open

_STATE = "trainer_state.json"  # Trainer writes it when all else of a checkpoint is there
_PICKLED = ("optimizer.pt", "scheduler.pt")
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "adapter_model.safetensors")


def checkpoint_fault(
    checkpoint: Path, *, processes: int = 1, sharded: bool = False, scaled: bool = False
) -> str | None:
    """What a checkpoint lacks to go on from it, in words; None where it is whole.

    Without the optimizer's, scheduler's or random state Trainer would start these afresh and say nothing, and without
    the best checkpoint it would keep the last weights.

    Args:
        processes: of the run that goes on; each needs its own random state.
        scaled: of float16 training, whose gradients are scaled by a factor that is learnt on the way.
        sharded: of FSDP or DeepSpeed, whose weights and optimizer have files of other names.
    """
    try:
        state = json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return f"it has no {_STATE}"
    except (ValueError, OSError):
        return f"its {_STATE} cannot be read"
    if not isinstance(state, dict):
        return f"its {_STATE} is not what Trainer writes"
    best = state.get("best_model_checkpoint")
    if best and Path(best).name != checkpoint.name:
        if not Path(best).is_dir():
            return f"the best checkpoint so far, {best}, is gone"
        if not sharded and (fault := _fault_of_weights(Path(best))) is not None:
            return f"of the best checkpoint so far, {best}, {fault}"
    if sharded:
        return None
    numbered = [f"rng_state_{process}.pth" for process in range(processes)]
    random_states = numbered if processes > 1 else ["rng_state.pth"]
    for name in (*_PICKLED, *(["scaler.pt"] if scaled else []), *random_states):
        if (fault := _fault_of_pickle(checkpoint / name)) is not None:
            return fault
    return _fault_of_weights(checkpoint)


def _fault_of_pickle(path: Path) -> str | None:
    if not path.is_file():
        return f"it has no {path.name}"
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError):
        damaged = path.name
    return None if damaged is None else f"its {path.name} is cut short or damaged"


def _fault_of_weights(checkpoint: Path) -> str | None:
    there = [checkpoint / name for name in _WEIGHTS if (checkpoint / name).is_file()]
    if not there:
        return "it has no model.safetensors or adapter_model.safetensors"
    for path in {*there, *checkpoint.glob("model-*.safetensors")}:
        try:
            if path.suffix == ".json":
                missing = [
                    name
                    for name in set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values())
                    if not (checkpoint / name).is_file()
                ]
                if missing:
                    return f"it has no {missing[0]}"
            else:
                with safe_open(path, framework="np"):  # reads the header, and compares it with the size of the file
                    pass
        except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, OSError):
            return f"its {path.name} is cut short or damaged"
    return None
