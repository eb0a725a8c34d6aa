"""Fewest equal discs over a set of points in the plane: where parallel needles go.

Seen along the needles a target is an area, and what one needle can reach by pull-backs is a disc of the zone's short
axis. The best places of n discs are those of least radius that still covers (for a disc: Fejes Toth 1953, radii 1,
1, 0.866, 0.707, 0.609, 0.556, 0.5 for n = 1 to 7); they are sought from fixed starts by moving every centre a little
towards the farthest of its points (Badoiu and Clarkson 2003 for one; Lloyd's alternation for several).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim._jit import njit

Floats = NDArray[np.float64]

_FIRST, _ROUNDS = 50, 150
_CUTS = 12
_CLOSE = 1.002  # the radius of all points against that of those looked at
_ENOUGH = 0.98  # of the radius there is: no other start is tried
_HOPELESS = 1.15  # of the radius wanted, after the first rounds
_LOOKED_AT = 4000  # points
_BINS = 10  # across the radius of the target


@njit
def _gather(points: Floats, centres: Floats, start: int, rounds: int) -> float:
    """Move centres (n, 2), in place, for some rounds; they end at the best found. Returns the radius there."""
    n, m = centres.shape[0], points.shape[0]
    best = np.inf
    kept = centres.copy()
    far = np.empty(n)
    which = np.empty(n, dtype=np.int64)
    for turn in range(start, start + rounds):
        far[:] = -1.0
        for p in range(m):
            least, owner = np.inf, 0
            for c in range(n):
                d = (points[p, 0] - centres[c, 0]) ** 2 + (points[p, 1] - centres[c, 1]) ** 2
                if d < least:
                    least, owner = d, c
            if least > far[owner]:
                far[owner], which[owner] = least, p
        worst = far.max()
        if worst < best:
            best = worst
            kept[:] = centres
        for c in range(n):
            if far[c] > 0.0:
                step = 1.0 / (turn + 2.0)
                centres[c, 0] += step * (points[which[c], 0] - centres[c, 0])
                centres[c, 1] += step * (points[which[c], 1] - centres[c, 1])
    centres[:] = kept
    return float(np.sqrt(best))


@njit
def _farthest(points: Floats, centres: Floats) -> Any:
    """For every centre the farthest of the points that are nearest to it (-1: none), and how far the worst is."""
    n = centres.shape[0]
    far = np.full(n, -1.0)
    which = np.full(n, -1, dtype=np.int64)
    for p in range(points.shape[0]):
        least, owner = np.inf, 0
        for c in range(n):
            d = (points[p, 0] - centres[c, 0]) ** 2 + (points[p, 1] - centres[c, 1]) ** 2
            if d < least:
                least, owner = d, c
        if least > far[owner]:
            far[owner], which[owner] = least, p
    return which, np.sqrt(far.max())


def outermost(points: Floats) -> Floats:
    """A few hundred of many points (n, 2) [m] that stand for all: of each small square the one farthest out."""
    points = points[:: max(1, len(points) // _LOOKED_AT)]
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0))
    away = points - middle
    size = float(np.sqrt((away**2).sum(axis=1).max())) / _BINS
    if size <= 0.0:
        return points[:1].copy()
    cell = np.floor(away / size + 0.5).astype(np.int64)
    key = cell[:, 0] * (1 << 20) + cell[:, 1]
    order = np.lexsort((np.arange(len(points)), -np.round((away**2).sum(axis=1) / size**2, 9), key))
    first = np.concatenate([[True], np.diff(key[order]) != 0])
    # the border counts most: also the farthest in each of many directions
    turns = np.linspace(0.0, 2.0 * math.pi, 96, endpoint=False)
    extreme = np.argmax(away @ np.stack([np.cos(turns), np.sin(turns)]), axis=0)
    return np.concatenate([points[order[first]], points[np.unique(extreme)]])


def place_discs(points: Floats, few: Floats, count: int, radius: float) -> tuple[Floats, float] | None:
    """Centres of ``count`` equal discs over points, and the radius they need [m].

    Parameters
    ----------
    points : array, shape (n, 2)
        What is to be covered [m].
    few : array, shape (m, 2)
        Those that stand for them at first, by `outermost` [m].
    radius : float
        The radius there is [m]: what will clearly not do is given up early.

    Returns
    -------
    (array of shape (count, 2), float) or None
        None where no start led to discs within ``radius``.
    """
    found: tuple[Floats, float] | None = None
    for start in _starts(few, count):
        if found is not None and found[1] <= _ENOUGH * radius:
            break
        centres = start.copy()
        if _gather(few, centres, 0, _FIRST) > _HOPELESS * radius:
            continue
        for _ in range(_CUTS):
            need = _gather(few, centres, _FIRST // 2, _ROUNDS)
            which, real = _farthest(points, centres)
            if found is None or real < found[1] * (1.0 - 1e-9):
                found = (centres.copy(), float(real))
            if real <= _CLOSE * need or need > radius:
                break
            few = np.concatenate([few, points[which[which >= 0]]])
    return found if found is not None and found[1] <= radius else None


def _starts(points: Floats, count: int) -> list[Floats]:
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0))
    away = points - middle
    if count == 1:
        return [middle[None, :]]
    # along the longer side of the target, so that a plan turns with what it is for
    value, axes = np.linalg.eigh(away.T @ away)
    if value[1] - value[0] < 1e-2 * value[1]:
        axes = np.eye(2)
    size = np.abs(away @ axes).max(axis=0)
    made: list[NDArray[Any]] = []
    for inner, share, phase in ((0, 0.55, 0.0), (0, 0.55, 0.5), (1, 0.7, 0.0), (1, 0.7, 0.5)):
        ring = count - inner
        if ring < 1 or (inner and count < 4):
            continue
        turn = 2.0 * math.pi * (np.arange(ring) + phase) / ring
        circle = share * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        made.append(np.concatenate([np.zeros((inner, 2)), circle]))
    line = np.zeros((count, 2))
    line[:, 1] = (2.0 * np.arange(count) + 1.0) / count - 1.0  # eigh sorts upwards: the longer axis comes last
    made.append(line)
    golden = math.pi * (3.0 - math.sqrt(5.0))
    spiral = np.sqrt((np.arange(count) + 0.5) / count) * 0.9
    wound = golden * np.arange(count)
    made.append(np.stack([spiral * np.cos(wound), spiral * np.sin(wound)], axis=1))
    return [np.asarray(middle + (shape * size) @ axes.T) for shape in made]
