"""Files of a model that are damaged, foreign or out of all measure are refused by name, before anything is built."""

from __future__ import annotations

import importlib
import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from hf_dnalm import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM
from hf_dnalm.cli.info import describe
from hf_dnalm.cli.main import main
from hf_dnalm.hub import export
from hf_dnalm.weight_files import stored_tensors
from tests.checkpoint_folder import changed
from tests.toys.dnabert import write_upstream as write_pickled
from tests.toys.hyenadna import write_upstream as write_hyenadna
from tests.toys.nucleotide_transformer import write_upstream

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 123456\n"
FAMILIES = [
    *("nucleotide_transformer", "dnabert2", "gena_bert", "gena_bigbird", "dnabert", "grover", "hyenadna", "caduceus"),
    *("gpn", "awd_lstm"),
]


class Call:
    """Unpickling this would run a command."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def one_line(capsys, *arguments) -> str:
    """The line that a command leaves on stderr."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    assert stop.value.code == 2
    return capsys.readouterr().err.strip()


def sharded(folder: Path, to: Path) -> Path:
    """The same model with its weights in several files."""
    AutoModelForMaskedLM.from_pretrained(folder).save_pretrained(to, max_shard_size="20KB")
    assert len(list(to.glob("*.safetensors"))) > 1
    return to


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda whole: b"", "the file is empty"),
        (lambda whole: POINTER, "git-lfs pointer.*git lfs pull"),
        (lambda whole: whole[: len(whole) // 2], r"cannot be read \("),
        (lambda whole: whole[:-7], r"cannot be read \("),
        (lambda whole: whole[:5], r"cannot be read \("),
        (lambda whole: b"<!DOCTYPE html>" * 20, r"cannot be read \("),
        (lambda whole: bytes(len(whole)), r"cannot be read \("),
    ],
    ids=["empty", "pointer", "half", "end", "start", "page", "zeros"],
)
@pytest.mark.parametrize("kind", ["safetensors", "bin", "legacy bin", "lightning"])
def test_damaged_weights_are_refused_by_their_file(kind, data, message, tmp_path):
    door = AutoModelForMaskedLM
    if kind == "safetensors":
        path = write_upstream(tmp_path / "model") / "model.safetensors"
    elif kind == "lightning":
        path, door = write_hyenadna(tmp_path / "model", "first") / "weights.ckpt", AutoModelForCausalLM
        message = rf"{message}|no checkpoint of PyTorch 1\.6"
    else:
        path = write_pickled(tmp_path / "model") / "pytorch_model.bin"
        if kind == "legacy bin":
            torch.save(torch.load(path, weights_only=True), path, _use_new_zipfile_serialization=False)
    path.write_bytes(data(path.read_bytes()))
    with pytest.raises(ValueError, match=rf"{path.name}: .*({message})") as caught:
        door.from_pretrained(path.parent)
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize("command", ["info", "verify", "embed", "likelihood"])
def test_commands_refuse_a_pointer_in_one_line(command, tmp_path, capsys):
    folder = write_upstream(tmp_path / "model")
    (folder / "model.safetensors").write_bytes(POINTER)
    (tmp_path / "in.fa").write_text(">a\nACGTACGTACGT\n")
    out = tmp_path / {"embed": "out.npz", "likelihood": "out.tsv"}.get(command, "none")
    more = (tmp_path / "in.fa", "--output", out) if out.suffix else ()
    line = one_line(capsys, command, folder, *more)
    assert line.startswith(f"dnalm {command}: error: {folder}/model.safetensors: this is a git-lfs pointer")
    assert "\n" not in line
    assert not list(tmp_path.glob("out.*"))


def test_a_legacy_file_with_a_wrong_length_of_a_tensor_is_refused_by_name(tmp_path):
    path = tmp_path / "pytorch_model.bin"
    torch.save({"a": torch.zeros(3, dtype=torch.float32)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    assert content.endswith((3).to_bytes(8, "little") + bytes(12))  # how many numbers, and the numbers
    path.write_bytes(content[:-20] + (4).to_bytes(8, "little") + bytes(12))
    with pytest.raises(ValueError, match=r"pytorch_model.bin: cannot be read \(storage has wrong byte size"):
        stored_tensors(str(path))


@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_pickled_weights_is_named_and_not_run(legacy, tmp_path):
    folder, marker = write_pickled(tmp_path / "model"), tmp_path / "ran"
    torch.save({"a": Call(marker)}, folder / "pytorch_model.bin", _use_new_zipfile_serialization=not legacy)
    with pytest.raises(
        ValueError, match=r"pytorch_model\.bin: loading this file would run posix\.system.*was run"
    ) as caught:
        AutoModel.from_pretrained(folder)
    assert "weights_only" not in str(caught.value)
    assert not marker.exists()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"a": Call(marker)}))
    with pytest.raises(ValueError, match=r"pytorch_model\.bin: "):
        AutoModel.from_pretrained(folder)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"a": 1}, r"pytorch_model\.bin: 'a' is int where a tensor is needed"),
        ({"state_dict": {"a": torch.ones(1)}}, r"'state_dict' is dict where a tensor is needed.*state_dict alone"),
        ([torch.ones(1)], r"pytorch_model\.bin: holds list where tensors by name are needed"),
        ({1: torch.ones(1)}, r"pytorch_model\.bin: holds dict where tensors by name"),
        ({"a": torch.ones(1).expand(10**12)}, r"'a' has shape \(1000000000000,\), more numbers than the file holds"),
    ],
)
def test_pickled_files_that_hold_something_else_are_refused(contents, message, tmp_path):
    folder = write_pickled(tmp_path / "model")
    torch.save(contents, folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=message):
        AutoModel.from_pretrained(folder)


def test_weights_of_whole_numbers_are_refused(upstream_v2, tmp_path):
    key = "esm.encoder.layer.0.attention.self.query.weight"
    whole = load_file(upstream_v2 / "model.safetensors")[key].view(torch.int32)
    folder = changed(upstream_v2, tmp_path / "changed", drop=(key,), add={key: whole})
    with pytest.raises(ValueError, match=rf"{key} is stored as whole numbers"):
        AutoModelForMaskedLM.from_pretrained(folder)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([], "holds a list where an object is needed"),
        ({}, "has no weight_map"),
        ({"weight_map": []}, "has no weight_map"),
        ({"weight_map": {"a": "model-1.safetensors"}}, "has no object metadata"),
        ({"weight_map": {"a": "model-1.safetensors"}, "metadata": [1]}, "has no object metadata"),
        ({"weight_map": {"a": 1}}, "weight_map has 1 for a; it must be the name of a .safetensors or .bin file"),
        ({"weight_map": {"a": "config.json"}}, "weight_map has 'config.json' for a"),
        ({"weight_map": {"a": "../other/model.safetensors"}}, "outside of the model's folder"),
        ({"weight_map": {"a": "/other/model.safetensors"}}, "outside of the model's folder"),
        ({"weight_map": {"a": "x\\..\\..\\model.safetensors"}}, "outside of the model's folder"),
        ({"weight_map": {"a": "C:\\model.safetensors"}}, "outside of the model's folder"),
    ],
)
@pytest.mark.parametrize("kind", ["model.safetensors", "pytorch_model.bin"])
def test_an_index_of_another_form_or_of_foreign_files_is_refused(kind, index, message, upstream_v2, tmp_path):
    shutil.copytree(upstream_v2, tmp_path / "other")
    folder = Path(shutil.copytree(upstream_v2, tmp_path / "model"))
    (folder / "model.safetensors").unlink()
    (folder / f"{kind}.index.json").write_text(json.dumps(index))
    for read in (
        AutoModel.from_pretrained,
        lambda place: describe(str(place)),
        lambda place: export(place, tmp_path / "x"),
    ):
        with pytest.raises(ValueError, match=rf"{kind}\.index\.json: .*{message}".replace("\\\\", "\\")):
            read(folder)
    assert not (tmp_path / "x").exists()


def test_foreign_weights_are_refused_in_models_of_transformers_too(tmp_path):
    settings = {"vocab_size": 8, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = transformers.BertModel(transformers.BertConfig(**settings, intermediate_size=8))
    model.save_pretrained(tmp_path / "model", max_shard_size="1KB")
    AutoModel.from_pretrained(tmp_path / "model")
    index = tmp_path / "model" / "model.safetensors.index.json"
    contents = json.loads(index.read_text())
    contents["weight_map"] = dict.fromkeys(contents["weight_map"], "../secret.safetensors")
    index.write_text(json.dumps(contents))
    with pytest.raises(ValueError, match="outside of the model's folder"):
        AutoModel.from_pretrained(tmp_path / "model")


def test_a_shard_that_is_not_there_is_named(upstream_v2, tmp_path):
    folder = sharded(upstream_v2, tmp_path / "model")
    shard = sorted(folder.glob("*.safetensors"))[1]
    shard.unlink()
    with pytest.raises(FileNotFoundError, match=rf"model\.safetensors\.index\.json names {shard.name}, which is not"):
        AutoModelForMaskedLM.from_pretrained(folder)


def test_shards_that_are_links_into_the_cache_are_read(upstream_v2, tmp_path):
    folder = sharded(upstream_v2, tmp_path / "model")
    snapshot, blobs = tmp_path / "cache" / "snapshots" / "abc", tmp_path / "cache" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for number, path in enumerate(sorted(folder.glob("*.*"))):
        path.rename(blobs / str(number))
        (snapshot / path.name).symlink_to(f"../../blobs/{number}")
    model = AutoModelForMaskedLM.from_pretrained(snapshot)
    expected = AutoModelForMaskedLM.from_pretrained(upstream_v2).state_dict()
    assert all(torch.equal(each, expected[name]) for name, each in model.state_dict().items())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("own", [False, True], ids=["upstream", "own"])
def test_no_family_builds_a_model_out_of_all_measure(family, own, tmp_path):
    folder = importlib.import_module(f"tests.toys.{family}").write_upstream(tmp_path / "model")
    if own:
        AutoModel.from_pretrained(folder).save_pretrained(tmp_path / "own")
        folder = tmp_path / "own"
    contents = json.loads((folder / "config.json").read_text())
    layers = next(name for name in ("num_hidden_layers", "n_layer", "n_layers") if name in contents)
    many = {str(number): "x" for number in range(2**18 + 1)}
    for change, message in (
        ({layers: 10**7}, rf"{layers} is 10,000,000; at most 4,096"),
        ({"num_labels": 2**62}, "num_labels is 4,611,686,018,427,387,904; at most 262,144"),
        ({"id2label": many}, "id2label has 262,145 labels; at most 262,144"),
        ({"vocab_size": 10**12}, "vocab_size is 1,000,000,000,000; at most"),
        ({"vocab_size": -(10**20)}, "vocab_size is -100,000,000,000,000,000,000; at most"),
        ({layers: "2"}, f"{layers} is '2', a string; it must be a whole number"),
        ({"_attn_implementation": "owner/kernel"}, "_attn_implementation is 'owner/kernel': .* cannot choose code"),
        ({"attn_implementation": "kernels-community/flash-attn3:x"}, "attn_implementation is .* cannot choose code"),
        ({"_attn_implementation_internal": "a/b"}, "_attn_implementation_internal is .* cannot choose code"),
        ({"transformers_weights": "../x.safetensors"}, "weights outside the model's folder"),
    ):
        (folder / "config.json").write_text(json.dumps(contents | change))
        for read in (AutoConfig.from_pretrained, lambda place: describe(str(place)), AutoModel.from_pretrained):
            with pytest.raises(ValueError, match=rf"^{folder}.*{message}"):
                read(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_size": 2**22}, "config.json describes a model of [0-9,]+ weights, and the files hold [0-9,]+"),
        (
            {"hidden_dropout_prob": 5.0},
            "config.json: cannot be read .*dropout probability.* Correct|A field has a value",
        ),
        ({"initializer_range": float("nan")}, "initializer_range is nan, which is not a finite number"),
        ({"dtype": "nn"}, "dtype is 'nn'; it must be float32, float16, bfloat16 or float64"),
        ({"id2label": {"x": "a"}}, "id2label has the key 'x'; keys must be label numbers"),
        ({"architectures": [1]}, "architectures contains 1; it must list class names"),
    ],
)
def test_values_that_no_model_has_are_refused_by_their_field(change, message, upstream_v2, tmp_path):
    folder = changed(upstream_v2, tmp_path / "changed", config=change)
    with pytest.raises(ValueError, match=rf"{folder}.*{message}"):
        AutoModelForMaskedLM.from_pretrained(folder)


@pytest.mark.parametrize("layout", ["hf", "first"])
def test_layers_inside_of_layers_are_limited_too(layout, tmp_path):
    folder = write_hyenadna(tmp_path / "model", layout)
    text = (folder / "config.json").read_text()
    contents = json.loads(text)
    place = contents.get("layer", contents)
    place["num_inner_mlps"] = 10**7
    (folder / "config.json").write_text(json.dumps(contents))
    with pytest.raises(ValueError, match=r"num_inner_mlps is 10,000,000; at most 64"):
        describe(str(folder))


def test_a_kernel_that_the_caller_names_is_left_to_transformers(upstream_v2):
    with pytest.raises(ImportError, match="kernels"):
        AutoModel.from_pretrained(upstream_v2, attn_implementation="owner/kernel")


def test_info_refuses_a_config_that_fills_the_memory(tmp_path, capsys):
    folder = write_upstream(tmp_path / "model")
    (folder / "config.json").write_text("{" + " " * (2**26) + "}")
    assert "config.json: 67,108,866 bytes, more than such a file ever has" in one_line(capsys, "info", folder)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_weights_and_index_side_by_side_are_read_as_transformers_reads_them(name, upstream_v2, tmp_path):
    folder = Path(shutil.copytree(upstream_v2, tmp_path / "model"))
    if name == "pytorch_model.bin":
        torch.save(load_file(folder / "model.safetensors"), folder / name)
        (folder / "model.safetensors").unlink()
    (folder / f"{name}.index.json").write_text(json.dumps({"weight_map": {"a": "gone.bin"}}))
    AutoModelForMaskedLM.from_pretrained(folder)


def test_weights_of_a_variant_are_looked_into(upstream_v2, tmp_path):
    folder = Path(shutil.copytree(upstream_v2, tmp_path / "model"))
    weights = load_file(folder / "model.safetensors")
    save_file(weights, folder / "model.fp16.safetensors", {"format": "pt"})
    AutoModelForMaskedLM.from_pretrained(folder, variant="fp16")
    (folder / "model.fp16.safetensors").write_bytes(b"")
    with pytest.raises(ValueError, match=r"model\.fp16\.safetensors: the file is empty"):
        AutoModelForMaskedLM.from_pretrained(folder, variant="fp16")
