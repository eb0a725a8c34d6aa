from __future__ import annotations

import numpy as np

from tumorsim.outcomes.control import MONTH, Reading, complete_response, local_progression, near_border

DAY = 86_400
DUE = 28 * DAY


def readings(*late: tuple[int, bool], now: bool = False) -> list[Reading]:
    return [Reading(DUE, now, now), *(Reading(DUE + d * DAY, seen, seen) for d, seen in late)]


def test_complete_response_needs_its_own_image() -> None:
    assert complete_response(readings(), DUE) is True
    assert complete_response(readings(now=True), DUE) is False
    assert complete_response([], DUE) is None


def test_progression_by_month_and_null_beyond_the_run() -> None:
    seen = readings((90, False), (400, True))
    out = local_progression(seen, DUE, DUE + round(25 * MONTH))
    assert out == {"ltp_12mo": False, "ltp_24mo": True, "ltp_36mo": None}


def test_no_response_no_progression_of_it() -> None:
    out = local_progression(readings((90, True), now=True), DUE, DUE + round(40 * MONTH))
    assert set(out.values()) == {None}


def test_near_border_is_inside_or_within_reach() -> None:
    depth = np.array([5e-3, 0.0, -9e-3, -11e-3])
    assert list(near_border(depth, 10e-3)) == [True, True, True, False]


def test_other_spheres_are_asked_for_by_name() -> None:
    reading = Reading(DUE, False, False, {"3mm": True, "10mm": False})
    assert complete_response([reading], DUE) is True
    assert complete_response([reading], DUE, "3mm") is False
    assert complete_response([reading], DUE, "10mm") is True
