"""Paterson and Parker: three quarters of the activity at the periphery, one quarter in the core.

A dosage system for interstitial radium therapy (Paterson and Parker 1938, Br J Radiol 11:252 and 313) parts a volume
into rind and core: of eight parts of the activity a sphere gets six in its rind and two in its core, a cylinder four in
its belt, one in each end and two in its core. Rind, and belt with both ends, hold the same three quarters, so one rule
serves every shape: needles that run near the side are loaded all along, the others at both ends, and sparsely between.
All seeds are alike; what differs is how far they lie apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorsim.treatments.seeds.arrangement import SeedRules
from tumorsim.treatments.seeds.arrangement_view import View, squares

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_FINE = 0.5  # of a site: depths looked at along a needle
_SHIFTS = [(0.0, 0.0), (0.5, 0.5), (0.5, 0.0), (0.0, 0.5)]
_PITCHES = np.concatenate([np.geomspace(1.0, 2.6, 24), [3.2, 4.0, 5.0, 7.0, 10.0]])  # distances of needles tried,
_ALONG = np.concatenate([np.linspace(1.0, 2.4, 8), [4.0, 7.0, 12.0]])  # and along them at the periphery,
_CORE = np.geomspace(1.0, 12.0, 32)  # and in the core, over the least distance
_EVEN, _THINNED = 0.05, 0.5  # weight of uneven distances, and of seeds taken out again, against the share


@dataclass(frozen=True, eq=False)
class _Runs:
    """Ways of needles through the goal, (n,) each: where seeds may lie, and where the core lies (nan: no core)."""

    across: Floats  # (n, 2)
    first: Floats
    last: Floats
    core_first: Floats
    core_last: Floats

    def rim(self, along: float, least: float) -> tuple[NDArray[np.int64], NDArray[np.int64], Mask]:
        """Seeds at the periphery from the near and from the far end, and which needles have a core."""
        length = self.last - self.first
        with_core = ~np.isnan(self.core_first) & (length >= along)
        near = np.where(with_core, np.maximum(self.core_first - self.first, 0.0), length)
        near = np.floor(near / along + 1e-9).astype(np.int64) + 1
        far = np.where(with_core, np.maximum(self.last - self.core_last, 0.0), 0.0)
        far = np.floor(far / along + 1e-9).astype(np.int64) + 1
        gap = length - along * (near - 1) - along * (far - 1)
        far -= np.clip(np.ceil((least - gap) / along - 1e-9).astype(np.int64), 0, far)
        return near, np.where(with_core, far, 0), with_core

    def room(self, along: float, least: float) -> tuple[Floats, Floats]:
        """What is free for the core between the seeds at both ends, (n,) and (n,); last < first: nothing."""
        near, far, with_core = self.rim(along, least)
        low = np.maximum(self.first + along * (near - 1) + least, self.core_first)
        high = np.minimum(self.last - along * (far - 1) - least, self.core_last)
        free = with_core & (far > 0)
        return np.where(free, low, 0.0), np.where(free, high, -1.0)


@dataclass(frozen=True)
class _Loading:
    """Seeds at the periphery and in the core with needles a ``pitch`` apart, seeds ``along`` and ``core`` apart."""

    rim: int
    inner: int
    pitch: float
    shift: tuple[float, float]
    along: float
    core: float


class ShellPattern:
    """All loadings of a goal that are looked at, and how many seeds each has at the periphery and in the core.

    Parameters
    ----------
    view : View
    rules : SeedRules
    """

    def __init__(self, view: View, rules: SeedRules) -> None:
        self.view, self.rules = view, rules
        self._rim = rules.shell * view.deepest
        self._runs: dict[tuple[float, tuple[float, float]], _Runs] = {}
        self._table: list[_Loading] = []
        for pitch in _PITCHES * rules.least:
            for shift in _SHIFTS:
                for along in _ALONG * rules.least:
                    self._table += self._loadings(float(pitch), shift, float(along), _CORE * rules.least)

    def number(self, number: int) -> tuple[Floats, Mask]:
        """Places (number or fewer, 3) and which of them lie at the periphery, of the loading nearest to the rule.

        Of a core that holds a few too many the most crowded are taken out.
        """
        fit = [row for row in self._table if row.rim <= number <= row.rim + row.inner]
        if not fit:
            number = max((row.rim + row.inner for row in self._table if row.rim + row.inner <= number), default=0)
            fit = [row for row in self._table if row.rim + row.inner == number]
        if number == 0 or not fit:
            return np.zeros((0, 3)), np.zeros(0, dtype=bool)
        best = min(fit, key=lambda row: (round(self._worth(row, number), 9), row.pitch, row.shift, row.along, row.core))
        return _thinned(*self._laid(best), number)

    def spacing(self, spacing: float) -> tuple[Floats, Mask]:
        """Places and which lie at the periphery, where needles, and seeds at the periphery, lie so far apart [m]."""
        fit = self._loadings(spacing, _SHIFTS[0], spacing, _CORE * spacing)
        if not fit:
            return np.zeros((0, 3)), np.zeros(0, dtype=bool)
        return self._laid(min(fit, key=lambda row: (round(self._worth(row, row.rim + row.inner), 9), row.core)))

    def _loadings(self, pitch: float, shift: tuple[float, float], along: float, cores: Floats) -> list[_Loading]:
        """Loadings of given needles by the distance in the core, none closer than at the periphery."""
        runs = self._runs_of(pitch, shift)
        if not len(runs.first):
            return []
        near, far, _ = runs.rim(along, self.rules.least)
        rim = int(near.sum() + far.sum())
        low, high = runs.room(along, self.rules.least)
        free = (high - low)[high >= low - 1e-12]
        return [
            _Loading(rim, int((np.floor(free / core + 1e-9) + 1).sum()), pitch, shift, along, float(core))
            for core in cores
            if core >= along - 1e-12
        ]

    def _worth(self, row: _Loading, number: int) -> float:
        even = abs(np.log(row.along / row.pitch)) + abs(np.log(row.core / max(row.pitch, row.along)))
        thinned = (row.rim + row.inner - number) / number
        return float(abs(row.rim / number - self.rules.periphery) + _EVEN * even + _THINNED * thinned)

    def _laid(self, row: _Loading) -> tuple[Floats, Mask]:
        runs = self._runs_of(row.pitch, row.shift)
        near, far, with_core = runs.rim(row.along, self.rules.least)
        low, high = runs.room(row.along, self.rules.least)
        places, outer = [np.zeros((0, 3))], [np.zeros(0, dtype=bool)]
        for n in range(len(near)):
            first, last = float(runs.first[n]), float(runs.last[n])
            if with_core[n]:
                rim = [first + row.along * k for k in range(near[n])] + [last - row.along * k for k in range(far[n])]
            else:  # loaded all along, evenly from end to end
                rim = list(np.linspace(first, last, near[n])) if near[n] > 1 else [0.5 * (first + last)]
            inner: list[float] = []
            if high[n] >= low[n] - 1e-12:
                count = int((high[n] - low[n]) / row.core + 1e-9) + 1
                inner = [0.5 * (low[n] + high[n]) + row.core * (k - 0.5 * (count - 1)) for k in range(count)]
            depths = np.array(rim + inner)
            places.append(np.column_stack([np.tile(runs.across[n], (len(depths), 1)), depths]))
            outer.append(np.arange(len(depths)) < len(rim))
        found, rind = np.concatenate(places), np.concatenate(outer)
        inside = self.view.holds(found)  # between two depths that were looked at, a notch may cut in
        return found[inside], rind[inside]

    def _runs_of(self, pitch: float, shift: tuple[float, float]) -> _Runs:
        if (pitch, shift) not in self._runs:
            self._runs[pitch, shift] = self._found(pitch, shift)
        return self._runs[pitch, shift]

    def _found(self, pitch: float, shift: tuple[float, float]) -> _Runs:
        view = self.view
        step = _FINE * view.lattice.spacing
        half = np.ceil(max(-view.low[2], view.high[2]) / step)
        depths = step * np.arange(-half, half + 1.0)
        across = squares(view, pitch, shift)
        grid = np.empty((len(across), len(depths), 3))
        grid[..., :2], grid[..., 2] = across[:, None, :], depths
        inside = view.holds(grid.reshape(-1, 3)).reshape(len(across), len(depths))
        deep = np.zeros(inside.shape)
        deep[inside] = view.depth(grid[inside])
        found: list[tuple[float, ...]] = []
        for place, row, far in zip(across, inside, deep, strict=True):
            edge = np.flatnonzero(np.diff(np.concatenate([[False], row, [False]]).astype(np.int8)))
            for a, b in zip(edge[::2], edge[1::2] - 1, strict=True):
                inset = min(0.5 * self.rules.length, 0.5 * float(depths[b] - depths[a]))
                first, last = float(depths[a]) + inset, float(depths[b]) - inset
                # two ways of one needle keep their distance too
                if a != edge[0] and first - found[-1][3] < self.rules.least - 1e-12:
                    continue
                core = np.flatnonzero(far[a : b + 1] >= self._rim) + a
                middle = (float(depths[core[0]]), float(depths[core[-1]])) if len(core) else (np.nan, np.nan)
                found.append((float(place[0]), float(place[1]), first, last, *middle))
        table = np.array(found, dtype=np.float64).reshape(-1, 6)
        return _Runs(table[:, :2], table[:, 2], table[:, 3], table[:, 4], table[:, 5])


def _thinned(places: Floats, outer: Mask, number: int) -> tuple[Floats, Mask]:
    """Without the seeds of the core that are too many, each time the one with the most others near."""
    while len(places) > number:
        square = ((places[:, None, :] - places[None, :, :]) ** 2).sum(axis=-1)
        np.fill_diagonal(square, np.inf)
        crowd = np.where(outer, -1.0, np.round((1.0 / square).sum(axis=1) * square.min(), 9))
        gone = int(crowd.argmax())
        places, outer = np.delete(places, gone, axis=0), np.delete(outer, gone)
    return places, outer
