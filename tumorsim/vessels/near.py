"""How far every site lies from the walls of some vessels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim._jit import njit
from tumorsim.lattice import Lattice
from tumorsim.vessels.graph import VesselGraph

Floats = NDArray[np.float64]


def wall_distance(lattice: Lattice, graph: VesselGraph, edges: NDArray[Any]) -> Floats:
    """Distance of every site's middle from the nearest wall of some vessels [m], negative inside, (sites,).

    Vessels are straight between their ends and closed there by half a ball. inf without any.
    """
    found = np.full(lattice.n_sites, np.inf)
    tail, head = graph.node_pos[graph.tail[edges]], graph.node_pos[graph.head[edges]]
    _nearest(*lattice.axes(), tail, head - tail, graph.radius[edges], found)
    return found


@njit
def _nearest(xs: Any, ys: Any, zs: Any, tail: Any, span: Any, radius: Any, found: Any) -> None:
    site = 0
    square = (span**2).sum(axis=1)
    for x in xs:
        for y in ys:
            for z in zs:
                best = np.inf
                for e in range(len(radius)):
                    a, b, c = x - tail[e, 0], y - tail[e, 1], z - tail[e, 2]
                    part = (a * span[e, 0] + b * span[e, 1] + c * span[e, 2]) / max(square[e], 1e-30)
                    part = min(max(part, 0.0), 1.0)
                    a, b, c = a - part * span[e, 0], b - part * span[e, 1], c - part * span[e, 2]
                    best = min(best, np.sqrt(a * a + b * b + c * c) - radius[e])
                found[site] = best
                site += 1
