import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.cells import lifecycle
from tumorsim.cells.rule import cell_rule
from tumorsim.chance import binomial_quantile


def plain_step(b, k, h_ext, ext_causes):
    """One step of the slots of every site in plain Python, from the words of the module's docstring."""
    p = b.population
    new = np.zeros((b.lattice.n_sites, 4), dtype=int)
    births = np.zeros(b.lattice.n_sites, dtype=int)
    deaths = np.zeros((b.lattice.n_sites, len(b.state.causes)), dtype=int)
    for site in np.flatnonzero(b.state.viable.any(axis=1)):
        site = int(site)
        for slot in range(4):
            n = int(b.state.viable[site, slot])
            if n == 0:
                continue
            u_survival, u_side, u_phase, u_birth = lifecycle.slot_draws(p.seed, p.patient, site, slot, k)
            hazards = [0.0] * len(b.state.causes)
            if slot & 1:
                hazards[0], hazards[1] = b.ischaemia[site], b.starvation[site]
            if slot & 2:
                hazards[2] = p.turnover
            share = float(b.state.share10[site])
            divide, phase, side = cell_rule(slot >> 1, slot & 1, share, *p.rule_arguments)
            hazards[3] = -math.log1p(-p.abortive * divide)
            for e, cause in enumerate(ext_causes):
                hazards[cause] = h_ext[e, site, slot]
            left = binomial_quantile(u_survival, n, math.exp(-sum(hazards)))
            booked = 0
            for cause in range(len(hazards)):
                if sum(hazards) > 0:
                    of_these = sum(hazards[: cause + 1]) / sum(hazards)
                    upto = min(n - left, math.floor((n - left) * of_these + u_birth))
                    deaths[site, cause] += upto - booked
                    booked = upto
            births[site] += binomial_quantile(u_birth, left, divide)
            to_side = move(u_side, left, side)
            to_phase = move(u_phase, left - to_side, phase)
            new[site, slot] += left - to_side - to_phase
            new[site, slot ^ 1] += to_side
            new[site, slot ^ 2] += to_phase
    return new, births, deaths


def move(u, n, p):
    return binomial_quantile(u, n, p) if n <= 64 else math.floor(n * p + 1 - u)


@pytest.mark.parametrize("density", ["2e8 1/mL", "3e4 1/mL"])
def test_the_kernel_is_the_rule_and_the_words_of_its_docstring(bench, density):
    b = bench(share=0.3, hazard=0.05, radius=2.6, overrides={"tissue.cell_density": density}, causes=["heat"])
    b.ischaemia[:] = 0.02
    h_ext = np.zeros((1, b.lattice.n_sites, 4))
    h_ext[0, ::3] = 0.4
    new, births, deaths = plain_step(b, 4, h_ext, [4])
    totals = b.step(4, H_ext=h_ext, ext_causes=[4])
    viable, inside = b.state.viable, b.inside
    assert np.array_equal(viable[inside, 1:], new[inside, 1:])
    assert np.all(viable[inside, 0] >= new[inside, 0])  # newborns enter this slot
    assert totals.births == births.sum()
    # products of exponentials against the exponential of the sum: equal but for rare roundings
    assert np.abs(b.state.deaths - deaths).max() <= 1
    assert totals.deaths == tuple(b.state.deaths.sum(axis=0))


def test_expected_survivors_are_sum_n_exp_minus_h(bench):
    b = bench(doubling=math.inf, overrides={"cells.turnover": "0 1/d"}, causes=["x"], radius=4.9)
    n = b.state.viable.copy()
    h_ext = np.broadcast_to(np.array([0.1, 0.5, 1.0, 2.0]), (1, b.lattice.n_sites, 4)).copy()
    totals = b.step(1, H_ext=h_ext, ext_causes=[4])
    expected = (n * np.exp(-h_ext[0])).sum()
    spread = math.sqrt((n * np.exp(-h_ext[0]) * (1 - np.exp(-h_ext[0]))).sum())
    assert abs(totals.viable - totals.births + totals.blocked - expected) < 4 * spread


def test_deaths_are_booked_in_proportion_to_the_hazards(bench):
    b = bench(cells=[0, 0, 0, 50_000], causes=["heat", "drug"], overrides={"cells.turnover": "0.02 1/d"})
    b.ischaemia[:], b.starvation[:] = 0.2, 0.1
    h_ext = np.zeros((2, b.lattice.n_sites, 4))
    h_ext[0], h_ext[1] = 0.3, 0.05
    totals = b.step(H_ext=h_ext, ext_causes=[5, 4])
    hypoxic_quiescent = np.array([0.2, 0.1, 0.01, 0.0, 0.05, 0.3])
    dead = np.array(totals.deaths)
    assert dead[0] / dead[1] == pytest.approx(2.0, rel=1e-3)
    assert dead[5] / dead[4] == pytest.approx(6.0, rel=1e-3)
    assert dead / dead.sum() == pytest.approx(hypoxic_quiescent / hypoxic_quiescent.sum(), abs=1e-3)


@settings(max_examples=20, deadline=None)
@given(step=st.integers(0, 10_000), low=st.floats(0, 8), more=st.floats(0, 8), density=st.sampled_from([3e4, 2e5, 2e8]))
def test_more_hazard_never_leaves_more_survivors(bench, step, low, more, density):
    left = []
    for h in (low, low + more):
        many = int(density / 1e3)
        b = bench(
            cells=[many // 5, many // 3, 0, many // 4], radius=2.2, shape=(9, 9, 9),
            overrides={"tissue.cell_density": f"{density} 1/mL"},
        )  # fmt: skip
        b.starvation[:] = h
        b.step(step)
        left.append(b.state.nadir.copy())
    assert np.all(left[1] <= left[0])


def test_survival_far_below_the_words_of_a_draw_is_drawn_truly():
    # the smallest survival draw among many is what 2**-32 would have cut off
    draws = np.array([lifecycle.slot_draws(1, 0, site, 0, 0)[0] for site in range(2000)])
    assert np.unique(draws).size == draws.size
    assert draws.min() > 0 and draws.max() < 1
    assert np.any((draws * 2**32) % 1 != 0.5)


def test_hazards_that_are_no_hazards_are_refused(bench):
    b = bench(share=0.5)
    for wrong in (-0.1, math.nan, math.inf):
        b.starvation[:] = wrong
        with pytest.raises(ValueError, match="finite and not negative"):
            b.step()
    with pytest.raises(ValueError, match="shape"):
        b.population.advance(np.zeros(3), np.zeros(3), 0)


def test_dying_cells_become_debris_and_debris_goes_at_its_clock(bench):
    b = bench(cells=[0, 40_000, 0, 60_000], share=1.0, overrides={"cells.turnover": "0 1/d"})
    b.starvation[:] = 1.0
    dead = sum(b.step(0).deaths)
    assert b.state.dying.sum() == dead
    b.starvation[:] = 0.0
    b.step(1)
    debris = b.state.debris.sum(dtype=float)
    assert debris == pytest.approx(dead * (1 - math.exp(-1)), rel=1e-3)  # a step is one time constant
    b.state.dying[:] = 0
    b.step(2)
    assert b.state.debris.sum(dtype=float) == pytest.approx(debris * 2 ** (-0.5 / 30), rel=1e-5)


def test_sites_with_nothing_are_left_alone(bench):
    b = bench(cells=[0, 0, 0, 0])
    before = b.state.hash()
    totals = b.step()
    assert (totals.viable, totals.births, sum(totals.deaths)) == (0, 0, 0)
    assert b.state.hash() == before
