"""Sizes of solid embolics, and how long gelatin holds in a vessel."""

from __future__ import annotations

import numpy as np
import pytest

from tumorsim.state import Sizes as Lengths
from tumorsim.state import State
from tumorsim.vessels.closure import open_share
from tumorsim.vessels.embolics import SIZE_CUT, Sizes, beads, left_open, plug


def test_the_widest_piece() -> None:
    assert Sizes(1e-4).widest == 1e-4
    assert Sizes(1e-4, 2e-5).widest == pytest.approx(1e-4 + SIZE_CUT * 2e-5)
    both = Sizes.between(1e-4, 3e-4)
    assert both.widest == 3e-4 and both.mean == pytest.approx(2e-4)


def test_beads_stay() -> None:
    solid = beads(Sizes(1e-4))
    assert (solid.book, solid.counted, solid.dissolves) == ("edge_solid", True, False)


def test_a_plug_holds_until_it_has_dissolved_to_its_share() -> None:
    state = State(Lengths(sites=0, edges=4))
    capacity = np.full(4, np.inf)
    state.edge_gelatin[:] = [1.0, 1.0, 0.5, 0.0]
    state.edge_solid[0] = 0.2
    edges = np.array([0, 1, 2])
    plug(state, edges, np.array([0.5, 0.25, 0.1]), capacity)
    assert state.edge_gelatin.tolist() == [2.0, 4.0, 0.5, 0.0]  # the third still lets blood through
    plug(state, edges, np.array([0.9, 0.9, 0.9]), capacity)
    assert state.edge_gelatin.tolist() == [2.0, 4.0, 0.5, 0.0]  # a second piece does not loosen the first
    for halvings, closed in ((0.9, (True, True)), (1.4, (False, True)), (1.9, (False, True)), (2.1, (False, False))):
        later = state.fork()
        later.edge_gelatin *= 2.0**-halvings
        assert tuple((open_share(later, capacity)[:2] == 0.0).tolist()) == closed
        assert np.all(left_open(later, np.arange(4), capacity) == open_share(later, capacity))
