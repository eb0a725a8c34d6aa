"""Which blood keeps residue alive, and what stands in the vessels: pure functions of the state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.vessels.graph import Kind, VesselGraph
from tumorsim.vessels.supply import exchange_inflow

SOURCES = ("hepatic artery", "collateral", "portal", "extrahepatic", "neighbours only")
"""A cell's source is the one that brings its site the most blood; the first of equals."""


def source_of_sites(
    q_arterial: NDArray[Any], q_portal: NDArray[Any], q_extrahepatic: NDArray[Any], collateral: NDArray[Any]
) -> NDArray[np.uint8]:
    """Index into `SOURCES` of every site, (n,) uint8.

    Parameters
    ----------
    q_arterial, q_portal, q_extrahepatic : array, shape (n,)
        Perfusion [1/s].
    collateral : array, shape (n,)
        Share of the arterial perfusion that comes through collaterals [-].
    """
    flows = np.stack(
        [q_arterial * (1.0 - collateral), q_arterial * collateral, q_portal, q_extrahepatic]
    )  # in the order of SOURCES
    best = np.argmax(flows, axis=0).astype(np.uint8)
    best[~(flows.max(axis=0) > 0.0)] = len(SOURCES) - 1
    return best


def collateral_share(graph: VesselGraph, collaterals: NDArray[np.integer], edge_flow: NDArray[np.float64]) -> Any:
    """Share of the arterial inflow of every exchange row that comes through collaterals, (rows,) [-].

    Parameters
    ----------
    collaterals : array of int
        Edges that end at exchange nodes.
    edge_flow : array, shape (edges,)
        [m3/s].
    """
    whole = exchange_inflow(graph, edge_flow, Kind.ARTERIAL)
    row = np.full(graph.n_nodes, -1, dtype=np.int64)
    row[graph.exchange] = np.arange(len(graph.exchange))
    through = np.maximum(edge_flow[collaterals], 0.0)
    part = np.bincount(row[graph.head[collaterals]], through, minlength=len(graph.exchange))
    return np.divide(np.minimum(part, whole), whole, out=np.zeros(len(whole)), where=whole > 0.0)


def residue_by_supply(viable: NDArray[np.integer], source: NDArray[np.uint8]) -> dict[str, int]:
    """Viable cells (n,) by the source (n,) of the blood of their site, every source named."""
    counts = np.bincount(source, weights=viable.astype(np.float64), minlength=len(SOURCES))
    return {name: int(counts[code]) for code, name in enumerate(SOURCES)}


def payload_mg(payload: NDArray[np.floating], drugs: tuple[str, ...]) -> Mapping[str, float]:
    """Drug held in the vessels [mg] by name, from ``payload`` (edges, drugs) [kg]; only those there are."""
    total = payload.sum(axis=0)
    return {name: float(total[i]) * 1e6 for i, name in enumerate(drugs) if total[i] > 0.0}
