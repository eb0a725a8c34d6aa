"""Distance to the border of a body of any form on the lattice, to a fraction of a site."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorsim.lattice import Lattice

Floats = NDArray[np.float64]

_WEAK = 0.8  # of the slope of a distance: less than this, and parts on both sides of a site have flattened it


@dataclass(frozen=True, eq=False)
class Border:
    """The sites on both sides of a border, and the point of the border nearest to each."""

    sites: NDArray[np.int64]
    """Ascending."""
    feet: NDArray[np.float32]
    """(n, 3) [m]."""


def find_border(lattice: Lattice, body: NDArray[np.bool_], level: NDArray[np.floating]) -> Border:
    """Border of a body.

    Parameters
    ----------
    body : [site] bool
        Sites inside; at least one, and none on a face of the box.
    level : [site] float
        About the signed distance to the border [m], positive inside; read beside the border only, where its
        value says how far off the border is and its slope in which direction.
    """
    shape, h = lattice.shape, lattice.spacing
    inside = body.reshape(shape)
    skin = np.zeros(shape, dtype=bool)
    for axis in range(3):
        low = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
        high = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        crossed = inside[low] != inside[high]
        skin[low] |= crossed
        skin[high] |= crossed
    where = np.nonzero(skin)
    value = level.reshape(shape)
    own = value[where].astype(np.float64)
    off = np.clip(own, -h, h)
    toward = np.where(inside[where], -1.0, 1.0)  # sign of a step in level that leads to the border
    slope, one_sided = np.empty((len(off), 3)), np.empty((len(off), 3))
    for axis in range(3):
        ends = []
        for step in (-1, 1):
            there = list(where)
            there[axis] = np.clip(where[axis] + step, 0, shape[axis] - 1)
            ends.append(value[tuple(there)].astype(np.float64))
        below, above = ends
        slope[:, axis] = above - below
        down, up = (toward * (end - own) for end in ends)
        steepest = 2.0 * np.maximum(np.maximum(down, up), 0.0)
        one_sided[:, axis] = toward * np.where(up >= down, steepest, -steepest)
    # between two parts, or in a strand one site thick, the level falls to both sides: then only towards the border
    length = np.sqrt((slope**2).sum(axis=1))
    weak = length < _WEAK * 2.0 * h
    slope[weak] = one_sided[weak]
    length = np.sqrt((slope**2).sum(axis=1))
    slope /= np.where(length > 0, length, 1.0)[:, None]
    points = np.stack([axis[w] for axis, w in zip(lattice.axes(), where, strict=True)], axis=1)
    sites = np.ravel_multi_index(where, shape)
    return Border(sites.astype(np.int64), (points - off[:, None] * slope).astype(np.float32))


def distance_to(lattice: Lattice, border: Border) -> NDArray[np.float32]:
    """Distance of every site to a border [m], float32 [site]: to the foot of the nearest site beside it."""
    shape = lattice.shape
    away = np.ones(lattice.n_sites, dtype=bool)
    away[border.sites] = False
    nearest = ndimage.distance_transform_edt(away.reshape(shape), return_distances=False, return_indices=True)
    row = np.zeros(lattice.n_sites, dtype=np.int32)
    row[border.sites] = np.arange(len(border.sites), dtype=np.int32)
    of = row[np.ravel_multi_index(tuple(nearest), shape)]
    square = np.zeros(shape, dtype=np.float32)
    for axis, centre in enumerate(lattice.axes()):
        line = centre.astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        square += (line - border.feet[of, axis]) ** 2
    return np.sqrt(square).ravel()
