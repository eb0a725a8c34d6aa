"""Arteries an angiogram shows: feeders, arteries from outside the liver, collaterals, and by what guidance."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from tumorsim.model import TumorModel
from tumorsim.outcomes.angiogram import seen_arteries, segment_of
from tumorsim.outcomes.guidance import GUIDANCES
from tumorsim.outcomes.imaging import Image, SeenArtery, arteries_seen
from tumorsim.parameters import load_parameters
from tumorsim.patient import Patient, build_patient
from tumorsim.scenario import Scenario
from tumorsim.state import State
from tumorsim.treatments.embolisation import Embolisation
from tumorsim.treatments.embolisation_spec import TaeSpec
from tumorsim.vessels.graph import Kind
from tumorsim.vessels.supply import exchange_inflow

PARAMETERS = load_parameters()
SMALL: dict[str, Any] = {
    "name": "small",
    "until": "2 d",
    "seed": 7,
    "tissue": {"size": "30 mm", "tumour": {"diameter": "12 mm", "place": "dome", "satellites": 0}},
    "vessels": {"feeders": 3, "terminals": 150, "extrahepatic": "phrenic"},
}


@lru_cache
def patient() -> Patient:
    return build_patient(Scenario.from_dict(SMALL))


def led(state: State) -> State:
    patient().solve_flow(state)
    patient().bring_blood(state)
    return state


def with_parasite(share: float) -> State:
    state = patient().new_state()
    (parasite,) = patient().grown.parasites
    state.edge_patent[parasite.edges] = state.edge_open[parasite.edges] = share
    return led(state)


def seen(state: State, smallest: float = 0.0) -> dict[str, SeenArtery]:
    return {a.name: a for a in seen_arteries(patient().grown, state, patient().anatomy.tumour, smallest)}


def test_shares_are_those_of_the_blood_of_visible_tumour() -> None:
    fixed = patient()
    state = with_parasite(1.0)
    found = seen(state)
    assert sorted(found) == ["feeder_1", "feeder_2", "feeder_3", "phrenic"]
    assert sum(a.share for a in found.values()) == pytest.approx(1.0, rel=1e-5)
    inflow = {k: exchange_inflow(fixed.graph, state.edge_flow, k) for k in (Kind.ARTERIAL, Kind.EXTRAHEPATIC)}
    whole = sum(float(q.sum()) for q in (state.q_arterial[fixed.anatomy.tumour], state.q_extrahepatic))
    whole *= fixed.lattice.site_volume
    for feeder in fixed.grown.feeders:
        due = inflow[Kind.ARTERIAL][feeder.exchange].sum() / whole
        assert found[feeder.name].share == pytest.approx(due, rel=1e-5)
        assert found[feeder.name].segment in range(1, 9) and found[feeder.name].diameter == feeder.diameter
    assert found["phrenic"].share == pytest.approx(inflow[Kind.EXTRAHEPATIC].sum() / whole, rel=1e-5)
    assert found["phrenic"].segment == 0


def test_an_artery_from_outside_is_seen_once_it_runs_and_has_grown_wide() -> None:
    (parasite,) = patient().grown.parasites
    assert "phrenic" not in seen(with_parasite(0.0))
    half = seen(with_parasite(0.5))["phrenic"]
    assert half.diameter == pytest.approx(parasite.diameter * 0.5**0.25)
    assert 0.0 < half.share < seen(with_parasite(1.0))["phrenic"].share
    limit = 0.9 * parasite.diameter  # 0.5^(1/4) is 0.84
    assert "phrenic" not in seen(with_parasite(0.5), limit) and "phrenic" in seen(with_parasite(1.0), limit)
    # where no tumour it feeds is visible it leads to nothing
    state = with_parasite(1.0)
    away = patient().anatomy.tumour & (state.q_extrahepatic == 0.0)
    assert away.any()
    assert "phrenic" not in {a.name for a in seen_arteries(patient().grown, state, away, 0.0)}


def test_a_collateral_is_seen_once_it_runs_with_the_segment_it_leaves() -> None:
    fixed = patient()
    collateral = fixed.grown.collaterals[0]
    state = with_parasite(0.0)
    assert not [n for n in seen(state) if n.startswith("collateral")]
    state.edge_patent[collateral.edge] = state.edge_open[collateral.edge] = 1.0
    found = seen(led(state))
    assert [n for n in found if n.startswith("collateral")] == [collateral.name]
    assert found[collateral.name].segment in range(1, 9)
    assert found[collateral.name].share > 0.0 and sum(a.share for a in found.values()) == pytest.approx(1.0, rel=1e-5)
    # its node's feeder is no longer credited with all of the node's blood
    (feeder,) = [f for f in fixed.grown.feeders if collateral.exchange in f.exchange]
    inflow = exchange_inflow(fixed.graph, state.edge_flow, Kind.ARTERIAL)
    assert (
        found[feeder.name].share < inflow[feeder.exchange].sum() / inflow[fixed.grown.compartment_of_exchange > 0].sum()
    )
    width = 2.0 * fixed.graph.radius[collateral.edge]
    assert collateral.name not in seen(state, 1.01 * width) and collateral.name in seen(state, 0.99 * width)


def test_closed_arteries_and_dark_tumour_show_nothing() -> None:
    fixed = patient()
    state = with_parasite(0.0)
    state.edge_open[fixed.grown.feeders[1].edge] = 0.0
    assert sorted(seen(led(state))) == ["feeder_1", "feeder_3"]
    state.edge_open[fixed.graph.named["proper_hepatic"]] = 0.0
    assert seen(led(state)) == {}
    assert seen_arteries(fixed.grown, fixed.new_state(), np.zeros(fixed.lattice.n_sites, dtype=bool), 0.0) == ()


def test_the_segment_of_an_artery_is_the_one_whose_artery_it_leaves() -> None:
    fixed = patient()
    for k in range(1, 9):
        if f"segment_{k}" in fixed.graph.named:
            assert segment_of(fixed.graph, fixed.graph.named[f"segment_{k}"]) == k
    for name in ("proper_hepatic", "right", "portal_segment_8", "phrenic"):
        assert segment_of(fixed.graph, fixed.graph.named[name]) == 0


# --- guidance --------------------------------------------------------------------------------------------


def artery(name: str, mm: float) -> SeenArtery:
    return SeenArtery(name, patient().graph.named[name], mm * 1e-3, 8, 0.3)


def image() -> Image:
    visible = patient().anatomy.tumour
    wide = (artery("feeder_1", 1.0), artery("feeder_2", 0.99), artery("feeder_3", 0.5))
    return Image(visible, 1e-6, 12e-3, wide)


def tae(**keys: Any) -> Embolisation:
    return Embolisation(TaeSpec.model_validate(keys), kind="tae")


def test_each_guidance_shows_arteries_from_its_own_width_on() -> None:
    names = {g: [a.name for a in arteries_seen(image(), g, PARAMETERS)] for g in GUIDANCES}
    assert names == {"cone-beam CT": ["feeder_1", "feeder_2", "feeder_3"], "angiography": ["feeder_1"]}
    finer = {**PARAMETERS, "imaging.smallest_vessel": 0.9e-3, "imaging.smallest_artery": 0.6e-3}
    assert len(arteries_seen(image(), "angiography", finer)) == len(arteries_seen(image(), "cone-beam CT", finer)) == 2


def found_by(**parameters: float) -> Patient:
    return replace(patient(), parameters={**patient().parameters, **parameters})  # type: ignore[arg-type]


def test_a_feeder_too_narrow_for_the_guidance_is_left_and_its_sites_are_missed() -> None:
    sure = found_by(**{"embolisation.missed_feeder": 0.0, "embolisation.missed_feeder_angiography": 0.0})
    default = tae().plan(image(), patient=sure)
    assert default.details["places"] == ["feeder_1", "feeder_2", "feeder_3"] and "guidance" not in default.prescribed
    treatment = tae(guidance="angiography")
    plan = treatment.plan(image(), patient=sure)
    assert plan.details["places"] == ["feeder_1"] and plan.details["overlooked"] == []
    assert plan.prescribed["guidance"] == "angiography"
    assert np.all(plan.sites[patient().anatomy.tumour])  # the operator means to treat all that is visible
    state = patient().new_state()
    delivery = treatment.deliver(plan, sure, state=state)
    attempt = treatment.attempt(plan, delivery, sure, led(state))
    for name, missed in (("feeder_1", False), ("feeder_2", True), ("feeder_3", True)):
        inside = patient().sites_below(name) & patient().anatomy.tumour
        assert np.all(attempt.missed[inside] == missed), name


def test_angiography_alone_overlooks_more_and_what_cone_beam_ct_overlooks_too() -> None:
    wide = replace(image(), arteries=tuple(artery(f"feeder_{k}", 2.0) for k in (1, 2, 3)))
    rates = {"embolisation.missed_feeder": 0.10, "embolisation.missed_feeder_angiography": 0.275}
    fixed = found_by(**rates)
    assert {k: PARAMETERS[k] for k in rates} == rates
    count = dict.fromkeys(GUIDANCES, 0)
    for k in range(400):
        lost = {}
        for guidance in GUIDANCES:
            treatment = Embolisation(TaeSpec(guidance=guidance), kind="tae", name=f"tae_of_{k}")
            lost[guidance] = set(treatment.plan(wide, patient=fixed).details["overlooked"])
            count[guidance] += len(lost[guidance])
        assert lost["cone-beam CT"] <= lost["angiography"]
    for guidance, rate in zip(GUIDANCES, rates.values(), strict=True):
        assert abs(count[guidance] - 1200 * rate) < 4 * np.sqrt(1200 * rate * (1 - rate))


def test_the_key_is_read_checked_and_told() -> None:
    base = {**SMALL, "vessels": {"feeders": 3, "terminals": 150}}
    case = Scenario.from_dict(base, treatments=[{"at": "1 d", "tae": {"guidance": "angiography"}}])
    assert "guided by angiography alone" in case.treatments[0].spec.describe()
    assert "guided" not in TaeSpec().describe()
    with pytest.raises(ValueError, match=r"guidance.*angiografy.*Did you mean 'angiography'"):
        Scenario.from_dict(base, treatments=[{"at": "1 d", "tae": {"guidance": "angiografy"}}])
    with pytest.raises(ValueError, match=r"guidance.*feeder_1 by name"):
        named = {"guidance": "angiography", "catheter": "feeder_1"}
        Scenario.from_dict(base, treatments=[{"at": "1 d", "tae": named}])


def test_the_model_hands_blood_oil_and_thrombus_to_the_image() -> None:
    model = TumorModel(case=Scenario.from_dict(SMALL))
    fixed, state = model.virtual_patient, model.state
    before = model.image()
    assert before.uptake is None and before.thrombus_seen == "none"
    assert before.enhancement == pytest.approx((state.q_arterial + state.q_extrahepatic) / fixed.liver_arterial)
    graph = fixed.graph
    beds = np.isfinite(graph.conductance) & (graph.kind == Kind.ARTERIAL) & np.isin(graph.head, graph.exchange)
    state.edge_oil[beds] = 1e-8
    state.edge_patent[graph.named["portal_segment_8"]] = 0.5
    after = model.image()
    assert after.uptake is not None and after.uptake.max() > 0.004 and after.thrombus_seen == "Vp2"
