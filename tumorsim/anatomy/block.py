"""Blocks of one tissue: of tumour around the vessel of a cord or those of a network, of liver on a bench."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorsim.anatomy.build import Anatomy
from tumorsim.anatomy.capsule import FacePermeability, make_capsule
from tumorsim.anatomy.spec import TumourSpec
from tumorsim.anatomy.tumour import fill
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.state import LIVER, OUTSIDE


def cylinder(lattice: Lattice, radius: float) -> NDArray[np.bool_]:
    """Sites of a cylinder along z in the middle of a lattice, (n_sites,): as many as its volume holds."""
    x, y, _ = lattice.axes()
    depth = (radius - np.hypot(x[:, None], y[None, :])).reshape(-1)
    holds = round(np.pi * radius**2 / lattice.spacing**2)
    if not 1 <= holds <= len(depth):
        raise InputError(
            f"cord: a radius of {radius * 1e6:.4g} um does not fit sites of {lattice.spacing * 1e6:.4g} um"
        )
    across = np.zeros(len(depth), dtype=bool)
    across[fill(depth, np.arange(len(depth)), holds)] = True
    return np.repeat(across, lattice.shape[2])


def block(lattice: Lattice, cells: NDArray[np.bool_], spec: TumourSpec, parameters: Mapping[str, float]) -> Anatomy:
    """An anatomy in which ``cells`` (n_sites,) are tumour and everything else is no tissue.

    There is no liver, no capsule and no septum, and all of it is target; depth is the distance to the nearest site
    without cells, or to the wall of the box.

    Parameters
    ----------
    parameters : mapping of str to float
        The ``anatomy.*`` rows.

    Raises
    ------
    InputError
        Where no site is left for a cell.
    """
    if not cells.any():
        raise InputError("tissue: the vessels leave no room for a cell")
    grid = np.pad(cells.reshape(lattice.shape), 1)
    away = ndimage.distance_transform_edt(grid)[1:-1, 1:-1, 1:-1].reshape(-1)
    depth = np.where(cells, away - 0.5, -0.5) * lattice.spacing
    return _plain(lattice, np.where(cells, 1, OUTSIDE).astype(np.uint8), depth, cells, spec, parameters)


def liver_block(lattice: Lattice, spec: TumourSpec, parameters: Mapping[str, float]) -> Anatomy:
    """An anatomy of liver and nothing else: no tumour, no target; parameters as `block`."""
    none = np.zeros(lattice.n_sites, dtype=bool)
    depth = np.full(lattice.n_sites, -np.inf)
    return _plain(lattice, np.full(lattice.n_sites, LIVER, dtype=np.uint8), depth, none, spec, parameters)


def _plain(
    lattice: Lattice,
    compartment: NDArray[np.uint8],
    depth: NDArray[np.float64],
    tumour: NDArray[np.bool_],
    spec: TumourSpec,
    parameters: Mapping[str, float],
) -> Anatomy:
    """Without capsule, septa, satellites and thrombus; all tumour is target."""
    mark = np.zeros(lattice.n_sites, dtype=np.uint8)
    return Anatomy(
        lattice=lattice,
        spec=spec,
        compartment=compartment,
        depth=depth.astype(np.float32),
        tumour=tumour,
        target=tumour.copy(),
        thrombus=np.zeros(lattice.n_sites, dtype=bool),
        capsule_site=mark,
        satellites=(),
        septa=(),
        capsule=make_capsule("none", 0, 0, parameters, lattice.is_slab),
        permeability=FacePermeability(
            mark,
            parameters["anatomy.capsule_permeability"],
            parameters["anatomy.septum_permeability"],
            parameters["anatomy.vein_wall_permeability"],
        ),
        vein=None,
    )
