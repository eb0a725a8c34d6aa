"""What iodised oil between a source and a site takes from its photons, along straight rays; off unless asked for.

Dose tables are for water. Along a ray through sites of which oil fills the share f, the photons of I-125, below the
K edge of iodine at 33.17 keV, are weakened beyond that by

    exp(-excess x integral of f dl),    excess = c mu_I + (rho - c) mu_ester - mu_water

with c the iodine in a volume of oil and rho the oil's density (coefficients: NIST, Hubbell and Seltzer 2004). The
ray is followed from face to face of the sites (Siddon 1985, Med Phys 12:252), so a block of even oil is exact.

This is the narrow beam alone: photons scattered into the site are not added, so the loss is an upper bound; nor is
what iodine absorbs beside it given to the cells there, which would raise their dose.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim._jit import chunked, njit
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice

Floats = NDArray[np.float64]


def excess_attenuation(parameters: Mapping[str, float]) -> float:
    """What pure iodised oil attenuates more than water [1/m], by the rows ``radiation.oil_*`` and ``absorption_*``."""
    iodine = parameters["radiation.oil_iodine"]
    ester = parameters["radiation.oil_density"] - iodine
    return (
        iodine * parameters["radiation.absorption_iodine"]
        + ester * parameters["radiation.absorption_ester"]
        - parameters["radiation.absorption_water"]
    )


def transmission(
    source: ArrayLike,
    sites: NDArray[np.int64],
    oil_fraction: Floats,
    lattice: Lattice,
    excess: float,
    threads: int = 1,
) -> Floats:
    """Factor on the dose that one source gives the centres of some sites.

    Parameters
    ----------
    source : array, shape (3,)
        Its centre in the lattice's coordinates [m]; it may lie outside, where there is no oil.
    sites : int64, shape (n,)
    oil_fraction : float64, shape (n_sites,)
        Share of each site's volume that is iodised oil [-].
    lattice : Lattice
    excess : float
        See `excess_attenuation` [1/m].
    threads : int
        Does not change a bit.

    Returns
    -------
    float64, shape (n,)
        1 where no oil lies between, less elsewhere.

    Raises
    ------
    InputError
        Where the source is no point, shapes differ, a share lies outside 0 to 1 or ``excess`` is negative.
    """
    at = np.asarray(source, dtype=np.float64)
    problems = []
    if at.shape != (3,) or not np.isfinite(at).all():
        problems.append(f"attenuation: a source lies at three lengths, got {at.tolist()} m")
    if oil_fraction.shape != (lattice.n_sites,):
        problems.append(f"attenuation: {oil_fraction.shape} shares of oil do not fit {lattice.n_sites} sites")
    elif not np.all((oil_fraction >= 0.0) & (oil_fraction <= 1.0)):
        problems.append("attenuation: shares of oil must lie between 0 and 1")
    if not 0.0 <= excess < math.inf:
        problems.append(f"attenuation: the excess over water must be 0 or more, got {excess:g} 1/m")
    if problems:
        raise InputError(problems)
    found = np.ones(len(sites))
    oily = np.argwhere(oil_fraction.reshape(lattice.shape) > 0.0)
    if len(oily) == 0 or excess == 0.0:
        return found
    low, high = oily.min(axis=0).astype(np.float64), oily.max(axis=0) + 1.0  # rays need be followed only in here
    start = at / lattice.spacing + 0.5 * np.array(lattice.shape)  # in sites, from the lattice's corner
    chunked(
        _transmission, len(sites), threads, sites, start, np.array(lattice.shape, dtype=np.int64), low, high,
        np.ascontiguousarray(oil_fraction, dtype=np.float64), excess * lattice.spacing, found,
    )  # fmt: skip
    return found


@njit
def _transmission(lo, hi, sites, start, shape, low, high, oil, excess, found):  # type: ignore[no-untyped-def]
    end = np.empty(3)
    for n in range(lo, hi):
        site = sites[n]
        end[0] = site // (shape[1] * shape[2]) + 0.5
        end[1] = site // shape[2] % shape[1] + 0.5
        end[2] = site % shape[2] + 0.5
        found[n] = math.exp(-excess * oil_along(start, end, shape, low, high, oil))


@njit
def oil_along(start: Any, end: Any, shape: Any, low: Any, high: Any, oil: Any) -> float:
    """Integral of the share of oil along a straight ray, in edges of a site.

    Parameters
    ----------
    start, end : float64, shape (3,)
        In sites, from the lattice's corner.
    shape : int64, shape (3,)
    low, high : float64, shape (3,)
        Box of whole sites outside which there is no oil.
    oil : float64, shape (n_sites,)
    """
    # the part of the ray, as shares of it, that lies in the box
    first, last, length = 0.0, 1.0, 0.0
    for k in range(3):
        way = end[k] - start[k]
        length += way * way
        if way == 0.0:
            if not low[k] <= start[k] < high[k]:
                return 0.0
        else:
            one, other = (low[k] - start[k]) / way, (high[k] - start[k]) / way
            first, last = max(first, min(one, other)), min(last, max(one, other))
    if last <= first:
        return 0.0
    cell = np.empty(3, dtype=np.int64)
    face, stride = np.empty(3), np.empty(3)  # where the ray next crosses a face of each axis, and their distance
    for k in range(3):
        way = end[k] - start[k]
        here = start[k] + first * way
        cell[k] = math.floor(here) if way >= 0.0 else math.ceil(here) - 1
        cell[k] = min(max(cell[k], int(low[k])), int(high[k]) - 1)  # rounding at the box's faces
        face[k] = stride[k] = math.inf
        if way != 0.0:
            stride[k] = abs(1.0 / way)
            face[k] = (cell[k] + (1.0 if way > 0.0 else 0.0) - start[k]) / way
    total, now = 0.0, first
    while True:
        axis = 0
        for k in range(1, 3):
            if face[k] < face[axis]:
                axis = k
        then = min(face[axis], last)
        if then > now:
            total += (then - now) * oil[(cell[0] * shape[1] + cell[1]) * shape[2] + cell[2]]
            now = then
        if face[axis] >= last:
            return total * math.sqrt(length)
        face[axis] += stride[axis]
        cell[axis] += 1 if end[axis] > start[axis] else -1
        if cell[axis] < low[axis] or cell[axis] >= high[axis]:
            return total * math.sqrt(length)
