"""The log of a run: what was planned and delivered, and counts by step. Records, never state.

Nothing here enters the state or its hash.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tumorsim.cells.population import StepTotals
from tumorsim.ledger import Ledger
from tumorsim.outcomes.residue import Attempt, not_begun
from tumorsim.scenario import Event
from tumorsim.treatments.base import Delivery, Plan, Treatment


@dataclass
class Done:
    """A treatment as planned and delivered: a record, not state."""

    event: Event
    treatment: Treatment
    plan: Plan
    delivery: Delivery

    def to_plain(self) -> dict[str, Any]:
        """Plain data for a file."""
        sites = self.plan.sites
        return {
            "sites": None if sites is None else base64.b64encode(np.packbits(sites).tobytes()).decode(),
            "n_sites": 0 if sites is None else len(sites),
            "prescribed": dict(self.plan.prescribed),
            "details": dict(self.plan.details),
            "delivered": dict(self.delivery.delivered),
            "changed": self.delivery.changed,
            "burden": dict(self.delivery.burden),
            "notes": list(self.delivery.notes),
            "refused": self.delivery.refused,
        }

    def attempt(self, patient: Any, state: Any) -> Attempt:
        """What it means for every site now; a treatment that was refused missed nothing and gave nothing."""
        if self.delivery.refused:
            return not_begun(self.plan.sites, patient.lattice.n_sites)
        return self.treatment.attempt(self.plan, self.delivery, patient, state)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], event: Event, treatment: Treatment) -> Done:
        """The record that `to_plain` wrote."""
        sites = None
        if plain["sites"] is not None:
            packed = np.frombuffer(base64.b64decode(plain["sites"]), dtype=np.uint8)
            sites = np.unpackbits(packed, count=plain["n_sites"]).astype(bool)
        plan = Plan(sites, plain["prescribed"], plain["details"])
        delivery = Delivery(
            plain["delivered"],
            plain["changed"],
            burden=plain["burden"],
            notes=tuple(plain["notes"]),
            refused=plain.get("refused", False),
        )
        return cls(event, treatment, plan, delivery)


@dataclass
class Records:
    """What a run writes down: counts by step and treatments done. In neither the state nor its hash."""

    viable: list[int] = field(default_factory=list)
    in_target: list[int] = field(default_factory=list)
    dying: list[int] = field(default_factory=list)
    doomed: list[int] = field(default_factory=list)
    totals: list[StepTotals] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)
    touched_face: bool = False
    notes: list[str] = field(default_factory=list)  # what was filled in where an older version had saved the run
    ledger: Ledger | None = None  # of a run without growth

    def count(self, viable: int, in_target: int, dying: int, doomed: int) -> None:
        """Write down the cells of one moment."""
        for series, cells in zip(
            (self.viable, self.in_target, self.dying, self.doomed), (viable, in_target, dying, doomed), strict=True
        ):
            series.append(cells)

    def fork(self) -> Records:
        """A copy that can grow apart."""
        return Records(
            list(self.viable),
            list(self.in_target),
            list(self.dying),
            list(self.doomed),
            list(self.totals),
            list(self.done),
            self.touched_face,
            list(self.notes),
            None if self.ledger is None else self.ledger.fork(),
        )


def treatment_of(event: Event) -> Treatment:
    """The treatment of an event, ready to plan.

    Its name is what the operator's luck is keyed to: the id as written, or the kind and its occurrence.
    """
    auto = event.id == f"{event.kind}_{event.occurrence}"
    name, occurrence = (event.kind, event.occurrence) if auto else (event.id, 1)
    return event.definition.load()(event.spec, kind=event.kind, name=name, occurrence=occurrence)
