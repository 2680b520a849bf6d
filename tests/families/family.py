"""A family under test: its passport, its toy with what that declares, and sequences in the forms a model may meet."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Sequence
from functools import cached_property
from types import ModuleType
from typing import Any

import torch

from hf_dnalm.checkpoints import PASSPORTS, Passport
from hf_dnalm.registry import auto_map

HEADS = {
    "base": "AutoModel",
    "masked_lm": "AutoModelForMaskedLM",
    "causal_lm": "AutoModelForCausalLM",
    "sequence": "AutoModelForSequenceClassification",
    "token": "AutoModelForTokenClassification",
}
# What a toy may declare beside the interface that every toy has; tests/toys/__init__.py says what each of them means.
DEFAULTS: dict[str, Any] = {
    "SEQUENCES": ("ACGTTTGCATACGGATTCAGCTAACGTCA", "TTACGCGAAATGCCATA", "GATTACAG", "CCATGCAATTGGC"),
    "CLOSE": {"atol": 2e-5, "rtol": 1e-4},
    "REFUSES": {},
    "CANNOT": {},
    "NO_GRADIENT": (),
    "BFLOAT16_ERROR": 0.05,
    "FLAVOURS": {"": {}},
    "LAYOUTS": (),
    "CONFORMANCE_EXEMPT": {},
    "NO_EXPORT": {},
}
INPUTS = ("right_padding", "left_padding", "holes", "inputs_embeds")
CAPABILITIES = ("compile", "gradient_checkpointing", "lora")
FORMATS = ("torch.export", "ONNX")

Inputs = dict[str, torch.Tensor]


class Family:
    """One passport with its toy, which is imported when it is first asked for: a lost one fails tests, not pytest."""

    def __init__(self, passport: Passport, flavour: str = "", changes: dict[str, Any] | None = None):
        self.passport = passport
        self.name = passport.family
        self.flavour = flavour
        self.changes = changes or {}  # of the toy's config

    def __repr__(self) -> str:
        return f"{self.name}-{self.flavour}" if self.flavour else self.name

    @cached_property
    def toy(self) -> ModuleType:
        return importlib.import_module(f"tests.toys.{self.name}")

    @property
    def has_toy(self) -> bool:
        return importlib.util.find_spec(f"tests.toys.{self.name}") is not None

    @property
    def heads(self) -> dict[str, str]:
        """Head to Auto class, as the family's AUTO_MAP has them."""
        known = auto_map(self.passport)
        return {head: auto_class for head, auto_class in HEADS.items() if auto_class in known}

    def declared(self, name: str) -> Any:
        """What the toy declares under this name, or what holds where it declares nothing."""
        return getattr(self.toy, name, DEFAULTS[name])

    @property
    def implementations(self) -> list[str | None]:
        """Attention implementations to try; None alone where there is no attention."""
        from hf_dnalm.registry import model_class

        return ["eager", "sdpa"] if model_class(self.passport, "AutoModel")._supports_sdpa else [None]

    @property
    def gives_attentions(self) -> bool:
        return "attentions" in (self.toy.CLASSES["base"]._can_record_outputs or {})

    def flavours(self) -> list[Family]:
        """The family as each of the kinds of model that its toy declares."""
        return [Family(self.passport, name, changes) for name, changes in self.declared("FLAVOURS").items()]

    @property
    def test_case(self) -> str:
        """The name under which transformers' own tests run on it, such as TestNucleotideTransformerVersion1."""
        return f"Test{self.name.title().replace('_', '')}{self.flavour}"

    @property
    def close(self) -> dict[str, float]:
        """Float32 tolerance: sums of another length are added up in another order."""
        return self.declared("CLOSE")

    def hidden_widths(self, config: Any) -> list[int]:
        """The last size of each of the hidden states that a model returns."""
        own = getattr(self.toy, "hidden_widths", None)
        return [config.hidden_size] * (config.num_hidden_layers + 1) if own is None else own(config)

    def config(self, **changes: Any) -> Any:
        """The toy's config; where it has labels, they are three."""
        return self.toy.toy_config(**({"num_labels": 3} | self.changes | changes))

    def model(self, head: str, *, implementation: str | None = None, **changes: Any) -> Any:
        """A toy in evaluation mode; where it has labels, they are three."""
        chosen = {} if implementation is None else {"attn_implementation": implementation}
        return self.toy.toy_model(head, **({"num_labels": 3} | self.changes | chosen | changes))

    @property
    def poolings(self) -> list[str]:
        """The values of `classifier_pooling` that the config takes."""
        return [pooling for pooling in ("pooler", "cls", "mean", "max", "last") if self._takes_pooling(pooling)]

    def _takes_pooling(self, pooling: str) -> bool:
        try:
            self.config(classifier_pooling=pooling)
        except ValueError:
            return False
        return True

    def dropout(self, rate: float) -> dict[str, float]:
        """Every dropout of the config at this rate."""
        numbers = {
            name: value
            for name, value in self.config().to_dict().items()
            if "drop" in name and isinstance(value, int | float) and not isinstance(value, bool)
        }
        return dict.fromkeys(numbers, rate)

    def takes(self, head: str, argument: str) -> bool:
        return argument in inspect.signature(self.toy.CLASSES[head].forward).parameters

    # ---- inputs

    @cached_property
    def tokenizer(self) -> Any:
        return self.toy.toy_tokenizer()

    @cached_property
    def rows(self) -> list[dict[str, list[int]]]:
        """The sequences as the tokenizer gives them, without a mask."""
        rows = [dict(self.tokenizer(sequence)) for sequence in self.declared("SEQUENCES")]
        return [{key: list(row[key]) for key in row if key != "attention_mask"} for row in rows]

    @property
    def lengths(self) -> list[int]:
        """Tokens of each sequence."""
        return [len(row["input_ids"]) for row in self.rows]

    @property
    def pad_id(self) -> int:
        """The id that fills up; where there is no such token, one of a word, which the mask alone tells from others."""
        pad = self.tokenizer.pad_token_id
        return self.rows[0]["input_ids"][-1] if pad is None else pad

    def alone(self, row: int) -> Inputs:
        """One sequence as a batch of one, without a mask."""
        return {key: torch.tensor([value]) for key, value in self.rows[row].items()}

    def batch(self, side: str = "right", *, rows: Sequence[int] | None = None, extra: int = 0) -> Inputs:
        """All sequences in one batch, padded on this side to the longest and `extra` tokens more."""
        chosen = range(len(self.rows)) if rows is None else rows
        width = max(self.lengths[row] for row in chosen) + extra
        columns: dict[str, list[list[int]]] = {}
        for row in chosen:
            fill = width - self.lengths[row]
            for key, values in (self.rows[row] | {"attention_mask": [1] * self.lengths[row]}).items():
                pads = [self.pad_id if key == "input_ids" else 0] * fill
                columns.setdefault(key, []).append(values + pads if side == "right" else pads + values)
        return {key: torch.tensor(value) for key, value in columns.items()}

    def with_holes(self) -> tuple[Inputs, Inputs]:
        """A batch whose mask leaves out one token inside each sequence, and the same with other tokens there."""
        first = self.batch()
        second = {key: value.clone() for key, value in first.items()}
        for row, length in enumerate(self.lengths):
            hole = length // 2
            first["attention_mask"][row, hole] = second["attention_mask"][row, hole] = 0
            second["input_ids"][row, hole] = self.another_word(int(first["input_ids"][row, hole]))
        return first, second

    def another_word(self, token_id: int) -> int:
        """The id of a word that is neither this one nor special."""
        words = sorted({each for row in self.rows for each in row["input_ids"]} - set(self.tokenizer.all_special_ids))
        return next(each for each in words if each != token_id)

    def labels(self, head: str, batch: Inputs, num_labels: int = 3) -> torch.Tensor:
        """Labels that fit a head: of tokens -100 where the mask is 0."""
        ids = batch["input_ids"]
        if head == "sequence":
            return torch.arange(len(ids)) % num_labels
        labels = ids % num_labels if head == "token" else ids
        return labels.masked_fill(batch["attention_mask"] == 0, -100)

    def bases(self, batch: Inputs) -> torch.Tensor:
        """bp that each token of a batch covers, 0 on padding."""
        found = torch.zeros_like(batch["input_ids"])
        for row, mask in enumerate(batch["attention_mask"].bool()):
            ids = batch["input_ids"][row, mask].numpy()
            found[row, mask] = torch.as_tensor(self.tokenizer.bases_per_token(ids))
        return found


FAMILIES = tuple(Family(passport) for passport in PASSPORTS)
