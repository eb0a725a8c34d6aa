"""A run in one file: the state, and beside it the records without which it could not go on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tumorsim.bedside import Bedside
from tumorsim.cells.population import StepTotals
from tumorsim.errors import InputError
from tumorsim.ledger import Ledger
from tumorsim.log import Done, Records
from tumorsim.migration import GOES_ON_FROM, GROWN_OTHERWISE
from tumorsim.patient import Patient
from tumorsim.scenario import Event, Scenario
from tumorsim.state import SCHEMA_VERSION, State
from tumorsim.treatments.base import Treatment

SAME_FLOW = 1e-6  # share of the largest flow; two solutions of one graph differ by rounding only

if TYPE_CHECKING:
    from tumorsim.model import TumorModel


@dataclass(frozen=True)
class Saved:
    """What a file says about its run, apart from the arrays."""

    scenario: Scenario
    patient: int
    seed: int
    p_birth: float
    next_event: int
    plain: Mapping[str, Any]

    @property
    def version(self) -> int:
        """Version of the state as it was saved."""
        return int(self.plain.get("saved_by_state_version", SCHEMA_VERSION))

    def records(self, events: Sequence[tuple[Event, Treatment]]) -> Records:
        """Counts by step and treatments done, tied to the events of the run again."""
        done = [Done.from_plain(plain, *pair) for plain, pair in zip(self.plain["done"], events, strict=False)]
        return Records(
            viable=list(self.plain["viable"]),
            in_target=list(self.plain["in_target"]),
            dying=list(self.plain["dying"]),
            doomed=list(self.plain["doomed"]),
            totals=[StepTotals(**{**self._counts, **t, "deaths": tuple(t["deaths"])}) for t in self.plain["totals"]],
            done=done,
            touched_face=bool(self.plain["touched_face"]),
            notes=list(self.plain["notes"]),
            ledger=None if self.plain["ledger"] is None else Ledger.from_plain(self.plain["ledger"]),
        )

    @property
    def _counts(self) -> dict[str, int]:
        """0 for what steps of an older version did not count, since it did not happen there; nothing else."""
        return {} if self.version == SCHEMA_VERSION else {field.name: 0 for field in fields(StepTotals)}

    def state(self, path: str | os.PathLike[str], fixed: Patient) -> State:
        """The arrays of the file, checked to be those of this patient.

        What a migrated state cannot know without the patient is set here to the patient's untreated values: the
        reserve of the liver, and the number of traits (frailty 1).

        Raises
        ------
        InputError
            Where lengths or vessels are not those of the patient that this program grows for the scenario, or the
            state is of a version whose runs cannot go on.
        """
        if self.version < GOES_ON_FROM:
            raise InputError(f"{path}: a run saved by version {self.version} of the state: {GROWN_OTHERWISE}")
        state = State.load(path)
        check_fit(state, fixed, path, grown_again=self.version < SCHEMA_VERSION)
        if self.version < SCHEMA_VERSION:
            set_untreated(state, fixed, self.scenario)
        return state


def set_untreated(state: State, fixed: Patient, scenario: Scenario) -> None:
    """Set what a migrated state cannot know to the untreated values of its patient: traits and reserve of the liver."""
    if not np.isnan(state.reserve).any():
        return  # its version wrote both
    untreated = fixed.new_state()
    Bedside(fixed, scenario.condition, scenario.tissue.liver).begin(untreated)
    state.sizes, state.frailty = untreated.sizes, untreated.frailty
    state.reserve = untreated.reserve


def check_fit(state: State, fixed: Patient, path: object, *, grown_again: bool) -> None:
    """Refuse a state that is not one of this patient: InputError where lengths or the flow of blood differ.

    With ``grown_again``, for vessels that another version grew, the flow is solved once more for them as they stand:
    other trees of the same size carry other blood.
    """
    graph, sizes = fixed.graph, state.sizes
    due = {
        "sites": (sizes.sites, fixed.lattice.n_sites),
        "vessels": (sizes.edges, graph.n_edges),
        "junctions": (sizes.nodes, graph.n_nodes),
        "exchange nodes": (sizes.exchange, len(graph.exchange)),
        "pieces of organs' walls": (sizes.walls, fixed.n_walls),
        "cells a site": (1 if sizes.one_cell else "many", 1 if fixed.capacity == 1 else "many"),
    }
    wrong = [f"{name} {held}, not {now}" for name, (held, now) in due.items() if held != now]
    if grown_again and not wrong and graph.n_edges:
        flow = fixed.solver.solve(state.edge_open * state.edge_tone).edge_flow
        if not np.allclose(flow, state.edge_flow, rtol=0.0, atol=SAME_FLOW * float(np.abs(flow).max())):
            wrong = ["the same number of vessels, which carry other blood"]
    if wrong:
        raise InputError(
            f"{path}: the arrays do not fit the patient that this program makes of the scenario ({'; '.join(wrong)}): "
            "saved by a version that made it otherwise, or put together from two files"
        )


def save(model: TumorModel, path: str | os.PathLike[str]) -> None:
    """Write a run to one file; the file is whole or not there."""
    records = model.records
    plain = {
        "scenario": model.case.to_yaml(),
        "patient": model.virtual_patient.number,
        "seed": model.virtual_patient.seed,
        "p_birth": model.population.p_birth.hex(),
        "next_event": model.next_event,
        "viable": records.viable,
        "in_target": records.in_target,
        "dying": records.dying,
        "doomed": records.doomed,
        "totals": [asdict(totals) for totals in records.totals],
        "touched_face": records.touched_face,
        "ledger": None if records.ledger is None else records.ledger.to_plain(),
        "done": [done.to_plain() for done in records.done],
        "notes": records.notes,
    }
    model.state.save(path, records=json.dumps(plain))


def read(path: str | os.PathLike[str]) -> Saved:
    """What a saved run needs besides its arrays.

    Raises
    ------
    InputError
        Where the file is no saved run.
    """
    text = State.load_records(path)
    try:
        plain = json.loads(text)
        scenario = Scenario.from_dict(YAML(typ="safe", pure=True).load(str(plain["scenario"])))
        p_birth = float.fromhex(plain["p_birth"])
        return Saved(scenario, plain["patient"], plain["seed"], p_birth, plain["next_event"], plain)
    except InputError:
        raise
    except (YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a saved run ({error})") from None
