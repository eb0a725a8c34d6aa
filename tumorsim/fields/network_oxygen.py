"""Oxygen around the vessels of a measured network: every vessel in its place, blood and tissue in balance.

Blood brings oxygen along the solved flow (`network_blood`); through the wall of each piece of vessel it meets
the resistance of the blood itself, 1 / (pi Sh K_plasma) with the Sherwood number of Hellums and others (1996,
Ann Biomed Eng 24:1), and that of the lattice (`vessel_sites`); tissue diffuses and consumes
(`reaction_diffusion`). The problem is that of Secomb, Hsu, Park and Dewhirst (2004, Ann Biomed Eng 32:1519),
with closed walls of the box instead of an infinite surrounding.

Blood and tissue are solved in turns until neither changes (`network_coupled`). Oxygen that enters minus oxygen
that leaves is then what the tissue consumes, or it is an error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim.errors import InputError, nearest
from tumorsim.fields.cylinder import THRESHOLDS
from tumorsim.fields.haemoglobin import capacity, pressure_of
from tumorsim.fields.network_blood import Blood, routes
from tumorsim.fields.network_coupled import BALANCE, Coupled
from tumorsim.lattice import Lattice
from tumorsim.parameters import load_parameters
from tumorsim.vessels.flow import Flow
from tumorsim.vessels.graph import VesselGraph

Floats = NDArray[np.float64]

SPECIES = ("rat", "human")
MOST_SITES = 50_000_000
FEW_SITES = 5000  # a map of no more is made without a coarser one before it
THINNEST = 6  # sites, that a coarser map is thick
_UM = 1e-6


@dataclass(frozen=True)
class OxygenBalance:
    """Oxygen of the whole network and its tissue [m3 gas/s].

    Attributes
    ----------
    inflow, outflow : float
        With the blood that enters and leaves the network.
    consumption : float
        By the tissue of the box.
    imbalance : float
        (inflow - outflow - consumption) / consumption, or / inflow where nothing is consumed.
    """

    inflow: float
    outflow: float
    consumption: float
    imbalance: float


@dataclass(frozen=True)
class OxygenMap:
    """Oxygen pressure in tissue and blood.

    Attributes
    ----------
    lattice : Lattice
    centre : float64, shape (3,)
        Where the lattice's origin lies in the graph's coordinates [m].
    po2 : float64, shape (n_sites,)
        Oxygen pressure of every site [mmHg].
    tissue : float64, shape (n_sites,)
        Share of the site's volume that is tissue: in the box, and not inside a vessel.
    node_po2 : float64, shape (n,)
        Of the blood at every node [mmHg]; nan where none flows.
    edge_po2 : float64, shape (m,)
        Mean of the blood along every vessel [mmHg]; in vessels without flow that of the tissue, nan where such
        a vessel lies outside the box.
    balance : OxygenBalance
    shares : dict of float to float
        Share of the tissue below 10, 2.5 and 0.5 mmHg.
    mean : float
        Of the tissue [mmHg].
    rounds : int
        Turns of blood and tissue on this lattice.
    notes : tuple of str
        What had to be decided.
    """

    lattice: Lattice
    centre: Floats
    po2: Floats
    tissue: Floats
    node_po2: Floats
    edge_po2: Floats
    balance: OxygenBalance
    shares: dict[float, float]
    mean: float
    rounds: int
    notes: tuple[str, ...]


def blood_of(parameters: Mapping[str, float], species: str) -> Blood:
    """Blood of ``rat`` or ``human`` as the parameters have it."""
    if species not in SPECIES:
        raise InputError(
            f"oxygen: unknown species '{species}'.{nearest(species, SPECIES)} Allowed: {', '.join(SPECIES)}"
        )
    dissolved = parameters["oxygen.blood_solubility"]
    if species == "rat":
        binding = parameters["oxygen.rat_red_cell_binding"]
        return Blood(binding, parameters["oxygen.rat_p50"], parameters["oxygen.rat_hill"], dissolved)
    whole = capacity(parameters["oxygen.haemoglobin"], parameters["oxygen.haemoglobin_binding"])
    return Blood(
        whole / parameters["blood.haematocrit"], parameters["oxygen.p50"], parameters["oxygen.hill"], dissolved
    )


def oxygen_map(
    graph: VesselGraph,
    flow: Flow,
    spacing: float = 10e-6,
    parameters: Mapping[str, float] | None = None,
    box: ArrayLike | None = None,
    *,
    species: str = "rat",
    haematocrit: ArrayLike | None = None,
    threads: int = 1,
) -> OxygenMap:
    """Oxygen of the tissue around a network.

    Parameters
    ----------
    graph : VesselGraph
        Positions and radii as measured. `boundary_po2` is the pressure of entering blood; where it is not known
        the blood enters with `oxygen.saturation_arterial`. Haematocrits not known (nan) are `blood.haematocrit`.
    flow : Flow
        Solved flow of this graph; vessels without flow exchange nothing.
    spacing : float
        Edge of a site [m].
    parameters : mapping of str to float, optional
        Needs the rooms ``oxygen`` and ``blood``; default the package's.
    box : array, shape (2, 3), optional
        Lower and upper corner of the tissue [m]; default the box of the file, from 0, where the graph has one,
        else the bounding box and `oxygen.network_margin` on every side. Where its sides are no multiple of the
        spacing, the sites at its walls consume by their share in it, but diffuse as whole ones.
    species : str
        ``rat`` or ``human``: whose haemoglobin.
    haematocrit : array, shape (m,), optional
        Discharge haematocrit of every vessel [-], such as phase separation gives; default the graph's.
    threads : int
        Does not change a bit.

    Raises
    ------
    InputError
        For a box without vessels, too many sites, or values out of range.
    ArithmeticError
        Where blood and tissue do not settle, or the balance misses 1e-6.
    """
    table = load_parameters() if parameters is None else parameters
    blood = blood_of(table, species)
    if not (math.isfinite(spacing) and spacing > 0.0):
        raise InputError(f"oxygen: spacing must be a positive length, got {spacing} m. Example: 10 um")
    if flow.edge_flow.shape != (graph.n_edges,):
        raise InputError(f"oxygen: the flow has {len(flow.edge_flow)} vessels, the graph {graph.n_edges}")
    notes: list[str] = []
    corners = network_box(graph, box, table["oxygen.network_margin"], notes)
    size = corners[1] - corners[0]
    if np.prod(np.ceil(size / spacing)) > MOST_SITES:
        raise InputError(
            f"oxygen: a box of {' x '.join(f'{s / _UM:.4g}' for s in size)} um has more than {MOST_SITES:.0e} sites of "
            f"{spacing / _UM:.4g} um. Use a coarser spacing"
        )
    inlet = inlet_pressure(graph, flow, blood, table["oxygen.saturation_arterial"], notes)
    notes.append(f"{species} haemoglobin: half saturated at {blood.p50:g} mmHg")
    own = graph.haematocrit if haematocrit is None else np.asarray(haematocrit, dtype=np.float64)
    if own.shape != (graph.n_edges,) or np.any((own < 0.0) | (own >= 1.0)):
        raise InputError(f"oxygen: haematocrit must be {graph.n_edges} numbers from 0 to below 1")
    way = routes(graph, flow, blood, np.where(np.isnan(own), table["blood.haematocrit"], own), inlet)
    centre = corners.mean(axis=0)
    coupled = None
    for step in _spacings(size, spacing):  # a coarse map is a good start for a fine one
        coupled = Coupled(way, blood, graph, centre, size, step, table, coupled, threads)
    assert coupled is not None
    vessels = coupled.vessels
    if not vessels.within.all():
        notes.append(f"{int((~vessels.within).sum())} of {len(vessels.within)} vessel pieces lie outside the box")
    tissue, p, consumption = coupled.tissue, coupled.pressure, coupled.consumption
    entered = float(way.entering.sum())
    imbalance = (entered - coupled.outflow - consumption) / (consumption or entered or 1.0)
    balance = OxygenBalance(entered, coupled.outflow, consumption, imbalance)
    whole = tissue.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        along = np.bincount(vessels.edge, vessels.length * coupled.piece, minlength=graph.n_edges)
        edge_po2 = along / np.bincount(vessels.edge, vessels.length, minlength=graph.n_edges)
    return OxygenMap(
        coupled.lattice, centre, p, tissue, coupled.node, edge_po2, balance,
        {limit: float(tissue[p < limit].sum() / whole) for limit in THRESHOLDS},
        float((tissue * p).sum() / whole), coupled.rounds, tuple(notes),
    )  # fmt: skip


def network_box(graph: VesselGraph, given: ArrayLike | None, margin: float, notes: list[str]) -> Floats:
    """Corners of the tissue around a network [m], shape (2, 3).

    Those ``given``; else the box of the file, from 0; else the bounding box of the vessels and a ``margin`` [m] on
    every side. What had to be decided is added to ``notes``.
    """
    named = graph.attributes.get("box_um")
    if given is not None:
        corners = np.array(given, dtype=np.float64)
    elif named is not None:
        corners = np.array([[0.0, 0.0, 0.0], np.asarray(named, dtype=np.float64) * _UM])
    else:
        corners = np.stack([graph.node_pos.min(axis=0) - margin, graph.node_pos.max(axis=0) + margin])
        notes.append(f"tissue: the vessels' bounding box and {margin / _UM:g} um on every side")
    if corners.shape != (2, 3) or not np.all(np.isfinite(corners)) or not np.all(corners[1] > corners[0]):
        raise InputError(f"oxygen: a box needs a lower and a higher corner of three lengths, got {corners.tolist()} m")
    return corners


def _spacings(size: Floats, spacing: float) -> list[float]:
    """Spacings of the maps to make, coarse to fine: each half of the one before, the last as asked for."""
    steps = [spacing]
    while np.prod(np.ceil(size / steps[-1])) > FEW_SITES and np.ceil(size / (2.0 * steps[-1])).min() >= THINNEST:
        steps.append(2.0 * steps[-1])
    return steps[::-1]


def inlet_pressure(graph: VesselGraph, flow: Flow, blood: Blood, saturated: float, notes: list[str]) -> Floats:
    """Oxygen pressure of the blood at every boundary node [mmHg], (b,); of saturation ``saturated`` where not known."""
    if np.any(graph.boundary_po2 < 0.0):
        raise InputError("oxygen: an oxygen pressure of entering blood is negative")
    unknown = np.isnan(graph.boundary_po2)
    default = pressure_of(saturated, blood.p50, blood.hill)
    entering = int((unknown & (flow.boundary_flow > 0.0)).sum())
    if entering:
        notes.append(f"blood enters at {default:.3g} mmHg at {entering} nodes whose oxygen the file does not name")
    return np.where(unknown, default, graph.boundary_po2)


__all__ = ["BALANCE", "OxygenBalance", "OxygenMap", "blood_of", "inlet_pressure", "network_box", "oxygen_map"]
