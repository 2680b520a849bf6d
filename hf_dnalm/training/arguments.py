"""What can be set for a fine-tuning run: which model, which data, how it is trained. Each field is a flag."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from transformers import TrainingArguments

from hf_dnalm.data.splits import SplitRule

# Adapters and heads start from nothing and stand steps that would wreck pretrained weights.
LEARNING_RATES = {"full": 5e-5, "lora": 5e-4, "ia3": 5e-3, "probe": 1e-3}

TASK_METRIC = "task"  # stands for "the metric of the task" until the task is known


@dataclass
class ModelArguments:
    """Which model to start from."""

    _argument_group_name: ClassVar[str] = "model"

    model: str | None = field(default=None, metadata={"help": "Checkpoint: a folder or a Hub id."})
    revision: str | None = field(default=None, metadata={"help": "Branch, tag or commit of a Hub id."})
    config: str | None = field(
        default=None,
        metadata={"help": "Start from random weights instead, of the shape that this JSON file gives."},
    )
    pooling: Literal["cls", "mean", "max"] | None = field(
        default=None,
        metadata={"help": "What the head reads of all tokens; by default as the checkpoint says."},
    )

    def __post_init__(self) -> None:
        if (self.model is None) == (self.config is None):
            raise ValueError("give either --model (a checkpoint) or --config (a JSON file, for random weights)")


@dataclass
class DataArguments:
    """What to learn: a benchmark task, or a file of one's own."""

    _argument_group_name: ClassVar[str] = "data"

    task: str | None = field(
        default=None,
        metadata={"help": "Benchmark task as SUITE/NAME, e.g. pgb/promoter_strength.leaf; see `dnalm list --tasks`."},
    )
    data_dir: str | None = field(
        default=None, metadata={"help": "Local folder in the benchmark's own layout, in place of the Hub."}
    )
    reference: str | None = field(
        default=None,
        metadata={
            "help": "FASTA of the assembly, for tasks whose files hold coordinates; CLASS=FILE,CLASS=FILE where "
            "classes are of different genomes."
        },
    )
    sequence_length: int | None = field(
        default=None, metadata={"help": "bp of the windows that a long-range task cuts from the reference."}
    )
    allow_subset: bool = field(
        default=False, metadata={"help": "Take files with fewer rows than were published; the report says so."}
    )
    deduplicate: bool = field(
        default=False,
        metadata={"help": "Leave out training rows that stand in validation or test, on either strand."},
    )
    folds: int | None = field(
        default=None,
        metadata={"help": "Make the splits anew as one fold of a k-fold cross-validation with this many folds."},
    )
    fold: int | None = field(default=None, metadata={"help": "Which of them, counted from 0."})
    validation_chromosomes: list[str] = field(
        default_factory=list,
        metadata={"help": "Make the splits anew by chromosome, as the rows' names say it (chr5:1000-1500)."},
    )
    test_chromosomes: list[str] = field(
        default_factory=list, metadata={"help": "Beside them: the chromosomes that are scored at the end."}
    )
    train: str | None = field(default=None, metadata={"help": "Labelled sequences: FASTA, CSV, TSV, Parquet or JSONL."})
    validation: str | None = field(default=None, metadata={"help": "Chooses the best epoch; else 10 %% of --train."})
    test: str | None = field(
        default=None, metadata={"help": "Scored at the end; else cut from --train, and the report says how."}
    )
    sequence_column: str = field(default="sequence", metadata={"help": "Column with the DNA."})
    sequence2_column: str | None = field(
        default=None, metadata={"help": "Column with the second sequence of each pair; without it there are no pairs."}
    )
    labels_column: str = field(default="labels", metadata={"help": "Column with the labels; several: a,b,c."})
    name_column: str = field(default="name", metadata={"help": "Column with the names, where there is one."})
    problem_type: Literal["single_label_classification", "multi_label_classification", "regression"] | None = field(
        default=None, metadata={"help": "What the labels are; by default as they look."}
    )
    missing_labels: Literal["error", "drop"] = field(
        default="error",
        metadata={
            "help": "What happens to a record without a label (empty, NaN; next to numbers also NA, None, '-', '.' "
            "and '?'): error refuses the file, drop leaves the record out and counts it in the report."
        },
    )
    level: Literal["sequence", "nucleotide", "bin"] = field(
        default="sequence",
        metadata={"help": "What the labels are of: sequences, each base, or each --bin_bp bases; lists of --train."},
    )
    bin_bp: int | None = field(default=None, metadata={"help": "Bases in a bin, with --level bin."})
    metric: str | None = field(
        default=None, metadata={"help": "Primary metric; by default mcc, auroc or r2, by problem type."}
    )

    @property
    def split_rule(self) -> SplitRule:
        """How the splits are made anew, if at all."""
        return SplitRule(self.folds, self.fold, tuple(self.validation_chromosomes), tuple(self.test_chromosomes))

    def __post_init__(self) -> None:
        _ = self.split_rule  # refuses what does not go together
        if (self.task is None) == (self.train is None):
            raise ValueError("give either --task SUITE/NAME (a benchmark task) or --train FILE (your own data)")
        if self.task is not None:
            only_files = ("validation", "test", "problem_type", "metric", "sequence2_column")
            own = [f"--{name}" for name in only_files if getattr(self, name)]
            own += ["--level"] if self.level != "sequence" else []
            own += ["--missing_labels"] if self.missing_labels != "error" else []
            if own:
                raise ValueError(f"{', '.join(own)} are for --train FILE; a benchmark task brings its own")
        elif self.data_dir is not None or self.allow_subset or self.reference is not None or self.sequence_length:
            raise ValueError(
                "--data_dir, --reference, --sequence_length and --allow_subset are for --task SUITE/NAME; with --train "
                "give the files"
            )


@dataclass
class MethodArguments:
    """How the model is fine-tuned, beyond what every Trainer can do."""

    _argument_group_name: ClassVar[str] = "method"

    method: Literal["full", "lora", "ia3", "probe"] = field(
        default="full",
        metadata={"help": "Train all weights, a LoRA or IA3 adapter with the head, or the head on a frozen encoder."},
    )
    lora_rank: int = field(default=8, metadata={"help": "Rank of the LoRA update."})
    lora_alpha: float = field(default=16, metadata={"help": "The LoRA update is scaled by alpha / rank."})
    lora_dropout: float = field(default=0.0, metadata={"help": "Dropout in front of the LoRA update."})
    merge: bool = field(
        default=True,
        metadata={"help": "Write the model with the adapter merged in, beside adapter/, so that any tool reads it."},
    )
    max_tokens: int | None = field(
        default=None, metadata={"help": "Longest input in tokens; by default what the model reads."}
    )
    overflow: Literal["error", "truncate"] = field(
        default="error", metadata={"help": "What happens to a sequence with more tokens than that."}
    )
    reverse_complement: bool = field(
        default=False,
        metadata={"help": "Read half of the training sequences, drawn anew each epoch, from the other strand."},
    )
    class_weights: str = field(
        default="none",
        metadata={
            "help": "What classes count in the loss: none (all the same), balanced (rare ones more), a number for "
            "positives (8), or one for each class (1,100,100)."
        },
    )
    early_stopping_patience: int | None = field(
        default=None, metadata={"help": "Stop after this many evaluations without a better metric."}
    )
    baseline: bool = field(
        default=False,
        metadata={"help": "Score a linear model on k-mer counts, and the majority class, on the same splits."},
    )
    bootstrap: int = field(default=1000, metadata={"help": "Resamplings of the test set behind the 95 %% intervals."})
    resume: bool = field(
        default=False,
        metadata={"help": "Go on from the last checkpoint in --output_dir; without one, start afresh."},
    )
    overwrite: bool = field(default=False, metadata={"help": "Replace what an earlier run left in --output_dir."})

    def __post_init__(self) -> None:
        if self.resume and self.overwrite:
            raise ValueError("--resume goes on with a run and --overwrite replaces it; give one of them")
        for name in ("lora_rank", "early_stopping_patience", "max_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"--{name} is {value}; it must be at least 1")


@dataclass
class FineTuningArguments(TrainingArguments):
    """transformers' own TrainingArguments, all of them, with defaults for fine-tuning on DNA.

    Evaluates and saves after each epoch, keeps the checkpoint that is best by the task's metric, groups sequences of
    like length, and reports to no service. Saving follows `eval_strategy` unless `save_strategy` is given.
    """

    _argument_group_name: ClassVar[str] = "training (every flag of transformers.TrainingArguments)"

    learning_rate: float | None = field(  # type: ignore[assignment]
        default=None,
        metadata={"help": "Initial learning rate; by default 5e-5 (full), 5e-4 (lora), 5e-3 (ia3) or 1e-3 (probe)."},
    )
    warmup_steps: float = field(
        default=0.05, metadata={"help": "Steps over which the learning rate rises; below 1 a share of all steps."}
    )
    per_device_eval_batch_size: int = field(default=32, metadata={"help": "Batch size per device for evaluation."})
    train_sampling_strategy: str = field(
        default="group_by_length",
        metadata={"help": "Order of the examples: random, sequential, group_by_length or batch_rebalance."},
    )
    eval_strategy: str = field(default="epoch", metadata={"help": "When to evaluate: no, steps or epoch."})
    save_strategy: str | None = field(  # type: ignore[assignment]
        default=None, metadata={"help": "When to save: no, steps, epoch or best; by default whenever it evaluates."}
    )
    save_total_limit: int | None = field(
        default=2, metadata={"help": "Checkpoints kept; the best and the last one always are."}
    )
    load_best_model_at_end: bool = field(
        default=True, metadata={"help": "Keep the best checkpoint by --metric_for_best_model, not the last."}
    )
    metric_for_best_model: str | None = field(
        default=TASK_METRIC, metadata={"help": "Which number is best; `task` is the task's own metric."}
    )
    restore_callback_states_from_checkpoint: bool = field(
        default=True, metadata={"help": "Early stopping goes on counting after a resume."}
    )
    logging_steps: float = field(
        default=0.02, metadata={"help": "Log every so many steps; below 1 a share of all steps."}
    )

    def __post_init__(self) -> None:
        if self.save_strategy is None:
            self.save_strategy = self.eval_strategy
            if self.eval_strategy == "steps":
                self.eval_steps = self.save_steps = self.eval_steps or self.logging_steps
        if self.eval_strategy == "no":
            self.load_best_model_at_end = False
        if not torch.accelerator.is_available():
            self.use_cpu = True  # transformers refuses --bf16 without it
            self.dataloader_pin_memory = False  # torch warns in every epoch otherwise
        super().__post_init__()
