"""run.json in the output folder: everything that a run's numbers depend on, compared when the run is resumed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_dnalm.damage import read_json
from hf_dnalm.data.digests import digests_of
from hf_dnalm.evaluation.model_scores import versions
from hf_dnalm.inference.output_files import whole_file
from hf_dnalm.inference.shards import model_fingerprint
from hf_dnalm.same_run import refuse_another_run
from hf_dnalm.tasks import Task

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from hf_dnalm.training.arguments import FineTuningArguments, MethodArguments

RECORD = "run.json"
# Settings that may change when a run is resumed: logging, loading of data, uploads, and the steps after training.
# All other settings affect the weights or which weights are kept.
_MAY_CHANGE = (
    *("output_dir", "run_name", "resume_from_checkpoint", "save_total_limit", "local_rank", "ddp_timeout", "do_train"),
    *("do_eval", "do_predict", "report_to", "disable_tqdm", "project", "trackio_space_id", "skip_memory_metrics"),
    *("torch_empty_cache_steps", "include_num_input_tokens_seen", "batch_eval_metrics", "eval_on_start", "debug"),
    *("per_device_eval_batch_size", "eval_accumulation_steps", "dataloader_num_workers", "dataloader_pin_memory"),
    *("dataloader_persistent_workers", "dataloader_prefetch_factor", "restore_callback_states_from_checkpoint"),
)
_MAY_CHANGE_BEGIN = ("log", "hub_", "push_to_hub", "include_for")
_METHOD_MAY_CHANGE = ("resume", "overwrite", "baseline", "bootstrap", "merge")
_TASK_FIELDS = ("problem_type", "label_names", "metric", "level", "bin_bp", "pair", "label_groups")


def run_record(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    splits: Mapping[str, Dataset],
    task: Task,
    arguments: FineTuningArguments,
    options: MethodArguments,
) -> dict[str, Any]:
    """Everything that the numbers of a run depend on, as plain JSON values.

    Versions of packages are recorded, but not compared by `check_record`.

    Args:
        model: with its initial weights, before an adapter is added.
        splits: all three, as they are used.
        arguments: after the defaults that depend on task and method are filled in.
    """
    training = {
        name: value
        for name, value in arguments.to_dict().items()
        if name not in _MAY_CHANGE and not name.startswith(_MAY_CHANGE_BEGIN)
    }
    method = {name: value for name, value in dataclasses.asdict(options).items() if name not in _METHOD_MAY_CHANGE}
    task_fields = {name: value for name, value in task.to_dict().items() if name in _TASK_FIELDS}
    start = model_fingerprint(model, tokenizer)
    record = {
        "training": training | {"processes": arguments.world_size},
        "method": method,
        "task": task_fields,
        "rows": {f"rows of {name}": digest for name, digest in digests_of(splits).items()},
        "versions": versions(),
        "start": {"start weights": start["model"], "tokenizer": start["tokenizer"]},
    }
    return json.loads(json.dumps(record, default=str))


def check_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Refuse to continue a run in `folder` whose record differs from `record`.

    Raises:
        ValueError: the records differ, and the message lists the differences; the folder's record is damaged; or the
            folder has checkpoints but no record.
    """
    path = folder / RECORD
    if not path.is_file():
        if any(folder.glob("checkpoint-*")):
            raise ValueError(
                f"{folder} has checkpoints but no {RECORD}, so it is unknown whether they belong to this run. Choose "
                "another output folder, or start again with --overwrite (overwrite=True)."
            )
        return
    before = read_json(path)
    if not isinstance(before, dict) or not all(isinstance(each, dict) for each in before.values()):
        raise ValueError(f"{path} is not the record of a run. Start again with --overwrite (overwrite=True).")
    # Only settings that both versions of transformers have are compared.
    known = before.get("training", {}).keys() & record["training"].keys()
    both = [
        {**each, "training": {name: each["training"][name] for name in known}, "versions": {}}
        for each in ({"training": {}, **before}, record)
    ]
    advice = "Use the settings and files of that run, choose another output folder, or start again with --overwrite"
    refuse_another_run(both[0], both[1], folder, f"{advice} (overwrite=True)")


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write the record into the folder, which is made if it does not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / RECORD) as partial:
        partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
