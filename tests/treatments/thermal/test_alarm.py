"""The alarm at walls: when heating ends, what follows, what the audit says; with and without saline in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tumorsim.anatomy.organs import Walls
from tumorsim.lattice import Lattice
from tumorsim.model import TumorModel
from tumorsim.outcomes.residue import Reason
from tumorsim.scenario import Scenario
from tumorsim.state import ORGANS
from tumorsim.studies import observe
from tumorsim.treatments.thermal.alarm import Course, Thermocouples, short_of

GALLBLADDER = ORGANS.index("gallbladder")
STEADY = {f"planning.{key}": "0 mm" for key in ("aim_error", "depth_error", "breathing")}
SMALL: dict[str, Any] = {
    "name": "beside",
    "until": "2 d",
    "step": "12 h",
    "seed": 7,
    "tissue": {
        "size": "48 mm",
        "spacing": "2 mm",
        "tumour": {"diameter": "14 mm", "doubling_time": "140 d"},
        "organs": [{"gallbladder": {"distance": "2 mm", "side": "-z"}}],
    },
    "vessels": {"feeders": 4, "terminals": 150},
    "parameters": {
        "imaging.smallest_artery": "0.1 mm",
        "imaging.registration_error": "0 mm",
        "ablation.expected_spacing": "3 mm",
        "planning.tilt_error": "0 deg",
        "hydrodissection.success": "1",
        **STEADY,
    },
}
ACROSS = {"tip": ["12.5 mm", "0 mm", "0 mm"], "direction": [1, 0, 0]}
SALINE = {"at": "1 d", "hydrodissection": {"organ": "gallbladder"}}


def microwave(**keys: Any) -> dict[str, Any]:
    return {"at": "1 d", "microwave": {"needles": [ACROSS], "power": "60 W", "duration": "5 min", **keys}}


@dataclass
class Spell:
    start: float
    duration: float


class Warm:
    """A session whose walls warm by 1/8 K/s while anything is on, and cool by 1/4 K/s else, read every 2 s."""

    def __init__(self) -> None:
        self.time, self.rise, self.ended, self.at = 0.0, 0.0, False, []

    def temperature_at(self, sites: np.ndarray) -> np.ndarray:
        return np.full(len(sites), 37.0 + self.rise)

    def stop(self) -> None:
        self.ended = True

    def run(self, course: Course, walls: Thermocouples) -> list[tuple[float, float, list[int]]]:
        told = []
        for seconds, on in course:
            begin, until, self.ended = self.time, self.time + seconds, False
            while self.time < until and not self.ended:
                step = min(2.0 - self.time % 2.0, until - self.time)
                self.time += step
                self.rise = max(self.rise + step * (0.125 if on else -0.25), 0.0)
                if self.time % 2.0 == 0.0:
                    walls(self)
            told.append((begin, self.time, list(on)))
        return told


def thermocouples(limit: float = 54.0, heeded: bool = True) -> Thermocouples:
    walls = Walls(np.array([[0.0, 1e-3, 0.0]]), np.array([1e-6]), np.array([GALLBLADDER], dtype=np.uint8))
    return Thermocouples(walls, Lattice((6, 6, 6), 1e-3), np.zeros(3), limit, heeded)


def test_without_a_hot_wall_all_is_given_as_planned() -> None:
    burns = [Spell(0.0, 60.0), Spell(0.0, 90.0), Spell(60.0, 30.0), Spell(120.0, 20.0)]
    for walls in (None, thermocouples(70.0)):
        course = Course(burns, walls)
        told = Warm().run(course, thermocouples(70.0) if walls is None else walls)
        assert told == [(0, 60, [0, 1]), (60, 90, [1, 2]), (90, 120, []), (120, 140, [3])]
        assert course.given == [60.0, 90.0, 30.0, 20.0] and not course.stopped


def test_points_that_are_on_are_stopped_and_later_ones_wait() -> None:
    burns = [Spell(0.0, 300.0), Spell(0.0, 100.0), Spell(100.0, 200.0), Spell(300.0, 50.0), Spell(400.0, 20.0)]
    walls = thermocouples()
    course = Course(burns, walls)
    told = Warm().run(course, walls)
    # 17 K at 1/8 K/s: the first reading of 54 degC is at 136 s, the first below it 2 s later
    assert told[:2] == [(0, 100, [0, 1]), (100, 136, [0, 2])]
    assert told[2:] == [(136, 138, []), (138, 142, [3]), (142, 144, []), (144, 148, [4])]
    assert course.given == [136.0, 100.0, 36.0, 4.0, 4.0] and set(course.stopped) == {0, 2, 3, 4}
    items, words = short_of(burns, course.given, course.stopped, ())
    assert [item["point"] for item in items] == [1, 3, 4, 5] and items[0]["wall"] == "gallbladder"
    assert words[0] == "point 1 was stopped after 136 of 300 s: the wall of the gallbladder had 54 degC"


def test_what_has_no_time_left_after_a_wait_is_not_begun() -> None:
    burns = [Spell(0.0, 300.0), Spell(300.0, 40.0), Spell(340.0, 40.0)]
    walls = thermocouples()
    course = Course(burns, walls, most=200.0)
    Warm().run(course, walls)
    assert course.given == [136.0, 4.0, 0.0]
    items, words = short_of(burns, course.given, course.stopped, ())
    assert items[-1] == {"point": 3, "given_s": 0.0, "at_s": None, "wall": None, "wall_degc": None}
    assert "point 3 was not begun" in words[-1]


def test_an_alarm_that_is_off_is_written_down_once_and_stops_nothing() -> None:
    walls = thermocouples(heeded=False)
    burns = [Spell(0.0, 300.0)]
    course = Course(burns, walls)
    Warm().run(course, walls)
    assert course.given == [300.0] and [r.at for r in walls.reached] == [136.0]
    items, words = short_of(burns, course.given, course.stopped, walls.reached)
    assert not items and "after 136 s of the session, and heating went on" in words[0]


def test_a_wall_is_read_between_sites() -> None:
    lattice = Lattice((7, 8, 9), 1e-3)
    field = 37.0 + lattice.centres() @ np.array([2e3, -1e3, 3e3])

    class Still:
        time = 4.0

        def temperature_at(self, sites: np.ndarray) -> np.ndarray:
            return field[sites]

        def stop(self) -> None:
            pass

    points = np.array([[0.4e-3, -0.7e-3, 1.2e-3], [-1.2e-3, 1e-3, 0.0], [0.0, 0.0, 30e-3]])
    for n in range(2):
        walls = Walls(points[[n, 2]], np.ones(2), np.full(2, GALLBLADDER, dtype=np.uint8))
        centre = np.array([1e-3, 0.0, -0.5e-3])
        due = 37.0 + (points[n] - centre) @ np.array([2e3, -1e3, 3e3])
        probe = Thermocouples(walls, lattice, centre, due - 1e-9, True)
        probe.heat()
        probe(Still())  # type: ignore[arg-type]
        assert probe.reached[0].celsius == pytest.approx(due, abs=1e-9)
        probe = Thermocouples(walls, lattice, centre, due + 1e-9, True)
        probe.heat()
        probe(Still())  # type: ignore[arg-type]
        assert not probe.reached


@pytest.fixture(scope="module")
def before() -> TumorModel:
    model = TumorModel(case=Scenario.from_dict(SMALL))
    model.step()
    return model


def given(past: TumorModel, *treatments: dict[str, Any]) -> Any:
    """The run after its treatments, and the last of them."""
    model = past.fork(Scenario.from_dict({**SMALL, "treatments": list(treatments)}))
    while model.running:
        model.step()
    return model, model.records.done[-1]


@pytest.fixture(scope="module")
def stopped(before: TumorModel) -> Any:
    return given(before, microwave())


def test_saline_cools_the_wall_and_lets_the_needle_do_its_work(before: TumorModel, stopped: Any) -> None:
    bare, done = stopped
    wet, saline = given(before, SALINE, microwave())
    beside, parted = done.delivery.delivered, saline.delivery.delivered
    assert beside["stopped"] and not parted["stopped"]
    assert parted["hottest_wall_degc"] < beside["hottest_wall_degc"] - 2.0
    assert parted["real_cover"] > beside["real_cover"] + 0.02
    assert parted["energy_kj"] == pytest.approx(18.0) and beside["energy_kj"] < 12.0
    assert wet.viable_in_target < bare.viable_in_target
    over = [observe.harms(m)["wall_over_threshold_mm2"]["gallbladder"] for m in (bare, wet)]
    assert over[1]["heat_alarm"] == 0.0 < over[0]["heat_alarm"]


def test_the_audit_tells_what_was_stopped(stopped: Any) -> None:
    _, done = stopped
    told, item = done.delivery.delivered, observe.schedule_item(done)
    (only,) = told["stopped"]
    assert only["point"] == 1 and only["wall"] == "gallbladder" and 54.0 <= only["wall_degc"] < 55.0
    assert only["given_s"] == only["at_s"] == told["heating_s"] < 300.0
    assert told["energy_kj"] == pytest.approx(60e-3 * only["given_s"])
    # it goes on warming for a moment, and the hottest moments of neighbouring sites are read as one
    assert told["hottest_wall_degc"] < 55.5
    assert item["status"] == "partly delivered" and "point 1 was stopped after" in item["reason"]


def test_what_an_alarm_left_alive_had_a_low_dose(stopped: Any) -> None:
    model, done = stopped
    attempt = done.treatment.attempt(done.plan, done.delivery, model.virtual_patient, model.state)
    assert attempt.low_dose.any() and not attempt.cooled.any()
    reason = observe.reasons(model)
    viable = model.population.viable_of_sites() > 0
    inside = viable & attempt.planned & ~attempt.missed & (reason != Reason.REGROWN)
    assert inside.any() and set(reason[inside]) <= {Reason.LOW_DOSE}


def test_off_operated_and_another_temperature_each_do_something(before: TumorModel, stopped: Any) -> None:
    usual = stopped[1].delivery.delivered
    off = given(before, microwave(alarm="off"))[1]
    operated = given(before, microwave(alarm="operated"))[1].delivery.delivered
    values = {**SMALL["parameters"], "heat.alarm_temperature": "52 degC"}
    model = TumorModel(case=Scenario.from_dict({**SMALL, "parameters": values, "treatments": [microwave()]}))
    while not model.records.done:
        model.step()
    lower = model.records.done[0].delivery.delivered
    assert off.delivery.delivered["energy_kj"] == pytest.approx(18.0)
    assert off.delivery.delivered["hottest_wall_degc"] > usual["hottest_wall_degc"] + 2.0
    assert "and heating went on" in observe.schedule_item(off)["reason"]
    assert observe.schedule_item(off)["status"] == "delivered"
    assert operated["energy_kj"] < usual["energy_kj"]
    assert operated["stopped"][0]["wall_degc"] >= 52.0
    assert lower["energy_kj"] == operated["energy_kj"]


def test_an_alarm_that_never_sounds_changes_no_bit(before: TumorModel) -> None:
    runs = [given(before, SALINE, microwave(alarm=word))[0] for word in ("on", "off")]
    assert runs[0].state.hash() == runs[1].state.hash()


def test_points_after_the_alarm_go_on_once_the_wall_is_cool(before: TumorModel) -> None:
    two = {**ACROSS, "points": [{}, {"depth": "14 mm", "duration": "1 min"}]}
    told = given(before, microwave(needles=[two]))[1].delivery.delivered
    first = told["stopped"][0]
    assert first["point"] == 1 and told["points"] == 2
    # the second began after a pause and gave its energy, or an alarm of its own says why not
    assert told["heating_s"] > first["at_s"] + 2.0
    assert told["energy_kj"] > 60e-3 * first["given_s"]
