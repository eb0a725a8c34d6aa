"""What one run of one patient in one arm hands over: plain numbers and names, no model.

A record is checked when it is made: a number that is not finite is a mistake upstream, and is refused with
its place. A quantity that does not exist is None.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

#: Name of the series that holds N(t), the viable cells in the target.
VIABLE = "viable_cells"

#: One row of a series: time [h], quantity, value (None where it does not exist), unit.
SeriesRow = tuple[float, str, float | None, str]


class ScheduleItem(TypedDict):
    """One line of the schedule audit: what was prescribed and what was delivered.

    ``status`` is one word (``delivered``, ``partly delivered``, ``not delivered``...), ``reason`` says why in
    words and is empty where all went as prescribed.
    """

    time_h: float
    id: str
    kind: str
    prescribed: Mapping[str, Any]
    delivered: Mapping[str, Any]
    status: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is there at one reading of one run (the horizon, or after the last treatment).

    Counts are cells; ``p0`` and ``p0_histology`` are 0 or 1. ``residual_fraction``, ``log10_kill`` and ``p0``
    are None where there is no tumour. ``harm`` and ``imaging`` map names to numbers or None, ``perfusion``
    maps ``liver`` and ``tumour`` to shares of flow and ``total_ml_min_100ml`` *at this time* (the untreated
    perfusion stands in the record). ``zone`` is None where no treatment makes one.

    Raises
    ------
    ValueError
        Where a number is not finite, or a share of patients is neither 0 nor 1.
    """

    viable_cells: int
    residual_fraction: float | None
    log10_kill: float | None
    p0: int | None
    p0_histology: int | None
    deaths_by_cause: Mapping[str, float] = field(default_factory=dict)
    residue_by_zone: Mapping[str, float] = field(default_factory=dict)
    residue_by_reason: Mapping[str, float] = field(default_factory=dict)
    harm: Mapping[str, Any] = field(default_factory=dict)
    zone: Mapping[str, Any] | None = None
    perfusion: Mapping[str, Any] | None = None
    imaging: Mapping[str, Any] | None = None
    #: zone -> reason -> cells, where the run keeps the two together (for the picture in the report)
    residue_by_zone_and_reason: Mapping[str, Mapping[str, float]] | None = None
    #: source of blood -> cells that it feeds (`outcomes.supply.SOURCES`)
    residue_by_supply: Mapping[str, float] = field(default_factory=dict)
    #: elsewhere in the liver, never in N: satellites beyond the target, latent foci (`outcomes.distant`)
    distant: Mapping[str, Any] | None = None
    #: what stands in the vessels now: portal pressure, oil, drug, VEGF, what has opened
    vessels: Mapping[str, Any] | None = None
    #: the patient now: ALBI, Child-Pugh, blood tests; None where there is no liver
    condition: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        for name in ("p0", "p0_histology"):
            if getattr(self, name) not in (0, 1, None):
                raise ValueError(f"{name} of one patient is 0 or 1, got {getattr(self, name)!r}")
        bad = list(not_finite({k: getattr(self, k) for k in self.__dataclass_fields__}))
        if bad:
            raise ValueError(f"not a finite number: {', '.join(bad)}; a quantity that does not exist is None")


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One patient in one arm, from start to horizon.

    Parameters
    ----------
    arm : str
        Name of the arm; not empty.
    patient, seed : int
        0 .. 2**32 - 1.
    state_hash : str
        SHA-256 of the arrays at ``until``, 64 hexadecimal digits.
    scenario : mapping
        The whole scenario as run (texts and numbers only).
    n0 : int
        Viable cells in the target just before the first treatment of any arm of the set.
    horizon_h : float
        Time of ``at_horizon`` [h].
    at_horizon, after_last : Outcome
        ``after_last`` is None for an untreated arm and where it lies beyond ``until``.
    after_last_time_h : float or None
        Time of ``after_last`` [h]; None exactly where ``after_last`` is None.
    nadir_fraction, nadir_time_d : float or None
        Least N/N0 since the first treatment, and when [d].
    perfusion : mapping or None
        ``{liver, tumour} -> {arterial, portal, extrahepatic, total_ml_min_100ml}`` before the first
        treatment.
    series : list of (time_h, quantity, value, unit)
        Must hold `VIABLE`.
    touched_face : bool
        Living tumour cells reached the face of the box: the patient is left out of every arm.
    notes : list of str
        What was assumed or is carried without acting, one sentence each.
    snapshot : dict of arrays or None
        From `tumorsim.studies.snapshot.make_snapshot`, for the patient that is drawn.

    Raises
    ------
    ValueError
        Where a part is impossible; the message names arm and patient.
    """

    arm: str
    patient: int
    seed: int
    state_hash: str
    scenario: Mapping[str, Any]
    n0: int
    horizon_h: float
    at_horizon: Outcome
    after_last: Outcome | None = None
    after_last_time_h: float | None = None
    nadir_fraction: float | None = None
    nadir_time_d: float | None = None
    perfusion: Mapping[str, Any] | None = None
    schedule: list[ScheduleItem] = field(default_factory=list)
    series: list[SeriesRow] = field(default_factory=list)
    touched_face: bool = False
    notes: list[str] = field(default_factory=list)
    snapshot: Mapping[str, NDArray[Any]] | None = None

    def __post_init__(self) -> None:
        where = f"arm {self.arm!r}, patient {self.patient}"
        problems = []
        if not self.arm.strip():
            problems.append("an arm needs a name")
        if not 0 <= self.patient < 2**32 or not 0 <= self.seed < 2**32:
            problems.append("patient and seed are 0 .. 4294967295")
        if not re.fullmatch(r"[0-9a-f]{64}", self.state_hash):
            problems.append("state_hash is 64 hexadecimal digits")
        if (self.after_last is None) != (self.after_last_time_h is None):
            problems.append("after_last and after_last_time_h come together")
        if not any(row[1] == VIABLE for row in self.series):
            problems.append(f"the series hold no {VIABLE!r}")
        numbers = {k: getattr(self, k) for k in ("n0", "horizon_h", "after_last_time_h", "nadir_fraction")}
        numbers |= {"nadir_time_d": self.nadir_time_d, "perfusion": self.perfusion}
        problems += [f"not a finite number: {path}" for path in not_finite(numbers)]
        problems += [
            f"not a finite number: {row[1]} at {row[0]} h"
            for row in self.series
            if not math.isfinite(row[0]) or (row[2] is not None and not math.isfinite(row[2]))
        ]
        if problems:
            raise ValueError("; ".join(f"{where}: {p}" for p in problems))

    @property
    def first_treatment_h(self) -> float | None:
        """Time of the first item of the schedule [h], or None where there is none."""
        return min((float(item["time_h"]) for item in self.schedule), default=None)

    def viable_series(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Times [h] and viable cells in the target, in time order: ``(k,), (k,)``."""
        rows = sorted((row[0], row[2]) for row in self.series if row[1] == VIABLE and row[2] is not None)
        return np.array([r[0] for r in rows], float), np.array([r[1] for r in rows], float)

    def viable_at(self, time_h: float) -> float | None:
        """Viable cells in the target at the first reading at or after a time [h]; None beyond the series.

        The same rule as for ``after_last``, which is read at the end of the base step in which it falls.
        """
        times, cells = self.viable_series()
        index = int(np.searchsorted(times, time_h * (1 - 1e-12)))
        return float(cells[index]) if index < len(times) else None


def not_finite(tree: Any, path: str = "") -> Iterable[str]:
    """Paths of the numbers in nested mappings and sequences that are not finite."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from not_finite(value, f"{path}.{key}" if path else str(key))
    elif isinstance(tree, list | tuple):
        for number, value in enumerate(tree):
            yield from not_finite(value, f"{path}[{number}]")
    elif isinstance(tree, float | np.floating) and not math.isfinite(tree):
        yield path
