"""Does the response depend on the lattice, or on the step?

    python experiments/physics/lattice/lattice.py --patients 24 --workers 2

A tumour of 12 mm in a box of 26 mm, treated once on day 2 by a uniform log-kill (3, 6 or 9) or by TACE, at spacings
of 0.5, 1 and 2 mm and steps of 6, 12 and 24 h. Two things are read, as shares of the cells there were:

- the residue expected, the sum of n0 exp(-H), with growth off (`couplings.growth`): without the luck of draws
- the residue drawn, with everything on

Every run is one row of `runs.csv`; rows that are there are not run again, so that a long cohort can be stopped and
gone on with. `--table` only reads them and prints `tables.md`.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from scipy import stats

from tumorsim.model import DAY, TumorModel
from tumorsim.outcomes.expected import expected_residue
from tumorsim.outcomes.residue import Attempt
from tumorsim.scenario import Scenario, schema
from tumorsim.treatments import base
from tumorsim.treatments.base import Delivery, Kind, Plan, Treatment
from tumorsim.treatments.spec import Spec

HERE = Path(__file__).parent
RUNS, TABLES = HERE / "runs.csv", HERE / "tables.md"
COLUMNS = ("treatment", "spacing_mm", "step_h", "patient", "n0", "residue", "after", "expected", "expected_after")
TREATED, NEXT, AFTER = 2, 3, 30  # d: treatment; a day later; four weeks later
LOG_KILLS = {"log-kill 3": 3.0, "log-kill 6": 6.0, "log-kill 9": 9.0}
TACE: dict[str, dict[str, Any]] = {
    "TACE": {"beads": "100 um"},
    "TACE with oil": {"beads": "100 um", "oil": "1 mL"},
    "TACE, feeders missed": {"beads": "100 um"},  # some, by the default of the parameter table
}
SPACINGS, STEPS = (0.5, 1.0, 2.0), (6, 12, 24)
NO_MISS = {"embolisation.missed_feeder": 0}
Z95 = 1.959963984540054

Row = dict[str, Any]


# --- a log-kill that is the same everywhere, as a treatment of its own ------------------------------------


class UniformSpec(Spec):
    """``log_kill``: log10 of cells before over cells after."""

    log_kill: float = 3.0

    def describe(self) -> str:
        """In words."""
        return f"a log-kill of {self.log_kill:g} everywhere"


class Uniform(Treatment):
    """Nothing but a hazard within one step."""

    causes: ClassVar[tuple[str, ...]] = ("uniform",)

    def plan(self, images: Any, **context: Any) -> Plan:
        """The whole tumour that the image shows."""
        return Plan(images.visible, {"log_kill": self.spec.log_kill})

    def deliver(self, plan: Plan, patient: Any, **context: Any) -> Delivery:
        """The same hazard in every slot of every site."""
        hazard = self.spec.log_kill * math.log(10.0)
        context["pulse"]("uniform", np.full((patient.lattice.n_sites, 4), hazard))
        return Delivery({"log_kill": self.spec.log_kill}, changed=True)

    def attempt(self, plan: Plan, delivery: Delivery, patient: Any, state: Any) -> Attempt:
        """Reasons of survival are not asked for here."""
        raise NotImplementedError


def register() -> None:
    """Add the treatment to those there are, in this process."""
    kinds = base.registry()
    if "uniform" not in kinds:
        kinds["uniform"] = Kind("uniform", UniformSpec, f"{__name__}:Uniform", "uniform log-kill")
        schema.item_model.cache_clear()
        schema.file_model.cache_clear()


# --- one run ---------------------------------------------------------------------------------------------


def scenario(treatment: str, spacing_mm: float, step_h: int, growth: bool = True) -> Scenario:
    """The tumour, treated on day 2."""
    register()
    kinds: dict[str, Any] = {name: {"uniform": {"log_kill": kill}} for name, kill in LOG_KILLS.items()}
    for name, given in TACE.items():
        kinds[name] = {"tace": {"catheter": "superselective", "drug": {"doxorubicin": "50 mg"}, **given}}
    return Scenario.from_dict(
        {
            "name": "lattice",
            "until": f"{AFTER} d",
            "step": f"{step_h} h",
            "seed": 11,
            "tissue": {
                "size": "26 mm",
                "spacing": f"{spacing_mm:g} mm",
                "tumour": {"diameter": "12 mm", "capsule": "intact", "septa": 1, "doubling_time": "140 d"},
            },
            "vessels": {"feeders": 3, "terminals": 400},
            # a small tumour's arteries are narrow, and the operator finds them unless it is asked for otherwise
            "parameters": {"imaging.smallest_artery": "0.1 mm"} | ({} if "missed" in treatment else NO_MISS),
            "couplings": {} if growth else {"growth": "off"},
            "treatments": [{"at": f"{TREATED} d", **kinds[treatment]}],
        }
    )


def to_day(model: TumorModel, day: float) -> TumorModel:
    """Step to the end of a day."""
    while model.now < day * DAY:
        model.step()
    return model


def expected_now(model: TumorModel) -> float:
    """Share of the first cells of the target that is expected to live."""
    ledger = model.records.ledger
    assert ledger is not None
    here = model.virtual_patient.anatomy.target[ledger.sites]
    return expected_residue(ledger.n0, ledger.total(), here) / int(ledger.n0[here].sum())


def one_run(treatment: str, spacing_mm: float, step_h: int, patient: int) -> Row:
    """Residue of one patient a day and four weeks after treatment: drawn as cells, expected as shares."""
    model = to_day(TumorModel(case=scenario(treatment, spacing_mm, step_h), patient=patient), TREATED)
    n0 = model.viable_in_target
    residue = to_day(model, NEXT).viable_in_target
    after = to_day(model, AFTER).viable_in_target
    still = to_day(TumorModel(case=scenario(treatment, spacing_mm, step_h, growth=False), patient=patient), NEXT)
    expected = expected_now(still)
    return dict(
        zip(
            COLUMNS,
            (treatment, spacing_mm, step_h, patient, n0, residue, after, expected, expected_now(to_day(still, AFTER))),
            strict=True,
        )
    )


# --- many runs -------------------------------------------------------------------------------------------


def key_of(row: Row) -> tuple[str, float, int, int]:
    """What names a run."""
    return str(row["treatment"]), float(row["spacing_mm"]), int(row["step_h"]), int(row["patient"])


def read_runs(path: Path = RUNS) -> list[Row]:
    """Rows that are there."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = {name: float for name in ("spacing_mm", "expected", "expected_after")}
    whole = ("step_h", "patient", "n0", "residue", "after")
    return [
        {**row, **{k: f(row[k]) for k, f in numbers.items()}, **{k: int(row[k]) for k in whole}} for row in rows
    ]  # fmt: skip


def run_all(jobs: Iterable[tuple[str, float, int, int]], workers: int, path: Path = RUNS) -> None:
    """Run what is not there yet, and write every row when it is done."""
    there = {key_of(row) for row in read_runs(path)}
    due = [job for job in jobs if job not in there]
    print(f"{len(due)} runs to do, {len(there)} there", flush=True)
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if fresh:
            writer.writeheader()
        for row in _rows(due, workers):
            writer.writerow(row)
            file.flush()


def _rows(due: list[tuple[str, float, int, int]], workers: int) -> Iterator[Row]:
    if workers == 1:
        yield from (one_run(*job) for job in due)
        return
    with ProcessPoolExecutor(workers) as pool:
        for future in as_completed([pool.submit(one_run, *job) for job in due]):
            yield future.result()


# --- what they say ---------------------------------------------------------------------------------------


def log10_share(row: Row, column: str) -> float:
    """log10 of the drawn residue's share, one cell where there is none (as `log10_kill`)."""
    return math.log10(max(row[column], 1) / row["n0"])


def mean_and_half(values: list[float]) -> tuple[float, float]:
    """Mean and half of its 95 % interval (Student's)."""
    if len(values) < 2:
        return float(np.mean(values)), math.nan
    spread = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return float(np.mean(values)), float(stats.t.ppf(0.975, len(values) - 1)) * spread


def wilson(k: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    middle, spread = k + Z95**2 / 2, Z95 * math.sqrt(k * (n - k) / n + Z95**2 / 4)
    return (middle - spread) / (n + Z95**2), (middle + spread) / (n + Z95**2)


def paired(rows: list[Row], column: str, by: str, reference: Any, fixed: Row) -> dict[Any, tuple[float, float, int]]:
    """Mean difference of log10 residue from the reference over patients who have both, with half its interval."""
    chosen = [row for row in rows if all(row[k] == v for k, v in fixed.items())]
    of = {(row[by], row["patient"]): log10_share(row, column) for row in chosen}
    found = {}
    for value in sorted({row[by] for row in chosen} - {reference}):
        both = [p for v, p in of if v == value and (reference, p) in of]
        if both:
            found[value] = (*mean_and_half([of[value, p] - of[reference, p] for p in both]), len(both))
    return found


def tables(rows: list[Row]) -> str:
    """All tables as Markdown."""
    return "\n\n".join((_verdicts(rows), _expected(rows), _drawn(rows), _few(rows)))


def bands(rows: list[Row]) -> list[tuple[str, float, float, bool]]:
    """What is asked for, the largest that was found, its limit, and whether it holds with its whole 95 % interval.

    Residue is read four weeks after treatment.
    """
    found = []
    for treatment in LOG_KILLS:
        means = [float(np.mean([r["expected_after"] for r in g])) for (t, *_), g in _groups(rows) if t == treatment]
        if means:
            off = max(means) / min(means) - 1.0
            found.append((f"{treatment}: expected residue over spacing and step", off, 0.01, off <= 0.01))
    for treatment in ("log-kill 3", *TACE):
        for by, reference, fixed, limit in (
            ("spacing_mm", 1.0, {"step_h": 12}, 0.2),
            ("step_h", 12, {"spacing_mm": 1.0}, math.log10(1.05)),
        ):
            off = paired(rows, "after", by, reference, {"treatment": treatment, **fixed})
            if off:
                most = max(abs(mean) + half for mean, half, _ in off.values())
                found.append(
                    (f"{treatment}: log10 of drawn residue over {by.split('_')[0]}", most, limit, most <= limit)
                )
    for treatment in ("log-kill 6", "log-kill 9"):
        groups = [group for (t, *_), group in _groups(rows) if t == treatment]
        for what in ("p0", "mean"):
            overlap = _least_overlap([_interval(group, what) for group in groups])
            if groups:
                found.append((f"{treatment}: gap between 95 % intervals of {what}", -overlap, 0.0, overlap >= 0.0))
    return found


def _interval(group: list[Row], what: str) -> tuple[float, float]:
    """95 % interval of p0, or of the mean cells left (Poisson's spread where the patients show none)."""
    cells = [float(row["after"]) for row in group]
    if what == "p0":
        return wilson(sum(n == 0 for n in cells), len(cells))
    total = sum(cells)
    low, high = stats.gamma.ppf(0.025, total) if total else 0.0, stats.gamma.ppf(0.975, total + 1.0)
    mean, half = mean_and_half(cells)
    return min(float(low) / len(cells), mean - half), max(float(high) / len(cells), mean + half)


def _least_overlap(intervals: list[tuple[float, float]]) -> float:
    """By how much the lowest upper end lies above the highest lower end; 0 or more: all have a value in common."""
    return min((high for _, high in intervals), default=0.0) - max((low for low, _ in intervals), default=0.0)


def _verdicts(rows: list[Row]) -> str:
    lines = ["## What is asked for", "", "| what | found | limit | |", "|---|---|---|---|"]
    lines += [
        f"| {what} | {off:.4f} | {limit:.4f} | {'holds' if ok else 'DOES NOT HOLD'} |"
        for what, off, limit, ok in bands(rows)
    ]
    return "\n".join(lines)


def _expected(rows: list[Row]) -> str:
    lines = ["## Expected residue, growth off: share of the cells there were", ""]
    lines += ["| treatment | spacing | step | patients | a day later | 4 weeks later |", "|---|---|---|---|---|---|"]
    for (treatment, spacing, step), group in _groups(rows):
        means = [float(np.mean([row[c] for row in group])) for c in ("expected", "expected_after")]
        lines.append(f"| {treatment} | {spacing:g} mm | {step} h | {len(group)} | {means[0]:.5g} | {means[1]:.5g} |")
    return "\n".join(lines)


def _drawn(rows: list[Row]) -> str:
    lines = ["## Drawn residue, everything on: log10 of the share left, mean and 95 % interval", ""]
    lines += ["| treatment | spacing | step | patients | a day later | 4 weeks later |", "|---|---|---|---|---|---|"]
    for (treatment, spacing, step), group in _groups(rows):
        texts = [
            "{:.3f} ± {:.3f}".format(*mean_and_half([log10_share(r, c) for r in group])) for c in ("residue", "after")
        ]
        lines.append(f"| {treatment} | {spacing:g} mm | {step} h | {len(group)} | {texts[0]} | {texts[1]} |")
    lines += ["", "Differences from 1 mm (at 12 h) and from 12 h (at 1 mm), of the same patients:", ""]
    lines += ["| treatment | against | a day later | 4 weeks later | patients |", "|---|---|---|---|---|"]
    for treatment in ("log-kill 3", *TACE):
        for by, reference, fixed in (("spacing_mm", 1.0, {"step_h": 12}), ("step_h", 12, {"spacing_mm": 1.0})):
            found = [paired(rows, c, by, reference, {"treatment": treatment, **fixed}) for c in ("residue", "after")]
            for value, (mean, half, n) in found[0].items():
                later = found[1][value]
                name = f"{value:g} mm" if by == "spacing_mm" else f"{value} h"
                lines.append(
                    f"| {treatment} | {name} | {mean:+.3f} ± {half:.3f} | {later[0]:+.3f} ± {later[1]:.3f} | {n} |"
                )
    return "\n".join(lines)


def _few(rows: list[Row]) -> str:
    lines = ["## Drawn residue of few cells: p0 and mean cells, 95 % intervals", ""]
    lines += ["| treatment | spacing | step | patients | p0 a day later | cells a day later | p0 4 weeks later |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for (treatment, spacing, step), group in _groups(rows):
        if treatment not in ("log-kill 6", "log-kill 9"):
            continue
        n = len(group)
        shares = []
        for column in ("residue", "after"):
            none = sum(row[column] == 0 for row in group)
            low, high = wilson(none, n)
            shares.append(f"{none / n:.2f} ({low:.2f} to {high:.2f})")
        mean, half = mean_and_half([float(row["residue"]) for row in group])
        cells = f"{mean:.4g} ± {half:.3g}"
        lines.append(f"| {treatment} | {spacing:g} mm | {step} h | {n} | {shares[0]} | {cells} | {shares[1]} |")
    return "\n".join(lines)


def _groups(rows: list[Row]) -> Iterator[tuple[tuple[str, float, int], list[Row]]]:
    def key(row: Row) -> tuple[str, float, int]:
        return str(row["treatment"]), float(row["spacing_mm"]), int(row["step_h"])

    for name, group in itertools.groupby(sorted(rows, key=key), key=key):
        yield name, list(group)


def main() -> None:
    """Run, then write the tables."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--patients", type=int, default=12)
    asked.add_argument("--spacings", type=float, nargs="+", default=SPACINGS, metavar="MM")
    asked.add_argument("--steps", type=int, nargs="+", default=STEPS, metavar="H")
    asked.add_argument("--treatments", nargs="+", default=[*LOG_KILLS, *TACE])
    asked.add_argument("--workers", type=int, default=1)
    asked.add_argument(
        "--every-pair", action="store_true", help="every spacing at every step, not one of them at a time"
    )
    asked.add_argument("--table", action="store_true", help="only read what is there")
    given = asked.parse_args()
    pairs = [
        (spacing, step)
        for spacing in given.spacings
        for step in given.steps
        if given.every_pair or spacing == 1.0 or step == 12
    ]
    # patient by patient, so that what is there at any time can be compared
    jobs = [(t, *pair, patient) for patient in range(given.patients) for t in given.treatments for pair in pairs]
    if not given.table:
        run_all(jobs, given.workers)
    text = tables(read_runs())
    TABLES.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
