"""What the four models promise: padding changes nothing, gradients reach everything, misuse is told."""

from __future__ import annotations

import pytest
import torch

from hf_dnalm.modeling.modeling_nucleotide_transformer import (
    NucleotideTransformerForMaskedLM,
    NucleotideTransformerForSequenceClassification,
    NucleotideTransformerForTokenClassification,
    NucleotideTransformerModel,
)

ALL = [
    NucleotideTransformerModel,
    NucleotideTransformerForMaskedLM,
    NucleotideTransformerForSequenceClassification,
    NucleotideTransformerForTokenClassification,
]
CLOSE = {"atol": 2e-5, "rtol": 1e-4}  # float32; sequences of another length are added up in another order
PAD, MASK, CLS = 1, 2, 3


def _lengths(batch: dict) -> list[int]:
    return batch["attention_mask"].sum(dim=1).tolist()


# ---- padding and masks


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_a_batch_gives_what_its_sequences_give_alone(small_model, flavour, batch, implementation):
    model = small_model(NucleotideTransformerModel, flavour, attn_implementation=implementation)
    with torch.no_grad():
        together = model(**batch).last_hidden_state
        for row, length in enumerate(_lengths(batch)):
            alone = model(batch["input_ids"][row : row + 1, :length]).last_hidden_state
            torch.testing.assert_close(together[row, :length], alone[0], **CLOSE)


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
def test_padding_on_either_side_changes_no_prediction(small_model, flavour, batch, pooling):
    model = small_model(NucleotideTransformerForSequenceClassification, flavour, classifier_pooling=pooling)
    with torch.no_grad():
        for row, length in enumerate(_lengths(batch)):
            ids = batch["input_ids"][row : row + 1, :length]
            expected = model(ids).logits
            for widths in ((0, 3), (3, 0), (2, 1)):
                padded = torch.nn.functional.pad(ids, widths, value=PAD)
                logits = model(padded, attention_mask=padded != PAD).logits
                torch.testing.assert_close(logits, expected, **CLOSE)


def test_tokens_in_a_hole_of_the_mask_are_not_seen(small_model, flavour, batch):
    model = small_model(NucleotideTransformerModel, flavour)
    mask = batch["attention_mask"].clone()
    mask[:, 3] = 0
    other = batch["input_ids"].clone()
    other[:2, 3] = 70
    with torch.no_grad():
        first, second = (model(ids, mask).last_hidden_state for ids in (batch["input_ids"], other))
    torch.testing.assert_close(first[mask.bool()], second[mask.bool()])


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


# ---- token dropout and vectors in place of ids


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


def test_vectors_in_place_of_ids_give_the_same(small_model, flavour, batch):
    model = small_model(NucleotideTransformerForMaskedLM, flavour)
    ids = batch["input_ids"].masked_fill(batch["input_ids"] == MASK, 7)  # vectors cannot be told to be masked tokens
    mask = batch["attention_mask"]
    with torch.no_grad():
        from_ids = model(ids, mask).logits
        from_vectors = model(inputs_embeds=model.get_input_embeddings()(ids), attention_mask=mask).logits
    torch.testing.assert_close(from_ids[mask.bool()], from_vectors[mask.bool()], **CLOSE)


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


# ---- training


@pytest.mark.filterwarnings("ignore:`gradient_checkpointing_enable` is deprecated:FutureWarning")  # the one in 5.5
@pytest.mark.parametrize("model_class", ALL[1:])
def test_gradients_reach_every_parameter_and_survive_checkpointing(small_model, flavour, batch, model_class):
    model = small_model(model_class, flavour).train()
    labels = torch.tensor([0, 1, 2])
    if model_class is not NucleotideTransformerForSequenceClassification:
        labels = (batch["input_ids"] % 3).where(batch["attention_mask"].bool(), -100)
    model(**batch, labels=labels).loss.backward()
    plain = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    assert not [name for name, gradient in plain.items() if "key.bias" not in name and not gradient.any()]
    model.zero_grad()
    model.gradient_checkpointing_enable()
    assert all(layer.gradient_checkpointing for layer in model.esm.encoder.layer)
    model(**batch, labels=labels).loss.backward()
    torch.testing.assert_close({name: parameter.grad for name, parameter in model.named_parameters()}, plain)


@pytest.mark.parametrize(
    ("model_class", "flavour"),
    [(NucleotideTransformerForMaskedLM, "version_1"), (NucleotideTransformerForTokenClassification, "version_2")],
)
def test_the_graph_compiles_whole(small_model, batch, model_class, flavour):
    model = small_model(model_class, flavour, num_hidden_layers=1)
    extra = {"labels": batch["input_ids"] % 3, "output_hidden_states": True}
    if model_class is NucleotideTransformerForTokenClassification:
        extra["bases_per_token"] = batch["attention_mask"]
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    for inputs in (batch, {"input_ids": batch["input_ids"]}):
        expected, got = model(**inputs, **extra), compiled(**inputs, **extra)
        torch.testing.assert_close(got.logits, expected.logits)
        torch.testing.assert_close(got.loss, expected.loss)
        assert len(got.hidden_states) == 2


@pytest.mark.parametrize("autocast", [False, True])
def test_bfloat16_is_close(small_model, flavour, batch, autocast):
    model = small_model(NucleotideTransformerModel, flavour)
    with torch.no_grad():
        exact = model(**batch).last_hidden_state
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            rounded = (model if autocast else model.to(torch.bfloat16))(**batch).last_hidden_state
    assert rounded.dtype is (torch.float32 if autocast else torch.bfloat16)
    real = batch["attention_mask"].bool()
    error = (rounded.float() - exact)[real].pow(2).mean().sqrt() / exact[real].std()
    assert error < 0.05  # 8 bits of mantissa through two layers with weights of size 0.3


def test_dropout_acts_in_training_alone(small_model, batch):
    model = small_model(NucleotideTransformerModel, hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5)
    with torch.no_grad():
        assert torch.equal(model(**batch).last_hidden_state, model(**batch).last_hidden_state)
        model.train()
        assert not torch.equal(model(**batch).last_hidden_state, model(**batch).last_hidden_state)


# ---- heads


@pytest.mark.parametrize(
    ("problem_type", "num_labels"),
    [
        ("regression", 1),
        ("regression", 5),
        ("single_label_classification", 2),
        ("single_label_classification", 5),
        ("multi_label_classification", 1),
        ("multi_label_classification", 5),
    ],
)
def test_a_sequence_head_has_as_many_outputs_as_labels(small_model, batch, problem_type, num_labels):
    changes = {"num_labels": num_labels, "problem_type": problem_type}
    model = small_model(NucleotideTransformerForSequenceClassification, **changes)
    labels = torch.zeros(3, num_labels) if problem_type != "single_label_classification" else torch.tensor([0, 1, 1])
    outputs = model(**batch, labels=labels)
    assert outputs.logits.shape == (3, num_labels)
    assert outputs.loss.isfinite()


def test_a_token_head_speaks_per_token_and_per_nucleotide(small_model, batch):
    model = small_model(NucleotideTransformerForTokenClassification)
    bases = torch.tensor([[0, 3, 3, 1, 1, 3, 3, 3, 3], [0, 3, 3, 3, 1, 1, 0, 0, 0], [0] * 9])
    with torch.no_grad():
        per_token = model(**batch).logits
        per_nucleotide = model(**batch, bases_per_token=bases, labels=torch.zeros(3, 20, dtype=torch.long))
    assert per_token.shape == (3, 9, 3)
    assert per_nucleotide.logits.shape == (3, 20, 3)
    assert torch.equal(per_nucleotide.logits[0, :8], per_token[0, [1, 1, 1, 2, 2, 2, 3, 4]])
    assert torch.equal(per_nucleotide.logits[1, 9:11], per_token[1, [4, 5]])
    assert not per_nucleotide.logits[1, 11:].any()
    assert not per_nucleotide.logits[2].any()


def test_labels_per_nucleotide_must_be_as_long_as_the_bases(small_model, batch):
    model = small_model(NucleotideTransformerForTokenClassification)
    with pytest.raises(ValueError, match=r"labels have shape \(3, 7\), the predictions \(3, 9\)"):
        model(**batch, bases_per_token=torch.ones(3, 9, dtype=torch.long), labels=torch.zeros(3, 7, dtype=torch.long))


def test_the_language_model_loss_averages_over_the_whole_step(small_model, batch):
    model = small_model(NucleotideTransformerForMaskedLM)
    labels = torch.full_like(batch["input_ids"], -100)
    labels[0, 4], labels[1, 1] = 20, 30
    mean = model(**batch, labels=labels).loss
    torch.testing.assert_close(model(**batch, labels=labels, num_items_in_batch=8).loss, mean / 4)


# ---- embeddings, ties and outputs


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


def test_attention_can_be_switched_and_looked_at(small_model, batch):
    model = small_model(NucleotideTransformerForMaskedLM)
    expected = model(**batch).logits
    assert not model(**batch, output_attentions=True).attentions  # transformers logs that sdpa has none
    model.set_attn_implementation("eager")
    outputs = model(**batch, output_attentions=True)
    torch.testing.assert_close(outputs.logits, expected, **CLOSE)
    assert [probabilities.shape for probabilities in outputs.attentions] == [(3, 2, 9, 9)] * 2
    assert not outputs.attentions[0][1, :, :, 6:].any()  # nobody looks at padding


def test_outputs_come_as_a_tuple_when_asked(small_model, batch):
    model = small_model(NucleotideTransformerForMaskedLM)
    (logits,) = model(**batch, return_dict=False)
    assert torch.equal(logits, model(**batch).logits)


def test_no_buffer_can_be_lost(small_model, flavour):
    # Buffers that are not saved hold whatever lay in memory after transformers builds a model on the meta device.
    for model_class in ALL:
        assert not list(small_model(model_class, flavour).named_buffers())


# ---- misuse


def test_a_token_id_without_a_vector_is_refused(small_model, flavour):
    model = small_model(NucleotideTransformerModel, flavour)
    with pytest.raises(ValueError, match=r"outside of the model's 75 tokens \(ids go from 3 to 75\).*<eos>"):
        model(torch.tensor([[3, 75]]))


@pytest.mark.parametrize("inputs", [{}, {"input_ids": torch.tensor([[3]]), "inputs_embeds": torch.zeros(1, 1, 32)}])
def test_ids_or_vectors_but_one_of_them(small_model, inputs):
    with pytest.raises(ValueError, match="pass exactly one of input_ids and inputs_embeds"):
        small_model(NucleotideTransformerModel)(**inputs)


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
