"""Indices, positions, neighbours and coarsening of the box of sites."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice, capacity, good_spacings, implied_density

SHAPES = st.tuples(*[st.integers(1, 7)] * 3)


@given(SHAPES)
def test_indices_are_in_c_order(shape: tuple[int, int, int]) -> None:
    lattice = Lattice(shape, 1e-3)
    sites = np.arange(lattice.n_sites).reshape(shape)
    for site in range(lattice.n_sites):
        i, j, k = lattice.ijk(site)
        assert sites[i, j, k] == site == lattice.index(i, j, k)
    assert np.array_equal(lattice.ijk(sites.reshape(-1)), np.argwhere(sites >= 0))


@given(SHAPES, st.sampled_from([1e-3, 2e-5, 0.3e-3]))
def test_every_centre_is_found_in_its_site(shape: tuple[int, int, int], spacing: float) -> None:
    lattice = Lattice(shape, spacing)
    centres = lattice.centres()
    assert np.array_equal(lattice.locate(centres), np.arange(lattice.n_sites))
    assert np.array_equal(centres, -centres[::-1])  # the box is centred on the origin
    nearly = 0.499 * spacing
    assert np.array_equal(lattice.locate(centres + nearly), np.arange(lattice.n_sites))
    assert np.array_equal(lattice.locate(centres - nearly), np.arange(lattice.n_sites))
    x, y, z = lattice.axes()
    assert np.array_equal(centres, np.stack(np.meshgrid(x, y, z, indexing="ij"), -1).reshape(-1, 3))


def test_sizes() -> None:
    lattice = Lattice((4, 3, 2), 0.5e-3)
    assert lattice.n_sites == 24
    assert lattice.site_volume == pytest.approx(0.125e-9)
    assert lattice.size == pytest.approx((2e-3, 1.5e-3, 1e-3))
    assert np.allclose(lattice.centres([0])[0], (-0.75e-3, -0.5e-3, -0.25e-3))


def test_points_outside() -> None:
    lattice = Lattice((2, 2, 2), 1.0)
    assert lattice.locate((0.0, 0.0, 0.0)) == 7
    assert lattice.locate((-1.0, -1.0, -1.0)) == 0
    assert lattice.locate((1.0, 0.0, 0.0)) == -1  # the box does not own its upper faces
    assert lattice.locate((-1.01, 0.0, 0.0)) == -1
    assert list(lattice.locate([[0.5, 0.5, 0.5], [np.nan, 0, 0], [np.inf, 0, 0]])) == [7, -1, -1]


@given(SHAPES)
def test_neighbours(shape: tuple[int, int, int]) -> None:
    lattice = Lattice(shape, 1.0)
    table = lattice.neighbour_table()
    centres = lattice.centres()
    for site in range(lattice.n_sites):
        near = lattice.neighbours(site)
        apart = np.abs(centres - centres[site]).sum(axis=1)
        assert sorted(near) == list(np.flatnonzero(np.isclose(apart, 1.0)))
        assert list(table[site][table[site] >= 0]) == list(near)
        assert all(site in lattice.neighbours(other) for other in near)
    assert table.shape[1] == (4 if lattice.is_slab else 6)


def test_order_of_neighbours() -> None:
    lattice = Lattice((3, 3, 3), 1.0)
    assert list(lattice.neighbours(13)) == [4, 22, 10, 16, 12, 14]
    assert list(Lattice((3, 3, 1), 1.0).neighbours(4)) == [1, 7, 3, 5]


def test_faces() -> None:
    cube = Lattice((3, 3, 3), 1.0)
    assert list(np.flatnonzero(~cube.on_face())) == [13]
    slab = Lattice((3, 3, 1), 1.0)
    assert slab.is_slab
    assert list(np.flatnonzero(~slab.on_face())) == [4]
    assert list(cube.on_face([13, 0])) == [False, True]


def test_for_box() -> None:
    assert Lattice.for_box(0.04, 1e-3).shape == (40, 40, 40)  # 0.04 / 1e-3 is not exactly 40
    assert Lattice.for_box((0.0401, 0.02, 0.03), 1e-3).shape == (41, 20, 30)
    assert Lattice.for_box(0.04, 1e-3, slab=True).shape == (40, 40, 1)
    assert Lattice.for_box((0.04, 0.02), 1e-3, slab=True).shape == (40, 20, 1)
    assert Lattice.for_box(0.041, 1e-3, multiple=4).shape == (44, 44, 44)
    assert Lattice.for_box(1e-4, 1e-3).shape == (1, 1, 1)
    for wrong in ((0.0, 1.0, 1.0), (1.0, 1.0), (float("nan"), 1, 1)):
        with pytest.raises(InputError, match="box"):
            Lattice.for_box(wrong, 1e-3)


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [((0, 1, 1), 1.0), ((1, 1), 1.0), ((1, 1.5, 1), 1.0), ((1, 1, 1), 0.0), ((1, 1, 1), np.nan)],
)
def test_refused(shape, spacing) -> None:
    with pytest.raises(InputError, match="lattice"):
        Lattice(shape, spacing)


@pytest.mark.parametrize("shape", [(4, 6, 2), (4, 6, 1)])
def test_coarsen_and_refine(shape: tuple[int, int, int]) -> None:
    lattice = Lattice(shape, 1e-3)
    coarse = lattice.field_lattice(2)
    assert coarse.shape == (2, 3, 1)
    assert coarse.spacing == 2e-3
    x = np.arange(lattice.n_sites, dtype=float)
    total = lattice.coarsen(x, 2, "sum")
    assert total.sum() == x.sum()
    assert np.allclose(lattice.coarsen(x, 2), total / (8 if shape[2] == 2 else 4))
    parent = coarse.locate(lattice.centres() * (1, 1, 0))  # a slab's field sites are as thick as wide
    assert np.array_equal(lattice.refine(np.arange(coarse.n_sites), 2), parent)
    assert np.array_equal(total, np.bincount(parent, weights=x))
    assert np.array_equal(lattice.coarsen(lattice.refine(total, 2), 2), total)
    with pytest.raises(InputError, match="cannot be joined"):
        lattice.field_lattice(3)
    with pytest.raises(ValueError, match="mean"):
        lattice.coarsen(x, 2, "most")


def test_frozen_and_equal() -> None:
    assert Lattice((1, 2, 3), 1e-3) == Lattice((1, 2, 3), 1e-3)
    with pytest.raises(AttributeError):
        Lattice((1, 2, 3), 1e-3).spacing = 2.0  # type: ignore[misc]


def test_capacity() -> None:
    density = 2e14  # 1/m3
    assert capacity(density, 1e-3) == 200_000
    assert capacity(density, 20e-6) == 1
    assert capacity(density, 15e-6) == 1
    assert capacity(density, 50e-6) == 25
    assert implied_density(1, 20e-6) == pytest.approx(1.25e14)
    with pytest.raises(InputError, match=r"30 um holds 5.4 cells a site; use 21.5 um or less .* or 34.2 um or more"):
        capacity(density, 30e-6)
    for wrong in ((0.0, 1e-3), (density, -1.0), (float("nan"), 1e-3)):
        with pytest.raises(InputError, match="positive"):
            capacity(*wrong)


@given(st.floats(1e13, 1e16))
def test_good_spacings_are_good(density: float) -> None:
    finer, coarser = good_spacings(density)
    assert capacity(density, finer) == 1
    assert capacity(density, coarser) >= 8
    with pytest.raises(InputError):
        capacity(density, finer + 0.2e-6)
    with pytest.raises(InputError):
        capacity(density, coarser - 0.2e-6)
