"""One session of the bioheat solver: what it changes, and how it is driven through intervals and cooling."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim import _jit
from tumorsim.errors import InputError
from tumorsim.fields import bioheat_layout as layout
from tumorsim.fields import bioheat_steps as steps
from tumorsim.fields.bioheat_tissue import Cooling, EnergyBalance, Heated, Interval

if TYPE_CHECKING:
    from tumorsim.fields.bioheat import Bioheat

Floats = NDArray[np.float64]

WIDEST = 0.5  # of exchange over capacity in a step, up to which stripes know the exponential


class Session:
    """A session as it runs; a callback may read it.

    Attributes
    ----------
    time : float
        s since the start.
    """

    def __init__(self, model: Bioheat, every: float | None, callback: Callable[[Session], ArrayLike | None] | None):
        self._model, self._every, self._callback = model, every, callback
        self._calls, self._odd, self._dries, self._ended, self._walled = 1, False, False, False, False
        self._perfusion = model.perfusion
        nx, ny, nz = model.lattice.shape
        size, rows, blocks = (nx + 2) * (ny + 2) * (nz + 2), (nx + 2) * (ny + 2), len(model._grid.edges)
        start = model._pad(model._start)

        def zeros(dtype: Any = np.float64, n: int = size) -> NDArray[Any]:
            return np.zeros(n, dtype)

        field: NDArray[Any] = start.astype(model.precision)
        top = model._rows(np.where(model._grid.special < 2, field, -layout.NEVER), np.max)
        self._peak = np.array(start)
        self._grid = model._grid
        self._fields = layout.Fields(
            a=field, b=field.copy(), q=zeros(model.precision), q0=zeros(model.precision), s=zeros(model.precision),
            s0=zeros(model.precision), omega=zeros(), omega_vessel=zeros(),
            omega_cells=zeros(n=size if model._grid.table.shape[1] > 3 else 0), cem43=zeros(), peak=self._peak,
            latent=zeros(), driest=zeros(), state=zeros(np.uint8), before=zeros(),
            over=zeros(model.precision, len(model.materials)), top_a=top, top_b=top.copy(),
            near=zeros(n=rows),
            awake_a=zeros(np.uint8, rows), awake_b=zeros(np.uint8, rows), ever_hot=zeros(np.uint8, rows),
            seen=zeros(model.precision), looked=np.full(rows, -1.0), due=zeros(n=rows), speed=zeros(n=rows),
            row_power=zeros(n=rows),
            slot=zeros(np.int32), fast=zeros(np.int64), listed=zeros(np.uint8, rows), value=zeros(), fresh=zeros(),
            spent=zeros(), rim=zeros(np.int64), extra=zeros(),
            acc=np.zeros((blocks - 1, layout.STRIPE), model.precision), out=np.zeros((blocks, 8)), clock=np.zeros(17),
            bits=np.zeros((blocks, 1), np.int32 if model.precision is np.float32 else np.int64),
        )  # fmt: skip
        self._take(model._grid)

    # --- what a callback may read ------------------------------------------------------------------------

    @property
    def time(self) -> float:
        """Seconds since the start."""
        return float(self._fields.clock[layout.TIME])

    @property
    def temperature(self) -> Floats:
        """degC, shape (n_sites,)."""
        model = self._model
        return np.where(model.inside, model._column(self._now), model._start) + model.base

    @property
    def omega_tissue(self) -> Floats:
        """Integral of the rate of damage so far, shape (n_sites,)."""
        return self._model._column(self._fields.omega)

    @property
    def omega_vessel(self) -> Floats:
        """The same for vessels."""
        return self._model._column(self._fields.omega_vessel)

    def temperature_at(self, sites: NDArray[np.int64]) -> Floats:
        """degC at a few sites (n,), shape (n,)."""
        model = self._model
        x, y, z = np.unravel_index(sites, model.lattice.shape)
        _, ny, nz = model.lattice.shape
        padded = ((x + 1) * (ny + 2) + y + 1) * (nz + 2) + z + 1
        return np.where(model.inside[sites], self._now[padded], model._start[sites]) + model.base

    def stop(self) -> None:
        """End the interval that runs, as soon as the callback returns; cooling after the last goes on."""
        self._ended = True

    @property
    def omega_cells(self) -> Floats:
        """The same for cells; 0 where the solver was given no kinetics of theirs."""
        model, cells = self._model, self._fields.omega_cells
        return model._column(cells) if cells.size else np.zeros(model.lattice.n_sites)

    @property
    def _now(self) -> NDArray[Any]:
        return self._fields.b if self._odd else self._fields.a

    # --- driving -----------------------------------------------------------------------------------------

    def heat(self, number: int, interval: Interval) -> None:
        """Run one interval."""
        if not (math.isfinite(interval.duration) and interval.duration > 0.0):
            raise InputError(f"bioheat: interval {number}: duration must be above 0 s, got {interval.duration}")
        n = self._model.lattice.n_sites
        sar = np.zeros(n) if interval.sar is None else np.asarray(interval.sar, dtype=np.float64).reshape(-1)
        if len(sar) != n or not np.all((sar >= 0.0) & np.isfinite(sar)):
            raise InputError(f"bioheat: interval {number}: SAR must be {n} numbers of at least 0 W/m3")
        self._wall(number, interval)
        self._switch(sar, interval.dries)
        self._ended = False
        self._advance(self.time + interval.duration, may_end=True)

    def cool(self, cooling: Cooling | None) -> tuple[float, bool]:
        """Run without a source until damage has stopped rising; seconds of heating, and whether it has."""
        heated, fields = self.time, self._fields
        if cooling is None:
            return heated, False
        if not (0.0 < cooling.window <= cooling.most and cooling.rise > 0.0):
            raise InputError(f"bioheat: cooling needs a window up to its longest time and a rise above 0: {cooling}")
        self._wall(-1, Interval(1.0))
        self._switch(np.zeros(self._model.lattice.n_sites), False)
        steps.risen(self._grid, fields)
        while self.time < heated + cooling.most:
            self._advance(min(self.time + cooling.window, heated + cooling.most))
            cold = fields.clock[layout.HOT] == 0.0 and self._grid.high < self._grid.hot
            if steps.risen(self._grid, fields) <= cooling.rise or cold:
                return heated, True
        return heated, False

    def _wall(self, number: int, interval: Interval) -> None:
        """Take the walls that are cooled in an interval alone."""
        if interval.sinks is not None:
            self._take(self._model._with_sinks(f"bioheat: interval {number}", interval))
        elif self._walled:
            self._take(self._model._grid)
        self._walled = interval.sinks is not None

    def _take(self, grid: layout.Grid) -> None:
        """Go on with other walls."""
        self._grid = grid
        if self._fields.clock[layout.N_FAST] > 0.0 or np.any(grid.fast < layout.NEVER):
            steps.gather(grid, self._fields)
        self._perfuse(self._perfusion)

    def _switch(self, sar: Floats, dries: bool) -> None:
        """Take a new source."""
        model, fields, clock = self._model, self._fields, self._fields.clock
        self._dries = dries
        fields.q0[:] = model._pad(np.where(model.inside, sar, 0.0), 0.0)
        if dries and fields.latent.any():
            full = np.append(self._grid.latent, 1.0)[np.minimum(self._grid.code, len(self._grid.latent))]
            left = 1.0 - np.divide(fields.latent, full, out=np.zeros_like(fields.latent), where=full > 0.0)
            fields.q[:] = fields.q0.astype(np.float64) * left
        else:
            fields.q[:] = fields.q0
        clock[layout.POWER] = fields.q.sum(dtype=np.float64)
        heat = np.append(self._grid.heat, np.inf)[np.minimum(self._grid.code, len(self._grid.heat))]
        fields.row_power[:] = model._rows(fields.q0 / heat, np.max)
        clock[layout.PROBE] = clock[layout.WAIT] = 0.0
        self._wake()

    def _perfuse(self, perfusion: Floats) -> None:
        """Take new perfusion [1/s], and find the longest step that goes with it."""
        model, fields, grid = self._model, self._fields, self._grid
        self._perfusion = perfusion
        given = np.where(model.inside, perfusion * model.blood_heat, 0.0)
        fields.s0[:] = model._pad(given, 0.0)
        fields.s[:] = np.where((grid.special == 0) & (fields.state == layout.WET), fields.s0 * self._left(), 0.0)
        bound, fastest = steps.weakest(grid, fields), 0.0
        for m, (own, used) in enumerate(zip(grid.own, model._used, strict=True)):
            if used and math.isfinite(own):
                heat = grid.heat[m]
                s = float(given[model._code == m].max())
                bound = min(bound, own if s == 0.0 else heat / s * min(math.log1p(s * own / heat), WIDEST))
                fastest = max(fastest, s / heat)
        bound *= layout.SAFETY
        self._grid = grid._replace(bound=bound, gentle=bool(bound * fastest <= layout.GENTLE))
        fields.clock[layout.PROBE] = fields.clock[layout.WAIT] = 0.0
        self._wake()

    def _left(self) -> Any:
        """Share of the perfusion that coagulation has left."""
        if self._grid.shutdown == layout.VESSEL:
            return np.exp(-self._fields.omega_vessel)
        return np.exp(-self._fields.omega / 100.0) if self._grid.shutdown == layout.TISSUE else 1.0

    def _wake(self) -> None:
        """Rows in which something may happen."""
        grid, fields, model = self._grid, self._fields, self._model
        awake = (fields.q != 0.0) | (self._now != 0.0)
        if grid.blood != 0.0:
            awake |= fields.s0 > 0.0
        awake[grid.site] |= (grid.sink * grid.sink_rise != 0.0) | (grid.face * grid.face_rise != 0.0)
        rest = model.skip and grid.hot > 0.0  # warm rest does harm
        rows = model._rows(awake, np.any) if rest else np.ones(len(fields.ever_hot), bool)
        for flags in (fields.awake_a, fields.awake_b):
            flags[:] = flags | rows

    def _advance(self, until: float, may_end: bool = False) -> None:
        """Run to a time, calling back on the way; a callback may end an interval before that."""
        while self.time < until and not (may_end and self._ended):
            goal = until if self._every is None else min(until, self._calls * self._every)
            self._march(goal)
            if self._every is not None and goal >= self._calls * self._every:
                self._calls += 1
                assert self._callback is not None
                answer = self._callback(self)
                if answer is not None:
                    column = np.asarray(answer, dtype=np.float64).reshape(-1)
                    if len(column) != self._model.lattice.n_sites or not np.all((column >= 0.0) & np.isfinite(column)):
                        raise InputError("bioheat: the callback must return perfusion of at least 0 for every site")
                    self._perfuse(column)
        np.maximum(self._peak, self._now, out=self._peak)

    def _march(self, until: float) -> None:
        """Whole steps to a time."""
        grid, fields, blocks = self._grid, self._fields, len(self._grid.edges) - 1
        if self._model.threads <= 1 or blocks == 1:
            self._odd = steps.march(until, self._dries, self._odd, grid, fields)
            return
        halves = ((fields.a, fields.top_a, fields.awake_a), (fields.b, fields.top_b, fields.awake_b))
        while self.time < until:
            (old, top, awake), (new, top_new, awake_new) = halves[self._odd], halves[not self._odd]
            last = steps.begin(until, old, top, awake, grid, fields)
            _jit.spread(
                steps.some, blocks, self._model.threads, self._dries, old, new, top, top_new, awake, awake_new, grid,
                fields)  # fmt: skip
            steps.finish(last, until, self._dries, grid, fields)
            self._odd = not self._odd

    # --- the end -----------------------------------------------------------------------------------------

    def result(self, heated: float, settled: bool) -> Heated:
        """What the session did."""
        model, grid, fields, clock = self._model, self._grid, self._fields, self._fields.clock
        code = np.where(model.inside, model._code, 0)
        rise, spent, full = model._column(self._now), model._column(fields.latent), grid.latent[code]
        wet = np.minimum(rise, grid.cap) if np.any(grid.latent > 0.0) else rise
        wet = np.where(full > 0.0, wet, rise)
        held = grid.heat[code] * (wet - model._start) + spent + grid.dry[code] * (rise - wet)
        volume = model.lattice.site_volume
        balance = EnergyBalance(
            clock[layout.ABSORBED] * volume, float(held[model.inside].sum()) * volume, clock[layout.BLOOD] * volume,
            clock[layout.SINKS] * volume, clock[layout.FACES] * volume,
        )  # fmt: skip
        driest = model._column(fields.driest)
        water = 1.0 - np.divide(driest, full, out=np.zeros_like(driest), where=full > 0.0)
        highest = np.where(model.inside, model._column(self._peak), model._start) + model.base
        return Heated(
            self.omega_tissue, self.omega_vessel, self.omega_cells, model._column(fields.cem43), highest,
            self.temperature, water, balance,
            heated, self.time - heated, settled, int(clock[layout.STEPS]), float(clock[layout.CHANGE]),
        )  # fmt: skip
