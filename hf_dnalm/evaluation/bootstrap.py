"""95 % bootstrap confidence intervals: how much a metric would vary with other test sequences of the same kind.

A resample draws n of the n sequences with replacement. It is represented by weights: how often each sequence was drawn.
Every metric is computed for a batch of weights at once, so nothing is sorted twice. At nucleotide level a sequence is
drawn with all its bases, because neighbouring bases are not independent. Draws are not stratified by class, so the
interval of a test set with three positives is as wide as it should be.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import numpy as np
from scipy import sparse

from hf_dnalm.evaluation.metrics.ranking import group_medians
from hf_dnalm.evaluation.outputs import Outputs
from hf_dnalm.tasks import Task

CHUNK_VALUES = 1_000_000  # weights in memory at once; arrays of 8 MB stay close to the cache
MAX_RANKED_VALUES = 1_500_000_000  # rows × labels × resamples for metrics of ranks; takes about a minute
Weights = np.ndarray  # (b, n) float64: how often each of n sequences occurs in each of b resamples
Resampled = Callable[[Weights], dict[str, np.ndarray]]  # metric → (b, labels), NaN where undefined


def bootstrap_intervals(
    task: Task, outputs: Outputs, *, resamples: int = 1000, seed: int = 0, metrics: Collection[str] | None = None
) -> dict[str, tuple[float, float, int]]:
    """Compute percentile intervals (2.5 % to 97.5 %) of every metric of the task.

    Args:
        resamples: number of resamples. If AUROC, AUPRC and Spearman would take more than about a minute (more than
            1.5·10⁹ rows × labels × resamples), they use fewer, but at least 100.
        seed: the same seed draws the same sequences for every model.
        metrics: the metrics that are needed; others that are computed together with them are included. None = all.

    Returns:
        metric → (low, high, resamples used); NaN bounds for a metric that is undefined in every resample. A label that
        is undefined in a resample is left out of that resample's mean, as in the metric itself.
    """
    intervals = {}
    for name, draws in bootstrap_draws(task, outputs, resamples=resamples, seed=seed, metrics=metrics).items():
        intervals[name] = (*interval_95(draws), len(draws))
    return intervals


def interval_95(draws: np.ndarray) -> tuple[float, float]:
    """Return the 2.5 % and 97.5 % percentiles of the draws, ignoring NaN.

    >>> interval_95(np.arange(1001.0))
    (25.0, 975.0)
    """
    defined = draws[~np.isnan(draws)]
    if not defined.size:
        return float("nan"), float("nan")
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)


def bootstrap_draws(
    task: Task, outputs: Outputs, *, resamples: int = 1000, seed: int = 0, metrics: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """Compute metric → (resamples,) values in every resample, NaN if undefined.

    With one seed, resample i has the same sequences for every model, so the values of two models on the same test split
    form pairs.

    Args:
        resamples, seed, metrics: as in `bootstrap_intervals`.
    """
    if resamples < 1:
        raise ValueError(f"bootstrap is {resamples}; it must be 1 resample or more (1000 is usual), or 0 for none.")
    columns = outputs.scores.shape[1]
    ranked = int(np.clip(MAX_RANKED_VALUES // (len(outputs.scores) * columns), 100, None))
    draws: dict[str, list[np.ndarray]] = {}
    for names, family, most in _families(task, min(ranked, resamples), resamples):
        if metrics is not None and not set(metrics) & set(names):
            continue
        resampled = family(task, outputs)
        for weights in _weights(outputs.n, most, seed, rows=len(outputs.scores)):
            for name, values in resampled(weights).items():
                draws.setdefault(name, []).append(_mean_of_defined(values))
    return {name: np.concatenate(chunks) for name, chunks in draws.items()}


def _families(
    task: Task, ranked: int, resamples: int
) -> list[tuple[tuple[str, ...], Callable[[Task, Outputs], Resampled], int]]:
    """Metrics that are resampled together, the function for them, and the number of resamples."""
    if task.problem_type == "regression":
        return [(("r2", "pearson_r2", "pearson"), _moments, resamples), (("spearman",), _spearman, ranked)]
    ranking = ("auroc", "auprc", "group_median_auroc", "site_auprc")
    return [(("mcc", "f1", "accuracy"), _decisions, resamples), (ranking, _ranking, ranked)]


def _weights(n: int, resamples: int, seed: int, *, rows: int) -> Iterator[Weights]:
    generator = np.random.default_rng(seed)
    at_once = max(1, CHUNK_VALUES // max(n, rows))
    for start in range(0, resamples, at_once):
        count = min(at_once, resamples - start)
        drawn = generator.integers(n, size=(count, n)) + np.arange(count)[:, None] * n
        yield np.bincount(drawn.ravel(), minlength=count * n).reshape(count, n).astype(np.float64)


def _mean_of_defined(values: np.ndarray) -> np.ndarray:
    """Mean (b,) over the values (b, labels) that are not NaN; NaN if all are."""
    defined = ~np.isnan(values)
    count = defined.sum(axis=1)
    return _divide(np.where(defined, values, 0.0).sum(axis=1), count.astype(np.float64))


def _divide(above: np.ndarray, below: np.ndarray, *, otherwise: float = np.nan) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, otherwise), where=below > 0)


def _decisions(task: Task, outputs: Outputs) -> Resampled:
    """MCC, F1 and accuracy: they need only the confusion table, which is a weighted sum over sequences."""
    decisions, references = outputs.decisions(task), outputs.references
    multi_label = references.ndim == 2
    classes = 2 if multi_label else task.num_labels
    if not multi_label:
        decisions, references = decisions[:, None], references[:, None]
    tracks = references.shape[1]
    cell = np.arange(tracks) * classes**2 + references * classes + decisions  # (rows, tracks)
    example = np.repeat(outputs.example, tracks)
    shape = (outputs.n, tracks * classes**2)
    tables_of = sparse.csr_array((np.ones(cell.size), (example, cell.ravel())), shape=shape)

    def resampled(weights: Weights) -> dict[str, np.ndarray]:
        tables = (weights @ tables_of).reshape(len(weights), tracks, classes, classes)  # [reference, decision]
        true, predicted, total = tables.sum(axis=3), tables.sum(axis=2), tables.sum(axis=(2, 3))
        right = tables.diagonal(axis1=2, axis2=3)
        accuracy = right.sum(axis=2) / total
        # Gorodkin's multi-class form; with two classes it is the Matthews coefficient itself.
        spread = (total**2 - (true**2).sum(axis=2)) * (total**2 - (predicted**2).sum(axis=2))
        covered = right.sum(axis=2) * total - (true * predicted).sum(axis=2)
        mcc = _divide(covered, np.sqrt(spread), otherwise=0.0)
        if classes > 2:
            f1 = _divide(2 * right, true + predicted)[:, 0]
        else:
            f1 = _divide(2 * right[:, :, 1], (true + predicted)[:, :, 1], otherwise=0.0)
        if multi_label:
            one_kind = (true == 0).any(axis=2)
            mcc, f1, accuracy = (np.where(one_kind, np.nan, x) for x in (mcc, f1, accuracy))
        return {"mcc": mcc, "f1": f1, "accuracy": accuracy}

    return resampled


def _ranking(task: Task, outputs: Outputs) -> Resampled:
    """AUROC and AUPRC, label by label: sorted once, then cumulative sums of the weights in that order."""
    scores, references = outputs.scores, outputs.references
    if references.ndim == 1:
        references = references[:, None] == np.arange(task.num_labels)
        if task.num_labels == 2:
            scores, references = scores[:, 1:], references[:, 1:]
    labels = []
    for label in range(scores.shape[1]):
        order = np.argsort(-scores[:, label], kind="stable")
        descending = scores[order, label]
        starts = np.flatnonzero(np.r_[True, descending[1:] != descending[:-1]])  # of each run of equal scores
        labels.append((outputs.example[order], references[order, label].astype(np.float64), starts))

    def resampled(weights: Weights) -> dict[str, np.ndarray]:
        auroc = np.full((len(weights), len(labels)), np.nan)
        auprc = auroc.copy()
        for label, (example, positive, starts) in enumerate(labels):
            drawn = weights[:, example]
            hits, drawn = _sum_runs(drawn * positive, starts), _sum_runs(drawn, starts)
            true_positives, called = hits.cumsum(axis=1), drawn.cumsum(axis=1)
            positives, total = true_positives[:, -1], called[:, -1]
            negatives = total - positives
            # A positive beats every negative that comes later, and half of those with its own score.
            later = negatives[:, None] - (called - true_positives) + 0.5 * (drawn - hits)
            auroc[:, label] = _divide((hits * later).sum(axis=1), positives * negatives)
            precision = _divide(true_positives, called, otherwise=0.0)
            area = _divide((hits * precision).sum(axis=1), positives)
            auprc[:, label] = np.where(negatives > 0, area, np.nan)
        values = {"auroc": auroc, "auprc": auprc}
        if task.label_groups:
            values["group_median_auroc"] = group_medians(auroc, [size for _, size in task.label_groups])
        if task.metric == "site_auprc":
            values["site_auprc"] = auprc[:, 1:]
        return values

    return resampled


def _sum_runs(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    return values if len(starts) == values.shape[1] else np.add.reduceat(values, starts, axis=1)


def _moments(task: Task, outputs: Outputs) -> Resampled:
    """R², Pearson and its square, all targets at once: they need only weighted sums of products."""
    measured, predicted = outputs.references, outputs.scores
    targets = measured.shape[1]
    # In units of the measured spread around the measured mean, so that sums of squares lose no digits.
    scale = np.where(np.ptp(measured, axis=0) > 0, measured.std(axis=0), 1.0)
    y, p = (measured - measured.mean(axis=0)) / scale, (predicted - predicted.mean(axis=0)) / scale
    error = (measured - predicted) / scale
    rows = np.concatenate([y, p, y * y, p * p, y * p, error * error], axis=1)
    columns = np.zeros((outputs.n, rows.shape[1]))  # sums over the rows of each sequence, which are drawn together
    np.add.at(columns, outputs.example, rows)
    counts = np.bincount(outputs.example, minlength=outputs.n).astype(np.float64)

    def resampled(weights: Weights) -> dict[str, np.ndarray]:
        means = (weights @ columns / (weights @ counts)[:, None]).reshape(len(weights), 6, targets)
        y_mean, p_mean, yy, pp, yp, squared_error = means.transpose(1, 0, 2)
        varies = yy - y_mean**2 > 1e-12
        variance, spread = yy - y_mean**2, pp - p_mean**2
        r2 = np.where(varies, 1 - _divide(squared_error, variance), np.nan)
        pearson = _divide(yp - y_mean * p_mean, np.sqrt(np.where(spread > 1e-12, variance * spread, 0)), otherwise=0.0)
        pearson = np.where(varies, np.clip(pearson, -1, 1), np.nan)
        return {"r2": r2, "pearson_r2": pearson**2, "pearson": pearson}

    return resampled


def _spearman(task: Task, outputs: Outputs) -> Resampled:
    """Spearman, target by target: ranks within a resample are cumulative weights in an order sorted once."""
    targets = [
        (_ties(outputs.references[:, target]), _ties(outputs.scores[:, target]))
        for target in range(outputs.references.shape[1])
    ]

    def ranks(weights: Weights, order: np.ndarray, starts: np.ndarray, run: np.ndarray) -> np.ndarray:
        drawn = _sum_runs(weights[:, order], starts)
        middle = drawn.cumsum(axis=1) - 0.5 * drawn - 0.5 * weights.sum(axis=1, keepdims=True)  # centred on 0
        return middle[:, run]

    def resampled(weights: Weights) -> dict[str, np.ndarray]:
        weights = weights[:, outputs.example]
        values = np.full((len(weights), len(targets)), np.nan)
        for target, (measured, predicted) in enumerate(targets):
            y, p = ranks(weights, *measured), ranks(weights, *predicted)
            weighted = weights * y
            covariance, variance = (np.einsum("bn,bn->b", weighted, x) for x in (p, y))
            spread = np.einsum("bn,bn,bn->b", weights, p, p)
            correlation = _divide(covariance, np.sqrt(variance * spread), otherwise=0.0)
            values[:, target] = np.where(variance > 0, correlation, np.nan)
        return {"spearman": values}

    return resampled


def _ties(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The order that sorts, where each run of equal values starts in it, and the run of each value."""
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    begins = np.r_[True, ascending[1:] != ascending[:-1]]
    run = np.empty(len(values), dtype=np.int64)
    run[order] = begins.cumsum() - 1
    return order, np.flatnonzero(begins), run
