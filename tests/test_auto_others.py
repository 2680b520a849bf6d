"""What is of no family of ours comes through the doors as transformers gives it."""

from __future__ import annotations

import pytest
import torch
import transformers

from hf_dnalm import AutoConfig, AutoModel, AutoModelForMaskedLM, AutoTokenizer
from hf_dnalm.modeling.modeling_nucleotide_transformer import NucleotideTransformerModel
from tests.checkpoint_folder import changed

SHAPE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def other_model(name: str) -> transformers.PreTrainedModel:
    config = {
        "esm2": transformers.EsmConfig(vocab_size=33, position_embedding_type="rotary", pad_token_id=1, **SHAPE),
        "bert": transformers.BertConfig(vocab_size=50, **SHAPE),
        "bigbird": transformers.BigBirdConfig(vocab_size=60, attention_type="original_full", **SHAPE),
        "modernbert": transformers.ModernBertConfig(vocab_size=60, pad_token_id=0, bos_token_id=1, eos_token_id=2,
                                                    cls_token_id=1, sep_token_id=2, **SHAPE),
    }[name]  # fmt: skip
    return transformers.AutoModelForMaskedLM.from_config(config).eval()


@pytest.mark.parametrize("name", ["esm2", "bert", "bigbird", "modernbert"])
def test_models_of_other_families_come_as_transformers_gives_them(name, tmp_path):
    model = other_model(name)
    model.save_pretrained(tmp_path)
    loaded, info = AutoModelForMaskedLM.from_pretrained(tmp_path, output_loading_info=True)
    assert type(loaded) is type(model)
    assert type(AutoConfig.from_pretrained(tmp_path)) is type(model.config)
    assert not info["missing_keys"]
    ids = torch.tensor([[5, 6, 7, 8]])
    assert torch.equal(loaded(ids).logits, model(ids).logits)


def test_other_vocabularies_come_as_transformers_reads_them(tmp_path):
    (tmp_path / "vocab.txt").write_text(
        "\n".join(["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWC", "<mask>"])
    )
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "EsmTokenizer"}')
    (tmp_path / "config.json").write_text('{"model_type": "esm", "vocab_size": 33}')
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert type(tokenizer) is transformers.EsmTokenizer
    with pytest.raises(ValueError, match="genome_mode is of tokenizers of DNA, and this one is a Esm"):
        AutoTokenizer.from_pretrained(tmp_path, genome_mode=True)


def test_family_overrides_what_the_content_says(upstream_v2, tmp_path):
    folder = changed(upstream_v2, tmp_path / "nameless", config={"architectures": None})
    with pytest.raises(ValueError, match="of no family"):
        AutoModel.from_pretrained(folder)
    assert type(AutoModel.from_pretrained(folder, family="nucleotide_transformer")) is NucleotideTransformerModel
    assert AutoConfig.from_pretrained(folder, family="nucleotide_transformer").hidden_size == 32
    with pytest.raises(ValueError, match="unknown family 'evo'"):
        AutoModel.from_pretrained(folder, family="evo")
