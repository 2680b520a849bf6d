"""Model cards: the checked-in ones equal what the passports say, are valid for the Hub, and their examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from hf_dnalm.checkpoints import PASSPORTS, passport_of_family
from hf_dnalm.hub import render_card, render_checkpoint_card, write_checkpoint_cards
from hf_dnalm.hub.card import PIPELINES
from hf_dnalm.modeling.configuration_nucleotide_transformer import AUTO_MAP
from tests.toys.nucleotide_transformer import toy_config, toy_model, toy_tokenizer

CARDS = Path(__file__).resolve().parents[2] / "hub_cards"
PASSPORT = passport_of_family("nucleotide_transformer")
CHECKPOINTS = [(passport, checkpoint) for passport in PASSPORTS for checkpoint in passport.checkpoints]
WORDS = {
    "nucleotide_transformer": "non-overlapping {}-mers",
    "dnabert": "overlapping {}-mers",
    "hyenadna": "single nucleotides",
    "caduceus": "single nucleotides",
    "gpn": "single nucleotides",
    "awd_lstm": "single nucleotides",
}
REWRITE = "make cards"


def examples(card: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)


@pytest.mark.parametrize(("passport", "checkpoint"), CHECKPOINTS, ids=[each.name for _, each in CHECKPOINTS])
def test_the_checked_in_card_is_the_rendered_one(passport, checkpoint):
    written = (CARDS / f"{checkpoint.name}.md").read_text(encoding="utf-8")
    assert written == render_checkpoint_card(passport, checkpoint), f"write it again: {REWRITE}"


def test_every_card_in_the_folder_is_of_a_known_checkpoint(tmp_path):
    written = {path.name for path in write_checkpoint_cards(tmp_path)}
    assert written == {path.name for path in CARDS.glob("*.md")} - {"template.md"}


@pytest.mark.parametrize(("passport", "checkpoint"), CHECKPOINTS, ids=[each.name for _, each in CHECKPOINTS])
def test_cards_hold_valid_metadata_and_the_facts(passport, checkpoint):
    card = ModelCard((CARDS / f"{checkpoint.name}.md").read_text(encoding="utf-8"))
    data = card.data.to_dict()
    assert data["license"] == passport.licence_of(checkpoint)
    assert data.get("base_model") == (None if checkpoint.download else checkpoint.hub_id)
    assert (data["library_name"], data["pipeline_tag"]) == ("transformers", PIPELINES[checkpoint.auto_class])
    bp = passport.context_bp(checkpoint)
    of_kmers = [] if checkpoint.k is None else [WORDS[passport.family].format(checkpoint.k)]
    of_kmers += [] if bp is None else [f"{bp:,} bp"]
    for fact in [
        checkpoint.citation,
        f"{checkpoint.parameters:,}",
        f"{checkpoint.context_tokens:,} tokens" if checkpoint.context_tokens else "| longest input | any |",
        *of_kmers,
        checkpoint.trained_on[1:],
        checkpoint.download or checkpoint.revision or "no commit is pinned",
    ]:
        assert fact in card.text
    assert ("was not compared" in card.text) == (not checkpoint.config_checked)
    assert "$" not in card.text


@pytest.mark.parametrize(("passport", "checkpoint"), [CHECKPOINTS[0], CHECKPOINTS[8]])
def test_the_examples_on_the_cards_run(passport, checkpoint, tmp_path):
    toy_model().save_pretrained(tmp_path)
    toy_tokenizer().save_pretrained(tmp_path)
    ours, strangers = examples(render_checkpoint_card(passport, checkpoint))
    names: dict = {}
    exec(ours.replace(checkpoint.hub_id, str(tmp_path)), names)
    assert names["embeddings"].shape == (2, 32)
    assert names["logits"].shape[-1] == 75
    exec(strangers.replace(f"OWNER/{checkpoint.name}", str(tmp_path)), names)
    assert type(names["model"]).__name__ == "NucleotideTransformerForMaskedLM"


@pytest.mark.parametrize("head", ["base", "masked_lm", "sequence", "token"])
def test_cards_of_exports_fit_their_head_and_run(head, tmp_path):
    auto_class = list(AUTO_MAP)[1 + ["base", "masked_lm", "sequence", "token"].index(head)]
    model = toy_model(head, num_labels=3, problem_type="single_label_classification")
    model.save_pretrained(tmp_path)
    toy_tokenizer().save_pretrained(tmp_path)
    text = render_card(PASSPORT, auto_class=auto_class, config=model.config, parameters=1234, name=str(tmp_path), k=3)
    card = ModelCard(text)
    assert card.data.pipeline_tag == PIPELINES[auto_class]
    assert card.data.base_model is None
    assert ("## What it predicts" in text) == (head in ("sequence", "token"))
    assert "1,234" in text
    for example in examples(text):
        exec(example, {})


def test_a_report_stands_on_the_card_and_in_its_metadata():
    metric = {"value": 0.8, "low": 0.7, "high": 0.9}
    undefined = {"value": None, "low": None, "high": None}
    report = {
        "name": "model",
        "task": {"name": "splice sites", "source": "simulated"},
        "split": "test",
        "n": 1200,
        "metrics": {"mcc": metric, "auroc": undefined},
        "baselines": [{"name": "k-mer counts", "metrics": {"mcc": {"value": 0.25, "low": None, "high": None}}}],
    }
    text = render_card(
        PASSPORT,
        auto_class="AutoModelForSequenceClassification",
        config=toy_config(num_labels=2, problem_type="single_label_classification"),
        parameters=10,
        name="mine",
        k=6,
        base_model="InstaDeepAI/agro-nucleotide-transformer-1b",
        report=report,
    )
    (result,) = ModelCard(text).data.eval_results
    assert (result.dataset_name, result.metric_type, result.metric_value) == ("splice sites", "mcc", 0.8)
    assert "splice sites, 1,200 sequences of the test split" in text
    assert "| metric | model | k-mer counts |" in text
    assert "| mcc | 0.800 (0.700 to 0.900) | 0.250 |" in text
    assert "| auroc | undefined | undefined |" in text
    assert "fine-tuned from [InstaDeepAI/agro-nucleotide-transformer-1b]" in text
    assert "mendozarevilla2024foundational" in text
    assert "48 plant species" in text
