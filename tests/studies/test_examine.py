"""Examinations of whole small runs: an embolisation, its shrinkage, and what images make of it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tumorsim.model import TumorModel
from tumorsim.outcomes.control import SPHERES
from tumorsim.outcomes.registration import registration_shift
from tumorsim.outcomes.response import CATEGORIES
from tumorsim.scenario import Scenario
from tumorsim.studies.examine import _near, examine, outlined, size_rows
from tumorsim.studies.records import RunRecord
from tumorsim.studies.run import Watch

DAY = 86_400
SMALL: dict[str, Any] = {
    "name": "small",
    "until": "130 d",
    "step": "1 d",
    "seed": 7,
    "tissue": {
        "size": "30 mm",
        "tumour": {"diameter": "12 mm", "capsule": "intact", "septa": 2, "satellites": 0, "doubling_time": "140 d"},
    },
    "vessels": {"feeders": 4, "terminals": 150},
    "parameters": {"imaging.smallest_artery": "0.1 mm"},
}
TAE = [{"at": "1 d", "tae": {"beads": "40 um"}}]


def watched(**changes: Any) -> tuple[Watch, RunRecord]:
    watch = Watch(TumorModel(case=Scenario.from_dict(SMALL, **changes)), arm="a", n0_at=DAY, draw=False)
    for _ in watch.run():
        pass
    return watch, watch.record()


def series(record: RunRecord, name: str) -> np.ndarray:
    return np.array([(row[0] / 24, row[2]) for row in record.series if row[1] == name], dtype=float)


@pytest.fixture(scope="module")
def embolised() -> tuple[Watch, RunRecord]:
    return watched(treatments=TAE)


@pytest.fixture(scope="module")
def untreated() -> tuple[Watch, RunRecord]:
    return watched()


def test_the_untreated_tumour_does_not_shrink(untreated: tuple[Watch, RunRecord]) -> None:
    watch, record = untreated
    assert np.all(watch.model.state.volume == 1.0)
    sizes = series(record, "tumour_volume")
    assert np.all(np.diff(sizes[:, 1]) > 0)
    assert sizes[-1, 1] / sizes[0, 1] == pytest.approx(2 ** (130 / 140), rel=0.1)
    seen = record.at_horizon.imaging
    assert seen is not None and seen["zone_ml"] is seen["margin_mm"] is seen["cr"] is None
    assert seen["response_mrecist"] == {"CR": 0, "PR": 0, "SD": 1, "PD": 0}
    assert seen["recist_mm"] >= seen["diameter_mm"] > 10


def test_an_embolisation_shrinks_the_tumour_and_recist_falls_later_than_mrecist(
    embolised: tuple[Watch, RunRecord],
) -> None:
    watch, record = embolised
    sizes, diameter = series(record, "tumour_volume"), series(record, "diameter")
    least = sizes[:, 1].min() / sizes[0, 1]
    assert 0.2 < least < 0.7  # a scar is left, and what lived
    # what enhances is gone within days; the volume takes weeks
    half = lambda rows: rows[np.argmax(rows[:, 1] <= 0.5 * (rows[0, 1] + rows[:, 1].min())), 0]  # noqa: E731
    assert half(diameter) < 10 < half(sizes) - 10
    first, last = record.after_last, record.at_horizon
    assert first is not None and first.imaging is not None and last.imaging is not None
    assert first.imaging["response_mrecist"]["CR"] + first.imaging["response_mrecist"]["PR"] == 1
    assert first.imaging["response_recist"]["SD"] == 1
    assert watch.baseline is not None
    before = watch.baseline.sizes.whole * 1e3
    assert before > first.imaging["recist_mm"] > last.imaging["recist_mm"] + 1.0
    # diameter and volume tell one story: a body that keeps its form shrinks by the cube root
    assert last.imaging["recist_mm"] / before == pytest.approx((sizes[-1, 1] / sizes[0, 1]) ** (1 / 3), abs=0.12)


def test_present_volume_is_what_the_sites_have_left(embolised: tuple[Watch, RunRecord]) -> None:
    model = embolised[0].model
    fixed, state = model.virtual_patient, model.state
    native = np.isin(fixed.anatomy.compartment, (1, 2, 3))
    present = fixed.present(state)
    assert present.content(native) == pytest.approx(state.volume[native].sum() * fixed.lattice.site_volume, rel=1e-5)
    # the map says the same: the ball beyond the tumour has lost what its sites have lost
    k = np.arange(4000) + 0.5
    z, a = 1 - k / 2000, math.pi * (1 + math.sqrt(5)) * k
    ring = np.stack([np.sqrt(1 - z * z) * np.cos(a), np.sqrt(1 - z * z) * np.sin(a), z], axis=1)
    far = np.linalg.norm(present.contraction.to_present(12e-3 * ring), axis=1)
    lost = (4 / 3 * math.pi * ((12e-3) ** 3 - far**3)).mean()
    whole = float((1.0 - state.volume.astype(float)).sum()) * fixed.lattice.site_volume
    assert lost == pytest.approx(whole, abs=0.02 * native.sum() * fixed.lattice.site_volume)


def test_a_follow_up_says_zone_margin_and_spheres(embolised: tuple[Watch, RunRecord]) -> None:
    watch, record = embolised
    seen = record.at_horizon.imaging
    assert seen is not None and record.after_last is not None and record.after_last.imaging is not None
    for name in ("zone_ml", "margin_mm", "cr", "cr_sphere_3mm", "cr_sphere_10mm"):  # of the image that was due
        assert seen[name] == record.after_last.imaging[name] is not None
    tumour = watch.model.virtual_patient.anatomy.tumour_volume * 1e6
    assert 0.3 * tumour < seen["zone_ml"] < 1.1 * tumour
    assert seen["margin_mm"] < 1.0  # liver round it lives on portal blood
    assert seen["cr_sphere_3mm"] <= seen["cr"] <= seen["cr_sphere_10mm"]  # what a small sphere shows, is more
    assert set(watch.readings[0].by_sphere) == set(SPHERES)
    assert sum(seen["visible_by_zone_ml"].values()) == pytest.approx(seen["visible_ml"])
    assert set(seen["response_mrecist"]) == set(CATEGORIES)


def test_the_margin_carries_the_registration_error() -> None:
    case = Scenario.from_dict(SMALL, treatments=TAE, until="30 d")
    model = TumorModel(case=case)
    baseline = outlined(model)
    while model.running:
        model.step()
    fixed = model.virtual_patient
    there = [examine(model, f"examination {k}", baseline) for k in range(6)]
    margins = [e.reading.margin for e in there]
    assert all(m is not None for m in margins) and len(set(margins)) == 6
    assert there[0].image.shift == registration_shift(fixed.seed, fixed.number, "examination 0", 3e-3)
    still = TumorModel(case=case.replace(parameters={**case.parameters, "imaging.registration_error": "0 mm"}))
    base = outlined(still)
    while still.running:
        still.step()
    exact = [examine(still, f"examination {k}", base).reading.margin for k in range(2)]
    assert exact[0] == exact[1] and exact[0] is not None
    for exam in there:  # a shift moves a margin by its own length at most
        assert exam.reading.margin is not None
        assert abs(exam.reading.margin - exact[0]) <= np.linalg.norm(exam.image.shift) + 0.6e-3


def test_plans_get_the_image_with_its_shift(monkeypatch: pytest.MonkeyPatch) -> None:
    model = TumorModel(case=Scenario.from_dict(SMALL, treatments=TAE))
    ((_, treatment),) = model._events
    shifts = []
    plan = treatment.plan
    monkeypatch.setattr(treatment, "plan", lambda images, **kw: shifts.append(images.shift) or plan(images, **kw))
    model.step()
    model.step()
    assert shifts == [registration_shift(7, 0, "before tae 1", 3e-3)] and shifts[0] != model.image().shift


def test_saved_loaded_and_forked_runs_shrink_the_same_to_the_bit(
    embolised: tuple[Watch, RunRecord], tmp_path: Any
) -> None:
    end = embolised[0].model
    model = TumorModel(case=end.case)
    while model.now < 40 * DAY:
        model.step()
    assert model.state.volume.min() < 0.9
    model.save(tmp_path / "run.npz")
    back, twin = TumorModel.load(tmp_path / "run.npz"), model.fork()
    for other in (model, back, twin):
        while other.running:
            other.step()
        assert other.state.hash() == end.state.hash() and np.array_equal(other.state.volume, end.state.volume)
        assert size_rows(other) == size_rows(end)


def test_switched_off_the_geometry_stays() -> None:
    model = TumorModel(case=Scenario.from_dict(SMALL, treatments=TAE, until="40 d"))
    model.shrinkage.active = False
    while model.running:
        model.step()
    assert np.all(model.state.volume == 1.0)
    assert model.virtual_patient.present(model.state).contraction.identity


def test_progression_is_judged_where_the_image_shows_it() -> None:
    """A nodule 2.5 mm off the old border, within a reach of 5 mm: a shift can carry it out of reach, or in."""
    case = Scenario.from_dict(SMALL, parameters={**SMALL["parameters"], "imaging.local_reach": "5 mm"})
    model = TumorModel(case=case)
    fixed, state = model.virtual_patient, model.state
    nodule = np.linalg.norm(fixed.lattice.centres() - [11.5e-3, 0.5e-3, 0.5e-3], axis=1) <= 3.2e-3
    state.viable[:] = 0
    state.viable[nodule, 0] = fixed.capacity
    state.q_arterial[nodule] = 3 * fixed.liver_arterial
    image, present = model.image(), fixed.present(state)
    assert np.array_equal(image.visible, nodule)
    for shift, near in ((0.0, True), (3e-3, False), (-3e-3, True), (30e-3, False)):
        assert _near(model, replace(image, shift=(shift, 0.0, 0.0)), present) is near
