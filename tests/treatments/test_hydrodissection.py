"""Fluid that parts the liver from its neighbours: what is given, how long it stays, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tumorsim.anatomy.fluid import MATERIALS, fluid_now, materials_of
from tumorsim.errors import InputError
from tumorsim.model import TumorModel
from tumorsim.outcomes.reserve import Condition
from tumorsim.parameters import load_parameters
from tumorsim.patient import build_patient
from tumorsim.scenario import Scenario
from tumorsim.scenario.explain import explain
from tumorsim.state import FLUIDS, ORGANS
from tumorsim.studies import observe
from tumorsim.treatments.hydrodissection import aim_error_factor
from tumorsim.treatments.hydrodissection_spec import HydrodissectionSpec

DAY = 86_400
BASE: dict[str, Any] = {
    "name": "beside",
    "until": "10 d",
    "step": "12 h",
    "seed": 7,
    "tissue": {
        "tumour": {"diameter": "12 mm", "septa": 2, "satellites": 2, "capsule": "intact"},
        "organs": [{"gallbladder": {"distance": "4 mm", "side": "-x"}}],
    },
    "vessels": {"feeders": 2, "terminals": 150},
    "parameters": {"hydrodissection.success": 1.0, "hydrodissection.complication": 0.0},
}
GALLBLADDER, BOWEL, DIAPHRAGM = (ORGANS.index(n) for n in ("gallbladder", "bowel", "diaphragm"))
SALINE = FLUIDS.index("ascites saline")


def case(*keys: dict[str, Any], at: str = "1.3 d", organs: list[Any] | None = None, **changes: Any) -> Scenario:
    tissue = {**BASE["tissue"], **({} if organs is None else {"organs": organs})}
    treatments = [{"at": at, "hydrodissection": k} for k in keys]
    return Scenario.from_dict({**BASE, "tissue": tissue, "treatments": treatments}, **changes)


def run(model: TumorModel, days: float | None = None) -> TumorModel:
    while model.running and (days is None or model.now < days * DAY):
        model.step()
    return model


def cells(model: TumorModel) -> dict[str, Any]:
    """All of the state but fluid."""
    state = model.state
    return {s.name: getattr(state, s.name) for s in state.specs() if not s.name.startswith("fluid")}


@pytest.fixture(scope="module")
def past() -> TumorModel:
    return TumorModel(case=case())


def arm(past: TumorModel, *keys: dict[str, Any], at: str = "1.3 d") -> TumorModel:
    return past.fork(past.case.replace(treatments=[{"at": at, "hydrodissection": k} for k in keys]))


def test_the_defaults_part_the_nearest_organ_by_a_centimetre(past: TumorModel) -> None:
    model = run(arm(past, {}), 2)
    (done,) = model.records.done
    assert done.plan.sites is None and done.delivery.changed
    assert done.delivery.delivered == {
        "organ": "gallbladder", "fluid": "saline", "kind": "ascites", "thickness_mm": 10.0, "volume_ml": 65.0,
    }  # fmt: skip
    assert model.state.fluid[GALLBLADDER, SALINE] == 10e-3 and np.count_nonzero(model.state.fluid) == 1
    assert model.state.fluid_at[GALLBLADDER] == 1.3 * DAY  # its own time, not that of the step
    assert model.image().fluid is not None
    assert model.image().fluid[GALLBLADDER, SALINE] == pytest.approx(10e-3 * 2**-0.7)


def test_nothing_else_changes_in_a_whole_run(past: TumorModel) -> None:
    """Neither blood nor cells feel it: every array but that of the fluid is the same to the last bit."""
    plain, wet = run(past.fork()), run(arm(past, {"thickness": "8 mm"}, {"organ": "gallbladder", "fluid": "dextrose"}))
    assert all(np.array_equal(a, b) for a, b in zip(cells(plain).values(), cells(wet).values(), strict=True))
    assert plain.state.hash() != wet.state.hash()
    assert (plain.records.viable, plain.records.totals) == (wet.records.viable, wet.records.totals)
    assert [d.delivery.changed for d in wet.records.done] == [True, True]
    n0 = plain.records.in_target[0]
    untreated, treated = (observe.outcome(m, n0, [], None) for m in (plain, wet))
    assert treated.residue_by_reason == untreated.residue_by_reason == {"untreated": untreated.viable_cells}
    assert treated.harm == {**untreated.harm, "punctures": 2.0}
    assert treated.imaging == untreated.imaging


def test_it_goes_on_from_a_file_bit_for_bit(past: TumorModel, tmp_path: Any) -> None:
    model = run(arm(past, {"volume": "50 mL"}), 3)
    model.save(tmp_path / "run.npz")
    again, twin = TumorModel.load(tmp_path / "run.npz"), model.fork()
    for other in (again, twin):
        assert np.array_equal(other.state.fluid, model.state.fluid) and other.state.fluid_at[0] == 1.3 * DAY
        run(other)
    run(model)
    assert again.state.hash() == twin.state.hash() == model.state.hash()


@pytest.mark.parametrize("step", ["1 h", "7 h", "24 h"])
def test_what_is_left_does_not_depend_on_the_step(past: TumorModel, step: str) -> None:
    items = [{"at": "1.3 d", "hydrodissection": {"thickness": "6 mm"}}, {"at": "1.7 d", "hydrodissection": {}}]
    model = TumorModel(case=Scenario.from_dict({**BASE, "treatments": items}, until="7 d", step=step))
    run(model, 2)
    left = fluid_now(model.state, model.virtual_patient.parameters, int(2.7 * DAY))[GALLBLADDER, SALINE]
    assert left == pytest.approx(0.5 * (10e-3 + 6e-3 * 2**-0.4), rel=1e-12)


def test_volume_and_thickness_say_the_same(past: TumorModel) -> None:
    for keys, due in (({"volume": "65 mL"}, 10e-3), ({"volume": "32.5 mL"}, 5e-3), ({"volume": "4 L"}, 20e-3)):
        model = arm(past, keys, at="1 h")
        model.step()
        assert model.state.fluid[GALLBLADDER, SALINE] == pytest.approx(due), keys
    other = TumorModel(case=case({"volume": "681 mL"}, at="0 d", organs=[{"bowel": {}}]))
    other.step()
    assert other.state.fluid[BOWEL, SALINE] == pytest.approx(10e-3)


def test_the_wall_moves_and_its_bed_fills(past: TumorModel) -> None:
    model = arm(past, {}, at="1 h")
    model.step()
    fixed, organs = model.virtual_patient, model.virtual_patient.anatomy.organs
    made = materials_of(fixed, model.state, 3600)
    before = materials_of(fixed, past.state)
    saline, tissue = MATERIALS.index("saline"), MATERIALS.index("tissue")
    assert np.array_equal(made == tissue, before == tissue)
    depth = -organs.distance("gallbladder")
    front = (depth > 0) & (depth < 8e-3) & (fixed.lattice.centres()[:, 0] > -16e-3)
    assert np.all(made[front] == saline) and not (before == saline).any()
    later = materials_of(fixed, model.state, 3600 + 5 * DAY)
    assert 0 < (later == saline).sum() < 0.2 * (made == saline).sum()
    fluid = fluid_now(model.state, fixed.parameters, 3600)
    assert np.allclose(organs.walls().points[:, 0] - organs.walls(fluid).points[:, 0], 10e-3)


def test_adhesions_are_the_patients_luck_and_the_same_in_every_arm(past: TumorModel) -> None:
    scenario = case({}, at="1 h", parameters={"hydrodissection.success": 0.5, "hydrodissection.complication": 0.5})
    treatment = TumorModel(case=scenario)._events[0][1]
    patients = [build_patient(scenario, number=n) for n in range(2)]
    held = []
    for n in range(400):
        who = patients[0].__class__(**{**vars(patients[0]), "number": n})
        held.append((treatment._draw(who, 0) >= 0.5, treatment._draw(who, 1) < 0.5))  # type: ignore[attr-defined]
    share = np.mean(held, axis=0)
    assert np.all(np.abs(share - 0.5) < 0.1) and abs(np.corrcoef(np.array(held).T)[0, 1]) < 0.15
    stuck = next(n for n, (is_held, _) in enumerate(held) if is_held)
    model = TumorModel(case=scenario, patient=stuck)
    model.step()
    (done,) = model.records.done
    assert not done.delivery.changed and "adhesions hold the gallbladder" in done.delivery.notes[0]
    assert not model.state.fluid.any()
    again = TumorModel(case=scenario.replace(treatments=[{"at": "5 d", "hydrodissection": {}}]), patient=stuck)
    assert not run(again, 6).records.done[0].delivery.changed  # whenever it is tried
    harmed = next(n for n, (is_held, bad) in enumerate(held) if bad and not is_held)
    model = run(TumorModel(case=scenario, patient=harmed), 0.5)
    assert "major complication" in model.records.done[0].delivery.notes
    assert observe.harms(model)["major_complications"] == 1.0


def test_nothing_given_is_logged_and_changes_nothing(past: TumorModel) -> None:
    plain, null = run(past.fork(), 2), run(arm(past, {"thickness": "0 mm"}), 2)
    assert null.state.hash() == plain.state.hash() and not null.records.done[0].delivery.changed


def test_a_needle_that_must_not_be_put_in_is_not() -> None:
    table = load_parameters()
    bad = Condition(37.0, 17e-3, 40e12, 1.1, "none", "none")
    assert HydrodissectionSpec().contraindications(bad, table) == ("platelets 40 per nL are below 50",)
    model = TumorModel(case=case({}, at="1 h", condition={"platelets": "30 1/nL"}))
    model.step()
    assert "contraindicated" in model.records.done[0].delivery.notes[0] and not model.state.fluid.any()


@pytest.mark.parametrize(
    ("organs", "keys", "said"),
    [
        ([], {}, r"hydrodissection: tissue\.organs has no organ that fluid can move; there are: none"),
        (None, {"organ": "bowel"}, r"organ: tissue\.organs has no bowel; there are: gallbladder\. Add it"),
        (["bile_duct"], {"organ": "bile_duct"}, "runs within the liver, and fluid cannot part it"),
        (["bile_duct"], {}, "no organ that fluid can move; there are: bile_duct"),
        (None, {"thickness": "5 mm", "volume": "10 mL"}, "volume: stands beside thickness"),
        (None, {"organ": "gallbladder", "kind": "pleura"}, "lies behind the diaphragm only"),
        (None, {"kind": "pleura"}, "has no diaphragm"),
        (None, {"fluid": "water"}, "fluid: 'water' is not known.*saline, dextrose"),
        (None, {"thickness": "90 mm"}, "must be at most 40 mm"),
        (None, {"organ": "spleen"}, "organ: 'spleen' is not known"),
    ],
)
def test_what_cannot_be_is_refused(organs: list[Any] | None, keys: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        case(keys, organs=organs)


def test_check_says_what_lies_beside_and_what_is_done() -> None:
    text = explain(case({"fluid": "dextrose", "volume": "300 mL"}))
    flat = " ".join(text.split())
    assert "the gallbladder 4 mm from the tumour's border, on its right (wall 2.5 mm, alarm at 54 degC)" in flat
    assert "a layer of dextrose of 300 mL between the liver and the nearest organ that can be moved" in flat


def test_a_hidden_tumour_is_aimed_at_worse_until_fluid_opens_the_view() -> None:
    fluid = np.zeros((len(ORGANS), len(FLUIDS)))
    deep = build_patient(case())
    assert aim_error_factor(deep, fluid) == 1.0  # bile hides nothing
    dome = build_patient(case(organs=[{"diaphragm": {"distance": "3 mm"}}]))
    assert aim_error_factor(dome, fluid) == 2.0
    assert aim_error_factor(build_patient(case(organs=[{"diaphragm": {"distance": "11 mm"}}])), fluid) == 1.0
    placed = build_patient(case(tissue__tumour__place="dome"))
    assert aim_error_factor(placed, fluid) == 2.0
    for row, column, mm, due in ((DIAPHRAGM, 2, 2.5, 1.5), (DIAPHRAGM, 0, 5.0, 1.0), (BOWEL, 0, 5.0, 2.0)):
        layer = fluid.copy()
        layer[row, column] = mm * 1e-3
        assert aim_error_factor(dome, layer) == pytest.approx(due)
    worse = build_patient(case(organs=["bowel"], parameters={"organs.hidden_aim_factor": 3.0}))
    assert aim_error_factor(worse, fluid) == 3.0
