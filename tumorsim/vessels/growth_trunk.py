"""The named part of the grown trees: trunk, lobes and segments, and the liver that is not in the box.

The box lies in the right lobe. Axes are the patient's: +x to the left, +y to the back, +z to the head. The
hilum is beyond the +x face; the liver's segments outside the box hang on their segment vessels as one lumped
rest each, so the trunk carries the flow of the whole liver.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy.segments import ASIDE, RIGHT_LOBE
from tumorsim.lattice import Lattice
from tumorsim.vessels.graph import Kind
from tumorsim.vessels.growth_tree import Tree

Floats = NDArray[np.float64]

PREFIX = {Kind.ARTERIAL: "", Kind.PORTAL: "portal_"}
TRUNK = {Kind.ARTERIAL: "proper_hepatic", Kind.PORTAL: "portal_main"}
GAP = 8e-3  # m from the end of the right branch to the box: schematic
LEFT_REACH = 30e-3  # m from the left branch to its segments: schematic
REST_REACH = 10e-3  # m from a segment vessel to the rest of its segment: schematic
SHIFT = {Kind.ARTERIAL: -ASIDE, Kind.PORTAL: ASIDE}  # m along y: artery in front of portal vein
ORGAN_REACH = 20e-3  # m from the liver's artery to an organ that its branch supplies: schematic


def rest_volumes(box_volume: Mapping[int, float], parameters: Mapping[str, float]) -> dict[int, float]:
    """Volume [m3] of every segment, 1 to 8, outside the box, given that of its liver in the box.

    The left segments lie outside. What the right lobe has beyond the box is shared among its segments by
    what each still lacks; nothing where the box holds more than the right lobe.
    """
    liver = parameters["vessels.liver_volume"]
    whole = {k: parameters[f"vessels.segment_{k}_share"] * liver for k in range(1, 9)}
    lack = {k: max(0.0, whole[k] - box_volume.get(k, 0.0)) for k in RIGHT_LOBE}
    beyond = max(0.0, sum(whole[k] for k in RIGHT_LOBE) - sum(box_volume.values()))
    total = sum(lack.values())
    for k in RIGHT_LOBE:
        whole[k] = beyond * lack[k] / total if total > 0.0 else 0.0
    return whole


def make_trunk(
    kind: Kind, lattice: Lattice, entry: Mapping[int, Floats], parameters: Mapping[str, float]
) -> tuple[Tree, dict[int, int]]:
    """Root to segment ends of the artery or the portal vein.

    Parameters
    ----------
    entry : dict of int to array, shape (3,)
        Where the vessels of segments 5 to 8 reach the box [m].

    Returns
    -------
    tree : Tree
    ends : dict of int to int
        Node at the end of every segment vessel, 1 to 8. The artery also has `cystic_artery`, which leaves the
        right hepatic artery at its end, and `right_gastric`, which leaves the proper hepatic artery at its end.
    """
    prefix, trunk = PREFIX[kind], TRUNK[kind]
    shift = np.array([0.0, SHIFT[kind], 0.0])
    lobar = parameters["vessels.lobar_length"]
    right_end = np.array([0.5 * lattice.size[0] + GAP, 0.0, 0.0]) + shift
    hilum = right_end + lobar * np.array([1.0, 0.0, 0.0])
    left_end = hilum + lobar * np.array([0.8, -0.6, 0.0])
    root = hilum + parameters[f"vessels.{trunk}_length"] * np.array([0.48, 0.6, -0.64])
    tree = Tree(kind, root.reshape(1, 3), np.array([-1]))
    node = tree.add(0, hilum, trunk)
    right = tree.add(node, right_end, prefix + "right")
    left = tree.add(node, left_end, prefix + "left")
    ends = {}
    fan = {1: (0.0, 0.8, 0.6), 2: (0.8, 0.36, 0.48), 3: (0.8, -0.36, -0.48), 4: (0.0, -0.8, -0.6)}
    for k, direction in fan.items():
        ends[k] = tree.add(left, left_end + LEFT_REACH * np.array(direction), f"{prefix}segment_{k}")
    for k in RIGHT_LOBE:
        ends[k] = tree.add(right, entry[k] + shift, f"{prefix}segment_{k}")
    if kind == Kind.ARTERIAL:  # branches to other organs, which beads can reach
        tree.add(right, right_end + ORGAN_REACH * np.array([0.28, -0.6, -0.75]), "cystic_artery")
        tree.add(node, hilum + ORGAN_REACH * np.array([0.8, 0.0, -0.6]), "right_gastric")
    return tree, ends


def rest_position(end: Floats, right_end: Floats) -> Floats:
    """Where the rest of a segment is drawn: beyond the end of its vessel [m]."""
    away = end - right_end
    size = float(np.linalg.norm(away))
    return np.asarray(end + REST_REACH * (away / size if size > 0.0 else np.array([0.0, 1.0, 0.0])))
