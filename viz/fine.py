"""What the page says of a spheroid, a cord and a network: tissue of single cells, without liver around it."""

from __future__ import annotations

from typing import Any

from tumorsim.report.setting import CORD, NETWORK, SPHEROID, Setting
from tumorsim.scenario import Scenario

UM = 1e-6
SETTINGS: dict[str, Setting] = {"spheroid": SPHEROID, "cord": CORD, "network": NETWORK}
ABOUT = {
    "spheroid": "A ball of tumour cells in stirred culture medium, one cell on each site of the grid. Press Step or "
    "play and watch: oxygen comes in through the surface, the rim grows, and what lies deeper than oxygen "
    "reaches starves and dies.",
    "cord": "A cylinder of tumour around one vessel, seen across the vessel, one cell on each site of the grid. Press "
    "Step or play and watch how far from the vessel cells live: no oxygen comes through the outer border, which "
    "stands half way to the next vessel.",
    "network": "Tumour between the vessels of a measured network. Press Step or play and watch how far from a vessel "
    "cells live.",
}
# the size that a visitor may change: its path in a scenario, its label, least, most and step [um]
SIZES = {
    "spheroid": ("tissue.tumour.diameter", "Spheroid, diameter (µm)", 200, 1000, 20),
    "cord": ("tissue.cord.radius", "Cord, radius (µm)", 60, 200, 10),
}


def kind_of(scenario: Scenario) -> str | None:
    """``spheroid``, ``cord``, ``network`` or ``bench``; None for a tumour in liver."""
    return None if scenario.tissue.fine is None else scenario.tissue.fine.kind


def size_um(scenario: Scenario) -> int:
    """The size that a visitor may change, as the scenario has it [um]; 0 where there is none."""
    fine = scenario.tissue.fine
    if fine is None or fine.kind not in SIZES:
        return 0
    return round((2 * max(scenario.tissue.tumour.semi_axes) if fine.kind == "spheroid" else fine.radius or 0.0) / UM)


def slider(scenario: Scenario) -> dict[str, Any]:
    """The slider of that size as Mesa's page describes it, by its name; empty where there is none."""
    kind = kind_of(scenario)
    if kind not in SIZES:
        return {}
    _, label, least, most, step = SIZES[kind]
    now = size_um(scenario)
    bounds = {"min": min(least, now), "max": max(most, now), "step": step}
    return {"size_um": {"type": "SliderInt", "label": label, "value": now, **bounds}}


def po2_top(scenario: Scenario, usual: float) -> float:
    """Upper end of the colours of oxygen [mmHg]: what the medium or the blood brings, where that is more."""
    fine = scenario.tissue.fine
    return usual if fine is None else max(usual, fine.medium or 0.0, fine.blood or 0.0)


def who(scenario: Scenario, number: int) -> str:
    """What is shown, in a line."""
    fine = scenario.tissue.fine
    assert fine is not None
    if fine.kind == "spheroid":
        return f"Run {number}: a spheroid of {size_um(scenario)} µm in medium of {fine.medium:g} mmHg"
    if fine.kind == "cord":
        across = 2 * (fine.vessel_radius or 0.0) / UM
        return f"Run {number}: a cord of {size_um(scenario)} µm around a vessel {across:g} µm wide, {fine.blood:g} mmHg"
    return f"Run {number}: tissue between the vessels of a network"
