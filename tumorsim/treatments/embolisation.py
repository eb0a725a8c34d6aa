"""Arterial embolisation (TAE, TACE): beads from a catheter close the arteries they lodge in.

The operator sees an angiogram, puts the catheter where it shows arteries that lead to enhancing tumour,
and injects to stasis or until the beads are gone. A feeder may be overlooked: each is, with the
probability in the parameter table, by a draw keyed to the treatment's name and occurrence, so that a
patient's missed feeder is the same in every arm. Closing arteries is all this treatment does; whether cells
then die is up to the blood that is left. The drug of `tace` is carried and recorded, and does not act in
this version.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.chance import Purpose, entity_of_name, uniform
from tumorsim.outcomes.imaging import Image, SeenArtery
from tumorsim.outcomes.residue import Attempt
from tumorsim.treatments.base import Delivery, Plan, Treatment
from tumorsim.treatments.embolisation_spec import TaeSpec
from tumorsim.vessels.beads import BeadRide

if TYPE_CHECKING:
    from tumorsim.patient import Patient
    from tumorsim.state import State

LOBE_OF_SEGMENT = {1: "left", 2: "left", 3: "left", 4: "left", 5: "right", 6: "right", 7: "right", 8: "right"}
_LOW_WORD = np.uint64(0xFFFFFFFF)
_MG = 1e6  # mg in a kg


def catheter_places(catheter: str, arteries: Sequence[SeenArtery], named: dict[str, int]) -> list[str]:
    """Names of the vessels the catheter is put into, from what the angiogram shows.

    Parameters
    ----------
    catheter : str
        ``lobar``, ``segmental``, ``superselective`` or the name of a vessel.
    arteries : sequence of SeenArtery
        Tumour feeders the operator has found.
    named : dict
        Edge of every named vessel.

    Returns
    -------
    list of str
        Empty where the image shows nothing to treat.
    """
    if catheter == "superselective":
        return [a.name for a in arteries]
    if catheter == "segmental":
        return sorted({f"segment_{a.segment}" for a in arteries})
    if catheter == "lobar":
        share: dict[str, float] = {}
        for a in arteries:
            lobe = LOBE_OF_SEGMENT[a.segment]
            share[lobe] = share.get(lobe, 0.0) + a.share
        return [max(sorted(share), key=lambda lobe: share[lobe])] if share else []
    return [catheter] if catheter in named else []


def split_number(number: int, flows: Sequence[float]) -> list[int]:
    """Divide a number of beads among catheters by their flow, keeping the sum (largest remainders)."""
    total = sum(flows)
    if total <= 0.0:
        return [number, *[0] * (len(flows) - 1)] if flows else []
    exact = [number * f / total for f in flows]
    counts = [int(x) for x in exact]
    order = sorted(range(len(flows)), key=lambda i: (counts[i] - exact[i], i))
    for i in order[: number - sum(counts)]:
        counts[i] += 1
    return counts


class Embolisation(Treatment):
    """`tae` and `tace`: plan from the angiogram, deliver beads down the flow."""

    spec: TaeSpec

    def _found(self, arteries: Sequence[SeenArtery], patient: Patient) -> tuple[list[SeenArtery], list[str]]:
        """Arteries this operator finds, and the names of those overlooked."""
        chance = patient.parameters["embolisation.missed_feeder"]
        who = int(entity_of_name(f"{self.name}#{self.occurrence}"))
        found, missed = [], []
        for artery in arteries:
            entity = np.uint64(who) ^ patient.graph.edge_key[artery.edge]
            u = uniform(patient.seed, patient.number, int(Purpose.MISSED_FEEDER), entity, 0, 0, 0)
            if u < chance:
                missed.append(artery.name)
            else:
                found.append(artery)
        return found, missed

    def plan(self, images: Image, **context: Any) -> Plan:
        """Choose the catheter's places from the angiogram.

        The zone planned is what is fed through those places together with the tumour the image shows: an
        operator means to leave none of it alive, whether or not every feeder was found.
        """
        patient: Patient = context["patient"]
        found, missed = self._found(images.arteries, patient)
        places = catheter_places(self.spec.catheter, found, patient.graph.named)
        zone = images.visible.copy()
        for name in places:
            zone |= patient.sites_below(name)
        prescribed: dict[str, Any] = {
            "catheter": self.spec.catheter,
            "beads_um": round(self.spec.beads.size * 1e6, 3),
            "number": "to stasis" if self.spec.number is None else self.spec.number,
        }
        if self.spec.beads.spread:
            prescribed["beads_spread_um"] = round(self.spec.beads.spread * 1e6, 3)
        for drug, mass in self._drugs().items():
            prescribed[f"{drug}_mg"] = round(mass * _MG, 6)
        overlooked = missed if self.spec.catheter in ("superselective", "segmental", "lobar") else []
        return Plan(zone, prescribed, {"places": places, "overlooked": overlooked})

    def _drugs(self) -> dict[str, float]:
        drug = getattr(self.spec, "drug", None)
        return drug.given() if drug is not None else {}

    def deliver(self, plan: Plan, patient: Patient, **context: Any) -> Delivery:
        """Inject through every place of the plan, in its order; changes only the state of vessels."""
        state: State = context["state"]
        ride: BeadRide = patient.bead_ride
        places: list[str] = list(plan.details["places"])
        if self.spec.number == 0:
            return Delivery({"beads": 0}, changed=False, notes=("number 0: nothing was injected",))
        if not places:
            why = "every feeder was overlooked" if plan.details["overlooked"] else "the image shows no feeder"
            return Delivery({"beads": 0}, changed=False, notes=(f"not delivered: {why}",))
        flows = [max(0.0, float(state.edge_flow[patient.graph.named[name]])) for name in places]
        shares: list[int | None] = [None] * len(places)
        if self.spec.number is not None:
            shares = list(split_number(self.spec.number, flows))
        beads, lodged, volume, at_stasis = 0, 0, 0.0, []
        for name, share in zip(places, shares, strict=True):
            edge = patient.graph.named[name]
            done = ride.deliver(
                edge,
                size=self.spec.beads.size,
                spread=self.spec.beads.spread,
                number=share,
                endpoint=patient.parameters["embolisation.stasis"],
                seed=patient.seed,
                patient=patient.number,
                delivery=int(self._delivery(name) & ~_LOW_WORD),
                edge_open=state.edge_open,
                edge_state=state.edge_state,
                edge_beads=state.edge_beads,
            )
            beads += done.delivered
            lodged += done.lodged
            volume += done.volume
            if done.reached_stasis:
                at_stasis.append(name)
        delivered: dict[str, Any] = {
            "catheters": places,
            "beads": beads,
            "lodged": lodged,
            "beads_ml": round(volume * 1e6, 6),
            "stasis": at_stasis,
        }
        given = 1.0 if self.spec.number is None else beads / self.spec.number
        for drug, mass in self._drugs().items():
            delivered[f"{drug}_mg"] = round(mass * _MG * given, 6)
        notes = []
        if plan.details["overlooked"]:
            delivered["feeders_overlooked"] = list(plan.details["overlooked"])
        if self._drugs() and beads:
            notes.append("drug carried, not acting in this version")
        burden = {"sessions": 1.0, "punctures": 1.0}
        return Delivery(delivered, changed=beads > 0, burden=burden, notes=tuple(notes))

    def _delivery(self, place: str) -> np.uint64:
        return np.uint64(int(entity_of_name(f"{self.name}#{self.occurrence}:{place}")))

    def attempt(self, plan: Plan, delivery: Delivery, patient: Patient, state: State) -> Attempt:
        """What this treatment means for every site now, for the reasons of survival.

        A site of the plan is *missed* where its artery was in reach of no catheter. Where the artery is
        closed, what keeps it alive is *other supply*: portal or extrahepatic blood, or a neighbour's. Where
        the artery still runs, too little was injected: *low dose*.
        """
        reached = np.zeros(len(plan.sites), dtype=bool)
        for name in plan.details["places"]:
            reached |= patient.sites_below(name)
        closed = patient.arterial_share(state) < patient.parameters["embolisation.closed_below"]
        fed = (state.q_portal > 0.0) | (state.q_extrahepatic > 0.0) | (state.share0p5 < 1.0)
        return Attempt(
            delivered=bool(delivery.delivered.get("beads", 0)),
            planned=plan.sites,
            missed=plan.sites & ~reached,
            other_supply=reached & closed & fed,
            low_dose=reached & ~closed,
            received=_log_kill(state, patient.cause_index("ischaemia")),
        )


def _log_kill(state: State, cause: int) -> NDArray[np.float64]:
    """Log10 of cells there were over cells left, counting only deaths by one cause, (sites,)."""
    left = state.viable_cells().astype(np.float64)
    dead = state.deaths[:, cause].astype(np.float64)
    return np.log10((left + dead + 1.0) / (left + 1.0))
