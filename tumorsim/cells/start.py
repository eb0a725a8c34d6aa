"""The cells a tumour starts with: whole cells, in balance, in every site."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumorsim.chance import Purpose, uniforms
from tumorsim.state import DEBRIS, DYING, EMPTY, State

Array = NDArray[np.float64]


def fill(
    state: State,
    sites: NDArray[np.int64],
    capacity: int,
    composition: Array,
    key: tuple[int, int],
    living: Array,
    dying: Array,
    debris: Array,
) -> None:
    """Put cells into ``sites``.

    Parameters
    ----------
    composition : (n, 4) float64
        Shares of the slots among a site's cells; rows sum to 1.
    key : tuple of int
        Seed and patient.
    living, dying, debris : (n,) float64
        Shares of the capacity; together at most 1.

    One draw a site rounds the running sums of its slots: whole cells that add up, each slot exact in the mean.
    """
    u = uniforms(*key, Purpose.PHASE, sites)
    upto = np.cumsum(composition, axis=1)
    upto[:, 3] = 1.0
    if state.sizes.one_cell:
        pick = uniforms(*key, Purpose.PHASE, sites, index=1)
        slot = (pick[:, None] >= upto[:, :3]).sum(axis=1)
        what = (u[:, None] >= np.cumsum(np.stack([living, dying, debris], axis=1), axis=1)).sum(axis=1)
        state.phase[sites] = np.choose(what, [slot + 1, DYING, DEBRIS, EMPTY])
        return
    cells = np.rint(capacity * living)
    edges = np.minimum(np.floor(cells[:, None] * upto + u[:, None]), cells[:, None])
    state.viable[sites] = np.diff(edges, axis=1, prepend=0.0).astype(np.int32)
    still = np.minimum(np.floor(capacity * dying + u), capacity - cells)
    state.dying[sites] = still.astype(np.int32)
    state.debris[sites] = np.minimum(capacity * debris, capacity - cells - still)
