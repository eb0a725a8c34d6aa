"""Oil fills beds, crosses to portal venules beyond their capacity, and is never lost or made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.parameters import load_parameters
from tumorsim.patient import Patient, build_patient
from tumorsim.scenario import Scenario
from tumorsim.state import Sizes, State
from tumorsim.vessels import oil
from tumorsim.vessels.beads import BeadRide
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import PRESSURE, Kind, VesselGraph
from tumorsim.vessels.oil import Oil, OilRide

PARAMETERS = load_parameters()
TENSION, CHANNEL = PARAMETERS["embolisation.oil_tension"], PARAMETERS["embolisation.oil_channel"]
MMHG = 133.322
ML = 1e-6
DAY = 86_400.0


def two_territories(share: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0)) -> VesselGraph:
    """An artery with two branches of two beds each; every bed's node has a portal bed on its own portal vessel.

    Nodes: 0 root, 1 fork, 2 and 3 ends of the branches, 4 to 7 exchange, 8 portal root, 9 to 12 portal ends.
    """
    edges: list[tuple[int, int, float, Kind, float]] = [
        (0, 1, 1e-3, Kind.ARTERIAL, np.nan),
        (1, 2, 0.8e-3, Kind.ARTERIAL, np.nan),
        (1, 3, 0.8e-3, Kind.ARTERIAL, np.nan),
    ]
    edges += [(2 + k // 2, 4 + k, 1.5e-4, Kind.ARTERIAL, share[k] * 1e-13) for k in range(4)]
    edges += [(8, 9 + k, 1e-3, Kind.PORTAL, np.nan) for k in range(4)]
    edges += [(9 + k, 4 + k, 2e-4, Kind.PORTAL, 1e-12) for k in range(4)]
    edges += [(4 + k, 13, 1e-3, Kind.SINUSOID, 1e-11) for k in range(4)]
    tail, head, radius, kind, conductance = (np.array(column) for column in zip(*edges, strict=True))
    at = np.zeros((14, 3))
    at[:, 0] = np.arange(14) * 1e-3
    return VesselGraph(
        at, tail, head, radius, length=np.full(len(edges), 5e-3), kind=kind.astype(np.uint8),
        conductance=conductance, edge_name=["root", "one", "two", *[""] * (len(edges) - 3)],
        boundary_node=np.array([0, 8, 13]), boundary_type=np.full(3, PRESSURE, dtype=np.uint8),
        boundary_value=np.array([90.0, 9.0, 3.0]) * MMHG, exchange=np.arange(4, 8),
    )  # fmt: skip


ARTERIAL, STEM, PORTAL = np.arange(3, 7), np.arange(7, 11), np.arange(11, 15)


class Case:
    def __init__(self, arterial: float = 1 * ML, portal: float = 0.5 * ML, **ride: float) -> None:
        self.graph = two_territories()
        capacity = np.full(self.graph.n_edges, np.inf)
        capacity[ARTERIAL], capacity[PORTAL] = arterial, portal
        self.ride = BeadRide(self.graph, FlowSolver(self.graph, parameters=PARAMETERS), oil_capacity=capacity)
        self.oils = OilRide(self.ride, **{"tension": TENSION, "channel": CHANNEL, **ride})
        self.state = State(Sizes(sites=0, edges=self.graph.n_edges, nodes=self.graph.n_nodes))

    def inject(self, edge: int, volume: float, droplet: float = 50e-6) -> Oil:
        return self.oils.inject(edge, volume=volume, droplet=droplet, state=self.state)


def conserved(done: Oil) -> None:
    assert done.injected == pytest.approx(done.held.sum() + done.washed_out + done.refluxed, rel=1e-12)
    assert min(done.held.min(), done.washed_out, done.refluxed) >= 0.0


@settings(deadline=None)
@given(
    edge=st.sampled_from([0, 1, 2, 4]),
    volumes=st.lists(st.floats(1e-9, 2e-5), min_size=1, max_size=4),
    droplet=st.sampled_from([20e-6, 50e-6, 400e-6]),
    arterial=st.floats(1e-8, 5e-6),
    portal=st.floats(1e-8, 5e-6),
)
def test_oil_is_conserved(edge: int, volumes: list[float], droplet: float, arterial: float, portal: float) -> None:
    case = Case(arterial, portal)
    held = np.zeros(case.graph.n_edges)
    for volume in volumes:
        done = case.inject(edge, volume, droplet)
        conserved(done)
        assert done.injected in (0.0, volume)
        held += done.held
    assert case.state.edge_oil == pytest.approx(held, rel=1e-12)
    assert case.state.edge_oil[ARTERIAL].max() <= arterial * (1 + 1e-12)
    assert case.state.edge_oil[PORTAL].max() <= portal * (1 + 1e-12)
    lumen = np.pi * case.graph.radius**2 * case.graph.length
    assert np.all(case.state.edge_oil[STEM] <= lumen[STEM] * (1 + 1e-12))


def test_oil_within_the_capacity_is_split_by_the_flow_and_closes_beds_by_its_share() -> None:
    case = Case()
    flow = case.ride.flow(case.state).edge_flow
    done = case.inject(0, 1 * ML)
    conserved(done)
    assert done.held[ARTERIAL] == pytest.approx(flow[ARTERIAL] / flow[ARTERIAL].sum() * ML, rel=1e-9)
    assert done.held[PORTAL].sum() == done.washed_out == done.refluxed == 0.0
    assert case.state.edge_open[ARTERIAL] == pytest.approx(1.0 - done.held[ARTERIAL] / ML, rel=1e-9)


def test_oil_beyond_the_capacity_crosses_to_the_portal_bed_of_the_same_tissue_then_stem_then_veins() -> None:
    case = Case(arterial=1 * ML, portal=0.5 * ML)
    lumen = np.pi * (1e-3) ** 2 * 5e-3
    done = case.inject(4, 1.3 * ML)  # one bed
    conserved(done)
    assert done.held[4] == pytest.approx(ML) and done.held[PORTAL[1]] == pytest.approx(0.3 * ML)
    assert case.state.edge_open[4] == 0.0 and case.state.edge_open[PORTAL[1]] == pytest.approx(0.4)
    assert done.held.sum() == pytest.approx(1.3 * ML)
    much = Case(arterial=1 * ML, portal=0.5 * ML).inject(4, 3 * ML)
    conserved(much)
    assert much.held[PORTAL[1]] == pytest.approx(0.5 * ML) and much.held[STEM[1]] == pytest.approx(lumen)
    assert much.washed_out == pytest.approx(1.5 * ML - lumen)


def test_a_small_territory_overflows_where_a_large_one_does_not() -> None:
    """The same oil and the same rules: only the place of the catheter differs."""
    near, far = Case(), Case()
    super_, lobar = near.inject(1, 2.5 * ML), far.inject(0, 2.5 * ML)
    assert super_.held[PORTAL].sum() > 0.4 * ML and lobar.held[PORTAL].sum() == 0.0
    assert lobar.held[ARTERIAL[2:]].sum() > ML and super_.held[ARTERIAL[2:]].sum() == 0.0


def test_only_droplets_that_the_pressure_can_squeeze_cross() -> None:
    """Laplace: 4 sigma (1/c - 1/d) against the pressure between the tip and the portal venules."""
    pressure = Case().ride.flow(Case().state).node_pressure
    all_, none = (
        1.0 / (1.0 / CHANNEL - (pressure[0] - end) / (4.0 * TENSION))
        for end in (pressure[4:8].max(), pressure[4:8].min())
    )  # the widest droplets that cross at every node, and at any
    assert 60e-6 < all_ < none < 500e-6
    for droplet, crosses in ((0.5 * all_, True), (0.99 * all_, True), (1.01 * none, False), (3 * none, False)):
        done = Case().inject(0, 6 * ML, droplet)
        conserved(done)
        assert bool(done.held[PORTAL].sum() > 0.0) is crosses
        if not crosses:  # the beds are full and the rest runs back out of the artery
            assert done.held[ARTERIAL] == pytest.approx(np.full(4, ML)) and done.refluxed == pytest.approx(2 * ML)
    assert Case(tension=10 * TENSION).inject(0, 6 * ML).held[PORTAL].sum() == 0.0
    assert Case(channel=3 * CHANNEL).inject(0, 6 * ML, 500e-6).held[PORTAL].sum() > 0.0


def test_what_cannot_cross_runs_back_into_other_branches() -> None:
    done = Case().inject(1, 3 * ML, 400e-6)
    conserved(done)
    assert done.held[ARTERIAL[:2]] == pytest.approx([ML, ML]) and done.ran_back == pytest.approx(ML)
    assert done.held[ARTERIAL[2:]].sum() == pytest.approx(ML) and done.refluxed == 0.0


def test_oil_takes_only_what_beads_and_gelatin_leave_open() -> None:
    case = Case()
    case.state.edge_solid[3], case.state.edge_gelatin[4] = 1.0, 0.6
    done = case.inject(1, 1 * ML)
    conserved(done)
    assert done.held[3] == 0.0 and done.held[4] == pytest.approx(0.4 * ML)
    assert case.state.edge_open[4] == 0.0 and case.state.edge_open[3] == 0.0
    assert case.inject(1, 1 * ML).injected == 0.0  # no blood runs there any more


# --- grown vessels ---------------------------------------------------------------------------------------

SCENARIO: dict[str, Any] = {
    "name": "x",
    "until": "2 d",
    "seed": 7,
    "tissue": {"size": "40 mm", "spacing": "2 mm", "tumour": {"diameter": "20 mm", "septa": 3, "satellites": 1}},
    "vessels": {"feeders": 4, "terminals": 300},
}


@pytest.fixture(scope="module")
def patient() -> Patient:
    return build_patient(Scenario.from_dict(SCENARIO))


def test_a_bed_holds_its_share_of_the_tissue_it_serves(patient: Patient) -> None:
    grown, table = patient.grown, patient.parameters
    capacity = patient.oil_capacity
    beds, row = oil.bed_rows(grown.graph)
    tumour = oil.is_tumour_row(grown)
    kind = grown.graph.kind[beds]
    awake = grown.patent[beds] > 0.0
    for side, name in ((kind != Kind.PORTAL, "tumour"), (kind == Kind.PORTAL, "portal")):
        own = side & awake & (row >= 0)
        got = np.bincount(row[own], np.where(np.isfinite(capacity[beds[own]]), capacity[beds[own]], 0.0), len(tumour))
        share = table[f"embolisation.oil_{name}_capacity"]
        assert got[tumour] == pytest.approx(share * grown.tissue_volume[tumour], rel=1e-9)
        share = table["embolisation.oil_portal_capacity" if name == "portal" else "embolisation.oil_liver_capacity"]
        assert got[~tumour] == pytest.approx(share * grown.tissue_volume[~tumour], rel=1e-9)
    assert np.all(capacity > 0.0)
    trees = np.isnan(grown.graph.conductance)
    assert np.all(np.isinf(capacity[trees])) and np.all(np.isinf(capacity[grown.graph.kind == Kind.SINUSOID]))
    # liver beyond the box: 1400 mL less what the box holds
    outside = beds[(row < 0) & (kind == Kind.ARTERIAL)]
    outside = np.setdiff1d(outside, np.concatenate([branch.beds for branch in grown.non_target]))
    beyond = table["vessels.liver_volume"] - grown.tissue_volume[~tumour].sum()
    assert capacity[outside].sum() == pytest.approx(0.02 * beyond, rel=0.1)
    for branch in grown.non_target:
        assert capacity[branch.beds].sum() == pytest.approx(0.02 * branch.volume)


def test_every_capacity_is_read(patient: Patient) -> None:
    beds, row = oil.bed_rows(patient.graph)
    beds, row = beds[row >= 0], row[row >= 0]
    portal = patient.graph.kind[beds] == Kind.PORTAL
    tumour = oil.is_tumour_row(patient.grown)[row]
    for name, where in (("tumour", tumour & ~portal), ("liver", ~tumour & ~portal), ("portal", portal)):
        table = patient.parameters.with_overrides({f"embolisation.oil_{name}_capacity": 0.123})
        changed = oil.capacity(patient.grown, table)[beds] != patient.oil_capacity[beds]
        assert changed.any() and not np.any(changed & ~where)
        assert np.all(changed[where] | np.isinf(patient.oil_capacity[beds[where]]))


def test_oil_stays_in_tumour_for_longer(patient: Patient) -> None:
    times = oil.oil_half_life(patient.grown, patient.parameters)
    assert set(np.unique(times)) == {7 * DAY, 60 * DAY}
    beds, row = oil.bed_rows(patient.graph)
    inside = np.where(row >= 0, oil.is_tumour_row(patient.grown)[row], False)
    assert np.all(times[beds[inside]] == 60 * DAY) and np.all(np.delete(times, beds[inside]) == 7 * DAY)


def test_a_full_lobe_and_a_full_feeder(patient: Patient) -> None:
    """Portal venules of the rim: filled from the feeders, not from the lobe, by the same oil."""
    rim = patient.anatomy.tumour & (patient.anatomy.depth < 5e-3)
    filled = {}
    for places in (["right"], [f.name for f in patient.grown.feeders]):
        state = patient.new_state()
        oils = OilRide(patient.bead_ride, TENSION, CHANNEL)
        for name in places:
            done = oils.inject(patient.graph.named[name], volume=3 * ML / len(places), droplet=50e-6, state=state)
            conserved(done)
        filled[len(places)] = oil.portal_filling(patient.grown, state.edge_oil, patient.oil_capacity, rim)
        by = oil.held_by_tissue(patient.grown, state.edge_oil)
        assert sum(by.values()) == pytest.approx(state.edge_oil.sum(), rel=1e-12)
        if len(places) == 1:
            assert by["liver"] > 3 * by["tumour"] > 0.0 and by["other"] > 0.0  # the gallbladder is on the way
        else:
            assert by["liver"] == by["other"] == 0.0 and by["portal"] > 0.1 * ML
    assert filled[1] == 0.0 and filled[4] > 0.5
    assert oil.portal_filling(patient.grown, np.zeros(patient.graph.n_edges), patient.oil_capacity, rim) == 0.0
