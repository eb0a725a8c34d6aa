"""Verification finds what was changed, and says which test it used."""

import dataclasses
import hashlib
import json

import pytest

from tumorsim.errors import InputError
from tumorsim.studies import store
from tumorsim.studies import verify as room
from tumorsim.studies.manifest import make_manifest
from tumorsim.studies.summary import assemble


@pytest.fixture(scope="module")
def study(synthetic):
    return synthetic.study(("untreated", "tae"), patients=3, picture=False)


@pytest.fixture
def folder(study, tmp_path):
    summary = assemble(study, name="s", kind="compare", seed=7, shared_past=True, notes=["of the study"])
    return store.write_results(tmp_path / "out", study, summary, make_manifest(study, summary))


def shifted(study, cells, key=True):
    """The same runs with other counts in the series, and other hashes."""
    out = []
    for r in study:
        series = [(t, q, v + cells if q == "viable_cells" else v, u) for t, q, v, u in r.series]
        digest = hashlib.sha256(f"{r.state_hash}{key}".encode()).hexdigest() if key else r.state_hash
        out.append(dataclasses.replace(r, series=series, state_hash=digest))
    return out


def elsewhere(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["platform_key"] = "abacus"
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_equal_runs_are_verified_by_equality(folder, study):
    ok, text = room.verify(folder, lambda manifest: study[::-1])
    assert ok, text
    assert "equality" in text and "verified" in text and "6 runs" in text


def test_without_running_again_it_says_so(folder):
    ok, text = room.verify(folder)
    assert ok and "not run again" in text


def test_the_runner_is_told_everything(folder, study):
    seen = {}
    room.verify(folder, lambda manifest: seen.update(manifest) or list(study))
    assert seen["seed"] == 7 and seen["patients"] == [0, 1, 2] and seen["scenario"]["tae"]["name"] == "tae"


def test_one_cell_more_fails_by_equality(folder, study):
    ok, text = room.verify(folder, lambda m: shifted(study, 1, key=False))
    assert not ok and "NOT verified" in text and "viable_cells" in text


def test_another_hash_fails_by_equality(folder, study):
    ok, text = room.verify(folder, lambda m: shifted(study, 0))
    assert not ok and "state_hash" in text and "runs.tae.2" in text


def test_elsewhere_small_differences_pass_and_large_ones_do_not(folder, study):
    elsewhere(folder)
    ok, text = room.verify(folder, lambda m: shifted(study, 2))
    assert ok, text
    assert "max(2, 1e-6 n)" in text and "abacus" in text
    ok, text = room.verify(folder, lambda m: shifted(study, 1000))
    assert not ok and "viable_cells" in text
    changed = [dataclasses.replace(r, nadir_fraction=r.nadir_fraction + 0.01) for r in study]
    ok, text = room.verify(folder, lambda m: changed)
    assert not ok and "nadir_fraction" in text


def test_other_sources_under_the_same_version_number_are_named(folder, study):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["source"] = "0123456789abcdef"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    ok, text = room.verify(folder, lambda m: shifted(study, 1))
    assert not ok and "equality" in text and "its sources" in text and "0123456789abcdef" in text
    ok, text = room.verify(folder, lambda m: study)
    assert ok and "its sources" not in text


def test_a_changed_file_is_found_before_anything_runs(folder):
    path = folder / "summary.json"
    path.write_text(path.read_text().replace('"seed": 7', '"seed": 8'))
    ok, text = room.verify(folder, lambda m: pytest.fail("ran"))
    assert not ok and "summary.json was changed" in text


def test_a_hash_that_does_not_fit_its_runs_is_found(folder):
    for name in ("summary.json", "manifest.json"):
        content = json.loads((folder / name).read_text())
        content["state_hash"] = "0" * 64
        (folder / name).write_text(json.dumps(content))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["summary.json"] = hashlib.sha256((folder / "summary.json").read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    ok, text = room.verify(folder)
    assert not ok and text.count("state_hash of the") == 2


def test_missing_and_unfinished_results_are_found(folder, tmp_path):
    (folder / "series.parquet").unlink()
    ok, text = room.verify(folder)
    assert not ok and "series.parquet is not there" in text
    store.ResultFolder.begin(tmp_path / "half")
    ok, text = room.verify(tmp_path / "half")
    assert not ok and "did not finish" in text
    with pytest.raises(InputError, match="not there"):
        room.verify(tmp_path)


def test_a_missing_run_is_found(folder, study):
    ok, text = room.verify(folder, lambda m: [r for r in study if r.patient < 2])
    assert not ok and "patient 2" in text
