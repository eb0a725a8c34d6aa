"""The solid body of the tumour: distance to its border, the sites that it fills."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumorsim.errors import InputError

Floats = NDArray[np.float64]


def ellipsoid_depth(points: Floats, semi_axes: tuple[float, ...]) -> Floats:
    """Signed distance to an ellipsoid centred on the origin, positive inside [m].

    Parameters
    ----------
    points : (n, d) float
        Positions [m], d = 2 or 3.
    semi_axes : d floats
        Half the lengths along the axes [m].

    Returns
    -------
    (n,) float64. Exact for equal half axes; otherwise the root of the normal equation (Eberly 2013,
    "Distance from a point to an ellipse, an ellipsoid, or a hyperellipsoid") by Newton's iteration from
    below, where the function is convex and falling, so that it converges from one side: to about 1e-12 of
    the size.
    """
    points = np.asarray(points, dtype=np.float64)
    a = np.asarray(semi_axes, dtype=np.float64)
    if np.all(a == a[0]):
        return a[0] - np.sqrt(np.einsum("ij,ij->i", points, points))
    distance = np.sqrt(((points - nearest_on_border(points, semi_axes)) ** 2).sum(axis=1))
    return np.where(((points / a) ** 2).sum(axis=1) < 1.0, distance, -distance)


def nearest_on_border(points: Floats, semi_axes: tuple[float, ...]) -> Floats:
    """Point of the ellipsoid's border nearest to each point, (n, d) [m]; see `ellipsoid_depth`."""
    a = np.asarray(semi_axes, dtype=np.float64)
    scale = a.max()
    a = a / scale
    # on a plane of symmetry the root can sit on the pole of the equation; a picometre off it does not
    p = np.maximum(np.abs(points) / scale, 1e-12)
    square = a * a
    gap = square - square.min()
    # the unknown is counted from the pole of the shortest axis, where all its digits may be needed
    root = (a * p - gap).max(axis=1)
    for _ in range(100):
        shifted = root[:, None] + gap
        terms = (a * p / shifted) ** 2
        step = (terms.sum(axis=1) - 1.0) / (2.0 * (terms / shifted).sum(axis=1))
        root = root + step
        if np.all(np.abs(step) <= 1e-14 * root):
            break
    foot = square * p / (root[:, None] + gap)
    return np.asarray(np.copysign(foot * scale, points))


def box_depth(shape: tuple[int, int, int], spacing: float, semi_axes: tuple[float, float, float]) -> Floats:
    """Signed distance of every site of a centred box to the tumour's border [m], shape ``shape``.

    A slab (one site thick) holds the tumour's middle section, so its distance is to an ellipse. The body
    and the box share their planes of symmetry: one octant is computed and mirrored.
    """
    dims = [axis for axis in range(3) if not (axis == 2 and shape[2] == 1)]
    halves, mirrors = [], []
    for axis in dims:
        n = shape[axis]
        i = np.arange(n)
        centre = (n - 1) / 2
        halves.append((np.arange(n // 2, n) - centre) * spacing)
        mirrors.append(np.maximum(i, n - 1 - i) - n // 2)
    grid = np.meshgrid(*halves, indexing="ij")
    points = np.stack([g.ravel() for g in grid], axis=1)
    octant = ellipsoid_depth(points, tuple(semi_axes[axis] for axis in dims)).reshape(grid[0].shape)
    return octant[np.ix_(*mirrors)].reshape(shape)


def fill(depth: Floats, sites: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The ``count`` deepest of ``sites``: a body of exactly that many voxels.

    A rule "the centre is inside" misses the volume of a small sphere by several per cent, with the sign
    set by where the grid happens to lie. Taking the round(V / v) deepest sites keeps the volume to half a
    voxel at every spacing and moves the border by a few hundredths of one. Sites equally deep (a centred
    sphere has them in shells of up to hundreds) are taken in a scattered order, so that a part of a shell
    favours no side.

    Parameters
    ----------
    depth : (n,) float
        Signed distance of each of ``sites`` to the border, positive inside [m].
    sites : (n,) int64
        Site numbers.
    count : int
        How many to take.
    """
    if count > sites.size:
        raise InputError(f"tumour: needs {count} sites, the box has {sites.size} near it")
    if count == sites.size:
        return np.sort(sites)
    edge = np.partition(depth, sites.size - count)[sites.size - count]
    tie = 1e-9 * max(1.0, abs(edge) / 1e-3) * 1e-3  # m; far under any difference between shells
    surely = sites[depth > edge + tie]
    shell = sites[np.abs(depth - edge) <= tie]
    # Weyl sequence of the site number: scattered, the same everywhere, free of any generator
    order = np.lexsort((shell, (shell.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)))
    return np.sort(np.concatenate([surely, shell[order[: count - surely.size]]]))
