"""Area of wall over a threshold: that of the plane or ball it is, whatever the spacing; kept with the wall."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tumorsim.anatomy import TumourSpec, build
from tumorsim.anatomy.organ_place import SIDES, OrganSpec
from tumorsim.anatomy.organs import DRY, Organs, Walls
from tumorsim.lattice import Lattice
from tumorsim.outcomes.organ_harm import area_over, at_walls, book_heat, thresholds, wall_over_threshold_mm2
from tumorsim.parameters import load_parameters
from tumorsim.state import ORGANS, WALL_DOSES, Sizes, State

TABLE = load_parameters()
SPACINGS = (0.5e-3, 1e-3, 2e-3)


def plane(at: float, half: float = 20e-3, piece: float = 0.5e-3) -> Walls:
    """A wall z = at [m], as of the bowel."""
    line = (np.arange(round(2 * half / piece)) + 0.5) * piece - half
    x, y = (g.ravel() for g in np.meshgrid(line, line))
    points = np.stack([x, y, np.full(len(x), at)], axis=1)
    return Walls(points, np.full(len(x), piece**2), np.ones(len(x), dtype=np.uint8))


def beside(name: str, spacing: float, distance: float = 5e-3, side: str = "-z") -> Organs:
    lattice = Lattice.for_box(60e-3, spacing)
    spec = OrganSpec(name, distance, SIDES[side])
    return build(lattice, TumourSpec(diameter=20e-3), 1, 0, TABLE, [spec]).organs


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_warm_disc_on_a_plane_has_its_area(spacing: float) -> None:
    lattice = Lattice.for_box(40e-3, spacing)
    r = np.sqrt((lattice.centres() ** 2).sum(axis=1)) * 1e3
    temperature = 37.0 + 60.0 * np.exp(-(r**2) / 200.0)  # 54 degC at 15.88 mm
    walls = plane(7.3e-3)
    over = area_over(walls, at_walls(lattice, temperature, walls), {"bowel": 54.0})
    radius = math.sqrt(-200.0 * math.log(17 / 60) - 7.3**2)
    assert over == {"bowel": pytest.approx(math.pi * radius**2, rel=0.02)}


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_dose_of_many_decades_has_its_area_too(spacing: float) -> None:
    """An Arrhenius integral falls tenfold in 1.5 mm, less than a site at the coarsest."""
    lattice = Lattice.for_box(40e-3, spacing)
    r = np.sqrt((lattice.centres() ** 2).sum(axis=1)) * 1e3
    omega = 10.0 ** ((14.0 - r) / 1.5)
    walls = plane(7.3e-3)
    due = math.pi * (14.0**2 - 7.3**2)
    assert area_over(walls, at_walls(lattice, omega, walls, decades=1.0), {"bowel": 1.0})["bowel"] == pytest.approx(
        due, rel=0.02
    )
    if spacing == 2e-3:  # what it is read on that scale for
        plain = area_over(walls, at_walls(lattice, omega, walls), {"bowel": 1.0})["bowel"]
        assert plain > 1.05 * due


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("name", ["gallbladder", "bowel", "diaphragm"])
def test_the_cap_of_a_wall_that_a_front_reaches_does_not_depend_on_the_spacing(name: str, spacing: float) -> None:
    """A front that cuts an organ whose wall begins at 15 mm: what of it lies beyond is over (the dome falls off)."""
    side, level = ("+z", 12e-3) if name == "diaphragm" else ("-z", 20e-3)
    here = beside(name, spacing, side=side)
    dose = -here.lattice.centres()[:, 2] * (1.0 if side == "-z" else -1.0) * 1e3
    walls = here.walls()
    over = area_over(walls, at_walls(here.lattice, dose, walls), {name: 1e3 * level})[name]
    z = walls.points[:, 2] * (-1.0 if side == "-z" else 1.0)
    assert over == pytest.approx(1e6 * walls.area[z >= level].sum(), rel=0.02) and over > 100


def test_all_and_nothing() -> None:
    here = beside("gallbladder", 1e-3)
    walls, n = here.walls(), here.lattice.n_sites
    whole = pytest.approx(1e6 * walls.area.sum())
    hot = at_walls(here.lattice, np.full(n, 60.0), walls)
    assert area_over(walls, hot, thresholds(here, "temperature", TABLE)) == {"gallbladder": whole}
    assert area_over(walls, at_walls(here.lattice, np.full(n, 53.9), walls), {"gallbladder": 54.0})["gallbladder"] == 0
    empty = Organs(here.lattice)
    assert at_walls(here.lattice, np.ones(n), empty.walls()).shape == (0,) and thresholds(empty, "omega", TABLE) == {}


def test_heat_is_booked_with_the_wall_and_adds_up() -> None:
    here = beside("bowel", 1e-3)
    n, walls = here.lattice.n_sites, here.walls()
    state = State(Sizes(sites=n, walls=len(walls.area)))
    assert wall_over_threshold_mm2(state, here, TABLE) == {"bowel": {"heat": 0.0, "heat_cem43": 0.0, "heat_alarm": 0.0}}
    near = here.lattice.centres()[:, 2] > -20e-3  # heat reaches 5 mm into the organ
    fields = {"omega": 0.6 * near, "cem43": 8000.0 * near, "temperature": np.where(near, 52.0, 37.0)}
    book_heat(state, here.lattice, walls, **fields)
    assert not any(wall_over_threshold_mm2(state, here, TABLE)["bowel"].values())
    soaked = DRY.copy()
    soaked[ORGANS.index("bowel"), 0] = 10e-3
    book_heat(state, here.lattice, here.walls(soaked), **fields)  # out of reach
    assert not any(wall_over_threshold_mm2(state, here, TABLE)["bowel"].values())
    book_heat(state, here.lattice, walls, **fields)
    told = wall_over_threshold_mm2(state, here, TABLE)["bowel"]
    front = 1e6 * walls.area[walls.points[:, 2] > -20e-3].sum()
    assert told == {"heat": pytest.approx(front, rel=0.1), "heat_cem43": pytest.approx(front, rel=0.1), "heat_alarm": 0}
    assert state.wall_dose[:, WALL_DOSES.index("temperature")].max() == pytest.approx(52.0)
    lower = {**TABLE, "organs.bowel_temperature": 50.0, "organs.bowel_omega": 2.0, "organs.bowel_cem43": 1e9}
    changed = wall_over_threshold_mm2(state, here, lower)["bowel"]
    assert changed["heat_alarm"] > 0.85 * front and changed["heat"] == changed["heat_cem43"] == 0.0


def test_without_organs_there_is_no_such_harm() -> None:
    lattice = Lattice.for_box(10e-3, 1e-3)
    state = State(Sizes(sites=lattice.n_sites))
    assert wall_over_threshold_mm2(state, Organs(lattice), TABLE) is None
    same = np.zeros(lattice.n_sites)
    book_heat(state, lattice, Organs(lattice).walls(), omega=same, cem43=same, temperature=same)
    assert state.wall_dose.shape == (0, 3)
