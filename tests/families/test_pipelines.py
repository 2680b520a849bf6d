"""transformers' pipelines over our classes: the class of the family, and soft-masked DNA read as in `predict`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers

import hf_dnalm
from hf_dnalm import pipeline
from hf_dnalm.inference import predict
from hf_dnalm.training.adapters import BaseWeights, add_adapter, save_adapter


@pytest.fixture
def sequence(family) -> str:
    return family.declared("SEQUENCES")[0]


def model_of(family, head, upstream, tmp_path):
    """A folder with a trained head: the published one, or one that was saved with the task's head."""
    if head in ("base", "masked_lm"):
        return upstream
    family.model(head, num_labels=2, id2label={0: "no", 1: "yes"}).save_pretrained(tmp_path / "tuned")
    family.tokenizer.save_pretrained(tmp_path / "tuned")
    return tmp_path / "tuned"


def test_features_are_the_models_hidden_states(family, upstream, sequence):
    features = pipeline("feature-extraction", upstream)
    assert type(features.model) is family.toy.CLASSES["base"]
    with torch.no_grad():
        expected = hf_dnalm.AutoModel.from_pretrained(upstream)(**family.alone(0)).last_hidden_state
    for text in (sequence, sequence.lower()):
        np.testing.assert_allclose(features(text), expected.numpy(), rtol=1e-4, atol=1e-5)


def test_a_mask_is_filled_by_the_familys_own_class(family, upstream, sequence):
    if "masked_lm" not in family.toy.CLASSES:
        with pytest.raises(ValueError, match="Unrecognized configuration class"):
            pipeline("fill-mask", upstream)
        return
    fill = pipeline("fill-mask", upstream)
    assert type(fill.model) is family.toy.CLASSES["masked_lm"]
    mask = fill.tokenizer.mask_token
    first, second = (fill(f"{change(sequence[:9])}{mask}{change(sequence[9:])}") for change in (str.upper, str.lower))
    assert first == second
    assert len(first) == 5


@pytest.mark.parametrize("task", ["text-classification", "token-classification"])
def test_labels_are_those_of_predict(family, task, upstream, sequence, tmp_path):
    folder = model_of(family, {"text": "sequence", "token": "token"}[task[: task.index("-")]], upstream, tmp_path)
    classify = pipeline(task, folder)
    upper, lower = (classify(text) for text in (sequence, sequence.lower()))
    assert [each["score"] for each in upper] == pytest.approx([each["score"] for each in lower])
    if task == "text-classification":
        model = hf_dnalm.AutoModelForSequenceClassification.from_pretrained(folder)
        model.config.problem_type = "single_label_classification"
        (expected,) = predict(model, family.tokenizer, [sequence], dtype=torch.float32).probabilities
        assert upper[0]["score"] == pytest.approx(float(expected.max()), abs=1e-5)
        assert upper[0]["label"] == ["no", "yes"][int(expected.argmax())]
    else:
        assert {each["entity"] for each in upper} <= {"no", "yes"}
        assert len(upper) == family.lengths[0] - family.passport.special_tokens


@pytest.mark.parametrize("task", ["text-classification", "token-classification"])
def test_a_head_that_was_never_trained_is_refused(family, task, upstream):
    with pytest.raises(ValueError, match=f"its head for {task} is not trained, and would answer at random"):
        pipeline(task, upstream)


def test_a_loaded_model_needs_its_tokenizer_and_takes_no_loading_options(family, upstream, sequence):
    model = hf_dnalm.AutoModel.from_pretrained(upstream)
    with pytest.raises(ValueError, match="the model is loaded already, and it comes without its tokenizer"):
        pipeline("feature-extraction", model)
    with pytest.raises(ValueError, match="the model is loaded already, and revision cannot be applied to it"):
        pipeline("feature-extraction", model, tokenizer=family.tokenizer, revision="main")
    features = pipeline("feature-extraction", model, tokenizer=family.tokenizer, batch_size=2)
    assert np.shape(features([sequence])[0])[1] == family.lengths[0]
    assert not family.tokenizer.genome_mode, "the caller's tokenizer stays as it is"


def test_other_tasks_are_refused_with_the_known_ones(family, upstream):
    with pytest.raises(ValueError, match=r"task is 'text-generation'; hf_dnalm\.pipeline has 'feature-extraction', "):
        pipeline("text-generation", upstream)


def test_transformers_own_pipeline_takes_what_we_saved(family, upstream, sequence, tmp_path):
    """Our model types are registered: a folder that we wrote goes by name, with its own tokenizer."""
    hf_dnalm.export(upstream, tmp_path / "out")
    features = transformers.pipeline("feature-extraction", model=str(tmp_path / "out"))
    assert type(features.model) is family.toy.CLASSES["base"]
    expected = pipeline("feature-extraction", upstream)(sequence)
    np.testing.assert_allclose(features(sequence), expected, rtol=1e-4, atol=1e-5)


def test_an_adapter_with_its_head_is_a_trained_head(family, upstream, sequence, tmp_path):
    if "lora" in family.declared("CANNOT"):
        pytest.skip("has no layers for low-rank adapters")
    model = hf_dnalm.AutoModelForSequenceClassification.from_pretrained(upstream, num_labels=2)
    adapted = add_adapter(model, "lora", base=BaseWeights.of(model), rank=2)
    save_adapter(adapted, family.tokenizer, tmp_path)
    with torch.no_grad():
        expected = adapted.eval()(**family.alone(0)).logits.softmax(-1).max()
    (answer,) = pipeline("text-classification", tmp_path)(sequence.lower())
    assert answer["score"] == pytest.approx(float(expected), abs=1e-5)
