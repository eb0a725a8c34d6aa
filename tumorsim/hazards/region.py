"""How sensitivity varies from place to place in a tumour: a random field, known to a site as its average.

The field is lognormal with mean one: ``B(x) = exp(s X(x) - s^2/2)`` of a Gaussian field X with the
correlation ``exp(-(d/L)^2)`` at a distance d, so L is where it has fallen to 1/e. X is white noise on a fixed
physical grid of pitch L/5, smoothed by a Gaussian kernel. Every number of the noise is drawn for its place
[grid], never for a site: lattices of any spacing see the same patient, each averaged over its own sites.

The variance of the average over a site is known exactly, not estimated: with site weights w over the grid,

    var = sum_ab w_a w_b (exp(s^2 r_ab) - 1) = sum_k s^(2k)/k! prod_axes (w' R^k w),

since the powers of the grid's correlation r are products over the axes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorsim.chance import Purpose, normals
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice

PITCH = 0.2  # grid pitch in correlation lengths
_REACH = 10  # of the kernel, in pitches: four of its standard deviations of L/2
_MOST = 30_000_000  # grid points; a field of that many takes 0.25 GB a trait
_OFFSET, _BITS = 1 << 20, 21
_TERMS = 40  # of the series of exp: s^2 is below 2 wherever a coefficient of variation is below 2.5


def _kernel() -> NDArray[np.float64]:
    x = np.arange(-_REACH, _REACH + 1) * PITCH
    kernel = np.exp(-2.0 * x**2)  # its correlation with itself is exp(-x^2)
    return kernel / math.sqrt((kernel**2).sum())


def _correlation() -> NDArray[np.float64]:
    """Correlation of X along an axis at 0, 1, 2... pitches, of the kernel as it is cut off."""
    kernel = _kernel()
    return np.array([(kernel[lag:] * kernel[: kernel.size - lag]).sum() for lag in range(kernel.size)])


class Region:
    """The grid of one lattice: averages over its sites, and their variance.

    Parameters
    ----------
    lattice : Lattice
        Centred on the origin, which is the middle of a grid cell.
    length : float
        Correlation length [m].

    Raises
    ------
    InputError
        Where the length is not positive or so short that the grid would be too large.
    """

    def __init__(self, lattice: Lattice, length: float) -> None:
        if not 0.0 < length < math.inf:
            raise InputError(f"parameters.traits.correlation_length: must be a positive length, got {length:g} m")
        self.lattice, self.pitch = lattice, PITCH * length
        points = math.prod(size / self.pitch + 2 * _REACH + 2 for size in lattice.size)
        if points > _MOST:
            least = (max(lattice.size) / (_MOST ** (1 / 3) - 2 * _REACH - 2)) / PITCH
            raise InputError(
                f"parameters.traits.correlation_length: {length * 1e3:g} mm is too short for this box; "
                f"allowed from about {least * 1e3:.2g} mm"
            )
        self._axes = [self._overlap(n) for n in lattice.shape]

    def _overlap(self, n: int) -> tuple[int, NDArray[np.int64], NDArray[np.float64]]:
        """Along one axis: the lowest grid index, and which grid points (from it) each site covers by what share."""
        edges = (np.arange(n + 1) - n / 2.0) * (self.lattice.spacing / self.pitch) + 0.5
        first = np.floor(edges[:-1]).astype(np.int64)
        most = int((np.ceil(edges[1:]) - first).max())
        index = first[:, None] + np.arange(most)
        inside = np.minimum(edges[1:, None], index + 1) - np.maximum(edges[:-1, None], index)
        share = np.maximum(inside, 0.0)
        return int(first[0]), index - first[0], share / share.sum(axis=1, keepdims=True)

    def normal(self, seed: int, patient: int, trait: int) -> NDArray[np.float64]:
        """X on the grid, mean 0 and variance 1, independent between traits: (gx, gy, gz)."""
        low = [lowest - _REACH for lowest, _, _ in self._axes]
        high = [lowest + int(index.max()) + _REACH + 1 for lowest, index, _ in self._axes]
        i, j, k = (np.arange(a, b, dtype=np.int64) + _OFFSET for a, b in zip(low, high, strict=True))
        places = (i[:, None, None] << 2 * _BITS) | (j[:, None] << _BITS) | k
        field = normals(seed, patient, Purpose.TRAIT_REGION, places, slot=trait).reshape(places.shape)
        for axis in range(3):
            field = ndimage.correlate1d(field, _kernel(), axis=axis, mode="constant")
            field = np.take(field, np.arange(_REACH, field.shape[axis] - _REACH), axis=axis)
        return field

    def averages(self, field: NDArray[np.float64]) -> NDArray[np.float64]:
        """Averages over all sites of a field on the grid: (gx, gy, gz) -> (sites,)."""
        for axis, (_, index, share) in enumerate(self._axes):
            shape = [1, 1, 1]
            shape[axis] = -1
            parts = [np.take(field, index[:, c], axis=axis) * share[:, c].reshape(shape) for c in range(index.shape[1])]
            field = sum(parts[1:], start=parts[0])
        return field.reshape(-1)

    def variance(self, variance: float) -> float:
        """Variance of a site's average of B, mean over the sites, where B has the given variance at a point."""
        s2 = math.log1p(variance)
        lags = _correlation()
        total, factor = 0.0, 1.0
        for k in range(1, _TERMS):
            factor *= s2 / k
            total += factor * math.prod(_mean_form(lags**k, index, share) for _, index, share in self._axes)
        return total


def _mean_form(correlation: NDArray[np.float64], index: NDArray[np.int64], share: NDArray[np.float64]) -> float:
    """Mean over the sites of an axis of w' R w."""
    covered = index.shape[1]
    apart = np.abs(np.arange(covered)[:, None] - np.arange(covered))
    r = np.where(apart < correlation.size, correlation[np.minimum(apart, correlation.size - 1)], 0.0)
    return float(((share[:, :, None] * r).sum(axis=1) * share).sum(axis=1).mean())


def triangle(matrix: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Lower triangle that turns independent normals into correlated ones (Cholesky): (t, t).

    Raises
    ------
    InputError
        Where no normals can be correlated so.
    """
    try:
        lower: NDArray[Any] = np.linalg.cholesky(np.asarray(matrix, dtype=np.float64))
    except np.linalg.LinAlgError:
        raise InputError(
            "parameters.traits.correlation_...: no three quantities can be correlated so; bring them nearer to 0"
        ) from None
    return lower
