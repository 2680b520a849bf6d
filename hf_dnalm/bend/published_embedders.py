"""BEND's embedders as they were published, with their bugs: for numbers that can be held against the paper's.

Every family has its own way of cutting long sequences, of dropping special tokens and of giving each nucleotide a
vector. None of the cuts overlap. Where the authors' code is at odds with what it says of itself, this file follows the
code; `docs/bend.md` has the list, with what each point changes. Batches hold one sequence, without a mask.

Source: github.com/frederikkemarin/BEND, bend/utils/embedders.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import torch

from hf_dnalm.checkpoints import PASSPORTS
from hf_dnalm.inference.batches import prepared
from hf_dnalm.inference.inputs import bare_model

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Tokens without the special ones that GENA-LM's and GROVER's models read at once, and letters of the others' pieces.
GENA_BERT_TOKENS = 510
GENA_BIGBIRD_TOKENS = 4094
GROVER_TOKENS = 510
DNABERT_IDS = 512
DNABERT2_BP = 10_000
CADUCEUS_BP = 131_072
# Letters of a piece, and the ids at which a piece is cut once more, with learned positions (v1) and rotary ones (v2).
NT_V1 = (5_994, 1_000)
NT_V2 = (12_282, 2_048)

# How often DNABERT's first vector stands before the others, and the first and the last one behind them.
_DNABERT_EDGES = {3: (1, 0, 1), 4: (1, 0, 2), 5: (1, 1, 2), 6: (1, 1, 3)}


class PublishedEmbedder:
    """The vectors that BEND's embedder of the model's family gives.

    Args:
        model: of one of our families; a head is left aside. It runs where it is and in its own dtype.
        tokenizer: the checkpoint's.

    Raises:
        ValueError: BEND has no embedder for such a model.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self._body = cast(Any, bare_model(model).base_model)
        self._tokenizer = tokenizer
        self._config = self._body.config
        passport = next((each for each in PASSPORTS if each.model_type == self._config.model_type), None)
        if passport is None or passport.family not in _EMBEDDERS:
            raise ValueError(
                f"BEND has no embedder for a {self._config.model_type} model; it has them for {', '.join(_EMBEDDERS)}. "
                "Leave out the published mode: it works with any model"
            )
        self.passport = passport
        self._embed = _EMBEDDERS[passport.family]

    def __call__(self, sequence: str, *, remove_special_tokens: bool = True, upsample: bool = True) -> np.ndarray:
        """The vectors of one sequence of the letters A C G T N.

        Args:
            remove_special_tokens: as the benchmark does. Families that have none disregard it.
            upsample: one vector for each nucleotide, as far as the published code gets it right; otherwise for each
                token. Families with a token for each letter disregard it.

        Returns:
            (n, hidden) float32. n is the sequence's length where the published code gets that right.
        """
        parameter = next(self._body.parameters())
        with prepared(self._body, device=parameter.device, dtype=parameter.dtype), torch.inference_mode():
            return self._embed(self, sequence, remove_special_tokens, upsample)

    def forward(self, ids: Sequence[int]) -> np.ndarray:
        """(n, hidden) float32, the last hidden states of one input without a mask."""
        input_ids = torch.tensor([list(ids)], device=next(self._body.parameters()).device)
        states: np.ndarray = self._body(input_ids=input_ids).last_hidden_state[0].float().cpu().numpy()
        return states

    def ids(self, sequence: str, *, special: bool = True) -> list[int]:
        """The tokenizer's ids."""
        encoding = self._tokenizer(sequence, add_special_tokens=special, return_token_type_ids=False, verbose=False)
        ids: list[int] = list(encoding["input_ids"])
        return ids

    def lengths(self, ids: Sequence[int], *, unknown: int | None = None) -> list[int]:
        """Letters in the name of each token, which is what the published code repeats a vector by."""
        tokens = self._tokenizer.convert_ids_to_tokens(list(ids))
        return [len(token) if unknown is None or token != self._tokenizer.unk_token else unknown for token in tokens]

    @property
    def config(self) -> Any:
        """Of the model."""
        return self._config

    @property
    def tokenizer(self) -> Any:
        """As it was given."""
        return self._tokenizer

    @property
    def body(self) -> Any:
        """The model without its head."""
        return self._body


_Whole = TypeVar("_Whole", str, list[int])
_Embed = Callable[[PublishedEmbedder, str, bool, bool], np.ndarray]


def _letters(embedder: PublishedEmbedder, sequence: str, remove: bool, upsample: bool) -> np.ndarray:
    """GPN, BEND's own ConvNet and AWD-LSTM: a token for each letter, of any length, as it comes."""
    return embedder.forward(embedder.ids(sequence))


def _dnabert(embedder: PublishedEmbedder, sequence: str, remove: bool, upsample: bool) -> np.ndarray:
    """Ids with their special tokens are cut at 512: only the first piece has [CLS], only the last [SEP]."""
    states = np.concatenate([embedder.forward(piece) for piece in _pieces(embedder.ids(sequence), DNABERT_IDS)])
    if upsample:
        before, first, last = _DNABERT_EDGES[embedder.tokenizer.k]
        words = states[1:-1]
        edges = [states[:1], *[words[:1]] * before, words, *[words[:1]] * first, *[words[-1:]] * last, states[-1:]]
        states = np.concatenate(edges)
    return states[1:-1] if remove else states


def _nucleotide_transformer(embedder: PublishedEmbedder, sequence: str, remove: bool, upsample: bool) -> np.ndarray:
    """Pieces of letters, each with <cls>; of a piece that is cut again (N are a token each) only the first has it."""
    letters, tokens = NT_V2 if embedder.config.position_embedding_type == "rotary" else NT_V1
    parts = []
    for piece in _pieces(sequence, letters):
        ids = embedder.ids(piece)
        states = np.concatenate([embedder.forward(part) for part in _pieces(ids, tokens)])
        if upsample:
            states = np.repeat(states, [1, *embedder.lengths(ids[1:])], axis=0)
        parts.append(states[1:] if remove else states)
    return np.concatenate(parts)


def _gena_bert(embedder: PublishedEmbedder, sequence: str, remove: bool, upsample: bool) -> np.ndarray:
    """BEND's copy of the model's code is from before the last norm, and does without one."""
    with _without_last_norm(embedder.body):
        return _words(embedder, sequence, remove, upsample, limit=GENA_BERT_TOKENS, unknown=None)


def _gena_bigbird(embedder: PublishedEmbedder, sequence: str, remove: bool, upsample: bool) -> np.ndarray:
    return _words(embedder, sequence, remove, upsample, limit=GENA_BIGBIRD_TOKENS, unknown=None)


def _grover(embedder: PublishedEmbedder, sequence: str, remove: bool, upsample: bool) -> np.ndarray:
    return _words(embedder, sequence, remove, upsample, limit=GROVER_TOKENS, unknown=1)


def _words(
    embedder: PublishedEmbedder, sequence: str, remove: bool, upsample: bool, *, limit: int, unknown: int | None
) -> np.ndarray:
    """GENA-LM and GROVER: ids are cut, and each piece gets special tokens, of which only the outer ones stay."""
    opening, *inner, closing = embedder.ids(sequence)
    pieces = list(_pieces(inner, limit))
    parts = [
        _inner(embedder.forward([opening, *piece, closing]), number, len(pieces)) for number, piece in enumerate(pieces)
    ]
    states = np.concatenate(parts)
    if upsample:
        states = np.repeat(states, [1, *embedder.lengths(inner, unknown=unknown), 1], axis=0)
    return states[1:-1] if remove else states


def _dnabert2(embedder: PublishedEmbedder, sequence: str, remove: bool, upsample: bool) -> np.ndarray:
    """Pieces of letters, so a word may end where a piece does; special tokens are dropped where pieces meet."""
    pieces = list(_pieces(sequence, DNABERT2_BP))
    parts = []
    for number, piece in enumerate(pieces):
        ids = embedder.ids(piece)
        states = embedder.forward(ids)
        if upsample:
            states = np.repeat(states, [1, *embedder.lengths(ids[1:-1], unknown=1), 1], axis=0)
        parts.append(_inner(states, number, len(pieces)))
    states = np.concatenate(parts)
    return states[1:-1] if remove else states


def _hyenadna(embedder: PublishedEmbedder, sequence: str, remove: bool, upsample: bool) -> np.ndarray:
    """Pieces of letters between [CLS] and [SEP]: pre-training had no [CLS], and the model reads what stands before."""
    opening, closing = embedder.tokenizer.cls_token_id, embedder.tokenizer.sep_token_id
    parts = []
    for piece in _pieces(sequence, embedder.config.max_position_embeddings - 2):
        states = embedder.forward([opening, *embedder.ids(piece, special=False), closing])
        parts.append(states[1:-1] if remove else states)
    return np.concatenate(parts)


def _caduceus(embedder: PublishedEmbedder, sequence: str, remove: bool, upsample: bool) -> np.ndarray:
    """Pieces of letters without special tokens."""
    pieces = _pieces(sequence, CADUCEUS_BP)
    return np.concatenate([embedder.forward(embedder.ids(piece, special=False)) for piece in pieces])


def _pieces(whole: _Whole, size: int) -> Iterator[_Whole]:
    """Consecutive pieces without overlap."""
    for start in range(0, len(whole), size):
        yield whole[start : start + size]


def _inner(states: np.ndarray, number: int, count: int) -> np.ndarray:
    """Without the special tokens at the ends where a piece meets another."""
    return states[0 if number == 0 else 1 : len(states) if number == count - 1 else -1]


@contextmanager
def _without_last_norm(body: Any) -> Iterator[None]:
    norm = body.encoder.last_layer_ln
    body.encoder.last_layer_ln = None
    try:
        yield
    finally:
        body.encoder.last_layer_ln = norm


_EMBEDDERS: dict[str, _Embed] = {
    "nucleotide_transformer": _nucleotide_transformer,
    "dnabert": _dnabert,
    "dnabert2": _dnabert2,
    "gena_bert": _gena_bert,
    "gena_bigbird": _gena_bigbird,
    "grover": _grover,
    "hyenadna": _hyenadna,
    "caduceus": _caduceus,
    "gpn": _letters,
    "awd_lstm": _letters,
}
