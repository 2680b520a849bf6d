"""run.json in the output folder: what a run's numbers depend on, so that a resumed run is proven to be the same."""

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
# What may change when a run goes on: where and how much is logged, how files are read and pushed, what is done at the
# end. Everything else decides the weights or which of them are kept.
_MAY_CHANGE = (
    *("output_dir", "run_name", "resume_from_checkpoint", "save_total_limit", "local_rank", "ddp_timeout", "do_train"),
    *("do_eval", "do_predict", "report_to", "disable_tqdm", "project", "trackio_space_id", "skip_memory_metrics"),
    *("torch_empty_cache_steps", "include_num_input_tokens_seen", "batch_eval_metrics", "eval_on_start", "debug"),
    *("per_device_eval_batch_size", "eval_accumulation_steps", "dataloader_num_workers", "dataloader_pin_memory"),
    *("dataloader_persistent_workers", "dataloader_prefetch_factor", "restore_callback_states_from_checkpoint"),
)
_MAY_CHANGE_BEGIN = ("log", "hub_", "push_to_hub", "include_for")
_METHOD_MAY_CHANGE = ("resume", "overwrite", "baseline", "bootstrap", "merge")


def run_record(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    splits: Mapping[str, Dataset],
    task: Task,
    arguments: FineTuningArguments,
    options: MethodArguments,
) -> dict[str, Any]:
    """What the numbers of a run depend on, as plain JSON values. Other versions do not make it another run.

    Args:
        model: with its start weights, before an adapter is put into it.
        splits: all three, as they are used.
        arguments: with what depends on task and method filled in.
    """
    training = {
        name: value
        for name, value in arguments.to_dict().items()
        if name not in _MAY_CHANGE and not name.startswith(_MAY_CHANGE_BEGIN)
    }
    method = {name: value for name, value in dataclasses.asdict(options).items() if name not in _METHOD_MAY_CHANGE}
    learnt = {name: value for name, value in task.to_dict().items() if name in _OF_TASK}
    start = model_fingerprint(model, tokenizer)
    record = {
        "training": training | {"processes": arguments.world_size},
        "method": method,
        "task": learnt,
        "rows": {f"rows of {name}": digest for name, digest in digests_of(splits).items()},
        "versions": versions(),
        "start": {"start weights": start["model"], "tokenizer": start["tokenizer"]},
    }
    return json.loads(json.dumps(record, default=str))


_OF_TASK = ("problem_type", "label_names", "metric", "level", "bin_bp", "pair", "label_groups")


def check_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Refuse to go on with a run in `folder` that is not the one of `record`.

    Raises:
        ValueError: the folder's record differs, and the message says in what; it is damaged, or there is none next to
            checkpoints.
    """
    path = folder / RECORD
    if not path.is_file():
        if any(folder.glob("checkpoint-*")):
            raise ValueError(
                f"{folder} has checkpoints but no {RECORD}, so nothing tells whether they are of this run. Choose "
                "another output folder, or start again with --overwrite (overwrite=True)."
            )
        return
    before = read_json(path)
    if not isinstance(before, dict) or not all(isinstance(each, dict) for each in before.values()):
        raise ValueError(f"{path}: not the record of a run. Start again with --overwrite (overwrite=True).")
    # Settings that one version of transformers knows and the other does not are no difference.
    known = before.get("training", {}).keys() & record["training"].keys()
    both = [
        {**each, "training": {name: each["training"][name] for name in known}, "versions": {}}
        for each in ({"training": {}, **before}, record)
    ]
    advice = "Give the settings and files of that run, choose another output folder, or start again with --overwrite"
    refuse_another_run(both[0], both[1], folder, f"{advice} (overwrite=True)")


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Note in the folder what its run is."""
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / RECORD) as partial:
        partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
