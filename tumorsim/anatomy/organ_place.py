"""Where organs lie beside a tumour: what a scenario asks for, and each organ's shape at its distance.

The liver ends at a plane where an organ leaves it: gut and stomach touch its surface, the gallbladder lies in its bed
to a part of its width; beyond is fat. The diaphragm is that surface itself, with the lung behind it. A bile duct runs
within the liver. Sizes are parameters (``organs.*``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy.capsule import sphere
from tumorsim.anatomy.organ_shapes import Body, first_touch
from tumorsim.anatomy.spec import TumourSpec
from tumorsim.errors import InputError
from tumorsim.state import ORGANS

Floats = NDArray[np.float64]

PLACES = ("segmental", "lobar", "common")
SIDES = {
    "+x": (1.0, 0.0, 0.0), "-x": (-1.0, 0.0, 0.0), "+y": (0.0, 1.0, 0.0), "-y": (0.0, -1.0, 0.0),
    "+z": (0.0, 0.0, 1.0), "-z": (0.0, 0.0, -1.0),
}  # fmt: skip
#: where each lies as a rule: gallbladder and colon below, stomach left, diaphragm above, the hilum to the left
USUAL = {"gallbladder": "-z", "bowel": "-z", "stomach": "+x", "diaphragm": "+z", "bile_duct": "+x"}
_BORDER = 4000  # points of an ellipsoid's border: an organ's distance is then known to a few um
_THIN = 2  # of so many pieces of a wall one is looked at for overlap
_TOUCH = 1e-6  # m; organs may touch


def in_words(organ: str) -> str:
    """``bile duct``."""
    return organ.replace("_", " ")


@dataclass(frozen=True)
class OrganSpec:
    """One organ as asked for: ``distance`` [m] from the tumour's border to its wall, on the ``side`` (unit vector).

    ``place`` says where in the tree a bile duct lies, and with that how wide it is.
    """

    organ: str
    distance: float
    side: tuple[float, float, float]
    place: str = PLACES[0]


def unit(direction: Sequence[float]) -> tuple[float, float, float]:
    """A direction of length 1; ValueError where it has none."""
    length = math.sqrt(sum(float(c) ** 2 for c in direction))
    if len(direction) != 3 or not (math.isfinite(length) and length > 0.0):
        raise ValueError("a direction needs three numbers, not all 0")
    x, y, z = (float(c) / length for c in direction)
    return x, y, z


@dataclass(frozen=True, eq=False)
class Placed:
    """One organ in its place.

    ``body`` is its outer shape, ``wall`` the thickness of its wall [m], ``surface`` the distance along its side at
    which the liver ends [m]; None where the organ does not end it.
    """

    spec: OrganSpec
    body: Body
    wall: float
    surface: float | None

    @property
    def name(self) -> str:
        """One of `tumorsim.state.ORGANS`."""
        return self.spec.organ

    @property
    def number(self) -> int:
        """Its row in `tumorsim.state.ORGANS`."""
        return ORGANS.index(self.name)

    def beyond(self, points: Floats) -> NDArray[np.bool_]:
        """Whether (n, 3) points lie past the surface at which this organ ends the liver, (n,)."""
        if self.surface is None:
            return np.zeros(len(points), dtype=bool)
        return np.asarray(points @ np.array(self.spec.side) > self.surface)


def outer_shape(spec: OrganSpec, parameters: Mapping[str, float]) -> Body:
    """The organ's shape, not yet in its place."""
    if spec.organ in ("gallbladder", "stomach"):
        width, length = (parameters[f"organs.{spec.organ}_{what}"] / 2 for what in ("width", "length"))
        return Body("ellipsoid", spec.side, (width, length, width))
    if spec.organ == "diaphragm":
        radius = parameters["organs.diaphragm_radius"]
        return Body("dome", spec.side, (radius, radius, radius))
    name = f"organs.bile_duct_{spec.place}" if spec.organ == "bile_duct" else "organs.bowel_width"
    radius = parameters[name] / 2
    return Body("tube", spec.side, (radius, radius, radius))


def border_of(spec: TumourSpec, sides: Sequence[tuple[float, float, float]]) -> Floats:
    """Points of the border of a sphere or an ellipsoid [m], (n, 3), the farthest along every side among them."""
    half = np.array(spec.semi_axes)
    tips = [half**2 * np.array(side) / np.linalg.norm(half * np.array(side)) for side in sides]
    return np.concatenate([sphere(_BORDER) * half, np.array(tips).reshape(-1, 3)])


def place_organs(
    specs: Sequence[OrganSpec], border: Floats, size: tuple[float, float, float], parameters: Mapping[str, float]
) -> tuple[Placed, ...]:
    """Every organ at its distance.

    Parameters
    ----------
    border : (n, 3) float
        Points of the tumour's border [m].
    size : tuple of 3 floats
        Of the box that is centred on the tumour [m].

    Raises
    ------
    InputError
        ``tissue.organs.N: ...`` for each that would lie in the tumour, that is outside the box, that does not go
        round the tumour, or that overlaps an earlier one.
    """
    problems, placed = [], list[Placed]()
    for index, spec in enumerate(specs):
        said = f"tissue.organs.{index}.{spec.organ}"
        found = None
        if not spec.distance >= 0.0:
            problems.append(
                f"{said}.distance: {1e3 * spec.distance:g} mm would put it inside the tumour: it must be at least 0 mm"
            )
            continue
        found = first_touch(outer_shape(spec, parameters), border, spec.distance)
        if found is None:
            problems.append(
                f"{said}: does not go round this tumour (radius {_mm(outer_shape(spec, parameters).half[0])})"
            )
            continue
        wall = parameters[f"organs.{spec.organ}_wall"]
        here = Placed(spec, found, wall, _surface(spec, found, border, parameters))
        away = np.abs(found.near * np.array(spec.side))
        sides = [k for k in range(3) if away[k] >= size[k] / 2]
        if sides:
            axis = sides[0]
            problems.append(
                f"{said}: its wall lies {_mm(away[axis])} from the middle, outside the box ({_mm(size[axis])} wide). "
                "Use a larger tissue.size, or auto"
            )
            continue
        clash = [other for other in placed if _overlap(here, other, size)]
        if clash:
            problems.append(f"{said}: overlaps the {in_words(clash[0].name)}. Choose another side or distance")
            continue
        placed.append(here)
    if problems:
        raise InputError(problems)
    return tuple(placed)


def reach_of(spec: OrganSpec, tumour: TumourSpec, parameters: Mapping[str, float]) -> float:
    """Half the edge of a box with room for an organ's wall and what lies behind it [m]; tumours as at the start."""
    side = np.array(spec.side)
    half = np.array(tumour.reach)
    support = np.linalg.norm(half * side) if tumour.form is None else half @ np.abs(side)
    room = parameters[f"organs.{spec.organ}_wall"] + parameters["organs.room"]
    return float((support + spec.distance + room) * np.abs(side).max())


def _surface(spec: OrganSpec, body: Body, border: Floats, parameters: Mapping[str, float]) -> float | None:
    """Where along its side the organ ends the liver [m]; no nearer to the tumour than the organ is asked to be."""
    if spec.organ in ("diaphragm", "bile_duct"):
        return None
    bed = 2.0 * body.half[0] * parameters["organs.gallbladder_bed"] if spec.organ == "gallbladder" else 0.0
    return max(body.near + bed, float((border @ np.array(spec.side)).max()) + spec.distance)


def _overlap(one: Placed, other: Placed, size: tuple[float, float, float]) -> bool:
    """Whether two organs share room within the box; a bile duct ends where the liver does, but must begin in it."""
    half = np.array(size) / 2
    for a, b in ((one, other), (other, one)):
        near = (a.body.near * np.array(a.spec.side)).reshape(1, 3)
        if a.name == "bile_duct":
            if bool(b.beyond(near)[0] or b.body.depth(near)[0] > _TOUCH):
                return True
            continue
        points = a.body.surface(float(np.linalg.norm(half)))[0][::_THIN]
        points = points[np.all(np.abs(points) <= half, axis=1)]
        if b.name != "bile_duct" and len(points) and bool((b.body.depth(points) > _TOUCH).any()):
            return True
    return False


def _mm(length: float) -> str:
    return f"{1e3 * length:.4g} mm"
