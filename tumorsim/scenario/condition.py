"""The patient's condition in a scenario file: its keys, and its values with defaults by the kind of liver."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from tumorsim import quantity
from tumorsim.errors import InputError
from tumorsim.outcomes.reserve import ASCITES, ENCEPHALOPATHY, UMOL_L, StartCondition
from tumorsim.parameters import Parameters
from tumorsim.scenario.document import Path
from tumorsim.scenario.schema_shapes import Model
from tumorsim.treatments.limits import PER_NL
from tumorsim.treatments.spec import Choice, Quantity, YesNo, shown

MOLAR_MASS = 0.58466  # kg/mol of bilirubin
_PER = re.compile(r"\s*([\d.]+(?:[eE]\+?\d+)?)\s*/\s*([A-Za-zµ]+)\s*")


@dataclass(frozen=True)
class Bilirubin(Quantity):
    """An amount or a mass in a volume of blood, read in mol/m3."""

    unit: str = "mol/m^3"
    example: str = "17 umol/L"

    @property
    def kind(self) -> str:
        """In words."""
        return "an amount in a volume"

    def number(self, text: str) -> float:
        """mol/m3 of ``17 umol/L`` or ``1 mg/dL``."""
        try:
            return quantity.parse(text, "kg/m^3") / MOLAR_MASS
        except InputError:
            return quantity.parse(text, self.unit)


@dataclass(frozen=True)
class Count(Quantity):
    """A number in a volume of blood, read in 1/m3."""

    unit: str = "1/m^3"
    example: str = "140 1/nL"

    @property
    def kind(self) -> str:
        """In words."""
        return "a number in a volume"

    def number(self, text: str) -> float:
        """1/m3 of ``140 1/nL``, ``140 10^9/L`` or ``140e9/L``."""
        bare = _PER.fullmatch(text)
        return quantity.parse(f"{bare[1]} 1/{bare[2]}" if bare else text, self.unit)


@dataclass(frozen=True)
class Ratio(Quantity):
    """A bare number."""

    unit: str = "-"
    example: str = "1.1"

    def read(self, value: Any) -> float:
        """The number; text, true and false are refused."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{shown(value)} is not a number. Write a number, for example {self.example}.")
        return super().read(repr(value))

    def schema(self) -> dict[str, Any]:
        """JSON Schema: a number and its range."""
        return {"type": "number", "minimum": float(self.at_least or 0), "maximum": float(self.at_most or "inf")}


class ConditionFile(Model):
    """The patient's blood tests and signs at the start; what is left out follows from tissue.liver."""

    albumin: Annotated[float, Quantity("kg/m^3", "38 g/L", at_least="5 g/L", at_most="70 g/L")] | None = Field(
        default=None, description="Albumin in the blood; default: parameter"
    )
    bilirubin: Annotated[float, Bilirubin(above="0 umol/L", at_most="2000 umol/L")] | None = Field(
        default=None, description="Total bilirubin in the blood (umol/L or mg/dL); default: parameter"
    )
    platelets: Annotated[float, Count(above="0 1/nL", at_most="5000 1/nL")] | None = Field(
        default=None, description="Platelets (140 1/nL is 140 10^9/L); default: parameter"
    )
    inr: Annotated[float, Ratio(at_least="0.5", at_most="20")] | None = Field(
        default=None, description="Clotting time as INR, a bare number; default: parameter"
    )
    ascites: Annotated[str, Choice(ASCITES)] = Field(default="none", description="Fluid in the abdomen")
    encephalopathy: Annotated[str, Choice(ENCEPHALOPATHY)] = Field(
        default="none", description="Clouding of the mind: none, mild (grade 1-2), severe (3-4)"
    )
    liver_volume: Annotated[float, Quantity("m^3", "1400 mL", at_least="200 mL", at_most="5000 mL")] | None = Field(
        default=None, description="Liver without the tumour; default: that of the image, or parameter"
    )
    treat_anyway: Annotated[bool, YesNo()] = Field(
        default=False, description="true: treatments are given against their contraindications; the audit says so"
    )


def start_condition(file: ConditionFile, liver: str, parameters: Mapping[str, float]) -> StartCondition:
    """The values of a file, with the defaults of a ``normal`` or ``cirrhotic`` liver."""

    def value(given: float | None, default: float) -> float:
        return default if given is None else given

    return StartCondition(
        albumin=value(file.albumin, parameters[f"condition.{liver}_albumin"]),
        bilirubin=value(file.bilirubin, parameters[f"condition.{liver}_bilirubin"]),
        platelets=value(file.platelets, parameters[f"condition.{liver}_platelets"]),
        inr=value(file.inr, parameters[f"condition.{liver}_inr"]),
        ascites=file.ascites,
        encephalopathy=file.encephalopathy,
        liver_volume=file.liver_volume,
        treat_anyway=file.treat_anyway,
    )


def with_liver_volume(parameters: Mapping[str, Any], condition: StartCondition | None) -> dict[str, Any]:
    """A scenario's own parameters, with the liver's volume where its condition gives it."""
    if condition is None or condition.liver_volume is None:
        return dict(parameters)
    return {**parameters, "vessels.liver_volume": f"{condition.liver_volume * 1e6!r} mL"}


def condition_problems(data: Any, parameters: Mapping[str, Any], fine: str | None) -> Iterator[tuple[Path, str]]:
    """What is wrong with a condition in the light of the whole file; ``fine`` names tissue without a liver."""
    written = data.get("condition")
    if written is None:
        return
    if fine is not None:
        yield ("condition",), f"is for a tumour in a patient's liver; {fine} has none. Leave it out."
    elif isinstance(written, dict) and "liver_volume" in written and "vessels.liver_volume" in parameters:
        yield ("condition", "liver_volume"), "is given under parameters too (vessels.liver_volume). Keep one of them."


def condition_words(condition: StartCondition, parameters: Parameters) -> str:
    """The patient in words, for `check`."""
    signs = [f"{word} {what}" for what, word in (("ascites", condition.ascites), ("encephalopathy",
             condition.encephalopathy)) if word != "none"]  # fmt: skip
    volume = parameters["vessels.liver_volume"] * 1e6
    return (
        f"albumin {condition.albumin:.3g} g/L, bilirubin {condition.bilirubin * UMOL_L:.3g} umol/L, "
        f"platelets {condition.platelets * PER_NL:.3g} per nL, INR {condition.inr:.3g}, "
        f"{' and '.join(signs) or 'no ascites'}: ALBI {condition.albi:.2f} (grade {condition.albi_grade}), "
        f"Child-Pugh {condition.child_pugh_text}; {volume:,.0f} mL of liver"
    )
