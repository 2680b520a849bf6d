"""The scores of the variants of a VCF file: kept in shards, which processes divide, and put together at the end."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hf_dnalm.genome import Genome, read_variants
from hf_dnalm.inference.batches import default_dtype, prepared
from hf_dnalm.inference.output_files import output_extension
from hf_dnalm.inference.score_writers import INFO_FIELD, VARIANT_FILES, check_info_field, write_variant_scores
from hf_dnalm.inference.shards import Shard, ShardContent, ShardFolder, model_fingerprint, plan_shards, shared_work
from hf_dnalm.inference.unscored import log_unscored, reasons_unscored
from hf_dnalm.inference.variants import Method, Strands, VariantScores, score_variants
from hf_dnalm.outputs import claimed_outputs
from hf_dnalm.version import __version__

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SHARD_VARIANTS = 2_048


def score_variants_file(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    vcf: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    genome: str | os.PathLike[str],
    method: Method = "llr",
    window_bp: int = 512,
    strands: Strands = "both",
    strict: bool = False,
    name: str = "",
    info_field: str = INFO_FIELD,
    shard_variants: int = SHARD_VARIANTS,
    overwrite: bool = False,
    token_budget: int | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Write the score of every variant of a VCF file to `out`.

    First every variant is checked, so that what is refused is refused before any work. Finished shards are kept in the
    folder `<out>.shards` until `out` is written, whole or not at all. The same call after a killed one goes on from
    them; one with another model, input or setting is refused. Under torchrun or `accelerate launch` each process takes
    its share of the shards and the first one writes `out`; on several machines the folder must be one that all see.

    Args:
        vcf: plain or compressed.
        out: a table or VCF, as `write_variant_scores` writes them.
        genome: FASTA of the reference, plain or bgzip.
        method, window_bp, strands, strict: see `score_variants`. How many alleles have no score is logged, by reason.
        name: what the header of a VCF calls the model.
        info_field: see `write_variant_scores`.
        overwrite: replace `out` if it exists; otherwise it is refused.
        shard_variants: variants of a shard. It decides which windows share a batch, and so the order of sums: scores
            differ by about a millionth.
        token_budget, device, dtype: see `run_batches`.
        progress: called with the number of variants that were found scored, and after each shard with that of its own.

    Raises:
        ValueError: as `score_variants`, `read_variants` and `write_variant_scores`; the shards next to `out` are of
            another run; `out` exists, or is an input.
        BlockingIOError: another run is writing `out`.
        FileNotFoundError, ImportError: as those.
    """
    out = Path(out)
    with claimed_outputs([out], inputs=[vcf, genome], overwrite=overwrite):
        if output_extension(out, VARIANT_FILES) in (".vcf", ".vcf.gz"):
            check_info_field(vcf, info_field)
        device = torch.device(device) if device is not None else next(model.parameters()).device
        dtype = default_dtype(model, device) if dtype is None else dtype
        variants = list(read_variants(vcf))
        with Genome(genome) as reference:
            reasons = reasons_unscored(variants, reference, window_bp=window_bp, strict=strict)
            scorable = [variant for variant, reason in zip(variants, reasons, strict=True) if not reason]
            input_digest = hashlib.sha256(json.dumps([variants, reasons, sorted(reference.lengths.items())]).encode())
            words = {"method": method, "window_bp": window_bp, "strands": strands, "dtype": dtype}
            settings = {key: str(value) for key, value in (words | {"shard": shard_variants}).items()}
            made_by = {**model_fingerprint(model, tokenizer), "hf_dnalm": __version__}
            folder = ShardFolder(out, {"input": input_digest.hexdigest(), **settings, **made_by})
            shards = plan_shards([1] * len(scorable), shard_bp=shard_variants, divisible=False)
            options: dict[str, Any] = {"token_budget": token_budget, "device": device, "dtype": dtype}

            def scored(shard: Shard) -> ShardContent:
                some = scorable[shard.first : shard.end]
                found = score_variants(
                    model, tokenizer, some, reference, method=method, window_bp=window_bp, strands=strands, **options
                )
                return ShardContent(found.estimators, np.ones(len(some), dtype=np.int64), found.scores[:, None])

            with shared_work(folder, shards, device) as work, prepared(model, device=device, dtype=dtype):
                if progress is not None:
                    progress(sum(shard.end - shard.first for shard in work.kept))
                for shard in work.mine:
                    folder.write(shard, scored(shard))
                    if progress is not None:
                        progress(shard.end - shard.first)
                if work.is_first:
                    folder.wait_for(shards)
        if not work.is_first:
            return
        parts = [folder.read(shard) for shard in shards]
        scores = np.concatenate([np.empty(0), *(part.vectors[:, 0] for part in parts)])
        estimators = [estimator for part in parts for estimator in part.names]
        whole = VariantScores.of_scored(
            variants, reasons, scores, estimators, method=method, strands=strands, window_bp=window_bp
        )
        write_variant_scores(whole, out, vcf=vcf, model=name, info_field=info_field)
        folder.remove()
        log_unscored(reasons)
