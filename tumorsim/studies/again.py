"""Run everything a manifest describes once more, for `verify`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tumorsim.errors import InputError
from tumorsim.scenario import Scenario
from tumorsim.studies.compare import run_patient
from tumorsim.studies.records import RunRecord


def run_again(manifest: Mapping[str, Any]) -> list[RunRecord]:
    """The records of every arm and patient of a manifest.

    Raises
    ------
    InputError
        Where a scenario of the manifest is not one this version can run.
    """
    scenarios, problems = [], []
    for arm, data in manifest["scenario"].items():
        try:
            scenarios.append(Scenario.from_dict(data))
        except InputError as error:
            problems += [f"{arm}: cannot be run again by this version: {problem}" for problem in error.problems]
    if problems:
        raise InputError(problems)
    return [
        record
        for patient in manifest["patients"]
        for record in run_patient(scenarios, int(patient), seed=int(manifest["seed"]))
    ]
