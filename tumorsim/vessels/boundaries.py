"""Boundary conditions of a vessel graph: which connected pieces can be solved, and which are contradictory.

Vessels that close cut a graph in pieces. A piece with a given pressure is solved; so is one in which only
flows are given, if they match (its pressures are then relative); in a piece that blood cannot both enter and
leave nothing flows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorsim.errors import InputError
from tumorsim.vessels.graph import FLOW, PRESSURE, VesselGraph

ROUNDING = 1e-3  # inflow and outflow of a file may differ by this share: tables are printed to few digits
NOTED = 1e-9  # a smaller difference is not worth a note

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Pieces:
    """Boundary conditions made ready for one pattern of open edges."""

    live: Bools  # nodes whose pressure is to be found or is given
    fixed: Bools  # nodes with a given pressure
    pressure: Floats  # given pressures, and the constant pressure of pieces at rest; else nan
    source: Floats  # given inflow at every node
    notes: tuple[str, ...]


def boundary_problems(graph: VesselGraph) -> list[tuple[int, str]]:
    """(node, what is wrong) for every connected piece whose boundary conditions contradict each other.

    With all vessels open, blood that enters a piece must be able to leave it, and a piece in which only
    flows are given must give back what it takes (within 0.1 %, the rounding of printed tables).
    """
    count, label = graph.islands()
    held, enters, leaves = _totals(graph, count, label)
    problems = []
    for i in np.flatnonzero(~held & (enters + leaves > 0.0)):
        at = next(int(n) for n in graph.boundary_node if label[n] == i)
        if leaves[i] == 0.0:
            problems.append((at, "blood enters this piece of the network but has no outlet from it"))
        elif enters[i] == 0.0:
            problems.append((at, "blood leaves this piece of the network but none enters it"))
        elif abs(enters[i] - leaves[i]) > ROUNDING * enters[i]:
            what = f"{enters[i]:.6g} m3/s enters and {leaves[i]:.6g} m3/s leaves"
            problems.append((at, f"{what} this piece of the network, and no boundary node has a pressure"))
    return problems


def _totals(graph: VesselGraph, count: int, label: NDArray[np.int32]) -> tuple[Bools, Floats, Floats]:
    """For every piece: is a pressure given in it, and the given in- and outflow [m3/s]."""
    home = label[graph.boundary_node]
    held = np.zeros(count, dtype=bool)
    held[home[graph.boundary_type == PRESSURE]] = True
    given = np.where(graph.boundary_type == FLOW, graph.boundary_value, 0.0)
    enters = np.bincount(home, np.maximum(given, 0.0), minlength=count)
    leaves = np.bincount(home, np.maximum(-given, 0.0), minlength=count)
    return held, enters.astype(np.float64), leaves.astype(np.float64)


def pieces_of(graph: VesselGraph, open_edge: Bools) -> Pieces:
    """Sort the connected pieces: solved, at rest (one pressure everywhere), or cut off (nan).

    Parameters
    ----------
    graph : VesselGraph
    open_edge : array of bool, shape (m,)
        Edges that conduct.

    Raises
    ------
    InputError
        For a piece that has only given flows, some in and some out, that do not match.
    """
    count, label = graph.islands(open_edge)
    held, enters, leaves = _totals(graph, count, label)
    by_pressure = graph.boundary_type == PRESSURE
    at, value = graph.boundary_node[by_pressure], graph.boundary_value[by_pressure]
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, label[at], value)
    np.maximum.at(high, label[at], value)
    rest = held & (low == high) & (enters + leaves == 0.0)
    closed = ~held & ((enters == 0.0) | (leaves == 0.0))
    by_flow = ~held & ~closed

    fixed = np.zeros(graph.n_nodes, dtype=bool)
    pressure = np.where(rest, low, np.nan)[label]
    fixed[at], pressure[at] = True, value
    source = np.zeros(graph.n_nodes)
    given = graph.boundary_type == FLOW
    source[graph.boundary_node[given]] = graph.boundary_value[given]
    source[closed[label]] = 0.0

    notes = [
        f"{max(enters[i], leaves[i]):.6g} m3/s is prescribed in a piece with no other opening: nothing flows"
        for i in np.flatnonzero(closed & (enters + leaves > 0.0))
    ]
    for i in np.flatnonzero(by_flow):
        mismatch = abs(enters[i] - leaves[i]) / enters[i]
        inside = np.flatnonzero((label == i) & (source < 0.0))
        if mismatch > ROUNDING:
            raise InputError(
                f"flow: {enters[i]:.6g} m3/s is to enter and {leaves[i]:.6g} m3/s to leave a piece of "
                "the network that has no boundary node with a pressure. Give one boundary node a pressure"
            )
        source[inside] *= enters[i] / leaves[i]
        if mismatch > NOTED:
            notes.append(f"outflows scaled by {enters[i] / leaves[i]:.6f} to match what enters")
        pin = inside[0]
        fixed[pin], pressure[pin], source[pin] = True, 0.0, 0.0
        notes.append(f"pressures are relative to node {graph.node_name[pin] or pin}: only flows are given")
    live = (held & ~rest | by_flow)[label]
    return Pieces(live, fixed, pressure, source, tuple(notes))


def pieces_at_rest(graph: VesselGraph) -> list[tuple[int, str]]:
    """(first edge, why) for every connected piece with vessels in which blood stands with all of them open."""
    count, label = graph.islands()
    held, enters, leaves = _totals(graph, count, label)
    by_pressure = graph.boundary_type == PRESSURE
    at, value = label[graph.boundary_node[by_pressure]], graph.boundary_value[by_pressure]
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, at, value)
    np.maximum.at(high, at, value)
    vessels = np.bincount(label[graph.tail], minlength=count)
    still = (vessels > 0) & (enters + leaves == 0.0) & ~(high > low)
    first = {int(label[node]): edge for edge, node in reversed(list(enumerate(graph.tail.tolist())))}
    found = []
    for i in np.flatnonzero(still):
        why = "only one boundary pressure" if held[i] else "no boundary node"
        found.append((first[int(i)], f"blood stands in this piece of {vessels[i]} vessel(s): it has {why}"))
    return sorted(found)
