"""Grown vessels: terminals, territories, trees, feeders, calibration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import Kind
from tumorsim.vessels.growth import GrownVessels, grow, territory
from tumorsim.vessels.growth_feeders import deal, feeders_of
from tumorsim.vessels.growth_terminals import share_out
from tumorsim.vessels.growth_trunk import rest_volumes
from tumorsim.vessels.supply import demand, exchange_inflow

PARAMETERS = load_parameters()
ARTERIES = ["proper_hepatic", "right", "left", *(f"segment_{k}" for k in range(1, 9))]
PORTAL = ["portal_main", "portal_right", "portal_left", *(f"portal_segment_{k}" for k in range(1, 9))]


def tissue(
    diameter: float = 42e-3, box: float = 70e-3, spacing: float = 2e-3, slab: bool = False
) -> tuple[Lattice, np.ndarray, np.ndarray]:
    """A sphere of four compartments with one satellite: lattice, compartments, depth."""
    lattice = Lattice.for_box(box, spacing, slab=slab)
    at = lattice.centres()
    away = np.linalg.norm(at, axis=1)
    compartment = np.zeros(lattice.n_sites, dtype=np.uint8)
    inside = away < diameter / 2
    compartment[inside] = 1 + (at[inside, 0] > 0) + 2 * (at[inside, 1] > 3e-3)
    depth = np.maximum(diameter / 2 - away, 0.0)
    beside = np.linalg.norm(at - [diameter / 2 + 5e-3, 1e-3, 0.0], axis=1) < 3e-3
    compartment[beside & ~inside] = 200
    return lattice, compartment, depth


def grown_in(
    lattice: Lattice, compartment: np.ndarray, depth: np.ndarray, **given: object
) -> tuple[GrownVessels, np.ndarray, np.ndarray]:
    never = np.full(lattice.n_sites, np.inf)
    arterial, portal = demand(lattice, compartment, "cirrhotic", depth, never, PARAMETERS)
    options: dict = {"feeders": 5, "seed": 7, "patient": 0, "parameters": PARAMETERS, "terminals": 300, **given}
    return grow(lattice, compartment, arterial, portal, **options), arterial, portal


@pytest.fixture(scope="module")
def full() -> tuple:
    lattice, compartment, depth = tissue()
    grown, arterial, portal = grown_in(lattice, compartment, depth, terminals=2000)
    return lattice, compartment, grown, arterial, portal, FlowSolver(grown.graph, parameters=PARAMETERS)


def test_two_thousand_terminals_on_all_three_trees(full: tuple) -> None:
    grown = full[2]
    graph = grown.graph
    assert len(graph.exchange) == 2000
    for kind, end in ((Kind.ARTERIAL, graph.head), (Kind.PORTAL, graph.head), (Kind.SINUSOID, graph.tail)):
        beds = (graph.kind == kind) & np.isfinite(graph.conductance)
        meets = np.isin(end[beds], graph.exchange)
        assert len(np.unique(end[beds][meets])) == 2000, kind
    graph.validate()


def test_every_site_has_one_node_of_its_own_tissue(full: tuple) -> None:
    _, compartment, grown, *_ = full
    owner = grown.exchange_of_site
    assert owner.min() >= 0
    assert np.array_equal(np.unique(owner), np.arange(2000))
    assert np.array_equal(grown.compartment_of_exchange[owner], compartment)
    assert set(np.unique(grown.segment_of_exchange)) == {5, 6, 7, 8}


def test_terminals_follow_arterial_demand(full: tuple) -> None:
    _, compartment, grown, arterial, *_ = full
    need = np.bincount(grown.exchange_of_site, arterial)
    per_node = [need[grown.compartment_of_exchange == c].mean() for c in np.unique(compartment)]
    assert np.allclose(per_node, per_node[0], rtol=0.35)  # the satellite has three nodes only
    size = np.bincount(grown.exchange_of_site)[grown.compartment_of_exchange == 0]
    assert size.std() / size.mean() < 0.35  # territories of liver of like size


def test_nodes_are_nearest_in_their_own_tissue() -> None:
    lattice, compartment, depth = tissue(spacing=4e-3)
    grown, *_ = grown_in(lattice, compartment, depth, terminals=120)
    at, nodes = lattice.centres(), grown.graph.node_pos[grown.graph.exchange]
    for c in np.unique(compartment[compartment > 0]):  # the liver is parted further, into segments
        sites, rows = np.flatnonzero(compartment == c), np.flatnonzero(grown.compartment_of_exchange == c)
        gap = np.linalg.norm(at[sites][:, None] - nodes[rows][None], axis=2)
        own = gap[np.arange(len(sites)), np.searchsorted(rows, grown.exchange_of_site[sites])]
        assert np.allclose(own, gap.min(axis=1))


def test_names(full: tuple) -> None:
    grown = full[2]
    named = grown.graph.named
    feeders = [f"feeder_{i}" for i in range(1, 6)]
    collaterals = [c.name for c in grown.collaterals]
    assert set(named) == {
        *ARTERIES,
        *PORTAL,
        *feeders,
        *collaterals,
        "hepatic_vein",
        "cystic_artery",
        "right_gastric",
        "splanchnic",
    }
    assert [f.name for f in grown.feeders] == feeders
    for name in ARTERIES + feeders:
        assert grown.graph.kind[named[name]] == Kind.ARTERIAL
    assert 2 * grown.graph.radius[named["proper_hepatic"]] == pytest.approx(5e-3)
    assert 2 * grown.graph.radius[named["portal_main"]] == pytest.approx(12e-3)
    for feeder in grown.feeders:
        assert feeder.edge == named[feeder.name]
        assert feeder.diameter == pytest.approx(2 * grown.graph.radius[feeder.edge])
        assert 0.3e-3 < feeder.diameter < 2.5e-3


def test_flow_reproduces_demand(full: tuple) -> None:
    lattice, _, grown, arterial, portal, solver = full
    flow = solver.solve(grown.patent).edge_flow
    for kind, wanted in ((Kind.ARTERIAL, arterial), (Kind.PORTAL, portal)):
        due = np.bincount(grown.exchange_of_site, wanted) * lattice.site_volume
        assert np.allclose(exchange_inflow(grown.graph, flow, kind), due, rtol=1e-6, atol=0.0)


def test_trunk_carries_the_whole_liver(full: tuple) -> None:
    lattice, compartment, grown, arterial, portal, solver = full
    flow = solver.solve(grown.patent).edge_flow
    liver = np.flatnonzero(compartment == 0)
    outside = PARAMETERS["vessels.liver_volume"] - len(liver) * lattice.site_volume
    for name, q in (("proper_hepatic", arterial), ("portal_main", portal)):
        due = q.sum() * lattice.site_volume + outside * q[liver[0]]
        if name == "proper_hepatic":  # it supplies gallbladder and stomach too
            due += PARAMETERS["vessels.cystic_artery_flow"] + PARAMETERS["vessels.right_gastric_flow"]
        assert flow[grown.graph.named[name]] == pytest.approx(due, rel=1e-6)
    assert flow[grown.graph.named["left"]] > 0.2 * flow[grown.graph.named["proper_hepatic"]]


def test_murray_at_every_junction(full: tuple) -> None:
    graph = full[2].graph
    tree = np.isnan(graph.conductance)
    bed = ~tree & np.isin(graph.kind, (Kind.ARTERIAL, Kind.PORTAL)) & (full[2].patent > 0.0)
    n = graph.n_nodes
    for kind in (Kind.ARTERIAL, Kind.PORTAL):
        of = graph.kind == kind
        own = of & tree
        above = np.zeros(n)
        above[graph.head[own]] = graph.radius[own] ** 3
        below = np.bincount(graph.tail[of & (tree | bed)], graph.radius[of & (tree | bed)] ** 3, minlength=n)
        inner = (above > 0) & (below > 0)
        assert inner.sum() > 1500
        assert np.allclose(below[inner], above[inner], rtol=1e-9)


def test_conservation_and_pressures(full: tuple) -> None:
    solved = full[5].solve(full[2].patent)
    graph = full[2].graph
    assert solved.residual < 1e-9
    mmhg = solved.node_pressure / 133.322387415
    growth = full[2].compartment_of_exchange > 0
    assert np.allclose(mmhg[graph.exchange[~growth]], 5.0, rtol=1e-6)
    assert np.allclose(mmhg[graph.exchange[growth]], 6.0, rtol=1e-6)  # they drain into the liver around them
    tree = np.isnan(graph.conductance)
    for kind, low, high in ((Kind.ARTERIAL, 60, 90), (Kind.PORTAL, 6, 9), (Kind.VENOUS, 3, 4.5)):
        of = tree & (graph.kind == kind)
        ends = mmhg[np.concatenate([graph.tail[of], graph.head[of]])]
        assert ends.min() >= low - 1e-9
        assert ends.max() <= high + 1e-9


def test_feeders_share_the_tumour(full: tuple) -> None:
    grown = full[2]
    tumour = (grown.compartment_of_exchange > 0) & (grown.compartment_of_exchange < 200)
    dealt = np.concatenate([f.exchange for f in grown.feeders])
    assert np.array_equal(np.sort(dealt), np.flatnonzero(tumour))
    for feeder in grown.feeders:
        assert np.array_equal(territory(grown, feeder.name), feeder.exchange)
        assert len(np.unique(grown.compartment_of_exchange[feeder.exchange])) == 1  # 5 feeders, 4 compartments
    assert [f.diameter for f in grown.feeders] == sorted((f.diameter for f in grown.feeders), reverse=True)


def test_territories_nest(full: tuple) -> None:
    grown = full[2]
    every = territory(grown, "proper_hepatic")
    assert len(every) == 2000
    segments = [territory(grown, f"segment_{k}") for k in range(1, 9)]
    assert np.array_equal(np.sort(np.concatenate(segments)), every)
    assert sum(len(s) for s in segments[:4]) == 0
    assert np.array_equal(territory(grown, "right"), every)
    assert len(territory(grown, "portal_main")) == 2000
    liver = grown.compartment_of_exchange == 0
    for k in range(5, 9):
        mine = np.intersect1d(segments[k - 1], np.flatnonzero(liver))
        assert np.all(grown.segment_of_exchange[mine] == k)
    with pytest.raises(InputError, match="feeder_1"):
        territory(grown, "feedr_1")


def test_liver_arteries_go_round_the_tumour(full: tuple) -> None:
    lattice, compartment, grown, *_ = full
    graph = grown.graph
    arterial = graph.kind == Kind.ARTERIAL
    below = [graph.downstream_edges(f.edge, arterial.astype(float)) for f in grown.feeders]
    liver = np.setdiff1d(np.flatnonzero(arterial & np.isnan(graph.conductance)), np.concatenate(below))
    middle = 0.5 * (graph.node_pos[graph.tail[liver]] + graph.node_pos[graph.head[liver]])
    site = lattice.locate(middle)
    inside = (site >= 0) & (compartment[site] > 0) & (compartment[site] < 200)
    assert graph.length[liver][inside].sum() < 0.01 * graph.length[liver].sum()


def test_nodes_have_places_of_their_own(full: tuple) -> None:
    graph = full[2].graph
    assert len(np.unique(np.rint(graph.node_pos * 1e7), axis=0)) == graph.n_nodes
    assert len(np.unique(graph.edge_key)) == graph.n_edges


def test_same_patient_same_vessels_other_patient_others() -> None:
    case = tissue(spacing=4e-3)
    first, again, other = (grown_in(*case, patient=k)[0] for k in (3, 3, 4))
    assert first.graph.equals(again.graph)
    assert np.array_equal(first.exchange_of_site, again.exchange_of_site)
    assert first.graph.n_edges != other.graph.n_edges or not first.graph.equals(other.graph)


@pytest.mark.parametrize("feeders", [1, 2, 3, 4, 9])
def test_any_number_of_feeders(feeders: int) -> None:
    grown, *_ = grown_in(*tissue(spacing=4e-3), feeders=feeders, terminals=120)
    assert len(grown.feeders) == feeders
    homes = [set(grown.compartment_of_exchange[f.exchange]) for f in grown.feeders]
    if feeders <= 4:  # no compartment has two feeders
        assert sum(len(h) for h in homes) == 4
    else:
        assert all(len(h) == 1 for h in homes)


@pytest.mark.parametrize(
    ("box", "terminals"),
    [
        ({"slab": True}, 200),
        ({"slab": True, "spacing": 5e-3}, 2000),  # fewer sites than terminals
        ({"spacing": 3e-3}, 60),
        ({"diameter": 1e-3, "box": 2e-3, "spacing": 1e-4}, 60),
        ({"diameter": 90e-3, "box": 130e-3, "spacing": 6e-3}, 300),  # more liver than the right lobe
    ],
)
def test_slabs_and_small_and_large_boxes(box: dict, terminals: int) -> None:
    lattice, compartment, depth = tissue(**box)
    compartment[compartment == 200] = 0
    grown, arterial, _ = grown_in(lattice, compartment, depth, feeders=2, terminals=terminals)
    assert len(grown.graph.exchange) == min(terminals, lattice.n_sites)
    flow = FlowSolver(grown.graph, parameters=PARAMETERS).solve(grown.patent).edge_flow
    due = np.bincount(grown.exchange_of_site, arterial) * lattice.site_volume
    assert np.allclose(exchange_inflow(grown.graph, flow, Kind.ARTERIAL), due, rtol=1e-6)


def test_tissue_without_tumour_and_sites_without_tissue() -> None:
    lattice, compartment, depth = tissue(spacing=4e-3)
    compartment[:] = 0
    compartment[lattice.on_face()] = 255
    grown, *_ = grown_in(lattice, compartment, depth, feeders=0, terminals=80)
    assert grown.feeders == []
    assert np.array_equal(grown.exchange_of_site < 0, compartment == 255)
    assert not grown.weight_arterial[compartment == 255].any()


def test_what_cannot_be_grown_is_refused() -> None:
    lattice, compartment, depth = tissue(spacing=4e-3)
    with pytest.raises(InputError, match="8 terminals are too few"):
        grown_in(lattice, compartment, depth, terminals=8)
    with pytest.raises(InputError, match="at least 1 feeder"):
        grown_in(lattice, compartment, depth, feeders=0)
    with pytest.raises(InputError, match="holds no liver"):
        grown_in(lattice, np.ones_like(compartment), depth)
    narrow = load_parameters({"vessels.portal_main_diameter": "3 mm"})
    with pytest.raises(InputError, match=r"portal tree would lose .* Widen vessels.portal_main_diameter"):
        grown_in(lattice, compartment, depth, parameters=narrow)
    with pytest.raises(InputError, match="shape"):
        grown_in(lattice, compartment[:-1], depth)


def test_no_liver_in_the_box_with_a_given_rest() -> None:
    lattice, compartment, depth = tissue(spacing=4e-3)
    grown, *_ = grown_in(lattice, np.ones_like(compartment), depth, feeders=2, rest_perfusion=(0.002, 0.009))
    flow = FlowSolver(grown.graph, parameters=PARAMETERS).solve(grown.patent).edge_flow
    assert flow[grown.graph.named["left"]] > 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(1e-6, 1e3), st.integers(1, 60), st.integers(1, 4)), min_size=1, max_size=12),
    st.integers(0, 300),
)
def test_share_out(rows: list[tuple[float, int, int]], extra: int) -> None:
    weight = np.array([r[0] for r in rows])
    most = np.array([max(r[1], r[2]) for r in rows])
    least = np.array([r[2] for r in rows])
    total = int(least.sum()) + extra
    count = share_out(total, weight, most, least)
    assert count.sum() == min(total, most.sum())
    assert np.all((count >= least) & (count <= most))
    free = (count > least) & (count < most)  # what is not at a limit is proportional
    level = count[free] / weight[free]
    for a, w in zip(count[free], weight[free], strict=True):
        assert a == pytest.approx(np.median(level) * w, abs=1.0 + 0.5 * w / weight[free].min())


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(1, 14), st.integers(0, 2**32 - 1))
def test_deal(compartments: int, feeders: int, patient: int) -> None:
    rng = np.random.default_rng(compartments * 100 + feeders)
    home = np.repeat(np.arange(1, compartments + 1), 20).astype(np.uint8)
    position, need = rng.normal(size=(len(home), 3)), rng.uniform(0.5, 1.5, len(home))
    parts = deal(home, position, need, feeders, 1, patient)
    assert len(parts) == feeders if feeders > compartments else len(parts) == min(feeders, compartments)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(home)))
    assert all(len(p) for p in parts)
    load = [need[p].sum() for p in parts]
    assert load == sorted(load, reverse=True)
    own = feeders_of(np.ones(compartments), feeders)
    assert own.sum() == (feeders if feeders > compartments else 0)


def test_rest_of_the_liver() -> None:
    part = rest_volumes({5: 50e-6, 6: 0.0, 7: 120e-6, 8: 90e-6}, PARAMETERS)
    assert sum(part.values()) == pytest.approx(1500e-6 - 260e-6)
    assert part[2] == pytest.approx(0.08 * 1500e-6)
    beyond = rest_volumes({8: 2000e-6}, PARAMETERS)
    assert [beyond[k] for k in (5, 6, 7, 8)] == [0.0] * 4
