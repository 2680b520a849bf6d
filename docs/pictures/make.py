"""Draw the pictures of the README with the package itself: the report of `dnalm demo`, and a sequence logo.

    python docs/pictures/make.py

The report is photographed by headless Chromium (`chromium` must be installed). The logo shows what a small masked
language model, trained here for a few minutes on simulated splice donor sites, expects at each position.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from hf_dnalm import mutagenesis
from hf_dnalm.cli.demo import SMALL_MODEL
from hf_dnalm.data import simulate_splice_sites
from hf_dnalm.evaluation import write_logo
from hf_dnalm.modeling.configuration_nucleotide_transformer import NucleotideTransformerConfig
from hf_dnalm.modeling.modeling_nucleotide_transformer import NucleotideTransformerForMaskedLM
from hf_dnalm.tokenization import build_kmer_tokenizer

HERE = Path(__file__).parent
STEPS, BATCH, MASKED = 1_500, 64, 0.15


def logo() -> None:
    """Train on simulated donor sites, then draw the expected letters around one that was not in training."""
    rows = [row["sequence"] for row in simulate_splice_sites(6_000, seed=0) if row["labels"] == 0]
    *training, shown = rows
    tokenizer = build_kmer_tokenizer(3, layout="nucleotide_transformer_v2", model_max_length=256)
    ids = torch.from_numpy(np.stack([tokenizer(sequence)["input_ids"] for sequence in training]))
    torch.manual_seed(0)
    settings = {name: value for name, value in SMALL_MODEL.items() if name != "model_type"}
    model = NucleotideTransformerForMaskedLM(NucleotideTransformerConfig(**settings)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(STEPS):
        batch = ids[torch.randint(len(ids), (BATCH,))]
        masked = (torch.rand(batch.shape) < MASKED) & (batch != tokenizer.cls_token_id)
        inputs = torch.where(masked, tokenizer.mask_token_id, batch)
        loss = model(input_ids=inputs, labels=torch.where(masked, batch, -100)).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    middle = len(shown) // 2
    (result,) = mutagenesis(model.eval(), tokenizer, [shown], names=["splice donor"])
    part = slice(middle - 20, middle + 20)
    cut = type(result)(result.sequence[part], result.scores[part], result.estimator)
    write_logo(["simulated splice donor, 40 bp around the site"], [cut], HERE / "logo.png")
    print(f"loss after {STEPS} steps: {loss.item():.3f}")


def report() -> None:
    """Run the demo and photograph the top of its report."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hf_dnalm", "demo", "--output", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        page = Path(folder) / "finetuned" / "report" / "report.html"
        flags = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1000,800"]
        subprocess.run(["chromium", *flags, f"--screenshot={HERE / 'report.png'}", page.as_uri()], check=True)


if __name__ == "__main__":
    logo()
    report()
