from __future__ import annotations

import numpy as np
import pytest

from tumorsim.cells.inheritance import Inheritance, settle
from tumorsim.cells.rule import cell_rule
from tumorsim.state import State

DAY = 86400


def frail(b, value=1.0):
    b.state.remember(4)
    b.state.frailty[:] = value
    return b


def held(b):
    """Cell-weighted mean frailty of the whole tumour, by part."""
    cells = b.state.viable.astype(float)
    return (cells[:, :, None] * b.state.frailty).sum(axis=(0, 1)) / cells.sum()


def test_slots_mix_as_their_cells_do(bench):
    """Against a count of who is where, tag by tag, for one site."""
    b = frail(bench(share=0.3, cells=(40_000, 30_000, 20_000, 10_000), p_birth=0.05))
    population, site = b.population, int(np.flatnonzero(b.inside)[7])
    means = np.array([0.9, 0.2, 0.5, 0.7])
    b.state.frailty[:] = means[:, None]
    h = np.zeros((1, b.lattice.n_sites, 4))
    h[0, :, 1] = 0.4
    b.ischaemia[:] = 0.1
    b.state.register(["ray"])
    population.advance(b.ischaemia, b.starvation, 0, h, [b.state.cause("ray")])
    survivors = np.array([40e3, 30e3 * np.exp(-0.5), 20e3, 10e3 * np.exp(-0.1)])
    survivors[2:] *= np.exp(-population.turnover)
    tagged = np.zeros((4, 4))  # [slot now, tag]
    for slot in range(4):
        p_divide, p_phase, p_side = cell_rule(slot >> 1, slot & 1, float(np.float32(0.3)), *population.rule_arguments)
        survivors[slot] *= 1.0 - population.abortive * p_divide
        tagged[slot ^ 1, slot] += survivors[slot] * p_side
        tagged[slot ^ 2, slot] += survivors[slot] * (1 - p_side) * p_phase
        tagged[slot, slot] += survivors[slot] * (1 - p_side) * (1 - p_phase)
        tagged[0, slot] += survivors[slot] * p_divide
    expected = tagged @ means / tagged.sum(axis=1)
    assert np.allclose(b.state.frailty[site], expected[:, None], rtol=1e-12)
    assert np.allclose(tagged.sum(axis=1), b.state.viable[site], rtol=5e-3)  # the flows are those of the kernel


def test_equal_cells_stay_equal_to_the_bit(bench):
    b = frail(bench(share=0.3, hazard=0.02), 0.37)
    for k in range(10):
        b.step(k)
    held_by = b.state.frailty[b.state.viable > 0]
    assert held_by.size and np.all(held_by == 0.37)


def test_moves_between_slots_keep_the_mean_of_the_tumour(bench):
    b = frail(bench(share=0.4, seeded=False, cells=(60_000, 60_000, 40_000, 30_000)))
    b.population.turnover = 0.0
    b.state.frailty[:, 1] = 0.3
    b.state.frailty[:, 2, 2] = 0.8
    start = held(b)
    for k in range(30):
        b.step(k)
    assert np.allclose(held(b), start, rtol=2e-3)
    slots = b.state.frailty[b.inside]
    assert np.ptp(slots[:, :, 0], axis=1).max() < 0.02 * start[0]  # mixed by now


def test_what_grows_out_carries_what_it_had(bench):
    b = frail(bench(share=0.0, doubling=20 * DAY, compartments=2, radius=3.2))
    b.state.frailty[b.state.compartment == 1] = 0.4
    b.state.frailty[b.state.compartment == 2] = 0.6
    before = b.state.compartment.copy()
    for k in range(40):
        b.step(k)
    assert b.viable > 1.8e5 * b.inside.sum()
    for label, value in ((1, 0.4), (2, 0.6)):
        entered = (b.state.compartment == label) & (before == 0)
        assert entered.sum() > 10
        here = (b.state.viable > 0) & (b.state.compartment == label)[:, None]
        assert np.allclose(b.state.frailty[here], value, rtol=1e-12)
    assert np.all(b.state.frailty[b.state.compartment == 0] == 1.0)


def test_newborns_are_weighted_by_where_they_come_from():
    """A row of four sites: the third gets cells of its neighbours, two to one, the fourth those of its compartment."""
    frailty = np.ones((4, 4, 2))
    frailty[2, 0] = 0.5
    sites = np.array([0, 1, 3])
    born = np.array([[0.1, 1.0], [0.2, 1.0], [0.8, 1.0]])
    overflow = np.array([5, 20, 0, 10])
    label = np.array([1, 1, 1, 1], dtype=np.uint8)
    settle(np.array([2]), np.array([30]), np.array([60]), sites, born, overflow, label, 4, 1, 1, frailty)
    arriving = (20 * 0.2 + 10 * 0.8) / 30
    assert frailty[2, 0, 0] == pytest.approx((60 * 0.5 + 30 * arriving) / 90)
    overflow[:] = (5, 0, 0, 0)
    settle(np.array([3]), np.array([1]), np.array([0]), sites, born, overflow, label, 4, 1, 1, frailty)
    assert list(frailty[3, 0]) == pytest.approx([0.1, 1.0])
    # another compartment's newborns are not asked
    label[1], overflow[:] = 2, (5, 20, 0, 0)
    frailty[2, 0] = 0.5
    settle(np.array([2]), np.array([10]), np.array([0]), sites, born, overflow, label, 4, 1, 1, frailty)
    assert frailty[2, 0, 0] == pytest.approx(0.1)


def test_single_cells_hand_on_their_memory(bench):
    one = {"spacing": 17e-6, "overrides": {"tissue.cell_density": "2e8 1/mL"}, "radius": 3.0}
    b = bench(**one, cells=(1, 0, 0, 0), p_birth=0.3)
    assert b.population.one_cell
    frail(b)
    b.state.frailty[b.inside] = 0.25
    was = b.state.phase > 0
    for k in range(8):
        b.step(k)
    new = (b.state.phase > 0) & ~was
    assert new.sum() > 20 and np.allclose(b.state.frailty[new], 0.25)
    assert np.all(b.state.frailty[b.inside] == 0.25)


def test_a_users_own_rule_mixes_by_itself(bench):
    def swap(quiescent, hypoxic, share_hypoxic, dt, p_birth, tau_mix, tau_phase, growth_fraction):
        return 0.0, 0.0, 1.0

    b = frail(bench(rule=swap, cells=(100, 300, 0, 0)))
    b.state.frailty[:, 0], b.state.frailty[:, 1] = 0.2, 0.9
    b.step()
    site = np.flatnonzero(b.inside)[0]
    assert list(b.state.viable[site]) == [300, 100, 0, 0]
    assert np.allclose(b.state.frailty[site, :2, 0], [0.9, 0.2])


def test_saved_and_threaded_it_is_the_same(bench, tmp_path, monkeypatch):
    from tumorsim import _jit

    monkeypatch.setattr(_jit, "SERIAL_BELOW", 10)

    def start():
        b = frail(bench(share=0.3, hazard=0.02, compartments=2, capsule=True, doubling=30 * DAY))
        b.state.frailty[:] = np.linspace(0.2, 1, b.state.frailty.size).reshape(b.state.frailty.shape)
        return b

    whole, other = start(), start()
    for k in range(16):
        if k == 9:
            whole.state.save(tmp_path / "half.npz")
        whole.step(k)
        other.step(k, threads=2)
    assert other.state.hash() == whole.state.hash()
    back = start()
    back.state = State.load(tmp_path / "half.npz")
    back.population.attach(back.state)
    for k in range(9, 16):
        back.step(k)
    assert back.state.hash() == whole.state.hash()


def test_without_a_memory_nothing_is_done(bench):
    b = bench(share=0.3, hazard=0.02)
    passing = Inheritance()
    passing.begin(b.state, b.population.members)
    passing.slots(b.state, b.population.rule_arguments, (0.0, 0.0), (), b.population._ground.overflow)
    b.step()
    assert b.state.sizes.traits == 0 and b.state.frailty.size == 0
