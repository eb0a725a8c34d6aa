"""Death by heat: the Arrhenius integral, and thermal dose in minutes at 43 degC beside it.

Damage is a rate process (Henriques and Moritz 1947, Am J Pathol 23:695),

    Omega = integral of A exp(-Ea / (R T)) dt,    S = exp(-Omega),

so Omega *is* a cumulative hazard. A and Ea come in pairs fitted to one tissue and one end point; the pairs of
`SETS` differ up to thirtyfold at 60 degC, which is why the set is always named. Rates are exp(ln A - Ea / (R T)),
since A alone reaches 1e99.

CEM43 is the time at 43 degC that would do the same where every degree more halves the time, and every degree
less takes four times as long (Sapareto and Dewey 1984, Int J Radiat Oncol Biol Phys 10:787). It is reported
beside Omega and kills nothing here: the HCC cells of `hcc_45_60` do not follow it above 45 degC.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim._jit import njit
from tumorsim.errors import InputError, nearest

Floats = NDArray[np.float64]

GAS_CONSTANT = 8.314462618  # J/mol/K
ZERO_CELSIUS = 273.15  # K

SETS = (
    "liver_jacques1996",
    "hcc_45_60",
    "hepg2_2019",
    "hep3b_2019",
    "vessel_agah1994",
    "skin_henriques",
    "cho_sapareto_bhk",
    "tissue_coagulation_brown1992",
)
COAGULATION = "liver_jacques1996"  # what is seen as coagulated, and the zone
TUMOUR_CELLS = "hcc_45_60"  # within a factor 1.6 of the liver's from 43 degC on, and measured on HCC cells
PESSIMISTIC = "hepg2_2019"  # cells that take 30 times as long to die at 60 degC
VESSELS = "vessel_agah1994"  # closes vessels

R_ABOVE, R_BELOW, BREAK = 0.5, 0.25, 43.0  # CEM43 is defined by these

_FINEST = 1.0  # K: stretches of a history within which four Gauss points integrate any set to 1e-9
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(4)


@dataclass(frozen=True)
class Kinetics:
    """One pair of Arrhenius numbers.

    Attributes
    ----------
    name : str
    frequency : float
        A [1/s].
    energy : float
        Ea [J/mol].
    lowest, highest : float
        Temperatures between which it was measured [degC]; beyond them it is extrapolated.
    """

    name: str
    frequency: float
    energy: float
    lowest: float
    highest: float

    def __post_init__(self) -> None:
        wrong = [f"kinetics {self.name}: {what} must be positive" for what in ("frequency", "energy")
                 if not 0.0 < getattr(self, what) < math.inf]  # fmt: skip
        if wrong:
            raise InputError(wrong)

    @property
    def log_frequency(self) -> float:
        """ln(A / (1/s)) [-]."""
        return math.log(self.frequency)

    @property
    def activation(self) -> float:
        """Ea / R [K]."""
        return self.energy / GAS_CONSTANT


def kinetics(name: str, parameters: Mapping[str, float]) -> Kinetics:
    """The set of that name from the parameter table.

    Raises
    ------
    InputError
        Where there is none; the nearest is named.
    """
    if name not in SETS:
        raise InputError(f"kinetics: no set '{name}'.{nearest(name, SETS)} Allowed: {', '.join(SETS)}")
    return Kinetics(
        name,
        parameters[f"heat.arrhenius_{name}_a"],
        parameters[f"heat.arrhenius_{name}_ea"],
        parameters[f"heat.arrhenius_{name}_from"],
        parameters[f"heat.arrhenius_{name}_to"],
    )


@njit
def damage_rate(celsius: float, log_frequency: float, activation: float) -> float:
    """Rate of Omega [1/s] at a temperature [degC]; ``log_frequency`` = ln A, ``activation`` = Ea / R [K]."""
    return math.exp(log_frequency - activation / (celsius + ZERO_CELSIUS))


def damage_rates(celsius: ArrayLike, kinetics: Kinetics) -> Floats:
    """Rate of Omega [1/s] at temperatures [degC], any shape."""
    kelvin = np.asarray(celsius, dtype=np.float64) + ZERO_CELSIUS
    return np.asarray(np.exp(kinetics.log_frequency - kinetics.activation / kelvin))


def time_to(omega: float, celsius: ArrayLike, kinetics: Kinetics) -> Floats:
    """Time [s] to a damage of ``omega`` at constant temperatures [degC], any shape."""
    return np.asarray(omega / damage_rates(celsius, kinetics))


def temperature_for(omega: float, seconds: ArrayLike, kinetics: Kinetics) -> Floats:
    """Temperature [degC] that does a damage of ``omega`` in given times [s], any shape."""
    wait = np.asarray(seconds, dtype=np.float64)
    return np.asarray(kinetics.activation / (kinetics.log_frequency + np.log(wait / omega)) - ZERO_CELSIUS)


def damage(seconds: ArrayLike, celsius: ArrayLike, kinetics: Kinetics) -> Floats:
    """Omega of temperature histories, straight between given times.

    Parameters
    ----------
    seconds : array, shape (n,)
        Times [s], ascending.
    celsius : array, shape (n, ...)
        Temperatures then [degC].
    kinetics : Kinetics

    Returns
    -------
    array, shape (...)

    Raises
    ------
    InputError
        Where times descend, a number is not finite, or the shapes do not match.
    """
    times, degrees = _history(seconds, celsius)
    total = np.zeros(degrees.shape[1:])
    for m in range(len(times) - 1):
        start, change = degrees[m], degrees[m + 1] - degrees[m]
        parts = max(1, math.ceil(float(np.abs(change).max(initial=0.0)) / _FINEST))
        span = (times[m + 1] - times[m]) / parts
        for part in range(parts):
            for node, weight in zip(_NODES, _WEIGHTS, strict=True):
                at = (part + 0.5 * (node + 1.0)) / parts
                total += 0.5 * weight * span * damage_rates(start + at * change, kinetics)
    return total


def survival(omega: ArrayLike) -> Floats:
    """Share that survives, exp(-Omega) [-], any shape."""
    return np.asarray(np.exp(-np.asarray(omega, dtype=np.float64)))


@njit
def cem43_rate(celsius: float) -> float:
    """Time at 43 degC that a unit of time at a temperature [degC] stands for [-]."""
    base = R_ABOVE if celsius >= BREAK else R_BELOW
    return base ** (BREAK - celsius)


def cem43(seconds: ArrayLike, celsius: ArrayLike) -> Floats:
    """CEM43 [s] of temperature histories that are straight between given times, exactly.

    Parameters
    ----------
    seconds : array, shape (n,)
        Times [s], ascending.
    celsius : array, shape (n, ...)
        Temperatures then [degC].

    Returns
    -------
    array, shape (...)
        Time at 43 degC [s]; divide by 60 for the usual minutes.

    Raises
    ------
    InputError
        As `damage`.
    """
    times, degrees = _history(seconds, celsius)
    total = np.zeros(degrees.shape[1:])
    for m in range(len(times) - 1):
        low = np.minimum(degrees[m], degrees[m + 1])
        high = np.maximum(degrees[m], degrees[m + 1])
        rise = high - low
        # the share of the time below 43 degC; a flat stretch lies on one side of it
        flat = np.where(low < BREAK, 1.0, 0.0)
        below = np.where(rise > 0.0, np.clip((BREAK - low) / np.where(rise > 0.0, rise, 1.0), 0.0, 1.0), flat)
        cool = below * _mean_power(R_BELOW, low, np.minimum(high, np.maximum(low, BREAK)))
        hot = (1.0 - below) * _mean_power(R_ABOVE, np.maximum(low, np.minimum(high, BREAK)), high)
        total += (times[m + 1] - times[m]) * (cool + hot)
    return total


def _mean_power(base: float, low: Any, high: Any) -> Any:
    """Mean of base^(43 - T) over T from ``low`` to ``high`` [degC]."""
    scaled = math.log(base) * (low - high)  # positive
    safe = np.where(scaled > 0.0, scaled, 1.0)
    return base ** (BREAK - low) * np.where(scaled > 0.0, np.expm1(safe) / safe, 1.0)


def _history(seconds: ArrayLike, celsius: ArrayLike) -> tuple[Floats, Floats]:
    times = np.asarray(seconds, dtype=np.float64)
    degrees = np.asarray(celsius, dtype=np.float64)
    problems = []
    if times.ndim != 1 or degrees.ndim < 1 or len(degrees) != len(times):
        problems.append(f"temperature history: {degrees.shape} temperatures do not match {times.shape} times")
    if not (np.isfinite(times).all() and np.isfinite(degrees).all()):
        problems.append("temperature history: a time or a temperature is not a number")
    elif np.any(np.diff(times) < 0.0):
        problems.append("temperature history: times must ascend")
    if problems:
        raise InputError(problems)
    return times, degrees
