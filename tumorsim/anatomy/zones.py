"""Zones: where in the anatomy a residue sits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tumorsim.anatomy.build import Anatomy
from tumorsim.anatomy.capsule import FIRST_SATELLITE, OUTSIDE, THROMBUS
from tumorsim.lattice import Lattice

ZONES = ("thrombus", "satellite", "capsule or septum", "margin", "rim", "core", "beyond")
"""Names in the order in which the first that fits is taken; "beyond" is outside the target."""
RIM = 5e-3  # m; by definition: the outer 5 mm of the baseline tumour


def zone_of_sites(
    anatomy: Anatomy,
    lattice: Lattice,
    sites: NDArray[np.int64],
    compartment: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Zone of each site as an index into ``ZONES``, (n,) uint8.

    Zones are those of the baseline: a cell that grew across the old border is in the margin.

    Parameters
    ----------
    anatomy : Anatomy
        The baseline.
    lattice : Lattice
        The anatomy's own.
    sites : (n,) int64
        Sites to judge.
    compartment : [site] uint8, optional
        Compartments as they are now, for thrombus, satellites and septa that have grown; the baseline's by default.

    Raises
    ------
    ValueError
        Where the lattice is not the one of the anatomy.
    """
    if lattice != anatomy.lattice:
        raise ValueError("zone_of_sites: this lattice is not the one the anatomy was built on")
    sites = np.asarray(sites, dtype=np.int64)
    labels = (anatomy.compartment if compartment is None else compartment)[sites]
    depth = anatomy.depth[sites]
    rules = (  # in the order of ZONES
        labels == THROMBUS,
        (labels >= FIRST_SATELLITE) & (labels < OUTSIDE),
        anatomy.near_capsule_or_septum(sites, compartment),
        anatomy.target[sites] & (depth <= 0),
        (depth > 0) & (depth <= RIM),
        depth > RIM,
    )
    return np.select(rules, [np.uint8(n) for n in range(6)], np.uint8(6))
