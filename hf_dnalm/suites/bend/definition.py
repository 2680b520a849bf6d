"""What a task of BEND is: regions of a genome, labels, and the network and training that the benchmark fixes."""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

from hf_dnalm.tasks import Level, ProblemType, Task

BendLevel = Literal["sequence", "bin", "nucleotide", "variant"]
LabelSource = Literal["bed", "hdf5"]
Loss = Literal["cross_entropy", "binary_cross_entropy"]
Metric = Literal["mcc", "auroc", "auprc"]

PADDING = -100  # stands in labels where a shorter sequence of a batch has none


@dataclasses.dataclass(frozen=True)
class BendTask:
    """A task: what is read, what is predicted, and how the network on the frozen embeddings is trained.

    Attributes:
        name: also the name of the folder and the files: `<name>/<name>.bed`, `<name>/<name>.hdf5`.
        label_names: one for each output: classes (cross entropy) or yes/no tracks (binary cross entropy).
        description: what a region is and what every label means.
        level: what gets labels: the sequence, each of its bins of `downsample` bp, each nucleotide (one class each),
            or, in a zero-shot task, a variant.
        label_source: "bed": the column `label`; "hdf5": dataset `labels` of the HDF5 file, row i is row i of the BED.
        loss: None for a zero-shot task: nothing is trained.
        metric: what a model is scored by; a macro mean over tracks.
        assembly: the reference that the coordinates are of.
        length_bp: shortest and longest region, or None; of a variant task, the letters read for each variant.
        read_strand: regions on the strand "-" are read as their reverse complement.
        downsample: bp that one output stands for: a bin, or the whole sequence; None for each nucleotide.
        hidden: channels of the network's convolutions.
        kernel: their width, in nucleotides.
        positive_weight: factor of the loss where the label is 1.
        learning_rate, weight_decay, batch_size, epochs: of AdamW; the epoch that validates best is tested.
        cross_validation: number of folds; 0 trains once on the split `train`.
        context_bp: letters read on either side of a variant.
        columns: of a BED file without a header, in its order; None reads the header.
        bed: path of the BED file where it isn't at its usual place.
        hdf5: path of the HDF5 file, likewise.
        licence: of the data.
        citation: of the data.

    Raises:
        ValueError: fields that do not go together; the message names the task and the field.
    """

    name: str
    label_names: tuple[str, ...]
    description: str = ""
    level: BendLevel = "sequence"
    label_source: LabelSource = "bed"
    loss: Loss | None = "binary_cross_entropy"
    metric: Metric = "auroc"
    assembly: str = ""
    length_bp: tuple[int, int] | None = None
    read_strand: bool = False
    downsample: int | None = None
    hidden: int = 64
    kernel: int = 3
    positive_weight: float | None = None
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    batch_size: int = 64
    epochs: int = 100
    cross_validation: int = 0
    context_bp: int = 0
    columns: tuple[str, ...] | None = None
    bed: str | None = None
    hdf5: str | None = None
    licence: str = ""
    citation: str = ""

    def __post_init__(self) -> None:
        if not self.name or self.name in (".", "..") or set(self.name) & set("/\\\0\n"):
            raise self._refused("name", "it names a folder and files, and must be one name without slashes")
        for field, choices in (
            ("level", get_args(BendLevel)),
            ("label_source", get_args(LabelSource)),
            ("loss", (None, *get_args(Loss))),
            ("metric", get_args(Metric)),
        ):
            if getattr(self, field) not in choices:
                raise self._refused(field, f"it must be one of {', '.join(str(choice) for choice in choices)}")
        for field in ("hidden", "kernel", "batch_size", "epochs", "learning_rate"):
            if getattr(self, field) <= 0:
                raise self._refused(field, "it must be more than 0")
        if self.kernel % 2 == 0:
            raise self._refused("kernel", "it must be odd, so that each output is centred on a nucleotide")
        if self.downsample is not None and self.downsample <= 0:
            raise self._refused("downsample", "it must be more than 0, or left out: one output for each nucleotide")
        if (self.loss is None) != (self.level == "variant"):
            raise self._refused("loss", "a task of level 'variant' trains nothing and has none, all others have one")
        if self.level in ("sequence", "bin") and self.downsample is None:
            raise self._refused("downsample", "it must be the width of a bin, or the length of a sequence, in bp")
        if self.level == "nucleotide" and (self.loss != "cross_entropy" or self.downsample is not None):
            raise self._refused("loss", "each nucleotide has one class: it must be 'cross_entropy', without downsample")
        if self.cross_validation < 0 or self.cross_validation in (1, 2):
            raise self._refused("cross_validation", "folds are 0 (none), or 3 and more: one tests, one validates")
        if self.cross_validation and self.level == "variant":
            raise self._refused("cross_validation", "a task of level 'variant' trains nothing")
        least = 2 if self.loss == "cross_entropy" else 1
        if len(self.label_names) < least or len(set(self.label_names)) < len(self.label_names):
            raise self._refused("label_names", f"at least {least}, all different")

    def _refused(self, field: str, rule: str) -> ValueError:
        return ValueError(f"BEND task {self.name!r}: {field} is {getattr(self, field)!r}; {rule}.")

    @property
    def outputs(self) -> int:
        """Number of outputs for each sequence, bin or nucleotide."""
        return len(self.label_names)

    @property
    def is_zero_shot(self) -> bool:
        """Variants scored by their embeddings; nothing is trained."""
        return self.level == "variant"

    def as_task(self) -> Task:
        """The task as the rest of the package knows tasks; a variant is a pair, reference and alternative."""
        tracks = self.loss == "binary_cross_entropy"
        problem_type: ProblemType = "multi_label_classification" if tracks else "single_label_classification"
        level: Level = "sequence" if self.level == "variant" else self.level
        return Task(
            name=f"bend/{self.name}",
            problem_type=problem_type,
            label_names=self.label_names,
            metric=self.metric,
            level=level,
            bin_bp=self.downsample if level == "bin" else None,
            pair=self.is_zero_shot,
            length_bp=self.length_bp,
            source=self.assembly,
            licence=self.licence,
            citation=self.citation,
            description=self.description,
        )
