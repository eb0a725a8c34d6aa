"""Compiled parts of `sar`: power densities of the sources at a point, and their integrals over sites.

A density is per watt absorbed [1/m3], in the needle's own frame: z along it towards its tip, the origin in the
middle of its active part. Its columns of numbers are those that `Source.numbers` of each source gives.

A site's power is the integral of the density over the site, in two parts that sum to one by a weight w that
falls smoothly from 1 to 0 with the distance to the needle. Near it, where the density changes within a site,
rings of points in the source's own coordinates hand their power to the sites they lie in; away from it Gauss
points within each site do. So power is neither lost nor made, wherever the needle lies between the sites.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tumorsim._jit import njit

MICROWAVE, ELECTRODES, TABLE = 0, 1, 2  # what numbers mean

FINE = 8  # points of the near part along the edge of a site
GOLDEN = 0.6180339887498949  # by which points of one ring are turned, and rings shifted, against the last: no beats
NEAR_FROM, NEAR_TO = 1.5, 4.0  # sites beyond the core between which the near part fades
COARSE = 0.1  # site over the scale of the density, below which the value at the centre is its mean to 1e-3

_MANY, _MANY_W = np.polynomial.legendre.leggauss(24)
_SOME, _SOME_W = np.polynomial.legendre.leggauss(10)
_FEW, _FEW_W = np.polynomial.legendre.leggauss(6)
_AT = np.array([[0.0, 0.0, 0.0], [-0.5773502691896257, 0.5773502691896257, 0.0],
                [-0.7745966692414834, 0.0, 0.7745966692414834]])  # fmt: skip
_SHARE = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [5.0 / 18.0, 8.0 / 18.0, 5.0 / 18.0]])


@njit
def line_kernel(attenuation: float, half: float, r: float, z: float) -> float:
    """Mean over a line of ``2 a exp(-2 a s) / (4 pi s^2)`` [1/m3], s the distance to its points; r > 0 or off the line.

    ``attenuation`` = 2 a [1/m], ``half`` = half the line's length [m]. Along the line u = r tan(angle), which takes
    the pole of 1/s^2 away.
    """
    r = max(r, 1e-7)
    low, high = math.atan2(z - half, r), math.atan2(z + half, r)
    middle, wide = 0.5 * (low + high), 0.5 * (high - low)
    # the angle the line is seen under says how many points the integral needs
    nodes, weights = (_MANY, _MANY_W) if wide > 0.6 else (_SOME, _SOME_W) if wide > 0.25 else (_FEW, _FEW_W)
    total = 0.0
    for n in range(nodes.size):
        total += weights[n] * math.exp(-attenuation * r / math.cos(middle + wide * nodes[n]))
    return attenuation * total * wide / (8.0 * math.pi * half * r)


@njit
def _microwave(numbers: Any, table: Any, r: float, z: float) -> float:
    """The line kernel; within the shaft its mean over the cross-section, so that nothing is lost there."""
    attenuation, half, shaft, step = numbers[0], numbers[1], numbers[2], numbers[3]
    if r >= shaft:
        return line_kernel(attenuation, half, r, z)
    place = abs(z) / step
    k = int(place)
    if k + 1 >= table.shape[1]:
        return line_kernel(attenuation, half, shaft, z)  # past the table the kernel is flat across the shaft
    return table[0, k] + (place - k) * (table[0, k + 1] - table[0, k])


@njit
def line_charge(c: float, r: float, z: float) -> tuple[float, float]:
    """Field (outwards, along) of a line that gives 1 in all, from -c to c, times 4 pi [1/m2]; off the line."""
    behind, ahead = math.hypot(r, z + c), math.hypot(r, z - c)
    total = behind + ahead
    # the potential is ln((s + 2c) / (s - 2c)) / 2c with s the sum of the distances to the ends
    scale = 2.0 / (total * total - 4.0 * c * c)
    return scale * r * (1.0 / behind + 1.0 / ahead), scale * ((z + c) / behind + (z - c) / ahead)


@njit
def _electrodes(numbers: Any, table: Any, x: float, y: float, z: float) -> float:
    """Square of the field of some electrodes at one potential, over its integral."""
    c, long, wide, whole = numbers[0], numbers[1], numbers[2], numbers[3]
    across, up, along = 0.0, 0.0, 0.0
    for n in range(table.shape[0]):
        a, b = x - table[n, 0], y - table[n, 1]
        r = math.hypot(a, b)
        if (r / wide) ** 2 + (z / long) ** 2 < 1.0:
            return 0.0  # inside a metal spheroid
        out, on = line_charge(c, r, z)
        if r > 0.0:
            across += out * a / r
            up += out * b / r
        along += on
    return (across * across + up * up + along * along) / whole


@njit
def _of_table(numbers: Any, table: Any, r: float, z: float) -> float:
    """Straight between the points of a grid, nothing beyond it; rows are r, columns z, axes in the borders."""
    rows, columns = table.shape[0] - 1, table.shape[1] - 1
    if r < table[1, 0] or r > table[rows, 0] or z < table[0, 1] or z > table[0, columns]:
        return 0.0
    i = min(max(np.searchsorted(table[1:, 0], r, side="right"), 1), rows - 1)
    k = min(max(np.searchsorted(table[0, 1:], z, side="right"), 1), columns - 1)
    f = (r - table[i, 0]) / (table[i + 1, 0] - table[i, 0])
    g = (z - table[0, k]) / (table[0, k + 1] - table[0, k])
    inner = table[i, k] + g * (table[i, k + 1] - table[i, k])
    outer = table[i + 1, k] + g * (table[i + 1, k + 1] - table[i + 1, k])
    return inner + f * (outer - inner)


@njit
def density(kind: int, numbers: Any, table: Any, x: float, y: float, z: float) -> float:
    """Power density per watt absorbed [1/m3] at a point in the needle's frame [m]."""
    if kind == ELECTRODES:
        return _electrodes(numbers, table, x, y, z)
    if kind == MICROWAVE:
        return _microwave(numbers, table, math.hypot(x, y), z)
    return _of_table(numbers, table, math.hypot(x, y), z)


@njit
def densities(kind: int, numbers: Any, table: Any, places: Any, out: Any) -> None:
    """`density` at many places, (n, 3) -> (n,)."""
    for n in range(out.size):
        out[n] = density(kind, numbers, table, places[n, 0], places[n, 1], places[n, 2])


@njit
def _distance(axes: Any, half: float, x: float, y: float, z: float) -> tuple[float, int]:
    """Distance to the nearest of some parallel segments, and which."""
    beyond = max(abs(z) - half, 0.0)
    best, which = math.inf, 0
    for n in range(axes.shape[0]):
        d = math.sqrt((x - axes[n, 0]) ** 2 + (y - axes[n, 1]) ** 2 + beyond * beyond)
        if d < best:
            best, which = d, n
    return best, which


@njit
def _fade(d: float, inner: float, outer: float) -> float:
    """1 up to ``inner``, 0 from ``outer`` on, with two continuous derivatives."""
    if d <= inner:
        return 1.0
    if d >= outer:
        return 0.0
    s = (d - inner) / (outer - inner)
    return 1.0 - s * s * s * (10.0 + s * (6.0 * s - 15.0))


@njit
def add_near(
    kind: int,
    numbers: Any,
    table: Any,
    axes: Any,
    half: float,
    rings: Any,
    inner: float,
    outer: float,
    point: Any,
    frame: Any,
    spacing: float,
    shape: Any,
    power: Any,
) -> None:
    """Power per watt [1/m3] of the near part, added to sites (n_sites,).

    ``rings`` (m, 3): radius and z about each axis [m], and volume [m3]. ``frame`` (3, 3): rows are the needle's x,
    y and z in the lattice's coordinates. What lies beyond the box is lost.
    """
    site_volume = spacing**3
    round_one = axes.shape[0] == 1  # the same all round each ring
    for which in range(axes.shape[0]):
        for m in range(rings.shape[0]):
            r, z, volume = rings[m, 0], rings[m, 1], rings[m, 2]
            if math.hypot(r, max(abs(z) - half, 0.0)) >= outer:
                continue
            points = max(8, math.ceil(2.0 * math.pi * r * FINE / spacing))
            share = 0.0
            for n in range(points):
                angle = 2.0 * math.pi * (n + GOLDEN * m % 1.0) / points
                x, y = axes[which, 0] + r * math.cos(angle), axes[which, 1] + r * math.sin(angle)
                if n == 0 or not round_one:
                    d, nearest = _distance(axes, half, x, y, z)
                    if nearest != which:
                        continue  # another axis has it
                    weight = _fade(d, inner, outer) * volume / (points * site_volume)
                    share = density(kind, numbers, table, x, y, z) * weight
                i = math.floor(
                    (point[0] + x * frame[0, 0] + y * frame[1, 0] + z * frame[2, 0]) / spacing + 0.5 * shape[0]
                )
                j = math.floor(
                    (point[1] + x * frame[0, 1] + y * frame[1, 1] + z * frame[2, 1]) / spacing + 0.5 * shape[1]
                )
                k = math.floor(
                    (point[2] + x * frame[0, 2] + y * frame[1, 2] + z * frame[2, 2]) / spacing + 0.5 * shape[2]
                )
                if 0 <= i < shape[0] and 0 <= j < shape[1] and 0 <= k < shape[2]:
                    power[(i * shape[1] + j) * shape[2] + k] += share


@njit
def add_far(
    lo: int,
    hi: int,
    kind: int,
    numbers: Any,
    table: Any,
    axes: Any,
    half: float,
    scale: float,
    inner: float,
    outer: float,
    point: Any,
    frame: Any,
    spacing: float,
    shape: Any,
    power: Any,
) -> None:
    """Power per watt [1/m3] away from the needle, added to sites ``[lo, hi)``.

    ``scale`` [m]: length on which the density changes far from the needle. Gauss points: three a side where the
    near part fades, two beyond, one where the density is straight within a site.
    """
    place, local = np.empty(3), np.empty(3)
    reach = 0.8660254037844387 * spacing  # from the centre of a site to its corner
    for site in range(lo, hi):
        place[0] = (site // (shape[1] * shape[2]) - 0.5 * (shape[0] - 1)) * spacing - point[0]
        place[1] = (site // shape[2] % shape[1] - 0.5 * (shape[1] - 1)) * spacing - point[1]
        place[2] = (site % shape[2] - 0.5 * (shape[2] - 1)) * spacing - point[2]
        for a in range(3):
            local[a] = frame[a, 0] * place[0] + frame[a, 1] * place[1] + frame[a, 2] * place[2]
        d, _ = _distance(axes, half, local[0], local[1], local[2])
        if d + reach <= inner:
            continue
        if d - reach < outer:
            order = 3
        elif spacing > COARSE * min(d, scale):
            order = 2
        else:
            order = 1
        total = 0.0
        for i in range(order):
            for j in range(order):
                for k in range(order):
                    u = 0.5 * spacing * _AT[order - 1, i]
                    v = 0.5 * spacing * _AT[order - 1, j]
                    w = 0.5 * spacing * _AT[order - 1, k]
                    x = local[0] + frame[0, 0] * u + frame[0, 1] * v + frame[0, 2] * w
                    y = local[1] + frame[1, 0] * u + frame[1, 1] * v + frame[1, 2] * w
                    z = local[2] + frame[2, 0] * u + frame[2, 1] * v + frame[2, 2] * w
                    away, _ = _distance(axes, half, x, y, z)
                    rest = 1.0 - _fade(away, inner, outer)
                    if rest > 0.0:
                        share = _SHARE[order - 1, i] * _SHARE[order - 1, j] * _SHARE[order - 1, k]
                        total += share * rest * density(kind, numbers, table, x, y, z)
        power[site] += total
