"""Statistics over patients against published values, scipy, and what they promise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tumorsim.studies import statistics

finite = st.floats(-1e9, 1e9, allow_nan=False)


# Newcombe (Stat Med 17:857, 1998), table I, method 3 (score without continuity correction)
@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_newcombes_published_values(successes, n, low, high):
    assert statistics.wilson(successes, n) == pytest.approx((low, high), abs=5.1e-5)


@given(st.integers(1, 300), st.data())
@settings(max_examples=60, deadline=None)
def test_wilson_equals_scipy(n, data):
    k = data.draw(st.integers(0, n))
    want = stats.binomtest(k, n).proportion_ci(method="wilson")
    assert statistics.wilson(k, n) == pytest.approx((want.low, want.high), abs=1e-12)


@pytest.mark.parametrize(("k", "n"), [(1, 0), (3, 2), (-1, 4)])
def test_wilson_refuses_what_is_no_share(k, n):
    with pytest.raises(ValueError, match="a share needs"):
        statistics.wilson(k, n)


def test_share_of_one_patient_has_no_interval_and_of_none_no_mean():
    assert statistics.share([1]) == {"mean": 1.0, "low": None, "high": None, "n": 1}
    assert statistics.share([None]) == {"mean": None, "low": None, "high": None, "n": 0}
    assert statistics.share([1, None, 0, 0])["n"] == 3
    with pytest.raises(ValueError, match="0 or 1"):
        statistics.share([0.5, 1])


def test_mean_of_one_patient_has_no_interval():
    assert statistics.mean([4.0], seed=7) == {"mean": 4.0, "low": None, "high": None, "n": 1}
    assert statistics.mean([None, None], seed=7) == {"mean": None, "low": None, "high": None, "n": 0}


@given(st.lists(finite, min_size=2, max_size=30), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_interval_holds_the_mean_and_stays_inside_the_data(values, seed):
    got = statistics.mean(values, seed)
    slack = 1e-9 * (1 + max(abs(v) for v in values))
    assert min(values) - slack <= got["low"] <= got["mean"] <= got["high"] <= max(values) + slack


def test_equal_values_leave_no_width():
    assert statistics.mean([0.1] * 6, seed=1) == {"mean": pytest.approx(0.1), "low": 0.1, "high": 0.1, "n": 6}


def test_interval_is_a_function_of_seed_and_data():
    values = [1.0, 5.0, 2.0, 9.0, 3.0, 3.5, 7.25]
    assert statistics.mean(values, 3) == statistics.mean(values, 3)
    assert statistics.mean(values, 3) != statistics.mean(values, 4)


@pytest.mark.parametrize("n", [6, 40])
def test_interval_is_as_wide_as_students_where_data_are_normal(n):
    values = stats.norm.ppf((np.arange(n) + 0.5) / n)
    low, high = statistics.bootstrap_interval(values, seed=11)
    want = stats.t.interval(0.95, n - 1, 0, stats.sem(values))
    assert (low, high) == pytest.approx(want, rel=0.12)


def test_interval_agrees_with_scipys_bootstrap_for_many_patients():
    values = stats.lognorm.ppf((np.arange(200) + 0.5) / 200, 0.8)
    want = stats.bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(1))
    got = statistics.bootstrap_interval(values, seed=5)
    assert got == pytest.approx(tuple(want.confidence_interval), rel=0.03)


def test_interval_covers_about_as_often_as_it_says():
    # 600 studies of 8 patients; the plain percentile interval covers about 0.89 here
    studies = stats.norm.ppf(np.random.default_rng(2).uniform(size=(600, 8)))
    ends = np.array([statistics.bootstrap_interval(row, seed=i % 3) for i, row in enumerate(studies)])
    covered = np.mean((ends[:, 0] <= 0) & (ends[:, 1] >= 0))
    assert 0.92 < covered < 0.98


def test_interval_refuses_what_is_not_a_number():
    with pytest.raises(ValueError, match="finite"):
        statistics.bootstrap_interval([1.0, math.nan], seed=1)
    with pytest.raises(ValueError, match="finite"):
        statistics.statistic(math.inf, None, None, 3)


def _pairs(both, only_a, only_b, neither):
    a = [1] * both + [1] * only_a + [0] * only_b + [0] * neither
    b = [1] * both + [0] * only_a + [1] * only_b + [0] * neither
    return a, b


# cells: both, only the first, only the second, neither. Rows 1-3: Newcombe (Stat Med 17:2635, 1998), table
# III, method 10; row 4: the fourfold table of Bentur 2009 worked in Fagerland, Lydersen, Laake (Stat Med
# 33:2850, 2014)
@pytest.mark.parametrize(
    ("cells", "low", "high", "tolerance"),
    [
        ((36, 12, 2, 0), 0.0569, 0.3404, 5.1e-5),
        ((20, 12, 2, 16), 0.0562, 0.3292, 5.1e-5),
        ((1, 97, 1, 1), 0.8736, None, 1e-4),
        ((1, 1, 7, 12), -0.507, -0.026, 5.1e-4),
    ],
)
def test_paired_shares_by_newcombes_method(cells, low, high, tolerance):
    got = statistics.paired_share_difference(*_pairs(*cells))
    assert got["low"] == pytest.approx(low, abs=tolerance)
    assert high is None or got["high"] == pytest.approx(high, abs=tolerance)
    assert got["mean"] == pytest.approx((cells[1] - cells[2]) / sum(cells))


def test_paired_shares_turn_round_with_their_arms():
    a, b = _pairs(18, 14, 4, 18)
    there, back = statistics.paired_share_difference(a, b), statistics.paired_share_difference(b, a)
    assert (there["low"], there["high"]) == pytest.approx((-back["high"], -back["low"]))


def test_paired_shares_have_width_where_all_patients_agree():
    got = statistics.paired_share_difference([1] * 8, [0] * 8)
    assert got["mean"] == 1.0 and got["high"] == 1.0 and 0.4 < got["low"] < 0.7
    none = statistics.paired_share_difference([0] * 8, [0] * 8)
    assert none["low"] < 0 < none["high"]
    assert statistics.paired_share_difference([1], [0]) == {"mean": 1.0, "low": None, "high": None, "n": 1}


def test_pairs_with_a_missing_half_are_left_out():
    got = statistics.paired_mean([1.0, None, 3.0, 4.0], [0.5, 1.0, None, 1.0], seed=2)
    assert got["n"] == 2 and got["mean"] == pytest.approx(1.75)
    assert statistics.paired_share_difference([1, None, 0], [0, 1, None])["n"] == 1
