"""The log: every treatment as planned and delivered; a copy in plain data that comes back the same."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np

from tumorsim.log import Done, Records, treatment_of
from tumorsim.model import TumorModel
from tumorsim.scenario import Scenario
from tumorsim.treatments.base import Delivery, Plan

SMALL: dict[str, Any] = {
    "name": "small",
    "until": "5 d",
    "seed": 7,
    "tissue": {"size": "26 mm", "tumour": {"diameter": "10 mm"}},
    "vessels": {"feeders": 2, "terminals": 100},
    "parameters": {"imaging.smallest_artery": "0.1 mm"},
    "treatments": [
        {"at": "3.2 d", "tae": {"number": 0}},
        {"at": "1 d", "tace": {"beads": "40 um", "number": 60, "drug": {"cisplatin": "12 mg"}}, "id": "first"},
        {"at": "4 d", "tae": {"number": 1}},
    ],
}


def test_every_treatment_is_written_down_in_time() -> None:
    model = TumorModel(case=Scenario.from_dict(SMALL))
    while model.running:
        model.step()
    done = model.records.done
    assert [(d.event.id, d.event.at, d.delivery.changed) for d in done] == [
        ("first", 86_400, True), ("tae_1", 276_480, False), ("tae_2", 345_600, True),
    ]  # fmt: skip
    assert done[0].plan.prescribed["number"] == done[0].delivery.delivered["beads"] == 60
    assert done[0].plan.prescribed["cisplatin_mg"] == done[0].delivery.delivered["cisplatin_mg"] == 12.0
    for entry in done:
        plain = json.loads(json.dumps(entry.to_plain()))
        back = Done.from_plain(plain, entry.event, entry.treatment)
        assert np.array_equal(back.plan.sites, entry.plan.sites) and back.plan.sites.dtype == bool
        assert back.to_plain() == entry.to_plain()
        assert (back.delivery.delivered, back.delivery.notes) == (entry.delivery.delivered, entry.delivery.notes)


def test_a_plan_without_a_zone_comes_back_without_one() -> None:
    event: Any = SimpleNamespace(id="x")
    done = Done(event, SimpleNamespace(), Plan(None, {"dose": 1}), Delivery({}, False, notes=("a", "b")))  # type: ignore[arg-type]
    back = Done.from_plain(json.loads(json.dumps(done.to_plain())), event, done.treatment)
    assert back.plan.sites is None and back.delivery.notes == ("a", "b") and not back.delivery.changed


def test_the_operators_luck_is_keyed_to_the_name_and_the_occurrence() -> None:
    events = {e.id: e for e in Scenario.from_dict(SMALL).treatments}
    made = {name: treatment_of(event) for name, event in events.items()}
    assert {n: (t.kind, t.name, t.occurrence) for n, t in made.items()} == {
        "first": ("tace", "first", 1),
        "tae_1": ("tae", "tae", 1),
        "tae_2": ("tae", "tae", 2),
    }


def test_a_forked_record_grows_apart() -> None:
    records = Records(viable=[3], in_target=[2], dying=[1], touched_face=False)
    twin = records.fork()
    twin.viable.append(9)
    twin.done.append(None)  # type: ignore[arg-type]
    twin.totals.append(None)  # type: ignore[arg-type]
    twin.touched_face = True
    assert records == Records(viable=[3], in_target=[2], dying=[1], touched_face=False)
