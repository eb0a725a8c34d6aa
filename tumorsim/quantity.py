"""Text with a unit outside, plain SI numbers inside.

The unit registry is Pint's, made when first needed, so that importing this module costs nothing. Besides
Pint's own units it reads what stands in clinical tables: ``mL/min/100mL``, ``m3/s``, ``1/cm2``, ``%``, ``-``.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from functools import lru_cache
from numbers import Real
from typing import Any

from tumorsim.errors import InputError

_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*", re.DOTALL)
_ALLOWED = re.compile(r"[A-Za-zµμ°%_0-9*/^().\s-]{0,60}")
_POWER = re.compile(r"(?:\^|\*\*)\s*(-?\d)(?![\d.]|\s*(?:\^|\*\*))")
_GLUED_POWER = re.compile(r"(?<![A-Za-z])((?:[mcdkunµμ])?m)([234])(?![A-Za-z0-9])")
_DOT = re.compile(r"(?<=[A-Za-z])\.(?=[A-Za-z])")  # mPa.s; not every Pint reads it
_PER_AMOUNT = re.compile(r"/\s*(\d{1,6})\s*(m?[lLg]|kg)(?![A-Za-z])")
ZERO_CELSIUS = 273.15  # K
_NO_DIMENSION = {"", "-", "1"}

# What an error suggests, by the unit that was due.
_EXAMPLES = {
    "m": "12 mm",
    "s": "2 weeks",
    "Pa": "100 mmHg",
    "mmHg": "40 mmHg",
    "1/s": "45.9 mL/min/100mL",
    "1/m3": "2e8 1/mL",
    "m3": "5 mL",
    "m3/s": "60 mL/min",
    "degC": "37 degC",
    "K": "310 K",
    "Gy": "140 Gy",
    "kg": "5 g",
    "W": "60 W",
    "J": "20 kJ",
}

# Names of base units as a person writes them; others stay as Pint writes them.
_READABLE = {
    "kg/m/s**2": "Pa",
    "kg/m/s": "Pa s",
    "m*s**2/kg": "1/Pa",
    "kg*m2/s**2": "J",
    "kg*m2/s**3": "W",
    "kg*m/K/s**3": "W/m/K",
    "m2/K/s**2": "J/kg/K",
}


@lru_cache(maxsize=1)
def registry() -> Any:
    """The one Pint registry of the program (about half a second when first asked for)."""
    import pint

    ureg: Any = pint.UnitRegistry()
    # oxygen tension is kept in mmHg: a dimension of its own, so that SI conversion leaves it alone
    ureg.define("tension_mmHg = [oxygen_tension]")
    ureg.define("O2 = 1")
    ureg.define("cells = 1 = _ = cell")
    return ureg


def clean_unit(text: str) -> str:
    """A unit as Pint reads it.

    Raises
    ------
    ValueError
        Where the text cannot be a unit (other characters, powers of more than one digit, over 60 characters).
    """
    unit = text.strip()
    if unit in _NO_DIMENSION:
        return "dimensionless"
    if not _ALLOWED.fullmatch(unit):
        raise ValueError(f"{text!r} is not a unit")
    unit = unit.replace("%", " percent ").replace("μ", "µ")
    unit = _DOT.sub("*", unit)
    unit = _PER_AMOUNT.sub(r"/(\1 \2)", unit)
    unit = _GLUED_POWER.sub(r"\1**\2", unit)
    # powers are counted before Pint sees them: 9**9**9**9 would never return
    rest = _POWER.sub("", unit)
    if "^" in rest or "**" in rest or re.search(r"\d{7}", rest):
        raise ValueError(f"{text!r} is not a unit")
    return unit.strip()


@lru_cache(maxsize=2048)
def _unit(text: str) -> Any:
    """Pint's quantity of one unit; ``1/(100 mL)`` is 0.01 1/mL."""
    unit = clean_unit(text)
    if unit == "degC":  # the one unit with an offset that is met alone
        return registry().Quantity(1.0, "degC")
    try:
        value = registry().parse_expression(unit)
        return value * registry().Quantity(1.0, "dimensionless")
    except Exception as error:  # Pint's parser lets errors of tokenizer and evaluation through as they are
        raise ValueError(f"{text!r} is not a known unit ({error})") from None


@lru_cache(maxsize=2048)
def _factor(unit: str, to: str) -> tuple[Decimal | None, Decimal | None, float]:
    """What turns ``unit`` into ``to``: multiplier or divisor where a short decimal, and as a float."""
    import pint

    given, wanted = _unit(unit), _unit(to)
    try:
        factor = float(given.to(wanted.units).magnitude / wanted.magnitude)
    except pint.errors.PintError:
        raise ValueError(
            f"{unit!r} cannot be given in {to!r}: {given.dimensionality} is not {wanted.dimensionality}"
        ) from None
    if factor == 0.0 or not math.isfinite(factor):
        raise ValueError(f"{unit!r} is not a unit")
    return _short(factor), _short(1.0 / factor), factor


def _short(number: float) -> Decimal | None:
    text = f"{number:.12g}"
    return Decimal(text) if abs(float(text) - number) <= 2e-15 * abs(number) else None


def _scale(value: float, unit: str, to: str) -> float:
    times, by, factor = _factor(unit, to)
    # decimal, so that 100 um is 1e-4 m and not 9.999999999999999e-05
    if times is not None:
        return float(Decimal(repr(value)) * times)
    if by is not None:
        return float(Decimal(repr(value)) / by)
    return value * factor


def convert(value: float, unit: str, to: str) -> float:
    """A number from one unit to another of the same dimension.

    Raises
    ------
    ValueError
        Where a unit is not known or the dimensions differ.
    """
    if unit == to:
        return float(value)
    celsius = clean_unit(unit) == "degC", clean_unit(to) == "degC"
    if celsius == (True, True):
        return float(value)
    if celsius[0]:
        return _scale(float(value) + ZERO_CELSIUS, "K", to)
    if celsius[1]:
        return _scale(float(value), unit, "K") - ZERO_CELSIUS
    return _scale(float(value), unit, to)


def si_unit(unit: str, *, tension: bool = False) -> str:
    """The program's unit for a unit: SI base units; temperatures in degC stay; ``tension`` keeps mmHg too."""
    text = clean_unit(unit)
    if text in ("degC", "mmHg") and (tension or text == "degC"):
        return text
    if tension:
        text = re.sub(r"\bmmHg\b", "tension_mmHg", text)
    return _base(text).replace("tension_mmHg", "mmHg")


@lru_cache(maxsize=2048)
def _base(text: str) -> str:
    base = f"{_unit(text).to_base_units().units:~C}".replace("m**", "m") or "-"
    return _READABLE.get(base, base)


def to_si(value: float, unit: str, *, tension: bool = False) -> float:
    """A number in the program's unit (see `si_unit`)."""
    text = clean_unit(unit)
    if text == "degC" or (text == "mmHg" and tension):
        return float(value)
    if tension:
        text = re.sub(r"\bmmHg\b", "tension_mmHg", text)
    return _scale(float(value), text, _base(text))


def split(text: str) -> tuple[float, str]:
    """Number and unit of a text such as ``"1e-5 m"``.

    Raises
    ------
    ValueError
        Where the text does not begin with a finite number.
    """
    found = _NUMBER.fullmatch(text)
    if found is None or not math.isfinite(float(found[1])):
        raise ValueError(f"{text!r} does not begin with a number")
    return float(found[1]), found[2]


def example(unit: str) -> str:
    """A text that can be given where ``unit`` is due."""
    return _EXAMPLES.get(unit.replace("^", "").replace("**", ""), f"1.5 {unit}")


def parse(given: Any, unit: str, *, what: str = "") -> float:
    """Number in ``unit`` (an SI unit, or mmHg, degC, Gy where the name says so) from text with a unit.

    Parameters
    ----------
    given : str or number
        Such as ``"2 weeks"``, ``"100 um"``, ``"60 mL/min/100mL"``. A bare number is taken only where no
        unit is due (``unit`` is ``"-"``).
    unit : str
        Unit of the result.
    what : str
        Name of the thing, for messages.

    Raises
    ------
    InputError
        A ValueError: bare number where a unit is due, unknown unit, other dimension, not finite.
    """
    name = f"{what}: " if what else ""
    hint = f"give it with a unit, such as '{example(unit)}'" if unit not in _NO_DIMENSION else "give a number"
    if isinstance(given, bool) or not isinstance(given, (str, Real)):
        raise InputError(f"{name}{given!r} is not a quantity; {hint}")
    try:
        number, its_unit = split(given) if isinstance(given, str) else (float(given), "")
        if not math.isfinite(number):
            raise ValueError(f"{given!r} is not a finite number")
        if its_unit == "" and unit not in _NO_DIMENSION:
            raise ValueError(f"{given!r} has no unit")
        value = convert(number, its_unit or "-", unit)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{name}{error}; {hint}") from None
    if not math.isfinite(value):
        raise InputError(f"{name}{given!r} is not a finite number; {hint}")
    return value


def seconds(given: Any, *, what: str = "") -> int:
    """Whole seconds from text with a unit of time: ``"12 h" -> 43200``.

    Raises
    ------
    InputError
        As `parse`, and where the time is no whole number of seconds.
    """
    value = parse(given, "s", what=what)
    whole = round(value)
    if abs(value - whole) > 1e-6 * max(1.0, abs(value)) or abs(whole) > 2**62:
        name = f"{what}: " if what else ""
        raise InputError(f"{name}{given!r} is {value:.9g} s; times are whole seconds")
    return whole


_STEPS = {
    "s": ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms")),
    "m": ((1.0, "m"), (1e-2, "cm"), (1e-3, "mm"), (1e-6, "um"), (1e-9, "nm")),
    "m3": ((1.0, "m3"), (1e-6, "mL"), (1e-9, "uL"), (1e-15, "pL")),
}


def format(value: float, unit: str, digits: int = 4) -> str:
    """Text of a number in an SI unit, in the handiest unit for times, lengths and volumes.

    ``format(3e-5, "m") -> "30 um"``, ``format(1209600, "s") -> "14 d"``; `parse` reads it back.
    """
    for size, name in _STEPS.get(unit, ()):
        if abs(value) >= size * (1 - 1e-9):
            return f"{value / size:.{digits}g} {name}"
    return f"{value:.{digits}g}" if unit in _NO_DIMENSION else f"{value:.{digits}g} {unit}"
