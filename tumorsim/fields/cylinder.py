"""Tissue cylinder around a capillary with Michaelis-Menten consumption: all its states, from rich to anoxic.

    D (1/r) d/dr (r dp/dr) = M p / (p + Km),    dp/dr = 0 at the cylinder's border

This is the equation `reaction_diffusion` solves between sites, here across the cylinder of one capillary; with Km
towards 0 it is that of `krogh`. The states of one cylinder are a family of one parameter, and each is integrated
inwards from where oxygen ends: from the border, with a pressure of more than `_END` of Km there; or, where less is
left, from the circle on which the pressure is just that. At such a pressure consumption is linear in it, and the
slope is p' = -(p / l) tanh((R^2 - r^2) / 2 r l) with l = sqrt(D Km / M): exact near the border, and far from it.

The wall resists (`vessel_walls`): blood is above it by the resistance x what passes, M x solubility x area fed.

Units: pressures mmHg, radii m, D m2/s, M mmHg/s. Areas are in units of the capillary's own, as in `krogh`.
"""

from __future__ import annotations

import math

import numpy as np

from tumorsim._jit import njit
from tumorsim.fields.krogh import end_area

THRESHOLDS = (10.0, 2.5, 0.5)  # mmHg: hypoxic, severely hypoxic, anoxic
# Columns of a state: pressure of blood and of the wall; areas: what is fed (consumption over its most), the integral
# of p, and those above each threshold.
BLOOD, WALL, FED, SUM, ABOVE = 0, 1, 2, 3, 4
COLUMNS = 7
STATES = 128  # most of one cylinder; between them all is read along straight lines
_END = 0.01  # of Km
_STRIDE = 0.3  # of the length over which p changes, and of ln r
_INSIDE = 24  # states whose oxygen ends inside the cylinder
# Pressures at the border, mmHg, and the step above the last of them; just below a threshold its share grows as a root.
_LOW = (0.03, 0.1, 0.2, 0.35, 0.45, 0.49, 0.499, 0.5, 0.8, 1.2, 1.7, 2.1, 2.4, 2.48, 2.5, 3.2, 4.0, 5.0, 6.0, 7.0, 8.0,
        9.0, 9.6, 9.9, 9.99, 10.0, 12.0)  # fmt: skip
_STEP = 2.0


@njit
def _crossing(limit: float, p: float, s: float, p_next: float, s_next: float, h: float) -> float:
    """Part of a step of ``h`` at which the cubic through both its ends, of slopes s, is ``limit``."""
    low, high = 0.0, 1.0
    for _ in range(24):
        t = 0.5 * (low + high)
        u = 1.0 - t
        value = (1.0 + 2.0 * t) * u * u * p + t * t * (1.0 + 2.0 * u) * p_next + t * u * h * (u * s - t * s_next)
        if value < limit:
            low = t
        else:
            high = t
    return 0.5 * (low + high)


@njit
def state(start: float, p: float, s: float, limit: float, quarter: float, half: float, out: np.ndarray) -> None:
    """Fill `WALL`, `FED`, `SUM` and `ABOVE` of the state with p and s = dp / d(ln r) at the area ``start``.

    ``limit`` is the whole cylinder's area, ``quarter`` = M rc^2 / 4 D, ``half`` = Km [mmHg].
    """
    out[:] = 0.0
    area = start
    for k in range(3):
        if p > THRESHOLDS[k]:
            out[ABOVE + k] = limit - 1.0
    strength = 4.0 * quarter  # M rc^2 / D, and with a = (r / rc)^2: ds / d(ln r) = strength a p / (p + Km)
    out[SUM] = -2.0 * half * s / strength  # outside the start, where that is strength a p / Km
    while area > 1.0:
        h = -_STRIDE * min(1.0, math.sqrt((p + half) / (strength * area)))
        if area * math.exp(2.0 * h) < 1.0 + 1e-12:
            h = -0.5 * math.log(area)
        factor = math.exp(h)
        middle, after = area * factor, area * factor * factor
        # Runge and Kutta's fourth order
        k1 = strength * area * p / (p + half)
        p2, s2 = p + 0.5 * h * s, s + 0.5 * h * k1
        k2 = strength * middle * p2 / (p2 + half)
        p3, s3 = p + 0.5 * h * s2, s + 0.5 * h * k2
        k3 = strength * middle * p3 / (p3 + half)
        p4, s4 = p + h * s3, s + h * k3
        k4 = strength * after * p4 / (p4 + half)
        p_next = p + h * (s + 2.0 * s2 + 2.0 * s3 + s4) / 6.0
        s_next = s + h * (k1 + 2.0 * k2 + 2.0 * k3 + k4) / 6.0
        centre = 0.5 * (p + p_next) + h * (s - s_next) / 8.0
        out[SUM] -= 2.0 * h * (area * p + 4.0 * middle * centre + after * p_next) / 6.0  # Simpson, da = 2 a d(ln r)
        for k in range(3):
            if p <= THRESHOLDS[k] < p_next:
                out[ABOVE + k] = area * math.exp(2.0 * h * _crossing(THRESHOLDS[k], p, s, p_next, s_next, h)) - 1.0
        area, p, s = (after if h > -0.5 * math.log(area) else 1.0), p_next, s_next
    out[WALL] = p
    out[FED] = -s / (2.0 * quarter)


@njit
def starts(limit: float, quarter: float, half: float, top: float, out: np.ndarray) -> int:
    """Where the states of a cylinder begin, poorest first: rows (area, p) of ``out``; how many there are.

    ``top`` [mmHg] is the richest blood there is.
    """
    least = min(_END * half, 0.1)
    length = math.sqrt(half / (4.0 * quarter))  # l in radii of the capillary
    count = 0
    for n in range(1, _INSIDE + 1):
        # as deep as oxygen of zero order reaches, and its faint end, in which p grows a thousandfold over 7 l
        part = n / _INSIDE
        deep = math.sqrt(end_area(1.3 * top * part * part / quarter, limit)) + 7.0 * length * part
        # those that end within l / 2 of the border hardly differ from the one that ends at it
        if limit - deep * deep < deep * length:
            break
        out[count, 0], out[count, 1] = deep * deep, least
        count += 1
        if n == _INSIDE:
            return count
    p = least
    k = 0
    while p < top:
        out[count, 0], out[count, 1] = limit, p
        count += 1
        while k < len(_LOW) and _LOW[k] <= p:
            k += 1
        p = _LOW[k] if k < len(_LOW) else p + _STEP
    out[count, 0], out[count, 1] = limit, top
    return count + 1


@njit
def state_of(start: np.ndarray, limit: float, quarter: float, half: float, resistance: float, out: np.ndarray) -> None:
    """Fill ``out`` (COLUMNS,) with the state that begins at ``start`` = (area, p).

    ``resistance`` is the fall of pressure through the wall for a fed area of 1 [mmHg].
    """
    area, p = start
    slope = 0.0
    if area < limit:
        length = math.sqrt(half / (4.0 * quarter))
        radius = math.sqrt(area)
        slope = -p * radius / length * math.tanh((limit - area) / (2.0 * radius * length))
    state(area, p, slope, limit, quarter, half, out)
    out[BLOOD] = out[WALL] + resistance * out[FED]
