"""Outlines of regions as closed smooth lines: marching squares (Lorensen, Cline, 1987, in two dimensions)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

TOP, RIGHT, BOTTOM, LEFT = range(4)
# corners inside (1 upper left, 2 upper right, 4 lower right, 8 lower left) -> lines with the inside on the left hand;
# two opposite corners are taken apart
_CASES: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((LEFT, TOP),), 2: ((TOP, RIGHT),), 4: ((RIGHT, BOTTOM),), 8: ((BOTTOM, LEFT),),
    3: ((LEFT, RIGHT),), 6: ((TOP, BOTTOM),), 12: ((RIGHT, LEFT),), 9: ((BOTTOM, TOP),),
    7: ((LEFT, BOTTOM),), 14: ((TOP, LEFT),), 13: ((RIGHT, TOP),), 11: ((BOTTOM, RIGHT),),
    5: ((LEFT, TOP), (RIGHT, BOTTOM)), 10: ((TOP, RIGHT), (BOTTOM, LEFT)),
}  # fmt: skip


def contours(level: ArrayLike) -> list[Floats]:
    """Closed lines around where a level is at least 0.

    Parameters
    ----------
    level : (rows, columns)
        Values at the middles of pixels; beyond the picture all is outside.

    Returns
    -------
    list of (n, 2) arrays
        Corners of each line, across and down, in pixels from the corner of the picture.

    Raises
    ------
    ValueError
        Where ``level`` is no picture.
    """
    values = np.asarray(level, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(f"contours: a level has shape (rows, columns), got {values.shape}")
    grid = np.pad(values, 1, constant_values=-max(1.0, float(np.abs(values).max(initial=0.0))))
    inside = (grid >= 0.0).astype(int)
    code = inside[:-1, :-1] + 2 * inside[:-1, 1:] + 4 * inside[1:, 1:] + 8 * inside[1:, :-1]
    following: dict[tuple[int, int, int], tuple[int, int, int]] = {}
    for i, j in np.argwhere((code > 0) & (code < 15)).tolist():
        edges = {TOP: (i, j, 0), BOTTOM: (i + 1, j, 0), LEFT: (i, j, 1), RIGHT: (i, j + 1, 1)}
        for start, end in _CASES[int(code[i, j])]:
            following[edges[start]] = edges[end]
    lines = []
    while following:
        first, here = next(iter(following.items()))
        del following[first]
        line = [first]
        while here != first:
            line.append(here)
            here = following.pop(here)
        # the middle of pixel (0, 0) is half a pixel in, and the rim that was added is one
        lines.append(np.array([_place(grid, edge) for edge in line]) - 0.5)
    return lines


def _place(grid: Floats, edge: tuple[int, int, int]) -> tuple[float, float]:
    """Where the level is 0 between two neighbours: across, down."""
    i, j, downwards = edge
    a, b = grid[i, j], grid[i + downwards, j + 1 - downwards]
    share = a / (a - b)
    return (float(j), i + share) if downwards else (j + share, float(i))


def path(lines: list[Floats], scale: float, x0: float, y0: float) -> str:
    """Lines as an SVG path, in units of ``scale`` a pixel from a corner at ``x0``, ``y0``."""
    parts = []
    for line in lines:
        points = [f"{x0 + scale * x:.2f} {y0 + scale * y:.2f}" for x, y in line.tolist()]
        parts.append("M" + "L".join(points) + "Z")
    return "".join(parts)
