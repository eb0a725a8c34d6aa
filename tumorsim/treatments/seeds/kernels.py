"""Compiled parts of a seed's dose: TG-43U1 at a point, and the mean over the sites of a lattice.

Lengths are in cm. Doses are relative: 1 at 1 cm across the middle of a seed in the 2-D form.
"""

from __future__ import annotations

import math

import numpy as np

from tumorsim._jit import njit

NEAR = 6.0  # site edges from the active line within which the mean over a site is taken from points in it
CLOSE = 2.0  # site edges within which there are many points
SKIN = 0.3  # cm from the active line within which no chart is read: it is too coarse there
GAUSS = 0.5 / math.sqrt(3.0)  # site edges from the middle, of the two-point rule


@njit
def geometry(rho, z, length):
    """Geometry function [1/cm2] of a line, or a point, at ``rho`` from the axis and ``z`` along it."""
    square = rho * rho + z * z
    if length == 0.0:
        return 1.0 / square
    along = square - 0.25 * length * length
    if rho == 0.0:
        return 1.0 / along
    # the angle the line fills, tan = L rho / along: exact near the axis, where differences of angles are not
    return math.atan2(length * rho, along) / (length * rho)


@njit
def radial(r, radii, ln_g):
    """Radial dose function: ln g straight in r, the first value below, the last slope beyond."""
    if r <= radii[0]:
        return math.exp(ln_g[0])
    k = min(_below(r, radii), len(radii) - 2)
    share = (r - radii[k]) / (radii[k + 1] - radii[k])
    return math.exp(ln_g[k] + share * (ln_g[k + 1] - ln_g[k]))


@njit
def anisotropy(r, theta, f_r, f_theta, f):
    """F at r and theta [degrees], bilinear, the nearest radius outside; phi_an where ``f`` has one column."""
    i, right = _place(r, f_r)
    if len(f_theta) == 1:
        return f[i, 0] if right == 0.0 else f[i, 0] + right * (f[i + 1, 0] - f[i, 0])
    if theta > f_theta[-1]:
        theta = 180.0 - theta
    j, up = _place(theta, f_theta)
    low = f[i, j] if up == 0.0 else f[i, j] + up * (f[i, j + 1] - f[i, j])
    if right == 0.0:
        return low
    high = f[i + 1, j] if up == 0.0 else f[i + 1, j] + up * (f[i + 1, j + 1] - f[i + 1, j])
    return low + right * (high - low)


@njit
def _below(x, nodes):
    """The last node that is not above x; the first where all are."""
    low, high = 0, len(nodes) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if nodes[middle] <= x:
            low = middle
        else:
            high = middle - 1
    return low


@njit
def _place(x, nodes):
    """Node below x and the share of the way to the next; 0 at and beyond the ends."""
    k = _below(x, nodes)
    if x <= nodes[0] or k == len(nodes) - 1:
        return k, 0.0
    return k, (x - nodes[k]) / (nodes[k + 1] - nodes[k])


@njit
def relative(rho, z, length, core, radii, ln_g, f_r, f_theta, f):
    """Dose rate over that at 1 cm across: G/G(1 cm) g F; within ``core`` of the active line, that on the core."""
    half = 0.5 * length
    past = abs(z) - half
    if past <= 0.0:
        rho = max(rho, core)
    else:
        away = math.sqrt(rho * rho + past * past)
        if away < core:  # round an end of the line
            sign = 1.0 if z > 0.0 else -1.0
            if away > 0.0:
                rho, z = rho * core / away, sign * (half + past * core / away)
            else:
                rho, z = 0.0, sign * (half + core)
    r = math.sqrt(rho * rho + z * z)
    shape = radial(r, radii, ln_g) / geometry(1.0, 0.0, length)
    if len(f_theta) == 1:
        return shape * geometry(r, 0.0, length) * anisotropy(r, 90.0, f_r, f_theta, f)
    return shape * geometry(rho, z, length) * anisotropy(r, math.degrees(math.atan2(rho, z)), f_r, f_theta, f)


@njit
def along_z(out, points, length, core, radii, ln_g, f_r, f_theta, f):
    """`relative` at points (n, 3) [cm] around a seed at the origin along z."""
    for k in range(len(points)):
        rho = math.sqrt(points[k, 0] ** 2 + points[k, 1] ** 2)
        out[k] = relative(rho, points[k, 2], length, core, radii, ln_g, f_r, f_theta, f)


@njit
def at_points(lo, hi, out, points, places, ways, weights, length, core, radii, ln_g, f_r, f_theta, f):
    """Sum over seeds of weight times `relative` at points ``lo`` to ``hi`` of (n, 3) [cm]."""
    for k in range(lo, hi):
        total = 0.0
        for s in range(len(places)):
            dx, dy, dz = points[k, 0] - places[s, 0], points[k, 1] - places[s, 1], points[k, 2] - places[s, 2]
            z = dx * ways[s, 0] + dy * ways[s, 1] + dz * ways[s, 2]
            rho = _across(dx, dy, dz, z, ways[s])
            total += weights[s] * relative(rho, z, length, core, radii, ln_g, f_r, f_theta, f)
        out[k] = total


@njit
def _across(dx, dy, dz, z, way):
    """Distance from the axis; by components, since r^2 - z^2 loses what is left near it."""
    x, y, w = dx - z * way[0], dy - z * way[1], dz - z * way[2]
    return math.sqrt(x * x + y * y + w * w)


@njit
def fill(out, radii_of_rows, angles_of_columns, length, core, radii, ln_g, f_r, f_theta, f):
    """r^2 times `relative` for the rows and columns of a table (see `dose.Chart`); angles [radians]."""
    for i in range(len(radii_of_rows)):
        r = radii_of_rows[i]
        for j in range(len(angles_of_columns)):
            rho, z = r * math.sin(angles_of_columns[j]), r * math.cos(angles_of_columns[j])
            out[i, j] = r * r * relative(rho, z, length, core, radii, ln_g, f_r, f_theta, f)


@njit
def over_rows(
    lo, hi, out, ny, nz, corner, edge, points, places, ways, weights, chart, fine, coarse, split, column,
    length, core, radii, ln_g, f_r, f_theta, f,
):  # fmt: skip
    """Mean over each site of the rows ``lo`` to ``hi`` along z of the sum over seeds of weight times `relative`.

    With ``points`` 1 the value at the middle of each site.

    ``out`` (n_sites,) is 0 before; ``corner`` (3,) is the centre of site 0, ``edge`` the edge of a site, ``points``
    how many points a side stand in a site close to a seed. Farther away than `NEAR` edges and `SKIN` the ``chart``
    is read: radii ``fine`` apart up to ``split``, ``coarse`` beyond; ``column`` gives the column for the angle
    measure rho/(rho + |z|), 2 minus that behind the seed. A site adds its seeds in their order, whatever the rows.
    """
    near = NEAR * edge if points > 1 else 0.0
    beyond = max(near, SKIN)
    within = beyond + 0.5 * length
    cells = len(column) - 1
    half_cells = 0.5 * cells
    per_fine, per_coarse = 1.0 / fine, 1.0 / coarse
    rows_fine = split * per_fine
    wide = edge * edge if points > 1 else 0.0
    cube = wide / 12.0
    blur = wide / 9.6  # rho across a site is on the mean larger than at its middle: F rises from the axis
    turns, radius, inverse, above = np.empty(nz), np.empty(nz), np.empty(nz), np.empty(nz)
    for row in range(lo, hi):
        x, y = corner[0] + (row // ny) * edge, corner[1] + (row % ny) * edge
        for s in range(len(places)):  # seeds outside, so that neighbours read the same part of the chart
            weight, way = weights[s], ways[s]
            dx, dy, start = x - places[s, 0], y - places[s, 1], corner[2] - places[s, 2]
            flat, along, slope = dx * dx + dy * dy, dx * way[0] + dy * way[1], way[2]
            for n in range(nz):  # nothing but arithmetic, so that it runs several sites at a time
                dz = start + n * edge
                z = along + dz * slope
                square = flat + dz * dz
                rho = math.sqrt(max(square - z * z, 0.0) + blur)
                turn = rho / (rho + abs(z))
                turns[n] = (turn if z >= 0.0 else 2.0 - turn) * half_cells
                radius[n] = math.sqrt(square)
                inverse[n] = 1.0 / square
                above[n] = z
            for n in range(nz):
                z, r = above[n], radius[n]
                if r < within:
                    past = max(abs(z) - 0.5 * length, 0.0)
                    away = max(r * r - z * z, 0.0) + past * past
                    if away < beyond * beyond:
                        dz = start + n * edge
                        side = 2 if away < near * near else 1
                        if side == 2 and away < (CLOSE * edge) ** 2:
                            side = points
                        mean = _mean(dx, dy, dz, way, edge, side, length, core, radii, ln_g, f_r, f_theta, f)
                        if side == 1 and cube > 0.0:  # in the middle of a seed the other factor is infinite
                            mean *= 1.0 + cube * inverse[n]
                        out[row * nz + n] += weight * mean
                        continue
                k = min(int(turns[n]), cells - 1)
                at = column[k] + (turns[n] - k) * (column[k + 1] - column[k])
                up = r * per_fine if r < split else rows_fine + (r - split) * per_coarse
                i, j = int(up), min(int(at), chart.shape[1] - 2)
                up, right = up - i, at - j
                low = chart[i, j] + right * (chart[i, j + 1] - chart[i, j])
                high = chart[i + 1, j] + right * (chart[i + 1, j + 1] - chart[i + 1, j])
                # the mean of 1/r^2 over a cube is 1/r^2 (1 + edge^2/(12 r^2)) to second order
                out[row * nz + n] += weight * (low + up * (high - low)) * inverse[n] * (1.0 + cube * inverse[n])


@njit
def _mean(dx, dy, dz, way, edge, side, length, core, radii, ln_g, f_r, f_theta, f):
    """Mean over a cube centred at (dx, dy, dz) from a seed: its middle, Gauss's 2 points a side, or evenly spaced."""
    total = 0.0
    for a in range(side):
        x = dx + _offset(a, side) * edge
        for b in range(side):
            y = dy + _offset(b, side) * edge
            for c in range(side):
                w = dz + _offset(c, side) * edge
                z = x * way[0] + y * way[1] + w * way[2]
                total += relative(_across(x, y, w, z, way), z, length, core, radii, ln_g, f_r, f_theta, f)
    return total / side**3


@njit
def _offset(k, side):
    if side == 1:
        return 0.0
    if side == 2:
        return GAUSS if k == 1 else -GAUSS
    return (k + 0.5) / side - 0.5
