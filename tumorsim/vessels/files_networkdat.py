"""The network.dat exchange format of microvascular networks (T. W. Secomb, NetFlow and Greens programs).

In order: title; box [um]; tissue points; outer bound distance; longest segment; most segments at a node;
number of segments, a header and the segments (name, type, from, to, diameter [um], flow [nl/min], discharge
haematocrit); number of nodes, a header and the nodes (name, x, y, z [um]); number of boundary nodes, a
header and those (node, type 0 = pressure [mmHg] or 2 = inflow [nl/min], value, haematocrit, pO2 [mmHg],
further solutes). Only segments of types 4 and 5 carry blood.

Nothing of a file is lost: text after the numbers of a row, further columns, the words of the head, headers,
rows of other types and lines after the last table are kept in `VesselGraph.attributes` and written again.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tumorsim.errors import InputError
from tumorsim.vessels.boundaries import boundary_problems, pieces_at_rest
from tumorsim.vessels.files_text import MOST_PLACE, MOST_RADIUS, read_lines
from tumorsim.vessels.graph import FLOW, PRESSURE, Kind, VesselGraph, copies

UM = 1e-6  # m
NL_MIN = 1e-12 / 60.0  # m3/s
MMHG = 133.322387415  # Pa
FLOWING = (4, 5)  # types of segments that carry blood
UNKNOWN_FLOW, UNKNOWN_HAEMATOCRIT = "(flow:0=unknown)", "(hd:0=unknown)"  # words of a header, by our writer
SHOWN = 20  # problems listed; the rest is only counted

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)


def _number(word: str) -> float | None:
    """The number a word is (Fortran's D exponents too, a comment's star after it ignored), or None."""
    bare = word.rstrip("*")
    return float(bare.lower().replace("d", "e")) if _NUMBER.fullmatch(bare) else None


def _leading(words: Sequence[str]) -> list[float]:
    """The numbers a line starts with; whatever follows the last of them is a comment."""
    found: list[float] = []
    for word in words:
        value = _number(word)
        if value is None:
            break
        found.append(value)
    return found


class _Reader:
    """The lines of one file, split in words, and the problems met on the way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[tuple[int, str]] = []
        lines = read_lines(path)
        self.lines = [(i, line.split()) for i, line in enumerate(lines, start=1) if line.strip()]
        self.last = max(len(lines), 1)
        self.next = 0
        self.title = ""
        self.head: list[str] = []  # what follows the numbers of the head's lines and of the counts
        self.headers: list[str] = []  # of the tables; "" where there is none
        # a blank title is legal: then the first line that is not blank is already the box
        if self.lines and (lines[0].strip() or len(_leading(self.lines[0][1])) < 3):
            self.title = " ".join(self.lines[0][1])
            self.next = 1

    def add(self, line: int, what: str) -> None:
        """Note a problem."""
        self.problems.append((line, what))

    def error(self) -> InputError:
        """All problems so far, in the order of the file."""
        self.problems.sort(key=lambda problem: problem[0])
        more = len(self.problems) - SHOWN
        rest = [f"{self.path}: and {more} more problems"] if more > 0 else []
        return InputError([f"{self.path}:{line}: {what}" for line, what in self.problems[:SHOWN]] + rest)

    def fail(self, line: int, what: str) -> InputError:
        """The problems so far and one after which nothing more can be read."""
        self.add(line, what)
        return self.error()

    def take(self, expected: str) -> tuple[int, list[str]]:
        """The next line that is not blank."""
        if self.next >= len(self.lines):
            raise self.fail(self.last, f"the file ends where {expected} should follow. Is it truncated?")
        self.next += 1
        return self.lines[self.next - 1]

    def values(self, count: int, what: str) -> list[float]:
        """Numbers of a line of the head of the file."""
        line, words = self.take(what)
        found = _leading(words)[:count]
        if len(found) < count or not all(map(math.isfinite, found)):
            raise self.fail(line, f"{what}: expected {count} number(s), found '{' '.join(words)}'")
        self.head.append(" ".join(words[count:]))
        return found

    def table(self, what: str, after: str, least: int, row: Callable[[int, list[str]], None]) -> None:
        """Read a count, a header and that many rows of at least `least` numbers (the name included)."""
        at, words = self.take(f"the number of {what}s")
        found = _leading(words)
        if after and len(found) > 2:
            raise self.fail(at, f"one {after} more than its count announces (or the number of {what}s is missing)")
        if not found or found[0] < 0 or not found[0].is_integer():
            raise self.fail(at, f"expected the number of {what}s, found '{' '.join(words)}'")
        count = int(found[0])
        self.head.append(" ".join(words[1:]))
        self.headers.append("")
        if count and self.next < len(self.lines):
            header = self.lines[self.next][1]
            # a header that was blank has been skipped already: then this is the first row
            if len(_leading(header[1:])) < least - 1:
                self.headers[-1] = " ".join(header)
                self.next += 1
        for k in range(count):
            line, words = self.take(f"{what} {k + 1} of the {count} announced in line {at}")
            values = [_number(word) for word in words]
            if values[0] is not None and not any(v is not None for v in values[1:]):
                raise self.fail(line, f"line {at} announces {count} {what}s, but only {k} come before this line")
            if len(words) < least:
                self.add(line, f"{what} {k + 1} of {count}: expected {least} numbers, found '{' '.join(words)}'")
            else:
                row(line, words)

    def node(self, line: int, word: str, what: str) -> str:
        """A node number as text without leading zeros; "" (and a problem) where it is none."""
        value = _number(word)
        if value is None or not value.is_integer():
            self.add(line, f"{what}: node number '{word}' is not a whole number")
            return ""
        return str(int(word) if word.isdigit() else int(value))

    def real(self, line: int, word: str, what: str) -> float:
        """A finite number; nan (and a problem) where it is none."""
        value = _number(word)
        if value is None or not math.isfinite(value):
            self.add(line, f"{what} '{word}' is not a number")
            return math.nan
        return value

    def optional(self, line: int, words: Sequence[str], what: str) -> float:
        """As `real` for the first of the words; nan where the line has no number there."""
        return self.real(line, words[0], what) if words and _number(words[0]) is not None else math.nan

    def haematocrit(self, line: int, words: Sequence[str], what: str) -> float:
        """As `optional`, and from 0 to below 1."""
        value = self.optional(line, words, f"{what}: haematocrit")
        if not math.isnan(value) and not 0.0 <= value < 1.0:
            self.add(line, f"{what}: haematocrit {value:g} is not from 0 to below 1")
        return value


def read_network_dat(path: str | Path) -> VesselGraph:
    """Read a network.dat file.

    Lengths are the distances between the end nodes. `attributes` holds `title`, `box_um`, `tissue_points`,
    `outer_bound_um`, `max_segment_length_um`, `max_segments_per_node`, `relative_flow`, `notes` (what was
    left out or matters), `edge` (`segment_type`; `flow`, the file's flow column [m3/s]), `solutes` of the
    boundary nodes, and the text of the file: `head`, `headers`, `rest` (after the numbers of a row; in `edge`
    and `node`), `boundary_rest`, `left_out` ([number of the row before which it stands, row]) and `after`.

    Raises
    ------
    InputError
        With one line `FILE:line: what` for every problem.
    """
    path = Path(path)
    reader = _Reader(path)
    if not reader.lines:
        raise reader.fail(1, "the file is empty")
    attributes: dict[str, Any] = {"format": "network.dat", "title": reader.title, "notes": []}
    attributes["box_um"] = reader.values(3, "box size [um]")
    attributes["tissue_points"] = [int(v) for v in reader.values(3, "numbers of tissue points")]
    attributes["outer_bound_um"] = reader.values(1, "outer bound distance")[0]
    attributes["max_segment_length_um"] = reader.values(1, "longest segment")[0]
    attributes["max_segments_per_node"] = int(reader.values(1, "most segments at a node")[0])
    tables = _Tables(reader, attributes["notes"])
    attributes |= {"head": reader.head, "headers": reader.headers}
    attributes |= {"left_out": tables.left_out} if tables.left_out else {}
    after = [" ".join(words) for _, words in reader.lines[reader.next :]]
    attributes |= {"after": after} if after else {}
    graph = tables.graph(attributes)
    if reader.problems:
        raise reader.error()
    return graph.validate()


class _Tables:
    """The three tables of a file."""

    def __init__(self, reader: _Reader, notes: list[str]) -> None:
        self.reader = reader
        self.segments: list[tuple[int, str, int, str, str, float, float, float]] = []
        self.left_out: list[list[Any]] = []
        self.rest: dict[str, list[str]] = {"edge": [], "node": [], "boundary": []}
        self.nodes: dict[str, tuple[int, list[float]]] = {}
        self.boundary: dict[str, tuple[int, int, float, float, float, list[float]]] = {}
        self.dropped: Counter[int] = Counter()
        self.seen: dict[str, int] = {}
        self.used: set[str] = set()
        self.notes = notes
        reader.table("segment", "", 5, self.segment)
        head = f"{reader.head[-1]} {reader.headers[-1]}".lower()
        self.unknown_flow = UNKNOWN_FLOW in head
        reader.table("node", "segment", 4, self.node)
        reader.table("boundary node", "node", 3, self.bound)
        self.unknown_haematocrit = UNKNOWN_HAEMATOCRIT in reader.headers[-1].lower()
        if reader.next < len(reader.lines) and len(_leading(reader.lines[reader.next][1])) >= 3:
            line = reader.lines[reader.next][0]
            reader.add(line, "one boundary node more than its count announces")
        self.relative = "rel" in re.split(r"[^a-z]+", head)
        if self.relative:
            notes.append("the file calls its flows relative; they are read as nl/min")
        for kind, count in sorted(self.dropped.items()):
            notes.append(f"{count} segment(s) of type {kind} left out: only types 4 and 5 carry blood")

    def segment(self, line: int, words: list[str]) -> None:
        """One row of segments: name, type, from, to, diameter, flow, haematocrit."""
        reader, what = self.reader, f"segment {words[0]}"
        kind = _number(words[1])
        if words[0] in self.seen:
            reader.add(line, f"{what}: a segment of this name is already in line {self.seen[words[0]]}")
        self.seen.setdefault(words[0], line)
        if kind is None or not kind.is_integer():
            reader.add(line, f"{what}: type '{words[1]}' is not a whole number")
        elif kind not in FLOWING:
            self.dropped[int(kind)] += 1
            self.left_out.append([len(self.segments), " ".join(words)])
            return
        tail, head = (reader.node(line, word, what) for word in words[2:4])
        diameter = reader.real(line, words[4], f"{what}: diameter")
        if diameter <= 0.0:
            reader.add(line, f"{what}: diameter {diameter:g} um is not positive")
        elif diameter * UM > 2.0 * MOST_RADIUS:
            reader.add(line, f"{what}: diameter {diameter:g} um is wider than any vessel. Is its unit right?")
        if tail and tail == head:
            reader.add(line, f"{what} starts and ends at node {tail}")
        flow = reader.optional(line, words[5:6], f"{what}: flow")
        haematocrit = reader.haematocrit(line, [] if math.isnan(flow) else words[6:7], what)
        self.used.update((tail, head))
        self.rest["edge"].append(_rest(words, 5 + (not math.isnan(flow)) + (not math.isnan(haematocrit))))
        self.segments.append((line, words[0], int(kind or 0), tail, head, diameter, flow, haematocrit))

    def node(self, line: int, words: list[str]) -> None:
        """One row of nodes: name, x, y, z."""
        name = self.reader.node(line, words[0], "node")
        place = [self.reader.real(line, word, f"node {words[0]}: coordinate") for word in words[1:4]]
        if any(abs(axis) * UM > MOST_PLACE for axis in place):
            self.reader.add(line, f"node {words[0]} lies more than {MOST_PLACE:g} m off. Is its unit (um) right?")
        if name in self.nodes:
            self.reader.add(line, f"node {name} is already in line {self.nodes[name][0]}")
        elif name:
            self.rest["node"].append(_rest(words, 4))
        self.nodes[name] = (line, place)

    def bound(self, line: int, words: list[str]) -> None:
        """One row of boundary nodes: node, type, value, haematocrit, pO2, solutes."""
        reader, what = self.reader, f"boundary node {words[0]}"
        name = reader.node(line, words[0], "boundary node")
        kind = reader.real(line, words[1], f"{what}: type")
        if not math.isnan(kind) and kind not in (PRESSURE, FLOW):
            reader.add(line, f"{what}: unknown type {words[1]}. Allowed: 0 (pressure), 2 (flow)")
        value = reader.real(line, words[2], f"{what}: value")
        haematocrit = reader.haematocrit(line, words[3:4], what)
        rest = [] if math.isnan(haematocrit) else _leading(words[4:])
        if not all(map(math.isfinite, rest)):
            reader.add(line, f"{what}: a solute is not a number")
        if name in self.boundary:
            reader.add(line, f"{what} is already in line {self.boundary[name][0]}")
        self.rest["boundary"].append(_rest(words, 3 + (not math.isnan(haematocrit)) + len(rest)))
        if name and name not in self.nodes:
            reader.add(line, f"{what} is not among the nodes")
        elif name and name not in self.used:
            reader.add(line, f"{what}: no segment of type 4 or 5 ends there")
        po2 = rest[0] if rest else math.nan
        self.boundary[name] = (line, int(kind == FLOW) * FLOW, value, haematocrit, po2, rest[1:])

    def graph(self, attributes: dict[str, Any]) -> VesselGraph:
        """The graph; problems of joining the tables are added to the reader's."""
        reader = self.reader
        for line, name, _, *ends, _, _, _ in self.segments:
            missing = [end for end in ends if end and end not in self.nodes]
            for end in missing:
                reader.add(line, f"segment {name}: node {end} is not among the nodes")
            places = [self.nodes[end][1] for end in ends if end in self.nodes]
            if len(places) == 2 and ends[0] != ends[1] and places[0] == places[1]:
                what = f"its nodes {ends[0]} and {ends[1]} lie at the same place"
                reader.add(line, f"segment {name} has no length: {what}")
        if not self.segments:
            reader.add(reader.last, "no segment of type 4 or 5: nothing carries blood")
        if not self.boundary:
            reader.add(reader.last, "no boundary node: no blood can enter")
        if reader.problems:
            raise reader.error()
        number = {name: i for i, name in enumerate(self.nodes)}
        _, names, types, tails, heads, diameters, flows, haematocrits = zip(*self.segments, strict=True)
        lines, kinds, values, bound_h, po2, solutes = zip(*self.boundary.values(), strict=True)
        column = np.array(flows, dtype=np.float64) * NL_MIN
        attributes["edge"] = {
            "segment_type": np.array(types, dtype=np.int64),
            "flow": np.where(column == 0.0, math.nan, column) if self.unknown_flow else column,
        }
        attributes["node"] = {}
        for what in ("edge", "node"):
            if any(self.rest[what]):
                attributes[what]["rest"] = self.rest[what]
        if any(self.rest["boundary"]):
            attributes["boundary_rest"] = self.rest["boundary"]
        attributes["relative_flow"] = self.relative
        attributes["solutes"] = [list(row) for row in solutes]
        kind = np.array(kinds, dtype=np.uint8)
        entering = np.array(bound_h, dtype=np.float64)
        if self.unknown_haematocrit:
            entering[entering == 0.0] = math.nan
        graph = VesselGraph(
            node_pos=np.array([place for _, place in self.nodes.values()]) * UM,
            tail=np.array([number[t] for t in tails]),
            head=np.array([number[h] for h in heads]),
            radius=np.array(diameters) * UM / 2.0,
            kind=np.uint8(Kind.OTHER),  # type: ignore[arg-type]
            node_name=list(self.nodes),
            edge_name=names,
            haematocrit=np.array(haematocrits, dtype=np.float64),
            boundary_node=np.array([number[name] for name in self.boundary]),
            boundary_type=kind,
            boundary_value=np.array(values) * np.where(kind == PRESSURE, MMHG, NL_MIN),
            boundary_haematocrit=np.where(entering == 0.0, math.nan, entering)
            if self.unknown_haematocrit
            else entering,
            boundary_po2=np.array(po2, dtype=np.float64),
            attributes=attributes,
        )
        row = dict(zip(graph.boundary_node.tolist(), lines, strict=True))
        for node, what in boundary_problems(graph):
            reader.add(row[node], f"boundary node {graph.node_name[node]}: {what}")
        for edge, what in [*copies(graph), *pieces_at_rest(graph)]:
            self.notes.append(f"line {self.segments[edge][0]}: segment {graph.edge_name[edge]}: {what}")
        return graph


def _rest(words: Sequence[str], used: int) -> str:
    """What follows the numbers of a row that are used; a star may touch the last of them."""
    star = ["*"] if used <= len(words) and words[used - 1].endswith("*") else []
    return " ".join([*star, *words[used:]])
