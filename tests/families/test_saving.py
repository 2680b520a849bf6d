"""What is saved loads whole and equal, from our own folders and from the published layout."""

from __future__ import annotations

import re

import pytest
import torch
from safetensors.torch import load_file

import hf_dnalm
from hf_dnalm.source import Source


def outputs(family, model) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(**family.batch())[0]


def unused(family, config, name: str) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in family.passport.unused_keys(config))


def natural_class(folder) -> str:
    """The Auto class that takes all the weights of a folder."""
    source = Source.of(folder, {})
    return source.recognise().auto_class(source.weight_names())


def stored_in(folder) -> dict[str, torch.Tensor]:
    file = folder / "model.safetensors"
    if file.is_file():
        return load_file(file)
    return torch.load(folder / "pytorch_model.bin", weights_only=True)


def new_weights(family, auto_class: str) -> tuple[str, ...]:
    """Prefixes of what may start untrained in a class whose head the weights do not hold."""
    if auto_class not in family.passport.new_heads:
        return ()
    return (family.passport.heads[auto_class], *(f"{name}." for name in family.passport.poolers))


@pytest.mark.every_flavour
def test_a_saved_model_loads_whole_with_equal_tensors_and_outputs(family, head, tmp_path):
    model = family.model(head)
    model.save_pretrained(tmp_path)
    door = getattr(hf_dnalm, family.heads[head])
    for reader in (door, type(model)):
        again, info = reader.from_pretrained(tmp_path, output_loading_info=True)
        assert type(again) is type(model)
        assert not any(info.values()), info
        state = again.state_dict()
        assert set(state) == set(model.state_dict())
        assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
        # Buffers that are not saved hold whatever lay in memory unless they are made anew after loading.
        buffers = dict(again.named_buffers())
        assert all(torch.equal(buffers[name], value) for name, value in model.named_buffers())
        assert torch.equal(outputs(family, again), outputs(family, model))


def test_the_published_layout_goes_through_the_door_and_comes_back(family, published, tmp_path):
    auto_class = natural_class(published)
    door = getattr(hf_dnalm, auto_class)
    model, info = door.from_pretrained(published, output_loading_info=True)
    assert not any(info.values()), info
    state, stored = model.state_dict(), stored_in(published)
    lost = {name for name in set(stored) - set(state) if not unused(family, model.config, name)}
    assert not lost
    assert all(torch.equal(state[name], value) for name, value in stored.items() if name in state)
    model.save_pretrained(tmp_path)
    written = load_file(tmp_path / "model.safetensors")
    assert set(written) <= set(state)
    again, info = door.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values()), info
    assert torch.equal(outputs(family, again), outputs(family, model))


def test_the_published_layout_goes_into_every_class_that_it_can_fill(family, head, published, caplog):
    auto_class = family.heads[head]
    if auto_class not in ("AutoModel", natural_class(published), *family.passport.new_heads):
        pytest.skip("the published weights hold no such head, and none is made up")
    model, info = getattr(hf_dnalm, auto_class).from_pretrained(published, output_loading_info=True)
    assert all(name.startswith(new_weights(family, auto_class)) for name in info["missing_keys"])
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    reported = " ".join(record.getMessage() for record in caplog.records)
    assert len(caplog.records) == bool(info["missing_keys"])
    assert all(name in reported for name in info["missing_keys"])
    assert outputs(family, model).isfinite().all()
    assert not model.training


@pytest.mark.every_flavour
def test_one_tasks_head_does_not_read_into_another(family, tmp_path):
    for saved, asked in (("sequence", "token"), ("token", "sequence")):
        family.model(saved).save_pretrained(tmp_path / saved)
        door = getattr(hf_dnalm, family.heads[asked])
        model, info = door.from_pretrained(tmp_path / saved, output_loading_info=True)
        prefix = family.passport.heads[family.heads[asked]]
        head = {name for name in model.state_dict() if name.startswith(prefix)}
        assert head
        assert head <= set(info["missing_keys"])
        assert all(name.startswith(new_weights(family, family.heads[asked])) for name in info["missing_keys"])


def test_weights_are_stored_contiguous_and_once(family, head, tmp_path):
    family.model(head).save_pretrained(tmp_path)
    written = load_file(tmp_path / "model.safetensors")
    assert all(value.is_contiguous() for value in written.values())
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".py", ".safetensors"}
