"""Resorbed volume: what dead cells have left behind them contracts, whatever killed them.

The share of its volume that a site keeps follows, with a clock of its own (``clocks.shrinkage``), the share of
its content that is still there: living, doomed and dying cells and debris, over the cells that a full site of the
untreated tumour holds. Matrix is not resorbed: no site falls below ``tissue.scar_share``. Where tumour grows again
the site widens again. The untreated tumour is full and stays so: it does not shrink.

A site that tumour has entered was liver: it loses only what it had gained of tumour. Liver that dies keeps its
volume. One cell a site (spheroids, cords) has no content to speak of a share of: nothing shrinks there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tumorsim.cells.lifecycle import viable_of
from tumorsim.errors import InputError
from tumorsim.state import LIVER, OUTSIDE, State


class Shrinkage:
    """Ages ``state.volume``.

    Parameters
    ----------
    compartment : [site] uint8
        Compartments before anything happens.
    capacity : int
        Cells a full site holds.
    parameters : mapping of name to SI value
        ``clocks.shrinkage``, ``tissue.scar_share``, ``cells.initial_fill``.

    Raises
    ------
    InputError
        Where a parameter is impossible.

    Attributes
    ----------
    active : bool
        False: geometry stays as it is (the switch of the coupling).
    """

    def __init__(self, compartment: NDArray[np.uint8], capacity: int, parameters: Mapping[str, float]) -> None:
        self.clock = parameters["clocks.shrinkage"]
        self.scar = parameters["tissue.scar_share"]
        problems = []
        if not self.clock > 0.0:
            problems.append(f"clocks.shrinkage must be positive, got {self.clock:g} s")
        if not 0.0 < self.scar <= 1.0:
            problems.append(f"tissue.scar_share must be above 0 and at most 1, got {self.scar:g}")
        if problems:
            raise InputError(problems)
        self.full = parameters["cells.initial_fill"] * capacity
        self.native = (compartment != LIVER) & (compartment != OUTSIDE)
        self.active = True

    def age(self, state: State, sites: NDArray[np.int64], seconds: float) -> None:
        """Let ``seconds`` pass over the tumour's ``sites`` (n,) as they have grown; exact for content that stands."""
        if not self.active or state.sizes.one_cell or self.full <= 0.0:
            return
        passed = -math.expm1(-seconds / self.clock)
        volume = state.volume[sites]
        state.volume[sites] = volume + (self.goal(state, sites) - volume) * np.float32(passed)

    def goal(self, state: State, sites: NDArray[np.int64]) -> NDArray[np.float32]:
        """Share of its volume that each of ``sites`` (n,) tends to [-]."""
        held = _held(state, sites)
        had = np.where(self.native[sites], self.full, np.minimum(state.peak[sites], self.full))
        lost = np.maximum(had - held, 0.0) / self.full
        return np.maximum(1.0 - lost, self.scar).astype(np.float32)

    def tumour_share(self, state: State, sites: NDArray[np.int64]) -> NDArray[np.float64]:
        """Share of each of ``sites`` (n,) of the tumour that is tumour, alive or dead [-].

        1 where tumour was from the start; of a site that it has entered, what it holds of tumour.
        """
        if state.sizes.one_cell:
            return (state.phase[sites] > 0).astype(np.float64)
        content = _held(state, sites) / self.full if self.full > 0.0 else np.zeros(len(sites))
        return np.asarray(np.where(self.native[sites], 1.0, np.minimum(content, 1.0)))


def _held(state: State, sites: NDArray[np.int64]) -> NDArray[np.float64]:
    """Content of sites, in volumes of a cell; as for the room of births, a piece of debris takes that of a cell."""
    held = viable_of(sites, state.viable) + np.ceil(state.debris[sites].astype(np.float64)) + state.dying[sites]
    return np.asarray(held + state.doomed[sites, 0] + state.doomed[sites, 1])
