"""What is reported apart: foci at a reading, and when the first is seen."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tumorsim.anatomy.foci import Foci, no_foci
from tumorsim.outcomes.control import MONTH
from tumorsim.outcomes.distant import distant

DOUBLING = 3 * MONTH
DENSITY = 2e14
SEEN = math.pi / 6 * 10e-3**3 * DENSITY
# the first is seen after 9 months, the second after 30
FOCI = Foci(
    np.array([SEEN / 8, SEEN / 2**10]), np.array([0.04, 0.02]), np.array([True, False]), DOUBLING, SEEN, DENSITY
)


def test_a_focus_counts_from_when_it_is_seen() -> None:
    early = distant(FOCI, 7, round(6 * MONTH), 0)
    assert (early["satellite_cells"], early["foci"], early["visible_foci"]) == (7, 2, 0)
    assert early["foci_cells"] == math.floor(SEEN / 2) + math.floor(SEEN / 2**8)
    assert early["nearest_mm"] == pytest.approx(20) and early["largest_mm"] == pytest.approx(10 / 2 ** (1 / 3))
    assert early["recurrence_12mo"] is None
    later = distant(FOCI, 0, round(30.1 * MONTH), 0)
    assert later["visible_foci"] == 2
    assert (later["recurrence_12mo"], later["recurrence_24mo"], later["recurrence_36mo"]) == (1, 1, None)


def test_months_count_from_the_first_treatment() -> None:
    slow = Foci(FOCI.cells[1:], FOCI.distance[1:], FOCI.spread[1:], DOUBLING, SEEN, DENSITY)
    assert distant(slow, 0, round(40 * MONTH), 0)["recurrence_24mo"] == 0
    assert distant(slow, 0, round(40 * MONTH), round(8 * MONTH))["recurrence_24mo"] == 1


def test_nothing_elsewhere() -> None:
    found = distant(no_foci(), 0, round(13 * MONTH), 0)
    assert found["foci"] == found["foci_cells"] == found["visible_foci"] == found["recurrence_12mo"] == 0
    assert found["nearest_mm"] is None and found["largest_mm"] is None
