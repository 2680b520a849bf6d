"""transformers' pipelines over models that our Auto classes load."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import transformers

from hf_dnalm.auto import models
from hf_dnalm.auto.strict import listed
from hf_dnalm.auto.tokenizers import AutoTokenizer
from hf_dnalm.source import HUB_ARGUMENTS
from hf_dnalm.tokenization.dna_tokenizer import as_trained

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_AUTO_CLASSES: dict[str, Any] = {
    "feature-extraction": models.AutoModel,
    "fill-mask": models.AutoModelForMaskedLM,
    "text-classification": models.AutoModelForSequenceClassification,
    "token-classification": models.AutoModelForTokenClassification,
}
_FOR_LOADING = (*HUB_ARGUMENTS, "family", "dtype", "attn_implementation", "trust_remote_code")


def pipeline(
    task: str,
    model: str | os.PathLike[str] | PreTrainedModel,
    *,
    tokenizer: PreTrainedTokenizerBase | None = None,
    **options: Any,
) -> transformers.Pipeline:
    """`transformers.pipeline` with the model and tokenizer that our Auto classes load.

    transformers' own `pipeline` chooses the class by the model type in config.json. Published DNA models state those of
    other models (Nucleotide Transformer: ESM, DNABERT: BERT), so it loads another class, or a tokenizer that does not
    read DNA. The tokenizer of the pipeline reads lower case as upper case and IUPAC codes as N, as `predict` and
    `embed` do. Unlike these, a pipeline reads other letters as unknown tokens and does not refuse them.

    Args:
        task: "feature-extraction", "fill-mask", "text-classification" or "token-classification".
        model: a folder, a Hub id, an adapter, or a loaded model.
        tokenizer: of a loaded model; otherwise the one next to the model.
        options: what the Auto classes take to find and load a model (`family`, `revision`, `token`, `cache_dir`,
            `dtype`, `attn_implementation`, `trust_remote_code`, …); all others go to `transformers.pipeline`, such as
            `device`, `batch_size` or `top_k`.

    Raises:
        ValueError: another task; a loaded model without its tokenizer; a model whose head for this task is not trained;
            or the model or tokenizer is refused, as by the Auto classes.

    Example:
        >>> from hf_dnalm import AutoConfig, AutoModelForMaskedLM, pipeline
        >>> from hf_dnalm.tokenization import build_kmer_tokenizer
        >>> sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
        >>> config = AutoConfig.for_model("dnalm_nucleotide_transformer", vocab_size=75, **sizes)
        >>> tokenizer = build_kmer_tokenizer(3, layout="nucleotide_transformer_v2", model_max_length=64)
        >>> fill = pipeline("fill-mask", AutoModelForMaskedLM.from_config(config), tokenizer=tokenizer)
        >>> fill("ACG<mask>TTG", top_k=1) == fill("acg<mask>ttg", top_k=1)
        True
    """
    if task not in _AUTO_CLASSES:
        raise ValueError(
            f"task is {task!r}; hf_dnalm.pipeline has {', '.join(map(repr, _AUTO_CLASSES))}. For another one, load "
            "model and tokenizer with hf_dnalm's Auto classes and give both to transformers.pipeline."
        )
    loading = {name: options.pop(name) for name in _FOR_LOADING if name in options}
    if isinstance(model, str | os.PathLike):
        name = os.fspath(model)
        where = {key: loading[key] for key in (*HUB_ARGUMENTS, "trust_remote_code") if key in loading}
        loaded, info = _AUTO_CLASSES[task].from_pretrained(name, output_loading_info=True, **loading)
        if info["missing_keys"] and task != "feature-extraction":
            raise ValueError(
                f"{name}: {listed(info['missing_keys'])} are not in the weights: its head for {task} is not trained, "
                "and would answer at random. Fine-tune it first (dnalm finetune), or name a model that was."
            )
        tokenizer = AutoTokenizer.from_pretrained(name, **where) if tokenizer is None else tokenizer
        model = loaded
    elif tokenizer is None or loading:
        wrong = f"{', '.join(loading)} cannot be applied to it" if loading else "it comes without its tokenizer"
        raise ValueError(
            f"the model is loaded already, and {wrong}; pass tokenizer=… alone, or the model's folder or id."
        )
    build: Any = transformers.pipeline  # its overloads want the task as a literal
    return build(task, model=model, tokenizer=as_trained(tokenizer), **options)
