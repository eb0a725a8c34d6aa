"""Cover an outline and a margin round it with the fewest needles, then the fewest points, from images alone.

Needles of one plan that reaches everything are parallel: seen along them the target is an area, one needle reaches a
disc of its zone's short axis (pull-backs join ellipsoids to a cylinder, Dodd 2001 AJR 177:777), and the fewest discs
are sought (`discs`) for every direction offered; points along the tracks then have an exact answer (`tracks`). Where
organs, big vessels or the limits forbid such a plan, tracks of all directions and settings compete for what is still
uncovered, outline before margin, and the plan says what it leaves and why. Nothing is drawn by lot: of equal plans
the first in the order of directions and options is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.outcomes.outline import Present, crop
from tumorsim.outcomes.zone import margin as least_margin
from tumorsim.treatments.planning.compete import best_tracks, why_missing
from tumorsim.treatments.planning.discs import outermost, place_discs
from tumorsim.treatments.planning.keep_out import Frame, Ground, KeepOut
from tumorsim.treatments.planning.limits import Limits
from tumorsim.treatments.planning.needles import Needle, covered_sites, unit
from tumorsim.treatments.planning.settle import settle
from tumorsim.treatments.planning.tracks import Track, lay_tracks, place_points
from tumorsim.treatments.planning.zones import Option, largest_first

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_SAMPLES = 3000  # sites that stand for the target while plans are compared
_CUTS = 6  # times that sites found uncovered are added to them
_COMPARED = 4  # directions with as few needles that are compared for points: the first, which are preferred
_BETWEEN = 0.15  # of a site
_OUTLINE_FIRST = 100.0  # weight of the outline against the margin


@dataclass(frozen=True, eq=False)
class CoverPlan:
    """Needles and what they are expected to do.

    ``target`` (sites,) is the outline and its margin without what is inside organs, ``sites`` (sites,) the union of
    the expected zones, ``cover_outline`` and ``cover_target`` the shares of both that it holds [-], ``margin`` the
    least signed distance from the outline's border out to the zone's [m] (None without a zone). ``missing`` and
    ``missing_outline`` are the volumes [m3] of target and outline left uncovered, by reason: ``organ`` (a zone that
    holds it would come too near an organ, or it is too near itself), ``vessel`` (the needle would have to cross a big
    vessel), ``box`` (the needle would have to lie outside), ``limit`` (more needles or points would reach it),
    ``worth`` (one more needle would, for too little).
    """

    needles: tuple[Needle, ...]
    outline: Mask
    target: Mask
    sites: Mask
    cover_outline: float
    cover_target: float
    margin: float | None
    missing: Mapping[str, float]
    missing_outline: Mapping[str, float]

    @property
    def n_points(self) -> int:
        """Ablations of all needles."""
        return sum(len(needle.points) for needle in self.needles)

    @property
    def duration(self) -> float:
        """Heating time of all points, one after another [s]."""
        return sum(point.option.duration for needle in self.needles for point in needle.points)


def cover(
    lattice: Lattice,
    outline: Mask,
    options: Sequence[Option],
    directions: ArrayLike,
    limits: Limits,
    keep_out: KeepOut | None = None,
) -> CoverPlan:
    """The fewest needles, then the fewest points, whose zones hold an outline and its margin.

    Parameters
    ----------
    outline : array of bool, shape (sites,)
        What the image shows.
    options : sequence of Option
        Settings offered, each with the zone expected of it.
    directions : array, shape (n, 3)
        Directions of travel of a needle that are allowed, the preferred first (`directions.fan`); brought to length 1.
    limits : Limits
    keep_out : KeepOut, optional

    Returns
    -------
    CoverPlan

    Raises
    ------
    InputError
        Where there is no outline, no option or no direction, or arrays do not fit the lattice.
    """
    ways = _checked(lattice, outline, options, directions)
    ground = Ground(lattice, keep_out or KeepOut())
    target = with_margin(lattice, outline, limits.margin)
    if ground.keep_out.organ_distance is not None:
        target &= outline | (ground.keep_out.organ_distance >= 0.0)
    weight = np.where(outline, _OUTLINE_FIRST, 1.0) * lattice.site_volume
    places = lattice.ijk(np.flatnonzero(target))
    middle = (0.5 * (places.min(axis=0) + places.max(axis=0) - np.array(lattice.shape) + 1)) * lattice.spacing
    frames = [Frame.along(way, middle) for way in ways]
    skin = _skin(lattice, target)
    sample = _sample(lattice, target, skin)
    least, complete = 1, False
    needles: tuple[Needle, ...] = ()
    # where a part may not be held at all, no plan is complete
    rounds = 0 if (target & ground.keep_out.too_near(lattice)).any() else _CUTS
    for _ in range(rounds):
        found = _complete(ground, frames, options, lattice.centres(sample), lattice.centres(skin), limits, least)
        if not found:
            break
        settled = [settle(lattice, tracks, target, sample, weight, limits, options) for tracks in found]
        sizes = [
            (int((target & ~covered_sites(lattice, plan)).sum()), sum(len(needle.points) for needle in plan))
            for plan in settled
        ]
        needles = settled[min(range(len(sizes)), key=lambda n: sizes[n])]
        left = np.flatnonzero(target & ~covered_sites(lattice, needles))
        if not len(left):
            complete = True
            break
        # the sample had a hole: what it missed joins it, and fewer needles than these have failed already
        least = len(found[0])
        more = left[:: max(1, len(left) // 300)]
        sample, skin = np.union1d(sample, more), np.union1d(skin, more)
    if not complete:
        tracks = best_tracks(ground, frames, options, sample, weight, limits.needles, limits.worth)
        needles = settle(lattice, tracks, target, sample, weight, limits, options) if tracks else ()
    return _told(ground, frames, options, limits, outline, target, needles)


def with_margin(lattice: Lattice, outline: Mask, margin: float) -> Mask:
    """Sites of an outline and within ``margin`` [m] of it, centre to centre, (sites,)."""
    found = outline.copy()
    if margin <= 0.0 or not outline.any():
        return found
    rim = int(np.ceil(margin / lattice.spacing)) + 1
    box = crop(lattice, outline, rim=rim)
    away = ndimage.distance_transform_edt(~outline.reshape(lattice.shape)[box]) * lattice.spacing
    found.reshape(lattice.shape)[box] |= away <= margin + 1e-9
    return found


def _checked(lattice: Lattice, outline: Mask, options: Sequence[Option], directions: ArrayLike) -> Floats:
    problems = []
    if np.shape(outline) != (lattice.n_sites,):
        problems.append(f"plan: the outline has shape {np.shape(outline)}, not ({lattice.n_sites},)")
    elif not np.any(outline):
        problems.append("plan: the image shows no tumour, so there is nothing to cover")
    if not options:
        problems.append("plan: no power and duration are offered")
    ways = np.atleast_2d(np.asarray(directions, dtype=np.float64))
    if ways.ndim != 2 or ways.shape[1] != 3 or not len(ways):
        problems.append(f"plan: directions must have shape (n, 3), got {np.shape(directions)}")
    elif lattice.is_slab and np.any(np.abs(ways[:, 2]) > 1e-12):
        problems.append("plan: in a slab a needle lies in the plane: directions must have z = 0")
    if problems:
        raise InputError(problems)
    return np.array([unit(way) for way in ways])


def _skin(lattice: Lattice, target: Mask) -> NDArray[np.int64]:
    """Sites of the target with a face outside of it."""
    box = crop(lattice, target, rim=1)
    inner = target.reshape(lattice.shape)[box]
    border = np.zeros(lattice.shape, dtype=bool)
    faces = ndimage.generate_binary_structure(3, 1)
    if lattice.is_slab:
        faces[:, :, [0, 2]] = False
    border[box] = inner & ~ndimage.binary_erosion(inner, faces, border_value=0)
    return np.flatnonzero(border.reshape(-1))


def _sample(lattice: Lattice, target: Mask, skin: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sites that stand for the target: a coarse grid of it and every few sites of its surface."""
    sites = np.flatnonzero(target)
    if len(sites) <= _SAMPLES:
        return sites
    stride = max(1, int(np.ceil((2.0 * len(sites) / _SAMPLES) ** (1.0 / 3.0))))
    start = lattice.ijk(sites).min(axis=0)
    grid = sites[((lattice.ijk(sites) - start) % stride == 0).all(axis=1)]
    return np.union1d(skin[:: max(1, 2 * len(skin) // _SAMPLES)], grid)


def _complete(
    ground: Ground,
    frames: Sequence[Frame],
    options: Sequence[Option],
    points: Floats,
    skin: Floats,
    limits: Limits,
    least: int,
) -> list[list[Track]]:
    """Tracks of a few plans that reach every point with the fewest needles; the one of the best setting comes first."""
    flat = [frame.split(skin)[0] for frame in frames]
    few = [outermost(places) for places in flat]
    known: dict[tuple[int, int], tuple[Floats, float] | None] = {}
    weight = np.ones(len(points))
    best: tuple[int, int, float] | None = None
    kept: list[list[Track]] = []
    failed: list[Option] = []
    for option in largest_first(options):
        if any(other.zone.holds(option.zone) for other in failed):
            continue
        done = False
        for count in range(least, limits.needles + 1 if best is None else best[0] + 1):
            here: list[list[Track]] = []
            least_key: tuple[int, int, float] | None = None
            for n in range(len(frames)):
                if len(here) == _COMPARED:
                    break
                tracks = _parallel(ground, frames[n], option, points, (flat[n], few[n]), known, (n, count))
                if tracks is None:
                    continue
                sizes = [len(c) for c in place_points(tracks, points, weight, len(points), len(points))]
                total = sum(sizes)
                if total > limits.points or max(sizes) > limits.points_each:
                    continue
                here.append(tracks)
                key = (count, total, option.zone.volume * total)
                least_key = key if least_key is None else min(key, least_key)
            if least_key is not None and (best is None or least_key < best):
                best, kept, done = least_key, here, True
            if best is not None and best[0] <= count:
                break
        if not done:
            failed.append(option)
    return kept


def _parallel(
    ground: Ground,
    frame: Frame,
    option: Option,
    points: Floats,
    seen: tuple[Floats, Floats],
    known: dict[tuple[int, int], tuple[Floats, float] | None],
    key: tuple[int, int],
) -> list[Track] | None:
    """Tracks in one direction, ``key[1]`` of them, that reach every point; None where none were found.

    ``seen`` are the places of its surface across the direction, all (n, 2) and a few that stand for them [m].
    ``known`` are the discs found so far by number of the direction and of discs.
    """
    depth = frame.split(points)[1]
    step = 0.5 * ground.lattice.spacing
    # at the very edge of a disc a single depth would do, which may lie between two that are looked at
    radius = 0.5 * option.zone.short_axis * float(np.sqrt(max(1.0 - (step / option.zone.long_axis) ** 2, 0.0)))
    if key[1] > 1:  # where discs meet, a site may lie between those that are looked at
        radius -= _BETWEEN * ground.lattice.spacing
    if key not in known:
        known[key] = place_discs(*seen, key[1], radius)
    discs = known[key]
    if discs is None or discs[1] > radius:
        return None
    tracks = lay_tracks(ground, frame, discs[0], option, (float(depth.min()), float(depth.max())), step)
    reached = np.zeros(len(points), dtype=bool)
    for track in tracks:
        low, high = track.intervals(points)
        reached |= high >= low
    return tracks if reached.all() else None


def _told(
    ground: Ground,
    frames: Sequence[Frame],
    options: Sequence[Option],
    limits: Limits,
    outline: Mask,
    target: Mask,
    needles: tuple[Needle, ...],
) -> CoverPlan:
    lattice = ground.lattice
    sites = covered_sites(lattice, needles)
    left = np.flatnonzero(target & ~sites)
    sizes = [len(needle.points) for needle in needles]
    full = len(sizes) >= limits.needles or sum(sizes) >= limits.points or max(sizes, default=0) >= limits.points_each
    reason = why_missing(ground, frames, options, left, "limit" if full else "worth")
    missing, of_outline = {}, {}
    for name in dict.fromkeys(reason):
        mine = left[np.array([r == name for r in reason])]
        missing[name] = float(len(mine)) * lattice.site_volume
        if outline[mine].any():
            of_outline[name] = float(outline[mine].sum()) * lattice.site_volume
    return CoverPlan(
        needles,
        outline,
        target,
        sites,
        float((sites & outline).sum() / outline.sum()),
        float((sites & target).sum() / target.sum()),
        least_margin(Present(lattice), sites, outline),
        missing,
        of_outline,
    )
