"""Satellites: small nodules in the liver around the tumour."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorsim import chance
from tumorsim.anatomy.capsule import FIRST_SATELLITE
from tumorsim.anatomy.tumour import fill
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice

TARGET_MARGIN = 5e-3  # m; by definition: the target is the baseline tumour plus 5 mm
_ATTEMPTS = 500


@dataclass(frozen=True)
class Satellite:
    """A spherical nodule (in a slab, a disc)."""

    label: int
    """Its compartment, from 200."""
    centre: tuple[float, float, float]
    """[m] from the tumour's centre."""
    radius: float
    """[m]"""
    distance: float
    """Gap between its border and the tumour's [m]."""

    @property
    def distant(self) -> bool:
        """True where all of it lies beyond the target."""
        return self.distance > TARGET_MARGIN


def make_satellites(
    count: int,
    semi_axes: Sequence[float],
    lattice: Lattice,
    seed: int,
    patient: int,
    parameters: Mapping[str, float],
) -> tuple[Satellite, ...]:
    """Draw the patient's satellites.

    Diameter and gap are uniform between their parameters (Okusaka et al. 2002, Cancer 95:1931, found 8
    satellites within 5 mm and 12 at 6 to 10 mm: even, if anything rising, and no exponential); the direction
    is uniform on the sphere. One that would come nearer than the least gap to another, or leave less than
    a site of liver before the box's face, is placed again under the next key.

    Raises
    ------
    InputError
        Where one cannot be placed.
    """
    low, high = parameters["anatomy.satellite_diameter_low"], parameters["anatomy.satellite_diameter_high"]
    near, far = parameters["anatomy.satellite_distance_low"], parameters["anatomy.satellite_distance_high"]
    if low > high or near > far:
        raise InputError("anatomy.satellite_*: the low value must not be above the high one")
    dims = 2 if lattice.is_slab else 3
    axes = np.array(semi_axes[:dims])
    room = np.array(lattice.size[:dims]) / 2 - lattice.spacing
    made: list[Satellite] = []
    for number in range(count):
        radius = 0.5 * (low + (high - low) * _uniform(seed, patient, number * 8, 0))
        for attempt in range(_ATTEMPTS):
            gap = near + (far - near) * _uniform(seed, patient, number * 8 + 1, attempt)
            z = chance.normals(seed, patient, chance.Purpose.SATELLITE, number * 8 + 2 + np.arange(dims), step=attempt)
            foot = z / np.sqrt(np.sum((z / axes) ** 2))  # where that direction meets the border
            outward = foot / axes**2
            # from a convex body the normal leads straight away: the gap is the distance
            centre = foot + outward / np.sqrt(np.dot(outward, outward)) * (gap + radius)
            apart = all(math.dist(centre, other.centre[:dims]) >= radius + other.radius + near for other in made)
            if apart and np.all(np.abs(centre) + radius <= room):
                break
        else:
            raise InputError(
                f"tumour.satellites: only {number} of {count} fit into a box of "
                f"{min(lattice.size[:dims]) * 1e3:.4g} mm; ask for fewer or for a larger tissue.size"
            )
        x, y, z_ = (*(float(c) for c in centre), 0.0)[:3]
        made.append(Satellite(FIRST_SATELLITE + number, (x, y, z_), radius, gap))
    return tuple(made)


def mark_satellites(lattice: Lattice, compartment: NDArray[np.uint8], satellites: Sequence[Satellite]) -> None:
    """Give each satellite its sites, among those of the liver: its volume to half a site, at least one.

    ``compartment`` is [site] uint8, changed in place.
    """
    slab = lattice.is_slab
    for satellite in satellites:
        r = satellite.radius / lattice.spacing
        count = max(1, round(math.pi * r**2 if slab else 4 / 3 * math.pi * r**3))
        sites = sites_around(lattice, satellite.centre, satellite.radius + 3 * lattice.spacing)
        sites = sites[compartment[sites] == 0]
        depth = satellite.radius - np.sqrt(((lattice.centres(sites) - satellite.centre) ** 2).sum(axis=1))
        compartment[fill(depth, sites, count)] = satellite.label


def sites_around(lattice: Lattice, centre: Sequence[float], reach: float) -> NDArray[np.int64]:
    """Sites with a centre within ``reach`` [m] of a point along every axis, ascending."""
    ranges = [np.flatnonzero(np.abs(axis - c) <= reach) for axis, c in zip(lattice.axes(), centre, strict=True)]
    i, j, k = np.meshgrid(*ranges, indexing="ij")
    return np.asarray(lattice.index(i, j, k), dtype=np.int64).ravel()


def _uniform(seed: int, patient: int, entity: int, step: int) -> float:
    return float(chance.uniforms(seed, patient, chance.Purpose.SATELLITE, [entity], step=step)[0])
