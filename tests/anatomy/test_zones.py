import numpy as np
import pytest

from tumorsim.anatomy import ZONES, TumourSpec, build, zone_of_sites
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters

PARAMETERS = load_parameters()
LATTICE = Lattice.for_box(0.06, 1e-3)


def _zones(**fields):
    anatomy = build(LATTICE, TumourSpec(diameter=0.03, **fields), 7, 0, PARAMETERS)
    return anatomy, zone_of_sites(anatomy, LATTICE, np.arange(LATTICE.n_sites))


def _is(name):
    return ZONES.index(name)


def test_a_bare_sphere_has_shells():
    anatomy, zone = _zones()
    depth = anatomy.depth
    assert np.array_equal(zone == _is("core"), depth > 5e-3)
    assert np.array_equal(zone == _is("rim"), (depth > 0) & (depth <= 5e-3))
    assert np.array_equal(zone == _is("margin"), (depth <= 0) & (depth >= -5e-3))
    assert np.array_equal(zone == _is("beyond"), ~anatomy.target)


def test_a_capsule_takes_both_sides_of_the_covered_border():
    anatomy, zone = _zones(capsule="intact")
    assert np.array_equal(zone == _is("capsule or septum"), np.abs(anatomy.depth) <= 1e-3)
    anatomy, zone = _zones(capsule="partial")
    covered = anatomy.capsule_site == 1
    assert np.array_equal(zone == _is("capsule or septum"), covered & (np.abs(anatomy.depth) <= 1e-3))


def test_septa_take_a_layer_of_two_millimetres():
    anatomy, zone = _zones(septa=1)
    points = LATTICE.centres()
    expected = anatomy.tumour & (np.abs(anatomy.septa[0].side(points)) <= 1e-3)
    assert np.array_equal(zone == _is("capsule or septum"), expected)
    assert expected.sum() > 500


def test_satellites_come_before_all_else():
    anatomy, zone = _zones(capsule="intact", satellites=4)
    assert np.array_equal(zone == _is("satellite"), anatomy.compartment >= 200)


def test_a_septum_that_grew_is_told_by_the_present_compartments():
    anatomy, _ = _zones(septa=1)
    now = anatomy.compartment.copy()
    just_outside = np.flatnonzero((anatomy.depth <= 0) & (anatomy.depth > -2e-3))
    side = anatomy.septa[0].side(LATTICE.centres(just_outside))
    now[just_outside] = np.where(side > 0, 2, 1)
    before = zone_of_sites(anatomy, LATTICE, just_outside)
    after = zone_of_sites(anatomy, LATTICE, just_outside, now)
    assert np.all(before == _is("margin"))
    assert np.array_equal(after == _is("capsule or septum"), np.abs(side) <= 1e-3)


def test_order_of_sites_does_not_matter_and_another_lattice_is_refused():
    anatomy, zone = _zones(septa=3, capsule="partial", satellites=1)
    some = np.random.default_rng(0).permutation(LATTICE.n_sites)[:500]
    assert np.array_equal(zone_of_sites(anatomy, LATTICE, some), zone[some])
    assert zone_of_sites(anatomy, LATTICE, np.array([], dtype=np.int64)).size == 0
    with pytest.raises(ValueError, match="lattice"):
        zone_of_sites(anatomy, Lattice((5, 5, 5), 1e-3), some)
