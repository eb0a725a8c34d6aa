"""Beads that ride the flow from a catheter, split at junctions, lodge by diameter and close vessels.

A bead follows the blood: at a junction it takes an outgoing vessel with probability proportional to its
flow. It lodges in the first vessel that is no wider than the bead, each by its own diameter. The finest
vessels of the graph, the beds that end at an exchange node, stand for a tree of arterioles: by Murray's law
(1926) a bed fed by a vessel of diameter d holds (d/D)^3 arterioles of diameter D, all with the same flow, and
one bead of diameter D closes one of them. Blood, and so the next bead, goes to what is still open. Small
beads therefore lodge further out, and more of them are needed.

Reflux: the catheter injects at a rate that does not fall when the blood in the vessel does. Where the flow Q
at the tip is below the rate R, the share 1 - Q/R of what is injected runs back to the junction upstream and
takes its other branches by flow; where these cannot carry it either, further back, and at the root out of
the artery. Gelatin (`tumorsim.vessels.gelatin`) rides in the same way.

Pieces are entities: the path of piece number k of a delivery is a function of (seed, patient, delivery, k),
whatever the others do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim._jit import njit
from tumorsim.chance import Purpose, normal_quantile, uniform, uniforms
from tumorsim.state import State
from tumorsim.vessels.closure import open_share
from tumorsim.vessels.embolics import SIZE_CUT, Solid, close, plug
from tumorsim.vessels.flow import Flow, FlowSolver
from tumorsim.vessels.graph import VesselGraph
from tumorsim.vessels.remodelling import set_edge_state
from tumorsim.vessels.routes import Edges, Routes

Floats = NDArray[np.float64]

_REFLUX = int(Purpose.REFLUX)
_HOLDS = 2  # slot of Purpose.GELATIN: how long it holds in a vessel
_MAX_DEPTH = 255  # junctions a bead may pass: the index of a draw has 8 bits
_SIXTH_PI = np.pi / 6.0
_LOST, _REFLUXED, _VOLUME, _LOST_VOLUME, _WIDTH = range(5)  # columns of a tally


@njit
def _ride(
    first: int,
    last: int,
    back: Any,
    carried: Any,
    mean: float,
    spread: float,
    low: float,
    high: float,
    factor: float,
    path: int,
    sizing: int,
    slot: int,
    diameter: Any,
    is_bed: Any,
    tail: Any,
    head: Any,
    out_start: Any,
    out_edges: Any,
    flow: Any,
    seed: int,
    patient: int,
    delivery: int,
    lodged: Any,
    blocked: Any,
    volume: Any,
    tally: Any,
) -> None:
    """Send pieces ``first .. last-1`` down a fixed flow.

    ``back`` are the catheter's vessel and those upstream of it, ``carried`` the share of the injected volume
    that each can carry. ``lodged[edge]`` counts pieces, ``blocked[edge]`` sums the share of the edge's
    arterioles they close, ``volume[edge]`` their volume.
    """
    for number in range(first, last):
        entity = np.uint64(delivery) ^ np.uint64(number)
        bead = mean
        if spread > 0.0:
            z = normal_quantile(uniform(seed, patient, sizing, entity, slot, 0, 0))
            bead = mean + spread * min(SIZE_CUT, max(-SIZE_CUT, z))
        elif high > low:
            bead = low + (high - low) * uniform(seed, patient, sizing, entity, slot, 0, 0)
        own = _SIXTH_PI * bead * bead * bead
        tally[_VOLUME] += own
        edge = back[0]
        node = -1
        barred = -1
        level = 0
        if carried[0] < 1.0:
            u = uniform(seed, patient, _REFLUX, entity, 0, 0, 0)
            while level < len(back) and u >= carried[level]:
                level += 1
            if level > 0:
                tally[_REFLUXED] += 1
                if level == len(back):  # out of the artery
                    tally[_LOST] += 1
                    tally[_LOST_VOLUME] += own
                    continue
                barred = back[level - 1]
                node = tail[barred]
        depth = 0
        while True:
            if node < 0:
                if is_bed[edge] or factor * bead >= diameter[edge]:
                    ratio = min(1.0, factor * bead / diameter[edge])
                    lodged[edge] += 1
                    blocked[edge] += ratio * ratio * ratio
                    volume[edge] += own
                    tally[_WIDTH] += ratio * diameter[edge]
                    break
                node = head[edge]
            total = 0.0
            for k in range(out_start[node], out_start[node + 1]):
                if out_edges[k] != barred:
                    total += max(0.0, flow[out_edges[k]])
            if total <= 0.0 and barred >= 0 and level < len(back):  # no other branch there: on to the next junction
                barred = back[level]
                node = tail[barred]
                level += 1
                continue
            if total <= 0.0 or depth >= _MAX_DEPTH:
                tally[_LOST] += 1
                tally[_LOST_VOLUME] += own
                break
            pick = uniform(seed, patient, path, entity, 0, 0, depth) * total
            depth += 1
            chosen = -1
            for k in range(out_start[node], out_start[node + 1]):
                f = max(0.0, flow[out_edges[k]])
                if f > 0.0 and out_edges[k] != barred:
                    chosen = out_edges[k]
                    if pick < f:
                        break
                    pick -= f
            edge = chosen
            node = -1
            barred = -1


@dataclass(frozen=True)
class Delivery:
    """What became of one delivery of solid pieces through one catheter.

    ``delivered`` pieces left the catheter, ``lodged`` stayed in a vessel, ``refluxed`` ran back past the tip
    (and lodged elsewhere or left the artery); ``volume`` and ``lost_volume`` [m3] are sums over the pieces
    delivered and over those that stayed in no vessel, ``held`` [m3] (edges,) is what every vessel caught;
    ``lodging_diameter`` [m] is the mean width of the vessels that the pieces plugged, arterioles of a bed
    included (nan where none lodged). ``flow_before`` and ``flow_after`` [m3/s] are those at the tip;
    ``reached_stasis`` says whether the flow left there fell to the endpoint.
    """

    edge: int
    delivered: int
    lodged: int
    refluxed: int
    volume: float
    lost_volume: float
    held: Floats
    lodging_diameter: float
    flow_before: float
    flow_after: float
    reached_stasis: bool


@dataclass
class BeadRide:
    """A vessel graph prepared for beads and gelatin; `deliver` changes the vessels of a `State`.

    Parameters
    ----------
    graph : VesselGraph
    solver : FlowSolver
        Gives the flow again each time arterioles have closed.
    lodging_factor : float
        A bead lodges in a vessel no wider than this many bead diameters [-].
    batch_share : float
        Pieces released between two solutions of the flow, as a share of the arterioles then open.
    oil_capacity : array, shape (edges,), optional
        Oil with which a vessel is full [m3]; default inf: oil closes nothing.
    """

    graph: VesselGraph
    solver: FlowSolver
    lodging_factor: float = 1.0
    batch_share: float = 0.1
    oil_capacity: Floats = None  # type: ignore[assignment]
    routes: Routes = field(init=False)

    def __post_init__(self) -> None:
        self.routes = Routes(self.graph)
        if self.oil_capacity is None:
            self.oil_capacity = np.full(self.graph.n_edges, np.inf)

    def below(self, edge: int) -> Edges:
        """``edge`` and all arteries and beds it leads to, whatever their state, in ascending order."""
        return self.routes.below(edge)

    def arterioles_open(self, edges: Edges, edge_open: Floats, size: float) -> float:
        """Number of arterioles of a bead's size still open in the beds among ``edges``."""
        beds = edges[self.routes.is_bed[edges]]
        ratio = 2.0 * self.graph.radius[beds] / (self.lodging_factor * size)
        return float(np.sum(edge_open[beds] * np.maximum(1.0, ratio) ** 3))

    def apply(self, state: State) -> None:
        """Open and close vessels as far as what they hold says, and name them."""
        state.edge_open[:] = open_share(state, self.oil_capacity)
        set_edge_state(state)

    def flow(self, state: State) -> Flow:
        """Flow through the vessels as they are."""
        return self.solver.solve(state.edge_open * state.edge_tone)

    def deliver(
        self,
        edge: int,
        *,
        solid: Solid,
        state: State,
        number: int | None,
        endpoint: float,
        seed: int,
        patient: int,
        delivery: int,
        rate: float = 0.0,
        before: float | None = None,
    ) -> Delivery:
        """Release pieces at ``edge`` until ``number`` are gone or the flow there is down to ``endpoint``.

        While pieces run, only the flow below the catheter is solved (below the vessel that still carries what
        runs back, where the endpoint lies under the rate), between the pressures of the last whole solution:
        closing arterioles hardly moves the pressure of a large artery or of sinusoids. The whole network is
        solved before the first piece and once that flow has reached the endpoint, and injection goes on if
        the whole says it has not.

        Parameters
        ----------
        edge : int
            Vessel that holds the catheter's tip.
        solid : Solid
            What is injected.
        state : State
            Its vessels are changed in place: the solid's book, ``edge_beads``, ``edge_open``, ``edge_state``.
        number : int or None
            Pieces prescribed; None means to the endpoint.
        endpoint : float
            Share of the flow at the tip at which the operator stops [-].
        seed, patient, delivery : int
            Keys of the draws; ``delivery`` is a 64-bit hash whose low 32 bits are zero.
        rate : float
            Injected volume per time [m3/s]; no more than the vessel carries when the injection begins. 0: so
            slowly that nothing runs back.
        before : float, optional
            Flow at the tip that the endpoint is a share of [m3/s]; default that now.
        """
        graph, routes, sizes = self.graph, self.routes, solid.sizes
        self.apply(state)
        whole = self.flow(state)
        left = float(whole.edge_flow[edge])
        before = left if before is None else before
        rate = min(rate, max(left, 0.0))
        back = routes.upstream(edge)
        top = self._top(back, whole.edge_flow, endpoint * before, rate)
        territory = routes.below(top)
        ahead = territory if top == edge else routes.below(edge)
        delivered = 0
        counts = np.zeros(graph.n_edges, dtype=np.int64)
        held = np.zeros(graph.n_edges)
        tally = np.zeros(5)

        def wanted(flow: float) -> bool:
            return flow > max(endpoint * before, 0.0) and (number is None or delivered < number)

        while wanted(left):
            local = self._local(territory, top, whole.node_pressure)
            flow = whole.edge_flow.copy()
            while wanted(left):
                batch = max(1, int(self.batch_share * self.arterioles_open(ahead, state.edge_open, sizes.mean)))
                if number is not None:
                    batch = min(batch, number - delivered)
                lodged = np.zeros(graph.n_edges, dtype=np.int64)
                blocked = np.zeros(graph.n_edges)
                lost = tally[_LOST]
                carried = np.maximum.accumulate(flow[back] / rate) if rate > 0.0 else np.ones(len(back))
                _ride(
                    delivered,
                    delivered + batch,
                    back,
                    carried,
                    sizes.mean,
                    sizes.spread,
                    sizes.low,
                    sizes.high,
                    self.lodging_factor,
                    int(solid.path),
                    int(solid.sizing),
                    solid.slot,
                    2.0 * graph.radius,
                    routes.is_bed,
                    graph.tail,
                    graph.head,
                    routes.out_start,
                    routes.out_edges,
                    flow,
                    seed,
                    patient,
                    np.uint64(delivery),
                    lodged,
                    blocked,
                    held,
                    tally,
                )
                delivered += batch
                counts += lodged
                hit = np.flatnonzero(lodged)
                one = np.minimum(1.0, self.lodging_factor * sizes.mean / (2.0 * graph.radius[hit])) ** 3
                close(state, solid, hit, blocked[hit], 0.5 * one, self.oil_capacity)
                if solid.dissolves:
                    who = graph.edge_key[hit] ^ np.uint64(delivery)
                    u = uniforms(seed, patient, Purpose.GELATIN, who, slot=_HOLDS)
                    plug(state, hit, u, self.oil_capacity)
                self.apply(state)
                flow[territory] = local.solve((state.edge_open * state.edge_tone)[territory]).edge_flow
                left = float(flow[edge])
                reach = ahead if carried[0] >= 1.0 else territory
                if tally[_LOST] - lost == batch and not self._holds(reach, flow, sizes.widest):
                    number = delivered  # blood runs past every place where a piece could lodge
            whole = self.flow(state)
            left = float(whole.edge_flow[edge])
        if solid.counted:
            state.edge_beads += counts
        stayed = int(counts.sum())
        return Delivery(
            edge,
            delivered,
            stayed,
            int(tally[_REFLUXED]),
            float(tally[_VOLUME]),
            float(tally[_LOST_VOLUME]),
            held,
            float(tally[_WIDTH] / stayed) if stayed else float("nan"),
            before,
            max(left, 0.0),
            bool(before > 0.0 and left <= endpoint * before),
        )

    def _top(self, back: Edges, flow: Floats, floor: float, rate: float) -> int:
        """The vessel whose branches can take all that will ever run back past the tip."""
        if floor >= rate:
            return int(back[0])
        enough = np.flatnonzero(flow[back] - flow[back[0]] >= rate)
        return int(back[enough[0]] if len(enough) else back[-1])

    def _holds(self, edges: Edges, flow: Floats, widest: float) -> bool:
        """Whether the flow leads to a vessel among ``edges`` in which a piece of at most this size lodges."""
        narrow = self.lodging_factor * widest >= 2.0 * self.graph.radius[edges]
        return bool(np.any((self.routes.is_bed[edges] | narrow) & (flow[edges] > 0.0)))

    def _local(self, territory: Edges, edge: int, pressure: Floats) -> FlowSolver:
        """The flow of one territory between fixed pressures at its vessel's start and where its beds end."""
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
