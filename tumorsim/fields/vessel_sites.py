"""Which sites a thin vessel feeds, and how much resistance the lattice itself puts between vessel and site.

A vessel is cut in pieces of at most half a site. The wall of a piece is a ring of points, and each point
gives to the eight sites around it (trilinear shares). With a flux q per length from the wall of a straight
vessel the pressure at a distance r is p_wall - q ln(r / radius) / (2 pi K), K = diffusivity x solubility.
The lattice gives the same far away, but not in the sites the vessel passes: there it depends on spacing,
place and direction. What it gives there is known from the lattice's own Green function, so that

    p_wall - p_site = q index / K

with an index for every piece and site: Peaceman's well index (1978, SPE J 18:183; index = ln(0.198 spacing /
radius) / 2 pi for one site around the axis) for any place, direction and radius. With it the flux does not
depend on spacing, and where the wall is resolved the index goes to 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ive

from tumorsim._jit import njit
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LONGEST = 0.5  # of a site, that a piece is long
NEAR = 3.0  # sites along the vessel that are summed; beyond them the expansion of the Green function will do
FEWEST_POINTS = 8  # of a ring
_TABLE = 16  # sites per axis for which the Green function is tabulated; farther its expansion is good to 1e-5


@dataclass(frozen=True)
class VesselSites:
    """Vessels cut in pieces, and the sites of each; pieces of one edge follow each other from tail to head.

    Attributes
    ----------
    edge : int64, shape (k,)
        Edge of every piece.
    length : float64, shape (k,)
        Its length along the vessel [m].
    within : bool, shape (k,)
        Pieces that lie in the box; the others have no sites.
    first : int64, shape (k + 1,)
        Row of the first site of every piece in the columns below.
    site, share, index : shape (rows,)
        Site; share of the wall's flux it gets (sums to 1 over a piece); index as above [-].
    lumen : float64, shape (n_sites,)
        Share of the site's volume that lies inside vessels, at most 1.
    """

    edge: Ints
    length: Floats
    within: NDArray[np.bool_]
    first: Ints
    site: Ints
    share: Floats
    index: Floats
    lumen: Floats


def rasterise(ends: Floats, radius: Floats, length: Floats, lattice: Lattice) -> VesselSites:
    """Cut straight vessels in pieces and find the sites of their walls.

    Parameters
    ----------
    ends : array, shape (m, 2, 3)
        Tail and head of every vessel in the lattice's coordinates [m].
    radius, length : array, shape (m,)
        Radius and length [m]; where a vessel is longer than the distance of its ends its pieces are too.
    lattice : Lattice
        At least 2 sites wide in every direction.

    Raises
    ------
    InputError
        For a lattice that is a slab, or a spacing so fine that a vessel is wider than 20 sites.
    """
    h = lattice.spacing
    if min(lattice.shape) < 2:
        raise InputError(f"vessels in tissue: a box of {lattice.shape} sites is too thin; use a finer spacing")
    if len(radius) and radius.max() > 10.0 * h:
        raise InputError(
            f"vessels in tissue: a vessel of {2e6 * radius.max():.4g} um is wider than 20 sites of {h * 1e6:.4g} um. "
            "Use a coarser spacing"
        )
    chord = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    counts = np.maximum(1, np.ceil(chord / (LONGEST * h) - 1e-9).astype(np.int64))
    edge = np.repeat(np.arange(len(counts)), counts)
    rank = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)
    along = (rank + 0.5) / counts[edge]
    middle = ends[edge, 0] + along[:, None] * (ends[edge, 1] - ends[edge, 0])
    shape = np.array(lattice.shape)
    # in units of sites, so that a site's centre is a whole number
    place = middle / h + (shape - 1) / 2.0
    within = np.all((place >= -0.5 - 1e-6) & (place <= shape - 0.5 + 1e-6), axis=1)
    direction = (ends[:, 1] - ends[:, 0]) / chord[:, None]
    rows, lumen = [], np.zeros(lattice.n_sites)
    first = np.zeros(len(edge) + 1, dtype=np.int64)
    table = green_table()
    for k in range(len(edge)):
        if within[k]:
            e = edge[k]
            side, up = _across(direction[e])
            step = chord[e] / counts[e] / h
            found = _piece(place[k], direction[e], side, up, radius[e] / h, step, table)
            ijk = np.clip(found[:, :3].astype(np.int64), 0, shape - 1)  # a closed face gives back what meets it
            rows.append(np.column_stack([lattice.index(ijk[:, 0], ijk[:, 1], ijk[:, 2]), found[:, 3:]]))
            _fill_lumen(place[k], direction[e], side, up, radius[e] / h, step, lumen, lattice.shape)
            first[k + 1] = len(found)
    table_rows = np.concatenate(rows) if rows else np.zeros((0, 3))
    return VesselSites(
        edge, (length / counts)[edge], within, np.cumsum(first),
        table_rows[:, 0].astype(np.int64), table_rows[:, 1].copy(), table_rows[:, 2].copy(), np.minimum(lumen, 1.0),
    )  # fmt: skip


def _across(direction: Floats) -> tuple[Floats, Floats]:
    """Two directions across one."""
    other = np.zeros(3)
    other[np.argmin(np.abs(direction))] = 1.0
    side = np.cross(direction, other)
    side /= np.linalg.norm(side)
    return side, np.cross(direction, side)


@lru_cache(maxsize=1)
def green_table() -> Floats:
    """Green function of the 7-point stencil, -lap G = 1 at the origin, spacing 1, shape (16, 16, 16).

    G(i, j, k) is the integral over t of the product of exp(-2 t) I_n(2 t), I_n the modified Bessel function.
    """
    u = np.linspace(-30.0, 14.0, 881)
    t = np.exp(u)
    bessel = np.array([ive(n, 2.0 * t) for n in range(_TABLE)])
    weight = t * (u[1] - u[0])
    weight[-1] *= 0.5  # the trapezoid ends here; beyond it the integrand is (4 pi t)^(-3/2)
    tail = 2.0 / math.sqrt(t[-1]) / (4.0 * math.pi) ** 1.5
    return np.einsum("it,jt,kt,t->ijk", bessel, bessel, bessel, weight, optimize=True) + tail


@njit
def green(i, j, k, table):  # type: ignore[no-untyped-def]
    """Green function between sites so many steps apart."""
    i, j, k = abs(i), abs(j), abs(k)
    if i < _TABLE and j < _TABLE and k < _TABLE:
        return table[i, j, k]
    square = float(i * i + j * j + k * k)
    quartic = (float(i) ** 4 + float(j) ** 4 + float(k) ** 4) / (square * square)
    return (1.0 + (5.0 * quartic - 3.0) / (8.0 * square)) / (4.0 * math.pi * math.sqrt(square))


@njit
def _ring_points(radius):  # type: ignore[no-untyped-def]
    return max(FEWEST_POINTS, math.ceil(4.0 * math.pi * radius))


@njit
def _deposit(place, side, up, radius, origin, amount, grid):  # type: ignore[no-untyped-def]
    """Share a ring out on a local grid whose first site is ``origin``."""
    points = _ring_points(radius)
    for n in range(points):
        angle = 2.0 * math.pi * (n + 0.5) / points
        a, b = radius * math.cos(angle), radius * math.sin(angle)
        x = place[0] + a * side[0] + b * up[0]
        y = place[1] + a * side[1] + b * up[1]
        z = place[2] + a * side[2] + b * up[2]
        i, j, k = math.floor(x), math.floor(y), math.floor(z)
        fx, fy, fz = x - i, y - j, z - k
        for di in range(2):
            wx = fx if di else 1.0 - fx
            for dj in range(2):
                wy = fy if dj else 1.0 - fy
                for dk in range(2):
                    wz = fz if dk else 1.0 - fz
                    grid[i + di - origin[0], j + dj - origin[1], k + dk - origin[2]] += wx * wy * wz * amount / points


@njit
def _cylinder(radius, reach):  # type: ignore[no-untyped-def]
    """Pressure x K on the wall half way along a cylinder that gives 1 per length from -reach to +reach."""
    mean = 0.0
    points = 64
    for n in range(points):
        chord = 2.0 * radius * math.sin(math.pi * (n + 0.5) / points)
        mean += math.log(reach + math.sqrt(reach * reach + chord * chord)) / points
    return (mean - math.log(radius)) / (2.0 * math.pi)  # the mean of ln(chord) over the ring is ln(radius)


@njit
def _piece(place, direction, side, up, radius, step, table):  # type: ignore[no-untyped-def]
    """Rows (i, j, k, share, index) of one piece; lengths in sites."""
    half = math.ceil(NEAR / step)
    reach = (half + 0.5) * step
    wide = math.ceil(reach + radius) + 2
    origin = np.empty(3, np.int64)
    for a in range(3):
        origin[a] = math.floor(place[a]) - wide
    own = np.zeros((2 * wide + 2, 2 * wide + 2, 2 * wide + 2))
    line = np.zeros((2 * wide + 2, 2 * wide + 2, 2 * wide + 2))
    _deposit(place, side, up, radius, origin, 1.0, own)
    for m in range(-half, half + 1):
        _deposit(place + m * step * direction, side, up, radius, origin, step, line)
    # beyond the reach the lattice still gives a little more or less than the continuum, by direction
    quartic = direction[0] ** 4 + direction[1] ** 4 + direction[2] ** 4
    wall = _cylinder(radius, reach) - (5.0 * quartic - 3.0) / (32.0 * math.pi * reach * reach)
    mine, all_along = np.argwhere(own > 0.0), np.argwhere(line > 0.0)
    out = np.empty((len(mine), 5))
    for n in range(len(mine)):
        i, j, k = mine[n]
        pressure = 0.0
        for m in range(len(all_along)):
            a, b, c = all_along[m]
            pressure += line[a, b, c] * green(i - a, j - b, k - c, table)
        out[n, 0], out[n, 1], out[n, 2] = i + origin[0], j + origin[1], k + origin[2]
        out[n, 3] = own[i, j, k]
        out[n, 4] = wall - pressure
    return out


@njit
def _fill_lumen(place, direction, side, up, radius, step, lumen, shape):  # type: ignore[no-untyped-def]
    """Add the volume of a piece, in sites, to the sites it lies in."""
    across = max(2, math.ceil(2.0 * radius))
    along = max(1, math.ceil(2.0 * step))
    points = 8 * across
    part = math.pi * radius * radius * step / (across * points * along)
    for m in range(along):
        shift = ((m + 0.5) / along - 0.5) * step
        for ring in range(across):
            r = radius * math.sqrt((ring + 0.5) / across)  # rings of the same area
            for n in range(points):
                angle = 2.0 * math.pi * (n + 0.5) / points
                a, b = r * math.cos(angle), r * math.sin(angle)
                i = math.floor(place[0] + shift * direction[0] + a * side[0] + b * up[0] + 0.5)
                j = math.floor(place[1] + shift * direction[1] + a * side[1] + b * up[1] + 0.5)
                k = math.floor(place[2] + shift * direction[2] + a * side[2] + b * up[2] + 0.5)
                if 0 <= i < shape[0] and 0 <= j < shape[1] and 0 <= k < shape[2]:
                    lumen[(i * shape[1] + j) * shape[2] + k] += part
