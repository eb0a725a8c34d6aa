"""The capsule: which part of the border it covers, and what gets through it and through septa."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tumorsim import chance

THROMBUS = 199  # a tumour thrombus in the portal vein
FIRST_SATELLITE = 200
OUTSIDE = 255
_TEST_DIRECTIONS = 20_000


def face_permeability(
    comp_a: int,
    comp_b: int,
    capsule_a: int,
    capsule_b: int,
    perm_capsule: float,
    perm_septum: float,
    perm_wall: float,
) -> float:
    """Chance that a birth crosses the face between sites a and b; the same both ways.

    Parameters
    ----------
    comp_a, comp_b : int
        Compartments: 0 liver, 1..198 the tumour between its septa, 199 its thrombus in the portal vein,
        200..254 satellites, 255 outside.
    capsule_a, capsule_b : int
        1 where the capsule covers the direction of the site from the tumour's centre.
    perm_capsule, perm_septum, perm_wall : float
        Permeability of a face of the capsule, of a septum and of the wall of the vein that a thrombus fills,
        0 to 1.

    Returns
    -------
    float. 1 inside one compartment, and between the tumour and the thrombus that grows out of it; ``perm_wall``
    between thrombus and what lies around it; ``perm_septum`` between compartments of the tumour; between tumour and
    what lies around it (liver, satellite) ``perm_capsule`` where the tumour's side is covered, else 1;
    1 between liver and satellite (satellites carry no capsule); 0 to the outside. Plain scalar arithmetic:
    kernels compile this very function.
    """
    if comp_a == 255 or comp_b == 255:
        return 0.0
    if comp_a == comp_b:
        return 1.0
    tumour_a = 0 < comp_a < 200
    tumour_b = 0 < comp_b < 200
    if comp_a == 199 or comp_b == 199:
        return 1.0 if tumour_a and tumour_b else perm_wall
    if tumour_a and tumour_b:
        return perm_septum
    if (tumour_a and capsule_a == 1) or (tumour_b and capsule_b == 1):
        return perm_capsule
    return 1.0


@dataclass(frozen=True)
class FacePermeability:
    """What the cell kernels need to know of barriers: a mark per site and three numbers."""

    capsule_site: NDArray[np.uint8]
    """[site] 1 where the capsule covers the direction of the site from the tumour's centre."""
    capsule: float
    """Permeability of a covered face of the border, 0 to 1."""
    septum: float
    """Permeability of a face of a septum, 0 to 1."""
    wall: float
    """Permeability of the wall of a vein with a thrombus in it, 0 to 1."""


@dataclass(frozen=True)
class Capsule:
    """Directions from the tumour's centre that carry a capsule.

    A direction belongs to it for good, so the capsule follows the border of a tumour that grows
    expansively. A partial capsule covers where a smooth random function on the sphere (all harmonics of
    degree 1 to 3 with keyed normal weights) lies under the quantile of the coverage wanted: a few broad
    patches and windows, of exactly that share of directions.
    """

    kind: str
    coverage: float
    weights: tuple[float, ...] = ()
    threshold: float = 0.0
    nodules: tuple[tuple[float, float, float, float], ...] = ()
    """Centre and radius [m] of each of several nodules: directions are then from the middle of the nearest."""

    def covered(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """For (n, 3) points [m], or directions of any length: whether the capsule covers them, (n,) bool."""
        points = np.asarray(points, dtype=np.float64)
        if self.kind == "none":
            return np.zeros(points.shape[0], dtype=bool)
        if self.kind == "intact":
            return np.ones(points.shape[0], dtype=bool)
        if self.nodules:
            balls = np.array(self.nodules)
            away = [np.sqrt(((points - ball[:3]) ** 2).sum(axis=1)) - ball[3] for ball in balls]
            points = points - balls[np.argmin(away, axis=0), :3]
        return _pattern(points, self.weights) <= self.threshold


def make_capsule(
    kind: str,
    seed: int,
    patient: int,
    parameters: Mapping[str, float],
    slab: bool,
    nodules: tuple[tuple[float, float, float, float], ...] = (),
) -> Capsule:
    """The patient's capsule of a given ``kind`` ("none", "partial", "intact").

    In a slab the share is that of the ring of directions in its plane.
    """
    if kind == "none":
        return Capsule(kind, 0.0)
    if kind == "intact":
        return Capsule(kind, 1.0)
    share = parameters["anatomy.partial_capsule_coverage"]
    drawn = chance.normals(seed, patient, chance.Purpose.CAPSULE, np.arange(15))
    weights = tuple(float(w) for w in drawn)
    value = np.sort(_pattern(ring(_TEST_DIRECTIONS) if slab else sphere(_TEST_DIRECTIONS), weights))
    rank = min(max(round(share * value.size), 1), value.size)
    return Capsule(kind, share, weights, float(value[rank - 1]), nodules)


@lru_cache(maxsize=4)
def sphere(n: int) -> NDArray[np.float64]:
    """``n`` directions spread evenly over the sphere (golden spiral), (n, 3)."""
    i = np.arange(n) + 0.5
    z = 1.0 - 2.0 * i / n
    angle = math.pi * (1.0 + math.sqrt(5.0)) * i
    r = np.sqrt(1.0 - z * z)
    return np.stack([r * np.cos(angle), r * np.sin(angle), z], axis=1)


@lru_cache(maxsize=4)
def ring(n: int) -> NDArray[np.float64]:
    """``n`` directions spread evenly over the circle in the plane z = 0, (n, 3)."""
    angle = 2.0 * math.pi * (np.arange(n) + 0.5) / n
    return np.stack([np.cos(angle), np.sin(angle), np.zeros(n)], axis=1)


def _pattern(points: NDArray[np.float64], weights: tuple[float, ...]) -> NDArray[np.float64]:
    """Sum of the 15 real harmonics of degree 1 to 3, each of unit mean square, at the points' directions."""
    length = np.sqrt(np.einsum("ij,ij->i", points, points))
    x, y, z = (points / np.where(length > 0, length, 1.0)[:, None]).T
    x2, y2, z2 = x * x, y * y, z * z
    w = weights
    first = math.sqrt(3.0) * (w[0] * x + w[1] * y + w[2] * z)
    second = math.sqrt(15.0) * (w[3] * x * y + w[4] * y * z + w[5] * x * z + 0.5 * w[6] * (x2 - y2))
    second += 0.5 * math.sqrt(5.0) * w[7] * (3.0 * z2 - 1.0)
    five = 5.0 * z2 - 1.0
    third = math.sqrt(35.0 / 8.0) * (w[8] * (3.0 * x2 - y2) * y + w[9] * (x2 - 3.0 * y2) * x)
    third += math.sqrt(105.0) * (w[10] * x * y * z + 0.5 * w[11] * (x2 - y2) * z)
    third += math.sqrt(21.0 / 8.0) * five * (w[12] * y + w[13] * x)
    third += 0.5 * math.sqrt(7.0) * w[14] * (5.0 * z2 - 3.0) * z
    total: NDArray[np.float64] = first + second + third
    return total
