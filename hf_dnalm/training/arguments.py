"""The settings of a fine-tuning run: model, data, method and training. Each field is a flag."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from transformers import TrainingArguments

from hf_dnalm.data.splits import SplitRule

# Adapters and heads start untrained and tolerate steps that would destroy pre-trained weights.
LEARNING_RATES = {"full": 5e-5, "lora": 5e-4, "ia3": 5e-3, "probe": 1e-3}

TASK_METRIC = "task"  # replaced by the name of the task's metric when the task is known


@dataclass
class ModelArguments:
    """The model to start from."""

    _argument_group_name: ClassVar[str] = "model"

    model: str | None = field(default=None, metadata={"help": "Checkpoint to start from: a folder or a Hub id."})
    revision: str | None = field(
        default=None, metadata={"help": "Branch, tag or commit of the Hub id; default: the pinned one."}
    )
    config: str | None = field(
        default=None,
        metadata={"help": "JSON file with a model config: start from random weights instead of a checkpoint."},
    )
    pooling: Literal["cls", "mean", "max"] | None = field(
        default=None,
        metadata={"help": "How token vectors are pooled for the head; default: the checkpoint's setting."},
    )

    def __post_init__(self) -> None:
        if (self.model is None) == (self.config is None):
            raise ValueError("give either --model (a checkpoint) or --config (a JSON file, for random weights).")


@dataclass
class DataArguments:
    """The data to learn from: a benchmark task, or files of your own."""

    _argument_group_name: ClassVar[str] = "data"

    task: str | None = field(
        default=None,
        metadata={"help": "Benchmark task as SUITE/NAME, e.g. pgb/promoter_strength.leaf; see `dnalm list --tasks`."},
    )
    data_dir: str | None = field(
        default=None, metadata={"help": "Local folder with the benchmark's files; default: read from the Hub."}
    )
    reference: str | None = field(
        default=None,
        metadata={
            "help": "FASTA of the genome assembly, for tasks whose files have coordinates; CLASS=FASTA,CLASS=FASTA if "
            "classes come from different genomes."
        },
    )
    sequence_length: int | None = field(
        default=None,
        metadata={
            "help": "Length in bp of the windows that a long-range task cuts from the reference; default: as published."
        },
    )
    allow_subset: bool = field(
        default=False,
        metadata={"help": "Accept files whose number of rows differs from the published one; the report notes it."},
    )
    deduplicate: bool = field(
        default=False,
        metadata={"help": "Drop training rows that are also in validation or test, on either strand."},
    )
    folds: int | None = field(
        default=None,
        metadata={"help": "Split the rows again, as one fold of a cross-validation with this many folds."},
    )
    fold: int | None = field(default=None, metadata={"help": "Which fold to run, from 0."})
    validation_chromosomes: list[str] = field(
        default_factory=list,
        metadata={
            "help": "Split the rows again by chromosome, taken from their names (chr5:1000-1500): these validate."
        },
    )
    test_chromosomes: list[str] = field(
        default_factory=list, metadata={"help": "With --validation-chromosomes: the chromosomes of the test split."}
    )
    train: str | None = field(default=None, metadata={"help": "Labelled sequences: FASTA, CSV, TSV, Parquet or JSONL."})
    validation: str | None = field(
        default=None, metadata={"help": "Labelled sequences that choose the best epoch; default: 10 %% of --train."}
    )
    test: str | None = field(
        default=None,
        metadata={
            "help": "Labelled sequences that are scored at the end; default: a part of "
            "--train, described in the report."
        },
    )
    sequence_column: str = field(default="sequence", metadata={"help": "Table column with sequences."})
    sequence2_column: str | None = field(
        default=None, metadata={"help": "Table column with the second sequence of each pair; default: no pairs."}
    )
    labels_column: str = field(default="labels", metadata={"help": "Table column with labels; several columns: a,b,c."})
    name_column: str = field(default="name", metadata={"help": "Table column with names, if it exists."})
    problem_type: Literal["single_label_classification", "multi_label_classification", "regression"] | None = field(
        default=None, metadata={"help": "Kind of labels; default: inferred from the file and printed."}
    )
    missing_labels: Literal["error", "drop"] = field(
        default="error",
        metadata={
            "help": "What to do with records without a label (empty, NaN; next to numbers also NA, None, '-', '.' and "
            "'?'). error: refuse the file; drop: skip them and count them in the report."
        },
    )
    level: Literal["sequence", "nucleotide", "bin"] = field(
        default="sequence",
        metadata={"help": "What a label describes: a sequence, each nucleotide, or each bin of --bin-bp bases."},
    )
    bin_bp: int | None = field(default=None, metadata={"help": "Bases in a bin, for --level bin."})
    metric: str | None = field(
        default=None,
        metadata={"help": "Metric that chooses the best epoch; default: mcc, auroc or r2, by kind of labels."},
    )

    @property
    def split_rule(self) -> SplitRule:
        """How the rows are split again, if at all."""
        return SplitRule(self.folds, self.fold, tuple(self.validation_chromosomes), tuple(self.test_chromosomes))

    def __post_init__(self) -> None:
        _ = self.split_rule  # refuses contradictions
        if (self.task is None) == (self.train is None):
            raise ValueError("give either --task SUITE/NAME (a benchmark task) or --train FILE (your own data).")
        if self.task is not None:
            only_files = ("validation", "test", "problem_type", "metric", "sequence2_column")
            own = [f"--{name.replace('_', '-')}" for name in only_files if getattr(self, name)]
            own += ["--level"] if self.level != "sequence" else []
            own += ["--missing-labels"] if self.missing_labels != "error" else []
            if own:
                raise ValueError(
                    f"{', '.join(own)} can only be used with --train FILE; a benchmark task defines its own."
                )
        elif self.data_dir is not None or self.allow_subset or self.reference is not None or self.sequence_length:
            raise ValueError(
                "--data-dir, --reference, --sequence-length and --allow-subset are for --task SUITE/NAME. With "
                "--train, name the files."
            )


@dataclass
class MethodArguments:
    """How the model is fine-tuned, in addition to Trainer's own settings."""

    _argument_group_name: ClassVar[str] = "method"

    method: Literal["full", "lora", "ia3", "probe"] = field(
        default="full",
        metadata={
            "help": "What is trained: all weights, a LoRA or IA3 adapter and the head, or only the head (probe)."
        },
    )
    lora_rank: int = field(default=8, metadata={"help": "Rank of the LoRA update."})
    lora_alpha: float = field(default=16, metadata={"help": "The LoRA update is scaled by alpha / rank."})
    lora_dropout: float = field(default=0.0, metadata={"help": "Dropout before the LoRA update."})
    merge: bool = field(
        default=True,
        metadata={"help": "Also write the model with the adapter merged into its weights, which any tool can load."},
    )
    max_tokens: int | None = field(
        default=None, metadata={"help": "Longest input in tokens; default: the model's context length."}
    )
    overflow: Literal["error", "truncate"] = field(
        default="error",
        metadata={"help": "What to do with a sequence of more tokens: refuse it, or read only its start."},
    )
    reverse_complement: bool = field(
        default=False,
        metadata={
            "help": "In each epoch, replace a random half of the training sequences by their reverse complement."
        },
    )
    class_weights: str = field(
        default="none",
        metadata={
            "help": "Weights of the classes in the loss: none, balanced (rare classes weigh more), a weight for "
            "positives (8), or one weight per class (1,100,100)."
        },
    )
    early_stopping_patience: int | None = field(
        default=None, metadata={"help": "Stop after this many evaluations without improvement; default: never."}
    )
    baseline: bool = field(
        default=False,
        metadata={
            "help": "Also train and score two baselines: a linear model on k-mer counts, and the majority class."
        },
    )
    bootstrap: int = field(
        default=1000, metadata={"help": "Resamples of the test set for the 95 %% intervals; 0: no intervals."}
    )
    resume: bool = field(
        default=False,
        metadata={"help": "Continue from the last checkpoint in --output-dir, or start if there is none."},
    )
    overwrite: bool = field(default=False, metadata={"help": "Replace the files of an earlier run in --output-dir."})

    def __post_init__(self) -> None:
        if self.resume and self.overwrite:
            raise ValueError("--resume continues a run and --overwrite replaces it; give one of them.")
        for name in ("lora_rank", "early_stopping_patience", "max_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"--{name.replace('_', '-')} is {value}; it must be at least 1.")


@dataclass
class FineTuningArguments(TrainingArguments):
    """All of transformers' TrainingArguments, with defaults for fine-tuning on DNA.

    Evaluates and saves after each epoch, keeps the best checkpoint by the task's metric, groups sequences of similar
    length, and reports to no service. Saving follows `eval_strategy` unless `save_strategy` is given.
    """

    _argument_group_name: ClassVar[str] = "training (every flag of transformers.TrainingArguments)"

    learning_rate: float | None = field(  # type: ignore[assignment]
        default=None,
        metadata={"help": "Initial learning rate; default: 5e-5 (full), 5e-4 (lora), 5e-3 (ia3) or 1e-3 (probe)."},
    )
    warmup_steps: float = field(
        default=0.05, metadata={"help": "Steps over which the learning rate rises; below 1: a share of all steps."}
    )
    per_device_eval_batch_size: int = field(default=32, metadata={"help": "Batch size per device for evaluation."})
    train_sampling_strategy: str = field(
        default="group_by_length",
        metadata={"help": "Order of the examples: random, sequential, group_by_length or batch_rebalance."},
    )
    eval_strategy: str = field(default="epoch", metadata={"help": "When to evaluate: no, steps or epoch."})
    save_strategy: str | None = field(  # type: ignore[assignment]
        default=None, metadata={"help": "When to save: no, steps, epoch or best; default: after each evaluation."}
    )
    save_total_limit: int | None = field(
        default=2, metadata={"help": "How many checkpoints to keep, in addition to the best and the last."}
    )
    load_best_model_at_end: bool = field(
        default=True, metadata={"help": "Keep the best checkpoint by --metric-for-best-model, not the last."}
    )
    metric_for_best_model: str | None = field(
        default=TASK_METRIC, metadata={"help": "Metric that defines the best checkpoint; task: the task's own metric."}
    )
    restore_callback_states_from_checkpoint: bool = field(
        default=True, metadata={"help": "Continue the count of early stopping after a resume."}
    )
    logging_steps: float = field(
        default=0.02, metadata={"help": "Log after this many steps; below 1: a share of all steps."}
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
