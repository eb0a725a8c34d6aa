"""What a patient is made of where no trees are grown: at 50 um and less, with oxygen by diffusion, or on a bench.

A spheroid, a cord, a network and a bench have the parts every patient has; those that belong to grown vessels are
empty, so that what reads them (flow, embolics, images) finds nothing there. On a bench oxygen is not followed: a
session takes minutes, and nothing is asked of the tissue after it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tumorsim.anatomy import Anatomy, build
from tumorsim.anatomy.block import block, cylinder, liver_block
from tumorsim.fields.fine_oxygen import Carried, FineOxygen, centred
from tumorsim.fields.network_oxygen import blood_of, inlet_pressure, network_box
from tumorsim.fields.vessel_walls import VesselWalls
from tumorsim.lattice import Lattice
from tumorsim.parameters import Parameters
from tumorsim.scenario import Scenario
from tumorsim.scenario.fine import Fine
from tumorsim.vessels.files import read_graph
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import VesselGraph
from tumorsim.vessels.growth import GrownVessels
from tumorsim.vessels.supply import liver_perfusion

ROOM_FOR_A_CELL = 0.5  # of a site, that must be outside vessels


@dataclass(frozen=True, eq=False)
class FineParts:
    """The parts of a patient that such a scenario decides; all else follows from them. No oxygen: not followed."""

    lattice: Lattice
    anatomy: Anatomy
    vessels: GrownVessels
    oxygen: FineOxygen | None


def fine_parts(scenario: Scenario, seed: int, number: int, parameters: Parameters) -> FineParts:
    """Build a spheroid, a cord, a network in its tissue, or a bench.

    Raises
    ------
    InputError
        Where the tissue cannot be made.
    """
    fine, lattice = scenario.tissue.fine, scenario.tissue.lattice()
    assert fine is not None
    if fine.kind == "bench":
        anatomy = liver_block(lattice, scenario.tissue.tumour, parameters)
        return FineParts(lattice, anatomy, _evenly_perfused(fine, lattice, parameters), None)
    if fine.kind == "spheroid":
        anatomy = build(lattice, scenario.tissue.tumour, seed, number, parameters)
        oxygen = FineOxygen(parameters, lattice, medium=fine.medium)
        return FineParts(lattice, anatomy, _without_beds(_nothing(), lattice), oxygen)
    if fine.kind == "cord":
        oxygen = _cord(fine, lattice, parameters)
        graph = _nothing()
    else:
        graph, oxygen = _network(scenario, fine, lattice, parameters)
    cells = oxygen.inside & (oxygen.tissue >= ROOM_FOR_A_CELL)
    anatomy = block(lattice, cells, scenario.tissue.tumour, parameters)
    return FineParts(lattice, anatomy, _without_beds(graph, lattice), oxygen)


def _cord(fine: Fine, lattice: Lattice, parameters: Parameters) -> FineOxygen:
    """A vessel along the middle of a cylinder, with blood of one pressure."""
    assert fine.radius is not None and fine.vessel_radius is not None
    half = lattice.size[2] / 2.0
    vessel = VesselGraph(
        node_pos=np.array([[0.0, 0.0, -half], [0.0, 0.0, half]]),
        tail=np.array([0], dtype=np.int32),
        head=np.array([1], dtype=np.int32),
        radius=np.array([fine.vessel_radius]),
    )
    walls = VesselWalls(vessel, np.zeros(3), lattice, np.ones(1, dtype=bool), parameters)
    return FineOxygen(parameters, lattice, inside=cylinder(lattice, fine.radius), walls=walls, blood=fine.blood)


def _network(
    scenario: Scenario, fine: Fine, lattice: Lattice, parameters: Parameters
) -> tuple[VesselGraph, FineOxygen]:
    """The vessels of a file, and the oxygen that their blood brings."""
    assert scenario.vessels.file is not None and fine.species is not None
    read = read_graph(scenario.vessels.file)
    graph = centred(read, network_box(read, None, parameters["oxygen.network_margin"], []))
    flow = FlowSolver(graph, parameters=parameters).solve()
    blood = blood_of(parameters, fine.species)
    own = np.where(np.isnan(graph.haematocrit), parameters["blood.haematocrit"], graph.haematocrit)
    inlet = inlet_pressure(graph, flow, blood, parameters["oxygen.saturation_arterial"], [])
    walls = VesselWalls(graph, np.zeros(3), lattice, flow.edge_flow != 0.0, parameters)
    return graph, FineOxygen(parameters, lattice, walls=walls, blood=Carried(graph, blood, own, inlet))


def _evenly_perfused(fine: Fine, lattice: Lattice, parameters: Parameters) -> GrownVessels:
    """No vessels, and the same blood everywhere; arteries and portal vein bring it as they do to normal liver."""
    arterial, portal = liver_perfusion("normal", parameters)
    share = arterial / (arterial + portal)
    even = (share * fine.perfusion, (1.0 - share) * fine.perfusion)
    return replace(_without_beds(_nothing(), lattice), even=even)


def _nothing() -> VesselGraph:
    """A graph without vessels."""
    none = np.zeros(0, dtype=np.int32)
    return VesselGraph(node_pos=np.zeros((0, 3)), tail=none, head=none, radius=np.zeros(0))


def _without_beds(graph: VesselGraph, lattice: Lattice) -> GrownVessels:
    """Vessels that serve no exchange node: their oxygen goes through their walls."""
    none = np.zeros(lattice.n_sites, dtype=np.float32)
    rows = np.zeros(0, dtype=np.uint8)
    return GrownVessels(
        graph=graph,
        exchange_of_site=np.full(lattice.n_sites, -1, dtype=np.int32),
        weight_arterial=none,
        weight_portal=none,
        feeders=[],
        parasites=[],
        collaterals=[],
        patent=np.ones(graph.n_edges),
        non_target=[],
        thrombosed=np.zeros(0, dtype=np.int64),
        segment_of_exchange=rows,
        compartment_of_exchange=rows,
        tissue_volume=np.zeros(0),
        seconds=0.0,
    )
