"""Blood and tissue of a network in balance on one lattice: they take turns until neither changes.

Anderson's mixing (1965, J ACM 12:547) of the last turns makes them few, and a coarser map is the start.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorsim.errors import InputError
from tumorsim.fields.network_blood import Blood, Routes, march
from tumorsim.fields.reaction_diffusion import FIRST_FACTOR, ReactionDiffusion
from tumorsim.fields.vessel_sites import rasterise
from tumorsim.lattice import Lattice
from tumorsim.vessels.graph import VesselGraph

Floats = NDArray[np.float64]

BALANCE = 1e-6  # of the consumption, that may be missing in the balance
SETTLED = 1e-5  # mmHg, largest change of blood in a turn
ROUNDS = 300
_DEPTH = 10  # turns that are mixed


class Coupled:
    """Blood and tissue of one network, settled.

    Parameters
    ----------
    way : Routes
        The flow, ready for marching.
    blood : Blood
    graph : VesselGraph
    centre, size : array, shape (3,)
        Middle and sides of the tissue's box in the graph's coordinates [m].
    spacing : float
        Edge of a site [m].
    table : mapping of str to float
        Parameters of the room ``oxygen``.
    start : Coupled, optional
        The same on a coarser lattice, to start from.
    threads : int

    Attributes
    ----------
    lattice : Lattice
    vessels : VesselSites
    tissue, pressure : float64, shape (n_sites,)
        Share of tissue, and its oxygen pressure [mmHg].
    piece, node : float64, shape (k,), (n,)
        Oxygen pressure of the blood in every piece of vessel and at every node [mmHg].
    outflow : float
        Oxygen that leaves with the blood [m3/s].
    rounds : int

    Raises
    ------
    InputError
        Where no vessel passes through the box.
    ArithmeticError
        Where blood and tissue do not settle.
    """

    def __init__(
        self, way: Routes, blood: Blood, graph: VesselGraph, centre: Floats, size: Floats, spacing: float,
        table: Mapping[str, float], start: Coupled | None, threads: int,
    ) -> None:  # fmt: skip
        self.way, self.blood, self.threads = way, blood, threads
        self.lattice = lattice = Lattice.for_box(list(size), spacing)
        ends = np.stack([graph.node_pos[graph.tail], graph.node_pos[graph.head]], axis=1) - centre
        self.vessels = vessels = rasterise(ends, graph.radius, graph.length, lattice)
        if not vessels.within.any():
            raise InputError("oxygen: no vessel passes through the box")
        self.tissue = np.maximum(0.0, _in_box(lattice, size) - vessels.lumen)
        count = len(vessels.edge)
        self._row_piece = np.repeat(np.arange(count), np.diff(vessels.first))
        edge = vessels.edge[self._row_piece]
        krogh = table["oxygen.diffusivity"] * table["oxygen.solubility"]  # m2/s/mmHg
        total = wall_resistance(2.0 * graph.radius, table)[edge] + vessels.index / krogh
        if np.any(total <= 0.0):
            raise InputError("oxygen: a vessel's wall resists less than the lattice gives; use a coarser spacing")
        moving = way.flow[edge] > 0.0
        self._row_conductance = np.where(moving, vessels.share * vessels.length[self._row_piece] / total, 0.0)
        self._conductance = np.bincount(self._row_piece, self._row_conductance, minlength=count)
        self._weight = np.where(moving, self._row_conductance, vessels.share)
        self._volume = table["oxygen.solubility"] * lattice.site_volume  # m3 gas per mmHg of a site
        exchange = np.bincount(vessels.site, self._row_conductance, minlength=lattice.n_sites) / self._volume
        self._field = ReactionDiffusion(
            lattice, table["oxygen.diffusivity"], table["oxygen.consumption_tumour"], table["oxygen.half_consumption"],
            living=self.tissue, exchange=exchange,
        )  # fmt: skip
        pieces = np.bincount(vessels.edge, minlength=graph.n_edges)
        self._piece_first = np.concatenate(([0], np.cumsum(pieces)))
        # where a piece lies, as a number that grows along each vessel and from vessel to vessel
        self._along = vessels.edge + (np.arange(count) - self._piece_first[vessels.edge] + 0.5) / pieces[vessels.edge]
        self.node = np.full(graph.n_nodes, np.nan)
        self.outflow = 0.0
        self.piece: Floats
        self._factor = FIRST_FACTOR
        if start is None:
            self.pressure = np.zeros(lattice.n_sites)
            guess = self._blood()
            self.pressure += guess.max(initial=0.0)
        else:
            self.pressure = _refined(start.pressure, start.lattice, lattice)
            guess = np.interp(self._along, start._along, start.piece)
            self._factor = 0.8 + 0.6 * start._factor  # about the best one on half the spacing
        self.piece, self.rounds = self._settle(guess)

    @property
    def consumption(self) -> float:
        """What the tissue consumes [m3/s]."""
        return float(self._field.consumed(self.pressure).sum() * self._volume)

    def _blood(self) -> Floats:
        """Pressure of every piece [mmHg] with the tissue as it is."""
        count = len(self.vessels.edge)
        total = np.bincount(self._row_piece, self._weight, minlength=count)
        sums = np.bincount(self._row_piece, self._weight * self.pressure[self.vessels.site], minlength=count)
        around = np.divide(sums, total, out=np.full(count, np.nan), where=total > 0.0)  # nan outside the box
        piece, given = np.empty(count), np.empty(count)
        way, blood = self.way, self.blood
        self.outflow = march(
            way.node_order, way.first, way.out, way.target, way.forward, way.flow, way.haematocrit, way.entering,
            way.leaving, way.leaving_haematocrit, self._piece_first, self._conductance, around, blood.capacity,
            blood.p50, blood.hill, blood.solubility, self.node, piece, given,
        )  # fmt: skip
        return piece

    def _breathe(self, piece: Floats, tolerance: float) -> None:
        """Pressure of the tissue with the blood as it is."""
        brought = self._row_conductance * np.where(self._row_conductance > 0.0, piece[self._row_piece], 0.0)
        supplied = np.bincount(self.vessels.site, brought, minlength=len(self.pressure)) / self._volume
        found = self._field.solve(
            supplied, self.pressure, tolerance=tolerance, factor=self._factor, threads=self.threads
        )
        self.pressure, self._factor = found.pressure, found.factor

    def _settle(self, guess: Floats) -> tuple[Floats, int]:
        """Blood and tissue that fit each other: pressure of every piece [mmHg], and the turns it took."""
        live = self._conductance > 0.0
        entering = float(self.way.entering.sum())
        guesses: list[Floats] = []
        results: list[Floats] = []
        miss = lost = math.inf
        for turn in range(1, ROUNDS + 1):
            # no more exact than the blood is yet
            self._breathe(guess, min(1e-2, max(1e-2 * miss, 0.02 * SETTLED)))
            result = self._blood()
            miss = float(np.abs(result - guess)[live].max(initial=0.0))
            consumption = self.consumption
            lost = abs(entering - self.outflow - consumption) / (consumption or entering or 1.0)
            if miss <= SETTLED and lost <= BALANCE:
                return result, turn
            guesses, results = [*guesses, guess[live]][-_DEPTH:], [*results, result[live]][-_DEPTH:]
            guess = result.copy()
            guess[live] = _mixed(guesses, results)
        raise ArithmeticError(
            f"oxygen: blood and tissue do not settle in {ROUNDS} turns: the last changed blood by {miss:.2g} mmHg, "
            f"{lost:.2g} of the consumption is missing"
        )


def wall_resistance(diameter: Floats, table: Mapping[str, float]) -> Floats:
    """Resistance between blood and wall, 1 / (pi Sh K_plasma) [mmHg s/m2] per length of vessel.

    Hellums, Nair, Huang and Ohshima (1996, Ann Biomed Eng 24:1): Sh grows with the diameter [m] to a limit.
    """
    sherwood = table["oxygen.sherwood_wide"] * diameter / (diameter + table["oxygen.sherwood_diameter"])
    plasma = table["oxygen.plasma_diffusivity"] * table["oxygen.plasma_solubility"]
    return np.asarray(1.0 / (math.pi * sherwood * plasma))


def _in_box(lattice: Lattice, size: Floats) -> Floats:
    """Share of every site that lies in a box in the middle of the lattice."""
    shares = []
    for centres, side in zip(lattice.axes(), size, strict=True):
        low = np.maximum(centres - lattice.spacing / 2.0, -side / 2.0)
        high = np.minimum(centres + lattice.spacing / 2.0, side / 2.0)
        shares.append(np.maximum(0.0, high - low) / lattice.spacing)
    return np.asarray(np.einsum("i,j,k->ijk", *shares).reshape(-1))


def _refined(pressure: Floats, coarse: Lattice, fine: Lattice) -> Floats:
    """A coarse field on a fine lattice with the same middle, by linear interpolation."""
    axes = [a / coarse.spacing + (n - 1) / 2.0 for a, n in zip(fine.axes(), coarse.shape, strict=True)]
    places = np.meshgrid(*axes, indexing="ij")
    return np.asarray(ndimage.map_coordinates(pressure.reshape(coarse.shape), places, order=1, mode="nearest").ravel())


def _mixed(guesses: list[Floats], results: list[Floats]) -> Floats:
    """The next guess: the combination of the last results whose misses cancel best."""
    misses = [result - guess for guess, result in zip(guesses, results, strict=True)]
    last = results[-1]
    if len(misses) < 2:
        return last
    steps = np.array([b - a for a, b in itertools.pairwise(misses)]).T
    moved = np.array([b - a for a, b in itertools.pairwise(results)]).T
    weights = np.linalg.lstsq(steps, misses[-1], rcond=1e-10)[0]
    return np.asarray(np.maximum(0.0, last - moved @ weights))
