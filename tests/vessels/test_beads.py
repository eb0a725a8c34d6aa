"""Beads ride the flow, lodge by diameter and close vessels: conservation, size, chance, stasis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.parameters import load_parameters
from tumorsim.patient import Patient, build_patient
from tumorsim.scenario import Scenario
from tumorsim.state import EMBOLISED, Sizes, State
from tumorsim.vessels.beads import BeadRide, Delivery
from tumorsim.vessels.closure import open_share
from tumorsim.vessels.embolics import Sizes as Diameters
from tumorsim.vessels.embolics import Solid, beads, close, left_open
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

    def __init__(self, graph: VesselGraph, solver: FlowSolver | None = None, **ride: Any) -> None:
        self.graph = graph
        self.ride = BeadRide(graph, solver or FlowSolver(graph, parameters=PARAMETERS), **ride)
        self.state = State(Sizes(sites=0, edges=graph.n_edges, nodes=graph.n_nodes))
        self.is_bed = np.isfinite(graph.conductance) & (graph.kind == Kind.ARTERIAL)

    @property
    def open(self) -> np.ndarray:
        return self.state.edge_open

    @property
    def beads(self) -> np.ndarray:
        return self.state.edge_beads

    def deliver(
        self, size: Any, number: int | None = None, edge: int = 0, spread: float = 0.0, **options: Any
    ) -> Delivery:
        solid = size if isinstance(size, Solid) else beads(Diameters(size, spread))
        keys: dict[str, Any] = {"endpoint": 0.05, "seed": 7, "patient": 0, "delivery": HASH, **options}
        return self.ride.deliver(edge, solid=solid, number=number, state=self.state, **keys)

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
    assert np.flatnonzero(case.state.edge_state == EMBOLISED).tolist() == [1, 2]
    assert case.open[1] == case.open[2] == 0.0 and np.all(case.open[3:] == 1.0)
    root = Case(tree())
    assert root.deliver(1.01 * wide[0]).delivered == 1 and root.open[0] == 0.0 and root.state.edge_state[0] == EMBOLISED


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
    assert case.is_bed[bed] and case.open[bed] == pytest.approx(1 - ratio**3) and case.state.edge_state[bed] == 0


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
    case.state.edge_patent[0] = 0.0
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


# --- sizes -----------------------------------------------------------------------------------------------


def test_the_volume_is_the_sum_over_real_beads() -> None:
    for sizes, mean_cube in (
        (Diameters(100e-6, 20e-6), 100e-6**3 * (1 + 3 * 0.2**2)),
        (Diameters.between(50e-6, 150e-6), (150e-6**4 - 50e-6**4) / (4 * 100e-6)),
    ):
        done = Case(tree()).deliver(beads(sizes), 2000)
        assert done.delivered == 2000
        assert done.volume == pytest.approx(done.held.sum() + done.lost_volume, rel=1e-12)
        assert done.volume == pytest.approx(done.delivered * np.pi / 6 * mean_cube, rel=0.05)


def test_a_labelled_range_is_uniform_in_diameter() -> None:
    """A range around the width of the root: beads wider than it stay there, by their share of the range."""
    wide = 2 * tree().radius[0]
    sizes = Diameters.between(0.2 * wide, 1.4 * wide)
    solver, at_root = FlowSolver(tree(depth=1), parameters=PARAMETERS), 0
    for k in range(400):
        case = Case(solver.graph, solver)
        case.deliver(beads(sizes), 1, delivery=HASH + (k << 40))
        at_root += int(case.beads[0])
        assert case.beads.sum() == 1
    share = (1.4 - 1.0) / (1.4 - 0.2)
    assert abs(at_root - 400 * share) < 4 * np.sqrt(400 * share * (1 - share))


@pytest.mark.parametrize(
    "wrong", [{"mean": 0.0}, {"mean": 1e-4, "low": 2e-4, "high": 1e-4}, {"mean": 1e-4, "spread": 1e-5, "high": 2e-4}]
)
def test_sizes_that_are_no_distribution_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Diameters(**wrong)


def generation(case: Case, size: float) -> float:
    """Mean generation of what holds the beads; arterioles of a bed lie 3 log2(mouth / bead) further out."""
    held = np.flatnonzero(case.beads)
    depth = np.array([len(case.ride.routes.upstream(int(e))) for e in held], dtype=float)
    depth += 3 * np.log2(np.maximum(1.0, 2 * case.graph.radius[held] / size)) * case.is_bed[held]
    return float((depth * case.beads[held]).sum() / case.beads.sum())


SIZES = (70e-6, 100e-6, 200e-6, 300e-6, 400e-6, 500e-6, 700e-6)


def test_smaller_beads_lodge_further(patient: Patient) -> None:
    """From the artery of the lobe, equal volumes: the vessels that beads plug are narrower, and lie further out."""
    edge = patient.graph.named["right"]
    width, depth = [], []
    for size in SIZES:
        case = grown(patient)
        done = case.deliver(size, round(5e-9 / (np.pi / 6 * size**3)), edge=edge)
        width.append(done.lodging_diameter)
        depth.append(generation(case, size))
    assert width == sorted(width) and width[0] == pytest.approx(70e-6) and width[-1] > 500e-6
    assert depth[:5] == sorted(depth[:5], reverse=True) and depth[4] > max(depth[5:])


def test_smaller_beads_of_equal_volume_leave_the_tumour_less_flow(patient: Patient) -> None:
    """Beads that reach the beds close more than beads that do not.

    Among those narrower than the beds' mouths the volume decides, not the size: by Murray's law a bead's
    volume is in proportion to the flow of the arteriole it plugs.
    """
    edge = patient.graph.named["right"]
    beds = np.concatenate([patient.bead_ride.below(f.edge) for f in patient.grown.feeders])
    beds = beds[patient.bead_ride.routes.is_bed[beds]]
    left = {}
    for size in (100e-6, 200e-6, 400e-6, 700e-6):
        flows = []
        for k in range(6):
            case = grown(patient)
            case.deliver(size, round(2.5e-8 / (np.pi / 6 * size**3)), edge=edge, delivery=HASH + (k << 34))
            flows.append(case.ride.flow(case.state).edge_flow[beds].sum())
        left[size] = np.mean(flows) / patient.untreated_flow[beds].sum()
    mouths = 2 * patient.graph.radius[beds]
    assert mouths.min() > 200e-6 and mouths.max() < 400e-6
    assert left[100e-6] == pytest.approx(left[200e-6], abs=0.05), left
    assert max(left[100e-6], left[200e-6]) < min(left[400e-6], left[700e-6]) - 0.1, left


# --- reflux ----------------------------------------------------------------------------------------------


def test_slow_injection_does_not_run_back_and_fast_injection_does(patient: Patient) -> None:
    edge = patient.graph.named["feeder_1"]
    inside = patient.bead_ride.below(edge)
    flow = patient.untreated_flow[edge]
    refluxed = []
    for rate in (0.0, 0.04 * flow, 0.5 * flow, flow, 5.0 * flow):
        case = grown(patient)
        done = case.deliver(100e-6, edge=edge, rate=rate)
        outside = int(case.beads.sum() - case.beads[inside].sum())
        assert done.refluxed == outside and done.lodged == done.delivered  # all find a place in other branches
        assert done.reached_stasis
        refluxed.append(done.refluxed)
    assert refluxed[0] == refluxed[1] == 0  # at stasis the blood still carries it
    assert 0 < refluxed[2] < refluxed[3] == refluxed[4]  # no faster than the vessel carries at the start


def test_what_runs_back_takes_the_other_branches_by_their_flow() -> None:
    """A tree with four beds, catheter in one of two second branches: the rest goes to its sister first."""
    case = Case(tree(depth=2))
    flow = case.ride.flow(case.state).edge_flow
    tip = int(np.flatnonzero(case.graph.tail == 2)[0])  # of two below the first branch
    assert case.ride.routes.upstream(tip).tolist() == [tip, 1, 0]
    sister = int(np.flatnonzero(case.graph.tail == 2)[1])
    done = case.deliver(60e-6, edge=tip, rate=0.5 * flow[tip], number=None)
    far = np.setdiff1d(np.arange(case.graph.n_edges), case.ride.below(1))
    there = int(case.beads[case.ride.below(sister)].sum())
    assert done.refluxed > 500 and done.reached_stasis and done.lodged == done.delivered
    assert there + case.beads[far].sum() == done.refluxed and there > 0.9 * done.refluxed
    assert case.beads[[0, 1]].sum() == 0


def test_what_no_branch_can_carry_leaves_the_artery() -> None:
    """One vessel and its bed: beyond the tip there is nowhere else to go."""
    case = Case(tree(depth=0))
    flow = case.ride.flow(case.state).edge_flow[0]
    done = case.deliver(60e-6, rate=flow)
    assert done.refluxed == done.delivered - done.lodged > 0 and done.reached_stasis
    assert done.lost_volume == pytest.approx(done.refluxed * np.pi / 6 * 60e-6**3, rel=1e-9)


# --- the books -------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    books=st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
    share=st.floats(0, 3),
    least=st.floats(0, 0.5),
)
def test_what_is_closed_twice_counts_once(books: tuple[float, float, float], share: float, least: float) -> None:
    state = State(Sizes(sites=0, edges=1))
    capacity = np.array([2e-9])
    state.edge_solid[0], state.edge_gelatin[0], state.edge_oil[0] = books[0], books[1], books[2] * 2e-9
    edges = np.array([0])
    before = left_open(state, edges, capacity)[0]
    close(state, beads(Diameters(1e-4)), edges, np.array([share]), np.array([least]), capacity)
    after = left_open(state, edges, capacity)[0]
    assert 0.0 <= after <= before and state.edge_solid[0] <= max(books[0], 1.0) + 1e-12
    assert after < 1e-12 or (after == pytest.approx(before - share, abs=1e-12) and after >= least - 1e-12)
    assert open_share(state, capacity)[0] == (after if after >= 1e-12 else 0.0)
    assert (state.edge_gelatin[0], state.edge_oil[0]) == (books[1], books[2] * 2e-9)


def test_beads_lodge_only_in_what_oil_and_gelatin_leave_open() -> None:
    case = Case(tree(), oil_capacity=np.full(tree().n_edges, 1e-9))
    case.state.edge_gelatin[case.is_bed] = 0.5
    case.state.edge_oil[case.is_bed] = 0.25e-9
    done = case.deliver(80e-6)
    assert done.reached_stasis and case.state.edge_solid[case.is_bed].max() <= 0.25 + 1e-12
    case.state.edge_gelatin[:] = 0.0  # dissolved: what it held runs again
    case.ride.apply(case.state)
    assert np.all(case.open[case.is_bed] >= 0.5 - 1e-12)
    again = case.deliver(80e-6, delivery=HASH + (3 << 32))
    assert again.delivered > 0 and again.reached_stasis
