"""Oxygen in the blood of a network: carried along by the flow, given off through the walls.

Blood of haematocrit H and pressure p holds H x capacity x saturation(p) + solubility x p. At a node all that
arrives is mixed; what leaves has one pressure, and each vessel its own haematocrit, so that no oxygen is lost
where plasma and cells part. Along a vessel each piece solves

    Q (c(p_in) - c(p_out)) = C (p - p_tissue),   p = w p_out + (1 - w) p_in

with w between 1/2 (a short piece, second order) and 1 (a piece that gives off all it can), from the exact
solution of the linear problem; so p stays between blood and tissue, whatever flow and length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorsim._jit import njit
from tumorsim.errors import InputError
from tumorsim.fields.haemoglobin import saturation
from tumorsim.vessels.flow import Flow
from tumorsim.vessels.graph import VesselGraph

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STILL = 1e-12  # share of the inflow below which a flow is rounding
_STEPS = 200


@dataclass(frozen=True)
class Blood:
    """How blood carries oxygen; gas as m3 per m3.

    Attributes
    ----------
    capacity : float
        Oxygen bound by fully saturated red cells, per volume of red cells [-].
    p50, hill : float
        Half-saturation pressure [mmHg] and exponent of the saturation curve (Hill 1910).
    solubility : float
        Dissolved oxygen per volume of blood [1/mmHg].
    """

    capacity: float
    p50: float
    hill: float
    solubility: float

    def content(self, pressure: float, haematocrit: float) -> float:
        """Oxygen in blood [m3 gas per m3] at ``pressure`` [mmHg]."""
        bound = self.capacity * haematocrit * saturation(pressure, self.p50, self.hill)
        return float(bound + self.solubility * pressure)


@dataclass(frozen=True)
class Routes:
    """A flow made ready for marching along it.

    Attributes
    ----------
    node_order : int64, shape (n,)
        Nodes, each after all nodes whose blood it gets.
    first, out : int64, shape (n + 1,), (edges with flow,)
        Edges that leave each node.
    target : int64, shape (m,)
        Node at the downstream end of every edge.
    forward : bool, shape (m,)
        True where blood runs from tail to head.
    flow, haematocrit : float64, shape (m,)
        Flow [m3/s], not negative, 0 where it is only rounding; discharge haematocrit [-].
    entering_flow, entering : float64, shape (n,)
        Blood that enters the network at a node [m3/s], and its oxygen [m3/s].
    leaving, leaving_haematocrit : float64, shape (n,)
        Blood that leaves the network at a node [m3/s], and its haematocrit.
    """

    node_order: Ints
    first: Ints
    out: Ints
    target: Ints
    forward: NDArray[np.bool_]
    flow: Floats
    haematocrit: Floats
    entering_flow: Floats
    entering: Floats
    leaving: Floats
    leaving_haematocrit: Floats


def routes(graph: VesselGraph, flow: Flow, blood: Blood, haematocrit: Floats, inlet: Floats) -> Routes:
    """Order a solved flow.

    Parameters
    ----------
    graph : VesselGraph
    flow : Flow
    blood : Blood
    haematocrit : array, shape (m,)
        Discharge haematocrit of every edge [-].
    inlet : array, shape (b,)
        Oxygen pressure of the blood that enters at every boundary node [mmHg].

    Raises
    ------
    InputError
        Where blood runs in a circle: such a flow does not come from pressures.
    """
    n = graph.n_nodes
    size = np.abs(flow.edge_flow)
    size = np.where(size > STILL * flow.inflow, size, 0.0)
    forward = flow.edge_flow >= 0.0
    source = np.where(forward, graph.tail, graph.head).astype(np.int64)
    target = np.where(forward, graph.head, graph.tail).astype(np.int64)
    moving = np.flatnonzero(size)
    out = moving[np.argsort(source[moving], kind="stable")]
    first = np.concatenate(([0], np.cumsum(np.bincount(source[moving], minlength=n)))).astype(np.int64)
    order, done = _ordered(first, out, target, np.bincount(target[moving], minlength=n))
    if done < n:
        raise InputError(f"oxygen: blood runs in a circle through {n - done} nodes; solve the flow from pressures")
    cells_out = np.bincount(source, size * haematocrit, minlength=n)
    cells_in = np.bincount(target, size * haematocrit, minlength=n)
    flow_out, flow_in = np.bincount(source, size, minlength=n), np.bincount(target, size, minlength=n)
    entering_flow, entering, leaving, left_cells = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    for row, node in enumerate(graph.boundary_node):
        through = flow.boundary_flow[row]
        if through > STILL * flow.inflow:
            given = graph.boundary_haematocrit[row]
            if math.isnan(given) or flow_in[node] == 0.0:  # as in the vessels it feeds: they keep its pressure
                given = cells_out[node] / flow_out[node] if flow_out[node] > 0.0 else 0.0
            entering_flow[node] += through
            entering[node] += through * blood.content(float(inlet[row]), float(given))
        elif -through > STILL * flow.inflow:
            leaving[node] -= through
            left_cells[node] = cells_in[node] / flow_in[node] if flow_in[node] > 0.0 else 0.0
    return Routes(order, first, out, target, forward, size, haematocrit, entering_flow, entering, leaving, left_cells)


@njit
def _ordered(first, out, target, waiting):  # type: ignore[no-untyped-def]
    """Nodes in the order of the flow, and how many could be placed."""
    n = len(first) - 1
    order = np.empty(n, np.int64)
    placed = 0
    for node in range(n):
        if waiting[node] == 0:
            order[placed] = node
            placed += 1
    seen = 0
    while seen < placed:
        node = order[seen]
        seen += 1
        for row in range(first[node], first[node + 1]):
            other = target[out[row]]
            waiting[other] -= 1
            if waiting[other] == 0:
                order[placed] = other
                placed += 1
    return order, placed


@njit
def pressure_of_content(bound, dissolved, amount, p50, hill):  # type: ignore[no-untyped-def]
    """The p >= 0 with ``bound saturation(p) + dissolved p = amount``; ``dissolved`` above 0."""
    if amount <= 0.0:
        return 0.0
    low, high = max(0.0, (amount - bound) / dissolved), amount / dissolved
    p = min(high, p50)
    p = max(p, low)
    for _ in range(_STEPS):
        share = saturation(p, p50, hill)
        miss = bound * share + dissolved * p - amount
        if miss > 0.0:
            high = p
        else:
            low = p
        slope = dissolved + (bound * hill * share * (1.0 - share) / p if p > 0.0 else 0.0)
        after = p - miss / slope
        if not low < after < high:
            after = 0.5 * (low + high)
        if abs(after - p) <= 1e-15 * p:
            return after
        p = after
    return p


@njit
def march(  # type: ignore[no-untyped-def]
    order, first, out, target, forward, flow, haematocrit, entering, leaving, leaving_haematocrit,
    piece_first, conductance, tissue, capacity, p50, hill, solubility, node, piece, given_off,
):  # fmt: skip
    """Carry oxygen along the flow; returns what leaves the network [m3/s].

    ``conductance`` [m3/s/mmHg] and ``tissue`` [mmHg] belong to the pieces of edges (``piece_first``); filled
    are the pressures of nodes and pieces [mmHg] and what every piece gives off [m3/s]. Pieces without flow
    give off nothing and have the pressure of the tissue.
    """
    arriving = entering.copy()
    outflow = 0.0
    for e in range(len(flow)):
        if flow[e] == 0.0:
            for k in range(piece_first[e], piece_first[e + 1]):
                piece[k] = tissue[k]
                given_off[k] = 0.0
    for at in order:
        cells = leaving[at] * leaving_haematocrit[at]
        volume = leaving[at]
        for row in range(first[at], first[at + 1]):
            cells += flow[out[row]] * haematocrit[out[row]]
            volume += flow[out[row]]
        if volume == 0.0:
            node[at] = math.nan
            continue
        mixed = pressure_of_content(capacity * cells, solubility * volume, arriving[at], p50, hill)
        node[at] = mixed
        share = saturation(mixed, p50, hill)
        outflow += leaving[at] * (capacity * leaving_haematocrit[at] * share + solubility * mixed)
        for row in range(first[at], first[at + 1]):
            e = out[row]
            bound = flow[e] * capacity * haematocrit[e]
            dissolved = flow[e] * solubility
            p = mixed
            carried = bound * share + dissolved * p
            for step in range(piece_first[e + 1] - piece_first[e]):
                k = piece_first[e] + step if forward[e] else piece_first[e + 1] - 1 - step
                c = conductance[k]
                if c == 0.0:
                    piece[k] = p
                    given_off[k] = 0.0
                    continue
                # how fast the content changes with p; never faster than on the mean from blood to tissue, so that
                # what leaves the piece lies between the two
                at_p = saturation(p, p50, hill)
                slope = dissolved + (bound * hill * at_p * (1.0 - at_p) / p if p > 0.0 else 0.0)
                if abs(p - tissue[k]) > 1e-6 * p:
                    mean = bound * (at_p - saturation(tissue[k], p50, hill)) / (p - tissue[k])
                    slope = min(slope, dissolved + mean)
                x = c / slope
                w = 1.0 / -math.expm1(-x) - 1.0 / x if x > 1e-4 else 0.5 + x / 12.0
                rest = carried - c * ((1.0 - w) * p - tissue[k])
                after = pressure_of_content(bound, dissolved + c * w, rest, p50, hill)
                piece[k] = w * after + (1.0 - w) * p
                given_off[k] = c * (piece[k] - tissue[k])
                carried -= given_off[k]
                p = after
            arriving[target[e]] += carried
    return outflow
