"""What contrast medium, iodised oil and thrombus make of blood flow on an image: pure functions.

Arterial phase: contrast that has come by arteries and has not yet passed a bed. Given evenly with the
arterial blood (the aorta feeds the hepatic artery and the arteries from outside the liver), its steady
arrival is the arterial and extrahepatic blood flow. Portal phase: tissue that lives on arterial blood alone
is darker than liver, which is wash-out (LI-RADS 2018).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tumorsim.vessels.graph import Kind, VesselGraph
from tumorsim.vessels.oil import bed_rows
from tumorsim.vessels.transport import Transport

if TYPE_CHECKING:
    from tumorsim.vessels.growth import GrownVessels

Floats = NDArray[np.float64]

ARTERIES = (Kind.ARTERIAL, Kind.EXTRAHEPATIC)
GRADE_OF_VEIN = {"portal_main": 4, "portal_right": 3, "portal_left": 3} | {
    f"portal_segment_{k}": 2 for k in range(1, 9)
}


def arterial_contrast(graph: VesselGraph, edge_flow: Floats) -> Floats:
    """Contrast that arteries bring to every exchange row [m3/s of arterial blood], shape (rows,).

    A steady injection at every inlet of arterial and extrahepatic blood, as much as makes its blood's
    concentration 1; what has passed a bed belongs to a later phase and does not count.

    Parameters
    ----------
    edge_flow : array, shape (m,)
        Solved flow [m3/s].
    """
    transport = Transport(graph, edge_flow)
    n = graph.n_nodes
    net = np.bincount(graph.tail, edge_flow, minlength=n) - np.bincount(graph.head, edge_flow, minlength=n)
    arterial = np.isin(graph.kind, ARTERIES)
    feeds = np.zeros(n, dtype=bool)
    feeds[graph.tail[arterial]] = True
    inlets = {int(b): float(net[b]) for b in graph.boundary_node if feeds[b] and net[b] > 0.0 < transport.through[b]}
    flux = transport.steady({}, nodes=inlets, extraction=1.0).edge_flux
    arriving = np.bincount(transport.course.sink, np.where(arterial, flux, 0.0), minlength=n)
    return np.asarray(arriving[graph.exchange])


def arterial_enhancement(grown: GrownVessels, edge_flow: Floats, liver_arterial: float) -> Floats:
    """Brightness of every site in the arterial phase, relative to untreated liver, shape (sites,).

    By `arterial_contrast`; equal to the site's arterial and extrahepatic perfusion over ``liver_arterial``.

    Parameters
    ----------
    edge_flow : array, shape (m,)
        Solved flow [m3/s].
    liver_arterial : float
        Mean arterial perfusion of untreated liver [1/s].
    """
    rows = np.append(arterial_contrast(grown.graph, edge_flow), 0.0)  # the last for sites without tissue
    return np.asarray(grown.weight_arterial * rows[grown.exchange_of_site] / liver_arterial)


def portal_washout(
    q_arterial: NDArray[Any], q_portal: NDArray[Any], q_extrahepatic: NDArray[Any], liver: NDArray[np.bool_]
) -> Floats:
    """How much darker than liver every site is in the portal phase, shape (sites,).

    1 less the portal share of the site's blood over that of liver: 0 as bright as liver, 1 without any
    portal blood; nan where no blood runs at all, or liver has no portal blood.

    Parameters
    ----------
    q_arterial, q_portal, q_extrahepatic : array, shape (sites,)
        Perfusion [1/s].
    liver : array of bool, shape (sites,)
        Liver to compare with.
    """
    portal = np.asarray(q_portal, dtype=np.float64)
    whole = portal + q_arterial + q_extrahepatic
    of_liver = float(whole[liver].sum())
    reference = float(portal[liver].sum()) / of_liver if of_liver > 0.0 else 0.0
    known = (whole > 0.0) & (reference > 0.0)
    return 1.0 - np.divide(portal, whole * reference, out=np.full(len(whole), np.nan), where=known)


def oil_uptake(grown: GrownVessels, edge_oil: Floats) -> tuple[Floats, Floats]:
    """Iodised oil on the arterial and on the portal side of every site [m3 per m3 of tissue], each (sites,).

    The oil in the beds of an exchange node lies where their blood goes: sites share it as they share the
    untreated arterial, or portal, blood; evenly where the node has no such blood. Oil in vessels that end at
    no exchange node (portal branches, other organs, liver outside the box) is in no site.

    Parameters
    ----------
    edge_oil : array, shape (edges,)
        [m3].
    """
    graph, rows = grown.graph, len(grown.graph.exchange)
    beds, row = bed_rows(graph)
    beds, row = beds[row >= 0], row[row >= 0]
    portal = graph.kind[beds] == Kind.PORTAL
    at = grown.exchange_of_site
    tissue = at >= 0
    even = np.divide(1.0, grown.tissue_volume, out=np.zeros(rows), where=grown.tissue_volume > 0.0)

    def spread(mine: NDArray[np.bool_], weight: NDArray[np.float32]) -> Floats:
        held = np.bincount(row[mine], edge_oil[beds[mine]], minlength=rows)
        found = np.zeros(len(at))
        if held.any():
            has = np.bincount(at[tissue], weight[tissue], minlength=rows) > 0.0
            part = np.where(has[at], weight.astype(np.float64), even[at])
            found[tissue] = (part * held[at])[tissue]
        return found

    return spread(~portal, grown.weight_arterial), spread(portal, grown.weight_portal)


def seen_oil(grown: GrownVessels, edge_oil: Floats, parameters: Mapping[str, float]) -> Floats | None:
    """Oil of every site as CT without contrast shows it [m3 per m3], shape (sites,); None without any oil.

    Less than `imaging.least_oil` does not stand out from tissue: 0.
    """
    if not edge_oil.any():
        return None
    arterial, portal = oil_uptake(grown, edge_oil)
    whole = arterial + portal
    return np.where(whole >= parameters["imaging.least_oil"], whole, 0.0)


def seen_thrombus(graph: VesselGraph, edge_patent: Floats, parameters: Mapping[str, float]) -> str:
    """Grade of the thrombus that the portal phase shows as a gap in the column of contrast.

    The most central portal vein that is wide enough to be seen (`imaging.smallest_vessel`) and not patent:
    ``Vp4`` the main trunk, ``Vp3`` a main branch, ``Vp2`` the vein of a segment, ``Vp1`` beyond, or ``none``
    (Liver Cancer Study Group of Japan, general rules).

    Parameters
    ----------
    edge_patent : array, shape (edges,)
        Share left by what anatomy has in the vessel [-].
    """
    wide = 2.0 * graph.radius >= parameters["imaging.smallest_vessel"]
    found = np.flatnonzero((graph.kind == Kind.PORTAL) & (edge_patent < 1.0) & wide)
    grades = [GRADE_OF_VEIN.get(graph.edge_name[int(edge)], 1) for edge in found]
    return f"Vp{max(grades)}" if grades else "none"
