"""Arteries from outside the liver, grown into the side of the tumour that they reach.

Such an artery has a root of its own beyond the box. It serves the cap of the tumour on its side and brings
a set share of the arterial blood there. Where it feeds the tumour before any treatment, the hepatic arteries
are calibrated to the rest, so that the untreated supply is the demand in every case. Where it does not, it is
dormant: the hepatic arteries bring the whole demand, and the artery has the conductance with which, fully
open, it would bring the same share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorsim.lattice import Lattice
from tumorsim.vessels.extrahepatic import Parasitic
from tumorsim.vessels.flow import edge_conductance
from tumorsim.vessels.graph import Kind, VesselGraph
from tumorsim.vessels.growth_append import append
from tumorsim.vessels.growth_calibrate import Assembled, carried, levels, pressures
from tumorsim.vessels.growth_feeders import along, entry_point
from tumorsim.vessels.growth_tree import Tree, grow_branch
from tumorsim.vessels.growth_trees import Box, Nodes

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

REACH = 8e-3  # m from the box to the root of an artery from outside: schematic


@dataclass(frozen=True)
class Parasite:
    """An artery from outside the liver into the tumour.

    Attributes
    ----------
    name : str
        ``phrenic`` or ``omental``.
    edge : int
        Its trunk in the graph.
    edges : array of int
        All its vessels, trunk and beds among them; ascending.
    exchange : array of int
        Exchange rows that it reaches, all in the tumour; hepatic arteries supply them too. Ascending.
    diameter : float
        Of the trunk [m].
    recruited : bool
        It feeds the tumour before any treatment; else all of it is dormant.
    """

    name: str
    edge: int
    edges: Rows
    exchange: Rows
    diameter: float
    recruited: bool


def side_of(parasite: Parasitic, lattice: Lattice) -> Floats:
    """Unit vector (3,) to where the artery comes from. In a slab, which has neither head nor feet: from the
    back or from the front."""
    x, y, z = parasite.side
    side = np.array([x, y + z, 0.0]) if lattice.is_slab else np.array([x, y, z])
    return np.asarray(side / np.linalg.norm(side))


def parasite_inflow(parasite: Parasitic, box: Box, nodes: Nodes) -> Floats:
    """What the artery brings to every exchange node when it is fully open [m3/s], shape (rows,).

    `vessels.parasite_share` of the arterial demand of the outermost nodes on its side, which together have
    `vessels.parasite_cap` of the tumour's demand; at least one node. All 0 where the tumour has no demand.
    """
    inflow = np.zeros(len(nodes.position))
    rows = np.flatnonzero(nodes.in_tumour & (nodes.arterial > 0.0))
    if len(rows):
        outward = along(nodes.position[rows], side_of(parasite, box.lattice))
        rows = rows[np.argsort(-outward, kind="stable")]
        within = np.cumsum(nodes.arterial[rows])
        count = int(np.searchsorted(within, box.parameters["vessels.parasite_cap"] * within[-1], side="right"))
        cap = rows[: max(1, count)]
        inflow[cap] = box.parameters["vessels.parasite_share"] * nodes.arterial[cap]
    return inflow


def add_parasite(
    graph: VesselGraph, parasite: Parasitic, box: Box, nodes: Nodes, inflow: Floats, untreated: Assembled
) -> tuple[VesselGraph, Parasite]:
    """Grow the artery and calibrate its beds.

    Parameters
    ----------
    graph : VesselGraph
        The graph to add it to, whose first vessels are those of ``untreated``.
    inflow : array, shape (rows,)
        As `parasite_inflow`; not all 0.

    Returns
    -------
    graph : VesselGraph
        With the trunk, the vessels and the beds of the artery behind all others.
    parasite : Parasite
    """
    parameters: Mapping[str, float] = box.parameters
    rows = nodes.order[inflow[nodes.order] > 0.0]
    tips = box.tips(nodes, Kind.EXTRAHEPATIC)[rows]
    side = side_of(parasite, box.lattice)
    middle = np.average(nodes.position[rows], axis=0, weights=inflow[rows])
    root = middle + (_way_out(box.lattice, middle, side) + REACH) * side
    entry = entry_point(box.lattice, box.tumour, middle, root)
    if np.allclose(entry, middle, rtol=0.0, atol=0.5 * box.lattice.spacing):  # the cap is not one piece
        entry = 0.5 * (middle + root)
    tree = Tree(Kind.EXTRAHEPATIC, root.reshape(1, 3), np.array([-1]))
    trunk = tree.add(0, entry, parasite.name)
    tree.graft(trunk, grow_branch(entry, tips, inflow[rows], rows, box.exponent))

    leaf, row = tree.leaves[0], tree.rows[0]
    given = np.zeros(len(tree.parent))
    given[leaf] = inflow[row]
    ordered = levels(tree)
    flow = carried(tree, ordered, given)
    radius = np.maximum(
        untreated.artery_scale * flow ** (1.0 / box.exponent), 0.5 * parameters["vessels.smallest_diameter"]
    )
    inner, outer = tree.parent[1:], np.arange(1, len(tree.parent))
    alone = VesselGraph(tree.position, inner.astype(np.int32), outer.astype(np.int32), radius[1:])
    pressure = pressures(tree, ordered, flow, edge_conductance(alone, parameters=parameters)[0], parameters)
    tissue = graph.exchange[row]

    first_node, first_edge = graph.n_nodes, graph.n_edges
    grown = append(
        graph,
        Kind.EXTRAHEPATIC,
        node_pos=tree.position,
        tail=np.concatenate([inner, leaf]) + first_node,
        head=np.concatenate([outer + first_node, tissue]),
        radius=np.concatenate([radius[1:], radius[leaf]]),
        conductance=np.concatenate(
            [np.full(len(outer), np.nan), inflow[row] / (pressure[leaf] - untreated.pressure[tissue])]
        ),
        names=[*(tree.name.get(node, "") for node in range(1, len(tree.parent))), *[""] * len(leaf)],
        roots=[first_node],
        root_pressure=parameters["vessels.artery_pressure"],
    )
    edge = first_edge + trunk - 1
    edges = np.arange(first_edge, grown.n_edges)
    return grown, Parasite(
        parasite.name, edge, edges, np.sort(row), float(2.0 * grown.radius[edge]), parasite.recruited
    )


def _way_out(lattice: Lattice, inside: Floats, side: Floats) -> float:
    """Distance [m] along ``side`` from a point in the box to its face."""
    moving = np.abs(side) > 1e-12
    half = 0.5 * np.array(lattice.size)
    return float(np.min((half[moving] - inside[moving] * np.sign(side[moving])) / np.abs(side[moving])))
