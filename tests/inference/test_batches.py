import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from hf_dnalm.inference.batches import (
    TOKEN_BUDGETS,
    batch_indices,
    default_dtype,
    default_token_budget,
    prepared,
    run_batches,
)

LENGTHS = st.lists(st.integers(1, 40), max_size=60)
CPU = torch.device("cpu")


class Sum(nn.Module):
    """Sums token ids under the mask: the result is known and independent of padding."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([1.0, 1 / 3]))
        self.noise = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(2))
        self.register_buffer("angle", torch.tensor(1 / 3))
        self.seen: list[tuple[int, int]] = []

    def forward(self, batch):
        self.seen.append(tuple(batch.input_ids.shape))
        total = (batch.input_ids * batch.attention_mask).sum(1, keepdim=True)
        return self.noise[0](total * self.scale)


def _ids(lengths: list[int]) -> list[np.ndarray]:
    return [np.arange(length) + index for index, length in enumerate(lengths)]


def _run(model, token_ids, **options):
    return run_batches(model, token_ids, model, pad_token_id=99, **{"dtype": torch.float32, **options})


@given(LENGTHS, st.integers(1, 100), st.none() | st.integers(1, 5))
def test_batches_hold_every_index_once_and_respect_the_limits(lengths, budget, rows):
    found = batch_indices(lengths, token_budget=budget, max_batch_size=rows)
    assert sorted(np.concatenate([np.empty(0, int), *found]).tolist()) == list(range(len(lengths)))
    for batch in found:
        longest = max(lengths[index] for index in batch)
        assert len(batch) * longest <= budget or len(batch) == 1
        assert rows is None or len(batch) <= rows


@given(LENGTHS)
def test_batches_go_from_long_to_short_and_ties_keep_their_order(lengths):
    order = np.concatenate([np.empty(0, int), *batch_indices(lengths, token_budget=50)]).tolist()
    assert order == sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))


def test_a_sequence_over_the_budget_is_alone():
    assert [batch.tolist() for batch in batch_indices([2, 100, 2], token_budget=10)] == [[1], [0, 2]]


@pytest.mark.parametrize("limits", [{"token_budget": 0}, {"token_budget": 5, "max_batch_size": 0}])
def test_limits_below_one_are_refused(limits):
    with pytest.raises(ValueError, match=r"(token_budget|max_batch_size) must be at least 1, not 0"):
        batch_indices([1], **limits)


@given(LENGTHS, st.integers(1, 100))
@settings(deadline=None)
def test_results_come_in_input_order_and_padding_does_not_change_them(lengths, budget):
    token_ids = _ids(lengths)
    results = _run(Sum(), token_ids, token_budget=budget)
    assert [result[0] for result in results] == [float(ids.sum()) for ids in token_ids]
    assert all(result.dtype == np.float32 for result in results)


def test_no_sequences_give_no_results():
    assert _run(Sum(), []) == []


def test_rows_may_have_different_shapes():
    def forward(batch):
        return [ids[mask == 1] for ids, mask in zip(batch.input_ids, batch.attention_mask, strict=True)]

    token_ids = _ids([3, 1, 2])
    results = run_batches(Sum(), token_ids, forward, pad_token_id=99)
    assert [result.tolist() for result in results] == [ids.tolist() for ids in token_ids]


def test_progress_counts_sequences():
    counts: list[int] = []
    _run(Sum(), _ids([1, 2, 3]), token_budget=3, progress=counts.append)
    assert counts == [1, 1, 1]


@pytest.mark.parametrize("threads", [1, 3])
def test_the_default_budget_of_a_cpu_grows_with_its_threads(monkeypatch, threads):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    model = Sum()
    _run(model, _ids([8] * 1000))
    assert max(rows * columns for rows, columns in model.seen) == threads * TOKEN_BUDGETS["cpu"]


@pytest.mark.parametrize(("device", "expected"), [("cuda", TOKEN_BUDGETS["cuda"]), ("meta", TOKEN_BUDGETS["cpu"])])
def test_other_devices_have_their_own_budget_or_that_of_a_cpu(monkeypatch, device, expected):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert default_token_budget(torch.device(device)) == expected


def _state(model: nn.Module):
    tensors = [*model.named_parameters(), *model.named_buffers()]
    return (
        [(name, tensor.data_ptr(), tensor.dtype, tensor.tolist(), tensor.requires_grad) for name, tensor in tensors],
        [(name, None if p.grad is None else p.grad.tolist()) for name, p in model.named_parameters()],
        [module.training for module in model.modules()],
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("surrounding", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_the_model_is_left_as_it_was_found(dtype, fails, surrounding):
    model = Sum()
    model.noise[1].eval()  # modes may be mixed
    model.scale.grad = torch.ones(2)
    model.noise[1].weight.requires_grad = False
    before, random_before = _state(model), torch.get_rng_state()

    def forward(batch):
        assert model.scale.dtype == dtype
        assert not torch.is_grad_enabled()
        if fails:
            raise RuntimeError("out of memory")
        return model(batch)

    with surrounding():
        if fails:
            with pytest.raises(RuntimeError, match="out of memory"):
                run_batches(model, _ids([1, 2]), forward, pad_token_id=0, dtype=dtype)
        else:
            run_batches(model, _ids([1, 2]), forward, pad_token_id=0, dtype=dtype)
    assert _state(model) == before
    assert torch.equal(torch.get_rng_state(), random_before)


def test_a_model_can_be_trained_on_after_it_predicted():
    model = Sum()
    loss = (model.scale**2).sum()  # a graph that was built before
    _run(model, _ids([1, 2]), dtype=torch.bfloat16)
    loss.backward()
    assert model.scale.grad is not None
    assert model.scale.grad.dtype == torch.float32


def test_tied_parameters_stay_tied():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    with prepared(model, device=CPU, dtype=torch.bfloat16):
        assert model[1].weight is model[0].weight
        assert model[1].weight.dtype == torch.bfloat16
    assert model[1].weight.dtype == torch.float32


def test_buffers_keep_their_precision():
    model = Sum()
    with prepared(model, device=CPU, dtype=torch.bfloat16):
        assert model.angle.dtype == torch.float32
        assert not model.training


@pytest.mark.parametrize(
    ("own", "has_bfloat16", "expected"),
    [
        (torch.float32, True, torch.bfloat16),
        (torch.float32, False, torch.float32),
        (torch.float16, True, torch.float16),
        (torch.bfloat16, False, torch.bfloat16),
    ],
)
def test_bfloat16_is_the_default_where_the_hardware_has_it(monkeypatch, own, has_bfloat16, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": has_bfloat16}, raising=False)
    assert default_dtype(Sum().to(own), CPU) == expected


def test_a_torch_that_cannot_tell_the_hardware_computes_in_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert default_dtype(Sum(), CPU) == torch.float32


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_model_goes_to_the_gpu_and_comes_back():
    model = Sum()
    before = _state(model)
    results = _run(model, _ids([3, 1]), device="cuda")
    assert [result[0] for result in results] == [3.0, 1.0]
    assert _state(model) == before
