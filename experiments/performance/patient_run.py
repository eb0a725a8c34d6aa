"""How long a patient takes: 42 mm, 180 days in steps of 12 h, on one core once compiled.

    python experiments/performance/patient_run.py [--repeats N]

The target is under 6 s after the trees. Times are of the processor (the run has one thread), the best of several
runs, since machines are shared; the parts of the steps are of the same run.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import tumorsim.model
import tumorsim.patient
from tumorsim.model import TumorModel

CASES = ("untreated", "tace_superselective", "tace_lobar")
TARGET = 6.0  # s, after the trees
STEPS_OF_WARMING = 6  # over the treatment of the shipped scenarios, at 1 d


@dataclass(frozen=True)
class Times:
    """Seconds of one run by stage, steps by part, and how much there was to do."""

    trees: float
    rest_of_patient: float  # anatomy, calibration of flow, start in balance
    steps: float
    parts: dict[str, float]
    site_steps: int

    @property
    def after_trees(self) -> float:
        """All but the trees."""
        return self.rest_of_patient + self.steps


def run(case: str, most_steps: int | None = None) -> Times:
    """Run one shipped scenario, timed."""
    grow, clock = tumorsim.patient.grow, time.process_time
    trees = 0.0

    def timed(*args, **kwargs):
        nonlocal trees
        begun = clock()
        grown = grow(*args, **kwargs)
        trees += clock() - begun
        return grown

    wall, time.perf_counter = time.perf_counter, clock  # the model's own parts in processor time, too
    tumorsim.patient.grow = timed
    try:
        begun = clock()
        model = TumorModel(case=case)
        built = clock() - begun
        begun, site_steps = clock(), 0
        while model.running and (most_steps is None or model.clock.index < most_steps):
            model.step()
            site_steps += model.population.members.size
        steps = clock() - begun
    finally:
        tumorsim.patient.grow, time.perf_counter = grow, wall
    parts = {}
    for line in model.plan().splitlines()[1:]:
        _, name, seconds, *_ = line.split()
        parts[name] = float(seconds)
    return Times(trees, built - trees, steps, parts, site_steps)


def best_run(case: str, repeats: int) -> Times:
    """The shortest of several runs, after one that compiles."""
    run(case, STEPS_OF_WARMING)
    return min((run(case) for _ in range(repeats)), key=lambda t: t.after_trees)


def line(case: str, t: Times) -> str:
    """One row of the table."""
    parts = ", ".join(f"{name} {seconds:.2f}" for name, seconds in t.parts.items() if seconds >= 0.05)
    return (
        f"{case:<20} trees {t.trees:5.2f} s   rest of patient {t.rest_of_patient:5.2f} s   steps {t.steps:5.2f} s "
        f"({parts})   {t.site_steps / t.steps:.3g} sites/s   after trees {t.after_trees:5.2f} s, target {TARGET:g} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    for case in CASES:
        print(line(case, best_run(case, repeats)), flush=True)


if __name__ == "__main__":
    main()
