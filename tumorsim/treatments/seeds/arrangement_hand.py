"""Seeds by hand: a list of places, directions and strengths."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.errors import InputError, nearest
from tumorsim.lattice import Lattice
from tumorsim.treatments.planning.needles import Vector, unit, vector
from tumorsim.treatments.seeds.arrangement import Arrangement, SeedRules, SeedTrack

Mask = NDArray[np.bool_]

_KEYS = ("position", "direction", "strength", "needle")


def by_hand(
    lattice: Lattice, seeds: Sequence[Mapping[str, Any]], rules: SeedRules, within: Mask | None = None
) -> Arrangement:
    """Seeds as a list says.

    Parameters
    ----------
    seeds : sequence of mapping
        Each with ``position`` (3 numbers [m]), ``direction`` (3 numbers, not all 0), ``strength`` [U] and, where
        wanted, ``needle``: seeds of the same needle have one direction and lie on one line. One without is alone.
    within : array of bool, shape (sites,), optional
        The body: a seed outside of it is refused; default the box.

    Raises
    ------
    InputError
        Every seed that cannot be used, by its number in the list.
    """
    problems: list[str] = []
    read: list[tuple[str, Vector, Vector, float]] = []
    for n, seed in enumerate(seeds, 1):
        where = f"seeds.list[{n}]"
        problems += [
            f"{where}.{key}: unknown key.{nearest(key, _KEYS)} Allowed: {', '.join(_KEYS)}"
            for key in seed
            if key not in _KEYS
        ]
        place, way = (_three(seed, key, where, problems) for key in ("position", "direction"))
        strength = seed.get("strength")
        if isinstance(strength, bool) or not isinstance(strength, int | float) or not 0.0 < strength < math.inf:
            problems.append(f"{where}.strength: a positive number [U] is due, got {strength}")
            continue
        if place is None or way is None:
            continue
        site = lattice.locate(place)
        if site < 0 or (within is not None and not within[site]):
            shown = ", ".join(f"{1e3 * x:g}" for x in place)
            half = ", ".join(f"{500.0 * x:g}" for x in lattice.size)
            body = f"the box reaches to +-({half}) mm" if site < 0 else "no tissue of the body lies there"
            problems.append(f"{where}.position: ({shown}) mm is outside the body: {body}")
            continue
        read.append((str(seed.get("needle", f"alone {n}")), vector(place), vector(unit(way)), float(strength)))
    problems += _too_near(read, rules)
    tracks = []
    for name in dict.fromkeys(row[0] for row in read):
        mine = [row for row in read if row[0] == name]
        along = np.array(mine[0][2])
        mine.sort(key=lambda row: -float(np.dot(row[1], along)))
        tip = np.array(mine[0][1])
        for _, place_, way_, _ in mine:
            away = tip - np.array(place_)
            if float(np.linalg.norm(np.cross(np.array(way_), along))) > 1e-6 or np.dot(way_, along) < 0.0:
                problems.append(f"seeds.list: the seeds of needle '{name}' have different directions")
                break
            if float(np.linalg.norm(away - (away @ along) * along)) > 1e-6:
                problems.append(f"seeds.list: the seeds of needle '{name}' do not lie on one line")
                break
        tracks.append(
            SeedTrack(
                mine[0][1],
                mine[0][2],
                tuple(row[1] for row in mine),
                tuple(row[2] for row in mine),
                tuple(row[3] for row in mine),
            )
        )
    if problems:
        raise InputError(problems)
    return Arrangement("by hand", tuple(tracks), len(read))


def _too_near(read: Sequence[tuple[str, Vector, Vector, float]], rules: SeedRules) -> list[str]:
    """Seeds that would lie in each other: nearer than one is thick."""
    places = np.array([row[1] for row in read]).reshape(-1, 3)
    found = []
    for n in range(1, len(places)):
        near = np.flatnonzero(np.linalg.norm(places[:n] - places[n], axis=1) < rules.diameter)
        if len(near):
            found.append(
                f"seeds.list: two seeds lie less than {1e3 * rules.diameter:g} mm apart, at "
                f"({', '.join(f'{1e3 * x:g}' for x in places[n])}) mm"
            )
    return found


def _three(seed: Mapping[str, Any], key: str, where: str, problems: list[str]) -> NDArray[np.float64] | None:
    try:
        found = np.asarray(seed[key], dtype=np.float64)
    except (KeyError, TypeError, ValueError):
        found = np.zeros(0)
    if found.shape != (3,) or not np.isfinite(found).all() or (key == "direction" and not found.any()):
        more = " that are not all 0" if key == "direction" else " [m]"
        problems.append(f"{where}.{key}: three numbers{more} are due, got {seed.get(key)}")
        return None
    return found
