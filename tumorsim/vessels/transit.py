"""Transit times: how long blood takes through each vessel, to each node, and through the network.

A parcel of blood spends V / Q in a vessel of volume V and flow Q. At a node parcels that arrive by several
vessels mix, so the mean time of arrival is the mean over the entering vessels, weighted by flow; blood entering
from outside arrives at time 0. Over the whole network the mean is the blood volume that moves, over the inflow
(the central volume theorem, Meier and Zierler 1954, J Appl Physiol 6:731).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim._jit import njit
from tumorsim.errors import InputError
from tumorsim.vessels.flow import Flow
from tumorsim.vessels.graph import VesselGraph
from tumorsim.vessels.transport_order import course_of

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Transit:
    """Times of one flow.

    Attributes
    ----------
    edge : array, shape (m,)
        Time spent in every vessel [s]; nan where nothing flows.
    arrival : array, shape (n,)
        Mean time of arrival at every node [s], weighted by flow, from where blood enters; nan where none arrives.
    mean : float
        Mean time from entering to leaving the network [s]; nan where nothing flows.
    """

    edge: Floats
    arrival: Floats
    mean: float


def transit_times(graph: VesselGraph, flow: Flow, *, volume: ArrayLike | None = None) -> Transit:
    """Transit times of a solved flow.

    Parameters
    ----------
    graph : VesselGraph
    flow : Flow
        Flows that are rounding count as none (`tumorsim.vessels.transport_order.course_of`).
    volume : array, shape (m,), optional
        Blood volume of every vessel [m3]; default pi r^2 L. To be given for vessels that stand for many.

    Raises
    ------
    InputError
        For a volume that is negative or not finite, or flows that are not balanced or go round in a circle, which
        flows driven by pressures cannot.
    """
    m = graph.n_edges
    own = np.pi * graph.radius**2 * graph.length if volume is None else np.asarray(volume, dtype=np.float64)
    if own.shape != (m,) or not np.all((own >= 0.0) & np.isfinite(own)):
        raise InputError(f"transit: the volumes must be {m} finite numbers of at least 0")
    course = course_of(graph, flow.edge_flow)
    edge = np.divide(own, course.flow, out=np.full(m, np.nan), where=course.carries)
    entering = np.zeros(graph.n_nodes)
    entering[graph.boundary_node] = np.maximum(flow.boundary_flow, 0.0)
    arrival = np.full(graph.n_nodes, np.nan)
    _arrive(course.order, course.out_start, course.out_edge, course.sink, course.flow, edge, entering, arrival)
    out = np.maximum(-flow.boundary_flow, 0.0)
    total = float(out.sum())
    reached = out > 0.0
    mean = float((out * arrival[graph.boundary_node])[reached].sum() / total) if total > 0.0 else float("nan")
    return Transit(edge, arrival, mean)


@njit
def _arrive(order, out_start, out_edge, sink, flow, time, blood, arrival):  # type: ignore[no-untyped-def]
    """Fill `arrival` node by node, each after all that feed it; `blood` is what enters from outside."""
    age = np.zeros(len(blood))
    for node in order:
        if blood[node] > 0.0:
            arrival[node] = age[node] / blood[node]
        for k in range(out_start[node], out_start[node + 1]):
            e = out_edge[k]
            blood[sink[e]] += flow[e]
            age[sink[e]] += flow[e] * (arrival[node] + time[e])
