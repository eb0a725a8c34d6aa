"""A wide vein in the grown graph: blood of its own, and nothing else changed by it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tumorsim.anatomy.passing_vein import PassingVein, VeinSpec
from tumorsim.errors import InputError
from tumorsim.parameters import load_parameters
from tumorsim.patient import Patient, build_patient
from tumorsim.scenario import Scenario
from tumorsim.scenario.explain import explain
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import FLOW, PRESSURE, Kind
from tumorsim.vessels.near import wall_distance
from tumorsim.vessels.passing_vein import NAME, add_vein, vein_velocity
from tumorsim.vessels.supply import site_supply

TABLE = load_parameters()
SMALL: dict[str, Any] = {
    "name": "beside a vein",
    "until": "2 d",
    "seed": 7,
    "tissue": {"size": "40 mm", "spacing": "2 mm", "tumour": {"diameter": "14 mm"}},
    "vessels": {"feeders": 2, "terminals": 150, "vein": {"diameter": "5 mm", "distance": "3 mm"}},
}


def asked(**vein: Any) -> dict[str, Any]:
    return {**SMALL, "vessels": {**SMALL["vessels"], "vein": {**SMALL["vessels"]["vein"], **vein}}}


@pytest.fixture(scope="module")
def patient() -> Patient:
    return build_patient(Scenario.from_dict(SMALL))


def test_it_carries_the_velocity_of_hepatic_veins(patient: Patient) -> None:
    graph, edge = patient.graph, patient.graph.named[NAME]
    flow = patient.new_state().edge_flow
    area = math.pi * 2.5e-3**2
    assert graph.kind[edge] == Kind.VENOUS and graph.radius[edge] == 2.5e-3 and np.isnan(graph.conductance[edge])
    assert flow[edge] / area == pytest.approx(vein_velocity("cirrhotic", TABLE), rel=1e-9)
    assert vein_velocity("normal", TABLE) < vein_velocity("cirrhotic", TABLE)
    normal = build_patient(Scenario.from_dict({**SMALL, "tissue": {**SMALL["tissue"], "liver": "normal"}}))
    there = normal.untreated_flow[normal.graph.named[NAME]]
    assert there / area == pytest.approx(vein_velocity("normal", TABLE), rel=1e-9)
    assert patient.untreated_flow[edge] == flow[edge]


def test_no_tissue_lives_on_it_and_its_lumen_has_none(patient: Patient) -> None:
    graph, grown, edge = patient.graph, patient.grown, patient.graph.named[NAME]
    count, label = graph.islands()
    alone = label == label[graph.tail[edge]]
    assert count == 2 and alone.sum() == 2 and not alone[graph.exchange].any()
    assert np.all(grown.exchange_of_site[patient.anatomy.lumen] == -1)
    for q in site_supply(grown, patient.untreated_flow):
        assert not q[patient.anatomy.lumen].any()


def test_calibrated_trees_are_as_without_it(patient: Patient) -> None:
    lifted = replace(patient.anatomy.passing, spec=VeinSpec(9e-3, 3e-3))  # another bore, the same lumen
    alone = build_patient(Scenario.from_dict(asked())).grown
    edges = alone.graph.n_edges - 1
    bare = replace(
        alone.graph,
        **{
            key: getattr(alone.graph, key)[:edges]
            for key in ("tail", "head", "radius", "length", "kind", "edge_name", "conductance", "haematocrit")
        },
        **{
            key: getattr(alone.graph, key)[:-2]
            for key in ("boundary_node", "boundary_type", "boundary_value", "boundary_haematocrit", "boundary_po2")
        },
        node_pos=alone.graph.node_pos[:-2],
        node_name=alone.graph.node_name[:-2],
    )
    wide = add_vein(replace(alone, graph=bare, patent=alone.patent[:edges]), lifted, "cirrhotic", TABLE)
    flows = [FlowSolver(graph, parameters=TABLE).solve(patent).edge_flow for graph, patent in (
        (bare, alone.patent[:edges]), (alone.graph, alone.patent), (wide.graph, wide.patent))]  # fmt: skip
    for flow in flows[1:]:
        assert np.allclose(flow[:edges], flows[0], rtol=1e-9, atol=1e-20)
    assert flows[2][edges] == pytest.approx(flows[1][edges] * (9 / 5) ** 2)
    assert list(wide.graph.boundary_type[-2:]) == [FLOW, PRESSURE]
    assert len(wide.graph.attributes["edge"]["patent"]) == wide.graph.n_edges


def test_blood_is_conserved_and_beads_cannot_reach_it(patient: Patient) -> None:
    graph, edge = patient.graph, patient.graph.named[NAME]
    flow = patient.solver.solve(patient.grown.patent)
    assert flow.residual < 1e-9
    assert flow.boundary_flow.sum() == pytest.approx(0.0, abs=1e-9 * flow.inflow)
    for name in ("proper_hepatic", "portal_main"):
        assert edge not in graph.downstream_edges(graph.named[name], flow.edge_flow)
    closed = patient.grown.patent.copy()
    closed[graph.kind == Kind.ARTERIAL] = 0.0  # whatever is embolised, it flows
    assert patient.solver.solve(closed).edge_flow[edge] == pytest.approx(flow.edge_flow[edge], rel=1e-9)


def test_without_velocity_it_stands() -> None:
    still = build_patient(Scenario.from_dict({**SMALL, "parameters": {"vessels.cirrhotic_vein_velocity": "0 cm/s"}}))
    assert still.untreated_flow[still.graph.named[NAME]] == 0.0


def test_a_file_says_where_it_lies_and_what_is_wrong() -> None:
    scenario = Scenario.from_dict(asked(side="-y"))
    assert scenario.vessels.vein == VeinSpec(5e-3, 3e-3, (0.0, -1.0, 0.0))
    auto = {**SMALL, "tissue": {**SMALL["tissue"], "size": "auto"}}
    near = Scenario.from_dict(auto).tissue.size
    vein = {"diameter": "9 mm", "distance": "20 mm"}
    far = Scenario.from_dict({**auto, "vessels": {**SMALL["vessels"], "vein": vein}}).tissue.size
    assert far > near and far >= 2 * (7e-3 + 20e-3 + 9e-3)
    for keys, said in (
        ({"distance": "12 mm"}, r"vessels\.vein\.distance: its far wall lies 24 mm .* outside the box \(40 mm wide\)"),
        ({"diameter": "5"}, r"vessels\.vein\.diameter"),
        ({"diametre": "5 mm"}, r"vessels\.vein\.diametre: unknown key\. Did you mean 'diameter'"),
        ({"side": "left"}, r"vessels\.vein\.side: .* is no side"),
    ):
        with pytest.raises(InputError, match=said):
            Scenario.from_dict(asked(**keys))
    slab = {**asked(side="+z"), "tissue": {**SMALL["tissue"], "spacing": "1 mm", "dimensions": 2}}
    with pytest.raises(InputError, match=r"vessels\.vein\.side: lies outside the plane of the slab"):
        Scenario.from_dict(slab)
    spheroid = {
        "name": "x", "until": "2 d", "vessels": {"vein": SMALL["vessels"]["vein"]},
        "tissue": {"spacing": "20 um", "culture": {}, "tumour": {"diameter": "400 um"}},
    }  # fmt: skip
    with pytest.raises(InputError, match=r"vessels\.vein: a spheroid in culture has no vein"):
        Scenario.from_dict(spheroid)
    words = " ".join(explain(Scenario.from_dict(SMALL)).split())
    assert "a hepatic vein 5 mm wide passes it 3 mm from its border, on its left; its blood, 12.7 cm/s" in words


def test_distances_from_walls_are_those_of_capsules(patient: Patient) -> None:
    graph, lattice = patient.graph, patient.lattice
    vein = patient.anatomy.passing
    assert isinstance(vein, PassingVein)
    edges = np.array([graph.named[NAME], graph.named["hepatic_vein"]])
    found = wall_distance(lattice, graph, edges)
    assert found[vein.lumen].max() < 0.0
    expected = np.full(lattice.n_sites, np.inf)
    for edge in edges:
        a, b = graph.node_pos[graph.tail[edge]], graph.node_pos[graph.head[edge]]
        part = np.clip((lattice.centres() - a) @ (b - a) / ((b - a) @ (b - a)), 0.0, 1.0)
        away = np.linalg.norm(lattice.centres() - a - part[:, None] * (b - a), axis=1) - graph.radius[edge]
        expected = np.minimum(expected, away)
    assert np.allclose(found, expected, rtol=0.0, atol=1e-12)
    assert np.isinf(wall_distance(lattice, graph, edges[:0])).all()
