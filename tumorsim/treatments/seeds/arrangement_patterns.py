"""The patterns of the Quimby and the Paris system, laid into a goal so that they hold a number of seeds.

Quimby (1944, Am J Roentgenol 52:479): the same activity at the corners of equal cubes, hot in the middle. Paris
(Pierquin and Dutreix 1966; Wambersie and Battermann, GEC ESTRO handbook 2002): equal lines, parallel, equidistant, in
triangles or squares, centres in one plane; here a line is a row of seeds as close as may be.

A pattern of a given number is sought in a fixed order: those that lie symmetrically about the middle of the goal
first, the spacing nearest to what the volume asks for first, then a few that are moved. Where none has the number, the
one with the most seeds below it is taken, and the rest is said to be left out for spacing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tumorsim.treatments.seeds.arrangement import SeedRules
from tumorsim.treatments.seeds.arrangement_view import View, rows, squares, steps, triangles

Floats = NDArray[np.float64]

_HALVES = [(a, b, c) for c in (0.0, 0.5) for b in (0.0, 0.5) for a in (0.0, 0.5)]
_MOVED = 20  # shifts tried where no symmetric pattern has the number
_SPREAD = np.geomspace(0.70, 1.45, 76)  # spacings tried, over that which the volume asks for
PLACEMENTS = ("triangles", "squares")


def quimby_spacing(view: View, spacing: float) -> Floats:
    """Places (n, 3) of a cubic lattice of a spacing [m] about the middle of the goal."""
    return _cubic(view, spacing, (0.0, 0.0, 0.0))


def quimby_number(view: View, number: int, rules: SeedRules) -> Floats:
    """Places (number or fewer, 3) of a cubic lattice that holds a number of seeds."""
    natural = (view.volume / number) ** (1.0 / 3.0)
    tried = np.maximum(natural * _SPREAD, rules.least)
    spacings = sorted(set(tried.tolist()), key=lambda s: (abs(np.log(s / natural)), s))
    return _first_with(number, (partial(_cubic, view, s, t) for s, t in _orders(spacings)))


def paris_spacing(view: View, spacing: float, rules: SeedRules, placement: str) -> Floats:
    """Places (n, 3) of rows of seeds, as close as may be, at a distance of lines [m]."""
    return _lines(view, spacing, rules.least, (0.0, 0.0, 0.0), placement)


def paris_number(view: View, number: int, rules: SeedRules, placement: str) -> Floats:
    """Places (number or fewer, 3) of lines of seeds that hold a number of seeds.

    The lines lie as close as the system allows and the number asks for, seeds in a line as close as may be; where that
    would part the lines by more than the system allows, seeds in a line lie further apart.
    """
    area = np.sqrt(3.0) / 2.0 if placement == "triangles" else 1.0
    closest, widest = rules.line_least, rules.line_most

    def tries() -> Iterator[Callable[[], Floats]]:
        pairs = []
        for along in np.arange(rules.least, widest + 1e-9, 0.1 * rules.least):
            natural = float(np.sqrt(view.volume / (number * along * area)))
            for s in natural * _SPREAD[::2]:
                if closest - 1e-9 <= s <= widest + 1e-9 and along <= s + 1e-9:
                    pairs.append((round(float(along / rules.least), 6), abs(float(np.log(s / natural))), float(s)))
        pairs += [(1.0, 9.0, closest)]
        far = max(widest, float(view.high[2] - view.low[2]))
        pairs += [(float(along) / rules.least, 9.0, widest) for along in np.geomspace(widest, far, 24)]
        # a narrow range about the natural distance first, then seeds further apart in their line
        pairs.sort(key=lambda p: (p[0] + 4.0 * p[1], p[2]))
        for shift in _HALVES:
            for a, _, s in pairs[:160]:
                yield partial(_lines, view, s, a * rules.least, shift, placement)
        for shift in _moved():
            for a, _, s in pairs[:40]:
                yield partial(_lines, view, s, a * rules.least, shift, placement)

    return _first_with(number, tries())


def _orders(spacings: list[float]) -> Iterator[tuple[float, tuple[float, float, float]]]:
    for s in spacings:
        for shift in _HALVES:
            yield s, shift
    for s in spacings[: len(spacings) // 2]:
        for shift in _moved():
            yield s, shift


def _moved() -> Iterator[tuple[float, float, float]]:
    """Shifts that fill the cell of a pattern evenly: Halton's points to the bases 2, 3, 5, a half taken off."""
    for n in range(1, _MOVED + 1):
        yield (_halton(n, 2) - 0.5, _halton(n, 3) - 0.5, _halton(n, 5) - 0.5)


def _halton(n: int, base: int) -> float:
    found, part = 0.0, 1.0
    while n:
        part /= base
        found += part * (n % base)
        n //= base
    return found


def _first_with(number: int, tries: Iterator[Callable[[], Floats]]) -> Floats:
    best = np.zeros((0, 3))
    for make in tries:
        places = make()
        if len(places) == number:
            return places
        if len(best) < len(places) < number:
            best = places
    return best


def _cubic(view: View, spacing: float, shift: tuple[float, float, float]) -> Floats:
    depths = steps(view.low[2], view.high[2], shift[2] * spacing, spacing)
    return rows(view, squares(view, spacing, shift[:2]), depths)


def _lines(view: View, spacing: float, along: float, shift: tuple[float, float, float], placement: str) -> Floats:
    grid = triangles if placement == "triangles" else squares
    depths = steps(view.low[2], view.high[2], shift[2] * along, along)
    return rows(view, grid(view, spacing, shift[:2]), depths)
