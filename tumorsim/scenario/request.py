"""What a person asks to be run: scenarios and a folder, all checked together before anything is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tumorsim.errors import InputError
from tumorsim.scenario.load import load
from tumorsim.scenario.place import default_out, out_problems
from tumorsim.scenario.resolved import Scenario

Case = str | Path | Scenario


def try_load(
    case: Case, values: Mapping[str, Any] | None = None, seed: int | None = None, how: str = ""
) -> tuple[Scenario | None, list[str]]:
    """A scenario with ``values`` and ``seed`` in place of its own, or the problems with it."""
    try:
        if isinstance(case, Scenario):
            scenario = case.replace(**dict(values)) if values else case
        else:
            scenario = load(case, values, how)
        return (scenario if seed is None else scenario.replace(seed=seed)), []
    except InputError as error:
        return None, error.problems


def prepare(
    cases: Sequence[Case],
    out: Path | None,
    *,
    seed: int | None = None,
    overwrite: bool = False,
    values: Mapping[str, Any] | None = None,
    how: str = "",
    found: Sequence[str] = (),
) -> tuple[list[Scenario], Path]:
    """The scenarios of one request and the folder for its results; makes nothing.

    Parameters
    ----------
    cases : sequence
        Files, shipped names or scenarios.
    out : Path or None
        None: ``results/<names>``.
    seed, values : optional
        Put in place of what the scenarios say.
    overwrite : bool
        Whether the folder may hold results.
    how : str
        Where ``values`` come from, in messages.
    found : sequence of str
        Problems found before, named with the rest.

    Raises
    ------
    InputError
        With every problem of every scenario, equal names and the folder's.
    """
    loaded = [try_load(case, values, seed, how) for case in cases]
    scenarios = [scenario for scenario, _ in loaded if scenario is not None]
    problems = [*found, *(line for _, lines in loaded for line in lines)]
    problems += _equal_names(cases, [scenario for scenario, _ in loaded])
    whole = len(scenarios) == len(cases) and bool(cases)
    place = out or (default_out([scenario.name for scenario in scenarios]) if whole else None)
    problems += out_problems(place, overwrite) if place is not None else []
    if problems or place is None:
        raise InputError(problems)
    return scenarios, place


def _equal_names(cases: Sequence[Case], scenarios: Sequence[Scenario | None]) -> list[str]:
    problems = []
    first: dict[str, str] = {}
    for case, scenario in zip(cases, scenarios, strict=True):
        if scenario is None:
            continue
        shown = str(scenario.source or scenario.name) if isinstance(case, Scenario) else str(case)
        if scenario.name in first:
            problems.append(
                f"{shown}: has the name '{scenario.name}', as {first[scenario.name]} has. Give each its own."
            )
        first.setdefault(scenario.name, shown)
    return problems
