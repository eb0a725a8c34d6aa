"""A measured SAR: a table on an r-z grid, one for a device.

The file is comma separated, in the layout of a spreadsheet; lines that begin with ``#`` and empty lines are skipped:

    # maker and model, frequency, phantom, who measured
    r_mm\\z_mm, -30, -20, -10,  0,   10,  20,  30
    0,          0,   900, 4000, 5000, 4000, 900, 0
    2,          ...

The head has z along the needle [mm], 0 in the middle of the active part, positive towards the tip; each row begins
with a distance r from the axis [mm]. Cells are the power density per watt that tissue absorbs [1/m3]. Between
points it is straight in r and z; nearer than the first r, which is metal, and beyond the grid there is none. Its
integral over space, 2 pi r dr dz, must be one to within 1 %; what is left of that is scaled away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tumorsim.errors import InputError
from tumorsim.treatments.thermal import sar_kernels as kernels
from tumorsim.treatments.thermal.sar import Source

Floats = NDArray[np.float64]

WHOLE = 0.01  # how far from one the integral may be
_BIGGEST = 4_000_000  # bytes of a file


@dataclass(frozen=True, eq=False)
class Measured(Source):
    """A SAR measured on a grid around a needle.

    Parameters
    ----------
    radius : float64, shape (n,)
        Distances from the axis [m], ascending from 0 or more.
    along : float64, shape (m,)
        Places along the needle [m], ascending; 0 in the middle of the active part, positive towards the tip.
    sar : float64, shape (n, m)
        Power density per watt absorbed [1/m3].
    efficiency : float
        Share of the generator's power that tissue absorbs, above 0 and at most 1.

    Raises
    ------
    InputError
        Where axes do not ascend, a value is negative or none, or the integral is not one.
    """

    radius: Floats
    along: Floats
    sar: Floats
    efficiency: float
    name: str = field(default="SAR table")

    kind = kernels.TABLE

    def __post_init__(self) -> None:
        radius, along, sar = (np.asarray(a, dtype=np.float64) for a in (self.radius, self.along, self.sar))
        problems = _axis_problems(self.name, "r", radius) + _axis_problems(self.name, "z", along)
        if len(radius) and radius[0] < 0.0:
            problems.append(f"{self.name}: r must be 0 or more")
        if sar.shape != (len(radius), len(along)):
            problems.append(f"{self.name}: {sar.shape} values do not match {len(radius)} r and {len(along)} z")
        elif not np.isfinite(sar).all() or (sar < 0.0).any():
            problems.append(f"{self.name}: every value must be finite and 0 or more")
        if not 0.0 < self.efficiency <= 1.0:
            problems.append(f"{self.name}: the efficiency must be above 0 and at most 1, got {self.efficiency}")
        if not problems:
            whole = integral(radius, along, sar)
            if abs(whole - 1.0) > WHOLE:
                problems.append(
                    f"{self.name}: it integrates to {whole:.4g} over space; a power density per watt absorbed "
                    f"integrates to 1 within {WHOLE:.0%}. Cells are in 1/m3, lengths in mm"
                )
            else:
                sar = sar / whole
        if problems:
            raise InputError(problems)
        for name, column in (("radius", radius), ("along", along), ("sar", sar)):
            object.__setattr__(self, name, column)

    @property
    def numbers(self) -> Floats:
        """None are needed."""
        return np.zeros(1)

    @cached_property
    def table(self) -> Floats:
        """The grid with its axes in the first column and row, (n + 1, m + 1)."""
        full = np.zeros((len(self.radius) + 1, len(self.along) + 1))
        full[1:, 0], full[0, 1:], full[1:, 1:] = self.radius, self.along, self.sar
        return full

    @property
    def half(self) -> float:
        """Farthest place along the needle that has power [m]."""
        used = np.flatnonzero(self.sar.any(axis=0))
        near, far = max(used[0] - 1, 0), min(used[-1] + 1, len(self.along) - 1)
        return float(max(abs(self.along[near]), abs(self.along[far])))

    @property
    def core(self) -> float:
        """The first radius, where power begins, or where that is 0 the step to the next [m]."""
        return float(self.radius[0]) or float(self.radius[1])

    @property
    def scale(self) -> float:
        """Widest step of the grid [m]: between its points the density bends."""
        return float(max(np.diff(self.radius).max(), np.diff(self.along).max()))


def integral(radius: Floats, along: Floats, sar: Floats) -> float:
    """Integral over space [-] of a density [1/m3], (n, m), that is straight between r [m], (n,), and z [m], (m,)."""
    wide = np.diff(along)
    weight_z = np.zeros(len(along))
    weight_z[:-1] += 0.5 * wide
    weight_z[1:] += 0.5 * wide
    inner, outer = radius[:-1], radius[1:]
    step = outer - inner
    weight_r = np.zeros(len(radius))
    # integral of 2 pi r times the two straight hats of a step
    weight_r[:-1] += math.pi * step * (2.0 * inner + outer) / 3.0
    weight_r[1:] += math.pi * step * (inner + 2.0 * outer) / 3.0
    return float(weight_r @ sar @ weight_z)


def read_sar_table(path: Path, efficiency: float) -> Measured:
    """Read a table in the layout above.

    Parameters
    ----------
    path : Path
    efficiency : float
        Share of the generator's power that tissue absorbs.

    Raises
    ------
    InputError
        A file that is not there or too long, gaps, negative values, axes that do not ascend, each with its line;
        or an integral that is not one, with the integral.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    if path.stat().st_size > _BIGGEST:
        raise InputError(f"{path}: a SAR table has at most {_BIGGEST / 1e6:.0f} MB")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: it is not a text file") from None
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")]
    if len(lines) < 3:
        raise InputError(f"{path}: a head with z and at least two rows of r are due, got {len(lines)} lines")
    problems: list[str] = []
    head_line, head = lines[0]
    title, *places = head.split(",")
    if "r_mm" not in title or "z_mm" not in title:
        problems.append(f"{path}:{head_line}: the head must begin with r_mm\\z_mm, got '{title.strip()[:20]}'")
    along = _row(places, f"{path}:{head_line}", problems, "z", negative=True)
    _ascends(along, f"{path}:{head_line}: z", problems)
    radius, rows, before = [], [], -math.inf
    for number, line in lines[1:]:
        where = f"{path}:{number}"
        cells = line.split(",")
        values = _row(cells, where, problems, "value")
        if len(cells) != len(places) + 1:
            problems.append(f"{where}: {len(places) + 1} cells are due, as in the head; got {len(cells)}")
        if values and not values[0] > before and math.isfinite(values[0]):
            problems.append(f"{where}: r must ascend; {values[0]:g} mm comes after {before:g} mm")
        before = values[0] if values and math.isfinite(values[0]) else before
        radius.append(values[0] if values else math.nan)
        rows.append(values[1:])
    if problems:
        raise InputError(problems)
    mm = 1e-3
    return Measured(mm * np.array(radius), mm * np.array(along), np.array(rows), efficiency, str(path))


def _row(cells: list[str], where: str, problems: list[str], what: str, negative: bool = False) -> list[float]:
    """Numbers of a line; a gap or what is no number is a problem, and so is a negative one unless allowed."""
    values = []
    for place, cell in enumerate(cells, 1):
        text = cell.strip()
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not text:
            problems.append(f"{where}: cell {place} is a gap; every {what} is due (0 where there is no power)")
        elif not math.isfinite(value):
            problems.append(f"{where}: '{text[:20]}' is not a number")
        elif value < 0.0 and not negative:
            problems.append(f"{where}: {text} is negative; r and power density are 0 or more")
        values.append(value)
    return values


def _ascends(values: list[float], where: str, problems: list[str]) -> None:
    for a, b in pairwise(values):
        if b <= a:
            problems.append(f"{where} must ascend; {b:g} mm comes after {a:g} mm")
            return


def _axis_problems(name: str, axis: str, values: Floats) -> list[str]:
    if values.ndim != 1 or len(values) < 2:
        return [f"{name}: at least two {axis} are due"]
    if not np.isfinite(values).all() or (np.diff(values) <= 0.0).any():
        return [f"{name}: {axis} must ascend"]
    return []
