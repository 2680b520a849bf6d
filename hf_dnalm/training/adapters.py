"""What of a model is trained: all of it, an adapter (PEFT's LoRA or IA³), or the head alone."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import nn
from transformers import PreTrainedModel

from hf_dnalm.checkpoints import find_passport

if TYPE_CHECKING:
    from peft import PeftConfig, PeftModel
    from transformers import PreTrainedTokenizerBase

Method = Literal["full", "lora", "ia3", "probe"]

# IA³ rescales keys, values and what enters the second feed-forward projection (Liu et al. 2022, section 3.3).
# The pattern tells that projection from the one behind attention, whose name ends alike.
_FEED_FORWARD = r".*\.layer\.\d+\.output\.dense"
_IA3_TARGETS = rf".*\.(key|value)|{_FEED_FORWARD}"
_LORA_TARGETS = ("query", "value")  # of families without a passport: BERT, ESM-2 and their kin


class BaseWeights(NamedTuple):
    """Where the weights under an adapter are read from again."""

    source: str  # folder or Hub id
    revision: str | None = None

    @classmethod
    def of(cls, model: PreTrainedModel) -> BaseWeights | None:
        """The place a model was loaded from, a Hub id with its commit; None for one that was built from a config."""
        source = model.config._name_or_path
        if not source:
            return None
        if Path(source).exists():
            return cls(str(Path(source).resolve()))
        return cls(source, getattr(model.config, "_commit_hash", None))


def freeze_encoder(model: PreTrainedModel) -> None:
    """Let only the head of a model learn.

    Raises:
        ValueError: the model is all encoder, so nothing would be left to train.
    """
    if model.base_model is model:
        raise ValueError(f"{type(model).__name__} has no head to train; load it with a task head")
    model.base_model.requires_grad_(False)
    for name in _poolers(model):  # where one is new, its weights are random: it belongs to the head
        model.get_submodule(name).requires_grad_(True)


def add_adapter(
    model: PreTrainedModel,
    method: Literal["lora", "ia3"],
    *,
    base: BaseWeights | None,
    rank: int = 8,
    alpha: float = 16,
    dropout: float = 0.0,
    seed: int = 0,
) -> PeftModel:
    """The model with new adapters, its head trained and saved with them.

    PEFT builds the adapters into the model that is given.

    Args:
        base: written into the adapter's config; whoever loads the adapter reads the weights under it from there.
        rank, alpha, dropout: of LoRA; the update of a weight is alpha / rank × B A.
        seed: of the random start of LoRA's A; torch's global random state is left as it was.

    Raises:
        ImportError: peft is not installed.
        ValueError: `base` is None, so a saved adapter could never be loaded again.
    """
    try:
        from peft import get_peft_model
    except ImportError as error:
        raise ImportError(f"method={method!r} needs peft: pip install 'hf_dnalm[train]'") from error
    if base is None:
        raise ValueError(
            f"method={method!r} trains an adapter, which is saved without the weights under it, but this model was not "
            "loaded from a folder or a Hub id: save it and load it from there, or use method='full'"
        )
    peft_config = _adapter_config(model, method, rank=rank, alpha=alpha, dropout=dropout)
    # PEFT draws LoRA's A from torch's global generator, and still asks for the old name of transformers' property
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        torch.manual_seed(seed)
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)
        adapted = get_peft_model(model, peft_config)
    peft_config.base_model_name_or_path, peft_config.revision = base
    return adapted


def _adapter_config(
    model: PreTrainedModel, method: Literal["lora", "ia3"], *, rank: int, alpha: float, dropout: float
) -> PeftConfig:
    from peft import IA3Config, LoraConfig, TaskType

    token_head = type(model).__name__.endswith("ForTokenClassification")
    task_type = TaskType.TOKEN_CLS if token_head else TaskType.SEQ_CLS
    known = (model.base_model_prefix, "classifier", "score")  # the last two are named by PEFT's task types
    head = [name for name, module in model.named_children() if name not in known and list(module.parameters())]
    head += _poolers(model)
    if method == "ia3":
        if not any(re.fullmatch(_IA3_TARGETS, name) for name, _ in model.named_modules()):
            raise ValueError(
                f"method='ia3' rescales the projections of keys and values, and {type(model).__name__} has none of "
                "their own; use method='lora'"
            )
        return IA3Config(
            task_type=task_type,
            target_modules=_IA3_TARGETS,
            feedforward_modules=_FEED_FORWARD,
            modules_to_save=head,
        )
    passport = find_passport(model.config.to_dict())
    targets = _LORA_TARGETS if passport is None else passport.lora_targets
    return LoraConfig(
        task_type=task_type,
        r=rank,
        lora_alpha=alpha,  # type: ignore[arg-type]  # scales by alpha / r, whole or not
        lora_dropout=dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        modules_to_save=head,
    )


def _poolers(model: PreTrainedModel) -> list[str]:
    """The modules of a model's body that only its head reads."""
    passport = find_passport(model.config.to_dict())
    modules = dict(model.named_modules())
    return [] if passport is None else [name for name in passport.poolers if name in modules]


def save_adapter(model: PeftModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write the adapter with its head, the config that says what the head's outputs are, and the tokenizer."""
    model.save_pretrained(str(folder), save_embedding_layers=False)
    model.get_base_model().config.save_pretrained(folder)  # type: ignore[operator,union-attr]
    tokenizer.save_pretrained(folder)


def merge_adapter(model: PeftModel) -> PreTrainedModel:
    """The plain model whose weights hold the adapter's updates; the adapted model is used up."""
    from peft.utils import ModulesToSaveWrapper

    base = model.get_base_model()
    for name, module in list(base.named_modules()):  # IA³'s own unloading only knows heads of one linear layer
        if isinstance(module, ModulesToSaveWrapper):
            parent, _, child = name.rpartition(".")
            setattr(base.get_submodule(parent), child, module.modules_to_save[module.active_adapters[0]])
    return model.merge_and_unload()


def trainable_parameters(model: nn.Module) -> int:
    """Number of weights that training changes."""
    return sum(each.numel() for each in model.parameters() if each.requires_grad)
