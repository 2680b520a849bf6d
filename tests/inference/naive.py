"""Slow, straightforward likelihoods, one token and one sequence at a time, as a reference for the tests."""

from __future__ import annotations

import torch


@torch.no_grad()
def masked_log_probabilities(model, tokenizer, sequence: str, masked: list[int]) -> torch.Tensor:
    """(n, vocabulary) log-probabilities with the mask at these positions."""
    ids = torch.tensor([tokenizer(sequence)["input_ids"]])
    ids[0, masked] = tokenizer.mask_token_id
    return model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0].log_softmax(-1)


def pseudo_log_likelihood(model, tokenizer, sequence: str) -> float:
    """The sum over all but special tokens of the log-probability of each token, masked alone."""
    ids = tokenizer(sequence)["input_ids"]
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    return sum(
        masked_log_probabilities(model, tokenizer, sequence, [place])[place, token].item()
        for place, token in enumerate(ids)
        if token not in special
    )


def above_chance(tokenizer, log_probabilities: torch.Tensor, token: int) -> float:
    """log p(token) minus the log of the mean p of all DNA tokens of the same length in bp; 0 for other tokens."""
    vocabulary = {
        index: word.upper() for word, index in tokenizer.get_vocab().items() if set(word.upper()) <= set("ACGT")
    }
    if token not in vocabulary:
        return 0.0
    alike = [index for index, word in vocabulary.items() if len(word) == len(vocabulary[token])]
    return log_probabilities[token].item() - log_probabilities[alike].double().exp().mean().log().item()


def window_above_chance(model, tokenizer, sequence: str, passes: int) -> float:
    """The sum of `above_chance` over all tokens of a sequence, every `passes`-th of them masked together."""
    ids = tokenizer(sequence)["input_ids"]
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    scored = [place for place, token in enumerate(ids) if token not in special]
    total = 0.0
    for start in range(min(passes, len(scored))):
        group = scored[start::passes] if len(scored) >= passes else scored[start :: len(scored)]
        answers = masked_log_probabilities(model, tokenizer, sequence, group)
        total += sum(above_chance(tokenizer, answers[place], ids[place]) for place in group)
    return total


def letter_log_odds(model, tokenizer, sequence: str, place: int, alt: str, ref: str) -> float:
    """log p(alt) - log p(ref) at a position, summed over the tokens with that letter; tokens do not overlap."""
    ids = tokenizer(sequence)["input_ids"]
    words = tokenizer.convert_ids_to_tokens(ids)
    special = set(tokenizer.all_special_tokens) - {tokenizer.unk_token}
    start = 0
    token = next(index for index, word in enumerate(words) if word not in special)
    while start + len(words[token]) <= place:
        start += len(words[token])
        token += 1
    word = words[token]
    probabilities = masked_log_probabilities(model, tokenizer, sequence, [token])[token].exp()
    totals = {
        letter: sum(
            probabilities[index].item()
            for other, index in tokenizer.get_vocab().items()
            if len(other) == len(word) and set(other.upper()) <= set("ACGT") and other.upper()[place - start] == letter
        )
        for letter in (alt, ref)
    }
    return torch.log(torch.tensor(totals[alt] / totals[ref])).item()
