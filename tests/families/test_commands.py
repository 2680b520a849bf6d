"""The command line knows every family: folders are described and exported, published checkpoints listed."""

from __future__ import annotations

import json

import torch

import hf_dnalm
from hf_dnalm.checkpoints.passport import in_millions
from hf_dnalm.cli.info import describe
from hf_dnalm.cli.list import checkpoint_rows
from hf_dnalm.cli.main import main
from tests.families.test_saving import natural_class


def test_info_describes_the_upstream_folder(family, published, capsys):
    main(["info", str(published)])
    printed = capsys.readouterr().out
    parameters = getattr(hf_dnalm, natural_class(published)).from_pretrained(published).num_parameters()
    assert f"{parameters:,} parameters" in printed
    assert f"  family     {family.name}\n" in printed
    facts = describe(str(published))
    config = hf_dnalm.AutoConfig.from_pretrained(published)
    assert facts["context_tokens"] == family.passport.context_tokens(config)
    assert facts["limited"] == family.passport.limited


def test_info_tells_heads_apart(family, head, tmp_path):
    model = family.model(head, num_labels=2, id2label={0: "intron", 1: "exon"})
    model.save_pretrained(tmp_path)
    family.tokenizer.save_pretrained(tmp_path)
    facts = describe(str(tmp_path))
    assert (
        facts["kind"]
        == {
            "base": "encoder without a head",
            "masked_lm": "masked language model",
            "causal_lm": "causal language model",
            "sequence": "sequence head",
            "token": "token head",
        }[head]
    )
    assert facts["parameters"] == model.num_parameters()
    assert facts.get("labels") == (["intron", "exon"] if head in ("sequence", "token") else None)


def test_export_writes_a_folder_that_our_door_reads(family, published, tmp_path, capsys):
    out = tmp_path / "out"
    main(["export", str(published), "--output", str(out)])
    assert capsys.readouterr().out.splitlines()[0].endswith("reloaded and identical")
    config = json.loads((out / "config.json").read_text())
    assert config["model_type"] == family.passport.model_type
    assert "_name_or_path" not in config
    assert {"README.md", "tokenizer.json", "model.safetensors"} <= {path.name for path in out.iterdir()}
    door = getattr(hf_dnalm, natural_class(published))
    model, again = door.from_pretrained(published), door.from_pretrained(out)
    assert all(value.equal(again.state_dict()[name]) for name, value in model.state_dict().items())


def test_the_example_on_the_card_of_an_export_runs(family, published, tmp_path):
    out = tmp_path / "out"
    main(["export", str(published), "--output", str(out)])
    card = (out / "README.md").read_text()
    code = card.partition("```python\n")[2].partition("```")[0]
    names: dict = {}
    exec(code.replace(f'"{out.name}"', repr(str(out))), names)
    assert any(isinstance(value, torch.Tensor) or hasattr(value, "vectors") for value in names.values())


def test_every_published_checkpoint_is_listed_and_described_offline(family, capsys):
    rows = {row["checkpoint"]: row for row in checkpoint_rows() if row["family"] == family.name}
    assert list(rows) == [checkpoint.hub_id for checkpoint in family.passport.checkpoints]
    main(["list"])
    lines = capsys.readouterr().out.splitlines()
    for checkpoint in family.passport.checkpoints:
        (line,) = (line for line in lines if line.split()[:1] == [checkpoint.hub_id])
        assert in_millions(checkpoint.parameters) in line
        assert rows[checkpoint.hub_id]["limited"] is family.passport.limited
        main(["info", checkpoint.hub_id])
        printed = capsys.readouterr().out
        assert printed.startswith(f"{checkpoint.hub_id}\n  published checkpoint\n")
        reads = "up to" if family.passport.limited else "any length; pre-trained on"
        tokens = f"{reads} {checkpoint.context_tokens:,} tokens" if checkpoint.context_tokens else "any length"
        licence = family.passport.licence_of(checkpoint)
        for fact in (tokens, f"{checkpoint.parameters:,} parameters", licence, "revision"):
            assert fact in printed
