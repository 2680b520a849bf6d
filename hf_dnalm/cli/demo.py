"""`dnalm demo`: fine-tuning from data to predictions, offline; each step prints the command that you would type."""

from __future__ import annotations

import csv
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import transformers

from hf_dnalm.cli.main import main
from hf_dnalm.cli.parser import Parser

# A small model with learned positions, as in version 1 and AgroNT: it quickly learns that sites are in the middle.
# The smallest published model has hidden size 512, 12 layers and 6-mers.
SMALL_MODEL = {
    "model_type": "dnalm_nucleotide_transformer",
    "vocab_size": 75,
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "max_position_embeddings": 258,
    "position_embedding_type": "absolute",
    "feed_forward": "gelu",
    "classifier_pooling": "mean",
}
N_SIMULATED = 6_000
EPOCHS = 8

# Run in a process that cannot import this package, like that of a colleague who has only torch and transformers.
WITHOUT_THIS_PACKAGE = """
import sys
sys.modules["hf_dnalm"] = None
from transformers import AutoModelForSequenceClassification, AutoTokenizer
folder, sequence = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)
logits = model(**tokenizer(sequence, return_tensors="pt")).logits[0]
label = model.config.id2label[logits.argmax().item()] if len(logits) > 1 else f"{logits.item():.3f}"
print(f"{type(model).__module__.split('.')[0]}.{type(model).__name__} predicts: {label}")
"""


def run(arguments: list[str]) -> None:
    """Prepare data and model; then fine-tune, export, load the export without this package, and predict."""
    options = _parser().parse_args(arguments)
    transformers.utils.logging.disable_progress_bar()
    started = time.perf_counter()
    tuned, shipped = options.output / "finetuned", options.output / "exported"
    for earlier in (tuned, shipped):
        shutil.rmtree(earlier, ignore_errors=True)
    options.output.mkdir(parents=True, exist_ok=True)

    if options.data is None:
        options.data = str(_write_simulated(options.output / "splice_sites.csv"))
        print(f"{N_SIMULATED:,} simulated sequences with a donor, an acceptor or no splice site: {options.data}")
        print("(drawn from published position weights on a random background: for trying things out, not for science)")
    if options.model is None:
        config = options.output / "small_model.json"
        config.write_text(json.dumps(SMALL_MODEL, indent=2))
        start = ["--config", str(config), "--learning-rate", "1e-3", "--num-train-epochs", str(EPOCHS)]
    else:
        start = ["--model", options.model, "--num-train-epochs", "3"]

    training = ["--per-device-train-batch-size", "32", "--logging-steps", "0.1", "--disable-tqdm", "true"]
    _step("finetune", *start, "--train", options.data, "--output-dir", str(tuned), "--baseline", *training)
    print(f"report: {tuned / 'report' / 'report.html'}")
    _step("export", str(tuned), "--output", str(shipped))

    names, sequences = _new_sequences(options.data)
    print("\n$ python -c '…'    # in a process that has only torch and transformers", flush=True)
    quiet = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error"}
    subprocess.run(
        [sys.executable, "-c", WITHOUT_THIS_PACKAGE, str(shipped), sequences[0]], check=True, env=os.environ | quiet
    )

    new = options.output / "new.fa"
    new.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in zip(names, sequences, strict=True)))
    predictions = options.output / "predictions.tsv"
    _step("predict", str(shipped), str(new), "--output", str(predictions))
    print(predictions.read_text(), end="")
    print(f"\nall steps took {time.perf_counter() - started:.0f} s")


def _parser() -> Parser:
    parser = Parser(
        "demo",
        "Fine-tune, evaluate, export and predict on a small data set, offline. Each step prints the command that you "
        "would type.",
        example="dnalm demo --output demo_output",
    )
    parser.add_argument("--model", help="folder or Hub id of a checkpoint; default: a small model with random weights")
    parser.add_argument("--data", help="labelled FASTA, CSV, TSV, Parquet or JSONL; default: simulated splice sites")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        default=Path("demo_output"),
        help="folder for all results; default: demo_output",
    )
    return parser


def _step(*arguments: str) -> None:
    print(f"\n$ dnalm {shlex.join(arguments)}", flush=True)
    main(list(arguments))


def _write_simulated(path: Path) -> Path:
    from hf_dnalm.data.simulate import SPLICE_SITES_SIMULATED, simulate_splice_sites

    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "sequence", "label"])
        for row in simulate_splice_sites(N_SIMULATED, seed=0):
            writer.writerow([row["name"], row["sequence"], SPLICE_SITES_SIMULATED.label_names[row["labels"]]])
    return path


def _new_sequences(data: str, n: int = 5) -> tuple[list[str], list[str]]:
    """A few sequences to predict: the first ones of the file, because no unseen ones are available."""
    from hf_dnalm.data import read_file

    dataset = read_file(data, labels="none")
    first = dataset[: min(n, len(dataset))]
    return first["name"], first["sequence"]
