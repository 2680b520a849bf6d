"""Exported folders: complete, checked, never half written, and read with torch and transformers alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import Trainer, TrainingArguments

from hf_dnalm import AutoModelForSequenceClassification, AutoTokenizer
from hf_dnalm.hub import export
from hf_dnalm.hub.model_folder import _check_written
from hf_dnalm.modeling.configuration_nucleotide_transformer import AUTO_MAP
from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer

SEQUENCE = "ACGTTTNACGA"
MODELING = Path(__file__).resolve().parents[2] / "modeling"


def outputs(model) -> list[float]:
    batch = toy_tokenizer()(SEQUENCE, return_tensors="pt")
    with torch.no_grad():
        return model.eval()(**batch)[0].flatten().tolist()[:8]


@pytest.fixture(params=["lora", "ia3"])
def adapter(upstream_v2, tmp_path, request):
    """An adapter folder on an upstream checkpoint, and its model."""
    from peft import IA3Config, LoraConfig, get_peft_model

    base = AutoModelForSequenceClassification.from_pretrained(upstream_v2, num_labels=3, classifier_pooling="mean")
    common = {"task_type": "SEQ_CLS", "modules_to_save": ["classifier"]}
    feed_forward = r".*\.layer\.\d+\.output\.dense"
    if request.param == "lora":
        kind = LoraConfig(target_modules=["query", "value"], **common)
    else:
        kind = IA3Config(target_modules=rf".*key|{feed_forward}", feedforward_modules=feed_forward, **common)
    model = get_peft_model(base, kind)
    for each in model.parameters():
        if each.requires_grad:
            torch.nn.init.normal_(each, std=0.3)
    model.save_pretrained(tmp_path / "adapter")
    base.config.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter", model


def trained(folder: Path, upstream: Path):
    """One Trainer step on an upstream checkpoint; returns the checkpoint's folder and the model."""
    model = AutoModelForSequenceClassification.from_pretrained(upstream, num_labels=2)
    rows = [dict(toy_tokenizer()(SEQUENCE), labels=label) for label in (0, 1)]
    arguments = TrainingArguments(
        folder, max_steps=1, save_steps=1, per_device_train_batch_size=2, report_to=[], use_cpu=True, disable_tqdm=True
    )
    Trainer(model, arguments, train_dataset=rows, processing_class=toy_tokenizer()).train()
    return folder / "checkpoint-1", model


@pytest.mark.parametrize("adapter", ["lora"], indirect=True)
def test_strangers_load_merged_adapters_and_trainer_checkpoints(upstream_v2, adapter, stranger, tmp_path):
    merged = tmp_path / "merged"
    export(adapter[0], merged)
    checkpoint, after_step = trained(tmp_path / "run", upstream_v2)
    for folder, model in ((merged, adapter[1]), (checkpoint, after_step)):
        seen = stranger.read(folder, "AutoModelForSequenceClassification", SEQUENCE, again=tmp_path / "again")
        assert f"modeling_nucleotide_transformer.{seen['class']}" == AUTO_MAP["AutoModelForSequenceClassification"]
        assert (seen["module"], seen["missing"], seen["unexpected"]) == ("transformers_modules", [], [])
        np.testing.assert_allclose(seen["numbers"], outputs(model), atol=1e-5)


def test_an_export_holds_everything_and_nothing_else(upstream_v2, tmp_path):
    result = export(upstream_v2, tmp_path / "out")
    weights = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md"}
    assert set(result.files) == {path.name for path in (tmp_path / "out").iterdir()}
    code = set(result.files) - weights
    assert code <= {path.name for path in MODELING.iterdir()}
    assert {f"{reference.partition('.')[0]}.py" for reference in AUTO_MAP.values()} < code
    assert (result.auto_class, result.parameters) == ("AutoModelForMaskedLM", toy_model().num_parameters())
    config = json.loads((tmp_path / "out/config.json").read_text())
    assert config["auto_map"] == AUTO_MAP
    assert "_name_or_path" not in config
    settings = json.loads((tmp_path / "out/tokenizer_config.json").read_text())
    assert not {"is_local", "local_files_only", "auto_map"} & settings.keys()
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]  # nothing temporary stays


@pytest.mark.parametrize("head", ["base", "masked_lm", "sequence", "token"])
def test_the_class_is_the_one_the_weights_were_saved_from(head, tmp_path):
    model = toy_model(head)
    model.save_pretrained(tmp_path / "saved")
    toy_tokenizer(genome_mode=True).save_pretrained(tmp_path / "saved")
    result = export(tmp_path / "saved", tmp_path / "out")
    assert AUTO_MAP[result.auto_class].endswith(f".{type(model).__name__}")
    assert AutoTokenizer.from_pretrained(tmp_path / "out").genome_mode
    stored = load_file(tmp_path / "out/model.safetensors")
    assert all(torch.equal(stored[name], each) for name, each in model.state_dict().items())


def test_a_class_and_a_dtype_can_be_asked_for(upstream_v2, tmp_path):
    result = export(upstream_v2, tmp_path / "out", model_class="AutoModel", dtype=torch.bfloat16)
    assert result.auto_class == "AutoModel"
    stored = load_file(tmp_path / "out/model.safetensors")
    assert {each.dtype for each in stored.values()} == {torch.bfloat16}
    assert not any(name.startswith("lm_head") for name in stored)


def test_an_adapter_is_merged(adapter, tmp_path):
    folder, model = adapter
    export(folder, tmp_path / "out")
    stored = load_file(tmp_path / "out/model.safetensors")
    assert not [name for name in stored if "lora" in name or "modules_to_save" in name or "base_layer" in name]
    merged = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert merged.config.classifier_pooling == "mean"
    np.testing.assert_allclose(outputs(merged), outputs(model), atol=1e-5)


def test_the_task_and_the_report_come_along(tmp_path):
    source = tmp_path / "run"
    toy_model("sequence", num_labels=2, id2label={0: "neither", 1: "donor"}).save_pretrained(source)
    toy_tokenizer().save_pretrained(source)
    (source / "task.json").write_text('{"name": "mine"}')
    (source / "report").mkdir()
    metric = {"value": 0.5, "low": 0.4, "high": None, "resamples": 10}
    report = {"name": "model", "task": {"name": "mine"}, "split": "test", "n": 7, "metrics": {"mcc": metric}}
    report["settings"] = {"start": "InstaDeepAI/nucleotide-transformer-v2-50m-multi-species @ 81b29e57"}
    metric["high"] = 0.6
    (source / "report/report.json").write_text(json.dumps(report))
    export(source, tmp_path / "out")
    assert (tmp_path / "out/task.json").read_text() == '{"name": "mine"}'
    card = (tmp_path / "out/README.md").read_text()
    assert "| mcc | 0.500 (0.400 to 0.600) |" in card
    assert "base_model: InstaDeepAI/nucleotide-transformer-v2-50m-multi-species" in card
    assert "1. donor" in card


def test_a_folder_that_is_not_empty_stays_as_it_is(upstream_v2, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("kept")
    with pytest.raises(FileExistsError, match=r"out is not empty; .*--overwrite"):
        export(upstream_v2, out)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    assert "mine.txt" not in export(upstream_v2, out, overwrite=True).files
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError, match="file is a file; name a folder"):
        export(upstream_v2, tmp_path / "file", overwrite=True)


def test_a_source_is_never_overwritten_by_its_own_export(tmp_path):
    toy_model().save_pretrained(tmp_path / "run/best")
    for out in (tmp_path / "run/best", tmp_path / "run"):
        with pytest.raises(ValueError, match="holds the source itself"):
            export(tmp_path / "run/best", out, overwrite=True)
    assert (tmp_path / "run/best/model.safetensors").is_file()


def test_nothing_is_left_behind_when_an_export_fails(upstream_v2, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("differs")

    monkeypatch.setattr("hf_dnalm.hub.model_folder._check_written", fail)
    with pytest.raises(RuntimeError, match="differs"):
        export(upstream_v2, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_was_written_is_compared_with_the_source(upstream_v2, tmp_path):
    toy_model(seed=1).save_pretrained(tmp_path)
    toy_tokenizer(genome_mode=True).save_pretrained(tmp_path)
    with pytest.raises(RuntimeError, match=r"differs from the source in esm\."):
        _check_written(tmp_path, toy_model(seed=2), toy_tokenizer(), "AutoModelForMaskedLM")
    with pytest.raises(RuntimeError, match="other ids"):
        _check_written(tmp_path, toy_model(seed=1), AutoTokenizer.from_pretrained(other_vocabulary(tmp_path)), "")
    with pytest.raises(RuntimeError, match="does not load whole"):
        _check_written(tmp_path, toy_model("sequence"), toy_tokenizer(), "AutoModelForSequenceClassification")


def other_vocabulary(folder: Path) -> Path:
    from hf_dnalm.tokenization.tokenization_kmer import build_kmer_tokenizer

    built = build_kmer_tokenizer(3, layout="nucleotide_transformer_v1", model_max_length=64)
    built.save_pretrained(folder / "other")
    return folder / "other"


def test_a_report_that_cannot_be_read_is_refused(upstream_v2, tmp_path):
    (tmp_path / "report.json").write_text("{")
    with pytest.raises(ValueError, match=r"report\.json: cannot be read \("):
        export(upstream_v2, tmp_path / "out", report=tmp_path / "report.json")
    with pytest.raises(FileNotFoundError):
        export(upstream_v2, tmp_path / "out", report=tmp_path / "none.json")


def test_a_model_of_another_family_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ValueError, match="is of no family of this package"):
        export(tmp_path, tmp_path / "out")


def test_a_written_report_goes_onto_the_card_as_it_is(tmp_path):
    from hf_dnalm.evaluation import Evaluation, write_report
    from hf_dnalm.tasks import Task

    task = Task("mine", "single_label_classification", ("no", "yes"), "mcc")
    logits, labels = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]), np.array([0, 1, 0, 1])
    source = tmp_path / "run"
    toy_model("sequence", num_labels=2).save_pretrained(source)
    toy_tokenizer().save_pretrained(source)
    evaluation = Evaluation.from_logits(task, logits, labels, bootstrap=20)
    write_report(evaluation, source / "report", title="mine", baseline=Evaluation.from_logits(task, logits, labels))
    export(source, tmp_path / "out")
    card = (tmp_path / "out/README.md").read_text()
    assert "mine, 4 sequences of the test split" in card
    assert re.search(r"\| mcc \| 1\.000 \(.* to 1\.000\) \| 1\.000", card)
