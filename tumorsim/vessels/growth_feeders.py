"""Feeders: which part of the tumour each one supplies, and where it enters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy.segments import along
from tumorsim.chance import Purpose, uniforms
from tumorsim.lattice import Lattice

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


def feeders_of(demand: Floats, feeders: int) -> NDArray[np.int64]:
    """Feeders that every compartment has for itself, shape (compartments,).

    All 0 where there are no more feeders than compartments. Otherwise each has one, and each further feeder
    goes to the compartment with the largest ``demand`` per feeder.
    """
    count = np.zeros(len(demand), dtype=np.int64)
    if feeders <= len(demand):
        return count
    count += 1
    for _ in range(feeders - len(demand)):
        count[np.argmax(demand / count)] += 1
    return count


def deal(
    compartment: NDArray[np.uint8], position: Floats, demand: Floats, feeders: int, seed: int, patient: int
) -> list[Rows]:
    """Deal the tumour's exchange nodes to feeders.

    Parameters
    ----------
    compartment, position, demand : arrays, shape (n,), (n, 3), (n,)
        Of the tumour's exchange nodes; demand is arterial [m3/s].

    Returns
    -------
    list of int arrays
        Nodes (0 .. n - 1) of every feeder, the largest demand first. A compartment has one feeder where
        there are enough compartments (the largest first, each to the feeder with least so far); else large
        compartments are cut by keyed planes into parts of equal demand.
    """
    names = np.unique(compartment)
    total = np.array([demand[compartment == c].sum() for c in names])
    own = feeders_of(total, feeders)
    if own.any():
        parts = []
        for c, n in zip(names, own, strict=True):
            rows = np.flatnonzero(compartment == c)
            parts += _cut(rows, int(n), int(c), position, demand, seed, patient)
    else:
        load, dealt = np.zeros(feeders), np.zeros(len(names), dtype=np.int64)
        for i in np.argsort(-total, kind="stable"):
            dealt[i] = np.argmin(load)
            load[dealt[i]] += max(total[i], np.finfo(float).tiny)  # a dry compartment still counts as dealt
        home = dealt[np.searchsorted(names, compartment)]
        parts = [np.flatnonzero(home == f) for f in range(feeders)]
    order = np.argsort([-demand[part].sum() for part in parts], kind="stable")
    return [parts[i] for i in order]


def _cut(
    rows: Rows, pieces: int, compartment: int, position: Floats, demand: Floats, seed: int, patient: int
) -> list[Rows]:
    """Cut a compartment into pieces, the largest piece first each time, by planes with keyed normals."""
    parts = [rows]
    for step in range(pieces - 1):
        size = [demand[p].sum() if len(p) > 1 else -1.0 for p in parts]
        part = parts.pop(int(np.argmax(size)))
        u = uniforms(seed, patient, Purpose.TREE, [2 * compartment, 2 * compartment + 1], slot=2, step=step)
        z, phi = 2.0 * u[0] - 1.0, 2.0 * np.pi * u[1]
        flat = np.sqrt(1.0 - z * z)
        normal = np.array([flat * np.cos(phi), flat * np.sin(phi), z])
        part = part[np.argsort(along(position[part], normal), kind="stable")]
        below = np.cumsum(demand[part])
        cut = int(np.searchsorted(below, 0.5 * below[-1])) + 1
        cut = min(max(1, cut), len(part) - 1)
        parts += [np.sort(part[:cut]), np.sort(part[cut:])]
    return parts


def entry_point(lattice: Lattice, tumour: NDArray[np.bool_], inside: Floats, towards: Floats) -> Floats:
    """Where the line from ``inside`` (3,) to ``towards`` (3,) leaves the tumour [m].

    ``inside`` itself where it does not lie in the tumour.
    """
    away = towards - inside
    distance = float(np.linalg.norm(away))
    steps = max(2, int(np.ceil(2.0 * distance / lattice.spacing)))
    line = inside + np.linspace(0.0, 1.0, steps + 1)[:, None] * away
    site = lattice.locate(line)
    within = (site >= 0) & tumour[site]
    if not within[0]:
        return inside
    last = steps if within.all() else int(np.argmin(within)) - 1
    # a tumour that reaches as far as the artery is entered half way
    return np.asarray(line[last] if last < steps else line[steps // 2])
