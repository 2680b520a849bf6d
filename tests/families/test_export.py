"""torch.export and ONNX: one program for every batch and length, or a limit that docs/stack.md names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from tests.families.family import FAMILIES, FORMATS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "stack.md"
OTHER_INPUTS = (([0, 1], 3), ([2], 0), ([1], 4))  # sequences of a batch, and padding past the longest


def inputs(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key: batch[key] for key in ("input_ids", "attention_mask")}


def dynamic(batch: dict[str, torch.Tensor]) -> dict[str, dict[int, object]]:
    return {key: {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC} for key in batch}


def limited(family, to: str) -> bool:
    pattern = family.declared("NO_EXPORT").get(to)
    return pattern is not None and re.fullmatch(pattern, family.flavour) is not None


def exported(model, batch: dict[str, torch.Tensor]) -> torch.nn.Module:
    with torch.no_grad():
        return torch.export.export(model, (), batch, dynamic_shapes=dynamic(batch), strict=False).module()


@pytest.mark.every_flavour
def test_torch_export_gives_one_program_for_every_batch_and_length(family):
    model, batch = family.model("sequence"), inputs(family.batch())
    if limited(family, "torch.export"):
        with pytest.raises((ValueError, torch._dynamo.exc.UserError)):
            exported(model, batch)
        return
    program = exported(model, batch)
    with torch.no_grad():
        for rows, extra in OTHER_INPUTS:
            other = inputs(family.batch(rows=rows, extra=extra))
            torch.testing.assert_close(program(**other).logits, model(**other).logits, **family.close)


@pytest.mark.parametrize(
    ("name", "flavour", "message"),
    [
        ("gena_bert", "Sparse", "cannot export this model: sparse attention goes by lists of blocks"),
        ("gena_bigbird", "ByBlocks", r"cannot export this model: .* attention_type='original_full'"),
    ],
)
def test_sparse_attention_refuses_to_be_exported(name, flavour, message):
    family = next(
        each for every in FAMILIES if every.name == name for each in every.flavours() if each.flavour == flavour
    )
    with pytest.raises(ValueError, match=message):
        exported(family.model("sequence"), inputs(family.batch()))


def test_full_attention_of_bigbird_is_exported():
    family = next(each for each in FAMILIES if each.name == "gena_bigbird")
    model, batch = family.model("sequence", attention_type="original_full"), inputs(family.batch())
    other = inputs(family.batch(rows=[0, 1], extra=3))
    with torch.no_grad():
        torch.testing.assert_close(exported(model, batch)(**other).logits, model(**other).logits, **family.close)


@pytest.mark.filterwarnings("ignore")  # of torch's exporter, about itself
def test_onnx_gives_one_program_for_every_batch_and_length(family, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    if limited(family.flavours()[0], "ONNX"):
        pytest.skip("a limit that docs/stack.md names")
    model, batch = family.model("sequence"), inputs(family.batch())
    with torch.no_grad():
        program = torch.onnx.export(model, (), kwargs=batch, dynamic_shapes=dynamic(batch), dynamo=True, verbose=False)
    program.save(tmp_path / "model.onnx")
    options = runtime.SessionOptions()
    options.enable_mem_reuse = False  # HyenaDNA: transforms of other lengths do not fit into memory that is used again
    session = runtime.InferenceSession(tmp_path / "model.onnx", options)
    for rows, extra in OTHER_INPUTS:
        other = inputs(family.batch(rows=rows, extra=extra))
        (logits, *_) = session.run(None, {key: value.numpy() for key, value in other.items()})
        with torch.no_grad():
            torch.testing.assert_close(torch.tensor(logits), model(**other).logits, atol=1e-4, rtol=1e-3)


def test_the_page_on_the_stack_has_the_limits_that_are_tested(family):
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \| (.*?) \|$", PAGE.read_text(), flags=re.MULTILINE)
    (row,) = [row for row in rows if row[0] == family.passport.title]
    flavours = family.flavours()
    for to, said in zip(FORMATS, row[1:3], strict=True):
        can = [not limited(each, to) for each in flavours]
        assert said == ("yes" if all(can) else "in part" if any(can) else "no")
    assert bool(family.declared("NO_EXPORT")) <= bool(row[3])
