"""Rules place the number asked for, inside, apart, as their systems say, clear of organs and vessels."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.treatments.planning.keep_out import KeepOut
from tumorsim.treatments.seeds.arrangement import RULES, Arrangement, keep_out_of
from tumorsim.treatments.seeds.arrangement_rules import Arranger
from tumorsim.treatments.seeds.arrangement_shell import ShellPattern
from tumorsim.treatments.seeds.arrangement_size import dimensions, nomograph_number
from tumorsim.treatments.seeds.arrangement_view import View

_SPEC = importlib.util.spec_from_file_location("seed_rows", Path(__file__).with_name("seed_rows.py"))
assert _SPEC is not None and _SPEC.loader is not None
shared = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(shared)
FAN = shared.FAN
LIFE = shared.LIFE
MM = shared.MM
PARAMETERS = shared.PARAMETERS
RULES_OF_TABLE = shared.RULES_OF_TABLE
STRENGTH = shared.STRENGTH
ball = shared.ball
box = shared.box
ellipsoid = shared.ellipsoid
point_dose = shared.dose_rate

LEAST = RULES_OF_TABLE.least
ONE_WAY = FAN[:1]


def arranger(lattice: Lattice, goal: np.ndarray, rule: str, **more: object) -> Arranger:
    ways = more.pop("directions", ONE_WAY)
    return Arranger(lattice, goal, rule, STRENGTH, ways, RULES_OF_TABLE, **more)  # type: ignore[arg-type]


def check(lattice: Lattice, goal: np.ndarray, made: Arrangement) -> None:
    """What holds for every arrangement of needles."""
    seeds = made.seeds
    assert len(seeds) == made.n_seeds == made.wanted - sum(made.left_out.values())
    if not len(seeds):
        return
    assert goal[lattice.locate(seeds.points)].all()
    if len(seeds) > 1:
        assert pdist(seeds.points).min() >= LEAST - 1e-9
    assert np.linalg.norm(seeds.directions, axis=1) == pytest.approx(np.ones(len(seeds)))
    assert made.total_strength == pytest.approx(STRENGTH * made.n_seeds)
    assert len({track.direction for track in made.tracks}) == 1  # a template
    for track in made.tracks:
        back = track.pull_backs
        assert back[0] == pytest.approx(0.0) and np.all(np.diff(back) >= LEAST - 1e-9)
        on_line = np.array(track.tip) - back[:, None] * np.array(track.direction)
        assert on_line == pytest.approx(np.array(track.places), abs=1e-9)


def mirrored(made: Arrangement) -> bool:
    """Whether the arrangement looks the same from the other side of the middle."""
    places = made.seeds.points
    return bool(cdist(places, -places).min(axis=1).max() < 1e-6)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("diameter", [20.0, 30.0, 40.0, 50.0])
def test_the_number_of_the_nomograph_is_placed_in_spheres(rule: str, diameter: float) -> None:
    lattice = box(diameter + 8.0)
    goal = ball(lattice, diameter)
    number = nomograph_number(dimensions(lattice, goal), PARAMETERS["seeds.activity"])
    made = arranger(lattice, goal, rule).number(number)
    check(lattice, goal, made)
    assert made.n_seeds == number and not made.left_out
    # no side gets much more than the other
    assert np.abs(made.seeds.points.mean(axis=0)).max() < 0.06 * diameter * MM


@pytest.mark.parametrize("rule", RULES)
def test_an_ellipsoid_and_slanted_needles(rule: str) -> None:
    lattice = box(56.0, 2.0)
    goal = ellipsoid(lattice, (46.0, 30.0, 24.0), (1.0, -2.0, 3.0))
    for way in (FAN[:1], FAN[9:10]):
        made = arranger(lattice, goal, rule, directions=way).number(40)
        check(lattice, goal, made)
        assert made.n_seeds == 40
        spread = np.ptp(made.seeds.points, axis=0)
        assert spread[0] > spread[1] and spread[0] > spread[2]


@pytest.mark.parametrize(
    ("rule", "spacing"), [("quimby", 9.0), ("quimby", 10.0), ("paris", 10.0), ("paris", 13.0), ("paterson-parker", 9.0)]
)
def test_a_spacing_gives_a_symmetric_pattern(rule: str, spacing: float) -> None:
    lattice = box(48.0)
    made = arranger(lattice, ball(lattice, 40), rule).spacing(spacing * MM)
    check(lattice, ball(lattice, 40), made)
    assert made.n_seeds > 20 and mirrored(made)
    assert np.abs(made.seeds.points.mean(axis=0)).max() < 1e-9


def test_quimby_is_a_lattice_of_cubes() -> None:
    lattice = box(48.0)
    made = arranger(lattice, ball(lattice, 42), "quimby").spacing(10 * MM)
    # whole points of a sphere of radius 2, written out: 1 + 6 + 12 + 8 + 6
    assert made.n_seeds == 33
    apart = cdist(made.seeds.points, made.seeds.points) + np.eye(33)
    assert apart.min(axis=1) == pytest.approx(np.full(33, 10 * MM))
    assert len(made.tracks) == 13


@pytest.mark.parametrize(("placement", "neighbours"), [("triangles", 6), ("squares", 4)])
def test_paris_lines_are_equidistant(placement: str, neighbours: int) -> None:
    lattice = box(58.0, 2.0)
    made = arranger(lattice, ball(lattice, 50), "paris", placement=placement).spacing(12 * MM)
    flat = np.array([track.tip for track in made.tracks])[:, [0, 2]]
    apart = cdist(flat, flat)
    near = np.abs(apart - 12 * MM) < 1e-9
    assert np.all((apart < 1e-12) | (apart > 12 * MM - 1e-9))
    middle = int((flat**2).sum(axis=1).argmin())
    assert near[middle].sum() == neighbours
    for track in made.tracks:  # seeds of a line as close as may be, centred on one plane
        assert np.diff(track.pull_backs) == pytest.approx(np.full(len(track.places) - 1, LEAST))
        assert np.mean([p[1] for p in track.places]) == pytest.approx(0.0, abs=1e-9)


def test_paris_lines_keep_their_distances() -> None:
    lattice = box(58.0, 2.0)
    for number in (20, 60, 110):
        made = arranger(lattice, ball(lattice, 50), "paris").number(number)
        flat = np.array([track.tip for track in made.tracks])[:, [0, 2]]
        apart = pdist(flat)
        assert RULES_OF_TABLE.line_least - 1e-9 <= apart.min() <= RULES_OF_TABLE.line_most + 1e-9
        assert made.n_seeds == number


@pytest.mark.parametrize("diameter", [30.0, 40.0, 50.0])
def test_peripheral_loading_is_cooler_in_the_middle(diameter: float) -> None:
    lattice = box(diameter + 8.0)
    goal = ball(lattice, diameter)
    number = nomograph_number(dimensions(lattice, goal), PARAMETERS["seeds.activity"])
    inner = lattice.centres(np.flatnonzero(ball(lattice, 0.5 * diameter)))
    dose = {}
    for rule in ("quimby", "paterson-parker"):
        seeds = arranger(lattice, goal, rule).number(number).seeds
        dose[rule] = float(np.median(point_dose(inner, seeds))) * LIFE
    assert dose["paterson-parker"] < 0.9 * dose["quimby"]


@pytest.mark.parametrize(
    ("diameter", "number", "near"), [(20.0, 17, 0.08), (30.0, 25, 0.04), (40.0, 47, 0.04), (50.0, 77, 0.04)]
)
def test_three_quarters_lie_at_the_periphery(diameter: float, number: int, near: float) -> None:
    lattice = box(diameter + 8.0)
    view = View(lattice, ball(lattice, diameter), FAN[0])
    places, outer = ShellPattern(view, RULES_OF_TABLE).number(number)
    assert len(places) == number
    assert outer.mean() == pytest.approx(0.75, abs=near)
    # what counts as periphery lies further out than what counts as core
    out = np.linalg.norm(places, axis=1)
    assert out[outer].mean() > 1.25 * out[~outer].mean()


def test_organs_are_kept_clear_of() -> None:
    lattice = box(50.0, 2.0)
    goal = ball(lattice, 36)
    away = lattice.centres()[:, 0] + 10 * MM  # an organ beyond x = -10 mm, into which the goal reaches
    keep = keep_out_of(PARAMETERS, organ_distance=away)
    for rule in RULES:
        made = arranger(lattice, goal, rule, keep_out=keep, directions=FAN[:3]).number(40)
        check(lattice, goal, made)
        site = lattice.locate(made.seeds.points)
        assert away[site].min() >= PARAMETERS["seeds.organ_clearance"] > 0.0
        assert made.left_out["organ"] > 0 and made.n_seeds > 10


def test_needles_go_past_a_big_vessel_or_leave_what_is_behind_it() -> None:
    lattice = box(50.0, 2.0)
    goal = ball(lattice, 30)
    centres = lattice.centres()
    away = np.hypot(centres[:, 1] + 4 * MM, centres[:, 2]) - 3 * MM  # along x, through the goal
    keep = KeepOut(vessel_distance=away, needle_clearance=2 * MM)
    for rule in RULES:
        made = arranger(lattice, goal, rule, keep_out=keep).number(30)
        check(lattice, goal, made)
        assert made.left_out["vessel"] > 0 and set(made.left_out) <= {"vessel", "spacing"}
        for track in made.tracks:
            way = np.array(track.tip) - np.linspace(0.0, 0.1, 2001)[:, None] * np.array(track.direction)
            site = lattice.locate(way)
            assert away[site[site >= 0]].min() >= keep.needle_clearance
    straight = arranger(lattice, goal, "quimby", keep_out=keep).number(30)
    slanted = arranger(lattice, goal, "quimby", keep_out=keep, directions=FAN).number(30)
    assert slanted.n_seeds >= straight.n_seeds


def test_free_hands_reach_behind_a_vessel_what_a_template_cannot() -> None:
    lattice = box(50.0, 2.0)
    goal = ball(lattice, 30)
    centres = lattice.centres()
    away = np.hypot(centres[:, 1] + 16 * MM, centres[:, 2]) - 4 * MM  # along x, in front of the goal
    keep = KeepOut(vessel_distance=away, needle_clearance=2 * MM)
    template = arranger(lattice, goal, "quimby", keep_out=keep, directions=FAN).number(30)
    free = arranger(lattice, goal, "quimby", keep_out=keep, directions=FAN, freehand=True).number(30)
    assert free.n_seeds > template.n_seeds and free.n_seeds + sum(free.left_out.values()) == 30
    assert len({track.direction for track in free.tracks}) > 1
    assert pdist(free.seeds.points).min() >= LEAST - 1e-9 and goal[lattice.locate(free.seeds.points)].all()
    for track in free.tracks:
        way = np.array(track.tip) - np.linspace(0.0, 0.1, 2001)[:, None] * np.array(track.direction)
        site = lattice.locate(way)
        assert away[site[site >= 0]].min() >= keep.needle_clearance


@pytest.mark.parametrize("rule", RULES)
def test_a_few_seeds_are_placed_in_a_large_goal(rule: str) -> None:
    lattice = box(58.0, 2.0)
    goal = ball(lattice, 50)
    for number in (1, 4, 10):
        made = arranger(lattice, goal, rule).number(number)
        check(lattice, goal, made)
        assert made.n_seeds >= 0.7 * number, number


def test_a_goal_that_cannot_hold_so_many_says_so() -> None:
    lattice = box(24.0)
    goal = ball(lattice, 12)
    for rule in RULES:
        made = arranger(lattice, goal, rule).number(200)
        check(lattice, goal, made)
        assert 0 < made.n_seeds < 30 and made.left_out == {"spacing": 200 - made.n_seeds}


def test_an_empty_goal_gets_no_seeds() -> None:
    lattice = box(24.0)
    nothing = np.zeros(lattice.n_sites, dtype=bool)
    for rule in RULES:
        for made in (arranger(lattice, nothing, rule).number(10), arranger(lattice, nothing, rule).spacing(10 * MM)):
            assert made.n_seeds == 0 and made.tracks == () and not made.left_out
            assert made.seeds.points.shape == (0, 3) and made.total_strength == 0.0
    assert arranger(lattice, ball(lattice, 16), "quimby").number(0).n_seeds == 0


def test_a_single_site_gets_one_seed() -> None:
    lattice = box(24.0, 2.0)
    goal = np.zeros(lattice.n_sites, dtype=bool)
    goal[lattice.locate((3 * MM, 1 * MM, -5 * MM))] = True
    for rule in RULES:
        made = arranger(lattice, goal, rule).number(1)
        check(lattice, goal, made)
        assert made.n_seeds == 1, rule


@pytest.mark.parametrize("rule", RULES)
def test_the_same_arrangement_comes_twice(rule: str) -> None:
    lattice = box(50.0, 2.0)
    goal = ellipsoid(lattice, (36.0, 26.0, 30.0), (3.0, 1.0, -2.0))
    one, two = (arranger(lattice, goal, rule).number(33) for _ in range(2))
    assert one == two
    shared = arranger(lattice, goal, rule)
    shared.number(21)
    assert shared.number(33) == one  # what was asked before changes nothing


@given(
    st.sampled_from(RULES),
    st.tuples(*[st.floats(8.0, 34.0)] * 3),
    st.tuples(*[st.floats(-4.0, 4.0)] * 3),
    st.integers(1, 60),
    st.integers(0, 12),
)
@settings(max_examples=25, deadline=None)
def test_seeds_lie_inside_and_apart(
    rule: str, axes: tuple[float, float, float], centre: tuple[float, ...], number: int, way: int
) -> None:
    lattice = box(44.0, 2.0)
    goal = ellipsoid(lattice, axes, centre)
    made = arranger(lattice, goal, rule, directions=FAN[way : way + 1]).number(number)
    check(lattice, goal, made)
    assert made.n_seeds <= number


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rule": "quimbi"}, "Did you mean 'quimby'"),
        ({"placement": "triangle"}, "Did you mean 'triangles'"),
        ({"strength": 0.0}, "strength"),
        ({"goal": np.zeros(3, dtype=bool)}, "shape"),
        ({"directions": np.zeros((0, 3))}, "directions"),
        ({"lattice": Lattice((10, 10, 1), 1e-3), "goal": np.zeros(100, dtype=bool)}, "slab"),
    ],
)
def test_what_is_refused(change: dict[str, object], says: str) -> None:
    lattice = box(10.0)
    given_: dict[str, object] = {
        "lattice": lattice,
        "goal": ball(lattice, 8),
        "rule": "paris",
        "strength": 0.7,
        "directions": FAN,
        "rules": RULES_OF_TABLE,
    }
    with pytest.raises(InputError, match=says):
        Arranger(**{**given_, **change})  # type: ignore[arg-type]


def test_numbers_and_spacings_that_are_refused() -> None:
    lattice = box(24.0, 2.0)
    for rule, spacing, says in (
        ("quimby", 4.0, "5 mm or more"),
        ("paris", 7.0, "8 mm to 15 mm"),
        ("paris", 16.0, "8 mm"),
    ):
        with pytest.raises(InputError, match=says):
            arranger(lattice, ball(lattice, 20), rule).spacing(spacing * MM)
    with pytest.raises(InputError, match="whole number"):
        arranger(lattice, ball(lattice, 20), "quimby").number(-1)
    with pytest.raises(InputError, match="seed's length"):
        replace(RULES_OF_TABLE, least=0.004)
    with pytest.raises(InputError, match="between 0 and 1"):
        replace(RULES_OF_TABLE, periphery=1.0)
    with pytest.raises(InputError, match="positive length"):
        replace(RULES_OF_TABLE, rim_margin=0.0)
