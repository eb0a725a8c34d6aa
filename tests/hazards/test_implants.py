"""Implants of a state: their dose so far, and what heat near in time adds, however time is cut."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from tumorsim.errors import InputError
from tumorsim.hazards.combine import Enhancement
from tumorsim.hazards.implants import dose_until, forget_heat, heat_dose
from tumorsim.hazards.radiation import decay_constant
from tumorsim.state import Sizes, State

H, DAY = 3_600, 86_400
I125 = decay_constant(59.4 * DAY)
HEAT = Enhancement(0.75, 3_600.0, 4.0 * H)


def implanted(*at: int, decay: float = I125) -> State:
    state = State(Sizes(sites=3))
    for n, when in enumerate(at):
        state.add_implant([2e-5, 0.0, 1e-5 * (n + 1)], when, decay * (n + 1))
    return state


def test_dose_until_is_the_closed_form() -> None:
    state = implanted(DAY, 5 * DAY)
    rate, decay = state.implant_rate, state.implant_decay
    assert dose_until(state, 0.0).tolist() == dose_until(state, DAY).tolist() == [0.0, 0.0, 0.0]
    exact = rate[0] / decay[0] * -math.expm1(-decay[0] * 8 * DAY) + rate[1] / decay[1] * -math.expm1(
        -decay[1] * 4 * DAY
    )
    assert dose_until(state, 9 * DAY) == pytest.approx(exact, rel=1e-14)
    whole = dose_until(state, math.inf)
    assert whole == pytest.approx(rate[0] / decay[0] + rate[1] / decay[1], rel=1e-14)
    assert dose_until(state, 60 * 59.4 * DAY) == pytest.approx(whole, rel=1e-12)
    assert dose_until(State(Sizes(sites=2)), math.inf).tolist() == [0.0, 0.0]
    assert dose_until(implanted(0, decay=0.0), math.inf).tolist() == [math.inf, 0.0, math.inf]
    with pytest.raises(InputError):
        dose_until(state, math.nan)


def test_no_heat_or_no_implant_adds_nothing() -> None:
    assert heat_dose(implanted(0), HEAT, 0, DAY) is None
    state = State(Sizes(sites=3))
    state.add_heating([1e4, 1e4, 1e4], H, 2 * H)
    assert heat_dose(state, HEAT, 0, DAY) is None
    state.add_implant(np.ones(3), 2 * H, I125)
    assert heat_dose(state, HEAT, 0, DAY) is not None
    assert heat_dose(state, HEAT, 6 * H, DAY) is None


def test_added_dose_against_quadrature() -> None:
    state = implanted(0, 3 * H)
    state.add_heating([1_800.0, 7_200.0, 60.0], 5 * H, 5 * H + 600)
    found = heat_dose(state, HEAT, 0, 2 * DAY)
    assert found is not None
    for site, heat in enumerate((1_800.0, 7_200.0, 60.0)):
        gain = 0.75 * min(heat / 3_600.0, 1.0)
        due = 0.0
        for rate, at, decay in zip(state.implant_rate[:, site], state.implant_at, state.implant_decay, strict=True):

            def enhanced(t: float, at: float = at, decay: float = decay) -> float:
                away = max(5 * H - t, t - 5 * H - 600, 0.0)
                return math.exp(-decay * (t - at)) * (1.0 - away / (4 * H))

            begin, end = max(at, H), 9 * H + 600
            due += rate * gain * quad(enhanced, begin, end, points=[5 * H, 5 * H + 600], epsrel=1e-12)[0]
        assert found[site] == pytest.approx(due, rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 40 * H), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 30 * H), st.integers(0, H)), min_size=1, max_size=3),
)
def test_time_may_be_cut_anywhere_while_old_heat_is_dropped(cuts: list[int], heats: list[tuple[int, int]]) -> None:
    """Sessions are told of as they happen, as in a run."""
    heats = sorted(heats)

    def added(edges: list[int]) -> np.ndarray:
        state, total, told = implanted(0, 8 * H), np.zeros(3), 0
        for begin, end in pairwise(edges):
            while told < len(heats) and heats[told][0] < end:
                on, lasts = heats[told]
                state.add_heating([900.0 * (told + 1), 5.0, 2_700.0], on, on + lasts)
                told += 1
            more = heat_dose(state, HEAT, begin, end)
            total += 0.0 if more is None else more
            forget_heat(state, HEAT, end)
        assert state.sizes.heatings == 0
        return total

    whole = added([0, 50 * H])
    assert added(sorted({0, 50 * H, *cuts})) == pytest.approx(whole, rel=1e-9, abs=1e-14)


def test_two_sessions_add_no_more_than_the_full_thermal_dose() -> None:
    full, twice = implanted(0), implanted(0)
    full.add_heating([1e5] * 3, 10 * H, 11 * H)
    for on in (10 * H, 10 * H + 1_800):
        twice.add_heating([2_400.0] * 3, on, on + 1_800)
    most, found = heat_dose(full, HEAT, 0, DAY), heat_dose(twice, HEAT, 0, DAY)
    assert most is not None and found is not None
    assert 0.9 * most[0] < found[0] < most[0]
    # far from each other each counts in full
    apart = implanted(0)
    for on in (10 * H, 20 * H):
        apart.add_heating([1e5] * 3, on, on + H)
    both = heat_dose(apart, HEAT, 0, 2 * DAY)
    assert both is not None and both[0] == pytest.approx(2.0 * most[0], rel=0.01)


def test_heat_is_kept_while_it_can_still_add() -> None:
    state = implanted(0)
    state.add_heating([1e3] * 3, 0, 600)
    forget_heat(state, HEAT, 4 * H)
    assert state.sizes.heatings == 1
    state.add_heating([1e3] * 3, 4 * H, 4 * H + 600)
    forget_heat(state, HEAT, 5 * H)  # the first says how much the second adds
    assert state.sizes.heatings == 2
    forget_heat(state, HEAT, 8 * H + 600)
    assert state.sizes.heatings == 0
