"""Make the summary of a study from the records of its runs: arms, pairs, hashes; numbers or null, never
NaN."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tumorsim.outcomes.response import CATEGORIES
from tumorsim.studies import statistics
from tumorsim.studies.older import SCHEMA_VERSION
from tumorsim.studies.older import schema as schema
from tumorsim.studies.pairs import make_pairs
from tumorsim.studies.protocol import NOTE, per_protocol
from tumorsim.studies.records import Outcome, RunRecord

#: Leaves that are shares of patients: 0 or 1 for one patient, Wilson's interval over many.
SHARES = frozenset(
    {
        "p0",
        "p0_histology",
        "imaging.cr",
        "imaging.ltp_12mo",
        "imaging.ltp_24mo",
        "imaging.ltp_36mo",
        "condition.decompensated",
        "imaging.cr_sphere_3mm",
        "imaging.cr_sphere_10mm",
        *(f"imaging.response_{by}.{category}" for by in ("mrecist", "recist") for category in CATEGORIES),
        "distant.recurrence_12mo",
        "distant.recurrence_24mo",
        "distant.recurrence_36mo",
    }
)

#: Mappings from a name to cells: a name a patient does not have counts 0 there.
COUNTS = frozenset(
    {"deaths_by_cause", "residue_by_zone", "residue_by_reason", "residue_by_zone_and_reason", "residue_by_supply"}
)

#: Quantiles of the distribution of log10 residue among the patients who have any.
QUANTILES = {"p05": 0.05, "p25": 0.25, "p50": 0.50, "p75": 0.75, "p95": 0.95}


def assemble(
    records: Iterable[RunRecord],
    *,
    name: str,
    kind: str,
    seed: int,
    shared_past: bool | None = None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """The content of ``summary.json``.

    Patients whose living tumour reached the face of the box in any arm are left out of every arm; their runs
    stay in ``runs`` and in the hash.

    Parameters
    ----------
    records : iterable of RunRecord
        Every arm with the same patients; arms stand in the order of first appearance.
    name, kind : str
        Name of the study; ``run``, ``compare``, ``sweep``...
    seed : int
        Seed of the study; it also fixes the bootstrap.
    shared_past : bool or None
        True where arms forked from one common past, False where they were paired by number only.
    notes : sequence of str
        What holds for the whole study, one sentence each.

    Raises
    ------
    ValueError
        Where there is no record, a run stands twice, arms differ in their patients, or the records of an arm
        differ in their horizon.
    """
    by_arm = group(records)
    patients = sorted(next(iter(by_arm.values())))
    excluded = sorted({p for runs in by_arm.values() for p, r in runs.items() if r.touched_face})
    used = [p for p in patients if p not in excluded]
    kept = {arm: [runs[p] for p in used] for arm, runs in by_arm.items()}
    arms = {arm: _arm(kept[arm], next(iter(by_arm[arm].values())).horizon_h, seed) for arm in by_arm}
    if any(arm["per_protocol"]["left_out"] for arm in arms.values()):
        notes = [*notes, NOTE]
    return {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "kind": kind,
        "seed": int(seed),
        "state_hash": hash_of_hashes({arm: hashes(runs) for arm, runs in by_arm.items()}),
        "shared_past": shared_past,
        "patients": {
            "asked": len(patients),
            "used": len(used),
            "excluded": excluded,
            "reason": "living tumour cells reached the face of the box" if excluded else None,
        },
        "arms": arms,
        "pairs": make_pairs(kept, seed),
        "runs": {arm: {str(p): h for p, h in hashes(runs).items()} for arm, runs in by_arm.items()},
        "notes": list(dict.fromkeys([*notes, *(n for rs in by_arm.values() for r in rs.values() for n in r.notes)])),
    }


def group(records: Iterable[RunRecord]) -> dict[str, dict[int, RunRecord]]:
    """Records as arm -> patient -> record, checked to be a full table; raises ValueError where it is not."""
    by_arm: dict[str, dict[int, RunRecord]] = {}
    for record in records:
        runs = by_arm.setdefault(record.arm, {})
        if record.patient in runs:
            raise ValueError(f"arm {record.arm!r}, patient {record.patient}: this run stands twice")
        runs[record.patient] = record
    if not by_arm:
        raise ValueError("there is no run to summarise")
    first = next(iter(by_arm))
    for arm, runs in by_arm.items():
        if set(runs) != set(by_arm[first]):
            odd = sorted(set(runs) ^ set(by_arm[first]))
            raise ValueError(f"arms {first!r} and {arm!r} must hold the same patients; only one has {odd[:5]}")
        horizons = {r.horizon_h for r in runs.values()}
        if len(horizons) > 1:
            raise ValueError(f"arm {arm!r}: one horizon for all patients, got {sorted(horizons)} h")
    return by_arm


def hashes(runs: Mapping[int, RunRecord]) -> dict[int, str]:
    """Patient -> state hash, in order of patients."""
    return {p: runs[p].state_hash for p in sorted(runs)}


def hash_of_hashes(runs: Mapping[str, Mapping[Any, str]]) -> str:
    """The hash of a single run, or SHA-256 over the run hashes (as ASCII) sorted by (arm name, patient)."""
    listed = sorted((arm, int(patient), h) for arm, of_arm in runs.items() for patient, h in of_arm.items())
    if len(listed) == 1:
        return listed[0][2]
    return hashlib.sha256("".join(h for _, _, h in listed).encode("ascii")).hexdigest()


# --- one arm ---------------------------------------------------------------------------------------------


def _arm(runs: Sequence[RunRecord], horizon_h: float, seed: int) -> dict[str, Any]:
    at_horizon = [_leaves(r, r.at_horizon, r.horizon_h) for r in runs]
    arm: dict[str, Any] = {"horizon_d": horizon_h / 24, "n0": statistics.mean([r.n0 for r in runs], seed)}
    arm |= _aggregate(at_horizon, seed)
    arm["distribution"] = _distribution([r.at_horizon for r in runs])
    arm["intention_to_treat"] = {"n": len(runs)}
    arm["per_protocol"] = per_protocol(runs, seed)
    arm["after_last"] = None
    if any(r.after_last is not None for r in runs):
        later = [
            _leaves(r, r.after_last, r.after_last_time_h)
            for r in runs
            if r.after_last is not None and r.after_last_time_h is not None
        ]
        days = [r.after_last_time_h / 24 for r in runs if r.after_last_time_h is not None]
        arm["after_last"] = {"time_d": statistics.mean(days, seed)} | _aggregate(later, seed)
        arm["after_last"]["distribution"] = _distribution([r.after_last for r in runs if r.after_last])
    return arm


def _leaves(record: RunRecord, reading: Outcome, time_h: float) -> dict[str, Any]:
    """The numbers of one reading of one run, in the order of the summary."""
    fraction, when = nadir_until(record, time_h)
    leaves = {name: getattr(reading, name) for name in reading.__dataclass_fields__ if name != "perfusion"}
    return leaves | {
        "nadir_fraction": fraction,
        "nadir_time_d": when,
        # shares before the first treatment, by definition the same at every reading; what is left now beside
        # it
        "perfusion": record.perfusion,
        "perfusion_now": reading.perfusion,
    }


def nadir_until(record: RunRecord, time_h: float) -> tuple[float | None, float | None]:
    """Least N/N0 since the first treatment and when [d], as far as a time [h]."""
    if record.nadir_fraction is None or record.nadir_time_d is None:
        return None, None
    if record.nadir_time_d * 24 <= time_h:
        return record.nadir_fraction, record.nadir_time_d
    times, cells = record.viable_series()
    start = record.first_treatment_h or 0.0
    seen = (times >= start) & (times <= time_h)
    if not seen.any() or record.n0 == 0:
        return None, None
    lowest = int(np.argmin(np.where(seen, cells, np.inf)))
    return float(cells[lowest]) / record.n0, float(times[lowest]) / 24


def _aggregate(trees: Sequence[Mapping[str, Any]], seed: int) -> dict[str, Any]:
    """Nested mappings of numbers, one a patient, to one nested mapping of statistics."""

    def walk(values: Sequence[Any], path: str, fill: float | None) -> Any:
        known = [v for v in values if v is not None]
        if not known:
            return None
        if isinstance(known[0], Mapping):
            keys = dict.fromkeys(key for v in known for key in v)
            missing = 0 if fill is not None or path in COUNTS else None
            return {
                str(key): walk(
                    [None if v is None else v.get(key, _nothing(known, key, missing)) for v in values],
                    f"{path}.{key}" if path else str(key),
                    missing,
                )
                for key in keys
            }
        if path in SHARES:
            return statistics.share(known)
        return statistics.mean([float(v) for v in known], seed)

    if not trees:
        return {
            name: statistics.share([]) if name in SHARES else _no_patient(name)
            for name in (*Outcome.__dataclass_fields__, "nadir_fraction", "nadir_time_d", "perfusion_now")
        }
    keys = dict.fromkeys(key for tree in trees for key in tree)
    return {key: walk([tree[key] for tree in trees], key, None) for key in keys}


def _nothing(known: Sequence[Mapping[str, Any]], key: str, missing: float | None) -> Any:
    """What a patient counts under a name it lacks: 0 cells, or an empty mapping of them, or nothing."""
    if missing is None:
        return None
    return {} if any(isinstance(v.get(key), Mapping) for v in known) else missing


def _no_patient(name: str) -> Any:
    plain = {"viable_cells", "residual_fraction", "log10_kill"}
    return statistics.statistic(None, None, None, 0) if name in plain else ({} if name in COUNTS else None)


def _distribution(readings: Sequence[Outcome]) -> dict[str, Any]:
    """log10 of the residual fraction: no viable cell as a point mass, quantiles of the other patients."""
    fractions = [r.residual_fraction for r in readings if r.residual_fraction is not None]
    some = [math.log10(f) for f in fractions if f > 0]
    quantiles: Callable[[float], float] = lambda q: float(np.quantile(some, q))  # noqa: E731
    return {
        "zero_share": statistics.share([int(f == 0) for f in fractions]),
        "zeros": len(fractions) - len(some),
        "n": len(fractions),
        "log10_residual_fraction": {key: quantiles(q) for key, q in QUANTILES.items()} if some else None,
    }
