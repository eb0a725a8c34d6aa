"""One virtual patient: its blood before and after feeders are closed, its numbers, what it knows of vessels."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.model import TumorModel
from tumorsim.outcomes import residue
from tumorsim.patient import Patient, build_patient
from tumorsim.scenario import Scenario
from tumorsim.state import DORMANT, OPEN, State
from tumorsim.vessels.supply import perfusion_summary

SMALL: dict[str, Any] = {
    "name": "small",
    "until": "2 d",
    "seed": 7,
    "tissue": {"size": "30 mm", "tumour": {"diameter": "12 mm", "capsule": "intact", "septa": 2, "satellites": 2}},
    "vessels": {"feeders": 3, "terminals": 150},
    "parameters": {"imaging.smallest_artery": "0.1 mm"},
}


@lru_cache
def default(liver: str, number: int) -> Patient:
    """The shipped patient: 42 mm, four feeders, 2,000 terminals."""
    return build_patient(Scenario.load("untreated").replace(tissue__liver=liver), number=number)


def small(number: int = 0, **changes: Any) -> Patient:
    return build_patient(Scenario.from_dict(SMALL, **changes), number=number)


def shares(patient: Patient, state: State) -> dict[str, Any]:
    liver = (patient.anatomy.compartment == 0) & ~patient.anatomy.target
    return perfusion_summary(state.q_arterial, state.q_portal, state.q_extrahepatic, liver, patient.anatomy.tumour)


# --- blood of the default patients -----------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize(("liver", "low", "high"), [("normal", 0.20, 0.30), ("cirrhotic", 0.12, 0.22)])
def test_arterial_share_of_flow(liver: str, low: float, high: float, number: int) -> None:
    patient = default(liver, number)
    found = shares(patient, patient.new_state())
    assert low <= found["liver"]["arterial"] <= high
    assert 0.75 <= found["tumour"]["arterial"] <= 0.95
    for tissue in found.values():
        assert tissue["arterial"] + tissue["portal"] + tissue["extrahepatic"] == pytest.approx(1.0)


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("liver", ["normal", "cirrhotic"])
def test_closing_all_feeders_starves_the_tumour_and_spares_the_liver(liver: str, number: int) -> None:
    patient = default(liver, number)
    state = patient.new_state()
    before = shares(patient, state)
    state.edge_open[[feeder.edge for feeder in patient.grown.feeders]] = 0.0
    patient.solve_flow(state)
    patient.bring_blood(state)
    after = shares(patient, state)
    flow = {t: (before[t]["total_ml_min_100ml"], after[t]["total_ml_min_100ml"]) for t in before}
    arterial = [s["tumour"]["arterial"] * s["tumour"]["total_ml_min_100ml"] for s in (before, after)]
    assert arterial[1] < 0.15 * arterial[0]
    assert flow["liver"][1] > 0.70 * flow["liver"][0]
    assert flow["tumour"][1] > 0.0  # the portal vein goes on


@pytest.mark.parametrize("catheter", ["superselective", "lobar"])
def test_beads_to_stasis_do_what_closing_does(catheter: str) -> None:
    """The procedure itself on the default patient, with every feeder found."""
    case = Scenario.load("untreated").replace(
        until="1 d",
        parameters={"embolisation.missed_feeder": 0.0},
        treatments=[{"at": "0 d", "tae": {"catheter": catheter}}],
    )
    model = TumorModel(case=case)
    fixed, before = model.virtual_patient, shares(model.virtual_patient, model.state)
    model.step()
    after = shares(fixed, model.state)
    arterial = [s["tumour"]["arterial"] * s["tumour"]["total_ml_min_100ml"] for s in (before, after)]
    assert arterial[1] < 0.15 * arterial[0]
    liver = [s["liver"]["total_ml_min_100ml"] for s in (before, after)]
    assert liver[1] > 0.70 * liver[0]
    share = fixed.arterial_share(model.state)
    outside = (fixed.anatomy.compartment == 0) & ~fixed.anatomy.target
    closed_liver = float((share[outside] < 0.15).mean())
    assert closed_liver > 0.5 if catheter == "lobar" else closed_liver < 0.02


def test_a_missed_feeder_of_the_default_patient_leaves_its_compartment() -> None:
    """At 2 mm; the patient is the first that misses exactly one."""
    case = Scenario.load("untreated").replace(
        until="28 d", tissue__spacing="2 mm", parameters={"embolisation.missed_feeder": 0.2},
        treatments=[{"at": "1 d", "tae": {}}],
    )  # fmt: skip
    for number in range(10):
        model = TumorModel(case=case, patient=number)
        model.step()
        model.step()
        model.step()
        (done,), fixed = model.records.done, model.virtual_patient
        if len(done.plan.details["overlooked"]) == 1:
            break
    (name,) = done.plan.details["overlooked"]
    before = model.population.viable_of_sites()
    while model.running:
        model.step()
    reason = residue.reason_of_sites(
        fixed.lattice.n_sites, [done.treatment.attempt(done.plan, done.delivery, fixed, model.state)]
    )
    after = model.population.viable_of_sites()
    inside = fixed.sites_below(name) & fixed.anatomy.tumour
    treated = fixed.anatomy.tumour & ~inside
    assert after[inside].sum() > 0.95 * before[inside].sum()
    assert after[treated].sum() < 0.4 * before[treated].sum()
    by_reason = residue.residue_by_reason(after[inside], model.state.nadir[inside], reason[inside], True)
    assert set(by_reason) == {"missed", "regrown"} and by_reason["missed"] > 0.8 * before[inside].sum()
    assert "missed" not in residue.residue_by_reason(after[treated], model.state.nadir[treated], reason[treated], True)


# --- the same patient, and others ------------------------------------------------------------------------


def same(one: Patient, other: Patient) -> bool:
    a, b = one.grown.graph, other.grown.graph
    return (
        np.array_equal(one.anatomy.compartment, other.anatomy.compartment)
        and np.array_equal(a.node_pos, b.node_pos)
        and np.array_equal(a.radius, b.radius)
        and np.array_equal(a.conductance, b.conductance, equal_nan=True)
        and np.array_equal(one.untreated_flow, other.untreated_flow)
        and one.new_state().hash() == other.new_state().hash()
    )


def test_a_patient_is_a_function_of_seed_and_number() -> None:
    assert same(small(), small())
    assert not same(small(), small(1)) and not same(small(), small(seed=8))
    assert same(build_patient(Scenario.from_dict(SMALL), seed=8), small(seed=8))


def test_treatments_names_and_lengths_do_not_make_another_patient() -> None:
    treated = small(treatments=[{"at": "1 d", "tae": {"catheter": "lobar"}}], name="other", until="40 d", step="6 h")
    assert same(small(), treated)


def test_patients_differ_in_septa_satellites_and_trees() -> None:
    a, b = small(0), small(1)
    assert not np.array_equal(a.anatomy.compartment, b.anatomy.compartment)
    assert [s.centre for s in a.anatomy.satellites] != [s.centre for s in b.anatomy.satellites]
    assert not np.array_equal(a.graph.node_pos, b.graph.node_pos)
    assert a.anatomy.tumour.sum() == b.anatomy.tumour.sum()  # what the file says is the same for all


# --- what it knows ---------------------------------------------------------------------------------------


def test_the_new_state_is_the_untreated_one() -> None:
    patient = small()
    state = patient.new_state()
    assert np.array_equal(state.edge_flow, patient.untreated_flow)
    assert np.array_equal(state.q_arterial, patient.untreated_arterial)
    assert np.array_equal(patient.arterial_share(state)[patient.anatomy.tumour], np.ones(patient.anatomy.tumour.sum()))
    liver = (patient.anatomy.compartment == 0) & ~patient.anatomy.target
    assert patient.liver_arterial == pytest.approx(state.q_arterial[liver].mean(), rel=1e-6)
    assert not state.viable.any() and state.now == 0


def test_every_site_of_the_tumour_hangs_on_one_feeder() -> None:
    patient = small()
    below = np.array([patient.sites_below(f.name) for f in patient.grown.feeders])
    assert np.array_equal(below.sum(axis=0) == 1, patient.anatomy.tumour)
    assert np.all(patient.sites_below("proper_hepatic") == (patient.anatomy.compartment != 255))
    lobes = patient.sites_below("right") | patient.sites_below("left")
    assert not (patient.sites_below("right") & patient.sites_below("left")).any()
    assert np.array_equal(lobes, patient.sites_below("proper_hepatic"))


def test_an_angiogram_shows_what_is_wide_and_open_and_leads_to_bright_tumour() -> None:
    patient = small()
    state, visible = patient.new_state(), patient.anatomy.tumour
    seen = patient.seen_arteries(state, visible)
    assert [a.name for a in seen] == ["feeder_1", "feeder_2", "feeder_3"]
    assert sum(a.share for a in seen) == pytest.approx(1.0)
    for a in seen:
        assert np.all(patient.sites_below(f"segment_{a.segment}")[patient.sites_below(a.name)])
    state.edge_open[seen[1].edge] = 0.0
    patient.solve_flow(state)
    patient.bring_blood(state)
    assert [a.name for a in patient.seen_arteries(state, visible)] == ["feeder_1", "feeder_3"]
    only = patient.sites_below("feeder_3") & visible
    assert [a.name for a in patient.seen_arteries(state, only)] == ["feeder_3"]
    assert patient.seen_arteries(state, np.zeros_like(visible)) == ()
    narrow = small(parameters={"imaging.smallest_artery": f"{1e3 * seen[0].diameter - 1e-6} mm"})
    assert [a.name for a in narrow.seen_arteries(narrow.new_state(), visible)] == ["feeder_1"]


def test_a_box_full_of_tumour_has_an_image_too() -> None:
    """No liver outside the target: brightness is told from what such liver would get."""
    full = small(tissue__size="13 mm", tissue__tumour__diameter="11 mm", tissue__tumour__satellites=0)
    assert not ((full.anatomy.compartment == 0) & ~full.anatomy.target).any()
    assert full.liver_arterial == pytest.approx(small().liver_arterial, rel=0.01)


def test_an_imported_graph_carries_no_coarse_run_and_says_so() -> None:
    from dataclasses import replace
    from pathlib import Path

    case = Scenario.from_dict(SMALL)
    imported = replace(case, vessels=replace(case.vessels, file=Path("net.dat"), feeders=None))
    with pytest.raises(InputError, match=r"net\.dat.*tumorsim vessels"):
        build_patient(imported)


def test_a_tumour_at_the_surface_is_fed_from_outside_too() -> None:
    fed = small(tissue__tumour__place="dome", vessels__extrahepatic="phrenic")
    state = fed.new_state()
    found = shares(fed, state)
    assert found["tumour"]["extrahepatic"] > 0.1 and found["liver"]["extrahepatic"] == 0.0
    assert found["tumour"]["total_ml_min_100ml"] == pytest.approx(
        shares(small(), small().new_state())["tumour"]["total_ml_min_100ml"], rel=1e-5
    )
    (phrenic,) = fed.grown.parasites
    assert np.all(state.edge_flow[phrenic.edges] > 0.0) and np.all(state.edge_state[phrenic.edges] == OPEN)


def test_what_is_dormant_is_closed_and_named_so_before_treatment() -> None:
    patient = small(tissue__tumour__place="bare area")  # 12 mm: too small to be fed from outside yet
    state = patient.new_state()
    (phrenic,) = patient.grown.parasites
    dormant = np.concatenate([phrenic.edges, [c.edge for c in patient.grown.collaterals]])
    assert np.array_equal(np.sort(dormant), np.flatnonzero(state.edge_state == DORMANT))
    assert not state.edge_patent[dormant].any() and not state.edge_open[dormant].any()
    assert not state.edge_flow[dormant].any() and not state.q_extrahepatic.any()
    assert np.array_equal(state.edge_flow, patient.untreated_flow)


def test_a_hypovascular_tumour_gets_less_arterial_blood_by_fewer_arteries() -> None:
    by_size = {key: value for key, value in SMALL["vessels"].items() if key != "feeders"}
    hyper, hypo = (
        build_patient(Scenario.from_dict({**SMALL, "vessels": by_size}, tissue__tumour__vascularity=v))
        for v in ("hyper", "hypo")
    )
    assert len(hypo.grown.feeders) < len(hyper.grown.feeders)
    less, more = (shares(p, p.new_state())["tumour"] for p in (hypo, hyper))
    assert less["total_ml_min_100ml"] < more["total_ml_min_100ml"] and less["arterial"] < more["arterial"]


# --- a thrombus in the portal vein -----------------------------------------------------------------------


@pytest.mark.parametrize("grade", ["Vp1", "Vp3"])
def test_a_patient_with_a_thrombus(grade: str) -> None:
    patient = small(tissue__tumour__thrombus=grade)
    state, clot = patient.new_state(), patient.anatomy.thrombus
    assert clot.any() and patient.anatomy.target[clot].all()
    assert np.all(patient.sites_below("thrombus_artery") == clot)
    assert np.all(state.q_arterial[clot] > 0.0) and not state.q_portal[clot].any()
    assert patient.grown.thrombosed.size == {"Vp1": 1, "Vp3": 2}[grade]
    assert np.all(state.edge_open[patient.grown.thrombosed] == patient.parameters["vessels.thrombus_patency"])


def test_a_run_with_a_thrombus_has_cells_in_it_and_sees_it() -> None:
    from tumorsim.anatomy import ZONES
    from tumorsim.studies.observe import outcome

    model = TumorModel(case=Scenario.from_dict(SMALL, tissue__tumour__thrombus="Vp3"))
    clot = model.virtual_patient.anatomy.thrombus
    cells = model.population.viable_of_sites()
    assert cells[clot].sum() > 0.5 * model.virtual_patient.capacity * clot.sum()
    assert model.image().visible[clot].mean() > 0.5
    while model.running:
        model.step()
    found = outcome(model, int(cells.sum()), [], None)
    assert found.residue_by_zone[ZONES[0]] > 0
