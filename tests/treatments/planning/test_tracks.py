"""Tracks asked all at once answer as each does for itself."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tumorsim.treatments.planning.directions import fan
from tumorsim.treatments.planning.keep_out import Frame
from tumorsim.treatments.planning.tracks import Track, reached
from tumorsim.treatments.planning.zones import Option, Zone

WAYS = fan((0.0, -1.0, 0.0), {"planning.fan": 0.7})


@given(
    st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(2, 40), st.floats(8e-3, 50e-3), st.floats(8e-3, 60e-3),
    st.floats(0.0, 1.0),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_many_tracks_reach_what_each_reaches(
    seed: int, way: int, depths: int, short: float, long: float, free: float
) -> None:
    draw = np.random.default_rng(seed)
    frame = Frame.along(WAYS[way], draw.uniform(-5e-3, 5e-3, 3))
    option = Option(60.0, 600.0, Zone(short, long, 5e-3))
    places = np.linspace(-30e-3, 25e-3, depths)
    # on a lattice, as sites are: many lie at the very edge of a zone
    points = 1e-3 * draw.integers(-25, 26, (300, 3)).astype(np.float64)
    tracks = [
        Track(frame, np.round(draw.uniform(-20e-3, 20e-3, 2), 3), option, places, draw.random(depths) < free)
        for _ in range(5)
    ]
    plain = np.array([high >= low for low, high in (track.intervals(points) for track in tracks)])
    assert np.array_equal(reached(tracks, points), plain)


def test_no_track_reaches_nothing() -> None:
    assert reached([], np.zeros((4, 3))).shape == (0, 4)
