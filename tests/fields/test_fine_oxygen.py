"""Oxygen at 50 um and less as a run has it, against closed forms and against the coarse branch."""

import csv
import itertools
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim import _jit
from tumorsim.anatomy import TumourSpec, build
from tumorsim.errors import InputError
from tumorsim.fields import krogh
from tumorsim.fields.analytic_oxygen import anoxic_core, sphere_limit
from tumorsim.fields.fine_oxygen import STILL, Carried, FineOxygen, shares_below, surface_exchange
from tumorsim.fields.haemoglobin import pressure_of
from tumorsim.fields.network_oxygen import blood_of
from tumorsim.fields.oxygen import OxygenModel
from tumorsim.fields.vessel_walls import VesselWalls, wall_resistance
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.patient import build_patient
from tumorsim.scenario import Scenario
from tumorsim.state import OUTSIDE, Sizes, State
from tumorsim.vessels.graph import FLOW, PRESSURE, VesselGraph

D, UM = 2e-9, 1e-6
TABLE = Path(__file__).parents[1] / "data" / "analytic_vascular_oxygen.csv"
ZERO_ORDER = {"oxygen.half_consumption": "0.0005 mmHg"}


def rows(test_id):
    with TABLE.open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(line for line in file if line[0] != "#") if row["test_id"] == test_id]


def number(name, text):
    return float(re.search(rf"{name}=([\d.]+)", text)[1])


# --- spheroids ----------------------------------------------------------------------------------------------


def spheroid(radius, spacing, consumption, wall, half="0.0005 mmHg"):
    """A spheroid full of living cells: (radii of its sites, their p, state, lattice)."""
    changes = {"oxygen.consumption_tumour": f"{consumption} mmHg/s", "oxygen.half_consumption": half}
    table = load_parameters(changes)
    lattice = Lattice.for_box(2 * radius + 4 * spacing, spacing)
    anatomy = build(lattice, TumourSpec(diameter=2 * radius), 1, 0, table)
    state = State(Sizes(lattice.n_sites, one_cell=True))
    state.compartment[:] = anatomy.compartment
    assert FineOxygen(table, lattice, medium=wall).update(state, np.ones(lattice.n_sites))
    r = np.linalg.norm(lattice.centres(), axis=1)[anatomy.tumour]
    return r, state.po2[anatomy.tumour].astype(float), state, lattice


def in_core(r, core, consumption):
    """p at a radius outside an anoxic core (Grimes 2014)."""
    return consumption / (6.0 * D) * (r**2 + 2.0 * core**3 / r - 3.0 * core**2)


def core_rows():
    for row in rows("C10"):
        if row["quantity"].startswith("r_n") and float(row["value"]) > 0:
            text = row["description"]
            yield number("M", text), number("p0", text), number("ro", row["quantity"]) * UM, float(row["value"]) * UM


@pytest.mark.parametrize(("consumption", "wall", "radius", "core"), list(core_rows()))
def test_the_rim_of_a_spheroid_by_diffusion(consumption, wall, radius, core):
    """C10, all rows: at 20 um the rim from the core's volume within 10 %; where oxygen ends, within 1 %."""
    spacing = 20e-6 if radius < 450e-6 else 12.5e-6
    r, p, state, lattice = spheroid(radius, spacing, consumption, wall)
    near = (p > 0.005 * wall) & (p < 0.3 * wall)
    end = np.polyfit(np.sqrt(p[near]), r[near], 2)[-1]  # p is a square near its end
    assert radius - end == pytest.approx(radius - core, rel=0.01)
    volume = (p < 0.01).sum() * lattice.site_volume
    assert radius - (0.75 * volume / math.pi) ** (1 / 3) == pytest.approx(radius - core, rel=0.1)
    # below 0.5 mmHg the shares of sites know more than their number
    share = state.share0p5.sum(dtype=float) * lattice.site_volume
    grid = np.linspace(core, radius, 20_001)
    contour = np.interp(0.5, in_core(grid, core, consumption), grid)
    assert radius - (0.75 * share / math.pi) ** (1 / 3) == pytest.approx(radius - contour, rel=0.02)


def limit_rows():
    for row in rows("C9"):
        if row["quantity"].startswith("sphere"):
            yield number("M", row["description"]), number("p0", row["description"]), float(row["value"]) * UM


@pytest.mark.parametrize(("consumption", "wall", "limit"), list(limit_rows()))
def test_the_largest_spheroid_without_a_core(consumption, wall, limit):
    """C9: oxygen just reaches the middle; the radius at which it does, from the middle's pressure, within 1 %."""
    r, p, *_ = spheroid(0.97 * limit, limit / 25, consumption, wall)
    middle = np.polyfit(r[r < limit / 2] ** 2, p[r < limit / 2], 1)[1]
    found = math.sqrt((0.97 * limit) ** 2 + 6.0 * D * middle / consumption)
    assert found == pytest.approx(limit, rel=0.01)


def test_a_spheroid_is_met_at_second_order():
    """Also at its surface, which the lattice knows only by which sites are tissue."""
    errors = []
    for n in (5, 10, 20):
        r, p, *_ = spheroid(150e-6, 150e-6 / n, 10.0, 100.0)
        errors.append(float(np.sqrt(np.mean((p - (100.0 - 10.0 * ((150e-6) ** 2 - r**2) / (6.0 * D))) ** 2))))
    orders = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert min(orders) > 1.5 and math.log2(errors[0] / errors[-1]) > 3.4
    assert errors[-1] < 2e-3 * 100.0


def test_medium_enclosed_by_tissue_is_fluid():
    table = load_parameters()
    lattice = Lattice((9, 9, 9), 20e-6)
    state = State(Sizes(lattice.n_sites, one_cell=True))
    ball = np.linalg.norm(lattice.centres(), axis=1) < 65e-6
    state.compartment[ball] = 1
    middle = lattice.index(4, 4, 4)
    state.compartment[middle] = 0
    FineOxygen(table, lattice, medium=60.0).update(state, np.ones(lattice.n_sites))
    assert state.po2[middle] < 58.0 and state.po2[0] == 60.0


def test_the_surface_of_a_plane_is_where_it_is():
    lattice = Lattice((12, 5, 5), 10e-6)
    inside = lattice.ijk(np.arange(lattice.n_sites))[:, 0] < 6
    found = surface_exchange(inside, lattice, D)
    assert np.allclose(found[lattice.ijk(np.arange(lattice.n_sites))[:, 0] == 5], 2.0 * D / 10e-6**2, rtol=1e-6)
    assert np.count_nonzero(found) == 25


# --- cords --------------------------------------------------------------------------------------------------


def cord(radius, spacing, consumption, wall=40.0, capillary=3e-6):
    """The cord of a scenario whose blood leaves ``wall`` at the vessel's wall: (distances, p, state)."""
    changes = {"oxygen.consumption_tumour": f"{consumption} mmHg/s", **ZERO_ORDER}
    table = load_parameters(changes)
    reach = krogh.end_radius(wall, consumption, D, capillary, radius)
    flux = consumption * table["oxygen.solubility"] * math.pi * (reach**2 - capillary**2)
    blood = float(wall + flux * wall_resistance(np.array([2 * capillary]), table)[0])
    tissue = {
        "spacing": f"{spacing / UM} um",
        "density": "1e8 1/mL",
        "tumour": {},
        "cord": {
            "radius": f"{radius / UM} um", "length": f"{2 * spacing / UM} um", "vessel": f"{2 * capillary / UM} um",
            "blood": f"{blood!r} mmHg",
        },
    }  # fmt: skip
    patient = build_patient(Scenario.from_dict({"name": "c", "until": "12 h", "tissue": tissue, "parameters": changes}))
    state = patient.new_state()
    patient.oxygen.update(state, np.ones(patient.lattice.n_sites))
    inside = patient.oxygen.inside
    distance = np.linalg.norm(patient.lattice.centres()[inside][:, :2], axis=1)
    return distance, state.po2[inside].astype(float), state


def krogh_rows():
    for row in rows("C7"):
        text, r = row["description"], number("r", row["quantity"])
        if number("Rt", text) == 50 and r > 3:  # of wider ones part is anoxic, and the formula invalid
            yield number(" M", text), number("Rt", text) * UM, r * UM, float(row["value"])


@pytest.mark.parametrize(("consumption", "radius"), [(m, rt) for m in (10.0, 22.1) for rt in (50e-6, 100e-6, 150e-6)])
def test_a_cord_is_a_krogh_cylinder(consumption, radius):
    """C7 at 5 um, all rows with oxygen within 1 %; beyond the anoxic boundary nothing."""
    r, p, state = cord(radius, 5e-6, consumption)
    exact = np.array([krogh.pressure(v, 40.0, consumption, D, 3e-6, radius) for v in r])
    assert np.abs(p - exact)[r > 9e-6].max() < 0.01 * 40.0
    for m, rt, at, value in krogh_rows():
        if m == consumption and rt == radius:
            ring = np.abs(r - min(at, radius - 2.5e-6)) < 5.1e-6
            assert value + np.mean((p - exact)[ring]) == pytest.approx(value, rel=0.01)
    end = krogh.end_radius(40.0, consumption, D, 3e-6, radius)
    assert p[r > end + 5e-6].max(initial=0.0) < 0.05
    anoxic = krogh.share_below(0.5, 40.0, consumption, D, 3e-6, radius)
    assert state.share0p5[state.compartment == 1].mean(dtype=float) == pytest.approx(anoxic, abs=0.01)


@pytest.mark.parametrize("row", rows("C8"), ids=lambda row: row["description"][-14:])
def test_the_critical_radius(row):
    """C8: at it, oxygen just reaches the border of the cord."""
    critical = float(row["value"]) * UM
    consumption = number("M", row["description"])
    r, p, _ = cord(critical, critical / 16, consumption)
    border = p[r > 0.97 * critical]
    assert 0.0 <= border.max() < 0.01 * 40.0
    _, inner, state = cord(0.9 * critical, critical / 16, consumption)
    assert inner.min() > 0.0 and state.share0p5[state.compartment == 1].max() < 0.5


# --- the coarse branch --------------------------------------------------------------------------------------


def capillary_bed(changes, spacing=20e-6, across=(4, 6), blood_flow=1.0, square=False):
    """A block of parallel capillaries, 1 mm long: mean p and shares by diffusion, and by the local balance.

    ``across`` capillaries and rows stand in a hexagon's order, of which closed walls make another; so only the periods
    in the middle are counted, one and two rows off the walls. A ``square`` order is its own mirror image. With less
    blood than the reference the perfused capillaries are as much fewer; with more, each carries more.
    """
    table = load_parameters(changes)
    radius = table["oxygen.krogh_radius_tumour"] / math.sqrt(min(blood_flow, 1.0))
    pitch = math.sqrt(math.pi * (1.0 if square else 2.0 / math.sqrt(3.0))) * radius
    nx, ny = across
    row = pitch if square else pitch * math.sqrt(0.75)
    box = np.round(np.array([nx * pitch, ny * row, 1e-3]) / spacing) * spacing
    shift = 0.5 if square else 0.25
    place = np.array([((i + shift + (1 - 2 * shift) * (j % 2)) / nx, (j + 0.5) / ny) for i in range(nx)
                      for j in range(ny)])  # fmt: skip
    n, area = len(place), float(box[0] * box[1] / len(place))
    ends = np.concatenate([np.column_stack([place * box[:2], np.full(n, z)]) for z in (0.0, box[2])]) - box / 2.0
    flow = blood_flow * table["perfusion.tumour_arterial"] * area * box[2]
    graph = VesselGraph(
        ends, np.arange(n), np.arange(n) + n, np.full(n, table["oxygen.capillary_radius_tumour"]),
        boundary_node=np.arange(2 * n), boundary_type=np.repeat([FLOW, PRESSURE], n),
        boundary_value=np.repeat([flow, 0.0], n),
    )  # fmt: skip
    blood = blood_of(table, "human")
    inlet = np.full(2 * n, pressure_of(table["oxygen.saturation_arterial"], blood.p50, blood.hill))
    lattice = Lattice.for_box(list(box), spacing)
    walls = VesselWalls(graph, np.zeros(3), lattice, np.ones(n, dtype=bool), table)
    source = Carried(graph, blood, np.full(n, table["blood.haematocrit"]), inlet)
    fine = FineOxygen(table, lattice, walls=walls, blood=source)
    state = State(Sizes(lattice.n_sites, edges=n, nodes=2 * n, one_cell=True))
    state.compartment[:] = 1
    state.edge_flow[:] = flow
    assert fine.update(state, np.ones(lattice.n_sites))
    assert not fine.update(state, np.ones(lattice.n_sites))  # nothing has changed
    weight = fine.tissue.reshape(lattice.shape).copy()
    if not square:
        for axis, part in ((0, 1.0 - 2.0 / nx), (1, 1.0 - 4.0 / ny)):
            inner = np.clip((part * box[axis] / 2.0 - np.abs(lattice.axes()[axis])) / spacing + 0.5, 0.0, 1.0)
            weight *= np.expand_dims(inner, [a for a in range(3) if a != axis])
    names = ("po2", "share10", "share2p5", "share0p5")
    found = np.array([np.average(getattr(state, name), weights=weight.reshape(-1)) for name in names])
    cylinder = f"{math.sqrt(area / math.pi * min(blood_flow, 1.0)) / UM} um"  # the box rounds the pitch
    coarse = OxygenModel(
        table.with_overrides({"oxygen.krogh_radius_tumour": cylinder}), Lattice((1, 1, 1), 1e-3), "cirrhotic"
    ).exact("tumour", blood_flow * table["perfusion.tumour_arterial"], 0.0)
    return found, np.array([coarse.pressure, coarse.share10, coarse.share2p5, coarse.share0p5])


def tumour(consumption, radius=60, **more):
    return {"oxygen.consumption_tumour": f"{consumption} mmHg/s", "oxygen.krogh_radius_tumour": f"{radius} um", **more}


def test_coarse_and_fine_agree_over_a_millimetre_of_untreated_tumour():
    """A 20 um block of the default tumour's capillaries, averaged to 1 mm: hypoxic share within 10 %."""
    fine, coarse = capillary_bed({}, across=(11, 14))
    assert fine[1] == pytest.approx(coarse[1], rel=0.1) and 0.15 < coarse[1] < 0.3
    assert fine[0] == pytest.approx(coarse[0], rel=0.05)
    assert fine[2:] == pytest.approx(coarse[2:], abs=0.01)


@pytest.mark.parametrize(
    ("consumption", "radius", "blood_flow"),
    [(10, 60, 1), (13, 60, 1), (18, 60, 1), (22, 60, 1), (22, 40, 1), (26, 40, 1), (22, 50, 1), (12, 70, 1),
     (10, 80, 1), (18, 80, 1), (10, 60, 0.5), (15, 60, 0.5), (18, 60, 2), (22, 60, 2), (15, 40, 0.3)],
)  # fmt: skip
def test_coarse_and_fine_agree_from_rich_to_poor(consumption, radius, blood_flow):
    """Both solve the same physics. At 20 um: within 10 %, or within what the lattice adds, 0.025 (see below)."""
    fine, coarse = capillary_bed(tumour(consumption, radius), blood_flow=blood_flow)
    assert fine[1] == pytest.approx(coarse[1], rel=0.1, abs=0.025)
    assert fine[2:] == pytest.approx(coarse[2:], abs=0.04)
    assert fine[0] == pytest.approx(coarse[0], abs=1.2)


@pytest.mark.parametrize(("consumption", "radius", "blood_flow"), [(26, 40, 1), (18, 50, 1), (18, 60, 2)])
def test_where_little_is_hypoxic_they_agree_on_sites_half_as_wide(consumption, radius, blood_flow):
    fine, coarse = capillary_bed(tumour(consumption, radius), 10e-6, blood_flow=blood_flow)
    assert 0.05 < coarse[1] < 0.25
    assert fine[1] == pytest.approx(coarse[1], rel=0.1, abs=0.01)


def test_what_the_lattice_adds_falls_with_the_square_of_the_spacing():
    """Blood enters at 80 %: of arterial blood the first 30 um, where pressure falls by 10 mmHg, are not resolved."""
    changes = tumour(13, 120 / math.sqrt(math.pi), **{"oxygen.saturation_arterial": 0.8})
    found = [capillary_bed(changes, h, across=(1, 1), square=True)[0][0] for h in (20e-6, 10e-6, 5e-6)]
    first, second = np.abs(np.diff(found))
    assert math.log2(first / second) > 1.7
    assert second < 0.02


@pytest.mark.parametrize(
    "without", [{"oxygen.sherwood_wide": 1e5}, {"oxygen.half_consumption": "0.01 mmHg"},
                {"oxygen.blood_solubility": "1e-9 1/mmHg"}],
)  # fmt: skip
def test_each_part_of_the_physics_acts_alike_in_both(without):
    """Resistance of the wall, Michaelis-Menten, dissolved oxygen: what leaving one out does, by either branch."""
    fine, coarse = capillary_bed(tumour(18))
    other_fine, other_coarse = capillary_bed(tumour(18, **without))
    assert abs(other_coarse[1] - coarse[1]) > 0.01
    assert other_fine[1] - fine[1] == pytest.approx(other_coarse[1] - coarse[1], abs=0.02)


# --- the branch itself --------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 200.0))
def test_shares_are_nested_and_in_range(seed, top):
    rng = np.random.default_rng(seed)
    lattice = Lattice((4, 5, 3), 20e-6)
    p = rng.uniform(0.0, top, lattice.n_sites) * (rng.random(lattice.n_sites) < 0.7)
    ten, two, half = shares_below(p, rng.random(lattice.n_sites) < 0.8, lattice)
    assert np.all((half >= 0.0) & (half <= two) & (two <= ten) & (ten <= 1.0))


def test_shares_of_a_slope_are_exact_in_the_mean():
    lattice = Lattice((41, 1, 1), 20e-6)
    p = np.linspace(0.0, 20.5, 41)
    ten, *_ = shares_below(p, np.ones(41, dtype=bool), lattice)
    assert ten.sum() == pytest.approx(20.0, abs=0.51)
    assert np.count_nonzero((ten > 0.0) & (ten < 1.0)) <= 2


def test_the_start_is_the_state_and_what_is_still_is_left(monkeypatch):
    monkeypatch.setattr(_jit, "SERIAL_BELOW", 100)
    _, _, state, lattice = spheroid(150e-6, 20e-6, 15.0, 100.0, half="1 mmHg")
    fine = FineOxygen(load_parameters(), lattice, medium=100.0)
    living = np.ones(lattice.n_sites)
    before = state.po2.tobytes()
    assert not fine.update(state, living) and state.po2.tobytes() == before
    site = int(np.argmin(np.linalg.norm(lattice.centres() - [90e-6, 0, 0], axis=1)))
    living[site] = 0.0  # one cell less is a change
    one, two = state.fork(), state.fork()
    assert fine.update(one, living, threads=1) and fine.update(two, living, threads=2)
    assert one.hash() == two.hash() and one.po2[site] > state.po2[site]
    again = state.fork()
    fresh = FineOxygen(load_parameters(), lattice, medium=100.0)  # as after a load: nothing is remembered
    fresh.update(again, living)
    assert again.hash() == one.hash()
    assert STILL > 0


def test_closed_vessels_give_nothing():
    """Which vessels carry blood is read from the state."""
    table = load_parameters()
    lattice = Lattice((10, 10, 10), 20e-6)
    ends = np.array([[-40e-6, 0, -1e-4], [40e-6, 0, -1e-4], [-40e-6, 0, 1e-4], [40e-6, 0, 1e-4]])
    graph = VesselGraph(
        ends, [0, 1], [2, 3], [5e-6, 5e-6], boundary_node=[0, 1, 2, 3], boundary_type=[FLOW, FLOW, PRESSURE, PRESSURE],
        boundary_value=[1e-14, 1e-14, 0, 0],
    )  # fmt: skip
    walls = VesselWalls(graph, np.zeros(3), lattice, np.ones(2, dtype=bool), table)
    fine = FineOxygen(
        table, lattice, walls=walls, blood=Carried(graph, blood_of(table, "human"), np.full(2, 0.4), np.full(4, 90.0))
    )
    state = State(Sizes(lattice.n_sites, edges=2, nodes=4, one_cell=True))
    state.compartment[:] = 1
    state.edge_flow[:] = 1e-14
    fine.update(state, np.ones(lattice.n_sites))
    left = lattice.centres()[:, 0] < 0
    both = state.po2[left].mean(), state.po2[~left].mean()
    assert both[0] == pytest.approx(both[1], rel=1e-3)
    state.edge_flow[0] = 0.0
    assert fine.update(state, np.ones(lattice.n_sites))
    assert state.po2[left].mean() < 0.7 * both[0]
    state.edge_flow[0] = 1e-14
    fine.update(state, np.ones(lattice.n_sites))
    assert state.po2[left].mean() == pytest.approx(both[0], rel=1e-3)


def test_sites_without_tissue_hold_nothing():
    *_, state = cord(50e-6, 10e-6, 10.0)
    out = state.compartment == OUTSIDE
    assert out.any() and not state.share10[out].any()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lattice": Lattice((4, 4, 4), 60e-6)}, "too wide for diffusion"),
        ({"medium": None}, "needs a medium, or vessels"),
        ({"blood": 40.0}, "needs a medium, or vessels"),
        ({"medium": -1.0}, "must be above 0 mmHg"),
    ],
)
def test_what_cannot_be_is_refused(change, words):
    given_ = {"lattice": Lattice((4, 4, 4), 20e-6), "medium": 100.0, **change}
    with pytest.raises(InputError, match=words):
        FineOxygen(load_parameters(), **given_)


def test_the_closed_forms_are_those_of_the_table():
    for consumption, wall, radius, core in core_rows():
        assert anoxic_core(radius, sphere_limit(wall, consumption, D)) == pytest.approx(core, rel=1e-6)
