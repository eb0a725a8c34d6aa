"""From the plan to where seeds really lie: the needle misses, the seed slips along its track, and a few are lost.

Needles miss as those of an ablation do (`planning.aim`). Beyond that each seed of a needle lies off along its track:
it is drawn after the needle or pushed on, and lies otherwise in tissue that swells and shrinks. A few are carried away
by veins or fall from the liver's surface. All is keyed to the patient, the treatment's name with its occurrence, the
needle and the seed, never to time or arm. A strand is fixed in its vein: image and hand do not move it, and none of its
seeds is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim.chance import Purpose, entity_of_name, normals, uniforms
from tumorsim.errors import InputError
from tumorsim.treatments.planning.aim import Aimed, carry_out
from tumorsim.treatments.planning.needles import Needle, vector
from tumorsim.treatments.seeds.arrangement import Arrangement, SeedTrack

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Implanted:
    """Seeds where they really lie, and by how much they miss.

    ``arrangement`` holds the seeds that stayed. ``aimed`` are the needles where they really went. ``slipped`` [m] is
    how far each seed of the plan lies beyond its place on its needle, deeper positive; the seeds of a strand have 0.
    ``lost`` are (track, seed) of the plan of those that are gone.
    """

    arrangement: Arrangement
    aimed: Aimed
    slipped: tuple[float, ...]
    lost: tuple[tuple[int, int], ...]


def implant(
    plan: Arrangement,
    parameters: Mapping[str, float],
    *,
    seed: int,
    patient: int,
    treatment: str,
    occurrence: int = 1,
    shift: ArrayLike = (0.0, 0.0, 0.0),
    factor: float = 1.0,
    head: ArrayLike = (0.0, 0.0, 1.0),
) -> Implanted:
    """Put planned seeds into a patient.

    Parameters
    ----------
    plan : Arrangement
    parameters : mapping
        Reads what `planning.aim.carry_out` reads, ``seeds.migration`` [m] and ``seeds.loss`` [-].
    treatment, occurrence, shift, head
        As in `carry_out`.
    factor : float
        By which the errors of the hand and the slip along the track are larger; at least 0. The loss stays.

    Raises
    ------
    InputError
        Where the factor is negative, or the probability of loss is not one.
    """
    chance = parameters["seeds.loss"]
    if not 0.0 <= chance <= 1.0:
        raise InputError(f"seeds.loss: a probability is due, got {chance}")
    needles = [n for n, track in enumerate(plan.tracks) if track.way == "needle"]
    aimed = carry_out(
        [Needle(plan.tracks[n].tip, plan.tracks[n].direction, ()) for n in needles],
        parameters,
        seed=seed,
        patient=patient,
        treatment=treatment,
        occurrence=occurrence,
        shift=shift,
        factor=factor,
        head=head,
    )
    really = dict(zip(needles, aimed.needles, strict=True))
    numbers = {n: count for count, n in enumerate(needles, 1)}
    tracks: list[SeedTrack] = []
    slipped: list[float] = []
    lost: list[tuple[int, int]] = []
    for n, track in enumerate(plan.tracks):
        if n not in really:
            tracks.append(track)
            slipped += [0.0] * len(track.places)
            continue
        names = [f"{treatment}#{occurrence}: needle {numbers[n]} seed {k + 1}" for k in range(len(track.places))]
        who = [entity_of_name(name) for name in names]
        slip = normals(seed, patient, Purpose.SEED_MIGRATION, who) * (factor * parameters["seeds.migration"])
        gone = uniforms(seed, patient, Purpose.SEED_LOSS, who) < chance
        tracks.append(_moved(track, really[n], slip, ~gone))
        slipped += [float(x) for x in slip]
        lost += [(n, int(k)) for k in np.flatnonzero(gone)]
    kept = replace(plan, tracks=tuple(track for track in tracks if track.places))
    return Implanted(kept, aimed, tuple(slipped), tuple(lost))


def _moved(track: SeedTrack, needle: Needle, slip: Floats, stay: NDArray[np.bool_]) -> SeedTrack:
    along = np.asarray(needle.direction)
    places = np.asarray(needle.tip) + (slip - track.pull_backs)[:, None] * along
    return SeedTrack(
        needle.tip,
        needle.direction,
        tuple(vector(place) for place in places[stay]),
        (needle.direction,) * int(stay.sum()),
        tuple(s for s, ok in zip(track.strengths, stay, strict=True) if ok),
        track.way,
    )
