"""Fluid between the liver and its neighbours: how thick its layers are now, and what every site is made of.

A layer is held in the state as it was when fluid was last given at its organ, with that time; what is left of it at
any moment follows exactly, since it is taken up at one half-life.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy.organs import BEYOND, CONTENT, DEXTROSE, SALINE, WALL, Organs
from tumorsim.state import ORGANS

if TYPE_CHECKING:
    from tumorsim.state import State

Floats = NDArray[np.float64]

#: what a site is made of, by its code; the properties of tissue (liver, tumour) are not in this table
MATERIALS = ("tissue", "saline", "dextrose", "bile", "content", "gas", "wall", "muscle", "lung", "fat")
_PERFUSED = ("wall", "muscle", "lung", "fat")
_GASSY = ("bowel", "stomach")
_HELD = {"gallbladder": "bile", "bowel": "content", "stomach": "content", "diaphragm": "lung", "bile_duct": "bile"}


@dataclass(frozen=True)
class Material:
    """Properties of a material.

    Attributes
    ----------
    conductivity : float
        Of heat [W/m/K].
    heat_capacity : float
        Density times specific heat [J/m3/K].
    perfusion : float
        Blood [1/s].
    electric : float
        Electric conductivity at 0.5 MHz [S/m].
    microwave : float
        The same at 2.45 GHz [S/m].
    """

    name: str
    conductivity: float
    heat_capacity: float
    perfusion: float
    electric: float
    microwave: float


def materials_table(parameters: Mapping[str, float]) -> tuple[Material, ...]:
    """Materials in the order of their codes, without the first (tissue): code ``k`` is row ``k - 1``."""
    return tuple(
        Material(
            name,
            parameters[f"organs.{name}_conductivity"],
            parameters[f"organs.{name}_heat_capacity"],
            parameters[f"organs.{name}_perfusion"] if name in _PERFUSED else 0.0,
            parameters[f"organs.{name}_electric"],
            parameters[f"organs.{name}_electric_2450"],
        )
        for name in MATERIALS[1:]
    )


def fluid_now(state: State, parameters: Mapping[str, float], at: int | None = None) -> Floats:
    """Thickness of the layers at a time [m], (organs, 4) by `tumorsim.state.ORGANS` and `tumorsim.state.FLUIDS`.

    Parameters
    ----------
    at : int, optional
        [s]; default the state's own time, which is the beginning of a step. Not before fluid was last given.
    """
    passed = (state.now if at is None else at) - state.fluid_at
    left = np.exp2(-np.maximum(passed, 0) / parameters["hydrodissection.half_life"])
    return np.asarray(state.fluid * left[:, None])


def materials(organs: Organs, fluid: Floats | None, parameters: Mapping[str, float]) -> NDArray[np.uint8]:
    """Material of every site, uint8 [site], for layers of fluid (organs, 4) [m]."""
    code = organs.codes(fluid)
    table = np.zeros(256, dtype=np.uint8)
    for number, name in enumerate(ORGANS):
        table[WALL + number] = MATERIALS.index("muscle" if name == "diaphragm" else "wall")
        table[CONTENT + number] = MATERIALS.index(_HELD[name])
    for here, name in ((BEYOND, "fat"), (SALINE, "saline"), (DEXTROSE, "dextrose")):
        table[here] = MATERIALS.index(name)
    found = table[code]
    for organ in organs.each:
        if organ.name not in _GASSY:
            continue
        inside = np.flatnonzero(code == CONTENT + organ.number)
        if len(inside):  # gas rises to the front of who lies on the back
            now = organ.body.moved(float(fluid[organ.number, :2].sum()) if fluid is not None else 0.0)
            level = now.centre[1] + (now.extent(1) - organ.wall) * (2.0 * parameters["organs.gas"] - 1.0)
            found[inside[organs.lattice.centres(inside)[:, 1] < level]] = MATERIALS.index("gas")
    return found


def materials_of(patient: Any, state: State, at: int | None = None) -> NDArray[np.uint8]:
    """Material of every site now, uint8 [site], index into `MATERIALS`; 0 is liver and tumour.

    Parameters
    ----------
    patient : tumorsim.patient.Patient
    at : int, optional
        Time [s], as `fluid_now`.
    """
    return materials(patient.anatomy.organs, fluid_now(state, patient.parameters, at), patient.parameters)
