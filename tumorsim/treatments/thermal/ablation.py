"""Ablation by heat: plan needles from images, put them in, heat, and say what came of it.

What `microwave` and `radiofrequency` share; each brings its device (`sources`). A plan reads images only: needles
that the file places, or those that cover the outline and a margin (`tumorsim.treatments.planning`), on the image of
the day or on the baseline image. The operator works where the image shows the tumour, out of place by the error of
registration, of the hand and of breathing; each draw is keyed to the treatment's name and occurrence.

The hazard of a session, all of it, is booked in the base step in which the session begins.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tumorsim.outcomes.imaging import Image
from tumorsim.outcomes.residue import Attempt
from tumorsim.state import OUTSIDE
from tumorsim.treatments.base import Delivery, Plan, Treatment
from tumorsim.treatments.hydrodissection import aim_error_factor
from tumorsim.treatments.planning.aim import carry_out
from tumorsim.treatments.planning.cover import cover, with_margin
from tumorsim.treatments.planning.directions import fan
from tumorsim.treatments.planning.feeders import feeders_first
from tumorsim.treatments.planning.keep_out import KeepOut, big_vessels
from tumorsim.treatments.planning.limits import Limits
from tumorsim.treatments.planning.needles import Needle as Track
from tumorsim.treatments.planning.needles import Point as Stop
from tumorsim.treatments.planning.needles import covered_sites
from tumorsim.treatments.planning.zone_report import zone_report
from tumorsim.treatments.planning.zones import Option, Zone
from tumorsim.treatments.thermal.alarm import short_of
from tumorsim.treatments.thermal.bench import bench_attempt, bench_plan, reaches_face
from tumorsim.treatments.thermal.expected import expected_axes
from tumorsim.treatments.thermal.room import fitted
from tumorsim.treatments.thermal.sar import Needle, Source
from tumorsim.treatments.thermal.sar_table import read_sar_table
from tumorsim.treatments.thermal.session import Burn, burn, hand_over
from tumorsim.treatments.thermal.spec import ThermalSpec, with_defaults
from tumorsim.vessels.near import wall_distance

if TYPE_CHECKING:
    from tumorsim.patient import Patient
    from tumorsim.state import State

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
MM, KJ = 1e3, 1e-3
SKIN = (-1.0, 0.0, 0.0)  # needles come from the patient's right, between the ribs
COAGULATED_FROM = 1.0  # Omega of the zone
_SMALLEST = 1e-4  # m; axis of a zone where nothing is expected to coagulate


class Ablation(Treatment):
    """Plan, delivery and reasons of an ablation by heat."""

    causes: ClassVar[tuple[str, ...]] = ("heat",)
    traits: ClassVar[Mapping[str, str]] = {"heat": "heat_sensitivity"}
    spec: ThermalSpec
    _goal: Mask
    _outline: Mask

    @abstractmethod
    def device(self, parameters: Mapping[str, float]) -> Source:
        """The device of the parameter table."""

    @abstractmethod
    def active(self, parameters: Mapping[str, float]) -> float:
        """Length of its active part, which ends at the tip [m]."""

    @abstractmethod
    def efficiency(self, parameters: Mapping[str, float]) -> float:
        """Share of the generator's power that tissue absorbs, for a measured power density."""

    def source(self, parameters: Mapping[str, float]) -> Source:
        """The device, or the power density measured of one."""
        if self.spec.sar is None:
            return self.device(parameters)
        return read_sar_table(Path(self.spec.sar), self.efficiency(parameters))

    @property
    def reads_baseline(self) -> bool:
        """Where the plan stays the same."""
        return self.spec.plan == "same"

    @property
    def aim(self) -> tuple[Mask, Mask] | None:
        """Outline and goal (the outline and its margin) of the last plan, (sites,) each; None where none was made."""
        return (self._outline, self._goal) if hasattr(self, "_goal") else None

    # --- plan --------------------------------------------------------------------------------------------

    def _option(self, power: float, duration: float, parameters: Mapping[str, float]) -> Option:
        """A setting with the zone expected of it; a speck where nothing is."""
        found = expected_axes(self.source(parameters), power, duration, parameters)
        short, long = (_SMALLEST, _SMALLEST) if found is None else found
        return Option(power, duration, Zone(short, long, 0.5 * self.active(parameters)))

    def plan(self, images: Image, **context: Any) -> Plan:
        """Choose the needles, from the image of the day or the baseline image, never from cells.

        A plan takes no longer than ``step`` of the context [s]: what is left out for that is said.
        """
        patient: Patient = context["patient"]
        spec, table, lattice = self.spec, patient.parameters, patient.lattice
        told: dict[str, Any] = {"power_w": spec.power, "duration_s": spec.duration}
        if patient.bench is not None:
            self._goal = np.zeros(lattice.n_sites, dtype=bool)
            return bench_plan(spec, told)
        image = context["baseline"] if self.reads_baseline else images
        margin = table["planning.margin"] if spec.margin is None else spec.margin
        goal = with_margin(lattice, image.visible, margin)
        self._outline = image.visible
        room = float(context.get("step", math.inf))
        left_out: tuple[str, ...] = ()
        if spec.listed:
            told["needles"] = len(spec.listed)
            tracks = self._listed(table)
        else:
            told["needles"] = "auto" if spec.needles is None else int(spec.needles)  # type: ignore[arg-type]
            told["margin_mm"] = round(margin * MM, 6)
            if not image.visible.any():
                return Plan(None, told, {"needles": [], "why": "the image shows nothing to treat"})
            needles = spec.needles if isinstance(spec.needles, int) else None
            limits = Limits.of(table, margin, needles, points_each=spec.points)
            option, ways = self._option(spec.power, spec.duration, table), fan(SKIN, table)
            keep = keep_out(image, patient)
            first: list[Track] = []
            if spec.target == "feeders":
                feeders = feeders_first(lattice, image, patient.graph, image.visible, option, ways, keep)
                first = [target.needle for target in feeders if target.needle is not None]
                told["feeders"] = [target.artery.name for target in feeders if target.needle is not None]
            tracks, left_out = fitted(
                first,
                lambda within: cover(lattice, image.visible, [option], ways, within, keep),
                limits,
                spec.duration,
                spec.generators,
                room,
            )
        zone = covered_sites(lattice, tracks)
        self._goal = goal
        details = {
            "needles": [_plain(track) for track in tracks],
            "shift": [float(x) for x in image.shift],
            "aim_factor": 1.0 if images.fluid is None else aim_error_factor(patient, images.fluid),
            "planned_cover": float((zone & goal).sum() / goal.sum()) if goal.any() else None,
            "room": room,
            "left_out": left_out,
        }
        if not tracks:
            details["why"] = "no place for a needle was found"
        return Plan(zone, told, details)

    def _listed(self, table: Mapping[str, float]) -> list[Track]:
        """Needles that the file places."""
        found = []
        for needle in self.spec.listed:
            stops = [
                Stop(p.depth, self._option(p.power or self.spec.power, p.duration or self.spec.duration, table))
                for p in with_defaults(needle, self.spec.power, self.spec.duration).points
            ]
            found.append(Track(needle.tip, needle.direction, tuple(stops)))
        return found

    # --- delivery ----------------------------------------------------------------------------------------

    def deliver(self, plan: Plan, patient: Patient, **context: Any) -> Delivery:
        """Put the needles in and heat: writes hazards, coagulated vessels and doses of walls.

        ``planned_cover`` and ``real_cover`` are the shares of the outline and its margin, as the image showed them,
        that the planned zone and the real one hold.
        """
        state: State = context["state"]
        at = int(context.get("at", state.now))
        nothing = {"needles": 0, "points": 0, "energy_kj": 0.0}
        if not plan.details["needles"]:
            return Delivery(nothing, changed=False, notes=(f"not delivered: {plan.details['why']}",))
        placed = self.placed(plan, patient)
        burns = self._burns(placed, patient.parameters)
        for n, b in enumerate(burns, 1):
            site = patient.lattice.locate(b.needle.point)
            in_vein = site >= 0 and bool(patient.anatomy.lumen[site])
            if site < 0 or (state.compartment[site] == OUTSIDE and not in_vein):
                where = ", ".join(f"{MM * x:.4g}" for x in b.needle.point)
                beyond = "body" if site < 0 else "liver"
                note = f"not delivered: point {n}, at ({where}) mm, lies outside the {beyond}"
                return Delivery(nothing, changed=False, notes=(note,))
        done = burn(patient, state, burns, at, alarm=self.spec.alarm, room=plan.details["room"])
        if patient.bench is None:
            context["pulse"]("heat", np.repeat(done.omega_cells[:, None], 4, axis=1))
        told = hand_over(patient, state, done, at)
        zone = done.omega >= COAGULATED_FROM
        read = zone_report(patient.lattice, done.omega, placed[0]["direction"])
        goal, lethal = self._goal, patient.parameters["heat.cem43_lethal"]
        stopped, short = short_of(burns, done.given, done.stopped, done.ignored)
        delivered = {
            "needles": len(placed),
            "points": sum(given > 0.0 for given in done.given),
            "energy_kj": round(sum(b.power * given for b, given in zip(burns, done.given, strict=True)) * KJ, 6),
            "absorbed_kj": round(float(done.heated.balance.absorbed) * KJ, 6),
            "heating_s": done.heated.heating,
            "planned_cover": plan.details["planned_cover"],
            "real_cover": round(float((zone & goal).sum() / goal.sum()), 6) if goal.any() else None,
            "short_axis_mm": round(read.short_axis_mm, 3),
            "long_axis_mm": round(read.long_axis_mm, 3),
            "zone_ml": round(float(zone.sum()) * patient.lattice.site_volume * 1e6, 6),
            "cem43_zone_ml": round(float((done.cem43 >= lethal).sum()) * patient.lattice.site_volume * 1e6, 6),
            "hottest_degc": round(float(done.highest.max()), 2),
            **contracted_axes(read.short_axis_mm, read.long_axis_mm, patient.parameters["heat.contraction"]),
            "energy_balance_error": float(done.heated.balance.error),
            "placed": placed,
            **told,
            "stopped": stopped,
        }
        notes: tuple[str, ...] = (*plan.details["left_out"], *short)
        if not done.heated.settled:
            notes = (*notes, "damage was still rising when the session was ended")
        if patient.bench is not None:
            notes += reaches_face(patient.lattice, zone)
        return Delivery(
            delivered,
            changed=True,
            received=zone,
            burden={"sessions": 1.0, "punctures": float(len(placed))},
            notes=notes,
            partly=bool(plan.details["left_out"] or stopped),
        )

    def placed(self, plan: Plan, patient: Patient) -> list[dict[str, Any]]:
        """Where the needles of a plan really come to lie: out of place as the image is, by breathing, by the hand.

        On a bench they lie where they are meant to.
        """
        if patient.bench is not None:
            return list(plan.details["needles"])
        table = patient.parameters
        aimed = carry_out(
            [_track(each, self, table) for each in plan.details["needles"]],
            table,
            seed=patient.seed,
            patient=patient.number,
            treatment=self.name,
            occurrence=self.occurrence,
            shift=plan.details["shift"],
            factor=plan.details["aim_factor"],
        )
        return [_plain(track) for track in aimed.needles]

    def _burns(self, placed: Sequence[Mapping[str, Any]], table: Mapping[str, float]) -> list[Burn]:
        """Every point with its time: each needle is taken by the first generator that is free."""
        source, half = self.source(table), 0.5 * self.active(table)
        free = [0.0] * self.spec.generators
        burns = []
        for needle in placed:
            way = np.array(needle["direction"])
            first = free.index(min(free))
            for back, power, duration in needle["points"]:
                x, y, z = (float(v) for v in np.array(needle["tip"]) - (back + half) * way)
                burns.append(Burn(source, Needle((x, y, z), tuple(way)), power, free[first], duration))
                free[first] += duration
        return burns

    # --- reasons -----------------------------------------------------------------------------------------

    def attempt(self, plan: Plan, delivery: Delivery, patient: Patient, state: State) -> Attempt:
        """What this session means for every site now.

        A site of the plan is *missed* where the zone expected of the needles as they really lay does not hold it.
        What that zone holds and what yet lives is *cooled* where a wide vessel is near, or where blood was richer
        than in the liver that the expectation is made in; else it got a *low dose*, as did all that only points hold
        which an alarm stopped. Blood is that before treatment.
        """
        table, n = patient.parameters, patient.lattice.n_sites
        if patient.bench is not None:
            return bench_attempt(n, delivery)
        planned = np.zeros(n, dtype=bool) if plan.sites is None else plan.sites
        tracks = [_track(each, self, table) for each in delivery.delivered.get("placed", [])]
        held = covered_sites(patient.lattice, tracks) if tracks else np.zeros(n, dtype=bool)
        inside = planned & held
        near = near_sinks(patient, table["heat.sink_diameter"], table["ablation.cooled_within"])
        rich = untreated_blood(patient) > table["heat.perfusion_normal"]
        cooled = inside & (near | rich)
        short = {each["point"] for each in delivery.delivered.get("stopped", [])}
        if short:
            cooled &= covered_sites(patient.lattice, _without(tracks, short))
        return Attempt(
            delivered=delivery.changed,
            planned=planned,
            missed=planned & ~held & delivery.changed,
            other_supply=np.zeros(n, dtype=bool),
            cooled=cooled,
            low_dose=inside & ~cooled,
            received=_log_kill(state, "heat"),
        )


def contracted_axes(short: float, long: float, contraction: float) -> dict[str, Any]:
    """Axes [mm] as they are once the zone has contracted, for the audit; nothing where it does not contract."""
    if not contraction:
        return {}
    return {"contracted_mm": [round((1.0 - contraction) * axis, 3) for axis in (short, long)]}


def _plain(track: Track) -> dict[str, Any]:
    return {
        "tip": [float(x) for x in track.tip],
        "direction": [float(x) for x in track.direction],
        "points": [[float(p.pull_back), float(p.option.power), float(p.option.duration)] for p in track.points],
    }


def _track(plain: Mapping[str, Any], treatment: Ablation, table: Mapping[str, float]) -> Track:
    tip, way = (tuple(float(x) for x in plain[key]) for key in ("tip", "direction"))
    stops = tuple(Stop(back, treatment._option(power, long, table)) for back, power, long in plain["points"])
    return Track(tip, way, stops)  # type: ignore[arg-type]


def _without(tracks: Sequence[Track], points: set[int]) -> list[Track]:
    """Needles without some of their points, which count from 1 through all of them in turn."""
    found, n = [], 0
    for track in tracks:
        kept = tuple(p for m, p in enumerate(track.points, n + 1) if m not in points)
        n += len(track.points)
        found.append(replace(track, points=kept))
    return found


def keep_out(image: Image, patient: Patient) -> KeepOut:
    """What needles and zones keep clear of: organs as fluid has moved them, and vessels that an image shows."""
    organs = patient.anatomy.organs
    near = [organs.distance(name, image.fluid).astype(np.float64) for name in organs.names]
    return KeepOut.of(
        patient.parameters,
        np.minimum.reduce(near) if near else None,
        big_vessels(patient.lattice, patient.graph, patient.parameters),
    )


def near_sinks(patient: Patient, diameter: float, within: float) -> Mask:
    """Sites within so much [m] of the wall of a vessel of a diameter [m] that carried blood before, (sites,)."""
    graph, lattice = patient.graph, patient.lattice
    wide = (2.0 * graph.radius >= diameter * (1.0 - 1e-9)) & np.isnan(graph.conductance)
    return wall_distance(lattice, graph, np.flatnonzero(wide & (patient.untreated_flow != 0.0))) <= within


def untreated_blood(patient: Patient) -> Floats:
    """Blood of every site before treatment [1/s], (sites,)."""
    from tumorsim.vessels.supply import site_supply

    return np.asarray(sum(q.astype(np.float64) for q in site_supply(patient.grown, patient.untreated_flow)))


def _log_kill(state: State, cause: str) -> Floats:
    """Log10 of cells there were over cells left, counting only deaths by one cause, (sites,)."""
    if cause not in state.causes:
        return np.zeros(len(state.deaths))
    left = state.viable_cells().astype(np.float64)
    dead = state.deaths[:, state.cause(cause)].astype(np.float64)
    return np.asarray(np.log10((left + dead + 1.0) / (left + 1.0)))
