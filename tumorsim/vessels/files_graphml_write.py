"""Writing GraphML files of vessel graphs (`tumorsim.vessels.files_graphml` describes them)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from tumorsim.errors import InputError
from tumorsim.vessels.files_graphml import BOUNDARIES, EDGE_KEYS, NODE_KEYS, RESERVED
from tumorsim.vessels.files_graphml_parse import REAL, WHOLE
from tumorsim.vessels.files_text import write_text
from tumorsim.vessels.graph import Kind, VesselGraph

# what XML 1.0 cannot hold, and the carriage return, which a reader turns into a line feed
_FORBIDDEN = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_SPACE = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'


def write_graphml(graph: VesselGraph, path: str | Path) -> None:
    """Write every column and attribute of a graph; `read_graphml` gives an equal graph back, to the bit.

    Attributes of the graph that are one text, number or truth value become data of the graph; what has a
    structure (lists, tables) is written as JSON in the data `attributes`. The file is whole or not there.

    Raises
    ------
    InputError
        Where the graph is unsound, an attribute has a name this package uses, a column a wrong number of rows,
        a text a character XML cannot hold, or where the file cannot be written.
    """
    graph.validate()
    keep = graph.attributes
    wrong = [f"{path}: {what}" for what in _problems(graph)]
    if wrong:
        raise InputError(wrong)
    lines = _Lines(keep.get("types", {}))
    plain = {k: v for k, v in keep.items() if k not in RESERVED and isinstance(_plain(v), str | bool | int | float)}
    rest = {k: v for k, v in keep.items() if k not in RESERVED and k not in plain}
    if rest:
        plain["attributes"] = json.dumps(rest, default=lambda array: array.tolist())
    lines.data("graph", {key: _plain(value) for key, value in plain.items()}, "    ")
    _nodes(graph, lines)
    _edges(graph, lines)
    for scope in ("node", "edge"):
        for name, column in keep.get(scope, {}).items():
            if all(value is None for value in column) or _all_nan(column):
                lines.key(scope, name, "double" if isinstance(column, np.ndarray) else "string")
    comments = [f"<!--{text}-->" for text in keep.get("comments", [])]
    graph_start = '  <graph edgedefault="directed">'
    text = [_HEAD, *comments, _SPACE, *lines.keys.values(), graph_start, *lines.body, "  </graph>", "</graphml>"]
    write_text(path, "\n".join(text) + "\n")


def _nodes(graph: VesselGraph, lines: _Lines) -> None:
    keep = graph.attributes
    identity = _identities(keep.get("node_id"), "n", graph.n_nodes)
    exchange = {int(node): order for order, node in enumerate(graph.exchange)}
    boundary = {int(node): b for b, node in enumerate(graph.boundary_node)}
    words = {value: word for word, value in BOUNDARIES.items()}
    for i in range(graph.n_nodes):
        x, y, z = graph.node_pos[i].tolist()
        node: dict[str, Any] = {"index": i, "x": x, "y": y, "z": z, "name": graph.node_name[i] or None}
        if i in exchange:
            node |= {"exchange": True, "exchange_index": exchange[i]}
        if i in boundary:
            b = boundary[i]
            node |= {
                "boundary": words[int(graph.boundary_type[b])],
                "boundary_index": b,
                "boundary_value": float(graph.boundary_value[b]),
                "boundary_haematocrit": float(graph.boundary_haematocrit[b]),
                "boundary_po2": float(graph.boundary_po2[b]),
            }
        node |= {key: _plain(column[i]) for key, column in keep.get("node", {}).items()}
        lines.element(f"<node id={quoteattr(identity[i])}", "node", node)


def _edges(graph: VesselGraph, lines: _Lines) -> None:
    keep = graph.attributes
    node = _identities(keep.get("node_id"), "n", graph.n_nodes)
    identity = _identities(keep.get("edge_id"), "e", graph.n_edges)
    for e in range(graph.n_edges):
        edge: dict[str, Any] = {
            "index": e,
            "radius": float(graph.radius[e]),
            "length": float(graph.length[e]),
            "kind": Kind(int(graph.kind[e])).name.lower(),
            "name": graph.edge_name[e] or None,
            "conductance": float(graph.conductance[e]),
            "haematocrit": float(graph.haematocrit[e]),
        }
        edge |= {key: _plain(column[e]) for key, column in keep.get("edge", {}).items()}
        own = f" id={quoteattr(identity[e])}" if identity[e] else ""
        ends = f"source={quoteattr(node[graph.tail[e]])} target={quoteattr(node[graph.head[e]])}"
        lines.element(f"<edge{own} {ends}", "edge", edge)


class _Lines:
    """The lines of a file, and the keys they need."""

    def __init__(self, types: dict[str, dict[str, str]]) -> None:
        self.types = types
        self.keys: dict[tuple[str, str, str], str] = {}
        self.numbers: dict[tuple[str, str, str], str] = {}
        self.body: list[str] = []

    def key(self, scope: str, name: str, kind: str) -> str:
        """The identity of a key, declared when first needed."""
        given = self.types.get(scope, {}).get(name, kind)
        # the type named by the file the graph came from, where it is as wide as what is to be written
        same = (kind == "long" and given in WHOLE) or (kind == "double" and given in REAL)
        known = (scope, name, given if same else kind)
        if known not in self.keys:
            number = self.numbers[known] = f"d{len(self.keys)}"
            what = f'for="{scope}" attr.name={quoteattr(name)} attr.type="{known[2]}"'
            self.keys[known] = f'  <key id="{number}" {what}/>'
        return self.numbers[known]

    def data(self, scope: str, columns: dict[str, Any], indent: str) -> None:
        """One data element for every value that is known; GraphML has no word for nan but silence."""
        for name, value in columns.items():
            if value is None or (isinstance(value, float) and math.isnan(value)):
                continue
            kind = next(
                word
                for word, t in (("boolean", bool), ("long", int), ("double", float), ("string", object))
                if isinstance(value, t)
            )
            text = str(value).lower() if kind == "boolean" else str(value)
            self.body.append(f'{indent}<data key="{self.key(scope, name, kind)}">{escape(text)}</data>')

    def element(self, start: str, scope: str, columns: dict[str, Any]) -> None:
        """A node or an edge."""
        self.body.append(f"    {start}>")
        self.data(scope, columns, "      ")
        self.body.append(f"    </{scope}>")


def _problems(graph: VesselGraph) -> Iterable[str]:
    keep = graph.attributes
    for scope, n, ours in (("node", graph.n_nodes, NODE_KEYS), ("edge", graph.n_edges, EDGE_KEYS)):
        for name, column in keep.get(scope, {}).items():
            if name in ours:
                yield f"a column of {scope}s must not be called '{name}': this package uses the name"
            if len(column) != n:
                yield f"column '{name}' of {scope}s has {len(column)} rows instead of {n}"
        ids = keep.get(f"{scope}_id")
        given = [name for name in ids or [] if name]
        if ids is not None and (len(ids) != n or len(set(given)) < len(given) or (scope == "node" and "" in ids)):
            yield f"attribute '{scope}_id' must be {n} different names"
    for what, text in _texts(graph):
        bad = _FORBIDDEN.search(text)
        if bad:
            yield f"{what}: XML cannot hold the character {bad.group()!r}"
    for text in keep.get("comments", []):
        if "--" in text or text.endswith("-"):
            yield "a comment cannot hold '--' or end in '-'"


def _texts(graph: VesselGraph) -> Iterable[tuple[str, str]]:
    keep = graph.attributes
    yield from (("the name of a node", name) for name in graph.node_name)
    yield from (("the name of a vessel", name) for name in graph.edge_name)
    for scope in ("node", "edge"):
        for name, column in keep.get(scope, {}).items():
            yield f"the name of a column of {scope}s", name
            yield from ((f"column '{name}' of {scope}s", value) for value in column if isinstance(value, str))
        yield from ((f"attribute '{scope}_id'", name) for name in keep.get(f"{scope}_id") or [])
    yield from ((f"attribute '{key}'", value) for key, value in keep.items() if isinstance(value, str))
    yield from (("a comment", text) for text in keep.get("comments", []))


def _identities(given: list[str] | None, letter: str, n: int) -> list[str]:
    return [f"{letter}{i}" for i in range(n)] if given is None else list(given)


def _all_nan(column: Any) -> bool:
    return isinstance(column, np.ndarray) and column.dtype.kind == "f" and bool(np.isnan(column).all())


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
