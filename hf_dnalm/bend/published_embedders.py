"""BEND's embedders as published, including their bugs, for numbers that are comparable with the paper's.

Each family has its own rules for splitting long sequences, for dropping special tokens and for making one vector per
nucleotide. Pieces never overlap. If the authors' code contradicts its documentation, this file follows the code;
`docs/bend.md` lists all such points and their effects. Batches have one sequence and no mask.

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

# Longest pieces: tokens without special tokens (GENA-LM, GROVER), tokens (DNABERT) or letters (the others).
GENA_BERT_TOKENS = 510
GENA_BIGBIRD_TOKENS = 4094
GROVER_TOKENS = 510
DNABERT_IDS = 512
DNABERT2_BP = 10_000
CADUCEUS_BP = 131_072
# Letters of a piece, and the number of ids at which it is split again: learned positions (v1), rotary positions (v2).
NT_V1 = (5_994, 1_000)
NT_V2 = (12_282, 2_048)

# k → how many copies of the first k-mer's vector come before all vectors, and of the first and the last one after them.
_DNABERT_EDGES = {3: (1, 0, 1), 4: (1, 0, 2), 5: (1, 1, 2), 6: (1, 1, 3)}


class PublishedEmbedder:
    """The vectors of BEND's published embedder for the model's family.

    Args:
        model: a model of one of our families; a head is not used. It runs on its current device, in its own dtype.
        tokenizer: the tokenizer of the checkpoint.

    Attributes:
        passport: the definition of the model's family.

    Raises:
        ValueError: BEND has no embedder for the model's family.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self._body = cast(Any, bare_model(model).base_model)
        self._tokenizer = tokenizer
        self._config = self._body.config
        passport = next((each for each in PASSPORTS if each.model_type == self._config.model_type), None)
        if passport is None or passport.family not in _EMBEDDERS:
            raise ValueError(
                f"BEND has no embedder for a {self._config.model_type} model, only for {', '.join(_EMBEDDERS)}. Leave "
                "out --bend-compat: the correct mode works with any model."
            )
        self.passport = passport
        self._embed = _EMBEDDERS[passport.family]

    def __call__(self, sequence: str, *, remove_special_tokens: bool = True, upsample: bool = True) -> np.ndarray:
        """The vectors of one sequence of the letters A C G T N.

        Args:
            remove_special_tokens: drop the vectors of special tokens, as the benchmark does. No effect for families
                without special tokens.
            upsample: one vector for each nucleotide instead of one for each token. No effect for families with one
                token per letter.

        Returns:
            (n, hidden) float32. With the default arguments n is the length of the sequence, unless a bug of the
            published code changes it.
        """
        parameter = next(self._body.parameters())
        with prepared(self._body, device=parameter.device, dtype=parameter.dtype), torch.inference_mode():
            return self._embed(self, sequence, remove_special_tokens, upsample)

    def forward(self, ids: Sequence[int]) -> np.ndarray:
        """(n, hidden) float32: the last hidden states of one input, computed without a mask."""
        input_ids = torch.tensor([list(ids)], device=next(self._body.parameters()).device)
        states: np.ndarray = self._body(input_ids=input_ids).last_hidden_state[0].float().cpu().numpy()
        return states

    def ids(self, sequence: str, *, special: bool = True) -> list[int]:
        """The token ids of a sequence, with special tokens if `special`."""
        encoding = self._tokenizer(sequence, add_special_tokens=special, return_token_type_ids=False, verbose=False)
        ids: list[int] = list(encoding["input_ids"])
        return ids

    def lengths(self, ids: Sequence[int], *, unknown: int | None = None) -> list[int]:
        """The length of each token's text: how often the published code repeats its vector. `unknown`: for [UNK]."""
        tokens = self._tokenizer.convert_ids_to_tokens(list(ids))
        return [len(token) if unknown is None or token != self._tokenizer.unk_token else unknown for token in tokens]

    @property
    def config(self) -> Any:
        """The model's config."""
        return self._config

    @property
    def tokenizer(self) -> Any:
        """The tokenizer."""
        return self._tokenizer

    @property
    def body(self) -> Any:
        """The model without its head."""
        return self._body


_Whole = TypeVar("_Whole", str, list[int])
_Embed = Callable[[PublishedEmbedder, str, bool, bool], np.ndarray]


def _letters(embedder: PublishedEmbedder, sequence: str, remove: bool, upsample: bool) -> np.ndarray:
    """GPN, BEND's own ConvNet and AWD-LSTM: one token per letter, sequences of any length."""
    return embedder.forward(embedder.ids(sequence))


def _dnabert(embedder: PublishedEmbedder, sequence: str, remove: bool, upsample: bool) -> np.ndarray:
    """Ids with special tokens are split at 512, so only the first piece has [CLS] and only the last has [SEP]."""
    states = np.concatenate([embedder.forward(piece) for piece in _pieces(embedder.ids(sequence), DNABERT_IDS)])
    if upsample:
        before, first, last = _DNABERT_EDGES[embedder.tokenizer.k]
        kmers = states[1:-1]
        edges = [states[:1], *[kmers[:1]] * before, kmers, *[kmers[:1]] * first, *[kmers[-1:]] * last, states[-1:]]
        states = np.concatenate(edges)
    return states[1:-1] if remove else states


def _nucleotide_transformer(embedder: PublishedEmbedder, sequence: str, remove: bool, upsample: bool) -> np.ndarray:
    """Pieces of letters with <cls>. Each N is a token, so a piece may be split again; then only its start has <cls>."""
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
    """BEND's copy of the model's code predates the last norm, so this embedder leaves it out."""
    with _without_last_norm(embedder.body):
        return _tokens(embedder, sequence, remove, upsample, limit=GENA_BERT_TOKENS, unknown=None)


def _gena_bigbird(embedder: PublishedEmbedder, sequence: str, remove: bool, upsample: bool) -> np.ndarray:
    return _tokens(embedder, sequence, remove, upsample, limit=GENA_BIGBIRD_TOKENS, unknown=None)


def _grover(embedder: PublishedEmbedder, sequence: str, remove: bool, upsample: bool) -> np.ndarray:
    return _tokens(embedder, sequence, remove, upsample, limit=GROVER_TOKENS, unknown=1)


def _tokens(
    embedder: PublishedEmbedder, sequence: str, remove: bool, upsample: bool, *, limit: int, unknown: int | None
) -> np.ndarray:
    """GENA-LM and GROVER: ids are split, each piece gets special tokens, and only the outermost of these are kept."""
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
    """Pieces of letters, which may cut a token in two; special tokens between pieces are dropped."""
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
    """Pieces of letters between [CLS] and [SEP]. Pre-training had no [CLS], and all following vectors depend on it."""
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
    """Consecutive pieces of at most `size`, without overlap."""
    for start in range(0, len(whole), size):
        yield whole[start : start + size]


def _inner(states: np.ndarray, number: int, count: int) -> np.ndarray:
    """The vectors without those of special tokens at ends that meet another piece."""
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
