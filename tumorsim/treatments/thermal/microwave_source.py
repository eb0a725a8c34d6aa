"""Microwave antennas: an energy-conserving kernel along a line.

Every point of the antenna radiates evenly and tissue absorbs what passes: with the attenuation 2a of power the
density is ``2a exp(-2a s) / (4 pi s^2)`` per watt, which integrates to one, and the antenna is the mean of it over
its effective length. Near fields, reflections and the drying of tissue are not in it; the effective length and the
efficiency are fitted to measured zones and stand for them.

a follows from permittivity and conductivity (plane wave in a lossy medium). Held at the shaft's radius: within it,
where there is metal and cooling water, the power the kernel has there is spread evenly over the cross-section, so
that nothing is lost and no density runs away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tumorsim.errors import InputError
from tumorsim.treatments.thermal import sar_kernels as kernels
from tumorsim.treatments.thermal.sar import Source

Floats = NDArray[np.float64]

VACUUM_PERMITTIVITY = 8.8541878128e-12  # F/m
VACUUM_PERMEABILITY = 1.25663706212e-6  # H/m
FREQUENCIES = {2450: 2.45e9, 915: 9.15e8}  # Hz, by the number of MHz that devices and parameters are named with

_TABLE_STEP = 0.05  # of the shaft's radius, along the antenna
_TABLE_BEYOND = 40.0  # shaft radii past its end; from there the kernel is flat across the shaft to 1e-3
_RADII, _RADIAL = np.polynomial.legendre.leggauss(12)


@dataclass(frozen=True)
class Wave:
    """A plane wave in tissue.

    Attributes
    ----------
    attenuation : float
        Of its field, a [1/m]; its power falls as exp(-2 a s).
    wavelength : float
        [m].
    """

    attenuation: float
    wavelength: float

    @property
    def power_depth(self) -> float:
        """Depth at which its power has fallen to 1/e, 1 / 2a [m]."""
        return 0.5 / self.attenuation


def wave(frequency: float, permittivity: float, conductivity: float) -> Wave:
    """The wave of a frequency [Hz] in tissue of a relative permittivity [-] and a conductivity [S/m].

    Raises
    ------
    InputError
        Where one of them is not positive.
    """
    given = {"frequency": frequency, "permittivity": permittivity, "conductivity": conductivity}
    wrong = [f"microwave: {name} must be positive, got {value}" for name, value in given.items()
             if not 0.0 < value < math.inf]  # fmt: skip
    if wrong:
        raise InputError(wrong)
    omega = 2.0 * math.pi * frequency
    epsilon = permittivity * VACUUM_PERMITTIVITY
    loss = math.sqrt(1.0 + (conductivity / (omega * epsilon)) ** 2)
    scale = omega * math.sqrt(0.5 * VACUUM_PERMEABILITY * epsilon)
    return Wave(scale * math.sqrt(loss - 1.0), 2.0 * math.pi / (scale * math.sqrt(loss + 1.0)))


@dataclass(frozen=True)
class Microwave(Source):
    """One antenna.

    Parameters
    ----------
    attenuation : float
        a of the field in tissue [1/m]; see `wave`.
    length : float
        Effective length that radiates [m].
    efficiency : float
        Share of the generator's power that tissue absorbs, above 0 and at most 1.
    shaft_radius : float
        Within which the kernel is held [m].

    Raises
    ------
    InputError
        Where a number cannot be.
    """

    attenuation: float
    length: float
    efficiency: float
    shaft_radius: float

    kind = kernels.MICROWAVE

    def __post_init__(self) -> None:
        lengths = {"attenuation": self.attenuation, "length": self.length, "shaft radius": self.shaft_radius}
        wrong = [f"microwave antenna: its {name} must be positive, got {value}" for name, value in lengths.items()
                 if not 0.0 < value < math.inf]  # fmt: skip
        if not 0.0 < self.efficiency <= 1.0:
            wrong.append(f"microwave antenna: its efficiency must be above 0 and at most 1, got {self.efficiency}")
        if wrong:
            raise InputError(wrong)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, float], megahertz: int = 2450) -> Microwave:
        """The antenna of the parameter table at 2450 or 915 MHz.

        Raises
        ------
        InputError
            For another frequency.
        """
        if megahertz not in FREQUENCIES:
            allowed = " or ".join(str(f) for f in FREQUENCIES)
            raise InputError(f"microwave: a frequency of {megahertz} MHz is not known; allowed: {allowed} MHz")
        permittivity = parameters[f"heat.permittivity_{megahertz}"]
        conductivity = parameters[f"heat.electric_conductivity_{megahertz}"]
        return cls(
            attenuation=wave(FREQUENCIES[megahertz], permittivity, conductivity).attenuation,
            length=parameters["heat.antenna_length"],
            efficiency=parameters["heat.microwave_efficiency"],
            shaft_radius=parameters["heat.shaft_radius"],
        )

    @property
    def half(self) -> float:
        """Half its effective length [m]."""
        return 0.5 * self.length

    @property
    def core(self) -> float:
        """The shaft's radius [m]."""
        return self.shaft_radius

    @property
    def scale(self) -> float:
        """The depth of its power [m]."""
        return 0.5 / self.attenuation

    @property
    def numbers(self) -> Floats:
        """Attenuation of power, half length, radius of the shaft, step of the table."""
        return np.array([2.0 * self.attenuation, self.half, self.shaft_radius, _TABLE_STEP * self.shaft_radius])

    @cached_property
    def table(self) -> Floats:
        """Mean of the kernel over the shaft's cross-section by distance from its middle [1/m3], (1, n)."""
        count = math.ceil((self.half / self.shaft_radius + _TABLE_BEYOND) / _TABLE_STEP) + 2
        # nodes in (r / shaft)^(1/2): the kernel rises as 1/r, and as 1/r^2 towards the ends
        t = 0.5 * (_RADII + 1.0)
        r, share = self.shaft_radius * t**2, 0.5 * _RADIAL * 4.0 * t**3
        mean = np.zeros(count)
        for k in range(count):
            z = k * _TABLE_STEP * self.shaft_radius
            for n in range(len(t)):
                mean[k] += share[n] * kernels.line_kernel(2.0 * self.attenuation, self.half, r[n], z)
        return mean[None, :]
