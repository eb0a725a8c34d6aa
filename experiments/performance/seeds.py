"""How fast the dose of seeds is: 100 seeds on 128^3 sites, beside the formalism at every site and a bare stencil.

    python experiments/performance/seeds.py [--quick]

Target: 5 s on one core for the mean dose rate of every site of 1 mm. The middle of each site is what histograms take;
"half width" is how far the dose varies in a site. "By the formalism" is TG-43 at the middle of every site of a
sixteenth of the box, times 16. Time is of the processor, the shortest of several, since machines are shared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from stencil import stencil

from tumorsim.lattice import Lattice
from tumorsim.treatments.seeds import SeedSource
from tumorsim.treatments.seeds.dose import Seeds, dose_rate, dose_rate_at, half_width

SIDE, NUMBER, TARGET = 128, 100, 5.0


def implant(number: int, box: float) -> Seeds:
    """Seeds spread evenly over a box [m], in as many directions."""
    share = np.arange(1, number + 1)[:, None] * np.array([0.8191725134, 0.6710436067, 0.5497004779]) % 1.0
    return Seeds(box * (share - 0.5), share[:, ::-1] - 0.47, 0.7)


def shortest(call: Callable[[], Any], repeats: int) -> tuple[Any, float]:
    """Result and the least seconds of the processor."""
    best, result = float("inf"), None
    for _ in range(repeats):
        start = time.process_time()
        result = call()
        best = min(best, time.process_time() - start)
    return result, best


def measure(side: int, number: int, repeats: int) -> dict[str, float]:
    """Seconds by what is worked out."""
    lattice, source, seeds = Lattice((side,) * 3, 1e-3), SeedSource.named("Amersham 6711"), implant(number, 0.08)
    small = Lattice((4, 4, 4), 1e-3)
    half_width(small, source, seeds, dose_rate(small, source, seeds))  # compiles
    part = lattice.centres(np.arange(0, lattice.n_sites, 16))
    dose_rate_at(part[:2], source, seeds)
    mean, first = shortest(lambda: dose_rate(lattice, source, seeds), repeats)
    found = {"mean of each site": first}
    middle, found["middle of each site"] = shortest(lambda: dose_rate(lattice, source, seeds, centre=True), repeats)
    _, found["half width"] = shortest(lambda: half_width(lattice, source, seeds, mean), repeats)
    exact, seconds = shortest(lambda: dose_rate_at(part, source, seeds), 1)
    found["middle, by the formalism"] = 16.0 * seconds
    found["largest difference of the middles"] = float(np.abs(middle[::16] / exact - 1.0).max())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    repeats = 1 if parser.parse_args().quick else 5
    yard = stencil(repeats)
    print(f"one core, processor time; stencil {yard:.3g} sites/s\n")
    print(f"{f'{NUMBER} seeds on {SIDE}^3':<36}{'seconds':>9}{'target':>8}{'sites x seeds/s':>17}{'of stencil':>12}")
    found = measure(SIDE, NUMBER, repeats)
    off = found.pop("largest difference of the middles")
    for name, seconds in found.items():
        speed = NUMBER * SIDE**3 / seconds
        target = f"{TARGET:8.0f}" if name.startswith("mean") else " " * 8
        print(f"{name:<36}{seconds:9.2f}{target}{speed:17.3g}{speed / yard:12.3f}")
    print(f"\nmiddles by the chart and by the formalism: largest difference {off:.1e}")


if __name__ == "__main__":
    main()
