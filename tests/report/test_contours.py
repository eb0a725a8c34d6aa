"""Outlines: closed, smooth, and around what is inside."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tumorsim.report.contours import contours, path


def holds(lines, x, y):
    """Whether a point lies inside by the even-odd rule."""
    crossings = 0
    for line in lines:
        for (x0, y0), (x1, y1) in zip(line, np.roll(line, -1, axis=0), strict=True):
            if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
                crossings += 1
    return crossings % 2 == 1


@settings(max_examples=60, deadline=None)
@given(arrays(np.int8, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(-100, 100)))
def test_lines_hold_the_middles_of_exactly_the_pixels_inside(level):
    lines = contours(np.where(level == 0, 1, level))  # a level of 0 puts the line through the middle itself
    for (i, j), value in np.ndenumerate(level):
        assert holds(lines, j + 0.5, i + 0.5) == (value >= 0), (i, j)


def test_a_disc_has_one_line_at_its_radius_with_the_inside_on_the_left():
    i, j = np.indices((41, 41)) + 0.5
    lines = contours(12.3 - np.hypot(i - 20.5, j - 20.5))
    assert len(lines) == 1
    x, y = (lines[0] - 20.5).T
    assert np.abs(np.hypot(x, y) - 12.3).max() < 0.03
    # y points down: a line with the inside on its left has an area below 0
    assert 0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) == pytest.approx(-np.pi * 12.3**2, rel=5e-3)


def test_a_path_is_closed_and_in_the_units_asked_for():
    level = np.full((4, 4), -1.0)
    level[1:3, 1:3] = 1.0
    drawn = path(contours(level), 0.5, -10.0, 5.0)
    assert drawn.count("M") == drawn.count("Z") == 1
    places = np.array([[float(v) for v in p.split()] for p in re.findall(r"[-\d.]+ [-\d.]+", drawn)])
    assert places.min(axis=0).tolist() == [-9.5, 5.5] and places.max(axis=0).tolist() == [-8.5, 6.5]
    assert path(contours(np.full((3, 3), -1.0)), 1.0, 0.0, 0.0) == ""


def test_what_is_no_picture_is_refused():
    with pytest.raises(ValueError, match="rows, columns"):
        contours(np.zeros(4))
