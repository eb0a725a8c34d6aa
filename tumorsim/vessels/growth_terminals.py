"""Exchange nodes: how many each tissue gets, where they lie, and which sites each one serves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim._jit import njit
from tumorsim.anatomy.capsule import THROMBUS
from tumorsim.chance import Purpose, uniforms
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice

LLOYD_ROUNDS = 4  # enough for compact territories: the spread of their volumes then changes by under 5 %
LLOYD_SITES = 60  # sites per node looked at in a round: a centroid is then known to 0.1 of its spacing
REPAIR_ROUNDS = 50

SATELLITES = 200  # compartments from here on are satellites
NO_TISSUE = 255


def main_tumour(compartment: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where compartments are those of the main tumour: no liver, thrombus, satellite or outside."""
    return (compartment > 0) & (compartment < THROMBUS)


Floats = NDArray[np.float64]


@njit
def _assign(
    stride: int,
    shape: Any,
    spacing: float,
    region: Any,
    seeds: Any,
    seed_region: Any,
    bin_start: Any,
    bin_seeds: Any,
    bins: Any,
    bin_size: float,
    owner: Any,
    sums: Any,
) -> None:
    """Nearest seed of the same region for every ``stride``-th site.

    Fills ``owner`` (-1 where the site has no region) and the sums (count, x, y, z) of every seed. Ties go
    to the lower seed number, so the order in which bins are looked through does not matter.
    """
    nx, ny, nz = shape[0], shape[1], shape[2]
    widest = max(bins[0], max(bins[1], bins[2]))
    for site in range(0, region.size, stride):
        mine = region[site]
        if mine < 0:
            owner[site] = -1
            continue
        x = (site // (ny * nz) - 0.5 * (nx - 1)) * spacing
        y = (site // nz % ny - 0.5 * (ny - 1)) * spacing
        z = (site % nz - 0.5 * (nz - 1)) * spacing
        # place inside the grid of bins, whose lower corner is the lower corner of the box
        gx = x + 0.5 * nx * spacing
        gy = y + 0.5 * ny * spacing
        gz = z + 0.5 * nz * spacing
        bx = min(bins[0] - 1, int(gx / bin_size))
        by = min(bins[1] - 1, int(gy / bin_size))
        bz = min(bins[2] - 1, int(gz / bin_size))
        best = -1
        best_d = np.inf
        for ring in range(widest + 1):
            for i in range(max(0, bx - ring), min(bins[0], bx + ring + 1)):
                for j in range(max(0, by - ring), min(bins[1], by + ring + 1)):
                    shell = i == bx - ring or i == bx + ring or j == by - ring or j == by + ring
                    step = 1 if shell or ring == 0 else 2 * ring
                    for k in range(bz - ring, bz + ring + 1, step):
                        if k < 0 or k >= bins[2]:
                            continue
                        b = (i * bins[1] + j) * bins[2] + k
                        for n in range(bin_start[b], bin_start[b + 1]):
                            s = bin_seeds[n]
                            if seed_region[s] != mine:
                                continue
                            dx, dy, dz = seeds[s, 0] - x, seeds[s, 1] - y, seeds[s, 2] - z
                            d = dx * dx + dy * dy + dz * dz
                            if d < best_d or (d == best_d and s < best):
                                best_d = d
                                best = s
            # every seed not yet seen lies beyond the cube of bins looked through
            reach = np.inf
            reach = min(reach, min(gx - (bx - ring) * bin_size, (bx + ring + 1) * bin_size - gx))
            reach = min(reach, min(gy - (by - ring) * bin_size, (by + ring + 1) * bin_size - gy))
            reach = min(reach, min(gz - (bz - ring) * bin_size, (bz + ring + 1) * bin_size - gz))
            if best >= 0 and best_d < reach * reach:
                break
        owner[site] = best
        sums[best, 0] += 1.0
        sums[best, 1] += x
        sums[best, 2] += y
        sums[best, 3] += z


def _nearest(
    lattice: Lattice, region: NDArray[np.int16], seeds: Floats, seed_region: NDArray[np.int16], stride: int
) -> tuple[NDArray[np.int32], Floats]:
    """Owner of the visited sites, shape (n_sites,), and (count, sum x, sum y, sum z) of every seed."""
    size = np.array(lattice.size)
    used = size[size > lattice.spacing]
    edge = float((np.prod(used) / len(seeds)) ** (1.0 / max(1, len(used)))) if len(used) else lattice.spacing
    edge = max(edge, lattice.spacing)
    bins = np.maximum(1, np.ceil(size / edge - 1e-9)).astype(np.int64)
    cell = np.clip(((seeds + size / 2.0) / edge).astype(np.int64), 0, bins - 1)
    flat = (cell[:, 0] * bins[1] + cell[:, 1]) * bins[2] + cell[:, 2]
    order = np.argsort(flat, kind="stable")
    start = np.searchsorted(flat[order], np.arange(int(np.prod(bins)) + 1))
    owner = np.full(lattice.n_sites, -1, dtype=np.int32)
    sums = np.zeros((len(seeds), 4))
    shape = np.array(lattice.shape, dtype=np.int64)
    _assign(stride, shape, lattice.spacing, region, seeds, seed_region, start, order, bins, edge, owner, sums)
    return owner, sums


def regions(compartment: NDArray[np.uint8], segment: NDArray[np.uint8]) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Tissue region of every site (liver by segment, every compartment; -1 none), and their compartments."""
    liver = segment.astype(np.int16) - 8  # -3..0, below every compartment
    code = np.where(compartment == 0, liver, compartment.astype(np.int16))
    found, region = np.unique(code, return_inverse=True)
    number = region.astype(np.int16)
    if found[-1] == NO_TISSUE:
        number[number == len(found) - 1] = -1
        found = found[:-1]
    return number, np.maximum(found, 0).astype(np.uint8)


def share_out(total: int, weight: Floats, most: NDArray[np.int64], least: NDArray[np.int64]) -> NDArray[np.int64]:
    """Whole numbers, proportional to ``weight`` within ``least`` and ``most``, that add up to ``total``.

    Where the sum of ``most`` is below ``total`` the result is ``most``. Largest remainder; ties to the
    earlier row.

    Raises
    ------
    InputError
        Where ``total`` is below the sum of ``least``.
    """
    if total < least.sum():
        raise InputError(
            f"vessels: {total} terminals are too few: this anatomy needs at least {int(least.sum())} "
            "(one for each compartment, satellite, liver segment and feeder)"
        )
    if total >= most.sum():
        return most.copy()
    # the level at which the clipped shares add up to the total, by halving
    low, high = 0.0, float(total) / float(weight[weight > 0].min())
    for _ in range(200):
        level = 0.5 * (low + high)
        low, high = (level, high) if np.clip(level * weight, least, most).sum() < total else (low, level)
    exact = np.clip(high * weight, least, most)
    count = np.maximum(least, np.floor(exact + 1e-9).astype(np.int64))
    room = np.flatnonzero(count < most)
    order = room[np.argsort(-(exact - count)[room], kind="stable")]
    left = total - int(count.sum())
    count[order[: max(0, left)]] += 1
    return count


def place(
    lattice: Lattice,
    region: NDArray[np.int16],
    count: NDArray[np.int64],
    seed: int,
    patient: int,
) -> tuple[Floats, NDArray[np.int16], NDArray[np.int32]]:
    """Lay exchange nodes and give every site to the nearest one of its own region.

    Nodes start at keyed sites spread over their region and move to the centroids of what they serve
    (Lloyd 1982), so that territories are compact and of like size.

    Parameters
    ----------
    region : array of int16, shape (n_sites,)
        Tissue of every site, 0 .. regions - 1; -1 for no tissue.
    count : array of int64, shape (regions,)
        Nodes of every region, at most its number of sites.

    Returns
    -------
    position : array, shape (nodes, 3)
        [m]; grouped by region.
    node_region : array of int16, shape (nodes,)
    owner : array of int32, shape (n_sites,)
        Node of every site, -1 where there is no tissue. No node is without a site.
    """
    starts: list[NDArray[np.int64]] = []
    for r, n in enumerate(count):
        sites = np.flatnonzero(region == r)
        u = uniforms(seed, patient, Purpose.TREE, np.arange(n), slot=0, step=r)
        bound = np.arange(n + 1) * len(sites) // n if n else np.zeros(1, dtype=np.int64)
        starts.append(sites[bound[:-1] + (u * np.diff(bound)).astype(np.int64)])
    node_region = np.repeat(np.arange(len(count), dtype=np.int16), count)
    position = lattice.centres(np.concatenate(starts))

    stride = max(1, lattice.n_sites // (LLOYD_SITES * len(position)))
    while np.gcd(stride, lattice.n_sites) > 1:  # a stride that divides the box would look at planes only
        stride += 1
        if stride >= lattice.n_sites:
            stride = 1
    for _ in range(LLOYD_ROUNDS):
        _, sums = _nearest(lattice, region, position, node_region, stride)
        full = sums[:, 0] > 0
        position[full] = sums[full, 1:] / sums[full, :1]

    for _ in range(REPAIR_ROUNDS):
        owner, sums = _nearest(lattice, region, position, node_region, 1)
        empty = np.flatnonzero(sums[:, 0] == 0)
        if not len(empty):
            return position, node_region, owner
        for node in empty:  # take over the far end of the largest territory of the region
            rivals = np.flatnonzero(node_region == node_region[node])
            largest = rivals[np.argmax(sums[rivals, 0])]
            sites = np.flatnonzero(owner == largest)
            centres = lattice.centres(sites)
            far = int(np.argmax(((centres - position[largest]) ** 2).sum(axis=1)))
            position[node] = centres[far]
            owner[sites[far]] = node
            sums[largest, 0] -= 1
            sums[node, 0] = 1
    raise ArithmeticError("vessels: exchange nodes could not be laid so that each serves a site")
