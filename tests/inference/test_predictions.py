import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from hf_dnalm.inference import Predictions, predict
from hf_dnalm.tasks import Task
from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer

SINGLE = Task("splice", "single_label_classification", ("neither", "donor", "acceptor"), metric="mcc")
MULTI = Task("tracks", "multi_label_classification", ("liver", "brain"), metric="auroc")
REGRESSION = Task("strength", "regression", ("strength",), metric="r2")
BASES = Task("genes", "single_label_classification", ("out", "exon"), metric="mcc", level="nucleotide")

DNA = st.text("ACGTN", min_size=1, max_size=60)
TOKENIZER = toy_tokenizer(model_max_length=64)
FLOAT32 = {"dtype": torch.float32}  # the default is bfloat16 on some machines


def _model(task: Task, **changes):
    head = "token" if task.level == "nucleotide" else "sequence"
    return toy_model(head, id2label=task.id2label, problem_type=task.problem_type, **changes)


MODELS = {task.name: _model(task) for task in (SINGLE, MULTI, REGRESSION, BASES)}


@given(st.lists(DNA, max_size=8), st.integers(1, 200), st.sampled_from([SINGLE, BASES]))
@settings(deadline=None, max_examples=30)
def test_a_batch_gives_what_single_sequences_give_in_input_order(sequences, budget, task):
    model = MODELS[task.name]
    together = predict(model, TOKENIZER, sequences, token_budget=budget, **FLOAT32)
    assert len(together.logits) == len(sequences)
    for index, sequence in enumerate(sequences):
        alone = predict(model, TOKENIZER, [sequence], **FLOAT32)
        np.testing.assert_allclose(together.logits[index], alone.logits[0], atol=2e-6)


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
def test_logits_are_those_of_the_model_itself(pooling):
    model = _model(SINGLE, classifier_pooling=pooling)
    sequences = ["ACGTAC", "ACGTNNACGGGTA"]
    for logits, sequence in zip(predict(model, TOKENIZER, sequences, **FLOAT32).logits, sequences, strict=True):
        with torch.no_grad():
            expected = model(**TOKENIZER(sequence, return_tensors="pt")).logits[0]
        np.testing.assert_allclose(logits, expected.numpy(), atol=2e-6)


def test_every_base_gets_the_logits_of_its_token():
    model = MODELS["genes"]
    predictions = predict(model, TOKENIZER, ["ACGTA", "A"], **FLOAT32)
    assert [each.shape for each in predictions.logits] == [(5, 2), (1, 2)]
    with torch.no_grad():
        tokens = model(**TOKENIZER("ACGTA", return_tensors="pt")).logits[0].numpy()  # CLS, ACG, T, A
    np.testing.assert_allclose(predictions.logits[0], tokens[[1, 1, 1, 2, 3]], atol=2e-6)


def test_a_truncated_sequence_has_a_row_for_each_base_that_was_read():
    tokenizer = toy_tokenizer(model_max_length=3)
    predictions = predict(MODELS["genes"], tokenizer, ["ACGTTTGGG"], overflow="truncate")
    assert len(predictions.logits[0]) == 6


def test_data_sets_and_lists_give_the_same():
    dataset = Dataset.from_dict({"name": ["a", "b"], "sequence": ["ACGT", "GGGTTTA"], "labels": [0, 1]})
    from_dataset = predict(MODELS["splice"], TOKENIZER, dataset)
    from_list = predict(MODELS["splice"], TOKENIZER, ["acgt", "GGGTTTA"], names=["a", "b"])
    assert from_dataset.names == from_list.names == ["a", "b"]
    np.testing.assert_array_equal(from_dataset.logits, from_list.logits)


def test_names_are_numbers_from_one_when_none_are_given():
    assert predict(MODELS["splice"], TOKENIZER, ["A", "C"]).names == ["1", "2"]


@pytest.mark.parametrize("task", [SINGLE, MULTI, REGRESSION, BASES], ids=lambda task: task.name)
def test_no_sequences_give_no_predictions(task):
    predictions = predict(MODELS[task.name], TOKENIZER, [])
    assert predictions.names == []
    assert len(predictions.logits) == 0
    assert task.level == "nucleotide" or predictions.logits.shape == (0, task.num_labels)


def test_the_task_comes_from_the_config_unless_given():
    assert predict(MODELS["tracks"], TOKENIZER, ["ACG"]).task == Task.from_config(MODELS["tracks"].config)
    assert predict(MODELS["tracks"], TOKENIZER, ["ACG"], task=MULTI).task is MULTI


@pytest.mark.parametrize("dtype", [None, torch.float32, torch.bfloat16])
def test_model_and_random_state_are_as_before(dtype):
    model = _model(SINGLE).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random_state = torch.get_rng_state()
    predict(model, TOKENIZER, ["ACGTAC", "ACG"], dtype=dtype)
    assert model.training
    assert torch.equal(torch.get_rng_state(), random_state)
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, before[name])
    inputs = TOKENIZER("ACGTAC", return_tensors="pt")
    model(**inputs, labels=torch.tensor([1])).loss.backward()  # nothing made without gradients was kept


def test_bfloat16_is_close_to_float32():
    sequences = ["ACGTACGGT" * 5, "ACG", "TTTTTTTAC"]
    exact, rounded = (
        predict(MODELS["splice"], TOKENIZER, sequences, dtype=dtype).logits for dtype in (torch.float32, torch.bfloat16)
    )
    np.testing.assert_allclose(rounded, exact, atol=0.02)  # bfloat16 keeps 8 bits
    assert not np.array_equal(rounded, exact)


def test_adapters_and_compiled_models_predict_too():
    peft = pytest.importorskip("peft")
    expected = predict(MODELS["splice"], TOKENIZER, ["ACGTAC"], **FLOAT32).logits
    config = peft.LoraConfig(task_type="SEQ_CLS", target_modules=["query", "value"])
    adapted = peft.get_peft_model(_model(SINGLE), config)  # begins as the identity
    np.testing.assert_allclose(predict(adapted, TOKENIZER, ["ACGTAC"], **FLOAT32).logits, expected, atol=1e-6)
    compiled = torch.compile(MODELS["splice"], backend="eager")
    np.testing.assert_allclose(predict(compiled, TOKENIZER, ["ACGTAC"], **FLOAT32).logits, expected, atol=1e-6)


# What logits mean, by hand.


def test_single_label_probabilities_are_a_softmax_and_the_label_the_likeliest_class():
    predictions = Predictions(["a", "b"], np.log(np.array([[1, 2, 1], [6, 1, 1]], np.float32)), SINGLE)
    np.testing.assert_allclose(predictions.probabilities, [[0.25, 0.5, 0.25], [0.75, 0.125, 0.125]], rtol=1e-6)
    assert predictions.labels == ["donor", "neither"]


def test_multi_label_probabilities_are_sigmoids_and_the_label_all_tracks_from_one_half_on():
    predictions = Predictions(["a", "b"], np.array([[0.0, np.log(3)], [-np.log(3), -1000.0]], np.float32), MULTI)
    np.testing.assert_allclose(predictions.probabilities, [[0.5, 0.75], [0.25, 0.0]], rtol=1e-6)
    assert predictions.labels == [("liver", "brain"), ()]


def test_nucleotide_labels_are_an_array_for_each_sequence():
    logits = [np.array([[0, 1], [1, 0]], np.float32), np.array([[0, 1]], np.float32)]
    predictions = Predictions(["a", "b"], logits, BASES)
    assert [labels.tolist() for labels in predictions.labels] == [["exon", "out"], ["exon"]]
    assert [each.shape for each in predictions.probabilities] == [(2, 2), (1, 2)]
    with pytest.raises(ValueError, match="'genes' is a classification: it has labels and probabilities, not values"):
        _ = predictions.values


def test_a_regression_has_values_alone():
    predictions = Predictions(["a"], np.array([[1.5]], np.float32), REGRESSION)
    assert predictions.values.tolist() == [[1.5]]
    with pytest.raises(ValueError, match="'strength' is a regression: it has values, not labels"):
        _ = predictions.labels
    with pytest.raises(ValueError, match="'strength' is a regression: it has values, not probabilities"):
        _ = predictions.probabilities
    with pytest.raises(ValueError, match="'splice' is a classification: it has labels and probabilities, not values"):
        _ = Predictions(["a"], np.zeros((1, 3), np.float32), SINGLE).values


# What is refused.


@pytest.mark.parametrize("head", ["base", "masked_lm"])
def test_a_model_without_a_task_head_is_refused(head):
    with pytest.raises(ValueError, match=r"NucleotideTransformer\w+ has no task head to predict with\. Fine-tune it"):
        predict(toy_model(head), TOKENIZER, ["ACG"])


@pytest.mark.parametrize(
    ("sequences", "options", "message"),
    [
        ("ACGT", {}, "must be a list of strings or a Dataset, not one string"),
        (["ACG", ""], {}, "sequence '2' is empty"),
        (["ACG"], {"names": ["a", "b"]}, "there are 2 names for 1 sequences"),
        (["ACGJ"], {"names": ["x"]}, r"sequence 'x'.*letter 'J' at position 4"),
        (["ACG" * 64], {"names": ["x"]}, r"sequence 'x' is 192 bp = 65 tokens; .* reads 64"),
        (["ACG"], {"task": MULTI}, "task 'tracks' has 2 labels, but the model's head has 3"),
        (Dataset.from_dict({"sequence": ["ACG"]}), {}, "the dataset has no column 'name'; it has: sequence"),
    ],
)
def test_bad_input_is_refused_with_name_and_way_out(sequences, options, message):
    with pytest.raises(ValueError, match=message):
        predict(MODELS["splice"], TOKENIZER, sequences, **options)


def test_a_task_of_the_other_level_is_refused():
    task = Task("two", "single_label_classification", ("a", "b"), metric="mcc")
    with pytest.raises(
        ValueError, match="task 'two' is of sequence level, but the model's head is of nucleotide level"
    ):
        predict(MODELS["genes"], TOKENIZER, ["ACG"], task=task)


def test_a_tokenizer_that_cannot_say_which_bases_a_token_covers_is_refused():
    class WordTokenizer:
        model_max_length = 10

    with pytest.raises(ValueError, match="WordTokenizer cannot say which bases a token covers"):
        predict(MODELS["genes"], WordTokenizer(), ["ACG"])


def test_a_head_is_found_by_its_class_inside_wrappers():
    from hf_dnalm.inference.predictions import head_level

    assert head_level(nn.DataParallel(MODELS["genes"])) == "nucleotide"
