"""What is special in the Nucleotide Transformers: token dropout, positions, the published usage; misuse is told."""

from __future__ import annotations

import pytest
import torch

from hf_dnalm.modeling.modeling_nucleotide_transformer import (
    NucleotideTransformerForMaskedLM,
    NucleotideTransformerForTokenClassification,
    NucleotideTransformerModel,
)

CLOSE = {"atol": 2e-5, "rtol": 1e-4}  # float32; sequences of another length are added up in another order
PAD, MASK, CLS = 1, 2, 3


# ---- padding and masks


def test_a_mask_of_pairs_says_the_same_as_a_mask_of_tokens(small_model, flavour, batch):
    model = small_model(NucleotideTransformerModel, flavour, token_dropout=False)
    real = batch["attention_mask"].bool()
    pairs = real[:, None, None, :].expand(-1, 1, real.shape[1], -1)
    with torch.no_grad():
        by_tokens = model(**batch).last_hidden_state
        by_pairs = model(batch["input_ids"], pairs).last_hidden_state
    torch.testing.assert_close(by_pairs[real], by_tokens[real], **CLOSE)


def test_without_a_mask_padding_is_a_token_like_any(small_model, flavour, batch):
    model = small_model(NucleotideTransformerModel, flavour)
    with torch.no_grad():
        unmasked = model(batch["input_ids"]).last_hidden_state
        ones = model(batch["input_ids"], torch.ones_like(batch["attention_mask"])).last_hidden_state
        masked = model(**batch).last_hidden_state
    torch.testing.assert_close(unmasked, ones)
    assert (unmasked[1, :6] - masked[1, :6]).abs().max() > 1e-2


def test_the_published_usage_example_runs(small_model, batch):
    model = small_model(NucleotideTransformerForMaskedLM, "agront", attn_implementation="eager")
    ids, mask = batch["input_ids"], batch["input_ids"] != PAD
    outputs = model(ids, attention_mask=mask, encoder_attention_mask=mask, output_hidden_states=True)
    assert torch.equal(outputs.logits, model(**batch).logits)
    assert torch.equal(outputs["hidden_states"][-1], model.esm(**batch).last_hidden_state)


# ---- token dropout and positions


def test_token_dropout_scales_by_0_88_and_by_the_share_of_masks(small_model):
    embeddings = small_model(NucleotideTransformerModel, "version_1").embeddings
    with torch.no_grad():
        words = embeddings.word_embeddings.weight
        positions = embeddings.position_embeddings.weight[2:6]
        plain = embeddings(torch.tensor([[3, 10, 11, 12]]), None, None, None)[0]
        torch.testing.assert_close(plain, 0.88 * words[[3, 10, 11, 12]] + positions)
        masked = embeddings(torch.tensor([[3, MASK, 11, 12]]), None, None, None)[0]
        torch.testing.assert_close(masked[[0, 2, 3]], 0.88 / 0.75 * words[[3, 11, 12]] + positions[[0, 2, 3]])
        torch.testing.assert_close(masked[1], positions[1])


def test_positions_can_be_given(small_model, flavour, batch):
    model = small_model(NucleotideTransformerModel, flavour)
    ids = batch["input_ids"][:1]
    first = 0 if flavour == "version_2" else PAD + 1
    positions = torch.arange(first, first + ids.shape[1])[None]
    with torch.no_grad():
        given = model(ids, position_ids=positions).last_hidden_state
        moved = model(ids, position_ids=positions + 5).last_hidden_state
        default = model(ids).last_hidden_state
    torch.testing.assert_close(given, default)
    # rotary positions are relative, learned ones are not
    assert torch.allclose(moved, default, atol=1e-3) is (flavour == "version_2")


# ---- heads


def test_labels_per_nucleotide_must_be_as_long_as_the_bases(small_model, batch):
    model = small_model(NucleotideTransformerForTokenClassification)
    with pytest.raises(ValueError, match=r"labels have shape \(3, 7\), the predictions \(3, 9\)"):
        model(**batch, bases_per_token=torch.ones(3, 9, dtype=torch.long), labels=torch.zeros(3, 7, dtype=torch.long))


# ---- embeddings and ties


def test_the_vocabulary_can_grow_and_shrink(small_model, batch):
    model = small_model(NucleotideTransformerForMaskedLM)
    before = model(**batch).logits
    model.resize_token_embeddings(80, mean_resizing=False)
    grown = model(**batch).logits
    assert grown.shape[-1] == 80 == model.config.vocab_size
    torch.testing.assert_close(grown[..., :75], before)
    model.resize_token_embeddings(75)
    torch.testing.assert_close(model(**batch).logits, before)


@pytest.mark.parametrize("tied", [False, True])
def test_the_head_is_tied_only_when_the_config_says_so(small_model, tied):
    model = small_model(NucleotideTransformerForMaskedLM, tie_word_embeddings=tied)
    assert (model.lm_head.decoder.weight is model.esm.embeddings.word_embeddings.weight) is tied


# ---- misuse


def test_a_token_id_without_a_vector_is_refused(small_model, flavour):
    model = small_model(NucleotideTransformerModel, flavour)
    with pytest.raises(ValueError, match=r"outside the model's 75 tokens \(ids go from 3 to 75\).*<eos>"):
        model(torch.tensor([[3, 75]]))


def test_a_sequence_longer_than_the_learned_positions_is_refused(small_model):
    model = small_model(NucleotideTransformerModel, "version_1")  # 34 rows: two for no token, 32 for tokens
    ids = torch.full((1, 33), 10)
    model(ids[:, :32])
    model(torch.nn.functional.pad(ids[:, :32], (0, 8), value=PAD))  # longer by padding alone
    with pytest.raises(ValueError, match="33 tokens are more than the 32 this model has learned positions for"):
        model(ids)
    with pytest.raises(ValueError, match="33 tokens are more than the 32"):
        model(inputs_embeds=torch.zeros(1, 33, 32))


def test_rotary_positions_have_no_end(small_model):
    model = small_model(NucleotideTransformerModel, "version_2")
    assert model(torch.full((1, 50), 10)).last_hidden_state.isfinite().all()
