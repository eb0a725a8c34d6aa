"""Closed forms of oxygen with zero-order consumption: cylinder, slab, sphere, and the anoxic core of a spheroid.

Krogh 1919 and Erlang for the cylinder around a capillary; Grimes, Kelly, Bloch and Partridge 2014 (J R Soc
Interface 11:20131124) for spheroids. What the fields of the model are held against.

Units: pressures mmHg, radii m, diffusivity D m2/s, consumption M mmHg/s.
"""

from __future__ import annotations

import math

from tumorsim.errors import InputError


def krogh_erlang(
    r: float, wall: float, consumption: float, diffusivity: float, capillary: float, cylinder: float
) -> float:
    """Pressure [mmHg] at radius ``r`` [m] of a cylinder that consumes throughout.

    p(r) = p_wall + M (r^2 - rc^2) / 4 D - (M Rt^2 / 2 D) ln(r / rc). Where the oxygen of a capillary does not suffice
    this falls below 0, which no tissue does: `tumorsim.fields.krogh` moves the boundary instead.
    """
    ratio = consumption / (4.0 * diffusivity)
    return wall + ratio * (r * r - capillary * capillary) - 2.0 * ratio * cylinder * cylinder * math.log(r / capillary)


def slab_limit(surface: float, consumption: float, diffusivity: float) -> float:
    """Depth [m] to which oxygen of a pressure at the ``surface`` [mmHg] reaches into flat tissue: sqrt(2 D p / M)."""
    return math.sqrt(2.0 * diffusivity * surface / consumption)


def sphere_limit(surface: float, consumption: float, diffusivity: float) -> float:
    """Radius [m] of the largest spheroid without an anoxic core: sqrt(6 D p / M)."""
    return math.sqrt(6.0 * diffusivity * surface / consumption)


def anoxic_core(outer: float, limit: float) -> float:
    """Radius [m] of the anoxic core of a spheroid; 0 up to ``limit``.

    The root in [0, ``outer``] of ro^2 - 3 rn^2 + 2 rn^3 / ro = rl^2. With rn / ro = 1/2 + cos a it is
    cos 3a = 2 (rl / ro)^2 - 1.

    Parameters
    ----------
    outer : float
        Radius of the spheroid [m].
    limit : float
        Radius of the largest spheroid without a core [m], `sphere_limit`.

    Raises
    ------
    InputError
        For a radius that is not positive.
    """
    if not (outer > 0.0 and limit > 0.0):
        raise InputError(f"spheroid: the radii {outer:g} m and {limit:g} m are not both positive")
    if outer <= limit:
        return 0.0
    angle = (2.0 * math.pi - math.acos(2.0 * (limit / outer) ** 2 - 1.0)) / 3.0
    return outer * (0.5 + math.cos(angle))
