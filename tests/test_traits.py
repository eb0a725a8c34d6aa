"""Traits in whole runs: what cells differ in, what survivors remember, and that the laws still hold."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from tumorsim import _jit
from tumorsim.errors import InputError
from tumorsim.hazards.frailty import survival
from tumorsim.hazards.traits import TRAITS
from tumorsim.model import TumorModel
from tumorsim.outcomes.residue import Attempt, Reason
from tumorsim.scenario import Scenario, schema
from tumorsim.studies import observe
from tumorsim.treatments import base
from tumorsim.treatments.base import Delivery, Kind, Plan, Treatment, registry
from tumorsim.treatments.spec import Spec

DAY = 86_400
ONE_SLOT = {
    "oxygen.consumption_tumour": "0.1 mmHg/s",
    "oxygen.consumption_liver": "0.1 mmHg/s",
    "cells.growth_fraction": 1.0,
    "cells.turnover": "0 1/d",
    "cells.repopulation": 0.0,
    "imaging.smallest_artery": "0.1 mm",
}
SMALL: dict[str, Any] = {
    "name": "small",
    "until": "6 d",
    "step": "12 h",
    "seed": 7,
    "tissue": {"size": "30 mm", "tumour": {"diameter": "12 mm", "satellites": 1, "doubling_time": "140 d"}},
    "vessels": {"feeders": 4, "terminals": 150},
    "parameters": {"imaging.smallest_artery": "0.1 mm"},
}
OFF = {f"traits.{t}_{level}": 0.0 for t in TRAITS for level in ("patient", "region", "cell")}


class PulseSpec(Spec):
    dose: float = 1.0

    def describe(self) -> str:
        return f"a hazard of {self.dose}"


class Pulse(Treatment):
    """The same hazard everywhere, on the whole visible tumour."""

    def plan(self, images: Any, **context: Any) -> Plan:
        return Plan(images.visible, {"dose": self.spec.dose})

    def deliver(self, plan: Plan, patient: Any, **context: Any) -> Delivery:
        if self.spec.dose == 0.0:
            return Delivery({"dose": 0.0}, changed=False)
        (cause,) = self.causes
        context["pulse"](cause, np.full((patient.lattice.n_sites, 4), self.spec.dose))
        return Delivery({"dose": self.spec.dose}, changed=True)

    def attempt(self, plan: Plan, delivery: Delivery, patient: Any, state: Any) -> Attempt:
        nowhere = np.zeros(patient.lattice.n_sites, dtype=bool)
        dead = state.deaths[:, [state.cause(c) for c in self.causes if c in state.causes]].sum(axis=1)
        left = state.viable_cells()
        return Attempt(
            delivered=delivery.changed, planned=plan.sites, missed=nowhere, other_supply=nowhere, low_dose=nowhere,
            received=np.log10((left + dead + 1.0) / (left + 1.0)),
        )  # fmt: skip


class Ray(Pulse):
    causes: ClassVar[tuple[str, ...]] = ("ray",)
    traits: ClassVar[dict[str, str]] = {"ray": "radiosensitivity"}


class Poison(Pulse):
    causes: ClassVar[tuple[str, ...]] = ("poison",)
    traits: ClassVar[dict[str, str]] = {"poison": "drug_sensitivity"}


class Heat(Pulse):
    causes: ClassVar[tuple[str, ...]] = ("heat",)
    traits: ClassVar[dict[str, str]] = {"heat": "heat_sensitivity"}


class Plain(Pulse):
    causes: ClassVar[tuple[str, ...]] = ("plain",)


PULSES = {"ray": Ray, "poison": Poison, "heat": Heat, "plain": Plain}


@pytest.fixture(autouse=True)
def pulses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    kinds = tuple(Kind(name, PulseSpec, f"{__name__}:{c.__name__}", name) for name, c in PULSES.items())
    point = SimpleNamespace(value="traits:KINDS", load=lambda: kinds)
    monkeypatch.setattr(base, "entry_points", lambda group: [point] if group == base.ENTRY_POINTS else [])
    caches = (registry, schema.item_model, schema.file_model)
    for cache in caches:
        cache.cache_clear()
    yield
    monkeypatch.undo()
    for cache in caches:
        cache.cache_clear()


def small(*treatments: dict[str, Any], **changes: Any) -> Scenario:
    return Scenario.from_dict(SMALL, treatments=list(treatments), **changes)


def run(model: TumorModel, until: float | None = None) -> TumorModel:
    while model.running and (until is None or model.now < until * DAY):
        model.step()
    return model


def still(patient: int = 0, **parameters: Any) -> TumorModel:
    """One slot, no growth."""
    model = TumorModel(case=small(parameters={**ONE_SLOT, **parameters}), patient=patient)
    model.population.p_birth = 0.0
    return model


def arm(past: TumorModel, *treatments: dict[str, Any]) -> TumorModel:
    return past.fork(past.case.replace(treatments=list(treatments)))


def dose(kind: str, at: str, much: float) -> dict[str, Any]:
    return {"at": at, kind: {"dose": much}}


def spy(model: TumorModel) -> np.ndarray:
    """Cumulative hazard that the cells are handed, [site, slot]."""
    total = np.zeros((model.virtual_patient.lattice.n_sites, 4))
    advance = model.population.advance

    def watched(h_i: Any, h_s: Any, step: int, h: Any = None, c: Any = None, **more: Any) -> Any:
        if h is not None:
            total[:] += h.sum(axis=0)
        return advance(h_i, h_s, step, h, c, **more)

    model.population.advance = watched  # type: ignore[method-assign]
    return total


# --- law 1 and the coupling ledger -----------------------------------------------------------------------


def test_expected_survivors_are_the_sum_of_n_and_the_survival_of_frailty() -> None:
    past = still(**{"traits.drug_sensitivity_cell": 0.5})
    n0 = past.state.viable.sum(axis=1).astype(float)
    model = arm(past, dose("poison", "1 h", 4.0), dose("ray", "2 d", 2.0), dose("poison", "4 d", 3.0))
    total = spy(model)
    run(model)
    traits = past.virtual_patient.traits
    here = np.flatnonzero(n0)
    felt = traits.sensitivity(here) * np.array([2.0, 7.0, 0.0])
    expected = n0[here] * survival(felt, traits.theta, traits.shared)
    assert np.allclose(total[here, 0], -np.log(expected / n0[here]), rtol=1e-12)
    n = model.state.viable.sum(axis=1)[here]
    assert abs(n.sum() - expected.sum()) < 4 * math.sqrt(expected.sum())
    z = (n - expected) / np.sqrt(expected)
    assert 0.85 < z.std() < 1.15
    assert expected.sum() > 3 * (n0[here] * np.exp(-felt.sum(axis=1))).sum()  # frailty counts


def test_any_order_over_days_leaves_the_same_hazard_in_every_slot() -> None:
    past = still()
    sums = []
    for order in itertools.permutations(("ray", "poison", "heat")):
        model = arm(past, *(dose(kind, f"{0.3 + 1.7 * k} d", 2.0) for k, kind in enumerate(order)))
        total = spy(model)
        run(model)
        sums.append((total[model.population.members], model.state.frailty.copy()))
    for total, frailty in sums[1:]:
        assert np.allclose(total, sums[0][0], rtol=1e-12, atol=0.0)
        assert np.allclose(frailty, sums[0][1], rtol=1e-12, atol=0.0)
    assert len(np.unique(np.round(sums[0][0][:, 0], 6))) > 100  # places differ


def test_in_one_step_any_order_leaves_the_same_cells() -> None:
    past = still()
    ends = [
        run(arm(past, *(dose(kind, at, 2.0) for at, kind in zip(("1 h", "4 h", "9 h"), order, strict=True))), 1)
        for order in itertools.permutations(("ray", "poison", "heat"))
    ]
    assert len({m.state.hash() for m in ends}) == 1


def test_without_variation_hazards_count_as_they_are() -> None:
    """To the bit: the same cells as by a treatment without a trait."""
    past = still(**OFF)
    ends = []
    for kind in ("poison", "plain"):
        model = arm(past, dose(kind, "1 h", 3.0), dose(kind, "3 d", 2.0))
        total = spy(model)
        run(model)
        assert model.state.sizes.traits == 0 and np.all(total[past.population.members] == 5.0)
        ends.append(model.state)
    assert np.array_equal(ends[0].viable, ends[1].viable) and np.array_equal(ends[0].deaths, ends[1].deaths)


def test_a_cause_without_a_trait_is_felt_alike_by_all() -> None:
    past = still()
    model = arm(past, dose("plain", "1 h", 3.0))
    total = spy(model)
    run(model)
    assert model.state.sizes.traits == 0 and np.all(total[past.population.members] == 3.0)


# --- laws 3 and 4 ----------------------------------------------------------------------------------------


def test_more_hazard_never_leaves_more_survivors() -> None:
    past = still()
    left = []
    for much in (0.5, 0.500001, 2.0, 6.0, 14.0, 30.0):
        model = arm(past, dose("poison", "6 h", much), dose("ray", "7 h", 1.0))
        model.step()
        left.append(model.state.viable.sum(axis=1))
    for less, more in itertools.pairwise(left):
        assert np.all(more <= less) and more.sum() < less.sum()


def test_dose_zero_leaves_no_trace() -> None:
    past = run(TumorModel(case=small()), 2)
    none, null = run(past.fork()), run(arm(past, dose("poison", "3 d", 0.0)))
    assert null.state.hash() == none.state.hash() and null.state.sizes.traits == 0


LIVELY = (dose("poison", "1.2 d", 3.0), dose("ray", "2.6 d", 2.0), dose("heat", "4.1 d", 1.5))


@pytest.fixture(scope="module")
def lively() -> Any:
    return {}


def whole(lively: dict[str, Any]) -> TumorModel:
    if "run" not in lively:
        lively["run"] = run(TumorModel(case=small(*LIVELY)))
    return lively["run"]


@pytest.mark.parametrize("stop", [1.0, 2.0, 4.5])
def test_saved_loaded_and_forked_it_goes_on_bit_for_bit(stop: float, lively: Any, tmp_path: Any) -> None:
    first = whole(lively)
    assert first.state.sizes.traits == 4 and 0 < first.records.viable[-1] < 0.3 * first.records.viable[0]
    model = run(TumorModel(case=first.case), stop)
    model.save(tmp_path / "run.npz")
    for other in (TumorModel.load(tmp_path / "run.npz"), model.fork(), model):
        end = run(other)
        assert end.state.hash() == first.state.hash() and end.records.viable == first.records.viable


def test_threads_change_no_bit(lively: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = whole(lively)
    monkeypatch.setattr(_jit, "SERIAL_BELOW", 50)
    assert run(TumorModel(case=first.case, threads=2)).state.hash() == first.state.hash()


def test_arms_share_the_patient_and_patients_differ() -> None:
    one, other = TumorModel(case=small(*LIVELY)), TumorModel(case=small())
    a, b = one.virtual_patient.traits, other.virtual_patient.traits
    sites = one.population.members
    assert np.array_equal(a.sensitivity(sites), b.sensitivity(sites))
    third = TumorModel(case=small(), patient=1).virtual_patient.traits
    assert not np.isclose(a.patient, third.patient).any()


def test_survivors_of_one_drug_withstand_the_next_better_and_their_daughters_too() -> None:
    past = run(TumorModel(case=small(parameters={**SMALL["parameters"], "traits.drug_sensitivity_cell": 0.8})), 0.5)
    model = run(arm(past, dose("poison", "0.6 d", 3.0)))
    cells = model.state.viable.astype(float)
    mean = (model.state.frailty * cells[:, :, None]).sum(axis=(0, 1)) / cells.sum()
    assert mean[2] < 0.5 and mean[0] < 0.9  # less sensitive to drugs, and by the shared part a little to all
    assert np.allclose(mean[[1, 3]], 1.0)
    assert sum(t.births for t in model.records.totals) > 1000


def test_tissue_of_single_cells_has_traits() -> None:
    case = Scenario.from_dict(
        {
            "name": "spheroid", "until": "1 d", "step": "6 h", "seed": 3,
            "tissue": {"spacing": "20 um", "culture": {"medium": "100 mmHg"},
                       "tumour": {"diameter": "240 um", "doubling_time": "12 d"}},
            "treatments": [dose("poison", "2 h", 1.0)],
        }
    )  # fmt: skip
    model = run(TumorModel(case=case))
    assert model.state.sizes.one_cell and model.state.frailty.shape[1:] == (1, 4)
    alive = (model.state.phase > 0) & (model.state.phase < 5)
    assert 0 < alive.sum() < model.records.viable[0] and np.all(model.state.frailty[alive, 0, 2] < 1.0)


# --- why residue survived --------------------------------------------------------------------------------


def test_residue_that_selection_left_is_resistant() -> None:
    lasting = still(**{"traits.drug_sensitivity_cell": 1.2})
    model = run(arm(lasting, dose("poison", "1 h", 22.0)))
    left = model.state.viable.sum(axis=1) > 0
    planned = model.records.done[0].plan.sites
    assert (left & planned).sum() > 50
    assert np.all(observe.reasons(model)[left & planned] == Reason.RESISTANT)
    # alike cells of the same mean die, or live for another reason
    plain = run(arm(lasting, dose("plain", "1 h", 6.0)))
    assert not np.any(observe.reasons(plain) == Reason.RESISTANT)
    low = run(arm(lasting, dose("poison", "1 h", 0.5)))
    assert not np.any(observe.reasons(low) == Reason.RESISTANT)


def test_impossible_traits_are_refused_before_the_run() -> None:
    for name, value in (("traits.shared", 1.5), ("traits.correlation_length", "10 um")):
        with pytest.raises(InputError, match=name):
            TumorModel(case=small(parameters={name: value}))
