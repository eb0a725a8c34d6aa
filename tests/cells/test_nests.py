"""What treatment leaves of a place repopulates; lineages of few cells may die out by themselves."""

import math

import numpy as np
import pytest

from tumorsim.cells.nests import Nests
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.state import Sizes, State

DAY = 86400
OXIC = {"cells.growth_fraction": 1.0, "cells.turnover": "0 1/d", "cells.abortive_share": 0.0}


def births_of(nests, state, viable, untreated=0.02, potential=0.26):
    nests.attach(state)
    return nests.births(state, np.arange(viable.size), lambda sites: viable[sites], untreated, potential)


def test_births_rise_from_the_untreated_to_the_potential_as_the_nest_empties():
    lattice = Lattice((3, 3, 3), 1e-3)
    state = State(Sizes(sites=27))
    nests = Nests(lattice, 0.5e-3, below=0.5, share=0.3)
    nests.mark(state, np.full(27, 1000, np.int32))
    viable = np.linspace(0, 1300, 27).astype(np.int32)
    way = 0.3 * np.maximum(0.0, 1.0 - viable / 500.0)
    due = 0.02 + way * 0.24
    assert births_of(nests, state, viable) == pytest.approx(due)
    assert (due.min(), due.max()) == pytest.approx((0.02, 0.02 + 0.3 * 0.24))
    nests.mark(state, np.full(27, 400, np.int32))  # a later treatment finds fewer: what was found first counts
    assert births_of(nests, state, viable) == pytest.approx(due)


def test_where_no_treatment_found_cells_nothing_changes():
    state = State(Sizes(sites=27))
    nests = Nests(Lattice((3, 3, 3), 1e-3), 0.5e-3, below=0.5, share=0.3)
    assert np.array_equal(births_of(nests, state, np.zeros(27, np.int32)), [0.02])
    state.peak[5] = 100
    found = births_of(nests, state, np.zeros(27, np.int32))
    assert np.flatnonzero(found > 0.02).tolist() == [5]


@pytest.mark.parametrize("shape", [(6, 6, 6), (7, 5, 3)])
def test_on_fine_lattices_a_neighbourhood_is_counted_together(shape):
    """Half of the cells of every block gone in any arrangement: the same births."""
    lattice = Lattice(shape, 0.25e-3)
    n = math.prod(shape)
    state = State(Sizes(sites=n, one_cell=True))
    nests = Nests(lattice, 0.5e-3, below=1.0, share=1.0)
    nests.mark(state, np.ones(n, np.int32))
    i, j, k = np.unravel_index(np.arange(n), shape)
    block = np.array([hash((a // 2, b // 2, c // 2)) for a, b, c in zip(i, j, k, strict=True)])
    viable = ((i + j + k) % 2).astype(np.int32)
    found = births_of(nests, state, viable, 0.0, 1.0)
    for b in set(block.tolist()):
        assert found[block == b] == pytest.approx(1.0 - viable[block == b].mean())


def test_a_treated_tumour_repopulates_faster_and_an_untreated_one_does_not(bench):
    def doubling(share, treated, steps=20):
        b = bench(cells=[2_000, 0, 0, 0], p_birth=0.01, overrides={**OXIC, "cells.repopulation": share})
        if treated:
            b.population.meet_treatment(np.where(b.inside, 200_000, 0).astype(np.int32))
        for k in range(steps):
            b.step(k)
        return math.log2(b.viable / (2_000 * b.inside.sum()))

    plain = doubling(0.0, True)
    assert plain == pytest.approx(20 * math.log2(1.01), rel=0.02)
    assert doubling(0.3, False) == pytest.approx(plain, abs=1e-12)
    most = 2 ** (0.5 / 1.5) - 1.0  # 12 h of a cycle of 36 h, all cells proliferate
    assert 0.95 < doubling(1.0, True, 5) / (5 * math.log2(1 + most)) <= 1.0
    assert plain < doubling(0.3, True) < doubling(1.0, True)


def test_a_full_site_does_not_repopulate_beyond_its_room(bench):
    b = bench(cells=[2_000, 0, 0, 0], p_birth=0.01, overrides={**OXIC, "cells.repopulation": 1.0})
    b.population.meet_treatment(np.where(b.inside, 200_000, 0).astype(np.int32))
    for k in range(60):
        b.step(k)
        assert b.state.viable.sum(axis=1).max() <= b.population.capacity


# --- lineage extinction ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "p"), [(0.2, 0.1), (0.4, 0.1), (0.4, 0.3)])
def test_single_cells_die_out_with_the_probability_of_the_branching_process(bench, share, p):
    """Each step a cell is lost with a = p f / (1 - f), else divides with p: q solves q = a + (1-a)(1-p+pq) q."""
    b = bench(
        shape=(17, 17, 17), radius=7.4, cells=[1, 0, 0, 0], p_birth=p,
        overrides={**OXIC, "cells.abortive_share": share, "cells.repopulation": 0.0},
    )  # fmt: skip
    n = int(b.inside.sum())
    a = p * share / (1 - share)
    q = a / ((1 - a) * p)
    for k in range(int(9 / (p - a))):
        totals = b.step(k)
        if totals.viable > 60 * n:
            break
    extinct = np.count_nonzero(b.state.viable[b.inside].sum(axis=1) == 0)
    assert extinct / n == pytest.approx(q, abs=3.5 * math.sqrt(q * (1 - q) / n))
    assert b.state.deaths[:, 3].sum() == b.state.deaths.sum() > 0


def test_lineages_end_in_step_with_the_births(bench):
    b = bench(cells=[50_000, 0, 0, 0], p_birth=0.05, overrides={**OXIC, "cells.abortive_share": 0.25})
    totals = b.step()
    assert totals.deaths[3] / totals.births == pytest.approx((1 / 3) / (1 - 0.05 / 3), rel=0.01)
    assert sum(totals.deaths) == totals.deaths[3]


def test_the_untreated_tumour_doubles_in_its_time_whatever_share_fails(bench):
    grown = []
    for share in (0.0, 0.3):
        b = bench(doubling=40 * DAY, share=0.1, overrides={"cells.abortive_share": share, "cells.initial_fill": 0.5})
        start = b.viable
        for k in range(20):
            b.step(k)
        grown.append(math.log2(b.viable / start))
    assert grown == pytest.approx([0.25, 0.25], rel=0.02)


@pytest.mark.parametrize(
    ("name", "value"),
    [("cells.abortive_share", 0.5), ("cells.repopulation", 1.5), ("cells.nest_below", 0.0)],
)
def test_impossible_shares_are_refused(bench, name, value):
    with pytest.raises(InputError, match=name):
        bench(overrides={name: value})
