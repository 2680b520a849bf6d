"""The registry of model families and published checkpoints, used for loading, tests, model cards and lists."""

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
from hf_dnalm.checkpoints.moderngena import MODERNGENA
from hf_dnalm.checkpoints.nucleotide_transformer import NUCLEOTIDE_TRANSFORMER
from hf_dnalm.checkpoints.passport import Checkpoint, Passport, ReadFile

PASSPORTS: tuple[Passport, ...] = (
    NUCLEOTIDE_TRANSFORMER,
    DNABERT2,
    GENA_BERT,
    GENA_BIGBIRD,
    MODERNGENA,
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
    """The definition of a family, by name.

    Raises:
        ValueError: there is no such family.
    """
    for passport in PASSPORTS:
        if passport.family == family:
            return passport
    raise ValueError(f"unknown family {family!r}; choose from {', '.join(passport.family for passport in PASSPORTS)}.")


def find_passport(config: Mapping[str, Any], read_file: ReadFile = lambda name: None) -> Passport | None:
    """The family that a config.json, ours or upstream's, belongs to; None if no family recognises it.

    Args:
        config: the contents of config.json.
        read_file: returns the text of a file next to it, or None. Called only if the config alone is ambiguous.
    """
    for passport in PASSPORTS:
        if config.get("model_type") == passport.model_type or passport.recognises(config, read_file):
            return passport
    return None


def find_checkpoint(hub_id: str) -> tuple[Passport, Checkpoint] | None:
    """The published checkpoint with this Hub id, and its family; None if unknown."""
    for passport in PASSPORTS:
        for checkpoint in passport.checkpoints:
            if checkpoint.hub_id == hub_id:
                return passport, checkpoint
    return None
