"""Seeds after an ablation: the goal is what the image leaves in doubt, or the whole ring round the zone.

Two strategies. ``residue``: what enhances within the margin round the old outline, and every part of outline and
margin that the zone does not hold, that is every direction in which the margin is too small. ``ring``: all tissue
within the margin round the zone and round what is left of the outline beside it, whether the image shows a gap or not.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from tumorsim.errors import InputError, nearest
from tumorsim.lattice import Lattice
from tumorsim.treatments.planning.cover import with_margin
from tumorsim.treatments.planning.keep_out import KeepOut
from tumorsim.treatments.seeds.arrangement import Arrangement, SeedRules, joined, strength_of
from tumorsim.treatments.seeds.arrangement_rules import Arranger
from tumorsim.treatments.seeds.arrangement_size import dimensions, nomograph_number

Mask = NDArray[np.bool_]

STRATEGIES = ("residue", "ring")


def rim_goal(
    lattice: Lattice,
    strategy: str,
    outline: Mask,
    zone: Mask,
    visible: Mask,
    margin: float,
    within: Mask | None = None,
) -> Mask:
    """Where seeds are due after an ablation, (sites,); nowhere where ``residue`` finds nothing.

    Parameters
    ----------
    strategy : str
        ``residue`` or ``ring``.
    outline : array of bool, shape (sites,)
        Of the tumour before.
    zone : array of bool, shape (sites,)
        The treated zone that the image shows (`outcomes.zone.treated_zone`).
    visible : array of bool, shape (sites,)
        What enhances (`Image.visible`).
    margin : float
        Least margin that is thought enough [m].
    within : array of bool, shape (sites,), optional
        Where seeds may lie at all, as the liver; default everywhere.

    Raises
    ------
    InputError
        All that is wrong.
    """
    problems = []
    if strategy not in STRATEGIES:
        near = nearest(strategy, STRATEGIES)
        problems.append(f"seeds.strategy: '{strategy}' is not known.{near} Allowed: {', '.join(STRATEGIES)}")
    if not (np.isfinite(margin) and margin >= 0.0):
        problems.append(f"seeds.margin: must not be negative, got {1e3 * margin:g} mm")
    problems += [
        f"seeds: {name} has shape {np.shape(mask)}, not ({lattice.n_sites},)"
        for name, mask in (("the outline", outline), ("the zone", zone), ("what enhances", visible), ("within", within))
        if mask is not None and np.shape(mask) != (lattice.n_sites,)
    ]
    if problems:
        raise InputError(problems)
    if strategy == "residue":
        target = with_margin(lattice, outline, margin)
        goal = target & (~zone | visible)
    else:
        goal = with_margin(lattice, zone | outline, margin) & ~zone
    return np.asarray(goal if within is None else goal & within)


def parts(lattice: Lattice, goal: Mask, least: float = 0.0) -> list[Mask]:
    """Parts of a goal that do not touch by a face, edge or corner, the largest first; none below ``least`` [m3]."""
    label, count = ndimage.label(goal.reshape(lattice.shape), ndimage.generate_binary_structure(3, 3))
    flat = label.reshape(-1)
    size = np.bincount(flat, minlength=count + 1)[1:]
    order = np.argsort(-size, kind="stable")
    return [flat == n + 1 for n in order if size[n] * lattice.site_volume >= least]


def arrange_parts(
    lattice: Lattice,
    goal: Mask,
    rule: str,
    activity: float,
    directions: ArrayLike,
    parameters: Mapping[str, float],
    keep_out: KeepOut | None = None,
    nomograph: str = "anderson",
    placement: str = "triangles",
    freehand: bool = False,
) -> Arrangement:
    """Seeds of every part of a goal, each with the number that the nomograph gives for its own size.

    A part that is smaller than the room of one seed, a cube of the least distance, gets none. Size is the mean
    of length, width and height: a thin crescent gets by its extent, more than by its volume.

    Parameters
    ----------
    goal : array of bool, shape (sites,)
        From `rim_goal`.
    activity : float
        Of one seed [Bq].
    directions, keep_out, placement, freehand
        As in `Arranger`.

    Raises
    ------
    InputError
        As `Arranger` and `nomograph_number`.
    """
    rules = SeedRules.of(parameters)
    strength = strength_of(activity, parameters)
    Arranger(lattice, goal, rule, strength, directions, rules, keep_out, placement)  # refused even where no part is
    found, taken = [], np.zeros(lattice.n_sites, dtype=bool)
    for part in parts(lattice, goal, rules.least**3):
        free = part & ~taken
        number = nomograph_number(dimensions(lattice, part), activity, nomograph)
        made = Arranger(lattice, free, rule, strength, directions, rules, keep_out, placement, freehand).number(number)
        found.append(made)
        taken |= _around(lattice, made, rules.least)
    return joined(found, rule)


def _around(lattice: Lattice, made: Arrangement, reach: float) -> Mask:
    """Sites any point of which may lie nearer to a seed than the least distance, (sites,)."""
    seeds = made.seeds.points
    near = np.zeros(lattice.n_sites, dtype=bool)
    if len(seeds):
        centres = lattice.centres()
        far = reach + 0.5 * np.sqrt(3.0) * lattice.spacing
        for seed in seeds:
            near |= ((centres - seed) ** 2).sum(axis=1) < far**2
    return near
