"""A spheroid's and a cord's report speak of what is there: no liver, no harm to one, and the vessel of the cord."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from tumorsim.report.html import render
from tumorsim.report.results import Results
from tumorsim.report.setting import CORD, LIVER, NETWORK, SPHEROID, setting_of
from tumorsim.scenario import Scenario
from tumorsim.studies.run import run_scenario
from tumorsim.studies.summary import schema

TISSUE: dict[str, Any] = {
    "spheroid": {"culture": {"medium": "100 mmHg"}, "tumour": {"diameter": "240 um", "doubling_time": "12 d"}},
    "cord": {"tumour": {}, "cord": {"radius": "80 um", "length": "80 um", "vessel": "20 um", "blood": "80 mmHg"}},
}


@pytest.fixture(scope="module", params=TISSUE)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Results]:
    kind = request.param
    case = Scenario.from_dict(
        {"name": kind, "until": "1 d", "step": "12 h", "tissue": {"spacing": "20 um", **TISSUE[kind]}}
    )
    return kind, Results.open(run_scenario(case, out=tmp_path_factory.mktemp("fine") / kind))


def test_what_an_arm_holds_says_what_the_report_speaks_of() -> None:
    assert setting_of({"a": {"tissue": TISSUE["spheroid"]}}) is SPHEROID
    assert setting_of({"a": {"tissue": TISSUE["cord"]}, "b": {"tissue": TISSUE["cord"]}}) is CORD
    assert setting_of({"a": {"tissue": {}, "vessels": {"file": "net.dat"}}}) is NETWORK
    assert setting_of({"a": {"tissue": {"tumour": {}}}}) is LIVER
    assert setting_of({"a": {"tissue": TISSUE["cord"]}, "b": {"tissue": {"tumour": {}}}}) is LIVER


def test_what_belongs_to_a_liver_does_not_exist(made: tuple[str, Results]) -> None:
    kind, results = made
    jsonschema.validate(results.summary, schema())
    arm = results.arms[kind]
    assert arm["distant"] is arm["imaging"] is arm["vessels"] is None
    assert arm["harm"] == arm["residue_by_supply"] == {}


def test_the_report_has_no_liver_in_it(made: tuple[str, Results]) -> None:
    kind, results = made
    page = render(results)
    for word in (
        "Liver killed",
        "liver embolised",
        ">liver<",
        "Blood flow before",
        "embolisation.",
        "in this one patient",
    ):
        assert word not in page, word
    assert 'class="target"' not in page and "target: tumour plus 5 mm" not in page
    assert f"in this one {kind}" in page and f"Counted in the whole {kind}" in page
    assert "within its first border" in page and "closed, or without flow" not in page
    assert ("culture medium</li>" in page) == (kind == "spheroid")


def test_the_vessel_of_a_cord_is_drawn(made: tuple[str, Results]) -> None:
    kind, results = made
    page = render(results)
    drawn = page.count('class="vessel k5"')
    assert drawn == (3 if kind == "cord" else 0)  # in the slice across it, and in two along it
    assert ("along the vessel, turned by 90°" in page) == (kind == "cord")
    if kind == "cord":
        assert 'stroke-width="0.02' in page  # 20 um, true to scale
