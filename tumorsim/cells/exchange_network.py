"""The exchange nodes as a network of Mesa: where arteries, portal branches and veins meet a piece of tissue."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import networkx as nx
import numpy as np
from mesa.discrete_space import Cell, Network
from numpy.typing import NDArray

from tumorsim.vessels.graph import Kind

if TYPE_CHECKING:
    from tumorsim.cells.mesa_face import CellAgents


class ExchangeNode(Cell):
    """One exchange node and its territory: every site belongs to exactly one.

    Attributes
    ----------
    coordinate : int
        Row of the node in ``graph.exchange``.
    node : int
        The node in the vessel graph.
    position : array, shape (3,)
        [m].
    sites : array of int64
        Its territory, ascending.
    """

    def __init__(
        self, model: Any, territory: list[NDArray[np.int64]], coordinate: Any, capacity: int | None = None,
        random: Any = None, **_: Any,
    ) -> None:  # fmt: skip
        self._model = model
        self.sites = territory[int(coordinate)]
        super().__init__(coordinate, capacity=capacity, random=random)
        self.node = int(self._graph.exchange[int(coordinate)])
        self.position = self._graph.node_pos[self.node]

    @property
    def _graph(self) -> Any:
        return self._model.virtual_patient.graph

    @property
    def agents(self) -> CellAgents:  # type: ignore[override]
        """Its cell agents, always up to date."""
        from tumorsim.cells.mesa_face import CellAgents

        return CellAgents(self._model, sites=self.sites)

    # Mesa's collections of cells read this one
    @property
    def _agents(self) -> CellAgents:
        return self.agents

    @_agents.setter
    def _agents(self, value: Iterable[Any]) -> None:
        if list(value):
            raise TypeError("cell agents belong to sites; they cannot be put into an exchange node")

    @property
    def is_empty(self) -> bool:
        """Whether no living tumour cell is in its territory."""
        return len(self.agents) == 0

    @property
    def upstream(self) -> NDArray[np.int64]:
        """Edges of the vessel graph that lead to the node, ascending.

        Arteries, portal veins and arteries from outside the liver; into liver beside a tumour also sinusoids
        by which the tumour drains.
        """
        edges: NDArray[np.int64] = np.flatnonzero(self._graph.head == self.node)
        return edges

    @property
    def downstream(self) -> NDArray[np.int64]:
        """Edges of the vessel graph that lead from the node to veins or to the liver around, ascending."""
        edges: NDArray[np.int64] = np.flatnonzero((self._graph.tail == self.node) & (self._graph.kind == Kind.SINUSOID))
        return edges

    def add_agent(self, agent: Any) -> NoReturn:
        """Not possible; see the reason."""
        raise TypeError("add_agent: cell agents belong to sites, and a site to one exchange node for good")

    remove_agent = add_agent

    def __repr__(self) -> str:
        return f"ExchangeNode({self.coordinate}, {len(self.sites)} sites, {len(self.agents)} cell agents)"


class ExchangeNetwork(Network):
    """The exchange nodes; neighbours are those whose territories share a face of the lattice.

    ``G`` is the `networkx.Graph`: node = row, with ``pos`` [m], ``compartment`` and ``segment``.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        patient = model.virtual_patient
        owner, graph = patient.grown.exchange_of_site, patient.graph
        rows = len(graph.exchange)
        position = graph.node_pos[graph.exchange]
        order = np.argsort(owner, kind="stable")
        ends = np.searchsorted(owner[order], np.arange(rows + 1))
        territory = [order[ends[row] : ends[row + 1]] for row in range(rows)]
        of_nodes = nx.Graph()
        of_nodes.add_nodes_from(
            (
                row,
                {
                    "pos": tuple(position[row].tolist()),
                    "compartment": int(patient.grown.compartment_of_exchange[row]),
                    "segment": int(patient.grown.segment_of_exchange[row]),
                },
            )
            for row in range(rows)
        )
        of_nodes.add_edges_from(touching(owner.reshape(patient.lattice.shape)).tolist())
        # later versions of Mesa would lay out the nodes themselves
        known = "layout" in inspect.signature(Network.__init__).parameters
        placed: dict[str, Any] = {"layout": dict(enumerate(position))} if known else {}
        klass: Any = partial(ExchangeNode, model, territory)
        super().__init__(of_nodes, capacity=None, random=model.random, cell_klass=klass, **placed)

    @property
    def agents(self) -> CellAgents:  # type: ignore[override]
        """All cell agents of the model."""
        agents: CellAgents = self.model.agents
        return agents


def touching(owner: NDArray[Any]) -> NDArray[Any]:
    """Pairs of owners, smaller first, whose sites share a face: ``(nx, ny, nz) -> (n, 2)``; -1 owns nothing."""
    pairs = []
    for axis in range(3):
        along = np.moveaxis(owner, axis, 0)
        a, b = along[:-1].ravel(), along[1:].ravel()
        meet = (a != b) & (a >= 0) & (b >= 0)
        pairs.append(np.stack([np.minimum(a, b)[meet], np.maximum(a, b)[meet]], axis=1))
    return np.unique(np.concatenate(pairs), axis=0)


def exchange_network(model: Any) -> ExchangeNetwork:
    """The exchange nodes of a model as a `mesa.discrete_space.Network`.

    Nodes are rows of ``graph.exchange``. Two are neighbours where their territories share a face of the
    lattice, which is the way by which newborn cells and oxygen pass from one to the other; the vessels
    themselves are `ExchangeNode.upstream` and `ExchangeNode.downstream`.
    """
    return ExchangeNetwork(model)
