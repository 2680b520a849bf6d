"""Which weights of a model are trained: all of them, an adapter (PEFT's LoRA or IA³) and the head, or the head only."""

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

# IA³ rescales the keys, the values and the inputs of the second feed-forward projection (Liu et al. 2022, section 3.3).
# The pattern does not match the projection after attention, `attention.output.dense`.
_FEED_FORWARD = r".*\.layer\.\d+\.output\.dense"
_IA3_TARGETS = rf".*\.(key|value)|{_FEED_FORWARD}"
_LORA_TARGETS = ("query", "value")  # for models of other packages, such as BERT and ESM-2


class BaseWeights(NamedTuple):
    """The folder or Hub id from which the weights under an adapter are loaded."""

    source: str  # folder or Hub id
    revision: str | None = None

    @classmethod
    def of(cls, model: PreTrainedModel) -> BaseWeights | None:
        """Where a model was loaded from, with the commit of a Hub id; None if it was built from a config."""
        source = model.config._name_or_path
        if not source:
            return None
        if Path(source).exists():
            return cls(str(Path(source).resolve()))
        return cls(source, getattr(model.config, "_commit_hash", None))


def freeze_encoder(model: PreTrainedModel) -> None:
    """Freeze all weights but those of the head.

    Raises:
        ValueError: the model has no head, so nothing would be trained.
    """
    if model.base_model is model:
        raise ValueError(f"{type(model).__name__} has no head to train. Load the model with a task head.")
    model.base_model.requires_grad_(False)
    for name in _poolers(model):  # a pooler may be randomly initialised, so it is trained with the head
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
    """Add adapters to a model, in place; the head is trained and saved with them.

    Args:
        base: source of the model's own weights. It is written into the adapter's config and used to load the adapter.
        rank, alpha, dropout: of LoRA; the update of a weight is alpha / rank × B A.
        seed: of the random start of LoRA's A. torch's global random state does not change.

    Raises:
        ImportError: peft is not installed.
        ValueError: `base` is None, so a saved adapter could not be loaded.
    """
    try:
        from peft import get_peft_model
    except ImportError as error:
        raise ImportError(f"method={method!r} needs peft. Install it with pip install 'hf_dnalm[train]'.") from error
    if base is None:
        raise ValueError(
            f"method={method!r} saves the adapter without the model's own weights, but this model was not loaded from "
            "a folder or a Hub id. Save the model and load it from there, or use method='full'."
        )
    peft_config = _adapter_config(model, method, rank=rank, alpha=alpha, dropout=dropout)
    # PEFT draws LoRA's A from torch's global generator, and still uses a deprecated property of transformers.
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
    known = (model.base_model_prefix, "classifier", "score")  # PEFT's task types already include the last two
    head = [name for name, module in model.named_children() if name not in known and list(module.parameters())]
    head += _poolers(model)
    if method == "ia3":
        if not any(re.fullmatch(_IA3_TARGETS, name) for name, _ in model.named_modules()):
            raise ValueError(
                f"method='ia3' rescales separate projections of keys and values, which {type(model).__name__} does not "
                "have. Use method='lora'."
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
        lora_alpha=alpha,  # type: ignore[arg-type]  # need not be an integer
        lora_dropout=dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        modules_to_save=head,
    )


def _poolers(model: PreTrainedModel) -> list[str]:
    """Names of the modules of a model's body that only its head uses."""
    passport = find_passport(model.config.to_dict())
    modules = dict(model.named_modules())
    return [] if passport is None else [name for name in passport.poolers if name in modules]


def save_adapter(model: PeftModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write the adapter with its head, the model's config (which defines the head's outputs), and the tokenizer."""
    model.save_pretrained(str(folder), save_embedding_layers=False)
    model.get_base_model().config.save_pretrained(folder)  # type: ignore[operator,union-attr]
    tokenizer.save_pretrained(folder)


def merge_adapter(model: PeftModel) -> PreTrainedModel:
    """Merge the adapter into the weights and return the plain model; the adapted model cannot be used afterwards."""
    from peft.utils import ModulesToSaveWrapper

    base = model.get_base_model()
    for name, module in list(base.named_modules()):  # PEFT unloads IA³ heads of one linear layer only
        if isinstance(module, ModulesToSaveWrapper):
            parent, _, child = name.rpartition(".")
            setattr(base.get_submodule(parent), child, module.modules_to_save[module.active_adapters[0]])
    return model.merge_and_unload()


def trainable_parameters(model: nn.Module) -> int:
    """Number of weights that are trained."""
    return sum(each.numel() for each in model.parameters() if each.requires_grad)
