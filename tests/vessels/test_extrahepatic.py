"""Arteries from outside the liver: how often, by size and place, and what a scenario can say about them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.anatomy.spec import PLACES
from tumorsim.errors import InputError
from tumorsim.parameters import load_parameters
from tumorsim.vessels.extrahepatic import (
    ARTERY_OF,
    BY_SIZE_AND_PLACE,
    SIDE_OF,
    chance_at,
    chance_by_size,
    parasitic,
    surface_share,
)

PARAMETERS = load_parameters()
SURFACE = [place for place in PLACES if place != "deep"]
# Zhao 2015 Exp Ther Med: longest diameter [m], share of patients with extrahepatic supply, its spread
ZHAO = [(0.025, 0.027, 0.030), (0.04, 0.055, 0.005), (0.06, 0.432, 0.040), (0.08, 0.618, 0.052), (0.10, 0.934, 0.018)]


def test_the_table() -> None:
    for diameter, share, _ in ZHAO:
        assert chance_by_size(diameter, PARAMETERS) == share
    assert [chance_by_size(d, PARAMETERS) for d in (0.005, 0.0199)] == [0.0, 0.0]  # not in the table
    edges = (0.02, 0.0299, 0.03, 0.05, 0.07, 0.09, 0.2)
    assert [chance_by_size(d, PARAMETERS) for d in edges] == [0.027, 0.027, 0.055, 0.432, 0.618, 0.934, 0.934]


def test_share_of_tumours_at_the_surface() -> None:
    liver = (6.0 / np.pi * 1500e-6) ** (1.0 / 3.0)
    assert surface_share(0.0, PARAMETERS) == 0.0
    assert surface_share(0.5 * liver, PARAMETERS) == pytest.approx(1.0 - 0.5**3)
    assert surface_share(liver, PARAMETERS) == surface_share(2 * liver, PARAMETERS) == 1.0


@pytest.mark.parametrize(("diameter", "share", "spread"), ZHAO)
def test_sampling_the_places_gives_the_totals(diameter: float, share: float, spread: float) -> None:
    """Centres evenly in a ball of the liver's volume; those that touch its surface may be fed from outside."""
    rng, n = np.random.default_rng(8), 8000
    radius = 0.5 * (6.0 / np.pi * 1500e-6) ** (1.0 / 3.0)
    centre = radius * rng.random(n) ** (1.0 / 3.0)  # distances from the middle
    at_surface = centre + 0.5 * diameter >= radius
    fed = 0
    for patient, surface in enumerate(at_surface):
        place = SURFACE[patient % 3] if surface else "deep"
        found = parasitic(BY_SIZE_AND_PLACE, place, diameter, 5, patient, PARAMETERS)
        fed += found is not None and found.recruited
    assert fed / n == pytest.approx(share, abs=3.5 * np.sqrt(share * (1 - share) / n))
    assert abs(fed / n - share) < max(spread, 0.015)  # within what was measured


@settings(max_examples=80, deadline=None)
@given(st.floats(1e-3, 0.3))
def test_the_mean_over_places_is_the_total_at_every_size(diameter: float) -> None:
    touching = surface_share(diameter, PARAMETERS)
    for place in SURFACE:
        mean = touching * chance_at(place, diameter, PARAMETERS) + (1 - touching) * chance_at(
            "deep", diameter, PARAMETERS
        )
        assert mean == pytest.approx(chance_by_size(diameter, PARAMETERS), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-3, 0.2), st.floats(1.0, 3.0))
def test_totals_never_fall_with_size(diameter: float, factor: float) -> None:
    assert chance_by_size(diameter * factor, PARAMETERS) >= chance_by_size(diameter, PARAMETERS)


def test_place_decides_the_artery_and_a_deep_tumour_has_none() -> None:
    assert ARTERY_OF == {"dome": "phrenic", "bare area": "phrenic", "anterior-inferior": "omental"}
    for patient in range(20):
        assert parasitic(BY_SIZE_AND_PLACE, "deep", 0.12, 1, patient, PARAMETERS) is None
    for place in SURFACE:
        found = [parasitic(BY_SIZE_AND_PLACE, place, 0.06, 1, patient, PARAMETERS) for patient in range(60)]
        assert all(f is not None and f.name == ARTERY_OF[place] and f.side == SIDE_OF[place] for f in found)
        assert {f.recruited for f in found if f is not None} == {True, False}  # the others are dormant
        assert all(np.linalg.norm(f.side) == pytest.approx(1.0) for f in found if f is not None)
    small = [parasitic(BY_SIZE_AND_PLACE, "dome", 0.015, 1, patient, PARAMETERS) for patient in range(60)]
    assert not any(f is None or f.recruited for f in small)


def test_the_draw_is_the_patients_own_and_more_chance_never_loses_an_artery() -> None:
    def fed(diameter: float, seed: int = 1) -> list[bool]:
        found = [parasitic(BY_SIZE_AND_PLACE, "dome", diameter, seed, p, PARAMETERS) for p in range(200)]
        return [f is not None and f.recruited for f in found]

    assert fed(0.06) == fed(0.06) != fed(0.06, seed=2)
    at = [chance_at("dome", d, PARAMETERS) for d in (0.04, 0.06, 0.10)]
    assert at == sorted(at)
    for smaller, larger in ((0.04, 0.06), (0.06, 0.10)):
        assert all(b or not a for a, b in zip(fed(smaller), fed(larger), strict=True))


def test_what_the_scenario_names_is_there_and_what_it_denies_is_not() -> None:
    for place in PLACES:
        for artery in ("phrenic", "omental"):
            found = parasitic(artery, place, 0.01, 1, 0, PARAMETERS)
            assert found is not None and found.name == artery and found.recruited
            if ARTERY_OF.get(place) == artery:
                assert found.side == SIDE_OF[place]
        assert parasitic("none", place, 0.12, 1, 0, PARAMETERS) is None


def test_unknown_words_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"vessels\.extrahepatic: 'phrenik' .*Did you mean 'phrenic'\? Allowed: by size"
    ):
        parasitic("phrenik", "dome", 0.04, 1, 0, PARAMETERS)
    with pytest.raises(InputError, match=r"tissue\.tumour\.place: 'domed' .*Did you mean 'dome'"):
        parasitic(BY_SIZE_AND_PLACE, "domed", 0.04, 1, 0, PARAMETERS)
    with pytest.raises(InputError, match="bare area"):
        chance_at("bare", 0.04, PARAMETERS)


def test_the_table_can_be_changed() -> None:
    other = load_parameters({"vessels.parasite_chance_2": 0.1, "vessels.parasite_size_3": "45 mm"})
    assert chance_by_size(0.04, other) == 0.1 and chance_by_size(0.046, other) == 0.432
    larger = load_parameters({"vessels.liver_volume": "2000 mL"})
    assert chance_at("dome", 0.06, larger) > chance_at("dome", 0.06, PARAMETERS)  # fewer touch its surface
