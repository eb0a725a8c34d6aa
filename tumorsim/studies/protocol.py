"""Patients as assigned and patients as treated: who of an arm had all that was prescribed, and what became of them.

An arm holds every patient as assigned (intention to treat). *Per protocol* are those in whom every prescribed
treatment was delivered; one that was delivered in part counts, since it was given, and one ``not delivered`` does
not. Who is left out so is not left out by chance, so arms are compared as assigned only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tumorsim.studies import statistics
from tumorsim.studies.records import Outcome, RunRecord

NOT_DELIVERED = "not delivered"
NOTE = (
    "Not every patient could have every treatment: arms and pairs count patients as assigned (intention to treat); "
    "per_protocol counts those who had all of theirs"
)


def undelivered(record: RunRecord) -> list[str]:
    """What was prescribed and not delivered, each with its reason; empty where the protocol was kept."""
    return [
        f"{item['id']}: {item['reason'].removeprefix(f'{NOT_DELIVERED}: ')}"
        for item in record.schedule
        if item["status"] == NOT_DELIVERED
    ]


def per_protocol(runs: Sequence[RunRecord], seed: int) -> dict[str, Any]:
    """The primary outcomes of those who had all that was prescribed, and who is left out with the reasons.

    ``after_last`` holds the same outcomes at that reading, None where nobody has one.
    """
    left_out = {r.patient: reasons for r in runs if (reasons := undelivered(r))}
    kept = [r for r in runs if r.patient not in left_out]
    later = [r.after_last for r in kept if r.after_last is not None]
    return {
        "n": len(kept),
        "left_out": [{"patient": patient, "reasons": reasons} for patient, reasons in left_out.items()],
        **primary([r.at_horizon for r in kept], seed),
        "after_last": primary(later, seed) if later else None,
    }


def primary(readings: Sequence[Outcome], seed: int) -> dict[str, Any]:
    """Statistics of the primary outcomes over patients."""
    return {
        "viable_cells": statistics.mean([float(r.viable_cells) for r in readings], seed),
        "residual_fraction": statistics.mean([r.residual_fraction for r in readings], seed),
        "log10_kill": statistics.mean([r.log10_kill for r in readings], seed),
        "p0": statistics.share([r.p0 for r in readings]),
        "p0_histology": statistics.share([r.p0_histology for r in readings]),
    }
