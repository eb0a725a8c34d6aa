"""Figures stand where the numbers say."""

import re

import numpy as np
import pandas as pd
import pytest

from tumorsim.report import figures
from tumorsim.report.curves import LogScale, summarise


def test_zero_has_its_own_place_under_the_log_axis():
    scale = LogScale.of(np.array([0.0, 3e3, 5e6]))
    assert scale.has_zero and 3 < scale.low < np.log10(3e3) and np.log10(5e6) < scale.high < 7
    assert scale(0) == 0 < scale(3e3) < scale(1e5) < scale(5e6) < 1
    assert scale(1e5) - scale(1e4) == pytest.approx(scale(1e6) - scale(1e5))
    assert LogScale.of(np.array([3e3, 5e6]))(1e-3) == 0
    assert LogScale.of(np.zeros(3)).has_zero and LogScale.of(np.array([10.0])).high > 1.2


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (2.9, 6.1, [1e3, 1e4, 1e5, 1e6]),
        (8.95, 10.2, [1e9, 2e9, 5e9, 1e10]),
        (0.1, 0.9, [2, 5]),
        (4.43, 4.93, [3e4, 4e4, 5e4, 6e4, 7e4, 8e4]),
        (-0.5, 29.5, [10.0**e for e in range(0, 30, 3)]),
    ],
)
def test_an_axis_has_a_handful_of_labels(low, high, ticks):
    assert LogScale(low, high, True).ticks() == pytest.approx(ticks)


def test_the_middle_curve_is_a_patients_value():
    table = pd.DataFrame({0: [1.0, 0.0], 1: [5.0, 0.0], 2: [9.0, 7.0], 3: [9.0, 8.0]}, index=[0.0, 24.0])
    got = summarise(table)
    assert got.days.tolist() == [0, 1] and got.patients == 4
    assert all(value in table.loc[24.0].tolist() for value in (got.median[1], got.low[1], got.high[1]))
    assert summarise(pd.DataFrame()) is None


def test_long_series_are_thinned_with_both_ends():
    table = pd.DataFrame({0: np.arange(5000.0)}, index=np.arange(5000.0))
    got = summarise(table)
    assert len(got.days) <= 180 and got.median[0] == 0 and got.median[-1] == 4999


def test_ticks_are_round_and_hold_zero():
    assert figures.nice_ticks(-1.4, 2.3) == [-1.0, 0.0, 1.0, 2.0]
    assert figures.day_ticks(180) == [0, 30, 60, 90, 120, 150, 180]
    assert len(figures.day_ticks(4000)) <= 8


def stat(mean, low=None, high=None, n=8):
    return {"mean": mean, "low": low, "high": high, "n": n}


def pair(mean, low=None, high=None, later=None):
    return {"d": stat(mean, low, high), "after_last": None if later is None else {"d": stat(later)}}


def test_a_difference_without_interval_has_a_dot_and_no_whisker():
    drawn = figures.forest({"a vs b": pair(-1.0), "a vs c": pair(1.0, 0.5, 2.0, later=0.4)}, "d", "t", "log10", True)
    assert drawn.count('class="point now"') == 2 and drawn.count('class="whisker now"') == 1
    assert drawn.count('class="point later"') == 1
    dots = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"[^>]*point now', drawn)]
    assert dots[0] < dots[1]
    assert figures.forest({"a vs b": pair(None)}, "d", "t", "log10", True).count("<circle") == 0


def test_bars_are_as_long_as_their_numbers():
    drawn = figures.bars([("rim", {"x": 1.0, "y": 3.0}, "4")], {"x": "#111111", "y": "#222222"}, "t", whole=4.0)
    widths = [float(w) for w in re.findall(r'width="([\d.]+)" height', drawn)]
    assert widths[1] == pytest.approx(3 * widths[0], rel=0.01)


def test_rates_say_what_does_not_exist():
    drawn = figures.rates([("a", [("seen", None, "later"), ("true", stat(0.5, 0.2, 0.8), "now")])], "t")
    assert "does not exist here" in drawn and "4 of 8" in drawn


def test_names_are_escaped():
    drawn = figures.bars([("<b>", {"<i>": 1.0}, "<u>")], {"<i>": "#000000"}, "<t>")
    assert not re.search(r"<[bitu]>", drawn)


def test_a_long_label_takes_two_lines_and_is_not_cut():
    name = "TACE with portal vein thrombus"
    drawn = figures.bars([(name, {"x": 1.0}, "1")], {"x": "#111111"}, "t")
    assert ">TACE with portal vein</text>" in drawn and ">thrombus</text>" in drawn
