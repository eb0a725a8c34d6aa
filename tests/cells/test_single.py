import math

import numpy as np
import pytest

from tumorsim import _jit

DAY = 86400
FINE = {"spacing": 20e-6, "shape": (25, 25, 25), "radius": 8.1}  # 2e8 per mL: 1.6 cells a site


def counts(phase):
    return np.bincount(phase, minlength=7)


def test_storage_is_one_byte_and_every_site_starts_with_a_cell(bench):
    b = bench(**FINE, share=0.3)
    assert b.population.capacity == 1 and not hasattr(b.state, "viable")
    assert np.all(b.state.phase[b.inside] > 0) and np.all(b.state.phase[~b.inside] == 0)
    hypoxic = counts(b.state.phase)[[2, 4]].sum() / b.inside.sum()
    assert hypoxic == pytest.approx(0.3, abs=0.04)


def test_cells_are_conserved(bench):
    b = bench(**FINE, share=0.4, doubling=20 * DAY)
    b.starvation[:] = 0.05
    for k in range(25):
        before = b.viable
        t = b.step(k)
        assert t.viable == b.viable == before - sum(t.deaths) + t.births - t.blocked
        assert t.dying == counts(b.state.phase)[5]
        assert np.all(b.state.phase[b.state.compartment == 0] == 0)
    assert b.state.deaths.sum() > 0 and b.state.phase.max() <= 6


def test_it_doubles_in_its_doubling_time(bench):
    b = bench(spacing=20e-6, shape=(41, 41, 41), radius=14.2, share=0.3, doubling=40 * DAY, dt=DAY)
    start = b.viable
    for k in range(40):
        b.step(k)
    assert 40 / math.log2(b.viable / start) == pytest.approx(40, rel=0.05)


def test_it_agrees_with_counts_in_the_mean(bench):
    # the same tissue as single cells and as counts of 1000 sites' worth; all slots after some steps
    hazard, steps = 0.05, 8
    fine = bench(spacing=20e-6, shape=(51, 51, 51), radius=24.0, share=0.4, doubling=math.inf)
    coarse = bench(share=0.4, doubling=math.inf)
    shares = []
    for b in (fine, coarse):
        b.starvation[:] = hazard
        start = b.viable
        for k in range(steps):
            b.step(k)
        slots = counts(b.state.phase)[1:5] if b is fine else b.state.viable.sum(axis=0, dtype=np.int64)
        shares.append(np.append(slots, b.state.deaths.sum(axis=0, dtype=np.int64)[1:]) / start)
    n = fine.inside.sum()
    spread = np.sqrt(shares[1] * (1 - shares[1]) / n)
    assert np.all(np.abs(shares[0] - shares[1]) < 4.5 * spread)


def test_causes_share_deaths_by_hazard(bench):
    b = bench(**FINE, cells=[0, 1, 0, 0], causes=["heat"], overrides={"cells.turnover": "0 1/d"})
    b.ischaemia[:], b.starvation[:] = 0.5, 0.25
    h = np.full((1, b.lattice.n_sites, 4), 0.25)
    dead = np.array(b.step(H_ext=h, ext_causes=[4]).deaths)
    assert dead[2] == 0
    assert dead / dead.sum() == pytest.approx([0.5, 0.25, 0, 0, 0.25], abs=0.05)


def test_more_hazard_never_leaves_a_cell_that_less_had_killed(bench):
    alive = []
    for h in (0.2, 0.5, 2.0):
        b = bench(**FINE, cells=[0, 0, 0, 1])
        b.starvation[:] = h
        b.step()
        alive.append((b.state.phase > 0) & (b.state.phase < 5))
    assert not np.any(alive[1] & ~alive[0]) and not np.any(alive[2] & ~alive[1])


def test_debris_goes_and_leaves_room(bench):
    b = bench(**FINE, cells=[0, 0, 0, 1])
    b.state.phase[b.inside] = 6
    b.population.attach(b.state)
    for k in range(60):
        b.step(k)
    left = counts(b.state.phase)[6] / b.inside.sum()
    assert left == pytest.approx(0.5, abs=0.05)  # 30 d, its half-life


def test_threads_change_no_bit(bench, monkeypatch):
    monkeypatch.setattr(_jit, "SERIAL_BELOW", 10)
    hashes = []
    for threads in (1, 2):
        b = bench(**FINE, share=0.3, doubling=20 * DAY)
        b.starvation[:] = 0.03
        for k in range(10):
            b.step(k, threads=threads)
        hashes.append(b.state.hash())
    assert hashes[0] == hashes[1]


def sleepers(quiescent, hypoxic, share, dt, p_birth, tau_mix, tau_phase, growth_fraction):
    return 0.0, 0.0, 1.0 if hypoxic == 0 else 0.0


def test_a_users_own_rule_is_the_rule(bench):
    b = bench(**FINE, rule=sleepers, cells=[1, 0, 0, 0], overrides={"cells.turnover": "0 1/d"})
    b.step()
    assert np.all(b.state.phase[b.inside] == 2)
