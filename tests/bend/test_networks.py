"""BEND's networks: the authors' numbers, shapes computed by hand, and padding without effect."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file

from hf_dnalm.bend.networks import PAD, Basset, DownstreamCNN, ResNet, as_vectors, build_network
from hf_dnalm.suites.bend.published_tasks import find_task

EXACT = {"atol": 1e-5, "rtol": 0}


def quiet(network):
    """In evaluation mode, weights from a seed."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 10)
    return network.eval()


@pytest.mark.parametrize("name", ["gene_finding", "histone", "upsample"])
def test_the_cnn_gives_the_numbers_of_the_authors(shared, name):
    folder = shared / "goldens" / f"bend_cnn_{name}"
    fields = json.loads((folder / "config.json").read_text())
    network = DownstreamCNN(
        fields["input_size"],
        fields["output_size"],
        hidden=fields["hidden_size"],
        kernel=fields["kernel_size"],
        downsample=fields.get("output_downsample_window"),
        upsample=fields.get("upsample_factor"),
    )
    network.load_state_dict(load_file(folder / "model.safetensors"))  # strict: no key is missing or left over
    golden = load_file(folder / "golden.safetensors")
    with torch.no_grad():
        logits = network(golden["x"], length=100).squeeze(1)
    torch.testing.assert_close(logits, golden["out"], **EXACT)
    torch.testing.assert_close(logits.sigmoid(), golden["out_sigmoid"], **EXACT)


def test_the_cnn_has_two_convolutions_and_a_linear_map():
    network = DownstreamCNN(768, 9)
    assert {key: tuple(value.shape) for key, value in network.state_dict().items()} == {
        "conv1.1.weight": (64, 768, 3),
        "conv1.1.bias": (64,),
        "conv2.1.weight": (64, 64, 3),
        "conv2.1.bias": (64,),
        "linear.0.weight": (9, 64),
        "linear.0.bias": (9,),
    }


@pytest.mark.parametrize(("downsample", "places"), [(None, 10), (4, 2), (10, 1)])
def test_the_cnn_answers_for_each_nucleotide_window_or_sequence(downsample, places):
    assert DownstreamCNN(3, 2, hidden=4, downsample=downsample)(torch.randn(5, 10, 3)).shape == (5, places, 2)


def test_windows_are_means_and_wider_kernels_stay_centred():
    network = quiet(DownstreamCNN(3, 2, hidden=4, kernel=7))
    inputs = torch.randn(1, 8, 3)
    each = network(inputs)
    assert each.shape == (1, 8, 2)
    network.downsample = 4
    torch.testing.assert_close(network(inputs)[:, 0], each[:, :4].mean(1))  # the last map is linear


@pytest.mark.parametrize("network", [DownstreamCNN(5, 2, hidden=4), ResNet(2, hidden=4, width=8, layers=3)])
def test_a_padded_sequence_gives_what_it_gives_alone(network):
    quiet(network)
    letters = torch.tensor([[0, 1, 2, 3, 4, 0], [4, 4, 1, PAD, PAD, PAD]])
    alone = network(letters[1:, :3])[0]
    torch.testing.assert_close(network(letters, letters != PAD)[1, :3], alone)
    assert not torch.allclose(network(letters)[1, 2], alone[2])  # as published: the last nucleotide sees the padding


def test_letters_become_one_hot_and_padding_zero():
    assert as_vectors(torch.tensor([[0, 3, PAD]]), 5).tolist() == [[[1, 0, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0]]]


def test_the_resnet_has_the_published_shape_and_names():
    network = ResNet(9)
    state = network.state_dict()
    layers = {key.split(".")[2] for key in state if key.startswith("encoder.encoder.")}
    assert len(layers) == 30
    assert state["encoder.encoder.29.conv.1.weight"].shape == (256, 256, 9)
    assert state["downstream_cnn.conv1.1.weight"].shape == (64, 256, 3)
    each = 256 * 256 * 9 + 256 + 2 * 256 + 256 * 256 + 256 + 2 * 256  # convolution, norm, linear map, norm
    cnn = 64 * 256 * 3 + 64 + 64 * 64 * 3 + 64 + 9 * 64 + 9
    assert sum(value.numel() for value in state.values()) == 30 * each + cnn
    dilations = [layer.conv["1"].dilation[0] for layer in network.encoder.encoder]
    assert dilations == [1, 2, 4, 8, 16, 32] * 5


def test_basset_has_the_published_shape():
    network = Basset(512, 125)
    shapes = {key: tuple(value.shape) for key, value in network.named_parameters() if key.endswith("weight")}
    assert shapes == {
        "conv_net.0.weight": (300, 5, 19),
        "conv_net.1.weight": (300,),
        "conv_net.4.weight": (200, 300, 11),
        "conv_net.5.weight": (200,),
        "conv_net.8.weight": (200, 200, 7),
        "conv_net.9.weight": (200,),
        "clf.1.weight": (1000, 2000),  # 512 // 3 // 4 // 4 = 10 places of 200 channels
        "clf.4.weight": (1000, 1000),
        "clf.6.weight": (125, 1000),
    }
    assert [type(each).__name__ for each in network.clf] == [
        *("Flatten", "Linear", "ReLU", "Dropout", "Linear", "Dropout", "Linear")
    ]
    assert network.clf[3].p == network.clf[5].p == 0.3


def test_basset_reads_sequences_of_one_length():
    network = Basset(48, 3)
    assert network(torch.zeros(2, 48, dtype=torch.long)).shape == (2, 1, 3)
    with pytest.raises(ValueError, match="reads sequences of 48 bp, without padding; these have up to 50 bp"):
        network(torch.zeros(2, 50, dtype=torch.long))
    with pytest.raises(ValueError, match="sequences have 47 bp; network 'basset' needs at least 48 bp"):
        Basset(47, 3)


def test_a_task_defines_its_network():
    cnn = build_network(find_task("gene_finding"), "cnn", input_size=12)
    assert isinstance(cnn, DownstreamCNN)
    assert (cnn.downsample, cnn.input_size) == (None, 12)
    bins = build_network(find_task("enhancer_annotation"), "cnn", input_size=12)
    assert (bins.downsample, bins.conv1["1"].out_channels) == (128, 2)
    resnet = build_network(find_task("histone_modification"), "resnet")
    assert resnet.downstream_cnn.downsample == 512
    assert isinstance(build_network(find_task("cpg_methylation"), "basset", length_bp=512), Basset)


def test_a_network_that_does_not_fit_is_refused():
    histones = find_task("histone_modification")
    with pytest.raises(ValueError, match="network is 'gru'; it must be one of cnn, resnet, basset"):
        build_network(histones, "gru")
    with pytest.raises(ValueError, match="'gene_finding' has the level 'nucleotide'"):
        build_network(find_task("gene_finding"), "basset")
    with pytest.raises(ValueError, match="Pass length_bp"):
        build_network(dataclasses.replace(histones, name="mine"), "basset")
