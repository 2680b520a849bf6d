"""`dnalm finetune`: fine-tune a checkpoint on a benchmark task or on your own file.

The same command runs on many processes: `accelerate launch -m hf_dnalm finetune …`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from accelerate import PartialState
from transformers import HfArgumentParser

from hf_dnalm.auto import AutoConfig, AutoTokenizer
from hf_dnalm.checkpoints import PASSPORTS, find_passport
from hf_dnalm.checkpoints.contents import check_contents
from hf_dnalm.damage import decoding, read_json
from hf_dnalm.data import infer_task, read_file
from hf_dnalm.data.leakage import leaks_noted
from hf_dnalm.evaluation import metrics_table, verdict
from hf_dnalm.source import naming
from hf_dnalm.suites import load_benchmark
from hf_dnalm.tokenization import build_kmer_tokenizer
from hf_dnalm.training import (
    DataArguments,
    FineTuneResult,
    FineTuningArguments,
    MethodArguments,
    ModelArguments,
    head_settings,
    load_for_task,
    model_class,
)
from hf_dnalm.training import run as run_finetuning
from hf_dnalm.training.output_folder import claimed_folder

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from hf_dnalm.tasks import Task

# What a k-mer vocabulary holds beside its 4^k k-mers: 5 letters and 6 special tokens; the models of version 1 have no
# vectors for the last two of these.
_LAYOUTS = {11: "nucleotide_transformer_v2", 9: "nucleotide_transformer_v1"}

_KMERS = "tokenization_kmer.KmerTokenizer"  # a config's vocab_size says all about it
_MODEL_TYPES = " or ".join(repr(passport.model_type) for passport in PASSPORTS if passport.tokenizer_class == _KMERS)

_DESCRIPTION = """\
Fine-tune a checkpoint on a benchmark task or on your own file, score it on the test split and write the best model,
adapter (lora, ia3) and report to --output_dir. Every flag of transformers.TrainingArguments works.
Example: dnalm finetune --model InstaDeepAI/nucleotide-transformer-v2-50m-multi-species --train my.csv --output_dir out
"""


class _Parser(HfArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line; the usage of 150 flags would bury it."""
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def run(arguments: list[str]) -> None:
    """Parse the flags, read model and data, fine-tune, and print the test metrics."""
    parser = _Parser(
        [ModelArguments, DataArguments, MethodArguments, FineTuningArguments],  # type: ignore[list-item]
        prog="dnalm finetune",
        description=_DESCRIPTION,
        allow_abbrev=False,
    )
    if not any(each.split("=")[0] in ("--output_dir", "--output-dir", "-h", "--help") for each in arguments):
        parser.error("--output_dir is required: the folder for the model and its report")
    about_model, about_data, options, training, unknown = parser.parse_args_into_dataclasses(
        arguments, look_for_args_file=False, return_remaining_strings=True
    )
    if unknown:
        parser.error(f"no such flag or value: {' '.join(unknown)}")
    is_main = PartialState().is_main_process
    logging.basicConfig(stream=sys.stderr, level=logging.INFO if is_main else logging.ERROR, format="%(message)s")
    logging.getLogger("hf_dnalm").setLevel(logging.INFO if is_main else logging.ERROR)
    inputs = [about_model.model, about_model.config, about_data.train, about_data.validation, about_data.test]
    held = claimed_folder(
        Path(training.output_dir),
        inputs=[each for each in inputs if each is not None],
        resume=options.resume,
        overwrite=options.overwrite,
    )
    try:
        with held, contextlib.redirect_stdout(sys.stderr):  # Trainer writes its log to stdout, which is for the result
            splits, task = read_data(about_data, seed=training.seed)
            model, tokenizer = start_model(about_model, task, seed=training.seed)
            result = run_finetuning(model, tokenizer, splits, task, training, options)
        if is_main:
            print(summary(result))
    finally:
        PartialState().destroy_process_group()


def read_data(about: DataArguments, *, seed: int) -> tuple[Mapping[str, Dataset], Task]:
    """The splits that are there, and the task."""
    if about.task is not None:
        suite, slash, name = about.task.partition("/")
        if not slash:
            raise ValueError(f"--task is {about.task!r}; write SUITE/NAME, as `dnalm list --tasks` shows them")
        return load_benchmark(
            suite,
            name,
            data_dir=about.data_dir,
            reference=about.reference,
            sequence_length=about.sequence_length,
            seed=seed,
            allow_subset=about.allow_subset,
            deduplicate=about.deduplicate,
            folds=about.folds,
            fold=about.fold,
            validation_chromosomes=about.validation_chromosomes,
            test_chromosomes=about.test_chromosomes,
        )
    columns: dict[str, Any] = {
        "sequence_column": about.sequence_column,
        "labels_column": about.labels_column,
        "name_column": about.name_column,
        "missing_labels": about.missing_labels,
    }
    files = {"train": about.train, "validation": about.validation, "test": about.test}
    name = Path(about.train or "").name
    kind: dict[str, Any] = {"problem_type": about.problem_type, "metric": about.metric}
    kind |= {"level": about.level, "bin_bp": about.bin_bp}
    task = infer_task(about.train or "", name=name, **kind, **columns)
    if about.sequence2_column is not None:
        task = dataclasses.replace(task, pair=True)
        columns["sequence2_column"] = about.sequence2_column
    splits = {split: read_file(path, task=task, labels="required", **columns) for split, path in files.items() if path}
    for split, dataset in splits.items():
        if dataset.info.description:  # how many records were left out
            task = task.with_note(f"{split}: {dataset.info.description}")
    rule = about.split_rule
    if rule:
        splits, task = rule.apply(splits, seed=seed, stratify=task.stratifies), task.with_note(rule.note(seed))
    return leaks_noted(splits, task, deduplicate=about.deduplicate)


def start_model(about: ModelArguments, task: Task, *, seed: int) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model to train, from a checkpoint or with random weights, and its tokenizer."""
    if about.model is not None:
        where: dict[str, Any] = {} if about.revision is None else {"revision": about.revision}
        model = load_for_task(about.model, task, seed=seed, revision=about.revision, pooling=about.pooling)
        return model, AutoTokenizer.from_pretrained(about.model, **where)
    path = Path(about.config or "")
    fields = read_json(path)
    with naming(str(path)):
        check_contents(fields, ())
    if about.pooling is not None:
        fields["classifier_pooling"] = about.pooling
    passport = find_passport(fields)
    if passport is None or "model_type" not in fields:
        raise ValueError(f"{path}: model_type is {fields.get('model_type')!r}; it must be {_MODEL_TYPES}")
    if passport.tokenizer_class != _KMERS:
        raise ValueError(
            f"{path}: a config says nothing of the words that a {passport.title} reads; name a folder that holds its "
            "tokenizer with --model"
        )
    with decoding(path, remedy="A field has a value that it cannot have; correct it."), naming(str(path)):
        config = AutoConfig.for_model(**fields | head_settings(task))
    limit: Any = passport.context_tokens(config)  # known for every family of k-mers
    tokenizer = _tokenizer_for(config.vocab_size, limit, path)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return model_class(task).from_config(config), tokenizer


def _tokenizer_for(vocab_size: int, context_tokens: int | None, path: Path) -> PreTrainedTokenizerBase:
    """The k-mer tokenizer of a config, which gives the size of its vocabulary but not its letters."""
    for extra, layout in _LAYOUTS.items():
        k = max(vocab_size - extra, 1).bit_length() // 2
        if k > 0 and vocab_size == 4**k + extra:
            return build_kmer_tokenizer(k, layout=layout, model_max_length=context_tokens)
    raise ValueError(f"{path}: vocab_size is {vocab_size}; a k-mer vocabulary has 4^k + 11 (v2) or 4^k + 9 (v1) tokens")


def summary(result: FineTuneResult) -> str:
    """The result in words, all test metrics with their intervals beside the baselines', and where everything lies."""
    rows = metrics_table(result.evaluation, result.baselines)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    where = f"Model and report are in {result.output_dir}"
    if not (result.output_dir / "config.json").exists():  # an adapter that was not merged
        where = f"The adapter is in {result.output_dir / 'adapter'}, the report in {result.output_dir / 'report'}"
    return "\n".join([f"{result.task.name}: {verdict(result.evaluation, result.baselines)}", "", *lines, "", where])
