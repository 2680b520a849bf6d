"""BEND's networks: a small CNN on frozen embeddings, and two networks that read the sequence itself.

Parameters have the names of the authors' code, so that their state dicts load unchanged.
Source: Marin et al. 2024, https://arxiv.org/abs/2311.12570; Basset: Kelley et al. 2016, doi:10.1101/gr.200535.115.

Legend: b sequences, n nucleotides, o outputs for each place. A place is a position with a label: a nucleotide, a bin or
the complete sequence.
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

LETTERS = 5  # size of the one-hot code: A C G N T are 0 to 4
PAD = -100  # code of the padding


class DownstreamCNN(nn.Module):
    """Two convolutions, each followed by GELU, then average pooling and a linear layer.

    Args:
        input_size: size of an embedding, or number of letters of a one-hot code.
        outputs: number of outputs for each place.
        hidden: channels of the convolutions.
        kernel: width of the convolutions; odd.
        downsample: nucleotides per output; None: one output for each nucleotide.
        upsample: nucleotides per input vector; the vectors are first interpolated linearly. None: one vector for each
            nucleotide.
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
            inputs: (b, n, input_size) vectors, or (b, n) codes of bases.
            real: (b, n), False in the padding, which then does not affect the outputs; None: no padding.
            length: number of nucleotides to keep after `upsample`.
        """
        hidden = as_vectors(inputs, self.input_size)
        if self.upsample is not None:
            interpolated = interpolate(hidden.transpose(1, 2), scale_factor=self.upsample, mode="linear")
            hidden = interpolated.transpose(1, 2)[:, :length]
        hidden = gelu(convolve(self.conv1["1"], hidden, real))
        hidden = gelu(convolve(self.conv2["1"], hidden, real))
        if self.downsample is not None:
            hidden = avg_pool1d(hidden.transpose(1, 2), self.downsample).transpose(1, 2)
        return self.linear["0"](hidden)


class ResNet(nn.Module):
    """The 30 dilated convolutions of BEND's ResNet-LM on one-hot bases, followed by the CNN; all layers are trained.

    Args:
        outputs, hidden, kernel, downsample: as in `DownstreamCNN`.
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
        """Logits (b, places, o) from codes of bases (b, n); `real` as in `DownstreamCNN`."""
        letters = inputs.clamp(min=0)
        hidden = self.encoder(input_ids=letters, attention_mask=None if real is None else real.long())
        return self.downstream_cnn(hidden.last_hidden_state, real)


class Basset(nn.Module):
    """Three convolutions with batch normalisation, ReLU and max pooling, then three linear layers.

    As in BEND's code, there is no ReLU between the last two linear layers.

    Args:
        length_bp: length of every sequence.
        outputs: number of outputs for the sequence.
        input_size: number of letters of the one-hot code.

    Raises:
        ValueError: `length_bp` is below 48, the number of bp that are pooled into one vector.
    """

    LAYERS = ((300, 19, 3), (200, 11, 4), (200, 7, 4))  # channels, kernel and pooling width of each convolution

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
            raise ValueError(
                f"sequences have {length_bp} bp; network 'basset' needs at least 48 bp. Use network 'resnet'."
            )
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
        """Logits (b, 1, o) from codes of bases (b, length_bp).

        Raises:
            ValueError: the sequences have another length.
        """
        if inputs.shape[1] != self.length_bp or (real is not None and not real.all()):
            raise ValueError(
                f"network 'basset' reads sequences of {self.length_bp} bp, without padding; these have up to "
                f"{inputs.shape[1]} bp. Use sequences of one length, or network 'resnet'."
            )
        vectors = as_vectors(inputs, self.input_size)
        return self.clf(self.conv_net(vectors.transpose(1, 2)))[:, None]


def as_vectors(inputs: torch.Tensor, width: int) -> torch.Tensor:
    """(b, n, width): vectors unchanged; codes of bases (b, n) as one-hot code, zero for `PAD`."""
    if inputs.ndim == 3:
        return inputs
    return one_hot(inputs.clamp(min=0), width).float() * inputs.ge(0)[..., None]


def build_network(
    task: BendTask, name: NetworkName, *, input_size: int = LETTERS, length_bp: int | None = None
) -> nn.Module:
    """Build a network for a task, with random weights.

    Args:
        name: "cnn" for embeddings; "resnet" or "basset" for sequences.
        input_size: size of an embedding.
        length_bp: length of the sequences; required for "basset".

    Raises:
        ValueError: the network does not exist, or does not fit the task.
    """
    if name not in get_args(NetworkName):
        raise ValueError(f"network is {name!r}; it must be one of {', '.join(get_args(NetworkName))}.")
    if name == "cnn":
        return DownstreamCNN(
            input_size, task.outputs, hidden=task.hidden, kernel=task.kernel, downsample=task.downsample
        )
    if name == "resnet":
        return ResNet(task.outputs, hidden=task.hidden, kernel=task.kernel, downsample=task.downsample)
    if task.level != "sequence":
        raise ValueError(
            f"network 'basset' makes one prediction per sequence, but task {task.name!r} has the level {task.level!r}. "
            "Use network 'resnet'."
        )
    if length_bp is None:
        raise ValueError("network 'basset' needs the length of the sequences. Pass length_bp.")
    return Basset(length_bp, task.outputs)
