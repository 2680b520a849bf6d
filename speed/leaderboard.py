"""The leaderboard on real DNA: two small randomly initialised models compared with baselines on published tasks.

Run from the repository root, with a folder that holds the tasks (GUE/, PGB_hublayout/, NT_hublayout_derived/):

    python speed/leaderboard.py ../shared/data/tasks

The two models are a Nucleotide Transformer of version 1's kind (6-mers) and a DNABERT-2 (byte pairs that are learnt on
the training sequences of these tasks alone), both with random weights and of about the same size: this measures the
runner and the baselines on real DNA, not published checkpoints. A killed run goes on where it was when the same command
is given again; `--jobs` works on several cells at once. Results: speed/results/leaderboard.md.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import sys
from pathlib import Path
from typing import Any

import torch
from machine import cpu_name
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer

from hf_dnalm.benchmarking import collect
from hf_dnalm.benchmarking.pages import sections, summary
from hf_dnalm.cli.benchmark import run as benchmark
from hf_dnalm.evaluation.report import markdown
from hf_dnalm.modeling.configuration_dnabert2 import DnaBert2Config
from hf_dnalm.modeling.configuration_nucleotide_transformer import NucleotideTransformerConfig
from hf_dnalm.modeling.modeling_dnabert2 import DnaBert2ForMaskedLM
from hf_dnalm.modeling.modeling_nucleotide_transformer import NucleotideTransformerForMaskedLM
from hf_dnalm.suites import load_benchmark
from hf_dnalm.tokenization import DnaBpeTokenizer, build_kmer_tokenizer

RESULTS = Path(__file__).parent / "results" / "leaderboard.md"

# Suite → folder of its files, and its tasks: such as have training rows in the samples, and one that has a test file
# only, which is cut into three.
TASKS = {
    "gue": (".", ("prom_core_tata", "prom_300_tata", "human_tf_0", "human_tf_2")),
    "plant-genomic-benchmark": (
        "PGB_hublayout",
        (
            *("splicing.arabidopsis_thaliana_donor", "splicing.arabidopsis_thaliana_acceptor"),
            *("poly_a.arabidopsis_thaliana", "promoter_strength.leaf", "promoter_strength.protoplast"),
            "chromatin_access.arabidopis_thaliana",
        ),
    ),
    "nt-downstream": ("NT_hublayout_derived", ("splice_sites_all", "H3")),
}
ROWS = ("--max-train-rows", "4000", "--max-eval-rows", "1000")
TRAINING = (
    *("--max-steps", "500", "--per-device-train-batch-size", "32", "--learning-rate", "2e-3", "--weight-decay", "0.05"),
    *("--eval-strategy", "steps", "--eval-steps", "125", "--per-device-eval-batch-size", "128"),
)
SHAPE: dict[str, Any] = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "hidden_dropout_prob": 0.1,
    "classifier_pooling": "mean",
    "initializer_range": 0.1,
}
# As in version 1: the sites that some tasks ask for stand at fixed places.
POSITIONS = {"position_embedding_type": "absolute", "feed_forward": "gelu", "max_position_embeddings": 512}
SPECIAL = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
WORDS = 1024  # of the byte pairs; 4,096 as published would be more weights than rows to train them with


def small_models(folder: Path, sequences: list[str]) -> dict[str, Path]:
    """Two models with random weights and their tokenizers, as folders; made once."""
    nt, dnabert2 = folder / "nt-6mer-small", folder / "dnabert2-small"
    if not (nt / "model.safetensors").exists():
        torch.manual_seed(0)
        config = NucleotideTransformerConfig(**SHAPE, **POSITIONS, vocab_size=4105)
        build_kmer_tokenizer(6, layout="nucleotide_transformer_v1", model_max_length=510).save_pretrained(nt)
        NucleotideTransformerForMaskedLM._from_config(config).save_pretrained(nt)
    if not (dnabert2 / "model.safetensors").exists():
        torch.manual_seed(0)
        tokenizer = byte_pairs(sequences)
        tokenizer.save_pretrained(dnabert2)
        DnaBert2ForMaskedLM._from_config(DnaBert2Config(**SHAPE, vocab_size=len(tokenizer))).save_pretrained(dnabert2)
    return {path.name: path for path in (nt, dnabert2)}


def byte_pairs(sequences: list[str]) -> DnaBpeTokenizer:
    """Byte pairs of DNA as DNABERT-2 has them, learnt on these sequences; N is no word and becomes [UNK]."""
    backend = Tokenizer(BPE(unk_token="[UNK]"))
    backend.pre_tokenizer = Whitespace()
    trainer = BpeTrainer(
        vocab_size=WORDS, special_tokens=list(SPECIAL), initial_alphabet=list("ACGT"), show_progress=False
    )
    words = [part for sequence in sequences for part in sequence.split("N") if part]
    backend.train_from_iterator(words, trainer)
    backend.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    names = dict(zip(("unk_token", "cls_token", "sep_token", "pad_token", "mask_token"), SPECIAL, strict=True))
    return DnaBpeTokenizer(tokenizer_object=backend, model_max_length=2048, **names)


def training_sequences(folder: Path) -> list[str]:
    """Up to 1,000 training sequences of each task; no validation and no test row."""
    sequences: list[str] = []
    for suite, (place, names) in TASKS.items():
        for name in names:
            splits, _ = load_benchmark(suite, name, data_dir=folder / place, allow_subset=True)
            if "train" in splits:
                sequences += splits["train"]["sequence"][:1000]
    return sequences


def command(folder: Path, models: dict[str, Path], output: Path, jobs: int) -> list[str]:
    """The one command, as flags of `dnalm benchmark`."""
    tasks = [f"{suite}/{name}" for suite, (_, names) in TASKS.items() for name in names]
    places = [f"{suite}={folder / place}" for suite, (place, _) in TASKS.items()]
    sources = [f"{name}={path}" for name, path in models.items()]
    return [
        *("--tasks", *tasks, "--models", *sources, "--data-dir", *places, "--allow-subset", "--output", str(output)),
        *(*ROWS, *TRAINING, "--jobs", str(jobs)),
    ]


def page(output: Path) -> str:
    """The results file."""
    leaderboard = collect(output)
    assert leaderboard is not None
    text = markdown("Leaderboard on real tasks", summary(leaderboard), sections(leaderboard))
    tasks = sum(len(names) for _, names in TASKS.values())
    seconds = sum(score.seconds for each in leaderboard.tasks for score in each.scores.values())
    about = [
        "Written by `python speed/leaderboard.py`, which makes the two models and runs `dnalm benchmark` once. "
        f"{tasks} tasks, of which most are samples: the first rows of the published files. The two language models "
        f"(2 layers of 64) start from random weights and take 500 steps of 32 sequences with one recipe for all "
        "tasks: what they reach says nothing of published checkpoints, and pre-training is what they lack. "
        "nt-downstream here is a sample in that suite's layout: its H3 holds the validation rows of GUE's H3 as "
        "training rows, and GUE's test rows.",
        "",
        f"Machine: {cpu_name()}, {os.cpu_count()} cores, one thread a process, torch {torch.__version__}, "
        f"Python {platform.python_version()}. All cells together took {seconds / 60:.0f} minutes, with other work "
        "going on beside them.",
        "",
        "```",
        " ".join(
            ["dnalm benchmark", *command(Path("tasks"), {n: Path(n) for n in leaderboard_models()}, Path("out"), 1)]
        ),
        "```",
        "",
    ]
    head, rest = text.split("\n## ", 1)
    return "\n".join([head, *about, f"## {rest}"])


def leaderboard_models() -> tuple[str, str]:
    return "nt-6mer-small", "dnabert2-small"


def main() -> None:
    """Make the models, run the benchmark, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("../shared/data/tasks"), help="where the tasks are"
    )
    parser.add_argument("--work", type=Path, default=Path(".cache/leaderboard"), help="models and results")
    parser.add_argument("--jobs", type=int, default=1, help="cells at once")
    options = parser.parse_args()
    if not options.folder.is_dir():
        sys.exit(f"{options.folder} is not there; give the folder with GUE/ and PGB_hublayout/")
    logging.getLogger("hf_dnalm").setLevel(logging.ERROR)
    models = small_models(options.work / "models", training_sequences(options.folder))
    benchmark(command(options.folder, models, options.work / "out", options.jobs))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(page(options.work / "out"))


if __name__ == "__main__":
    main()
