"""The model and tokenizer that a run starts from: a checkpoint, or a config with random weights."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

from hf_dnalm.training import ModelArguments, start_model
from tests.training.conftest import TASKS

CONFIG = {"model_type": "dnalm_nucleotide_transformer", "vocab_size": 75, "hidden_size": 16, "intermediate_size": 32}
CONFIG |= {"num_hidden_layers": 1, "num_attention_heads": 4, "max_position_embeddings": 32, "pad_token_id": 1}


def from_config(folder: Path, *, seed: int = 0, pooling: str | None = None, **fields):
    path = folder / "config.json"
    path.write_text(json.dumps(CONFIG | fields))
    return start_model(ModelArguments(config=str(path), pooling=pooling), TASKS["multi"], seed=seed)


@pytest.mark.parametrize(
    ("vocab_size", "k", "first_kmer"), [(75, 3, 6), (73, 3, 4), (27, 2, 6), (4107, 6, 6), (4105, 6, 4)]
)
def test_a_config_defines_its_tokenizer_by_the_size_of_its_vocabulary(tmp_path, vocab_size, k, first_kmer):
    model, tokenizer = from_config(tmp_path, vocab_size=vocab_size)
    assert tokenizer.get_vocab()["A" * k] == first_kmer
    assert max(tokenizer("ACGTNACGT" * 3).input_ids) < model.config.vocab_size
    assert tokenizer.model_max_length == 30


@pytest.mark.parametrize("vocab_size", [74, 13, 4**9 + 9])
def test_a_vocabulary_of_another_size_is_refused(tmp_path, vocab_size):
    sizes = f"vocab_size is {vocab_size}; a k-mer vocabulary has 4^k + 9 or 4^k + 11 tokens, with k from 2 to 8"
    with pytest.raises(ValueError, match=re.escape(sizes)):
        from_config(tmp_path, vocab_size=vocab_size)


def test_random_weights_follow_from_the_seed_alone(tmp_path):
    torch.manual_seed(5)
    (first, _), (again, _), (other, _) = (from_config(tmp_path, seed=seed) for seed in (0, 0, 1))
    weights = [model.base_model.embeddings.word_embeddings.weight for model in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_head_has_the_labels_of_the_task_and_the_requested_pooling(tmp_path):
    model, _ = from_config(tmp_path, pooling="mean")
    assert model.config.id2label == TASKS["multi"].id2label
    assert model.config.classifier_pooling == "mean"


def test_a_config_without_a_model_type_of_ours_is_refused(tmp_path):
    with pytest.raises(ValueError, match="model_type is 'bert'; it must be"):
        from_config(tmp_path, model_type="bert")


def test_a_config_of_a_family_with_a_trained_vocabulary_needs_a_folder(tmp_path):
    with pytest.raises(ValueError, match=r"does not define its tokenizer\. Pass --model with a folder"):
        from_config(tmp_path, model_type="dnalm_dnabert2")
