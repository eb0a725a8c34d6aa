"""Vessels of a run: they open again, are recruited, answer a loss of portal blood; saved, forked and threaded alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tumorsim.model import TumorModel
from tumorsim.scenario import Scenario
from tumorsim.state import DORMANT, EMBOLISED, OPEN, THROMBOSED

DAY = 86_400
CASE: dict[str, Any] = {
    "name": "vessels",
    "until": "60 d",
    "step": "1 d",
    "seed": 7,
    "tissue": {
        "size": "40 mm",
        "spacing": "2 mm",
        "tumour": {"diameter": "22 mm", "doubling_time": "140 d"},
    },
    "vessels": {"feeders": 3, "terminals": 200},
    "parameters": {"imaging.smallest_artery": "0.1 mm", "embolisation.missed_feeder": 0.0},
}
GELATIN = {"at": "1 d", "tae": {"catheter": "superselective", "embolic": "gelatin"}}


def model(treatments: list[dict[str, Any]], *, threads: int = 1, **changes: Any) -> TumorModel:
    case = Scenario.from_dict({**CASE, "treatments": treatments}, **changes)
    return TumorModel(case=case, threads=threads)


def to(run: TumorModel, day: float) -> TumorModel:
    while run.running and run.now < day * DAY:
        run.step()
    return run


def tumour_flow(run: TumorModel) -> float:
    return float(run.state.q_arterial[run.virtual_patient.anatomy.tumour].sum())


def reasons(run: TumorModel) -> dict[str, int]:
    from tumorsim.studies.observe import outcome

    return outcome(run, run.records.in_target[0], [], None).residue_by_reason


def test_gelatin_dissolves_and_a_second_session_closes_what_has_opened() -> None:
    run = model([GELATIN, {**GELATIN, "at": "40 d"}])
    before = tumour_flow(run)
    to(run, 2)
    closed = tumour_flow(run)
    assert closed < 0.15 * before
    assert np.any(run.state.edge_state == EMBOLISED)
    found = reasons(run)
    assert max(found, key=lambda name: found[name]) == "other supply"
    to(run, 40)
    again = tumour_flow(run)
    assert again > 0.5 * before > 3 * closed
    assert run.state.edge_gelatin.max() < 1.0
    found = reasons(run)
    assert max(found, key=lambda name: found[name]) in ("low dose", "regrown")
    to(run, 41)
    second = run.records.done[1]
    assert second.delivery.changed, second.delivery.notes
    assert tumour_flow(run) < 0.5 * again


def test_beads_stay() -> None:
    still = {"clocks.collateral_growth": "1e6 d"}
    run = model([{"at": "1 d", "tae": {"beads": "100 um"}}], parameters={**CASE["parameters"], **still})
    to(run, 2)
    solid = run.state.edge_solid.copy()
    closed = tumour_flow(run)
    to(run, 40)
    assert np.array_equal(run.state.edge_solid, solid)
    assert tumour_flow(run) == pytest.approx(closed, rel=1e-3)


def test_hypoxia_recruits_a_parasite_and_collaterals_at_their_clock() -> None:
    """A tumour at the dome whose phrenic artery was not there at first: it comes after the feeders are closed."""
    fast = {"clocks.collateral_growth": "2 d"}
    for_ever = {"clocks.collateral_growth": "1e6 d"}
    changes = {"tissue__tumour__place": "dome", "until": "30 d"}
    flows = []
    for clock in (fast, for_ever):
        run = model([{"at": "1 d", "tae": {"beads": "100 um"}}], parameters={**CASE["parameters"], **clock}, **changes)
        (parasite,) = run.virtual_patient.grown.parasites
        assert not parasite.recruited
        assert np.all(run.state.edge_state[parasite.edges] == DORMANT)
        assert run.state.q_extrahepatic.max() == 0.0
        collaterals = [c.edge for c in run.virtual_patient.grown.collaterals]
        to(run, 30)
        assert run.state.vegf.max() > 0.5
        flows.append((float(run.state.q_extrahepatic.sum()), float(run.state.edge_flow[collaterals].sum())))
        if clock is fast:
            assert np.all(run.state.edge_state[parasite.edges] == OPEN)
            assert run.state.edge_patent[parasite.edges].min() > 0.1
    (phrenic, collateral), (none, hardly) = flows
    assert phrenic > 1e6 * none
    assert collateral > 100.0 * hardly


def test_a_thrombus_takes_portal_blood_and_arteries_widen() -> None:
    plain, clot = (model([], tissue__tumour__thrombus=grade) for grade in ("none", "Vp3"))
    assert np.all(plain.state.edge_tone == 1.0)
    assert clot.state.edge_tone.max() > 1.2
    assert np.all(clot.state.edge_state[clot.virtual_patient.grown.thrombosed] == THROMBOSED)
    liver = plain.virtual_patient.anatomy.compartment == 0
    liver &= clot.virtual_patient.anatomy.compartment == 0
    portal = [float(m.state.q_portal[liver].sum()) for m in (plain, clot)]
    arterial = [float(m.state.q_arterial[liver].sum()) for m in (plain, clot)]
    assert portal[1] < 0.8 * portal[0]
    assert 1.0 < arterial[1] / arterial[0] <= 2.0 + 1e-6
    assert clot.virtual_patient.arterial_share(clot.state) == pytest.approx(1.0, abs=1e-6)  # untreated as it is


@pytest.mark.parametrize("day", [1, 9, 25])
def test_a_run_saved_while_vessels_change_goes_on_bit_for_bit(day: int, tmp_path: Path) -> None:
    treatments = [{"at": "1 d", "tae": {"embolic": "gelatin", "oil": "1 mL"}}]
    straight = to(model(treatments, tissue__tumour__place="dome"), 40)
    run = to(model(treatments, tissue__tumour__place="dome"), day)
    run.save(tmp_path / "run.npz")
    loaded = to(TumorModel.load(tmp_path / "run.npz", threads=2), 40)
    forked = to(run.fork(), 40)
    assert loaded.state.hash() == forked.state.hash() == straight.state.hash()


def test_what_changes_little_leaves_the_flow_as_it_is() -> None:
    """The blood is led anew only when a vessel has changed by more than the set share; never in between."""
    run = to(model([GELATIN], parameters={**CASE["parameters"], "remodelling.update_share": 0.1}), 2)
    led = []
    lead = run.circulation.lead
    run.circulation.lead = lambda state: (led.append(run.now), lead(state))[1]  # type: ignore[method-assign]
    flow = run.state.edge_flow.copy()
    while not led:
        assert np.array_equal(run.state.edge_flow, flow)
        run.step()
    to(run, 30)
    assert 3 < len(led) < 29
    limit = run.virtual_patient.parameters["remodelling.update_share"]
    assert run.virtual_patient.remodelling.update_share == limit


def test_hypoxia_of_the_untreated_tumour_is_the_baseline_of_vegf() -> None:
    run = model([])
    assert np.array_equal(run.state.vegf, np.ones(len(run.state.vegf)))
    assert run.state.untreated_hypoxia.max() > 0.0
    run.step()
    assert np.abs(run.state.vegf - 1.0).max() < 0.1


def test_a_thrombus_does_not_hide_the_tumour_from_the_eye() -> None:
    """Liver with a thrombus is brighter by its arteries; the tumour is compared with liver that is not."""
    plain, clot = (model([], tissue__liver="normal", tissue__tumour__thrombus=grade) for grade in ("none", "Vp2"))
    assert clot.virtual_patient.liver_arterial == pytest.approx(plain.virtual_patient.liver_arterial, rel=0.05)
    assert clot.image().volume > 0.8 * plain.image().volume > 0.0
