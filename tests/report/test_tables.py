"""Tables of the report."""

import pytest

from tumorsim.report import tables


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"value": "12", "unit": "h"}, "12 h"),
        ({"value": "12 h", "unit": "h"}, "12 h"),
        ({"value": "0.6", "unit": "-"}, "0.6"),
        ({"value": 0.1, "unit": "1"}, "0.1"),
    ],
)
def test_a_value_has_its_unit_once(row, said):
    assert tables.amount(row) == said


def test_what_exists_in_no_arm_is_named_and_not_a_row(study):
    body, missing = tables.rows(study.arms, "imaging")
    assert "Local progression by 12 months" in missing
    assert body[0]["label"] == "Complete response on imaging"
    assert body[0]["cells"][0] == ("–", "")  # untreated


def test_how_often_a_treatment_was_delivered(study):
    said = tables.statuses(study.manifest["schedule"]["tace_lobar"])
    assert said == ["tace_1 delivered: 8 of 8", "feeder_4 was missed (1)"]
    assert tables.statuses(study.manifest["schedule"]["untreated"]) == []


def test_a_card_of_growth_and_of_cure(study):
    assert tables.card("untreated", study.arms["untreated"])["big"].startswith("×")
    arm = {"log10_kill": {"mean": 8.0, "n": 4}, "p0": {"mean": 1.0, "n": 4}}
    assert tables.card("a", arm)["big"] == "none left"
