import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim import _jit
from tumorsim.errors import InputError
from tumorsim.state import State

DAY = 86400
HALF = DAY // 2


def occupied(b):
    s = b.state
    return s.viable.sum(axis=1) + s.dying + np.ceil(s.debris)


@settings(max_examples=25, deadline=None)
@given(
    density=st.sampled_from(["9e3 1/mL", "1e5 1/mL", "2e8 1/mL"]),
    share=st.sampled_from([0.0, 0.4, 0.8]),
    hazard=st.floats(0, 0.06),
    permeability=st.sampled_from([(0.0, 0.0), (0.1, 0.1), (1.0, 1.0)]),
    capsule=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_cells_are_conserved_and_never_exceed_capacity(bench, density, share, hazard, permeability, capsule, seed):
    b = bench(
        shape=(11, 10, 9), radius=3.2, overrides={"tissue.cell_density": density}, share=share, capsule=capsule,
        permeability=permeability, compartments=2, doubling=80 * DAY, outside=True, seed=seed,
    )  # fmt: skip
    b.starvation[:] = hazard
    for k in range(12):
        before = b.viable
        t = b.step(k)
        assert t.viable == b.viable == before - sum(t.deaths) + t.births - t.blocked
        assert t.viable_in_target == b.population.viable_of_sites()[b.population.anatomy.baseline_target].sum()
        assert t.dying == b.state.dying.sum()
        assert b.state.viable.min() >= 0
        assert occupied(b).max() <= b.population.capacity
        assert b.state.viable[(b.state.compartment == 0) | (b.state.compartment == 255)].sum() == 0
    assert b.state.deaths.sum() >= sum(t.deaths)


@pytest.mark.parametrize("hours", [6, 12, 24])
@pytest.mark.parametrize("spacing", [1e-3, 2e-3])
@pytest.mark.parametrize("share", [0.0, 0.35])
def test_the_untreated_tumour_doubles_in_its_doubling_time(bench, hours, spacing, share):
    b = bench(dt=hours * 3600, spacing=spacing, share=share, radius=4.1, shape=(15, 15, 15))
    start = b.viable
    for k in range(60 * 24 // hours):
        b.step(k)
    assert 60 / math.log2(b.viable / start) == pytest.approx(140, rel=0.02)


@pytest.mark.parametrize("hours", [6, 24])
def test_it_does_so_with_a_patchy_supply_and_its_losses(bench, hours):
    b = bench(dt=hours * 3600, radius=4.1, shape=(15, 15, 15), seeded=False)
    rng = np.random.default_rng(0)
    b.state.share10[:] = rng.uniform(0, 0.7, b.lattice.n_sites)
    b.starvation[:] = 0.005 * hours / 24
    b.population.seed_cells(b.state.share10, b.starvation)
    start = b.viable
    for k in range(60 * 24 // hours):
        b.step(k)
    assert 60 / math.log2(b.viable / start) == pytest.approx(140, rel=0.05)


def test_every_site_starts_full_of_cells_in_balance(bench):
    b = bench(share=0.3, radius=4.9)
    cells = b.state.viable[b.inside]
    assert np.all(cells.sum(axis=1) == 200_000) and b.state.viable[~b.inside].sum() == 0
    hypoxic = cells[:, [1, 3]].sum() / cells.sum()
    assert hypoxic == pytest.approx(0.3, abs=0.005)
    assert np.array_equal(b.state.nadir, b.state.viable.sum(axis=1))


def test_part_of_the_start_may_be_dying_or_debris(bench):
    b = bench(share=0.3, seeded=False)
    n = b.population.members.size
    b.population.seed_cells(b.state.share10, 0.0, np.full(n, 0.7), np.full(n, 0.1), np.full(n, 0.2))
    assert b.viable == 140_000 * n
    assert b.state.dying.sum() == pytest.approx(20_000 * n, rel=1e-4)
    assert occupied(b).max() <= 200_000


def run(b, steps, threads=1):
    for k in range(steps):
        b.step(k, threads=threads)
    return b.state.hash()


def test_one_and_two_threads_give_the_same_bits(bench, monkeypatch):
    monkeypatch.setattr(_jit, "SERIAL_BELOW", 10)
    make = {"share": 0.3, "hazard": 0.02, "compartments": 2, "capsule": True}
    assert run(bench(**make), 20) == run(bench(**make), 20, threads=2)


def test_blocks_change_nothing(bench, monkeypatch):
    whole = run(bench(share=0.3, hazard=0.02), 12)
    monkeypatch.setattr(_jit, "SERIAL_BELOW", 10)
    assert run(bench(share=0.3, hazard=0.02), 12) == whole


def test_a_saved_state_goes_on_as_if_nothing_had_happened(bench, tmp_path):
    straight = bench(share=0.3, hazard=0.02, compartments=2, capsule=True, doubling=30 * DAY)
    for k in range(30):
        if k == 14:
            straight.state.save(tmp_path / "half.npz")
        straight.step(k)
    other = bench(share=0.3, hazard=0.02, compartments=2, capsule=True, doubling=30 * DAY)
    other.state = State.load(tmp_path / "half.npz")
    other.population.attach(other.state)
    for k in range(14, 30):
        other.step(k)
    assert other.state.hash() == straight.state.hash()


def test_another_seed_is_another_tumour(bench):
    assert run(bench(share=0.3, hazard=0.02), 3) != run(bench(share=0.3, hazard=0.02, seed=6), 3)


def test_a_tight_capsule_keeps_the_cells_in_and_a_leaky_one_does_not(bench):
    for permeability, grows in ((0.0, False), (0.05, True)):
        b = bench(capsule=True, permeability=(permeability, 1.0), doubling=20 * DAY)
        blocked = sum(b.step(k).blocked for k in range(40))
        assert np.any(b.state.compartment[~b.inside] == 1) == grows
        assert (blocked > 0) != grows


def test_a_tight_septum_keeps_compartments_apart(bench):
    for permeability, mixes in ((0.0, False), (1.0, True)):
        b = bench(compartments=2, permeability=(1.0, permeability), doubling=20 * DAY, capsule=True)
        emptied = b.state.compartment == 2
        b.state.viable[emptied] = 0
        b.population.attach(b.state)
        for k in range(10):
            b.step(k)
        assert (b.state.viable[emptied].sum() > 0) == mixes


def test_no_cell_leaves_the_tissue(bench):
    b = bench(outside=True, doubling=20 * DAY)
    outside = b.state.compartment == 255
    for k in range(80):
        b.step(k)
    assert np.all(b.state.compartment[outside] == 255)
    assert b.state.viable[outside].sum() == 0
    assert b.state.viable[~outside & ~b.inside].sum() > 0


def test_the_front_is_one_site_thick(bench):
    b = bench(doubling=25 * DAY, radius=3.1)
    for k in range(60):
        b.step(k)
    label, used = b.state.compartment, occupied(b)
    young = np.flatnonzero((label == 1) & ~b.inside)
    assert young.size > 50
    table = b.lattice.neighbour_table()[young]
    beside = np.where(table >= 0, used[table], 0).max(axis=1)
    assert np.all(beside >= 0.9 * b.population.capacity)


def test_it_says_when_living_cells_reach_the_box(bench):
    b = bench(shape=(11, 11, 11), radius=3.1, doubling=12 * DAY)
    touched = [b.step(k).touches_face for k in range(60)]
    assert not touched[0] and touched[-1]
    on_face = b.lattice.on_face()
    assert b.state.viable[on_face].sum() > 0


def test_a_thrombus_keeps_to_its_vein_and_may_reach_the_box(bench):
    for wall, grows in ((0.0, False), (0.3, True)):
        b = bench(shape=(21, 15, 15), thrombus=True, wall=wall, doubling=20 * DAY)
        clot = b.state.compartment == 199
        assert (clot & b.lattice.on_face()).any() and b.state.viable[clot].sum() > 0
        touched = [b.step(k).touches_face for k in range(30)]
        assert not any(touched)  # where the vein leaves the box is no border of the tumour
        assert ((b.state.compartment == 199) & ~clot).any() == grows
        assert ((b.state.compartment == 1) & ~b.inside).any()  # the tumour itself grows on


def test_the_nadir_is_the_least_and_is_reset(bench):
    b = bench(share=0.0, causes=["x"])
    h = np.full((1, b.lattice.n_sites, 4), 3.0)
    b.step(0, H_ext=h, ext_causes=[4])
    low = b.state.nadir.copy()
    for k in range(1, 20):
        b.step(k)
    assert np.array_equal(b.state.nadir[b.inside] <= low[b.inside], np.ones(b.inside.sum(), bool))
    assert b.viable > b.state.nadir.sum()
    b.population.reset_nadir()
    assert np.array_equal(b.state.nadir, b.population.viable_of_sites())


def sleepers(quiescent, hypoxic, share, dt, p_birth, tau_mix, tau_phase, growth_fraction):
    return (0.25 if quiescent == 1 else 0.0), 0.0, 0.0


def test_a_users_own_rule_is_the_rule(bench):
    still = {"cells.turnover": "0 1/d", "cells.abortive_share": 0.0}
    b = bench(rule=sleepers, overrides=still, cells=[1000, 0, 400, 0])
    n = int(b.inside.sum())
    t = b.step()
    assert t.births == pytest.approx(100 * n, rel=0.01)
    assert b.state.viable[b.inside, 2].sum() == 400 * n  # they stay quiescent; newborns proliferate
    assert b.state.viable[b.inside, 0].sum() == 1000 * n + t.births


def test_what_does_not_fit_is_refused(bench):
    with pytest.raises(InputError, match="a site"):
        bench(spacing=25e-6)  # 3 cells
    b = bench()
    with pytest.raises(InputError, match="do not fit"):
        b.population.attach(bench(shape=(5, 5, 5), radius=1.2).state)
    with pytest.raises(ValueError, match="ext_causes"):
        b.step(H_ext=np.zeros((1, b.lattice.n_sites, 4)), ext_causes=[1])
