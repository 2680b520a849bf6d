"""Whether a tokenizer reads DNA, and whether its vocabulary is the one that a model's embedding was made for.

Without a vocabulary file transformers builds a tokenizer of a few special tokens: every sequence is then one unknown
token, and a model computes numbers from it that look like any others.
"""

from __future__ import annotations

import re

from transformers import PreTrainedTokenizerBase

_ROLES = ("unk", "cls", "sep", "pad", "mask")  # what stands in an input
# Every base, and longer than any k-mer.
_PROBE = "ACGTTGCATTGACCAGTCAGGATCCATAGCTA"


def unreadable_dna(tokenizer: PreTrainedTokenizerBase, rows: int | None) -> list[str]:
    """What shows at once that a tokenizer is not the model's, a sentence each; empty where nothing does.

    Cheap enough to be asked before every batch.

    Args:
        rows: how many rows the model's embedding has; None where that is not known.
    """
    problems = []
    ids = list(tokenizer(_PROBE, add_special_tokens=False, verbose=False)["input_ids"])
    if not ids:
        problems.append(f"the tokenizer gives no token for the bases {_PROBE}")
    elif tokenizer.unk_token_id is not None and tokenizer.unk_token_id in ids:
        problems.append(
            f"the tokenizer does not know DNA: it reads {ids.count(tokenizer.unk_token_id)} of the {len(ids)} tokens "
            f"of {_PROBE} as unknown ({tokenizer.unk_token})"
        )
    # Published embeddings are filled up by a few rows, never by as many as the vocabulary has.
    if rows is not None and 2 * len(tokenizer) <= rows:
        problems.append(f"{len(tokenizer):,} tokens for {rows:,} rows of the embedding: of another vocabulary")
    return problems


def vocabulary_mismatch(tokenizer: PreTrainedTokenizerBase, rows: int | None) -> list[str]:
    """The same, and whether the ids of tokens of DNA, and of the special ones around it, have rows in the embedding.

    Tokens of another kind may lie outside, where no sequence holds them: `<eos>` and `<bos>` of the first Nucleotide
    Transformers stand behind the last row.
    """
    problems = unreadable_dna(tokenizer, rows)
    for role in _ROLES:
        number = getattr(tokenizer, f"{role}_token_id")
        if rows is not None and number is not None and number >= rows:
            word = getattr(tokenizer, f"{role}_token")
            problems.append(f"{role}_token {word!r} has the id {number:,}, the model's embedding ends at {rows - 1:,}")
    ids = [number for word, number in tokenizer.get_vocab().items() if re.fullmatch("[ACGTN]+", word.upper())]
    highest = max([*ids, *tokenizer(_PROBE, verbose=False)["input_ids"]], default=-1)
    if rows is not None and highest >= rows:
        problems.append(f"ids go up to {highest:,}, the model's embedding ends at {rows - 1:,}")
    return problems
