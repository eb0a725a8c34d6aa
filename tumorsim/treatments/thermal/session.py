"""One session of heat in a patient: needles heat the tissue as it is, and what that does is handed over.

The session runs on its own fast clock, from 37 degC until damage has stopped rising. What it did is booked in the
base step of the cells in which it begins: minutes against hours. Around the active parts of the needles the tissue is
solved as far as `ablation.reach`; beyond the patient's box it goes on as at the box's face. Blood cools as it runs at
the time: capillaries by the perfusion of each site, vessels of `heat.sink_diameter` and more through their walls.
On a bench the whole block is solved, from its own temperature; ex vivo its faces are insulated.

Three things are damaged, each by its own kinetics: liver (what is seen as coagulated: the zone), tumour cells (what
dies) and vessels. Vessels whose wall is coagulated anywhere are closed for good, unless they are wide and carry
blood. While a session runs capillaries close by the kinetics of vessels; after it those of dead tissue are closed too,
by the share that died, so coagulum has no blood. The bed of an exchange node is shut once all of its tissue is
coagulated.

The water in a cooled electrode takes heat through the wall of the tip while that electrode heats. Gas, fat and fluids
without ions absorb less than liver (`surroundings`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy.fluid import fluid_now, materials_of, materials_table
from tumorsim.fields.bioheat import Bioheat
from tumorsim.fields.bioheat_tissue import BODY, Cooling, Heated, Interval, Kinetics, Material, tissue
from tumorsim.fields.heat_sink import Blood, vessel_sinks
from tumorsim.hazards.arrhenius import COAGULATION, TUMOUR_CELLS, VESSELS, kinetics
from tumorsim.lattice import Lattice
from tumorsim.outcomes.organ_harm import at_walls, book_heat
from tumorsim.state import COAGULATED, LIVER, ORGANS, OUTSIDE, State
from tumorsim.treatments.thermal.alarm import OFF, ON, OPERATED, Course, Reached, Thermocouples
from tumorsim.treatments.thermal.sar import Needle, Source, deposit
from tumorsim.treatments.thermal.surroundings import absorbing, coolant
from tumorsim.vessels.graph import Kind

if TYPE_CHECKING:
    from tumorsim.patient import Patient

Floats = NDArray[np.float64]

_ALL_BLOOD = 0.999  # share of a site that is lumen, from which it is no tissue
_SHUT = 0.99  # share of the capillaries of an exchange node's tissue, closed by heat, that shuts its bed
_DENSITY = 1000.0  # kg/m3; of materials that are given by their heat capacity by volume


@dataclass(frozen=True)
class Burn:
    """One place heated: ``power`` of the generator [W] from ``start`` for ``duration`` [s]."""

    source: Source
    needle: Needle
    power: float
    start: float
    duration: float


@dataclass(frozen=True, eq=False)
class Burnt:
    """What a session did to the sites of the patient.

    Attributes
    ----------
    omega, omega_cells, omega_vessels : float64, shape (sites,)
        Damage of liver, of tumour cells and of vessels.
    cem43 : float64, shape (sites,)
        [s].
    highest : float64, shape (sites,)
        [degC].
    heated : Heated
        What the solver says, on its own lattice.
    given : tuple of float
        Seconds that each burn was really on.
    stopped : dict
        Number of a burn to the wall that stopped it.
    ignored : tuple of Reached
        The first wall that reached the temperature of an alarm that was off.
    """

    omega: Floats
    omega_cells: Floats
    omega_vessels: Floats
    cem43: Floats
    highest: Floats
    heated: Heated
    given: tuple[float, ...]
    stopped: dict[int, Reached]
    ignored: tuple[Reached, ...]


@dataclass(frozen=True, eq=False)
class Window:
    """The lattice a session is solved on: sites of the patient's, in blocks of ``factor`` a side, and beyond its box.

    ``low`` (3,) is the first site of the patient's lattice in it, which may be negative; ``centre`` (3,) where its
    middle lies in the patient's coordinates [m].
    """

    home: Lattice
    lattice: Lattice
    factor: int
    low: NDArray[np.int64]
    centre: Floats

    @classmethod
    def around(cls, home: Lattice, points: Floats, reach: float, finest: float) -> Window:
        """That holds all within ``reach`` [m] of points (n, 3)."""
        h, shape = home.spacing, np.array(home.shape)
        factor = max(1, math.ceil(finest / h - 1e-9))
        low = np.floor((points.min(axis=0) - reach) / h + shape / 2.0).astype(np.int64)
        high = np.ceil((points.max(axis=0) + reach) / h + shape / 2.0).astype(np.int64)
        count = -(-(high - low) // factor)
        nx, ny, nz = (int(n) for n in count)
        centre = (low + 0.5 * count * factor - shape / 2.0) * h
        return cls(home, Lattice((nx, ny, nz), h * factor), factor, low, centre)

    @classmethod
    def whole(cls, home: Lattice) -> Window:
        """All of the patient's lattice and nothing beyond it."""
        return cls(home, home, 1, np.zeros(3, dtype=np.int64), np.zeros(3))

    def take(self, column: NDArray[Any]) -> NDArray[Any]:
        """A column of the patient's sites on the window's, the nearest beyond the box; of a block its mean."""
        at = [
            np.clip(np.arange(n * self.factor) + a, 0, m - 1)
            for n, a, m in zip(self.lattice.shape, self.low, self.home.shape, strict=True)
        ]
        found = column.reshape(self.home.shape)[np.ix_(*at)].reshape(-1)
        return found if self.factor == 1 else self._fine.coarsen(found, self.factor)

    def pick(self, column: NDArray[Any]) -> NDArray[Any]:
        """As `take`, for codes: of a block that of its middle."""
        at = [
            np.clip(np.arange(n) * self.factor + self.factor // 2 + a, 0, m - 1)
            for n, a, m in zip(self.lattice.shape, self.low, self.home.shape, strict=True)
        ]
        return column.reshape(self.home.shape)[np.ix_(*at)].reshape(-1)

    def give(self, column: Floats, otherwise: float = 0.0) -> Floats:
        """A column of the window's sites on the patient's, ``otherwise`` where it does not reach."""
        found = np.full(self.home.shape, otherwise)
        fine = self._fine.refine(column, self.factor).reshape(self._fine.shape)
        here, there = [], []
        for n, a, m in zip(self._fine.shape, self.low, self.home.shape, strict=True):
            first, last = max(int(a), 0), min(int(a) + n, m)
            here.append(slice(first, max(first, last)))
            there.append(slice(first - int(a), max(first, last) - int(a)))
        found[tuple(here)] = fine[tuple(there)]
        return found.reshape(-1)

    @property
    def _fine(self) -> Lattice:
        nx, ny, nz = (n * self.factor for n in self.lattice.shape)
        return Lattice((nx, ny, nz), self.home.spacing)

    def local(self, needle: Needle) -> Needle:
        """A needle in the window's coordinates."""
        x, y, z = (float(v) for v in np.array(needle.point) - self.centre)
        return Needle((x, y, z), needle.direction)


def burn(
    patient: Patient,
    state: State,
    burns: Sequence[Burn],
    at: int,
    threads: int = 1,
    alarm: str = ON,
    room: float = math.inf,
) -> Burnt:
    """Heat the tissue as it is; the state is not changed.

    Parameters
    ----------
    burns : sequence of Burn
        Needles in the patient's coordinates.
    at : int
        Time of the session [s].
    alarm : str
        Of `ALARMS`: whether a hot wall stops heating, and at which temperature.
    room : float
        Time of the session [s] by which all heating must be over.
    """
    table = patient.parameters
    ends = [
        np.array(b.needle.point) + s * b.source.half * np.array(b.needle.direction) for b in burns for s in (-1.0, 1.0)
    ]
    window, rest, faces = _surroundings(patient, np.array(ends))
    lattice = window.lattice
    code = window.pick(materials_of(patient, state, at))
    # a wide vein's blood is no tissue, but what lies at its wall, or stands in it, conducts heat as tissue does
    vein = window.pick(patient.anatomy.lumen) if patient.anatomy.passing is not None else np.zeros(len(code), bool)
    outside = (window.pick(state.compartment) == OUTSIDE) & (code == 0) & ~vein
    others = materials_table(table)
    blood = state.q_arterial + state.q_portal + state.q_extrahepatic
    perfusion = np.where(code == 0, window.take(blood.astype(np.float64)), 0.0)
    perfusion += np.array([0.0, *(m.perfusion for m in others)])[code]
    wide = vessel_sinks(
        patient.graph, state.edge_flow, window.centre, lattice, Blood.from_parameters(table),
        heated_length=table["heat.sink_heated_length"], least_diameter=table["heat.sink_diameter"],
    )  # fmt: skip
    walls = _thermocouples(patient, state, at, window, alarm)
    course = Course(burns, walls, room, table["bioheat.longest_cooling"])
    model = Bioheat(
        lattice,
        [tissue(table), *(Material(m.conductivity, 0.0, _DENSITY, m.heat_capacity / _DENSITY) for m in others)],
        _kinetics(COAGULATION, table),
        _kinetics(VESSELS, table),
        cell_damage=_kinetics(TUMOUR_CELLS, table) if patient.bench is None else None,  # a bench has no tumour
        material=code,
        inside=~outside & (wide.lumen < _ALL_BLOOD),
        perfusion=perfusion,
        sinks=wide.conductance,
        blood_heat=table["heat.blood_heat"],
        blood_temperature=rest,
        shutdown="tissue" if table["ablation.tissue_shutdown"] else "vessel",
        faces=faces,
        start=rest,
        damage_from=table["bioheat.damage_from"],
        largest_change=table["bioheat.largest_change"],
        threads=threads,
    )
    done = model.run(
        _intervals(course, burns, window, code, table, threads),
        every=None if walls is None else table["ablation.alarm_every"],
        callback=walls,
        cooling=Cooling.standard(table),
    )
    return Burnt(
        window.give(done.omega_tissue),
        window.give(done.omega_cells),
        window.give(done.omega_vessel),
        window.give(60.0 * done.cem43),
        window.give(done.highest, BODY),
        done,
        tuple(course.given),
        course.stopped,
        () if walls is None or walls.heeded else tuple(walls.reached),
    )


def _surroundings(patient: Patient, ends: Floats) -> tuple[Window, float, float | None]:
    """Where a session is solved, the temperature of rest, and that of the faces [degC]; None: insulated."""
    table, bench = patient.parameters, patient.bench
    if bench is not None and bench.temperature is not None:
        return Window.whole(patient.lattice), bench.temperature, bench.temperature if bench.perfusion > 0.0 else None
    body = table["heat.blood_temperature"]
    return Window.around(patient.lattice, ends, table["ablation.reach"], table["ablation.finest"]), body, body


def _thermocouples(patient: Patient, state: State, at: int, window: Window, alarm: str) -> Thermocouples | None:
    """At the walls of the patient's organs, as fluid has moved them; None without any."""
    organs, table = patient.anatomy.organs, patient.parameters
    if not organs.each:
        return None
    limit = table["heat.alarm_temperature_operated" if alarm == OPERATED else "heat.alarm_temperature"]
    return Thermocouples(organs.walls(fluid_now(state, table, at)), window.lattice, window.centre, limit, alarm != OFF)


def _kinetics(name: str, table: Any) -> Kinetics:
    found = kinetics(name, table)
    return Kinetics(found.frequency, found.energy)


def _intervals(
    course: Course, burns: Sequence[Burn], window: Window, code: NDArray[Any], table: Mapping[str, float], threads: int
) -> Iterator[Interval]:
    """Stretches of time with the same needles on, in materials by their code."""
    known: dict[int, tuple[Floats, Floats | None]] = {}
    for seconds, on in course:
        sar, sinks = np.zeros(window.lattice.n_sites), None
        for n in on:
            if n not in known:
                b = burns[n]
                needle = window.local(b.needle)
                power = b.source.efficiency * b.power * deposit(b.source, needle, window.lattice, threads)
                power *= absorbing(b.source, materials_table(table), table)[code]
                known[n] = power, coolant(b.source, needle, window.lattice, table)
            power, cold = known[n]
            sar += power
            if cold is not None:
                sinks = cold if sinks is None else sinks + cold
        yield Interval(seconds, sar, sinks=sinks, sink_temperature=table["heat.coolant_temperature"])


def hand_over(patient: Patient, state: State, done: Burnt, at: int) -> dict[str, Any]:
    """Write what a session did into tissue and vessels; what the audit says of vessels and walls.

    Cells are not among it: their hazard is imposed by who delivers.
    """
    liver = patient.anatomy.compartment == LIVER
    state.liver_hazard[liver] += done.omega[liver]
    state.heat_damage += done.omega
    state.add_heating(done.cem43, at, at + round(done.heated.heating))
    # capillaries clot within hours where their endothelium is dead, and that dies with the tissue they run in
    dead = np.maximum(done.omega, done.omega_vessels)
    state.coagulated[:] = 1.0 - (1.0 - state.coagulated) * np.exp(-dead)
    closed = coagulated_vessels(patient, state, done.omega_vessels)
    fresh = closed & (state.edge_state != COAGULATED)
    state.edge_state[closed] = COAGULATED
    told: dict[str, Any] = {"vessels_closed": int(fresh.sum())}
    organs = patient.anatomy.organs
    if organs.each:
        walls = organs.walls(fluid_now(state, patient.parameters, at))
        book_heat(state, patient.lattice, walls, omega=done.omega, cem43=done.cem43, temperature=done.highest)
        if len(walls.area):
            hottest = at_walls(patient.lattice, done.highest, walls)
            n = int(hottest.argmax())
            told["hottest_wall"] = ORGANS[int(walls.organ[n])]
            told["hottest_wall_degc"] = round(float(hottest[n]), 2)
    return told


def coagulated_vessels(patient: Patient, state: State, omega: Floats) -> NDArray[np.bool_]:
    """Vessels that heat has closed, (edges,), by the damage of vessels in every site (sites,).

    A vessel is closed where its damage reaches 1 anywhere along it, unless it is wide enough to be a sink and carries
    blood. The bed at an exchange node is closed once all its tissue is.
    """
    graph, table, lattice = patient.graph, patient.parameters, patient.lattice
    found = np.zeros(graph.n_edges, dtype=bool)
    if not np.any(omega >= 1.0):
        return found
    bed = np.isfinite(graph.conductance)
    sink = (2.0 * graph.radius >= table["heat.sink_diameter"] * (1.0 - 1e-9)) & (state.edge_flow != 0.0)
    tail, head = graph.node_pos[graph.tail], graph.node_pos[graph.head]
    hot = lattice.centres(np.flatnonzero(omega >= 1.0))
    low, high = hot.min(axis=0) - lattice.spacing, hot.max(axis=0) + lattice.spacing
    near = np.all((np.minimum(tail, head) <= high) & (np.maximum(tail, head) >= low), axis=1)
    step = table["ablation.vessel_step"]
    for edge in np.flatnonzero(near & ~bed & ~sink & (graph.kind != Kind.SINUSOID)):
        count = max(2, math.ceil(float(np.linalg.norm(head[edge] - tail[edge])) / step) + 1)
        places = tail[edge] + np.linspace(0.0, 1.0, count)[:, None] * (head[edge] - tail[edge])
        sites = lattice.locate(places)
        found[edge] = bool(np.any(omega[sites[sites >= 0]] >= 1.0))
    row = patient.grown.exchange_of_site
    tissue_sites = np.flatnonzero(row >= 0)
    rows = len(graph.exchange)
    share = np.bincount(row[tissue_sites], state.coagulated[tissue_sites].astype(np.float64), minlength=rows)
    count_of = np.bincount(row[tissue_sites], minlength=rows)
    dead = graph.exchange[(count_of > 0) & (share >= _SHUT * count_of)]
    supplies = np.isin(graph.kind, (Kind.ARTERIAL, Kind.PORTAL, Kind.EXTRAHEPATIC))
    found |= bed & supplies & np.isin(graph.head, dead)
    return found
