"""Keys of tae and tace: what may be written, what contradicts itself, and how it is said."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tumorsim.treatments.embolisation_spec import TaceSpec, TaeSpec
from tumorsim.treatments.spec import Context, YesNo


def wrong(keys: dict[str, Any], spec: type[TaeSpec] = TaceSpec) -> list[tuple[str, str]]:
    return list(spec.model_validate(keys).problems(Context(feeders=3)))


DRUG = {"doxorubicin": "50 mg"}


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"beads": {"range": ["100 um", "300 um"]}},
        {"embolic": "gelatin"},
        {"embolic": "gelatin", "oil": "10 mL", "endpoint": "near-stasis"},
        {"embolic": "none", "oil": {"volume": "5 mL", "droplets": "30 um"}},
        {"eluting": True, "drug": DRUG, "oil": "2 mL"},
        {"catheter": "phrenic"},
        {"catheter": "collateral_12"},
        {"oil": "0 mL"},
    ],
)
def test_what_may_be_written(keys: dict[str, Any]) -> None:
    assert wrong(keys) == []


@pytest.mark.parametrize(
    ("keys", "where", "words"),
    [
        ({"beads": {"range": ["300 um", "100 um"]}}, "beads.range", "small to large"),
        ({"beads": {"range": ["100 um", "300 um"], "size": "200 um"}}, "beads.size", "range"),
        ({"beads": {"range": ["100 um", "300 um"], "spread": "20 um"}}, "beads.spread", "range"),
        ({"beads": {"size": "100 um", "spread": "60 um"}}, "beads.spread", "more than half"),
        ({"embolic": "gelatin", "beads": "100 um"}, "beads", "embolic: gelatin"),
        ({"embolic": "none"}, "embolic", "oil: 10 mL"),
        ({"embolic": "none", "oil": "0 mL"}, "embolic", "oil: 10 mL"),
        ({"embolic": "none", "oil": "5 mL", "number": 10}, "number", "embolic is none"),
        ({"embolic": "gelatin", "eluting": True, "drug": DRUG}, "eluting", "only beads"),
        ({"eluting": True}, "eluting", "needs a drug"),
        ({"catheter": "collateral_0"}, "catheter", "no vessel"),
        ({"catheter": "phrenics"}, "catheter", "Did you mean 'phrenic'"),
    ],
)
def test_what_contradicts_itself(keys: dict[str, Any], where: str, words: str) -> None:
    ((key, message),) = wrong(keys)
    assert key == where and words in message


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"oil": "41 mL"}, "at most 40 mL"),
        ({"oil": "-1 mL"}, "at least 0 mL"),
        ({"oil": 10}, "'10 mL'"),
        ({"oil": {"droplets": "5 um"}}, "at least 10 um"),
        ({"oil": "10 mg"}, "volume"),
        ({"beads": {"range": ["30 um", "300 um"]}}, "at least 40 um"),
        ({"beads": {"range": "100 um"}}, "tuple"),
        ({"endpoint": "reflux"}, "stasis, near-stasis"),
        ({"embolic": "coils"}, "beads, gelatin, none"),
        ({"eluting": "yes"}, "neither true nor false"),
    ],
)
def test_what_is_refused(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TaceSpec.model_validate(keys)


def test_bland_embolisation_elutes_nothing() -> None:
    with pytest.raises(ValidationError):
        TaeSpec.model_validate({"eluting": True})
    assert "use tace" in TaeSpec.hints["eluting"]


def test_where_the_drug_is() -> None:
    for keys, carrier, said in (
        ({"eluting": True, "oil": "5 mL"}, "beads", "on the beads"),
        ({"oil": "5 mL"}, "oil", "in the oil"),
        ({}, "solution", "in solution"),
        ({"oil": "0 mL"}, "solution", "in solution"),
    ):
        spec = TaceSpec.model_validate({"drug": DRUG, **keys})
        assert spec.carrier == carrier and f"50 mg doxorubicin carried {said}" in spec.describe()
        assert spec.carried() == ["doxorubicin: the drug is carried (checked and recorded) but does not act in this "
                                  "version"]  # fmt: skip


SHOWN = "from each tumour feeder that the image shows"
FROM_LOBE = "from the artery of the lobe that holds the tumour"


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"beads": {"range": ["100 um", "300 um"]}}, f"beads of 100 to 300 um {SHOWN}, until flow stops (stasis)"),
        (
            {"embolic": "gelatin", "catheter": "lobar", "endpoint": "near-stasis"},
            f"pieces of gelatin {FROM_LOBE}, until flow is sluggish (near-stasis)",
        ),
        (
            {"embolic": "none", "oil": "4 mL", "catheter": "feeder_1"},
            "4 mL of iodised oil in droplets of 50 um from feeder 1",
        ),
        (
            {"oil": {"volume": "8 mL", "droplets": "30 um"}, "number": 50, "endpoint": "near-stasis"},
            f"8 mL of iodised oil in droplets of 30 um, then beads of 100 um {SHOWN}, 50 of them, or until near-stasis",
        ),
        ({"number": 0, "embolic": "gelatin"}, f"no pieces (number 0) {SHOWN}: nothing is delivered"),
    ],
)
def test_it_can_be_said(keys: dict[str, Any], sentence: str) -> None:
    assert TaeSpec.model_validate(keys).describe() == sentence


def test_yes_and_no() -> None:
    assert YesNo().read(True) is True and YesNo().read(False) is False and YesNo().schema() == {"type": "boolean"}
    for value in (1, "true", None):
        with pytest.raises(ValueError, match="neither true nor false"):
            YesNo().read(value)
