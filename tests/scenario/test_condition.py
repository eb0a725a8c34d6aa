"""The patient in a scenario file: units, defaults, refusals, words."""

from __future__ import annotations

import re

import pytest

from tumorsim.errors import InputError
from tumorsim.scenario import Scenario
from tumorsim.scenario.explain import explain
from tumorsim.scenario.resolved import common_past

BASE = {
    "name": "x",
    "until": "20 d",
    "tissue": {"tumour": {"diameter": "20 mm"}},
    "treatments": [{"at": "1 d", "tace": {}}],
}


def case(**condition: object) -> Scenario:
    return Scenario.from_dict({**BASE, "condition": condition})


def flat(scenario: Scenario) -> str:
    return re.sub(r"\s+", " ", explain(scenario))


def test_units_of_clinics_are_read() -> None:
    one = case(albumin="38 g/L", bilirubin="1 mg/dL", platelets="140 1/nL", inr=1.2, liver_volume="1.4 L").condition
    other = case(albumin="3.8 g/dL", bilirubin="17.104 umol/L", platelets="140e9/L", inr=1.2).condition
    assert one is not None and other is not None
    assert one.albumin == other.albumin == pytest.approx(38.0)
    assert one.bilirubin == pytest.approx(other.bilirubin, rel=1e-4) == pytest.approx(0.0171, rel=1e-3)
    assert one.platelets == other.platelets == pytest.approx(1.4e14)
    assert one.liver_volume == pytest.approx(1.4e-3) and other.liver_volume is None
    counted = case(platelets="140 10^9/L").condition
    assert counted is not None and counted.platelets == pytest.approx(1.4e14)


def test_defaults_follow_the_liver_and_are_parameters() -> None:
    cirrhotic = case().condition
    assert cirrhotic is not None and cirrhotic == Scenario.from_dict(BASE).condition
    normal = Scenario.from_dict(BASE, tissue__liver="normal").condition
    assert normal is not None and normal.albumin > cirrhotic.albumin and normal.platelets > cirrhotic.platelets
    changed = Scenario.from_dict({**BASE, "parameters": {"condition.cirrhotic_albumin": "30 g/L"}}).condition
    assert changed is not None and changed.albumin == 30.0


def test_the_volume_is_that_of_the_liver_everywhere() -> None:
    assert case(liver_volume="1200 mL").load_parameters()["vessels.liver_volume"] == pytest.approx(1.2e-3)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("albumin", 38, r"albumin: 38 has no unit\."),
        ("albumin", "90 g/L", r"albumin: '90 g/L' is out of range: it must be at most 70 g/L"),
        ("inr", "1.1", r"inr: '1\.1' is not a number\. Write a number, for example 1\.1\."),
        ("inr", True, r"inr: True is not a number"),
        ("inr", 0.1, r"inr: '0\.1' is out of range: it must be at least 0\.5"),
        ("bilirubin", "3 mm", r"bilirubin: '3 mm' is not an amount in a volume\..*'17 umol/L'"),
        ("platelets", "140", r"platelets: '140' has no unit"),
        ("ascites", "lots", r"ascites: 'lots' is not known\. Allowed: none, mild, moderate"),
        ("albumine", "38 g/L", r"albumine: unknown key\. Did you mean 'albumin'"),
        ("treat_anyway", "yes", r"treat_anyway: 'yes' is neither true nor false"),
    ],
)
def test_what_cannot_be_is_refused(key: str, value: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        case(**{key: value})


def test_one_liver_has_one_volume() -> None:
    with pytest.raises(InputError, match=r"condition\.liver_volume: is given under parameters too"):
        Scenario.from_dict(
            {**BASE, "condition": {"liver_volume": "1200 mL"}, "parameters": {"vessels.liver_volume": "1 L"}}
        )


def test_patients_that_differ_share_no_past() -> None:
    one, other = case(), case(albumin="30 g/L")
    assert one != other and common_past([one, other]) is None and common_past([one, case()]) == one.until


def test_check_says_who_the_patient_is_and_what_cannot_be_given() -> None:
    good = flat(case())
    assert "Patient albumin 37 g/L, bilirubin 17 umol/L, platelets 130 per nL, INR 1.1, no ascites" in good
    assert "ALBI -2.33 (grade 2), Child-Pugh A5; 1,500 mL of liver" in good and "contraindicated" not in good
    bad = flat(case(bilirubin="4 mg/dL", ascites="moderate"))
    assert (
        "tace_1: contraindicated as the patient is at the start (Child-Pugh B9 is 8 points or more, bilirubin "
        "68.4 umol/L is above 51.3, moderate ascites); it will not be delivered"
    ) in bad
    assert "it is given all the same" in flat(case(ascites="moderate", bilirubin="4 mg/dL", treat_anyway=True))


def test_it_can_be_written_and_read_again() -> None:
    one = case(albumin="30 g/L", inr=1.4, ascites="mild")
    assert Scenario.from_dict(one.raw) == one and "albumin: 30 g/L" in one.to_yaml()
