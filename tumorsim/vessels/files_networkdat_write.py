"""Writing network.dat files (`tumorsim.vessels.files_networkdat` describes the format)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tumorsim.errors import InputError
from tumorsim.vessels.files_networkdat import MMHG, NL_MIN, UM
from tumorsim.vessels.graph import PRESSURE, Kind, VesselGraph

STRAIGHT = 1e-9  # share by which a length may differ from the distance of its ends before it counts as lost


def _text(value: float) -> str:
    """Shortest text within 15 digits: micrometres read and turned to metres come back as they were."""
    return format(float(value), ".15g")


def losses(graph: VesselGraph) -> list[str]:
    """What of a graph network.dat has no place for, in words."""
    distance = np.linalg.norm(graph.node_pos[graph.head] - graph.node_pos[graph.tail], axis=1)
    numbered = all(name.isdigit() for name in graph.node_name) and len(set(graph.node_name)) == graph.n_nodes
    lost = {
        "kinds of vessels": bool(np.any(graph.kind != Kind.OTHER)),
        "calibrated conductances": not np.isnan(graph.conductance).all(),
        "lengths other than the distance of the end nodes": bool(
            np.any(np.abs(graph.length - distance) > STRAIGHT * graph.length)
        ),
        "exchange nodes": len(graph.exchange) > 0,
        "names of nodes that are not whole numbers": not numbered and any(graph.node_name),
        "names of vessels with spaces": any(len(name.split()) > 1 for name in graph.edge_name),
    }
    return [what for what, is_lost in lost.items() if is_lost]


def write_network_dat(
    graph: VesselGraph, path: str | Path, *, flow: ArrayLike | None = None, lossy: bool = False
) -> None:
    """Write a graph as network.dat.

    Parameters
    ----------
    graph : VesselGraph
    path : str or Path
    flow : array, shape (m,), optional
        Flow column [m3/s]; default the column the graph was read with, else no flow column.
    lossy : bool
        Write although the format has no place for something the graph holds (GraphML has).

    Raises
    ------
    InputError
        Where something would be lost and `lossy` is not set, or the graph is unsound.
    """
    graph.validate()
    lost = losses(graph)
    if lost and not lossy:
        raise InputError(f"{path}: network.dat cannot hold: {'; '.join(lost)}. Write GraphML, or allow the loss")
    keep = graph.attributes
    column = keep.get("edge", {}).get("flow") if flow is None else flow
    flows = np.full(graph.n_edges, np.nan) if column is None else np.asarray(column, dtype=np.float64)
    types = keep.get("edge", {}).get("segment_type", np.full(graph.n_edges, 5))
    named = not any("numbers" in what for what in lost) and all(graph.node_name)
    nodes = list(graph.node_name) if named else [str(i + 1) for i in range(graph.n_nodes)]
    if flows.shape != (graph.n_edges,):
        raise InputError(f"{path}: the flow column must be {graph.n_edges} numbers")

    box = keep.get("box_um") or (np.ptp(graph.node_pos, axis=0) / UM).tolist()
    longest = float(np.max(graph.length)) / UM
    lines = [
        str(keep.get("title") or "vessel network"),
        " ".join(map(_text, box)) + "  box dimensions in microns",
        " ".join(str(v) for v in keep.get("tissue_points", (1, 1, 1))) + "  number of tissue points in x,y,z",
        f"{_text(keep.get('outer_bound_um', longest))}  outer bound distance",
        f"{_text(keep.get('max_segment_length_um', longest))}  max. segment length",
        f"{keep.get('max_segments_per_node', int(graph.degree().max()))}  max. segments per node",
        f"{graph.n_edges}  total number of segments",
        # the word is how a reader knows that the flows have no absolute unit
        f"name type from to diam {'rel. ' if keep.get('relative_flow') else ''}flow[nl/min] hd",
    ]
    for e, name in enumerate(_edge_names(graph)):
        row: list[Any] = [name, int(types[e]), nodes[graph.tail[e]], nodes[graph.head[e]]]
        row.append(_text(2.0 * graph.radius[e] / UM))
        row += _trailing(flows[e] / NL_MIN, graph.haematocrit[e])
        lines.append("\t".join(map(str, row)))
    lines += [f"{graph.n_nodes}  number of nodes", "name x y z"]
    for name, place in zip(nodes, graph.node_pos, strict=True):
        lines.append("\t".join([name, *(_text(x / UM) for x in place)]))
    lines += [
        f"{len(graph.boundary_node)}  number of boundary nodes",
        "node bctype press/flow hd po2 solutes",
    ]
    solutes = keep.get("solutes", [[]] * len(graph.boundary_node))
    for b, node in enumerate(graph.boundary_node):
        kind = graph.boundary_type[b]
        row = [
            nodes[node],
            int(kind),
            _text(graph.boundary_value[b] / (MMHG if kind == PRESSURE else NL_MIN)),
        ]
        more = _trailing(graph.boundary_haematocrit[b], graph.boundary_po2[b])
        row += more + (list(map(_text, solutes[b])) if len(more) == 2 else [])
        lines.append("\t".join(map(str, row)))
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _trailing(first: float, second: float) -> list[str]:
    """Columns at the end of a row, as many as are known; an unknown one before a known one is written 0."""
    if math.isnan(second):
        return [] if math.isnan(first) else [_text(first)]
    return [_text(0.0 if math.isnan(first) else first), _text(second)]


def _edge_names(graph: VesselGraph) -> list[str]:
    """The names of the vessels, with a free number for each that has none or one with spaces."""
    names = [name if len(name.split()) == 1 else "" for name in graph.edge_name]
    taken = set(names)
    free = (str(i) for i in range(1, 2 * graph.n_edges + 1) if str(i) not in taken)
    return [name or next(free) for name in names]
