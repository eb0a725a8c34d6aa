"""Where what is injected into an artery can go: down its branches, or back past the tip into others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumorsim.vessels.graph import Kind, VesselGraph

Edges = NDArray[np.int64]


class Routes:
    """Feeding vessels (arterial and extrahepatic) of a graph, as branches of every node.

    Attributes
    ----------
    graph : VesselGraph
    is_feeding : array of bool, shape (edges,)
    is_bed : array of bool, shape (edges,)
        Feeding vessels with a conductance of their own: an arteriolar tree lumped into one edge, of which only
        the mouth has a diameter.
    out_start, out_edges : array of int
        The feeding edges that leave node n are ``out_edges[out_start[n]:out_start[n + 1]]``.
    parent : array of int, shape (nodes,)
        The feeding edge that comes to a node, the first where there are several; -1 where there is none.
    """

    def __init__(self, graph: VesselGraph) -> None:
        self.graph = graph
        self.is_feeding = (graph.kind == Kind.ARTERIAL) | (graph.kind == Kind.EXTRAHEPATIC)
        edges = np.flatnonzero(self.is_feeding)
        self.out_edges: Edges = edges[np.argsort(graph.tail[edges], kind="stable")]
        self.out_start = np.searchsorted(graph.tail[self.out_edges], np.arange(graph.n_nodes + 1))
        self.is_bed = np.isfinite(graph.conductance) & self.is_feeding
        self.parent = np.full(graph.n_nodes, -1, dtype=np.int64)
        self.parent[graph.head[edges[::-1]]] = edges[::-1]

    def leaving(self, node: int) -> Edges:
        """Feeding edges that begin at a node."""
        return self.out_edges[self.out_start[node] : self.out_start[node + 1]]

    def below(self, edge: int) -> Edges:
        """``edge`` and all arteries and beds it leads to, whatever their state, in ascending order."""
        seen = np.zeros(self.graph.n_edges, dtype=bool)
        waiting = [edge]
        while waiting:
            e = waiting.pop()
            if not seen[e]:
                seen[e] = True
                waiting.extend(self.leaving(self.graph.head[e]).tolist())
        return np.flatnonzero(seen)

    def upstream(self, edge: int) -> Edges:
        """``edge``, the vessel it leaves, and so on to the root."""
        path = [edge]
        while (before := int(self.parent[self.graph.tail[path[-1]]])) >= 0 and before not in path:
            path.append(before)
        return np.array(path, dtype=np.int64)
