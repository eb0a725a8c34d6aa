"""One hash by every road: straight, saved and loaded, forked, on two threads, in a study, with two workers, verified.

Two kinds of run: counts in liver with vessels that open again by themselves (gelatin, oil, recruitment), and single
cells of a spheroid. Cords and networks: `test_fine_patient.py`.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tumorsim import _jit
from tumorsim.model import TumorModel
from tumorsim.report.results import Results
from tumorsim.scenario import Scenario
from tumorsim.studies.again import run_again
from tumorsim.studies.compare import compare_scenarios
from tumorsim.studies.run import run_scenario
from tumorsim.studies.verify import verify

LIVER: dict[str, Any] = {
    "until": "12 d",
    "step": "12 h",
    "seed": 11,
    "tissue": {
        "size": "24 mm",
        "tumour": {"diameter": "11 mm", "capsule": "partial", "septa": 1, "satellites": 1, "place": "dome"},
    },
    "vessels": {"feeders": 2, "terminals": 100},
    "parameters": {
        "imaging.smallest_artery": "0.1 mm",
        "embolisation.missed_feeder": 0.0,
        "clocks.gelatin_half_life": "4 d",
        "clocks.collateral_growth": "2 d",
    },
}
CASES: dict[str, dict[str, Any]] = {
    "remodelling": {
        **LIVER,
        "name": "remodelling",
        "treatments": [
            {"at": "1.3 d", "tace": {"embolic": "gelatin", "oil": "0.5 mL", "drug": {"doxorubicin": "20 mg"}}},
            {"at": "7.7 d", "tae": {"beads": "60 um"}},
        ],
    },
    "spheroid": {
        "name": "spheroid", "until": "3 d", "step": "12 h", "seed": 3,
        "tissue": {"spacing": "20 um", "culture": {"medium": "100 mmHg"},
                   "tumour": {"diameter": "260 um", "doubling_time": "5 d"}},
    },
}  # fmt: skip
COUNT = "viable_cells"


@pytest.fixture(scope="module", params=list(CASES))
def case(request: pytest.FixtureRequest) -> Scenario:
    return Scenario.from_dict(CASES[request.param])


def end(model: TumorModel) -> str:
    while model.running:
        model.step()
    return model.state.hash()


@pytest.fixture(scope="module")
def straight(case: Scenario) -> list[str]:
    """Hash after every step of the run as it is, the start first."""
    model = TumorModel(case=case)
    hashes = [model.state.hash()]
    while model.running:
        model.step()
        hashes.append(model.state.hash())
    assert len(set(hashes)) == case.n_steps + 1  # every step changes something
    return hashes


@pytest.fixture
def threaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[int]]:
    """Blocks go to threads however few sites there are; the numbers of threads that were used."""
    used: set[int] = set()
    pool = _jit._pool
    monkeypatch.setattr(_jit, "SERIAL_BELOW", 50)
    monkeypatch.setattr(_jit, "_pool", lambda threads: used.add(threads) or pool(threads))
    yield used


def test_two_threads_are_one(case: Scenario, straight: list[str], threaded: set[int]) -> None:
    assert end(TumorModel(case=case, threads=2)) == straight[-1]
    assert threaded == {2}


def test_saved_at_any_step_and_forked_and_loaded_again(
    case: Scenario, straight: list[str], threaded: set[int], tmp_path: Path
) -> None:
    """One run, put into a file and taken out again at four places, with one thread and two by turns."""
    model = TumorModel(case=case)
    stops = sorted({0, 1, case.n_steps // 2, case.n_steps - 1})
    for number, stop in enumerate(stops):
        while model.clock.index < stop:
            model.step()
        model.save(tmp_path / f"{stop}.npz")
        fork = model.fork()
        model = TumorModel.load(tmp_path / f"{stop}.npz", threads=1 + number % 2)
        assert model.state.hash() == fork.state.hash() == straight[stop]
    assert end(model) == end(fork) == straight[-1]
    done = tmp_path / "end.npz"
    model.save(done)
    assert TumorModel.load(done).state.hash() == straight[-1] and not TumorModel.load(done).running


@pytest.fixture(scope="module")
def studies(case: Scenario, tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, Results]:
    """The same three patients with one worker and with two."""
    out = tmp_path_factory.mktemp(case.name)
    arms = [case]
    if case.treatments:
        arms.append(Scenario.from_dict({**CASES[case.name], "name": "untreated", "treatments": []}))
    one, two = (
        Results.open(compare_scenarios(arms, patients=3, out=out / f"{n}", workers=n, threads=3 - n)) for n in (1, 2)
    )
    return one, two


def test_workers_change_no_bit(
    case: Scenario, straight: list[str], studies: tuple[Results, Results], tmp_path: Path
) -> None:
    one, two = studies
    assert one.summary == two.summary and one.series.equals(two.series)
    runs = two.summary["runs"][case.name]
    assert runs["0"] == straight[-1] and len(set(runs.values())) == 3  # patients differ
    assert Results.open(run_scenario(case, out=tmp_path / "run")).summary["state_hash"] == straight[-1]


def test_what_two_workers_made_verifies_by_equality(studies: tuple[Results, Results]) -> None:
    _, two = studies
    same, text = verify(two.path, run_again)
    assert same and "test used: equality (same platform and versions): all well" in text, text


def test_one_cell_more_at_one_time_is_found(studies: tuple[Results, Results], tmp_path: Path) -> None:
    """In the series of one patient, with the hashes of the files set right again by whoever changed it."""
    _, two = studies
    forged = tmp_path / "forged"
    forged.mkdir()
    for path in two.path.rglob("*"):
        if path.is_file():
            target = forged / path.relative_to(two.path)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes())
    series = pd.read_parquet(forged / "series.parquet")
    row = series.index[(series["quantity"] == COUNT) & (series["patient"] == 2)][1]
    series.loc[row, "value"] += 1
    sink = io.BytesIO()
    series.to_parquet(sink, index=False)
    (forged / "series.parquet").write_bytes(sink.getvalue())
    manifest = json.loads((forged / "manifest.json").read_text())
    manifest["files"]["series.parquet"] = hashlib.sha256(sink.getvalue()).hexdigest()
    (forged / "manifest.json").write_text(json.dumps(manifest))
    assert verify(forged)[0]  # nothing but running again tells
    same, text = verify(forged, run_again)
    arm, at = series.loc[row, "arm"], series.loc[row, "time_h"]
    assert not same and "1 problem" in text and f"series {arm}, patient 2, {COUNT} at {at} h" in text
