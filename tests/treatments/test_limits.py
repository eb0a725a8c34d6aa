"""What a condition forbids, and that the parameters decide it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tumorsim.outcomes.reserve import Condition
from tumorsim.parameters import load_parameters
from tumorsim.treatments.limits import embolisation_limits, percutaneous_limits

GOOD = Condition(37.0, 17e-3, 130e12, 1.1, "none", "none")
TABLE = load_parameters()


def test_a_compensated_patient_may_have_both() -> None:
    assert embolisation_limits(GOOD, TABLE) == percutaneous_limits(GOOD, TABLE) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"albumin": 30.0, "inr": 1.8, "bilirubin": 40e-3}, "Child-Pugh B8 is 8 points or more"),
        ({"bilirubin": 52e-3}, "bilirubin 52 umol/L is above 51.3"),
        ({"ascites": "moderate"}, "moderate ascites"),
    ],
)
def test_what_forbids_embolisation(change: dict, said: str) -> None:
    assert embolisation_limits(replace(GOOD, **change), TABLE) == (said,)


def test_ascites_that_is_slight_and_points_below_the_limit_do_not() -> None:
    assert embolisation_limits(replace(GOOD, ascites="mild", albumin=30.0), TABLE) == ()  # B7


def test_what_forbids_a_needle() -> None:
    assert percutaneous_limits(replace(GOOD, platelets=49e12), TABLE) == ("platelets 49 per nL are below 50",)
    assert percutaneous_limits(replace(GOOD, inr=1.51), TABLE) == ("INR 1.51 is above 1.5",)
    assert percutaneous_limits(replace(GOOD, platelets=50e12, inr=1.5), TABLE) == ()


@pytest.mark.parametrize(
    ("name", "value", "limits", "change"),
    [
        (
            "condition.embolisation_child_pugh",
            10,
            embolisation_limits,
            {"albumin": 30.0, "inr": 1.8, "bilirubin": 0.04},
        ),
        ("condition.embolisation_bilirubin", "90 umol/L", embolisation_limits, {"bilirubin": 52e-3}),
        ("condition.embolisation_ascites", 3, embolisation_limits, {"ascites": "moderate"}),
        ("condition.percutaneous_platelets", "30 1/nL", percutaneous_limits, {"platelets": 40e12}),
        ("condition.percutaneous_inr", 2.5, percutaneous_limits, {"inr": 2.0}),
    ],
)
def test_every_limit_is_a_parameter(name: str, value: object, limits, change: dict) -> None:  # type: ignore[no-untyped-def]
    who = replace(GOOD, **change)
    assert limits(who, TABLE) and not limits(who, load_parameters({name: value}))
