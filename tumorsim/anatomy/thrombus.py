"""Tumour thrombus of the portal vein, Vp1 to Vp4 (Liver Cancer Study Group of Japan, general rules).

The tumour grows down a portal branch against the stream, towards the hilum: Vp1 keeps beyond the second-order
branches, Vp2 lies in one (here: the vein of a segment), Vp3 in the right portal vein, Vp4 in the main trunk or
on the other side. In the box it is a tube of tumour, compartment 199, from the tumour's border along the vein
of the segment that holds the tumour. Vp1 is a short piece; Vp2 to Vp4 reach the face of the box. What lies in
the right portal vein and in the trunk, outside the box, has no sites and no cells: there the thrombus only
narrows the vein (`tumorsim.vessels.growth_thrombus`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy.capsule import THROMBUS
from tumorsim.anatomy.segments import ASIDE, Segments, along, entries
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice

Floats = NDArray[np.float64]

BELOW_SECOND_ORDER = 0.5  # of a segment's flow: what the two branches carry into which its vein divides
JOINED = 0.5 * 3.0**0.5  # of the spacing: sites this near to a line join by their faces


@dataclass(frozen=True)
class Thrombus:
    """Where a thrombus lies.

    Attributes
    ----------
    grade : str
        ``Vp1`` to ``Vp4``.
    segment : int
        Couinaud segment, 5 to 8, whose portal vein it fills.
    start, end : tuple of 3 floats
        Where it leaves the tumour and how far it reaches in the box [m].
    radius : float
        Of the vein that it fills [m].
    """

    grade: str
    segment: int
    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radius: float


def make_thrombus(
    grade: str,
    lattice: Lattice,
    compartment: NDArray[np.uint8],
    tumour: NDArray[np.bool_],
    seed: int,
    patient: int,
    parameters: Mapping[str, float],
) -> Thrombus:
    """Lay a thrombus and give it its sites.

    Only sites of the liver are converted. The course is a straight line from the middle of the tumour to
    the entry of the segment's portal vein into the box; the planes of the segments are those of the patient,
    the thrombus itself holds no chance.

    Parameters
    ----------
    grade : str
        ``Vp1`` to ``Vp4``.
    compartment : array of uint8, shape (n_sites,)
        Changed in place.
    tumour : array of bool, shape (n_sites,)
        The main tumour.

    Raises
    ------
    InputError
        In a slab, and where no liver lies between the tumour and the face of the box.
    """
    if lattice.is_slab:
        raise InputError("tumour.thrombus: a vein has no room in a slab; set tissue.dimensions: 3 or thrombus: none")
    points = lattice.centres()
    centre = points[tumour].mean(axis=0)
    segments = Segments.draw(lattice, centre, seed, patient, parameters)
    segment = int(segments.of(centre.reshape(1, 3))[0])
    liver = compartment == 0
    entry = entries(lattice, points[liver], segments.of(points[liver]))[segment] + np.array([0.0, ASIDE, 0.0])

    if not tumour[lattice.locate(centre)]:  # between nodules or lobes: it leaves the part that is nearest
        own = points[tumour]
        centre = own[np.argmin(((own - centre) ** 2).sum(axis=1))]
    away = entry - centre
    whole = float(np.linalg.norm(away))
    steps = int(np.ceil(4.0 * whole / lattice.spacing))
    site = lattice.locate(centre + np.linspace(0.0, 1.0, steps + 1)[:, None] * away)
    inside = np.flatnonzero((site >= 0) & tumour[site])
    start = centre + (float(inside[-1]) / steps if len(inside) else 0.0) * away
    way = float(np.linalg.norm(entry - start))
    share = parameters[f"vessels.segment_{segment}_share"]
    end = entry
    if grade == "Vp1":
        share *= BELOW_SECOND_ORDER
        end = start + min(1.0, parameters["anatomy.thrombus_length"] / way) * (entry - start)
    # Murray: the cube of a vein's diameter goes with its flow, and that with what it supplies
    diameter = parameters["vessels.portal_main_diameter"] * share ** (1.0 / parameters["vessels.murray_exponent"])
    radius = 0.5 * diameter
    reach = max(radius, JOINED * lattice.spacing)
    near = np.flatnonzero(liver & np.all((points >= np.minimum(start, end) - reach), axis=1)
                          & np.all((points <= np.maximum(start, end) + reach), axis=1))  # fmt: skip
    chosen = near[_distance(points[near], start, end) <= reach]
    if not len(chosen):
        raise InputError(
            f"tumour.thrombus: {grade} needs liver between the tumour and the +x face of the box "
            f"({1e3 * way:.3g} mm lie between); take a larger tissue.size, or auto"
        )
    compartment[chosen] = THROMBUS
    return Thrombus(grade, segment, _triple(start), _triple(end), radius)


def _distance(points: Floats, start: Floats, end: Floats) -> Floats:
    """Distance of points (n, 3) to the line between two points (3,) [m]."""
    course = end - start
    square = float((course**2).sum())
    at = np.clip(along(points - start, course) / square, 0.0, 1.0) if square > 0.0 else np.zeros(len(points))
    return np.asarray(np.linalg.norm(points - start - at[:, None] * course, axis=1))


def _triple(v: Floats) -> tuple[float, float, float]:
    return (float(v[0]), float(v[1]), float(v[2]))
