"""One run: a scenario, a patient, from the first step to the last, and what is written down of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tumorsim.model import DAY, TumorModel
from tumorsim.outcomes.control import Reading
from tumorsim.outcomes.response import Baseline
from tumorsim.quantity import convert
from tumorsim.scenario import Scenario
from tumorsim.studies import observe
from tumorsim.studies.examine import Examination, examine, outlined
from tumorsim.studies.heat_picture import heat_pictures
from tumorsim.studies.manifest import make_manifest
from tumorsim.studies.records import Outcome, RunRecord, SeriesRow
from tumorsim.studies.seed_picture import seed_pictures
from tumorsim.studies.store import ResultFolder, write_results
from tumorsim.studies.summary import assemble

#: ``progress(stage, done, total)``
Progress = Callable[[str, float, float], None]

FIRST_USE = "compiling once for this version of the code (about a minute); later runs start at once"


def first_treatment(scenarios: Sequence[Scenario]) -> int:
    """Time of the first treatment of any arm [s]; 0 where there is none."""
    return min((event.at for s in scenarios for event in s.treatments), default=0)


def ceil_step(scenario: Scenario, at: int) -> int:
    """Number of the base step whose end is the first at or after a time."""
    return -(-at // scenario.step)


class Watch:
    """Steps a model to its end and reads it at the right times.

    Parameters
    ----------
    model : TumorModel
        At its start, or forked from the common past of its study.
    arm : str
    n0_at : int
        Time of the first treatment of any arm of the study [s].
    draw : bool
        Whether to keep a picture at the horizon.
    """

    def __init__(self, model: TumorModel, *, arm: str, n0_at: int, draw: bool) -> None:
        self.model, self.arm, self.draw = model, arm, draw
        case = model.case
        self.n0_at = n0_at
        self.n0_step = n0_at // case.step
        self.horizon = ceil_step(case, case.assess)
        self.due = case.after_last
        self.after = None if self.due is None else ceil_step(case, self.due)
        interval = model.virtual_patient.parameters["imaging.follow_up"]
        self._follow_up: list[int] = []
        if self.after is not None:
            every = max(1, round(interval / case.step))
            self._follow_up = list(range(self.after, case.n_steps + 1, every))
        self._daily = max(1, round(DAY / case.step))
        self.readings: list[Reading] = []
        self.rows: list[SeriesRow] = []
        self.before: Mapping[str, Any] | None = None
        self.baseline: Baseline | None = None
        self.at_horizon: Outcome | None = None
        self.after_last: Outcome | None = None
        self.picture: Mapping[str, Any] | None = None
        self._heat: list[dict[str, Any]] = []  # a picture of every session of heat, taken as it ends
        self._seeds: list[dict[str, Any]] = []  # a picture of every implant
        self._seen = 0  # treatments done so far
        self.look()

    @property
    def n0(self) -> int:
        """Viable cells in the target just before the first treatment of any arm."""
        in_target = self.model.records.in_target
        return in_target[min(self.n0_step, len(in_target) - 1)]

    def look(self) -> None:
        """Read what is due at the model's present step."""
        model = self.model
        index = model.clock.index
        if self.draw:
            self._heat += heat_pictures(model, self._seen)
            self._seeds += seed_pictures(model, self._seen)
            self._seen = len(model.records.done)
        if index % self._daily == 0:
            self.rows += observe.daily_rows(model)
        if not model.records.done and index <= self.n0_step:
            self.before = observe.perfusion(model)
        if not model.records.done and index == self.n0_step:
            self.baseline = outlined(model)
        exam = self._examine(index)
        if exam is not None and index in self._follow_up:
            self.readings.append(exam.reading)
        given = (model, self.n0, self.readings, self.due, exam, self.baseline, self.n0_at)
        if exam is not None and index == self.after:
            self.after_last = observe.outcome(*given)
        if exam is not None and index == self.horizon:
            self.at_horizon = observe.outcome(*given)
            if self.draw:
                sessions = [(f"heat{n}", one) for n, one in enumerate(self._heat)]
                sessions += [(f"seeds{n}", one) for n, one in enumerate(self._seeds)]
                taken = {f"{name}_{key}": array for name, one in sessions for key, array in one.items()}
                self.picture = {**observe.picture(model), **taken}

    def _examine(self, index: int) -> Examination | None:
        """The examination due at a step, if one is."""
        if index in self._follow_up:
            exam = examine(self.model, f"follow-up {self._follow_up.index(index)}", self.baseline)
            if index == self.after and self.due is not None:  # the image of the response counts at its own time
                exam = replace(exam, reading=replace(exam.reading, time=self.due))
            return exam
        return examine(self.model, "horizon", self.baseline) if index == self.horizon else None

    def take_past(self, other: Watch) -> None:
        """Take over what another watch has read of the past both share."""
        self.rows = [row for row in other.rows if row[0] < self.model.now / observe.HOUR] + self.rows
        self.before, self.baseline = other.before, other.baseline
        self.readings = list(other.readings)
        self._heat, self._seeds, self._seen = list(other._heat), list(other._seeds), other._seen

    def run(self) -> Iterator[int]:
        """Step to the end, reading on the way; gives the number of each step done."""
        while self.model.running:
            self.model.step()
            self.look()
            yield self.model.clock.index

    def record(self) -> RunRecord:
        """What this run hands over."""
        model, case = self.model, self.model.case
        assert self.at_horizon is not None
        nadir, when = self._nadir()
        return RunRecord(
            arm=self.arm,
            patient=model.virtual_patient.number,
            seed=model.virtual_patient.seed,
            state_hash=model.state.hash(),
            scenario=case.settled,
            n0=self.n0,
            horizon_h=case.assess / observe.HOUR,
            at_horizon=self.at_horizon,
            after_last=self.after_last,
            after_last_time_h=None if self.after_last is None else (self.due or 0) / observe.HOUR,
            nadir_fraction=nadir,
            nadir_time_d=when,
            perfusion=self.before,
            schedule=[observe.schedule_item(done) for done in model.records.done],
            series=sorted([*observe.count_rows(model), *self.rows], key=lambda row: (row[0], row[1])),
            touched_face=model.records.touched_face,
            notes=list(dict.fromkeys([*model.records.notes, *(n for e in case.treatments for n in e.spec.carried())])),
            snapshot=self.picture,
        )

    def _nadir(self) -> tuple[float | None, float | None]:
        counts = self.model.records.in_target[self.n0_step :]
        if not counts or not self.n0:
            return None, None
        least = min(counts)
        return least / self.n0, (self.n0_step + counts.index(least)) * self.model.case.step / DAY


def parameter_rows(scenario: Scenario) -> list[dict[str, Any]]:
    """The parameter table of a scenario as plain rows, for the manifest."""
    table = scenario.load_parameters()
    return [
        {
            "name": row.name,
            "value": row.given,
            "unit": row.given_unit,
            "low": convert(row.low, row.unit, row.given_unit),
            "high": convert(row.high, row.unit, row.given_unit),
            "confidence": row.confidence,
            "mark": row.mark,
            "source": row.source,
            "meaning": row.meaning,
        }
        for row in table.rows.values()
    ]


def run_scenario(
    scenario: Scenario,
    *,
    out: Path | str,
    seed: int | None = None,
    threads: int = 1,
    overwrite: bool = False,
    progress: Progress | None = None,
    patient: int = 0,
) -> Path:
    """Run one scenario for one patient and write a folder of results; returns the folder.

    Raises
    ------
    InputError
        Where the folder may not be written or the scenario cannot be built; nothing is written then.
    """
    begun = time.perf_counter()
    ResultFolder.check(out, overwrite=overwrite)
    tell = progress or (lambda stage, done, total: None)
    announce_first_use(tell)
    tell("growing the vessels", 0, 0)
    model = TumorModel(case=scenario, patient=patient, seed=seed, threads=threads)
    watch = Watch(model, arm=scenario.name, n0_at=first_treatment([scenario]), draw=True)
    for index in watch.run():
        tell("simulating", index, scenario.n_steps)
    records = [watch.record()]
    return write(
        records,
        [scenario],
        out,
        kind="run",
        seed=model.virtual_patient.seed,
        shared_past=None,
        overwrite=overwrite,
        seconds=time.perf_counter() - begun,
    )


def announce_first_use(tell: Progress) -> None:
    """Say why the first run after an installation or an update takes longer."""
    from tumorsim._jit import compiled_before

    if not compiled_before():
        tell(FIRST_USE, 0, 0)


def write(
    records: Sequence[RunRecord],
    scenarios: Sequence[Scenario],
    out: Path | str,
    *,
    kind: str,
    seed: int,
    shared_past: bool | None,
    overwrite: bool,
    seconds: float | None,
) -> Path:
    """Summary, series, pictures and manifest of some runs, in one folder."""
    name = scenarios[0].name if len(scenarios) == 1 else " / ".join(s.name for s in scenarios)
    notes = [note for s in scenarios for note in s.load_parameters().notes]
    summary = assemble(
        records, name=name, kind=kind, seed=seed, shared_past=shared_past, notes=list(dict.fromkeys(notes))
    )
    rows = {row["name"]: row for s in scenarios for row in parameter_rows(s)}
    changed = {name: value for s in scenarios for name, value in s.parameters.items()}
    manifest = make_manifest(
        records,
        summary,
        parameters=list(rows.values()),
        changed_parameters=changed,
        wall_seconds=None if seconds is None else round(seconds, 3),
    )
    return write_results(out, records, summary, manifest, overwrite=overwrite)
