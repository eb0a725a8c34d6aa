"""Coagulum goes by a clock of its own: debris beside it, dead of something else, does not wait for it."""

import numpy as np
import pytest

from tumorsim.state import DEBRIS, EMPTY

DAYS = 60


def halves(days: float, half_life: float) -> float:
    return 2.0 ** (-days / half_life)


@pytest.mark.parametrize("half_life", [30, 120, 300])
def test_coagulum_and_debris_each_go_at_their_clock(bench, half_life):
    b = bench(overrides={"clocks.coagulum_half_life": f"{half_life} d"}, cells=(0, 0, 0, 0))
    sites = np.flatnonzero(b.inside)
    fixed, dead = sites[::2], sites[1::2]
    b.state.debris[sites] = 4e4
    b.state.heat_damage[fixed] = 1.0
    b.state.heat_damage[dead] = 0.999
    for k in range(2 * DAYS):
        b.step(k)
    assert b.state.debris[fixed] == pytest.approx(4e4 * halves(DAYS, half_life), rel=1e-4)
    assert b.state.debris[dead] == pytest.approx(4e4 * halves(DAYS, 30), rel=1e-4)


def test_single_dead_cells_keep_the_same_clocks(bench):
    b = bench(shape=(40, 40, 40), spacing=15e-6, radius=18.0, cells=(0, 0, 0, 0))
    sites = np.flatnonzero(b.inside)
    b.state.phase[sites] = DEBRIS
    fixed = np.arange(len(sites)) % 2 == 0
    b.state.heat_damage[sites[fixed]] = 3.0
    b.population.attach(b.state)
    for k in range(2 * DAYS):
        b.step(k)
    left = b.state.phase[sites] == DEBRIS
    assert np.all(left | (b.state.phase[sites] == EMPTY))
    for which, half_life in ((fixed, 120.0), (~fixed, 30.0)):
        share = halves(DAYS, half_life)
        spread = np.sqrt(share * (1.0 - share) / which.sum())
        assert abs(left[which].mean() - share) < 4.5 * spread


def test_coagulum_holds_its_place_against_growth(bench):
    """Cells amid coagulum find room in it only as it goes, so later than in common debris."""
    found = []
    for omega in (0.0, 5.0):
        b = bench(cells=(0, 0, 0, 0))
        sites = np.flatnonzero(b.inside)
        middle = b.lattice.n_sites // 2
        b.state.debris[sites] = b.population.capacity
        b.state.debris[middle], b.state.viable[middle, 0] = 0.0, b.population.capacity
        b.state.heat_damage[sites[sites != middle]] = omega
        b.population.attach(b.state)
        b.population.p_birth = 0.2
        for k in range(80):
            b.step(k)
        found.append(int(b.population.viable_of(sites).sum()))
    assert 0 < found[1] < 0.7 * found[0]
