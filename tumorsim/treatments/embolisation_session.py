"""One session of embolisation: what went through the catheters, where it stayed, and the drug with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy.zones import RIM
from tumorsim.outcomes.harm import closed_share
from tumorsim.state import DRUGS, State
from tumorsim.treatments.embolisation_spec import Beads, TaeSpec
from tumorsim.vessels.embolics import Sizes, Solid, beads
from tumorsim.vessels.gelatin import gelatin
from tumorsim.vessels.oil import Oil, OilRide, held_by_tissue, portal_filling

if TYPE_CHECKING:
    from tumorsim.patient import Patient

Floats = NDArray[np.float64]
ML = 1e6  # mL in a m3
MG = 1e6  # mg in a kg
ENDPOINT = {"stasis": "embolisation.stasis", "near-stasis": "embolisation.near_stasis"}


def diameters(sizes: Beads) -> Sizes:
    """The distribution of diameters that a file's `beads` means."""
    return Sizes(sizes.size, sizes.spread) if sizes.range is None else Sizes.between(*sizes.range)


def solid_of(spec: TaeSpec, parameters: Mapping[str, float]) -> Solid | None:
    """The solid embolic of a spec; None where there is none."""
    if spec.embolic == "none":
        return None
    return beads(diameters(spec.beads)) if spec.embolic == "beads" else gelatin(parameters)


@dataclass
class Session:
    """Sums over the catheters of one session; arrays are (edges,) [m3].

    ``pieces`` of the solid embolic were delivered, ``lodged`` stayed in a vessel, ``refluxed`` ran back past a
    tip; ``volume`` is that of all pieces, ``lost_volume`` of those that left the arteries, ``held`` where they
    stayed. ``reached`` names the places whose flow fell to the endpoint.
    """

    patient: Patient
    state: State
    spec: TaeSpec
    pieces: int = 0
    lodged: int = 0
    refluxed: int = 0
    volume: float = 0.0
    lost_volume: float = 0.0
    reached: list[str] = field(default_factory=list)
    held: Floats = field(init=False)
    oil: Oil = field(init=False)

    def __post_init__(self) -> None:
        edges = self.patient.graph.n_edges
        self.held = np.zeros(edges)
        self.oil = Oil(0.0, np.zeros(edges))
        self._before = self._closed()

    @property
    def anything(self) -> bool:
        """Whether anything left a catheter."""
        return self.pieces > 0 or self.oil.injected > 0.0

    def inject(self, place: str, number: int | None, oil_volume: float, delivery: int) -> None:
        """Oil and then the solid embolic at one place; ``delivery`` keys the draws."""
        patient, state, spec, table = self.patient, self.state, self.spec, self.patient.parameters
        ride, edge = patient.bead_ride, patient.graph.named[place]
        ride.apply(state)
        before = float(ride.flow(state).edge_flow[edge])
        if spec.oil is not None and oil_volume > 0.0:
            oils = OilRide(ride, table["embolisation.oil_tension"], table["embolisation.oil_channel"])
            self._add_oil(oils.inject(edge, volume=oil_volume, droplet=spec.oil.droplets, state=state))
        solid = solid_of(spec, table)
        if solid is None:
            return
        done = ride.deliver(
            edge,
            solid=solid,
            state=state,
            number=number,
            endpoint=table[ENDPOINT[spec.endpoint]],
            seed=patient.seed,
            patient=patient.number,
            delivery=delivery,
            rate=table["embolisation.injection_rate"],
            before=before,
        )
        self.pieces += done.delivered
        self.lodged += done.lodged
        self.refluxed += done.refluxed
        self.volume += done.volume
        self.lost_volume += done.lost_volume
        self.held += done.held
        if done.reached_stasis:
            self.reached.append(place)

    def _add_oil(self, done: Oil) -> None:
        self.oil.injected += done.injected
        self.oil.held += done.held
        self.oil.washed_out += done.washed_out
        self.oil.refluxed += done.refluxed
        self.oil.ran_back += done.ran_back

    def book_drugs(self, drugs: Mapping[str, float], carrier: str) -> dict[str, Any]:
        """Book each drug (name to kg prescribed) where its carrier stayed; what was given, held and passed on.

        On beads: `embolisation.bead_loading` in their volume, until what was prescribed is used up. In oil:
        evenly in the oil prescribed. In solution: with the pieces, all of it passes on into the circulation.
        """
        total = sum(drugs.values())
        told: dict[str, Any] = {}
        for name, mass in drugs.items():
            if carrier == "beads":
                full = self.patient.parameters["embolisation.bead_loading"] * self.volume
                strength = min(total, full) / self.volume * mass / total if self.volume > 0.0 else 0.0
                depot, lost = self.held * strength, self.lost_volume * strength
            elif carrier == "oil":
                strength = mass / self.spec.oil_volume
                depot, lost = self.oil.held * strength, (self.oil.washed_out + self.oil.refluxed) * strength
            else:
                share = 1.0 if self.spec.number is None else self.pieces / self.spec.number
                depot, lost = np.zeros(len(self.held)), mass * share if self.anything else 0.0
            self.state.edge_payload[:, DRUGS.index(name)] += depot
            held = float(depot.sum())
            told[f"{name}_mg"] = round((held + lost) * MG, 6)
            if carrier != "solution":
                told[f"{name}_held_mg"] = round(held * MG, 6)
            told[f"{name}_passed_on_mg"] = round(lost * MG, 6)
        return told

    def report(self) -> dict[str, Any]:
        """What the schedule audit says of pieces, oil and organs outside the liver."""
        patient = self.patient
        told: dict[str, Any] = {}
        if self.spec.embolic == "gelatin":
            told.update(gelatin_pieces=self.pieces, lodged=self.lodged, gelatin_ml=round(self.volume * ML, 6))
        elif self.spec.embolic == "beads":
            told.update(beads=self.pieces, lodged=self.lodged, beads_ml=round(self.volume * ML, 6))
        if self.spec.embolic != "none":
            told["stasis"] = self.reached
        if self.refluxed:
            told["refluxed"] = self.refluxed
        if self.oil.injected > 0.0:
            held = held_by_tissue(patient.grown, self.oil.held)
            rim = patient.anatomy.tumour & (patient.anatomy.depth <= RIM)
            filled = portal_filling(patient.grown, self.state.edge_oil, patient.oil_capacity, rim)
            told["oil_ml"] = round(self.oil.injected * ML, 6)
            told.update({f"oil_{where}_ml": round(volume * ML, 6) for where, volume in held.items()})
            told["oil_washed_out_ml"] = round(self.oil.washed_out * ML, 6)
            told["oil_refluxed_ml"] = round(self.oil.refluxed * ML, 6)
            if self.oil.ran_back > 0.0:
                told["oil_ran_back_ml"] = round(self.oil.ran_back * ML, 6)
            told["portal_oil_filling"] = round(filled, 4)
        closed = {k: round(v, 4) for k, v in self._closed().items() if v > self._before[k]}
        if closed:
            told["non_target_closed"] = closed
        return told

    def _closed(self) -> dict[str, float]:
        """Share closed of every organ outside the liver that embolics can reach."""
        grown = self.patient.grown
        return {branch.name: closed_share(self.state, grown.graph, branch) for branch in grown.non_target}
