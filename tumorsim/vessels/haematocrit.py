"""Haematocrit of every vessel: red cells follow the blood, mix where vessels join, part where they divide.

Cells enter with the haematocrit of the boundary. At a node everything that enters is mixed; then

- one vessel leaves: it takes all cells;
- two leave: `tumorsim.vessels.phase_separation`; where several vessels enter, DF is their mean diameter, weighted
  by flow;
- n > 2 leave: the same law for n branches. E_i is proportional to (q_i - X0)^B w_i, where w_i = D_i^(-6.96 / DF)
  ("1990") or exp(-13.29 (1 - H) / DF D_i^2 / S) ("2005"), S the mean of D_i^2 + D_j^2 over all pairs, weighted by
  q_i q_j. For n = 2 these are the published laws; for any n equal branches are treated alike, and nothing jumps
  where a flow passes through zero or another becomes the largest;
- the cells enter at a boundary node, with no feeding vessel: they go with the blood.

What leaves the network at a node takes the mixed blood as it is. A branch cannot hold more cells than the
densest packing; those that do not fit go into the others. So cells are conserved at every node.

Flow depends on viscosity, viscosity on haematocrit, haematocrit on flow: `solve_with_phase_separation` repeats the
three, damped, until none changes (Pries and others 1990, Circ Res 67:826).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim._jit import njit
from tumorsim.errors import InputError
from tumorsim.parameters import load_parameters
from tumorsim.vessels.flow import Flow, FlowSolver, edge_conductance
from tumorsim.vessels.graph import VesselGraph
from tumorsim.vessels.phase_separation import UM, SplitLaw, cell_scale, check_law, share_of_cells
from tumorsim.vessels.rheology import Law
from tumorsim.vessels.transport_order import course_of

Floats = NDArray[np.float64]

WINDOW = 20  # rounds between two decisions about damping: a single round may well be worse than the one before
STALLED = 0.7  # share to which a window must bring the change down
SLOWER, FASTER = 0.6, 1.15  # what damping is multiplied by after a window that did not, and one that did
LEAST_DAMPING = 0.02  # below this nothing moves any more


@dataclass(frozen=True)
class PhaseSeparatedFlow:
    """A flow and the haematocrit that belong together.

    Attributes
    ----------
    flow : Flow
    haematocrit : array, shape (m,)
        Discharge haematocrit [-]; nan in vessels without flow.
    viscosity : array, shape (m,)
        Apparent viscosity [Pa s] the flow was solved with.
    iterations : int
        Rounds of flow, haematocrit and viscosity.
    history : tuple of (float, float, float)
        For each round: largest change of a haematocrit [-], largest relative change of a flow, both as they would
        be without damping, and the damping used after it.
    notes : tuple of str
        What had to be decided, the notes of the flow included.
    """

    flow: Flow
    haematocrit: Floats
    viscosity: Floats
    iterations: int
    history: tuple[tuple[float, float, float], ...]
    notes: tuple[str, ...]


def entering_haematocrit(
    graph: VesselGraph, flow: Flow, parameters: Mapping[str, float] | None = None
) -> tuple[Floats, list[str]]:
    """Haematocrit [-] of what enters at every boundary node, shape (b,), and what had to be decided.

    It is the one of the boundary node where known, else the parameter `blood.haematocrit`.
    """
    table = load_parameters() if parameters is None else parameters
    unknown = np.isnan(graph.boundary_haematocrit)
    count = int((unknown & (flow.boundary_flow > 0.0)).sum())
    default = table["blood.haematocrit"]
    notes = [f"blood of haematocrit {default:g} (default) enters at {count} boundary node(s)"] if count else []
    return np.where(unknown, default, graph.boundary_haematocrit), notes


def solve_haematocrit(
    graph: VesselGraph,
    flow: Flow,
    *,
    law: SplitLaw = "2005",
    split_cell_volume: float | None = None,
    parameters: Mapping[str, float] | None = None,
) -> Floats:
    """Discharge haematocrit [-] of every vessel for given flows, shape (m,); nan where nothing flows.

    Parameters
    ----------
    graph : VesselGraph
        Gives diameters and the haematocrit of entering blood.
    flow : Flow
        Flows that are rounding count as none (`tumorsim.vessels.transport_order.course_of`).
    law : "1990" or "2005"
    split_cell_volume : float, optional
        Volume of a red cell [m3] that scales the diameters in the law of separation (`cell_share`); default: the
        diameters as they are.
    parameters : mapping, optional
        `blood.haematocrit` and `blood.most_haematocrit` are read.

    Raises
    ------
    InputError
        For an unknown law, a boundary haematocrit outside [0, 1), a volume that is not positive, or flows that are
        not balanced or go round in a circle, which flows driven by pressures cannot.
    """
    check_law(law)
    table = load_parameters() if parameters is None else parameters
    entering, _ = entering_haematocrit(graph, flow, table)
    wrong = ~((entering >= 0.0) & (entering < 1.0))
    if wrong.any():
        at = int(graph.boundary_node[np.flatnonzero(wrong)[0]])
        raise InputError(f"vessel graph: node {at}: boundary haematocrit is not from 0 to below 1")
    scale = 1.0 if split_cell_volume is None else cell_scale(split_cell_volume)
    diameter = 2.0 * graph.radius * (scale / UM)
    course = course_of(graph, flow.edge_flow)
    outcome = np.full(graph.n_edges, np.nan)
    _follow(
        course.order, course.out_start, course.out_edge, course.sink, course.flow, course.leaves, diameter,
        graph.boundary_node, flow.boundary_flow, entering, law == "2005", table["blood.most_haematocrit"], outcome,
    )  # fmt: skip
    return outcome


@njit
def _follow(  # type: ignore[no-untyped-def]
    order, out_start, out_edge, sink, flow, leaves, diameter, boundary, boundary_flow, entering, later, most, outcome
):
    """Fill `outcome` node by node, each after all that feed it."""
    n = len(leaves)
    cells = np.zeros(n)  # what has entered each node
    feed, feeding = np.zeros(n), np.zeros(n)  # flow times diameter of the entering vessels, and their flow
    for b in range(len(boundary)):
        if boundary_flow[b] > 0.0:
            cells[boundary[b]] += boundary_flow[b] * entering[b]
    most_out = 0
    for node in order:
        most_out = max(most_out, out_start[node + 1] - out_start[node])
    share, size = np.empty(most_out), np.empty(most_out)
    for node in order:
        edges = out_edge[out_start[node] : out_start[node + 1]]
        count = len(edges)
        if count == 0:
            continue
        carried = cells[node] * (1.0 - leaves[node])  # all cells that do not leave the network here
        out = 0.0
        for k in range(count):
            size[k] = flow[edges[k]]
            out += size[k]
        h = carried / out
        if count == 1 or feeding[node] == 0.0 or not 0.0 < h < 1.0:
            for k in range(count):
                share[k] = size[k] / out
        else:
            _divide(count, size, out, edges, diameter, feed[node] / feeding[node], h, later, share)
            _pack(count, size, carried, max(most, h), share)
        for k in range(count):
            e = edges[k]
            outcome[e] = share[k] * carried / size[k]
            to = sink[e]
            cells[to] += share[k] * carried
            feed[to] += size[k] * diameter[e]
            feeding[to] += size[k]


@njit
def _divide(count, size, out, edges, diameter, feed, h, later, share):  # type: ignore[no-untyped-def]
    """Shares of the cells of two or more branches."""
    if count == 2:
        share[0] = share_of_cells(size[0] / out, diameter[edges[0]], diameter[edges[1]], feed, h, later)
        share[1] = 1.0 - share[0]
        return
    plasma = (1.0 - h) / feed
    b = 1.0 + 6.98 * plasma
    x0 = 0.964 * plasma if later else 0.4 / feed
    squares, pairs = 0.0, 0.0
    for k in range(count):
        for i in range(k):
            squares += size[k] * size[i] * (diameter[edges[k]] ** 2 + diameter[edges[i]] ** 2)
            pairs += size[k] * size[i]
    top = -np.inf
    for k in range(count):
        d = diameter[edges[k]]
        weight = -13.29 * plasma * d * d * pairs / squares if later else -6.96 * math.log(d) / feed
        above = size[k] / out - x0
        share[k] = weight + b * math.log(above) if above > 0.0 else -np.inf
        top = max(top, share[k])
    total, best = 0.0, 0.0
    for k in range(count):
        best = max(best, size[k])
    for k in range(count):
        if top > -np.inf:
            share[k] = math.exp(share[k] - top)
        else:  # no branch above X0: all cells go with the most blood
            share[k] = 1.0 if size[k] == best else 0.0
        total += share[k]
    for k in range(count):
        share[k] /= total


@njit
def _pack(count, size, carried, most, share):  # type: ignore[no-untyped-def]
    """Move cells that do not fit into branches with room, in proportion to the room."""
    excess, room = 0.0, 0.0
    for k in range(count):
        fits = most * size[k] / carried
        if share[k] > fits:
            excess += share[k] - fits
            share[k] = fits
        else:
            room += fits - share[k]
    if excess > 0.0 and room > 0.0:
        for k in range(count):
            free = most * size[k] / carried - share[k]
            if free > 0.0:
                share[k] += excess * free / room


def solve_with_phase_separation(
    graph: VesselGraph,
    *,
    edge_open: Any = None,
    cell_volume: float | None = None,
    split_cell_volume: float | None = None,
    law: SplitLaw = "2005",
    viscosity_law: Law = "in vivo",
    parameters: Mapping[str, float] | None = None,
    damping: float | None = None,
    tolerance: float | None = None,
    most_iterations: int | None = None,
) -> PhaseSeparatedFlow:
    """Flow and haematocrit from boundary data alone, iterated until they belong together.

    The haematocrit column of the graph is not read. Calibrated conductances of the graph stay as they are.

    Parameters
    ----------
    graph : VesselGraph
    edge_open : array, shape (m,), optional
        As `FlowSolver.solve`.
    cell_volume : float, optional
        Volume of a red cell [m3] in the viscosity; default the parameter `blood.cell_volume`.
    split_cell_volume : float, optional
        As `solve_haematocrit`: None takes the diameters as measured.
    law : "1990" or "2005"
        Law of phase separation.
    viscosity_law : "in vivo" or "in vitro"
    parameters : mapping, optional
        The room `blood` is read.
    damping : float, optional
        Share of the change of haematocrit that each round takes over, in (0, 1]; default `blood.damping`. It is
        halved where changes do not shrink, and grows again where they do.
    tolerance : float, optional
        Largest change of a haematocrit [-], and of a flow relative to itself or a thousandth of the inflow, whichever
        is larger; default `blood.tolerance`.
    most_iterations : int, optional
        Default `blood.most_iterations`.

    Raises
    ------
    InputError
        As `FlowSolver` and `solve_haematocrit`, or for a setting that cannot be.
    ArithmeticError
        Where it does not converge; names the rounds, the largest change and its vessel.
    """
    table = load_parameters() if parameters is None else parameters
    part = table["blood.damping"] if damping is None else damping
    limit = table["blood.tolerance"] if tolerance is None else tolerance
    rounds = int(table["blood.most_iterations"] if most_iterations is None else most_iterations)
    if not 0.0 < part <= 1.0:
        raise InputError(f"phase separation: damping {part} is not above 0 and up to 1. Example: 0.5")
    if not (limit > 0.0 and math.isfinite(limit)):
        raise InputError(f"phase separation: tolerance {limit} is not a positive number. Example: 1e-6")
    if rounds < 1:
        raise InputError(f"phase separation: {rounds} iterations are too few. At least 1")

    default = table["blood.haematocrit"]
    blood = {"cell_volume": cell_volume, "law": viscosity_law, "parameters": table}
    used = np.full(graph.n_edges, default)
    solver = FlowSolver(graph, haematocrit=used, **blood)  # type: ignore[arg-type]
    open_share = np.ones(graph.n_edges) if edge_open is None else np.asarray(edge_open, dtype=np.float64)
    flow = solver.solve(open_share)
    mu = solver.viscosity
    history: list[tuple[float, float, float]] = []
    before, now = np.inf, np.inf  # smallest change in the window before, and in this one
    previous = np.zeros(graph.n_edges)
    taken = 1.0  # how much of the last change was taken over
    for count in range(1, rounds + 1):
        found = solve_haematocrit(graph, flow, law=law, split_cell_volume=split_cell_volume, parameters=table)
        moving = ~np.isnan(found)
        change = np.where(moving, found, default) - used
        size = np.maximum(np.abs(flow.edge_flow), 1e-3 * flow.inflow)
        flow_change = np.divide(flow.edge_flow - previous, size * taken, out=np.zeros(len(size)), where=size > 0.0)
        cells, swing = np.abs(change).max(initial=0.0), np.abs(flow_change).max(initial=0.0)
        history.append((float(cells), float(swing), part))
        if cells <= limit and swing <= limit:
            _, notes = entering_haematocrit(graph, flow, table)
            return PhaseSeparatedFlow(flow, found, mu, count, tuple(history), (*flow.notes, *notes))
        now = min(now, cells)
        if count % WINDOW == 0:
            part = max(LEAST_DAMPING, part * SLOWER) if now > STALLED * before else min(1.0, part * FASTER)
            before, now = now, np.inf
        used = used + part * change
        previous, taken = flow.edge_flow, part
        conductance, mu = edge_conductance(graph, haematocrit=used, **blood)  # type: ignore[arg-type]
        flow = solver.solve_conductance(conductance * open_share)
    worst = int(np.argmax(np.abs(change)))
    name = f" '{graph.edge_name[worst]}'" if graph.edge_name[worst] else ""
    raise ArithmeticError(
        f"phase separation: not converged after {rounds} iterations: the haematocrit of vessel {worst}{name} still "
        f"changes by {cells:.2g} and a flow by {swing:.2g} of itself; tolerance {limit:g}. Damping at last {part:.2g}"
    )
