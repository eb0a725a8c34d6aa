"""The main tumour of any shape as sites of the lattice: which, how deep, in which pieces, in which tissue."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorsim.anatomy.border import Border, distance_to, find_border
from tumorsim.anatomy.forms import (
    Balls,
    Infiltrating,
    Lobulated,
    Nodules,
    draw_lobes,
    draw_nodules,
    infiltration_level,
)
from tumorsim.anatomy.masks import PatientImage
from tumorsim.anatomy.spec import TumourSpec
from tumorsim.anatomy.tumour import box_depth, fill
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice

Floats = NDArray[np.float64]

LARGE_PIECE = 0.01  # of a tumour in several pieces: a smaller speck counts to the piece that is nearest
MOST_PIECES = 30
_CLOUD = 30_000  # points that stand for a tumour from an image when septa are drawn
_BLOCK = 1 << 18


@dataclass(frozen=True, eq=False)
class Solid:
    """The main tumour on a lattice.

    Attributes
    ----------
    sites : array of int64
        Its sites, ascending.
    depth : array of float32, shape (n_sites,)
        Signed distance to its border [m], above 0 in exactly its sites.
    piece : array of uint8, shape (len(sites),)
        1 and on: what grows on its own (nodules, the pieces of a mask).
    border : Border or None
        None where the nearest point of the border has a closed form (sphere, ellipsoid).
    cloud : tuple or None
        Points inside, points of the border, volume [m3], for septa; None as above.
    nodules : tuple of 4 floats each
        Centre and radius [m] of nodules.
    tissue : array of bool, shape (n_sites,), or None
        Sites that are liver or tumour; None: all.
    """

    sites: NDArray[np.int64]
    depth: NDArray[np.float32]
    piece: NDArray[np.uint8]
    border: Border | None = None
    cloud: tuple[Floats, Floats, float] | None = None
    nodules: tuple[tuple[float, float, float, float], ...] = ()
    tissue: NDArray[np.bool_] | None = None


def make_solid(lattice: Lattice, spec: TumourSpec, seed: int, patient: int, parameters: Mapping[str, float]) -> Solid:
    """The tumour of one patient.

    The volume is that of the asked solid to half a site (`tumorsim.anatomy.tumour.fill`).

    Raises
    ------
    InputError
        Where it holds no site, does not fit into the box with a site of liver around it, or has too many
        pieces; a form other than sphere or ellipsoid in a slab.
    """
    if spec.form is None:
        return _ellipsoid(lattice, spec)
    if lattice.is_slab:
        raise InputError(
            f"tumour.shape: a slab holds a sphere or an ellipsoid, not '{spec.shape}'; set tissue.dimensions: 3"
        )
    count = _content(spec.volume / lattice.site_volume, lattice)
    if isinstance(spec.form, PatientImage):
        return _of_image(lattice, spec.form, count)
    radius = spec.semi_axes[0]
    if isinstance(spec.form, Infiltrating):
        form = spec.form
        level = _everywhere(lattice, lambda p: infiltration_level(p, form, radius, seed, patient, parameters))
        sites = _filled(lattice, level, count, spec.reach)
        # strands end at sites: a level between them has no meaning
        return _finish(lattice, sites, None, np.ones(len(sites), dtype=np.uint8))
    assert isinstance(spec.form, Lobulated | Nodules)
    if isinstance(spec.form, Lobulated):
        balls = draw_lobes(spec.form, radius, seed, patient, parameters)
    else:
        balls = draw_nodules(spec.form, radius, seed, patient, parameters)
    level = _everywhere(lattice, balls.depth)
    sites = _filled(lattice, level, count, spec.reach)
    if isinstance(spec.form, Lobulated):
        cloud = (*balls.cloud(), spec.volume)
        return _finish(lattice, sites, level, np.ones(len(sites), dtype=np.uint8), cloud=cloud, exact=(False, True))
    return _nodules(lattice, sites, level, balls)


def _ellipsoid(lattice: Lattice, spec: TumourSpec) -> Solid:
    dims = 2 if lattice.is_slab else 3
    semi_axes = spec.semi_axes
    h = lattice.spacing
    for axis in range(dims):
        if semi_axes[axis] + h > lattice.size[axis] / 2 * (1 + 1e-9):
            raise _too_large(2 * semi_axes[axis], lattice.size[axis])
    content = spec.volume / h**3 if dims == 3 else math.pi * semi_axes[0] * semi_axes[1] / h**2
    count = _content(content, lattice)
    signed = box_depth(lattice.shape, h, semi_axes).ravel()
    candidates = np.flatnonzero(signed > -2 * h)
    sites = fill(signed[candidates], candidates, count)
    tumour = np.zeros(lattice.n_sites, dtype=bool)
    tumour[sites] = True
    # the filled border lies some hundredths of a site off the solid's: keep the sign of depth its own
    least = np.float32(1e-6 * h)
    depth = signed.astype(np.float32)
    depth = np.where(tumour, np.maximum(depth, least), np.minimum(depth, -least))
    return Solid(sites, depth, np.ones(len(sites), dtype=np.uint8))


def _nodules(lattice: Lattice, sites: NDArray[np.int64], level: NDArray[np.float32], balls: Balls) -> Solid:
    piece = (balls.of(lattice.centres(sites)) + 1).astype(np.uint8)
    missing = np.setdiff1d(np.arange(1, len(balls.radii) + 1), piece)
    if len(missing):
        size = 2e3 * float(balls.radii[missing[0] - 1])
        raise InputError(f"tumour.shape.nodules: one of {size:.3g} mm holds no site; take a finer spacing")
    nodules = tuple((*map(float, c), float(r)) for c, r in zip(balls.centres, balls.radii, strict=True))
    return _finish(lattice, sites, level, piece, nodules=nodules, exact=(True, True))  # type: ignore[arg-type]


def _of_image(lattice: Lattice, image: PatientImage, count: int) -> Solid:
    for half, size in zip(image.half, lattice.size, strict=True):
        if half + lattice.spacing > size / 2 * (1 + 1e-9):
            raise _too_large(2 * half, size)
    share = image.tumour_share(lattice)
    candidates = np.flatnonzero(share > 0)
    # where the voxels' border cuts a site, its share says how far off the site's middle it runs
    level = (share - np.float32(0.5)) * np.float32(lattice.spacing)
    sites = fill(level[candidates].astype(np.float64), candidates, count)
    inside = np.zeros(lattice.n_sites, dtype=bool)
    inside[sites] = True
    piece = _pieces(inside.reshape(lattice.shape)).ravel()[sites]
    tissue = image.tissue(lattice)
    tissue[sites] = True
    voxels = np.argwhere(image.tumour.voxels)
    skin = np.argwhere(image.tumour.voxels & ~ndimage.binary_erosion(image.tumour.voxels))
    inner, outer = (
        image.tumour.positions(v[:: max(1, len(v) // _CLOUD)]) - np.array(image.centre) for v in (voxels, skin)
    )
    cloud = (inner, outer, image.tumour_volume)
    return _finish(lattice, sites, level, piece, cloud=cloud, tissue=None if image.liver is None else tissue)


def _pieces(inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Number of each site's piece, from 1, the largest first; specks count to the piece that is nearest."""
    found, n = ndimage.label(inside, np.ones((3, 3, 3)))
    if n == 1:
        return np.asarray(found, dtype=np.uint8)
    size = np.bincount(found.ravel())[1:]
    large = np.flatnonzero(size >= LARGE_PIECE * size.sum()) + 1
    large = large[np.argsort(-size[large - 1], kind="stable")]
    if len(large) > MOST_PIECES:
        raise InputError(
            f"tissue.image.tumour: the tumour is in {len(large)} pieces; at most {MOST_PIECES} can be grown"
        )
    if not len(large):
        raise InputError(f"tissue.image.tumour: the tumour is in {n} specks and no piece; is this the right segment?")
    number = np.zeros(n + 1, dtype=np.uint8)
    number[large] = np.arange(1, len(large) + 1)
    kept = number[found]
    nearest = ndimage.distance_transform_edt(kept == 0, return_distances=False, return_indices=True)
    return np.where(inside, kept[tuple(nearest)], 0).astype(np.uint8)


def _everywhere(lattice: Lattice, level: object) -> NDArray[np.float32]:
    """A function of positions at every site, float32 [site]."""
    found = np.empty(lattice.n_sites, dtype=np.float32)
    for start in range(0, lattice.n_sites, _BLOCK):
        sites = np.arange(start, min(start + _BLOCK, lattice.n_sites))
        found[sites] = level(lattice.centres(sites))  # type: ignore[operator]
    return found


def _filled(
    lattice: Lattice, level: NDArray[np.float32], count: int, reach: tuple[float, float, float]
) -> NDArray[np.int64]:
    candidates = np.flatnonzero(level > -3 * lattice.spacing)
    if candidates.size < count:
        raise _too_large(2 * max(reach), min(lattice.size))
    sites = fill(level[candidates].astype(np.float64), candidates, count)
    if lattice.on_face(sites).any():
        raise _too_large(2 * max(reach), min(lattice.size))
    return sites


def _finish(
    lattice: Lattice,
    sites: NDArray[np.int64],
    level: NDArray[np.float32] | None,
    piece: NDArray[np.uint8],
    cloud: tuple[Floats, Floats, float] | None = None,
    nodules: tuple[tuple[float, float, float, float], ...] = (),
    tissue: NDArray[np.bool_] | None = None,
    exact: tuple[bool, bool] = (False, False),
) -> Solid:
    """Border and depth of chosen sites; without a level the border runs between sites.

    ``exact`` says whether the level is the distance itself inside, and outside.
    """
    h = np.float32(lattice.spacing)
    inside = np.zeros(lattice.n_sites, dtype=bool)
    inside[sites] = True
    if level is None:
        level = np.where(inside, h / 2, -h / 2).astype(np.float32)
    border = find_border(lattice, inside, level)
    away = distance_to(lattice, border)
    for known, part in zip(exact, (inside, ~inside), strict=True):
        if known:
            away[part] = np.where(inside[part], level[part], -level[part])
    away = np.maximum(away, np.float32(1e-6) * h)
    return Solid(sites, np.where(inside, away, -away), piece, border, cloud, nodules, tissue)


def _content(sites: float, lattice: Lattice) -> int:
    """Whole sites of the tumour."""
    if round(sites) < 1:
        raise InputError(f"tumour: smaller than one site of {lattice.spacing * 1e3:.4g} mm; take a finer spacing")
    return round(sites)


def _too_large(length: float, side: float) -> InputError:
    return InputError(
        f"tissue.size: a tumour of {1e3 * length:.4g} mm does not fit into a box of {1e3 * side:.4g} mm "
        "with liver around it"
    )
