"""Temperature and damage of tissue that is heated: Pennes' equation by enthalpy (Pennes 1948, J Appl Physiol 1:93).

    dH/dt = div(k(T) grad T) + omega rho_b c_b (T_b - T) + g (T_b - T) + SAR

H and T are one function of each other: wet tissue up to 100 degC, a plateau there until all water has boiled off,
then dry tissue. It is taken back in the same way (steam condenses where it arose). k rises linearly up to 100 degC.
omega [1/s] is the perfusion of the site and falls as its vessels coagulate: omega0 exp(-Omega_vessel), or
omega0 exp(-Omega_tissue / 100), or not at all. g is the wall conductance of large vessels. Blood enters at 37 degC.
Metabolic heat is left out: 11 kW/m3 against a perfusion of 48 kW/m3/K warms liver by 0.2 K.

Seven-point stencil, second order in the spacing; a wall of the box that is held at a temperature is half a spacing
from the centres. Steps are explicit. Within one, what is conducted and absorbed is held and the exchange with blood
and walls is solved exactly, dT = (1 - exp(-z)) / z dT_explicit with z = s dt / C, so a steady field is exact for any
step. The solver takes the longest step that gives no site a negative weight of its own temperature: then
nothing overshoots, and the errors in time and space nearly cancel along the axes. It is shortened so that no site
changes by more than 2 K; sites of little heat capacity (dried tissue, gas) and those whose steam ends have sub-steps
of their own. Damage of a row of sites that hardly change is added up once in some steps (`bioheat_harm`).

A row of sites that has no source and whose sites and neighbours are at the temperature of rest exactly (closer than
1e-9 K) is skipped; that changes no bit, nor does the number of threads. The field is a rise over the temperature of
rest in float32: its rounding, 1e-7 of the rise, is unbiased, and the balance shows it (tests compare float64).
Damage and sums are float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim import _jit
from tumorsim.errors import InputError, nearest
from tumorsim.fields import bioheat_layout as layout
from tumorsim.fields.bioheat_session import Session
from tumorsim.fields.bioheat_tissue import (
    BODY,
    BOILING_POINT,
    Cooling,
    Heated,
    Interval,
    Kinetics,
    Material,
    rate_table,
)
from tumorsim.lattice import Lattice

Floats = NDArray[np.float64]
Faces = float | None | Sequence[float | None]

SHUTDOWN = {"constant": layout.CONSTANT, "vessel": layout.VESSEL, "tissue": layout.TISSUE}
AXES = ("-x", "+x", "-y", "+y", "-z", "+z")
FAST = 0.5  # of the commonest material's longest step: what needs shorter ones has sub-steps
THREADED_FROM = _jit.SERIAL_BELOW
BLOCKS = 16  # at most
EACH = 50_000  # sites of a block, about: handing a block its arrays takes some microseconds


class Bioheat:
    """The equation on one lattice.

    Parameters
    ----------
    lattice : Lattice
    materials : sequence of Material
        Codes of `material` count from 0.
    tissue_damage, vessel_damage : Kinetics
        Of the tissue, and of the vessels whose coagulation ends perfusion.
    cell_damage : Kinetics, optional
        Of cells in the tissue; it changes nothing else.
    material : int, shape (n_sites,), optional
        Code of each site; default all 0.
    inside : bool, shape (n_sites,), optional
        Sites that are part of the body; walls to others are insulated. Default all.
    perfusion : float or float, shape (n_sites,), optional
        1/s, before anything coagulates; default 0.
    sinks : float, shape (n_sites,), optional
        Conductance of the walls of large vessels, or other walls that are cooled [W/K]; default 0.
    sink_temperature : float or float, shape (n_sites,), optional
        What these walls are cooled to [degC]; default the temperature of blood.
    blood_heat : float
        Density x heat capacity of blood [J/m3/K].
    blood_temperature : float
        degC.
    shutdown : str
        ``vessel``: perfusion falls as exp(-Omega_vessel); ``tissue``: as exp(-Omega_tissue / 100); ``constant``.
    faces : float, None or six of these
        Temperature [degC] at which walls of the box are held, in the order -x +x -y +y -z +z; None is insulated.
    start : float or float, shape (n_sites,)
        Temperature at the start [degC]; a single one is also that of rest.
    damage_from : float
        Temperature below which no damage is counted [degC].
    largest_change : float
        Of a site in one step [K]; ``inf`` leaves the step to stability alone.
    threads : int
        Does not change a bit.
    skip : bool
        Skip what is at rest. Does not change a bit.
    precision : type
        ``np.float32`` or ``np.float64``, of the field of temperature.

    Raises
    ------
    InputError
        For arrays of the wrong length and values out of range, all at once.
    """

    def __init__(
        self,
        lattice: Lattice,
        materials: Sequence[Material],
        tissue_damage: Kinetics,
        vessel_damage: Kinetics,
        *,
        cell_damage: Kinetics | None = None,
        material: ArrayLike | None = None,
        inside: ArrayLike | None = None,
        perfusion: ArrayLike = 0.0,
        sinks: ArrayLike | None = None,
        sink_temperature: ArrayLike | None = None,
        blood_heat: float = 4.18e6,
        blood_temperature: float = BODY,
        shutdown: str = "vessel",
        faces: Faces = None,
        start: ArrayLike = BODY,
        damage_from: float = 39.0,
        largest_change: float = 2.0,
        threads: int = 1,
        skip: bool = True,
        precision: type = np.float32,
    ) -> None:
        n = lattice.n_sites
        self.lattice, self.materials = lattice, tuple(materials)
        self.threads, self.skip, self.precision = threads, skip, precision
        self.blood_heat, self.blood_temperature = float(blood_heat), float(blood_temperature)
        walls = [faces] * 6 if faces is None or isinstance(faces, (int, float)) else list(faces)
        problems = [p for k, m in enumerate(self.materials) for p in m.problems(f"bioheat: material {k}")]
        self.perfusion = _column("perfusion", perfusion, n, problems)
        sink = _column("sinks", 0.0 if sinks is None else sinks, n, problems)
        cooled = _temperature("sink temperature", sink_temperature, self.blood_temperature, n, problems)
        code = np.zeros(n, np.int64) if material is None else np.array(material).reshape(-1).astype(np.int64)
        within = np.ones(n, bool) if inside is None else np.array(inside, dtype=bool).reshape(-1)
        first = np.array(start, dtype=np.float64)
        if shutdown not in SHUTDOWN:
            problems.append(
                f"bioheat: unknown shutdown {shutdown!r}.{nearest(shutdown, SHUTDOWN)} Allowed: {', '.join(SHUTDOWN)}"
            )
        if len(walls) != 6 or any(w is not None and not math.isfinite(w) for w in walls):
            problems.append(f"bioheat: faces must be one or six temperatures or None, got {faces}")
        if len(code) != n or len(within) != n or first.size not in (1, n):
            problems.append(f"bioheat: material, inside and start need {n} sites")
        elif not 0 < len(self.materials) < layout.OUTSIDE or code[within].size == 0:
            problems.append("bioheat: there must be 1 to 254 materials, and a site of the body")
        elif code[within].min() < 0 or code[within].max() >= len(self.materials):
            problems.append(f"bioheat: material codes must be 0 to {len(self.materials) - 1}")
        if not np.all(np.isfinite(first)) or np.any(first >= BOILING_POINT):
            problems.append(f"bioheat: start must be temperatures below {BOILING_POINT:g} degC")
        for name, value in (("blood heat", blood_heat), ("largest change", largest_change), ("threads", threads)):
            if not value > 0:
                problems.append(f"bioheat: {name} must be positive, got {value}")
        if not 0.0 <= damage_from <= BOILING_POINT:
            problems.append(f"bioheat: damage must count from a temperature of 0 to 100 degC, got {damage_from}")
        if precision not in (np.float32, np.float64):
            problems.append(f"bioheat: precision must be np.float32 or np.float64, got {precision}")
        if problems:
            raise InputError(problems)
        self.base = float(first) if first.ndim == 0 else self.blood_temperature
        self._start = np.where(within, np.broadcast_to(first.reshape(-1), n) - self.base, 0.0)
        self.inside = within
        self._code = np.where(within, code, layout.OUTSIDE).astype(np.uint8)
        self._damage_from = float(damage_from)
        self._kinetics = [tissue_damage, vessel_damage, *([cell_damage] if cell_damage else [])]
        self._used = np.bincount(self._code[within], minlength=len(self.materials)) > 0
        self._faces, self._shutdown, self._most = walls, SHUTDOWN[shutdown], float(largest_change)
        self._sinks = (np.where(within, sink, 0.0), cooled - self.base)
        self._grid = self._lay_out(*self._sinks)

    # --- layout ------------------------------------------------------------------------------------------

    def _pad(self, column: NDArray[Any], fill: Any = None, dtype: Any = None) -> NDArray[Any]:
        """A column of sites with its rim: a repetition, or one value."""
        box = column.reshape(self.lattice.shape)
        padded = np.pad(box, 1, mode="edge") if fill is None else np.pad(box, 1, constant_values=fill)
        return np.ascontiguousarray(padded.reshape(-1), dtype=dtype or padded.dtype)

    def _column(self, padded: NDArray[Any]) -> Floats:
        """A column of sites without its rim."""
        nx, ny, nz = self.lattice.shape
        box = padded.reshape(nx + 2, ny + 2, nz + 2)[1:-1, 1:-1, 1:-1]
        return np.array(box, dtype=np.float64).reshape(-1)

    def _rows(self, padded: NDArray[Any], how: Callable[..., Any]) -> NDArray[Any]:
        """One value a row of a padded column."""
        nx, ny, nz = self.lattice.shape
        rows: NDArray[Any] = how(padded.reshape((nx + 2) * (ny + 2), nz + 2)[:, 1:-1], axis=1)
        return rows.astype(np.float64) if rows.dtype == np.float32 else rows

    def _walls(self, walls: list[Any], cond: Floats, slope: Floats, cap: float) -> tuple[Floats, Floats, list[float]]:
        """Conductance [W/m3/K] of every site towards walls that are held, and their mean rise [K]."""
        shape, code = self.lattice.shape, self._code.reshape(self.lattice.shape)
        pull, rise, held = np.zeros(shape), np.zeros(shape), []
        for side, wall in enumerate(walls):
            axis = side // 2
            if wall is None or (self.lattice.is_slab and axis == 2):
                continue
            where: list[Any] = [slice(None)] * 3
            where[axis] = 0 if side % 2 == 0 else -1
            at = tuple(where)
            up = float(wall) - self.base
            m = np.minimum(code[at], len(cond) - 1)
            one = 2.0 * np.where(code[at] == layout.OUTSIDE, 0.0, cond[m] * (1.0 + slope[m] * min(up, cap)))
            pull[at] += one
            rise[at] += one * up
            held.append(up)
        return pull.reshape(-1), np.divide(rise, pull, out=np.zeros(shape), where=pull > 0.0).reshape(-1), held

    def _with_sinks(self, name: str, interval: Interval) -> layout.Grid:
        """The layout with the walls that an interval adds; two at one site are one with their mean temperature."""
        problems: list[str] = []
        n, (sink, rise) = self.lattice.n_sites, self._sinks
        more = np.where(self.inside, _column("sinks", interval.sinks, n, problems, name), 0.0)  # type: ignore[arg-type]
        at = _temperature("sink temperature", interval.sink_temperature, self.blood_temperature, n, problems, name)
        if problems:
            raise InputError(problems)
        both = sink + more
        mean = np.divide(sink * rise + more * (at - self.base), both, out=rise.copy(), where=both > 0.0)
        return self._lay_out(both, mean)

    def _lay_out(self, sink: Floats, sink_rise: Floats) -> layout.Grid:
        """All that does not change in an interval."""
        lattice, table = self.lattice, self.materials
        nx, ny, nz = lattice.shape
        cap, blood = BOILING_POINT - self.base, self.blood_temperature - self.base
        at_base = np.array([1.0 + m.slope * (self.base - BODY) for m in table])
        k = np.array([m.conductivity for m in table]) * at_base
        slope = np.array([m.slope for m in table]) / at_base
        cond = 2.0 * np.outer(k, k) / np.add.outer(k, k) / lattice.spacing**2
        heat, dry = np.array([m.wet_heat for m in table]), np.array([m.dry_heat for m in table])
        pull, rise, held = self._walls(self._faces, np.diag(cond), slope, cap)
        outer = held + ([blood] if np.any(self.perfusion > 0.0) else [])
        if np.any(sink > 0.0):
            outer += [float(sink_rise[sink > 0.0].min()), float(sink_rise[sink > 0.0].max())]
        low, high = min([0.0, *outer, float(self._start.min())]), max([-layout.NEVER, *outer])
        if np.any(at_base <= 0.0) or np.any(1.0 + slope * low <= 0.0) or np.any(1.0 + slope * cap <= 0.0):
            raise InputError("bioheat: a slope makes the conductivity negative between the coldest site and 100 degC")
        faces = 2 * max(1, sum(n > 1 for n in lattice.shape))
        steepest = np.maximum(1.0 + slope * cap, 1.0 + slope * low)
        own = heat / (faces * np.diag(cond) * steepest)
        used = np.bincount(self._code[self.inside], minlength=len(table))
        limit = FAST * own[np.argmax(used)]
        code = self._pad(self._code)
        row_material, special = self._kinds(code, own >= limit, (sink > 0.0) | (pull > 0.0))
        site = np.flatnonzero(special == 1)
        rows = (nx + 2) * (ny + 2)
        ends = np.searchsorted(site, np.arange(rows + 1) * (nz + 2))
        blocks = 1 if lattice.n_sites < THREADED_FROM else min(BLOCKS, nx * ny, lattice.n_sites // EACH)
        lowest = self._damage_from
        return layout.Grid(
            shape=np.array(lattice.shape), edges=np.array([nx * ny * b // blocks for b in range(blocks + 1)]),
            rows=((np.arange(nx)[:, None] + 1) * (ny + 2) + np.arange(ny) + 1).reshape(-1), sides=_sides(nx, ny),
            offsets=np.array([-(ny + 2) * (nz + 2), (ny + 2) * (nz + 2), -(nz + 2), nz + 2, -1, 1]),
            code=code, special=special, row_material=row_material, cond=cond, slope=slope, heat=heat, dry=dry,
            latent=np.array([m.latent for m in table]), fast=np.where(own < limit, own, layout.NEVER),
            fast_dry=dry / (faces * np.diag(cond) * steepest), ends=ends, site=site,
            sink=self._pad(sink / lattice.site_volume, 0.0)[site], sink_rise=self._pad(sink_rise, 0.0)[site],
            face=self._pad(pull, 0.0)[site], face_rise=self._pad(rise, 0.0)[site],
            stripes=np.stack((0.5 * np.diag(cond), slope), axis=1).astype(self.precision),
            num=np.array([1, 0, 1 / 2, 1 / 3, 1 / 4, 1 / 5, 1 / 6, 1 / 7, cap, blood, layout.REST], self.precision),
            table=rate_table(lowest, *self._kinetics), own=np.where(own >= limit, own, np.inf),
            cap=cap, hot=lowest - self.base, base=self.base, blood=blood, most=self._most, low=low, high=high,
            bound=0.0, shutdown=self._shutdown, gentle=False,
        )  # fmt: skip

    def _kinds(
        self, code: NDArray[np.uint8], slow: NDArray[np.bool_], walled: NDArray[np.bool_]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Material of the stripes of each row, and which sites stripes do not do."""
        nx, ny, nz = self.lattice.shape
        box = code.reshape(nx + 2, ny + 2, nz + 2)
        inner = box[1:-1, 1:-1, 1:-1]
        count = np.stack([np.where(ok, (inner == m).sum(axis=2), 0) for m, ok in enumerate(slow)])
        row = np.where(count.max(axis=0) > 0, count.argmax(axis=0), layout.OUTSIDE).astype(np.uint8)
        own = (inner != row[:, :, None]) | walled.reshape(inner.shape)
        for axis in range(3):
            for step in (0, 2):
                at: list[Any] = [slice(1, -1)] * 3
                at[axis] = slice(step, step + inner.shape[axis])
                own |= box[tuple(at)] != inner
        special = np.full(box.shape, 3, np.uint8)
        special[1:-1, 1:-1, 1:-1] = np.where(inner == layout.OUTSIDE, 2, own)
        return np.pad(row, 1, constant_values=layout.OUTSIDE).reshape(-1), special.reshape(-1)

    # --- running -----------------------------------------------------------------------------------------

    def run(
        self,
        sources: Iterable[Interval],
        *,
        every: float | None = None,
        callback: Callable[[Session], ArrayLike | None] | None = None,
        cooling: Cooling | None = None,
    ) -> Heated:
        """One session: the intervals in turn, then cooling until Omega has stopped rising.

        Parameters
        ----------
        sources : iterable of Interval
            May make the arrays as they are asked for.
        every : float, optional
            Seconds between calls of `callback`, through heating and cooling.
        callback : callable, optional
            Gets the session (`Session`: time, temperature, damage) and returns None, or new perfusion
            [1/s], shape (n_sites,), before what coagulation takes: the solver goes on multiplying it by
            what `shutdown` leaves. It may end the interval (`Session.stop`); the next then follows.
        cooling : Cooling, optional
            None ends the session with the last interval.

        Returns
        -------
        Heated

        Raises
        ------
        InputError
            For a duration or SAR out of range.
        """
        if (every is None) != (callback is None) or (every is not None and not every > 0.0):
            raise InputError(f"bioheat: every and callback come together, every above 0; got {every}")
        session = Session(self, every, callback)
        for number, interval in enumerate(sources):
            session.heat(number, interval)
        return session.result(*session.cool(cooling))


def _sides(nx: int, ny: int) -> NDArray[np.uint8]:
    side = np.zeros((nx, ny), np.uint8)
    side[0] |= 1
    side[-1] |= 2
    side[:, 0] |= 4
    side[:, -1] |= 8
    return side.reshape(-1)


def _column(name: str, value: ArrayLike, n: int, problems: list[str], where: str = "bioheat") -> Floats:
    column = np.array(value, dtype=np.float64).reshape(-1)
    if column.size not in (1, n) or not np.all((column >= 0.0) & np.isfinite(column)):
        problems.append(f"{where}: {name} must be one number or {n} numbers of at least 0")
        return np.zeros(n)
    return np.array(np.broadcast_to(column, n))


def _temperature(
    name: str, value: ArrayLike | None, otherwise: float, n: int, problems: list[str], where: str = "bioheat"
) -> Floats:
    column = np.array(otherwise if value is None else value, dtype=np.float64).reshape(-1)
    if column.size not in (1, n) or not np.all(np.isfinite(column)):
        problems.append(f"{where}: {name} must be one temperature or {n} temperatures [degC]")
        return np.zeros(n)
    return np.array(np.broadcast_to(column, n))
