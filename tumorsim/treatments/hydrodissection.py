"""Hydrodissection: fluid between the liver and a neighbour moves it away, insulates it, and opens the view.

Through a needle, saline or dextrose is run in between the liver and an organ (artificial ascites; Kondo 2006), into
the bed of the gallbladder (Garnon 2019), or behind the diaphragm (artificial pleural effusion). The organ's wall is
pushed off by the layer's thickness, what it leaves becomes fluid, and the fluid is taken up within days. Adhesions
may hold the organ: whether they do is drawn by key, so that a patient's luck is the same in every arm.

It kills nothing and touches neither blood nor cells: it only prepares a treatment with needles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tumorsim.anatomy.fluid import fluid_now
from tumorsim.anatomy.organ_place import in_words
from tumorsim.chance import Purpose, entity_of_name, uniform
from tumorsim.outcomes.imaging import Image
from tumorsim.outcomes.residue import Attempt, not_begun
from tumorsim.state import FLUIDS, ORGANS
from tumorsim.treatments.base import Delivery, Plan, Treatment
from tumorsim.treatments.hydrodissection_spec import MOVABLE, HydrodissectionSpec

if TYPE_CHECKING:
    from tumorsim.patient import Patient
    from tumorsim.state import State

ML, MM = 1e6, 1e3
HELD, HARMED = 0, 1  # slots of a draw: adhesions, a major complication


class Hydrodissection(Treatment):
    """`hydrodissection`: choose organ and amount, then part it from the liver."""

    prepares: ClassVar[bool] = True
    spec: HydrodissectionSpec

    def plan(self, images: Image, **context: Any) -> Plan:
        """The organ named, or the nearest that can be moved, and how thick a layer; no zone of its own."""
        patient: Patient = context["patient"]
        spec, table, organs = self.spec, patient.parameters, patient.anatomy.organs
        organ = spec.organ
        if organ is None:
            can = [o for o in organs.each if o.name in (("diaphragm",) if spec.kind == "pleura" else MOVABLE)]
            organ = min(can, key=lambda o: o.spec.distance).name if can else None
        if organ is None or organ not in organs.names:
            return Plan(None, {"fluid": spec.fluid}, {"organ": None, "thickness": 0.0})
        area = self._area(organ, patient)
        thickness = table["hydrodissection.thickness"] if spec.thickness is None else spec.thickness
        if spec.volume is not None:
            thickness = min(spec.volume / area, table["hydrodissection.thickest"])
        told: dict[str, Any] = {"organ": organ, "fluid": spec.fluid, "kind": spec.kind}
        if spec.volume is None:
            told["thickness_mm"] = round(thickness * MM, 6)
        else:
            told["volume_ml"] = round(spec.volume * ML, 6)
        return Plan(None, told, {"organ": organ, "thickness": thickness})

    def _area(self, organ: str, patient: Patient) -> float:
        """Over which fluid spreads [m2]."""
        where = "pleura" if self.spec.kind == "pleura" else "gallbladder" if organ == "gallbladder" else "ascites"
        return patient.parameters[f"hydrodissection.spread_{where}"]

    def _draw(self, patient: Patient, slot: int) -> float:
        who = entity_of_name(f"{self.name}#{self.occurrence}")
        return float(uniform(patient.seed, patient.number, int(Purpose.HYDRODISSECTION), who, slot, 0, 0))

    def deliver(self, plan: Plan, patient: Patient, **context: Any) -> Delivery:
        """Run the fluid in: changes only the layers of fluid. A layer that is there is made thicker."""
        state: State = context["state"]
        at = int(context.get("at", state.now))
        table, organ, thickness = patient.parameters, plan.details["organ"], float(plan.details["thickness"])
        nothing = {"thickness_mm": 0.0}
        if organ is None:
            return Delivery(nothing, changed=False, notes=("not delivered: there is no organ that fluid can move",))
        if thickness == 0.0:
            return Delivery(nothing, changed=False, notes=("no fluid: nothing was given",))
        burden = {"sessions": 1.0, "punctures": 1.0}
        if self._draw(patient, HELD) >= table["hydrodissection.success"]:
            note = f"not delivered: adhesions hold the {in_words(organ)} to the liver"
            return Delivery(nothing, changed=False, burden=burden, notes=(note,))
        row = ORGANS.index(organ)
        state.fluid[row] = fluid_now(state, table, at)[row]
        state.fluid[row, FLUIDS.index(f"{self.spec.kind} {self.spec.fluid}")] += thickness
        state.fluid_at[row] = at
        notes: tuple[str, ...] = ()
        if self._draw(patient, HARMED) < table["hydrodissection.complication"]:
            burden["major_complications"] = 1.0
            notes = ("major complication",)
        delivered = {
            "organ": organ,
            "fluid": self.spec.fluid,
            "kind": self.spec.kind,
            "thickness_mm": round(thickness * MM, 6),
            "volume_ml": round(thickness * self._area(organ, patient) * ML, 6),
        }
        if self.spec.volume is not None:
            delivered["volume_ml"] = round(self.spec.volume * ML, 6)
        return Delivery(delivered, changed=True, burden=burden, notes=notes)

    def attempt(self, plan: Plan, delivery: Delivery, patient: Patient, state: State) -> Attempt:
        """Nothing was meant to die."""
        return not_begun(None, patient.lattice.n_sites)


def aim_error_factor(patient: Patient, fluid: np.ndarray) -> float:
    """How much larger the aim error of a needle is than into a tumour in view [-], 1 or more.

    Lung, bowel and stomach hide a tumour within `organs.view_distance` of them from ultrasound, and lung one at the
    dome of the liver (`tissue.tumour.place`); a layer of fluid `organs.view_fluid` deep opens the view, a thinner one
    in part.

    Parameters
    ----------
    patient : Patient
    fluid : array, shape (organs, 4)
        Layers as the image shows them [m] (`tumorsim.outcomes.imaging.Image.fluid`).
    """
    table, anatomy = patient.parameters, patient.anatomy
    hiding = {
        o.name
        for o in anatomy.organs.each
        if o.name in ("bowel", "stomach", "diaphragm") and o.spec.distance <= table["organs.view_distance"]
    }
    if anatomy.spec.place == "dome":
        hiding.add("diaphragm")
    worst = 0.0
    for name in hiding:
        depth = float(fluid[ORGANS.index(name)].sum())
        worst = max(worst, 1.0 - depth / table["organs.view_fluid"])
    return 1.0 + (table["organs.hidden_aim_factor"] - 1.0) * min(max(worst, 0.0), 1.0)
