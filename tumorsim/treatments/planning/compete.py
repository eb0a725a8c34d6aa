"""Tracks that compete for what can be covered, where not all can be; and why a site is left.

Candidates lie on a grid across every direction, for every setting. The one that covers most of what is still
uncovered is taken, until the needles are used up or one more is not worth it; then each is exchanged for a better one
as long as there is one (greedy cover with exchange; Nemhauser 1978: at least 63 % of the best that many can do).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tumorsim.treatments.planning.keep_out import Frame, Ground
from tumorsim.treatments.planning.tracks import Track, lay_tracks, reached
from tumorsim.treatments.planning.zones import Option, largest_first

Floats = NDArray[np.float64]

_POINTS = 1500  # that stand for what is to be covered
_PER_RADIUS = 2.5  # candidates across the radius of a zone
_DEPTHS = 16  # places along half a zone
_EXCHANGES = 4
_ASKED = 250  # sites left that are asked for their reason; the others go with the nearest


def best_tracks(
    ground: Ground,
    frames: Sequence[Frame],
    options: Sequence[Option],
    sites: NDArray[np.int64],
    weight: Floats,
    most: int,
    worth: float,
) -> list[Track]:
    """Tracks that together reach most.

    Parameters
    ----------
    sites : array of int, shape (n,)
        What stands for the target.
    weight : array, shape (all sites,)
        What a site is worth [m3].
    most : int
        Needles there may be.
    worth : float
        Least weight that one more must add [m3].
    """
    sites = sites[:: max(1, len(sites) // _POINTS)]
    points = ground.lattice.centres(sites)
    # a coarse sample stands for all sites: each of its sites for several
    value = weight[sites] * _share(ground, sites)
    candidates: list[Track] = []
    rows: list[NDArray[np.bool_]] = []
    for tracks in _candidates(ground, frames, options, points):
        for track, row in zip(tracks, reached(tracks, points), strict=True):
            if row.any():
                candidates.append(track)
                rows.append(row)
    if not candidates:
        return []
    reach = np.array(rows, dtype=np.float32)  # 0 or 1: as numbers, for sums
    chosen: list[int] = []
    while len(chosen) < most:
        new, gain = _most(reach, value, chosen)
        if gain <= 0.0 or gain < worth:
            break
        chosen.append(new)
    for _ in range(_EXCHANGES):
        before = list(chosen)
        for n in range(len(chosen)):
            others = chosen[:n] + chosen[n + 1 :]
            rest = value * (reach[others].max(axis=0, initial=0.0) == 0.0)
            new, gain = _most(reach, value, others)
            if gain > float(rest @ reach[chosen[n]]) * (1.0 + 1e-5):
                chosen[n] = new
        if chosen == before:
            break
    return [candidates[n] for n in chosen]


def _share(ground: Ground, sites: NDArray[np.int64]) -> Floats:
    """Sites that each of a sample stands for: those nearest to it, about."""
    away = cKDTree(ground.lattice.centres(sites)).query(ground.lattice.centres(sites), k=2)[0][:, 1]
    return np.asarray(np.maximum(away / ground.lattice.spacing, 1.0) ** (2 if ground.lattice.is_slab else 3))


def _most(reach: NDArray[np.float32], value: Floats, chosen: Sequence[int]) -> tuple[int, float]:
    rest = value if not len(chosen) else value * (reach[list(chosen)].max(axis=0) == 0.0)
    gain = reach @ rest.astype(np.float32)
    best = int(np.argmax(np.round(gain / max(float(value.sum()), 1e-300), 6)))
    return best, float(gain[best])


def _candidates(
    ground: Ground, frames: Sequence[Frame], options: Sequence[Option], points: Floats
) -> Iterator[list[Track]]:
    """Tracks of each setting and direction."""
    for option in largest_first(options):
        for frame in frames:
            places, span = _places(ground, frame, option, points)
            yield lay_tracks(ground, frame, places, option, span, 0.5 * option.zone.long_axis / _DEPTHS)


def _places(ground: Ground, frame: Frame, option: Option, points: Floats) -> tuple[Floats, tuple[float, float]]:
    flat, depth = frame.split(points)
    pitch = 0.5 * option.zone.short_axis / _PER_RADIUS
    low, high = flat.min(axis=0), flat.max(axis=0)
    middle = 0.5 * (low + high)
    ticks = [
        middle[axis] + pitch * np.arange(-n, n + 1)
        for axis in (0, 1)
        for n in [int(np.ceil(0.5 * (high[axis] - low[axis]) / pitch)) + 1]
    ]
    if ground.lattice.is_slab:
        ticks = [tick if np.ptp(flat[:, axis]) > 1e-12 else middle[axis : axis + 1] for axis, tick in enumerate(ticks)]
    u, v = np.meshgrid(*ticks, indexing="ij")
    places = np.stack([u.ravel(), v.ravel()], axis=1)
    near = cKDTree(flat).query(places, distance_upper_bound=0.5 * option.zone.short_axis)[0]
    return places[np.isfinite(near)], (float(depth.min()), float(depth.max()))


def why_missing(
    ground: Ground,
    frames: Sequence[Frame],
    options: Sequence[Option],
    left: NDArray[np.int64],
    otherwise: str,
) -> list[str]:
    """Why each site (n,) is not covered: ``organ``, ``vessel``, ``box``, or ``otherwise``: a track reaches it."""
    if not len(left):
        return []
    asked = left[:: max(1, len(left) // _ASKED)]
    points = ground.lattice.centres(asked)
    reason = np.full(len(asked), "box", dtype=object)
    keep = ground.keep_out
    reason[keep.too_near(ground.lattice)[asked]] = "organ"
    unsolved = np.flatnonzero(reason != "organ")
    # from all restrictions to none: the first that is lifted in time gives the reason
    for name, kept in (
        (otherwise, keep),
        ("vessel", keep.without("vessel")),
        ("organ", keep.without("organ")),
        ("organ", keep.without("organ").without("vessel")),
    ):
        if not len(unsolved) or (name == "vessel" and keep.vessel_distance is None):
            continue
        if name == "organ" and keep.organ_distance is None:
            continue
        for tracks in _candidates(Ground(ground.lattice, kept), frames, options, points[unsolved]):
            held = reached(tracks, points[unsolved]).any(axis=0)
            reason[unsolved[held]] = name
            unsolved = unsolved[~held]
            if not len(unsolved):
                break
    nearest = cKDTree(points).query(ground.lattice.centres(left))[1]
    return [str(r) for r in reason[nearest]]
