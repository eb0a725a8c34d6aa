"""Contrast, wash-out, iodised oil and thrombus on images."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from tumorsim.outcomes.perfusion_imaging import (
    arterial_contrast,
    arterial_enhancement,
    oil_uptake,
    portal_washout,
    seen_oil,
    seen_thrombus,
)
from tumorsim.parameters import load_parameters
from tumorsim.patient import Patient, build_patient
from tumorsim.scenario import Scenario
from tumorsim.state import State
from tumorsim.vessels.graph import Kind
from tumorsim.vessels.supply import exchange_inflow

PARAMETERS = load_parameters()
SMALL: dict[str, Any] = {
    "name": "small",
    "until": "2 d",
    "seed": 7,
    "tissue": {"size": "30 mm", "tumour": {"diameter": "12 mm", "capsule": "intact"}},
    "vessels": {"feeders": 3, "terminals": 150},
}


@lru_cache
def patient(place: str = "deep", extrahepatic: str = "none", thrombus: str = "none") -> Patient:
    return build_patient(
        Scenario.from_dict(
            SMALL,
            tissue__tumour__place=place,
            vessels__extrahepatic=extrahepatic,
            tissue__tumour__thrombus=thrombus,
        )
    )


def led(fixed: Patient, closed: Any = (), share: float = 0.0, recruited: float | None = None) -> State:
    """The state with some vessels closed, and the arteries from outside recruited to a share."""
    state = fixed.new_state()
    state.edge_open[list(closed)] = share
    if recruited is not None:
        for parasite in fixed.grown.parasites:
            state.edge_patent[parasite.edges] = state.edge_open[parasite.edges] = recruited
    fixed.solve_flow(state)
    fixed.bring_blood(state)
    return state


# --- arterial phase --------------------------------------------------------------------------------------


def states() -> list[tuple[str, Patient, State]]:
    deep, dome = patient(), patient("dome", "phrenic")
    feeders = [f.edge for f in deep.grown.feeders]
    trunk = deep.graph.named["proper_hepatic"]
    return [
        ("untreated", deep, led(deep)),
        ("one feeder closed", deep, led(deep, feeders[:1])),
        ("all feeders nearly closed", deep, led(deep, feeders, 0.03)),
        ("no artery", deep, led(deep, [trunk])),
        ("extrahepatic artery", dome, led(dome, recruited=1.0)),
        ("half an extrahepatic artery, no feeder", dome, led(dome, [f.edge for f in dome.grown.feeders], 0.0, 0.5)),
        ("extrahepatic artery alone", dome, led(dome, [dome.graph.named["proper_hepatic"]], recruited=1.0)),
    ]


@pytest.mark.parametrize("case", range(7))
def test_enhancement_is_arterial_and_extrahepatic_flow_over_that_of_liver(case: int) -> None:
    """The definition of a bright site is the steady state of a contrast injection into the aorta."""
    what, fixed, state = states()[case]
    rows = arterial_contrast(fixed.graph, state.edge_flow)
    blood = sum(exchange_inflow(fixed.graph, state.edge_flow, k) for k in (Kind.ARTERIAL, Kind.EXTRAHEPATIC))
    assert rows == pytest.approx(blood, rel=1e-9, abs=1e-12 * blood.max(initial=0.0)), what
    found = arterial_enhancement(fixed.grown, state.edge_flow, fixed.liver_arterial)
    due = (state.q_arterial.astype(float) + state.q_extrahepatic) / fixed.liver_arterial
    assert found == pytest.approx(due, rel=1e-5, abs=1e-7), what
    assert (found.max() > 0.0) == (what != "no artery")
    if what == "untreated":
        assert found[fixed.anatomy.compartment == 0].mean() == pytest.approx(1.0, rel=0.05)
        assert found[fixed.anatomy.tumour].mean() > 2.0
    if "alone" in what:
        assert not state.q_arterial.any() and found[fixed.anatomy.tumour].any()


# --- portal phase ----------------------------------------------------------------------------------------


def test_tumour_washes_out_in_the_portal_phase() -> None:
    fixed = patient()
    state = led(fixed)
    liver = (fixed.anatomy.compartment == 0) & ~fixed.anatomy.target
    found = portal_washout(state.q_arterial, state.q_portal, state.q_extrahepatic, liver)
    assert abs(np.mean(found[liver])) < 0.02
    core = fixed.anatomy.tumour & (fixed.anatomy.depth > 4e-3)
    assert found[core].min() > 0.9 and found.max() <= 1.0
    arterial, portal, outside = (
        np.array(q) for q in ([1.0, 3.0, 0.0, 0.0], [3.0, 1.0, 0.0, 2.0], [0.0, 0.0, 0.0, 2.0])
    )
    found = portal_washout(arterial, portal, outside, np.array([True, False, False, False]))
    assert found == pytest.approx([0.0, 1 - 0.25 / 0.75, np.nan, 1 - 0.5 / 0.75], nan_ok=True)
    assert np.isnan(portal_washout(arterial, portal * 0, outside, np.array([True] * 4))).all()


# --- oil -------------------------------------------------------------------------------------------------


def test_oil_in_beds_is_oil_in_tissue() -> None:
    fixed = patient()
    graph, site = fixed.graph, fixed.lattice.site_volume
    rows = fixed.grown.feeders[0].exchange
    oil = np.zeros(graph.n_edges)
    beds = np.isfinite(graph.conductance) & np.isin(graph.head, graph.exchange[rows])
    oil[beds & (graph.kind == Kind.ARTERIAL)] = 3e-9
    arterial, portal = oil_uptake(fixed.grown, oil)
    assert not portal.any()
    assert arterial.sum() * site == pytest.approx(oil.sum(), rel=1e-5)
    assert np.array_equal(arterial > 0.0, fixed.sites_below(fixed.grown.feeders[0].name))
    oil[:] = 0.0
    oil[beds & (graph.kind == Kind.PORTAL)] = 1e-9
    arterial, portal = oil_uptake(fixed.grown, oil)
    assert not arterial.any() and portal.sum() * site == pytest.approx(oil.sum(), rel=1e-5)
    inside = fixed.sites_below(fixed.grown.feeders[0].name)
    assert not portal[~inside].any()
    # it lies where portal blood goes: at the border of the tumour rather than deep inside
    one = fixed.grown.exchange_of_site == rows[0]
    depth, there = fixed.anatomy.depth[one], portal[one]
    assert there[np.argmin(depth)] > there[np.argmax(depth)]


def test_oil_that_lies_in_no_bed_of_the_box_is_in_no_site() -> None:
    fixed = patient()
    graph = fixed.graph
    oil = np.zeros(graph.n_edges)
    oil[graph.named["portal_main"]] = oil[graph.named["proper_hepatic"]] = 1e-6
    for organ in fixed.grown.non_target:
        oil[organ.beds] = 1e-7
    arterial, portal = oil_uptake(fixed.grown, oil)
    assert not arterial.any() and not portal.any()


def test_oil_is_shared_evenly_where_the_node_has_no_such_blood() -> None:
    from dataclasses import replace

    fixed = patient()
    grown = replace(fixed.grown, weight_portal=np.zeros_like(fixed.grown.weight_portal))
    graph = grown.graph
    bed = np.flatnonzero(
        (graph.kind == Kind.PORTAL) & (graph.head == graph.exchange[5]) & np.isfinite(graph.conductance)
    )
    oil = np.zeros(graph.n_edges)
    oil[bed] = 2e-9
    portal = oil_uptake(grown, oil)[1]
    mine = grown.exchange_of_site == 5
    assert portal[mine] == pytest.approx(2e-9 / grown.tissue_volume[5]) and not portal[~mine].any()


def test_ct_shows_oil_from_its_threshold_on() -> None:
    fixed = patient()
    graph, grown = fixed.graph, fixed.grown
    assert seen_oil(grown, np.zeros(graph.n_edges), PARAMETERS) is None
    oil = np.zeros(graph.n_edges)
    rows = fixed.grown.feeders[0].exchange
    bed = {r: np.flatnonzero((graph.kind == Kind.ARTERIAL) & (graph.head == graph.exchange[r])) for r in rows[:2]}
    for r, times in zip(rows[:2], (0.99, 1.01), strict=True):
        at = [e for e in bed[r] if not graph.edge_name[e].startswith("collateral")]
        oil[at] = times * PARAMETERS["imaging.least_oil"] * grown.tissue_volume[r]
    found = seen_oil(grown, oil, PARAMETERS)
    assert found is not None
    assert np.array_equal(found > 0.0, grown.exchange_of_site == rows[1])
    assert found.max() == pytest.approx(1.01 * PARAMETERS["imaging.least_oil"], rel=1e-5)
    lower = {**PARAMETERS, "imaging.least_oil": 0.9 * PARAMETERS["imaging.least_oil"]}
    both = seen_oil(grown, oil, lower)
    assert both is not None and np.array_equal(both > 0.0, np.isin(grown.exchange_of_site, rows[:2]))


# --- thrombus --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grade", ["none", "Vp2", "Vp3", "Vp4"])
def test_a_thrombus_is_seen_by_the_most_central_vein_it_lies_in(grade: str) -> None:
    fixed = patient(thrombus=grade)
    state = fixed.new_state()
    assert seen_thrombus(fixed.graph, state.edge_patent, PARAMETERS) == grade


def test_a_thrombus_in_a_narrow_vein_is_not_seen() -> None:
    fixed = patient()
    graph = fixed.graph
    patent = fixed.new_state().edge_patent.copy()
    unnamed = [e for e in np.flatnonzero(graph.kind == Kind.PORTAL) if not graph.edge_name[e]]
    vein = unnamed[int(np.argmax(graph.radius[unnamed]))]
    patent[vein] = 0.2
    width = 2.0 * graph.radius[vein]
    for times, seen in ((0.99, "Vp1"), (1.01, "none")):
        parameters = {**PARAMETERS, "imaging.smallest_vessel": times * width}
        assert seen_thrombus(graph, patent, parameters) == seen
    # dormant arteries are no thrombus
    patent[vein] = 1.0
    patent[graph.kind == Kind.ARTERIAL] = 0.0
    assert seen_thrombus(graph, patent, {**PARAMETERS, "imaging.smallest_vessel": 0.0}) == "none"
