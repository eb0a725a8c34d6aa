from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tumorsim.outcomes.harm import burden, closed_share, embolised_ml, liver_killed_ml, non_target_ml
from tumorsim.state import Sizes, State

ML = 1e-6  # m3


def test_liver_killed_sums_the_dead_share_of_liver_only() -> None:
    hazard = np.array([0.0, np.log(2), 50.0, 50.0])
    liver = np.array([True, True, True, False])
    assert liver_killed_ml(hazard, liver, 2 * ML) == pytest.approx(2 * (0.5 + 1.0))


def test_embolised_tissue_lost_most_of_its_arterial_flow() -> None:
    untreated = np.array([1.0, 1.0, 1.0])
    now = np.array([0.1, 0.2, 0.0])
    assert embolised_ml(now, untreated, np.array([True, True, False]), 3 * ML) == pytest.approx(3.0)


def test_burden_counts_sessions_and_days() -> None:
    assert burden([0, 3600, 86_400 * 3], punctures=4) == {
        "sessions": 3.0,
        "punctures": 4.0,
        "treatment_days": 2.0,
    }


def test_other_organs_by_what_is_closed_of_their_beds_and_their_artery() -> None:
    graph = SimpleNamespace(conductance=np.array([np.nan, 1.0, 3.0, 5.0]))
    branch = SimpleNamespace(edge=0, beds=np.array([1, 2]), volume=20 * ML)
    other = SimpleNamespace(edge=0, beds=np.array([3]), volume=7 * ML)
    grown = SimpleNamespace(graph=graph, non_target=[branch, other])
    state = State(Sizes(sites=0, edges=4))
    assert non_target_ml(state, grown) == 0.0  # type: ignore[arg-type]
    state.edge_open[2] = 0.5
    assert closed_share(state, graph, branch) == pytest.approx(3 / 8)  # type: ignore[arg-type]
    assert non_target_ml(state, grown) == pytest.approx(7.5)  # type: ignore[arg-type]
    state.edge_open[0] = 0.0
    assert non_target_ml(state, grown) == pytest.approx(27.0)  # type: ignore[arg-type]
