"""One virtual patient: all that is fixed before the first step, built from a scenario and a number.

Anatomy, vessels and the calibration of untreated perfusion belong here; whatever changes in a run is in
`tumorsim.state`. Every arm of a study shares the same patient, so the trees are grown once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy import Anatomy, build
from tumorsim.errors import InputError
from tumorsim.fields.oxygen import OxygenModel
from tumorsim.hazards.ischaemia import IschaemiaClocks
from tumorsim.lattice import Lattice
from tumorsim.outcomes.imaging import SeenArtery
from tumorsim.parameters import Parameters
from tumorsim.scenario import Scenario
from tumorsim.state import CAUSES, State
from tumorsim.vessels.beads import BeadRide
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import Kind, VesselGraph
from tumorsim.vessels.growth import GrownVessels, grow, territory
from tumorsim.vessels.supply import demand, exchange_inflow, liver_perfusion, site_supply


@dataclass(frozen=True, eq=False)
class Patient:
    """The fixed part of one run, shared by all arms; arrays are read-only by agreement.

    Attributes
    ----------
    seed, number : int
        Keys of every draw.
    parameters : Parameters
        Values in SI.
    lattice, anatomy, grown : Lattice, Anatomy, GrownVessels
    capacity : int
        Cells a full site holds.
    solver, bead_ride, oxygen, clocks
        The physics, prepared.
    untreated_arterial : array, shape (sites,)
        Arterial perfusion before treatment [1/s].
    liver_arterial : float
        Mean of it over the box's liver outside the target [1/s]: what an image calls the brightness of liver.
    """

    seed: int
    number: int
    parameters: Parameters
    lattice: Lattice
    anatomy: Anatomy
    grown: GrownVessels
    capacity: int
    solver: FlowSolver
    bead_ride: BeadRide
    oxygen: OxygenModel
    clocks: IschaemiaClocks
    untreated_arterial: NDArray[np.float32]
    untreated_flow: NDArray[np.float64]
    liver_arterial: float
    _below: dict[str, NDArray[np.bool_]] = field(default_factory=dict, repr=False)

    @property
    def graph(self) -> VesselGraph:
        """The vessel graph."""
        return self.grown.graph

    def cause_index(self, cause: str) -> int:
        """Column of one of the causes every state has."""
        return CAUSES.index(cause)

    def sites_below(self, vessel: str) -> NDArray[np.bool_]:
        """Sites whose arterial blood passes a named vessel, (sites,) bool; of the tree as grown."""
        if vessel not in self._below:
            rows = np.zeros(len(self.graph.exchange) + 1, dtype=bool)
            rows[territory(self.grown, vessel)] = True
            rows[-1] = False  # sites without tissue carry row -1
            self._below[vessel] = rows[self.grown.exchange_of_site]
        return self._below[vessel]

    def arterial_share(self, state: State) -> NDArray[np.float64]:
        """Arterial flow of every site as a share of what it was before treatment; 1 where there was none."""
        before = self.untreated_arterial.astype(np.float64)
        return np.divide(state.q_arterial, before, out=np.ones_like(before), where=before > 0.0)

    def seen_arteries(self, state: State, visible: NDArray[np.bool_]) -> tuple[SeenArtery, ...]:
        """Tumour feeders an angiogram shows now: wide enough, open, and leading to visible tumour."""
        bright = np.zeros(len(self.graph.exchange) + 1)
        np.add.at(bright, self.grown.exchange_of_site[visible], state.q_arterial[visible])
        inflow = exchange_inflow(self.graph, state.edge_flow, Kind.ARTERIAL)
        total = float(bright[:-1].sum())
        seen = []
        for feeder in self.grown.feeders:
            share = float(bright[feeder.exchange].sum()) / total if total > 0.0 else 0.0
            runs = float(inflow[feeder.exchange].sum()) > 0.0 and state.edge_flow[feeder.edge] > 0.0
            if share > 0.0 and runs and feeder.diameter >= self.parameters["imaging.smallest_artery"]:
                segment = self._segment_of(feeder.name)
                seen.append(SeenArtery(feeder.name, feeder.edge, feeder.diameter, segment, share))
        return tuple(seen)

    def _segment_of(self, feeder: str) -> int:
        """Segment whose artery a feeder leaves."""
        inside = self.sites_below(feeder)
        for segment in range(1, 9):
            if not np.any(inside & ~self.sites_below(f"segment_{segment}")):
                return segment
        raise InputError(f"vessels: {feeder} does not hang on one segment's artery")

    def new_state(self, causes: tuple[str, ...] = CAUSES) -> State:
        """The state before the first step, without cells: compartments, vessels open, untreated blood."""
        from tumorsim.state import Sizes

        graph = self.graph
        sizes = Sizes(
            sites=self.lattice.n_sites,
            edges=graph.n_edges,
            nodes=graph.n_nodes,
            exchange=len(graph.exchange),
            one_cell=self.capacity == 1,
        )
        state = State(sizes, causes)
        state.compartment[:] = self.anatomy.compartment
        self.solve_flow(state)
        self.bring_blood(state)
        return state

    def solve_flow(self, state: State) -> None:
        """Flow and pressure for the vessels as they are."""
        flow = self.solver.solve(state.edge_open)
        state.edge_flow[:] = flow.edge_flow
        state.node_pressure[:] = flow.node_pressure

    def bring_blood(self, state: State) -> None:
        """What blood the flow brings to every site."""
        state.q_arterial[:], state.q_portal[:], state.q_extrahepatic[:] = site_supply(self.grown, state.edge_flow)


def build_patient(scenario: Scenario, *, number: int = 0, seed: int | None = None) -> Patient:
    """Build patient ``number`` of a scenario; the same arguments give the same patient, bit for bit.

    Parameters
    ----------
    scenario : Scenario
        Only its tissue, vessels and parameters are read, so that arms share their patients.
    number : int
        0 .. 2**32 - 1; what is drawn by key (septa, satellites, trees, operator) differs between numbers.
    seed : int, optional
        Default the scenario's.

    Raises
    ------
    InputError
        Where anatomy or vessels cannot be made.
    """
    seed = scenario.seed if seed is None else seed
    parameters = scenario.load_parameters()
    tissue = scenario.tissue
    lattice = tissue.lattice()
    anatomy = build(lattice, tissue.tumour, seed, number, parameters)
    arterial, portal = demand(
        lattice,
        anatomy.compartment,
        tissue.liver,
        anatomy.distance_to_uncovered_border,
        anatomy.distance_to_covered_border,
        parameters,
    )
    if scenario.vessels.file is not None:
        raise InputError(
            f"vessels.file: {scenario.vessels.file.name}: an imported graph cannot carry a run in this version; "
            "`tumorsim vessels FILE` reads and solves it"
        )
    grown = grow(
        lattice,
        anatomy.compartment,
        arterial,
        portal,
        feeders=int(scenario.vessels.feeders or 1),
        seed=seed,
        patient=number,
        parameters=parameters,
        terminals=scenario.vessels.terminals,
        rest_perfusion=liver_perfusion(tissue.liver, parameters),
    )
    solver = FlowSolver(grown.graph, parameters=parameters)
    flow = solver.solve(np.ones(grown.graph.n_edges)).edge_flow
    untreated = site_supply(grown, flow)[0]
    liver = (anatomy.compartment == 0) & ~anatomy.target
    return Patient(
        seed=seed,
        number=number,
        parameters=parameters,
        lattice=lattice,
        anatomy=anatomy,
        grown=grown,
        capacity=tissue.capacity,
        solver=solver,
        bead_ride=BeadRide(
            grown.graph,
            solver,
            lodging_factor=parameters["embolisation.lodging_factor"],
            batch_share=parameters["embolisation.batch_share"],
        ),
        oxygen=OxygenModel(parameters, lattice, tissue.liver),
        clocks=IschaemiaClocks.from_parameters(parameters),
        untreated_arterial=untreated,
        untreated_flow=flow,
        # a box without liver around the tumour: what such liver would get
        liver_arterial=float(untreated[liver].mean(dtype=np.float64))
        if liver.any()
        else liver_perfusion(tissue.liver, parameters)[0],
    )
