"""The arteries that an angiogram shows leading to bright tissue: feeders, and what has come to run beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.outcomes.imaging import SeenArtery
from tumorsim.vessels.graph import Kind, VesselGraph
from tumorsim.vessels.supply import exchange_inflow
from tumorsim.vessels.transport import Transport

if TYPE_CHECKING:
    from tumorsim.state import State
    from tumorsim.vessels.growth import GrownVessels

SEGMENTS = {f"segment_{k}": k for k in range(1, 9)}


def seen_arteries(
    grown: GrownVessels, state: State, visible: NDArray[np.bool_], smallest: float
) -> tuple[SeenArtery, ...]:
    """Arteries that carry blood to visible tumour now and are wide enough to be seen.

    Feeders, then arteries from outside the liver, then collaterals, each once it runs. An artery's share is
    the part of the arterial and extrahepatic blood of the visible sites that has come through it: that of a
    contrast injection into it alone.

    Parameters
    ----------
    state : State
        Its flow, perfusion and ``edge_patent`` are read.
    visible : array of bool, shape (sites,)
        The enhancing tumour of the image.
    smallest : float
        Narrowest artery that is seen [m].
    """
    graph, flow = grown.graph, state.edge_flow
    at = grown.exchange_of_site[visible]
    bright, inflow = {}, {}
    for kind, perfusion in ((Kind.ARTERIAL, state.q_arterial), (Kind.EXTRAHEPATIC, state.q_extrahepatic)):
        bright[kind] = np.bincount(at[at >= 0], perfusion[visible][at >= 0], minlength=len(graph.exchange))
        inflow[kind] = exchange_inflow(graph, flow, kind)
    total = sum(float(b.sum()) for b in bright.values())
    if total <= 0.0:
        return ()
    transport = Transport(graph, flow)
    seen = []
    for artery, diameter in _candidates(grown, state):
        if diameter < smallest or flow[artery.edge] <= 0.0 or not transport.carries(artery.edge):
            continue
        kind = Kind(graph.kind[artery.edge])
        brought = transport.steady({artery.edge: float(flow[artery.edge])}, extraction=1.0).delivered
        part = np.divide(brought, inflow[kind], out=np.zeros(len(brought)), where=inflow[kind] > 0.0)
        share = float((bright[kind] * part).sum()) / total
        if share > 0.0:
            seen.append(SeenArtery(artery.name, artery.edge, diameter, segment_of(graph, artery.edge), share))
    return tuple(seen)


def _candidates(grown: GrownVessels, state: State) -> Iterator[tuple[Any, float]]:
    """Every artery to the tumour with its diameter [m] now.

    One that was dormant grows into its width: its conductance, and so its patent share, goes with the fourth
    power of the diameter (Poiseuille).
    """
    arteries: list[Any] = [*grown.feeders, *grown.parasites, *grown.collaterals]
    for artery in arteries:
        width = float(2.0 * grown.graph.radius[artery.edge])
        yield artery, width * float(state.edge_patent[artery.edge]) ** 0.25


def segment_of(graph: VesselGraph, edge: int) -> int:
    """Segment (1-8) of the liver whose artery an artery leaves; 0 where it leaves none."""
    arteries = np.flatnonzero(graph.kind == Kind.ARTERIAL)
    feeds = np.full(graph.n_nodes, -1, dtype=np.int64)
    # beds and collaterals also end at nodes: of no artery that goes on
    trunk = arteries[np.isnan(graph.conductance[arteries])]
    feeds[graph.head[trunk]] = trunk
    if graph.kind[edge] != Kind.ARTERIAL:
        return 0
    while edge >= 0:
        if graph.edge_name[edge] in SEGMENTS:
            return SEGMENTS[graph.edge_name[edge]]
        edge = int(feeds[graph.tail[edge]])
    return 0
