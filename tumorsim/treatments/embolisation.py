"""Arterial embolisation (TAE, TACE): oil, beads or gelatin from a catheter close the arteries they lodge in.

The operator sees an angiogram, puts the catheter where it shows arteries that lead to enhancing tumour,
injects iodised oil where it is prescribed, and then beads or gelatin to the endpoint or until they are gone.
A feeder may be overlooked: each is, with the probability in the parameter table, by a draw keyed to the
treatment's name and occurrence, so that a patient's missed feeder is the same in every arm. Closing arteries
is all this treatment does; whether cells then die is up to the blood that is left. The drug of `tace` is booked
where its carrier stays, and does not act in this version.

A later session sees today's angiogram: what runs again, and arteries from outside the liver and collaterals
once they carry blood. With thrombus in a main portal branch or the trunk (`embolisation.thrombus_grade`), liver
lives on its artery alone, and catheters in a lobar artery or nearer to the aorta are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.chance import Purpose, entity_of_name, uniform
from tumorsim.outcomes.imaging import Image, SeenArtery, arteries_seen
from tumorsim.outcomes.residue import Attempt
from tumorsim.treatments.base import Delivery, Plan, Treatment
from tumorsim.treatments.embolisation_session import MG, ML, Session
from tumorsim.treatments.embolisation_spec import POSITIONS, TaceSpec, TaeSpec
from tumorsim.vessels.graph import Kind
from tumorsim.vessels.supply import exchange_inflow

if TYPE_CHECKING:
    from tumorsim.patient import Patient
    from tumorsim.state import State

LOBE_OF_SEGMENT = {1: "left", 2: "left", 3: "left", 4: "left", 5: "right", 6: "right", 7: "right", 8: "right"}
MISSED = {"cone-beam CT": "embolisation.missed_feeder", "angiography": "embolisation.missed_feeder_angiography"}
NOTHING = {"beads": "beads", "gelatin": "gelatin_pieces", "none": "oil_ml"}  # what is not there, in the audit
PROXIMAL = ("proper_hepatic", "right", "left")
_LOW_WORD = np.uint64(0xFFFFFFFF)


def catheter_places(catheter: str, arteries: Sequence[SeenArtery], named: dict[str, int]) -> list[str]:
    """Names of the vessels the catheter is put into, from what the angiogram shows.

    Parameters
    ----------
    catheter : str
        ``lobar``, ``segmental``, ``superselective`` or the name of a vessel.
    arteries : sequence of SeenArtery
        Arteries to the tumour that the operator has found. One that leaves no segment of the liver (segment 0:
        from outside the liver) is entered by a superselective catheter only.
    named : dict
        Edge of every named vessel.

    Returns
    -------
    list of str
        Empty where the image shows nothing to treat.
    """
    if catheter == "superselective":
        return [a.name for a in arteries]
    inside = [a for a in arteries if a.segment in LOBE_OF_SEGMENT]
    if catheter == "segmental":
        return sorted({f"segment_{a.segment}" for a in inside})
    if catheter == "lobar":
        share: dict[str, float] = {}
        for a in inside:
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


def reached_edges(patient: Patient, places: Sequence[str]) -> NDArray[np.bool_]:
    """Vessels in reach of catheters at ``places``, (edges,).

    A vessel that was dormant before treatment is in reach of a catheter in it or in its trunk, not of one in
    the artery it leaves: when it opens later, it is another supply.
    """
    graph, dormant = patient.graph, patient.grown.patent == 0.0
    reached = np.zeros(graph.n_edges, dtype=bool)
    for name in places:
        edge = graph.named[name]
        below = patient.bead_ride.below(edge)
        reached[below if dormant[edge] else below[~dormant[below]]] = True
    return reached


def _refusal(places: Sequence[str], thrombus: str, parameters: Mapping[str, float]) -> str:
    """Why these places are not embolised with a thrombus of this grade; empty where nothing is against it."""
    grade = 0 if thrombus == "none" else int(thrombus.removeprefix("Vp"))
    if grade >= parameters["embolisation.thrombus_grade"] and set(places) & set(PROXIMAL):
        return (
            f"portal vein thrombus {thrombus}: liver without portal blood lives on its artery, "
            "so the catheter must be segmental or superselective"
        )
    return ""


class Embolisation(Treatment):
    """`tae` and `tace`: plan from the angiogram, deliver oil and beads or gelatin down the flow."""

    spec: TaeSpec

    def _found(self, arteries: Sequence[SeenArtery], patient: Patient) -> tuple[list[SeenArtery], list[str]]:
        """Arteries this operator finds, and the names of those overlooked."""
        chance = patient.parameters[MISSED[self.spec.guidance]]
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
        # an artery too narrow for what guides the operator is left, and what it alone feeds is missed
        seen = arteries_seen(images, self.spec.guidance, patient.parameters)
        found, missed = self._found(seen, patient)
        places = catheter_places(self.spec.catheter, found, patient.graph.named)
        heads = patient.graph.head[reached_edges(patient, places)]
        rows = np.append(np.isin(patient.graph.exchange, heads), False)  # sites without tissue carry row -1
        zone = images.visible | rows[patient.grown.exchange_of_site]
        overlooked = missed if self.spec.catheter in POSITIONS else []
        details: dict[str, Any] = {"places": places, "overlooked": overlooked}
        refusal = _refusal(places, images.thrombus_seen, patient.parameters)
        if refusal:
            details["refused"] = refusal
        return Plan(zone, self._prescribed(), details)

    def _prescribed(self) -> dict[str, Any]:
        spec = self.spec
        told: dict[str, Any] = {"catheter": spec.catheter}
        if spec.guidance != "cone-beam CT":
            told["guidance"] = spec.guidance
        if spec.embolic != "beads":
            told["embolic"] = spec.embolic
        elif spec.beads.range is not None:
            told["beads_um"] = [round(d * 1e6, 3) for d in spec.beads.range]
        else:
            told["beads_um"] = round(spec.beads.size * 1e6, 3)
            if spec.beads.spread:
                told["beads_spread_um"] = round(spec.beads.spread * 1e6, 3)
        if spec.oil is not None:
            told["oil_ml"] = round(spec.oil.volume * ML, 6)
            told["oil_droplets_um"] = round(spec.oil.droplets * 1e6, 3)
        if spec.embolic != "none":
            told["number"] = f"to {spec.endpoint}" if spec.number is None else spec.number
        for drug, mass in self._drugs().items():
            told[f"{drug}_mg"] = round(mass * MG, 6)
        return told

    def _drugs(self) -> dict[str, float]:
        return self.spec.drug.given() if isinstance(self.spec, TaceSpec) else {}

    def _undone(self, plan: Plan, patient: Patient) -> str:
        """Why nothing can be injected; empty where something can."""
        if "refused" in plan.details:
            return str(plan.details["refused"])
        if plan.details["places"]:
            return ""
        if plan.details["overlooked"]:
            return "every feeder was overlooked"
        if self.spec.catheter not in POSITIONS and self.spec.catheter not in patient.graph.named:
            return f"this patient has no artery {self.spec.catheter}"
        return "the image shows no feeder"

    def deliver(self, plan: Plan, patient: Patient, **context: Any) -> Delivery:
        """Inject through every place of the plan, in its order; changes only the state of vessels."""
        state: State = context["state"]
        places: list[str] = list(plan.details["places"])
        nothing: dict[str, Any] = {NOTHING[self.spec.embolic]: 0}
        if self.spec.number == 0:
            return Delivery(nothing, changed=False, notes=("number 0: nothing was injected",))
        why = self._undone(plan, patient)
        if why:
            return Delivery(nothing, changed=False, notes=(f"not delivered: {why}",))
        flows = [max(0.0, float(state.edge_flow[patient.graph.named[name]])) for name in places]
        if not any(flows):
            return Delivery(nothing, changed=False, notes=("not delivered: no blood runs there any more",))
        numbers: list[int | None] = [None] * len(places)
        if self.spec.number is not None:
            numbers = list(split_number(self.spec.number, flows))
        session = Session(patient, state, self.spec)
        for name, number, flow in zip(places, numbers, flows, strict=True):
            session.inject(name, number, self.spec.oil_volume * flow / sum(flows), self._delivery(name))
        delivered: dict[str, Any] = {"catheters": places, **session.report()}
        if isinstance(self.spec, TaceSpec):
            delivered.update(session.book_drugs(self._drugs(), self.spec.carrier))
        notes = []
        if plan.details["overlooked"]:
            delivered["feeders_overlooked"] = list(plan.details["overlooked"])
        for drug, mass in self._drugs().items():
            given = delivered[f"{drug}_mg"]
            if given < 0.99 * mass * MG:
                notes.append(f"{given:.3g} of {mass * MG:.3g} mg {drug} given: the rest was on what was not injected")
        if self._drugs() and session.anything:
            notes.append("drug carried, not acting in this version")
        burden = {"sessions": 1.0, "punctures": 1.0}
        return Delivery(delivered, changed=session.anything, burden=burden, notes=tuple(notes))

    def _delivery(self, place: str) -> int:
        return int(np.uint64(int(entity_of_name(f"{self.name}#{self.occurrence}:{place}"))) & ~_LOW_WORD)

    def attempt(self, plan: Plan, delivery: Delivery, patient: Patient, state: State) -> Attempt:
        """What this treatment means for every site now, for the reasons of survival.

        A site of the plan is *missed* where none of its vessels was in reach of a catheter. Where those in
        reach are closed, what keeps it alive is *other supply*: portal blood, arteries from outside the liver,
        collaterals, or a neighbour's. Where they run, too little was injected: *low dose*. That is also said
        of vessels that were closed and have opened again (gelatin dissolved, oil washed out): what was given
        did not last, and more of it, or a further session, would have.
        """
        graph, places = patient.graph, plan.details["places"]
        reached = reached_edges(patient, places)
        ends = np.isfinite(graph.conductance) & ~reached  # beds of other arteries
        now, through = _inflow(patient, state.edge_flow, None), _inflow(patient, state.edge_flow, ends)
        untreated = _inflow(patient, patient.untreated_flow, None)
        least = patient.parameters["embolisation.closed_below"]
        in_reach = np.isin(graph.exchange, graph.head[reached])
        closed = through < least * untreated
        other = now - through > 0.0

        def sites(rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
            return np.append(rows, False)[patient.grown.exchange_of_site]

        inside = plan.sites & sites(in_reach)
        shut = inside & sites(closed)
        return Attempt(
            delivered=delivery.changed,
            planned=plan.sites,
            missed=plan.sites & ~sites(in_reach),
            other_supply=shut & ((state.q_portal > 0.0) | sites(other) | (state.share0p5 < 1.0)),
            low_dose=inside & ~shut,
            received=_log_kill(state, patient.cause_index("ischaemia")),
        )


def _inflow(patient: Patient, flow: NDArray[np.float64], barred: NDArray[np.bool_] | None) -> NDArray[np.float64]:
    """Arterial and extrahepatic blood into every exchange row [m3/s], without that through ``barred`` edges."""
    led = flow if barred is None else np.where(barred, 0.0, flow)
    return exchange_inflow(patient.graph, led, Kind.ARTERIAL) + exchange_inflow(patient.graph, led, Kind.EXTRAHEPATIC)


def _log_kill(state: State, cause: int) -> NDArray[np.float64]:
    """Log10 of cells there were over cells left, counting only deaths by one cause, (sites,)."""
    left = state.viable_cells().astype(np.float64)
    dead = state.deaths[:, cause].astype(np.float64)
    return np.log10((left + dead + 1.0) / (left + 1.0))
