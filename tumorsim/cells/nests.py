"""Nests: what treatment has left of a place repopulates faster than the untreated tumour grows.

Of the divisions that cells of an untreated tumour could make, most are lost; its doubling time is set. Where a
treatment has left a nest, cells come nearer to their potential doubling time (Steel 1977; accelerated
repopulation: Withers et al. 1988). With N viable cells in a neighbourhood of some cell layers, and N* at the
start of the treatment that found most of them there, the birth probability goes from that of the untreated tumour
(N at ``below`` x N* and more) towards that of a cell that divides once a cycle (N = 0):

    p = p_untreated + w (p_potential - p_untreated),   w = share x max(0, 1 - N / (below x N*)).

Places that no treatment has found cells in have no N*, so untreated growth, fronts and spheroids are as calibrated.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tumorsim.lattice import Lattice
from tumorsim.state import State


class Nests:
    """Birth probabilities of nests on one lattice.

    Parameters
    ----------
    lattice : Lattice
    size : float
        Edge of the neighbourhood that is counted together [m]; a site where that is larger.
    below : float
        Share of its cells below which a neighbourhood is a nest, above 0.
    share : float
        Share of the way to the potential birth probability that an empty neighbourhood goes, 0 to 1.
    """

    def __init__(self, lattice: Lattice, size: float, below: float, share: float) -> None:
        self.below, self.share = below, share
        self._edge = max(1, round(size / lattice.spacing))
        self._shape = lattice.shape
        self._treated = False

    def attach(self, state: State) -> None:
        """Take another state."""
        self._treated = bool(state.peak.any())

    def mark(self, state: State, viable: NDArray[np.int32]) -> None:
        """Take note of the cells that a treatment finds: ``viable`` (sites,) before it has done anything."""
        np.maximum(state.peak, viable, out=state.peak)
        self._treated = bool(state.peak.any())

    def births(
        self,
        state: State,
        members: NDArray[np.int64],
        viable_of: Callable[[NDArray[np.int64]], NDArray[np.int32]],
        untreated: float,
        potential: float,
    ) -> NDArray[np.float64]:
        """Birth probability of every site, (sites,), or (1,) where it is the same everywhere.

        Parameters
        ----------
        members : (n,) int64
            Sites of the tumour.
        viable_of : callable
            Viable cells of the sites that it is given.
        untreated, potential : float
            Birth probability of the untreated tumour, and of a cell that divides once a cycle.
        """
        everywhere = np.array([untreated])
        if self.share == 0.0 or potential <= untreated or not self._treated:
            return everywhere
        found, full = viable_of(members).astype(np.float64), state.peak[members].astype(np.float64)
        if self._edge > 1:
            block = self._block(members)
            found = np.bincount(block, found).astype(np.float64)[block]
            full = np.bincount(block, full).astype(np.float64)[block]
        relief = np.where(full > 0.0, 1.0 - found / np.maximum(self.below * full, 1e-300), 0.0)
        if not np.any(relief > 0.0):
            return everywhere
        births = np.full(math.prod(self._shape), untreated)
        way = self.share * np.maximum(relief, 0.0)
        births[members] += way * (potential - untreated)
        return births

    def _block(self, members: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of the neighbourhood of each site, (n,)."""
        i, j, k = np.unravel_index(members, self._shape)
        _, ny, nz = (-(-n // self._edge) for n in self._shape)
        e = self._edge
        return np.asarray(((i // e) * ny + j // e) * nz + k // e, dtype=np.int64)
