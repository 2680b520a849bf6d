"""Fine-tune: a checkpoint and labelled sequences go in, a trained model with a report of its test metrics comes out."""

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

_NO_LIMIT = 1_000_000_000  # tokenizers of models without a longest input carry 1e30


@dataclass(frozen=True)
class FineTuneResult:
    """What a run gave.

    Attributes:
        output_dir: the best model whole (or `adapter/` alone, when it was not merged), its tokenizer in genome mode, as
            it was trained (see `as_trained`), `report/`, `task.json`.
        task: what was learnt.
        evaluation: of the best model on the test split, with intervals.
        baselines: of a linear model on k-mer counts and of the majority class or mean, on the same splits; empty when
            they were not asked for, and on all processes but the first.
        history: Trainer's log: losses, learning rates and validation metrics by step.
        report: the files that were written; None on all processes but the first.
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
    """Fine-tune a model on a task, score it on the test split and write model and report.

    Args:
        model: a folder, a Hub id, or a model with a head for this task, which is then trained in place.
        splits: `train`, `validation` and `test` with columns `name`, `sequence` and `labels`; see `complete_splits`
            for what happens where one is missing.
        task: what the labels mean, and the metric that chooses the best checkpoint.
        output_dir: empty or new, unless `resume` or `overwrite`.
        tokenizer: needed when `model` is not a folder or id.
        method: "full" trains all weights, "lora" and "ia3" an adapter and the head (needs peft), "probe" the head.
        lora_rank, lora_alpha, lora_dropout: the update of a weight is alpha / rank × B A.
        merge: after an adapter run, write the model with the adapter in its weights, beside `adapter/`.
        max_tokens: longest input; None = what the tokenizer says the model reads.
        overflow: "error" refuses longer sequences, "truncate" keeps their first tokens.
        reverse_complement: read each training sequence from the other strand with probability 1/2, drawn anew in each
            epoch as a function of (seed, epoch, index).
        class_weights: "balanced" lets each class count the same in the loss; "8" gives positives 8 times the weight,
            "1,100,100" each class its own.
        early_stopping_patience: evaluations without a better metric before training stops.
        baseline: also score a linear model on k-mer counts and the majority class (or mean) on the same splits.
        bootstrap: resamplings of the test split behind the 95 % intervals.
        resume: go on from the last whole checkpoint in `output_dir`; where there is none, start afresh. What differs
            from the run in there (rows, start weights, method, training arguments) is refused by name; only logging,
            loading and reporting may change.
        overwrite: remove what an earlier run left there.
        **training_arguments: any of transformers.TrainingArguments; defaults as in `FineTuningArguments`.

    Raises:
        ValueError: sequences, labels or settings that do not fit; the message says which and the way out.
        ImportError: an adapter was asked for and peft is not installed.
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
            raise ValueError("a model in memory comes without its tokenizer; pass tokenizer=…")
        return run(model, tokenizer, splits, task, arguments, options)


def run(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    splits: Mapping[str, Dataset],
    task: Task,
    arguments: FineTuningArguments,
    options: MethodArguments,
) -> FineTuneResult:
    """`finetune` with its settings as the two objects that the command line parses, in a folder that is held for it."""
    folder = Path(arguments.output_dir or "")
    if given := arguments.resume_from_checkpoint:
        kind = {"processes": arguments.world_size, "sharded": _sharded(arguments)}
        refuse_named_checkpoint(Path(given), folder, overwrite=options.overwrite, **kind)
    tokenizer = as_trained(tokenizer)  # it goes into the folder, and reads letters there as they are read here
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
    if given:
        check_record(Path(given).parent, record)
    trained = _prepare(model, source, options, seed=arguments.seed)
    trainable = trainable_parameters(trained)

    PartialState().wait_for_everyone()  # nobody writes before everybody has looked at the folder
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
            settings=_settings(trainer, source, trainable, complete.how, options),
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
    """Token ids of all splits; both strands of the training split when it is augmented."""
    limit = tokenizer.model_max_length if tokenizer.model_max_length < _NO_LIMIT else None
    if options.max_tokens is not None and limit is not None and options.max_tokens > limit:
        raise ValueError(f"max_tokens is {options.max_tokens:,}, but the model reads {limit:,} tokens")
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
    """A linear model on k-mer counts, and the predictor that never looks at the sequence."""
    about: dict[str, Any] = {"bootstrap": options.bootstrap, "seed": seed}
    both = options.reverse_complement
    return (
        kmer_baseline(task, splits["train"], splits["test"], both_strands=both, **about),
        majority_baseline(task, splits["train"], splits["test"], **about),
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
    """A copy in which what depends on task and method is filled in."""
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
    """Train to the end, from the last checkpoint where there is one to go on from."""
    given, folder = trainer.args.resume_from_checkpoint, Path(trainer.args.output_dir or "")
    kind = {
        "processes": trainer.args.world_size,
        "sharded": bool(trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled),
        "scaled": trainer.accelerator.scaler is not None,
    }
    checkpoint = Path(given) if given else last_checkpoint(folder, **kind) if resume else None
    if checkpoint is None:
        if resume:
            logger.info("there is no checkpoint in %s: starting afresh", folder)
        trainer.train()
        return
    logger.info("going on from %s", checkpoint)
    state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
    for name in ("logging_steps", "eval_steps", "save_steps"):
        if 0 < (getattr(trainer.args, name) or 0) < 1:  # a share of all steps, which the run has by now counted out
            setattr(trainer.args, name, getattr(state, name))
    if stopped_early(checkpoint):
        trainer.state = state
        trainer._load_from_checkpoint(trainer.state.best_model_checkpoint or str(checkpoint))
    else:
        trainer.train(resume_from_checkpoint=str(checkpoint))


def _sharded(arguments: FineTuningArguments) -> bool:
    """Whether the weights are spread over processes, as the arguments or `accelerate launch` say."""
    by_launcher = any(parse_flag_from_env(name) for name in ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"))
    return bool(arguments.fsdp or arguments.deepspeed) or by_launcher


def _save(
    trainer: FineTuningTrainer, tokenizer: PreTrainedTokenizerBase, folder: Path, options: MethodArguments
) -> None:
    """The best model, whole; of an adapter run the adapter, and the model with the adapter in its weights."""
    if options.method in ("full", "probe"):
        trainer.save_model(str(folder))
    elif trainer.is_world_process_zero():
        adapted = trainer.accelerator.unwrap_model(trainer.model)
        save_adapter(adapted, tokenizer, folder / "adapter")
        if options.merge:
            merge_adapter(adapted).save_pretrained(folder)
            tokenizer.save_pretrained(folder)


def _settings(
    trainer: FineTuningTrainer, source: BaseWeights | None, trainable: int, how_split: str, options: MethodArguments
) -> dict[str, Any]:
    """What the report says of how the model came to be."""
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
