"""Scenarios from files, shipped names, dicts and arguments; all go the same way and are checked alike."""

from __future__ import annotations

import copy
import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tumorsim.errors import InputError, nearest
from tumorsim.scenario import packaged
from tumorsim.scenario.document import Document, path_text, read_file, read_value
from tumorsim.scenario.document import Path as Keys
from tumorsim.scenario.resolved import Scenario, resolve
from tumorsim.scenario.schema import SCHEMA_FILE, SCHEMA_VERSION
from tumorsim.scenario.validate import validate


def find(path_or_name: str | Path) -> Path:
    """The file meant: one that is there, or a shipped scenario of that name.

    Raises
    ------
    InputError
        If it is neither; the message names the nearest of both.
    """
    path = Path(path_or_name)
    if path.is_file():
        return path
    shipped = packaged.path_of(str(path_or_name))
    if shipped is not None:  # also where a folder of that name lies about
        return shipped
    if path.exists():
        return path  # a folder: reading it says so
    near = nearest(path.name, _names_beside(path)) or nearest(path.stem, packaged.names())
    raise InputError(f"{path_or_name}: there is no such file.{near} Shipped scenarios: {', '.join(packaged.names())}.")


def _names_beside(path: Path) -> list[str]:
    try:
        return [p.name for p in path.parent.iterdir() if p.suffix in (".yaml", ".yml")]
    except OSError:
        return []


def load(path_or_name: str | Path, overrides: Mapping[str, Any] | None = None, how: str = "") -> Scenario:
    """See `Scenario.load`; ``how`` names where the overrides come from in messages (``--set``)."""
    path = find(path_or_name)
    document = read_file(path)
    return _made(with_values(document, overrides or {}, how), path)


def from_dict(data: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> Scenario:
    """See `Scenario.from_dict`."""
    document = Document(plain(data), "scenario", {(): "scenario"}, folder=Path.cwd())
    return _made(with_values(document, overrides or {}), None)


def replaced(scenario: Scenario, values: Mapping[str, Any]) -> Scenario:
    """See `Scenario.replace`."""
    if scenario.document is None:
        raise InputError("scenario: was not made from a file or a dict and cannot be changed.")
    return _made(with_values(scenario.document, values), scenario.source)


def _made(document: Document, source: Path | None) -> Scenario:
    return resolve(validate(document), document, source)


def plain(value: Any) -> Any:
    """Plain Python data from what a caller gives: NumPy scalars, tuples, mappings, paths."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item") and hasattr(value, "dtype") and getattr(value, "ndim", 1) == 0:
        return value.item()
    return value


def with_values(document: Document, values: Mapping[str, Any], how: str = "") -> Document:
    """A copy of a document with values put at paths (``tissue.tumour.diameter`` or with ``__``).

    Raises
    ------
    InputError
        Where a path leads through something that has no keys, or past the end of a list.
    """
    if not values:
        return document
    data, labels = copy.deepcopy(document.data), dict(document.labels)
    problems = []
    for name, value in values.items():
        keys = path_keys(name)
        label = how or f"argument {name}"
        try:
            _put(data, keys, plain(value))
        except LookupError as error:
            problems.append(f"{label}: {path_text(keys)}: {error.args[0]}")
            continue
        for path in [path for path in labels if path[: len(keys)] == keys]:
            del labels[path]
        labels[keys] = label
    if problems:
        raise InputError([*document.problems, *problems])
    return replace(document, data=data, labels=labels)


def values_from_texts(texts: list[str]) -> tuple[dict[str, Any], list[str]]:
    """``path=value`` texts as path to value (read as in a file), and what is wrong with them."""
    values: dict[str, Any] = {}
    problems: list[str] = []
    for text in texts:
        path, equals, value = text.partition("=")
        path = path.strip()
        if not equals or not path:
            problems.append(f"--set {text}: needs PATH=VALUE, for example --set tissue.tumour.diameter='30 mm'")
        elif path in values:
            problems.append(f"--set {path}: is given twice.")
        else:
            try:
                values[path] = read_value(value.strip())
            except InputError as error:
                problems += [f"--set {path}: {line}" for line in error.problems]
    return values, problems


def path_keys(name: str) -> Keys:
    """``tissue__tumour__axes`` and ``tissue.tumour.axes`` as keys; digits are places in a list.

    A parameter's own name has a point in it: ``parameters.cells.cycle_time`` is two keys.
    """
    parts = name.replace("__", ".").split(".")
    if parts[0] == "parameters" and len(parts) > 2:
        parts = ["parameters", ".".join(parts[1:])]
    return tuple(int(part) if part.isdigit() else part for part in parts)


def _put(data: Any, keys: Keys, value: Any) -> None:
    if not all(part != "" for part in keys):
        raise LookupError("is not a path. Write keys joined by points, such as tissue.tumour.diameter.")
    target = data
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if isinstance(target, list):
            if not isinstance(key, int) or key >= len(target):
                raise LookupError(f"there is no item {key}; the list has {len(target)} (from 0).")
            if last:
                target[key] = value
            else:
                target = target[key]
        elif isinstance(target, dict):
            name = str(key)
            if last:
                target[name] = value
            else:
                if target.get(name) is None:
                    target[name] = {}
                target = target[name]
        else:
            raise LookupError(f"{path_text(keys[:depth]) or 'the file'} has no keys of its own.")


def to_yaml(scenario: Scenario) -> str:
    """See `Scenario.to_yaml`."""
    from ruamel.yaml import YAML

    data = {"schema_version": SCHEMA_VERSION, **scenario.settled}
    text = io.StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.allow_unicode = True
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.dump(data, text)
    return f"# yaml-language-server: $schema={SCHEMA_FILE}\n{text.getvalue()}"
