"""The model that training starts from: a checkpoint or a config with random weights, with a head for the task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import torch

from hf_dnalm.auto import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)
from hf_dnalm.checkpoints import PASSPORTS, find_passport
from hf_dnalm.checkpoints.contents import check_contents
from hf_dnalm.damage import decoding, read_json
from hf_dnalm.source import naming
from hf_dnalm.tasks import Task
from hf_dnalm.tokenization import build_kmer_tokenizer
from hf_dnalm.tokenization.vocabulary import EDGE_TOKENS, LARGEST_K, SMALLEST_K, Layout, kmer_vocabulary
from hf_dnalm.training.arguments import ModelArguments

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_KMERS = "tokenization_kmer.KmerTokenizer"  # vocab_size alone determines its vocabulary
_MODEL_TYPES = " or ".join(repr(passport.model_type) for passport in PASSPORTS if passport.tokenizer_class == _KMERS)


def load_for_task(
    source: str, task: Task, *, seed: int, revision: str | None = None, pooling: str | None = None
) -> PreTrainedModel:
    """Load a checkpoint with a head for the task, in float32; the weights of a new head depend on the seed alone.

    Args:
        source: folder or Hub id. A head of the same shape is kept and trained further; any other head is replaced.
        pooling: "cls", "mean" or "max"; None: the setting in the checkpoint's config.

    Raises:
        ValueError: the checkpoint is damaged, or the heads of its family do not have a choice of pooling.
    """
    where = {} if revision is None else {"revision": revision}
    settings: dict[str, Any] = head_settings(task)
    if pooling is not None:
        if not hasattr(AutoConfig.from_pretrained(source, **where), "classifier_pooling"):
            raise ValueError(f"{source}: the pooling of this family's heads is fixed. Leave out --pooling.")
        settings["classifier_pooling"] = pooling
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, info = model_class(task).from_pretrained(
            source, dtype=torch.float32, ignore_mismatched_sizes=True, output_loading_info=True, **settings, **where
        )
    encoder = sorted(key for key, *_ in info["mismatched_keys"] if key.startswith(f"{model.base_model_prefix}."))
    if encoder:
        raise ValueError(
            f"{source}: the shape of {encoder[0]} in the weights does not match config.json. Copy the checkpoint again."
        )
    return model


def model_class(task: Task) -> Any:
    """The Auto class whose head predicts at the task's level: one output per sequence, or one per token."""
    return AutoModelForSequenceClassification if task.level == "sequence" else AutoModelForTokenClassification


def head_settings(task: Task) -> dict[str, Any]:
    """The config fields that define the head's outputs."""
    return {
        "problem_type": task.problem_type,
        "id2label": task.id2label,
        "label2id": {name: index for index, name in task.id2label.items()},
    }


def describe_inputs(config: PreTrainedConfig, task: Task) -> None:
    """Write the task's bin size and whether it has pairs of sequences into a config.

    These are not fields of transformers. They are written only if the task has bins or pairs.
    """
    for name, value, otherwise in (("bin_bp", task.bin_bp, None), ("sequence_pairs", task.pair, False)):
        if value != getattr(config, name, otherwise):
            setattr(config, name, value)


def start_model(arguments: ModelArguments, task: Task, *, seed: int) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model to train, from a checkpoint or randomly initialised, and its tokenizer.

    Raises:
        ValueError: the checkpoint or the config is damaged, or the config does not define its tokenizer.
    """
    if arguments.model is not None:
        where: dict[str, Any] = {} if arguments.revision is None else {"revision": arguments.revision}
        model = load_for_task(arguments.model, task, seed=seed, revision=arguments.revision, pooling=arguments.pooling)
        return model, AutoTokenizer.from_pretrained(arguments.model, **where)
    path = Path(arguments.config or "")
    fields = read_json(path)
    with naming(str(path)):
        check_contents(fields, ())
    if arguments.pooling is not None:
        fields["classifier_pooling"] = arguments.pooling
    passport = find_passport(fields)
    if passport is None or "model_type" not in fields:
        raise ValueError(f"{path}: model_type is {fields.get('model_type')!r}; it must be {_MODEL_TYPES}.")
    if passport.tokenizer_class != _KMERS:
        raise ValueError(
            f"{path}: a {passport.title} config does not define its tokenizer. Pass --model with a folder that has the "
            "tokenizer."
        )
    with decoding(path, remedy="A field has an invalid value; correct it."), naming(str(path)):
        config = AutoConfig.for_model(**fields | head_settings(task))
    limit: Any = passport.context_tokens(config)  # never None for families with k-mer tokenizers
    tokenizer = _tokenizer_for(config.vocab_size, limit, path)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return model_class(task).from_config(config), tokenizer


def _tokenizer_for(vocab_size: int, context_tokens: int | None, path: Path) -> PreTrainedTokenizerBase:
    """The k-mer tokenizer whose tokens all have an embedding in a model of this vocabulary size."""
    extras = {_tokens_besides_kmers(layout): layout for layout in get_args(Layout)}
    for k in range(SMALLEST_K, LARGEST_K + 1):
        layout = extras.get(vocab_size - 4**k)
        if layout is not None:
            return build_kmer_tokenizer(k, layout=layout, model_max_length=context_tokens)
    sizes = " or ".join(f"4^k + {extra}" for extra in sorted(extras))
    raise ValueError(
        f"{path}: vocab_size is {vocab_size}; a k-mer vocabulary has {sizes} tokens, with k from {SMALLEST_K} to "
        f"{LARGEST_K}. Correct the field."
    )


def _tokens_besides_kmers(layout: Layout) -> int:
    """How many embeddings a model of this layout has in addition to those of its 4^k k-mers."""
    tokens = kmer_vocabulary(SMALLEST_K, layout)
    while tokens[-1] in EDGE_TOKENS:  # at the end of the vocabulary they have no embedding in the published models
        tokens.pop()
    return len(tokens) - 4**SMALLEST_K
