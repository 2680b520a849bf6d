"""DNABERT and GROVER through every door: told from BERT by their vocabularies, nothing half loaded."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file

from hf_dnalm import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)
from hf_dnalm.checkpoints import PASSPORTS, find_checkpoint, find_passport, passport_of_family
from hf_dnalm.modeling.configuration_dnabert import DnaBertConfig
from hf_dnalm.modeling.configuration_grover import GroverConfig
from hf_dnalm.registry import config_class, model_class
from hf_dnalm.tokenization import DnaBpeTokenizer, kmer_vocabulary, overlapping_kmer_vocabulary
from tests.toys import dnabert, grover

TOYS = {"dnabert": dnabert, "grover": grover}
IDS = torch.tensor([[2, 5, 9, 14, 3, 0], [2, 6, 7, 8, 13, 3]])
MASK = (IDS != 0).long()
DOORS = {
    "base": AutoModel,
    "masked_lm": AutoModelForMaskedLM,
    "sequence": AutoModelForSequenceClassification,
    "token": AutoModelForTokenClassification,
}


@pytest.fixture(params=TOYS)
def family(request) -> str:
    return request.param


@pytest.fixture
def folder(family, tmp_path) -> Path:
    return TOYS[family].write_upstream(tmp_path / "upstream")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "pytorch_model.bin", weights_only=True)


def store(folder: Path, state: dict[str, torch.Tensor]) -> None:
    torch.save(state, folder / "pytorch_model.bin")


def without_bert(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key.removeprefix("bert."): value for key, value in state.items()}


@pytest.mark.parametrize(
    ("head", "new"),
    [("base", set()), ("masked_lm", set()), ("sequence", {"classifier"}), ("token", {"token_classifier"})],
)
def test_every_door_with_what_starts_untrained_by_name(family, folder, head, new, caplog):
    with caplog.at_level(logging.WARNING, "hf_dnalm"):
        model, info = DOORS[head].from_pretrained(folder, output_loading_info=True)
    assert type(model) is TOYS[family].CLASSES[head]
    assert {key.rpartition(".")[0] for key in info["missing_keys"]} == new
    assert not info["unexpected_keys"]
    assert all(name in caplog.text for name in new)
    stored, loaded = without_bert(weights(folder)), without_bert(model.state_dict())
    left_out = set(stored) - set(loaded)
    assert all(torch.equal(loaded[key], stored[key]) for key in set(stored) - left_out)
    has_pooler = head in ("base", "sequence")
    assert has_pooler is not any("pooler" in key for key in left_out)
    assert model.config.add_pooler is has_pooler  # what is saved from here on says what it holds


@pytest.mark.parametrize("head", DOORS)
def test_what_was_saved_opens_with_every_door(folder, head, tmp_path):
    model = DOORS[head].from_pretrained(folder).eval()
    model.save_pretrained(tmp_path / "saved")
    again, info = DOORS[head].from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert not any(info.values())
    with torch.no_grad():
        assert torch.equal(again.eval()(IDS, MASK)[0], model(IDS, MASK)[0])
    body = AutoModel.from_pretrained(tmp_path / "saved")
    assert (body.pooler is not None) is (head in ("base", "sequence"))


def test_a_file_without_a_pooler_gives_a_model_without_one(folder):
    store(folder, {key: value for key, value in weights(folder).items() if "pooler" not in key})
    body, info = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert body.pooler is None
    assert not info["missing_keys"]
    assert not body.config.add_pooler
    assert body(IDS, MASK).pooler_output is None
    _, info = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert {key.rpartition(".")[0] for key in info["missing_keys"]} == {"bert.pooler.dense", "classifier"}


def test_fine_tuned_checkpoints_of_the_official_code_are_read_whole(folder):
    weight = classified(folder, "BertForSequenceClassification")
    model, info = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values())
    with torch.no_grad():
        outputs = model.eval().bert(IDS, MASK)
        torch.testing.assert_close(model(IDS, MASK).logits, outputs.pooler_output @ weight.T)


def classified(folder: Path, architecture: str) -> torch.Tensor:
    """Give the folder a head of transformers' own class of this name; returns its weight."""
    state = {key: value for key, value in weights(folder).items() if not key.startswith("cls.")}
    weight = torch.randn(2, state["bert.pooler.dense.bias"].shape[0])
    store(folder, state | {"classifier.weight": weight, "classifier.bias": torch.zeros(2)})
    config = json.loads((folder / "config.json").read_text()) | {"architectures": [architecture]}
    (folder / "config.json").write_text(json.dumps(config))
    return weight


def test_a_head_of_tokens_is_read_as_one_and_never_as_one_of_sequences(folder):
    weight = classified(folder, "BertForTokenClassification")
    model, info = AutoModelForTokenClassification.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values())
    assert torch.equal(model.token_classifier.weight, weight)
    with pytest.raises(ValueError, match=r"the head in the weights .* is of another task than"):
        AutoModelForSequenceClassification.from_pretrained(folder)


def test_a_head_that_would_be_taken_for_a_sequence_head_is_refused(folder):
    classified(folder, "BertForMultipleChoice")
    with pytest.raises(ValueError, match=r"BertForMultipleChoice.*, whose head has the name of a sequence"):
        AutoModelForSequenceClassification.from_pretrained(folder)


def test_a_lost_weight_is_refused_by_name(folder):
    state = weights(folder)
    del state["bert.encoder.layer.1.output.dense.weight"]
    store(folder, state)
    with pytest.raises(ValueError, match=r"incomplete, .*ForMaskedLM misses bert\.encoder\.layer\.1\.output\.dense"):
        AutoModelForMaskedLM.from_pretrained(folder)


def test_the_official_heads_for_long_sequences_are_refused(folder):
    store(folder, weights(folder) | {"rnn.weight_ih_l0": torch.zeros(2, 2)})
    with pytest.raises(ValueError, match=r"hold rnn\.weight_ih_l0, for which .* has no place"):
        AutoModel.from_pretrained(folder)


def test_dnabert_adds_its_bias_twice_and_plain_bert_once(tmp_path):
    folder = dnabert.write_upstream(tmp_path)
    twice, once = (AutoModelForMaskedLM.from_pretrained(folder, mlm_bias=each).eval() for each in ("twice", "once"))
    assert AutoConfig.from_pretrained(folder).mlm_bias == "twice"
    plain = transformers.BertForMaskedLM.from_pretrained(folder).eval()  # warns of nothing, is off by the bias
    with torch.no_grad():
        bias = once.cls.predictions.bias
        assert bias.abs().max() > 0.1
        torch.testing.assert_close(twice(IDS, MASK).logits, once(IDS, MASK).logits + bias)
        torch.testing.assert_close(once(IDS, MASK).logits, plain(IDS, MASK).logits)


def test_grover_is_what_plain_bert_computes(tmp_path):
    folder = grover.write_upstream(tmp_path)
    ours = AutoModelForMaskedLM.from_pretrained(folder).eval()
    plain = transformers.BertForMaskedLM.from_pretrained(folder).eval()
    with torch.no_grad():
        torch.testing.assert_close(ours(IDS, MASK).logits, plain(IDS, MASK).logits)


def test_grovers_tokenizer_knows_its_special_tokens_and_owns_every_base(tmp_path):
    folder = grover.write_upstream(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert type(tokenizer) is DnaBpeTokenizer
    plain = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    assert (plain.unk_token, plain.sep_token) == (None, None)  # as published
    assert (tokenizer.unk_token, tokenizer.sep_token, tokenizer.pad_token) == ("[UNK]", "[SEP]", "[PAD]")
    for text in ("AAAAGCAATTTCNGGacgT", "", "A", "GC[MASK]AA", "ATT\nATT"):
        assert tokenizer(text).input_ids == plain(text).input_ids
    ids = tokenizer("AAAAGCAATTTCNGG").input_ids
    assert tokenizer.convert_ids_to_tokens(ids)[1:5] == ["AAAA", "GCAA", "TT", "T"]
    assert tokenizer.bases_per_token(ids).tolist() == [0, 4, 4, 2, 1, 1, 1, 1, 1, 0]
    assert max(ids) < grover.SHAPE["vocab_size"] == tokenizer.get_vocab()[""]


STOCK = transformers.BertConfig().to_dict()
KMERS = "\n".join(overlapping_kmer_vocabulary(3))
GROVER_PAIRS, PAIRS, ENGLISH = (
    json.dumps({"model": {"type": "BPE", "vocab": {"[UNK]": 0} | {word: i + 1 for i, word in enumerate(words)}}})
    for words in (["A", "AC", ""], ["A", "AC"], ["the", ""])
)
OF_FULL_SIZE = json.dumps({"model": {"type": "BPE", "vocab": {"[UNK]": 0} | {"A" * i: i for i in range(1, 609)}}})
DNABERT3 = dict(passport_of_family("dnabert").checkpoints[0].config)


@pytest.mark.parametrize(
    ("config", "beside", "family"),
    [
        (STOCK, {"vocab.txt": KMERS}, "dnabert"),
        (DNABERT3, {}, "dnabert"),  # by the keys of the authors' fork
        (DnaBertConfig().to_dict(), {}, "dnabert"),
        (STOCK | {"vocab_size": 69}, {}, None),
        (DNABERT3 | {"vocab_size": 30522}, {}, None),
        (DNABERT3, {"vocab.txt": "[PAD]\n[UNK]\n[CLS]\nthe"}, None),
        (STOCK, {"vocab.txt": "[PAD]\n[UNK]\n[CLS]\nthe"}, None),
        (STOCK | {"vocab_size": 4105}, {"vocab.txt": "\n".join(kmer_vocabulary(6, "nucleotide_transformer_v1"))}, None),
        (STOCK | {"model_type": "roberta"}, {"vocab.txt": KMERS}, None),
        (STOCK, {"tokenizer.json": GROVER_PAIRS}, "grover"),
        (STOCK, {"tokenizer.json": OF_FULL_SIZE}, "grover"),
        (GroverConfig().to_dict(), {}, "grover"),
        (STOCK | {"vocab_size": 609}, {}, None),
        (STOCK, {"tokenizer.json": PAIRS}, None),
        (STOCK, {"tokenizer.json": ENGLISH}, None),
        (STOCK, {"tokenizer.json": "no json"}, None),
        (STOCK | {"pre_layer_norm": True}, {"tokenizer.json": GROVER_PAIRS}, None),  # GENA-LM
        (STOCK, {}, None),
    ],
)
def test_recognition_is_by_content(config, beside, family):
    found = find_passport(config, beside.get)
    assert (found and found.family) == family


@pytest.mark.filterwarnings("ignore:Deprecated in 0.9.0:DeprecationWarning")  # how transformers 5.5 reads vocab.txt
def test_bert_itself_is_left_to_transformers(tmp_path):
    config = transformers.BertConfig(
        vocab_size=12, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    transformers.BertModel(config).save_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ngenome\na\n##a\n##c\n##g\n##t")
    assert type(AutoModel.from_pretrained(tmp_path)) is transformers.BertModel
    assert "Bert" in type(AutoTokenizer.from_pretrained(tmp_path)).__name__


PUBLISHED = [
    (passport, checkpoint) for passport in PASSPORTS if passport.family in TOYS for checkpoint in passport.checkpoints
]


@pytest.mark.parametrize(("passport", "checkpoint"), PUBLISHED, ids=lambda each: getattr(each, "hub_id", ""))
def test_published_checkpoints_cost_what_the_table_states(passport, checkpoint):
    assert find_checkpoint(checkpoint.hub_id) == (passport, checkpoint)
    with torch.device("meta"):
        config = config_class(passport)(**passport.translate(dict(checkpoint.config)))
        model = model_class(passport, checkpoint.auto_class)(config)
    assert sum(each.numel() for each in model.parameters()) == checkpoint.parameters
    assert passport.context_tokens(config) == checkpoint.context_tokens == 512
    assert len(model.state_dict()) + 2 == 206  # tensors in the published file, the pooler's two counted


def test_context_of_overlapping_words_in_bp():
    by_k = {checkpoint.k: checkpoint for checkpoint in passport_of_family("dnabert").checkpoints}
    assert set(by_k) == {3, 4, 5, 6}
    assert [passport_of_family("dnabert").bp_of(512, k) for k in (3, 6)] == [512, 515]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_act": "relu"}, "hidden_act = 'relu'; a DNABERT supports only 'gelu'"),
        ({"position_embedding_type": "relative_key"}, "supports only 'absolute'"),
        ({"is_decoder": True}, "is_decoder = True"),
        ({"n_experts": 8}, "the key 'n_experts' .= 8., which no DNABERT has"),
    ],
)
def test_a_config_that_asks_for_something_else_is_refused_by_its_key(change, message):
    with pytest.raises(ValueError, match=message):
        passport_of_family("dnabert").translate(DNABERT3 | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classifier_pooling": "last"}, "classifier_pooling is 'last'; choose from 'pooler', 'cls', 'mean', 'max'"),
        ({"mlm_bias": "thrice"}, "mlm_bias is 'thrice'; choose from 'twice', 'once'"),
        ({"is_decoder": True}, "is_decoder and add_cross_attention must be False"),
        ({"add_cross_attention": True}, "is_decoder and add_cross_attention must be False"),
        ({"hidden_act": "relu"}, "hidden_act is 'relu'; these models support only 'gelu'"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0; it must be at least 1"),
        ({"hidden_size": 65, "num_attention_heads": 4}, "hidden_size 65 cannot be shared among 4 heads"),
        ({"pad_token_id": 4101}, "pad_token_id 4101 is outside of the 4101 token ids"),
    ],
)
def test_a_config_that_cannot_be_built_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        DnaBertConfig(**change)


def test_a_config_checks_the_types_of_its_fields():
    from huggingface_hub.errors import StrictDataclassError

    for config, field in ((DnaBertConfig, "mlm_bias"), (GroverConfig, "add_pooler")):
        with pytest.raises(StrictDataclassError, match=field):
            config(**{field: 2})


@pytest.mark.parametrize("door", [AutoModel, AutoModelForMaskedLM])
def test_the_files_that_ship_are_all_that_a_stranger_needs(folder, door, tmp_path):
    door.from_pretrained(folder).save_pretrained(tmp_path / "saved")
    shipped = {path.name for path in (tmp_path / "saved").glob("*.py")}
    assert {"bert_dna.py", "configuration_bert_dna.py", "attention.py", "task_heads.py", "task_models.py"} <= shipped
    assert "rotary.py" not in shipped
    assert "model.safetensors" in {path.name for path in (tmp_path / "saved").iterdir()}
    assert load_file(tmp_path / "saved" / "model.safetensors")
