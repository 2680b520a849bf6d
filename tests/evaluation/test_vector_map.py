"""Maps of vectors: separate classes stay separate, and equal vectors give equal maps."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from hf_dnalm.evaluation import draw_maps, map_vectors, vector_map, write_figure


def three_clouds(n: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """n vectors around each of three directions, of all lengths."""
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), n)
    vectors = np.eye(3, 8)[labels] + 0.05 * generator.normal(size=(3 * n, 8))
    return vectors * generator.uniform(0.1, 10, size=(3 * n, 1)), labels


def nearest_of_the_same_class(points: np.ndarray, labels: np.ndarray) -> float:
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1) + np.diag(np.full(len(points), np.inf))
    return float((labels[distances.argmin(1)] == labels).mean())


def test_neighbours_stay_neighbours_whatever_the_lengths_of_the_vectors():
    vectors, labels = three_clouds()
    points = map_vectors(vectors)
    assert points.shape == (60, 2)
    assert nearest_of_the_same_class(points, labels) == 1.0
    np.testing.assert_array_equal(map_vectors(vectors), points)


def test_umap_draws_the_same_clouds():
    pytest.importorskip("umap")
    vectors, labels = three_clouds()
    assert nearest_of_the_same_class(map_vectors(vectors, method="umap"), labels) == 1.0


def test_a_missing_umap_is_named_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ImportError, match=r'pip install "hf_dnalm\[umap\]", or use method "tsne"'):
        map_vectors(np.eye(5), method="umap")


def test_what_no_map_can_be_made_of_is_refused():
    with pytest.raises(ValueError, match="a map needs at least 4 vectors, but there are only 3"):
        map_vectors(np.eye(3))
    with pytest.raises(ValueError, match="method is 'pca'; choose from tsne, umap"):
        map_vectors(np.eye(5), method="pca")


@pytest.mark.parametrize(("classes", "legend"), [(3, True), (9, False)])
def test_few_classes_have_a_legend_and_many_a_scale(monkeypatch, classes, legend):
    monkeypatch.setattr(vector_map, "map_vectors", lambda vectors, **_: vectors[:, :2])
    vectors, _ = three_clouds()
    labels, names = np.arange(60) % classes, [f"species {number}" for number in range(classes)]
    figure = draw_maps({"model": vectors, "4-mers": vectors}, labels, names)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        f"{title} (tsne, 60 sequences, {classes} classes)" for title in ("model", "4-mers")
    ]
    assert [axes.get_legend() is not None for axes in figure.axes] == [False, legend]
    for axes in figure.axes:
        colours = [tuple(cloud.get_facecolor()[0]) for cloud in axes.collections]
        assert len(set(colours)) == classes
    drawn = np.concatenate([cloud.get_offsets() for cloud in figure.axes[0].collections])
    assert sorted(map(tuple, drawn)) == sorted(map(tuple, vectors[:, :2]))


def test_a_large_set_is_drawn_in_part_and_says_so(monkeypatch):
    monkeypatch.setattr(vector_map, "map_vectors", lambda vectors, **_: vectors[:, :2])
    monkeypatch.setattr(vector_map, "MAX_POINTS", 10)
    vectors, labels = three_clouds()
    (axes,) = draw_maps({"model": vectors}, labels, ["a", "b", "c"]).axes
    assert axes.get_title(loc="left") == "model (tsne, 10 of 60 sequences, 3 classes)"
    assert sum(len(cloud.get_offsets()) for cloud in axes.collections) == 10


@pytest.mark.parametrize("extension", [".png", ".svg"])
def test_equal_figures_are_equal_files(monkeypatch, tmp_path, extension):
    monkeypatch.setattr(vector_map, "map_vectors", lambda vectors, **_: vectors[:, :2])
    vectors, labels = three_clouds()
    for name in ("one", "two"):
        write_figure(draw_maps({"model": vectors}, labels, ["a", "b", "c"]), tmp_path / f"{name}{extension}")
    first, second = sorted(tmp_path.iterdir())
    assert first.read_bytes() == second.read_bytes()
    with pytest.raises(ValueError, match=r"the extension must be one of \.png, \.svg"):
        write_figure(draw_maps({"model": vectors}, labels, ["a", "b", "c"]), tmp_path / "x.pdf")
