"""A vessel network with its blood: flow, pressure, haematocrit, wall shear stress, transit, vessel by vessel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim.errors import InputError
from tumorsim.parameters import load_parameters
from tumorsim.vessels.flow import Flow, FlowSolver
from tumorsim.vessels.graph import PRESSURE, VesselGraph
from tumorsim.vessels.haematocrit import solve_with_phase_separation
from tumorsim.vessels.phase_separation import SplitLaw
from tumorsim.vessels.rheology import mean_velocity, wall_shear_stress
from tumorsim.vessels.transit import transit_times

Floats = NDArray[np.float64]

STILL = 1e-12  # of what enters the network: less is rounding, and counts as no flow


@dataclass(frozen=True)
class Solved:
    """A network whose flow is solved.

    Attributes
    ----------
    graph : VesselGraph
    flow : Flow
    edge_open : array, shape (m,)
        Share of its conductance each vessel has [-].
    haematocrit : array, shape (m,)
        Discharge haematocrit [-]; nan where nothing flows.
    viscosity : array, shape (m,)
        Apparent viscosity [Pa s].
    law : str or None
        The law of phase separation, or None where the haematocrit was taken as known.
    iterations : int
        Rounds of flow, haematocrit and viscosity; 0 without phase separation.
    notes : tuple of str
        What had to be decided.
    reference : float
        What enters the network [m3/s] where nothing is closed: a flow below 1e-12 of it counts as none.
    """

    graph: VesselGraph
    flow: Flow
    edge_open: Floats
    haematocrit: Floats
    viscosity: Floats
    law: SplitLaw | None
    iterations: int
    notes: tuple[str, ...]
    reference: float

    @property
    def moving(self) -> NDArray[np.bool_]:
        """Vessels with flow, shape (m,)."""
        return np.abs(self.flow.edge_flow) > STILL * self.reference

    @property
    def plain(self) -> NDArray[np.bool_]:
        """Vessels that are one tube, shape (m,): a calibrated conductance stands for more than its radius."""
        return np.isnan(self.graph.conductance)

    @property
    def size(self) -> Floats:
        """Flow without its direction [m3/s], shape (m,)."""
        return np.where(self.moving, np.abs(self.flow.edge_flow), 0.0)

    @property
    def velocity(self) -> Floats:
        """Mean velocity [m/s], shape (m,)."""
        return mean_velocity(self.size, self.graph.radius)

    @property
    def pressure(self) -> Floats:
        """Mean of the pressures at both ends [Pa], shape (m,); nan where nothing fixes it."""
        ends = self.flow.node_pressure
        return 0.5 * (ends[self.graph.tail] + ends[self.graph.head])

    @property
    def shear(self) -> Floats:
        """Wall shear stress [Pa], shape (m,); nan where a conductance is calibrated."""
        stress = wall_shear_stress(self.size, self.graph.radius, self.viscosity)
        return np.where(self.plain, stress, np.nan)

    @property
    def transit(self) -> Floats:
        """Time blood takes through each vessel [s], volume over flow; nan without flow or where calibrated."""
        volume = np.pi * self.graph.radius**2 * self.graph.length
        passes = self.moving & self.plain
        return np.divide(volume, self.size, out=np.full(len(volume), np.nan), where=passes)

    @property
    def mean_transit(self) -> float:
        """Mean time from entering to leaving the network [s]; nan where a conductance is calibrated."""
        return transit_times(self.graph, self.flow).mean if self.plain.all() else float("nan")


def law_for(graph: VesselGraph, parameters: Mapping[str, float] | None = None) -> tuple[SplitLaw | None, str]:
    """The law of phase separation that a network allows, and why not the other.

    "2005" where the haematocrit of all entering blood is known, else None.
    """
    flow = FlowSolver(graph, parameters=parameters).solve()
    unknown = np.isnan(graph.boundary_haematocrit) & (flow.boundary_flow > STILL * flow.inflow)
    if not unknown.any():
        return "2005", ""
    return None, f"the haematocrit of entering blood is not known at {int(unknown.sum())} boundary node(s)"


def patency(graph: VesselGraph) -> Floats:
    """Share of its conductance that every vessel has, from the edge attribute ``patent``; 1 where there is none.

    Grown vessels carry it: 0 in arteries that may open later, little where a thrombus sits.

    Raises
    ------
    InputError
        Where a value is not from 0 to 1.
    """
    column = graph.attributes.get("edge", {}).get("patent")
    if column is None:
        return np.ones(graph.n_edges)
    share = np.array([1.0 if value is None else float(value) for value in column])
    share[np.isnan(share)] = 1.0
    wrong = np.flatnonzero((share < 0.0) | (share > 1.0))
    if len(wrong):
        raise InputError(f"edge attribute 'patent': {share[wrong[0]]:g} at edge #{wrong[0]} is not a share from 0 to 1")
    return share


def solve_network(
    graph: VesselGraph,
    *,
    law: SplitLaw | None = None,
    edge_open: ArrayLike | None = None,
    cell_volume: float | None = None,
    haematocrit: float | None = None,
) -> Solved:
    """Solve the flow of a network.

    Parameters
    ----------
    graph : VesselGraph
    law : "1990", "2005" or None
        Law of phase separation, iterated to convergence; None takes the haematocrit as known.
    edge_open : array, shape (m,), optional
        Share of the conductance each vessel has; default `patency`.
    cell_volume : float, optional
        Volume of a red cell in the viscosity [m3]; default the parameter `blood.cell_volume`.
    haematocrit : float, optional
        One for all vessels; default the graph's own, else the parameter `blood.haematocrit`. Only without a law.

    Raises
    ------
    InputError
        Where the network cannot be solved, or a haematocrit is given beside a law.
    ArithmeticError
        Where phase separation does not converge.
    """
    share = patency(graph) if edge_open is None else np.asarray(edge_open, dtype=np.float64)
    if law is not None:
        if haematocrit is not None:
            raise InputError("one haematocrit for all vessels and phase separation exclude each other. Give one")
        found = solve_with_phase_separation(graph, edge_open=share, cell_volume=cell_volume, law=law)
        return Solved(
            graph, found.flow, share, found.haematocrit, found.viscosity, law, found.iterations, found.notes,
            found.flow.inflow,
        )  # fmt: skip
    if haematocrit is not None and not 0.0 <= haematocrit < 1.0:
        raise InputError(f"haematocrit {haematocrit:g} is not from 0 to below 1. Example: 0.45")
    solver = FlowSolver(graph, cell_volume=cell_volume, haematocrit=haematocrit)
    flow = solver.solve(share)
    own = np.where(np.isnan(graph.haematocrit), load_parameters()["blood.haematocrit"], graph.haematocrit)
    used = own if haematocrit is None else np.full(graph.n_edges, haematocrit)
    still = np.abs(flow.edge_flow) <= STILL * flow.inflow
    return Solved(graph, flow, share, np.where(still, np.nan, used), solver.viscosity, None, 0, flow.notes, flow.inflow)


def held_at_pressures(before: Solved) -> tuple[VesselGraph, int]:
    """The network with the pressures its flow boundaries had, and how many those are.

    A given flow would be forced through whatever is left open; what surrounds a tissue keeps a pressure, not a
    flow. So a network in which vessels are to be closed keeps the pressures it had at its boundary nodes.
    """
    graph = before.graph
    pressure = before.flow.node_pressure[graph.boundary_node]
    turned = (graph.boundary_type != PRESSURE) & np.isfinite(pressure)
    held = replace(
        graph,
        boundary_type=np.where(turned, PRESSURE, graph.boundary_type),
        boundary_value=np.where(turned, pressure, graph.boundary_value),
    )
    return held, int(turned.sum())
