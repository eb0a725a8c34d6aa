"""All tumour cells of a run: put in at the start, and advanced by one base step a call.

The population owns no state of its own but the birth probability that the calibration found; the sites it
works on follow from the arrays of `State` (`ground.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim._jit import chunked
from tumorsim.cells import lifecycle
from tumorsim.cells.calibration import Calibration, calibrate, potential_births
from tumorsim.cells.ground import AnatomyLike, Ground
from tumorsim.cells.imposed import imposed_hazards
from tumorsim.cells.inheritance import Inheritance
from tumorsim.cells.kernels import kernels
from tumorsim.cells.nests import Nests
from tumorsim.cells.resorption import Resorption
from tumorsim.cells.rule import cell_rule
from tumorsim.cells.start import fill
from tumorsim.cells.totals import StepTotals as StepTotals
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice, capacity
from tumorsim.state import DEBRIS, DOOMED, DOOMED_ONCE_MORE, DYING, State


class Population:
    """The cells of one patient.

    Parameters
    ----------
    lattice : Lattice
    state : State
        Its ``compartment`` must be set; cells are put in by `seed_cells`, or are there already.
    anatomy : AnatomyLike
        Target, capsule and permeabilities.
    parameters : mapping of name to SI value
        Rows ``cells.*``, ``clocks.*`` and ``tissue.cell_density``.
    seed, patient : int
        Key of all draws.
    dt : int
        Base step [s].
    doubling_time : float
        Of the untreated tumour [s]; inf for none.
    rule : callable, optional
        A user's own rule of a cell, see `rule.py`.
    growth : bool
        False: no cell divides, turns over or changes slot; the start is that of a growing tumour.
    dead_take_room : bool
        False: dying cells and debris leave their room to newborn cells at once.

    Raises
    ------
    InputError
        Where the density allows no storage at this spacing, the state has the wrong one, or a parameter is
        impossible.

    Attributes
    ----------
    capacity : int
        Cells a site can hold.
    p_birth : float
        Birth probability in use. `seed_cells` finds it; to go on from a saved state, set it.
    calibration : Calibration or None
        What `seed_cells` found.
    """

    def __init__(
        self,
        lattice: Lattice,
        state: State,
        anatomy: AnatomyLike,
        parameters: Mapping[str, float],
        *,
        seed: int,
        patient: int,
        dt: int,
        doubling_time: float,
        rule: Callable[..., Any] | None = None,
        growth: bool = True,
        dead_take_room: bool = True,
    ) -> None:
        self.lattice, self.anatomy = lattice, anatomy
        self.seed, self.patient, self.dt = int(seed), int(patient), int(dt)
        self.doubling_time = float(doubling_time)
        self.capacity = capacity(parameters["tissue.cell_density"], lattice.spacing)
        self.one_cell = self.capacity == 1
        self.rule = cell_rule if rule is None else rule
        self.growth, self.dead_take_room = growth, dead_take_room
        self._many, self._one = kernels(rule if growth else None)  # the rule of the house stands still without births
        self._inheritance = Inheritance(rule if growth else None)

        self.growth_fraction = parameters["cells.growth_fraction"]
        self.cycle_time = parameters["cells.cycle_time"]
        self.tau_mix, self.tau_phase = parameters["clocks.tau_mix"], parameters["clocks.tau_phase"]
        self.turnover = parameters["cells.turnover"] * self.dt
        self.initial_fill = parameters["cells.initial_fill"]
        failing = parameters["cells.abortive_share"]
        self.abortive = failing / (1.0 - failing)
        self.once_more = parameters["cells.doomed_once_more"]
        self.nests = Nests(
            lattice, parameters["cells.nest_size"], parameters["cells.nest_below"], parameters["cells.repopulation"]
        )
        self._debris_rates = (1.0 / parameters["clocks.dying"], math.log(2.0) / parameters["clocks.debris_half_life"])
        self._p_debris = 1.0 - math.exp(-self.dt / parameters["clocks.dying"])
        self._resorption = Resorption(self.dt, parameters)
        self.p_birth = 0.0
        self.calibration: Calibration | None = None
        problems = [
            f"{name} must be positive, got {value:g}"
            for name, value in (
                ("dt", self.dt), ("cells.cycle_time", self.cycle_time), ("clocks.tau_mix", self.tau_mix),
                ("clocks.tau_phase", self.tau_phase), ("clocks.dying", parameters["clocks.dying"]),
                ("clocks.debris_half_life", parameters["clocks.debris_half_life"]),
            )
            if not value > 0
        ]  # fmt: skip
        problems += [
            f"{name} must lie between 0 and 1, got {value:g}"
            for name, value in (
                ("cells.growth_fraction", self.growth_fraction), ("cells.initial_fill", self.initial_fill),
                ("cells.doomed_once_more", self.once_more), ("cells.repopulation", parameters["cells.repopulation"]),
                ("cells.established", parameters["cells.established"]),
                ("capsule permeability", anatomy.permeability.capsule),
                ("septum permeability", anatomy.permeability.septum),
                ("permeability of the wall of a vein", anatomy.permeability.wall),
            )
            if not 0 <= value <= 1
        ]  # fmt: skip
        if not 0 <= failing < 0.5:
            problems.append(f"cells.abortive_share must lie between 0 and below 0.5, got {failing:g}")
        if not 0 < parameters["cells.nest_below"] <= 1:
            problems.append(f"cells.nest_below must be above 0 and at most 1, got {parameters['cells.nest_below']:g}")
        if problems:
            raise InputError(problems)
        clocks = {"cycle_time": self.cycle_time, "tau_phase": self.tau_phase, "growth_fraction": self.growth_fraction}
        self.potential = potential_births(self.dt, **clocks, abortive=self.abortive)
        self.p_mitosis = -math.expm1(-self.growth_fraction * math.log(2.0) * self.dt / self.cycle_time)
        self._check(state)
        self.state = state
        self._any_doomed = self.doomed_total() > 0
        self.nests.attach(state)
        self._ground = Ground(lattice, self.capacity, parameters["cells.established"], anatomy, state)

    @property
    def rule_arguments(self) -> tuple[float, float, float, float, float]:
        """What the rule gets after a cell's own three numbers: dt, p_birth, tau_mix, tau_phase, growth_fraction."""
        if not self.growth:
            return (float(self.dt), 0.0, math.inf, math.inf, self.growth_fraction)
        return (float(self.dt), self.p_birth, self.tau_mix, self.tau_phase, self.growth_fraction)

    @property
    def members(self) -> NDArray[np.int64]:
        """Sites of the tumour and its satellites as they have grown, ascending."""
        return self._ground.members

    # --- which sites matter ------------------------------------------------------------------------------

    def attach(self, state: State) -> None:
        """Take another state of the same run (loaded, forked, or edited) and find its sites again."""
        self._check(state)
        self.state = state
        self._any_doomed = self.doomed_total() > 0
        self.nests.attach(state)
        self._ground.attach(state)

    def recount(self, sites: NDArray[np.int64]) -> None:
        """Take note that cells of these `members` were changed from outside."""
        self._ground.recount(sites)

    def _check(self, state: State) -> None:
        if state.sizes.one_cell != self.one_cell or state.sizes.sites != self.lattice.n_sites:
            raise InputError(
                f"cells: {self.lattice.n_sites} sites of {self.capacity} cells do not fit a state of {state.sizes}"
            )

    # --- the start ---------------------------------------------------------------------------------------

    @property
    def rates_of_debris(self) -> tuple[float, float]:
        """Rates at which dying cells become debris and debris is resorbed [1/s]."""
        return self._debris_rates

    def seed_cells(
        self,
        shares: ArrayLike,
        hazard_hypoxic: ArrayLike | float = 0.0,
        living: NDArray[np.float64] | None = None,
        dying: NDArray[np.float64] | None = None,
        debris: NDArray[np.float64] | None = None,
    ) -> Calibration:
        """Fill every site of the tumour with cells in balance, and calibrate the growth of the untreated tumour.

        Parameters
        ----------
        shares : [site] float
            Share of the tissue below 10 mmHg in the untreated tumour.
        hazard_hypoxic : [site] float or float
            Hazard of hypoxic cells over one step in the untreated tumour (ischaemia and starvation).
        living, dying, debris : [member] float, optional
            Share of the capacity of each of `members` that lives, is dying, and is debris; default
            ``cells.initial_fill``, 0 and 0.

        Returns
        -------
        Calibration
            Also kept in ``calibration``; its ``p_birth`` is used from now on.

        Raises
        ------
        InputError
            Where the doubling time cannot be reached.
        """
        state, here = self.state, self.members
        share = np.asarray(shares, dtype=np.float64)[here]
        hazard = np.broadcast_to(np.asarray(hazard_hypoxic, dtype=np.float64), (self.lattice.n_sites,))[here]
        found = calibrate(
            self.rule, share, hazard, dt=self.dt, doubling_time=self.doubling_time, turnover=self.turnover,
            abortive=self.abortive, cycle_time=self.cycle_time, tau_mix=self.tau_mix, tau_phase=self.tau_phase,
            growth_fraction=self.growth_fraction, cells=living,
        )  # fmt: skip
        self.calibration, self.p_birth = found, found.p_birth
        n = self.members.size
        fill(
            state, here, self.capacity, found.composition[found.group], (self.seed, self.patient),
            np.full(n, self.initial_fill) if living is None else np.asarray(living, dtype=np.float64),
            np.zeros(n) if dying is None else np.asarray(dying, dtype=np.float64),
            np.zeros(n) if debris is None else np.asarray(debris, dtype=np.float64),
        )  # fmt: skip
        self.reset_nadir()
        self.attach(state)
        return found

    def viable_of_sites(self) -> NDArray[np.int32]:
        """Viable cells of every site, ``[site] int32``."""
        if self.one_cell:
            return ((self.state.phase > 0) & (self.state.phase < DYING)).astype(np.int32)
        return self.state.viable.sum(axis=1, dtype=np.int32)

    def viable_of(self, sites: NDArray[np.int64]) -> NDArray[np.int32]:
        """Viable cells of some sites, ``(n,) int32``."""
        if self.one_cell:
            phase = self.state.phase[sites]
            return ((phase > 0) & (phase < DYING)).astype(np.int32)
        return lifecycle.viable_of(sites, self.state.viable)

    def living_of(self, sites: NDArray[np.int64]) -> NDArray[np.int32]:
        """Viable and doomed cells of some sites: those that consume oxygen, ``(n,) int32``."""
        viable = self.viable_of(sites)
        if not self._any_doomed:
            return viable
        return np.asarray(viable + self._doomed(sites), dtype=np.int32)

    def living_of_sites(self) -> NDArray[np.int32]:
        """Viable and doomed cells of every site, ``[site] int32``."""
        return self.viable_of_sites() + self.doomed_of_sites() if self._any_doomed else self.viable_of_sites()

    def _doomed(self, sites: NDArray[np.int64] | slice) -> NDArray[np.int32]:
        if self.one_cell:
            return (self.state.phase[sites] >= DOOMED_ONCE_MORE).astype(np.int32)
        return np.asarray(self.state.doomed[sites].sum(axis=1, dtype=np.int32))

    def doomed_of_sites(self) -> NDArray[np.int32]:
        """Cells of every site that are lethally hit and have not died yet, ``[site] int32``."""
        return self._doomed(slice(None))

    def doomed_total(self) -> int:
        """Doomed cells of all sites."""
        if self.one_cell:
            return int(np.count_nonzero(self.state.phase >= DOOMED_ONCE_MORE))
        return int(self.state.doomed.sum(dtype=np.int64))

    def hypoxic_of(self, sites: NDArray[np.int64]) -> NDArray[np.int32]:
        """Viable cells of some sites on the hypoxic side, ``(n,) int32``."""
        if self.one_cell:
            phase = self.state.phase[sites]
            return ((phase == 2) | (phase == 4)).astype(np.int32)
        return np.asarray(self.state.viable[sites, 1] + self.state.viable[sites, 3])

    def dying_of_sites(self) -> NDArray[np.int32]:
        """Cells of every site that are dead but not yet debris, ``[site] int32``."""
        return (self.state.phase == DYING).astype(np.int32) if self.one_cell else self.state.dying

    def debris_total(self) -> float:
        """Debris of all sites, in volumes of a cell."""
        if self.one_cell:
            return float(np.count_nonzero(self.state.phase == DEBRIS))
        return float(self.state.debris[self.members].sum(dtype=np.float64))

    def meet_treatment(self, before: NDArray[np.int32]) -> None:
        """After a treatment has changed something: its nests are measured by the cells it found, [site] int32."""
        self.nests.mark(self.state, before)
        self.reset_nadir()

    def reset_nadir(self) -> None:
        """Set the least number of viable cells to that of now, as after a treatment."""
        self.state.nadir[:] = self.viable_of_sites()

    # --- one step ----------------------------------------------------------------------------------------

    def advance(
        self,
        H_ischaemia: NDArray[np.float64],
        H_starvation: NDArray[np.float64],
        step_index: int,
        H_ext: NDArray[np.float64] | None = None,
        ext_causes: Sequence[int] | None = None,
        threads: int = 1,
        ext_mitotic: Sequence[bool] | None = None,
    ) -> StepTotals:
        """One base step: cells die, change side and phase, divide, and newborns find a place.

        Parameters
        ----------
        H_ischaemia, H_starvation : [site] float64
            Hazard over this step of cells in hypoxic slots.
        step_index : int
            Number of the base step, part of the key of every draw.
        H_ext : [cause, site, slot] float64, optional
            Hazards over this step that treatments impose.
        ext_causes : sequence of int
            Column of ``State.deaths`` of each.
        ext_mitotic : sequence of bool, optional
            Which of them leave doomed cells, which die at mitosis, and not dying ones; default none.
        threads : int
            Changes the time, not a bit of the result.
        """
        state, n_causes = self.state, len(self.state.causes)
        if not H_ischaemia.shape == H_starvation.shape == (self.lattice.n_sites,):
            raise ValueError(f"hazards must have shape ({self.lattice.n_sites},)")
        h_ext, columns, dooms = imposed_hazards(H_ext, ext_causes, ext_mitotic, self.lattice.n_sites, state.causes)
        dt, births, *clocks = self.rule_arguments
        rule = (dt, np.array([births]), *clocks)
        fails = (0.0, 0.0, 0.0, self.once_more)
        if self.growth:
            of = self.nests.births(state, self.members, self.viable_of, self.p_birth, self.potential)
            rule = (dt, of, *clocks)
            fails = (self.turnover, self.abortive, self.p_mitosis, self.once_more)
        imposed = (h_ext, columns, dooms)
        after = (state.share10, H_ischaemia, H_starvation, *imposed, state.compartment, self._ground.target)
        scratch = (state.deaths, state.nadir, self._ground.room, self._ground.overflow)
        key = (self.seed, self.patient, int(step_index))
        about_to_split = np.zeros(0, dtype=np.int64)
        dead = (*fails, self._p_debris, self._resorption.left(state))
        self._inheritance.begin(state, self.members)
        if self.one_cell:
            if self._any_doomed:
                about_to_split = np.flatnonzero(state.phase == DOOMED_ONCE_MORE)
            blocks = chunked(
                self._one, self.lattice.n_sites, threads, *key, *rule, *dead, *after, state.phase, *scratch
            )
        else:
            blocks = chunked(
                self._many, self.members.size, threads, self.members, *key, self.capacity, *rule, *dead, *after,
                state.viable, state.doomed, state.dying, state.debris, *scratch,
            )  # fmt: skip
        totals = np.zeros(lifecycle.FIRST_DEATH + n_causes + lifecycle.COMPARTMENTS, dtype=np.int64)
        for block in blocks:
            totals += block
        self._inheritance.slots(state, rule, fails[:2], after[1:4], self._ground.overflow)
        overflow = totals[lifecycle.FIRST_DEATH + n_causes :]
        stay, stay_in_target = (0, 0) if self.dead_take_room else self._ground.without_dead(overflow)
        placed, in_target, blocked = 0, 0, 0
        if overflow.any():
            placed, in_target, blocked = self._ground.place(overflow, key)
            self._inheritance.newborns(state, self._ground.arrived, self._ground.overflow, self.lattice.shape)
        doomed = int(totals[lifecycle.DOOMED])
        if len(about_to_split):
            doomed += self._ground.place_doomed(about_to_split[state.phase[about_to_split] == DOOMED], key)
        self._any_doomed = doomed > 0
        return StepTotals(
            viable=int(totals[lifecycle.VIABLE]) + placed + stay,
            viable_in_target=int(totals[lifecycle.VIABLE_IN_TARGET]) + in_target + stay_in_target,
            # one cell a site: the dead have left their sites
            dying=int(totals[lifecycle.DYING]) if self.dead_take_room or not self.one_cell else 0,
            deaths=tuple(int(n) for n in totals[lifecycle.FIRST_DEATH :][:n_causes]),
            births=int(totals[lifecycle.BIRTHS]),
            blocked=blocked,
            touches_face=self.touches_face,
            doomed=doomed,
        )

    @property
    def touches_face(self) -> bool:
        """Whether any site on the box face holds viable cells."""
        on_face = self._ground.on_face
        return bool(on_face.size and self.living_of(on_face).any())
