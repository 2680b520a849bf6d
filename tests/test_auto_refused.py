"""What the doors refuse, by name: checkpoints that are damaged, incomplete or of another shape."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from hf_dnalm import AutoModel, AutoModelForMaskedLM
from hf_dnalm import AutoModelForSequenceClassification as AutoSequence
from tests.checkpoint_folder import changed
from tests.toys.nucleotide_transformer import toy_model


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"drop": ("esm.encoder.layer.1.attention.self.key.weight",)},
            r"incomplete, NucleotideTransformerForMaskedLM misses esm\.encoder\.layer\.1\.attention\.self\.key\.weight",
        ),
        ({"drop": ("lm_head.decoder.weight",)}, r"incomplete, .* misses lm_head\.decoder\.weight"),
        (
            {"add": {"esm.pooler.dense.bias": torch.ones(3)}},
            r"hold esm\.pooler\.dense\.bias, for which .* has no place",
        ),
        ({"add": {"lm_head.extra": torch.ones(3)}}, r"hold lm_head\.extra"),
        (
            {"config": {"intermediate_size": 48}},
            r"esm\.encoder\.layer\.0\.intermediate\.dense\.weight has shape \(128, 32\) .* and \(96, 32\)",
        ),
        ({"config": {"is_folding_model": True}}, "changed: config.json has is_folding_model = True"),
        (
            {"config": {"architectures": ["Other"]}},
            "of no family that hf_dnalm or transformers .* family=.*trust_remote",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_by_name(change, message, upstream_v2, tmp_path):
    folder = changed(upstream_v2, tmp_path / "changed", **change)
    with pytest.raises(ValueError, match=message) as refused:
        AutoModelForMaskedLM.from_pretrained(folder)
    assert "\n" not in str(refused.value)


def test_weights_that_are_cut_short_are_refused(upstream_v2, tmp_path):
    folder = changed(upstream_v2, tmp_path / "cut")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"model\.safetensors: cannot be read \(.*incomplete.*damaged, cut short"):
        AutoModel.from_pretrained(folder)


def test_a_damaged_json_is_refused(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{")
    with pytest.raises(ValueError, match=r"adapter_config\.json: cannot be read \(Expecting"):
        AutoModel.from_pretrained(tmp_path)


def test_a_path_that_is_not_there_is_not_taken_for_a_hub_id():
    with pytest.raises(FileNotFoundError, match="no such folder"):
        AutoModel.from_pretrained("/not/there")
    with pytest.raises(OSError, match=r"81b29e57.*revision='main'"):
        AutoModel.from_pretrained("InstaDeepAI/nucleotide-transformer-v2-50m-multi-species", cache_dir="/not/there")


def test_no_masked_lm_head_is_made_up(tmp_path):
    toy_model("sequence").save_pretrained(tmp_path)
    with pytest.raises(
        ValueError, match=r"hold no head for NucleotideTransformerForMaskedLM \(lm_head\.bias, .*AutoModel"
    ):
        AutoModelForMaskedLM.from_pretrained(tmp_path)


def test_a_saved_classifier_without_its_head_is_incomplete(tmp_path):
    toy_model("sequence").save_pretrained(tmp_path / "saved")
    head = tuple(name for name in load_file(tmp_path / "saved/model.safetensors") if name.startswith("classifier"))
    folder = changed(tmp_path / "saved", tmp_path / "changed", drop=head)
    with pytest.raises(ValueError, match="hold no head for NucleotideTransformerForSequenceClassification"):
        AutoSequence.from_pretrained(folder)
    folder = changed(tmp_path / "saved", tmp_path / "half", drop=head[:1])
    with pytest.raises(ValueError, match=r"incomplete, .* misses classifier"):
        AutoSequence.from_pretrained(folder)
