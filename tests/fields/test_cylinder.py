"""The tissue cylinder with Michaelis-Menten consumption, against another solver and against its limit, Krogh's."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from tumorsim.fields import krogh
from tumorsim.fields.cylinder import ABOVE, BLOOD, COLUMNS, FED, STATES, SUM, THRESHOLDS, WALL, starts, state_of

D = 2e-9


def found(start, limit, quarter, half, resistance=0.0):
    out = np.empty(COLUMNS)
    state_of(np.array(start, dtype=float), limit, quarter, half, resistance, out)
    return out


def by_another_solver(border, limit, quarter, half):
    """(wall, fed, integral of p, areas above the thresholds) of a cylinder with ``border`` at its border."""

    def slope(r, y):  # in radii of the capillary: p'' + p' / r = 4 quarter p / (p + Km)
        p, dp, _ = y
        return [dp, 4.0 * quarter * p / (p + half) - dp / r, -2.0 * r * p]

    events = [lambda r, y, limit=limit: y[0] - limit for limit in THRESHOLDS]
    run = solve_ivp(slope, (math.sqrt(limit), 1.0), [border, 0.0, 0.0], rtol=1e-8, atol=1e-14, events=events,
                    method="DOP853")  # fmt: skip
    wall, steep, total = run.y[:, -1]
    above = [
        limit - 1.0 if border > mark else (when[0] ** 2 - 1.0 if len(when) else 0.0)
        for mark, when in zip(THRESHOLDS, run.t_events, strict=True)
    ]
    return wall, -steep / (2.0 * quarter), total, above


@pytest.mark.parametrize("border", [20.0, 9.0, 1.0, 0.2, 0.02])
@pytest.mark.parametrize(("radius", "half"), [(60e-6, 1.0), (40e-6, 2.5), (90e-6, 0.2), (20e-6, 1.0)])
def test_a_state_is_that_of_another_solver(border, radius, half):
    limit, quarter = (radius / 5e-6) ** 2, 15.0 * 25e-12 / (4.0 * D)
    wall, fed, total, above = by_another_solver(border, limit, quarter, half)
    out = found((limit, border), limit, quarter, half)
    assert out[WALL] == pytest.approx(wall, rel=2e-4)
    assert out[FED] == pytest.approx(fed, rel=2e-4)
    assert out[SUM] == pytest.approx(total, rel=5e-4)
    assert out[ABOVE:] == pytest.approx(above, abs=1e-3 * (limit - 1.0))


@pytest.mark.parametrize("outer", [1.05, 1.5, 3.0])
def test_a_state_whose_oxygen_ends_inside(outer):
    """From the circle on which p is a hundredth of Km: as the other solver has it from the border."""
    quarter, half = 15.0 * 25e-12 / (4.0 * D), 1.0
    end = 80e-6 / 5e-6
    limit = (outer * end) ** 2
    inner = found((end**2, 0.01 * half), limit, quarter, half)
    low, high = 1e-13, 0.01
    for _ in range(36):  # the border pressure with the same wall
        border = math.sqrt(low * high)
        wall, fed, total, above = by_another_solver(border, limit, quarter, half)
        low, high = (border, high) if wall < inner[WALL] else (low, border)
    if high < 2e-13:
        pytest.skip("too little oxygen at the border to start from")
    assert inner[FED] == pytest.approx(fed, rel=1e-3)
    assert inner[SUM] == pytest.approx(total, rel=2e-3)
    assert inner[ABOVE:] == pytest.approx(above, rel=2e-3, abs=1e-3 * limit)


@settings(max_examples=60, deadline=None)
@given(st.floats(2.0, 60.0), st.floats(20e-6, 90e-6))
def test_without_km_it_is_krogh(consumption, radius):
    """With Km towards 0: what is fed and the shares are those of the moving boundary, rich or poor."""
    limit, quarter = (radius / 5e-6) ** 2, consumption * 25e-12 / (4.0 * D)
    begin = np.empty((STATES, 2))
    for start in begin[: starts(limit, quarter, 1e-4, 90.0, begin)]:
        out = found(start, limit, quarter, 1e-4)
        if out[WALL] > 1.0:
            end = krogh.end_area(out[WALL] / quarter, limit)
            assert out[FED] == pytest.approx(end - 1.0, rel=5e-3)
            for k, mark in enumerate(THRESHOLDS):
                exact = krogh.contour_area((out[WALL] - mark) / quarter, end) - 1.0
                assert out[ABOVE + k] == pytest.approx(exact, abs=0.05 * (limit - 1.0))


@settings(max_examples=100, deadline=None)
@given(st.floats(1.2, 1e8), st.floats(1e-6, 1e4), st.floats(1e-3, 5.0), st.floats(0.0, 5.0), st.floats(1.0, 140.0))
def test_richer_states_hold_more_of_everything(limit, quarter, half, resistance, top):
    begin = np.empty((STATES, 2))
    count = starts(limit, quarter, half, top, begin)
    rows = np.array([found(start, limit, quarter, half, resistance) for start in begin[:count]])
    assert 1 <= count <= STATES
    assert np.all(np.isfinite(rows)) and np.all(rows >= 0.0)
    assert rows[-1, BLOOD] >= top
    assert np.all(np.diff(rows[:, BLOOD]) > 0.0)
    assert np.all(np.diff(rows, axis=0) >= -2e-4 * np.abs(rows[1:]))
    assert np.all(rows[:, FED] <= (limit - 1.0) * (1.0 + 1e-3))
    assert np.all(np.diff(rows[:, ABOVE:], axis=1) >= -1e-9 * limit)
    assert rows[:, BLOOD] == pytest.approx(rows[:, WALL] + resistance * rows[:, FED])
