"""Beads in any network: they ride the flow from a node or a vessel, and lodge where it is too narrow.

`tumorsim.vessels.beads` serves grown patients, whose feeding vessels point away from the heart. A network from
a file may have no kinds, loops, and vessels whose flow turns when others close. So here a bead follows the
flow as it is at the moment: at a junction it takes a way out in proportion to its flow (what leaves the
network there is one), it lodges in the first vessel no wider than itself and closes it, and the flow is solved
again. A bed (calibrated conductance, feeding kind) stands for a tree of arterioles and is closed arteriole by
arteriole, as in `tumorsim.vessels.beads`. Bead number k has one path for one flow: keyed chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim._jit import njit
from tumorsim.chance import Purpose, entity_of_name, uniform
from tumorsim.errors import InputError
from tumorsim.vessels.flow import Flow, FlowSolver
from tumorsim.vessels.graph import Kind, VesselGraph

MOST_BEADS = 200_000  # then so few are caught that injection makes no difference
BATCH = 512  # beads between two looks whether any can still lodge
_BEAD = int(Purpose.BEAD)
_INDEX = 255  # the index of a draw has 8 bits; junctions beyond go into its step
_HIGH = np.uint64(0xFFFFFFFF00000000)


@dataclass(frozen=True)
class Ride:
    """What became of the beads.

    Attributes
    ----------
    given, lodged, passed : int
        Beads injected, caught in a vessel, and carried out of the network.
    flow_before, flow_after : float
        Flow away from where they are injected [m3/s].
    why : str
        Why injection ended.
    edge_open : array, shape (m,)
        Share of its conductance each vessel has afterwards [-].
    edge_beads : array of int, shape (m,)
        Beads each vessel holds.
    """

    given: int
    lodged: int
    passed: int
    flow_before: float
    flow_after: float
    why: str
    edge_open: NDArray[np.float64]
    edge_beads: NDArray[np.int64]


@njit
def _send(  # type: ignore[no-untyped-def]
    first, last, start_edge, start_node, size, diameter, is_bed, sink, out_start, out_edges, flow, drained, entity,
    lodged, blocked,
):  # fmt: skip
    """Send beads down a fixed flow until a vessel closes; (how many were sent, how many left the network)."""
    passed = 0
    for number in range(first, last):
        who = np.uint64(entity) | np.uint64(number)
        edge, node, depth = start_edge, start_node, 0
        while True:
            if edge >= 0:
                if is_bed[edge]:
                    ratio = min(1.0, size / diameter[edge])
                    lodged[edge] += 1
                    blocked[edge] += ratio * ratio * ratio
                    break
                if size >= diameter[edge]:
                    lodged[edge] += 1
                    blocked[edge] = 1.0
                    return number + 1 - first, passed
                node = sink[edge]
            total = drained[node]
            for k in range(out_start[node], out_start[node + 1]):
                total += abs(flow[out_edges[k]])
            pick = uniform(0, 0, _BEAD, who, 0, depth // _INDEX, depth % _INDEX) * total - drained[node]
            depth += 1
            edge = -1
            if pick >= 0.0:
                for k in range(out_start[node], out_start[node + 1]):
                    edge = out_edges[k]
                    pick -= abs(flow[edge])
                    if pick < 0.0:
                        break
            if edge < 0:
                passed += 1
                break
    return last - first, passed


class _Ways:
    """Where blood goes from every node under one flow."""

    def __init__(self, graph: VesselGraph, flow: Flow, least: float) -> None:
        moving = np.flatnonzero(np.abs(flow.edge_flow) > least)
        forward = flow.edge_flow > 0.0
        source = np.where(forward, graph.tail, graph.head)
        self.sink = np.where(forward, graph.head, graph.tail).astype(np.int64)
        self.edges = moving[np.argsort(source[moving], kind="stable")]
        self.start = np.searchsorted(source[self.edges], np.arange(graph.n_nodes + 1))
        self.drained = np.zeros(graph.n_nodes)
        out = flow.boundary_flow < 0.0
        self.drained[graph.boundary_node[out]] = -flow.boundary_flow[out]

    def below(self, edge: int, node: int) -> NDArray[np.int64]:
        """Vessels that blood reaches from a vessel (with itself), or from a node."""
        waiting = [edge] if edge >= 0 else self.edges[self.start[node] : self.start[node + 1]].tolist()
        seen = set(waiting)
        while waiting:
            n = self.sink[waiting.pop()]
            new = [e for e in self.edges[self.start[n] : self.start[n + 1]].tolist() if e not in seen]
            seen.update(new)
            waiting.extend(new)
        return np.array(sorted(seen), dtype=np.int64)


def ride(
    solver: FlowSolver,
    size: float,
    *,
    node: int = -1,
    edge: int = -1,
    edge_open: NDArray[np.float64],
    endpoint: float,
    lodging_factor: float,
    batch_share: float,
) -> Ride:
    """Inject beads until the flow stands, or until none of them can lodge any more.

    Parameters
    ----------
    solver : FlowSolver
        Of the network, with the viscosities of the blood in it.
    size : float
        Diameter of the beads [m].
    node, edge : int
        Where they are injected: a node, or a vessel; the other is -1.
    edge_open : array, shape (m,)
        Share of its conductance each vessel has before; not changed.
    endpoint : float
        Share of the flow at the place of injection at which it stops (stasis) [-].
    lodging_factor : float
        A bead lodges in a vessel no wider than this many bead diameters [-].
    batch_share : float
        Beads released between two solutions of the flow, as a share of the open arterioles of the beds below.

    Raises
    ------
    InputError
        Where no blood leaves the place of injection.
    """
    graph = solver.graph
    share = np.array(edge_open, dtype=np.float64)
    beads = np.zeros(graph.n_edges, dtype=np.int64)
    diameter, grip = 2.0 * graph.radius, lodging_factor * size
    feeding = (graph.kind == Kind.ARTERIAL) | (graph.kind == Kind.EXTRAHEPATIC)
    is_bed = np.isfinite(graph.conductance) & feeding
    place = graph.edge_name[edge] if edge >= 0 else graph.node_name[node]
    entity = np.uint64(entity_of_name(f"{place} {size:.9g}")) & _HIGH
    flow = solver.solve(share)
    least = 1e-12 * flow.inflow
    ways = _Ways(graph, flow, least)
    before = left = _leaving(ways, flow, edge, node)
    if before <= least:
        raise InputError("no blood flows away from there, so none would carry the beads")
    given = passed = 0
    why = "stasis"
    while left > endpoint * before:
        below = ways.below(edge, node)
        if not np.any(is_bed[below] | (grip >= diameter[below])):
            why = "no vessel that blood reaches from there is narrow enough to hold a bead"
            break
        if given >= MOST_BEADS:
            why = f"{MOST_BEADS} beads were given, and hardly any more lodge"
            break
        arterioles = float(np.sum(share[below] * is_bed[below] * np.maximum(1.0, diameter[below] / grip) ** 3))
        batch = max(1, int(batch_share * arterioles)) if arterioles > 0.0 else BATCH
        lodged, blocked = np.zeros_like(beads), np.zeros(graph.n_edges)
        sent, lost = _send(
            given, min(given + batch, MOST_BEADS), edge, node, grip, diameter, is_bed, ways.sink, ways.start,
            ways.edges, flow.edge_flow, ways.drained, entity, lodged, blocked,
        )  # fmt: skip
        given, passed = given + sent, passed + lost
        beads += lodged
        hit = np.flatnonzero(blocked)
        if len(hit):
            share[hit] = _left(share[hit] - blocked[hit], grip, diameter[hit])
            flow = solver.solve(share)
            ways = _Ways(graph, flow, least)
            left = _leaving(ways, flow, edge, node)
    return Ride(given, int(beads.sum()), passed, before, max(left, 0.0), why, share, beads)


def _leaving(ways: _Ways, flow: Flow, edge: int, node: int) -> float:
    if edge >= 0:
        return float(abs(flow.edge_flow[edge]))
    out: Any = ways.edges[ways.start[node] : ways.start[node + 1]]
    return float(np.abs(flow.edge_flow[out]).sum())


def _left(share: NDArray[np.float64], grip: float, diameter: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share left open, with less than half an arteriole counted as none."""
    half = 0.5 * np.minimum(1.0, grip / diameter) ** 3
    return np.where(share < half, 0.0, share)
