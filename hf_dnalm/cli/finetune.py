"""`dnalm finetune`: fine-tune a checkpoint on a benchmark task or on your own file.

The same command runs on many processes: `accelerate launch -m hf_dnalm finetune …`.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
import textwrap
from pathlib import Path
from typing import NoReturn

from accelerate import PartialState
from transformers import HfArgumentParser

from hf_dnalm.cli.aligned import aligned
from hf_dnalm.evaluation import metrics_table, verdict
from hf_dnalm.training import (
    DataArguments,
    FineTuneResult,
    FineTuningArguments,
    MethodArguments,
    ModelArguments,
    read_splits,
    start_model,
)
from hf_dnalm.training import run as run_finetuning
from hf_dnalm.training.output_folder import claimed_folder

_DESCRIPTION = """\
Fine-tune a checkpoint on a benchmark task or on your own labelled file, score it on the test split, and write the best
model, the adapter (lora, ia3) and a report to --output-dir. Every flag of transformers.TrainingArguments works;
underscores may be written in place of dashes.
"""
_EXAMPLE = "dnalm finetune --model zhihan1996/DNABERT-2-117M --train promoters.csv --output-dir tuned"
# Groups that --help shows in addition to one for each dataclass, so that our flags come before transformers' 150.
_MORE_GROUPS = {
    "task": ("problem_type", "missing_labels", "level", "bin_bp", "metric"),
    "training": (
        *("output_dir", "resume", "overwrite", "num_train_epochs", "learning_rate", "warmup_steps"),
        *("per_device_train_batch_size", "per_device_eval_batch_size", "train_sampling_strategy", "eval_strategy"),
        *("save_strategy", "save_total_limit", "load_best_model_at_end", "metric_for_best_model", "logging_steps"),
        *("seed", "bf16"),
    ),
}
_GROUPS = (
    "positional arguments",
    "options",
    "model",
    "data",
    "task",
    "method",
    "training",
    FineTuningArguments._argument_group_name,
)


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    def _format_action_invocation(self, action: argparse.Action) -> str:
        """The flag spelled with dashes only: `--max-tokens VALUE`, not also `--max_tokens VALUE`."""
        flags = [flag for flag in action.option_strings if "_" not in flag]
        if action.nargs == 0 or action.const is not None:
            return ", ".join(flags)
        return f"{flags[-1]} {self._format_args(action, 'VALUE')}"

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        if action.default is True and not action.option_strings[0].startswith("--no-"):
            return f"{text.rstrip('.')} (on by default)."
        is_unset = action.default in (None, argparse.SUPPRESS, [], "") or isinstance(action.default, bool)
        stated = "default" in text or is_unset
        return text if stated else f"{text.rstrip('.')} (default: %(default)s)."


class _Parser(HfArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit with the message in one line, without the usage."""
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def run(arguments: list[str]) -> None:
    """Parse the flags, read model and data, fine-tune, and print the test metrics."""
    parser = _parser()
    if not any(each.split("=")[0] in ("--output_dir", "--output-dir", "-h", "--help") for each in arguments):
        parser.error("--output-dir is required: the folder for the model and its report")
    model_arguments, data_arguments, options, training, unknown = parser.parse_args_into_dataclasses(
        arguments, look_for_args_file=False, return_remaining_strings=True
    )
    if unknown:
        parser.error(f"no such flag or value: {' '.join(unknown)}")
    is_main = PartialState().is_main_process
    logging.basicConfig(stream=sys.stderr, level=logging.INFO if is_main else logging.ERROR, format="%(message)s")
    logging.getLogger("hf_dnalm").setLevel(logging.INFO if is_main else logging.ERROR)
    files = (data_arguments.train, data_arguments.validation, data_arguments.test)
    claim = claimed_folder(
        Path(training.output_dir),
        inputs=[each for each in (model_arguments.model, model_arguments.config, *files) if each is not None],
        resume=options.resume,
        overwrite=options.overwrite,
    )
    try:
        with claim, contextlib.redirect_stdout(sys.stderr):  # Trainer logs to stdout, which is for the result
            splits, task = read_splits(data_arguments, seed=training.seed)
            model, tokenizer = start_model(model_arguments, task, seed=training.seed)
            result = run_finetuning(model, tokenizer, splits, task, training, options)
        if is_main:
            print(summary(result))
    finally:
        PartialState().destroy_process_group()


def _parser() -> _Parser:
    parser = _Parser(
        [ModelArguments, DataArguments, MethodArguments, FineTuningArguments],  # type: ignore[list-item]
        prog="dnalm finetune",
        usage="dnalm finetune (--model MODEL | --config FILE) (--task SUITE/NAME | --train FILE) --output-dir FOLDER …",
        description=textwrap.fill(" ".join(_DESCRIPTION.split()), 80, break_on_hyphens=False),
        epilog=f"example:\n  {_EXAMPLE}",
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
    )
    for action in parser._actions:
        if action.option_strings[-1].startswith("--no-"):  # HfArgumentParser repeats the help of the flag itself
            action.help = f"Turn off --{action.option_strings[-1].removeprefix('--no-')}."
    for title, fields in _MORE_GROUPS.items():
        moved = [action for field in fields for action in parser._actions if action.dest == field]
        for group in parser._action_groups:
            group._group_actions = [action for action in group._group_actions if action not in moved]
        parser.add_argument_group(title)._group_actions = moved
    parser._action_groups.sort(key=lambda group: _GROUPS.index(group.title or ""))
    return parser


def summary(result: FineTuneResult) -> str:
    """The verdict, the test metrics of the model and the baselines with their intervals, and the output paths."""
    where = f"Model and report are in {result.output_dir}"
    if not (result.output_dir / "config.json").exists():  # an adapter that was not merged
        where = f"The adapter is in {result.output_dir / 'adapter'}, the report in {result.output_dir / 'report'}"
    table = aligned(metrics_table(result.evaluation, result.baselines))
    return f"{result.task.name}: {verdict(result.evaluation, result.baselines)}\n\n{table}\n\n{where}"
