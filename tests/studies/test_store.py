"""Writing a folder: whole, readable without the program, never over what is somebody else's."""

import dataclasses
import json
import os

import numpy as np
import pandas as pd
import pytest

from tumorsim.errors import InputError
from tumorsim.studies import store
from tumorsim.studies.manifest import make_manifest, platform_key, versions
from tumorsim.studies.summary import assemble


def parts(records):
    summary = assemble(records, name="s", kind="compare", seed=7)
    rows = [{"name": "a.b", "confidence": "low"}, {"name": "c.d", "confidence": "high"}]
    return summary, make_manifest(records, summary, parameters=rows, wall_seconds=1.5)


@pytest.fixture(scope="module")
def study(synthetic):
    return synthetic.study(("untreated", "tae"), patients=2, spacing=5e-3)


@pytest.fixture
def written(study, tmp_path):
    return store.write_results(tmp_path / "out", study, *parts(study))


def test_a_folder_opens_without_the_program(written, study):
    summary = json.loads((written / "summary.json").read_text())
    manifest = json.loads((written / "manifest.json").read_text())
    series = pd.read_parquet(written / "series.parquet")
    assert list(series.columns) == ["patient", "arm", "time_h", "quantity", "value", "unit"]
    assert len(series) == sum(len(r.series) for r in study)
    assert summary["state_hash"] == manifest["state_hash"]
    assert manifest["status"] == "complete" and manifest["versions"]["numba"] and manifest["platform_key"]
    assert manifest["parameters_low_confidence"] == [{"name": "a.b", "confidence": "low"}]
    assert manifest["schedule"]["tae"]["1"][0]["prescribed"]["beads"] == "100 um"
    assert manifest["scenario"]["tae"]["tissue"]["tumour"]["diameter"] == "42 mm"
    with np.load(written / manifest["snapshots"]["tae"], allow_pickle=False) as arrays:
        assert arrays["density_z"].shape == (12, 12)
    assert sorted(p.name for p in written.iterdir()) == [
        "manifest.json",
        "series.parquet",
        "snapshots",
        "summary.json",
    ]


def test_the_same_results_are_the_same_bytes(written, study, tmp_path):
    again = store.write_results(tmp_path / "again", study, *parts(study))
    for path in sorted(written.rglob("*.*")):
        assert path.read_bytes() == (again / path.relative_to(written)).read_bytes(), path


def test_results_are_not_overwritten_unasked(written, study):
    before = (written / "summary.json").read_bytes()
    with pytest.raises(InputError, match="holds results"):
        store.write_results(written, study, *parts(study))
    assert (written / "summary.json").read_bytes() == before


def test_overwriting_takes_away_only_what_was_made(written, study):
    (written / "notes.txt").write_text("mine")
    (written / "snapshots" / "mine.png").write_text("mine")
    (written / "report.html").write_text("a report of before")
    only = [r for r in study if r.arm == "tae"]
    store.write_results(written, only, *parts(only), overwrite=True)
    assert (written / "notes.txt").read_text() == "mine"
    assert sorted(p.name for p in (written / "snapshots").iterdir()) == ["00_tae.npz", "mine.png"]
    assert not (written / "report.html").exists()


def test_files_of_others_are_never_replaced(study, tmp_path):
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(InputError, match="not made by tumorsim"):
        store.write_results(tmp_path, study, *parts(study), overwrite=True)
    assert (tmp_path / "summary.json").read_text() == "{}"
    (tmp_path / "manifest.json").write_text('{"made_by": "tumorsim", "files": {"manifest.json": null, "../x": null}}')
    with pytest.raises(InputError, match=r"summary\.json was not made"):
        store.ResultFolder.begin(tmp_path, overwrite=True)


def test_a_list_of_files_cannot_reach_outside(study, tmp_path):
    outside = tmp_path / "precious.json"
    outside.write_text("{}")
    folder = tmp_path / "out"
    folder.mkdir()
    names = ["manifest.json", "../precious.json", str(outside), "snapshots/../../precious.json"]
    (folder / "manifest.json").write_text(json.dumps({"made_by": "tumorsim", "files": dict.fromkeys(names)}))
    store.write_results(folder, study, *parts(study), overwrite=True)
    assert outside.exists()


def test_a_run_that_died_can_be_overwritten(study, tmp_path):
    folder = store.ResultFolder.begin(tmp_path / "out")
    folder.write_series(study)
    folder.write_snapshots(study)
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["status"] == "unfinished"
    with pytest.raises(ValueError, match=r"not complete without summary\.json"):
        folder.finish({})
    store.write_results(tmp_path / "out", study, *parts(study), overwrite=True)


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    target = tmp_path / "a.json"
    target.write_text("before")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        store.write_atomically(target, b"after")
    assert target.read_text() == "before" and [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="is a file"):
        store.ResultFolder.begin(tmp_path / "out")


def test_nan_is_neither_written_nor_read(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        store.to_json({"a": float("nan")})
    (tmp_path / "s.json").write_text('{"a": NaN}')
    with pytest.raises(InputError, match="NaN is not a number"):
        store.read_json(tmp_path / "s.json")
    with pytest.raises(InputError, match="not there"):
        store.read_json(tmp_path / "t.json")
    with pytest.raises(TypeError, match="no place"):
        store.to_json({"a": object()})


def test_what_does_not_exist_in_a_series_is_null(study, tmp_path):
    rows = [*study[0].series, (0.0, "imaging_diameter", None, "mm")]
    folder = store.ResultFolder.begin(tmp_path / "out")
    folder.write_series([dataclasses.replace(study[0], series=rows)])
    assert pd.read_parquet(tmp_path / "out" / "series.parquet").value.isna().sum() == 1


def test_versions_and_platform_are_words():
    assert set(versions()) >= {"tumorsim", "python", "numpy", "numba", "mesa"}
    assert platform_key() == platform_key() and " " not in platform_key()
