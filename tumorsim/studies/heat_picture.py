"""A picture's worth of one session of heat: three planes through its needles, sampled as it ended.

Plain named arrays; nothing is drawn here. The planes lie as the needles do, not as the lattice: *along* the needles,
*across* them, and along them *turned* by 90 degrees.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from tumorsim.anatomy.fluid import fluid_now
from tumorsim.lattice import Lattice
from tumorsim.log import Done
from tumorsim.model import TumorModel
from tumorsim.state import LIVER, OUTSIDE
from tumorsim.treatments.planning.needles import unit

if TYPE_CHECKING:
    from tumorsim.patient import Patient
    from tumorsim.state import State

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

PLANES = ("along", "across", "turned")
COAGULATED_FROM = 1.0  # Omega of the zone
HUNDREDTHS = 100.0  # a level is stored as int8, in these
_MM, _HOUR = 1e3, 3600.0
_RIM = 4e-3  # m around what is shown
_FINEST = 180  # pixels across, at most
_PER_SITE = 2.0  # pixels along the edge of a site
_TURNS = 12  # ways to lay a plane through a single needle
_ONE_LINE = 2e-3  # m; needles nearer than this lie on one line, as far as a picture goes
_CLOSED_BELOW = 0.02  # share of its conductance under which a vessel is drawn as closed
_SMOOTH = 0.7  # sites; by how much steps of the lattice are smoothed away
_FAR = 4.0  # |ln Omega| beyond this tells nothing of where 1 is


def heat_pictures(model: TumorModel, since: int = 0) -> list[dict[str, NDArray[Any]]]:
    """Pictures of the sessions of heat among what a model has done after its first ``since`` treatments."""
    found = [heat_picture(model.virtual_patient, model.state, done) for done in model.records.done[since:]]
    return [picture for picture in found if picture is not None]


def heat_picture(patient: Patient, state: State, done: Done) -> dict[str, NDArray[Any]] | None:
    """Three planes through the needles of a session, in the state that it left.

    Returns
    -------
    dict of arrays, or None
        None for what is no session of heat, was not delivered, or has no tumour to treat. For each plane p of
        `PLANES`, pictures of (rows, columns), the first row uppermost:

        - ``tissue_p`` uint8: 0 nothing, 1 liver, 2 tumour; ``organ_p`` uint8: what is beside, by its code.
        - ``outline_p``, ``goal_p``, ``planned_p`` int8: tumour as outlined, that and its margin, the planned zone;
          ``zone_p``: where Omega is at least 1 by now, ``before_p``: what of it this session has not coagulated.
          Levels: at least 0 inside, in hundredths.
        - ``frame_p`` (4, 3): ways across, up and out of the plane, and the middle of the picture [mm].

        ``half_mm`` is half the width of a picture. ``needles`` (n, 6): tip [mm] and direction; ``active`` (m, 6): tip
        and end of the active part at every point heated [mm]; ``vessels`` (k, 9): ends [mm], radius [mm], kind,
        closed (0 or 1) of vessels that carry heat away through their wall. ``time_h``, ``id`` and ``kind`` name the
        session; ``wide_mm`` is the diameter from which vessels are shown.
    """
    placed = done.delivery.delivered.get("placed")
    aim = getattr(done.treatment, "aim", None)
    if not placed or aim is None or not patient.anatomy.tumour.any():
        return None
    lattice, table = patient.lattice, patient.parameters
    outline, goal = aim
    zone = state.heat_damage >= COAGULATED_FROM
    received = zone if done.delivery.received is None else np.asarray(done.delivery.received)
    planned = np.zeros(len(zone), dtype=bool) if done.plan.sites is None else np.asarray(done.plan.sites)
    tips = np.array([needle["tip"] for needle in placed])
    ways = np.array([needle["direction"] for needle in placed])
    active = _active(placed, done.treatment.active(table))  # type: ignore[attr-defined]
    middle = active.reshape(-1, 3).mean(axis=0)
    turned = _turned(lattice, middle, tips, ways, goal & ~zone)
    shown = lattice.centres(np.flatnonzero(goal | zone | planned))
    reach = (shown - middle) @ turned.T
    low, high = reach.min(axis=0), reach.max(axis=0)
    half = 0.5 * float((high - low).max()) + _RIM
    step = max(lattice.spacing / _PER_SITE, 2.0 * half / _FINEST)
    levels = {
        "outline": _level(lattice, outline), "goal": _level(lattice, goal), "planned": _level(lattice, planned),
        "zone": np.clip(np.log(np.maximum(state.heat_damage, np.exp(-_FAR))), -_FAR, _FAR) / _FAR,
        "before": _level(lattice, zone & ~received),
    }  # fmt: skip
    tissue = np.where(state.compartment == OUTSIDE, 0, np.where(state.compartment == LIVER, 1, 2)).astype(np.uint8)
    organ = patient.anatomy.organs.codes(fluid_now(state, table, done.event.at)).astype(np.uint8)
    out: dict[str, NDArray[Any]] = {
        "time_h": np.array(done.event.at / _HOUR),
        "id": np.array(done.event.id, dtype=np.str_),
        "kind": np.array(done.event.kind, dtype=np.str_),
        "half_mm": np.array(half * _MM),
        "wide_mm": np.array(table["heat.sink_diameter"] * _MM),
        "needles": np.concatenate([tips * _MM, ways], axis=1),
        "active": active * _MM,
        "vessels": _wide(patient, state, middle, 2.0 * half),
    }
    u, v, w = turned
    centre = 0.5 * (low + high)
    # across the needles through the middle of what was to be coagulated
    cut = float(((lattice.centres(np.flatnonzero(goal)) - middle) @ u).mean()) if goal.any() else 0.0
    for name, frame in zip(PLANES, ((u, v, w), (w, v, u), (u, w, v)), strict=True):
        right, up, normal = frame
        place = middle + centre @ turned
        place = place - ((place - middle) @ normal - (cut if name == "across" else 0.0)) * normal
        points = _points(place, right, up, half, step)
        here = np.all(np.abs(points) <= 0.5 * np.array(lattice.size), axis=-1)
        for key, level in levels.items():
            part = np.where(here, _sample(lattice, level, points, 1), -1.0)
            out[f"{key}_{name}"] = np.rint(HUNDREDTHS * part).astype(np.int8)
        for key, code in (("tissue", tissue), ("organ", organ)):
            out[f"{key}_{name}"] = np.where(here, _sample(lattice, code, points, 0), 0).astype(np.uint8)
        out[f"frame_{name}"] = np.stack([right, up, normal, place * _MM])
    return out


def _level(lattice: Lattice, inside: Mask) -> Floats:
    """A mask as a level: a plane that lies aslant to the lattice would show its border in steps."""
    return gaussian_filter(inside.reshape(lattice.shape).astype(np.float64), _SMOOTH, mode="nearest").reshape(-1) - 0.5


def _active(placed: list[dict[str, Any]], length: float) -> Floats:
    """Tip and end of the active part at every point of every needle [m], (points, 6)."""
    rows = []
    for needle in placed:
        tip, way = np.array(needle["tip"]), np.array(needle["direction"])
        rows += [np.concatenate([tip - back * way, tip - (back + length) * way]) for back, _, _ in needle["points"]]
    return np.array(rows)


def _turned(lattice: Lattice, middle: Floats, tips: Floats, ways: Floats, escaped: Mask) -> Floats:
    """Rows: along the needles, in the plane that is shown first, and out of it; (3, 3).

    The first plane holds all needles as well as one plane can; through a single needle it is turned so that it shows
    the most of what escaped, and lies upright where nothing did.
    """
    u = unit(ways.sum(axis=0)) if np.linalg.norm(ways.sum(axis=0)) > 0.0 else unit(ways[0])
    flat = tips - tips.mean(axis=0)
    flat = flat - (flat @ u)[:, None] * u
    upright = np.array([0.0, 0.0, 1.0]) if abs(u[2]) < 0.9 else np.array([0.0, 1.0, 0.0])
    v = unit(upright - (upright @ u) * u)
    w = np.cross(u, v)
    if len(tips) > 1 and np.linalg.norm(flat, axis=1).max() > _ONE_LINE:
        v = np.linalg.svd(flat)[2][0]
        v = unit(v - (v @ u) * u)
        v = v if v @ upright >= 0.0 else -v
    elif escaped.any():
        sites = lattice.centres(np.flatnonzero(escaped)) - middle
        angles = np.pi * np.arange(_TURNS) / _TURNS
        normals = [math.cos(a) * w - math.sin(a) * v for a in angles]
        held = [int((np.abs(sites @ normal) <= lattice.spacing).sum()) for normal in normals]
        a = angles[int(np.argmax(held))]
        v = math.cos(a) * v + math.sin(a) * w
        v = v if v @ upright >= 0.0 else -v
    return np.stack([u, v, np.cross(u, v)])


def _points(place: Floats, right: Floats, up: Floats, half: float, step: float) -> Floats:
    """Places of the pixels [m], (rows, columns, 3)."""
    count = math.ceil(2.0 * half / step)
    at = (np.arange(count) + 0.5) * (2.0 * half / count) - half
    return np.asarray(place + at[None, :, None] * right - at[:, None, None] * up)


def _sample(lattice: Lattice, column: ArrayLike, points: Floats, order: int) -> Floats:
    """Values at places [m] between the centres of sites, (...)."""
    grid = np.asarray(column).reshape(lattice.shape)
    index = points / lattice.spacing + (np.array(lattice.shape) - 1) / 2.0
    return np.asarray(map_coordinates(grid, np.moveaxis(index, -1, 0), order=order, mode="nearest"))


def _wide(patient: Patient, state: State, middle: Floats, within: float) -> Floats:
    """Vessels that are wide enough to be seen and to cool, near the needles, (k, 9)."""
    graph = patient.graph
    wide = (2.0 * graph.radius >= patient.parameters["heat.sink_diameter"] * (1.0 - 1e-9)) & np.isnan(graph.conductance)
    tail, head = graph.node_pos[graph.tail], graph.node_pos[graph.head]
    away = np.linalg.norm(0.5 * (tail + head) - middle, axis=1) - 0.5 * np.linalg.norm(head - tail, axis=1)
    rows = np.flatnonzero(wide & (away <= within) & ((patient.grown.patent > 0.0) | (state.edge_open >= _CLOSED_BELOW)))
    closed = (state.edge_state[rows] > 0) & (state.edge_open[rows] <= _CLOSED_BELOW)
    pieces = (tail[rows] * _MM, head[rows] * _MM, _MM * graph.radius[rows, None], graph.kind[rows, None])
    return np.concatenate([*(np.asarray(p, dtype=np.float64) for p in pieces), closed[:, None]], axis=1)
