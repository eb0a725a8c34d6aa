"""A tumour thrombus of the portal vein in the vessels: its own artery, and the portal vessels that it narrows.

Where the thrombus lies in the tissue is anatomy (`tumorsim.anatomy.thrombus`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy.capsule import THROMBUS
from tumorsim.anatomy.segments import Segments
from tumorsim.anatomy.spec import THROMBI
from tumorsim.errors import InputError
from tumorsim.vessels.graph import Kind, VesselGraph
from tumorsim.vessels.growth_feeders import entry_point
from tumorsim.vessels.growth_tree import Tree, grow_branch
from tumorsim.vessels.growth_trees import Box, Nodes

Floats = NDArray[np.float64]

ARTERY = "thrombus_artery"


def check(grade: str, compartment: NDArray[np.uint8]) -> None:
    """Raise InputError where grade and tissue do not fit each other."""
    if grade not in THROMBI:
        raise InputError(f"tumour.thrombus: '{grade}' is not known. Allowed: {', '.join(THROMBI)}")
    there = bool(np.any(compartment == THROMBUS))
    if there != (grade != "none"):
        found = "holds" if there else "does not hold"
        raise InputError(f"tumour.thrombus: {grade}, but the tissue {found} a thrombus (compartment {THROMBUS})")


def thrombus_rows(nodes: Nodes) -> NDArray[np.int64]:
    """Exchange rows of the thrombus."""
    return np.flatnonzero(nodes.compartment == THROMBUS)


def grow_thrombus_artery(
    box: Box, nodes: Nodes, artery: Tree, ends: Mapping[int, int], feeder_nodes: Sequence[int]
) -> int | None:
    """The thrombus's own artery, from the nearest artery of the liver that carries as much; None without one.

    Tumour thrombi are fed by arteries of the portal vein's wall and of the portal tract, seen as threads and
    streaks on angiograms (Okuda 1975). Portal blood does not enter them.

    Parameters
    ----------
    ends : dict of int to int
        Node of ``artery`` at the end of every segment artery.
    feeder_nodes : sequence of int
        Nodes at the ends of the tumour's feeders: what lies below them is no source.

    Returns
    -------
    int or None
        Node of ``artery`` at its end.
    """
    rows = nodes.order[np.isin(nodes.order, thrombus_rows(nodes))]
    rows = rows[nodes.arterial[rows] > 0.0]
    if not len(rows):
        return None
    tips, demand = box.tips(nodes, Kind.ARTERIAL)[rows], nodes.arterial[rows]
    middle = np.average(tips, axis=0, weights=demand)
    source = _source(box, nodes, artery, ends, feeder_nodes, middle, float(demand.sum()))
    target = artery.position[source]
    inside = box.compartment == THROMBUS
    point = entry_point(box.lattice, inside, middle, target)
    if np.allclose(point, middle, rtol=0.0, atol=0.25 * box.lattice.spacing):  # it enters half a site off the middle
        away = target - middle
        point = middle + 0.5 * min(box.lattice.spacing, float(np.linalg.norm(away))) * away / np.linalg.norm(away)
    node = artery.add(source, point, ARTERY)
    artery.graft(node, grow_branch(point, tips, demand, rows, box.exponent))
    return node


def _source(
    box: Box,
    nodes: Nodes,
    artery: Tree,
    ends: Mapping[int, int],
    feeder_nodes: Sequence[int],
    middle: Floats,
    least: float,
) -> int:
    """Node of the arterial tree from which the artery comes: the nearest in the liver with ``least`` flow [m3/s]."""
    flow = np.zeros(len(artery.parent))
    for leaves, rows in zip(artery.leaves, artery.rows, strict=True):
        flow[leaves] = nodes.arterial[rows]
    depth = artery.depth()
    below = np.zeros(len(artery.parent), dtype=bool)
    below[list(feeder_nodes)] = True
    order = np.argsort(depth, kind="stable")
    for n in order[1:]:
        below[n] |= below[artery.parent[n]]
    for n in order[:0:-1]:
        flow[artery.parent[n]] += flow[n]
    # from the segments' ends on: what comes before lies outside the box
    leaf = np.ones(len(artery.parent), dtype=bool)
    leaf[artery.parent[1:]] = False
    within = np.zeros(len(artery.parent), dtype=bool)
    within[list(ends.values())] = True
    for n in order[1:]:
        within[n] |= within[artery.parent[n]]
    fit = within & ~below & ~leaf & (flow >= least)
    k = int(box.segments.of(middle.reshape(1, 3))[0])
    fit[ends[k]] = True  # the segment artery itself, whatever it carries
    found = np.flatnonzero(fit)
    return int(found[np.argmin(((artery.position[found] - middle) ** 2).sum(axis=1))])


def occluded(
    grade: str, graph: VesselGraph, segments: Segments, centre: Floats, compartment: NDArray[np.uint8], points: Floats
) -> NDArray[np.int64]:
    """Portal vessels that the thrombus lies in, from the tumour towards the trunk.

    Vp1: the branch on the tumour's side into which the vein of the tumour's segment divides; Vp2: the vein
    of the segment; Vp3: also the right portal vein; Vp4: also the main trunk.

    Parameters
    ----------
    segments : Segments
    centre : array, shape (3,)
        Of the tumour [m].
    compartment : array of uint8, shape (n_sites,)
    points : array, shape (n_sites, 3)
        Centres of the sites [m].

    Returns
    -------
    array of int
        Edges.
    """
    segment = graph.named[f"portal_segment_{int(segments.of(centre.reshape(1, 3))[0])}"]
    if grade == "Vp1":
        return np.array([_branch(graph, segment, points[compartment == THROMBUS].mean(axis=0))])
    further = {"Vp2": (), "Vp3": ("portal_right",), "Vp4": ("portal_right", "portal_main")}[grade]
    return np.array([segment, *(graph.named[name] for name in further)])


def _branch(graph: VesselGraph, edge: int, towards: Floats) -> int:
    """The branch nearest to a point (3,) [m] of the first division behind a portal vessel."""
    tree = np.flatnonzero((graph.kind == Kind.PORTAL) & np.isnan(graph.conductance))
    while True:
        below = tree[graph.tail[tree] == graph.head[edge]]
        if not len(below):
            return edge
        if len(below) > 1:
            middle = 0.5 * (graph.node_pos[graph.tail[below]] + graph.node_pos[graph.head[below]])
            return int(below[np.argmin(((middle - towards) ** 2).sum(axis=1))])
        edge = int(below[0])
