"""What one ablation is expected to coagulate: a prolate ellipsoid along the needle, and a table of them.

The axes are whole diameters as a pathologist measures them: the short axis across the needle, the long axis along
it. They depend on power and duration alone; what vessels and boundaries do to a zone is not known when it is planned.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tumorsim.errors import InputError, nearest

COLUMNS = ("device", "power_w", "duration_min", "short_axis_mm", "long_axis_mm", "centre_behind_tip_mm")


@dataclass(frozen=True)
class Zone:
    """One expected ablation zone.

    ``short_axis`` and ``long_axis`` are diameters across and along the needle [m], ``offset`` is how far its centre
    lies behind the tip of the needle [m].
    """

    short_axis: float
    long_axis: float
    offset: float = 0.0

    def __post_init__(self) -> None:
        problems = [
            f"ablation zone: {name} must be a positive length, got {value} m"
            for name, value in (("short axis", self.short_axis), ("long axis", self.long_axis))
            if not (math.isfinite(value) and value > 0.0)
        ]
        if not (math.isfinite(self.offset) and self.offset >= 0.0):
            problems.append(f"ablation zone: its centre must lie at or behind the tip, got {self.offset} m")
        if problems:
            raise InputError(problems)

    @property
    def volume(self) -> float:
        """Volume of the ellipsoid [m3]."""
        return math.pi / 6.0 * self.short_axis**2 * self.long_axis

    def holds(self, other: Zone) -> bool:
        """True where the other one fits in it about the same centre and needs no deeper a tip."""
        return other.short_axis <= self.short_axis and other.long_axis <= self.long_axis and other.offset <= self.offset


@dataclass(frozen=True)
class Option:
    """A setting of the device that a plan may use: ``power`` [W], ``duration`` [s] and the zone expected of it."""

    power: float
    duration: float
    zone: Zone

    def __post_init__(self) -> None:
        problems = [
            f"ablation: {name} must be positive, got {value} {unit}"
            for name, value, unit in (("power", self.power, "W"), ("duration", self.duration, "s"))
            if not (math.isfinite(value) and value > 0.0)
        ]
        if problems:
            raise InputError(problems)


def options_of(
    zone_of: Callable[[float, float], Zone | tuple[float, ...]], settings: Iterable[tuple[float, float]]
) -> tuple[Option, ...]:
    """Settings with their zones.

    Parameters
    ----------
    zone_of : callable
        ``(power [W], duration [s])`` to a `Zone`, or to ``(short axis, long axis)`` or ``(short axis, long axis,
        offset)`` [m].
    settings : iterable of (float, float)
        Power [W] and duration [s].
    """
    found = []
    for power, duration in settings:
        zone = zone_of(power, duration)
        found.append(Option(power, duration, zone if isinstance(zone, Zone) else Zone(*zone)))
    return tuple(found)


@dataclass(frozen=True)
class ZoneTable:
    """Measured or calibrated zones of one device.

    ``rows`` are ``(power [W], duration [s], zone)``. Between rows axes and offset are linear in duration, then linear
    in power; outside of them nothing is said.
    """

    device: str
    rows: tuple[tuple[float, float, Zone], ...]

    def __post_init__(self) -> None:
        keys = [(power, duration) for power, duration, _ in self.rows]
        if not keys:
            raise InputError(f"zone table '{self.device}': has no rows")
        if len(set(keys)) < len(keys):
            raise InputError(f"zone table '{self.device}': a power and duration stand twice")
        for power, duration, zone in self.rows:
            Option(power, duration, zone)

    def __call__(self, power: float, duration: float) -> Zone:
        """Zone at a power [W] and a duration [s].

        Raises
        ------
        InputError
            Outside the range of the table; the message names what it holds.
        """
        powers = sorted({row[0] for row in self.rows})
        low = max((p for p in powers if p <= power), default=None)
        high = min((p for p in powers if p >= power), default=None)
        if low is None or high is None:
            raise InputError(
                f"zone table '{self.device}': {power:g} W is outside its range, {powers[0]:g} to {powers[-1]:g} W"
            )
        a, b = self._at(low, duration), self._at(high, duration)
        return a if low == high else _between(a, b, (power - low) / (high - low))

    def _at(self, power: float, duration: float) -> Zone:
        rows = sorted(((row[1], row[2]) for row in self.rows if row[0] == power), key=lambda row: row[0])
        if not rows[0][0] <= duration <= rows[-1][0]:
            raise InputError(
                f"zone table '{self.device}': {duration / 60:g} min at {power:g} W is outside its range, "
                f"{rows[0][0] / 60:g} to {rows[-1][0] / 60:g} min"
            )
        above = next(n for n, row in enumerate(rows) if row[0] >= duration)
        if rows[above][0] == duration:
            return rows[above][1]
        (t0, a), (t1, b) = rows[above - 1], rows[above]
        return _between(a, b, (duration - t0) / (t1 - t0))


def _between(a: Zone, b: Zone, part: float) -> Zone:
    return Zone(
        a.short_axis + part * (b.short_axis - a.short_axis),
        a.long_axis + part * (b.long_axis - a.long_axis),
        a.offset + part * (b.offset - a.offset),
    )


def read_zone_tables(text: str, file: str = "zone table") -> dict[str, ZoneTable]:
    """Zone tables by device, from csv text with the columns of `COLUMNS`; lines that begin with # are comments.

    Raises
    ------
    InputError
        Every line that cannot be used.
    """
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")]
    reader = csv.reader(io.StringIO("\n".join(line for _, line in lines)))
    table = list(reader)
    if not table or tuple(table[0]) != COLUMNS:
        raise InputError(f"{file}: columns must be {','.join(COLUMNS)}")
    rows: dict[str, list[tuple[float, float, Zone]]] = {}
    problems: list[str] = []
    for (number, _), cells in zip(lines[1:], table[1:], strict=True):
        where = f"{file}:{number}"
        try:
            if len(cells) != len(COLUMNS):
                raise InputError(f"{len(COLUMNS)} cells are due, got {len(cells)}")
            power, minutes, short, long, behind = (_number(cell) for cell in cells[1:])
            option = Option(power, minutes * 60.0, Zone(short * 1e-3, long * 1e-3, behind * 1e-3))
        except InputError as error:
            problems += [f"{where}: {line}" for line in error.problems]
            continue
        rows.setdefault(cells[0].strip(), []).append((power, option.duration, option.zone))
    if problems:
        raise InputError(problems)
    return {device: ZoneTable(device, tuple(found)) for device, found in rows.items()}


def zone_table(path: str | Path, device: str) -> ZoneTable:
    """The table of one device in a csv file; `InputError` where the file has no such device."""
    path = Path(path)
    tables = read_zone_tables(path.read_text(encoding="utf-8"), path.name)
    if device not in tables:
        raise InputError(f"{path.name}: no device '{device}'.{nearest(device, tables)} It has {', '.join(tables)}.")
    return tables[device]


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise InputError(f"'{cell}' is not a number") from None


def largest_first(options: Sequence[Option]) -> list[Option]:
    """Options from the largest zone to the smallest; of equals the earlier."""
    return sorted(options, key=lambda option: -option.zone.volume)
