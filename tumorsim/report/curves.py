"""Many patients' curves as a middle, a band and single lines, with zeros kept apart from the log axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SINGLES = 30  # patients drawn one by one, so that a large cohort does not become a smear
POINTS = 180  # points a line


@dataclass(frozen=True)
class Curves:
    """One arm: time [d] (k,), median and 10-90 % band (k,), single patients (k, patients)."""

    days: NDArray[np.float64]
    median: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    singles: NDArray[np.float64]
    patients: int


def summarise(table: pd.DataFrame) -> Curves | None:
    """From a table with time [h] down and patients across; None where it is empty."""
    if table.empty:
        return None
    values = table.to_numpy(dtype=np.float64)
    rows = np.unique(np.linspace(0, len(values) - 1, min(POINTS, len(values))).round().astype(int))
    values = values[rows]
    # a quantile that is a patient's own value: half of a zero and a million would be neither
    low, median, high = np.nanquantile(values, [0.1, 0.5, 0.9], axis=1, method="nearest")
    return Curves(
        days=table.index.to_numpy(dtype=np.float64)[rows] / 24,
        median=median,
        low=low,
        high=high,
        singles=values[:, :SINGLES],
        patients=values.shape[1],
    )


@dataclass(frozen=True)
class LogScale:
    """A log axis with a place for zero under its foot; positions run from 0 (foot) to 1 (top)."""

    low: float  # log10 of the ends
    high: float
    has_zero: bool
    zero_at: float = 0.0
    foot: float = 0.09

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> LogScale:
        """What holds all positive values with a little air, half a decade at least; room for zero if one is."""
        known = values[np.isfinite(values)]
        some = np.log10(known[known > 0])
        low, high = (float(some.min()), float(some.max())) if some.size else (0.0, 1.0)
        air = max(0.05 * (high - low), (0.5 - (high - low)) / 2, 0.03)
        return cls(low - air, high + air, bool((known <= 0).any()))

    def __call__(self, value: float) -> float:
        """Where a value stands: 0 at the foot for zero, the decades above."""
        start = self.foot if self.has_zero else 0.0
        if value <= 0:
            return self.zero_at
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return start + (1 - start) * min(max(share, 0.0), 1.0)

    def ticks(self) -> list[float]:
        """Values to label: decades (thinned where there are many), and 2 and 5 between where there are few."""
        decades = range(math.ceil(self.low), math.floor(self.high) + 1)
        if len(decades) >= 3:
            return [10.0**e for e in decades[:: math.ceil(len(decades) / 10)]]
        finer = range(math.floor(self.low), math.floor(self.high) + 1)
        for steps in ((1, 2, 5), range(1, 10)):
            found = [m * 10.0**e for e in finer for m in steps if self.low <= math.log10(m * 10.0**e) <= self.high]
            if len(found) > 1:  # one label makes no scale
                break
        return found
