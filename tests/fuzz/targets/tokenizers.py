"""Files of a tokenizer: tokenizer.json, vocab.txt, tokenizer_config.json, special_tokens_map.json."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.mutations import JSON, TEXT
from tests.fuzz.target import Target

_DNA = ["ACGTTGCANNTGACCAGTARYacgt", "GGATTACA"]


def _published(toy: str, file: str) -> Callable[[Path], Path]:
    """A toy of this family as it is published, without its weights."""

    def write(folder: Path) -> Path:
        importlib.import_module(f"tests.toys.{toy}").write_upstream(folder)
        for path in folder.iterdir():
            if path.suffix in (".bin", ".safetensors", ".ckpt"):
                path.unlink()
        return folder / file

    return write


def _saved(toy: str, file: str) -> Callable[[Path], Path]:
    """A toy's config and tokenizer as we save them."""

    def write(folder: Path) -> Path:
        module = importlib.import_module(f"tests.toys.{toy}")
        module.toy_config().save_pretrained(folder)
        module.toy_tokenizer().save_pretrained(folder)
        return folder / file

    return write


def _word_list(folder: Path) -> Path:
    """GROVER as BEND ships it."""
    from tests.toys import grover

    path = _published("grover", "vocab.txt")(folder)
    path.write_text("\n".join(word for word in grover.WORDS if word))
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (folder / name).unlink()
    return path


def _read(path: Path) -> None:
    from hf_dnalm import AutoTokenizer
    from hf_dnalm.data import encode_sequences
    from hf_dnalm.data.encode import bases_of_tokens

    tokenizer = AutoTokenizer.from_pretrained(path.parent)
    ids = encode_sequences(tokenizer, _DNA, max_tokens=None)
    bases_of_tokens(tokenizer, _DNA, ids)


TARGETS = [
    Target("kmers-vocab.txt", _published("nucleotide_transformer", "vocab.txt"), _read, TEXT),
    Target("overlapping-kmers-vocab.txt", _published("dnabert", "vocab.txt"), _read, TEXT),
    Target("word-list-vocab.txt", _word_list, _read, TEXT),
    Target("kmers-tokenizer.json", _saved("nucleotide_transformer", "tokenizer.json"), _read, JSON),
    Target("overlapping-kmers-tokenizer.json", _saved("dnabert", "tokenizer.json"), _read, JSON),
    Target("byte-pairs-tokenizer.json", _published("dnabert2", "tokenizer.json"), _read, JSON),
    Target("gena-tokenizer.json", _published("gena_bert", "tokenizer.json"), _read, JSON),
    Target("grover-tokenizer.json", _published("grover", "tokenizer.json"), _read, JSON),
    Target("nucleotides-tokenizer.json", _published("gpn", "tokenizer.json"), _read, JSON),
    Target("kmers-tokenizer_config.json", _saved("nucleotide_transformer", "tokenizer_config.json"), _read, JSON),
    Target("nucleotides-tokenizer_config.json", _published("caduceus", "tokenizer_config.json"), _read, JSON),
    Target("byte-pairs-tokenizer_config.json", _saved("dnabert2", "tokenizer_config.json"), _read, JSON),
    Target("gena-special_tokens_map.json", _published("gena_bert", "special_tokens_map.json"), _read, JSON),
]
