"""Radiofrequency electrodes: the quasi-static field of needles at one potential.

At 500 kHz tissue conducts and the body is far smaller than the wave, so the potential obeys Laplace's equation and
the power density is sigma |E|^2. A needle is taken as a prolate spheroid of the exposed tip's length and diameter in
even tissue, grounded far away. Its potential is then exactly that of an even line between its foci (Maxwell 1873,
art. 151; Smythe 1950),

    phi ~ ln((s + 2c) / (s - 2c)),    s = sum of the distances to the foci, 2c apart,

and its power per prolate coordinates (xi, eta) spreads evenly over eta. Normalised to one watt it holds for any even
conductivity. Electrodes of a cluster stand at one potential: the fields of equal lines add before they are squared.
Their sum is the same all over the metal to a tenth, lower at the ends, so that a real cluster drives slightly more
current there. Tissue whose conductivity changes with heat and drying is not in it.

Internally cooled: water runs behind the metal and takes heat through it (Newton's law; Rivera and others 2009, Math
Biosci Eng 6:611).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tumorsim.errors import InputError
from tumorsim.fields.heat_sink import wall_areas
from tumorsim.lattice import Lattice
from tumorsim.treatments.thermal import sar_kernels as kernels
from tumorsim.treatments.thermal.sar import Needle, Source

Floats = NDArray[np.float64]

_STEP = 0.08  # of its radius, that the next shell around an electrode is wider at most


@dataclass(frozen=True)
class Radiofrequency(Source):
    """One electrode, or a cluster of three at the corners of a triangle.

    Parameters
    ----------
    length, diameter : float
        Of the exposed tip [m].
    efficiency : float
        Share of the generator's power that tissue absorbs, above 0 and at most 1.
    electrodes : int
        1 or 3.
    cluster_spacing : float
        Distance of the electrodes of a cluster from each other [m]; of no meaning for one.

    Raises
    ------
    InputError
        Where a number cannot be, or electrodes of a cluster overlap.
    """

    length: float
    diameter: float
    efficiency: float
    electrodes: int = 1
    cluster_spacing: float = 5e-3

    kind = kernels.ELECTRODES

    def __post_init__(self) -> None:
        wrong = [f"radiofrequency electrode: its {name} must be positive, got {value} m"
                 for name, value in (("length", self.length), ("diameter", self.diameter))
                 if not 0.0 < value < math.inf]  # fmt: skip
        if not wrong and self.length <= self.diameter:
            wrong.append("radiofrequency electrode: it must be longer than it is wide")
        if self.electrodes not in (1, 3):
            wrong.append(f"radiofrequency: {self.electrodes} electrodes are not known; allowed: 1, or a cluster of 3")
        if self.electrodes == 3 and not 2.0 * self.diameter <= self.cluster_spacing < math.inf:
            wrong.append("radiofrequency cluster: electrodes must be at least two diameters apart")
        if not 0.0 < self.efficiency <= 1.0:
            wrong.append(f"radiofrequency: the efficiency must be above 0 and at most 1, got {self.efficiency}")
        if wrong:
            raise InputError(wrong)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, float], electrodes: int = 1) -> Radiofrequency:
        """One electrode or a cluster of three of the parameter table."""
        return cls(
            length=parameters["heat.electrode_length"],
            diameter=parameters["heat.electrode_diameter"],
            efficiency=parameters["heat.radiofrequency_efficiency"],
            electrodes=electrodes,
            cluster_spacing=parameters["heat.cluster_spacing"],
        )

    @property
    def focus(self) -> float:
        """Distance of a focus from the middle [m]."""
        return 0.5 * math.sqrt(self.length**2 - self.diameter**2)

    @property
    def half(self) -> float:
        """Half its exposed length [m]."""
        return 0.5 * self.length

    @property
    def core(self) -> float:
        """The electrode's radius [m]."""
        return 0.5 * self.diameter

    @property
    def scale(self) -> float:
        """Half its exposed length [m]."""
        return self.half

    @cached_property
    def axes(self) -> Floats:
        """Axes of the electrodes in the plane across them [m], (1 or 3, 2)."""
        if self.electrodes == 1:
            return np.zeros((1, 2))
        angle = 2.0 * math.pi * np.arange(3) / 3.0
        return self.cluster_spacing / math.sqrt(3.0) * np.column_stack([np.cos(angle), np.sin(angle)])

    @property
    def table(self) -> Floats:
        """As `axes`."""
        return self.axes

    @cached_property
    def numbers(self) -> Floats:
        """Focus, half length and radius [m], and the integral of the squared field [1/m]."""
        return np.array([self.focus, self.half, self.core, self._whole()])

    def _whole(self) -> float:
        """Integral of the squared field outside the metal: current density times potential over its surfaces."""
        c, long, wide = self.focus, self.half, self.core
        nodes, weights = np.polynomial.legendre.leggauss(64)
        angle = 2.0 * math.pi * (np.arange(64) + 0.5) / 64
        eta, turn = (a.ravel() for a in np.meshgrid(nodes, angle, indexing="ij"))
        r, z = wide * np.sqrt(1.0 - eta**2), long * eta
        x, y = self.axes[0, 0] + r * np.cos(turn), self.axes[0, 1] + r * np.sin(turn)
        potential, field = np.zeros(len(z)), np.zeros((len(z), 3))
        for a, b in self.axes:
            out = np.hypot(x - a, y - b)
            behind, ahead = np.hypot(out, z + c), np.hypot(out, z - c)
            total = behind + ahead
            potential += np.log((total + 2.0 * c) / (total - 2.0 * c)) / (2.0 * c)
            push = 2.0 / (total**2 - 4.0 * c * c)
            sideways = push * (1.0 / behind + 1.0 / ahead)
            along = push * ((z + c) / behind + (z - c) / ahead)
            field += np.column_stack([sideways * (x - a), sideways * (y - b), along])
        # normal x area of the spheroid per d eta d angle
        spread = np.column_stack([long * r * np.cos(turn), long * r * np.sin(turn), wide**2 * eta])
        power = potential * (field * spread).sum(axis=1)
        return self.electrodes * float((power * np.repeat(weights, 64)).sum()) * 2.0 * math.pi / 64

    def rings(self, step: float, outer: float) -> Floats:
        """As `Source.rings`, in prolate coordinates: each shell holds exactly the power the field has there."""
        c = self.focus
        widest = math.sqrt((self.half + outer) ** 2 - c * c)  # the shell that holds all within reach
        edges = [self.core]
        while edges[-1] < widest:
            edges.append(edges[-1] + min(step, _STEP * edges[-1]))
        xi = np.sqrt(1.0 + (np.array(edges) / c) ** 2)
        # integral of d xi / (xi^2 - 1), the share of power; the middle halves it
        u = 0.5 * np.log1p(2.0 / (xi - 1.0))
        middle = 1.0 / np.tanh(0.5 * (u[1:] + u[:-1]))
        count = math.ceil(2.0 * c / step)
        turn = kernels.GOLDEN * np.arange(len(middle)) % 1.0
        along = ((np.arange(count) + turn[:, None]) / count * 2.0 - 1.0).ravel()
        shell = np.repeat(middle, count)
        r, z = c * np.sqrt((shell**2 - 1.0) * (1.0 - along**2)), c * shell * along
        # volume x (xi^2 - 1)(xi^2 - eta^2) of the squared field is even in u and eta
        volume = 2.0 * math.pi * c**3 * (shell**2 - along**2) * (shell**2 - 1.0)
        return np.column_stack([r, z, volume * np.repeat(u[:-1] - u[1:], count) * 2.0 / count])

    def cooling(self, needle: Needle, lattice: Lattice, coefficient: float) -> Floats:
        """Conductance of the cooled tips in every site towards their water [W/K], (n_sites,).

        ``coefficient``: heat transfer between tissue and water [W/m2/K]. Only the exposed tip is cooled; the shaft
        behind it is insulated. The wall is that of a cylinder of the tip's length and diameter.
        """
        x, y, z = needle.frame
        area = np.zeros(lattice.n_sites)
        for a, b in self.axes:
            middle = np.array(needle.point) + a * x + b * y
            area += wall_areas(middle - self.half * z, middle + self.half * z, self.core, lattice)
        return coefficient * area
