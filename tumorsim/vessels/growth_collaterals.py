"""Collaterals: dormant ways from arteries of the liver around a tumour to its outer parts.

An artery of the liver that leads to no feeder still reaches the tumour's border by vessels too fine to carry
anything while the feeders run. They are there from the start, closed; what opens them is no part of growth.
Each is a bed: one edge from a point of the artery to an exchange node of the tumour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from tumorsim.vessels.graph import Kind, VesselGraph
from tumorsim.vessels.growth_append import append
from tumorsim.vessels.growth_calibrate import Assembled, levels
from tumorsim.vessels.growth_tree import Tree
from tumorsim.vessels.growth_trees import Box, Nodes

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Collateral:
    """A dormant way from an artery of the liver into the tumour.

    Attributes
    ----------
    name : str
        ``collateral_1`` and on, in the order of the exchange rows.
    edge : int
        Its edge in the graph.
    exchange : int
        The exchange row that it reaches.
    """

    name: str
    edge: int
    exchange: int


def add_collaterals(
    graph: VesselGraph, box: Box, nodes: Nodes, artery: Tree, feeder_nodes: Sequence[int], untreated: Assembled
) -> tuple[VesselGraph, list[Collateral]]:
    """One collateral for every exchange node of the tumour within `vessels.collateral_depth` of its border.

    It leaves the nearest point of the arterial tree that lies in the liver, is not below a feeder, and
    carries untreated at least the demand of the largest of these nodes. Fully open it would bring
    `vessels.collateral_share` of its own node's demand. None where no artery suffices.

    Parameters
    ----------
    graph : VesselGraph
        The graph to add them to, whose first vessels are those of ``untreated``.
    artery : Tree
        The arterial tree, the first of ``untreated``.
    feeder_nodes : sequence of int
        Its nodes at the ends of the feeders.

    Returns
    -------
    graph : VesselGraph
        With the collaterals behind all other vessels.
    collaterals : list of Collateral
    """
    rows = np.flatnonzero(nodes.in_tumour & (nodes.arterial > 0.0))
    if not len(rows):
        return graph, []
    rows = rows[_depth(box, nodes.position[rows]) <= box.parameters["vessels.collateral_depth"]]
    donors = _donors(box, artery, feeder_nodes, untreated, float(nodes.arterial[rows].max(initial=0.0)))
    if not len(rows) or not len(donors):
        return graph, []
    _, near = cKDTree(artery.position[donors]).query(nodes.position[rows])
    tail, head = donors[near], graph.exchange[rows]  # the arterial tree comes first: its nodes are the graph's
    inflow = box.parameters["vessels.collateral_share"] * nodes.arterial[rows]
    radius = untreated.artery_scale * inflow ** (1.0 / box.exponent)
    names = [f"collateral_{i + 1}" for i in range(len(rows))]
    grown = append(
        graph,
        Kind.ARTERIAL,
        tail=tail,
        head=head,
        radius=np.maximum(radius, 0.5 * box.parameters["vessels.smallest_diameter"]),
        conductance=inflow / (untreated.pressure[tail] - untreated.pressure[head]),
        names=names,
    )
    first = graph.n_edges
    return grown, [Collateral(name, first + i, int(row)) for i, (name, row) in enumerate(zip(names, rows, strict=True))]


def _depth(box: Box, points: Floats) -> Floats:
    """How far points [m] of the tumour, (n, 3), lie from its border [m], (n,); to half a site."""
    lattice = box.lattice
    inside = box.tumour.reshape(lattice.shape)
    part = ndimage.find_objects(inside.astype(np.uint8))[0]  # the smallest block that holds the tumour
    thick = [int(n > 1) for n in lattice.shape]  # a slab has no border above and below
    away = ndimage.distance_transform_edt(np.pad(inside[part], [(t, t) for t in thick]))
    depth = np.zeros(lattice.shape)
    depth[part] = lattice.spacing * away[tuple(slice(t, n - t) for t, n in zip(thick, away.shape, strict=True))]
    site = lattice.locate(points)
    return np.where(site >= 0, depth.ravel()[site], 0.0) - 0.5 * lattice.spacing


def _donors(box: Box, artery: Tree, feeder_nodes: Sequence[int], untreated: Assembled, least: float) -> Rows:
    """Nodes of the arterial tree in the liver of the box, above or beside all feeders, with enough flow."""
    below = np.zeros(len(artery.parent), dtype=bool)
    below[list(feeder_nodes)] = True
    for ordered in levels(artery):
        below[ordered] |= below[artery.parent[ordered]]
    site = box.lattice.locate(artery.position)
    in_liver = (site >= 0) & (box.compartment[site] == 0)
    return np.flatnonzero(~below & in_liver & (untreated.artery_flow >= least))
