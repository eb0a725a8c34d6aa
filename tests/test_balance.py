"""The untreated tumour doubles in the time that was asked for, from the first step on, on any grid."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tumorsim.model import TumorModel
from tumorsim.scenario import Scenario

DAY = 86_400


def run(model: TumorModel) -> TumorModel:
    while model.running:
        model.step()
    return model


def doubling_days(model: TumorModel, first: float = 0.0, last: float | None = None) -> float:
    """Doubling time [d] of all tumour cells between two shares of the run."""
    viable, per_day = model.records.viable, DAY / model.case.step
    a = round(first * (len(viable) - 1))
    b = len(viable) - 1 if last is None else round(last * (len(viable) - 1))
    return (b - a) / per_day * math.log(2.0) / math.log(viable[b] / viable[a])


# the whole table stands in experiments/physics/README.md
@pytest.mark.parametrize(
    ("spacing", "step", "diameter"),
    [
        ("1 mm", "24 h", "42 mm"),
        ("2 mm", "6 h", "42 mm"),
        ("2 mm", "12 h", "42 mm"),
        ("2 mm", "24 h", "42 mm"),
        ("1 mm", "6 h", "25 mm"),
        ("1 mm", "12 h", "25 mm"),
    ],
)
def test_the_untreated_tumour_doubles_in_its_doubling_time(spacing: str, step: str, diameter: str) -> None:
    case = Scenario.load("untreated").replace(
        until="60 d", step=step, tissue__spacing=spacing, tissue__tumour__diameter=diameter
    )
    model = run(TumorModel(case=case))
    assert doubling_days(model) == pytest.approx(140, rel=0.10)
    assert doubling_days(model, 0.0, 1 / 3) == pytest.approx(140, rel=0.05)
    assert doubling_days(model, 2 / 3) == pytest.approx(140, rel=0.10)
    assert not model.records.touched_face and sum(t.blocked for t in model.records.totals) == 0


@pytest.mark.parametrize("days", [30, 70, 300])
@pytest.mark.parametrize("capsule", ["none", "intact"])
def test_other_doubling_times_and_no_capsule(days: int, capsule: str) -> None:
    case = Scenario.load("untreated").replace(
        until=f"{min(days, 60)} d", step="24 h", tissue__spacing="2 mm",
        tissue__tumour__doubling_time=f"{days} d", tissue__tumour__capsule=capsule,
    )  # fmt: skip
    assert doubling_days(run(TumorModel(case=case))) == pytest.approx(days, rel=0.10)


SMALL: dict[str, Any] = {
    "name": "small",
    "until": "2 d",
    "seed": 7,
    "tissue": {"size": "30 mm", "tumour": {"diameter": "14 mm", "capsule": "intact", "septa": 1}},
    "vessels": {"feeders": 2, "terminals": 150},
}


@pytest.mark.parametrize("step", ["1 h", "6 h", "24 h"])
def test_the_start_is_in_balance(step: str) -> None:
    """What dies, becomes debris and is resorbed fits from the first step on; nothing jumps."""
    model = TumorModel(case=Scenario.from_dict(SMALL, step=step, until="20 d"))
    state, cells = model.state, model.population
    sites = cells.members
    full = cells.capacity * len(sites)
    assert np.all(state.viable[sites].sum(axis=1) + state.dying[sites] + state.debris[sites] <= cells.capacity)
    filled = state.viable.sum() + state.dying.sum() + float(state.debris.sum(dtype=np.float64))
    assert filled == pytest.approx(full, rel=0.002)
    dying, debris = state.dying.sum() / full, float(state.debris.sum(dtype=np.float64)) / full
    hypoxic = state.viable[sites][:, [1, 3]].sum() / state.viable[sites].sum()
    run(model)
    grown = model.records.viable[-1] / model.records.viable[0]
    assert state.dying.sum() / full / grown == pytest.approx(dying, rel=0.15)
    assert float(state.debris.sum(dtype=np.float64)) / full / grown == pytest.approx(debris, rel=0.15)
    now = state.viable[cells.members]
    assert now[:, [1, 3]].sum() / now.sum() == pytest.approx(hypoxic, rel=0.15)
    growth = np.diff(np.log(model.records.viable)) * 140 * DAY / math.log(2) / model.case.step
    assert np.all(np.abs(growth - 1.0) < 0.1), growth  # every single step


def test_oxygen_at_the_start_is_that_of_the_cells_there() -> None:
    model = TumorModel(case=Scenario.from_dict(SMALL))
    before = {name: getattr(model.state, name).copy() for name in ("po2", "share10", "share2p5", "share0p5")}
    model.oxygenation.everywhere(model.state, model.population)
    for name, old in before.items():
        new = getattr(model.state, name)
        limit = 0.5 if name == "po2" else 0.01
        assert np.abs(new - old).max() < limit, name
    assert np.all(model.state.anoxic_lag[model.state.compartment == 0] == 0.0)  # healthy liver is not short


def test_a_doubling_time_that_cells_cannot_reach_is_refused() -> None:
    from tumorsim.errors import InputError

    with pytest.raises(InputError, match="the shortest is"):
        TumorModel(case=Scenario.from_dict(SMALL, tissue__tumour__doubling_time="2 d", until="1 d"))
