"""What stands around the tumour of a report: liver, a fine tissue or nothing (a bench), and the words for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tumorsim.report import palette


@dataclass(frozen=True)
class Setting:
    """Words and colours of a picture.

    Attributes
    ----------
    around, colour : str
        What compartment 0 is, and its colour.
    planes : mapping
        Name of the slice across each axis.
    noun : str
        What one run simulates: ``patient``, ``spheroid``...
    counted : str
        Where cells are counted.
    zones : mapping
        Names of zones that are called otherwise here.
    vessel : str
        What a vessel without a kind is called.
    in_liver : bool
        Whether there is liver, with what belongs to it: blood by source, imaging, harm.
    foreign : tuple of str
        Rooms of the parameter table on which nothing depends here.
    """

    around: str = "liver"
    colour: str = palette.LIVER
    planes: Mapping[str, str] = field(default_factory=lambda: {"z": "axial", "y": "coronal", "x": "sagittal"})
    noun: str = "patient"
    counted: str = "Counted in the target: the tumour at the start plus 5 mm."
    zones: Mapping[str, str] = field(default_factory=dict)
    vessel: str = "other vessel"
    in_liver: bool = True
    foreign: tuple[str, ...] = ()


LIVER = Setting()
_ACROSS = {"z": "across z", "y": "across y", "x": "across x"}
# all of a fine tissue lies within 5 mm of its border: "rim" would say nothing
_NONE = ("anatomy", "embolisation", "foci", "imaging", "perfusion", "remodelling", "scenario")
_ZONES = {"rim": "within its first border", "margin": "beyond its first border"}
SPHEROID = Setting(
    "culture medium", palette.MEDIUM, _ACROSS, "spheroid", "Counted in the whole spheroid.", _ZONES, in_liver=False,
    foreign=(*_NONE, "blood", "vessels"),
)  # fmt: skip
CORD = Setting(
    "no tissue", palette.MEDIUM,
    {"z": "across the vessel", "y": "along the vessel", "x": "along the vessel, turned by 90°"},
    "cord", "Counted in the whole cord.", _ZONES, "vessel", in_liver=False,
    foreign=(*_NONE, "blood", "vessels"),
)  # fmt: skip
NETWORK = Setting(
    "no tissue", palette.MEDIUM, _ACROSS, "tissue", "Counted in the whole tissue of the network.", _ZONES, "vessel",
    in_liver=False, foreign=_NONE,
)  # fmt: skip
BENCH = Setting(
    noun="block", counted="", in_liver=False,
    foreign=(*_NONE, "blood", "cells", "clocks", "condition", "hydrodissection", "organs", "oxygen", "planning",
             "tissue", "traits", "vessels"),
)  # fmt: skip


def setting_of(scenarios: Mapping[str, Mapping[str, Any]]) -> Setting:
    """The setting of a study by the scenarios of its arms, as written; liver where arms differ."""
    found = {_one(scenario) for scenario in scenarios.values()}
    name = found.pop() if len(found) == 1 else "liver"
    return {"spheroid": SPHEROID, "cord": CORD, "network": NETWORK, "bench": BENCH, "liver": LIVER}[name]


def _one(scenario: Mapping[str, Any]) -> str:
    tissue = scenario.get("tissue") or {}
    if tissue.get("bench") is not None:
        return "bench"
    if tissue.get("culture") is not None:
        return "spheroid"
    if tissue.get("cord") is not None:
        return "cord"
    return "network" if (scenario.get("vessels") or {}).get("file") else "liver"
