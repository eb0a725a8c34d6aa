"""From trees to a graph: radii by Murray's law, pressures, and the conductance of the beds, set once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.errors import InputError
from tumorsim.vessels.flow import edge_conductance
from tumorsim.vessels.graph import PRESSURE, Kind, VesselGraph
from tumorsim.vessels.growth_circuit import Organ
from tumorsim.vessels.growth_tree import Tree

Floats = NDArray[np.float64]

MMHG = 133.322387415
WIDTH = {
    Kind.ARTERIAL: "vessels.proper_hepatic_diameter",
    Kind.PORTAL: "vessels.portal_main_diameter",
    Kind.VENOUS: "vessels.hepatic_vein_diameter",
    Kind.EXTRAHEPATIC: "vessels.proper_hepatic_diameter",  # sets the scale of all arteries
}
PRESSURES = {
    Kind.ARTERIAL: "vessels.artery_pressure",
    Kind.PORTAL: "vessels.portal_pressure",
    Kind.VENOUS: "vessels.hepatic_vein_pressure",
    Kind.EXTRAHEPATIC: "vessels.artery_pressure",
}


@dataclass(frozen=True)
class Rest:
    """Liver of one segment outside the box: where it hangs (nodes of the trees) and its flows [m3/s]."""

    name: str
    position: Floats
    arterial_node: int
    portal_node: int
    venous_node: int
    arterial: float
    portal: float


@dataclass(frozen=True)
class Assembled:
    """A calibrated graph and the untreated blood in it.

    Attributes
    ----------
    graph : VesselGraph
    pressure : array, shape (nodes,)
        Untreated pressure [Pa].
    artery_flow : array, shape (n,)
        Untreated flow [m3/s] of the vessel that comes to every node of the arterial tree; all of it at node 0.
    artery_scale : float
        Radius of an artery over its flow to the power 1 / `vessels.murray_exponent` [m, m3/s].
    """

    graph: VesselGraph
    pressure: Floats
    artery_flow: Floats
    artery_scale: float


def levels(tree: Tree) -> list[NDArray[np.int64]]:
    """Nodes but the root by their distance from it, nearest first."""
    depth = tree.depth()
    order = np.argsort(depth, kind="stable")
    bounds = np.searchsorted(depth[order], np.arange(1, depth.max(initial=0) + 2))
    return [order[a:b] for a, b in pairwise(bounds)]


def carried(tree: Tree, ordered: list[NDArray[np.int64]], given: Floats) -> Floats:
    """Flow of the vessel that comes to every node, given what is taken there, (n,) -> (n,) [m3/s]."""
    flow = given.copy()
    for nodes in reversed(ordered):
        np.add.at(flow, tree.parent[nodes], flow[nodes])
    return flow


def assemble(
    trees: tuple[Tree, Tree, Tree],
    rests: list[Rest],
    position: Floats,
    q_arterial: Floats,
    q_portal: Floats,
    parameters: Mapping[str, float],
    q_extrahepatic: Floats | None = None,
    organs: Sequence[Organ] = (),
    drains_to: NDArray[np.int64] | None = None,
) -> Assembled:
    """Join the trees at exchange nodes and calibrate the beds.

    The pressure at the end of every tree is that at its root less what untreated flow loses on the way
    (Poiseuille, Pries in vivo viscosity); the conductance of a bed is its untreated flow over what is left
    to the sinusoids. So solving the graph gives the untreated flows back.

    Parameters
    ----------
    trees : (arterial, portal, venous) Tree
    rests : list of Rest
    position : array, shape (rows, 3)
        Of the exchange nodes [m].
    q_arterial, q_portal : array, shape (rows,)
        Untreated inflow of every exchange node [m3/s].
    q_extrahepatic : array, shape (rows,), optional
        Untreated inflow [m3/s] by arteries that are no part of these trees; the sinusoids drain it too.
    organs : sequence of Organ, optional
        What hangs on branches of the arterial tree outside the liver; their beds come later
        (`growth_circuit.close_circuit`).
    drains_to : array of int, shape (rows,), optional
        Row into whose sinusoids a row drains, at a pressure `vessels.tumour_drainage_drop` above them; -1,
        the default, for a row with a vein of its own.

    Returns
    -------
    Assembled
        Edges: the three trees (the vessel of node n of the arterial tree is edge n - 1), arterial beds,
        portal beds, sinusoids to veins, those of tumour to liver, then those of the rests.

    Raises
    ------
    InputError
        Where a tree would lose all the pressure that there is.
    """
    offset = np.cumsum([0, *(len(tree.parent) for tree in trees)])
    exchange = np.arange(len(position)) + offset[3]
    rest_node = np.arange(len(rests)) + offset[3] + len(position)
    q_all = q_arterial + q_portal if q_extrahepatic is None else q_arterial + q_portal + q_extrahepatic
    whole = float(q_arterial.sum() + q_portal.sum() + sum(r.arterial + r.portal for r in rests))
    if q_extrahepatic is not None:
        whole += float(q_extrahepatic.sum())

    drains = np.full(len(position), -1, dtype=np.int64) if drains_to is None else drains_to
    inner = np.flatnonzero(drains >= 0)
    collected = np.where(drains >= 0, 0.0, q_all)
    np.add.at(collected, drains[inner], q_all[inner])

    columns: dict[str, list[Any]] = {"tail": [], "head": [], "radius": [], "kind": []}
    names: list[str] = []
    bed: list[Floats] = []  # pairs of flow and pressure at the tree's end, for beds
    leaf_node: list[NDArray[np.int64]] = []
    leaf_row: list[NDArray[np.int64]] = []
    leaf_radius: list[Floats] = []
    flows: list[Floats] = []
    levels_of = [levels(tree) for tree in trees]

    def put(tail: Any, head: Any, radius: Any, kind: Kind) -> None:
        columns["tail"].append(np.atleast_1d(tail))
        columns["head"].append(np.atleast_1d(head))
        columns["radius"].append(np.atleast_1d(radius))
        columns["kind"].append(np.full(len(np.atleast_1d(tail)), kind, dtype=np.uint8))

    through = {Kind.ARTERIAL: q_arterial, Kind.PORTAL: q_portal, Kind.VENOUS: collected}
    exponent = parameters["vessels.murray_exponent"]
    least = 0.5 * parameters["vessels.smallest_diameter"]
    scale = []
    for t, tree in enumerate(trees):
        leaf_node.append(np.concatenate([*tree.leaves, np.zeros(0, dtype=np.int64)]))
        leaf_row.append(np.concatenate([*tree.rows, np.zeros(0, dtype=np.int64)]))
        given = np.zeros(len(tree.parent))
        given[leaf_node[t]] = through[tree.kind][leaf_row[t]]
        for r in rests:
            if tree.kind == Kind.ARTERIAL:
                given[r.arterial_node] += r.arterial
            elif tree.kind == Kind.PORTAL:
                given[r.portal_node] += r.portal
            else:
                given[r.venous_node] += r.arterial + r.portal
        flow = carried(tree, levels_of[t], given)
        # one of three hepatic veins has the given width when it drains a third of the liver
        reference = whole / 3.0 if tree.kind == Kind.VENOUS else flow[0]
        root_radius = 0.5 * parameters[WIDTH[tree.kind]]
        scale.append(root_radius / reference ** (1.0 / exponent) if reference > 0.0 else 0.0)
        radius = np.maximum(scale[t] * flow ** (1.0 / exponent), least)
        if tree.kind == Kind.ARTERIAL:
            # blood of other organs costs pressure on the way, but does not widen the liver's vessels
            for organ in organs:
                given[organ.node] += organ.flow
                radius[organ.node] = 0.5 * organ.diameter
            flow = carried(tree, levels_of[t], given)
        flows.append(flow)
        leaf_radius.append(radius[leaf_node[t]])
        far, near = np.arange(1, len(tree.parent)) + offset[t], tree.parent[1:] + offset[t]
        if tree.kind == Kind.VENOUS:
            put(far, near, radius[1:], tree.kind)
        else:
            put(near, far, radius[1:], tree.kind)
        names += [tree.name.get(node, "") for node in range(1, len(tree.parent))]
    n_tree = len(names)
    for t, kind in enumerate((Kind.ARTERIAL, Kind.PORTAL)):
        put(leaf_node[t] + offset[t], exchange[leaf_row[t]], leaf_radius[t], kind)
    put(exchange[leaf_row[2]], leaf_node[2] + offset[2], leaf_radius[2], Kind.SINUSOID)
    corona = np.maximum(scale[2] * q_all[inner] ** (1.0 / exponent), least)
    put(exchange[inner], exchange[drains[inner]], corona, Kind.SINUSOID)
    for r, node in zip(rests, rest_node, strict=True):
        if r.arterial > 0.0:
            put(r.arterial_node, node, scale[0] * r.arterial ** (1.0 / exponent), Kind.ARTERIAL)
        if r.portal > 0.0:
            put(r.portal_node + offset[1], node, scale[1] * r.portal ** (1.0 / exponent), Kind.PORTAL)
        both = r.arterial + r.portal
        put(node, r.venous_node + offset[2], scale[2] * both ** (1.0 / exponent), Kind.SINUSOID)
    tail, head = np.concatenate(columns["tail"]), np.concatenate(columns["head"])

    node_pos = np.vstack([*(tree.position for tree in trees), position, *(r.position for r in rests)])
    node_name = [""] * len(node_pos)
    for r, node in zip(rests, rest_node, strict=True):
        node_name[node] = r.name
    graph = VesselGraph(
        node_pos=node_pos,
        tail=tail,
        head=head,
        radius=np.concatenate(columns["radius"]),
        kind=np.concatenate(columns["kind"]),
        node_name=node_name,
        edge_name=[*names, *[""] * (len(tail) - n_tree)],
        boundary_node=offset[:3],
        boundary_type=np.full(3, PRESSURE),
        boundary_value=np.array([parameters[PRESSURES[tree.kind]] for tree in trees]),
        exchange=exchange,
    )

    poiseuille, _ = edge_conductance(graph, parameters=parameters)
    pressure = np.full(len(node_pos), parameters["vessels.sinusoid_pressure"])
    drop = parameters["vessels.tumour_drainage_drop"]
    pressure[exchange[inner]] += drop
    for t, tree in enumerate(trees):
        pressure[offset[t] : offset[t + 1]] = pressures(
            tree,
            levels_of[t],
            flows[t],
            poiseuille[offset[t] - t : offset[t + 1] - t - 1],
            parameters,
            drop if len(inner) and tree.kind != Kind.VENOUS else 0.0,
        )
    bed = [q_arterial[leaf_row[0]], q_portal[leaf_row[1]], collected[leaf_row[2]], q_all[inner]]
    bed += [np.array([q for q in (r.arterial, r.portal, r.arterial + r.portal) if q > 0.0]) for r in rests]
    conductance = np.full(len(tail), np.nan)
    conductance[n_tree:] = np.concatenate(bed) / (pressure[tail[n_tree:]] - pressure[head[n_tree:]])
    return Assembled(replace(graph, conductance=conductance), pressure, flows[0], scale[0])


def pressures(
    tree: Tree,
    ordered: list[NDArray[np.int64]],
    flow: Floats,
    conductance: Floats,
    parameters: Mapping[str, float],
    above: float = 0.0,
) -> Floats:
    """Pressure [Pa] of every node of a tree with its untreated flow.

    Checked against the pressure of the sinusoids, or ``above`` [Pa] over it.
    """
    root = parameters[PRESSURES[tree.kind]]
    sign = -1.0 if tree.kind == Kind.VENOUS else 1.0  # veins run towards their root
    loss = np.zeros(len(tree.parent))
    for nodes in ordered:
        loss[nodes] = loss[tree.parent[nodes]] + flow[nodes] / conductance[nodes - 1]
    there = sign * (root - parameters["vessels.sinusoid_pressure"] - above)
    worst = float(loss.max(initial=0.0))
    if worst >= there:
        raise InputError(
            f"vessels: the {tree.kind.name.lower()} tree would lose {worst / MMHG:.3g} mmHg of the "
            f"{there / MMHG:.3g} mmHg between its root and the sinusoids. Widen {WIDTH[tree.kind]}, or "
            f"change {PRESSURES[tree.kind]} or vessels.sinusoid_pressure"
        )
    return root - sign * loss
