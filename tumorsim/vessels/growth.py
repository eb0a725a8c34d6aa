"""Grown vessels: arterial, portal and venous trees over a box of liver, joined at exchange nodes.

Each exchange node serves the sites of one tissue around it. Trees inside the box are grown at least blood
volume (`growth_tree`), their radii follow Murray's law from the flow that they carry, and the beds at their
ends get once, here, the conductance with which the untreated flow meets the untreated demand. Everything
after that is prediction.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order

from tumorsim.anatomy.capsule import THROMBUS
from tumorsim.anatomy.segments import RIGHT_LOBE, Segments, entries
from tumorsim.chance import Purpose, uniforms
from tumorsim.errors import InputError, nearest
from tumorsim.lattice import Lattice
from tumorsim.vessels.extrahepatic import Parasitic
from tumorsim.vessels.graph import Kind, VesselGraph
from tumorsim.vessels.growth_calibrate import Rest, assemble
from tumorsim.vessels.growth_circuit import NonTarget, close_circuit, liver_pressures, organs_of
from tumorsim.vessels.growth_collaterals import Collateral, add_collaterals
from tumorsim.vessels.growth_feeders import deal, feeders_of
from tumorsim.vessels.growth_parasites import Parasite, add_parasite, parasite_inflow
from tumorsim.vessels.growth_terminals import NO_TISSUE, main_tumour, place, regions, share_out
from tumorsim.vessels.growth_thrombus import check, grow_thrombus_artery, occluded, thrombus_rows
from tumorsim.vessels.growth_trees import Box, Nodes, grow_arteries, grow_portal, grow_veins
from tumorsim.vessels.growth_trunk import make_trunk, rest_position, rest_volumes

Floats = NDArray[np.float64]

TERMINAL_SLOT = 1  # of Purpose.TREE: the order in which terminals are added


@dataclass(frozen=True)
class Feeder:
    """An artery into the tumour.

    Attributes
    ----------
    name : str
        ``feeder_1`` (the largest) and on; ``thrombus_artery``.
    edge : int
        Its edge in the graph.
    exchange : array of int
        Exchange rows that it supplies, all in the tumour or in its thrombus; no other feeder supplies them.
    diameter : float
        [m].
    """

    name: str
    edge: int
    exchange: NDArray[np.int64]
    diameter: float


@dataclass(frozen=True)
class GrownVessels:
    """A vessel graph and the tissue that it serves.

    Attributes
    ----------
    graph : VesselGraph
    exchange_of_site : array of int32, shape (n_sites,)
        Row in ``graph.exchange`` of every site; -1 where there is no tissue.
    weight_arterial, weight_portal : array of float32, shape (n_sites,)
        Perfusion of the site per inflow of its exchange node [1/m3]: its untreated demand over the sum of
        demand x volume of the node.
    feeders : list of Feeder
        Of the tumour, the largest first; then that of a thrombus in the portal vein.
    parasites : list of Parasite
        Arteries from outside the liver into the tumour, at work or dormant.
    collaterals : list of Collateral
        Dormant ways from arteries of the liver into the tumour.
    patent : array, shape (edges,)
        Share of each vessel that is open before any treatment: 1, 0 where it is dormant, and
        `vessels.thrombus_patency` where it is thrombosed.
    non_target : list of NonTarget
        Organs outside the liver that embolics can reach.
    thrombosed : array of int
        Portal vessels with tumour thrombus in them; flows were calibrated without it.
    segment_of_exchange : array of uint8, shape (rows,)
        Couinaud segment, 5 to 8, in which an exchange node lies.
    compartment_of_exchange : array of uint8, shape (rows,)
    tissue_volume : array, shape (rows,)
        Volume of the sites of an exchange node [m3].
    seconds : float
        Wall time of the growth.
    even : tuple of 2 floats
        Arterial and portal perfusion of every site that no vessel of the graph brings [1/s]: liver on a bench.
    """

    graph: VesselGraph
    exchange_of_site: NDArray[np.int32]
    weight_arterial: NDArray[np.float32]
    weight_portal: NDArray[np.float32]
    feeders: list[Feeder]
    parasites: list[Parasite]
    collaterals: list[Collateral]
    patent: Floats
    non_target: list[NonTarget]
    thrombosed: NDArray[np.int64]
    segment_of_exchange: NDArray[np.uint8]
    compartment_of_exchange: NDArray[np.uint8]
    tissue_volume: Floats
    seconds: float
    even: tuple[float, float] = (0.0, 0.0)


def grow(
    lattice: Lattice,
    compartment: NDArray[np.uint8],
    demand_arterial: Floats,
    demand_portal: Floats,
    *,
    feeders: int,
    seed: int,
    patient: int,
    parameters: Mapping[str, float],
    terminals: int = 2000,
    rest_perfusion: tuple[float, float] | None = None,
    parasite: Parasitic | None = None,
    liver: str = "normal",
    thrombus: str = "none",
    barrier: NDArray[np.bool_] | None = None,
) -> GrownVessels:
    """Grow and calibrate the vessels of one patient.

    Parameters
    ----------
    compartment : array of uint8, shape (n_sites,)
        0 liver, 1..198 compartments of the tumour, 199 its thrombus in the portal vein, 200..254 satellites,
        255 no tissue.
    demand_arterial, demand_portal : array, shape (n_sites,)
        Untreated perfusion [1/s].
    feeders : int
        Arteries into the tumour, at least 1 where there is a tumour.
    terminals : int
        Exchange nodes; fewer where the box has fewer sites.
    rest_perfusion : (float, float), optional
        Arterial and portal perfusion [1/s] of the liver outside the box; default that of the box's liver.
    parasite : Parasitic, optional
        An artery from outside the liver that reaches the tumour (`tumorsim.vessels.extrahepatic`).

    liver : str
        ``normal`` or ``cirrhotic``: sets the pressures of portal vein and sinusoids, and the shunt.
    thrombus : str
        ``none`` or the grade, ``Vp1`` to ``Vp4``, of the thrombus that ``compartment`` holds.
    barrier : array of bool, shape (n_sites,), optional
        Organs beside the tumour, which vessels go round where that is not too long.

    Raises
    ------
    InputError
        Where terminals, feeders or pressures do not suffice, or the box has no liver and
        ``rest_perfusion`` is not given.
    """
    began = time.perf_counter()
    compartment = np.asarray(compartment, dtype=np.uint8)
    arterial, portal = (np.asarray(d, dtype=np.float64) for d in (demand_arterial, demand_portal))
    _check(lattice, compartment, arterial, portal, feeders, rest_perfusion)
    check(thrombus, compartment)
    parameters = liver_pressures(liver, parameters)
    tumour = main_tumour(compartment)
    site_volume = lattice.site_volume

    at_all = lattice.centres()
    centre = at_all[tumour].mean(axis=0) if tumour.any() else np.zeros(3)
    segments = Segments.draw(lattice, centre, seed, patient, parameters)
    segment_of_site = segments.of(at_all)
    region, home = regions(compartment, segment_of_site)
    sites = np.bincount(region[region >= 0], minlength=len(home))
    need = _sum(region[region >= 0], arterial[region >= 0], len(home))
    least = np.ones(len(home), dtype=np.int64)
    in_tumour = main_tumour(home)
    least[in_tumour] = np.maximum(1, feeders_of(need[in_tumour], feeders))
    if np.any(least > sites):
        raise InputError(f"vessels.feeders: {feeders} feeders are too many: a tumour compartment has too few sites")
    weight = need if need.any() else sites.astype(np.float64)
    weight = np.maximum(weight, 1e-9 * weight.max())
    count = share_out(terminals, weight, sites, least)
    position, node_region, owner = place(lattice, region, count, seed, patient)

    rows = len(position)
    tissue = owner >= 0
    served = owner[tissue]
    q_arterial = _sum(served, arterial[tissue], rows) * site_volume
    q_portal = _sum(served, portal[tissue], rows) * site_volume
    row_compartment = home[node_region]
    row_segment = segments.of(position)
    turn = uniforms(seed, patient, Purpose.TREE, np.arange(rows), slot=TERMINAL_SLOT)
    order = np.argsort(turn, kind="stable")

    of_liver = compartment == 0
    if rest_perfusion is None:
        rest_perfusion = float(arterial[of_liver].mean()), float(portal[of_liver].mean())
    held = np.bincount(segment_of_site[of_liver], minlength=9) * site_volume
    outside = rest_volumes({k: float(held[k]) for k in range(5, 9)}, parameters)
    of_liver |= compartment == THROMBUS  # a thrombus lies in a vein of the liver and does not move it
    entry = entries(lattice, at_all[of_liver], segment_of_site[of_liver])
    nodes = Nodes(position, row_compartment, row_segment, order, q_arterial, q_portal)
    box = Box(lattice, compartment, segments, parameters, barrier)
    parts = _deal(nodes, feeders, seed, patient)
    artery, artery_ends = make_trunk(Kind.ARTERIAL, lattice, entry, parameters)
    vein, vein_ends = make_trunk(Kind.PORTAL, lattice, entry, parameters)
    feeder_nodes = grow_arteries(box, nodes, artery, artery_ends, parts)
    clot_node = grow_thrombus_artery(box, nodes, artery, artery_ends, feeder_nodes)
    if clot_node is not None:
        feeder_nodes, parts = [*feeder_nodes, clot_node], [*parts, thrombus_rows(nodes)]
    grow_portal(box, nodes, vein, vein_ends)
    drain = grow_veins(box, nodes)

    right_end = artery.position[2]
    rest_arterial, rest_portal = rest_perfusion
    # the rest of the right lobe drains by the vein of the box (node 1), the left lobe by another (node 0)
    rests = [
        Rest(
            f"rest of segment_{k}", rest_position(artery.position[artery_ends[k]], right_end),
            artery_ends[k], vein_ends[k], int(k in RIGHT_LOBE), volume * rest_arterial, volume * rest_portal,
        )
        for k, volume in sorted(outside.items())
        if volume > 0.0
    ]  # fmt: skip
    organs = organs_of(artery, parameters)
    brought = np.zeros(rows) if parasite is None else parasite_inflow(parasite, box, nodes)
    at_work = parasite is not None and parasite.recruited and bool(brought.any())
    assembled = assemble(
        (artery, vein, drain),
        rests,
        position,
        q_arterial - brought if at_work else q_arterial,
        q_portal,
        parameters,
        brought if at_work else None,
        organs=organs,
        drains_to=nodes.drains_to,
    )
    portal_flow = float(q_portal.sum() + sum(r.portal for r in rests))
    graph, non_target = close_circuit(assembled.graph, assembled.pressure, portal_flow, organs, parameters)
    parasites = []
    patent = np.ones(graph.n_edges)
    if parasite is not None and brought.any():
        graph, found = add_parasite(graph, parasite, box, nodes, brought, assembled)
        parasites.append(found)
        patent = np.append(patent, np.full(len(found.edges), float(found.recruited)))
    graph, collaterals = add_collaterals(graph, box, nodes, artery, feeder_nodes, assembled)
    patent = np.append(patent, np.zeros(len(collaterals)))
    listed = []
    for node, part in zip(feeder_nodes, parts, strict=True):
        edge = node - 1  # the arterial tree comes first, and the edge of node n is n - 1
        listed.append(Feeder(artery.name[node], edge, part, float(2.0 * graph.radius[edge])))
    thrombosed = np.zeros(0, dtype=np.int64)
    if thrombus != "none":
        thrombosed = occluded(thrombus, graph, segments, centre, compartment, at_all)
    patent[thrombosed] = parameters["vessels.thrombus_patency"]
    graph = replace(graph, attributes={**graph.attributes, "edge": {"patent": patent}})  # files carry it
    return GrownVessels(
        graph=graph,
        exchange_of_site=owner,
        weight_arterial=_weight(owner, arterial, q_arterial),
        weight_portal=_weight(owner, portal, q_portal),
        feeders=listed,
        parasites=parasites,
        collaterals=collaterals,
        patent=patent,
        non_target=non_target,
        thrombosed=thrombosed,
        segment_of_exchange=row_segment,
        compartment_of_exchange=row_compartment,
        tissue_volume=np.bincount(served, minlength=rows).astype(np.float64) * site_volume,
        seconds=time.perf_counter() - began,
    )


def territory(grown: GrownVessels | VesselGraph, edge_name: str) -> NDArray[np.int64]:
    """Exchange rows below a named vessel, along vessels of its own kind, whatever is open; ascending.

    Of grown vessels without what dormant collaterals lead to, unless the named vessel is one.

    Raises
    ------
    InputError
        Where no vessel has this name.
    """
    graph = grown if isinstance(grown, VesselGraph) else grown.graph
    if edge_name not in graph.named:
        raise InputError(f"vessels: no vessel is named '{edge_name}'.{nearest(edge_name, graph.named)}")
    edge = graph.named[edge_name]
    same = graph.kind == graph.kind[edge]
    if isinstance(grown, GrownVessels):
        same[[c.edge for c in grown.collaterals]] = False
        same[edge] = True
    ones = np.ones(int(same.sum()), dtype=np.int8)
    matrix = csr_array((ones, (graph.tail[same], graph.head[same])), shape=(graph.n_nodes, graph.n_nodes))
    below = breadth_first_order(matrix, int(graph.head[edge]), directed=True, return_predecessors=False)
    reached = np.zeros(graph.n_nodes, dtype=bool)
    reached[below] = True
    return np.flatnonzero(reached[graph.exchange])


def _check(
    lattice: Lattice,
    compartment: NDArray[np.uint8],
    arterial: Floats,
    portal: Floats,
    feeders: int,
    rest_perfusion: tuple[float, float] | None,
) -> None:
    problems = [
        f"vessels: {name} has shape {array.shape}, not ({lattice.n_sites},)"
        for name, array in (
            ("compartment", compartment),
            ("demand_arterial", arterial),
            ("demand_portal", portal),
        )
        if array.shape != (lattice.n_sites,)
    ]
    if problems:
        raise InputError(problems)
    for name, array in (("arterial", arterial), ("portal", portal)):
        if not (np.isfinite(array).all() and (array >= 0.0).all()):
            problems.append(f"vessels: {name} demand is negative or not a number somewhere")
    if not np.any(compartment != NO_TISSUE):
        problems.append("vessels: the box holds no tissue")
    if main_tumour(compartment).any() and feeders < 1:
        problems.append(f"vessels.feeders: a tumour needs at least 1 feeder, got {feeders}")
    if rest_perfusion is None and not np.any(compartment == 0):
        problems.append("vessels: the box holds no liver; give the perfusion of the liver outside it")
    if problems:
        raise InputError(problems)


def _sum(group: NDArray[Any], values: Floats, groups: int) -> Floats:
    """Sum of the values of every group, shape (groups,)."""
    return np.bincount(group, values, minlength=groups).astype(np.float64)


def _deal(nodes: Nodes, feeders: int, seed: int, patient: int) -> list[NDArray[np.int64]]:
    """Exchange rows of every feeder, the largest first."""
    rows = np.flatnonzero(nodes.in_tumour)
    if not len(rows):
        return []
    compartment, position, demand = nodes.compartment[rows], nodes.position[rows], nodes.arterial[rows]
    parts = deal(compartment, position, demand, feeders, seed, patient)
    return [rows[part] for part in parts if len(part)]


def _weight(owner: NDArray[np.int32], demand: Floats, inflow: Floats) -> NDArray[np.float32]:
    """Demand of every site over the inflow [m3/s] of its node; 0 where that is 0."""
    with np.errstate(divide="ignore"):
        inverse = np.append(np.where(inflow > 0.0, 1.0 / inflow, 0.0), 0.0)  # the last for owner -1
    return (demand * inverse[owner]).astype(np.float32)
