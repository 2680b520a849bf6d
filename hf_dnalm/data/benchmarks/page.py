"""The page on all benchmarks, docs/benchmarks.md: what each suite is, where its files come from, what its labels mean."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

from hf_dnalm.data.benchmarks import benchmark_tasks, published_task
from hf_dnalm.tasks import Task

_WIDTH = 130

_INTRODUCTION = """\
# Benchmarks

Every task below is a name for `load_benchmark`, `dnalm finetune --task`, `dnalm evaluate` and `dnalm cluster`. The page is
written from the definitions that loading itself uses (`make cards`), and its examples are run by a test.

```python
from hf_dnalm import load_benchmark

splits, task = load_benchmark("gue", "prom_core_tata", data_dir="GUE", allow_subset=True)
print(splits["train"][0]["sequence"], task.id2label, task.description)
```

- **Where from.** Without `data_dir` the files come from the Hub, at a pinned revision where one is known; with it, from a local
  folder in the layout of the Hub or of the authors, plain or `.gz`. No loading script is run.
- **How many.** Row counts are checked against the published ones. A difference is refused with what was found, unless you pass
  `allow_subset=True`; then it stands in the task's description and in every report.
- **Leaks.** Sequences of one split that stand in another, on either strand, are counted and said. `deduplicate=True` leaves such
  training rows out. Expect some: `prom_core_tata` alone has 16 test sequences in its training data.
- **Splits.** Where no validation was published, 10 % of the training rows are drawn by `seed`. `folds=10, fold=3` makes one fold of
  a cross-validation, `validation_chromosomes=["chr8"]` splits by chromosome; both also work on your own files.
- **Coordinates.** Suites that hold places instead of letters take `reference=`, the FASTA file of the assembly, plain or bgzip.

```console
$ dnalm finetune --model InstaDeepAI/nucleotide-transformer-v2-50m-multi-species --task gue/prom_core_tata --data_dir GUE --allow_subset --folds 3 --fold 0 --output_dir fold_0
$ dnalm finetune --model InstaDeepAI/nucleotide-transformer-v2-50m-multi-species --task genomic-benchmarks/human_enhancers_cohn --data_dir intervals --reference genome.fa --allow_subset --output_dir enhancers
$ dnalm cluster InstaDeepAI/nucleotide-transformer-v2-50m-multi-species dnabert-s/reference-clustering-0 --data-dir species --out clusters.json
```

In the tables, *rows* are those of train, validation and test: `-` is a split that was not published, `?` a count that nobody could
read in the data, which is then not checked."""

# Suite → what to know beside its table.
_SUITES: dict[str, tuple[str, str]] = {
    "plant-genomic-benchmark": (
        "Plant Genomic Benchmark (also `pgb`)",
        "From the Hub (InstaDeepAI/plant-genomic-benchmark): FASTA with labels in the headers, `>name|label|label…`. Its "
        "loading script is refused by today's datasets. `arabidopis_thaliana` is spelled so in chromatin_access only; both "
        "spellings are understood. Chromatin training files have 5 GB each and are only downloaded when asked for by "
        "`splits=`, or streamed. What papers print as R² of promoter strength is the squared Pearson correlation: reports "
        "give both. Splice windows hold AG (or GT) in positives and negatives alike.",
    ),
    "nt-downstream": (
        "Nucleotide Transformer downstream tasks, as first published",
        "From the Hub, Parquet or FASTA for each task. The histone marks and promoters are the same yeast and EPDnew data as "
        "GUE's, split anew: do not report the two as independent.",
    ),
    "nt-downstream-revised": (
        "Nucleotide Transformer downstream tasks, revised",
        "From the Hub. Other data than the suite above, under the same names of tasks (`H3K9ac` is yeast there and human "
        "K562 here), so each suite has its own name and results of one cannot stand for the other.",
    ),
    "gue": (
        "GUE",
        "From the Hub's copy (leannmlindsey/GUE), or the authors' archive (`EMP/H3`, `prom/…`, `tf/0`, `mouse/0`, `splice/…`, "
        "`virus/covid`): train.csv, dev.csv, test.csv. Transcription factor windows have 101 bp, not 100.",
    ),
    "gue-plus": (
        "GUE+",
        "As GUE. The table in the paper has the classes and lengths of fungi and viruses the wrong way round: here are those of "
        "the data. `EPI` is a pair of sequences in the authors' files (three columns) and one sequence in the Hub's copy; "
        "either is read, and pairs need a family with a separator.",
    ),
    "genomic-benchmarks": (
        "Genomic Benchmarks",
        "From the Hub (a repo for each set, Parquet), the archives on Zenodo (16605299; a folder for each class), or the "
        "intervals in the benchmark's repository (`<class>.csv` with id, region, start, end, strand, 0-based) with "
        "`reference=`. A strand that is left empty is `+`. Classes are numbered by their names. human_enhancers_ensembl has "
        "intervals of 2 bp. Two sets are of two references each: "
        '`reference={"human": "GRCh38.fa", "worm": "WBcel235.fa"}`.',
    ),
    "plant-multi-species": (
        "Plant multi-species sets",
        "From the Hub, one repo for each (zhangtaolab/plant-multi-species-…): train.csv, dev.csv, test.csv.",
    ),
    "gena-lm": (
        "GENA-LM's downstream tasks",
        "Not on the Hub: `data_dir` holds what the authors' scripts make or name (`len_300/fold_1.csv` … of promoters; "
        "`SpliceAI/train.csv.gz`, `valid.csv.gz`, `dataset_test_0.csv.gz`; `DeepSTARR/Sequences_Train.fa` with "
        "`Sequences_activity_Train.txt`; `DeepSea/train.csv.gz`; `APARENT/APARENT_train.csv`). Promoters come in the five "
        "published folds: `folds=5, fold=0` to `4`. Splice labels are those of the middle 5,000 bp. The metrics are the "
        "authors': mean AUPRC of donors and acceptors, mean of the three group medians of DeepSEA's AUROC, mean Pearson, "
        "squared Pearson. (Their code scores a splice site by token; here it is scored by base.)",
    ),
    "long-range": (
        "Genomics Long-Range Benchmark (also `genomics-long-range-benchmark`)",
        "Tables of places from the Hub (InstaDeepAI/genomics-long-range-benchmark), cut from a local hg38 (chromatin: hg19) in "
        "windows of `sequence_length` bp. The window rule is that of the published loader: 1 is subtracted from both columns, "
        "both sides get as much, an odd length one more on the right, and a window that leaves its chromosome is left out, "
        "counted and said. Of variants, REF is checked. `*_subset.csv` is read where the full table is not there. "
        "bulk_rna_expression is not here: the layout of its tables could not be read.",
    ),
    "dnabert-s": (
        "DNABERT-S's evaluation sets",
        "Not on the Hub: `data_dir` is the authors' archive (`marine/clustering_0.tsv` …). One split, `test`; the header line is "
        "not read, labels are the species of the file in the order of their names. The last digit of a name is that of the "
        "file. For clustering and few-shot classification with the tetranucleotide baseline: `dnalm cluster`. "
        "`read_contrastive_pairs` reads the pairs that such models learn from (CSV, two columns, no header).",
    ),
    "bend": (
        "BEND",
        "Regions (BED), labels in HDF5 and a reference genome, all local. Its own page is [bend.md](bend.md).",
    ),
}


def render_benchmarks_page() -> str:
    """The page as docs/benchmarks.md holds it."""
    parts = [_INTRODUCTION]
    for suite, tasks in benchmark_tasks().items():
        title, about = _SUITES[suite]
        parts += [f"## {title}", textwrap.fill(about, _WIDTH, break_long_words=False, break_on_hyphens=False)]
        parts += [_facts(tasks), _table(suite, tasks), _meanings(tasks)]
    return "\n\n".join(part for part in parts if part) + "\n"


def write_benchmarks_page(path: str | os.PathLike[str]) -> Path:
    """Write the page; returns its path."""
    path = Path(path)
    path.write_text(render_benchmarks_page(), encoding="utf-8")
    return path


def _facts(tasks: dict[str, Task]) -> str:
    """Licence and citation, where all tasks of a suite share them."""
    lines = []
    for name, values in (
        ("Licence", {task.licence for task in tasks.values()}),
        ("Citation", {task.citation.split("; ")[0] for task in tasks.values()}),
    ):
        if len(values) == 1 and (value := values.pop()):
            lines.append(f"{name}: {value.removesuffix('.')}.")
    return textwrap.fill(" ".join(lines), _WIDTH, break_long_words=False, break_on_hyphens=False)


def _table(suite: str, tasks: dict[str, Task]) -> str:
    rows = ["| task | predicts | bp | rows | metric |", "|---|---|---|---|---|"]
    for name, task in tasks.items():
        rows.append(f"| `{name}` | {_predicts(task)} | {_length(task)} | {_rows(suite, name)} | {task.metric} |")
    return "\n".join(rows)


def _predicts(task: Task) -> str:
    kind = {
        "single_label_classification": f"{task.num_labels} classes",
        "multi_label_classification": f"{task.num_labels:,} tracks",
        "regression": f"{task.num_labels} values" if task.num_labels > 1 else "a value",
    }[task.problem_type]
    where = {"sequence": "", "nucleotide": " of each base", "bin": f" of each {task.bin_bp} bp"}[task.level]
    return f"{kind}{where}{', of a pair' if task.pair else ''}"


def _length(task: Task) -> str:
    if task.length_bp is None:
        return ""
    shortest, longest = task.length_bp
    return f"{shortest:,}" if shortest == longest else f"{shortest:,}–{longest:,}"


def _rows(suite: str, name: str) -> str:
    published = published_task(suite, name)
    if published is None:
        return ""
    counts = [
        f"{published.rows[split]:,}" if split in published.rows else "?" if split in published.files else "-"
        for split in ("train", "validation", "test")
    ]
    return " / ".join(counts)


def _meanings(tasks: dict[str, Task]) -> str:
    """What labels mean, once for all tasks that say the same."""
    said: dict[str, list[str]] = {}
    for name, task in tasks.items():
        meaning = task.description.split(" Rows: ")[0]
        said.setdefault(meaning, []).append(f"`{name}`")
    lines = [f"- {', '.join(names)}: {meaning}" for meaning, names in said.items()]
    wrapped = (
        textwrap.fill(line, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        for line in lines
    )
    return "\n".join(wrapped)
