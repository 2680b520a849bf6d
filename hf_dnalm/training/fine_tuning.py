"""Fine-tune a checkpoint on labelled sequences; the output is a trained model with a report of its test metrics."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from accelerate import PartialState
from accelerate.utils import parse_flag_from_env
from transformers import TrainerState

from hf_dnalm.auto import AutoTokenizer
from hf_dnalm.data import encode_dataset
from hf_dnalm.evaluation import Evaluation, kmer_baseline, majority_baseline, write_report
from hf_dnalm.evaluation.table import check_metric
from hf_dnalm.inference.inputs import token_limit
from hf_dnalm.tasks import Task
from hf_dnalm.tokenization.dna_tokenizer import as_trained
from hf_dnalm.training.adapters import (
    BaseWeights,
    add_adapter,
    freeze_encoder,
    merge_adapter,
    save_adapter,
    trainable_parameters,
)
from hf_dnalm.training.arguments import LEARNING_RATES, TASK_METRIC, FineTuningArguments, MethodArguments
from hf_dnalm.training.losses import TaskLoss, balanced_class_weights, given_class_weights
from hf_dnalm.training.output_folder import (
    claimed_folder,
    clear_earlier_run,
    last_checkpoint,
    refuse_named_checkpoint,
    stopped_early,
)
from hf_dnalm.training.run_record import check_record, run_record, write_record
from hf_dnalm.training.splits import complete_splits
from hf_dnalm.training.start import describe_inputs, load_for_task
from hf_dnalm.training.trainer import FineTuningTrainer

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from hf_dnalm.evaluation import ReportFiles

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FineTuneResult:
    """The result of a fine-tuning run.

    Attributes:
        output_dir: folder with the best model (or only `adapter/`, if it was not merged), the tokenizer in the genome
            mode of training (see `as_trained`), `report/` and `task.json`.
        task: the task that was trained.
        evaluation: metrics of the best model on the test split, with intervals.
        baselines: metrics of a linear model on k-mer counts and of the majority class or mean, on the same splits.
            Empty if they were not requested, and on all processes but the first.
        history: Trainer's log: losses, learning rates and validation metrics by step.
        report: paths of the report's files; None on all processes but the first.
    """

    output_dir: Path
    task: Task
    evaluation: Evaluation
    baselines: tuple[Evaluation, ...]
    history: list[dict[str, Any]]
    report: ReportFiles | None


def finetune(
    model: PreTrainedModel | str | Path,
    splits: Mapping[str, Dataset],
    task: Task,
    *,
    output_dir: str | Path,
    tokenizer: PreTrainedTokenizerBase | None = None,
    method: Literal["full", "lora", "ia3", "probe"] = "full",
    lora_rank: int = 8,
    lora_alpha: float = 16,
    lora_dropout: float = 0.0,
    merge: bool = True,
    max_tokens: int | None = None,
    overflow: Literal["error", "truncate"] = "error",
    reverse_complement: bool = False,
    class_weights: str = "none",
    early_stopping_patience: int | None = None,
    baseline: bool = False,
    bootstrap: int = 1000,
    resume: bool = False,
    overwrite: bool = False,
    **training_arguments: Any,
) -> FineTuneResult:
    """Fine-tune a model on a task, score it on the test split, and write the model and a report.

    Args:
        model: a folder, a Hub id, or a model with a head for this task, which is then trained in place.
        splits: `train`, `validation` and `test` with columns `name`, `sequence` and `labels`. `complete_splits`
            describes how missing splits are drawn.
        task: meaning of the labels, and the metric that chooses the best checkpoint.
        output_dir: must be new or empty, unless `resume` or `overwrite` is set.
        tokenizer: required if `model` is a model in memory.
        method: "full" trains all weights, "lora" and "ia3" an adapter and the head (needs peft), "probe" the head.
        lora_rank, lora_alpha, lora_dropout: the update of a weight is alpha / rank × B A.
        merge: after an adapter run, also write the model with the adapter merged into its weights.
        max_tokens: longest input in tokens; None: the tokenizer's `model_max_length`.
        overflow: "error" refuses longer sequences, "truncate" keeps their first tokens.
        reverse_complement: in each epoch, replace a random half of the training sequences by their reverse complements.
            The choice is a function of (seed, epoch, index).
        class_weights: "balanced" gives every class the same share of the loss; "8" weights positives by 8; "1,100,100"
            gives the weight of each class.
        early_stopping_patience: evaluations without a better metric before training stops; None: never.
        baseline: also score a linear model on k-mer counts and the majority class (or mean) on the same splits.
        bootstrap: resamples of the test split for the 95 % intervals; 0: no intervals.
        resume: continue from the last complete checkpoint in `output_dir`, or start from the beginning if there is
            none. A run with other rows, initial weights, method or training arguments is refused, and the message lists
            the differences; only logging, loading and reporting may change.
        overwrite: delete the files of an earlier run in `output_dir`.
        **training_arguments: any of transformers.TrainingArguments; defaults as in `FineTuningArguments`.

    Raises:
        ValueError: sequences, labels or settings do not fit; the message names them and the remedy.
        ImportError: method is "lora" or "ia3" and peft is not installed.
    """
    options = MethodArguments(
        method=method,
        lora_rank=lora_rank,
        lora_alpha=lora_alpha,
        lora_dropout=lora_dropout,
        merge=merge,
        max_tokens=max_tokens,
        overflow=overflow,
        reverse_complement=reverse_complement,
        class_weights=class_weights,
        early_stopping_patience=early_stopping_patience,
        baseline=baseline,
        bootstrap=bootstrap,
        resume=resume,
        overwrite=overwrite,
    )
    arguments = FineTuningArguments(output_dir=str(output_dir), **training_arguments)
    inputs = [model] if isinstance(model, str | Path) else []
    with claimed_folder(Path(output_dir), inputs=inputs, resume=resume, overwrite=overwrite):
        if isinstance(model, str | Path):
            source = str(model)
            model = load_for_task(source, task, seed=arguments.seed)
            tokenizer = AutoTokenizer.from_pretrained(source) if tokenizer is None else tokenizer
        if tokenizer is None:
            raise ValueError("the model is in memory, so its tokenizer is not known. Pass tokenizer=….")
        return run(model, tokenizer, splits, task, arguments, options)


def run(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    splits: Mapping[str, Dataset],
    task: Task,
    arguments: FineTuningArguments,
    options: MethodArguments,
) -> FineTuneResult:
    """`finetune` with its settings as two objects; the caller has locked the output folder with `claimed_folder`."""
    folder = Path(arguments.output_dir or "")
    if checkpoint := arguments.resume_from_checkpoint:
        kind = {"processes": arguments.world_size, "sharded": _sharded(arguments)}
        refuse_named_checkpoint(Path(checkpoint), folder, overwrite=options.overwrite, **kind)
    tokenizer = as_trained(tokenizer)  # so that the saved tokenizer reads letters as in training
    check_metric(task)
    complete = complete_splits(splits, task, seed=arguments.seed)
    encoded = _encode(complete.splits, model, tokenizer, task, options)
    loss = _loss(complete.splits["train"], task, arguments, options)
    arguments = _arguments_for(task, arguments, options)
    describe_inputs(model.config, task)
    source = BaseWeights.of(model)
    record = run_record(model, tokenizer, complete.splits, task, arguments, options)
    if options.resume:
        check_record(folder, record)
    if checkpoint:
        check_record(Path(checkpoint).parent, record)
    trained = _prepare(model, source, options, seed=arguments.seed)
    trainable = trainable_parameters(trained)

    PartialState().wait_for_everyone()  # no process writes before all have checked the folder
    if PartialState().is_main_process:
        if options.overwrite:
            clear_earlier_run(folder)
        write_record(folder, record)
    trainer = FineTuningTrainer(
        trained,
        arguments,
        task,
        loss,
        tokenizer,
        train=encoded["train"],
        validation=encoded["validation"],
        early_stopping_patience=options.early_stopping_patience,
    )
    _train(trainer, resume=options.resume)
    logits, labels = trainer.logits(encoded["test"])
    evaluation = Evaluation.from_logits(
        task, logits, labels, split="test", bootstrap=options.bootstrap, seed=arguments.seed
    )
    _save(trainer, tokenizer, folder, options)
    baselines: tuple[Evaluation, ...] = ()
    report = None
    if trainer.is_world_process_zero():
        (folder / "task.json").write_text(json.dumps(task.to_dict(), indent=2) + "\n")
        if options.baseline:
            baselines = _baselines(complete.splits, task, options, seed=arguments.seed)
        report = write_report(
            evaluation,
            folder / "report",
            title=f"{task.name}: {options.method} fine-tuning",
            history=trainer.state.log_history,
            baseline=baselines,
            settings=_report_settings(trainer, source, trainable, complete.how, options),
        )
    trainer.accelerator.wait_for_everyone()
    return FineTuneResult(folder, task, evaluation, baselines, trainer.state.log_history, report)


def _encode(
    splits: DatasetDict,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    task: Task,
    options: MethodArguments,
) -> dict[str, Dataset]:
    """Token ids of all splits, with both strands of the training split if `options.reverse_complement`."""
    limit = token_limit(tokenizer)
    if options.max_tokens is not None and limit is not None and options.max_tokens > limit:
        raise ValueError(
            f"max_tokens is {options.max_tokens:,}, but the model reads at most {limit:,} tokens. Use a smaller value."
        )
    return {
        name: encode_dataset(
            tokenizer,
            split,
            max_tokens=options.max_tokens or limit,
            overflow=options.overflow,
            reverse_complement=options.reverse_complement and name == "train",
            level=task.level,
            bin_bp=task.bin_bp,
            vocab_size=model.config.vocab_size,
        )
        for name, split in splits.items()
    }


def _baselines(splits: DatasetDict, task: Task, options: MethodArguments, *, seed: int) -> tuple[Evaluation, ...]:
    """Metrics of a linear model on k-mer counts, and of the majority class or mean."""
    settings: dict[str, Any] = {"bootstrap": options.bootstrap, "seed": seed}
    both = options.reverse_complement
    return (
        kmer_baseline(task, splits["train"], splits["test"], both_strands=both, **settings),
        majority_baseline(task, splits["train"], splits["test"], **settings),
    )


def _loss(train: Dataset, task: Task, arguments: FineTuningArguments, options: MethodArguments) -> TaskLoss:
    match options.class_weights:
        case "none":
            weights = None
        case "balanced":
            weights = balanced_class_weights(task, train["labels"])
        case numbers:
            weights = given_class_weights(task, numbers)
    return TaskLoss(
        task.problem_type, bin_bp=task.bin_bp, weights=weights, label_smoothing=arguments.label_smoothing_factor
    )


def _arguments_for(task: Task, arguments: FineTuningArguments, options: MethodArguments) -> FineTuningArguments:
    """A copy with the settings filled in that depend on task and method."""
    arguments = copy.copy(arguments)
    if arguments.learning_rate is None:
        arguments.learning_rate = LEARNING_RATES[options.method]
    if arguments.metric_for_best_model == TASK_METRIC:
        arguments.metric_for_best_model, arguments.greater_is_better = task.metric, task.greater_is_better
    arguments.label_names = ["labels"]
    return arguments


def _prepare(
    model: PreTrainedModel, source: BaseWeights | None, options: MethodArguments, *, seed: int
) -> PreTrainedModel | PeftModel:
    match options.method:
        case "full":
            return model
        case "probe":
            freeze_encoder(model)
            return model
        case "lora" | "ia3":
            return add_adapter(
                model,
                options.method,
                base=source,
                rank=options.lora_rank,
                alpha=options.lora_alpha,
                dropout=options.lora_dropout,
                seed=seed,
            )


def _train(trainer: FineTuningTrainer, *, resume: bool) -> None:
    """Train to the end, from the named checkpoint, from the last complete one if `resume`, or from the beginning."""
    named, folder = trainer.args.resume_from_checkpoint, Path(trainer.args.output_dir or "")
    kind = {
        "processes": trainer.args.world_size,
        "sharded": bool(trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled),
        "scaled": trainer.accelerator.scaler is not None,
    }
    checkpoint = Path(named) if named else last_checkpoint(folder, **kind) if resume else None
    if checkpoint is None:
        if resume:
            logger.info("no complete checkpoint in %s, starting from the beginning", folder)
        trainer.train()
        return
    logger.info("continuing from %s", checkpoint)
    state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
    for name in ("logging_steps", "eval_steps", "save_steps"):
        if 0 < (getattr(trainer.args, name) or 0) < 1:  # a fraction of all steps, which the run has converted
            setattr(trainer.args, name, getattr(state, name))
    if stopped_early(checkpoint):
        trainer.state = state
        trainer._load_from_checkpoint(trainer.state.best_model_checkpoint or str(checkpoint))
    else:
        trainer.train(resume_from_checkpoint=str(checkpoint))


def _sharded(arguments: FineTuningArguments) -> bool:
    """Whether the weights are sharded over processes, by the arguments or by `accelerate launch`."""
    by_launcher = any(parse_flag_from_env(name) for name in ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"))
    return bool(arguments.fsdp or arguments.deepspeed) or by_launcher


def _save(
    trainer: FineTuningTrainer, tokenizer: PreTrainedTokenizerBase, folder: Path, options: MethodArguments
) -> None:
    """Write the best model; after an adapter run, the adapter and the model with the adapter merged."""
    if options.method in ("full", "probe"):
        trainer.save_model(str(folder))
    elif trainer.is_world_process_zero():
        adapted = trainer.accelerator.unwrap_model(trainer.model)
        save_adapter(adapted, tokenizer, folder / "adapter")
        if options.merge:
            merge_adapter(adapted).save_pretrained(folder)
            tokenizer.save_pretrained(folder)


def _report_settings(
    trainer: FineTuningTrainer, source: BaseWeights | None, trainable: int, how_split: str, options: MethodArguments
) -> dict[str, Any]:
    """The settings that the report lists."""
    arguments = trainer.args
    batch = arguments.train_batch_size * arguments.gradient_accumulation_steps * arguments.world_size
    settings = {
        "start": "random weights" if source is None else " @ ".join(each for each in source if each),
        "splits": how_split,
        "trainable_parameters": trainable,
        "learning_rate": arguments.learning_rate,
        "epochs": trainer.state.epoch,
        "sequences_per_step": batch,
        "seed": arguments.seed,
    }
    return settings | {
        name: value for name, value in dataclasses.asdict(options).items() if name not in ("resume", "overwrite")
    }
