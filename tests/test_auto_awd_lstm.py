"""BEND's AWD-LSTM through the doors: what its file holds and nobody reads is left, all else must be there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from hf_dnalm import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)
from hf_dnalm.checkpoints import find_passport, passport_of_family
from hf_dnalm.cli.main import main
from hf_dnalm.hub import render_checkpoint_card
from hf_dnalm.modeling.configuration_awd_lstm import AwdLstmConfig
from tests.toys.awd_lstm import SHAPE, write_upstream

PASSPORT = passport_of_family("awd_lstm")
IDS = torch.tensor([[3, 4, 5, 6, 3, 3, 6], [4, 4, 5, 6, 6, 0, 0]])
MASK = (IDS != 0).long()


@pytest.fixture
def folder(tmp_path) -> Path:
    return write_upstream(tmp_path / "awd_lstm")


def config_of(folder: Path) -> dict:
    return json.loads((folder / "config.json").read_text())


def stored(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "pytorch_model.bin", weights_only=True)


@pytest.mark.parametrize(
    ("door", "new"),
    [
        (AutoModel, set()),
        (AutoModelForCausalLM, set()),
        (AutoModelForSequenceClassification, {"classifier"}),
        (AutoModelForTokenClassification, {"token_classifier"}),
    ],
)
def test_every_door_reads_it_and_leaves_what_training_left_behind(folder, door, new):
    model, info = door.from_pretrained(folder, output_loading_info=True)
    assert {key.partition(".")[0] for key in info["missing_keys"]} == new
    assert not info["unexpected_keys"]
    body = model if door is AutoModel else model.encoder
    assert body.base_model is body  # upstream calls its layers what it calls this model under a head
    for index, layer in enumerate(body.encoder.lstm):
        assert torch.equal(layer.weight_raw, stored(folder)[f"encoder.encoder.lstm.{index}.weight_raw"])
        assert layer.weight_raw.abs().max() > 0  # and not the copy that training last dropped, which is zero here


def test_the_head_shares_the_embedding(folder):
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.decoder.weight is model.encoder.embedding.weight


def test_bends_way_of_embedding(folder):
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    options = {"return_tensors": "pt", "return_attention_mask": False, "return_token_type_ids": False}
    input_ids = tokenizer("ACGTNacgt", **options)["input_ids"]
    with torch.no_grad():
        assert model(input_ids=input_ids).last_hidden_state.shape == (1, 9, SHAPE["hidden_size"])


@pytest.mark.parametrize("lost", ["encoder.encoder.lstm.1.weight_raw", "decoder.bias"])
def test_a_lost_weight_is_refused_by_name(folder, lost):
    state = stored(folder)
    del state[lost]
    torch.save(state, folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=rf"incomplete, AwdLstmForCausalLM misses {lost}"):
        AutoModelForCausalLM.from_pretrained(folder)


def test_a_weight_of_another_model_is_refused(folder):
    torch.save(stored(folder) | {"encoder.encoder.lstm_rev.0.weight_raw": torch.zeros(2)}, folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"lstm_rev\.0\.weight_raw, for which AwdLstmModel has no place"):
        AutoModel.from_pretrained(folder)


def test_a_body_that_was_saved_alone_loads_under_a_head(folder, tmp_path):
    AutoModel.from_pretrained(folder).save_pretrained(tmp_path / "saved")
    _, info = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert {key.partition(".")[0] for key in info["missing_keys"]} == {"classifier"}


def test_the_published_config_is_recognised_without_any_other_file():
    (checkpoint,) = PASSPORT.checkpoints
    written = json.loads(json.dumps(dict(checkpoint.config)))
    assert find_passport(written) is PASSPORT
    assert AwdLstmConfig(**PASSPORT.translate(written)).layer_sizes == [(64, 64)]
    assert checkpoint.download.endswith("/awd_lstm")


def test_sizes_change_their_names(folder):
    config = AutoConfig.from_pretrained(folder)
    assert (config.hidden_size, config.intermediate_size) == (SHAPE["hidden_size"], SHAPE["intermediate_size"])
    assert (config.input_dropout_prob, config.weight_dropout_prob) == (0.65, 0.5)


@pytest.mark.parametrize("config", [{"model_type": "AWDLSTM"}, {"input_size": 64}, {"model_type": "lstm"}])
def test_other_models_are_left_to_transformers(config):
    assert find_passport(config) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bidirectional": True}, "bidirectional = True; an AWD-LSTM supports only False"),
        ({"batch_first": False}, "batch_first = False"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings = False"),
        ({"weight_dropout_prob": 0}, "weight_dropout_prob = 0; an AWD-LSTM needs more than 0"),
        ({"n_experts": 2}, "the key 'n_experts' .= 2., which no AWD-LSTM has"),
        ({"reset_token_id": 9}, "reset_token_id 9 is outside of the 7 token ids"),
    ],
)
def test_a_config_that_asks_for_something_else_is_refused_by_its_key(folder, change, message):
    (folder / "config.json").write_text(json.dumps(config_of(folder) | change))
    with pytest.raises(ValueError, match=message):
        AutoConfig.from_pretrained(folder)


def test_a_config_without_its_sizes_is_refused(folder):
    config = config_of(folder)
    del config["input_size"]
    with pytest.raises(ValueError, match="has no input_size; an AWD-LSTM needs it"):
        PASSPORT.translate(config)


def test_what_config_json_leaves_out_is_read_as_upstream_reads_it():
    config = AwdLstmConfig(**PASSPORT.translate({"vocab_size": 7, "hidden_size": 512, "input_size": 64}))
    assert (config.num_hidden_layers, config.dropout_prob, config.reset_token_id) == (1, 0.4, None)


def test_a_checkpoint_that_lies_elsewhere_is_listed_with_its_address(capsys):
    main(["info", "bend-awd-lstm"])
    out = capsys.readouterr().out
    assert "download   https://sid.erda.dk/" in out
    assert "single nucleotides, any length" in out
    assert "none: not on the Hub" in out
    main(["list"])
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("bend-awd-lstm"))
    assert line.split()[1:] == ["awd_lstm", "0.03", "M", "1", "any", "bsd-3-clause", "-"]
    card = render_checkpoint_card(PASSPORT, PASSPORT.checkpoints[0])
    assert "base_model" not in card
    assert "wget -P bend-awd-lstm https://sid.erda.dk/" in card
    assert "An AWD-LSTM is a causal language model" in card
