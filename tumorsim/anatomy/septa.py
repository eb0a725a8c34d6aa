"""Septa: planes that cut the tumour into compartments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorsim import chance
from tumorsim.anatomy.capsule import ring, sphere
from tumorsim.errors import InputError

_GOOD = 0.2  # a cut is good where each part has this share of the volume, and of the border, of what is cut
_ATTEMPTS = 100


@dataclass(frozen=True)
class Septum:
    """A plane across one compartment.

    ``labels`` are the compartment that was cut, which keeps its label on the side that the normal points
    away from, and the new one on the side it points to. Later septa may cut either again.
    """

    point: tuple[float, float, float]
    """A point of the plane [m], from the tumour's centre."""
    normal: tuple[float, float, float]
    """Unit vector."""
    labels: tuple[int, int]

    def side(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Signed distance of (n, 3) points to the plane [m], (n,), positive in the new compartment."""
        normal = np.array(self.normal)
        return np.asarray(points @ normal - np.dot(self.point, normal), dtype=np.float64)


def make_septa(
    count: int,
    semi_axes: Sequence[float],
    seed: int,
    patient: int,
    parameters: Mapping[str, float],
    slab: bool,
    cloud: tuple[NDArray[np.float64], NDArray[np.float64], float] | None = None,
) -> tuple[Septum, ...]:
    """Draw the patient's ``count`` septa; they make exactly ``count + 1`` compartments, labelled from 1.

    Each septum cuts the compartment that is largest so far (its share of the tumour's volume and of the
    border together) by a plane of keyed random direction (uniform on the sphere; in a slab, in its plane)
    through a point near the compartment's middle, and spans that compartment only. A compartment is then
    the tumour within some half-spaces: convex, hence connected. A cut that leaves a sliver, or little border
    to a part, is drawn again; where none of 100 is good, the most even of them is taken. The work is done on
    a fixed cloud of points, so that the septa do not depend on the spacing of the lattice.

    ``cloud`` gives a body of another form: points inside, points of its border, (n, 3) each [m], and its volume
    [m3]. Its compartments need not be convex, nor of one piece before `join_strays`.

    Raises
    ------
    InputError
        Where no plane drawn leaves border to both parts.
    """
    axes = np.array([*semi_axes[:2], 0.0 if slab else semi_axes[2]])
    if cloud is None:
        inner = _body(slab) * axes
        outer = (ring(2000) if slab else sphere(4000)) * axes
    else:
        inner, outer, volume = cloud
    labels_in = np.ones(len(inner), dtype=np.int64)
    labels_out = np.ones(len(outer), dtype=np.int64)
    dims = 2 if slab else 3
    # share of the bounding box that the body fills, over the points that sample it
    held = float(np.prod(2 * axes[:dims])) * (0.785 if slab else 0.524) if cloud is None else volume
    per_point = held / len(inner)
    septa: list[Septum] = []
    for number in range(count):
        shares = np.bincount(labels_in) / len(inner) + np.bincount(labels_out) / len(outer)
        parent = int(shares.argmax())  # the lowest label of equals
        points, border = inner[labels_in == parent], outer[labels_out == parent]
        middle = points.mean(axis=0)
        size = (len(points) * per_point) ** (1 / dims)
        best, evenness = None, 0.0
        for attempt in range(_ATTEMPTS):
            z = chance.normals(seed, patient, chance.Purpose.SEPTA, number * 8 + np.arange(6), step=attempt)
            if slab:
                z[[2, 5]] = 0.0
            normal = z[:3] / np.sqrt(np.dot(z[:3], z[:3]))
            point = middle + parameters["anatomy.septum_cut_spread"] * size * z[3:]
            septum = Septum(_triple(point), _triple(normal), (parent, number + 2))
            part, reach = np.mean(septum.side(points) > 0), np.mean(septum.side(border) > 0)
            even = float(min(part, 1 - part, reach, 1 - reach))
            if even > evenness:
                best, evenness = septum, even
            if even >= _GOOD:
                break
        if best is None:
            raise InputError(
                f"tumour.septa: {count} septa do not fit (a compartment would not reach the border);"
                f" ask for {number} or fewer"
            )
        new_in = (labels_in == parent) & (best.side(inner) > 0)
        new_out = (labels_out == parent) & (best.side(outer) > 0)
        labels_in[new_in] = number + 2
        labels_out[new_out] = number + 2
        septa.append(best)
    return tuple(septa)


def compartments_of(points: NDArray[np.float64], septa: Sequence[Septum]) -> NDArray[np.uint8]:
    """Label (1 to n + 1) of each of (n, 3) points [m] taken to lie in the tumour, by the planes alone."""
    labels = np.ones(len(points), dtype=np.uint8)
    for septum in septa:
        kept, new = septum.labels
        labels[(labels == kept) & (septum.side(points) > 0)] = new
    return labels


def septum_distance(
    points: NDArray[np.float64], labels: NDArray[np.uint8], septa: Sequence[Septum]
) -> NDArray[np.float64]:
    """Distance [m] of points in the tumour, of known compartments, to the nearest septum; inf without one.

    A compartment is convex, so the nearest of the planes that bound it is its nearest septum.
    """
    bounds: dict[int, list[Septum]] = {1: []}
    for septum in septa:
        kept, new = septum.labels
        bounds[kept] = [*bounds[kept], septum]
        bounds[new] = list(bounds[kept])
    distance = np.full(len(points), np.inf)
    for label, planes in bounds.items():
        here = np.flatnonzero(labels == label)
        for septum in planes:
            distance[here] = np.minimum(distance[here], np.abs(septum.side(points[here])))
    return distance


def join_strays(labels: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """Make every compartment one piece on the lattice.

    Where two planes meet at a sharp angle, the tip of a wedge can fall into sites that touch only by a
    corner. Such sites go to the neighbouring compartment with which they share most faces.

    Parameters
    ----------
    labels : (nx, ny, nz) uint8
        1..count in the tumour, 0 elsewhere; changed in place and returned.
    count : int
        Compartments expected.

    Raises
    ------
    InputError
        Where a compartment holds no site at all: the spacing is too coarse for the septa.
    """
    boxes = ndimage.find_objects(labels, max_label=count)
    stray = np.zeros(labels.shape, dtype=bool)
    for label, box in enumerate(boxes, start=1):
        if box is None:
            raise InputError(
                f"tumour.septa: the spacing is too coarse for {count - 1} septa (a compartment holds no"
                " site); ask for fewer septa or a finer spacing"
            )
        pieces, n = ndimage.label(labels[box] == label)
        if n > 1:
            largest = int(np.bincount(pieces.ravel())[1:].argmax()) + 1
            stray[box] |= (pieces > 0) & (pieces != largest)
    labels[stray] = 0
    waiting = np.argwhere(stray)
    while len(waiting):
        chosen = [_most_faces(labels, tuple(site)) for site in waiting]
        if not any(chosen):
            raise InputError("tumour: the spacing is too coarse for this shape (its sites do not join)")
        for site, label in zip(waiting, chosen, strict=True):
            labels[tuple(site)] = label
        waiting = waiting[np.array(chosen) == 0]
    return labels


def _most_faces(labels: NDArray[np.uint8], site: tuple[int, ...]) -> int:
    """Compartment on most faces of a site, the lowest of equals; 0 where none is."""
    faces = np.zeros(256, dtype=np.int64)
    for axis in range(labels.ndim):
        for move in (-1, 1):
            there = list(site)
            there[axis] += move
            if 0 <= there[axis] < labels.shape[axis]:
                faces[labels[tuple(there)]] += 1
    faces[0] = 0
    return int(faces.argmax())


@lru_cache(maxsize=2)
def _body(slab: bool) -> NDArray[np.float64]:
    """Even cloud of points in the unit ball, or in the unit disc of the plane z = 0, (n, 3)."""
    n = 120 if slab else 32
    x = (np.arange(n) + 0.5) * 2 / n - 1
    grid = np.meshgrid(x, x, [0.0] if slab else x, indexing="ij")
    points = np.stack([g.ravel() for g in grid], axis=1)
    return np.asarray(points[np.einsum("ij,ij->i", points, points) < 1])


def _triple(v: NDArray[np.float64]) -> tuple[float, float, float]:
    return (float(v[0]), float(v[1]), float(v[2]))
