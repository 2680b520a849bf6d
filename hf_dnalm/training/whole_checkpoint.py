"""Whether a Trainer checkpoint is complete: all its files exist and are intact, and so does the best checkpoint."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from safetensors import SafetensorError, safe_open

_STATE = "trainer_state.json"  # Trainer writes it last
_PICKLED = ("optimizer.pt", "scheduler.pt")
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "adapter_model.safetensors")


def checkpoint_fault(
    checkpoint: Path, *, processes: int = 1, sharded: bool = False, scaled: bool = False
) -> str | None:
    """Why a run cannot continue from a checkpoint, in words; None if it can.

    Without the state of the optimizer, the scheduler or the random generators, Trainer would silently start them again;
    without the best checkpoint, it would keep the last weights.

    Args:
        processes: number of processes of the resumed run; each needs its own random state.
        scaled: float16 training, which needs the state of the gradient scaler.
        sharded: FSDP or DeepSpeed, whose files for weights and optimizer have other names and are not checked.
    """
    try:
        state = json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return f"it has no {_STATE}"
    except (ValueError, OSError):
        return f"its {_STATE} cannot be read"
    if not isinstance(state, dict):
        return f"its {_STATE} was not written by Trainer"
    best = state.get("best_model_checkpoint")
    if best and Path(best).name != checkpoint.name:
        if not Path(best).is_dir():
            return f"the best checkpoint so far, {best}, does not exist"
        if not sharded and (fault := _fault_of_weights(Path(best))) is not None:
            return f"the best checkpoint so far, {best}, is incomplete ({fault})"
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
    weights = [checkpoint / name for name in _WEIGHTS if (checkpoint / name).is_file()]
    if not weights:
        return "it has no model.safetensors or adapter_model.safetensors"
    for path in {*weights, *checkpoint.glob("model-*.safetensors")}:
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
                with safe_open(path, framework="np"):  # reads the header and compares it with the file size
                    pass
        except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, OSError):
            return f"its {path.name} is cut short or damaged"
    return None
