"""Doses spread within a site: who survives there does so at its far end."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorsim.hazards.radiation import dose_factors, pair_factors
from tumorsim.hazards.radiation_cells import Response, Spread, accumulate_tumour, spared
from tumorsim.parameters import load_parameters
from tumorsim.state import Sizes, State

DECAY = math.log(2.0) / (59.4 * 86400.0)


@given(st.floats(1e-9, 500.0))
def test_it_is_the_logarithm_of_the_mean_survival(x: float) -> None:
    points = (np.arange(4000) + 0.5) / 2000.0 - 1.0
    mean = math.log(np.mean(np.exp(-x * (points - points.min())))) - x * points.min()
    assert spared(x) == pytest.approx(mean, rel=2e-3, abs=1e-7)


def test_both_branches_meet() -> None:
    assert spared(1e-2 * (1 + 1e-12)) == pytest.approx(spared(1e-2 * (1 - 1e-12)), rel=1e-5)


def hazard(cuts: list[float], width: float, rate: float = 1e-5) -> float:
    """Of a site with plenty of oxygen from 0 to the last cut [s], linear term alone."""
    response = Response.of("tumour", load_parameters({"radiation.alpha_beta_tumour": "15 Gy", "radiation.rbe": "1.2"}))
    state = State(Sizes(1))
    state.po2[:] = 60.0
    rates, widths, found = np.array([[rate]]), np.array([[width]]), np.zeros((1, 4))
    start, decay = np.zeros(1), np.array([DECAY])
    for a, b in pairwise(cuts):
        accumulate_tumour(
            state, np.array([0]), rates, dose_factors(start, decay, a, b),
            pair_factors(start, decay, response.repair, a, b), response, found,
            spread=Spread(widths, dose_factors(start, decay, -math.inf, a), dose_factors(start, decay, -math.inf, b)),
        )  # fmt: skip
    return float(found[0, 0])


def test_the_cuts_of_time_do_not_matter_and_a_width_spares() -> None:
    end = 100 * 86400.0
    once = hazard([0.0, end], 8e-6)
    assert hazard([0.0, 0.1 * end, 0.11 * end, 0.7 * end, end], 8e-6) == pytest.approx(once, rel=1e-12)
    none = hazard([0.0, end], 0.0)
    response = Response.of("tumour", load_parameters({"radiation.rbe": "1.2"}))
    so_far = 8e-6 * (1.0 - math.exp(-DECAY * end)) / DECAY
    full = hazard([0.0, 1.0], 0.0, rate=1e-9) / (1e-9 * response.linear)  # what this oxygen leaves of the linear term
    assert none - once == pytest.approx(spared(full * response.linear * so_far), rel=1e-3)


def test_what_is_of_one_dose_is_as_without() -> None:
    end = 10 * 86400.0
    assert hazard([0.0, end], 0.0) == hazard([0.0, end], 1e-30)
    with pytest.raises(ValueError, match="widths"):
        of, wrong = Response.of("tumour", load_parameters()), Spread(np.ones((2, 1)), np.ones(2), np.ones(2))
        one = np.ones((1, 1))
        accumulate_tumour(State(Sizes(1)), np.array([0]), one, np.ones(1), one, of, np.zeros((1, 4)), spread=wrong)
