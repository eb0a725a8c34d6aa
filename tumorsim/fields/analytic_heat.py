"""Closed forms of heat in tissue: what the bioheat solver is held against.

Carslaw and Jaeger 1959 (Conduction of Heat in Solids); perfusion as a sink after Pennes 1948 (J Appl Physiol 1:93).
All for one material whose properties do not change.

Units: SI. ``k`` conductivity [W/m/K], ``a`` diffusivity [m2/s], ``m`` inverse of the perfusion length
[1/m], ``w`` rate of perfusion [1/s] (its heat capacity over that of tissue). Results named ``rise`` are K
above blood or the start.
"""

from __future__ import annotations

import math

from tumorsim.errors import InputError


def diffusivity(k: float, density: float, heat_capacity: float) -> float:
    """k / (rho c) [m2/s]."""
    return k / (density * heat_capacity)


def perfusion_number(perfusion: float, blood_heat: float, k: float) -> float:
    """m = sqrt(omega rho_b c_b / k) [1/m]; heat reaches about 1 / m."""
    return math.sqrt(perfusion * blood_heat / k)


def perfusion_rate(perfusion: float, blood_heat: float, density: float, heat_capacity: float) -> float:
    """omega rho_b c_b / (rho c) [1/s]: how fast blood alone would cool tissue."""
    return perfusion * blood_heat / (density * heat_capacity)


def point(r: float, power: float, k: float, m: float = 0.0) -> float:
    """Steady rise [K] at a distance ``r`` [m] of a point source ``power`` [W]."""
    return power / (4.0 * math.pi * k * r) * math.exp(-m * r)


def point_since(r: float, t: float, power: float, k: float, a: float, w: float = 0.0) -> float:
    """Rise [K] at ``r`` [m], ``t`` [s] after a point source was switched on.

    P / (8 pi k r) [exp(-mr) erfc(r / 2 sqrt(at) - sqrt(wt)) + exp(mr) erfc(r / 2 sqrt(at) + sqrt(wt))]
    """
    m, x, y = math.sqrt(w / a), r / (2.0 * math.sqrt(a * t)), math.sqrt(w * t)
    both = math.exp(-m * r) * math.erfc(x - y) + math.exp(m * r) * math.erfc(x + y)
    return power / (8.0 * math.pi * k * r) * both


def pulse(r: float, t: float, energy: float, volumetric_heat: float, a: float) -> float:
    """Rise [K] at ``r`` [m], ``t`` [s] after ``energy`` [J] was set free at a point."""
    spread = 4.0 * a * t
    return energy / (volumetric_heat * (math.pi * spread) ** 1.5) * math.exp(-r * r / spread)


def slab(x: float, t: float, thickness: float, a: float, start: float, surface: float) -> float:
    """Temperature at ``x`` [m] of a slab whose two faces are held at ``surface`` from t = 0."""
    total, n = 0.0, 1
    while True:
        decay = math.exp(-((n * math.pi / thickness) ** 2) * a * t)
        total += 4.0 / (n * math.pi) * math.sin(n * math.pi * x / thickness) * decay
        if decay < 1e-17:
            return surface + (start - surface) * total
        n += 2


def half_space(x: float, t: float, a: float, start: float, surface: float) -> float:
    """Temperature at a depth ``x`` [m] under a surface held at ``surface`` from t = 0."""
    return start + (surface - start) * math.erfc(x / (2.0 * math.sqrt(a * t)))


def fin(x: float, thickness: float, m: float, surface: float, blood: float) -> float:
    """Steady temperature of a perfused slab, ``surface`` at x = 0, insulated at its other face."""
    return blood + (surface - blood) * math.cosh(m * (thickness - x)) / math.cosh(m * thickness)


def sphere(r: float, radius: float, heating: float, m: float, sink: float) -> float:
    """Steady rise [K] at ``r`` [m] of perfused tissue heated evenly within a sphere.

    ``heating`` is W/m3, ``sink`` = omega rho_b c_b [W/m3/K].
    """
    full, edge = heating / sink, m * radius
    if r <= radius:
        shape = math.sinh(m * r) / (m * r) if m * r > 0.0 else 1.0
        return full * (1.0 - (1.0 + edge) * math.exp(-edge) * shape)
    return full * (edge * math.cosh(edge) - math.sinh(edge)) * math.exp(-m * r) / (m * r)


def wall_coefficient(nusselt: float, k_blood: float, diameter: float) -> float:
    """h = Nu k / D [W/m2/K]."""
    return nusselt * k_blood / diameter


def annulus(r: float, inner: float, outer: float, k: float, h: float, blood: float, rim: float) -> float:
    """Steady temperature at ``r`` [m] around a vessel of radius ``inner`` whose wall gives h (T - blood) to blood.

    ``rim`` is the temperature at ``outer``: T = rim + C ln(r / outer),
    C = (blood - rim) / (ln(inner / outer) - k / (h inner)).
    """
    return rim + _slope(inner, outer, k, h, blood, rim) * math.log(r / outer)


def annulus_reach(isotherm: float, inner: float, outer: float, k: float, h: float, blood: float, rim: float) -> float:
    """Distance from the wall [m] at which `annulus` has a temperature.

    Raises
    ------
    InputError
        Where the wall itself is warmer, or the rim colder.
    """
    wall = annulus(inner, inner, outer, k, h, blood, rim)
    if not wall <= isotherm <= rim:
        raise InputError(f"annulus: {isotherm:g} degC is not between the wall's {wall:.4g} and the rim's {rim:g} degC")
    return outer * math.exp((isotherm - rim) / _slope(inner, outer, k, h, blood, rim)) - inner


def _slope(inner: float, outer: float, k: float, h: float, blood: float, rim: float) -> float:
    return (blood - rim) / (math.log(inner / outer) - k / (h * inner))


def time_to_boil(start: float, heating: float, density: float, heat_capacity: float, boiling: float = 100.0) -> float:
    """Time [s] in which ``heating`` [W/m3] alone brings tissue to boil."""
    return density * heat_capacity * (boiling - start) / heating


def time_to_dry(
    share: float, start: float, heating: float, density: float, heat_capacity: float, water: float,
    vaporisation: float = 2.257e6,
) -> float:  # fmt: skip
    """Time [s] in which it has boiled off a share of the water, from ``start`` [degC]."""
    boiled = density * water * share * vaporisation / heating
    return time_to_boil(start, heating, density, heat_capacity) + boiled
