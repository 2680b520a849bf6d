"""Fine-tuning: from a checkpoint and labelled sequences to a model that predicts."""

from hf_dnalm.training.arguments import DataArguments, FineTuningArguments, MethodArguments, ModelArguments
from hf_dnalm.training.fine_tuning import FineTuneResult, finetune, run
from hf_dnalm.training.labelled_data import read_splits
from hf_dnalm.training.start import head_settings, load_for_task, model_class, start_model

__all__ = [
    "DataArguments",
    "FineTuneResult",
    "FineTuningArguments",
    "MethodArguments",
    "ModelArguments",
    "finetune",
    "head_settings",
    "load_for_task",
    "model_class",
    "read_splits",
    "run",
    "start_model",
]
