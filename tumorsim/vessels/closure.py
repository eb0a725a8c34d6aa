"""How much of a vessel is open: anatomy, beads, gelatin and oil, each booked for itself.

A vessel of the graph, and above all a bed at the end of a tree, stands for a bundle of vessels in parallel.
What closes some of them takes their share of the conductance, and shares add up: beads for good, gelatin
until it dissolves, oil until it is washed out. A thrombus in the vessel, or a vessel that is dormant and has
not been recruited, scales the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tumorsim.state import COAGULATED

if TYPE_CHECKING:
    from tumorsim.state import State

Floats = NDArray[np.float64]

NOTHING = 1e-12  # a share below this is rounding in the sum of the books: the vessel is closed


def open_share(state: State, oil_capacity: Floats) -> Floats:
    """Share of every edge's conductance that is left, (edges,), 0 to 1.

    ``patent x max(0, 1 - beads - gelatin - oil / capacity)``; nothing of a vessel that heat has coagulated.

    Parameters
    ----------
    state : State
        Its arrays ``edge_patent``, ``edge_solid``, ``edge_gelatin``, ``edge_oil`` and ``edge_state`` are read.
    oil_capacity : array, shape (edges,)
        Oil with which the vessel is full [m3]; inf in vessels that oil passes without closing them.
    """
    closed = state.edge_solid + state.edge_gelatin + state.edge_oil / oil_capacity
    left = np.clip(1.0 - closed, 0.0, 1.0)
    left[(left < NOTHING) | (state.edge_state == COAGULATED)] = 0.0
    return np.asarray(state.edge_patent * left)
