"""Permanent implants in whole runs: dose, survivors, what changes them, and that nothing depends on cuts of time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from tumorsim import _jit
from tumorsim.errors import InputError
from tumorsim.hazards.combine import Enhancement, bands, oxygen_weights, side
from tumorsim.hazards.implants import dose_until
from tumorsim.hazards.radiation import decay_constant, effective_time, g_factor, ramp_factors, tumour_control
from tumorsim.hazards.traits import TRAITS
from tumorsim.irradiation import Irradiation
from tumorsim.model import TumorModel
from tumorsim.outcomes.expected import expected_residue
from tumorsim.outcomes.harm import liver_killed_ml
from tumorsim.outcomes.residue import Attempt
from tumorsim.parameters import load_parameters
from tumorsim.scenario import Scenario, schema
from tumorsim.state import LIVER, Sizes, State
from tumorsim.treatments import base
from tumorsim.treatments.base import Delivery, Kind, Plan, Treatment, registry
from tumorsim.treatments.spec import Spec
from tumorsim.treatments.thermal.session import Burnt, hand_over

H, DAY = 3_600, 86_400
PARAMETERS = load_parameters()
SMALL: dict[str, Any] = {
    "name": "small",
    "until": "4 d",
    "step": "12 h",
    "seed": 7,
    "tissue": {"size": "18 mm", "tumour": {"diameter": "9 mm", "doubling_time": "140 d"}},
    "vessels": {"feeders": 1, "terminals": 60},
}
EQUAL = {f"traits.{t}_{level}": 0.0 for t in TRAITS for level in ("patient", "region", "cell")}
OXIC = {"oxygen.consumption_tumour": "0.1 mmHg/s", "oxygen.consumption_liver": "0.1 mmHg/s"}
# a hazard that is the dose: single hits, one a gray, with or without oxygen
DOSIMETER = {
    **EQUAL, "radiation.alpha_tumour": "1 1/Gy", "radiation.rbe": 1.0, "radiation.alpha_beta_tumour": "1e15 Gy",
    "radiation.oer_alpha": 1.0, "radiation.oer_beta": 1.0,
}  # fmt: skip
STILL = {"growth": "off"}


class ImplantSpec(Spec):
    rate: float = 0.1  # Gy/h
    half_life: float = 1_425.6  # h: that of I-125
    slope: float = 0.0  # 1/mm

    def describe(self) -> str:
        return f"{self.rate} Gy/h"


class Implant(Treatment):
    """Sources that irradiate the whole box, evenly or along a slope."""

    causes: ClassVar[tuple[str, ...]] = ("radiation",)
    mitotic: ClassVar[tuple[str, ...]] = ("radiation",)
    traits: ClassVar[dict[str, str]] = {"radiation": "radiosensitivity"}

    def plan(self, images: Any, **context: Any) -> Plan:
        return Plan(images.visible, {"rate": self.spec.rate})

    def deliver(self, plan: Plan, patient: Any, **context: Any) -> Delivery:
        rate = self.field(patient.lattice) * self.spec.rate / H
        context["state"].add_implant(rate, context["at"], decay_constant(self.spec.half_life * H))
        return Delivery({"rate": self.spec.rate}, changed=bool(rate.any()))

    def field(self, lattice: Any) -> np.ndarray:
        return np.maximum(0.0, 1.0 + self.spec.slope * 1e3 * lattice.centres()[:, 0])

    def attempt(self, plan: Plan, delivery: Delivery, patient: Any, state: Any) -> Attempt:
        raise NotImplementedError


class Grid(Implant):
    """Points 6 mm apart; the rate falls with the square of the distance, and a site has its mean."""

    def field(self, lattice: Any) -> np.ndarray:
        n = round(lattice.spacing / 0.25e-3)
        off = (np.arange(n) + 0.5) / n - 0.5
        sub = np.stack(np.meshgrid(off, off, off, indexing="ij"), axis=-1).reshape(-1, 3) * lattice.spacing * 1e3
        at = np.arange(-1, 2) * 6.0 + 0.1
        sources = np.stack(np.meshgrid(at, at, at, indexing="ij"), axis=-1).reshape(-1, 3)
        found = np.zeros(lattice.n_sites)
        centres = lattice.centres() * 1e3
        for source in sources:
            for shift in sub:
                found += 1.0 / (np.sum((centres + shift - source) ** 2, axis=1) + 0.16)
        return found / len(sub)


class WarmSpec(Spec):
    minutes: float = 60.0  # at 43 degC

    def describe(self) -> str:
        return f"{self.minutes} min"


class Warm(Treatment):
    """Heat of ten minutes that kills nothing."""

    def plan(self, images: Any, **context: Any) -> Plan:
        return Plan(images.visible, {"minutes": self.spec.minutes})

    def deliver(self, plan: Plan, patient: Any, **context: Any) -> Delivery:
        at = context["at"]
        context["state"].add_heating(np.full(patient.lattice.n_sites, 60.0 * self.spec.minutes), at, at + 600)
        return Delivery({"minutes": self.spec.minutes}, changed=True)

    def attempt(self, plan: Plan, delivery: Delivery, patient: Any, state: Any) -> Attempt:
        raise NotImplementedError


KINDS = {"implant": (Implant, ImplantSpec), "grid": (Grid, ImplantSpec), "warm": (Warm, WarmSpec)}


@pytest.fixture(autouse=True, scope="module")
def kinds() -> Iterator[None]:
    """The kinds, as a package of its own would bring them."""
    patch = pytest.MonkeyPatch()
    found = tuple(Kind(name, spec, f"{__name__}:{c.__name__}", name) for name, (c, spec) in KINDS.items())
    point = SimpleNamespace(value="implants:KINDS", load=lambda: found)
    patch.setattr(base, "entry_points", lambda group: [point] if group == base.ENTRY_POINTS else [])
    caches = (registry, schema.item_model, schema.file_model)
    for cache in caches:
        cache.cache_clear()
    yield
    patch.undo()
    for cache in caches:
        cache.cache_clear()


def small(*treatments: dict[str, Any], **changes: Any) -> Scenario:
    return Scenario.from_dict(SMALL, treatments=list(treatments), **changes)


def run(model: TumorModel, until: float | None = None) -> TumorModel:
    while model.running and (until is None or model.now < until * DAY):
        model.step()
    return model


def arm(past: TumorModel, *treatments: dict[str, Any]) -> TumorModel:
    return past.fork(past.case.replace(treatments=list(treatments)))


def imposed(model: TumorModel) -> np.ndarray:
    """Hazard of radiation so far at the sites of the tumour, (members, 4)."""
    assert model.records.ledger is not None
    return model.records.ledger.of_cause["radiation"]


def expected(model: TumorModel) -> float:
    ledger = model.records.ledger
    assert ledger is not None
    return expected_residue(ledger.n0, ledger.total(), model.virtual_patient.anatomy.target[ledger.sites])


def alpha_beta_weights(model: TumorModel, sites: np.ndarray) -> np.ndarray:
    """What oxygen leaves of alpha and of beta on either side of 10 mmHg, (n, 2 sides, 2)."""
    state, found = model.state, np.zeros((len(sites), 2, 2))
    m, mb, half = (PARAMETERS[f"radiation.{key}"] for key in ("oer_alpha", "oer_beta", "oer_half_po2"))
    for n, site in enumerate(sites):
        p = [float(getattr(state, name)[site]) for name in ("po2", "share10", "share2p5", "share0p5")]
        for h in (0, 1):
            found[n, h] = oxygen_weights(side(h == 1, *p, half, bands(half), False), m, mb, half)
    return found


@pytest.fixture(scope="module")
def still() -> TumorModel:
    """Equal cells with plenty of oxygen that neither grow nor die by themselves."""
    return TumorModel(case=small(couplings=STILL, parameters={**EQUAL, **OXIC}))


# --- dose -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [0.1, 0.3, 7.0])
def test_the_dose_delivered_is_the_dose_prescribed(step: float) -> None:
    """Forty half-lives after it was put in within a step, all of it."""
    implant = {"at": "25 min", "implant": {"rate": 3.0, "half_life": 1.0, "slope": 0.1}}
    case = small(implant, step="7 h", until="42 h", couplings=STILL, parameters=DOSIMETER, tissue__spacing="2 mm")
    model = run(TumorModel(case=replace(case, step=round(step * H))))  # a file may not ask for less than an hour
    assert model.clock.n_steps == round(42 / step)
    sites = model.records.ledger.sites
    prescribed = 3.0 / math.log(2.0) * (1.0 + 100.0 * model.virtual_patient.lattice.centres(sites)[:, 0])
    assert np.ptp(prescribed) > 1.0
    assert np.abs(imposed(model) / prescribed[:, None] - 1.0).max() < 1e-9
    assert dose_until(model.state, math.inf)[sites] == pytest.approx(prescribed, rel=1e-12)
    assert dose_until(model.state, model.now)[sites] == pytest.approx(prescribed, rel=1e-9)


@pytest.mark.parametrize("step", [360, 1_080, 25_200])
def test_months_of_i125_lose_nothing(step: int) -> None:
    given: list[float] = []
    imposed = SimpleNamespace(add=lambda cause, hazard: given.append(float(hazard[0, 0])))
    table = {**PARAMETERS, "radiation.alpha_tumour": 1.0, "radiation.rbe": 1.0, "radiation.alpha_beta_tumour": math.inf}
    table["radiation.oer_alpha"] = 1.0
    patient: Any = SimpleNamespace(parameters=table, lattice=SimpleNamespace(spacing=1e-3))
    work, state = Irradiation(patient, imposed), State(Sizes(sites=1))  # type: ignore[arg-type]
    state.compartment[:], decay = 1, decay_constant(59.4 * DAY)
    state.add_implant([145.0 * decay], step // 3, decay)
    steps = 4_000
    for k in range(steps):
        work.integrate(state, np.zeros(1, dtype=np.int64), k * step, (k + 1) * step)
    due = 145.0 * -math.expm1(-decay * (steps * step - step // 3))
    assert math.fsum(given) == pytest.approx(due, rel=1e-12)
    assert due > (144.9 if step == 25_200 else 1.0)


# --- survivors --------------------------------------------------------------------------------------------


def test_survivors_are_exp_minus_h(still: TumorModel) -> None:
    model = run(arm(still, {"at": "7 h", "implant": {"rate": 1.0, "half_life": 20.0}}))
    decay, repair = decay_constant(20.0 * H), decay_constant(PARAMETERS["radiation.repair_half_time_tumour"])
    time = model.now - 7 * H
    dose = 1.0 / H / decay * -math.expm1(-decay * time)
    alpha, ratio = (PARAMETERS[f"radiation.{key}_tumour"] for key in ("alpha", "alpha_beta"))
    of_alpha, of_beta = alpha_beta_weights(model, model.records.ledger.sites)[:, 0].T
    linear = PARAMETERS["radiation.rbe"] * alpha * of_alpha
    due = linear * dose + alpha / ratio * of_beta * g_factor(decay, repair, time) * dose * dose
    hazard = imposed(model)[:, 0]
    assert hazard == pytest.approx(due, rel=1e-9) and 5.0 < due.min() < due.max() < 10.0
    n = model.viable_in_target
    assert n == pytest.approx(still.viable_in_target * np.exp(-hazard).mean(), rel=0.02)
    assert abs(n - expected(model)) < 4.5 * math.sqrt(expected(model))
    assert dose_until(model.state, model.now)[0] == pytest.approx(dose, rel=1e-12)


def test_poisson_control_is_that_of_the_cells_expected(still: TumorModel) -> None:
    """Of an even dose given over days to equal cells: the share of patients without a survivor is exp(-N S)."""
    past = arm(still, {"at": "0 h", "implant": {"rate": 3.2, "half_life": 14.0}})
    mean, cells, none, seeds = expected(run(past.fork())), [], 0, 150
    for seed in range(seeds):
        model = past.fork()
        model.population.seed = 1_000 + seed
        cells.append(run(model).viable_in_target)
        none += cells[-1] == 0
    due = float(tumour_control(still.viable_in_target, mean / still.viable_in_target))
    assert 0.1 < due < 0.9
    assert abs(none / seeds - due) < 3.5 * math.sqrt(due * (1.0 - due) / seeds)
    assert abs(np.mean(cells) - mean) < 3.5 * math.sqrt(mean / seeds)


@pytest.mark.parametrize("kind", ["implant", "grid"])
def test_the_residue_does_not_depend_on_the_spacing(kind: str) -> None:
    given = {"implant": {"rate": 1.5, "slope": 0.05}, "grid": {"rate": 3.0}}[kind]
    shares, drawn = {}, {}
    for spacing in (0.5, 1.0, 2.0):
        model = run(TumorModel(case=small(
            {"at": "12 h", kind: {**given, "half_life": 10.0}}, couplings=STILL, parameters=OXIC,
            tissue__spacing=f"{spacing} mm",
        )))  # fmt: skip
        n0 = model.records.in_target[0]
        shares[spacing], drawn[spacing] = math.log10(expected(model) / n0), math.log10(model.viable_in_target / n0)
    assert -6.0 < shares[1.0] < -2.0
    for found in (shares, drawn):
        assert max(found.values()) - min(found.values()) < 0.2, (shares, drawn)


def test_one_cell_a_site_and_many_agree() -> None:
    implant = {"at": "0 h", "implant": {"rate": 0.2, "half_life": 20.0}}
    share = {}
    for density in ("1e3 1/mL", "1e6 1/mL"):
        model = run(TumorModel(case=small(
            implant, couplings=STILL, parameters={**EQUAL, **OXIC}, tissue__density=density,
            tissue__tumour__diameter="13 mm",
        )))  # fmt: skip
        assert model.state.sizes.one_cell == (density == "1e3 1/mL")
        n, due = model.records.in_target[0], expected(model)
        assert n > 900 and 0.15 < due / n < 0.4
        assert abs(model.viable_in_target - due) < 4.5 * math.sqrt(due * (1.0 - due / n))
        share[density] = due / n
    assert share["1e3 1/mL"] == pytest.approx(share["1e6 1/mL"], rel=0.02)


def test_hypoxic_cells_survive_better() -> None:
    model = run(TumorModel(case=small(
        {"at": "0 h", "implant": {"rate": 1.0, "half_life": 30.0}}, parameters=EQUAL,
        couplings={**STILL, "oxygen": "off"}, tissue__tumour__diameter="14 mm",
    )))  # fmt: skip
    hazard, sites, state = imposed(model), model.records.ledger.sites, model.state
    both = np.flatnonzero((state.share10[sites] > 0.05) & (state.share10[sites] < 0.95))
    assert len(both) > 20
    assert np.array_equal(hazard[:, 0], hazard[:, 2]) and np.array_equal(hazard[:, 1], hazard[:, 3])
    assert np.all(hazard[both, 1] < hazard[both, 0])
    weights = alpha_beta_weights(model, sites[both])[:, :, 0]
    # alpha is all but all
    assert hazard[both, 1] / hazard[both, 0] == pytest.approx(weights[:, 1] / weights[:, 0], rel=0.03)
    first = TumorModel(case=model.case).state.viable[:, 1::2].sum() / model.records.viable[0]
    assert state.viable[:, 1::2].sum() / state.viable.sum() > 1.2 * first > 0.01


# --- cells that are hit -----------------------------------------------------------------------------------


def test_what_is_hit_lives_until_it_divides_and_the_rest_grows_meanwhile() -> None:
    never = {**EQUAL, **OXIC, "cells.cycle_time": "360 d", "cells.turnover": "0 1/d"}
    implant = {"at": "0 h", "implant": {"rate": 0.5, "half_life": 48.0}}
    model = TumorModel(case=small(implant, parameters=never, tissue__tumour__doubling_time="4000 d"))
    model.population.p_birth = 0.0
    before = model.population.living_of_sites().sum(dtype=np.int64)
    run(model)
    hit = int(model.state.deaths[:, model.state.cause("radiation")].sum())
    assert hit > 0.5 * model.records.viable[0]
    assert 0.998 * hit < model.records.doomed[-1] < hit  # those that came to divide are dead
    # an image shows no difference
    assert model.population.living_of_sites().sum(dtype=np.int64) == pytest.approx(before, rel=2e-3)

    fast = {**EQUAL, **OXIC, "cells.turnover": "0 1/d"}
    long = run(TumorModel(case=small(implant, parameters=fast, until="24 d", tissue__tumour__doubling_time="20 d")))
    viable = long.records.viable
    assert max(long.records.dying) > 0 and long.records.doomed[-1] < 0.6 * max(long.records.doomed)
    # cells that were not hit divide all the time, and win in the end, while it still irradiates
    low = int(np.argmin(viable))
    assert 0 < low < len(viable) - 10 and viable[-1] > 1.2 * viable[low]
    assert all(t.births > 0 and t.deaths[-1] > 0 for t in long.records.totals)
    # that is when it kills no faster than they divide
    doubling = math.log(2.0) * 12 * H * viable[low] / long.records.totals[low].births
    alpha, ratio = (PARAMETERS[f"radiation.{key}_tumour"] for key in ("alpha", "alpha_beta"))
    of_alpha, of_beta = alpha_beta_weights(long, long.population.members)[:, 0].mean(axis=0)
    linear = PARAMETERS["radiation.rbe"] * alpha * of_alpha
    repair = decay_constant(PARAMETERS["radiation.repair_half_time_tumour"])
    due = effective_time(
        0.5 / H, decay_constant(48.0 * H), repair, linear, linear * ratio / (alpha * of_beta), doubling
    )
    assert low * 12 * H == pytest.approx(due, abs=18 * H)


# --- cuts of time, files, threads -------------------------------------------------------------------------


def test_steps_of_any_length_impose_the_same(still: TumorModel) -> None:
    treatments = [
        {"at": "7 h", "implant": {"rate": 0.5, "half_life": 20.0}},
        {"at": "31 h", "implant": {"rate": 0.2, "half_life": 20.0, "slope": 0.05}, "id": "second"},
        {"at": "33 h", "warm": {}},
        {"at": "35 h", "warm": {"minutes": 15.0}, "id": "again"},
    ]
    found = []
    for step in ("12 h", "1 h", "16 h"):
        found.append(imposed(run(TumorModel(case=still.case.replace(treatments=treatments, step=step)))))
    for other in found[1:]:
        assert other == pytest.approx(found[0], rel=1e-9)


def test_saved_forked_or_on_two_threads_it_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_jit, "SERIAL_BELOW", 100)
    # liver that dies changes its oxygen too, and liver cells nearby
    table = {"radiation.alpha_liver": "0.2 1/Gy"}
    case = small(
        {"at": "7 h", "implant": {"rate": 0.4, "half_life": 30.0, "slope": 0.1}},
        {"at": "20 h", "warm": {}}, {"at": "26 h", "implant": {"rate": 0.2}, "id": "second"},
        until="60 h", step="2 h", parameters=table,
    )  # fmt: skip
    whole = TumorModel(case=case)
    seen = set()
    while whole.running:
        whole.step()
        seen.add((whole.state.sizes.implants, whole.state.sizes.heatings))
    assert seen == {(0, 0), (1, 0), (1, 1), (2, 0)}
    assert run(TumorModel(case=case, threads=2)).state.hash() == whole.state.hash()
    for hours in (22, 30):  # heat in reach, and not
        half = run(TumorModel(case=case), hours / 24)
        half.save(tmp_path / "run.npz")
        back = TumorModel.load(tmp_path / "run.npz", threads=2)
        assert back.state.hash() == half.state.hash() and back.state.sizes == half.state.sizes
        fork = half.fork()
        for twin in (run(back), run(fork)):
            assert twin.state.hash() == whole.state.hash()
            assert twin.records.totals == whole.records.totals
    assert np.exp(-whole.state.liver_hazard[whole.state.compartment == LIVER]).min() < 0.9


def test_nothing_is_done_or_kept_without_implants() -> None:
    plain = run(TumorModel(case=small(until="1 d")))
    given = run(TumorModel(case=small({"at": "6 h", "implant": {"rate": 0.0}}, until="1 d")))
    assert given.state.hash() == plain.state.hash() and given.state.sizes.implants == 0
    assert "radiation" not in given.state.causes and given.irradiation._hazard.size == 0
    warm = run(TumorModel(case=small({"at": "6 h", "warm": {}}, until="1 d")))
    assert warm.state.sizes == plain.state.sizes and warm.state.heated_cem43.nbytes == 0
    # sources that reach no cell of the tumour book nothing
    model = TumorModel(case=small({"at": "6 h", "implant": {"rate": 0.0}}, until="1 d"))
    far = np.zeros(model.virtual_patient.lattice.n_sites)
    far[0] = 1e-3
    model.state.add_implant(far, 0, 0.0)
    run(model)
    assert "radiation" not in model.state.causes and model.state.liver_hazard[0] > 0.1


def test_implants_that_no_treatment_of_the_run_stands_for_are_refused() -> None:
    model = TumorModel(case=small())
    model.state.add_implant(np.full(model.virtual_patient.lattice.n_sites, 1e-5), 0, 1e-7)
    with pytest.raises(InputError, match="'radiation' is not a cause"):
        model.step()


# --- heat near in time ------------------------------------------------------------------------------------


def test_heat_counts_within_hours_and_not_within_days(still: TumorModel) -> None:
    def of(*treatments: dict[str, Any], past: TumorModel = still) -> float:
        return float(imposed(run(arm(past, *treatments)))[0, 0])

    implant = {"implant": {"rate": 0.1}}
    alone = {at: of({"at": at, **implant}) for at in ("0 d", "3 d")}
    # heat first: three days are too long, an hour is not
    assert of({"at": "0 d", "warm": {}}, {"at": "3 d", **implant}) == alone["3 d"]
    hour = of({"at": "71 h", "warm": {}}, {"at": "3 d", **implant})
    assert hour > alone["3 d"]
    # sources first: they go on, so that heat finds them, and adds the dose of its window alone
    later = of({"at": "0 d", **implant}, {"at": "3 d", "warm": {}})
    window, decay = PARAMETERS["radiation.ter_window"], decay_constant(1_425.6 * H)
    on, off = 3 * DAY, 3 * DAY + 600
    parts = ((on - window, on, 0.0, 1.0), (on, off, 1.0, 1.0), (off, off + window, 1.0, 0.0))
    seconds = sum(float(ramp_factors([0.0], [decay], *part)[0]) for part in parts)
    gain = Enhancement.from_parameters(PARAMETERS).ratio(3_600.0) - 1.0
    assert later - alone["0 d"] == pytest.approx(
        alone["0 d"] * gain * seconds * decay / -math.expm1(-decay * 4 * DAY), rel=0.01
    )
    assert 0.0 < later - alone["0 d"] < 0.05 * alone["0 d"]
    # the switch of the coupling
    off_case = TumorModel(case=still.case.replace(couplings__TER="off"))
    assert of({"at": "0 d", **implant}, {"at": "3 d", "warm": {}}, past=off_case) == alone["0 d"]


def test_a_session_of_heat_hands_over_its_thermal_dose(still: TumorModel) -> None:
    fixed, state = still.virtual_patient, still.state.fork()
    n = fixed.lattice.n_sites
    nothing, cem43 = np.zeros(n), np.linspace(0.0, 7_200.0, n)
    heated: Any = SimpleNamespace(heating=90.4)
    hand_over(fixed, state, Burnt(nothing, nothing, nothing, cem43, np.full(n, 37.0), heated, (), {}, ()), 5_000)
    assert state.heated_on.tolist() == [5_000] and state.heated_off.tolist() == [5_090]
    assert np.array_equal(state.heated_cem43[0], cem43.astype(np.float32))


# --- liver ------------------------------------------------------------------------------------------------


def test_liver_that_is_irradiated_is_lost_to_the_patient() -> None:
    table = {"radiation.alpha_liver": "0.2 1/Gy"}
    model = run(TumorModel(case=small({"at": "0 h", "implant": {"rate": 0.3, "half_life": 30.0}}, parameters=table)))
    fixed, state = model.virtual_patient, model.state
    liver = fixed.anatomy.compartment == LIVER
    dose = dose_until(state, model.now)
    most = PARAMETERS["radiation.rbe"] * 0.2 * dose[0] * 1.1
    still_liver = liver & (state.compartment == LIVER)
    assert 0.5 * most < state.liver_hazard[still_liver].min() <= state.liver_hazard[still_liver].max() < most
    lost = model.bedside.lost_in_box(state)
    killed = liver_killed_ml(state.liver_hazard, liver, fixed.lattice.site_volume)
    assert lost * 1e6 == pytest.approx(killed) and killed > 0.5 * liver.sum() * fixed.lattice.site_volume * 1e6
    now, untreated = model.bedside.now(state), run(TumorModel(case=small(parameters=table)))
    before = untreated.bedside.now(untreated.state)
    assert now is not None and before is not None
    assert now.functional_share < before.functional_share and now.bilirubin > before.bilirubin
    assert state.reserve[0] == pytest.approx(lost)


# --- fine sites -------------------------------------------------------------------------------------------


def test_a_spheroid_is_irradiated_by_the_oxygen_of_each_site() -> None:
    case = Scenario.from_dict({
        "name": "spheroid", "until": "1 d", "step": "6 h", "seed": 3, "couplings": {**STILL, "oxygen": "off"},
        "parameters": {
            **EQUAL, "clocks.mean_life_severe": "1000 years", "clocks.mean_life_hypoxic": "1000 years",
            "cells.turnover": "0 1/d", "cells.abortive_share": 0.0, "cells.growth_fraction": 1.0,
            "oxygen.consumption_tumour": "20 mmHg/s", "cells.cycle_time": "12 h",
        },
        "tissue": {"spacing": "20 um", "culture": {"medium": "40 mmHg"},
                   "tumour": {"diameter": "500 um", "doubling_time": "4 d"}},
        "treatments": [{"at": "0 h", "implant": {"rate": 1.0, "half_life": 30.0}}],
    })  # fmt: skip
    model = run(TumorModel(case=case))
    assert model.irradiation.resolved
    po2 = model.state.po2[model.records.ledger.sites]
    hazard = imposed(model)
    crust, core = hazard[po2 > 10.0], hazard[po2 < 0.2]
    assert len(crust) > 20 and len(core) > 20
    assert crust[:, 0].min() > 1.3 * core[:, 1].max()
    low = po2 < 10.0
    assert np.all(np.diff(hazard[low, 1][np.argsort(po2[low])]) >= 0.0)  # each by its own pressure
