"""Oxygen along one capillary, and tables of it for fast look-up.

Blood enters at a known saturation and loses what the tissue around it really consumes; at each point along the way a
tissue cylinder (`cylinder`) gives what passes the wall at that content of the blood, the tissue's mean pressure and
its shares below 10, 2.5 and 0.5 mmHg. Capillaries are perfused at nominal flow or not at all (recruitment): with less
blood than the reference, a share x of them is perfused and each feeds a cylinder 1/x times as large; with
more, all are, each with x times the flow. So for one inlet and one tissue all depends on two numbers:

    x = blood flow / reference flow        c = consumption / full consumption (share of living cells)

The physics is that of the branch that resolves capillaries (`fine_oxygen`), with the same parameters: diffusion,
Michaelis-Menten consumption, the resistance between blood and wall, oxygen bound and dissolved. What is left out is
diffusion along the capillary, and the corners between cylinders.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from functools import lru_cache

import numpy as np

from tumorsim._jit import njit
from tumorsim.fields.cylinder import BLOOD, COLUMNS, FED, STATES, SUM, THRESHOLDS, starts, state_of
from tumorsim.fields.haemoglobin import pressure_of, saturation
from tumorsim.fields.network_blood import pressure_of_content

AXIAL_POINTS = 32  # midpoint rule along the capillary; error falls with the square (tested)
# Table axes. Rows: x = (i / ROWS_TO_ONE)^4 up to x = 1, where recruitment ends, then even steps; columns:
# w = s / (s + c) with s = min(x, 1), the balance of supply and demand, along which the onset of anoxia hardly
# moves. At fixed w more x, and at fixed x more w, never lowers p; bilinear look-up keeps that.
ROWS_TO_ONE = 32
ROWS_PER_UNIT = 12  # above x = 1
MOST_BLOOD = 3  # more blood than three times the reference counts as that
ROWS = ROWS_TO_ONE + ROWS_PER_UNIT * (MOST_BLOOD - 1) + 1
PLACES = 257


@dataclass(frozen=True)
class Tissue:
    """What the oxygen balance needs to know of a tissue and its blood (SI; pressures mmHg)."""

    consumption: float  # mmHg/s at full cell density
    diffusivity: float  # m2/s
    cylinder: float  # m, Krogh radius with all capillaries perfused
    capillary: float  # m, capillary radius
    reference_flow: float  # 1/s, blood flow per volume of the untreated tissue
    solubility: float  # 1/mmHg, m3 gas per m3 tissue
    oxygen_capacity: float  # m3 gas per m3 blood
    p50: float  # mmHg
    hill: float
    half_consumption: float  # mmHg, Km
    dissolved: float  # 1/mmHg, m3 gas per m3 blood
    wall: float  # mmHg s/m2, resistance between blood and wall per length of capillary

    def key(self) -> tuple[float, ...]:
        """The numbers in order, as the compiled functions take them."""
        return astuple(self)


@njit
def _content(saturated, tissue):  # type: ignore[no-untyped-def]
    """Oxygen of blood of a saturation [m3 gas per m3]."""
    return tissue[6] * saturated + tissue[10] * pressure_of(saturated, tissue[7], tissue[8])


@njit
def _states(x, c, lowest, top, tissue, begin, states):  # type: ignore[no-untyped-def]
    """Fill ``states`` with those of a cylinder, richest first, until blood of content ``lowest`` has run its course.

    In place of the blood's pressure its content is written. Returns how many there are; the last may hold no oxygen.
    """
    consumption, diffusivity, cylinder, capillary, reference, solubility, carried, p50, hill, half, dissolved, wall = (
        tissue
    )
    limit = (cylinder / capillary) ** 2 / min(x, 1.0)
    quarter = consumption * c * capillary * capillary / (4.0 * diffusivity)
    resistance = wall * consumption * c * solubility * math.pi * capillary * capillary
    loss = solubility * consumption * c / (min(x, 1.0) * reference) / limit
    low, high = -1, starts(limit, quarter, half, top, begin) - 1
    while high - low > 1:  # the poorest with more than the richest blood
        middle = (low + high) // 2
        state_of(begin[middle], limit, quarter, half, resistance, states[0])
        if states[0, BLOOD] >= top:
            high = middle
        else:
            low = middle
    count, way = 0, 0.0
    for n in range(high, -1, -1):
        state_of(begin[n], limit, quarter, half, resistance, states[count])
        p = states[count, BLOOD]
        states[count, BLOOD] = carried * saturation(p, p50, hill) + dissolved * p
        if count > 0 and states[count, BLOOD] >= states[count - 1, BLOOD]:
            continue  # the same but for rounding
        count += 1
        if count > 1:
            before, here = states[count - 2], states[count - 1]
            fallen = min(before[BLOOD], lowest) - here[BLOOD]
            if fallen > 0.0:
                way += 2.0 * fallen / (loss * (before[FED] + here[FED]))
            if way > 1.1:
                return count
    states[count, :] = 0.0
    return count + 1


@njit
def _along(x, c, inlet, tissue, points, states, count, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` = mean p, shares below the thresholds, content of the blood that leaves."""
    limit = (tissue[2] / tissue[3]) ** 2 / min(x, 1.0)
    loss = tissue[5] * tissue[0] * c / (x * tissue[4]) / (limit * points)
    content = _content(inlet, tissue)
    out[:] = 0.0
    k = 0
    for _ in range(points):
        # Explicit midpoint: the state half way decides what the tissue takes over the whole step, so that
        # consumption met equals flow times the fall of content, whatever the number of points.
        k, part = _between(states, count, k, content)
        fed = states[k, FED] + part * (states[k + 1, FED] - states[k, FED])
        k, part = _between(states, count, k, max(0.0, content - 0.5 * loss * fed))
        content = max(0.0, content - loss * (states[k, FED] + part * (states[k + 1, FED] - states[k, FED])))
        out[0] += states[k, SUM] + part * (states[k + 1, SUM] - states[k, SUM])
        for n in range(3):
            above = states[k, SUM + 1 + n]
            out[1 + n] += limit - 1.0 - above - part * (states[k + 1, SUM + 1 + n] - above)
    out[:4] /= (limit - 1.0) * points
    out[4] = content


@njit
def _between(states, count, k, content):  # type: ignore[no-untyped-def]
    """The pair of states around a content, from the ``k``-th on, and the part of the way to the second."""
    while k < count - 2 and states[k + 1, BLOOD] > content:
        k += 1
    return k, (states[k, BLOOD] - content) / (states[k, BLOOD] - states[k + 1, BLOOD])


@njit
def _fill(inlets, tissue, points, table):  # type: ignore[no-untyped-def]
    rows, places, _, _ = table.shape
    out, begin, states = np.empty(5), np.empty((STATES, 2)), np.empty((STATES, COLUMNS))
    top, lowest = pressure_of(inlets.max(), tissue[7], tissue[8]), _content(inlets.min(), tissue)
    for j in range(places):
        w = j / (places - 1)
        count = 0
        for i in range(rows):
            if i <= ROWS_TO_ONE:
                # Row 0 is the limit of little blood and as little demand, on which p depends through the
                # logarithm of x alone; a 50th of the first row's x stands for it.
                x = (i / ROWS_TO_ONE) ** 4 if i > 0 else 0.02 / ROWS_TO_ONE**4
            else:
                x = 1.0 + (i - ROWS_TO_ONE) / ROWS_PER_UNIT
            c = min(x, 1.0) * (1.0 - w) / w
            if 0 < j < places - 1 and i <= ROWS_TO_ONE and top > 0.0:  # with more blood the cylinder is the same
                count = _states(x, c, lowest, top, tissue, begin, states)
            for s in range(len(inlets)):
                table[i, j, s, 0] = 0.0
                table[i, j, s, 1:] = 1.0  # demand without bound
                if j == places - 1:
                    table[i, j, s, 0] = pressure_of(inlets[s], tissue[7], tissue[8])
                    table[i, j, s, 1:] = 0.0
                elif j > 0 and inlets[s] > 0.0:
                    _along(x, c, inlets[s], tissue, points, states, count, out)
                    table[i, j, s, :] = out[:4]


@dataclass(frozen=True)
class Supply:
    """Result for one capillary bed: all shares are of tissue volume, nested, in [0, 1]."""

    pressure: float  # mmHg, mean of the tissue
    share10: float
    share2p5: float
    share0p5: float
    outlet: float  # saturation where the capillary ends


def supply(tissue: Tissue, inlet: float, x: float, c: float, points: int = AXIAL_POINTS) -> Supply:
    """Oxygen of tissue fed by one source, exactly (no table).

    Parameters
    ----------
    tissue : Tissue
    inlet : float
        Saturation of the blood that enters [-], 0 <= inlet < 1.
    x, c : float
        Blood flow over its reference, and consumption over its full value; both >= 0.
    points : int
        Points of the midpoint rule along the capillary.

    Raises
    ------
    ValueError
        For values out of range.
    """
    if not (0.0 <= inlet < 1.0 and x >= 0.0 and c >= 0.0 and math.isfinite(x) and math.isfinite(c)):
        raise ValueError(f"supply needs 0 <= inlet < 1 and finite x, c >= 0; got {inlet}, {x}, {c}")
    if x == 0.0 or inlet == 0.0 < c:
        return Supply(0.0, 1.0, 1.0, 1.0, inlet)
    p50, hill, key = tissue.p50, tissue.hill, tissue.key()
    pressure = float(pressure_of(inlet, p50, hill))
    if c == 0.0:
        ten, two, half = (float(pressure < limit) for limit in THRESHOLDS)
        return Supply(pressure, ten, two, half, inlet)
    out, begin, states = np.empty(5), np.empty((STATES, 2)), np.empty((STATES, COLUMNS))
    count = _states(float(x), float(c), _content(inlet, key), pressure, key, begin, states)
    _along(float(x), float(c), float(inlet), key, points, states, count, out)
    left = pressure_of_content(tissue.oxygen_capacity, tissue.dissolved, out[4], p50, hill)
    return Supply(float(out[0]), float(out[1]), float(out[2]), float(out[3]), float(saturation(left, p50, hill)))


@lru_cache(maxsize=32)
def supply_table(tissue: Tissue, inlets: tuple[float, ...]) -> np.ndarray:
    """Table of the above, float32, shape (ROWS, PLACES, len(inlets), 4): mean p [mmHg] and three shares.

    Kept for the life of the process, since all patients of a study share it. Do not write to it.
    """
    table = np.empty((ROWS, PLACES, len(inlets), 4), dtype=np.float32)
    _fill(np.array(inlets, dtype=float), tissue.key(), AXIAL_POINTS, table)
    # What the midpoint rule leaves of disorder (1e-3) must not make more blood look worse.
    for axis in (0, 1):
        table[..., 0] = np.maximum.accumulate(table[..., 0], axis=axis)
        table[..., 1:] = np.minimum.accumulate(table[..., 1:], axis=axis)
    return table


@njit
def table_place(x: float, c: float, rows: int, columns: int) -> tuple[int, int, float, float]:
    """Cell (i, j) of the table that holds (x, c), x > 0, and the weights of its upper edges."""
    if x <= 1.0:
        row = math.sqrt(math.sqrt(x)) * ROWS_TO_ONE
    else:
        row = min(ROWS_TO_ONE + (x - 1.0) * ROWS_PER_UNIT, rows - 1.0)
    i = min(int(row), rows - 2)
    s = min(x, 1.0)
    column = s / (s + c) * (columns - 1)
    j = min(int(column), columns - 2)
    return i, j, row - i, column - j
