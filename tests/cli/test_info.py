"""`dnalm info`: facts about a folder from its files, and about a published id from its family definition."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest
import torch
import transformers

from hf_dnalm.checkpoints import passport_of_family
from hf_dnalm.cli.info import describe, run, text
from hf_dnalm.cli.main import main
from hf_dnalm.source import Source
from tests.toys.nucleotide_transformer import toy_model, toy_tokenizer

IDS = [checkpoint.hub_id for checkpoint in passport_of_family("nucleotide_transformer").checkpoints]


def test_a_published_id_needs_no_torch():
    code = f"import sys; from hf_dnalm.cli.main import main; main(['info', {IDS[0]!r}]); print('torch' in sys.modules)"
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
    assert (describe(str(tmp_path))["k"], describe(str(tmp_path))["context_tokens"]) == (None, 2048)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"this Nucleotide Transformer has no tokenizer: vocab\.txt is missing"):
        describe(str(tmp_path))
    toy_tokenizer().save_pretrained(tmp_path)
    run([str(tmp_path), "--json"])
    facts = json.loads(capsys.readouterr().out)
    assert facts["heads"] == ["classifier"]
    assert (facts["k"], facts["context_tokens"]) == (3, 2048)


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
    assert "bert model: loaded by transformers, not a family of this package" in out
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


def test_architecture_is_told_by_the_names_of_the_familys_own_config(upstream_v2):
    expected = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 2050,
        "position_embedding_type": "rotary",
        "feed_forward": "silu_gated",
        "token_dropout": False,
        "emb_layer_norm_before": False,
    }
    assert describe(str(upstream_v2))["architecture"] == expected
    published = describe("InstaDeepAI/nucleotide-transformer-v2-50m-multi-species")["architecture"]
    assert published.keys() <= expected.keys()
    assert published["hidden_size"] == 512


@pytest.fixture
def odd(monkeypatch):
    """The table with one more family: a causal model of single nucleotides, of any length, that is not on the Hub."""
    passport = passport_of_family("dnabert2")
    config = {key: value for key, value in passport.checkpoints[0].config.items() if key != "vocab_size"}
    checkpoint = dataclasses.replace(
        passport.checkpoints[0],
        hub_id="lab-model",
        revision=None,
        k=1,
        config=config | {"words": 12},
        context_tokens=None,
        auto_class="AutoModelForCausalLM",
        download="https://files.example.org/model",
        licence="bsd-3-clause",
    )
    family = dataclasses.replace(
        passport,
        family="odd",
        checkpoints=(checkpoint,),
        heads={"AutoModelForCausalLM": "lm_head."},
        limited=False,
        translate=lambda config: {"vocab_size": 16, "d_model": 8},
    )
    for module in ("checkpoints", "cli.list"):
        monkeypatch.setattr(f"hf_dnalm.{module}.PASSPORTS", (family,))
    return family


def test_a_family_that_is_not_on_the_hub_is_described_and_listed(odd, capsys):
    run(["lab-model"])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "download   https://files.example.org/model" in lines
    assert "input      single nucleotides, any length" in lines
    assert "heads      causal language model" in lines
    assert "licence    bsd-3-clause" in lines
    assert "revision   none: not on the Hub" in lines
    facts = describe("lab-model")
    assert (facts["vocabulary"], facts["architecture"]) == (16, {"d_model": 8})
    main(["list"])
    row = capsys.readouterr().out.splitlines()[1]
    assert row.split() == ["lab-model", "odd", "117.1", "M", "1", "any", "bsd-3-clause", "-"]


def test_what_is_not_on_the_hub_is_refused_with_its_address_until_it_is_downloaded(odd, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"no repository of the Hub: download its files from https://files\."):
        Source.of("lab-model", {})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab-model").mkdir()
    assert Source.of("lab-model", {}).name == "lab-model"


def test_contexts_are_told_in_words(odd):
    facts = describe("lab-model") | {"context_tokens": 1024, "context_bp": 1022}
    assert "single nucleotides, any length; pre-trained on 1,024 tokens = 1,022 bp" in text(facts)
    assert "single nucleotides, up to 1,024 tokens = 1,022 bp" in text(facts | {"limited": True})
    assert "any length; pre-trained on 1,024 tokens\n" in text(facts | {"k": None, "context_bp": None})
