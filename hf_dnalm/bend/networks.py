"""The networks that learn BEND's tasks: a small CNN on frozen embeddings, and two that read the letters themselves.

Parameters bear the names of the authors' code, so a state dict of theirs loads as it is.
Source: Marin et al. 2024, https://arxiv.org/abs/2311.12570; Basset: Kelley et al. 2016, doi:10.1101/gr.200535.115.

Legend: b sequences, n nucleotides, o outputs for each of the places that get labels.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import nn
from torch.nn.functional import avg_pool1d, gelu, interpolate, one_hot

from hf_dnalm.modeling.configuration_gpn import GpnConfig
from hf_dnalm.modeling.dilated_convolution import convolve
from hf_dnalm.modeling.modeling_gpn import GpnModel
from hf_dnalm.suites.bend.definition import BendTask

NetworkName = Literal["cnn", "resnet", "basset"]

LETTERS = 5  # of the one-hot code: A C G N T are 0 to 4
PAD = -100  # stands for the letters past the end of a sequence


class DownstreamCNN(nn.Module):
    """Two convolutions, each followed by GELU, the mean over windows, and a linear map.

    Args:
        input_size: numbers of an embedding, or letters of a one-hot code.
        outputs: for each place that gets labels.
        hidden: channels of the convolutions.
        kernel: their width, odd.
        downsample: nucleotides that one output stands for; None gives one for each nucleotide.
        upsample: vectors are this many nucleotides apart, and are first drawn out linearly.
    """

    def __init__(
        self,
        input_size: int,
        outputs: int,
        *,
        hidden: int = 64,
        kernel: int = 3,
        downsample: int | None = None,
        upsample: int | None = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.downsample = downsample
        self.upsample = upsample
        half = kernel // 2  # the authors' padding is 1, which fits their kernel of 3
        self.conv1 = nn.ModuleDict({"1": nn.Conv1d(input_size, hidden, kernel, padding=half)})
        self.conv2 = nn.ModuleDict({"1": nn.Conv1d(hidden, hidden, kernel, padding=half)})
        self.linear = nn.ModuleDict({"0": nn.Linear(hidden, outputs)})

    def forward(
        self, inputs: torch.Tensor, real: torch.Tensor | None = None, *, length: int | None = None
    ) -> torch.Tensor:
        """Logits (b, places, o).

        Args:
            inputs: (b, n, input_size) vectors, or (b, n) numbers of letters.
            real: (b, n), False past the end of a sequence, which then gives what it gives alone; None reads all.
            length: nucleotides to keep of what was drawn out by `upsample`.
        """
        hidden = as_vectors(inputs, self.input_size)
        if self.upsample is not None:
            drawn_out = interpolate(hidden.transpose(1, 2), scale_factor=self.upsample, mode="linear")
            hidden = drawn_out.transpose(1, 2)[:, :length]
        hidden = gelu(convolve(self.conv1["1"], hidden, real))
        hidden = gelu(convolve(self.conv2["1"], hidden, real))
        if self.downsample is not None:
            hidden = avg_pool1d(hidden.transpose(1, 2), self.downsample).transpose(1, 2)
        return self.linear["0"](hidden)


class ResNet(nn.Module):
    """The ResNet-LM's 30 dilated convolutions on the letters, and the CNN on top, all trained.

    Args:
        outputs, hidden, kernel, downsample: of the CNN.
        width, layers: channels and number of the dilated layers.
    """

    def __init__(
        self,
        outputs: int,
        *,
        hidden: int = 64,
        kernel: int = 3,
        downsample: int | None = None,
        width: int = 256,
        layers: int = 30,
    ) -> None:
        super().__init__()
        shape = GpnConfig(vocab_size=LETTERS, hidden_size=width, num_hidden_layers=layers)
        self.encoder = GpnModel(shape)
        self.downstream_cnn = DownstreamCNN(width, outputs, hidden=hidden, kernel=kernel, downsample=downsample)

    def forward(self, inputs: torch.Tensor, real: torch.Tensor | None = None) -> torch.Tensor:
        """Logits (b, places, o) of numbers of letters (b, n); `real` as in `DownstreamCNN`."""
        letters = inputs.clamp(min=0)
        hidden = self.encoder(input_ids=letters, attention_mask=None if real is None else real.long())
        return self.downstream_cnn(hidden.last_hidden_state, real)


class Basset(nn.Module):
    """Three convolutions with batch normalisation, ReLU and max-pooling, then three linear maps.

    As BEND has it there is no ReLU between the last two linear maps.

    Args:
        length_bp: of every sequence.
        outputs: for the whole sequence.
        input_size: letters of the one-hot code.

    Raises:
        ValueError: sequences are shorter than the 48 bp that are pooled into one vector.
    """

    LAYERS = ((300, 19, 3), (200, 11, 4), (200, 7, 4))  # channels, kernel and pooled places of each convolution

    def __init__(self, length_bp: int, outputs: int, *, input_size: int = LETTERS) -> None:
        super().__init__()
        self.length_bp, self.input_size = length_bp, input_size
        blocks: list[nn.Module] = []
        channels, places = input_size, length_bp
        for width, kernel, pooled in self.LAYERS:
            blocks += [nn.Conv1d(channels, width, kernel, padding="same"), nn.BatchNorm1d(width), nn.ReLU()]
            blocks.append(nn.MaxPool1d(pooled))
            channels, places = width, places // pooled
        if not places:
            raise ValueError(f"network 'basset' pools 48 bp into one vector, and sequences have {length_bp} bp")
        self.conv_net = nn.Sequential(*blocks)
        self.clf = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * places, 1000),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(1000, 1000),
            nn.Dropout(0.3),
            nn.Linear(1000, outputs),
        )

    def forward(self, inputs: torch.Tensor, real: torch.Tensor | None = None) -> torch.Tensor:
        """Logits (b, 1, o) of numbers of letters (b, length_bp).

        Raises:
            ValueError: sequences of another length.
        """
        if inputs.shape[1] != self.length_bp or (real is not None and not real.all()):
            raise ValueError(
                f"network 'basset' reads sequences of {self.length_bp} bp; these have {inputs.shape[1]} bp"
            )
        vectors = as_vectors(inputs, self.input_size)
        return self.clf(self.conv_net(vectors.transpose(1, 2)))[:, None]


def as_vectors(inputs: torch.Tensor, width: int) -> torch.Tensor:
    """(b, n, width): vectors as they are, numbers of letters (b, n) as a one-hot code, zero for `PAD`."""
    if inputs.ndim == 3:
        return inputs
    return one_hot(inputs.clamp(min=0), width).float() * inputs.ge(0)[..., None]


def build_network(
    task: BendTask, name: NetworkName, *, input_size: int = LETTERS, length_bp: int | None = None
) -> nn.Module:
    """The network that a task is learned by.

    Args:
        name: "cnn" for embeddings; "resnet" and "basset" for letters.
        input_size: numbers of an embedding.
        length_bp: of the sequences; needed for "basset".

    Raises:
        ValueError: no such network, or one that does not fit the task.
    """
    if name not in get_args(NetworkName):
        raise ValueError(f"network is {name!r}; choose from {', '.join(get_args(NetworkName))}")
    if name == "cnn":
        return DownstreamCNN(
            input_size, task.outputs, hidden=task.hidden, kernel=task.kernel, downsample=task.downsample
        )
    if name == "resnet":
        return ResNet(task.outputs, hidden=task.hidden, kernel=task.kernel, downsample=task.downsample)
    if task.level != "sequence":
        raise ValueError(
            f"network 'basset' gives one answer for each sequence, and task {task.name!r} is of level "
            f"{task.level!r}; use 'resnet'"
        )
    if length_bp is None:
        raise ValueError("network 'basset' needs the length of the sequences; pass length_bp")
    return Basset(length_bp, task.outputs)
