"""From a prescription to a number or a strength of seeds, by whatever dose rate is handed in.

The dose rate is a function of points and seeds; a permanent implant gives its initial rate times its mean life in all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, QhullError

from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.treatments.planning.keep_out import Frame
from tumorsim.treatments.seeds.arrangement import Arrangement
from tumorsim.treatments.seeds.arrangement_rules import Arranger
from tumorsim.treatments.seeds.dose import Seeds

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
DoseRate = Callable[[Floats, Seeds], Floats]
"""Dose rate at implantation [Gy/s] at points (n, 3) [m] of all seeds together, (n,)."""

_SAMPLES = 4000  # sites of the goal that stand for it
_SLIVER = 1.25  # a triangle of lines this much wider than the smallest is no cell of the pattern


@dataclass(frozen=True)
class Prescribed:
    """An arrangement made to a prescription.

    ``d90`` is the dose that 90 % of the goal gets in all [Gy], ``reached`` whether it is at least what is prescribed.
    """

    arrangement: Arrangement
    d90: float
    reached: bool


def d90(lattice: Lattice, goal: Mask, seeds: Seeds, dose_rate: DoseRate, life: float) -> float:
    """Dose that at least 90 % of a goal gets in all [Gy], from up to about 4000 of its sites, evenly taken.

    Parameters
    ----------
    goal : array of bool, shape (sites,)
    life : float
        Mean life of the nuclide [s]: half-life over ln 2.
    """
    sites = np.flatnonzero(goal)
    if not len(sites):
        raise InputError("seeds: the goal is empty, so it has no D90")
    if not len(seeds):
        return 0.0
    stride = max(1, math.ceil((len(sites) / _SAMPLES) ** (1.0 / 3.0)))
    even = (lattice.ijk(sites) % stride == 0).all(axis=1)
    sites = sites[even] if even.any() else sites
    dose = np.sort(np.asarray(dose_rate(lattice.centres(sites), seeds)) * life)
    return float(dose[math.floor(0.1 * len(dose))])


def to_prescription(
    arranger: Arranger, dose: float, dose_rate: DoseRate, life: float, *, first: int = 10, most: int = 300
) -> Prescribed:
    """The fewest seeds of an arranger's strength with which 90 % of its goal gets the prescribed dose.

    The number is halved in on from ``first``; as a pattern may serve a little better with one seed fewer, it is the
    fewest only in that one fewer does not do. Where even ``most`` seeds, or all that the pattern can hold, do not do,
    the best found is given and ``reached`` is False.

    Parameters
    ----------
    dose : float
        Prescribed [Gy].
    dose_rate, life
        As in `d90`.

    Raises
    ------
    InputError
        Where dose or life is not positive.
    """
    _positive(dose, life)
    if not arranger.goal.any():
        return Prescribed(Arrangement(arranger.rule, (), 0), 0.0, False)
    known: dict[int, Prescribed] = {}

    def of(number: int) -> Prescribed:
        if number not in known:
            made = arranger.number(number)
            found = d90(arranger.lattice, arranger.goal, made.seeds, dose_rate, life)
            known[number] = Prescribed(made, found, found >= dose)
        return known[number]

    low, high = 0, max(1, min(first, most))
    while not of(high).reached:
        # no more seeds than with half the number: the pattern is full
        full = 0 < of(high).arrangement.n_seeds <= (of(low).arrangement.n_seeds if low else 0)
        if high >= most or full:
            return max(known.values(), key=lambda p: (p.d90, -p.arrangement.n_seeds))
        low, high = high, min(most, 2 * high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if of(middle).reached else (middle, high)
    return of(high)


def basal_points(arrangement: Arrangement) -> Floats:
    """Points between the lines of a Paris arrangement at which its basal dose is read [m], (n, 3).

    In the plane across the needles through the middle of the seeds: the points equally far from the lines of each
    triangle, or square, of neighbours; half way between two lines where there are but two.

    Raises
    ------
    InputError
        Where there are fewer than two lines, or they are not parallel.
    """
    lines = arrangement.tracks
    ways = np.array([line.direction for line in lines]).reshape(-1, 3)
    if len(lines) < 2 or np.abs(np.cross(ways, ways[0])).max() > 1e-9:
        raise InputError(f"seeds: a basal dose needs two parallel lines or more, got {len(lines)}")
    seeds = arrangement.seeds.points
    frame = Frame.along(ways[0], seeds.mean(axis=0))
    depths = frame.split(seeds)[1]
    middle = 0.5 * float(depths.min() + depths.max())
    flat = frame.split(np.array([line.tip for line in lines]))[0]
    try:
        cells = flat[Delaunay(flat).simplices]
    except (QhullError, ValueError):  # two lines, or all in one plane
        order = flat[np.lexsort((flat[:, 1], flat[:, 0]))]
        centres = 0.5 * (order[1:] + order[:-1])
        return frame.place(centres, np.full(len(centres), middle))
    b, c = cells[:, 1] - cells[:, 0], cells[:, 2] - cells[:, 0]
    twice = 2.0 * (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0])
    bb, cc = (b**2).sum(axis=1), (c**2).sum(axis=1)
    away = np.column_stack([c[:, 1] * bb - b[:, 1] * cc, b[:, 0] * cc - c[:, 0] * bb]) / twice[:, None]
    radius = np.sqrt((away**2).sum(axis=1))
    cell = radius <= _SLIVER * radius.min()
    centres = np.unique(np.round((cells[:, 0] + away)[cell], 7), axis=0)  # both halves of a square share theirs
    return frame.place(centres, np.full(len(centres), middle))


def basal_dose(arrangement: Arrangement, dose_rate: DoseRate, life: float) -> float:
    """Mean over the basal points of the dose in all [Gy] (Paris system; Wambersie and Battermann 2002)."""
    return float(np.mean(dose_rate(basal_points(arrangement), arrangement.seeds))) * life


def to_reference(
    arrangement: Arrangement, dose: float, dose_rate: DoseRate, life: float, reference: float
) -> Arrangement:
    """A Paris arrangement with its strengths scaled so that ``reference`` (0.85) of the basal dose is the prescribed.

    Raises
    ------
    InputError
        As `basal_points`, and where dose, life or reference is not positive.
    """
    _positive(dose, life)
    if not 0.0 < reference <= 1.0:
        raise InputError(f"seeds: the reference must be a part of the basal dose, 0 to 1, got {reference}")
    return arrangement.scaled(dose / (reference * basal_dose(arrangement, dose_rate, life)))


def _positive(dose: float, life: float) -> None:
    problems = [
        f"seeds: {name} must be positive, got {value} {unit}"
        for name, value, unit in (("the prescribed dose", dose, "Gy"), ("the mean life", life, "s"))
        if not (math.isfinite(value) and value > 0.0)
    ]
    if problems:
        raise InputError(problems)
