import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.anatomy.capsule import _pattern, face_permeability, make_capsule, ring, sphere
from tumorsim.parameters import load_parameters

PARAMETERS = load_parameters()


def test_harmonics_are_orthogonal_and_of_unit_mean_square():
    values = np.array([_pattern(sphere(20_000), tuple(row)) for row in np.eye(15)])
    np.testing.assert_allclose(values @ values.T / 20_000, np.eye(15), atol=2e-3)
    np.testing.assert_allclose(values.mean(axis=1), 0.0, atol=2e-3)


@pytest.mark.parametrize("coverage", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("slab", [False, True])
def test_partial_covers_the_share_asked_for(coverage, slab):
    parameters = load_parameters({"anatomy.partial_capsule_coverage": coverage})
    for patient in range(5):
        capsule = make_capsule("partial", 7, patient, parameters, slab)
        fresh = ring(7919) if slab else sphere(7919)  # not the directions that set the threshold
        assert capsule.covered(fresh).mean() == pytest.approx(coverage, abs=0.02)


def test_none_and_intact():
    directions = sphere(100)
    assert not make_capsule("none", 7, 0, PARAMETERS, False).covered(directions).any()
    assert make_capsule("intact", 7, 0, PARAMETERS, False).covered(directions).all()


def test_partial_is_made_of_few_smooth_patches():
    capsule = make_capsule("partial", 7, 0, PARAMETERS, False)
    directions = sphere(5000)
    turned = directions + 0.02 * np.roll(directions, 1, axis=1)
    assert np.mean(capsule.covered(directions) != capsule.covered(turned)) < 0.03
    # covered and bare directions both hold a cap of 15 degrees: patches, not speckle
    near = directions[:200] @ directions.T > np.cos(np.radians(15))
    share = near @ capsule.covered(directions).astype(float) / near.sum(axis=1)
    assert (share == 1).any() and (share == 0).any()


def test_partial_depends_on_the_direction_and_the_key_only():
    capsule = make_capsule("partial", 7, 0, PARAMETERS, False)
    directions = sphere(1000)
    assert np.array_equal(capsule.covered(directions * 0.01), capsule.covered(directions * 0.05))
    assert capsule == make_capsule("partial", 7, 0, PARAMETERS, False)
    other_patient = make_capsule("partial", 7, 1, PARAMETERS, False)
    other_seed = make_capsule("partial", 8, 0, PARAMETERS, False)
    for other in (other_patient, other_seed):
        assert np.mean(capsule.covered(directions) != other.covered(directions)) > 0.05


@pytest.mark.parametrize(
    ("a", "b", "capsule_a", "capsule_b", "expected"),
    [
        (3, 3, 1, 1, 1.0),  # within a compartment
        (0, 0, 1, 1, 1.0),  # liver
        (1, 2, 0, 0, 0.2),  # septum
        (1, 2, 1, 1, 0.2),  # septum where it meets the capsule
        (1, 0, 1, 0, 0.1),  # border, the tumour's side covered
        (1, 0, 0, 1, 1.0),  # border, only the liver's side lies in a covered direction
        (1, 201, 1, 1, 0.1),  # a satellite lies outside the capsule
        (0, 201, 1, 1, 1.0),  # satellites have none
        (200, 201, 1, 1, 1.0),
        (199, 0, 0, 0, 0.3),  # the wall of the vein
        (199, 0, 1, 1, 0.3),  # no capsule there
        (199, 200, 0, 0, 0.3),
        (199, 1, 1, 1, 1.0),  # a thrombus grows out of the tumour
        (199, 199, 1, 0, 1.0),
        (199, 255, 0, 0, 0.0),
        (1, 255, 0, 0, 0.0),
        (255, 255, 0, 0, 0.0),
    ],
)
def test_face_permeability(a, b, capsule_a, capsule_b, expected):
    assert face_permeability(a, b, capsule_a, capsule_b, 0.1, 0.2, 0.3) == expected


@settings(max_examples=200, deadline=None)
@given(*[st.integers(0, 255)] * 2, *[st.integers(0, 1)] * 2, *[st.floats(0, 1)] * 3)
def test_a_face_is_the_same_both_ways(a, b, capsule_a, capsule_b, perm_capsule, perm_septum, perm_wall):
    permeabilities = (perm_capsule, perm_septum, perm_wall)
    there = face_permeability(a, b, capsule_a, capsule_b, *permeabilities)
    assert there == face_permeability(b, a, capsule_b, capsule_a, *permeabilities)
    assert 0 <= there <= 1
