"""A run in one file: everything it needs to go on, and clear words where the file is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.model import TumorModel
from tumorsim.saving import read
from tumorsim.scenario import Scenario
from tumorsim.state import State

SMALL: dict[str, Any] = {
    "name": "a run: with 'quotes'",
    "until": "6 d",
    "seed": 7,
    "notes": "two\nlines",
    "tissue": {"size": "26 mm", "tumour": {"diameter": "10 mm", "doubling_time": "33.3 d"}},
    "vessels": {"feeders": 2, "terminals": 100},
    "parameters": {"imaging.smallest_artery": "0.1 mm", "clocks.tau_mix": "1.1 d"},
    "treatments": [{"at": "1 d", "tae": {"beads": {"size": "40 um", "spread": "7 um"}}, "id": "one"}],
}


@pytest.fixture(scope="module")
def half() -> TumorModel:
    """Patient 3 with a seed of its own, two days in."""
    model = TumorModel(case=Scenario.from_dict(SMALL), patient=3, seed=99)
    while model.now < 2 * 86_400:
        model.step()
    return model


def end(model: TumorModel) -> TumorModel:
    while model.running:
        model.step()
    return model


def test_all_that_a_run_is_comes_back(half: TumorModel, tmp_path: Path) -> None:
    file = tmp_path / "run.npz"
    half.save(file)
    saved = read(file)
    assert saved.scenario == half.case and (saved.patient, saved.seed) == (3, 99)
    assert saved.p_birth == half.population.p_birth and saved.next_event == 1
    back = TumorModel.load(file)
    assert back.virtual_patient.seed == 99 and back.virtual_patient.number == 3
    assert back.records.viable == half.records.viable and back.records.totals == half.records.totals
    assert [d.to_plain() for d in back.records.done] == [d.to_plain() for d in half.records.done]
    assert back.records.done[0].event == half.records.done[0].event
    assert (back.now, back.steps, back.running) == (half.now, half.steps, True)
    assert end(back).state.hash() == end(half.fork()).state.hash()


def test_a_loaded_run_can_be_saved_and_forked_again(half: TumorModel, tmp_path: Path) -> None:
    half.save(tmp_path / "a.npz")
    once = TumorModel.load(tmp_path / "a.npz")
    once.step()
    once.save(tmp_path / "b.npz")
    twice = TumorModel.load(tmp_path / "b.npz", threads=2)
    whole = end(half.fork())
    assert end(twice).state.hash() == end(once.fork()).state.hash() == whole.state.hash()
    assert twice.records.viable == whole.records.viable


def test_a_finished_run_stays_finished(half: TumorModel, tmp_path: Path) -> None:
    done = end(half.fork())
    done.save(tmp_path / "end.npz")
    back = TumorModel.load(tmp_path / "end.npz")
    assert not back.running and back.state.hash() == done.state.hash()
    back.step()
    assert back.state.hash() == done.state.hash()


def test_a_users_own_rule_is_given_again(tmp_path: Path) -> None:
    def rule(quiescent, hypoxic, share_hypoxic, dt, p_birth, tau_mix, tau_phase, growth_fraction):  # type: ignore[no-untyped-def]
        return 0.001, 0.0, 0.0

    model = TumorModel(case=Scenario.from_dict(SMALL), rule=rule)
    model.save(tmp_path / "own.npz")
    back = TumorModel.load(tmp_path / "own.npz", rule=rule)
    assert back.rule is rule and back.population.rule is rule and back.fork().population.rule is rule
    assert TumorModel.load(tmp_path / "own.npz").rule is None  # code is not saved


def test_a_file_holds_no_pickle_and_is_whole_or_not_there(half: TumorModel, tmp_path: Path) -> None:
    file = tmp_path / "run.npz"
    half.save(file)
    with np.load(file, allow_pickle=False) as arrays:
        plain = json.loads(bytes(arrays["records"].tobytes()))
    assert {"scenario", "patient", "seed", "p_birth", "done", "viable"} <= set(plain)
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]


def test_what_is_no_saved_run_is_refused(half: TumorModel, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        TumorModel.load(tmp_path / "none.npz")
    text = tmp_path / "text.npz"
    text.write_text("not a run")
    with pytest.raises(InputError, match=r"text\.npz: not a saved"):
        TumorModel.load(text)
    whole = tmp_path / "run.npz"
    half.save(whole)
    cut = tmp_path / "cut.npz"
    cut.write_bytes(whole.read_bytes()[: len(whole.read_bytes()) // 2])
    with pytest.raises(InputError, match=r"cut\.npz: not a saved"):
        TumorModel.load(cut)
    bare = tmp_path / "bare.npz"  # a state without a run
    half.state.save(bare)
    with pytest.raises(InputError, match="not a saved run"):
        TumorModel.load(bare)
    for records in ("[]", "{}", '{"scenario": 3}', '{"scenario": "a: [b"}', '{"scenario": "[]"}'):
        half.state.save(bare, records=records)
        with pytest.raises(InputError):
            TumorModel.load(bare)


def test_a_state_that_does_not_fit_its_scenario_is_refused(half: TumorModel, tmp_path: Path) -> None:
    half.save(tmp_path / "run.npz")
    records = State.load_records(tmp_path / "run.npz")
    other = TumorModel(case=Scenario.from_dict(SMALL, tissue__size="24 mm"))
    other.state.save(tmp_path / "mixed.npz", records=records)
    with pytest.raises(InputError, match="do not fit"):
        TumorModel.load(tmp_path / "mixed.npz")
