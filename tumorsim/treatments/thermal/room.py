"""Plans that fit into the time there is: a session of heat is booked in one step of the cells' clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from tumorsim import quantity
from tumorsim.treatments.planning.cover import CoverPlan
from tumorsim.treatments.planning.limits import Limits
from tumorsim.treatments.planning.needles import Needle
from tumorsim.treatments.thermal.spec import busy


def seconds(needles: Sequence[Needle], generators: int) -> float:
    """Time of heating until all needles are done [s], each taken by the first generator that is free."""
    return busy([sum(p.option.duration for p in needle.points) for needle in needles], generators) if needles else 0.0


def fitted(
    first: Sequence[Needle],
    cover: Callable[[Limits], CoverPlan],
    limits: Limits,
    duration: float,
    generators: int,
    room: float,
) -> tuple[list[Needle], tuple[str, ...]]:
    """The needles of a plan that takes no longer than there is room, and what was left out for that.

    Where the whole plan takes longer, plans of fewer and fewer points are made until one fits: each is the best of
    its number, as far as `cover` finds it.

    Parameters
    ----------
    first : sequence of Needle
        What is heated before all else (feeders).
    cover : callable
        Makes a plan within limits.
    duration : float
        Of one point [s].
    room : float
        Longest heating [s].

    Returns
    -------
    (list of Needle, tuple of str)
        The second says what was left out, in words; empty where all fits.
    """
    whole = cover(limits)
    needles = [*first, *whole.needles]
    if seconds(needles, generators) <= room:
        return needles, ()
    each = math.floor(room / duration)
    kept = list(first[: each * generators])
    found: CoverPlan | None = None
    for points in range(min(each * generators - len(kept), whole.n_points), 0, -1):
        plan = cover(replace(limits, points=points, points_each=min(each, limits.points_each)))
        if seconds([*kept, *plan.needles], generators) <= room:
            found = plan
            break
    needles = kept if found is None else [*kept, *found.needles]
    wanted, there = whole.n_points + len(first), sum(len(n.points) for n in needles)
    share = 0.0 if found is None else found.cover_target
    words = (
        f"left out for lack of time: {wanted - there} of {wanted} points, since a session lasts at most "
        f"{quantity.format(room, 's', 6)} (a step); the plan covers {share:.0%} instead of {whole.cover_target:.0%}"
    )
    return needles, (words,)
