"""Harm to organs beside the tumour: the area of wall whose dose is above a threshold.

Doses are fields on the lattice; walls are pieces of surface with an area of their own. A field is read at every piece
between sites, so that an area does not jump with the spacing. What a piece has had stays with it when the organ is
moved, and adds up over sessions (`tumorsim.state.State.wall_dose`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorsim.anatomy.organs import Organs, Walls
from tumorsim.lattice import Lattice
from tumorsim.state import ORGANS, WALL_DOSES, State

Floats = NDArray[np.float64]

MM2 = 1e6  # mm2 in a m2
D2CC = 2e-6  # m3
#: causes of harm, the dose that tells of each, and the threshold among the parameters ``organs.<organ>_<name>``
CAUSES = {"heat": "omega", "heat_cem43": "cem43", "heat_alarm": "temperature"}
_LEAST = 1e-6  # of a threshold: below this a dose that runs over decades counts as this when read between sites


def at_walls(lattice: Lattice, dose: NDArray[np.floating], walls: Walls, decades: float | None = None) -> Floats:
    """Dose at every piece of wall, (walls,), read between the sites around it.

    Parameters
    ----------
    dose : array, shape (sites,)
        Of all sites, those of organs too: a hole there would be read as no dose.
    decades : float, optional
        For a dose that changes by decades from site to site (an Arrhenius integral, CEM43): its threshold. It is then
        read on a logarithmic scale.

    A piece that fluid has pushed out of the box is read at the box's face.
    """
    if not len(walls.area):
        return np.zeros(0)
    at = walls.points / lattice.spacing + (np.array(lattice.shape) - 1) / 2
    at = np.clip(at, 0, np.array(lattice.shape) - 1)
    field = np.asarray(dose, dtype=np.float64)
    if decades is not None:
        field = np.log(np.maximum(field, _LEAST * decades))
    found = ndimage.map_coordinates(field.reshape(lattice.shape), at.T, order=1, mode="nearest")
    return np.asarray(found if decades is None else np.exp(found))


def area_over(walls: Walls, dose: NDArray[np.floating], threshold: Mapping[str, float]) -> dict[str, float]:
    """Area of wall whose dose reaches its organ's threshold [mm2], by organ.

    Parameters
    ----------
    dose : array, shape (walls,)
        From `at_walls`, or what the pieces have had in all.
    threshold : mapping
        Organ to threshold, in the unit of the dose; its organs are those looked at.
    """
    found = {}
    for name, least in threshold.items():
        hit = (walls.organ == ORGANS.index(name)) & (np.asarray(dose) >= least)
        found[name] = float(walls.area[hit].sum()) * MM2
    return found


def thresholds(organs: Organs, measure: str, parameters: Mapping[str, float]) -> dict[str, float]:
    """Threshold of every organ that is there, for a measure of `WALL_DOSES`."""
    return {name: parameters[f"organs.{name}_{measure}"] for name in organs.names}


def book_heat(
    state: State,
    lattice: Lattice,
    walls: Walls,
    *,
    omega: NDArray[np.floating],
    cem43: NDArray[np.floating],
    temperature: NDArray[np.floating],
) -> None:
    """Book what the walls had of a session of heat in the state.

    Parameters
    ----------
    walls : Walls
        Where they are during the session (`Organs.walls`, with the fluid there is).
    omega, cem43, temperature : array, shape (sites,)
        Arrhenius integral [-] and equivalent time at 43 degC [s] of the session, and its highest temperature [degC].
    """
    if not len(walls.area):
        return
    state.wall_dose[:, WALL_DOSES.index("omega")] += at_walls(lattice, omega, walls, decades=1.0)
    state.wall_dose[:, WALL_DOSES.index("cem43")] += at_walls(lattice, cem43, walls, decades=3600.0)
    hottest = state.wall_dose[:, WALL_DOSES.index("temperature")]
    np.maximum(hottest, at_walls(lattice, temperature, walls), out=hottest)


def organ_d2cc_gy(state: State, organs: Organs) -> dict[str, float | None] | None:
    """Dose in all of all implants that the hottest 2 cm3 of an organ get at least [Gy], by organ.

    Of the organ in the box, wall and what it holds, as it lay before any fluid; None where that is less than 2 cm3.
    None instead of all without organs or without implants.
    """
    if not organs.each or not len(state.implant_at):
        return None
    dose = (1.0 / state.implant_decay) @ state.implant_rate
    hottest = D2CC / organs.lattice.site_volume  # in sites
    found: dict[str, float | None] = {}
    for name, body in organs.bodies().items():
        sites = int(body.sum())
        enough = sites >= hottest * (1.0 - 1e-9)
        found[name] = float(np.quantile(dose[body], max(0.0, 1.0 - hottest / sites))) if enough else None
    return found


def wall_over_threshold_mm2(
    state: State, organs: Organs, parameters: Mapping[str, float]
) -> dict[str, dict[str, float]] | None:
    """Area of wall over its threshold so far [mm2], organ to cause; None without organs.

    Causes: ``heat`` by the Arrhenius integral, ``heat_cem43`` by equivalent minutes at 43 degC, ``heat_alarm`` by the
    highest temperature. They are three readings of one heat and are not added.
    """
    if not organs.each:
        return None
    found: dict[str, dict[str, float]] = {name: {} for name in organs.names}
    for cause, measure in CAUSES.items():
        dose = state.wall_dose[:, WALL_DOSES.index(measure)]
        for name, area in area_over(organs.walls(), dose, thresholds(organs, measure, parameters)).items():
            found[name][cause] = area
    return found
