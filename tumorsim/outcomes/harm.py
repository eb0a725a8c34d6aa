"""Harm: a vector, never a weighted sum. Liver lost, liver embolised without need, burden on the patient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.state import State
from tumorsim.vessels.graph import VesselGraph

if TYPE_CHECKING:
    from tumorsim.vessels.growth import GrownVessels

ML = 1e6  # mL in a m3


def liver_killed_ml(hazard: NDArray[np.floating], liver: NDArray[np.bool_], site_volume: float) -> float:
    """Liver killed [mL]: sum of (1 - exp(-H)) x volume over the sites that were liver at the start.

    Parameters
    ----------
    hazard : array, shape (sites,)
        Cumulative hazard H of the liver [-].
    liver : array of bool, shape (sites,)
        Liver before treatment; tumour that grows later displaces liver, which is not killing it.
    site_volume : float
        [m3].
    """
    return float(np.sum(-np.expm1(-hazard[liver]))) * site_volume * ML


def embolised_ml(
    q_arterial: NDArray[np.floating],
    untreated: NDArray[np.floating],
    tissue: NDArray[np.bool_],
    site_volume: float,
    share: float = 0.15,
) -> float:
    """Tissue [mL] that keeps less than ``share`` of its untreated arterial flow (sites,) [1/s]."""
    lost = tissue & (q_arterial < share * untreated)
    return float(lost.sum()) * site_volume * ML


def closed_share(state: State, graph: VesselGraph, branch: Any) -> float:
    """Share of the way to an organ that beads, gelatin and oil have closed [-]: of its beds and their artery.

    Parameters
    ----------
    branch
        A `tumorsim.vessels.growth.NonTarget`: its artery ``edge`` and the ``beds`` behind it.
    """
    g = graph.conductance[branch.beds]
    open_ = float((g * state.edge_open[branch.beds]).sum() / g.sum()) * float(state.edge_open[branch.edge])
    return max(0.0, 1.0 - open_)


def non_target_ml(state: State, grown: GrownVessels) -> float:
    """Tissue of organs outside the liver (gallbladder, stomach) whose arterioles are closed [mL].

    The volume an artery supplies times the share of its beds that is closed; liver beyond the plan is counted
    by `embolised_ml`.
    """
    return sum(closed_share(state, grown.graph, branch) * branch.volume for branch in grown.non_target) * ML


def burden(times: Iterable[int], punctures: int) -> dict[str, float]:
    """Sessions, punctures and days of treatment of an arm; ``times`` [s] of what was delivered."""
    times = list(times)
    return {
        "sessions": float(len(times)),
        "punctures": float(punctures),
        "treatment_days": float(len({t // 86_400 for t in times})),
    }
