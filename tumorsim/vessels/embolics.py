"""Solid embolics: how large their pieces are, and the books in which the share of a vessel they close stands.

Beads are round and stay for good (`beads`); gelatin dissolves (`tumorsim.vessels.gelatin`). Both ride the
flow in the same way (`tumorsim.vessels.beads`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tumorsim.chance import Purpose
from tumorsim.errors import InputError
from tumorsim.state import State
from tumorsim.vessels.closure import NOTHING

Floats = NDArray[np.float64]
SIZE_CUT = 3.0  # a normal distribution of sizes is cut at this many standard deviations, as sieved beads are


@dataclass(frozen=True)
class Sizes:
    """Diameters of pieces [m].

    ``spread`` above 0: normal with ``mean``, cut at 3 standard deviations. ``low`` below ``high``: uniform
    in diameter between the two, as the mesh widths of two sieves leave it; a label says no more than its two
    ends. Neither: all of one size.
    """

    mean: float
    spread: float = 0.0
    low: float = 0.0
    high: float = 0.0

    def __post_init__(self) -> None:
        if not (self.mean > 0.0 and self.spread >= 0.0 and 0.0 <= self.low <= self.high):
            raise InputError(f"embolic: {self} is not a distribution of diameters")
        if self.spread > 0.0 and self.high > 0.0:
            raise InputError("embolic: sizes have a spread or a range, not both")

    @classmethod
    def between(cls, low: float, high: float) -> Sizes:
        """A labelled range of diameters [m]."""
        return cls(0.5 * (low + high), low=low, high=high)

    @property
    def widest(self) -> float:
        """The largest diameter there is [m]."""
        return max(self.mean + SIZE_CUT * self.spread, self.high)


@dataclass(frozen=True)
class Solid:
    """A solid embolic.

    ``book`` names the array of the state in which the share it closes is kept; ``path`` and ``sizing`` (with
    ``slot``) key the draws of its way and its diameter; ``counted`` says whether `edge_beads` counts it, and
    ``dissolves`` that it does not hold for good (`plug`).
    """

    sizes: Sizes
    book: Literal["edge_solid", "edge_gelatin"]
    path: Purpose
    sizing: Purpose
    slot: int
    counted: bool
    dissolves: bool = False


def beads(sizes: Sizes) -> Solid:
    """Calibrated microspheres, which stay."""
    return Solid(sizes, "edge_solid", Purpose.BEAD, Purpose.BEAD_LODGE, 0, True)


def left_open(state: State, edges: NDArray[np.int64], oil_capacity: Floats) -> Floats:
    """Share of each of ``edges`` that neither beads nor gelatin nor oil close, 0 to 1; anatomy apart."""
    closed = state.edge_solid[edges] + state.edge_gelatin[edges] + state.edge_oil[edges] / oil_capacity[edges]
    return np.asarray(np.clip(1.0 - closed, 0.0, 1.0))


def close(
    state: State,
    solid: Solid,
    edges: NDArray[np.int64],
    share: Floats,
    least: Floats,
    oil_capacity: Floats,
) -> None:
    """Book the ``share`` that pieces close in ``edges``; what they close twice over counts once.

    Parameters
    ----------
    edges : array of int, shape (n,)
    share : array, shape (n,)
        Sum of the shares of the vessels that the pieces plug [-].
    least : array, shape (n,)
        A rest smaller than this is closed too: half a vessel is none [-].
    """
    before = left_open(state, edges, oil_capacity)
    after = np.maximum(0.0, before - share)
    after[after < least] = 0.0
    getattr(state, solid.book)[edges] += before - after


def plug(state: State, edges: NDArray[np.int64], u: Floats, oil_capacity: Floats) -> None:
    """Make gelatin hold in those of ``edges`` that are closed until it has dissolved to ``u`` (n,) of itself.

    A plug in a single vessel does not open it by and by: a tenth of an artery's conductance carries nearly
    all that the beds behind it can take. So the gelatin of a closed vessel is booked as 1/u of what closes
    it. With u uniform, half of the vessels have opened after a half-life.
    """
    shut = left_open(state, edges, oil_capacity) < NOTHING
    state.edge_gelatin[edges[shut]] = np.maximum(state.edge_gelatin[edges[shut]], 1.0 / u[shut])
