"""GraphML as rows with their lines: what a file says, in its own words, before it becomes a vessel graph.

GraphML (Brandes, Eiglsperger, Herman, Himsolt, Marshall 2002): keys declare typed attributes of nodes, edges
and the graph; elements carry data by key. Parsed by expat, so that every problem has its line and nothing is
lost: identities, types, defaults, descriptions and comments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from tumorsim.errors import InputError, nearest

SHOWN = 20  # problems listed; the rest is only counted
SCOPES = ("graph", "node", "edge")
WHOLE, REAL = ("int", "long", "integer", "short"), ("float", "double", "real")
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


@dataclass
class Row:
    """One node, edge or graph: the line it starts in, its identity ("" for none), ends, attributes by name."""

    line: int
    name: str = ""
    source: str = ""
    target: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    raw: list[tuple[int, str, str | None]] = field(default_factory=list)  # line, key, text (None: nested)

    def who(self) -> str:
        """The row in words."""
        if self.source or self.target:
            return f"edge '{self.source}' to '{self.target}'"
        return f"node '{self.name}'" if self.name else "the graph"


@dataclass
class Key:
    """A declared attribute."""

    line: int
    scope: str
    name: str
    type: str
    default: str | None = None


@dataclass
class Document:
    """A parsed file.

    ``types[scope][name]`` is the declared type of an attribute; ``shared`` are those declared for all scopes
    at once.
    """

    graph: Row
    nodes: list[Row] = field(default_factory=list)
    edges: list[Row] = field(default_factory=list)
    types: dict[str, dict[str, str]] = field(default_factory=lambda: {scope: {} for scope in SCOPES})
    shared: set[str] = field(default_factory=set)
    comments: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Problems:
    """What is wrong with one file, line by line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: list[tuple[int, str]] = []

    def add(self, line: int, what: str) -> None:
        """Note a problem."""
        self.found.append((line, what))

    def error(self) -> InputError:
        """All problems so far, in the order of the file."""
        found = sorted(self.found, key=lambda problem: problem[0])
        more = len(found) - SHOWN
        rest = [f"{self.path}: and {more} more problems"] if more > 0 else []
        return InputError([f"{self.path}:{line}: {what}" for line, what in found[:SHOWN]] + rest)

    def stop(self) -> None:
        """Raise what was found."""
        if self.found:
            raise self.error()


def parse(path: Path, raw: bytes, ours: Callable[[str, str], bool]) -> Document:
    """Read the rows of a GraphML file.

    Parameters
    ----------
    path : Path
        Named in messages.
    raw : bytes
        What the file holds, in any encoding expat reads.
    ours : callable
        Whether the attribute (scope, name) is one the caller checks itself: then a value that is not of its
        declared type is handed over as text.

    Raises
    ------
    InputError
        With one line `FILE:line: what` for every problem. A document type or entity declaration is refused as
        soon as it is met, in any encoding: entities can expand to gigabytes.
    """
    scan = _Scan(path)
    scan.run(raw)
    return scan.document(ours)


class _Scan:
    """The handlers of expat and what they have gathered."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems = Problems(path)
        self.parser = expat.ParserCreate()
        self.tags: list[str] = []
        self.owners: list[Row] = []
        self.keys: dict[str, Key] = {}
        self.key = ""
        self.out = Document(Row(1))
        self.graphs = 0
        self.text: list[str] = []
        self.nested = False
        self.lines: dict[tuple[str, str], int] = {}  # ("node" or "edge", identity) -> line

    def run(self, raw: bytes) -> None:
        parser = self.parser
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = self.refuse
        parser.StartElementHandler, parser.EndElementHandler = self.start, self.end
        parser.CharacterDataHandler = self.text.append
        parser.CommentHandler = self.out.comments.append
        parser.buffer_text = True
        try:
            parser.Parse(raw, True)
        except expat.ExpatError as error:
            what = expat.errors.messages.get(error.code, "syntax error")
            raise InputError(f"{self.path}:{error.lineno}: not GraphML: {what}") from error
        except InputError:
            raise
        except (LookupError, ValueError) as error:
            raise InputError(f"{self.path}:1: not GraphML: {error}") from error

    def refuse(self, *_: Any) -> None:
        line = self.parser.CurrentLineNumber
        what = "a DOCTYPE or ENTITY declaration, which could expand without bound, is not read. Remove it"
        raise InputError(f"{self.path}:{line}: {what}")

    def start(self, tag: str, given: dict[str, str]) -> None:
        line, bare = self.parser.CurrentLineNumber, tag.rpartition(":")[2]
        if not self.tags and bare != "graphml":
            raise InputError(f"{self.path}:{line}: not GraphML: the document is <{tag}>, not <graphml>")
        within = {"data", "default"}.intersection(self.tags)
        self.tags.append(bare)
        if within:
            self.nested = True
            return
        if bare in ("data", "default", "desc"):
            self.text.clear()
            self.nested = False
            self.key = given.get("key", "") if bare == "data" else self.key
        elif bare == "key":
            self.declare(line, given)
        elif bare == "graph":
            self.graphs += 1
            if self.graphs > 1:
                self.problems.add(line, "a second graph; a file holds one network")
            self.out.graph.line = line
            self.owners.append(self.out.graph)
        elif bare in ("node", "edge"):
            row = Row(line, given.get("id", ""), given.get("source", ""), given.get("target", ""))
            self.owners.append(row)
            (self.out.nodes if bare == "node" else self.out.edges).append(row)
            if bare == "node" and not row.name:
                self.problems.add(line, "a node without id")
            elif row.name:
                self.once(bare, row)
        elif bare in ("hyperedge", "port"):
            self.problems.add(line, f"a {bare}: a vessel joins two nodes")

    def declare(self, line: int, given: dict[str, str]) -> None:
        self.key = given.get("id", "")
        if self.key in self.keys:
            self.problems.add(line, f"key '{self.key}' is already in line {self.keys[self.key].line}")
        name = given.get("attr.name", self.key)
        self.keys[self.key] = Key(line, given.get("for", "all"), name, given.get("attr.type", "string").lower())

    def once(self, what: str, row: Row) -> None:
        before = self.lines.get((what, row.name))
        if before is not None:
            self.problems.add(row.line, f"{what} '{row.name}' is already in line {before}")
        self.lines.setdefault((what, row.name), row.line)

    def end(self, tag: str) -> None:
        bare = self.tags.pop()
        line, text = self.parser.CurrentLineNumber, "".join(self.text)
        if {"data", "default"}.intersection(self.tags):
            return
        inside = self.tags[-1] if self.tags else ""
        if bare == "default" and self.key in self.keys:
            self.keys[self.key].default = text
        elif bare == "data" and self.owners:
            self.owners[-1].raw.append((line, self.key, None if self.nested else text))
        elif bare == "desc" and self.owners and inside in SCOPES:
            self.owners[-1].data["desc"] = text
        elif bare in SCOPES and self.owners:
            self.owners.pop()

    def document(self, ours: Callable[[str, str], bool]) -> Document:
        out = self.out
        names = {row.name for row in out.nodes}
        for row in out.edges:
            for node in dict.fromkeys((row.source, row.target)):
                if node not in names:
                    guess = nearest(node, names)
                    self.problems.add(row.line, f"an edge names node '{node}', which is not in the graph.{guess}")
        out.shared = {key.name for key in self.keys.values() if key.scope not in SCOPES}
        for scope, rows in (("graph", [out.graph]), ("node", out.nodes), ("edge", out.edges)):
            declared = [key for key in self.keys.values() if key.scope in (scope, "all")]
            out.types[scope] = {key.name: key.type for key in declared}
            base = [key for key in declared if key.default is not None]
            for row in rows:
                for key in base:
                    self.put(row, key, key.line, str(key.default), scope, ours)
                for line, name, text in row.raw:
                    if name not in self.keys:
                        what = f"{row.who()}: data of key '{name}', which no <key> declares"
                        self.problems.add(line, f"{what}.{nearest(name, self.keys)}")
                    elif text is None:
                        note = f"the nested elements of attribute '{self.keys[name].name}' are not read"
                        out.notes += [] if note in out.notes else [note]
                    else:
                        self.put(row, self.keys[name], line, text, scope, ours)
        self.problems.stop()
        return out

    def put(self, row: Row, key: Key, line: int, text: str, scope: str, ours: Callable[[str, str], bool]) -> None:
        try:
            row.data[key.name] = _value(key.type, text)
        except (ValueError, KeyError):
            row.data[key.name] = text
            if not ours(scope, key.name):
                self.problems.add(line, f"{row.who()}: {key.name} '{text}' is not of its type, {key.type}")


def _value(kind: str, text: str) -> Any:
    if kind in WHOLE:
        return int(text)
    if kind in REAL:
        return float(text)
    return BOOLEANS[text.strip().lower()] if kind == "boolean" else text
