"""Hazards of slots and of liver by radiation, and control of a well-mixed tumour."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from tumorsim.errors import InputError
from tumorsim.hazards.combine import oer
from tumorsim.hazards.radiation import (
    decay_constant,
    dose_and_pairs,
    dose_factors,
    g_factor,
    pair_factors,
    tumour_control,
)
from tumorsim.hazards.radiation_cells import Response, accumulate_liver, accumulate_tumour
from tumorsim.parameters import load_parameters

H, DAY = 3600.0, 86400.0
I125 = decay_constant(59.4 * DAY)
PARAMETERS = load_parameters()
TUMOUR, LIVER = (Response.of(tissue, PARAMETERS) for tissue in ("tumour", "liver"))


def tissue(n: int, po2: float = 60.0, shares: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Any:
    return SimpleNamespace(
        po2=np.full(n, po2, np.float32),
        share10=np.full(n, shares[0], np.float32),
        share2p5=np.full(n, shares[1], np.float32),
        share0p5=np.full(n, shares[2], np.float32),
    )


def slots(state: Any, rates: np.ndarray, response: Response, begin: float, end: float, **options: Any) -> np.ndarray:
    starts, decays = np.zeros(len(rates)), np.full(len(rates), I125)
    hazard = np.zeros((rates.shape[1], 4))
    accumulate_tumour(
        state, np.arange(rates.shape[1]), rates, dose_factors(starts, decays, begin, end),
        pair_factors(starts, decays, response.repair, begin, end), response, hazard, **options,
    )  # fmt: skip
    return hazard


def test_with_plenty_of_oxygen_it_is_the_formula() -> None:
    response = replace(TUMOUR, oer_alpha=1.0, oer_beta=1.0)
    rates = I125 * np.array([[120.0, 0.0, 145.0]])
    found = slots(tissue(3), rates, response, 0.0, 1e4 * DAY)
    for dose, h in zip((120.0, 0.0, 145.0), found, strict=True):
        beta = response.alpha / response.alpha_beta
        exact = response.alpha * 1.4 * dose + beta * g_factor(I125, response.repair) * dose * dose
        assert h == pytest.approx(np.full(4, exact), rel=1e-9)


def test_a_slot_has_the_oxygen_of_its_side() -> None:
    single = replace(TUMOUR, alpha_beta=math.inf)  # alpha alone
    rates = np.full((1, 2), 1e-5)
    fed = slots(tissue(2, 30.0, (0.3, 0.1, 0.05)), rates, single, 0.0, DAY)
    assert (fed[:, 0] == fed[:, 2]).all() and (fed[:, 1] == fed[:, 3]).all()
    assert (fed[:, 1] < fed[:, 0]).all()
    full = single.linear * 1e-5 * dose_factors([0.0], [I125], 0.0, DAY)[0]
    assert full / 1.75 < fed[0, 1] < fed[0, 0] < full
    none = slots(tissue(2, 0.0, (1.0, 1.0, 1.0)), rates, single, 0.0, DAY)
    assert none[0, 1] == pytest.approx(full / PARAMETERS["radiation.oer_alpha"], rel=1e-6)
    # one pressure a site: its own ratio
    one = slots(tissue(2, 3.0, (1.0, 0.2, 0.0)), rates, single, 0.0, DAY, resolved=True)
    assert one[0, 1] == pytest.approx(full * oer(3.0, 1.75, 3.0) / 1.75, rel=1e-6)


def test_only_the_sites_asked_for_and_on_top_of_what_is_there() -> None:
    state, rates = tissue(5), np.full((1, 5), 1e-5)
    of = dose_factors([0.0], [I125], 0.0, DAY), pair_factors([0.0], [I125], TUMOUR.repair, 0.0, DAY)
    hazard = np.ones((5, 4))
    accumulate_tumour(state, np.array([1, 3]), rates, *of, TUMOUR, hazard)
    assert (hazard[[0, 2, 4]] == 1.0).all() and (hazard[[1, 3]] > 1.0).all()
    with_heat = np.ones((5, 4))
    accumulate_tumour(state, np.array([1, 3]), rates, *of, TUMOUR, with_heat, added=np.array([0.0, 0.5]))
    assert (with_heat[1] == hazard[1]).all()
    assert (with_heat[3] > hazard[3]).all()
    assert with_heat[3, 0] - hazard[3, 0] < 0.5 * TUMOUR.linear


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.0, 200.0), min_size=1, max_size=5), st.floats(1e-6, 1e-4))
def test_steps_do_not_matter(cuts: list[float], rate: float) -> None:
    edges = [0.0, *(DAY * c for c in sorted(cuts)), 201.0 * DAY]
    state, rates = tissue(1, 20.0, (0.4, 0.2, 0.1)), np.full((1, 1), rate)
    parts = sum(slots(state, rates, TUMOUR, a, b) for a, b in itertools.pairwise(edges))
    assert parts == pytest.approx(slots(state, rates, TUMOUR, edges[0], edges[-1]), rel=1e-11)


def test_threads_change_no_bit() -> None:
    n = 120_000
    state, rates = tissue(n, 20.0, (0.4, 0.2, 0.1)), np.linspace(0.0, 1e-4, n)[None]
    one, two = (slots(state, rates, TUMOUR, 0.0, DAY, threads=t) for t in (1, 2))
    assert (one == two).all()


def test_liver_is_spared_by_want_of_oxygen_and_dies_where_the_table_says() -> None:
    of_liver = []
    for state in (tissue(1, 35.0), tissue(1, 5.0, (0.9, 0.4, 0.1)), tissue(1, 0.0, (1.0, 1.0, 1.0))):
        hazard = np.zeros(1)
        of = dose_factors([0.0], [I125], 0.0, 1e4 * DAY), pair_factors([0.0], [I125], LIVER.repair, 0.0, 1e4 * DAY)
        accumulate_liver(state, np.array([0]), np.array([[I125 * 50.0]]), *of, LIVER, hazard)
        of_liver.append(hazard[0])
    assert of_liver[0] > of_liver[1] > of_liver[2] > 0.0
    # three acute fractions of 6.6 Gy, each repaired: half is lost, as read from the source of alpha
    assert LIVER.alpha * 19.8 * (1.0 + 6.6 / LIVER.alpha_beta) == pytest.approx(math.log(2.0), rel=0.02)
    # one pressure a site, fed or not
    for po2 in (35.0, 5.0):
        hazard, single = np.zeros(1), replace(LIVER, alpha_beta=math.inf)
        accumulate_liver(
            tissue(1, po2), np.array([0]), np.array([[1e-5]]), np.array([1e6]), np.zeros((1, 1)), single, hazard,
            resolved=True,
        )  # fmt: skip
        assert hazard[0] == pytest.approx(single.linear * 10.0 * oer(po2, 1.75, 3.0) / 1.75, rel=1e-6)


def test_doses_that_tumours_get_leave_what_the_reference_says() -> None:
    """120 Gy of I-125 at alpha 0.2, without RBE and with plenty of oxygen, is 10.5 decades (table: no repopulation)."""
    plain = replace(TUMOUR, rbe=1.0, oer_alpha=1.0, oer_beta=1.0, repair=decay_constant(0.5 * H))
    decades = slots(tissue(1), np.array([[I125 * 120.0]]), plain, 0.0, 1e4 * DAY)[0, 0] / math.log(10.0)
    assert decades == pytest.approx(0.2 * 120.5048734 / math.log(10.0), rel=1e-8)


def test_poisson_control_of_a_well_mixed_tumour() -> None:
    """Cells that die by their hazard alone, all sites and slots alike, are gone as often as exp(-N S) says."""
    sites, each = 50, 200
    state, response = tissue(sites, 40.0), replace(TUMOUR, alpha_beta=math.inf, oer_alpha=1.0, rbe=1.0)
    rates = np.full((1, sites), I125 * 46.0)
    hazard = sum(slots(state, rates, response, d * DAY, (d + 20.0) * DAY) for d in range(0, 2000, 20))
    survival = np.exp(-hazard)
    none_left = math.exp(binom.logpmf(0, each, survival).sum())
    expected = sites * 4 * each * survival.mean()
    assert expected == pytest.approx(4.04, rel=0.01)
    assert none_left == pytest.approx(float(tumour_control(sites * 4 * each, survival.mean())), rel=1e-3)


def test_response_of_the_table_and_what_it_refuses() -> None:
    assert TUMOUR.linear == pytest.approx(0.28)
    assert TUMOUR.quadratic == pytest.approx(2.0 * 0.2 / 10.0)
    assert LIVER.repair < TUMOUR.repair
    with pytest.raises(InputError, match="tumour, liver"):
        Response.of("bowel", PARAMETERS)
    with pytest.raises(InputError) as caught:
        replace(TUMOUR, alpha=-1.0, alpha_beta=0.0, oer_beta=0.5)
    assert len(caught.value.problems) == 3
    sites, one = np.arange(2), np.zeros((1, 1))
    with pytest.raises(ValueError, match="do not fit"):
        accumulate_tumour(tissue(2), sites, np.zeros((1, 3)), np.zeros(1), one, TUMOUR, np.zeros((2, 4)))
    with pytest.raises(ValueError, match="added"):
        slots(tissue(2), np.zeros((1, 2)), TUMOUR, 0.0, 1.0, added=np.zeros(3))


def test_dose_of_the_sites_is_that_of_the_rates() -> None:
    rates = np.array([[1e-5, 2e-5, 0.0], [0.0, 1e-5, 0.0]])
    starts, decays = [0.0, DAY], [I125, I125]
    dose, pairs = dose_and_pairs(
        rates, np.array([2, 1]), dose_factors(starts, decays, 0.0, 1e4 * DAY),
        pair_factors(starts, decays, TUMOUR.repair, 0.0, 1e4 * DAY),
    )  # fmt: skip
    assert dose[0] == pairs[0] == 0.0
    assert dose[1] == pytest.approx(3e-5 / I125, rel=1e-12)
