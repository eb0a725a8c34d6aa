"""Permanent seeds: arrange them by what images show, put them in, and say what came of it.

The plan reads images only: a goal (`goal`), and seeds in it by a rule, by a list, or as a strand. Its dosimetry is
that of water, as TG-43 has it. Seeds come to lie where image, breath, hand and tissue let them (`arrangement_error`);
the dose of the seeds where they really lie, through iodised oil where that is asked for, is what cells and liver get.
The dose rate and its decay are handed to the state; hazards follow from it, step by step, in `tumorsim.irradiation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy.fluid import fluid_now
from tumorsim.errors import InputError
from tumorsim.outcomes.imaging import Image
from tumorsim.outcomes.residue import Attempt
from tumorsim.parameters import Parameters
from tumorsim.state import OUTSIDE
from tumorsim.treatments.base import Delivery, Plan, Treatment
from tumorsim.treatments.hydrodissection import aim_error_factor
from tumorsim.treatments.seeds.arrangement import BECQUEREL_PER_MCI, strength_of
from tumorsim.treatments.seeds.arrangement_dose import basal_dose
from tumorsim.treatments.seeds.arrangement_error import implant
from tumorsim.treatments.seeds.goal import Goal, find_goal
from tumorsim.treatments.seeds.implant_dose import ImplantDose, oil_of
from tumorsim.treatments.seeds.laying import as_plain, from_plain, lay, rate_at
from tumorsim.treatments.seeds.source import SeedSource
from tumorsim.treatments.seeds.spec import SeedsSpec

if TYPE_CHECKING:
    from tumorsim.patient import Patient

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MM = 1e3
CAUSE = "radiation"
_LEFT_OUT = {
    "organ": "too near an organ or behind it",
    "vessel": "in a big vessel or behind it",
    "box": "outside the tissue",
    "spacing": "no room at the least distances",
}


class SeedImplant(Treatment):
    """`seeds`."""

    causes: ClassVar[tuple[str, ...]] = (CAUSE,)
    mitotic: ClassVar[tuple[str, ...]] = (CAUSE,)
    traits: ClassVar[Mapping[str, str]] = {CAUSE: "radiosensitivity"}
    spec: SeedsSpec
    _goal: Goal

    def source(self, parameters: Parameters) -> SeedSource:
        """The seed: one of the program's, or of a table."""
        if self.spec.table is not None:
            return SeedSource.from_file(Path(self.spec.table), parameters)
        return SeedSource.named(self.spec.source, parameters)

    def prescribed(self, parameters: Mapping[str, float]) -> float:
        """Dose in all that is meant for the goal [Gy]."""
        return parameters["seeds.prescription"] if self.spec.prescription is None else self.spec.prescription

    @property
    def reads_baseline(self) -> bool:
        """Where the plan stays the same, and after an ablation, for the outline of old."""
        return self.spec.plan == "same" or self.spec.where in ("residue", "ring")

    @cached_property
    def doses(self) -> dict[str, ImplantDose]:
        """``planned`` and ``real`` dose of the last plan and delivery, as far as they were made."""
        return {}

    @property
    def goal(self) -> Goal | None:
        """Of the last plan; None where none was made."""
        return getattr(self, "_goal", None)

    # --- plan --------------------------------------------------------------------------------------------

    def plan(self, images: Image, **context: Any) -> Plan:
        """Arrange seeds in what the image shows, never by cells; with the dosimetry of the plan in ``details``."""
        patient: Patient = context["patient"]
        spec, table = self.spec, patient.parameters
        image = context["baseline"] if spec.plan == "same" else images
        self.doses.clear()
        self._goal = goal = find_goal(spec.where, self._margin(table), image, context.get("baseline"), patient)
        activity = table["seeds.activity"] if spec.activity is None else spec.activity
        told: dict[str, Any] = {
            "source": self.source(table).name,
            "activity_mci": round(activity / BECQUEREL_PER_MCI, 6),
            "where": spec.where,
            "prescribed_gy": self.prescribed(table),
        }
        if spec.where != "thrombus":
            told["margin_mm"] = round(self._margin(table) * MM, 6)
        details: dict[str, Any] = {
            "shift": [float(x) for x in image.shift],
            "aim_factor": 1.0 if image.fluid is None else aim_error_factor(patient, image.fluid),
        }
        if goal.why and not spec.seeds:
            return Plan(None, told, {**details, "why": goal.why})
        source = self.source(table)
        try:
            made = lay(spec, goal, activity, source, image, patient)
        except InputError as error:  # a hand's list in tissue that is no liver
            return Plan(None, told, {**details, "why": "; ".join(error.problems)})
        told["rule"], told["seeds"] = made.rule, made.wanted
        details |= as_plain(made)
        if not made.n_seeds:
            return Plan(goal.sites, told, {**details, "why": "no place for a seed was found"})
        dose = ImplantDose(patient.lattice, source, made.seeds)
        self.doses["planned"] = dose
        figures = dose.figures(goal.sites, self.prescribed(table), patient.anatomy.organs.bodies(image.fluid), table)
        details["dosimetry"] = _rounded(figures.as_dict())
        lines = [track for track in made.tracks if track.way == "needle"]
        if made.rule == "paris" and len({track.direction for track in lines}) == 1 and len(lines) > 1:
            basal = basal_dose(made, rate_at(source), 1.0 / source.decay_per_s)
            details["reference_gy"] = table["seeds.paris_reference"] * basal
        # what is meant to die: the goal, and all that is to have the prescribed dose
        return Plan(goal.sites | (dose.in_all >= self.prescribed(table)), told, details)

    def _margin(self, table: Mapping[str, float]) -> float:
        if self.spec.margin is not None:
            return self.spec.margin
        return table["planning.margin" if self.spec.where == "tumour" else "seeds.rim_margin"]

    # --- delivery ----------------------------------------------------------------------------------------

    def deliver(self, plan: Plan, patient: Patient, **context: Any) -> Delivery:
        """Put the seeds in: hands their dose rate, its half width within sites and its decay to the state."""
        state = context["state"]
        at = int(context.get("at", state.now))
        if "why" in plan.details:
            return Delivery({"seeds": 0}, changed=False, notes=(f"not delivered: {plan.details['why']}",))
        table = patient.parameters
        planned = from_plain(plan.details)
        put = implant(
            planned, table, seed=patient.seed, patient=patient.number, treatment=self.name,
            occurrence=self.occurrence, shift=plan.details["shift"], factor=plan.details["aim_factor"],
        )  # fmt: skip
        made = put.arrangement
        needles = sum(track.way == "needle" for track in planned.tracks)
        burden = {"sessions": 1.0, "punctures": float(max(1, needles))}
        given = {"seeds_planned": planned.n_seeds, "seeds": made.n_seeds, "seeds_lost": len(put.lost)}
        if not made.n_seeds:
            return Delivery(given, changed=False, burden=burden, notes=("not delivered: every seed was lost",))
        source, seeds = self.source(table), made.seeds
        oil, excess = oil_of(patient, state.edge_oil) if self.spec.attenuation == "oil" else (None, 0.0)
        dose = ImplantDose(patient.lattice, source, seeds, oil, excess)
        self.doses["real"] = dose
        state.add_implant(rate=dose.rate, at=at, decay=source.decay_per_s, width=dose.width)
        prescribed = plan.prescribed["prescribed_gy"]
        bodies = patient.anatomy.organs.bodies(fluid_now(state, table, at))
        real = dose.figures(self._goal.sites, prescribed, bodies, table)
        site = patient.lattice.locate(seeds.points)
        beyond = (site < 0) | (state.compartment[np.maximum(site, 0)] == OUTSIDE)
        delivered = {
            **given,
            **({"seeds_left_out": dict(plan.details["left_out"])} if plan.details["left_out"] else {}),
            **({"seeds_outside_liver": int(beyond.sum())} if beyond.any() else {}),
            "needles": needles,
            **({"strands": sum(track.way == "strand" for track in planned.tracks)} if needles == 0 else {}),
            "strength_u": round(made.total_strength, 6),
            "activity_mci": round(made.total_strength / strength_of(BECQUEREL_PER_MCI, table), 6),
            "planned": plan.details["dosimetry"],
            "real": _rounded(real.as_dict()),
            "implant": [
                [*(float(x) for x in p), *(float(x) for x in w), float(s)]
                for p, w, s in zip(seeds.points, seeds.directions, seeds.strengths, strict=True)
            ],
        }
        if "reference_gy" in plan.details:
            delivered["reference_gy"] = plan.details["reference_gy"]
        if oil is not None:
            delivered["oil_ml_seen"] = round(float(oil.sum()) * patient.lattice.site_volume * 1e6, 6)
        return Delivery(
            delivered,
            changed=True,
            received=dose.in_all >= prescribed,
            burden=burden,
            notes=_short(plan, planned.n_seeds, put.lost, self.spec.prescription),
        )

    # --- reasons -----------------------------------------------------------------------------------------

    def attempt(self, plan: Plan, delivery: Delivery, patient: Patient, state: Any) -> Attempt:
        """What this implant means for every site now.

        Of what was planned a site is *missed* where the plan would have given it the prescribed dose and the seeds as
        they really lie do not, for they are out of place, lost, or oil stands between. It got a *low dose* where by
        now it has had less than was prescribed: too little was planned, or not all of it has been given yet. Else its
        cells are *resistant*, or lived *hypoxic*. The dose is that of all implants together, its mean over the site.
        """
        n = patient.lattice.n_sites
        nothing = np.zeros(n, dtype=bool)
        sites = nothing if plan.sites is None else plan.sites
        if not delivery.changed:
            return Attempt(False, sites, nothing, nothing, nothing, np.zeros(n))
        source, prescribed = self.source(patient.parameters), plan.prescribed["prescribed_gy"]
        meant = self.doses.get("planned") or ImplantDose(patient.lattice, source, from_plain(plan.details).seeds)
        in_all, so_far = _doses(state)
        missed = sites & (meant.rate / source.decay_per_s >= prescribed) & (in_all < prescribed)
        return Attempt(
            delivered=True,
            planned=sites,
            missed=missed,
            other_supply=nothing,
            low_dose=sites & ~missed & (so_far < prescribed),
            received=_log_kill(state),
        )


def _short(plan: Plan, seeds: int, lost: Any, asked: float | None) -> tuple[str, ...]:
    """Why less was given than was meant; the first says that it was given partly."""
    reached = plan.details["dosimetry"]["target"]["d90_gy"]
    enough = asked is not None and reached is not None and reached >= asked * (1.0 - 1e-3)
    # to a prescription what is left out does not matter where the rest does
    left = {} if enough else plan.details["left_out"]
    why = [f"{n} left out ({_LEFT_OUT[reason]})" for reason, n in sorted(left.items())]
    if lost:
        why.append(f"{len(lost)} of {seeds} lost")
    if asked is not None and not enough:
        why.append(f"the plan reaches a D90 of {reached or 0.0:.4g} Gy, not the prescribed {asked:g} Gy")
    return (f"partly delivered: {', '.join(why)}",) if why else ()


def _rounded(value: Any) -> Any:
    """Plain data with numbers as a person reads them: four places behind the point."""
    if isinstance(value, Mapping):
        return {key: _rounded(part) for key, part in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def _doses(state: Any) -> tuple[Floats, Floats]:
    """Dose of all implants in every site [Gy]: in all, and by now, (sites,) each."""
    life = 1.0 / state.implant_decay
    since = np.maximum(state.now - state.implant_at, 0) * state.implant_decay
    return life @ state.implant_rate, (-np.expm1(-since) * life) @ state.implant_rate


def _log_kill(state: Any) -> Floats:
    """Log10 of cells there were over cells left, counting only deaths by radiation, (sites,)."""
    left = state.viable_cells().astype(np.float64)
    if CAUSE not in state.causes:
        return np.zeros(len(left))
    dead = state.deaths[:, state.cause(CAUSE)].astype(np.float64)
    return np.asarray(np.log10((left + dead + 1.0) / (left + 1.0)))
