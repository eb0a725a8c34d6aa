"""The walls of explicit vessels on a lattice: what passes between their blood and the tissue around them.

Every piece of vessel (`vessel_sites`) gives to its sites through the resistance of the blood itself,
1 / (pi Sh K_plasma) with the Sherwood number of Hellums, Nair, Huang and Ohshima (1996, Ann Biomed Eng 24:1), and
through that of the lattice. The blood is carried by a flow, or held at one pressure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tumorsim.errors import InputError
from tumorsim.fields.network_blood import Blood, Routes, march
from tumorsim.fields.vessel_sites import rasterise
from tumorsim.lattice import Lattice
from tumorsim.vessels.graph import VesselGraph

Floats = NDArray[np.float64]


class VesselWalls:
    """Walls of the vessels of a graph in one lattice.

    Parameters
    ----------
    graph : VesselGraph
    centre : array, shape (3,)
        Where the lattice's origin lies in the graph's coordinates [m].
    lattice : Lattice
    moving : bool, shape (m,)
        Vessels with blood in them that is renewed; the others exchange nothing.
    table : mapping of str to float
        Parameters of the room ``oxygen``.

    Attributes
    ----------
    vessels : VesselSites
    conductance : float64, shape (k,)
        Of the wall of every piece [m3 gas/s/mmHg].
    exchange : float64, shape (n_sites,)
        As `reaction_diffusion` takes it [1/s].
    volume : float
        Oxygen of a site per pressure [m3 gas/mmHg].
    piece_first : int64, shape (m + 1,)
        First piece of every vessel.

    Raises
    ------
    InputError
        Where no vessel passes through the box, or the spacing is too fine for the walls.
    """

    def __init__(
        self,
        graph: VesselGraph,
        centre: Floats,
        lattice: Lattice,
        moving: NDArray[np.bool_],
        table: Mapping[str, float],
    ) -> None:
        ends = np.stack([graph.node_pos[graph.tail], graph.node_pos[graph.head]], axis=1) - centre
        self.vessels = vessels = rasterise(ends, graph.radius, graph.length, lattice)
        if not vessels.within.any():
            raise InputError("oxygen: no vessel passes through the box")
        self._row_piece = np.repeat(np.arange(len(vessels.edge)), np.diff(vessels.first))
        krogh = table["oxygen.diffusivity"] * table["oxygen.solubility"]  # m2/s/mmHg
        total = wall_resistance(2.0 * graph.radius, table)[vessels.edge[self._row_piece]] + vessels.index / krogh
        if np.any(total <= 0.0):
            raise InputError("oxygen: a vessel's wall resists less than the lattice gives; use a coarser spacing")
        self._row_open = vessels.share * vessels.length[self._row_piece] / total
        self.volume = table["oxygen.solubility"] * lattice.site_volume
        self._n_sites = lattice.n_sites
        pieces = np.bincount(vessels.edge, minlength=graph.n_edges)
        self.piece_first = np.concatenate(([0], np.cumsum(pieces)))
        # where a piece lies, as a number that grows along each vessel and from vessel to vessel
        count = np.arange(len(vessels.edge))
        self.along = vessels.edge + (count - self.piece_first[vessels.edge] + 0.5) / pieces[vessels.edge]
        self.renew(moving)

    def renew(self, moving: NDArray[np.bool_]) -> None:
        """Say anew which vessels, (m,), carry blood that is renewed."""
        vessels, count = self.vessels, len(self.vessels.edge)
        here = moving[vessels.edge[self._row_piece]]
        self._row_conductance = np.where(here, self._row_open, 0.0)
        self.conductance = np.bincount(self._row_piece, self._row_conductance, minlength=count)
        self._weight = np.where(here, self._row_conductance, vessels.share)
        self._total = np.bincount(self._row_piece, self._weight, minlength=count)
        self.exchange = np.bincount(vessels.site, self._row_conductance, minlength=self._n_sites) / self.volume

    def around(self, pressure: Floats) -> Floats:
        """Pressure of the tissue around every piece [mmHg], (k,); nan outside the box."""
        count = len(self.vessels.edge)
        sums = np.bincount(self._row_piece, self._weight * pressure[self.vessels.site], minlength=count)
        return np.divide(sums, self._total, out=np.full(count, np.nan), where=self._total > 0.0)

    def supplied(self, piece: Floats) -> Floats:
        """What the blood (k,) [mmHg] would bring to sites without oxygen [mmHg/s], (n_sites,)."""
        conducts = self._row_conductance > 0.0
        brought = self._row_conductance * np.where(conducts, piece[self._row_piece], 0.0)
        return np.asarray(np.bincount(self.vessels.site, brought, minlength=self._n_sites) / self.volume)

    def march(self, pressure: Floats, way: Routes, blood: Blood, node: Floats) -> tuple[Floats, float]:
        """Blood of every piece [mmHg], (k,), with the tissue as it is, and what leaves with it [m3 gas/s].

        ``node`` (n,) [mmHg] is filled.
        """
        piece, given = np.empty(len(self.vessels.edge)), np.empty(len(self.vessels.edge))
        outflow = march(
            way.node_order, way.first, way.out, way.target, way.forward, way.flow, way.haematocrit, way.entering,
            way.leaving, way.leaving_haematocrit, self.piece_first, self.conductance, self.around(pressure),
            blood.capacity, blood.p50, blood.hill, blood.solubility, node, piece, given,
        )  # fmt: skip
        return piece, float(outflow)


def wall_resistance(diameter: Floats, table: Mapping[str, float]) -> Floats:
    """Resistance between blood and wall, 1 / (pi Sh K_plasma) [mmHg s/m2] per length of vessel.

    Hellums, Nair, Huang and Ohshima (1996, Ann Biomed Eng 24:1): Sh grows with the diameter [m] to a limit.
    """
    sherwood = table["oxygen.sherwood_wide"] * diameter / (diameter + table["oxygen.sherwood_diameter"])
    plasma = table["oxygen.plasma_diffusivity"] * table["oxygen.plasma_solubility"]
    return np.asarray(1.0 / (math.pi * sherwood * plasma))
