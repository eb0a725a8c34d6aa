"""Plans that fit into a step: what is left out, and that it is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tumorsim.lattice import Lattice
from tumorsim.model import TumorModel
from tumorsim.parameters import load_parameters
from tumorsim.scenario import Scenario
from tumorsim.studies.observe import schedule_item
from tumorsim.treatments.planning.cover import CoverPlan, cover
from tumorsim.treatments.planning.directions import fan
from tumorsim.treatments.planning.limits import Limits
from tumorsim.treatments.planning.zones import Option, Zone
from tumorsim.treatments.thermal.room import fitted, seconds

TABLE = load_parameters()
LATTICE = Lattice.for_box(60e-3, 3e-3)
OUTLINE = np.linalg.norm(LATTICE.centres(), axis=1) <= 17e-3
OPTION = Option(60.0, 600.0, Zone(26e-3, 30e-3, 5e-3))
WAYS = fan((0.0, -1.0, 0.0), TABLE)
LIMITS = Limits.of(TABLE, 0.0)


def plan(limits: Limits) -> CoverPlan:
    return cover(LATTICE, OUTLINE, [OPTION], WAYS, limits)


def test_a_plan_with_room_is_the_plan() -> None:
    whole = plan(LIMITS)
    assert whole.n_points > 4
    found, words = fitted((), plan, LIMITS, 600.0, 2, 86400.0)
    assert tuple(found) == whole.needles and not words


@pytest.mark.parametrize(("generators", "room"), [(1, 1800.0), (2, 1300.0), (4, 600.0)])
def test_a_plan_without_room_uses_what_there_is(generators: int, room: float) -> None:
    whole = plan(LIMITS)
    found, (words,) = fitted((), plan, LIMITS, 600.0, generators, room)
    points = sum(len(n.points) for n in found)
    assert 0 < seconds(found, generators) <= room and points < whole.n_points
    assert points >= generators  # none is idle
    assert words.startswith(f"left out for lack of time: {whole.n_points - points} of {whole.n_points} points")


def test_what_comes_first_is_kept() -> None:
    first = plan(LIMITS).needles[:2]
    found, (words,) = fitted(first, plan, LIMITS, 600.0, 2, 600.0 * max(len(n.points) for n in first))
    assert tuple(found[:2]) == first and "left out for lack of time" in words


def test_a_session_of_a_run_is_no_longer_than_a_step() -> None:
    data: dict[str, Any] = {
        "name": "short", "until": "1 d", "step": "1 h", "seed": 7,
        "tissue": {"size": "50 mm", "spacing": "2 mm", "tumour": {"diameter": "22 mm"}},
        "vessels": {"feeders": 4, "terminals": 150},
        "parameters": {"imaging.smallest_artery": "0.1 mm", "ablation.expected_spacing": "3 mm"},
        "treatments": [{"at": "1 h", "microwave": {"duration": "30 min", "power": "20 W", "generators": 1}}],
    }  # fmt: skip
    model = TumorModel(case=Scenario.from_dict(data))
    while not model.records.done:
        model.step()
    (done,) = model.records.done
    told, item = done.delivery.delivered, schedule_item(done)
    assert told["heating_s"] == 3600.0 and told["points"] == 2 and told["energy_kj"] == pytest.approx(72.0)
    assert item["status"] == "partly delivered" and "left out for lack of time" in item["reason"]
