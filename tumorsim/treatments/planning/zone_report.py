"""What was really reached: cover, margin, volume and axes of a zone against the outline it was meant for.

The border of a zone is known better than to a site: where it is drawn from sites that are in or out, the steps are
smoothed away (`outcomes.outline.border_points`); where Omega is given, it is followed between sites to Omega = 1,
linearly in the logarithm, which is what grows evenly with temperature.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.outcomes.outline import border_points, crop
from tumorsim.outcomes.zone import least_signed
from tumorsim.treatments.planning.needles import unit

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_FAR = 6.0  # |ln Omega| beyond this tells nothing of where 1 is
_JOINED = 3  # slices: the largest diameter of single ones would be that with the luckiest steps of the lattice
_ML = 1e6


@dataclass(frozen=True)
class ZoneReport:
    """A zone read against an outline.

    ``cover`` is the share of the outline's sites in the zone [-], ``margin_mm`` the least signed distance from the
    outline's border out to the zone's (negative: the outline reaches out of the zone by that much), both None without
    an outline, the margin also without a zone. ``volume_ml``, and across and along the needle ``short_axis_mm`` (the
    largest diameter across) and ``long_axis_mm`` (the extent along), 0 without a zone.
    """

    cover: float | None
    margin_mm: float | None
    volume_ml: float
    short_axis_mm: float
    long_axis_mm: float


def zone_report(
    lattice: Lattice,
    zone: NDArray[np.bool_] | NDArray[np.floating],
    direction: ArrayLike,
    outline: Mask | None = None,
) -> ZoneReport:
    """Read a zone.

    Parameters
    ----------
    zone : array, shape (sites,)
        Sites reached (bool), or Omega (float): reached where it is at least 1.
    direction : (3,)
        The needle's direction.
    outline : array of bool, shape (sites,), optional
        The tumour at baseline.

    Raises
    ------
    InputError
        Where an array does not fit the lattice, or Omega is negative or not a number.
    """
    along = unit(direction)
    zone = np.asarray(zone)
    problems = [
        f"zone report: {name} has shape {array.shape}, not ({lattice.n_sites},)"
        for name, array in (("the zone", zone), ("the outline", outline))
        if array is not None and array.shape != (lattice.n_sites,)
    ]
    if not problems and zone.dtype != bool and not bool((zone >= 0.0).all()):
        problems.append("zone report: Omega must be a number of at least 0 at every site")
    if problems:
        raise InputError(problems)
    omega = None if zone.dtype == bool else zone.astype(np.float64)
    inside: Mask = zone.astype(bool) if omega is None else omega >= 1.0
    cover = margin = None
    if outline is not None and outline.any():
        cover = float((inside & outline).sum() / outline.sum())
    if not inside.any():
        return ZoneReport(cover, None, 0.0, 0.0, 0.0)
    points, outward = border_points(lattice, inside) if omega is None else _level(lattice, omega)
    if not len(points):  # the zone fills the box: it has no border there
        return ZoneReport(cover, None, float(inside.sum()) * lattice.site_volume * _ML, 0.0, 0.0)
    if outline is not None and outline.any():
        least = least_signed(border_points(lattice, outline)[0], points, outward, lattice.spacing)
        margin = None if least is None else least * 1e3
    short, long = _axes(spacing=lattice.spacing, points=points, along=along)
    volume = float(inside.sum()) * lattice.site_volume
    return ZoneReport(cover, margin, volume * _ML, short * 1e3, long * 1e3)


def _level(lattice: Lattice, omega: Floats) -> tuple[Floats, Floats]:
    """Points where Omega is 1 on lines between sites, and directions straight out there, (n, 3) [m] and (n, 3)."""
    box = crop(lattice, omega >= 1.0, rim=2)
    part = omega.reshape(lattice.shape)[box]
    level = np.clip(np.log(np.maximum(part, np.exp(-_FAR))), -_FAR, _FAR)
    axes = 2 if lattice.is_slab else 3
    slope = np.zeros((*level.shape, 3))
    for axis in range(axes):
        if level.shape[axis] > 1:
            slope[..., axis] = -np.gradient(level, axis=axis)
    start = np.array([side.start for side in box])
    points, outward = [], []
    for axis in range(axes):
        low = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
        high = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        where = np.nonzero((level[low] >= 0.0) != (level[high] >= 0.0))
        a, b = level[low][where], level[high][where]
        share = a / (a - b)
        at = np.stack(where, axis=1).astype(np.float64)
        at[:, axis] += share
        points.append((at + start - (np.array(lattice.shape) - 1) / 2.0) * lattice.spacing)
        outward.append((1.0 - share)[:, None] * slope[low][where] + share[:, None] * slope[high][where])
    normal = np.concatenate(outward)
    length = np.sqrt((normal**2).sum(axis=1))
    return np.concatenate(points), normal / np.where(length > 0.0, length, 1.0)[:, None]


def _axes(spacing: float, points: Floats, along: Floats) -> tuple[float, float]:
    """Largest diameter across a direction and extent along it of points of a border [m]."""
    depth = points @ along
    flat = points - depth[:, None] * along
    slices = np.floor((depth - depth.min()) / spacing).astype(np.int64)
    order = np.argsort(slices, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(slices[order])) + 1)
    across = np.array([_widest(flat[some], along) for some in parts])
    if len(across) >= _JOINED:
        across = np.convolve(across, np.full(_JOINED, 1.0 / _JOINED), mode="valid")
    return float(across.max()), float(np.ptp(depth))


def _widest(flat: Floats, along: Floats) -> float:
    if len(flat) < 2:
        return 0.0
    helper = np.eye(3)[int(np.argmin(np.abs(along)))]
    u = unit(np.cross(along, helper))
    plane = np.stack([flat @ u, flat @ np.cross(along, u)], axis=1)
    if len(plane) > 3:
        try:
            plane = plane[ConvexHull(plane).vertices]
        except QhullError:  # all on one line
            plane = plane[[int(np.argmin(plane.sum(axis=1))), int(np.argmax(plane.sum(axis=1)))]]
    return float(pdist(plane).max())
