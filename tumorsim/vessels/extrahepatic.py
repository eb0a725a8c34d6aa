"""Arteries from outside the liver that feed a tumour: which one, from which side, and how often.

A tumour that touches the liver's surface can be reached by arteries of what it touches: from the dome and
the bare area by the right inferior phrenic artery, in front and below by the omentum. A deep tumour is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tumorsim.anatomy.spec import PLACES
from tumorsim.chance import Purpose, uniforms
from tumorsim.errors import InputError, nearest

BY_SIZE_AND_PLACE = "by size and place"
PARASITES = ("phrenic", "omental")
SUPPLY = (BY_SIZE_AND_PLACE, "none", *PARASITES)
ARTERY_OF = {"dome": "phrenic", "bare area": "phrenic", "anterior-inferior": "omental"}
# where the artery comes from; +x left, +y back, +z head
SIDE_OF = {
    "dome": (0.0, 0.0, 1.0),
    "bare area": (0.0, 0.5**0.5, 0.5**0.5),
    "anterior-inferior": (0.0, -(0.5**0.5), -(0.5**0.5)),
}
# the side of an artery that the scenario names for a tumour at a place that has not got it
SIDE_OF_ARTERY = {"phrenic": SIDE_OF["dome"], "omental": SIDE_OF["anterior-inferior"]}
SIZES = range(1, 6)  # of the table of chances by size


@dataclass(frozen=True)
class Parasitic:
    """An artery from outside the liver that can reach the tumour.

    Attributes
    ----------
    name : str
        ``phrenic`` or ``omental``.
    side : tuple of 3 floats
        Unit vector from the tumour to where the artery comes from.
    recruited : bool
        It feeds the tumour before any treatment. Otherwise it is dormant: there, and closed.
    """

    name: str
    side: tuple[float, float, float]
    recruited: bool


def surface_share(diameter: float, parameters: Mapping[str, float]) -> float:
    """Share of tumours of a diameter [m] that touch the liver's surface, 0 to 1.

    For centres spread evenly over a sphere of diameter D with the liver's volume, and a tumour that touches
    the surface where its centre lies within half its diameter of it: ``1 - (1 - d / D)^3``. Pure geometry.
    """
    liver = (6.0 / np.pi * parameters["vessels.liver_volume"]) ** (1.0 / 3.0)
    return float(1.0 - max(0.0, 1.0 - diameter / liver) ** 3)


def chance_by_size(diameter: float, parameters: Mapping[str, float]) -> float:
    """Share of tumours of a diameter [m], at whatever place, that have extrahepatic supply (Zhao 2015).

    A step for each row of the table; 0 below its first size, 2 cm, which the table does not have.
    """
    chance = 0.0
    for i in SIZES:
        if diameter >= parameters[f"vessels.parasite_size_{i}"]:
            chance = parameters[f"vessels.parasite_chance_{i}"]
    return chance


def chance_at(place: str, diameter: float, parameters: Mapping[str, float]) -> float:
    """Chance of extrahepatic supply at presentation for a tumour of a diameter [m] at a place.

    Only tumours that touch the surface can have it: ``min(1, P(d) / s(d))`` there, with P of
    `chance_by_size` and s of `surface_share`, and 0 for a deep tumour. So over all places, in the shares of
    that geometry, the mean at every diameter is P(d). Within a row of the table, where P does not change,
    the chance at a surface place falls with size, as more tumours touch the surface.

    Raises
    ------
    InputError
        For an unknown place.
    """
    _known("tissue.tumour.place", place, PLACES)
    if place not in ARTERY_OF:
        return 0.0
    return min(1.0, chance_by_size(diameter, parameters) / surface_share(diameter, parameters))


def parasitic(
    supply: str, place: str, diameter: float, seed: int, patient: int, parameters: Mapping[str, float]
) -> Parasitic | None:
    """The artery from outside the liver that a patient's tumour has, or None.

    Parameters
    ----------
    supply : str
        ``by size and place``: at a surface place the artery is there, and is recruited before any treatment
        with the chance of `chance_at`, drawn by key; none for a deep tumour. ``none``: no such artery, not
        later either. ``phrenic`` or ``omental``: this one, recruited, wherever the tumour lies.
    place : str
        As `tumorsim.anatomy.TumourSpec`.
    diameter : float
        Longest diameter of the tumour [m].

    Raises
    ------
    InputError
        For an unknown supply or place.
    """
    _known("vessels.extrahepatic", supply, SUPPLY)
    chance = chance_at(place, diameter, parameters)
    own = ARTERY_OF.get(place)
    if supply in PARASITES:
        return Parasitic(supply, SIDE_OF[place] if own == supply else SIDE_OF_ARTERY[supply], True)
    if supply == "none" or own is None:
        return None
    u = float(uniforms(seed, patient, Purpose.PARASITE, np.zeros(1, dtype=np.int64))[0])
    return Parasitic(own, SIDE_OF[place], u < chance)


def _known(key: str, word: str, allowed: tuple[str, ...]) -> None:
    if word not in allowed:
        raise InputError(f"{key}: {word!r} is not known.{nearest(word, allowed)} Allowed: {', '.join(allowed)}")
