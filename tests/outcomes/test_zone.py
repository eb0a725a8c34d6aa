"""The treated zone and its margin, on shapes whose margin is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.anatomy.contraction import Lesion
from tumorsim.lattice import Lattice
from tumorsim.outcomes.outline import Present
from tumorsim.outcomes.zone import margin, treated_zone

MM = 1e-3
LATTICE = Lattice.for_box(60 * MM, 1 * MM)


def ball(diameter: float, centre: tuple[float, float, float] = (0, 0, 0), lattice: Lattice = LATTICE) -> np.ndarray:
    return np.linalg.norm(lattice.centres() - np.asarray(centre) * MM, axis=1) <= diameter / 2 * MM


@pytest.mark.parametrize("spacing", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("wide", [-6.0, -2.0, 0.0, 3.0, 7.0])
def test_a_shell_has_its_width_as_margin(spacing: float, wide: float) -> None:
    lattice = Lattice.for_box(44 * MM, spacing * MM)
    found = margin(Present(lattice), ball(20 + 2 * wide, lattice=lattice), ball(20, lattice=lattice))
    assert found == pytest.approx(wide * MM, abs=0.6 * spacing * MM)


@given(st.tuples(*[st.floats(-5.0, 5.0)] * 3), st.floats(-2.0, 6.0))
@settings(max_examples=25, deadline=None)
def test_a_zone_off_the_middle_loses_its_distance_from_the_margin(off: tuple[float, float, float], wide: float) -> None:
    """Two spheres: the least margin is the difference of the radii less the distance of the middles."""
    due = wide - float(np.linalg.norm(off))
    found = margin(Present(LATTICE), ball(26 + 2 * wide, off), ball(26))
    assert found == pytest.approx(due * MM, abs=0.7 * MM)
    # a shift of the examination does the same as a shift of the zone
    moved = margin(Present(LATTICE), ball(26 + 2 * wide), ball(26), np.array(off) * MM)
    assert moved == pytest.approx(due * MM, abs=0.7 * MM)


def test_without_a_zone_there_is_no_margin() -> None:
    nothing = np.zeros(LATTICE.n_sites, bool)
    assert margin(Present(LATTICE), nothing, ball(20)) is None
    assert margin(Present(LATTICE), ball(20), nothing) is None


def test_a_zone_that_has_shrunk_reads_as_a_smaller_margin() -> None:
    tumour, zone = ball(20), ball(30)
    volume = np.where(tumour, 0.4, 1.0).astype(np.float32)
    later = Present(LATTICE, volume, tumour.astype(np.uint8), (Lesion((1,), (0.0, 0.0, 0.0)),))
    edge = (15**3 - 0.6 * 10**3) ** (1 / 3)
    assert margin(later, zone, tumour) == pytest.approx((edge - 10) * MM, abs=0.6 * MM)
    assert margin(Present(LATTICE), zone, tumour) == pytest.approx(5 * MM, abs=0.6 * MM)


def test_a_zone_is_dark_joined_and_at_the_tumour() -> None:
    outline = ball(20)
    blood = np.ones(LATTICE.n_sites)
    dark = ball(24) | ball(8, (22, 0, 0))  # the second lies on its own
    blood[dark] = 0.05
    alive = np.ones(LATTICE.n_sites, bool)
    assert np.array_equal(treated_zone(LATTICE, (blood < 0.2) | ~alive, outline), ball(24))
    # dead tissue does not fill though blood runs in the vessels to it
    assert np.array_equal(treated_zone(LATTICE, outline, outline), outline)
    assert not treated_zone(LATTICE, ~alive, outline).any()
