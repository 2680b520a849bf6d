"""What stands beside a sequence, or in a hole of its mask, changes nothing for the tokens that are attended to."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

pytestmark = pytest.mark.every_flavour


def run(model, inputs):
    with torch.no_grad():
        return model(**inputs)[0]


def refused(family, model, kind: str, inputs) -> bool:
    """Whether the family declares that it refuses this kind of input; if so, that it does so in the words it says."""
    message = family.declared("REFUSES").get(kind)
    if message is None:
        return False
    with pytest.raises(ValueError, match=message):
        run(model, inputs)
    return True


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_batch_gives_what_its_sequences_give_alone(family, head, implementation, side):
    model = family.model(head, implementation=implementation)
    batch = family.batch(side, extra=2)
    if refused(family, model, f"{side}_padding", batch):
        return
    together = run(model, batch)
    for row, mask in enumerate(batch["attention_mask"].bool()):
        alone = run(model, family.alone(row))[0]
        torch.testing.assert_close(together[row] if head == "sequence" else together[row, mask], alone, **family.close)


@pytest.mark.parametrize("side", ["right", "left"])
def test_every_pooling_reads_the_sequence_alone(family, side):
    assert family.poolings, "a sequence head says in the config how it pools"
    batch = family.batch(side, extra=2)
    logits = []
    for pooling in family.poolings:
        model = family.model("sequence", classifier_pooling=pooling)
        if refused(family, model, f"{side}_padding", batch):
            return
        logits.append(run(model, batch))
        alone = torch.cat([run(model, family.alone(row)) for row in range(len(family.rows))])
        torch.testing.assert_close(logits[-1], alone, **family.close)
    for first, second in pairwise(logits):
        assert (first - second).abs().max() > 1e-4


def test_what_stands_in_padding_changes_nothing(family, head, implementation):
    # to the right alone: learned positions are counted from the first id that is no padding, as upstream counts them
    model = family.model(head, implementation=implementation)
    batch = family.batch()
    if refused(family, model, "right_padding", batch):
        return
    real = batch["attention_mask"].bool()
    word = family.another_word(family.pad_id)
    first, second = run(model, batch), run(model, batch | {"input_ids": batch["input_ids"].where(real, word)})
    chosen = slice(None) if head == "sequence" else real
    torch.testing.assert_close(first[chosen], second[chosen], **family.close)


def test_what_stands_in_a_hole_of_the_mask_changes_nothing(family, head, implementation):
    model = family.model(head, implementation=implementation)
    first, second = family.with_holes()
    if refused(family, model, "holes", first):
        return
    chosen = slice(None) if head == "sequence" else first["attention_mask"].bool()
    one, other = run(model, first)[chosen], run(model, second)[chosen]
    torch.testing.assert_close(one, other, **family.close)
    whole = run(model, family.batch())[chosen]
    assert (one - whole).abs().max() > 1e-4, "a premise: the token in the hole is one that would tell"


def test_no_mask_is_a_mask_of_ones(family, head, implementation):
    model = family.model(head, implementation=implementation)
    inputs = family.alone(0)
    expected = run(model, inputs)
    for ones in (torch.ones_like(inputs["input_ids"]), torch.ones_like(inputs["input_ids"], dtype=torch.bool)):
        torch.testing.assert_close(run(model, inputs | {"attention_mask": ones}), expected, **family.close)


def test_masks_of_numbers_and_of_truths_say_the_same(family, head):
    model = family.model(head)
    batch = family.batch()
    if refused(family, model, "right_padding", batch):
        return
    truths = batch | {"attention_mask": batch["attention_mask"].bool()}
    torch.testing.assert_close(run(model, truths), run(model, batch), **family.close)


def test_every_token_counts(family, head):
    model = family.model(head)
    inputs = family.alone(0)
    before = run(model, inputs)
    for column in range(2, family.lengths[0] - 2, 3):
        changed = inputs["input_ids"].clone()
        changed[0, column] = family.another_word(int(changed[0, column]))
        assert (run(model, inputs | {"input_ids": changed}) - before).abs().max() > 1e-6, column
