"""Apparent viscosity of blood in vessels, and the closed forms of flow in one vessel and in Murray trees.

Pries, Neuhaus and Gaehtgens 1992 (Am J Physiol 263:H1770) in glass tubes, "in vitro"; Pries, Secomb,
Gessner, Sperandio, Gross and Gaehtgens 1994 (Circ Res 75:904) in living vessels, "in vivo".
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim.errors import InputError

Law = Literal["in vivo", "in vitro"]

CELL_VOLUME = 92e-18  # m3, human red cell, for which both laws were fitted
PLASMA_VISCOSITY = 1.2e-3  # Pa s
SMALLEST = 1.1  # um; the in vivo law has its pole here, and no red cell passes


def relative_viscosity(diameter: ArrayLike, haematocrit: ArrayLike, law: Law = "in vivo") -> NDArray[np.float64]:
    """Apparent viscosity of human blood over that of plasma [-].

    Parameters
    ----------
    diameter : array
        Inner diameter [um] (the unit of the published fit).
    haematocrit : array
        Discharge haematocrit [-], in [0, 1).
    law : "in vivo" or "in vitro"
        Pries 1994 or Pries 1992.

    Raises
    ------
    InputError
        For a haematocrit outside [0, 1), a diameter of 1.1 um or less, or an unknown law.
    """
    d, h = np.asarray(diameter, dtype=np.float64), np.asarray(haematocrit, dtype=np.float64)
    if not np.all(d > SMALLEST):
        raise InputError(
            f"viscosity: diameter {np.min(d):.4g} um (scaled to human red cells) is not above {SMALLEST} um"
        )
    if not np.all((h >= 0.0) & (h < 1.0)):
        raise InputError("viscosity: the haematocrit is not a number from 0 to below 1")
    large = 3.2 - 2.44 * np.exp(-0.06 * d**0.645)
    if law == "in vivo":
        mu45 = 6.0 * np.exp(-0.085 * d) + large
        wall = (d / (d - SMALLEST)) ** 2
    elif law == "in vitro":
        mu45 = 220.0 * np.exp(-1.3 * d) + large
        wall = np.ones_like(d)
    else:
        raise InputError(f"viscosity: unknown law '{law}'. Allowed: 'in vivo', 'in vitro'")
    tail = 1.0 / (1.0 + 1e-11 * d**12)
    c = (0.8 + np.exp(-0.075 * d)) * (tail - 1.0) + tail
    # ((1-H)^C - 1) / ((1-0.45)^C - 1), which tends to the ratio of logarithms where C passes through zero
    log_h, log_45 = np.log1p(-h), np.log(0.55)
    near = np.abs(c) < 1e-9
    safe = np.where(near, 1.0, c)
    shape = np.where(near, log_h / log_45, np.expm1(safe * log_h) / np.expm1(safe * log_45))
    return np.asarray((1.0 + (mu45 - 1.0) * shape * wall) * wall)


def viscosity(
    diameter: ArrayLike,
    haematocrit: ArrayLike,
    cell_volume: float = CELL_VOLUME,
    law: Law = "in vivo",
    plasma: float = PLASMA_VISCOSITY,
) -> NDArray[np.float64]:
    """Apparent viscosity of blood [Pa s].

    Parameters
    ----------
    diameter : array
        Inner diameter [m]. The laws were fitted to human blood, so other species enter at
        D (92 fL / cell_volume)^(1/3), the same diameter in red cells (Pries and others 1994).
    haematocrit : array
        Discharge haematocrit [-].
    cell_volume : float
        Mean volume of a red cell [m3]; human 92e-18 (92 fL), rat 55e-18.
    law : "in vivo" or "in vitro"
    plasma : float
        Viscosity of plasma [Pa s].

    Raises
    ------
    InputError
        As `relative_viscosity`, or where `cell_volume` or `plasma` is not positive.
    """
    if not (cell_volume > 0.0 and np.isfinite(cell_volume)):
        raise InputError(f"viscosity: cell volume {cell_volume} m3 is not positive. Example: 92 fL")
    if not (plasma > 0.0 and np.isfinite(plasma)):
        raise InputError(f"viscosity: plasma viscosity {plasma} Pa s is not positive. Example: 1.2 mPa.s")
    scaled = np.asarray(diameter, dtype=np.float64) * 1e6 * (CELL_VOLUME / cell_volume) ** (1.0 / 3.0)
    return plasma * relative_viscosity(scaled, haematocrit, law)


def poiseuille_conductance(radius: ArrayLike, length: ArrayLike, viscosity: ArrayLike) -> NDArray[np.float64]:
    """Conductance pi r^4 / (8 mu L) [m3/s/Pa] of a vessel; radius and length [m], viscosity [Pa s]."""
    r, mu = np.asarray(radius, dtype=np.float64), np.asarray(viscosity, dtype=np.float64)
    return np.asarray(np.pi * r**4 / (8.0 * mu * np.asarray(length, dtype=np.float64)))


def mean_velocity(flow: ArrayLike, radius: ArrayLike) -> NDArray[np.float64]:
    """Mean velocity [m/s] of a flow [m3/s] in a vessel of a radius [m]."""
    return np.asarray(flow) / (np.pi * np.asarray(radius, dtype=np.float64) ** 2)


def wall_shear_stress(flow: ArrayLike, radius: ArrayLike, viscosity: ArrayLike) -> NDArray[np.float64]:
    """Wall shear stress 4 mu Q / (pi r^3) [Pa] of Poiseuille flow."""
    r = np.asarray(radius, dtype=np.float64)
    return 4.0 * np.asarray(viscosity) * np.asarray(flow) / (np.pi * r**3)


def murray_radii(parent: float, ratio: float, exponent: float = 3.0) -> tuple[float, float]:
    """Radii of two daughters with r0^g = r1^g + r2^g and r1 / r2 = `ratio` (Murray 1926; g = 3)."""
    large = parent * (1.0 + ratio**exponent) ** (-1.0 / exponent)
    return ratio * large, large


def murray_tree_resistance(radius: float, length: float, viscosity: float, generations: int) -> float:
    """Resistance [Pa s/m3] of a symmetric Murray tree, lengths in proportion to radii.

    Every one of the generations 0..`generations` has the resistance 8 mu L0 / (pi r0^4) of the root.
    """
    return float((generations + 1) / poiseuille_conductance(radius, length, viscosity))
