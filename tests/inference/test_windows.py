"""Long sequences in windows: every token counts once, in the window where it has the most context."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hf_dnalm.data import encode_sequences
from hf_dnalm.inference import embed
from hf_dnalm.inference.windows import cut_into_windows, stitch, stitching_table
from tests.toys import dnabert, dnabert2, grover, nucleotide_transformer

FLOAT32 = {"dtype": torch.float32}


@pytest.mark.parametrize(
    ("n_tokens", "room", "overlap", "table"),
    [
        (8, 4, 0, [[0, 4, 0, 4], [4, 8, 4, 8]]),
        (10, 4, 2, [[0, 4, 0, 3], [2, 6, 3, 5], [4, 8, 5, 7], [6, 10, 7, 10]]),
        (9, 4, 1, [[0, 4, 0, 3], [3, 7, 3, 6], [5, 9, 6, 9]]),  # the last window is shifted back
        (5, 4, 1, [[0, 4, 0, 2], [1, 5, 2, 5]]),
        (4, 4, 1, [[0, 4, 0, 4]]),
        (3, 1, 0, [[0, 1, 0, 1], [1, 2, 1, 2], [2, 3, 2, 3]]),
    ],
)
def test_the_stitching_table(n_tokens, room, overlap, table):
    assert stitching_table(n_tokens, room=room, overlap=overlap).tolist() == table


@given(st.integers(1, 200), st.integers(1, 30), st.floats(0, 0.5))
def test_every_token_counts_once_where_it_is_farthest_from_a_cut(n_tokens, room, share):
    table = stitching_table(n_tokens, room=room, overlap=int(room * share))
    counted = [token for *_, first, last in table.tolist() for token in range(first, last)]
    assert counted == list(range(n_tokens))

    def context(token: int, start: int, end: int) -> int:
        left = n_tokens if start == 0 else token - start
        right = n_tokens if end == n_tokens else end - 1 - token
        return min(left, right)

    for start, end, first, last in table.tolist():
        assert start <= first < last <= end
        for token in (first, last - 1):
            others = [context(token, s, e) for s, e, *_ in table.tolist() if s <= token < e]
            assert context(token, start, end) >= max(others) - 1  # if two are equal, either will do


def test_windows_have_the_special_tokens_of_a_sequence_and_count_them_once():
    cut = cut_into_windows([np.array([2, 10, 11, 12, 13, 14, 3]), np.array([2, 10, 3])], limit=6, edges=[(1, 1)] * 2)
    assert [ids.tolist() for ids in cut.token_ids] == [[2, 10, 11, 12, 13, 3], [2, 11, 12, 13, 14, 3], [2, 10, 3]]
    assert cut.owners.tolist() == [0, 0, 1]
    assert cut.kept.tolist() == [[0, 3], [2, 6], [0, 3]]  # [CLS] 10 11 | 12 13 14 [SEP]
    pooled = np.array([[1.0, 5.0], [2.0, 3.0], [7.0, 7.0]], dtype=np.float32)
    by_3_and_4_tokens = [[(3 * 1 + 4 * 2) / 7, (3 * 5 + 4 * 3) / 7], [7, 7]]
    np.testing.assert_allclose(stitch(pooled, cut, 2, pooling="mean"), by_3_and_4_tokens, rtol=1e-6)
    assert stitch(pooled, cut, 2, pooling="max").tolist() == [[2, 5], [7, 7]]
    assert stitch(pooled, cut, 2, pooling="cls").tolist() == [[1.5, 4], [7, 7]]


def test_a_limit_without_room_for_dna_is_refused():
    with pytest.raises(ValueError, match="a window of 2 tokens has no room for DNA next to 2 special tokens"):
        cut_into_windows([np.array([2, 10, 11, 3])], limit=2, edges=[(1, 1)])


@pytest.mark.parametrize("toy", [dnabert, grover, dnabert2, nucleotide_transformer])
@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
def test_short_sequences_are_read_as_without_windows(toy, pooling):
    model, tokenizer, sequences = toy.toy_model("masked_lm"), toy.toy_tokenizer(), ["ACGTTGCA", "AAAA", "ACGNTTTTTT"]
    expected = embed(model, tokenizer, sequences, pooling=pooling, **FLOAT32).vectors
    got = embed(model, tokenizer, sequences, pooling=pooling, overflow="windows", **FLOAT32).vectors
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("toy", [dnabert, grover, nucleotide_transformer])
@pytest.mark.parametrize("layer", [-1, 1])
@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
def test_long_sequences_are_the_pooled_tokens_of_their_windows(toy, layer, pooling):
    model, tokenizer = toy.toy_model("base"), toy.toy_tokenizer()
    tokenizer.model_max_length = limit = 20
    generator = np.random.default_rng(0)
    sequences = ["".join(generator.choice(list("ACGT"), length)) for length in (700, 8, 130)]
    ids = encode_sequences(tokenizer, sequences, max_tokens=None)
    opening, closing = 1, int(tokenizer.sep_token is not None)
    expected = []
    for row in ids:
        room = limit - opening - closing
        n_tokens = len(row) - opening - closing
        tokens, firsts = [], []
        for start, end, first, last in stitching_table(n_tokens, room=room, overlap=room // 4).tolist():
            window = np.concatenate([row[:1], row[1 + start : 1 + end], row[len(row) - closing :]])
            with torch.no_grad():
                hidden = model(torch.tensor(window[None]), output_hidden_states=True).hidden_states[layer][0].numpy()
            firsts.append(hidden[0])
            tokens.append(hidden[1 + first - start : 1 + last - start])
            tokens[:0] = [hidden[:1]] if start == 0 else []
            tokens += [hidden[len(hidden) - closing :]] if end == n_tokens else []
        stitched = np.concatenate(tokens)
        assert len(stitched) == len(row)
        expected.append({"mean": stitched.mean(0), "max": stitched.max(0), "cls": np.mean(firsts, 0)}[pooling])
    got = embed(model, tokenizer, sequences, pooling=pooling, layer=layer, overflow="windows", **FLOAT32).vectors
    np.testing.assert_allclose(got, expected, atol=2e-5)


def test_without_windows_a_long_sequence_is_refused_and_says_so():
    model, tokenizer = dnabert.toy_model("base"), dnabert.toy_tokenizer()
    with pytest.raises(ValueError, match=r"'1' is 43 bp = 43 tokens; the model reads 40\. .*overflow='windows'"):
        embed(model, tokenizer, ["ACGTACG" * 6 + "A"], **FLOAT32)


def test_a_window_may_have_room_for_a_single_token_of_dna():
    ids = np.array([7, 1, 2, 3, 9])  # an opening and a closing token
    cut = cut_into_windows([ids], limit=3, edges=[(1, 1)])
    assert [each.tolist() for each in cut.token_ids] == [[7, 1, 9], [7, 2, 9], [7, 3, 9]]
    with pytest.raises(ValueError, match="no room for DNA"):
        cut_into_windows([ids], limit=2, edges=[(1, 1)])
