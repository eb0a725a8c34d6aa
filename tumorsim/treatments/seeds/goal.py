"""Where seeds are due, by what images show: the tumour, its thrombus, or what an ablation has left.

All of it is read from images and from anatomy that images show too: organs, and the course of a thrombosed vein.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy.organs import TISSUE
from tumorsim.outcomes.imaging import Image
from tumorsim.outcomes.zone import treated_zone
from tumorsim.treatments.planning.cover import with_margin
from tumorsim.treatments.seeds.arrangement_rim import rim_goal

if TYPE_CHECKING:
    from tumorsim.patient import Patient

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Goal:
    """What seeds are to irradiate.

    Attributes
    ----------
    outline : array of bool, shape (sites,)
        As images show it: the tumour, the thrombus, the tumour before the ablation.
    sites : array of bool, shape (sites,)
        The goal: what is to have the prescribed dose.
    why : str
        Why there is none; empty where there is one.
    line : array, shape (n, 3), or None
        Course of the vein [m], for a strand.
    """

    outline: Mask
    sites: Mask
    why: str = ""
    line: Floats | None = None


def find_goal(where: str, margin: float, image: Image, baseline: Image | None, patient: Patient) -> Goal:
    """The goal of a plan.

    Parameters
    ----------
    where : str
        ``tumour``, ``thrombus``, ``residue`` or ``ring``.
    margin : float
        Round the outline, or the zone [m]; not used of a thrombus.
    image : Image
        That is planned on.
    baseline : Image or None
        Before the first step, with the outline of old; due for ``residue`` and ``ring``.
    patient : Patient
        Of whom only organs and the course of the thrombosed vein are read.
    """
    lattice = patient.lattice
    tissue = np.asarray(patient.anatomy.organs.site == TISSUE)
    nothing = np.zeros(lattice.n_sites, dtype=bool)
    if where == "thrombus":
        return _thrombus(image, patient, nothing)
    if where == "tumour":
        if not image.visible.any():
            return Goal(nothing, nothing, "the image shows nothing to treat")
        return Goal(image.visible, with_margin(lattice, image.visible, margin) & tissue)
    assert baseline is not None
    outline = baseline.visible
    zone = nothing if image.dark is None else treated_zone(lattice, image.dark, outline)
    if not zone.any():
        return Goal(outline, nothing, "the image shows no treated zone at the tumour")
    sites = rim_goal(lattice, where, outline, zone, image.visible, margin, tissue)
    if not sites.any():
        return Goal(
            outline, sites, f"the zone holds the old outline and {1e3 * margin:g} mm round it, and nothing enhances"
        )
    return Goal(outline, sites)


def _thrombus(image: Image, patient: Patient, nothing: Mask) -> Goal:
    """What enhances within a thrombosed vein; its wall is an image's, half a site is the lattice's."""
    lattice, course = patient.lattice, patient.anatomy.vein
    if image.thrombus_seen == "none" or course is None:
        return Goal(nothing, nothing, "the image shows no thrombus in the portal vein")
    line = np.array([course.start, course.end])
    span = line[1] - line[0]
    centres = lattice.centres()
    part = np.clip((centres - line[0]) @ span / max(float(span @ span), 1e-30), 0.0, 1.0)
    away = np.linalg.norm(centres - line[0] - part[:, None] * span, axis=1)
    seen = image.visible & (away <= course.radius + 0.5 * lattice.spacing)
    if not seen.any():
        return Goal(nothing, nothing, "nothing enhances in the thrombosed vein")
    return Goal(seen, seen, line=line)
