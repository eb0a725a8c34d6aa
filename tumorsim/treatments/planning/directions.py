"""Directions from which a needle may come: a fan about the way straight in from the body's surface."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim.treatments.planning.needles import unit

Floats = NDArray[np.float64]

_SPOKES = 6  # directions on each of the two rings of a fan


def fan(surface: ArrayLike, parameters: Mapping[str, float], slab: bool = False) -> Floats:
    """Unit vectors of travel of a needle that comes from the body's surface, (13, 3); in a slab (5, 3).

    Parameters
    ----------
    surface : (3,)
        Outward direction to the nearest skin.
    parameters : mapping
        Reads ``planning.fan`` [rad]: the steepest slant against the straight way.
    slab : bool
        Only directions in the plane.

    The straight way first, then one ring at half of the slant and one at all of it, in a fixed order: of plans that
    are equal the straighter is taken.
    """
    straight = -unit(surface)
    slant = parameters["planning.fan"]
    u, v = across(straight)
    if slab:
        u = unit(np.cross(straight, (0.0, 0.0, 1.0)))
        turns = [0.0, 0.5 * slant, -0.5 * slant, slant, -slant]
        return np.array([math.cos(t) * straight + math.sin(t) * u for t in turns])
    found = [straight]
    for tilt in (0.5 * slant, slant):
        for n in range(_SPOKES):
            turn = 2.0 * math.pi * n / _SPOKES
            aside = math.cos(turn) * u + math.sin(turn) * v
            found.append(math.cos(tilt) * straight + math.sin(tilt) * aside)
    return np.array(found)


def across(direction: Floats) -> tuple[Floats, Floats]:
    """Two unit vectors (3,) across a direction and each other; for one in the plane the second is z."""
    other = np.zeros(3)
    other[2 if abs(direction[2]) < 0.9 else 0] = 1.0
    first = unit(np.cross(other, direction))
    return first, np.cross(direction, first)
