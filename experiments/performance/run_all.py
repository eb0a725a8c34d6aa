"""All numbers of speed in one table, each beside the stencil timed in the same process.

    python experiments/performance/run_all.py [--quick]

Time is of the processor, the best of several, since machines are shared.
"""

from __future__ import annotations

import argparse
import platform
import time

import cell_rule
import first_run
import heat
import patient_run
import seeds
from plain_mesa import PlainTumor
from stencil import stencil

from tumorsim.model import TumorModel

# single cells, few enough for one Python object each
SMALL = {
    "case": "untreated", "until": "10 d", "tissue__size": "18 mm", "tissue__density": "1e3 1/mL",
    "tissue__tumour__diameter": "8 mm", "tissue__tumour__doubling_time": "14 d", "vessels__terminals": 60,
}  # fmt: skip
STEPS = 10


def plain_mesa() -> tuple[float, int]:
    """Agents a second of the plain Mesa model, with all that a step does, and how many agents."""
    twin = PlainTumor(TumorModel(**SMALL))
    twin.step()
    begun, lived = time.process_time(), 0
    for _ in range(STEPS):
        lived += len(twin.agents)
        twin.step()
    return lived / (time.process_time() - begun), len(twin.agents)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats, smaller boxes, no first run")
    quick = parser.parse_args().quick
    repeats = 5 if quick else 15

    yard = stencil(repeats)
    print(f"Python {platform.python_version()}, one core, processor time, best of {repeats}\n")
    print(f"{'':<34}{'a second':>12}{'of stencil':>13}{'target':>10}")

    def row(name: str, speed: float, target: float | None = None) -> None:
        aim = f"{target:10.0e}" if target else ""
        print(f"{name:<34}{speed:12.3g}{speed / yard:13.2e}{aim}", flush=True)

    row("stencil, sites", yard)
    row("many-cell rule, filled slots", cell_rule.many_cells(repeats), 8e6)
    for name, speed in cell_rule.one_cell(quick, repeats).items():
        row(f"one-cell rule, agents, {name}", speed, 5e7)
    speed, agents = plain_mesa()
    row(f"plain Mesa, {agents} agents", speed)
    found = seeds.measure(seeds.SIDE, seeds.NUMBER, 1 if quick else 3)
    seconds = found["mean of each site"]
    row(f"dose of {seeds.NUMBER} seeds, sites x seeds", seeds.NUMBER * seeds.SIDE**3 / seconds, 4.2e7)
    print()
    for case in patient_run.CASES:
        print(patient_run.line(case, patient_run.best_run(case, 1 if quick else 3)), flush=True)
    print()
    heat.report(1 if quick else 3, (40,) if quick else (40, 70))
    if not quick:
        wall, processor = first_run.first_run()
        print(f"\nfirst run of `small`, nothing compiled: {wall:.0f} s, processor {processor:.0f} s; target 120 s")


if __name__ == "__main__":
    main()
