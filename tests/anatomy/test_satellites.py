import math

import numpy as np
import pytest

from tumorsim.anatomy import TumourSpec, box_size, build
from tumorsim.anatomy.satellites import make_satellites
from tumorsim.anatomy.tumour import ellipsoid_depth
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters

PARAMETERS = load_parameters()
AXES = (0.02, 0.015, 0.01)
BOX = Lattice.for_box(0.08, 1e-3)


def test_sizes_and_gaps_lie_in_their_ranges_and_nothing_overlaps():
    for patient in range(10):
        made = make_satellites(6, AXES, BOX, 5, patient, PARAMETERS)
        assert [s.label for s in made] == list(range(200, 206))
        for s in made:
            assert 1e-3 <= s.radius <= 3e-3
            assert 1e-3 <= s.distance <= 10e-3
            # the gap drawn is the true distance to the ellipsoid's border
            away = -ellipsoid_depth(np.array([s.centre]), AXES)[0] - s.radius
            assert away == pytest.approx(s.distance, abs=1e-9)
            assert max(abs(c) for c in s.centre) + s.radius <= 0.04 - 1e-3
            assert s.distant == (s.distance > 5e-3)
            for other in made[: s.label - 200]:
                assert math.dist(s.centre, other.centre) >= s.radius + other.radius + 1e-3


def test_gaps_are_even_between_their_ends():
    gaps = [make_satellites(1, AXES, BOX, 5, k, PARAMETERS)[0].distance for k in range(300)]
    shares = np.histogram(gaps, bins=3, range=(1e-3, 10e-3))[0] / 300
    assert np.all(np.abs(shares - 1 / 3) < 4 * math.sqrt(2 / 9 / 300))


def test_keyed_and_a_further_one_leaves_the_others():
    made = make_satellites(3, AXES, BOX, 5, 0, PARAMETERS)
    assert made == make_satellites(3, AXES, BOX, 5, 0, PARAMETERS)
    assert make_satellites(5, AXES, BOX, 5, 0, PARAMETERS)[:3] == made
    assert made != make_satellites(3, AXES, BOX, 5, 1, PARAMETERS)


def test_parameters_move_them():
    parameters = load_parameters(
        {
            "anatomy.satellite_diameter_low": "3 mm",
            "anatomy.satellite_diameter_high": "3 mm",
            "anatomy.satellite_distance_low": "5 mm",
            "anatomy.satellite_distance_high": "5 mm",
        }
    )
    made = make_satellites(1, AXES, BOX, 5, 0, parameters)[0]
    assert made.radius == pytest.approx(1.5e-3)
    assert made.distance == pytest.approx(5e-3)
    with pytest.raises(InputError, match="low value"):
        make_satellites(1, AXES, BOX, 5, 0, load_parameters({"anatomy.satellite_distance_low": "12 mm"}))


def test_a_box_too_small_is_refused():
    spec = TumourSpec(diameter=0.03, satellites=30)
    with pytest.raises(InputError, match=r"only \d+ of 30 fit"):
        build(Lattice.for_box(0.033, 1e-3), spec, 5, 0, PARAMETERS)


@pytest.mark.parametrize("slab", [False, True])
@pytest.mark.parametrize("spacing", [0.5e-3, 1e-3, 2e-3])
def test_sites_match_the_volume_and_lie_in_the_liver(spacing, slab):
    spec = TumourSpec(diameter=0.02, satellites=4)
    lattice = Lattice.for_box(box_size(spec, 0.0, PARAMETERS), spacing, slab=slab)
    for patient in range(3):
        anatomy = build(lattice, spec, 5, patient, PARAMETERS)
        for s in anatomy.satellites:
            sites = np.flatnonzero(anatomy.compartment == s.label)
            r = s.radius / spacing
            wanted = math.pi * r**2 if slab else 4 / 3 * math.pi * r**3
            assert sites.size == max(1, round(wanted))
            assert not anatomy.tumour[sites].any()
            centre = lattice.centres(sites).mean(axis=0)
            assert math.dist(centre, s.centre) < spacing
            if slab:
                assert s.centre[2] == 0
        assert np.count_nonzero(anatomy.compartment >= 200) + anatomy.tumour.sum() == np.count_nonzero(
            anatomy.compartment
        )


def test_the_automatic_box_always_has_room():
    spec = TumourSpec(diameter=0.025, satellites=8)
    lattice = Lattice.for_box(box_size(spec, 0.0, PARAMETERS), 2e-3)
    for patient in range(20):
        assert len(make_satellites(8, spec.semi_axes, lattice, 11, patient, PARAMETERS)) == 8
