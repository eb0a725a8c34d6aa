import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.integrate import quad

from tumorsim.errors import InputError
from tumorsim.hazards.ischaemia import (
    IschaemiaClocks,
    accumulate_liver,
    accumulate_tumour,
    ischaemic_hazards,
    lagged_anoxia,
)
from tumorsim.parameters import load_parameters
from tumorsim.state import Sizes, State

H, DAY = 3600.0, 86400.0
CLOCKS = IschaemiaClocks.from_parameters(load_parameters())
TIMES = (CLOCKS.latency, CLOCKS.life_anoxic, CLOCKS.life_severe, CLOCKS.life_hypoxic)
share = st.floats(0.0, 1.0)
nested = st.tuples(share, share, share).map(lambda shares: tuple(sorted(shares, reverse=True)))


def test_default_clocks():
    assert CLOCKS.latency == 12 * H
    assert CLOCKS.life_anoxic == DAY
    assert CLOCKS.life_anoxic < CLOCKS.life_severe < CLOCKS.life_hypoxic
    assert CLOCKS.liver_life_anoxic > CLOCKS.life_anoxic


def test_a_clock_that_does_not_run_is_refused():
    with pytest.raises(InputError, match="latency"):
        replace(CLOCKS, latency=0.0)


def test_lag_follows_its_equation():
    s, lag0, dt = 0.8, 0.1, 7 * H

    def lag(t):
        return s - (s - lag0) * math.exp(-t / CLOCKS.latency)

    time, after = lagged_anoxia(s, lag0, dt, CLOCKS.latency)
    assert after == pytest.approx(lag(dt), rel=1e-13)
    assert time == pytest.approx(quad(lag, 0, dt, epsrel=1e-12)[0], rel=1e-11)


def test_lag_falls_at_once_and_settles():
    assert lagged_anoxia(0.2, 0.9, H, CLOCKS.latency) == (0.2 * H, 0.2)
    time, after = lagged_anoxia(0.7, 0.0, 400 * DAY, CLOCKS.latency)
    assert after == 0.7  # exactly, so that nothing changes any more
    assert time == pytest.approx(0.7 * (400 * DAY - CLOCKS.latency), rel=1e-12)


def test_dead_water():
    """All tissue anoxic: hazard t - L(1 - exp(-t/L)) over the mean life, at first that of a parabola."""
    h, starved, _ = ischaemic_hazards(1.0, 1.0, 1.0, 0.0, 7 * DAY, *TIMES)
    assert h == pytest.approx((7 * DAY - CLOCKS.latency * -math.expm1(-14)) / DAY, rel=1e-12)
    assert starved == 0.0
    h, _, _ = ischaemic_hazards(1.0, 1.0, 1.0, 0.0, 600.0, *TIMES)
    assert h == pytest.approx(600.0**2 / (2 * CLOCKS.latency * DAY), rel=0.01)


def test_bands_are_booked_apart():
    h, starved, lag = ischaemic_hazards(0.5, 0.2, 0.0, 0.0, DAY, *TIMES)
    assert (h, lag) == (0.0, 0.0)
    assert starved == pytest.approx((0.2 / CLOCKS.life_severe + 0.3 / CLOCKS.life_hypoxic) * DAY / 0.5)
    assert ischaemic_hazards(0.0, 0.0, 0.0, 0.3, DAY, *TIMES) == (0.0, 0.0, 0.0)


def test_hypoxic_perfused_tissue_lives_for_weeks():
    _, starved, _ = ischaemic_hazards(1.0, 0.0, 0.0, 0.0, 28 * DAY, *TIMES)
    assert math.exp(-starved) > 0.7


@given(nested, share, st.floats(1.0, 30 * DAY), st.floats(0.0, 1.0))
def test_a_step_may_be_cut_anywhere(shares, lag, dt, cut):
    whole = ischaemic_hazards(*shares, lag, dt, *TIMES)
    first = ischaemic_hazards(*shares, lag, cut * dt, *TIMES)
    second = ischaemic_hazards(*shares, first[2], (1 - cut) * dt, *TIMES)
    if shares[0] > 1e-3:
        scale = max(1.0, whole[0], whole[1])
        assert first[0] + second[0] == pytest.approx(whole[0], abs=1e-11 * scale / shares[0])
        assert first[1] + second[1] == pytest.approx(whole[1], abs=1e-12 * scale)
    assert second[2] == pytest.approx(whole[2], abs=2e-12)


@given(nested, share, st.floats(0.0, 30 * DAY))
@example((1.0, 1.0, 0.078125), 0.0, 1.4e-128)
def test_hazards_are_never_negative_and_plain_python_agrees(shares, lag, dt):
    compiled = ischaemic_hazards(*shares, lag, dt, *TIMES)
    assert all(v >= 0.0 for v in compiled)
    assert compiled[2] <= shares[2]
    with_plain_parts = ischaemic_hazards.py_func(*shares, lag, dt, *TIMES)
    assert with_plain_parts == pytest.approx(compiled, rel=1e-12, abs=1e-300)
    assert lagged_anoxia.py_func(shares[2], lag, dt, CLOCKS.latency) == pytest.approx(
        lagged_anoxia(shares[2], lag, dt, CLOCKS.latency), rel=1e-12, abs=1e-9
    )


def oxygen(n=300, seed=0):
    random = np.random.default_rng(seed)
    shares = np.sort(random.random((n, 3)), axis=1).astype(np.float32) * (random.random((n, 1)) < 0.8)
    return SimpleNamespace(
        share10=shares[:, 2].copy(),
        share2p5=shares[:, 1].copy(),
        share0p5=shares[:, 0].copy(),
        anoxic_lag=random.random(n),
        liver_hazard=np.zeros(n),
    )


def test_two_halves_equal_the_whole_in_the_kernels():
    n = 300
    sites = np.arange(n)
    hazards = {}
    for name, parts in {
        "whole": [DAY],
        "halves": [DAY / 2] * 2,
        "null event": [0.3 * DAY, 0.7 * DAY],
    }.items():
        state, h, starved = oxygen(), np.zeros(n), np.zeros(n)
        for dt in parts:
            accumulate_tumour(state, sites, dt, CLOCKS, h, starved)
        liver = oxygen()
        for dt in parts:
            accumulate_liver(liver, sites, dt, CLOCKS)
        hazards[name] = np.concatenate([h, starved, state.anoxic_lag, liver.liver_hazard, liver.anoxic_lag])
    assert hazards["whole"].max() > 0.1
    for name in ("halves", "null event"):
        np.testing.assert_allclose(hazards[name], hazards["whole"], rtol=1e-12, atol=1e-12)


def test_kernel_adds_at_its_sites_only():
    n, sites = 300, np.arange(0, 300, 3)
    state, before = oxygen(), oxygen()
    h, starved = np.ones(n), np.full(n, 2.0)
    accumulate_tumour(state, sites, DAY, CLOCKS, h, starved)
    others = np.delete(np.arange(n), sites)
    assert np.all(h[others] == 1.0)
    assert np.all(starved[others] == 2.0)
    assert np.array_equal(state.anoxic_lag[others], before.anoxic_lag[others])
    for site in sites:
        got = ischaemic_hazards(
            float(state.share10[site]), float(state.share2p5[site]), float(state.share0p5[site]),
            before.anoxic_lag[site], DAY, *TIMES,
        )  # fmt: skip
        assert (h[site] - 1.0, starved[site] - 2.0) == pytest.approx(got[:2], abs=1e-14)
        assert state.anoxic_lag[site] == got[2]


def test_liver_dies_by_its_own_clock():
    state = State(Sizes(2))
    state.share0p5[:] = [1.0, 0.25]
    accumulate_liver(state, np.arange(2), 10 * DAY, CLOCKS)
    lagged = 10 * DAY - CLOCKS.latency * -math.expm1(-10 * DAY / CLOCKS.latency)
    assert state.liver_hazard == pytest.approx(np.array([1.0, 0.25]) * lagged / CLOCKS.liver_life_anoxic)


def test_two_threads_give_the_same_bits():
    n = 120_000
    results = []
    for threads in (1, 2):
        state, h, starved = oxygen(n), np.zeros(n), np.zeros(n)
        accumulate_tumour(state, np.arange(n), DAY, CLOCKS, h, starved, threads=threads)
        results.append(np.concatenate([h, starved, state.anoxic_lag]))
    assert np.array_equal(*results)
