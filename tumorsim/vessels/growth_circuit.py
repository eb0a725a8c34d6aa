"""What the liver's vessels hang on: the portal circuit with its shunt, and branches to other organs.

Portal blood is arterial blood that has passed gut and spleen. So the portal vein hangs on arterial pressure by
the splanchnic conductance, and its own pressure is free: where portal branches close it rises. In cirrhosis
part of the splanchnic blood goes round the liver, from the portal to the caval vein; there the sinusoids
resist and both portal and sinusoidal pressure are raised. The hepatic venous pressure gradient is that of the
sinusoids less that of the hepatic vein (wedged less free pressure); from 10 mmHg on portal hypertension is
clinically significant (Ripoll 2007; Baveno VII, de Franchis 2022).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tumorsim.errors import InputError, nearest
from tumorsim.vessels.graph import PRESSURE, Kind, VesselGraph
from tumorsim.vessels.growth_tree import Tree

Floats = NDArray[np.float64]

LIVERS = ("normal", "cirrhotic")
ORGANS = {"cystic_artery": "gallbladder", "right_gastric": "stomach"}
REACH = 30e-3  # m from the portal vein's beginning to what stands for gut and caval vein: schematic
ORGAN_SIZE = 10e-3  # m from an organ's artery to the organ: schematic


@dataclass(frozen=True)
class Organ:
    """An organ outside the liver that a branch of the liver's artery supplies.

    Attributes
    ----------
    name, vessel : str
    node : int
        Node of the arterial tree at the end of its artery.
    flow : float
        Untreated [m3/s].
    diameter : float
        Of its artery [m].
    volume : float
        Of its wall or tissue that this artery supplies [m3].
    """

    name: str
    vessel: str
    node: int
    flow: float
    diameter: float
    volume: float


@dataclass(frozen=True)
class NonTarget:
    """An organ that embolics can reach though nobody wants them there.

    Attributes
    ----------
    name : str
        ``gallbladder`` or ``stomach``.
    edge : int
        Its artery: ``cystic_artery`` or ``right_gastric``.
    beds : array of int
        Arterial beds of the organ, where embolics lodge.
    volume : float
        Tissue that these beds supply [m3].
    """

    name: str
    edge: int
    beds: NDArray[np.int64]
    volume: float


def liver_pressures(liver: str, parameters: Mapping[str, float]) -> dict[str, float]:
    """The parameters with portal and sinusoidal pressure, and the share of the shunt, of this liver.

    Those of a cirrhotic liver (``vessels.cirrhotic_*``) take the place of the normal ones.

    Raises
    ------
    InputError
        For an unknown liver.
    """
    if liver not in LIVERS:
        allowed = ", ".join(LIVERS)
        raise InputError(f"tissue.liver: unknown liver '{liver}'.{nearest(liver, LIVERS)} Allowed: {allowed}")
    table = dict(parameters)
    if liver == "cirrhotic":
        for name in ("portal_pressure", "sinusoid_pressure", "shunt_share"):
            table[f"vessels.{name}"] = parameters[f"vessels.cirrhotic_{name}"]
    return table


def organs_of(artery: Tree, parameters: Mapping[str, float]) -> list[Organ]:
    """Organs that hang on the named branches of the arterial trunk."""
    at = {name: node for node, name in artery.name.items()}
    return [
        Organ(
            name,
            vessel,
            at[vessel],
            parameters[f"vessels.{vessel}_flow"],
            parameters[f"vessels.{vessel}_diameter"],
            parameters[f"vessels.{vessel}_tissue"],
        )
        for vessel, name in ORGANS.items()
    ]


def close_circuit(
    graph: VesselGraph, pressure: Floats, portal_flow: float, organs: Sequence[Organ], parameters: Mapping[str, float]
) -> tuple[VesselGraph, list[NonTarget]]:
    """Hang the portal vein on the splanchnic circulation, and give other organs their beds.

    The splanchnic conductance, that of the shunt and those of the organs' beds are set so that the untreated
    portal pressure and all untreated flows are what they were with a fixed portal pressure.

    Parameters
    ----------
    graph : VesselGraph
        Its boundary nodes are the roots of arterial, portal and venous tree, in this order; as assembled.
    pressure : array, shape (nodes,)
        Untreated [Pa].
    portal_flow : float
        Untreated flow of the portal vein into the liver [m3/s].
    organs : sequence of Organ
    parameters : mapping
        Of `liver_pressures`.

    Returns
    -------
    graph : VesselGraph
        With the vessels ``splanchnic`` (portal blood, from arterial pressure) and, where the share of the
        shunt is above 0, ``portosystemic_shunt`` (venous, to the caval vein).
    non_target : list of NonTarget

    Raises
    ------
    InputError
        Where an organ's artery would lose all its pressure, the pressures do not fall from artery to portal
        vein to caval vein, or the share of the shunt is not below 1.
    """
    arterial, venous = parameters["vessels.artery_pressure"], parameters["vessels.hepatic_vein_pressure"]
    share, capillary = parameters["vessels.shunt_share"], parameters["vessels.organ_capillary_pressure"]
    root = int(graph.boundary_node[1])
    at_root = float(pressure[root])
    if not arterial > at_root > venous or not arterial > capillary > venous:
        raise InputError(
            "vessels: the pressures of portal vein and of organ capillaries must lie between those of artery "
            "and hepatic vein (vessels.artery_pressure, .portal_pressure, .cirrhotic_portal_pressure, "
            ".organ_capillary_pressure, .hepatic_vein_pressure)"
        )
    if not 0.0 <= share < 1.0:
        raise InputError("vessels: vessels.shunt_share and vessels.cirrhotic_shunt_share must be from 0 to below 1")
    main = graph.named["portal_main"]
    width = float(graph.radius[main])
    splanchnic, caval = graph.n_nodes, graph.n_nodes + 1
    # (tail, head, radius, kind, name, flow)
    new: list[tuple[int, int, float, Kind, str, float]] = []
    inflow = portal_flow / (1.0 - share)
    new.append((splanchnic, root, width, Kind.PORTAL, "splanchnic", inflow))
    if share > 0.0:
        # drawn as wide as Murray's law has it beside the portal vein; its conductance does not follow from that
        width *= (share / (1.0 - share)) ** (1.0 / parameters["vessels.murray_exponent"])
        new.append((root, caval, width, Kind.VENOUS, "portosystemic_shunt", share * inflow))
    away = graph.node_pos[root] - graph.node_pos[graph.head[main]]
    away = REACH * away / float(np.linalg.norm(away))
    place = [graph.node_pos[root] + away, graph.node_pos[root] + away[[1, 2, 0]]]
    level = [arterial, venous]
    beds = []
    for organ in organs:
        if pressure[organ.node] <= capillary:
            raise InputError(
                f"vessels: {organ.vessel} loses its pressure before it reaches the {organ.name}. "
                f"Widen vessels.{organ.vessel}_diameter or lower vessels.{organ.vessel}_flow"
            )
        node = graph.n_nodes + len(place)
        place.append(graph.node_pos[organ.node] + ORGAN_SIZE * np.array([0.48, -0.6, -0.64]))
        level.append(capillary)
        beds.append(graph.n_edges + len(new))
        new.append((organ.node, node, 0.5 * organ.diameter, Kind.ARTERIAL, "", organ.flow))
        new.append((node, caval, 0.5 * organ.diameter, Kind.SINUSOID, "", organ.flow))
    everywhere = np.append(pressure, level)
    tail, head, radius, kind, name, flow = (list(column) for column in zip(*new, strict=True))
    position = np.vstack([graph.node_pos, *place])
    at = np.array([graph.boundary_node[0], splanchnic, graph.boundary_node[2], caval])
    hung = replace(
        graph,
        node_pos=position,
        node_name=[*graph.node_name, "splanchnic", "caval", *(organ.name for organ in organs)],
        edge_name=[*graph.edge_name, *name],
        tail=np.append(graph.tail, tail),
        head=np.append(graph.head, head),
        radius=np.append(graph.radius, radius),
        kind=np.append(graph.kind, np.array(kind, dtype=np.uint8)),
        length=np.append(graph.length, np.linalg.norm(position[head] - position[tail], axis=1)),
        haematocrit=np.append(graph.haematocrit, np.full(len(new), np.nan)),
        conductance=np.append(graph.conductance, np.array(flow) / (everywhere[tail] - everywhere[head])),
        boundary_node=at,
        boundary_type=np.full(len(at), PRESSURE),
        boundary_value=everywhere[at],
        boundary_haematocrit=np.full(len(at), np.nan),
        boundary_po2=np.full(len(at), np.nan),
    )
    non_target = [
        NonTarget(organ.name, graph.named[organ.vessel], np.array([bed]), organ.volume)
        for organ, bed in zip(organs, beds, strict=True)
    ]
    return hung, non_target
