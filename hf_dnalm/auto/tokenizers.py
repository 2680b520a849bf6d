"""The drop-in AutoTokenizer: upstream's vocabularies of DNA, told by their content, as fast tokenizers."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import transformers
from transformers.tokenization_utils_base import VERY_LARGE_INTEGER

from hf_dnalm.auto.adapters import base_of
from hf_dnalm.auto.tokenizer_files import (
    check_files,
    check_fit,
    check_there,
    check_words,
    family_of,
    has_vocabulary,
    is_own_code,
    read_settings,
)
from hf_dnalm.checkpoints import find_passport
from hf_dnalm.damage import decoding
from hf_dnalm.source import HUB_ARGUMENTS, REMOTE_CODE, Recognised, Source, naming, without
from hf_dnalm.tokenization.dna_tokenizer import DnaTokenizer, with_genome_mode
from hf_dnalm.tokenization.overlapping_kmers import overlapping_kmer_vocabulary_k
from hf_dnalm.tokenization.tokenization_dna_bpe import (
    DnaBpeTokenizer,
    is_dna_bpe,
    is_word_list,
    longest_match_tokenizer_from_vocabulary,
    without_limits,
)
from hf_dnalm.tokenization.tokenization_kmer import KmerTokenizer, kmer_tokenizer_from_vocabulary
from hf_dnalm.tokenization.tokenization_nucleotide import (
    Edges,
    NucleotideTokenizer,
    Scheme,
    build_nucleotide_tokenizer,
    is_nucleotide,
)
from hf_dnalm.tokenization.tokenization_overlapping_kmer import (
    OverlappingKmerTokenizer,
    overlapping_kmer_tokenizer_from_vocabulary,
)
from hf_dnalm.tokenization.vocabulary import kmer_vocabulary_k, read_vocabulary

T = TypeVar("T", bound=DnaTokenizer)

# GROVER's files do not name these, though its vocabulary has them.
_SPECIAL_NAMES = {"unk_token": "[UNK]", "sep_token": "[SEP]"}
_DNABERT_TOKENS = 512  # where no file says how many tokens a DNABERT reads


class AutoTokenizer(transformers.AutoTokenizer):
    """transformers' AutoTokenizer, which reads upstream's DNA vocabularies as our fast tokenizers."""

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *args: Any,
        genome_mode: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """As in transformers; the vocabulary's content decides, never a name.

        Args:
            genome_mode: of our tokenizers, whether lower case is read as upper case and IUPAC codes as N; None leaves
                it as it was saved (upstream: off).
            trust_remote_code: only True lets transformers run a repository's own tokenizer class; nobody is asked.

        Raises:
            ValueError: genome_mode for a tokenizer that has none; a file that is damaged or missing; a tokenizer that
                does not know DNA, or that is of another model than the config.json next to it.
        """
        source = _with_tokenizer(Source.of(pretrained_model_name_or_path, kwargs))
        check_files(source)
        kwargs = without(kwargs, *HUB_ARGUMENTS) | source.hub
        kwargs["trust_remote_code"] = bool(kwargs.get("trust_remote_code"))
        options = without(kwargs, "config", "use_fast", "tokenizer_type", *REMOTE_CODE, *HUB_ARGUMENTS)
        read = (reader(source, options) for reader in READERS)
        tokenizer = next((each for each in read if each is not None), None)
        if tokenizer is None:
            check_there(source, family_of(source))
            if is_own_code(source) and not kwargs["trust_remote_code"]:
                raise ValueError(
                    f"{source.name}: tokenizer_config.json names a tokenizer class of that repository's own code "
                    "(auto_map), which hf_dnalm does not run. Use a tokenizer of transformers' own classes."
                )
            tokenizer = _left_to_transformers(super().from_pretrained, source, args, kwargs)
        if isinstance(tokenizer, DnaTokenizer):
            check_words(source, tokenizer)
        check_fit(source, tokenizer, kwargs.get("config"))
        if genome_mode is None:
            return tokenizer
        if not isinstance(tokenizer, DnaTokenizer):
            raise ValueError(
                f"{source.name}: genome_mode is of tokenizers of DNA, and this one is a {type(tokenizer).__name__}."
            )
        return with_genome_mode(tokenizer, genome_mode)


def _left_to_transformers(load: Any, source: Source, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What transformers reads; its errors about damaged files name the source."""
    unreachable = None
    place = (
        "its tokenizer's files"
        if has_vocabulary(source)
        else "neither tokenizer.json nor vocab.txt is there: its tokenizer"
    )
    with decoding(source.name, place):
        try:
            return load(source.name, *args, **kwargs)
        except OSError as error:  # no such repository, say: transformers' own words are the clearer ones
            unreachable = error
    raise unreachable


def _with_tokenizer(source: Source) -> Source:
    """The source, or the base model of an adapter that was saved without a tokenizer."""
    adapter = source.json("adapter_config.json")
    if adapter is None or any(source.path(name) for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt")):
        return source
    return base_of(source, adapter)


def read_kmers(source: Source, options: dict[str, Any]) -> KmerTokenizer | None:
    """The tokenizer over an upstream vocab.txt of k-mers; None where there is no such file, or tokenizer.json too.

    Raises:
        ValueError: the vocabulary is damaged, or a token is asked for that the scheme does not have.
    """
    path, words = _listed_words(source)
    if not words or kmer_vocabulary_k(words) is None:
        return None
    settings = read_settings(source) or {}
    if settings.get("eos_token") is not None:
        raise ValueError(
            f"{source.name}: tokenizer_config.json asks for eos_token {settings['eos_token']!r} after every sequence, "
            "which k-mer tokenizers have not; set it to null."
        )
    limit = settings.get("model_max_length", VERY_LARGE_INTEGER)
    with naming(path):
        built = kmer_tokenizer_from_vocabulary(words, model_max_length=limit)
    return reloaded(built, source, options)


def read_overlapping_kmers(source: Source, options: dict[str, Any]) -> OverlappingKmerTokenizer | None:
    """The tokenizer over an upstream vocab.txt of DNABERT; None where there is no such file, or tokenizer.json too.

    Of tokenizer_config.json the length alone is read: `do_lower_case`, which it states, would make every word unknown.

    Raises:
        ValueError: the vocabulary is damaged.
    """
    path, words = _listed_words(source)
    if not words or overlapping_kmer_vocabulary_k(words) is None:
        return None
    settings = read_settings(source) or {}
    limit = settings.get("model_max_length", settings.get("max_len", _DNABERT_TOKENS))  # the older name of two
    with naming(path):
        built = overlapping_kmer_tokenizer_from_vocabulary(words, model_max_length=limit)
    return reloaded(built, source, options)


def read_longest_matches(source: Source, options: dict[str, Any]) -> DnaBpeTokenizer | None:
    """The tokenizer over a vocab.txt of DNA words of any length, as BEND keeps GROVER's; None for any other.

    Such a list does not say how its words were merged, so the longest word that fits is taken, as BEND does.

    Raises:
        ValueError: the vocabulary is damaged, or has another number of words than the model.
    """
    path, words = _listed_words(source)
    if not is_word_list(words):
        return None
    limit = (read_settings(source) or {}).get("model_max_length") or model_limit(source) or VERY_LARGE_INTEGER
    with naming(path):
        built = longest_match_tokenizer_from_vocabulary(words, model_max_length=limit)
    rows = (source.json("config.json") or {}).get("vocab_size")
    if rows is not None and rows != len(words):
        raise ValueError(
            f"{path}: has {len(words):,} words, but the model's embedding has {rows:,} rows. The file was cut short, "
            "or is of another model; copy it again."
        )
    return reloaded(built, source, options)


def _listed_words(source: Source) -> tuple[str, list[str]]:
    """Path and tokens of a vocab.txt without a tokenizer.json; no tokens if there is none."""
    path = None if source.path("tokenizer.json") else source.path("vocab.txt")
    return ("", []) if path is None else (path, read_vocabulary(path))


def read_dna_bpe(source: Source, options: dict[str, Any]) -> DnaBpeTokenizer | None:
    """The tokenizer over upstream's byte pairs, with its settings, but for a length it would cut and pad to.

    Where these state no longest input, the model's own limit is it: GENA-LM's do not, and longer inputs have no
    positions.
    """
    tokenizer_json = source.text("tokenizer.json")
    if tokenizer_json is None or not is_dna_bpe(tokenizer_json):
        return None
    return _read_backend(DnaBpeTokenizer, without_limits(tokenizer_json), source, options)


def read_nucleotides(source: Source, options: dict[str, Any]) -> NucleotideTokenizer | None:
    """The tokenizer over single letters: from a tokenizer.json of them, or by the class that upstream's settings name.

    HyenaDNA's and Caduceus' repositories have no vocabulary file; it is in their remote tokenizer code. The
    first ones of HyenaDNA hold no file of a tokenizer at all: the model's config says what it reads.

    Raises:
        ValueError: upstream's settings list other characters than A, C, G, T, N.
    """
    tokenizer_json = source.text("tokenizer.json")
    if tokenizer_json is not None:
        if not is_nucleotide(tokenizer_json):
            return None
        return _read_backend(NucleotideTokenizer, tokenizer_json, source, options)
    settings = read_settings(source)
    scheme, edges = _scheme_of_model(source) if settings is None else _scheme_of_settings(source, settings)
    if scheme is None:
        return None
    limit = (settings or {}).get("model_max_length") or model_limit(source) or VERY_LARGE_INTEGER
    return reloaded(build_nucleotide_tokenizer(scheme, edges=edges, model_max_length=limit), source, options)


def _scheme_of_settings(source: Source, settings: dict[str, Any]) -> tuple[Scheme | None, Edges | None]:
    name = settings.get("tokenizer_class")
    characters = settings.get("characters", [chr(code) for code in settings.get("char_ords", ())])
    if name not in _CHARACTER_TOKENIZERS and not characters:
        return None, None
    if characters and "".join(characters) != "ACGTN":
        raise ValueError(
            f"{source.name}: tokenizer_config.json lists the characters {''.join(characters)!r}; single letters are "
            "read with 'ACGTN' only, in this order."
        )
    return _CHARACTER_TOKENIZERS.get(name, _LISTED_CHARACTERS)


def _scheme_of_model(source: Source) -> tuple[Scheme | None, Edges | None]:
    contents = None if source.path("vocab.txt") else source.json("config.json")
    passport = None if contents is None else find_passport(contents, source.text)
    return ("hyenadna", "sep") if passport is not None and passport.family == "hyenadna" else (None, None)


def _read_backend(tokenizer_class: type[T], tokenizer_json: str, source: Source, options: dict[str, Any]) -> T:
    """A tokenizer over upstream's tokenizer.json, with the settings of the files next to it."""
    with tempfile.TemporaryDirectory() as folder:
        written = {"tokenizer.json": tokenizer_json}
        for name in ("tokenizer_config.json", "special_tokens_map.json"):
            if (text := source.text(name)) is not None:
                written[name] = text
        for name, text in written.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        options = {"model_input_names": tokenizer_class.model_input_names} | options
        if "model_max_length" not in json.loads(written.get("tokenizer_config.json", "{}")):
            options = {"model_max_length": model_limit(source) or VERY_LARGE_INTEGER} | options
        with decoding(source.name, "tokenizer.json or the settings next to it"):
            tokenizer = tokenizer_class.from_pretrained(folder, **options)
    vocabulary = tokenizer.get_vocab()
    unnamed = {name: word for name, word in _SPECIAL_NAMES.items() if getattr(tokenizer, name) is None}
    tokenizer.add_special_tokens({name: word for name, word in unnamed.items() if word in vocabulary})
    tokenizer.name_or_path = source.name
    return tokenizer


def model_limit(source: Source) -> int | None:
    """The longest input, in tokens, of the model in the tokenizer's folder; None without a model or without a limit."""
    contents = source.json("config.json")
    passport = None if contents is None else find_passport(contents, source.text)
    if contents is None or passport is None or not passport.limited:
        return None
    return passport.context_tokens(Recognised(passport, contents).config(source.name))


def reloaded(built: T, source: Source, options: dict[str, Any]) -> T:
    """A tokenizer built from upstream's files, with every option that transformers' own loading takes."""
    with tempfile.TemporaryDirectory() as folder:
        built.save_pretrained(folder)
        tokenizer = type(built).from_pretrained(folder, **options)
    tokenizer.name_or_path = source.name
    return tokenizer


# The remote classes of upstream's repositories, by what their code does.
_CHARACTER_TOKENIZERS: dict[str | None, tuple[Scheme, Edges]] = {
    "HyenaDNATokenizer": ("hyenadna", "sep"),
    "CaduceusTokenizer": ("caduceus", "sep"),
}
# HyenaDNA's first code, which BEND copied, lists its characters in the settings and sets [CLS] too.
_LISTED_CHARACTERS: tuple[Scheme, Edges] = ("hyenadna", "cls_sep")

# Each reads one kind of vocabulary by its content, and gives None for any other.
READERS: tuple[Callable[[Source, dict[str, Any]], DnaTokenizer | None], ...] = (
    read_nucleotides,
    read_dna_bpe,
    read_kmers,
    read_overlapping_kmers,
    read_longest_matches,
)
