"""Task: what is predicted from a sequence, what each label means, and which metric measures it."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, get_args

ProblemType = Literal["single_label_classification", "multi_label_classification", "regression"]
Level = Literal["sequence", "nucleotide", "bin"]

LEVELS: tuple[str, ...] = get_args(Level)
DEFAULT_METRIC: dict[str, str] = {
    "single_label_classification": "mcc",
    "multi_label_classification": "auroc",
    "regression": "r2",
}


@dataclasses.dataclass(frozen=True)
class Task:
    """A prediction task. Reading labels, building a head, training and scoring all use this object.

    Attributes:
        name: such as `"plant-genomic-benchmark/poly_a.arabidopsis_thaliana"`, or a name of your own.
        problem_type: as in transformers: `config.problem_type` of a fine-tuned model has the same value.
        label_names: one for each output: classes (single label), tracks (multi-label) or targets (regression).
        metric: the metric that selects the best checkpoint, a name from `hf_dnalm.evaluation`.
        greater_is_better: direction of `metric`.
        level: "sequence" predicts once per sequence, "nucleotide" one class per base, and "bin" once per `bin_bp`
            bases, with any problem type.
        bin_bp: bases per bin at bin level (1 means values or tracks per base); None at other levels.
        pair: each example is two sequences, `sequence` and `sequence2`: an enhancer and a promoter, or reference and
            alternate allele.
        label_groups: names and sizes of consecutive groups of labels, for metrics that are computed per group.
        length_bp: shortest and longest published sequence, or None.
        source: origin of the data (Hub repository and revision, or a file).
        licence: of the data, as its source states it.
        citation: of the data.
        description: what the sequences are and what every label means.

    >>> task = Task("promoter", "single_label_classification", ("background", "promoter"), metric="mcc")
    >>> task.num_labels, task.id2label
    (2, {0: 'background', 1: 'promoter'})
    >>> Task.from_dict(task.to_dict()) == task
    True
    """

    name: str
    problem_type: ProblemType
    label_names: tuple[str, ...]
    metric: str
    greater_is_better: bool = True
    level: Level = "sequence"
    bin_bp: int | None = None
    pair: bool = False
    label_groups: tuple[tuple[str, int], ...] = ()
    length_bp: tuple[int, int] | None = None
    source: str = ""
    licence: str = ""
    citation: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        if self.problem_type not in get_args(ProblemType):
            raise ValueError(
                f"task {self.name!r}: problem_type is {self.problem_type!r}; it must be one of "
                f"{', '.join(get_args(ProblemType))}."
            )
        if self.level not in get_args(Level):
            raise ValueError(f"task {self.name!r}: level is {self.level!r}; it must be one of {', '.join(LEVELS)}.")
        if self.level == "nucleotide" and self.problem_type != "single_label_classification":
            raise ValueError(
                f"task {self.name!r}: a nucleotide-level task gives each base one class, so problem_type must be "
                f"'single_label_classification', not {self.problem_type!r}."
            )
        if (self.level == "bin") != (self.bin_bp is not None) or (self.bin_bp is not None and self.bin_bp < 1):
            raise ValueError(
                f"task {self.name!r}: bin_bp is {self.bin_bp} at {self.level} level; level='bin' needs the bases in a "
                "bin, 1 or more, and other levels have none."
            )
        if self.pair and self.level != "sequence":
            raise ValueError(
                f"task {self.name!r}: a pair of sequences has one answer, so its level must be 'sequence', not "
                f"{self.level!r}."
            )
        if self.label_groups and sum(size for _, size in self.label_groups) != len(self.label_names):
            raise ValueError(
                f"task {self.name!r}: the groups {self.label_groups} hold "
                f"{sum(size for _, size in self.label_groups):,} labels, but there are {len(self.label_names):,}."
            )
        repeated = sorted({label for label in self.label_names if self.label_names.count(label) > 1})
        if repeated:
            raise ValueError(f"task {self.name!r}: label names must differ; repeated: {', '.join(repeated)}.")
        least = 2 if self.problem_type == "single_label_classification" else 1
        if len(self.label_names) < least:
            raise ValueError(
                f"task {self.name!r}: {self.problem_type} needs at least {least} label names, "
                f"got {len(self.label_names)}: {list(self.label_names)}."
            )

    @property
    def num_labels(self) -> int:
        """Number of outputs of the head."""
        return len(self.label_names)

    @property
    def stratifies(self) -> bool:
        """Whether splits can be stratified: each example has one class."""
        return self.problem_type == "single_label_classification" and self.level == "sequence"

    @property
    def id2label(self) -> dict[int, str]:
        """Output index to label name, as a model's config stores it."""
        return dict(enumerate(self.label_names))

    def with_note(self, note: str) -> Task:
        """The task with one more note in its description, about the loaded data.

        >>> Task("promoter", "regression", ("strength",), metric="r2").with_note("test is cut").description
        'Here: test is cut.'
        """
        before, here, notes = self.description.partition("Here: ")
        notes = f"{notes.removesuffix('.')}; {note}" if here else note
        return dataclasses.replace(self, description=f"{before.strip()} Here: {notes}.".strip())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` gives the same task back."""
        fields = dataclasses.asdict(self)
        fields["label_names"] = list(self.label_names)
        fields["length_bp"] = None if self.length_bp is None else list(self.length_bp)
        fields["label_groups"] = [list(group) for group in self.label_groups]
        return fields

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Task:
        """The task that `to_dict` wrote.

        Raises:
            ValueError: an unknown or a missing field; the message names it.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(fields) - known)
        missing = sorted({"name", "problem_type", "label_names", "metric"} - set(fields))
        if unknown or missing:
            raise ValueError(f"not a task: unknown fields {unknown}, missing fields {missing}.")
        length_bp = fields.get("length_bp")
        return cls(
            **fields
            | {
                "label_names": tuple(fields["label_names"]),
                "label_groups": tuple((name, size) for name, size in fields.get("label_groups", ())),
                "length_bp": None if length_bp is None else (length_bp[0], length_bp[1]),
            }
        )

    @classmethod
    def from_config(cls, config: Any, *, name: str = "", level: Level = "sequence") -> Task:
        """The task that a fine-tuned model's config describes.

        Args:
            config: a transformers config; `problem_type` and `id2label` are read, and `bin_bp` and `sequence_pairs`,
                which `dnalm finetune` writes if the task has them.
            name: the task's name, empty if unknown.
            level: "nucleotide" for a token classification head; with `config.bin_bp` the level becomes "bin".

        Raises:
            ValueError: several labels and no `problem_type`, so the logits could be classes or tracks; or several
                tracks per base, which no task supports.
        """
        labels = {int(index): label for index, label in config.id2label.items()}
        problem_type: ProblemType | None = getattr(config, "problem_type", None)
        bin_bp: int | None = getattr(config, "bin_bp", None)
        if level == "nucleotide" and bin_bp is not None:
            level = "bin"
        if level == "nucleotide":
            if problem_type == "multi_label_classification":
                raise ValueError(
                    "the model's head gives every base several labels (problem_type 'multi_label_classification'), and "
                    "a nucleotide-level task gives it one class: call the model itself and put a sigmoid on its logits."
                )
            problem_type = "single_label_classification"
        if problem_type is None and len(labels) == 1:
            problem_type = "regression"  # transformers' own rule for one output
        if problem_type is None:
            raise ValueError(
                f"the model's config has {len(labels)} labels and no problem_type, so its outputs could be classes or "
                f"tracks; set config.problem_type to one of {', '.join(get_args(ProblemType))}."
            )
        return cls(
            name=name,
            problem_type=problem_type,
            label_names=tuple(labels[index] for index in sorted(labels)),
            metric=DEFAULT_METRIC[problem_type],
            level=level,
            bin_bp=bin_bp if level == "bin" else None,
            pair=getattr(config, "sequence_pairs", False),
        )
