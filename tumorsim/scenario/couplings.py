"""The couplings through which the order of treatments can matter, each with a switch.

With all of them off every order of the same treatments over the same times leaves the same cumulative hazard in
every slot (`tumorsim.ledger`), and so the same expected residue. A study of orders turns them off one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Any

from pydantic import Field
from pydantic_core import core_schema

from tumorsim.scenario.schema_shapes import Model
from tumorsim.treatments.spec import shown

#: couplings that the design has and this version has not
LATER_COUPLINGS = {
    "liquid_ethanol": "liquid ethanol",
    "immunity": "immunity",
}
#: what happens, and what happens where it is off
MEANINGS = {
    "perfusion": (
        "vessels that close or open after the start change the blood that tissue gets",
        "tissue gets the blood of the untreated patient, whatever becomes of vessels",
    ),
    "oxygen": (
        "oxygen, and what the want of it does, follows blood and living cells",
        "oxygen, and the hazards for want of it, stay as in the untreated patient",
    ),
    "access": (
        "a treatment is delivered through vessels as they are by then",
        "a treatment is delivered through vessels as they were untreated",
    ),
    "tissue": (
        "dying cells and debris take room, which newborn cells then lack",
        "dying cells and debris take no room",
    ),
    "geometry": ("resorbed tissue makes the tumour smaller", "the tumour does not shrink by resorption"),
    "growth": (
        "cells divide, turn over and change slot",
        "cells only die of hazards, which are summed up for every slot",
    ),
    "TER": (
        "heat within hours of radiation adds to what radiation does (thermal enhancement)",
        "radiation does the same whatever heat is near it in time",
    ),
    "images": ("a plan reads images of its own day", "every plan reads the images before the first step"),
}


class _OnOff:
    """``on`` or ``off``, read as a bool; true and false are taken too (`on` of YAML 1.1)."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def read(self, value: Any) -> bool:
        """True for on."""
        if isinstance(value, bool):
            return value
        if value in ("on", "off"):
            return bool(value == "on")
        raise ValueError(f"{shown(value)} is neither on nor off.")

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        return {"enum": ["on", "off", True, False]}


Switch = Annotated[bool, _OnOff()]


def _switch(name: str) -> Any:
    on, off = MEANINGS[name]
    return Field(default=True, description=f"On: {on}; off: {off}")


class CouplingsFile(Model):
    """Switches of the couplings between treatments; all are on."""

    perfusion: Switch = _switch("perfusion")
    oxygen: Switch = _switch("oxygen")
    access: Switch = _switch("access")
    tissue: Switch = _switch("tissue")
    geometry: Switch = _switch("geometry")
    growth: Switch = _switch("growth")
    TER: Switch = _switch("TER")
    images: Switch = _switch("images")


@dataclass(frozen=True)
class Couplings:
    """Which couplings are on; see `MEANINGS`."""

    perfusion: bool = True
    oxygen: bool = True
    access: bool = True
    tissue: bool = True
    geometry: bool = True
    growth: bool = True
    TER: bool = True
    images: bool = True

    @classmethod
    def of(cls, file: CouplingsFile) -> Couplings:
        """The switches of a file."""
        return cls(**{switch.name: getattr(file, switch.name) for switch in fields(cls)})

    @property
    def off(self) -> tuple[str, ...]:
        """Names of those that are off, in the order of the class."""
        return tuple(switch.name for switch in fields(self) if not getattr(self, switch.name))

    def words(self) -> list[str]:
        """A line for each that is off."""
        return [f"{name} off: {MEANINGS[name][1]}" for name in self.off]


ALL_ON = Couplings()
