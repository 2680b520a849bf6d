"""The same numbers every time, compiled or not, and nearly the same in half of the bits."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def no_compiled_code_of_other_tests():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def compiles(family, model, *inputs, **options) -> None:
    """Compare a model with its graph, which is whole unless the family declares that it cannot be."""
    compiled = torch.compile(model, backend="eager", fullgraph=True, **options)
    if "compile" in family.declared("CANNOT"):
        with pytest.raises(torch._dynamo.exc.Unsupported):
            compiled(**inputs[0])
        compiled = torch.compile(model, backend="eager", **options)
    for each in inputs:
        with torch.no_grad():
            torch.testing.assert_close(compiled(**each).to_tuple(), model(**each).to_tuple())


def test_the_graph_compiles_whole_without_a_mask(family):
    compiles(family, family.model("base"), family.alone(0))


def test_one_graph_serves_batches_of_every_size(family):
    inputs = []
    for rows in ((1, 2), range(len(family.rows))):
        batch = family.batch(rows=rows)
        inputs.append(batch | {"labels": family.labels("token", batch)})
    compiles(family, family.model("token"), *inputs, dynamic=True)


@pytest.mark.every_flavour
@pytest.mark.parametrize("way", ["weights", "autocast"])
def test_bfloat16_is_close_to_float32(family, implementation, way):
    model = family.model("base", implementation=implementation)
    batch = family.batch()
    with torch.no_grad():
        exact = model(**batch).last_hidden_state
        if way == "autocast":
            with torch.autocast("cpu", torch.bfloat16):
                rounded = model(**batch).last_hidden_state
        else:
            rounded = model.to(torch.bfloat16)(**batch).last_hidden_state
            assert rounded.dtype is torch.bfloat16
    real = batch["attention_mask"].bool()
    error = (rounded.float() - exact)[real].square().mean().sqrt() / exact[real].std()
    assert 0 < error < family.declared("BFLOAT16_ERROR")


@pytest.mark.every_flavour
def test_every_head_works_in_bfloat16(family, head):
    model = family.model(head).to(torch.bfloat16)
    batch = family.batch()
    labels = {} if head == "base" else {"labels": family.labels(head, batch)}
    got = model(**batch, **labels)
    if labels:
        assert got.loss.isfinite()
        got.loss.backward()
    kept = model._keep_in_fp32_modules_strict  # what a family marks so stays in float32 however it is cast
    for name, parameter in model.named_parameters():
        assert parameter.dtype is (torch.bfloat16 if kept.isdisjoint(name.split(".")) else torch.float32), name


@pytest.mark.every_flavour
def test_evaluation_leaves_no_trace(family, head):
    # a long sequence between two short ones: nothing may switch over, or stay in memory
    model = family.model(head)
    short, long = (family.lengths.index(chosen(family.lengths)) for chosen in (min, max))
    with torch.no_grad():
        torch.manual_seed(0)
        first = model(**family.alone(short))[0]
        longer = model(**family.alone(long))[0]
        torch.manual_seed(1)
        assert torch.equal(model(**family.alone(short))[0], first)
        assert torch.equal(model(**family.alone(long))[0], longer)
        assert torch.equal(family.model(head)(**family.alone(long))[0], longer)
