"""Someone who has torch and transformers alone reads what we save and export, with every Auto class."""

from __future__ import annotations

import pytest
import torch

import hf_dnalm
from hf_dnalm.hub import export
from hf_dnalm.registry import auto_map
from tests.families.test_saving import natural_class, new_weights


def seen_here(family, model) -> list[float]:
    with torch.no_grad():
        return model.eval()(**family.alone(0))[0].flatten().tolist()[:8]


def test_what_is_saved_gives_strangers_the_same_outputs(family, head, stranger, tmp_path):
    model = family.model(head)
    folder = tmp_path / f"{family.name}_{head}"
    model.save_pretrained(folder)
    family.tokenizer.save_pretrained(folder)
    sequence = family.declared("SEQUENCES")[0]
    seen = stranger.read(folder, family.heads[head], sequence, again=tmp_path / f"{family.name}_{head}_again")
    assert (seen["class"], seen["module"]) == (type(model).__name__, "transformers_modules")
    assert seen["missing"] == seen["unexpected"] == []
    assert seen["ids"] == family.rows[0]["input_ids"]
    assert seen["numbers"] == pytest.approx(seen_here(family, model), abs=1e-5, rel=1e-4)


def test_an_export_opens_with_every_auto_class(family, published, stranger, tmp_path):
    result = export(published, tmp_path / f"{family.name}_exported")
    assert result.auto_class == natural_class(published)
    model = getattr(hf_dnalm, result.auto_class).from_pretrained(published)
    sequence = family.declared("SEQUENCES")[0]
    for auto_class in family.heads.values():
        seen = stranger.read(result.folder, auto_class, sequence)
        assert auto_map(family.passport)[auto_class].endswith(f".{seen['class']}")
        assert seen["finite"]
        if auto_class == result.auto_class:
            assert seen["missing"] == seen["unexpected"] == []
            assert seen["numbers"] == pytest.approx(seen_here(family, model), abs=1e-5, rel=1e-4)
        elif auto_class in family.passport.new_heads:
            assert seen["missing"]
            assert all(name.startswith(new_weights(family, auto_class)) for name in seen["missing"])
