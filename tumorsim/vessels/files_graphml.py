"""Vessel graphs as GraphML, by networkx.

Nodes carry x, y, z [m], and where they apply name, exchange (true), boundary ("pressure" or "flow"),
boundary_value ([Pa], or [m3/s] inflow), boundary_haematocrit, boundary_po2 [mmHg]. Edges run from source to
target and carry radius [m], kind (a name of `Kind` in small letters), and where known length [m], name,
conductance [m3/s/Pa], haematocrit. `index` keeps the order of the rows. Any other attribute of a node or
an edge is kept in `VesselGraph.attributes`.
"""

from __future__ import annotations

import io
import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any
from xml.parsers import expat

import networkx as nx
import numpy as np

from tumorsim.errors import InputError, nearest
from tumorsim.vessels.flow import boundary_problems
from tumorsim.vessels.graph import FLOW, PRESSURE, Kind, VesselGraph

KINDS = {kind.name.lower(): kind for kind in Kind}
BOUNDARIES = {"pressure": PRESSURE, "flow": FLOW}
NODE_KEYS = (
    "x", "y", "z", "name", "index", "exchange", "exchange_index",
    "boundary", "boundary_index", "boundary_value", "boundary_haematocrit", "boundary_po2",
)  # fmt: skip
EDGE_KEYS = ("radius", "length", "kind", "name", "conductance", "haematocrit", "index", "id")
SHOWN = 20  # problems listed; the rest is only counted


def _scan(path: Path, raw: bytes) -> tuple[dict[str, int], dict[tuple[str, str], list[tuple[int, int]]]]:
    """Line of every node by its id, (number, line) of edges by (source, target). Refuses all but GraphML.

    A document type or entity declaration is refused as soon as it is met, in any encoding: entities can
    expand to gigabytes.
    """
    nodes: dict[str, int] = {}
    edges: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    count = 0
    parser = expat.ParserCreate()
    depth = 0

    def refuse(*_: Any) -> None:
        raise InputError(
            f"{path}:{parser.CurrentLineNumber}: a DOCTYPE or ENTITY declaration, which could expand without "
            "bound, is not read. Remove it"
        )

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        line, bare = parser.CurrentLineNumber, tag.rpartition(":")[2]
        if depth == 0 and bare != "graphml":
            raise InputError(f"{path}:{line}: not GraphML: the document is <{tag}>, not <graphml>")
        depth += 1
        if bare == "node":
            name = attributes.get("id", "")
            if name in nodes:
                raise InputError(f"{path}:{line}: node '{name}' is already in line {nodes[name]}")
            nodes[name] = line
        elif bare == "edge":
            edges[attributes.get("source", ""), attributes.get("target", "")].append((count, line))
            count += 1

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        what = expat.errors.messages.get(error.code, "syntax error")
        raise InputError(f"{path}:{error.lineno}: not GraphML: {what}") from error
    except (LookupError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}:1: not GraphML: {error}") from error
    for ends, places in edges.items():
        for node in ends:
            if node not in nodes:
                raise InputError(f"{path}:{places[0][1]}: an edge names node '{node}', which is not in the graph")
    return nodes, edges


def read_graphml(path: str | Path) -> VesselGraph:
    """Read a vessel graph from GraphML.

    Raises
    ------
    InputError
        With one line `FILE:line: what` for every problem.
    """
    path = Path(path)
    raw = path.read_bytes()
    node_lines, edge_lines = _scan(path, raw)
    try:
        found = nx.read_graphml(io.BytesIO(raw), force_multigraph=True)
    except (nx.NetworkXException, LookupError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: cannot be read as GraphML: {error}") from error
    defaults = {scope: found.graph.get(f"{scope}_default", {}) for scope in ("node", "edge")}
    edges = []
    for u, v, data in found.edges(data=True):
        # networkx may turn the edges of an undirected file round; the file's own direction is kept
        ends = (u, v) if edge_lines.get((u, v)) else (v, u)
        edges.append((*edge_lines[ends].pop(0), *ends, defaults["edge"] | data))
    edges.sort(key=lambda row: row[0])
    if all(_whole(row[4].get("index")) for row in edges):
        edges.sort(key=lambda row: row[4]["index"])
    nodes = [(node_lines[node], node, defaults["node"] | data) for node, data in found.nodes(data=True)]
    if all(_whole(data.get("index")) for *_, data in nodes):
        nodes.sort(key=lambda row: row[2]["index"])
    return _Reader(path).graph(nodes, [row[1:] for row in edges], _graph_attributes(found.graph)).validate()


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _graph_attributes(found: dict[str, Any]) -> dict[str, Any]:
    """What a file says of the whole graph; what was written as JSON is read back."""
    kept = {key: value for key, value in found.items() if key not in ("node_default", "edge_default")}
    try:
        ours = json.loads(kept.pop("attributes", "{}"))
    except (TypeError, ValueError):
        ours = None
    return {"format": "GraphML", "title": "", "notes": []} | kept | (ours if isinstance(ours, dict) else {})


class _Reader:
    """Turns rows of one file into a graph, and collects the problems met on the way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[tuple[int, str]] = []

    def add(self, line: int, what: str) -> None:
        """Note a problem."""
        self.problems.append((line, what))

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

    def graph(self, nodes: list[Any], edges: list[Any], attributes: dict[str, Any]) -> VesselGraph:
        """The graph of (line, id, data) and (line, source, target, data)."""
        names = {name: i for i, (_, name, _) in enumerate(nodes)}
        place, boundary, exchange = [], [], []
        for i, (line, name, data) in enumerate(nodes):
            who = f"node '{name}'"
            place.append([self.number(line, who, data, axis) for axis in "xyz"])
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
        rows = [self.edge(*row) for row in edges]
        if not rows:
            self.add(1, "the graph has no edge: nothing carries blood")
        if not boundary:
            self.add(1, "no node has a boundary condition: no blood can enter")
        self.stop()
        radius, length, kinds, conductance, haematocrit, edge_name = zip(*rows, strict=True)
        _, at, boundary_type, boundary_value, boundary_h, po2s, lines = zip(*boundary, strict=True)
        attributes["node"] = _others([data for *_, data in nodes], NODE_KEYS)
        attributes["edge"] = _others([data for *_, data in edges], EDGE_KEYS)
        pos = np.array(place)
        tail = np.array([names[u] for _, u, _, _ in edges])
        head = np.array([names[v] for _, _, v, _ in edges])
        distance = np.linalg.norm(pos[head] - pos[tail], axis=1)
        graph = VesselGraph(
            node_pos=pos,
            tail=tail,
            head=head,
            radius=np.array(radius),
            length=np.where(np.isnan(length), distance, length),
            kind=np.array(kinds, dtype=np.uint8),
            node_name=[str(data.get("name", "")) for *_, data in nodes],
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
        for e, (line, u, v, _) in enumerate(edges):
            name = graph.edge_name[e]
            if name in seen:
                self.add(line, f"vessel '{name}' is already in line {seen[name]}")
            elif name:
                seen[name] = line
            if graph.length[e] == 0.0:
                self.add(line, f"edge '{u}' to '{v}' has no length: its nodes lie at the same place")
        where = dict(zip(at, lines, strict=True))
        for node, what in boundary_problems(graph):
            self.add(where[node], f"node '{nodes[node][1]}': {what}")
        self.stop()
        return graph

    def edge(self, line: int, tail: str, head: str, data: dict[str, Any]) -> tuple[Any, ...]:
        """Radius, length, kind, conductance, haematocrit and name of one edge."""
        who = f"edge '{tail}' to '{head}'"
        if tail == head:
            self.add(line, f"{who} starts and ends at the same node")
        return (
            self.number(line, who, data, "radius", 0.0),
            self.known(line, who, data, "length", 0.0),
            self.word(line, who, data, "kind", KINDS),
            self.known(line, who, data, "conductance", 0.0, strict=False),
            self.haematocrit(line, who, data, "haematocrit"),
            str(data.get("name", "")),
        )

    def stop(self) -> None:
        """Raise what was found."""
        if self.problems:
            self.problems.sort(key=lambda problem: problem[0])
            more = len(self.problems) - SHOWN
            rest = [f"{self.path}: and {more} more problems"] if more > 0 else []
            raise InputError([f"{self.path}:{line}: {what}" for line, what in self.problems[:SHOWN]] + rest)


def _others(rows: list[dict[str, Any]], ours: tuple[str, ...]) -> dict[str, Any]:
    """Columns this package has no place for: arrays of numbers (nan where a row has none), or lists."""
    found: dict[str, Any] = {}
    for key in sorted({key for row in rows for key in row} - set(ours)):
        column = [row.get(key) for row in rows]
        if all(_whole(value) for value in column):
            found[key] = np.array(column, dtype=np.int64)
        elif all(value is None or _whole(value) or isinstance(value, float) for value in column):
            found[key] = np.array([math.nan if value is None else value for value in column])
        else:
            found[key] = column
    return found
