"""The treated zone on a follow-up image, and the margin it leaves round the tumour that was there.

What a reader calls the zone is tissue at the place of the tumour that enhances in no phase: without blood, or dead.
Its volume is measured on that image, shrunken as it is by then. The margin is read as in fused images before and after
(Laimer 2020, minimal ablative margin; Hendriks 2019 by volumes): both are laid over each other, and the margin is the
least distance from the border of the tumour, as outlined before, out to the border of the zone; negative where that
border lies outside the zone, by how far. It is the registration's error too that is read, and shrinkage in the
meantime reads as a smaller margin: fused images of ablations are therefore best taken at once.

An embolisation makes a zone as well: arteries closed, tumour dead; liver around, alive on portal blood, enhances in
the portal phase and is no part of it, so that its margin can hardly be above 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from tumorsim.lattice import Lattice
from tumorsim.outcomes.outline import Mask, Present, border_points
from tumorsim.state import LIVER, OUTSIDE, State

NECROTIC = 0.5  # share of liver killed from which a piece of it has no bed for contrast


def without_contrast(
    state: State, liver_blood: float, parameters: Mapping[str, float], alive: Mask | None = None
) -> Mask:
    """Tissue that enhances in no phase now, (sites,): it has no blood, or is dead and has no bed for it.

    Parameters
    ----------
    liver_blood : float
        Blood flow of untreated liver [1/s]; where it is 0 nothing can be compared, and nothing is dark.
    alive : array of bool, shape (sites,), optional
        Tumour that is not necrotic; left out, tumour is judged by its blood alone, and no cell enters.
    """
    if liver_blood <= 0.0:
        return np.zeros(len(state.compartment), dtype=bool)
    dead = np.zeros(len(state.compartment), dtype=bool) if alive is None else ~alive
    dead = np.where(state.compartment == LIVER, np.exp(-state.liver_hazard) <= NECROTIC, dead)
    blood = (state.q_arterial + state.q_portal + state.q_extrahepatic) / liver_blood
    dark = (blood < parameters["imaging.zone_enhancement"]) | dead
    return np.asarray(dark & (state.compartment != OUTSIDE))  # what is no tissue of the liver's is no zone


def treated_zone(lattice: Lattice, dark: Mask, outline: Mask) -> Mask:
    """Sites of the treated zone, (sites,).

    Parameters
    ----------
    dark : array of bool, shape (sites,)
        Tissue that does not enhance (`without_contrast`).
    outline : array of bool, shape (sites,)
        Tumour as outlined before treatment.

    Tissue that does not enhance, joined by faces; only regions that share a site with the outline.
    """
    label = ndimage.label(dark.reshape(lattice.shape))[0].ravel()
    touching = np.unique(label[outline & dark])
    return np.asarray(np.isin(label, touching[touching > 0]))


def margin(present: Present, zone: Mask, outline: Mask, shift: ArrayLike = (0.0, 0.0, 0.0)) -> float | None:
    """Least signed distance from the border of an outline to that of the zone [m]; None where either is empty,
    or the zone is but specks.

    Parameters
    ----------
    present : Present
        Where tissue is when the zone is seen.
    zone : array of bool, shape (sites,)
        By `treated_zone`.
    outline : array of bool, shape (sites,)
        Of the tumour, drawn before anything had contracted.
    shift : (3,)
        By how far the later image is out of place [m].
    """
    if not zone.any() or not outline.any():
        return None
    # seen on the later image, the zone lies by the shift off; so does the outline the other way
    points = border_points(present.lattice, outline)[0] - np.asarray(shift, dtype=np.float64)
    edge, outward = border_points(present.lattice, zone)
    if not len(edge):  # specks that no reader would outline
        return None
    edge = present.contraction.to_present(edge)
    return least_signed(points, edge, outward, present.lattice.spacing)


def least_signed(
    points: NDArray[np.float64], edge: NDArray[np.float64], outward: NDArray[np.float64], spacing: float
) -> float | None:
    """Least signed distance of points (n, 3) from a border [m], positive inside of it; None without points.

    ``edge`` (m, 3) are points of the border [m], about a ``spacing`` apart, ``outward`` (m, 3) the ways out there.
    """
    if not len(points):
        return None
    away, nearest = cKDTree(edge).query(points)
    inward = -((points - edge[nearest]) * outward[nearest]).sum(axis=1)
    # near the border its points are as far apart as they are away: there the distance from its plane counts
    close = away < 2.0 * spacing
    return float(np.where(close, inward, np.copysign(away, inward)).min())
