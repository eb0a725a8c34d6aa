from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tumorsim.hazards.frailty import PARTS, impose, resistant, select, survival
from tumorsim.hazards.traits import TRAITS, Traits
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.state import CAUSES, Sizes, State

THETA = np.array([0.04, 0.2, 0.0])
SHARED = 0.3 / 0.2


def test_survival_is_the_mean_over_correlated_gammas() -> None:
    """A sum over the quantiles of three independent gammas, which is what the cells are said to be."""
    theta, shared = np.array([0.3, 0.5, 0.4]), 0.6 / 0.5
    q = (np.arange(400) + 0.5) / 400
    y0 = stats.gamma.ppf(q, shared)
    nominal = np.array([0.7, 1.9, 0.4])
    own = [stats.gamma.ppf(q, 1 / t - shared) for t in theta]
    parts = [np.exp(-h * t * y).mean() for h, t, y in zip(nominal, theta, own, strict=True)]
    brute = np.exp(-(theta * nominal).sum() * y0).mean() * math.prod(parts)
    assert survival(nominal, theta, shared) == pytest.approx(brute, rel=2e-3)
    # mean 1, variance theta, and the correlation that is claimed
    assert all(t * (y0.mean() + y.mean()) == pytest.approx(1.0, rel=1e-2) for t, y in zip(theta, own, strict=True))
    assert all(t**2 * (y0.var() + y.var()) == pytest.approx(t, rel=3e-2) for t, y in zip(theta, own, strict=True))


def test_one_trait_alone_and_no_variance_are_the_textbook_cases() -> None:
    h = np.array([0.0, 0.0, 0.0])
    assert survival(h, THETA, SHARED) == 1.0
    assert survival(np.array([0, 3.0, 0]), THETA, SHARED) == pytest.approx((1 + 0.2 * 3) ** -5, rel=1e-14)
    assert survival(np.array([0, 0, 3.0]), THETA, SHARED) == math.exp(-3.0)


@settings(max_examples=60, deadline=None)
@given(
    doses=st.lists(st.tuples(st.integers(0, 2), st.floats(1e-9, 60.0)), min_size=1, max_size=7),
    shared=st.floats(0.0, 1.0),
    theta=st.tuples(*[st.sampled_from([0.0, 1e-6, 0.01, 0.3, 2.0])] * 3),
    data=st.data(),
)
def test_cumulative_effective_hazard_depends_on_the_nominal_sum_alone(doses, shared, theta, data) -> None:
    of = np.array(theta)
    shape = shared / of.max() if of.any() else 0.0
    ends = []
    for order in (doses, data.draw(st.permutations(doses)), [(t, h / 3) for t, h in doses] * 3):
        means, effective, total = np.ones(PARTS), np.zeros(3), 0.0
        for trait, dose in order:
            nominal = np.zeros(3)
            nominal[trait] = dose
            select(nominal, of, shape, means, effective)
            total += effective.sum()
        ends.append((total, means.copy()))
    summed = np.array([sum(h for t, h in doses if t == trait) for trait in range(3)])
    for total, means in ends:
        assert total == pytest.approx(-np.log(survival(summed, of, shape)), rel=1e-9) or total > 700
        assert total == pytest.approx(ends[0][0], rel=1e-12)
        assert np.allclose(means, ends[0][1], rtol=1e-12)


def test_more_hazard_is_never_less_effective() -> None:
    last = -1.0
    for dose in np.linspace(0, 40, 200):
        means, effective = np.ones(PARTS), np.zeros(3)
        select(np.array([0.5 * dose, dose, 0.0]), THETA, SHARED, means, effective)
        assert effective.sum() > last
        last = effective.sum()


# --- on a state ------------------------------------------------------------------------------------------


def bench(one_cell: bool = False, **given: object) -> tuple[State, Traits]:
    lattice = Lattice((3, 3, 3), 1e-3)
    state = State(Sizes(sites=27, one_cell=one_cell), CAUSES)
    if one_cell:
        state.phase[:] = 1
    else:
        state.viable[:, 0] = 1000
    return state, Traits.of_patient(load_parameters({f"traits.{k}": v for k, v in given.items()}), lattice, 1, 0)


SITES = np.arange(27)


@pytest.mark.parametrize("one_cell", [False, True])
def test_causes_of_one_trait_share_what_it_lets_through(one_cell: bool) -> None:
    state, traits = bench(one_cell)
    nominal = np.zeros((4, 27, 4))
    nominal[0], nominal[1], nominal[2], nominal[3] = 2.0, 1.0, 0.5, 0.25
    hazard = nominal.copy()
    impose(state, traits, SITES, hazard, [1, 1, -1, 0])
    sensitivity = traits.sensitivity(SITES)
    felt = np.zeros((27, 3))
    felt[:, 1], felt[:, 0] = 3.0 * sensitivity[:, 1], 0.25 * sensitivity[:, 0]
    expected = -np.log(survival(felt, traits.theta, traits.shared)) + 0.5
    assert np.allclose(hazard[:, :, 0].sum(axis=0), expected, rtol=1e-12)
    assert np.allclose(hazard[0], 2 * hazard[1]) if not one_cell else np.allclose(hazard[0, :, 0], 2 * hazard[1, :, 0])
    assert np.all(hazard[2] == 0.5)  # no trait, no change
    assert state.sizes.traits == PARTS and state.frailty.shape == (27, 1 if one_cell else 4, PARTS)
    means = state.frailty[:, 0]
    assert np.allclose(means[:, 2], 1 / (1 + traits.theta[1] * felt[:, 1]))
    assert np.allclose(means[:, 0], 1 / (1 + (traits.theta * felt).sum(axis=1))) and np.all(means[:, 3] == 1.0)
    assert state.hash()  # dtype and shape are those of the table


def test_nothing_imposed_or_nothing_varying_leaves_no_trace() -> None:
    state, traits = bench()
    before = state.hash()
    hazard = np.zeros((2, 27, 4))
    hazard[1] = 0.7
    impose(state, traits, SITES, hazard, [1, -1])
    assert state.hash() == before and state.sizes.traits == 0 and np.all(hazard[1] == 0.7)
    off = {f"{t}_{level}": 0.0 for t in TRAITS for level in ("patient", "region", "cell")}
    state, traits = bench(**off)
    hazard[0] = np.linspace(0, 20, 27)[:, None]
    impose(state, traits, SITES, kept := hazard.copy(), [1, -1])
    assert np.array_equal(kept, hazard) and state.hash() == before
    # patients alone differ: a factor, and no memory
    state, traits = bench(**{**off, "drug_sensitivity_patient": 0.5})
    impose(state, traits, SITES, kept := hazard.copy(), [1, 2])
    assert np.allclose(kept[0], hazard[0] * traits.patient[1], rtol=1e-14) and np.array_equal(kept[1], hazard[1])
    assert state.hash() == before


def test_in_a_site_of_one_cell_only_the_slot_it_is_in_counts() -> None:
    state, traits = bench(one_cell=True)
    state.phase[:] = np.arange(27) % 7  # also empty, dying and debris
    hazard = np.zeros((1, 27, 4))
    hazard[0, :, 2] = 1.0
    impose(state, traits, SITES, hazard, [0])
    touched = np.any(state.frailty[:, 0] != 1.0, axis=1)
    assert np.array_equal(touched, state.phase == 3)


@pytest.mark.parametrize("one_cell", [False, True])
def test_resistant_is_where_selection_is_what_was_missing(one_cell: bool) -> None:
    plan = 9 * math.log(10)
    state, traits = bench(one_cell, drug_sensitivity_cell=0.6)
    assert not resistant(state, traits, [1], plan).any()  # nothing was imposed
    hazard = np.zeros((1, 27, 4))
    hazard[0] = np.linspace(0.0, 1.3 * plan, 27)[:, None]
    nominal = hazard[0, :, 0].copy()
    for k in range(4):  # in parts, as over days
        impose(state, traits, SITES, part := hazard / 4, [1])
        assert np.all(part <= hazard / 4 * traits.sensitivity(SITES)[:, 1].max() * (1 + 1e-12)), k
    found = resistant(state, traits, [1], plan)
    assert not found[nominal < 0.3 * plan].any()  # there too little was given
    assert not resistant(state, traits, [0], plan).any() and not resistant(state, traits, [], plan).any()
    felt = nominal * traits.sensitivity(SITES)[:, 1]
    effective = np.log1p(traits.theta[1] * felt) / traits.theta[1]
    assert np.array_equal(found, (nominal - effective > 0) & (nominal - effective >= 0.5 * (plan - effective)))
    assert found.any() and found[-1] and not found.all()
    (state.phase if one_cell else state.viable)[-1] = 0
    assert not resistant(state, traits, [1], plan)[-1]  # nobody there to be so


def test_orders_agree_on_a_state() -> None:
    ends = []
    for order in itertools.permutations(range(3)):
        state, traits = bench()
        total = np.zeros((27, 4))
        for trait in order:
            hazard = np.full((1, 27, 4), 1.0 + trait)
            impose(state, traits, SITES, hazard, [trait])
            total += hazard[0]
        ends.append((total, state.frailty))
    for total, frailty in ends[1:]:
        assert np.allclose(total, ends[0][0], rtol=1e-12, atol=0) and np.allclose(frailty, ends[0][1], rtol=1e-12)
