"""What is read from a running model: outcomes at a time, series, the schedule audit, the picture."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy import ZONES, zone_of_sites
from tumorsim.anatomy.fluid import fluid_now
from tumorsim.anatomy.organs import CODE_NAMES
from tumorsim.hazards.frailty import resistant
from tumorsim.hazards.traits import TRAITS
from tumorsim.log import Done
from tumorsim.model import TumorModel
from tumorsim.outcomes import harm, residue
from tumorsim.outcomes.control import Reading
from tumorsim.outcomes.distant import distant
from tumorsim.outcomes.organ_harm import organ_d2cc_gy, wall_over_threshold_mm2
from tumorsim.outcomes.response import Baseline
from tumorsim.state import LIVER
from tumorsim.studies.examine import Examination, examine, imaging_of, size_rows
from tumorsim.studies.patient_now import condition_now, reserve_harm
from tumorsim.studies.records import VIABLE, Outcome, ScheduleItem, SeriesRow
from tumorsim.studies.snapshot import make_snapshot
from tumorsim.studies.vessels_now import residue_by_supply, tumour_rows, vessels_now
from tumorsim.treatments.planning.zone_report import zone_report
from tumorsim.vessels.graph import Kind
from tumorsim.vessels.supply import perfusion_summary

HOUR = 3600.0
ML = 1e6
FINE_SLAB = 20e-6  # m: vessels that far from a slice of fine tissue are drawn in it
DRAWN_FROM = 0.02  # share of its conductance from which a recruited artery is drawn


def perfusion(model: TumorModel) -> dict[str, Any]:
    """Shares of blood and total perfusion of the box's liver outside the target, and of the tumour, now."""
    state, anatomy = model.state, model.virtual_patient.anatomy
    liver = (anatomy.compartment == LIVER) & ~anatomy.target
    return perfusion_summary(state.q_arterial, state.q_portal, state.q_extrahepatic, liver, anatomy.tumour)


def _meant_to_kill(model: TumorModel) -> list[Done]:
    """Treatments done, without those that only prepare another."""
    return [done for done in model.records.done if not done.treatment.prepares]


def reasons(model: TumorModel) -> NDArray[np.uint8]:
    """Why the old cells of every site live, codes of `outcomes.residue.Reason`, (sites,)."""
    fixed, state = model.virtual_patient, model.state
    planned = residue.PLANNED_LOG_KILL * math.log(10.0)
    attempts = []
    for done in _meant_to_kill(model):
        attempt = done.attempt(fixed, state)
        borne = [TRAITS.index(trait) for trait in done.treatment.traits.values()]
        attempts.append(replace(attempt, resistant=resistant(state, fixed.traits, borne, planned)))
    return residue.reason_of_sites(model.virtual_patient.lattice.n_sites, attempts)


def outcome(
    model: TumorModel,
    n0: int,
    readings: list[Reading],
    due: int | None,
    exam: Examination | None = None,
    baseline: Baseline | None = None,
    since: int = 0,
) -> Outcome:
    """Everything DESIGN's outcomes ask for, now.

    Parameters
    ----------
    model : TumorModel
    n0 : int
        Viable cells in the target just before the first treatment of any arm.
    readings : list of Reading
        Follow-up images so far.
    due : int or None
        When imaging response is read [s]; None for an untreated arm.
    exam : Examination, optional
        Of now; taken where it is not given.
    baseline : Baseline, optional
        Outlines of the image before the first treatment, without which there is no response and no margin.
    since : int
        Time of the first treatment of any arm [s].
    """
    exam = examine(model, "horizon", baseline) if exam is None else exam
    fixed, state = model.virtual_patient, model.state
    target = fixed.anatomy.target
    viable = model.population.viable_of_sites()
    sites = np.flatnonzero(target & (viable > 0))
    cells, nadir = viable[sites], state.nadir[sites]
    zone = zone_of_sites(fixed.anatomy, fixed.lattice, sites, state.compartment)
    reason = reasons(model)[sites]
    treated = bool(_meant_to_kill(model))
    crossed = {
        name: residue.residue_by_reason(cells[zone == code], nadir[zone == code], reason[zone == code], treated)
        for code, name in enumerate(ZONES)
        if (zone == code).any()
    }
    total = int(cells.sum(dtype=np.int64))
    # under the microscope neither a doomed nor a dying cell is a dead one
    seen = model.population.dying_of_sites() + model.population.doomed_of_sites()
    unsure = int(seen[target].sum(dtype=np.int64))
    fine = model.case.tissue.fine is not None  # without liver, grown vessels and imaging, and what belongs to them
    return Outcome(
        viable_cells=total,
        residual_fraction=total / n0 if n0 else None,
        log10_kill=residue.log10_kill(total, n0) if n0 else None,
        p0=int(total == 0) if n0 else None,
        p0_histology=int(total + unsure == 0) if n0 else None,
        deaths_by_cause={
            cause: int(state.deaths[target, column].sum(dtype=np.int64)) for column, cause in enumerate(state.causes)
        },
        residue_by_zone=residue.residue_by_zone(cells, zone, ZONES),
        residue_by_reason=residue.residue_by_reason(cells, nadir, reason, treated),
        residue_by_zone_and_reason=crossed,
        residue_by_supply={} if fine else residue_by_supply(model, sites, cells),
        distant=None if fine else distant(fixed.foci, int(viable.sum(dtype=np.int64)) - total, model.now, since),
        vessels=None if fine else vessels_now(model),
        harm={} if fine else harms(model),
        zone=heat_zone(model),
        perfusion=perfusion(model),
        imaging=None if fine else imaging_of(model, exam, baseline, readings, due),
        condition=condition_now(model),
    )


def heat_zone(model: TumorModel) -> dict[str, Any] | None:
    """Zone of all sessions of heat so far, about the first needle of the last of them; None without any."""
    given = [d for d in model.records.done if d.delivery.changed and d.delivery.delivered.get("placed")]
    if not given:
        return None
    fixed = model.virtual_patient
    way = given[-1].delivery.delivered["placed"][0]["direction"]
    read = asdict(zone_report(fixed.lattice, model.state.heat_damage, way, fixed.anatomy.tumour))
    left = 1.0 - fixed.parameters["heat.contraction"]  # what contracts stands beside and changes nothing else
    return {**read, "contracted": {axis: left * read[axis] for axis in ("short_axis_mm", "long_axis_mm")}}


def harms(model: TumorModel) -> dict[str, Any]:
    """The vector of harm so far."""
    fixed, state, done = model.virtual_patient, model.state, model.records.done
    volume = fixed.lattice.site_volume
    liver = fixed.anatomy.compartment == LIVER
    closed = fixed.parameters["embolisation.closed_below"]
    outside = liver & ~fixed.anatomy.target
    given = [d for d in done if d.delivery.changed]
    return {
        "liver_killed_ml": harm.liver_killed_ml(state.liver_hazard, liver, volume),
        "nontarget_embolised_ml": harm.embolised_ml(state.q_arterial, fixed.untreated_arterial, outside, volume, closed)
        + _rest_embolised_ml(model, closed),
        "organs_embolised_ml": harm.non_target_ml(state, fixed.grown),
        "wall_over_threshold_mm2": wall_over_threshold_mm2(state, fixed.anatomy.organs, fixed.parameters),
        "organ_d2cc_gy": organ_d2cc_gy(state, fixed.anatomy.organs),
        "major_complications": float(sum(d.delivery.burden.get("major_complications", 0) for d in given)),
        **reserve_harm(model),
        # what only prepares a treatment is part of its session
        **harm.burden(
            [d.event.at for d in given if not d.treatment.prepares],
            int(sum(d.delivery.burden.get("punctures", 0) for d in given)),
        ),
    }


def _rest_embolised_ml(model: TumorModel, closed: float) -> float:
    """Liver beyond the box [mL] whose lumped artery keeps less than ``closed`` of its flow."""
    fixed, graph = model.virtual_patient, model.virtual_patient.graph
    beds = np.flatnonzero(np.isfinite(graph.conductance) & (graph.kind == Kind.ARTERIAL))
    beds = beds[~np.isin(graph.head[beds], graph.exchange)]
    beds = np.setdiff1d(beds, np.concatenate([np.zeros(0, dtype=np.int64), *(o.beds for o in fixed.grown.non_target)]))
    lost = model.state.edge_flow[beds] < closed * fixed.untreated_flow[beds]
    return float(fixed.plain_flow[beds][lost].sum()) / fixed.liver_arterial * ML


def schedule_item(done: Done) -> ScheduleItem:
    """One line of the schedule audit."""
    delivered, notes = dict(done.delivery.delivered), list(done.delivery.notes)
    overlooked = delivered.get("feeders_overlooked")
    asked = {k: v for k, v in done.plan.prescribed.items() if k.endswith("_mg")}
    short = any(delivered.get(key, 0.0) < 0.99 * mass for key, mass in asked.items())
    short |= any(note.startswith("partly delivered: ") for note in notes)
    if not done.delivery.changed:
        status = "not delivered"
    elif overlooked:
        status = "partly delivered"
        notes.insert(0, f"overlooked: {', '.join(overlooked)}")
    else:
        status = "partly delivered" if short or done.delivery.partly else "delivered"
    return {
        "time_h": done.event.at / HOUR,
        "id": done.event.id,
        "kind": done.event.kind,
        "prescribed": dict(done.plan.prescribed),
        "delivered": delivered,
        "status": status,
        "reason": "; ".join(notes),
    }


def count_rows(model: TumorModel) -> list[SeriesRow]:
    """Counts by step, from the model's records."""
    records, step = model.records, model.case.step
    rows: list[SeriesRow] = []
    counted = zip(records.in_target, records.viable, records.dying, records.doomed, strict=True)
    for index, (inside, every, dying, doomed) in enumerate(counted):
        at = index * step / HOUR
        rows += [
            (at, VIABLE, float(inside), "cells"),
            (at, "distant_cells", float(every - inside), "cells"),
            (at, "dying_cells", float(dying), "cells"),
            (at, "doomed_cells", float(doomed), "cells"),
        ]
    return rows


def daily_rows(model: TumorModel) -> list[SeriesRow]:
    """What is worth a look now and then: blood, oxygen, debris, harm to liver."""
    fixed, state = model.virtual_patient, model.state
    at = model.now / HOUR
    if fixed.bench is not None:  # no tumour, no patient
        return [(at, "zone", float((state.heat_damage >= 1.0).sum()) * fixed.lattice.site_volume * ML, "mL")]
    tumour = fixed.anatomy.tumour
    blood = perfusion(model)
    rows: list[SeriesRow] = []
    for tissue in ("tumour", "liver"):
        found = blood[tissue]
        for source in ("arterial", "portal", "extrahepatic"):
            flow = found[source] * found["total_ml_min_100ml"] if found else 0.0
            rows.append((at, f"{source}_perfusion_{tissue}", flow, "mL/min/100mL"))
    rows.append((at, "po2_tumour", float(state.po2[tumour].mean(dtype=np.float64)), "mmHg"))
    rows.append((at, "hypoxic_share", float(state.share10[tumour].mean(dtype=np.float64)), "1"))
    rows_of_tumour = tumour_rows(model)
    if len(rows_of_tumour):
        rows.append((at, "vegf_tumour", float(state.vegf[rows_of_tumour].mean()), "1"))
    cell = fixed.lattice.site_volume / fixed.capacity
    rows.append((at, "debris", float(model.population.debris_total()) * cell * ML, "mL"))
    liver = fixed.anatomy.compartment == LIVER
    killed = harm.liver_killed_ml(state.liver_hazard, liver, fixed.lattice.site_volume)
    rows.append((at, "liver_killed", killed, "mL"))
    condition = model.bedside.now(state)
    if condition is not None:
        rows.append((at, "albi", condition.albi, "1"))
        rows.append((at, "functional_share", condition.functional_share, "1"))
    return rows + size_rows(model)


def _flow_left(model: TumorModel) -> NDArray[np.float64]:
    """Flow of every vessel as a share of what it was before treatment; 1 where there was none."""
    before = np.abs(model.virtual_patient.untreated_flow)
    return np.divide(np.abs(model.state.edge_flow), before, out=np.ones_like(before), where=before > 0.0)


def _drawn_vessels(model: TumorModel) -> dict[str, Any]:
    """Vessels of a picture: those of the graph that carry blood or will, or the one of a cord."""
    fixed, state, graph = model.virtual_patient, model.state, model.virtual_patient.graph
    fine = model.case.tissue.fine
    if fine is not None and fine.vessel_radius is not None:
        half = 0.5 * fixed.lattice.size[2]
        return {
            "node_pos": np.array([[0.0, 0.0, -half], [0.0, 0.0, half]]),
            "tail": np.array([0]),
            "head": np.array([1]),
            "radius": np.array([fine.vessel_radius]),
            "kind": np.array([Kind.OTHER], dtype=np.uint8),
            "edge_state": np.zeros(1, dtype=np.uint8),
            "edge_open": np.ones(1),
            "flow_left": np.ones(1),
        }
    # arteries that may open later are not drawn before they do
    there = (fixed.grown.patent > 0.0) | (state.edge_open >= DRAWN_FROM)
    return {
        "node_pos": graph.node_pos,
        "tail": graph.tail[there],
        "head": graph.head[there],
        "radius": graph.radius[there],
        "kind": graph.kind[there],
        "edge_state": state.edge_state[there],
        "edge_open": state.edge_open[there],
        "flow_left": _flow_left(model)[there],
    }


def picture(model: TumorModel) -> dict[str, NDArray[Any]]:
    """Slices through the tumour with vessels, residue, causes and reasons, as plain arrays."""
    fixed, state = model.virtual_patient, model.state
    viable = model.population.viable_of_sites()
    everywhere = np.arange(fixed.lattice.n_sites)
    zone = zone_of_sites(fixed.anatomy, fixed.lattice, everywhere, state.compartment)
    here = viable > 0
    reason = reasons(model)
    if _meant_to_kill(model):
        reason = np.where(viable > 2 * np.minimum(viable, state.nadir), int(residue.Reason.REGROWN), reason)
    return make_snapshot(
        shape=fixed.lattice.shape,
        spacing=fixed.lattice.spacing,
        compartment=state.compartment,
        viable=viable,
        capacity=fixed.capacity,
        deaths=state.deaths,
        cause_names=state.causes,
        po2=state.po2,
        zone=np.where(here, zone + 1, 0),
        zone_names=ZONES,
        reason=np.where(here, reason + 1, 0),
        reason_names=residue.REASON_NAMES,
        target=fixed.anatomy.target,
        **_drawn_vessels(model),
        slab=None if model.case.tissue.fine is None else max(1.5 * fixed.lattice.spacing, FINE_SLAB),
        organ=fixed.anatomy.organs.codes(fluid_now(state, fixed.parameters)) if fixed.anatomy.organs.each else None,
        organ_names=CODE_NAMES,
        omega=None if fixed.bench is None else state.heat_damage,
        time_h=model.now / HOUR,
    )
