"""A wide vein that passes the tumour: a straight tube in the liver, whose lumen is no tissue.

A branch of a hepatic vein, with blood from the rest of the liver. It supplies and drains nothing near the tumour; it
is there because it cools, because no needle may cross it, and because no cell can live in its blood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy.organ_place import border_of
from tumorsim.anatomy.organ_shapes import Body, first_touch
from tumorsim.anatomy.spec import TumourSpec
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

SIDE = (1.0, 0.0, 0.0)  # towards the caval vein; needles come from the other side
BEYOND = 40e-3  # m that it runs on past the box at both ends: farther than a session of heat reaches; schematic


@dataclass(frozen=True)
class VeinSpec:
    """A vein as asked for: bore [m], ``distance`` from the tumour's border to its wall [m], ``side`` (unit vector)."""

    diameter: float
    distance: float
    side: tuple[float, float, float] = SIDE


@dataclass(frozen=True, eq=False)
class PassingVein:
    """The vein in its place.

    ``start`` and ``end`` (3,) are the ends of its axis [m], in the direction of flow; ``lumen`` (sites,) bool are
    the sites whose middle lies in its blood.
    """

    spec: VeinSpec
    start: Floats
    end: Floats
    lumen: Mask


def axis_of(spec: VeinSpec, border: Floats) -> Body:
    """The vein as a tube without ends, at its distance from a tumour's border (n, 3) [m]."""
    radius = 0.5 * spec.diameter
    found = first_touch(Body("tube", spec.side, (radius, radius, radius)), border, spec.distance)
    assert found is not None  # a tube goes past any tumour
    return found


def vein_problem(spec: VeinSpec, border: Floats, size: Sequence[float]) -> str | None:
    """Why the vein cannot lie in a box of a size [m] that is centred on the tumour; None where it can."""
    tube = axis_of(spec, border)
    far = tube.near + spec.diameter
    beyond = [k for k in range(3) if abs(far * spec.side[k]) > 0.5 * size[k]]
    if not beyond:
        return None
    half = 1e3 * abs(far * spec.side[beyond[0]])
    return (
        f"its far wall lies {half:.4g} mm from the middle, outside the box ({1e3 * size[beyond[0]]:.4g} mm wide). "
        "Use a larger tissue.size, or auto"
    )


def place_vein(
    spec: VeinSpec, tumour: TumourSpec, border: NDArray[Any] | None, sites: Mask, lattice: Lattice
) -> PassingVein:
    """The vein at its distance from the tumour.

    Parameters
    ----------
    border : (n, 3) float or None
        Points of the border [m] of a drawn tumour or of one from an image; None for a sphere or an ellipsoid.
    sites : array of bool, shape (n_sites,)
        Of the tumour, which keeps the sites that the wall cuts.

    Raises
    ------
    InputError
        Where it would lie outside the box.
    """
    points = border_of(tumour, [spec.side]) if border is None else np.asarray(border, dtype=np.float64)
    wrong = vein_problem(spec, points, lattice.size)
    if wrong is not None:
        raise InputError(f"vessels.vein: {wrong}")
    tube = axis_of(spec, points)
    way = tube.frame[1] if tube.frame[1].sum() > 0.0 else -tube.frame[1]  # to the head, as hepatic veins run
    half = 0.5 * float(np.linalg.norm(np.array(lattice.size) * way)) + BEYOND
    lumen = np.asarray(tube.depth(lattice.centres()) > 0.0) & ~sites
    return PassingVein(spec, tube.centre - half * way, tube.centre + half * way, lumen)


def vein_reach(spec: VeinSpec, tumour: TumourSpec) -> float:
    """Half the edge of a box that holds the vein and a little liver behind it [m]; tumours as at the start."""
    side = np.array(spec.side)
    half = np.array(tumour.reach)
    support = np.linalg.norm(half * side) if tumour.form is None else half @ np.abs(side)
    return float((support + spec.distance + 1.5 * spec.diameter) * np.abs(side).max())
