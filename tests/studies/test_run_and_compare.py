"""Runs and comparisons end to end on a small patient: the same numbers by every road."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import tumorsim as ts
from tumorsim.errors import InputError
from tumorsim.report.results import Results
from tumorsim.scenario import Scenario
from tumorsim.studies.again import run_again
from tumorsim.studies.compare import compare_scenarios, run_patient
from tumorsim.studies.run import run_scenario
from tumorsim.studies.summary import schema
from tumorsim.studies.verify import verify

SMALL: dict[str, Any] = {
    "until": "40 d",
    "step": "12 h",
    "seed": 11,
    "tissue": {
        "size": "30 mm",
        "spacing": "1 mm",
        "tumour": {"diameter": "14 mm", "capsule": "partial", "septa": 1, "satellites": 0},
    },
    "vessels": {"feeders": 2, "terminals": 150},
}


def scenario(name: str, *items: dict[str, Any], **changes: Any) -> Scenario:
    return Scenario.from_dict({**SMALL, "name": name, "treatments": list(items), **changes})


UNTREATED = scenario("untreated")
TAE = scenario("tae", {"at": "2.3 d", "tae": {"catheter": "superselective"}})
LATER = scenario("later", {"at": "6 d", "tae": {"catheter": "lobar"}})
ARMS = [UNTREATED, TAE, LATER]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Results:
    out = tmp_path_factory.mktemp("compared") / "results"
    return Results.open(compare_scenarios(ARMS, patients=2, out=out, workers=1))


@pytest.mark.parametrize("arm", ARMS, ids=lambda s: s.name)
def test_patient_0_of_a_comparison_is_the_run_of_the_file(arm: Scenario, compared: Results, tmp_path: Path) -> None:
    alone = Results.open(run_scenario(arm, out=tmp_path / "run"))
    assert alone.summary["state_hash"] == compared.summary["runs"][arm.name]["0"]
    for row in ("viable_cells", "po2_tumour"):
        mine, theirs = alone.curves(row)[arm.name][0], compared.curves(row)[arm.name][0]
        assert mine.equals(theirs)


def test_workers_threads_and_order_change_no_bit(compared: Results, tmp_path: Path) -> None:
    again = Results.open(
        compare_scenarios(list(reversed(ARMS)), patients=2, out=tmp_path / "again", workers=2, threads=2)
    )
    assert again.summary["runs"] == {arm: compared.summary["runs"][arm] for arm in again.summary["runs"]}
    assert again.summary["state_hash"] == compared.summary["state_hash"]


def test_what_lies_elsewhere_is_the_same_in_every_arm_and_no_part_of_the_target(compared: Results) -> None:
    apart = {name: arm["distant"] for name, arm in compared.arms.items()}
    for name, part in apart.items():
        assert part["foci"] == apart["untreated"]["foci"] and part["foci_cells"] == apart["untreated"]["foci_cells"]
        assert part["satellite_cells"]["mean"] == 0 and part["recurrence_12mo"] is None
        series = compared.curves("distant_cells")[name]
        assert (series == 0).all(axis=None)


def test_asking_for_foci_changes_nothing_but_what_is_reported_apart(tmp_path: Path) -> None:
    runs = {}
    for asked in ("none", 4):
        few = UNTREATED.replace(tissue__tumour__latent_foci=asked, until="1 d")
        runs[asked] = Results.open(run_scenario(few, out=tmp_path / str(asked))).summary
    with_, without = (run["arms"]["untreated"] for run in (runs[4], runs["none"]))
    assert (without["distant"]["foci"]["mean"], with_["distant"]["foci"]["mean"]) == (0, 4)
    assert with_["distant"]["foci_cells"]["mean"] > 4 * 8e5 and without["distant"]["nearest_mm"] is None
    assert runs[4]["state_hash"] == runs["none"]["state_hash"]
    same = [key for key in with_ if key != "distant"]
    assert all(with_[key] == without[key] for key in same) and len(same) > 15


def test_patients_differ_and_arms_share_their_start(compared: Results) -> None:
    runs = compared.summary["runs"]
    assert runs["tae"]["0"] != runs["tae"]["1"]
    viable = compared.curves("viable_cells")
    before = viable["untreated"].index < 2 * 24
    assert viable["untreated"][before].equals(viable["tae"][before])
    assert compared.summary["shared_past"] is True


def test_the_summary_is_what_the_schema_says(compared: Results) -> None:
    jsonschema.validate(compared.summary, schema())
    text = (compared.path / "summary.json").read_text()
    assert "NaN" not in text and "Infinity" not in text
    arm = compared.arms["tae"]
    assert arm["log10_kill"]["mean"] > 0.2
    assert arm["after_last"]["viable_cells"]["n"] == 2
    assert compared.arms["untreated"]["after_last"] is None
    for parts in ("residue_by_zone", "residue_by_reason"):
        total = sum(s["mean"] for s in arm[parts].values())
        assert total == pytest.approx(arm["viable_cells"]["mean"])
    shares = arm["perfusion"]["tumour"]
    assert sum(shares[s]["mean"] for s in ("arterial", "portal", "extrahepatic")) == pytest.approx(1)


def test_the_schedule_says_what_was_prescribed_and_delivered(compared: Results) -> None:
    item = compared.manifest["schedule"]["tae"]["0"][0]
    assert item["time_h"] == pytest.approx(2.3 * 24)
    assert item["prescribed"]["number"] == "to stasis" and item["delivered"]["beads"] > 0
    assert compared.manifest["schedule"]["untreated"]["0"] == []


def test_results_verify_and_a_changed_number_does_not(compared: Results, tmp_path: Path) -> None:
    same, text = verify(compared.path, run_again)
    assert same and "equal" in text
    summary = json.loads((compared.path / "summary.json").read_text())
    summary["arms"]["tae"]["viable_cells"]["mean"] *= 1.5
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in compared.path.iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    (copy / "summary.json").write_text(json.dumps(summary))
    same, _ = verify(copy)
    assert not same


def test_other_tissue_is_paired_by_number(tmp_path: Path) -> None:
    bare = scenario("bare", tissue={**SMALL["tissue"], "tumour": {"diameter": "14 mm", "capsule": "none"}})
    result = Results.open(compare_scenarios([UNTREATED, bare], patients=1, out=tmp_path / "r"))
    assert result.summary["shared_past"] is False


def test_a_patient_that_reaches_the_face_is_left_out_and_counted(tmp_path: Path) -> None:
    tight = {**SMALL["tissue"], "size": "16 mm", "tumour": {"diameter": "14 mm", "doubling_time": "15 d"}}
    arms = [scenario("a", tissue=tight), scenario("b", {"at": "30 d", "tae": {}}, tissue=tight)]
    result = Results.open(compare_scenarios(arms, patients=1, out=tmp_path / "r"))
    assert result.summary["patients"]["excluded"] == [0]
    assert any("left out" in line or "face" in line for line in result.sentences())


def test_a_comparison_that_cannot_be_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    out = tmp_path / "r"
    with pytest.raises(InputError, match="two arms are named"):
        compare_scenarios([TAE, TAE], patients=1, out=out)
    with pytest.raises(InputError, match="seeds differ"):
        compare_scenarios([UNTREATED, scenario("other seed", seed=12)], patients=1, out=out)
    assert not out.exists()


def test_the_two_line_face(tmp_path: Path) -> None:
    results = ts.compare(UNTREATED, TAE, patients=1, workers=1, out=tmp_path / "face")
    assert results.path == tmp_path / "face"
    assert [record.arm for record in run_patient([UNTREATED, TAE], 0)] == list(results.arms)
    with pytest.raises(InputError, match="two or more"):
        ts.compare(UNTREATED)
    with pytest.raises(InputError, match="holds results"):
        ts.run(UNTREATED, out=tmp_path / "face")
