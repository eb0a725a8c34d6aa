"""Absorbed power of needles on the lattice: each source's density, integrated over every site.

A source says how one watt that reaches tissue is spread around a needle (`Source`); a `Needle` says where it
lies. `deposit` integrates the one over the sites around the other: what all sites get together is the share that
is absorbed inside the box, at any spacing, place and direction. Powers of several needles add: microwave
generators are not locked in phase to each other, so their fields are incoherent and only their powers sum.
Electrodes of *one* radiofrequency cluster are at one potential; their fields sum inside their source.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim._jit import chunked
from tumorsim.errors import InputError
from tumorsim.fields.heat_sink import across
from tumorsim.lattice import Lattice
from tumorsim.treatments.thermal import sar_kernels as kernels

Floats = NDArray[np.float64]

_CORE_STEP = 0.2  # of the core's radius, that rings within it are apart at most


@dataclass(frozen=True)
class Needle:
    """Where a needle lies.

    Parameters
    ----------
    point : (3,) floats
        Middle of its active part in the lattice's coordinates [m].
    direction : (3,) floats
        From there towards its tip; any length but 0.

    Raises
    ------
    InputError
        Where a number is not finite or the direction has no length.
    """

    point: tuple[float, float, float]
    direction: tuple[float, float, float] = (0.0, 0.0, 1.0)

    def __post_init__(self) -> None:
        point = tuple(float(x) for x in self.point)
        way = np.asarray(self.direction, dtype=np.float64)
        length = float(np.linalg.norm(way)) if way.shape == (3,) else math.nan
        problems = []
        if len(point) != 3 or not all(math.isfinite(x) for x in point):
            problems.append(f"needle: its point must be three finite lengths [m], got {self.point}")
        if not 0.0 < length < math.inf:
            problems.append(f"needle: its direction must be three numbers that are not all 0, got {self.direction}")
        if problems:
            raise InputError(problems)
        object.__setattr__(self, "point", point)
        object.__setattr__(self, "direction", tuple((way / length).tolist()))

    @property
    def frame(self) -> Floats:
        """The needle's x, y and z as rows, in the lattice's coordinates, (3, 3); z towards the tip."""
        z = np.array(self.direction)
        x, _ = across(z)
        return np.stack([x, np.cross(z, x), z])

    def moved(self, back: float) -> Needle:
        """The needle drawn back along itself by so much [m]."""
        here, way = np.array(self.point), np.array(self.direction)
        return Needle(tuple((here - back * way).tolist()), self.direction)


def pull_back(needle: Needle, step: float, count: int) -> list[Needle]:
    """Points along one track: the needle, then drawn back ``step`` [m] at a time, ``count`` places in all.

    Raises
    ------
    InputError
        Where the step is not positive, or there is no place.
    """
    problems = []
    if not 0.0 < step < math.inf:
        problems.append(f"pull-back: the step must be a positive length, got {step} m")
    if count < 1:
        problems.append(f"pull-back: at least one place is due, got {count}")
    if problems:
        raise InputError(problems)
    return [needle.moved(k * step) for k in range(count)]


class Source(ABC):
    """How one watt absorbed by tissue is spread around a needle; see `sar_kernels.density`.

    Attributes
    ----------
    kind : int
        Which density.
    efficiency : float
        Share of the generator's power that tissue absorbs.
    """

    kind: int
    efficiency: float

    @property
    @abstractmethod
    def numbers(self) -> Floats:
        """What the density needs, (n,)."""

    @property
    @abstractmethod
    def table(self) -> Floats:
        """What else it needs, two-dimensional."""

    @property
    def axes(self) -> Floats:
        """Where its axes cross the needle's plane z = 0 [m], (n, 2)."""
        return np.zeros((1, 2))

    @property
    @abstractmethod
    def half(self) -> float:
        """Half the length of an axis [m]."""

    @property
    @abstractmethod
    def core(self) -> float:
        """Distance from an axis within which the density changes fast whatever the spacing [m]."""

    @property
    @abstractmethod
    def scale(self) -> float:
        """Length on which the density changes far away [m]."""

    def rings(self, step: float, outer: float) -> Floats:
        """Rings that fill all within ``outer`` [m] of an axis, ``step`` [m] apart: radius, z and volume, (m, 3)."""
        # the density falls as 1/r, and within a core of the ends: finer there than the sites ask for
        edges = [min(step, _CORE_STEP * self.core)]
        while edges[-1] < outer:
            edges.append(edges[-1] + min(step, max(_CORE_STEP * edges[-1], edges[0])))
        r_edges = np.unique([0.0, *edges, self.core])  # an edge where the density jumps
        middle = 0.5 * (r_edges[1:] + r_edges[:-1])  # exact for a density that falls as 1/r
        area = math.pi * np.diff(r_edges**2)
        reach = self.half + outer
        z_step = min(step, _CORE_STEP * self.core)
        count = math.ceil(2.0 * reach / z_step)
        turn = kernels.GOLDEN * np.arange(len(area)) % 1.0
        z = ((np.arange(count) + turn[:, None]) / count * 2.0 - 1.0) * reach
        return np.column_stack([np.repeat(middle, count), z.ravel(), np.repeat(area * 2.0 * reach / count, count)])

    def density(self, places: ArrayLike) -> Floats:
        """Power density per watt absorbed [1/m3] at places in the needle's frame [m], (n, 3) -> (n,)."""
        where = np.ascontiguousarray(np.atleast_2d(places), dtype=np.float64)
        out = np.empty(len(where))
        kernels.densities(self.kind, self.numbers, self.table, where, out)
        return out


def deposit(source: Source, needle: Needle, lattice: Lattice, threads: int = 1) -> Floats:
    """Power that every site absorbs, per watt absorbed by tissue.

    Parameters
    ----------
    source : Source
    needle : Needle
    lattice : Lattice
        At least 2 sites wide in every direction.
    threads : int

    Returns
    -------
    float64, shape (n_sites,)
        [1/m3]; its sum times the volume of a site is the share absorbed inside the box.

    Raises
    ------
    InputError
        For a needle whose point lies outside the box, or a box that is a slab.
    """
    if lattice.is_slab:
        raise InputError("needle: a slab has no room for a needle; use a box")
    if lattice.locate(needle.point) < 0:
        at = ", ".join(f"{1e3 * x:.4g}" for x in needle.point)
        sides = " x ".join(f"{1e3 * x:.4g}" for x in lattice.size)
        raise InputError(f"needle: its active part at ({at}) mm lies outside the box of {sides} mm about the origin")
    power = np.zeros(lattice.n_sites)
    inner = source.core + kernels.NEAR_FROM * lattice.spacing
    outer = source.core + kernels.NEAR_TO * lattice.spacing
    what = (source.kind, source.numbers, source.table, source.axes, source.half)
    where = (np.array(needle.point), needle.frame, lattice.spacing, np.array(lattice.shape), power)
    rings = source.rings(lattice.spacing / kernels.FINE, outer)
    kernels.add_near(*what, rings, inner, outer, *where)
    chunked(kernels.add_far, lattice.n_sites, threads, *what, source.scale, inner, outer, *where)
    return power


def heating(parts: Iterable[tuple[Source, Needle, float]], lattice: Lattice, threads: int = 1) -> Floats:
    """Absorbed power of several needles at once [W/m3], (n_sites,): their powers add.

    Parameters
    ----------
    parts : iterable of (Source, Needle, float)
        The power is the generator's [W]; tissue absorbs ``source.efficiency`` of it.
    lattice : Lattice
    threads : int

    Raises
    ------
    InputError
        Where a power is not positive, or as `deposit`; all at once.
    """
    problems: list[str] = []
    total = np.zeros(lattice.n_sites)
    for number, (source, needle, power) in enumerate(parts, 1):
        if not 0.0 < power < math.inf:
            problems.append(f"needle {number}: its power must be positive, got {power} W")
            continue
        try:
            total += source.efficiency * power * deposit(source, needle, lattice, threads)
        except InputError as error:
            problems += [f"needle {number}: {line.removeprefix('needle: ')}" for line in error.problems]
    if problems:
        raise InputError(problems)
    return total
