"""Dose rate of many permanent seeds on the lattice: the mean over each site.

The mean, not the value in the middle: near a seed the dose rate falls as one over the square of the distance, and a
site of 2 mm there must hold what its eight sites of 1 mm hold together. Sites within two edges of an active line are
taken at many points, those within six at the eight of Gauss's rule, each by the formalism itself. Farther away a
chart of r^2 times the dose rate over r and angle is read, which is smooth, and the mean over the cube follows from
the fall of 1/r^2. Where a capsule fills part of a site the rate in the capsule is that on its surface
(`SeedSource`), so nothing is infinite; `in_capsule` says which sites hold no tissue.

All dose rates are those at the moment the seeds have their strength; from then on they fall as exp(-lambda t).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim._jit import chunked
from tumorsim._jit import spread as spread_rows
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.parameters import Parameters, load_parameters
from tumorsim.treatments.seeds import kernels
from tumorsim.treatments.seeds.source import SeedSource

Floats = NDArray[np.float64]

CM = 1e-2  # m
GY_PER_S = 1.0 / 100.0 / 3600.0  # of a cGy/h
FINE, COARSE, SPLIT = 0.01, 0.05, 2.0  # cm between the radii of a chart, up to SPLIT and beyond
STEP = 2.5  # degrees between its angles at most; the angles of the table are among them
CELLS = 2048  # of the way from the angle measure to the column
LEAST_POINTS, POINT_STEP = 8, 0.02  # points a side of a site close to a seed: at least, and cm between them


@dataclass(frozen=True, eq=False)
class Seeds:
    """Seeds that lie in the tissue, all of one kind.

    Parameters
    ----------
    points : (n, 3) floats
        Their middles in the lattice's coordinates [m].
    directions : (n, 3) floats
        From the middle towards the tip (theta 0 of the table); any length but 0. One of shape (3,) is that of all.
    strengths : (n,) floats, or one for all
        Air-kerma strength [U] at the moment they are put in.

    Raises
    ------
    InputError
        Where shapes do not match, a number is not finite, a direction has no length or a strength is negative.
    """

    points: Floats
    directions: Floats
    strengths: Floats

    def __init__(self, points: ArrayLike, directions: ArrayLike, strengths: ArrayLike) -> None:
        places = np.asarray(points, dtype=np.float64)
        places = places.reshape(0, 3) if places.size == 0 else places
        n = len(places) if places.ndim == 2 else 0
        problems = []
        if places.ndim != 2 or places.shape[1:] != (3,) or not np.isfinite(places).all():
            problems.append(f"seeds: finite places of shape (n, 3) [m] are due, got an array of {places.shape}")
        ways = np.asarray(directions, dtype=np.float64)
        if ways.shape not in ((3,), (n, 3)) or not np.isfinite(ways).all():
            problems.append(f"seeds: a direction for each of {n}, or one for all, is due; got {ways.shape}")
        else:
            ways = np.broadcast_to(ways, (n, 3))
            length = np.linalg.norm(ways, axis=1)
            if not (length > 0.0).all():
                problems.append(f"seeds: direction {int(np.argmin(length)) + 1} has no length")
        strong = np.asarray(strengths, dtype=np.float64)
        if strong.shape not in ((), (n,)) or not np.isfinite(strong).all() or (strong < 0.0).any():
            problems.append(f"seeds: a strength of 0 U or more for each of {n}, or one for all, is due")
        if problems:
            raise InputError(problems)
        object.__setattr__(self, "points", np.ascontiguousarray(places))
        object.__setattr__(self, "directions", ways / length[:, None])
        object.__setattr__(self, "strengths", np.array(np.broadcast_to(strong, (n,))))

    def __len__(self) -> int:
        return len(self.points)

    @classmethod
    def along_track(
        cls, tip: ArrayLike, direction: ArrayLike, count: int, spacing: float, strengths: ArrayLike
    ) -> Seeds:
        """Seeds left by an applicator that is drawn back: the first at ``tip`` [m], then every ``spacing`` [m].

        Parameters
        ----------
        tip : (3,) floats
            Middle of the deepest seed.
        direction : (3,) floats
            Of the applicator, towards its tip; seeds lie along it.
        count : int
        spacing : float
            Between the middles of seeds.
        strengths : float or (count,)
            [U], the deepest first.

        Raises
        ------
        InputError
            As `Seeds`, and where the spacing is not positive or there is no seed.
        """
        problems = []
        if count < 1:
            problems.append(f"track: at least one seed is due, got {count}")
        if not 0.0 < spacing < math.inf:
            problems.append(f"track: the spacing must be a positive length, got {spacing} m")
        if problems:
            raise InputError(problems)
        one = cls(np.reshape(np.asarray(tip, dtype=np.float64), (1, -1)), direction, 1.0)
        back = np.arange(count)[:, None] * spacing
        return cls(one.points - back * one.directions, one.directions[0], strengths)

    @classmethod
    def joined(cls, parts: Sequence[Seeds]) -> Seeds:
        """All seeds of several groups, in their order."""
        if not parts:
            return cls(np.zeros((0, 3)), (0.0, 0.0, 1.0), 0.0)
        return cls(*(np.concatenate([getattr(p, a) for p in parts]) for a in ("points", "directions", "strengths")))


@dataclass(frozen=True, eq=False)
class Chart:
    """r^2 times the relative dose rate of a source, over radii and angles, as far as ``reach`` [cm]."""

    values: Floats  # (rows, columns)
    column: Floats  # (CELLS + 1,) column for the angle measure 0..2

    @classmethod
    def of(cls, source: SeedSource, reach: float) -> Chart:
        """The chart of a source; its table's angles are columns, so that bends of F stay where they are."""
        rows = [np.arange(round(SPLIT / FINE)) * FINE]
        rows += [SPLIT + COARSE * np.arange(max(2, math.ceil((reach - SPLIT) / COARSE) + 2))]
        theta = source.table.theta if source.is_2d and source.table.theta is not None else np.array([0.0, 90.0])
        if theta[-1] == 90.0:
            theta = np.concatenate([theta, 180.0 - theta[-2::-1]])
        parts = [np.linspace(a, b, math.ceil((b - a) / STEP), endpoint=False) for a, b in pairwise(theta)]
        angles = np.radians(np.concatenate([*parts, theta[-1:]]))
        radii = np.concatenate(rows)
        values = np.empty((len(radii), len(angles)))
        kernels.fill(values, radii, angles, *source.numbers)
        turn = np.linspace(0.0, 2.0, CELLS + 1)
        # turn = rho / (rho + |z|): tan theta = turn / (1 - turn), mirrored behind the seed
        front = np.minimum(turn, 2.0 - turn)
        ahead = np.arctan2(front, 1.0 - front)
        angle = np.where(turn <= 1.0, ahead, math.pi - ahead)
        return cls(values, np.interp(angle, angles, np.arange(len(angles), dtype=np.float64)))


def dose_rate(lattice: Lattice, source: SeedSource, seeds: Seeds, threads: int = 1, centre: bool = False) -> Floats:
    """Mean dose rate of each site when the seeds are put in; the same bits for any number of threads.

    Parameters
    ----------
    lattice : Lattice
    source : SeedSource
    seeds : Seeds
        In the lattice's coordinates, also outside its box.
    threads : int
    centre : bool
        The dose rate in the middle of each site instead, as histograms are made of.

    Returns
    -------
    float64, shape (n_sites,)
        [Gy/s]
    """
    out = np.zeros(lattice.n_sites)
    if len(seeds) == 0:
        return out
    nx, ny, nz = lattice.shape
    corner = lattice.centres([0])[0]
    edge = lattice.spacing / CM
    half = np.array(lattice.size) / 2.0
    reach = float(np.linalg.norm(np.abs(seeds.points) + half, axis=1).max()) / CM
    chart = Chart.of(source, reach)
    points = 1 if centre else max(LEAST_POINTS, math.ceil(edge / POINT_STEP))
    spread_rows(
        kernels.over_rows, nx * ny, threads, out, ny, nz, corner / CM, edge, points, seeds.points / CM,
        seeds.directions, _weights(source, seeds), chart.values, FINE, COARSE, SPLIT,
        chart.column, *source.numbers,
    )  # fmt: skip
    return out


def dose_rate_at(points: ArrayLike, source: SeedSource, seeds: Seeds, threads: int = 1) -> Floats:
    """Dose rate at points [m] of shape (n, 3), by the formalism itself: (n,) [Gy/s]."""
    places = np.asarray(points, dtype=np.float64)
    if places.ndim != 2 or places.shape[1] != 3 or not np.isfinite(places).all():
        raise InputError(f"points: finite places of shape (n, 3) [m] are due, got an array of {places.shape}")
    out = np.zeros(len(places))
    if len(seeds):
        chunked(
            kernels.at_points, len(places), threads, out, places / CM, seeds.points / CM, seeds.directions,
            _weights(source, seeds), *source.numbers,
        )  # fmt: skip
    return out


def total_dose(rate: Floats, source: SeedSource, seconds: float = math.inf) -> Floats:
    """Dose [Gy] within ``seconds`` of a dose rate [Gy/s] that decays from now on; for ever by default.

    Raises
    ------
    InputError
        Where the time is negative.
    """
    if not seconds >= 0.0:
        raise InputError(f"total dose: a time of 0 s or more is due, got {seconds} s")
    return rate * (-math.expm1(-source.decay_per_s * seconds) / source.decay_per_s)


def in_capsule(lattice: Lattice, seeds: Seeds, parameters: Parameters | None = None) -> NDArray[np.bool_]:
    """Sites whose centre lies in a capsule (``dose.capsule_radius``, ``dose.capsule_length``): bool (n_sites,)."""
    parameters = parameters or load_parameters()
    radius, half = parameters["dose.capsule_radius"], 0.5 * parameters["dose.capsule_length"]
    found = np.zeros(lattice.n_sites, dtype=np.bool_)
    span = math.ceil(math.hypot(radius, half) / lattice.spacing) + 1
    around = np.stack(np.meshgrid(*[np.arange(-span, span + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    shape = np.array(lattice.shape)
    for point, way in zip(seeds.points, seeds.directions, strict=True):
        ijk = np.floor(point / lattice.spacing + shape / 2.0).astype(np.int64) + around
        ijk = ijk[np.all((ijk >= 0) & (ijk < shape), axis=1)]
        sites = lattice.index(ijk[:, 0], ijk[:, 1], ijk[:, 2])
        away = lattice.centres(sites) - point
        along = away @ way
        beside = np.linalg.norm(away - along[:, None] * way, axis=1)
        found[sites[(np.abs(along) < half) & (beside < radius)]] = True
    return found


def half_width(lattice: Lattice, source: SeedSource, seeds: Seeds, mean: Floats, threads: int = 1) -> Floats:
    """How far the dose rate varies inside each site: half the width of an even distribution round the mean.

    What survives in a site is the mean of what survives at its points, far more than what survives the mean dose
    where it falls steeply. With doses spread evenly over mean - w to mean + w, an exponential law of survival gives
    exp(-a mean) sinh(a w) / (a w). A rate that is straight across a cube of edge h with the gradient k has the
    variance h^2 k^2 / 12, so w = h k / 2, with k from the logarithms of the neighbours. Beside a seed the rate bends
    and the lowest dose, which decides, is at a corner: w is never more than the mean is above the lowest corner.

    Parameters
    ----------
    lattice, source, seeds, threads
        As in `dose_rate`.
    mean : float64, shape (n_sites,)
        What `dose_rate` gave [Gy/s].

    Returns
    -------
    float64, shape (n_sites,)
        [Gy/s]; 0 or more, at most the mean. It decays with the mean.
    """
    rate = np.asarray(mean, dtype=np.float64)
    if not rate.any():
        return np.zeros(lattice.n_sites)
    nx, ny, nz = lattice.shape
    nodes = Lattice((nx + 1, ny + 1, nz + 1), lattice.spacing)
    least = dose_rate(nodes, source, seeds, threads, centre=True).reshape(nodes.shape)
    for axis in range(3):
        least = np.minimum(np.delete(least, -1, axis), np.delete(least, 0, axis))
    logarithm = np.log(rate).reshape(lattice.shape)
    square = np.zeros(lattice.shape)
    for axis in range(3):
        if lattice.shape[axis] > 1:
            slope: Floats = np.asarray(np.gradient(logarithm, axis=axis))
            square += slope**2
    return np.minimum(0.5 * rate * np.sqrt(square).reshape(-1), np.maximum(rate - least.reshape(-1), 0.0))


def _weights(source: SeedSource, seeds: Seeds) -> Floats:
    """Dose rate of each seed at 1 cm across [Gy/s]."""
    return seeds.strengths * (source.dose_rate_constant * GY_PER_S)
