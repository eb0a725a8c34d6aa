"""The order in which blood passes the nodes of a graph, and one pass of amounts along it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from tumorsim._jit import njit
from tumorsim.errors import InputError
from tumorsim.vessels.flow import BALANCE
from tumorsim.vessels.graph import VesselGraph

NO_FLOW = 1e-13  # of the largest flow: what is smaller is the rounding of a solved flow

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Course:
    """The way of the blood.

    Attributes
    ----------
    order : array of int, shape (k,)
        Nodes that blood passes, each after all that feed it.
    out_start : array of int, shape (n + 1,)
        Where in ``out_edge`` the vessels that leave a node begin.
    out_edge : array of int
        Vessels that carry, by the node they leave.
    sink : array of int, shape (m,)
        Node towards which the blood of a vessel flows.
    share : array, shape (m,)
        Part of what leaves the node at its beginning that a vessel takes [-]; 0 where it carries nothing.
    leaves : array, shape (n,)
        Part of what leaves a node that leaves the graph [-].
    through : array, shape (n,)
        All that leaves a node [m3/s].
    flow : array, shape (m,)
        Size of the flow of every vessel that carries [m3/s], else 0.
    """

    order: Ints
    out_start: Ints
    out_edge: Ints
    sink: Ints
    share: Floats
    leaves: Floats
    through: Floats
    flow: Floats

    @property
    def carries(self) -> NDArray[np.bool_]:
        """Vessels in which blood flows, shape (m,)."""
        return self.flow > 0.0


def course_of(graph: VesselGraph, edge_flow: Floats) -> Course:
    """Order the nodes along a solved flow.

    A vessel without flow between two nodes of equal pressure (the bridge of a balanced Wheatstone circuit)
    has a flow of rounding errors, of either sign. Such flows are left out: those below 1e-13 of the largest
    at once; below the solver's own limit of balance, those that lead nowhere and the smallest of a circle.

    Parameters
    ----------
    edge_flow : array, shape (m,)
        Solved flow [m3/s], positive from tail to head.

    Raises
    ------
    InputError
        For a flow that is not balanced, or goes round in a circle.
    """
    n, m = graph.n_nodes, graph.n_edges
    size = np.abs(edge_flow)
    net = np.bincount(graph.tail, edge_flow, minlength=n) - np.bincount(graph.head, edge_flow, minlength=n)
    is_boundary = np.zeros(n, dtype=bool)
    is_boundary[graph.boundary_node] = True
    entering = float(np.maximum(net[is_boundary], 0.0).sum())
    limit = BALANCE * max(entering, float(size.max(initial=0.0)))
    off = np.abs(np.where(is_boundary, 0.0, net))
    if off.max(initial=0.0) > limit:
        node = int(np.argmax(off))
        raise InputError(f"transport: {off[node]:.3g} m3/s is lost at node {node}: this is no solved flow")
    leaving = np.where(is_boundary, np.maximum(-net, 0.0), 0.0)

    forward = edge_flow >= 0.0
    source = np.where(forward, graph.tail, graph.head).astype(np.int64)
    sink = np.where(forward, graph.head, graph.tail).astype(np.int64)
    carries = size > NO_FLOW * size.max(initial=0.0)
    while True:
        edges = np.flatnonzero(carries)
        out_edge = edges[np.argsort(source[edges], kind="stable")]
        out_start = np.searchsorted(source[out_edge], np.arange(n + 1)).astype(np.int64)
        through: Floats = np.bincount(source[edges], size[edges], minlength=n).astype(np.float64) + leaving
        lost = carries & (through[sink] == 0.0)  # vessels that end where nothing leaves
        order = _order(out_start, out_edge, sink, n)
        touched = np.bincount(source[edges], minlength=n) + np.bincount(sink[edges], minlength=n) > 0
        if not lost.any() and len(order) == int(touched.sum()):
            break
        if not lost.any():
            ones = np.ones(len(edges), dtype=np.int8)
            matrix = csr_array((ones, (source[edges], sink[edges])), shape=(n, n))
            _, piece = connected_components(matrix, directed=True, connection="strong")
            circle = carries & (piece[source] == piece[sink])
            # a circle holds a flow that runs the wrong way: it is the smallest
            lost = circle & (size <= min(limit, 10.0 * size[circle].min()))
        if not lost.any() or size[lost].max() > limit:
            edge = int(np.flatnonzero(lost)[0]) if lost.any() else int(edges[0])
            raise InputError(f"transport: the flow near vessel {edge} goes round in a circle: this is no solved flow")
        carries &= ~lost

    share = np.zeros(m)
    share[edges] = size[edges] / through[source[edges]]
    leaves = np.divide(leaving, through, out=np.zeros(n), where=through > 0.0)
    return Course(order, out_start, out_edge, sink, share, leaves, through, np.where(carries, size, 0.0))


@njit
def _order(out_start: Any, out_edge: Any, sink: Any, n: int) -> Any:
    """Nodes with vessels, each after all that feed it (Kahn 1962); those behind a circle are left out.

    The last node that has become ready goes first: few nodes wait at a time.
    """
    waits = np.zeros(n, dtype=np.int64)
    for k in range(len(out_edge)):
        waits[sink[out_edge[k]]] += 1
    stack = np.empty(n, dtype=np.int64)
    order = np.empty(n, dtype=np.int64)
    top = 0
    for node in range(n - 1, -1, -1):
        if waits[node] == 0 and out_start[node + 1] > out_start[node]:
            stack[top] = node
            top += 1
    done = 0
    while top > 0:
        top -= 1
        node = stack[top]
        order[done] = node
        done += 1
        for k in range(out_start[node], out_start[node + 1]):
            to = sink[out_edge[k]]
            waits[to] -= 1
            if waits[to] == 0:
                stack[top] = to
                top += 1
    return order[:done].copy()


@njit
def pass_along(
    order: Any,
    out_start: Any,
    out_edge: Any,
    sink: Any,
    share: Any,
    held: Any,
    into_edge: Any,
    amount: Any,
    flux: Any,
) -> None:
    """Carry amounts along the flow, in place.

    Parameters
    ----------
    held : array, shape (n,)
        Share that stays at a node.
    into_edge : array, shape (m,)
        What is injected into a vessel, at its end.
    amount : array, shape (n,)
        What is injected at a node; on return, all that passes it.
    flux : array, shape (m,)
        On return, what a vessel delivers.
    """
    for i in range(len(order)):
        node = order[i]
        left = amount[node] * (1.0 - held[node])
        for k in range(out_start[node], out_start[node + 1]):
            edge = out_edge[k]
            given = left * share[edge] + into_edge[edge]
            flux[edge] = given
            amount[sink[edge]] += given
