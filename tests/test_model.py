"""TumorModel: the order of a step, what it is asked, and what it writes down. Its laws: test_laws.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.model import STEP, TumorModel
from tumorsim.scenario import Scenario
from tumorsim.treatments.embolisation import Embolisation

DAY = 86_400
SMALL: dict[str, Any] = {
    "name": "small",
    "until": "3 d",
    "step": "12 h",
    "seed": 7,
    "tissue": {"size": "30 mm", "tumour": {"diameter": "12 mm", "septa": 2, "satellites": 2}},
    "vessels": {"feeders": 3, "terminals": 150},
    "parameters": {"imaging.smallest_artery": "0.1 mm", "embolisation.missed_feeder": 0.0},
}


def small(**changes: Any) -> TumorModel:
    return TumorModel(case=Scenario.from_dict(SMALL, **changes))


def run(model: TumorModel) -> TumorModel:
    while model.running:
        model.step()
    return model


# --- the order of a step ---------------------------------------------------------------------------------


def test_the_order_is_the_designs_list() -> None:
    assert [(p.number, p.name) for p in STEP] == list(
        enumerate(
            ["deliver", "vessels", "blood", "fields", "hazards", "cells", "immunity", "tissue", "observe"], start=1
        )
    )
    text = small().plan().splitlines()
    assert len(text) == 1 + len(STEP) and all(
        p.name in line and p.what in line for p, line in zip(STEP, text[1:], strict=True)
    )


def test_the_parts_of_a_step_run_in_that_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two treatments in one step cut it in three; each part sees exactly its time."""
    model = small(treatments=[{"at": "14 h", "tae": {"number": 9}}, {"at": "17 h", "tae": {"number": 9}}])
    order: list[str] = []
    timed = model._timed
    monkeypatch.setattr(model, "_timed", lambda name, *a: order.append(name) or timed(name, *a))
    spans: list[int] = []
    integrate = model.oxygenation.integrate
    monkeypatch.setattr(model.oxygenation, "integrate", lambda s, c, dt: spans.append(dt) or integrate(s, c, dt))
    model.step()
    assert order == ["fields", "hazards", "cells", "tissue", "observe"] and spans == [12 * 3600]
    order.clear()
    spans.clear()
    model.step()
    assert order == [
        "deliver", "fields", "hazards", "vessels", "blood", "fields",  # up to 14 h the old blood, then the new
        "deliver", "hazards", "vessels", "blood", "fields",
        "hazards", "cells", "tissue", "observe",
    ]  # fmt: skip
    assert spans == [2 * 3600, 3 * 3600, 7 * 3600]
    rank = {p.name: p.number for p in STEP}
    tail = [rank[name] for name in order[-4:]]
    assert tail == sorted(tail)


def test_an_event_on_the_grid_belongs_to_the_step_it_begins() -> None:
    model = small(treatments=[{"at": "12 h", "tae": {"number": 9}}, {"at": "0 s", "tae": {"number": 5}}])
    assert model.next_event == 0
    model.step()
    assert model.next_event == 1 and model.state.edge_beads.sum() == 5
    model.step()
    assert model.next_event == 2 and model.state.edge_beads.sum() == 14


def test_a_step_is_one_base_step_always() -> None:
    model = small(step="7 h", until="70 h", treatments=[{"at": f"{h} h", "tae": {"number": 1}} for h in (1, 2, 3)])
    for k in range(10):
        assert (model.now, model.clock.index, model.running) == (k * 25_200, k, True)
        assert (model.state.now, model.state.step_index) == (model.now, k)
        model.step()
    assert not model.running and model.now == 70 * 3600
    before = model.state.hash()
    model.step()  # after the end nothing happens
    assert model.state.hash() == before and len(model.records.viable) == 11 and model.steps == 10


def test_flow_is_solved_only_where_a_vessel_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small(treatments=[{"at": "1 d", "tae": {"number": 50}}, {"at": "2 d", "tae": {"number": 0}}])
    calls = []
    solve = model.virtual_patient.solve_flow
    monkeypatch.setattr(
        type(model.virtual_patient), "solve_flow", lambda self, state: calls.append(model.now) or solve(state)
    )
    run(model)
    assert calls == [DAY]


# --- what happens to cells -------------------------------------------------------------------------------


def test_every_step_accounts_for_every_cell() -> None:
    model = run(small(until="10 d", treatments=[{"at": "2.3 d", "tae": {"beads": "40 um"}}]))
    records = model.records
    assert records.viable[-1] < 0.8 * records.viable[0]
    for before, totals in zip(records.viable, records.totals, strict=False):
        assert totals.viable == before - sum(totals.deaths) + totals.births - totals.blocked
    deaths = np.sum([t.deaths for t in records.totals], axis=0)
    assert np.array_equal(model.state.deaths.sum(axis=0), deaths)
    cells, target = model.population.viable_of_sites(), model.virtual_patient.anatomy.target
    assert records.viable[-1] == cells.sum() and records.in_target[-1] == cells[target].sum() == model.viable_in_target
    assert records.dying[-1] == model.state.dying.sum()
    assert len(records.viable) == len(records.in_target) == len(records.dying) == 21 == len(records.totals) + 1


def test_the_first_row_counts_the_untreated_tumour() -> None:
    model = small()
    assert model.records.viable == [int(model.state.viable.sum())]
    assert model.records.dying == [int(model.state.dying.sum())] and model.records.dying[0] > 0
    target = model.virtual_patient.anatomy.target
    assert model.records.in_target == [int(model.state.viable[target].sum())]


def test_a_tumour_that_reaches_the_face_of_the_box_is_noted() -> None:
    fast = {"tissue__size": "13 mm", "tissue__tumour__diameter": "11 mm", "tissue__tumour__doubling_time": "8 d"}
    model = small(until="20 d", tissue__tumour__satellites=0, tissue__tumour__septa=0, **fast)
    assert not model.records.touched_face
    assert run(model).records.touched_face
    assert not run(small()).records.touched_face


def test_hazards_come_from_registered_causes_only() -> None:
    model = small()
    hazard = np.zeros((model.virtual_patient.lattice.n_sites, 4))
    for cause in ("heat", "ischaemia", "turnover"):
        with pytest.raises(InputError, match=f"'{cause}' is not a cause"):
            model.add_hazard(cause, hazard)


def test_a_hazard_is_finite_and_not_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Embolisation, "causes", ("heat",))
    model = small(treatments=[{"at": "1 d", "tae": {"number": 0}}])
    good = np.full((model.virtual_patient.lattice.n_sites, 4), 0.25)
    for bad in (good[:, 0], good[:-1], -good, good * np.nan, good * np.inf):
        with pytest.raises(ValueError, match="hazard of 'heat'"):
            model.add_hazard("heat", bad)
    model.add_hazard("heat", good)
    model.add_hazard("heat", good)
    assert good.max() == 0.25  # what was given is not written to
    before = model.records.viable[0]
    model.step()
    assert model.records.viable[-1] == pytest.approx(before * np.exp(-0.5), rel=0.01)
    assert model.state.deaths[:, model.state.cause("heat")].sum() > 0.38 * before
    model.step()  # a pulse is one step's
    assert model.records.viable[-1] > 0.99 * model.records.viable[-2]


# --- what it is asked ------------------------------------------------------------------------------------


def test_an_image_shows_the_tumour_and_its_arteries() -> None:
    model = small()
    image, anatomy = model.image(), model.virtual_patient.anatomy
    assert np.mean(image.visible[anatomy.tumour]) > 0.95 and not image.visible[anatomy.compartment == 0].any()
    assert image.diameter == pytest.approx(12e-3, abs=2.1e-3)
    assert [a.name for a in image.arteries] == ["feeder_1", "feeder_2", "feeder_3"]
    model.state.viable[:] = 0
    assert model.image().nothing_visible


def test_a_dead_or_bloodless_tumour_is_not_visible() -> None:
    model = run(
        small(until="20 d", tissue__tumour__capsule="intact", treatments=[{"at": "0 d", "tae": {"beads": "40 um"}}])
    )
    assert model.image().visible.sum() < 0.3 * model.virtual_patient.anatomy.tumour.sum()


def test_arguments_are_scenario_paths() -> None:
    case = Scenario.from_dict(SMALL)
    model = TumorModel(case=case, tissue__tumour__diameter="9 mm", until="1 d", threads=2)
    assert model.case == case.replace(tissue__tumour__diameter="9 mm", until="1 d")
    assert model.threads == 2 and case.until == 3 * DAY
    with pytest.raises(InputError, match="Did you mean 'diameter'"):
        TumorModel(case=case, tissue__tumour__diametre="9 mm")
    with pytest.raises(TypeError):
        TumorModel(case)  # type: ignore[misc]


@pytest.mark.parametrize("seed", [-1, 2**32, True])
def test_a_seed_is_a_whole_number_of_32_bits(seed: int) -> None:
    with pytest.raises(InputError, match="seed"):
        TumorModel(case=Scenario.from_dict(SMALL), seed=seed)
    if seed is not True:
        with pytest.raises(InputError, match="seed"):
            Scenario.from_dict(SMALL).replace(seed=seed)
