"""Fine-tuning a small randomly initialised model on three published tasks, compared with simple predictors.

Run from the repository root, with a folder that holds the tasks:

    python speed/real_tasks.py ../shared/data/tasks

The folder has the files of the Plant Genomic Benchmark in `PGB_hublayout/` and GUE's in `GUE/`; where it holds samples
of the published files, the table says of how many rows. The model is not pretrained: this measures the way from file
to report, not a published checkpoint. It fails when a metric's 95 % interval does not lie above the value of the
predictor that never looks at the sequence. Results: speed/results/real_tasks.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch

from hf_dnalm.cli.finetune import run as finetune

RESULTS = Path(__file__).parent / "results" / "real_tasks.md"

# A Nucleotide Transformer of version 1's kind (learned positions: the sites that these tasks ask for stand at fixed
# places), which reads 3-mers; about 10^5 weights, as a few thousand sequences cannot fill more.
CONFIG = {
    "model_type": "dnalm_nucleotide_transformer",
    "vocab_size": 73,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "max_position_embeddings": 256,
    "position_embedding_type": "absolute",
    "feed_forward": "gelu",
    "hidden_dropout_prob": 0.1,
    "initializer_range": 0.1,
}
TRAINING = [
    *("--pooling", "mean", "--learning-rate", "2e-3", "--weight-decay", "0.05", "--per-device-train-batch-size", "32"),
    *("--per-device-eval-batch-size", "128", "--num-train-epochs", "15", "--baseline", "--disable-tqdm", "True"),
]


class Job(NamedTuple):
    """One task as flags of `dnalm finetune`, paths relative to the folder of tasks."""

    name: str
    data: tuple[str, ...]
    paths: tuple[str, ...]
    more: tuple[str, ...] = ()

    def flags(self, folder: Path) -> list[str]:
        return [*(str(folder / flag) if flag in self.paths else flag for flag in self.data), *self.more]


PGB_FOLDER = ("PGB_hublayout",)
PGB = ("--data-dir", *PGB_FOLDER, "--allow-subset")
GUE = tuple(f"GUE/prom/prom_core_tata/{split}.csv.gz" for split in ("train", "dev", "test"))
JOBS = (
    Job("splice donors, Arabidopsis (PGB)", ("--task", "pgb/splicing.arabidopsis_thaliana_donor", *PGB), PGB_FOLDER),
    Job("promoter strength, maize leaf (PGB)", ("--task", "pgb/promoter_strength.leaf", *PGB), PGB_FOLDER),
    Job("core promoters with TATA, human (GUE)", ("--train", GUE[0], "--validation", GUE[1], "--test", GUE[2]), GUE),
)


def measure(job: Job, folder: Path, output_dir: Path, config: Path) -> dict[str, Any]:
    """Fine-tune once; the report's numbers, and how long it took in seconds."""
    started = time.perf_counter()
    finetune(["--config", str(config), *job.flags(folder), "--output-dir", str(output_dir), *TRAINING])
    report = json.loads((output_dir / "report" / "report.json").read_text())
    return report | {"seconds": time.perf_counter() - started}


def beats_majority(report: dict[str, Any]) -> bool:
    """Whether the whole interval of the task's metric lies above what the majority class or the mean reaches."""
    metric = report["task"]["metric"]
    return report["metrics"][metric]["low"] > report["baselines"][1]["metrics"][metric]["value"]


def row(job: Job, report: dict[str, Any]) -> str:
    metric = report["task"]["metric"]
    sides = [report, *report["baselines"]]
    cells = ["{value:.3f} [{low:.3f}, {high:.3f}]".format(**side["metrics"][metric]) for side in sides]
    majority = f"{sides[2]['metrics'][metric]['value']:.3f}"
    above = "yes" if beats_majority(report) else "no"
    n_train = sides[1]["settings"]["n_train"]
    return (
        f"| {job.name} | {n_train:,} | {report['n']:,} | {metric} | {cells[0]} | {majority} | {above} | {cells[1]} | "
        f"{report['seconds']:.0f} |"
    )


def page(rows: list[str], commands: list[str], weights: int) -> str:
    """The results file."""
    header = [
        "| task | train | test | metric | model | majority or mean | above it | 5-mer linear model | seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join(
        [
            "# Fine-tuning on real tasks",
            "",
            "Written by `python speed/real_tasks.py`. A small model with random weights "
            f"({weights:,} of them, 3-mers, 2 layers) is trained from nothing on samples of three published tasks: the "
            "numbers show that the way from file to report learns from real DNA, not what a pretrained checkpoint "
            "reaches. Values are on the test split with 95 % bootstrap intervals (1,000 resamples).",
            "",
            *header,
            *rows,
            "",
            f"Python {platform.python_version()}, torch {torch.__version__}, {torch.get_num_threads()} threads. "
            "Data: the first rows of the published files where the folder holds samples; validation as published, or "
            "10 % of train by seed.",
            "",
            "```json",
            json.dumps(CONFIG, indent=2),
            "```",
            "",
            "```",
            *commands,
            "```",
            "",
        ]
    )


def main() -> None:
    """Run all jobs, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("../shared/data/tasks"), help="where the tasks are"
    )
    folder = parser.parse_args().folder
    if not folder.is_dir():
        sys.exit(f"{folder} is not there; give the folder with PGB_hublayout/ and GUE/")
    rows, commands, beaten, weights = [], [], True, 0
    with tempfile.TemporaryDirectory() as scratch:
        config = Path(scratch, "config.json")
        config.write_text(json.dumps(CONFIG))
        for number, job in enumerate(JOBS):
            report = measure(job, folder, Path(scratch, str(number)), config)
            rows.append(row(job, report))
            commands.append(" ".join(["dnalm finetune --config config.json", *job.data, *job.more, *TRAINING]))
            weights = report["settings"]["trainable_parameters"]
            beaten &= beats_majority(report)
            print(rows[-1], flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(page(rows, commands, weights))
    if not beaten:
        sys.exit("a metric's interval does not lie above the majority class or the mean")


if __name__ == "__main__":
    main()
