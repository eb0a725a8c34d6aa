"""How causes change each other: oxygen and heat change what a dose of radiation does.

**Oxygen.** A cell at the pressure p needs m / OER(p) times the dose of one with plenty of oxygen, with

    OER(p) = (m p + K) / (p + K)        (Alper and Howard-Flanders 1956, Nature 178:978)

so alpha is weighed by OER(p) / m and beta by its square, each with an m of its own: at low dose and dose rate oxygen
matters less than on the steep part of an acute survival curve, where m is 3. A slot holds the cells of one side of
10 mmHg of its site. Its weight is the *mean of the weight* over the pressures of that side, not the weight at the
mean pressure. Below 0.5 mmHg there is none to count; from there to 10 mmHg pressures are taken as spread evenly over
each of the bands whose shares are known; above, as spread evenly from 10 mmHg on, as far as gives the site its mean.
For cylinders of tissue with Michaelis-Menten consumption this is within 3 % for alpha (tested). Where the lattice
resolves the fall of oxygen (sites of 50 um and less) a site has one pressure, and that is used.

**Heat** near the dose in time keeps lesions from being repaired. The thermal enhancement ratio TER is the factor by
which a dose counts more: 1 + gain x min(CEM43 / full, 1) during heating, falling along a straight line to 1 at the
window (4 h) to either side of it, since which comes first hardly matters (Mei 2020, Cancers 12:582) and nothing is
left beyond about four hours (mouse intestine; row `radiation.ter_window`). It acts on the linear term, which in a
permanent implant is all but all; what it adds is booked to radiation. A heating is known in full when it ends, and
what it does to dose given before counts then, so nothing looks ahead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim._jit import njit
from tumorsim.errors import InputError
from tumorsim.hazards.radiation import ramp_factors

Floats = NDArray[np.float64]

HYPOXIC, SEVERE, ANOXIC = 10.0, 2.5, 0.5  # mmHg: the bands of `State.share10`, `share2p5`, `share0p5`


@njit
def oer(p: float, m: float, half: float) -> float:
    """Oxygen enhancement ratio [-] at ``p`` [mmHg]; ``m`` with plenty of oxygen, ``half`` = K [mmHg]."""
    return (m * p + half) / (p + half)


@njit
def spread(low: float, high: float, half: float) -> tuple[float, float]:
    """Means of 1 / (p + K) and of its square over pressures spread evenly from ``low`` to ``high`` [mmHg]."""
    width = high - low
    if width <= 1e-6 * (low + half):  # a difference of logarithms would lose its digits
        at = 1.0 / (0.5 * (low + high) + half)
        return at, at * at
    return math.log1p(width / (low + half)) / width, 1.0 / ((low + half) * (high + half))


@njit
def bands(half: float) -> tuple[float, float, float, float]:
    """`spread` over 2.5 to 10 and over 0.5 to 2.5 mmHg, which is the same for all sites."""
    top, middle = spread(SEVERE, HYPOXIC, half), spread(ANOXIC, SEVERE, half)
    return top[0], top[1], middle[0], middle[1]


@njit
def side(
    hypoxic: bool,
    po2: float,
    share10: float,
    share2p5: float,
    share0p5: float,
    half: float,
    of_bands: tuple[float, float, float, float],
    resolved: bool,
) -> tuple[float, float]:
    """Means of 1 / (p + K) and of its square over the tissue of one side of 10 mmHg of a site.

    Parameters
    ----------
    hypoxic : bool
        Which side.
    po2 : float
        Mean of the site [mmHg].
    share10, share2p5, share0p5 : float
        Shares of its tissue below 10, 2.5 and 0.5 mmHg, nested.
    half : float
        K [mmHg].
    of_bands : tuple of float
        `bands` of K.
    resolved : bool
        The site has one pressure; where it lies on the other side, cells that have not moved yet are at 10 mmHg.
    """
    if resolved:
        at = 1.0 / ((min(po2, HYPOXIC) if hypoxic else max(po2, HYPOXIC)) + half)
        return at, at * at
    top1, top2, middle1, middle2 = of_bands
    if not hypoxic:
        mean = HYPOXIC
        if share10 < 1.0:
            below = 0.5 * ((share2p5 - share0p5) * (ANOXIC + SEVERE) + (share10 - share2p5) * (SEVERE + HYPOXIC))
            mean = max((po2 - below) / (1.0 - share10), HYPOXIC)
        return spread(HYPOXIC, 2.0 * mean - HYPOXIC, half)
    if share10 <= 0.0:  # cells that have not moved yet
        return top1, top2
    top, middle, low = (share10 - share2p5) / share10, (share2p5 - share0p5) / share10, share0p5 / share10
    return (
        top * top1 + middle * middle1 + low / half,
        top * top2 + middle * middle2 + low / (half * half),
    )


@njit
def oxygen_weights(of_side: tuple[float, float], m_alpha: float, m_beta: float, half: float) -> tuple[float, float]:
    """Means of OER / m for alpha, and of its square for beta, from the means that `side` gives."""
    lack_alpha, lack_beta = (m_alpha - 1.0) * half / m_alpha, (m_beta - 1.0) * half / m_beta  # OER / m = 1 - lack x
    first, second = of_side
    return 1.0 - lack_alpha * first, 1.0 - 2.0 * lack_beta * first + lack_beta * lack_beta * second


@dataclass(frozen=True)
class Enhancement:
    """How heat enhances radiation.

    Attributes
    ----------
    gain : float
        TER - 1 of the full thermal dose given with the radiation [-].
    full : float
        Thermal dose beyond which it does not grow, as time at 43 degC [s].
    window : float
        Time to either side of the heating beyond which there is none [s].

    Raises
    ------
    InputError
        With every value that is impossible.
    """

    gain: float
    full: float
    window: float

    def __post_init__(self) -> None:
        problems = [f"radiation: {f.name} of thermal enhancement must be 0 or more, got {getattr(self, f.name):g}"
                    for f in fields(self) if not 0.0 <= getattr(self, f.name) < math.inf]  # fmt: skip
        if self.full == 0.0:
            problems.append("radiation: the full thermal dose of enhancement must be positive. Example: 60 min")
        if problems:
            raise InputError(problems)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, float]) -> Enhancement:
        """That of the parameter table."""
        return cls(
            parameters["radiation.ter_gain"], parameters["radiation.ter_full"], parameters["radiation.ter_window"]
        )

    def ratio(self, cem43: ArrayLike) -> Floats:
        """TER [-] of dose given during heating with thermal doses ``cem43`` [s at 43 degC], any shape."""
        dose = np.asarray(cem43, dtype=np.float64)
        return np.asarray(1.0 + self.gain * np.minimum(dose / self.full, 1.0))

    def heated_factors(
        self, starts: ArrayLike, decays: ArrayLike, heated: tuple[float, float], begin: float, end: float
    ) -> Floats:
        """Part of the dose that a heating enhances, to be counted from ``begin`` to ``end``.

        Times TER - 1 and the initial dose rate it is the dose to add in the linear term [Gy]. Dose from before the
        heating's end counts at its end; so whatever the cuts, the sum over times is that over the whole window.

        Parameters
        ----------
        starts, decays : array, shape (k,)
            Of the implantations, as in `radiation.dose_factors`.
        heated : (float, float)
            When the heating began and ended [s]. Two heatings nearer than the window are to be given as one.
        begin, end : float
            The step [s]; it counts what lies in begin <= t < end.

        Returns
        -------
        array, shape (k,)
            [s].
        """
        on, off = heated
        if not on <= off:
            raise InputError(f"radiation: a heating must end after it begins, got {on:g} to {off:g} s")
        total = np.zeros(len(np.asarray(starts)))
        if end <= off:
            return total
        since = begin
        if begin <= off:
            if self.window > 0.0:
                total += ramp_factors(starts, decays, on - self.window, on, 0.0, 1.0)
            total += ramp_factors(starts, decays, on, off, 1.0, 1.0)
            since = off
        until = min(end, off + self.window)
        if until > since:
            first, last = (1.0 - (t - off) / self.window for t in (since, until))
            total += ramp_factors(starts, decays, since, until, first, last)
        return total
