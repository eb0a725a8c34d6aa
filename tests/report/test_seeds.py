"""Seeds in reports: their numbers are those of the results, and the plan is told before the run."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tumorsim.report import audit
from tumorsim.report.dose_report import dose_report
from tumorsim.report.html import render
from tumorsim.report.results import Results
from tumorsim.report.seeds import implants
from tumorsim.scenario import Scenario
from tumorsim.studies.run import run_scenario

TEXT = """\
name: small seeds
until: 3 d
step: 12 h
seed: 5
tissue:
  size: 44 mm
  spacing: 2 mm
  tumour: {diameter: 14 mm}
  organs: [{gallbladder: {distance: 8 mm, side: -y}}]
vessels: {feeders: 2, terminals: 120}
treatments:
  - {at: 1 d, seeds: {rule: paris, number: 9, margin: 4 mm, freehand: true}}
  - {at: 2 d, seeds: {where: ring}}
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("seeds") / "small.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="module")
def results(file: Path) -> Results:
    return Results.open(run_scenario(Scenario.load(file), out=file.parent / "out"))


@pytest.fixture(scope="module")
def given(results: Results) -> dict[str, Any]:
    return results.manifest["schedule"]["small seeds"]["0"][0]  # type: ignore[no-any-return]


def test_the_section_tells_planned_beside_real(results: Results, given: dict[str, Any]) -> None:
    found = re.search(r'<section id="seeds">.*?</section>', render(results), re.S)
    assert found is not None
    part = found[0].replace("\u00a0", " ")
    rows = dict(re.findall(r'<th scope="row">(.*?)</th>\s*(<td>.*?)</tr>', part, re.S))
    planned, real = (given["delivered"][which]["target"] for which in ("planned", "real"))
    cells = [float(v) for v in re.findall(r"<td>([\d.]+) Gy", rows["D90 of the goal"])]
    assert cells == pytest.approx([planned["d90_gy"], real["d90_gy"]], rel=0.01)
    assert "D2cc of the gallbladder" in rows
    assert f"<td>{given['delivered']['seeds']}</td>" in rows["Seeds"]
    assert part.count("<figure>") == 7  # histograms, three planes as planned and three as they lay
    assert part.count('id="seeds"') == 1 and "goal, plan" in part and "gallbladder, real" in part


def test_a_report_without_seeds_has_no_section(study: Results) -> None:
    assert 'id="seeds"' not in render(study)


def test_pictures_hold_what_was_delivered(results: Results, given: dict[str, Any]) -> None:
    snapshot = results.snapshot("small seeds")
    assert snapshot is not None
    (picture,) = implants(snapshot)
    assert str(picture["id"]) == "seeds_1" and float(picture["time_h"]) == 24.0
    assert picture["seeds_real"] == pytest.approx(
        np.array(given["delivered"]["implant"])[:, :6] * np.array([1e3, 1e3, 1e3, 1, 1, 1])
    )
    assert picture["names"].tolist() == ["goal", "gallbladder"]
    share = picture["dvh_planned"][0]
    assert share[0] == 1.0 and (np.diff(share) <= 0.0).all()
    target = given["delivered"]["planned"]["target"]
    assert np.interp(120.0, picture["doses"], share) == pytest.approx(target["v100"], abs=0.02)
    for axis in "xyz":
        assert picture[f"goal_{axis}"].any() and picture[f"dose_real_{axis}"].shape == (22, 22)
        assert picture[f"dose_planned_{axis}"].max() > 120.0


def test_the_audit_says_it_in_words(given: dict[str, Any], results: Results) -> None:
    asked = " | ".join(audit.prescribed(given["prescribed"])).replace("\u00a0", " ")
    assert asked.startswith("9 seeds: Amersham 6711, 0.600 mCi each | in the tumour | on parallel lines (Paris)")
    assert "prescribed dose 120 Gy" in asked and "margin of 4 mm" in asked
    told = " | ".join(audit.delivered(given["delivered"])).replace("\u00a0", " ")
    activity = 0.6 * given["delivered"]["seeds"]
    assert re.match(rf"\d seeds?.* by \d+ needles? \| {activity:.2f} mCi in all", told)
    assert "planned); V100" in told and "D2cc of the gallbladder" in told and "implant" not in told and "{" not in told
    second = results.manifest["schedule"]["small seeds"]["0"][1]
    assert second["status"] == "not delivered" and audit.delivered(second["delivered"]) == ["nothing"]


def test_organs_have_their_dose_in_the_harm(results: Results) -> None:
    harm = results.arms["small seeds"]["harm"]["organ_d2cc_gy"]["gallbladder"]
    assert 1.0 < harm["mean"] < 120.0


def test_dosimetry_before_the_run(file: Path, given: dict[str, Any], tmp_path: Path) -> None:
    told = dose_report(str(file), str(tmp_path / "plan.svg"))
    target = given["delivered"]["planned"]["target"]
    assert (
        f"D90               {target['d90_gy']:.1f} Gy" in told
        and f"seeds             {given['delivered']['seeds_planned']} of 9" in told
    )
    assert "D2cc gallbladder" in told and ("Paris reference" in told) == ("reference_gy" in given["delivered"])
    assert "seeds_2, day 2" in told and "no implant: the image shows no treated zone" in told
    root = ET.fromstring((tmp_path / "plan.svg").read_text())
    assert len([e for e in root if e.tag.endswith("svg")]) == 4
