"""A strand of seeds along a thrombosed portal vein, as far as the image shows the thrombus.

Seeds lie end to end or a little apart in a catheter that is left in the vein (Luo, Yan and co-workers, from 2010 on).
Where the vein lies is what an image shows of it: the body of the thrombus, or the course of a named vessel.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.treatments.planning.needles import vector
from tumorsim.treatments.seeds.arrangement import Arrangement, SeedTrack

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_BIN = 2.0  # sites: slices of a body whose middles make its centre line
_STEP = 0.1  # of a site: steps along a line


def centre_line(lattice: Lattice, body: Mask) -> Floats:
    """Centre line of a long thin body [m], (n, 3), from one end to the other; empty where the body is.

    The middles of slices of equal distance, through the body, from one of its two ends farthest apart, with both ends
    carried on to the border. Of a body in several pieces that of the largest.
    """
    sites = np.flatnonzero(body)
    if not len(sites):
        return np.zeros((0, 3))
    from_start, sites = _from_one_end(lattice, sites)
    centres = lattice.centres(sites)
    width = _BIN * lattice.spacing
    count = max(1, round(float(from_start.max()) / width))
    at = np.minimum((from_start / (from_start.max() + 1e-12) * count).astype(np.int64), count - 1)
    # at the very ends slices are aslant: those nearer than the body is thick to either are left to the line itself
    long = float(from_start.max())
    thick = math.sqrt(len(sites) * lattice.site_volume / (math.pi * max(long, lattice.spacing)))
    middle = (np.arange(count) + 0.5) * long / count
    straight = (middle > thick) & (middle < long - thick)
    chosen = np.flatnonzero(straight) if straight.sum() >= 2 else np.arange(count)
    line = np.array([centres[at == n].mean(axis=0) for n in chosen if (at == n).any()])
    if len(line) < 2:
        return line
    ends = []
    for here, back in ((line[0], line[min(2, len(line) - 1)]), (line[-1], line[max(len(line) - 3, 0)])):
        way = (here - back) / np.linalg.norm(here - back)
        reach = float(((centres - here) @ way).max()) + 0.5 * lattice.spacing
        beyond = here + np.linspace(0.0, reach, 20)[:, None] * way
        site = lattice.locate(beyond)
        held = np.flatnonzero((site >= 0) & body[site])
        ends.append(beyond[held[-1]] if len(held) else here)
    return np.vstack([ends[0], line, ends[1]])


def strand(
    lattice: Lattice, line: ArrayLike, shown: Mask, strength: float, distance: float, way: str = "strand"
) -> Arrangement:
    """Seeds along a line, equally spaced, on the parts of it that the image shows.

    Each part gets as many as fit at the distance, the first and last equally far from its ends.

    Parameters
    ----------
    line : array, shape (n, 3)
        Centre line of the vein, corner by corner [m] (`centre_line`, or the course of a named vein).
    shown : array of bool, shape (sites,)
        Thrombus that the image shows: what enhances within the vein.
    strength : float
        Air kerma strength of a seed [U].
    distance : float
        Between seeds along the line [m].

    Raises
    ------
    InputError
        All that is wrong.
    """
    corners = np.asarray(line, dtype=np.float64)
    problems = []
    if corners.ndim != 2 or corners.shape[1] != 3 or not np.isfinite(corners).all():
        problems.append(f"seeds.strand: a line of shape (n, 3) is due, got {corners.shape}")
    if np.shape(shown) != (lattice.n_sites,):
        problems.append(f"seeds.strand: what is shown has shape {np.shape(shown)}, not ({lattice.n_sites},)")
    for name, value, unit in (("strength", strength, "U"), ("distance", distance, "m")):
        if not (math.isfinite(value) and value > 0.0):
            problems.append(f"seeds.strand.{name}: must be positive, got {value} {unit}")
    if problems:
        raise InputError(problems)
    if not shown.any() or len(corners) < 2:
        return Arrangement("strand", (), 0)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))])
    along = np.linspace(0.0, length[-1], math.ceil(length[-1] / (_STEP * lattice.spacing)) + 1)
    points = np.column_stack([np.interp(along, length, corners[:, axis]) for axis in range(3)])
    site = lattice.locate(points)
    seen = (site >= 0) & shown[site]
    edge = np.flatnonzero(np.diff(np.concatenate([[False], seen, [False]]).astype(np.int8)))
    tracks = []
    for a, b in zip(edge[::2], edge[1::2] - 1, strict=True):
        count = int((along[b] - along[a]) / distance + 1e-9) + 1
        middle = 0.5 * (along[a] + along[b])
        depth = middle + distance * (np.arange(count) - 0.5 * (count - 1))
        places = np.column_stack([np.interp(depth, length, corners[:, axis]) for axis in range(3)])
        piece = np.clip(np.searchsorted(length, depth, side="right") - 1, 0, len(corners) - 2)
        axes = corners[piece + 1] - corners[piece]
        axes /= np.linalg.norm(axes, axis=1)[:, None]
        # pushed in from the first corner: the last place is the deepest
        order = np.arange(count)[::-1]
        tracks.append(
            SeedTrack(
                vector(places[-1]),
                vector(axes[-1]),
                tuple(vector(places[n]) for n in order),
                tuple(vector(axes[n]) for n in order),
                (float(strength),) * count,
                way,
            )
        )
    return Arrangement("strand", tuple(tracks), sum(len(t.places) for t in tracks))


def _from_one_end(lattice: Lattice, sites: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """Way through a body from one of its ends [m] to each of its sites, and those sites: the largest piece."""
    ijk = lattice.ijk(sites)
    number = np.full(lattice.n_sites, -1, dtype=np.int64)
    number[sites] = np.arange(len(sites))
    rows, columns, lengths = [], [], []
    shape = np.array(lattice.shape)
    for offset in np.ndindex(3, 3, 3):
        move = np.array(offset) - 1
        there = ijk + move
        inside = ((there >= 0) & (there < shape)).all(axis=1)
        other = np.full(len(sites), -1)
        other[inside] = number[lattice.index(*there[inside].T)]
        joins = (other >= 0) & bool(move.any())
        rows.append(np.flatnonzero(joins))
        columns.append(other[joins])
        lengths.append(np.full(int(joins.sum()), float(np.linalg.norm(move)) * lattice.spacing))
    graph = coo_matrix((np.concatenate(lengths), (np.concatenate(rows), np.concatenate(columns))), (len(sites),) * 2)
    graph = graph.tocsr()
    left, best = np.arange(len(sites)), np.zeros(0, dtype=np.int64)
    while len(left) > len(best):
        reached = np.flatnonzero(np.isfinite(dijkstra(graph, indices=int(left[0]))))
        best = reached if len(reached) > len(best) else best
        left = np.setdiff1d(left, reached)
    away = dijkstra(graph, indices=int(best[0]))[best]
    start = int(best[int(np.argmax(np.round(away, 12)))])
    return np.asarray(dijkstra(graph, indices=start)[best]), sites[best]
