"""Which image a plan is made from, and what puts a needle out of place: each does something, by patient."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tumorsim.model import TumorModel
from tumorsim.parameters import load_parameters
from tumorsim.scenario import Scenario
from tumorsim.treatments.base import Plan
from tumorsim.treatments.thermal.microwave import MicrowaveAblation
from tumorsim.treatments.thermal.spec import MicrowaveSpec

ERRORS = ("planning.aim_error", "planning.depth_error", "planning.tilt_error", "planning.breathing")
NONE = {name: "0 deg" if "tilt" in name else "0 mm" for name in ERRORS}
SMALL: dict[str, Any] = {
    "name": "plans", "until": "3 d", "step": "12 h", "seed": 7,
    "tissue": {"size": "40 mm", "spacing": "2 mm", "tumour": {"diameter": "14 mm", "doubling_time": "140 d"}},
    "vessels": {"feeders": 4, "terminals": 150},
    "parameters": {"imaging.smallest_artery": "0.1 mm", "ablation.expected_spacing": "3 mm", "ablation.reach": "16 mm"},
}  # fmt: skip
KEYS = {"power": "30 W", "duration": "2 min", "margin": "0 mm"}
TAE = {"at": "13 h", "tae": {"catheter": "lobar", "beads": "40 um"}}


@pytest.fixture(scope="module")
def plans() -> dict[str, tuple[Plan, TumorModel]]:
    """A plan of each kind after the tumour has been embolised."""
    past = TumorModel(case=Scenario.from_dict(SMALL))
    past.step()
    made = {}
    for plan in ("same", "replanned"):
        treatments = [TAE, {"at": "2 d", "microwave": {**KEYS, "plan": plan}}]
        model = past.fork(Scenario.from_dict({**SMALL, "treatments": treatments}))
        while len(model.records.done) < 2:
            model.step()
        made[plan] = (model.records.done[1].plan, model)
    return made


def test_the_same_plan_is_made_before_and_replanning_sees_what_is_left(plans: dict[str, Any]) -> None:
    (same, model), (day, _) = plans["same"], plans["replanned"]
    outline = model.untreated_image().visible
    assert outline.sum() > 100 and (same.sites & outline).sum() > 0.95 * outline.sum()
    # embolised tissue takes up no contrast: there is less to see, and less or nothing to heat
    heated = 0 if day.sites is None else int((day.sites & outline).sum())
    assert heated < 0.8 * (same.sites & outline).sum()


def test_the_image_that_was_planned_on_is_out_of_place_in_its_own_way() -> None:
    past = TumorModel(case=Scenario.from_dict(SMALL))
    shifts = {}
    for plan in ("same", "replanned"):
        model = past.fork(
            Scenario.from_dict({**SMALL, "treatments": [{"at": "0 d", "microwave": {**KEYS, "plan": plan}}]})
        )
        model.step()
        shifts[plan] = model.records.done[0].plan.details["shift"]
    assert shifts["same"] != shifts["replanned"] and any(shifts["replanned"])


def placed(
    error: str | None, number: int = 0, occurrence: int = 1, factor: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Tips and directions of two needles with one error of the table alone."""
    usual = load_parameters()
    table = load_parameters({name: value for name, value in NONE.items() if name != error})
    assert error is None or table[error] == usual[error]
    needle = {"tip": [0.0, 0.0, 0.0], "direction": [0.0, 0.0, 1.0], "points": [[0.0, 60.0, 300.0]]}
    details = {"needles": [needle, needle], "shift": [0.0, 0.0, 0.0], "aim_factor": factor}
    treatment = MicrowaveAblation(MicrowaveSpec(), kind="microwave", occurrence=occurrence)
    patient = SimpleNamespace(parameters=table, seed=7, number=number, bench=None)
    found = treatment.placed(Plan(None, {}, details), patient)  # type: ignore[arg-type]
    return np.array([n["tip"] for n in found]), np.array([n["direction"] for n in found])


def test_without_errors_a_needle_lies_where_it_was_meant_to() -> None:
    tips, ways = placed(None)
    assert not tips.any() and np.array_equal(ways, [[0, 0, 1], [0, 0, 1]])


@pytest.mark.parametrize("error", ERRORS)
def test_each_error_moves_the_needles_of_each_patient_in_its_own_way(error: str) -> None:
    tips, ways = placed(error)
    if "tilt" in error:
        assert not tips.any() and np.all(ways[:, 2] < 1.0)
    else:
        assert np.all(np.linalg.norm(tips, axis=1) > 1e-5) and np.all(ways[:, 2] == 1.0)
    if "aim" in error:
        assert not tips[:, 2].any()
    if "depth" in error:
        assert not tips[:, :2].any()
    moved = np.concatenate([tips, ways], axis=1)
    assert np.array_equal(moved[0], moved[1]) == ("breathing" in error)  # a breath moves all alike
    again, other, second = (np.concatenate(placed(error, *who), axis=1) for who in ((0,), (1,), (0, 2)))
    assert np.array_equal(again, moved) and not np.allclose(other, moved) and not np.allclose(second, moved)


def test_a_tumour_out_of_view_is_missed_by_more_and_the_breath_is_the_same() -> None:
    assert placed("planning.aim_error", factor=2.0)[0] == pytest.approx(2.0 * placed("planning.aim_error")[0])
    assert np.array_equal(placed("planning.breathing", factor=2.0)[0], placed("planning.breathing")[0])
