"""What blood carries: advection along a vessel graph, from where a catheter lies to where it is washed out.

A solved flow runs down the pressure, so its vessels form no circle and one pass along the flow is exact: at
a junction all that arrives mixes (its concentration is the flow-weighted mean), and every vessel that
leaves takes the share of its flow. A bed may extract a share; what is left leaves by the boundary nodes.
Amounts are conserved to rounding, whatever the rounding of the flow.

Blood that has left the graph does not come back: recirculation is not modelled. Diffusion and dispersion
along a vessel are left out (plug flow).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim.errors import InputError, nearest
from tumorsim.vessels.flow import Flow
from tumorsim.vessels.graph import VesselGraph
from tumorsim.vessels.transport_order import Course, course_of, pass_along
from tumorsim.vessels.transport_transient import Transient, run

Floats = NDArray[np.float64]
Sources = Mapping[Any, Any]  # a vessel or node by index or name, to its rate


@dataclass(frozen=True)
class Steady:
    """Where a steady injection goes; or, from `Transport.bolus`, where an amount goes.

    Units are those of the sources: kg/s or mol/s of a steady injection, kg or mol of a bolus.

    Attributes
    ----------
    concentration : array, shape (n,)
        Of the blood mixed at every node [kg/m3], before the bed of an exchange node extracts; nan where no
        blood flows. Of a bolus: its integral over time [kg s/m3].
    edge_flux : array, shape (m,)
        What every vessel delivers at its end [kg/s], with what is injected into it.
    delivered, extracted : array, shape (rows,)
        What arrives at every exchange row, and what of it stays there.
    washed_out : array, shape (b,)
        What leaves at every boundary node.
    injected : float
    """

    concentration: Floats
    edge_flux: Floats
    delivered: Floats
    extracted: Floats
    washed_out: Floats
    injected: float


class Transport:
    """A vessel graph with a solved flow, ready to carry.

    Parameters
    ----------
    graph : VesselGraph
    flow : Flow or array, shape (m,)
        Solved flow [m3/s], positive from tail to head. Flows below 1e-13 of the largest are the rounding of
        the solver: such a vessel carries nothing.

    Raises
    ------
    InputError
        Where the flow is not balanced within 1e-9 of the inflow, goes round in a circle, or has another
        shape; where two exchange rows share a node.

    Attributes
    ----------
    through : array, shape (n,)
        Blood that leaves every node, along vessels or out of the graph [m3/s].
    """

    def __init__(self, graph: VesselGraph, flow: Flow | Floats) -> None:
        edge_flow = flow.edge_flow if isinstance(flow, Flow) else np.asarray(flow, dtype=np.float64)
        if edge_flow.shape != (graph.n_edges,) or not np.isfinite(edge_flow).all():
            raise InputError(f"transport: flow must be {graph.n_edges} finite numbers, one for every vessel")
        self.graph = graph
        self.row = np.full(graph.n_nodes, -1, dtype=np.int64)
        self.row[graph.exchange] = np.arange(len(graph.exchange))
        if np.any(self.row[graph.exchange] != np.arange(len(graph.exchange))):
            raise InputError("transport: two exchange rows share a node")
        self.course: Course = course_of(graph, edge_flow)
        self.through = self.course.through

    @cached_property
    def row_flow(self) -> Floats:
        """Blood that leaves every exchange row [m3/s], shape (rows,)."""
        return np.asarray(self.through[self.graph.exchange])

    def carries(self, vessel: int | str) -> bool:
        """Whether blood flows in a vessel, so that something can be injected into it."""
        return bool(self.course.carries[self._index(vessel, "vessel", self.graph.n_edges, self.graph.named)])

    def steady(self, sources: Sources, *, nodes: Sources | None = None, extraction: ArrayLike = 0.0) -> Steady:
        """Where a steady injection goes.

        Parameters
        ----------
        sources : mapping of vessel to rate
            Vessels by index or name, rates in kg/s or mol/s. The catheter's tip lies at the end of the
            vessel towards which the blood flows: what it gives reaches what that end feeds, no more.
        nodes : mapping of node to rate, optional
            What enters at a node, by index or name; at an inlet: with the blood that enters.
        extraction : float or array, shape (rows,)
            Share of what arrives at an exchange row that stays there, 0 to 1.

        Raises
        ------
        InputError
            For a vessel or node that is not there, a negative rate, or one in which no blood flows: nothing
            would be carried from it.
        """
        rates = self._sources(sources, nodes)
        share = self._per_row(extraction, "extraction", 1.0)
        c = self.course
        at_node, into_edge = np.zeros(self.graph.n_nodes), np.zeros(self.graph.n_edges)
        for edge, rate in rates[0].items():
            into_edge[edge] = float(rate)
        for node, rate in rates[1].items():
            at_node[node] = float(rate)
        injected = float(at_node.sum() + into_edge.sum())
        held = np.zeros(self.graph.n_nodes)
        held[self.graph.exchange] = share
        flux = np.zeros(self.graph.n_edges)
        pass_along(c.order, c.out_start, c.out_edge, c.sink, c.share, held, into_edge, at_node, flux)
        concentration = np.divide(
            at_node, self.through, out=np.full(self.graph.n_nodes, np.nan), where=self.through > 0.0
        )
        delivered = at_node[self.graph.exchange]
        leaves = (at_node * (1.0 - held) * c.leaves)[self.graph.boundary_node]
        return Steady(concentration, flux, delivered, delivered * share, leaves, injected)

    def bolus(self, amounts: Sources, *, nodes: Sources | None = None, extraction: ArrayLike = 0.0) -> Steady:
        """Where amounts [kg or mol] given at once end up: transport is linear, the shares are the same.

        Arguments and errors as `steady`. ``concentration`` is its integral over time [kg s/m3].
        """
        return self.steady(amounts, nodes=nodes, extraction=extraction)

    def extraction(self, uptake: ArrayLike, bed_volume: ArrayLike) -> Floats:
        """Share that a well-mixed bed extracts in the long run, ``k V / (k V + Q)``, shape (rows,).

        Parameters
        ----------
        uptake : float or array, shape (rows,)
            Rate k of first-order uptake out of the blood of the bed [1/s].
        bed_volume : float or array, shape (rows,)
            Volume V of blood in the bed [m3].
        """
        taken = self._per_row(uptake, "uptake") * self._per_row(bed_volume, "bed_volume")
        whole = taken + self.row_flow
        return np.asarray(np.divide(taken, whole, out=np.zeros(len(whole)), where=whole > 0.0))

    def transient(
        self,
        sources: Sources,
        times: ArrayLike,
        *,
        nodes: Sources | None = None,
        volume: ArrayLike | None = None,
        bed_volume: ArrayLike = 0.0,
        uptake: ArrayLike = 0.0,
    ) -> Transient:
        """Injections that change with time: what arrives at every exchange row, and when.

        In a vessel blood moves as a plug; a bed is well mixed, and its uptake and wash-out are exact over
        any step while what arrives is constant. Nothing is in the vessels at the beginning.

        Parameters
        ----------
        sources : mapping of vessel to array, shape (steps,)
            Mean rate [kg/s] in every step; vessels as in `steady`. A single number holds for all steps.
        times : array, shape (steps + 1,)
            Ends of the steps, rising [s]. The error falls with the square of the step.
        nodes : mapping of node to array, shape (steps,), optional
        volume : array, shape (m,), optional
            Blood in every vessel [m3]; default ``pi r^2 length``.
        bed_volume : float or array, shape (rows,)
            Blood in the bed of every exchange row [m3]; 0: a bed without delay.
        uptake : float or array, shape (rows,)
            First-order uptake out of the blood of a bed [1/s].

        Raises
        ------
        InputError
            As `steady`; for times that do not rise, negative volumes or rates, and uptake without a volume.
        """
        at = np.asarray(times, dtype=np.float64)
        if at.ndim != 1 or len(at) < 2 or not np.isfinite(at).all() or not (np.diff(at) > 0.0).all():
            raise InputError("transport: times must be two or more finite numbers that rise")
        edges, points = self._sources(sources, nodes, len(at) - 1)
        beds, rate = self._per_row(bed_volume, "bed_volume"), self._per_row(uptake, "uptake")
        if np.any((rate > 0.0) & (beds == 0.0)):
            row = int(np.flatnonzero((rate > 0.0) & (beds == 0.0))[0])
            raise InputError(f"transport: exchange row {row} has an uptake [1/s] and no bed_volume to take it from")
        blood = np.pi * self.graph.radius**2 * self.graph.length
        if volume is not None:
            blood = np.asarray(volume, dtype=np.float64)
        if blood.shape != (self.graph.n_edges,) or not (np.isfinite(blood) & (blood >= 0.0)).all():
            raise InputError(f"transport: volume must be {self.graph.n_edges} finite numbers, 0 or more")
        return run(self.graph, self.course, self.row, edges, points, at, blood, beds, rate)

    def _index(self, key: int | str, what: str, count: int, names: Mapping[str, int]) -> int:
        if isinstance(key, str):
            if key not in names:
                raise InputError(f"transport: no {what} is named '{key}'.{nearest(key, names)}")
            return names[key]
        if isinstance(key, bool) or not isinstance(key, int | np.integer) or not 0 <= key < count:
            raise InputError(f"transport: {what} {key!r} is neither a name nor a whole number from 0 to {count - 1}")
        return int(key)

    def _sources(
        self, sources: Sources, nodes: Sources | None, steps: int | None = None
    ) -> tuple[dict[int, Any], dict[int, Any]]:
        """Sources by index of edge and of node, with checked rates; arrays where there are steps."""
        graph = self.graph
        node_names = {name: i for i, name in enumerate(graph.node_name) if name} if nodes else {}
        found: tuple[dict[int, Any], dict[int, Any]] = ({}, {})
        for given, what, count, names, runs, into in (
            (sources, "vessel", graph.n_edges, graph.named, self.course.carries, found[0]),
            (nodes or {}, "node", graph.n_nodes, node_names, self.through > 0.0, found[1]),
        ):
            for key, value in given.items():
                index = self._index(key, what, count, names)
                rate = np.asarray(value, dtype=np.float64)
                if steps is not None:
                    rate = np.broadcast_to(rate, steps) if rate.ndim == 0 else rate
                if rate.shape != (() if steps is None else (steps,)):
                    raise InputError(f"transport: {what} {key!r}: rates of shape {rate.shape}, not one for every step")
                if not (np.isfinite(rate) & (rate >= 0.0)).all():
                    raise InputError(f"transport: {what} {key!r}: a rate is negative or not a number")
                if index in into:
                    raise InputError(f"transport: {what} {key!r} is named twice")
                if rate.any() and not runs[index]:
                    raise InputError(
                        f"transport: {what} {key!r}: no blood flows there, so nothing would be carried from it"
                    )
                into[index] = rate
        return found

    def _per_row(self, value: ArrayLike, what: str, most: float = np.inf) -> Floats:
        rows = len(self.graph.exchange)
        array = np.asarray(value, dtype=np.float64)
        if array.ndim and array.shape != (rows,):
            raise InputError(f"transport: {what} has shape {array.shape}, not ({rows},)")
        if not (np.isfinite(array) & (array >= 0.0) & (array <= most)).all():
            limit = "0 or more" if most == np.inf else f"from 0 to {most:g}"
            raise InputError(f"transport: {what} must be finite and {limit}")
        return np.broadcast_to(array, rows).copy()
