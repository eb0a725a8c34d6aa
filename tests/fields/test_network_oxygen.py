"""Oxygen maps of networks: spacing does not matter, oxygen is conserved, every parameter counts."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tumorsim import _jit
from tumorsim.errors import InputError
from tumorsim.fields import krogh, network_coupled
from tumorsim.fields.haemoglobin import pressure_of
from tumorsim.fields.network_oxygen import blood_of, oxygen_map
from tumorsim.parameters import load_parameters
from tumorsim.vessels.files import read_graph
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import FLOW, PRESSURE, VesselGraph

TUMOUR = Path(__file__).parents[2].parent / "shared" / "vessels" / "tumour_r3230ac_1998.dat"
UM, NL_MIN = 1e-6, 1e-12 / 60.0


def straight(flow=4.0, radius=5.0, place=(63.0, 47.0), po2=90.0, length=200.0, side=100.0):
    """One vessel through a long box: nearly a Krogh cylinder. Lengths in um, flow in nl/min."""
    return VesselGraph(
        node_pos=np.array([[*place, 0.0], [*place, length]]) * UM,
        tail=[0], head=[1], radius=[radius * UM], haematocrit=[0.4], boundary_node=[0, 1],
        boundary_type=[FLOW, PRESSURE], boundary_value=[flow * NL_MIN, 0.0], boundary_haematocrit=[0.4, math.nan],
        boundary_po2=[po2, math.nan], attributes={"box_um": [side, side, length], "title": "one vessel"},
    )  # fmt: skip


def web():
    """A small network in space: a loop with two branches, a vessel at rest, one that leaves the box."""
    pos = [[0, 40, 60], [60, 50, 60], [110, 90, 40], [110, 20, 80], [160, 60, 60], [220, 60, 60], [60, 120, 30]]
    return VesselGraph(
        node_pos=np.array(pos, dtype=float) * UM, tail=[0, 1, 1, 2, 4, 5, 1], head=[1, 2, 3, 4, 3, 4, 6],
        radius=np.array([6, 4, 5, 4, 4.5, 7, 3]) * UM, boundary_node=[0, 5], boundary_type=[FLOW, FLOW],
        boundary_value=np.array([3.0, -3.0]) * NL_MIN, boundary_po2=[70.0, 70.0],
        attributes={"box_um": [200.0, 140.0, 120.0]},
    )  # fmt: skip


def solved(graph, spacing, changes=None, **options):
    return oxygen_map(graph, FlowSolver(graph).solve(), spacing, load_parameters(changes or {}), **options)


def test_the_map_does_not_depend_on_spacing():
    """Krogh-like: at 20, 10 and 5 um the same oxygen in blood and tissue."""
    coarse, middle, fine = (solved(straight(), h * UM) for h in (20, 10, 5))
    for found, near in ((coarse, 0.02), (middle, 0.006)):
        assert found.balance.consumption == pytest.approx(fine.balance.consumption, rel=near)
        assert found.node_po2[1] == pytest.approx(fine.node_po2[1], abs=1.5)
        assert found.mean == pytest.approx(fine.mean, rel=3 * near)
        assert found.edge_po2[0] == pytest.approx(fine.edge_po2[0], rel=near)
    # averaged to the coarse sites, away from the vessel, the fields are the same
    averaged = fine.lattice.coarsen(fine.po2, 2)
    far = np.linalg.norm((middle.lattice.centres() + middle.centre)[:, :2] - np.array([63, 47]) * UM, axis=1) > 15 * UM
    assert np.abs(averaged - middle.po2)[far].max() < 0.02 * fine.po2.max()


@pytest.mark.parametrize("sites", [5, 8, 9, 10, 20])
@pytest.mark.parametrize("radius", [3.0, 8.0])
def test_oxygen_around_one_vessel_is_that_of_a_krogh_cylinder(sites, radius):
    """Where blood hardly loses any and all tissue has oxygen, wall and mean pressure are known in closed form.

    The vessel runs through centres of sites or between them, thinner or wider than a site.
    """
    table = load_parameters({"oxygen.consumption_tumour": "6 mmHg/s", "oxygen.half_consumption": "0.001 mmHg"})
    graph = straight(flow=500.0, radius=radius, place=(50.0, 50.0), length=600.0 / sites)
    cylinder = 100 * UM / math.sqrt(math.pi)
    flux = 6.0 * table["oxygen.solubility"] * ((100 * UM) ** 2 - math.pi * (radius * UM) ** 2)
    wall = 90.0 - flux * network_coupled.wall_resistance(np.array([2 * radius * UM]), table)[0]
    at = np.linspace(radius * UM, cylinder, 2001)
    d = table["oxygen.diffusivity"]
    exact = np.trapezoid([2 * r * krogh.pressure(r, wall, 6.0, d, radius * UM, cylinder) for r in at], at)
    exact /= cylinder**2 - (radius * UM) ** 2
    found = oxygen_map(graph, FlowSolver(graph).solve(), 100 * UM / sites, table)
    assert found.balance.consumption == pytest.approx(flux * 600 * UM / sites, rel=1e-3)
    # a square instead of a circle of the same area: some % of the fall from blood to tissue
    assert 90.0 - found.mean == pytest.approx(90.0 - exact, rel=0.035)


def test_oxygen_is_conserved_in_a_network():
    found = solved(web(), 10 * UM)
    b = found.balance
    assert b.inflow > b.outflow > 0.0 and b.consumption > 0.1 * b.inflow
    assert abs(b.imbalance) < 1e-6
    assert b.imbalance == pytest.approx((b.inflow - b.outflow - b.consumption) / b.consumption)
    table = load_parameters()
    p = found.po2
    shares = p / (p + table["oxygen.half_consumption"]) * found.tissue
    consumed = shares.sum() * table["oxygen.consumption_tumour"] * table["oxygen.solubility"] * (10 * UM) ** 3
    assert consumed == pytest.approx(b.consumption, rel=1e-9)
    assert b.inflow == pytest.approx(3.0 * NL_MIN * blood_of(table, "rat").content(70.0, table["blood.haematocrit"]))
    assert (p >= 0.0).all() and p.max() < 70.0
    assert found.shares[10.0] >= found.shares[2.5] >= found.shares[0.5] >= 0.0
    assert found.mean == pytest.approx(np.average(p, weights=found.tissue))
    assert found.tissue.sum() * (10 * UM) ** 3 < 200 * 140 * 120 * UM**3
    # the vessel at rest has what its tissue has; blood loses oxygen along the way
    assert math.isnan(found.node_po2[6]) and 0.0 <= found.edge_po2[6] < found.edge_po2[0]
    assert found.node_po2[0] == pytest.approx(70.0)
    assert found.node_po2[[0, 1, 2, 4]].tolist() == sorted(found.node_po2[[0, 1, 2, 4]], reverse=True)
    assert any("outside the box" in note for note in found.notes)


def test_threads_and_starts_do_not_matter(monkeypatch):
    monkeypatch.setattr(_jit, "SERIAL_BELOW", 100)
    one, two = (solved(web(), 10 * UM, threads=n) for n in (1, 2))
    assert one.po2.tobytes() == two.po2.tobytes()
    monkeypatch.setattr("tumorsim.fields.network_oxygen.FEW_SITES", 10**9)
    direct = solved(web(), 10 * UM)
    assert np.abs(direct.po2 - one.po2).max() < 1e-4


READ = {
    "oxygen.diffusivity": "2400 um2/s", "oxygen.solubility": 3.4e-5, "oxygen.consumption_tumour": "10 mmHg/s",
    "oxygen.half_consumption": "2 mmHg", "oxygen.blood_solubility": 3.3e-5, "oxygen.plasma_solubility": 2.6e-5,
    "oxygen.plasma_diffusivity": "1900 um2/s", "oxygen.sherwood_wide": 6.0, "oxygen.sherwood_diameter": "18 um",
    "oxygen.rat_p50": "36 mmHg", "oxygen.rat_hill": 2.7, "oxygen.rat_red_cell_binding": 0.45,
    "blood.haematocrit": 0.4,
}  # fmt: skip
HUMAN = {
    "oxygen.p50": "28 mmHg", "oxygen.hill": 2.6, "oxygen.haemoglobin": "120 g/L",
    "oxygen.haemoglobin_binding": "1.36 mL/g",
}  # fmt: skip


def text(name, value):
    if isinstance(value, float) and name.endswith("solubility"):
        return f"{value} 1/mmHg"
    return value


@pytest.fixture(scope="module")
def plain():
    return {species: solved(web(), 20 * UM, species=species) for species in ("rat", "human")}


@pytest.mark.parametrize(("species", "name"), [("rat", n) for n in READ] + [("human", n) for n in HUMAN])
def test_every_parameter_is_read(plain, species, name):
    changed = solved(web(), 20 * UM, {name: text(name, {**READ, **HUMAN}[name])}, species=species)
    assert abs(changed.mean - plain[species].mean) > 1e-4


def test_parameters_of_what_a_file_leaves_out():
    graph = web()
    bare = replace(graph, boundary_po2=None, attributes={})
    first = solved(bare, 20 * UM)
    assert any("bounding box" in note for note in first.notes)
    table = load_parameters()
    blood = blood_of(table, "rat")
    inlet = pressure_of(table["oxygen.saturation_arterial"], blood.p50, blood.hill)
    assert first.node_po2[0] == pytest.approx(inlet)
    assert solved(bare, 20 * UM, {"oxygen.saturation_arterial": 0.92}).node_po2[0] < first.node_po2[0]
    assert solved(bare, 20 * UM, {"oxygen.network_margin": "30 um"}).lattice.n_sites < first.lattice.n_sites
    given = solved(bare, 20 * UM, box=np.array([[0, 0, 0], [200, 140, 120]]) * UM)
    assert given.lattice.shape == (10, 7, 6)
    assert given.centre == pytest.approx(np.array([100, 70, 60]) * UM)


def test_haematocrit_can_be_given(plain):
    thin = solved(web(), 20 * UM, haematocrit=np.full(7, 0.2))
    assert thin.balance.inflow < 0.6 * plain["rat"].balance.inflow
    unknown = solved(web(), 20 * UM, haematocrit=np.full(7, math.nan))
    assert unknown.mean == plain["rat"].mean


def test_closing_a_vessel_darkens_its_tissue():
    graph = web()
    solver = FlowSolver(graph)
    before = oxygen_map(graph, solver.solve(), 10 * UM)
    after = oxygen_map(graph, solver.solve([1, 1, 0, 1, 1, 1, 1]), 10 * UM)
    place = before.lattice.locate(np.array([85, 35, 70]) * UM - before.centre)  # beside the closed vessel
    assert after.po2[place] < before.po2[place]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"spacing": 0.0}, "spacing must be a positive length"),
        ({"spacing": 0.1 * UM}, "more than 5e.07 sites"),
        ({"species": "rats"}, "Did you mean 'rat'"),
        ({"box": [[0, 0, 0], [1, 1, 0]]}, "lower and a higher corner"),
        ({"box": [[1, 1, 1], [1.0001, 1.0001, 1.0001]]}, "no vessel passes"),
        ({"haematocrit": [0.4]}, "haematocrit must be 7 numbers"),
    ],
)
def test_what_cannot_be_mapped_is_refused(options, words):
    graph = web()
    with pytest.raises(InputError, match=words):
        oxygen_map(graph, FlowSolver(graph).solve(), **{"spacing": 20 * UM, **options})


def test_a_flow_of_another_graph_and_bad_oxygen_are_refused():
    graph = web()
    with pytest.raises(InputError, match="the flow has 1 vessels"):
        oxygen_map(graph, FlowSolver(straight()).solve(), 20 * UM)
    cold = replace(graph, boundary_po2=np.array([-1.0, 1.0]))
    with pytest.raises(InputError, match="negative"):
        oxygen_map(cold, FlowSolver(graph).solve(), 20 * UM)


def test_not_settling_is_an_error(monkeypatch):
    monkeypatch.setattr(network_coupled, "ROUNDS", 2)
    with pytest.raises(ArithmeticError, match="do not settle in 2 turns"):
        solved(web(), 20 * UM)


def test_blood_of_human_is_as_its_parameters():
    table = load_parameters()
    blood = blood_of(table, "human")
    assert blood.content(1e6, table["blood.haematocrit"]) - 1e6 * blood.solubility == pytest.approx(0.201)
    assert (blood.p50, blood.hill) == (table["oxygen.p50"], table["oxygen.hill"])


@pytest.mark.skipif(not TUMOUR.exists(), reason="the measured network is not here")
def test_the_measured_tumour_gives_a_map_at_10_um():
    graph = read_graph(TUMOUR)
    flow = FlowSolver(graph).solve()
    found, coarse = (oxygen_map(graph, flow, h * UM) for h in (10, 20))
    assert found.lattice.shape == (55, 52, 23)
    assert abs(found.balance.imbalance) < 1e-6
    assert found.node_po2[0] == pytest.approx(50.0)  # as the file has it
    assert (found.po2 >= 0.0).all() and found.po2.max() < 50.0
    assert not np.isnan(found.edge_po2).any()
    assert any("rat haemoglobin" in note for note in found.notes)
    # a measured network at twice the spacing is the same tissue
    assert coarse.balance.consumption == pytest.approx(found.balance.consumption, rel=0.02)
    assert coarse.mean == pytest.approx(found.mean, rel=0.02)
    for limit, share in found.shares.items():
        assert coarse.shares[limit] == pytest.approx(share, abs=0.01)
