"""In which order the nodes of a network are eliminated, and where that creates new connections.

Approximate minimum degree on the quotient graph (Amestoy, Davis and Duff 1996, SIAM J Matrix Anal Appl 17:886),
without supervariables, followed by a postorder of the elimination tree. Trees come out from the leaves to the root
without any new connection. Depends on the graph alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorsim._jit import njit

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Pattern:
    """Where the factor of a network has entries; columns and rows are numbered in the order of elimination.

    Attributes
    ----------
    place : array of int, shape (n,)
        Column of every node.
    column_start, row : array of int, shapes (n + 1,), (entries,)
        Rows of every column below the diagonal, ascending.
    row_start, column, entry : array of int, shapes (n + 1,), (entries,), (entries,)
        The same entries by row: their columns, ascending, and their place among `row`.
    block : array of int, shape (n,)
        Columns of one block follow each other and have the same rows, below each other's own.
    slot : array of int, shape (m,)
        Entry of every edge; -1 where an end is never eliminated.
    edge_start, edge : array of int, shapes (n + 1,), (edges with a slot,)
        Edges by the column of their entry, ascending.
    """

    place: Ints
    column_start: Ints
    row: NDArray[np.int32]
    row_start: Ints
    column: NDArray[np.int32]
    entry: Ints
    block: Ints
    slot: Ints
    edge_start: Ints
    edge: Ints


def pattern_of(tail: NDArray[np.int32], head: NDArray[np.int32], never: NDArray[np.bool_]) -> Pattern:
    """Order the nodes of a network and find the entries of its factor.

    Parameters
    ----------
    tail, head : array of int32, shape (m,)
        End nodes of every edge; parallel edges are allowed.
    never : array of bool, shape (n,)
        Nodes that are never eliminated, whatever is closed: those with a given pressure.
    """
    n = len(never)
    order, start, below = _minimum_degree(n, tail, head, never)
    place = _postorder(n, order, start, below)
    column_start, row, row_start, column, entry = _by_column_and_row(n, order, place, start, below)
    slot, edge_start, edge = _edges(n, tail, head, never, place, column_start, row)
    block = _blocks(column_start, row)
    return Pattern(place, column_start, row, row_start, column, entry, block, slot, edge_start, edge)


def _blocks(column_start: Ints, row: NDArray[np.int32]) -> Ints:
    """Block of every column: it goes on where the next column is the first row and has all other rows."""
    size = np.diff(column_start)
    n = len(size)
    first = np.full(n, n, dtype=np.int64)
    first[size > 0] = row[column_start[:-1][size > 0]]
    goes_on = (first[:-1] == np.arange(1, n)) & (size[:-1] == size[1:] + 1)
    return np.concatenate([[0], np.cumsum(~goes_on)]) if n else np.zeros(0, dtype=np.int64)


@njit
def _edges(n, tail, head, never, place, column_start, row):  # type: ignore[no-untyped-def]
    """Entry of every edge, and the edges by column."""
    m = len(tail)
    slot = np.full(m, -1, dtype=np.int64)
    edge_start = np.zeros(n + 1, dtype=np.int64)
    for e in range(m):
        if not (never[tail[e]] or never[head[e]]):
            a, b = place[tail[e]], place[head[e]]
            j, i = min(a, b), max(a, b)
            slot[e] = column_start[j] + np.searchsorted(row[column_start[j] : column_start[j + 1]], i)
            edge_start[j + 1] += 1
    for j in range(n):
        edge_start[j + 1] += edge_start[j]
    edge = np.empty(edge_start[n], dtype=np.int64)
    at = edge_start[:-1].copy()
    for e in range(m):
        if slot[e] >= 0:
            j = min(place[tail[e]], place[head[e]])
            edge[at[j]] = e
            at[j] += 1
    return slot, edge_start, edge


@njit
def _minimum_degree(n, tail, head, never):  # type: ignore[no-untyped-def]
    """Nodes in the order of elimination, and for each the nodes it is joined to at that moment."""
    start = np.zeros(n + 1, dtype=np.int64)
    for e in range(len(tail)):
        if not (never[tail[e]] or never[head[e]]):
            start[tail[e] + 1] += 1
            start[head[e] + 1] += 1
    for i in range(n):
        start[i + 1] += start[i]
    # of every node not yet eliminated: first the elements (eliminated neighbours), then plain neighbours
    around = np.empty(start[n], dtype=np.int32)
    size = np.zeros(n, dtype=np.int64)
    for e in range(len(tail)):
        a, b = tail[e], head[e]
        if not (never[a] or never[b]):
            around[start[a] + size[a]] = b
            around[start[b] + size[b]] = a
            size[a] += 1
            size[b] += 1
    mark = np.full(n, -1, dtype=np.int64)
    elements = np.zeros(n, dtype=np.int64)
    degree = np.zeros(n, dtype=np.int64)
    for i in range(n):
        kept = start[i]
        for t in range(start[i], start[i] + size[i]):  # parallel edges count once
            if mark[around[t]] != i:
                mark[around[t]] = i
                around[kept] = around[t]
                kept += 1
        size[i] = degree[i] = kept - start[i]
    mark[:] = -1
    first = np.full(n + 1, -1, dtype=np.int64)  # lists of nodes of equal degree
    after, before = np.full(n, -1, dtype=np.int64), np.full(n, -1, dtype=np.int64)
    for i in range(n - 1, -1, -1):
        d = degree[i]
        after[i] = first[d]
        if first[d] >= 0:
            before[first[d]] = i
        first[d] = i
    alive = np.zeros(n, dtype=np.bool_)  # elements
    outside, stamp = np.zeros(n, dtype=np.int64), np.full(n, -1, dtype=np.int64)
    order = np.empty(n, dtype=np.int64)
    element = np.empty(n, dtype=np.int64)  # when an element was eliminated
    column = np.zeros(n + 1, dtype=np.int64)
    below = np.empty(max(16, 4 * start[n]), dtype=np.int32)
    end, least = 0, 0
    for k in range(n):
        while first[least] < 0:
            least += 1
        p = first[least]
        first[least] = after[p]
        if after[p] >= 0:
            before[after[p]] = -1
        order[k], element[p] = p, k
        if end + n - k > len(below):
            wider = np.empty(max(2 * len(below), end + n), dtype=np.int32)
            wider[:end] = below[:end]
            below = wider
        mark[p] = k
        for t in range(start[p], start[p] + size[p]):
            if t < start[p] + elements[p]:
                e = around[t]
                if alive[e]:
                    alive[e] = False
                    for u in range(column[element[e]], column[element[e] + 1]):
                        i = below[u]
                        if mark[i] != k:
                            mark[i] = k
                            below[end] = i
                            end += 1
            elif mark[around[t]] != k:
                mark[around[t]] = k
                below[end] = around[t]
                end += 1
        column[k + 1] = end
        count = end - column[k]
        alive[p] = count > 0
        for u in range(column[k], end):
            i = below[u]
            for t in range(start[i], start[i] + elements[i]):
                e = around[t]
                if alive[e]:
                    if stamp[e] != k:
                        stamp[e] = k
                        outside[e] = column[element[e] + 1] - column[element[e]]
                    outside[e] -= 1
        for u in range(column[k], end):
            i = below[u]
            d, kept = count - 1, start[i]
            for t in range(start[i], start[i] + elements[i]):
                e = around[t]
                if alive[e]:
                    if outside[e] == 0:  # all of it is in the new element
                        continue
                    d += outside[e]
                    around[kept] = e
                    kept += 1
            split = kept
            for t in range(start[i] + elements[i], start[i] + size[i]):
                if mark[around[t]] != k:
                    around[kept] = around[t]
                    kept += 1
                    d += 1
            if kept > split:
                around[kept] = around[split]
            around[split] = p  # there is room: p or an element that p took up was in the list
            elements[i] = split + 1 - start[i]
            size[i] = kept + 1 - start[i]
            d = min(d, degree[i] + count - 1, n - k - 2)
            if before[i] >= 0:
                after[before[i]] = after[i]
            else:
                first[degree[i]] = after[i]
            if after[i] >= 0:
                before[after[i]] = before[i]
            degree[i] = d
            before[i], after[i] = -1, first[d]
            if first[d] >= 0:
                before[first[d]] = i
            first[d] = i
            least = min(least, d)
    return order, column, below[:end].copy()


@njit
def _postorder(n, order, start, below):  # type: ignore[no-untyped-def]
    """New number of every node: children of the elimination tree right before their parent."""
    when = np.empty(n, dtype=np.int64)
    for k in range(n):
        when[order[k]] = k
    parent = np.full(n, n, dtype=np.int64)
    for k in range(n):
        for u in range(start[k], start[k + 1]):
            parent[k] = min(parent[k], when[below[u]])
    child, sibling = np.full(n + 1, -1, dtype=np.int64), np.full(n, -1, dtype=np.int64)
    for k in range(n - 1, -1, -1):
        sibling[k] = child[parent[k]]
        child[parent[k]] = k
    place = np.empty(n, dtype=np.int64)
    stack = np.empty(n + 1, dtype=np.int64)
    stack[0], top, done = n, 1, 0
    while top > 0:
        k = stack[top - 1]
        if child[k] >= 0:
            stack[top] = child[k]
            child[k] = sibling[child[k]]
            top += 1
        else:
            top -= 1
            if k < n:
                place[order[k]] = done
                done += 1
    return place


@njit
def _by_column_and_row(n, order, place, start, below):  # type: ignore[no-untyped-def]
    """Entries by column with ascending rows, and by row with ascending columns."""
    when = np.empty(n, dtype=np.int64)
    for k in range(n):
        when[place[order[k]]] = k
    row_start = np.zeros(n + 1, dtype=np.int64)
    column_start = np.zeros(n + 1, dtype=np.int64)
    for j in range(n):
        k = when[j]
        column_start[j + 1] = column_start[j] + start[k + 1] - start[k]
        for u in range(start[k], start[k + 1]):
            row_start[place[below[u]] + 1] += 1
    for i in range(n):
        row_start[i + 1] += row_start[i]
    column = np.empty(len(below), dtype=np.int32)
    entry = np.empty(len(below), dtype=np.int64)
    row = np.empty(len(below), dtype=np.int32)
    at = row_start[:-1].copy()
    for j in range(n):
        k = when[j]
        for u in range(start[k], start[k + 1]):
            i = place[below[u]]
            column[at[i]] = j
            at[i] += 1
    at = column_start[:-1].copy()
    for i in range(n):
        for t in range(row_start[i], row_start[i + 1]):
            j = column[t]
            row[at[j]] = i
            entry[t] = at[j]
            at[j] += 1
    return column_start, row, row_start, column, entry
