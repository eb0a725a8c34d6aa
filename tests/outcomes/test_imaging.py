from __future__ import annotations

import numpy as np
import pytest

from tumorsim.anatomy.contraction import Lesion
from tumorsim.lattice import Lattice
from tumorsim.outcomes.imaging import take, visible_tumour
from tumorsim.outcomes.outline import Present

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


def test_the_diameter_is_that_of_one_region_and_not_across_two() -> None:
    lattice = Lattice.for_box(40 * MM, 1 * MM)
    two = ball(lattice, 10 * MM, (-10 * MM, 0, 0)) | ball(lattice, 8 * MM, (10 * MM, 0, 0))
    image = take(lattice, two * 100, 100, two * 0.01, 0.002, **RULES, gap=2 * MM, shift=(1 * MM, 0.0, 0.0))
    assert image.diameter == pytest.approx(10 * MM, abs=1 * MM)
    assert image.volume == pytest.approx(two.sum() * lattice.site_volume) and image.shift == (1 * MM, 0.0, 0.0)


def test_what_has_contracted_must_hold_the_sphere_as_it_is_now() -> None:
    lattice = Lattice.for_box(20 * MM, 1 * MM)
    nodule = ball(lattice, 7 * MM)
    for left, seen in ((0.9, True), (0.3, False)):
        present = Present(
            lattice, np.where(nodule, left, 1.0).astype(np.float32), nodule.astype(np.uint8), (Lesion((1,), (0, 0, 0)),)
        )
        image = take(lattice, nodule * 100, 100, nodule * 0.01, 0.002, **RULES, present=present)
        assert image.nothing_visible is not seen
        if seen:
            assert image.volume == pytest.approx(0.9 * nodule.sum() * lattice.site_volume, rel=1e-5)
