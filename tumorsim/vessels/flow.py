"""Flow in a vessel graph: Poiseuille's law in every vessel, Kirchhoff's law at every node.

The system is sparse, symmetric and positive definite once every connected piece has a fixed pressure. It
is scaled by its diagonal (radii from 5 um to 6 mm span 12 decades of conductance), factorised once for
every change of `edge_open`, and refined: the correction is added to the flows, not to the pressures, so
that the rounding of a large pressure does not spoil the balance of a small flow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array, csc_array
from scipy.sparse.linalg import splu

from tumorsim.errors import InputError
from tumorsim.parameters import load_parameters
from tumorsim.vessels.boundaries import Bools, Floats, Pieces, boundary_problems, pieces_of
from tumorsim.vessels.graph import VesselGraph
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

    def solve(self, edge_open: ArrayLike | None = None) -> Flow:
        """Flow with the given shares of conductance left.

        Parameters
        ----------
        edge_open : array, shape (m,), optional
            1 open, 0 closed, or the share of the conductance that is left; default all open.
            The last result is kept, and given again where nothing changed.

        Raises
        ------
        InputError
            For a share outside 0..1; where closing vessels leaves a piece that has only given flows, some
            in and some out, that do not match.
        ArithmeticError
            Where the balance at a node misses 1e-9 of the inflow.
        """
        m = self.graph.n_edges
        share = np.ones(m) if edge_open is None else np.asarray(edge_open, dtype=np.float64)
        if share.shape != (m,) or not np.all((share >= 0.0) & (share <= 1.0)):
            raise InputError(f"flow: edge_open must be {m} numbers from 0 (closed) to 1 (open)")
        key = share.tobytes()
        if self._last is None or self._last[0] != key:
            self._last = (key, self._solve(self.conductance * share))
        return self._last[1]

    def _solve(self, conductance: Floats) -> Flow:
        graph = self.graph
        n, m = graph.n_nodes, graph.n_edges
        pieces = pieces_of(graph, conductance > 0.0)
        open_edge = (conductance > 0.0) & pieces.live[graph.tail]
        strips = _dead_ends(graph, open_edge, pieces)
        for _, _, edges in strips:
            open_edge[edges] = False
        used = np.flatnonzero(open_edge)
        tail, head, g = graph.tail[used], graph.head[used], conductance[used]
        touched = np.zeros(n, dtype=bool)
        touched[tail] = touched[head] = True
        free = touched & ~pieces.fixed

        pressure = np.where(pieces.fixed, pieces.pressure, 0.0)
        flow = g * (pressure[tail] - pressure[head])
        surplus = np.zeros(n)
        size = 0.0
        if free.any():
            solve = _factorise(free, tail, head, g)
            for _ in range(REFINEMENTS):
                surplus = _surplus(n, tail, head, flow, pieces.source)
                size = np.abs(flow).max(initial=0.0) + np.abs(pieces.source).max(initial=0.0)
                if np.abs(surplus[free]).max() <= 1e-15 * size:
                    break
                step = np.zeros(n)
                step[free] = solve(surplus[free])
                pressure += step
                flow += g * (step[tail] - step[head])
            surplus = _surplus(n, tail, head, flow, pieces.source)

        edge_flow = np.zeros(m)
        edge_flow[used] = flow
        node_pressure = np.where(touched | pieces.fixed, pressure, pieces.pressure)
        for leaf, parent, _ in reversed(strips):
            node_pressure[leaf] = node_pressure[parent]  # no flow, no fall of pressure

        net = np.bincount(tail, flow, minlength=n) - np.bincount(head, flow, minlength=n)
        boundary_flow = np.asarray(net[graph.boundary_node], dtype=np.float64)
        inflow = float(boundary_flow[boundary_flow > 0.0].sum())
        lost = float(np.abs(surplus[free]).max(initial=0.0))
        residual = lost / inflow if inflow > 0.0 else lost
        if residual > BALANCE:
            raise ArithmeticError(f"flow: {residual:.2g} of the inflow is lost at a node; limit {BALANCE:.0e}")
        return Flow(edge_flow, node_pressure, boundary_flow, inflow, residual, pieces.notes)


def _surplus(n: int, tail: NDArray[np.int32], head: NDArray[np.int32], flow: Floats, source: Floats) -> Floats:
    """What enters every node and does not leave it [m3/s]."""
    return source + np.bincount(head, flow, minlength=n) - np.bincount(tail, flow, minlength=n)


def _factorise(free: Bools, tail: NDArray[np.int32], head: NDArray[np.int32], g: Floats):  # type: ignore[no-untyped-def]
    """A function that solves the weighted Laplacian of the free nodes for a given surplus."""
    n, k = len(free), int(free.sum())
    row = np.full(n, -1, dtype=np.int32)
    row[free] = np.arange(k, dtype=np.int32)
    diagonal = (np.bincount(tail, g, minlength=n) + np.bincount(head, g, minlength=n))[free]
    scale = 1.0 / np.sqrt(diagonal)
    a, b = row[tail], row[head]
    both = (a >= 0) & (b >= 0)
    a, b = a[both], b[both]
    off = -g[both] * scale[a] * scale[b]
    every = np.arange(k, dtype=np.int32)
    data = np.concatenate([off, off, np.ones(k)])
    place = (np.concatenate([a, b, every]), np.concatenate([b, a, every]))
    matrix = csc_array(coo_array((data, place), shape=(k, k)))
    factor = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    return lambda surplus: scale * factor.solve(scale * surplus)


def _dead_ends(
    graph: VesselGraph, open_edge: Bools, pieces: Pieces
) -> list[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.intp]]]:
    """(leaf nodes, their parents, their edges), round by round: twigs in which no blood can flow."""
    rounds: list[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.intp]]] = []
    kept = pieces.fixed | (pieces.source != 0.0)
    alive = np.flatnonzero(open_edge)
    tail, head = graph.tail[alive], graph.head[alive]
    degree = np.bincount(tail, minlength=graph.n_nodes) + np.bincount(head, minlength=graph.n_nodes)
    while True:
        leaf = (degree == 1) & ~kept
        at_tail, at_head = leaf[tail], leaf[head]
        hit = at_tail | at_head
        if not hit.any():
            return rounds
        child = np.where(at_tail, tail, head)[hit]
        parent = np.where(at_tail, head, tail)[hit]
        rounds.append((child, parent, alive[hit]))
        degree[child] -= 1
        np.subtract.at(degree, parent, 1)
        alive, tail, head = alive[~hit], tail[~hit], head[~hit]
