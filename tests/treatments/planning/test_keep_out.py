"""Distance from big vessels: compiled against the plain one."""

from __future__ import annotations

import numpy as np
import pytest

from tumorsim.lattice import Lattice
from tumorsim.treatments.planning.keep_out import big_vessels
from tumorsim.vessels.graph import Kind, VesselGraph

WIDE = {"planning.big_vessel": 3e-3}


def plain(lattice: Lattice, graph: VesselGraph, least: float) -> np.ndarray:
    """Site by vessel, written out with vectors."""
    away = np.full(lattice.n_sites, np.inf)
    centres = lattice.centres()
    for edge in np.flatnonzero(2.0 * graph.radius >= least):
        a, b = graph.node_pos[graph.tail[edge]], graph.node_pos[graph.head[edge]]
        part = np.clip((centres - a) @ (b - a) / max(float((b - a) @ (b - a)), 1e-30), 0.0, 1.0)
        away = np.minimum(away, np.linalg.norm(centres - a - part[:, None] * (b - a), axis=1) - graph.radius[edge])
    return away


@pytest.mark.parametrize("seed", range(4))
def test_distance_is_that_of_the_plain_version(seed: int) -> None:
    draw = np.random.default_rng(seed)
    lattice = Lattice((11, 14, 9), 2e-3)
    ends = draw.uniform(-25e-3, 25e-3, (12, 3))
    radius = np.append(1e-3, draw.uniform(0.5e-3, 4e-3, 5))
    graph = VesselGraph(ends, np.arange(6), np.arange(6, 12), radius, kind=Kind.VENOUS)
    found = big_vessels(lattice, graph, WIDE)
    assert found is not None and (2 * radius < 3e-3).any()
    assert found == pytest.approx(plain(lattice, graph, 3e-3), abs=1e-15)


def test_without_a_big_vessel_there_is_none() -> None:
    graph = VesselGraph(np.array([[0.0, 0, 0], [1e-2, 0, 0]]), [0], [1], np.array([1e-3]), kind=Kind.VENOUS)
    assert big_vessels(Lattice((4, 4, 4), 1e-3), graph, WIDE) is None
