"""Categories of response, and what is measured of which lesion."""

from __future__ import annotations

import numpy as np
import pytest

from tumorsim.lattice import Lattice
from tumorsim.outcomes.outline import Present
from tumorsim.outcomes.response import baseline_of, measure, mrecist, recist

MM = 1e-3
LATTICE = Lattice.for_box((80 * MM, 40 * MM, 40 * MM), 1 * MM)
NOW = Present(LATTICE)
RULES = {"gap": 2 * MM, "measurable": 10 * MM}


def ball(diameter: float, x: float = 0.0) -> np.ndarray:
    return np.linalg.norm(LATTICE.centres() - np.array([x * MM, 0, 0]), axis=1) <= diameter / 2 * MM


@pytest.mark.parametrize(
    ("sums", "new", "by_mrecist", "by_recist"),
    [
        ([40.0], False, "SD", "SD"),
        ([28.1], False, "SD", "SD"),
        ([28.0], False, "PR", "PR"),
        ([0.0], False, "CR", "CR"),
        ([0.0], True, "PD", "PD"),
        ([4.0], False, "PR", "CR"),  # what is left of the whole lesion cannot be seen any more
        ([47.9], False, "SD", "SD"),
        ([48.0], False, "PD", "PD"),
        ([20.0, 23.9], False, "PR", "PR"),
        ([20.0, 24.5], False, "PD", "PR"),  # 20 % over the nadir, but by less than 5 mm
        ([20.0, 25.5], False, "PD", "PD"),
        ([0.0, 9.0], False, "PD", "PD"),
        ([40.0], True, "PD", "PD"),
    ],
)
def test_categories(sums: list[float], new: bool, by_mrecist: str, by_recist: str) -> None:
    millimetres = [s * MM for s in sums]
    assert mrecist(40 * MM, millimetres, new) == by_mrecist
    assert recist(40 * MM, millimetres, new, unseen=5 * MM) == by_recist


def test_without_a_target_or_an_image_there_is_no_category() -> None:
    assert mrecist(0.0, [0.0], False) is None and recist(40 * MM, [], False, unseen=0.0) is None


def test_the_two_largest_of_three_nodules_are_followed() -> None:
    nodules = ball(20, -25) | ball(14, 0) | ball(12, 22)
    first = baseline_of(NOW, nodules, nodules, **RULES)
    assert len(first.targets) == 2 and first.outline.sum() == nodules.sum()
    assert first.sizes.viable_sum == pytest.approx(34 * MM, abs=2 * MM)
    assert first.sizes.viable == first.sizes.whole == pytest.approx(20 * MM, abs=1 * MM)
    assert not first.sizes.new
    # the second is dead: mRECIST sees one left, RECIST both; the third is no target
    later = measure(NOW, ball(20, -25) | ball(12, 22), nodules, first, **RULES)
    assert later.viable_sum == pytest.approx(20 * MM, abs=1 * MM) and later.whole_sum == first.sizes.whole_sum
    assert not later.new


def test_a_lesion_too_small_to_measure_is_no_target() -> None:
    small = ball(8)
    first = baseline_of(NOW, small, small, **RULES)
    assert first.targets == () and first.sizes.whole_sum == 0.0 and first.outline.any()


def test_of_a_lesion_in_pieces_the_longest_counts() -> None:
    whole = ball(24)
    first = baseline_of(NOW, whole, whole, **RULES)
    x = LATTICE.centres()[:, 0]
    ends = whole & ((x < -8 * MM) | (x > 4 * MM))
    sizes = measure(NOW, ends, whole, first, **RULES)
    assert sizes.viable_sum == NOW.longest(whole & (x > 4 * MM)) < 24 * MM
    assert sizes.whole_sum == first.sizes.whole_sum and not sizes.new


def test_a_new_region_away_from_every_outline_is_new_from_10_mm() -> None:
    whole = ball(20, -20)
    first = baseline_of(NOW, whole, whole, **RULES)
    for size, new in ((8, False), (12, True)):
        assert measure(NOW, ball(size, 20), whole | ball(size, 20), first, **RULES).new is new
    beside = ball(12, -4)  # grows out of the lesion: no new one, and part of it
    sizes = measure(NOW, beside, whole | beside, first, **RULES)
    assert not sizes.new and sizes.viable_sum > 0
    assert sizes.whole_sum > first.sizes.whole_sum + 4 * MM


def test_a_dark_mass_that_grows_counts_for_recist_only() -> None:
    first = baseline_of(NOW, ball(20), ball(20), **RULES)
    sizes = measure(NOW, ball(20), ball(28), first, **RULES)
    assert sizes.viable_sum == first.sizes.viable_sum
    assert recist(first.sizes.whole_sum, [sizes.whole_sum], sizes.new, unseen=5 * MM) == "PD"
    assert mrecist(first.sizes.viable_sum, [sizes.viable_sum], sizes.new) == "SD"


def test_a_dark_core_belongs_to_the_outline() -> None:
    ring = ball(24) & ~ball(12)
    first = baseline_of(NOW, ring, ring, **RULES)
    assert first.outline[ball(22)].all()
