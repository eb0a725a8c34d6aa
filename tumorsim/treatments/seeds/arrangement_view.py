"""A goal seen along a needle: what lies inside it, without the lattice preferring one side, and how deep.

Places are (across, across, depth) in a frame about the middle of the goal. A place on the face of two sites belongs
to both here: a goal that is symmetric then holds the mirror image of every place that it holds.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorsim.lattice import Lattice
from tumorsim.outcomes.outline import crop
from tumorsim.treatments.planning.keep_out import Frame

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]

_TIE = 1e-6  # of a site


class View:
    """A goal in the frame of a direction.

    Parameters
    ----------
    lattice : Lattice
    goal : array of bool, shape (sites,)
        Not empty.
    direction : array, shape (3,)
        Unit vector of travel.

    Attributes
    ----------
    frame : Frame
        About the middle of the goal's box.
    low, high : arrays, shape (3,)
        What the goal reaches over across, across and along [m].
    volume : float
        [m3].
    """

    def __init__(self, lattice: Lattice, goal: Mask, direction: Floats) -> None:
        self.lattice, self.goal = lattice, goal
        sites = np.flatnonzero(goal)
        ijk = lattice.ijk(sites)
        middle = (0.5 * (ijk.min(axis=0) + ijk.max(axis=0) - np.array(lattice.shape) + 1)) * lattice.spacing
        self.frame = Frame.along(direction, middle)
        beside, depth = self.frame.split(lattice.centres(sites))
        places = np.column_stack([beside, depth])
        self.low, self.high = places.min(axis=0) - lattice.spacing, places.max(axis=0) + lattice.spacing
        self.volume = float(len(sites)) * lattice.site_volume

    def points(self, places: Floats) -> Floats:
        """Places (..., 3) in the frame to points [m]."""
        return self.frame.place(places[..., :2], places[..., 2])

    def holds(self, places: Floats) -> Mask:
        """True where a place (n, 3) lies in the goal; on a face, edge or corner, where all sites there do."""
        scaled = self.points(places) / self.lattice.spacing + np.array(self.lattice.shape) / 2.0
        low, high = np.floor(scaled - _TIE).astype(np.int64), np.floor(scaled + _TIE).astype(np.int64)
        found = self._in(low)
        tie = np.flatnonzero(found & (low != high).any(axis=1))
        for corner in range(1, 8):
            if not len(tie):
                break
            other = np.array([(corner >> axis) & 1 for axis in range(3)], dtype=bool)
            found[tie] &= self._in(np.where(other, high[tie], low[tie]))
        return found

    def _in(self, ijk: Ints) -> Mask:
        shape = np.array(self.lattice.shape)
        inside = ((ijk >= 0) & (ijk < shape)).all(axis=1)
        at = np.clip(ijk, 0, shape - 1)
        return np.asarray(inside & self.goal[self.lattice.index(at[:, 0], at[:, 1], at[:, 2])])

    @cached_property
    def _depth(self) -> tuple[Floats, Floats]:
        """Distance of every site of a crop from the border of the goal [m], and the crop's first site."""
        box = crop(self.lattice, self.goal, rim=1)
        grid = np.pad(self.goal.reshape(self.lattice.shape)[box], 1)
        # to the nearest centre outside, less the half site between that and the border
        inner = (ndimage.distance_transform_edt(grid) - 0.5 * grid) * self.lattice.spacing
        return inner, np.array([part.start for part in box], dtype=np.float64) - 1.0

    @property
    def deepest(self) -> float:
        """Largest distance of a place in the goal from its border [m]."""
        return float(self._depth[0].max())

    def depth(self, places: Floats) -> Floats:
        """Distance of places (n, 3) in the goal from its border [m], linear between sites."""
        inner, start = self._depth
        scaled = self.points(places) / self.lattice.spacing + (np.array(self.lattice.shape) - 1) / 2.0 - start
        return np.asarray(ndimage.map_coordinates(inner, scaled.T, order=1, mode="nearest"))


def steps(low: float, high: float, start: float, step: float) -> Floats:
    """Numbers start + k step from low to high, ascending."""
    first = np.ceil((low - start) / step - 1e-9)
    last = np.floor((high - start) / step + 1e-9)
    return np.asarray(start + step * np.arange(first, last + 1.0))


def rows(view: View, across: Floats, depths: Floats) -> Floats:
    """Places of the goal on tracks at ``across`` (k, 2) and at ``depths`` (m,), track by track: (n, 3) [m]."""
    if not len(across) or not len(depths):
        return np.zeros((0, 3))
    grid = np.empty((len(across), len(depths), 3))
    grid[..., :2], grid[..., 2] = across[:, None, :], depths
    flat = grid.reshape(-1, 3)
    return flat[view.holds(flat)]


def squares(view: View, spacing: float, shift: tuple[float, float]) -> Floats:
    """Places across (k, 2) [m] on a square grid about the middle, moved by a part of the spacing each way."""
    x = steps(view.low[0], view.high[0], shift[0] * spacing, spacing)
    y = steps(view.low[1], view.high[1], shift[1] * spacing, spacing)
    return np.array(np.meshgrid(x, y, indexing="ij")).reshape(2, -1).T


def triangles(view: View, spacing: float, shift: tuple[float, float]) -> Floats:
    """Places across (k, 2) [m] at the corners of equilateral triangles, moved by parts of side and row distance."""
    high = spacing * np.sqrt(3.0) / 2.0
    y = steps(view.low[1], view.high[1], shift[1] * high, high)
    found = []
    for row in y:
        odd = round((row - shift[1] * high) / high) % 2
        x = steps(view.low[0], view.high[0], (shift[0] + 0.5 * odd) * spacing, spacing)
        found.append(np.column_stack([x, np.full(len(x), row)]))
    return np.concatenate(found) if found else np.zeros((0, 2))
