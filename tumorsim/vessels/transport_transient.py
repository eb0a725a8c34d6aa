"""Transport in time: plugs in vessels, well-mixed beds.

What has passed a point up to every moment (a curve M of time) is carried, not a concentration. A vessel
delays the curve by its transit time, a junction adds curves and shares them out, so nothing is lost at any
time. Between the ends of steps M is a straight line: a delay that is no whole number of steps is right to
second order in the step, and any step is stable.

A bed of volume V and through-flow Q holds an amount a with ``da/dt = J - (Q / V + k) a``; its solution for a
constant J over a step is used, exact for any step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim._jit import njit
from tumorsim.vessels.graph import VesselGraph
from tumorsim.vessels.transport_order import Course

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Transient:
    """What injections that change with time become; at every time ``injected`` is the sum of the next four.

    Attributes
    ----------
    times : array, shape (steps + 1,)
        [s].
    injected, in_vessels, in_beds, extracted, washed_out : array, shape (steps + 1,)
        Amounts up to, or at, every time [kg].
    arrived : array, shape (rows, steps + 1)
        What has come to every exchange row up to every time [kg].
    held : array, shape (rows, steps + 1)
        What the blood of its bed holds [kg]; 0 without a bed volume.
    concentration : array, shape (rows, steps)
        Of the blood that leaves an exchange row, mean of every step [kg/m3]; nan where none flows.
    washed_out_at : array, shape (b, steps + 1)
        What has left at every boundary node [kg].
    """

    times: Floats
    injected: Floats
    in_vessels: Floats
    in_beds: Floats
    extracted: Floats
    washed_out: Floats
    arrived: Floats
    held: Floats
    concentration: Floats
    washed_out_at: Floats


def run(
    graph: VesselGraph,
    course: Course,
    row: NDArray[np.int64],
    edges: dict[int, Floats],
    nodes: dict[int, Floats],
    times: Floats,
    volume: Floats,
    bed_volume: Floats,
    uptake: Floats,
) -> Transient:
    """Carry injections; the arguments are those that `Transport.transient` has checked.

    Parameters
    ----------
    row : array of int, shape (n,)
        Exchange row of a node, -1 of others.
    edges, nodes : dict of index to array, shape (steps,)
        Rates [kg/s].
    """
    n, m, steps = graph.n_nodes, graph.n_edges, len(times) - 1
    widths = np.diff(times)
    given = [*edges.values(), *nodes.values()]
    curves = np.zeros((len(given), steps + 1))
    if given:
        np.cumsum(np.array(given) * widths, axis=1, out=curves[:, 1:])
    curve_of_edge, curve_of_node = np.full(m, -1, dtype=np.int64), np.full(n, -1, dtype=np.int64)
    curve_of_edge[list(edges)] = np.arange(len(edges))
    curve_of_node[list(nodes)] = np.arange(len(edges), len(given))
    delay = np.divide(volume, course.flow, out=np.zeros(m), where=course.carries)
    slot, slots = _slots(course.order, course.out_start, course.out_edge, course.sink, curve_of_edge, curve_of_node)
    boundary = np.full(n, -1, dtype=np.int64)
    boundary[graph.boundary_node] = np.arange(len(graph.boundary_node))
    rows = len(graph.exchange)
    arrived, held, out = (np.zeros((rows, steps + 1)) for _ in range(3))
    washed = np.zeros((len(graph.boundary_node), steps + 1))
    in_vessels, extracted = np.zeros(steps + 1), np.zeros(steps + 1)
    _carry(
        course.order, course.out_start, course.out_edge, course.sink, course.share, course.leaves, course.through,
        delay, row, boundary, bed_volume, uptake, times, curves, curve_of_edge, curve_of_node,
        slot, np.zeros((slots, steps + 1)), arrived, held, out, washed, in_vessels, extracted,
    )  # fmt: skip
    blood = course.through[graph.exchange][:, None] * widths
    concentration = np.divide(np.diff(out, axis=1), blood, out=np.full(blood.shape, np.nan), where=blood > 0.0)
    return Transient(
        times=times,
        injected=curves.sum(axis=0),
        in_vessels=in_vessels,
        in_beds=held.sum(axis=0),
        extracted=extracted,
        washed_out=washed.sum(axis=0),
        arrived=arrived,
        held=held,
        concentration=concentration,
        washed_out_at=washed,
    )


@njit
def _slots(order: Any, out_start: Any, out_edge: Any, sink: Any, of_edge: Any, of_node: Any) -> Any:
    """A place for the curve of every node that injections reach (-1: none does), used again and again."""
    n = len(out_start) - 1
    slot = np.full(n, -1, dtype=np.int64)
    free = np.empty(n, dtype=np.int64)
    n_free = 0
    count = 0
    for i in range(len(order)):
        node = order[i]
        if slot[node] < 0 and of_node[node] >= 0:
            if n_free > 0:
                n_free -= 1
                slot[node] = free[n_free]
            else:
                slot[node] = count
                count += 1
        for k in range(out_start[node], out_start[node + 1]):
            edge = out_edge[k]
            to = sink[edge]
            if slot[to] < 0 and (slot[node] >= 0 or of_edge[edge] >= 0):
                if n_free > 0:
                    n_free -= 1
                    slot[to] = free[n_free]
                else:
                    slot[to] = count
                    count += 1
        if slot[node] >= 0:
            free[n_free] = slot[node]
            n_free += 1
    return slot, count


@njit
def _bed(curve: Any, times: Any, turnover: float, uptake: float, held: Any, extracted: Any) -> None:
    """Let a well-mixed bed turn what has arrived into what has left, in place.

    ``turnover`` is Q / V [1/s]; ``held`` becomes what the bed holds, ``extracted`` gains what it has taken.
    """
    rate = turnover + uptake
    inside = 0.0
    taken = 0.0
    left = 0.0
    before = curve[0]
    for j in range(len(times) - 1):
        arrives = curve[j + 1] - before
        before = curve[j + 1]
        x = rate * (times[j + 1] - times[j])
        gone = -np.expm1(-x)  # of what was there
        # of what arrives evenly during the step: 1 - (1 - exp(-x)) / x
        early = 0.5 * x * (1.0 - x / 3.0 * (1.0 - 0.25 * x)) if x < 1e-3 else 1.0 - gone / x
        lost = inside * gone + arrives * early
        inside += arrives - lost
        held[j + 1] = inside
        taken += lost * (uptake / rate) if rate > 0.0 else 0.0
        left += lost * (turnover / rate) if rate > 0.0 else 0.0
        extracted[j + 1] += taken
        curve[j + 1] = left


@njit
def _carry(
    order: Any,
    out_start: Any,
    out_edge: Any,
    sink: Any,
    share: Any,
    leaves: Any,
    through: Any,
    delay: Any,
    row: Any,
    boundary: Any,
    bed_volume: Any,
    uptake: Any,
    times: Any,
    curves: Any,
    of_edge: Any,
    of_node: Any,
    slot: Any,
    pool: Any,
    arrived: Any,
    held: Any,
    out: Any,
    washed: Any,
    in_vessels: Any,
    extracted: Any,
) -> None:
    """One pass along the flow with whole curves; the last six arguments are written."""
    count = len(times)
    begun = np.zeros(len(slot), dtype=np.bool_)
    for i in range(len(order)):
        node = order[i]
        passes = slot[node] >= 0
        here = pool[max(slot[node], 0)]
        if passes and not begun[node]:
            here[:] = 0.0
        if of_node[node] >= 0:
            here += curves[of_node[node]]
        r = row[node]
        if passes and r >= 0:
            arrived[r] = here
            if bed_volume[r] > 0.0:
                _bed(here, times, through[node] / bed_volume[r], uptake[r], held[r], extracted)
            out[r] = here
        if passes and boundary[node] >= 0:
            washed[boundary[node]] += leaves[node] * here
        for k in range(out_start[node], out_start[node + 1]):
            edge = out_edge[k]
            if not passes and of_edge[edge] < 0:
                continue
            to = sink[edge]
            there = pool[slot[to]]
            if not begun[to]:
                there[:] = 0.0
                begun[to] = True
            if of_edge[edge] >= 0:
                there += curves[of_edge[edge]]
            if not passes:
                continue
            part = share[edge]
            p = 0
            for j in range(count):
                moment = times[j] - delay[edge]
                came = 0.0
                if moment > times[0]:
                    while times[p + 1] < moment:
                        p += 1
                    weight = (moment - times[p]) / (times[p + 1] - times[p])
                    came = here[p] + (here[p + 1] - here[p]) * weight
                there[j] += part * came
                in_vessels[j] += part * (here[j] - came)
