"""Satellites: small nodules in the liver around the tumour."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

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
    around: tuple[NDArray[np.float32], NDArray[np.uint8]] | None = None,
    outside: NDArray[np.uint8] | None = None,
) -> tuple[Satellite, ...]:
    """Draw the patient's satellites.

    Diameter and gap are uniform between their parameters (Okusaka et al. 2002, Cancer 95:1931, found 8
    satellites within 5 mm and 12 at 6 to 10 mm: even, if anything rising, and no exponential); the direction
    is uniform on the sphere. One that would come nearer than the least gap to another, or leave less than
    a site of liver before the box's face, is placed again under the next key.

    ``around`` gives a tumour of another form: its depth [m] and the compartments, both [site]. A satellite then
    lies where the ray in its direction leaves the tumour's surroundings at its gap for the last time, and, where
    sites are outside the liver, in liver only. ``outside`` gives the compartments [site] where organs lie beside
    the tumour: a satellite then lies in liver only, too.

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
    labels = outside if around is None else around[1]
    for number in range(count):
        radius = 0.5 * (low + (high - low) * _uniform(seed, patient, number * 8, 0))
        for attempt in range(_ATTEMPTS):
            gap = near + (far - near) * _uniform(seed, patient, number * 8 + 1, attempt)
            z = chance.normals(seed, patient, chance.Purpose.SATELLITE, number * 8 + 2 + np.arange(dims), step=attempt)
            if around is None:
                foot = z / np.sqrt(np.sum((z / axes) ** 2))  # where that direction meets the border
                outward = foot / axes**2
                # from a convex body the normal leads straight away: the gap is the distance
                centre = foot + outward / np.sqrt(np.dot(outward, outward)) * (gap + radius)
            else:
                centre = _along_ray(lattice, around[0], z / np.sqrt(np.dot(z, z)), gap + radius)
            apart = all(math.dist(centre, other.centre[:dims]) >= radius + other.radius + near for other in made)
            within = bool(np.all(np.abs(centre) + radius <= room))
            if apart and within and (labels is None or _in_liver(lattice, labels, centre, radius)):
                break
        else:
            raise InputError(
                f"tumour.satellites: only {number} of {count} fit into a box of "
                f"{min(lattice.size[:dims]) * 1e3:.4g} mm; ask for fewer or for a larger tissue.size"
            )
        x, y, z_ = (*(float(c) for c in centre), 0.0)[:3]
        made.append(Satellite(FIRST_SATELLITE + number, (x, y, z_), radius, gap))
    return tuple(made)


def _along_ray(
    lattice: Lattice, depth: NDArray[np.float32], direction: NDArray[np.float64], away: float
) -> NDArray[np.float64]:
    """Last point of a ray from the box's middle no farther than ``away`` [m] from the tumour, (3,) [m].

    inf where the ray does not come that near (between nodules).
    """
    step = 0.25 * lattice.spacing
    t = np.arange(0.0, 0.5 * math.dist(lattice.size, (0, 0, 0)), step)
    at = (t[:, None] * direction) / lattice.spacing + (np.array(lattice.shape) - 1) / 2
    found = ndimage.map_coordinates(depth.reshape(lattice.shape), at.T, order=1, mode="nearest")
    near = np.flatnonzero(found >= -away)
    return np.asarray(t[near[-1]] * direction if len(near) else np.full(3, np.inf))


def _in_liver(lattice: Lattice, compartment: NDArray[np.uint8], centre: NDArray[np.float64], radius: float) -> bool:
    sites = sites_around(lattice, [float(c) for c in centre], radius + lattice.spacing)
    near = ((lattice.centres(sites) - centre) ** 2).sum(axis=1) <= (radius + 0.5 * lattice.spacing) ** 2
    return bool(np.all(compartment[sites[near]] == 0))


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
