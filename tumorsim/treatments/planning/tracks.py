"""Fewest points along given tracks: for one track a problem with an exact answer.

A site at the distance r from a track is held by the zone of a point whose centre lies within b sqrt(1 - (r/a)^2) of
the site's own depth (a, b: half the short and the long axis). So every site gives an interval of depths, and points
are wanted in all of them: the fewest come from taking, again and again, the last allowed depth of the interval that
ends first. Several tracks take turns, each with what the others leave it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorsim._jit import njit
from tumorsim.treatments.planning.keep_out import Frame, Ground
from tumorsim.treatments.planning.zones import Option

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]

_SWEEPS = 3


@dataclass(frozen=True, eq=False)
class Track:
    """A needle's way: its frame, where it lies across [m] (2,), the setting, and where centres may lie.

    ``free`` (depths,) says at which of the evenly spaced ``depths`` [m] the centre of a zone may lie.
    """

    frame: Frame
    across: Floats
    option: Option
    depths: Floats
    free: Mask

    def intervals(self, points: Floats) -> tuple[Ints, Ints]:
        """First and last allowed depth (indices) from which each point (n, 3) [m] is held; none: last < first."""
        across, depth = self.frame.split(points)
        zone = self.option.zone
        a, b = 0.5 * zone.short_axis, 0.5 * zone.long_axis
        square = 1.0 - ((across - self.across) ** 2).sum(axis=1) / a**2
        half = b * np.sqrt(np.maximum(square, 0.0))
        step = self.depths[1] - self.depths[0]
        n = len(self.depths)
        low = np.ceil((depth - half - self.depths[0]) / step - 1e-9).astype(np.int64)
        high = np.floor((depth + half - self.depths[0]) / step + 1e-9).astype(np.int64)
        # to the next allowed depth inwards
        places = np.arange(n)
        after = np.where(self.free, places, n)
        after = np.append(np.minimum.accumulate(after[::-1])[::-1], n)
        before = np.maximum.accumulate(np.where(self.free, places, -1))
        before = np.append(before, -1)
        low = after[np.clip(low, 0, n)]
        high = np.where(high >= 0, before[np.clip(high, -1, n - 1)], -1)
        none = (square < -1e-12) | (high < low)
        return np.where(none, n, low), np.where(none, -1, high)


@njit
def _reached(
    flat: Floats, depth: Floats, across: Floats, free: Mask, first: float, step: float, a: float, b: float
) -> Mask:
    tracks, n = free.shape
    found = np.zeros((tracks, len(depth)), dtype=np.bool_)
    after, before = np.empty(n + 1, dtype=np.int64), np.empty(n + 1, dtype=np.int64)
    for t in range(tracks):
        after[n], before[n] = n, -1
        for at in range(n - 1, -1, -1):
            after[at] = at if free[t, at] else after[at + 1]
        for at in range(n):
            before[at] = at if free[t, at] else (before[at - 1] if at else -1)
        for p in range(len(depth)):
            u, v = flat[p, 0] - across[t, 0], flat[p, 1] - across[t, 1]
            square = 1.0 - (u * u + v * v) / a**2
            if square < -1e-12:
                continue
            half = b * np.sqrt(max(square, 0.0))
            low = int(np.ceil((depth[p] - half - first) / step - 1e-9))
            high = int(np.floor((depth[p] + half - first) / step + 1e-9))
            if high >= 0:
                found[t, p] = before[min(high, n - 1)] >= after[min(max(low, 0), n)]
    return found


def reached(tracks: Sequence[Track], points: Floats) -> Mask:
    """Which points (n, 3) [m] each track can hold, (tracks, n): `Track.intervals` not empty, for all tracks at once.

    The tracks are those of one call of `lay_tracks`: they share frame, setting and depths.
    """
    if not tracks:
        return np.zeros((0, len(points)), dtype=bool)
    one = tracks[0]
    flat, depth = one.frame.split(points)
    return np.asarray(
        _reached(
            np.ascontiguousarray(flat), depth, np.array([t.across for t in tracks]), np.array([t.free for t in tracks]),
            float(one.depths[0]), float(one.depths[1] - one.depths[0]), 0.5 * one.option.zone.short_axis,
            0.5 * one.option.zone.long_axis,
        )
    )  # fmt: skip


def lay_tracks(
    ground: Ground, frame: Frame, across: Floats, option: Option, span: tuple[float, float], step: float
) -> list[Track]:
    """Tracks at places across a direction (n, 2) [m], whose depths reach over ``span`` [m] in steps of ``step`` [m]."""
    half = 0.5 * option.zone.long_axis
    depths = np.arange(span[0] - half, span[1] + half + step, step)
    free = ground.rails(frame, across, depths, option.zone)
    return [Track(frame, place, option, depths, row) for place, row in zip(across, free, strict=True)]


def fewest(low: Ints, high: Ints) -> list[int]:
    """Fewest indices of which at least one lies in every interval (those with high < low are left out)."""
    chosen: list[int] = []
    left = high >= low
    low, high = low[left], high[left]
    while len(low):
        last = int(high.min())
        chosen.append(last)
        left = low > last
        low, high = low[left], high[left]
    return chosen


def place_points(tracks: Sequence[Track], points: Floats, weight: Floats, most: int, each: int) -> list[list[int]]:
    """Fewest centres on tracks so that each point that a track can reach lies in a zone.

    Parameters
    ----------
    tracks : sequence of Track
    points : array, shape (n, 3)
        What is to be covered [m].
    weight : array, shape (n,)
        What each is worth where there are more than ``most`` centres, or than ``each`` on a track: the least worthy
        are then left out.

    Returns
    -------
    list of lists of int
        Indices of depths of each track, ascending.
    """
    spans = [track.intervals(points) for track in tracks]
    width = np.array([high - low for low, high in spans])
    reached = width.max(axis=0) >= 0
    owner = width.argmax(axis=0)
    chosen = [fewest(low[mine], high[mine]) for n, (low, high) in enumerate(spans) for mine in [reached & (owner == n)]]
    for _ in range(_SWEEPS):
        before = [list(c) for c in chosen]
        for n, (low, high) in enumerate(spans):
            rest = reached & ~_held(spans, chosen, skip=n)
            chosen[n] = fewest(low[rest], high[rest])
        if chosen == before:
            break
    for _ in range(_SWEEPS):
        before = [list(c) for c in chosen]
        chosen = _centred(tracks, spans, chosen, reached)
        if chosen == before:
            break
    for n in range(len(tracks)):
        while len(chosen[n]) > each:
            _leave_out_least(spans, chosen, weight, [n])
    while sum(len(c) for c in chosen) > most:
        _leave_out_least(spans, chosen, weight, range(len(tracks)))
    return [sorted(c) for c in chosen]


def held(tracks: Sequence[Track], chosen: Sequence[Sequence[int]], points: Floats) -> Mask:
    """Points (n, 3) that lie in a zone of the chosen centres, (n,)."""
    return _held([track.intervals(points) for track in tracks], chosen)


def _times(spans: Sequence[tuple[Ints, Ints]], chosen: Sequence[Sequence[int]], skip: int = -1) -> Ints:
    total = np.zeros(len(spans[0][0]), dtype=np.int64)
    for n, (low, high) in enumerate(spans):
        if n != skip:
            for at in chosen[n]:
                total += (low <= at) & (at <= high)
    return total


def _held(spans: Sequence[tuple[Ints, Ints]], chosen: Sequence[Sequence[int]], skip: int = -1) -> Mask:
    return _times(spans, chosen, skip) > 0


def _centred(
    tracks: Sequence[Track], spans: Sequence[tuple[Ints, Ints]], chosen: Sequence[Sequence[int]], reached: Mask
) -> list[list[int]]:
    """Every centre in the middle of what only it must hold; those that hold nothing alone are left out."""
    moved = [list(c) for c in chosen]
    times = _times(spans, moved)
    for n, (low, high) in enumerate(spans):
        kept: list[int] = []
        for at in moved[n]:
            mine = (low <= at) & (at <= high)
            alone = mine & (times == 1) & reached
            if not alone.any():
                times = times - mine
                continue
            first, last = int(low[alone].max()), int(high[alone].min())
            free = np.flatnonzero(tracks[n].free[first : last + 1]) + first
            new = int(free[np.argmin(np.abs(2 * free - first - last))])
            times = times - mine + ((low <= new) & (new <= high))
            kept.append(new)
        moved[n] = kept
    return moved


def _leave_out_least(
    spans: Sequence[tuple[Ints, Ints]], chosen: list[list[int]], weight: Floats, among: Iterable[int]
) -> None:
    times = _times(spans, chosen)
    worth = [
        (float(weight[(low <= at) & (at <= high) & (times == 1)].sum()), n, at)
        for n in among
        for low, high in [spans[n]]
        for at in chosen[n]
    ]
    _, n, at = min(worth)
    chosen[n].remove(at)
