"""Each check on a model that deserves it and on one that does not."""

from __future__ import annotations

import dataclasses
import json
import math
from importlib.resources import files
from types import SimpleNamespace

import pytest
import torch
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Split
from tokenizers.processors import TemplateProcessing
from torch import nn
from transformers import PreTrainedTokenizerFast
from transformers.modeling_outputs import MaskedLMOutput

from hf_dnalm.checkpoints import PASSPORTS, passport_of_family
from hf_dnalm.checkpoints.references import LogitsReference, VectorReference, parse_references, references_of
from hf_dnalm.tokenization import build_kmer_tokenizer
from hf_dnalm.verification.checks import (
    TOLERANCE,
    Subject,
    check_finite,
    check_padding,
    check_reference,
    check_reverse_complement,
    check_tokenizer,
    check_weights,
    probes,
)
from tests.toys import dnabert2
from tests.toys.nucleotide_transformer import toy_config, toy_model, toy_tokenizer

PASSPORT = passport_of_family("nucleotide_transformer")
BPE = passport_of_family("dnabert2")


def subject(model=None, tokenizer=None, **changes) -> Subject:
    model = toy_model() if model is None else model
    return Subject(model, tokenizer or toy_tokenizer(), dataclasses.replace(PASSPORT, **changes))


class Changed:
    """A model whose inputs somebody tampers with."""

    def __init__(self, model, change):
        self.model, self.change, self.config = model, change, model.config

    def __call__(self, **inputs):
        return self.model(**self.change(inputs))


def test_probes_are_fixed_dna_of_mixed_lengths_within_what_the_model_reads():
    every = probes(BPE, dnabert2.toy_config())
    assert [len(each) for each in every] == [97, 50, 17]
    assert every == probes(BPE, dnabert2.toy_config())
    assert set("".join(every)) == set("ACGT")
    short = probes(PASSPORT, toy_config(max_position_embeddings=34))  # 32 tokens, <cls> among them
    assert [len(each) for each in short] == [31, 15, 5]


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_padded_batch_gives_what_singles_give(side):
    check = check_padding(subject(), side)
    assert (check.outcome, check.tolerance) == ("ok", TOLERANCE)
    assert 0 < check.value < 1e-5


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("head", ["base", "masked_lm", "sequence"])
def test_padding_that_leaks_fails(side, head):
    leaking = Changed(toy_model(head), lambda inputs: inputs | {"attention_mask": None})
    check = check_padding(subject(leaking), side)
    assert check.outcome == "FAILED"
    assert check.value > 10 * TOLERANCE


def test_a_family_that_refuses_left_padding_is_reported_as_refusing_it():
    def refuse(inputs):
        if not inputs["attention_mask"][:, 0].all():
            raise ValueError("padding must stand\non the right")
        return inputs

    model = Changed(toy_model(), refuse)
    check = check_padding(subject(model), "left")
    assert (check.outcome, check.details) == ("refused", ("padding must stand on the right",))
    assert check_padding(subject(model), "right").outcome == "ok"


def test_an_error_on_plain_input_is_no_refusal():
    def refuse(inputs):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        check_padding(subject(Changed(toy_model(), refuse)), "right")


def test_numbers_that_are_not_finite_fail_with_their_count():
    assert check_finite(subject()).outcome == "ok"
    model = toy_model()
    model.esm.encoder.layer[1].output.dense.weight.data[0, :2] = torch.nan
    check = check_finite(subject(model))
    assert check.outcome == "FAILED"
    assert "2 weights are not finite" in check.figure
    assert "hidden states are not finite" in check.figure
    assert "logits are not finite" in check.figure
    apart = check_padding(subject(model), "right")
    assert (apart.outcome, apart.value) == ("FAILED", None)


def test_declared_tensors_are_listed_and_layers_are_counted_once():
    model = toy_model()
    unused = [f"esm.encoder.layer.{i}.attention.self.rotary_embeddings.inv_freq" for i in range(2)]
    stored = [*model.state_dict(), *unused, "classifier.dense.weight"]
    check = check_weights(subject(model), "AutoModelForMaskedLM", stored)
    assert check.outcome == "ok"
    assert f"{len(stored)} tensors" in check.figure
    assert "3 never read" in check.figure
    assert [detail.rpartition(" ")[2] for detail in check.details] == [
        "classifier.dense.weight",
        "esm.encoder.layer.*.attention.self.rotary_embeddings.inv_freq",
    ]
    assert check_weights(subject(model), "AutoModelForMaskedLM", None).details == ()


@pytest.mark.parametrize(
    ("passport", "toy"), [(PASSPORT, (toy_tokenizer, toy_config)), (BPE, (dnabert2.toy_tokenizer, dnabert2.toy_config))]
)
def test_a_tokenizer_and_its_model_belong_together(passport, toy):
    tokenizer, config = (make() for make in toy)
    check = check_tokenizer(tokenizer, passport, config)
    assert (check.outcome, check.details) == ("ok", ())


def english() -> PreTrainedTokenizerFast:
    backend = Tokenizer(WordLevel({"[UNK]": 0, "[PAD]": 1, "the": 2} | {str(i): i for i in range(3, 70)}, "[UNK]"))
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]", pad_token="[PAD]")


def kmers(k: int):
    return build_kmer_tokenizer(k, layout="nucleotide_transformer_v2", model_max_length=2048)


@pytest.mark.parametrize(
    ("tokenizer", "changes", "problem"),
    [
        (kmers(4), {}, "ids go up to 266, the model's embedding ends at 74"),
        (kmers(2), {}, "27 tokens for 75 rows of the embedding: of another vocabulary"),
        (toy_tokenizer(), {"pad_token_id": 3}, "pad_token_id is 3 in the config and 1 in the tokenizer"),
        (toy_tokenizer(), {"cls_token_id": 9}, "cls_token_id is 9 in the config and 3 in the tokenizer"),
        (english(), {}, "base 1 comes back as '[UNK]' at bases 1 to 97"),
    ],
)
def test_a_wrong_tokenizer_fails(tokenizer, changes, problem):
    config = SimpleNamespace(**(toy_config().to_dict() | changes))
    check = check_tokenizer(tokenizer, PASSPORT, config)
    assert check.outcome == "FAILED"
    assert any(problem in detail for detail in check.details)


def test_a_tokenizer_that_drops_bases_fails():
    def cut(text, **options):
        return toy_tokenizer()(text[:-3], **options)

    dropping = SimpleNamespace(
        **{name: getattr(toy_tokenizer(), name) for name in ("get_vocab", "convert_ids_to_tokens")},
        **{f"{name}_token_id": None for name in ("pad", "mask", "cls", "sep", "unk", "bos", "eos")},
        is_fast=True,
    )
    dropping = type("Dropping", (SimpleNamespace,), {"__call__": staticmethod(cut), "__len__": lambda self: 75})(
        **vars(dropping)
    )
    assert check_tokenizer(dropping, PASSPORT, toy_config()).details == ("of 97 bases only 94 come back",)


def test_special_tokens_that_no_sequence_gets_may_lie_outside():
    first = build_kmer_tokenizer(3, layout="nucleotide_transformer_v1", model_max_length=1000)
    config = toy_config(vocab_size=4**3 + 9)
    assert first.get_vocab()["<bos>"] > config.vocab_size
    assert check_tokenizer(first, PASSPORT, config).outcome == "ok"


def test_a_tokenizer_without_offsets_fails():
    slow = SimpleNamespace(is_fast=False, get_vocab=lambda: {"A": 0})
    functions = {"__len__": lambda self: 75, "__call__": lambda self, text, **options: {"input_ids": [0] * len(text)}}
    slow = type("SlowTokenizer", (SimpleNamespace,), functions)(
        **vars(slow), **{f"{name}_token_id": None for name in ("pad", "mask", "cls", "sep", "unk", "bos", "eos")}
    )
    (problem,) = check_tokenizer(slow, PASSPORT, toy_config()).details
    assert problem == "SlowTokenizer does not say which bases a token stands for"


def nucleotides() -> PreTrainedTokenizerFast:
    """One token a base, in lower case as GPN has them, and a token at the end."""
    backend = Tokenizer(WordLevel({word: i for i, word in enumerate(("[PAD]", "[MASK]", "[UNK]", *"acgt", "[SEP]"))}))
    backend.normalizer = Lowercase()
    backend.pre_tokenizer = Split(Regex("."), "isolated")
    backend.post_processor = TemplateProcessing(single="$A [SEP]", special_tokens=[("[SEP]", 7)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]", mask_token="[MASK]", sep_token="[SEP]")


class BothStrands(nn.Module):
    """Reads a strand and its complement with the same weights, as Caduceus Ps does in each layer."""

    config = SimpleNamespace(vocab_size=8, pad_token_id=0, max_position_embeddings=1000)

    def __init__(self, *, broken: bool = False):
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.mix = nn.Embedding(8, 6), nn.Conv1d(6, 6, 3, padding=1)
        self.head = nn.Linear(6, 8)
        self.broken = broken

    def strand(self, ids):
        return self.mix(self.embedding(ids).transpose(1, 2)).transpose(1, 2)

    def forward(self, input_ids, attention_mask=None, output_hidden_states=False, **_):
        complement = torch.tensor([0, 1, 2, 6, 5, 4, 3, 7])
        own, other = self.strand(input_ids), self.strand(complement[input_ids].flip(1)).flip((1, 2))
        if self.broken:
            other = other.flip(2)
        logits = self.head(own) + self.head(other.flip(2))[..., complement]
        return MaskedLMOutput(logits=logits, hidden_states=(torch.cat([own, other], dim=-1),))


def test_a_model_that_reads_both_strands_alike_passes_and_a_broken_one_fails():
    both = {"equivariant": lambda config: True}
    check = check_reverse_complement(subject(BothStrands(), nucleotides(), **both))
    assert check.outcome == "ok"
    assert "logits" in check.compared
    assert check_reverse_complement(subject(BothStrands(broken=True), nucleotides(), **both)).outcome == "FAILED"
    assert check_reverse_complement(subject(BothStrands(), nucleotides())).outcome == "none"


def test_a_family_that_claims_both_strands_without_reason_fails():
    check = check_reverse_complement(subject(toy_model("base"), equivariant=lambda config: True))
    assert check.outcome == "FAILED"
    assert "logits" not in check.compared


SEQUENCE = "ACGTTGCATTGACCA"


def vector(model, numbers=5) -> VectorReference:
    batch = toy_tokenizer()([SEQUENCE], return_tensors="pt")
    with torch.no_grad():
        states = model(**batch, output_hidden_states=True).hidden_states[1]
    return VectorReference(SEQUENCE, "mean", 1, tuple(states[0].mean(0)[:numbers].tolist()), 1e-5, "a test")


def test_published_vectors_pass_on_the_right_weights_and_fail_on_shuffled_ones():
    model = toy_model()
    reference = vector(model)
    check = check_reference(subject(model), reference)
    assert (check.outcome, check.tolerance) == ("ok", 1e-5)
    assert "first 5 numbers of the mean vector, of 15 bp" in check.compared
    assert check.details == ("published in a test",)
    weight = model.esm.encoder.layer[0].output.dense.weight
    weight.data = weight.data.flip(0)
    assert check_padding(subject(model), "right").outcome == "ok"  # sound in itself, and another model
    assert check_reference(subject(model), reference).outcome == "FAILED"
    assert check_reference(subject(model), dataclasses.replace(reference, numbers=(math.nan,))).outcome == "FAILED"


def test_published_logits_of_a_masked_base_pass_and_fail():
    model, tokenizer = BothStrands(), nucleotides()
    ids = tokenizer(SEQUENCE, return_tensors="pt")["input_ids"]
    ids[0, 4] = tokenizer.mask_token_id
    with torch.no_grad():
        numbers = model(ids).logits[0, 4, 3:7].tolist()
    reference = LogitsReference(SEQUENCE, 4, "ACGT", tuple(numbers), 1e-5, "a test")
    check = check_reference(subject(model, tokenizer), reference)
    assert check.outcome == "ok"
    assert "A, C, G, T where base 5 is masked" in check.compared
    moved = dataclasses.replace(reference, masked=5)
    assert check_reference(subject(model, tokenizer), moved).outcome == "FAILED"


def test_the_published_numbers_of_gpn_are_of_the_start_codon_of_its_notebook():
    (reference,) = references_of("songlab/gpn-brassicales")
    assert len(reference.sequence) == 700
    assert reference.sequence[reference.masked :].startswith("ATG")
    assert dict(zip(reference.letters, reference.numbers, strict=True))["A"] == max(reference.numbers)


def test_references_are_of_checkpoints_that_are_known():
    known = [checkpoint.hub_id for passport in PASSPORTS for checkpoint in passport.checkpoints]
    table = json.loads(files("hf_dnalm.checkpoints").joinpath("references.json").read_text())
    assert table
    for hub_id in table:
        assert hub_id in known
        assert all(reference.source and set(reference.sequence) <= set("ACGTN") for reference in references_of(hub_id))


def test_references_are_read_whole_or_not_at_all():
    fields = {"sequence": "ACGT", "pooling": "mean", "layer": -1, "numbers": [1.0], "tolerance": 0.1, "source": "x"}
    assert parse_references({"vectors": [fields]}) == (VectorReference("ACGT", "mean", -1, (1.0,), 0.1, "x"),)
    for wrong in (fields | {"page": 3}, {key: value for key, value in fields.items() if key != "source"}):
        with pytest.raises(TypeError, match=r"page|source"):
            parse_references({"vectors": [wrong]})
