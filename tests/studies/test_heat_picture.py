"""Pictures of sessions of heat: what they sample, and whose they are."""

from typing import Any

import numpy as np
import pytest

from tumorsim.model import TumorModel
from tumorsim.scenario import Scenario
from tumorsim.studies.heat_picture import PLANES, heat_picture, heat_pictures

SMALL: dict[str, Any] = {
    "name": "small heat",
    "until": "3 d",
    "step": "12 h",
    "seed": 7,
    "tissue": {
        "size": "40 mm",
        "spacing": "2 mm",
        "tumour": {"diameter": "14 mm", "doubling_time": "140 d"},
        "organs": [{"gallbladder": {"distance": "8 mm", "side": "-y"}}],
    },
    "vessels": {"feeders": 3, "terminals": 120},
    "parameters": {"ablation.reach": "16 mm", "ablation.expected_spacing": "3 mm"},
    "treatments": [
        {"at": "1 d", "microwave": {"needles": [
            {"tip": ["4 mm", "3 mm", "1 mm"], "direction": [1, 0.3, 0.2]},
            {"tip": ["4 mm", "-5 mm", "0 mm"], "direction": [1, 0.3, 0.2]},
        ], "power": "45 W", "duration": "4 min"}},
        {"at": "2 d", "microwave": {"needles": [{"tip": ["-2 mm", "2 mm", "6 mm"]}], "power": "40 W",
                                    "duration": "4 min"}},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def run() -> tuple[TumorModel, list[dict[str, Any]], np.ndarray]:
    model = TumorModel(case=Scenario.from_dict(SMALL))
    taken, seen, damage = [], 0, np.zeros(0)
    while model.running:
        model.step()
        taken += heat_pictures(model, seen)
        seen = len(model.records.done)
        if len(taken) == 1 and not damage.size:
            damage = np.stack([model.state.heat_damage, model.state.compartment])
    return model, taken, damage


def test_every_session_has_one_picture_as_it_ended(run: Any) -> None:
    _, taken, _ = run
    assert [(str(p["id"]), float(p["time_h"])) for p in taken] == [("microwave_1", 24.0), ("microwave_2", 48.0)]
    assert len(taken[0]["needles"]) == 2 and len(taken[1]["needles"]) == 1
    assert not (taken[0]["before_along"] >= 0).any()
    assert any((taken[1][f"before_{plane}"] >= 0).any() for plane in ("along", "across", "turned"))


def test_pixels_tell_what_their_sites_hold(run: Any) -> None:
    model, (picture, _), (damage, compartment) = run
    lattice = model.virtual_patient.lattice
    tumour = (compartment > 0) & (compartment < 255)
    for plane in PLANES:
        right, up, _, middle = picture[f"frame_{plane}"]
        rows, columns = picture[f"zone_{plane}"].shape
        half = float(picture["half_mm"])
        x, y = (np.arange(n) * 2 * half / n + half / n - half for n in (columns, rows))
        places = 1e-3 * (middle + x[None, :, None] * right - y[:, None, None] * up)
        site = lattice.locate(places.reshape(-1, 3)).reshape(rows, columns)
        here = site >= 0
        hot = np.where(here, damage[site] >= 1.0, False)
        agree = (picture[f"zone_{plane}"] >= 0) == hot
        assert hot.any() and agree[here].mean() > 0.93  # between sites Omega is followed, so the border is finer
        far = np.where(here, np.abs(np.log(np.maximum(damage[site], 1e-9))), 0.0) > 6.0
        assert far.any() and agree[far].mean() > 0.995
        assert ((picture[f"tissue_{plane}"] == 2) == (tumour[site] & here))[here].mean() > 0.999
        assert (picture[f"tissue_{plane}"][~here] == 0).all() and (picture[f"zone_{plane}"][~here] < 0).all()
    assert any((picture[f"organ_{plane}"] > 0).any() for plane in PLANES)


def test_goal_and_plan_are_those_of_the_session(run: Any) -> None:
    model, taken, _ = run
    for done, picture in zip(model.records.done, taken, strict=True):
        outline, goal = done.treatment.aim
        site = model.virtual_patient.lattice.site_volume
        for key, sites in (("outline", outline), ("goal", goal), ("planned", done.plan.sites)):
            shown = {plane: bool((picture[f"{key}_{plane}"] >= 0).any()) for plane in PLANES}
            assert any(shown.values()) == bool(sites.any()), (key, shown)
        area = [(picture[f"goal_{p}"] >= 0).mean() * (2e-3 * float(picture["half_mm"])) ** 2 for p in PLANES]
        if goal.any():  # a goal is about a ball: each plane through it shows less than its great circle and some
            assert max(area) < 1.6 * np.pi * (3 * goal.sum() * site / (4 * np.pi)) ** (2 / 3)


def test_planes_lie_as_the_needles_do(run: Any) -> None:
    _, (picture, _), _ = run
    way = picture["needles"][0, 3:]
    for plane, along in (("along", 0), ("turned", 0), ("across", 2)):
        frame = picture[f"frame_{plane}"][:3]
        assert frame @ frame.T == pytest.approx(np.eye(3), abs=1e-9)
        assert abs(frame[along] @ way) > 0.99
    normal, middle = picture["frame_along"][2:]
    assert np.abs((picture["needles"][:, :3] - middle) @ normal).max() < 3.0  # mm; both needles lie in the first
    length = np.linalg.norm(picture["active"][:, :3] - picture["active"][:, 3:], axis=1)
    assert length == pytest.approx(length[0]) and length[0] > 10.0


def test_what_is_no_session_of_heat_has_no_picture(run: Any) -> None:
    model, _, _ = run
    done = model.records.done[0]
    kept = done.treatment
    try:
        done.treatment = object()
        assert heat_picture(model.virtual_patient, model.state, done) is None
    finally:
        done.treatment = kept
    assert heat_pictures(model, len(model.records.done)) == []
