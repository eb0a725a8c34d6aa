"""A picture's worth of one run: three slices through the tumour, the vessels in them, and where residue lies.

Flat arrays in, named arrays out; nothing is drawn here. Codes of zone, cause and reason are 0 for none and
k + 1 for name k.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim.anatomy.capsule import THROMBUS

VERSION = 1
AXES = "xyz"
#: the two directions a slice across an axis shows: down the picture, across the picture
PLANES = {"x": (2, 1), "y": (2, 0), "z": (1, 0)}
OUTSIDE_TISSUE = 255


def make_snapshot(
    *,
    shape: tuple[int, int, int],
    spacing: float,
    compartment: ArrayLike,
    viable: ArrayLike,
    capacity: int,
    deaths: ArrayLike,
    cause_names: Sequence[str],
    po2: ArrayLike,
    zone: ArrayLike,
    zone_names: Sequence[str],
    reason: ArrayLike,
    reason_names: Sequence[str],
    target: ArrayLike,
    node_pos: ArrayLike,
    tail: ArrayLike,
    head: ArrayLike,
    radius: ArrayLike,
    kind: ArrayLike,
    edge_state: ArrayLike,
    edge_open: ArrayLike,
    time_h: float,
    flow_left: ArrayLike | None = None,
    slab: float | None = None,
    coarse: float = 4e-3,
    organ: ArrayLike | None = None,
    organ_names: Sequence[str] = (),
    omega: ArrayLike | None = None,
) -> dict[str, NDArray[Any]]:
    """Three orthogonal slices through the middle of the target, with vessels, as plain named arrays.

    Parameters
    ----------
    shape, spacing
        Sites along x, y, z and their edge [m]; the box is centred on the origin, sites in C order.
    compartment : (n,) uint8
        0 liver, 1..254 tumour, 255 outside tissue.
    viable : (n,) int or (n, slots) int
        Viable cells of a site.
    capacity : int
        Cells that fit in a site.
    deaths : (n, causes) int
        Deaths booked at a site, with ``cause_names``.
    po2 : (n,) float
        Mean tissue pO2 [mmHg].
    zone, reason : (n,) int
        Code of the zone and of the reason of the residue of a site: 0 none, k + 1 for name k.
    target : (n,) bool
        Baseline tumour plus 5 mm.
    node_pos, tail, head, radius, kind, edge_state, edge_open
        Vessel graph: (nodes, 3) positions [m], edges (m,) with radius [m], kind code, state (0 open, 1
        embolised, 2 coagulated) and the share of their conductance that is left.
    time_h : float
        Time of the picture [h].
    flow_left : (m,) float or None
        Flow of an edge as a share of its untreated flow, where that is known; else it is written as 1.
    slab : float or None
        Vessels within this distance of a slice are shown [m]; default the larger of 1.5 spacings and 2 mm.
    coarse : float
        Edge of the blocks of the residue map [m], rounded to whole sites.
    organ : (n,) uint8 or None
        What beside the tumour a site is: 0 liver or tumour, k for ``organ_names[k]``; None: nothing.
    omega : (n,) float or None
        Damage by heat; None: not drawn.

    Returns
    -------
    dict of arrays
        For each axis a in x, y, z whose slice is a picture (at least two sites each way):

        - ``density_a`` (0..1), ``cause_a``, ``compartment_a``, ``po2_a``, ``zone_a``, ``reason_a``,
          ``target_a``: (rows, columns). Rows of slice z run along y and columns along x; slices x and y have z upwards.
        - ``residue_a``: viable cells in the target, summed along a.
        - ``thrombus_a``: whether tumour thrombus lies anywhere along a; only where there is any.
        - ``omega_a``: damage by heat; only where it was given.
        - ``organ_a``: what is beside the tumour, with ``organ_names``; only where there are organs.
        - ``vessels_a`` (k, 9): x0, y0, x1, y1 [mm across and down the slice], radius [mm], kind, state,
          share of conductance left, share of flow left.
        - ``origin_a`` (2,): the corner of the slice [mm].

        ``residue_coarse`` (bx, by, bz) holds cells in blocks; scalars and names that these need stand beside.

    Raises
    ------
    ValueError
        Where an array does not fit ``shape`` or its names.
    """
    n = int(np.prod(shape))
    cells = np.asarray(viable)
    cells = cells.sum(axis=1) if cells.ndim == 2 else cells
    site = {
        "compartment": np.asarray(compartment, dtype=np.uint8),
        "po2": np.asarray(po2, dtype=np.float32),
        "zone": np.asarray(zone, dtype=np.uint8),
        "reason": np.asarray(reason, dtype=np.uint8),
        "target": np.asarray(target, dtype=bool),
        "density": np.clip(cells / capacity, 0, 1).astype(np.float32),
        "cause": _dominant(np.asarray(deaths), len(cause_names), n),
    }
    if organ is not None:
        site["organ"] = np.asarray(organ, dtype=np.uint8)
    if omega is not None:
        site["omega"] = np.asarray(omega, dtype=np.float32)
    for name, array in site.items():
        if array.shape != (n,):
            raise ValueError(f"snapshot: {name} needs one value for each of {n} sites, got shape {array.shape}")
    for name, names in (("zone", zone_names), ("reason", reason_names)):
        if site[name].max(initial=0) > len(names):
            raise ValueError(f"snapshot: a {name} code is beyond its {len(names)} names")
    grids = {name: array.reshape(shape) for name, array in site.items()}
    residue = np.where(site["target"], cells, 0).reshape(shape).astype(np.float64)
    inside = grids["target"].astype(bool)
    thrombus = grids["compartment"] == THROMBUS
    centre = _middle(inside if inside.any() else np.ones(shape, dtype=bool))
    half = slab if slab is not None else max(1.5 * spacing, 2e-3)
    corner = -0.5 * np.asarray(shape) * spacing
    out: dict[str, NDArray[Any]] = {
        "version": np.array(VERSION),
        "time_h": np.array(float(time_h)),
        "spacing_mm": np.array(spacing * 1e3),
        "capacity": np.array(int(capacity)),
        "slice_index": np.array(centre),
        "slab_mm": np.array(half * 1e3),
        "cause_names": np.array(list(cause_names), dtype=np.str_),
        "zone_names": np.array(list(zone_names), dtype=np.str_),
        "reason_names": np.array(list(reason_names), dtype=np.str_),
        "residue_coarse": _blocks(residue, max(1, round(coarse / spacing))).astype(np.float32),
        "coarse_mm": np.array(max(1, round(coarse / spacing)) * spacing * 1e3),
    }
    if organ is not None:
        out["organ_names"] = np.array(list(organ_names), dtype=np.str_)
    left = np.ones(len(np.asarray(tail))) if flow_left is None else np.asarray(flow_left)
    ends = np.asarray(node_pos, dtype=np.float64)[np.stack([np.asarray(tail), np.asarray(head)])]
    for number, axis in enumerate(AXES):
        down, across = PLANES[axis]
        if min(shape[down], shape[across]) < 2:
            continue
        for name, grid in grids.items():
            out[f"{name}_{axis}"] = _turn(np.take(grid, centre[number], axis=number), axis)
        out[f"residue_{axis}"] = _turn(residue.sum(axis=number), axis).astype(np.float32)
        if thrombus.any():
            out[f"thrombus_{axis}"] = _turn(thrombus.any(axis=number), axis)
        at = corner[number] + (centre[number] + 0.5) * spacing
        rows, first, last = _crossing(ends, number, at - half, at + half)
        flip = -1.0 if axis != "z" else 1.0  # z points up the page
        pieces = [first[:, across], flip * first[:, down], last[:, across], flip * last[:, down]]
        pieces = [piece * 1e3 for piece in pieces] + [np.asarray(radius, dtype=np.float64)[rows] * 1e3]
        pieces += [np.asarray(a, dtype=np.float64)[rows] for a in (kind, edge_state, edge_open, left)]
        out[f"vessels_{axis}"] = np.stack(pieces, axis=1).astype(np.float32)
        out[f"origin_{axis}"] = np.array([corner[across], corner[down]]) * 1e3
    return out


def _dominant(deaths: NDArray[Any], causes: int, n: int) -> NDArray[np.uint8]:
    """1 + the cause with most deaths, the first of equals; 0 where none died."""
    if deaths.shape != (n, causes):
        raise ValueError(f"snapshot: deaths need shape {(n, causes)}, got {deaths.shape}")
    if causes == 0:
        return np.zeros(n, dtype=np.uint8)
    return np.where(deaths.max(axis=1) > 0, deaths.argmax(axis=1) + 1, 0).astype(np.uint8)


def _middle(inside: NDArray[np.bool_]) -> tuple[int, int, int]:
    """The site nearest the centroid of a region."""
    i, j, k = (round(float(index.mean())) for index in np.nonzero(inside))
    return i, j, k


def _turn(plane: NDArray[Any], axis: str) -> NDArray[Any]:
    """A slice as a picture: second direction across; z, where it is there, upwards."""
    picture = plane.T
    return np.ascontiguousarray(picture[::-1] if axis != "z" else picture)


def _crossing(
    ends: NDArray[np.float64], axis: int, low: float, high: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Edges that pass between two planes, cut to the part between them: rows, first ends, last ends."""
    a, b = ends
    start, rise = a[:, axis], b[:, axis] - a[:, axis]
    with np.errstate(divide="ignore", invalid="ignore"):
        t0, t1 = (low - start) / rise, (high - start) / rise
    enter, leave = np.fmin(t0, t1), np.fmax(t0, t1)
    level = rise == 0
    enter = np.where(level, 0.0, np.clip(enter, 0, 1))
    leave = np.where(level, np.where((start >= low) & (start <= high), 1.0, 0.0), np.clip(leave, 0, 1))
    rows = np.flatnonzero(leave > enter)
    span = (b - a)[rows]
    return rows, a[rows] + enter[rows, None] * span, a[rows] + leave[rows, None] * span


def _blocks(cells: NDArray[np.float64], factor: int) -> NDArray[np.float64]:
    """Sums over cubes of ``factor`` sites; the last block along an axis may be smaller."""
    for axis in range(3):
        cells = np.add.reduceat(cells, np.arange(0, cells.shape[axis], factor), axis=axis)
    return cells
