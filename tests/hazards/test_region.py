from __future__ import annotations

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.hazards.region import Region, triangle
from tumorsim.lattice import Lattice

L = 5e-3


def averages(spacing: float, sites: tuple[int, int, int], seed: int = 1, patient: int = 0) -> np.ndarray:
    region = Region(Lattice(sites, spacing), L)
    return region.averages(region.normal(seed, patient, 0)).reshape(sites)


def coarse(field: np.ndarray, by: int) -> np.ndarray:
    a, b, c = (n // by for n in field.shape)
    return field.reshape(a, by, b, by, c, by).mean(axis=(1, 3, 5))


@pytest.mark.parametrize("spacing,by", [(0.5e-3, 2), (0.25e-3, 4), (0.1e-3, 10)])
def test_every_spacing_sees_the_same_patient(spacing: float, by: int) -> None:
    wide = averages(1e-3, (6, 4, 4))
    assert np.allclose(coarse(averages(spacing, (6 * by, 4 * by, 4 * by)), by), wide, atol=1e-12)


def test_a_larger_box_shows_the_same_places() -> None:
    small, large = averages(1e-3, (6, 6, 6)), averages(1e-3, (12, 10, 8))
    assert np.array_equal(large[3:9, 2:8, 1:7], small)


def test_the_field_is_normal_and_correlated_over_its_length() -> None:
    values = []
    for patient in range(150):
        region = Region(Lattice((8, 1, 1), 1e-3), L)
        values.append(region.normal(3, patient, 0)[::, 0, 0])
    x = np.array(values)
    assert abs(x.mean()) < 0.2 and x.var() == pytest.approx(1.0, abs=0.2)
    r = np.mean([np.mean(x[:, a] * x[:, a + 5]) for a in range(x.shape[1] - 5)])
    assert r == pytest.approx(np.exp(-1), abs=0.15)  # five pitches are one length


@pytest.mark.parametrize("spacing", [20e-6, 0.5e-3, 1e-3, 2e-3, 5e-3, 9e-3])
@pytest.mark.parametrize("variance", [0.0, 0.09, 1.0])
def test_the_variance_of_an_average_is_that_of_many_draws_and_falls_with_the_site(
    spacing: float, variance: float
) -> None:
    region = Region(Lattice((2, 1, 1), spacing), L)
    found = region.variance(variance)
    assert found == 0.0 if variance == 0.0 else found <= variance * (1 + 1e-12)
    assert region.variance(variance) >= Region(Lattice((2, 1, 1), 2 * spacing), L).variance(variance)
    if variance == 0.09 and spacing >= 1e-3:
        s2 = np.log1p(variance)
        drawn = np.array([
            region.averages(np.exp(np.sqrt(s2) * region.normal(9, patient, 0) - s2 / 2)) for patient in range(400)
        ])  # fmt: skip
        assert drawn.var() == pytest.approx(found, rel=0.25)
        assert drawn.mean() == pytest.approx(1.0, abs=0.05)


def test_a_point_has_the_whole_variance() -> None:
    assert Region(Lattice((3, 3, 3), 1e-6), L).variance(0.25) == pytest.approx(0.25, rel=1e-12)


def test_too_short_a_length_is_refused() -> None:
    with pytest.raises(InputError, match="too short for this box; allowed from about"):
        Region(Lattice((70, 70, 70), 1e-3), 0.2e-3)
    with pytest.raises(InputError, match="positive"):
        Region(Lattice((7, 7, 7), 1e-3), 0.0)


def test_impossible_correlations_are_refused() -> None:
    with pytest.raises(InputError, match="correlated"):
        triangle([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
