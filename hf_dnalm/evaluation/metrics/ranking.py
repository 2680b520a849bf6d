"""Metrics of ranked scores: AUROC and AUPRC.

They depend only on the order of the scores, so logits, log-odds and probabilities give the same values.
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
    """Area under the ROC curve: the probability that a positive scores above a negative (ties count one half)."""

    metric_name = "auroc"
    title = "AUROC"
    description_text = "Area under the ROC curve; random scores give 0.5. Mean over classes (one-vs-rest) or tracks."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray) -> np.ndarray:
        """(1,) value for scores (n,); (classes,) one against the rest, or (tracks,), for scores (n, labels).

        >>> AUROC.score(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])).tolist()
        [0.75]
        """
        return _by_label(predictions, references, _areas_under_roc)


class AUPRC(LocalMetric):
    """Area under the precision-recall curve as average precision: the sum of recall steps times precision."""

    metric_name = "auprc"
    title = "AUPRC"
    description_text = "Average precision; random scores give the share of positives. Mean over classes or tracks."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray) -> np.ndarray:
        """(1,) value for scores (n,); (classes,) one against the rest, or (tracks,), for scores (n, labels).

        >>> AUPRC.score(np.array([0.9, 0.8, 0.7]), np.array([1, 0, 1])).round(4).tolist()  # (1/1 + 2/3) / 2
        [0.8333]
        """
        return _by_label(predictions, references, _average_precisions)


class GroupMedianAUROC(LocalMetric):
    """The mean over groups of tracks of the group's median AUROC.

    Papers report this number for DeepSEA's 919 tracks, whose groups are DNase, transcription factors and histone marks.
    (GENA-LM's code counts a track with only positives or only negatives as 0.5; here it is left out of the median.)
    """

    metric_name = "group_median_auroc"
    title = "AUROC, mean of group medians"
    description_text = "Median AUROC of the tracks of each group, then the mean over groups; random scores give 0.5."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray, *, groups: Sequence[int] | None = None) -> np.ndarray:
        """(groups,) values for scores (n, tracks).

        Args:
            groups: numbers of consecutive tracks in each group; their sum is the number of tracks. None = one group.

        >>> scores, truth = np.array([[0.9, 0.1, 0.3], [0.2, 0.8, 0.4]]), np.array([[1, 1, 0], [0, 0, 1]])
        >>> GroupMedianAUROC.score(scores, truth, groups=(2, 1)).tolist()  # of 1 and 0, and of 1
        [0.5, 1.0]
        """
        values = AUROC.score(predictions, references)
        return group_medians(values, (len(values),) if groups is None else groups)


class SiteAUPRC(LocalMetric):
    """AUPRC of every class except class 0, the background: for example of splice donors and acceptors."""

    metric_name = "site_auprc"
    title = "AUPRC of sites"
    description_text = "Average precision of each class against the rest, the mean over all classes except class 0."
    feature_shapes = _SHAPES

    @staticmethod
    def score(predictions: np.ndarray, references: np.ndarray) -> np.ndarray:
        """(classes - 1,) values for scores (n, classes); (1,) for scores (n,) of class 1 against class 0."""
        return AUPRC.score(predictions, references)[min(predictions.ndim - 1, 1) :]


def group_medians(values: np.ndarray, groups: Sequence[int]) -> np.ndarray:
    """(…, groups) medians of consecutive values (…, tracks), ignoring NaN; NaN for a group without values.

    Raises:
        ValueError: the groups do not add up to all tracks.
    """
    if sum(groups) != values.shape[-1]:
        raise ValueError(f"groups of {tuple(groups)} tracks have {sum(groups)}, but there are {values.shape[-1]}.")
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
    """The rank-sum form: the share of pairs of a positive and a negative in the right order; ties count one half."""
    positives = positive.sum(axis=0).astype(np.float64)
    above = (rankdata(scores, axis=0) * positive).sum(axis=0) - positives * (positives + 1) / 2
    return above / (positives * (len(scores) - positives))


def _average_precisions(scores: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Equal scores are one step, with the precision at its end."""
    values = np.empty(scores.shape[1])
    for label in range(scores.shape[1]):
        order = np.argsort(-scores[:, label], kind="stable")
        descending = scores[order, label]
        ends = np.flatnonzero(np.append(descending[1:] != descending[:-1], True))
        hits = positive[order, label].cumsum()[ends]
        values[label] = (np.diff(hits, prepend=0) * hits / (ends + 1)).sum() / hits[-1]
    return values
