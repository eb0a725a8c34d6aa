"""Radiation: the linear-quadratic integral of dose rates that decay, exactly over any time.

A lesion kills at once with alpha a gray; two sublethal ones together with 2 beta, while neither has been repaired
(Lea and Catcheside 1942, J Genet 44:216; Dale 1985, Br J Radiol 58:515). With the dose rate R and repair of rate mu,

    I(t) = integral of R(s) exp(-mu (t - s)) ds up to t        unrepaired dose [Gy]
    dH   = alpha R dt + 2 beta R I dt                          so that H = alpha D (1 + G D / (alpha/beta))

Sources of one implantation share its start t_k and decay lambda_k, so that R(t) is the sum over implantations of
R_k exp(-lambda_k (t - t_k)) from t_k on, with R_k a field of the sites. Both integrals over a time are then sums of
R_k and of R_k R_j with factors that are the same at all sites and have closed forms (`dose_factors`,
`pair_factors`). Nothing runs along: a dose has no memory but the R_k, so cutting a time anywhere, also at an
implantation, changes a hazard by rounding alone. An implantation in the middle of a time counts from its start.

For permanent implants G = lambda / (mu + lambda) is below 1e-3: what kills is alpha, against repopulation.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim._jit import chunked, njit
from tumorsim.errors import InputError

Floats = NDArray[np.float64]

_CLOSE = 0.5  # exponents nearer than this: the difference of their integrals is itself integrated
_FAR = 40.0  # exponents beyond this are over: exp(-40) is below rounding
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)
_NODES, _WEIGHTS = 0.5 * (_NODES + 1.0), 0.5 * _WEIGHTS


def decay_constant(half_life: float) -> float:
    """Rate [1/s] of a half-life or a half-time of repair [s]; InputError where it is not positive."""
    if not 0.0 < half_life < math.inf:
        raise InputError(f"radiation: a half-life must be a positive time, got {half_life:g} s. Example: 59.4 d")
    return math.log(2.0) / half_life


def dose_factors(starts: ArrayLike, decays: ArrayLike, begin: float, end: float) -> Floats:
    """Dose from ``begin`` to ``end`` of each implantation for an initial dose rate of 1.

    Parameters
    ----------
    starts : array, shape (k,)
        When each was implanted [s]; nothing comes before.
    decays : array, shape (k,)
        Decay constants [1/s], 0 or more.
    begin, end : float
        [s]; ``begin`` may be -inf.

    Returns
    -------
    array, shape (k,)
        [s]: times Gy/s at its start it is the dose [Gy].

    Raises
    ------
    InputError
        Where a time is not a number, a decay negative, the shapes differ or ``end`` lies before ``begin``.
    """
    start, decay = _implants(starts, decays, begin, end)
    found = np.zeros(len(start))
    for k in range(len(start)):
        first = max(begin, start[k])
        if end > first:
            span = end - first
            found[k] = math.exp(-decay[k] * (first - start[k])) * span * _mean(decay[k] * span)
    return found


def pair_factors(starts: ArrayLike, decays: ArrayLike, repair: float, begin: float, end: float) -> Floats:
    """Integral of R I from ``begin`` to ``end`` of each pair of implantations for initial dose rates of 1.

    Parameters
    ----------
    starts, decays, begin, end
        As in `dose_factors`.
    repair : float
        mu [1/s], 0 or more.

    Returns
    -------
    array, shape (k, k)
        [s2]: row k the rate, column j the unrepaired dose. Their sum over R_k R_j is the integral of R I [Gy2].

    Raises
    ------
    InputError
        As `dose_factors`, and where ``repair`` is negative or not finite.
    """
    start, decay = _implants(starts, decays, begin, end)
    if not 0.0 <= repair < math.inf:
        raise InputError(f"radiation: the rate of repair must be 0 or more, got {repair:g} 1/s")
    found = np.zeros((len(start), len(start)))
    for k in range(len(start)):
        for j in range(len(start)):
            first = max(begin, start[k], start[j])
            if end <= first:
                continue
            span, age = end - first, first - start[j]
            mine, theirs = decay[k], decay[j]
            held = age * math.exp(-min(theirs, repair) * age) * _mean(abs(repair - theirs) * age)
            faded = span * span * math.exp(-theirs * age)
            of_both = _mean_difference((mine + theirs) * span, (mine + repair) * span)
            now = math.exp(-mine * (first - start[k]))
            found[k, j] = now * (held * span * _mean((mine + repair) * span) + faded * of_both)
    return found


def ramp_factors(starts: ArrayLike, decays: ArrayLike, begin: float, end: float, first: float, last: float) -> Floats:
    """As `dose_factors`, weighed by a straight line from ``first`` at ``begin`` to ``last`` at ``end`` (k,)."""
    start, decay = _implants(starts, decays, begin, end)
    found = np.zeros(len(start))
    for k in range(len(start)):
        since = max(begin, start[k])
        if end > since:
            span = end - since
            at = first + (last - first) * (since - begin) / (end - begin)
            x = decay[k] * span
            weighed = at * _mean(x) + (last - at) * _mean_difference(x, x)
            found[k] = math.exp(-decay[k] * (since - start[k])) * span * weighed
    return found


def dose_and_pairs(
    rates: Floats, sites: NDArray[np.int64], dose_factors: Floats, pair_factors: Floats, threads: int = 1
) -> tuple[Floats, Floats]:
    """Dose [Gy] and integral of R I [Gy2] at some sites, (n,) each.

    Parameters
    ----------
    rates : float64, shape (k, n_sites)
        Initial dose rate of each implantation [Gy/s].
    sites : int64, shape (n,)
    dose_factors, pair_factors : float64, shape (k,) and (k, k)
        Of the time in question.
    threads : int
        Does not change a bit.
    """
    dose, pairs = np.empty(len(sites)), np.empty(len(sites))
    chunked(_dose_and_pairs, len(sites), threads, sites, rates, dose_factors, pair_factors, dose, pairs)
    return dose, pairs


@njit
def dose_at(site: int, rates: Any, dose_factors: Any, pair_factors: Any) -> tuple[float, float]:
    """Dose [Gy] and integral of R I [Gy2] at one site; arguments as in `dose_and_pairs`."""
    dose = pairs = 0.0
    for k in range(dose_factors.size):
        rate = rates[k, site]
        if rate > 0.0:
            dose += rate * dose_factors[k]
            for j in range(dose_factors.size):
                pairs += rate * rates[j, site] * pair_factors[k, j]
    return dose, pairs


@njit
def _dose_and_pairs(lo, hi, sites, rates, dose_factors, pair_factors, dose, pairs):  # type: ignore[no-untyped-def]
    for n in range(lo, hi):
        dose[n], pairs[n] = dose_at(sites[n], rates, dose_factors, pair_factors)


# --- closed forms to compare with -------------------------------------------------------------------------


def g_factor(decay: float, repair: float, time: float = math.inf) -> float:
    """Lea and Catcheside's G [-] of one implantation from its start over a time [s].

    G = 2 / D^2 x the integral of R I; lambda / (mu + lambda) in the end. 1 where nothing is repaired.
    """
    if math.isinf(time):
        return decay / (repair + decay)
    dose = float(dose_factors([0.0], [decay], 0.0, time)[0])
    return 2.0 * float(pair_factors([0.0], [decay], repair, 0.0, time)[0, 0]) / (dose * dose)


def kill_rate(rate: float, decay: float, repair: float, alpha: float, alpha_beta: float, time: float) -> float:
    """Hazard rate dH/dt [1/s] at ``time`` [s] after one implantation of ``rate`` [Gy/s].

    ``alpha`` [1/Gy], ``alpha_beta`` [Gy].
    """
    unrepaired = time * math.exp(-min(decay, repair) * time) * _mean(abs(repair - decay) * time)
    now = rate * math.exp(-decay * time)
    return alpha * now * (1.0 + 2.0 * rate * unrepaired / alpha_beta)


def effective_time(rate: float, decay: float, repair: float, alpha: float, alpha_beta: float, doubling: float) -> float:
    """When one implantation kills no faster than cells double [s]: kill rate = ln 2 / ``doubling`` (Dale 1989).

    0 where it never does from the time on at which repair has come to balance (ten mean lives of a lesion).
    """
    from scipy.optimize import brentq

    grows = math.log(2.0) / doubling

    def excess(time: float) -> float:
        return kill_rate(rate, decay, repair, alpha, alpha_beta, time) - grows

    first = 10.0 / (repair + decay)
    if excess(first) <= 0.0:
        return 0.0
    last = first + 1.0 / decay
    while excess(last) > 0.0:
        last += 1.0 / decay
    return float(brentq(excess, first, last, xtol=1e-6, rtol=1e-14))


def tumour_control(cells: ArrayLike, survival: ArrayLike) -> Floats:
    """Poisson probability that no cell survives, exp(-N S) [-], any shape (Munro and Gilbert 1961)."""
    return np.asarray(np.exp(-np.asarray(cells, dtype=np.float64) * np.asarray(survival, dtype=np.float64)))


# --- integrals of exponentials ----------------------------------------------------------------------------


def _mean(x: float) -> float:
    """Mean of exp(-x u) for u from 0 to 1, (1 - exp(-x)) / x."""
    return -math.expm1(-x) / x if x else 1.0


def _mean_difference(a: float, b: float) -> float:
    """(mean(a) - mean(b)) / (b - a), to rounding also where a and b are near each other, or the same."""
    a, b = min(a, b), max(a, b)
    if a > _FAR:
        return 1.0 / (a * b)
    if b - a > _CLOSE:
        return (_mean(a) - _mean(b)) / (b - a)
    # = integral of u exp(-a u) mean((b - a) u) du, which has no cancellation
    return float(sum(w * u * math.exp(-a * u) * _mean((b - a) * u) for u, w in zip(_NODES, _WEIGHTS, strict=True)))


def _implants(starts: ArrayLike, decays: ArrayLike, begin: float, end: float) -> tuple[Floats, Floats]:
    start, decay = np.asarray(starts, dtype=np.float64), np.asarray(decays, dtype=np.float64)
    problems = []
    if start.ndim != 1 or start.shape != decay.shape:
        problems.append(f"radiation: {start.shape} starts do not match {decay.shape} decay constants")
    if not np.isfinite(start).all():
        problems.append("radiation: the start of an implantation is not a number")
    if not (np.isfinite(decay).all() and (decay >= 0.0).all()):
        problems.append("radiation: decay constants must be 0 or more")
    if not (begin <= end < math.inf):
        problems.append(f"radiation: a time must end after it begins, got {begin:g} to {end:g} s")
    if problems:
        raise InputError(problems)
    return start, decay
