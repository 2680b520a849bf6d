"""Zero-shot variant effects: cosine distances between the embeddings of two alleles, compared with the labels."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pyarrow as pa

from hf_dnalm.bend.embedders import BatchEmbedder, Embedder, embeddings_of
from hf_dnalm.bend.published_embedders import PublishedEmbedder
from hf_dnalm.evaluation.bootstrap import bootstrap_intervals
from hf_dnalm.evaluation.json_values import json_number
from hf_dnalm.evaluation.outputs import read_outputs
from hf_dnalm.evaluation.table import label_metrics
from hf_dnalm.genome import Interval
from hf_dnalm.inference.output_files import Table, write_table_file
from hf_dnalm.inference.shards import Shard, ShardContent, ShardFolder
from hf_dnalm.suites.bend.definition import BendTask
from hf_dnalm.suites.bend.published_tasks import find_task
from hf_dnalm.suites.bend.reading import BendData
from hf_dnalm.tasks import Task

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

Context = Literal["both", "left"]

_WINDOWS_AT_ONCE = 256


@dataclass(frozen=True)
class ZeroShot:
    """Scores of variants, in the order of the BED file.

    Attributes:
        task: the task.
        intervals: positions of the variants; 0-based, half-open.
        refs, alts: letters of the reference and the alternate alleles.
        labels: (n,) int64, 1 for variants with an effect.
        scores: (n,) float64, from 0 to 2: 1 - cosine similarity of the vectors of both alleles. Larger means a larger
            predicted effect.
        context: sides of the variant that the model read, "both" or "left".
        index: 0-based position in the embedding of the vector that was used; -1 is the last.
        windows: number of windows that were embedded.
    """

    task: BendTask
    intervals: list[Interval]
    refs: list[str]
    alts: list[str]
    labels: np.ndarray
    scores: np.ndarray
    context: Context
    index: int
    windows: int

    def report(self, *, bootstrap: int = 1000, seed: int = 0) -> dict[str, Any]:
        """AUROC and AUPRC of the scores, as plain JSON values; an undefined number is None.

        Args:
            bootstrap: resamples of the variants for the 95 % intervals; 0: no intervals.
        """
        question = Task(self.task.name, "multi_label_classification", self.task.label_names[-1:], metric="auroc")
        outputs = read_outputs(question, self.scores[:, None], self.labels[:, None])
        values = label_metrics(question, outputs)
        bounds = bootstrap_intervals(question, outputs, resamples=bootstrap, seed=seed) if bootstrap else {}
        metrics = {}
        for name in ("auroc", "auprc"):
            low, high, _ = bounds.get(name, (math.nan, math.nan, 0))
            parts = {"value": float(values[name][0]), "low": low, "high": high}
            metrics[name] = {part: json_number(number) for part, number in parts.items()}
        return {
            "task": self.task.name,
            "variants": len(self.scores),
            "with_effect": int(self.labels.sum()),
            "context": self.context,
            "context_bp": self.task.context_bp,
            "index": self.index,
            "windows_embedded": self.windows,
            "metrics": metrics,
        }

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write one row for each variant: contig, start and end (0-based, half-open), ref, alt, label, score.

        The shards of `zero_shot` next to the file are deleted afterwards.

        Args:
            path: the extension gives the format, as in `write_table_file`.

        Raises:
            ValueError, FileNotFoundError: as `write_table_file`.
        """
        columns = {
            "contig": pa.string(),
            "start": pa.int64(),
            "end": pa.int64(),
            "ref": pa.string(),
            "alt": pa.string(),
            "label": pa.int64(),
            "score": pa.float64(),
        }
        part = [
            np.array([interval.contig for interval in self.intervals], dtype=object),
            np.array([interval.start for interval in self.intervals], dtype=np.int64),
            np.array([interval.end for interval in self.intervals], dtype=np.int64),
            np.array(self.refs, dtype=object),
            np.array(self.alts, dtype=object),
            self.labels,
            self.scores,
        ]
        write_table_file(Table(columns, [part]), Path(path))
        ShardFolder(Path(path), {}).remove()


def zero_shot(
    task: BendTask | str,
    embedder: Embedder | BatchEmbedder,
    *,
    reference: str | os.PathLike[str],
    data_dir: str | os.PathLike[str] | None = None,
    context: Context = "both",
    index: int | None = None,
    result: str | os.PathLike[str] | None = None,
    made_by: Mapping[str, str] | None = None,
    progress: Callable[[int], object] | None = None,
) -> ZeroShot:
    """Score every variant of a task by the distance between the embeddings of its alleles.

    No window is embedded twice: variants at the same position share the window of the reference. To continue an
    interrupted call with `result`, repeat it.

    Args:
        task: a task of level "variant", the name of a published one, or the path of a YAML file.
        embedder: makes one vector for each nucleotide; see `hf_dnalm.bend.embedders`.
        reference: FASTA of the task's genome assembly.
        data_dir: folder with the task's BED file, if the task does not name the file itself.
        context: "both" reads `context_bp` bases on each side of the variant and uses the vector at the variant. "left",
            for causal models, reads twice as many bases before the variant and none after it, and uses the last vector.
        index: 0-based position of another vector to use; -1 is the last.
        result: path of the file to be written. Until `ZeroShot.write` writes it, scores are kept in the folder
            `<result>.shards`, and a repeated call reads them from there. None: scores are not kept.
        made_by: further values that the scores depend on, such as digests of the model. Shards with other values are
            refused.
        progress: called with the number of variants scored, or read from shards, since the last call.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: the task is not zero-shot; the `ref` of a variant differs from the genome, or its `alt` is not
            another base; `index` is outside the embedding; a vector is not finite or zero; or the shards are of another
            run.
    """
    task = find_task(task) if isinstance(task, str) else task
    if not task.is_zero_shot:
        raise ValueError(
            f"task {task.name!r} is not zero-shot (its level is {task.level!r}). Train it with dnalm bend train."
        )
    if context not in get_args(Context):
        raise ValueError(f"context is {context!r}; it must be one of {', '.join(get_args(Context))}.")
    if index is None:
        index = -1 if context == "left" else task.context_bp
    with BendData(task, data_dir, reference) as data:
        pairs = _Pairs(data, context)
        n = len(data.regions)
        labels = np.array([int(data.labels[row]) for row in range(n)], dtype=np.int64)
        for row in range(n):  # check all variants before embedding the first window
            data.alternative(row)
        scores = np.empty(n)
        windows = 0
        settings = {"variants": data.digest(), "context": context, "index": str(index), **(made_by or {})}
        kept = None if result is None else ShardFolder(Path(result), settings)
        for shard, rows in pairs.shards():
            content = None if kept is None or kept.unfinished([shard]) else kept.read(shard)
            if content is None:
                content = _scored(data, pairs, rows, embedder, index)
                if kept is not None:
                    kept.write(shard, content)
            scores[rows] = content.vectors[:, 0]
            windows += int(content.counts.sum())
            if progress is not None:
                progress(len(rows))
        return ZeroShot(
            task=task,
            intervals=data.regions.intervals,
            refs=[data.genome.sequence(interval._replace(strand="+")) for interval in data.regions.intervals],
            alts=[alt.upper() for alt in data.regions.alts or ()],
            labels=labels,
            scores=scores,
            context=context,
            index=index,
            windows=windows,
        )


def context_of(config: PreTrainedConfig) -> Context:
    """The sides of a variant that a model can use: "left" if it is only a causal language model, else "both".

    >>> from transformers import BertConfig, GPT2Config
    >>> context_of(BertConfig()), context_of(GPT2Config())
    ('both', 'left')
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_MASKED_LM_MAPPING

    kind = type(config)
    return "left" if kind in MODEL_FOR_CAUSAL_LM_MAPPING and kind not in MODEL_FOR_MASKED_LM_MAPPING else "both"


def _scored(
    data: BendData, pairs: _Pairs, rows: list[int], embedder: Embedder | BatchEmbedder, index: int
) -> ShardContent:
    """Score some rows: distances as (rows, 1) float64, and the number of embedded windows."""
    both = [pairs[row] for row in rows]
    distinct = list(dict.fromkeys(window for pair in both for window in pair))
    owners = {window: row for row, pair in zip(reversed(rows), reversed(both), strict=True) for window in pair}
    names = [data.regions.where(owners[window]) for window in distinct]
    vectors = dict(zip(distinct, _vectors(embedder, distinct, names, index), strict=True))
    distances = [
        cosine_distance(vectors[ref], vectors[alt], where=data.regions.where(row))
        for row, (ref, alt) in zip(rows, both, strict=True)
    ]
    return ShardContent([str(rows[0])], np.array([len(distinct)]), np.array(distances)[:, None])


def cosine_distance(one: np.ndarray, other: np.ndarray, *, where: str = "here") -> float:
    """1 - cosine similarity of two vectors, from 0 to 2; exactly 0 for equal vectors.

    Args:
        where: prefix of the error message.

    Raises:
        ValueError: a vector is zero or not finite.

    >>> cosine_distance(np.array([1.0, 0.0]), np.array([0.0, 2.0]))
    1.0
    """
    lengths = np.linalg.norm(one.astype(np.float64)) * np.linalg.norm(other.astype(np.float64))
    if not np.isfinite(lengths) or lengths == 0:
        raise ValueError(
            f"{where}: the vector of an allele is zero or not finite, so the cosine is undefined. Use another embedder."
        )
    if np.array_equal(one, other):
        return 0.0
    return float(np.clip(1 - one.astype(np.float64) @ other.astype(np.float64) / lengths, 0, 2))


class PublishedReading:
    """An embedder for `zero_shot` that uses the vectors of the published script, including its mistakes.

    DNABERT's vectors are those of k-mers instead of nucleotides, and the index counts k-mers: 254 for 6-mers. For
    causal models the index is 511, the base before the variant, whose vector does not depend on the variant. With the
    published intervals of one base, every distance is therefore 0 (up to rounding in models with Fourier transforms).

    Attributes:
        context, index: arguments to pass to `zero_shot`.
    """

    def __init__(self, embedder: PublishedEmbedder, *, context_bp: int = 256) -> None:
        self._embedder = embedder
        self._upsample = not embedder.passport.overlapping
        self.context: Context = context_of(embedder.config)
        if self.context == "left":
            self.index = 2 * context_bp - 1
        else:
            self.index = context_bp if self._upsample else context_bp - (embedder.tokenizer.k - 1) // 2

    def __call__(self, sequence: str) -> np.ndarray:
        """(n, hidden) vectors of one window."""
        return self._embedder(sequence, upsample=self._upsample)


class _Pairs:
    """The windows of the two alleles of each row."""

    def __init__(self, data: BendData, context: Context) -> None:
        self._data, self._context = data, context

    def shards(self) -> Iterator[tuple[Shard, list[int]]]:
        """Shards with their rows; variants at the same position are in the same shard."""
        end = 0
        for number, rows in enumerate(self._groups()):
            yield Shard(number, end, end + len(rows)), rows
            end += len(rows)

    def _groups(self) -> Iterator[list[int]]:
        intervals = self._data.regions.intervals
        group: list[int] = []
        for row in sorted(range(len(intervals)), key=lambda row: intervals[row]):
            if 2 * len(group) >= _WINDOWS_AT_ONCE and intervals[row][:3] != intervals[group[-1]][:3]:
                yield group
                group = []
            group.append(row)
        yield group

    def __getitem__(self, row: int) -> tuple[str, str]:
        data, context_bp = self._data, self._data.task.context_bp
        reference, alternative = data.sequence(row), data.alternative(row)
        if self._context == "both":
            return reference, alternative
        interval = data.regions.intervals[row]
        before = data.genome.window(interval.contig, interval.start - 2 * context_bp, interval.start)
        end = len(reference) - context_bp
        return before + reference[context_bp:end], before + alternative[context_bp:end]


def _vectors(
    embedder: Embedder | BatchEmbedder, windows: Sequence[str], names: Sequence[str], index: int
) -> list[np.ndarray]:
    """The vector at `index` of each window; `names` are those of the variants, for error messages."""
    vectors = []
    for window, embedding in zip(windows, embeddings_of(embedder, windows, names), strict=True):
        if embedding.ndim != 2 or not -len(embedding) <= index < len(embedding):
            raise ValueError(
                f"the embedding of a window of {len(window)} bp has shape {embedding.shape}; it must be (L, D) and "
                f"have a vector at index {index}."
            )
        vectors.append(embedding[index].copy())
    return vectors
