"""From tracks to needles: points settled on every site of the target, and no larger a zone than a point needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tumorsim.lattice import Lattice
from tumorsim.treatments.planning.limits import Limits
from tumorsim.treatments.planning.needles import Needle, Point, covered_sites, vector
from tumorsim.treatments.planning.tracks import Track, place_points
from tumorsim.treatments.planning.zones import Option

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_ROUNDS = 8


def settle(
    lattice: Lattice,
    tracks: Sequence[Track],
    target: Mask,
    sample: NDArray[np.int64],
    weight: Floats,
    limits: Limits,
    options: Sequence[Option],
) -> tuple[Needle, ...]:
    """Needles with the fewest points on given tracks for a target (sites,).

    ``sample`` (n,) are sites that stand for it at first: what a plan for them leaves open joins them. ``weight``
    (sites,) says which points go where ``limits`` allow fewer.
    """
    tracks = [_finer(lattice, track) for track in tracks]
    needles: tuple[Needle, ...] = ()
    for _ in range(_ROUNDS):
        points = lattice.centres(sample)
        chosen = place_points(tracks, points, weight[sample], limits.points, limits.points_each)
        needles = _needles(tracks, chosen)
        left = np.flatnonzero(target & ~covered_sites(lattice, needles))
        if not len(left):
            break
        reached = np.zeros(len(left), dtype=bool)
        for track in tracks:
            low, high = track.intervals(lattice.centres(left))
            reached |= high >= low
        new = np.setdiff1d(left[reached], sample)
        if not len(new):  # out of reach, or given up for want of points
            break
        sample = np.union1d(sample, new)
    return _smaller(lattice, needles, target, options)


def _finer(lattice: Lattice, track: Track) -> Track:
    """The track with depths at least as close as half a site; between two free ones all is taken as free."""
    step = track.depths[1] - track.depths[0]
    parts = int(np.ceil(step / (0.5 * lattice.spacing) - 1e-9))
    if parts <= 1:
        return track
    depths = track.depths[0] + np.arange((len(track.depths) - 1) * parts + 1) * (step / parts)
    place = np.arange(len(depths))
    free = track.free[place // parts] & track.free[-(-place // parts)]
    return replace(track, depths=depths, free=free)


def _needles(tracks: Sequence[Track], chosen: Sequence[Sequence[int]]) -> tuple[Needle, ...]:
    made = []
    for track, places in zip(tracks, chosen, strict=True):
        if not places:
            continue
        deepest = track.depths[places[-1]]
        tip = track.frame.place(track.across, np.array(deepest + track.option.zone.offset))
        points = tuple(Point(float(deepest - track.depths[at]), track.option) for at in reversed(places))
        made.append(Needle(vector(tip), vector(track.frame.axes[2]), points))
    return tuple(made)


def _smaller(
    lattice: Lattice, needles: tuple[Needle, ...], target: Mask, options: Sequence[Option]
) -> tuple[Needle, ...]:
    """Every point with the smallest zone that still holds what it alone holds of the target."""
    if len(options) < 2 or not needles:
        return needles
    times = np.zeros(lattice.n_sites, dtype=np.int16)
    for needle in needles:
        for point in needle.points:
            times += covered_sites(lattice, [_alone(needle, point)])
    smallest_first = sorted(options, key=lambda option: option.zone.volume)
    found = []
    for needle in needles:
        points, tips = [], []
        for point in needle.points:
            mine = covered_sites(lattice, [_alone(needle, point)])
            need = mine & target & (times == 1)
            for option in smallest_first:
                if option.zone.volume >= point.option.zone.volume or not point.option.zone.holds(option.zone):
                    continue
                # the same centre: with a shorter way from centre to tip the needle is drawn back by as much
                back = point.pull_back + point.option.zone.offset - option.zone.offset
                less = covered_sites(lattice, [_alone(needle, Point(back, option))])
                if not (need & ~less).any():
                    times += less.astype(np.int16) - mine
                    point = Point(back, option)
                    break
            points.append(point)
            tips.append(point.pull_back)
        deepest = min(tips)
        tip = vector(np.asarray(needle.tip) - deepest * np.asarray(needle.direction))
        points = [Point(point.pull_back - deepest, point.option) for point in points]
        found.append(Needle(tip, needle.direction, tuple(sorted(points, key=lambda point: point.pull_back))))
    return tuple(found)


def _alone(needle: Needle, point: Point) -> Needle:
    return Needle(needle.tip, needle.direction, (point,))
