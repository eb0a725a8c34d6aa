"""Oxygen and heat beside radiation: the reference table, tissue cylinders, and cuts of time."""

from __future__ import annotations

import csv
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp

from tumorsim.errors import InputError
from tumorsim.hazards.combine import Enhancement, bands, oer, oxygen_weights, side, spread
from tumorsim.hazards.radiation import decay_constant
from tumorsim.parameters import load_parameters

DATA = Path(__file__).parents[1] / "data"
H, DAY = 3600.0, 86400.0
I125 = decay_constant(59.4 * DAY)
PARAMETERS = load_parameters()
HEAT = Enhancement.from_parameters(PARAMETERS)


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@pytest.mark.parametrize("row", rows("oer.csv"), ids=lambda r: f"{r['m']} {r['K_mmHg']} {r['pO2_mmHg']}")
def test_every_row_of_oer(row: dict[str, str]) -> None:
    p, m, half = float(row["pO2_mmHg"]), float(row["m"]), float(row["K_mmHg"])
    assert oer(p, m, half) == pytest.approx(float(row["OER"]), rel=1e-8)
    for hypoxic in (True, False):
        if p == 10.0 or (p < 10.0) == hypoxic:
            weights = oxygen_weights(side(hypoxic, p, 0.0, 0.0, 0.0, half, bands(half), True), m, m, half)
            assert weights[0] == pytest.approx(float(row["DMF_OER_over_m"]), rel=1e-8)
            assert weights[1] == pytest.approx(float(row["DMF_OER_over_m"]) ** 2, rel=1e-8)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.0, 60.0), st.floats(0.0, 60.0), st.floats(1.0, 4.0), st.floats(0.5, 5.0))
def test_spread_is_the_mean_of_the_weight(low: float, width: float, m: float, half: float) -> None:
    alpha, beta = oxygen_weights(spread(low, low + width, half), m, m, half)
    middles = low + width * (np.arange(4000) + 0.5) / 4000
    weights = np.array([oer(p, m, half) / m for p in middles])
    assert alpha == pytest.approx(weights.mean(), rel=1e-6)
    assert beta == pytest.approx((weights**2).mean(), rel=1e-5)
    assert alpha <= oer(low + 0.5 * width, m, half) / m * (1.0 + 1e-12)  # concave: the mean pressure flatters


def cylinder(radius: float, at_border: float, fed_to: float) -> tuple[np.ndarray, np.ndarray]:
    """Pressures [mmHg] of a tissue cylinder and what part of its area has them (D 2000, M 15, Km 1, capillary 5 um)."""
    solved = solve_ivp(
        lambda r, y: [y[1], 15.0 / 2000.0 * y[0] / (abs(y[0]) + 1.0) - y[1] / r],
        (fed_to, 5.0), [at_border, 0.0], rtol=1e-9, atol=1e-12, dense_output=True,
    )  # fmt: skip
    r = np.linspace(5.0, radius, 4001)
    p = np.where(r <= fed_to, solved.sol(np.minimum(r, fed_to))[0], 0.0)
    return np.maximum(p, 0.0), r / r.sum()


@pytest.mark.parametrize(
    "cases",
    [
        [(60, 30.0, 60), (60, 20.0, 60), (60, 10.0, 60), (60, 5.0, 60)],
        [(60, 15.0, 60), (60, 5.0, 60), (60, 2.0, 60), (60, 1.0, 60)],
        [(60, 4.0, 60), (60, 2.0, 60), (60, 0.5, 60), (60, 0.1, 60)],
        [(120, 0.01, 60), (120, 0.01, 90), (120, 0.01, 110), (120, 0.1, 120)],
    ],
    ids=["rich", "half hypoxic", "poor", "anoxic"],
)
def test_slots_against_tissue_cylinders(cases: list[tuple[float, float, float]]) -> None:
    parts = [cylinder(*case) for case in cases]
    p, w = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]) / len(parts)
    shares = [float(w[p < limit].sum()) for limit in (10.0, 2.5, 0.5)]
    for hypoxic in (False, True):
        here = (p < 10.0) == hypoxic
        exact = float((w * oer(p, 1.75, 3.0) / 1.75)[here].sum() / w[here].sum())
        of_side = side(hypoxic, float((w * p).sum()), *shares, 3.0, bands(3.0), False)
        assert oxygen_weights(of_side, 1.75, 3.25, 3.0)[0] == pytest.approx(exact, rel=0.03)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.0, 90.0), st.tuples(*[st.floats(0.0, 1.0)] * 3), st.booleans())
def test_less_oxygen_never_means_more_effect(po2: float, given_shares: tuple[float, ...], resolved: bool) -> None:
    shares = sorted(given_shares, reverse=True)
    oxic, hypoxic = (
        oxygen_weights(side(h, po2, *shares, 3.0, bands(3.0), resolved), 1.75, 3.25, 3.0) for h in (False, True)
    )
    for m, one, other in zip((1.75, 3.25), oxic, hypoxic, strict=True):
        assert 1.0 / m**2 - 1e-12 <= other <= one + 1e-12
        assert one <= 1.0


def test_ends_of_the_sides() -> None:
    none = oxygen_weights(side(True, 0.0, 1.0, 1.0, 1.0, 3.0, bands(3.0), False), 1.75, 3.25, 3.0)
    assert none == pytest.approx((1.0 / 1.75, 1.0 / 3.25**2), rel=1e-12)
    at_ten = oer(10.0, 1.75, 3.0) / 1.75
    for side_of in (
        side(False, 4.0, 1.0, 0.5, 0.2, 3.0, bands(3.0), False),
        side(True, 60.0, 0.0, 0.0, 0.0, 3.0, bands(3.0), True),
    ):
        assert oxygen_weights(side_of, 1.75, 3.25, 3.0)[0] == pytest.approx(at_ten, rel=1e-12)
    late = oxygen_weights(side(True, 40.0, 0.0, 0.0, 0.0, 3.0, bands(3.0), False), 1.75, 3.25, 3.0)
    soon = oxygen_weights(side(True, 40.0, 1e-9, 0.0, 0.0, 3.0, bands(3.0), False), 1.75, 3.25, 3.0)
    assert late == pytest.approx(soon, rel=1e-12)


# --- heat -------------------------------------------------------------------------------------------------


def test_ratio_grows_with_heat_to_its_most() -> None:
    ratios = HEAT.ratio([0.0, 15.0 * 60.0, 60.0 * 60.0, 240.0 * 60.0])
    assert ratios[0] == 1.0
    assert ratios[1] == pytest.approx(1.0 + PARAMETERS["radiation.ter_gain"] / 4.0)
    assert ratios[2] == ratios[3] == 1.0 + PARAMETERS["radiation.ter_gain"]


def weight(t: float, on: float, off: float) -> float:
    away = on - t if t < on else t - off if t > off else 0.0
    return max(0.0, 1.0 - away / HEAT.window)


def test_enhanced_dose_against_quadrature() -> None:
    on, off, starts = 10.0 * H, 10.5 * H, [0.0, 8.0 * H, 12.0 * H, 10.2 * H]
    found = HEAT.heated_factors(starts, [I125] * 4, (on, off), 0.0, 30.0 * H)
    for value, start in zip(found, starts, strict=True):
        exact = quad(
            lambda t, s=start: math.exp(-I125 * (t - s)) * weight(t, on, off), max(start, on - HEAT.window),
            off + HEAT.window, points=[p for p in (on, off) if p > start] or None, epsrel=1e-11,
        )[0]  # fmt: skip
        assert value == pytest.approx(exact, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.0, 40.0 * H), min_size=1, max_size=6),
    st.floats(0.0, 30.0 * H),
    st.floats(0.0, 2.0 * H),
    st.floats(0.0, 39.0 * H),
)
def test_a_window_may_be_cut_anywhere(cuts: list[float], on: float, lasts: float, start: float) -> None:
    edges = [0.0, *sorted(cuts), 40.0 * H]
    heated = (on, on + lasts)
    whole = HEAT.heated_factors([start], [I125], heated, 0.0, 40.0 * H)
    parts = sum(HEAT.heated_factors([start], [I125], heated, a, b)[0] for a, b in itertools.pairwise(edges))
    assert parts == pytest.approx(whole[0], rel=1e-9, abs=1e-6)
    assert whole[0] <= lasts + HEAT.window + 1e-6  # half of it to either side


def test_heat_far_from_the_dose_does_nothing_and_seeds_get_four_hours() -> None:
    # heat days before the implantation
    assert HEAT.heated_factors([7.0 * DAY], [I125], (0.0, 0.2 * H), 0.0, 20.0 * DAY) == [0.0]
    assert HEAT.heated_factors([4.2 * H], [I125], (0.0, 0.2 * H), 0.0, 20.0 * DAY) == [0.0]
    assert HEAT.heated_factors([4.1 * H], [I125], (0.0, 0.2 * H), 0.0, 20.0 * DAY)[0] > 0.0
    # heat days after it: the dose of some four hours, of one that goes on for months
    days3 = HEAT.heated_factors([0.0], [I125], (3.0 * DAY, 3.0 * DAY + 0.2 * H), 0.0, 20.0 * DAY)[0]
    assert days3 == pytest.approx(math.exp(-I125 * 3.0 * DAY) * 4.2 * H, rel=1e-3)
    assert days3 * I125 < 0.002  # of the whole dose
    # what went before counts when the heating is over, not earlier
    assert HEAT.heated_factors([0.0], [I125], (DAY, DAY + H), 0.0, DAY + 0.5 * H) == [0.0]


def test_no_window_is_heating_alone() -> None:
    alone = Enhancement(0.75, 3600.0, 0.0)
    assert alone.heated_factors([0.0], [0.0], (10.0, 30.0), 0.0, 100.0) == [20.0]


def test_what_is_impossible_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        Enhancement(-1.0, 0.0, math.nan)
    assert len(caught.value.problems) == 3
    with pytest.raises(InputError, match="must end after it begins"):
        HEAT.heated_factors([0.0], [I125], (5.0, 1.0), 0.0, 10.0)
