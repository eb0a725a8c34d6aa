"""Beads that ride the flow from a catheter, split at junctions, lodge by diameter and close vessels.

A bead follows the blood: at a junction it takes an outgoing vessel with probability proportional to its
flow. It lodges in the first vessel that is no wider than the bead. The finest vessels of the graph, the
beds that end at an exchange node, stand for a tree of arterioles: by Murray's law (1926) a bed fed by a
vessel of diameter d holds (d/D)^3 arterioles of diameter D, all with the same flow, and one bead of
diameter D closes one of them. Blood, and so the next bead, goes to what is still open. Small beads
therefore lodge further out, and more of them are needed.

Beads are entities: the path of bead number k of a delivery is a function of (seed, patient, delivery, k),
whatever the other beads do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim._jit import njit
from tumorsim.chance import Purpose, normal_quantile, uniform
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import Kind, VesselGraph

OPEN, EMBOLISED, COAGULATED = 0, 1, 2
_BEAD, _SIZE = int(Purpose.BEAD), int(Purpose.BEAD_LODGE)
_MAX_DEPTH = 255  # junctions a bead may pass: the index of a draw has 8 bits
_DELIVERY_SHIFT = 32  # an entity is the delivery's hash in the high word and the bead's number in the low one
_SIZE_CUT = 3.0  # a size distribution is cut at this many standard deviations, as sieved beads are


@njit
def _route(
    first: int,
    last: int,
    start: int,
    size: float,
    spread: float,
    factor: float,
    diameter: Any,
    is_bed: Any,
    sink: Any,
    out_start: Any,
    out_edges: Any,
    flow: Any,
    seed: int,
    patient: int,
    delivery: int,
    lodged: Any,
    blocked: Any,
) -> int:
    """Send beads ``first .. last-1`` down a fixed flow; returns how many left the graph without lodging.

    ``lodged[edge]`` counts beads; ``blocked[edge]`` sums the share of the edge's arterioles they close.
    """
    lost = 0
    for number in range(first, last):
        entity = np.uint64(delivery) ^ np.uint64(number)
        bead = size
        if spread > 0.0:
            z = normal_quantile(uniform(seed, patient, _SIZE, entity, 0, 0, 0))
            bead = size + spread * min(_SIZE_CUT, max(-_SIZE_CUT, z))
        edge = start
        depth = 0
        while True:
            if is_bed[edge]:
                lodged[edge] += 1
                ratio = factor * bead / diameter[edge]
                blocked[edge] += 1.0 if ratio >= 1.0 else ratio * ratio * ratio
                break
            if factor * bead >= diameter[edge]:
                lodged[edge] += 1
                blocked[edge] = 1.0
                break
            node = sink[edge]
            total = 0.0
            for k in range(out_start[node], out_start[node + 1]):
                total += max(0.0, flow[out_edges[k]])
            if total <= 0.0 or depth >= _MAX_DEPTH:
                lost += 1
                break
            pick = uniform(seed, patient, _BEAD, entity, 0, 0, depth) * total
            depth += 1
            chosen = -1
            for k in range(out_start[node], out_start[node + 1]):
                f = max(0.0, flow[out_edges[k]])
                if f > 0.0:
                    chosen = out_edges[k]
                    if pick < f:
                        break
                    pick -= f
            edge = chosen
    return lost


@dataclass(frozen=True)
class Delivery:
    """What became of one delivery of beads through one catheter.

    ``delivered`` beads left the catheter, ``lodged`` stayed in a vessel, ``volume`` [m3] is that of the
    delivered beads at their mean size; ``flow_before`` and ``flow_after`` [m3/s] are those at the
    catheter's tip; ``reached_stasis`` says whether the flow left there fell to the endpoint.
    """

    edge: int
    delivered: int
    lodged: int
    volume: float
    flow_before: float
    flow_after: float
    reached_stasis: bool


@dataclass
class BeadRide:
    """A vessel graph prepared for beads; `deliver` changes ``edge_open``, ``edge_state``, ``edge_beads``.

    Parameters
    ----------
    graph : VesselGraph
    solver : FlowSolver
        Gives the flow again each time arterioles have closed.
    lodging_factor : float
        A bead lodges in a vessel no wider than this many bead diameters [-].
    batch_share : float
        Beads released between two solutions of the flow, as a share of the arterioles then open.
    """

    graph: VesselGraph
    solver: FlowSolver
    lodging_factor: float = 1.0
    batch_share: float = 0.1
    _out_start: NDArray[np.int64] = field(init=False)
    _out_edges: NDArray[np.int64] = field(init=False)
    _is_bed: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        graph = self.graph
        feeding = (graph.kind == Kind.ARTERIAL) | (graph.kind == Kind.EXTRAHEPATIC)
        edges = np.flatnonzero(feeding)
        order = edges[np.argsort(graph.tail[edges], kind="stable")]
        self._out_edges = order
        self._out_start = np.searchsorted(graph.tail[order], np.arange(graph.n_nodes + 1))
        # a bed is an arteriolar tree lumped into one conductance; only its mouth has a diameter
        self._is_bed = np.isfinite(graph.conductance) & feeding

    def below(self, edge: int) -> NDArray[np.int64]:
        """``edge`` and all arteries and beds it leads to, whatever their state, in ascending order."""
        seen = np.zeros(self.graph.n_edges, dtype=bool)
        waiting = [edge]
        while waiting:
            e = waiting.pop()
            if not seen[e]:
                seen[e] = True
                node = self.graph.head[e]
                waiting.extend(self._out_edges[self._out_start[node] : self._out_start[node + 1]].tolist())
        return np.flatnonzero(seen)

    def arterioles_open(self, edges: NDArray[np.int64], edge_open: NDArray[np.float64], size: float) -> float:
        """Number of arterioles of a bead's size still open in the beds among ``edges``."""
        beds = edges[self._is_bed[edges]]
        ratio = 2.0 * self.graph.radius[beds] / (self.lodging_factor * size)
        return float(np.sum(edge_open[beds] * np.maximum(1.0, ratio) ** 3))

    def deliver(
        self,
        edge: int,
        *,
        size: float,
        spread: float,
        number: int | None,
        endpoint: float,
        seed: int,
        patient: int,
        delivery: int,
        edge_open: NDArray[np.float64],
        edge_state: NDArray[np.uint8],
        edge_beads: NDArray[np.int64],
    ) -> Delivery:
        """Release beads at ``edge`` until ``number`` are gone or the flow there is down to ``endpoint``.

        While beads run, only the flow below the catheter is solved, between the pressures of the last whole
        solution: closing arterioles hardly moves the pressure of a large artery or of sinusoids. The whole
        network is solved before the first bead and once that flow has reached the endpoint, and injection
        goes on if the whole says it has not.

        Parameters
        ----------
        edge : int
            Vessel that holds the catheter's tip.
        size, spread : float
            Mean and standard deviation of the diameter [m]; the spread is cut at 3 standard deviations.
        number : int or None
            Beads prescribed; None means to stasis.
        endpoint : float
            Share of the flow at the tip at which the operator stops (stasis) [-].
        seed, patient, delivery : int
            Keys of the draws; ``delivery`` is a 64-bit hash whose low 32 bits are zero.
        edge_open, edge_state, edge_beads : arrays, shape (edges,)
            Share of conductance left, state and beads held; changed in place.
        """
        territory = self.below(edge)
        whole = self.solver.solve(edge_open)
        before = left = float(whole.edge_flow[edge])
        delivered = lodged = 0

        def wanted(flow: float) -> bool:
            return flow > max(endpoint * before, 0.0) and (number is None or delivered < number)

        flow = np.zeros(self.graph.n_edges)
        while wanted(left):
            local = self._local(territory, edge, whole.node_pressure)
            flow[territory] = whole.edge_flow[territory]
            while wanted(left):
                batch = max(1, int(self.batch_share * self.arterioles_open(territory, edge_open, size)))
                if number is not None:
                    batch = min(batch, number - delivered)
                beads = np.zeros(self.graph.n_edges, dtype=np.int64)
                blocked = np.zeros(self.graph.n_edges)
                lost = _route(
                    delivered,
                    delivered + batch,
                    edge,
                    size,
                    spread,
                    self.lodging_factor,
                    2.0 * self.graph.radius,
                    self._is_bed,
                    self.graph.head,
                    self._out_start,
                    self._out_edges,
                    flow,
                    seed,
                    patient,
                    np.uint64(delivery),
                    beads,
                    blocked,
                )
                delivered += batch
                lodged += batch - lost
                edge_beads += beads
                hit = np.flatnonzero(blocked)
                left_open = edge_open[hit] - blocked[hit]
                edge_open[hit] = _close(self.graph.radius[hit], size, self.lodging_factor, left_open)
                edge_state[hit[edge_open[hit] == 0.0]] = EMBOLISED
                flow[territory] = local.solve(edge_open[territory]).edge_flow
                left = float(flow[edge])
                if lost == batch and not self._holds(territory, flow, size + _SIZE_CUT * spread):
                    number = delivered  # blood runs past every place where a bead could lodge
            whole = self.solver.solve(edge_open)
            left = float(whole.edge_flow[edge])
        volume = delivered * np.pi / 6.0 * size**3
        stasis = bool(before > 0.0 and left <= endpoint * before)
        return Delivery(edge, delivered, lodged, volume, before, max(left, 0.0), stasis)

    def _holds(self, edges: NDArray[np.int64], flow: NDArray[np.float64], widest: float) -> bool:
        """Whether the flow leads to a vessel among ``edges`` in which a bead of at most this size lodges."""
        narrow = self.lodging_factor * widest >= 2.0 * self.graph.radius[edges]
        return bool(np.any((self._is_bed[edges] | narrow) & (flow[edges] > 0.0)))

    def _local(self, territory: NDArray[np.int64], edge: int, pressure: NDArray[np.float64]) -> FlowSolver:
        """The flow of one territory between fixed pressures at the catheter and where its beds end."""
        graph = self.graph
        nodes, ends = np.unique([graph.tail[territory], graph.head[territory]], return_inverse=True)
        tail, head = ends.reshape(2, -1).astype(np.int32)
        leaves = np.setdiff1d(head, tail)
        fixed = np.append(leaves, np.searchsorted(nodes, graph.tail[edge]))
        part = VesselGraph(
            graph.node_pos[nodes],
            tail,
            head,
            graph.radius[territory],
            length=graph.length[territory],
            kind=graph.kind[territory],
            conductance=self.solver.conductance[territory],
            boundary_node=fixed,
            boundary_type=np.zeros(len(fixed), dtype=np.uint8),
            boundary_value=pressure[nodes[fixed]],
        )
        return FlowSolver(part)


def _close(radius: NDArray[np.float64], size: float, factor: float, left: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share left open, with less than half an arteriole counted as none."""
    half = 0.5 * np.minimum(1.0, factor * size / (2.0 * radius)) ** 3
    return np.where(left < half, 0.0, left)
