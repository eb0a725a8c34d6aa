"""How far an examination is out of place: the error of laying it over a patient, or over an earlier examination."""

from __future__ import annotations

import math

import numpy as np

from tumorsim.chance import Purpose, entity_of_name, normals

_MEAN_OF_THREE = 2.0 * math.sqrt(2.0 / math.pi)  # mean length of three standard normal numbers (Maxwell)
_MEAN_OF_TWO = math.sqrt(math.pi / 2.0)


def registration_shift(
    seed: int, patient: int, examination: str, error: float, slab: bool = False
) -> tuple[float, float, float]:
    """Shift of an examination [m]: what it shows at a place lies there less the shift.

    Rigid and in a direction without preference, with ``error`` [m] as its mean length; keyed to the
    examination's name, so that arms of a study share it. In a slab it lies in the plane.
    """
    entity = entity_of_name(f"examination: {examination}")
    z = np.array([normals(seed, patient, Purpose.REGISTRATION, [entity], index=axis)[0] for axis in range(3)])
    z *= error / (_MEAN_OF_TWO if slab else _MEAN_OF_THREE)
    return (float(z[0]), float(z[1]), 0.0 if slab else float(z[2]))
