"""transformers' Trainer with a reproducible order of examples, and metrics that do not depend on the batch size."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import EarlyStoppingCallback, EvalPrediction, Trainer

from hf_dnalm.data import SequenceCollator
from hf_dnalm.evaluation import compute_metrics
from hf_dnalm.inference.bins import bin_means
from hf_dnalm.tasks import Task
from hf_dnalm.training.arguments import FineTuningArguments
from hf_dnalm.training.augmentation import EncodedExamples, EpochClock, EpochSampler, LongestFirst
from hf_dnalm.training.losses import TaskLoss

if TYPE_CHECKING:
    from datasets import Dataset
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class FineTuningTrainer(Trainer):
    """A Trainer for one task.

    Args:
        train, validation: encoded splits.
        early_stopping_patience: evaluations without a better metric before training stops; None: never.
    """

    def __init__(
        self,
        model: PreTrainedModel | PeftModel,
        arguments: FineTuningArguments,
        task: Task,
        loss: TaskLoss,
        tokenizer: PreTrainedTokenizerBase,
        *,
        train: Dataset,
        validation: Dataset,
        early_stopping_patience: int | None = None,
    ) -> None:
        self.clock = EpochClock()
        self.data_seed = arguments.seed if arguments.data_seed is None else arguments.data_seed
        callbacks: list[Any] = [self.clock]
        if early_stopping_patience is not None:
            callbacks.append(EarlyStoppingCallback(early_stopping_patience))
        super().__init__(
            model=model,
            args=arguments,
            data_collator=SequenceCollator(tokenizer.pad_token_id, problem_type=task.problem_type, level=task.level),
            train_dataset=self.examples(train),
            eval_dataset=self.examples(validation),
            processing_class=tokenizer,
            compute_loss_func=loss,
            compute_metrics=metrics_of(task, loss),
            preprocess_logits_for_metrics=partial(_logits_only, bin_bp=task.bin_bp),
            callbacks=callbacks,
        )

    def examples(self, encoded: Dataset) -> EncodedExamples:
        """An encoded split as the dataset that this Trainer reads."""
        return EncodedExamples(encoded, clock=self.clock, seed=self.data_seed)

    def logits(self, encoded: Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Logits and labels of a split in its own order; the processes share the work, and each gets all rows."""
        examples = self.examples(encoded)
        output = self.predict(examples)
        order = LongestFirst(examples.lengths).order
        logits, labels = np.empty_like(output.predictions), np.empty_like(output.label_ids)
        logits[order], labels[order] = output.predictions, output.label_ids
        return logits, labels

    def _get_train_sampler(self, train_dataset: Any = None) -> torch.utils.data.Sampler | None:
        examples: Any = self.train_dataset if train_dataset is None else train_dataset
        group = {"random": None, "group_by_length": self.args.train_batch_size * self.args.gradient_accumulation_steps}
        if self.args.train_sampling_strategy not in group:
            return super()._get_train_sampler(examples)
        return EpochSampler(
            examples.lengths, group=group[self.args.train_sampling_strategy], clock=self.clock, seed=self.data_seed
        )

    def _get_eval_sampler(self, eval_dataset: Any) -> torch.utils.data.Sampler:
        return LongestFirst(eval_dataset.lengths)


def metrics_of(task: Task, loss: TaskLoss) -> Callable[[EvalPrediction], dict[str, float]]:
    """A function for `Trainer(compute_metrics=…)`: all metrics of the task, and the exact loss.

    Trainer's own evaluation loss is a mean over batches, so it depends on the batch size and the number of processes.
    """

    def compute(prediction: EvalPrediction) -> dict[str, float]:
        logits, labels = np.asarray(prediction.predictions), np.asarray(prediction.label_ids)
        value = loss.of_logits(torch.from_numpy(logits).float(), torch.from_numpy(labels))
        return {**compute_metrics(task, logits, labels), "loss": float(value)}

    return compute


def _logits_only(logits: Any, labels: torch.Tensor, *, bin_bp: int | None) -> torch.Tensor:
    """The logits of bases, or of bins if `bin_bp` is given.

    Hidden states and attentions, which some configs request, are dropped: they would fill the memory.
    """
    logits = logits[0] if isinstance(logits, tuple) else logits
    return logits if bin_bp is None else bin_means(logits.float(), bin_bp)
