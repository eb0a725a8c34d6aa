"""The vessel graph: columns of nodes and edges, boundary conditions, and what is reached downstream.

Closing a vessel never changes the graph: the state of an edge lives in `tumorsim.state`, the share of its
conductance that is left is given to `tumorsim.vessels.flow.FlowSolver.solve`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from tumorsim.errors import InputError
from tumorsim.vessels.keys import edge_keys

PRESSURE = 0  # boundary types, numbered as in network.dat
FLOW = 2


class Kind(IntEnum):
    """What a vessel is; SINUSOID joins an exchange node to the venous tree, or to one of the liver around it."""

    ARTERIAL = 0
    PORTAL = 1
    VENOUS = 2
    EXTRAHEPATIC = 3
    SINUSOID = 4
    OTHER = 5


def _column(value: ArrayLike | None, n: int, dtype: Any, default: Any) -> NDArray[Any]:
    if value is None:
        return np.full(n, default, dtype=dtype)
    array = np.asarray(value)
    if array.ndim == 0:
        return np.full(n, array, dtype=dtype)
    return np.ascontiguousarray(array, dtype=dtype)


@dataclass(frozen=True, eq=False)
class VesselGraph:
    """A directed graph of vessels, held as columns. Flow is positive from `tail` to `head`.

    Parameters
    ----------
    node_pos : array, shape (n, 3)
        Position of every node [m].
    tail, head : array of int, shape (m,)
        End nodes of every edge.
    radius : array, shape (m,)
        Inner radius [m].
    length : array, shape (m,), optional
        Length [m]; default the distance between the end nodes.
    kind : array of `Kind`, shape (m,), or one `Kind`, optional
        Default `Kind.OTHER`.
    node_name, edge_name : list of str, optional
        Names; "" where there is none. Edge names that are not "" are unique.
    conductance : array, shape (m,), optional
        Calibrated conductance [m3/s/Pa]; nan means Poiseuille from the radius.
    haematocrit : array, shape (m,), optional
        Discharge haematocrit [-]; nan where unknown.
    boundary_node : array of int, shape (b,), optional
        Nodes where blood enters or leaves, each once.
    boundary_type : array of uint8, shape (b,)
        `PRESSURE` (0) or `FLOW` (2).
    boundary_value : array, shape (b,)
        Pressure [Pa], or inflow [m3/s] (negative: outflow).
    boundary_haematocrit, boundary_po2 : array, shape (b,), optional
        Haematocrit [-] and oxygen tension [mmHg] of entering blood; nan where unknown.
    exchange : array of int, optional
        Nodes where arterial, portal and extrahepatic terminals of a piece of tissue meet.
    attributes : dict, optional
        Everything else a file carried (title, box, notes, flow column...).
    """

    node_pos: NDArray[np.float64]
    tail: NDArray[np.int32]
    head: NDArray[np.int32]
    radius: NDArray[np.float64]
    length: NDArray[np.float64] = None  # type: ignore[assignment]
    kind: NDArray[np.uint8] = None  # type: ignore[assignment]
    node_name: Sequence[str] = None  # type: ignore[assignment]
    edge_name: Sequence[str] = None  # type: ignore[assignment]
    conductance: NDArray[np.float64] = None  # type: ignore[assignment]
    haematocrit: NDArray[np.float64] = None  # type: ignore[assignment]
    boundary_node: NDArray[np.int32] = None  # type: ignore[assignment]
    boundary_type: NDArray[np.uint8] = None  # type: ignore[assignment]
    boundary_value: NDArray[np.float64] = None  # type: ignore[assignment]
    boundary_haematocrit: NDArray[np.float64] = None  # type: ignore[assignment]
    boundary_po2: NDArray[np.float64] = None  # type: ignore[assignment]
    exchange: NDArray[np.int32] = None  # type: ignore[assignment]
    attributes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        put = object.__setattr__
        pos = np.ascontiguousarray(self.node_pos, dtype=np.float64)
        if pos.ndim != 2 or pos.shape[1] != 3:
            raise InputError(f"vessel graph: node_pos has shape {pos.shape}, not (nodes, 3)")
        put(self, "node_pos", pos)
        put(self, "tail", np.ascontiguousarray(self.tail, dtype=np.int32))
        put(self, "head", np.ascontiguousarray(self.head, dtype=np.int32))
        n, m = len(pos), len(self.tail)
        if self.length is None:
            inside = (self.tail >= 0) & (self.tail < n) & (self.head >= 0) & (self.head < n)
            if len(self.head) != m or not inside.all():
                raise InputError("vessel graph: an edge names a node that is not there")
            put(self, "length", np.linalg.norm(pos[self.head] - pos[self.tail], axis=1))
        boundary = 0 if self.boundary_node is None else len(self.boundary_node)
        for name, count, dtype, default in (
            ("radius", m, np.float64, np.nan),
            ("length", m, np.float64, np.nan),
            ("kind", m, np.uint8, Kind.OTHER),
            ("conductance", m, np.float64, np.nan),
            ("haematocrit", m, np.float64, np.nan),
            ("boundary_node", boundary, np.int32, 0),
            ("boundary_type", boundary, np.uint8, PRESSURE),
            ("boundary_value", boundary, np.float64, np.nan),
            ("boundary_haematocrit", boundary, np.float64, np.nan),
            ("boundary_po2", boundary, np.float64, np.nan),
            ("exchange", 0, np.int32, 0),
        ):
            put(self, name, _column(getattr(self, name), count, dtype, default))
        put(self, "node_name", [""] * n if self.node_name is None else [str(s) for s in self.node_name])
        put(self, "edge_name", [""] * m if self.edge_name is None else [str(s) for s in self.edge_name])

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.node_pos)

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return len(self.tail)

    @cached_property
    def named(self) -> dict[str, int]:
        """Edge index of every named vessel."""
        return {name: edge for edge, name in enumerate(self.edge_name) if name}

    @cached_property
    def edge_key(self) -> NDArray[np.uint64]:
        """Identity of every edge for keyed chance, shape (m,); see `tumorsim.vessels.keys.edge_keys`."""
        return edge_keys(self.node_pos, self.node_name, self.tail, self.head, self._twin_order)

    def _twin_order(self, edge: int) -> tuple[Any, ...]:
        """What tells parallel edges between the same nodes apart."""
        return self.kind[edge], self.radius[edge], self.length[edge], self.edge_name[edge]

    def degree(self) -> NDArray[np.int64]:
        """Number of edge ends at every node, shape (n,)."""
        return np.bincount(np.concatenate([self.tail, self.head]), minlength=self.n_nodes)

    def islands(self, edges: NDArray[np.bool_] | None = None) -> tuple[int, NDArray[np.int32]]:
        """Connected pieces of the graph, joined by the edges of a mask (default all).

        Returns
        -------
        count : int
        label : array of int32, shape (n,)
            Island of every node; a node without edges is an island of its own.
        """
        tail, head = (self.tail, self.head) if edges is None else (self.tail[edges], self.head[edges])
        ones = np.ones(len(tail))
        matrix = csr_array((ones, (tail, head)), shape=(self.n_nodes, self.n_nodes))
        count, label = connected_components(matrix, directed=False)
        return int(count), label

    def downstream_edges(self, edge: int, flow: NDArray[np.float64]) -> NDArray[np.int64]:
        """Edges that blood leaving `edge` can reach, and `edge` itself, in ascending order.

        Parameters
        ----------
        edge : int
        flow : array, shape (m,)
            Flow [m3/s], positive from tail to head; nothing is reached through an edge without flow.
        """
        found = np.zeros(self.n_edges, dtype=bool)
        if flow[edge] != 0.0:
            moving = np.flatnonzero(flow)
            forward = flow[moving] > 0.0
            source = np.where(forward, self.tail[moving], self.head[moving])
            sink = np.where(forward, self.head[moving], self.tail[moving])
            ones = np.ones(len(moving))
            matrix = csr_array((ones, (source, sink)), shape=(self.n_nodes, self.n_nodes))
            start = self.head[edge] if flow[edge] > 0.0 else self.tail[edge]
            order = breadth_first_order(matrix, int(start), directed=True, return_predecessors=False)
            reached = np.zeros(self.n_nodes, dtype=bool)
            reached[order] = True
            found[moving] = reached[source]
        found[edge] = True
        return np.flatnonzero(found)

    def validate(self) -> VesselGraph:
        """Check every column and return the graph itself.

        Raises
        ------
        InputError
            With one line per kind of problem, naming the first edge or node that has it.
        """
        problems = problems_of(self)
        if problems:
            raise InputError(problems)
        return self

    def equals(self, other: VesselGraph, rtol: float = 0.0) -> bool:
        """True where every column (not `attributes`) is the same, numbers within `rtol`."""
        for f in fields(self):
            a, b = getattr(self, f.name), getattr(other, f.name)
            if f.name == "attributes":
                continue
            if f.name.endswith("_name"):
                same = list(a) == list(b)
            else:
                same = a.shape == b.shape and bool(np.allclose(a, b, rtol=rtol, atol=0.0, equal_nan=True))
            if not same:
                return False
        return True


def problems_of(graph: VesselGraph) -> list[str]:
    """Everything that makes a graph unusable, in words; an empty list where it is sound."""
    n, m, b = graph.n_nodes, graph.n_edges, len(graph.boundary_node)
    edge_columns = ("head", "radius", "length", "kind", "edge_name", "conductance", "haematocrit")
    boundary_columns = ("boundary_type", "boundary_value", "boundary_haematocrit", "boundary_po2")
    lengths = [(name, m) for name in edge_columns] + [(name, b) for name in boundary_columns]
    problems = [
        f"vessel graph: column {name} has {len(getattr(graph, name))} rows instead of {count}"
        for name, count in [*lengths, ("node_name", n)]
        if len(getattr(graph, name)) != count
    ]
    if problems:
        return problems

    def edges(mask: NDArray[np.bool_], what: str) -> None:
        if mask.any():
            e = int(np.flatnonzero(mask)[0])
            name = f" '{graph.edge_name[e]}'" if graph.edge_name[e] else ""
            more = f" (and {int(mask.sum()) - 1} more)" if mask.sum() > 1 else ""
            problems.append(f"vessel graph: edge {e}{name}{more}: {what}")

    def nodes(mask: NDArray[np.bool_], ids: NDArray[Any], what: str) -> None:
        if mask.any():
            i = int(np.asarray(ids)[mask][0])
            more = f" (and {int(mask.sum()) - 1} more)" if mask.sum() > 1 else ""
            problems.append(f"vessel graph: node {i}{more}: {what}")

    def outside(ids: NDArray[Any]) -> NDArray[np.bool_]:
        return np.asarray((ids < 0) | (ids >= n))

    nodes(np.atleast_1d(~np.isfinite(graph.node_pos).all(axis=1)), np.arange(n), "position is not a number")
    edges(outside(graph.tail) | outside(graph.head), "an end node that is not in the graph")
    edges(graph.tail == graph.head, "starts and ends at the same node")
    edges(~(np.isfinite(graph.radius) & (graph.radius > 0)), "radius is not a positive number")
    edges(~(np.isfinite(graph.length) & (graph.length > 0)), "length is not a positive number")
    edges(graph.kind > max(Kind), "unknown kind of vessel")
    edges(np.isinf(graph.conductance) | (graph.conductance < 0), "conductance is negative or infinite")
    edges((graph.haematocrit < 0) | (graph.haematocrit >= 1), "haematocrit is not between 0 and 1")
    ids = graph.boundary_node
    nodes(outside(ids), ids, "boundary node that is not in the graph")
    nodes(outside(graph.exchange), graph.exchange, "exchange node that is not in the graph")
    nodes(~np.isin(graph.boundary_type, (PRESSURE, FLOW)), ids, "boundary type is neither 0 nor 2")
    nodes(~np.isfinite(graph.boundary_value), ids, "boundary value is not a number")
    repeated = [name for name, count in Counter(s for s in graph.edge_name if s).items() if count > 1]
    problems += [f"vessel graph: two vessels are named '{name}'" for name in repeated]
    twice = [i for i, count in Counter(ids.tolist()).items() if count > 1]
    problems += [f"vessel graph: node {i} has two boundary conditions" for i in twice]
    return problems


def copies(graph: VesselGraph) -> list[tuple[int, str]]:
    """(edge, what) for every vessel like another between the same nodes: a true twin, or a row written twice.

    Parallel vessels are common, so this is no error; but two of the same kind, radius and length are worth a
    note. A vessel written twice under one name is an error of the file, and its reader refuses it.
    """
    first: dict[tuple[Any, ...], int] = {}
    found = []
    ends = np.sort(np.stack([graph.tail, graph.head]), axis=0).T
    for edge, (a, b) in enumerate(ends.tolist()):
        like = (a, b, int(graph.kind[edge]), float(graph.radius[edge]), float(graph.length[edge]))
        other = first.setdefault(like, edge)
        if other != edge:
            named = f"'{graph.edge_name[other]}'" if graph.edge_name[other] else f"number {other}"
            found.append((edge, f"between the same nodes and as wide and long as vessel {named}; read as its parallel"))
    return found
