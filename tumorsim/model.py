"""TumorModel: owns the parts of a run and the order of a step.

The order is declared once, as data, in `STEP`; `TumorModel.plan` prints it with the time each part took.
Cells live on the base grid: `step` is one base step, always. Treatments happen inside it at their own exact
times, and hand over what they do to blood and tissue from that moment on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mesa
import numpy as np
from numpy.typing import NDArray

from tumorsim import saving
from tumorsim.balance import fill_in_balance
from tumorsim.bedside import Bedside
from tumorsim.cells.mesa_face import drop_empty_mesa_scenario
from tumorsim.cells.population import Population, StepTotals
from tumorsim.cells.shrinkage import Shrinkage
from tumorsim.circulation import Circulation
from tumorsim.clock import Clock
from tumorsim.errors import InputError
from tumorsim.hazards.imposed import Imposed
from tumorsim.irradiation import Irradiation
from tumorsim.ledger import Ledger
from tumorsim.log import Done, Records, treatment_of
from tumorsim.outcomes import imaging
from tumorsim.oxygenation import oxygenation_of
from tumorsim.patient import Patient, build_patient
from tumorsim.scenario import Event, Scenario
from tumorsim.state import State

DAY = 86_400


@dataclass(frozen=True)
class Part:
    """One part of a step: its number in the design's list, its name, and what it does."""

    number: int
    name: str
    what: str


# The order of one step. Parts 1 to 5 run for every stretch between two treatments, the others once.
STEP = (
    Part(1, "deliver", "treatments that are due, at their exact times"),
    Part(2, "vessels", "flow of blood, where a vessel has changed; arteries answer a loss of portal blood"),
    Part(3, "blood", "what arteries and portal vein bring to every site"),
    Part(4, "fields", "oxygen of tumour, and of liver whose blood has changed"),
    Part(5, "hazards", "ischaemia, starvation and radiation, integrated over the stretch"),
    Part(6, "cells", "die, change side and phase, divide, move"),
    Part(7, "immunity", "nothing in this version"),
    Part(8, "tissue", "shrinkage, VEGF, collaterals, gelatin, oil; liver function (debris with the cells)"),
    Part(9, "observe", "counts; the data collector"),
)


class TumorModel(mesa.Model):
    """One tumour, one patient, one arm.

    Parameters
    ----------
    case : str, Path or Scenario
        Name of a shipped scenario, a scenario file, or a scenario.
    patient : int
        Number of the virtual patient.
    seed : int, optional
        Default the scenario's.
    rule : callable, optional
        A rule of a cell of your own (`tumorsim.cells.rule`).
    **kwargs
        Scenario paths with ``__`` for dots, ``tissue__tumour__diameter="42 mm"``; and ``threads`` (int).

    Raises
    ------
    InputError
        With every problem of the scenario at once.

    Attributes
    ----------
    case : Scenario
    virtual_patient : Patient
        The fixed part.
    state : State
        Every array that changes.
    population : Population
    records : Records
    running : bool
        False once ``until`` is reached.
    """

    running: bool

    def __init__(
        self,
        *,
        case: str | Path | Scenario = "tace_lobar",
        patient: int = 0,
        seed: int | None = None,
        rule: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        threads = int(kwargs.pop("threads", 1))
        drop_empty_mesa_scenario(kwargs)
        scenario = case if isinstance(case, Scenario) else Scenario.load(case)
        if kwargs:
            scenario = scenario.replace(**kwargs)
        if seed is not None and (isinstance(seed, bool) or not 0 <= int(seed) < 2**32):
            raise InputError(f"seed: must be a whole number, 0 to {2**32 - 1}, got {seed!r}")
        fixed = build_patient(scenario, number=int(patient), seed=None if seed is None else int(seed))
        self._assemble(scenario, fixed, rule, threads)
        self._start()

    def _assemble(self, scenario: Scenario, fixed: Patient, rule: Callable[..., Any] | None, threads: int) -> None:
        """Set the parts; no cells yet."""
        super().__init__(rng=fixed.seed)
        self.case = scenario
        self.virtual_patient = fixed
        self.threads = threads
        self.rule = rule
        self.clock = Clock(scenario.step, scenario.until)
        self.records = Records()
        self._events = [(event, treatment_of(event)) for event in scenario.treatments]
        self._next_event = 0
        self._imposed = Imposed(fixed.lattice.n_sites, (treatment for _, treatment in self._events))
        couplings = scenario.couplings
        self.state: State = fixed.new_state()
        self.oxygenation = oxygenation_of(fixed, threads, couplings.oxygen)
        self.irradiation = Irradiation(fixed, self._imposed, threads, couplings.TER)
        self.circulation = Circulation(fixed)
        self.bedside = Bedside(fixed, scenario.condition, scenario.tissue.liver)
        self.shrinkage = Shrinkage(fixed.anatomy.compartment, fixed.capacity, fixed.parameters)
        self.shrinkage.active = couplings.geometry
        self._untreated_image: imaging.Image | None = None
        self._seconds: dict[str, float] = dict.fromkeys((p.name for p in STEP), 0.0)
        tumour = scenario.tissue.tumour
        self.population = Population(
            fixed.lattice,
            self.state,
            fixed.anatomy,
            {**fixed.parameters, "tissue.cell_density": scenario.tissue.density},
            seed=fixed.seed,
            patient=fixed.number,
            dt=scenario.step,
            doubling_time=tumour.doubling_time,
            rule=rule,
            growth=couplings.growth,
            dead_take_room=couplings.tissue,
        )
        self.datacollector = mesa.DataCollector(
            model_reporters={
                "time_d": lambda m: m.clock.now / DAY,
                "viable_cells": lambda m: m.records.in_target[-1],
                "dying_cells": lambda m: m.records.dying[-1],
            }
        )

    def _start(self) -> None:
        """Blood of the untreated tumour, then oxygen, cells and debris in balance with it and each other."""
        fill_in_balance(self.state, self.population, self.oxygenation, self.case.step)
        self.circulation.begin(self.state, self.population)
        self.bedside.begin(self.state)
        if not self.case.couplings.growth:
            self.records.ledger = Ledger.begin(self.state, self.population.members)
        self._observe(None)

    # --- what is asked of a model ------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """Time [s]."""
        return self.clock.now

    @property
    def next_event(self) -> int:
        """How many of the scenario's treatments are past."""
        return self._next_event

    @property
    def viable_in_target(self) -> int:
        """N: viable cells in the target now."""
        return self.records.in_target[-1]

    @property
    def agents(self) -> Any:
        """The cell agents: an AgentSet-like face over the arrays (see `tumorsim.cells.mesa_face`)."""
        from tumorsim.cells.mesa_face import CellAgents

        return CellAgents(self)

    @property
    def network(self) -> Any:
        """The exchange nodes as a `mesa.discrete_space.Network`, built when first asked for."""
        if getattr(self, "_network", None) is None:
            from tumorsim.cells.mesa_face import exchange_network

            self._network = exchange_network(self)
        return self._network

    def plan(self) -> str:
        """The order of one step as text, with the seconds each part has taken so far."""
        parts = (f"{p.number} {p.name:<9} {self._seconds[p.name]:8.2f} s   {p.what}" for p in STEP)
        return "\n".join(("order of one step          seconds so far", *parts))

    def image(self, examination: str = "baseline", at: int | None = None) -> imaging.Image:
        """What an examination shows now, or ``at`` a time of this step; its name is the key of how far it is off."""
        # an image cannot tell that a cell is doomed
        living = self.population.living_of_sites()
        return self.virtual_patient.image(self.state, living, examination=examination, at=at)

    def untreated_image(self) -> imaging.Image:
        """What an examination showed before the first step; the start is made again, bit for bit."""
        if self._untreated_image is None:
            start = TumorModel.__new__(TumorModel)
            start._assemble(self.case, self.virtual_patient, self.rule, self.threads)
            start._start()
            self._untreated_image = start.image()
        return self._untreated_image

    # --- one step ----------------------------------------------------------------------------------------

    def step(self) -> None:
        """Advance by one base step, in the order of `STEP`."""
        if not self.running:
            self.steps = self.clock.index  # Mesa has counted this call
            return
        start, end = self.clock.span
        state, cells, oxygen = self.state, self.population, self.oxygenation
        done_to, fresh = start, False
        if self.circulation.due(state):
            self._lead_blood()
            fresh = True
        while (event := self._due(end)) is not None:
            done = self._timed("deliver", self._deliver, event)
            if not done.delivery.changed or done.treatment.prepares:
                continue  # an event that changes nothing leaves no trace in the arithmetic either
            if event.at > done_to:  # up to this moment the old blood counted
                if not fresh:
                    self._timed("fields", oxygen.refresh, state, cells)
                self._timed("hazards", self._integrate, done_to, event.at)
                done_to = event.at
            self._lead_blood()
            cells.meet_treatment(cells.viable_of_sites())
            fresh = True
        if not fresh:
            self._timed("fields", oxygen.refresh, state, cells)
        self._timed("hazards", self._integrate, done_to, end)
        totals = self._timed("cells", self._cells)
        self._timed("tissue", self._tissue, end - start)
        self.clock.advance()
        state.step_index, state.now = self.clock.index, self.clock.now
        self._timed("observe", self._observe, totals)
        if self.clock.done:
            self.running = False

    def _integrate(self, begin: int, end: int) -> None:
        """Part 5: what want of oxygen and radiation do from ``begin`` to ``end`` [s]."""
        self.oxygenation.integrate(self.state, self.population, end - begin)
        self.irradiation.integrate(self.state, self.population.members, begin, end)

    def _tissue(self, seconds: int) -> None:
        """Part 8: what slow clocks do to tissue and vessels."""
        self.shrinkage.age(self.state, self.population.members, seconds)
        self.circulation.age(self.state, self.population, seconds)
        self.bedside.age(self.state, seconds)

    def _lead_blood(self) -> None:
        """Parts 2 to 4 after vessels have changed: flow, what it brings to every site, oxygen."""
        self._timed("vessels", self.circulation.lead, self.state)
        if self.case.couplings.perfusion:
            self._timed("blood", self.virtual_patient.bring_blood, self.state)
        self._timed("fields", self.oxygenation.everywhere, self.state, self.population)

    def _timed(self, name: str, work: Callable[..., Any], *args: Any) -> Any:
        begun = time.perf_counter()
        try:
            return work(*args)
        finally:
            self._seconds[name] += time.perf_counter() - begun

    def _due(self, end: int) -> Event | None:
        """The next treatment before ``end``, or at it in the last step of the run."""
        if self._next_event == len(self._events):
            return None
        event = self._events[self._next_event][0]
        last = self.clock.index + 1 == self.clock.n_steps
        return event if event.at < end or (last and event.at == end) else None

    def _deliver(self, event: Event) -> Done:
        """Plan from today's image, then deliver what may be given; written down whatever comes of it."""
        treatment = self._events[self._next_event][1]
        self._next_event += 1
        couplings, name = self.case.couplings, f"before {treatment.name} {treatment.occurrence}"
        image = self.image(name, event.at) if couplings.images else self.untreated_image()
        baseline = {"baseline": self.untreated_image()} if treatment.reads_baseline else {}
        plan = treatment.plan(image, patient=self.virtual_patient, step=self.case.step, **baseline)
        vessels = self.state if couplings.access else self.circulation.as_untreated(self.state)
        delivery = self.bedside.deliver(treatment, plan, image, vessels, self.add_hazard, event.at)
        if not couplings.access:
            self.circulation.add_books(self.state, vessels)
        done = Done(event, treatment, plan, delivery)
        self.records.done.append(done)
        return done

    def add_hazard(self, cause: str, hazard: NDArray[np.float64]) -> None:
        """Impose a hazard [-] of a registered cause in the current step, (sites, 4); errors as `Imposed.add`."""
        self._imposed.add(cause, hazard)

    def _cells(self) -> StepTotals:
        sites = self.population.members
        supply = self.oxygenation.hazards
        external, columns, dooms = self._imposed.take(self.state, self.virtual_patient.traits, sites)
        if self.records.ledger is not None:
            self.records.ledger.add(supply, external, [self.state.causes[c] for c in columns or ()])
        totals = self.population.advance(
            *supply, self.clock.index, external, columns, threads=self.threads, ext_mitotic=dooms
        )
        self.oxygenation.clear(sites)
        return totals

    def _observe(self, totals: StepTotals | None) -> None:
        records, cells = self.records, self.population
        at_face = cells.touches_face if totals is None else totals.touches_face
        records.touched_face |= at_face and not self.virtual_patient.walled
        if totals is None:
            viable = cells.viable_of_sites()
            inside = int(viable[self.virtual_patient.anatomy.target].sum(dtype=np.int64))
            dying = int(cells.dying_of_sites().sum(dtype=np.int64))
            records.count(int(viable.sum(dtype=np.int64)), inside, dying, cells.doomed_total())
            return
        records.totals.append(totals)
        records.count(totals.viable, totals.viable_in_target, totals.dying, totals.doomed)
        self.datacollector.collect(self)

    # --- save, load, fork --------------------------------------------------------------------------------

    def fork(self, case: Scenario | None = None) -> TumorModel:
        """A second run that goes on from here, bit for bit; ``case`` may bring other later treatments.

        Raises
        ------
        InputError
            Where the other scenario differs in more than name and treatments, or its past treatments do.
        """
        scenario = self.case if case is None else case
        same = ("until", "step", "tissue", "vessels", "parameters", "condition", "couplings")
        past = tuple(e for e, _ in self._events[: self._next_event])
        coming = scenario.treatments[: len(past)]
        if any(getattr(scenario, k) != getattr(self.case, k) for k in same) or coming != past:
            raise InputError(f"fork: '{scenario.name}' differs from '{self.case.name}' in more than what is to come")
        if any(e.at < self.now for e in scenario.treatments[len(past) :]):
            raise InputError(f"fork: '{scenario.name}' has a treatment before {self.now / DAY:g} d, which is past")
        twin = TumorModel.__new__(TumorModel)
        twin._assemble(scenario, self.virtual_patient, self.rule, self.threads)
        twin._take(self.state.fork(), self.population.p_birth, self.records.fork(), len(past))
        return twin

    def _take(self, state: State, p_birth: float, records: Records, next_event: int) -> None:
        """Go on from a state that a run of the same patient has reached."""
        self.state = state
        self.population.attach(state)
        self.population.p_birth = p_birth
        self.oxygenation.attach(state)
        self.records = records
        self._next_event = next_event
        self.clock.index = state.step_index
        self.steps = state.step_index
        self.running = not self.clock.done

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the run as it is now to one file, from which `load` goes on bit for bit."""
        saving.save(self, path)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, rule: Callable[..., Any] | None = None, threads: int = 1
    ) -> TumorModel:
        """Go on with a saved run; vessels and anatomy are grown again from the same keys.

        Raises
        ------
        InputError
            Where the file is no saved run.
        """
        saved = saving.read(path)
        model = cls.__new__(cls)
        fixed = build_patient(saved.scenario, number=saved.patient, seed=saved.seed)
        model._assemble(saved.scenario, fixed, rule, threads)
        records = saved.records(model._events)
        model._take(saved.state(path, fixed), saved.p_birth, records, saved.next_event)
        return model
