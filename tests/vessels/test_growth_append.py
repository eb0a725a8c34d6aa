"""Adding vessels to a graph: old numbers stay, new ones come behind."""

from __future__ import annotations

import numpy as np
import pytest

from tumorsim.parameters import load_parameters
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import PRESSURE, Kind, VesselGraph
from tumorsim.vessels.growth_append import append


def line() -> VesselGraph:
    return VesselGraph(
        node_pos=np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0.0]]) * 1e-3,
        tail=np.array([0, 1]),
        head=np.array([1, 2]),
        radius=np.full(2, 1e-4),
        kind=np.array([Kind.ARTERIAL, Kind.SINUSOID]),
        edge_name=["a", ""],
        boundary_node=np.array([0, 2]),
        boundary_type=np.full(2, PRESSURE),
        boundary_value=np.array([10000.0, 400.0]),
        exchange=np.array([1]),
    )


def test_a_new_root_with_two_vessels() -> None:
    graph = append(
        line(),
        Kind.EXTRAHEPATIC,
        node_pos=np.array([[1, 3, 0], [1, 1, 0.0]]) * 1e-3,
        tail=np.array([3, 4]),
        head=np.array([4, 1]),
        radius=np.array([1e-4, 2e-4]),
        conductance=np.array([np.nan, 1e-13]),
        names=["phrenic", ""],
        roots=[3],
        root_pressure=12000.0,
    )
    graph.validate()
    assert graph.named == {"a": 0, "phrenic": 2}
    assert graph.length[2:] == pytest.approx([2e-3, 1e-3])
    assert graph.kind.tolist() == [Kind.ARTERIAL, Kind.SINUSOID, Kind.EXTRAHEPATIC, Kind.EXTRAHEPATIC]
    assert graph.boundary_node.tolist() == [0, 2, 3] and graph.boundary_value[2] == 12000.0
    flow = FlowSolver(graph, parameters=load_parameters()).solve().edge_flow
    assert flow[2] == pytest.approx(flow[3]) and flow[1] == pytest.approx(flow[0] + flow[3])


def test_nothing_added_changes_nothing() -> None:
    none = np.zeros(0, dtype=np.int64)
    same = append(line(), Kind.ARTERIAL, tail=none, head=none, radius=np.zeros(0), conductance=np.zeros(0), names=[])
    assert same.equals(line())
