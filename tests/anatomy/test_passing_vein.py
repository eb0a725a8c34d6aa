"""A wide vein beside the tumour: where it lies, what its lumen takes, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.anatomy import TumourSpec, build
from tumorsim.anatomy.capsule import OUTSIDE
from tumorsim.anatomy.forms import Lobulated
from tumorsim.anatomy.organ_place import SIDES, OrganSpec, border_of, unit
from tumorsim.anatomy.passing_vein import BEYOND, VeinSpec, axis_of, vein_problem, vein_reach
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters

TABLE = load_parameters()
BALL = TumourSpec(diameter=20e-3)
BOX = Lattice.for_box(48e-3, 1e-3)


@settings(deadline=None, max_examples=15)
@given(st.sampled_from(sorted(SIDES)), st.floats(0.0, 4e-3), st.floats(2e-3, 8e-3))
def test_it_keeps_its_distance_on_its_side(side: str, distance: float, diameter: float) -> None:
    spec = VeinSpec(diameter, distance, SIDES[side])
    made = build(BOX, BALL, 1, 0, TABLE, (), spec)
    vein = made.passing
    assert vein is not None
    way = (vein.end - vein.start) / np.linalg.norm(vein.end - vein.start)
    centre = 0.5 * (vein.start + vein.end)
    assert np.allclose(centre, (10e-3 + distance + 0.5 * diameter) * np.array(SIDES[side]), atol=1e-6)
    assert abs(way @ np.array(SIDES[side])) < 1e-12
    assert np.linalg.norm(vein.end - vein.start) == pytest.approx(48e-3 + 2 * BEYOND)
    points = BOX.centres(np.flatnonzero(vein.lumen)) - centre
    across = np.linalg.norm(points - (points @ way)[:, None] * way, axis=1)
    assert across.max() < 0.5 * diameter
    assert np.all(made.compartment[vein.lumen] == OUTSIDE) and not (vein.lumen & made.tumour).any()
    assert not made.target[vein.lumen].any()


def test_its_lumen_is_a_cylinder_at_every_spacing() -> None:
    whole = np.pi * 2.5e-3**2 * 48e-3
    for spacing, within in ((1e-3, 0.2), (0.5e-3, 0.06)):
        lattice = Lattice.for_box(48e-3, spacing)
        vein = build(lattice, BALL, 1, 0, TABLE, (), VeinSpec(5e-3, 3.3e-3)).passing
        assert vein is not None
        assert vein.lumen.sum() * lattice.site_volume == pytest.approx(whole, rel=within)


def test_satellites_keep_out_of_it_and_all_else_stays() -> None:
    spec = TumourSpec(diameter=20e-3, satellites=4, septa=1)
    made = build(BOX, spec, 3, 0, TABLE, (), VeinSpec(6e-3, 1e-3))
    bare = build(BOX, spec, 3, 0, TABLE)
    assert made.passing is not None and bare.passing is None and not bare.lumen.any()
    assert np.array_equal(made.tumour, bare.tumour)
    assert np.array_equal(made.compartment[made.tumour], bare.compartment[bare.tumour])
    assert len(made.satellites) == 4 and np.all(made.compartment[made.lumen] == OUTSIDE)
    for satellite in made.satellites:
        away = np.linalg.norm(BOX.centres(np.flatnonzero(made.lumen)) - satellite.centre, axis=1)
        assert away.min() > satellite.radius


def test_a_drawn_tumour_has_it_at_its_own_border() -> None:
    spec = TumourSpec(diameter=20e-3, shape="lobulated", form=Lobulated(4, 2e-3))
    made = build(BOX, spec, 1, 0, TABLE, (), VeinSpec(5e-3, 2e-3, unit([1, 1, 0])))
    lumen, tumour = (BOX.centres(np.flatnonzero(mask)) for mask in (made.lumen, made.tumour))
    nearest = min(float(np.linalg.norm(lumen - point, axis=1).min()) for point in tumour[::3])
    assert 2e-3 <= nearest < 5e-3


def test_what_cannot_be_is_refused() -> None:
    far = VeinSpec(5e-3, 12e-3)
    assert vein_problem(far, border_of(BALL, [far.side]), BOX.size) is not None
    with pytest.raises(InputError, match=r"vessels\.vein: its far wall lies 27 mm .* larger tissue\.size"):
        build(BOX, BALL, 1, 0, TABLE, (), far)
    assert vein_reach(far, BALL) > 27e-3
    with pytest.raises(InputError, match=r"vessels\.vein: would meet: .*bile duct"):
        build(BOX, BALL, 1, 0, TABLE, [OrganSpec("bile_duct", 5e-3, SIDES["+x"], "common")], VeinSpec(5e-3, 3e-3))
    clot = TumourSpec(diameter=20e-3, thrombus="Vp2")
    with pytest.raises(InputError, match=r"vessels\.vein: the portal vein with the thrombus would cross it"):
        build(Lattice.for_box(60e-3, 1e-3), clot, 1, 0, TABLE, (), VeinSpec(10e-3, 3e-3))
    assert axis_of(far, border_of(BALL, [far.side])).near == pytest.approx(22e-3)
