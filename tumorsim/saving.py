"""A run in one file: the state, and beside it the records without which it could not go on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tumorsim.cells.population import StepTotals
from tumorsim.errors import InputError
from tumorsim.log import Done, Records
from tumorsim.scenario import Event, Scenario
from tumorsim.state import State
from tumorsim.treatments.base import Treatment

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

    def records(self, events: Sequence[tuple[Event, Treatment]]) -> Records:
        """Counts by step and treatments done, tied to the events of the run again."""
        done = [Done.from_plain(plain, *pair) for plain, pair in zip(self.plain["done"], events, strict=False)]
        return Records(
            viable=list(self.plain["viable"]),
            in_target=list(self.plain["in_target"]),
            dying=list(self.plain["dying"]),
            totals=[StepTotals(**{**t, "deaths": tuple(t["deaths"])}) for t in self.plain["totals"]],
            done=done,
            touched_face=bool(self.plain["touched_face"]),
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
        "totals": [asdict(totals) for totals in records.totals],
        "touched_face": records.touched_face,
        "done": [done.to_plain() for done in records.done],
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
