"""The couplings between treatments: each switch on its own, and no effect of order with all of them off."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import fields
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.model import TumorModel
from tumorsim.outcomes.expected import expected_of_sites, expected_residue
from tumorsim.outcomes.residue import Attempt
from tumorsim.scenario import Couplings, Scenario, common_past, schema
from tumorsim.scenario.explain import explain
from tumorsim.scenario.load import values_from_texts
from tumorsim.treatments import base
from tumorsim.treatments.base import Delivery, Kind, Plan, Treatment, registry
from tumorsim.treatments.spec import Spec

DAY = 86_400
NAMES = tuple(f.name for f in fields(Couplings))
ALL_OFF = dict.fromkeys(NAMES, "off")
SMALL: dict[str, Any] = {
    "name": "small",
    "until": "8 d",
    "step": "12 h",
    "seed": 7,
    "tissue": {"size": "26 mm", "tumour": {"diameter": "12 mm", "capsule": "intact", "septa": 2}},
    "vessels": {"feeders": 3, "terminals": 120},
    "parameters": {"imaging.smallest_artery": "0.1 mm", "embolisation.missed_feeder": 0},
}
TAE = {"beads": "40 um"}


def small(couplings: dict[str, str] | None = None, **changes: Any) -> Scenario:
    return Scenario.from_dict({**SMALL, "couplings": couplings or {}}, **changes)


def run(model: TumorModel, days: float | None = None) -> TumorModel:
    while model.running and (days is None or model.now < days * DAY):
        model.step()
    return model


# --- treatments that are nothing but a hazard within one step --------------------------------------------


class PulseSpec(Spec):
    dose: float = 1.0

    def describe(self) -> str:
        return f"a hazard of {self.dose}"


class Pulse(Treatment):
    def hazard(self, patient: Any) -> np.ndarray:
        raise NotImplementedError

    def plan(self, images: Any, **context: Any) -> Plan:
        return Plan(images.visible, {"dose": self.spec.dose})

    def deliver(self, plan: Plan, patient: Any, **context: Any) -> Delivery:
        (cause,) = self.causes
        context["pulse"](cause, np.ascontiguousarray(self.hazard(patient)))
        return Delivery({"dose": self.spec.dose}, changed=True)

    def attempt(self, plan: Plan, delivery: Delivery, patient: Any, state: Any) -> Attempt:
        raise NotImplementedError


class Uniform(Pulse):
    """The same everywhere."""

    causes: ClassVar[tuple[str, ...]] = ("uniform",)

    def hazard(self, patient: Any) -> np.ndarray:
        return np.full((patient.lattice.n_sites, 4), self.spec.dose)


class Gradient(Pulse):
    """From nothing at one face of the box to twice the dose at the other."""

    causes: ClassVar[tuple[str, ...]] = ("gradient",)

    def hazard(self, patient: Any) -> np.ndarray:
        x = patient.lattice.centres()[:, 0]
        return np.repeat((self.spec.dose * 2.0 * (x - x.min()) / np.ptp(x))[:, None], 4, axis=1)


class BySlot(Pulse):
    """Hypoxic cells a third as sensitive as oxic ones, quiescent cells half."""

    causes: ClassVar[tuple[str, ...]] = ("by slot",)

    def hazard(self, patient: Any) -> np.ndarray:
        return np.tile(self.spec.dose * np.array([1.0, 1.0 / 3.0, 0.5, 1.0 / 6.0]), (patient.lattice.n_sites, 1))


PULSES = {"uniform": Uniform, "gradient": Gradient, "by_slot": BySlot}


@pytest.fixture
def pulses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The three kinds, as a package of its own would bring them."""
    kinds = tuple(Kind(name, PulseSpec, f"{__name__}:{c.__name__}", name) for name, c in PULSES.items())
    point = SimpleNamespace(value="pulses:KINDS", load=lambda: kinds)
    monkeypatch.setattr(base, "entry_points", lambda group: [point] if group == base.ENTRY_POINTS else [])
    caches = (registry, schema.item_model, schema.file_model)
    for cache in caches:
        cache.cache_clear()
    yield
    monkeypatch.undo()
    for cache in caches:
        cache.cache_clear()


def arm(past: TumorModel, *treatments: dict[str, Any]) -> TumorModel:
    return past.fork(past.case.replace(treatments=list(treatments)))


def permuted(past: TumorModel, times: tuple[str, ...], dose: float) -> list[TumorModel]:
    """The three pulses at these times in all six orders, run to the end."""
    return [
        run(arm(past, *({"at": at, kind: {"dose": dose}} for at, kind in zip(times, order, strict=True))))
        for order in itertools.permutations(PULSES)
    ]


def expected(model: TumorModel) -> float:
    ledger = model.records.ledger
    assert ledger is not None
    return expected_residue(ledger.n0, ledger.total(), model.virtual_patient.anatomy.target[ledger.sites])


# --- the ledger ------------------------------------------------------------------------------------------


def test_with_all_off_every_order_leaves_the_same_hazard_in_every_slot(pulses: None) -> None:
    past = TumorModel(case=small(ALL_OFF))
    ends = permuted(past, ("1.3 d", "3.4 d", "5.5 d"), 1.4)
    ledgers = [m.records.ledger for m in ends]
    first = ledgers[0].total()
    assert first.min() > 0.3 and np.ptp(first[:, 0]) > 0.5 and not np.allclose(first[:, 0], first[:, 3])
    # want of oxygen is in it, of hypoxic slots alone
    assert ledgers[0].of_cause["starvation"][:, 1].max() > 0 and not ledgers[0].of_cause["starvation"][:, ::2].any()
    for ledger in ledgers[1:]:
        assert np.allclose(ledger.total(), first, rtol=1e-12, atol=0.0)
    residue = [expected(m) for m in ends]
    assert np.allclose(residue, residue[0], rtol=1e-12, atol=0.0)
    # what was drawn scatters about it, one draw a step and slot
    drawn = [m.viable_in_target for m in ends]
    assert len(set(drawn)) > 1
    assert max(abs(n - residue[0]) for n in drawn) < 4.5 * math.sqrt(residue[0])


def test_with_all_off_and_all_in_one_step_the_drawn_cells_are_equal_bit_for_bit(pulses: None) -> None:
    past = TumorModel(case=small(ALL_OFF, until="3 d"))
    ends = permuted(past, ("25 h", "29 h", "35 h"), 1.4)
    assert len({m.state.hash() for m in ends}) == 1
    assert all(m.records.totals == ends[0].records.totals for m in ends)
    assert 0 < ends[0].viable_in_target < 0.3 * past.viable_in_target
    assert [d.event.kind for d in ends[-1].records.done] == ["by_slot", "gradient", "uniform"]


@pytest.mark.parametrize("on", ["oxygen", "growth", None])
def test_order_can_matter_through_a_coupling(pulses: None, on: str | None) -> None:
    """Through oxygen alone (fewer cells leave more of it), through growth alone, and with all of them."""
    couplings = {} if on is None else {**ALL_OFF, on: "on"}
    past = TumorModel(case=small(couplings, until="12 d", tissue__tumour__doubling_time="20 d"))
    weak, strong = {"by_slot": {"dose": 0.1}}, {"uniform": {"dose": 3.0}}
    orders = ([{"at": "1 d", **a}, {"at": "8 d", **b}] for a, b in ((weak, strong), (strong, weak)))
    one, other = (run(arm(past, *order)) for order in orders)
    n, m = one.viable_in_target, other.viable_in_target
    assert abs(n - m) > 10 * math.sqrt(n + m)  # far beyond the luck of draws
    if on == "oxygen":
        assert not np.allclose(one.records.ledger.total(), other.records.ledger.total(), rtol=1e-6)
        assert abs(expected(one) / expected(other) - 1.0) > 1e-3
    else:
        assert one.records.ledger is None


def test_the_ledger_is_a_record_that_is_saved_and_forked(pulses: None, tmp_path: Any) -> None:
    items = [{"at": "1.3 d", "by_slot": {}}, {"at": "3 d", "gradient": {}}]
    whole = run(TumorModel(case=small(ALL_OFF, treatments=items)))
    half = run(TumorModel(case=whole.case), 2)
    before = half.records.ledger.total()
    half.save(tmp_path / "run.npz")
    back = TumorModel.load(tmp_path / "run.npz")
    for twin in (run(back), run(half.fork())):
        assert twin.state.hash() == whole.state.hash()
        assert np.array_equal(twin.records.ledger.total(), whole.records.ledger.total())
        assert np.array_equal(twin.records.ledger.n0, whole.records.ledger.n0)
    assert np.array_equal(half.records.ledger.total(), before)


def test_expected_residue_is_a_sum_over_slots_and_sites() -> None:
    n0, hazard = np.array([[10, 0, 5, 0], [100, 1, 0, 0]]), np.array([[0.0, 9, 1, 9], [2.0, 0.5, 9, 9]])
    sites = [10 + 5 * math.exp(-1), 100 * math.exp(-2) + math.exp(-0.5)]
    assert expected_of_sites(n0, hazard) == pytest.approx(sites, rel=1e-15)
    assert expected_residue(n0, hazard) == pytest.approx(sum(sites), rel=1e-15)
    assert expected_residue(n0, hazard, np.array([False, True])) == pytest.approx(sites[1], rel=1e-15)
    assert expected_residue(n0, hazard + np.inf) == 0.0
    for wrong in (hazard[:1], -hazard, hazard * np.nan):
        with pytest.raises(ValueError, match="must fit"):
            expected_residue(n0, wrong)


# --- one switch at a time --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def coupled() -> TumorModel:
    """Embolised at the start of the third day, all couplings on."""
    return run(TumorModel(case=small(treatments=[{"at": "2 d", "tae": TAE}])))


@pytest.fixture(scope="module")
def untreated() -> TumorModel:
    return run(TumorModel(case=small()))


def embolised(*off: str, **changes: Any) -> TumorModel:
    case = small(dict.fromkeys(off, "off"), treatments=[{"at": "2 d", "tae": TAE}], **changes)
    return run(TumorModel(case=case))


def test_the_embolisation_these_tests_look_at_does_something(coupled: TumorModel, untreated: TumorModel) -> None:
    assert coupled.viable_in_target < 0.5 * untreated.viable_in_target
    assert coupled.records.done[0].delivery.delivered["lodged"] > 100


def test_perfusion_off_leaves_tissue_its_blood(coupled: TumorModel, untreated: TumorModel) -> None:
    found = embolised("perfusion")
    for name in ("q_arterial", "q_portal", "q_extrahepatic"):
        assert np.array_equal(getattr(found.state, name), getattr(found.virtual_patient.new_state(), name))
    assert not np.array_equal(coupled.state.q_arterial, found.state.q_arterial)
    # vessels are closed all the same, and a later catheter meets them so
    assert np.array_equal(found.state.edge_beads, coupled.state.edge_beads)
    assert found.state.edge_flow[found.state.edge_beads > 0].sum() < 1e-3 * untreated.state.edge_flow.sum()
    assert np.array_equal(found.state.viable, untreated.state.viable)


def test_oxygen_off_keeps_the_oxygen_of_the_untreated_tumour(coupled: TumorModel, untreated: TumorModel) -> None:
    found = embolised("oxygen")
    start = TumorModel(case=found.case).state
    for name in ("po2", "share10", "share2p5", "share0p5"):
        assert np.array_equal(getattr(found.state, name), getattr(start, name))
        assert not np.array_equal(getattr(coupled.state, name), getattr(start, name))
    # blood is gone, and cells do not notice
    tumour = found.virtual_patient.anatomy.tumour
    assert found.state.q_arterial[tumour].mean() < 0.3 * start.q_arterial[tumour].mean()
    assert found.viable_in_target == pytest.approx(untreated.viable_in_target, rel=0.02)


def test_access_off_lets_a_later_session_find_open_vessels() -> None:
    twice = [{"at": "1 d", "tae": TAE, "id": "one"}, {"at": "2 d", "tae": TAE, "id": "two"}]
    given = {}
    for access in ("on", "off"):
        # every plan reads the untreated image: only the vessels tell the sessions apart
        model = run(TumorModel(case=small({"access": access, "images": "off"}, treatments=twice, until="3 d")))
        given[access] = model, [d.delivery.delivered.get("lodged", 0) for d in model.records.done]
    assert given["on"][1][1] < 0.2 * given["on"][1][0]
    model, (first, second) = given["off"]
    assert second == pytest.approx(first, rel=0.05)
    assert model.state.edge_beads.sum() == first + second  # both stay in the vessels that there are
    assert np.all(model.state.edge_flow[model.state.edge_solid >= 1.0] == 0.0)


def test_access_off_changes_nothing_for_the_only_treatment() -> None:
    # arteries that open by themselves would be there with access, and not in the vessels as untreated
    still = {**SMALL["parameters"], "clocks.collateral_growth": "1e9 d"}
    coupled, found = embolised(parameters=still), embolised("access", parameters=still)
    assert found.state.hash() == coupled.state.hash()
    assert found.records.done[0].delivery.delivered == coupled.records.done[0].delivery.delivered


def test_tissue_off_lets_newborn_cells_take_the_room_of_the_dead(pulses: None) -> None:
    ends = {}
    for tissue in ("on", "off"):
        pulse = [{"at": "1 d", "uniform": {"dose": 0.3}}]
        model = run(TumorModel(case=small({"tissue": tissue}, treatments=pulse, tissue__tumour__doubling_time="15 d")))
        ends[tissue] = model
        for before, totals in zip(model.records.viable, model.records.totals, strict=False):
            assert totals.viable == before - sum(totals.deaths) + totals.births - totals.blocked
        state, capacity = model.state, model.population.capacity
        occupied = model.population.viable_of_sites() + state.dying + np.ceil(state.debris)
        assert (occupied.max() > capacity) == (tissue == "off")
        assert model.population.viable_of_sites().max() <= capacity
    # in the room of the dead more newborns stay where they were born, and fewer leave for the border
    members = {k: len(m.population.members) for k, m in ends.items()}
    assert members["off"] < members["on"]
    assert ends["off"].state.dying.sum() > 0 and ends["off"].state.debris.sum() > 0  # they are there all the same


def test_growth_off_leaves_nothing_but_deaths(coupled: TumorModel) -> None:
    found = embolised("growth")
    start = TumorModel(case=found.case)
    assert np.array_equal(start.state.viable, TumorModel(case=coupled.case).state.viable)  # the same start
    assert all(t.births == t.blocked == 0 for t in found.records.totals)
    assert np.all(found.state.viable <= start.state.viable)
    lost = (start.state.viable.astype(np.int64) - found.state.viable).sum(axis=1)
    assert np.array_equal(found.state.deaths.sum(axis=1), lost) and lost.sum() > 0
    assert found.state.deaths[:, found.state.cause("turnover")].sum() == 0
    assert np.array_equal(found.population.members, start.population.members)
    assert found.viable_in_target == pytest.approx(expected(found), rel=1e-3)


def test_images_off_plans_from_the_first_image(pulses: None, tmp_path: Any) -> None:
    items = [{"at": "1 d", "uniform": {"dose": 12.0}}, {"at": "3 d", "tae": {**TAE, "number": 10}}]
    seen, blind = (run(TumorModel(case=small({"images": word}, treatments=items))) for word in ("on", "off"))
    fresh = TumorModel(case=blind.case)
    assert seen.records.done[1].plan.details["places"] == [] and seen.image().nothing_visible
    assert np.all(blind.records.done[1].plan.sites[fresh.image().visible])
    assert blind.records.done[1].delivery.changed and blind.image().nothing_visible
    # a run that was saved after the tumour was gone from the image still knows the first one
    half = run(TumorModel(case=blind.case), 2)
    half.save(tmp_path / "run.npz")
    back = run(TumorModel.load(tmp_path / "run.npz"))
    assert back.state.hash() == blind.state.hash()
    assert [d.to_plain() for d in back.records.done] == [d.to_plain() for d in blind.records.done]


# --- what a file says ------------------------------------------------------------------------------------


def test_a_file_switches_them_off_and_the_program_says_so() -> None:
    scenario = small({"growth": "off", "images": "off"})
    assert scenario.couplings == Couplings(growth=False, images=False) and scenario.couplings.off == (
        "growth",
        "images",
    )
    text = " ".join(explain(scenario).split())
    assert (
        "Couplings growth off: cells only die of hazards, which are summed up for every slot images off: every" in text
    )
    assert "Couplings" not in explain(small())
    assert Scenario.from_dict(scenario.settled).couplings == scenario.couplings
    values, problems = values_from_texts(["couplings.growth=off", "couplings.access=on"])
    assert not problems and small().replace(**values).couplings.off == ("growth",)
    assert small().replace(couplings__tissue=False).couplings.off == ("tissue",)
    assert TumorModel(case=small(), couplings__growth="off").records.ledger is not None


@pytest.mark.parametrize("later", ["liquid_ethanol", "immunity"])
def test_a_coupling_of_a_later_version_is_refused_by_name(later: str) -> None:
    with pytest.raises(InputError, match=rf"couplings\.{later}: couplings through .* not in this version of tumorsim"):
        small({later: "off"})


def test_what_is_no_switch_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        small({"oxygen": "maybe", "groth": "off", "tissue": 0})  # type: ignore[dict-item]
    text = "\n".join(caught.value.problems)
    for words in ("couplings.oxygen: 'maybe' is neither on nor off", "Did you mean 'growth'?", "tissue: 0 is neither"):
        assert words in text


def test_runs_with_other_couplings_share_no_past() -> None:
    on, off = small(), small({"growth": "off"})
    assert common_past([on, on]) == on.until and common_past([on, off]) is None
    with pytest.raises(InputError, match="differs from"):
        TumorModel(case=on).fork(off)
