"""What does an embolisation close, what does it leave alive, and does that agree with what was measured?

    python experiments/physics/embolisation.py

Six tables: size of beads, embolic and catheter (with the size of the tumour), overlooked feeders, VEGF and the
arteries it recruits, portal side with thrombus, and supply from outside the liver. Prints them as they stand in
the README and writes one row for every patient to `embolisation/*.csv`. Nothing here is fitted. About 6 minutes
on two cores.
"""

from __future__ import annotations

import csv
import math
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from tumorsim.model import DAY, TumorModel
from tumorsim.patient import Patient, build_patient
from tumorsim.scenario import Scenario
from tumorsim.studies import observe
from tumorsim.studies.vessels_now import vessels_now
from tumorsim.vessels.buffer import buffered_arterial_flow, solve_buffered
from tumorsim.vessels.extrahepatic import ARTERY_OF, SIDE_OF, chance_by_size, parasitic, surface_share

Row = dict[str, Any]

OUT = Path(__file__).parent / "embolisation"
ML_MIN = 6e7  # mL/min in a m3/s
RIM = 5e-3  # m, the outer part of the nodule
TREATED = 1  # d
NO_MISS = {"embolisation.missed_feeder": 0}
PATIENTS = range(6)


# --- what is read from a model ---------------------------------------------------------------------------


def arm(base: Scenario, **spec: Any) -> Scenario:
    """A scenario with one bland embolisation at day 1."""
    return base.replace(treatments=[{"at": f"{TREATED} d", "tae": spec}])


def to_day(model: TumorModel, day: float) -> TumorModel:
    """Step a model to the end of a day, and give it back."""
    while model.now < day * DAY:
        model.step()
    return model


def blood(model: TumorModel, tissue: str = "tumour") -> dict[str, float]:
    """Arterial, portal and extrahepatic blood of the main tumour, or of the box's liver [mL/min/100 mL]."""
    found = observe.perfusion(model)[tissue]
    return {source: found[source] * found["total_ml_min_100ml"] for source in ("arterial", "portal", "extrahepatic")}


def arterial_ml_min(patient: Patient, flow: np.ndarray) -> float:
    """Blood of the proper hepatic artery [mL/min]."""
    return float(flow[patient.graph.named["proper_hepatic"]]) * ML_MIN


def lodged_at(model: TumorModel, bead: float) -> dict[str, float]:
    """Where beads of a diameter [m] lodged: mean width of what they plug, and of the vessel that holds it [um].

    A bed stands for arterioles of the bead's own size; a vessel narrower than the bead stops it at its mouth.
    """
    beads, graph = model.state.edge_beads, model.virtual_patient.graph
    width, in_bed = 2.0 * graph.radius, np.isfinite(graph.conductance)
    whole = max(1, int(beads.sum()))
    return {
        "plugged_um": float((np.minimum(bead, width) * beads).sum()) / whole * 1e6,
        "vessel_um": float((width * beads).sum()) / whole * 1e6,
        "in_beds": float(beads[in_bed].sum()) / whole,
    }


def nodule(model: TumorModel) -> dict[str, float]:
    """Living cells of the main tumour's rim and core, of its capsule and septa among them, and all."""
    anatomy, viable = model.virtual_patient.anatomy, model.population.viable_of_sites()
    rim = anatomy.tumour & (anatomy.depth <= RIM)
    core = anatomy.tumour & ~rim
    return {
        "rim": float(viable[rim].sum(dtype=np.int64)),
        "core": float(viable[core].sum(dtype=np.int64)),
        "all": float(viable[anatomy.tumour].sum(dtype=np.int64)),
    }


def closed_arms(model: TumorModel) -> dict[str, Any]:
    """What was delivered, as plain columns."""
    told = model.records.done[-1].delivery.delivered
    pieces = told.get("beads", told.get("gelatin_pieces", 0))
    organs = told.get("non_target_closed", {})
    return {
        "pieces": pieces,
        "embolic_ml": told.get("beads_ml", told.get("gelatin_ml", 0.0)),
        "refluxed": told.get("refluxed", 0) / pieces if pieces else 0.0,
        "stasis": bool(told.get("stasis")),
        "gallbladder_closed": organs.get("gallbladder", 0.0),
        "stomach_closed": organs.get("stomach", 0.0),
        "oil_tumour_ml": told.get("oil_tumour_ml", 0.0),
        "oil_liver_ml": told.get("oil_liver_ml", 0.0),
        "oil_portal_ml": told.get("oil_portal_ml", 0.0),
        "oil_lost_ml": told.get("oil_washed_out_ml", 0.0) + told.get("oil_refluxed_ml", 0.0),
        "portal_oil_filling": told.get("portal_oil_filling", 0.0),
        "overlooked": len(model.records.done[-1].plan.details["overlooked"]),
    }


# --- 1: beads by size ------------------------------------------------------------------------------------

BEADS_UM = (40, 100, 200, 300, 500)
CATHETERS = ("superselective", "lobar")
FIXED_ML = {"superselective": 0.004, "lobar": 0.03}  # below what any size takes to stasis


def bead_rows(patient: int) -> list[Row]:
    base = Scenario.load("tace_superselective").replace("parameters", NO_MISS)
    start = to_day(TumorModel(case=arm(base, catheter="lobar"), patient=patient), TREATED)
    before, liver = blood(start)["arterial"], blood(start, "liver")["arterial"]
    rows = []
    for catheter in CATHETERS:
        for um in BEADS_UM:
            for until in ("stasis", "fixed volume"):
                number = round(FIXED_ML[catheter] * 1e-6 / (math.pi / 6.0 * (um * 1e-6) ** 3))
                given = {} if until == "stasis" else {"number": number}
                model = start.fork(arm(base, catheter=catheter, beads=f"{um} um", **given))
                model.step()
                rows.append(
                    {"patient": patient, "catheter": catheter, "until": until, "bead_um": um}
                    | closed_arms(model)
                    | lodged_at(model, um * 1e-6)
                    | {
                        "tumour_left": blood(model)["arterial"] / before,
                        "liver_left": blood(model, "liver")["arterial"] / liver,
                        "liver_embolised_ml": observe.harms(model)["nontarget_embolised_ml"],
                    }
                )
    return rows


def beads_table(rows: list[Row]) -> None:
    header(
        "catheter",
        "until",
        "beads",
        "plugged",
        "vessel",
        "in beds",
        "number",
        "volume",
        "tumour flow left",
        "liver flow left",
        "reflux",
        "gallbladder, stomach closed",
    )
    for (catheter, until, um), of in grouped(rows, "catheter", "until", "bead_um"):
        print(
            f"| {catheter} | {until} | {um} um | {mean(of, 'plugged_um'):.0f} um | {mean(of, 'vessel_um'):.0f} um "
            f"| {mean(of, 'in_beds'):.0%} | {mean(of, 'pieces'):.3g} | {1e3 * mean(of, 'embolic_ml'):.3g} uL "
            f"| {mean(of, 'tumour_left'):.1%} | {mean(of, 'liver_left'):.0%} | {mean(of, 'refluxed'):.0%} "
            f"| {mean(of, 'gallbladder_closed'):.0%}, {mean(of, 'stomach_closed'):.0%} |"
        )


# --- 2: embolic and catheter -----------------------------------------------------------------------------

ARMS: dict[str, dict[str, Any]] = {
    "lobar beads": {"catheter": "lobar", "beads": "100 um"},
    "lobar gelatin": {"catheter": "lobar", "embolic": "gelatin"},
    "superselective beads": {"beads": "100 um"},
    "superselective 2 mL oil, gelatin": {"oil": "2 mL", "embolic": "gelatin"},
    "superselective 8 mL oil, gelatin": {"oil": "8 mL", "embolic": "gelatin"},
    "superselective 15 mL oil, gelatin": {"oil": "15 mL", "embolic": "gelatin"},
}
READ = (0.5, 1, 3, 7, 14, 28, 60, 90)  # d after treatment


def course(model: TumorModel, labels: Row) -> list[Row]:
    """One row for every reading of a model that stands just before its first treatment."""
    n0, before = model.viable_in_target, nodule(model)
    rows = []
    for day in READ:
        to_day(model, TREATED + day)
        rows.append(labels | reading(model, day, n0, before) | closed_arms(model))
    return rows


def reading(model: TumorModel, day: float, n0: int, before: dict[str, float]) -> Row:
    """What is left a number of days after treatment, as shares of what there was; and the blood."""
    found, vessels = observe.outcome(model, n0, [], None), vessels_now(model)
    row: Row = {"day": day, "residue": found.residual_fraction, "nadir": min(model.records.in_target) / n0}
    row |= {"cleared": found.p0, "necrosis": 1.0 - nodule(model)["all"] / before["all"]}
    row |= {f"{part}_alive": alive / before[part] for part, alive in nodule(model).items()}
    row |= {f"blood_{source}": value for source, value in blood(model).items()}
    row |= {"liver_arterial": blood(model, "liver")["arterial"]}
    row |= {f"zone {zone}": cells / n0 for zone, cells in found.residue_by_zone.items()}
    row |= {f"by {source}": cells / n0 for source, cells in found.residue_by_supply.items()}
    row |= {"missed": found.residue_by_reason.get("missed", 0) / n0}
    row |= {"vegf": vessels["vegf_tumour"], "collateral_share": vessels["collateral_share"] or 0.0}
    row |= {"portal_oil_filling_now": vessels["portal_oil_filling"]}
    row |= {"liver_embolised_ml": found.harm["nontarget_embolised_ml"]}
    return row | {"liver_killed_ml": found.harm["liver_killed_ml"]}


def arm_rows(patient: int) -> list[Row]:
    base = Scenario.load("tace_superselective").replace(until="91 d")
    start = to_day(TumorModel(case=arm(base), patient=patient), TREATED)
    before = blood(start)["arterial"]
    rows: list[Row] = []
    for name, spec in ARMS.items():
        rows += course(start.fork(arm(base, **spec)), {"patient": patient, "arm": name, "arterial_before": before})
    return rows


def arms_table(rows: list[Row]) -> None:
    at = {(name, day): of for (name, day), of in grouped(rows, "arm", "day")}
    header("arm", "nadir", "28 d", "90 d", "28 d, no feeder overlooked", "rim, core alive then", "nodules all dead")
    for name in ARMS:
        of, end = at[name, 28], at[name, 90]
        found = [r for r in of if not r["overlooked"]]
        print(
            f"| {name} | {mean(end, 'nadir'):.1%} | {spread(of, 'residue')} | {spread(end, 'residue')} "
            f"| {spread(found, 'residue')} | {mean(found, 'rim_alive'):.1%}, {mean(found, 'core_alive'):.1%} "
            f"| {sum(r['necrosis'] == 1.0 for r in of)} of {len(of)} |"
        )
    print("\nBlood [mL/min/100 mL], oil and liver, no feeder overlooked (45.9 arterial and 9.0 portal before):\n")
    header(
        "arm",
        "tumour arterial 0.5, 28, 90 d",
        "tumour portal 0.5, 28, 90 d",
        "pieces, volume",
        "portal oil filling",
        "oil in tumour, portal, lost",
        "liver embolised, killed",
    )
    for name in ARMS:
        three = [[r for r in at[name, day] if not r["overlooked"]] for day in (0.5, 28, 90)]
        arterial, portal = (", ".join(f"{mean(of, f'blood_{b}'):.1f}" for of in three) for b in ("arterial", "portal"))
        of, end = three[0], three[-1]
        print(
            f"| {name} | {arterial} | {portal} | {mean(of, 'pieces'):.0f}, {1e3 * mean(of, 'embolic_ml'):.3g} uL "
            f"| {mean(of, 'portal_oil_filling'):.0%} | {mean(of, 'oil_tumour_ml'):.1f}, "
            f"{mean(of, 'oil_portal_ml'):.1f}, {mean(of, 'oil_lost_ml'):.1f} mL "
            f"| {mean(of, 'liver_embolised_ml'):.0f}, {mean(end, 'liver_killed_ml'):.1f} mL |"
        )
    print("\nResidue at 28 d, no feeder overlooked, share of all cells there were, by zone and by blood:\n")
    zones = [key for key in rows[0] if key.startswith("zone ") and max(r[key] for r in rows) > 5e-4]
    sources = [key for key in rows[0] if key.startswith("by ")]
    header("arm", *(key.split(" ", 1)[1] for key in [*zones, *sources]))
    for name in ARMS:
        of = [r for r in at[name, 28] if not r["overlooked"]]
        print(f"| {name} | " + " | ".join(f"{mean(of, key):.1%}" for key in [*zones, *sources]) + " |")


SIZES_MM = (18, 26, 42)


def size_rows(job: tuple[int, int]) -> list[Row]:
    """Explants by size: beads, 28 d, feeders by size."""
    patient, mm = job
    base = Scenario.load("tace_superselective").replace(
        until="30 d", tissue__tumour__diameter=f"{mm} mm", vessels__feeders="by size"
    )
    start = to_day(TumorModel(case=arm(base), patient=patient), TREATED)
    rows = []
    for catheter in CATHETERS:
        before, model = nodule(start), to_day(start.fork(arm(base, catheter=catheter, beads="100 um")), TREATED + 28)
        done, fixed = model.records.done[-1], start.virtual_patient
        row: Row = {"patient": patient, "diameter_mm": mm, "catheter": catheter}
        row |= {"necrosis": 1.0 - nodule(model)["all"] / before["all"], "arterial": blood(model)["arterial"]}
        row |= {"delivered": done.delivery.changed, "entered": len(done.plan.details["places"])}
        row |= {"overlooked": len(done.plan.details["overlooked"]), "feeders": len(fixed.grown.feeders)}
        rows.append(
            row | {"feeder_um": 2e6 * float(np.mean([fixed.graph.radius[f.edge] for f in fixed.grown.feeders]))}
        )
    return rows


def sizes_table(rows: list[Row]) -> None:
    header(
        "diameter", "catheter", "feeders, width", "overlooked", "necrosis of the nodule at 28 d", "highest", "all dead"
    )
    for (mm, catheter), of in grouped(rows, "diameter_mm", "catheter"):
        print(
            f"| {mm} mm | {catheter} | {mean(of, 'feeders'):.0f}, {mean(of, 'feeder_um'):.0f} um "
            f"| {mean(of, 'overlooked'):.1f} | {spread(of, 'necrosis')} | {max(r['necrosis'] for r in of):.0%} "
            f"| {sum(r['necrosis'] == 1.0 for r in of)} of {len(of)} |"
        )


# --- 3: overlooked feeders -------------------------------------------------------------------------------

CHANCES = (0.0, 0.1, 0.2, 0.6)


def missed_rows(job: tuple[int, float]) -> list[Row]:
    patient, chance = job
    base = Scenario.load("tace_superselective").replace(until="29 d")
    base = base.replace("parameters", {"embolisation.missed_feeder": chance})
    start = to_day(TumorModel(case=arm(base, beads="100 um"), patient=patient), TREATED)
    n0, before = start.viable_in_target, nodule(start)
    model = to_day(start, TREATED + 28)
    return [{"patient": patient, "chance": chance} | reading(model, 28, n0, before) | closed_arms(model)]


def missed_table(rows: list[Row]) -> None:
    header(
        "chance to overlook a feeder",
        "feeders overlooked, of 4",
        "residue at 28 d",
        "lowest, highest",
        "share of residue with reason `missed`",
        "tumour arterial",
    )
    for (chance,), of in grouped(rows, "chance"):
        residue = [r["residue"] for r in of]
        print(
            f"| {chance:g} | {mean(of, 'overlooked'):.1f} | {spread(of, 'residue')} "
            f"| {min(residue):.0%}, {max(residue):.0%} | {sum(r['missed'] for r in of) / sum(residue):.0%} "
            f"| {mean(of, 'blood_arterial'):.1f} |"
        )


# --- 4: VEGF and recruitment -----------------------------------------------------------------------------

DOME_DAYS = (1, 2, 8, 15, 29, 60, 90)
DOME_PATIENTS = 2


def vegf_table(rows: list[Row]) -> None:
    header("arm", *(f"{day:g} d" for day in READ), "collateral share of arterial blood at 28, 60, 90 d")
    for (name,), of in grouped(rows, "arm"):
        at = {day: [r for r in of if r["day"] == day] for day in READ}
        vegf = " | ".join(f"{mean(at[day], 'vegf'):.0%}" for day in READ)
        shares = ", ".join(f"{mean(at[day], 'collateral_share'):.0%}" for day in (28, 60, 90))
        print(f"| {name} | {vegf} | {shares} |")


def dome_jobs() -> list[tuple[int, str]]:
    """Patients of the shipped dome tumour, and those to whom chance gives a dormant phrenic artery."""
    drawn = Scenario.load("dome_phrenic").replace(vessels__extrahepatic="by size and place")
    parameters = drawn.load_parameters()
    dormant = []
    for patient in range(40):
        tumour = drawn.tissue.tumour
        own = parasitic(drawn.vessels.extrahepatic, tumour.place, tumour.diameter, drawn.seed, patient, parameters)
        if own is not None and not own.recruited:
            dormant.append(patient)
    return [
        *((patient, "phrenic runs, hepatic session only") for patient in range(DOME_PATIENTS)),
        *((patient, "phrenic runs, both sessions") for patient in range(DOME_PATIENTS)),
        *((patient, "phrenic dormant, hepatic session only") for patient in dormant[:DOME_PATIENTS]),
    ]


def dome_rows(job: tuple[int, str]) -> list[Row]:
    patient, what = job
    case = Scenario.load("dome_phrenic").replace(until="90 d")
    if "dormant" in what:
        case = case.replace(vessels__extrahepatic="by size and place")
    if "both" not in what:
        case = arm(case, catheter="right", beads={"range": ["100 um", "300 um"]})
    model = TumorModel(case=case, patient=patient)
    n0, rows = model.viable_in_target, []
    for day in DOME_DAYS:
        to_day(model, day)
        flow, vessels, fixed = blood(model), vessels_now(model), model.virtual_patient
        rows.append(
            {"patient": patient, "arm": what, "day": day, "residue": model.viable_in_target / n0}
            | {f"blood_{source}": value for source, value in flow.items()}
            | {"extrahepatic_share": flow["extrahepatic"] / sum(flow.values())}
            | {"collateral_share": (vessels["collateral_share"] or 0.0) * flow["arterial"] / sum(flow.values())}
            | {"vegf": vessels["vegf_tumour"]}
            | {"phrenic_open": float(model.state.edge_patent[fixed.grown.parasites[0].edge])}
        )
    return rows


def dome_table(rows: list[Row]) -> None:
    header(
        "dome tumour, 60 mm",
        "day",
        "residue",
        "VEGF",
        "phrenic open",
        "extrahepatic share of tumour blood",
        "collateral share",
        "arterial, portal, extrahepatic mL/min/100 mL",
    )
    for (what, day), of in grouped(rows, "arm", "day"):
        if day in (1, 2, 29, 60, 90):
            flows = ", ".join(f"{mean(of, f'blood_{source}'):.1f}" for source in ("arterial", "portal", "extrahepatic"))
            print(
                f"| {what} | {day} | {mean(of, 'residue'):.0%} | {mean(of, 'vegf'):.0%} "
                f"| {mean(of, 'phrenic_open'):.0%} | {mean(of, 'extrahepatic_share'):.0%} "
                f"| {mean(of, 'collateral_share'):.1%} | {flows} |"
            )


# --- 5: portal side --------------------------------------------------------------------------------------

GRADES = ("none", "Vp1", "Vp2", "Vp3", "Vp4")


def thrombus_rows(job: tuple[int, str]) -> list[Row]:
    patient, liver = job
    rows: list[Row] = []
    for grade in GRADES:
        case = Scenario.load("portal_thrombus").replace(
            until="2 d", tissue__liver=liver, tissue__tumour__thrombus=grade,
            treatments=[{"at": "1 d", "tae": {"catheter": "lobar", "beads": "100 um"}}],
        )  # fmt: skip
        model = to_day(TumorModel(case=case, patient=patient), TREATED)
        fixed, state, here, tumour = model.virtual_patient, model.state, blood(model, "liver"), blood(model)
        vessels, named = vessels_now(model), fixed.graph.named
        portal_vein = float(state.edge_flow[named["portal_main"]]) * ML_MIN
        artery = arterial_ml_min(fixed, state.edge_flow)
        model.step()
        first = rows[0] if rows else {"artery": artery, "portal_vein": portal_vein}
        rows.append(
            {"patient": patient, "liver": liver, "thrombus": grade, "portal_pressure": vessels["portal_pressure_mmhg"]}
            | {"artery": artery, "portal_vein": portal_vein, "shunt": vessels["portal_shunt_ml_min"]}
            | {"box_arterial": here["arterial"], "box_portal": here["portal"]}
            | {"tumour_arterial": tumour["arterial"], "tumour_portal": tumour["portal"]}
            | {"gained": artery - first["artery"], "lost": first["portal_vein"] - portal_vein}
            | {"stagnant": vessels["segments_stagnant"], "hepatofugal": vessels["segments_hepatofugal"]}
            | {"lobar": lobar(model)}
        )
    return rows


def lobar(model: TumorModel) -> str:
    """What became of a lobar session."""
    done = model.records.done[-1]
    if "refused" in done.plan.details:
        return "refused"
    return "given" if done.delivery.changed else "no tumour seen"


def thrombus_table(rows: list[Row]) -> None:
    header(
        "liver",
        "thrombus",
        "portal pressure",
        "hepatic artery, portal vein, shunt mL/min",
        "box liver arterial, portal",
        "tumour arterial, portal",
        "artery gains of what the vein loses",
        "segments stagnant, reversed",
        "lobar TACE",
    )
    for (liver, grade), of in grouped(rows, "liver", "thrombus"):
        print(
            f"| {liver} | {grade} | {mean(of, 'portal_pressure'):.1f} mmHg | {mean(of, 'artery'):.0f}, "
            f"{mean(of, 'portal_vein'):.0f}, {mean(of, 'shunt'):.0f} | {mean(of, 'box_arterial'):.1f}, "
            f"{mean(of, 'box_portal'):.1f} | {mean(of, 'tumour_arterial'):.1f}, {mean(of, 'tumour_portal'):.1f} "
            f"| {mean(of, 'gained'):.0f} of {mean(of, 'lost'):.0f} "
            f"| {mean(of, 'stagnant'):.1f}, {mean(of, 'hepatofugal'):.1f} | {of[0]['lobar']} |"
        )


def buffer_rows(fraction: float) -> list[Row]:
    """The whole liver with its portal vein narrowed until half of its blood is left, against the closed form."""
    case = Scenario.load("portal_thrombus").replace(tissue__tumour__thrombus="none", tissue__liver="normal")
    fixed = build_patient(case.replace("parameters", {"vessels.buffer_fraction": fraction}))
    vein = fixed.graph.named["portal_main"]

    def run(share: float) -> tuple[float, float]:
        patent = fixed.grown.patent.copy()
        patent[vein] = share
        flow, _ = solve_buffered(fixed.solver, patent, fixed.buffer, fixed.parameters)
        return arterial_ml_min(fixed, flow.edge_flow), float(flow.edge_flow[vein]) * ML_MIN

    artery, portal = run(1.0)
    low, high = 0.0, 1.0
    for _ in range(25):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if run(middle)[1] < 0.5 * portal else (low, middle)
    now, left = run(high)
    rest, _ = run(1e-9)  # without any portal blood
    law = float(buffered_arterial_flow(362.5, 1087.5, 543.75, fraction))
    return [
        {"fraction": fraction, "law": law, "artery": artery, "portal": portal, "now": now, "left": left}
        | {"made_up": (now - artery) / (portal - left), "without_portal": rest / artery}
    ]


C6 = {0.25: 498.4375, 0.45: 607.1875, 0.6: 688.75}  # reference closed form: 362.5 mL/min, portal 1087.5 halved


def buffer_table(rows: list[Row]) -> None:
    header(
        "buffer fraction",
        "closed form C6",
        "tumorsim's law",
        "whole liver: artery, portal vein before",
        "after halving",
        "made up",
        "artery without any portal blood",
    )
    for r in rows:
        print(
            f"| {r['fraction']:g} | {C6[r['fraction']]:g} | {r['law']:g} mL/min | {r['artery']:.0f}, {r['portal']:.0f} "
            f"| {r['now']:.0f}, {r['left']:.0f} | {r['made_up']:.1%} | x {r['without_portal']:.2f} |"
        )


# --- 6: supply from outside the liver --------------------------------------------------------------------

ZHAO = {25: "2.7 +- 3.0", 40: "5.5 +- 0.5", 60: "43.2 +- 4.0", 80: "61.8 +- 5.2", 100: "93.4 +- 1.8"}  # mm: %
DRAWS = 20_000


def sampled_place(rng: np.random.Generator, diameter: float, parameters: Any) -> str:
    """A place: the centre even in a sphere of the liver's volume; at the surface by direction, else deep.

    Surface that no place of the model means (left, right, below and behind) goes to the nearest that has one.
    """
    liver = (6.0 / math.pi * parameters["vessels.liver_volume"]) ** (1.0 / 3.0)
    at = rng.normal(size=3)
    at *= rng.random() ** (1.0 / 3.0) * 0.5 * liver / np.linalg.norm(at)
    if np.linalg.norm(at) < 0.5 * (liver - diameter):
        return "deep"
    return max(SIDE_OF, key=lambda place: float(np.dot(at, SIDE_OF[place])))


def place_rows(mm: int) -> list[Row]:
    case = Scenario.load("dome_phrenic").replace(
        vessels__extrahepatic="phrenic",
        tissue__tumour__diameter=f"{mm} mm",
        tissue__spacing="2 mm",
        until="2 d",
        treatments=[],
    )
    parameters, rng, diameter = case.load_parameters(), np.random.default_rng(mm), mm * 1e-3
    places = [sampled_place(rng, diameter, parameters) for _ in range(DRAWS)]
    found = [
        parasitic("by size and place", place, diameter, case.seed, patient, parameters)
        for patient, place in enumerate(places)
    ]
    runs = [own.name for own in found if own is not None and own.recruited]
    model = TumorModel(case=case)
    flow = blood(model)
    return [
        {"diameter_mm": mm, "asked": chance_by_size(diameter, parameters), "drawn": len(runs) / DRAWS}
        | {"surface": surface_share(diameter, parameters), "surface_drawn": sum(p in ARTERY_OF for p in places) / DRAWS}
        | {"phrenic": runs.count("phrenic") / max(1, len(runs)), "dormant": sum(o is not None for o in found) / DRAWS}
        | {"share_of_blood": flow["extrahepatic"] / sum(flow.values())}
        | {"trunk_mm": 1e3 * model.virtual_patient.grown.parasites[0].diameter}
    ]


def places_table(rows: list[Row]) -> None:
    header(
        "diameter",
        "Zhao 2015",
        "drawn",
        "at the surface",
        "there, running or dormant",
        "phrenic of those that run",
        "its share of tumour blood",
        "trunk",
    )
    for r in rows:
        print(
            f"| {r['diameter_mm']} mm | {ZHAO[r['diameter_mm']]} % | {r['drawn']:.1%} | {r['surface_drawn']:.0%} "
            f"| {r['dormant']:.0%} | {r['phrenic']:.0%} | {r['share_of_blood']:.0%} | {r['trunk_mm']:.1f} mm |"
        )


# --- all of it -------------------------------------------------------------------------------------------


def grouped(rows: Iterable[Row], *keys: str) -> list[tuple[tuple[Any, ...], list[Row]]]:
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[key] for key in keys), []).append(row)
    return list(found.items())


def header(*columns: str) -> None:
    """The head of a table."""
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")


def mean(rows: Sequence[Row], key: str) -> float:
    return float(np.mean([row[key] for row in rows]))


def spread(rows: Sequence[Row], key: str) -> str:
    """Mean and standard deviation over patients, in per cent."""
    return f"{mean(rows, key):.1%} +- {100 * float(np.std([row[key] for row in rows], ddof=1)):.1f}"


def write(name: str, rows: list[Row]) -> None:
    OUT.mkdir(exist_ok=True)
    with (OUT / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()})


def main() -> None:
    begun = time.perf_counter()
    with ProcessPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:

        def ran(work: Callable[[Any], list[Row]], jobs: Iterable[Any], name: str) -> list[Row]:
            rows = [row for rows in pool.map(work, jobs) for row in rows]
            write(name, rows)
            return rows

        def title(text: str) -> None:
            print(f"\n### {text}\n", flush=True)

        title("1. Beads by size, 42 mm, no feeder overlooked, 4 patients")
        beads_table(ran(bead_rows, range(4), "beads"))
        title(f"2. Embolic and catheter, 42 mm, {len(PATIENTS)} patients")
        arms = ran(arm_rows, PATIENTS, "arms")
        arms_table(arms)
        print("\nSize of the tumour, beads of 100 um, feeders by size, overlooked as by default, 8 patients:\n")
        sizes_table(ran(size_rows, [(k, mm) for mm in SIZES_MM for k in range(8)], "sizes"))
        title("3. Overlooked feeders, superselective beads, 8 patients")
        missed_table(ran(missed_rows, [(k, chance) for chance in CHANCES for k in range(8)], "missed"))
        title("4. VEGF of tumour tissue by days after embolisation, arms of table 2")
        vegf_table(arms)
        print()
        dome_table(ran(dome_rows, dome_jobs(), "dome"))
        title("5. Portal vein thrombus, 42 mm, 2 patients")
        thrombus_table(
            ran(thrombus_rows, [(k, liver) for liver in ("normal", "cirrhotic") for k in (0, 1)], "thrombus")
        )
        print()
        buffer_table(ran(buffer_rows, C6, "buffer"))
        title(f"6. Supply from outside the liver by size, {DRAWS} patients with sampled places")
        places_table(ran(place_rows, ZHAO, "places"))
    print(f"\n{time.perf_counter() - begun:.0f} s.")


if __name__ == "__main__":
    main()
