"""Registration: no torch, once, before or after transformers' own imports; plain transformers reads our folders."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
import transformers
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING

from hf_dnalm import registry
from hf_dnalm.checkpoints import passport_of_family
from hf_dnalm.modeling.configuration_nucleotide_transformer import AUTO_MAP, NucleotideTransformerConfig
from hf_dnalm.modeling.modeling_nucleotide_transformer import NucleotideTransformerForMaskedLM
from hf_dnalm.source import recognise
from hf_dnalm.tokenization.tokenization_kmer import KmerTokenizer
from tests.toys.nucleotide_transformer import toy_config, toy_model, toy_tokenizer

PASSPORT = passport_of_family("nucleotide_transformer")


def run(code: str, *arguments: str) -> str:
    """What a fresh process prints."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


LOADED = """
import sys
def loaded(): print(*(name in sys.modules for name in ("transformers", "torch", "transformers.modeling_utils")))
"""
LOAD = """
print(*(type(door.from_pretrained(sys.argv[1])).__name__ for door in (AutoModel, AutoTokenizer)))
"""


@pytest.fixture
def folder(tmp_path) -> str:
    toy_model("masked_lm").save_pretrained(tmp_path)
    toy_tokenizer().save_pretrained(tmp_path)
    return str(tmp_path)


def test_registering_imports_no_more_than_was_asked_for_and_plain_auto_classes_read_our_folders(folder):
    stages = "import hf_dnalm; loaded()\nimport transformers; loaded()\nfrom hf_dnalm import AutoModel; loaded()\n"
    code = f"{LOADED}{stages}from transformers import AutoModel, AutoTokenizer{LOAD}"
    nothing, no_torch, no_models, read = run(code, folder).splitlines()
    assert nothing == "False False False"
    assert no_torch == "True False False"
    assert no_models.endswith("False")  # transformers' own Auto classes import torch, and no model code
    assert read == "NucleotideTransformerModel KmerTokenizer"


def test_plain_auto_classes_that_were_imported_first_read_our_folders(folder):
    imports = (
        "import sys; from transformers import AutoModel, AutoTokenizer; import hf_dnalm; hf_dnalm.registry.install()"
    )
    assert run(imports + LOAD, folder) == "NucleotideTransformerModel KmerTokenizer"


def test_the_hook_is_installed_once():
    registry.install()
    registry.install()
    assert sum(isinstance(finder, registry._AfterImport) for finder in sys.meta_path) == 1


@pytest.mark.parametrize("auto_class", [name for name in AUTO_MAP if name != "AutoConfig"])
def test_every_class_of_the_auto_map_is_registered(auto_class):
    mapping = getattr(transformers, auto_class)._model_mapping
    assert NucleotideTransformerConfig in mapping
    assert mapping[NucleotideTransformerConfig] is registry.model_class(PASSPORT, auto_class)
    assert mapping[NucleotideTransformerConfig].__name__ == AUTO_MAP[auto_class].rpartition(".")[2]
    assert type(getattr(transformers, auto_class).from_config(toy_config())).__name__ in AUTO_MAP[auto_class]


def test_lazily_registered_classes_look_like_any_others():
    ours = MODEL_FOR_MASKED_LM_MAPPING._extra_content  # the whole mapping imports every model of transformers
    assert NucleotideTransformerForMaskedLM in ours.values()
    assert (NucleotideTransformerConfig, NucleotideTransformerForMaskedLM) in ours.items()
    assert all(isinstance(each, type | tuple) for each in ours.values())
    assert all(isinstance(each, type | tuple) for each in dict(ours).values())
    assert copy.deepcopy(ours)[NucleotideTransformerConfig] is NucleotideTransformerForMaskedLM


def test_registration_leaves_the_esm_family_alone():
    config = transformers.EsmConfig(vocab_size=33, hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    assert type(transformers.AutoModel.from_config(config)) is transformers.EsmModel
    assert transformers.AutoConfig.for_model("esm").__class__ is transformers.EsmConfig


def test_config_and_tokenizer_are_registered():
    assert type(transformers.AutoConfig.for_model(PASSPORT.model_type)) is NucleotideTransformerConfig
    assert registry.tokenizer_class(PASSPORT) is KmerTokenizer
    assert registry.config_class(PASSPORT) is NucleotideTransformerConfig
    assert registry.auto_map(PASSPORT) is AUTO_MAP


@pytest.mark.parametrize(
    ("task", "head"), [("text-classification", "sequence"), ("fill-mask", "masked_lm"), ("feature-extraction", "base")]
)
def test_pipelines_read_our_folders(task, head, tmp_path, caplog):
    model = toy_model(head)
    model.save_pretrained(tmp_path)
    toy_tokenizer().save_pretrained(tmp_path)
    result = transformers.pipeline(task, model=str(tmp_path), device="cpu")("ACG<mask>TTT")
    if task == "text-classification":
        ids = toy_tokenizer()("ACG<mask>TTT", return_tensors="pt").input_ids
        assert result[0]["score"] == pytest.approx(torch.softmax(model(ids).logits, -1).max().item(), abs=1e-5)
    assert "is not supported" not in caplog.text
    assert result


def test_recognise_takes_a_family_by_name_or_by_content():
    config = toy_config().to_dict()
    assert recognise(config, lambda name: None) is PASSPORT
    assert recognise({}, lambda name: None, family="nucleotide_transformer") is PASSPORT
    assert recognise({}, lambda name: None) is None
    with pytest.raises(ValueError, match="unknown family 'hyena'"):
        recognise(config, lambda name: None, family="hyena")
