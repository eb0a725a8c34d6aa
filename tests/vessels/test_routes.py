"""Branches of feeding vessels: what lies below a catheter and what lies upstream of it."""

from __future__ import annotations

import numpy as np

from tumorsim.vessels.graph import Kind, VesselGraph
from tumorsim.vessels.routes import Routes

# 0 -> 1 -> 2, 3; 2 -> 4 (a bed); a portal vein 5 -> 4; an artery of its own 6 -> 3 (a bed)
TAIL, HEAD = np.array([0, 1, 1, 2, 5, 6]), np.array([1, 2, 3, 4, 4, 3])
KIND = np.array([Kind.ARTERIAL] * 4 + [Kind.PORTAL, Kind.EXTRAHEPATIC], dtype=np.uint8)


def routes() -> Routes:
    position = np.arange(21.0).reshape(7, 3) * 1e-3
    conductance = np.array([np.nan, np.nan, np.nan, 1e-12, 1e-12, 1e-12])
    return Routes(VesselGraph(position, TAIL, HEAD, np.full(6, 1e-4), kind=KIND, conductance=conductance))


def test_what_a_catheter_reaches() -> None:
    found = routes()
    assert found.below(0).tolist() == [0, 1, 2, 3] and found.below(1).tolist() == [1, 3]
    assert found.below(5).tolist() == [5]
    assert found.leaving(1).tolist() == [1, 2] and found.leaving(4).tolist() == []
    assert found.is_bed.tolist() == [False, False, False, True, False, True]  # a portal bed takes no bead


def test_the_way_back() -> None:
    found = routes()
    assert found.upstream(3).tolist() == [3, 1, 0] and found.upstream(0).tolist() == [0]
    assert found.upstream(5).tolist() == [5]  # no artery comes to where that from outside begins
    assert found.parent.tolist() == [-1, 0, 1, 2, 3, -1, -1]


def test_a_ring_of_vessels_ends_the_way_back() -> None:
    position = np.arange(9.0).reshape(3, 3) * 1e-3
    ring = Routes(VesselGraph(position, [0, 1, 2], [1, 2, 0], np.full(3, 1e-4), kind=Kind.ARTERIAL))
    assert ring.upstream(0).tolist() == [0, 2, 1] and ring.below(0).tolist() == [0, 1, 2]
