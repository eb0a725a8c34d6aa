"""Lay seeds into a goal by a rule of the trade, along parallel needles that keep clear of organs and big vessels."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim.errors import InputError, nearest
from tumorsim.lattice import Lattice
from tumorsim.treatments.planning.keep_out import Frame, Ground, KeepOut
from tumorsim.treatments.planning.needles import unit, vector
from tumorsim.treatments.planning.zones import Zone
from tumorsim.treatments.seeds.arrangement import (
    BOX,
    ORGAN,
    RULES,
    SPACING,
    VESSEL,
    Arrangement,
    SeedRules,
    SeedTrack,
)
from tumorsim.treatments.seeds.arrangement_patterns import (
    PLACEMENTS,
    paris_number,
    paris_spacing,
    quimby_number,
    quimby_spacing,
)
from tumorsim.treatments.seeds.arrangement_shell import ShellPattern
from tumorsim.treatments.seeds.arrangement_view import View

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Arranger:
    """Places seeds of one goal by one rule, as often as asked.

    Parameters
    ----------
    lattice : Lattice
        No slab: seeds need room in three dimensions.
    goal : array of bool, shape (sites,)
        Where seeds may lie: an outline and its margin (`planning.cover.with_margin`), or what is left of it after an
        ablation.
    rule : str
        ``quimby``, ``paterson-parker`` or ``paris``.
    strength : float
        Air kerma strength of every seed [U].
    directions : array, shape (n, 3)
        Directions of travel of a needle that are allowed, the preferred first (`planning.directions.fan`).
    rules : SeedRules
    keep_out : KeepOut, optional
        Organs and big vessels with their clearances (`keep_out_of`).
    placement : str
        Of the lines of the Paris system across: ``triangles`` or ``squares``.
    freehand : bool
        Seeds that the parallel needles cannot reach get needles of their own in another of the directions, where one
        reaches them; default all needles are parallel, as on a template.

    Raises
    ------
    InputError
        All that is wrong.
    """

    def __init__(
        self,
        lattice: Lattice,
        goal: Mask,
        rule: str,
        strength: float,
        directions: ArrayLike,
        rules: SeedRules,
        keep_out: KeepOut | None = None,
        placement: str = "triangles",
        freehand: bool = False,
    ) -> None:
        ways = _checked(lattice, goal, rule, strength, directions, placement)
        self.lattice, self.goal, self.rule, self.strength = lattice, np.asarray(goal, dtype=bool), rule, float(strength)
        self.rules, self.placement, self.freehand = rules, placement, freehand
        self._ways = ways
        self._ground = Ground(lattice, keep_out or KeepOut())
        self._views: dict[int, View] = {}
        self._shells: dict[int, ShellPattern] = {}

    def number(self, number: int) -> Arrangement:
        """A number of seeds, or as many of them as have a place; none where the goal is empty.

        The direction is the first of those that leave the fewest out.

        Raises
        ------
        InputError
            Where the number is not a whole number of at least 0.
        """
        if int(number) != number or number < 0:
            raise InputError(f"seeds.number: a whole number of at least 0 is due, got {number}")
        if not self.goal.any() or number == 0:
            return Arrangement(self.rule, (), 0)
        return self._best(lambda n: self._numbered(n, int(number)), int(number))

    def spacing(self, spacing: float) -> Arrangement:
        """As many seeds as the goal holds at a spacing [m]: of the cubes (quimby), of the lines (paris), of needles
        and of seeds at the periphery (paterson-parker).

        Raises
        ------
        InputError
            Where the spacing is below the least distance, or not one the Paris system allows.
        """
        low, high = self.rules.least, math.inf
        if self.rule == "paris":
            low, high = self.rules.line_least, self.rules.line_most
        if not (math.isfinite(spacing) and low - 1e-12 <= spacing <= high + 1e-12):
            upper = "or more" if high == math.inf else f"to {1e3 * high:g} mm"
            raise InputError(f"seeds.spacing: {self.rule} takes {1e3 * low:g} mm {upper}, got {1e3 * spacing:g} mm")
        if not self.goal.any():
            return Arrangement(self.rule, (), 0)
        return self._best(lambda n: self._spaced(n, spacing), None)

    def _best(self, places: Callable[[int], Floats], wanted: int | None) -> Arrangement:
        best: Arrangement | None = None
        for n in range(len(self._ways)):
            found = self._kept(n, places(n), wanted)
            if best is None or sum(found.left_out.values()) < sum(best.left_out.values()):
                best = found
            if not set(best.left_out) - {SPACING}:
                break  # another direction would give no more than this rule can hold
        assert best is not None
        return best

    def _view(self, n: int) -> View:
        if n not in self._views:
            self._views[n] = View(self.lattice, self.goal, self._ways[n])
        return self._views[n]

    def _shell(self, n: int) -> ShellPattern:
        if n not in self._shells:
            self._shells[n] = ShellPattern(self._view(n), self.rules)
        return self._shells[n]

    def _numbered(self, n: int, number: int) -> Floats:
        if self.rule == "quimby":
            return quimby_number(self._view(n), number, self.rules)
        if self.rule == "paris":
            return paris_number(self._view(n), number, self.rules, self.placement)
        return self._shell(n).number(number)[0]

    def _spaced(self, n: int, spacing: float) -> Floats:
        if self.rule == "quimby":
            return quimby_spacing(self._view(n), spacing)
        if self.rule == "paris":
            return paris_spacing(self._view(n), spacing, self.rules, self.placement)
        return self._shell(n).spacing(spacing)[0]

    def _kept(self, n: int, places: Floats, wanted: int | None) -> Arrangement:
        """The arrangement of places (m, 3) in the frame of a direction, without what must be left out."""
        wanted = len(places) if wanted is None else wanted
        left: dict[str, int] = {}
        if wanted > len(places):
            left[SPACING] = wanted - len(places)
        view, along = self._view(n), self._ways[n]
        tracks: list[SeedTrack] = []
        single: list[SeedTrack] = []
        order = np.lexsort((-places[:, 2], places[:, 1], places[:, 0]))
        places = places[order]
        new = np.flatnonzero((np.abs(np.diff(places[:, :2], axis=0)) > 1e-9).any(axis=1)) + 1
        for track in np.split(places, new) if len(places) else ():
            why = self._why_not(view, track)
            kept = track[[not reason for reason in why]]
            if len(kept):
                tracks.append(self._track(view.points(kept), along))
            for place, reason in zip(track, why, strict=True):
                if reason:
                    aside = self._aside(view.points(place[None])[0]) if self.freehand else None
                    if aside is None:
                        left[reason] = left.get(reason, 0) + 1
                    else:
                        single.append(aside)
        tracks += single
        return Arrangement(self.rule, tuple(tracks), wanted, left)

    def _track(self, points: Floats, along: Floats) -> SeedTrack:
        places, direction = tuple(vector(point) for point in points), vector(along)
        return SeedTrack(places[0], direction, places, (direction,) * len(places), (self.strength,) * len(places))

    def _aside(self, point: Floats) -> SeedTrack | None:
        """A needle of its own for a seed at a point [m], in the first direction that reaches it; None: none does."""
        seed = Zone(self.rules.diameter, self.rules.length)
        for way in self._ways:
            if self._ground.rails(Frame.along(way, point), np.zeros((1, 2)), np.zeros(1), seed)[0, 0]:
                return self._track(point[None], way)
        return None

    def _why_not(self, view: View, track: Floats) -> list[str]:
        """Why each seed of a track (m, 3) cannot lie there; an empty text where it can."""
        free = self._free(self._ground, view, track)
        if free.all():
            return [""] * len(track)
        keep = self._ground.keep_out
        bare = self._free(Ground(self.lattice, KeepOut()), view, track)
        organ = self._free(Ground(self.lattice, keep.without("vessel")), view, track)
        return [
            "" if ok else BOX if not in_box else ORGAN if not no_organ else VESSEL
            for ok, in_box, no_organ in zip(free, bare, organ, strict=True)
        ]

    def _free(self, ground: Ground, view: View, track: Floats) -> Mask:
        seed = Zone(self.rules.diameter, self.rules.length)
        depths = track[::-1, 2]
        return np.asarray(ground.rails(view.frame, track[:1, :2], depths, seed)[0][::-1])


def _checked(lattice: Lattice, goal: Mask, rule: str, strength: float, directions: ArrayLike, placement: str) -> Floats:
    problems = []
    if lattice.is_slab:
        problems.append("seeds: an implant has no room in a slab; set tissue.dimensions: 3")
    if np.shape(goal) != (lattice.n_sites,):
        problems.append(f"seeds: the goal has shape {np.shape(goal)}, not ({lattice.n_sites},)")
    if rule not in RULES:
        problems.append(f"seeds.rule: '{rule}' is not known.{nearest(rule, RULES)} Allowed: {', '.join(RULES)}")
    if placement not in PLACEMENTS:
        problems.append(
            f"seeds.placement: '{placement}' is not known.{nearest(placement, PLACEMENTS)} "
            f"Allowed: {', '.join(PLACEMENTS)}"
        )
    if not (math.isfinite(strength) and strength > 0.0):
        problems.append(f"seeds.strength: must be positive, got {strength} U")
    ways = np.atleast_2d(np.asarray(directions, dtype=np.float64))
    if ways.ndim != 2 or ways.shape[1] != 3 or not len(ways):
        problems.append(f"seeds: directions must have shape (n, 3), got {np.shape(directions)}")
    if problems:
        raise InputError(problems)
    return np.array([unit(way) for way in ways])
