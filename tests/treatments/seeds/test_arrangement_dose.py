"""Seeds to a prescription: no fewer than are due, and the Paris reference at 85 % of the basal dose."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.treatments.planning.keep_out import KeepOut
from tumorsim.treatments.seeds.arrangement import RULES, Arrangement, SeedTrack
from tumorsim.treatments.seeds.arrangement_dose import (
    basal_dose,
    basal_points,
    d90,
    to_prescription,
    to_reference,
)
from tumorsim.treatments.seeds.arrangement_rules import Arranger
from tumorsim.treatments.seeds.dose import Seeds

_SPEC = importlib.util.spec_from_file_location("seed_rows", Path(__file__).with_name("seed_rows.py"))
assert _SPEC is not None and _SPEC.loader is not None
shared = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(shared)
FAN = shared.FAN
LIFE = shared.LIFE
MM = shared.MM
RULES_OF_TABLE = shared.RULES_OF_TABLE
STRENGTH = shared.STRENGTH
ball = shared.ball
box = shared.box
dose_rate = shared.dose_rate


def arranger(side: float, diameter: float, rule: str, **more: object) -> Arranger:
    lattice = box(side, 2.0)
    return Arranger(lattice, ball(lattice, diameter), rule, STRENGTH, FAN[:1], RULES_OF_TABLE, **more)  # type: ignore[arg-type]


def test_d90_is_what_nine_tenths_of_the_goal_get() -> None:
    lattice = box(20.0, 0.5)
    goal = ball(lattice, 12)
    seeds = Seeds(np.zeros((1, 3)), np.array([[0.0, 1.0, 0.0]]), np.ones(1))
    # a rate that falls with the distance: nine tenths of a sphere lie within 0.9**(1/3) of its radius
    found = d90(lattice, goal, seeds, lambda points, _: 1.0 - np.linalg.norm(points, axis=1) * 100.0, 10.0)
    assert found == pytest.approx(10.0 * (1.0 - 0.6 * 0.9 ** (1 / 3)), abs=0.06)
    assert d90(lattice, goal, Seeds(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0)), dose_rate, LIFE) == 0.0
    with pytest.raises(InputError, match="empty"):
        d90(lattice, np.zeros(lattice.n_sites, dtype=bool), seeds, dose_rate, LIFE)


@pytest.mark.parametrize("rule", RULES)
def test_the_prescription_is_reached_and_one_seed_fewer_would_not(rule: str) -> None:
    place = arranger(46.0, 34.0, rule)
    found = to_prescription(place, 120.0, dose_rate, LIFE)
    assert found.reached and found.d90 >= 120.0
    assert found.d90 == d90(place.lattice, place.goal, found.arrangement.seeds, dose_rate, LIFE)
    fewer = place.number(found.arrangement.wanted - 1)
    assert d90(place.lattice, place.goal, fewer.seeds, dose_rate, LIFE) < 120.0
    more = to_prescription(place, 160.0, dose_rate, LIFE)
    assert more.arrangement.n_seeds > found.arrangement.n_seeds
    again = to_prescription(arranger(46.0, 34.0, rule), 120.0, dose_rate, LIFE, first=40)
    assert again.reached and abs(again.arrangement.n_seeds - found.arrangement.n_seeds) <= 2


@pytest.mark.parametrize("rule", RULES)
def test_a_large_goal_gets_there_from_few_seeds(rule: str) -> None:
    found = to_prescription(arranger(60.0, 50.0, rule), 120.0, dose_rate, LIFE)
    assert found.reached and 40 <= found.arrangement.n_seeds <= 60


def test_a_prescription_that_cannot_be_reached_says_so() -> None:
    place = arranger(24.0, 16.0, "quimby")
    found = to_prescription(place, 5000.0, dose_rate, LIFE)
    assert not found.reached and 0.0 < found.d90 < 5000.0 and found.arrangement.n_seeds > 5
    lattice = box(24.0, 2.0)
    wall = KeepOut(organ_distance=np.full(lattice.n_sites, 1 * MM), organ_clearance=5 * MM)
    shut = to_prescription(arranger(24.0, 16.0, "quimby", keep_out=wall), 120.0, dose_rate, LIFE, most=20)
    assert not shut.reached and shut.d90 == 0.0 and shut.arrangement.n_seeds == 0
    nothing = Arranger(lattice, np.zeros(lattice.n_sites, dtype=bool), "paris", STRENGTH, FAN[:1], RULES_OF_TABLE)
    assert to_prescription(nothing, 120.0, dose_rate, LIFE).arrangement.n_seeds == 0
    for dose, life in ((0.0, LIFE), (120.0, -1.0)):
        with pytest.raises(InputError, match="positive"):
            to_prescription(place, dose, dose_rate, life)


def line(x: float, z: float) -> SeedTrack:
    places = tuple((x * MM, y * MM, z * MM) for y in (10.0, 5.0, 0.0, -5.0, -10.0))
    return SeedTrack(places[0], (0.0, 1.0, 0.0), places, ((0.0, 1.0, 0.0),) * 5, (0.7,) * 5)


def test_basal_points_lie_between_the_lines() -> None:
    high = 12.0 * 3**0.5 / 2.0
    three = Arrangement("paris", (line(-6, 0), line(6, 0), line(0, high)), 15)
    assert basal_points(three) / MM == pytest.approx(np.array([[0.0, 0.0, high / 3.0]]), abs=1e-3)
    four = Arrangement("paris", (line(0, 0), line(12, 0), line(0, 12), line(12, 12)), 20)
    assert basal_points(four) / MM == pytest.approx(np.array([[6.0, 0.0, 6.0]]), abs=1e-3)
    plane = Arrangement("paris", (line(-12, 0), line(0, 0), line(12, 0)), 15)
    assert sorted(basal_points(plane)[:, 0] / MM) == pytest.approx([-6.0, 6.0])
    with pytest.raises(InputError, match="two parallel lines"):
        basal_points(Arrangement("paris", (line(0, 0),), 5))


@pytest.mark.parametrize("placement", ["triangles", "squares"])
def test_the_prescribed_dose_is_85_per_cent_of_the_basal_dose(placement: str) -> None:
    made = arranger(46.0, 36.0, "paris", placement=placement).spacing(12 * MM)
    cells = len(basal_points(made))
    assert cells >= 4
    scaled = to_reference(made, 120.0, dose_rate, LIFE, RULES_OF_TABLE.reference)
    assert 0.85 * basal_dose(scaled, dose_rate, LIFE) == pytest.approx(120.0)
    assert np.array_equal(scaled.seeds.points, made.seeds.points)
    # the strengths alone have changed, all alike
    assert len(set(np.round(scaled.seeds.strengths / made.seeds.strengths, 12))) == 1
    for reference in (0.0, 1.5):
        with pytest.raises(InputError, match="reference"):
            to_reference(made, 120.0, dose_rate, LIFE, reference)
    with pytest.raises(InputError, match="scaled"):
        made.scaled(0.0)
