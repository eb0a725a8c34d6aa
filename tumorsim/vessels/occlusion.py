"""A network before and after an embolisation: named vessels closed, beads carried by the flow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tumorsim.errors import InputError, nearest
from tumorsim.parameters import load_parameters
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import VesselGraph
from tumorsim.vessels.ride import Ride, ride
from tumorsim.vessels.solved import Solved, held_at_pressures, solve_network

_NUMBER = re.compile(r"#?(\d{1,9})")


@dataclass(frozen=True)
class Injection:
    """Beads of a diameter ``size`` [m] given at a ``node``, or in a vessel ``edge``; the other is -1."""

    size: float
    place: str
    node: int = -1
    edge: int = -1


@dataclass(frozen=True)
class Occlusion:
    """What an embolisation did.

    Attributes
    ----------
    before, after : Solved
    closed : array of int
        Vessels closed by name.
    plugged : array of int
        Vessels closed by beads.
    lost : array of int
        Vessels that were not closed but have no flow any more.
    turned : array of int
        Vessels whose flow has turned round.
    territory : array of int
        Vessels that blood reached through what was closed, or from where beads were given.
    injection, beads : Injection, Ride or None
    held : int
        Boundary nodes with a given flow that keep their pressure instead.
    """

    before: Solved
    after: Solved
    closed: NDArray[np.int64]
    plugged: NDArray[np.int64]
    lost: NDArray[np.int64]
    turned: NDArray[np.int64]
    territory: NDArray[np.int64]
    injection: Injection | None
    beads: Ride | None
    held: int

    @property
    def share_still(self) -> float:
        """Share of the volume of the territory's vessels that is without flow [-]."""
        graph = self.before.graph
        volume = (graph.radius**2 * graph.length)[self.territory]
        still = ~self.after.moving[self.territory]
        return float(volume[still].sum() / volume.sum()) if len(volume) else 0.0


def find_edges(graph: VesselGraph, words: Sequence[str], option: str) -> tuple[list[int], list[str]]:
    """Vessels by name, by identity in a GraphML file, or by number (`#12`, from 0); and what is not there."""
    identities = graph.attributes.get("edge_id") or [f"e{i}" for i in range(graph.n_edges)]
    return _find(words, graph.edge_name, identities, f"{option}: no vessel", "vessels")


def find_node(graph: VesselGraph, word: str, option: str) -> tuple[int, int, list[str]]:
    """(node, -1) by name, identity or number, else (-1, vessel) by a vessel's name; and what is wrong."""
    identities = graph.attributes.get("node_id") or [f"n{i}" for i in range(graph.n_nodes)]
    found, problems = _find([word], graph.node_name, identities, f"{option}: no node", "nodes")
    if found:
        return found[0], -1, []
    if word in graph.named:
        return -1, graph.named[word], []
    return -1, -1, problems


def _find(
    words: Sequence[str], names: Sequence[str], identities: Sequence[str], what: str, plural: str
) -> tuple[list[int], list[str]]:
    """Places of the words. A plain number is a name where names are numbers, else a number of a row."""
    by_name: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        if name:
            by_name.setdefault(name, []).append(i)
    by_identity = {name: i for i, name in enumerate(identities) if name}
    counted = not any(name.isdigit() for name in by_name)
    found, problems = [], []
    for word in words:
        number = _NUMBER.fullmatch(word)
        by_number = number is not None and (counted or word.startswith("#")) and int(number.group(1)) < len(names)
        if len(by_name.get(word, ())) > 1:
            rows = ", ".join(f"#{i}" for i in by_name[word][:4])
            problems.append(f"{what} alone is called '{word}': {rows} are. Give one of these numbers")
        elif word in by_name:
            found.append(by_name[word][0])
        elif by_number:
            found.append(int(word.lstrip("#")))
        elif word in by_identity:
            found.append(by_identity[word])
        else:
            numbers = f" {plural.capitalize()} are numbered #0 to #{len(names) - 1}." if plural else ""
            problems.append(f"{what} '{word}'.{nearest(word, by_name or by_identity)}{numbers}")
    return found, problems


def occlude(
    before: Solved,
    *,
    close: Sequence[int] = (),
    injection: Injection | None = None,
    cell_volume: float | None = None,
) -> Occlusion:
    """Close vessels, then give beads, and solve again.

    Parameters
    ----------
    before : Solved
        The network as it is.
    close : sequence of int
        Vessels to close.
    injection : Injection, optional
        Beads, given until the flow where they are given is down to `embolisation.stasis`, or none can lodge.
    cell_volume : float, optional
        As the network before was solved with (`solve_network`).

    Raises
    ------
    InputError
        Where no blood carries the beads.
    """
    parameters = load_parameters()
    graph, held = held_at_pressures(before)
    share = before.edge_open.copy()
    closed = np.array(sorted(set(close)), dtype=np.int64)
    share[closed] = 0.0
    beads = None
    if injection is not None:
        solver = FlowSolver(graph, cell_volume=cell_volume, haematocrit=before.haematocrit)
        try:
            beads = ride(
                solver,
                injection.size,
                node=injection.node,
                edge=injection.edge,
                edge_open=share,
                endpoint=parameters["embolisation.stasis"],
                lodging_factor=parameters["embolisation.lodging_factor"],
                batch_share=parameters["embolisation.batch_share"],
            )
        except InputError as error:
            raise InputError([f"--at {injection.place}: {problem}" for problem in error.problems]) from None
        share = beads.edge_open
    after = solve_network(graph, law=before.law, edge_open=share, cell_volume=cell_volume)
    # what is judged without flow is judged by the flow there was
    after = replace(after, reference=before.flow.inflow)
    moved, moves = before.moving, after.moving
    shut = (share == 0.0) & (before.edge_open > 0.0)
    plugged = np.flatnonzero(shut & ~np.isin(np.arange(graph.n_edges), closed))
    turned = moved & moves & (before.flow.edge_flow * after.flow.edge_flow < 0.0)
    return Occlusion(
        before, after, closed, plugged, np.flatnonzero(moved & ~moves & ~shut), np.flatnonzero(turned),
        _territory(before, closed, injection), injection, beads, held,
    )  # fmt: skip


def _territory(before: Solved, closed: NDArray[np.int64], injection: Injection | None) -> NDArray[np.int64]:
    graph, flow = before.graph, before.flow.edge_flow
    starts = closed.tolist()
    if injection is not None:
        node = injection.node
        leaving = ((graph.tail == node) & (flow > 0.0)) | ((graph.head == node) & (flow < 0.0))
        starts += np.flatnonzero(leaving).tolist() if node >= 0 else [injection.edge]
    reached = np.zeros(graph.n_edges, dtype=bool)
    for edge in starts:
        reached[graph.downstream_edges(int(edge), flow)] = True
    return np.flatnonzero(reached & before.moving)
