import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from tumorsim.anatomy import TumourSpec, build
from tumorsim.anatomy.capsule import sphere
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters

PARAMETERS = load_parameters()


def _same(a, b):
    arrays = ("compartment", "depth", "tumour", "target", "capsule_site")
    return (
        all(np.array_equal(getattr(a, name), getattr(b, name)) for name in arrays)
        and a.septa == b.septa
        and a.satellites == b.satellites
    )


@pytest.mark.parametrize(
    ("diameter", "spacing"),
    [(0.025, 1e-3), (0.042, 1e-3), (0.06, 1e-3), (0.025, 2e-3), (0.042, 2e-3), (0.06, 2e-3), (0.012, 0.5e-3)],
)
def test_volume_of_a_sphere(diameter, spacing):
    anatomy = build(Lattice.for_box(diameter + 0.006, spacing), TumourSpec(diameter=diameter), 7, 0, PARAMETERS)
    assert anatomy.tumour_volume == pytest.approx(math.pi / 6 * diameter**3, rel=0.01)
    assert abs(anatomy.tumour_volume - math.pi / 6 * diameter**3) <= 0.5 * spacing**3


@pytest.mark.parametrize("spacing", [1e-3, 2e-3])
def test_volume_and_second_moments_of_an_ellipsoid(spacing):
    axes = (0.05, 0.04, 0.03)
    anatomy = build(Lattice.for_box(0.06, spacing), TumourSpec(shape="ellipsoid", axes=axes), 7, 0, PARAMETERS)
    assert anatomy.tumour_volume == pytest.approx(math.pi / 6 * math.prod(axes), rel=0.01)
    points = anatomy.lattice.centres(np.flatnonzero(anatomy.tumour))
    np.testing.assert_allclose(np.sqrt(5 * (points**2).mean(axis=0)) * 2, axes, rtol=0.02)


def test_slab_is_a_disc():
    anatomy = build(Lattice.for_box(0.04, 1e-3, slab=True), TumourSpec(diameter=0.03), 7, 0, PARAMETERS)
    assert anatomy.tumour.sum() == round(math.pi * 15**2)
    assert anatomy.depth.max() == pytest.approx(0.015 - math.sqrt(0.5) * 1e-3, abs=1e-6)


def test_depth_and_target():
    lattice = Lattice.for_box(0.05, 1e-3)
    anatomy = build(lattice, TumourSpec(diameter=0.03), 7, 0, PARAMETERS)
    exact = 0.015 - np.linalg.norm(lattice.centres(), axis=1)
    assert np.array_equal(anatomy.depth > 0, anatomy.tumour)
    # only sites at the very border differ from the solid's own distance
    assert np.abs(anatomy.depth - exact).max() < 0.15e-3
    np.testing.assert_allclose(anatomy.depth[np.abs(exact) > 0.2e-3], exact[np.abs(exact) > 0.2e-3], atol=1e-8)
    volume = np.count_nonzero(anatomy.target) * lattice.site_volume
    assert volume == pytest.approx(math.pi / 6 * 0.04**3, rel=0.01)
    assert anatomy.target[anatomy.tumour].all()
    assert anatomy.baseline_target is anatomy.target


def test_types():
    anatomy = build(Lattice.for_box(0.03, 2e-3), TumourSpec(diameter=0.02), 7, 0, PARAMETERS)
    assert anatomy.compartment.dtype == np.uint8 and anatomy.depth.dtype == np.float32
    assert anatomy.tumour.dtype == bool and anatomy.target.dtype == bool
    assert anatomy.distance_to_covered_border.dtype == np.float32
    assert anatomy.permeability.capsule_site is anatomy.capsule_site
    assert anatomy.permeability.capsule == PARAMETERS["anatomy.capsule_permeability"]
    assert anatomy.permeability.septum == PARAMETERS["anatomy.septum_permeability"]


def test_key_decides():
    lattice = Lattice.for_box(0.06, 2e-3)
    spec = TumourSpec(diameter=0.03, capsule="partial", septa=5, satellites=2)
    first = build(lattice, spec, 7, 0, PARAMETERS)
    assert _same(first, build(lattice, spec, 7, 0, PARAMETERS))
    for other in (build(lattice, spec, 7, 1, PARAMETERS), build(lattice, spec, 8, 0, PARAMETERS)):
        assert not np.array_equal(first.compartment, other.compartment)
        assert not np.array_equal(first.capsule_site, other.capsule_site)
        assert first.septa != other.septa and first.satellites != other.satellites
        assert np.array_equal(first.tumour, other.tumour)  # asked for, not drawn


def test_one_choice_leaves_the_others_draws_alone():
    lattice = Lattice.for_box(0.06, 2e-3)
    full = build(lattice, TumourSpec(diameter=0.03, capsule="partial", septa=5, satellites=2), 7, 0, PARAMETERS)
    bare = build(lattice, TumourSpec(diameter=0.03, septa=5), 7, 0, PARAMETERS)
    assert bare.septa == full.septa
    assert not bare.satellites


def test_border_distances_without_and_with_a_whole_capsule():
    lattice = Lattice.for_box(0.03, 1e-3)
    none = build(lattice, TumourSpec(diameter=0.02), 7, 0, PARAMETERS)
    inside = none.tumour
    np.testing.assert_array_equal(none.distance_to_uncovered_border[inside], none.depth[inside])
    assert np.isinf(none.distance_to_uncovered_border[~inside]).all()
    assert np.isinf(none.distance_to_covered_border).all()
    intact = build(lattice, TumourSpec(diameter=0.02, capsule="intact"), 7, 0, PARAMETERS)
    assert np.isinf(intact.distance_to_uncovered_border).all()
    np.testing.assert_array_equal(intact.distance_to_covered_border[inside], intact.depth[inside])


@pytest.mark.parametrize("spacing", [1e-3, 2e-3])
def test_border_distances_of_a_partial_capsule_against_the_border_itself(spacing):
    lattice = Lattice.for_box(0.036, spacing)
    anatomy = build(lattice, TumourSpec(diameter=0.03, capsule="partial"), 7, 0, PARAMETERS)
    border = sphere(60_000) * 0.015
    covered = anatomy.capsule_covered(border)
    sites = np.flatnonzero(anatomy.tumour)
    points = lattice.centres(sites)
    for got, where in (
        (anatomy.distance_to_uncovered_border, border[~covered]),
        (anatomy.distance_to_covered_border, border[covered]),
    ):
        error = got[sites] - cKDTree(where).query(points)[0]
        assert np.abs(error).mean() < 0.22 * spacing
        assert np.abs(error).max() < spacing
        assert np.isinf(got[~anatomy.tumour]).all()


def test_satellites_feed_through_their_own_border():
    anatomy = build(Lattice.for_box(0.06, 1e-3), TumourSpec(diameter=0.03, satellites=2), 7, 0, PARAMETERS)
    for s in anatomy.satellites:
        distance = anatomy.distance_to_uncovered_border[anatomy.compartment == s.label]
        assert distance.min() >= 0 and distance.max() <= s.radius


@pytest.mark.parametrize(
    ("size", "spacing", "spec", "words"),
    [
        (0.030, 1e-3, TumourSpec(diameter=0.03), "does not fit"),
        (0.030, 1e-3, TumourSpec(shape="ellipsoid", axes=(0.01, 0.01, 0.029)), "does not fit"),
        (0.030, 5e-3, TumourSpec(diameter=0.002), "smaller than one site"),
    ],
)
def test_refuses(size, spacing, spec, words):
    with pytest.raises(InputError, match=words):
        build(Lattice.for_box(size, spacing), spec, 7, 0, PARAMETERS)


@settings(max_examples=25, deadline=None)
@given(
    axes=st.tuples(*[st.floats(0.012, 0.03)] * 3),
    septa=st.integers(0, 5),
    satellites=st.integers(0, 3),
    capsule=st.sampled_from(["none", "partial", "intact"]),
    spacing=st.sampled_from([1.5e-3, 2e-3]),
    slab=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
    patient=st.integers(0, 2**32 - 1),
)
def test_every_site_is_one_thing(axes, septa, satellites, capsule, spacing, slab, seed, patient):
    spec = TumourSpec(shape="ellipsoid", axes=axes, septa=septa, satellites=satellites, capsule=capsule)
    anatomy = build(Lattice.for_box(0.06, spacing, slab=slab), spec, seed, patient, PARAMETERS)
    labels = anatomy.compartment
    main = (labels >= 1) & (labels <= septa + 1)
    assert np.array_equal(main, anatomy.tumour)
    assert np.unique(labels[main]).size == septa + 1
    assert np.unique(labels[labels >= 200]).size == satellites
    assert not ((labels > septa + 1) & (labels < 200)).any()
    content = math.pi / 4 * axes[0] * axes[1] / spacing**2 if slab else spec.volume / spacing**3
    assert np.count_nonzero(main) == round(content)
    assert not np.any(main & anatomy.lattice.on_face())
    assert np.all(anatomy.depth[main] > 0) and np.all(anatomy.depth[~main] <= 0)
    nearest = np.minimum(anatomy.distance_to_uncovered_border, anatomy.distance_to_covered_border)[main]
    assert np.isfinite(nearest).all()
    assert np.all(nearest >= anatomy.depth[main] - 1e-7)
