"""Krogh tissue cylinder with zero-order consumption and a moving anoxic boundary.

One capillary of radius ``rc`` feeds the tissue around it out to ``end``:

    p(r) = p_wall + M (r^2 - rc^2) / 4 D - (M end^2 / 2 D) ln(r / rc)        (Krogh 1919, Erlang)

``end`` is the cylinder's own radius where oxygen reaches it (no flux between neighbours). Where the formula
would turn negative, ``end`` is the anoxic radius instead, at which p and dp/dr both vanish; beyond it p = 0
and nothing is consumed. So no pressure is ever negative.

With A = (r / rc)^2 and drive = 4 D p_wall / (M rc^2) everything is a function of areas: the anoxic boundary
solves drive + A - 1 - A ln A = 0, and the contour of a pressure solves the same with A ln E in place of
A ln A. Both roots are found by Newton steps that approach from one side and cannot overshoot.

Units: pressures mmHg, radii m, diffusivity D m2/s, consumption M mmHg/s.
"""

from __future__ import annotations

import math

from tumorsim._jit import njit

_STEPS = 100  # a bound only: double roots halve their error each step, all others are quadratic
_TIGHT = 1e-13


@njit
def end_area(drive: float, limit: float) -> float:
    """Area ratio (end / rc)^2 out to which oxygen reaches; ``limit`` is that of the whole cylinder."""
    if drive <= 0.0:
        return 1.0
    if drive + limit - 1.0 - limit * math.log(limit) >= 0.0:
        return limit
    area = limit  # the function is concave and falls: from the right Newton comes down to the root
    for _ in range(_STEPS):
        slope = math.log(area)
        step = (drive + area - 1.0 - area * slope) / slope
        if step >= -_TIGHT * area:
            break
        area += step
    return area


@njit
def contour_area(drive: float, end: float) -> float:
    """Area ratio at which the pressure is a threshold; ``drive`` is that of p_wall minus the threshold."""
    if drive <= 0.0:
        return 1.0
    if drive + end - 1.0 - end * math.log(end) >= 0.0:
        return end
    log_area = 0.0  # convex and falling in the logarithm: from the left Newton comes up to the root
    area = 1.0
    for _ in range(_STEPS):
        step = (drive + area - 1.0 - end * log_area) / (end - area)
        if step <= _TIGHT * (1.0 + log_area):
            break
        log_area += step
        area = math.exp(log_area)
        if area >= end:
            return end
    return area


@njit
def mean_area_pressure(wall: float, quarter: float, end: float, limit: float) -> float:
    """Mean pressure [mmHg] over the annulus; ``quarter`` = M rc^2 / 4 D [mmHg], areas as above."""
    reached = end - 1.0
    integral = wall * reached + quarter * (0.5 * reached * reached - end * (end * math.log(end) - reached))
    return max(0.0, integral) / (limit - 1.0)


def _drive(pressure: float, consumption: float, diffusivity: float, capillary: float) -> float:
    return 4.0 * diffusivity * pressure / (consumption * capillary * capillary)


def end_radius(
    wall: float, consumption: float, diffusivity: float, capillary: float, cylinder: float = math.inf
) -> float:
    """Radius [m] out to which oxygen reaches: the cylinder's, or the anoxic boundary's if that is smaller.

    With the default infinite cylinder this is the critical radius, at which p just reaches 0.
    """
    drive = _drive(wall, consumption, diffusivity, capillary)
    limit = (cylinder / capillary) ** 2 if math.isfinite(cylinder) else max(8.0, 4.0 * drive)
    return capillary * math.sqrt(end_area(drive, limit))


def pressure(r: float, wall: float, consumption: float, diffusivity: float, capillary: float, cylinder: float) -> float:
    """Oxygen pressure [mmHg] at distance ``r`` [m] from the capillary's axis; 0 in anoxic tissue."""
    end = end_radius(wall, consumption, diffusivity, capillary, cylinder)
    if r >= end and end < cylinder:
        return 0.0
    ratio = consumption / (4.0 * diffusivity)
    return wall + ratio * (r * r - capillary * capillary) - 2.0 * ratio * end * end * math.log(r / capillary)


def share_below(
    threshold: float,
    wall: float,
    consumption: float,
    diffusivity: float,
    capillary: float,
    cylinder: float,
) -> float:
    """Share [-] of the tissue (annulus) whose pressure lies below ``threshold`` > 0 [mmHg]."""
    limit = (cylinder / capillary) ** 2
    end = end_area(_drive(wall, consumption, diffusivity, capillary), limit)
    contour = contour_area(_drive(wall - threshold, consumption, diffusivity, capillary), end)
    return float((limit - contour) / (limit - 1.0))


def mean_pressure(wall: float, consumption: float, diffusivity: float, capillary: float, cylinder: float) -> float:
    """Mean oxygen pressure [mmHg] of the tissue (annulus)."""
    limit = (cylinder / capillary) ** 2
    end = end_area(_drive(wall, consumption, diffusivity, capillary), limit)
    quarter = consumption * capillary * capillary / (4.0 * diffusivity)
    return float(mean_area_pressure(wall, quarter, end, limit))
