"""One virtual patient: all that is fixed before the first step, built from a scenario and a number.

Anatomy, vessels and the calibration of untreated perfusion belong here; whatever changes in a run is in
`tumorsim.state`. Every arm of a study shares the same patient, so the trees are grown once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy import Anatomy, build
from tumorsim.anatomy.contraction import Lesion, lesions_of
from tumorsim.anatomy.fluid import fluid_now
from tumorsim.anatomy.foci import Foci, draw_foci, no_foci
from tumorsim.errors import InputError
from tumorsim.fields.fine_oxygen import FineOxygen
from tumorsim.fields.oxygen import OxygenModel
from tumorsim.fine_patient import fine_parts
from tumorsim.hazards.ischaemia import IschaemiaClocks
from tumorsim.hazards.traits import Traits
from tumorsim.lattice import Lattice
from tumorsim.outcomes import imaging
from tumorsim.outcomes.angiogram import seen_arteries
from tumorsim.outcomes.imaging import SeenArtery
from tumorsim.outcomes.outline import Present
from tumorsim.outcomes.perfusion_imaging import seen_oil, seen_thrombus
from tumorsim.outcomes.registration import registration_shift
from tumorsim.outcomes.zone import without_contrast
from tumorsim.parameters import Parameters
from tumorsim.scenario import Scenario, Tissue
from tumorsim.scenario.fine import Fine
from tumorsim.state import CAUSES, LIVER, THROMBOSED, State
from tumorsim.vessels import oil
from tumorsim.vessels.beads import BeadRide
from tumorsim.vessels.buffer import BufferReference, buffer_reference, solve_buffered
from tumorsim.vessels.extrahepatic import parasitic
from tumorsim.vessels.flow import FlowSolver
from tumorsim.vessels.graph import VesselGraph
from tumorsim.vessels.growth import GrownVessels, grow, territory
from tumorsim.vessels.passing_vein import add_vein
from tumorsim.vessels.remodelling import Remodelling, dormant_vessels, set_edge_state
from tumorsim.vessels.supply import demand, liver_perfusion, site_supply


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
    foci : Foci
        Latent foci in the liver beyond the box.
    capacity : int
        Cells a full site holds.
    solver, bead_ride, oxygen, clocks
        The physics, prepared.
    traits : Traits
        How sensitive the tumour is to radiation, drugs and heat, and where.
    oil_capacity : array, shape (edges,)
        Oil with which every vessel is full [m3]; inf where oil passes without closing.
    buffer : BufferReference
        Beds of the liver that widen where portal blood fails, and their blood without a thrombus.
    untreated_arterial : array, shape (sites,)
        Arterial perfusion before treatment [1/s].
    plain_flow : array, shape (edges,)
        Flow before treatment and without a thrombus [m3/s].
    liver_arterial : float
        Mean arterial perfusion of the box's liver outside the target by that flow [1/s]: what an image calls
        the brightness of liver.
    bench : Fine or None
        What a block on a bench is like: its temperature and its blood. None for a patient.
    """

    seed: int
    number: int
    parameters: Parameters
    lattice: Lattice
    anatomy: Anatomy
    foci: Foci
    grown: GrownVessels
    capacity: int
    solver: FlowSolver
    bead_ride: BeadRide
    oil_capacity: NDArray[np.float64]
    buffer: BufferReference
    oxygen: OxygenModel | FineOxygen | None
    clocks: IschaemiaClocks
    traits: Traits
    untreated_arterial: NDArray[np.float32]
    untreated_flow: NDArray[np.float64]
    plain_flow: NDArray[np.float64]
    liver_arterial: float
    bench: Fine | None = None
    _below: dict[str, NDArray[np.bool_]] = field(default_factory=dict, repr=False)

    @property
    def graph(self) -> VesselGraph:
        """The vessel graph."""
        return self.grown.graph

    @property
    def n_walls(self) -> int:
        """Pieces of walls of organs in the box."""
        return len(self.anatomy.organs.walls().area)

    @property
    def walled(self) -> bool:
        """Whether the box ends in the tissue itself, by symmetry, and not in room that growth must not run out of."""
        return isinstance(self.oxygen, FineOxygen) and self.oxygen.medium is None

    @cached_property
    def remodelling(self) -> Remodelling:
        """The clocks of this patient's vessels."""
        grown, graph, table = self.grown, self.grown.graph, self.parameters
        parasites = [(np.asarray(p.edges, dtype=np.int64), p.exchange) for p in grown.parasites]
        dormant = dormant_vessels(graph.kind, graph.head, graph.exchange, grown.patent, parasites)
        half_life = oil.oil_half_life(grown, table)
        rows = len(graph.exchange)
        # a dormant vessel carries nothing untreated: what it would, between the pressures of its ends
        pressure = self.solver.solve(grown.patent).node_pressure
        carries = self.solver.conductance * np.abs(pressure[graph.tail] - pressure[graph.head])
        weight = np.where(grown.patent == 0.0, np.nan_to_num(carries), np.abs(self.untreated_flow))
        return Remodelling.prepare(self.oil_capacity, half_life, weight, dormant, grown.exchange_of_site, rows, table)

    @cached_property
    def lesions(self) -> tuple[Lesion, ...]:
        """What contracts about a middle of its own."""
        return lesions_of(self.anatomy)

    @cached_property
    def liver_blood(self) -> float:
        """Mean blood flow of all sources of the box's liver outside the target, as `liver_arterial` [1/s].

        0 where the box holds no such liver.
        """
        liver = (self.anatomy.compartment == LIVER) & ~self.anatomy.target
        if not liver.any():
            return 0.0
        return float(sum(q[liver].mean(dtype=np.float64) for q in site_supply(self.grown, self.plain_flow)))

    def present(self, state: State) -> Present:
        """Where the tissue is now: resorption has contracted it."""
        if not (state.volume < 1.0).any():
            return Present(self.lattice)
        return Present(self.lattice, state.volume, state.compartment, self.lesions)

    def image(
        self,
        state: State,
        viable: NDArray[np.int32],
        *,
        examination: str,
        sphere: float | None = None,
        arteries: bool = True,
        at: int | None = None,
    ) -> imaging.Image:
        """What an examination shows now.

        Parameters
        ----------
        viable : array, shape (sites,)
            Viable cells.
        examination : str
            Its name: the key of how far it is out of place.
        sphere : float, optional
            Diameter of the sphere that a region must hold [m]; default `imaging.sphere`.
        arteries : bool
            Whether to look for arteries.
        at : int, optional
            Time of the examination [s], where it lies within a step.
        """
        p = self.parameters
        seen = imaging.take(
            self.lattice,
            viable,
            self.capacity,
            state.q_arterial + state.q_extrahepatic,
            self.liver_arterial,
            least_density=p["imaging.least_density"],
            least_enhancement=p["imaging.least_enhancement"],
            sphere=p["imaging.sphere"] if sphere is None else sphere,
            present=self.present(state),
            gap=p["imaging.lesion_gap"],
            uptake=seen_oil(self.grown, state.edge_oil, p),
            thrombus_seen=seen_thrombus(self.graph, state.edge_patent, p),
            shift=registration_shift(
                self.seed, self.number, examination, p["imaging.registration_error"], self.lattice.is_slab
            ),
        )
        dark = without_contrast(state, self.liver_blood, p)
        seen = replace(seen, fluid=fluid_now(state, p, at), dark=dark)
        return replace(seen, arteries=self.seen_arteries(state, seen.visible)) if arteries else seen

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
        """Arteries that run to visible tumour now, wide enough for cone-beam CT or selective angiography."""
        return seen_arteries(self.grown, state, visible, self.parameters["imaging.smallest_artery"])

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
            walls=self.n_walls,
        )
        state = State(sizes, causes)
        state.compartment[:] = self.anatomy.compartment
        state.edge_patent[:] = state.edge_open[:] = self.grown.patent
        state.edge_state[self.grown.thrombosed] = THROMBOSED
        set_edge_state(state)
        self.solve_flow(state)
        self.bring_blood(state)
        return state

    def solve_flow(self, state: State) -> None:
        """Flow and pressure for the vessels as they are, and how wide arteries stand for it."""
        flow, tone = solve_buffered(self.solver, state.edge_open, self.buffer, self.parameters)
        state.edge_tone[:] = tone
        state.edge_flow[:] = flow.edge_flow
        state.node_pressure[:] = flow.node_pressure

    def bring_blood(self, state: State) -> None:
        """What blood the flow brings to every site: none where heat has closed the capillaries."""
        state.q_arterial[:], state.q_portal[:], state.q_extrahepatic[:] = site_supply(self.grown, state.edge_flow)
        if state.coagulated.any():
            left = np.float32(1.0) - state.coagulated
            for q in (state.q_arterial, state.q_portal, state.q_extrahepatic):
                q *= left


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
    lattice, anatomy, grown, oxygen = _parts(scenario, seed, number, parameters)
    solver = FlowSolver(grown.graph, parameters=parameters)
    buffer = buffer_reference(grown, solver)
    flow = solve_buffered(solver, grown.patent, buffer, parameters)[0].edge_flow
    untreated = site_supply(grown, flow)[0]
    # what liver gets where no thrombus has changed it: the eye compares with such liver
    plain = solver.solve(np.where(grown.patent > 0.0, 1.0, 0.0)).edge_flow
    unchanged = site_supply(grown, plain)[0]
    liver = (anatomy.compartment == 0) & ~anatomy.target
    oil_capacity = oil.capacity(grown, parameters)
    return Patient(
        seed=seed,
        number=number,
        parameters=parameters,
        lattice=lattice,
        anatomy=anatomy,
        foci=_foci(tissue, seed, number, parameters),
        grown=grown,
        capacity=tissue.capacity,
        solver=solver,
        bead_ride=BeadRide(
            grown.graph,
            solver,
            lodging_factor=parameters["embolisation.lodging_factor"],
            batch_share=parameters["embolisation.batch_share"],
            oil_capacity=oil_capacity,
        ),
        oil_capacity=oil_capacity,
        buffer=buffer,
        oxygen=oxygen,
        clocks=IschaemiaClocks.from_parameters(parameters),
        traits=Traits.of_patient(parameters, lattice, seed, number),
        untreated_arterial=untreated,
        untreated_flow=flow,
        # a box without liver around the tumour: what such liver would get
        plain_flow=plain,
        liver_arterial=float(unchanged[liver].mean(dtype=np.float64))
        if liver.any()
        else liver_perfusion(tissue.liver, parameters)[0],
        bench=tissue.fine if tissue.fine is not None and tissue.fine.kind == "bench" else None,
    )


def _foci(tissue: Tissue, seed: int, number: int, parameters: Parameters) -> Foci:
    """Latent foci of a patient; without grown vessels there is no liver beyond the box."""
    if tissue.fine is not None:
        return no_foci()
    return draw_foci(
        tissue.tumour.latent_foci,
        semi_axes=tissue.tumour.semi_axes,
        volume=tissue.tumour.volume,
        box=tissue.size,
        density=tissue.density,
        doubling_time=tissue.tumour.doubling_time,
        liver=tissue.liver,
        seed=seed,
        patient=number,
        parameters=parameters,
    )


def _parts(
    scenario: Scenario, seed: int, number: int, parameters: Parameters
) -> tuple[Lattice, Anatomy, GrownVessels, OxygenModel | FineOxygen | None]:
    """Box, anatomy, vessels and oxygen of a patient: liver with grown trees, or fine tissue."""
    tissue = scenario.tissue
    if tissue.fine is not None:
        parts = fine_parts(scenario, seed, number, parameters)
        return parts.lattice, parts.anatomy, parts.vessels, parts.oxygen
    if scenario.vessels.file is not None:
        raise InputError(
            f"vessels.file: {scenario.vessels.file.name}: an imported graph carries a run at a spacing of 50 um and "
            "less, with its own tissue; `tumorsim vessels` reads and solves it at any"
        )
    lattice = tissue.lattice()
    anatomy = build(lattice, tissue.tumour, seed, number, parameters, tissue.organs, scenario.vessels.vein)
    arterial, portal = demand(
        lattice,
        anatomy.compartment,
        tissue.liver,
        anatomy.distance_to_uncovered_border,
        anatomy.distance_to_covered_border,
        parameters,
        tissue.tumour.vascularity,
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
        liver=tissue.liver,
        thrombus=tissue.tumour.thrombus,
        barrier=anatomy.in_the_way,
        parasite=parasitic(
            scenario.vessels.extrahepatic,
            tissue.tumour.place,
            2.0 * max(tissue.tumour.semi_axes),
            seed,
            number,
            parameters,
        ),
    )
    if anatomy.passing is not None:
        grown = add_vein(grown, anatomy.passing, tissue.liver, parameters)
    return lattice, anatomy, grown, OxygenModel(parameters, lattice, tissue.liver)
