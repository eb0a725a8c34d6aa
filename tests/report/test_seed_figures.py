"""Pictures of an implant: what is drawn lies where the dose says, and only that."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from tumorsim.report.seed_figures import ISODOSES, dose_slice, histogram_figure, isodose_signs, slice_of

SVG = re.compile(r"-?\d+\.\d\d -?\d+\.\d\d")


def lines(svg: str, colour: str) -> list[np.ndarray]:
    """Points of every path of a colour."""
    found = [p.get("d") for p in ET.fromstring(svg).iter("path") if p.get("stroke") == colour]
    return [np.array([[float(v) for v in point.split()] for point in SVG.findall(d)]) for d in found]


def cone(n: int = 41, spacing: float = 1.0) -> np.ndarray:
    """Dose that falls straight from 300 Gy in the middle, 10 Gy a mm."""
    x = (np.arange(n) - (n - 1) / 2) * spacing
    return np.maximum(300.0 - 10.0 * np.hypot(x[:, None], x), 0.0)


@pytest.mark.parametrize("spacing", [1.0, 0.5])
def test_isodoses_lie_where_the_dose_is(spacing: float) -> None:
    n = int(40 / spacing) + 1
    half = n * spacing / 2
    svg = dose_slice(cone(n, spacing), spacing, (-half, -half), 150.0, {})
    for level, colour, _ in ISODOSES:
        found = [p for p in lines(svg, colour) if len(p)]
        if level == 2.0:  # only the middle site
            continue
        (points,) = found
        np.testing.assert_allclose(np.hypot(*points.T), 30.0 - 15.0 * level, atol=0.2)
        assert len(points) > 2 * level
        if level >= 1.0:  # wholly in the picture: closed
            np.testing.assert_array_equal(points[0], points[-1])


def test_no_line_where_the_dose_is_not_reached() -> None:
    svg = dose_slice(np.full((9, 9), 100.0), 1.0, (0.0, 0.0), 1000.0, {"tumour": np.zeros((9, 9), bool)})
    assert not any(len(p) for _, colour, _ in ISODOSES for p in lines(svg, colour))


def test_outlines_and_seeds() -> None:
    inside = np.zeros((20, 20), bool)
    inside[5:15, 5:15] = True
    whole = np.ones((20, 20), bool)
    seeds = [((0.0, -2.0), (0.0, 2.0)), ((3.0, 3.0), (3.0, 3.0))]
    svg = dose_slice(cone(20), 1.0, (-10.0, -10.0), 150.0, {"tumour": inside, "wall of gut": whole}, seeds, "a < b")
    (points,) = lines(svg, "#e29ac2")
    assert np.abs(points).max() == pytest.approx(5.0)  # the border of the sites
    (around,) = lines(svg, "#8c5a4f")
    assert np.abs(around).max() == pytest.approx(10.0)
    root = ET.fromstring(svg)
    (spot,) = list(root.iter("circle"))
    assert (spot.get("cx"), spot.get("cy")) == ("3", "3")
    assert root.get("aria-label", "").startswith("a < b; highest ")
    assert sum(p.get("d") == "M0 -2L0 2" for p in root.iter("path")) == 2


def test_a_slice_of_a_box_is_seen_from_one_side() -> None:
    """The picture's x is the first other axis, its y the second, upwards; seeds lie on their own dose."""
    field = np.zeros((6, 8, 10))
    field[4, 6, 7] = 1.0
    place = (np.array([4, 6, 7]) + 0.5 - np.array([6, 8, 10]) / 2)[None] * 1e-3
    for axis in range(3):
        flat, origin, ends = slice_of(field, place, np.array([[0.0, 0.0, 1.0]]), 2e-3, 1e-3, axis, [4, 6, 7][axis])
        row, column = np.argwhere(flat == 1.0)[0]
        assert len(ends) == 1
        middle = np.mean(ends[0], axis=0)
        np.testing.assert_allclose(middle, [origin[0] + column + 0.5, origin[1] + row + 0.5])
        np.testing.assert_allclose(np.abs(np.subtract(*ends[0])), [0, 0] if axis == 2 else [0, 4], atol=1e-12)
    assert slice_of(field, place, np.array([[0.0, 0.0, 1.0]]), 2e-3, 1e-3, 0, 0)[2] == []


def test_histogram() -> None:
    dose = np.linspace(0, 300, 31)
    curves = {"target": (dose, np.clip(2 - dose / 150, 0, 1)), "wall of gallbladder, far": (dose, np.exp(-dose / 20))}
    svg = histogram_figure(curves, 145.0, "D90 165 Gy & more")
    root = ET.fromstring(svg)
    drawn = [p for p in root.iter("path") if p.get("class") == "median c0"]
    points = np.array(
        [[float(v) for v in p.split()] for p in re.findall(r"-?\d+\.\d -?\d+\.\d", drawn[0].get("d", ""))]
    )
    assert len(points) == 31 and (np.diff(points[:, 0]) > 0).all() and (np.diff(points[:, 1]) >= 0).all()
    words = [t.text for t in root.iter("text")]
    assert "prescribed 145 Gy" in words and "target" in words and "90 %" in words
    assert "D90 165 Gy & more" in root.get("aria-label", "")
    assert len(isodose_signs()) == len(ISODOSES)
