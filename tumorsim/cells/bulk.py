"""Draws and counts for blocks of sites at once: the same bits as the scalar forms, in loops a processor can widen.

Each function fills the first ``n`` entries of row arrays (float64; counts are whole numbers in float64).
What needs a scalar algorithm (few cells, rare outcomes) is done by the scalar function, entry by entry.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tumorsim._jit import njit
from tumorsim._quantiles import BAND, SEAM, _binomial_expansion, _binomial_smooth
from tumorsim.chance import binomial_quantile, normal_quantile

# the smooth expansion is this near the true curve: up to which |z|, from which expectation of the rarer outcome
CENTRAL, NEAR, NEAR_FROM = 1.43, 0.03, 0.5
TAIL, FAR, FAR_FROM = 2.5, 0.06, 2.0
CLEAR = 26.0  # expectation from which the exact sum at the seam is out of reach, to the same z
EXACT_UP_TO = 64  # cells; up to here changes of slot are binomial, above it the rounded expectation

_LOW, _S32, _S16, _S8 = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(16), np.uint64(8)
_MULTIPLY_0, _MULTIPLY_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL_0, _WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_TO_32 = 1.0 / 4294967296.0


@njit(inline="always")
def _two_rounds(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> Any:
    a = _MULTIPLY_0 * c0
    b = _MULTIPLY_1 * c2
    c0, c1, c2, c3 = (b >> _S32) ^ c1 ^ k0, b & _LOW, (a >> _S32) ^ c3 ^ k1, a & _LOW
    a = _MULTIPLY_0 * c0
    b = _MULTIPLY_1 * c2
    k0, k1 = (k0 + _WEYL_0) & _LOW, (k1 + _WEYL_1) & _LOW
    return (b >> _S32) ^ c1 ^ k0, b & _LOW, (a >> _S32) ^ c3 ^ k1, a & _LOW


@njit
def draw4(
    sites: Any, n: Any, seed: Any, patient: Any, purpose: Any, slots: Any, step: Any,
    first: Any, second: Any, third: Any, fourth: Any,
) -> None:  # fmt: skip
    """`chance.uniform4` of ``sites`` and their ``slots`` (int64 rows), a row for each of the four numbers."""
    two = np.uint64(2)
    k0, k1 = np.uint64(seed), np.uint64(patient)
    a0, a1 = (k0 + two * _WEYL_0) & _LOW, (k1 + two * _WEYL_1) & _LOW
    b0, b1 = (a0 + two * _WEYL_0) & _LOW, (a1 + two * _WEYL_1) & _LOW
    d0, d1 = (b0 + two * _WEYL_0) & _LOW, (b1 + two * _WEYL_1) & _LOW
    e0, e1 = (d0 + two * _WEYL_0) & _LOW, (d1 + two * _WEYL_1) & _LOW
    when = np.uint64(step) & _LOW
    what = np.uint64(purpose) << _S16
    for i in range(n):
        who = np.uint64(sites[i])
        asked = what | (np.uint64(slots[i]) << _S8)
        c0, c1, c2, c3 = _two_rounds(who & _LOW, who >> _S32, when, asked, k0, k1)
        c0, c1, c2, c3 = _two_rounds(c0, c1, c2, c3, a0, a1)
        c0, c1, c2, c3 = _two_rounds(c0, c1, c2, c3, b0, b1)
        c0, c1, c2, c3 = _two_rounds(c0, c1, c2, c3, d0, d1)
        c0, c1, c2, c3 = _two_rounds(c0, c1, c2, c3, e0, e1)
        first[i] = (float(c0) + 0.5) * _TO_32
        second[i] = (float(c1) + 0.5) * _TO_32
        third[i] = (float(c2) + 0.5) * _TO_32
        fourth[i] = (float(c3) + 0.5) * _TO_32


@njit(inline="always")
def _central(q: float) -> float:
    """`chance.normal_quantile` of ``0.5 + q`` for ``abs(q) <= 0.425``, in the same operations (Wichura, AS 241)."""
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


@njit
def binomials(n: Any, u: Any, trials: Any, p: Any, z: Any, pick: Any, out: Any) -> None:
    """`chance.binomial_quantile` of each entry; ``z`` and ``pick`` (int64) are scratch.

    Where the rarer outcome is expected fewer than `SEAM` times the answer is that of an exact sum. The smooth
    expansion is within `SURE` of the true curve there (tests hold it to that), so that away from a step both
    give the same whole number, and the sum is left out.
    """
    settled = np.empty(n)
    for i in range(n):
        z[i] = -_central(u[i] - 0.5)
    # entries outside the centre, gathered without a branch that could be mispredicted
    k = 0
    for i in range(n):
        pick[k] = i
        k += 1 if abs(u[i] - 0.5) > 0.425 else 0
    for j in range(k):
        z[pick[j]] = -normal_quantile(u[pick[j]])
    for i in range(n):
        x = _binomial_smooth(z[i], trials[i], p[i])
        whole = math.ceil(x - 0.5)
        out[i] = min(max(whole, 0.0), trials[i])
        rarer = min(trials[i] * p[i], trials[i] * (1.0 - p[i]))
        from_step = 0.5 - abs(whole - x)
        central = abs(z[i]) <= CENTRAL
        margin = NEAR if central & (rarer >= NEAR_FROM) else (FAR if rarer >= FAR_FROM else 1.0)
        margin = margin if rarer < SEAM else (0.0 if rarer >= CLEAR else 1.0)
        margin = margin if abs(z[i]) <= TAIL else (0.0 if rarer >= BAND else 1.0)
        settled[i] = from_step - margin
    k = 0
    for i in range(n):
        pick[k] = i
        k += 0 if settled[i] >= 0.0 else 1
    for j in range(k):
        i = pick[j]
        rarer = min(trials[i] * p[i], trials[i] * (1.0 - p[i]))
        if rarer >= SEAM and out[i] == _held(z[i], trials[i], p[i], out[i]):
            continue
        out[i] = binomial_quantile(u[i], int(trials[i]), p[i])


@njit
def _held(z: float, n: float, p: float, k: float) -> float:
    """``k`` where `binomial_quantile` does not look at the exact sum at the seam, for it is clear of it; else -1."""
    edge = SEAM / n
    if n * p < BAND and k < _binomial_expansion(z, n, edge) + 2.0:
        return -1.0
    if n * (1.0 - p) < BAND and k > _binomial_expansion(z, n, 1.0 - edge) - 2.0:
        return -1.0
    return k


@njit(inline="always")
def movers(u: float, n: Any, p: float) -> Any:
    """How many of ``n`` cells change, with probability ``p`` each; mean ``n p`` exactly, one cell: ``u < p``."""
    if n <= EXACT_UP_TO:
        return binomial_quantile(u, n, p)
    return int(min(float(n), math.floor(n * p + (1.0 - u))))


@njit
def movers_each(n: Any, u: Any, of: Any, p: Any, out: Any) -> None:
    """`movers` of each entry."""
    pick, k = np.empty(n, dtype=np.int64), 0
    for i in range(n):
        out[i] = min(of[i], math.floor(of[i] * p[i] + (1.0 - u[i])))
    for i in range(n):
        pick[k] = i
        k += 1 if (of[i] <= EXACT_UP_TO) & (of[i] != 0.0) else 0
    if k == 0:
        return
    few = np.empty((5, k))
    for j in range(k):
        few[0, j], few[1, j], few[2, j] = u[pick[j]], of[pick[j]], p[pick[j]]
    binomials(k, few[0], few[1], few[2], few[3], np.empty(k, dtype=np.int64), few[4])
    for j in range(k):
        out[pick[j]] = few[4, j]
