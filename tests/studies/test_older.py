"""Folders of results that earlier versions wrote: read, reported, verified, each with a line on what they are.

The folders in `data/saved` were written by the earlier programs themselves.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from tumorsim.cli import app
from tumorsim.errors import InputError
from tumorsim.report.results import Results
from tumorsim.studies import again, older
from tumorsim.studies import verify as room
from tumorsim.studies.manifest import versions
from tumorsim.studies.older import SCHEMA_VERSION, schema

SAVED = Path(__file__).parents[1] / "data" / "saved"
EARLY, LATE = "results_1", "results_2"  # both with a summary of version 1


@pytest.fixture(params=[EARLY, LATE])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return unpacked(request.param, tmp_path)


def unpacked(name: str, to: Path) -> Path:
    with zipfile.ZipFile(SAVED / f"{name}.zip") as archive:
        archive.extractall(to / name)
    return to / name


def summary_of(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return loaded


def test_every_version_has_a_schema_that_its_folders_fit(folder: Path) -> None:
    found = summary_of(folder)
    assert found["schema_version"] == 1
    jsonschema.Draft202012Validator(schema(1)).validate(found)
    assert not jsonschema.Draft202012Validator(schema()).is_valid(found)
    for version in range(older.OLDEST, SCHEMA_VERSION + 1):
        jsonschema.Draft202012Validator.check_schema(schema(version))
        assert schema(version)["properties"]["schema_version"]["const"] == version


def test_an_older_folder_opens_with_all_it_has_and_null_for_the_rest(folder: Path) -> None:
    results, found = Results.open(folder), summary_of(folder)
    for name, arm in results.arms.items():
        required = schema()["properties"]["arms"]["additionalProperties"]["required"]
        assert set(required) <= set(arm)
        assert {k: v for k, v in arm.items() if k in found["arms"][name] and k != "after_last"} == {
            k: v for k, v in found["arms"][name].items() if k != "after_last"
        }
        assert all(arm[key] is None for key in set(arm) - set(found["arms"][name]))
    assert len(results.to_frame()) > 50 and len(results.curves()["tae"]) == 33


def test_it_says_which_version_wrote_it_and_what_is_missing(tmp_path: Path) -> None:
    early, late = (Results.open(unpacked(name, tmp_path)) for name in (EARLY, LATE))
    for results in (early, late):
        assert results.older is not None and "\n" not in results.older
        assert "Written by tumorsim 0.1.0 with a summary of version 1" in results.older
        assert results.older in results.sentences() and results.older in repr(results)
    assert early.older is not None and late.older is not None
    assert "vessels" in early.older and "residue by supply" in early.older
    assert "residue by supply" not in late.older


def test_the_report_of_an_older_folder_is_written_and_says_so(folder: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(folder)])
    assert done.exit_code == 0, done.output
    assert "Written by tumorsim 0.1.0 with a summary of version 1" in done.stderr
    text = (folder / "report.html").read_text()
    assert "with a summary of version 1" in text and "Complete response on imaging" in text
    apart = folder.parent / "apart.html"
    assert CliRunner().invoke(app, ["report", str(folder), "--to", str(apart)]).exit_code == 0
    assert apart.read_text() == text


def test_report_refuses_what_it_cannot_use(tmp_path: Path) -> None:
    def says(*args: str) -> str:
        done = CliRunner().invoke(app, ["report", *args])
        assert done.exit_code == 2
        return done.stderr

    assert "no such folder" in says(str(tmp_path / "none"))
    assert "holds no results" in says(str(tmp_path))
    folder = unpacked(LATE, tmp_path)
    assert "--to" in says(str(folder), "--to", str(tmp_path / "none" / "r.html"))
    write_version(folder, SCHEMA_VERSION + 1)
    assert "newer program" in says(str(folder))


def write_version(folder: Path, version: object) -> None:
    found = summary_of(folder)
    found["schema_version"] = version
    (folder / "summary.json").write_text(json.dumps(found))


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, 0, "1", None, True])
def test_an_unknown_version_is_refused_with_what_is_read(version: object, tmp_path: Path) -> None:
    folder = unpacked(LATE, tmp_path)
    write_version(folder, version)
    with pytest.raises(InputError, match=rf"summary\.json: summary of version {version}.*reads 1 to {SCHEMA_VERSION}"):
        Results.open(folder)


def test_a_summary_of_this_version_is_not_touched() -> None:
    now = {"schema_version": SCHEMA_VERSION, "arms": {"a": {}}}
    assert older.complete(now, "x") == (now, []) and older.said(now, {}, []) is None


def test_a_value_of_imaging_that_came_later_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = schema()
    now["$defs"]["imaging"]["oneOf"][1]["properties"]["new_mm"] = {}
    arm = now["properties"]["arms"]["additionalProperties"]
    arm["required"].append("newer_part")
    monkeypatch.setattr(older, "schema", lambda: now)
    results = Results.open(unpacked(LATE, tmp_path))
    assert results.older is not None and "newer part" in results.older and "imaging.new mm" in results.older
    assert results.arms["tae"]["newer_part"] is None


# --- verify ----------------------------------------------------------------------------------------------


def test_verify_of_another_version_says_which_test_it_used(tmp_path: Path) -> None:
    """Run again by today's program; whether the numbers still agree is not asked here."""
    _, text = room.verify(unpacked(LATE, tmp_path), again.run_again)
    assert "files: 4 hashed again: all well" in text and "state_hash of 4 runs worked out again: all well" in text
    assert "test used: counts within max(2, 1e-6 n), summary within 1e-3" in text and "state none -> " in text
    assert "with a summary of version 1" in text and "only what it has was compared" in text.lower()


def test_verify_finds_counts_beyond_the_band_and_compares_only_what_both_have(tmp_path: Path) -> None:
    folder = unpacked(EARLY, tmp_path)
    found = summary_of(folder)
    same = {"a": 5, "b.text": "said", "notes[0]": "x", "schema_version": 1, "c": None}
    assert older.comparable(1, same, {**same, "later": 3}) == ["a"]
    assert set(older.comparable(SCHEMA_VERSION, same, {"later": 3})) == {*same, "later"}

    ok, text = room.verify(folder, again.run_again)
    assert not ok and "series tae, patient 0, viable_cells" in text  # the vessels of that version were others
    assert "a difference may be the versions'" in text and found["schema_version"] == 1


def test_a_scenario_this_version_cannot_run_is_named_by_its_arm(tmp_path: Path) -> None:
    folder = unpacked(LATE, tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["scenario"]["tae"]["tissue"]["gone"] = 3
    with pytest.raises(InputError, match=r"tae: cannot be run again by this version: .*gone"):
        again.run_again(manifest)


def test_the_versions_of_state_and_summary_are_part_of_equality() -> None:
    assert {"tumorsim", "state", "summary", "python", "numpy"} <= set(versions())
    assert versions()["summary"] == str(SCHEMA_VERSION)
