"""HyenaDNA through every door: both layouts, any name of the shared frequencies, files that run no code, refusals."""

from __future__ import annotations

import argparse
import json
import os
import pickle
from collections import OrderedDict
from pathlib import Path, PurePosixPath

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, GPT2Config

from hf_dnalm import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    export,
)
from hf_dnalm.checkpoints import find_passport, passport_of_family
from hf_dnalm.cli.info import describe
from hf_dnalm.tokenization import NucleotideTokenizer
from tests.toys.hyenadna import FIRST, LONGEST, UPSTREAM, toy_config, toy_model, write_upstream

PASSPORT = passport_of_family("hyenadna")
IDS = torch.tensor([[7, 8, 9, 10, 11, 1], [10, 10, 7, 8, 6, 1]])


class Settings:
    """An object such as trainers leave in their checkpoints: with a list, a table and a state of its own."""

    def __init__(self):
        self.names = ["a"]

    def __setstate__(self, state):
        raise AssertionError("an object of the file was made")


class Table(dict):
    pass


class Names(list):
    pass


class RunsCode:
    """Pickled, it is a call: the file that it makes shows that it was run."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


BESIDE = {
    "hyper_parameters": Table(optimizer=Settings(), names=Names([1, 2])),
    "arguments": argparse.Namespace(lr=6e-4),
    "callbacks": {PurePosixPath("/checkpoints"): {1, 2}, "order": OrderedDict(a=torch.ones(2))},
    "parameter": torch.nn.Parameter(torch.ones(1)),
}


@pytest.fixture(params=["hf", "first"])
def folder(request, tmp_path) -> Path:
    return write_upstream(tmp_path / request.param, request.param, beside=BESIDE)


@pytest.mark.parametrize(
    ("door", "new"),
    [
        (AutoModel, set()),
        (AutoModelForCausalLM, set()),
        (AutoModelForSequenceClassification, {"score.weight"}),
        (AutoModelForTokenClassification, {"token_classifier.weight", "token_classifier.bias"}),
    ],
)
def test_both_layouts_through_every_door(folder, door, new):
    model, info = door.from_pretrained(folder, output_loading_info=True)
    assert info["missing_keys"] == new
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    expected, loaded = (
        {name.removeprefix("hyena."): value for name, value in each.state_dict().items()}
        for each in (toy_model(), model)
    )
    shared = expected.keys() & loaded.keys()
    assert expected.keys() - shared <= {"lm_head.weight"}
    assert all(torch.equal(loaded[name], expected[name]) for name in shared)
    assert model.name_or_path == model.config.name_or_path == str(folder)


@pytest.mark.parametrize("layout", ["hf", "first"])
@pytest.mark.parametrize("frequencies", [(1,), (3,), (5,), (3, 5), (1, 3, 5)])
def test_shared_frequencies_are_read_under_any_of_their_names_and_saved_under_one(layout, frequencies, tmp_path):
    folder = write_upstream(tmp_path / "upstream", layout, frequencies=frequencies)
    model, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values())
    expected = toy_model().state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())
    model.save_pretrained(tmp_path / "saved")
    stored = load_file(tmp_path / "saved" / "model.safetensors")
    assert set(stored) == set(expected)


def test_there_is_no_masked_language_model(folder):
    with pytest.raises(ValueError, match="HyenaDnaConfig"):
        AutoModelForMaskedLM.from_pretrained(folder)


@pytest.mark.parametrize("layout", ["hf", "first"])
def test_the_tokenizer_of_both_layouts_knows_the_longest_input(layout, tmp_path):
    folder = write_upstream(tmp_path / layout, layout)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert type(tokenizer) is NucleotideTokenizer
    assert tokenizer("ACGTNa").input_ids == [7, 8, 9, 10, 11, 6, 1]
    assert tokenizer.model_max_length == LONGEST


def test_a_file_of_another_tokenizer_is_not_overridden(tmp_path):
    folder = write_upstream(tmp_path / "first", "first")
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\nA")
    with pytest.raises((ValueError, OSError, KeyError, ImportError)):  # transformers 5.5 misses a package to read it
        AutoTokenizer.from_pretrained(folder)


def test_an_export_of_the_first_layout_is_native(tmp_path):
    folder = write_upstream(tmp_path / "first", "first", beside=BESIDE)
    result = export(folder, tmp_path / "out")
    assert result.auto_class == "AutoModelForCausalLM"
    model, info = AutoModelForCausalLM.from_pretrained(result.folder, output_loading_info=True)
    assert not any(info.values())
    expected = AutoModelForCausalLM.from_pretrained(folder)
    assert torch.equal(model(IDS).logits, expected(IDS).logits)
    assert describe(str(result.folder))["context_bp"] == LONGEST - 1


def test_weights_of_the_standard_form_go_before_a_lightning_checkpoint(tmp_path):
    folder = write_upstream(write_upstream(tmp_path / "both", "first", seed=1), "hf", seed=0)
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert torch.equal(model.lm_head.weight, toy_model(seed=0).lm_head.weight)


def test_what_is_pickled_beside_the_weights_is_not_run(tmp_path):
    witness = tmp_path / "witness"
    folder = write_upstream(tmp_path / "first", "first", beside={"hyper_parameters": RunsCode(witness)})
    AutoModel.from_pretrained(folder)
    assert not witness.exists()
    torch.load(folder / "weights.ckpt", weights_only=False)  # what the official code does with such a file
    assert witness.exists()


def write(folder: Path, contents) -> Path:
    torch.save(contents, folder / "weights.ckpt")
    return folder


@pytest.mark.parametrize(
    "contents",
    [
        {},
        {"state_dict": {}},
        {"state_dict": {"backbone.x": torch.ones(1)}},
        [torch.ones(1)],
        {"state_dict": Settings()},
    ],
)
def test_a_lightning_checkpoint_without_a_model_is_refused(contents, tmp_path):
    folder = write(write_upstream(tmp_path / "first", "first"), contents)
    with pytest.raises(ValueError, match=r"weights\.ckpt: a checkpoint of PyTorch Lightning has tensors named 'model"):
        AutoModel.from_pretrained(folder)


def test_a_damaged_lightning_checkpoint_is_refused(tmp_path):
    folder = write_upstream(tmp_path / "first", "first")
    whole = (folder / "weights.ckpt").read_bytes()
    (folder / "weights.ckpt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"weights\.ckpt: no checkpoint of PyTorch 1\.6 or later, or cut short"):
        AutoModel.from_pretrained(folder)
    (folder / "weights.ckpt").write_bytes(whole.replace(b"state_dict", b"\xff" * 10))
    with pytest.raises(ValueError, match=r"weights\.ckpt: cannot be read \(.*damaged, cut short"):
        AutoModel.from_pretrained(folder)
    (folder / "weights.ckpt").write_bytes(pickle.dumps({}))
    with pytest.raises(ValueError, match=r"weights\.ckpt: no checkpoint of PyTorch"):
        AutoModel.from_pretrained(folder)


@pytest.mark.parametrize("layout", ["hf", "first"])
def test_lost_and_unknown_weights_are_refused_by_name(layout, tmp_path):
    folder = write_upstream(tmp_path / layout, layout)
    lost, extra = "layers.1.mixer.filter_fn.pos_emb.z", "layers.1.mixer.gate.weight"
    if layout == "hf":
        file, body = folder / "model.safetensors", "hyena.backbone."
        state = load_file(file)
        save = lambda: save_file(state, file, {"format": "pt"})  # noqa: E731
    else:
        file, body = folder / "weights.ckpt", "model.backbone."
        state = torch.load(file, weights_only=True)["state_dict"]
        lost = lost.replace("mixer.", "mixer.layer.")
        save = lambda: torch.save({"state_dict": state}, file)  # noqa: E731
    state[body + extra] = torch.ones(1)
    save()
    with pytest.raises(ValueError, match=rf"the weights hold (hyena\.)?backbone\.{extra}, for which"):
        AutoModelForCausalLM.from_pretrained(folder)
    del state[body + extra], state[body + lost]
    save()
    with pytest.raises(
        ValueError, match=r"incomplete, HyenaDnaForCausalLM misses .*layers\.1\.mixer\.filter_fn\.pos_emb\.z"
    ):
        AutoModelForCausalLM.from_pretrained(folder)


def test_both_layouts_describe_the_same_model():
    hf, first = PASSPORT.translate(UPSTREAM), PASSPORT.translate(FIRST)
    hf.pop("dtype")
    assert hf == first | {"filter_inner_layers": 2}
    config = AutoConfig.for_model(PASSPORT.model_type, **hf)
    assert config.vocab_size == 16  # 12 words, filled up to a multiple of 8
    assert PASSPORT.context_tokens(config) == LONGEST


def test_what_config_json_leaves_out_is_read_as_upstream_reads_it():
    sizes = {"model_type": "hyenadna", "vocab_size": 12, "d_model": 8, "n_layer": 1, "max_seq_len": 20}
    translated = PASSPORT.translate(sizes)
    assert translated["intermediate_size"] == 32
    assert (translated["filter_width"], translated["filter_frequency"]) == (64, 10)
    assert translated["vocab_size"] == 16
    assert PASSPORT.translate(sizes | {"pad_vocab_size_multiple": 1})["vocab_size"] == 12


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (UPSTREAM | {"hyena_order": 3}, "hyena_order = 3; a HyenaDNA supports only 2"),
        (UPSTREAM | {"train_freq": False}, "train_freq = False; a HyenaDNA supports only True"),
        (UPSTREAM | {"use_bias": False}, "use_bias = False"),
        (UPSTREAM | {"tie_word_embeddings": True}, "tie_word_embeddings = True"),
        (UPSTREAM | {"n_experts": 8}, "the key 'n_experts' .= 8., which no HyenaDNA has"),
        ({"model_type": "hyenadna"}, "config.json has no vocab_size, d_model, n_layer, max_seq_len"),
        (FIRST | {"layer": FIRST["layer"] | {"order": 3}}, "hyena_order = 3"),
        (
            FIRST | {"layer": FIRST["layer"] | {"modulate": False}},
            r"layer\.modulate = False; a HyenaDNA supports only True",
        ),
        (
            FIRST | {"layer": FIRST["layer"] | {"_name_": "mha"}},
            r"layer\._name_ = 'mha'; a HyenaDNA supports only 'hyena'",
        ),
        (FIRST | {"layer": FIRST["layer"] | {"n_experts": 8}}, "the key 'n_experts' .= 8. in layer, which no HyenaDNA"),
        (FIRST | {"attn_layer_idx": [1]}, "the key 'attn_layer_idx'"),
    ],
)
def test_a_config_that_asks_for_something_else_is_refused_by_its_key(config, message):
    with pytest.raises(ValueError, match=message):
        PASSPORT.translate(config)


@pytest.mark.parametrize("config", [UPSTREAM, FIRST, toy_config().to_dict(), *(c.config for c in PASSPORT.checkpoints)])
def test_its_configs_are_recognised_by_content(config):
    assert find_passport(json.loads(json.dumps(dict(config)))) is PASSPORT


@pytest.mark.parametrize(
    "config",
    [
        GPT2Config().to_dict(),
        BertConfig().to_dict(),
        {"d_model": 12, "n_layer": 2, "layer": {"_name_": "mha"}},
        {"layer": 3, "d_model": 12},
        FIRST | {"model_type": "gpt2"},
        {},
    ],
)
def test_other_models_are_left_alone(config):
    assert find_passport(config) is not PASSPORT


def test_the_seven_checkpoints():
    table = {
        each.name: (each.config["d_model"], each.config["n_layer"], each.context_tokens)
        for each in PASSPORT.checkpoints
    }
    assert table == {
        "hyenadna-tiny-1k-seqlen-hf": (128, 2, 1026),
        "hyenadna-tiny-1k-seqlen-d256-hf": (256, 2, 1026),
        "hyenadna-tiny-16k-seqlen-d128-hf": (128, 2, 16_386),
        "hyenadna-small-32k-seqlen-hf": (256, 4, 32_770),
        "hyenadna-medium-160k-seqlen-hf": (256, 8, 160_002),
        "hyenadna-medium-450k-seqlen-hf": (256, 8, 450_002),
        "hyenadna-large-1m-seqlen-hf": (256, 8, 1_000_002),
    }
    assert {each.name: each.revision for each in PASSPORT.checkpoints if each.revision is None} == {
        "hyenadna-tiny-1k-seqlen-d256-hf": None
    }
    assert all(
        each.k == 1 and PASSPORT.bp_of(each.context_tokens, 1) == each.context_tokens - 1
        for each in PASSPORT.checkpoints
    )
