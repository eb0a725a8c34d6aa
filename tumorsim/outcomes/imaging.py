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

from tumorsim.lattice import Lattice
from tumorsim.outcomes.guidance import SMALLEST
from tumorsim.outcomes.outline import Present, regions


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

    ``visible`` (sites,) is the enhancing tumour, ``volume`` its volume [m3], ``diameter`` the longest chord of any
    of its regions [m], both as they are now, shrunken or grown; ``arteries`` those that cone-beam CT shows leading
    to it (`arteries_seen`). Of blood and what it brought: ``enhancement`` (sites,) is the arterial phase relative
    to untreated liver, ``uptake`` (sites,) the iodised oil that CT shows [m3 per m3] (None: not looked for, or
    none given), ``thrombus_seen`` the grade of a thrombus in the portal vein, ``none`` or ``Vp1`` to ``Vp4``.
    ``fluid`` (organs, 4) are the layers of fluid at organs [m] (`tumorsim.state.FLUIDS`; None: not looked for).
    ``dark`` (sites,) is tissue that enhances in no phase: without blood, or dead liver (None: not looked for).
    ``shift`` [m] is by how far the examination is out of place against the patient: who aims at what it shows at a
    place works there plus the shift. Nothing else of cells is in it than the outline of what is visible.
    """

    visible: NDArray[np.bool_]
    volume: float
    diameter: float
    arteries: tuple[SeenArtery, ...] = ()
    enhancement: NDArray[np.floating] | None = None
    uptake: NDArray[np.floating] | None = None
    thrombus_seen: str = "none"
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    fluid: NDArray[np.float64] | None = None
    dark: NDArray[np.bool_] | None = None

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
    present: Present | None = None,
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
    present : Present, optional
        What is left of the volume of sites: a sphere in contracted tissue is smaller. Default all.
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
    if present is not None and present.volume is not None:
        width = np.ones(crop.shape)
        width[crop] = present.width(np.flatnonzero(bright))
        inscribed *= width
    widest = ndimage.maximum(inscribed, label, index=np.arange(1, count + 1))
    seen = np.concatenate([[False], np.asarray(widest) >= 0.5 * sphere - 1e-12])[label]
    inner = seen[1:-1, 1:-1, :] if lattice.is_slab else seen[1:-1, 1:-1, 1:-1]
    found.reshape(lattice.shape)[box] = inner
    return found


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
    present: Present | None = None,
    gap: float = 0.0,
    arteries: tuple[SeenArtery, ...] = (),
    uptake: NDArray[np.floating] | None = None,
    thrombus_seen: str = "none",
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0),
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
    present : Present, optional
        Where tissue is now; default where it was.
    gap : float
        Gap up to which regions are one for the diameter [m].
    arteries, uptake, thrombus_seen, shift
        As in `Image`.
    """
    present = Present(lattice) if present is None else present
    # liver without arterial blood, as on a bench ex vivo, has nothing that could enhance
    enhancement = q_arterial / liver_arterial if liver_arterial > 0.0 else np.zeros_like(q_arterial)
    visible = visible_tumour(
        lattice,
        viable / capacity,
        enhancement,
        least_density=least_density,
        least_enhancement=least_enhancement,
        sphere=sphere,
        present=present,
    )
    label, count = regions(lattice, visible, gap)
    diameter = max((present.longest(label == n) for n in range(1, count + 1)), default=0.0)
    return Image(visible, present.content(visible), diameter, arteries, enhancement, uptake, thrombus_seen, shift)
