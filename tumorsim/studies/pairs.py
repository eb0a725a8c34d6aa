"""Paired differences between arms: A minus B, patient by patient, and when one may be called better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from tumorsim.studies import statistics
from tumorsim.studies.records import Outcome, RunRecord
from tumorsim.studies.statistics import Statistic

#: A bootstrap never leaves the range of its data, so few patients who differ the same way would look certain.
#: All of 5 on one side happens by chance in 1 of 16 studies, all of 6 in 1 of 32.
FEWEST = 6


@dataclass(frozen=True)
class _Reading:
    """What a pair compares, for one patient in one arm."""

    log10_residual: float | None  # log10(max(N, 1) / N0)
    p0: int | None


def make_pairs(arms: Mapping[str, Sequence[RunRecord]], seed: int) -> dict[str, Any]:
    """``"A vs B"`` for every A before B, each with the same patients in the same order.

    A pair holds ``log10_residual_difference``, ``p0_difference`` and ``residual_ratio`` (the geometric mean
    of the ratios of residues), the same under ``after_last`` (None where one of the two does not exist),
    ``agrees_after_last``, ``better`` (the arm that leaves less, or None) and ``text``, which says it in
    words.
    """
    pairs = {}
    for a, b in combinations(arms, 2):
        horizon = _compare([_read(r, r.at_horizon) for r in arms[a]], [_read(r, r.at_horizon) for r in arms[b]], seed)
        first = [_after_last(r, partner) for r, partner in zip(arms[a], arms[b], strict=True)]
        second = [_after_last(r, partner) for r, partner in zip(arms[b], arms[a], strict=True)]
        # a pair is left to the horizon alone unless every patient has both readings
        whole = bool(first) and None not in first and None not in second
        later = _compare([r for r in first if r], [r for r in second if r], seed) if whole else None
        agrees, better, text = _verdict(a, b, horizon, later)
        pairs[f"{a} vs {b}"] = {
            **horizon,
            "after_last": later,
            "agrees_after_last": agrees,
            "better": better,
            "text": text,
        }
    return pairs


def _read(record: RunRecord, reading: Outcome) -> _Reading:
    return _Reading(_log10_residual(reading.viable_cells, record.n0), reading.p0)


def _after_last(record: RunRecord, partner: RunRecord) -> _Reading | None:
    """The reading after the last treatment; an untreated run is read at the time of its partner's."""
    if record.after_last is not None:
        return _read(record, record.after_last)
    if record.schedule or partner.after_last_time_h is None:
        return None
    cells = record.viable_at(partner.after_last_time_h)
    return None if cells is None else _Reading(_log10_residual(cells, record.n0), int(cells == 0))


def _log10_residual(cells: float, n0: int) -> float | None:
    return math.log10(max(cells, 1) / n0) if n0 > 0 else None


def _compare(a: Sequence[_Reading], b: Sequence[_Reading], seed: int) -> dict[str, Statistic]:
    difference = statistics.paired_mean([r.log10_residual for r in a], [r.log10_residual for r in b], seed)
    ratio: Statistic = {key: value if key == "n" or value is None else 10.0**value for key, value in difference.items()}
    return {
        "log10_residual_difference": difference,
        "p0_difference": statistics.paired_share_difference([r.p0 for r in a], [r.p0 for r in b]),
        "residual_ratio": ratio,
    }


def _side(value: Statistic) -> int | None:
    """-1 or 1 where the whole interval lies on one side of 0, else 0; None where there is no interval."""
    low, high = value["low"], value["high"]
    if low is None or high is None:
        return None
    return -1 if high < 0 else 1 if low > 0 else 0


def _verdict(
    a: str, b: str, horizon: Mapping[str, Statistic], later: Mapping[str, Statistic] | None
) -> tuple[bool | None, str | None, str]:
    """Whether both readings agree, which arm leaves less if that can be said, and why in words."""
    now = horizon["log10_residual_difference"]
    if now["mean"] is None:
        return None, None, "There is no patient to compare."
    agrees: bool | None = None
    if later is not None and later["log10_residual_difference"]["mean"] is not None:
        agrees = _sign(later["log10_residual_difference"]["mean"]) == _sign(now["mean"])
    side = _side(now)
    if side is None:
        return agrees, None, "One patient shows no interval: neither arm is called better."
    if now["n"] is not None and now["n"] < FEWEST:
        return agrees, None, f"Fewer than {FEWEST} patients are too few: neither arm is called better."
    if side == 0:
        return agrees, None, "At the horizon the interval holds no difference: neither arm is called better."
    less, more = (a, b) if side < 0 else (b, a)
    said = f"{less} leaves less than {more} at the horizon"
    none = "neither is called better."
    if later is None:
        return None, None, f"{said}, but one of them has no reading after the last treatment: {none}"
    if not agrees or _side(later["log10_residual_difference"]) != side:
        return agrees, None, f"{said}, but the reading after the last treatment does not show it: {none}"
    # fewer cells in the mean must not hide fewer patients without any
    if any(_side(reading["p0_difference"]) == side for reading in (horizon, later)):
        return agrees, None, f"{said}, but clears fewer patients altogether: {none}"
    return agrees, less, f"{less} leaves less than {more}, at the horizon and after the last treatment."


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
