"""Reading a YAML file into plain data, with the line of every key and value.

The text is composed into nodes, never constructed: no tag can make an object, and an alias is counted
every time it is used, so a file of a few lines cannot grow into gigabytes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any

from tumorsim.errors import InputError

MAX_BYTES = 1_000_000  # what people write by hand is a page of text
MAX_NODES = 20_000  # values after aliases are written out
MAX_DEPTH = 30

_CORE = "tag:yaml.org,2002:"
_PLAIN = {"str", "timestamp", "value"}  # a date or a lone `=` is text here


Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """Plain data (dict, list, str, int, float, bool, None) and where each value stands.

    Attributes
    ----------
    data : object
        What was written.
    name : str
        What stands for the whole in messages.
    labels : mapping
        Path (tuple of keys and list positions) to ``FILE:12``: the line (from 1) of its key or list item,
        or, for a value given otherwise, how it was given (``--set``).
    problems : tuple of str
        Found while reading, such as a key written twice.
    refused : frozenset
        Paths of values that were refused while reading, and stand as None.
    folder : Path
        Relative file names inside start here.
    """

    data: Any
    name: str
    labels: Mapping[Path, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    refused: frozenset[Path] = frozenset()
    folder: FilePath = FilePath()

    def label(self, path: Path) -> str:
        """``FILE:12`` for a path, or for the nearest thing around it that stands in the file."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.labels:
                return self.labels[path[:end]]
        return self.name


def path_text(path: Path) -> str:
    """``treatments.0.tace`` for ``("treatments", 0, "tace")``."""
    return ".".join(str(part) for part in path)


def read_file(path: FilePath, kind: str = "YAML file", start: str = "") -> Document:
    """Read a YAML file; messages call it a ``kind``, and one about an empty file ends with how to ``start``.

    Raises
    ------
    InputError
        If it is a folder, too large, not UTF-8 text, or not YAML. A key written twice or a tag is kept
        in ``Document.problems`` instead, so that the rest of the file is still checked.
    """
    name = str(path)
    if path.is_dir():
        raise InputError(f"{name}: is a folder, not a {kind}. Name a .yaml file inside it.")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{name}: is {size / 1e6:.1f} MB; a {kind} has at most 1 MB.")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror or error}.") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{name}:{line}: is not UTF-8 text. A {kind} is a YAML text file.") from None
    return replace(read_text(text, name, kind, start), folder=path.resolve().parent)


def read_text(text: str, name: str = "text", kind: str = "YAML file", start: str = "") -> Document:
    """Read YAML text; ``name`` stands for the file in messages. Errors as `read_file`."""
    for number, row in enumerate(text.splitlines(), start=1):
        if any(ord(c) < 32 and c != "\t" for c in row):
            raise InputError(f"{name}:{number}: has control characters. A {kind} is a YAML text file.")
    node = _compose(text, name)
    reader = _Reader(name)
    data = reader.value(node, (), 0) if node is not None else None
    if data is None and not reader.problems:
        raise InputError(" ".join(part for part in (f"{name}: is empty.", start) if part))
    return Document(data, name, reader.labels, tuple(reader.problems), frozenset(reader.refused))


def read_value(text: str) -> Any:
    """One value as it would be read after a colon in a file: ``"3"`` is a number, ``"42 mm"`` text.

    Raises
    ------
    InputError
        If the text is not YAML.
    """
    if text.strip() == "":
        return text
    return read_text(text, "value").data


def _compose(text: str, name: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = "" if mark is None else f":{mark.line + 1}"
        what = " ".join(part for part in (error.context, error.problem) if part)
        hint = " Indent with spaces." if "'\\t'" in what else ""
        raise InputError(f"{name}{line}: is not YAML: {what}.{hint}") from None
    except YAMLError as error:
        raise InputError(f"{name}: is not YAML: {str(error).splitlines()[0]}.") from None
    except RecursionError:
        raise InputError(f"{name}: is nested too deeply (at most {MAX_DEPTH} levels).") from None


class _Reader:
    """Turns nodes into plain data and notes lines and problems on the way."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.labels: dict[Path, str] = {}
        self.problems: list[str] = []
        self.refused: set[Path] = set()
        self.count = 0

    def value(self, node: Any, path: Path, depth: int) -> Any:
        line = node.start_mark.line + 1
        self.labels.setdefault(path, f"{self.name}:{line}")
        self.count += 1
        if self.count > MAX_NODES:
            raise InputError(
                f"{self.name}:{line}: aliases (*name) make this file more than {MAX_NODES} values long. "
                "Write the values out."
            )
        if depth > MAX_DEPTH:
            raise InputError(f"{self.name}:{line}: is nested too deeply (at most {MAX_DEPTH} levels).")
        tag = str(node.tag)
        kind = tag.removeprefix(_CORE) if tag.startswith(_CORE) else ""
        if kind == "map" and isinstance(node.value, list):
            return self.mapping(node, path, depth)
        if kind == "seq" and isinstance(node.value, list):
            return [self.value(item, (*path, i), depth + 1) for i, item in enumerate(node.value)]
        if isinstance(node.value, str) and kind in (*_PLAIN, "int", "float", "bool", "null"):
            return self.scalar(kind, node.value, line)
        shown = f"!!{kind}" if kind else tag
        self.refused.add(path)
        self.problems.append(f"{self.name}:{line}: {path_text(path) or 'file'}: tags ({shown}) are not allowed.")
        return None

    def mapping(self, node: Any, path: Path, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            tag = str(key_node.tag).removeprefix(_CORE)
            if tag == "merge":
                self.problems.append(f"{self.name}:{line}: merge keys (<<) are not allowed. Write the keys out.")
                continue
            if not isinstance(key_node.value, str):
                self.problems.append(f"{self.name}:{line}: {path_text(path) or 'file'}: a key must be text.")
                continue
            key = key_node.value
            if key in result:
                self.problems.append(
                    f"{self.name}:{line}: {path_text((*path, key))}: is written twice, "
                    f"first on line {first[key]}. Keep one."
                )
                continue
            first[key] = line
            self.labels[(*path, key)] = f"{self.name}:{line}"
            result[key] = self.value(value_node, (*path, key), depth + 1)
        return result

    def scalar(self, kind: str, text: str, line: int) -> Any:
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() in ("true", "yes", "on")
        if kind == "int":
            return self.whole(text, line)
        if kind == "float":
            bare = text.replace("_", "").lower()
            if bare.endswith(".nan"):
                return math.nan
            if bare.endswith(".inf"):
                return -math.inf if bare.startswith("-") else math.inf
            return float(bare)
        return text

    def whole(self, text: str, line: int) -> Any:
        bare = text.replace("_", "").lower()
        try:
            if bare.lstrip("+-").startswith(("0x", "0o", "0b")):
                return int(bare, 0)
            return int(bare)
        except ValueError:  # more digits than Python reads, or 1:30 of old YAML
            if ":" in text:
                return text
            raise InputError(f"{self.name}:{line}: {text[:20]}... is not a usable number.") from None
