"""Which configs are possible, and what every config carries."""

from __future__ import annotations

import json

import pytest
from huggingface_hub.errors import StrictDataclassFieldValidationError

from hf_dnalm.modeling import modeling_nucleotide_transformer as modeling
from hf_dnalm.modeling.configuration_nucleotide_transformer import AUTO_MAP, NucleotideTransformerConfig


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hidden_size": 65, "num_attention_heads": 4}, "hidden_size 65 cannot be shared among 4 heads"),
        (
            {"hidden_size": 1500, "num_attention_heads": 20},
            r"a head has 75 \(hidden_size 1500 / 20 heads\): make it even",
        ),
        ({"position_embedding_type": "alibi"}, "position_embedding_type is 'alibi'; choose from 'absolute', 'rotary'"),
        ({"feed_forward": "relu"}, "feed_forward is 'relu'; choose from 'gelu', 'silu_gated'"),
        ({"classifier_pooling": "last"}, "classifier_pooling is 'last'; choose from 'cls', 'mean', 'max'"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0; it must be at least 1"),
        ({"pad_token_id": 4107}, "pad_token_id 4107 is outside of the 4107 token ids"),
        ({"mask_token_id": -1}, "mask_token_id -1 is outside"),
        (
            {"position_embedding_type": "absolute", "max_position_embeddings": 2},
            "max_position_embeddings 2 leaves no position for a token: the first 2 rows belong to none",
        ),
    ],
)
def test_an_impossible_config_is_refused_in_one_line(fields, message):
    with pytest.raises(ValueError, match=message) as error:
        NucleotideTransformerConfig(**fields)
    assert "\n" not in str(error.value)


def test_the_shape_of_agront_is_possible():
    config = NucleotideTransformerConfig(hidden_size=1500, num_attention_heads=20, position_embedding_type="absolute")
    assert config.head_dim == 75


def test_fields_are_checked_for_their_type():
    with pytest.raises(StrictDataclassFieldValidationError, match="Field 'hidden_size' expected int, got str"):
        NucleotideTransformerConfig(hidden_size="large")


def test_every_config_names_all_classes(tmp_path):
    config = NucleotideTransformerConfig(auto_map={"AutoModel": "someone/repo--modeling_esm.EsmModel"})
    assert config.auto_map == AUTO_MAP
    config.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["auto_map"] == AUTO_MAP
    assert NucleotideTransformerConfig.from_pretrained(tmp_path).to_dict() == config.to_dict()


def test_one_config_changing_its_table_leaves_the_others_alone():
    NucleotideTransformerConfig().auto_map.clear()
    assert NucleotideTransformerConfig().auto_map == AUTO_MAP


def test_the_table_names_classes_that_exist():
    for auto_class, reference in AUTO_MAP.items():
        file, name = reference.split(".")
        if auto_class == "AutoConfig":
            assert (file, name) == ("configuration_nucleotide_transformer", NucleotideTransformerConfig.__name__)
        else:
            assert file == "modeling_nucleotide_transformer"
            assert getattr(modeling, name)._auto_class == auto_class
