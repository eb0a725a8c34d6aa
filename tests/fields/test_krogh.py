import csv
import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from tumorsim.fields import krogh

D, RC, WALL = 2e-9, 3e-6, 40.0  # m2/s, m, mmHg: those of the reference rows
TABLE = Path(__file__).parent.parent / "data" / "analytic_vascular_oxygen.csv"


def rows(test_id):
    with TABLE.open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(line for line in file if line[0] != "#") if row["test_id"] == test_id]


def profile_rows():
    for row in rows("C7"):
        consumption = float(re.search(r" M=([\d.]+)", row["description"])[1])
        cylinder = float(re.search(r"Rt=([\d.]+)", row["description"])[1]) * 1e-6
        r = float(re.search(r"r=([\d.]+)", row["quantity"])[1]) * 1e-6
        yield consumption, cylinder, r, float(row["value"])


def test_the_reference_has_both_kinds_of_rows():
    values = [row[3] for row in profile_rows()]
    assert sum(v >= 0 for v in values) >= 10
    assert sum(v < 0 for v in values) >= 10


@pytest.mark.parametrize(("consumption", "cylinder", "r", "expected"), list(profile_rows()))
def test_profile_of_the_cylinder(consumption, cylinder, r, expected):
    """C7. Where the whole cylinder has oxygen the closed form; else the boundary moves and p stays >= 0."""
    p = krogh.pressure(r, WALL, consumption, D, RC, cylinder)
    end = krogh.end_radius(WALL, consumption, D, RC, cylinder)
    anoxic = any(v < 0 for m, rt, _, v in profile_rows() if (m, rt) == (consumption, cylinder))
    if not anoxic:
        assert end == pytest.approx(cylinder, rel=1e-12)
        assert p == pytest.approx(expected, abs=1e-6)
        return
    # dead tissue beyond `end` consumes nothing, so p lies above the formula that says it does
    assert end < cylinder
    assert p >= max(0.0, expected) - 1e-9
    assert p == (0.0 if r >= end else pytest.approx(krogh.pressure(r, WALL, consumption, D, RC, end), rel=1e-9))


@pytest.mark.parametrize("consumption", [10.0, 22.1])
def test_critical_radius(consumption):
    """C8."""
    expected = next(float(r["value"]) for r in rows("C8") if f"M={consumption:g} " in r["description"])
    assert krogh.end_radius(WALL, consumption, D, RC) * 1e6 == pytest.approx(expected, abs=1e-6)


@given(st.floats(0.01, 100), st.floats(0.05, 60), st.floats(2e-6, 8e-6), st.floats(1.5, 100))
def test_pressure_and_its_slope_vanish_at_an_anoxic_boundary(wall, consumption, capillary, ratio):
    cylinder = capillary * ratio
    end = krogh.end_radius(wall, consumption, D, capillary, cylinder)
    assert capillary <= end <= cylinder * (1 + 1e-12)

    def p(r):
        return krogh.pressure(r, wall, consumption, D, capillary, cylinder)

    radii = np.linspace(capillary, cylinder, 50)
    values = np.array([p(r) for r in radii])
    assert values.min() >= -1e-9 * wall
    assert np.all(np.diff(values) <= 1e-9 * wall)
    if end < cylinder * (1 - 1e-9):
        assert p(end * (1 + 1e-12)) == 0.0
        inside = end - 1e-4 * (end - capillary)
        # a double root: p = M (end - r)^2 / 2D at the least order
        assert p(inside) == pytest.approx(consumption / (2 * D) * (end - inside) ** 2, rel=1e-2, abs=1e-7 * wall)


@given(
    st.floats(0.0, 95),
    st.floats(0.5, 40),
    st.floats(2.0, 40),
    st.sampled_from([10.0, 2.5, 0.5]),
)
def test_share_below_a_threshold_is_that_of_the_profile(wall, consumption, ratio, threshold):
    cylinder = RC * ratio
    share = krogh.share_below(threshold, wall, consumption, D, RC, cylinder)
    assert 0.0 <= share <= 1.0
    radii = np.sqrt(np.linspace(RC**2, cylinder**2, 4001))  # equal areas
    found = np.array([krogh.pressure(r, wall, consumption, D, RC, cylinder) for r in radii])
    # the profile is flat at the outer border, where the last bit of p decides the side of much tissue
    assert np.mean(found < threshold - 1e-6) - 1e-3 <= share <= np.mean(found < threshold + 1e-6) + 1e-3


@pytest.mark.parametrize("cylinder", [20e-6, 50e-6, 76e-6, 77e-6, 150e-6])
def test_mean_pressure_is_the_integral_of_the_profile(cylinder):
    def ring(r):
        return krogh.pressure(r, WALL, 10.0, D, RC, cylinder) * 2.0 * r

    end = krogh.end_radius(WALL, 10.0, D, RC, cylinder)
    integral = quad(ring, RC, end, epsabs=0, epsrel=1e-11)[0] / (cylinder**2 - RC**2)
    assert krogh.mean_pressure(WALL, 10.0, D, RC, cylinder) == pytest.approx(integral, rel=1e-9)


def test_no_oxygen_in_the_capillary():
    assert krogh.end_radius(0.0, 10.0, D, RC, 50e-6) == RC
    assert krogh.share_below(0.5, 0.0, 10.0, D, RC, 50e-6) == 1.0
    assert krogh.mean_pressure(0.0, 10.0, D, RC, 50e-6) == 0.0
    assert not math.isnan(krogh.pressure(20e-6, 0.0, 10.0, D, RC, 50e-6))
