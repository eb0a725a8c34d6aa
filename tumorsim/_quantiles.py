"""Quantile functions: how a uniform number becomes a normal number or a count.

Counts come from the smallest end of their distribution by exact summation where the smaller expectation is
under 20, and from a Cornish-Fisher expansion elsewhere; the seam between the two is held monotone.
"""

from __future__ import annotations

import math
from typing import Any

from tumorsim._jit import njit

SEAM = 20.0  # expected count of the rarer outcome from which the expansion is used
FAR = 1e-9  # upper tail from which a sum near 1 would have lost its digits
BAND = 40.0  # up to here the expansion is held to the exact value at the seam


@njit
def normal_quantile(u: float) -> float:
    """Standard normal quantile of ``u`` in (0, 1), relative error about 1e-16.

    Wichura: Algorithm AS 241, the percentage points of the normal distribution; Appl. Stat. 37 (1988) 477.
    """
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        top = 2.5090809287301226727e3
        top = top * r + 3.3430575583588128105e4
        top = top * r + 6.7265770927008700853e4
        top = top * r + 4.5921953931549871457e4
        top = top * r + 1.3731693765509461125e4
        top = top * r + 1.9715909503065514427e3
        top = top * r + 1.3314166789178437745e2
        top = top * r + 3.3871328727963666080e0
        low = 5.2264952788528545610e3
        low = low * r + 2.8729085735721942674e4
        low = low * r + 3.9307895800092710610e4
        low = low * r + 2.1213794301586595867e4
        low = low * r + 5.3941960214247511077e3
        low = low * r + 6.8718700749205790830e2
        low = low * r + 4.2313330701600911252e1
        low = low * r + 1.0
        return q * top / low
    r = math.sqrt(-math.log(u if q < 0.0 else 1.0 - u))
    if r <= 5.0:
        r -= 1.6
        top = 7.74545014278341407640e-4
        top = top * r + 2.27238449892691845833e-2
        top = top * r + 2.41780725177450611770e-1
        top = top * r + 1.27045825245236838258e0
        top = top * r + 3.64784832476320460504e0
        top = top * r + 5.76949722146069140550e0
        top = top * r + 4.63033784615654529590e0
        top = top * r + 1.42343711074968357734e0
        low = 1.05075007164441684324e-9
        low = low * r + 5.47593808499534494600e-4
        low = low * r + 1.51986665636164571966e-2
        low = low * r + 1.48103976427480074590e-1
        low = low * r + 6.89767334985100004550e-1
        low = low * r + 1.67638483018380384940e0
        low = low * r + 2.05319162663775882187e0
        low = low * r + 1.0
    else:
        r -= 5.0
        top = 2.01033439929228813265e-7
        top = top * r + 2.71155556874348757815e-5
        top = top * r + 1.24266094738807843860e-3
        top = top * r + 2.65321895265761230930e-2
        top = top * r + 2.96560571828504891230e-1
        top = top * r + 1.78482653991729133580e0
        top = top * r + 5.46378491116411436990e0
        top = top * r + 6.65790464350110377720e0
        low = 2.04426310338993978564e-15
        low = low * r + 1.42151175831644588870e-7
        low = low * r + 1.84631831751005468180e-5
        low = low * r + 7.86869131145613259100e-4
        low = low * r + 1.48753612908506148525e-2
        low = low * r + 1.36929880922735805310e-1
        low = low * r + 5.99832206555887937690e-1
        low = low * r + 1.0
    return -top / low if q < 0.0 else top / low


@njit
def _rare(v: float, n: float, p: float, above: bool) -> float:
    """Smallest k with P(X <= k) >= v (``above``: > v) by summation; X binomial, n p to 20 and p to 1/2."""
    ratio = p / (1.0 - p)
    term = math.exp(n * math.log1p(-p))  # never under 2**-41 here
    total = term
    k = 0.0
    if 1.0 - v < FAR:
        return _rare_far(1.0 - v, n, ratio, term, above)
    while total < v or (above and total == v):
        if k == n:
            break
        term *= ratio * (n - k) / (k + 1.0)
        k += 1.0
        total += term
    return k


@njit
def _rare_far(w: float, n: float, ratio: float, term: float, above: bool) -> float:
    """`_rare` in the far tail, from its end: smallest k with P(X > k) <= w (``above``: < w), w small."""
    k = 0.0
    while k < n and (term > 1e-20 * w or k < ratio * n):
        term *= ratio * (n - k) / (k + 1.0)
        k += 1.0
    beyond = 0.0  # P(X > k), but for what is far below w
    while k > 0.0 and (beyond + term < w or (beyond + term == w and not above)):
        beyond += term
        term *= k / (ratio * (n - k + 1.0))
        k -= 1.0
    return k


@njit
def _smooth(z: float, mean: float, variance: float, skew: float, excess: float) -> float:
    """The smooth curve that meets a lattice variable's distribution half way between whole numbers, at Phi(z).

    Cornish, Fisher 1938. ``skew`` and ``excess`` are third and fourth cumulant over the variance. The curve has a
    variance smaller by 1/12 and a fourth cumulant larger by 1/120.
    """
    narrow = variance - 1.0 / 12.0
    s = math.sqrt(narrow)
    k3 = skew * variance / narrow
    k4 = (excess * variance + 1.0 / 120.0) / narrow
    x = mean + s * z + k3 * (z * z - 1.0) / 6.0
    return x + (k4 * (z * z - 3.0) / 24.0 - k3 * k3 * (2.0 * z * z - 5.0) / 36.0) * z / s


@njit
def _expansion(z: float, mean: float, variance: float, skew: float, excess: float) -> float:
    """Smallest whole k at which a lattice variable's distribution reaches Phi(z), by the smooth curve."""
    return math.ceil(_smooth(z, mean, variance, skew, excess) - 0.5)


@njit
def _binomial_smooth(z: float, n: float, p: float) -> float:
    pq = p * (1.0 - p)
    return _smooth(z, n * p, n * pq, 1.0 - 2.0 * p, 1.0 - 6.0 * pq)


@njit
def _binomial_expansion(z: float, n: float, p: float) -> float:
    pq = p * (1.0 - p)
    return _expansion(z, n * p, n * pq, 1.0 - 2.0 * p, 1.0 - 6.0 * pq)


@njit
def binomial_quantile(u: float, n: Any, p: float) -> Any:
    """Survivors among ``n`` cells that each survive with probability ``p``, for the draw ``u``.

    The smallest k with ``P(X <= k) >= 1 - u``, X binomial: one cell survives where ``u < p``. Decreasing in
    ``u``, nondecreasing in ``p`` (also through the seam of the two methods), between 0 and ``n``.

    Parameters
    ----------
    u : float
        Draw in (0, 1).
    n : int
        Cells, 0 or more.
    p : float
        Probability of survival; 0 and less gives 0, 1 and more gives ``n``.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        Where ``p`` is not a number.
    """
    if not p == p:
        raise ValueError("binomial_quantile: p is not a number")
    if n <= 0 or p <= 0.0:
        return 0
    if p >= 1.0:
        return int(n)
    if n == 1:
        return 1 if u < p else 0
    size = float(n)
    q = 1.0 - p
    if p <= q:
        if size * p < SEAM:
            return int(_rare(1.0 - u, size, p, False))
    elif size * q < SEAM:
        return int(n) - int(_rare(u, size, q, True))
    z = -normal_quantile(u)
    k = min(max(_binomial_expansion(z, size, p), 0.0), size)
    # The expansion may be one off. Near the seams it is held to what the exact sum gives there; the sum is
    # done only where the expansion at the seam, which is one off at most, leaves it in doubt.
    edge = SEAM / size
    if size * p < BAND and k < _binomial_expansion(z, size, edge) + 2.0:
        k = max(k, _rare(1.0 - u, size, edge, False))
    if size * q < BAND and k > _binomial_expansion(z, size, 1.0 - edge) - 2.0:
        k = min(k, size - _rare(u, size, edge, True))
    return int(k)


@njit
def _poisson_sum(u: float, mean: float) -> float:
    term = math.exp(-mean)
    total = term
    k = 0.0
    while total < u and term > 1e-19:
        k += 1.0
        term *= mean / k
        total += term
    return k


@njit
def poisson_quantile(u: float, mean: float) -> Any:
    """Smallest k with ``P(X <= k) >= u``, X Poisson: INcreasing in ``u``, nondecreasing in ``mean``.

    Raises
    ------
    ValueError
        Where ``mean`` is not a number.
    """
    if not mean == mean:
        raise ValueError("poisson_quantile: mean is not a number")
    if mean <= 0.0:
        return 0
    if mean < SEAM:
        return int(_poisson_sum(u, mean))
    z = normal_quantile(u)
    k = max(_expansion(z, mean, mean, 1.0, 1.0), 0.0)
    if mean < BAND:
        k = max(k, _poisson_sum(u, SEAM))
    return int(k)
