"""What a dose of radiation does to the cells of a site, by slot, and to liver.

For the dose D of a step, its integral of R I (see `radiation`) and the dose E that heat adds (see `combine`),

    H = RBE alpha w_alpha (D + E) + 2 beta w_beta (integral of R I),        beta = alpha / (alpha/beta)

with w the weights by oxygen of the slot's side of 10 mmHg. The RBE of soft photons multiplies alpha alone, as for
low dose rates (Dale and Jones 1999, Int J Radiat Oncol Biol Phys 43:639); beta stays that of hard ones.
H is that of a cell of mean sensitivity: patient, place and frailty come in through the trait ``radiosensitivity``
where the cause bears it, and cells that are hit are doomed, not dead, where the cause is mitotic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim._jit import chunked, njit
from tumorsim.errors import InputError
from tumorsim.hazards.combine import HYPOXIC, bands, oxygen_weights, side
from tumorsim.hazards.radiation import decay_constant, dose_at
from tumorsim.state import State

Floats = NDArray[np.float64]
Sites = NDArray[np.int64]

TISSUES = ("tumour", "liver")


@dataclass(frozen=True)
class Response:
    """How a tissue answers to radiation.

    Attributes
    ----------
    alpha : float
        Of cells with plenty of oxygen, for hard photons [1/Gy].
    alpha_beta : float
        [Gy]; inf for none but single hits.
    repair : float
        Rate of repair mu [1/s].
    rbe : float
        Of the photons of the source, on alpha [-].
    oer_alpha, oer_beta : float
        m of either term [-].
    half : float
        K [mmHg].

    Raises
    ------
    InputError
        With every value that is impossible.
    """

    alpha: float
    alpha_beta: float
    repair: float
    rbe: float
    oer_alpha: float
    oer_beta: float
    half: float

    def __post_init__(self) -> None:
        low = {"alpha": 0.0, "repair": 0.0, "oer_alpha": 1.0, "oer_beta": 1.0}
        problems = []
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in low:
                wrong = not low[field.name] <= value < math.inf
                problems += [f"radiation: {field.name} must be {low[field.name]:g} or more, got {value:g}"] * wrong
            elif not (0.0 < value < math.inf or (field.name == "alpha_beta" and value == math.inf)):
                problems.append(f"radiation: {field.name} must be positive, got {value:g}")
        if problems:
            raise InputError(problems)

    @classmethod
    def of(cls, tissue: str, parameters: Mapping[str, float]) -> Response:
        """That of ``tumour`` or ``liver`` by the parameter table; InputError for another tissue."""
        if tissue not in TISSUES:
            raise InputError(f"radiation: no tissue '{tissue}'. Allowed: {', '.join(TISSUES)}")
        return cls(
            alpha=parameters[f"radiation.alpha_{tissue}"],
            alpha_beta=parameters[f"radiation.alpha_beta_{tissue}"],
            repair=decay_constant(parameters[f"radiation.repair_half_time_{tissue}"]),
            rbe=parameters["radiation.rbe"],
            oer_alpha=parameters["radiation.oer_alpha"],
            oer_beta=parameters["radiation.oer_beta"],
            half=parameters["radiation.oer_half_po2"],
        )

    @property
    def linear(self) -> float:
        """Hazard of a Gy with plenty of oxygen, RBE alpha [1/Gy]."""
        return self.rbe * self.alpha

    @property
    def quadratic(self) -> float:
        """Hazard of a Gy2 of the integral of R I with plenty of oxygen, 2 beta [1/Gy2]."""
        return 2.0 * self.alpha / self.alpha_beta


@dataclass(frozen=True, eq=False)
class Spread:
    """How dose rates vary within sites, and for how long they have.

    Near a seed the dose falls by half within a millimetre, and those who survive in a site are those at its far end:
    with doses spread evenly over D - w to D + w a hazard a D becomes a D - ln(sinh(a w) / (a w)). So the residue does
    not hang on the spacing.

    Attributes
    ----------
    widths : float64, shape (k, n_sites)
        Half the width of the dose rate when each implantation is made [Gy/s].
    before, after : float64, shape (k,)
        By `radiation.dose_factors`, from each implantation to the beginning and to the end of the step [s].
    """

    widths: Floats
    before: Floats
    after: Floats

    @classmethod
    def none(cls) -> Spread:
        """Every site has one dose rate."""
        return cls(np.zeros((0, 0)), np.zeros(0), np.zeros(0))


@njit
def spared(x: float) -> float:
    """ln(sinh(x) / x), by which doses spread evenly over D - w to D + w kill less than D does, for x = a w [-]."""
    if x < 1e-2:
        return x * x / 6.0
    return x + math.log1p(-math.exp(-2.0 * x)) - math.log(2.0 * x)


@njit
def _spread(site, widths, factors):  # type: ignore[no-untyped-def]
    """Half the width of the doses within a site so far [Gy]."""
    total = 0.0
    for k in range(factors.size):
        total += widths[k, site] * factors[k]
    return total


@njit
def _hazard(site, dose, pairs, linear, quadratic, widths, before, after):  # type: ignore[no-untyped-def]
    """Of a step at one site, its coefficients weighted by oxygen; less where doses vary within the site."""
    whole = linear * dose + quadratic * pairs
    if widths.size == 0:
        return whole
    less = spared(linear * _spread(site, widths, after)) - spared(linear * _spread(site, widths, before))
    return max(whole - less, 0.0)


@njit
def _tumour(  # type: ignore[no-untyped-def]
    lo, hi, sites, rates, widths, before, after, dose_factors, pair_factors, added, po2, share10, share2p5, share0p5,
    linear, quadratic, m_alpha, m_beta, half, resolved, hazard,
):  # fmt: skip
    of_bands = bands(half)
    for n in range(lo, hi):
        site = sites[n]
        dose, pairs = dose_at(site, rates, dose_factors, pair_factors)
        if added.size > 0:
            dose += added[n]
        if dose <= 0.0:
            continue
        # compiled, float() of a float32 would stay one
        p, s10 = np.float64(po2[site]), np.float64(share10[site])
        s2p5, s0p5 = np.float64(share2p5[site]), np.float64(share0p5[site])
        for h in range(2):
            of_side = side(h == 1, p, s10, s2p5, s0p5, half, of_bands, resolved)
            alpha, beta = oxygen_weights(of_side, m_alpha, m_beta, half)
            more = _hazard(site, dose, pairs, linear * alpha, quadratic * beta, widths, before, after)
            hazard[site, h] += more
            hazard[site, 2 + h] += more


@njit
def _liver(  # type: ignore[no-untyped-def]
    lo, hi, sites, rates, widths, before, after, dose_factors, pair_factors, added, po2, share10, share2p5, share0p5,
    linear, quadratic, m_alpha, m_beta, half, resolved, hazard,
):  # fmt: skip
    of_bands = bands(half)
    for n in range(lo, hi):
        site = sites[n]
        dose, pairs = dose_at(site, rates, dose_factors, pair_factors)
        if added.size > 0:
            dose += added[n]
        if dose <= 0.0:
            continue
        p, s10 = np.float64(po2[site]), np.float64(share10[site])
        s2p5, s0p5 = np.float64(share2p5[site]), np.float64(share0p5[site])
        below = (1.0 if p < HYPOXIC else 0.0) if resolved else s10
        first = second = 0.0
        for h in range(2):
            share = below if h == 1 else 1.0 - below
            if share > 0.0:
                of_side = side(h == 1, p, s10, s2p5, s0p5, half, of_bands, resolved)
                first += share * of_side[0]
                second += share * of_side[1]
        alpha, beta = oxygen_weights((first, second), m_alpha, m_beta, half)
        hazard[site] += _hazard(site, dose, pairs, linear * alpha, quadratic * beta, widths, before, after)


def accumulate_tumour(
    state: State,
    sites: Sites,
    rates: Floats,
    dose_factors: Floats,
    pair_factors: Floats,
    response: Response,
    hazard: Floats,
    *,
    spread: Spread | None = None,
    added: Floats | None = None,
    resolved: bool = False,
    threads: int = 1,
) -> None:
    """Add what a step's radiation does to tumour cells.

    Parameters
    ----------
    state : State
        Read: ``po2``, ``share10``, ``share2p5``, ``share0p5``.
    sites : int64, shape (n,)
        Each once.
    rates : float64, shape (k, n_sites)
        Initial dose rate of each implantation [Gy/s].
    dose_factors, pair_factors : float64, shape (k,) and (k, k)
        Of the step, by `radiation.dose_factors` and `radiation.pair_factors` with ``response.repair``.
    response : Response
    hazard : float64, shape (n_sites, 4)
        Written at ``sites``: hazard of a cell of mean sensitivity, by slot [-].
    spread : Spread, optional
        How doses vary within a site; without it every cell of a site has its mean dose.
    added : float64, shape (n,), optional
        Dose that heat adds at ``sites`` [Gy].
    resolved : bool
        A site has one oxygen pressure (sites of 50 um and less).
    threads : int
        Does not change a bit.
    """
    _accumulate(
        _tumour, state, sites, rates, dose_factors, pair_factors, response, hazard, spread, added, resolved, threads
    )


def accumulate_liver(
    state: State,
    sites: Sites,
    rates: Floats,
    dose_factors: Floats,
    pair_factors: Floats,
    response: Response,
    hazard: Floats,
    *,
    spread: Spread | None = None,
    added: Floats | None = None,
    resolved: bool = False,
    threads: int = 1,
) -> None:
    """Add what a step's radiation does to liver, to ``hazard`` (n_sites,), such as `State.liver_hazard`.

    Arguments as in `accumulate_tumour`, with pair factors by the liver's own repair. Oxygen weighs as the mean over
    all tissue of a site.
    """
    _accumulate(
        _liver, state, sites, rates, dose_factors, pair_factors, response, hazard, spread, added, resolved, threads
    )


def _accumulate(
    kernel: Any,
    state: State,
    sites: Sites,
    rates: Floats,
    dose_factors: Floats,
    pair_factors: Floats,
    response: Response,
    hazard: Floats,
    spread: Spread | None,
    added: Floats | None,
    resolved: bool,
    threads: int,
) -> None:
    k = len(dose_factors)
    if rates.shape != (k, len(hazard)) or pair_factors.shape != (k, k):
        raise ValueError(f"rates of shape {rates.shape} do not fit {k} implantations and {len(hazard)} sites")
    if added is not None and added.shape != sites.shape:
        raise ValueError(f"added dose of shape {added.shape} does not fit {len(sites)} sites")
    within = Spread.none() if spread is None else spread
    if within.widths.size and within.widths.shape != rates.shape:
        raise ValueError(f"widths of shape {within.widths.shape} do not fit rates of {rates.shape}")
    chunked(
        kernel, len(sites), threads, sites, rates, within.widths, within.before, within.after,
        dose_factors, pair_factors,
        np.zeros(0) if added is None else added, state.po2, state.share10, state.share2p5, state.share0p5,
        response.linear, response.quadratic, response.oer_alpha, response.oer_beta, response.half, resolved, hazard,
    )  # fmt: skip
