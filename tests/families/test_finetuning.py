"""Training by the stack's own Trainer and PEFT: what is written is read back, here and by transformers."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file

import hf_dnalm
from hf_dnalm.data import encode_sequences
from hf_dnalm.hub import export
from hf_dnalm.inference import embed, predict
from hf_dnalm.training import finetune
from hf_dnalm.training.adapters import BaseWeights, add_adapter, freeze_encoder, save_adapter
from tests.training.conftest import TASKS, splits_of


def classifier(upstream, **options):
    return hf_dnalm.AutoModelForSequenceClassification.from_pretrained(upstream, num_labels=2, **options)


def logits(family, model) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(**family.alone(0)).logits


def test_a_trainers_checkpoint_is_read_by_our_doors_and_by_transformers(family, upstream, tmp_path):
    model = classifier(upstream)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    row = 0 if family.tokenizer.pad_token_id is None else 1  # without padding, sequences of one length
    rows = [dict(family.tokenizer(family.declared("SEQUENCES")[i]), labels=i) for i in (0, row)]
    arguments = transformers.TrainingArguments(
        tmp_path, max_steps=1, save_steps=1, per_device_train_batch_size=2, report_to=[], use_cpu=True,
        disable_tqdm=True, learning_rate=1e-2,
    )  # fmt: skip
    trainer = transformers.Trainer(model, arguments, train_dataset=rows, processing_class=family.tokenizer)
    assert trainer.train().training_loss > 0
    assert any(not value.equal(before[name]) for name, value in model.state_dict().items())
    expected = logits(family, model)
    for doors in (hf_dnalm, transformers):
        folder = tmp_path / "checkpoint-1"
        again, info = doors.AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
        assert type(again) is type(model)
        assert not any(info.values()), info
        torch.testing.assert_close(logits(family, again), expected)
        tokenizer = doors.AutoTokenizer.from_pretrained(folder)
        assert type(tokenizer) is type(family.tokenizer)
        assert tokenizer(family.declared("SEQUENCES")[0]).input_ids == family.rows[0]["input_ids"]


def test_low_rank_adapters_on_the_passports_layers_train_and_reload(family, upstream, tmp_path):
    model = classifier(upstream)
    if "lora" in family.declared("CANNOT"):
        assert not family.passport.lora_targets
        return
    adapted = add_adapter(model, "lora", base=BaseWeights.of(model), rank=2).train()
    trained = {name for name, each in adapted.named_parameters() if each.requires_grad}
    targets = family.passport.lora_targets
    for target in [targets] if isinstance(targets, str) else [rf"(.*\.)?{re.escape(each)}" for each in targets]:
        layers = {name.partition(".lora_A.")[0].removeprefix("base_model.model.") for name in trained}
        assert any(re.fullmatch(target, name) for name in layers), f"no layer is called {target}"
    optimizer = torch.optim.SGD([each for each in adapted.parameters() if each.requires_grad], lr=1.0)
    for _ in range(2):  # in the first step one half of each adapter is zero, and the other has no gradient
        optimizer.zero_grad()
        adapted(**family.batch(rows=[0]), labels=torch.tensor([1])).loss.backward()
        optimizer.step()
    expected = logits(family, adapted)
    assert not torch.equal(expected, logits(family, classifier(upstream)))
    save_adapter(adapted, family.tokenizer, tmp_path)
    names = set(load_file(tmp_path / "adapter_model.safetensors"))
    assert all("lora_" in name or name.removeprefix("base_model.model.") in model_head(family, model) for name in names)
    again = hf_dnalm.AutoModelForSequenceClassification.from_pretrained(tmp_path)
    torch.testing.assert_close(logits(family, again), expected)


def model_head(family, model) -> set[str]:
    """The weights of the sequence head, those of a pooler that only it reads included."""
    prefix = family.passport.heads["AutoModelForSequenceClassification"]
    prefixes = (prefix, *(f"{name}." for name in family.passport.poolers))
    plain = (name.replace(".modules_to_save.default", "") for name in model.state_dict())
    return {name for name in plain if name.startswith(prefixes)}


def test_a_probe_trains_the_head_alone(family):
    model = family.model("sequence")
    freeze_encoder(model)
    learning = {name for name, each in model.named_parameters() if each.requires_grad}
    assert learning == {name for name in model_head(family, model) if name in dict(model.named_parameters())}


@pytest.fixture(scope="session")
def finetuned_folders(tmp_path_factory):
    """Families to the folder of a short run on nucleotides, and its result; each run once."""
    found = {}

    def run(family, upstream):
        if family.name not in found:
            method = "full" if "lora" in family.declared("CANNOT") else "lora"
            quick = {
                "bootstrap": 20,
                "disable_tqdm": True,
                "num_train_epochs": 1,
                "learning_rate": 1e-2,
                "use_cpu": True,
            }
            task, folder = TASKS["bases"], tmp_path_factory.mktemp("finetuned") / family.name
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(
                    "hf_dnalm.training.fine_tuning.write_report",
                    lambda *args, **kwargs: None,
                )
                result = finetune(upstream, splits_of(task, train=8), task, output_dir=folder, method=method, **quick)
            found[family.name] = folder, result
        return found[family.name]

    return run


@pytest.fixture
def finetuned(family, upstream, finetuned_folders):
    return finetuned_folders(family, upstream)


def test_finetuning_on_nucleotides_writes_a_folder_that_predicts_what_was_measured(finetuned):
    folder, result = finetuned
    model = hf_dnalm.AutoModelForTokenClassification.from_pretrained(folder)
    tokenizer = hf_dnalm.AutoTokenizer.from_pretrained(folder)
    task = TASKS["bases"]
    test = splits_of(task)["test"].remove_columns("labels")
    logits = np.concatenate(predict(model, tokenizer, test, task=task, dtype=torch.float32).logits)
    measured = result.evaluation.outputs.scores[:, -1]
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], measured, rtol=1e-4, atol=1e-4)


def test_a_fine_tuned_folder_reads_soft_masked_dna_elsewhere_as_it_was_trained(family, finetuned, stranger, tmp_path):
    folder, _ = finetuned
    sequence, masked, ambiguous = "ACGTTGCANNTGACCAGTA", "acgttGCANnTGAccagta", "acgttGCARYTGAccagta"
    upper = stranger.read(folder, "AutoModelForTokenClassification", sequence)
    for text in (masked, ambiguous):
        seen = stranger.read(folder, "AutoModelForTokenClassification", text)
        assert (seen["ids"], seen["numbers"]) == (upper["ids"], upper["numbers"])
    (here,) = encode_sequences(hf_dnalm.AutoTokenizer.from_pretrained(folder), [ambiguous], max_tokens=None)
    assert upper["ids"] == here.tolist()
    written = [folder, *folder.glob("checkpoint-*"), *folder.glob("adapter")]
    assert len(written) > 1
    for each in written:
        assert stranger.tokens(each, [ambiguous])["encodings"][0]["input_ids"] == upper["ids"]
        assert hf_dnalm.AutoTokenizer.from_pretrained(each).genome_mode
    exported = export(folder, tmp_path / "exported").folder
    assert stranger.tokens(exported, [ambiguous])["encodings"][0]["input_ids"] == upper["ids"]
    assert "soft-masked) DNA as upper case and IUPAC codes as `N`" in (exported / "README.md").read_text()


def test_an_export_of_the_published_files_keeps_their_tokenizer_and_says_so(family, upstream, stranger, tmp_path):
    folder = export(upstream, tmp_path / "exported").folder
    texts = ["ACGTTGCA", "acgttgca", "ACGRYTGCA"]
    expected = [family.tokenizer(text).input_ids for text in texts]
    assert [each["input_ids"] for each in stranger.tokens(folder, texts)["encodings"]] == expected
    reads_lower_case = expected[0] == expected[1]
    assert family.passport.reads_lower_case == reads_lower_case
    _, _, text = (folder / "README.md").read_text().split("---\n")
    first = text.split("## ")[0].split("# exported")[1]
    assert "The tokenizer is the published one, unchanged" in first
    said = (
        "it reads lower-case (soft-masked) DNA as upper case"
        if reads_lower_case
        else "(soft-masked) DNA is unknown to it"
    )
    assert said in first


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_vectors_of_sequences_are_pooled_from_the_hidden_states(family, upstream, pooling):
    model = hf_dnalm.AutoModel.from_pretrained(upstream)
    sequences = list(family.declared("SEQUENCES"))
    vectors = embed(model, family.tokenizer, sequences, pooling=pooling, dtype=torch.float32).vectors
    for row, vector in enumerate(vectors):
        with torch.no_grad():
            states = model(**family.alone(row)).last_hidden_state[0]
        expected = {"mean": states.mean(0), "cls": states[0], "max": states.amax(0)}[pooling]
        torch.testing.assert_close(torch.as_tensor(vector), expected, **family.close)
