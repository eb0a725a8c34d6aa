"""The patient of a run: how the liver's function follows what is lost of it, and what that forbids.

Liver function is a function of the state (`State.reserve`, the pressure in the portal vein) and of the condition
with which the patient came, so a run that is saved and loaded, or forked, goes on bit for bit. Tissue without a
liver, such as a spheroid, has none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tumorsim.fields.oxygen import OxygenModel
from tumorsim.outcomes.imaging import Image
from tumorsim.outcomes.reserve import ASCITES, Condition, Recovery, StartCondition, ascites_of, inr_of
from tumorsim.patient import Patient
from tumorsim.state import LIVER, RESERVE, State
from tumorsim.treatments.base import Delivery, Plan, Treatment
from tumorsim.vessels.buffer import solve_buffered
from tumorsim.vessels.graph import Kind
from tumorsim.vessels.supply import liver_perfusion

_LOST, _RECOVERED, _ALBUMIN, _REST = (
    RESERVE.index(name) for name in ("liver_lost", "liver_recovered", "albumin", "rest_lost")
)


class Bedside:
    """The patient of one run.

    Parameters
    ----------
    patient : Patient
    start : StartCondition or None
        None where the tissue is no part of a liver.
    liver : str
        ``normal`` or ``cirrhotic``.
    """

    def __init__(self, patient: Patient, start: StartCondition | None, liver: str) -> None:
        self.patient, self.start, self.kind = patient, start, liver
        self._starved: tuple[NDArray[np.float64], float] | None = None

    @cached_property
    def law(self) -> Recovery:
        """How this liver comes back; its volume is that of the box and of the rest beyond it."""
        assert self.start is not None
        inside = float(self._liver.sum()) * self.patient.lattice.site_volume
        volume = inside + float(self._rest[2].sum())
        return Recovery.of(self.kind, volume, self.start.albumin, self.patient.parameters)

    @cached_property
    def _liver(self) -> NDArray[np.bool_]:
        """Sites that were liver at the start."""
        return np.asarray(self.patient.anatomy.compartment == LIVER)

    @cached_property
    def _rest(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Arterial and portal beds of the pieces of liver beyond the box, and their volumes [m3]."""
        fixed, graph = self.patient, self.patient.graph
        organs = np.concatenate([np.zeros(0, dtype=np.int64), *(branch.beds for branch in fixed.grown.non_target)])
        bed = np.isfinite(graph.conductance) & ~np.isin(graph.head, graph.exchange)
        arterial = np.setdiff1d(np.flatnonzero(bed & (graph.kind == Kind.ARTERIAL)), organs)
        portal = np.flatnonzero(bed & (graph.kind == Kind.PORTAL))
        at = {int(graph.head[edge]): int(edge) for edge in portal}
        pairs = [(int(edge), at[int(graph.head[edge])]) for edge in arterial if int(graph.head[edge]) in at]
        perfusion = liver_perfusion(self.kind, fixed.parameters)[0]
        arteries = np.array([a for a, _ in pairs], dtype=np.int64)
        volume = fixed.plain_flow[arteries] / perfusion
        return arteries, np.array([p for _, p in pairs], dtype=np.int64), np.asarray(volume, dtype=np.float64)

    # --- the course of a run -----------------------------------------------------------------------------

    def begin(self, state: State) -> None:
        """Nothing is lost yet."""
        if self.start is not None:
            state.reserve[:] = 0.0
            state.reserve[_ALBUMIN] = self.start.albumin

    def age(self, state: State, dt: int) -> None:
        """What ``dt`` [s] do: liver lost meanwhile, growth of the rest, albumin."""
        if self.start is None:
            return
        reserve, clock = state.reserve, self.patient.clocks.liver_life_anoxic
        starved = self._starved_rest(state)
        if starved > reserve[_REST]:
            reserve[_REST] = starved - (starved - reserve[_REST]) * np.exp(-dt / clock)
        lost = self.lost_in_box(state) + float(reserve[_REST])
        before, recovered, albumin = (float(x) for x in reserve[:_REST])
        reserve[:_REST] = self.law.advance(before, recovered, albumin, lost, dt)

    def lost_in_box(self, state: State) -> float:
        """Liver killed in the box [m3]; only sites where anything happened are looked at."""
        hit = np.flatnonzero(state.liver_hazard)
        hit = hit[self._liver[hit]]
        return float(np.sum(-np.expm1(-state.liver_hazard[hit]))) * self.patient.lattice.site_volume

    def _starved_rest(self, state: State) -> float:
        """Liver beyond the box [m3] that the blood it gets now leaves anoxic, by the oxygen balance of a site."""
        arteries, veins, volume = self._rest
        flows = np.stack([state.edge_flow[arteries], state.edge_flow[veins]])
        if self._starved is None or not np.array_equal(self._starved[0], flows):
            oxygen = self.patient.oxygen
            assert isinstance(oxygen, OxygenModel)
            rates = np.maximum(flows, 0.0) / volume
            shares = [oxygen.exact("liver", float(a), float(p)).share0p5 for a, p in rates.T]
            self._starved = flows, float(volume @ np.array(shares))
        return self._starved[1]

    # --- the patient now ---------------------------------------------------------------------------------

    def now(self, state: State) -> Condition | None:
        """Blood tests and signs now; platelets and encephalopathy stay as they were (no law for them is used)."""
        start = self.start
        if start is None:
            return None
        lost, recovered, albumin = (float(x) for x in state.reserve[:_REST])
        share = self.law.share(lost, recovered)
        return Condition(
            albumin=albumin,
            bilirubin=start.bilirubin / share,
            platelets=start.platelets,
            inr=inr_of(start.inr, share, self.patient.parameters["condition.inr_slope"]),
            ascites=self._ascites(state, albumin),
            encephalopathy=start.encephalopathy,
            functional_share=share,
        )

    def _ascites(self, state: State, albumin: float) -> str:
        """As at the start, or worse where pressure and albumin would now make more than they did then."""
        assert self.start is not None
        table = self.patient.parameters
        made = ascites_of(self._gradient(state.node_pressure), albumin, table)
        if made == "none":
            return self.start.ascites
        before = ascites_of(self._gradient(self._pressure_at_start), self.start.albumin, table)
        if ASCITES.index(made) <= ASCITES.index(before):
            return self.start.ascites
        return max(self.start.ascites, made, key=ASCITES.index)

    @cached_property
    def _pressure_at_start(self) -> NDArray[np.float64]:
        fixed = self.patient
        return solve_buffered(fixed.solver, fixed.grown.patent, fixed.buffer, fixed.parameters)[0].node_pressure

    def _gradient(self, node_pressure: NDArray[np.float64]) -> float:
        """Pressure in the portal vein above that in the hepatic vein [Pa]."""
        graph = self.patient.graph
        root = int(graph.tail[graph.named["portal_main"]])
        return float(node_pressure[root]) - self.patient.parameters["vessels.hepatic_vein_pressure"]

    # --- treatments --------------------------------------------------------------------------------------

    def deliver(
        self,
        treatment: Treatment,
        plan: Plan,
        images: Image,
        state: State,
        pulse: Callable[..., None],
        at: int | None = None,
    ) -> Delivery:
        """Deliver a plan, unless the patient must not have the treatment now: then nothing is changed.

        ``at`` is the time of the treatment [s]; default the state's.
        """
        condition = self.now(state)
        why = () if condition is None else treatment.contraindications(condition, images, self.patient)
        given_anyway = self.start is not None and self.start.treat_anyway
        if why and not given_anyway:
            note = f"not delivered: contraindicated ({', '.join(why)})"
            return Delivery({}, changed=False, notes=(note,), refused=True)
        delivery = treatment.deliver(plan, self.patient, state=state, pulse=pulse, at=state.now if at is None else at)
        if not why:
            return delivery
        return replace(delivery, notes=(*delivery.notes, f"given although contraindicated ({', '.join(why)})"))
