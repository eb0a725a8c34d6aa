"""The patient in a run: what is lost and comes back, and what may not be given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from tests.test_model import run, small
from tumorsim.errors import InputError
from tumorsim.model import TumorModel
from tumorsim.outcomes.reserve import Condition
from tumorsim.outcomes.residue import Attempt
from tumorsim.scenario import schema
from tumorsim.state import RESERVE
from tumorsim.studies import observe
from tumorsim.studies.patient_now import condition_now, reserve_harm
from tumorsim.treatments import base
from tumorsim.treatments.base import Delivery, Kind, Plan, Treatment, registry
from tumorsim.treatments.limits import percutaneous_limits
from tumorsim.treatments.spec import Spec

DAY = 86_400
BAD = {"bilirubin": "4 mg/dL", "ascites": "moderate"}
LOBAR = [{"at": "1 d", "tae": {"catheter": "lobar"}}]


class NeedleSpec(Spec):
    dose: float = 1.0

    def describe(self) -> str:
        return "a needle"

    def contraindications(self, condition: Condition, parameters: Mapping[str, float]) -> tuple[str, ...]:
        return percutaneous_limits(condition, parameters)


class Needle(Treatment):
    """A puncture that kills with a hazard."""

    causes: ClassVar[tuple[str, ...]] = ("heat",)

    def plan(self, images: Any, **context: Any) -> Plan:
        return Plan(images.visible, {"dose": self.spec.dose})

    def deliver(self, plan: Plan, patient: Any, **context: Any) -> Delivery:
        context["pulse"]("heat", np.full((patient.lattice.n_sites, 4), self.spec.dose))
        return Delivery({"dose": self.spec.dose}, changed=True, burden={"punctures": 1.0})

    def attempt(self, plan: Plan, delivery: Delivery, patient: Any, state: Any) -> Attempt:
        raise NotImplementedError


@pytest.fixture
def needle(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A percutaneous treatment, as a package of its own would bring it."""
    kind = Kind("needle", NeedleSpec, f"{__name__}:Needle", "a needle")
    point = SimpleNamespace(value="needle:KIND", load=lambda: kind)
    monkeypatch.setattr(base, "entry_points", lambda group: [point] if group == base.ENTRY_POINTS else [])
    caches = (registry, schema.item_model, schema.file_model)
    for cache in caches:
        cache.cache_clear()
    yield
    monkeypatch.undo()
    for cache in caches:
        cache.cache_clear()


# --- what may not be given -------------------------------------------------------------------------------


def test_what_is_contraindicated_is_not_delivered_and_changes_nothing() -> None:
    untreated = run(small(condition=BAD))
    refused = run(small(condition=BAD, treatments=LOBAR))
    assert refused.state.hash() == untreated.state.hash()
    (done,) = refused.records.done
    item = observe.schedule_item(done)
    assert item["status"] == "not delivered" and item["prescribed"]["catheter"] == "lobar"
    assert item["reason"] == (
        "not delivered: contraindicated (Child-Pugh B9 is 8 points or more, "
        "bilirubin 68.4 umol/L is above 51.3, moderate ascites)"
    )
    assert observe.harms(refused)["sessions"] == 0
    reasons = observe.outcome(refused, refused.records.in_target[0], [], None).residue_by_reason
    assert reasons["not delivered"] > 0.9 * sum(reasons.values())
    assert refused.records.fork().done[0].to_plain()["refused"]


def test_it_is_given_anyway_where_the_scenario_says_so() -> None:
    model = run(small(condition={**BAD, "treat_anyway": True}, treatments=LOBAR))
    item = observe.schedule_item(model.records.done[0])
    assert model.state.edge_beads.sum() > 0 and item["status"] == "delivered"
    assert "given although contraindicated (Child-Pugh B9" in item["reason"]


def test_a_patient_who_may_have_it_has_it() -> None:
    model = run(small(until="2 d", treatments=LOBAR))
    assert model.state.edge_beads.sum() > 0


def test_needles_ask_for_platelets_and_clotting(needle: None) -> None:
    item = [{"at": "1 d", "needle": {}}]
    plain = run(small(until="2 d"))
    thin = run(small(until="2 d", condition={"platelets": "40 10^9/L"}, treatments=item))
    slow = run(small(until="2 d", condition={"inr": 1.6}, treatments=item))
    assert thin.state.hash() == slow.state.hash() == plain.state.hash()
    assert "platelets 40 per nL are below 50" in thin.records.done[0].delivery.notes[0]
    assert "INR 1.6 is above 1.5" in slow.records.done[0].delivery.notes[0]
    given = run(small(until="2 d", treatments=item))
    assert given.records.done[0].delivery.changed and given.state.hash() != plain.state.hash()
    looser = run(small(until="2 d", condition={"inr": 1.6}, treatments=item,
                       parameters={"condition.percutaneous_inr": 2.5}))  # fmt: skip
    assert looser.records.done[0].delivery.changed


def test_lost_reserve_forbids_the_next_session() -> None:
    """A liver that has lost most of itself since the first session is not embolised again."""
    model = small(until="3 d", treatments=[{"at": "2 d", "tae": {"number": 9}}])
    model.step()
    model.state.reserve[RESERVE.index("rest_lost")] = 0.75 * model.bedside.law.volume
    run(model)
    (note,) = model.records.done[0].delivery.notes
    assert note.startswith("not delivered: contraindicated (Child-Pugh B9") and "bilirubin 64.4" in note
    assert model.state.edge_beads.sum() == 0


# --- what is lost and comes back -------------------------------------------------------------------------


def hit(model: TumorModel, hazard: float) -> TumorModel:
    """Kill a part of the liver at once."""
    model.state.liver_hazard[model.virtual_patient.anatomy.compartment == 0] = hazard
    return model


def test_liver_killed_lowers_function_and_comes_back_by_its_clock() -> None:
    model = hit(small(until="60 d"), 5.0)
    volume, law = model.bedside.law.volume, model.bedside.law
    assert volume == pytest.approx(1500e-6)  # the box and the rest beyond it
    lost = model.bedside.lost_in_box(model.state)
    assert lost == pytest.approx(observe.harms(model)["liver_killed_ml"] * 1e-6)
    for _ in range(120):
        model.bedside.age(model.state, 43_200)
    first = law.advance(0.0, 0.0, 37.0, lost, 43_200)
    want = law.advance(*first, lost, 59.5 * DAY)
    assert model.state.reserve[:3] == pytest.approx(want, rel=1e-9)
    now = condition_now(model)
    assert now is not None
    share = 1 - (want[0] - want[1]) / volume
    assert now["functional_share"] == pytest.approx(share) and now["bilirubin_umol_l"] == pytest.approx(17 / share)
    assert reserve_harm(model)["reserve_lost"] == pytest.approx(1 - share)
    assert 0 < reserve_harm(model)["albi_change"] < 0.1 and reserve_harm(model)["child_pugh_points_change"] == 0


def test_recovery_does_not_depend_on_the_step() -> None:
    ends = []
    for step in ("6 h", "12 h", "24 h"):
        model = hit(small(step=step, until="30 d"), 2.0)
        model.state.reserve[0] = model.bedside.lost_in_box(model.state)  # lost at once, at the start
        for _ in range(model.case.n_steps):
            model.bedside.age(model.state, model.case.step)
        ends.append(model.state.reserve.copy())
    assert (
        ends[0][1] > 0 and ends[1] == pytest.approx(ends[0], rel=1e-10) and ends[2] == pytest.approx(ends[0], rel=1e-10)
    )


def test_liver_beyond_the_box_dies_where_artery_and_portal_vein_bring_nothing() -> None:
    model = small()
    arteries, veins, volume = model.bedside._rest
    model.state.edge_flow[arteries[3]] = 0.0  # portal blood keeps it alive
    model.bedside.age(model.state, DAY)
    assert model.state.reserve[RESERVE.index("rest_lost")] == 0.0
    model.state.edge_flow[veins[3]] = 0.0
    for _ in range(60):
        model.bedside.age(model.state, DAY)
    rest = float(model.state.reserve[RESERVE.index("rest_lost")])
    assert rest == pytest.approx(volume[3], rel=1e-6)
    assert model.state.reserve[0] == pytest.approx(rest, rel=1e-6)
    one = small()
    one.state.edge_flow[[arteries[3], veins[3]]] = 0.0
    for dt in (DAY // 2, DAY, DAY // 4, DAY // 4):
        one.bedside.age(one.state, dt)
    two = small()
    two.state.edge_flow[[arteries[3], veins[3]]] = 0.0
    two.bedside.age(two.state, 2 * DAY)
    assert one.state.reserve[3] == pytest.approx(two.state.reserve[3], rel=1e-12)


def test_ascites_comes_with_pressure_and_loss_but_not_by_itself() -> None:
    thin = small(condition={"albumin": "29 g/L"})  # the rule would make ascites at once: the file says none
    now = thin.bedside.now(thin.state)
    assert now is not None and now.ascites == "none"
    thin.state.reserve[RESERVE.index("albumin")] = 24.0
    now = thin.bedside.now(thin.state)
    assert now is not None and now.ascites == "moderate"
    found = condition_now(thin)
    assert found is not None and found["decompensated"] == 1 and found["ascites"] == 2
    normal = small(tissue={**thin.case.raw["tissue"], "liver": "normal"})
    normal.state.reserve[RESERVE.index("albumin")] = 24.0
    now = normal.bedside.now(normal.state)
    assert now is not None and now.ascites == "none"  # no portal hypertension


def test_normal_and_cirrhotic_patients_begin_as_the_table_says() -> None:
    cirrhotic = small()
    normal = small(tissue={**cirrhotic.case.raw["tissue"], "liver": "normal"})
    one, other = (m.bedside.now(m.state) for m in (cirrhotic, normal))
    assert one is not None and (one.albumin, one.child_pugh_text, one.albi_grade) == (37.0, "A5", 2)
    assert other is not None and (other.albumin, other.child_pugh_text, other.albi_grade) == (42.0, "A5", 1)


# --- the run as a whole ----------------------------------------------------------------------------------


def test_a_saved_run_and_a_fork_keep_the_patient(tmp_path) -> None:  # type: ignore[no-untyped-def]
    condition = {"albumin": "30 g/L", "liver_volume": "1200 mL"}
    model = hit(small(condition=condition, until="4 d"), 1.0)
    model.step()
    model.save(tmp_path / "run")
    again, twin = TumorModel.load(tmp_path / "run"), model.fork()
    assert again.bedside.now(again.state) == twin.bedside.now(twin.state) == model.bedside.now(model.state)
    assert again.bedside.law.volume == pytest.approx(1200e-6)
    assert run(again).state.hash() == run(twin).state.hash() == run(model).state.hash()


def test_a_fork_cannot_change_the_patient() -> None:
    model = small()
    with pytest.raises(InputError, match="differs from"):
        model.fork(model.case.replace(condition__albumin="30 g/L"))


def test_a_spheroid_has_no_patient() -> None:
    model = TumorModel(case="spheroid")
    assert model.bedside.now(model.state) is None and condition_now(model) is None
    assert not model.state.reserve.any() and reserve_harm(model)["reserve_lost"] is None
    model.step()
    assert not model.state.reserve.any()
    with pytest.raises(InputError, match=r"condition: is for a tumour in a patient's liver; a spheroid in culture has"):
        model.case.replace(condition__albumin="30 g/L")
