"""`verify` and `dnalm verify`: checkpoints of every family pass, broken ones fail at the right check."""

from __future__ import annotations

import importlib
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel

from hf_dnalm import AutoConfig, verify
from hf_dnalm.checkpoints import PASSPORTS, find_passport
from hf_dnalm.checkpoints.references import VectorReference
from hf_dnalm.cli.main import main
from tests.toys import caduceus, dnabert2
from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer

HUB_ID = "InstaDeepAI/nucleotide-transformer-v2-50m-multi-species"
NAMES = ["tokenizer", "weights", "finite values", "batch and singles", "left padding", "reverse complement"]


@pytest.fixture
def broken(upstream_v2, tmp_path):
    """A copy to break: a function of a change to its tensors."""
    folder = shutil.copytree(upstream_v2, tmp_path / "broken")

    def change(edit):
        weights = load_file(folder / "model.safetensors")
        edit(weights)
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        return folder

    return change


def outcomes(result) -> dict[str, str]:
    return {check.name: check.outcome for check in result.checks}


@pytest.mark.parametrize("passport", PASSPORTS, ids=lambda passport: passport.family)
def test_a_toy_of_every_family_passes(passport, tmp_path):
    folder = importlib.import_module(f"tests.toys.{passport.family}").write_upstream(tmp_path / "published")
    result = verify(folder)
    assert result.ok, result
    assert [check.name for check in result.checks] == [*NAMES, "published numbers"]
    seen = outcomes(result)
    assert seen["left padding"] in ("ok", "refused")
    assert seen["published numbers"] == "none"
    assert result.family == passport.family
    assert result.revision is None
    config = AutoConfig.from_pretrained(folder)
    assert seen["reverse complement"] == ("ok" if passport.equivariant(config) else "none")


@pytest.mark.parametrize(("kind", "outcome"), [("ps", "ok"), ("ph", "none")])
def test_vectors_of_both_strands_are_compared_where_a_caduceus_reads_both(kind, outcome, tmp_path):
    assert outcomes(verify(caduceus.write_upstream(tmp_path / kind, kind)))["reverse complement"] == outcome


def test_second_copies_of_tensors_are_listed(tmp_path):
    folder = caduceus.write_upstream(tmp_path / "ps")
    weights = load_file(folder / "model.safetensors")
    copies = {name.replace("mamba_fwd.in_proj", "mamba_rev.in_proj"): each for name, each in weights.items()}
    (folder / "model.safetensors").unlink()
    torch.save(copies | weights, folder / "pytorch_model.bin")
    result = verify(folder)
    assert result.ok, result
    assert [detail.rpartition(".mixer.")[2] for detail in result.checks[1].details] == [
        "submodule.mamba_rev.in_proj.weight"
    ]


@pytest.mark.parametrize("head", ["base", "masked_lm", "sequence", "token"])
def test_what_we_wrote_is_verified_with_the_class_it_was_saved_from(head, tmp_path):
    model = dnabert2.toy_model(head)
    model.save_pretrained(tmp_path)
    dnabert2.toy_tokenizer().save_pretrained(tmp_path)
    result = verify(tmp_path)
    assert result.ok, result
    assert result.parameters == model.num_parameters()
    assert ("logits" in result.checks[2].compared) == (head != "base")


def test_an_adapter_is_verified_on_its_base_model(upstream_v2, tmp_path):
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(task_type="SEQ_CLS", target_modules=["query"], modules_to_save=["classifier"])
    tuned = peft.get_peft_model(toy_model("sequence", num_labels=3), config)
    tuned.peft_config["default"].base_model_name_or_path = str(upstream_v2)
    tuned.save_pretrained(tmp_path)
    result = verify(tmp_path)
    assert result.ok, result
    assert result.auto_class == "AutoModelForSequenceClassification"


def test_a_missing_tensor_fails_with_its_name_and_leaves_the_rest_unasked(broken, capsys):
    folder = broken(lambda weights: weights.pop("esm.encoder.layer.1.output.dense.weight"))
    result = verify(folder)
    assert not result.ok
    assert outcomes(result) == {"tokenizer": "ok", "weights": "FAILED", "numbers": "not run"}
    assert "esm.encoder.layer.1.output.dense.weight" in result.checks[1].details[0]
    with pytest.raises(SystemExit) as stopped:
        main(["verify", str(folder)])
    assert stopped.value.code == 1
    out = capsys.readouterr().out
    assert "weights cannot be loaded" in out
    assert out.endswith("FAILED: weights\n")


def test_weights_that_are_not_numbers_fail_and_stay_valid_json(broken, capsys):
    folder = broken(lambda weights: weights["esm.encoder.layer.0.attention.output.dense.weight"].fill_(torch.nan))
    with pytest.raises(SystemExit) as stopped:
        main(["verify", str(folder), "--json"])
    assert stopped.value.code == 1
    facts = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert facts["ok"] is False
    failed = [check["name"] for check in facts["checks"] if check["outcome"] == "FAILED"]
    assert failed == ["finite values", "batch and singles", "left padding"]


def test_a_shuffled_tensor_fails_against_the_published_numbers(upstream_v2, broken, monkeypatch):
    sequence = "ACGTTGCATTGACCAGT"
    batch = toy_tokenizer()([sequence], return_tensors="pt")
    with torch.no_grad():
        vector = toy_model()(**batch, output_hidden_states=True).hidden_states[-1][0].mean(0)
    reference = VectorReference(sequence, "mean", -1, tuple(vector[:4].tolist()), 1e-5, "a test")
    known = {HUB_ID: (reference,)}
    monkeypatch.setattr("hf_dnalm.verification.run_checks.references_of", lambda hub_id: known.get(hub_id, ()))

    assert outcomes(verify(upstream_v2))["published numbers"] == "none"
    assert outcomes(verify(upstream_v2, published=HUB_ID))["published numbers"] == "ok"
    name = "esm.encoder.layer.0.attention.self.value.weight"
    shuffled = broken(lambda weights: weights.update({name: weights[name].flip(0).contiguous()}))
    result = verify(shuffled, published=HUB_ID)
    assert [check.name for check in result.checks if check.outcome == "FAILED"] == ["published numbers"]
    assert outcomes(verify(shuffled, published=HUB_ID, revision="main"))["published numbers"] == "none"


def test_a_wrong_tokenizer_fails_before_the_model_is_asked(upstream_v2, tmp_path):
    folder = shutil.copytree(upstream_v2, tmp_path / "wrong")
    (folder / "vocab.txt").unlink()
    dnabert2.toy_tokenizer().save_pretrained(folder)
    result = verify(folder)
    assert outcomes(result) == {"tokenizer": "FAILED", "weights": "ok", "numbers": "not run"}
    assert any("17 tokens for 75 rows" in problem for problem in result.checks[0].details)


def test_the_table_has_a_line_for_each_check_and_the_declared_tensors(upstream_v2, capsys):
    main(["verify", str(upstream_v2)])
    first, blank, head, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{upstream_v2}: nucleotide_transformer, AutoModelForMaskedLM, ")
    assert blank == ""
    assert head.split() == ["check", "result", "figure", "compared"]
    assert [line.split("  ")[0] for line in lines[:7]] == [*NAMES, "published numbers"]
    assert "none are known for this checkpoint" in lines[6]
    assert "weights: never read, as this family declares: esm.contact_head.regression.bias" in lines
    assert lines[-1] == "all checks passed"


def test_models_of_other_families_and_unknown_names_are_refused(tmp_path, upstream_v2):
    config = BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    BertModel(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="is of no family of this package, whose checkpoints alone can be verified"):
        verify(tmp_path)
    with pytest.raises(ValueError, match="'some/model' is no published checkpoint that this package knows"):
        verify(upstream_v2, published="some/model")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        verify("/not/there")


@pytest.mark.parametrize(
    ("command", "message"),
    [(["/not/there"], "no such folder"), (["{toy}", "--published", "some/model"], "no published checkpoint")],
)
def test_bad_input_is_one_line_and_exit_code_2(command, message, upstream_v2, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["verify", *(word.format(toy=upstream_v2) for word in command)])
    assert stopped.value.code == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


# Reference folders whose embedding was cut to fewer rows than their tokenizer has words, or that hold no tokenizer.
CUT = {"gena_bigbird", "gena_sparse_rope"}


def test_every_reference_folder_that_a_family_recognises_passes(shared):
    seen = []
    for folder in sorted(path.parent for path in (shared / "goldens").glob("*/config.json")):
        config = json.loads((folder / "config.json").read_text())
        if find_passport(config, lambda name, folder=folder: read(folder / name)) is not None:
            result = verify(folder)
            failed = [check.name for check in result.checks if check.outcome == "FAILED"]
            assert failed == (["tokenizer"] if folder.name in CUT else []), result
            seen.append(result.family)
    assert {"nucleotide_transformer", "dnabert2"} <= set(seen)


def read(path) -> str | None:
    return path.read_text() if path.is_file() else None
