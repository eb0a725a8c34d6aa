"""The cubic lattice of sites: a box centred on the origin, its indices, positions and neighbours.

Sites are numbered in C order, ``site = (i * ny + j) * nz + k``. A lattice with ``nz == 1`` is a slab: one
site thick, with no neighbours and no faces across z.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim.errors import InputError

ONE_CELL_BELOW = 2.0  # cells per site: under this a site holds one cell
MANY_CELLS_FROM = 8.0  # cells per site: from here on a site holds counts


@dataclass(frozen=True)
class Lattice:
    """A box of cubic sites, centred on the origin.

    Parameters
    ----------
    shape : tuple of int
        ``(nx, ny, nz)``, each at least 1; ``nz == 1`` makes a slab.
    spacing : float
        Edge of a site [m].

    Raises
    ------
    InputError
        Where a side is shorter than one site or the spacing is not a positive number.
    """

    shape: tuple[int, int, int]
    spacing: float

    def __post_init__(self) -> None:
        problems = []
        if len(self.shape) != 3 or any(int(n) != n or n < 1 for n in self.shape):
            problems.append(f"lattice: shape must be three whole numbers of at least 1, got {self.shape}")
        if not (math.isfinite(self.spacing) and self.spacing > 0):
            problems.append(f"lattice: spacing must be a positive length, got {self.spacing} m")
        if problems:
            raise InputError(problems)
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "spacing", float(self.spacing))

    @classmethod
    def for_box(
        cls,
        size: float | Sequence[float],
        spacing: float,
        slab: bool = False,
        multiple: int = 1,
    ) -> Lattice:
        """Smallest lattice that covers a box.

        Parameters
        ----------
        size : float or (3,) sequence
            Sides of the box [m]; one number makes a cube. In a slab the third is not used.
        spacing : float
            Edge of a site [m].
        slab : bool
            One site thick in z.
        multiple : int
            Round every side up to a multiple of this many sites, so that `field_lattice` fits.
        """
        sides = [float(size)] * 3 if isinstance(size, (int, float)) else [float(s) for s in size]
        if slab and len(sides) == 2:
            sides.append(float(spacing))
        if len(sides) != 3 or not all(math.isfinite(s) and s > 0 for s in sides):
            raise InputError(f"lattice: a box needs three positive sides, got {size} m")
        if not (math.isfinite(spacing) and spacing > 0):
            raise InputError(f"lattice: spacing must be a positive length, got {spacing} m")
        # 1e-9: a side of exactly 40 sites must not become 41 by rounding of 0.04 / 0.001
        counts = [max(1, math.ceil(s / spacing - 1e-9)) for s in sides]
        counts = [math.ceil(n / multiple) * multiple for n in counts]
        if slab:
            counts[2] = 1
        return cls((counts[0], counts[1], counts[2]), spacing)

    # --- sizes -------------------------------------------------------------------------------------------

    @property
    def n_sites(self) -> int:
        """Number of sites."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def site_volume(self) -> float:
        """Volume of a site [m3]."""
        return self.spacing**3

    @property
    def size(self) -> tuple[float, float, float]:
        """Sides of the box [m]."""
        nx, ny, nz = self.shape
        return (nx * self.spacing, ny * self.spacing, nz * self.spacing)

    @property
    def is_slab(self) -> bool:
        """True where the lattice is one site thick in z."""
        return self.shape[2] == 1

    # --- where is what -----------------------------------------------------------------------------------

    def index(self, i: Any, j: Any, k: Any) -> Any:
        """Site of the index triple (scalars or arrays), not checked against the box."""
        return (i * self.shape[1] + j) * self.shape[2] + k

    def ijk(self, sites: ArrayLike) -> NDArray[np.int64]:
        """Index triples of sites: ``(n,) -> (n, 3)``, or ``() -> (3,)``."""
        sites = np.asarray(sites, dtype=np.int64)
        _, ny, nz = self.shape
        return np.stack((sites // (ny * nz), sites // nz % ny, sites % nz), axis=-1)

    def centres(self, sites: ArrayLike | None = None) -> NDArray[np.float64]:
        """Centres [m] of the given sites, or of all: ``(n, 3)``."""
        wanted = np.arange(self.n_sites) if sites is None else np.asarray(sites, dtype=np.int64)
        # whole and half numbers are exact, so mirrored sites have exactly mirrored centres
        return (self.ijk(wanted) - (np.array(self.shape) - 1) / 2.0) * self.spacing

    def axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Centre coordinates [m] along x, y and z: ``(nx,), (ny,), (nz,)``."""
        x, y, z = (np.arange(n, dtype=np.float64) - (n - 1) / 2.0 for n in self.shape)
        return x * self.spacing, y * self.spacing, z * self.spacing

    def locate(self, points: ArrayLike) -> Any:
        """Site that holds each point [m], or -1 outside: ``(n, 3) -> (n,) int64``, ``(3,) -> int``.

        A site owns its lower faces, the box does not own its upper ones.
        """
        points = np.asarray(points, dtype=np.float64)
        shape = np.array(self.shape)
        scaled = np.floor(points / self.spacing + shape / 2.0)
        inside = np.all((scaled >= 0) & (scaled < shape), axis=-1)  # False for NaN
        cell = np.where(inside[..., None], scaled, 0.0).astype(np.int64)
        sites = np.where(inside, self.index(cell[..., 0], cell[..., 1], cell[..., 2]), -1)
        return int(sites) if points.ndim == 1 else sites

    def on_face(self, sites: ArrayLike | None = None) -> NDArray[np.bool_]:
        """True for sites on a face of the box (a slab has no faces in z)."""
        ijk = self.ijk(np.arange(self.n_sites) if sites is None else sites)
        axes = 2 if self.is_slab else 3
        last = np.array(self.shape[:axes]) - 1
        return np.any((ijk[..., :axes] == 0) | (ijk[..., :axes] == last), axis=-1)

    # --- neighbours --------------------------------------------------------------------------------------

    @cached_property
    def neighbour_offsets(self) -> NDArray[np.int64]:
        """Index steps across a face, in the order -x +x -y +y -z +z: ``(6, 3)``, in a slab ``(4, 3)``."""
        steps = np.eye(3, dtype=np.int64)
        offsets = np.stack((-steps, steps), axis=1).reshape(6, 3)
        return offsets[:4] if self.is_slab else offsets

    def neighbours(self, site: int) -> NDArray[np.int64]:
        """Sites that share a face with a site, in the order of `neighbour_offsets`; fewer at the edge."""
        around = self.ijk(site) + self.neighbour_offsets
        around = around[np.all((around >= 0) & (around < np.array(self.shape)), axis=1)]
        sites: NDArray[np.int64] = self.index(around[:, 0], around[:, 1], around[:, 2])
        return sites

    def neighbour_table(self) -> NDArray[np.int64]:
        """All neighbours: ``(n_sites, 6 or 4)``, -1 where the box ends."""
        ijk = self.ijk(np.arange(self.n_sites))
        table = np.full((self.n_sites, len(self.neighbour_offsets)), -1, dtype=np.int64)
        for column, offset in enumerate(self.neighbour_offsets):
            there = ijk + offset
            inside = np.all((there >= 0) & (there < np.array(self.shape)), axis=1)
            table[inside, column] = self.index(there[inside, 0], there[inside, 1], there[inside, 2])
        return table

    # --- the coarser lattice of fields -------------------------------------------------------------------

    def field_lattice(self, factor: int) -> Lattice:
        """Lattice of the same box with sites ``factor`` times as long (a slab keeps its one layer in z).

        Raises
        ------
        InputError
            Where the shape is no multiple of ``factor``.
        """
        return Lattice(self._coarse_shape(factor), self.spacing * factor)

    def coarsen(self, array: NDArray[Any], factor: int, how: Literal["mean", "sum"] = "mean") -> NDArray[np.float64]:
        """Mean or sum of a site array over the sites of each field site: ``(n_sites,) -> (m,)``."""
        if how not in ("mean", "sum"):
            raise ValueError(f"how must be 'mean' or 'sum', got {how!r}")
        nx, ny, nz = self._coarse_shape(factor)
        deep = 1 if self.is_slab else factor
        blocks = np.asarray(array, dtype=np.float64).reshape(nx, factor, ny, factor, nz, deep)
        total = blocks.sum(axis=(1, 3, 5)).reshape(-1)
        return total if how == "sum" else total / (factor * factor * deep)

    def refine(self, array: NDArray[Any], factor: int) -> NDArray[Any]:
        """Value of its field site at every site: ``(m,) -> (n_sites,)``."""
        fine = np.asarray(array).reshape(self._coarse_shape(factor))
        fine = fine.repeat(factor, axis=0).repeat(factor, axis=1)
        return (fine if self.is_slab else fine.repeat(factor, axis=2)).reshape(-1)

    def _coarse_shape(self, factor: int) -> tuple[int, int, int]:
        deep = 1 if self.is_slab else factor
        if factor < 1 or any(n % f for n, f in zip(self.shape, (factor, factor, deep), strict=True)):
            raise InputError(f"lattice: {self.shape} sites cannot be joined {factor} by {factor}")
        nx, ny, nz = self.shape
        return (nx // factor, ny // factor, nz // deep)


def capacity(density: float, spacing: float) -> int:
    """Cells a site can hold.

    Parameters
    ----------
    density : float
        Cells per volume [1/m3].
    spacing : float
        Edge of a site [m].

    Returns
    -------
    int
        ``round(density * spacing**3)``, or 1 where that volume holds under 2 cells (the density this implies
        is `implied_density`).

    Raises
    ------
    InputError
        Where a site would hold 2 to 8 cells: too many for one cell a site, too few for counts. The message
        names the nearest good spacing on either side.
    """
    if not (math.isfinite(density) and density > 0 and math.isfinite(spacing) and spacing > 0):
        raise InputError(f"lattice: density and spacing must be positive, got {density} 1/m3 and {spacing} m")
    cells = density * spacing**3
    if cells < ONE_CELL_BELOW:
        return 1
    if cells < MANY_CELLS_FROM:
        finer, coarser = good_spacings(density)
        raise InputError(
            f"lattice: a spacing of {spacing * 1e6:.4g} um holds {cells:.2g} cells a site; use "
            f"{finer * 1e6:.4g} um or less (one cell a site) or {coarser * 1e6:.4g} um or more (counts)"
        )
    return round(cells)


def good_spacings(density: float) -> tuple[float, float]:
    """Largest spacing [m] for one cell a site and smallest for counts, rounded to 0.1 um on the safe side."""
    finer = math.floor((ONE_CELL_BELOW / density) ** (1 / 3) * 1e7 - 1e-6) / 1e7
    coarser = math.ceil((MANY_CELLS_FROM / density) ** (1 / 3) * 1e7 + 1e-6) / 1e7
    return finer, coarser


def implied_density(cells: int, spacing: float) -> float:
    """Density [1/m3] of sites that hold this many cells."""
    return cells / spacing**3
