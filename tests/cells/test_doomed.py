"""Lethally hit cells: booked at once, alive until they come to divide, some of them twice."""

import numpy as np
import pytest

from tumorsim import _jit
from tumorsim.state import DOOMED, DOOMED_ONCE_MORE

DAY = 86400
FINE = {"shape": (25, 25, 25), "radius": 6.0, "overrides": {"tissue.cell_density": "1e3 1/mL"}}
STILL = {"cells.turnover": "0 1/d"}


def hit(b, h, k=0, mitotic=True, **more):
    external = np.zeros((1, b.lattice.n_sites, 4))
    external[0, b.inside] = h
    return b.step(k, H_ext=external, ext_causes=[4], ext_mitotic=[mitotic], **more)


def test_a_hit_is_booked_and_the_cell_lives_on(bench):
    b = bench(cells=[500, 0, 1500, 0], causes=["radiation"], overrides=STILL)
    before, n = b.viable, int(b.inside.sum())
    totals = hit(b, 0.7)
    killed = totals.deaths[4]
    assert killed == pytest.approx(2000 * n * (1 - np.exp(-0.7)), rel=0.01)
    assert totals.viable == before - killed
    assert totals.dying == 0
    assert totals.doomed == b.population.doomed_total() == killed == b.state.doomed.sum()
    assert b.state.doomed[:, 0].sum() == pytest.approx(killed * b.population.once_more, rel=1e-3)
    # they take room and oxygen, and no image could tell them from the living
    assert np.array_equal(b.population.living_of_sites()[b.inside], np.full(n, 2000))
    assert np.array_equal(b.population.living_of(np.flatnonzero(b.inside)), np.full(n, 2000))


def test_without_lethal_lesions_the_dead_are_dying(bench):
    b = bench(cells=[500, 0, 1500, 0], causes=["heat"], overrides=STILL)
    totals = hit(b, 0.7, mitotic=False)
    assert totals.doomed == 0
    assert totals.dying == totals.deaths[4] > 0


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_doomed_cells_come_to_mitosis_at_the_rate_of_the_cycle(bench, share):
    """Means: first kind F' = F(1 - m)(1 - w), last kind L' = L(1 - m)(1 - w) + 2 m F."""
    b = bench(cells=[0, 0, 20_000, 0], causes=["radiation"], share=share, hazard=0.03, overrides=STILL)
    hit(b, 50.0)
    p = b.population
    assert b.viable == 0
    assert p.p_mitosis == pytest.approx(1 - 2 ** (-p.growth_fraction * 12 / 36))  # steps of 12 h, a cycle of 36 h
    m, w = p.p_mitosis * (1 - share), share * (1 - np.exp(-0.03))
    first, last = b.state.doomed.sum(axis=0)
    assert first == pytest.approx(last, rel=1e-3)
    for k in range(1, 25):
        b.step(k)
        last = last * (1 - m) * (1 - w) + 2 * m * first
        first = first * (1 - m) * (1 - w)
        # draws round each site: exact in the mean
        assert b.state.doomed.sum(axis=0) == pytest.approx([first, last], rel=2e-3)
    assert b.state.dying.sum() + b.state.debris.sum() > 0


def test_a_doomed_daughter_needs_room(bench):
    b = bench(causes=["radiation"], overrides={**STILL, "cells.doomed_once_more": 1.0})
    b.state.viable[b.inside] = [0, 0, b.population.capacity, 0]
    b.population.attach(b.state)
    hit(b, 50.0)
    for k in range(1, 10):
        b.step(k)
        used = b.state.doomed.sum(axis=1) + b.state.dying + np.ceil(b.state.debris)
        assert used.max() <= b.population.capacity
    assert 0 < b.state.doomed[:, 1].sum() < b.state.doomed.sum()


def test_one_cell_a_site_dooms_as_counts_do(bench):
    """The same cells in sites of one and of many: hits equal in the mean, doomed cells too while there is room."""
    b = bench(**FINE, cells=[0, 0, 1, 0], causes=["radiation"])
    n = int(b.inside.sum())
    totals = hit(b, 1.0)
    assert totals.deaths[4] == pytest.approx(n * (1 - np.exp(-1)), abs=4 * np.sqrt(n) / 2)
    assert totals.doomed == totals.deaths[4] == b.population.doomed_total()
    split = np.count_nonzero(b.state.phase == DOOMED_ONCE_MORE) / totals.doomed
    assert split == pytest.approx(b.population.once_more, abs=2.5 / np.sqrt(totals.doomed))
    b.state.phase[b.inside & (b.state.phase < DOOMED_ONCE_MORE)] = 0  # room for every daughter
    b.state.phase[b.inside & (np.arange(b.lattice.n_sites) % 2 == 0)] = 0
    b.population.attach(b.state)
    first = np.count_nonzero(b.state.phase == DOOMED_ONCE_MORE)
    last = np.count_nonzero(b.state.phase == DOOMED)
    m = b.population.p_mitosis
    for k in range(1, 21):
        totals = b.step(k)
        assert totals.doomed == np.count_nonzero(b.state.phase >= DOOMED_ONCE_MORE)
        first, last = first * (1 - m), last * (1 - m) + 2 * m * first
    assert np.count_nonzero(b.state.phase == DOOMED) == pytest.approx(last, rel=0.15)
    assert np.count_nonzero(b.state.phase == DOOMED_ONCE_MORE) == pytest.approx(first, rel=0.15)


@pytest.mark.parametrize("form", [FINE, {"radius": 5.0}])
def test_doomed_cells_are_the_same_on_threads_and_after_attaching(bench, form, monkeypatch):
    monkeypatch.setattr(_jit, "SERIAL_BELOW", 10)
    hashes = []
    for threads, again in ((1, False), (2, False), (1, True)):
        b = bench(**form, share=0.2, hazard=0.02, causes=["radiation"], doubling=30 * DAY)
        for k in range(8):
            if again and k == 4:
                b.state = b.state.fork()
                b.population.attach(b.state)
            hit(b, 0.4, k, threads=threads)
        hashes.append(b.state.hash())
    assert hashes[0] == hashes[1] == hashes[2]


def test_more_hazard_dooms_no_fewer(bench):
    left = []
    for h in (0.1, 0.8, 3.0):
        b = bench(cells=[3, 2, 5, 7], causes=["radiation"], overrides=STILL)
        hit(b, h)
        left.append(b.state.viable.sum(axis=1))
    assert np.all(left[1] <= left[0]) and np.all(left[2] <= left[1])
