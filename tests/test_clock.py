"""Whole seconds, whole steps, and cuts that lose no time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumorsim.clock import LATEST, SECONDS_PER_DAY, Clock, subintervals, times
from tumorsim.errors import InputError


def test_a_run() -> None:
    clock = Clock(step=3600, until=SECONDS_PER_DAY)
    assert (clock.n_steps, clock.now, clock.index, clock.done) == (24, 0, 0, False)
    assert clock.span == (0, 3600)
    seen = []
    while not clock.done:
        seen.append(clock.span)
        clock.advance()
    assert (clock.now, clock.index) == (SECONDS_PER_DAY, 24)
    assert seen[0][0] == 0
    assert [a for a, _ in seen[1:]] == [b for _, b in seen[:-1]]


def test_the_last_step_is_whole() -> None:
    clock = Clock(step=7 * 3600, until=SECONDS_PER_DAY)
    assert (clock.n_steps, clock.end) == (4, 28 * 3600)
    assert Clock(7, 21).end == 21
    assert Clock(7, 0).n_steps == 0
    assert Clock(7, 0).done


def test_resumed_from_its_index() -> None:
    clock = Clock(10, 100, index=4)
    assert clock.now == 40
    assert clock.index_of(49) == 4
    assert clock.index_of(50) == 5


def test_no_drift_over_a_century() -> None:
    clock = Clock(360, 100 * 365 * SECONDS_PER_DAY)
    clock.index = clock.n_steps
    assert clock.now == clock.until
    assert isinstance(clock.now, int)


@pytest.mark.parametrize(
    ("step", "until", "index"),
    [(0, 10, 0), (-1, 10, 0), (1, -1, 0), (1.5, 10, 0), (1, 10, -1), (1, LATEST + 1, 0), (True, 1, 0)],
)
def test_refused(step, until, index) -> None:
    with pytest.raises(InputError, match="whole number of seconds"):
        Clock(step, until, index)


def test_times() -> None:
    assert times(5) == (5,)
    assert times(5, 7, count=3) == (5, 12, 19)
    assert times(5, 7, until=19) == (5, 12, 19)
    assert times(5, 7, until=18) == (5, 12)
    assert times(5, 7, until=4) == ()
    assert times(5, 7, count=0) == ()
    for wrong in (
        {"every": 0, "count": 2},
        {"every": 0, "until": 9},
        {"every": 1, "count": 1, "until": 9},
        {"every": 1, "count": -1},
    ):
        with pytest.raises(InputError, match="times"):
            times(0, **wrong)


def test_subintervals() -> None:
    assert subintervals(0, 10) == ((0, 10),)
    assert subintervals(0, 10, [7, 3, 3, 0, 10, -5, 20]) == ((0, 3), (3, 7), (7, 10))
    assert subintervals(5, 5, [5]) == ()


@given(st.integers(0, 1000), st.integers(0, 1000), st.lists(st.integers(-10, 2010)))
def test_pieces_cover_the_step_exactly(start: int, length: int, cuts: list[int]) -> None:
    pieces = subintervals(start, start + length, cuts)
    assert sum(b - a for a, b in pieces) == length
    assert [t for piece in pieces for t in range(*piece)] == list(range(start, start + length))
    inside = {c for c in cuts if start < c < start + length}
    assert inside == {a for a, _ in pieces[1:]}
