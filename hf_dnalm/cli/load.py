"""Load the model that a command line names: with the class of its task head, or as a language model."""

from __future__ import annotations

from typing import Any


def find_model_class(source: str) -> tuple[Any, str]:
    """The Auto class that loads a fine-tuned model with its head, and the level at which the head predicts.

    Raises:
        ValueError: the model has no task head.
    """
    from hf_dnalm.auto import AutoConfig, AutoModelForSequenceClassification, AutoModelForTokenClassification
    from hf_dnalm.source import Source

    adapter = Source.of(source, {}).json("adapter_config.json")
    if adapter is not None:
        kind = f"an adapter of task type {adapter.get('task_type')}"
    else:
        kind = (AutoConfig.from_pretrained(source).architectures or ["a model without a class"])[0]
    if kind.endswith(("ForSequenceClassification", " SEQ_CLS")):
        return AutoModelForSequenceClassification, "sequence"
    if kind.endswith(("ForTokenClassification", " TOKEN_CLS")):
        return AutoModelForTokenClassification, "nucleotide"
    raise ValueError(f"{source} is {kind}, which has no task head; fine-tune it first with dnalm finetune.")


def load_language_model(source: str) -> tuple[Any, Any]:
    """The masked or causal language model of a checkpoint, and its tokenizer.

    Raises:
        ValueError: the checkpoint has a task head, or its family has no language model.
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_MASKED_LM_MAPPING

    from hf_dnalm.auto import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer
    from hf_dnalm.source import Source

    settings = Source.of(source, {}).json("adapter_config.json") or {}
    base = settings.get("base_model_name_or_path") or source
    if not isinstance(base, str):
        raise ValueError(f"{source}: adapter_config.json: base_model_name_or_path is {base!r}; it must be a string.")
    config = AutoConfig.from_pretrained(base)
    kind = f"{settings['task_type']} adapter" if settings.get("task_type") else (config.architectures or [""])[0]
    if kind.endswith(("ForSequenceClassification", "ForTokenClassification", "_CLS adapter")):
        raise ValueError(
            f"{source} is a fine-tuned model ({kind}), which predicts labels and not nucleotides; pass the language "
            "model that it was fine-tuned from."
        )
    masked, causal = (type(config) in each for each in (MODEL_FOR_MASKED_LM_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING))
    if not masked and not causal:
        raise ValueError(f"{source} is a {config.model_type} model, which is not a language model.")
    is_causal = causal and (not masked or kind.endswith(("ForCausalLM", "LMHeadModel")))
    auto_class = AutoModelForCausalLM if is_causal else AutoModelForMaskedLM
    return auto_class.from_pretrained(source), AutoTokenizer.from_pretrained(source)
