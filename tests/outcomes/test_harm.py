from __future__ import annotations

import numpy as np
import pytest

from tumorsim.outcomes.harm import burden, embolised_ml, liver_killed_ml

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
