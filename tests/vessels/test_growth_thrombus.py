"""The vessels of a tumour thrombus: its own artery, and the portal vessels it narrows."""

from __future__ import annotations

import numpy as np
import pytest

from tumorsim.anatomy import Anatomy, TumourSpec, build
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import Kind
from tumorsim.vessels.growth import GrownVessels, grow, territory
from tumorsim.vessels.supply import demand, exchange_inflow, liver_perfusion

PARAMETERS = load_parameters()
NAMES = {
    "Vp2": ["portal_segment_{}"],
    "Vp3": ["portal_segment_{}", "portal_right"],
    "Vp4": ["portal_segment_{}", "portal_right", "portal_main"],
}


def grown_with(
    grade: str, told: str | None = None, spacing: float = 3e-3, box: float = 60e-3, **given: object
) -> tuple[Anatomy, GrownVessels, np.ndarray, np.ndarray]:
    spec = TumourSpec(diameter=30e-3, septa=2, thrombus=grade)
    anatomy = build(Lattice.for_box(box, spacing), spec, 7, 0, PARAMETERS)
    arterial, portal = demand(
        anatomy.lattice, anatomy.compartment, "cirrhotic",
        anatomy.distance_to_uncovered_border, anatomy.distance_to_covered_border, PARAMETERS,
    )  # fmt: skip
    options: dict = {"terminals": 300, "parameters": PARAMETERS, **given}
    grown = grow(
        anatomy.lattice, anatomy.compartment, arterial, portal, feeders=3, seed=7, patient=0, liver="cirrhotic",
        rest_perfusion=liver_perfusion("cirrhotic", PARAMETERS), thrombus=grade if told is None else told, **options,
    )  # fmt: skip
    return anatomy, grown, arterial, portal


@pytest.fixture(scope="module", params=["Vp1", "Vp2", "Vp3", "Vp4"])
def case(request: pytest.FixtureRequest) -> tuple:
    return request.param, *grown_with(request.param)


def test_its_own_artery_serves_the_thrombus_and_nothing_else(case: tuple) -> None:
    _, anatomy, grown, *_ = case
    rows = np.flatnonzero(grown.compartment_of_exchange == 199)
    assert np.array_equal(np.unique(grown.exchange_of_site[anatomy.thrombus]), rows)
    artery = grown.feeders[-1]
    assert artery.name == "thrombus_artery" and artery.edge == grown.graph.named["thrombus_artery"]
    assert np.array_equal(artery.exchange, rows)
    assert np.array_equal(territory(grown, "thrombus_artery"), rows)
    assert [f.name for f in grown.feeders[:-1]] == ["feeder_1", "feeder_2", "feeder_3"]
    dealt = np.concatenate([f.exchange for f in grown.feeders[:-1]])
    own = grown.compartment_of_exchange
    assert np.array_equal(np.sort(dealt), np.flatnonzero((own > 0) & (own < 199)))
    assert grown.graph.kind[artery.edge] == Kind.ARTERIAL
    segments = [k for k in range(1, 9) if np.isin(rows, territory(grown, f"segment_{k}")).all()]
    assert len(segments) == 1
    for feeder in grown.feeders[:-1]:
        assert not np.isin(rows, territory(grown, feeder.name)).any()


def test_calibration_is_that_without_the_thrombus(case: tuple) -> None:
    _, anatomy, grown, arterial, portal = case
    solver = FlowSolver(grown.graph, parameters=PARAMETERS)
    open_vein = grown.patent.copy()
    open_vein[grown.thrombosed] = 1.0
    flow = solver.solve(open_vein).edge_flow
    for kind, wanted in ((Kind.ARTERIAL, arterial), (Kind.PORTAL, portal)):
        due = np.bincount(grown.exchange_of_site, wanted) * anatomy.lattice.site_volume
        assert np.allclose(exchange_inflow(grown.graph, flow, kind), due, rtol=1e-6, atol=0.0)
    assert not portal[anatomy.thrombus].any()
    assert np.all(arterial[anatomy.thrombus] == PARAMETERS["perfusion.tumour_arterial"])


def test_the_narrowed_vessels(case: tuple) -> None:
    grade, anatomy, grown, *_ = case
    graph = grown.graph
    names = [graph.edge_name[e] for e in grown.thrombosed]
    if grade == "Vp1":
        (edge,) = grown.thrombosed
        assert names == [""] and graph.kind[edge] == Kind.PORTAL and np.isnan(graph.conductance[edge])
        assert graph.radius[edge] < graph.radius[graph.named[f"portal_segment_{anatomy.vein.segment}"]]
    else:
        assert names == [name.format(anatomy.vein.segment) for name in NAMES[grade]]
    assert np.all(grown.patent[grown.thrombosed] == PARAMETERS["vessels.thrombus_patency"])


def test_portal_flow_falls_with_the_grade_and_arteries_go_on() -> None:
    portal, pressure, own = [], [], []
    for grade in ("none", "Vp1", "Vp2", "Vp3", "Vp4"):
        _, grown, *_ = grown_with(grade)
        graph = grown.graph
        flow = FlowSolver(graph, parameters=PARAMETERS).solve(grown.patent)
        portal.append(exchange_inflow(graph, flow.edge_flow, Kind.PORTAL).sum())
        pressure.append(flow.node_pressure[graph.tail[graph.named["portal_main"]]])
        if grade != "none":
            own.append(exchange_inflow(graph, flow.edge_flow, Kind.ARTERIAL)[grown.feeders[-1].exchange].sum())
    assert portal == sorted(portal, reverse=True) and portal[3] < 0.8 * portal[0]
    assert pressure == sorted(pressure) and pressure[4] > 1.1 * pressure[0]
    assert min(own) > 0.0


def test_patency_is_read() -> None:
    wider = PARAMETERS.with_overrides({"vessels.thrombus_patency": 0.3})
    _, grown, *_ = grown_with("Vp3", parameters=wider)
    assert np.all(grown.patent[grown.thrombosed] == 0.3)


def test_one_site_wide() -> None:
    anatomy, grown, *_ = grown_with("Vp1", spacing=7e-3, box=70e-3, terminals=80)
    assert anatomy.thrombus.sum() <= 4
    grown.graph.validate()
    assert len(grown.feeders[-1].exchange) >= 1


def test_grade_and_tissue_must_agree() -> None:
    with pytest.raises(InputError, match="does not hold a thrombus"):
        grown_with("none", told="Vp2")
    with pytest.raises(InputError, match="holds a thrombus"):
        grown_with("Vp2", told="none")
    with pytest.raises(InputError, match="'Vp5' is not known"):
        grown_with("Vp2", told="Vp5")
