"""Two-dimensional maps (t-SNE or UMAP) of embeddings, coloured by class."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from sklearn.manifold import TSNE
from sklearn.preprocessing import normalize

from hf_dnalm.evaluation.figures import plain_text
from hf_dnalm.evaluation.plots import COLOURS, INK, add_legend, name_axes, new_axes

MapMethod = Literal["tsne", "umap"]
MAX_POINTS = 5_000  # on a map; more take minutes and overlap
_PERPLEXITY = 30.0
_LEAST = 4  # smallest number of points for a map


def map_vectors(vectors: np.ndarray, *, method: MapMethod = "tsne", seed: int = 0) -> np.ndarray:
    """Compute (n, 2) positions on a map from (n, width) vectors, which are normalised first, as in `cluster`.

    Args:
        method: "tsne" (van der Maaten and Hinton 2008, by scikit-learn) or "umap" (McInnes et al. 2018, by umap-learn).
        seed: equal seeds give equal maps.

    Raises:
        ValueError: the method is unknown, or there are fewer than 4 vectors.
        ImportError: umap-learn is not installed.
    """
    if method not in get_args(MapMethod):
        raise ValueError(f"method is {method!r}; choose from {', '.join(get_args(MapMethod))}.")
    if len(vectors) < _LEAST:
        raise ValueError(f"a map needs at least {_LEAST} vectors, but there are only {len(vectors)}.")
    directions = normalize(np.asarray(vectors, dtype=np.float64))
    if method == "tsne":
        perplexity = min(_PERPLEXITY, (len(vectors) - 1) / 3)
        return TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(directions)
    try:
        from umap import UMAP
    except ImportError:
        raise ImportError(
            'umap-learn is needed for this map: pip install "hf_dnalm[umap]", or use method "tsne".'
        ) from None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_jobs value")  # UMAP warns that a seed limits it to one thread
        return UMAP(n_neighbors=min(15, len(vectors) - 1), random_state=seed).fit_transform(directions)


@plain_text()
def draw_maps(
    vectors: Mapping[str, np.ndarray],
    labels: Sequence[int],
    label_names: Sequence[str],
    *,
    method: MapMethod = "tsne",
    seed: int = 0,
) -> Figure:
    """Draw maps of several kinds of vectors next to each other, for the same rows.

    Args:
        vectors: title → (n, width).
        labels: (n,) class of each row.
        label_names: names of the classes. More than eight classes get a continuous colour scale and no legend.

    Raises:
        ValueError, ImportError: as `map_vectors`.
    """
    classes = np.asarray(labels)
    rows = np.arange(len(classes))
    if len(rows) > MAX_POINTS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MAX_POINTS, replace=False))
    few = len(label_names) <= len(COLOURS)
    scale = colormaps["viridis"](np.linspace(0, 1, len(label_names)))
    colours = list(COLOURS[: len(label_names)]) if few else list(scale)
    figure, panels = new_axes(len(vectors), width=4.6, height=4.4)
    figure.patch.set(facecolor="white", alpha=1.0)
    for axes, (title, every) in zip(panels, vectors.items(), strict=True):
        points = map_vectors(every[rows], method=method, seed=seed)
        for number in np.unique(classes[rows]):
            own = points[classes[rows] == number]
            axes.scatter(own[:, 0], own[:, 1], s=8, color=colours[number], linewidths=0, label=label_names[number])
        axes.set(xticks=[], yticks=[])
        shown = f"{len(rows):,} of {len(classes):,}" if len(rows) < len(classes) else f"{len(rows):,}"
        name_axes(axes, "", "", f"{title} ({method}, {shown} sequences, {len(label_names)} classes)")
    if few:
        add_legend(panels[-1], loc="center left", bbox_to_anchor=(1.0, 0.5))
    for axes in panels:
        for spine in axes.spines.values():
            spine.set(visible=True, color=INK, alpha=0.3)
    return figure
