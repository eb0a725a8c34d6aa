"""The public functions: load, explain, run, compare, examples. What the command line does, from Python."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from tumorsim.report.results import Results
from tumorsim.scenario import Scenario, packaged
from tumorsim.scenario.explain import explain as _explain
from tumorsim.scenario.request import prepare

Case = str | Path | Scenario


def load(case: Case, **values: Any) -> Scenario:
    """A scenario by file or shipped name, with values changed.

    Parameters
    ----------
    case : str, Path or Scenario
    **values
        Paths with ``__`` for dots: ``load("tace_lobar", tissue__tumour__diameter="30 mm")``.

    Raises
    ------
    InputError
        With every problem at once.
    """
    scenario = case if isinstance(case, Scenario) else Scenario.load(case)
    return scenario.replace(**values) if values else scenario


def explain(case: Case) -> str:
    """In plain words, what a scenario will do."""
    return _explain(load(case))


def examples() -> list[str]:
    """Names of the shipped scenarios."""
    return packaged.names()


def run(
    case: Case,
    *,
    seed: int | None = None,
    threads: int = 1,
    out: str | Path | None = None,
    overwrite: bool = False,
    **values: Any,
) -> Results:
    """Run one scenario for one patient.

    Parameters
    ----------
    case : str, Path or Scenario
    seed : int, optional
        Instead of the scenario's.
    threads : int
        Changes the time, not a bit of the result.
    out : str or Path, optional
        Folder for the results; default a new temporary folder.
    overwrite : bool
        Whether ``out`` may hold results.
    **values
        As `load`.

    Raises
    ------
    InputError
        With every problem at once, before anything runs.
    """
    folder = _folder(out)
    scenarios, place = prepare([load(case, **values)], folder, seed=seed, overwrite=overwrite)
    from tumorsim.studies.run import run_scenario

    return Results.open(run_scenario(scenarios[0], out=place, threads=threads, overwrite=overwrite))


def compare(
    *cases: Case,
    patients: int = 8,
    seed: int | None = None,
    workers: int | None = None,
    threads: int = 1,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> Results:
    """Run several scenarios for the same virtual patients.

    Parameters
    ----------
    *cases : str, Path or Scenario
        Two or more, with names of their own.
    patients : int
        Virtual patients, the same in every arm.
    workers : int, optional
        Processes; default one for each core.
    seed, threads, out, overwrite
        As `run`.

    Raises
    ------
    InputError
        With every problem at once, before anything runs.
    """
    found = []
    if len(cases) < 2:
        found.append("compare: two or more scenarios are needed; for one, use run")
    if isinstance(patients, bool) or not isinstance(patients, int) or patients < 1:
        found.append(f"compare: patients must be a whole number of at least 1, got {patients!r}")
    scenarios, place = prepare(list(cases), _folder(out), seed=seed, overwrite=overwrite, found=found)
    from tumorsim.studies.compare import compare_scenarios

    done = compare_scenarios(
        scenarios,
        patients=patients,
        workers=workers or min(patients, os.cpu_count() or 1),
        threads=threads,
        out=place,
        overwrite=overwrite,
    )
    return Results.open(done)


def _folder(out: str | Path | None) -> Path:
    return Path(tempfile.mkdtemp(prefix="tumorsim-")) if out is None else Path(out)
