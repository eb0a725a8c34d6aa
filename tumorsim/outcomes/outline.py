"""Outlines and their sizes in present places: what a reader draws round, and how long and large it is.

Sites are pieces of tissue that keep their number (the lattice is material); where they lie now and how much of
them is left comes from `tumorsim.anatomy.contraction`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError, distance

from tumorsim.anatomy.contraction import Contraction, Lesion
from tumorsim.lattice import Lattice

Mask = NDArray[np.bool_]
Box = tuple[slice, slice, slice]

_SMEAR = 0.7  # of a site


@dataclass(frozen=True, eq=False)
class Present:
    """Where the tissue of a lattice is now.

    ``volume`` (sites,) is the share of its original volume each site has left [-] (None: all of it); with it
    come the compartments of the sites (sites,) and the lesions that contract.
    """

    lattice: Lattice
    volume: NDArray[np.floating] | None = None
    compartment: NDArray[np.uint8] | None = None
    lesions: tuple[Lesion, ...] = ()

    @cached_property
    def contraction(self) -> Contraction:
        """The map to present places; made when first asked for."""
        if self.volume is None or self.compartment is None:
            return Contraction()
        return Contraction.of(self.lattice, self.compartment, self.volume, self.lesions)

    def content(self, sites: Mask) -> float:
        """Volume of some sites (sites,) now [m3]."""
        left = float(sites.sum()) if self.volume is None else float(self.volume[sites].sum(dtype=np.float64))
        return left * self.lattice.site_volume

    def longest(self, sites: Mask) -> float:
        """Longest straight line between two points of some sites (sites,) now [m]; 0 where there are none."""
        return longest_chord(self.lattice, sites, self)

    def width(self, sites: NDArray[np.int64]) -> NDArray[np.float64]:
        """Edge of cubes of the volume the sites (n,) have left, as a share of the spacing [-]."""
        if self.volume is None:
            return np.ones(len(sites))
        return np.asarray(self.volume[sites].astype(np.float64) ** (1.0 / (2.0 if self.lattice.is_slab else 3.0)))


def longest_chord(lattice: Lattice, sites: Mask, present: Present | None = None) -> float:
    """Longest straight line inside the hull of a set of sites [m]; 0 where it is empty.

    The corners of a site lie half a site beyond its centre, so one spacing is added (half of each end's own
    width where tissue has contracted).

    Parameters
    ----------
    sites : array of bool, shape (sites,)
    present : Present, optional
        Where the sites are now; default where they were.
    """
    chosen = np.flatnonzero(sites)
    if len(chosen) == 0:
        return 0.0
    moved = present is not None and not present.contraction.identity
    if moved:  # the hull of the places now is among those on the surface
        chosen = np.flatnonzero(_surface(lattice, sites))
    points = lattice.centres(chosen)
    ends = np.full(len(chosen), 0.5 * lattice.spacing)
    if moved and present is not None:
        points = present.contraction.to_present(points)
        ends *= present.width(chosen)
    if lattice.is_slab:
        points = points[:, :2]
    if len(points) > points.shape[1] + 1:
        try:
            keep = ConvexHull(points).vertices
        except QhullError:  # all in one plane: every point counts
            keep = np.unique(np.linspace(0, len(points) - 1, 2000).astype(int))
        points, ends = points[keep], ends[keep]
    if len(points) == 1:
        return float(2.0 * ends[0])
    i, j = np.triu_indices(len(points), 1)
    return float((distance.pdist(points) + ends[i] + ends[j]).max())


def regions(lattice: Lattice, sites: Mask, gap: float) -> tuple[NDArray[np.int32], int]:
    """Parts of a set of sites that are more than ``gap`` [m] apart: number of each site (0: none), and how many.

    Two parts are one where the gap between them is at most ``gap``, to half a site; joined by faces always.
    """
    label = np.zeros(lattice.n_sites, dtype=np.int32)
    if not sites.any():
        return label, 0
    box = crop(lattice, sites)
    inner = sites.reshape(lattice.shape)[box]
    reach = 0.5 * gap / lattice.spacing
    # centres beside a gap of g lie g + 1 apart: each may reach over half of the gap and of its own site
    wide = ndimage.distance_transform_edt(np.pad(~inner, 1, constant_values=True)) if reach > 0.0 else None
    grown = inner if wide is None else wide[1:-1, 1:-1, 1:-1] <= reach + 1e-9
    found, count = ndimage.label(grown)
    label.reshape(lattice.shape)[box] = np.where(inner, found, 0)
    return label, int(count)


def enclosed(lattice: Lattice, sites: Mask, gap: float) -> Mask:
    """An outline drawn round sites: gaps up to ``gap`` [m] bridged, and all that lies inside, (sites,)."""
    found = sites.copy()
    if not sites.any():
        return found
    r = 0.5 * gap / lattice.spacing
    edge = int(np.ceil(r)) + 1
    box = crop(lattice, sites)
    inner = sites.reshape(lattice.shape)[box]
    rim = [(edge, edge), (edge, edge), (0, 0) if lattice.is_slab else (edge, edge)]
    padded = np.pad(inner, rim)
    wide = ndimage.distance_transform_edt(~padded) <= r + 1e-9
    closed = padded | (ndimage.distance_transform_edt(wide) > r + 1e-9)
    filled = ndimage.binary_fill_holes(closed[:, :, 0])[:, :, None] if lattice.is_slab else None
    filled = ndimage.binary_fill_holes(closed) if filled is None else filled
    middle = tuple(slice(a, n - b) for (a, b), n in zip(rim, filled.shape, strict=True))
    found.reshape(lattice.shape)[box] |= filled[middle]
    return found


def border_points(lattice: Lattice, body: Mask) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points of the border of a body and the directions straight out of it there, (n, 3) [m] and (n, 3).

    Where a body slightly smeared (Gaussian, 0.7 of a site) crosses one half on a line between two sites: so
    the steps of the lattice are gone, and curved borders are right to about a tenth of the spacing.
    """
    if not body.any():
        return np.zeros((0, 3)), np.zeros((0, 3))
    box = crop(lattice, body, rim=4)
    axes = 2 if lattice.is_slab else 3
    smear = (_SMEAR,) * axes + (0.0,) * (3 - axes)
    level = ndimage.gaussian_filter(body.reshape(lattice.shape)[box].astype(np.float64), smear, mode="nearest") - 0.5
    slope = np.zeros((*level.shape, 3))
    for axis in range(axes):
        slope[..., axis] = -np.gradient(level, axis=axis)
    start = np.array([part.start for part in box])
    points, outward = [], []
    for axis in range(axes):
        low = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
        high = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        where = np.nonzero((level[low] > 0.0) != (level[high] > 0.0))
        a, b = level[low][where], level[high][where]
        part = a / (a - b)
        at = np.stack(where, axis=1).astype(np.float64)
        at[:, axis] += part
        points.append((at + start - (np.array(lattice.shape) - 1) / 2.0) * lattice.spacing)
        outward.append((1.0 - part)[:, None] * slope[low][where] + part[:, None] * slope[high][where])
    normal = np.concatenate(outward)
    length = np.sqrt((normal**2).sum(axis=1))
    return np.concatenate(points), normal / np.where(length > 0.0, length, 1.0)[:, None]


def crop(lattice: Lattice, sites: Mask, rim: int = 0) -> Box:
    """Slices of the lattice that hold all sites of a set, and ``rim`` sites more where the box has them."""
    grid = sites.reshape(lattice.shape)
    found = []
    for axis in range(3):
        there = np.flatnonzero(grid.any(axis=tuple(a for a in range(3) if a != axis)))
        found.append(slice(max(int(there[0]) - rim, 0), min(int(there[-1]) + 1 + rim, lattice.shape[axis])))
    return (found[0], found[1], found[2])


def _surface(lattice: Lattice, sites: Mask) -> Mask:
    """Sites of a set that have a face to the outside of it."""
    box = crop(lattice, sites)
    inner = sites.reshape(lattice.shape)[box]
    rim = [(1, 1), (1, 1), (0, 0) if lattice.is_slab else (1, 1)]
    whole = ndimage.binary_erosion(
        np.pad(inner, rim), ndimage.generate_binary_structure(3, 1), border_value=int(lattice.is_slab)
    )
    middle = tuple(slice(a, n - b) for (a, b), n in zip(rim, whole.shape, strict=True))
    found = np.zeros(lattice.n_sites, dtype=bool)
    found.reshape(lattice.shape)[box] = inner & ~whole[middle]
    return found
