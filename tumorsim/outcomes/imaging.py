"""What a follow-up image shows: enhancing, dense enough, joined regions. All an operator may plan from.

A site is bright where its arterial blood flow is at least 1.5 times that of the liver before treatment,
and dense where viable cells fill at least 20 % of its capacity. What is both, is joined by faces, and
holds a sphere of 5 mm diameter is visible (LI-RADS arterial phase hyperenhancement; mRECIST, Lencioni and
Llovet 2010; the thresholds are engineering choices that the parameter table marks).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError, distance

from tumorsim.lattice import Lattice
from tumorsim.outcomes.guidance import SMALLEST


@dataclass(frozen=True)
class SeenArtery:
    """An artery an angiogram shows leading to bright tissue.

    ``edge`` is its edge in the vessel graph, ``diameter`` [m], ``segment`` the liver segment (1-8) whose
    artery it leaves, 0 for one from outside the liver, ``share`` the part of the bright tissue's arterial
    and extrahepatic blood it carries [-].
    """

    name: str
    edge: int
    diameter: float
    segment: int
    share: float


@dataclass(frozen=True)
class Image:
    """One examination: the only view of the tumour a plan may use.

    ``visible`` (sites,) is the enhancing tumour, ``volume`` its volume [m3], ``diameter`` its longest
    chord [m], ``arteries`` those that cone-beam CT shows leading to it (`arteries_seen`). Of blood and what
    it brought: ``enhancement`` (sites,) is the arterial phase relative to untreated liver, ``uptake`` (sites,)
    the iodised oil that CT shows [m3 per m3] (None: not looked for, or none given), ``thrombus_seen`` the
    grade of a thrombus in the portal vein, ``none`` or ``Vp1`` to ``Vp4``. Nothing else of cells is in it than
    the outline of what is visible.
    """

    visible: NDArray[np.bool_]
    volume: float
    diameter: float
    arteries: tuple[SeenArtery, ...] = ()
    enhancement: NDArray[np.floating] | None = None
    uptake: NDArray[np.floating] | None = None
    thrombus_seen: str = "none"

    @property
    def nothing_visible(self) -> bool:
        """True where the image shows no viable tumour."""
        return self.volume == 0.0


def arteries_seen(image: Image, guidance: str, parameters: Mapping[str, float]) -> tuple[SeenArtery, ...]:
    """Arteries of an image that are wide enough for what the operator is guided by.

    Parameters
    ----------
    guidance : str
        ``cone-beam CT`` (`imaging.smallest_artery` and wider) or ``angiography`` (`imaging.smallest_vessel`).
    """
    smallest = parameters[SMALLEST[guidance]]
    return tuple(artery for artery in image.arteries if artery.diameter >= smallest)


def visible_tumour(
    lattice: Lattice,
    density: NDArray[np.floating],
    enhancement: NDArray[np.floating],
    *,
    least_density: float,
    least_enhancement: float,
    sphere: float,
) -> NDArray[np.bool_]:
    """Sites an image shows as viable tumour, shape (sites,).

    Parameters
    ----------
    density : array, shape (sites,)
        Viable cells as a share of capacity [-].
    enhancement : array, shape (sites,)
        Arterial flow relative to untreated liver [-].
    least_density, least_enhancement : float
        Thresholds [-].
    sphere : float
        Diameter of the sphere a region must hold to be seen [m].
    """
    bright = (density >= least_density) & (enhancement >= least_enhancement)
    found = np.zeros(lattice.n_sites, dtype=bool)
    if not bright.any():
        return found
    grid = bright.reshape(lattice.shape)
    box = ndimage.find_objects(grid.astype(np.int8))[0]
    # a rim of dark sites, so that the edge of the crop is an edge for the distance too
    crop = np.pad(grid[box], [(1, 1), (1, 1), (0, 0) if lattice.is_slab else (1, 1)])
    label, count = ndimage.label(crop)
    # a sphere fits where no dark site has its centre inside it
    inscribed = ndimage.distance_transform_edt(crop) * lattice.spacing
    widest = ndimage.maximum(inscribed, label, index=np.arange(1, count + 1))
    seen = np.concatenate([[False], np.asarray(widest) >= 0.5 * sphere - 1e-12])[label]
    inner = seen[1:-1, 1:-1, :] if lattice.is_slab else seen[1:-1, 1:-1, 1:-1]
    found.reshape(lattice.shape)[box] = inner
    return found


def longest_chord(lattice: Lattice, sites: NDArray[np.bool_]) -> float:
    """Longest straight line inside the hull of a set of sites [m]; 0 where it is empty.

    The corners of a site lie half a site beyond its centre, so one spacing is added.
    """
    chosen = np.flatnonzero(sites)
    if len(chosen) == 0:
        return 0.0
    points = lattice.centres(chosen)
    if lattice.is_slab:
        points = points[:, :2]
    if len(points) > points.shape[1] + 1:
        try:
            points = points[ConvexHull(points).vertices]
        except QhullError:  # all in one plane: every point counts
            points = points[np.unique(np.linspace(0, len(points) - 1, 2000).astype(int))]
    return float(distance.pdist(points).max(initial=0.0)) + lattice.spacing


def take(
    lattice: Lattice,
    viable: NDArray[np.integer],
    capacity: int,
    q_arterial: NDArray[np.floating],
    liver_arterial: float,
    *,
    least_density: float,
    least_enhancement: float,
    sphere: float,
    arteries: tuple[SeenArtery, ...] = (),
    uptake: NDArray[np.floating] | None = None,
    thrombus_seen: str = "none",
) -> Image:
    """An image of the tumour now.

    Parameters
    ----------
    viable : array, shape (sites,)
        Viable cells of every site.
    capacity : int
        Cells a full site holds.
    q_arterial : array, shape (sites,)
        Arterial (and extrahepatic) flow [1/s].
    liver_arterial : float
        Mean arterial flow of untreated liver [1/s].
    arteries, uptake, thrombus_seen
        As in `Image`.
    """
    enhancement = q_arterial / liver_arterial
    visible = visible_tumour(
        lattice,
        viable / capacity,
        enhancement,
        least_density=least_density,
        least_enhancement=least_enhancement,
        sphere=sphere,
    )
    volume = float(visible.sum()) * lattice.site_volume
    diameter = longest_chord(lattice, visible)
    return Image(visible, volume, diameter, arteries, enhancement, uptake, thrombus_seen)
