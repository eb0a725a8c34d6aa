"""The summary against its schema, against sums done by hand, and with what does not exist."""

import dataclasses
import hashlib
import json
import math

import jsonschema
import numpy as np
import pytest

from tumorsim.studies import summary as room
from tumorsim.studies.store import to_json


def make(records, **kwargs):
    return room.assemble(records, **{"name": "a study", "kind": "compare", "seed": 7, **kwargs})


def check(summary):
    """The summary as it reads from a file, after it passed the shipped schema."""
    loaded = json.loads(to_json(summary))
    jsonschema.Draft202012Validator(room.schema()).validate(loaded)
    return loaded


@pytest.fixture(scope="module")
def study(synthetic):
    return synthetic.study(picture=False)


def test_the_shipped_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(room.schema())


def test_a_study_fits_the_schema(study):
    got = check(make(study, shared_past=True, notes=["whole study"]))
    assert list(got["arms"]) == ["untreated", "tace_lobar", "tace_superselective"]
    assert list(got["pairs"]) == [
        "untreated vs tace_lobar",
        "untreated vs tace_superselective",
        "tace_lobar vs tace_superselective",
    ]
    assert got["notes"] == [
        "whole study",
        "The drug doxorubicin is carried and recorded; it does not act yet.",
    ]


def test_the_schema_refuses_what_is_wrong(study):
    good = json.loads(to_json(make(study)))
    validator = jsonschema.Draft202012Validator(room.schema())
    for path, value in [
        (("arms", "untreated", "p0", "mean"), 1.5),
        (("arms", "untreated", "viable_cells"), None),
        (("state_hash",), "nothing"),
        (("pairs", "untreated vs tace_lobar", "extra"), 1),
        (("arms", "untreated", "harm", "liver_killed_ml"), 3.0),
    ]:
        bad = json.loads(json.dumps(good))
        place = bad
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        assert not validator.is_valid(bad), path


def test_means_are_means_and_shares_are_shares(study):
    got = make(study)["arms"]["tace_superselective"]
    runs = [r for r in study if r.arm == "tace_superselective"]
    assert got["viable_cells"]["mean"] == pytest.approx(np.mean([r.at_horizon.viable_cells for r in runs]))
    assert got["p0"] == {
        "mean": 0.125,
        "low": pytest.approx(0.0224, abs=1e-4),
        "high": pytest.approx(0.4709, abs=1e-4),
        "n": 8,
    }
    assert got["perfusion"]["tumour"]["arterial"]["mean"] == pytest.approx(50 / 60)
    assert got["perfusion_now"]["tumour"]["arterial"]["mean"] < 0.35
    assert got["imaging"]["ltp_12mo"] is None and got["imaging"]["cr"]["n"] == 8
    assert got["zone"] is None


def test_one_run_has_no_interval_and_its_own_hash(synthetic):
    record = synthetic.record("tace_lobar", 0, picture=False)
    got = check(make([record], kind="run"))
    assert got["state_hash"] == record.state_hash
    assert got["pairs"] == {}
    assert got["arms"]["tace_lobar"]["log10_kill"]["low"] is None
    assert got["arms"]["tace_lobar"]["log10_kill"]["n"] == 1


def test_the_hash_of_a_study_is_over_sorted_runs(study):
    want = hashlib.sha256("".join(r.state_hash for r in sorted(study, key=lambda r: (r.arm, r.patient))).encode())
    got = make(study)
    assert got["state_hash"] == want.hexdigest() == make(study[::-1])["state_hash"]
    assert (
        room.hash_of_hashes({"a": {"10": "1" * 64, "9": "2" * 64}}) == hashlib.sha256(b"2" * 64 + b"1" * 64).hexdigest()
    )


def test_a_patient_at_the_face_is_left_out_of_every_arm(synthetic, study):
    touched = [dataclasses.replace(r, touched_face=r.arm == "untreated" and r.patient == 3) for r in study]
    got = check(make(touched))
    assert got["patients"] == {
        "asked": 8, "used": 7, "excluded": [3], "reason": "living tumour cells reached the face of the box",
    }  # fmt: skip
    assert {arm["viable_cells"]["n"] for arm in got["arms"].values()} == {7}
    assert got["arms"]["tace_superselective"]["p0"]["mean"] == 0  # patient 3 was the one that was cleared
    assert all(pair["p0_difference"]["n"] == 7 for pair in got["pairs"].values())
    assert len(got["runs"]["tace_lobar"]) == 8


def test_all_patients_left_out_is_still_a_summary(synthetic):
    got = check(make(synthetic.study(patients=2, touched=(0, 1), picture=False)))
    assert got["patients"]["used"] == 0
    assert got["arms"]["untreated"]["p0"] == {"mean": None, "low": None, "high": None, "n": 0}
    assert got["pairs"]["untreated vs tace_lobar"]["better"] is None


def test_zeros_are_a_point_mass(study):
    got = make(study)["arms"]["tace_superselective"]["distribution"]
    assert got["zeros"] == 1 and got["n"] == 8 and got["zero_share"]["mean"] == 0.125
    left = [math.log10(r.at_horizon.residual_fraction) for r in study
            if r.arm == "tace_superselective" and r.at_horizon.viable_cells]  # fmt: skip
    assert got["log10_residual_fraction"]["p50"] == pytest.approx(np.median(left))


def test_a_name_a_patient_lacks_counts_no_cells(synthetic):
    a, b = (synthetic.record("tae", p, picture=False) for p in (1, 2))
    few = dataclasses.replace(b.at_horizon, residue_by_reason={"missed": 10}, residue_by_zone_and_reason={})
    got = check(make([a, dataclasses.replace(b, at_horizon=few)]))["arms"]["tae"]
    other = a.at_horizon.residue_by_reason["other supply"]
    assert got["residue_by_reason"]["other supply"]["mean"] == pytest.approx(other / 2)
    assert got["residue_by_reason"]["other supply"]["n"] == 2
    assert got["residue_by_zone_and_reason"]["rim"]["missed"]["n"] == 2


def test_no_tumour_gives_null(synthetic):
    record = synthetic.record("untreated", 0, picture=False)
    nothing = dataclasses.replace(
        record.at_horizon,
        viable_cells=0,
        residual_fraction=None,
        log10_kill=None,
        p0=None,
        p0_histology=None,
        imaging=None,
    )
    got = check(make([dataclasses.replace(record, n0=0, at_horizon=nothing, nadir_fraction=None, nadir_time_d=None)]))
    arm = got["arms"]["untreated"]
    assert (
        arm["p0"] is None and arm["log10_kill"] is None and arm["nadir_fraction"] is None and arm["after_last"] is None
    )


def test_the_nadir_at_the_earlier_reading_is_not_the_later_one(synthetic):
    record = synthetic.record("tace_lobar", 1, picture=False)
    later = dataclasses.replace(record, nadir_time_d=100.0)
    _, cells = record.viable_series()
    fraction, day = room.nadir_until(later, 10 * 24)
    assert day == 10.0 and fraction == pytest.approx(cells[10] / record.n0)
    assert room.nadir_until(later, 180 * 24) == (later.nadir_fraction, 100.0)


@pytest.mark.parametrize("spoil", ["twice", "missing", "horizon", "none"])
def test_a_table_with_holes_is_refused(synthetic, spoil):
    records = synthetic.study(patients=2, picture=False)
    if spoil == "twice":
        records.append(records[0])
    elif spoil == "missing":
        records.pop()
    elif spoil == "horizon":
        records[0] = dataclasses.replace(records[0], horizon_h=24.0)
    else:
        records = []
    with pytest.raises(ValueError, match=r"twice|same patients|one horizon|no run"):
        make(records)
