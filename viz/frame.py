"""What the page shows of a run: once what stands still, and after every step a copy of what moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from fine import kind_of, po2_top
from numpy.typing import NDArray

from tumorsim.anatomy.fluid import fluid_now
from tumorsim.lattice import Lattice
from tumorsim.model import DAY, TumorModel
from tumorsim.report import audit
from tumorsim.report.contours import contours
from tumorsim.report.words import artery, percent
from tumorsim.state import DEBRIS, DOOMED, DOOMED_ONCE_MORE, DYING, FIRST_SATELLITE, LIVER, OUTSIDE
from tumorsim.vessels.graph import Kind

PO2_TOP = 60.0  # mmHg at the upper end of the colours of oxygen, or what a medium or a vessel brings
STATES = ("dividing", "resting", "hypoxic", "dying", "debris")
CLOSED_BELOW = 0.02  # share of its conductance under which a vessel counts as closed
STARVED_BELOW = 0.1  # share of its first flow under which a vessel counts as nearly bloodless
CAPSULE, SEPTUM, OPEN_BORDER = "capsule", "septum", "border without capsule"

FAINT_TO_FULL = (np.exp(-4.0), np.exp(4.0))  # Omega beyond these tells nothing of where it is 1
BEYOND = 0.3  # m; a needle comes from beyond every picture

OUTSIDE_NAMES = ("phrenic", "omental")

Floats = NDArray[np.float64]


def leads_in(name: str) -> bool:
    """Whether a vessel of this name leads into the tumour, or into its thrombus."""
    return name.startswith("feeder_") or name in (*OUTSIDE_NAMES, "thrombus_artery")


def slice_of(lattice: Lattice, values: NDArray[Any]) -> NDArray[Any]:
    """The middle slice across z of (sites, ...) values: rows along y, columns along x; a copy."""
    grid = values.reshape(*lattice.shape, *values.shape[1:])
    return np.ascontiguousarray(grid[:, :, lattice.shape[2] // 2].swapaxes(0, 1))


@dataclass(frozen=True)
class Still:
    """What does not change: sizes [mm], capsule, vessel graph.

    ``vessels`` (m, 2, 2) are the ends of every vessel shown [mm, x and y], with ``edge`` (its number in the
    graph), ``kind``, ``radius`` [mm], ``flow`` (untreated), ``feeds`` (it leads to the tumour only) and ``thrombus``
    (a portal vein with tumour in it) beside;
    ``kind_of_tissue`` is None in liver, and ``vessel_mm`` the radius of the vessel of a cord.
    ``names`` has name and place [mm] of vessels. ``view_mm`` is the half width of the slice worth showing.
    """

    half_mm: tuple[float, float]
    spacing_mm: float
    capacity: int
    covered: NDArray[np.bool_]
    tumour_mm: float
    view_mm: float
    target_cells: int
    until_d: float
    edge: NDArray[np.int64]
    vessels: Floats
    kind: NDArray[np.uint8]
    radius: Floats
    flow: Floats
    feeds: NDArray[np.bool_]
    thrombus: NDArray[np.bool_]
    names: tuple[tuple[str, float, float], ...]
    kind_of_tissue: str | None = None
    po2_top: float = PO2_TOP
    vessel_mm: float = 0.0

    @classmethod
    def of(cls, model: TumorModel) -> Still:
        """Read it from a model."""
        patient = model.virtual_patient
        lattice, graph = patient.lattice, patient.graph
        edge = np.flatnonzero(np.isin(graph.kind, (Kind.ARTERIAL, Kind.PORTAL, Kind.EXTRAHEPATIC)))
        ends = 1e3 * graph.node_pos[np.stack([graph.tail[edge], graph.head[edge]], axis=1)][:, :, :2]
        feeds = np.zeros(graph.n_edges, dtype=bool)
        for feeder in patient.grown.feeders:
            feeds[feeder.edge] = True
            feeds[graph.downstream_edges(feeder.edge, patient.untreated_flow)] = True
        cells = np.argwhere(slice_of(lattice, model.state.compartment) != LIVER) + 0.5
        reach = np.abs(1e3 * (cells * lattice.spacing - 0.5 * np.array(lattice.size[1::-1]))).max(initial=0.0)
        tumour = 2e3 * max(model.case.tissue.tumour.semi_axes)
        names = []
        for name, number in graph.named.items():
            if leads_in(name) or name in ("proper_hepatic", "right", "left", "portal_main"):
                x, y = 0.5e3 * (graph.node_pos[graph.tail[number]] + graph.node_pos[graph.head[number]])[:2]
                names.append((name, float(x), float(y)))
        return cls(
            half_mm=(0.5e3 * lattice.size[0], 0.5e3 * lattice.size[1]),
            spacing_mm=1e3 * lattice.spacing,
            capacity=patient.capacity,
            covered=slice_of(lattice, patient.anatomy.capsule_site) == 1,
            tumour_mm=tumour,
            # room for the growth of some months; the block ends not much further
            view_mm=min(0.5e3 * max(lattice.size[:2]), max(float(reach) + 3e3 * lattice.spacing, 0.65 * tumour)),
            target_cells=model.viable_in_target,
            until_d=model.case.until / DAY,
            edge=edge,
            vessels=ends,
            kind=graph.kind[edge],
            radius=1e3 * graph.radius[edge],
            flow=np.abs(patient.untreated_flow[edge]),
            feeds=feeds[edge],
            thrombus=np.isin(edge, patient.grown.thrombosed),
            names=tuple(names),
            kind_of_tissue=kind_of(model.case),
            po2_top=po2_top(model.case, PO2_TOP),
            vessel_mm=1e3 * ((fine.vessel_radius or 0.0) if (fine := model.case.tissue.fine) else 0.0),
        )


@dataclass(frozen=True)
class Frame:
    """A moment: own copies, never changed.

    ``shares`` (rows, columns, 5) of a site's room taken by each of `STATES`; ``tissue`` (rows, columns) 0 none, 1
    liver, 2 tumour; ``beside`` (rows, columns) organs and fluid, by their codes; ``po2`` [mmHg]; ``lines`` has the
    walls in the slice as (n, 2, 2) [mm]; ``closed``, ``hidden`` (dormant) and ``starved`` are bool for every vessel
    shown; ``unseen`` names the vessels that are hidden; ``mix`` is the share of each state in all tumour cells,
    living and dead; ``marks`` are (day, text) of the treatments so far; ``told`` is what a treatment has done by
    name of the vessel. ``zone`` are closed lines (n, 2) [mm] around what heat has coagulated in the slice; ``needles``
    and their ``active`` parts, (n, 2, 2) [mm], are those of all sessions so far, seen along z.
    """

    day: float
    shares: Floats
    tissue: NDArray[np.uint8]
    beside: NDArray[np.uint8]
    po2: NDArray[np.float32]
    lines: dict[str, Floats]
    closed: NDArray[np.bool_]
    hidden: NDArray[np.bool_]
    unseen: frozenset[str]
    starved: NDArray[np.bool_]
    days: Floats
    viable: Floats
    mix: dict[str, float]
    marks: tuple[tuple[float, str], ...]
    told: Mapping[str, str]
    zone: tuple[Floats, ...] = ()
    needles: Floats = field(default_factory=lambda: np.zeros((0, 2, 2)))
    active: Floats = field(default_factory=lambda: np.zeros((0, 2, 2)))

    @classmethod
    def of(cls, model: TumorModel, still: Still) -> Frame:
        """Copy what is shown from a model."""
        state, fixed, lattice = model.state, model.virtual_patient, model.virtual_patient.lattice
        amounts = _amounts(model)
        compartment = slice_of(lattice, state.compartment)
        tissue = np.where(compartment == OUTSIDE, 0, np.where(compartment == LIVER, 1, 2)).astype(np.uint8)
        total = amounts.sum(axis=0)
        viable = np.array(model.records.in_target, dtype=np.float64)
        # arteries that may open later are not shown before they do
        named = model.virtual_patient.graph.named
        hidden = (model.virtual_patient.grown.patent[still.edge] == 0.0) & (state.edge_open[still.edge] < CLOSED_BELOW)
        asleep = set(still.edge[hidden].tolist())
        return cls(
            day=model.now / DAY,
            shares=slice_of(lattice, amounts) / still.capacity,
            tissue=tissue,
            beside=slice_of(lattice, fixed.anatomy.organs.codes(fluid_now(state, fixed.parameters))),
            po2=slice_of(lattice, state.po2),
            lines=walls(compartment, still.covered, still.spacing_mm),
            closed=~hidden & ~still.thrombus & (state.edge_open[still.edge] < CLOSED_BELOW),
            hidden=hidden,
            unseen=frozenset(n for n in OUTSIDE_NAMES if n in named and int(named[n]) in asleep),
            starved=np.abs(state.edge_flow[still.edge]) < STARVED_BELOW * still.flow,
            days=np.arange(len(viable)) * (model.case.step / DAY),
            viable=viable,
            mix=dict(zip(STATES, (total / max(total.sum(), 1.0)).tolist(), strict=True)),
            marks=tuple((done.event.at / DAY, said(done)) for done in model.records.done),
            told=of_vessels(model.records.done),
            zone=coagulated(slice_of(lattice, state.heat_damage), still.spacing_mm),
            **dict(zip(("needles", "active"), needles_of(model.records.done, fixed.parameters), strict=True)),
        )


def _amounts(model: TumorModel) -> Floats:
    """Cells of each of `STATES` at every site, (sites, 5), debris in volumes of a cell."""
    state = model.state
    if model.population.one_cell:
        phase = state.phase
        groups = ((1,), (3,), (2, 4), (DYING, DOOMED_ONCE_MORE, DOOMED), (DEBRIS,))
        return np.stack([np.isin(phase, group) for group in groups], axis=1).astype(np.float64)
    v = state.viable
    dying = state.dying + state.doomed.sum(axis=1)
    return np.stack([v[:, 0], v[:, 2], v[:, 1] + v[:, 3], dying, state.debris], axis=1).astype(np.float64)


def said(done: Any) -> str:
    """A treatment in words: what, from where, what was overlooked."""
    given = done.delivery.delivered
    text = done.event.definition.title
    if given.get("catheters"):
        text += ", catheter in " + ", ".join(artery(name) for name in given["catheters"])
    if not done.delivery.changed:
        return f"{text}: {'; '.join(done.delivery.notes) or 'nothing was delivered'}"
    if given.get("real_cover") is not None:
        zone = audit.axes(given["short_axis_mm"], given["long_axis_mm"])
        return f"{text}, zone of {zone}: {percent(given['real_cover'])} of outline and margin coagulated"
    if given.get("feeders_overlooked"):
        text += "; overlooked on the angiogram: " + ", ".join(artery(name) for name in given["feeders_overlooked"])
    return text


def of_vessels(treatments: Sequence[Any]) -> dict[str, str]:
    """Vessels that held a catheter, and feeders that were overlooked where catheters went into feeders."""
    told: dict[str, str] = {}
    for done in treatments:
        given = done.delivery.delivered
        places = given.get("catheters", ())
        if any(leads_in(name) for name in places):
            told.update(dict.fromkeys(given.get("feeders_overlooked", ()), "overlooked"))
        told.update(dict.fromkeys(places, "catheter"))
    return told


def coagulated(damage: Floats, spacing: float) -> tuple[Floats, ...]:
    """Closed lines around where Omega is at least 1 in a slice (rows, columns) centred on the origin, (n, 2) each.

    Between sites Omega is followed in its logarithm; ``spacing`` is the edge of a site, in the unit of the result.
    """
    if not (damage >= 1.0).any():
        return ()
    level = np.log(np.clip(damage, *FAINT_TO_FULL))
    middle = 0.5 * np.array(damage.shape[::-1])
    return tuple((np.concatenate([line, line[:1]]) - middle) * spacing for line in contours(level))


def needles_of(treatments: Sequence[Any], parameters: Mapping[str, float]) -> tuple[Floats, Floats]:
    """Needles of all sessions of heat, and their active parts at every point, seen along z, (n, 2, 2) [mm] each."""
    whole, active = [], []
    for done in treatments:
        for needle in done.delivery.delivered.get("placed", ()):
            tip, way = np.array(needle["tip"])[:2], np.array(needle["direction"])[:2]
            whole.append([tip - BEYOND * way, tip])
            length = done.treatment.active(parameters)
            active += [[tip - (back + length) * way, tip - back * way] for back, _, _ in needle["points"]]
    return tuple(1e3 * np.array(part).reshape(-1, 2, 2) for part in (whole, active))  # type: ignore[return-value]


def walls(compartment: NDArray[np.uint8], covered: NDArray[np.bool_], spacing: float) -> dict[str, Floats]:
    """Lines between sites of different compartments: capsule, septum, border without capsule.

    Parameters
    ----------
    compartment, covered : (rows, columns)
        Compartments, and where a capsule covers the border. The slice is centred on the origin.
    spacing : float
        Edge of a site, in the unit of the result.

    Returns
    -------
    dict of (n, 2, 2) arrays
        Ends (x, y) of each line.
    """
    found: dict[str, list[Floats]] = {CAPSULE: [], SEPTUM: [], OPEN_BORDER: []}
    for turned in (False, True):
        label = (compartment.T if turned else compartment).astype(int)
        mark = covered.T if turned else covered
        a, b = label[:-1], label[1:]
        main_a, main_b = (a > 0) & (a < FIRST_SATELLITE), (b > 0) & (b < FIRST_SATELLITE)
        differs, one = a != b, main_a ^ main_b
        capsule = one & np.where(main_a, mark[:-1], mark[1:])
        for name, where in (
            (CAPSULE, differs & capsule),
            (SEPTUM, differs & main_a & main_b),
            (OPEN_BORDER, differs & ~capsule & ~(main_a & main_b) & (a != OUTSIDE) & (b != OUTSIDE)),
        ):
            i, j, end = _runs(where)
            across = (np.stack([j, end], axis=1) - label.shape[1] / 2) * spacing
            along = np.repeat(((i + 1) - label.shape[0] / 2)[:, None], 2, axis=1) * spacing
            pair = (along, across) if turned else (across, along)
            found[name].append(np.stack(pair, axis=2))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _runs(where: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Unbroken runs along the rows of a mask: row, first column, column after the last."""
    steps = np.diff(np.pad(where, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(steps == 1)
    return row, start, np.nonzero(steps == -1)[1]
