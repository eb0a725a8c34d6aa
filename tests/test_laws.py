"""The laws that hold the model together, each on whole runs of a small patient.

1 one currency, 2 two clocks, 3 keyed chance, 4 state in, state out, 6 the operator sees images.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from tumorsim import _jit
from tumorsim.model import TumorModel
from tumorsim.outcomes.residue import Attempt
from tumorsim.scenario import Scenario, schema
from tumorsim.treatments import base
from tumorsim.treatments.base import Delivery, Kind, Plan, Treatment, registry
from tumorsim.treatments.spec import Spec

DAY = 86_400
SMALL: dict[str, Any] = {
    "name": "small",
    "until": "20 d",
    "step": "12 h",
    "seed": 7,
    "tissue": {
        "size": "30 mm",
        "tumour": {"diameter": "12 mm", "capsule": "intact", "septa": 2, "satellites": 2, "doubling_time": "140 d"},
    },
    "vessels": {"feeders": 4, "terminals": 150},
    "parameters": {"imaging.smallest_artery": "0.1 mm"},
}
TAE = {"beads": "40 um"}  # small beads for the small arteries of a small tumour
# one slot: all cells proliferate and have oxygen, none dies by itself, and no nest grows
ONE_SLOT = {
    "oxygen.consumption_tumour": "0.1 mmHg/s",
    "oxygen.consumption_liver": "0.1 mmHg/s",
    "cells.growth_fraction": 1.0,
    "cells.turnover": "0 1/d",
    "cells.repopulation": 0.0,
    "imaging.smallest_artery": "0.1 mm",
}


def small(**changes: Any) -> Scenario:
    return Scenario.from_dict(SMALL, **changes)


def run(model: TumorModel, until: float | None = None) -> TumorModel:
    """To the end, or for so many days."""
    while model.running and (until is None or model.now < until * DAY):
        model.step()
    return model


def done(model: TumorModel) -> list[dict[str, Any]]:
    return [{"id": d.event.id, "at": d.event.at, **d.to_plain()} for d in model.records.done]


def written(model: TumorModel) -> tuple[Any, ...]:
    """All that a run has written down."""
    r = model.records
    return r.viable, r.in_target, r.dying, r.totals, r.touched_face, done(model)


def same_end(one: TumorModel, other: TumorModel) -> bool:
    return one.state.hash() == other.state.hash() and written(one) == written(other)


# --- treatments that are nothing but a hazard ------------------------------------------------------------


class PulseSpec(Spec):
    dose: float = 1.0

    def describe(self) -> str:
        return f"a hazard of {self.dose}"


class Pulse(Treatment):
    """A hazard that differs from site to site; ``wave`` tells the kinds apart."""

    wave = 0.0

    def hazard(self, patient: Any) -> np.ndarray:
        x, y, z = patient.lattice.centres().T * 1e3
        return self.spec.dose * (1.0 + 0.9 * np.sin(x + self.wave * y) * np.cos(0.7 * z + self.wave))

    def plan(self, images: Any, **context: Any) -> Plan:
        return Plan(images.visible, {"dose": self.spec.dose})

    def deliver(self, plan: Plan, patient: Any, **context: Any) -> Delivery:
        if self.spec.dose == 0.0:
            return Delivery({"dose": 0.0}, changed=False)
        (cause,) = self.causes
        context["pulse"](cause, np.repeat(self.hazard(patient)[:, None], 4, axis=1))
        return Delivery({"dose": self.spec.dose}, changed=True)

    def attempt(self, plan: Plan, delivery: Delivery, patient: Any, state: Any) -> Attempt:
        raise NotImplementedError


class Heat(Pulse):
    causes: ClassVar[tuple[str, ...]] = ("heat",)
    wave = 0.3


class Ray(Pulse):
    causes: ClassVar[tuple[str, ...]] = ("ray",)
    wave = 1.1


class Acid(Pulse):
    causes: ClassVar[tuple[str, ...]] = ("acid",)
    wave = 2.3


PULSES = {"heat": Heat, "ray": Ray, "acid": Acid}


@pytest.fixture
def pulses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three hazard-only treatments, as a package of its own would bring them."""
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


def still(**changes: Any) -> TumorModel:
    """A patient with one slot and without growth."""
    model = TumorModel(case=small(parameters=ONE_SLOT, **changes))
    model.population.p_birth = 0.0
    assert model.state.viable[:, 0].sum() == model.records.viable[0] and not model.state.share10.any()
    return model


def arm(past: TumorModel, *treatments: dict[str, Any]) -> TumorModel:
    """The same patient from here on, with other treatments to come."""
    return past.fork(past.case.replace(treatments=list(treatments)))


# --- law 1: one currency ---------------------------------------------------------------------------------


def test_expected_survivors_are_the_sum_of_n_exp_minus_h(pulses: None) -> None:
    past = still(until="1 d")
    n0 = past.state.viable.sum(axis=1).astype(float)
    hit = arm(past, {"at": "3 h", "heat": {"dose": 5.0}}, {"at": "5 h", "ray": {"dose": 2.0}})
    hit.step()
    fixed = past.virtual_patient
    imposed = {
        name: PULSES[name](PulseSpec(dose=dose), kind=name).hazard(fixed)
        for name, dose in (("heat", 5.0), ("ray", 2.0))
    }
    total = imposed["heat"] + imposed["ray"]
    survival = np.exp(-total)
    here = n0 > 0
    n = hit.state.viable.sum(axis=1)
    expected, spread = n0 * survival, np.sqrt(n0 * survival * (1 - survival))
    assert abs(n.sum() - expected.sum()) < 4 * np.sqrt((spread**2).sum())
    z = (n - expected)[here] / spread[here]
    assert len(z) > 900 and abs(z.mean()) < 4 / math.sqrt(len(z)) and 0.9 < z.std() < 1.1
    assert expected[here].min() < 5 and expected.max() > 10_000  # exact summation and expansion both at work
    # every death is booked, in every site as H_c / H
    deaths = {name: hit.state.deaths[:, hit.state.cause(name)] for name in imposed}
    dead = n0 - n
    assert np.array_equal(sum(deaths.values()), dead)
    for name in imposed:
        assert np.abs(deaths[name] - dead * imposed[name] / total)[here].max() <= 1.0 + 1e-6
        assert deaths[name].sum() == pytest.approx((dead * imposed[name] / total).sum(), abs=4 * np.sqrt(here.sum()))


def test_hazard_only_treatments_in_one_step_leave_the_same_cells_in_any_order(pulses: None) -> None:
    past = still(until="1 d")
    times = ("1 h", "4 h", "11 h")
    ends = [
        run(arm(past, *({"at": at, kind: {"dose": 1.7}} for at, kind in zip(times, order, strict=True))))
        for order in itertools.permutations(PULSES)
    ]
    first = ends[0]
    assert 0 < first.records.viable[-1] < 0.1 * past.records.viable[-1]
    assert len({m.state.hash() for m in ends}) == 1
    assert all(m.records.viable == first.records.viable and m.records.totals == first.records.totals for m in ends)
    assert [d["id"] for d in done(ends[-1])] == ["acid_1", "ray_1", "heat_1"]  # the orders did differ


def test_hazard_only_treatments_over_days_add_up_to_the_same_hazard_in_any_order(pulses: None) -> None:
    past = still(until="8 d")
    sums, left, causes = [], [], []
    for order in itertools.permutations(PULSES):
        items = ({"at": f"{1.3 + 2.1 * k} d", kind: {"dose": 0.8}} for k, kind in enumerate(order))
        model = arm(past, *items)
        total = np.zeros((model.virtual_patient.lattice.n_sites, 4))
        advance = model.population.advance

        def spy(h_i: Any, h_s: Any, step: int, h: Any = None, c: Any = None, threads: int = 1, ext_mitotic: Any = None,
                total: Any = total, advance: Callable[..., Any] = advance) -> Any:  # fmt: skip
            if h is not None:
                total += h.sum(axis=0)
            assert not h_i.any() and not h_s.any()
            return advance(h_i, h_s, step, h, c, threads=threads, ext_mitotic=ext_mitotic)

        model.population.advance = spy  # type: ignore[method-assign]
        run(model)
        sums.append(total)
        left.append(model.records.viable[-1])
        assert model.state.causes[4:] == ("acid", "heat", "ray")  # whichever came first
        causes.append({c: int(model.state.deaths[:, model.state.cause(c)].sum()) for c in PULSES})
    assert all(np.allclose(s, sums[0], rtol=1e-12, atol=0.0) for s in sums)
    n0 = past.state.viable.sum(axis=1).astype(float)
    expected = (n0 * np.exp(-sums[0][:, 0])).sum()
    spread = math.sqrt((n0 * np.exp(-sums[0][:, 0])).sum())
    assert max(abs(n - expected) for n in left) < 4.5 * spread
    assert len({tuple(c.values()) for c in causes}) == 6  # who is hit first kills more: that is order in the deaths


# --- law 2: two clocks -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def untreated() -> TumorModel:
    return run(TumorModel(case=small()))


@pytest.fixture(scope="module")
def embolised() -> TumorModel:
    return run(TumorModel(case=small(treatments=[{"at": "3.7 d", "tae": TAE}])))


def test_the_patient_is_treated_at_all(untreated: TumorModel, embolised: TumorModel) -> None:
    """The comparisons of this file compare something."""
    assert untreated.records.viable[-1] > 1.05 * untreated.records.viable[0]
    assert embolised.records.viable[-1] < 0.4 * embolised.records.viable[0]
    assert embolised.records.done[0].delivery.delivered["lodged"] > 1000


def test_an_event_that_changes_no_array_is_logged_and_nothing_else_happens(untreated: TumorModel) -> None:
    null = run(TumorModel(case=small(treatments=[{"at": "14.3 d", "tae": {"number": 0}}])))
    assert null.state.hash() == untreated.state.hash()
    assert (null.records.viable, null.records.totals) == (untreated.records.viable, untreated.records.totals)
    (log,) = done(null)
    assert log["at"] == 1_235_520 and log["delivered"]["beads"] == 0 and not log["changed"] and not log["burden"]


def test_a_null_event_amid_true_ones_changes_nothing(embolised: TumorModel) -> None:
    null: list[dict[str, Any]] = [{"at": at, "tae": {"number": 0}, "id": f"n{at[0]}"} for at in ("3.7 d", "9.1 d")]
    with_null = run(TumorModel(case=small(treatments=[*null, {"at": "3.7 d", "tae": {}, "id": "true"}])))
    # the operator's luck is keyed to the treatment's name
    alone = run(TumorModel(case=small(treatments=[{"at": "3.7 d", "tae": {}, "id": "true"}])))
    assert with_null.state.hash() == alone.state.hash() and with_null.records.viable == alone.records.viable
    assert [d["changed"] for d in done(with_null)] == [False, True, False]


def test_a_treatment_of_dose_zero_leaves_no_trace_though_it_has_a_cause(pulses: None, untreated: TumorModel) -> None:
    null = run(TumorModel(case=small(treatments=[{"at": "14.3 d", "heat": {"dose": 0.0}}])))
    assert null.state.hash() == untreated.state.hash() and null.records.totals == untreated.records.totals


def test_events_at_one_time_run_in_file_order_and_both_happen(pulses: None) -> None:
    items: list[dict[str, Any]] = [
        {"at": "1.3 d", "tae": {**TAE, "number": 500}, "id": "first"},
        {"at": "1.3 d", "heat": {}, "id": "second"},
        {"at": "1.35 d", "tae": {**TAE, "number": 300}, "id": "third"},
    ]
    for order in itertools.permutations(items):
        model = run(TumorModel(case=small(until="2 d", treatments=list(order))))
        same_time = [i["id"] for i in order if i["id"] != "third"]
        assert [d["id"] for d in done(model)] == [*same_time, "third"]
        assert all(d["changed"] for d in done(model))
        assert int(model.state.edge_beads.sum()) == 800
        assert model.state.deaths[:, model.state.cause("heat")].sum() > 0


def test_the_order_of_the_list_in_the_file_does_not_matter() -> None:
    items: list[dict[str, Any]] = [
        {"at": "9.4 d", "tae": {"catheter": "lobar"}},
        {"at": "1.2 d", "tace": {"number": 900, "drug": {"doxorubicin": "50 mg"}}},
        {"at": "4.9 d", "tae": {**TAE, "number": 700}},
    ]
    ends = [run(TumorModel(case=small(treatments=list(order)))) for order in itertools.permutations(items)]
    assert all(same_end(m, ends[0]) for m in ends)
    assert [d["id"] for d in done(ends[0])] == ["tace_1", "tae_1", "tae_2"]


@pytest.mark.parametrize("step", ["1 h", "7 h", "12 h", "24 h"])
def test_what_is_prescribed_is_delivered_whatever_the_step(step: str) -> None:
    items = [
        {"at": "2.03 d", "tae": {**TAE, "number": 1234}, "id": "one"},
        {"at": "2.04 d", "tae": {**TAE, "number": 77}, "id": "two"},
    ]
    model = run(TumorModel(case=small(until="7 d", step=step, treatments=items)), 4)
    assert [(d["at"], d["delivered"]["beads"]) for d in done(model)] == [(175_392, 1234), (176_256, 77)]
    # vessels know nothing of the cells' clock: the same beads lie in the same vessels
    reference = run(TumorModel(case=small(until="7 d", step="6 h", treatments=items)), 4).state
    assert np.array_equal(model.state.edge_beads, reference.edge_beads)
    assert np.array_equal(model.state.edge_solid, reference.edge_solid)


def test_hazards_are_integrated_exactly_over_the_part_of_a_step_they_cover() -> None:
    """Where cells neither die nor divide, oxygen is constant between events, and every grid gives one sum."""
    immortal = {
        **SMALL["parameters"],
        "clocks.mean_life_anoxic": "1e9 d",
        "clocks.mean_life_severe": "1e9 d",
        "clocks.mean_life_hypoxic": "1e9 d",
        "clocks.liver_mean_life_anoxic": "1e9 d",
        "clocks.collateral_growth": "1e9 d",  # vessels move once a step: their clock is held
        "cells.turnover": "0 1/d",
    }
    found = []
    for step in ("1 h", "6 h", "12 h", "24 h"):
        model = TumorModel(
            case=small(step=step, until="4 d", parameters=immortal, treatments=[{"at": "14.3 h", "tae": TAE}])
        )
        model.population.p_birth = 0.0
        sites = model.population.members
        sums = np.zeros((2, len(sites)))
        while model.running:
            clear, model.oxygenation.clear = model.oxygenation.clear, lambda sites: None  # type: ignore[method-assign]
            model.step()
            sums += np.stack(model.oxygenation.hazards)[:, sites]
            model.oxygenation.clear = clear  # type: ignore[method-assign]
            model.oxygenation.clear(sites)
        assert sum(model.records.totals[-1].deaths) == 0
        found.append((sums, model.state.anoxic_lag[sites].copy(), model.state.liver_hazard.copy()))
    ischaemia, starvation = found[0][0]
    assert np.count_nonzero(ischaemia) > 100 and np.count_nonzero(starvation) > 500
    for sums, lag, liver in found[1:]:
        assert np.allclose(sums, found[0][0], rtol=1e-9, atol=1e-24)
        assert np.allclose(lag, found[0][1], atol=1e-9)
        assert np.allclose(liver, found[0][2], rtol=1e-9, atol=1e-24)


def test_expected_kill_of_an_embolisation_does_not_depend_on_the_step() -> None:
    left = {
        step: run(TumorModel(case=small(step=step, until="8 d", treatments=[{"at": "14.3 h", "tae": TAE}]))).records
        for step in ("2 h", "6 h", "12 h", "24 h")
    }
    after = {step: r.viable[-1] / r.viable[0] for step, r in left.items()}
    assert after["2 h"] < 0.5
    for share in after.values():
        assert share == pytest.approx(after["2 h"], rel=0.05)


# --- law 3: keyed chance ---------------------------------------------------------------------------------


def test_threads_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    case = small(until="6 d", treatments=[{"at": "1.7 d", "tae": {"beads": {"size": "100 um", "spread": "20 um"}}}])
    ends = {"one block": run(TumorModel(case=case, threads=1))}
    monkeypatch.setattr(_jit, "SERIAL_BELOW", 50)
    used = []
    pool = _jit._pool
    monkeypatch.setattr(_jit, "_pool", lambda threads: used.append(threads) or pool(threads))
    for threads in (1, 2, 3):
        ends[str(threads)] = run(TumorModel(case=case, threads=threads))
    assert set(used) == {2, 3}  # blocks went to threads
    first = ends.pop("one block")
    assert 0 < first.records.viable[-1] < first.records.viable[0]
    for threads, end in ends.items():
        assert same_end(end, first), threads


def test_a_model_draws_from_no_generator_but_its_keys() -> None:
    case = small(until="3 d", treatments=[{"at": "1 d", "tae": {"number": 2000}}])
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    model = TumorModel(case=case)
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    of_model = (model.random.getstate(), model.rng.bit_generator.state)
    run(model)
    assert random.getstate() == of_python
    assert repr(np.random.get_state()) == repr(of_numpy)  # noqa: NPY002
    assert (model.random.getstate(), model.rng.bit_generator.state) == of_model
    random.seed(99)
    np.random.seed(99)  # noqa: NPY002
    assert run(TumorModel(case=case)).state.hash() == model.state.hash()


def test_runs_beside_each_other_do_not_touch_each_other(embolised: TumorModel) -> None:
    models = [TumorModel(case=embolised.case, patient=k) for k in (1, 0, 2)]
    while any(m.running for m in models):
        for m in reversed(models):
            m.step()
    assert same_end(models[1], embolised)
    assert len({m.state.hash() for m in models}) == 3


def test_seed_and_patient_are_both_part_of_the_key() -> None:
    case = small(until="1 d")
    ends = [run(TumorModel(case=case, patient=p, seed=s)).state.hash() for p, s in ((0, 7), (1, 7), (0, 8), (0, None))]
    assert len(set(ends[:3])) == 3 and ends[3] == ends[0]


def test_arms_share_the_operators_luck(pulses: None) -> None:
    """The same feeders are missed at another time, with another catheter, after other treatments."""
    sloppy = small(parameters={**SMALL["parameters"], "embolisation.missed_feeder": 0.4})
    missed = set()
    for patient in range(6):
        past = TumorModel(case=sloppy, patient=patient)
        arms = [
            run(arm(past, *items), 6)
            for items in (
                [{"at": "1 d", "tae": TAE}],
                [{"at": "1 d", "tae": {"catheter": "lobar"}}],
                [{"at": "1 d", "tae": {"catheter": "segmental"}}],
                [{"at": "4.4 d", "tae": TAE}],
                [{"at": "1 d", "heat": {"dose": 0.2}}, {"at": "2 d", "tae": {"beads": "300 um"}}],
            )
        ]
        overlooked = [m.records.done[-1].plan.details["overlooked"] for m in arms]
        assert all(o == overlooked[0] for o in overlooked)
        missed.add(tuple(overlooked[0]))
    assert len(missed) > 2  # patients differ in it
    # another treatment of the same kind is another draw
    past = TumorModel(case=sloppy)
    again = run(arm(past, *({"at": f"{k} d", "tae": {"number": 1}} for k in range(1, 7))), 7)
    assert len({tuple(d.plan.details["overlooked"]) for d in again.records.done}) > 1


def test_more_hazard_never_leaves_more_survivors(pulses: None) -> None:
    past = still(until="1 d")
    left = []
    for dose in (0.5, 0.500001, 0.6, 2.0, 6.0, 9.0, 12.0):
        model = arm(past, {"at": "6 h", "heat": {"dose": dose}})
        model.step()
        left.append(model.state.viable.sum(axis=1))
    for less, more in itertools.pairwise(left):
        assert np.all(more <= less) and more.sum() < less.sum()
    last = left[-1]  # down to where single cells are left, or none
    assert np.any(last[past.state.viable.sum(axis=1) > 0] == 0) and np.any((last > 0) & (last < 5))


# --- law 4: state in, state out --------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [0.0, 3.5, 4.0, 11.5])
def test_saved_and_loaded_a_run_goes_on_bit_for_bit(stop: float, embolised: TumorModel, tmp_path: Any) -> None:
    model = run(TumorModel(case=embolised.case), stop)
    file = tmp_path / "run.npz"
    model.save(file)
    back = TumorModel.load(file)
    assert back.now == stop * DAY and back.state.hash() == model.state.hash()
    assert written(back) == written(model)
    assert same_end(run(back), embolised)
    assert same_end(run(model), embolised)  # saving left no trace


def test_saved_and_loaded_with_causes_of_its_own(pulses: None, tmp_path: Any) -> None:
    items = [{"at": "2 d", "ray": {}}, {"at": "3 d", "heat": {"dose": 0.4}}, {"at": "5 d", "tae": TAE}]
    whole = run(TumorModel(case=small(until="8 d", treatments=items)))
    model = run(TumorModel(case=whole.case), 2.5)
    model.save(tmp_path / "run.npz")
    assert same_end(run(TumorModel.load(tmp_path / "run.npz")), whole)


@pytest.mark.parametrize("at", [0.0, 2.5, 8.0])
def test_a_fork_without_a_difference_is_the_run(at: float, embolised: TumorModel) -> None:
    model = run(TumorModel(case=embolised.case), at)
    twin = model.fork()
    assert same_end(run(twin), embolised)
    assert model.now == at * DAY  # the first stands where it stood
    assert same_end(run(model), embolised)


def test_a_fork_whose_treatment_does_nothing_equals_no_fork(pulses: None, untreated: TumorModel) -> None:
    past = run(TumorModel(case=small()), 5)
    nothing: tuple[dict[str, Any], ...] = ({"tae": {"number": 0}}, {"heat": {"dose": 0.0}})
    for kind in nothing:
        twin = run(arm(past, {"at": "6.2 d", **kind}))
        assert twin.state.hash() == untreated.state.hash() and twin.records.viable == untreated.records.viable
        assert len(twin.records.done) == 1


def test_arms_from_a_common_past_equal_their_own_runs(pulses: None, embolised: TumorModel) -> None:
    past = run(TumorModel(case=small()), 3.5)
    assert same_end(run(arm(past, {"at": "3.7 d", "tae": TAE})), embolised)
    second = [
        {"at": "3.7 d", "tae": TAE},
        {"at": "7 d", "acid": {"dose": 0.7}},
        {"at": "8 d", "tace": {"catheter": "lobar"}},
    ]
    later = run(TumorModel(case=embolised.case), 6.5)
    direct = run(TumorModel(case=small(treatments=second)))
    assert same_end(run(arm(later, *second)), direct)
    assert direct.state.hash() != embolised.state.hash()


def test_a_fork_of_another_patient_or_another_past_is_refused(embolised: TumorModel) -> None:
    model = run(TumorModel(case=embolised.case), 6)
    for changes in (
        {"tissue__spacing": "2 mm"},
        {"vessels__feeders": 3},
        {"until": "30 d"},
        {"step": "6 h"},
        {"parameters": {"cells.turnover": "0.002 1/d"}},
        {"treatments": []},
        {"treatments": [{"at": "3.8 d", "tae": TAE}]},
    ):
        with pytest.raises(ValueError, match="differs from"):
            model.fork(model.case.replace(**changes))
    with pytest.raises(ValueError, match="which is past"):
        arm(model, {"at": "3.7 d", "tae": TAE}, {"at": "5.9 d", "tae": {"number": 1}})


def test_the_hash_covers_arrays_only(embolised: TumorModel) -> None:
    model = embolised.fork()
    before = model.state.hash()
    model.records.viable.append(-1)
    model.records.done.clear()
    model.datacollector.collect(embolised)
    assert model.state.hash() == before
    named = run(TumorModel(case=embolised.case.replace(name="another name", notes="and notes")))
    assert named.state.hash() == before
    model.state.debris[np.argmax(model.state.debris)] += 1
    assert model.state.hash() != before


# --- law 6: the operator sees images ---------------------------------------------------------------------


def planned(model: TumorModel) -> list[tuple[Any, ...]]:
    """What every catheter would be planned now."""
    plans = []
    kinds: list[dict[str, Any]] = [{"catheter": c} for c in ("superselective", "segmental", "lobar", "right")]
    kinds.append({"catheter": "superselective", "guidance": "angiography"})
    for keys in kinds:
        case = model.case.replace(treatments=[{"at": "19 d", "tae": keys}])
        twin = TumorModel(case=case, patient=model.virtual_patient.number)
        ((_, treatment),) = twin._events
        plan = treatment.plan(model.image(), patient=model.virtual_patient)
        plans.append((plan.sites.tobytes(), dict(plan.prescribed), dict(plan.details)))
    return plans


@pytest.mark.parametrize("until", [0.0, 8.0])
def test_rearranging_cells_no_image_shows_changes_no_plan(until: float) -> None:
    case = small(
        treatments=[{"at": "1 d", "tae": {"catheter": "feeder_1", "oil": "0.5 mL"}}],
        parameters={**SMALL["parameters"], "imaging.smallest_vessel": "0.4 mm"},
    )
    model = run(TumorModel(case=case), until)
    state, fixed = model.state, model.virtual_patient
    assert (model.image().uptake is not None) == (until > 0.0)
    before = planned(model)
    image = model.image()
    seen = image.visible
    dense = model.population.viable_of_sites() >= fixed.parameters["imaging.least_density"] * fixed.capacity
    # what no image shows: satellites too small, and what is too thin or has too little blood
    hidden = np.flatnonzero((state.compartment > 0) & ~seen)
    if until == 0.0:
        # thin out a quarter of the tumour first, so that there is much to hide
        thin = np.flatnonzero((fixed.lattice.centres()[:, 0] > 2e-3) & seen)
        state.viable[thin] //= 20
        before, image, seen = planned(model), model.image(), model.image().visible
        hidden = np.flatnonzero((state.compartment > 0) & ~seen)
        dense = model.population.viable_of_sites() >= fixed.parameters["imaging.least_density"] * fixed.capacity
    thin_sites = hidden[~dense[hidden]]
    assert len(hidden) > 30 and len(thin_sites) > 20 and state.viable[hidden].sum() > 0
    shift = np.random.default_rng(1)  # chance of the test, not of the model
    state.viable[thin_sites] = state.viable[shift.permutation(thin_sites)]
    state.deaths[hidden] = state.deaths[shift.permutation(hidden)]
    state.nadir[hidden] = 0
    satellites = hidden[state.compartment[hidden] >= 200]
    state.viable[satellites] = state.viable[satellites][::-1]
    assert planned(model) == before
    for part, there in vars(model.image()).items():  # nothing of the image knows of them
        if isinstance(there, np.ndarray):
            assert np.array_equal(there, vars(image)[part]), part
        else:
            assert there == vars(image)[part], part
    # all of the hidden gone: still the same plan
    state.viable[hidden] = 0
    assert planned(model) == before
    # and a plan is not blind: what is seen does change it
    state.viable[seen] = 0
    assert model.image().nothing_visible and planned(model) != before


def test_a_plan_needs_nothing_but_an_image_and_the_anatomy_of_vessels(embolised: TumorModel) -> None:
    """The state is not handed to `plan`, and what `plan` gets of the patient never changes."""
    model = TumorModel(case=embolised.case)
    ((_, treatment),) = model._events
    seen: dict[str, Any] = {}
    plan = treatment.plan

    def spy(images: Any, **context: Any) -> Plan:
        seen.update(context, images=images)
        return plan(images, **context)

    treatment.plan = spy  # type: ignore[method-assign]
    run(model, 4)
    assert set(seen) == {"patient", "images", "step"}  # and how long it may take
    assert not any(value is model.state for value in vars(seen["patient"]).values())
    parts = {
        "visible",
        "volume",
        "diameter",
        "arteries",
        "enhancement",
        "uptake",
        "thrombus_seen",
        "shift",
        "fluid",
        "dark",
    }
    assert set(vars(seen["images"])) == parts
    # of these all but the outline come from blood, what it brought, and anatomy: no cell moves them
    image, state = model.image(), model.state
    state.viable[:] = state.viable[::-1]
    for part in ("enhancement", "uptake"):
        assert np.array_equal(vars(model.image())[part], vars(image)[part])
    assert model.image().thrombus_seen == image.thrombus_seen
