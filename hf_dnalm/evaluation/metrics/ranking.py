"""Metrics of scores: how well a score puts the positive examples before the negative ones. AUROC and AUPRC.

Only the order of the scores counts, so logits, log-odds and probabilities give the same values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from datasets import Features, List, Value
from scipy.stats import rankdata

from hf_dnalm.evaluation.metrics.local import LocalMetric

_SHAPES = [
    Features({"predictions": Value("float64"), "references": Value("int64")}),
    Features({"predictions": List(Value("float64")), "references": Value("int64")}),
    Features({"predictions": List(Value("float64")), "references": List(Value("int64"))}),
]


class AUROC(LocalMetric):
    """Area under the ROC curve: the chance that a positive scores above a negative (ties count one half)."""

    metric_name = "auroc"
    title = "AUROC"
    description_text = "Area under the ROC curve; 0.5 is chance. Mean of one-vs-rest values (classes) or of tracks."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray) -> np.ndarray:
        """Value (1,) for scores (n,); (classes,) one against the rest, or (tracks,), for scores (n, labels).

        >>> AUROC.score(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])).tolist()
        [0.75]
        """
        return _by_label(predictions, references, _areas_under_roc)


class AUPRC(LocalMetric):
    """Area under the precision-recall curve as average precision: the steps of recall, each times its precision."""

    metric_name = "auprc"
    title = "AUPRC"
    description_text = "Average precision; chance is the share of positives. Mean over classes or tracks."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray) -> np.ndarray:
        """Value (1,) for scores (n,); (classes,) one against the rest, or (tracks,), for scores (n, labels).

        >>> AUPRC.score(np.array([0.9, 0.8, 0.7]), np.array([1, 0, 1])).round(4).tolist()  # (1/1 + 2/3) / 2
        [0.8333]
        """
        return _by_label(predictions, references, _average_precisions)


class GroupMedianAUROC(LocalMetric):
    """The median AUROC of each group of tracks, and as the metric the mean of those medians.

    The number that papers print for DeepSEA's 919 tracks, whose groups are DNase, transcription factors and histone
    marks. (GENA-LM's code counts a track of one kind as 0.5; here it is left out of its group's median.)
    """

    metric_name = "group_median_auroc"
    title = "AUROC, mean of group medians"
    description_text = "Median AUROC of the tracks of each group, and the mean over the groups; 0.5 is chance."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray, *, groups: Sequence[int] | None = None) -> np.ndarray:
        """Values (groups,) for scores (n, tracks).

        Args:
            groups: how many neighbouring tracks each group holds; they sum to the number of tracks. None: all in one.

        >>> scores, truth = np.array([[0.9, 0.1, 0.3], [0.2, 0.8, 0.4]]), np.array([[1, 1, 0], [0, 0, 1]])
        >>> GroupMedianAUROC.score(scores, truth, groups=(2, 1)).tolist()  # of 1 and 0, and of 1
        [0.5, 1.0]
        """
        values = AUROC.score(predictions, references)
        return group_medians(values, (len(values),) if groups is None else groups)


class SiteAUPRC(LocalMetric):
    """AUPRC of every class but class 0, which stands for "nothing here": of splice donors and acceptors, say."""

    metric_name = "site_auprc"
    title = "AUPRC of sites"
    description_text = "Average precision of every class against the rest, the mean over all classes but class 0."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray) -> np.ndarray:
        """Values (classes - 1,) for scores (n, classes); (1,) for the scores (n,) of class 1 against class 0."""
        return AUPRC.score(predictions, references)[min(predictions.ndim - 1, 1) :]


def group_medians(values: np.ndarray, groups: Sequence[int]) -> np.ndarray:
    """Medians (…, groups) of neighbouring values (…, tracks), NaN left out; NaN for a group without any.

    Raises:
        ValueError: the groups do not hold all tracks.
    """
    if sum(groups) != values.shape[-1]:
        raise ValueError(f"groups of {tuple(groups)} tracks hold {sum(groups)}, but there are {values.shape[-1]}")
    ends = np.cumsum(groups)
    medians = np.full((*values.shape[:-1], len(groups)), np.nan)
    for number, (start, end) in enumerate(zip(ends - groups, ends, strict=True)):
        part = values[..., start:end]
        defined = ~np.isnan(part).all(axis=-1)
        medians[defined, number] = np.nanmedian(part[defined], axis=-1)
    return medians


def _by_label(scores: np.ndarray, references: np.ndarray, metric: Callable[..., np.ndarray]) -> np.ndarray:
    if scores.ndim == 1:
        scores, references = scores[:, None], references[:, None]
    elif references.ndim == 1:
        references = references[:, None] == np.arange(scores.shape[1])
    positive = references.astype(bool)
    both = positive.any(axis=0) & ~positive.all(axis=0)
    values = np.full(scores.shape[1], np.nan)
    values[both] = metric(scores[:, both], positive[:, both])
    return values


def _areas_under_roc(scores: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """The rank-sum form: how many of the pairs of a positive and a negative are in order, ties counting one half."""
    positives = positive.sum(axis=0).astype(np.float64)
    above = (rankdata(scores, axis=0) * positive).sum(axis=0) - positives * (positives + 1) / 2
    return above / (positives * (len(scores) - positives))


def _average_precisions(scores: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Equal scores are called together, so a run of ties has the precision at its end."""
    values = np.empty(scores.shape[1])
    for label in range(scores.shape[1]):
        order = np.argsort(-scores[:, label], kind="stable")
        descending = scores[order, label]
        ends = np.flatnonzero(np.append(descending[1:] != descending[:-1], True))
        hits = positive[order, label].cumsum()[ends]
        values[label] = (np.diff(hits, prepend=0) * hits / (ends + 1)).sum() / hits[-1]
    return values
