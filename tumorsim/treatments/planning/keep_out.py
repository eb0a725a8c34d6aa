"""Where needles and their zones must not be: organs, big vessels, and outside the box; places on a track.

All that is asked of a track is answered on a grid of depths along it: may the centre of a zone lie here?
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.treatments.planning.directions import across
from tumorsim.treatments.planning.zones import Zone
from tumorsim.vessels.graph import VesselGraph
from tumorsim.vessels.near import wall_distance

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_BLOCK = 1 << 18  # distances worked out at once
_LAYERS = 2  # of sites: a zone that reaches into an organ holds some of its outermost sites


@dataclass(frozen=True, eq=False)
class KeepOut:
    """What a plan keeps clear of.

    Parameters
    ----------
    organ_distance : array, shape (sites,), optional
        Distance to the nearest wall of an organ [m], negative inside; None: no organ near.
    vessel_distance : array, shape (sites,), optional
        Distance to the nearest wall of a big vessel [m], negative inside (`big_vessels`); None: none.
    organ_clearance : float
        Least distance from an organ of every site of a planned zone [m].
    needle_clearance : float
        Least distance of every site that a needle cuts from an organ or a big vessel [m]; one site more is kept.
    """

    organ_distance: Floats | None = None
    vessel_distance: Floats | None = None
    organ_clearance: float = 0.0
    needle_clearance: float = 0.0

    def __post_init__(self) -> None:
        problems = [
            f"keep out: {name} must not be negative, got {value} m"
            for name, value in (
                ("organ clearance", self.organ_clearance),
                ("needle clearance", self.needle_clearance),
            )
            if not (np.isfinite(value) and value >= 0.0)
        ]
        if problems:
            raise InputError(problems)

    @classmethod
    def of(
        cls,
        parameters: Mapping[str, float],
        organ_distance: Floats | None = None,
        vessel_distance: Floats | None = None,
    ) -> KeepOut:
        """With the clearances of the parameter table."""
        return cls(
            organ_distance,
            vessel_distance,
            parameters["planning.organ_clearance"],
            parameters["planning.needle_clearance"],
        )

    def without(self, what: str) -> KeepOut:
        """The same without its ``organ`` or ``vessel`` part."""
        return replace(self, organ_distance=None) if what == "organ" else replace(self, vessel_distance=None)

    def too_near(self, lattice: Lattice) -> Mask:
        """Sites that no planned zone may hold, (sites,)."""
        if self.organ_distance is None:
            return np.zeros(lattice.n_sites, dtype=bool)
        return np.asarray(self.organ_distance < self.organ_clearance)


def big_vessels(lattice: Lattice, graph: VesselGraph, parameters: Mapping[str, float]) -> Floats | None:
    """Distance of every site from the wall of the nearest big vessel [m], negative inside, (sites,); None: none.

    Big is what is at least ``planning.big_vessel`` wide [m]; images show vessels from 1 mm, so these are seen.
    """
    big = np.flatnonzero(2.0 * graph.radius >= parameters["planning.big_vessel"] - 1e-12)
    if not len(big):
        return None
    return wall_distance(lattice, graph, big)


@dataclass(frozen=True, eq=False)
class Frame:
    """A direction of travel with the plane across it, seen from a point.

    ``axes`` (3, 3) are two unit vectors across, then the direction; ``origin`` (3,) [m] is where all are 0.
    """

    axes: Floats
    origin: Floats

    @classmethod
    def along(cls, direction: Floats, origin: ArrayLike) -> Frame:
        """The frame of a direction (unit vector, (3,)) about a point [m]."""
        return cls(np.stack([*across(direction), direction]), np.asarray(origin, dtype=np.float64))

    def split(self, points: Floats) -> tuple[Floats, Floats]:
        """Places across (n, 2) and depths along the direction (n,), both [m]."""
        # to 1e-11 m: what is the same about two places must not differ by how their numbers are rounded
        turned = np.round((points - self.origin) @ self.axes.T, 11)
        return turned[:, :2], turned[:, 2]

    def place(self, beside: ArrayLike, depth: ArrayLike) -> Floats:
        """Points [m] from places across (..., 2) and depths (...)."""
        beside = np.asarray(beside)
        depth = np.asarray(depth)
        moved = beside[..., :1] * self.axes[0] + beside[..., 1:] * self.axes[1]
        return self.origin + moved + depth[..., None] * self.axes[2]


class Ground:
    """The box with what must be kept clear of, asked track by track.

    Parameters
    ----------
    lattice : Lattice
    keep_out : KeepOut
    """

    def __init__(self, lattice: Lattice, keep_out: KeepOut) -> None:
        for name in ("organ_distance", "vessel_distance"):
            found = getattr(keep_out, name)
            if found is not None and np.shape(found) != (lattice.n_sites,):
                raise InputError(f"keep out: {name} has shape {np.shape(found)}, not ({lattice.n_sites},)")
        self.lattice, self.keep_out = lattice, keep_out
        self.half = 0.5 * np.array(lattice.size)
        self._shell: Floats | None = None
        self._trees: dict[tuple[bytes, float, float], cKDTree] = {}

    def rails(self, frame: Frame, beside: Floats, depths: Floats, zone: Zone) -> Mask:
        """Depths at which the centre of a zone may lie on each track, (tracks, depths).

        Parameters
        ----------
        beside : array, shape (tracks, 2)
            Places of the tracks across the direction [m].
        depths : array, shape (depths,)
            Evenly spaced, ascending [m].
        """
        centres = frame.place(beside[:, None, :], depths[None, :])
        tips = frame.place(beside[:, None, :], depths[None, :] + zone.offset)
        free = self._in_box(centres) & self._in_box(tips)
        limit = self._deepest(frame, beside)
        free &= depths[None, :] + zone.offset < limit[:, None]
        if self.keep_out.organ_distance is not None:
            free &= self._zone_clear(frame, centres, zone, free)
        return free

    def _in_box(self, points: Floats) -> Mask:
        return np.asarray((np.abs(points) < self.half).all(axis=-1))

    def _deepest(self, frame: Frame, beside: Floats) -> Floats:
        """Depth from which on a tip is in, or behind, what a needle must not cross [m], (tracks,)."""
        limit = np.full(len(beside), np.inf)
        walls = [w for w in (self.keep_out.organ_distance, self.keep_out.vessel_distance) if w is not None]
        if not walls:
            return limit
        far = float(np.sqrt((self.half**2).sum())) + float(np.sqrt((frame.origin**2).sum()))
        depths = np.arange(-far, far, 0.25 * self.lattice.spacing)
        rows = max(1, _BLOCK // len(depths))
        for start in range(0, len(beside), rows):
            some = slice(start, start + rows)
            site = self.lattice.locate(frame.place(beside[some, None, :], depths[None, :]))
            shut = np.zeros(site.shape, dtype=bool)
            for wall in walls:
                # a site cut between two samples shares a face with one of theirs: it is no more than a site nearer
                shut |= (wall[site] < self.keep_out.needle_clearance + self.lattice.spacing) & (site >= 0)
            first = shut.argmax(axis=1)
            limit[some] = np.where(shut.any(axis=1), depths[first], np.inf)
        return limit

    def _zone_clear(self, frame: Frame, centres: Floats, zone: Zone, asked: Mask) -> Mask:
        distance, clearance = self.keep_out.organ_distance, self.keep_out.organ_clearance
        assert distance is not None
        a, b = 0.5 * zone.short_axis, 0.5 * zone.long_axis
        wide = max(a, b) + self.lattice.spacing
        site = self.lattice.locate(centres)
        at = distance[np.maximum(site, 0)]
        clear = asked & (at >= clearance)
        unsure = clear & (at < clearance + wide)
        if unsure.any():
            shell = self._outermost()
            scale = np.array([1.0 / a, 1.0 / a, 1.0 / b])
            key = (frame.axes.tobytes(), a, b)
            if key not in self._trees:
                self._trees[key] = cKDTree((shell @ frame.axes.T) * scale)
            near = self._trees[key].query((centres[unsure] @ frame.axes.T) * scale, distance_upper_bound=1.0 + 1e-9)[0]
            clear[unsure] = ~np.isfinite(near)
        return clear

    def _outermost(self) -> Floats:
        """Centres of the outer layers of what no zone may hold [m], (n, 3)."""
        if self._shell is None:
            shut = self.keep_out.too_near(self.lattice).reshape(self.lattice.shape)
            deep = ndimage.binary_erosion(shut, iterations=_LAYERS, border_value=1)
            self._shell = self.lattice.centres(np.flatnonzero((shut & ~deep).reshape(-1)))
        return self._shell
