"""The section on seeds: what an implant was to give and gave, as histograms, slices with isodoses, and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from tumorsim.report import audit, words
from tumorsim.report.results import Results
from tumorsim.report.seed_figures import dose_slice, histogram_figure, isodose_signs, slice_of

Picture = Mapping[str, NDArray[Any]]

PLANES = {"z": "across z: along the needles", "y": "across y", "x": "across x: needles end-on"}
WHICH = {"planned": "as planned", "real": "as the seeds really lay"}
SHORT = {"planned": "plan", "real": "real"}
ROOM = 8.0  # mm around what is shown
#: why a cell lives, as `treatments.seeds.implant` decides it
REASONS = {
    "missed": "the plan would have given the place the prescribed dose, the seeds as they lay do not",
    "low dose": "less than the prescribed dose by then: too little was planned, or not all of it was given yet",
    "outside plan": "neither in the goal nor within the prescribed isodose of the plan",
}
_TARGET = {
    "d90_gy": "D90 of the goal",
    "d_min_gy": "Least dose in the goal",
    "d_mean_gy": "Mean dose of the goal",
    "v100": "V100: goal with the prescribed dose",
    "v150": "V150: goal with half as much again",
    "v200": "V200: goal with twice as much",
}


def implants(snapshot: Picture) -> list[dict[str, NDArray[Any]]]:
    """The pictures of implants that a snapshot holds, in the order of the sessions."""
    found: list[dict[str, NDArray[Any]]] = []
    while any(key.startswith(f"seeds{len(found)}_") for key in snapshot):
        start = f"seeds{len(found)}_"
        found.append({key.removeprefix(start): part for key, part in snapshot.items() if key.startswith(start)})
    return found


def section(results: Results, snapshots: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the section shows; None where no arm had seeds."""
    schedule, shown = results.manifest["schedule"], []
    for arm, of_arm in schedule.items():
        patient = "0" if "0" in of_arm else next(iter(of_arm), None)
        items = [item for item in of_arm.get(patient, []) if "prescribed_gy" in item["prescribed"]]
        taken = snapshots.get(arm) or {}
        drawn = {(str(p["id"]), float(p["time_h"])): p for p in implants(taken)}
        organ_names = [str(name) for name in taken["organ_names"]] if "organ_names" in taken else []
        for item in items:
            picture = drawn.get((item["id"], float(item["time_h"])))
            day = f"seeds on day {words.number(item['time_h'] / 24, 3)}"
            title = f"{arm}, {day}" if len(schedule) > 1 else day.capitalize()
            shown.append(
                {
                    "arm": arm,
                    "title": title,
                    "item": item,
                    "dvh": None if picture is None else Markup(histograms(picture, title)),
                    "panels": [] if picture is None else panels(picture, title, organ_names),
                }
            )
    if not shown:
        return None
    arms = [arm for arm in results.arms if any(s["arm"] == arm for s in shown)]
    return {
        "shown": shown,
        "legend": isodose_signs(),
        "tables": [
            {"title": s["title"], "rows": rows(s["item"]["delivered"])}
            for s in shown
            if "planned" in s["item"]["delivered"]
        ],
        "reasons": [
            f"{name.capitalize()}: {said}."
            for name, said in REASONS.items()
            if any((results.arms[arm]["residue_by_reason"] or {}).get(name, {}).get("mean") for arm in arms)
        ],
    }


def histograms(picture: Picture, title: str) -> str:
    """Dose-volume histograms of goal and organs, planned and real."""
    doses = picture["doses"]
    there = [which for which in WHICH if f"dvh_{which}" in picture]
    names = [str(name) for name in picture["names"]]
    curves = {
        (f"{name}, {SHORT[which]}" if len(there) > 1 else name): (doses, picture[f"dvh_{which}"][n])
        for n, name in enumerate(names)
        for which in there
    }
    return histogram_figure(curves, float(picture["prescribed_gy"]), title)


def panels(
    picture: Picture, title: str, organ_names: Sequence[str] = (), which: Sequence[str] = tuple(WHICH)
) -> list[tuple[str, Markup]]:
    """Slices with isodoses, each with what is said below it: all planes as planned, then as it was."""
    found = []
    for each in which:
        if f"seeds_{each}" not in picture:
            continue
        for axis, said in PLANES.items():
            told = f"{title}, {WHICH[each]}, {said}"
            found.append((f"{WHICH[each]}, {said}", Markup(_slice(picture, each, axis, told, organ_names))))
    return found


def _slice(picture: Picture, which: str, axis: str, title: str, organ_names: Sequence[str]) -> str:
    number, spacing = "xyz".index(axis), float(picture["spacing_mm"])
    shape = tuple(int(n) for n in picture["shape"])
    layer = int(picture[f"layer_{axis}"])
    seeds = picture[f"seeds_{which}"]

    def flat(plane: NDArray[Any]) -> tuple[NDArray[Any], tuple[float, float], Any]:
        field = np.broadcast_to(np.expand_dims(plane, number), shape)
        half = 0.5e-3 * float(picture["seed_mm"])
        return slice_of(field, seeds[:, :3] / 1e3, seeds[:, 3:], half, spacing / 1e3, number, layer)

    dose, origin, ends = flat(picture[f"dose_{which}_{axis}"])
    goal, outline, organ = (flat(picture[f"{key}_{axis}"])[0] for key in ("goal", "outline", "organ"))
    # what matters: goal, outline, and the seeds that reach into the plane
    rows, columns = np.nonzero(goal | outline)
    room = int(np.ceil(ROOM / spacing))
    low = np.array([rows.min() if len(rows) else 0, columns.min() if len(rows) else 0]) - room
    high = (
        np.array([rows.max() if len(rows) else dose.shape[0], columns.max() if len(rows) else dose.shape[1]]) + room + 1
    )
    for end in (point for seed in ends for point in seed):
        at = np.array([(end[1] - origin[1]) / spacing, (end[0] - origin[0]) / spacing])
        low, high = np.minimum(low, np.floor(at).astype(int) - 1), np.maximum(high, np.ceil(at).astype(int) + 1)
    low, high = np.maximum(low, 0), np.minimum(high, dose.shape)
    cut = np.s_[low[0] : high[0], low[1] : high[1]]
    outlines = {"tumour as outlined": outline[cut], "goal": goal[cut]}
    for code in np.unique(organ[cut]):
        if 0 < code < len(organ_names):
            outlines[organ_names[code]] = organ[cut] == code
    corner = (origin[0] + low[1] * spacing, origin[1] + low[0] * spacing)
    return dose_slice(
        dose[cut].astype(np.float64), spacing, corner, float(picture["prescribed_gy"]), outlines, ends, title
    )


def rows(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Planned beside real, a row for each figure."""
    planned, real = given["planned"], given["real"]
    found = [("Seeds", words.number(given["seeds_planned"]), words.number(given["seeds"]))]
    found += [
        (said, _dose(planned["target"][key], key), _dose(real["target"][key], key)) for key, said in _TARGET.items()
    ]
    found += [
        ("CI: conformity of the prescribed isodose", _plain(planned["ci"]), _plain(real["ci"])),
        ("HI: homogeneity", _plain(planned["hi"]), _plain(real["hi"])),
        ("Volume within the prescribed isodose", _volume(planned["isodose_ml"]), _volume(real["isodose_ml"])),
    ]
    for name in planned["organs"]:
        pair = [_dose(part["organs"][name]["d2cc_gy"], "gy") for part in (planned, real)]
        found.append((f"D2cc of the {name.replace('_', ' ')}", pair[0], pair[1]))
    return [{"label": label, "cells": [(one, ""), (other, "")]} for label, one, other in found]


def _dose(value: float | None, key: str) -> str:
    if value is None:
        return words.NONE
    return words.percent(value) if key.startswith("v") else audit.amount(value, "Gy")


def _plain(value: float | None) -> str:
    return words.NONE if value is None else f"{value:.2f}"


def _volume(value: float | None) -> str:
    return words.NONE if value is None else audit.amount(value, "mL")
