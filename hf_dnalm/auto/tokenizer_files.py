"""The files of a tokenizer: whether they can be decoded, which are missing, and whether they fit the model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import NoneType
from typing import Any

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from hf_dnalm.auto.adapters import base_of
from hf_dnalm.checkpoints import Passport, find_checkpoint, find_passport
from hf_dnalm.damage import decoding
from hf_dnalm.source import Source, naming
from hf_dnalm.tokenization.overlapping_kmers import check_overlapping_kmer_vocabulary
from hf_dnalm.tokenization.tokenization_kmer import KmerTokenizer
from hf_dnalm.tokenization.tokenization_overlapping_kmer import OverlappingKmerTokenizer
from hf_dnalm.tokenization.vocabulary import check_kmer_vocabulary
from hf_dnalm.tokenization.vocabulary_fit import vocabulary_mismatch

_SETTINGS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
_VOCABULARIES = ("tokenizer.json", "vocab.txt")

_LIMITS = ("model_max_length", "max_len")
_LETTERS = "ACGTTGCAGGTA"  # DNA that every vocabulary can say
_ROLES = ("unk", "cls", "sep", "bos", "eos", "mask", "pad")
# The kinds of the other fields that are read here or by transformers.
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "tokenizer_class": ((str, NoneType), "the name of a class"),
    "auto_map": ((dict, NoneType), "an object"),
    "characters": ((list,), "a list of letters"),
    "char_ords": ((list,), "a list of numbers"),
    "model_input_names": ((list,), "a list of names"),
    "added_tokens_decoder": ((dict,), "an object with a token for each id"),
    **{f"{role}_token": ((str, dict, NoneType), "a token") for role in _ROLES},
}


def check_files(source: Source) -> None:
    """Refuse tokenizer files that cannot be decoded, before anything is built from them.

    Raises:
        ValueError: a file is damaged, or a field of it is of another kind; the message names the file.
    """
    if source.path("tokenizer.json") is not None:
        read_backend(source)
    for name in _SETTINGS:
        read_settings(source, name)


def read_backend(source: Source) -> Tokenizer:
    """The pipeline that a source's tokenizer.json describes.

    Raises:
        ValueError: the file is damaged, or its parts do not fit each other, such as merges of words that it lacks.
    """
    path = str(source.path("tokenizer.json"))
    with decoding(path), _panics(), open(path, encoding="utf-8") as file:
        text = file.read()
        backend = Tokenizer.from_str(text)
        processor = json.loads(text).get("post_processor")
    unknown = getattr(backend.model, "unk_token", None)
    if unknown is not None and unknown not in backend.get_vocab(with_added_tokens=False):
        raise ValueError(
            f"{path}: the vocabulary does not have {unknown!r}, the token for unknown letters (unk_token). The file is "
            "damaged; copy it again."
        )
    for word, number in _edge_tokens(processor, path):
        if backend.id_to_token(number) is None:
            raise ValueError(
                f"{path}: post_processor puts {word!r} with the id {number} around sequences, which the vocabulary "
                "does not have. The file is damaged; copy it again."
            )
    return backend


def _edge_tokens(processor: Any, path: str) -> Iterator[tuple[str, int]]:
    """The special tokens that a post_processor puts around sequences, each with its id."""
    kind = (processor or {}).get("type")
    if kind == "Sequence":
        for each in processor["processors"]:
            yield from _edge_tokens(each, path)
    elif kind in ("BertProcessing", "RobertaProcessing"):
        yield from (processor["cls"], processor["sep"])
    elif kind == "TemplateProcessing":
        known = processor["special_tokens"]
        for piece in (*processor["single"], *processor["pair"]):
            name = piece.get("SpecialToken", {}).get("id")
            if name is not None and name not in known:  # tokenizers ends the process's thread there
                raise ValueError(
                    f"{path}: post_processor puts {name!r} around sequences and does not say which token that is. The "
                    "file is damaged; copy it again."
                )
        for name, token in known.items():
            yield from ((name, number) for number in token["ids"])


@contextmanager
def _panics() -> Iterator[None]:
    """What the library of tokenizers raises where it gives up is no Exception; it becomes one."""
    try:
        yield
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":
            raise
        raise RuntimeError(str(error)) from error


def read_settings(source: Source, name: str = "tokenizer_config.json") -> dict[str, Any] | None:
    """The contents of a JSON file of settings, or None where there is none.

    Raises:
        ValueError: the file is damaged, or one of its fields is of another kind than a tokenizer's.
    """
    path = source.path(name)
    if path is None:
        return None
    with decoding(path), open(path, encoding="utf-8") as file:
        settings = json.load(file)
    if not isinstance(settings, dict):
        raise ValueError(f"{path}: holds a {type(settings).__name__}, where a JSON object was expected; copy it again.")
    wrong = {
        field: expected
        for field, (kinds, expected) in _KINDS.items()
        if field in settings and not isinstance(settings[field], kinds)
    }
    wrong |= {
        field: "a number of tokens above 0" for field in _LIMITS if field in settings and not _is_limit(settings[field])
    }
    for field, expected in wrong.items():
        value = str(settings[field])[:60]
        raise ValueError(f"{path}: {field} is {value!r}, not {expected}; correct it, or copy the file again.")
    return settings


def _is_limit(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def is_own_code(source: Source, name: str = "tokenizer_config.json") -> bool:
    """Whether a tokenizer is a class of its repository's own code."""
    return "AutoTokenizer" in ((source.json(name) or {}).get("auto_map") or {})


def has_vocabulary(source: Source) -> bool:
    """Whether a file of a vocabulary is there."""
    return any(source.path(name) is not None for name in _VOCABULARIES)


def _vocabulary_path(source: Source) -> str:
    """The path of the vocabulary, or the source's own name if there is none."""
    return next((path for path in map(source.path, _VOCABULARIES) if path is not None), source.name)


def check_there(source: Source, passport: Passport | None) -> None:
    """Refuse a source of a known family without a vocabulary that is one of DNA: transformers would make one up.

    Called where no reader of ours took the source.

    Raises:
        ValueError: no vocabulary file, and the message names those of the family; or a list of other words.
    """
    if passport is None:
        return
    words = source.path("vocab.txt")
    if words is not None and source.path("tokenizer.json") is None:
        raise ValueError(
            f"{words}: not the vocabulary of a {passport.title}: its words, or its special tokens, are others. The "
            "file was damaged, or is of another model; copy it again."
        )
    if has_vocabulary(source):
        return
    missing = [name for name in passport.tokenizer_files if source.path(name) is None]
    raise ValueError(
        f"{source.name}: this {passport.title} has no tokenizer: {' and '.join(missing)} "
        f"{'is' if len(missing) == 1 else 'are'} missing. Copy the tokenizer's files from where the model was "
        "published (offline: fetch them into the cache first)."
    )


def family_of(source: Source) -> Passport | None:
    """The family of the model that a tokenizer belongs to, by config.json or by the published name."""
    contents = source.json("config.json")
    passport = None if contents is None else find_passport(contents, source.text)
    known = None if passport is not None else find_checkpoint(source.name)
    return passport if known is None else known[0]


def check_fit(source: Source, tokenizer: PreTrainedTokenizerBase, config: Any = None) -> None:
    """Refuse a tokenizer that does not know DNA, or that is of another model than the one it was read with.

    Args:
        config: of the model, where the caller gave one; None reads the source's own.

    Raises:
        ValueError: they do not belong together; the message says why.
    """
    rows = getattr(config, "vocab_size", None) if config is not None else _rows(source)
    with decoding(_vocabulary_path(source)), _panics():  # some lists of words fail only when they are used
        problems = vocabulary_mismatch(tokenizer, rows)
    if not problems:
        return
    names = list(dict.fromkeys([*tokenizer.vocab_files_names.values()]))
    missing = names if names and not any(source.path(name) for name in names) else []
    why = f"no vocabulary file is there ({' or '.join(missing)})" if missing else "they are files of another model"
    raise ValueError(
        f"{source.name}: tokenizer and model do not belong together: {'; '.join(problems)}. Probably {why}: copy the "
        "tokenizer's files from where the model was published."
    )


def _rows(source: Source) -> int | None:
    """How many rows the embedding of the model has, by its config; None where that is not known."""
    contents: Mapping[str, Any] | None = source.json("config.json")
    if contents is None and (adapter := source.json("adapter_config.json")) is not None:
        contents = base_of(source, adapter).json("config.json")
    rows = (contents or {}).get("vocab_size")
    return rows if isinstance(rows, int) else None


def check_words(source: Source, tokenizer: PreTrainedTokenizerBase) -> None:
    """Refuse one of our tokenizers whose list of words has holes.

    Raises:
        ValueError: an id has no word, or two, a k-mer is missing, or there is no token for unknown letters; the message
            names the file.
    """
    backend = tokenizer.backend_tokenizer
    words = backend.get_vocab(with_added_tokens=False)
    listed = sorted(words, key=words.__getitem__)
    path = _vocabulary_path(source)
    for number, word in enumerate(listed):
        if words[word] != number:
            raise ValueError(
                f"{path}: the vocabulary has {'no word' if words[word] > number else 'a second word'} with the id "
                f"{min(number, words[word])}, next to {word!r}. The file is damaged; copy it again."
            )
    unknown = backend.model.unk_token
    if unknown is None or unknown != tokenizer.unk_token:
        raise ValueError(
            f"{path}: the token for unknown letters (unk_token) is {unknown!r} here and {tokenizer.unk_token!r} in "
            "tokenizer_config.json or special_tokens_map.json; it must be one. Copy these files again."
        )
    with decoding(path), _panics():
        tokenizer("ACGTNacgtRU-")  # letters of every kind: some damages show only when text is read
    with naming(path):
        if isinstance(tokenizer, KmerTokenizer):
            check_kmer_vocabulary(listed)
        elif isinstance(tokenizer, OverlappingKmerTokenizer):
            check_overlapping_kmer_vocabulary(listed)
        covered = int(tokenizer.bases_per_token(tokenizer(_LETTERS)["input_ids"]).sum())
        if covered != len(_LETTERS):
            raise ValueError(
                f"the tokens of {_LETTERS!r} cover {covered} letters, not {len(_LETTERS)}. The file is damaged; copy "
                "it again."
            )
