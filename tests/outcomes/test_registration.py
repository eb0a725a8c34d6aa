from __future__ import annotations

import numpy as np
import pytest

from tumorsim.outcomes.registration import registration_shift

MM = 1e-3


def test_the_mean_distance_is_the_error_and_no_direction_is_preferred() -> None:
    shifts = np.array([registration_shift(7, k, "baseline", 3 * MM) for k in range(3000)])
    assert np.linalg.norm(shifts, axis=1).mean() == pytest.approx(3 * MM, rel=0.03)
    assert np.abs(shifts.mean(axis=0)).max() < 0.15 * MM
    spread = shifts.std(axis=0)
    assert spread.max() / spread.min() < 1.08


def test_in_a_slab_it_lies_in_the_plane() -> None:
    shifts = np.array([registration_shift(7, k, "baseline", 3 * MM, True) for k in range(3000)])
    assert not shifts[:, 2].any()
    assert np.linalg.norm(shifts, axis=1).mean() == pytest.approx(3 * MM, rel=0.03)


def test_it_is_keyed_to_patient_and_examination() -> None:
    one = registration_shift(7, 0, "baseline", 3 * MM)
    assert one == registration_shift(7, 0, "baseline", 3 * MM)
    others = [registration_shift(*key, 3 * MM) for key in ((8, 0, "baseline"), (7, 1, "baseline"), (7, 0, "horizon"))]
    assert len({one, *others}) == 4
    assert registration_shift(7, 0, "baseline", 0.0) == (0.0, 0.0, 0.0)
