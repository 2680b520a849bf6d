"""The passports: facts that hold together, recognition by content, translation that refuses what it cannot say."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
import torch
from transformers import BertConfig, BigBirdConfig, EsmConfig, ModernBertConfig

from hf_dnalm.checkpoints import PASSPORTS, find_checkpoint, find_passport, passport_of_family
from hf_dnalm.modeling.configuration_nucleotide_transformer import NucleotideTransformerConfig
from hf_dnalm.modeling.modeling_nucleotide_transformer import NucleotideTransformerForMaskedLM
from hf_dnalm.tokenization.vocabulary import kmer_vocabulary

PASSPORT = passport_of_family("nucleotide_transformer")
CHECKPOINTS = {checkpoint.name: checkpoint for checkpoint in PASSPORT.checkpoints}
AMINO_ACIDS = "\n".join(
    ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO", ".", "-", "<null_1>", "<mask>"]
)
KMERS = "\n".join(kmer_vocabulary(6, "nucleotide_transformer_v1"))


def files(**contents: str):
    return lambda name: contents.get(name.replace(".", "_"))


def on_meta(checkpoint) -> NucleotideTransformerForMaskedLM:
    with torch.device("meta"):
        return NucleotideTransformerForMaskedLM(NucleotideTransformerConfig(**PASSPORT.translate(checkpoint.config)))


def test_every_checkpoint_is_known_by_a_hub_id_of_its_own():
    ids = [checkpoint.hub_id for passport in PASSPORTS for checkpoint in passport.checkpoints]
    assert len(ids) == len(set(ids)) >= 17
    assert all(find_checkpoint(hub_id)[1].hub_id == hub_id for hub_id in ids)
    assert find_checkpoint("google-bert/bert-base-uncased") is None


def test_only_commits_that_were_checked_are_pinned():
    assert {name: checkpoint.revision for name, checkpoint in CHECKPOINTS.items() if checkpoint.revision} == {
        "nucleotide-transformer-v2-50m-multi-species": "81b29e57",
        "nucleotide-transformer-v2-100m-multi-species": "f34324c6",
        "nucleotide-transformer-v2-250m-multi-species": "c0f03592",
        "nucleotide-transformer-v2-50m-3mer-multi-species": "ff82eaf9",
    }


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("nucleotide-transformer-2.5b-multi-species", 2_547_801_226),
        ("nucleotide-transformer-v2-50m-multi-species", 55_904_972),
        ("nucleotide-transformer-v2-100m-multi-species", 97_889_132),
        ("nucleotide-transformer-v2-250m-multi-species", 235_120_780),
        ("nucleotide-transformer-v2-500m-multi-species", 498_345_436),
    ],
)
def test_published_counts_are_ours_and_what_upstream_never_uses(name, published):
    config = CHECKPOINTS[name].config
    contact_head = config["num_hidden_layers"] * config["num_attention_heads"] + 1
    positions = config["max_position_embeddings"] * config["hidden_size"] if "add_bias_fnn" in config else 0
    assert CHECKPOINTS[name].parameters + contact_head + positions == published


@pytest.mark.parametrize(
    ("name", "tokens", "bp"),
    [
        ("nucleotide-transformer-500m-human-ref", 1000, 5994),
        ("nucleotide-transformer-v2-50m-multi-species", 2048, 12282),
        ("nucleotide-transformer-v2-50m-3mer-multi-species", 2048, 6141),
        ("agro-nucleotide-transformer-1b", 1024, 6138),
    ],
)
def test_context_is_stated_in_tokens_and_bp(name, tokens, bp):
    checkpoint = CHECKPOINTS[name]
    assert (checkpoint.context_tokens, PASSPORT.bp_of(checkpoint.context_tokens, checkpoint.k)) == (tokens, bp)
    assert PASSPORT.context_tokens(on_meta(checkpoint).config) == tokens


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_every_checkpoint_has_a_citation_with_a_doi(name):
    citation = CHECKPOINTS[name].citation
    assert re.search(r"doi\s+= \{10\.1038/s4\d+-024-\d+-\w\}", citation)
    assert citation.count("{") == citation.count("}")
    assert ("edible plant genomes" in citation) == name.startswith("agro")


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_published_configs_are_recognised_without_any_other_file(name):
    assert find_passport(json.loads(json.dumps(dict(CHECKPOINTS[name].config)))) is PASSPORT


V2 = dict(CHECKPOINTS["nucleotide-transformer-v2-50m-multi-species"].config)
V1 = dict(CHECKPOINTS["agro-nucleotide-transformer-1b"].config)


@pytest.mark.parametrize(
    ("config", "beside"),
    [
        (V2 | {"model_type": "esm"}, {}),  # v2 saved again through upstream's own config class
        (V1 | {"vocab_size": 50}, {"vocab_txt": KMERS}),
        (NucleotideTransformerConfig().to_dict(), {}),
        (
            EsmConfig(
                vocab_size=4105, mask_token_id=2, pad_token_id=1, architectures=["EsmForMaskedLM"]
            ).to_diff_dict(),
            {},
        ),
    ],
)
def test_nucleotide_transformers_are_recognised_by_content(config, beside):
    assert find_passport(config, files(**beside)) is PASSPORT


@pytest.mark.parametrize(
    ("config", "beside"),
    [
        (EsmConfig(vocab_size=33, position_embedding_type="rotary").to_dict(), {}),
        (EsmConfig(vocab_size=33).to_dict(), {"vocab_txt": AMINO_ACIDS}),
        (EsmConfig(vocab_size=4105).to_dict(), {"vocab_txt": AMINO_ACIDS}),
        (BertConfig().to_dict(), {"vocab_txt": "[PAD]\n[UNK]\nACG\nact"}),
        (BertConfig(vocab_size=4105).to_dict(), {"vocab_txt": KMERS}),
        (BigBirdConfig().to_dict(), {}),
        (ModernBertConfig().to_dict(), {}),
        ({"architectures": ["BertModel"], "vocab_size": 4107}, {}),
        ({"architectures": ["EsmForMaskedLM"]}, {}),
        ({}, {}),
    ],
)
def test_other_models_are_left_to_transformers(config, beside):
    assert find_passport(config, files(**beside)) is None


def test_version_1_and_2_translate_to_their_shapes():
    v1, v2 = PASSPORT.translate(V1), PASSPORT.translate(V2 | {"torch_dtype": "float32"})
    assert (v1["position_embedding_type"], v1["feed_forward"], v1["hidden_size"]) == ("absolute", "gelu", 1500)
    assert (v2["position_embedding_type"], v2["feed_forward"], v2["dtype"]) == ("rotary", "silu_gated", "float32")
    assert not {"architectures", "auto_map", "model_type", "add_bias_fnn"} & v2.keys()


def test_what_config_json_leaves_out_is_read_as_upstream_reads_it():
    shape = {key: V1[key] for key in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads")}
    config = PASSPORT.translate({"model_type": "esm", "intermediate_size": 64, **shape})
    assert config["hidden_dropout_prob"] == EsmConfig().hidden_dropout_prob
    assert config["tie_word_embeddings"] is EsmConfig().tie_word_embeddings
    assert config["max_position_embeddings"] == EsmConfig().max_position_embeddings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"is_folding_model": True}, "is_folding_model = True; .* supports only False or None"),
        ({"add_bias_fnn": True}, "add_bias_fnn = True"),
        (
            {"position_embedding_type": "relative_key"},
            "position_embedding_type = 'relative_key'; .*'absolute' or 'rotary'",
        ),
        ({"is_decoder": True}, "is_decoder = True"),
        ({"rope_theta": 5e5}, "rope_theta = 500000.0"),
        ({"esmfold_config": {"trunk": {}}}, "esmfold_config"),
        ({"n_experts": 8}, "the key 'n_experts' .= 8., which no Nucleotide Transformer has"),
    ],
)
def test_a_config_that_asks_for_something_else_is_refused_by_its_key(change, message):
    with pytest.raises(ValueError, match=message):
        PASSPORT.translate(V2 | change)


def test_a_config_without_its_sizes_is_refused():
    with pytest.raises(ValueError, match="has no vocab_size, hidden_size, num_hidden_layers"):
        PASSPORT.translate({"model_type": "esm"})


def test_an_unknown_family_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown family 'evo'; choose from nucleotide_transformer, dnabert2"):
        passport_of_family("evo")


def test_unused_tensors_are_declared_by_the_kind_of_positions():
    def unused(key: str, **config) -> bool:
        patterns = PASSPORT.unused_keys(NucleotideTransformerConfig(**config))
        return any(re.fullmatch(pattern, key) for pattern in patterns)

    v1, v2 = {"position_embedding_type": "absolute"}, {"position_embedding_type": "rotary"}
    assert unused("esm.contact_head.regression.weight", **v1)
    assert unused("esm.contact_head.regression.bias", **v2)
    assert unused("esm.embeddings.position_ids", **v1)
    assert unused("esm.embeddings.position_embeddings.weight", **v2)
    assert unused("esm.encoder.layer.11.attention.self.rotary_embeddings.inv_freq", **v2)
    assert not unused("esm.embeddings.position_embeddings.weight", **v1)
    assert not unused("esm.encoder.layer.11.attention.self.rotary_embeddings.inv_freq", **v1)
    assert not unused("esm.encoder.layer.11.attention.self.query.weight", **v2)


@pytest.mark.parametrize(
    ("special_tokens", "overlapping", "tokens", "k", "bp"),
    [(1, False, 1000, 6, 5994), (2, True, 512, 3, 512), (2, False, 12, 1, 10), (2, False, 512, None, None)],
)
def test_tokens_cover_bp_without_the_special_ones(special_tokens, overlapping, tokens, k, bp):
    passport = dataclasses.replace(PASSPORT, special_tokens=special_tokens, overlapping=overlapping)
    assert passport.bp_of(tokens, k) == bp
