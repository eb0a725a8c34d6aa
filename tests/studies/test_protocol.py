"""As assigned and per protocol, on made-up records."""

from __future__ import annotations

import dataclasses
import json

import jsonschema
import numpy as np
import pytest

from tumorsim.report import tables
from tumorsim.studies import summary as room
from tumorsim.studies.protocol import NOTE, per_protocol, undelivered
from tumorsim.studies.store import to_json

REASON = "not delivered: contraindicated (moderate ascites)"


def refuse(record, status="not delivered", reason=REASON):  # type: ignore[no-untyped-def]
    item = {**record.schedule[0], "status": status, "reason": reason}
    return dataclasses.replace(record, schedule=[item])


@pytest.fixture
def study(synthetic):  # type: ignore[no-untyped-def]
    """Lobar: patients 1 and 4 could not have it; patient 2 had it in part."""
    runs = synthetic.study(arms=("untreated", "tace_lobar"), picture=False)
    out = []
    for r in runs:
        if r.arm == "tace_lobar" and r.patient in (1, 4):
            r = refuse(r)
        elif r.arm == "tace_lobar" and r.patient == 2:
            r = refuse(r, "partly delivered", "overlooked: feeder_2")
        out.append(r)
    return out


def make(records):  # type: ignore[no-untyped-def]
    loaded = json.loads(to_json(room.assemble(records, name="a study", kind="compare", seed=7)))
    jsonschema.Draft202012Validator(room.schema()).validate(loaded)
    return loaded


def test_only_what_was_not_delivered_leaves_a_patient_out(study) -> None:  # type: ignore[no-untyped-def]
    runs = [r for r in study if r.arm == "tace_lobar"]
    assert undelivered(runs[1]) == ["tace_1: contraindicated (moderate ascites)"]
    assert undelivered(runs[2]) == undelivered(runs[0]) == []


def test_both_populations_stand_in_the_summary(study) -> None:  # type: ignore[no-untyped-def]
    got = make(study)
    arm = got["arms"]["tace_lobar"]
    assert arm["intention_to_treat"] == {"n": 8} and arm["viable_cells"]["n"] == 8
    part = arm["per_protocol"]
    assert part["n"] == 6 and [entry["patient"] for entry in part["left_out"]] == [1, 4]
    assert part["left_out"][0]["reasons"] == ["tace_1: contraindicated (moderate ascites)"]
    kept = [r for r in study if r.arm == "tace_lobar" and r.patient not in (1, 4)]
    assert part["viable_cells"]["mean"] == pytest.approx(np.mean([r.at_horizon.viable_cells for r in kept]))
    assert part["p0"]["n"] == part["log10_kill"]["n"] == part["after_last"]["log10_kill"]["n"] == 6
    later = np.mean([r.after_last.log10_kill for r in kept])
    assert part["after_last"]["log10_kill"]["mean"] == pytest.approx(later)
    # pairs stay as assigned, and a note says so
    assert got["pairs"]["untreated vs tace_lobar"]["p0_difference"]["n"] == 8
    assert NOTE in got["notes"]
    assert got["arms"]["untreated"]["per_protocol"]["n"] == 8
    assert got["arms"]["untreated"]["per_protocol"]["after_last"] is None


def test_where_all_had_everything_both_are_the_same(synthetic) -> None:  # type: ignore[no-untyped-def]
    got = make(synthetic.study(picture=False))
    for arm in got["arms"].values():
        assert arm["per_protocol"]["left_out"] == []
        assert all(arm["per_protocol"][k] == arm[k] for k in ("p0", "residual_fraction", "log10_kill", "viable_cells"))
    assert NOTE not in got["notes"] and tables.per_protocol(got["arms"]) is None


def test_nobody_left_is_still_a_summary(synthetic) -> None:  # type: ignore[no-untyped-def]
    runs = [refuse(synthetic.record("tace_lobar", p, picture=False)) for p in range(2)]
    part = make(runs)["arms"]["tace_lobar"]["per_protocol"]
    assert part["n"] == 0 and part["p0"] == {"mean": None, "low": None, "high": None, "n": 0}
    assert part["after_last"] is None
    assert per_protocol([], 7)["n"] == 0


def test_the_report_has_a_table_of_it(study) -> None:  # type: ignore[no-untyped-def]
    table = tables.per_protocol(make(study)["arms"])
    assert table is not None
    assert table["rows"][0] == {"label": "Patients, of those assigned", "cells": [("8 of 8", ""), ("6 of 8", "")]}
    assert table["left_out"] == ["tace_lobar: tace_1: contraindicated (moderate ascites) (2)"]
