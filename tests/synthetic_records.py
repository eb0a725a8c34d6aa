"""Made-up but plausible runs, for tests of what happens to results; nothing here comes from the model."""

from __future__ import annotations

import hashlib
import math

import numpy as np

from tumorsim.studies.records import Outcome, RunRecord
from tumorsim.studies.snapshot import make_snapshot

ZONES = ["thrombus", "satellite", "capsule or septum", "margin", "rim", "core"]
REASONS = [
    "missed", "outside plan", "other supply", "cooled", "barrier", "spared for organ", "low dose",
    "not delivered", "resistant", "hypoxic", "regrown", "untreated",
]  # fmt: skip
CAUSES = ["ischaemia", "starvation", "turnover"]
EFFECT = {"untreated": None, "tace_lobar": 1.6, "tace_superselective": 3.4, "tae": 2.4}


def scenario(arm: str) -> dict:
    """A scenario as the loader would hand it over."""
    kind = "tae" if arm == "tae" else "tace"
    items = [] if EFFECT[arm] is None else [{"at": "0 d", kind: {"catheter": "lobar", "beads": "100 um"}}]
    return {
        "schema_version": 1, "name": arm, "until": "180 d", "step": "12 h", "seed": 7,
        "tissue": {"size": "auto", "spacing": "1 mm", "liver": "cirrhotic",
                   "tumour": {"diameter": "42 mm", "capsule": "intact", "septa": 6, "satellites": 3,
                              "doubling_time": "140 d"}},
        "vessels": {"feeders": 5}, "treatments": items,
    }  # fmt: skip


def outcome(n: float, n0: int, arm: str, time_d: float, late: bool = True) -> Outcome:
    """A reading with ``n`` viable cells left."""
    n = int(n)
    treated = EFFECT[arm] is not None
    zones = {"capsule or septum": 0.55, "rim": 0.3, "satellite": 0.1, "core": 0.05} if treated else {
        "core": 0.5, "rim": 0.35, "capsule or septum": 0.05, "margin": 0.02, "satellite": 0.08}  # fmt: skip
    reasons = {"other supply": 0.5, "missed": 0.3, "barrier": 0.15, "regrown": 0.05} if treated else {"untreated": 1}
    both = {z: {r: float(int(n * a * b)) for r, b in reasons.items()} for z, a in zones.items()}
    dead = max(0.0, n0 * 1.1 - n)
    return Outcome(
        viable_cells=n,
        residual_fraction=n / n0,
        log10_kill=-math.log10(max(n, 1) / n0),
        p0=int(n == 0),
        p0_histology=int(n == 0 and treated),
        deaths_by_cause={
            "ischaemia": dead * 0.93 if treated else 0.0,
            "starvation": dead * 0.03 + 1e6,
            "turnover": 4e6,
        },
        residue_by_zone={z: sum(v.values()) for z, v in both.items()},
        residue_by_reason={r: sum(v[r] for v in both.values()) for r in reasons},
        residue_by_zone_and_reason=both,
        harm={
            "liver_killed_ml": 14.2 if treated else 0.0,
            "nontarget_embolised_ml": 31.0 if arm == "tace_lobar" else 4.0 if treated else 0.0,
            "sessions": int(treated),
            "punctures": int(treated),
            "treatment_days": int(treated),
        },
        distant={
            "satellite_cells": 1200,
            "foci": 2,
            "foci_cells": 5_400_000,
            "visible_foci": 0,
            "nearest_mm": 31.0,
            "largest_mm": 3.6,
            "recurrence_12mo": None,
            "recurrence_24mo": None,
            "recurrence_36mo": None,
        },
        perfusion=perfusion(0.08 if treated else 1.0),
        imaging={
            "cr": (int(n < n0 * 2e-3) if treated else None) if late else None,
            "visible_ml": 38.0 * n / n0,
            "visible_by_zone_ml": {"rim": 38.0 * n / n0, "core": 0.0},
            "zone_ml": None if not treated else 30.0,
            "margin_mm": None if not treated else -1.5,
            "diameter_mm": 42.0 * (max(n, 1) / n0) ** (1 / 3),
            "recist_mm": 42.0,
            "diameter_sum_mm": 42.0 * (max(n, 1) / n0) ** (1 / 3),
            "recist_sum_mm": 42.0,
            "response_mrecist": {c: int(c == ("PR" if treated else "SD")) for c in ("CR", "PR", "SD", "PD")},
            "response_recist": {c: int(c == "SD") for c in ("CR", "PR", "SD", "PD")},
            "ltp_12mo": None,
            "ltp_24mo": None,
            "ltp_36mo": None,
        },
    )


def perfusion(left: float) -> dict:
    """Shares of flow and totals; ``left`` is the share of the tumour's arterial flow that is left."""
    arterial, portal, extra = 50.0 * left, 8.0, 2.0
    total = arterial + portal + extra
    return {
        "liver": {"arterial": 0.16, "portal": 0.84, "extrahepatic": 0.0, "total_ml_min_100ml": 66.0},
        "tumour": {"arterial": arterial / total, "portal": portal / total, "extrahepatic": extra / total,
                   "total_ml_min_100ml": total},
    }  # fmt: skip


def record(arm: str, patient: int, *, spacing: float = 2e-3, touched: bool = False, picture: bool = True) -> RunRecord:
    """One run. Patients 3, 8, 13... are cleared by superselective treatment, so that zeros occur."""
    rng = np.random.default_rng([patient, 5])
    n0 = int(3.2e8 * math.exp(0.3 * rng.normal()))
    effect = EFFECT[arm]
    hours = np.arange(0, 180 * 24 + 1, 24.0)
    growth = np.exp(math.log(2) / (140 * 24) * hours)
    if effect is None:
        cells = n0 * growth
    else:
        kill = max(0.2, effect + 0.7 * rng.normal())
        left = 10 ** (-kill * np.clip((hours - 12) / (18 * 24), 0, 1) ** 0.6)
        cells = n0 * left * np.where(hours > 30 * 24, growth * math.exp(-math.log(2) * 30 / 140), 1)
        if arm == "tace_superselective" and patient % 5 == 3:
            cells = np.where(hours > 20 * 24, 0, cells)
    cells = np.floor(cells)
    series = [(float(t), "viable_cells", float(c), "cells") for t, c in zip(hours, cells, strict=True)]
    series += [(float(t), "liver_killed", 14.2 * min(1, t / 400) * (effect is not None), "mL") for t in hours]
    now = outcome(cells[-1], n0, arm, 180)
    late = None if effect is None else outcome(cells[28], n0, arm, 28)
    drug = "The drug doxorubicin is carried and recorded; it does not act yet."
    prescribed = {"catheter": "lobar", "beads": "100 um", "number": "to stasis", "drug": "doxorubicin 50 mg"}
    delivered = {"beads_lodged": 2_310_455, "beads_past": 1204, "vessels_closed": 87, "drug": "not acting"}
    session = {
        "time_h": 0.0,
        "id": "tace_1",
        "kind": "tae" if arm == "tae" else "tace",
        "prescribed": prescribed,
        "delivered": delivered,
        "status": "delivered",
        "reason": "" if patient else "feeder_4 was missed",
    }
    return RunRecord(
        arm=arm,
        patient=patient,
        seed=7,
        scenario=scenario(arm),
        n0=n0,
        horizon_h=180 * 24.0,
        state_hash=hashlib.sha256(f"{arm} {patient}".encode()).hexdigest(),
        at_horizon=now,
        after_last=late,
        after_last_time_h=None if late is None else 28 * 24.0,
        nadir_fraction=float(cells.min() / n0),
        nadir_time_d=float(hours[cells.argmin()] / 24),
        perfusion=perfusion(1.0),
        schedule=[] if effect is None else [session],
        series=series,
        touched_face=touched,
        notes=[] if effect is None else [drug],
        snapshot=snapshot(arm, spacing) if patient == 0 and picture else None,
    )


def study(arms=("untreated", "tace_lobar", "tace_superselective"), patients: int = 8, touched=(), **kwargs):
    """All runs of a study, arm by arm."""
    return [record(a, p, touched=p in touched, **kwargs) for a in arms for p in range(patients)]


def snapshot(arm: str, spacing: float) -> dict:
    """A round tumour of 42 mm with a capsule, two septa, a satellite and three made-up trees."""
    side = int(60e-3 / spacing)
    grid = (np.arange(side) + 0.5) * spacing - 0.5 * side * spacing
    x, y, z = np.meshgrid(grid, grid, grid, indexing="ij")
    r = np.sqrt(x * x + y * y + z * z)
    satellite = np.sqrt((x - 24e-3) ** 2 + (y + 6e-3) ** 2 + z * z) < 3e-3
    tumour = r < 21e-3
    compartment = np.where(tumour, np.where(x + 0.3 * y > 4e-3, 1, np.where(y > 3e-3, 2, 3)), 0)
    compartment = np.where(satellite, 200, compartment)
    corner = np.sqrt((x - 26e-3) ** 2 + (y - 26e-3) ** 2 + (z + 22e-3) ** 2)
    compartment = np.where(corner < 14e-3, 255, compartment)
    septum = tumour & ((np.abs(x + 0.3 * y - 4e-3) < 1e-3) | ((np.abs(y - 3e-3) < 1e-3) & (x + 0.3 * y < 4e-3)))
    capsule = tumour & (r > 20e-3)
    zone = np.where(satellite, 2, np.where(septum | capsule, 3, np.where(r > 16e-3, 5, 6))) * (tumour | satellite)
    noise = np.random.default_rng(3).uniform(0.7, 1.0, r.shape)
    core = np.clip((r - 5e-3) / 12e-3, 0.25, 1)
    density = np.where(tumour | satellite, 0.8 * noise * core, 0.0)
    treated = EFFECT[arm] is not None
    reason = np.where(density > 0, 12, 0)
    if treated:
        missed = (compartment == 2) & (arm != "tace_superselective")
        rim = (r > 18e-3) & tumour & (np.sin(9 * np.arctan2(y, x)) > 0.3)
        density = np.where(missed | satellite, density, np.where(rim, 0.35 * density, 0.0))
        reason = np.where(missed, 1, np.where(satellite, 2, np.where(density > 0, 3, 0)))
    capacity = int(2e5 * (spacing / 1e-3) ** 3)
    viable = (density * capacity).astype(np.int64)
    dead = (tumour & (density < 0.3)).astype(np.int64)[..., None]
    starving = np.where(r < 8e-3, 3, 0)[..., None] * dead
    deaths = np.concatenate([dead * 2 * treated, starving * (1 - treated), 0 * dead], axis=-1)
    po2 = np.where(tumour, np.where(density > 0, 6 + 14 * core, 1.0 if treated else 8.0), 36.0) + noise
    node_pos, tail, head, radius, kind, state, is_open = vessels(treated)
    n = side**3
    return make_snapshot(
        shape=(side,) * 3, spacing=spacing, compartment=compartment.reshape(n), viable=viable.reshape(n),
        capacity=capacity, deaths=deaths.reshape(n, 3), cause_names=CAUSES, po2=po2.reshape(n),
        zone=zone.reshape(n), zone_names=ZONES, reason=reason.reshape(n), reason_names=REASONS,
        target=(r < 26e-3).reshape(n), node_pos=node_pos, tail=tail, head=head, radius=radius, kind=kind,
        edge_state=state, edge_open=is_open, time_h=180 * 24.0,
    )  # fmt: skip


def vessels(treated: bool):
    """Three trees that halve into random directions; the arterial branches in the tumour close if treated."""
    rng = np.random.default_rng(11)
    nodes, edges = [], []
    for kind, root, size in ((0, (-30, -8, 0), 1.4), (1, (-30, 8, 4), 2.6), (2, (30, 0, -6), 2.4)):
        nodes.append(np.array(root, float) * 1e-3)
        queue = [(len(nodes) - 1, np.array([1.0 if kind < 2 else -1.0, 0, 0]), 17e-3, size * 1e-3)]
        while queue:
            start, way, length, radius = queue.pop(0)
            nodes.append(np.clip(nodes[start] + way * length, -29.5e-3, 29.5e-3))
            edges.append((start, len(nodes) - 1, radius, kind))
            if radius > 0.12e-3:
                for _ in range(2):
                    turn = way + rng.normal(scale=0.75, size=3)
                    queue.append((len(nodes) - 1, turn / np.linalg.norm(turn), length * 0.8, radius * 0.79))
    node_pos = np.array(nodes)
    tail, head = (np.array([e[i] for e in edges], dtype=np.int32) for i in (0, 1))
    radius, kind = np.array([e[2] for e in edges]), np.array([e[3] for e in edges], dtype=np.uint8)
    inside = np.linalg.norm(node_pos[head], axis=1) < 19e-3
    closed = treated & inside & (kind == 0) & (radius < 0.9e-3)
    return node_pos, tail, head, radius, kind, closed.astype(np.uint8), 1.0 - closed
