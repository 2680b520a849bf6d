"""Score the variants of a VCF file in shards, which can be resumed and divided among processes."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class ScoredFile:
    """The result of `score_variants_file`.

    Attributes:
        output: the file that was written.
        variants: number of alternative alleles in the input; each is a row of a table or an entry in INFO.
        scored: number of alleles with a score.
        unscored: reason → number of alleles without a score.
    """

    output: Path
    variants: int
    scored: int
    unscored: dict[str, int]


def score_variants_file(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    vcf: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    reference: str | os.PathLike[str],
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
) -> ScoredFile:
    """Write the score of every variant of a VCF file to `output`.

    Every variant is checked first, so a bad one is refused before any computing. Finished shards are kept in the folder
    `<output>.shards` until `output` is complete; `output` is written under a temporary name and renamed. After an
    interruption the same call continues from the finished shards; a call with another model, input or setting is
    refused. Under torchrun or `accelerate launch` each process computes its share of the shards and the first one
    writes `output`; on several machines the folder must be on a shared file system.

    Args:
        vcf: VCF file, plain, gzip or bgzip.
        output: a table or VCF, as `write_variant_scores` writes them.
        reference: FASTA of the genome, plain or bgzip.
        method, window_bp, strands, strict: see `score_variants`. The number of alleles without a score is logged, by
            reason.
        name: name of the model in the header of a VCF output.
        info_field: see `write_variant_scores`.
        shard_variants: variants in a shard. It determines which windows share a batch, and therefore the order of sums:
            scores with another value agree to about 1e-6.
        overwrite: replace `output` if it exists; False refuses.
        token_budget, device, dtype: see `run_batches`.
        progress: called with the number of variants that are already scored, and after each shard with its number.

    Returns:
        Counts of the alleles; the same in every process.

    Raises:
        ValueError: as `score_variants`, `read_variants` and `write_variant_scores`; or the shards next to `output`
            belong to another run; or `output` exists or is an input.
        BlockingIOError: another run is writing `output`.
        FileNotFoundError, ImportError: as `Genome`, `read_variants` and `write_variant_scores`.
    """
    output = Path(output)
    with claimed_outputs([output], inputs=[vcf, reference], overwrite=overwrite):
        if output_extension(output, VARIANT_FILES) in (".vcf", ".vcf.gz"):
            check_info_field(vcf, info_field)
        device = torch.device(device) if device is not None else next(model.parameters()).device
        dtype = default_dtype(model, device) if dtype is None else dtype
        variants = list(read_variants(vcf))
        with Genome(reference) as genome:
            reasons = reasons_unscored(variants, genome, window_bp=window_bp, strict=strict)
            scorable = [variant for variant, reason in zip(variants, reasons, strict=True) if not reason]
            input_digest = hashlib.sha256(json.dumps([variants, reasons, sorted(genome.lengths.items())]).encode())
            arguments = {"method": method, "window_bp": window_bp, "strands": strands, "dtype": dtype}
            settings = {key: str(value) for key, value in (arguments | {"shard": shard_variants}).items()}
            made_by = {**model_fingerprint(model, tokenizer), "hf_dnalm": __version__}
            folder = ShardFolder(output, {"input": input_digest.hexdigest(), **settings, **made_by})
            shards = plan_shards([1] * len(scorable), shard_bp=shard_variants, divisible=False)
            options: dict[str, Any] = {"token_budget": token_budget, "device": device, "dtype": dtype}

            def scored(shard: Shard) -> ShardContent:
                own = scorable[shard.first : shard.end]
                result = score_variants(
                    model, tokenizer, own, genome, method=method, window_bp=window_bp, strands=strands, **options
                )
                return ShardContent(result.estimators, np.ones(len(own), dtype=np.int64), result.scores[:, None])

            with shared_work(folder, shards, device) as work, prepared(model, device=device, dtype=dtype):
                if progress is not None:
                    progress(sum(shard.end - shard.first for shard in work.kept))
                for shard in work.mine:
                    folder.write(shard, scored(shard))
                    if progress is not None:
                        progress(shard.end - shard.first)
                if work.is_first:
                    folder.wait_for(shards)
        unscored = Counter(reason for reason in reasons if reason)
        result = ScoredFile(output, len(variants), len(scorable), dict(unscored))
        if not work.is_first:
            return result
        parts = [folder.read(shard) for shard in shards]
        scores = np.concatenate([np.empty(0), *(part.vectors[:, 0] for part in parts)])
        estimators = [estimator for part in parts for estimator in part.names]
        all_scores = VariantScores.of_scored(
            variants, reasons, scores, estimators, method=method, strands=strands, window_bp=window_bp
        )
        write_variant_scores(all_scores, output, vcf=vcf, model=name, info_field=info_field)
        folder.remove()
        log_unscored(reasons)
        return result
