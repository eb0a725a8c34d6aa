"""Time as a count of whole seconds (int64), and the base grid of steps.

Cells live on the base grid. What is delivered, flows or decays inside a step does so at its own exact times:
`subintervals` cuts a step where something begins or ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from tumorsim.errors import InputError

SECONDS_PER_MINUTE = 60
SECONDS_PER_HOUR = 3_600
SECONDS_PER_DAY = 86_400
LATEST = 2**62  # sums of two times stay within int64


class Clock:
    """Position on the base grid.

    Parameters
    ----------
    step : int
        Length of a base step [s].
    until : int
        Time to reach [s]. Steps are always whole: the last one ends at or after ``until``.
    index : int
        Base steps already done.

    Raises
    ------
    InputError
        Where a time is not a whole number of seconds, the step not positive, or the end before the start.
    """

    __slots__ = ("index", "step", "until")

    def __init__(self, step: int, until: int, index: int = 0) -> None:
        problems = [
            f"clock: {name} must be a whole number of seconds, {least} to 2**62, got {value!r}"
            for name, value, least in (("step", step, 1), ("until", until, 0), ("index", index, 0))
            if isinstance(value, bool) or int(value) != value or not least <= value <= LATEST
        ]
        if problems:
            raise InputError(problems)
        self.step, self.until, self.index = int(step), int(until), int(index)

    def __repr__(self) -> str:
        return f"Clock(step={self.step}, until={self.until}, index={self.index})"

    @property
    def now(self) -> int:
        """Time at the start of the coming step [s]: ``index * step``, exact."""
        return self.index * self.step

    @property
    def n_steps(self) -> int:
        """Base steps from 0 to ``until``, the last one counted whole."""
        return -(-self.until // self.step)

    @property
    def end(self) -> int:
        """End of the last step [s]; ``until`` where that is a multiple of the step."""
        return self.n_steps * self.step

    @property
    def done(self) -> bool:
        """True once ``until`` is reached."""
        return self.index >= self.n_steps

    @property
    def span(self) -> tuple[int, int]:
        """Start and end of the coming step [s]."""
        return self.now, self.now + self.step

    def advance(self) -> int:
        """Finish a step; the new time [s]."""
        self.index += 1
        return self.now

    def index_of(self, time: int) -> int:
        """Base step that holds a time: steps own their start, not their end."""
        return time // self.step


def times(first: int, every: int = 0, count: int | None = None, until: int | None = None) -> tuple[int, ...]:
    """Exact times of something repeated: ``first, first + every, ...`` [s].

    Give ``count`` repeats or all up to and with ``until``; neither means once.

    Raises
    ------
    InputError
        Where repeats are asked for without a positive ``every``, or both ends are given.
    """
    if count is not None and until is not None:
        raise InputError("times: give how often or until when, not both")
    if count is None and until is None:
        count = 1
    if every <= 0 and count != 1:
        raise InputError(f"times: repeats need a positive interval, got {every} s")
    if count is None:
        assert until is not None
        count = 0 if until < first else (until - first) // every + 1
    if count < 0:
        raise InputError(f"times: count must be 0 or more, got {count}")
    return tuple(first + every * i for i in range(count))


def subintervals(start: int, end: int, cuts: Iterable[int] = ()) -> tuple[tuple[int, int], ...]:
    """Pieces of ``[start, end)`` between the cuts that lie inside: in order, without gap or overlap.

    Cuts may come unsorted, repeated or from outside; an empty interval has no pieces.
    """
    if end <= start:
        return ()
    marks = [start, *sorted({int(c) for c in cuts if start < c < end}), end]
    return tuple(pairwise(marks))
