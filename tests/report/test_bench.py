"""The results of a bench: a summary by the schema, sentences, a page with the zone and no word of a tumour's fate."""

from __future__ import annotations

import jsonschema
import numpy as np
import pytest

import tumorsim as ts
from tumorsim.report.html import render
from tumorsim.report.results import Results
from tumorsim.report.setting import BENCH, LIVER, setting_of
from tumorsim.report.slices import zone
from tumorsim.studies.summary import schema

QUICK = {"tissue__spacing": "4 mm"}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    arms = [ts.load(name, **QUICK) for name in ("bench_ex_vivo", "bench_in_vivo")]
    return ts.compare(*arms, patients=1, workers=1, out=tmp_path_factory.mktemp("bench") / "both")


def test_the_setting_of_a_bench() -> None:
    bench = {"tissue": {"bench": "ex vivo"}}
    assert setting_of({"a": bench, "b": {"tissue": {"bench": "in vivo"}}}) is BENCH
    assert setting_of({"a": bench, "b": {"tissue": {"tumour": {}}}}) is LIVER


def test_the_summary_holds_the_zone(results: Results) -> None:
    jsonschema.validate(results.summary, schema())
    dead, alive = results.arms.values()
    assert dead["zone"]["short_axis_mm"]["mean"] > alive["zone"]["short_axis_mm"]["mean"] > 15.0
    assert dead["zone"]["margin_mm"] is dead["zone"]["cover"] is None
    assert set(dead["zone"]["contracted"]) == {"short_axis_mm", "long_axis_mm"}
    for arm in (dead, alive):
        assert arm["log10_kill"] is arm["imaging"] is arm["condition"] is arm["after_last"] is None
        assert arm["harm"] == {} and arm["n0"]["mean"] == 0.0
    assert dead["perfusion"]["liver"] is None
    assert alive["perfusion"]["liver"]["total_ml_min_100ml"]["mean"] == pytest.approx(99.0, rel=1e-5)  # 0.0165 1/s


def test_it_is_said_in_words(results: Results) -> None:
    said = results.sentences()
    assert len(said) == 2 and all("mm across the needle and" in s for s in said)


def test_series_hold_the_zone(results: Results) -> None:
    curve = results.curves("zone")["Bench, ex vivo"]
    volume = results.arms["Bench, ex vivo"]["zone"]["volume_ml"]["mean"]
    assert curve.iloc[0, 0] == 0.0 and curve.iloc[-1, 0] == pytest.approx(volume)


def test_the_page_speaks_of_the_zone(results: Results) -> None:
    page = render(results)
    assert 'id="heat"' not in page  # the section of sessions in patients
    told = page[page.index("<body>") :]
    for word in ("living tumour cells", "residue", "target", "Liver killed", "embolisation.", "in this one"):
        assert word not in told, word
    for word in ("Short axis, across the needle", "Slices through the block", "Antenna", "antenna", "faces", "Zone"):
        assert word.lower() in page.lower(), word
    dead = results.arms["Bench, ex vivo"]["zone"]
    assert f"{dead['short_axis_mm']['mean']:.1f} × {dead['long_axis_mm']['mean']:.1f} mm" in page
    assert page.count('class="slice"') == 6
    assert results.report().is_file()


def test_a_slice_shows_the_border(results: Results) -> None:
    snapshot = results.snapshot("Bench, ex vivo")
    assert snapshot is not None
    assert "omega_z" in snapshot and np.array_equal(snapshot["omega_x"] >= 1.0, (snapshot["omega_x"] >= 1.0)[::-1])
    drawn = zone(snapshot, "z", "block")
    assert 'class="border"' in drawn and "coagulated: " in drawn
    cold = {**snapshot, "omega_z": np.zeros_like(snapshot["omega_z"])}
    assert 'class="border"' not in zone(cold, "z", "block")
