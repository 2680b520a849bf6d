"""The settings of a fine-tuning run: model, data, method and training. Each field is a flag of `dnalm finetune`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from transformers import TrainingArguments

from hf_dnalm.data.splits import SplitRule

# Adapters and heads start untrained, so they tolerate steps that would destroy pre-trained weights.
LEARNING_RATES = {"full": 5e-5, "lora": 5e-4, "ia3": 5e-3, "probe": 1e-3}

TASK_METRIC = "task"  # replaced by the name of the task's metric when the task is known


@dataclass
class ModelArguments:
    """The model to start from."""

    _argument_group_name: ClassVar[str] = "model"

    model: str | None = field(default=None, metadata={"help": "Checkpoint to start from: a folder or a Hub id."})
    revision: str | None = field(
        default=None, metadata={"help": "Branch, tag or commit of the Hub id; default: the pinned commit."}
    )
    config: str | None = field(
        default=None,
        metadata={"help": "JSON file with a model config, to start from random weights instead of a checkpoint."},
    )
    pooling: Literal["cls", "mean", "max"] | None = field(
        default=None,
        metadata={"help": "How token vectors are pooled for the head; default: the checkpoint's setting."},
    )

    def __post_init__(self) -> None:
        if (self.model is None) == (self.config is None):
            raise ValueError(
                "give either --model (a checkpoint) or --config (a JSON file, for random weights), and not both."
            )


@dataclass
class DataArguments:
    """The data to train on: a benchmark task, or files of your own."""

    _argument_group_name: ClassVar[str] = "data"

    task: str | None = field(
        default=None,
        metadata={"help": "Benchmark task as SUITE/NAME, e.g. pgb/promoter_strength.leaf; see `dnalm list --tasks`."},
    )
    data_dir: str | None = field(
        default=None, metadata={"help": "Folder with the benchmark's files; default: they are read from the Hub."}
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
            "help": "Length in bp of the windows that a long-range task cuts from --reference; default: as published."
        },
    )
    allow_subset: bool = field(
        default=False,
        metadata={"help": "Accept files with another number of rows than published; the report states the difference."},
    )
    deduplicate: bool = field(
        default=False,
        metadata={"help": "Drop training rows whose sequence, on either strand, is also in validation or test."},
    )
    folds: int | None = field(
        default=None,
        metadata={"help": "Split the rows again for a cross-validation with this many folds, and run --fold."},
    )
    fold: int | None = field(default=None, metadata={"help": "Fold of --folds to run, counted from 0."})
    validation_chromosomes: list[str] = field(
        default_factory=list,
        metadata={
            "help": "Split the rows again by chromosome, read from their names (chr5:1000-1500). These chromosomes are "
            "the validation split; name those of the test split with --test-chromosomes."
        },
    )
    test_chromosomes: list[str] = field(
        default_factory=list, metadata={"help": "Chromosomes of the test split, with --validation-chromosomes."}
    )
    train: str | None = field(
        default=None, metadata={"help": "Labelled sequences to train on: FASTA, CSV, TSV, Parquet or JSONL."}
    )
    validation: str | None = field(
        default=None, metadata={"help": "Labelled sequences for choosing the best epoch; default: 10 %% of --train."}
    )
    test: str | None = field(
        default=None,
        metadata={
            "help": "Labelled sequences to score at the end; default: 20 %% of --train, or 10 %% if there is no "
            "--validation either."
        },
    )
    sequence_column: str = field(default="sequence", metadata={"help": "Table column with the sequences."})
    sequence2_column: str | None = field(
        default=None, metadata={"help": "Table column with the second sequence of each pair; default: no pairs."}
    )
    labels_column: str = field(
        default="labels",
        metadata={"help": "Table column with the labels; for several labels, columns separated by commas: a,b,c."},
    )
    name_column: str = field(default="name", metadata={"help": "Table column with the names, which may be missing."})
    problem_type: Literal["single_label_classification", "multi_label_classification", "regression"] | None = field(
        default=None, metadata={"help": "Kind of labels; default: inferred from --train and printed."}
    )
    missing_labels: Literal["error", "drop"] = field(
        default="error",
        metadata={
            "help": "What to do with records that have no label (empty or NaN; among numbers also NA, None, '-', '.' "
            "and '?'). error: refuse the file; drop: skip them and count them in the report."
        },
    )
    level: Literal["sequence", "nucleotide", "bin"] = field(
        default="sequence",
        metadata={"help": "What a label describes: a sequence, each nucleotide, or each bin of --bin-bp bases."},
    )
    bin_bp: int | None = field(default=None, metadata={"help": "Bases in a bin, for --level bin."})
    metric: str | None = field(
        default=None,
        metadata={"help": "Metric for choosing the best epoch; default: mcc, auroc or r2, by the kind of labels."},
    )

    @property
    def split_rule(self) -> SplitRule:
        """How to split the rows again, if requested."""
        return SplitRule(self.folds, self.fold, tuple(self.validation_chromosomes), tuple(self.test_chromosomes))

    def __post_init__(self) -> None:
        _ = self.split_rule  # refuses contradictions
        if (self.task is None) == (self.train is None):
            raise ValueError(
                "give either --task SUITE/NAME (a benchmark task) or --train FILE (your own data), and not both."
            )
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
    """How the model is fine-tuned, in addition to transformers' own settings."""

    _argument_group_name: ClassVar[str] = "method"

    method: Literal["full", "lora", "ia3", "probe"] = field(
        default="full",
        metadata={
            "help": "Which weights are trained. full: all; lora, ia3: an adapter and the head; probe: only the head."
        },
    )
    lora_rank: int = field(default=8, metadata={"help": "Rank of the LoRA update."})
    lora_alpha: float = field(
        default=16, metadata={"help": "Scale of the LoRA update, which is multiplied by alpha / rank."}
    )
    lora_dropout: float = field(default=0.0, metadata={"help": "Dropout on the input of the LoRA update."})
    merge: bool = field(
        default=True,
        metadata={"help": "With lora and ia3, also write the model with the adapter merged into its weights."},
    )
    max_tokens: int | None = field(
        default=None, metadata={"help": "Longest input in tokens; default: the model's context length."}
    )
    overflow: Literal["error", "truncate"] = field(
        default="error",
        metadata={
            "help": "What to do with longer sequences. error: refuse them; truncate: read only the first tokens."
        },
    )
    reverse_complement: bool = field(
        default=False,
        metadata={
            "help": "In each epoch, replace a random half of the training sequences by their reverse complements."
        },
    )
    class_weights: str = field(
        default="none",
        metadata={
            "help": "Class weights in the loss: none, balanced (rare classes count more), one number for positives "
            "(8), or one number per class (1,100,100)."
        },
    )
    early_stopping_patience: int | None = field(
        default=None, metadata={"help": "Stop after this many evaluations without a better metric; default: never."}
    )
    baseline: bool = field(
        default=False,
        metadata={
            "help": "Also score two baselines: a linear model on k-mer counts, and the majority class (or the mean)."
        },
    )
    bootstrap: int = field(
        default=1000, metadata={"help": "Resamples of the test split for the 95 %% intervals; 0: no intervals."}
    )
    resume: bool = field(
        default=False,
        metadata={
            "help": "Continue from the last complete checkpoint in --output-dir, or start from the beginning if there "
            "is none."
        },
    )
    overwrite: bool = field(default=False, metadata={"help": "Replace the files of an earlier run in --output-dir."})

    def __post_init__(self) -> None:
        if self.resume and self.overwrite:
            raise ValueError("--resume continues a run and --overwrite replaces it; give only one of them.")
        for name in ("lora_rank", "early_stopping_patience", "max_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"--{name.replace('_', '-')} is {value}; it must be at least 1.")


@dataclass
class FineTuningArguments(TrainingArguments):
    """All of transformers' TrainingArguments, with defaults for fine-tuning on DNA.

    By default, a run evaluates and saves after each epoch, keeps the checkpoint with the best value of the task's
    metric, batches sequences of similar length, and reports to no service. Saving follows `eval_strategy` unless
    `save_strategy` is given.
    """

    _argument_group_name: ClassVar[str] = "every other flag of transformers.TrainingArguments"

    output_dir: str | None = field(
        default=None,
        metadata={"help": "Folder for the best model, the report and the checkpoints; required, and new or empty."},
    )
    learning_rate: float | None = field(  # type: ignore[assignment]
        default=None,
        metadata={"help": "Initial learning rate; default: 5e-5 (full), 5e-4 (lora), 5e-3 (ia3) or 1e-3 (probe)."},
    )
    warmup_steps: float = field(
        default=0.05,
        metadata={"help": "Steps over which the learning rate rises from 0; below 1: a fraction of all steps."},
    )
    per_device_eval_batch_size: int = field(default=32, metadata={"help": "Batch size per device for evaluation."})
    train_sampling_strategy: str = field(
        default="group_by_length",
        metadata={"help": "Order of the training sequences: random, sequential, group_by_length or batch_rebalance."},
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
        default=TASK_METRIC, metadata={"help": "Metric for choosing the best checkpoint; task: the task's own metric."}
    )
    restore_callback_states_from_checkpoint: bool = field(
        default=True, metadata={"help": "After --resume, continue the count of --early-stopping-patience."}
    )
    logging_steps: float = field(
        default=0.02, metadata={"help": "Steps between log lines; below 1: a fraction of all steps."}
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
