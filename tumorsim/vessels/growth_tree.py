"""Constrained constructive optimisation: a tree that grows by one terminal at a time at least blood volume.

Schreiner and Buxbaum 1993 (IEEE Trans Biomed Eng 40:482). A tree is a set of nodes with a parent each; the
vessel of a node is the one that comes from its parent. Radii follow from flow by Murray's law, r^g ~ q, so
the volume of a vessel of length l is proportional to q^(2/g) l, and no radius is needed while it grows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tumorsim.vessels.graph import Kind
from tumorsim.vessels.growth_cco import extend_tree, in_the_way

CANDIDATES = 16  # nearest vessels tried for each new terminal

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Obstacle:
    """Sites that vessels go round where that is not too long: mask (n_sites,) uint8 of a lattice."""

    mask: NDArray[np.uint8]
    shape: NDArray[np.int64]
    spacing: float


NO_OBSTACLE = Obstacle(np.zeros(0, dtype=np.uint8), np.zeros(3, dtype=np.int64), 1.0)


@dataclass
class Tree:
    """A tree of vessels of one kind while it is built; node 0 is its root.

    Attributes
    ----------
    position : array, shape (n, 3)
        [m].
    parent : array of int64, shape (n,)
        -1 at the root.
    name : dict of int to str
        Name of the vessel that comes to a node from its parent.
    leaves, rows : list of arrays
        Terminal nodes and the exchange rows that they serve.
    """

    kind: Kind
    position: Floats
    parent: NDArray[np.int64]
    name: dict[int, str] = field(default_factory=dict)
    leaves: list[NDArray[np.int64]] = field(default_factory=list)
    rows: list[NDArray[np.int64]] = field(default_factory=list)

    def add(self, parent: int, position: Floats, name: str = "") -> int:
        """Append one node and return its number."""
        self.position = np.vstack([self.position, position])
        self.parent = np.append(self.parent, parent)
        node = len(self.parent) - 1
        if name:
            self.name[node] = name
        return node

    def graft(self, at: int, branch: Branch) -> NDArray[np.int64]:
        """Put a branch on node ``at``, which becomes the branch's root; new numbers of the branch's nodes."""
        first = len(self.parent)
        number = np.arange(len(branch.parent)) + first - 1
        number[0] = at
        self.position = np.vstack([self.position, branch.position[1:]])
        self.parent = np.concatenate([self.parent, number[branch.parent[1:]]])
        self.leaves.append(number[branch.ends])
        self.rows.append(branch.rows)
        return number

    def depth(self) -> NDArray[np.int64]:
        """Number of vessels between every node and the root, shape (n,)."""
        n = len(self.parent)
        steps = np.where(self.parent >= 0, 1, 0)
        above = np.where(self.parent >= 0, self.parent, 0)
        while above.any():  # pointer doubling; the root is node 0
            steps = steps + steps[above]
            above = above[above]
        assert len(steps) == n
        return steps


@dataclass
class Branch:
    """A part of a tree that grows on its own; node 0 is its root.

    ``ends`` are the terminal nodes, in the order of ``rows``, the exchange rows that they serve.
    """

    position: Floats
    parent: NDArray[np.int64]
    flow: Floats
    ends: NDArray[np.int64]
    rows: NDArray[np.int64]

    def extend(
        self,
        points: Floats,
        flows: Floats,
        exponent: float,
        candidates: int,
        obstacle: Obstacle = NO_OBSTACLE,
    ) -> NDArray[np.int64]:
        """Add terminals at ``points`` (k, 3) [m] with ``flows`` (k,) [m3/s]; returns their nodes (k,)."""
        n, k = len(self.parent), len(points)
        size = n + 2 * k
        position, parent, flow = np.empty((size, 3)), np.full(size, -1, dtype=np.int64), np.zeros(size)
        position[:n], parent[:n], flow[:n] = self.position, self.parent, self.flow
        ends = np.empty(k, dtype=np.int64)
        n = extend_tree(
            position,
            parent,
            flow,
            n,
            np.ascontiguousarray(points, dtype=np.float64),
            np.ascontiguousarray(flows, dtype=np.float64),
            max(1, candidates),
            2.0 / exponent,
            obstacle.mask,
            obstacle.shape,
            obstacle.spacing,
            ends,
        )
        self.position, self.parent, self.flow = position[:n], parent[:n], flow[:n]
        return ends


def grow_branch(
    root: Floats,
    points: Floats,
    flows: Floats,
    rows: NDArray[np.int64],
    exponent: float,
    obstacle: Obstacle = NO_OBSTACLE,
) -> Branch:
    """Branch from ``root`` (3,) to terminals that carry ``flows`` (see `Branch.extend`).

    They are added in the order given, but those in the shadow of the obstacle after all others, the deepest
    last: the first vessels are long and become the largest, and so stay clear of it.
    """
    if len(obstacle.mask) and len(points):
        points = np.ascontiguousarray(points)
        hidden = in_the_way(obstacle.mask, obstacle.shape, obstacle.spacing, np.ascontiguousarray(root), points)
        turn = np.argsort(hidden, kind="stable")
        points, flows, rows = points[turn], flows[turn], rows[turn]
    branch = Branch(root.reshape(1, 3), np.array([-1]), np.zeros(1), np.zeros(0, dtype=np.int64), rows)
    branch.ends = branch.extend(points, flows, exponent, CANDIDATES, obstacle)
    return branch
