"""What is saved can be read again: by ourselves, by someone who has only transformers, and through an adapter."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from hf_dnalm.modeling.modeling_nucleotide_transformer import (
    NucleotideTransformerForMaskedLM,
    NucleotideTransformerForSequenceClassification,
    NucleotideTransformerForTokenClassification,
    NucleotideTransformerModel,
)


@pytest.mark.parametrize(
    "model_class",
    [
        NucleotideTransformerModel,
        NucleotideTransformerForMaskedLM,
        NucleotideTransformerForSequenceClassification,
        NucleotideTransformerForTokenClassification,
    ],
)
def test_a_saved_model_reads_back_the_same(small_model, flavour, batch, tmp_path, model_class):
    model = small_model(model_class, flavour, classifier_pooling="mean")
    model.save_pretrained(tmp_path)
    again, report = model_class.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(report.values())
    with torch.no_grad():
        assert torch.equal(again(**batch)[0], model(**batch)[0])


def test_a_trained_body_reads_into_any_head(small_model, tmp_path):
    model = small_model(NucleotideTransformerForMaskedLM)
    model.save_pretrained(tmp_path)
    head, report = NucleotideTransformerForSequenceClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert {key.split(".")[0] for key in report["missing_keys"]} == {"classifier"}
    assert {key.split(".")[0] for key in report["unexpected_keys"]} == {"lm_head"}
    assert torch.equal(head.esm.encoder.layer[1].LayerNorm.weight, model.esm.encoder.layer[1].LayerNorm.weight)


def test_one_tasks_head_does_not_read_into_another(small_model, tmp_path):
    small_model(NucleotideTransformerForSequenceClassification).save_pretrained(tmp_path)
    _, report = NucleotideTransformerForTokenClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert set(report["missing_keys"]) == {"classifier.weight", "classifier.bias"}


def test_the_modeling_file_imports_every_file_that_ships():
    # transformers 5.5 copies the siblings that a model's own file imports, and not those which only they import.
    def siblings(path: Path) -> set[str]:
        return set(re.findall(r"^from \.(\w+) import", path.read_text(), flags=re.MULTILINE))

    file = Path(inspect.getfile(NucleotideTransformerModel))
    direct = siblings(file)
    assert "rotary" in direct
    assert set().union(*(siblings(file.with_name(f"{name}.py")) for name in direct)) <= direct


STRANGER = """
import sys, torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification
from transformers import AutoModelForTokenClassification
sys.modules["hf_dnalm"] = None  # whoever imports it fails
folder, again, batch = sys.argv[1], sys.argv[2], load_file(sys.argv[3])
expected = batch.pop("logits")
for source in (folder, again):
    model, report = AutoModelForMaskedLM.from_pretrained(source, trust_remote_code=True, output_loading_info=True)
    assert not any(report.values()), report
    assert torch.equal(model(**batch).logits, expected), source
    model.save_pretrained(again)
for auto_class in (AutoModel, AutoModelForSequenceClassification, AutoModelForTokenClassification):
    assert auto_class.from_pretrained(again, trust_remote_code=True)(**batch)[0].isfinite().all()
print("read", sorted(AutoConfig.from_pretrained(again, trust_remote_code=True).auto_map))
"""


def test_a_stranger_reads_saves_and_reads_again(small_model, batch, tmp_path):
    model = small_model(NucleotideTransformerForMaskedLM)
    model.save_pretrained(tmp_path / "saved")
    with torch.no_grad():
        save_file({**batch, "logits": model(**batch).logits}, tmp_path / "batch.safetensors")
    arguments = [str(tmp_path / name) for name in ("saved", "again", "batch.safetensors")]
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, *arguments],
        cwd=tmp_path,
        env={**os.environ, "HF_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    auto_classes = (
        "Config",
        "Model",
        "ModelForMaskedLM",
        "ModelForSequenceClassification",
        "ModelForTokenClassification",
    )
    assert done.stdout.strip() == f"read {[f'Auto{name}' for name in auto_classes]}"


def test_an_adapter_trains_and_merges(small_model, batch, tmp_path):
    peft = pytest.importorskip("peft", reason="needs the extra hf_dnalm[train]")
    settings = peft.LoraConfig(task_type="SEQ_CLS", target_modules=["query", "value"], r=4, init_lora_weights=False)
    model = peft.get_peft_model(small_model(NucleotideTransformerForSequenceClassification), settings).eval()
    model(**batch, labels=torch.tensor([0, 1, 2])).loss.backward()
    trained = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert all("lora_" in name or "classifier" in name for name in trained)
    assert sum("lora_A" in name for name in trained) == 4  # query and value of two layers
    with torch.no_grad():
        expected = model(**batch).logits
        model.save_pretrained(tmp_path)
        assert {key.split(".")[-1] for key in load_file(tmp_path / "adapter_model.safetensors")} == {"weight", "bias"}
        again = peft.PeftModel.from_pretrained(small_model(NucleotideTransformerForSequenceClassification), tmp_path)
        assert torch.equal(again.eval()(**batch).logits, expected)
        torch.testing.assert_close(model.merge_and_unload()(**batch).logits, expected, atol=2e-5, rtol=1e-4)
