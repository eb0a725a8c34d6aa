"""Runs saved by earlier versions open, say what was filled in, go on, and are refused where something is not known.

The files in `data/saved` were written by the earlier programs themselves.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tumorsim import migration
from tumorsim.errors import InputError
from tumorsim.migration import Old, OlderVersion, migrate
from tumorsim.model import TumorModel
from tumorsim.saving import read
from tumorsim.state import ARRAYS, CAUSES, SCHEMA_VERSION, State

SAVED = Path(__file__).parent / "data" / "saved"
BEFORE = ("ischaemia", "starvation", "turnover")  # causes that every state of version 1 and 2 had


def stored(name: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, np.ndarray]]:
    """Head, records and arrays of a file, read without the program."""
    with np.load(SAVED / f"{name}.npz", allow_pickle=False) as file:
        head, records = (json.loads(file[key].tobytes()) for key in ("header", "records"))
        return head, records, {k: file[k] for k in file.files if k not in ("header", "records")}


def old(name: str, **changes: Any) -> Old:
    head, records, arrays = stored(name)
    parts = {"arrays": arrays, "records": records, **changes}
    return Old(head["tumorsim_state"], head["sizes"], tuple(head["causes"]), **parts)


def rewrite(name: str, to: Path, version: int | None = None, **changes: Any) -> Path:
    """A file as the older program would have written it, with other arrays (None: left out)."""
    head, records, arrays = stored(name)
    head["tumorsim_state"] = head["tumorsim_state"] if version is None else version
    arrays = {k: v for k, v in {**arrays, **changes}.items() if v is not None}
    text = {k: np.frombuffer(json.dumps(v).encode(), np.uint8) for k, v in (("header", head), ("records", records))}
    np.savez(to, **text, **arrays)
    return to


def test_there_is_a_step_from_every_version_before_this_one() -> None:
    assert list(migration.STEPS) == list(range(1, SCHEMA_VERSION))


@pytest.mark.parametrize("name", ["run_2_untreated", "run_2_gelatin", "run_2_spheroid"])
def test_version_2_opens_with_what_it_held_and_neutral_values_for_the_rest(name: str) -> None:
    head, _, arrays = stored(name)
    assert head["tumorsim_state"] == 2 and tuple(head["causes"]) == BEFORE
    with pytest.warns(OlderVersion, match="version 2 opened.*need not equal") as told:
        state = State.load(SAVED / f"{name}.npz")
    assert len(told) == 1 and "\n" not in str(told[0].message)
    assert state.causes == CAUSES
    deaths = arrays.pop("deaths")
    assert np.array_equal(state.deaths[:, :3], deaths) and not state.deaths[:, 3].any()
    for key, array in arrays.items():
        assert np.array_equal(getattr(state, key), array), key
    assert np.all(state.volume == 1.0) and state.frailty.shape[2] == 0 and np.isnan(state.reserve).all()
    if not state.sizes.one_cell:
        assert not state.peak.any() and not state.doomed.any()


@pytest.mark.parametrize("name", ["run_2_untreated", "run_2_gelatin", "run_2_spheroid"])
def test_version_2_goes_on_and_is_saved_as_this_version(name: str, tmp_path: Path) -> None:
    _, records, _ = stored(name)
    with pytest.warns(OlderVersion):
        model = TumorModel.load(SAVED / f"{name}.npz")
    assert model.records.viable == records["viable"] and len(model.records.done) == len(records["done"])
    for totals, before in zip(model.records.totals, records["totals"], strict=True):
        assert totals.deaths == (*before["deaths"][:3], 0, *before["deaths"][3:])
    untreated = model.virtual_patient.new_state()
    model.bedside.begin(untreated)
    assert np.array_equal(model.state.reserve, untreated.reserve) and np.isfinite(model.state.reserve).all()
    assert model.state.frailty.shape == untreated.frailty.shape and model.state.sizes == untreated.sizes
    (note,) = model.records.notes
    assert "version 2" in note and "need not equal" in note

    model.save(tmp_path / "now.npz")
    with np.load(tmp_path / "now.npz") as file:
        assert json.loads(file["header"].tobytes())["tumorsim_state"] == SCHEMA_VERSION
    again = TumorModel.load(tmp_path / "now.npz")
    assert again.state.hash() == model.state.hash() and again.records.notes == [note]
    while model.running:
        model.step()
        again.step()
    assert again.state.hash() == model.state.hash() == model.fork().state.hash()
    assert model.records.viable[-1] > 0 and model.fork().records.notes == [note]


def test_version_3_opens_without_organs_and_keeps_what_it_knew(tmp_path: Path) -> None:
    head, records, arrays = stored("run_3_treated")
    assert head["tumorsim_state"] == 3 and tuple(head["causes"]) == CAUSES
    with pytest.warns(OlderVersion, match="version 3 opened: no organ"):
        model = TumorModel.load(SAVED / "run_3_treated.npz")
    for key, array in arrays.items():
        assert np.array_equal(getattr(model.state, key), array), key
    assert np.isfinite(model.state.reserve).all() and model.state.reserve[2] > 0.0  # its own, not a fresh patient's
    assert not model.state.fluid.any() and model.state.wall_dose.shape == (0, 3)
    assert model.records.viable == records["viable"]
    model.save(tmp_path / "now.npz")
    again = TumorModel.load(tmp_path / "now.npz")
    while model.running:
        model.step()
        again.step()
    assert again.state.hash() == model.state.hash() and model.records.viable[-1] > 0


def test_version_4_opens_without_implants_and_keeps_its_heat(tmp_path: Path) -> None:
    head, records, arrays = stored("run_4_heated")
    assert head["tumorsim_state"] == 4 and head["causes"] == [*CAUSES, "heat"]
    with pytest.warns(OlderVersion, match="version 4 opened: no radiation"):
        model = TumorModel.load(SAVED / "run_4_heated.npz")
    for key, array in arrays.items():
        assert np.array_equal(getattr(model.state, key), array), key
    assert model.state.heat_damage.max() > 1.0 and model.state.sizes.implants == model.state.sizes.heatings == 0
    assert model.state.implant_rate.shape == (0, model.state.sizes.sites)
    assert model.records.viable == records["viable"]
    model.save(tmp_path / "now.npz")
    again = TumorModel.load(tmp_path / "now.npz")
    while model.running:
        model.step()
        again.step()
    assert again.state.hash() == model.state.hash() and model.records.viable[-1] > 0


@pytest.mark.filterwarnings("error")
def test_a_run_of_this_version_opens_without_a_word(tmp_path: Path) -> None:
    with pytest.warns(OlderVersion):
        model = TumorModel.load(SAVED / "run_2_spheroid.npz")
    model.records.notes.clear()
    model.save(tmp_path / "now.npz")
    assert TumorModel.load(tmp_path / "now.npz").records.notes == []


def test_version_1_opens_for_reading_and_says_why_it_cannot_go_on() -> None:
    _, _, arrays = stored("run_1_treated")
    with pytest.warns(OlderVersion, match=r"version 1 opened.*version 2 opened"):
        state = State.load(SAVED / "run_1_treated.npz")
    assert np.array_equal(state.viable, arrays["viable"]) and np.array_equal(state.deaths[:, :3], arrays["deaths"])
    # only beads closed a vessel: what is open and what is closed add up to the whole
    assert np.array_equal(state.edge_open, arrays["edge_open"])
    assert np.array_equal(state.edge_solid, 1.0 - arrays["edge_open"]) and state.edge_solid.max() > 0.0
    assert np.all(state.edge_solid[state.edge_beads == 0] == 0.0)
    assert np.all(state.edge_patent == 1.0) and np.all(state.edge_tone == 1.0) and np.all(state.vegf == 1.0)
    assert not state.edge_gelatin.any() and not state.edge_oil.any() and not state.edge_payload.any()
    assert np.isnan(state.untreated_hypoxia).all()  # not known, and said so
    with pytest.raises(InputError, match=r"run_1_treated\.npz: a run saved by version 1.*cannot go on"):
        TumorModel.load(SAVED / "run_1_treated.npz")
    assert read(SAVED / "run_1_treated.npz").scenario.name == "old"  # it can be run again


def test_a_drug_whose_vessels_were_not_written_is_refused() -> None:
    for load in (State.load, TumorModel.load):
        with pytest.raises(InputError, match=r"run_1_drug\.npz: .*after doxorubicin was given"):
            load(SAVED / "run_1_drug.npz")
    with pytest.raises(InputError, match="no records"):
        migrate(old("run_1_treated", records=None), 2)
    _, records, arrays = stored("run_1_drug")
    nothing = [{**done, "changed": False} for done in records["done"]]
    assert migrate(old("run_1_drug", records={**records, "done": nothing}), 2).version == 2
    empty = {**arrays, "edge_beads": np.zeros_like(arrays["edge_beads"])}
    assert migrate(old("run_1_drug", arrays=empty, records=None), 2).version == 2


def test_what_a_version_should_hold_and_does_not_is_refused(tmp_path: Path) -> None:
    """Such files were written between releases, with the number of version 2."""
    file = rewrite("run_2_untreated", tmp_path / "early.npz", untreated_hypoxia=None)
    with pytest.raises(InputError, match=r"early\.npz: state of version 2 without untreated_hypoxia"):
        State.load(file)
    file = rewrite("run_2_untreated", tmp_path / "cut.npz", edge_oil=None)
    with pytest.raises(InputError, match="damaged"):
        State.load(file)


def test_a_newer_version_is_refused_in_words(tmp_path: Path) -> None:
    file = rewrite("run_2_untreated", tmp_path / "new.npz", version=SCHEMA_VERSION + 1)
    for load in (State.load, TumorModel.load):
        with pytest.raises(InputError, match=rf"new\.npz: state of version {SCHEMA_VERSION + 1}.*newer program"):
            load(file)


def test_vessels_of_the_same_number_with_other_blood_are_refused(tmp_path: Path) -> None:
    """Trees that a later program grows otherwise: nothing but the flow would tell."""
    _, _, arrays = stored("run_2_untreated")
    file = rewrite("run_2_untreated", tmp_path / "other.npz", edge_flow=arrays["edge_flow"][::-1].copy())
    with pytest.warns(OlderVersion), pytest.raises(InputError, match=r"do not fit.*carry other blood"):
        TumorModel.load(file)


def test_a_cause_of_a_treatment_keeps_its_deaths_behind_the_new_one() -> None:
    before = old("run_2_untreated")
    deaths = np.column_stack([before.arrays["deaths"], np.arange(len(before.arrays["deaths"]))]).astype("<i4")
    wide = Old(2, before.sizes, (*BEFORE, "heat"), {**before.arrays, "deaths": deaths})
    now = migrate(wide, 3)
    assert now.causes == (*BEFORE, "lineage extinction", "heat")
    assert np.array_equal(now.arrays["deaths"][:, [0, 1, 2, 4]], deaths) and not now.arrays["deaths"][:, 3].any()
    assert now.arrays["deaths"].dtype == np.dtype("<i4")


def test_a_state_of_this_version_is_handed_on_as_it_is() -> None:
    now = Old(SCHEMA_VERSION, {}, (), {})
    assert migrate(now, SCHEMA_VERSION) is now
    steps = migrate(old("run_1_treated"), 3)
    assert len(steps.notes) == 2 and steps.records is not None and steps.records["saved_by_state_version"] == 1


def test_the_steps_fill_what_the_table_asks_for() -> None:
    """A step is history, but what the last one makes must be a state of this version."""
    for name, form in (("run_2_untreated", "many"), ("run_2_spheroid", "one")):
        now = migrate(old(name), SCHEMA_VERSION)
        due = {spec.name for spec in ARRAYS if spec.form in ("both", form)}
        assert set(now.arrays) | set(now.as_at_start) | set(now.unknown) == due
        assert not set(now.arrays) & {*now.as_at_start, *now.unknown}
