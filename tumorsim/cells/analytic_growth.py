"""Closed forms of tumour growth: what the cells of the model are held against.

Exponential growth by the volume doubling time; logistic growth (Verhulst 1838) and Gompertz growth (Laird 1964, Br J
Cancer 18:490); potential doubling time and cell loss factor (Steel 1977, Growth kinetics of tumours); growth of a
crust of constant width (Conger and Ziskin 1983, Cancer Res 43:556).

Times in s, lengths in m, counts of cells without a unit.
"""

from __future__ import annotations

import math

from tumorsim.errors import InputError


def growth_rate(doubling_time: float) -> float:
    """Rate of exponential growth [1/s] from the volume doubling time [s]: ln 2 / T."""
    return math.log(2.0) / _positive("doubling time", doubling_time)


def diameter_time(start: float, end: float, doubling_time: float) -> float:
    """Time [s] in which a sphere that grows exponentially comes from one diameter to another: 3 T log2(end / start)."""
    return 3.0 * _positive("doubling time", doubling_time) * math.log2(_positive("diameter", end) / start)


def cells_of_sphere(diameter: float, density: float) -> float:
    """Cells in a sphere of a diameter [m] at a density [1/m3]."""
    return density * math.pi * _positive("diameter", diameter) ** 3 / 6.0


def logistic(time: float, start: float, rate: float, most: float) -> float:
    """Cells after a ``time`` [s] of growth at ``rate`` [1/s] slowed by N / ``most``."""
    return most / (1.0 + (most / _positive("cells", start) - 1.0) * math.exp(-rate * time))


def gompertz(time: float, start: float, decay: float, most: float) -> float:
    """Cells after a ``time`` [s]: most exp(ln(start / most) exp(-decay t)), ``decay`` [1/s]."""
    return most * math.exp(math.log(_positive("cells", start) / most) * math.exp(-decay * time))


def potential_doubling_time(cycle_time: float, growth_fraction: float) -> float:
    """Doubling time without cell loss [s]: cycle time / growth fraction (Steel 1977, with lambda 1)."""
    return _positive("cycle time", cycle_time) / _positive("growth fraction", growth_fraction)


def cell_loss_factor(potential: float, doubling_time: float) -> float:
    """Share of the cells made that is lost: 1 - potential / actual doubling time."""
    return 1.0 - potential / _positive("doubling time", doubling_time)


def crust_speed(width: float, doubling_time: float) -> float:
    """Growth of the radius [m/s] of a body whose outer ``width`` [m] alone divides, wide against it: w ln 2 / T."""
    return width * growth_rate(doubling_time)


def _positive(name: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0.0):
        raise InputError(f"growth: {name} must be above 0, got {value!r}")
    return value
