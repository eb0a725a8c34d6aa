"""What the liver's vessels hang on: splanchnic inflow, shunt, pressures, branches to other organs."""

from __future__ import annotations

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.parameters import Parameters, load_parameters
from tumorsim.vessels.beads import BeadRide
from tumorsim.vessels.flow import Flow, FlowSolver
from tumorsim.vessels.graph import Kind
from tumorsim.vessels.growth import GrownVessels, grow
from tumorsim.vessels.growth_circuit import liver_pressures
from tumorsim.vessels.portal import DIRECTIONS, PARTS, portal_direction
from tumorsim.vessels.supply import demand, exchange_inflow, liver_perfusion

PARAMETERS = load_parameters()
MMHG = 133.322387415


def grown_with(liver: str, parameters: Parameters = PARAMETERS) -> tuple[GrownVessels, FlowSolver, np.ndarray]:
    lattice = Lattice.for_box(60e-3, 4e-3)
    away = np.linalg.norm(lattice.centres(), axis=1)
    compartment = (away < 15e-3).astype(np.uint8)
    depth = np.maximum(15e-3 - away, 0.0)
    arterial, portal = demand(lattice, compartment, liver, depth, np.full(lattice.n_sites, np.inf), parameters)
    grown = grow(
        lattice, compartment, arterial, portal, feeders=2, seed=7, patient=0, parameters=parameters, terminals=200,
        rest_perfusion=liver_perfusion(liver, parameters), liver=liver,
    )  # fmt: skip
    due = np.bincount(grown.exchange_of_site, portal) * lattice.site_volume
    return grown, FlowSolver(grown.graph, parameters=parameters), due


@pytest.fixture(scope="module", params=["normal", "cirrhotic"])
def case(request: pytest.FixtureRequest) -> tuple:
    return request.param, *grown_with(request.param)


def closing(grown: GrownVessels, *names: str, share: float = 0.0) -> np.ndarray:
    left = grown.patent.copy()
    left[[grown.graph.named[name] for name in names]] = share
    return left


def portal_pressure(grown: GrownVessels, flow: Flow) -> float:
    return float(flow.node_pressure[grown.graph.tail[grown.graph.named["portal_main"]]]) / MMHG


def conserved(grown: GrownVessels, flow: Flow) -> bool:
    graph = grown.graph
    q, n = flow.edge_flow, graph.n_nodes
    net = np.bincount(graph.head, q, n) - np.bincount(graph.tail, q, n)
    net[graph.boundary_node] = 0.0
    return bool(np.abs(net).max() < 1e-9 * flow.inflow) and abs(flow.boundary_flow.sum()) < 1e-9 * flow.inflow


# --- portal circuit --------------------------------------------------------------------------------------


def test_untreated_pressures_are_those_of_the_table(case: tuple) -> None:
    liver, grown, solver, due = case
    flow = solver.solve(grown.patent)
    prefix = "vessels.cirrhotic_" if liver == "cirrhotic" else "vessels."
    assert portal_pressure(grown, flow) == pytest.approx(PARAMETERS[f"{prefix}portal_pressure"] / MMHG, rel=1e-9)
    sinusoid = flow.node_pressure[grown.graph.exchange]
    above = np.where(grown.compartment_of_exchange > 0, PARAMETERS["vessels.tumour_drainage_drop"], 0.0)
    assert np.allclose(sinusoid, PARAMETERS[f"{prefix}sinusoid_pressure"] + above, rtol=1e-6)
    sinusoid = sinusoid[above == 0.0]
    assert np.allclose(exchange_inflow(grown.graph, flow.edge_flow, Kind.PORTAL), due, rtol=1e-6, atol=0.0)
    gradient = (sinusoid.mean() - PARAMETERS["vessels.hepatic_vein_pressure"]) / MMHG
    assert gradient == pytest.approx(2.0 if liver == "normal" else 9.0, abs=0.01)  # HVPG: up to 5 is normal


def test_the_shunt_takes_its_share_and_conserves_blood(case: tuple) -> None:
    liver, grown, solver, _ = case
    flow, named = solver.solve(grown.patent), grown.graph.named
    q = flow.edge_flow
    if liver == "normal":
        assert "portosystemic_shunt" not in named
        assert q[named["splanchnic"]] == pytest.approx(q[named["portal_main"]], rel=1e-9)
    else:
        share = q[named["portosystemic_shunt"]] / q[named["splanchnic"]]
        assert share == pytest.approx(PARAMETERS["vessels.cirrhotic_shunt_share"], rel=1e-9)
        total = q[named["portal_main"]] + q[named["portosystemic_shunt"]]
        assert q[named["splanchnic"]] == pytest.approx(total, rel=1e-9)
    assert conserved(grown, flow)


def test_closing_portal_branches_raises_pressure_and_shunt(case: tuple) -> None:
    liver, grown, solver, _ = case
    pressure, shunt, inflow = [], [], []
    for closed in ((), ("portal_segment_6",), ("portal_segment_6", "portal_segment_8"), ("portal_right",)):
        flow = solver.solve(closing(grown, *closed))
        found = portal_direction(grown.graph, flow.edge_flow, flow.node_pressure, PARAMETERS)
        pressure.append(found.pressure)
        shunt.append(found.shunt)
        inflow.append(flow.edge_flow[grown.graph.named["splanchnic"]])
        assert conserved(grown, flow)
    assert pressure == sorted(pressure) and pressure[-1] > 1.3 * pressure[0]
    assert inflow == sorted(inflow, reverse=True)
    assert (shunt == sorted(shunt) and shunt[-1] > 1.3 * shunt[0]) if liver == "cirrhotic" else shunt == [0.0] * 4


def test_splanchnic_blood_is_portal_blood_and_shunted_blood_is_not(case: tuple) -> None:
    _, grown, solver, due = case
    shut = solver.solve(closing(grown, "splanchnic")).edge_flow
    assert not exchange_inflow(grown.graph, shut, Kind.PORTAL).any()  # arteries alone: nothing of it counts as portal
    no_artery = solver.solve(closing(grown, "proper_hepatic")).edge_flow
    assert not exchange_inflow(grown.graph, no_artery, Kind.ARTERIAL).any()
    assert exchange_inflow(grown.graph, no_artery, Kind.PORTAL).sum() >= 0.99 * due.sum()


# --- direction -------------------------------------------------------------------------------------------


def test_untreated_portal_blood_runs_to_the_liver(case: tuple) -> None:
    _, grown, solver, _ = case
    flow = solver.solve(grown.patent)
    found = portal_direction(grown.graph, flow.edge_flow, flow.node_pressure, PARAMETERS)
    assert set(found.direction) == set(PARTS)
    assert set(found.direction.values()) == {"hepatopetal"}


def test_an_obstructed_hepatic_vein_turns_its_lobe_round(case: tuple) -> None:
    """Budd-Chiari: arterial blood of the right lobe leaves by its portal vein, through the left one."""
    _, grown, solver, _ = case
    flow = solver.solve(closing(grown, "hepatic_vein"))
    found = portal_direction(grown.graph, flow.edge_flow, flow.node_pressure, PARAMETERS)
    assert found.direction["portal_right"] == "hepatofugal"
    assert found.direction["portal_left"] == "hepatopetal"
    assert found.flow["portal_right"] < 0.0
    assert found.pressure > portal_pressure(grown, solver.solve(grown.patent))
    assert conserved(grown, flow)
    rows = exchange_inflow(grown.graph, flow.edge_flow, Kind.PORTAL)
    assert not rows.any()  # the box lies in the right lobe; blood that leaves by a portal vein is no portal supply


def test_a_large_shunt_steals_portal_blood() -> None:
    grown, solver, _ = grown_with("cirrhotic")
    edge = grown.graph.named["portosystemic_shunt"]
    ways = []
    for factor in (1.0, 10.0, 60.0, 1000.0):
        left = grown.patent.copy()
        left[edge] = factor
        flow = solver.solve(left)
        ways.append(
            portal_direction(grown.graph, flow.edge_flow, flow.node_pressure, PARAMETERS).direction["portal_main"]
        )
        assert conserved(grown, flow)
    assert ways[0] == "hepatopetal" and ways[-1] == "hepatofugal"
    assert [DIRECTIONS.index(way) for way in ways] == sorted(DIRECTIONS.index(way) for way in ways)


def test_closed_branches_are_stagnant_and_the_velocity_is_a_parameter(case: tuple) -> None:
    _, grown, solver, _ = case
    flow = solver.solve(closing(grown, "portal_right"))
    found = portal_direction(grown.graph, flow.edge_flow, flow.node_pressure, PARAMETERS)
    assert {found.direction[f"portal_{name}"] for name in ("right",)} == {"stagnant"}
    fast = PARAMETERS.with_overrides({"vessels.stagnant_velocity": "1 m/s"})
    assert set(portal_direction(grown.graph, flow.edge_flow, flow.node_pressure, fast).direction.values()) == {
        "stagnant"
    }


# --- other organs ----------------------------------------------------------------------------------------


def test_gallbladder_and_stomach_hang_on_the_trunk(case: tuple) -> None:
    _, grown, solver, _ = case
    graph, flow = grown.graph, solver.solve(grown.patent).edge_flow
    assert [organ.name for organ in grown.non_target] == ["gallbladder", "stomach"]
    for organ, vessel, above in zip(
        grown.non_target, ("cystic_artery", "right_gastric"), ("right", "proper_hepatic"), strict=True
    ):
        assert organ.edge == graph.named[vessel]
        assert graph.tail[organ.edge] == graph.head[graph.named[above]]
        assert flow[organ.edge] == pytest.approx(PARAMETERS[f"vessels.{vessel}_flow"], rel=1e-6)
        assert 2 * graph.radius[organ.edge] == PARAMETERS[f"vessels.{vessel}_diameter"]
        assert organ.volume == PARAMETERS[f"vessels.{vessel}_tissue"]
        assert np.all(graph.kind[organ.beds] == Kind.ARTERIAL) and np.isfinite(graph.conductance[organ.beds]).all()
        assert np.all(graph.tail[organ.beds] == graph.head[organ.edge])
        assert {graph.node_name[n] for n in graph.head[organ.beds]} == {organ.name}
        assert not np.isin(graph.head[organ.beds], graph.exchange).any()


def test_beads_from_the_right_artery_lodge_in_the_gallbladder_too(case: tuple) -> None:
    _, grown, solver, _ = case
    ride = BeadRide(grown.graph, solver)
    gallbladder, stomach = grown.non_target
    assert gallbladder.beds[0] in ride.below(grown.graph.named["right"])
    assert stomach.beds[0] not in ride.below(grown.graph.named["right"])
    assert stomach.beds[0] in ride.below(grown.graph.named["proper_hepatic"])
    assert not np.isin([gallbladder.beds[0], stomach.beds[0]], ride.below(grown.graph.named["segment_8"])).any()


def test_each_parameter_acts() -> None:
    plain, solver, _ = grown_with("cirrhotic")
    before = solver.solve(plain.patent)
    for name, value in (
        ("vessels.cirrhotic_shunt_share", 0.5), ("vessels.cirrhotic_portal_pressure", "18 mmHg"),
        ("vessels.cirrhotic_sinusoid_pressure", "10 mmHg"), ("vessels.organ_capillary_pressure", "20 mmHg"),
        ("vessels.cystic_artery_flow", "20 mL/min"), ("vessels.cystic_artery_diameter", "2.5 mm"),
        ("vessels.right_gastric_flow", "20 mL/min"), ("vessels.right_gastric_diameter", "2.5 mm"),
    ):  # fmt: skip
        grown, other, due = grown_with("cirrhotic", PARAMETERS.with_overrides({name: value}))
        after = other.solve(grown.patent)
        assert not np.allclose(other.conductance, solver.conductance, rtol=1e-9, atol=0.0), name
        assert np.allclose(exchange_inflow(grown.graph, after.edge_flow, Kind.PORTAL), due, rtol=1e-6), name
        assert conserved(grown, after), name
    normal = liver_pressures("normal", PARAMETERS.with_overrides({"vessels.shunt_share": 0.05}))
    assert normal["vessels.shunt_share"] == 0.05
    assert liver_pressures("cirrhotic", PARAMETERS)["vessels.shunt_share"] == 0.2
    assert conserved(plain, before)


def test_what_cannot_be_is_refused() -> None:
    for name, value, words in (
        ("vessels.cirrhotic_shunt_share", 1.0, "below 1"),
        ("vessels.organ_capillary_pressure", "95 mmHg", "must lie between"),
        ("vessels.cystic_artery_diameter", "0.2 mm", "would lose|loses its pressure"),
    ):
        with pytest.raises(InputError, match=words):
            grown_with("cirrhotic", PARAMETERS.with_overrides({name: value}))
    with pytest.raises(InputError, match="Did you mean 'cirrhotic'"):
        liver_pressures("cirrotic", PARAMETERS)


def test_tumours_drain_into_the_nearest_liver(case: tuple) -> None:
    """A tumour has no hepatic vein: what enters it leaves by sinusoids into liver next to it, and none is lost."""
    _, grown, solver, _ = case
    graph, rows = grown.graph, len(grown.graph.exchange)
    row = np.full(graph.n_nodes, -1)
    row[graph.exchange] = np.arange(rows)
    sinusoids = np.flatnonzero((graph.kind == Kind.SINUSOID) & (row[graph.tail] >= 0))
    growth = grown.compartment_of_exchange > 0
    from_tumour = sinusoids[growth[row[graph.tail[sinusoids]]]]
    assert len(from_tumour) == growth.sum()
    into = row[graph.head[from_tumour]]
    assert np.all(into >= 0) and not np.any(growth[into])
    place = graph.node_pos[graph.exchange]
    for edge, there in zip(from_tumour, into, strict=True):
        away = np.linalg.norm(place[~growth] - graph.node_pos[graph.tail[edge]], axis=1)
        assert np.linalg.norm(place[there] - graph.node_pos[graph.tail[edge]]) == pytest.approx(away.min())
    flow = solver.solve(grown.patent).edge_flow
    brought = sum(exchange_inflow(graph, flow, k) for k in (Kind.ARTERIAL, Kind.PORTAL, Kind.EXTRAHEPATIC))
    assert flow[from_tumour].sum() == pytest.approx(brought[growth].sum(), rel=1e-9)
    assert np.all(flow[from_tumour] > 0.0)
