"""Oxygen of every site by diffusion and consumption, for sites of 50 um and less.

The field is that of `reaction_diffusion`; living cells consume, dead ones and empty sites do not. Oxygen comes
from one of these:

- *medium*: the tissue floats in stirred culture medium of one pressure. Its surface is where the share of tissue,
  smoothed over a site, is a half; each face to the medium conducts by its distance to that surface, so that a
  sphere is met at second order (Gibou and others 2002, J Comput Phys 176:205). Medium enclosed by tissue is fluid
  of the tissue.
- *held*: vessels whose blood has one pressure, as around the single vessel of a cord.
- *carried*: a network whose blood loses what it gives, in balance with the tissue (`network_coupled`).

A site's shares below 10, 2.5 and 0.5 mmHg are shares of its tissue, as in the coarse branch: its pressure is taken
as spread evenly over the fall across it, of the same variance as a linear pressure in a cube. So an average over
sites is what the coarse branch means by a share.

**What a solution depends on.** On the arrays of the state alone: it starts from the pressures in it (32 bits), and
is left out where no site's balance misses more than `STILL` of full consumption. So a run that is saved and loaded,
or forked, goes on bit for bit, and what cells did not change is not solved again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.special import ndtri

from tumorsim.errors import InputError
from tumorsim.fields.cylinder import THRESHOLDS
from tumorsim.fields.network_blood import Blood, Routes, routes
from tumorsim.fields.network_coupled import settle
from tumorsim.fields.oxygen import NARROWEST
from tumorsim.fields.reaction_diffusion import FIRST_FACTOR, TOLERANCE, ReactionDiffusion
from tumorsim.fields.vessel_walls import VesselWalls
from tumorsim.lattice import Lattice
from tumorsim.state import LIVER, OUTSIDE, State
from tumorsim.vessels.flow import Flow
from tumorsim.vessels.graph import VesselGraph

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

STILL = 1e-3  # of full consumption, that the balance of a site may miss before the field is solved again
SETTLED = 1e-4  # mmHg, largest change of blood in a turn
BALANCE = 1e-5  # of the consumption, that may be missing in the balance of blood and tissue
NEAREST = 0.1  # of a site, that a surface may lie off the centre of one
_SMOOTH = 1.0  # sites, width of the smoothing that finds the surface


@dataclass(frozen=True)
class Carried:
    """Blood of a network.

    Attributes
    ----------
    graph : VesselGraph
        In the lattice's coordinates.
    blood : Blood
    haematocrit : float64, shape (m,)
        Discharge haematocrit [-].
    inlet : float64, shape (b,)
        Oxygen pressure of entering blood at every boundary node [mmHg].
    """

    graph: VesselGraph
    blood: Blood
    haematocrit: Floats
    inlet: Floats


class FineOxygen:
    """Oxygen of the sites of one lattice, 50 um and less.

    Parameters
    ----------
    parameters : mapping of str to float
        Needs the room ``oxygen``.
    lattice : Lattice
    medium : float, optional
        Pressure of the culture medium [mmHg]; it is where the compartment is 0.
    inside : bool, shape (n_sites,), optional
        Sites oxygen can diffuse through, without a medium; default all.
    walls : VesselWalls, optional
    blood : float or Carried, optional
        Of the vessels of ``walls``: one pressure [mmHg], or a network's.

    Raises
    ------
    InputError
        Where a spacing is too wide, or there is not just one source of oxygen.
    """

    def __init__(
        self,
        parameters: Mapping[str, float],
        lattice: Lattice,
        *,
        medium: float | None = None,
        inside: ArrayLike | None = None,
        walls: VesselWalls | None = None,
        blood: float | Carried | None = None,
    ) -> None:
        problems = []
        if lattice.spacing > NARROWEST * (1 + 1e-9):
            problems.append(
                f"oxygen: spacing {lattice.spacing * 1e6:.4g} um is too wide for diffusion between sites; "
                f"it needs {NARROWEST * 1e6:.0f} um or less"
            )
        if (medium is None) == (walls is None) or (walls is None) != (blood is None):
            problems.append("oxygen: tissue at this spacing needs a medium, or vessels and their blood")
        given = [p for p in (medium, blood) if isinstance(p, float)]
        if not all(0.0 < p < math.inf for p in given):
            problems.append(f"oxygen: a pressure must be above 0 mmHg, got {given}")
        if problems:
            raise InputError(problems)
        self.lattice, self.medium, self.walls, self.blood = lattice, medium, walls, blood
        self.inside = np.ones(lattice.n_sites, dtype=bool) if inside is None else np.asarray(inside, dtype=bool)
        self.tissue = np.ones(lattice.n_sites) if walls is None else 1.0 - walls.vessels.lumen
        self._diffusivity = parameters["oxygen.diffusivity"]
        self._law = (parameters["oxygen.consumption_tumour"], parameters["oxygen.half_consumption"])
        self._way: tuple[bytes, Routes] | None = None

    def update(self, state: State, living: ArrayLike, threads: int = 1) -> bool:
        """Write ``po2`` and the three shares of every site; True where the field had to be solved.

        Parameters
        ----------
        state : State
            Read: ``compartment``, ``po2`` (where to start), ``edge_flow``.
        living : float, shape (n_sites,)
            Consumption over its full value; read at sites of the tumour.
        threads : int
            Does not change a bit.

        Raises
        ------
        ArithmeticError
            Where blood and tissue, or the field alone, do not settle.
        """
        member = (state.compartment != LIVER) & (state.compartment != OUTSIDE)
        consumes = np.where(member, np.asarray(living, dtype=np.float64) * self.tissue, 0.0)
        if self.medium is None:
            within = self.inside
            exchange = self._walls(state).exchange
        else:
            within = np.asarray(ndimage.binary_fill_holes(member.reshape(self.lattice.shape))).reshape(-1)
            exchange = surface_exchange(within, self.lattice, self._diffusivity)
        field = ReactionDiffusion(
            self.lattice, self._diffusivity, *self._law, living=consumes, exchange=exchange, inside=within
        )
        pressure = np.where(within, state.po2.astype(np.float64), 0.0)
        found = self._solve(field, state, pressure, bool(pressure.any()), threads)
        outside = 0.0 if self.medium is None else np.where(state.compartment == LIVER, self.medium, 0.0)
        if found is not None:
            state.po2[:] = np.where(within, found, outside)
        shares = shares_below(state.po2.astype(np.float64), within, self.lattice)
        for name, share in zip(("share10", "share2p5", "share0p5"), shares, strict=True):
            getattr(state, name)[:] = np.where(member, share, 0.0)
        return found is not None

    def _walls(self, state: State) -> VesselWalls:
        """The walls, with blood where it flows now."""
        assert self.walls is not None
        if isinstance(self.blood, Carried) and (self._way is None or self._way[0] != state.edge_flow.tobytes()):
            source = self.blood
            way = routes(source.graph, _flow(source.graph, state.edge_flow), source.blood, source.haematocrit,
                         source.inlet)  # fmt: skip
            self.walls.renew(way.flow > 0.0)
            self._way = (state.edge_flow.tobytes(), way)
        return self.walls

    def _solve(self, field: ReactionDiffusion, state: State, start: Floats, known: bool, threads: int) -> Floats | None:
        """The pressure of the field; None where that of the start will do."""
        enough = STILL * self._law[0]
        if isinstance(self.blood, Carried):
            return self._balance(field, start, known, enough, threads)
        if self.walls is None:
            supplied = field.exchange * float(self.medium or 0.0)
        else:
            supplied = self.walls.supplied(np.full(len(self.walls.conductance), self.blood))
        if known and np.abs(field.residual(start, supplied, threads)).max() <= enough:
            return None
        # from 0 where a piece of tissue is new: any start leads to the same field
        return field.solve(supplied, start if known else None, tolerance=TOLERANCE, threads=threads).pressure

    def _balance(
        self, field: ReactionDiffusion, start: Floats, known: bool, enough: float, threads: int
    ) -> Floats | None:
        """As `_solve`, for blood that loses what it gives."""
        walls, source = self.walls, self.blood
        assert walls is not None and isinstance(source, Carried) and self._way is not None
        way, node = self._way[1], np.full(source.graph.n_nodes, np.nan)
        now: dict[str, Any] = {"pressure": start, "factor": FIRST_FACTOR, "outflow": 0.0}

        def bleed() -> Floats:
            piece, now["outflow"] = walls.march(now["pressure"], way, source.blood, node)
            return piece

        def breathe(piece: Floats, tolerance: float) -> None:
            found = field.solve(
                walls.supplied(piece), now["pressure"], tolerance=tolerance, factor=now["factor"], threads=threads
            )
            now["pressure"], now["factor"] = found.pressure, found.factor

        def lost() -> float:
            entering = float(way.entering.sum())
            consumption = float(field.consumed(now["pressure"]).sum() * walls.volume)
            return abs(entering - now["outflow"] - consumption) / (consumption or entering or 1.0)

        guess = bleed()
        if known and np.abs(field.residual(start, walls.supplied(guess), threads)).max() <= enough:
            return None
        if not known:
            now["pressure"] = start + np.nanmax(guess, initial=0.0)
        settle(breathe, bleed, lost, guess, walls.conductance > 0.0, SETTLED, BALANCE)
        return np.asarray(now["pressure"])


def surface_exchange(inside: Bools, lattice: Lattice, diffusivity: float) -> Floats:
    """Conductance of the faces between tissue and medium [1/s], (n_sites,).

    The surface is found from which sites are tissue, (n_sites,) bool: smoothed over one site, the share of tissue is
    Phi(distance / width) beside a plane. Of a sphere of radius R the surface is found width^2 / R too deep, of
    second order in the spacing.
    """
    grid = np.pad(inside.reshape(lattice.shape), 1, mode="edge")
    share = ndimage.gaussian_filter(grid.astype(np.float64), _SMOOTH, mode="nearest", truncate=4.0)
    depth = _SMOOTH * ndtri(np.clip(share, 1e-9, 1.0 - 1e-9))  # sites
    own, here = grid[1:-1, 1:-1, 1:-1], depth[1:-1, 1:-1, 1:-1]
    total = np.zeros(lattice.shape)
    for axis in range(3):
        for way in (-1, 1):
            part = tuple(slice(1 + way * (a == axis), n + 1 + way * (a == axis)) for a, n in enumerate(lattice.shape))
            beyond = own & ~grid[part]
            fall = here - depth[part]
            reach = np.divide(here, fall, out=np.full(lattice.shape, 0.5), where=fall > 0.0)
            total += np.where(beyond, 1.0 / np.clip(reach, NEAREST, 1.0), 0.0)
    return np.asarray(total.reshape(-1) * diffusivity / lattice.spacing**2)


def shares_below(pressure: Floats, inside: Bools, lattice: Lattice) -> tuple[Floats, Floats, Floats]:
    """Shares of every site's tissue below 10, 2.5 and 0.5 mmHg, each (n_sites,), nested.

    Parameters
    ----------
    pressure : float64, shape (n_sites,)
        mmHg.
    inside : bool, shape (n_sites,)
        Sites between which the pressure falls.
    """
    p, grid = pressure.reshape(lattice.shape), inside.reshape(lattice.shape)
    square = np.zeros(lattice.shape)
    for axis in range(3):
        low, high = (tuple(s if a == axis else slice(None) for a in range(3)) for s in (slice(-1), slice(1, None)))
        step = np.where(grid[low] & grid[high], p[high] - p[low], 0.0)
        both = (grid[low] & grid[high]).astype(np.int64)
        fall, count = np.zeros(lattice.shape), np.zeros(lattice.shape, dtype=np.int64)
        fall[low] += step
        fall[high] += step
        count[low] += both
        count[high] += both
        square += (fall / np.maximum(count, 1)) ** 2
    spread = np.sqrt(square).reshape(-1)
    found = []
    for limit in THRESHOLDS:
        above = limit - pressure
        share = np.divide(above, spread, out=np.where(above > 0.0, 1.0, -1.0), where=spread > 0.0)
        found.append(np.clip(0.5 + share, 0.0, 1.0))
    return found[0], found[1], found[2]


def _flow(graph: VesselGraph, edge_flow: Floats) -> Flow:
    """A flow from what runs in every vessel alone."""
    n = graph.n_nodes
    net = np.bincount(graph.tail, edge_flow, minlength=n) - np.bincount(graph.head, edge_flow, minlength=n)
    through = np.asarray(net[graph.boundary_node])
    return Flow(edge_flow, np.full(n, np.nan), through, float(through[through > 0.0].sum()), 0.0, ())


def centred(graph: VesselGraph, corners: Floats) -> VesselGraph:
    """A graph in the coordinates of the lattice of a box with these corners, (2, 3) [m]; without exchange nodes."""
    return replace(graph, node_pos=graph.node_pos - corners.mean(axis=0), exchange=np.zeros(0, dtype=np.int32))
