"""A picture's worth of one implant: histograms, and the dose in three planes through the goal, planned and real.

Plain named arrays; nothing is drawn here. Planes lie as the lattice does, through the middle of the goal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy.fluid import fluid_now
from tumorsim.log import Done
from tumorsim.model import TumorModel
from tumorsim.treatments.seeds.dose import in_capsule
from tumorsim.treatments.seeds.dosimetry import Histogram

if TYPE_CHECKING:
    from tumorsim.patient import Patient
    from tumorsim.state import State

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

AXES = "xyz"
WHICH = ("planned", "real")
GOAL = "goal"
TOP = 3.0  # of the prescribed dose, where the histograms end
POINTS = 151
_MM, _HOUR = 1e3, 3600.0


def seed_pictures(model: TumorModel, since: int = 0) -> list[dict[str, NDArray[Any]]]:
    """Pictures of the implants among what a model has done after its first ``since`` treatments."""
    found = [seed_picture(model.virtual_patient, model.state, done) for done in model.records.done[since:]]
    return [picture for picture in found if picture is not None]


def seed_picture(patient: Patient, state: State, done: Done) -> dict[str, NDArray[Any]] | None:
    """Histograms and planes of an implant; its ``real`` part only where it was delivered.

    Returns
    -------
    dict of arrays, or None
        None for what is no implant, or one that could not be planned. ``names`` (k,) are the structures, the goal
        first; ``doses`` (n,) [Gy] with ``dvh_w`` (k, n), the share of each that gets each or more, for each w of
        `WHICH`. ``seeds_w`` (m, 6): middles [mm] and directions. For each axis a of `AXES` the plane across it, in the
        order of the other two axes: ``dose_w_a`` float32 [Gy], ``outline_a`` and ``goal_a`` bool, ``organ_a`` uint8
        (what is beside, by its code), and ``layer_a``. ``shape`` (3,) is the lattice's; ``spacing_mm``, ``seed_mm``
        (length of a seed), ``prescribed_gy``, ``time_h``, ``id`` and ``kind`` are single values.
    """
    doses, goal = getattr(done.treatment, "doses", None), getattr(done.treatment, "goal", None)
    if not doses or goal is None or not goal.sites.any():
        return None
    lattice, table = patient.lattice, patient.parameters
    prescribed = float(done.plan.prescribed["prescribed_gy"])
    fluid = fluid_now(state, table, done.event.at)
    structures: dict[str, Mask] = {GOAL: goal.sites, **patient.anatomy.organs.bodies(fluid)}
    middle = lattice.ijk(np.flatnonzero(goal.sites)).mean(axis=0)
    planes: dict[str, NDArray[Any]] = {
        "outline": goal.outline,
        "goal": goal.sites,
        "organ": patient.anatomy.organs.codes(fluid).astype(np.uint8),
    }
    out: dict[str, NDArray[Any]] = {
        "time_h": np.array(done.event.at / _HOUR),
        "id": np.array(done.event.id, dtype=np.str_),
        "kind": np.array(done.event.kind, dtype=np.str_),
        "prescribed_gy": np.array(prescribed),
        "spacing_mm": np.array(lattice.spacing * _MM),
        "seed_mm": np.array(table["dose.capsule_length"] * _MM),
        "shape": np.array(lattice.shape),
        "names": np.array([name.replace("_", " ") for name in structures], dtype=np.str_),
    }
    for which in WHICH:
        if which not in doses:
            continue
        dose = doses[which]
        tissue = ~in_capsule(lattice, dose.seeds, table)
        curves = []
        for sites in structures.values():
            doses_at, share = Histogram.of(dose.in_all[sites & tissue], lattice.site_volume).curve(
                TOP * prescribed, POINTS
            )
            curves.append(share)
            out["doses"] = doses_at
        out[f"dvh_{which}"] = np.stack(curves)
        out[f"seeds_{which}"] = np.concatenate([dose.seeds.points * _MM, dose.seeds.directions], axis=1)
        planes[f"dose_{which}"] = dose.in_all.astype(np.float32)
    for axis, name in enumerate(AXES):
        layer = int(np.clip(round(float(middle[axis])), 0, lattice.shape[axis] - 1))
        out[f"layer_{name}"] = np.array(layer)
        for key, column in planes.items():
            out[f"{key}_{name}"] = np.take(column.reshape(lattice.shape), layer, axis=axis)
    return out
