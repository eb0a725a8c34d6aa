"""The quick solver: order and pattern, no lost digits, and no memory that shows."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csc_array
from scipy.sparse.linalg import splu

from tumorsim.errors import InputError
from tumorsim.vessels.boundaries import pieces_of
from tumorsim.vessels.elimination import Elimination
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import VesselGraph
from tumorsim.vessels.ordering import pattern_of

seeds = st.integers(0, 2**32 - 1)

# --- the plain way, which the quick one is tested against ------------------------------------------------------------


def plain_flow(graph: VesselGraph, conductance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Assemble, factorise, refine: flow of every edge [m3/s], pressure of every node [Pa] or nan."""
    n = graph.n_nodes
    pieces = pieces_of(graph, conductance > 0.0)
    open_edge = (conductance > 0.0) & pieces.live[graph.tail]
    twigs = dead_ends(graph, open_edge, pieces.fixed | (pieces.source != 0.0))
    for _, _, edge in twigs:
        open_edge[edge] = False
    used = np.flatnonzero(open_edge)
    tail, head, g = graph.tail[used], graph.head[used], conductance[used]
    touched = np.zeros(n, dtype=bool)
    touched[tail] = touched[head] = True
    free = touched & ~pieces.fixed
    pressure = np.where(pieces.fixed, pieces.pressure, 0.0)
    flow = g * (pressure[tail] - pressure[head])
    if free.any():
        solve = factorised(free, tail, head, g)
        for _ in range(5):
            surplus = pieces.source + np.bincount(head, flow, minlength=n) - np.bincount(tail, flow, minlength=n)
            step = np.zeros(n)
            step[free] = solve(surplus[free])
            pressure += step
            flow += g * (step[tail] - step[head])
    edge_flow = np.zeros(graph.n_edges)
    edge_flow[used] = flow
    node_pressure = np.where(touched | pieces.fixed, pressure, pieces.pressure)
    for leaf, parent, _ in reversed(twigs):
        node_pressure[leaf] = node_pressure[parent]
    return edge_flow, node_pressure


def factorised(free, tail, head, g):
    """A function that solves the weighted Laplacian of the free nodes, scaled by its diagonal."""
    n, k = len(free), int(free.sum())
    row = np.full(n, -1)
    row[free] = np.arange(k)
    diagonal = (np.bincount(tail, g, minlength=n) + np.bincount(head, g, minlength=n))[free]
    scale = 1.0 / np.sqrt(diagonal)
    a, b = row[tail], row[head]
    both = (a >= 0) & (b >= 0)
    a, b = a[both], b[both]
    off = -g[both] * scale[a] * scale[b]
    place = (np.concatenate([a, b, np.arange(k)]), np.concatenate([b, a, np.arange(k)]))
    factor = splu(csc_array(coo_array((np.concatenate([off, off, np.ones(k)]), place), shape=(k, k))))
    return lambda surplus: scale * factor.solve(scale * surplus)


def dead_ends(graph, open_edge, kept):
    """(tip, next node, edge) of twigs without flow, from the tips inwards."""
    found, alive = [], set(np.flatnonzero(open_edge).tolist())
    while True:
        degree = np.zeros(graph.n_nodes, dtype=int)
        for e in alive:
            degree[graph.tail[e]] += 1
            degree[graph.head[e]] += 1
        tips = []
        for e in sorted(alive):
            for end, other in ((graph.tail[e], graph.head[e]), (graph.head[e], graph.tail[e])):
                if degree[end] == 1 and not kept[end]:
                    tips.append((end, other, e))
                    break
        if not tips:
            return found
        found += tips
        alive -= {e for _, _, e in tips}


# --- networks ------------------------------------------------------------------------------------------


def random_ends(seed: int, n: int, m: int) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    tail = rng.integers(0, n, m)
    return tail.astype(np.int32), ((tail + rng.integers(1, n, m)) % n).astype(np.int32), rng


def lattice(side: int) -> tuple[np.ndarray, np.ndarray]:
    at = np.arange(side * side).reshape(side, side)
    tail = np.concatenate([at[:, :-1].ravel(), at[:-1].ravel()])
    return tail.astype(np.int32), np.concatenate([at[:, 1:].ravel(), at[1:].ravel()]).astype(np.int32)


def random_graph(seed: int, n: int = 40, m: int = 70) -> VesselGraph:
    """Radii over three decades, a few pressures and a given inflow that can always leave."""
    tail, head, rng = random_ends(seed, n, m)
    ring = np.arange(n)
    tail, head = np.concatenate([tail, ring]), np.concatenate([head, (ring + 1) % n])
    return VesselGraph(
        rng.random((n, 3)) * 0.1, tail, head, 10.0 ** rng.uniform(np.log10(5e-6), np.log10(6e-3), len(tail)),
        boundary_node=[0, 7, 21, 30], boundary_type=[0, 0, 0, 2], boundary_value=[13000, 1200, 400, 1e-9],
    )  # fmt: skip


def test_trees_gain_no_connection():
    head = np.arange(1, 127, dtype=np.int32)
    tail = ((head - 1) // 2).astype(np.int32)
    pattern = pattern_of(tail, head, np.zeros(127, dtype=bool))
    assert len(pattern.row) == len(tail)


def test_pattern_of_a_lattice_is_far_from_full():
    tail, head = lattice(40)
    entries = len(pattern_of(tail, head, np.zeros(1600, dtype=bool)).row)
    assert len(tail) < entries < 16 * 1600


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(3, 40), st.integers(1, 80))
def test_pattern_holds_exactly_what_elimination_fills(seed, n, m):
    """Against sets, eliminated in the order found; nodes never eliminated stay out; parallel edges count once."""
    tail, head, rng = random_ends(seed, n, m)
    never = rng.random(n) < 0.2
    p = pattern_of(tail, head, never)
    assert sorted(p.place.tolist()) == list(range(n))
    around = [set() for _ in range(n)]
    for a, b in zip(tail, head, strict=True):
        if not (never[a] or never[b]):
            around[p.place[a]].add(int(p.place[b]))
            around[p.place[b]].add(int(p.place[a]))
    for j in range(n):
        later = sorted(i for i in around[j] if i > j)
        assert p.row[p.column_start[j] : p.column_start[j + 1]].tolist() == later
        for i in later:
            around[i] |= {k for k in later if k != i}
    for i in range(n):
        mine = slice(p.row_start[i], p.row_start[i + 1])
        assert np.all(p.row[p.entry[mine]] == i) and np.all(np.diff(p.column[mine]) > 0)
    for e in range(m):
        if never[tail[e]] or never[head[e]]:
            assert p.slot[e] == -1
        else:
            assert p.row[p.slot[e]] == max(p.place[tail[e]], p.place[head[e]])
    for j in range(1, n):
        if p.block[j] == p.block[j - 1]:
            before = p.row[p.column_start[j - 1] : p.column_start[j]].tolist()
            assert before == [j, *p.row[p.column_start[j] : p.column_start[j + 1]].tolist()]


def test_no_digit_is_lost_over_thirty_decades():
    """A ladder of conductances from 1e-15 to 1e15, against exact fractions."""
    n = 12
    tail = np.array([*range(n - 1), *range(n - 2)], dtype=np.int32)
    head = np.array([*range(1, n), *range(2, n)], dtype=np.int32)
    g = 10.0 ** np.random.default_rng(3).uniform(-15, 15, len(tail))
    fixed = np.zeros(n, dtype=bool)
    fixed[0] = True
    solver = Elimination(tail, head, fixed)
    solver.factorise(~fixed, g)
    surplus = np.zeros(n)
    surplus[n - 1] = 1.0
    matrix = [[Fraction(0)] * n for _ in range(n)]
    for a, b, c in zip(tail, head, g, strict=True):
        for i, j in ((a, b), (b, a)):
            matrix[i][i] += Fraction(float(c))
            matrix[i][j] -= Fraction(float(c))
    rows = [[*row[1:], Fraction(int(i == n - 1))] for i, row in enumerate(matrix)][1:]
    for k in range(n - 1):
        for i in range(k + 1, n - 1):
            factor = rows[i][k] / rows[k][k]
            rows[i] = [x - factor * y for x, y in zip(rows[i], rows[k], strict=True)]
    exact = [Fraction(0)] * (n - 1)
    for k in range(n - 2, -1, -1):
        exact[k] = (rows[k][-1] - sum(rows[k][j] * exact[j] for j in range(k + 1, n - 1))) / rows[k][k]
    assert solver.solve(surplus)[1:] == pytest.approx([float(x) for x in exact], rel=1e-13)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_flows_are_those_of_the_plain_way(seed):
    graph = random_graph(seed)
    rng = np.random.default_rng(seed + 1)
    share = np.where(rng.random(graph.n_edges) < 0.25, 0.0, rng.uniform(0.2, 3.0, graph.n_edges))
    solver = FlowSolver(graph)
    for given_share in (np.ones(graph.n_edges), share):
        try:
            flow = solver.solve(given_share)
        except InputError:
            continue  # the given inflow is cut off from all pressures
        edge_flow, pressure = plain_flow(graph, solver.conductance * given_share)
        # conductances range over many decades: both ways round by that much
        assert np.abs(flow.edge_flow - edge_flow).max() <= 1e-11 * max(flow.inflow, np.abs(edge_flow).max())
        assert np.array_equal(np.isnan(flow.node_pressure), np.isnan(pressure))
        assert flow.node_pressure == pytest.approx(pressure, rel=1e-11, nan_ok=True)
        assert not flow.edge_flow[given_share == 0.0].any()


def test_lattice_of_capillaries_is_that_of_the_plain_way():
    """Large enough for blocks of columns that are summed side by side, four at a time."""
    tail, head = lattice(30)
    rng = np.random.default_rng(5)
    sides = np.concatenate([np.arange(0, 900, 30), np.arange(29, 900, 30)])
    graph = VesselGraph(
        rng.random((900, 3)), tail, head, rng.uniform(3e-6, 2e-5, len(tail)), boundary_node=sides,
        boundary_type=np.zeros(60), boundary_value=np.repeat([4000.0, 1000.0], 30),
    )  # fmt: skip
    solver = FlowSolver(graph)
    share = np.ones(graph.n_edges)
    share[rng.integers(0, graph.n_edges, 200)] = 0.0
    for given_share in (np.ones(graph.n_edges), share):
        edge_flow, _ = plain_flow(graph, solver.conductance * given_share)
        flow = solver.solve(given_share)
        assert np.abs(flow.edge_flow - edge_flow).max() <= 1e-12 * flow.inflow


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 6))
def test_what_was_solved_before_changes_no_bit(seed, steps):
    """Any history, then one pattern: the same bits as a solver that has never solved anything."""
    graph = random_graph(seed)
    rng = np.random.default_rng(seed)
    used = FlowSolver(graph)
    share = np.ones(graph.n_edges)
    for _ in range(steps):
        hit = rng.integers(0, graph.n_edges, rng.integers(1, 30))
        share[hit] = rng.choice([0.0, 0.5, 1.0, 2.0], len(hit))
        try:
            flow = used.solve(share.copy())
        except InputError:
            continue
        fresh = FlowSolver(graph).solve(share)
        assert flow.edge_flow.tobytes() == fresh.edge_flow.tobytes()
        assert flow.node_pressure.tobytes() == fresh.node_pressure.tobytes()


def test_history_with_pieces_cut_off_and_back():
    """A piece with given flows only is pinned at a node, which is free again once a pressure reaches it."""
    graph = VesselGraph(
        np.random.default_rng(0).random((6, 3)), [0, 1, 2, 3, 4], [1, 2, 3, 4, 5], np.full(5, 1e-4),
        conductance=np.array([1.0, 2, 3, 4, 5]), boundary_node=[0, 3, 5], boundary_type=[0, 2, 2],
        boundary_value=[10.0, 1.0, -1.0],
    )  # fmt: skip
    cut = np.array([1.0, 0, 1, 1, 1])
    fresh = FlowSolver(graph).solve(cut)
    assert any("relative" in note for note in fresh.notes)
    solver = FlowSolver(graph)
    whole = solver.solve()
    assert solver.solve(cut).node_pressure.tobytes() == fresh.node_pressure.tobytes()
    assert solver.solve().node_pressure.tobytes() == whole.node_pressure.tobytes()


def test_closing_a_few_vessels_makes_few_columns_anew():
    head = np.arange(1, 2047, dtype=np.int32)
    tail = ((head - 1) // 2).astype(np.int32)
    never = np.zeros(2047, dtype=bool)
    never[[0, *range(1023, 2047)]] = True
    g = np.random.default_rng(1).uniform(1.0, 9.0, len(head))
    solver = Elimination(tail, head, never)
    solver.factorise(~never, g)
    assert solver.columns_made >= (~never).sum()
    closed = g.copy()
    closed[[900, 300]] = 0.0
    solver.factorise(~never, closed)
    assert 0 < solver.columns_made <= 4 * 11
    solver.factorise(~never, closed)
    assert solver.columns_made == 0


def test_nothing_is_solved_before_anything_is_factorised():
    with pytest.raises(RuntimeError, match="nothing has been factorised"):
        Elimination(*lattice(3), np.zeros(9, dtype=bool)).solve(np.ones(9))
