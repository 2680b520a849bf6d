"""Baselines that a model must beat: the majority class (or mean), and a linear model on k-mer counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold
from threadpoolctl import threadpool_limits

from hf_dnalm.evaluation.model_scores import Evaluation
from hf_dnalm.evaluation.outputs import IGNORED
from hf_dnalm.evaluation.table import compute_metrics
from hf_dnalm.sequence import reverse_complement
from hf_dnalm.tasks import Task

if TYPE_CHECKING:
    from datasets import Dataset

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)  # regularisation per training example, chosen on the training split
MAX_TRIED = 10_000  # training sequences used to choose the strength; the model is then trained on all of them
CHUNK_BP = 4_000_000  # bases counted at once
_CODE = np.full(256, 4, dtype=np.uint8)  # 4 = anything but the four bases, mostly N
_CODE[np.frombuffer(b"ACGTacgt", dtype=np.uint8)] = [0, 1, 2, 3, 0, 1, 2, 3]


def majority_baseline(
    task: Task, train: Dataset, test: Dataset, *, split: str = "test", bootstrap: int = 1000, seed: int = 0
) -> Evaluation:
    """Score a predictor that ignores the sequence: the majority class, each track's share of positives, or the mean.

    Args:
        train, test: datasets with `labels`; the constants come from `train`, the scores from `test`.
        split, bootstrap, seed: as in `Evaluation.from_logits`.
    """
    labels = _labels(train, "training")
    if task.level == "bin":
        labels = _labelled_bins(task, labels)
    match task.problem_type:
        case "regression":
            name, constant = "mean of the training values", np.mean(labels, axis=0, dtype=np.float64)
        case "multi_label_classification":
            share = (np.sum(labels, axis=0) + 1) / (len(labels) + 2)  # Laplace's rule: never 0 or 1
            name, constant = "share of positives in training", np.log(share / (1 - share))
        case "single_label_classification":
            classes = np.concatenate([np.asarray(x) for x in labels]) if task.level == "nucleotide" else labels
            counts = np.bincount(np.asarray(classes)[np.asarray(classes) != IGNORED], minlength=task.num_labels)
            name, constant = "majority class of training", np.log((counts + 1) / (counts.sum() + len(counts)))
    truth = _labels(test, split)
    row = np.atleast_1d(constant)
    logits = [np.tile(row, (len(x), 1)) for x in truth] if task.level != "sequence" else np.tile(row, (len(truth), 1))
    settings = {"n_train": len(train)}
    return Evaluation.from_logits(
        task, logits, truth, split=split, bootstrap=bootstrap, seed=seed, name=name, settings=settings
    )


def kmer_baseline(
    task: Task,
    train: Dataset,
    test: Dataset,
    *,
    k: int = 5,
    both_strands: bool = False,
    max_train: int = 50_000,
    split: str = "test",
    bootstrap: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Score a linear model on k-mer frequencies: logistic regression (one per track) or ridge regression.

    Features are the counts of the 4^k k-mers divided by their sum, scaled by their root mean square in `train`. The
    strength of the L2 penalty is the best of `STRENGTHS` by the task's metric, in threefold cross-validation on `train`
    (at most `MAX_TRIED` sequences). `test` is only scored.

    Args:
        train, test: datasets with `sequence` and `labels`.
        k: 1 to 6.
        both_strands: count every k-mer together with its reverse complement, for tasks that do not depend on the
            strand.
        max_train: a larger training split is randomly reduced to this number, with `seed`; the report shows both
            numbers.
        split, bootstrap, seed: as in `Evaluation.from_logits`.

    Raises:
        ValueError: k is out of range; the task is not at sequence level; or a dataset has no labels.
    """
    if not 1 <= k <= 6:
        raise ValueError(f"k is {k}; the k-mer baseline counts k-mers of 1 to 6 letters.")
    if task.level != "sequence":
        raise ValueError(
            f"the k-mer baseline works at sequence level only; for a {task.level}-level task use majority_baseline."
        )
    generator = np.random.default_rng(seed)
    labels, truth = _labels(train, "training"), _labels(test, split)
    chosen = _sample(len(train), max_train, generator)
    labels = labels[chosen]
    features = _features(train.select(chosen), k=k, both_strands=both_strands)
    # One factor for all k-mers: scaling each to unit variance would amplify the rarest ones, and scored worse.
    scale = 1 / max(float(np.sqrt(features.multiply(features).mean())), 1e-12)
    features = features * scale
    unseen = _features(test, k=k, both_strands=both_strands) * scale
    # numpy and scipy each have a BLAS with its own threads. Used alternately they wait for each other, which is up to
    # 100 times slower on two cores.
    with threadpool_limits(1, user_api="blas"):
        strength = _best_strength(task, features, labels, generator)
        logits = _fit_predict(task, features, labels, unseen, strength)
    kind = "ridge regression" if task.problem_type == "regression" else "logistic regression"
    settings: dict[str, Any] = {
        "k": k,
        "both_strands": both_strands,
        "penalty_per_example": strength,
        "n_train": len(chosen),
        "n_train_available": len(train),
    }
    return Evaluation.from_logits(
        task, logits, truth, split=split, bootstrap=bootstrap, seed=seed, name=f"{k}-mer {kind}", settings=settings
    )


def kmer_counts(sequences: Sequence[str], *, k: int, both_strands: bool = False) -> sparse.csr_array:
    """Count the k-mers in each sequence, at every position (overlapping).

    A k-mer with N, or any other letter than A, C, G and T, is not counted.

    Returns:
        (n, 4^k) float32; the column is the k-mer as a number in base 4, with A C G T = 0 1 2 3.

    >>> counts = kmer_counts(["ACGACN", "T"], k=2).toarray()
    >>> counts.shape, counts[0, 0b0001], counts[0, 0b0110], counts.sum()  # AC twice, CG once, GA once
    ((2, 16), np.float32(2.0), np.float32(1.0), np.float32(4.0))
    """
    partner = _reverse_complement_codes(k) if both_strands else None
    parts = []
    for chunk in _chunks(sequences):
        # An N after each sequence, so that no k-mer spans two sequences.
        lengths = np.array([len(sequence) + 1 for sequence in chunk])
        letters = _CODE[np.frombuffer(("N".join(chunk) + "N" * k).encode("ascii"), dtype=np.uint8)]
        windows = len(letters) - k + 1
        code, valid = np.zeros(windows, dtype=np.int32), np.ones(windows, dtype=bool)
        for offset in range(k):
            letter = letters[offset : offset + windows]
            code = code * 4 + letter
            valid &= letter < 4
        row = np.repeat(np.arange(len(chunk), dtype=np.int32), lengths)[:windows]
        code, row = code[valid], row[valid]
        if partner is not None:
            code, row = np.concatenate([code, partner[code]]), np.concatenate([row, row])
        ones = np.ones(len(code), dtype=np.float32)
        parts.append(sparse.csr_array((ones, (row, code)), shape=(len(chunk), 4**k)))
    return sparse.csr_array(sparse.vstack(parts))


def _chunks(sequences: Sequence[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    size = 0
    for sequence in sequences:
        if chunk and size + len(sequence) > CHUNK_BP:
            yield chunk
            chunk, size = [], 0
        chunk.append(sequence)
        size += len(sequence)
    yield chunk


def _reverse_complement_codes(k: int) -> np.ndarray:
    number = {letter: value for value, letter in enumerate("ACGT")}
    kmers = [""]
    for _ in range(k):
        kmers = [kmer + letter for kmer in kmers for letter in "ACGT"]
    reverse = [reverse_complement(kmer) for kmer in kmers]
    return np.array([sum(number[x] * 4**i for i, x in enumerate(reversed(kmer))) for kmer in reverse], dtype=np.int32)


def _features(dataset: Dataset, *, k: int, both_strands: bool) -> sparse.csr_array:
    """The k-mer frequencies of every sequence; for a pair, those of both sequences, concatenated."""
    columns = [name for name in ("sequence", "sequence2") if name in dataset.column_names]
    counts = [kmer_counts(dataset[name], k=k, both_strands=both_strands) for name in columns]
    return sparse.csr_array(sparse.hstack([_frequencies(each) for each in counts]))


def _frequencies(counts: sparse.csr_array) -> sparse.csr_array:
    total = np.maximum(counts.sum(axis=1), 1)
    return sparse.csr_array(counts.multiply(1 / total[:, None]))


def _labels(dataset: Dataset, split: str) -> np.ndarray | list:
    if "labels" not in dataset.column_names:
        raise ValueError(
            f"the {split} sequences have no labels (columns: {', '.join(dataset.column_names)}); add a labels column."
        )
    labels = dataset["labels"][:]
    try:
        return np.asarray(labels)
    except ValueError:  # rows of different lengths: one label per base
        return labels


def _labelled_bins(task: Task, labels: Any) -> np.ndarray:
    """The labels of all labelled bins of all sequences, (bins,) or (bins, L)."""
    width = (-1,) if task.problem_type == "single_label_classification" else (-1, task.num_labels)
    flat = np.concatenate([np.asarray(each).reshape(width) for each in labels])
    return flat[flat != IGNORED] if flat.ndim == 1 else flat[(flat != IGNORED).all(axis=1)]


def _sample(n: int, most: int, generator: np.random.Generator) -> np.ndarray:
    return np.arange(n) if n <= most else np.sort(generator.choice(n, most, replace=False))


def _best_strength(task: Task, features: sparse.csr_array, labels: np.ndarray, generator: np.random.Generator) -> float:
    tried = _sample(len(labels), MAX_TRIED, generator)
    features, labels = features[tried], labels[tried]
    single_label = task.problem_type == "single_label_classification"
    # Every fold should contain every class; stratified folds need at least three examples of each.
    stratify = single_label and min(np.unique(labels, return_counts=True)[1]) >= 3
    folds = (StratifiedKFold if stratify else KFold)(3, shuffle=True, random_state=int(generator.integers(2**31)))
    if len(labels) < 3:
        return STRENGTHS[len(STRENGTHS) // 2]
    scores = np.zeros(len(STRENGTHS))
    for inside, outside in folds.split(features, labels):
        for index, strength in enumerate(STRENGTHS):
            logits = _fit_predict(task, features[inside], labels[inside], features[outside], strength)
            score = compute_metrics(task, logits, labels[outside])[task.metric]
            scores[index] += np.nan_to_num(score if task.greater_is_better else -score)
    return STRENGTHS[int(scores.argmax())]


def _fit_predict(
    task: Task, features: sparse.csr_array, labels: np.ndarray, unseen: sparse.csr_array, strength: float
) -> np.ndarray:
    """Logits (n, L) of `unseen`. `strength` is the L2 penalty per training example, so it is comparable for any n."""
    if task.problem_type == "regression":
        # Dense, so that one factorisation serves all targets; 50,000 sequences with 4^5 k-mers need 200 MB.
        model = Ridge(alpha=strength * len(labels), solver="cholesky", copy_X=False)
        return model.fit(features.toarray(), labels).predict(unseen).reshape(unseen.shape[0], -1)
    if task.problem_type == "single_label_classification":
        return _fit_classes(features, labels, unseen, strength, task.num_labels)
    return _fit_tracks(features, labels, unseen, strength)


def _fit_classes(
    features: sparse.csr_array, labels: np.ndarray, unseen: sparse.csr_array, strength: float, num_classes: int
) -> np.ndarray:
    """Logits (n, classes); a class that does not occur in training is 30 below the least likely one."""
    classes = np.unique(labels)
    if len(classes) == 1:
        seen = np.zeros((unseen.shape[0], 1))
    else:
        model = LogisticRegression(C=1 / (strength * len(labels)), tol=1e-3, max_iter=2000)
        seen = model.fit(features, labels).decision_function(unseen)
        if seen.ndim == 1:  # two classes: the log-odds of the second
            seen = np.stack([np.zeros_like(seen), seen], axis=1)
    logits = np.repeat(seen.min(axis=1, keepdims=True) - 30.0, num_classes, axis=1)
    logits[:, classes] = seen
    return logits


def _fit_tracks(
    features: sparse.csr_array, labels: np.ndarray, unseen: sparse.csr_array, strength: float
) -> np.ndarray:
    """Logits (n, tracks) of one logistic regression per track, all fitted together with matrix products."""
    x, y = features.toarray(), labels.astype(np.float32)
    shape = (x.shape[1] + 1, y.shape[1])  # the last row is the intercept, which is not penalised

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(shape)
        logits = x @ weights[:-1].astype(np.float32) + weights[-1].astype(np.float32)
        value = (np.logaddexp(0, logits) - y * logits).sum(dtype=np.float64) / len(x)
        error = (expit(logits) - y) / len(x)
        gradient = np.concatenate([x.T @ error + strength * weights[:-1], error.sum(axis=0, keepdims=True)])
        return value + strength / 2 * np.square(weights[:-1]).sum(), gradient.ravel()

    options = {"maxiter": 200, "gtol": 1e-4}
    weights = minimize(loss, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B", options=options).x.reshape(
        shape
    )
    return unseen @ weights[:-1] + weights[-1]
