"""Where tissue lies after resorption: the lattice keeps its original places, and this maps them to present ones.

The lattice is material: a site stays the same piece of tissue, and ``volume`` [site] says which share of its
original volume is left. A lesion contracts towards its own middle, along every direction so far that the
volume within any distance is what is left of it,

    r'^3 = integral from 0 to r of 3 s^2 v(s) ds      (r'^2 with 2 s in a slab),

so that volume is kept exactly, nothing overtakes anything, and tissue beyond the lesion, which keeps its volume,
follows by ever less (1 / r^2: liver taken as incompressible). v is averaged over sectors of the sphere, about
20 degrees wide, and goes over smoothly from one to the next: a lesion of which one half has died contracts on
that side, and single sites leave no dents, as stiff tissue would not have them. Displacements of several lesions
add up.

Border on one's own lattice is only known to a site, so places are known to a fraction of the spacing; the error
in volume falls with its square.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from tumorsim.anatomy.build import Anatomy
from tumorsim.anatomy.capsule import FIRST_SATELLITE, THROMBUS, ring, sphere
from tumorsim.lattice import Lattice

Floats = NDArray[np.float64]

SECTORS, RAYS = 92, 1472  # of the sphere; a ring has fewer
RING_SECTORS, RING_RAYS = 18, 288
_STEP = 0.5  # of the spacing: between two samples on a ray
_BLOCK = 1 << 13  # points handled at once


@dataclass(frozen=True)
class Lesion:
    """What contracts about one middle.

    ``labels`` are its compartments, ``centre`` the middle of its sites before anything happens [m].
    """

    labels: tuple[int, ...]
    centre: tuple[float, float, float]


def lesions_of(anatomy: Anatomy) -> tuple[Lesion, ...]:
    """The lesions of an anatomy: the main tumour (or each of its nodules), its thrombus, each satellite.

    A tumour with septa is one lesion of several compartments; without septa each compartment is a lesion.
    """
    labels = np.unique(anatomy.compartment[anatomy.compartment > 0])
    main = [int(n) for n in labels if n < THROMBUS]
    groups = [tuple(main)] if anatomy.septa else [(n,) for n in main]
    groups += [(int(n),) for n in labels if n == THROMBUS or FIRST_SATELLITE <= n < 255]
    found = []
    for group in groups:
        if group:
            middle = anatomy.lattice.centres(np.flatnonzero(np.isin(anatomy.compartment, group))).mean(axis=0)
            found.append(Lesion(group, (float(middle[0]), float(middle[1]), float(middle[2]))))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Inward:
    """The radial map of one lesion: ``power`` (sectors, nodes) is r' to the dimension at evenly spaced r [m]."""

    centre: Floats
    step: float
    power: Floats
    dims: int

    @property
    def reach(self) -> float:
        return self.step * (self.power.shape[1] - 1)

    def displacement(self, points: Floats) -> Floats:
        """[m], of (n, dims) points."""
        away = points - self.centre[: self.dims]
        r = np.sqrt((away**2).sum(axis=1))
        unit = away / np.where(r > 0.0, r, 1.0)[:, None]
        share = _weights(unit, self.dims)
        at = np.minimum(r, self.reach) / self.step
        low = np.minimum(at.astype(np.int64), self.power.shape[1] - 2)
        # between nodes the shell's own volume is interpolated, so that v = 1 is met exactly
        a, b = (low * self.step) ** self.dims, ((low + 1) * self.step) ** self.dims
        part = ((at * self.step) ** self.dims - a) / (b - a)
        below, above = (np.einsum("ij,ji->i", share, self.power[:, k]) for k in (low, low + 1))
        inner = below + part * (above - below)
        now = inner + np.maximum(r**self.dims - self.reach**self.dims, 0.0)
        return unit * (np.maximum(now, 0.0) ** (1.0 / self.dims) - r)[:, None]


@dataclass(frozen=True, eq=False)
class Contraction:
    """Map from original places to present ones.

    Made by `Contraction.of`; ``parts`` holds a radial map for every lesion that has lost volume.
    """

    parts: tuple[_Inward, ...] = ()
    dims: int = 3

    @property
    def identity(self) -> bool:
        """True where nothing has contracted."""
        return not self.parts

    @classmethod
    def of(
        cls,
        lattice: Lattice,
        compartment: NDArray[np.uint8],
        volume: NDArray[np.floating],
        lesions: Sequence[Lesion],
    ) -> Contraction:
        """The contraction that belongs to the volumes left.

        Parameters
        ----------
        compartment : [site] uint8
            Compartments as they are now.
        volume : [site] float
            Share of its original volume that a site has left [-], above 0; read in the lesions only.
        lesions : sequence of Lesion
            From `lesions_of`.
        """
        dims = 2 if lattice.is_slab else 3
        lost = np.flatnonzero(volume < 1.0)
        of_lost = compartment[lost]
        parts = []
        for lesion in lesions:
            sites = lost[np.isin(of_lost, lesion.labels)]
            if len(sites):
                parts.append(_inward(lattice, sites, volume[sites].astype(np.float64), np.array(lesion.centre), dims))
        return cls(tuple(parts), dims)

    def to_present(self, points: ArrayLike) -> Floats:
        """Present places [m] of points given by their original ones, (n, 3) -> (n, 3)."""
        original = np.atleast_2d(np.asarray(points, dtype=np.float64))
        present = original.copy()
        for start in range(0, len(original) if self.parts else 0, _BLOCK):
            block = slice(start, start + _BLOCK)
            for part in self.parts:
                present[block, : self.dims] += part.displacement(original[block, : self.dims])
        return present


def _inward(lattice: Lattice, sites: NDArray[np.int64], volume: Floats, centre: Floats, dims: int) -> _Inward:
    """Radial map of a lesion whose ``sites`` have ``volume`` left; all else keeps its own."""
    h = lattice.spacing
    field = np.ones(lattice.n_sites, dtype=np.float32)
    field[sites] = volume
    step = _STEP * h
    # beyond its last site the lesion's border is smeared over one spacing more
    far = np.sqrt(((lattice.centres(sites) - centre) ** 2).sum(axis=1)).max() + 2.0 * h
    nodes = math.ceil(far / step) + 1
    middle = (np.arange(nodes - 1) + 0.5) * step
    rays, sector, count = _rays(dims)
    points = centre[:, None, None] + rays.T[:, :, None] * middle  # (3, rays, nodes - 1)
    where = points / h + (np.array(lattice.shape).reshape(3, 1, 1) - 1) / 2.0
    grid = field.reshape(lattice.shape)
    found = ndimage.map_coordinates(grid, where, order=1, mode="nearest", output=np.float64)
    mean = np.zeros((len(count), nodes - 1))
    np.add.at(mean, sector, found)
    mean /= count[:, None]
    shell = np.diff((np.arange(nodes) * step) ** dims)
    power = np.concatenate([np.zeros((len(count), 1)), np.cumsum(mean * shell, axis=1)], axis=1)
    return _Inward(centre, step, power, dims)


@lru_cache(maxsize=2)
def _rays(dims: int) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Directions (n, 3), the sector of each, and how many each sector has."""
    rays = sphere(RAYS) if dims == 3 else ring(RING_RAYS)
    axes = _sectors(dims)
    sector = np.asarray(cKDTree(axes).query(rays)[1], dtype=np.int64)
    return rays, sector, np.bincount(sector, minlength=len(axes))


def _sectors(dims: int) -> Floats:
    return sphere(SECTORS) if dims == 3 else ring(RING_SECTORS)


@lru_cache(maxsize=2)
def _sharpness(dims: int) -> float:
    """Weights of sectors fall to exp(-1) at the distance of the next sector."""
    axes = _sectors(dims)
    near = np.median(cKDTree(axes).query(axes, k=2)[0][:, 1])
    return float(2.0 / near**2)


def _weights(unit: Floats, dims: int) -> Floats:
    """Shares of the sectors in (n, dims) directions, (n, sectors); rows sum to 1. Even ones at the middle."""
    cosine = unit @ _sectors(dims)[:, :dims].T
    weight = np.exp(_sharpness(dims) * (cosine - 1.0))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))
