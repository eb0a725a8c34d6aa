"""Organs beside the tumour: distances kept, walls of the right area at every spacing, fluid in their place."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.anatomy import TumourSpec, build
from tumorsim.anatomy.capsule import OUTSIDE
from tumorsim.anatomy.fluid import MATERIALS, fluid_now, materials, materials_table
from tumorsim.anatomy.forms import Infiltrating, Lobulated, Nodules
from tumorsim.anatomy.organ_place import SIDES, OrganSpec, border_of, place_organs, reach_of, unit
from tumorsim.anatomy.organ_shapes import Body, first_touch
from tumorsim.anatomy.organs import BEYOND, CODE_NAMES, CONTENT, DEXTROSE, DRY, SALINE, TISSUE, WALL, Organs
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.state import FLUIDS, ORGANS, Sizes, State

TABLE = load_parameters()
BALL = TumourSpec(diameter=24e-3)
ALL = {"gallbladder": "-z", "bowel": "-z", "stomach": "+x", "diaphragm": "+z", "bile_duct": "+x"}
MM2 = 1e6


def asked(name: str, distance: float = 5e-3, side: str | None = None, place: str = "segmental") -> OrganSpec:
    return OrganSpec(name, distance, SIDES[side or ALL[name]], place)


@lru_cache(maxsize=20)
def organs(*names: str, spacing: float = 1e-3, size: float = 60e-3) -> Organs:
    specs = [asked(name) for name in names]
    return build(Lattice.for_box(size, spacing), BALL, 1, 0, TABLE, specs).organs


def wet(**layers: float) -> np.ndarray:
    """Layers in mm: gallbladder_ascites_saline=10."""
    fluid = DRY.copy()
    for key, mm in layers.items():
        name = next(n for n in ORGANS if key.startswith(n))
        fluid[ORGANS.index(name), FLUIDS.index(key.removeprefix(f"{name}_").replace("_", " "))] = mm * 1e-3
    return fluid


# --- shapes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [(1.0, 0.0, 0.0), unit([1, 2, -1]), (0.0, -1.0, 0.0)])
@pytest.mark.parametrize("form", ["ellipsoid", "tube", "dome"])
def test_pieces_lie_on_the_surface_and_their_areas_add_up(form: str, side: tuple[float, float, float]) -> None:
    half = (15e-3, 40e-3, 15e-3) if form == "ellipsoid" else (15e-3,) * 3
    body = Body(form, side, half, near=20e-3)
    points, area = body.surface(30e-3)
    assert np.abs(body.depth(points)).max() < 1e-9
    a, b = 15e-3, 40e-3
    if form == "ellipsoid":  # a prolate spheroid
        e = math.sqrt(1 - (a / b) ** 2)
        due = 2 * math.pi * a * (a + b / e * math.asin(e))
    else:
        due = 4 * math.pi * a**2 if form == "dome" else 2 * math.pi * a * 60e-3
    assert area.sum() == pytest.approx(due, rel=1e-4) and area.max() < 1.5e-6
    tip = np.array(side) * 20e-3
    assert body.depth(tip.reshape(1, 3))[0] == pytest.approx(0.0, abs=1e-12)
    assert body.depth(1.01 * tip.reshape(1, 3))[0] > 0.0 > body.depth(0.99 * tip.reshape(1, 3))[0]


@given(
    st.sampled_from(["ellipsoid", "tube", "dome"]),
    st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: math.hypot(*v) > 0.1),
    st.floats(0, 12e-3),
)
@settings(max_examples=40, deadline=None)
def test_an_organ_pushed_off_is_where_its_pieces_are(form: str, side: tuple[float, ...], by: float) -> None:
    half = (15e-3, 30e-3, 15e-3) if form == "ellipsoid" else (50e-3,) * 3
    body = Body(form, unit(side), half, near=20e-3)
    points = body.surface(30e-3)[0][::37]
    moved = body.moved(by)
    assert moved.near == pytest.approx(20e-3 + by)
    assert np.abs(moved.depth(body.shifted(points, by))).max() < 1e-9
    # what it was pushed off by lies between it and the liver: nowhere nearer, by at most as much
    lost = body.depth(points) - moved.depth(points)
    assert lost.min() > -1e-9 - 2 * by * (form != "dome") and lost.max() < by + 1e-9


@pytest.mark.parametrize(
    ("form", "slab_length"),
    [("ellipsoid", 2 * math.pi * 15e-3), ("tube", 2 * math.pi * 15e-3), ("dome", 2 * math.pi * 15e-3)],
)
def test_in_a_slab_a_wall_is_a_line_times_its_thickness(form: str, slab_length: float) -> None:
    body = Body(form, (1.0, 0.0, 0.0), (15e-3, 40e-3 if form == "ellipsoid" else 15e-3, 15e-3), near=5e-3)
    points, area = body.surface(30e-3, slab=2e-3)
    assert np.all(points[:, 2] == 0.0) and np.abs(body.depth(points)).max() < 1e-9
    assert area.sum() == pytest.approx(slab_length * 2e-3, rel=1e-6)  # across its length: round
    along = Body("tube", (0.0, 1.0, 0.0), (15e-3,) * 3, near=5e-3)  # from side to side: two lines
    assert along.surface(30e-3, slab=2e-3)[1].sum() == pytest.approx(2 * 60e-3 * 2e-3)


def test_what_comes_from_its_side_stops_at_its_distance() -> None:
    tube = Body("tube", (1.0, 0.0, 0.0), (5e-3,) * 3)
    border = border_of(TumourSpec(axes=(30e-3, 60e-3, 40e-3), shape="ellipsoid"), [tube.side])
    assert first_touch(tube, border, 3e-3).near == pytest.approx(18e-3, abs=1e-6)
    dome = Body("dome", (1.0, 0.0, 0.0), (40e-3,) * 3)
    found = first_touch(dome, border, 5e-3)
    assert -found.depth(border).max() == pytest.approx(5e-3, abs=1e-6)
    assert first_touch(Body("dome", (1.0, 0.0, 0.0), (30e-3,) * 3), border, 5e-3) is None


# --- in their places ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ORGANS)
@pytest.mark.parametrize("mm", [0.0, 4.0, 11.0])
def test_a_wall_is_as_far_from_the_border_as_asked(name: str, mm: float) -> None:
    for tumour in (BALL, TumourSpec(axes=(20e-3, 26e-3, 30e-3), shape="ellipsoid")):
        spec = OrganSpec(name, mm * 1e-3, unit([1, -0.5, 0.3]))
        border = border_of(tumour, [spec.side])
        (placed,) = place_organs([spec], border, (70e-3,) * 3, TABLE)
        assert -placed.body.depth(border).max() == pytest.approx(mm * 1e-3, abs=2e-5)


@pytest.mark.parametrize(
    "tumour",
    [
        TumourSpec(diameter=20e-3, shape="lobulated", form=Lobulated(5, 4e-3)),
        TumourSpec(diameter=20e-3, shape="nodules", form=Nodules(3, (3e-3, 3e-3))),
        TumourSpec(diameter=20e-3, shape="infiltrating", form=Infiltrating(6e-3)),
    ],
    ids=["lobulated", "nodules", "infiltrating"],
)
@pytest.mark.parametrize("name", ["gallbladder", "diaphragm"])
def test_drawn_tumours_keep_the_distance_too(tumour: TumourSpec, name: str) -> None:
    anatomy = build(Lattice.for_box(70e-3, 1e-3), tumour, 1, 3, TABLE, [asked(name, 4e-3)])
    nearest = anatomy.organs.distance(name)[anatomy.tumour].min()
    assert 4e-3 - 0.2e-3 < nearest < 4e-3 + 1.2e-3  # to the middles of sites
    assert not (anatomy.organs.site[anatomy.tumour] != TISSUE).any()


@pytest.mark.parametrize("name", ORGANS)
def test_what_is_organ_is_no_tissue_and_the_rest_stays(name: str) -> None:
    lattice = Lattice.for_box(60e-3, 1e-3)
    spec = TumourSpec(diameter=24e-3, satellites=4, septa=2)
    bare, with_it = build(lattice, spec, 1, 0, TABLE), build(lattice, spec, 1, 0, TABLE, [asked(name)])
    site = with_it.organs.site
    assert np.array_equal(with_it.compartment == OUTSIDE, site != TISSUE) and (site != TISSUE).sum() > 100
    assert np.array_equal(with_it.tumour, bare.tumour) and not with_it.target[site != TISSUE].any()
    assert {s.label for s in with_it.satellites} == set(np.unique(with_it.compartment[with_it.compartment >= 200])) - {
        255
    }
    row = ORGANS.index(name)
    assert (site == WALL + row).any() and ((site == CONTENT + row).any() or name == "bile_duct")  # 3 mm: all wall
    depth = -with_it.organs.distance(name)
    wall = max(TABLE[f"organs.{name}_wall"], lattice.spacing)  # no gaps where it is thinner than a site
    assert np.all((depth[site == WALL + row] > 0) & (depth[site == WALL + row] <= wall))
    assert np.all(depth[site == CONTENT + row] > wall)
    assert np.all(depth[site == TISSUE] <= 0) or name == "bile_duct"
    assert (site == BEYOND).any() == (name in ("bowel", "stomach"))  # the gallbladder's bed is deeper than this box


def test_a_wall_thinner_than_a_site_has_no_gaps() -> None:
    lattice = Lattice.for_box(40e-3, 1.4e-3)
    site = build(lattice, BALL, 1, 0, TABLE, [asked("bile_duct", place="common")]).organs.site.reshape(lattice.shape)
    row = ORGANS.index("bile_duct")
    inside = site == CONTENT + row
    assert inside.any()
    for axis in range(3):
        for step in (-1, 1):
            away = np.roll(site, step, axis=axis)
            assert not (inside[1:-1, 1:-1, 1:-1] & (away[1:-1, 1:-1, 1:-1] == TISSUE)).any()


def test_the_gallbladder_lies_in_its_bed_and_beyond_is_fat() -> None:
    lattice = Lattice.for_box(90e-3, 2e-3)
    (placed,) = build(lattice, BALL, 1, 0, TABLE, [asked("gallbladder")]).organs.each
    assert placed.surface == pytest.approx(12e-3 + 5e-3 + 15e-3, abs=1e-6)  # half of its 30 mm
    deep = build(lattice, BALL, 1, 0, {**TABLE, "organs.gallbladder_bed": 0.2}, [asked("gallbladder")]).organs
    assert deep.each[0].surface == pytest.approx(12e-3 + 5e-3 + 6e-3, abs=1e-6)
    assert CODE_NAMES[BEYOND] == "outside the liver" and (deep.site == BEYOND).any()


@pytest.mark.parametrize("name", ORGANS)
def test_the_area_of_a_wall_does_not_depend_on_the_spacing(name: str) -> None:
    size = 44e-3
    area = {h: organs(name, spacing=h, size=size).wall_area(name).sum(dtype=float) * MM2 for h in (0.5e-3, 1e-3, 2e-3)}
    assert area[0.5e-3] == pytest.approx(area[1e-3], rel=1e-6) == pytest.approx(area[2e-3], rel=1e-6)
    here = organs(name, size=size)
    assert here.walls().area.sum() * MM2 == pytest.approx(area[1e-3], rel=1e-6)
    # and it is the area: what a thin shell of sites holds, over its thickness
    lattice = Lattice.for_box(size, 0.5e-3)
    shell = np.abs(organs(name, spacing=0.5e-3, size=size).distance(name)) < 1.5e-3
    if name != "bile_duct":  # narrower than the shell
        assert shell.sum() * lattice.site_volume / 3e-3 * MM2 == pytest.approx(area[0.5e-3], rel=0.02)
    else:
        assert area[0.5e-3] == pytest.approx(math.pi * 3 * 44, rel=0.02)


def test_places_of_bile_ducts_differ_in_width() -> None:
    for place, mm in (("segmental", 3), ("lobar", 5), ("common", 8)):
        (placed,) = place_organs([asked("bile_duct", place=place)], border_of(BALL, [(1, 0, 0)]), (60e-3,) * 3, TABLE)
        assert 2e3 * placed.body.half[0] == pytest.approx(mm)


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        ([asked("bowel", -1e-3)], r"tissue\.organs\.0\.bowel\.distance: -1 mm would put it inside the tumour"),
        (
            [asked("stomach", 20e-3)],
            r"organs\.0\.stomach: its wall lies 32 mm from the middle, outside the box \(60 mm",
        ),
        ([asked("bowel"), asked("gallbladder")], r"organs\.1\.gallbladder: overlaps the bowel"),
        ([asked("bowel", side="+x"), asked("bile_duct", 9e-3)], r"organs\.1\.bile_duct: overlaps the bowel"),
    ],
)
def test_what_cannot_be_placed_is_refused(specs: list[OrganSpec], said: str) -> None:
    with pytest.raises(InputError, match=said):
        place_organs(specs, border_of(BALL, [s.side for s in specs]), (60e-3,) * 3, TABLE)


def test_all_that_cannot_be_placed_is_said_at_once() -> None:
    specs = [asked("bowel", -1e-3), asked("stomach", 20e-3)]
    with pytest.raises(InputError) as told:
        place_organs(specs, border_of(BALL, [s.side for s in specs]), (60e-3,) * 3, TABLE)
    assert len(told.value.problems) == 2


def test_a_dome_smaller_than_the_tumour_is_refused() -> None:
    large = TumourSpec(diameter=190e-3)
    with pytest.raises(InputError, match="does not go round this tumour"):
        place_organs([asked("diaphragm")], border_of(large, [(0, 0, 1)]), (0.3,) * 3, TABLE)


def test_organs_that_share_a_box_in_peace() -> None:
    both = organs("gallbladder", "diaphragm", "bile_duct")
    assert both.names == ("gallbladder", "diaphragm", "bile_duct")
    assert set(np.unique(both.walls().organ)) == {0, 3, 4}
    with pytest.raises(KeyError, match="no stomach here; there are: gallbladder"):
        both.named("stomach")


def test_a_box_of_automatic_size_has_room() -> None:
    for name in ORGANS:
        half = reach_of(asked(name), BALL, TABLE)
        assert half == pytest.approx(12e-3 + 5e-3 + TABLE[f"organs.{name}_wall"] + 15e-3)


def test_a_thrombus_does_not_run_through_an_organ() -> None:
    spec = TumourSpec(diameter=24e-3, thrombus="Vp2")
    lattice = Lattice.for_box(60e-3, 1e-3)
    vein = build(lattice, spec, 1, 0, TABLE, [asked("gallbladder")]).vein
    assert vein is not None
    in_the_way = OrganSpec("bile_duct", 5e-3, unit(np.add(vein.start, vein.end)), "common")
    with pytest.raises(InputError, match=r"portal vein with the thrombus.*bile duct"):
        build(lattice, spec, 1, 0, TABLE, [in_the_way])


# --- fluid -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gallbladder", "bowel", "stomach", "diaphragm"])
def test_fluid_takes_the_place_of_the_wall_and_no_liver(name: str) -> None:
    here = organs(name)
    dry, soaked = here.codes(), here.codes(wet(**{f"{name}_ascites_saline": 8}))
    assert np.array_equal(dry == TISSUE, soaked == TISSUE)
    row = ORGANS.index(name)
    beside = here.distance(name) > -6e-3  # of what the organ was, 6 mm deep
    was = (dry == WALL + row) & beside
    faced = was & (here.lattice.centres() @ np.array(here.each[0].spec.side) < here.each[0].body.near + 3e-3)
    assert faced.any() and np.all(soaked[faced] == SALINE)
    assert not ((soaked == SALINE) & (here.distance(name, wet(**{f"{name}_ascites_saline": 8})) < 0)).any()
    mixed = here.codes(wet(**{f"{name}_ascites_saline": 3, f"{name}_ascites_dextrose": 5}))
    assert (mixed == DEXTROSE).sum() == (soaked == SALINE).sum() > 0


def test_walls_move_by_the_thickness_and_keep_number_and_area() -> None:
    here = organs("bowel", "diaphragm", size=80e-3)
    dry, moved = here.walls(), here.walls(wet(bowel_ascites_saline=10, diaphragm_ascites_dextrose=4))
    assert np.array_equal(moved.area, dry.area) and np.array_equal(moved.organ, dry.organ)
    step = np.sqrt(((moved.points - dry.points) ** 2).sum(axis=1)) * 1e3
    assert np.allclose(step[dry.organ == 1], 10) and np.allclose(step[dry.organ == 3], 4)
    assert here.distance("bowel", wet(bowel_ascites_saline=10)).min() == pytest.approx(
        here.distance("bowel").min(), abs=11e-3
    )


def test_fluid_in_the_pleura_moves_the_lung_and_not_the_diaphragm() -> None:
    here = organs("diaphragm")
    dry, filled = here.codes(), here.codes(wet(diaphragm_pleura_saline=7))
    row = ORGANS.index("diaphragm")
    assert np.array_equal(dry == WALL + row, filled == WALL + row)
    depth = -here.distance("diaphragm")
    wall = TABLE["organs.diaphragm_wall"]
    assert np.array_equal(filled == SALINE, (depth > wall) & (depth <= wall + 7e-3))
    assert np.array_equal(here.walls(wet(diaphragm_pleura_saline=7)).points, here.walls().points)


def test_fluid_goes_by_its_half_life_whenever_it_is_looked_at() -> None:
    state = State(Sizes(sites=1))
    state.fluid[1, 0], state.fluid_at[1], state.now = 8e-3, 86_400, 43_200
    assert fluid_now(state, TABLE)[1, 0] == 8e-3  # never more than was given
    for days, left in ((0, 8e-3), (1, 4e-3), (3, 1e-3)):
        assert fluid_now(state, TABLE, 86_400 * (1 + days))[1, 0] == pytest.approx(left, rel=1e-12)
    assert fluid_now(state, {**TABLE, "hydrodissection.half_life": 43_200}, 172_800)[1, 0] == pytest.approx(2e-3)


def test_every_site_has_a_material() -> None:
    here = organs("bowel", "diaphragm", size=80e-3)
    code, found = here.codes(), materials(here, None, TABLE)
    for at, name in (
        (code == TISSUE, "tissue"), (code == WALL + 1, "wall"), (code == WALL + 3, "muscle"), (code == BEYOND, "fat"),
        (code == CONTENT + 3, "lung"),
    ):  # fmt: skip
        assert at.any() and np.all(found[at] == MATERIALS.index(name))
    inside = code == CONTENT + 1
    gas = found[inside] == MATERIALS.index("gas")
    y = here.lattice.centres(np.flatnonzero(inside))[:, 1]
    assert 0.1 < gas.mean() < 0.3 and y[gas].max() < y[~gas].min()  # in front; 0.3 of the height is less of the volume
    dry = materials(here, None, {**TABLE, "organs.gas": 0.0})
    assert set(dry[inside]) == {MATERIALS.index("content")}
    soaked = materials(here, wet(bowel_ascites_dextrose=9), TABLE)
    assert (soaked == MATERIALS.index("dextrose")).any() and not (found == MATERIALS.index("dextrose")).any()
    assert not materials(Organs(here.lattice), None, TABLE).any()


def test_the_table_of_materials_is_physical() -> None:
    rows = materials_table(TABLE)
    assert tuple(row.name for row in rows) == MATERIALS[1:]
    by = {row.name: row for row in rows}
    assert by["gas"].conductivity < by["fat"].conductivity < by["wall"].conductivity < by["saline"].conductivity < 0.65
    assert by["gas"].heat_capacity < 2e3 and 3.5e6 < by["wall"].heat_capacity < by["saline"].heat_capacity < 4.2e6
    assert by["dextrose"].electric < 0.01 < 1.0 < by["saline"].electric
    assert by["saline"].perfusion == by["bile"].perfusion == 0.0 < by["muscle"].perfusion
