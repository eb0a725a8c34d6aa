"""Beads ride the flow, lodge by diameter and close vessels: conservation, size, chance, stasis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tumorsim.parameters import load_parameters
from tumorsim.patient import Patient, build_patient
from tumorsim.scenario import Scenario
from tumorsim.vessels.beads import EMBOLISED, BeadRide, Delivery
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import PRESSURE, Kind, VesselGraph
from tumorsim.vessels.growth import territory

PARAMETERS = load_parameters()
MMHG = 133.322
HASH = 0xABCDEF12 << 32
BED = 1e-13  # m3/s/Pa: nearly all of the resistance of these trees


def tree(depth: int = 3, diameter: float = 1.6e-3, beds: Any = None, drain: float = 0.0) -> VesselGraph:
    """A tree that halves at every junction by Murray's law; its leaves are beds between it and exchange nodes.

    ``beds`` are their conductances relative to each other; with ``drain`` a wide vessel of this diameter
    leads from the first junction out of the graph, past every bed.
    """
    leaves = 2**depth
    nodes = 2 * leaves  # 0 the root, 1 .. 2 leaves - 1 as in a heap, then the exchange nodes
    tail = [0] + [k // 2 for k in range(2, nodes)]
    head = [1, *range(2, nodes)]
    generation = [0] + [int(np.log2(k)) for k in range(2, nodes)]
    radius = [0.5 * diameter * 2 ** (-g / 3) for g in generation]
    kind = [Kind.ARTERIAL] * len(tail)
    conductance = [np.nan] * len(tail)
    share = np.ones(leaves) if beds is None else np.asarray(beds, dtype=float)
    for leaf in range(leaves):
        tail.append(leaves + leaf)
        head.append(nodes + leaf)
        radius.append(radius[leaves + leaf - 1])
        kind.append(Kind.ARTERIAL)
        conductance.append(BED * share[leaf])
    exchange = np.arange(nodes, nodes + leaves)
    ends, pressures = [0, *exchange], [90.0] + [5.0] * leaves
    total = nodes + leaves
    if drain:
        tail.append(1)
        head.append(total)
        radius.append(drain / 2)
        kind.append(Kind.ARTERIAL)
        conductance.append(np.nan)
        ends.append(total)
        pressures.append(80.0)
        total += 1
    at = np.zeros((total, 3))
    at[:, 0], at[:, 1] = np.arange(total) * 1e-3, np.arange(total) % 7 * 1e-3
    return VesselGraph(
        at,
        np.array(tail),
        np.array(head),
        np.array(radius),
        length=np.full(len(tail), 5e-3),
        kind=np.array(kind, dtype=np.uint8),
        edge_name=["root"] + [""] * (len(tail) - 1),
        conductance=np.array(conductance),
        boundary_node=np.array(ends),
        boundary_type=np.full(len(ends), PRESSURE, dtype=np.uint8),
        boundary_value=np.array(pressures) * MMHG,
        exchange=exchange,
    )


class Case:
    """A graph with its state of vessels."""

    def __init__(self, graph: VesselGraph, solver: FlowSolver | None = None, **ride: float) -> None:
        self.graph = graph
        self.ride = BeadRide(graph, solver or FlowSolver(graph, parameters=PARAMETERS), **ride)
        self.open = np.ones(graph.n_edges)
        self.state = np.zeros(graph.n_edges, dtype=np.uint8)
        self.beads = np.zeros(graph.n_edges, dtype=np.int64)
        self.is_bed = np.isfinite(graph.conductance) & (graph.kind == Kind.ARTERIAL)

    def deliver(self, size: float, number: int | None = None, edge: int = 0, **given: Any) -> Delivery:
        options: dict[str, Any] = {
            "spread": 0.0, "endpoint": 0.05, "seed": 7, "patient": 0, "delivery": HASH, **given,
        }  # fmt: skip
        return self.ride.deliver(
            edge, size=size, number=number, edge_open=self.open, edge_state=self.state, edge_beads=self.beads, **options
        )

    def closed_share(self, edges: np.ndarray | None = None) -> float:
        """Share of the beds' conductance that is gone."""
        beds = np.flatnonzero(self.is_bed) if edges is None else edges[self.is_bed[edges]]
        return 1.0 - float((self.graph.conductance * self.open)[beds].sum() / self.graph.conductance[beds].sum())


@pytest.fixture(scope="module")
def patient() -> Patient:
    """A tumour of 20 mm with four feeders on a tree of 300 terminals."""
    return build_patient(
        Scenario.from_dict(
            {
                "name": "x",
                "until": "2 d",
                "seed": 7,
                "tissue": {"size": "40 mm", "spacing": "2 mm", "tumour": {"diameter": "20 mm", "septa": 3}},
                "vessels": {"feeders": 4, "terminals": 300},
            }
        )
    )


def grown(patient: Patient, **ride: float) -> Case:
    return Case(patient.graph, patient.solver, **ride)


# --- conservation ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [80e-6, 300e-6, 700e-6])
@pytest.mark.parametrize("number", [1, 57, 4000])
def test_every_bead_lodges_or_is_lost(size: float, number: int) -> None:
    closed_tree = Case(tree())
    done = closed_tree.deliver(size, number)
    assert done.delivered <= number and (done.delivered == number or done.reached_stasis)
    assert done.lodged == done.delivered == closed_tree.beads.sum()  # nothing leaves this tree
    assert done.volume == pytest.approx(done.delivered * np.pi / 6 * size**3)
    leaky = Case(tree(drain=1.2e-3))
    done = leaky.deliver(size, number)
    assert done.delivered == number and leaky.beads.sum() == done.lodged <= number
    if number >= 57:
        assert number - done.lodged > 0  # most of the blood goes down the drain, and beads with it


def test_injection_stops_where_no_bead_can_lodge_any_more() -> None:
    leaky = Case(tree(depth=1, diameter=1.2e-3, drain=0.6e-3))
    done = leaky.deliver(300e-6)
    assert not done.reached_stasis and done.flow_after > 0.1 * done.flow_before
    assert leaky.closed_share() == 1.0 and done.delivered > done.lodged > 0


# --- where beads go --------------------------------------------------------------------------------------


def test_beads_follow_the_flow() -> None:
    relative = np.array([1, 2, 3, 4, 5, 6, 7, 8.0])
    case = Case(tree(beds=relative), batch_share=0.25)
    n = 2000
    flow = case.ride.solver.solve(case.open).edge_flow[case.is_bed]
    assert n < 0.25 * case.ride.arterioles_open(np.arange(case.graph.n_edges), case.open, 40e-6)  # one batch: one flow
    case.deliver(40e-6, n)
    expected = n * flow / flow.sum()
    assert np.ptp(expected) > 300
    chi2 = ((case.beads[case.is_bed] - expected) ** 2 / expected).sum()
    assert chi2 < 24.3  # 7 degrees of freedom, p = 0.001
    assert case.beads.sum() == n


def test_a_bead_bigger_than_a_vessel_closes_it() -> None:
    case = Case(tree())
    wide = 2 * case.graph.radius
    size = 0.5 * (wide[0] + wide[1])  # passes the root, not its branches
    done = case.deliver(size)
    assert done.delivered == done.lodged == 2 and done.reached_stasis and done.flow_after == 0.0
    assert np.flatnonzero(case.state == EMBOLISED).tolist() == [1, 2]
    assert case.open[1] == case.open[2] == 0.0 and np.all(case.open[3:] == 1.0)
    root = Case(tree())
    assert root.deliver(1.01 * wide[0]).delivered == 1 and root.open[0] == 0.0 and root.state[0] == EMBOLISED


def test_the_lodging_factor_scales_the_bead() -> None:
    wide = 1.6e-3
    assert Case(tree(), lodging_factor=0.8).deliver(1.1 * wide).delivered > 1
    assert Case(tree(), lodging_factor=1.2).deliver(0.9 * wide).delivered == 1


def test_smaller_beads_lodge_further_out_and_more_are_needed() -> None:
    beads = {}
    for size in (1000e-6, 700e-6, 300e-6, 150e-6, 75e-6):
        case = Case(tree())
        done = case.deliver(size)
        assert done.reached_stasis and done.flow_after <= 0.05 * done.flow_before
        beads[size] = done.delivered
        bed = 2 * case.graph.radius[case.is_bed][0]
        if size < bed:  # all in the beds, which hold (d / D)^3 arterioles each
            assert case.beads[~case.is_bed].sum() == 0
            each = (bed / size) ** 3
            assert 0.93 * round(each) < done.delivered / case.is_bed.sum() < 1.1 * each + 1
        else:
            assert case.beads[case.is_bed].sum() == 0
    assert list(beads.values()) == sorted(beads.values()) and beads[1000e-6] < beads[75e-6] / 100


def test_a_bead_closes_one_arteriole() -> None:
    case = Case(tree())
    case.deliver(200e-6, 1)
    (bed,) = np.flatnonzero(case.beads)
    ratio = 200e-6 / (2 * case.graph.radius[bed])
    assert case.is_bed[bed] and case.open[bed] == pytest.approx(1 - ratio**3) and case.state[bed] == 0


def test_below_is_what_the_catheter_reaches(patient: Patient) -> None:
    case = grown(patient)
    for name in ("proper_hepatic", "right", "feeder_1", "feeder_4"):
        edges = case.ride.below(patient.graph.named[name])
        reached = np.intersect1d(patient.graph.head[edges], patient.graph.exchange)
        rows = np.flatnonzero(np.isin(patient.graph.exchange, reached))
        assert np.array_equal(rows, territory(patient.grown, name))
        assert np.all(patient.graph.kind[edges] == Kind.ARTERIAL)


def test_only_the_catheters_territory_is_touched(patient: Patient) -> None:
    case = grown(patient)
    edge = patient.graph.named["feeder_2"]
    inside = case.ride.below(edge)
    done = case.deliver(100e-6, edge=edge)
    outside = np.setdiff1d(np.arange(patient.graph.n_edges), inside)
    assert done.reached_stasis and np.all(case.open[outside] == 1.0) and not case.beads[outside].any()
    assert case.closed_share(inside) > 0.93


# --- chance ----------------------------------------------------------------------------------------------


def test_the_same_keys_give_the_same_beads_and_others_others() -> None:
    def lodged(**keys: int) -> list[int]:
        case = Case(tree())
        case.deliver(100e-6, 400, **keys)
        return case.beads.tolist()

    first = lodged()
    assert lodged() == first
    others = [lodged(seed=8), lodged(patient=1), lodged(delivery=HASH + (1 << 32))]
    assert all(other != first for other in others) and len({tuple(o) for o in others}) == 3


def test_a_bead_does_not_ask_what_the_others_do() -> None:
    """Beads 0 to 9 of 40 go where they go as the only ten, in the same flow."""
    few, many = Case(tree()), Case(tree())
    few.deliver(60e-6, 10)
    many.deliver(60e-6, 40)
    assert np.all(many.beads >= few.beads) and many.beads.sum() == 40


def test_a_spread_of_sizes(patient: Patient) -> None:
    """Beads of one mean size: the wide ones count for more, as their volume does."""
    bed = 2 * tree().radius[-1]
    even, mixed = Case(tree()), Case(tree())
    a, b = even.deliver(0.5 * bed, 20), mixed.deliver(0.5 * bed, 20, spread=0.15 * bed)
    assert a.delivered == b.delivered == 20 and not np.array_equal(even.open, mixed.open)
    # E (x^3) = 1 + 3 cv^2: 200 beads of a hundredth of the flow each
    even, mixed = Case(tree()), Case(tree())
    size, cv = 0.2 * bed, 0.3
    even.deliver(size, 300)
    mixed.deliver(size, 300, spread=cv * size)
    assert mixed.closed_share() / even.closed_share() == pytest.approx(1 + 3 * cv**2, rel=0.1)


# --- stasis and numerics ---------------------------------------------------------------------------------


def test_stasis_is_said_only_where_it_is_reached(patient: Patient) -> None:
    edge = patient.graph.named["feeder_1"]
    some, all_ = grown(patient), grown(patient)
    short = some.deliver(100e-6, 20, edge=edge)
    assert short.delivered == 20 and not short.reached_stasis and short.flow_after > 0.5 * short.flow_before
    full = all_.deliver(100e-6, edge=edge)
    assert full.reached_stasis and full.flow_after <= 0.05 * full.flow_before
    flow = patient.solver.solve(all_.open).edge_flow[edge]
    assert full.flow_after == pytest.approx(flow, rel=1e-9)  # that of the whole network, not of the part
    again = all_.deliver(100e-6, 500, edge=edge, endpoint=1.0, delivery=HASH + (9 << 32))
    assert again.delivered == 0 and again.reached_stasis  # an endpoint that is already there


def test_nothing_is_injected_into_a_closed_vessel() -> None:
    case = Case(tree())
    case.open[0] = 0.0
    done = case.deliver(100e-6, 50)
    assert (done.delivered, done.lodged, done.reached_stasis) == (0, 0, False) and not case.beads.any()


@pytest.mark.parametrize("name", ["right", "feeder_1"])
def test_the_batch_is_small_enough(patient: Patient, name: str) -> None:
    """Which beds are closed half way, and how many beads stasis takes, hardly depend on the batch."""
    edge = patient.graph.named[name]
    half, stasis, beads = {}, {}, {}
    for share in (0.02, 0.1, 0.25):
        case = grown(patient, batch_share=share)
        inside = case.ride.below(edge)
        number = int(0.5 * case.ride.arterioles_open(inside, case.open, 100e-6))
        case.deliver(100e-6, number, edge=edge)
        half[share] = case.closed_share(inside)
        done = case.deliver(100e-6, edge=edge, delivery=HASH + (5 << 32))
        stasis[share], beads[share] = case.closed_share(inside), number + done.delivered
        assert done.reached_stasis
    for share in (0.02, 0.25):
        assert half[share] == pytest.approx(half[0.1], abs=0.03), half
        assert stasis[share] == pytest.approx(stasis[0.1], abs=0.03), stasis
        assert beads[share] == pytest.approx(beads[0.1], rel=0.03), beads


@pytest.mark.parametrize("name", ["right", "segment_8", "feeder_1", "feeder_3"])
def test_the_flow_of_the_part_is_that_of_the_whole(patient: Patient, name: str) -> None:
    case = grown(patient)
    edge = patient.graph.named[name]
    inside = case.ride.below(edge)
    before = patient.solver.solve(case.open)
    local = case.ride._local(inside, edge, before.node_pressure)
    same = local.solve(case.open[inside]).edge_flow
    assert np.allclose(same, before.edge_flow[inside], rtol=1e-6, atol=1e-9 * abs(before.edge_flow[edge]))
    beds = inside[case.is_bed[inside]]
    case.open[beds[::2]] = 0.0
    case.open[beds[1::4]] = 0.4
    whole = patient.solver.solve(case.open).edge_flow
    part = local.solve(case.open[inside]).edge_flow
    tip = np.flatnonzero(inside == edge)[0]
    assert whole[edge] < 0.95 * before.edge_flow[edge]
    assert part[tip] == pytest.approx(whole[edge], rel=0.1)
    assert np.abs(part - whole[inside]).max() < 0.1 * whole[edge]
