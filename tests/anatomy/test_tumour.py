import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from tumorsim.anatomy.capsule import sphere
from tumorsim.anatomy.tumour import box_depth, ellipsoid_depth, fill
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice


def test_depth_of_a_sphere_is_radius_minus_distance():
    points = np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 4.0], [0.0, 12.0, 0.0]]) * 1e-3
    np.testing.assert_allclose(ellipsoid_depth(points, (0.01,) * 3), [0.01, 0.005, -0.002], atol=1e-15)


def test_depth_of_an_ellipsoid_against_a_dense_border():
    axes = np.array([0.025, 0.02, 0.012])
    border = cKDTree(sphere(800_000) * axes)
    points = np.random.default_rng(0).uniform(-1.5, 1.5, (500, 3)) * axes
    depth = ellipsoid_depth(points, tuple(axes))
    np.testing.assert_allclose(np.abs(depth), border.query(points)[0], atol=6e-5)
    assert np.all((depth > 0) == (((points / axes) ** 2).sum(axis=1) < 1))


def test_depth_on_planes_of_symmetry():
    axes = (0.025, 0.02, 0.01)
    points = np.array([[0.0, 0.0, 0.0], [0.03, 0.0, 0.0], [0.0, 0.0, 0.004], [0.0, 0.021, 0.0]])
    np.testing.assert_allclose(ellipsoid_depth(points, axes), [0.01, -0.005, 0.006, -0.001], atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.tuples(*[st.floats(1e-3, 0.05)] * 3), st.tuples(*[st.floats(-1, 1)] * 3), st.floats(-0.9, 0.9))
def test_depth_of_a_point_moved_along_the_normal(axes, direction, share):
    """A point at a known height over its foot on the border has that height as its distance."""
    a, u = np.array(axes), np.array(direction)
    if np.linalg.norm(u) < 0.1:
        u = np.array([1.0, 0.0, 0.0])
    u = u / np.linalg.norm(u)
    normal = u / a / np.linalg.norm(u / a)
    # within the least radius of curvature the foot stays the nearest point of the border
    height = share * a.min() ** 2 / a.max()
    depth = ellipsoid_depth((a * u + height * normal)[None], axes)[0]
    assert depth == pytest.approx(-height, abs=1e-9)


@pytest.mark.parametrize("shape", [(7, 8, 9), (7, 8, 1)])
def test_mirrored_octant_equals_every_site(shape):
    lattice, axes = Lattice(shape, 1e-3), (0.003, 0.002, 0.0025)
    dims = 2 if lattice.is_slab else 3
    direct = ellipsoid_depth(lattice.centres()[:, :dims], axes[:dims])
    np.testing.assert_allclose(box_depth(shape, 1e-3, axes).ravel(), direct, atol=1e-15)


def test_fill_takes_the_deepest_and_the_exact_number():
    depth = np.array([0.0, 3e-3, -1e-3, 2e-3, -4e-3])
    sites = np.arange(10, 15)
    assert fill(depth, sites, 3).tolist() == [10, 11, 13]
    assert fill(depth, sites, 5).tolist() == sites.tolist()
    with pytest.raises(InputError):
        fill(depth, sites, 6)


def test_fill_favours_no_side_among_equals():
    lattice = Lattice((20, 20, 20), 1e-3)
    centres = lattice.centres()
    depth = 0.009 - np.linalg.norm(centres, axis=1)
    shells, counts = np.unique(np.round(-depth * 1e9), return_counts=True)
    full = int(counts[: np.argmax(counts * (shells < 0))].sum())
    taken = fill(depth, np.arange(lattice.n_sites), full + int(counts.max()) // 2)
    assert taken.size == full + int(counts.max()) // 2
    assert np.all(np.abs(centres[taken].mean(axis=0)) < 5e-5)


@pytest.mark.parametrize("spacing", [0.5e-3, 1e-3, 2e-3])
def test_centre_in_would_miss_what_fill_keeps(spacing):
    """The plain rule errs by more than fill's half a site somewhere in the range of sizes."""
    worst_plain = worst_fill = 0.0
    for diameter in (0.010, 0.0125, 0.016):
        lattice = Lattice.for_box(diameter + 4 * spacing, spacing)
        depth = box_depth(lattice.shape, spacing, (diameter / 2,) * 3).ravel()
        wanted = math.pi / 6 * (diameter / spacing) ** 3
        taken = fill(depth, np.arange(depth.size), round(wanted)).size
        worst_plain = max(worst_plain, abs(np.count_nonzero(depth > 0) - wanted))
        worst_fill = max(worst_fill, abs(taken - wanted))
    assert worst_fill <= 0.5 < worst_plain
