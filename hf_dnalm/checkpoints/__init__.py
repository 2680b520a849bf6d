"""The passports: every family and checkpoint this package knows, one table for loading, tests, cards and lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_dnalm.checkpoints.awd_lstm import AWD_LSTM
from hf_dnalm.checkpoints.caduceus import CADUCEUS
from hf_dnalm.checkpoints.dnabert import DNABERT
from hf_dnalm.checkpoints.dnabert2 import DNABERT2
from hf_dnalm.checkpoints.gena_bert import GENA_BERT
from hf_dnalm.checkpoints.gena_bigbird import GENA_BIGBIRD
from hf_dnalm.checkpoints.gpn import GPN
from hf_dnalm.checkpoints.grover import GROVER
from hf_dnalm.checkpoints.hyenadna import HYENADNA
from hf_dnalm.checkpoints.nucleotide_transformer import NUCLEOTIDE_TRANSFORMER
from hf_dnalm.checkpoints.passport import Checkpoint, Passport, ReadFile

PASSPORTS: tuple[Passport, ...] = (
    NUCLEOTIDE_TRANSFORMER,
    DNABERT2,
    GENA_BERT,
    GENA_BIGBIRD,
    DNABERT,
    GROVER,
    HYENADNA,
    CADUCEUS,
    GPN,
    AWD_LSTM,
)

__all__ = [
    "PASSPORTS",
    "Checkpoint",
    "Passport",
    "ReadFile",
    "find_checkpoint",
    "find_passport",
    "passport_of_family",
]


def passport_of_family(family: str) -> Passport:
    """The passport of a family given by name.

    Raises:
        ValueError: there is no such family.
    """
    for passport in PASSPORTS:
        if passport.family == family:
            return passport
    raise ValueError(f"no family {family!r}; there are: {', '.join(passport.family for passport in PASSPORTS)}.")


def find_passport(config: Mapping[str, Any], read_file: ReadFile = lambda name: None) -> Passport | None:
    """The passport whose family a config.json is of, ours or upstream's; None where no family recognises it.

    Args:
        config: the contents of config.json.
        read_file: gives the text of a file beside it, or None. Asked only where the config leaves a doubt.
    """
    for passport in PASSPORTS:
        if config.get("model_type") == passport.model_type or passport.recognises(config, read_file):
            return passport
    return None


def find_checkpoint(hub_id: str) -> tuple[Passport, Checkpoint] | None:
    """The published checkpoint of this Hub id with its family's passport; None where it is not known."""
    for passport in PASSPORTS:
        for checkpoint in passport.checkpoints:
            if checkpoint.hub_id == hub_id:
                return passport, checkpoint
    return None
