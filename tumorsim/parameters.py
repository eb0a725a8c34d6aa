"""Every default of the program: one table a room, each row with unit, range, source and confidence.

Tables are ``data/parameters/<room>.csv`` with the columns of `COLUMNS`; a name is ``room.what``. Values are
converted to SI when read. Oxygen tensions stay in mmHg: in the room ``oxygen`` and wherever the name says
``po2``, ``p50`` or ``mmhg``; other pressures become Pa. Temperatures in degC stay.

A row is never a result: a name that speaks of two kinds of treatment, or of an order, is refused.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import Any

from tumorsim import quantity
from tumorsim.errors import InputError, nearest

COLUMNS = ("name", "value", "unit", "low", "high", "confidence", "mark", "source", "meaning")
CONFIDENCE = ("high", "medium", "low")
MARKS = ("seen", "recalled", "computed", "*")  # * = engineering choice, not a measurement

_NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_TREATMENTS = {
    "embolisation": {"embolisation", "embolization", "tace", "tae", "chemoembolisation", "bead", "beads"},
    "ethanol": {"ethanol", "pei"},
    "microwave": {"microwave", "mwa"},
    "radiofrequency": {"radiofrequency", "rfa"},
    "seeds": {"seed", "seeds", "iodine", "i125", "brachytherapy"},
    "infusion": {"infusion", "haic"},
    "immunotherapy": {"immunotherapy", "pd1", "ctla4", "checkpoint"},
    "herbal": {"herbal"},
    "hydrodissection": {"hydrodissection"},
}
_ORDER = {
    "after",
    "before",
    "then",
    "followed",
    "order",
    "sequence",
    "combination",
    "synergy",
    "versus",
    "vs",
}


@dataclass(frozen=True)
class Row:
    """One parameter: value and range in the program's unit, and where they come from."""

    name: str
    value: float
    unit: str  # the program's unit (SI, mmHg, degC)
    low: float
    high: float
    confidence: str
    mark: str
    source: str
    meaning: str
    given: str  # the value as the table has it, such as "140 d"
    given_unit: str

    @property
    def tension(self) -> bool:
        """True where mmHg stays mmHg."""
        return keeps_mmhg(self.name)


class Parameters(Mapping[str, float]):
    """Parameter values by name, with their rows.

    Attributes
    ----------
    rows : dict of str to Row
        What is known about each.
    notes : list of str
        Warnings: values outside the range of their row.
    """

    def __init__(self, rows: Mapping[str, Row], notes: list[str] | None = None) -> None:
        self.rows = dict(rows)
        self.notes = list(notes or [])

    def __getitem__(self, name: str) -> float:
        try:
            return self.rows[name].value
        except KeyError:
            raise KeyError(f"no parameter {name!r}.{nearest(name, self.rows)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def room(self, name: str) -> dict[str, float]:
        """Values of one room by their short names."""
        start = name + "."
        return {key.removeprefix(start): row.value for key, row in self.rows.items() if key.startswith(start)}

    def with_overrides(self, overrides: Mapping[str, Any]) -> Parameters:
        """A copy with other values.

        Parameters
        ----------
        overrides : mapping of str to str or float
            Text with a unit; a bare number only where the parameter has no dimension.

        Raises
        ------
        InputError
            Unknown name (the nearest one is named), wrong unit, or a negative value where none can be. A
            value outside its row's range is kept and noted in ``notes``.
        """
        rows, notes, problems = dict(self.rows), list(self.notes), []
        for name, given in overrides.items():
            row = rows.get(name)
            if row is None:
                problems.append(f"parameters: unknown parameter '{name}'.{nearest(name, rows)}")
                continue
            try:
                value = quantity.parse(given, row.unit, what=f"parameters.{name}")
            except InputError as error:
                problems += error.problems
                continue
            if value < 0 <= row.low:
                problems.append(f"parameters.{name}: {given} is negative; allowed from {_show(row, row.low)}")
                continue
            if not _within(value, row.low, row.high):
                notes.append(f"{name} = {given} is outside its range, {_show(row, row.low)} to {_show(row, row.high)}")
            rows[name] = replace(row, value=value, given=str(given))
        if problems:
            raise InputError(problems)
        return Parameters(rows, notes)


def load_parameters(overrides: Mapping[str, Any] | None = None) -> Parameters:
    """All defaults of the package, with ``overrides`` (see `Parameters.with_overrides`)."""
    defaults = Parameters(_defaults())
    return defaults.with_overrides(overrides) if overrides else defaults


@lru_cache(maxsize=1)
def _defaults() -> dict[str, Row]:
    rows: dict[str, Row] = {}
    problems: list[str] = []
    folder = resources.files("tumorsim") / "data" / "parameters"
    for table in sorted((f for f in folder.iterdir() if f.name.endswith(".csv")), key=lambda f: f.name):
        found, wrong = read_table(table.read_text(encoding="utf-8"), table.name)
        problems += wrong + [f"{table.name}: {name} stands in two tables" for name in found if name in rows]
        rows.update(found)
    if problems:
        raise InputError(problems)
    return rows


def read_table(text: str, file: str) -> tuple[dict[str, Row], list[str]]:
    """Rows of one csv table, and what is wrong with it (each problem with file and line)."""
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        return {}, [f"{file}:1: columns must be {','.join(COLUMNS)}"]
    rows: dict[str, Row] = {}
    problems: list[str] = []
    for cells in reader:
        where = f"{file}:{reader.line_num}"
        if None in cells or None in cells.values():
            problems.append(f"{where}: {len(COLUMNS)} cells are due (quote a cell that holds a comma)")
            continue
        try:
            row = _row({key: value.strip() for key, value in cells.items()})
        except ValueError as error:
            problems += [f"{where}: {line}" for line in str(error).splitlines()]
            continue
        if row.name in rows:
            problems.append(f"{where}: {row.name} stands twice")
        rows[row.name] = row
    return rows, problems


def _row(cells: dict[str, str]) -> Row:
    name, unit = cells["name"], cells["unit"]
    problems = check_name(name)
    if not unit:
        problems.append(f"{name}: unit is missing (- for none)")
    problems += [
        f"{name}: {column} must be one of {', '.join(allowed)}, got '{cells[column]}'"
        for column, allowed in (("confidence", CONFIDENCE), ("mark", MARKS))
        if cells[column] not in allowed
    ]
    problems += [f"{name}: {column} is missing" for column in ("source", "meaning") if not cells[column]]
    if problems:
        raise ValueError("\n".join(problems))
    tension = keeps_mmhg(name)
    value, low, high = (_number(name, key, cells[key], unit, tension) for key in ("value", "low", "high"))
    if not _within(value, low, high):
        raise ValueError(f"{name}: {cells['value']} is not within {cells['low']} to {cells['high']}")
    given = f"{cells['value']} {unit}" if unit != "-" else cells["value"]
    return Row(
        name, value, quantity.si_unit(unit, tension=tension), low, high,
        cells["confidence"], cells["mark"], cells["source"], cells["meaning"], given, unit,
    )  # fmt: skip


def _number(name: str, column: str, text: str, unit: str, tension: bool) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{name}: {column} '{text}' is not a number") from None
    if not math.isfinite(number):
        raise ValueError(f"{name}: {column} must be finite, got '{text}'")
    return quantity.to_si(number, unit, tension=tension)


def keeps_mmhg(name: str) -> bool:
    """True for parameters whose mmHg is an oxygen tension and stays in mmHg."""
    words = re.split(r"[._]", name)
    return words[0] == "oxygen" or any(word in ("po2", "p50", "mmhg") for word in words)


def check_name(name: str) -> list[str]:
    """What is wrong with a parameter's name: its form, two kinds of treatment, or an order of them."""
    if not _NAME.fullmatch(name):
        return [f"'{name}' is not a name of the form room.what in small letters"]
    words = set(re.split(r"[._]", name))
    problems = []
    kinds = [kind for kind, spellings in _TREATMENTS.items() if words & spellings]
    if len(kinds) > 1:
        problems.append(f"{name}: names {' and '.join(kinds)}; a result of two treatments is no parameter")
    if words & _ORDER:
        problems.append(f"{name}: names an order ('{min(words & _ORDER)}'); its result is no parameter")
    return problems


def _within(value: float, low: float, high: float) -> bool:
    slack = 1e-9 * max(abs(low), abs(high))  # conversion of units rounds
    return low - slack <= value <= high + slack


def _show(row: Row, value: float) -> str:
    return f"{value:.4g}" if row.unit == "-" else f"{value:.4g} {row.unit}"
