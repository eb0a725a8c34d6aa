"""Organs beside the tumour on the lattice: their sites, the distance to their walls, and the walls' area.

What is organ, or lies beyond the liver's surface, is no tissue of the liver (compartment 255): no cell enters it, no
vessel ends in it, and nothing in it needs blood. Walls are pieces of surface with an area of their own, so that an
area does not depend on the spacing; a piece keeps its number when the organ is pushed off by fluid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy.organ_place import OrganSpec, Placed, in_words, place_organs
from tumorsim.anatomy.organ_shapes import Body
from tumorsim.lattice import Lattice
from tumorsim.state import FLUIDS, ORGANS

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: codes of sites: wall of an organ, what it holds, fat beyond the liver, fluid that was brought in
TISSUE, WALL, CONTENT, BEYOND, SALINE, DEXTROSE = 0, 1, 1 + len(ORGANS), 1 + 2 * len(ORGANS), 12, 13
_HELD = {
    "gallbladder": "bile in the gallbladder", "bowel": "inside of the bowel", "stomach": "inside of the stomach",
    "diaphragm": "lung", "bile_duct": "bile in the bile duct",
}  # fmt: skip
CODE_NAMES = (
    "liver",
    *(f"wall of the {in_words(name)}" if name != "diaphragm" else name for name in ORGANS),
    *(_HELD[name] for name in ORGANS),
    "outside the liver",
    "saline",
    "dextrose",
)
DRY: Floats = np.zeros((len(ORGANS), len(FLUIDS)))  # no fluid anywhere
_ASCITES, _PLEURA = slice(0, 2), slice(2, 4)  # columns of FLUIDS
_BLOCK = 1 << 18


@dataclass(frozen=True, eq=False)
class Walls:
    """Pieces of walls where they are now.

    Attributes
    ----------
    points : array, shape (n, 3)
        Their middles [m].
    area : array, shape (n,)
        [m2].
    organ : array of uint8, shape (n,)
        Row in `tumorsim.state.ORGANS`.
    """

    points: Floats
    area: Floats
    organ: NDArray[np.uint8]


NO_WALLS = Walls(np.zeros((0, 3)), np.zeros(0), np.zeros(0, dtype=np.uint8))


@dataclass(frozen=True, eq=False)
class Organs:
    """The organs of one patient, which may be none.

    ``fluid`` of every method is the thickness of the layers now [m], (organs, 4) by `tumorsim.state.FLUIDS`
    (`tumorsim.anatomy.fluid.fluid_now`); left out: none.
    """

    lattice: Lattice
    each: tuple[Placed, ...] = ()
    tumour: Mask | None = None
    """Sites that are tumour whatever lies beside it, bool [site]."""
    outside: Mask | None = None
    """Sites that an image shows outside the liver, bool [site]; None: none."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of `tumorsim.state.ORGANS`, in the order asked for."""
        return tuple(organ.name for organ in self.each)

    def named(self, name: str) -> Placed:
        """One organ; KeyError where it is not there."""
        for organ in self.each:
            if organ.name == name:
                return organ
        raise KeyError(f"no {in_words(name)} here; there are: {', '.join(self.names) or 'none'}")

    @cached_property
    def site(self) -> NDArray[np.uint8]:
        """Code of every site before any fluid, uint8 [site]; TISSUE is liver and tumour."""
        if not self.each and self.outside is None:
            return np.zeros(self.lattice.n_sites, dtype=np.uint8)
        return self._codes(np.arange(self.lattice.n_sites), DRY)

    def codes(self, fluid: Floats | None = None) -> NDArray[np.uint8]:
        """Code of every site now, uint8 [site] (`CODE_NAMES`): organs pushed off, fluid in their place.

        A layer lies round its organ, in what is not liver; that of the pleura lies behind the diaphragm.
        """
        if fluid is None or not fluid.any():
            return self.site
        found = self.site.copy()
        loose = np.flatnonzero(found != TISSUE)  # liver and tumour stay where they are
        found[loose] = self._codes(loose, fluid)
        return found

    def bodies(self, fluid: Floats | None = None) -> dict[str, Mask]:
        """Sites of every organ now, wall and what it holds, as organs are contoured: bool [site] each."""
        if not self.each:
            return {}
        code = self.codes(fluid)
        rows = {name: ORGANS.index(name) for name in self.names}
        return {name: (code == WALL + row) | (code == CONTENT + row) for name, row in rows.items()}

    def walls(self, fluid: Floats | None = None) -> Walls:
        """All pieces of walls within the box, in an order that never changes."""
        if fluid is None or not fluid[:, _ASCITES].any():
            return self._walls
        points = self._walls.points.copy()
        for organ in self.each:
            own = self._walls.organ == organ.number
            points[own] = organ.body.shifted(points[own], _pushed(organ, fluid))
        return Walls(points, self._walls.area, self._walls.organ)

    def distance(self, name: str, fluid: Floats | None = None) -> NDArray[np.float32]:
        """Signed distance of every site to the outer surface of an organ's wall [m], float32 [site].

        Above 0 outside the organ, on the liver's side.
        """
        organ = self.named(name)
        body = organ.body.moved(_pushed(organ, DRY if fluid is None else fluid))
        found = np.empty(self.lattice.n_sites, dtype=np.float32)
        for start in range(0, len(found), _BLOCK):
            sites = np.arange(start, min(start + _BLOCK, len(found)))
            found[sites] = -body.depth(self.lattice.centres(sites))
        return found

    def wall_area(self, name: str | None = None, fluid: Floats | None = None) -> NDArray[np.float32]:
        """Area of wall in every site [m2], float32 [site]: of one organ, or of all.

        The sum is the wall's area in the box; what fluid has pushed out of the box is left out.
        """
        walls = self.walls(fluid)
        own = np.ones(len(walls.area), dtype=bool) if name is None else walls.organ == self.named(name).number
        at = self.lattice.locate(walls.points[own])
        area = np.bincount(at[at >= 0], walls.area[own][at >= 0], minlength=self.lattice.n_sites)
        return area.astype(np.float32)

    @cached_property
    def _walls(self) -> Walls:
        half = np.array(self.lattice.size) / 2
        slab = self.lattice.spacing if self.lattice.is_slab else None
        points, area, number = [NO_WALLS.points], [NO_WALLS.area], [NO_WALLS.organ]
        for organ in self.each:
            at, each = organ.body.surface(float(np.linalg.norm(half)), slab)
            inside = np.all(np.abs(at) <= half, axis=1)
            if organ.name == "bile_duct":  # a duct is looked at as far as it runs in the liver
                for other in (o for o in self.each if o is not organ):
                    inside &= ~(other.beyond(at) | (other.body.depth(at) > 0.0))
            points.append(at[inside])
            area.append(each[inside])
            number.append(np.full(int(inside.sum()), organ.number, dtype=np.uint8))
        return Walls(np.concatenate(points), np.concatenate(area), np.concatenate(number))

    def _codes(self, sites: NDArray[np.int64], fluid: Floats) -> NDArray[np.uint8]:
        found = np.zeros(len(sites), dtype=np.uint8)
        for start in range(0, len(sites), _BLOCK):
            block = slice(start, start + _BLOCK)
            bare = None if self.outside is None else self.outside[sites[block]]
            found[block] = self._codes_at(self.lattice.centres(sites[block]), bare, fluid)
        if self.tumour is not None:  # the site that a border cuts is the tumour's
            found[self.tumour[sites]] = TISSUE
        return found

    def _codes_at(self, points: Floats, outside: Mask | None, fluid: Floats) -> NDArray[np.uint8]:
        found = np.zeros(len(points), dtype=np.uint8)
        if outside is not None:
            found[outside] = BEYOND
        layer = np.zeros(len(points), dtype=np.uint8)
        for organ in self.each:
            # the liver ends where it did; what fluid has set free is outside it too
            found[organ.beyond(points)] = BEYOND
            if organ.name != "bile_duct":
                found[_depth_near(organ.body, points, 0.0) > 0.0] = BEYOND
        for organ in self.each:
            pushed, own = _pushed(organ, fluid), fluid[organ.number]
            depth = _depth_near(organ.body.moved(pushed), points, pushed)
            free = found == (TISSUE if organ.name == "bile_duct" else BEYOND)
            found[free & (depth > 0.0)] = WALL + organ.number
            thick = max(organ.wall, self.lattice.spacing)  # a wall thinner than a site has no gaps
            found[free & (depth > thick)] = CONTENT + organ.number
            layer[(depth <= 0.0) & (depth > -pushed)] = _fluid_code(own[_ASCITES])
            behind = (found == CONTENT + organ.number) & (depth <= thick + own[_PLEURA].sum())
            found[behind] = _fluid_code(own[_PLEURA])
        wet = (found == BEYOND) & (layer > 0)
        found[wet] = layer[wet]
        return found


def _depth_near(body: Body, points: Floats, margin: float) -> Floats:
    """`Body.depth`, exact within ``margin`` [m] of an ellipsoid and inside it; -inf farther off."""
    if body.form != "ellipsoid":
        return body.depth(points)
    local = np.abs((points - body.centre) @ body.frame.T)
    near = np.flatnonzero(np.all(local <= np.array(body.half) + margin, axis=1))
    depth = np.full(len(points), -np.inf)
    depth[near] = body.depth(points[near])
    return depth


def _pushed(organ: Placed, fluid: Floats) -> float:
    """By how far fluid between liver and organ has pushed it off [m]."""
    return float(fluid[organ.number, _ASCITES].sum())


def _fluid_code(columns: Floats) -> int:
    """Saline or dextrose, whichever there is more of."""
    return SALINE if columns[0] >= columns[1] else DEXTROSE


def make_organs(
    lattice: Lattice,
    specs: Sequence[OrganSpec],
    tumour: Mask,
    border: Floats,
    parameters: Mapping[str, float],
    outside: Mask | None = None,
) -> Organs:
    """Put organs beside a tumour on a lattice; errors as `place_organs`.

    Parameters
    ----------
    tumour : array of bool, shape (n_sites,)
    border : (n, 3) float
        Points of its border [m].
    outside : array of bool, shape (n_sites,), optional
        What an image shows outside the liver.
    """
    return Organs(lattice, place_organs(specs, border, lattice.size, parameters), tumour, outside)
