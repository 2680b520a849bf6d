"""The model that a run starts from: a checkpoint with a head for the task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from hf_dnalm.auto import AutoConfig, AutoModelForSequenceClassification, AutoModelForTokenClassification
from hf_dnalm.tasks import Task

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel


def load_for_task(
    source: str, task: Task, *, seed: int, revision: str | None = None, pooling: str | None = None
) -> PreTrainedModel:
    """A checkpoint with a head for the task, in float32; a new head's weights follow from the seed alone.

    Args:
        source: folder or Hub id. A head for other outputs is left behind; one that fits is trained on.
        pooling: "cls", "mean" or "max"; None = as the checkpoint's config says.

    Raises:
        ValueError: the checkpoint is damaged, or its family has no choice of pooling.
    """
    where = {} if revision is None else {"revision": revision}
    settings: dict[str, Any] = head_settings(task)
    if pooling is not None:
        if not hasattr(AutoConfig.from_pretrained(source, **where), "classifier_pooling"):
            raise ValueError(f"{source}: the heads of this family have one pooling of their own; leave out --pooling")
        settings["classifier_pooling"] = pooling
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, info = model_class(task).from_pretrained(
            source, dtype=torch.float32, ignore_mismatched_sizes=True, output_loading_info=True, **settings, **where
        )
    encoder = sorted(key for key, *_ in info["mismatched_keys"] if key.startswith(f"{model.base_model_prefix}."))
    if encoder:
        raise ValueError(f"{source}: {encoder[0]} has another shape in the weights than config.json says")
    return model


def model_class(task: Task) -> Any:
    """The Auto class with a head for this task's level."""
    return AutoModelForSequenceClassification if task.level == "sequence" else AutoModelForTokenClassification


def head_settings(task: Task) -> dict[str, Any]:
    """The fields of a config that say what the head's outputs are."""
    return {
        "problem_type": task.problem_type,
        "id2label": task.id2label,
        "label2id": {name: index for index, name in task.id2label.items()},
    }


def describe_inputs(config: PreTrainedConfig, task: Task) -> None:
    """Write into a config what the task has beyond transformers' own fields: bins, pairs of sequences.

    Where a task has neither, nothing is written, so that the config stays as transformers writes it.
    """
    for name, value, otherwise in (("bin_bp", task.bin_bp, None), ("sequence_pairs", task.pair, False)):
        if value != getattr(config, name, otherwise):
            setattr(config, name, value)
