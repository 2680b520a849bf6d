"""Caduceus and PlantCaduceus through every door: three layouts, nothing half loaded, no two projections for one."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from hf_dnalm import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)
from hf_dnalm.checkpoints import find_passport, passport_of_family
from hf_dnalm.modeling.configuration_caduceus import CaduceusConfig
from tests.toys.caduceus import toy_model, upstream_config, write_upstream

PASSPORT = passport_of_family("caduceus")
IDS = {"ps": torch.tensor([[7, 8, 9, 10, 11, 3]]), "ph": torch.tensor([[7, 8, 9, 10, 11, 3]])}
IDS["plant"] = torch.tensor([[3, 4, 5, 6, 2, 1]])
LAYOUTS = tuple(IDS)
DOORS = (AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoModelForTokenClassification)


@pytest.fixture(params=LAYOUTS)
def layout(request) -> str:
    return request.param


@pytest.fixture
def upstream(tmp_path, layout) -> Path:
    return write_upstream(tmp_path / "upstream", layout)


def logits(model, layout: str) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(IDS[layout])[0]


@pytest.mark.parametrize(
    ("door", "new"),
    [
        (AutoModel, set()),
        (AutoModelForMaskedLM, set()),
        (AutoModelForSequenceClassification, {"score"}),
        (AutoModelForTokenClassification, {"token_classifier"}),
    ],
)
def test_every_layout_through_every_door_with_what_starts_untrained_by_name(upstream, door, new, caplog):
    with caplog.at_level(logging.WARNING, "hf_dnalm"):
        model, info = door.from_pretrained(upstream, output_loading_info=True)
    assert {key.rpartition(".")[0] for key in info["missing_keys"]} == new
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    assert all(name in caplog.text for name in new)
    assert model.config.model_type == "dnalm_caduceus"


def test_the_whole_model_is_read_and_the_head_tied(upstream, layout):
    model = AutoModelForMaskedLM.from_pretrained(upstream)
    assert torch.equal(logits(model, layout), logits(toy_model("masked_lm", layout), layout))
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_projections_that_came_apart_are_refused_and_equal_ones_read(tmp_path):
    # Official code on transformers 5 leaves the second direction's projections random, trains them, and saves both.
    folder = write_upstream(tmp_path, "plant")
    state = torch.load(folder / "pytorch_model.bin", weights_only=True)
    key = "caduceus.backbone.layers.1.mixer.submodule.mamba_rev.in_proj.weight"
    torch.save(state | {key: state[key] + 1e-3}, folder / "pytorch_model.bin")
    for door in (AutoModel, AutoModelForMaskedLM):
        with pytest.raises(
            ValueError, match=r"1\.mixer.*rev\.in_proj\.weight and .*mamba_fwd\.in_proj\.weight are one"
        ):
            door.from_pretrained(folder)


@pytest.mark.parametrize("sharded", [False, True])
def test_copies_are_compared_in_safetensors_and_in_shards_too(tmp_path, sharded):
    folder = write_upstream(tmp_path, "ph")
    state = load_file(folder / "model.safetensors")
    key = "caduceus.backbone.layers.0.mixer.mamba_rev.out_proj.weight"
    for change, works in ((0.0, True), (1.0, False)):
        state[key] = state[key.replace("rev", "fwd")] + change
        if sharded:
            (folder / "model.safetensors").unlink(missing_ok=True)
            name = "model-00001-of-00001.safetensors"
            save_file(state, folder / name, {"format": "pt"})
            index = {"metadata": {}, "weight_map": dict.fromkeys(state, name)}
            (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        else:
            save_file(state, folder / "model.safetensors", {"format": "pt"})
        if works:
            AutoModelForMaskedLM.from_pretrained(folder)
        else:
            with pytest.raises(ValueError, match="differ in the weights: they were saved after the two had come apart"):
                AutoModelForMaskedLM.from_pretrained(folder)


@pytest.mark.parametrize("name", ["in_proj", "out_proj"])
def test_a_lost_projection_is_refused_by_name(tmp_path, name):
    folder = write_upstream(tmp_path, "ps")
    state = load_file(folder / "model.safetensors")
    del state[f"caduceus.backbone.layers.0.mixer.submodule.mamba_fwd.{name}.weight"]
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=rf"misses caduceus\.backbone\.layers\.0\..*mamba_fwd\.{name}\.weight"):
        AutoModelForMaskedLM.from_pretrained(folder)


def test_the_stored_complements_go_before_the_configs(tmp_path):
    folder = write_upstream(tmp_path, "ps")
    expected = logits(AutoModelForMaskedLM.from_pretrained(folder), "ps")
    config = json.loads((folder / "config.json").read_text())
    config["complement_map"] = {str(i): i for i in range(16)}
    (folder / "config.json").write_text(json.dumps(config))
    assert torch.equal(logits(AutoModelForMaskedLM.from_pretrained(folder), "ps"), expected)


def test_complements_come_from_the_config_where_a_file_holds_none(tmp_path):
    folder = write_upstream(tmp_path, "ps")
    expected = logits(AutoModelForMaskedLM.from_pretrained(folder), "ps")
    state = {key: each for key, each in load_file(folder / "model.safetensors").items() if "complement" not in key}
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    assert torch.equal(logits(AutoModelForMaskedLM.from_pretrained(folder), "ps"), expected)


def test_complements_are_those_of_the_token_ids_in_whatever_order_a_config_lists_them():
    expected = [0, 1, 2, 3, 4, 5, 6, 10, 9, 8, 7, 11, 12, 13, 14, 15]
    config = upstream_config("ps")
    pairs = list(config["complement_map"].items())
    assert [value for _, value in pairs] != expected  # which the authors' code would take
    used = [pair for pair in pairs if int(pair[0]) < 12]
    for listed in (pairs, pairs[::-1], [(int(key), value) for key, value in pairs], used):
        assert PASSPORT.translate(config | {"complement_map": dict(listed)})["complement_ids"] == expected


def test_what_was_saved_loads_whole_and_the_same(upstream, layout, tmp_path):
    for door in DOORS:
        model = door.from_pretrained(upstream)
        model.save_pretrained(tmp_path / "saved")
        again, info = door.from_pretrained(tmp_path / "saved", output_loading_info=True)
        assert not any(info.values())
        assert torch.equal(logits(again, layout), logits(model, layout))


def test_the_path_of_the_official_code_that_leaves_the_strands_in_place_is_refused():
    for rcps, fused, works in ((True, True, True), (False, False, True), (True, False, False)):
        config = upstream_config("ps") | {"rcps": rcps, "fused_add_norm": fused}
        if works:
            assert PASSPORT.translate(config)["rcps"] is rcps
        else:
            with pytest.raises(ValueError, match=r"fused_add_norm = False\. On that path .* a different model"):
                PASSPORT.translate(config)


@pytest.mark.parametrize("checkpoint", PASSPORT.checkpoints, ids=lambda each: each.name)
def test_the_published_configs_are_recognised_and_say_nothing_of_a_context(checkpoint):
    config = json.loads(json.dumps(dict(checkpoint.config)))
    assert find_passport(config) is PASSPORT
    assert PASSPORT.context_bp(checkpoint) == checkpoint.context_tokens
    assert PASSPORT.context_tokens(CaduceusConfig(**PASSPORT.translate(config))) is None


def test_a_published_file_holds_17_tensors_a_layer_and_pickled_ones_19(tmp_path):
    for layout, tensors in (("ps", 17 * 2 + 4), ("ph", 17 * 2 + 2)):
        assert len(load_file(write_upstream(tmp_path / layout, layout) / "model.safetensors")) == tensors
    plant = torch.load(write_upstream(tmp_path / "plant", "plant") / "pytorch_model.bin", weights_only=True)
    assert len(plant) == 19 * 2 + 5  # 613 with 32 layers


def test_plant_caduceus_has_its_own_letters():
    config = CaduceusConfig(**PASSPORT.translate(upstream_config("plant")))
    assert config.complement_ids == [0, 1, 2, 6, 5, 4, 3, 7]
    assert (config.pad_token_id, config.mask_token_id, config.residual_in_fp32) == (0, 1, True)
    config = CaduceusConfig(**PASSPORT.translate(upstream_config("ps") | {"vocab_size": 12}))
    assert (config.vocab_size, config.pad_token_id, config.mask_token_id) == (16, 4, 3)


@pytest.mark.parametrize(
    ("config", "ours"),
    [
        (upstream_config("ps"), True),
        (upstream_config("plant"), True),
        (CaduceusConfig().to_dict(), True),
        (transformers.MambaConfig().to_dict(), False),
        (upstream_config("ps") | {"model_type": "mamba"}, False),
        ({"d_model": 256, "n_layer": 4, "vocab_size": 16}, False),
    ],
)
def test_recognition_is_by_content(config, ours):
    assert find_passport(config) is (PASSPORT if ours else None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bidirectional": False}, "bidirectional = False; a Caduceus supports only True"),
        ({"bidirectional_strategy": "ew_multiply"}, "bidirectional_strategy = 'ew_multiply'; .* supports only 'add'"),
        ({"bidirectional_weight_tie": False}, "bidirectional_weight_tie = False"),
        ({"rms_norm": False}, "rms_norm = False; a Caduceus supports only True"),
        ({"ssm_cfg": {"bias": True}}, "ssm_cfg.bias = True; a Caduceus supports only False"),
        (
            {"ssm_cfg": {"headdim": 64}},
            "the key 'headdim' .= 64. in ssm_cfg, which no Caduceus has: it belongs to another",
        ),
        ({"version": "v2"}, "the key 'version' .= 'v2'., which no Caduceus has"),
        ({"vocab_size": 4096}, "vocab_size = 4096; a Caduceus has 16 tokens .12 are used. or 8 .7 are used."),
    ],
)
def test_a_config_that_asks_for_something_else_is_refused_by_its_key(change, message):
    with pytest.raises(ValueError, match=message):
        PASSPORT.translate(upstream_config("ps") | change)


def test_a_config_without_its_sizes_is_refused():
    with pytest.raises(ValueError, match=r"has no vocab_size, d_model, n_layer; a Caduceus needs it"):
        PASSPORT.translate({"model_type": "caduceus"})


def test_sizes_of_the_scan_are_taken_over(tmp_path):
    ssm = {"d_state": 8, "d_conv": 3, "expand": 1, "dt_rank": 5, "conv_bias": False}
    config = CaduceusConfig(**PASSPORT.translate(upstream_config("ps") | {"ssm_cfg": ssm}))
    assert {key: getattr(config, key) for key in ssm} == ssm
    assert CaduceusConfig(**PASSPORT.translate(upstream_config("ps") | {"ssm_cfg": {}})).dt_rank == 1


def test_the_config_is_ours_with_the_tokenizers_padding(upstream, layout):
    config = AutoConfig.from_pretrained(upstream)
    assert type(config) is CaduceusConfig
    assert config.pad_token_id == (0 if layout == "plant" else 4)


def test_the_tokenizers_come_with_the_folders(tmp_path):
    caduceus = AutoTokenizer.from_pretrained(write_upstream(tmp_path / "ps", "ps"))
    assert caduceus("ACgtnR").input_ids == [7, 8, 9, 10, 11, 6, 1]
    assert (caduceus.pad_token_id, caduceus.mask_token_id) == (4, 3)
    plant = AutoTokenizer.from_pretrained(write_upstream(tmp_path / "plant", "plant"))
    assert plant("ACgtnR").input_ids == [3, 4, 5, 6, 2, 2]
    assert (plant.pad_token_id, plant.mask_token_id) == (0, 1)


@pytest.mark.parametrize("name", ["caduceus_ph", "caduceus_ps"])
def test_the_tokenizer_gives_the_ids_that_the_reference_numbers_were_made_from(shared, name):
    folder = shared / "goldens" / name
    golden = load_file(folder / "golden.safetensors")
    sequences = json.loads((folder / "sequences.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer(sequences).input_ids == golden["input_ids_special"].tolist()
    assert tokenizer(sequences, add_special_tokens=False).input_ids == golden["input_ids"].tolist()
