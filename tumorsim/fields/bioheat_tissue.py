"""What the bioheat solver is given: materials, kinetics of damage, sources by interval; and what it hands back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim.errors import InputError
from tumorsim.fields.bioheat_layout import GAS_CONSTANT, PER_KELVIN, ZERO_CELSIUS

Floats = NDArray[np.float64]

BODY = 37.0  # degC: conductivities are given here
BOILING_POINT = 100.0  # degC
TABLE_TO = 500.0  # degC; what is hotter counts as this: any tissue is gone within a microsecond


@dataclass(frozen=True)
class Material:
    """One material: a row of the table that the codes of sites point into.

    Attributes
    ----------
    conductivity : float
        At 37 degC [W/m/K]. It rises linearly up to 100 degC and stays there.
    slope : float
        Relative rise of the conductivity a kelvin, of its value at 37 degC [1/K].
    density, heat_capacity : float
        kg/m3 and J/kg/K.
    water : float
        Share of the mass that boils off at 100 degC; 0 for a material that only gets hotter.
    dry_heat_capacity : float
        Of what is left without water [J/kg/K]; it is (1 - water) of the density.
    vaporisation : float
        Heat that water takes to boil off [J/kg].
    """

    conductivity: float
    slope: float
    density: float
    heat_capacity: float
    water: float = 0.0
    dry_heat_capacity: float = 0.0
    vaporisation: float = 2.257e6

    def problems(self, name: str) -> list[str]:
        """What is out of range, in words."""
        found = [
            f"{name}: {what} must be a positive number, got {value}"
            for what, value in (("conductivity", self.conductivity), ("density", self.density),
                                ("heat capacity", self.heat_capacity), ("vaporisation", self.vaporisation))
            if not (math.isfinite(value) and value > 0.0)
        ]  # fmt: skip
        if not 0.0 <= self.water < 1.0:
            found.append(f"{name}: water must be a share from 0 to below 1, got {self.water}")
        elif self.water > 0.0 and not (math.isfinite(self.dry_heat_capacity) and self.dry_heat_capacity > 0.0):
            found.append(f"{name}: with water it needs a positive dry heat capacity, got {self.dry_heat_capacity}")
        if not math.isfinite(self.slope):
            found.append(f"{name}: slope must be a number, got {self.slope}")
        return found

    @property
    def wet_heat(self) -> float:
        """Heat capacity by volume [J/m3/K]."""
        return self.density * self.heat_capacity

    @property
    def dry_heat(self) -> float:
        """Heat capacity by volume without water [J/m3/K]."""
        return self.density * (1.0 - self.water) * self.dry_heat_capacity if self.water > 0.0 else self.wet_heat

    @property
    def latent(self) -> float:
        """Heat that boils all water off [J/m3]."""
        return self.density * self.water * self.vaporisation


def tissue(table: Mapping[str, float]) -> Material:
    """Liver and tumour from the rows ``heat.*`` of a table of parameters."""
    return Material(
        table["heat.conductivity"], table["heat.conductivity_slope"], table["heat.density"],
        table["heat.specific_heat"], table["heat.water_fraction"], table["heat.specific_heat_dry"],
        table["heat.vaporisation"],
    )  # fmt: skip


def numerics(table: Mapping[str, float]) -> dict[str, float]:
    """Arguments of `Bioheat` that stand in the rows ``bioheat.*`` of a table of parameters."""
    return {"damage_from": table["bioheat.damage_from"], "largest_change": table["bioheat.largest_change"]}


@dataclass(frozen=True)
class Kinetics:
    """Rate of damage A exp(-Ea / R T).

    Attributes
    ----------
    frequency : float
        A [1/s].
    activation : float
        Ea [J/mol].
    """

    frequency: float
    activation: float

    def __post_init__(self) -> None:
        if not (0.0 < self.frequency < math.inf and 0.0 < self.activation < math.inf):
            raise InputError(f"damage: A and Ea must be positive, got {self.frequency} 1/s and {self.activation} J/mol")

    def rate(self, celsius: ArrayLike) -> Floats:
        """Rate [1/s] at a temperature [degC], of its shape."""
        kelvin = np.asarray(celsius, dtype=np.float64) + ZERO_CELSIUS
        return np.exp(math.log(self.frequency) - self.activation / (GAS_CONSTANT * kelvin))

    def table_error(self, lowest: float) -> float:
        """Bound on the relative error of the solver's table from a temperature [degC] on: (slope x step)^2 / 8."""
        slope = self.activation / (GAS_CONSTANT * (lowest + ZERO_CELSIUS) ** 2)
        return (slope / PER_KELVIN) ** 2 / 8.0


def cem43_rate(celsius: ArrayLike) -> Floats:
    """Minutes at 43 degC a second at a temperature is worth [min/s] (Sapareto and Dewey 1984)."""
    t = np.asarray(celsius, dtype=np.float64)
    return np.where(t >= 43.0, 0.5 ** (43.0 - t), 0.25 ** (43.0 - t)) / 60.0


def rate_table(lowest: float, tissue: Kinetics, vessel: Kinetics, *cells: Kinetics) -> Floats:
    """Rates from the lowest temperature [degC] in steps of 1/64 K: of tissue, vessels, CEM43, and cells if given."""
    at = lowest + np.arange(math.ceil((TABLE_TO - lowest) * PER_KELVIN) + 1) / PER_KELVIN
    return np.stack((tissue.rate(at), vessel.rate(at), cem43_rate(at), *(k.rate(at) for k in cells)), axis=1)


@dataclass(frozen=True)
class Interval:
    """A stretch of time with one source.

    Attributes
    ----------
    duration : float
        s.
    sar : float, shape (n_sites,), or None
        Power absorbed by moist tissue [W/m3]; None for no source. Outside the tissue it is not absorbed.
    dries : bool
        Absorption falls with the water that is left.
    sinks : float, shape (n_sites,), or None
        Conductance [W/K] of walls that are cooled in this interval alone, besides the sinks of the solver.
    sink_temperature : float, float of shape (n_sites,), or None
        Theirs [degC]; None is that of blood.
    """

    duration: float
    sar: ArrayLike | None = None
    dries: bool = True
    sinks: ArrayLike | None = None
    sink_temperature: ArrayLike | None = None


@dataclass(frozen=True)
class Cooling:
    """How long tissue cools after the last interval: until Omega has stopped rising.

    It has where in a window no site's Omega of tissue rose by more than `rise` of itself (of 1 where it is
    below 1), or where no site is warm enough for damage any more.

    Attributes
    ----------
    window : float
        s.
    rise : float
    most : float
        Time after which it is given up [s].
    """

    window: float = 60.0
    rise: float = 1e-3
    most: float = 7200.0

    @classmethod
    def standard(cls, table: Mapping[str, float]) -> Cooling:
        """From the rows ``bioheat.*`` of a table of parameters."""
        return cls(table["bioheat.settled_window"], table["bioheat.settled_rise"], table["bioheat.longest_cooling"])


@dataclass(frozen=True)
class EnergyBalance:
    """Where the heat went [J]: absorbed = stored + blood + sinks + faces.

    Attributes
    ----------
    absorbed : float
        From the sources.
    stored : float
        More in the tissue than at the start, what boiled water took included.
    blood : float
        Carried off by perfusion.
    sinks : float
        Carried off by large vessels and other cooled walls.
    faces : float
        Lost through walls of the box that are held at a temperature.
    """

    absorbed: float
    stored: float
    blood: float
    sinks: float
    faces: float

    @property
    def error(self) -> float:
        """What is missing, over the largest of the parts."""
        parts = (self.absorbed, self.stored, self.blood, self.sinks, self.faces)
        largest = max(abs(p) for p in parts)
        return (parts[0] - math.fsum(parts[1:])) / largest if largest > 0.0 else 0.0


@dataclass(frozen=True)
class Heated:
    """What a session did. Sites outside the tissue keep 0 damage and the temperature of the start.

    Attributes
    ----------
    omega_tissue, omega_vessel : float64, shape (n_sites,)
        Integrals of the rates of damage.
    omega_cells : float64, shape (n_sites,)
        The same of cells; 0 where the solver was given no kinetics of theirs.
    cem43 : float64, shape (n_sites,)
        min.
    highest : float64, shape (n_sites,)
        Highest temperature [degC]; to 0.1 K from the temperature on from which damage counts, elsewhere the highest
        of the start, the ends of intervals and of windows, and the end.
    temperature : float64, shape (n_sites,)
        In the end [degC].
    water : float64, shape (n_sites,)
        Least share of the water that was left: 0 is dry.
    balance : EnergyBalance
    heating, cooling : float
        s.
    settled : bool
        Omega had stopped rising.
    steps : int
    largest_change : float
        Of a site that was not boiling or dry, in a step [K].
    """

    omega_tissue: Floats
    omega_vessel: Floats
    omega_cells: Floats
    cem43: Floats
    highest: Floats
    temperature: Floats
    water: Floats
    balance: EnergyBalance
    heating: float
    cooling: float
    settled: bool
    steps: int
    largest_change: float
