"""Elimination of the nodes of a network of conductances, without a single subtraction.

Taking a node out of a network joins its neighbours: g_ij grows by g_ik g_jk / s_k, and what i loses to given
pressures grows by g_ik h_k / s_k, where s_k is the sum of all that leaves k. Diagonals are summed anew instead of
being diminished, so all numbers keep their digits over any span of conductances (O'Cinneide 1993, Numer Math 65:109).

The column of a node depends on the conductances below it in the elimination tree only, and its sums are made in
one fixed order. Columns whose inputs are bit for bit those of the last call are kept: the factor is the same, bit
for bit, as one made from nothing, and closing a few vessels is cheap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumorsim._jit import njit
from tumorsim.vessels.ordering import pattern_of

Floats = NDArray[np.float64]


class Elimination:
    """Solves the weighted Laplacian of one network for any conductances.

    Parameters
    ----------
    tail, head : array of int32, shape (m,)
        End nodes of every edge.
    never : array of bool, shape (n,)
        Nodes that are never free.
    """

    def __init__(self, tail: NDArray[np.int32], head: NDArray[np.int32], never: NDArray[np.bool_]) -> None:
        self._tail, self._head = tail, head
        self._pattern = p = pattern_of(tail, head, never)
        n = len(never)
        self._value = np.zeros(len(p.row))
        self._sum = np.ones(n)
        self._lost = np.zeros(n)
        self._last: tuple[Floats, Floats, NDArray[np.bool_]] | None = None  # inputs of the factor as it stands
        self.columns_made = 0  # of the last call of `factorise`

    def factorise(self, free: NDArray[np.bool_], conductance: Floats) -> None:
        """Eliminate.

        Parameters
        ----------
        free : array of bool, shape (n,)
            Nodes whose pressure is unknown; each must be joined to one that is not free.
        conductance : array, shape (m,)
            0 for edges that do not count.
        """
        p = self._pattern
        n = len(free)
        joint, ground = np.zeros(len(conductance)), np.zeros(n)
        _inputs(free, conductance, self._tail, self._head, p.place, joint, ground)
        stale = np.ones(n, dtype=bool)
        if self._last is not None:
            stale[:] = False
            _mark(self._tail, self._head, p.place, joint, ground, free, *self._last, stale)
        self._last = None  # until the factor is whole
        self.columns_made = _eliminate(
            p.column_start, p.row, p.row_start, p.column, p.entry, p.block, p.slot, p.edge_start, p.edge, joint, ground,
            stale, self._value, self._sum, self._lost,
        )  # fmt: skip
        self._last = joint, ground, free.copy()

    def solve(self, surplus: Floats) -> Floats:
        """Pressures of the free nodes that let `surplus` [m3/s] leave, shape (n,); 0 in other nodes.

        Raises
        ------
        RuntimeError
            Before the first `factorise`.
        """
        if self._last is None:
            raise RuntimeError("elimination: nothing has been factorised")
        p = self._pattern
        x = np.empty(len(surplus))
        _substitute(p.place, p.column_start, p.row, self._value, self._sum, self._last[2], surplus, x)
        return x


@njit
def _inputs(free, conductance, tail, head, place, joint, ground):  # type: ignore[no-untyped-def]
    """Conductances between free nodes, and from free nodes to given pressures."""
    for e in range(len(tail)):
        a, b, g = tail[e], head[e], conductance[e]
        if g > 0.0:
            if free[a] and free[b]:
                joint[e] = g
            elif free[a]:
                ground[place[a]] += g
            elif free[b]:
                ground[place[b]] += g


@njit
def _mark(  # type: ignore[no-untyped-def]
    tail, head, place, joint, ground, free, last_joint, last_ground, last_free, stale
):
    """Columns whose inputs differ from those of the last factor."""
    for e in range(len(tail)):
        if joint[e] != last_joint[e]:
            stale[min(place[tail[e]], place[head[e]])] = True
    for i in range(len(free)):
        j = place[i]
        if free[i] != last_free[i] or ground[j] != last_ground[j]:
            stale[j] = True


@njit
def _eliminate(  # type: ignore[no-untyped-def]
    column_start, row, row_start, column, entry, block, slot, edge_start, edge, joint, ground, stale, value, total, lost
):
    """Make the stale columns anew, and those that depend on one that has changed; their number.

    The columns of a block have the same rows, so what they bring to a later column is summed side by side before
    it is put in its places.
    """
    n = len(ground)
    work = np.zeros(n)
    most = 0
    for j in range(n):
        most = max(most, column_start[j + 1] - column_start[j])
    heap = np.empty(most + 1)
    share = np.empty(4)
    made = 0
    for j in range(n):
        if not stale[j]:
            continue
        made += 1
        first, last = column_start[j], column_start[j + 1]
        for t in range(edge_start[j], edge_start[j + 1]):
            work[row[slot[edge[t]]]] += joint[edge[t]]
        leak = ground[j]
        t, stop = row_start[j], row_start[j + 1]
        while t < stop:
            one = block[column[t]]
            end = t + 1
            while end < stop and block[column[end]] == one:
                end += 1
            u = entry[t]
            count = column_start[column[t] + 1] - u - 1
            if end == t + 1:
                k = column[t]
                if value[u] > 0.0:
                    part = value[u] / total[k]
                    leak += part * lost[k]
                    for v in range(u + 1, u + 1 + count):
                        work[row[v]] += part * value[v]
                t = end
                continue
            sums = heap[:count]
            sums[:] = 0.0
            rows = row[u + 1 : u + 1 + count]
            while t < end:
                taken = min(4, end - t)
                for i in range(taken):
                    k = column[t + i]
                    share[i] = value[entry[t + i]] / total[k]
                    leak += share[i] * lost[k]
                if taken == 4:
                    a, b, c, d = entry[t] + 1, entry[t + 1] + 1, entry[t + 2] + 1, entry[t + 3] + 1
                    _add_four(
                        sums, value[a : a + count], value[b : b + count], value[c : c + count], value[d : d + count],
                        share[0], share[1], share[2], share[3],
                    )  # fmt: skip
                else:
                    for i in range(taken):
                        a = entry[t + i] + 1
                        _add_one(sums, value[a : a + count], share[i])
                t += taken
            for v in range(count):
                work[rows[v]] += sums[v]
        out = leak
        changed = lost[j] != leak
        for v in range(first, last):
            new = work[row[v]]
            work[row[v]] = 0.0
            changed |= new != value[v]
            value[v] = new
            out += new
        if out == 0.0:
            out = 1.0  # not free: nothing is joined to it
        changed |= total[j] != out
        lost[j], total[j] = leak, out
        if changed:
            for v in range(first, last):
                stale[row[v]] = True
    return made


@njit
def _add_one(sums, one, share):  # type: ignore[no-untyped-def]
    for v in range(len(sums)):
        sums[v] += share * one[v]


@njit
def _add_four(sums, one, two, three, four, a, b, c, d):  # type: ignore[no-untyped-def]
    for v in range(len(sums)):
        sums[v] += (a * one[v] + b * two[v]) + (c * three[v] + d * four[v])


@njit
def _substitute(place, column_start, row, value, total, free, surplus, x):  # type: ignore[no-untyped-def]
    n = len(place)
    y = np.zeros(n)
    for i in range(n):
        if free[i]:
            y[place[i]] = surplus[i]
    for j in range(n):
        if y[j] != 0.0:
            share = y[j] / total[j]
            for v in range(column_start[j], column_start[j + 1]):
                y[row[v]] += share * value[v]
    for j in range(n - 1, -1, -1):
        found = y[j]
        for v in range(column_start[j], column_start[j + 1]):
            found += value[v] * y[row[v]]
        y[j] = found / total[j]
    for i in range(n):
        x[i] = y[place[i]] if free[i] else 0.0
