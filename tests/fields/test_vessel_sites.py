"""Pieces, sites and well indices of vessels in a lattice."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.fields.vessel_sites import green, green_table, rasterise
from tumorsim.lattice import Lattice

H = 10e-6


def one(start, end, radius, shape=(20, 20, 20), spacing=H, length=None):
    ends = np.array([[start, end]], dtype=float)
    chord = float(np.linalg.norm(ends[0, 1] - ends[0, 0]))
    return rasterise(ends, np.array([radius]), np.array([length or chord]), Lattice(shape, spacing))


def test_the_green_function_solves_the_stencil():
    table = green_table()
    assert table[0, 0, 0] == pytest.approx(0.2527310098586, rel=1e-8)  # Watson 1939
    around = sum(
        green(i + a, j + b, k + c, table)
        for (i, j, k) in [(0, 0, 0)]
        for a, b, c in ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))
    )
    assert 6.0 * table[0, 0, 0] - around == pytest.approx(1.0, abs=1e-9)
    for i, j, k in ((3, 1, 0), (14, 2, 5), (15, 15, 15), (20, 3, 1)):  # also across the edge of the table
        steps = ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))
        around = sum(green(i + a, j + b, k + c, table) for a, b, c in steps)
        assert around == pytest.approx(6.0 * green(i, j, k, table), rel=2e-5)


def test_one_site_around_the_axis_has_peacemans_index():
    radius = 1e-3 * H
    found = one((0, 0, -60e-6), (0, 0, 60e-6), radius, (21, 21, 21))
    middle = found.share > 0.4  # the axis runs through centres: each piece gives to two sites along it at most
    peaceman = math.log(0.19850 * H / radius) / (2.0 * math.pi)  # exp(-gamma) / sqrt(8)
    assert found.index[middle] == pytest.approx(peaceman, abs=4e-3)


@settings(max_examples=30, deadline=None)
@given(
    st.tuples(*[st.floats(-80e-6, 80e-6)] * 6),
    st.floats(0.05, 2.5),
)
def test_shares_are_whole_and_lengths_add_up(places, wide):
    start, end = places[:3], places[3:]
    if math.dist(start, end) < 5e-6:
        return
    found = one(start, end, wide * H, length=2.0 * math.dist(start, end))
    assert found.length.sum() == pytest.approx(2.0 * math.dist(start, end))
    assert found.within.all()
    sums = np.add.reduceat(found.share, found.first[:-1])
    assert sums == pytest.approx(1.0, abs=1e-12)
    assert np.diff(found.first).min() >= 1 and found.first[-1] == len(found.site)
    assert (found.site >= 0).all() and (found.site < 8000).all()
    # a coarse site never gives more than the wall: exchange stays positive
    assert found.index.min() > -0.01
    assert ((found.lumen >= 0.0) & (found.lumen <= 1.0)).all()


@pytest.mark.parametrize(
    ("direction", "radius"),
    [
        ((1, 0, 0), 2e-6),
        ((1, 0, 0), 15e-6),
        ((1, 1, 0), 6e-6),
        ((1, 1, 1), 2e-6),
        ((3, 1, -2), 2e-6),
        ((3, 1, -2), 15e-6),
    ],
)
def test_the_index_is_what_a_solved_lattice_shows(direction, radius):
    """A long vessel in a big box: flux q in, p given far away, and p at the wall from the sites and the index.

    The lattice is solved by a sparse solver, so the Green function has no part in it.
    """
    from scipy.sparse import coo_array, diags_array
    from scipy.sparse.linalg import cg

    n = 31
    lattice = Lattice((n, n, n), H)
    d = np.array(direction) / np.linalg.norm(direction)
    offset = np.array([1.3e-6, -3.7e-6, 2.2e-6])
    reach = n * H / 2.0 / np.abs(d).max()
    ends = np.array([[offset - reach * d, offset + reach * d]])
    found = rasterise(ends, np.array([radius]), np.array([2.0 * reach]), lattice)
    rows = np.repeat(np.arange(len(found.edge)), np.diff(found.first))
    # K = 1, q = 1: the box face holds -ln(r) / 2 pi, the exact solution with p = -ln(radius) / 2 pi at the wall
    centres = lattice.centres()
    across = centres - offset - ((centres - offset) @ d)[:, None] * d
    exact = -np.log(np.maximum(np.linalg.norm(across, axis=1), 1e-9)) / (2.0 * math.pi)
    held = lattice.on_face()
    source = np.bincount(found.site, found.share * found.length[rows] / H, minlength=lattice.n_sites)
    table = lattice.neighbour_table()
    a, b = np.nonzero(table >= 0)
    off = coo_array((np.ones(len(a)), (a, table[a, b])), shape=(lattice.n_sites,) * 2).tocsr()
    free = np.flatnonzero(~held)
    right = source + off[:, np.flatnonzero(held)] @ exact[held]
    matrix = (diags_array(off.sum(axis=1)) - off)[free][:, free]
    p = exact.copy()
    p[free], info = cg(matrix, right[free], rtol=1e-9)
    assert info == 0
    along = np.abs((lattice.centres(found.site) - offset) @ d) < 4 * H  # away from the ends
    wall = p[found.site] + found.index
    miss = wall[along] + math.log(radius) / (2.0 * math.pi)
    assert np.abs(np.average(miss, weights=found.share[along])) < 3e-3
    assert np.abs(miss).max() < 0.035  # site by site: near the sources the source itself is not quite a ring


def test_lumen_is_the_volume_of_the_vessel_until_it_fills_a_site():
    found = one((-60e-6, 3e-6, 1e-6), (60e-6, 9e-6, -14e-6), 4e-6)
    length = math.dist((-60e-6, 3e-6, 1e-6), (60e-6, 9e-6, -14e-6))
    assert found.lumen.sum() * H**3 == pytest.approx(math.pi * 4e-6**2 * length, rel=1e-9)
    wide = one((-60e-6, 0, 0), (60e-6, 0, 0), 35e-6)
    assert wide.lumen.max() == 1.0


def test_what_lies_outside_the_box_has_no_sites():
    found = one((0, 0, 0), (200e-6, 0, 0), 3e-6)
    inside = found.within.sum() * found.length[0]
    assert inside == pytest.approx(100e-6, rel=0.06)
    assert (np.diff(found.first)[~found.within] == 0).all()


def test_what_cannot_be_resolved_is_refused():
    with pytest.raises(InputError, match="too thin"):
        one((0, 0, 0), (5e-6, 0, 0), 1e-6, (20, 20, 1))
    with pytest.raises(InputError, match="wider than 20 sites"):
        one((0, 0, 0), (5e-6, 0, 0), 11 * H)
