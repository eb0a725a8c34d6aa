"""Several arms for the same virtual patients: common past simulated once, patients in parallel.

Arms that differ in nothing but name and treatments fork from their common past. Others are paired by the
patient's number: same keys, same luck where the same things happen. Patient 0 of an arm is, bit for bit, the
run of its file alone.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
import types
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from tumorsim.errors import InputError
from tumorsim.model import TumorModel
from tumorsim.scenario import Scenario, common_past
from tumorsim.studies.records import RunRecord
from tumorsim.studies.run import Progress, Watch, announce_first_use, first_treatment, write
from tumorsim.studies.store import ResultFolder

Plain = dict[str, object]


def run_patient(
    scenarios: Sequence[Scenario], patient: int, *, seed: int | None = None, threads: int = 1
) -> list[RunRecord]:
    """Every arm for one patient, in the order given."""
    n0_at = first_treatment(scenarios)
    records: dict[str, RunRecord] = {}
    for group in _groups(scenarios):
        past = common_past(group)
        assert past is not None
        trunk = TumorModel(case=group[0], patient=patient, seed=seed, threads=threads)
        watch = Watch(trunk, arm=group[0].name, n0_at=n0_at, draw=patient == 0)
        shared = min(past // trunk.case.step, trunk.clock.n_steps)
        steps = watch.run()
        while trunk.clock.index < shared:
            next(steps)
        branches = [watch]
        for scenario in group[1:]:
            branch = Watch(trunk.fork(scenario), arm=scenario.name, n0_at=n0_at, draw=patient == 0)
            branch.take_past(watch)
            branches.append(branch)
        for branch in branches:
            for _ in steps if branch is watch else branch.run():
                pass
            records[branch.arm] = branch.record()
    return [records[s.name] for s in scenarios]


def _groups(scenarios: Sequence[Scenario]) -> list[list[Scenario]]:
    """Scenarios that share a past, together; in the order given."""
    groups: list[list[Scenario]] = []
    for scenario in scenarios:
        for group in groups:
            if common_past([group[0], scenario]) is not None:
                group.append(scenario)
                break
        else:
            groups.append([scenario])
    return groups


def compare_scenarios(
    scenarios: Sequence[Scenario],
    *,
    patients: int,
    out: Path | str,
    seed: int | None = None,
    workers: int = 1,
    threads: int = 1,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Run every arm for patients 0 .. ``patients`` - 1 and write a folder of results; returns the folder.

    Parameters
    ----------
    scenarios : sequence of Scenario
        Arms; their names differ.
    seed : int, optional
        Overrides the files' seeds. Without it the arms must agree on one, or patients could not be paired.
    workers : int
        Processes; each runs one patient at a time with ``threads`` threads.

    Raises
    ------
    InputError
        Where names are equal, seeds differ, or the folder may not be written; nothing is written then.
    """
    begun = time.perf_counter()
    _check(scenarios, seed)
    ResultFolder.check(out, overwrite=overwrite)
    tell = progress or (lambda stage, done, total: None)
    announce_first_use(tell)
    common = scenarios[0].seed if seed is None else seed
    done: dict[int, list[RunRecord]] = {}
    tell("simulating patients", 0, patients)
    for patient, records in _all_patients(scenarios, patients, common, workers, threads):
        done[patient] = records
        tell("simulating patients", len(done), patients)
    records = [done[k][arm] for arm in range(len(scenarios)) for k in range(patients)]
    return write(
        records,
        scenarios,
        out,
        kind="compare",
        seed=common,
        shared_past=common_past(scenarios) is not None,
        overwrite=overwrite,
        seconds=time.perf_counter() - begun,
    )


def _check(scenarios: Sequence[Scenario], seed: int | None) -> None:
    names = [s.name for s in scenarios]
    problems = [f"compare: two arms are named '{n}'" for n in dict.fromkeys(names) if names.count(n) > 1]
    seeds = {s.seed for s in scenarios}
    if seed is None and len(seeds) > 1:
        listed = ", ".join(f"{s.name}: {s.seed}" for s in scenarios)
        problems.append(f"compare: the seeds differ ({listed}); give --seed, so that patients can be paired")
    if not scenarios:
        problems.append("compare: no scenario was given")
    if problems:
        raise InputError(problems)


def _all_patients(
    scenarios: Sequence[Scenario], patients: int, seed: int, workers: int, threads: int
) -> Iterator[tuple[int, list[RunRecord]]]:
    """(patient, records) as they are finished; patient 0 is first run alone, so that code is compiled once."""
    yield 0, run_patient(scenarios, 0, seed=seed, threads=threads)
    rest = range(1, patients)
    if workers <= 1 or not rest:
        for patient in rest:
            yield patient, run_patient(scenarios, patient, seed=seed, threads=threads)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(rest)), context, initializer=_quiet_blas) as pool:
        with _no_main():
            waiting: dict[Future[list[RunRecord]], int] = {
                pool.submit(run_patient, scenarios, k, seed=seed, threads=threads): k for k in rest
            }
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def _no_main() -> Iterator[None]:
    """Start workers without running the user's script in each of them again.

    A spawned process imports the main module, so that a script without the ``__name__`` guard would start
    itself for ever, and one from standard input could not be found. Workers only need this package.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _quiet_blas() -> None:
    """One thread for BLAS in a worker: patients are what runs in parallel."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
