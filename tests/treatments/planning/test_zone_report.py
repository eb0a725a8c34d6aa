"""Zones whose axes, volume and margin are known: ellipsoids on several lattices, from sites and from Omega."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.treatments.planning.needles import unit
from tumorsim.treatments.planning.zone_report import zone_report

MM = 1e-3


def ellipsoid(
    lattice: Lattice, short: float, long: float, along: np.ndarray, centre: tuple[float, float, float] = (0, 0, 0)
) -> np.ndarray:
    """Omega: 1 on the ellipsoid [mm], falling by exp(-20) a unit of the relative radius."""
    away = lattice.centres() / MM - np.array(centre)
    depth = away @ along
    beside = np.linalg.norm(away - depth[:, None] * along, axis=1)
    r = np.sqrt((2 * beside / short) ** 2 + (2 * depth / long) ** 2)
    return np.exp(20.0 * (1.0 - r))


@pytest.mark.parametrize("spacing", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("way", [(0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 2.0, -0.5)])
@pytest.mark.parametrize("size", [(24.0, 34.0), (30.0, 30.0), (36.0, 28.0)])
@pytest.mark.parametrize("exact", [True, False])
def test_axes_are_right_to_half_a_site(
    spacing: float, way: tuple[float, float, float], size: tuple[float, float], exact: bool
) -> None:
    lattice = Lattice.for_box(44 * MM, spacing * MM)
    along = unit(way)
    omega = ellipsoid(lattice, *size, along, (0.3, -0.4, 0.2))
    found = zone_report(lattice, omega if exact else omega >= 1.0, way)
    assert found.short_axis_mm == pytest.approx(size[0], abs=0.5 * spacing)
    assert found.long_axis_mm == pytest.approx(size[1], abs=0.5 * spacing)
    assert found.volume_ml == pytest.approx(np.pi / 6e3 * size[0] ** 2 * size[1], rel=0.02)
    assert found.cover is None and found.margin_mm is None


@given(st.floats(-6.0, 6.0), st.sampled_from([0, 1, 2]), st.booleans())
@settings(max_examples=20, deadline=None)
def test_margin_and_cover_of_a_sphere_off_the_middle(off: float, axis: int, exact: bool) -> None:
    lattice = Lattice.for_box(56 * MM, 1 * MM)
    along = np.array([0.0, 0.0, 1.0])
    outline = ellipsoid(lattice, 24, 24, along) >= 1.0
    centre = np.eye(3)[axis] * off
    omega = ellipsoid(lattice, 34, 34, along, tuple(centre))
    found = zone_report(lattice, omega if exact else omega >= 1.0, along, outline)
    assert found.margin_mm == pytest.approx(5.0 - abs(off), abs=0.5 if exact else 0.7)
    assert found.cover == pytest.approx(((omega >= 1.0) & outline).sum() / outline.sum())


def test_two_zones_are_read_as_one_and_none_as_none() -> None:
    lattice = Lattice.for_box(60 * MM, 1 * MM)
    along = np.array([0.0, 0.0, 1.0])
    omega = ellipsoid(lattice, 20, 30, along, (-9, 0, 0)) + ellipsoid(lattice, 20, 30, along, (9, 0, 0))
    found = zone_report(lattice, omega, along)
    assert found.short_axis_mm == pytest.approx(38.0, abs=0.6)
    outline = ellipsoid(lattice, 20, 20, along) >= 1.0
    nothing = zone_report(lattice, np.zeros(lattice.n_sites), along, outline)
    assert (nothing.cover, nothing.margin_mm, nothing.volume_ml, nothing.short_axis_mm) == (0.0, None, 0.0, 0.0)
    full = zone_report(lattice, np.ones(lattice.n_sites, bool), along, outline)
    assert full.cover == 1.0 and full.volume_ml == pytest.approx(216.0)


def test_what_cannot_be_read_is_refused() -> None:
    lattice = Lattice.for_box(10 * MM, 1 * MM)
    with pytest.raises(InputError, match="shape"):
        zone_report(lattice, np.zeros(3), (0, 0, 1))
    with pytest.raises(InputError, match="Omega"):
        zone_report(lattice, np.full(lattice.n_sites, np.nan), (0, 0, 1))
    with pytest.raises(InputError, match="direction"):
        zone_report(lattice, np.zeros(lattice.n_sites), (0, 0, 0))
