"""Blood and tissue of a network in balance on one lattice: they take turns until neither changes.

Anderson's mixing (1965, J ACM 12:547) of the last turns makes them few, and a coarser map is the start.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tumorsim.fields.network_blood import Blood, Routes
from tumorsim.fields.reaction_diffusion import FIRST_FACTOR, ReactionDiffusion
from tumorsim.fields.vessel_walls import VesselWalls, wall_resistance
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
        self.walls = walls = VesselWalls(graph, centre, lattice, way.flow > 0.0, table)
        self.vessels = walls.vessels
        self.tissue = np.maximum(0.0, _in_box(lattice, size) - walls.vessels.lumen)
        self._field = ReactionDiffusion(
            lattice, table["oxygen.diffusivity"], table["oxygen.consumption_tumour"], table["oxygen.half_consumption"],
            living=self.tissue, exchange=walls.exchange,
        )  # fmt: skip
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
            guess = np.interp(walls.along, start.walls.along, start.piece)
            self._factor = 0.8 + 0.6 * start._factor  # about the best one on half the spacing
        self.piece, self.rounds = settle(
            self._breathe, self._blood, self._lost, guess, walls.conductance > 0.0, SETTLED, BALANCE
        )

    @property
    def consumption(self) -> float:
        """What the tissue consumes [m3/s]."""
        return float(self._field.consumed(self.pressure).sum() * self.walls.volume)

    def _blood(self) -> Floats:
        """Pressure of every piece [mmHg] with the tissue as it is."""
        piece, self.outflow = self.walls.march(self.pressure, self.way, self.blood, self.node)
        return piece

    def _breathe(self, piece: Floats, tolerance: float) -> None:
        """Pressure of the tissue with the blood as it is."""
        found = self._field.solve(
            self.walls.supplied(piece), self.pressure, tolerance=tolerance, factor=self._factor, threads=self.threads
        )
        self.pressure, self._factor = found.pressure, found.factor

    def _lost(self) -> float:
        """Share of the consumption that is missing in the balance of blood and tissue."""
        entering, consumption = float(self.way.entering.sum()), self.consumption
        return abs(entering - self.outflow - consumption) / (consumption or entering or 1.0)


def settle(
    breathe: Callable[[Floats, float], None],
    bleed: Callable[[], Floats],
    lost: Callable[[], float],
    guess: Floats,
    live: NDArray[np.bool_],
    settled: float,
    balance: float,
) -> tuple[Floats, int]:
    """Blood and tissue that fit each other.

    Parameters
    ----------
    breathe : callable
        Solves the tissue with the blood of every piece [mmHg] to a tolerance [mmHg].
    bleed : callable
        Blood of every piece [mmHg] with the tissue as it is.
    lost : callable
        Share of the consumption that is missing in the balance.
    guess : array, shape (k,)
        First guess of the blood [mmHg].
    live : bool, shape (k,)
        Pieces that exchange.
    settled : float
        Largest change of blood in a turn that is good enough [mmHg].
    balance : float
        Largest share that may be missing.

    Returns
    -------
    (array, int)
        Pressure of every piece [mmHg], and the turns it took.

    Raises
    ------
    ArithmeticError
        Where they do not settle in `ROUNDS` turns.
    """
    guesses: list[Floats] = []
    results: list[Floats] = []
    miss = missing = math.inf
    for turn in range(1, ROUNDS + 1):
        # no more exact than the blood is yet
        breathe(guess, min(1e-2, max(1e-2 * miss, 0.02 * settled)))
        result = bleed()
        miss = float(np.abs(result - guess)[live].max(initial=0.0))
        missing = lost()
        if miss <= settled and missing <= balance:
            return result, turn
        guesses, results = [*guesses, guess[live]][-_DEPTH:], [*results, result[live]][-_DEPTH:]
        guess = result.copy()
        guess[live] = _mixed(guesses, results)
    raise ArithmeticError(
        f"oxygen: blood and tissue do not settle in {ROUNDS} turns: the last changed blood by {miss:.2g} mmHg, "
        f"{missing:.2g} of the consumption is missing"
    )


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


__all__ = ["BALANCE", "ROUNDS", "SETTLED", "Coupled", "settle", "wall_resistance"]
