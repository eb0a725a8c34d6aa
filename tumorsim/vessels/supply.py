"""What blood every site gets: untreated demand, and the supply that a solved flow brings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order

from tumorsim.anatomy.spec import VASCULARITIES
from tumorsim.errors import InputError, nearest
from tumorsim.lattice import Lattice
from tumorsim.vessels.graph import Kind, VesselGraph
from tumorsim.vessels.growth import GrownVessels
from tumorsim.vessels.growth_terminals import NO_TISSUE

Floats = NDArray[np.float64]
LIVERS = ("normal", "cirrhotic")
TO_ML_MIN_100ML = 6000.0  # from 1/s


def liver_perfusion(liver: str, parameters: Mapping[str, float]) -> tuple[float, float]:
    """Untreated arterial and portal perfusion [1/s] of "normal" or "cirrhotic" liver.

    Raises
    ------
    InputError
        For another liver.
    """
    if liver == "normal":
        total = parameters["perfusion.liver_normal_total"]
        share = parameters["perfusion.liver_normal_arterial_share"]
        return total * share, total * (1.0 - share)
    if liver == "cirrhotic":
        arterial = parameters["perfusion.liver_cirrhotic_arterial"]
        return arterial, parameters["perfusion.liver_cirrhotic_portal"]
    allowed = ", ".join(LIVERS)
    raise InputError(f"tissue.liver: unknown liver '{liver}'.{nearest(liver, LIVERS)} Allowed: {allowed}")


def tumour_arterial_perfusion(vascularity: str, liver: str, parameters: Mapping[str, float]) -> float:
    """Untreated arterial perfusion of tumour [1/s]: "hyper", "iso" (as liver) or "hypo" (a share of liver's).

    Raises
    ------
    InputError
        For another vascularity or liver.
    """
    of_liver = liver_perfusion(liver, parameters)[0]
    if vascularity == "hyper":
        return parameters["perfusion.tumour_arterial"]
    if vascularity == "iso":
        return of_liver
    if vascularity == "hypo":
        return parameters["perfusion.hypovascular_share"] * of_liver
    allowed = ", ".join(VASCULARITIES)
    guess = nearest(vascularity, VASCULARITIES)
    raise InputError(f"tissue.tumour.vascularity: {vascularity!r} is not known.{guess} Allowed: {allowed}")


def demand(
    lattice: Lattice,
    compartment: NDArray[np.uint8],
    liver: str,
    distance_to_uncovered_border: NDArray[Any],
    distance_to_covered_border: NDArray[Any],
    parameters: Mapping[str, float],
    vascularity: str = "hyper",
) -> tuple[Floats, Floats]:
    """Untreated arterial and portal perfusion of every site [1/s], each (n_sites,).

    The artery perfuses tumour evenly. Portal blood comes into tumour from the sinusoids around it, so it
    falls as exp(-depth / `perfusion.tumour_portal_depth`) from the border; behind a capsule by
    `perfusion.capsule_portal_share` less. Where both kinds of border are near, the better one counts.

    Parameters
    ----------
    compartment : array of uint8, shape (n_sites,)
        0 liver, 1..199 tumour, 200..254 satellites, 255 no tissue (perfusion 0).
    liver : str
        "normal" or "cirrhotic".
    distance_to_uncovered_border, distance_to_covered_border : array, shape (n_sites,)
        From sites of tumour and satellites to the nearest border of their own body without and with
        capsule [m]; inf where there is none. Not read elsewhere.
    vascularity : str
        As `tumour_arterial_perfusion`, of the tumour and its satellites; the portal flow does not depend on it.

    Raises
    ------
    InputError
        For an unknown liver or vascularity, arrays of another shape, or a negative distance.
    """
    liver_arterial, liver_portal = liver_perfusion(liver, parameters)
    arrays = (compartment, distance_to_uncovered_border, distance_to_covered_border)
    if any(np.shape(a) != (lattice.n_sites,) for a in arrays):
        shapes = [np.shape(a) for a in arrays]
        raise InputError(f"perfusion: arrays of shapes {shapes}, not ({lattice.n_sites},)")
    compartment = np.asarray(compartment)
    arterial = np.where(compartment == NO_TISSUE, 0.0, liver_arterial)
    portal = np.where(compartment == NO_TISSUE, 0.0, liver_portal)
    growth = np.flatnonzero((compartment > 0) & (compartment < NO_TISSUE))
    open_, covered = (np.asarray(a)[growth].astype(np.float64) for a in arrays[1:])
    if not ((open_ >= 0.0).all() and (covered >= 0.0).all()):  # False for nan too
        raise InputError("perfusion: a distance to the border of the tumour is negative or not a number")
    depth = parameters["perfusion.tumour_portal_depth"]
    share = parameters["perfusion.capsule_portal_share"]
    arterial[growth] = tumour_arterial_perfusion(vascularity, liver, parameters)
    portal[growth] = parameters["perfusion.tumour_portal_border"] * np.maximum(
        np.exp(-open_ / depth), share * np.exp(-covered / depth)
    )
    return arterial, portal


def exchange_inflow(graph: VesselGraph, edge_flow: Floats, kind: Kind) -> Floats:
    """Blood of one kind that enters every exchange node [m3/s], shape (rows,); see `inflow_at`."""
    return inflow_at(graph, edge_flow, kind, graph.exchange)


def inflow_at(graph: VesselGraph, edge_flow: Floats, kind: Kind, nodes: NDArray[Any]) -> Floats:
    """Blood of one kind that enters some nodes where tissue is supplied [m3/s], in their order.

    Counted only where it comes along open vessels of this kind from a boundary of the graph: blood that
    goes round between exchange nodes through a tree cut off from its root is not arterial blood.
    """
    rows = np.zeros(len(nodes))
    edges = np.flatnonzero((graph.kind == kind) & (edge_flow != 0.0))
    if not len(edges):
        return rows
    forward = edge_flow[edges] > 0.0
    source = np.where(forward, graph.tail[edges], graph.head[edges])
    sink = np.where(forward, graph.head[edges], graph.tail[edges])
    is_exchange = np.zeros(graph.n_nodes, dtype=bool)
    is_exchange[graph.exchange] = True
    on = ~is_exchange[source]  # what leaves an exchange node is no longer blood of this kind
    edges, source, sink = edges[on], source[on], sink[on]
    n = graph.n_nodes  # node n stands for all boundaries
    ends = graph.boundary_node
    matrix = csr_array(
        (np.ones(len(edges) + len(ends), dtype=np.int8),
         (np.concatenate([source, np.full(len(ends), n)]), np.concatenate([sink, ends]))),
        shape=(n + 1, n + 1),
    )  # fmt: skip
    fed = np.zeros(n + 1, dtype=bool)
    fed[breadth_first_order(matrix, n, directed=True, return_predecessors=False)] = True
    row = np.full(n, -1, dtype=np.int64)
    row[nodes] = np.arange(len(nodes))
    arrives = (row[sink] >= 0) & fed[source]
    np.add.at(rows, row[sink[arrives]], np.abs(edge_flow[edges[arrives]]))
    return rows


def site_supply(
    grown: GrownVessels, edge_flow: Floats
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Arterial, portal and extrahepatic perfusion of every site [1/s], each (n_sites,) float32.

    The inflow of an exchange node is shared among its sites by their untreated demand (extrahepatic blood
    as arterial), so that perfusion times volume, summed over the sites of a node, is its inflow.

    Parameters
    ----------
    edge_flow : array, shape (edges,)
        Solved flow [m3/s].
    """

    def spread(kind: Kind, weight: NDArray[np.float32], even: float = 0.0) -> NDArray[np.float32]:
        inflow = exchange_inflow(grown.graph, edge_flow, kind)
        if not inflow.any():
            return np.full(len(weight), even, dtype=np.float32)
        # the last row is for sites without tissue, whose exchange row is -1
        return weight * np.append(inflow, 0.0).astype(np.float32)[grown.exchange_of_site]

    return (
        spread(Kind.ARTERIAL, grown.weight_arterial, grown.even[0]),
        spread(Kind.PORTAL, grown.weight_portal, grown.even[1]),
        spread(Kind.EXTRAHEPATIC, grown.weight_arterial),
    )


def perfusion_summary(
    q_arterial: NDArray[Any],
    q_portal: NDArray[Any],
    q_extrahepatic: NDArray[Any],
    liver: NDArray[np.bool_],
    tumour: NDArray[np.bool_],
) -> dict[str, dict[str, float] | None]:
    """Shares of blood flow and total perfusion of two tissues.

    Parameters
    ----------
    q_arterial, q_portal, q_extrahepatic : array, shape (n_sites,)
        [1/s].
    liver, tumour : array of bool, shape (n_sites,)
        The box's liver outside the target, and the tumour.

    Returns
    -------
    dict
        "liver" and "tumour": {"arterial", "portal", "extrahepatic": shares of flow that sum to 1,
        "total_ml_min_100ml"}; None for a tissue that is not there or has no flow.
    """

    def of(mask: NDArray[np.bool_]) -> dict[str, float] | None:
        flow = [float(q[mask].sum(dtype=np.float64)) for q in (q_arterial, q_portal, q_extrahepatic)]
        total = sum(flow)
        if total <= 0.0:
            return None
        shares = dict(zip(("arterial", "portal", "extrahepatic"), (f / total for f in flow), strict=True))
        return {**shares, "total_ml_min_100ml": TO_ML_MIN_100ML * total / int(mask.sum())}

    return {"liver": of(np.asarray(liver, dtype=bool)), "tumour": of(np.asarray(tumour, dtype=bool))}
