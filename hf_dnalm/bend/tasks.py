"""The tasks of BEND and of its users, which the room `data` reads: here under the name that the rest of BEND uses."""

from hf_dnalm.data.benchmarks.bend.definition import PADDING, BendTask
from hf_dnalm.data.benchmarks.bend.task_files import task_from_yaml as from_yaml
from hf_dnalm.data.benchmarks.bend.tasks import TASKS, find_task

__all__ = ["PADDING", "TASKS", "BendTask", "find_task", "from_yaml"]
