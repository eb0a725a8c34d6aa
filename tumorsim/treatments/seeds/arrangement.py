"""Where seeds lie: what every rule of arrangement returns, and what the rules may do.

A seed has a place, a direction of its axis and an air kerma strength. Seeds of a needle lie along one straight track
and are dropped from the deepest to the shallowest while the needle is drawn back; those of a strand follow a vessel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from tumorsim.errors import InputError
from tumorsim.treatments.planning.keep_out import KeepOut
from tumorsim.treatments.planning.needles import Vector
from tumorsim.treatments.seeds.dose import Seeds

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

RULES = ("quimby", "paterson-parker", "paris")
BECQUEREL_PER_MCI = 3.7e7
GY_M2_PER_S = 1e-6 / 3600.0  # of a U

# why a seed of the pattern was left out
BOX, ORGAN, VESSEL, SPACING = "box", "organ", "vessel", "spacing"


@dataclass(frozen=True)
class SeedTrack:
    """Seeds of one applicator.

    ``tip`` is its deepest place [m], ``direction`` the unit vector in which it was pushed; ``places`` [m], ``axes``
    (unit vectors) and ``strengths`` [U] are those of its seeds, the deepest first; ``way`` is ``needle`` (all places
    lie on the line through the tip) or ``strand`` (they follow a vessel).
    """

    tip: Vector
    direction: Vector
    places: tuple[Vector, ...]
    axes: tuple[Vector, ...]
    strengths: tuple[float, ...]
    way: str = "needle"

    def __post_init__(self) -> None:
        if not len(self.places) == len(self.axes) == len(self.strengths):
            raise InputError(
                f"seeds: a track has {len(self.places)} places, {len(self.axes)} axes, {len(self.strengths)} strengths"
            )

    @property
    def pull_backs(self) -> Floats:
        """How far each seed lies behind the tip along the direction [m], (n,)."""
        away = np.asarray(self.tip) - np.array(self.places).reshape(-1, 3)
        return np.asarray(away @ np.asarray(self.direction))


@dataclass(frozen=True)
class Arrangement:
    """Seeds by track, and why there are not more.

    ``rule`` names what placed them, ``wanted`` is the number asked for, and ``left_out`` how many of these have no
    place, by reason: ``organ`` (too near an organ, or behind it), ``vessel`` (in a big vessel or behind it), ``box``
    (outside the box), ``spacing`` (no pattern with the least distances holds so many in the goal).
    """

    rule: str
    tracks: tuple[SeedTrack, ...]
    wanted: int
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def n_seeds(self) -> int:
        """Seeds of all tracks."""
        return sum(len(track.places) for track in self.tracks)

    @property
    def total_strength(self) -> float:
        """Air kerma strength of all seeds together [U]."""
        return float(sum(sum(track.strengths) for track in self.tracks))

    @property
    def seeds(self) -> Seeds:
        """All seeds as columns, track by track."""
        return Seeds(
            np.array([p for t in self.tracks for p in t.places], dtype=np.float64).reshape(-1, 3),
            np.array([a for t in self.tracks for a in t.axes], dtype=np.float64).reshape(-1, 3),
            np.array([s for t in self.tracks for s in t.strengths], dtype=np.float64),
        )

    def scaled(self, factor: float) -> Arrangement:
        """The same places with every strength ``factor`` times as large; `InputError` unless it is positive."""
        if not (math.isfinite(factor) and factor > 0.0):
            raise InputError(f"seeds: strengths can only be scaled by a positive number, got {factor}")
        tracks = tuple(replace(t, strengths=tuple(s * factor for s in t.strengths)) for t in self.tracks)
        return replace(self, tracks=tracks)


def joined(parts: list[Arrangement], rule: str) -> Arrangement:
    """Several arrangements as one: of the parts of a goal that do not touch, or of needles and a strand."""
    left: dict[str, int] = {}
    for part in parts:
        for why, count in part.left_out.items():
            left[why] = left.get(why, 0) + count
    return Arrangement(rule, tuple(t for p in parts for t in p.tracks), sum(p.wanted for p in parts), left)


@dataclass(frozen=True)
class SeedRules:
    """What the rules keep to.

    ``least`` is the least distance of two seeds, along a track and across [m]; ``line_least`` and ``line_most`` bound
    the distance of the lines of the Paris system [m], ``reference`` is the part of its basal dose that is prescribed
    [-]; ``periphery`` is the part of the activity that Paterson and Parker put at the periphery [-] and ``shell`` how
    thick that is as a part of the depth of the goal [-]; ``length`` and ``diameter`` are a seed's own [m];
    ``strand_distance`` is that of the seeds of a strand (`arrangement_strand`) and ``rim_margin`` the margin below
    which seeds are put beside a treated zone (`arrangement_rim`) [m].
    """

    least: float
    line_least: float
    line_most: float
    reference: float
    periphery: float
    shell: float
    length: float
    diameter: float
    strand_distance: float
    rim_margin: float

    def __post_init__(self) -> None:
        problems = [
            f"seeds: {name} must be a positive length, got {value} m"
            for name, value in (
                ("the least distance", self.least),
                ("the least distance of lines", self.line_least),
                ("the largest distance of lines", self.line_most),
                ("the length of a seed", self.length),
                ("the diameter of a seed", self.diameter),
                ("the distance in a strand", self.strand_distance),
                ("the margin of a rim", self.rim_margin),
            )
            if not (math.isfinite(value) and value > 0.0)
        ]
        if not problems and self.line_most < self.line_least:
            problems.append("seeds: the largest distance of lines is below the least")
        if not problems and self.least < self.length:
            problems.append(f"seeds: a least distance of {self.least} m is less than a seed's length, {self.length} m")
        problems += [
            f"seeds: {name} must lie between 0 and 1, got {value}"
            for name, value in (
                ("the reference part of the basal dose", self.reference),
                ("the part at the periphery", self.periphery),
                ("the thickness of the periphery", self.shell),
            )
            if not 0.0 < value < 1.0
        ]
        if problems:
            raise InputError(problems)

    @classmethod
    def of(cls, parameters: Mapping[str, float]) -> SeedRules:
        """Rules of the parameter table."""
        return cls(
            parameters["seeds.least_distance"],
            parameters["seeds.line_least"],
            parameters["seeds.line_most"],
            parameters["seeds.paris_reference"],
            parameters["seeds.periphery"],
            parameters["seeds.shell"],
            parameters["dose.capsule_length"],
            2.0 * parameters["dose.capsule_radius"],
            parameters["seeds.strand_distance"],
            parameters["seeds.rim_margin"],
        )


def keep_out_of(
    parameters: Mapping[str, float], organ_distance: Floats | None = None, vessel_distance: Floats | None = None
) -> KeepOut:
    """What seeds and their needles keep clear of, with the clearances of the parameter table.

    Parameters
    ----------
    organ_distance, vessel_distance : array, shape (sites,), optional
        Distance to the nearest wall of an organ, and of a big vessel (`planning.keep_out.big_vessels`) [m], negative
        inside.
    """
    return KeepOut(
        organ_distance, vessel_distance, parameters["seeds.organ_clearance"], parameters["planning.needle_clearance"]
    )


def strength_of(activity: float, parameters: Mapping[str, float]) -> float:
    """Air kerma strength [U] of a seed of an apparent activity [Bq] (TG-43: 1.270 U a mCi of I-125).

    Raises
    ------
    InputError
        Where the activity is not positive.
    """
    if not (math.isfinite(activity) and activity > 0.0):
        raise InputError(f"seeds: activity must be positive, got {activity / BECQUEREL_PER_MCI} mCi")
    return activity * parameters["dose.kerma_per_activity"] / GY_M2_PER_S
