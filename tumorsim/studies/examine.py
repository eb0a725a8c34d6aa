"""Examinations of a running model: the image before treatment, follow-up images, and what is read from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy import ZONES, zone_of_sites
from tumorsim.model import TumorModel
from tumorsim.outcomes import response
from tumorsim.outcomes.control import (
    SPHERES,
    Reading,
    complete_response,
    local_progression,
    near_border,
    read_at,
)
from tumorsim.outcomes.imaging import Image
from tumorsim.outcomes.outline import Present
from tumorsim.outcomes.response import Baseline
from tumorsim.outcomes.zone import margin, treated_zone, without_contrast
from tumorsim.studies.records import SeriesRow

ML, MM = 1e6, 1e3
HOUR = 3600.0


@dataclass(frozen=True, eq=False)
class Examination:
    """One image of a model, and where tissue was when it was taken."""

    image: Image
    present: Present
    reading: Reading


def outlined(model: TumorModel) -> Baseline:
    """The lesions as outlined on an image now."""
    p = model.virtual_patient.parameters
    seen = _image(model, "baseline").visible
    return response.baseline_of(
        model.virtual_patient.present(model.state),
        seen,
        _mass(model),
        gap=p["imaging.lesion_gap"],
        measurable=p["imaging.measurable"],
    )


def examine(model: TumorModel, name: str, baseline: Baseline | None) -> Examination:
    """Take an image now and read it.

    Parameters
    ----------
    name : str
        Of the examination: the key of how far it is out of place.
    baseline : Baseline or None
        Outlines of the image before the first treatment; None where there is none yet.
    """
    fixed, p = model.virtual_patient, model.virtual_patient.parameters
    image, present = _image(model, name), fixed.present(model.state)
    target = fixed.anatomy.target
    sizes, zone, least = None, None, None
    if baseline is not None:
        sizes = response.measure(
            present,
            image.visible,
            _mass(model),
            baseline,
            gap=p["imaging.lesion_gap"],
            measurable=p["imaging.measurable"],
        )
        if any(done.delivery.changed and not done.treatment.prepares for done in model.records.done):
            dark = _zone(model, baseline)
            if dark.any():
                zone, least = present.content(dark), margin(present, dark, baseline.outline, image.shift)
    reading = Reading(
        model.now,
        bool((image.visible & target).any()),
        _near(model, image, present),
        {key: bool((_image(model, name, sphere).visible & target).any()) for key, sphere in SPHERES.items()},
        sizes,
        zone,
        least,
    )
    return Examination(image, present, reading)


def _image(model: TumorModel, name: str, sphere: float | None = None) -> Image:
    """An image without a search for arteries, which no reading needs."""
    living = model.population.living_of_sites()  # an image cannot tell that a cell is doomed
    return model.virtual_patient.image(model.state, living, examination=name, sphere=sphere, arteries=False)


def _mass(model: TumorModel) -> NDArray[np.bool_]:
    """Sites that are for more than half tumour, alive or dead, or were so before anything happened."""
    sites = model.population.members
    found = np.zeros(model.virtual_patient.lattice.n_sites, dtype=bool)
    found[sites] = model.shrinkage.tumour_share(model.state, sites) > 0.5
    return found


def _near(model: TumorModel, image: Image, present: Present) -> bool:
    """Whether a region is seen within reach of the original border, where the image shows it to be."""
    fixed = model.virtual_patient
    seen = np.flatnonzero(image.visible)
    places = present.contraction.to_present(fixed.lattice.centres(seen)) + np.array(image.shift)
    at = fixed.lattice.locate(places)
    at = at[at >= 0]
    reach = fixed.parameters["imaging.local_reach"]
    return bool(near_border(fixed.anatomy.depth[at], reach).any())


def _zone(model: TumorModel, baseline: Baseline) -> NDArray[np.bool_]:
    """Sites of the treated zone now."""
    fixed, p = model.virtual_patient, model.virtual_patient.parameters
    alive = model.population.living_of_sites() >= p["imaging.least_density"] * fixed.capacity
    dark = without_contrast(model.state, fixed.liver_blood, p, alive)
    return treated_zone(fixed.lattice, dark, baseline.outline)


def imaging_of(
    model: TumorModel, exam: Examination, baseline: Baseline | None, readings: Sequence[Reading], due: int | None
) -> dict[str, Any]:
    """What images say at the time of an examination, by the names of the summary.

    Parameters
    ----------
    readings : sequence of Reading
        Follow-up images so far; that of ``exam`` may be the last.
    due : int or None
        When response is read [s]; None for an untreated arm.
    """
    fixed = model.virtual_patient
    visible = exam.image.visible & fixed.anatomy.target
    first = read_at(readings, due)
    nothing: dict[str, Any] = {"ltp_12mo": None, "ltp_24mo": None, "ltp_36mo": None}
    ltp = nothing if due is None else local_progression(readings, due, model.now)
    crs = {"cr": None} | {f"cr_sphere_{key}": key for key in SPHERES}
    sizes = exam.reading.sizes
    measured = sizes is not None and baseline is not None and bool(baseline.targets)
    return {
        **{name: None if due is None else _flag(complete_response(readings, due, key)) for name, key in crs.items()},
        "visible_ml": exam.present.content(visible) * ML,
        "visible_by_zone_ml": _by_zone(model, exam, visible),
        "zone_ml": None if first is None or first.zone is None else first.zone * ML,
        "margin_mm": None if first is None or first.margin is None else first.margin * MM,
        "diameter_mm": exam.image.diameter * MM,
        "recist_mm": sizes.whole * MM if measured and sizes else None,
        "diameter_sum_mm": sizes.viable_sum * MM if measured and sizes else None,
        "recist_sum_mm": sizes.whole_sum * MM if measured and sizes else None,
        **_responses(model, exam, baseline, readings),
        **{name: _flag(seen) for name, seen in ltp.items()},
    }


def _flag(value: bool | None) -> int | None:
    return None if value is None else int(value)


def _by_zone(model: TumorModel, exam: Examination, visible: NDArray[np.bool_]) -> dict[str, float]:
    """Visible tumour of the target by zone [mL], every zone of the target named."""
    fixed = model.virtual_patient
    sites = np.flatnonzero(visible)
    zone = zone_of_sites(fixed.anatomy, fixed.lattice, sites, model.state.compartment)
    left = np.bincount(zone, model.state.volume[sites].astype(np.float64), minlength=len(ZONES))
    return {name: float(left[code]) * fixed.lattice.site_volume * ML for code, name in enumerate(ZONES[:-1])}


def _responses(
    model: TumorModel, exam: Examination, baseline: Baseline | None, readings: Sequence[Reading]
) -> dict[str, dict[str, int] | None]:
    """Categories by both criteria, each as 0 and 1 by category, so that they become shares over patients."""
    now = exam.reading.sizes
    if now is None or baseline is None or not baseline.targets:
        return {"response_mrecist": None, "response_recist": None}
    sizes = [r.sizes for r in readings if r.sizes is not None and r.time < exam.reading.time] + [now]
    unseen = model.virtual_patient.parameters["imaging.sphere"]
    found = {
        "response_mrecist": response.mrecist(baseline.sizes.viable_sum, [s.viable_sum for s in sizes], now.new),
        "response_recist": response.recist(
            baseline.sizes.whole_sum, [s.whole_sum for s in sizes], now.new, unseen=unseen
        ),
    }
    return {
        name: None if category is None else {c: int(c == category) for c in response.CATEGORIES}
        for name, category in found.items()
    }


def size_rows(model: TumorModel) -> list[SeriesRow]:
    """Size of the tumour now: the longest diameter of what enhances, and the volume of tumour, alive or dead."""
    state, at, sites = model.state, model.now / HOUR, model.population.members
    share = np.minimum(model.shrinkage.tumour_share(state, sites), state.volume[sites])
    volume = float(share.sum()) * model.virtual_patient.lattice.site_volume
    return [
        (at, "diameter", _image(model, "baseline").diameter * MM, "mm"),
        (at, "tumour_volume", volume * ML, "mL"),
    ]
