"""Every command that takes a model, with otherwise valid arguments, so that any error is the model's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.benchmarking.conftest import write_benchmarks
from tests.bend.layout import write_gene_finding, write_genome

Arguments = Callable[[str, Path], list[str]]

# Command → the head of the model it takes, and its arguments for a model and a folder of `write_inputs`.
MODEL_COMMANDS: dict[str, tuple[str, Arguments]] = {
    "info": ("masked_lm", lambda model, at: ["info", model]),
    "verify": ("masked_lm", lambda model, at: ["verify", model]),
    "export": ("masked_lm", lambda model, at: ["export", model, "--output", f"{at}/out"]),
    "embed": ("masked_lm", lambda model, at: ["embed", model, f"{at}/x.fa", "--output", f"{at}/out.npz"]),
    "cluster": ("masked_lm", lambda model, at: ["cluster", model, f"{at}/x.csv", "--output", f"{at}/out.json"]),
    "likelihood": ("masked_lm", lambda model, at: ["likelihood", model, f"{at}/x.fa", "--output", f"{at}/out.tsv"]),
    "mutate": ("masked_lm", lambda model, at: ["mutate", model, f"{at}/x.fa", "--output", f"{at}/out.tsv"]),
    "score-variants": (
        "masked_lm",
        lambda model, at: [
            *("score-variants", model, f"{at}/x.vcf", "--reference", f"{at}/genome.fa", "--window-bp", "64"),
            *("--output", f"{at}/out.tsv"),
        ],
    ),
    "predict": ("sequence", lambda model, at: ["predict", model, f"{at}/x.fa", "--output", f"{at}/out.tsv"]),
    "evaluate": ("sequence", lambda model, at: ["evaluate", model, f"{at}/x.csv", "--output", f"{at}/out"]),
    "finetune": (
        "masked_lm",
        lambda model, at: ["finetune", "--model", model, "--train", f"{at}/x.csv", "--output_dir", f"{at}/out"],
    ),
    "benchmark": (
        "masked_lm",
        lambda model, at: [
            *("benchmark", "--suites", "gue", "--tasks", "prom_core_tata", "--allow-subset", "--baselines", "majority"),
            *("--models", model, "--data-dir", f"{at}/benchmarks", "--output", f"{at}/out"),
        ],
    ),
    "bend embed": (
        "masked_lm",
        lambda model, at: [
            *("bend", "embed", model, "gene_finding", "--data-dir", str(at)),
            *("--reference", f"{at}/genome.fa", "--output", f"{at}/out"),
        ],
    ),
    "bend zero-shot": (
        "masked_lm",
        lambda model, at: [
            *("bend", "zero-shot", model, "variant_effects_disease", "--variants", f"{at}/x.bed"),
            *("--reference", f"{at}/genome.fa", "--output", f"{at}/out.tsv"),
        ],
    ),
}


def write_inputs(folder: Path) -> Path:
    """Sequences, labels, a genome, variants and tasks for all of them, under the names that the commands above use."""
    folder.mkdir(exist_ok=True)
    sequences = ["ACGTTGCATTGACCAGT", "GGATTACAGATTACAGG", "CCATGCAATTGGCATTC", "TTACGCGAAATGCCATA"] * 5
    (folder / "x.fa").write_text("".join(f">r{i}\n{each}\n" for i, each in enumerate(sequences)))
    rows = [f"r{i},{each[i % 5 :]},{'ab'[i % 2]}\n" for i, each in enumerate(sequences)]
    (folder / "x.csv").write_text("name,sequence,labels\n" + "".join(rows))
    write_gene_finding(folder)
    write_benchmarks(folder / "benchmarks")
    genome = write_genome(folder).read_text().splitlines()[1]
    ref, alt = genome[29], "A" if genome[29] != "A" else "C"
    head = "##fileformat=VCFv4.2\n##contig=<ID=chr1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (folder / "x.vcf").write_text(f"{head}chr1\t30\t.\t{ref}\t{alt}\t.\t.\t.\n")
    columns = "chromosome\tstart\tend\tref\talt\tlabel\n"
    (folder / "x.bed").write_text(f"{columns}chr1\t29\t30\t{ref}\t{alt}\t1\n")
    return folder
