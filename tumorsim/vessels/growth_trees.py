"""The three trees inside the box: arteries with the feeders on them, portal veins, hepatic veins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tumorsim.anatomy.capsule import THROMBUS
from tumorsim.anatomy.segments import RIGHT_LOBE, Segments
from tumorsim.lattice import Lattice
from tumorsim.vessels.graph import Kind
from tumorsim.vessels.growth_feeders import entry_point
from tumorsim.vessels.growth_terminals import main_tumour
from tumorsim.vessels.growth_tree import CANDIDATES, Branch, Obstacle, Tree, grow_branch

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

ASIDE = 0.05  # of the spacing of exchange nodes: how far a tree's end lies beside its node
SIDE = {
    Kind.ARTERIAL: (0.77, -0.31, 0.56),
    Kind.PORTAL: (-0.29, 0.83, 0.48),
    Kind.VENOUS: (-0.41, -0.37, 0.83),
    Kind.EXTRAHEPATIC: (-0.52, 0.43, -0.74),
}
VEIN_AT = (0.3, 0.6, 1.0)  # where the veins of the box join, in half sides of the box: behind and above
TWIG = 0.07  # share of the way from a portal vessel to a node in the tumour that a twig goes


@dataclass(frozen=True)
class Nodes:
    """Exchange nodes, one row each.

    Attributes
    ----------
    position : array, shape (rows, 3)
        [m].
    compartment, segment : array of uint8, shape (rows,)
    order : array of int, shape (rows,)
        Rows in the order in which they are joined to a tree.
    arterial, portal : array, shape (rows,)
        Untreated inflow [m3/s].
    """

    position: Floats
    compartment: NDArray[np.uint8]
    segment: NDArray[np.uint8]
    order: Rows
    arterial: Floats
    portal: Floats

    @property
    def in_tumour(self) -> NDArray[np.bool_]:
        """Rows of the tumour itself, shape (rows,)."""
        return main_tumour(self.compartment)

    @cached_property
    def drains_to(self) -> Rows:
        """Row of liver into whose sinusoids each row drains, (rows,); -1 where it has a vein of its own.

        Tumours have no hepatic veins: their blood leaves by the sinusoids and portal venules of the liver
        around them (the corona of CT hepatic arteriography: Ueda 1998 Radiology 207:361, Kitao 2009 Radiology
        252:605), so it goes to the nearest liver that has blood. In a box without such liver all have veins.
        """
        to = np.full(len(self.position), -1, dtype=np.int64)
        inflow = self.arterial + self.portal
        liver = np.flatnonzero((self.compartment == 0) & (inflow > 0.0))
        growth = np.flatnonzero((self.compartment != 0) & (inflow > 0.0))
        if len(liver) and len(growth):
            to[growth] = liver[cKDTree(self.position[liver]).query(self.position[growth])[1]]
        return to

    @cached_property
    def drained(self) -> Floats:
        """Blood that every row's own vein carries, (rows,) [m3/s]: its own and what drains into it."""
        whole = self.arterial + self.portal
        by_others = self.drains_to >= 0
        own = np.where(by_others, 0.0, whole)
        np.add.at(own, self.drains_to[by_others], whole[by_others])
        return own


@dataclass(frozen=True)
class Box:
    """What the trees grow in: the lattice, the tissue of its sites (n_sites,), and the liver's segments.

    ``barrier`` (n_sites,) is what lies beside the tumour and is no liver.
    """

    lattice: Lattice
    compartment: NDArray[np.uint8]
    segments: Segments
    parameters: Mapping[str, float]
    barrier: NDArray[np.bool_] | None = None

    @cached_property
    def tumour(self) -> NDArray[np.bool_]:
        """Sites of the tumour itself, shape (n_sites,)."""
        return main_tumour(self.compartment)

    @property
    def exponent(self) -> float:
        """Murray's exponent."""
        return self.parameters["vessels.murray_exponent"]

    @property
    def obstacle(self) -> Obstacle:
        """The tumour, and organs beside it, which vessels of the liver go round."""
        mask = self.tumour if self.barrier is None else self.tumour | self.barrier
        return Obstacle(mask.view(np.uint8), np.array(self.lattice.shape), self.lattice.spacing)

    def tips(self, nodes: Nodes, kind: Kind) -> Floats:
        """Where the ends of a tree lie, (rows, 3) [m]: beside the exchange nodes, each tree elsewhere."""
        pitch = (self.lattice.n_sites * self.lattice.site_volume / len(nodes.position)) ** (1.0 / 3.0)
        return nodes.position + ASIDE * pitch * np.array(SIDE[kind])


def grow_arteries(box: Box, nodes: Nodes, artery: Tree, ends: Mapping[int, int], parts: list[Rows]) -> list[int]:
    """Liver and satellites on the segment arteries, then the feeders on those.

    A feeder belongs to the segment in which the middle of its part of the tumour lies. It makes for the
    nearest artery there that carries at least as much as itself, and joins where total volume grows least.

    Parameters
    ----------
    ends : dict of int to int
        Node of ``artery`` at the end of every segment artery.
    parts : list of int arrays
        Exchange rows of every feeder.

    Returns
    -------
    list of int
        Node of ``artery`` at the end of every feeder.
    """
    tips, demand, order = box.tips(nodes, Kind.ARTERIAL), nodes.arterial, nodes.order
    used = order[demand[order] > 0]
    branches: dict[int, Branch] = {}
    for k in RIGHT_LOBE:
        mine = used[(nodes.segment[used] == k) & ~nodes.in_tumour[used] & (nodes.compartment[used] != THROMBUS)]
        root = artery.position[ends[k]]
        branches[k] = grow_branch(root, tips[mine], demand[mine], mine, box.exponent, box.obstacle)
    at: list[tuple[int, int]] = []
    for part in parts:
        flow = float(demand[part].sum())
        middle = np.average(tips[part], axis=0, weights=demand[part] if flow > 0 else None)
        k = int(box.segments.of(middle.reshape(1, 3))[0])
        branch = branches[k]
        site = box.lattice.locate(branch.position)
        fit = (branch.flow >= flow) & ~((site >= 0) & box.tumour[site])
        fit[0] = True  # the segment artery itself
        near = branch.position[fit]
        target = near[np.argmin(((near - middle) ** 2).sum(axis=1))]
        point = entry_point(box.lattice, box.tumour, middle, target)
        every = len(branch.parent)
        tip = branch.extend(point.reshape(1, 3), np.array([flow]), box.exponent, every, box.obstacle)
        at.append((k, int(tip[0])))
    number = {k: artery.graft(ends[k], branch) for k, branch in branches.items()}
    found = []
    for i, ((k, local), part) in enumerate(zip(at, parts, strict=True)):
        node = int(number[k][local])
        artery.name[node] = f"feeder_{i + 1}"
        mine = used[np.isin(used, part)]
        artery.graft(node, grow_branch(artery.position[node], tips[mine], demand[mine], mine, box.exponent))
        found.append(node)
    return found


def grow_portal(box: Box, nodes: Nodes, vein: Tree, ends: Mapping[int, int]) -> None:
    """Portal tree on the segment veins.

    No portal vessel grows into a tumour or satellite: its node gets a twig of the nearest vessel of the
    liver, and the bed from there stands for the sinusoids by which portal blood crosses the border. These
    come last, the smallest at the very end, as little is gained by leading larger vessels to them.
    """
    tips = box.tips(nodes, Kind.PORTAL)
    liver = np.flatnonzero((nodes.compartment == 0) & (nodes.portal > 0))
    inner = np.flatnonzero((nodes.compartment > 0) & (nodes.portal > 0))
    if len(liver) and len(inner):
        _, near = cKDTree(nodes.position[liver]).query(nodes.position[inner])
        stem = tips[liver[near]]
        tips[inner] = stem + TWIG * (tips[inner] - stem)
    used = nodes.order[nodes.portal[nodes.order] > 0]
    segment = box.segments.of(tips)
    for k in RIGHT_LOBE:
        mine = used[segment[used] == k]
        outer, late = mine[nodes.compartment[mine] == 0], mine[nodes.compartment[mine] != 0]
        late = late[np.argsort(-nodes.portal[late], kind="stable")]
        root = vein.position[ends[k]]
        branch = grow_branch(root, tips[outer], nodes.portal[outer], outer, box.exponent, box.obstacle)
        more = branch.extend(tips[late], nodes.portal[late], box.exponent, CANDIDATES, box.obstacle)
        branch.ends, branch.rows = np.concatenate([branch.ends, more]), np.concatenate([branch.rows, late])
        vein.graft(ends[k], branch)


def grow_veins(box: Box, nodes: Nodes) -> Tree:
    """The right hepatic vein: it ends at node 0, and the veins of the box join at node 1.

    It drains liver; tumours drain into the liver around them (`Nodes.drains_to`).
    """
    joint = 0.5 * np.array(box.lattice.size) * VEIN_AT
    end = joint + box.parameters["vessels.hepatic_vein_length"] * np.array([0.48, 0.36, 0.8])
    tree = Tree(Kind.VENOUS, end.reshape(1, 3), np.array([-1]))
    node = tree.add(0, joint, "hepatic_vein")
    demand = nodes.drained
    mine = nodes.order[demand[nodes.order] > 0]
    tips = box.tips(nodes, Kind.VENOUS)[mine]
    tree.graft(node, grow_branch(joint, tips, demand[mine], mine, box.exponent, box.obstacle))
    return tree
