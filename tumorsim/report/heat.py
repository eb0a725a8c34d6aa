"""The section on ablation: what every session of heat was to do and did, as pictures, tables and words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from tumorsim.report import audit, heat_slices, tables, words
from tumorsim.report.results import Results

#: why a cell lives, as `treatments.thermal.ablation` decides it
REASONS = {
    "cooled": "in reach of the needles, beside a wide vessel or where more blood runs than in normal liver",
    "missed": "in the plan, and not in reach of the needles as they really lay",
    "low dose": "in reach of the needles, with no such blood: too little heat",
}
_ZONE = {
    "cover": "Tumour at the start that lies in it",
    "margin_mm": "Least margin around the tumour at the start (mm)",
    "volume_ml": "Volume (mL)",
    "short_axis_mm": "Short axis, across the needle (mm)",
    "long_axis_mm": "Long axis, along it (mm)",
    "contracted, short_axis_mm": "Short axis, contracted (mm)",
    "contracted, long_axis_mm": "Long axis, contracted (mm)",
}


def section(results: Results, snapshots: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the section shows; None where no arm had heat in a tumour."""
    schedule = results.manifest["schedule"]
    bench = {arm for arm, s in results.manifest["scenario"].items() if (s.get("tissue") or {}).get("bench") is not None}
    shown, pictures = [], []
    organ_names: list[str] = []
    for arm, of_arm in schedule.items():
        if arm in bench:
            continue
        patient = "0" if "0" in of_arm else next(iter(of_arm), None)
        items = [item for item in of_arm.get(patient, []) if audit.is_heat(item["delivered"])]
        taken = snapshots.get(arm) or {}
        drawn = {(str(p["id"]), float(p["time_h"])): p for p in heat_slices.sessions(taken)}
        if "organ_names" in taken:
            organ_names = [str(name) for name in taken["organ_names"]]
        for item in items:
            picture = drawn.get((item["id"], float(item["time_h"])))
            day = f"on day {words.number(item['time_h'] / 24, 3)}"
            title = (
                f"{arm}, {audit.title(item['kind'])} {day}"
                if len(schedule) > 1
                else f"{audit.kind(item['kind'])} {day}"
            )
            panels = []
            if picture is not None:
                pictures.append(picture)
                panels = [
                    (said, Markup(heat_slices.panel(picture, plane, f"{title}, {said}", organ_names)))
                    for plane, said in heat_slices.named(picture)
                ]
            shown.append({"arm": arm, "title": title, "item": item, "panels": panels})
    if not shown:
        return None
    heated = [arm for arm in results.arms if any(s["arm"] == arm for s in shown)]
    return {
        "shown": shown,
        "legend": heat_slices.legend(pictures, organ_names) if pictures else [],
        "rows": _rows([s["item"] for s in shown]),
        "heads": [s["title"] for s in shown],
        "arms": heated,
        "zone": _zone({arm: results.arms[arm] for arm in heated}),
        "alive": [(arm, said) for arm in heated if (said := alive(results.arms[arm]))],
        "reasons": [
            f"{name.capitalize()}: {said}."
            for name, said in REASONS.items()
            if any((results.arms[arm]["residue_by_reason"] or {}).get(name, {}).get("mean") for arm in heated)
        ],
    }


def _rows(items: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each quantity of a session, a cell for each session; only rows that any session has."""
    readings = [_reading(item["delivered"]) for item in items]
    names = dict.fromkeys(name for reading in readings for name in reading)
    return [{"label": name, "cells": [(r.get(name, words.NONE), "") for r in readings]} for name in names]


def _reading(given: Mapping[str, Any]) -> dict[str, str]:
    """Quantity in words -> value in words, of what was delivered."""
    said = {"Needles": words.number(given["needles"]), "Points heated": words.number(given["points"])}
    if not given["needles"]:
        return {"Needles": "not delivered"}
    said["Energy of the generator"] = audit.amount(given["energy_kj"], "kJ")
    if "absorbed_kj" in given:
        said["… of it absorbed by tissue"] = audit.amount(given["absorbed_kj"], "kJ")
    said["Heating time"] = audit.duration(given["heating_s"])
    said["Planned: outline and margin in the zone"] = words.percent(given["planned_cover"])
    said["Real: outline and margin in the zone"] = words.percent(given["real_cover"])
    said["Short × long axis of the zone"] = audit.axes(given["short_axis_mm"], given["long_axis_mm"])
    if "contracted_mm" in given:
        said["… contracted"] = audit.axes(*given["contracted_mm"])
    said["Volume of the zone"] = audit.amount(given["zone_ml"], "mL")
    said["Hottest tissue"] = audit.amount(given["hottest_degc"], "°C")
    if "hottest_wall" in given:
        said["Hottest wall"] = f"{audit.wall(given['hottest_wall'])}, {audit.amount(given['hottest_wall_degc'], '°C')}"
    if "vessels_closed" in given:
        said["Vessels closed"] = audit.whole(given["vessels_closed"])
    return said


def _zone(arms: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The zone of all sessions as rows; contracted axes only where a zone contracts."""
    readings = []
    for arm in arms.values():
        zone = arm.get("zone") or {}
        flat = {key: stat for key, stat in zone.items() if key != "contracted"}
        contracted = zone.get("contracted") or {}
        flat |= {f"contracted, {key}": stat for key, stat in contracted.items() if stat != zone.get(key)}
        readings.append(flat)
    return [
        {"label": said, "cells": [tables.cell(r.get(key), False, "cover_fraction" if key == "cover" else "") for r in
                                  readings]}
        for key, said in _ZONE.items()
        if any(r.get(key) for r in readings)
    ]  # fmt: skip


def alive(arm: Mapping[str, Any]) -> str:
    """Why what is left at the horizon survived, as shares by reason; empty where nothing is left."""
    cells = {name: stat["mean"] for name, stat in (arm["residue_by_reason"] or {}).items() if stat["mean"]}
    total = sum(cells.values())
    order = sorted(cells.items(), key=lambda part: -part[1])
    return ", ".join(f"{name} {words.percent(round(n / total, 4))}" for name, n in order)
