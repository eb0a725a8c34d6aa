"""Feeding arteries first: where an artery that the image shows is coagulated before the tumour it feeds.

Percutaneous ablation of the feeding artery takes away the blood that cools the tumour (by radiofrequency: Hou 2009,
World J Gastroenterol 15:2638). The place is where the artery comes to the border
of the outline: as close as can be to the tumour, outside of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.outcomes.imaging import Image, SeenArtery
from tumorsim.treatments.planning.keep_out import Frame, Ground, KeepOut
from tumorsim.treatments.planning.needles import Needle, Point, Vector, unit, vector
from tumorsim.treatments.planning.zones import Option
from tumorsim.vessels.graph import VesselGraph

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class FeederTarget:
    """A place on an artery: ``position`` [m], and the needle for it, or why there is none (``organ``, ``vessel``,
    ``box``, or ``needles`` where the most allowed are used up)."""

    artery: SeenArtery
    position: Vector
    needle: Needle | None
    reason: str | None


def feeders_first(
    lattice: Lattice,
    image: Image,
    graph: VesselGraph,
    outline: Mask,
    option: Option,
    directions: ArrayLike,
    keep_out: KeepOut | None = None,
    most: int | None = None,
) -> tuple[FeederTarget, ...]:
    """Places on the feeding arteries of an image and needles for them, the largest share of blood first.

    Parameters
    ----------
    image : Image
        Its ``arteries`` are read: none other is known.
    graph : VesselGraph
        For the course of those arteries: the ends of their edges [m].
    outline : array of bool, shape (sites,)
        The tumour.
    option : Option
        Power and duration for a feeder, with the zone expected.
    directions : array, shape (n, 3)
        Directions of travel allowed, the preferred first: the first that keeps clear is taken.
    keep_out : KeepOut, optional
        A feeder that is itself a big vessel cannot be coagulated: the needle must not come near it.
    most : int, optional
        Most needles.

    Raises
    ------
    InputError
        Where an artery is no edge of the graph, or there is no outline.
    """
    if not np.any(outline):
        raise InputError("feeders: the image shows no tumour")
    strange = [a.name for a in image.arteries if not 0 <= a.edge < graph.n_edges]
    if strange:
        raise InputError([f"feeders: artery '{name}' is no edge of the vessel graph" for name in strange])
    ways = np.array([unit(way) for way in np.atleast_2d(np.asarray(directions, dtype=np.float64))])
    frames = [Frame.along(way, np.zeros(3)) for way in ways]
    keep = keep_out or KeepOut()
    tree = cKDTree(lattice.centres(np.flatnonzero(outline)))
    found: list[FeederTarget] = []
    placed = 0
    for artery in sorted(image.arteries, key=lambda a: (-a.share, a.name)):
        place = _at_border(lattice, tree, outline, graph, artery.edge)
        if most is not None and placed >= most:
            found.append(FeederTarget(artery, vector(place), None, "needles"))
            continue
        needle = _needle(Ground(lattice, keep), frames, place, option)
        reason = None if needle is not None else _why(lattice, keep, frames, place, option)
        placed += needle is not None
        found.append(FeederTarget(artery, vector(place), needle, reason))
    return tuple(found)


def _at_border(lattice: Lattice, tree: cKDTree, outline: Mask, graph: VesselGraph, edge: int) -> NDArray[np.float64]:
    """Point of an edge outside the outline that is nearest to it; upstream end where all of it is inside."""
    a, b = graph.node_pos[graph.tail[edge]], graph.node_pos[graph.head[edge]]
    count = max(2, int(np.ceil(4.0 * np.linalg.norm(b - a) / lattice.spacing)) + 1)
    course = a + np.linspace(0.0, 1.0, count)[:, None] * (b - a)
    site = lattice.locate(course)
    outside = (site < 0) | ~outline[np.maximum(site, 0)]
    if not outside.any():
        return np.asarray(course[0])
    away = tree.query(course)[0]
    return np.asarray(course[int(np.argmin(np.where(outside, away, np.inf)))])


def _needle(ground: Ground, frames: Sequence[Frame], place: NDArray[np.float64], option: Option) -> Needle | None:
    for frame in frames:
        flat, depth = frame.split(place[None, :])
        if ground.rails(frame, flat, depth, option.zone)[0, 0]:
            tip = place + option.zone.offset * frame.axes[2]
            return Needle(vector(tip), vector(frame.axes[2]), (Point(0.0, option),))
    return None


def _why(lattice: Lattice, keep: KeepOut, frames: Sequence[Frame], place: NDArray[np.float64], option: Option) -> str:
    for name in ("vessel", "organ"):
        if _needle(Ground(lattice, keep.without(name)), frames, place, option) is not None:
            return name
    if _needle(Ground(lattice, KeepOut()), frames, place, option) is not None:
        return "organ"
    return "box"
