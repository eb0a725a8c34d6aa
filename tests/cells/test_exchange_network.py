"""The exchange nodes as a network of Mesa."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mesa.discrete_space import CellCollection, Network

from tumorsim.cells.exchange_network import touching
from tumorsim.model import TumorModel
from tumorsim.vessels.graph import Kind

SMALL: dict[str, Any] = {
    "case": "untreated",
    "until": "5 d",
    "tissue__size": "18 mm",
    "tissue__tumour__diameter": "8 mm",
    "vessels__feeders": 2,
    "vessels__terminals": 60,
}


@pytest.fixture(scope="module")
def model() -> TumorModel:
    return TumorModel(**SMALL)


def test_every_site_and_agent_belongs_to_one_node(model: TumorModel) -> None:
    nodes = list(model.network.all_cells)
    sites = np.concatenate([node.sites for node in nodes])
    assert sorted(sites) == np.flatnonzero(model.virtual_patient.grown.exchange_of_site >= 0).tolist()
    seen = sorted(agent.unique_id for node in nodes for agent in node.agents)
    assert seen == model.agents.ids.tolist()
    for agent in model.agents[::50]:
        assert agent in agent.cell.agents
        assert agent.site in agent.cell.sites
    assert len(model.network.agents) == len(model.agents)


def test_neighbours_are_territories_that_touch(model: TumorModel) -> None:
    network, lattice = model.network, model.virtual_patient.lattice
    owner = model.virtual_patient.grown.exchange_of_site
    expected: set[tuple[int, int]] = set()
    for site in range(lattice.n_sites):
        for other in lattice.neighbours(site):
            if -1 < owner[site] < owner[other]:
                expected.add((int(owner[site]), int(owner[other])))
    assert {tuple(sorted(edge)) for edge in network.G.edges} == expected
    node = model.agents[0].cell
    near = node.neighborhood
    assert isinstance(network, Network)
    assert isinstance(near, CellCollection)
    assert {n.coordinate for n in near} == set(network.G.neighbors(node.coordinate))
    assert len(list(near.agents)) == sum(len(n.agents) for n in near)


def test_nothing_touches_across_sites_without_tissue() -> None:
    owner = np.array([[[0, 1, -1, 2]]])
    assert touching(owner).tolist() == [[0, 1]]


def test_vessels_up_and_down(model: TumorModel) -> None:
    graph = model.virtual_patient.graph
    fed: set[int] = set()
    for node in model.network.all_cells:
        assert node.node == graph.exchange[node.coordinate]
        assert np.array_equal(node.position, graph.node_pos[node.node])
        assert network_position(model, node.coordinate) == tuple(node.position)
        assert set(graph.kind[node.upstream].tolist()) <= {
            Kind.ARTERIAL, Kind.PORTAL, Kind.EXTRAHEPATIC, Kind.SINUSOID,
        }  # fmt: skip
        assert np.all(graph.head[node.upstream] == node.node)
        assert set(graph.kind[node.downstream].tolist()) == {Kind.SINUSOID}
        assert np.all(graph.tail[node.downstream] == node.node)
        # what flows in flows out
        flow = model.state.edge_flow
        assert flow[node.upstream].sum() == pytest.approx(flow[node.downstream].sum(), rel=1e-6)
        fed.update(node.upstream.tolist())
    assert len(fed) == sum(len(node.upstream) for node in model.network.all_cells)


def network_position(model: TumorModel, row: int) -> Any:
    return model.network.G.nodes[row]["pos"]


def test_nodes_follow_the_run() -> None:
    model = TumorModel(**SMALL)
    node = model.agents[0].cell
    collection, before = node.neighborhood, len(node.agents)
    node.agents.set("count", 0)
    assert before > 0
    assert len(node.agents) == 0
    assert node.is_empty
    assert "0 cell agents" in repr(node)
    assert node not in {agent.cell for agent in model.agents}
    other = next(n for n in collection if len(n.agents))
    kept = len(list(collection.agents))
    cells = len(other.agents)
    other.agents.set("count", 0)
    assert len(list(collection.agents)) == kept - cells
    model.step()


def test_agents_cannot_be_put_into_a_node(model: TumorModel) -> None:
    node = model.agents[0].cell
    for name in ("add_agent", "remove_agent"):
        with pytest.raises(TypeError, match="belong to sites"):
            getattr(node, name)(model.agents[0])


def test_a_fork_has_its_own_network(model: TumorModel) -> None:
    assert model.fork().network is not model.network
    assert model.network is model.network
