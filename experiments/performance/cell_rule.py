"""How fast cells live, on one core once compiled: counts in slots, single cells, and a whole 42 mm tumour.

    python experiments/performance/cell_rule.py [--quick]

Each number stands beside a 7-point stencil over float32 timed in the same process (the yardstick is
1.3e9 sites/s on one core), because machines and their load differ. The best of several repeats is given,
in time of the processor.
"""

from __future__ import annotations

import argparse
import time
from types import SimpleNamespace

import numpy as np
from stencil import best, stencil

from tumorsim.cells.population import Population
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.state import Sizes, State

DAY, STEP = 86400, 43200


def tumour(diameter, box, spacing, share, hazard_per_day):
    """A ball of tumour with the given share of hypoxic tissue and hazard of hypoxic cells."""
    lattice = Lattice.for_box(box, spacing)
    parameters = load_parameters()
    one = parameters["tissue.cell_density"] * spacing**3 < 2
    state = State(Sizes(sites=lattice.n_sites, one_cell=one))
    r = np.sqrt((lattice.centres() ** 2).sum(axis=1))
    state.compartment[r < diameter / 2] = 1
    state.share10[:] = share
    anatomy = SimpleNamespace(
        baseline_target=r < diameter / 2 + 5e-3,
        capsule_site=np.zeros(lattice.n_sites, np.uint8),
        permeability=SimpleNamespace(capsule=0.1, septum=0.1, wall=0.0),
    )
    population = Population(lattice, state, anatomy, parameters, seed=1, patient=0, dt=STEP, doubling_time=140 * DAY)
    none = np.zeros(lattice.n_sites)
    # no two sites alike, so that nothing computed for one site can be used for the next
    hazard = hazard_per_day * STEP / DAY * (0.5 + np.arange(lattice.n_sites) / lattice.n_sites)
    population.seed_cells(state.share10, hazard)
    return population, none, hazard


def rule_alone(population, none, hazard, repeats):
    """Cells or slots a second through the kernel of the rule, without the placing of births."""
    full = population.state.fork()
    original = population._ground.place
    population._ground.place = lambda overflow, key: (0, 0, 0)
    try:
        seconds = best(lambda: population.advance(none, hazard, 1), repeats)
    finally:
        population._ground.place = original
    if population.one_cell:
        return np.count_nonzero(full.phase) / seconds
    return np.count_nonzero(full.viable) / seconds


def many_cells(repeats):
    """Filled slots a second."""
    return rule_alone(*tumour(0.042, 0.05, 1e-3, 0.3, 0.02), repeats)


def one_cell(quick, repeats):
    """Agents a second, without and with hypoxia."""
    side = 1.2e-3 if quick else 3.0e-3
    cases = {"oxic": 0.0, "30 % hypoxic": 0.3}
    return {name: rule_alone(*tumour(side, side * 1.05, 17e-6, share, 0.02), repeats) for name, share in cases.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small boxes, a sixth of the time")
    quick = parser.parse_args().quick
    repeats = 5 if quick else 15

    yard = stencil(repeats)
    print(f"stencil                                  {yard:9.3g} sites/s")

    slots = many_cells(repeats)
    print(f"many-cell rule                           {slots:9.3g} filled slots/s   {slots / yard:.4f} of the stencil")

    for name, cells in one_cell(quick, repeats).items():
        print(f"one-cell rule, {name:<25} {cells:9.3g} agents/s         {cells / yard:.4f} of the stencil")

    days = 30 if quick else 180
    population, none, hazard = tumour(0.042, 0.07, 1e-3, 0.3, 0.01)
    first = population.members.size
    population.advance(none, hazard, 0)
    start = time.process_time()
    for step in range(1, days * DAY // STEP):
        totals = population.advance(none, hazard, step)
    seconds = time.process_time() - start
    print(
        f"42 mm at 1 mm, {days} d of 12 h steps         {seconds:7.2f} s for cells: {first} to "
        f"{population.members.size} sites, {totals.viable:.3g} cells"
    )


if __name__ == "__main__":
    main()
