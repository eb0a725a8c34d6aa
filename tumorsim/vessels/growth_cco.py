"""Kernels of constrained constructive optimisation (see `growth_tree`), on flat arrays of nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tumorsim._jit import njit

WEISZFELD_ROUNDS = 4
DETOUR = 4.0  # a length inside the obstacle counts as this many more of its own
PULL = 0.1  # share of the plain centroid in a junction's place: keeps it off the ends of its vessels


@njit(inline="always")
def _distance(pos: Any, a: int, x: float, y: float, z: float) -> float:
    return np.sqrt((pos[a, 0] - x) ** 2 + (pos[a, 1] - y) ** 2 + (pos[a, 2] - z) ** 2)


@njit
def _inside(mask: Any, shape: Any, spacing: float, a: Any, x: float, y: float, z: float, length: float) -> float:
    """Length of the straight line from point ``a`` to (x, y, z) that lies on sites of the mask [m]."""
    steps = int(length / (2.0 * spacing)) + 1  # every second site is enough to see a tumour
    hit = 0
    for s in range(steps):
        w = (s + 0.5) / steps
        i = int(np.floor((a[0] + w * (x - a[0])) / spacing + 0.5 * shape[0]))
        j = int(np.floor((a[1] + w * (y - a[1])) / spacing + 0.5 * shape[1]))
        k = int(np.floor((a[2] + w * (z - a[2])) / spacing + 0.5 * shape[2]))
        if 0 <= i < shape[0] and 0 <= j < shape[1] and 0 <= k < shape[2]:
            hit += mask[(i * shape[1] + j) * shape[2] + k]
    return length * hit / steps


@njit
def in_the_way(mask: Any, shape: Any, spacing: float, root: Any, points: Any) -> Any:
    """Length [m] inside the mask of the straight lines from ``root`` (3,) to ``points`` (n, 3), (n,)."""
    out = np.empty(points.shape[0])
    for t in range(points.shape[0]):
        x, y, z = points[t, 0], points[t, 1], points[t, 2]
        length = np.sqrt((x - root[0]) ** 2 + (y - root[1]) ** 2 + (z - root[2]) ** 2)
        out[t] = _inside(mask, shape, spacing, root, x, y, z, length)
    return out


@njit
def extend_tree(
    pos: Any,
    parent: Any,
    flow: Any,
    n: int,
    points: Any,
    flows: Any,
    candidates: int,
    power: float,
    mask: Any,
    shape: Any,
    spacing: float,
    ends: Any,
) -> int:
    """Add terminals to a tree of ``n`` nodes, node 0 its root; returns the new number of nodes.

    A terminal is joined to the one of its nearest vessels where all vessel volume together grows least; new
    vessels on sites of ``mask`` (of a lattice of ``shape``; may be empty) count more.
    """
    goes_round = mask.size > 0
    size = pos.shape[0]
    length = np.zeros(size)
    weight = np.zeros(size)  # flow to the power 2/g: volume of a vessel per length
    for i in range(1, n):
        length[i] = _distance(pos, parent[i], pos[i, 0], pos[i, 1], pos[i, 2])
        weight[i] = flow[i] ** power
    near = np.empty(candidates, dtype=np.int64)
    near_d = np.empty(candidates)
    dearer = np.empty(size)  # extra volume of all vessels from the root to a node, if they carry q more
    known = np.full(size, -1, dtype=np.int64)
    path = np.empty(size, dtype=np.int64)
    for t in range(points.shape[0]):
        x, y, z, q = points[t, 0], points[t, 1], points[t, 2], flows[t]
        new_weight = q**power
        if n == 1:  # the first vessel of all
            pos[1, 0], pos[1, 1], pos[1, 2] = x, y, z
            parent[1], flow[1], weight[1] = 0, q, new_weight
            flow[0] = q
            length[1] = _distance(pos, 0, x, y, z)
            ends[t] = 1
            n = 2
            continue
        found = 0
        for i in range(1, n):
            p = parent[i]
            ux, uy, uz = pos[i, 0] - pos[p, 0], pos[i, 1] - pos[p, 1], pos[i, 2] - pos[p, 2]
            vx, vy, vz = x - pos[p, 0], y - pos[p, 1], z - pos[p, 2]
            along = (ux * vx + uy * vy + uz * vz) / (length[i] * length[i])
            along = min(1.0, max(0.0, along))
            vx -= along * ux
            vy -= along * uy
            vz -= along * uz
            d = vx * vx + vy * vy + vz * vz
            if found < candidates or d < near_d[found - 1]:
                k = found if found < candidates else found - 1
                if found < candidates:
                    found += 1
                while k > 0 and near_d[k - 1] > d:
                    near_d[k] = near_d[k - 1]
                    near[k] = near[k - 1]
                    k -= 1
                near_d[k] = d
                near[k] = i
        known[0] = t
        dearer[0] = 0.0
        best = -1
        best_cost = np.inf
        best_x = best_y = best_z = 0.0
        for c in range(found):
            i = near[c]
            p = parent[i]
            m = 0
            a = p
            while known[a] != t:
                path[m] = a
                m += 1
                a = parent[a]
            while m > 0:
                m -= 1
                a = path[m]
                dearer[a] = dearer[parent[a]] + length[a] * ((flow[a] + q) ** power - weight[a])
                known[a] = t
            trunk = (flow[i] + q) ** power
            # weighted centroid of the three ends, then Weiszfeld's steps to the place of least volume
            total = trunk + weight[i] + new_weight
            jx = (trunk * pos[p, 0] + weight[i] * pos[i, 0] + new_weight * x) / total
            jy = (trunk * pos[p, 1] + weight[i] * pos[i, 1] + new_weight * y) / total
            jz = (trunk * pos[p, 2] + weight[i] * pos[i, 2] + new_weight * z) / total
            for _ in range(WEISZFELD_ROUNDS):
                dp = _distance(pos, p, jx, jy, jz)
                di = _distance(pos, i, jx, jy, jz)
                dn = np.sqrt((x - jx) ** 2 + (y - jy) ** 2 + (z - jz) ** 2)
                if dp == 0.0 or di == 0.0 or dn == 0.0:
                    break
                wp, wi, wn = trunk / dp, weight[i] / di, new_weight / dn
                total = wp + wi + wn
                jx = (wp * pos[p, 0] + wi * pos[i, 0] + wn * x) / total
                jy = (wp * pos[p, 1] + wi * pos[i, 1] + wn * y) / total
                jz = (wp * pos[p, 2] + wi * pos[i, 2] + wn * z) / total
            jx = (1.0 - PULL) * jx + PULL * (pos[p, 0] + pos[i, 0] + x) / 3.0
            jy = (1.0 - PULL) * jy + PULL * (pos[p, 1] + pos[i, 1] + y) / 3.0
            jz = (1.0 - PULL) * jz + PULL * (pos[p, 2] + pos[i, 2] + z) / 3.0
            near_new = np.sqrt((x - jx) ** 2 + (y - jy) ** 2 + (z - jz) ** 2)
            near_p, near_i = _distance(pos, p, jx, jy, jz), _distance(pos, i, jx, jy, jz)
            cost = trunk * near_p + weight[i] * (near_i - length[i]) + new_weight * near_new + dearer[p]
            if goes_round and cost < best_cost:
                within = trunk * _inside(mask, shape, spacing, pos[p], jx, jy, jz, near_p)
                within += weight[i] * _inside(mask, shape, spacing, pos[i], jx, jy, jz, near_i)
                within += new_weight * _inside(mask, shape, spacing, points[t], jx, jy, jz, near_new)
                old = weight[i] * _inside(mask, shape, spacing, pos[p], pos[i, 0], pos[i, 1], pos[i, 2], length[i])
                cost += DETOUR * (within - old)
            # a terminal on the vessel itself has no room for a junction of its own
            if cost < best_cost and near_new > 1e-3 * length[i]:
                best, best_cost = i, cost
                best_x, best_y, best_z = jx, jy, jz
        if best < 0:  # every vessel near by runs through the terminal: bend the nearest one aside
            best = near[0]
            p = parent[best]
            bend = 0.02 * length[best]
            best_x = 0.5 * (pos[p, 0] + pos[best, 0]) + bend
            best_y = 0.5 * (pos[p, 1] + pos[best, 1]) + 0.5 * bend
            best_z = 0.5 * (pos[p, 2] + pos[best, 2]) - bend
        p = parent[best]
        tip, fork = n, n + 1
        n += 2
        pos[tip, 0], pos[tip, 1], pos[tip, 2] = x, y, z
        pos[fork, 0], pos[fork, 1], pos[fork, 2] = best_x, best_y, best_z
        parent[tip], parent[fork], parent[best] = fork, p, fork
        flow[tip], flow[fork] = q, flow[best]
        weight[tip] = new_weight
        length[tip] = _distance(pos, fork, x, y, z)
        length[best] = _distance(pos, best, best_x, best_y, best_z)
        length[fork] = _distance(pos, p, best_x, best_y, best_z)
        a = fork
        while a != 0:
            flow[a] += q
            weight[a] = flow[a] ** power
            a = parent[a]
        flow[0] += q
        ends[t] = tip
    return n
