"""The report: one HTML file a clinician can read, with no script and no request to anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from tumorsim.report import audit, bench, figures, heat, palette, png, seeds, slices, tables, words
from tumorsim.report.curves import Curves, summarise
from tumorsim.report.results import Results
from tumorsim.report.setting import BENCH, Setting, setting_of

LIMITS = (
    "Not modelled: pain, quality of life, overall survival, cost in money.",
    "Latent foci beyond the box are drawn by chance and grow as the tumour does; no treatment of this version "
    "reaches them.",
    "The tumour is one lesion on one grown vessel tree; how the trees branch is drawn by chance for each patient.",
    "Untreated blood flow is set to published values (calibrated); everything after treatment is prediction.",
    "Imaging is a simple rule on density and arterial enhancement, not a simulated scan.",
    "The intervals show the spread between virtual patients. They do not show what is unknown about the "
    "parameters: see the table of low confidence.",
)
FINE_LIMITS = (
    "A piece of tissue without liver, heart or imaging around it: no harm, no follow-up, no patient.",
    "Oxygen is the only nutrient; its diffusion is solved to the published tolerance at every step.",
    LIMITS[-1].replace("patients", "runs"),
)


def render(results: Results) -> str:
    """The whole page as text; every number on it is read from the folder of results."""
    loader = jinja2.FunctionLoader(_template)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "number": words.number,
        "percent": words.percent,
        "label": words.label,
        "interval": words.interval,
        "count": words.count,
        "items": words.items,
        "prescribed": audit.prescribed,
        "delivered": audit.delivered,
        "reason": lambda item: audit.reason(item["status"], item["reason"]),
        "amount": tables.amount,
        "kind": audit.kind,
    }
    css = Markup(environment.get_template("report.css").render(palette=palette.ARMS))
    if setting_of(results.manifest["scenario"]) is BENCH:
        return environment.get_template("bench.html.j2").render(**bench.context(results), css=css)
    return environment.get_template("report.html.j2").render(**_context(results), css=css)


def _template(name: str) -> str:
    return resources.files("tumorsim.report").joinpath(f"templates/{name}").read_text(encoding="utf-8")


def _context(results: Results) -> dict[str, Any]:
    summary, manifest, arms = results.summary, results.manifest, results.arms
    one = summary["patients"]["used"] == 1
    setting = setting_of(manifest["scenario"])
    cells = results.curves()
    curves: dict[str, Curves] = {arm: c for arm, t in cells.items() if (c := summarise(t)) is not None}
    schedules = {arm: of_arm.get("0", next(iter(of_arm.values()), [])) for arm, of_arm in manifest["schedule"].items()}
    treated_at = {arm: [item["time_h"] / 24 for item in items] for arm, items in schedules.items()}
    snapshots = {arm: s for arm in arms if (s := results.snapshot(arm)) is not None}
    reason_colour = palette.of_reasons([*_reasons(arms), *_reasons_seen(snapshots.values())])
    cause_colour = palette.of_causes(
        dict.fromkeys(name for arm in arms.values() for name in arm["deaths_by_cause"] or {})
    )
    return {
        "summary": summary,
        "manifest": manifest,
        "arms": arms,
        "one": one,
        "setting": setting,
        "assumed": [
            row for row in manifest["parameters_low_confidence"] if row["name"].split(".")[0] not in setting.foreign
        ],
        "caution": words.CAUTION,
        "limits": LIMITS if setting.in_liver else FINE_LIMITS,
        "css_of": {arm: f"c{i % len(palette.ARMS)}" for i, arm in enumerate(arms)},
        "palette": palette.ARMS,
        "cards": [tables.card(name, arm) for name, arm in arms.items()],
        "sentences": [words.arm_sentence(name, arm, setting.noun) for name, arm in arms.items()],
        "pair_sentences": {name: words.pair_sentence(name, pair) for name, pair in results.pairs.items()},
        "left_out": words.left_out(summary),
        "older": results.older,
        "curves": Markup(figures.curves(curves, treated_at)) if curves else None,
        "strip": Markup(figures.strip({a: t.iloc[-1].tolist() for a, t in cells.items() if len(t)}))
        if not one and curves
        else None,
        "forests": _forests(results.pairs),
        "tables": tables.outcomes(arms),
        "pictures": _pictures(snapshots, reason_colour, setting),
        "heat": heat.section(results, snapshots),
        "seeds": seeds.section(results, snapshots),
        "residue": {name: _residue(arm, _zones(arms), reason_colour, setting) for name, arm in arms.items()},
        "reason_colour": reason_colour,
        "reason_words": words.reasons(reason_colour),
        "causes": Markup(figures.bars(_causes(arms), cause_colour, "Deaths by cause")) if arms else None,
        "cause_colour": {name: cause_colour[name] for _, part, _ in _causes(arms) for name, v in part.items() if v},
        "imaging": _imaging(arms),
        "harm_rows": tables.rows(arms, "harm"),
        "condition_rows": tables.rows(arms, "condition"),
        "per_protocol": tables.per_protocol(arms),
        "imaging_rows": tables.rows(arms, "imaging"),
        "distant_rows": tables.rows(arms, "distant"),
        "vessel_rows": tables.rows(arms, "vessels"),
        "supply_rows": tables.supply(arms),
        "notes": [note if note.endswith((".", "!")) else f"{note}." for note in summary["notes"]],
        "blood": _blood(arms),
        "blood_colour": {name: colour for name, colour in palette.BLOOD.items() if _flows(arms, name)},
        "schedules": schedules,
        "statuses": {arm: tables.statuses(of_arm) for arm, of_arm in manifest["schedule"].items()},
    }


def _reasons(arms: Mapping[str, Any]) -> list[str]:
    """Reasons of any residue at the horizon."""
    parts = [
        part
        for arm in arms.values()
        for part in (arm["residue_by_reason"] or {}, *(arm["residue_by_zone_and_reason"] or {}).values())
    ]
    return [name for part in parts for name, stat in part.items() if stat["mean"]]


def _forests(pairs: Mapping[str, Any]) -> list[Markup]:
    if not any(p["log10_residual_difference"]["mean"] is not None for p in pairs.values()):
        return []
    return [
        Markup(
            figures.forest(
                pairs, "log10_residual_difference", "Difference in log10 of living cells, A minus B", "log10", True
            )
        ),
        Markup(
            figures.forest(
                pairs, "p0_difference", "Difference in the share of patients cleared, A minus B", "share", False
            )
        ),
    ]


def _pictures(
    taken: Mapping[str, slices.Snapshot], reason_colour: Mapping[str, str], setting: Setting
) -> dict[str, Any] | None:
    if not taken:
        return None
    shown = []
    for arm, snapshot in taken.items():
        axes = slices.planes(snapshot)
        main = axes[0]
        shown.append(
            {
                "arm": arm,
                "day": words.number(float(snapshot["time_h"]) / 24, 3),
                "slices": [(setting.planes[a], Markup(slices.tissue(snapshot, a, arm, setting))) for a in axes],
                "others": [
                    ("Oxygen (tissue pO₂)", Markup(slices.oxygen(snapshot, main, arm))),
                    ("Why it is alive", Markup(slices.reasons(snapshot, main, arm, reason_colour))),
                    ("All residue, seen through", Markup(slices.seen_through(snapshot, main, arm))),
                ],
            }
        )
    return {
        "shown": shown,
        "legend": slices.legend(list(taken.values()), setting),
        "vessels": any(len(s[f"vessels_{a}"]) for s in taken.values() for a in slices.planes(s)),
        "slab": _length(float(next(iter(taken.values()))["slab_mm"])),
        "oxygen": " ".join(png.CIVIDIS[::2]),
        "po2_top": slices.PO2_TOP,
        "thrombus": palette.THROMBUS if any("thrombus_z" in s for s in taken.values()) else None,
        "reasons": {n: reason_colour[n] for n in _reasons_seen(taken.values())},
    }


def _length(mm: float) -> str:
    return f"{words.number(mm)} mm" if mm >= 0.1 else f"{words.number(1e3 * mm)} µm"


def _reasons_seen(snapshots: Iterable[slices.Snapshot]) -> list[str]:
    seen: dict[str, None] = {}
    for snapshot in snapshots:
        if not slices.planes(snapshot):
            continue
        codes = np.unique(snapshot[f"reason_{slices.planes(snapshot)[0]}"])
        seen |= {str(snapshot["reason_names"][code - 1]): None for code in codes if code > 0}
    return list(seen)


def _zones(arms: Mapping[str, Any]) -> list[str]:
    """Every zone of any arm, in one order for all."""
    return list(dict.fromkeys(zone for arm in arms.values() for zone in arm["residue_by_zone"] or {}))


def _residue(
    arm: Mapping[str, Any], zones: list[str], colour: Mapping[str, str], setting: Setting
) -> dict[str, Any] | None:
    """Where the residue is and why it lives: one bar a zone, as shares of all residue of the arm."""
    both = arm["residue_by_zone_and_reason"]
    if both:
        cells = {z: {r: s["mean"] or 0.0 for r, s in both[z].items()} for z in zones if z in both}
    else:
        cells = {z: {z: s["mean"] or 0.0} for z, s in (arm["residue_by_zone"] or {}).items()}
        cells |= {"(all zones)": {r: s["mean"] or 0.0 for r, s in (arm["residue_by_reason"] or {}).items()}}
        colour = {**dict.fromkeys(cells, "#8d93a1"), **colour}
    total = sum(sum(part.values()) for zone, part in cells.items() if zone != "(all zones)")
    if not total:
        return None
    rows = [
        (
            setting.zones.get(zone, zone),
            part,
            f"{words.percent(sum(part.values()) / total)}, {words.number(sum(part.values()))} cells",
        )
        for zone, part in cells.items()
        if sum(part.values())
    ]
    largest = max(sum(part.values()) for _, part, _ in rows)
    reasons = {r: s["mean"] for r, s in (arm["residue_by_reason"] or {}).items() if s["mean"]}
    return {
        "figure": Markup(figures.bars(rows, colour, "Residue by zone and reason", largest)),
        "reasons": sorted(((r, round(m / total, 4), colour[r]) for r, m in reasons.items()), key=lambda row: -row[1]),
        "total": words.number(total),
    }


def _causes(arms: Mapping[str, Any]) -> list[tuple[str, dict[str, float], str]]:
    rows = []
    for name, arm in arms.items():
        deaths = {c: s["mean"] or 0.0 for c, s in (arm["deaths_by_cause"] or {}).items()}
        total = sum(deaths.values())
        part = {c: v / total for c, v in deaths.items()} if total else {}
        rows.append((name, part, f"{words.number(total)} deaths"))
    return rows


def _imaging(arms: Mapping[str, Any]) -> Markup | None:
    """What the scan says beside what is true, where a scan was read."""
    if not any(a["imaging"] and a["imaging"].get("cr") for a in arms.values()):
        return None
    rows = []
    for name, arm in arms.items():
        later = arm["after_last"] or arm
        seen = (arm["imaging"] or {}).get("cr")
        rows.append(
            (
                name,
                [
                    ("nothing seen on imaging", seen, "later"),
                    ("no living cell, same reading", later["p0"], "now"),
                    ("no living cell at the horizon", arm["p0"], "now"),
                ],
            )
        )
    return Markup(figures.rates(rows, "Complete response on imaging beside the truth"))


def _flows(arms: Mapping[str, Any], source: str) -> bool:
    """Whether blood of a source runs anywhere in the bars."""
    tissues = [t for arm in arms.values() for key in ("perfusion", "perfusion_now") for t in (arm[key] or {}).values()]
    return any(flow and (flow.get(source) or {}).get("mean") for flow in tissues)


def _blood(arms: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Flow by source, before the first treatment and at the horizon, for liver and tumour of each arm."""
    blocks = []
    for name, arm in arms.items():
        rows = []
        for tissue in ("tumour", "liver"):
            for when, key in (("before", "perfusion"), ("at horizon", "perfusion_now")):
                flow = (arm[key] or {}).get(tissue)
                if not flow:
                    continue
                total = flow.get("total_ml_min_100ml")
                total = total["mean"] if total else None
                if total is None:
                    continue
                parts = {s: (flow[s]["mean"] or 0.0) * total for s in palette.BLOOD if flow.get(s)}
                share = flow["arterial"]["mean"] if flow.get("arterial") else None
                rows.append(
                    (
                        f"{tissue}, {when}",
                        parts,
                        f"{words.number(total)} mL/min/100 mL, {words.percent(share)} hepatic artery",
                    )
                )
        if rows:
            whole = max(sum(part.values()) for _, part, _ in rows) or 1.0
            blocks.append(
                {"arm": name, "figure": Markup(figures.bars(rows, palette.BLOOD, f"Blood flow, {name}", whole))}
            )
    return blocks
