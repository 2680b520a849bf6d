"""The same numbers every time, compiled or not, and nearly the same in half of the bits."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def no_compiled_code_of_other_tests():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def test_the_graph_compiles_whole_and_serves_batches_of_every_size(family):
    if "compile" in family.declared("CANNOT"):
        compiles_in_parts(family)
        return
    model = family.model("token", num_hidden_layers=1)  # one says as much as several, which are alike
    compiled = torch.compile(model, backend="eager", fullgraph=True, dynamic=True)
    for rows in ((1, 2), range(len(family.rows))):
        batch = family.batch(rows=rows)
        inputs = batch | {"labels": family.labels("token", batch)}
        with torch.no_grad():
            torch.testing.assert_close(compiled(**inputs).to_tuple(), model(**inputs).to_tuple())


@torch.no_grad()
def compiles_in_parts(family) -> None:
    model, inputs = family.model("base"), family.alone(0)
    with pytest.raises(torch._dynamo.exc.Unsupported):
        torch.compile(model, backend="eager", fullgraph=True)(**inputs)
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="eager")
    torch.testing.assert_close(compiled(**inputs).to_tuple(), model(**inputs).to_tuple())


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
