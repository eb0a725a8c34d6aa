"""The report of a bench: how large the zone is and how it lies in the block; there is no tumour to speak of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from tumorsim.report import palette, slices, words
from tumorsim.report.results import Results
from tumorsim.report.setting import BENCH

LIMITS = (
    "A block of normal liver: no tumour, no vessels wide enough to cool by themselves, no neighbours.",
    "The zone is where damage to liver (Omega) is at least 1 once it has stopped rising: what a pathologist sees as "
    "pale. What dies beyond it later is not counted.",
    "Efficiency and length of the antenna are effective values, fitted to measured zones without contraction; axes "
    "with contraction stand beside and change nothing else.",
    "Ex vivo the faces of the block are insulated; in vivo they are held at the temperature of blood. Where a zone "
    "comes near a face, this decides its size: take a larger block.",
)
_ROWS = (
    ("Short axis, across the needle (mm)", ("short_axis_mm",)),
    ("Long axis, along it (mm)", ("long_axis_mm",)),
    ("Volume (mL)", ("volume_ml",)),
    ("Short axis if tissue contracts (mm)", ("contracted", "short_axis_mm")),
    ("Long axis if tissue contracts (mm)", ("contracted", "long_axis_mm")),
)


def context(results: Results) -> dict[str, Any]:
    """What the template ``bench.html.j2`` needs."""
    summary, manifest, arms = results.summary, results.manifest, results.arms
    pictures = []
    for arm in arms:
        snapshot = results.snapshot(arm)
        if snapshot is not None:
            panels = [(f"across {a}", Markup(slices.zone(snapshot, a, arm))) for a in slices.planes(snapshot)]
            pictures.append({"arm": arm, "slices": panels})
    return {
        "summary": summary,
        "manifest": manifest,
        "arms": arms,
        "css_of": {arm: f"c{i % len(palette.ARMS)}" for i, arm in enumerate(arms)},
        "cards": [_card(name, arm["zone"]) for name, arm in arms.items()],
        "sentences": results.sentences(),
        "rows": [{"label": title, "cells": [_number(arm["zone"], path) for arm in arms.values()]}
                 for title, path in _ROWS],
        "pictures": pictures,
        "damage": palette.DAMAGE,
        "schedules": {a: of.get("0", next(iter(of.values()), [])) for a, of in manifest["schedule"].items()},
        "assumed": [
            row for row in manifest["parameters_low_confidence"] if row["name"].split(".")[0] not in BENCH.foreign
        ],
        "caution": words.CAUTION,
        "limits": LIMITS,
        "notes": [note if note.endswith((".", "!")) else f"{note}." for note in summary["notes"]],
    }  # fmt: skip


def _number(zone: Mapping[str, Any] | None, path: tuple[str, ...]) -> str:
    found: Any = zone
    for key in path:
        found = None if found is None else found[key]
    return words.NONE if found is None or found["mean"] is None else f"{found['mean']:.1f}"


def _card(name: str, zone: Mapping[str, Any] | None) -> dict[str, str]:
    if not zone:
        return {"name": name, "big": words.NONE, "small": "nothing was heated"}
    short, long = (_number(zone, (key,)) for key in ("short_axis_mm", "long_axis_mm"))
    return {"name": name, "big": f"{short} × {long} mm", "small": "across and along the needle"}
