"""Couinaud's segments of the right lobe, and where their vessels reach the box.

The box lies in the right lobe. Axes are the patient's: +x to the left, +y to the back, +z to the head. The
hilum is beyond the +x face.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorsim.chance import Purpose, uniforms
from tumorsim.lattice import Lattice

Floats = NDArray[np.float64]

RIGHT_LOBE = (5, 6, 7, 8)
ASIDE = 1.5e-3  # m along y: a portal vein lies this far behind, its artery this far in front of their common course


def along(points: Floats, normal: Floats) -> Floats:
    """Points (n, 3) projected on a normal (3,), summed in this order on every machine."""
    return points[:, 0] * normal[0] + points[:, 1] * normal[1] + points[:, 2] * normal[2]


@dataclass(frozen=True)
class Segments:
    """Two planes that part the right lobe into Couinaud's segments 5 to 8.

    Attributes
    ----------
    point : array, shape (3,)
        Where both planes pass [m].
    back, up : array, shape (3,)
        Unit normals of the plane of the right hepatic vein (front and back) and of that of the portal
        vein (lower and upper).
    """

    point: Floats
    back: Floats
    up: Floats

    @classmethod
    def draw(
        cls, lattice: Lattice, centre: Floats, seed: int, patient: int, parameters: Mapping[str, float]
    ) -> Segments:
        """Planes near ``centre`` [m], placed and tilted by key (`vessels.segment_offset`, `.._tilt`)."""
        u = 2.0 * uniforms(seed, patient, Purpose.SEGMENT, np.arange(5)) - 1.0
        offset = u[:3] * np.minimum(parameters["vessels.segment_offset"], 0.3 * np.array(lattice.size))
        about_z, about_y = u[3:] * parameters["vessels.segment_tilt"]
        back = np.array([np.sin(about_z), np.cos(about_z), 0.0])
        up = np.array([np.sin(about_y), 0.0, np.cos(about_y)])
        return cls(centre + offset, back, up)

    def of(self, points: Floats) -> NDArray[np.uint8]:
        """Segment, 5 to 8, of points [m]: ``(n, 3) -> (n,)``."""
        away = points - self.point
        behind, above = along(away, self.back) >= 0.0, along(away, self.up) >= 0.0
        return np.where(above, np.where(behind, 7, 8), np.where(behind, 6, 5)).astype(np.uint8)


def entries(lattice: Lattice, points: Floats, segment: NDArray[np.uint8]) -> dict[int, Floats]:
    """Where the vessels of segments 5 to 8 reach the +x face of the box [m].

    At the height of the middle of the segment's ``points`` (n, 3); where the box holds none, at the corner
    of the face that is nearest to the segment.
    """
    half = 0.5 * np.array(lattice.size)
    found = {}
    for k in RIGHT_LOBE:
        own = points[segment == k]
        side = np.array([1.0 if k in (6, 7) else -1.0, 1.0 if k in (7, 8) else -1.0])
        yz = own[:, 1:].mean(axis=0) if len(own) else side * half[1:]
        # apart by a little, also where two segments have their middle at the same height
        found[k] = np.array([half[0], *(yz + 1e-4 * side)])
    return found
