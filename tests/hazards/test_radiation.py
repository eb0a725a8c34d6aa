"""The linear-quadratic integral against the reference tables, quadrature, and what must hold whatever the numbers."""

from __future__ import annotations

import csv
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from tumorsim.errors import InputError
from tumorsim.hazards.radiation import (
    decay_constant,
    dose_and_pairs,
    dose_factors,
    effective_time,
    g_factor,
    kill_rate,
    pair_factors,
    ramp_factors,
    tumour_control,
)

DATA = Path(__file__).parents[1] / "data"
H, DAY = 3600.0, 86400.0
I125 = decay_constant(59.4 * DAY)
REPAIR = decay_constant(0.37 * H)


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@pytest.mark.parametrize("row", rows("lq_G_factor.csv"), ids=lambda r: f"{r['T_repair_h']} {r['T_days']}")
def test_every_row_of_g(row: dict[str, str]) -> None:
    time = float(row["T_days"]) * DAY if row["T_days"] else math.inf
    found = g_factor(I125, decay_constant(float(row["T_repair_h"]) * H), time)
    assert found == pytest.approx(float(row["value"]), rel=1e-8)


@pytest.mark.parametrize("row", rows("lq_permanent_implant.csv"), ids=lambda r: f"{r['set']} {r['D_inf_Gy']}")
def test_every_row_of_permanent_implants(row: dict[str, str]) -> None:
    dose, alpha, ratio = (float(row[name]) for name in ("D_inf_Gy", "alpha", "alpha_beta"))
    repair, doubling = decay_constant(float(row["T_r_h"]) * H), float(row["Tp_d"]) * DAY
    rate = I125 * dose
    assert rate * H == pytest.approx(float(row["R0_Gy_per_h"]), rel=1e-8)
    assert g_factor(I125, repair) == pytest.approx(float(row["G_inf"]), rel=1e-8)
    assert dose * (1.0 + g_factor(I125, repair) * dose / ratio) == pytest.approx(float(row["BED_inf_Gy"]), rel=1e-8)
    until, grown = 1e4 * DAY, 0.0  # as good as for ever
    if doubling:
        until = effective_time(rate, I125, repair, alpha, ratio, doubling)
        grown = math.log(2.0) * until / doubling
        assert until / DAY == pytest.approx(float(row["T_eff_d"]), rel=1e-7)
        assert kill_rate(rate, I125, repair, alpha, ratio, until) == pytest.approx(math.log(2.0) / doubling, rel=1e-6)
    given_dose = rate * dose_factors([0.0], [I125], 0.0, until)[0]
    pairs = rate * rate * pair_factors([0.0], [I125], repair, 0.0, until)[0, 0]
    log_survival = grown - alpha * given_dose - 2.0 * alpha / ratio * pairs
    assert log_survival == pytest.approx(float(row["lnSF"]), rel=1e-6)
    assert -log_survival / alpha == pytest.approx(float(row["BED_eff_Gy"]), rel=1e-6)
    control = float(tumour_control(1e8, math.exp(log_survival)))
    assert control == pytest.approx(float(row["TCP_N1e8"]), rel=1e-3, abs=1e-12)


@pytest.mark.parametrize("step", [0.1 * H, 0.3 * H, 7.0 * H])
def test_dose_and_hazard_do_not_know_the_step(step: float) -> None:
    """Two implantations, neither at a step's border, until some hundred days: one time or many."""
    starts, decays = np.array([1.234 * DAY, 5.678 * DAY]), np.array([I125, decay_constant(17.0 * DAY)])
    rates = np.array([[1.2e-5], [3.4e-5]])
    end = 12.0 * DAY if step < H else 150.0 * DAY
    dose = pairs = 0.0
    edges = np.append(np.arange(0.0, end, step), end)
    here = np.array([0])
    for begin, until in itertools.pairwise(edges):
        of = dose_factors(starts, decays, begin, until), pair_factors(starts, decays, REPAIR, begin, until)
        more = dose_and_pairs(rates, here, *of)
        dose, pairs = dose + more[0][0], pairs + more[1][0]
    exact = sum(r / lam * -math.expm1(-lam * (end - t)) for r, lam, t in zip(rates[:, 0], decays, starts, strict=True))
    whole = dose_and_pairs(
        rates, here, dose_factors(starts, decays, 0.0, end), pair_factors(starts, decays, REPAIR, 0.0, end)
    )
    assert dose == pytest.approx(exact, rel=1e-12)
    assert whole[0][0] == pytest.approx(exact, rel=1e-14)
    assert pairs == pytest.approx(whole[1][0], rel=1e-11)


def test_two_implantations_against_brute_force() -> None:
    starts, decays, rates = [0.0, 9.0 * H], [I125, decay_constant(2.7 * DAY)], [2e-5, 7e-5]
    begin, end = 3.0 * H, 20.0 * H

    def rate(t: float) -> float:
        return sum(r * math.exp(-lam * (t - s)) for r, lam, s in zip(rates, decays, starts, strict=True) if t >= s)

    def unrepaired(t: float) -> float:
        cuts = [s for s in starts if 0.0 < s < t]
        return quad(lambda s: rate(s) * math.exp(-REPAIR * (t - s)), 0.0, t, points=cuts or None, epsrel=1e-11)[0]

    dose = quad(rate, begin, end, points=[starts[1]], epsrel=1e-12)[0]
    pairs = sum(
        quad(lambda t: rate(t) * unrepaired(t), a, b, epsrel=1e-9)[0] for a, b in ((begin, 9.0 * H), (9.0 * H, end))
    )
    field = np.array(rates)[:, None]
    found = dose_and_pairs(
        field, np.array([0]), dose_factors(starts, decays, begin, end), pair_factors(starts, decays, REPAIR, begin, end)
    )
    assert found[0][0] == pytest.approx(dose, rel=1e-11)
    assert found[1][0] == pytest.approx(pairs, rel=1e-8)


times = st.floats(0.0, 400.0 * DAY)
constants = st.floats(1e-9, 1e-3)


@settings(max_examples=40, deadline=None)
@given(times, times, times, times, times, constants, constants, st.floats(0.0, 1e-2))
def test_a_time_may_be_cut_anywhere(
    a: float, b: float, c: float, first: float, second: float, one: float, two: float, repair: float
) -> None:
    begin, cut, end = sorted((a, b, c))
    starts, decays = [first, second], [one, two]
    whole = dose_factors(starts, decays, begin, end)
    parts = dose_factors(starts, decays, begin, cut) + dose_factors(starts, decays, cut, end)
    assert parts == pytest.approx(whole, rel=1e-9, abs=1e-6)
    assert (whole >= 0.0).all()
    pairs = pair_factors(starts, decays, repair, begin, end)
    cut_pairs = pair_factors(starts, decays, repair, begin, cut) + pair_factors(starts, decays, repair, cut, end)
    assert cut_pairs == pytest.approx(pairs, rel=1e-9, abs=1e-6)
    assert (pairs >= 0.0).all()


@settings(max_examples=40, deadline=None)
@given(st.floats(1.0, 100.0 * DAY), constants, st.floats(0.0, 1e-2))
def test_sources_of_one_kind_may_be_counted_as_one(end: float, decay: float, repair: float) -> None:
    """Linearity: 3 is 1 and 2, whether implanted together or booked apart."""
    rates = np.array([[1.0], [2.0]])
    apart = dose_and_pairs(
        rates, np.array([0]), dose_factors([0.0, 0.0], [decay, decay], 0.0, end),
        pair_factors([0.0, 0.0], [decay, decay], repair, 0.0, end),
    )  # fmt: skip
    together = dose_and_pairs(
        np.array([[3.0]]), np.array([0]), dose_factors([0.0], [decay], 0.0, end),
        pair_factors([0.0], [decay], repair, 0.0, end),
    )  # fmt: skip
    assert apart[0][0] == pytest.approx(together[0][0], rel=1e-13)
    assert apart[1][0] == pytest.approx(together[1][0], rel=1e-12)


def test_limits_of_repair() -> None:
    for time in (H, 30.0 * DAY, 5000.0 * DAY):
        assert g_factor(I125, 0.0, time) == pytest.approx(1.0, rel=1e-12)  # nothing repaired: as one acute dose
        assert g_factor(I125, 1e-14, time) == pytest.approx(1.0, rel=1e-4)
        assert g_factor(I125, 1e6, time) < 1e-8  # repaired at once: none but single hits
        assert g_factor(I125, I125, time) == pytest.approx(g_factor(I125, I125 * (1.0 + 1e-9), time), rel=1e-7)
    assert g_factor(I125, I125, 1e4 * DAY) == pytest.approx(0.5, rel=1e-9)
    assert g_factor(I125, REPAIR, 1e-3) == pytest.approx(1.0, rel=1e-6)  # in no time nothing is repaired
    # an even rate over T: G = 2 / (mu T) (1 - (1 - exp(-mu T)) / (mu T)) (Dale 1985)
    x = REPAIR * 5.0 * H
    assert g_factor(0.0, REPAIR, 5.0 * H) == pytest.approx(2.0 / x * (1.0 + math.expm1(-x) / x), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.floats(1e-8, 1e-3), st.floats(1e-8, 1e-2), st.floats(1.0, 100.0 * DAY))
def test_repair_spares(decay: float, repair: float, time: float) -> None:
    fast, slow = g_factor(decay, 2.0 * repair, time), g_factor(decay, repair, time)
    assert 0.0 < fast <= slow * (1.0 + 1e-12)
    assert slow <= 1.0 + 1e-12


def test_an_implantation_counts_from_its_start() -> None:
    assert dose_factors([50.0], [0.0], 0.0, 40.0) == [0.0]
    assert dose_factors([50.0], [0.0], 0.0, 80.0) == [30.0]
    assert dose_factors([50.0], [0.0], -math.inf, 80.0) == [30.0]
    late = pair_factors([0.0, 50.0], [I125, I125], REPAIR, 0.0, 50.0)
    assert late[0, 0] > 0.0
    assert not late[1].any() and not late[:, 1].any()


def test_ramps_against_quadrature() -> None:
    starts, decay = [0.0, 2.0 * H], decay_constant(3.0 * H)
    found = ramp_factors(starts, [decay, decay], H, 5.0 * H, 0.2, 1.0)
    for value, start in zip(found, starts, strict=True):
        exact = quad(
            lambda t, s=start: math.exp(-decay * (t - s)) * (0.2 + 0.8 * (t - H) / (4.0 * H)),
            max(H, start), 5.0 * H, epsrel=1e-12,
        )[0]  # fmt: skip
        assert value == pytest.approx(exact, rel=1e-11)
    even = ramp_factors(starts, [decay, decay], H, 5.0 * H, 1.0, 1.0)
    assert even == pytest.approx(dose_factors(starts, [decay, decay], H, 5.0 * H), rel=1e-14)


def test_threads_change_no_bit() -> None:
    rates = np.linspace(0.0, 1e-4, 240_000).reshape(2, -1)
    sites = np.arange(120_000)
    of = dose_factors([0.0, H], [I125, I125], 0.0, DAY), pair_factors([0.0, H], [I125, I125], REPAIR, 0.0, DAY)
    for one, two in zip(dose_and_pairs(rates, sites, *of), dose_and_pairs(rates, sites, *of, threads=2), strict=True):
        assert (one == two).all()


def test_a_weak_implant_never_outpaces_growth() -> None:
    assert effective_time(1e-9, I125, REPAIR, 0.2, 10.0, 30.0 * DAY) == 0.0


def test_refusals_name_everything_at_once() -> None:
    with pytest.raises(InputError) as caught:
        dose_factors([0.0, math.nan], [-1.0, 0.0], 5.0, 1.0)
    assert len(caught.value.problems) == 3
    with pytest.raises(InputError, match="starts do not match"):
        dose_factors([0.0], [0.0, 0.0], 0.0, 1.0)
    with pytest.raises(InputError, match="repair"):
        pair_factors([0.0], [0.0], -1.0, 0.0, 1.0)
    with pytest.raises(InputError, match=r"half-life.*59\.4 d"):
        decay_constant(0.0)
