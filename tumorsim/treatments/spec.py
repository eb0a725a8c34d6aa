"""Typed fields with units, from which the scenario file and every treatment's keys are made.

Each type reads what a person writes and returns an SI value, or raises ``ValueError`` with words that say
what is wrong, what is allowed and an example. The same types describe themselves in the JSON Schema.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic_core import core_schema

from tumorsim import quantity
from tumorsim.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tumorsim.outcomes.reserve import Condition

_WORDS = {
    "m": "a length",
    "s": "a duration",
    "kg": "a mass",
    "1/m^3": "a density",
    "m^3": "a volume",
    "W": "a power",
    "Gy": "a dose",
}


def shown(value: Any) -> str:
    """A value as a message shows it: short, on one line."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


class _Reads:
    """A pydantic annotation that reads by `read` and describes itself by `schema`."""

    def read(self, value: Any) -> Any:
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        raise NotImplementedError

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        return self.schema()


@dataclass(frozen=True)
class Quantity(_Reads):
    """Text with a unit, read as a finite float in ``unit``.

    ``above``, ``at_least`` and ``at_most`` are limits written as a person would ("40 um").
    """

    unit: str
    example: str
    above: str | None = None
    at_least: str | None = None
    at_most: str | None = None

    @property
    def kind(self) -> str:
        """``"a length"``, ``"a duration"``..."""
        return _WORDS.get(self.unit, f"a value in {self.unit}")

    def number(self, text: str) -> float:
        """The SI value of text; ValueError if it cannot be read."""
        return quantity.parse(text, self.unit)

    def read(self, value: Any) -> float:
        """The SI value of what was written."""
        wanted = f"Write {self.kind} with its unit, for example '{self.example}'."
        if isinstance(value, bool) or value is None or not isinstance(value, str | int | float):
            raise ValueError(f"{shown(value)} is not {self.kind}. {wanted}")
        if isinstance(value, int | float):
            if not math.isfinite(value):
                raise ValueError(f"{value} is not a finite value. {wanted}")
            raise ValueError(f"{value} has no unit. {wanted}")
        try:
            number = self.number(value)
        except ValueError as error:
            reason = str(error).split("; give ")[0]  # the example of this key says more than a general one
            if "cannot be given in" in reason:
                reason = f"{shown(value)} is not {self.kind}"
            raise ValueError(f"{reason}. {wanted}") from None
        if not math.isfinite(number):
            raise ValueError(f"{shown(value)} is not a finite value. {wanted}")
        for limit, fails, words in (
            (self.above, lambda x, y: x <= y, "must be above"),
            (self.at_least, lambda x, y: x < y, "must be at least"),
            (self.at_most, lambda x, y: x > y, "must be at most"),
        ):
            if limit is not None and fails(number, self.number(limit)):
                raise ValueError(f"{shown(value)} is out of range: it {words} {limit}.")
        return number

    def schema(self) -> dict[str, Any]:
        """JSON Schema: text, with an example and the range in words."""
        parts = [f"{self.kind[2:].capitalize()} with its unit"]
        parts += [f"above {self.above}"] if self.above else []
        parts += [f"at least {self.at_least}"] if self.at_least else []
        parts += [f"at most {self.at_most}"] if self.at_most else []
        return {"type": "string", "examples": [self.example], "description": ", ".join(parts)}


@dataclass(frozen=True)
class Duration(Quantity):
    """Text with a unit of time, read as whole seconds (int)."""

    unit: str = "s"
    example: str = "12 h"

    def read(self, value: Any) -> int:
        """Whole seconds of what was written."""
        seconds = super().read(value)
        if abs(seconds - round(seconds)) > 1e-6 * max(1.0, seconds * 1e-6):
            raise ValueError(f"{shown(value)} is not a whole number of seconds.")
        if seconds >= 2**53:
            raise ValueError(f"{shown(value)} is too long to count in seconds.")
        return round(seconds)


@dataclass(frozen=True)
class Whole(_Reads):
    """A whole number from ``low`` to ``high``."""

    low: int = 0
    high: int = 2**63 - 1

    def read(self, value: Any) -> int:
        """The number itself; a fraction, text, true or false is refused."""
        upper = "or more" if self.high == 2**63 - 1 else f"to {self.high}"
        wanted = f"Write a whole number, {self.low} {upper}."
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{shown(value)} is not a whole number. {wanted}")
        if not self.low <= value <= self.high:
            raise ValueError(f"{shown(value)} is out of range. {wanted}")
        return value

    def schema(self) -> dict[str, Any]:
        """JSON Schema: an integer and its range."""
        bounds: dict[str, Any] = {"type": "integer", "minimum": self.low}
        return bounds if self.high == 2**63 - 1 else {**bounds, "maximum": self.high}


@dataclass(frozen=True)
class Word(_Reads):
    """Text of at most ``most`` characters; on one line unless ``lines``."""

    most: int = 120
    lines: bool = False

    def read(self, value: Any) -> str:
        """The text, stripped."""
        if not isinstance(value, str):
            raise ValueError(f"{shown(value)} is not text. Put it in quotes if it is meant as text.")
        text = value.strip()
        if not text:
            raise ValueError("is empty. Write some text.")
        if len(text) > self.most:
            raise ValueError(f"has {len(text)} characters; at most {self.most} are allowed.")
        if not self.lines and len(text.splitlines()) > 1:
            raise ValueError("must stand on one line.")
        return text

    def schema(self) -> dict[str, Any]:
        """JSON Schema: text and its length."""
        return {"type": "string", "minLength": 1, "maxLength": self.most}


@dataclass(frozen=True)
class Choice(_Reads):
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, value: Any) -> str:
        """The word itself."""
        if isinstance(value, str) and value in self.words:
            return value
        raise ValueError(f"{shown(value)} is not known.{nearest(str(value), self.words)} {self.allowed}")

    @property
    def allowed(self) -> str:
        """All the words, as a sentence."""
        return f"Allowed: {', '.join(self.words)}."

    def schema(self) -> dict[str, Any]:
        """JSON Schema: an enumeration."""
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class YesNo(_Reads):
    """True or false."""

    def read(self, value: Any) -> bool:
        """The value itself; a number or text is refused."""
        if not isinstance(value, bool):
            raise ValueError(f"{shown(value)} is neither true nor false.")
        return value

    def schema(self) -> dict[str, Any]:
        """JSON Schema: a boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True)
class OrWord(_Reads):
    """One fixed word ("auto", "by size"), read as None, or else what ``other`` reads."""

    word: str
    other: _Reads

    def read(self, value: Any) -> Any:
        """None for the word, else the other's value."""
        if value == self.word:
            return None
        try:
            return self.other.read(value)
        except ValueError as error:
            raise ValueError(f"{error} Or write '{self.word}'.") from None

    def schema(self) -> dict[str, Any]:
        """JSON Schema: the word or the other's schema."""
        return {"anyOf": [{"const": self.word}, self.other.schema()]}


@dataclass(frozen=True)
class Context:
    """What a treatment's keys are checked against; None where the file does not say it well.

    Attributes
    ----------
    feeders : int or None
        Feeders of the grown tree.
    vessels : mapping or None
        Names of the vessels of an imported graph (``vessels: {file: ...}``), else None.
    organs : tuple of str or None
        Organs beside the tumour.
    box : (3,) floats or None
        Sides of the tissue [m], centred on the origin.
    slab : bool
        The tissue is one site thick.
    step : int or None
        Step of the cells' clock [s].
    folder : Path or None
        Where names of files begin.
    bench : bool
        There is no tumour: a block of liver on a bench.
    parameters : mapping or None
        The parameter table with the file's values.
    """

    feeders: int | None = None
    vessels: Mapping[str, int] | None = None
    organs: tuple[str, ...] | None = None
    box: tuple[float, float, float] | None = None
    slab: bool = False
    step: int | None = None
    folder: Path | None = None
    bench: bool = False
    parameters: Mapping[str, float] | None = None


class Spec(BaseModel):
    """The keys of one treatment kind: a frozen pydantic model that refuses keys it does not know.

    ``hints`` maps a key that people write by mistake to what to do instead.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
    hints: ClassVar[dict[str, str]] = {}

    def problems(self, context: Context) -> Iterator[tuple[str, str]]:
        """(key, message) for what is wrong only in the light of the rest of the scenario."""
        yield from ()

    def located(self, folder: Path) -> Spec:
        """The same with names of files made absolute, which were relative to ``folder``."""
        return self

    def centred(self, parameters: Mapping[str, float]) -> Spec:
        """The same for a bench, where what a plan would choose in a patient is fixed."""
        return self

    def contraindications(self, condition: Condition, parameters: Mapping[str, float]) -> tuple[str, ...]:
        """Why a patient in this condition must not have it, a phrase each without a semicolon; empty: none."""
        return ()

    def describe(self) -> str:
        """One sentence: what will be given, how and where to."""
        raise NotImplementedError

    def carried(self) -> list[str]:
        """What is validated and recorded but does not act in this version, in words."""
        return []
