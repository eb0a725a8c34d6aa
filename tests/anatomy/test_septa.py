import numpy as np
import pytest
from scipy import ndimage

from tumorsim.anatomy import TumourSpec, build
from tumorsim.anatomy.septa import compartments_of, join_strays, make_septa, septum_distance
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters

PARAMETERS = load_parameters()
BALL = (0.02,) * 3


def _check(anatomy, count):
    """Exactly count + 1 compartments, each one piece on the lattice, each at the border."""
    shape = anatomy.lattice.shape
    body = np.where(anatomy.tumour, anatomy.compartment, 0).reshape(shape)
    inside = anatomy.tumour.reshape(shape)
    skin = inside & ~ndimage.binary_erosion(inside, np.ones((3, 3, 1)) if shape[2] == 1 else None)
    assert sorted(np.unique(body[inside])) == list(range(1, count + 2))
    for label in range(1, count + 2):
        assert ndimage.label(body == label)[1] == 1
        assert (skin & (body == label)).any()


@pytest.mark.parametrize("count", [1, 3, 6, 12])
@pytest.mark.parametrize("spacing", [1e-3, 2e-3])
def test_n_septa_make_n_plus_one_compartments(count, spacing):
    spec = TumourSpec(diameter=0.03, septa=count)
    lattice = Lattice.for_box(0.04, spacing)
    for patient in range(4):
        _check(build(lattice, spec, 3, patient, PARAMETERS), count)


def test_many_septa_and_an_ellipsoid():
    spec = TumourSpec(shape="ellipsoid", axes=(0.06, 0.04, 0.03), septa=20)
    _check(build(Lattice.for_box(0.07, 1e-3), spec, 3, 0, PARAMETERS), 20)


def test_slab():
    spec = TumourSpec(diameter=0.03, septa=5)
    anatomy = build(Lattice.for_box(0.04, 1e-3, slab=True), spec, 3, 0, PARAMETERS)
    _check(anatomy, 5)
    assert all(s.normal[2] == 0 and s.point[2] == 0 for s in anatomy.septa)


@pytest.mark.parametrize(("count", "slab"), [(30, False), (12, True)])
def test_the_most_that_may_be_asked_for_is_found_for_every_patient(count, slab):
    for patient in range(10):
        septa = make_septa(count, BALL, 5, patient, PARAMETERS, slab)
        assert sorted(s.labels[1] for s in septa) == list(range(2, count + 2))


def test_more_than_the_sites_can_show_is_refused():
    with pytest.raises(InputError, match="too coarse"):
        build(Lattice.for_box(0.04, 4e-3), TumourSpec(diameter=0.012, septa=30), 3, 0, PARAMETERS)
    with pytest.raises(InputError, match="too many for a slab"):
        build(Lattice.for_box(0.04, 1e-3, slab=True), TumourSpec(diameter=0.03, septa=13), 3, 0, PARAMETERS)


def test_keyed():
    assert make_septa(6, BALL, 7, 0, PARAMETERS, False) == make_septa(6, BALL, 7, 0, PARAMETERS, False)
    first = make_septa(6, BALL, 7, 0, PARAMETERS, False)
    assert first != make_septa(6, BALL, 7, 1, PARAMETERS, False)
    assert first != make_septa(6, BALL, 8, 0, PARAMETERS, False)


def test_a_further_septum_leaves_the_others_where_they_are():
    many = make_septa(5, BALL, 7, 0, load_parameters(), False)
    assert [s.labels[1] for s in many] == [2, 3, 4, 5, 6]
    assert make_septa(2, BALL, 7, 0, PARAMETERS, False)[0] == many[0]


def test_septa_do_not_depend_on_the_spacing():
    spec = TumourSpec(diameter=0.03, septa=4)
    coarse = build(Lattice.for_box(0.04, 2e-3), spec, 7, 0, PARAMETERS)
    fine = build(Lattice.for_box(0.04, 1e-3), spec, 7, 0, PARAMETERS)
    assert coarse.septa == fine.septa
    shares = [np.bincount(a.compartment[a.tumour])[1:] / a.tumour.sum() for a in (coarse, fine)]
    np.testing.assert_allclose(shares[0], shares[1], atol=0.02)


def test_spread_zero_cuts_through_the_middle():
    septa = make_septa(1, BALL, 7, 0, load_parameters({"anatomy.septum_cut_spread": 0.0}), False)
    assert septa[0].side(np.zeros((1, 3)))[0] == pytest.approx(0, abs=1e-12)
    assert make_septa(1, BALL, 7, 0, PARAMETERS, False)[0].side(np.zeros((1, 3)))[0] != 0


def test_distance_to_a_septum_counts_only_those_that_bound_the_compartment():
    septa = make_septa(4, BALL, 7, 0, PARAMETERS, False)
    points = np.random.default_rng(1).uniform(-0.011, 0.011, (4000, 3))
    labels = compartments_of(points, septa)
    distance = septum_distance(points, labels, septa)
    # by a search: the nearest point of another compartment is at least that far, and some are that near
    dense = np.random.default_rng(2).uniform(-0.02, 0.02, (60_000, 3))
    other = compartments_of(dense, septa)
    for i in range(0, 400, 20):
        away = np.linalg.norm(dense[other != labels[i]] - points[i], axis=1).min()
        assert distance[i] <= away + 1e-12
        assert away - distance[i] < 2.5e-3
    assert np.isinf(septum_distance(points, np.ones(4000, np.uint8), ())).all()


def test_strays_join_the_neighbour_with_most_faces():
    labels = np.ones((5, 5, 1), dtype=np.uint8)
    labels[3:, :] = 2
    labels[1, 1, 0] = 2  # cut off in compartment 1
    joined = join_strays(labels, 2)
    assert joined[1, 1, 0] == 1
    assert (joined[3:] == 2).all() and (joined[:3] == 1).all()


def test_an_empty_compartment_is_refused():
    with pytest.raises(InputError, match="too coarse"):
        join_strays(np.ones((3, 3, 1), dtype=np.uint8), 2)
