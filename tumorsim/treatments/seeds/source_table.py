"""Reading the table of a seed, and everything that can be wrong with it, each with its line.

What a table must hold stands in `tumorsim.treatments.seeds.source`. Besides the form, the values are held against
what they are by definition: g is 1 at 1 cm and F is 1 at 90 degrees (Rivard 2004, equations 6 and 8), so a table in
millimetres, in per cent or in radians cannot pass for one in centimetres, in shares or in degrees.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.document import Document, Path, path_text
from tumorsim.errors import InputError, nearest

Floats = NDArray[np.float64]

KEYS = ("name", "dose_rate_constant", "active_length_mm", "half_life_d", "radial", "anisotropy", "phi_an")
#: number: unit, least, most, what a value beyond may mean
NUMBERS = {
    "dose_rate_constant": ("cGy/h/U", 0.2, 3.0, "Is it in another unit? A Gy is 100 cGy"),
    "active_length_mm": ("mm", 0.5, 100.0, "Is it in cm? Give 0 for a point source"),
    "half_life_d": ("d", 1.0, 366.0, "Is it in hours or seconds? Longer-lived seeds are not left in place"),
}
FARTHEST = 30.0  # cm; no published table goes beyond
MOST_G, MOST_F = 20.0, 10.0  # at any place; I-125 stays below 1.2
OFF_ONE = 0.02  # how far g at 1 cm may be from 1
OFF_ONE_ACROSS = 0.05  # how far F at 90 degrees may be from 1


@dataclass(frozen=True, eq=False)
class SeedTable:
    """What a table holds; ``anisotropy`` is F (n, m) over ``f_r`` (n,) and ``theta`` (m,), None without."""

    name: str
    dose_rate_constant: float  # cGy/h/U
    active_length: float  # cm
    half_life: float  # d
    r: Floats  # cm
    g: Floats
    f_r: Floats | None = None  # cm
    theta: Floats | None = None  # degrees
    anisotropy: Floats | None = None
    phi_r: Floats | None = None  # cm
    phi_an: Floats | None = None


def check(document: Document) -> SeedTable:
    """The table in a document.

    Raises
    ------
    InputError
        Everything that is wrong, each with the line where it stands.
    """
    checker = _Checker(document)
    table = checker.table()
    if checker.problems or table is None:
        raise InputError(checker.problems)
    return table


class _Checker:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[str] = list(document.problems)

    def say(self, path: Path, what: str) -> None:
        self.problems.append(f"{self.document.label(path)}: {path_text(path) or 'seed'}: {what}")

    def table(self) -> SeedTable | None:
        data = self.document.data
        if not isinstance(data, Mapping):
            if () not in self.document.refused:
                self.say((), f"must be keys with values. Keys: {', '.join(KEYS)}.")
            return None
        due = [key for key in KEYS if key not in ("anisotropy", "phi_an")]
        self.keys((), data, due, KEYS)
        if "anisotropy" not in data and "phi_an" not in data:
            self.say((), "anisotropy or phi_an is missing: a table gives one of them, or both.")
        name = data.get("name", "")
        if "name" in data and ("name",) not in self.document.refused and not (isinstance(name, str) and name.strip()):
            self.say(("name",), f"must be a text, got {_shown(name)}.")
        number = {key: self.number(key) for key in NUMBERS if key in data}
        r, g = self.pair(data, "radial", "g", 2, MOST_G, positive=True)
        if r is not None and g is not None:
            self.is_one_at_1_cm(r, g)
        f_r, theta, anisotropy = self.anisotropy(data)
        phi_r, phi_an = self.pair(data, "phi_an", "value", 1, MOST_F, positive=True)
        if number.get("active_length_mm") == 0.0 and "anisotropy" in data:
            self.say(("anisotropy",), "F belongs to a line; a point source (active_length_mm: 0) takes phi_an.")
        if self.problems or r is None or g is None:
            return None
        return SeedTable(
            str(name).strip(), number["dose_rate_constant"], number["active_length_mm"] / 10.0, number["half_life_d"],
            r, g, f_r, theta, anisotropy, phi_r, phi_an,
        )  # fmt: skip

    def keys(self, path: Path, data: Mapping[str, Any], due: list[str], allowed: tuple[str, ...]) -> None:
        """Unknown keys with the nearest spelling, and missing ones."""
        for key in data:
            if key not in allowed:
                unit = next((f" It is given in {a.rsplit('_', 1)[1]}." for a in allowed if _same_but_unit(key, a)), "")
                listed = ", ".join(allowed)
                self.say((*path, key), f"unknown key.{nearest(str(key), allowed)}{unit} Allowed: {listed}.")
        for key in due:
            if key not in data:
                self.problems.append(f"{self.document.label(path)}: {path_text((*path, key))}: is missing.")

    def number(self, key: str) -> float:
        """One number of the head, within what is possible."""
        unit, least, most, hint = NUMBERS[key]
        value = self.finite((key,), self.document.data[key], f"a plain number in {unit}")
        if key == "active_length_mm" and value == 0.0:
            return 0.0
        if value < 0.0:
            self.say((key,), f"{value:g} is negative.")
        elif not (math.isnan(value) or least <= value <= most):
            self.say((key,), f"{value:g} {unit} is not within {least:g} to {most:g} {unit}. {hint}.")
        return value

    def finite(self, path: Path, value: Any, due: str, place: str = "") -> float:
        """A finite number, or NaN where it is none and that has been said."""
        if path in self.document.refused:
            return math.nan
        if value is None:
            self.say(path, f"{place}is a gap; {due} is due.")
            return math.nan
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.say(path, f"{place}{_shown(value)} is not a number; {due} is due.")
            return math.nan
        number = float(value) if abs(value) < 1e300 else math.inf
        if not math.isfinite(number):
            self.say(path, f"{place}{_shown(value)} is not a finite number; {due} is due.")
            return math.nan
        return number

    def column(self, path: Path, what: str, least: int, most: float, positive: bool, hint: str) -> Floats | None:
        """A list of numbers; None where there is none. Values that were refused stand as NaN."""
        listed = self.at(path)
        if not isinstance(listed, list):
            if path not in self.document.refused:
                self.say(path, f"must be a list of {what}, such as [0.5, 1.0], got {_shown(listed)}.")
            return None
        if len(listed) < least:
            self.say(path, f"at least {least} {what} {'is' if least == 1 else 'are'} due, got {len(listed)}.")
            return None
        values = np.empty(len(listed))
        above = 0
        for k, given in enumerate(listed):
            value = self.item((*path, k), given, f"value {k + 1}: ", what)
            values[k] = value if (value > 0.0 or (value == 0.0 and not positive)) and value <= most else math.nan
            if value < 0.0:
                self.item_says((*path, k), f"value {k + 1}: {value:g} is negative.")
            elif value == 0.0 and positive:
                self.item_says((*path, k), f"value {k + 1}: 0 is not allowed; {what} are above 0.")
            elif value > most:
                above += 1
                if above == 1:  # a whole table in another unit is one problem
                    self.item_says((*path, k), f"value {k + 1}: {value:g} is above {most:g}. {hint}")
        return values

    def item(self, path: Path, value: Any, place: str, what: str) -> float:
        """As `finite`; the path in the message is that of the list."""
        before = len(self.problems)
        number = self.finite(path, value, f"one of {what}", place)
        self.problems[before:] = [p.replace(f": {path_text(path)}: ", f": {self.listed(path)}: ", 1)
                                  for p in self.problems[before:]]  # fmt: skip
        return number

    def item_says(self, path: Path, what: str) -> None:
        self.problems.append(f"{self.document.label(path)}: {self.listed(path)}: {what}")

    def listed(self, path: Path) -> str:
        """The keys of a path, without places in lists."""
        return path_text(tuple(part for part in path if isinstance(part, str)))

    def at(self, path: Path) -> Any:
        found = self.document.data
        for part in path:
            found = found[part]
        return found

    def ascends(self, path: Path, values: Floats, unit: str) -> None:
        for k, (a, b) in enumerate(pairwise(values.tolist())):
            if b == a:
                self.item_says((*path, k + 1), f"value {k + 2}: {b:g} {unit} is written twice.")
            elif b < a:
                self.item_says((*path, k + 1), f"value {k + 2}: must ascend; {b:g} {unit} comes after {a:g} {unit}.")

    def radii(self, path: Path, least: int) -> Floats | None:
        hint = f"Is it in mm? Radii are in cm, up to {FARTHEST:g}."
        r = self.column(path, "radii in cm", least, FARTHEST, True, hint)
        if r is not None:
            self.ascends(path, r, "cm")
        return r

    def part(self, data: Mapping[str, Any], key: str, allowed: tuple[str, ...]) -> bool:
        """Whether a part of the file is there with all its keys."""
        if key not in data:
            return False
        part = data[key]
        if not isinstance(part, Mapping):
            if (key,) not in self.document.refused:
                self.say((key,), f"must be keys with values: {', '.join(allowed)}; got {_shown(part)}.")
            return False
        self.keys((key,), part, list(allowed), allowed)
        return all(k in part for k in allowed)

    def pair(
        self, data: Mapping[str, Any], key: str, what: str, least: int, most: float, positive: bool
    ) -> tuple[Floats | None, Floats | None]:
        """Radii and a value at each."""
        if not self.part(data, key, ("r_cm", what)):
            self.column_alone(data, key, least)
            return None, None
        r = self.radii((key, "r_cm"), least)
        name = "values of g" if what == "g" else "values of phi_an"
        values = self.column((key, what), name, 1, most, positive, "Is it in per cent? It is a share of 1.")
        if r is not None and values is not None and len(r) != len(values):
            self.say((key, what), f"{len(values)} values for {len(r)} radii; one each is due.")
            return None, None
        return r, values

    def column_alone(self, data: Mapping[str, Any], key: str, least: int) -> None:
        """Radii are looked at even where what belongs to them is missing."""
        if isinstance(data.get(key), Mapping) and "r_cm" in data[key]:
            self.radii((key, "r_cm"), least)

    def is_one_at_1_cm(self, r: Floats, g: Floats) -> None:
        if np.isnan(r).any() or np.isnan(g).any() or (np.diff(r) <= 0.0).any():
            return  # said already
        if not r[0] <= 1.0 <= r[-1]:
            told = f"from {r[0]:g} to {r[-1]:g} cm they leave out 1 cm, where g is 1. Radii are in cm."
            self.say(("radial", "r_cm"), told)
            return
        one = math.exp(np.interp(1.0, r, np.log(g)))
        if abs(one - 1.0) > OFF_ONE:
            told = f"it is {one:.4g} at 1 cm, where it is 1 by definition. Are the radii in cm, and g a share of 1?"
            self.say(("radial", "g"), told)

    def anisotropy(self, data: Mapping[str, Any]) -> tuple[Floats | None, Floats | None, Floats | None]:
        """F over r and theta."""
        if not self.part(data, "anisotropy", ("r_cm", "theta_deg", "F")):
            self.column_alone(data, "anisotropy", 1)
            return None, None, None
        r = self.radii(("anisotropy", "r_cm"), 1)
        theta = self.angles(("anisotropy", "theta_deg"))
        path: Path = ("anisotropy", "F")
        rows = data["anisotropy"]["F"]
        if not isinstance(rows, list):
            if path not in self.document.refused:
                self.say(path, f"must be a list of rows, one for each r_cm, got {_shown(rows)}.")
            return r, theta, None
        if r is not None and len(rows) != len(r):
            self.say(path, f"{len(rows)} rows for {len(r)} radii; a row for each is due.")
        made = []
        for k in range(len(rows)):
            hint = "Is it in per cent? F is a share of 1."
            row = self.column((*path, k), "values of F", 1, MOST_F, False, hint)
            if row is not None and theta is not None:
                if len(row) != len(theta):
                    told = f"row {k + 1} has {len(row)} values for {len(theta)} angles; one each is due."
                    self.item_says((*path, k), told)
                else:
                    self.is_one_across(path, k, theta, row)
            made.append(row)
        if self.problems:
            return r, theta, None
        return r, theta, np.array(made, dtype=np.float64)

    def angles(self, path: Path) -> Floats | None:
        theta = self.column(path, "angles in degrees", 2, 180.0, False, "Angles go from 0 to 90 or to 180 degrees.")
        if theta is None:
            return None
        self.ascends(path, theta, "degrees")
        if not np.isnan(theta).any() and (theta[0] != 0.0 or theta[-1] not in (90.0, 180.0)):
            told = f"goes from {theta[0]:g} to {theta[-1]:g}; from 0 to 90 or to 180 degrees is due."
            self.say(path, told)
        return theta

    def is_one_across(self, path: Path, k: int, theta: Floats, row: Floats) -> None:
        if np.isnan(theta).any() or np.isnan(row).any() or (np.diff(theta) <= 0.0).any() or theta[-1] < 90.0:
            return
        across = float(np.interp(90.0, theta, row))
        if abs(across - 1.0) > OFF_ONE_ACROSS:
            self.item_says((*path, k), f"row {k + 1}: F is {across:.4g} at 90 degrees, where it is 1 by definition.")


def _same_but_unit(given: Any, allowed: str) -> bool:
    """``active_length_cm`` for ``active_length_mm``."""
    return "_" in allowed and str(given) != allowed and str(given).rsplit("_", 1)[0] == allowed.rsplit("_", 1)[0]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 30 else f"{text[:27]}..."
