"""Large vessels as heat sinks: Nusselt numbers, and walls as conductances of sites towards blood.

Capillaries cool tissue everywhere (the perfusion term); a vessel of 3 mm or more is a pipe of its own that cools
through its wall, h = Nu k / D. In laminar flow Nu is 3.66 far from where heating begins, and higher before
(Hausen 1943),

    Nu = 3.66 + 0.0668 Gz / (1 + 0.04 Gz^(2/3)),    Gz = Re Pr D / L;

above Re 2300 the law of Dittus and Boelter (1930) for a fluid that is heated, Nu = 0.023 Re^0.8 Pr^0.4. No vessel
of the liver gets there.

Slow blood warms up on its way through the heated length L and cools less. Along a wall of one temperature the
wall gives on average (1 - exp(-N)) / N of what blood at its entry temperature would take, N = 4 Nu / Gz (number of
transfer units). This matters below some cm/s, and takes a vessel in which blood stands to no sink at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim._jit import njit
from tumorsim.errors import InputError
from tumorsim.lattice import Lattice
from tumorsim.vessels.graph import Kind, VesselGraph

Floats = NDArray[np.float64]

DEVELOPED = 3.66  # Nu in a round pipe with a wall of one temperature, far from the entry
TURBULENT_FROM = 2300.0  # Re

_STEP = 0.1  # of a site: rings along the wall, and points around it
_POINTS = 6  # along the edge of a site, that say how much of it is lumen


@dataclass(frozen=True)
class Blood:
    """Blood as a coolant.

    Attributes
    ----------
    density : float
        [kg/m3].
    viscosity : float
        [Pa s].
    specific_heat : float
        [J/kg/K].
    conductivity : float
        [W/m/K].
    """

    density: float
    viscosity: float
    specific_heat: float
    conductivity: float

    def __post_init__(self) -> None:
        wrong = [f"blood as a coolant: {name} must be positive, got {value}"
                 for name, value in vars(self).items() if not 0.0 < value < math.inf]  # fmt: skip
        if wrong:
            raise InputError(wrong)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, float]) -> Blood:
        """Blood of the parameter table."""
        return cls(
            density=parameters["heat.sink_blood_density"],
            viscosity=parameters["heat.sink_blood_viscosity"],
            specific_heat=parameters["heat.sink_blood_specific_heat"],
            conductivity=parameters["heat.sink_blood_conductivity"],
        )

    @property
    def prandtl(self) -> float:
        """Pr = c mu / k [-]."""
        return self.specific_heat * self.viscosity / self.conductivity

    def reynolds(self, diameter: ArrayLike, velocity: ArrayLike) -> Floats:
        """Re = rho v D / mu [-] for diameters [m] and mean velocities [m/s], any shape."""
        return np.asarray(self.density * np.abs(velocity) * np.asarray(diameter) / self.viscosity)

    def graetz(self, diameter: ArrayLike, velocity: ArrayLike, heated_length: float) -> Floats:
        """Gz = Re Pr D / L [-] for a heated length [m]."""
        return np.asarray(self.reynolds(diameter, velocity) * self.prandtl * np.asarray(diameter) / heated_length)


def nusselt_entry(graetz: ArrayLike) -> Floats:
    """Nu [-] of laminar flow, mean over a heated length with its entry (Hausen 1943); 3.66 where Gz is 0."""
    gz = np.asarray(graetz, dtype=np.float64)
    return np.asarray(DEVELOPED + 0.0668 * gz / (1.0 + 0.04 * gz ** (2.0 / 3.0)))


def nusselt_turbulent(reynolds: ArrayLike, prandtl: float) -> Floats:
    """Nu [-] of turbulent flow that is heated by its wall (Dittus and Boelter 1930)."""
    return np.asarray(0.023 * np.asarray(reynolds, dtype=np.float64) ** 0.8 * prandtl**0.4)


def nusselt(diameter: ArrayLike, velocity: ArrayLike, blood: Blood, heated_length: float) -> Floats:
    """Nu [-] of vessels of a diameter [m] and mean velocity [m/s], any shape: Hausen up to Re 2300, then turbulent."""
    re = blood.reynolds(diameter, velocity)
    laminar = nusselt_entry(blood.graetz(diameter, velocity, heated_length))
    return np.where(re > TURBULENT_FROM, nusselt_turbulent(re, blood.prandtl), laminar)


def coefficient(diameter: ArrayLike, velocity: ArrayLike, blood: Blood, heated_length: float) -> Floats:
    """Heat transfer h = Nu k / D between wall and blood [W/m2/K], any shape; see `nusselt`."""
    width = np.asarray(diameter, dtype=np.float64)
    return np.asarray(nusselt(width, velocity, blood, heated_length) * blood.conductivity / width)


def warming(diameter: ArrayLike, velocity: ArrayLike, blood: Blood, heated_length: float) -> Floats:
    """Share of the cooling left once blood has warmed up along the heated length, (1 - exp(-N)) / N [-]; 0 at rest."""
    gz = blood.graetz(diameter, velocity, heated_length)
    moving = gz > 0.0
    units = 4.0 * nusselt(diameter, velocity, blood, heated_length) / np.where(moving, gz, 1.0)
    return np.where(moving, -np.expm1(-units) / units, 0.0)


@dataclass(frozen=True)
class Sinks:
    """Vessels that cool, on a lattice.

    Attributes
    ----------
    conductance : float64, shape (n_sites,)
        Of the walls in a site, towards blood at the temperature it enters with [W/K].
    area : float64, shape (n_sites,)
        Wall in a site [m2].
    lumen : float64, shape (n_sites,)
        Share of the site's volume inside such vessels, at most 1; a site that is all lumen is blood.
    edge : int64, shape (k,)
        Edges that are sinks and have wall in the box.
    transfer : float64, shape (k,)
        Their conductance per wall, warming of the blood included [W/m2/K].
    """

    conductance: Floats
    area: Floats
    lumen: Floats
    edge: NDArray[np.int64]
    transfer: Floats


def vessel_sinks(
    graph: VesselGraph,
    flow: Floats,
    centre: ArrayLike,
    lattice: Lattice,
    blood: Blood,
    *,
    heated_length: float,
    least_diameter: float,
) -> Sinks:
    """Walls of the wide vessels of a graph as conductances of the sites they lie in.

    Every site gets the wall that lies in it: the sum over sites is the wall inside the box, pi D x length, at
    any spacing. Sinusoids, and edges that stand for a bed of smaller vessels (a conductance of their own), are no
    sinks, nor is a vessel without flow.

    Parameters
    ----------
    graph : VesselGraph
    flow : float64, shape (m,)
        Flow of every edge [m3/s].
    centre : array, shape (3,)
        Where the lattice's origin lies in the graph's coordinates [m].
    lattice : Lattice
    blood : Blood
    heated_length : float
        Length of vessel in hot tissue [m].
    least_diameter : float
        Vessels narrower than this [m] belong to the perfusion.

    Raises
    ------
    InputError
        Where a length is not positive, or there is not one finite flow an edge.
    """
    problems = [f"heat sinks: {name} must be a positive length, got {value} m"
                for name, value in (("heated_length", heated_length), ("least_diameter", least_diameter))
                if not 0.0 < value < math.inf]  # fmt: skip
    if np.shape(flow) != (graph.n_edges,) or not np.isfinite(flow).all():
        problems.append(f"heat sinks: {graph.n_edges} finite flows are due, one an edge")
    if problems:
        raise InputError(problems)
    width = 2.0 * graph.radius
    # 1e-9: a vessel of 3 mm given as a radius must not fall out by rounding
    wide = (width >= least_diameter * (1.0 - 1e-9)) & (flow != 0.0)
    wide &= (graph.kind != Kind.SINUSOID) & np.isnan(graph.conductance)
    edge = np.flatnonzero(wide)
    velocity = np.abs(flow[edge]) / (math.pi * graph.radius[edge] ** 2)
    h = coefficient(width[edge], velocity, blood, heated_length) * warming(width[edge], velocity, blood, heated_length)
    ends = np.stack([graph.node_pos[graph.tail[edge]], graph.node_pos[graph.head[edge]]], axis=1)
    conductance, area, lumen = (np.zeros(lattice.n_sites) for _ in range(3))
    met = np.zeros(len(edge), dtype=np.bool_)
    for k, e in enumerate(edge):
        tail, head = ends[k] - np.asarray(centre, dtype=np.float64)
        inside = clip(tail, head, lattice)
        if inside is None:
            continue
        met[k] = True
        first, last = (tail + s * (head - tail) for s in inside)
        # a vessel longer than the distance of its ends winds: its wall is spread along the straight line
        wall = 2.0 * math.pi * graph.radius[e] * graph.length[e] * (inside[1] - inside[0])
        spread_wall(first, last, graph.radius[e], wall, wall * h[k], lattice, area, conductance)
        fill(first, last, graph.radius[e], lattice, lumen)
    return Sinks(conductance, area, np.minimum(lumen, 1.0), edge[met], h[met])


def wall_areas(tail: ArrayLike, head: ArrayLike, radius: float, lattice: Lattice) -> Floats:
    """Wall of one straight pipe in every site [m2], (n_sites,): a needle's, between two points [m]; off-box none."""
    start, end = np.asarray(tail, dtype=np.float64), np.asarray(head, dtype=np.float64)
    area = np.zeros(lattice.n_sites)
    inside = clip(start, end, lattice)
    if inside is not None:
        first, last = (start + s * (end - start) for s in inside)
        wall = 2.0 * math.pi * radius * float(np.linalg.norm(last - first))
        spread_wall(first, last, radius, wall, 0.0, lattice, area, np.zeros(lattice.n_sites))
    return area


def clip(tail: Floats, head: Floats, lattice: Lattice) -> tuple[float, float] | None:
    """Stretch of a straight line that lies in the box, as shares of its length; None where there is none."""
    low, high = 0.0, 1.0
    for a, b, size in zip(tail, head, lattice.size, strict=True):
        half, step = size / 2.0, b - a
        if step == 0.0:
            if abs(a) > half:
                return None
            continue
        s, t = sorted(((-half - a) / step, (half - a) / step))
        low, high = max(low, float(s)), min(high, float(t))
    return (low, high) if high > low else None


def spread_wall(
    first: Floats,
    last: Floats,
    radius: float,
    wall: float,
    heat: float,
    lattice: Lattice,
    area: Floats,
    conductance: Floats,
) -> None:
    """Add a pipe's wall [m2] and conductance [W/K] to the sites its points lie in, (n_sites,), in place."""
    h = lattice.spacing
    length = float(np.linalg.norm(last - first))
    rings = max(1, math.ceil(length / (_STEP * h)))
    points = 8 * max(2, math.ceil(0.25 * math.pi * radius / (_STEP * h)))  # of eight, so that what mirrors stays so
    _spread(first, last, *across((last - first) / length), radius, rings, points, wall, heat, h,
            np.array(lattice.shape), area, conductance)  # fmt: skip


def fill(first: Floats, last: Floats, radius: float, lattice: Lattice, lumen: Floats) -> None:
    """Add the volume of a pipe, as shares of the sites it lies in, (n_sites,), in place."""
    h, shape = lattice.spacing, np.array(lattice.shape)
    corner = np.floor((np.minimum(first, last) - radius) / h + shape / 2.0).astype(np.int64)
    end = np.floor((np.maximum(first, last) + radius) / h + shape / 2.0).astype(np.int64) + 1
    length = float(np.linalg.norm(last - first))
    _fill(first, (last - first) / length, length, radius, np.maximum(corner, 0), np.minimum(end, shape),
          h, shape, lumen)  # fmt: skip


def across(direction: Floats) -> tuple[Floats, Floats]:
    """Two unit vectors across one, (3,) each."""
    other = np.zeros(3)
    other[np.argmin(np.abs(direction))] = 1.0
    side = np.cross(direction, other)
    side /= np.linalg.norm(side)
    return side, np.cross(direction, side)


@njit
def _fill(
    first: Any, way: Any, length: float, radius: float, low: Any, high: Any, spacing: float, shape: Any, lumen: Any
) -> None:
    """Share of points of each site that lie in a pipe, added to the sites between two corners."""
    place = np.empty(3)
    for i in range(low[0], high[0]):
        for j in range(low[1], high[1]):
            for k in range(low[2], high[2]):
                inside = 0
                for n in range(_POINTS**3):
                    place[0] = i + (n // (_POINTS * _POINTS) + 0.5) / _POINTS - 0.5 * shape[0]
                    place[1] = j + (n // _POINTS % _POINTS + 0.5) / _POINTS - 0.5 * shape[1]
                    place[2] = k + (n % _POINTS + 0.5) / _POINTS - 0.5 * shape[2]
                    along, square = 0.0, 0.0
                    for axis in range(3):
                        from_first = place[axis] * spacing - first[axis]
                        along += from_first * way[axis]
                        square += from_first * from_first
                    if 0.0 <= along <= length and square - along * along <= radius * radius:
                        inside += 1
                lumen[(i * shape[1] + j) * shape[2] + k] += inside / _POINTS**3


@njit
def _spread(
    first: Any,
    last: Any,
    side: Any,
    up: Any,
    radius: float,
    rings: int,
    points: int,
    wall: float,
    heat: float,
    spacing: float,
    shape: Any,
    area: Any,
    conductance: Any,
) -> None:
    """Share two amounts out over points on a pipe; what lies beyond a face of the box goes to the site at the face."""
    each = 1.0 / (rings * points)
    cell = np.empty(3, np.int64)
    for ring in range(rings):
        along = (ring + 0.5) / rings
        for n in range(points):
            angle = 2.0 * math.pi * (n + 0.5) / points
            a, b = radius * math.cos(angle), radius * math.sin(angle)
            for axis in range(3):
                x = first[axis] + along * (last[axis] - first[axis]) + a * side[axis] + b * up[axis]
                i = math.floor(x / spacing + shape[axis] / 2.0)
                cell[axis] = min(max(i, 0), shape[axis] - 1)
            site = (cell[0] * shape[1] + cell[1]) * shape[2] + cell[2]
            area[site] += wall * each
            conductance[site] += heat * each
