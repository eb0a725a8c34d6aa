"""The ground cells stand on: which sites hold a compartment, which liver lies beside them, and where is room.

All of it follows from the arrays of `State` (`Ground.attach` finds it again), so none of it is state.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy.capsule import THROMBUS
from tumorsim.cells import placement
from tumorsim.lattice import Lattice
from tumorsim.state import DEBRIS, DOOMED, DYING, EMPTY, LIVER, OUTSIDE, State


class Barriers(Protocol):
    """Permeabilities, 0 to 1."""

    @property
    def capsule(self) -> float:
        """Of a covered face of the border."""

    @property
    def septum(self) -> float:
        """Of a face of a septum."""

    @property
    def wall(self) -> float:
        """Of the wall of a vein with a thrombus in it."""


class AnatomyLike(Protocol):
    """What the cells need of an anatomy."""

    @property
    def baseline_target(self) -> NDArray[np.bool_]:
        """[site]."""

    @property
    def capsule_site(self) -> NDArray[np.uint8]:
        """[site]: 1 where the capsule covers the direction of the site."""

    @property
    def permeability(self) -> Barriers:
        """Of capsule and septa."""


class Ground:
    """Sites, room and the placing of births for one state.

    Parameters
    ----------
    lattice : Lattice
    capacity : int
        Cells a site can hold; 1 for the storage of one cell a site.
    established : float
        Occupied share of its capacity from which a site pushes cells into liver beside it.
    anatomy : AnatomyLike
    state : State

    Attributes
    ----------
    members : (n,) int64
        Sites of the tumour and its satellites as they have grown, ascending.
    shell : (m,) int64
        Liver sites beside them, ascending.
    room, overflow : [site]
        Cells that still fit, and births of this step that did not.
    arrived : sites and numbers
        Where `place` last put such births.
    """

    members: NDArray[np.int64]
    shell: NDArray[np.int64]
    room: NDArray[Any]
    overflow: NDArray[Any]
    arrived: tuple[NDArray[np.int64], NDArray[np.int64]]

    def __init__(
        self,
        lattice: Lattice,
        capacity: int,
        established: float,
        anatomy: AnatomyLike,
        state: State,
    ) -> None:
        self.lattice, self.capacity = lattice, capacity
        self.most_room = (1.0 - established) * capacity
        self.barriers = (
            np.ascontiguousarray(anatomy.capsule_site, dtype=np.uint8),
            float(anatomy.permeability.capsule),
            float(anatomy.permeability.septum),
            float(anatomy.permeability.wall),
        )
        self.target = np.ascontiguousarray(anatomy.baseline_target, dtype=np.bool_)
        self.attach(state)

    def attach(self, state: State) -> None:
        """Take a state and find its sites."""
        self.state = state
        self.arrived = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
        label = state.compartment
        small: Any = np.uint8 if state.sizes.one_cell else np.int32
        self.members = here = np.flatnonzero((label != LIVER) & (label != OUTSIDE))
        self.overflow = np.zeros(self.lattice.n_sites, dtype=small)
        self.room = np.full(self.lattice.n_sites, self.capacity, dtype=small)
        self.room[label == OUTSIDE] = 0
        self.recount(here)
        self._mark = np.zeros(self.lattice.n_sites, dtype=np.uint8)
        self.shell = placement.shell_of(label, here, self._mark, *self.lattice.shape)
        self.on_face = self._on_face(here)

    def recount(self, sites: NDArray[np.int64]) -> None:
        """Find the room of members again, after their cells were changed from outside; no birth is waiting there."""
        state = self.state
        self.overflow[sites] = 0
        if state.sizes.one_cell:
            self.room[sites] = state.phase[sites] == 0
        else:
            used = state.viable[sites].sum(axis=1, dtype=np.int64) + state.doomed[sites].sum(axis=1, dtype=np.int64)
            used = used + state.dying[sites] + np.ceil(state.debris[sites])
            self.room[sites] = np.maximum(self.capacity - used, 0)

    def _claim(self, sites: NDArray[np.int64], labels: NDArray[np.uint8]) -> None:
        """Liver sites that cells have entered become part of the compartment; lists stay sorted by site."""
        label = self.state.compartment
        label[sites] = labels
        self.members = np.insert(self.members, np.searchsorted(self.members, sites), sites)
        kept = self.shell[label[self.shell] == LIVER]
        fresh = placement.shell_of(label, sites, self._mark, *self.lattice.shape)
        self.shell = np.insert(kept, np.searchsorted(kept, fresh), fresh)
        self.on_face = np.concatenate([self.on_face, self._on_face(sites)])

    def _on_face(self, sites: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those on a face of the box, but for a thrombus: it leaves the box through the vein that it fills."""
        there = self.lattice.on_face(sites) & (self.state.compartment[sites] != THROMBUS)
        return sites[there]

    def without_dead(self, overflow: NDArray[np.int64]) -> tuple[int, int]:
        """Let dying cells and debris take no room, after cells have died and divided.

        Where sites hold counts, births that did not fit beside the dead stay in their site; where a site holds one
        cell, the dead leave it.

        Parameters
        ----------
        overflow : (256,) int64
            Sum of the sites' overflow by compartment; births that stay are taken off.

        Returns
        -------
        births that stay, those of them in the target : int
        """
        state, sites = self.state, self.members
        if state.sizes.one_cell:
            gone = sites[(state.phase[sites] == DYING) | (state.phase[sites] == DEBRIS)]
            state.phase[gone] = EMPTY
            self.room[gone] = 1
            return 0, 0
        room = self.room[sites] + state.dying[sites] + np.ceil(state.debris[sites]).astype(np.int64)
        stay = np.clip(self.overflow[sites], 0, np.maximum(room, 0))
        state.viable[sites, 0] += stay.astype(np.int32)
        self.overflow[sites] -= stay.astype(self.overflow.dtype)
        self.room[sites] = room - stay
        overflow -= np.bincount(state.compartment[sites], stay, minlength=len(overflow)).astype(np.int64)
        return int(stay.sum()), int(stay[self.target[sites]].sum())

    def place(self, overflow: NDArray[np.int64], key: tuple[int, int, int]) -> tuple[int, int, int]:
        """Give the births that overflowed a site.

        Parameters
        ----------
        overflow : (256,) int64
            Sum of the sites' overflow by compartment.
        key : tuple of int
            Seed, patient, step.

        Returns
        -------
        placed, placed in the target, blocked : int
        """
        state, box, room, shell = self.state, self.lattice.shape, self.room, self.shell
        own = placement.open_sites(self.members, room)
        targets = np.concatenate([own, shell])
        label = np.empty(targets.size, dtype=np.uint8)
        weight = np.ones(targets.size)
        admitted = np.zeros(targets.size, dtype=np.int64)
        label[: own.size] = state.compartment[own]
        placement.reach_of_shell(
            shell, state.compartment, room, self.most_room, *self.barriers, *box, label[own.size :], weight[own.size :]
        )
        taken = placement.from_neighbours(
            targets, *key, state.compartment, room, self.overflow, *self.barriers, *box, label, admitted
        )
        space = room[targets].astype(np.int64) - admitted
        # a site that a compartment has just entered is its own
        weight[own.size :][admitted[own.size :] > 0] = 1.0
        placement.lean_on_faces(targets, state.compartment, room, self.most_room, *box, label, weight)
        blocked = int(placement.onto_front(overflow - taken, targets, label, weight, space, admitted, *key))
        got = np.flatnonzero(admitted)
        sites, cells = targets[got], admitted[got]
        self.arrived = (sites, cells)
        if state.sizes.one_cell:
            state.phase[sites] = 1  # proliferating and oxic
        else:
            state.viable[sites, 0] += cells.astype(np.int32)
        room[sites] -= cells.astype(room.dtype)
        entered = got >= own.size
        if entered.any():
            self._claim(sites[entered], label[got][entered])
        return int(cells.sum()), int(cells[self.target[sites]].sum()), blocked

    def place_doomed(self, mothers: NDArray[np.int64], key: tuple[int, int, int]) -> int:
        """Set a doomed daughter beside each of ``mothers`` that has room beside it, one cell a site; how many found it.

        She takes a free place of the mother's own compartment; who has none dies with the division that made her.
        """
        return int(
            placement.beside(
                mothers, *key, self.state.compartment, self.room, self.state.phase, DOOMED, *self.lattice.shape
            )
        )
