"""Arrhenius damage and CEM43 against the reference tables, and what must hold whatever the numbers."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorsim.errors import InputError
from tumorsim.hazards.arrhenius import (
    BREAK,
    COAGULATION,
    PESSIMISTIC,
    SETS,
    TUMOUR_CELLS,
    VESSELS,
    Kinetics,
    cem43,
    cem43_rate,
    damage,
    damage_rate,
    damage_rates,
    kinetics,
    survival,
    temperature_for,
    time_to,
)
from tumorsim.parameters import load_parameters

DATA = Path(__file__).parents[1] / "data"
PARAMETERS = load_parameters()
NAMED = {"tissue_coag_1.18e44": "tissue_coagulation_brown1992"}


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@pytest.mark.parametrize("row", rows("arrhenius_sets.csv"), ids=lambda r: r["set"])
def test_every_row_of_the_sets(row: dict[str, str]) -> None:
    found = kinetics(NAMED.get(row["set"], row["set"]), PARAMETERS)
    assert found.frequency == float(row["A_1_per_s"])
    assert found.energy == float(row["Ea_J_per_mol"])
    for celsius in (43, 45, 50, 55, 60, 65, 70):
        assert float(time_to(1.0, celsius, found)) == pytest.approx(float(row[f"t1_{celsius}C_s"]), rel=1e-5)
    for seconds in (1, 60, 600):
        assert float(temperature_for(1.0, seconds, found)) == pytest.approx(float(row[f"T_{seconds}s_C"]), abs=1e-4)


@pytest.mark.parametrize("row", rows("cem43.csv"), ids=lambda r: f"{r['profile']} {r['T_C']}")
def test_every_row_of_cem43(row: dict[str, str]) -> None:
    ends = [float(t) for t in row["T_C"].split("-")]
    minutes = float(cem43([0.0, 60.0 * float(row["duration_min"])], [ends[0], ends[-1]])) / 60.0
    assert minutes == pytest.approx(float(row["CEM43_min"]), rel=1e-6)


def test_the_defaults_are_sets_and_differ_as_reported() -> None:
    assert {COAGULATION, TUMOUR_CELLS, PESSIMISTIC, VESSELS} <= set(SETS)
    slow = time_to(1.0, 60.0, kinetics(PESSIMISTIC, PARAMETERS)) / time_to(1.0, 60.0, kinetics(COAGULATION, PARAMETERS))
    assert 30.0 < slow < 40.0
    near = time_to(1.0, np.linspace(43, 70, 28), kinetics(TUMOUR_CELLS, PARAMETERS))
    near /= time_to(1.0, np.linspace(43, 70, 28), kinetics(COAGULATION, PARAMETERS))
    assert near.max() < 1.65
    assert near.min() > 0.75
    # vessels close later than the tissue around them coagulates, at least below 70 degC
    vessel, liver = kinetics(VESSELS, PARAMETERS), kinetics(COAGULATION, PARAMETERS)
    assert (damage_rates([50, 60, 65], vessel) < damage_rates([50, 60, 65], liver)).all()


@pytest.mark.parametrize("name", SETS)
def test_range_scalar_and_hepg2_survival(name: str) -> None:
    found = kinetics(name, PARAMETERS)
    assert found.lowest < found.highest
    for celsius in (37.0, 60.0, 99.0):
        scalar = damage_rate(celsius, found.log_frequency, found.activation)
        assert scalar == pytest.approx(float(damage_rates(celsius, found)), rel=1e-12)


def test_hepg2_after_five_minutes_at_60() -> None:
    left = survival(damage([0.0, 300.0], [60.0, 60.0], kinetics("hepg2_2019", PARAMETERS)))
    assert float(left) == pytest.approx(0.076, abs=5e-4)  # the paper says under 10 %


@given(st.floats(37.0, 95.0), st.floats(37.0, 95.0), st.floats(1.0, 600.0), st.floats(0.05, 0.95))
def test_a_history_may_be_cut_anywhere(first: float, last: float, seconds: float, cut: float) -> None:
    found = kinetics(COAGULATION, PARAMETERS)
    middle = first + cut * (last - first)
    whole, parts = ([0.0, seconds], [first, last]), ([0.0, cut * seconds, seconds], [first, middle, last])
    assert float(damage(*parts, found)) == pytest.approx(float(damage(*whole, found)), rel=1e-8)
    assert float(cem43(*parts)) == pytest.approx(float(cem43(*whole)), rel=1e-9)


def test_a_ramp_agrees_with_a_fine_sum() -> None:
    found = kinetics("cho_sapareto_bhk", PARAMETERS)  # the steepest
    middles = 37.0 + 20.0 * (np.arange(200_000) + 0.5) / 200_000
    assert float(damage([0.0, 60.0], [37.0, 57.0], found)) == pytest.approx(
        60.0 * damage_rates(middles, found).mean(), rel=1e-8
    )
    fine = 60.0 * np.array([cem43_rate(t) for t in middles]).mean()
    assert float(cem43([0.0, 60.0], [37.0, 57.0])) == pytest.approx(fine, rel=1e-7)


def test_histories_of_many_sites_at_once() -> None:
    times = np.array([0.0, 30.0, 90.0])
    places = np.array([[[37.0, 40.0], [43.0, 50.0]], [[60.0, 44.0], [43.0, 39.0]], [[37.0, 44.0], [43.0, 41.0]]])
    found = kinetics(COAGULATION, PARAMETERS)
    both, dose = damage(times, places, found), cem43(times, places)
    assert both.shape == dose.shape == (2, 2)
    for place in np.ndindex(2, 2):
        alone = places[(slice(None), *place)]
        assert float(both[place]) == pytest.approx(float(damage(times, alone, found)), rel=1e-8)
        assert float(dose[place]) == pytest.approx(float(cem43(times, alone)), rel=1e-12)
    assert float(dose[1, 0]) == pytest.approx(90.0)  # 43 degC is its own measure
    assert cem43_rate(BREAK) == 1.0


@given(st.floats(0.0, 50.0), st.floats(0.0, 50.0))
def test_damage_is_a_hazard(one: float, two: float) -> None:
    assert float(survival(one + two)) == pytest.approx(float(survival(one) * survival(two)))
    assert 0.0 <= float(survival(one)) <= 1.0


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: kinetics("liver_jaques1996", PARAMETERS), "Did you mean 'liver_jacques1996'"),
        (lambda: Kinetics("own", -1.0, 2e5, 40, 60), "frequency must be positive"),
        (lambda: Kinetics("own", 1e39, math.nan, 40, 60), "energy must be positive"),
        (lambda: damage([0.0, 1.0], [37.0], kinetics(COAGULATION, PARAMETERS)), "do not match"),
        (lambda: damage([1.0, 0.0], [37.0, 37.0], kinetics(COAGULATION, PARAMETERS)), "must ascend"),
        (lambda: cem43([0.0, 1.0], [37.0, math.nan]), "not a number"),
    ],
)
def test_refused(call: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        call()  # type: ignore[operator]
