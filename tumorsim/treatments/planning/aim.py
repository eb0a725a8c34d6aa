"""From the plan to where needles really come to lie: registration, breathing, and the hand.

Three things part a needle from its plan. The image is out of place against the patient (`Image.shift`); the liver lies
at another level of breath than when the image was taken, for all needles of a session alike; and every needle misses
for itself, across its track, along it, and in its angle. All are keyed to the patient, the treatment's name with its
occurrence and the needle's number, never to time or arm: the same treatment misses in the same way wherever it stands
in a sequence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim.chance import Purpose, entity_of_name, normals
from tumorsim.errors import InputError
from tumorsim.treatments.planning.directions import across
from tumorsim.treatments.planning.needles import Needle, Vector, unit, vector

Floats = NDArray[np.float64]

_MEAN_OF_TWO = math.sqrt(math.pi / 2.0)  # mean length of two standard normal numbers (Rayleigh)
_MEAN_OF_THREE = 2.0 * math.sqrt(2.0 / math.pi)  # of three (Maxwell)
_BREATHING = (2.3, 2.9, 5.3)  # front to back, side to side, head to foot [mm]: the liver's motion with the breath


@dataclass(frozen=True)
class Aimed:
    """Needles where they really lie, and by how much they miss.

    ``needles`` are those of the plan, moved. Of each, ``lateral`` is how far its tip lies beside the planned track,
    ``deeper`` how far beyond the planned depth [m], and ``tilt`` the angle to the planned direction [rad];
    ``breathing`` and ``shift`` are what moved all of them [m].
    """

    needles: tuple[Needle, ...]
    lateral: tuple[float, ...]
    deeper: tuple[float, ...]
    tilt: tuple[float, ...]
    breathing: Vector
    shift: Vector


def carry_out(
    needles: Sequence[Needle],
    parameters: Mapping[str, float],
    *,
    seed: int,
    patient: int,
    treatment: str,
    occurrence: int = 1,
    shift: ArrayLike = (0.0, 0.0, 0.0),
    factor: float = 1.0,
    head: ArrayLike = (0.0, 0.0, 1.0),
    slab: bool = False,
) -> Aimed:
    """Put planned needles into a patient.

    Parameters
    ----------
    needles : sequence of Needle
        As planned.
    parameters : mapping
        Reads ``planning.aim_error``, ``planning.depth_error``, ``planning.breathing`` [m] and
        ``planning.tilt_error`` [rad].
    treatment, occurrence
        Name of the treatment in the study and which of that name it is.
    shift : (3,)
        By how far the image that was planned on is out of place [m]: `Image.shift` of the baseline image where the
        plan stays the same, of today's where it is made anew.
    factor : float
        By which the errors of the hand are larger, as for a tumour out of view; at least 0. Breathing and shift stay.
    head : (3,)
        Towards the head: the breath moves the liver most along it.
    slab : bool
        All in the plane.

    Raises
    ------
    InputError
        Where the factor is negative or not a number.
    """
    if not (math.isfinite(factor) and factor >= 0.0):
        raise InputError(f"aim: the factor of the errors must not be negative, got {factor}")
    who = f"{treatment}#{occurrence}"
    moved = np.asarray(shift, dtype=np.float64)
    breath = _breath(parameters["planning.breathing"], seed, patient, who, head, slab)
    entity = [entity_of_name(f"{who}: needle {n + 1}") for n in range(len(needles))]
    draw = np.zeros((5, len(needles)))
    for index in range(5):
        draw[index] = normals(seed, patient, Purpose.AIM, entity, index=index)
    if slab:
        draw[[1, 3]] = 0.0  # the second vector across a needle in the plane is z
    mean = 1.0 / math.sqrt(2.0 / math.pi) if slab else 1.0 / _MEAN_OF_TWO
    beside = draw[:2] * (factor * parameters["planning.aim_error"] * mean)
    angle = draw[2:4] * (factor * parameters["planning.tilt_error"] * mean)
    deeper = draw[4] * (factor * parameters["planning.depth_error"])
    placed = []
    for n, needle in enumerate(needles):
        along = np.asarray(needle.direction)
        u, v = across(along)
        tip = np.asarray(needle.tip) + moved + breath + beside[0, n] * u + beside[1, n] * v + deeper[n] * along
        tilt = float(np.hypot(*angle[:, n]))
        slope = (angle[0, n] * u + angle[1, n] * v) / tilt if tilt > 0.0 else np.zeros(3)
        placed.append(Needle(vector(tip), vector(unit(math.cos(tilt) * along + math.sin(tilt) * slope)), needle.points))
    return Aimed(
        tuple(placed),
        tuple(float(x) for x in np.hypot(beside[0], beside[1])),
        tuple(float(x) for x in deeper),
        tuple(float(x) for x in np.hypot(angle[0], angle[1])),
        vector(breath),
        vector(moved),
    )


def _breath(mean: float, seed: int, patient: int, who: str, head: ArrayLike, slab: bool) -> Floats:
    """Displacement of the liver at the session [m], (3,): most of it along the body (Radiat Oncol 2016, 11:150)."""
    entity = entity_of_name(f"{who}: breathing")
    z = np.array([normals(seed, patient, Purpose.AIM, [entity], index=axis)[0] for axis in range(3)])
    up = unit(head)
    u, v = across(up)
    size = np.array(_BREATHING) / math.sqrt(sum(part**2 for part in _BREATHING) / 3.0)
    found = mean / _MEAN_OF_THREE * (size[0] * z[0] * u + size[1] * z[1] * v + size[2] * z[2] * up)
    if slab:
        found[2] = 0.0
    return np.asarray(found)
