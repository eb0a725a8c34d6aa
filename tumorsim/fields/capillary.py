"""Oxygen along one capillary, and tables of it for fast look-up.

Blood enters at a known saturation and loses what the tissue around it really consumes (nothing beyond the
anoxic boundary); at each point along the way a Krogh cylinder gives the tissue's mean pressure and its shares
below 10, 2.5 and 0.5 mmHg. Capillaries are perfused at nominal flow or not at all (recruitment): with less
blood than the reference, a share x of them is perfused and each feeds a cylinder 1/x times as large; with
more, all are, each with x times the flow. So for one inlet and one tissue all depends on two numbers:

    x = blood flow / reference flow        c = consumption / full consumption (share of living cells)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tumorsim._jit import njit
from tumorsim.fields.haemoglobin import pressure_of
from tumorsim.fields.krogh import contour_area, end_area, mean_area_pressure

THRESHOLDS = (10.0, 2.5, 0.5)  # mmHg: hypoxic, severely hypoxic, anoxic
AXIAL_POINTS = 32  # midpoint rule along the capillary; error falls with the square (tested)
# Table axes. Rows: x = (i / ROWS_TO_ONE)^4 up to x = 1, where recruitment ends, then even steps; columns:
# w = s / (s + c) with s = min(x, 1), the balance of supply and demand, along which the onset of anoxia hardly
# moves. At fixed w more x, and at fixed x more w, never lowers p; bilinear look-up keeps that.
ROWS_TO_ONE = 32
ROWS_PER_UNIT = 12  # above x = 1
MOST_BLOOD = 3  # more blood than three times the reference counts as that
ROWS = ROWS_TO_ONE + ROWS_PER_UNIT * (MOST_BLOOD - 1) + 1
COLUMNS = 257


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

    def key(self) -> tuple[float, ...]:
        """The numbers in order, as the compiled functions take them."""
        return (
            self.consumption,
            self.diffusivity,
            self.cylinder,
            self.capillary,
            self.reference_flow,
            self.solubility,
            self.oxygen_capacity,
            self.p50,
            self.hill,
        )


@njit
def _along(x, c, inlet, tissue, points, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` = mean p, shares below the thresholds, outlet saturation."""
    consumption, diffusivity, cylinder, capillary, reference, solubility, carried, p50, hill = tissue
    out[:] = 0.0
    if x <= 0.0:
        out[1:4] = 1.0
        out[4] = inlet
        return
    if c <= 0.0:
        out[0] = pressure_of(inlet, p50, hill)
        out[4] = inlet
        return
    limit = (cylinder / capillary) ** 2 / min(x, 1.0)
    quarter = consumption * c * capillary * capillary / (4.0 * diffusivity)
    loss = solubility * consumption * c / (carried * x * reference) / (limit * points)
    saturated = inlet
    for _ in range(points):
        # Explicit midpoint: the state half way decides what the tissue takes over the whole step, so that
        # consumption met equals flow times the fall of content, whatever the number of points.
        reached = end_area(pressure_of(saturated, p50, hill) / quarter, limit) - 1.0
        middle = max(0.0, saturated - 0.5 * loss * reached)
        wall = pressure_of(middle, p50, hill)
        end = end_area(wall / quarter, limit)
        saturated = max(0.0, saturated - loss * (end - 1.0))
        out[0] += mean_area_pressure(wall, quarter, end, limit) / points
        out[1] += (limit - contour_area((wall - THRESHOLDS[0]) / quarter, end)) / ((limit - 1.0) * points)
        out[2] += (limit - contour_area((wall - THRESHOLDS[1]) / quarter, end)) / ((limit - 1.0) * points)
        out[3] += (limit - contour_area((wall - THRESHOLDS[2]) / quarter, end)) / ((limit - 1.0) * points)
    out[4] = saturated


@njit
def _fill(inlets, tissue, points, table):  # type: ignore[no-untyped-def]
    rows, columns, _, _ = table.shape
    out = np.empty(5)
    for i in range(rows):
        if i <= ROWS_TO_ONE:
            # Row 0 is the limit of little blood and as little demand, on which p depends through the
            # logarithm of x alone; a 50th of the first row's x stands for it.
            x = (i / ROWS_TO_ONE) ** 4 if i > 0 else 0.02 / ROWS_TO_ONE**4
        else:
            x = 1.0 + (i - ROWS_TO_ONE) / ROWS_PER_UNIT
        supplied = min(x, 1.0)
        for j in range(columns):
            w = j / (columns - 1)
            for s in range(len(inlets)):
                if j == 0:  # demand without bound
                    table[i, j, s, 0] = 0.0
                    table[i, j, s, 1:] = 1.0
                else:
                    _along(x, supplied * (1.0 - w) / w, inlets[s], tissue, points, out)
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
    """
    if not (0.0 <= inlet < 1.0 and x >= 0.0 and c >= 0.0 and math.isfinite(x) and math.isfinite(c)):
        raise ValueError(f"supply needs 0 <= inlet < 1 and finite x, c >= 0; got {inlet}, {x}, {c}")
    out = np.empty(5)
    _along(float(x), float(c), float(inlet), tissue.key(), points, out)
    return Supply(*(float(v) for v in out))


@lru_cache(maxsize=32)
def supply_table(tissue: Tissue, inlets: tuple[float, ...]) -> np.ndarray:
    """Table of the above, float32, shape (ROWS, COLUMNS, len(inlets), 4): mean p [mmHg] and three shares.

    Kept for the life of the process, since all patients of a study share it. Do not write to it.
    """
    table = np.empty((ROWS, COLUMNS, len(inlets), 4), dtype=np.float32)
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
