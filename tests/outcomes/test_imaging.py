from __future__ import annotations

import numpy as np
import pytest

from tumorsim.lattice import Lattice
from tumorsim.outcomes.imaging import longest_chord, take, visible_tumour

MM = 1e-3
RULES = {"least_density": 0.2, "least_enhancement": 1.5, "sphere": 5 * MM}


def ball(lattice: Lattice, diameter: float, centre: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    return np.linalg.norm(lattice.centres() - np.asarray(centre), axis=1) <= diameter / 2


@pytest.mark.parametrize(("diameter", "seen"), [(3, False), (4, False), (7, True), (12, True)])
@pytest.mark.parametrize("spacing", [0.5, 1.0])
def test_a_nodule_is_seen_once_it_holds_the_sphere(diameter: float, seen: bool, spacing: float) -> None:
    lattice = Lattice.for_box(20 * MM, spacing * MM)
    nodule = ball(lattice, diameter * MM)
    found = visible_tumour(lattice, nodule * 1.0, nodule * 2.0, **RULES)
    assert found.any() == seen
    assert np.array_equal(found, nodule if seen else np.zeros_like(nodule))


def test_a_thin_shell_is_not_seen_and_a_big_nodule_beside_it_is() -> None:
    lattice = Lattice.for_box(40 * MM, 1 * MM)
    centre = (-8 * MM, 0, 0)
    shell = ball(lattice, 20 * MM, centre) & ~ball(lattice, 16 * MM, centre)
    nodule = ball(lattice, 8 * MM, (12 * MM, 0, 0))
    density = (shell | nodule) * 1.0
    found = visible_tumour(lattice, density, density * 2, **RULES)
    assert np.array_equal(found, nodule)


@pytest.mark.parametrize(("density", "enhancement"), [(0.19, 2.0), (1.0, 1.4)])
def test_what_is_thin_or_dark_is_not_seen(density: float, enhancement: float) -> None:
    lattice = Lattice.for_box(20 * MM, 1 * MM)
    nodule = ball(lattice, 10 * MM)
    assert not visible_tumour(lattice, nodule * density, nodule * enhancement, **RULES).any()


def test_portal_fed_residue_is_alive_and_dark() -> None:
    lattice = Lattice.for_box(20 * MM, 1 * MM)
    nodule = ball(lattice, 12 * MM)
    image = take(lattice, nodule * 100, 100, np.zeros(lattice.n_sites), 0.002, **RULES)
    assert image.nothing_visible
    assert image.diameter == 0.0


def test_a_slab_can_be_read() -> None:
    lattice = Lattice.for_box(20 * MM, 1 * MM, slab=True)
    disc = np.linalg.norm(lattice.centres()[:, :2], axis=1) <= 5 * MM
    found = visible_tumour(lattice, disc * 1.0, disc * 2.0, **RULES)
    assert np.array_equal(found, disc)


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
