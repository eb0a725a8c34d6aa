"""Needles and the points along their tracks, and the sites that their expected zones hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.treatments.planning.zones import Option

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Point:
    """One ablation on a track: the needle drawn back from its deepest place by ``pull_back`` [m], and the setting."""

    pull_back: float
    option: Option


@dataclass(frozen=True)
class Needle:
    """One insertion: the deepest place of its ``tip`` [m], the unit vector in which it was pushed, and its points.

    ``points`` run from the deepest (pull-back 0) to the shallowest, in the order in which they are heated.
    """

    tip: Vector
    direction: Vector
    points: tuple[Point, ...]

    def tip_at(self, point: Point) -> Floats:
        """Place of the tip while a point is heated [m], (3,)."""
        return np.asarray(self.tip) - point.pull_back * np.asarray(self.direction)

    def centre(self, point: Point) -> Floats:
        """Centre of the zone expected of a point [m], (3,)."""
        return self.tip_at(point) - point.option.zone.offset * np.asarray(self.direction)


def unit(vector: ArrayLike) -> Floats:
    """A vector (3,) brought to length 1; `InputError` where it has none."""
    found = np.asarray(vector, dtype=np.float64)
    length = float(np.sqrt((found**2).sum())) if found.shape == (3,) else np.nan
    if not (np.isfinite(length) and length > 0.0):
        raise InputError(f"direction: three numbers that are not all 0 are due, got {found}")
    return found / length


def vector(values: ArrayLike) -> Vector:
    """Three plain floats."""
    x, y, z = (float(v) for v in np.asarray(values, dtype=np.float64))
    return (x, y, z)


def covered_sites(lattice: Lattice, needles: Iterable[Needle]) -> Mask:
    """Sites whose centre lies in an expected zone: the union of the ellipsoids, (sites,)."""
    found = np.zeros(lattice.shape, dtype=bool)
    for needle in needles:
        for point in needle.points:
            zone = point.option.zone
            _draw(found, lattice, needle.centre(point), np.asarray(needle.direction), zone.short_axis, zone.long_axis)
    return found.reshape(-1)


def _draw(found: Mask, lattice: Lattice, centre: Floats, along: Floats, short: float, long: float) -> None:
    # a prolate (or oblate) ellipsoid of revolution reaches this far along each axis of the lattice
    reach = 0.5 * np.sqrt(short**2 + (long**2 - short**2) * along**2)
    axes, box = [], []
    for axis, places in enumerate(lattice.axes()):
        there = np.flatnonzero(np.abs(places - centre[axis]) <= reach[axis] + 1e-12)
        if not len(there):
            return
        part = slice(int(there[0]), int(there[-1]) + 1)
        box.append(part)
        axes.append(places[part] - centre[axis])
    x, y, z = np.ix_(*axes)
    depth = x * along[0] + y * along[1] + z * along[2]
    square = x**2 + y**2 + z**2
    inside = (square - depth**2) * (4.0 / short**2) + depth**2 * (4.0 / long**2) <= 1.0 + 1e-9
    found[box[0], box[1], box[2]] |= inside
