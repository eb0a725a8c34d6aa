"""Forms of a tumour beside sphere and ellipsoid: lobulated, several nodules, an infiltrating rim.

Each is drawn for a patient by key, with the volume of the sphere of the asked diameter. Lobes and nodules are
unions of balls, so that the distance to their border is simple: the largest of the balls' own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from tumorsim import chance
from tumorsim.anatomy.capsule import sphere
from tumorsim.errors import InputError

Floats = NDArray[np.float64]

MAX_LOBES = 12
MAX_NODULES = 12
DEEPEST_NOTCH = 0.5  # of the reach of a lobe: deeper ones would part the lobes
_PACKED = 0.2  # share of the ball that holds all nodules which they and half their gaps fill: loose, so that draws end
_CUT = 2.0  # standard deviations at which the spread of nodules is cut
_ATTEMPTS = 2000
_GRID = 96  # points along each side of the cube in which the volume of a union is counted: 0.1 % of it
_FAR = 1 << 20  # grid points of the noise on either side of the middle


@dataclass(frozen=True)
class Lobulated:
    """Bulges on all sides with notches between them."""

    lobes: int
    """2 to 12."""
    depth: float
    """Of the notches [m]."""

    def problems(self, radius: float) -> list[tuple[str, str]]:
        """(key, message) for what cannot be drawn on a tumour of this radius [m]."""
        found = []
        if not 2 <= self.lobes <= MAX_LOBES:
            found.append(("lobes", f"{self.lobes} must be a whole number from 2 to {MAX_LOBES}"))
        if not 0 < self.depth <= DEEPEST_NOTCH * radius * (1 + 1e-9):
            found.append(
                ("depth", f"notches may be up to {DEEPEST_NOTCH * radius * 1e3:.4g} mm deep (half the radius)")
            )
        return found

    def reach(self, radius: float) -> float:
        """Farthest that any patient's tumour gets from its middle [m]: the core alone holds (1 - depth)^3."""
        return radius / (1.0 - self.depth / radius)


@dataclass(frozen=True)
class Nodules:
    """Several balls with gaps between them, each a compartment of its own."""

    number: int
    """2 to 12."""
    distance: tuple[float, float]
    """Least and greatest gap between a nodule and the one next to it [m]."""
    sizes: tuple[float, ...] | None = None
    """Diameters [m], or None: drawn."""

    def problems(self, radius: float) -> list[tuple[str, str]]:
        """(key, message) for what cannot be drawn."""
        found = []
        if not 2 <= self.number <= MAX_NODULES:
            found.append(("number", f"{self.number} must be a whole number from 2 to {MAX_NODULES}"))
        low, high = self.distance
        if not 0 <= low <= high < math.inf:
            found.append(("distance", "must be 0 mm or more, the least first"))
        if self.sizes is not None and not all(0 < size < math.inf for size in self.sizes):
            found.append(("sizes", "every diameter must be above 0"))
        return found

    def reach(self, radius: float) -> float:
        """Half the side of a cube that holds every patient's nodules [m].

        For equal volume: ``sum (r + g / 2)^3 <= (R + n^(1/3) g / 2)^3`` (Minkowski's inequality).
        """
        return (radius + self.number ** (1 / 3) * self.distance[1] / 2) / _PACKED ** (1 / 3)


@dataclass(frozen=True)
class Infiltrating:
    """A ball whose border is a rim in which tumour and liver interlace."""

    depth: float
    """Width of the rim [m]: half of it inside the border of the ball of equal volume, half outside."""

    def problems(self, radius: float) -> list[tuple[str, str]]:
        """(key, message) for what cannot be drawn on a tumour of this radius [m]."""
        if not 0 < self.depth <= radius * (1 + 1e-9):
            return [("depth", f"the rim may be up to {radius * 1e3:.4g} mm wide (the radius)")]
        return []

    def reach(self, radius: float) -> float:
        """Farthest that the tumour gets from its middle [m]."""
        return radius + self.depth / 2


@dataclass(frozen=True, eq=False)
class Balls:
    """A union of balls: centres (n, 3) [m] and radii (n,) [m]."""

    centres: Floats
    radii: Floats

    def depth(self, points: Floats) -> Floats:
        """Signed distance of (n, 3) points to the border [m], positive inside.

        Exact outside and wherever one ball alone is near; where balls overlap, inside, a lower bound.
        """
        best = np.full(len(points), -np.inf)
        for centre, radius in zip(self.centres, self.radii, strict=True):
            np.maximum(best, radius - np.sqrt(((points - centre) ** 2).sum(axis=1)), out=best)
        return best

    def of(self, points: Floats) -> NDArray[np.int64]:
        """Ball that each of (n, 3) points lies deepest in, or nearest to, from 0; the first of equals."""
        away = [r - np.sqrt(((points - c) ** 2).sum(axis=1)) for c, r in zip(self.centres, self.radii, strict=True)]
        return np.asarray(np.argmax(away, axis=0), dtype=np.int64)

    def cloud(self) -> tuple[Floats, Floats]:
        """Even points inside, and points of the border, (n, 3) and (m, 3) [m]; the same at every spacing."""
        low = (self.centres - self.radii[:, None]).min(axis=0)
        high = (self.centres + self.radii[:, None]).max(axis=0)
        n = 40
        axes = [a + (np.arange(n) + 0.5) / n * (b - a) for a, b in zip(low, high, strict=True)]
        points = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
        inner = points[self.depth(points) > 0]
        each = [c + r * sphere(1000) for c, r in zip(self.centres, self.radii, strict=True)]
        outer = np.concatenate(each)
        return inner, outer[self.depth(outer) > -1e-9]


def draw_lobes(form: Lobulated, radius: float, seed: int, patient: int, parameters: Mapping[str, float]) -> Balls:
    """Lobes of one patient: a core, and balls on all sides of it.

    Lobes lie in even directions (golden spiral) that are turned and shaken by key. With the farthest lobe
    reaching to 1, a lobe of half angle a (1 - cos a = 2 / lobes) has its centre at q and radius 1 - q, so that
    it meets its neighbour at 1 - depth; the core fills what is within. All is then scaled to the volume.
    """
    notch = form.depth / radius
    n = form.lobes
    cosine = 1.0 - 2.0 / n
    middle = (1.0 - (1.0 - notch) ** 2) / (2.0 * (1.0 - (1.0 - notch) * cosine))
    z = chance.normals(seed, patient, chance.Purpose.LOBES, np.arange(4 + 3 * n))
    shaken = sphere(n) @ _turn(z[:4]).T + 0.3 * math.sqrt(2.0 / n) * z[4:].reshape(n, 3)
    direction = shaken / np.sqrt((shaken**2).sum(axis=1))[:, None]
    u = chance.uniforms(seed, patient, chance.Purpose.LOBES, np.arange(n), slot=1)
    reach = 1.0 - parameters["anatomy.lobe_spread"] * u * notch
    centres = np.concatenate([np.zeros((1, 3)), direction * (reach * middle)[:, None]])
    radii = np.concatenate([[1.0 - notch], reach * (1.0 - middle)])
    unit = Balls(centres, radii)
    scale = radius * (4.0 / 3.0 * math.pi / _volume(unit)) ** (1 / 3)
    return Balls(centres * scale, radii * scale)


def draw_nodules(form: Nodules, radius: float, seed: int, patient: int, parameters: Mapping[str, float]) -> Balls:
    """Nodules of one patient, the largest first, their bounding box centred on the origin.

    Each lies beside an earlier one, drawn by key, in a uniform direction, with a gap that is uniform between
    the least and the greatest; one that comes nearer than that to another, or that makes the whole larger than
    `Nodules.reach` allows, is drawn again.

    Raises
    ------
    InputError
        Where one cannot be placed.
    """
    n = form.number
    if form.sizes is not None:
        radii = np.sort(np.array(form.sizes) / 2)[::-1]
    else:
        z = np.clip(chance.normals(seed, patient, chance.Purpose.NODULES, np.arange(n)), -_CUT, _CUT)
        share = np.exp(parameters["anatomy.nodule_spread"] * z)
        radii = np.sort(radius * (share / share.sum()) ** (1 / 3))[::-1]
    most = form.reach(radius)
    centres = np.zeros((n, 3))
    for k in range(1, n):
        for attempt in range(_ATTEMPTS):
            key = np.arange(5) + 8 * k
            u = chance.uniforms(seed, patient, chance.Purpose.NODULES, key[:2], slot=1, step=attempt)
            z = chance.normals(seed, patient, chance.Purpose.NODULES, key[2:], slot=1, step=attempt)
            beside = min(int(u[0] * k), k - 1)
            gap = form.distance[0] + u[1] * (form.distance[1] - form.distance[0])
            centre = centres[beside] + z / np.sqrt((z**2).sum()) * (radii[beside] + radii[k] + gap)
            away = np.sqrt(((centres[:k] - centre) ** 2).sum(axis=1)) - radii[:k] - radii[k]
            away[beside] = gap
            centres[k] = centre
            low, high = _extent(centres[: k + 1], radii[: k + 1])
            if np.all(away >= gap * (1 - 1e-9)) and np.all(high - low <= 2 * most):
                break
        else:
            raise InputError(f"tumour.shape.nodules: only {k} of {n} could be placed; ask for fewer or nearer ones")
    low, high = _extent(centres, radii)
    return Balls(centres - (low + high) / 2, radii)


def infiltration_level(
    points: Floats, form: Infiltrating, radius: float, seed: int, patient: int, parameters: Mapping[str, float]
) -> Floats:
    """Level whose highest sites are the tumour: depth in the ball, plus noise across the rim, (n,) [m].

    The noise is uniform between plus and minus half the rim's width, so that the share of tumour falls evenly
    from all to none across the rim. It varies over `anatomy.infiltration_grain`: keyed normal numbers on a
    grid of that width, interpolated linearly and brought back to unit variance. It is the same at every spacing.
    """
    depth = radius - np.sqrt((points**2).sum(axis=1))
    near = np.flatnonzero(np.abs(depth) < form.depth)
    grain = parameters["anatomy.infiltration_grain"]
    base = np.floor(points[near] / grain)
    part = points[near] / grain - base
    whole = base.astype(np.int64) + _FAR
    total, square = np.zeros(len(near)), np.zeros(len(near))
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(np.array(corner) == 1, part, 1.0 - part), axis=1)
        at = (whole + np.array(corner)) @ np.array([1 << 42, 1 << 21, 1])
        each, back = np.unique(at, return_inverse=True)
        total += weight * chance.normals(seed, patient, chance.Purpose.INFILTRATION, each)[back]
        square += weight**2
    depth[near] += form.depth * (ndtr(total / np.sqrt(square)) - 0.5)
    return np.asarray(depth)


def _volume(balls: Balls) -> float:
    """Volume of a union within the unit ball, counted on a grid."""
    x = (np.arange(_GRID) + 0.5) * 2 / _GRID - 1
    held = 0
    for layer in x:
        grid = np.meshgrid(x, x, [layer], indexing="ij")
        held += int(np.count_nonzero(balls.depth(np.stack([g.ravel() for g in grid], axis=1)) > 0))
    return held * (2 / _GRID) ** 3


def _extent(centres: Floats, radii: Floats) -> tuple[Floats, Floats]:
    return (centres - radii[:, None]).min(axis=0), (centres + radii[:, None]).max(axis=0)


def _turn(z: Sequence[float] | Floats) -> Floats:
    """Rotation matrix of a uniform random rotation from four normal numbers (a unit quaternion)."""
    w, x, y, v = np.asarray(z) / math.sqrt(sum(float(c) ** 2 for c in z))
    return np.array(
        [
            [1 - 2 * (y * y + v * v), 2 * (x * y - v * w), 2 * (x * v + y * w)],
            [2 * (x * y + v * w), 1 - 2 * (x * x + v * v), 2 * (y * v - x * w)],
            [2 * (x * v - y * w), 2 * (y * v + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
