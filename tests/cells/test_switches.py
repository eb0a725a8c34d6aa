"""The switches of growth and of the room that the dead take, in both forms of storage."""

import numpy as np
import pytest

FORMS = {
    "counts": {"share": 0.3},
    "one cell": {"spacing": 20e-6, "shape": (21, 21, 21), "radius": 7.1, "share": 0.3},
}


def slots(b):
    """Viable cells of every site and slot."""
    if not b.population.one_cell:
        return b.state.viable.astype(np.int64)
    return (b.state.phase[:, None] == np.arange(1, 5)).astype(np.int64)


@pytest.mark.parametrize("form", FORMS)
def test_without_growth_cells_only_die_of_hazards(bench, form):
    b = bench(**FORMS[form], growth=False)
    grown = bench(**FORMS[form])
    before = slots(b)
    assert np.array_equal(before, slots(grown)) and b.population.p_birth == grown.population.p_birth > 0
    assert b.step(0).deaths == (0,) * len(b.state.causes)  # no turnover, no other loss of its own
    assert np.array_equal(slots(b), before)
    b.starvation[:] = 0.3
    for k in range(1, 4):
        totals = b.step(k)
        assert totals.births == totals.blocked == 0
        assert totals.deaths[b.state.cause("starvation")] == sum(totals.deaths) > 0
    after = slots(b)
    assert np.array_equal(after[:, [0, 2]], before[:, [0, 2]]) and np.all(after <= before)
    hypoxic = before[:, [1, 3]].sum()
    left = after[:, [1, 3]].sum() / hypoxic
    assert left == pytest.approx(np.exp(-0.9), abs=5 * np.sqrt(0.25 / hypoxic))


def sleepers(quiescent, hypoxic, share, dt, p_birth, tau_mix, tau_phase, growth_fraction):
    return 0.5, 0.5, 0.5


@pytest.mark.parametrize("form", FORMS)
def test_without_growth_a_users_rule_stands_still_too(bench, form):
    b = bench(**FORMS[form], growth=False, rule=sleepers, cells=[1, 0, 0, 0])
    before = slots(b)
    assert b.step().births == 0 and np.array_equal(slots(b), before)


@pytest.mark.parametrize("form", FORMS)
def test_the_dead_take_no_room_where_they_are_told_so(bench, form):
    found = {}
    for takes in (True, False):
        b = bench(**FORMS[form], dead_take_room=takes, doubling=20 * 86400)
        b.starvation[:] = 0.3
        for k in range(6):
            before, totals = b.viable, b.step(k)
            assert totals.viable == b.viable == before - sum(totals.deaths) + totals.births - totals.blocked
            target = b.population.anatomy.baseline_target
            assert totals.viable_in_target == b.population.viable_of_sites()[target].sum()
            assert totals.dying == b.population.dying_of_sites().sum()
            assert b.population.viable_of_sites().max() <= b.population.capacity
        found[takes] = b
    held = {k: int(b.population.viable_of_sites()[b.inside].sum()) for k, b in found.items()}
    assert held[False] > held[True]  # more of the newborn stay inside
    if form == "one cell":
        assert not np.isin(found[False].state.phase, (5, 6)).any()
    else:
        assert found[False].state.debris.sum() > 0


def test_switches_that_are_on_change_no_bit(bench):
    hashes = set()
    for more in ({}, {"growth": True, "dead_take_room": True}):
        b = bench(share=0.3, hazard=0.02, **more)
        for k in range(4):
            b.step(k)
        hashes.add(b.state.hash())
    assert len(hashes) == 1
