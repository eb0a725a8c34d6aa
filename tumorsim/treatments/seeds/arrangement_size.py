"""How much is due from the size of a goal alone: the nomographs.

Anderson's (1976, Radiology 119:693; dimension averaging) gives the activity of I-125 for the mean of three diameters;
the Chinese rule of number, after Cevc, gives seeds for the same mean and the activity of one. Below 3 cm both are the
same line of 5 mCi a cm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist, squareform

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.outcomes.outline import border_points
from tumorsim.treatments.seeds.arrangement import BECQUEREL_PER_MCI

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_CM = 1e-2
_EDGE = 3.0  # cm: below it Anderson's law is a straight line


def dimensions(lattice: Lattice, body: Mask) -> tuple[float, float, float]:
    """Length, width and height of a body [m]: its longest diameter, the longest across it, and the extent across both.

    Of the border smoothed between sites where there is one, else (single sites, a body as wide as the box) of the
    sites' own corners. All 0 where the body is empty.
    """
    if not np.any(body):
        return (0.0, 0.0, 0.0)
    points = border_points(lattice, body)[0]
    reach = lattice.centres(np.flatnonzero(body))
    if not len(points) or np.any(np.ptp(points, axis=0) < np.ptp(reach, axis=0)):
        corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
        points = (reach[:, None, :] + corners * lattice.spacing).reshape(-1, 3)
    points = _hull(points)
    length, along = _longest(points)
    flat = points - (points @ along)[:, None] * along
    width, aside = _longest(flat)
    third = np.cross(along, aside)
    return (length, width, float(np.ptp(points @ third)))


def _hull(points: Floats) -> Floats:
    try:
        return np.asarray(points[ConvexHull(points).vertices])
    except (QhullError, ValueError):  # flat
        return points


def _longest(points: Floats) -> tuple[float, Floats]:
    apart = squareform(pdist(points))
    a, b = np.unravel_index(int(apart.argmax()), apart.shape)
    length = float(apart[a, b])
    return length, (points[b] - points[a]) / length


def anderson_activity(diameter: float) -> float:
    """Apparent activity of I-125 [Bq] for a mean diameter [m]: 5 d mCi up to 3 cm, 1.34 d^2.2 beyond (d in cm).

    Raises
    ------
    InputError
        Where the diameter is not positive.
    """
    d = _centimetres(diameter)
    return (5.0 * d if d <= _EDGE else 1.34 * d**2.2) * BECQUEREL_PER_MCI


def cevc_activity(diameter: float) -> float:
    """Apparent activity of I-125 [Bq] for a mean diameter [m]: 5 mCi a cm (number = 5 (L + W + H) / 3 / mCi)."""
    return 5.0 * _centimetres(diameter) * BECQUEREL_PER_MCI


NOMOGRAPHS = {"anderson": anderson_activity, "cevc": cevc_activity}


def nomograph_number(size: tuple[float, float, float], activity: float, nomograph: str = "anderson") -> int:
    """Seeds due for a length, width and height [m], at the activity of one [Bq]: the nearest number, at least 1.

    Raises
    ------
    InputError
        Where the nomograph is not known, a size or the activity not positive.
    """
    problems = []
    if nomograph not in NOMOGRAPHS:
        problems.append(f"seeds.nomograph: '{nomograph}' is not known. Allowed: {', '.join(NOMOGRAPHS)}")
    if not (math.isfinite(activity) and activity > 0.0):
        problems.append(f"seeds: activity must be positive, got {activity / BECQUEREL_PER_MCI} mCi")
    if problems:
        raise InputError(problems)
    return max(1, round(NOMOGRAPHS[nomograph](sum(size) / 3.0) / activity))


def default_activity(parameters: Mapping[str, float]) -> float:
    """Apparent activity of one seed [Bq] by the parameter table."""
    return parameters["seeds.activity"]


def _centimetres(diameter: float) -> float:
    if not (math.isfinite(diameter) and diameter > 0.0):
        raise InputError(f"seeds: the nomograph needs a positive diameter, got {diameter} m")
    return diameter / _CM
