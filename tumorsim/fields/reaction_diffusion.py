"""Steady oxygen in tissue: diffusion, Michaelis-Menten consumption, and exchange with vessels.

    D lap p - M living p / (p + Km) + supplied - exchange p = 0

on a lattice of cubic sites, with the 7-point stencil (second order in the spacing). The walls of the box, and
the faces to sites that are not ``inside``, are closed; sites of a fixed pressure hold it at their centre.
``exchange`` [1/s] and ``supplied`` [mmHg/s] are wall fluxes per site: with g (p_blood - p) they are g and
g p_blood. With Km = 0 consumption is of zero order and stops where p is 0 (a moving anoxic boundary).

Solved by red-black successive over-relaxation. A visit solves the site's own equation exactly: with the
neighbours held it is quadratic in p and has one root >= 0, so no pressure is ever negative. Each solution is
the minimum of a convex energy, and relaxation is done so that no visit can raise it: upwards the pressure is
overshot, downwards the slope of the energy (where consumption is linear both are the same). So the sweeps
converge from any start for any factor in (0, 2). The factor is found on the way (Hageman and Young 1981,
Applied Iterative Methods, chapter 9).

A sweep over one colour reads the other only, so the number of threads cannot change a bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from tumorsim._jit import chunked, njit
from tumorsim.errors import InputError
from tumorsim.fields.faces import neighbours
from tumorsim.lattice import Lattice

Floats = NDArray[np.float64]

TOLERANCE = 1e-4  # mmHg, of the true error
MOST_SWEEPS = 20_000
FIRST_FACTOR = 1.5
_WINDOW = 8  # sweeps over which the contraction is measured
_CLOSED, _FREE, _HELD = 0, 1, 2


@dataclass(frozen=True)
class Steady:
    """A steady field.

    Attributes
    ----------
    pressure : float64, shape (n_sites,)
        mmHg; 0 in sites that are not inside.
    error : float
        Bound on the largest distance to the exact solution of the equations of the lattice [mmHg]:
        largest change of the last sweep x rho / (1 - rho), rho the contraction of the sweeps.
    sweeps : int
    factor : float
        Relaxation factor in the end: a good start for the next solution.
    """

    pressure: Floats
    error: float
    sweeps: int
    factor: float


@njit
def own_root(diagonal: float, drive: float, consumption: float, half: float) -> float:
    """The p >= 0 with ``diagonal p + consumption p / (p + half) = drive`` (drive below 0: 0)."""
    if drive <= 0.0 or diagonal <= 0.0:
        return 0.0
    linear = diagonal * half + consumption - drive
    root = math.sqrt(linear * linear + 4.0 * diagonal * drive * half)
    if linear <= 0.0:
        return (root - linear) / (2.0 * diagonal)
    return 2.0 * drive * half / (root + linear)


@njit
def _sweep(  # type: ignore[no-untyped-def]
    lo, hi, colour, p, code, living, exchange, supplied, shape, rate, consumption, half, factor
):
    """One colour, in the rows along z that start in [lo, hi); largest change, and sum of squares of all."""
    nx, ny, nz = shape
    layer = ny * nz
    largest = total = 0.0
    for row in range((lo + nz - 1) // nz, (hi + nz - 1) // nz):
        i = row // ny
        j = row - i * ny
        begin = row * nz
        for k in range((colour + i + j) & 1, nz, 2):
            site = begin + k
            if code[site] != _FREE:
                continue
            drive = 0.0
            faces = 0
            if i > 0 and code[site - layer] != _CLOSED:
                drive += p[site - layer]
                faces += 1
            if i < nx - 1 and code[site + layer] != _CLOSED:
                drive += p[site + layer]
                faces += 1
            if j > 0 and code[site - nz] != _CLOSED:
                drive += p[site - nz]
                faces += 1
            if j < ny - 1 and code[site + nz] != _CLOSED:
                drive += p[site + nz]
                faces += 1
            if k > 0 and code[site - 1] != _CLOSED:
                drive += p[site - 1]
                faces += 1
            if k < nz - 1 and code[site + 1] != _CLOSED:
                drive += p[site + 1]
                faces += 1
            drive = rate * drive + supplied[site]
            diagonal = rate * faces + exchange[site]
            most = consumption * living[site]
            before = p[site]
            exact = own_root(diagonal, drive, most, half)
            if exact >= before:
                after = exact + (factor - 1.0) * (exact - before)
            else:
                taken = diagonal * before + most * before / (before + half)
                after = own_root(diagonal, factor * drive + (1.0 - factor) * taken, most, half)
            p[site] = after
            change = after - before
            largest = max(largest, abs(change))
            total += change * change
    return largest, total


@njit
def _residual(lo, hi, p, code, living, exchange, supplied, shape, rate, consumption, half, out):  # type: ignore[no-untyped-def]
    nx, ny, nz = shape
    for site in range(lo, hi):
        out[site] = 0.0
        if code[site] != _FREE:
            continue
        flux = supplied[site] - exchange[site] * p[site]
        for other in neighbours(site, nx, ny, nz):
            if other >= 0 and code[other] != _CLOSED:
                flux += rate * (p[other] - p[site])
        if p[site] > 0.0:
            flux -= consumption * living[site] * p[site] / (p[site] + half)
        elif half == 0.0:  # of zero order: what is not enough for full consumption is all consumed
            flux = max(0.0, flux - consumption * living[site])
        out[site] = flux


class ReactionDiffusion:
    """The equation on one lattice.

    Parameters
    ----------
    lattice : Lattice
    diffusivity : float
        m2/s.
    consumption : float
        M, at full density of living cells [mmHg/s].
    half_pressure : float
        Km [mmHg]; 0 for zero order.
    living : float, shape (n_sites,), optional
        Consumption over its full value, >= 0; default 1.
    exchange : float, shape (n_sites,), optional
        Wall conductance of the vessels in the site over its capacity for oxygen [1/s], >= 0; default 0.
    fixed : float, shape (n_sites,), optional
        Pressure [mmHg] of sites where it is given, nan in all others.
    inside : bool, shape (n_sites,), optional
        Sites that are part of the tissue; default all.

    Raises
    ------
    InputError
        For values out of range, or a piece of tissue whose pressure nothing determines.
    """

    def __init__(
        self,
        lattice: Lattice,
        diffusivity: float,
        consumption: float,
        half_pressure: float,
        *,
        living: ArrayLike | None = None,
        exchange: ArrayLike | None = None,
        fixed: ArrayLike | None = None,
        inside: ArrayLike | None = None,
    ) -> None:
        n = lattice.n_sites
        self.lattice = lattice
        self.living = _column("living", living, n, 1.0)
        self.exchange = _column("exchange", exchange, n, 0.0)
        self.fixed = np.full(n, np.nan) if fixed is None else np.array(fixed, dtype=np.float64).reshape(-1)
        within = np.ones(n, dtype=bool) if inside is None else np.asarray(inside, dtype=bool).reshape(-1)
        problems = []
        if len(self.fixed) != n or len(within) != n:
            problems.append(f"oxygen field: fixed and inside need {n} sites")
        elif np.any(np.isinf(self.fixed) | (self.fixed < 0.0)):
            problems.append("oxygen field: a fixed pressure is negative or infinite")
        for name, value, least in (("diffusivity", diffusivity, 1), ("consumption", consumption, 0),
                                   ("half pressure", half_pressure, 0)):  # fmt: skip
            if not (math.isfinite(value) and (value > 0.0 or value == 0.0 == least)):
                problems.append(f"oxygen field: {name} must be {'above' if least else 'at least'} 0, got {value}")
        if problems:
            raise InputError(problems)
        self.consumption, self.half = float(consumption), float(half_pressure)
        self.rate = float(diffusivity) / lattice.spacing**2
        held = ~np.isnan(self.fixed)
        self._code = np.where(within, np.where(held, _HELD, _FREE), _CLOSED).astype(np.uint8)
        self._check_determined(held & within)

    def _check_determined(self, held: NDArray[np.bool_]) -> None:
        """Every connected piece needs consumption, exchange or a fixed pressure somewhere."""
        label, count = ndimage.label(self._code.reshape(self.lattice.shape) != _CLOSED)
        bound = held | (self.exchange > 0.0) | (self.consumption * self.living > 0.0)
        loose = count - len(np.unique(label.reshape(-1)[bound & (self._code != _CLOSED)]))
        if loose:
            raise InputError(
                f"oxygen field: in {loose} of {count} connected pieces of tissue nothing determines the pressure: "
                "no consumption, no vessel and no fixed value"
            )

    def solve(
        self,
        supplied: ArrayLike | None = None,
        start: ArrayLike | None = None,
        *,
        tolerance: float = TOLERANCE,
        most_sweeps: int = MOST_SWEEPS,
        factor: float = FIRST_FACTOR,
        threads: int = 1,
    ) -> Steady:
        """The steady field.

        Parameters
        ----------
        supplied : float, shape (n_sites,), optional
            What vessels would bring to a site without oxygen [mmHg/s], >= 0; default 0.
        start : float, shape (n_sites,), optional
            A guess [mmHg], such as an earlier solution; default the highest pressure given anywhere.
        tolerance : float
            Largest true error that is good enough [mmHg].
        most_sweeps : int
        factor : float
            First relaxation factor, 1 to below 2; it is raised where the sweeps show that more is better.
        threads : int
            Does not change a bit.

        Raises
        ------
        InputError
            For values out of range.
        ArithmeticError
            Where the tolerance is not reached within `most_sweeps`.
        """
        n = self.lattice.n_sites
        source = _column("supplied", supplied, n, 0.0)
        if not (0.0 < tolerance < math.inf and 1.0 <= factor < 2.0):
            raise InputError(f"oxygen field: tolerance {tolerance} or factor {factor} is out of range")
        p = self._start(source) if start is None else _column("start", start, n, 0.0)
        held = self._code == _HELD
        p[held] = self.fixed[held]
        p[self._code == _CLOSED] = 0.0
        given = (p, self._code, self.living, self.exchange, source, self.lattice.shape, self.rate, self.consumption,
                 self.half)  # fmt: skip
        largest_factor = 2.0 / (1.0 + math.sin(math.pi / (2 * max(self.lattice.shape) + 1)))
        changes: list[float] = []  # largest ones since the factor was last set
        sizes: list[float] = []  # and root sums of squares
        largest = math.nan
        for sweep in range(1, most_sweeps + 1):
            parts = chunked(_sweep, n, threads, 0, *given, factor) + chunked(_sweep, n, threads, 1, *given, factor)
            largest = max((part[0] for part in parts), default=0.0)
            changes.append(largest)
            sizes.append(math.sqrt(math.fsum(part[1] for part in parts)))
            if largest == 0.0:
                return Steady(p, 0.0, sweep, factor)
            if len(changes) <= _WINDOW:
                continue
            rho = max((largest / changes[-1 - _WINDOW]) ** (1.0 / _WINDOW), factor - 1.0)
            if rho < 1.0 and largest * rho / (1.0 - rho) <= tolerance:
                return Steady(p, largest * rho / (1.0 - rho), sweep, factor)
            if len(sizes) <= 2 * _WINDOW:
                continue
            ratio, earlier = ((sizes[-1 - k] / sizes[-1 - k - _WINDOW]) ** (1.0 / _WINDOW) for k in (0, _WINDOW))
            better = min(_better_factor(factor, ratio, earlier), largest_factor)
            if better > factor:
                factor = better
                changes.clear()
                sizes.clear()
        raise ArithmeticError(
            f"oxygen field: not within {tolerance:g} mmHg after {most_sweeps} sweeps; the last changed "
            f"{largest:.3g} mmHg"
        )

    def _start(self, source: Floats) -> Floats:
        """Where nothing is known: the highest pressure that can be reached, everywhere."""
        top = float(np.nanmax(self.fixed, initial=0.0))
        open_wall = self.exchange > 0.0
        if open_wall.any():
            top = max(top, float((source[open_wall] / self.exchange[open_wall]).max()))
        return np.full(self.lattice.n_sites, top)

    def consumed(self, pressure: ArrayLike) -> Floats:
        """Consumption of every site at a pressure [mmHg/s], shape (n_sites,); 0 in fixed sites."""
        p = np.asarray(pressure, dtype=np.float64)
        share = np.divide(p, p + self.half, out=np.zeros_like(p), where=p > 0.0)
        return np.where(self._code == _FREE, self.consumption * self.living * share, 0.0)

    def residual(self, pressure: ArrayLike, supplied: ArrayLike | None = None, threads: int = 1) -> Floats:
        """What the equation of every site misses at a pressure [mmHg/s], shape (n_sites,)."""
        n = self.lattice.n_sites
        p, source = _column("pressure", pressure, n, 0.0), _column("supplied", supplied, n, 0.0)
        out = np.empty(n)
        chunked(_residual, n, threads, p, self._code, self.living, self.exchange, source, self.lattice.shape,
                self.rate, self.consumption, self.half, out)  # fmt: skip
        return out


def _better_factor(factor: float, ratio: float, earlier: float) -> float:
    """A larger relaxation factor where the sweeps contract steadily and more slowly than they could.

    For a factor below the best one the contraction r of the sweeps tells that of Jacobi's method,
    mu = (r + factor - 1) / (factor sqrt r), and the best factor is 2 / (1 + sqrt(1 - mu^2)) (Young 1954).
    """
    slow, steady = ratio > factor - 1.0 + 0.1 * (2.0 - factor), abs(ratio - earlier) < 0.1 * abs(1.0 - ratio)
    if not (slow and steady and 0.0 < ratio < 1.0):
        return factor
    mu = (ratio + factor - 1.0) / (factor * math.sqrt(ratio))
    if mu >= 1.0:
        return factor
    return 2.0 / (1.0 + math.sqrt(1.0 - mu * mu))


def _column(name: str, value: ArrayLike | None, n: int, default: float) -> Floats:
    if value is None:
        return np.full(n, default)
    column = np.array(value, dtype=np.float64).reshape(-1)
    if len(column) != n or not np.all((column >= 0.0) & np.isfinite(column)):
        raise InputError(f"oxygen field: {name} must be {n} numbers of at least 0")
    return column
