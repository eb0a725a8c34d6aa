"""The named part of the grown trees: trunk, lobes and segments, and the liver that is not in the box.

The box lies in the right lobe. Axes are the patient's: +x to the left, +y to the back, +z to the head. The
hilum is beyond the +x face; the liver's segments outside the box hang on their segment vessels as one lumped
rest each, so the trunk carries the flow of the whole liver.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tumorsim.chance import Purpose, uniforms
from tumorsim.lattice import Lattice
from tumorsim.vessels.graph import Kind
from tumorsim.vessels.growth_feeders import along
from tumorsim.vessels.growth_tree import Tree

Floats = NDArray[np.float64]

RIGHT_LOBE = (5, 6, 7, 8)
PREFIX = {Kind.ARTERIAL: "", Kind.PORTAL: "portal_"}
TRUNK = {Kind.ARTERIAL: "proper_hepatic", Kind.PORTAL: "portal_main"}
GAP = 8e-3  # m from the end of the right branch to the box: schematic
LEFT_REACH = 30e-3  # m from the left branch to its segments: schematic
REST_REACH = 10e-3  # m from a segment vessel to the rest of its segment: schematic
ASIDE = {Kind.ARTERIAL: -1.5e-3, Kind.PORTAL: 1.5e-3}  # m along y: artery in front of portal vein


@dataclass(frozen=True)
class Segments:
    """Two planes that part the right lobe into Couinaud's segments 5 to 8.

    Attributes
    ----------
    point : array, shape (3,)
        Where both planes pass [m].
    back, up : array, shape (3,)
        Unit normals of the plane of the right hepatic vein (front and back) and of that of the portal
        vein (lower and upper).
    """

    point: Floats
    back: Floats
    up: Floats

    @classmethod
    def draw(
        cls, lattice: Lattice, centre: Floats, seed: int, patient: int, parameters: Mapping[str, float]
    ) -> Segments:
        """Planes near ``centre`` [m], placed and tilted by key (`vessels.segment_offset`, `.._tilt`)."""
        u = 2.0 * uniforms(seed, patient, Purpose.SEGMENT, np.arange(5)) - 1.0
        offset = u[:3] * np.minimum(parameters["vessels.segment_offset"], 0.3 * np.array(lattice.size))
        about_z, about_y = u[3:] * parameters["vessels.segment_tilt"]
        back = np.array([np.sin(about_z), np.cos(about_z), 0.0])
        up = np.array([np.sin(about_y), 0.0, np.cos(about_y)])
        return cls(centre + offset, back, up)

    def of(self, points: Floats) -> NDArray[np.uint8]:
        """Segment, 5 to 8, of points [m]: ``(n, 3) -> (n,)``."""
        away = points - self.point
        behind, above = along(away, self.back) >= 0.0, along(away, self.up) >= 0.0
        return np.where(above, np.where(behind, 7, 8), np.where(behind, 6, 5)).astype(np.uint8)


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
        Node at the end of every segment vessel, 1 to 8.
    """
    prefix, trunk = PREFIX[kind], TRUNK[kind]
    shift = np.array([0.0, ASIDE[kind], 0.0])
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
    return tree, ends


def entries(lattice: Lattice, points: Floats, segment: NDArray[np.uint8]) -> dict[int, Floats]:
    """Where the vessels of segments 5 to 8 reach the +x face of the box [m].

    At the height of the middle of the segment's ``points`` (n, 3); where the box holds none, at the corner
    of the face that is nearest to the segment.
    """
    half = 0.5 * np.array(lattice.size)
    found = {}
    for k in RIGHT_LOBE:
        own = points[segment == k]
        side = np.array([1.0 if k in (6, 7) else -1.0, 1.0 if k in (7, 8) else -1.0])
        yz = own[:, 1:].mean(axis=0) if len(own) else side * half[1:]
        # apart by a little, also where two segments have their middle at the same height
        found[k] = np.array([half[0], *(yz + 1e-4 * side)])
    return found


def rest_position(end: Floats, right_end: Floats) -> Floats:
    """Where the rest of a segment is drawn: beyond the end of its vessel [m]."""
    away = end - right_end
    size = float(np.linalg.norm(away))
    return np.asarray(end + REST_REACH * (away / size if size > 0.0 else np.array([0.0, 1.0, 0.0])))
