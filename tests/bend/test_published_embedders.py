"""BEND's published embedders: the splitting, special tokens and repeats of each family, by hand on tiny models."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch

from hf_dnalm.bend import published_embedders as published
from hf_dnalm.bend.published_embedders import PublishedEmbedder
from hf_dnalm.inference import embed_tokens
from hf_dnalm.tokenization import build_overlapping_kmer_tokenizer

SEQUENCE = "ACGTTAACGGCTAGCATTACG"
FAMILIES = (
    *("nucleotide_transformer", "dnabert", "dnabert2", "gena_bert", "gena_bigbird"),
    *("grover", "hyenadna", "caduceus", "gpn", "awd_lstm"),
)


def toy(family: str, **changes):
    """A tiny model of the family and its tokenizer."""
    module = importlib.import_module(f"tests.toys.{family}")
    return module.toy_model("base", **changes), module.toy_tokenizer()


def states(model, ids) -> np.ndarray:
    """(n, hidden) of one pass."""
    with torch.no_grad():
        return model(torch.tensor([list(ids)])).last_hidden_state[0].numpy()


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in ("dnabert", "hyenadna", "caduceus")])
def test_short_dna_has_the_vectors_of_the_correct_mode(family):
    model, tokenizer = toy(family)
    (expected,) = embed_tokens(model, tokenizer, [SEQUENCE]).vectors
    assert_close(PublishedEmbedder(model, tokenizer)(SEQUENCE), expected)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_model_is_left_as_it_was(family):
    model, tokenizer = toy(family)
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    PublishedEmbedder(model, tokenizer)(SEQUENCE)
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_model_of_no_family_of_bend_is_refused():
    from transformers import BertConfig, BertModel

    model = BertModel(BertConfig(vocab_size=9, hidden_size=4, num_hidden_layers=1, num_attention_heads=1))
    with pytest.raises(ValueError, match="BEND has no embedder for a bert model, only for nucleotide_transformer"):
        PublishedEmbedder(model, toy("dnabert")[1])


# --- DNABERT --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k", "order"),
    [
        (3, "0 0 1 2 3 3"),
        (4, "0 0 1 2 3 3 3"),
        (5, "0 0 1 2 3 0 3 3"),  # the second repeat of the first vector stands behind, not before
        (6, "0 0 1 2 3 0 3 3 3"),
    ],
)
def test_dnabert_repeats_its_edges_as_published(k, order):
    tokenizer = build_overlapping_kmer_tokenizer(k, model_max_length=40)
    model, _ = toy("dnabert", vocab_size=len(tokenizer))
    sequence = SEQUENCE[: k + 3]  # four words
    words = states(model, tokenizer(sequence)["input_ids"])[1:-1]
    found = PublishedEmbedder(model, tokenizer)(sequence)
    assert len(found) == len(sequence)
    assert_close(found, words[[int(number) for number in order.split()]])


@pytest.mark.parametrize(("k", "order"), [(3, "0 0 1 2 3 3"), (5, "0 0 0 1 2 3 3 3"), (6, "0 0 0 1 2 3 3 3 3")])
def test_dnabert_s_correct_mode_differs_as_the_guide_says(k, order):
    tokenizer = build_overlapping_kmer_tokenizer(k, model_max_length=40)
    model, _ = toy("dnabert", vocab_size=len(tokenizer))
    sequence = SEQUENCE[: k + 3]
    words = states(model, tokenizer(sequence)["input_ids"])[1:-1]
    (found,) = embed_tokens(model, tokenizer, [sequence]).vectors
    assert_close(found, words[[int(number) for number in order.split()]])


def test_dnabert_cuts_ids_with_their_special_tokens(monkeypatch):
    monkeypatch.setattr(published, "DNABERT_IDS", 8)
    model, tokenizer = toy("dnabert")
    ids = tokenizer(SEQUENCE)["input_ids"]
    expected = np.concatenate([states(model, ids[start : start + 8]) for start in range(0, len(ids), 8)])
    embedder = PublishedEmbedder(model, tokenizer)
    assert_close(embedder(SEQUENCE, upsample=False), expected[1:-1])
    assert_close(embedder(SEQUENCE, upsample=False, remove_special_tokens=False), expected)
    both = embedder(SEQUENCE, remove_special_tokens=False)
    assert_close(both[[0, -1]], expected[[0, -1]])
    assert len(both) == len(SEQUENCE) + 2


# --- Nucleotide Transformer -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("positions", "limit"), [("rotary", "NT_V2"), ("absolute", "NT_V1")])
def test_nucleotide_transformer_cuts_letters_and_drops_every_cls(monkeypatch, positions, limit):
    monkeypatch.setattr(published, limit, (9, 100))
    model, tokenizer = toy("nucleotide_transformer", position_embedding_type=positions)
    parts, lengths = [], []
    for start in range(0, len(SEQUENCE), 9):
        ids = tokenizer(SEQUENCE[start : start + 9])["input_ids"]
        parts.append(states(model, ids))
        lengths.append([len(token) for token in tokenizer.convert_ids_to_tokens(ids)[1:]])
    embedder = PublishedEmbedder(model, tokenizer)
    assert_close(embedder(SEQUENCE, upsample=False), np.concatenate([part[1:] for part in parts]))
    assert_close(embedder(SEQUENCE, upsample=False, remove_special_tokens=False), np.concatenate(parts))
    repeated = [part[1:].repeat(each, axis=0) for part, each in zip(parts, lengths, strict=True)]
    assert_close(embedder(SEQUENCE), np.concatenate(repeated))
    assert len(embedder(SEQUENCE, remove_special_tokens=False)) == len(SEQUENCE) + len(parts)  # a <cls> for each piece


def test_nucleotide_transformer_cuts_pieces_of_many_tokens_again(monkeypatch):
    monkeypatch.setattr(published, "NT_V2", (9, 6))
    model, tokenizer = toy("nucleotide_transformer")
    sequence = "N" * 9  # a token for each letter, and <cls>: ten ids
    ids = tokenizer(sequence)["input_ids"]
    expected = np.concatenate([states(model, ids[:6]), states(model, ids[6:])])[1:]
    assert_close(PublishedEmbedder(model, tokenizer)(sequence), expected)


# --- words of byte pairs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "limit"),
    [("gena_bert", "GENA_BERT_TOKENS"), ("gena_bigbird", "GENA_BIGBIRD_TOKENS"), ("grover", "GROVER_TOKENS")],
)
def test_pieces_of_words_get_their_own_special_tokens(monkeypatch, family, limit):
    monkeypatch.setattr(published, limit, 4)
    model, tokenizer = toy(family)
    opening, *inner, closing = tokenizer(SEQUENCE)["input_ids"]
    pieces = [inner[start : start + 4] for start in range(0, len(inner), 4)]
    assert len(pieces) > 2
    parts = [states(model, [opening, *piece, closing]) for piece in pieces]
    words = np.concatenate([part[1:-1] for part in parts])
    embedder = PublishedEmbedder(model, tokenizer)
    assert_close(embedder(SEQUENCE, upsample=False), words)
    lengths = [len(token) for token in tokenizer.convert_ids_to_tokens(inner)]
    assert_close(embedder(SEQUENCE), words.repeat(lengths, axis=0))
    whole = embedder(SEQUENCE, upsample=False, remove_special_tokens=False)
    assert_close(whole, np.concatenate([parts[0][:1], words, parts[-1][-1:]]))


def test_gena_counts_an_unknown_word_as_five_letters_and_a_long_gap_as_one():
    model, tokenizer = toy("gena_bert")
    embedder = PublishedEmbedder(model, tokenizer)
    gap = "ACG" + "N" * 12 + "TTA"
    assert "-" in tokenizer.tokenize(gap)
    assert len(embedder(gap)) == len(gap) - 11
    module = importlib.import_module("tests.toys.gena_bert")
    first = module.toy_tokenizer("v1")  # of the first list of words, which has no N
    assert first.unk_token in first.tokenize("ACGNTTA")
    assert len(PublishedEmbedder(model, first)("ACGNTTA")) == 7 + 4


def test_grover_and_dnabert2_count_an_unknown_word_as_one_letter():
    for family in ("grover", "dnabert2"):
        model, tokenizer = toy(family)
        assert tokenizer.unk_token in tokenizer.tokenize("ACGNTTA")
        assert len(PublishedEmbedder(model, tokenizer)("ACGNTTA")) == 7


def test_gena_goes_without_its_last_norm():
    model, tokenizer = toy("gena_bert", last_layer_norm=True)
    norm = model.encoder.last_layer_ln
    torch.nn.init.normal_(norm.weight)
    found = PublishedEmbedder(model, tokenizer)(SEQUENCE, upsample=False, remove_special_tokens=False)
    expected = states(model, tokenizer(SEQUENCE)["input_ids"])
    assert not np.allclose(found, expected, atol=1e-2)
    assert_close(norm(torch.from_numpy(found)).detach().numpy(), expected)
    assert model.encoder.last_layer_ln is norm


def test_dnabert2_cuts_letters_and_drops_special_tokens_where_pieces_meet(monkeypatch):
    monkeypatch.setattr(published, "DNABERT2_BP", 8)
    model, tokenizer = toy("dnabert2")
    pieces = [SEQUENCE[start : start + 8] for start in range(0, len(SEQUENCE), 8)]
    ids = [tokenizer(piece)["input_ids"] for piece in pieces]
    parts = [states(model, each) for each in ids]
    embedder = PublishedEmbedder(model, tokenizer)
    assert_close(embedder(SEQUENCE, upsample=False), np.concatenate([part[1:-1] for part in parts]))
    whole = embedder(SEQUENCE, upsample=False, remove_special_tokens=False)
    assert_close(whole, np.concatenate([parts[0][:-1], parts[1][1:-1], parts[2][1:]]))
    lengths = [[len(token) for token in tokenizer.convert_ids_to_tokens(each)[1:-1]] for each in ids]
    repeated = [part[1:-1].repeat(each, axis=0) for part, each in zip(parts, lengths, strict=True)]
    assert_close(embedder(SEQUENCE), np.concatenate(repeated))
    assert len(embedder(SEQUENCE, remove_special_tokens=False)) == len(SEQUENCE) + 2


# --- a token for each letter ----------------------------------------------------------------------------------------


def test_hyenadna_reads_every_piece_behind_a_start_that_it_was_not_trained_with():
    model, tokenizer = toy("hyenadna")
    limit = model.config.max_position_embeddings - 2
    sequence = (SEQUENCE * 4)[: limit + 5]
    parts = []
    for piece in (sequence[:limit], sequence[limit:]):
        ids = tokenizer(piece, add_special_tokens=False)["input_ids"]
        parts.append(states(model, [tokenizer.cls_token_id, *ids, tokenizer.sep_token_id]))
    embedder = PublishedEmbedder(model, tokenizer)
    assert_close(embedder(sequence), np.concatenate([part[1:-1] for part in parts]))
    assert_close(embedder(sequence, remove_special_tokens=False), np.concatenate(parts))
    (correct,) = embed_tokens(model, tokenizer, [sequence[:limit]]).vectors
    assert not np.allclose(embedder(sequence[:limit]), correct, atol=1e-3)


def test_caduceus_is_read_without_special_tokens(monkeypatch):
    monkeypatch.setattr(published, "CADUCEUS_BP", 16)
    model, tokenizer = toy("caduceus")
    pieces = [tokenizer(each, add_special_tokens=False)["input_ids"] for each in (SEQUENCE[:16], SEQUENCE[16:])]
    found = PublishedEmbedder(model, tokenizer)(SEQUENCE)
    assert_close(found, np.concatenate([states(model, piece) for piece in pieces]))


@pytest.mark.parametrize("family", ["gpn", "awd_lstm"])
def test_single_nucleotide_models_read_sequences_without_splitting(family):
    model, tokenizer = toy(family)
    sequence = SEQUENCE * 5
    found = PublishedEmbedder(model, tokenizer)(sequence)
    assert_close(found, states(model, tokenizer(sequence)["input_ids"]))
    assert len(found) == len(sequence)


# --- reference numbers of the official code -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bend_convnet", "bend_awdlstm", "caduceus_ph", "gena_bert_base"])
def test_vectors_are_those_of_the_official_code(shared, name):
    from safetensors.torch import load_file

    from hf_dnalm.auto import AutoModel, AutoTokenizer

    folder = shared / "goldens" / name
    golden = load_file(folder / "golden.safetensors")
    single = "single_" if name == "gena_bert_base" else ""
    ids, expected = golden[f"{single}input_ids"][0], golden[f"{single}last_hidden_state"][0].numpy()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    words = tokenizer.convert_ids_to_tokens(ids.tolist())
    if single:
        words, expected = words[1:-1], expected[1:-1].repeat([len(word) for word in words[1:-1]], axis=0)
    found = PublishedEmbedder(AutoModel.from_pretrained(folder), tokenizer)("".join(words).upper())
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)
