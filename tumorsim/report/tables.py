"""Tables of the report, as rows of cells: the main text and, small below it, the interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tumorsim.report import audit, words

_SUPPLY = {
    "hepatic artery": "Hepatic artery",
    "collateral": "Collaterals of the hepatic artery",
    "portal": "Portal vein",
    "extrahepatic": "Artery from outside the liver",
    "neighbours only": "No blood of its own: from its neighbours",
}
#: where one lesion is all there is, its diameter is the sum
_SUMS = {"diameter_sum_mm": "diameter_mm", "recist_sum_mm": "recist_mm"}

#: shares of something else than patients
_PERCENT = ("portal_oil_filling", "collateral_share", "reserve_lost", "functional_share")


def card(name: str, arm: Mapping[str, Any]) -> dict[str, str]:
    """The two numbers a reader looks for first."""
    kill, p0 = arm["log10_kill"], arm["p0"]
    if not kill or kill["mean"] is None:
        return {"name": name, "big": words.NONE, "small": "no patient to count", "cleared": ""}
    share = 10.0 ** -kill["mean"]
    if p0["mean"] == 1:
        big, small = "none left", "of the tumour cells that could divide"
    elif share <= 1:
        big, small = words.percent(share), "of the living tumour cells are left"
    else:
        big, small = f"× {words.number(share)}", "living tumour cells, compared with the start"
    if kill["n"] > 1 and p0["mean"] != 1:
        small += " (geometric mean)"
    cleared = "" if kill["n"] == 1 else f"no living cell in {words.count(p0)} patients"
    return {"name": name, "big": big, "small": small, "cleared": cleared}


def outcomes(arms: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The outcomes at the horizon, and after the last treatment where there was one: title, days, rows."""
    at_horizon = {name: (arm["horizon_d"], arm) for name, arm in arms.items()}
    later = {
        name: (arm["after_last"]["time_d"]["mean"], arm["after_last"]) if arm["after_last"] else (None, None)
        for name, arm in arms.items()
    }
    return [
        {
            "title": title,
            "days": [words.number(day, 3) for day, _ in readings.values()],
            "rows": _outcome_rows([reading for _, reading in readings.values()]),
        }
        for title, readings in (("At the horizon", at_horizon), ("After the last treatment", later))
        if any(reading for _, reading in readings.values())
    ]


def _outcome_rows(readings: list[Mapping[str, Any] | None]) -> list[dict[str, Any]]:
    shares = ("p0", "p0_histology")
    names = (*shares, "residual_fraction", "log10_kill", "viable_cells", "nadir_fraction", "nadir_time_d")
    body = [
        {"label": words.label(key), "cells": [cell(r[key] if r else None, key in shares, key) for r in readings]}
        for key in names
    ]
    if any(r and r["distribution"]["n"] > 1 for r in readings):
        body.append({"label": "Median residue of those with any", "cells": [_median(r) for r in readings]})
    return body


def cell(stat: Mapping[str, Any] | None, is_share: bool, key: str = "") -> tuple[str, str]:
    """A statistic as a cell; ``is_share``: of patients; ``key`` tells shares of something else."""
    if not isinstance(stat, Mapping) or stat.get("mean") is None:
        return words.NONE, ""
    if is_share and stat["n"] == 1:
        return ("yes" if stat["mean"] else "no"), ""
    if is_share:
        return f"{words.count(stat)}", words.interval(stat, share=True)
    if key.endswith("fraction") or key in _PERCENT:
        return words.percent(stat["mean"]), words.interval(stat, share=True)
    return words.number(stat["mean"]), words.interval(stat)


def _median(reading: Mapping[str, Any] | None) -> tuple[str, str]:
    if not reading or not reading["distribution"]["log10_residual_fraction"]:
        return words.NONE, ""
    quantiles = reading["distribution"]["log10_residual_fraction"]
    if reading["distribution"]["n"] == 1:
        return words.percent(10 ** quantiles["p50"]), ""
    low, high = (words.percent(10 ** quantiles[k]) for k in ("p05", "p95"))
    return words.percent(10 ** quantiles["p50"]), f"(5–95 % of patients: {low} to {high})"


def rows(arms: Mapping[str, Any], part: str) -> tuple[list[dict[str, Any]], list[str]]:
    """A mapping of statistics (harm, imaging) as rows, and the names of what exists in no arm."""
    flat = [_without_oil(_flat(arm.get(part) or {})) for arm in arms.values()]
    keys = dict.fromkeys(k for of_arm in flat for k in of_arm)
    shares = {key for key in keys if key.startswith(("cr", "ltp_", "recurrence_", "response_"))} | {"decompensated"}
    keys = {key: None for key in keys if not _idle(key, flat)}
    body, missing = [], []
    for key in keys:
        stats = [of_arm.get(key) for of_arm in flat]
        if any(stats):
            body.append({"label": words.label(key), "cells": [cell(stat, key in shares, key) for stat in stats]})
        else:
            missing.append(words.label(key))
    return body, missing


def _idle(key: str, flat: list[dict[str, Any]]) -> bool:
    """Zones where nothing is visible, sums where one lesion is all there is: no row of their own."""
    stats = [of_arm.get(key) for of_arm in flat]
    if key.startswith("visible_by_zone_ml") or key.endswith(", heat_cem43"):  # a second reading of the same heat
        return not any(stat and stat["mean"] for stat in stats)
    if key in _SUMS:
        return stats == [of_arm.get(_SUMS[key]) for of_arm in flat] or not any(stats)
    return False


def supply(arms: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Living cells by the blood that feeds them: their share of all, and small below it their number."""
    parts = [arm.get("residue_by_supply") or {} for arm in arms.values()]
    totals = [sum(stat["mean"] or 0.0 for stat in part.values() if stat) for part in parts]
    body = []
    for key in dict.fromkeys(k for part in parts for k in part):
        cells = []
        for part, total in zip(parts, totals, strict=True):
            stat = part.get(key)
            if not stat or stat["mean"] is None or not total:
                cells.append((words.NONE, ""))
            else:
                many = f"{words.number(stat['mean'])} cells" if stat["mean"] else ""
                cells.append((words.percent(stat["mean"] / total), many))
        body.append({"label": _SUPPLY.get(key, words.label(key)), "cells": cells})
    return body if any(totals) else []


def per_protocol(arms: Mapping[str, Any]) -> dict[str, Any] | None:
    """Primary outcomes of those who had all that was prescribed, and who was left out; None where nobody was."""
    parts = {name: arm.get("per_protocol") for name, arm in arms.items()}
    if not any(part and part["left_out"] for part in parts.values()):
        return None
    shares = ("p0", "p0_histology")
    rows: list[dict[str, Any]] = [
        {
            "label": "Patients, of those assigned",
            "cells": [
                (f"{part['n']} of {part['n'] + len(part['left_out'])}" if part else words.NONE, "")
                for part in parts.values()
            ],
        }
    ]
    rows += [
        {"label": words.label(key), "cells": [cell(p[key] if p else None, key in shares, key) for p in parts.values()]}
        for key in (*shares, "residual_fraction", "log10_kill", "viable_cells")
    ]
    return {"rows": rows, "left_out": [text for name, part in parts.items() if part for text in _left_out(name, part)]}


def _left_out(arm: str, part: Mapping[str, Any]) -> list[str]:
    """What was not delivered in an arm, and in how many patients."""
    often: dict[str, int] = {}
    for entry in part["left_out"]:
        for reason in entry["reasons"]:
            often[reason] = often.get(reason, 0) + 1
    return [f"{arm}: {reason} ({times})" for reason, times in sorted(often.items(), key=lambda row: -row[1])[:8]]


def _without_oil(flat: dict[str, Any]) -> dict[str, Any]:
    """How full of oil vessels are is no number where there is no oil."""
    if "oil_ml" in flat and flat["oil_ml"] is None:
        return {k: v for k, v in flat.items() if k != "oil_ml"} | {"portal_oil_filling": None}
    return flat


def _flat(tree: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in tree.items():
        here = f"{path}, {key}" if path else key
        if isinstance(value, Mapping) and set(value) != {"mean", "low", "high", "n"}:
            out |= _flat(value, here)
        else:
            out[here] = value
    return out


def statuses(of_arm: Mapping[str, list[Mapping[str, Any]]]) -> list[str]:
    """How often each treatment was delivered over all patients, and what was said of it how often."""
    told: dict[str, int] = {}
    reasons: dict[str, int] = {}
    for items in of_arm.values():
        for item in items:
            told[f"{item['id']} {item['status']}"] = told.get(f"{item['id']} {item['status']}", 0) + 1
            for reason in filter(None, audit.reason(item["status"], item["reason"]).split("; ")):
                reasons[reason] = reasons.get(reason, 0) + 1
    often = sorted(reasons.items(), key=lambda row: -row[1])
    said = [f"{what}: {times} of {len(of_arm)}" for what, times in told.items()]
    return said + [f"{reason} ({times})" for reason, times in often[:8]]


def amount(row: Mapping[str, Any]) -> str:
    """Value and unit of a parameter: ``12 h``, and ``0.6`` where it has none."""
    value, unit = str(row.get("value", "")), str(row.get("unit", ""))
    return value if unit in ("", "-", "1") or value.endswith(f" {unit}") else f"{value} {unit}"
