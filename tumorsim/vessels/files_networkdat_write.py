"""Writing network.dat files (`tumorsim.vessels.files_networkdat` describes the format)."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tumorsim.errors import InputError
from tumorsim.vessels.files_networkdat import MMHG, NL_MIN, UM, UNKNOWN_FLOW, UNKNOWN_HAEMATOCRIT
from tumorsim.vessels.files_text import write_text
from tumorsim.vessels.graph import PRESSURE, Kind, VesselGraph

_WHOLE = re.compile("0|[1-9][0-9]*")
STRAIGHT = 1e-9  # share by which a length may differ from the distance of its ends before it counts as lost
HEAD = (
    "box dimensions in microns",
    "number of tissue points in x,y,z",
    "outer bound distance",
    "max. segment length",
    "max. segments per node",
    "total number of segments",
    "number of nodes",
    "number of boundary nodes",
)
HEADERS = ("name type from to diam {}flow[nl/min] hd", "name x y z", "node bctype press/flow hd po2 solutes")
#: attributes of the graph this format has a place for
HELD = {
    "title", "box_um", "tissue_points", "outer_bound_um", "max_segment_length_um", "max_segments_per_node",
    "relative_flow", "solutes", "head", "headers", "boundary_rest", "left_out", "after",
}  # fmt: skip
MADE = {"format", "notes", "node", "edge", "types"}  # of the reading, not of the network


def _text(value: float) -> str:
    """Shortest text within 15 digits: micrometres read and turned to metres come back as they were."""
    return format(float(value), ".15g")


def losses(graph: VesselGraph) -> list[str]:
    """What of a graph network.dat has no place for, in words."""
    distance = np.linalg.norm(graph.node_pos[graph.head] - graph.node_pos[graph.tail], axis=1)
    numbered = all(_WHOLE.fullmatch(name) for name in graph.node_name)
    numbered = numbered and len(set(graph.node_name)) == graph.n_nodes
    keep = graph.attributes
    title = str(keep.get("title", ""))
    nodes = sorted(set(keep.get("node", {})) - {"rest"})
    edges = sorted(set(keep.get("edge", {})) - {"rest", "flow", "segment_type"})
    others = sorted(k for k, v in keep.items() if k not in HELD | MADE and v not in ("", None))
    h, po2 = graph.boundary_haematocrit, graph.boundary_po2
    column = np.asarray(keep.get("edge", {}).get("flow", np.full(graph.n_edges, np.nan)), dtype=np.float64)
    lost = {
        "kinds of vessels": bool(np.any(graph.kind != Kind.OTHER)),
        "calibrated conductances": not np.isnan(graph.conductance).all(),
        "lengths other than the distance of the end nodes": bool(
            np.any(np.abs(graph.length - distance) > STRAIGHT * graph.length)
        ),
        "exchange nodes": len(graph.exchange) > 0,
        "names of nodes that are not whole numbers": not numbered and any(graph.node_name),
        "a title with more than one line or blank": title != " ".join(title.split()),
        "names of vessels with spaces": any(len(name.split()) > 1 for name in graph.edge_name),
        f"columns of nodes ({', '.join(nodes)})": bool(nodes),
        f"columns of vessels ({', '.join(edges)})": bool(edges),
        f"attributes of the graph ({', '.join(others)})": bool(others),
        # a 0 stands for what is not known, where something known follows: then it can stand for nothing else
        "unknown flows beside flows of zero": _unclear(column, graph.haematocrit),
        "unknown haematocrits of entering blood beside those of zero": _unclear(h, po2),
        "solutes where the oxygen tension is not known": any(
            len(s) and math.isnan(p) for s, p in zip(keep.get("solutes", []), po2, strict=False)
        ),
    }
    return [what for what, is_lost in lost.items() if is_lost]


def _unclear(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    return bool(np.any(np.isnan(first) & ~np.isnan(second)) and np.any(first == 0.0))


def write_network_dat(
    graph: VesselGraph, path: str | Path, *, flow: ArrayLike | None = None, lossy: bool = False
) -> None:
    """Write a graph as network.dat.

    Parameters
    ----------
    graph : VesselGraph
    path : str or Path
        The file is whole or not there.
    flow : array, shape (m,), optional
        Flow column [m3/s]; default the column the graph was read with, else no flow column.
    lossy : bool
        Write although the format has no place for something the graph holds (GraphML has).

    Raises
    ------
    InputError
        Where something would be lost and `lossy` is not set, the graph is unsound, or the file cannot be written.
    """
    graph.validate()
    lost = losses(graph)
    if lost and not lossy:
        raise InputError(f"{path}: network.dat cannot hold: {'; '.join(lost)}. Write GraphML, or allow the loss")
    keep = graph.attributes
    column = keep.get("edge", {}).get("flow") if flow is None else flow
    flows = np.full(graph.n_edges, np.nan) if column is None else np.asarray(column, dtype=np.float64)
    if flows.shape != (graph.n_edges,):
        raise InputError(f"{path}: the flow column must be {graph.n_edges} numbers")
    named = not any("numbers" in what for what in lost) and all(graph.node_name)
    nodes = list(graph.node_name) if named else [str(i + 1) for i in range(graph.n_nodes)]

    extent = np.maximum(np.ptp(graph.node_pos, axis=0), 2.0 * graph.radius.max())  # a box is never flat
    box = keep.get("box_um") or (extent / UM).tolist()
    longest = float(np.max(graph.length)) / UM
    left_out = [(int(at), str(row)) for at, row in keep.get("left_out", [])]
    counts = (graph.n_edges + len(left_out), graph.n_nodes, len(graph.boundary_node))
    numbers = [
        " ".join(map(_text, box)),
        " ".join(str(v) for v in keep.get("tissue_points", (1, 1, 1))),
        _text(keep.get("outer_bound_um", longest)),
        _text(keep.get("max_segment_length_um", longest)),
        str(keep.get("max_segments_per_node", int(graph.degree().max()))),
        *map(str, counts),
    ]
    words, headers = _words(graph, flows)
    head = [f"{number}  {word}".rstrip() for number, word in zip(numbers, words, strict=True)]
    lines = [" ".join(str(keep.get("title", "vessel network")).split()), *head[:6], headers[0]]
    lines += _segments(graph, nodes, flows, left_out)
    lines += [head[6], headers[1]]
    rest = keep.get("node", {}).get("rest", [""] * graph.n_nodes)
    for name, place, more in zip(nodes, graph.node_pos, rest, strict=True):
        lines.append("\t".join([name, *(_text(x / UM) for x in place), *([more] if more else [])]))
    lines += [head[7], headers[2], *_boundary(graph, nodes), *map(str, keep.get("after", []))]
    write_text(path, "\n".join(lines) + "\n")


def _words(graph: VesselGraph, flows: NDArray[np.float64]) -> tuple[list[str], list[str]]:
    """What stands behind the numbers of the head, and the headers: the file's own, while they are still true."""
    keep = graph.attributes
    relative = bool(keep.get("relative_flow"))
    head = keep.get("head") or HEAD
    headers = list(keep.get("headers") or HEADERS)
    said = f"{head[5]} {headers[0]}".lower()
    # the word is how a reader knows that the flows have no absolute unit
    if "headers" not in keep or relative != ("rel" in "".join(c if c.isalpha() else " " for c in said).split()):
        head, headers[0] = HEAD, HEADERS[0].format("rel. " if relative else "")
    marks = (
        (0, UNKNOWN_FLOW, flows, graph.haematocrit),
        (2, UNKNOWN_HAEMATOCRIT, graph.boundary_haematocrit, graph.boundary_po2),
    )
    for i, mark, first, second in marks:
        needed = bool(np.any(np.isnan(first) & ~np.isnan(second))) and not np.any(first == 0.0)
        if needed != (mark in headers[i].lower()):
            headers[i] = f"{headers[i]} {mark}" if needed else HEADERS[i].format("rel. " if relative else "")
    return list(head), headers


def _segments(
    graph: VesselGraph, nodes: list[str], flows: NDArray[np.float64], left_out: list[tuple[int, str]]
) -> list[str]:
    keep = graph.attributes.get("edge", {})
    types = keep.get("segment_type", np.full(graph.n_edges, 5))
    rest = keep.get("rest", [""] * graph.n_edges)
    others = {at: [row for place, row in left_out if place == at] for at, _ in left_out}
    lines = []
    for e, name in enumerate(_edge_names(graph, {row.split()[0] for _, row in left_out})):
        lines += others.get(e, [])
        row: list[Any] = [name, int(types[e]), nodes[graph.tail[e]], nodes[graph.head[e]]]
        row.append(_text(2.0 * graph.radius[e] / UM))
        row += _trailing(flows[e] / NL_MIN, graph.haematocrit[e])
        row += [rest[e]] if rest[e] else []
        lines.append("\t".join(map(str, row)))
    return lines + others.get(graph.n_edges, [])


def _boundary(graph: VesselGraph, nodes: list[str]) -> list[str]:
    keep, count = graph.attributes, len(graph.boundary_node)
    solutes, rest = keep.get("solutes", [[]] * count), keep.get("boundary_rest", [""] * count)
    lines = []
    for b, node in enumerate(graph.boundary_node):
        kind = graph.boundary_type[b]
        row = [nodes[node], str(int(kind)), _text(graph.boundary_value[b] / (MMHG if kind == PRESSURE else NL_MIN))]
        more = _trailing(graph.boundary_haematocrit[b], graph.boundary_po2[b])
        row += more + (list(map(_text, solutes[b])) if len(more) == 2 else [])
        row += [rest[b]] if rest[b] else []
        lines.append("\t".join(row))
    return lines


def _trailing(first: float, second: float) -> list[str]:
    """Columns at the end of a row, as many as are known; an unknown one before a known one is written 0."""
    if math.isnan(second):
        return [] if math.isnan(first) else [_text(first)]
    return [_text(0.0 if math.isnan(first) else first), _text(second)]


def _edge_names(graph: VesselGraph, taken: set[str]) -> list[str]:
    """The names of the vessels, with a free number for each that has none or one with spaces."""
    names = [name if len(name.split()) == 1 else "" for name in graph.edge_name]
    used = taken.union(names)
    free = (str(i) for i in range(1, 2 * (graph.n_edges + len(used)) + 1) if str(i) not in used)
    return [name or next(free) for name in names]
