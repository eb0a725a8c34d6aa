"""Put a wide vein that passes the tumour into a grown graph, with blood of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tumorsim.anatomy.passing_vein import PassingVein
from tumorsim.vessels.graph import FLOW, PRESSURE, Kind
from tumorsim.vessels.growth import GrownVessels
from tumorsim.vessels.growth_append import append

NAME = "passing_vein"


def vein_velocity(liver: str, parameters: Mapping[str, float]) -> float:
    """Mean velocity in hepatic veins of a ``normal`` or ``cirrhotic`` liver [m/s]."""
    return parameters[f"vessels.{liver}_vein_velocity"]


def add_vein(grown: GrownVessels, vein: PassingVein, liver: str, parameters: Mapping[str, float]) -> GrownVessels:
    """The vessels with the vein behind all others, which stay as they are: it is joined to none of them.

    Blood comes from the rest of the liver, at the mean velocity of hepatic veins, and leaves at their pressure; what
    becomes of the vessels round the tumour does not change it.
    """
    graph, radius = grown.graph, 0.5 * vein.spec.diameter
    first = graph.n_nodes
    longer = append(
        graph, Kind.VENOUS, node_pos=np.stack([vein.start, vein.end]), tail=np.array([first]),
        head=np.array([first + 1]), radius=np.array([radius]), conductance=np.array([np.nan]), names=[NAME],
        roots=[first, first + 1], root_pressure=parameters["vessels.hepatic_vein_pressure"],
    )  # fmt: skip
    kind, value = longer.boundary_type.copy(), longer.boundary_value.copy()
    kind[-2], kind[-1] = FLOW, PRESSURE
    value[-2] = vein_velocity(liver, parameters) * math.pi * radius**2
    patent = np.append(grown.patent, 1.0)
    kept = {**graph.attributes, "edge": {**graph.attributes.get("edge", {}), "patent": patent}}
    return replace(
        grown, graph=replace(longer, boundary_type=kind, boundary_value=value, attributes=kept), patent=patent
    )
