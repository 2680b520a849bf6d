"""Read labelled sequences as datasets, split them, and turn them into batches of token ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hf_dnalm.lazy import imported_on_first_use

if TYPE_CHECKING:  # "as" tells type checkers that the name is public
    from hf_dnalm.data.collate import SequenceCollator as SequenceCollator
    from hf_dnalm.data.encode import encode_dataset as encode_dataset
    from hf_dnalm.data.encode import encode_sequences as encode_sequences
    from hf_dnalm.data.files import read_file as read_file
    from hf_dnalm.data.files import stream_file as stream_file
    from hf_dnalm.data.guess_task import infer_task as infer_task
    from hf_dnalm.data.pairs import read_contrastive_pairs as read_contrastive_pairs
    from hf_dnalm.data.simulate import SPLICE_SITES_SIMULATED as SPLICE_SITES_SIMULATED
    from hf_dnalm.data.simulate import simulate_splice_sites as simulate_splice_sites
    from hf_dnalm.data.splits import cross_validation as cross_validation
    from hf_dnalm.data.splits import split_by_chromosome as split_by_chromosome
    from hf_dnalm.data.splits import split_three as split_three
    from hf_dnalm.data.splits import split_validation as split_validation

__all__, __getattr__ = imported_on_first_use(
    __name__,
    {
        "collate": ("SequenceCollator",),
        "encode": ("encode_dataset", "encode_sequences"),
        "files": ("read_file", "stream_file"),
        "guess_task": ("infer_task",),
        "pairs": ("read_contrastive_pairs",),
        "simulate": ("SPLICE_SITES_SIMULATED", "simulate_splice_sites"),
        "splits": ("cross_validation", "split_by_chromosome", "split_three", "split_validation"),
    },
)
