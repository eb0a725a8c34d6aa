"""Flow in a vessel graph: Poiseuille's law in every vessel, Kirchhoff's law at every node.

Nodes are eliminated in an order found once for a graph (`tumorsim.vessels.ordering`) without a subtraction
(`tumorsim.vessels.elimination`: radii from 5 um to 6 mm span 12 decades of conductance), and the solution is
refined: the correction is added to the flows, not to the pressures, so that the rounding of a large pressure does
not spoil the balance of a small flow. A flow depends on the graph and on what is open alone, bit for bit, not on
what was solved before; what was solved before only makes it quicker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim._jit import njit
from tumorsim.errors import InputError
from tumorsim.parameters import load_parameters
from tumorsim.vessels.boundaries import Floats, boundary_problems, pieces_of
from tumorsim.vessels.elimination import Elimination
from tumorsim.vessels.graph import PRESSURE, VesselGraph
from tumorsim.vessels.rheology import Law, poiseuille_conductance, viscosity

BALANCE = 1e-9  # share of the inflow that may be lost at a node
REFINEMENTS = 5


@dataclass(frozen=True)
class Flow:
    """A solved flow.

    Attributes
    ----------
    edge_flow : array, shape (m,)
        Flow [m3/s], positive from tail to head; exactly zero in closed edges, in dead ends and in pieces
        that no blood can enter or leave.
    node_pressure : array, shape (n,)
        Pressure [Pa]; nan in pieces where nothing fixes it.
    boundary_flow : array, shape (b,)
        What enters at every boundary node [m3/s], negative where blood leaves.
    inflow : float
        Sum of what enters [m3/s].
    residual : float
        Largest imbalance at a node, as a share of `inflow`.
    notes : tuple of str
        What had to be decided: pressures that are only relative, outflows matched to inflows.
    """

    edge_flow: Floats
    node_pressure: Floats
    boundary_flow: Floats
    inflow: float
    residual: float
    notes: tuple[str, ...]


def edge_conductance(
    graph: VesselGraph,
    *,
    haematocrit: ArrayLike | None = None,
    cell_volume: float | None = None,
    plasma: float | None = None,
    law: Law = "in vivo",
    parameters: Mapping[str, float] | None = None,
) -> tuple[Floats, Floats]:
    """Conductance [m3/s/Pa] and viscosity [Pa s] of every edge, each of shape (m,).

    Calibrated conductances of the graph are kept; the others follow Poiseuille with the Pries viscosity.
    The haematocrit is, in this order, the one given here, the graph's own, the parameter
    `blood.haematocrit`; `cell_volume` [m3] and `plasma` [Pa s] default to their `blood.` parameters.
    """
    table = load_parameters() if parameters is None else parameters
    own = graph.haematocrit if haematocrit is None else np.broadcast_to(haematocrit, graph.radius.shape)
    h = np.where(np.isnan(own), table["blood.haematocrit"], own)
    mu = viscosity(
        2.0 * graph.radius,
        h,
        table["blood.cell_volume"] if cell_volume is None else cell_volume,
        law,
        table["blood.plasma_viscosity"] if plasma is None else plasma,
    )
    poiseuille = poiseuille_conductance(graph.radius, graph.length, mu)
    return np.where(np.isnan(graph.conductance), poiseuille, graph.conductance), mu


class FlowSolver:
    """Solves the flow of one graph for any pattern of closed vessels.

    Parameters
    ----------
    graph : VesselGraph
    haematocrit, cell_volume, plasma, law, parameters
        As `edge_conductance`.

    Raises
    ------
    InputError
        Where the boundary conditions contradict each other (`boundary_problems`) or the graph is unsound.

    Attributes
    ----------
    conductance, viscosity : array, shape (m,)
        With the vessel open [m3/s/Pa], [Pa s].
    """

    def __init__(
        self,
        graph: VesselGraph,
        *,
        haematocrit: ArrayLike | None = None,
        cell_volume: float | None = None,
        plasma: float | None = None,
        law: Law = "in vivo",
        parameters: Mapping[str, float] | None = None,
    ) -> None:
        graph.validate()
        wrong = boundary_problems(graph)
        if wrong:
            raise InputError([f"vessel graph: node {node}: {what}" for node, what in wrong])
        self.graph = graph
        self.conductance, self.viscosity = edge_conductance(
            graph,
            haematocrit=haematocrit,
            cell_volume=cell_volume,
            plasma=plasma,
            law=law,
            parameters=parameters,
        )
        self._last: tuple[bytes, Flow] | None = None
        self._elimination: Elimination | None = None

    def solve(self, edge_open: ArrayLike | None = None) -> Flow:
        """Flow with the given shares of conductance left.

        Parameters
        ----------
        edge_open : array, shape (m,), optional
            1 open, 0 closed, else the share of the conductance that is left; above 1 the vessel is wider than
            in the graph. Default all open. The last result is kept, and given again where nothing changed.

        Raises
        ------
        InputError
            For a share that is negative or not finite; where closing vessels leaves a piece that has only given
            flows, some in and some out, that do not match.
        ArithmeticError
            Where the balance at a node misses 1e-9 of the inflow.
        """
        m = self.graph.n_edges
        share = np.ones(m) if edge_open is None else np.asarray(edge_open, dtype=np.float64)
        if share.shape != (m,) or not np.all((share >= 0.0) & np.isfinite(share)):
            raise InputError(
                f"flow: edge_open must be {m} finite numbers of at least 0: 0 closed, 1 as in the graph, above 1 wider"
            )
        key = share.tobytes()
        if self._last is None or self._last[0] != key:
            self._last = (key, self.solve_conductance(self.conductance * share))
        return self._last[1]

    def solve_conductance(self, conductance: Floats) -> Flow:
        """Flow with the given conductances [m3/s/Pa] of the edges, shape (m,), 0 where closed; errors as `solve`."""
        graph = self.graph
        n, m = graph.n_nodes, graph.n_edges
        if conductance.shape != (m,) or not np.all((conductance >= 0.0) & np.isfinite(conductance)):
            raise InputError(f"flow: the conductances must be {m} finite numbers of at least 0")
        pieces = pieces_of(graph, conductance > 0.0)
        open_edge = (conductance > 0.0) & pieces.live[graph.tail]
        leaf, parent = _strip(n, graph.tail, graph.head, open_edge, pieces.fixed | (pieces.source != 0.0))
        used = np.flatnonzero(open_edge)
        tail, head, g = graph.tail[used], graph.head[used], conductance[used]
        touched = np.zeros(n, dtype=bool)
        touched[tail] = touched[head] = True
        free = touched & ~pieces.fixed

        pressure = np.where(pieces.fixed, pieces.pressure, 0.0)
        flow = g * (pressure[tail] - pressure[head])
        surplus = np.zeros(n)
        if free.any():
            if self._elimination is None:
                never = np.zeros(n, dtype=bool)
                never[graph.boundary_node[graph.boundary_type == PRESSURE]] = True
                self._elimination = Elimination(graph.tail, graph.head, never)
            self._elimination.factorise(free, np.where(open_edge, conductance, 0.0))
            for _ in range(REFINEMENTS):
                surplus = _surplus(n, tail, head, flow, pieces.source)
                size = np.abs(flow).max(initial=0.0) + np.abs(pieces.source).max(initial=0.0)
                if np.abs(surplus[free]).max() <= 1e-15 * size:
                    break
                step = self._elimination.solve(surplus)
                pressure += step
                flow += g * (step[tail] - step[head])
            surplus = _surplus(n, tail, head, flow, pieces.source)

        edge_flow = np.zeros(m)
        edge_flow[used] = flow
        node_pressure = np.where(touched | pieces.fixed, pressure, pieces.pressure)
        _fill(leaf, parent, node_pressure)

        net = np.bincount(tail, flow, minlength=n) - np.bincount(head, flow, minlength=n)
        boundary_flow = np.asarray(net[graph.boundary_node], dtype=np.float64)
        inflow = float(boundary_flow[boundary_flow > 0.0].sum())
        lost = float(np.abs(surplus[free]).max(initial=0.0))
        residual = lost / inflow if inflow > 0.0 else lost
        if not residual <= BALANCE:
            raise ArithmeticError(f"flow: {residual:.2g} of the inflow is lost at a node; limit {BALANCE:.0e}")
        return Flow(edge_flow, node_pressure, boundary_flow, inflow, residual, pieces.notes)


def _surplus(n: int, tail: NDArray[np.int32], head: NDArray[np.int32], flow: Floats, source: Floats) -> Floats:
    """What enters every node and does not leave it [m3/s]."""
    return source + np.bincount(head, flow, minlength=n) - np.bincount(tail, flow, minlength=n)


@njit
def _strip(n, tail, head, open_edge, kept):  # type: ignore[no-untyped-def]
    """Close twigs in which no blood can flow; their nodes from the tips inwards, and the next node of each."""
    degree = np.zeros(n, dtype=np.int64)
    left = np.zeros(n, dtype=np.int64)  # exclusive or of the open edges of a node: of one edge, that edge
    for e in range(len(tail)):
        if open_edge[e]:
            degree[tail[e]] += 1
            degree[head[e]] += 1
            left[tail[e]] ^= e
            left[head[e]] ^= e
    leaf, parent = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    count = 0
    for i in range(n):
        at = i
        while degree[at] == 1 and not kept[at]:
            e = left[at]
            onward = head[e] if tail[e] == at else tail[e]
            open_edge[e] = False
            degree[at] = 0
            degree[onward] -= 1
            left[onward] ^= e
            leaf[count], parent[count] = at, onward
            count += 1
            at = onward
    return leaf[:count], parent[:count]


@njit
def _fill(leaf, parent, pressure):  # type: ignore[no-untyped-def]
    """No flow, no fall of pressure: twigs have the pressure of the node they hang on."""
    for i in range(len(leaf) - 1, -1, -1):
        pressure[leaf[i]] = pressure[parent[i]]
