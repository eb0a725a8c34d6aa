"""Writing GraphML files of vessel graphs (`tumorsim.vessels.files_graphml` describes them)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from tumorsim.vessels.files_graphml import BOUNDARIES
from tumorsim.vessels.graph import Kind, VesselGraph


def write_graphml(graph: VesselGraph, path: str | Path) -> None:
    """Write every column and attribute of a graph; `read_graphml` gives an equal graph back, to the bit.

    Raises
    ------
    InputError
        Where the graph is unsound.
    """
    graph.validate()
    keep = graph.attributes
    out: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    out.graph["attributes"] = json.dumps(
        {k: v for k, v in keep.items() if k not in ("node", "edge")}, default=lambda array: array.tolist()
    )
    exchange = {int(node): order for order, node in enumerate(graph.exchange)}
    for i in range(graph.n_nodes):
        x, y, z = graph.node_pos[i].tolist()
        node: dict[str, Any] = {"index": i, "x": x, "y": y, "z": z, "name": graph.node_name[i] or None}
        if i in exchange:
            node |= {"exchange": True, "exchange_index": exchange[i]}
        node |= {key: _plain(column[i]) for key, column in keep.get("node", {}).items()}
        out.add_node(f"n{i}", **_known(node))
    words = {value: word for word, value in BOUNDARIES.items()}
    for b, at in enumerate(graph.boundary_node.tolist()):
        condition = {
            "boundary": words[int(graph.boundary_type[b])],
            "boundary_index": b,
            "boundary_value": float(graph.boundary_value[b]),
            "boundary_haematocrit": float(graph.boundary_haematocrit[b]),
            "boundary_po2": float(graph.boundary_po2[b]),
        }
        out.nodes[f"n{at}"].update(_known(condition))
    for e in range(graph.n_edges):
        edge: dict[str, Any] = {
            "id": f"e{e}",
            "index": e,
            "radius": float(graph.radius[e]),
            "length": float(graph.length[e]),
            "kind": Kind(int(graph.kind[e])).name.lower(),
            "name": graph.edge_name[e] or None,
            "conductance": float(graph.conductance[e]),
            "haematocrit": float(graph.haematocrit[e]),
        }
        edge |= {key: _plain(column[e]) for key, column in keep.get("edge", {}).items()}
        out.add_edge(f"n{graph.tail[e]}", f"n{graph.head[e]}", **_known(edge))
    nx.write_graphml_xml(out, str(path), edge_id_from_attribute="id")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _known(columns: dict[str, Any]) -> dict[str, Any]:
    """Without what is not known; GraphML has no word for it but silence."""
    return {k: v for k, v in columns.items() if not (v is None or (isinstance(v, float) and math.isnan(v)))}
