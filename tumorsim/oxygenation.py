"""Oxygen of a run and what the want of it does, kept up to date at the least cost that changes no bit.

A site's oxygen is a function of its blood and of the share of its cells that live, and, where it is short of
it, of its neighbours' (`fields.oxygen`). The living share is counted in steps of 1/256 of a full site: within
a step nothing is computed again, and skipping is exact.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tumorsim._jit import njit
from tumorsim.cells.population import Population
from tumorsim.fields.fine_oxygen import FineOxygen
from tumorsim.fields.oxygen import OxygenModel
from tumorsim.hazards.ischaemia import accumulate_liver, accumulate_tumour
from tumorsim.patient import Patient
from tumorsim.state import LIVER, OUTSIDE, State

LEVELS = 256  # steps of the living share of a site


class Oxygenation:
    """Oxygen, ischaemia and starvation of one run.

    Parameters
    ----------
    patient : Patient
    threads : int
        Changes no bit.
    coupled : bool
        False: oxygen stays as it was before the first step, whatever becomes of blood and cells.

    Attributes
    ----------
    h_ischaemia, h_starvation : array, shape (sites,)
        Hazard of hypoxic tumour cells in the current step so far [-].
    """

    def __init__(self, patient: Patient, threads: int = 1, coupled: bool = True) -> None:
        n = patient.lattice.n_sites
        self.patient, self.threads, self.coupled = patient, threads, coupled
        self.h_ischaemia, self.h_starvation = np.zeros(n), np.zeros(n)
        self.living = np.ones(n, dtype=np.float32)
        self._short_liver = np.zeros(0, dtype=np.int64)
        self._as_tumour = np.zeros(n, dtype=np.bool_)  # sites that were tumour when they were last computed
        self._own = np.full(n, np.nan)  # pO2 by a site's own blood; neighbours read it, and it is not state
        self._all_due = True

    @property
    def hazards(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Ischaemia and starvation of the current step so far."""
        return self.h_ischaemia, self.h_starvation

    def attach(self, state: State) -> None:
        """Take another state: its shares stand, and everything is computed again at the next `refresh`."""
        self._short_liver = self._find_short_liver(state)
        self._all_due = True

    def _find_short_liver(self, state: State) -> NDArray[np.int64]:
        short = (state.share0p5 > 0.0) | (state.anoxic_lag > 0.0)
        return np.flatnonzero(short & (state.compartment == LIVER))

    def update(self, state: State, sites: NDArray[np.int64]) -> None:
        """Oxygen of ``sites`` (n,) with ``living`` as it stands; nothing is taken note of."""
        assert isinstance(self.patient.oxygen, OxygenModel)
        self.patient.oxygen.update(state, sites, self.living, self.threads)

    def everywhere(self, state: State, population: Population) -> None:
        """Oxygen of every site: at the start, and after the blood has changed."""
        if not self.coupled:
            return
        self.living[:] = _level(np.exp(-state.liver_hazard))
        members = population.members
        self.living[members] = _level(population.living_of(members) / population.capacity)
        tissue = np.flatnonzero(state.compartment != OUTSIDE)
        assert isinstance(self.patient.oxygen, OxygenModel)
        self.patient.oxygen.update(state, tissue, self.living, self.threads, self._own)
        self._short_liver = self._find_short_liver(state)
        self._as_tumour[:] = False
        self._as_tumour[members] = True
        self._all_due = False

    def refresh(self, state: State, population: Population) -> None:
        """Oxygen of the sites where cells, or liver that is short of blood or irradiated, have become more or fewer."""
        if self._all_due or not self.coupled:
            self.everywhere(state, population)
            return
        members = population.members
        changed = _changed_tumour(
            members, population.living_of(members), population.capacity, self.living, self._as_tumour
        )
        self._short_liver = self._short_liver[state.compartment[self._short_liver] == LIVER]
        # liver that is short of blood may die, and where there are implants, liver anywhere
        mortal = np.flatnonzero(state.compartment == LIVER) if state.sizes.implants else self._short_liver
        if len(mortal):
            now = _level(np.exp(-state.liver_hazard[mortal]))
            moved = now != self.living[mortal]
            self.living[mortal[moved]] = now[moved]
            changed = np.concatenate([changed, mortal[moved]])
        if len(changed):
            assert isinstance(self.patient.oxygen, OxygenModel)
            due = self.patient.oxygen.dependents(state, changed)
            self.patient.oxygen.update(state, due, self.living, self.threads, self._own)

    def integrate(self, state: State, population: Population, dt: int) -> None:
        """Add what ``dt`` [s] of the present oxygen does to hypoxic cells, and to liver that is anoxic."""
        clocks = self.patient.clocks
        accumulate_tumour(state, population.members, dt, clocks, *self.hazards, self.threads)
        if len(self._short_liver):
            accumulate_liver(state, self._short_liver, dt, clocks, self.threads)

    def clear(self, sites: NDArray[np.int64]) -> None:
        """Begin a new step: no hazard yet."""
        _clear(sites, *self.hazards)


class FineOxygenation(Oxygenation):
    """As `Oxygenation`, where oxygen diffuses between sites: one field, solved where its balance has gone.

    Each call asks the field itself whether the state still fits it, so there is nothing to take note of: a run
    that goes on from a saved state does what the run did that was saved.
    """

    def attach(self, state: State) -> None:
        """Take another state; there is no liver that could be short of oxygen."""

    def update(self, state: State, sites: NDArray[np.int64]) -> None:
        """Oxygen of every site with ``living`` as it stands: a field has no parts, and ``sites`` only name why."""
        assert isinstance(self.patient.oxygen, FineOxygen)
        self.patient.oxygen.update(state, self.living, self.threads)

    def everywhere(self, state: State, population: Population) -> None:
        """Oxygen of every site with the cells as they are."""
        if not self.coupled:
            return
        members = population.members
        self.living[members] = population.living_of(members) / population.capacity
        self.update(state, members)

    def refresh(self, state: State, population: Population) -> None:
        """As `everywhere`."""
        self.everywhere(state, population)


class NoOxygenation(Oxygenation):
    """As `Oxygenation`, where oxygen is not followed: nothing is ever short of it."""

    def attach(self, state: State) -> None:
        """Take another state; nothing depends on it."""

    def update(self, state: State, sites: NDArray[np.int64]) -> None:
        """Nothing changes."""

    def everywhere(self, state: State, population: Population) -> None:
        """Nothing changes."""

    def refresh(self, state: State, population: Population) -> None:
        """Nothing changes."""


def oxygenation_of(patient: Patient, threads: int = 1, coupled: bool = True) -> Oxygenation:
    """The oxygenation that fits a patient's oxygen."""
    kind = FineOxygenation if isinstance(patient.oxygen, FineOxygen) else Oxygenation
    return (NoOxygenation if patient.oxygen is None else kind)(patient, threads, coupled)


@njit
def _changed_tumour(members, viable, capacity, living, as_tumour):  # type: ignore[no-untyped-def]
    """Members whose level of living cells, or tissue, is not what it was; ``living`` and ``as_tumour`` follow.

    Liver that cells have entered is another tissue, be it as full of life as before.
    """
    changed, n = np.empty(members.size, dtype=np.int64), 0
    for m in range(members.size):
        site = members[m]
        now = np.float32(math.ceil(viable[m] / capacity * LEVELS)) / np.float32(LEVELS)
        if now != living[site] or not as_tumour[site]:
            living[site] = now
            as_tumour[site] = True
            changed[n] = site
            n += 1
    return changed[:n].copy()


@njit
def _clear(sites, h_ischaemia, h_starvation):  # type: ignore[no-untyped-def]
    for site in sites:
        h_ischaemia[site] = 0.0
        h_starvation[site] = 0.0


def _level(share: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.ceil(share * LEVELS).astype(np.float32) / np.float32(LEVELS)
