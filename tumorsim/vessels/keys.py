"""Identity of a vessel for keyed chance: the same vessel has the same key however a file numbers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

KEY_QUANTUM = 1e-7  # m; positions are rounded to this, far above the rounding of different machines


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Splitmix64 finaliser (Steele, Lea and Flood 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _word(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def edge_keys(
    node_pos: NDArray[np.float64],
    node_name: Sequence[str],
    tail: NDArray[np.int32],
    head: NDArray[np.int32],
    twin_order: Callable[[int], Any],
) -> NDArray[np.uint64]:
    """Hash of the end nodes of every edge, shape (m,).

    A node is known by its position (rounded to 0.1 um) and its name; names that are whole numbers are
    counters and do not count, so renumbering, reordering or reversing edges leaves every key as it was.
    Parallel edges between the same nodes are told apart by their rank in `twin_order`.

    Parameters
    ----------
    node_pos : array, shape (n, 3)
        Positions [m].
    node_name : sequence of str
        Names, "" where there is none.
    tail, head : array of int, shape (m,)
        End nodes.
    twin_order : callable
        Sort key of an edge by its index; not a number that depends on the order of the edges.
    """
    place = np.rint(node_pos / KEY_QUANTUM).astype(np.int64).view(np.uint64)
    node = np.zeros(len(node_pos), dtype=np.uint64)
    for axis in range(3):
        node = _mix(node ^ place[:, axis])
    for i, name in enumerate(node_name):
        if name and not name.strip().isdigit():
            node[i : i + 1] = _mix(node[i : i + 1] ^ np.uint64(_word(name)))
    a, b = node[tail], node[head]
    key = _mix(_mix(np.minimum(a, b)) ^ np.maximum(a, b))
    groups: dict[int, list[int]] = {}
    if len(np.unique(key)) < len(key):
        for e, k in enumerate(key.tolist()):
            groups.setdefault(k, []).append(e)
    for twins in groups.values():
        twins.sort(key=twin_order)
        for rank, e in enumerate(twins[1:], start=1):
            key[e : e + 1] = _mix(key[e : e + 1] + np.uint64(rank))
    return key
