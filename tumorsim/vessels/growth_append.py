"""Add vessels to a grown graph behind those that it has, whose numbers stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.vessels.graph import PRESSURE, Kind, VesselGraph

Floats = NDArray[np.float64]


def append(
    graph: VesselGraph,
    kind: Kind,
    *,
    tail: NDArray[Any],
    head: NDArray[Any],
    radius: Floats,
    conductance: Floats,
    names: Sequence[str],
    node_pos: Floats | None = None,
    roots: Sequence[int] = (),
    root_pressure: float = np.nan,
) -> VesselGraph:
    """The graph with further edges of one kind, and further nodes.

    Parameters
    ----------
    tail, head, radius, conductance, names : shape (k,)
        Of the new edges; nodes are numbered as in the result, new ones from ``graph.n_nodes`` on.
    node_pos : array, shape (j, 3), optional
        New nodes [m].
    roots : sequence of int
        New nodes at which blood enters, at ``root_pressure`` [Pa].
    """
    new = np.zeros((0, 3)) if node_pos is None else node_pos
    nan = np.full(len(roots), np.nan)
    return replace(
        graph,
        node_pos=np.vstack([graph.node_pos, new]),
        node_name=[*graph.node_name, *[""] * len(new)],
        tail=np.concatenate([graph.tail, tail]),
        head=np.concatenate([graph.head, head]),
        radius=np.concatenate([graph.radius, radius]),
        length=np.concatenate([graph.length, _lengths(np.vstack([graph.node_pos, new]), tail, head)]),
        kind=np.concatenate([graph.kind, np.full(len(tail), kind, dtype=np.uint8)]),
        edge_name=[*graph.edge_name, *names],
        conductance=np.concatenate([graph.conductance, conductance]),
        haematocrit=np.concatenate([graph.haematocrit, np.full(len(tail), np.nan)]),
        boundary_node=np.concatenate([graph.boundary_node, np.asarray(roots, dtype=np.int32)]),
        boundary_type=np.concatenate([graph.boundary_type, np.full(len(roots), PRESSURE, dtype=np.uint8)]),
        boundary_value=np.concatenate([graph.boundary_value, np.full(len(roots), root_pressure)]),
        boundary_haematocrit=np.concatenate([graph.boundary_haematocrit, nan]),
        boundary_po2=np.concatenate([graph.boundary_po2, nan]),
    )


def _lengths(node_pos: Floats, tail: NDArray[Any], head: NDArray[Any]) -> Floats:
    return np.asarray(np.linalg.norm(node_pos[head] - node_pos[tail], axis=1))
