"""Vessel graphs as GraphML.

Nodes carry x, y, z [m], and where they apply name, exchange (true), boundary ("pressure" or "flow"),
boundary_value ([Pa], or [m3/s] inflow), boundary_haematocrit, boundary_po2 [mmHg]. Edges run from source to
target and carry radius [m], kind (a name of `Kind` in small letters), and where known length [m], name,
conductance [m3/s/Pa], haematocrit. `index` keeps the order of the rows. Any other attribute of a node, an
edge or the graph is kept in `VesselGraph.attributes` (`node`, `edge`: columns; `types`: their types in the
file, where they are not the common ones; `node_id`, `edge_id`: identities; `comments`), and written back.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from tumorsim.errors import nearest
from tumorsim.vessels.boundaries import boundary_problems, pieces_at_rest
from tumorsim.vessels.files_graphml_parse import REAL, WHOLE, Document, Problems, Row, parse
from tumorsim.vessels.files_text import MOST_PLACE, MOST_RADIUS
from tumorsim.vessels.graph import FLOW, PRESSURE, Kind, VesselGraph, copies

KINDS = {kind.name.lower(): kind for kind in Kind}
BOUNDARIES = {"pressure": PRESSURE, "flow": FLOW}
NODE_KEYS = (
    "x", "y", "z", "name", "index", "exchange", "exchange_index",
    "boundary", "boundary_index", "boundary_value", "boundary_haematocrit", "boundary_po2",
)  # fmt: skip
EDGE_KEYS = ("radius", "length", "kind", "name", "conductance", "haematocrit", "index")
#: attributes of the graph that this package writes in its own way
RESERVED = ("attributes", "comments", "edge", "edge_id", "format", "node", "node_id", "types")
COMMON = ("boolean", "double", "long", "string")  # the types written where the file named no other


def _ours(scope: str, name: str) -> bool:
    return name in {"node": NODE_KEYS, "edge": EDGE_KEYS}.get(scope, ())


def read_graphml(path: str | Path) -> VesselGraph:
    """Read a vessel graph from GraphML.

    Raises
    ------
    InputError
        With one line `FILE:line: what` for every problem.
    """
    path = Path(path)
    found = parse(path, path.read_bytes(), _ours)
    for rows in (found.nodes, found.edges):
        if rows and all(row.name == row.data.get("id", row.name) for row in rows):
            for row in rows:  # a copy of the identity, as networkx writes it
                row.data.pop("id", None)
        if all(_whole(row.data.get("index")) for row in rows):
            rows.sort(key=lambda row: row.data["index"])
    attributes = _graph_attributes(found)
    graph = _Reader(path).graph(found.nodes, found.edges, attributes)
    for scope, n in (("node", graph.n_nodes), ("edge", graph.n_edges)):
        for name, kind in found.types[scope].items():
            if not _ours(scope, name) and name not in attributes[scope] and name not in found.shared:
                attributes[scope][name] = np.full(n, math.nan) if kind in WHOLE + REAL else [None] * n
    return graph.validate()


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _graph_attributes(found: Document) -> dict[str, Any]:
    """What a file says of the whole graph; what was written as JSON is read back."""
    kept = dict(found.graph.data)
    text = kept.pop("attributes", None)
    try:
        ours = json.loads(text) if text is not None else {}
    except (TypeError, ValueError):
        ours = None
    if isinstance(ours, dict):
        kept |= ours
    else:
        kept["attributes"] = text
    notes = [*kept.pop("notes", []), *found.notes]
    out = {"title": "", **kept, "format": "GraphML", "notes": list(dict.fromkeys(notes))}
    if found.comments:
        out["comments"] = found.comments
    types = {
        scope: {
            name: kind
            for name, kind in names.items()
            if kind not in COMMON and not _ours(scope, name) and (scope != "graph" or name in found.graph.data)
        }
        for scope, names in found.types.items()
    }
    if any(types.values()):
        out["types"] = {scope: names for scope, names in types.items() if names}
    for what, rows, letter in (("node_id", found.nodes, "n"), ("edge_id", found.edges, "e")):
        names = [row.name for row in rows]
        if any(names) and names != [f"{letter}{i}" for i in range(len(names))]:
            out[what] = names
    return out


class _Reader:
    """Turns rows of one file into a graph, and collects the problems met on the way."""

    def __init__(self, path: Path) -> None:
        self.problems = Problems(path)
        self.add, self.stop = self.problems.add, self.problems.stop

    def number(self, line: int, who: str, data: dict[str, Any], key: str, least: float | None = None) -> float:
        """A finite number above `least` that has to be there; nan (and a problem) where it is none."""
        if key not in data:
            self.add(line, f"{who} has no attribute '{key}'.{nearest(key, data)}")
            return math.nan
        return self.known(line, who, data, key, least)

    def known(
        self,
        line: int,
        who: str,
        data: dict[str, Any],
        key: str,
        least: float | None = None,
        strict: bool = True,
    ) -> float:
        """As `number`; nan where the attribute is not there."""
        if key not in data:
            return math.nan
        try:
            value = float(data[key])
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            self.add(line, f"{who}: {key} '{data[key]}' is not a number")
        elif least is not None and (value <= least if strict else value < least):
            self.add(line, f"{who}: {key} {value:g} is not {'above' if strict else 'at least'} {least:g}")
        return value

    def haematocrit(self, line: int, who: str, data: dict[str, Any], key: str) -> float:
        """As `known`, from 0 to below 1."""
        value = self.known(line, who, data, key, 0.0, strict=False)
        if value >= 1.0:
            self.add(line, f"{who}: {key} {value:g} is not below 1")
        return value

    def word(self, line: int, who: str, data: dict[str, Any], key: str, allowed: dict[str, Any]) -> int:
        """The number that stands for a word; 0 (and a problem) where the word is not known."""
        if key not in data:
            self.add(line, f"{who} has no attribute '{key}'. Allowed: {', '.join(allowed)}")
            return 0
        text = str(data[key]).strip().lower()
        if text not in allowed:
            guess = nearest(text, allowed)
            self.add(line, f"{who}: unknown {key} '{data[key]}'.{guess} Allowed: {', '.join(allowed)}")
        return int(allowed.get(text, 0))

    def graph(self, nodes: list[Row], edges: list[Row], attributes: dict[str, Any]) -> VesselGraph:
        """The graph of the rows of a file."""
        names = {row.name: i for i, row in enumerate(nodes)}
        place, boundary, exchange = [], [], []
        for i, node in enumerate(nodes):
            line, data, who = node.line, node.data, node.who()
            place.append([self.number(line, who, data, axis) for axis in "xyz"])
            if any(abs(axis) > MOST_PLACE for axis in place[-1]):
                self.add(line, f"{who} lies more than {MOST_PLACE:g} m off. Is its unit (m) right?")
            if "boundary" in data:
                kind = self.word(line, who, data, "boundary", BOUNDARIES)
                value = self.number(line, who, data, "boundary_value")
                h = self.haematocrit(line, who, data, "boundary_haematocrit")
                po2 = self.known(line, who, data, "boundary_po2", 0.0, strict=False)
                boundary.append((data.get("boundary_index", i), i, kind, value, h, po2, line))
            elif "boundary_value" in data:
                self.add(line, f"{who} has a boundary_value but no attribute 'boundary' (pressure or flow)")
            if str(data.get("exchange", False)).lower() in ("true", "1"):
                exchange.append((data.get("exchange_index", i), i))
        boundary.sort(key=lambda row: row[:2])
        rows = [self.edge(row) for row in edges]
        if not rows:
            self.add(1, "the graph has no edge: nothing carries blood")
        if not boundary:
            self.add(1, "no node has a boundary condition: no blood can enter")
        self.stop()
        radius, length, kinds, conductance, haematocrit, edge_name = zip(*rows, strict=True)
        _, at, boundary_type, boundary_value, boundary_h, po2s, lines = zip(*boundary, strict=True)
        attributes["node"] = _others(nodes, NODE_KEYS)
        attributes["edge"] = _others(edges, EDGE_KEYS)
        pos = np.array(place)
        tail = np.array([names[row.source] for row in edges])
        head = np.array([names[row.target] for row in edges])
        distance = np.linalg.norm(pos[head] - pos[tail], axis=1)
        graph = VesselGraph(
            node_pos=pos,
            tail=tail,
            head=head,
            radius=np.array(radius),
            length=np.where(np.isnan(length), distance, length),
            kind=np.array(kinds, dtype=np.uint8),
            node_name=[str(row.data.get("name", "")) for row in nodes],
            edge_name=edge_name,
            conductance=np.array(conductance),
            haematocrit=np.array(haematocrit),
            boundary_node=np.array(at),
            boundary_type=np.array(boundary_type, dtype=np.uint8),
            boundary_value=np.array(boundary_value),
            boundary_haematocrit=np.array(boundary_h),
            boundary_po2=np.array(po2s),
            exchange=np.array([i for _, i in sorted(exchange)], dtype=np.int32),
            attributes=attributes,
        )
        seen: dict[str, int] = {}
        for e, row in enumerate(edges):
            name = graph.edge_name[e]
            if name in seen:
                self.add(row.line, f"vessel '{name}' is already in line {seen[name]}")
            elif name:
                seen[name] = row.line
            if graph.length[e] == 0.0:
                what = "has no length: its nodes lie at the same place"
                self.add(row.line, f"edge '{row.source}' to '{row.target}' {what}")
        where = dict(zip(at, lines, strict=True))
        for bad, what in boundary_problems(graph):
            self.add(where[bad], f"{nodes[bad].who()}: {what}")
        self.stop()
        for e, what in [*copies(graph), *pieces_at_rest(graph)]:
            attributes["notes"].append(f"line {edges[e].line}: {edges[e].who()}: {what}")
        attributes["notes"] = list(dict.fromkeys(attributes["notes"]))
        return graph

    def edge(self, row: Row) -> tuple[Any, ...]:
        """Radius, length, kind, conductance, haematocrit and name of one edge."""
        line, data, who = row.line, row.data, row.who()
        if row.source == row.target:
            self.add(line, f"{who} starts and ends at the same node")
        radius = self.number(line, who, data, "radius", 0.0)
        if radius > MOST_RADIUS:
            self.add(line, f"{who}: radius {radius:g} is wider than any vessel. Is its unit (m) right?")
        return (
            radius,
            self.known(line, who, data, "length", 0.0),
            self.word(line, who, data, "kind", KINDS),
            self.known(line, who, data, "conductance", 0.0, strict=False),
            self.haematocrit(line, who, data, "haematocrit"),
            str(data.get("name", "")),
        )


def _others(rows: list[Row], ours: tuple[str, ...]) -> dict[str, Any]:
    """Columns this package has no place for.

    Arrays of whole numbers, arrays of numbers (nan where a row has none), else lists (None where a row has none).
    """
    found: dict[str, Any] = {}
    for key in sorted({key for row in rows for key in row.data} - set(ours)):
        column = [row.data.get(key) for row in rows]
        known = [value for value in column if value is not None]
        if not all(_whole(value) or isinstance(value, float) for value in known):
            found[key] = column
        elif all(map(_whole, column)) and max(abs(value) for value in known) < 2**63:
            found[key] = np.array(column, dtype=np.int64)
        elif all(isinstance(value, float) for value in known):
            found[key] = np.array([math.nan if value is None else value for value in column])
        else:
            found[key] = column
    return found
