"""Which way portal blood runs, and at what pressure: read from a solved flow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorsim.vessels.graph import VesselGraph

Floats = NDArray[np.float64]

MMHG = 133.322387415
PARTS = ("portal_main", "portal_right", "portal_left", *(f"portal_segment_{k}" for k in range(1, 9)))
DIRECTIONS = ("hepatopetal", "stagnant", "hepatofugal")


@dataclass(frozen=True)
class PortalFlow:
    """The portal circulation.

    Attributes
    ----------
    pressure : float
        Where the portal vein begins [mmHg].
    direction : dict of str to str
        By name of the portal vessel: ``hepatopetal`` (to the liver), ``stagnant`` or ``hepatofugal``.
    flow : dict of str to float
        [m3/s], positive towards the liver.
    shunt : float
        Through portosystemic collaterals to the caval vein [m3/s].
    """

    pressure: float
    direction: dict[str, str]
    flow: dict[str, float]
    shunt: float


def portal_direction(
    graph: VesselGraph, edge_flow: Floats, node_pressure: Floats, parameters: Mapping[str, float]
) -> PortalFlow:
    """Direction of portal flow in trunk, lobes and segments, and the portal pressure.

    Blood counts as stagnant where its mean velocity is below `vessels.stagnant_velocity`, as it does by
    Doppler ultrasound.

    Parameters
    ----------
    graph : VesselGraph
        Grown vessels.
    edge_flow : array, shape (edges,)
        Solved [m3/s].
    node_pressure : array, shape (nodes,)
        Solved [Pa].
    """
    found, runs = {}, {}
    for name in PARTS:
        edge = graph.named[name]
        runs[name] = float(edge_flow[edge])
        velocity = runs[name] / (math.pi * float(graph.radius[edge]) ** 2)
        if abs(velocity) < parameters["vessels.stagnant_velocity"]:
            found[name] = "stagnant"
        else:
            found[name] = "hepatopetal" if velocity > 0.0 else "hepatofugal"
    root = int(graph.tail[graph.named["portal_main"]])
    shunt = graph.named.get("portosystemic_shunt")  # a normal liver has none
    return PortalFlow(float(node_pressure[root]) / MMHG, found, runs, 0.0 if shunt is None else float(edge_flow[shunt]))
