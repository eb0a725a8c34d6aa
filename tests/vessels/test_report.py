"""The flow report of a network file."""

import json
from pathlib import Path

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.vessels.files import write_graphml, write_network_dat
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import Kind, VesselGraph
from tumorsim.vessels.report import flow_report, flow_summary

VESSELS = Path(__file__).parents[2].parent / "shared" / "vessels"
measured = pytest.mark.skipif(not VESSELS.is_dir(), reason="the measured networks are not here")


def fork(**change) -> VesselGraph:
    """A stem that forks, and a piece without a boundary."""
    columns = {
        "node_pos": np.array([[0, 0, 0], [1, 0, 0], [2, 1, 0], [2, -1, 0], [9, 0, 0], [9, 1, 0]]) * 1e-3,
        "tail": [0, 1, 1, 4],
        "head": [1, 2, 3, 5],
        "radius": np.array([4, 3, 2, 1]) * 1e-5,
        "haematocrit": [0.4, 0.3, np.nan, 0.2],
        "boundary_node": [0, 2, 3],
        "boundary_type": [0, 0, 0],
        "boundary_value": np.array([30, 10, 10]) * 133.322387415,
    }
    return VesselGraph(**(columns | change))


@pytest.fixture
def file(tmp_path):
    graph = fork()
    path = tmp_path / "fork.dat"
    write_network_dat(graph, path, flow=FlowSolver(graph).solve().edge_flow * [1.0, 1.01, 1.0, 1.0])
    return path


def test_summary_numbers(file):
    s = flow_summary(file)
    graph = fork()
    solver = FlowSolver(graph)
    flow = solver.solve()
    assert s["vessels"] == 4 and s["nodes"] == 6 and s["kinds"] == {"other": 4}
    assert s["islands"] == 2 and s["islands_without_flow"] == 1 and s["vessels_without_flow"] == 1
    assert s["boundary_pressures"] == 3 and s["boundary_flows"] == 0
    assert s["inflow_nl_min"] == pytest.approx(flow.edge_flow[0] * 6e13, rel=1e-12)
    assert s["largest_imbalance"] < 1e-12
    r = s["ranges"]
    assert r["diameter_um"] == pytest.approx({"low": 20, "median": 50, "high": 80})
    assert r["pressure_mmhg"]["high"] == pytest.approx(30) and r["pressure_mmhg"]["low"] == pytest.approx(10)
    v = np.abs(flow.edge_flow) / (np.pi * graph.radius**2) * 1e3
    assert r["velocity_mm_s"]["high"] == pytest.approx(v.max())
    shear = 4 * solver.viscosity * np.abs(flow.edge_flow) / (np.pi * graph.radius**3)
    assert r["wall_shear_pa"]["median"] == pytest.approx(np.median(shear))
    assert s["flow_column"]["vessels"] == 3  # the vessel at rest has no flow to compare
    assert s["flow_column"]["median_relative_difference"] == pytest.approx(0, abs=1e-9)
    assert s["flow_column"]["largest_relative_difference"] == pytest.approx(0.01 / 1.01, rel=1e-6)
    assert s["flow_column"]["same_direction"] == 1.0


def test_summary_is_plain_json(file):
    s = flow_summary(file)
    assert json.loads(json.dumps(s, allow_nan=False)) == s


def test_blood_changes_the_flow(file):
    s = flow_summary(file)
    assert flow_summary(file, haematocrit=0.2)["inflow_nl_min"] > s["inflow_nl_min"]
    # in vessels this wide, smaller cells are less crowded to the middle: the blood is thicker
    assert flow_summary(file, cell_volume=55e-18)["inflow_nl_min"] < 0.99 * s["inflow_nl_min"]
    assert "0.2 in every vessel, as given" in flow_report(file, haematocrit=0.2)
    assert "red cells of 55 fL" in flow_report(file, cell_volume=55e-18)
    assert "0.45 (default) in 1 vessels" in flow_report(file)


@pytest.mark.parametrize("wrong", [{"haematocrit": 1.0}, {"haematocrit": -0.1}, {"cell_volume": 0.0}])
def test_impossible_blood_is_refused(file, wrong):
    with pytest.raises(InputError):
        flow_report(file, **wrong)


def test_text(file):
    text = flow_report(file)
    lines = text.splitlines()
    assert lines[0] == "fork.dat"
    row = next(line for line in lines if line.startswith("diameter [um]"))
    assert row.split() == ["diameter", "[um]", "20", "50", "80"]
    assert "connected pieces      2, without flow 1" in lines
    assert any(line.startswith("against the file's flow column, 3 vessels") for line in lines)
    assert max(map(len, lines)) <= 110
    assert "nan" not in text


def test_large_networks_in_other_units_and_without_a_column(tmp_path):
    path = tmp_path / "liver.graphml"
    calibrated = [np.nan, 1e-11, 1e-11, np.nan]
    write_graphml(fork(radius=[2e-3] * 4, kind=Kind.PORTAL, conductance=calibrated, exchange=[1]), path)
    text = flow_report(path)
    assert "flow [mL/min]" in text and "nl/min" not in text
    assert "4 portal" in text and "1 exchange nodes" in text and "2 conductances calibrated" in text
    assert "flow column" not in text
    assert flow_summary(path)["flow_column"] is None


@measured
def test_measured_mesentery():
    s = flow_summary(VESSELS / "mesentery_rat_1990.dat", cell_volume=55e-18)
    assert s["vessels"] == 1130 and s["largest_imbalance"] < 1e-9
    assert s["flow_column"]["median_relative_difference"] < 0.01
    assert s["flow_column"]["same_direction"] == 1.0


@measured
def test_relative_flows_are_named():
    text = flow_report(VESSELS / "tumour_r3230ac_1998.dat")
    for words in ("calls its flows relative", "outflows scaled", "pressures are relative to node"):
        assert words in text
