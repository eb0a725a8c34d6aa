"""Untreated demand by tissue, and what a solved flow brings to the sites."""

from __future__ import annotations

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import PRESSURE, Kind, VesselGraph
from tumorsim.vessels.growth import GrownVessels, grow
from tumorsim.vessels.supply import demand, exchange_inflow, liver_perfusion, perfusion_summary, site_supply

PARAMETERS = load_parameters()
ML_MIN_100ML = 6000.0
NO_CAPSULE, INTACT, PARTIAL = "none", "intact", "partial"


def sphere(diameter: float, capsule: str, spacing: float = 2e-3) -> tuple:
    """Lattice, compartments, distances to uncovered and covered border, and distance from the centre."""
    lattice = Lattice.for_box(diameter + 28e-3, spacing)
    at = lattice.centres()
    away = np.linalg.norm(at, axis=1)
    inside = away < diameter / 2
    compartment = np.zeros(lattice.n_sites, dtype=np.uint8)
    compartment[inside] = 1 + (at[inside, 2] > 2e-3)
    depth, never = np.maximum(diameter / 2 - away, 0.0), np.full(lattice.n_sites, np.inf)
    if capsule == PARTIAL:  # covered on the left half: chords to the two halves of the border
        flat = np.hypot(np.hypot(at[:, 1], at[:, 2]), at[:, 0] * 0)
        rim = np.hypot(diameter / 2 - flat, at[:, 0])
        left = at[:, 0] < 0
        return lattice, compartment, np.where(left, rim, depth), np.where(left, depth, rim), away
    pair = (depth, never) if capsule == NO_CAPSULE else (never, depth)
    return lattice, compartment, *pair, away


@pytest.fixture(scope="module")
def case() -> tuple:
    lattice, compartment, bare, covered, away = sphere(42e-3, NO_CAPSULE)
    arterial, portal = demand(lattice, compartment, "normal", bare, covered, PARAMETERS)
    grown = grow(
        lattice, compartment, arterial, portal, feeders=4, seed=7, patient=1, parameters=PARAMETERS, terminals=600
    )
    return lattice, compartment, grown, arterial, portal, away, FlowSolver(grown.graph, parameters=PARAMETERS)


def closing(grown: GrownVessels, names: list[str]) -> np.ndarray:
    still = grown.patent.copy()
    still[[grown.graph.named[name] for name in names]] = 0.0
    return still


# --- demand ----------------------------------------------------------------------------------------------


def test_liver() -> None:
    assert sum(liver_perfusion("normal", PARAMETERS)) == pytest.approx(0.0165)
    arterial, portal = liver_perfusion("cirrhotic", PARAMETERS)
    assert 10.4 <= arterial * ML_MIN_100ML <= 13.2
    assert portal * ML_MIN_100ML == pytest.approx(55.2)
    with pytest.raises(InputError, match="Did you mean 'cirrhotic'"):
        liver_perfusion("cirrotic", PARAMETERS)


@pytest.mark.parametrize("liver", ["normal", "cirrhotic"])
def test_vascularity_sets_the_arterial_blood_of_tumour_and_nothing_else(liver: str) -> None:
    lattice, compartment, bare, covered, _ = sphere(42e-3, NO_CAPSULE)
    of_liver = liver_perfusion(liver, PARAMETERS)[0]
    found = {v: demand(lattice, compartment, liver, bare, covered, PARAMETERS, v) for v in ("hyper", "iso", "hypo")}
    default = demand(lattice, compartment, liver, bare, covered, PARAMETERS)
    tumour = compartment > 0
    for arterial, portal in found.values():
        assert np.all(arterial[~tumour] == of_liver)
        assert np.array_equal(portal, default[1])
    level = {v: float(arterial[tumour][0]) for v, (arterial, _) in found.items()}
    assert all(np.all(arterial[tumour] == level[v]) for v, (arterial, _) in found.items())
    assert level["hyper"] == PARAMETERS["perfusion.tumour_arterial"] == default[0][tumour][0]
    assert level["iso"] == of_liver
    assert level["hypo"] == PARAMETERS["perfusion.hypovascular_share"] * of_liver
    assert level["hyper"] > level["iso"] > level["hypo"] > 0.0
    with pytest.raises(InputError, match=r"tissue\.tumour\.vascularity: 'hipo' .*Did you mean 'hypo'"):
        demand(lattice, compartment, liver, bare, covered, PARAMETERS, "hipo")


def test_portal_mean_of_a_bare_tumour_is_the_measured_one() -> None:
    lattice, compartment, bare, covered, _ = sphere(42e-3, NO_CAPSULE, spacing=1e-3)
    _, portal = demand(lattice, compartment, "cirrhotic", bare, covered, PARAMETERS)
    assert portal[compartment > 0].mean() * ML_MIN_100ML == pytest.approx(9.0, rel=0.03)


def test_portal_blood_falls_with_depth_and_behind_capsule() -> None:
    lattice = Lattice((4, 1, 1), 1e-3)
    compartment = np.array([1, 1, 0, 255], dtype=np.uint8)
    bare, covered = np.array([0.0, np.inf, 1.0, 1.0]), np.array([np.inf, 5e-3, 1.0, 1.0])
    arterial, portal = demand(lattice, compartment, "normal", bare, covered, PARAMETERS)
    border = PARAMETERS["perfusion.tumour_portal_border"]
    assert portal[0] == pytest.approx(border)
    assert portal[1] == pytest.approx(PARAMETERS["perfusion.capsule_portal_share"] * border * np.exp(-1.0))
    assert arterial[0] == arterial[1] == PARAMETERS["perfusion.tumour_arterial"]
    assert portal[2] == pytest.approx(0.75 * 0.0165)
    assert arterial[3] == portal[3] == 0.0
    with pytest.raises(InputError, match="negative"):
        demand(lattice, compartment, "normal", -bare - 1.0, covered, PARAMETERS)
    with pytest.raises(InputError, match="shapes"):
        demand(lattice, compartment, "normal", bare[:2], covered, PARAMETERS)


@pytest.mark.parametrize("diameter", [25e-3, 42e-3, 60e-3])
@pytest.mark.parametrize("capsule", [NO_CAPSULE, PARTIAL, INTACT])
@pytest.mark.parametrize("liver", ["normal", "cirrhotic"])
def test_shares_of_blood_in_the_bands(diameter: float, capsule: str, liver: str) -> None:
    lattice, compartment, bare, covered, away = sphere(diameter, capsule, spacing=3e-3)
    arterial, portal = demand(lattice, compartment, liver, bare, covered, PARAMETERS)
    outside = (compartment == 0) & (away > diameter / 2 + 5e-3)
    for patient in range(2):
        grown = grow(
            lattice, compartment, arterial, portal,
            feeders=3, seed=11, patient=patient, parameters=PARAMETERS, terminals=150,
        )  # fmt: skip
        flow = FlowSolver(grown.graph, parameters=PARAMETERS).solve(grown.patent).edge_flow
        found = perfusion_summary(*site_supply(grown, flow), outside, compartment > 0)
        band = (0.20, 0.30) if liver == "normal" else (0.12, 0.22)
        assert band[0] <= found["liver"]["arterial"] <= band[1]
        assert 0.75 <= found["tumour"]["arterial"] <= 0.95


# --- supply ----------------------------------------------------------------------------------------------


def test_sites_get_their_demand_and_nodes_give_what_they_get(case: tuple) -> None:
    lattice, _, grown, arterial, portal, _, solver = case
    flow = solver.solve(grown.patent).edge_flow
    q_arterial, q_portal, q_extra = site_supply(grown, flow)
    assert q_arterial.dtype == q_portal.dtype == q_extra.dtype == np.float32
    assert np.allclose(q_arterial, arterial, rtol=1e-6)
    assert np.allclose(q_portal, portal, rtol=1e-6)
    assert not q_extra.any()
    flow = solver.solve(closing(grown, ["feeder_2", "portal_segment_8"])).edge_flow
    for q, kind in zip(site_supply(grown, flow), (Kind.ARTERIAL, Kind.PORTAL), strict=False):
        given = np.bincount(grown.exchange_of_site, q.astype(float)) * lattice.site_volume
        inflow = exchange_inflow(grown.graph, flow, kind)
        assert np.allclose(given, inflow, rtol=1e-6, atol=1e-9 * inflow.max())


def test_closing_all_feeders(case: tuple) -> None:
    _, compartment, grown, _, _, away, solver = case
    tumour, liver = compartment > 0, (compartment == 0) & (away > 26e-3)
    before = site_supply(grown, solver.solve(grown.patent).edge_flow)
    after = site_supply(grown, solver.solve(closing(grown, [f.name for f in grown.feeders])).edge_flow)
    assert after[0][tumour].sum() < 0.15 * before[0][tumour].sum()
    total = [float((a + p)[liver].sum()) for a, p, _ in (before, after)]
    assert total[1] > 0.70 * total[0]
    assert after[1][tumour].sum() > before[1][tumour].sum()  # portal blood meets less pressure


def test_closing_one_feeder_leaves_the_others(case: tuple) -> None:
    _, _, grown, _, _, _, solver = case
    shut = grown.feeders[1]
    flow = solver.solve(closing(grown, [shut.name])).edge_flow
    inflow = exchange_inflow(grown.graph, flow, Kind.ARTERIAL)
    rows = np.arange(len(inflow))
    before = exchange_inflow(grown.graph, solver.solve(grown.patent).edge_flow, Kind.ARTERIAL)
    assert np.all(inflow[shut.exchange] == 0.0)
    others = ~np.isin(rows, shut.exchange)
    assert np.allclose(inflow[others], before[others], rtol=0.15)
    assert inflow[others].sum() >= before[others].sum()


def test_closing_a_trunk_leaves_portal_blood(case: tuple) -> None:
    _, _, grown, _, _, _, solver = case
    q_arterial, q_portal, _ = site_supply(grown, solver.solve(closing(grown, ["proper_hepatic"])).edge_flow)
    assert not q_arterial.any()
    assert np.all(q_portal > 0)


def test_blood_going_round_through_a_dead_tree_is_not_arterial() -> None:
    # artery 0 -> 1 (closed) -> exchange 2 and 3; node 2 is at a higher pressure and feeds 3 through node 1
    pos = np.array([[0, 0, 0], [1, 0, 0], [2, 1, 0], [2, -1, 0], [3, 1, 0], [3, -1, 0.0]]) * 1e-3
    graph = VesselGraph(
        node_pos=pos,
        tail=np.array([0, 1, 1, 4, 3]),
        head=np.array([1, 2, 3, 2, 5]),
        radius=np.full(5, 1e-4),
        kind=np.array([Kind.ARTERIAL, Kind.ARTERIAL, Kind.ARTERIAL, Kind.PORTAL, Kind.SINUSOID]),
        boundary_node=np.array([0, 4, 5]),
        boundary_type=np.full(3, PRESSURE),
        boundary_value=np.array([12000.0, 1200.0, 400.0]),
        exchange=np.array([2, 3]),
    )
    solver = FlowSolver(graph, parameters=PARAMETERS)
    flow = solver.solve(np.array([0.0, 1, 1, 1, 1])).edge_flow
    assert flow[1] < 0 < flow[2]
    assert not exchange_inflow(graph, flow, Kind.ARTERIAL).any()
    assert np.allclose(exchange_inflow(graph, flow, Kind.PORTAL), [flow[3], 0.0])
    flow = solver.solve().edge_flow
    assert np.all(exchange_inflow(graph, flow, Kind.ARTERIAL) > 0)


def test_summary() -> None:
    q = np.array([0.003, 0.001, 0.0, 0.01], dtype=np.float32)
    here, nowhere = np.array([True, True, False, False]), np.zeros(4, dtype=bool)
    found = perfusion_summary(q, 2 * q, q, here, nowhere)
    assert found["tumour"] is None
    liver = found["liver"]
    assert liver is not None
    assert [liver[k] for k in ("arterial", "portal", "extrahepatic")] == pytest.approx([0.25, 0.5, 0.25])
    assert liver["total_ml_min_100ml"] == pytest.approx(6000 * 4 * 0.002)
