"""Iodised oil on the way of photons: closed forms, brute force along the ray, and the sourced coefficients."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.treatments.seeds.attenuation import excess_attenuation, transmission

PARAMETERS = load_parameters()
EXCESS = excess_attenuation(PARAMETERS)
LATTICE = Lattice((20, 16, 12), 1e-3)
EVERY = np.arange(LATTICE.n_sites)


def at_energy(energy: float, at_20: float, at_30: float) -> float:
    slope = math.log(at_20 / at_30) / math.log(30.0 / 20.0)
    return at_30 * (30.0 / energy) ** slope


def test_coefficients_are_the_tables_at_the_mean_energy() -> None:
    """NIST at 20 and 30 keV, along a straight line of logarithms to 28.4 keV (cm2/g)."""
    iodine, water = at_energy(28.4, 25.43, 8.561), at_energy(28.4, 0.8096, 0.3756)
    shares = np.array([0.774, 0.123, 0.103])  # ethyl oleate: C, H, O
    ester = at_energy(28.4, float(shares @ [0.4420, 0.3695, 0.8651]), float(shares @ [0.2562, 0.3570, 0.3779]))
    rows = PARAMETERS.room("radiation")
    assert rows["absorption_iodine"] * 10.0 == pytest.approx(iodine, rel=0.005)
    assert rows["absorption_ester"] * 10.0 == pytest.approx(ester, rel=0.005)
    assert rows["absorption_water"] / 100.0 == pytest.approx(water, rel=0.005)
    # 480 mg/mL of iodine make a cm of pure oil nearly opaque; 1 % of oil takes some 5 % a cm
    by_hand = 100.0 * (0.48 * iodine + 0.80 * ester - water)
    assert pytest.approx(by_hand, rel=0.01) == EXCESS
    assert math.exp(-EXCESS * 0.01) < 0.011
    assert math.exp(-EXCESS * 0.01 * 0.01) == pytest.approx(0.955, abs=0.002)


def test_a_block_of_even_oil_is_exact() -> None:
    source = np.array([1.3e-3, -2.1e-3, 0.4e-3])
    found = transmission(source, EVERY, np.full(LATTICE.n_sites, 0.07), LATTICE, EXCESS)
    away = np.linalg.norm(LATTICE.centres() - source, axis=1)
    assert found == pytest.approx(np.exp(-EXCESS * 0.07 * away), rel=1e-12)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slab_is_exact_from_either_side_and_from_outside(axis: int) -> None:
    oil = np.zeros(LATTICE.shape)
    index: list[slice | int] = [slice(None)] * 3
    index[axis] = slice(4, 7)
    oil[tuple(index)] = 0.3
    low = (4 - LATTICE.shape[axis] / 2) * 1e-3
    centres = LATTICE.centres()
    for side in (-1.0, 1.0):
        source = np.array([0.31e-3, -0.17e-3, 0.23e-3])
        source[axis] = side * 30e-3
        found = transmission(source, EVERY, oil.ravel(), LATTICE, EXCESS)
        way = centres - source
        shares = np.sort(np.stack([(low - source[axis]) / way[:, axis], (low + 3e-3 - source[axis]) / way[:, axis]]), 0)
        inside = np.clip(shares[1], 0.0, 1.0) - np.clip(shares[0], 0.0, 1.0)
        within = np.abs(centres[:, (axis + 1) % 3]) < 1e-2  # rays that do not pass round the slab
        # a ray from afar may enter the lattice beside the slab: keep those whose crossing lies in the lattice
        crossing = source + shares[0][:, None] * way
        half = 0.5 * np.array(LATTICE.size)
        others = [k for k in range(3) if k != axis]
        within &= (np.abs(crossing[:, others]) < half[others]).all(axis=1)
        exact = np.exp(-EXCESS * 0.3 * inside * np.linalg.norm(way, axis=1))
        assert within.sum() > 1000
        assert found[within] == pytest.approx(exact[within], rel=1e-11)


position = st.floats(-12e-3, 12e-3)


@settings(max_examples=40, deadline=None)
@given(st.tuples(position, position, position), st.integers(0, LATTICE.n_sites - 1), st.integers(0, 5))
def test_any_ray_against_fine_steps(source: tuple[float, float, float], site: int, scene: int) -> None:
    # every third site of a scene has oil, of an amount that differs from site to site
    oil = np.where((EVERY * 7 + scene) % 3 == 0, (EVERY * 13 % 11) / 11.0, 0.0)
    found = transmission(np.array(source), np.array([site]), oil, LATTICE, 30.0)[0]
    end = LATTICE.centres(np.array([site]))[0]
    steps = 40_000
    points = np.array(source) + (np.arange(steps)[:, None] + 0.5) / steps * (end - np.array(source))
    cells = np.floor(points / 1e-3 + 0.5 * np.array(LATTICE.shape)).astype(int)
    inside = ((cells >= 0) & (cells < LATTICE.shape)).all(axis=1)
    met = oil[LATTICE.index(*cells[inside].T)].sum() / steps * np.linalg.norm(end - np.array(source))
    assert -math.log(found) / 30.0 == pytest.approx(met, abs=2e-6)


def test_rays_along_faces_and_from_the_site_itself() -> None:
    oil = np.full(LATTICE.n_sites, 1.0)
    site = LATTICE.index(10, 8, 6)
    centre = LATTICE.centres(np.array([site]))[0]
    assert transmission(centre, np.array([site]), oil, LATTICE, 100.0)[0] == 1.0
    # straight along an axis, and from a corner of sites along a diagonal
    along = transmission(centre - [5e-3, 0.0, 0.0], np.array([site]), oil, LATTICE, 100.0)[0]
    assert along == pytest.approx(math.exp(-0.5), rel=1e-12)
    corner = transmission(np.zeros(3), np.array([LATTICE.index(14, 12, 10)]), oil, LATTICE, 100.0)[0]
    assert corner == pytest.approx(math.exp(-100.0 * 4.5e-3 * math.sqrt(3.0)), rel=1e-12)


def test_no_oil_and_off_change_nothing_and_threads_no_bit() -> None:
    source = np.zeros(3)
    assert (transmission(source, EVERY, np.zeros(LATTICE.n_sites), LATTICE, EXCESS) == 1.0).all()
    assert (transmission(source, EVERY, np.ones(LATTICE.n_sites), LATTICE, 0.0) == 1.0).all()
    wide = Lattice((60, 60, 40), 1e-3)
    oil, sites = (np.arange(wide.n_sites) % 5) / 10.0, np.arange(wide.n_sites)
    one, two = (transmission(source, sites, oil, wide, EXCESS, threads=t) for t in (1, 2))
    assert (one == two).all()
    assert one.min() > 0.0 and one.max() <= 1.0


def test_what_is_impossible_is_refused_at_once() -> None:
    with pytest.raises(InputError) as caught:
        transmission(np.zeros(2), EVERY, np.full(LATTICE.n_sites, 1.5), LATTICE, -1.0)
    assert len(caught.value.problems) == 3
    with pytest.raises(InputError, match="do not fit"):
        transmission(np.zeros(3), EVERY, np.zeros(5), LATTICE, 1.0)
