"""Every family computes what its authors' definition says: checked in any clone against `tests/reference`.

First the reference is held to the authors' own outputs, where `../shared` is; then our models to the reference, for
checkpoints in every published layout. A reference is float64, our model float32: see `HIDDEN` and `LOGITS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import BigBirdConfig, BigBirdForMaskedLM

from hf_dnalm.auto import AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM
from hf_dnalm.bend.networks import DownstreamCNN
from hf_dnalm.tokenization.vocabulary import kmer_vocabulary
from tests.reference import bert_like, without_attention
from tests.reference.folders import golden_numbers, stored_config, stored_weights
from tests.toys import awd_lstm, caduceus, dnabert, dnabert2, gena_bert, gena_bigbird, gpn, grover, hyenadna
from tests.toys import nucleotide_transformer as nt

# Float32 on a CPU against float64: hidden states are of size 1 to 10 and logits of 1 to 20, each a sum over all layers.
HIDDEN = {"atol": 2e-5, "rtol": 1e-5}
LOGITS = {"atol": 5e-5, "rtol": 1e-5}


# ---- the reference is the authors'


class Golden(NamedTuple):
    """A folder of ../shared/goldens: its reference, and the names of the outputs it is held to."""

    reference: Callable
    mask: str | None = "attention_mask"
    hidden: str | None = "last_hidden_state"
    logits: str = "logits"


GOLDENS = {
    "nt_v1": Golden(bert_like.nucleotide_transformer, hidden=None),
    "nt_v2": Golden(bert_like.nucleotide_transformer, hidden=None),
    "dnabert2": Golden(bert_like.dnabert2),
    "gena_bert_base": Golden(bert_like.gena),
    "gena_sparse_rope": Golden(bert_like.gena, hidden=None, logits="logits_shared_L256"),
    "dnabert3": Golden(bert_like.dnabert),
    "grover": Golden(bert_like.grover, hidden=None),
    "hyenadna": Golden(without_attention.hyenadna, mask=None),
    "caduceus_ph": Golden(without_attention.caduceus, mask=None),
    "caduceus_ps": Golden(without_attention.caduceus, mask=None),
    "gpn_convnet": Golden(without_attention.gpn, mask=None),
    "bend_convnet": Golden(without_attention.gpn, mask=None),
    "bend_awdlstm": Golden(without_attention.awd_lstm, mask=None),
}


@pytest.mark.parametrize("name", GOLDENS)
def test_the_reference_gives_what_the_authors_code_gave(shared, name):
    folder, (reference, mask, hidden, logits) = shared / "goldens" / name, GOLDENS[name]
    weights, config, golden = stored_weights(folder), stored_config(folder), golden_numbers(folder)
    for row, ids in enumerate(golden["input_ids"]):
        got = reference(weights, config, ids, None if mask is None else golden[mask][row])
        real = np.ones(len(ids), dtype=bool) if mask is None else golden[mask][row].astype(bool)
        if hidden is not None:
            np.testing.assert_allclose(got.hidden[real], golden[hidden][row][real], **HIDDEN)
        expected = golden[logits][row][real]
        np.testing.assert_allclose(got.logits[real][:, : expected.shape[1]], expected, **LOGITS)


@pytest.mark.parametrize("name", ["gene_finding", "histone", "upsample"])
def test_the_reference_of_bends_network_gives_what_the_authors_code_gave(shared, name):
    folder = shared / "goldens" / f"bend_cnn_{name}"
    golden, config = golden_numbers(folder), stored_config(folder)
    for x, expected in zip(golden["x"].astype(np.float64), golden["out"], strict=True):
        got = without_attention.bend_cnn(stored_weights(folder), config, x, length=100)
        np.testing.assert_allclose(got.squeeze(), expected, atol=1e-5, rtol=0)


# ---- our models are the reference


def _write_nucleotide_transformer(folder: Path, flavour: str, k: int) -> Path:
    """Version 1, AgroNT or version 2 as the Hub holds them."""
    version_1 = flavour != "Version2"
    vocabulary = kmer_vocabulary(k, "nucleotide_transformer_v1" if version_1 else "nucleotide_transformer_v2")
    rows = len(vocabulary) - (2 if version_1 else 0)
    if version_1:
        nt.write_version_1(folder)
    else:
        nt.write_upstream(folder)
    shape = {"max_position_embeddings": 66} if version_1 else {}
    model = nt.toy_model(vocab_size=rows, **nt.FLAVOURS[flavour], **shape)
    names = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    described = stored_config(folder) | {name: getattr(model.config, name) for name in names}
    described |= {"token_dropout": flavour == "Version1", "layer_norm_eps": model.config.layer_norm_eps}
    (folder / "config.json").write_text(json.dumps(described))
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    save_file(model.state_dict(), folder / "model.safetensors", {"format": "pt"})
    return folder


class Layout(NamedTuple):
    """A published layout.

    Attributes:
        write: writes a tiny checkpoint into a folder.
        reference: of the same folder.
        mask_id: its mask token, which is put into some places.
        padding: the id after the end of the shorter sequence; None where the authors' model takes no mask.
        auto_class: takes its weights.
        family: names the family where the folder alone cannot.
    """

    write: Callable[[Path], Path]
    reference: Callable
    mask_id: int
    padding: int | None = None
    auto_class: Any = AutoModelForMaskedLM
    family: str | None = None


def _without_last_norm_key(folder: Path) -> Path:
    """GENA-LM's checkpoints with a last norm have no key that says so."""
    gena_bert.write_upstream(folder, "bert-base-t2t")
    config = stored_config(folder)
    del config["last_layer_norm"]
    (folder / "config.json").write_text(json.dumps(config))
    torch.save(gena_bert.toy_model(last_layer_norm=True).state_dict(), folder / "pytorch_model.bin")
    return folder


def _write_dnabert_6(folder: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dnabert, "K", 6)
        patch.setitem(dnabert.SHAPE, "vocab_size", 4101)
        return dnabert.write_upstream(folder)


def _write_gpn(folder: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(gpn.SHAPE, "num_hidden_layers", 7)  # once through the cycle of dilations
        return gpn.write_upstream(folder)


def _gena(layout: gena_bert.Layout) -> Layout:
    return Layout(lambda folder: gena_bert.write_upstream(folder, layout), bert_like.gena, 4, 3)


def _nt(flavour: str, k: int) -> Layout:
    return Layout(lambda f: _write_nucleotide_transformer(f, flavour, k), bert_like.nucleotide_transformer, 2, 1)


def _caduceus(layout: caduceus.Layout) -> Layout:
    return Layout(lambda folder: caduceus.write_upstream(folder, layout), without_attention.caduceus, 3)


LAYOUTS: dict[str, Layout] = {
    "NT v1": _nt("Version1", 6),
    "AgroNT": _nt("AgroNT", 6),
    "NT v2, 6-mers": _nt("Version2", 6),
    "NT v2, 3-mers": _nt("Version2", 3),
    "DNABERT-2": Layout(dnabert2.write_upstream, bert_like.dnabert2, 4, 3),
    "DNABERT-S": Layout(lambda f: dnabert2.write_upstream(f, "DNABERT-S"), bert_like.dnabert2, 4, 3, AutoModel),
    "GENA-LM bert-base": _gena("bert-base"),
    "GENA-LM bert-base-t2t": _gena("bert-base-t2t"),
    "GENA-LM bert-base-lastln-t2t": Layout(_without_last_norm_key, bert_like.gena, 4, 3),
    "GENA-LM bigbird-base-sparse": _gena("bigbird-base-sparse"),
    "GENA-LM bigbird-base-sparse-t2t": _gena("bigbird-base-sparse-t2t"),
    "DNABERT 3": Layout(dnabert.write_upstream, bert_like.dnabert, 4, 0),
    "DNABERT 6": Layout(_write_dnabert_6, bert_like.dnabert, 4, 0),
    "GROVER": Layout(grover.write_upstream, bert_like.grover, 4, 3, family="grover"),
    "HyenaDNA -hf": Layout(hyenadna.write_upstream, without_attention.hyenadna, 3, auto_class=AutoModelForCausalLM),
    "Caduceus-Ph": _caduceus("ph"),
    "Caduceus-Ps": _caduceus("ps"),
    "PlantCaduceus": _caduceus("plant"),
    "GPN, ResNet-LM": Layout(_write_gpn, without_attention.gpn, 1),
    "AWD-LSTM": Layout(awd_lstm.write_upstream, without_attention.awd_lstm, 1, auto_class=AutoModelForCausalLM),
}


def _hold_to_reference(layout: Layout, folder: Path, implementation: str) -> None:
    """A batch of a sequence with masks and a shorter one gives what the reference gives for each alone."""
    weights, config = stored_weights(folder), stored_config(folder)
    options = {} if layout.family is None else {"family": layout.family}
    if layout.padding is not None:
        options["attn_implementation"] = implementation
    model = layout.auto_class.from_pretrained(folder, **options).eval()
    rng = np.random.default_rng(0)
    embedding = model.config.vocab_size
    lengths = (33, 12) if layout.padding is not None else (33,)
    rows = [rng.integers(min(7, embedding - 4), min(embedding, 4000), length) for length in lengths]
    rows[0][[3, 4, 20]] = rows[-1][5] = layout.mask_id
    batch = {"input_ids": torch.full((len(rows), 33), layout.padding or 0)}
    for row, ids in enumerate(rows):
        batch["input_ids"][row, : len(ids)] = torch.from_numpy(ids)
    if layout.padding is not None:
        batch["attention_mask"] = torch.tensor([[1] * len(ids) + [0] * (33 - len(ids)) for ids in rows])
    with torch.no_grad():
        got = model(**batch, output_hidden_states=True)
    hidden = got.last_hidden_state if layout.auto_class is AutoModel else got.hidden_states[-1]
    for row, ids in enumerate(rows):
        expected = layout.reference(weights, config, ids, None)
        assert np.abs(expected.hidden).max() > 0.3  # weights large enough to tell
        np.testing.assert_allclose(hidden[row, : len(ids)], expected.hidden, **HIDDEN)
        if expected.logits.shape[1]:
            np.testing.assert_allclose(got.logits[row, : len(ids)], expected.logits, **LOGITS)


CASES = [
    (name, kind)
    for name in LAYOUTS
    for kind in ("eager", "sdpa")
    if kind == "sdpa" or LAYOUTS[name].padding is not None
]


@pytest.mark.parametrize(("name", "implementation"), CASES)
def test_a_checkpoint_of_every_layout_gives_the_reference_numbers(tmp_path, name, implementation):
    _hold_to_reference(LAYOUTS[name], LAYOUTS[name].write(tmp_path), implementation)


def test_hyenadnas_first_layout_gives_the_reference_numbers(tmp_path):
    hf, first = hyenadna.write_upstream(tmp_path / "hf"), hyenadna.write_upstream(tmp_path / "first", "first")
    ids = np.random.default_rng(0).integers(7, 12, 40)
    expected = without_attention.hyenadna(stored_weights(hf), stored_config(hf), ids, None)
    with torch.no_grad():
        got = AutoModelForCausalLM.from_pretrained(first).eval()(torch.from_numpy(ids)[None]).logits[0]
    np.testing.assert_allclose(got, expected.logits, **LOGITS)


@pytest.mark.parametrize("random_blocks", ["training", "zeros"])
@pytest.mark.parametrize("length", [12, 33, 64])  # densely; by blocks, the last one not full; whole blocks
def test_bigbird_gives_the_numbers_of_transformers_own(tmp_path, random_blocks, length):
    folder = gena_bigbird.write_upstream(tmp_path)
    fields = stored_config(folder) | dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob"), 0.0)
    official = BigBirdForMaskedLM._from_config(BigBirdConfig(**fields), attn_implementation="eager").eval()
    official.load_state_dict(torch.load(folder / "pytorch_model.bin", weights_only=True), strict=False)
    official.tie_weights()
    for module in official.modules():  # transformers draws random blocks, as for training, in this mode alone
        if type(module).__name__ == "BigBirdBlockSparseAttention":
            module.training = random_blocks == "training"
    options = {} if random_blocks == "training" else {"random_blocks": random_blocks}  # as trained is the default
    model = AutoModelForMaskedLM.from_pretrained(folder, family="gena_bigbird", **options).eval()
    ids = torch.from_numpy(np.random.default_rng(0).integers(5, 26, (1, length)))
    with torch.no_grad():
        expected = official(ids, torch.ones_like(ids), output_hidden_states=True)
        got = model(ids, output_hidden_states=True)
    torch.testing.assert_close(got.hidden_states[-1], expected.hidden_states[-1][:, :length], **HIDDEN)
    torch.testing.assert_close(got.logits, expected.logits, **LOGITS)


@pytest.mark.parametrize("changes", [{}, {"output_downsample_window": 8}, {"upsample_factor": 6}])
def test_bends_network_gives_the_reference_numbers(changes):
    torch.manual_seed(0)
    options = {"downsample": changes.get("output_downsample_window"), "upsample": changes.get("upsample_factor")}
    network = DownstreamCNN(10, 3, hidden=8, **options).double().eval()
    weights = {name: each.numpy() for name, each in network.state_dict().items()}
    x = torch.randn(1, 32, 10, dtype=torch.float64)
    with torch.no_grad():
        got = network(x, length=100)[0].numpy()
    np.testing.assert_allclose(got, without_attention.bend_cnn(weights, changes, x[0].numpy(), length=100), atol=1e-12)
