"""Shapes of organs beside the tumour: ellipsoid, tube and dome, each with its distance and its surface.

A shape lies on a side of the tumour: ``side`` points from the tumour to it, and its surface comes nearest to the
origin at ``near`` along that side. Distances are exact; surfaces are pieces of known area, the same at every spacing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy.capsule import sphere
from tumorsim.anatomy.tumour import ellipsoid_depth

Floats = NDArray[np.float64]

FORMS = ("ellipsoid", "tube", "dome")
PIECE = 1e-3  # m: edge of a piece of a surface; a sixth of a tube's radius where that is less
_MOST = 2_000_000  # pieces of a whole surface
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


@dataclass(frozen=True)
class Body:
    """An organ's outer shape.

    Attributes
    ----------
    form : {"ellipsoid", "tube", "dome"}
        A tube has no ends; a dome is all that lies outside a ball, as the chest lies above the liver.
    side : tuple of 3 floats
        Unit vector from the tumour.
    half : tuple of 3 floats
        Half the lengths along the side, along the organ and across both [m]; of a tube and of a dome's ball the
        radius, three times.
    near : float
        Where along the side its surface is met [m].
    """

    form: str
    side: tuple[float, float, float]
    half: tuple[float, float, float]
    near: float = 0.0

    @cached_property
    def frame(self) -> Floats:
        """Unit vectors along the side, along the organ and across, as rows (3, 3).

        No organ runs from front to back: beside the tumour it runs from head to foot, elsewhere from side to side.
        """
        u = np.array(self.side)
        level = np.cross([0.0, 1.0, 0.0], u)
        along = level / np.linalg.norm(level) if np.linalg.norm(level) > 1e-9 else np.array([1.0, 0.0, 0.0])
        return np.stack([u, along, np.cross(u, along)])

    @property
    def centre(self) -> Floats:
        """Middle of the ellipsoid, of the tube's axis or of the dome's ball [m], (3,)."""
        away = self.near - self.half[0] if self.form == "dome" else self.near + self.half[0]
        return np.asarray(away * np.array(self.side))

    def extent(self, axis: int) -> float:
        """Half the length along x, y or z (0, 1, 2) [m]; of a tube only across it."""
        return float(np.sqrt(((np.array(self.half) * self.frame[:, axis]) ** 2).sum()))

    def moved(self, by: float) -> Body:
        """The shape after it has been pushed off by ``by`` [m]; a dome is lifted evenly all over."""
        grown = self.half[0] + by
        half = (grown, grown, grown) if self.form == "dome" else self.half
        return replace(self, near=self.near + by, half=half)

    def depth(self, points: Floats) -> Floats:
        """Signed distance of (n, 3) points to the surface [m], positive inside the organ."""
        local = (np.asarray(points, dtype=np.float64) - self.centre) @ self.frame.T
        if self.form == "ellipsoid":
            return ellipsoid_depth(local, self.half)
        if self.form == "tube":
            return np.asarray(self.half[0] - np.hypot(local[:, 0], local[:, 2]))
        return np.asarray(np.sqrt((local**2).sum(axis=1)) - self.half[0])

    def shifted(self, points: Floats, by: float) -> Floats:
        """Where points of the surface lie once the shape has been pushed off by ``by`` [m], (n, 3)."""
        if self.form == "dome":
            return np.asarray(self.centre + (points - self.centre) * (1.0 + by / self.half[0]))
        return np.asarray(points + by * np.array(self.side))

    def surface(self, reach: float, slab: float | None = None) -> tuple[Floats, Floats]:
        """Pieces of the surface: their middles (n, 3) [m] and areas (n,) [m2].

        Parameters
        ----------
        reach : float
            Half the length of a tube that is covered [m].
        slab : float, optional
            Thickness of a slab [m]: then only the line in its plane, times the thickness. The side lies in the plane.
        """
        local, area = self._section(reach, slab) if slab is not None else self._whole(reach)
        return local @ self.frame + self.centre, area

    def _whole(self, reach: float) -> tuple[Floats, Floats]:
        a, b, c = self.half
        if self.form == "tube":
            around, step = _tube_pieces(a)
            lengths = _middles(reach, step)
            i, j = (grid.ravel() for grid in np.meshgrid(np.arange(len(lengths)), np.arange(around), indexing="ij"))
            # rows and rings are staggered, so that a plane does not cut off or take in whole rows of pieces
            theta = 2.0 * math.pi * (j + (_GOLDEN * i) % 1.0) / around
            t = lengths[i] + 2.0 * reach / len(lengths) * ((_GOLDEN * j) % 1.0 - 0.5)
            each = 2.0 * reach / len(lengths) * 2.0 * math.pi * a / around
            return np.stack([a * np.cos(theta), t, a * np.sin(theta)], axis=1), np.full(len(t), each)
        n = min(_MOST, math.ceil(4.0 * math.pi * max(a * b, b * c, a * c) / PIECE**2))
        unit = sphere(n)
        # area of the image of a piece of the unit sphere on an ellipsoid
        stretch = a * b * c * np.sqrt(((unit / np.array(self.half)) ** 2).sum(axis=1))
        return unit * np.array(self.half), 4.0 * math.pi / n * stretch

    def _section(self, reach: float, slab: float) -> tuple[Floats, Floats]:
        """As `_whole`, in the plane z = 0, which holds the side and one other axis of the organ."""
        other = 1 if abs(self.frame[1, 2]) < 1e-9 else 2
        a, b = self.half[0], self.half[other]
        if self.form == "tube" and other == 1:
            t = _middles(reach, _tube_pieces(a)[1])
            first, second = (np.concatenate(pair) for pair in ((np.full(len(t), -a), np.full(len(t), a)), (t, t)))
            length = np.full(2 * len(t), 2.0 * reach / len(t))
        else:
            n = math.ceil(2.0 * math.pi * max(a, b) / (0.2 * PIECE))
            angle = 2.0 * math.pi * (np.arange(n) + 0.5) / n
            first, second = a * np.cos(angle), b * np.sin(angle)
            length = 2.0 * math.pi / n * np.hypot(a * np.sin(angle), b * np.cos(angle))
        local = np.zeros((len(first), 3))
        local[:, 0], local[:, other] = first, second
        return local, length * slab


def _tube_pieces(radius: float) -> tuple[int, float]:
    """Pieces around a tube, and their length [m]."""
    step = min(PIECE, radius / 6.0)
    return max(12, math.ceil(2.0 * math.pi * radius / step)), step


def _middles(reach: float, step: float) -> Floats:
    """Middles of even pieces from -reach to reach [m]."""
    n = 2 * math.ceil(reach / step)
    return np.asarray((np.arange(n) + 0.5) * (2.0 * reach / n) - reach)


def first_touch(body: Body, border: Floats, distance: float) -> Body | None:
    """The shape at a distance from a tumour, as it comes to it from its side.

    Parameters
    ----------
    body : Body
        Its ``near`` is not read.
    border : (n, 3) float
        Points of the tumour's border [m].
    distance : float
        From the border to the surface [m], 0 or more.

    Returns
    -------
    Body or None. None where the shape cannot be so far off (a dome smaller than the tumour).
    """

    def gap(near: float) -> float:
        return float(-replace(body, near=near).depth(border).max()) - distance

    support = float((border @ np.array(body.side)).max())
    far = support + distance
    if body.form == "dome":
        far = max(far, body.half[0])  # the ball's middle is that of the tumour: no place is wider
    if gap(far) < -1e-9:
        return None
    step, low = 0.5e-3, far
    while gap(low) >= 0.0:  # from outside: the first touch counts, not a place within the tumour
        far, low = low, low - step
    for _ in range(40):
        middle = 0.5 * (far + low)
        far, low = (middle, low) if gap(middle) >= 0.0 else (far, middle)
    return replace(body, near=far)
