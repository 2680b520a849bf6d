"""`dnalm info`: what a folder or an id is, from its own files or from the passport."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
import transformers

from hf_dnalm.checkpoints import PASSPORTS, find_checkpoint
from hf_dnalm.cli.app import main
from hf_dnalm.cli.info import describe, run
from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer

IDS = [checkpoint.hub_id for passport in PASSPORTS for checkpoint in passport.checkpoints if checkpoint.k]


@pytest.mark.parametrize("hub_id", IDS)
def test_published_ids_are_answered_offline(hub_id, capsys):
    run([hub_id])
    out = capsys.readouterr().out
    assert out.startswith(f"{hub_id}\n  published checkpoint\n")
    for word in (
        "-mers, up to",
        "bp",
        "parameters:",
        "GiB" if "2.5b" in hub_id else "iB",
        find_checkpoint(hub_id)[0].licence,
        "revision",
    ):
        assert word in out


def test_a_published_id_needs_no_torch():
    code = f"import sys; from hf_dnalm.cli.app import main; main(['info', {IDS[0]!r}]); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_an_upstream_folder_is_described_from_its_files(upstream_v2, capsys):
    run([str(upstream_v2)])
    out = capsys.readouterr().out
    assert "masked language model" in out
    assert "3-mers, up to 2,048 tokens = 6,141 bp" in out
    assert f"{toy_model().num_parameters():,} parameters" in out
    assert "MiB in float32" in out


@pytest.mark.parametrize(
    ("head", "kind", "heads"),
    [
        ("base", "encoder without a head", []),
        ("masked_lm", "masked language model", ["masked language model"]),
        ("sequence", "sequence head", ["classifier"]),
        ("token", "token head", ["classifier"]),
    ],
)
def test_heads_are_read_off_the_weights(head, kind, heads, tmp_path):
    model = toy_model(head, id2label={0: "intron", 1: "exon"})
    model.save_pretrained(tmp_path)
    toy_tokenizer().save_pretrained(tmp_path)
    facts = describe(str(tmp_path))
    assert (facts["kind"], facts["heads"], facts["k"]) == (kind, heads, 3)
    assert facts["parameters"] == model.num_parameters()
    assert facts["memory_bfloat16"] * 2 == facts["memory_float32"] == 4 * facts["parameters"]
    assert facts.get("labels") == (["intron", "exon"] if heads == ["classifier"] else None)


def test_bin_weights_are_looked_into_and_a_folder_without_weights_is_described(tmp_path, capsys):
    model = toy_model("sequence")
    model.config.save_pretrained(tmp_path)
    assert describe(str(tmp_path))["heads"] is None
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    run([str(tmp_path), "--json"])
    facts = json.loads(capsys.readouterr().out)
    assert facts["heads"] == ["classifier"]
    assert (facts["k"], facts["context_bp"], facts["context_tokens"]) == (None, None, 2048)


def test_an_adapter_is_described_with_its_base(tmp_path, capsys):
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "some/base"}')
    run([str(tmp_path)])
    assert "LORA adapter\n  base model some/base" in capsys.readouterr().out
    toy_model("sequence").config.save_pretrained(tmp_path)
    assert describe(str(tmp_path))["kind"].startswith("LORA adapter with the config of its")


def test_models_of_other_families_are_said_to_be_transformers(tmp_path, capsys):
    config = transformers.BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    config.save_pretrained(tmp_path)
    run([str(tmp_path)])
    out = capsys.readouterr().out
    assert "bert model, of no family of this package: transformers reads it" in out
    assert f"{transformers.BertModel(config).num_parameters():,} parameters" in out


def test_bad_sources_are_one_line_and_exit_code_2(tmp_path, capsys):
    (tmp_path / "config.json").write_text('{"architectures": ["Other"]}')
    for source, message in [(str(tmp_path), "of no family"), ("/not/there", "no such folder")]:
        with pytest.raises(SystemExit) as stopped:
            main(["info", source])
        assert stopped.value.code == 2
        err = capsys.readouterr().err
        assert message in err
        assert err.count("\n") == 1
