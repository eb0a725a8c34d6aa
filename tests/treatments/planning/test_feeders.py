"""Feeding arteries are met at the border of the tumour, the one that brings most first."""

from __future__ import annotations

import numpy as np
import pytest

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.outcomes.imaging import Image, SeenArtery
from tumorsim.parameters import load_parameters
from tumorsim.treatments.planning.directions import fan
from tumorsim.treatments.planning.feeders import feeders_first
from tumorsim.treatments.planning.keep_out import KeepOut, big_vessels
from tumorsim.treatments.planning.zones import Option, Zone
from tumorsim.vessels.graph import VesselGraph

MM = 1e-3
P = load_parameters()
FAN = fan((0.0, -1.0, 0.0), P)
LATTICE = Lattice.for_box(60 * MM, 1 * MM)
OUTLINE = np.linalg.norm(LATTICE.centres(), axis=1) <= 10 * MM
OPTION = Option(40.0, 120.0, Zone(16 * MM, 22 * MM, 4 * MM))
GRAPH = VesselGraph(
    node_pos=np.array([[-25, 0, 0], [0, 0, 0], [0, 0, 25], [0, 0, 4], [20, -25, 0], [20, 25, 0]]) * MM,
    tail=np.array([0, 2, 4]),
    head=np.array([1, 3, 5]),
    radius=np.array([0.5, 0.6, 2.5]) * MM,
)


def image(*arteries: SeenArtery) -> Image:
    return Image(OUTLINE, OUTLINE.sum() * LATTICE.site_volume, 0.02, arteries)


LEFT = SeenArtery("feeder_1", 0, 1.0 * MM, 5, 0.3)
ABOVE = SeenArtery("feeder_2", 1, 1.2 * MM, 8, 0.6)


def test_the_place_is_where_the_artery_meets_the_tumour() -> None:
    found = feeders_first(LATTICE, image(LEFT, ABOVE), GRAPH, OUTLINE, OPTION, FAN)
    assert [t.artery.name for t in found] == ["feeder_2", "feeder_1"]
    assert found[0].position == pytest.approx((0.0, 0.0, 10 * MM), abs=1 * MM)
    assert found[1].position == pytest.approx((-10 * MM, 0.0, 0.0), abs=1 * MM)
    for target in found:
        needle = target.needle
        assert target.reason is None and needle is not None
        assert needle.centre(needle.points[0]) == pytest.approx(target.position)
        assert needle.direction == pytest.approx(tuple(FAN[0]))
    assert [t.reason for t in feeders_first(LATTICE, image(LEFT, ABOVE), GRAPH, OUTLINE, OPTION, FAN, most=1)] == [
        None,
        "needles",
    ]
    assert feeders_first(LATTICE, image(), GRAPH, OUTLINE, OPTION, FAN) == ()


def test_what_is_in_the_way_is_named() -> None:
    sheet = np.abs(LATTICE.centres()[:, 1] + 15 * MM) - 2 * MM
    keep = KeepOut(vessel_distance=sheet)
    assert [t.reason for t in feeders_first(LATTICE, image(LEFT), GRAPH, OUTLINE, OPTION, FAN, keep)] == ["vessel"]
    keep = KeepOut(organ_distance=LATTICE.centres()[:, 0] + 15 * MM, organ_clearance=5 * MM)
    found = feeders_first(LATTICE, image(LEFT, ABOVE), GRAPH, OUTLINE, OPTION, FAN, keep)
    assert [t.reason for t in found] == [None, "organ"]


def test_big_vessels_are_known_by_their_width() -> None:
    away = big_vessels(LATTICE, GRAPH, P)
    assert away is not None
    centres = LATTICE.centres()
    due = np.hypot(centres[:, 0] - 20 * MM, centres[:, 2]) - 2.5 * MM
    inner = np.abs(centres[:, 1]) <= 25 * MM
    assert away[inner] == pytest.approx(due[inner], abs=1e-12)
    assert big_vessels(LATTICE, GRAPH, P.with_overrides({"planning.big_vessel": "5.1 mm"})) is None


def test_strange_arteries_are_refused() -> None:
    with pytest.raises(InputError, match="no edge"):
        feeders_first(LATTICE, image(SeenArtery("x", 9, 1e-3, 0, 1.0)), GRAPH, OUTLINE, OPTION, FAN)
    with pytest.raises(InputError, match="no tumour"):
        feeders_first(LATTICE, image(LEFT), GRAPH, np.zeros_like(OUTLINE), OPTION, FAN)
