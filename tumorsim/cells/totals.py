"""What a step of the cells comes to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StepTotals:
    """Counts of all cells after a step (``viable``, ``viable_in_target``, ``doomed``, ``dying``) and what happened.

    ``viable after = viable before - sum(deaths) + births - blocked``: ``blocked`` births found no room.
    ``deaths`` is in the order of ``State.causes``. ``touches_face``: viable cells have reached the box face.
    """

    viable: int
    viable_in_target: int
    dying: int
    deaths: tuple[int, ...]
    births: int
    blocked: int
    touches_face: bool
    doomed: int = 0
