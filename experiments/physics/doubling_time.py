"""Does the untreated tumour double in the time that was asked for, whatever the grid and the step?

    python experiments/physics/doubling_time.py

Runs the shipped untreated patient for 60 days and prints a table: the doubling time that its cells show over
all 60 days and over the first and last 20. About a minute.
"""

from __future__ import annotations

import math

from tumorsim.model import DAY, TumorModel
from tumorsim.scenario import Scenario

ASKED, DAYS = 140, 60
CASES = [
    (diameter, capsule, spacing, step, 0)
    for diameter, capsule in (("42 mm", "intact"), ("42 mm", "none"), ("25 mm", "intact"))
    for spacing in ("1 mm", "2 mm")
    for step in ("6 h", "12 h", "24 h")
] + [("42 mm", "intact", "2 mm", "12 h", patient) for patient in (1, 2, 3)]


def doubling_days(model: TumorModel, first: float, last: float) -> float:
    """Doubling time [d] of all viable tumour cells between two days of a run."""
    a, b = (round(day * DAY / model.case.step) for day in (first, last))
    viable = model.records.viable
    return (last - first) * math.log(2.0) / math.log(viable[b] / viable[a])


def main() -> None:
    untreated = Scenario.load("untreated").replace(until=f"{DAYS} d", tissue__tumour__doubling_time=f"{ASKED} d")
    print(f"Doubling time [d] of the untreated tumour over {DAYS} days; {ASKED} d was asked for.\n")
    print("| tumour | capsule | spacing | step | patient | over 60 d | error | days 0-20 | days 40-60 |")
    print("|---|---|---|---|---|---|---|---|---|")
    worst = 0.0
    for diameter, capsule, spacing, step, patient in CASES:
        case = untreated.replace(
            step=step, tissue__spacing=spacing, tissue__tumour__diameter=diameter, tissue__tumour__capsule=capsule
        )
        model = TumorModel(case=case, patient=patient)
        while model.running:
            model.step()
        found = doubling_days(model, 0, DAYS)
        worst = max(worst, abs(found / ASKED - 1.0))
        print(
            f"| {diameter} | {capsule} | {spacing} | {step} | {patient} | {found:.1f} | {found / ASKED - 1:+.1%} "
            f"| {doubling_days(model, 0, 20):.1f} | {doubling_days(model, 40, 60):.1f} |",
            flush=True,
        )
    print(f"\nLargest error over {DAYS} days: {worst:.1%}.")


if __name__ == "__main__":
    main()
