"""Seeds as a treatment: planned by images, put in with error, handed to the state, and asked why cells lived."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tumorsim.log import treatment_of
from tumorsim.model import TumorModel
from tumorsim.outcomes.imaging import Image
from tumorsim.scenario import Scenario
from tumorsim.state import LIVER
from tumorsim.studies.observe import schedule_item
from tumorsim.treatments.seeds.implant import SeedImplant

DAY = 86_400
MM = 1e-3
BASE: dict[str, Any] = {
    "name": "s",
    "until": "20 d",
    "step": "12 h",
    "seed": 5,
    "tissue": {"size": "50 mm", "spacing": "2 mm", "tumour": {"diameter": "16 mm", "satellites": 2}},
    "vessels": {"feeders": 2, "terminals": 150},
}
# seeds lie where they are meant to
SURE = {
    **dict.fromkeys(("planning.aim_error", "planning.depth_error", "planning.breathing"), "0 mm"),
    **dict.fromkeys(("seeds.migration", "imaging.registration_error"), "0 mm"),
    "planning.tilt_error": "0 deg",
    "seeds.loss": 0,
}


def case(*, parameters: dict[str, Any] | None = None, tissue: dict[str, Any] | None = None, **keys: Any) -> Scenario:
    changed = {**BASE, "tissue": {**BASE["tissue"], **(tissue or {})}, "parameters": parameters or {}}
    return Scenario.from_dict({**changed, "treatments": [{"at": "1 d", "seeds": keys}]})


@pytest.fixture(scope="module")
def model() -> TumorModel:
    return TumorModel(case=case())


def made(**keys: Any) -> SeedImplant:
    treatment = treatment_of(case(**keys).treatments[0])
    assert isinstance(treatment, SeedImplant)
    return treatment


def given(scenario: Scenario, patient: int = 0) -> tuple[TumorModel, Any]:
    """A model just after its seeds, and what was done."""
    run = TumorModel(case=scenario, patient=patient)
    while not run.records.done:
        run.step()
    return run, run.records.done[0]


def places(plan: Any) -> np.ndarray:
    return np.array([place for track in plan.details["tracks"] for place in track["places"]])


# --- plan ------------------------------------------------------------------------------------------------


def test_rules_lay_the_same_seeds_otherwise(model: TumorModel) -> None:
    image = model.image()
    depth = {}
    for rule in ("quimby", "paterson-parker", "paris"):
        plan = made(rule=rule, number=16).plan(image, patient=model.virtual_patient)
        at = places(plan)
        assert plan.prescribed["rule"] == rule and plan.prescribed["seeds"] == 16
        assert len(at) + sum(plan.details["left_out"].values()) == 16
        depth[rule] = np.linalg.norm(at - at.mean(axis=0), axis=1).mean()
        assert ("reference_gy" in plan.details) == (rule == "paris")
        assert plan.details["dosimetry"]["target"]["v100"] > 0.7
    assert depth["paterson-parker"] > depth["quimby"]


def test_how_many_follows_what_is_asked(model: TumorModel) -> None:
    image, patient = model.image(), model.virtual_patient
    plans = {
        key: made(**{key: value}, freehand=True).plan(image, patient=patient)
        for key, value in (("prescription", "120 Gy"), ("spacing", "8 mm"), ("number", 6), ("nomograph", "cevc"))
    }
    assert plans["number"].prescribed["seeds"] == 6
    assert plans["prescription"].details["dosimetry"]["target"]["d90_gy"] >= 119.0
    less = made(prescription="60 Gy", freehand=True).plan(image, patient=patient)
    assert len(places(less)) < len(places(plans["prescription"]))
    # 5 mCi a cm of the goal's mean diameter, in seeds of 0.6 mCi
    assert plans["nomograph"].prescribed["seeds"] == pytest.approx(5 * 2.6 / 0.6, abs=2)
    strong = made(activity="1.2 mCi", nomograph="cevc").plan(image, patient=patient)
    assert strong.prescribed["seeds"] == pytest.approx(plans["nomograph"].prescribed["seeds"] / 2, abs=1)
    apart = places(plans["spacing"])
    near = np.linalg.norm(apart[:, None] - apart[None], axis=2) + np.eye(len(apart))
    assert near.min() >= 5 * MM - 1e-9


def test_a_plan_is_made_of_images_alone() -> None:
    run = TumorModel(case=case())
    state, fixed = run.state, run.virtual_patient
    seen = run.image().visible
    hidden = np.flatnonzero((state.compartment > LIVER) & (state.compartment < 255) & ~seen)
    assert len(hidden) > 3

    def told() -> list[Any]:
        found = []
        for keys in ({"number": 8}, {"rule": "paris", "prescription": "120 Gy"}, {"where": "ring"}, {"plan": "same"}):
            plan = made(**keys).plan(run.image(), patient=fixed, baseline=run.untreated_image())
            found.append((None if plan.sites is None else plan.sites.tobytes(), dict(plan.prescribed), plan.details))
        return found

    before = told()
    state.viable[hidden] = state.viable[hidden][::-1] // 3
    state.deaths[hidden] = 7
    assert told() == before
    state.viable[seen] //= 20  # what is seen does change it
    assert told()[0] != before[0] and told()[3] == before[3]
    assert told()[0][2]["why"] == "the image shows nothing to treat"


def ball(model: TumorModel, radius: float, centre: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    away = model.virtual_patient.lattice.centres() - np.array(centre) * MM
    return np.asarray(np.linalg.norm(away, axis=1) <= radius * MM)


def after_ablation(model: TumorModel, zone: np.ndarray, visible: np.ndarray) -> Image:
    """An image of the day on which a zone is dark and something enhances."""
    return replace(model.image(), dark=zone, visible=visible, volume=1e-9 * float(visible.sum()))


def test_residue_and_ring_after_an_ablation(model: TumorModel) -> None:
    patient, baseline = model.virtual_patient, model.image()
    outline = baseline.visible
    nothing = np.zeros(len(outline), dtype=bool)
    zone = ball(model, 12, (-4, 0, 0))  # its margin is short on the +x side

    def plan(where: str, image: Image) -> Any:
        treatment = made(where=where, freehand=True)
        assert treatment.reads_baseline
        return treatment, treatment.plan(image, patient=patient, baseline=baseline)

    rim, least = plan("residue", after_ablation(model, zone, nothing))
    assert rim.goal is not None and not (rim.goal.sites & zone).any()
    assert rim.goal.sites[patient.lattice.locate(places(least))].all()
    assert places(least)[:, 0].min() > -4 * MM  # on the side where it is due alone
    ring, whole = plan("ring", after_ablation(model, zone, nothing))
    assert ring.goal is not None and ring.goal.sites.sum() > 2 * rim.goal.sites.sum()
    assert not (ring.goal.sites & zone).any()
    assert places(whole)[:, 0].min() < -10 * MM < 5 * MM < places(whole)[:, 0].max()
    # what enhances within the zone is residue too
    inside = ball(model, 4, (-6, 0, 0))
    found = plan("residue", after_ablation(model, zone & ~inside, inside))[0].goal
    assert (found.sites & inside).sum() == (inside & (ball(model, 14.5))).sum()
    # nothing to do, and nothing to do it by
    _, none = plan("residue", after_ablation(model, ball(model, 20), nothing))
    assert "nothing enhances" in none.details["why"] and none.sites is None
    assert (
        plan("ring", after_ablation(model, nothing, nothing))[1].details["why"].startswith("the image shows no treated")
    )


def test_what_heat_has_coagulated_is_the_zone_of_the_image() -> None:
    run = TumorModel(case=case(where="residue"))
    before = run.image()
    zone = ball(run, 12, (-4, 0, 0))
    run.state.coagulated[zone] = 1.0
    run.virtual_patient.bring_blood(run.state)
    image = run.image()
    assert before.dark is not None and not before.dark.any()
    assert image.dark is not None and np.array_equal(image.dark, zone)
    treatment = made(where="residue", freehand=True)
    plan = treatment.plan(image, patient=run.virtual_patient, baseline=before)
    assert treatment.goal is not None and not (treatment.goal.sites & zone & ~image.visible).any()
    assert len(places(plan)) > 2 and plan.details["dosimetry"]["target"]["d90_gy"] > 40.0


def test_a_strand_lies_in_the_thrombosed_vein() -> None:
    tissue = {"tumour": {"diameter": "16 mm", "thrombus": "Vp2"}}
    run = TumorModel(case=case(tissue=tissue, where="thrombus"))
    treatment = treatment_of(run.case.treatments[0])
    plan = treatment.plan(run.image(), patient=run.virtual_patient)
    vein = run.virtual_patient.anatomy.vein
    assert vein is not None and plan.prescribed["rule"] == "strand" and len(places(plan)) >= 2
    way = np.array(vein.end) - np.array(vein.start)
    away = places(plan) - np.array(vein.start)
    assert np.linalg.norm(np.cross(away, way / np.linalg.norm(way)), axis=1).max() < 1e-6
    assert np.diff(np.sort(away @ way / np.linalg.norm(way))) == pytest.approx(5 * MM)
    done = given(run.case)[1]
    assert done.delivery.delivered["strands"] == 1 and done.delivery.delivered["needles"] == 0
    assert done.delivery.burden["punctures"] == 1.0 and done.delivery.delivered["seeds_lost"] == 0
    plain = TumorModel(case=case(where="thrombus"))
    none = made(where="thrombus").plan(plain.image(), patient=plain.virtual_patient)
    assert none.details["why"] == "the image shows no thrombus in the portal vein"


# --- delivery --------------------------------------------------------------------------------------------


def test_without_error_the_dose_is_that_of_the_plan() -> None:
    rows = [{"at": ["0 mm", "0 mm", "0 mm"]}, {"at": ["6 mm", "0 mm", "0 mm"], "activity": "1.2 mCi"}]
    run, done = given(case(parameters=SURE, seeds=rows))
    told = done.delivery.delivered
    assert told["planned"] == told["real"] and told["seeds"] == told["needles"] == 2
    assert told["activity_mci"] == pytest.approx(1.8) and told["strength_u"] == pytest.approx(1.8 * 1.27)
    assert np.array(told["implant"])[:, :3] == pytest.approx(np.array([[0, 0, 0], [6, 0, 0]]) * MM)
    assert schedule_item(done)["status"] == "delivered"
    state = run.state
    assert state.implant_at.tolist() == [DAY] and state.implant_rate.shape == (1, state.sizes.sites)
    assert state.implant_decay[0] == pytest.approx(np.log(2) / (59.4 * DAY))
    # far away both are a point of 1.8 mCi: 0.965 cGy/h/U at 1 cm, falling with the square and g
    site = run.virtual_patient.lattice.locate(np.array([3.0, 21.0, 1.0]) * MM)
    r = np.linalg.norm(run.virtual_patient.lattice.centres()[site] - np.array([4, 0, 0]) * MM) * 100
    due = 1.8 * 1.27 * 0.965 / r**2 * np.exp(np.interp(r, [2, 2.5], np.log([0.814, 0.707]))) / 100 / 3600
    assert state.implant_rate[0, site] == pytest.approx(due, rel=0.05)


def test_the_patient_and_the_treatment_s_name_decide_where_seeds_come_to_lie() -> None:
    scenario = case(number=8)
    one, again, other = given(scenario)[1], given(scenario)[1], given(scenario, patient=3)[1]
    assert replace(one.delivery, received=None) == replace(again.delivery, received=None)
    assert np.array_equal(one.delivery.received, again.delivery.received)
    assert one.delivery.delivered["implant"] != other.delivery.delivered["implant"]
    later = scenario.replace(treatments=[{"at": "3 d", "seeds": {"number": 8}}])
    moved = np.array(given(later)[1].delivery.delivered["implant"])[:, :3] - places(given(later)[1].plan)
    first = np.array(one.delivery.delivered["implant"])[:, :3] - places(one.plan)
    assert np.ptp(np.linalg.norm(first, axis=1)) > 1e-4
    if places(one.plan).shape == places(given(later)[1].plan).shape:
        assert moved == pytest.approx(first, abs=1e-12)


def test_what_is_left_out_or_lost_is_delivered_partly() -> None:
    run, done = given(case(number=60, parameters={"seeds.loss": 0.2}))
    item = schedule_item(done)
    told = item["delivered"]
    assert told["seeds_lost"] > 0 and sum(told["seeds_left_out"].values()) > 0
    assert told["seeds"] == told["seeds_planned"] - told["seeds_lost"] == len(told["implant"])
    assert told["seeds_planned"] + sum(told["seeds_left_out"].values()) == 60
    assert item["status"] == "partly delivered" and " left out (" in item["reason"]
    assert f"{told['seeds_lost']} of {told['seeds_planned']} lost" in item["reason"]
    run, done = given(case(number=3, parameters={"seeds.loss": 1}))
    item = schedule_item(done)
    assert (item["status"], item["reason"]) == ("not delivered", "not delivered: every seed was lost")
    assert not len(run.state.implant_at)


def test_a_prescription_out_of_reach_is_delivered_partly() -> None:
    item = schedule_item(given(case(prescription="900 Gy", activity="0.1 mCi", parameters=SURE))[1])
    assert item["status"] == "partly delivered" and "not the prescribed 900 Gy" in item["reason"]


def test_nothing_to_irradiate_is_not_delivered_and_leaves_no_trace() -> None:
    for where, words in (("ring", "no treated zone"), ("thrombus", "no thrombus")):
        run, done = given(case(where=where))
        item = schedule_item(done)
        assert item["status"] == "not delivered" and words in item["reason"] and item["delivered"] == {"seeds": 0}
        assert not done.delivery.changed and not len(run.state.implant_at)


def test_a_seed_by_hand_in_an_organ_is_not_delivered() -> None:
    tissue = {"organs": [{"gallbladder": {"distance": "4 mm", "side": "-y"}}]}
    item = schedule_item(given(case(tissue=tissue, seeds=[{"at": ["0 mm", "-20 mm", "0 mm"]}]))[1])
    assert (
        item["status"] == "not delivered" and "is outside the body: no tissue of the body lies there" in item["reason"]
    )


def test_an_unseen_seed_from_its_table(tmp_path: Path) -> None:
    (tmp_path / "short.yaml").write_text(
        "name: short-lived\ndose_rate_constant: 0.686\nactive_length_mm: 0\nhalf_life_d: 16.991\n"
        "radial: {r_cm: [0.1, 1, 3], g: [1.1, 1, 0.3]}\nphi_an: {r_cm: [1], value: [0.9]}\n"
    )
    rows = [{"at": ["0 mm", "0 mm", "0 mm"]}]
    run, done = given(case(parameters=SURE, seeds=rows, table=str(tmp_path / "short.yaml")))
    assert done.plan.prescribed["source"] == "short-lived"
    assert run.state.implant_decay[0] == pytest.approx(np.log(2) / (16.991 * DAY))
    lattice = run.virtual_patient.lattice
    site = int(lattice.locate(np.array([0.0, 0.0, 10.0]) * MM))
    r = np.linalg.norm(lattice.centres()[site]) * 100
    assert run.state.implant_rate[0, site] == pytest.approx(
        0.6 * 1.27 * 0.686 * 0.9 / r**2 * np.exp(np.interp(r, [1, 3], np.log([1, 0.3]))) / 3.6e5, rel=0.02
    )


def test_oil_takes_photons_only_where_that_is_asked_for(model: TumorModel) -> None:
    patient = model.virtual_patient
    found = {}
    for how in ("none", "oil"):
        state = model.state.fork()
        state.edge_oil[:] = 0.02 * np.where(np.isfinite(patient.oil_capacity), patient.oil_capacity, 0.0)
        treatment = made(number=6, attenuation=how)
        plan = treatment.plan(model.image(), patient=patient)
        delivery = treatment.deliver(plan, patient, state=state, at=DAY)
        found[how] = state.implant_rate[0], delivery.delivered
    plain, weak = found["none"][0], found["oil"][0]
    assert (weak <= plain).all() and weak.sum() < 0.999 * plain.sum()
    assert "oil_ml_seen" not in found["none"][1] and found["oil"][1]["oil_ml_seen"] > 0.0
    assert found["none"][1]["planned"] == found["oil"][1]["planned"]
    assert found["oil"][1]["real"]["target"]["d_mean_gy"] < found["none"][1]["real"]["target"]["d_mean_gy"]


def test_access_off_keeps_what_was_implanted() -> None:
    scenario = case(number=3).replace(couplings={"access": "off"})
    run, done = given(scenario)
    assert done.delivery.changed and len(run.state.implant_at) == 1 == run.state.sizes.implants


# --- reasons ---------------------------------------------------------------------------------------------


def test_reasons_follow_planned_and_real_dose() -> None:
    run, done = given(case(number=10))
    fixed, state = run.virtual_patient, run.state
    attempt = done.attempt(fixed, state)
    assert attempt.delivered and np.array_equal(attempt.planned, done.plan.sites)
    life = 59.4 * DAY / np.log(2)
    real = state.implant_rate[0] * life
    assert attempt.low_dose[attempt.planned & (real < 120.0) & ~attempt.missed].all()
    assert attempt.missed.any() and (real[attempt.missed] < 120.0).all()
    assert attempt.low_dose[attempt.planned & ~attempt.missed].mean() > 0.5  # little is given in a day
    state.now = 2000 * DAY
    late = done.attempt(fixed, state)
    assert np.array_equal(late.low_dose, late.planned & ~late.missed & (real * -np.expm1(-1999 * DAY / life) < 120.0))
    assert late.low_dose.sum() < attempt.low_dose.sum()


def test_a_loaded_run_tells_the_same_reasons(tmp_path: Path) -> None:
    run, done = given(case(number=10))
    run.save(tmp_path / "run.npz")
    back = TumorModel.load(tmp_path / "run.npz")
    assert back.state.hash() == run.state.hash()
    again, first = (
        back.records.done[0].attempt(back.virtual_patient, back.state),
        done.attempt(run.virtual_patient, run.state),
    )
    for part in ("planned", "missed", "low_dose", "received"):
        assert np.array_equal(getattr(again, part), getattr(first, part)), part


def test_seeds_not_given_are_told_so() -> None:
    run, done = given(case(where="ring"))
    attempt = done.attempt(run.virtual_patient, run.state)
    assert not attempt.delivered and not attempt.planned.any()
