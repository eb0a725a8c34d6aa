"""The patient of a running model in plain numbers: blood tests, scores, what liver function has lost."""

from __future__ import annotations

from tumorsim.model import TumorModel
from tumorsim.outcomes.reserve import ASCITES, UMOL_L, decompensated
from tumorsim.treatments.limits import PER_NL


def condition_now(model: TumorModel) -> dict[str, float] | None:
    """Scores and blood tests now, or None where the tissue is no part of a liver.

    ``ascites`` is 0 none, 1 mild, 2 moderate; ``decompensated`` 1 where ascites is more than at the start, or the
    patient is jaundiced and was not.
    """
    now, start = model.bedside.now(model.state), model.bedside.start
    if now is None or start is None:
        return None
    return {
        "albi": now.albi,
        "albi_grade": now.albi_grade,
        "child_pugh": now.child_pugh,
        "functional_share": now.functional_share,
        "albumin_g_l": now.albumin,
        "bilirubin_umol_l": now.bilirubin * UMOL_L,
        "inr": now.inr,
        "platelets_per_nl": now.platelets * PER_NL,
        "ascites": ASCITES.index(now.ascites),
        "decompensated": int(decompensated(now, start, model.virtual_patient.parameters)),
    }


def reserve_harm(model: TumorModel) -> dict[str, float | None]:
    """What liver function has lost since the start: share, ALBI, Child-Pugh points; None without a liver."""
    now, start = model.bedside.now(model.state), model.bedside.start
    if now is None or start is None:
        return {"reserve_lost": None, "albi_change": None, "child_pugh_points_change": None}
    return {
        "reserve_lost": 1.0 - now.functional_share,
        "albi_change": now.albi - start.albi,
        "child_pugh_points_change": float(now.child_pugh - start.child_pugh),
    }
