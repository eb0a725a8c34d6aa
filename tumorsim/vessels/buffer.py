"""Hepatic arterial buffer response: arteries of the liver widen where portal blood fails.

Adenosine gathers around the arterioles where portal blood does not wash it out (Lautt 1985, 2007). Arteries
make up for 25 to 60 % of the portal flow that is lost, their flow at most doubles, and the portal vein never
answers a loss of arterial blood (Eipel, Abshagen and Vollmar 2010, World J Gastroenterol 16:6046). Tumour
vessels have no part in it: the new vessels of hepatocellular carcinoma lack a full coat of smooth muscle
(recalled; Yang and Poon 2008), and neither have thrombi, satellites or organs outside the liver.

The response is a function of which vessels are open and of nothing else: it has no history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim.vessels.flow import Flow, FlowSolver
from tumorsim.vessels.graph import Kind
from tumorsim.vessels.growth import GrownVessels
from tumorsim.vessels.supply import inflow_at

Floats = NDArray[np.float64]

NOTICED = 5e-3  # of its untreated portal inflow: a loss below this, everywhere, calls for no response
TOLERANCE = 2e-3  # of its untreated arterial inflow: how near a bed comes to its target
FULL_FROM = 0.02  # of its untreated portal inflow: the loss from which a bed's tone may reach its bound
MOST_SOLVES = 40  # a handful is the rule
MEMORY = 4  # steps that the next one is extrapolated from


def buffered_arterial_flow(
    arterial: ArrayLike, portal_untreated: ArrayLike, portal: ArrayLike, fraction: float, most: float = 2.0
) -> Floats:
    """Arterial flow with the buffer response, in the unit of the flows given.

    ``min(arterial + fraction x lost, most x arterial)``, where ``lost`` is what portal flow has fallen by; a
    rise calls for nothing.

    Parameters
    ----------
    arterial : array
        Without the response.
    portal_untreated, portal : array
        Portal flow before and now.
    fraction : float
        Of the lost portal flow that is made up for.
    most : float
        Greatest multiple of ``arterial``.
    """
    before = np.asarray(arterial, dtype=np.float64)
    lost = np.maximum(0.0, np.asarray(portal_untreated, dtype=np.float64) - np.asarray(portal, dtype=np.float64))
    return np.asarray(np.minimum(before + fraction * lost, most * before))


@dataclass(frozen=True)
class BufferReference:
    """The beds that respond, and their untreated blood.

    Attributes
    ----------
    node : array of int, shape (units,)
        Exchange nodes of liver, then the lumped rests of the liver outside the box.
    bed : array of int, shape (beds,)
        Arterial beds that end there.
    unit : array of int, shape (beds,)
        Row in ``node`` of every bed.
    arterial, portal : array, shape (units,)
        Untreated inflow [m3/s], both above 0.
    """

    node: NDArray[np.int64]
    bed: NDArray[np.int64]
    unit: NDArray[np.int64]
    arterial: Floats
    portal: Floats


def buffer_reference(grown: GrownVessels, solver: FlowSolver) -> BufferReference:
    """The beds that respond, and their blood before any treatment and without a thrombus.

    Parameters
    ----------
    grown : GrownVessels
    solver : FlowSolver
        Of its graph.
    """
    graph = grown.graph
    open_vein = grown.patent.copy()
    open_vein[grown.thrombosed] = 1.0
    untreated = solver.solve(open_vein).edge_flow
    finite = np.isfinite(graph.conductance)
    arterial = np.flatnonzero(finite & (graph.kind == Kind.ARTERIAL))
    portal = np.flatnonzero(finite & (graph.kind == Kind.PORTAL))
    # a rest has both kinds of bed and is no exchange node; organs outside the liver have no portal bed
    rest = np.setdiff1d(np.intersect1d(graph.head[arterial], graph.head[portal]), graph.exchange)
    node = np.concatenate([graph.exchange[grown.compartment_of_exchange == 0], rest]).astype(np.int64)
    q_arterial, q_portal = (inflow_at(graph, untreated, kind, node) for kind in (Kind.ARTERIAL, Kind.PORTAL))
    fed = (q_arterial > 0.0) & (q_portal > 0.0)
    node, q_arterial, q_portal = node[fed], q_arterial[fed], q_portal[fed]
    row = np.full(graph.n_nodes, -1, dtype=np.int64)
    row[node] = np.arange(len(node))
    bed = arterial[row[graph.head[arterial]] >= 0]
    return BufferReference(node, bed, row[graph.head[bed]], q_arterial, q_portal)


def solve_buffered(
    solver: FlowSolver, edge_open: Floats, reference: BufferReference, parameters: Mapping[str, float]
) -> tuple[Flow, Floats]:
    """Flow with the buffer response.

    A bed's target is `buffered_arterial_flow` of its untreated arterial inflow or, where something in its
    artery lets less through, of what comes without a response: the response widens what is open and does
    not undo an embolisation. The tone of its arterial beds is raised until it gets that, or until the tone
    reaches its bound: `vessels.buffer_most_tone`, and 1 where a bed has lost no portal blood.

    Parameters
    ----------
    edge_open : array, shape (edges,)
        Share of every vessel that is open.
    parameters : mapping
        `vessels.buffer_fraction`, `vessels.buffer_most`, `vessels.buffer_most_tone`.

    Returns
    -------
    flow : Flow
    edge_tone : array, shape (edges,)
        Factor of conductance, at least 1; exactly 1 wherever nothing responds.

    Raises
    ------
    ArithmeticError
        Where tones and flows do not settle.
    """
    edge_open = np.asarray(edge_open, dtype=np.float64)
    tone = np.ones(solver.graph.n_edges)
    flow = solver.solve(edge_open)
    portal = inflow_at(solver.graph, flow.edge_flow, Kind.PORTAL, reference.node)
    if not np.any(portal < (1.0 - NOTICED) * reference.portal):
        return flow, tone
    arterial = inflow_at(solver.graph, flow.edge_flow, Kind.ARTERIAL, reference.node)
    base = np.minimum(arterial, reference.arterial)
    top = float(np.log(parameters["vessels.buffer_most_tone"]))
    level = np.zeros(len(reference.node))  # logarithm of the tone
    levels: list[Floats] = []
    steps: list[Floats] = []
    for _ in range(MOST_SOLVES):
        target = buffered_arterial_flow(
            base, reference.portal, portal, parameters["vessels.buffer_fraction"], parameters["vessels.buffer_most"]
        )
        short = target - arterial
        bound = top * np.clip((1.0 - portal / reference.portal) / FULL_FROM, 0.0, 1.0)
        low, high = (level <= 0.0) & (short <= 0.0), (level >= bound - TOLERANCE * top) & (short >= 0.0)
        met = (np.abs(short) <= TOLERANCE * reference.arterial) | low | high | (base <= 0.0)
        if np.all(met & ((bound > 0.0) | (level == 0.0))):
            return flow, tone
        step = np.log(np.divide(target, arterial, out=np.ones_like(target), where=(arterial > 0.0) & (target > 0.0)))
        step[(base <= 0.0)] = 0.0
        step = np.clip(level + step, 0.0, bound) - level
        levels, steps = [*levels[-MEMORY:], level], [*steps[-MEMORY:], step]
        level = np.clip(_extrapolated(levels, steps), 0.0, bound)
        tone[reference.bed] = np.exp(level)[reference.unit]
        flow = solver.solve(edge_open * tone)
        portal = inflow_at(solver.graph, flow.edge_flow, Kind.PORTAL, reference.node)
        arterial = inflow_at(solver.graph, flow.edge_flow, Kind.ARTERIAL, reference.node)
    worst = float(np.max(np.abs(short) / reference.arterial))
    raise ArithmeticError(
        f"vessels: the arterial buffer response does not settle: a bed is still {worst:.2g} of its arterial flow "
        f"off its target after {MOST_SOLVES} solutions of the flow"
    )


def _extrapolated(levels: list[Floats], steps: list[Floats]) -> Floats:
    """Where the steps (each the way a level would go) would end: Anderson 1965, least squares over the last few."""
    if len(levels) < 2:
        return levels[-1] + steps[-1]
    d_step = [b - a for a, b in pairwise(steps)]
    d_level = [b - a for a, b in pairwise(levels)]
    # sums in a fixed order: a threaded library would change the last bits with the number of its threads
    gram = np.array([[float((a * b).sum()) for b in d_step] for a in d_step])
    weight, *_ = np.linalg.lstsq(gram, np.array([float((a * steps[-1]).sum()) for a in d_step]), rcond=1e-12)
    end = levels[-1] + steps[-1]
    for w, a, b in zip(weight, d_level, d_step, strict=True):
        end = end - w * (a + b)
    return end
