"""Which class loads what a user names: a fine-tuned model with its head, or a language model."""

from __future__ import annotations

from typing import Any


def find_model_class(source: str) -> tuple[Any, str]:
    """The Auto class that loads a fine-tuned model with its head, and the level the head predicts at.

    Raises:
        ValueError: the model has no task head.
    """
    from hf_dnalm.auto import AutoConfig, AutoModelForSequenceClassification, AutoModelForTokenClassification
    from hf_dnalm.source import Source

    adapter = Source.of(source, {}).json("adapter_config.json")
    if adapter is not None:
        what = f"an adapter of task type {adapter.get('task_type')}"
    else:
        what = (AutoConfig.from_pretrained(source).architectures or ["a model without a class"])[0]
    if what.endswith(("ForSequenceClassification", " SEQ_CLS")):
        return AutoModelForSequenceClassification, "sequence"
    if what.endswith(("ForTokenClassification", " TOKEN_CLS")):
        return AutoModelForTokenClassification, "nucleotide"
    raise ValueError(f"{source} is {what}, which has no task head; fine-tune it first with dnalm finetune.")


def load_language_model(source: str) -> tuple[Any, Any]:
    """A masked or causal language model, whichever the checkpoint is, and its tokenizer.

    Raises:
        ValueError: the checkpoint is a fine-tuned one, or of a kind that is no language model.
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_MASKED_LM_MAPPING

    from hf_dnalm.auto import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer
    from hf_dnalm.source import Source

    settings = Source.of(source, {}).json("adapter_config.json") or {}
    base = settings.get("base_model_name_or_path") or source
    if not isinstance(base, str):
        raise ValueError(
            f"{source}: adapter_config.json: base_model_name_or_path is {base!r}; it must be a text in quotes."
        )
    config = AutoConfig.from_pretrained(base)
    what = f"{settings['task_type']} adapter" if settings.get("task_type") else (config.architectures or [""])[0]
    if what.endswith(("ForSequenceClassification", "ForTokenClassification", "_CLS adapter")):
        raise ValueError(
            f"{source} is a fine-tuned model ({what}), which does not say how likely DNA is; name the language model "
            "that it was made from."
        )
    masked, causal = (type(config) in each for each in (MODEL_FOR_MASKED_LM_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING))
    if not masked and not causal:
        raise ValueError(f"{source} is a {config.model_type} model, which is no language model.")
    is_causal = causal and (not masked or what.endswith(("ForCausalLM", "LMHeadModel")))
    door = AutoModelForCausalLM if is_causal else AutoModelForMaskedLM
    return door.from_pretrained(source), AutoTokenizer.from_pretrained(source)
