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


def test_responses_are_shares_and_what_says_nothing_has_no_row(study):
    body, _ = tables.rows(study.arms, "imaging")
    labels = [row["label"] for row in body]
    partial = next(row for row in body if row["label"] == "mRECIST: partial response")
    assert [cell[0] for cell in partial["cells"]] == ["0 of 7", "7 of 7", "7 of 7"]
    assert "… visible in: rim (mL)" in labels and "… visible in: core (mL)" not in labels
    assert "Sum over target lesions, whole (mm)" not in labels and "Diameter of the whole lesion (mm)" in labels


def test_how_often_a_treatment_was_delivered(study):
    said = tables.statuses(study.manifest["schedule"]["tace_lobar"])
    assert said == ["tace_1 delivered: 8 of 8", "feeder 4 was missed (1)"]
    assert tables.statuses(study.manifest["schedule"]["untreated"]) == []


def test_a_card_of_growth_and_of_cure(study):
    assert tables.card("untreated", study.arms["untreated"])["big"].startswith("×")
    arm = {"log10_kill": {"mean": 8.0, "n": 4}, "p0": {"mean": 1.0, "n": 4}}
    assert tables.card("a", arm)["big"] == "none left"


def stat(mean):
    return {"mean": mean, "low": None, "high": None, "n": 1}


def test_shares_are_per_cent_and_oil_that_is_not_there_is_a_dash():
    now = {
        "oil_ml": None,
        "portal_oil_filling": stat(0.0),
        "drug_held_mg": {"doxorubicin": stat(36.4)},
        "collateral_share": stat(0.55),
    }
    body, missing = tables.rows({"a": {"vessels": now}}, "vessels")
    assert [(row["label"], row["cells"][0][0]) for row in body] == [
        ("Doxorubicin held by what lodged (mg)", "36"),
        ("Tumour's arterial blood that comes by collaterals", "55 %"),
    ]
    assert missing == ["Portal venules of the rim filled with oil"]
    oil = now | {"oil_ml": {"tumour": stat(0.49)}, "portal_oil_filling": stat(0.126)}
    body, _ = tables.rows({"a": {"vessels": oil}, "b": {"vessels": now}}, "vessels")
    filled = next(row for row in body if row["label"] == "Portal venules of the rim filled with oil")
    assert [cell[0] for cell in filled["cells"]] == ["13 %", "–"]


def test_whose_blood_feeds_residue_is_shares_with_numbers():
    fed = {"hepatic artery": stat(3e9), "portal": stat(1e9), "extrahepatic": stat(0.0)}
    body = tables.supply({"a": {"residue_by_supply": fed}, "b": {"residue_by_supply": None}})
    assert [(row["label"], *row["cells"]) for row in body] == [
        ("Hepatic artery", ("75 %", "3.0 × 10⁹ cells"), ("–", "")),
        ("Portal vein", ("25 %", "1.0 × 10⁹ cells"), ("–", "")),
        ("Artery from outside the liver", ("0 %", ""), ("–", "")),
    ]
    assert tables.supply({"a": {"residue_by_supply": {"portal": stat(0.0)}}}) == []
