"""Seeds miss by their needle, slip along their track, and a few are lost: the same in every arm."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.parameters import load_parameters
from tumorsim.treatments.planning.aim import carry_out
from tumorsim.treatments.planning.needles import Needle
from tumorsim.treatments.seeds.arrangement import Arrangement, SeedTrack
from tumorsim.treatments.seeds.arrangement_error import Implanted, implant

_SPEC = importlib.util.spec_from_file_location("seed_rows", Path(__file__).with_name("seed_rows.py"))
assert _SPEC is not None and _SPEC.loader is not None
shared = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(shared)
MM = shared.MM
PARAMETERS = shared.PARAMETERS

WHO = {"seed": 7, "treatment": "seeds"}


def track(x: float, count: int = 4, way: str = "needle") -> SeedTrack:
    places = tuple((x * MM, (10.0 - 8.0 * k) * MM, 2 * MM) for k in range(count))
    return SeedTrack(places[0], (0.0, 1.0, 0.0), places, ((0.0, 1.0, 0.0),) * count, (0.7,) * count, way)


PLAN = Arrangement("quimby", (track(-10.0), track(0.0), track(10.0)), 12)
STILL = load_parameters({"seeds.migration": "0 mm", "seeds.loss": 0.0})


def of(patient: int, parameters: object = PARAMETERS, plan: Arrangement = PLAN, **more: object) -> Implanted:
    return implant(plan, parameters, patient=patient, **WHO, **more)  # type: ignore[arg-type]


def test_luck_is_the_patients_and_not_the_arms() -> None:
    assert of(3) == of(3)
    assert of(3) != of(4) and of(3) != of(3, occurrence=2)
    first = Arrangement("paris", PLAN.tracks[:2], 8)
    assert of(3, plan=first).slipped == of(3).slipped[:8]  # whatever other needles there are


def test_needles_miss_as_those_of_an_ablation() -> None:
    found = of(5, STILL, shift=(0.001, 0.0, -0.002))
    needles = [Needle(t.tip, t.direction, ()) for t in PLAN.tracks]
    aimed = carry_out(needles, STILL, seed=7, patient=5, treatment="seeds", shift=(0.001, 0.0, -0.002))
    assert found.aimed == aimed and not found.lost
    for planned, really, needle in zip(PLAN.tracks, found.arrangement.tracks, aimed.needles, strict=True):
        assert really.tip == needle.tip and really.direction == needle.direction
        assert really.pull_backs == pytest.approx(planned.pull_backs, abs=1e-12)
        assert really.axes == (needle.direction,) * 4 and really.strengths == planned.strengths


def test_seeds_slip_along_their_track_alone() -> None:
    slips = []
    for patient in range(150):
        found = of(patient)
        slips += list(found.slipped)
        for really in found.arrangement.tracks:
            on = np.array(really.tip) - really.pull_backs[:, None] * np.array(really.direction)
            assert on == pytest.approx(np.array(really.places), abs=1e-12)
    assert np.std(slips) == pytest.approx(PARAMETERS["seeds.migration"], rel=0.06)
    assert abs(np.mean(slips)) < 0.3 * MM
    # deeper is positive
    found = of(1, load_parameters({"seeds.loss": 0.0}))
    before = np.concatenate([t.pull_backs for t in PLAN.tracks])
    after = np.concatenate([t.pull_backs for t in found.arrangement.tracks])
    assert before - after == pytest.approx(np.array(found.slipped))


def test_seeds_are_lost_as_often_as_said_and_more_are_the_same_and_others() -> None:
    few, many = (load_parameters({"seeds.loss": p}) for p in (0.02, 0.06))
    lost_few = [set(of(k, few).lost) for k in range(400)]
    lost_many = [set(of(k, many).lost) for k in range(400)]
    assert all(a <= b for a, b in zip(lost_few, lost_many, strict=True))
    share = sum(len(x) for x in lost_many) / (400 * 12)
    assert share == pytest.approx(0.06, abs=0.012)
    patient = next(k for k, x in enumerate(lost_many) if x)
    found = of(patient, many)
    assert found.arrangement.n_seeds == 12 - len(found.lost)
    n, k = found.lost[0]
    left = len([x for x in found.lost if x[0] == n])
    assert len(found.arrangement.tracks[n].places) == 4 - left and 0 <= k < 4
    gone = of(0, load_parameters({"seeds.loss": 1.0}))
    assert gone.arrangement.n_seeds == 0 and len(gone.lost) == 12 and gone.arrangement.tracks == ()


def test_a_strand_stays_in_its_vein() -> None:
    plan = Arrangement("mixed", (track(0.0), track(5.0, way="strand"), track(10.0)), 12)
    found = of(2, load_parameters({"seeds.loss": 1.0}), plan)
    assert found.arrangement.tracks == (plan.tracks[1],)
    assert found.slipped[4:8] == (0.0,) * 4
    # a strand between them changes no needle's luck
    plain = of(2, plan=Arrangement("mixed", (plan.tracks[0], plan.tracks[2]), 8))
    assert of(2, plan=plan).aimed == plain.aimed


def test_factor_and_refusals() -> None:
    one, two, none = (np.array(of(1, factor=f).slipped) for f in (1.0, 2.0, 0.0))
    assert two == pytest.approx(2.0 * one) and not none.any()
    with pytest.raises(InputError, match="factor"):
        of(1, factor=-1.0)
    with pytest.raises(InputError, match="probability"):
        of(1, {**PARAMETERS, "seeds.loss": 1.5})
    assert of(1, plan=Arrangement("quimby", (), 0)).arrangement.n_seeds == 0
