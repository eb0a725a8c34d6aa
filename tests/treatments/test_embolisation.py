"""Embolisation: catheters and amounts from the image, delivery into vessels, what it means for every site."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorsim.model import TumorModel
from tumorsim.outcomes import residue
from tumorsim.outcomes.imaging import Image, SeenArtery
from tumorsim.outcomes.residue import Reason
from tumorsim.patient import Patient, build_patient
from tumorsim.scenario import Scenario
from tumorsim.state import State
from tumorsim.treatments.embolisation import Embolisation, catheter_places, split_number
from tumorsim.treatments.embolisation_spec import TaceSpec, TaeSpec

SMALL: dict[str, Any] = {
    "name": "small",
    "until": "10 d",
    "seed": 7,
    "tissue": {"size": "30 mm", "tumour": {"diameter": "12 mm", "capsule": "intact", "septa": 2, "satellites": 1}},
    "vessels": {"feeders": 4, "terminals": 150},
    "parameters": {"imaging.smallest_artery": "0.1 mm", "embolisation.missed_feeder": 0.0},
}
BEADS = {"beads": "40 um"}


def small(missed: float = 0.0, **changes: Any) -> Scenario:
    parameters = {**SMALL["parameters"], "embolisation.missed_feeder": missed}
    return Scenario.from_dict(SMALL, **{"parameters": parameters, **changes})


@pytest.fixture(scope="module")
def patient() -> Patient:
    return build_patient(small())


@pytest.fixture(scope="module")
def image(patient: Patient) -> Image:
    """All of the tumour, as it shows before treatment."""
    visible = patient.anatomy.tumour.copy()
    arteries = patient.seen_arteries(patient.new_state(), visible)
    assert len(arteries) == 4
    return Image(visible, float(visible.sum()) * patient.lattice.site_volume, 12e-3, arteries)


def tae(**keys: Any) -> Embolisation:
    return Embolisation(TaeSpec.model_validate({**BEADS, **keys}), kind="tae")


def give(treatment: Embolisation, image: Image, patient: Patient) -> tuple[Any, Any, State]:
    """Plan and delivery in a fresh state, with the blood that follows."""
    state = patient.new_state()
    plan = treatment.plan(image, patient=patient)
    delivery = treatment.deliver(plan, patient, state=state)
    patient.solve_flow(state)
    patient.bring_blood(state)
    return plan, delivery, state


# --- planning --------------------------------------------------------------------------------------------


def artery(name: str, segment: int, share: float) -> SeenArtery:
    return SeenArtery(name, 0, 1e-3, segment, share)


def test_where_catheters_go() -> None:
    seen = [artery("feeder_1", 8, 0.4), artery("feeder_2", 4, 0.35), artery("feeder_3", 2, 0.25)]
    named = {"feeder_1": 0, "segment_5": 1}
    assert catheter_places("superselective", seen, named) == ["feeder_1", "feeder_2", "feeder_3"]
    assert catheter_places("segmental", [*seen, artery("feeder_4", 8, 0.1)], named) == [
        "segment_2", "segment_4", "segment_8",
    ]  # fmt: skip
    assert catheter_places("lobar", seen, named) == ["left"]  # 0.60 of the blood, though not the largest feeder
    assert catheter_places("lobar", seen[:1], named) == ["right"]
    assert catheter_places("segment_5", [], named) == ["segment_5"]
    for catheter in ("superselective", "segmental", "lobar", "not_there"):
        assert catheter_places(catheter, [], named) == []


@given(st.integers(0, 10**7), st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8))
def test_a_number_of_beads_is_split_by_flow_without_loss(number: int, flows: list[float]) -> None:
    parts = split_number(number, flows)
    assert sum(parts) == number and len(parts) == len(flows) and min(parts) >= 0
    total = sum(flows)
    if total > 0.0:
        for part, flow in zip(parts, flows, strict=True):
            assert abs(part - number * flow / total) < 1.0 + 1e-6 * number


def test_the_plan_holds_what_is_seen_and_what_the_catheters_reach(patient: Patient, image: Image) -> None:
    superselective = tae().plan(image, patient=patient)
    feeders = np.any([patient.sites_below(f"feeder_{k}") for k in range(1, 5)], axis=0)
    assert np.array_equal(superselective.sites, image.visible | feeders)
    assert superselective.prescribed == {"catheter": "superselective", "beads_um": 40.0, "number": "to stasis"}
    lobar = tae(catheter="lobar").plan(image, patient=patient)
    assert lobar.details["places"] == ["right"]
    assert np.all(lobar.sites >= superselective.sites) and lobar.sites.sum() > 3 * superselective.sites.sum()
    assert not np.shares_memory(superselective.sites, image.visible)


def test_an_artery_the_image_does_not_show_is_not_treated(patient: Patient, image: Image) -> None:
    less = Image(image.visible, image.volume, image.diameter, image.arteries[1:3])
    plan = tae().plan(less, patient=patient)
    assert plan.details == {"places": ["feeder_2", "feeder_3"], "overlooked": []}
    nothing = Image(np.zeros_like(image.visible), 0.0, 0.0, ())
    plan, delivery, state = give(tae(), nothing, patient)
    assert not plan.sites.any() and not delivery.changed and not state.edge_beads.any()
    assert delivery.notes == ("not delivered: the image shows no feeder",) and not delivery.burden


def test_feeders_are_missed_at_the_stated_rate() -> None:
    plain = build_patient(small(missed=0.3))
    visible = plain.anatomy.tumour
    arteries = plain.seen_arteries(plain.new_state(), visible)
    image = Image(visible, 1e-6, 12e-3, arteries)
    missed = 0
    for k in range(500):
        treatment = Embolisation(TaeSpec(), kind="tae", name=f"tae_of_{k}")
        plan = treatment.plan(image, patient=plain)
        assert sorted([*plan.details["places"], *plan.details["overlooked"]]) == [a.name for a in arteries]
        missed += len(plan.details["overlooked"])
    assert abs(missed - 600) < 4 * np.sqrt(2000 * 0.3 * 0.7)
    # the occurrence counts, not the place, the amount or the bead
    first = Embolisation(TaeSpec(), kind="tae").plan(image, patient=plain).details["overlooked"]
    assert tae(beads="700 um", number=3).plan(image, patient=plain).details["overlooked"] == first
    later = [
        Embolisation(TaeSpec(), kind="tae", occurrence=n).plan(image, patient=plain).details["overlooked"]
        for n in range(1, 9)
    ]
    assert later[0] == first and any(o != first for o in later)


def test_every_feeder_overlooked_is_not_delivered() -> None:
    plain = build_patient(small(missed=1.0))
    visible = plain.anatomy.tumour
    image = Image(visible, 1e-6, 12e-3, plain.seen_arteries(plain.new_state(), visible))
    plan, delivery, _ = give(tae(), image, plain)
    assert len(plan.details["overlooked"]) == 4 and not delivery.changed
    assert delivery.notes == ("not delivered: every feeder was overlooked",)
    # a catheter put in a vessel by its name needs no feeder to be found
    plan, delivery, _ = give(tae(catheter="feeder_2"), image, plain)
    assert delivery.changed and plan.details == {"places": ["feeder_2"], "overlooked": []}


# --- delivery --------------------------------------------------------------------------------------------


def test_number_zero_delivers_nothing(patient: Patient, image: Image) -> None:
    spec = TaceSpec.model_validate({"number": 0, "drug": {"doxorubicin": "50 mg"}})
    treatment = Embolisation(spec, kind="tace")
    plan, delivery, state = give(treatment, image, patient)
    assert delivery.delivered == {"beads": 0} and not delivery.changed and not delivery.burden
    assert plan.prescribed["doxorubicin_mg"] == 50.0 and state.hash() == patient.new_state().hash()


def test_to_stasis_from_every_feeder(patient: Patient, image: Image) -> None:
    _, delivery, state = give(tae(), image, patient)
    given = delivery.delivered
    assert given["stasis"] == given["catheters"] == [f"feeder_{k}" for k in range(1, 5)]
    assert given["beads"] == given["lodged"] == state.edge_beads.sum() > 1000
    assert given["beads_ml"] == pytest.approx(given["beads"] * np.pi / 6 * 40e-6**3 * 1e6, abs=1e-6)
    assert delivery.burden == {"sessions": 1.0, "punctures": 1.0} and delivery.changed
    assert np.array_equal(state.edge_state == 1, state.edge_open == 0.0)
    tumour = patient.anatomy.tumour
    assert state.q_arterial[tumour].sum() < 0.15 * patient.untreated_arterial[tumour].sum()


def test_a_number_is_split_among_the_feeders_by_their_flow(patient: Patient, image: Image) -> None:
    _, delivery, state = give(tae(number=401), image, patient)
    assert delivery.delivered["beads"] == 401 == state.edge_beads.sum() and delivery.delivered["stasis"] == []
    flow = [patient.untreated_flow[patient.graph.named[f"feeder_{k}"]] for k in range(1, 5)]
    parts = [
        int(state.edge_beads[patient.bead_ride.below(patient.graph.named[f"feeder_{k}"])].sum()) for k in range(1, 5)
    ]
    assert parts == split_number(401, flow)


def test_the_drug_goes_with_the_beads_and_does_not_act(patient: Patient, image: Image) -> None:
    drug = {"drug": {"doxorubicin": "50 mg"}}
    bland = give(Embolisation(TaeSpec.model_validate({**BEADS, "number": 300}), kind="x"), image, patient)
    loaded = give(Embolisation(TaceSpec.model_validate({**BEADS, "number": 300, **drug}), kind="x"), image, patient)
    assert loaded[1].delivered["doxorubicin_mg"] == 50.0 and loaded[2].hash() == bland[2].hash()
    assert loaded[1].notes == ("drug carried, not acting in this version",) and bland[1].notes == ()
    much = Embolisation(TaceSpec.model_validate({**BEADS, "number": 10**6, **drug}), kind="x")
    _, delivery, _ = give(much, image, patient)  # stasis comes first: the rest stays in the syringe
    share = delivery.delivered["beads"] / 10**6
    assert share < 0.1 and delivery.delivered["doxorubicin_mg"] == pytest.approx(50.0 * share, abs=1e-6)


# --- what it means for every site ------------------------------------------------------------------------


def test_reasons_after_an_embolisation_by_supply(patient: Patient, image: Image) -> None:
    for keys, name in (({}, "stasis"), ({"number": 40}, "too few")):
        treatment = tae(**keys)
        plan, delivery, state = give(treatment, image, patient)
        patient.oxygen.update(state, np.arange(patient.lattice.n_sites), np.ones(patient.lattice.n_sites, np.float32))
        state.viable[patient.anatomy.tumour, 0] = 1000
        attempt = treatment.attempt(plan, delivery, patient, state)
        inside = plan.sites
        assert attempt.delivered and not (attempt.missed & inside).any()
        share = patient.arterial_share(state)
        if name == "stasis":
            assert np.median(share[inside]) < 0.15 and attempt.other_supply[inside].sum() > 0.5 * inside.sum()
        else:
            assert np.median(share[inside]) > 0.5 and attempt.low_dose[inside].sum() > 0.9 * inside.sum()
        assert not (attempt.low_dose & attempt.other_supply).any()
        assert not (attempt.low_dose | attempt.other_supply | attempt.missed)[~inside].any()
        assert np.all(attempt.received == 0.0)
        state.deaths[inside, 0] = 999_000 - 1
        received = treatment.attempt(plan, delivery, patient, state).received
        assert received[inside & patient.anatomy.tumour] == pytest.approx(3.0, abs=1e-3)


def test_an_attempt_that_was_not_delivered(patient: Patient, image: Image) -> None:
    treatment = tae(number=0)
    plan, delivery, state = give(treatment, image, patient)
    attempt = treatment.attempt(plan, delivery, patient, state)
    assert not attempt.delivered


@pytest.mark.parametrize("density", ["2e8 1/mL", "1e3 1/mL"])
def test_a_missed_feeder_leaves_its_compartment(density: str) -> None:
    """With the reason `missed`; also where a site holds a single cell."""
    case = small(missed=0.25, treatments=[{"at": "1 d", "tae": BEADS}], tissue__density=density)
    number = next(
        k
        for k in range(20)
        if len(overlooked(build_patient(case, number=k))) == 1
    )  # fmt: skip
    model = TumorModel(case=case, patient=number)
    before = model.population.viable_of_sites()
    while model.running:
        model.step()
    (done,), fixed = model.records.done, model.virtual_patient
    (name,) = done.plan.details["overlooked"]
    assert done.delivery.delivered["feeders_overlooked"] == [name] and name not in done.delivery.delivered["catheters"]
    attempt = done.treatment.attempt(done.plan, done.delivery, fixed, model.state)
    reason = residue.reason_of_sites(fixed.lattice.n_sites, [attempt])
    after = model.population.viable_of_sites()
    of_missed = fixed.sites_below(name) & fixed.anatomy.tumour
    of_others = (
        fixed.anatomy.tumour & ~of_missed & np.any([fixed.sites_below(n) for n in done.plan.details["places"]], axis=0)
    )
    assert after[of_missed].sum() > 0.95 * before[of_missed].sum()
    assert after[of_others].sum() < 0.7 * before[of_others].sum()
    assert np.all(reason[of_missed & (after > 0)] == Reason.MISSED)
    assert not np.any(reason[of_others] == Reason.MISSED)
    counts = residue.residue_by_reason(after, model.state.nadir, reason, True)
    assert counts["missed"] > 0.8 * before[of_missed].sum()


def overlooked(patient: Patient) -> list[str]:
    """Feeders that the first `tae` of this patient misses."""
    visible = patient.anatomy.tumour
    image = Image(visible, 1e-6, 12e-3, patient.seen_arteries(patient.new_state(), visible))
    return list(tae().plan(image, patient=patient).details["overlooked"])
