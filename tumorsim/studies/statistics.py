"""Statistics over patients: shares by Wilson, everything else by a bootstrap with keyed chance.

Every statistic is ``{mean, low, high, n}`` with a 95 % interval; one patient has no interval (low and high
are None). The resampled patients are the same for every quantity and every arm of a study, so the numbers of
one page belong together and do not depend on the order in which they are worked out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from tumorsim.chance import Purpose, uniforms

#: A statistic as it stands in summary.json.
Statistic = dict[str, float | int | None]

CONFIDENCE = 0.95
REPLICATES = 2000


def statistic(mean: float | None, low: float | None, high: float | None, n: int) -> Statistic:
    """``{mean, low, high, n}`` in this order; raises ValueError where a number is not finite."""
    for value in (mean, low, high):
        if value is not None and not math.isfinite(value):
            raise ValueError(f"a statistic must be finite, got mean {mean}, low {low}, high {high}")
    return {"mean": mean, "low": low, "high": high, "n": n}


def wilson(successes: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Score interval of a share (Wilson, J Am Stat Assoc 22:209, 1927), both ends within 0 and 1.

    Raises
    ------
    ValueError
        Where ``n`` is not positive or ``successes`` lies outside 0 .. n.
    """
    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"a share needs 0 <= successes <= n and n > 0, got {successes} of {n}")
    z = float(special.ndtri(0.5 + confidence / 2))
    p = successes / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    # the ends at 0 and n are exact; rounding would leave 1e-17
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == n else min(1.0, middle + half)
    return low, high


def share(values: Iterable[float | int | bool | None]) -> Statistic:
    """Statistic of a share from one 0 or 1 a patient (None left out), with Wilson's interval.

    Raises
    ------
    ValueError
        Where a value is neither 0 nor 1.
    """
    known = [int(v) for v in values if v is not None and _is_bit(v)]
    n = len(known)
    if n == 0:
        return statistic(None, None, None, 0)
    if n == 1:
        return statistic(float(known[0]), None, None, 1)
    low, high = wilson(sum(known), n)
    return statistic(sum(known) / n, low, high, n)


def mean(values: Iterable[float | int | None], seed: int) -> Statistic:
    """Statistic of a mean over patients (None left out), with the interval of `bootstrap_interval`."""
    known = np.array([float(v) for v in values if v is not None], dtype=np.float64)
    if known.size == 0:
        return statistic(None, None, None, 0)
    centre = _mean(known)
    if known.size == 1:
        return statistic(centre, None, None, 1)
    low, high = bootstrap_interval(known, seed)
    return statistic(centre, low, high, int(known.size))


def bootstrap_interval(
    values: NDArray[np.float64] | Sequence[float], seed: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Bootstrap interval of a mean over patients: the expanded percentile interval.

    The plain percentile interval is too narrow for few patients. Its levels are moved outwards so that it has
    the width of Student's interval where the mean is normal (Hesterberg, Am Stat 69:371, 2015).

    Parameters
    ----------
    values : (n,) array
        One finite value a patient, n >= 2.
    seed : int
        Seed of the study; with the number of patients it fixes who is drawn.
    confidence : float
        Wanted coverage.

    Raises
    ------
    ValueError
        Where there are fewer than two values or one is not finite.
    """
    known = np.asarray(values, dtype=np.float64)
    n = known.size
    if n < 2 or not np.isfinite(known).all():
        raise ValueError(f"an interval needs at least two finite values, got {known.tolist()[:5]}")
    if (known == known[0]).all():
        return float(known[0]), float(known[0])
    means = known[_resampled(int(seed), n)].mean(axis=1)
    tail = float(special.ndtr(math.sqrt(n / (n - 1)) * stats.t.ppf((1 - confidence) / 2, n - 1)))
    low, high = np.quantile(means, [tail, 1 - tail])
    centre = _mean(known)
    # a mean of many equal draws may round past the centre by an ulp
    return min(float(low), centre), max(float(high), centre)


def paired_mean(a: Sequence[float | None], b: Sequence[float | None], seed: int) -> Statistic:
    """Mean of a - b over patients (same order in both; a pair with a None is left out)."""
    return mean([x - y if x is not None and y is not None else None for x, y in zip(a, b, strict=True)], seed)


def paired_share_difference(a: Sequence[int | None], b: Sequence[int | None]) -> Statistic:
    """Difference of two shares, a - b, over the same patients, from Wilson's limits of both shares.

    Square-and-add with the correlation of the pairs: method 10 of Newcombe (Stat Med 17:2635, 1998). A
    bootstrap would give no width at all where every patient has the same answer; this does.

    Raises
    ------
    ValueError
        Where a value is neither 0 nor 1.
    """
    pairs = [
        (int(x), int(y))
        for x, y in zip(a, b, strict=True)
        if x is not None and y is not None and _is_bit(x) and _is_bit(y)
    ]
    n = len(pairs)
    if n == 0:
        return statistic(None, None, None, 0)
    both = sum(x * y for x, y in pairs)
    only_a, only_b = sum(x for x, _ in pairs) - both, sum(y for _, y in pairs) - both
    neither = n - both - only_a - only_b
    difference = (only_a - only_b) / n
    if n == 1:
        return statistic(difference, None, None, 1)
    in_a, in_b = both + only_a, both + only_b
    (low_a, high_a), (low_b, high_b) = wilson(in_a, n), wilson(in_b, n)
    margins = in_a * (n - in_a) * in_b * (n - in_b)
    phi = 0.0
    if margins > 0:
        product: float = both * neither - only_a * only_b
        if product > 0:  # Newcombe's correction for continuity, on the positive side only
            product = max(product - n / 2, 0)
        phi = product / math.sqrt(margins)
    p_a, p_b = in_a / n, in_b / n
    down_a, up_b, up_a, down_b = p_a - low_a, high_b - p_b, high_a - p_a, p_b - low_b
    low = difference - math.sqrt(max(0.0, down_a**2 - 2 * phi * down_a * up_b + up_b**2))
    high = difference + math.sqrt(max(0.0, up_a**2 - 2 * phi * up_a * down_b + down_b**2))
    return statistic(difference, max(-1.0, low), min(1.0, high), n)


def _mean(values: NDArray[np.float64]) -> float:
    # the exact sum, so that the order of patients cannot show; the division may leave the data by an ulp
    centre = math.fsum(values.tolist()) / values.size
    return min(max(centre, float(values.min())), float(values.max()))


def _is_bit(value: float) -> bool:
    if value not in (0, 1):
        raise ValueError(f"one patient counts 0 or 1 towards a share, got {value!r}")
    return True


@lru_cache(maxsize=4)
def _resampled(seed: int, n: int) -> NDArray[np.int32]:
    """Who is drawn: ``(replicates, n)`` numbers of patients; entity = replicate, step = place in the draw."""
    replicates = np.arange(REPLICATES, dtype=np.uint64)
    drawn = np.empty((REPLICATES, n), dtype=np.int32)
    for place in range(n):
        u = uniforms(seed, 0, Purpose.BOOTSTRAP, replicates, step=place)
        drawn[:, place] = np.minimum(u * n, n - 1)
    return drawn
