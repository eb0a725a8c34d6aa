"""Oxygen kept up to date at the least cost: skipping what has not changed changes no bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tumorsim.model import TumorModel
from tumorsim.oxygenation import LEVELS, Oxygenation
from tumorsim.scenario import Scenario
from tumorsim.state import LIVER

SMALL: dict[str, Any] = {
    "name": "small",
    "until": "12 d",
    "seed": 7,
    "tissue": {"size": "26 mm", "tumour": {"diameter": "10 mm", "capsule": "none", "septa": 1, "satellites": 1}},
    "vessels": {"feeders": 2, "terminals": 120},
}
# one lobe's arteries, the tumour's among them
TAE = {"at": "2.3 d", "tae": {"catheter": "right", "beads": "40 um"}}
ISCHAEMIC_LIVER = {
    "perfusion.liver_cirrhotic_portal": "1 mL/min/100mL",
    "perfusion.liver_cirrhotic_arterial": "60 mL/min/100mL",
}
CASES: dict[str, dict[str, Any]] = {
    "untreated": {},
    "embolised": {"treatments": [TAE]},
    "embolised twice in a step": {"treatments": [TAE, {"at": "2.4 d", "tae": {"beads": "40 um"}}]},
    # liver that is short of oxygen dies, and tumour grows into it
    "liver short of oxygen": {
        "treatments": [{"at": "2.3 d", "tae": {"catheter": "segment_7", "beads": "40 um"}}],
        "parameters": ISCHAEMIC_LIVER,
        "tissue__tumour__doubling_time": "20 d",
    },
    "one cell a site": {"tissue__density": "1e3 1/mL", "tissue__tumour__doubling_time": "20 d", "treatments": [TAE]},
}


def run(model: TumorModel) -> TumorModel:
    while model.running:
        model.step()
    return model


@pytest.mark.parametrize("name", CASES)
def test_skipping_changes_no_bit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Scenario.from_dict(SMALL, **CASES[name])
    skipping = run(TumorModel(case=case))
    if name == "liver short of oxygen":
        taken = (skipping.virtual_patient.anatomy.compartment == LIVER) & (skipping.state.compartment != LIVER)
        assert np.any(taken & (skipping.state.liver_hazard > 0.0))
    monkeypatch.setattr(Oxygenation, "refresh", Oxygenation.everywhere)
    always = run(TumorModel(case=case))
    for spec in skipping.state.specs():
        one, other = (getattr(m.state, spec.name) for m in (skipping, always))
        assert np.array_equal(one, other), f"{spec.name}: {np.count_nonzero(np.asarray(one) != other)} differ"
    assert skipping.records.totals == always.records.totals


def test_skipping_does_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    model = TumorModel(case=Scenario.from_dict(SMALL))
    sizes: list[int] = []
    update = model.virtual_patient.oxygen.update

    def spy(state: Any, sites: Any, *args: Any) -> None:
        sizes.append(len(sites))
        update(state, sites, *args)

    object.__setattr__(model.virtual_patient.oxygen, "update", spy)
    run(model)
    tumour = len(model.population.members)
    assert sizes[0] == np.count_nonzero(model.state.compartment != 255)  # once everywhere
    assert max(sizes[1:]) <= tumour + 10 and sum(sizes[1:]) < 0.5 * tumour * model.clock.n_steps


def test_the_living_share_is_counted_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """One cell less in a full site is no change; a whole step is; any living cell consumes something."""
    model = TumorModel(case=Scenario.from_dict(SMALL))
    model.step()
    state, oxygen = model.state, model.oxygenation
    oxygen.refresh(state, model.population)
    site = model.population.members[np.argmin(state.po2[model.population.members])]
    before = state.po2.copy(), float(oxygen.living[site])
    state.viable[site] = 0
    state.viable[site, 0] = 1
    oxygen.refresh(state, model.population)
    assert oxygen.living[site] == np.float32(1 / LEVELS)
    assert state.po2[site] > before[0][site]  # who consumes less leaves more
    after = state.po2.copy()
    state.viable[site, 0] = model.virtual_patient.capacity // LEVELS
    oxygen.refresh(state, model.population)
    assert np.array_equal(state.po2, after)
    state.viable[site, 0] += 1
    oxygen.refresh(state, model.population)
    assert oxygen.living[site] == np.float32(2 / LEVELS) and state.po2[site] < after[site]


def test_a_new_step_begins_without_hazard() -> None:
    model = TumorModel(case=Scenario.from_dict(SMALL, treatments=[TAE]))
    for _ in range(8):
        model.step()
        assert not any(h.any() for h in model.oxygenation.hazards)
    assert model.state.deaths[:, 0].sum() > 0


def test_a_claimed_site_is_dealt_with_once() -> None:
    """Liver that is short of oxygen and that tumour has taken counts as tumour, and no longer as liver."""
    case = Scenario.from_dict(SMALL, **CASES["liver short of oxygen"])
    model = TumorModel(case=case)
    short = np.zeros(model.virtual_patient.lattice.n_sites, dtype=bool)
    while model.running:
        liver = model.state.compartment == LIVER
        hazard = model.state.liver_hazard.copy()
        model.step()
        assert np.all(model.state.liver_hazard[~liver] == hazard[~liver])
        short |= (model.state.compartment == LIVER) & (model.state.liver_hazard > 0)
    assert np.any(short & (model.state.compartment != LIVER))
