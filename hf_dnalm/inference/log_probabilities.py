"""How likely a language model finds tokens: the questions behind likelihoods, variant effects and mutagenesis.

A question is a token sequence, in which some positions may be masked, and what to read from the model's answer. All
logarithms are natural.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

import numpy as np
import torch

from hf_dnalm.inference.batches import Batch, run_batches
from hf_dnalm.inference.inputs import bare_model

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

T = TypeVar("T")

BASES = "ACGT"
# Tokens of questions, or letters of windows, in memory at a time: of a million variants all would be some GB.
HELD_AT_ONCE = 2**22


class Question(NamedTuple):
    """Token ids and what is asked of them.

    Attributes:
        ids: (n,) int64, with masks in place.
        positions: (m,) of the tokens that are asked for.
        targets: (m,) the ids whose log-probabilities are read there; None reads the letters of one token instead.
        length_bp: of that token.
        above_chance: read the targets' log-probabilities above chance (`LanguageModel.above_chance`).
        name: of the record that it is about, for errors.
    """

    ids: np.ndarray
    positions: np.ndarray
    targets: np.ndarray | None
    length_bp: int = 0
    above_chance: bool = False
    name: str = "the sequence"

    @property
    def key(self) -> tuple[Any, ...]:
        """The same for the same question."""
        targets = None if self.targets is None else self.targets.tobytes()
        return self.ids.tobytes(), self.positions.tobytes(), targets, self.length_bp, self.above_chance


class LanguageModel:
    """A language model of DNA with its tokenizer, ready to be asked.

    Args:
        model: with a masked or a causal language model's head.
        tokenizer: of the model; one with a mask token for a masked model.

    Raises:
        ValueError: the model has no such head, or the tokenizer no mask.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase):
        name = type(bare_model(model)).__name__
        if not name.endswith(("ForMaskedLM", "ForCausalLM", "LMHeadModel")):  # GPT-2's causal model is named so
            raise ValueError(
                f"{name} is no language model: it does not say how likely a token is. Load the checkpoint with "
                "AutoModelForMaskedLM or AutoModelForCausalLM."
            )
        self.kind: Literal["masked", "causal"] = "masked" if name.endswith("ForMaskedLM") else "causal"
        if self.kind == "masked" and tokenizer.mask_token_id is None:
            raise ValueError(
                f"{type(tokenizer).__name__} has no mask token, which a masked language model is asked with"
            )
        self.model, self.tokenizer = model, tokenizer
        self._special = np.array(sorted(set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}), dtype=np.int64)

    def positions(self, ids: np.ndarray) -> np.ndarray:
        """Where the tokens stand that can be scored: all but the special ones, and for a causal model the first."""
        dna = np.flatnonzero(~np.isin(ids, self._special))
        return dna[dna > 0] if self.kind == "causal" else dna

    def masked(self, ids: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """The ids with the mask at these positions."""
        asked = ids.copy()
        asked[positions] = self.tokenizer.mask_token_id
        return asked

    def likelihood_questions(
        self,
        ids: np.ndarray,
        masked_at_once: float | None,
        *,
        above_chance: bool = False,
        name: str = "the sequence",
    ) -> Iterator[Question]:
        """What to ask for the log-likelihood of a sequence: the answers, all added, are that.

        One after the other: n questions of n tokens each, all at once, are more than memory holds of a long sequence.

        Args:
            masked_at_once: share of the tokens that are masked together, spread evenly; None masks one at a time.
            above_chance: ask for log-probabilities above chance, which sequences of other lengths compare by.
            name: of the sequence, for errors.
        """
        positions = self.positions(ids)
        if self.kind == "causal":
            yield Question(ids, positions, ids[positions], above_chance=above_chance, name=name)
            return
        passes = len(positions) if masked_at_once is None else min(round(1 / masked_at_once), len(positions))
        for start in range(passes):
            group = positions[start::passes]
            yield Question(self.masked(ids, group), group, ids[group], above_chance=above_chance, name=name)

    def letter_question(self, ids: np.ndarray, position: int, length_bp: int, name: str = "the sequence") -> Question:
        """What to ask for the letters of one token: that token is masked."""
        where = np.array([position])
        return Question(self.masked(ids, where), where, None, length_bp, name=name)

    def reads_letters(self, length_bp: int) -> bool:
        """Whether a masked token of this length says how likely each letter at each of its places is.

        So it is where the vocabulary has every word of this length (a token of overlapping k-mers stands for fewer).
        """
        return self.kind == "masked" and length_bp in self._words

    def answer(self, questions: Iterable[Question], **options: Any) -> list[np.ndarray]:
        """For each question (m,) log-probabilities of its targets, or (length_bp, 4) of the letters A, C, G and T.

        Among some million tokens, as many as are held at a time, the same question is asked once.

        Args:
            questions: may be made while they are asked.
            options: as `run_batches` takes them: token_budget, device, dtype, progress.

        Raises:
            ValueError: an answer is NaN or plus infinity, for the question of the record that is named. Minus infinity
                is an answer: the model gives that token a probability of exactly 0.
        """
        sized = held_together(questions, lambda question: len(question.ids))
        return [answer for some in sized for answer in self._answer_together(some, **options)]

    def _answer_together(self, questions: Sequence[Question], **options: Any) -> list[np.ndarray]:
        """`answer` of questions that fit into memory; at least one."""
        first: dict[tuple[Any, ...], int] = {}
        places = [first.setdefault(question.key, len(first)) for question in questions]
        distinct: list[Question] = [questions[0]] * len(first)
        for question, place in zip(questions, places, strict=True):
            distinct[place] = question
        pad = self.tokenizer.pad_token_id or 0  # under a mask of 0 any id will do
        answers = run_batches(
            self.model,
            [question.ids for question in distinct],
            self._reader(distinct),
            pad_token_id=pad,
            name_of=lambda index: distinct[index].name,
            zero_probability=True,
            **options,
        )
        return [answers[place] for place in places]

    def _reader(self, questions: Sequence[Question]) -> Callable[[Batch], list[torch.Tensor]]:
        shift = 1 if self.kind == "causal" else 0  # a causal model says at one place what comes at the next

        def read(batch: Batch) -> list[torch.Tensor]:
            logits = self.model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
            answers = []
            for row, index in enumerate(batch.indices):
                question = questions[index]
                there = logits[row, torch.from_numpy(question.positions - shift).to(logits.device)].float()
                if question.targets is None:
                    answers.append(_letters(there[0], self._words[question.length_bp].to(logits.device)))
                elif question.above_chance:
                    answers.append(self.above_chance(there, question.targets))
                else:
                    targets = torch.from_numpy(question.targets).to(logits.device)[:, None]
                    answers.append(there.log_softmax(-1).gather(-1, targets)[:, 0])
            return answers

        return read

    def above_chance(self, logits: torch.Tensor, targets: np.ndarray) -> torch.Tensor:
        """(m,) log of how much likelier each target is than the average word with as many letters.

        A model that prefers no word gives exactly 0 for each token, whatever the lengths of the tokens are, so that
        sums over different numbers of tokens can be compared. Tokens with other letters than A C G T, such as N, are
        not scored and give 0.

        Args:
            logits: (m, vocabulary) at the places of the targets.
            targets: (m,) token ids.
        """
        scores = torch.zeros(len(targets), device=logits.device)
        lengths = self._token_lengths[targets]
        for length in set(lengths.tolist()) - {0}:
            rows = torch.from_numpy(np.flatnonzero(lengths == length)).to(logits.device)
            words = torch.from_numpy(np.flatnonzero(self._token_lengths == length)).to(logits.device)
            there = logits[rows]
            of_words = there[:, words]
            largest = of_words.amax(-1)  # the mean of exp(0) is exactly 1, and its logarithm 0
            average = (of_words - largest[:, None]).exp().mean(-1).log()
            asked = torch.from_numpy(targets[lengths == length]).to(logits.device)[:, None]
            scores[rows] = there.gather(-1, asked)[:, 0] - largest - average
        return scores

    @functools.cached_property
    def _token_lengths(self) -> np.ndarray:
        """(vocabulary,) letters of each token; 0 for special tokens and those with other letters than A C G T."""
        vocabulary = self.tokenizer.get_vocab()
        lengths = np.zeros(max(vocabulary.values()) + 1, dtype=np.int64)
        for word, token in vocabulary.items():
            if set(word.upper()) <= set(BASES):
                lengths[token] = len(word)
        return lengths

    @functools.cached_property
    def _words(self) -> dict[int, torch.Tensor]:
        """Length in bp to the ids of all its words, (length, 4, words that have this letter at this place)."""
        by_length: dict[int, dict[str, int]] = {}
        for word, token in self.tokenizer.get_vocab().items():
            if set(word.upper()) <= set(BASES):
                by_length.setdefault(len(word), {})[word.upper()] = token
        return {
            length: torch.tensor(
                [
                    [sorted(token for word, token in words.items() if word[place] == letter) for letter in BASES]
                    for place in range(length)
                ]
            )
            for length, words in by_length.items()
            if len(words) == len(BASES) ** length
        }


def held_together(items: Iterable[T], size: Callable[[T], int], *, at_most: int | None = None) -> Iterator[list[T]]:
    """The items in order, as many together as have this size (None: `HELD_AT_ONCE`); one that is larger stands alone.

    >>> list(held_together("aAbBc", lambda letter: 2 if letter.isupper() else 1, at_most=3))
    [['a', 'A'], ['b', 'B'], ['c']]
    """
    at_most = HELD_AT_ONCE if at_most is None else at_most
    held: list[T] = []
    total = 0
    for item in items:
        if held and total + size(item) > at_most:
            yield held
            held, total = [], 0
        held.append(item)
        total += size(item)
    if held:
        yield held


def _letters(logits: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    """(vocabulary,) logits → (length, 4) log-probabilities of the letters at each place, among words of that length."""
    return logits[words].logsumexp(-1).log_softmax(-1)
