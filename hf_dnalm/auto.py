"""The drop-in Auto classes: what we wrote, what upstream published, adapters, and whatever transformers reads."""

from __future__ import annotations

import logging
import os
import pickle
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import transformers
from safetensors import SafetensorError, safe_open
from transformers.configuration_utils import PreTrainedConfig
from transformers.tokenization_utils_base import VERY_LARGE_INTEGER
from transformers.utils import is_peft_available

from hf_dnalm.checkpoints import PASSPORTS, Passport
from hf_dnalm.source import HUB_ARGUMENTS, Recognised, Source
from hf_dnalm.tokenization.tokenization_dna_bpe import DnaBpeTokenizer, is_dna_bpe, without_limits
from hf_dnalm.tokenization.tokenization_kmer import KmerTokenizer, kmer_tokenizer_from_vocabulary, with_genome_mode
from hf_dnalm.tokenization.vocabulary import kmer_vocabulary_k, read_vocabulary

logger = logging.getLogger(__name__)

_WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_REMOTE_CODE = ("trust_remote_code", "code_revision")
_FOR_WEIGHTS = ("dtype", "torch_dtype", "quantization_config", "output_loading_info")


class AutoConfig(transformers.AutoConfig):
    """transformers' AutoConfig, which also reads upstream's config.json of our families as our own config."""

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], *, family: str | None = None, **kwargs: Any
    ) -> Any:
        """As in transformers, with `family="…"` to name a family whatever the content of config.json says."""
        source = Source.of(pretrained_model_name_or_path, kwargs)
        if "gguf_file" in kwargs:
            return super().from_pretrained(source.name, **kwargs)
        found = source.recognise(family, trust_remote_code=kwargs.get("trust_remote_code"))
        if found is None:
            return super().from_pretrained(source.name, **kwargs)
        return found.config(source.name, **_without(kwargs, *HUB_ARGUMENTS, *_REMOTE_CODE))


class _ModelDoor:
    """What all model doors do: find the family, load strictly, attach an adapter; leave the rest to transformers."""

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], *args: Any, family: str | None = None, **kwargs: Any
    ) -> Any:
        """A model from a folder or Hub id, with every argument of transformers' own `from_pretrained`.

        An adapter's folder gives its base model with the adapter in it. A config.json beside the adapter, as
        `dnalm finetune` writes it, says what the head's outputs are and how it pools; without one the head is as wide
        as the adapter's, and the rest is as the base model's config says.

        Args:
            family: names a family whatever the content of config.json says.
            revision: where none is given, a published checkpoint is read at the commit that its passport pins.

        Raises:
            ValueError: a weight is missing, left over or of another shape; the message names it. A task head that the
                weights do not hold starts untrained, which is logged and stands in the loading info.
        """
        source = Source.of(pretrained_model_name_or_path, kwargs)
        load = super().from_pretrained  # type: ignore[misc]
        if "gguf_file" in kwargs or kwargs.get("state_dict") is not None:
            return load(source.name, *args, **kwargs)
        adapter = _adapter_config(source)
        if adapter is not None and not is_peft_available():
            raise ImportError(f'{source.name} is an adapter, which needs peft: pip install "hf_dnalm[train]"')
        base = source if adapter is None else base_of(source, adapter)
        config, found = kwargs.get("config"), None
        if isinstance(config, PreTrainedConfig):
            passport = next((each for each in PASSPORTS if each.model_type == config.model_type), None)
        else:
            found = _recognise_base(source, base, family, kwargs.get("trust_remote_code"))
            passport = None if found is None else found.passport
        if passport is None:
            return load(source.name, *args, **kwargs)
        kwargs = _without(kwargs, *HUB_ARGUMENTS) | base.hub
        if adapter is not None:
            kwargs = _outputs_of(source, passport, kwargs) | kwargs
        if found is not None:
            kwargs = _with_config(found, base, kwargs)
        with_info = kwargs.pop("output_loading_info", False)
        model, info, new = _load_strictly(cls.__name__, load, passport, base, *args, **kwargs)
        if adapter is not None:
            new = _attach(source, base, model, new)
        if new:
            logger.warning("%s: newly initialised, to be trained before use: %s", source.name, ", ".join(sorted(new)))
        return (model, info) if with_info else model


class AutoModel(_ModelDoor, transformers.AutoModel):
    """transformers' AutoModel for our families too: hidden states without a head."""


class AutoModelForMaskedLM(_ModelDoor, transformers.AutoModelForMaskedLM):
    """transformers' AutoModelForMaskedLM for our families too."""


class AutoModelForSequenceClassification(_ModelDoor, transformers.AutoModelForSequenceClassification):
    """transformers' AutoModelForSequenceClassification for our families too: classes, labels or values of sequences."""


class AutoModelForTokenClassification(_ModelDoor, transformers.AutoModelForTokenClassification):
    """transformers' AutoModelForTokenClassification for our families too: a class per token or nucleotide."""


class AutoTokenizer(transformers.AutoTokenizer):
    """transformers' AutoTokenizer, which reads upstream's k-mers and DNA byte pairs as our fast tokenizers."""

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

        Raises:
            ValueError: genome_mode for a tokenizer that has none, or a damaged vocabulary.
        """
        source = _with_tokenizer(Source.of(pretrained_model_name_or_path, kwargs))
        kwargs = _without(kwargs, *HUB_ARGUMENTS) | source.hub
        pairs = source.text("tokenizer.json")
        vocabulary = source.path("vocab.txt") if pairs is None else None
        if pairs is not None and is_dna_bpe(pairs):
            tokenizer = _dna_bpe_tokenizer(source, pairs, kwargs)
        elif vocabulary is not None and kmer_vocabulary_k(words := read_vocabulary(vocabulary)) is not None:
            tokenizer = _kmer_tokenizer(source, words, kwargs)
        else:
            tokenizer = super().from_pretrained(source.name, *args, **kwargs)
        if genome_mode is None:
            return tokenizer
        if not isinstance(tokenizer, KmerTokenizer | DnaBpeTokenizer):
            raise ValueError(
                f"{source.name}: genome_mode is of k-mer and DNA byte pair tokenizers, and this one is a "
                f"{type(tokenizer).__name__}."
            )
        return with_genome_mode(tokenizer, genome_mode)


def _without(arguments: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in arguments.items() if key not in names}


def _with_config(found: Recognised, source: Source, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments for loading weights: those that are fields of the config have gone into it."""
    for_weights = {key: kwargs[key] for key in (*_FOR_WEIGHTS, *HUB_ARGUMENTS) if key in kwargs}
    fields = _without(kwargs, "config", *_REMOTE_CODE, *for_weights)
    config, unused = found.config(source.name, return_unused_kwargs=True, **fields)
    return for_weights | unused | {"config": config}


def _load_strictly(
    door: str, load: Any, passport: Passport, source: Source, *args: Any, **kwargs: Any
) -> tuple[Any, dict[str, Any], set[str]]:
    """The model, transformers' loading info less what the passport declares, and the weights that start untrained.

    Raises:
        ValueError: weights are missing, left over, of another shape or unreadable.
    """
    ignore_mismatched = kwargs.pop("ignore_mismatched_sizes", False)
    try:
        with _no_load_report():
            model, info = load(source.name, *args, output_loading_info=True, ignore_mismatched_sizes=True, **kwargs)
    except (SafetensorError, pickle.UnpicklingError) as error:
        raise ValueError(f"{source.name}: the weights cannot be read, cut short or damaged ({error}).") from error
    model._weight_conversions = []  # else save_pretrained would undo a key_mapping and write the names it was read from

    prefix = passport.heads.get(door, "")
    head = {name for name in model.state_dict() if prefix and name.startswith(prefix)}
    claims_head = type(model).__name__ in (model.config.architectures or [])  # its own file must hold it
    no_head = bool(head) and head <= set(info["missing_keys"]) and not claims_head
    poolers = {key for key in info["missing_keys"] if key.startswith(tuple(f"{name}." for name in passport.poolers))}
    new = head | poolers if no_head and door in passport.new_heads else set()

    others = tuple(other for other in passport.heads.values() if other != prefix or new)
    unused = "|".join(f"(?:{pattern})" for pattern in passport.unused_keys(model.config))
    info["unexpected_keys"] = {
        key for key in info["unexpected_keys"] if not key.startswith(others) and not re.fullmatch(unused, key)
    }
    _refuse(type(model).__name__, source, set(info["missing_keys"]) - new, info, head, ignore_mismatched)
    return model, info, new | {key for key, *_ in info["mismatched_keys"]}


def _refuse(
    name: str, source: Source, missing: set[str], info: dict[str, Any], head: set[str], ignore_mismatched: bool
) -> None:
    """Raise for what a loaded model lacks or left over."""
    if missing and missing == head:
        raise ValueError(
            f"{source.name}: the weights hold no head for {name} ({_listed(missing)} missing). Load them with the "
            "class they were saved from, or with AutoModel."
        )
    if missing:
        raise ValueError(f"{source.name}: the weights are incomplete, {name} misses {_listed(missing)}.")
    if info["unexpected_keys"]:
        raise ValueError(
            f"{source.name}: the weights hold {_listed(info['unexpected_keys'])}, for which {name} has no place: they "
            "are of another model than config.json says."
        )
    if info["mismatched_keys"] and not ignore_mismatched:
        (key, stored, wanted), *more = sorted(info["mismatched_keys"])
        raise ValueError(
            f"{source.name}: {key} has shape {tuple(stored)} in the weights and {tuple(wanted)} in {name}"
            f"{f' ({len(more)} more such)' if more else ''}. To start such weights anew, as for another number of "
            "labels, pass ignore_mismatched_sizes=True."
        )


def _listed(keys: Collection[str]) -> str:
    """The names, or the first four of many."""
    first = ", ".join(sorted(keys)[:4])
    return first if len(keys) <= 4 else f"{first} and {len(keys) - 4} more"


@contextmanager
def _no_load_report() -> Iterator[None]:
    """Withhold transformers' table of missing and unexpected keys: the doors refuse these, or report them by name."""

    def keep(record: logging.LogRecord) -> bool:
        return "LOAD REPORT" not in record.getMessage()

    reporters = [logging.getLogger(f"transformers.{name}") for name in ("modeling_utils", "integrations.peft")]
    for reporter in reporters:
        reporter.addFilter(keep)
    try:
        yield
    finally:
        for reporter in reporters:
            reporter.removeFilter(keep)


def _adapter_config(source: Source) -> dict[str, Any] | None:
    """adapter_config.json of an adapter that has no weights under it; None for anything else."""
    adapter = source.json("adapter_config.json")
    return None if adapter is None or any(source.path(name) for name in _WEIGHT_FILES) else adapter


def base_of(source: Source, adapter: Mapping[str, Any]) -> Source:
    """Where the model under an adapter lies.

    Raises:
        ValueError: the adapter does not say, or nothing is there.
    """
    name = adapter.get("base_model_name_or_path")
    if not name:
        raise ValueError(f"{source.name}: adapter_config.json names no base model; fill in base_model_name_or_path.")
    try:
        return Source.of(name, _without(source.hub, "revision", "subfolder") | {"revision": adapter.get("revision")})
    except FileNotFoundError as error:
        raise _no_base(source, name) from error


def _no_base(source: Source, base: str) -> ValueError:
    return ValueError(
        f"{source.name}: adapter_config.json names the base model {base!r}, which cannot be read. Put it there, or "
        "correct base_model_name_or_path in that file."
    )


def _recognise_base(
    source: Source, base: Source, family: str | None, trust_remote_code: bool | None
) -> Recognised | None:
    try:
        return base.recognise(family, trust_remote_code=trust_remote_code)
    except OSError as error:
        if base is source:
            raise
        raise _no_base(source, base.name) from error


def _outputs_of(source: Source, passport: Passport, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the head in an adapter's config.json; where there is none, the number of labels."""
    config = source.json("config.json")
    if config is not None:
        fields = {key: config[key] for key in passport.head_fields if config.get(key) is not None}
        if "id2label" in fields:
            fields["id2label"] = {int(number): label for number, label in fields["id2label"].items()}
    else:
        fields = {}
        path = source.path("adapter_model.safetensors")
        if path is not None:
            with safe_open(path, framework="pt") as weights:
                for key in weights.keys():  # noqa: SIM118 (not a dict)
                    if key.endswith(tuple(passport.label_weights.values())):
                        fields = {"num_labels": weights.get_slice(key).get_shape()[0]}
    if {"num_labels", "id2label"} & given.keys():
        return _without(fields, "num_labels", "id2label", "label2id")
    return fields


def _attach(source: Source, base: Source, model: Any, new: set[str]) -> set[str]:
    """Put the adapter's weights into its base model; returns what still starts untrained.

    Raises:
        ValueError: the adapter was made for another model or head.
    """
    from peft import get_peft_model_state_dict, load_peft_weights, set_peft_model_state_dict

    with _no_load_report():
        model.load_adapter(source.name, adapter_kwargs=source.hub, ignore_mismatched_sizes=True)
    # transformers 5.5 neither says what did not fit nor fills in the head: PEFT's own functions do both.
    weights = load_peft_weights(source.name, device="cpu", **source.hub)
    stored = {name.removeprefix("base_model.model."): each for name, each in weights.items()}
    places = get_peft_model_state_dict(model, adapter_name="default")
    unfit = {
        name
        for name in stored | places
        if name not in stored or stored[name].shape != getattr(places.get(name), "shape", None)
    }
    if unfit:
        raise ValueError(
            f"{source.name}: the adapter does not fit {type(model).__name__} from {base.name} ({_listed(unfit)}). Load "
            "it with the class it was trained in, on the base model it was trained on."
        )
    set_peft_model_state_dict(model, stored, adapter_name="default")
    saved = tuple(f"{module}." for module in model.peft_config["default"].modules_to_save or ())
    return {key for key in new if not key.startswith(saved)}


def _with_tokenizer(source: Source) -> Source:
    """The source, or the base model of an adapter that was saved without a tokenizer."""
    adapter = source.json("adapter_config.json")
    if adapter is None or any(source.path(name) for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt")):
        return source
    return base_of(source, adapter)


def _kmer_tokenizer(source: Source, words: list[str], kwargs: dict[str, Any]) -> KmerTokenizer:
    """Our fast tokenizer over an upstream vocabulary, with every argument that transformers' own loading takes."""
    settings = source.json("tokenizer_config.json") or {}
    if settings.get("eos_token") is not None:
        raise ValueError(
            f"{source.name}: tokenizer_config.json asks for eos_token {settings['eos_token']!r} after every sequence, "
            "which k-mer tokenizers have not; set it to null."
        )
    limit = settings.get("model_max_length", VERY_LARGE_INTEGER)
    built = kmer_tokenizer_from_vocabulary(words, model_max_length=limit)
    with tempfile.TemporaryDirectory() as folder:
        built.save_pretrained(folder)
        tokenizer = KmerTokenizer.from_pretrained(folder, **_tokenizer_options(kwargs))
    tokenizer.name_or_path = source.name
    return tokenizer


def _dna_bpe_tokenizer(source: Source, tokenizer_json: str, kwargs: dict[str, Any]) -> DnaBpeTokenizer:
    """Our fast tokenizer over upstream's byte pairs, with its settings, but for a length it would cut and pad to."""
    with tempfile.TemporaryDirectory() as folder:
        written = {"tokenizer.json": without_limits(tokenizer_json)}
        for name in ("tokenizer_config.json", "special_tokens_map.json"):
            if (text := source.text(name)) is not None:
                written[name] = text
        for name, text in written.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        options = {"model_input_names": DnaBpeTokenizer.model_input_names} | _tokenizer_options(kwargs)
        tokenizer = DnaBpeTokenizer.from_pretrained(folder, **options)
    tokenizer.name_or_path = source.name
    return tokenizer


def _tokenizer_options(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `from_pretrained` that are the tokenizer's own."""
    return _without(kwargs, "config", "use_fast", "tokenizer_type", *_REMOTE_CODE, *HUB_ARGUMENTS)
