"""From keys and goal to an arrangement: by a list, as a strand, by number, nomograph, spacing or prescription."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.outcomes.imaging import Image
from tumorsim.state import OUTSIDE
from tumorsim.treatments.planning.directions import fan
from tumorsim.treatments.planning.keep_out import KeepOut, big_vessels
from tumorsim.treatments.seeds.arrangement import Arrangement, SeedRules, SeedTrack, keep_out_of, strength_of
from tumorsim.treatments.seeds.arrangement_dose import DoseRate, to_prescription
from tumorsim.treatments.seeds.arrangement_hand import by_hand
from tumorsim.treatments.seeds.arrangement_rim import arrange_parts
from tumorsim.treatments.seeds.arrangement_rules import Arranger
from tumorsim.treatments.seeds.arrangement_strand import strand
from tumorsim.treatments.seeds.dose import dose_rate_at
from tumorsim.treatments.seeds.goal import Goal
from tumorsim.treatments.seeds.source import SeedSource
from tumorsim.treatments.seeds.spec import SeedsSpec
from tumorsim.treatments.seeds.spec_list import MOST_SEEDS

if TYPE_CHECKING:
    from tumorsim.patient import Patient

Floats = NDArray[np.float64]

SKIN = (-1.0, 0.0, 0.0)  # needles come from the patient's right, between the ribs


def lay(
    spec: SeedsSpec, goal: Goal, activity: float, source: SeedSource, image: Image, patient: Patient
) -> Arrangement:
    """Seeds for a goal, as the keys say.

    Parameters
    ----------
    activity : float
        Apparent activity of one seed [Bq].
    image : Image
        That is planned on: fluid that has moved organs is seen there.

    Raises
    ------
    InputError
        Where a list places seeds in what is no tissue of the liver.
    """
    table, lattice = patient.parameters, patient.lattice
    rules, strength = SeedRules.of(table), strength_of(activity, table)
    if spec.seeds:
        rows = [
            {
                "position": each.at,
                "direction": each.direction,
                "strength": strength if each.activity is None else strength_of(each.activity, table),
            }
            for each in spec.seeds
        ]
        return by_hand(lattice, rows, rules, patient.anatomy.compartment != OUTSIDE)
    if spec.where == "thrombus":
        assert goal.line is not None
        return strand(lattice, goal.line, goal.sites, strength, spec.spacing or rules.strand_distance)
    ways, keep = fan(SKIN, table), keep_clear(image, patient)
    if spec.number is None and spec.spacing is None and spec.prescription is None:
        return arrange_parts(
            lattice, goal.sites, spec.rule, activity, ways, table, keep, spec.nomograph, freehand=spec.freehand
        )
    arranger = Arranger(lattice, goal.sites, spec.rule, strength, ways, rules, keep, freehand=spec.freehand)
    if spec.number is not None:
        return arranger.number(spec.number)
    if spec.spacing is not None:
        return arranger.spacing(spec.spacing)
    assert spec.prescription is not None
    life = 1.0 / source.decay_per_s
    return to_prescription(arranger, spec.prescription, rate_at(source), life, most=MOST_SEEDS).arrangement


def keep_clear(image: Image, patient: Patient) -> KeepOut:
    """What seeds and needles keep clear of: organs as fluid has moved them, and vessels that an image shows."""
    organs = patient.anatomy.organs
    near = [organs.distance(name, image.fluid).astype(np.float64) for name in organs.names]
    return keep_out_of(
        patient.parameters,
        np.minimum.reduce(near) if near else None,
        big_vessels(patient.lattice, patient.graph, patient.parameters),
    )


def rate_at(source: SeedSource) -> DoseRate:
    """The dose rate of seeds of a kind at points, as the arrangement rooms take it."""
    return lambda points, seeds: dose_rate_at(points, source, seeds)


def as_plain(made: Arrangement) -> dict[str, Any]:
    """An arrangement as plain data for a file."""
    tracks = [
        {
            "tip": list(track.tip),
            "direction": list(track.direction),
            "places": [list(place) for place in track.places],
            "axes": [list(axis) for axis in track.axes],
            "strengths": list(track.strengths),
            "way": track.way,
        }
        for track in made.tracks
    ]
    return {"rule": made.rule, "tracks": tracks, "wanted": made.wanted, "left_out": dict(made.left_out)}


def from_plain(plain: Mapping[str, Any]) -> Arrangement:
    """The arrangement that `as_plain` wrote."""
    tracks = tuple(
        SeedTrack(
            tuple(row["tip"]),
            tuple(row["direction"]),
            tuple(tuple(place) for place in row["places"]),
            tuple(tuple(axis) for axis in row["axes"]),
            tuple(row["strengths"]),
            row["way"],
        )
        for row in plain["tracks"]
    )
    return Arrangement(plain["rule"], tracks, plain["wanted"], plain["left_out"])
