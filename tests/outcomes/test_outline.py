from __future__ import annotations

import numpy as np
import pytest

from tumorsim.anatomy.contraction import Lesion
from tumorsim.lattice import Lattice
from tumorsim.outcomes.outline import Present, border_points, enclosed, longest_chord, regions

MM = 1e-3


def ball(lattice: Lattice, diameter: float, centre: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    return np.linalg.norm(lattice.centres() - np.asarray(centre), axis=1) <= diameter / 2


def contracted(
    lattice: Lattice, body: np.ndarray, left: float, centre: tuple[float, float, float] = (0, 0, 0)
) -> Present:
    volume = np.where(body, left, 1.0).astype(np.float32)
    return Present(lattice, volume, body.astype(np.uint8), (Lesion((1,), centre),))


@pytest.mark.parametrize("spacing", [0.5, 1.0])
def test_longest_chord_of_a_ball_is_its_diameter(spacing: float) -> None:
    lattice = Lattice.for_box(30 * MM, spacing * MM)
    assert longest_chord(lattice, ball(lattice, 20 * MM)) == pytest.approx(20 * MM, abs=1.01 * spacing * MM)


def test_longest_chord_of_one_site_and_of_a_row() -> None:
    lattice = Lattice.for_box(10 * MM, 1 * MM)
    sites = np.zeros(lattice.n_sites, dtype=bool)
    assert longest_chord(lattice, sites) == 0.0
    sites[lattice.index(5, 5, 5)] = True
    assert longest_chord(lattice, sites) == pytest.approx(1 * MM)
    sites[[int(lattice.index(5, 5, k)) for k in range(8)]] = True
    assert longest_chord(lattice, sites) == pytest.approx(8 * MM)


@pytest.mark.parametrize("spacing", [0.5, 1.0])
@pytest.mark.parametrize("left", [0.3, 0.7])
def test_a_contracted_ball_is_shorter_by_the_cube_root_of_its_volume(spacing: float, left: float) -> None:
    lattice = Lattice.for_box(30 * MM, spacing * MM)
    body = ball(lattice, 20 * MM)
    now = contracted(lattice, body, left)
    assert now.longest(body) == pytest.approx(20 * MM * left ** (1 / 3), abs=1.2 * spacing * MM)
    assert now.content(body) == pytest.approx(body.sum() * lattice.site_volume * left, rel=1e-5)


def test_regions_are_one_where_the_gap_is_small() -> None:
    lattice = Lattice.for_box((40 * MM, 16 * MM, 16 * MM), 1 * MM)
    x = lattice.centres()[:, 0]
    thin = np.abs(lattice.centres()[:, 1:]).max(axis=1) < 4 * MM
    for gap, count in ((1, 1), (2, 1), (3, 2), (5, 2)):
        two = thin & (np.abs(x) < 15 * MM) & ((x < 0) | (x > gap * MM))
        label, found = regions(lattice, two, 2 * MM)
        assert found == count and set(np.unique(label[two])) == set(range(1, count + 1)) and not label[~two].any()


def test_an_outline_holds_what_it_encloses() -> None:
    lattice = Lattice.for_box(40 * MM, 1 * MM)
    shell = ball(lattice, 30 * MM) & ~ball(lattice, 20 * MM)
    cut = shell & (np.abs(lattice.centres()[:, 0] - 0.5 * MM) > 0.6 * MM)  # a dark slice, one site thin
    assert np.array_equal(enclosed(lattice, shell, 2 * MM), ball(lattice, 30 * MM) | enclosed(lattice, shell, 2 * MM))
    got = enclosed(lattice, cut, 2 * MM)
    assert got[ball(lattice, 28 * MM)].all() and not got[~ball(lattice, 31 * MM)].any()


@pytest.mark.parametrize("spacing", [0.5, 1.0, 2.0])
def test_border_points_lie_on_the_sphere_and_look_outward(spacing: float) -> None:
    lattice = Lattice.for_box(44 * MM, spacing * MM)
    points, outward = border_points(lattice, ball(lattice, 30 * MM))
    away = np.linalg.norm(points, axis=1)
    assert away == pytest.approx(np.full(len(away), 15 * MM), abs=0.5 * spacing * MM)
    assert away.mean() == pytest.approx(15 * MM, abs=0.15 * spacing * MM)
    assert ((points / away[:, None]) * outward).sum(axis=1).min() > 0.9


def test_border_of_a_slab_lies_in_its_plane() -> None:
    lattice = Lattice.for_box(30 * MM, 1 * MM, slab=True)
    points, outward = border_points(lattice, np.linalg.norm(lattice.centres()[:, :2], axis=1) < 8 * MM)
    assert len(points) > 30 and not points[:, 2].any() and not outward[:, 2].any()
    disc = np.linalg.norm(lattice.centres()[:, :2], axis=1) < 8 * MM
    assert regions(lattice, disc, 2 * MM)[1] == 1 and np.array_equal(enclosed(lattice, disc, 2 * MM), disc)
    assert Present(lattice).longest(disc) == pytest.approx(16 * MM, abs=1 * MM)
